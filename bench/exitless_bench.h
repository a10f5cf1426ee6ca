/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The exitless timer without a VM: the agent's scanner in a thread on one CPU, a guest that is made of nothing but its
 * armings, and who reads the eventfds, in a thread on another. What is seen is what the scheme adds to a timer, less
 * the interrupt itself.
 */
#ifndef ISOLAT_EXITLESS_BENCH_H
#define ISOLAT_EXITLESS_BENCH_H

#include <stdbool.h>
#include <stdint.h>

#include "isolat/error.h"

/* What a guest that means harm does while its neighbours are measured. */
enum exitless_hostile {
	HOSTILE_NOT,
	HOSTILE_PAST,	 /* arms all its slots in the past, for ever */
	HOSTILE_REWRITE, /* rewrites all its lines, far in the future, for ever */
	HOSTILE_HEADER,	 /* asks for the time, and publishes maps, for ever */
	HOSTILE_KINDS,
};

struct exitless_bench_config {
	unsigned int vms, slots; /* slots in all: dealt out to the VMs */
	unsigned int samples;
	enum exitless_hostile hostile;
};

/* Of the samples, in ns. */
struct exitless_quantiles {
	double p50, p99, p999, max;
};

struct exitless_bench_result {
	struct exitless_quantiles arm;	   /* an arming by the contract of 1.1, barrier and look for a ring included */
	struct exitless_quantiles arm_1_0; /* as a 1.0 guest arms: without these */
	struct exitless_quantiles detect;  /* from the expiry to the scanner's seeing it */
	struct exitless_quantiles total;   /* from the expiry to a reader that spins on the eventfd */
	struct exitless_quantiles total_blocking;	     /* to a reader that blocks */
	struct exitless_quantiles timerfd, timerfd_blocking; /* the same, with a timerfd in place of all that */
	struct exitless_quantiles ring;			     /* from a ring, agent asleep, to a reader that spins */
	double scan_ns_per_slot;			     /* a pass, nothing due, by its slots */
	double idle_cpu_pct;				     /* of the agent, all parked */
	uint64_t early;					     /* fires before their expiry: 0 */
	uint64_t lost;					     /* timers that did not fire within 10 s: 0 */
	uint64_t limited;				     /* of the hostile VM */
};

const char *exitless_hostile_name(enum exitless_hostile kind);

/* The most slots that @vms have together. */
unsigned int exitless_bench_max_slots(unsigned int vms);

/*
 * Runs it all. ISOLAT_UNSUPPORTED where this process has not two CPUs, or the TSC is no clock. With @hostile there is
 * one VM more, with all the slots that a page can have, that does what the configuration says; then only detect, early,
 * lost and limited are measured.
 */
int exitless_bench_run(const struct exitless_bench_config *config, struct exitless_bench_result *result, bool hostile,
		       struct isolat_error *err);

#endif
