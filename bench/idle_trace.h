/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Idle periods (idle_periods.h) of one CPU, read from the text of a tracefs buffer with the events named in
 * IDLE_TRACE_EVENTS and the trace clock "mono".
 *
 * Meant for a watched task that is bound to the CPU, alone: the CPU of a waking is taken from sched_waking.
 */
#ifndef ISOLAT_IDLE_TRACE_H
#define ISOLAT_IDLE_TRACE_H

#include <stdbool.h>
#include <stdint.h>

#include "idle_periods.h"

#define IDLE_TRACE_EVENTS "sched_switch sched_waking cpu_idle hrtimer_start hrtimer_expire_entry hrtimer_expire_exit"

struct idle_trace {
	unsigned int cpu;
	const char *comm;
	struct idle_periods periods;
	struct idle_cpu cpus[2]; /* that CPU, and all others as one: of them only wake-ups matter */
};

/* Begins with nothing known, for the idles of @cpu; @comm (borrowed) is the name of the watched task. */
void idle_trace_init(struct idle_trace *trace, unsigned int cpu, const char *comm);

/* Feeds one line, in the buffer's order; of other CPUs' lines only their wake-ups of @cpu matter. Returns true when it
 * ended a period: *@period is filled. */
bool idle_trace_line(struct idle_trace *trace, const char *line, struct idle_period *period);

#endif
