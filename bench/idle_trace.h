/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Idle periods of one CPU, read from the text of a tracefs buffer with the events named in
 * IDLE_TRACE_EVENTS and the trace clock "mono".
 *
 * A period begins when the CPU switches to its idle task and ends when it switches to another. Its length is the time
 * to the *request* that ended it, not to the switch: halting makes waking late and must not make idles look longer. The
 * request is the expiry of the timer whose handler woke the task, and otherwise the moment of the wake-up itself.
 * It counts as halted when the CPU entered an idle state other than polling (0) in it; a CPU without a cpuidle
 * driver reports its halts as state 1.
 */
#ifndef ISOLAT_IDLE_TRACE_H
#define ISOLAT_IDLE_TRACE_H

#include <stdbool.h>
#include <stdint.h>

#define IDLE_TRACE_EVENTS "sched_switch sched_waking cpu_idle hrtimer_start hrtimer_expire_entry hrtimer_expire_exit"

struct idle_period {
	uint64_t start_ns;
	uint64_t length_ns; /* 0 where the request was there before the idle began */
	bool of_task;	    /* it began when the watched task gave up the CPU */
	bool by_timer;	    /* a timer's handler asked for the CPU */
	bool halted;
};

/* Timers that are armed at the same time and remembered; a queue at depth 1 has one. */
#define IDLE_TRACE_TIMERS 16

struct idle_trace {
	unsigned int cpu;
	const char *comm;
	struct {
		uint64_t timer;
		uint64_t expires_ns;
	} armed[IDLE_TRACE_TIMERS];
	unsigned int next_slot;
	bool idle;		/* a period is open */
	uint64_t request_ns;	/* 0: none yet */
	uint64_t running_timer; /* expiry of the timer whose handler runs here, 0: none */
	struct idle_period period;
};

/* Begins with nothing known, for the idles of @cpu; @comm (borrowed) is the name of the watched task. */
void idle_trace_init(struct idle_trace *trace, unsigned int cpu, const char *comm);

/* Feeds one line, in the buffer's order; of other CPUs' lines only their wake-ups of @cpu matter. Returns true when it
 * ended a period: *@period is filled. */
bool idle_trace_line(struct idle_trace *trace, const char *line, struct idle_period *period);

#endif
