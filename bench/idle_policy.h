/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rules that decide, when a CPU goes idle, how long it polls before it halts; each as operations that are stepped
 * through the idles of one CPU: window(), learn(), window(), learn()...  They know what a CPU knows, and nothing of
 * what comes. A rule from elsewhere names where it stands and in which version.
 */
#ifndef ISOLAT_IDLE_POLICY_H
#define ISOLAT_IDLE_POLICY_H

#include <stdint.h>

#include "idle_predictor.h"

/* A window without end: the CPU polls until it is asked for. */
#define IDLE_FOREVER UINT64_MAX

/* What the commands take. The longest poll is that of smart_idle_poll's poll_max_ns. */
#define IDLE_MAX_HALT_NS 1000000000
#define IDLE_MAX_PRICE	 1000
#define IDLE_MAX_POLL_NS 10000000

struct idle_costs {
	uint64_t halt_ns;   /* a halt and the wake from it */
	uint32_t price_ppm; /* of a polled ns, in millionths of a ns of that */
	uint32_t limit_ns;  /* no window above this one, for the policies that have no limit of their own */
	uint32_t without;   /* what isolat's predictor does without, to see what it brings: 1 << IDLE_BY_x */
};

/* What is known when an idle begins. */
struct idle_begin {
	uint64_t next_timer_ns; /* from now, or IDLE_NO_TIMER */
	uint64_t ran_ns;	/* since the CPU's last idle; 0 if there was none */
};

/* What a policy knows of one CPU. */
union idle_policy_state {
	struct idle_predictor predictor;
	uint64_t window_ns;
};

struct idle_policy {
	const char *name;
	const char *source; /* where the rule comes from */
	/* What a CPU begins with; NULL: all bytes zero. */
	void (*init)(union idle_policy_state *state);
	/* The window for the idle that begins now. */
	uint64_t (*window)(union idle_policy_state *state, const struct idle_costs *costs,
			   const struct idle_begin *begin);
	/* How that idle went, from its beginning to the request that ended it; NULL: nothing is learned. */
	void (*learn)(union idle_policy_state *state, const struct idle_costs *costs, uint64_t length_ns,
		      enum idle_wake wake);
};

/* All of them; the entry behind the last has no name. */
extern const struct idle_policy idle_policies[];

/* The policy of that name, or NULL. */
const struct idle_policy *idle_policy_find(const char *name);

#endif
