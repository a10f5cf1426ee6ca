/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Random times in ns, the same on every machine for the same seed: integers only, since libm's last bits and what a
 * compiler contracts differ. Accurate to about 1e-7, and never longer than IDLE_DRAW_MAX_NS, nor may what they are
 * drawn around be, or 0.
 */
#ifndef ISOLAT_IDLE_DRAW_H
#define ISOLAT_IDLE_DRAW_H

#include <stdint.h>

#define IDLE_DRAW_MAX_NS 10000000000ULL

struct idle_draw {
	uint64_t state[4]; /* of xoshiro256** */
};

/* Another @name is another sequence, under the same @seed too. */
void idle_draw_init(struct idle_draw *draw, uint64_t seed, const char *name);

/* From 0 to @n - 1; @n is not 0. */
uint64_t idle_draw_below(struct idle_draw *draw, uint64_t n);

uint64_t idle_draw_exponential(struct idle_draw *draw, uint64_t mean_ns);

/* Weibull with shape 1/2, whose mean is twice its scale: the longer it has lasted, the longer it will. */
uint64_t idle_draw_weibull(struct idle_draw *draw, uint64_t scale_ns);

/* @alpha and @sigma (of the logarithm) are in thousandths. */
uint64_t idle_draw_pareto(struct idle_draw *draw, uint64_t min_ns, unsigned int alpha);
uint64_t idle_draw_lognormal(struct idle_draw *draw, uint64_t median_ns, unsigned int sigma);

/* @sigma is in thousandths of the mean. Up to 6 sigma away, as a sum of 12 uniform draws is; at least 0. */
uint64_t idle_draw_normal(struct idle_draw *draw, uint64_t mean_ns, unsigned int sigma);

#endif
