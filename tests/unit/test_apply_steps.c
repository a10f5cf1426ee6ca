// SPDX-License-Identifier: BSD-3-Clause
/* What apply looks at before it writes anything, on an engine in memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "apply_steps.h"
#include "fake_engine.h"
#include "step_rdt.h"

static struct fake_engine *fake;
static struct step_host host;
static struct isolat_error err;

static int make_host(void **state)
{
	fake = fake_engine_new("L3:0=fff;1=fff\n", 16);
	host = (struct step_host){ .engine = &fake->engine };
	return 0;
}

static int drop_host(void **state)
{
	rdt_engine_close(&fake->engine);
	return 0;
}

static void give_cpus(const char *group, unsigned int first, unsigned int last)
{
	unsigned int g = 0;

	while (strcmp(fake->group[g].name, group) != 0)
		g++;
	for (unsigned int cpu = first; cpu <= last; cpu++)
		fake->cpu_group[cpu] = (unsigned char)g;
}

static int see_cpus(const char *to)
{
	struct apply_steps steps = { 0 };
	int rc;

	assert_int_equal(apply_steps_add(&steps, &step_group, "isolat-timer-agent", STEP_PRESENT, &err), 0);
	assert_int_equal(apply_steps_add(&steps, &step_cpus, "isolat-timer-agent", to, &err), 0);
	rc = apply_steps_see_foreign_cpus(&steps, &host, &err);
	apply_steps_free(&steps);
	return rc;
}

static void test_foreign_cpus(void **state)
{
	fake_engine_make(fake, "isolat-db");
	fake_engine_make(fake, "machine-rt");
	give_cpus("isolat-db", 0, 1);
	give_cpus("machine-rt", 3, 6);
	assert_int_equal(see_cpus("0-2,7"), 0); /* isolat's own, and the default group's */
	assert_int_equal(see_cpus(""), 0);
	assert_int_equal(see_cpus("2,6-7"), -1);
	assert_int_equal(err.code, ISOLAT_FAILED);
	assert_string_equal(err.object, "isolat-timer-agent");
	assert_non_null(strstr(err.reason, "CPU 6, which it is to have, is in the RDT group machine-rt"));
	assert_non_null(strstr(err.hint, "timer_agent.cpus"));
	assert_int_equal(see_cpus("0-5"), -1);
	assert_non_null(strstr(err.reason, "CPUs 3-5, which it is to have, are in"));
	assert_string_equal(fake->log, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_foreign_cpus, make_host, drop_host),
	};

	return cmocka_run_group_tests_name("apply_steps", tests, NULL, NULL);
}
