// SPDX-License-Identifier: BSD-3-Clause
/* A benchmark's agent and guest get CPUs of those that the caller left it, and no others. */
#include <sched.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <setjmp.h>

#include <cmocka.h>

#include "bench_cpus.h"

static cpu_set_t all;

/* The CPU number @n of those that this process was given, or -1. */
static int nth_cpu(int n)
{
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &all) && !n--)
			return cpu;
	return -1;
}

static void use(int a, int b)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(a, &set);
	CPU_SET(b, &set);
	assert_int_equal(sched_setaffinity(0, sizeof(set), &set), 0);
}

static int look(void **state)
{
	assert_int_equal(sched_getaffinity(0, sizeof(all), &all), 0);
	return 0;
}

static int restore(void **state)
{
	return sched_setaffinity(0, sizeof(all), &all);
}

static void test_last_is_the_agents(void **state)
{
	int low = nth_cpu(0), high = nth_cpu(1), agent = -1;
	struct isolat_error err;
	cpu_set_t left;

	if (high < 0)
		skip();
	use(low, high);
	assert_int_equal(bench_cpus_for_agent(&agent, &err), 0);
	assert_int_equal(agent, high);
	assert_int_equal(bench_cpus_keep_off(gettid(), agent, &err), 0);
	assert_int_equal(sched_getaffinity(0, sizeof(left), &left), 0);
	assert_int_equal(CPU_COUNT(&left), 1);
	assert_true(CPU_ISSET(low, &left));
}

static void test_named(void **state)
{
	int low = nth_cpu(0), high = nth_cpu(1), agent = low;
	struct isolat_error err;

	if (high < 0)
		skip();
	use(low, high);
	assert_int_equal(bench_cpus_for_agent(&agent, &err), 0);
	assert_int_equal(agent, low);
}

/* Also where it is there, but was kept away from this process. */
static void test_not_allowed(void **state)
{
	int agent = nth_cpu(1);
	struct isolat_error err;

	if (agent < 0)
		skip();
	use(nth_cpu(0), nth_cpu(0));
	assert_int_equal(bench_cpus_for_agent(&agent, &err), -1);
	assert_int_equal(err.code, ISOLAT_USAGE);
}

static void test_but_one(void **state)
{
	struct isolat_error err;
	int agent = -1;

	use(nth_cpu(0), nth_cpu(0));
	assert_int_equal(bench_cpus_for_agent(&agent, &err), -1);
	assert_int_equal(err.code, ISOLAT_USAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_last_is_the_agents, restore),
		cmocka_unit_test_teardown(test_named, restore),
		cmocka_unit_test_teardown(test_not_allowed, restore),
		cmocka_unit_test_teardown(test_but_one, restore),
	};

	return cmocka_run_group_tests_name("bench_cpus", tests, look, NULL);
}
