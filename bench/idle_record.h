/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Records the idle periods of all CPUs of the running kernel, natively or in a guest, from tracepoints (idle_periods.h
 * says what a period is).
 *
 * The events go through a trace instance of our own (trace_instance.h). The recorder sleeps until a CPU's buffer is
 * half full, a second at most, then takes the raw pages of all CPUs, merged by time up to a moment just before it began
 * to read; what is later waits for the next time. So it holds a page for each CPU, and disturbs the load once a second.
 */
#ifndef ISOLAT_IDLE_RECORD_H
#define ISOLAT_IDLE_RECORD_H

#include <stdint.h>
#include <stdio.h>

#include <isolat/error.h>

#include "idle_periods.h"

struct idle_recorder;
struct tep_event;

struct idle_record_summary {
	double seconds; /* recorded */
	uint32_t cpus;	/* with a buffer */
	uint64_t idles; /* written */
	/* What was left out: */
	uint64_t lost_events;	       /* by the kernel's buffer */
	uint64_t lossy_idles;	       /* open, or begun, while events were lost */
	uint64_t unasked_idles;	       /* ended with no request seen: their task was pulled by the load balancer */
	char driver[32], governor[32]; /* of cpuidle; "none" */
};

/* Prepares everything and begins nothing. @tracefs: where tracefs is mounted. */
int idle_recorder_new(struct idle_recorder **recorder, const char *tracefs, struct isolat_error *err);

/*
 * Records to @out as CSV (idle_csv.h), for @seconds or until @stop_fd can be read (a signalfd; -1: none). @progress may
 * be NULL; it is called about once a second.
 */
int idle_recorder_run(struct idle_recorder *recorder, FILE *out, unsigned int seconds, int stop_fd,
		      void (*progress)(const struct idle_record_summary *), struct isolat_error *err);

const struct idle_record_summary *idle_recorder_summary(const struct idle_recorder *recorder);

/* Removes the trace instance and frees. Returns -1 with @err filled if it could not be removed. NULL is fine. */
int idle_recorder_free(struct idle_recorder *recorder, struct isolat_error *err);

#endif
