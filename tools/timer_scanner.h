/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A scanner's process, from the daemon's side: a child on a CPU of its own that runs timer_scan over the VMs which it
 * is sent, descriptors and all, through a socket. All VMs come that way, at its start too, so that the child holds
 * nothing of the daemon but this socket: not the others' sockets, whose hang-up they wait for, and no page of a VM that
 * is gone.
 *
 * The child ends when the socket hangs up: it announces death on all its pages first.
 */
#ifndef ISOLAT_TIMER_SCANNER_H
#define ISOLAT_TIMER_SCANNER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "isolat/error.h"
#include "timer_page.h"
#include "timer_scan.h"
#include "timer_stats.h"

struct timer_scanner_config {
	struct timer_scan_limits limits;
	uint64_t tsc_khz;
	const char *cgroup; /* a cgroup v2 folder that scanners move into; NULL: they stay */
};

struct timer_scanner {
	int cpu;  /* that it is pinned to; -1: to none */
	int node; /* of the CPU; -1: not known */
	unsigned int n_vms;

	pid_t pid;  /* -1: there is no process */
	int socket; /* -1: likewise */
	struct timer_stats *stats;
	uint32_t generation; /* of what runs or ran last; 0: nothing yet */

	/* For whoever watches it (timer_supervise.h). */
	uint64_t started_ms, start_at_ms; /* when; and if there is no process, when there may be one */
	uint64_t beat, beat_ms;		  /* the last that was seen, and when it was first seen */
	unsigned int quick_deaths, restarts;
	bool forgiven;		 /* it has not beaten since a look that came late */
	bool killed;		 /* it was sent SIGKILL, and is to be reaped */
	uint64_t cpu_ns, cpu_ms; /* of the last look at how much it uses */
	double cpu_pct;
};

/* Which it is, in words: "scanner on CPU 3", "scanner on any CPU". */
struct timer_scanner_name {
	char text[32];
};
struct timer_scanner_name timer_scanner_name(const struct timer_scanner *s);

/* Whether a process can go where @s is to run: one tries it. ISOLAT_USAGE for a place that there is not. */
int timer_scanner_check(const struct timer_scanner *s, const struct timer_scanner_config *config,
			struct isolat_error *err);

/* Starts the process, with a new generation and new figures. */
int timer_scanner_start(struct timer_scanner *s, const struct timer_scanner_config *config, struct isolat_error *err);

/* After the process has ended, or when the daemon ends: closes the socket. The figures stay until the next start. */
void timer_scanner_hang_up(struct timer_scanner *s);
void timer_scanner_free(struct timer_scanner *s);

/*
 * Sends VM @index, with its page's memfd and eventfds; @doorbell -1: it has none. Never waits: where the socket takes
 * no more, which is megabytes, the scanner is as good as dead, and that is the error.
 */
int timer_scanner_add(struct timer_scanner *s, unsigned int index, const struct timer_page *page, const int *signals,
		      int doorbell, struct isolat_error *err);
int timer_scanner_remove(struct timer_scanner *s, unsigned int index, struct isolat_error *err);
/* timer_scan_jump(), for tests. */
int timer_scanner_jump(struct timer_scanner *s, int64_t cycles, struct isolat_error *err);

#endif
