/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Exits per timer, by reason: a vCPU that sleeps, and cyclictest, with the timer of the LAPIC, with KVM's own injection
 * from another CPU (kvm.pi_inject_timer), and with the exitless timer; each with and without smart idle poll. The agent
 * is an exitless-timerd of the benchmark's own, on a core of its own.
 */
#ifndef ISOLAT_TIMER_BENCH_H
#define ISOLAT_TIMER_BENCH_H

#include <jansson.h>

#include "isolat/error.h"
#include "microvm.h"

#define TIMER_BENCH_VERSION 1

struct timer_bench_config {
	const char *kernel;		  /* the guest's, as in struct microvm_config */
	const char *poll_module;	  /* path of smart_idle_poll.ko for that kernel */
	const char *exitless_module;	  /* path of exitless_timer.ko for it */
	enum microvm_accel accel;	  /* KVM, or AUTO */
	int agent_cpu;			  /* the scanner's, see bench_cpus.h; the vCPU is kept off it */
	const char *const *agent_options; /* more for exitless-timerd, NULL-terminated; may be NULL */
	unsigned int timers;		  /* sleeps, or cycles, for each cell */
	unsigned int poll_max_us;	  /* smart_idle_poll's longest poll in its cells */
	const char *module_params;	  /* more of its parameters, such as "steal_pct=0"; may be NULL */
	const char *exitless_params;	  /* of exitless_timer, beside watch=none; may be NULL */
	const unsigned int *intervals_us;
	size_t n_intervals;
	bool both_pi_inject; /* measure with kvm.pi_inject_timer off and on; else with it as it is. Only for a lab's
				host */
	/* Called before each step with a line for the user; may be NULL. */
	void (*progress)(const char *text);
};

/*
 * Runs it all. On success *@report (owned by the caller) is the document that isolat-bench(1) describes: "version",
 * "options", "machine", "cells". Errors as microvm_start() and kvm_exits_open() have them.
 */
int timer_bench_run(const struct timer_bench_config *config, json_t **report, struct isolat_error *err);

#endif
