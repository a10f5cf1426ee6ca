// SPDX-License-Identifier: BSD-3-Clause
/* Made-up idle traces: are they what their names say, and always the same? */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "idle_gen.h"

#define N  6000
#define US 1000ULL

/* What the default settings are worth. */
#define WAKE_COST_NS  20000.0
#define POLL_PRICE    0.3
#define BREAK_EVEN_NS 66666

static struct idle_csv trace;

static const struct idle_gen *find(const char *name)
{
	const struct idle_gen *gen = idle_gen_find(name);

	if (!gen)
		fail_msg("there is no %s", name);
	return gen;
}

/* Makes @trace, with the defaults but @seed. */
static void make_seeded(const char *name, uint64_t seed)
{
	struct idle_gen_config config = IDLE_GEN_DEFAULTS;
	struct isolat_error err;

	config.seed = seed;
	idle_csv_free(&trace);
	assert_int_equal(idle_gen_trace(find(name), &config, N, &trace, &err), 0);
	assert_int_equal(trace.n, N);
	assert_string_equal(trace.name, name);
	assert_false(trace.answers);
}

static void make(const char *name)
{
	make_seeded(name, 1);
}

/* How many of @trace's idles last from @from_us to @to_us. */
static int count(uint64_t from_us, uint64_t to_us)
{
	int n = 0;

	for (size_t i = 0; i < trace.n; i++)
		n += trace.records[i].length_ns >= from_us * US && trace.records[i].length_ns <= to_us * US;
	return n;
}

/* @expected of N, up to 4 standard deviations of the most that there can be. */
static void assert_share(int n, double expected)
{
	if (n < expected * N - 155 || n > expected * N + 155)
		fail_msg("%s: %d of %d, not %.3f", trace.name, n, N, expected);
}

static uint64_t hash_trace(uint64_t hash)
{
	for (size_t i = 0; i < trace.n; i++) {
		const struct idle_record *r = &trace.records[i];

		hash = (hash ^ r->start_ns) * 0x100000001b3;
		hash = (hash ^ r->length_ns) * 0x100000001b3;
		hash = (hash ^ r->next_timer_ns) * 0x100000001b3;
		hash = (hash ^ r->wake) * 0x100000001b3;
	}
	return hash;
}

static void test_names(void **state)
{
	int of_class[IDLE_GEN_CLASSES] = { 0 };

	for (const struct idle_gen *gen = idle_gens; gen->name; gen++) {
		assert_ptr_equal(idle_gen_find(gen->name), gen); /* no name comes twice */
		assert_true(gen->class < IDLE_GEN_CLASSES);
		assert_true(gen == idle_gens || gen[-1].class <= gen->class);
		assert_true(strlen(gen->about) > 0);
		of_class[gen->class]++;
	}
	assert_true(of_class[IDLE_GEN_STATIONARY] && of_class[IDLE_GEN_SWITCHING]);
	assert_int_equal(of_class[IDLE_GEN_ADVERSARY], 3);
	assert_null(idle_gen_find("bimodal"));
	assert_null(idle_gen_find(""));
	assert_string_equal(idle_gen_class_name(IDLE_GEN_SWITCHING), "switching");
}

static void check_record(const struct idle_record *r, uint64_t end_ns)
{
	assert_int_equal(r->cpu, 0);
	assert_true(r->start_ns >= end_ns);
	assert_true(r->wake < IDLE_WAKES);
	assert_true(r->length_ns <= 2 * IDLE_DRAW_MAX_NS);
	if (r->wake == IDLE_WAKE_TIMER)
		assert_true(r->length_ns >= r->next_timer_ns);
	assert_false(r->ran_ns || r->break_even_ns || r->limit_ns || r->window_ns);
}

static void test_records(void **state)
{
	for (const struct idle_gen *gen = idle_gens; gen->name; gen++) {
		make(gen->name);
		for (size_t i = 0; i < N; i++)
			check_record(&trace.records[i],
				     i ? trace.records[i - 1].start_ns + trace.records[i - 1].length_ns : 0);
	}
}

/*
 * Published figures are of these traces: whoever changes one of them makes those figures impossible to check. A new
 * generator changes the number too, and nothing else.
 */
static void test_same_on_every_machine(void **state)
{
	uint64_t hash = 0xcbf29ce484222325;

	for (const struct idle_gen *gen = idle_gens; gen->class != IDLE_GEN_ADVERSARY; gen++) {
		make(gen->name);
		hash = hash_trace(hash);
	}
	assert_true(hash == 0xc777b9ce2a480477);
}

static void test_seeds(void **state)
{
	uint64_t one, zero;

	make("exponential-60");
	one = hash_trace(0);
	make("exponential-60");
	assert_true(hash_trace(0) == one);
	make_seeded("exponential-60", 0);
	zero = hash_trace(0);
	assert_true(zero != one);
	make_seeded("exponential-60", ~0ULL);
	assert_true(hash_trace(0) != one && hash_trace(0) != zero);
}

/* Two traces of one seed do not go together. */
static void test_names_are_apart(void **state)
{
	uint64_t starts;

	make("runs-20-200");
	starts = trace.records[0].start_ns;
	make("runs-30-400");
	assert_true(trace.records[0].start_ns != starts);
}

static double cost(uint64_t length_ns, uint64_t window_ns)
{
	if (length_ns <= window_ns)
		return POLL_PRICE * (double)length_ns;
	return POLL_PRICE * (double)window_ns + WAKE_COST_NS;
}

/* What the best of the windows 0 and 1 us to 256 us by sqrt 2 costs, as a ratio to what the clairvoyant pays. */
static double best_fixed_ratio(void)
{
	double best = -1, clairvoyant = 0;

	for (size_t i = 0; i < trace.n; i++) {
		double polled = POLL_PRICE * (double)trace.records[i].length_ns;

		clairvoyant += polled < WAKE_COST_NS ? polled : WAKE_COST_NS;
	}
	for (int step = -1; step <= 16; step++) {
		uint64_t window = step < 0 ? 0 : (step % 2 ? 1414213 : 1000000) * (1ULL << step / 2) / 1000;
		double sum = 0;

		for (size_t i = 0; i < trace.n; i++)
			sum += cost(trace.records[i].length_ns, window);
		if (best < 0 || sum < best)
			best = sum;
	}
	return best / clairvoyant;
}

/* The table that the predictor was designed by. */
static void test_as_in_the_table(void **state)
{
	static const struct {
		const char *name;
		double ratio;
	} table[] = {
		{ "bimodal-20-200", 1.26 }, { "runs-20-200", 1.26 },   { "bimodal-20-1000", 1.26 },
		{ "lognormal-10", 1.00 },   { "lognormal-100", 1.01 }, { "pareto", 1.23 },
		{ "exponential-60", 1.49 }, { "busy-server", 1.50 },   { "ticks", 1.00 },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		double ratio;

		make(table[i].name);
		ratio = best_fixed_ratio();
		if (ratio < table[i].ratio - 0.025 || ratio > table[i].ratio + 0.025)
			fail_msg("%s: %.3f, not %.2f", table[i].name, ratio, table[i].ratio);
	}
}

/* Shares of all below values that split them at known odds. */
static void test_distributions(void **state)
{
	static const struct {
		const char *name;
		uint64_t below_us;
		double share;
	} known[] = {
		{ "lognormal-10", 10, 0.500 },	 { "lognormal-10", 7, 0.117 },	 { "lognormal-100", 100, 0.500 },
		{ "lognormal-100", 135, 0.841 }, { "pareto", 10, 0.533 },	 { "pareto", 50, 0.921 },
		{ "exponential-60", 60, 0.632 }, { "exponential-60", 6, 0.095 }, { "busy-server", 30, 0.520 },
		{ "busy-server", 400, 0.926 },	 { "weibull", 30, 0.632 },	 { "weibull", 120, 0.865 },
		{ "weibull", 1, 0.167 },	 { "uniform-100", 30, 0.300 },	 { "very-short", 2, 0.500 },
		{ "rare-long", 9, 0.970 },	 { "rare-short", 17, 0.100 },	 { "rare-short", 300, 0.550 },
		{ "silent-timer", 20, 0.250 },	 { "silent-timer", 300, 0.750 },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		make(known[i].name);
		assert_share(count(0, known[i].below_us), known[i].share);
	}
}

static void test_bounds(void **state)
{
	make("pareto");
	assert_int_equal(count(5, 10000000), N);
	make("uniform-100");
	assert_int_equal(count(0, 100), N);
	make("very-short");
	assert_int_equal(count(1, 3), N);
}

/* Exact humps, and the same with 5 % of jitter: of those are 95 % within two, all within six standard deviations. */
static void check_humps(const char *name, const char *jittered, const uint64_t *us, const double *shares, int n)
{
	for (int i = 0; i < n; i++) {
		uint64_t at = us[i];

		make(name);
		assert_share(count(at, at), shares[i]);
		make(jittered);
		assert_true(count(at, at) < 10);
		assert_share(count(at * 100 * 9 / 1000, at * 11 / 10), shares[i] * 0.954);
		assert_true(count(at * 7 / 10, at * 13 / 10) >= count(at * 9 / 10, at * 11 / 10));
	}
}

static void test_humps(void **state)
{
	check_humps("bimodal-20-200", "bimodal-20-200-jitter", (uint64_t[]){ 20, 200 }, (double[]){ 0.5, 0.5 }, 2);
	check_humps("bimodal-20-1000", "bimodal-20-1000-jitter", (uint64_t[]){ 20, 1000 }, (double[]){ 0.5, 0.5 }, 2);
	check_humps("humps-30-400", "humps-30-400-jitter", (uint64_t[]){ 30, 400 }, (double[]){ 0.8, 0.2 }, 2);
	check_humps("three-humps", "three-humps-jitter", (uint64_t[]){ 60, 150 }, (double[]){ 0.333, 0.333 }, 2);
	check_humps("runs-20-200", "runs-20-200-jitter", (uint64_t[]){ 20, 200 }, (double[]){ 0.5, 0.5 }, 2);
	check_humps("runs-30-400", "runs-30-400-jitter", (uint64_t[]){ 30, 400 }, (double[]){ 0.5, 0.5 }, 2);
	make("near-humps");
	assert_share(count(20, 20), 0.5);
	assert_in_range(count(27, 27), 80, 160);
	assert_share(count(200, 200), 0.48);
	make("constant-17");
	assert_int_equal(count(17, 17), N);
	make("constant-17-jitter");
	assert_share(count(0, 17), 0.5);
	assert_int_equal(count(11, 23), N);
	make("rare-long");
	assert_in_range(count(1400, 2600), 80, 160);
}

/* The length of the run of short or long idles that begins at @i; @limit_us tells them apart. */
static size_t run_length(size_t i, uint64_t limit_us)
{
	bool is_long = trace.records[i].length_ns > limit_us * US;
	size_t n = 0;

	while (i + n < trace.n && (trace.records[i + n].length_ns > limit_us * US) == is_long)
		n++;
	return n;
}

static void check_runs(const char *name, uint64_t limit_us, size_t length)
{
	make(name);
	assert_true(trace.records[0].length_ns <= limit_us * US);
	for (size_t i = 0; i < trace.n; i += length)
		assert_int_equal(run_length(i, limit_us), length);
}

static void test_runs(void **state)
{
	check_runs("runs-20-200", 60, 50);
	check_runs("runs-20-200-jitter", 60, 50);
	check_runs("runs-30-400", 60, 50);
	check_runs("runs-30-400-jitter", 60, 50);
	check_runs("slow-runs", 60, 1000);
}

static void test_random_runs(void **state)
{
	size_t runs = 0, shortest = N, longest = 0, length;

	make("random-runs");
	for (size_t i = 0; i < N; i += length, runs++) {
		length = run_length(i, 60);
		shortest = length < shortest ? length : shortest;
		longest = length > longest ? length : longest;
	}
	assert_in_range(runs, 80, 160); /* 120, and 4 standard deviations */
	assert_in_range(shortest, 1, 9);
	assert_in_range(longest, 120, 600);
}

/* Every second run of 50 is of another distribution. */
static void test_runs_of_distributions(void **state)
{
	int ticks = 0, beyond_300 = 0;

	make("runs-io-ticks");
	for (size_t i = 0; i < N; i++)
		ticks += i / 50 % 2 && trace.records[i].wake == IDLE_WAKE_TIMER;
	assert_int_equal(ticks, N / 2);
	assert_in_range(count(0, 40), N / 2 - 20, N / 2 + 20);

	make("runs-busy-100");
	for (size_t i = 0; i < N; i++)
		beyond_300 += i / 50 % 2 && trace.records[i].length_ns > 300 * US;
	assert_in_range(beyond_300, 0, 2);
	assert_share(count(300, 10000), 0.047);
}

/* Those that the tick ends, are over with it. */
static void test_ticks(void **state)
{
	make("ticks");
	for (size_t i = 0; i < N; i++) {
		const struct idle_record *r = &trace.records[i];

		assert_int_equal(r->wake, IDLE_WAKE_TIMER);
		assert_int_equal(r->length_ns, r->next_timer_ns);
		assert_int_equal((r->start_ns + r->length_ns) % 4000000, 0);
	}
	assert_int_equal(count(3000, 4000), N);
}

static void test_late_timer(void **state)
{
	int late = 0, wakes = 0;

	make("timer-50");
	for (size_t i = 0; i < N; i++) {
		const struct idle_record *r = &trace.records[i];

		assert_int_equal((r->start_ns + r->next_timer_ns) % 50000, 0);
		assert_in_range(r->next_timer_ns, 1, 50000);
		wakes += r->wake == IDLE_WAKE_TIMER;
		late += r->wake == IDLE_WAKE_TIMER && r->length_ns > r->next_timer_ns + 2000;
		if (r->wake == IDLE_WAKE_IRQ)
			assert_true(r->length_ns < r->next_timer_ns);
	}
	/* 30 % are IRQs, of which about half come after the timer and are not seen. */
	assert_in_range(wakes, N * 75 / 100, N * 92 / 100);
	assert_in_range(late, wakes * 46 / 100, wakes * 54 / 100);
}

static void test_silent_timer(void **state)
{
	int past = 0;

	make("silent-timer");
	for (size_t i = 0; i < N; i++) {
		assert_int_equal(trace.records[i].wake, IDLE_WAKE_IRQ);
		assert_in_range(trace.records[i].next_timer_ns, 1, 100000);
		past += trace.records[i].length_ns > trace.records[i].next_timer_ns;
	}
	assert_share(past, 0.6); /* the long ones, and a fifth of the short */
}

static void test_after_wake(void **state)
{
	enum idle_wake before = IDLE_WAKE_IRQ;
	int ipis = 0;

	make("after-wake");
	for (size_t i = 0; i < N; i++) {
		assert_int_equal(trace.records[i].length_ns > 60 * US, before == IDLE_WAKE_IRQ);
		before = trace.records[i].wake;
		ipis += before == IDLE_WAKE_IPI;
	}
	assert_share(ipis, 0.5);
}

static void test_after_run(void **state)
{
	uint64_t end_ns = 0;
	int shorts = 0;

	make("after-run");
	for (size_t i = 0; i < N; i++) {
		const struct idle_record *r = &trace.records[i];

		assert_int_equal(r->length_ns > 60 * US, r->start_ns - end_ns > 20 * US);
		end_ns = r->start_ns + r->length_ns;
		shorts += r->length_ns < 60 * US;
	}
	assert_share(shorts, 0.5);
}

/* The windows that the predictor chooses in a replay of @trace, as idle-replay asks for them. */
static void replay(const struct idle_gen_config *config, uint32_t *windows)
{
	struct idle_predictor predictor;
	uint64_t end_ns = 0;

	idle_predictor_init(&predictor);
	for (size_t i = 0; i < trace.n; i++) {
		const struct idle_record *r = &trace.records[i];
		const struct idle_question question = {
			.break_even_ns = idle_break_even_ns(config->wake_cost_ns, config->poll_price_ppm),
			.next_timer_ns = r->next_timer_ns,
			.ran_ns = i ? r->start_ns - end_ns : 0,
			.limit_ns = config->poll_max_ns,
		};

		windows[i] = idle_predictor_choose(&predictor, &question);
		idle_predictor_observe(&predictor, r->length_ns, r->wake);
		end_ns = r->start_ns + r->length_ns;
	}
}

static void check_beyond(size_t i, uint64_t length_ns, uint32_t window)
{
	assert_int_equal(length_ns, window + 1ULL);
}

static void check_beyond_or_short(size_t i, uint64_t length_ns, uint32_t window)
{
	assert_true(length_ns == window + 1ULL || length_ns < 1000);
}

static void check_lure(size_t i, uint64_t length_ns, uint32_t window)
{
	assert_true(i % 2 ? length_ns == window + 1ULL : length_ns <= 1);
}

static const struct {
	const char *name;
	void (*check)(size_t i, uint64_t length_ns, uint32_t window);
} adversaries[] = {
	{ "beyond", check_beyond },
	{ "beyond-or-short", check_beyond_or_short },
	{ "lure", check_lure },
};

/* A replay chooses the windows that the trace was made against. */
static void test_adversaries(void **state)
{
	static const struct idle_gen_config configs[] = {
		IDLE_GEN_DEFAULTS,
		{ .seed = 2, .wake_cost_ns = 50000, .poll_price_ppm = 1000000, .poll_max_ns = 200000 },
		{ .seed = 3, .wake_cost_ns = 20000, .poll_price_ppm = 300000, .poll_max_ns = 15000 },
		{ .seed = 4, .wake_cost_ns = 20000, .poll_price_ppm = 0, .poll_max_ns = 10000000 },
	};
	static uint32_t windows[N];
	struct isolat_error err;

	for (size_t i = 0; i < 3 * sizeof(configs) / sizeof(configs[0]); i++) {
		const struct idle_gen_config *config = &configs[i / 3];

		idle_csv_free(&trace);
		assert_int_equal(idle_gen_trace(find(adversaries[i % 3].name), config, N, &trace, &err), 0);
		replay(config, windows);
		for (size_t j = 0; j < N; j++)
			adversaries[i % 3].check(j, trace.records[j].length_ns, windows[j]);
	}
}

/* Of beyond-or-short, half are short; of the lures, half are 0. */
static void test_shares_of_adversaries(void **state)
{
	struct idle_gen_config config = IDLE_GEN_DEFAULTS;
	static uint32_t windows[N];
	int shorts = 0, zeros = 0;

	make("beyond-or-short");
	replay(&config, windows);
	for (size_t i = 0; i < N; i++)
		shorts += trace.records[i].length_ns != windows[i] + 1ULL;
	assert_share(shorts, 0.5);
	make("lure");
	for (size_t i = 0; i < N; i += 2)
		zeros += trace.records[i].length_ns == 0;
	assert_share(zeros, 0.25);
}

static int free_trace(void **state)
{
	idle_csv_free(&trace);
	return 0;
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_records),
		cmocka_unit_test(test_same_on_every_machine),
		cmocka_unit_test(test_seeds),
		cmocka_unit_test(test_names_are_apart),
		cmocka_unit_test(test_as_in_the_table),
		cmocka_unit_test(test_distributions),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_humps),
		cmocka_unit_test(test_runs),
		cmocka_unit_test(test_random_runs),
		cmocka_unit_test(test_runs_of_distributions),
		cmocka_unit_test(test_ticks),
		cmocka_unit_test(test_late_timer),
		cmocka_unit_test(test_silent_timer),
		cmocka_unit_test(test_after_wake),
		cmocka_unit_test(test_after_run),
		cmocka_unit_test(test_adversaries),
		cmocka_unit_test(test_shares_of_adversaries),
	};

	return cmocka_run_group_tests_name("idle_gen", tests, NULL, free_trace);
}
