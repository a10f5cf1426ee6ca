/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The talk's table: fio 4k random reads at depth 1 on a null_blk disk with an injected completion latency, for host
 * halt polling x guest smart idle poll, in a guest under KVM; and message passing between two vCPUs.
 *
 * One VM per host setting (host halt polling is set when a VM is created), all guest settings in turn in it. vCPU 1
 * runs nothing but fio's reading thread; its exits, its CPU time and the guest's interrupts are read before and after.
 */
#ifndef ISOLAT_IDLE_BENCH_H
#define ISOLAT_IDLE_BENCH_H

#include <jansson.h>

#include "isolat/error.h"
#include "microvm.h"

#define IDLE_BENCH_VERSION 1

struct idle_bench_config {
	const char *kernel;	    /* the guest's, as in struct microvm_config */
	const char *module;	    /* path of smart_idle_poll.ko for that kernel */
	enum microvm_accel accel;   /* KVM, or AUTO */
	unsigned int reads;	    /* fio reads a cell */
	unsigned int traced_reads;  /* reads with idle periods traced, a cell */
	unsigned int wakes;	    /* round trips of message passing */
	unsigned int host_poll_ns;  /* host halt polling in its "on" cells */
	unsigned int guest_poll_ns; /* smart_idle_poll's poll_max_ns in its "on" cells */
	/*
	 * Every time of the table is multiplied by this: injected latencies and both poll limits. On hardware 1. An
	 * emulated CPU runs code some tens of times slower, while its timers are as fast as ever; without the factor
	 * no idle of it would be short.
	 */
	unsigned int slowdown;
	const char *module_params; /* more of them, such as "steal_pct=0"; may be NULL */
	const unsigned int *latencies_ns;
	size_t n_latencies;
	bool skip_host_off, skip_host_on; /* leave out the cells without, or with, host halt polling */
	/* Called before each step with a line for the user; may be NULL. */
	void (*progress)(const char *text);
};

/*
 * Runs it all. On success *@report (owned by the caller) is the document that isolat-bench(1) describes: "version",
 * "options", "machine", "cells", "wake". Errors as microvm_start() and kvm_exits_open() have them.
 */
int idle_bench_run(const struct idle_bench_config *config, json_t **report, struct isolat_error *err);

#endif
