// SPDX-License-Identifier: BSD-3-Clause
/* The parts of smart_idle_poll that decide and estimate: the predictor, the cost of a halt, the steal guard. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "halt_cost.h"
#include "idle_predictor.h"
#include "steal_guard.h"

#define US 1000ULL
#define MS 1000000ULL

static const struct idle_question usual = { .limit_ns = 200000, .halt_cost_ns = 20000, .poll_price_pct = 30 };

static void observe(struct idle_predictor *p, u64 length_ns, int times)
{
	while (times-- > 0)
		idle_predictor_observe(p, length_ns);
}

static u32 choose(const struct idle_predictor *p, u32 limit_ns, u32 halt_cost_ns, u32 poll_price_pct)
{
	struct idle_question q = {
		.limit_ns = limit_ns,
		.halt_cost_ns = halt_cost_ns,
		.poll_price_pct = poll_price_pct,
	};

	return idle_predictor_choose(p, &q);
}

/* What the cost model itself says, in units of ns * percent. */
static u64 cost(u64 length_ns, u64 window_ns, const struct idle_question *q)
{
	if (length_ns <= window_ns)
		return length_ns * q->poll_price_pct;
	return window_ns * q->poll_price_pct + 100ULL * q->halt_cost_ns;
}

/* --- the predictor: by hand --- */

static void knows_nothing_and_halts(void **state)
{
	struct idle_predictor p;

	idle_predictor_init(&p);
	assert_int_equal(idle_predictor_choose(&p, &usual), 0);
}

/*
 * 5 us: windows from 5657 ns on cost 30 % of 5 us, all less than a halt; the shortest of these equals, and a
 * step of slack, is due.
 */
static void one_short_idle_starts_polling(void **state)
{
	struct idle_predictor p;

	idle_predictor_init(&p);
	observe(&p, 5 * US, 1);
	assert_int_equal(idle_predictor_choose(&p, &usual), 8000);
}

static void window_holds_an_idle_of_its_own_length(void **state)
{
	struct idle_predictor p;

	idle_predictor_init(&p);
	observe(&p, 16000, 1);
	assert_int_equal(idle_predictor_choose(&p, &usual), 22627);
	idle_predictor_init(&p);
	observe(&p, 16001, 1);
	assert_int_equal(idle_predictor_choose(&p, &usual), 32000);
}

/*
 * 30 us then 1 us, W = 20 us, w = 30 %.  The first counts 31/32 by then.
 * Window 0: 31/32 * 20 + 20 = 39.4.  1 us: 31/32 * 20.3 + 0.3 = 20.0.  32 us: 31/32 * 9 + 0.3 = 9.0.
 * With w = 70 %: 1 us: 31/32 * 20.7 + 0.7 = 20.8; 32 us: 31/32 * 21 + 0.7 = 21.04.
 * And a step of slack in each case.
 */
static void two_idles_by_hand(void **state)
{
	struct idle_predictor p;

	idle_predictor_init(&p);
	observe(&p, 30 * US, 1);
	observe(&p, 1 * US, 1);
	assert_int_equal(choose(&p, 200000, 20000, 30), 45255);
	assert_int_equal(choose(&p, 200000, 20000, 70), 1414);
}

/* W / w = 66.7 us is where polling through an idle costs what a halt costs. */
static void break_even(void **state)
{
	struct idle_predictor p;

	idle_predictor_init(&p);
	observe(&p, 66 * US, 100);
	assert_int_equal(idle_predictor_choose(&p, &usual), 128000);
	idle_predictor_init(&p);
	observe(&p, 67 * US, 100);
	assert_int_equal(idle_predictor_choose(&p, &usual), 0);
}

/* --- the predictor: streams --- */

static void all_short(void **state)
{
	struct idle_predictor p;

	idle_predictor_init(&p);
	observe(&p, 20 * US, 1000);
	assert_int_equal(idle_predictor_choose(&p, &usual), 32000);
}

static void all_long(void **state)
{
	struct idle_predictor p;

	idle_predictor_init(&p);
	observe(&p, 4 * MS, 1000);
	assert_int_equal(idle_predictor_choose(&p, &usual), 0);
}

/* 20 us and 1 ms in turn: 22.6 us costs (6 + 26.8) / 2 = 16.4, halting at once 20, polling on more. A step of slack. */
static void bimodal_polls_through_the_first_hump_only(void **state)
{
	struct idle_predictor p;
	int i;

	idle_predictor_init(&p);
	for (i = 0; i < 500; i++) {
		observe(&p, 20 * US, 1);
		observe(&p, 1 * MS, 1);
	}
	assert_int_equal(idle_predictor_choose(&p, &usual), 32000);
}

static void follows_a_change_of_load(void **state)
{
	struct idle_predictor p;

	idle_predictor_init(&p);
	observe(&p, 10 * US, 1000);
	observe(&p, 4 * MS, 64);
	assert_int_equal(idle_predictor_choose(&p, &usual), 0);
	observe(&p, 10 * US, 64);
	assert_int_equal(idle_predictor_choose(&p, &usual), 16000);
}

static void one_stray_idle_changes_nothing(void **state)
{
	struct idle_predictor p;

	idle_predictor_init(&p);
	observe(&p, 10 * US, 1000);
	observe(&p, 1000 * MS, 1);
	assert_int_equal(idle_predictor_choose(&p, &usual), 16000);
	idle_predictor_init(&p);
	observe(&p, 4 * MS, 1000);
	observe(&p, 190 * US, 1);
	assert_int_equal(idle_predictor_choose(&p, &usual), 0);
}

/* Exponential lengths, mean 60 us: what it pays stays close to the best fixed window in hindsight. */
static void close_to_the_best_fixed_window(void **state)
{
	static const u64 windows[] = { 0, 2000, 4000, 8000, 16000, 32000, 64000, 128000, 181019 };
	u64 fixed[sizeof(windows) / sizeof(windows[0])] = { 0 }, paid = 0, best = UINT64_MAX, seed = 1;
	struct idle_predictor p;
	size_t w;
	int i;

	idle_predictor_init(&p);
	for (i = 0; i < 6000; i++) {
		u64 length = 1;

		/* geometric in steps of 1 us: as good as exponential */
		do {
			seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
			length += US;
		} while ((seed >> 33) % 60);

		paid += cost(length, idle_predictor_choose(&p, &usual), &usual);
		for (w = 0; w < sizeof(windows) / sizeof(windows[0]); w++)
			fixed[w] += cost(length, windows[w], &usual);
		idle_predictor_observe(&p, length);
	}
	for (w = 0; w < sizeof(windows) / sizeof(windows[0]); w++)
		best = fixed[w] < best ? fixed[w] : best;
	assert_true(paid < best + best / 10);
}

/* --- the predictor: limits and extremes --- */

static void limit_is_kept(void **state)
{
	struct idle_predictor p;
	u32 limit;

	idle_predictor_init(&p);
	observe(&p, 20 * US, 100);
	for (limit = 0; limit < 300000; limit += 37)
		assert_true(choose(&p, limit, 20000, 30) <= limit);
	assert_int_equal(choose(&p, 0, 20000, 30), 0);
	assert_int_equal(choose(&p, 999, 20000, 30), 0);
	assert_int_equal(choose(&p, 22626, 20000, 30), 0);
	assert_int_equal(choose(&p, 22627, 20000, 30), 22627);
}

static void slack_stays_below_the_limit(void **state)
{
	struct idle_predictor p;

	idle_predictor_init(&p);
	observe(&p, 20 * US, 100);
	assert_int_equal(choose(&p, 31999, 20000, 30), 22627);
	assert_int_equal(choose(&p, 32000, 20000, 30), 32000);
	assert_int_equal(choose(&p, 45255, 20000, 30), 32000);
}

static void no_window_above_the_largest(void **state)
{
	struct idle_predictor p;

	idle_predictor_init(&p);
	observe(&p, 8 * MS, 100);
	assert_int_equal(choose(&p, UINT32_MAX, 100000000, 30), IDLE_PREDICTOR_MAX_NS);
}

static void free_polling_covers_all_that_it_can(void **state)
{
	struct idle_predictor p;

	idle_predictor_init(&p);
	observe(&p, 20 * US, 50);
	observe(&p, 150 * US, 50);
	observe(&p, 10 * MS, 50);
	assert_int_equal(choose(&p, 200000, 20000, 0), 181019);
}

static void free_halting_never_polls(void **state)
{
	struct idle_predictor p;

	idle_predictor_init(&p);
	observe(&p, 1 * US, 100);
	assert_int_equal(choose(&p, 200000, 0, 30), 0);
	assert_int_equal(choose(&p, 200000, 0, 0), 0);
}

/* The same idles, asked again at another price. */
static void prices_apply_to_what_was_learned_before(void **state)
{
	struct idle_predictor p;

	idle_predictor_init(&p);
	observe(&p, 100 * US, 100);
	assert_int_equal(choose(&p, 200000, 20000, 30), 0);
	assert_int_equal(choose(&p, 200000, 40000, 30), 181019);
	assert_int_equal(choose(&p, 200000, 20000, 10), 181019);
}

static void extreme_lengths(void **state)
{
	struct idle_predictor p;

	idle_predictor_init(&p);
	observe(&p, UINT64_MAX, 100000);
	assert_int_equal(idle_predictor_choose(&p, &usual), 0);
	observe(&p, 0, 100000);
	assert_int_equal(idle_predictor_choose(&p, &usual), 0);
	observe(&p, 1, 100000);
	assert_int_equal(idle_predictor_choose(&p, &usual), 1414);
	observe(&p, UINT64_MAX - 1, 1000);
	assert_int_equal(idle_predictor_choose(&p, &usual), 0);
}

/* An overflow would make the dearest window look cheap. */
static void extreme_prices(void **state)
{
	struct idle_predictor p;

	idle_predictor_init(&p);
	observe(&p, 8 * MS, 100000);
	assert_int_equal(choose(&p, UINT32_MAX, UINT32_MAX, 30), IDLE_PREDICTOR_MAX_NS);
	assert_int_equal(choose(&p, UINT32_MAX, 20000, UINT32_MAX), 0);
	/* Both prices at their tops: 1 s for a halt, 8 s for polling 8 ms, 0.2 s for polling 200 us. */
	assert_int_equal(choose(&p, UINT32_MAX, UINT32_MAX, UINT32_MAX), 0);
	idle_predictor_init(&p);
	observe(&p, 200 * US, 100000);
	assert_int_equal(choose(&p, UINT32_MAX, UINT32_MAX, UINT32_MAX), 362039);
	observe(&p, UINT64_MAX, 100000);
	assert_int_equal(choose(&p, UINT32_MAX, UINT32_MAX, UINT32_MAX), 0);
}

static void init_forgets(void **state)
{
	struct idle_predictor p;

	idle_predictor_init(&p);
	observe(&p, 20 * US, 1000);
	idle_predictor_init(&p);
	assert_int_equal(idle_predictor_choose(&p, &usual), 0);
}

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
		cmocka_unit_test(knows_nothing_and_halts),
		cmocka_unit_test(one_short_idle_starts_polling),
		cmocka_unit_test(window_holds_an_idle_of_its_own_length),
		cmocka_unit_test(two_idles_by_hand),
		cmocka_unit_test(break_even),
		cmocka_unit_test(all_short),
		cmocka_unit_test(all_long),
		cmocka_unit_test(bimodal_polls_through_the_first_hump_only),
		cmocka_unit_test(follows_a_change_of_load),
		cmocka_unit_test(one_stray_idle_changes_nothing),
		cmocka_unit_test(close_to_the_best_fixed_window),
		cmocka_unit_test(limit_is_kept),
		cmocka_unit_test(slack_stays_below_the_limit),
		cmocka_unit_test(no_window_above_the_largest),
		cmocka_unit_test(free_polling_covers_all_that_it_can),
		cmocka_unit_test(free_halting_never_polls),
		cmocka_unit_test(prices_apply_to_what_was_learned_before),
		cmocka_unit_test(extreme_lengths),
		cmocka_unit_test(extreme_prices),
		cmocka_unit_test(init_forgets),
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
