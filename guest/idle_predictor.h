/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/*
 * How long is it worth polling before a CPU halts?  Learns from the idle periods that a CPU had and answers with a
 * window in nanoseconds.  Plain C on integers: no allocation, no lock, no call out.  One CPU, one predictor, one
 * caller at a time.
 */
#ifndef ISOLAT_IDLE_PREDICTOR_H
#define ISOLAT_IDLE_PREDICTOR_H

#include "plain_types.h"

/* The windows on trial: 0, and 1 us to 8192 us by factors of the square root of two. */
#define IDLE_PREDICTOR_WINDOWS 28
#define IDLE_PREDICTOR_MAX_NS  8192000

/* Past the top of these an answer does not change any more; a larger value counts as the top. */
#define IDLE_PREDICTOR_MAX_HALT_COST_NS	  1000000000
#define IDLE_PREDICTOR_MAX_POLL_PRICE_PCT 100000

struct idle_predictor {
	u64 polled[IDLE_PREDICTOR_WINDOWS]; /* discounted sum of the ns that the window would have polled */
	u32 missed[IDLE_PREDICTOR_WINDOWS]; /* discounted sum of the idles that would have outlasted it */
};

/* What is asked, and at which prices.  A field that is added later means "unknown" when it is 0. */
struct idle_question {
	u32 limit_ns;	    /* no window above this one */
	u32 halt_cost_ns;   /* W: what a halt and the wake from it cost */
	u32 poll_price_pct; /* w: what a polled ns costs, in percent of a ns of W */
};

/* Forgets all: every window has cost nothing so far, and among equals the shortest, 0, is chosen. */
void idle_predictor_init(struct idle_predictor *p);

/* Learns one idle period that lasted @length_ns without the cost of waking from a halt. */
void idle_predictor_observe(struct idle_predictor *p, u64 length_ns);

/*
 * The window in ns, at most q->limit_ns, that would have cost least (the shorter one of two that cost the same), and a
 * step of the grid as slack; 0 if no polling would have cost least.
 */
u32 idle_predictor_choose(const struct idle_predictor *p, const struct idle_question *q);

#endif
