/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/*
 * What does it cost to halt and be woken?  Measured on the CPU's own timers, for these are the only events whose
 * due time the guest knows: how late does a timer's interrupt have been served when the CPU had halted, less
 * the same when it was polling.  What both have in common, the delivery and the handler, falls out; what is left is
 * the host's way from the timer to the running vCPU.  It takes no timer of its own and no exit: a clock is read
 * before each wait.
 *
 * Lateness has a long tail (the host was busy, another interrupt came first), so no mean is kept but a running median:
 * each sample moves the estimate by a sixteenth towards itself, however far away it lies.
 *
 * Timers seldom go off while polling.  That part therefore starts at zero, so that W is an upper bound until some tens
 * of them were seen, and at most half of the lateness after a halt is put down to it: a W close to zero would stop the
 * polling, and with it the samples that could show it to be wrong.
 */
#ifndef ISOLAT_HALT_COST_H
#define ISOLAT_HALT_COST_H

#include "plain_types.h"

#define HALT_COST_DEFAULT_NS 20000 /* until the first timers have been seen */
#define HALT_COST_MIN_NS     1000
#define HALT_COST_MAX_NS     10000000

struct halt_cost {
	u32 halted_ns; /* lateness of a timer after a halt */
	u32 polled_ns; /* lateness of a timer while polling */
	u64 halted_samples;
	u64 polled_samples;
};

static inline void halt_cost_init(struct halt_cost *c)
{
	c->halted_ns = HALT_COST_DEFAULT_NS;
	c->polled_ns = 0;
	c->halted_samples = 0;
	c->polled_samples = 0;
}

static inline u32 halt_cost_step(u32 estimate, u64 sample)
{
	u32 step = estimate / 16 + 16;

	if (sample > (u64)estimate + step)
		estimate += step;
	else if (sample + step < estimate)
		estimate -= step;
	else
		estimate = (u32)sample;
	return estimate < HALT_COST_MAX_NS ? estimate : HALT_COST_MAX_NS;
}

static inline void halt_cost_after_halt(struct halt_cost *c, u64 late_ns)
{
	c->halted_ns = halt_cost_step(c->halted_ns, late_ns);
	c->halted_samples++;
}

static inline void halt_cost_after_poll(struct halt_cost *c, u64 late_ns)
{
	c->polled_ns = halt_cost_step(c->polled_ns, late_ns);
	c->polled_samples++;
}

static inline u32 halt_cost_ns(const struct halt_cost *c)
{
	u32 common = c->polled_ns < c->halted_ns / 2 ? c->polled_ns : c->halted_ns / 2;
	u32 cost = c->halted_ns - common;

	return cost > HALT_COST_MIN_NS ? cost : HALT_COST_MIN_NS;
}

#endif
