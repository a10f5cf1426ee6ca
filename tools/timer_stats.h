/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a scanner of the timer agent counts, in memory that it shares with exitless-timerd alone, never with a guest:
 * figures for `isolat timer status`, and the beat by which its death is noticed. Written by the scanner, read by the
 * daemon at any time: each field is one aligned word, relaxed; a reader may see one field newer than another.
 */
#ifndef ISOLAT_TIMER_STATS_H
#define ISOLAT_TIMER_STATS_H

#include <stdint.h>

#include "isolat/exitless_timer.h"

#define TIMER_MAX_VMS 256

#define TIMER_LATE_BINS EXITLESS_LATE_BINS

struct timer_slot_stats {
	uint64_t armed;	   /* armings by the guest's seq since the VM was added, and what was armed then */
	uint64_t fired;	   /* signals sent for an expiry */
	uint64_t late_max; /* ns by the page's map, from the expiry (or the arming, if that was later) to the fire */
	uint64_t late_sum;
	uint32_t late[TIMER_LATE_BINS];
};

struct timer_vm_stats {
	uint64_t limited;   /* times that a due slot was left for later, or the VM not visited, because of its limits */
	uint64_t parked;    /* times that its page was parked */
	uint64_t rung;	    /* doorbells that came */
	uint64_t syncs;	    /* answers to the guest's questions for the time */
	uint64_t jumps;	    /* new maps asked for */
	uint64_t refused;   /* values of the page that made no sense: a map, a state */
	uint64_t blocked;   /* signals that the eventfd did not take */
	uint32_t is_parked; /* 1: now */
	uint32_t guest_state, guest_version;
	uint32_t nr_slots;
	struct timer_slot_stats slots[EXITLESS_MAX_SLOTS];
};

struct timer_stats {
	uint64_t beat;	    /* host TSC of the scanner's last beat; 0: not begun */
	uint64_t tsc_khz;   /* by which cycles become ns */
	uint64_t gap_max;   /* ns: the longest time between two looks at the clock, sleeps that were meant left out */
	uint64_t gaps;	    /* how often that was above 1 ms */
	uint64_t cpu_ns;    /* CPU time of the scanner's thread, as of the last beat */
	uint64_t sleeps;    /* times that it slept, all VMs parked */
	uint32_t in_signal; /* 1 + index of the VM whose eventfd is being written; 0: none */
	uint32_t pid;	    /* of the scanner */
	struct timer_vm_stats vms[TIMER_MAX_VMS];
};

#endif
