// SPDX-License-Identifier: BSD-3-Clause
/* Memory from several nodes: who has a choice gives way to who has none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "plan_memory.h"

/* The first may take both nodes, and finds the lower one first; the second may take only that. */
static void gives_way(void **state)
{
	uint64_t asked[] = { 6, 8 }, left[] = { 10, 6 }, given[4] = { 0 };
	bool from[] = { true, true, true, false };
	struct memory_deal deal = { 2, 2, asked, from, left, given };

	assert_true(memory_deal(&deal));
	assert_int_equal(given[0] + given[1], 6);
	assert_int_equal(given[2], 8);
	assert_int_equal(given[3], 0);
	assert_int_equal(left[0] + left[1], 2);
	assert_int_equal(given[0] + given[2] + left[0], 10);
}

/* Through a third one: a, then b, then c, each has to move on. */
static void gives_way_in_a_row(void **state)
{
	uint64_t asked[] = { 4, 4, 4 }, left[] = { 4, 4, 4 }, given[9] = { 0 };
	bool from[] = { true, true, false, false, true, true, true, false, false };
	struct memory_deal deal = { 3, 3, asked, from, left, given };

	assert_true(memory_deal(&deal));
	assert_int_equal(given[1], 4);
	assert_int_equal(given[5], 4);
	assert_int_equal(given[6], 4);
}

static void there_is_too_little(void **state)
{
	uint64_t asked[] = { 6, 5 }, left[] = { 10, 100 }, given[4] = { 0 };
	bool from[] = { true, false, true, false };
	struct memory_deal deal = { 2, 2, asked, from, left, given };

	assert_false(memory_deal(&deal));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gives_way),
		cmocka_unit_test(gives_way_in_a_row),
		cmocka_unit_test(there_is_too_little),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
