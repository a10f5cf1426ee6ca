// SPDX-License-Identifier: BSD-3-Clause
#include "idle_draw.h"

/* Fractions have 30 bits behind the point. */
#define POINT 30
#define ONE   (1LL << POINT)
#define LN2   744261118LL  /* ln 2 */
#define LOG2E 1549082005LL /* 1 / ln 2 */

typedef unsigned __int128 wide;

static uint64_t rotate(uint64_t x, int bits)
{
	return x << bits | x >> (64 - bits);
}

/* The next of splitmix64, which spreads a seed over a state. */
static uint64_t split(uint64_t *x)
{
	uint64_t z = *x += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

void idle_draw_init(struct idle_draw *draw, uint64_t seed, const char *name)
{
	uint64_t hash = 0xcbf29ce484222325; /* FNV-1a */

	for (; *name; name++)
		hash = (hash ^ (unsigned char)*name) * 0x100000001b3;
	hash += split(&seed);
	for (int i = 0; i < 4; i++)
		draw->state[i] = split(&hash);
}

/* xoshiro256** */
static uint64_t bits(struct idle_draw *draw)
{
	uint64_t *s = draw->state, result = rotate(s[1] * 5, 7) * 9, t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotate(s[3], 45);
	return result;
}

uint64_t idle_draw_below(struct idle_draw *draw, uint64_t n)
{
	return (uint64_t)((wide)bits(draw) * n >> 64);
}

/* -log2 of a uniform draw from 0 (without) to 1. */
static uint64_t minus_log2(struct idle_draw *draw)
{
	uint64_t x = bits(draw) | 1, log2;
	int leading = __builtin_clzll(x);

	log2 = (uint64_t)(63 - leading) << POINT;
	x = x << leading >> 32; /* from 1 to 2, with 31 bits behind the point */
	for (uint64_t bit = ONE / 2; bit; bit /= 2) {
		/* The square has twice the logarithm: its whole part is the next bit. */
		x = x * x >> 31;
		if (x >> 32) {
			x /= 2;
			log2 |= bit;
		}
	}
	return (64ULL << POINT) - log2;
}

static uint64_t limited(wide ns)
{
	return ns < IDLE_DRAW_MAX_NS ? (uint64_t)ns : IDLE_DRAW_MAX_NS;
}

/* @ns, which is not 0, times 2 to the power of @x. */
static uint64_t times_exp2(uint64_t ns, int64_t x)
{
	int64_t whole = x / ONE;
	int64_t rest = (x - whole * ONE) * LN2 / ONE, power = ONE;

	for (int n = 12; n > 0; n--) /* e^rest by its series, from the inside out */
		power = ONE + rest * power / n / ONE;
	if (whole < -40)
		return 0;
	if (whole > 34)
		return IDLE_DRAW_MAX_NS;
	/* 16 bits more behind the point, that the shift is to the right in any case. */
	return limited(((wide)ns * (uint64_t)power << 16) >> (POINT + 16 - whole));
}

/* The exponential distribution with mean 1. */
static uint64_t exponential(struct idle_draw *draw)
{
	return (uint64_t)((wide)minus_log2(draw) * LN2 >> POINT);
}

uint64_t idle_draw_exponential(struct idle_draw *draw, uint64_t mean_ns)
{
	return limited((wide)exponential(draw) * mean_ns >> POINT);
}

uint64_t idle_draw_weibull(struct idle_draw *draw, uint64_t scale_ns)
{
	uint64_t x = exponential(draw);

	return limited(((wide)x * x >> POINT) * scale_ns >> POINT);
}

uint64_t idle_draw_pareto(struct idle_draw *draw, uint64_t min_ns, unsigned int alpha)
{
	return times_exp2(min_ns, (int64_t)(minus_log2(draw) * 1000 / alpha));
}

/* Mean 0, standard deviation 1: the sum of 12 uniform draws is as good as normal for our purpose. */
static int64_t normal(struct idle_draw *draw)
{
	int64_t sum = -6 * ONE;

	for (int i = 0; i < 12; i++)
		sum += (int64_t)(bits(draw) >> (64 - POINT));
	return sum;
}

uint64_t idle_draw_lognormal(struct idle_draw *draw, uint64_t median_ns, unsigned int sigma)
{
	int64_t x = normal(draw) * (int64_t)sigma / 1000;

	return times_exp2(median_ns, (int64_t)((__int128)x * LOG2E / ONE));
}

uint64_t idle_draw_normal(struct idle_draw *draw, uint64_t mean_ns, unsigned int sigma)
{
	__int128 ns = (__int128)mean_ns + (__int128)mean_ns * normal(draw) / ONE * (int)sigma / 1000;

	return ns > 0 ? limited((wide)ns) : 0;
}
