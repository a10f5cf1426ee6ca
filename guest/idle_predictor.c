// SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause)
#include "idle_predictor.h"

/*
 * The budget minimises cost, not the distance to the length of the next idle: nobody pays for a wrong guess, but
 * for polling and for halting.  An idle period of length L under a polling window B costs
 *
 *	w * L		if L <= B	it ended while we polled
 *	w * B + W	otherwise	we polled in vain, halted, and had to be woken
 *
 * with W the cost of a halt and wake and w the price of a polled nanosecond.  The best B for a stream of idles
 * depends on the shape of the whole distribution (with two humps it may be worth to poll through the first and never
 * through the second), so no mean or median of the lengths can tell it.  But it can be tried: for each window of
 * a small grid we keep what that window would have cost on the idles seen so far, and take the cheapest.  The
 * grid is geometric, since a window that is too long by some factor costs in proportion.
 *
 * Each idle counts 31/32 of the one after it, so that a change of load is followed within some tens of idles, while
 * a single stray one does not turn the choice.
 *
 * What is polled is one step of the grid more than that. The cheapest window just covers the idles that were seen; the
 * next one may be a little longer than all of them, and a miss costs far more than the slack. Not so for 0: a CPU
 * on which polling brings nothing does not poll.
 *
 * The sums are kept apart, as polled time and as outlasted windows, and only priced when a choice is made.  The
 * prices may thus change at any time (W is measured while the CPU runs) and what was learned stays valid.
 *
 * A predictor that knows nothing has all costs at zero and chooses not to poll.  The first idle that it
 * observes sets that right, for all windows start from the same zero.
 */

#define MEMORY_SHIFT 5
#define ONE_MISS     1024 /* fixed point: one outlasted window, before the discount */

/* A discounted sum settles at the value observed times 1 << MEMORY_SHIFT, so the sums fit their types: */
_Static_assert(((u64)ONE_MISS << (MEMORY_SHIFT + 1)) < (1ULL << 32), "missed[] overflows");

static const u32 windows_ns[IDLE_PREDICTOR_WINDOWS] = {
	0,	 1000,	  1414,	   2000,    2828,    4000,    5657,
	8000,	 11314,	  16000,   22627,   32000,   45255,   64000,
	90510,	 128000,  181019,  256000,  362039,  512000,  724077,
	1024000, 1448155, 2048000, 2896309, 4096000, 5792619, IDLE_PREDICTOR_MAX_NS,
};

static u64 at_most(u64 value, u64 top)
{
	return value < top ? value : top;
}

void idle_predictor_init(struct idle_predictor *p)
{
	int i;

	for (i = 0; i < IDLE_PREDICTOR_WINDOWS; i++) {
		p->polled[i] = 0;
		p->missed[i] = 0;
	}
}

void idle_predictor_observe(struct idle_predictor *p, u64 length_ns)
{
	int i;

	for (i = 0; i < IDLE_PREDICTOR_WINDOWS; i++) {
		p->polled[i] -= p->polled[i] >> MEMORY_SHIFT;
		p->polled[i] += at_most(length_ns, windows_ns[i]);
		p->missed[i] -= p->missed[i] >> MEMORY_SHIFT;
		if (length_ns > windows_ns[i])
			p->missed[i] += ONE_MISS;
	}
}

/* At the tops: 2^23 * 1024 * 10^5 + 2^15 * 100 * 10^9, below 2^63 with a factor of a thousand to spare. */
static u64 cost_of(const struct idle_predictor *p, int i, u64 halt_cost_ns, u64 poll_price_pct)
{
	return p->polled[i] * ONE_MISS * poll_price_pct + p->missed[i] * halt_cost_ns * 100;
}

u32 idle_predictor_choose(const struct idle_predictor *p, const struct idle_question *q)
{
	u64 halt_cost_ns = at_most(q->halt_cost_ns, IDLE_PREDICTOR_MAX_HALT_COST_NS);
	u64 poll_price_pct = at_most(q->poll_price_pct, IDLE_PREDICTOR_MAX_POLL_PRICE_PCT);
	u64 least = cost_of(p, 0, halt_cost_ns, poll_price_pct);
	int i, best = 0;

	for (i = 1; i < IDLE_PREDICTOR_WINDOWS && windows_ns[i] <= q->limit_ns; i++) {
		u64 cost = cost_of(p, i, halt_cost_ns, poll_price_pct);

		if (cost < least) {
			least = cost;
			best = i;
		}
	}
	/* i is the first window that may not be chosen. */
	if (best && best + 1 < i)
		best++;
	return windows_ns[best];
}
