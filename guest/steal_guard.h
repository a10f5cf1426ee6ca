/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/*
 * A vCPU that polls while others wait for its physical CPU takes what they need, and is preempted for it.  The guard
 * is on while the host steals at least steal_pct of a CPU's time; it goes off when the share has stayed below half of
 * that for a second, so that the relief that it brings itself does not switch it off at once.
 */
#ifndef ISOLAT_STEAL_GUARD_H
#define ISOLAT_STEAL_GUARD_H

#include "plain_types.h"

#define STEAL_GUARD_SAMPLE_NS 100000000ULL
#define STEAL_GUARD_HOLD_NS   1000000000ULL

struct steal_guard {
	u64 sampled_ns; /* when the share was last worked out, 0: never */
	u64 stolen_ns;	/* the CPU's steal time at that moment */
	u64 high_ns;	/* when the share was last at or above half the threshold */
	bool on;
};

/* @now_ns and @stolen_ns only ever grow; @steal_pct 0 switches the guard off. */
static inline bool steal_guard_update(struct steal_guard *g, u64 now_ns, u64 stolen_ns, u32 steal_pct)
{
	u64 passed = now_ns - g->sampled_ns, stolen = stolen_ns - g->stolen_ns;
	bool first = !g->sampled_ns;

	if (!steal_pct) {
		g->on = false;
		return false;
	}
	if (!first && passed < STEAL_GUARD_SAMPLE_NS)
		return g->on;

	g->sampled_ns = now_ns;
	g->stolen_ns = stolen_ns;
	if (first)
		return g->on;

	if (stolen * 100 >= passed * steal_pct)
		g->on = true;
	if (stolen * 200 >= passed * steal_pct)
		g->high_ns = now_ns;
	else if (now_ns - g->high_ns >= STEAL_GUARD_HOLD_NS)
		g->on = false;
	return g->on;
}

#endif
