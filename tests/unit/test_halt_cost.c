// SPDX-License-Identifier: BSD-3-Clause
/* What smart_idle_poll estimates beside the predictor: the cost of a halt, and the steal guard. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "halt_cost.h"
#include "steal_guard.h"

#define US 1000ULL
#define MS 1000000ULL

/* --- the cost of a halt --- */

static void halt_cost_starts_at_its_default(void **state)
{
	struct halt_cost c;

	halt_cost_init(&c);
	assert_int_equal(halt_cost_ns(&c), HALT_COST_DEFAULT_NS);
}

static void halt_cost_finds_the_difference(void **state)
{
	struct halt_cost c;
	int i;

	halt_cost_init(&c);
	for (i = 0; i < 500; i++) {
		halt_cost_after_halt(&c, 52000);
		halt_cost_after_poll(&c, 3000);
	}
	assert_in_range(halt_cost_ns(&c), 48900, 49100);
	assert_int_equal(c.halted_samples, 500);
	assert_int_equal(c.polled_samples, 500);
}

/* Two samples in five are wild; a mean would be at 400 us. */
static void halt_cost_bears_outliers(void **state)
{
	struct halt_cost c;
	int i;

	halt_cost_init(&c);
	for (i = 0; i < 1000; i++)
		halt_cost_after_halt(&c, i % 5 < 2 ? 1 * MS : 30000);
	assert_in_range(halt_cost_ns(&c), 25000, 37000);
}

static void one_sample_moves_it_little(void **state)
{
	struct halt_cost c;

	halt_cost_init(&c);
	halt_cost_after_halt(&c, UINT64_MAX);
	assert_in_range(halt_cost_ns(&c), HALT_COST_DEFAULT_NS + 1, HALT_COST_DEFAULT_NS * 11 / 10);
	halt_cost_init(&c);
	halt_cost_after_halt(&c, 0);
	assert_in_range(halt_cost_ns(&c), HALT_COST_DEFAULT_NS * 9 / 10, HALT_COST_DEFAULT_NS - 1);
}

static void halt_cost_stays_in_its_bounds(void **state)
{
	struct halt_cost c;
	int i;

	halt_cost_init(&c);
	for (i = 0; i < 10000; i++)
		halt_cost_after_halt(&c, UINT64_MAX);
	assert_int_equal(halt_cost_ns(&c), HALT_COST_MAX_NS);
	for (i = 0; i < 10000; i++)
		halt_cost_after_halt(&c, 0);
	assert_int_equal(halt_cost_ns(&c), HALT_COST_MIN_NS);
}

/* However late timers are while polling, halting is never thought to cost nothing. */
static void polls_explain_at_most_half(void **state)
{
	struct halt_cost c;
	int i;

	halt_cost_init(&c);
	for (i = 0; i < 1000; i++) {
		halt_cost_after_halt(&c, 40000);
		halt_cost_after_poll(&c, 500000);
	}
	assert_in_range(halt_cost_ns(&c), 19900, 20100);
}

/* --- the steal guard --- */

struct steal_run {
	struct steal_guard guard;
	u64 now_ns, stolen_ns;
};

/* Time goes on with this share stolen, in steps of 10 ms. */
static bool steal_for(struct steal_run *run, unsigned int ms, unsigned int share_pct, u32 steal_pct)
{
	bool on = run->guard.on;
	unsigned int i;

	for (i = 0; i < ms; i += 10) {
		run->now_ns += 10 * MS;
		run->stolen_ns += 10 * MS * share_pct / 100;
		on = steal_guard_update(&run->guard, run->now_ns, run->stolen_ns, steal_pct);
	}
	return on;
}

static void guard_ignores_steal_from_before_it_looked(void **state)
{
	struct steal_run run = { .now_ns = 5000 * MS, .stolen_ns = 4000 * MS };

	assert_false(steal_for(&run, 1000, 0, 5));
}

static void guard_goes_on_at_the_threshold(void **state)
{
	struct steal_run run = { .now_ns = 5000 * MS };

	assert_false(steal_for(&run, 1000, 4, 5));
	assert_true(steal_for(&run, 210, 5, 5));
}

static void guard_stays_on_between_half_and_whole(void **state)
{
	struct steal_run run = { .now_ns = 5000 * MS };

	assert_true(steal_for(&run, 1000, 20, 10));
	assert_true(steal_for(&run, 60000, 6, 10));
	assert_false(steal_for(&run, 2000, 4, 10));
	assert_false(steal_for(&run, 60000, 6, 10));
}

static void guard_holds_for_a_second(void **state)
{
	struct steal_run run = { .now_ns = 5000 * MS };

	assert_true(steal_for(&run, 1000, 20, 10));
	assert_true(steal_for(&run, 900, 0, 10));
	assert_false(steal_for(&run, 400, 0, 10));
}

static void guard_can_be_switched_off(void **state)
{
	struct steal_run run = { .now_ns = 5000 * MS };

	assert_true(steal_for(&run, 1000, 50, 10));
	assert_false(steal_for(&run, 10, 50, 0));
	assert_false(steal_for(&run, 5000, 50, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(halt_cost_starts_at_its_default),
		cmocka_unit_test(halt_cost_finds_the_difference),
		cmocka_unit_test(halt_cost_bears_outliers),
		cmocka_unit_test(one_sample_moves_it_little),
		cmocka_unit_test(halt_cost_stays_in_its_bounds),
		cmocka_unit_test(polls_explain_at_most_half),
		cmocka_unit_test(guard_ignores_steal_from_before_it_looked),
		cmocka_unit_test(guard_goes_on_at_the_threshold),
		cmocka_unit_test(guard_stays_on_between_half_and_whole),
		cmocka_unit_test(guard_holds_for_a_second),
		cmocka_unit_test(guard_can_be_switched_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
