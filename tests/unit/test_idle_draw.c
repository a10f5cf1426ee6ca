// SPDX-License-Identifier: BSD-3-Clause
/* Random times: how exact they are, and where they end. Their distributions are tested through idle_gen. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "idle_draw.h"

#define N  10000
#define UP (1ULL << 40)

static struct idle_draw draw;

static int init(void **state)
{
	idle_draw_init(&draw, 1, "test");
	return 0;
}

/* The same draw, seen as a uniform one from 0 to 1. */
static double uniform(struct idle_draw copy)
{
	return (double)idle_draw_below(&copy, UP) / (double)UP;
}

static void assert_near(double a, double b, double tolerance)
{
	double off = a > b ? a - b : b - a;

	if (off > tolerance * b)
		fail_msg("%.9g, not %.9g", a, b);
}

/* With an exponent of 1, Pareto's is the inverse of the uniform draw; with 2, its root. */
static void test_pareto(void **state)
{
	for (int i = 0; i < N; i++) {
		struct idle_draw copy = draw;
		double u = uniform(draw), root;

		if (u < 0.01) {
			idle_draw_below(&draw, 1);
			continue;
		}
		assert_near((double)idle_draw_pareto(&copy, 100000000, 1000) * u, 100000000, 1e-7);
		root = (double)idle_draw_pareto(&draw, 100000000, 2000) / 100000000;
		assert_near(root * root * u, 1, 2e-7);
	}
}

/* e^-x by its series, exact enough from -5 to 5. */
static double exp_minus(double x)
{
	double sum = 1;

	for (int n = 60; n > 0; n--)
		sum = 1 + x * sum / n;
	return 1 / sum;
}

static void test_exponential(void **state)
{
	for (int i = 0; i < N; i++) {
		struct idle_draw copy = draw;
		double u = uniform(draw), x = (double)idle_draw_exponential(&draw, 1000000000) / 1000000000;

		if (x < 5)
			assert_near(exp_minus(x), u, 1e-7);
		if (x < 3)
			assert_near((double)idle_draw_weibull(&copy, 1000000000) / 1000000000 + 1, x * x + 1, 1e-7);
	}
}

/* Mean, variance, and how many are beyond two standard deviations. */
static void test_normal(void **state)
{
	double squares = 0, sum = 0;
	int beyond = 0;

	for (int i = 0; i < N; i++) {
		double x = ((double)idle_draw_normal(&draw, 1000000000, 100) - 1e9) / 1e8;

		sum += x;
		squares += x * x;
		beyond += x > 2;
		assert_true(x >= -6 && x <= 6);
	}
	assert_true(sum / N > -0.04 && sum / N < 0.04);
	assert_near(squares / N, 1, 0.06);
	assert_in_range(beyond, N * 18 / 1000, N * 28 / 1000);
}

/* e to the power of the same normal draw. */
static void test_lognormal(void **state)
{
	for (int i = 0; i < N; i++) {
		struct idle_draw copy = draw;
		double x = ((double)idle_draw_normal(&copy, 1000000000, 100) - 1e9) / 1e8;
		uint64_t ns = idle_draw_lognormal(&draw, 1000000000, 1000);

		if (ns < IDLE_DRAW_MAX_NS)
			assert_near((double)ns * exp_minus(x), 1e9, 1e-7);
	}
}

static void test_below(void **state)
{
	int counts[3] = { 0 };

	for (int i = 0; i < N; i++) {
		assert_int_equal(idle_draw_below(&draw, 1), 0);
		counts[idle_draw_below(&draw, 3)]++;
	}
	for (int i = 0; i < 3; i++)
		assert_in_range(counts[i], N / 3 - 200, N / 3 + 200);
}

/* Some of each would be longer than the longest, and are as long. */
static void test_longest(void **state)
{
	int at_end[5] = { 0 }, nearly = 0;

	for (int i = 0; i < N; i++) {
		const uint64_t ns[] = {
			idle_draw_exponential(&draw, IDLE_DRAW_MAX_NS),
			idle_draw_weibull(&draw, IDLE_DRAW_MAX_NS),
			idle_draw_pareto(&draw, 1, 100),
			idle_draw_lognormal(&draw, IDLE_DRAW_MAX_NS, 9000),
			idle_draw_normal(&draw, IDLE_DRAW_MAX_NS, 100),
		};

		nearly += ns[2] > 5000000000 && ns[2] < IDLE_DRAW_MAX_NS;
		for (int j = 0; j < 5; j++) {
			assert_true(ns[j] <= IDLE_DRAW_MAX_NS);
			at_end[j] += ns[j] == IDLE_DRAW_MAX_NS;
		}
	}
	assert_in_range(at_end[0], N * 34 / 100, N * 40 / 100);
	assert_in_range(at_end[1], N * 34 / 100, N * 40 / 100);
	assert_in_range(at_end[2], N * 8 / 100, N * 12 / 100);
	assert_in_range(nearly, N * 4 / 1000, N * 11 / 1000);
	assert_in_range(at_end[3], N * 47 / 100, N * 53 / 100);
	assert_in_range(at_end[4], N * 47 / 100, N * 53 / 100);
}

/* No time is negative, and those that are too short for a ns do no harm. */
static void test_shortest(void **state)
{
	int zeros = 0, tiny = 0;

	for (int i = 0; i < N; i++) {
		zeros += idle_draw_normal(&draw, 1000000, 1000) == 0;
		tiny += idle_draw_lognormal(&draw, 1000, 50000) < 1000;
	}
	assert_in_range(zeros, N * 13 / 100, N * 19 / 100);
	assert_in_range(tiny, N * 47 / 100, N * 53 / 100);
}

/* The first numbers that xoshiro256** gives from the state 1, 2, 3, 4, halved. */
static void test_generator(void **state)
{
	static const uint64_t known[] = { 11520, 0, 1509978240, 1215971899390074240 };

	draw = (struct idle_draw){ { 1, 2, 3, 4 } };
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		assert_int_equal(idle_draw_below(&draw, 1ULL << 63), known[i] / 2);
}

static void test_init(void **state)
{
	struct idle_draw other;

	idle_draw_init(&other, 1, "test");
	assert_memory_equal(&other, &draw, sizeof(draw));
	idle_draw_init(&other, 2, "test");
	assert_memory_not_equal(&other, &draw, sizeof(draw));
	idle_draw_init(&other, 1, "tset");
	assert_memory_not_equal(&other, &draw, sizeof(draw));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_pareto, init),   cmocka_unit_test_setup(test_exponential, init),
		cmocka_unit_test_setup(test_normal, init),   cmocka_unit_test_setup(test_lognormal, init),
		cmocka_unit_test_setup(test_below, init),    cmocka_unit_test_setup(test_longest, init),
		cmocka_unit_test_setup(test_shortest, init), cmocka_unit_test_setup(test_generator, init),
		cmocka_unit_test_setup(test_init, init),
	};

	return cmocka_run_group_tests_name("idle_draw", tests, NULL, NULL);
}
