// SPDX-License-Identifier: BSD-3-Clause
/*
 * The map between two TSCs, on made-up clocks: never above the truth, whatever the offset, the rate, the answers'
 * delays and the jumps; and below it by no more than it says itself, which is little.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <setjmp.h>

#include <cmocka.h>

#include "tsc_map.h"

#define HOST_HZ	 3000000000ULL
#define MS	 (HOST_HZ / 1000)
#define OUTLIER	 400000
#define SAMPLES	 32
#define TYPICAL	 400 /* cycles of the host from question to answer, and back, and less */
#define FRACTION 40  /* bits of the guest's rate */
#define MAX_RUNS 10000
#define SLOWEST	 0.3
#define FASTEST	 3.0

/* The truth: the guest's TSC is guest0 + (host - host0) * rate / 2^FRACTION. */
struct clocks {
	uint64_t host, host0, guest0, rate;
	uint64_t seed;
};

static uint64_t random_below(struct clocks *c, uint64_t n)
{
	c->seed ^= c->seed << 13;
	c->seed ^= c->seed >> 7;
	c->seed ^= c->seed << 17;
	return n ? c->seed % n : 0;
}

static uint64_t guest_at(const struct clocks *c, uint64_t host)
{
	return c->guest0 + (uint64_t)((unsigned __int128)(host - c->host0) * c->rate >> FRACTION);
}

static uint64_t rate_of(double rate)
{
	return (uint64_t)(rate * (double)(1ULL << FRACTION));
}

static struct clocks clocks_make(uint64_t seed, double rate)
{
	struct clocks c = { .seed = seed * 0x9e3779b97f4a7c15ULL + 1, .rate = rate_of(rate) };

	c.host = c.host0 = random_below(&c, 1ULL << 50);
	c.guest0 = random_below(&c, 1ULL << 50);
	return c;
}

/* The guest's time that is published for host's time @host. */
static uint64_t line_at(const struct tsc_line *line, uint64_t host)
{
	return line->guest + (uint64_t)((unsigned __int128)(host - line->host) * line->mult >> TSC_MAP_SHIFT);
}

/* A question and its answer; one in twenty takes very long. */
static bool sample(struct tsc_map *m, struct clocks *c)
{
	uint64_t g1, host, delay = random_below(c, 20) ? TYPICAL : OUTLIER;

	c->host += 50 + random_below(c, 200);
	g1 = guest_at(c, c->host);
	c->host += 20 + random_below(c, delay);
	host = c->host;
	c->host += 20 + random_below(c, delay);
	return tsc_map_add(m, g1, host, guest_at(c, c->host));
}

static void burst(struct tsc_map *m, struct clocks *c, uint64_t cycles)
{
	uint64_t until = c->host + cycles;

	for (int i = 0; i < SAMPLES || c->host < until; i++) {
		assert_true(sample(m, c));
		if (i >= SAMPLES) /* the rest of a long burst, sped up */
			c->host += random_below(c, MS / 20);
	}
}

/* At and after now, up to @cycles later: never early, and late by no more than it says. Returns the latest. */
static uint64_t check_line(const struct tsc_map *m, const struct clocks *c, uint64_t cycles)
{
	struct tsc_line line = tsc_map_line(m);
	uint64_t latest = 0;

	assert_true(line.mult >= TSC_MAP_RATE_MIN && line.mult <= TSC_MAP_RATE_MAX);
	for (int i = 0; i <= 4; i++) {
		uint64_t host = c->host + cycles / 4 * i, truth = guest_at(c, host), said = line_at(&line, host);

		if (said > truth)
			fail_msg("early by %lu cycles, %lu host cycles after the sample", (unsigned long)(said - truth),
				 (unsigned long)(host - line.host));
		assert_true(truth - said <= tsc_map_width(m) + tsc_map_drift(m, host - line.host) + 2);
		latest = truth - said > latest ? truth - said : latest;
	}
	return latest;
}

/* --- tests --- */

/* What is published when: the widths of the answers, then better ones. */
static void converges(void **state)
{
	struct clocks c = clocks_make(1, 1.0);
	struct tsc_map m;
	uint64_t period = 100 * MS;

	tsc_map_reset(&m);
	burst(&m, &c, 10 * MS);
	assert_true(tsc_map_width(&m) <= 2 * TYPICAL);
	/* 200 ppm of 100 ms are 60,000 cycles. */
	assert_true(check_line(&m, &c, period) <= 60000);
	for (int i = 0; i < 8; i++, period *= 2) {
		c.host += period;
		burst(&m, &c, 0);
	}
	assert_true(tsc_map_width(&m) <= 2 * TYPICAL);
	/* After some 25 s, the next 10 s cost a few hundred cycles. */
	assert_true(tsc_map_drift(&m, 10000 * MS) <= 4 * TYPICAL);
	assert_true(check_line(&m, &c, 10000 * MS) <= 6 * TYPICAL);
}

/* Much later than any resync: an agent may go on with the last map for as long as it likes. */
static void beyond(void **state)
{
	struct clocks c = clocks_make(2, 1.0005);
	struct tsc_map m;

	tsc_map_reset(&m);
	burst(&m, &c, 10 * MS);
	check_line(&m, &c, 100000 * MS);
	check_line(&m, &c, 1ULL << 50);
}

/* Days of resyncs: bounds that only narrow do not cross by rounding. */
static void days(void **state)
{
	static const double rates[] = { SLOWEST, 0.9995, 1.0, 1.0005, 2.0 / 3, FASTEST };

	for (size_t r = 0; r < sizeof(rates) / sizeof(rates[0]); r++) {
		struct clocks c = clocks_make(3 + r, rates[r]);
		struct tsc_map m;

		tsc_map_reset(&m);
		burst(&m, &c, 10 * MS);
		for (int i = 0; i < 20000; i++) {
			c.host += 10000 * MS;
			burst(&m, &c, 0);
		}
		check_line(&m, &c, 10000 * MS);
	}
}

/* All answers of the first burst are bad: later ones make up for it. */
static void bad_start(void **state)
{
	struct clocks c = clocks_make(11, 1.0);
	struct tsc_map m;

	tsc_map_reset(&m);
	for (int i = 0; i < 8; i++) {
		uint64_t g1 = guest_at(&c, c.host), host;

		c.host += OUTLIER;
		host = c.host;
		c.host += OUTLIER;
		assert_true(tsc_map_add(&m, g1, host, guest_at(&c, c.host)));
	}
	check_line(&m, &c, 100 * MS);
	for (int i = 0; i < 3; i++) {
		c.host += 1000 * MS;
		burst(&m, &c, 0);
	}
	assert_true(check_line(&m, &c, 1000 * MS) <= 10 * TYPICAL);
}

static void jump(struct clocks *c, int64_t cycles)
{
	c->guest0 = guest_at(c, c->host) + cycles;
	c->host0 = c->host;
}

/* The guest's clock jumps, or its rate changes, or the host's clock starts again: found by the next samples. */
static void jumps(void **state)
{
	static const int64_t by[] = { 100000, -100000, 1LL << 40, -(1LL << 40), 5000, -5000 };

	for (size_t i = 0; i < sizeof(by) / sizeof(by[0]); i++) {
		struct clocks c = clocks_make(20 + i, 1.0);
		struct tsc_map m;
		int found = 0;

		tsc_map_reset(&m);
		c.guest0 += 1ULL << 41;
		burst(&m, &c, 10 * MS);
		c.host += 10 * MS;
		burst(&m, &c, 0);
		c.host += MS;
		jump(&c, by[i]);
		for (int s = 0; s < 2 * SAMPLES; s++)
			found += !sample(&m, &c);
		assert_true(found >= 1);
		burst(&m, &c, 10 * MS);
		check_line(&m, &c, 1000 * MS);
	}
}

static void migrates(void **state)
{
	struct clocks c = clocks_make(30, 1.0);
	struct tsc_map m;

	tsc_map_reset(&m);
	burst(&m, &c, 10 * MS);
	c.guest0 = guest_at(&c, c.host) + 1000 * MS;
	c.host = c.host0 = 12345; /* the other host has just started */
	c.rate = rate_of(0.7);
	assert_false(sample(&m, &c));
	burst(&m, &c, 10 * MS);
	check_line(&m, &c, 1000 * MS);
}

/* A TSC that went back between question and answer is no sample, and leaves nothing to go on from. */
static void backwards(void **state)
{
	struct tsc_map m;

	tsc_map_reset(&m);
	assert_true(tsc_map_add(&m, 1000, 5000, 1100));
	assert_false(tsc_map_add(&m, 1200, 5100, 1150));
	assert_int_equal(m.samples, 0);
	assert_true(tsc_map_add(&m, 10, 50, 20));
	assert_int_equal(tsc_map_line(&m).guest, 10);
}

/* What a hostile agent may answer: nothing divides by zero, shifts too far or publishes a rate that is none. */
static void nonsense(void **state)
{
	struct clocks c = clocks_make(40, 1.0);
	struct tsc_map m;

	tsc_map_reset(&m);
	for (int i = 0; i < 1000000; i++) {
		uint64_t g1 = random_below(&c, 0xffffffffffffffffULL) >> random_below(&c, 64);
		uint64_t host = random_below(&c, 0xffffffffffffffffULL) >> random_below(&c, 64);

		if (random_below(&c, 4))
			host = m.now.host + random_below(&c, 1000);
		tsc_map_add(&m, g1, host, g1 + random_below(&c, 1ULL << random_below(&c, 64)));
		if (!m.samples)
			continue;
		assert_true(m.rate_lo >= TSC_MAP_RATE_MIN && m.rate_lo <= m.rate_hi && m.rate_hi <= TSC_MAP_RATE_MAX);
		assert_true(m.now.lo <= m.now.hi);
		tsc_map_drift(&m, host);
	}
}

static void random_run(uint64_t seed)
{
	struct clocks c = clocks_make(1000 + seed, 1.0);
	uint64_t period = 100 * MS;
	struct tsc_map m;

	c.rate = rate_of(SLOWEST) + random_below(&c, rate_of(FASTEST - SLOWEST));
	if (seed % 2) /* as most are: the same but for 500 ppm */
		c.rate = rate_of(0.9995) + random_below(&c, rate_of(0.001));
	tsc_map_reset(&m);
	burst(&m, &c, 10 * MS);
	for (int i = 0; i < 12; i++) {
		uint64_t step = random_below(&c, period);

		assert_true(check_line(&m, &c, step) <= 3 * (2 * TYPICAL + tsc_map_drift(&m, step)));
		c.host += step;
		if (!random_below(&c, 12)) {
			jump(&c, (int64_t)random_below(&c, 1ULL << 41) + OUTLIER * 4);
			if (sample(&m, &c) && sample(&m, &c) && sample(&m, &c) && sample(&m, &c))
				fail_msg("a jump was not noticed");
			burst(&m, &c, 10 * MS);
			period = 100 * MS;
		}
		burst(&m, &c, 0);
		period = period < 5000 * MS ? 2 * period : 10000 * MS;
	}
}

static void random_runs(void **state)
{
	for (uint64_t seed = 0; seed < MAX_RUNS; seed++)
		random_run(seed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(converges), cmocka_unit_test(beyond),	 cmocka_unit_test(days),
		cmocka_unit_test(bad_start), cmocka_unit_test(jumps),	 cmocka_unit_test(migrates),
		cmocka_unit_test(backwards), cmocka_unit_test(nonsense), cmocka_unit_test(random_runs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
