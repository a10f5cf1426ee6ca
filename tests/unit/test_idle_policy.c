// SPDX-License-Identifier: BSD-3-Clause
/*
 * The rules that decide how long to poll, each against a sequence worked by hand from its source; what their results
 * add up to; and that recorded answers are compared.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "idle_replay.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))
#define US	     1000ULL

static const struct idle_costs costs = { .halt_ns = 20000, .price_ppm = 300000, .limit_ns = 200000 };

/* ---- Sequences ----------------------------------------------------------------------------------------------------*/

struct beat {
	uint64_t window_ns; /* the answer when the idle begins */
	uint64_t length_ns; /* how it goes */
};

static void follow(const char *name, const struct idle_costs *with, const struct beat *beats, size_t n)
{
	static const struct idle_begin begin = { .next_timer_ns = IDLE_NO_TIMER };
	const struct idle_policy *policy = idle_policy_find(name);
	union idle_policy_state state;

	assert_non_null(policy);
	memset(&state, 0, sizeof(state));
	if (policy->init)
		policy->init(&state);
	for (size_t i = 0; i < n; i++) {
		uint64_t window_ns = policy->window(&state, with, &begin);

		if (window_ns != beats[i].window_ns)
			fail_msg("%s, idle %zu: window %llu, not %llu", name, i, (unsigned long long)window_ns,
				 (unsigned long long)beats[i].window_ns);
		if (policy->learn)
			policy->learn(&state, with, beats[i].length_ns, IDLE_WAKE_IRQ);
	}
}

static void test_haltpoll(void **state)
{
	static const struct beat beats[] = {
		{ 0, 30000 },	    /* it begins with a halt: 30000 > 0 and <= 200000: grows to grow_start */
		{ 50000, 50000 },   /* the poll's last ns: no halt, nothing moves */
		{ 50000, 90000 },   /* halted for 40000, not more than the window: nothing */
		{ 50000, 100000 },  /* halted for 50000: nothing */
		{ 50000, 100001 },  /* halted for 50001: doubles */
		{ 100000, 300000 }, /* halted for 200000, just not too long: doubles, though the idle was longer */
		{ 200000, 400000 }, /* halted for 200000, not more than the window: nothing */
		{ 200000, 400001 }, /* halted for 200001: halves */
		{ 100000, 1 },	    /* polled: nothing */
		{ 100000, 300001 }, /* halves */
		{ 50000, 50001 },   /* halted for 1: nothing */
		{ 50000, 1000000 }, /* 25000 is below grow_start: 0 */
		{ 0, 1000000 },	    /* 0 / 2 */
		{ 0, 200001 },	    /* too long by 1 */
		{ 0, 200000 },	    /* grows */
		{ 50000, 200000 },  /* halted for 150000: doubles */
		{ 100000, 250000 }, /* halted for 150000: doubles */
		{ 200000, 0 },
	};

	/* Its own limit, not ours. */
	const struct idle_costs other = { .halt_ns = 1, .price_ppm = 1, .limit_ns = 7 };

	follow("haltpoll", &costs, beats, COUNT(beats));
	follow("haltpoll", &other, beats, COUNT(beats));
}

static void test_kvm_halt_poll(void **state)
{
	static const struct beat beats[] = {
		{ 0, 30000 },	     /* shorter than 200000: grows to grow_start */
		{ 10000, 10000 },    /* caught: nothing */
		{ 10000, 10001 },    /* missed by 1, and the whole halt counts: doubles */
		{ 20000, 199999 },   /* doubles */
		{ 40000, 200000 },   /* neither shorter nor longer than the maximum: nothing */
		{ 40000, 50000 },    /* doubles */
		{ 80000, 100000 },   /* doubles */
		{ 160000, 190000 },  /* 320000, cut to the maximum */
		{ 200000, 200000 },  /* caught */
		{ 200000, 200001 },  /* halves */
		{ 100000, 1000000 }, /* halves */
		{ 50000, 1000000 },
		{ 25000, 1000000 },
		{ 12500, 200001 }, /* 6250 is below grow_start: 0 */
		{ 0, 200001 },	   /* stays */
		{ 0, 200000 },	   /* nothing */
		{ 0, 0 },	   /* nothing to wait for: caught by a window of 0 */
		{ 0, 199999 },	   /* grows */
		{ 10000, 0 },
	};
	const struct idle_costs other = { .halt_ns = 1, .price_ppm = 1, .limit_ns = 7 };

	follow("kvm-halt-poll", &costs, beats, COUNT(beats));
	follow("kvm-halt-poll", &other, beats, COUNT(beats));
}

static void test_asymmetric(void **state)
{
	static const struct beat beats[] = {
		{ 0, 100001 },			  /* longer than the limit: nothing to shrink */
		{ 0, 100000 },			  /* the limit would have caught it: up to the limit at once */
		{ 100000, 100001 },		  /* 100000 - 12500 */
		{ 87500, 1000000 },		  /* 87500 - 10937 */
		{ 76563, 80000 },		  /* missed, but short enough for the limit: up */
		{ 100000, 200000 }, { 87500, 5 }, /* caught: up */
		{ 100000, 7 },
	};
	static const struct beat to_zero[] = {
		{ 0, 1 },	  { 12000, 12001 }, /* 12000 - 1500 */
		{ 10500, 12001 },		    /* 10500 - 1312 = 9188, below 10000 */
		{ 0, 12001 },	  { 0, 12000 },	    { 12000, 0 },
	};
	const struct idle_costs hundred = { .halt_ns = 20000, .price_ppm = 300000, .limit_ns = 100000 };
	const struct idle_costs twelve = { .halt_ns = 20000, .price_ppm = 300000, .limit_ns = 12000 };

	follow("asymmetric", &hundred, beats, COUNT(beats));
	follow("asymmetric", &twelve, to_zero, COUNT(to_zero));
}

static void test_always_and_never(void **state)
{
	static const struct beat always[] = { { IDLE_FOREVER, 1 }, { IDLE_FOREVER, 1000000000 }, { IDLE_FOREVER, 0 } };
	static const struct beat never[] = { { 0, 1 }, { 0, 1000000000 }, { 0, 0 } };

	follow("always", &costs, always, COUNT(always));
	follow("never", &costs, never, COUNT(never));
}

static void test_table(void **state)
{
	size_t n = 0;

	for (const struct idle_policy *p = idle_policies; p->name; p++, n++) {
		assert_true(p->source && *p->source);
		assert_ptr_equal(idle_policy_find(p->name), p);
	}
	assert_int_equal(n, 6);
	assert_null(idle_policy_find("oracle"));
}

/* ---- Results ------------------------------------------------------------------------------------------------------*/

#define MAX_IDLES 4096

static struct idle_record records[MAX_IDLES];
static struct idle_csv trace = { .name = "trace", .records = records };
static struct idle_replay replay;

static void begin_trace(void)
{
	memset(records, 0, sizeof(records));
	trace.n = 0;
	trace.answers = false;
}

static struct idle_record *add_idle(uint32_t cpu, uint64_t start_ns, uint64_t length_ns)
{
	struct idle_record *r = &records[trace.n++];

	assert_true(trace.n <= MAX_IDLES);
	*r = (struct idle_record){ .cpu = cpu,
				   .start_ns = start_ns,
				   .length_ns = length_ns,
				   .next_timer_ns = IDLE_NO_TIMER,
				   .wake = IDLE_WAKE_IRQ };
	return r;
}

static const struct idle_result *result(const char *name)
{
	for (size_t i = 0; i < IDLE_REPLAY_POLICIES; i++) {
		if (!strcmp(replay.policies[i].name, name))
			return &replay.policies[i];
	}
	fail_msg("no policy %s", name);
	return NULL;
}

static void run(const struct idle_costs *with)
{
	struct isolat_error err;

	assert_int_equal(idle_replay(&trace, with, &replay, &err), 0);
}

static void assert_near(double got, double want)
{
	if (!(fabs(got - want) <= fabs(want) * 1e-12))
		fail_msg("%.9f, not %.9f", got, want);
}

static void expect(const char *name, double cost, uint64_t halts, uint64_t polled_ns)
{
	const struct idle_result *r = result(name);

	if (r->halts != halts || r->polled_ns != polled_ns)
		fail_msg("%s: %llu halts and %llu ns polled, not %llu and %llu", name, (unsigned long long)r->halts,
			 (unsigned long long)r->polled_ns, (unsigned long long)halts, (unsigned long long)polled_ns);
	assert_near(r->cost, cost);
}

static void test_order(void **state)
{
	static const char *const names[] = { "isolat",	  "haltpoll", "kvm-halt-poll", "asymmetric", "best-fixed",
					     "piecewise", "always",   "never",	       "oracle" };

	begin_trace();
	run(&costs);
	assert_int_equal(COUNT(names), IDLE_REPLAY_POLICIES);
	for (size_t i = 0; i < COUNT(names); i++)
		assert_string_equal(replay.policies[i].name, names[i]);
}

/*
 * Three idles of 10 us, one of 50 us, one of 1 ms; N = 20 us, X = 0.3. One window for all costs
 *	 0 us: 5 * 20				= 100 us
 *	10 us: 0.3 * 30 + 2 * (0.3 * 10 + 20)	=  55 us
 *	50 us: 0.3 * 80 + 1 * (0.3 * 50 + 20)	=  59 us
 * and 1 ms is past the limit. The oracle pays 3 * 3 + 15 + 20 = 44 us.
 */
static void add_five(void)
{
	begin_trace();
	add_idle(0, 0, 10 * US);
	add_idle(0, 100 * US, 1000 * US);
	add_idle(0, 2000 * US, 10 * US);
	add_idle(0, 3000 * US, 50 * US);
	add_idle(0, 4000 * US, 10 * US);
}

static void test_five_idles(void **state)
{
	add_five();
	run(&costs);
	assert_int_equal(replay.wakeups, 5);
	assert_int_equal(replay.idle_ns, 1080 * US);
	assert_near(replay.oracle_cost, 44 * US);
	expect("best-fixed", 55 * US, 2, 50 * US);
	expect("piecewise", 55 * US, 2, 50 * US);
	expect("always", 324 * US, 0, 1080 * US);
	expect("never", 100 * US, 5, 0);
	expect("oracle", 44 * US, 1, 80 * US);
	/* 0, then 50 us: 1 ms halts and leads to 0, the next grows it, and 50 us catches two. */
	expect("haltpoll", 20 * US + (15 + 20) * US + 20 * US + 15 * US + 3 * US, 3, 110 * US);
	assert_near(result("best-fixed")->ratio, 1.25);
	assert_near(result("oracle")->ratio, 1);
	assert_near(result("best-fixed")->polled_pct, 100.0 * 50 / 1080);
	assert_near(result("best-fixed")->latency_mean_ns, 8 * US);
	assert_near(result("best-fixed")->latency_p99_ns, 20 * US);
	assert_near(result("always")->latency_mean_ns, 0);
	assert_near(result("always")->latency_p99_ns, 0);
}

/* A polled ns for nothing, or a halt for nothing: the oracle pays nothing, and there is no ratio. */
static void test_no_cost(void **state)
{
	const struct idle_costs free_poll = { .halt_ns = 20000, .price_ppm = 0, .limit_ns = 50000 };
	const struct idle_costs free_halt = { .halt_ns = 0, .price_ppm = 300000, .limit_ns = 50000 };

	add_five();
	run(&free_poll);
	expect("oracle", 0, 0, 1080 * US);
	expect("always", 0, 0, 1080 * US);
	expect("best-fixed", 20 * US, 1, 130 * US);
	assert_true(isnan(result("best-fixed")->ratio));
	run(&free_halt);
	expect("never", 0, 5, 0);
	expect("best-fixed", 0, 5, 0);
	assert_true(isnan(result("never")->ratio));
}

static void test_empty(void **state)
{
	begin_trace();
	run(&costs);
	assert_int_equal(replay.wakeups, 0);
	for (size_t i = 0; i < IDLE_REPLAY_POLICIES; i++) {
		const struct idle_result *r = &replay.policies[i];

		assert_true(r->cost == 0 && !r->halts && !r->polled_ns);
		assert_true(isnan(r->ratio) && isnan(r->polled_pct));
		assert_true(isnan(r->latency_mean_ns) && isnan(r->latency_p99_ns));
	}
}

/* Where polling and halting cost the same, the oracle polls, and nobody waits; a window of 0 catches what is over. */
static void test_ties(void **state)
{
	const struct idle_costs even = { .halt_ns = 15000, .price_ppm = 300000, .limit_ns = 50000 };
	const struct idle_costs free_halt = { .halt_ns = 0, .price_ppm = 300000, .limit_ns = 50000 };

	begin_trace();
	add_idle(0, 0, 50 * US);
	add_idle(0, 100 * US, 0);
	run(&even);
	expect("oracle", 15 * US, 0, 50 * US);
	expect("best-fixed", 15 * US, 1, 0);
	expect("never", 15 * US, 1, 0);
	run(&free_halt);
	expect("best-fixed", 0, 1, 0);
}

/* The nearest rank of 99 % among 100 is the 99th, among 101 the 100th: one late wake-up is none, two are one. */
static void test_p99(void **state)
{
	for (unsigned int n = 100; n <= 101; n++) {
		for (unsigned int late = 1; late <= 2; late++) {
			begin_trace();
			for (unsigned int i = 0; i < n; i++)
				add_idle(0, i * 2000 * US, i < late ? 1000 * US : 10 * US);
			run(&costs);
			assert_int_equal(result("oracle")->halts, late);
			assert_near(result("oracle")->latency_p99_ns, late == 1 ? 0 : 20 * US);
		}
	}
}

/*
 * Two CPUs take turns; one has 500 idles of 20 us, then 500 of 1 ms, the other the reverse. Apart, and cut at 500, each
 * segment has the oracle's cost: 500 * 6 us or 500 * 20 us. One window of 20 us pays 6 us for a half of all 2000, and
 * 26 us for the other; none at all, 20 us each.
 */
static void test_segments(void **state)
{
	begin_trace();
	for (unsigned int i = 0; i < 1000; i++) {
		add_idle(7, i * 2000 * US, i < 500 ? 20 * US : 1000 * US);
		add_idle(300, i * 2000 * US, i < 500 ? 1000 * US : 20 * US);
	}
	run(&costs);
	expect("piecewise", 1000 * 26 * US, 1000, 1000 * 20 * US);
	expect("oracle", 1000 * 26 * US, 1000, 1000 * 20 * US);
	expect("best-fixed", 1000 * 32 * US, 1000, 2000 * 20 * US);
}

/* What one CPU had does not move the windows of another: KVM's rule on one that grows and one that shrinks. */
static void test_cpus_apart(void **state)
{
	begin_trace();
	for (unsigned int i = 0; i < 6; i++) {
		add_idle(1, i * 2000 * US, 9 * US);
		add_idle(2, i * 2000 * US, 1000 * US);
	}
	run(&costs);
	/* CPU 1 halts once and is at 10 us from then on; CPU 2 halts six times under 0. */
	expect("kvm-halt-poll", 7 * 20 * US + 5 * 2700, 7, 5 * 9 * US);
}

static uint64_t random_state;

static uint64_t next_random(uint64_t below)
{
	random_state = random_state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (random_state >> 33) % below;
}

static double cost_of_window(const struct idle_costs *with, uint64_t window_ns)
{
	double cost = 0, price = with->price_ppm / 1e6;

	for (size_t i = 0; i < trace.n; i++) {
		uint64_t length_ns = records[i].length_ns;

		cost += length_ns <= window_ns ? price * length_ns : price * window_ns + with->halt_ns;
	}
	return cost;
}

/* No window whatever is cheaper than the one that sorting and sums find. */
static void test_best_fixed_against_all(void **state)
{
	random_state = 1;
	for (unsigned int round = 0; round < 50; round++) {
		const struct idle_costs with = { .halt_ns = next_random(200),
						 .price_ppm = next_random(2000000),
						 .limit_ns = next_random(120) };
		unsigned int n = 1 + next_random(40);
		double best = INFINITY;

		begin_trace();
		for (unsigned int i = 0; i < n; i++)
			add_idle(i % 3, i * 1000, next_random(100));
		for (uint64_t window_ns = 0; window_ns <= with.limit_ns; window_ns++) {
			double cost = cost_of_window(&with, window_ns);

			best = cost < best ? cost : best;
		}
		run(&with);
		if (fabs(result("best-fixed")->cost - best) > 1e-6)
			fail_msg("round %u: %f, not %f", round, result("best-fixed")->cost, best);
		assert_true(result("piecewise")->cost <= result("best-fixed")->cost + 1e-6);
		for (size_t i = 0; i < IDLE_REPLAY_POLICIES; i++)
			assert_true(result("oracle")->cost <= replay.policies[i].cost + 1e-6);
	}
}

/* Sums of 64 bits are exact up to the last ns that JSON can say, and refused above. */
static void test_huge(void **state)
{
	const struct idle_costs dear = { .halt_ns = 1000000000, .price_ppm = 1000000000, .limit_ns = 10000000 };
	struct isolat_error err;

	begin_trace();
	add_idle(0, 0, INT64_MAX / 2);
	add_idle(1, 0, INT64_MAX / 2);
	add_idle(2, 0, 1);
	run(&dear);
	assert_true(replay.idle_ns == INT64_MAX);
	expect("always", 1000 * (double)INT64_MAX, 0, INT64_MAX);
	expect("oracle", 2e9 + 1000, 2, 1);
	add_idle(3, 0, 1);
	assert_int_equal(idle_replay(&trace, &dear, &replay, &err), -1);
	assert_int_equal(err.code, ISOLAT_USAGE);
	assert_string_equal(err.object, "trace");
}

/* ---- The predictor ------------------------------------------------------------------------------------------------*/

/* Two CPUs with timers and pauses: what ran_ns is, is known here in another way than in the replay. */
static void add_mixed(uint64_t *ran_ns)
{
	uint64_t now[2] = { 1000, 5000 };

	begin_trace();
	random_state = 7;
	for (size_t i = 0; i < 2000; i++) {
		unsigned int cpu = i % 3 == 0;
		uint64_t pause = next_random(50000), length = cpu ? 5000 + next_random(8000) : next_random(400000);
		struct idle_record *r = add_idle(cpu ? 9 : 4, now[cpu] + pause, length);

		ran_ns[i] = i < 2 ? 0 : pause; /* the first of CPU 9 is idle 0, that of CPU 4 idle 1 */
		if (i % 5 == 0) {
			r->next_timer_ns = length;
			r->wake = IDLE_WAKE_TIMER;
		}
		now[cpu] += pause + length;
	}
}

/* The predictor's own answers to these idles, and what they cost. */
static double ask(const uint64_t *ran_ns, uint64_t break_even_ns)
{
	struct idle_predictor predictors[2];
	double cost = 0;

	for (size_t i = 0; i < 2; i++)
		idle_predictor_init(&predictors[i]);
	for (size_t i = 0; i < trace.n; i++) {
		struct idle_record *r = &records[i];
		struct idle_predictor *p = &predictors[r->cpu == 9];
		const struct idle_question q = { .break_even_ns = break_even_ns,
						 .next_timer_ns = r->next_timer_ns,
						 .ran_ns = ran_ns[i],
						 .limit_ns = costs.limit_ns };

		r->ran_ns = ran_ns[i];
		r->break_even_ns = break_even_ns;
		r->limit_ns = costs.limit_ns;
		r->window_ns = idle_predictor_choose(p, &q);
		idle_predictor_observe(p, r->length_ns, r->wake);
		cost += r->length_ns <= r->window_ns ? 0.3 * r->length_ns : 0.3 * r->window_ns + 20000;
	}
	return cost;
}

static void test_isolat_is_the_predictor(void **state)
{
	static uint64_t ran_ns[MAX_IDLES];
	double cost;

	add_mixed(ran_ns);
	cost = ask(ran_ns, 66666); /* 20000 / 0.3 */
	run(&costs);
	assert_true(fabs(result("isolat")->cost - cost) < 1e-3);
}

static void test_recorded_answers(void **state)
{
	static uint64_t ran_ns[MAX_IDLES];
	struct idle_answers answers;

	add_mixed(ran_ns);
	for (size_t i = 0; i < trace.n; i++)
		ran_ns[i] += 3; /* the module's clock is its own */
	ask(ran_ns, 40000);
	assert_int_equal(idle_replay_answers(&trace, &answers), -1);
	trace.answers = true;
	assert_int_equal(idle_replay_answers(&trace, &answers), 0);
	assert_int_equal(answers.same, 2000);
	assert_int_equal(answers.different, 0);
	assert_int_equal(answers.first_different, 0);
	records[1500].window_ns++;
	records[1700].window_ns--;
	assert_int_equal(idle_replay_answers(&trace, &answers), 0);
	assert_int_equal(answers.same, 1998);
	assert_int_equal(answers.different, 2);
	assert_int_equal(answers.first_different, 1502); /* the header is line 1 */
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_haltpoll),
		cmocka_unit_test(test_kvm_halt_poll),
		cmocka_unit_test(test_asymmetric),
		cmocka_unit_test(test_always_and_never),
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_five_idles),
		cmocka_unit_test(test_no_cost),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_ties),
		cmocka_unit_test(test_p99),
		cmocka_unit_test(test_segments),
		cmocka_unit_test(test_cpus_apart),
		cmocka_unit_test(test_best_fixed_against_all),
		cmocka_unit_test(test_huge),
		cmocka_unit_test(test_isolat_is_the_predictor),
		cmocka_unit_test(test_recorded_answers),
	};

	return cmocka_run_group_tests_name("idle_policy", tests, NULL, NULL);
}
