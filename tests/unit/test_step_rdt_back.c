// SPDX-License-Identifier: BSD-3-Clause
/* How RDT's values come back that others have changed, or taken away: schemata by domain, threads without their group.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "fake_engine.h"
#include "fake_tree.h"
#include "step_rdt.h"

#define BEFORE "L3:0=fff;1=fff\nMB:0=100;1=100\n"
#define SET    "L3:0=ff0;1=fff\nMB:0=50;1=100\n"

static struct fake_engine *fake;
static struct vm_roots roots;
static struct step_host host;
static char proc[300];

static int make_host(void **state)
{
	if (tree_make(state))
		return -1;
	snprintf(proc, sizeof(proc), "%s/proc", tree_root);
	tree_put_stat("proc/12", &(struct tree_task){ .tid = 12, .parent = 1, .name = "CPU 0/KVM", .start = 500 });
	roots = (struct vm_roots){ .proc = proc };
	fake = fake_engine_new(BEFORE, 16);
	fake_engine_make(fake, "isolat-db");
	fake_engine_make(fake, "libvirt");
	host = (struct step_host){ .engine = &fake->engine, .roots = &roots };
	return 0;
}

static int drop_host(void **state)
{
	step_host_forget(&host);
	rdt_engine_close(&fake->engine);
	return tree_remove(state);
}

/* ---- schemata ---- */

static void test_part(void **state)
{
	static const struct {
		const char *before, *set, *now, *to, *theirs;
	} cases[] = {
		/* Another resource's, and another domain's. */
		{ BEFORE, SET, "L3:0=ff0;1=fff\nMB:0=70;1=100\n", "L3:0=fff;1=fff\nMB:0=70;1=100\n", "MB:0=70\n" },
		{ BEFORE, SET, "L3:0=ff0;1=1\nMB:0=50;1=100\n", "L3:0=fff;1=1\nMB:0=100;1=100\n", "L3:1=1\n" },
		{ BEFORE, SET, "L3:0=1;1=1\nMB:0=70;1=10\n", NULL, "L3:0=1;1=1\nMB:0=70;1=10\n" },
		/* What somebody has brought back himself is as it was. */
		{ BEFORE, SET, "L3:0=fff;1=fff\nMB:0=50;1=100\n", BEFORE, NULL },
		/* CPUs that went offline have taken a domain, and one has come. */
		{ BEFORE, SET, "L3:0=ff0\nMB:0=50\n", "L3:0=fff\nMB:0=100\n", NULL },
		{ BEFORE, SET, "L3:0=ff0;1=fff;2=fff\nMB:0=50;1=100\n", "L3:0=fff;1=fff;2=fff\nMB:0=100;1=100\n",
		  "L3:2=fff\n" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *to, *theirs;

		assert_true(step_schemata.part(cases[i].before, cases[i].set, cases[i].now, &to, &theirs));
		if (cases[i].to)
			assert_string_equal(to, cases[i].to);
		else
			assert_null(to);
		if (cases[i].theirs)
			assert_string_equal(theirs, cases[i].theirs);
		else
			assert_null(theirs);
		free(to);
		free(theirs);
	}
}

static void test_part_of_nonsense(void **state)
{
	char *to, *theirs;

	assert_false(step_schemata.part("?", SET, SET, &to, &theirs));
	assert_false(step_schemata.part(BEFORE, "?", SET, &to, &theirs));
	assert_false(step_schemata.part(BEFORE, SET, "?", &to, &theirs));
}

/* ---- task ---- */

static int move(const char *from, const char *to, struct isolat_error *err)
{
	return step_task.write(&host, "12@500", from, to, err);
}

static void expect(const char *group)
{
	struct isolat_error err;
	char *now;

	assert_int_equal(step_task.read(&host, "12@500", &now, &err), 0);
	assert_string_equal(now, group);
	free(now);
}

/* Its own has been removed, or is somebody else's: it comes back to the default group, as the kernel would do it. */
static void test_home_is_gone(void **state)
{
	static const char *const homes[] = { "mon_groups/watch", "rt", "rt/mon_groups/x", "libvirt",
					     "libvirt/mon_groups/x" };
	struct isolat_error err;

	for (size_t i = 0; i < sizeof(homes) / sizeof(homes[0]); i++) {
		fake_engine_put_task(fake, 12, "isolat-db");
		step_host_forget(&host);
		expect("isolat-db");
		assert_int_equal(move("isolat-db", homes[i], &err), 0);
		expect("");
	}
}

/* On the way there nothing stands in for a group. */
static void test_group_is_gone(void **state)
{
	struct isolat_error err;

	fake_engine_put_task(fake, 12, "");
	expect("");
	assert_int_equal(move("", "isolat-none", &err), -1);
	assert_int_equal(move("", "libvirt", &err), -1);
	assert_int_equal(err.code, ISOLAT_USAGE);
	assert_int_equal(move("isolat-db", "isolat-none", &err), -1);
	expect("");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, make_host, drop_host)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_part),
		TEST(test_part_of_nonsense),
		TEST(test_home_is_gone),
		TEST(test_group_is_gone),
	};

	return cmocka_run_group_tests_name("step_rdt back", tests, NULL, NULL);
}
