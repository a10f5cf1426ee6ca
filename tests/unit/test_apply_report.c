// SPDX-License-Identifier: BSD-3-Clause
/* What apply says of hardware that rounds: on an engine in memory, whose bandwidth goes by 10 %. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "apply_report.h"
#include "fake_engine.h"
#include "fake_tree.h"
#include "step_rdt.h"

static const struct step_kind *const kinds[] = { &step_group, &step_schemata, NULL };
static struct fake_engine *fake;
static struct step_host host;
static struct transaction *t;
static struct isolat_error err;

static int make_host(void **state)
{
	struct transaction_config config = { .folder = tree_root, .name = "apply", .kinds = kinds, .host = &host };

	if (tree_make(state))
		return -1;
	fake = fake_engine_new("L3:0=fff;1=fff\nMB:0=100;1=100\n", 4);
	host = (struct step_host){ .engine = &fake->engine };
	return transaction_open(&config, false, &t, NULL, &err);
}

static int drop_host(void **state)
{
	transaction_close(t);
	rdt_engine_close(&fake->engine);
	return tree_remove(state);
}

static void apply(const char *schemata)
{
	const struct step steps[] = { { &step_group, "isolat-db", STEP_PRESENT },
				      { &step_schemata, "isolat-db", schemata },
				      { &step_schemata, "", "L3:0=ff0;1=fff\nMB:0=100;1=100\n" } };
	json_t *about = json_object();

	assert_int_equal(transaction_run(t, steps, 3, NULL, &err), 0);
	assert_int_equal(transaction_commit(t, about, &err), 0);
	json_decref(about);
}

/* What apply_report() prints; borrowed until the next. */
static const char *reported(bool json)
{
	static char text[4096];
	struct profile profile = { .file = (char *)"profile.yaml" };
	struct plan plan = { .profile = &profile };
	struct applied applied = { .engine = &fake->engine, .t = t, .left = json_array() };
	struct apply_result result = { .applied = &applied, .plan = &plan, .written = 3 };
	json_t *about = json_pack("{s:s, s:[]}", "engine", "fake", "vms");
	FILE *out = tmpfile();
	int was = dup(STDOUT_FILENO);
	size_t n;

	result.about = about;
	fflush(stdout);
	dup2(fileno(out), STDOUT_FILENO);
	assert_int_equal(apply_report(&result, json), 0);
	fflush(stdout);
	dup2(was, STDOUT_FILENO);
	close(was);
	rewind(out);
	n = fread(text, 1, sizeof(text) - 1, out);
	text[n] = '\0';
	fclose(out);
	json_decref(about);
	json_decref(applied.left);
	return text;
}

static void test_rounded(void **state)
{
	const char *text;
	json_t *report, *group;

	apply("L3:0=f;1=f\nMB:0=45;1=100\n");
	text = reported(false);
	assert_non_null(strstr(text, "\nnote: isolat-db: asked MB:0=45;1=100, the hardware made it MB:0=50;1=100\n"));
	assert_null(strstr(text, "asked L3"));
	assert_null(strstr(text, "default group"));
	report = json_loads(reported(true), 0, NULL);
	group = json_array_get(json_object_get(report, "groups"), 0);
	assert_string_equal(json_string_value(json_object_get(group, "name")), "isolat-db");
	assert_string_equal(json_string_value(json_object_get(group, "requested")), "L3:0=f;1=f\nMB:0=45;1=100\n");
	assert_string_equal(json_string_value(json_object_get(group, "programmed")), "L3:0=f;1=f\nMB:0=50;1=100\n");
	json_decref(report);
}

static void test_as_asked(void **state)
{
	apply("L3:0=f;1=f\nMB:0=50;1=100\n");
	assert_null(strstr(reported(false), "the hardware made it"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_rounded, make_host, drop_host),
		cmocka_unit_test_setup_teardown(test_as_asked, make_host, drop_host),
	};

	return cmocka_run_group_tests_name("apply_report", tests, NULL, NULL);
}
