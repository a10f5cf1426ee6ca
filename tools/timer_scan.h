/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The scanner: reads the slots of any number of VMs' pages, on one CPU, and signals those that are due.
 *
 * It knows pages and eventfds, no sockets and no processes: exitless-timerd runs it in a process per core
 * (timer_scanner.h), the benchmark in a thread. Every byte of a page is the guest's: fields are read once, checked, and
 * bounded by what the daemon said, not by the page.
 *
 * Fairness. A pass visits every unparked VM once. A VM has two leaky buckets: fires (fire_hz, with fire_burst) and time
 * (share_permille of the scanner's time, over bucket_us). A VM whose bucket is empty waits: its due slots fire late,
 * others are not touched. Reading lines that nobody writes is not charged: a VM pays for its signals, and for what its
 * writing to lines costs, those of the header too. Who has used up its share is visited by 32 lines at a time. What a
 * hostile VM can cost its neighbours is thus its share; at once, until its bucket is empty, a visit: nr_slots lines
 * that come from another CPU and 32 fires; and after that 32 of such lines, or one fire.
 */
#ifndef ISOLAT_TIMER_SCAN_H
#define ISOLAT_TIMER_SCAN_H

#include <stdbool.h>
#include <stdint.h>

#include "isolat/error.h"
#include "timer_page.h"
#include "timer_stats.h"

struct timer_scan_limits {
	uint64_t park_ns;	 /* a VM with nothing due for this long is parked; 0: never. Default 1 ms */
	uint64_t early_ns;	 /* how long before a parked VM's next expiry its page is read again. Default 100 us */
	unsigned int fire_hz;	 /* signals per second and VM, over time. Default 200,000 */
	unsigned int fire_burst; /* signals that a VM which was quiet may have at once. Default 1,000 */
	unsigned int share_permille; /* of the scanner's time, per VM, 1 to 1,000. Default 250 */
	unsigned int bucket_us;	     /* over how long that is measured. Default 1,000 */
};
extern const struct timer_scan_limits timer_scan_defaults;

struct timer_scan;

/*
 * @stats (of the caller, zeroed, for the scan's life) is where all is counted. ISOLAT_USAGE for a limit of 0, but for
 * park_ns and early_ns.
 */
int timer_scan_new(struct timer_scan **scan, const struct timer_scan_limits *limits, uint64_t tsc_khz,
		   struct timer_stats *stats, struct isolat_error *err);
void timer_scan_free(struct timer_scan *scan);

/*
 * Takes VM number @index (below TIMER_MAX_VMS, free) into the scan. The page is mapped already; @signals are
 * page->nr_slots eventfds, @doorbell the eventfd that the guest rings (-1: none). Page and descriptors stay the
 * caller's and open until timer_scan_remove(). Sets nothing on the page but what a takeover sets: generation,
 * agent_wake_tsc, agent_state (see the contract), and signals every slot: the first at once, the rest in the next
 * passes, as the VM's limits allow. Without a doorbell, as on a page of version
 * 1.0, the page is never parked.
 */
int timer_scan_add(struct timer_scan *scan, unsigned int index, const struct timer_page *page, const int *signals,
		   int doorbell, uint32_t generation, struct isolat_error *err);
/* Marks the page dead, and signals its slots, or as many as it can within a ms. */
void timer_scan_remove(struct timer_scan *scan, unsigned int index);

/*
 * One pass over all VMs. Returns 0 when there is something to watch: call again at once; or the host TSC until which
 * all are parked (EXITLESS_NEVER: until a doorbell rings): the caller may call timer_scan_sleep() then. Answers
 * handshakes, takes doorbells, and beats by itself.
 *
 * A signal to an eventfd that QEMU made block ends with any signal of this thread whose handler has no SA_RESTART: the
 * caller has one, and stats->in_signal tells when it is needed.
 */
uint64_t timer_scan_pass(struct timer_scan *scan);

/*
 * Sleeps on the doorbells, and on @other_fd (-1: none), until the host's TSC is @until or a beat is due; then beats.
 * The kernel may add the thread's timer slack, which early_ns must cover.
 */
void timer_scan_sleep(struct timer_scan *scan, uint64_t until, int other_fd);

/* Marks every page dead and signals every slot: the scanner's last act, or its supervisor's. Async-signal-safe. */
void timer_scan_announce_death(struct timer_scan *scan);

/* For tests: what the scanner believes the host's TSC to be is @cycles more than it is, from now on. */
void timer_scan_jump(struct timer_scan *scan, int64_t cycles);

/*
 * For tests: @clock instead of the TSC, in all but timer_scan_sleep(); by it a line that nobody writes may cost 8 ns.
 * To be called before the first VM is added.
 */
void timer_scan_set_clock(struct timer_scan *scan, uint64_t (*clock)(void *arg), void *arg);

#endif
