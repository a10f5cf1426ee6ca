/* SPDX-License-Identifier: BSD-3-Clause */
/* The page of include/isolat/exitless_timer.h, from the host's side: made, and laid open for an agent. */
#ifndef ISOLAT_TIMER_PAGE_H
#define ISOLAT_TIMER_PAGE_H

#include <stddef.h>
#include <stdint.h>

#include "isolat/error.h"
#include "isolat/exitless_timer.h"

struct timer_page {
	int memfd;   /* sealed: does not shrink or grow, and takes no further seals */
	size_t size; /* bytes, a power of two: it becomes a PCI BAR */
	unsigned int nr_slots;
	union {
		void *base;
		struct exitless_header *header;
	};
};

/* Bytes of a page for @nr_slots. */
size_t timer_page_size(unsigned int nr_slots);

/*
 * Makes a page: version 1.@minor (0 for tests), constants set, slots disarmed, agent_state NONE. @doorbell as in the
 * header. The caller ends it with timer_page_close(). ISOLAT_USAGE if @nr_slots is not in [1, EXITLESS_MAX_SLOTS].
 */
int timer_page_make(struct timer_page *page, unsigned int nr_slots, unsigned int minor, uint32_t doorbell,
		    uint64_t tsc_khz, struct isolat_error *err);

/*
 * Maps the page behind @memfd, which this process was given by the daemon; checks its size and its seals. On success
 * the page owns @memfd; on failure it stays the caller's.
 */
int timer_page_map(struct timer_page *page, int memfd, unsigned int nr_slots, struct isolat_error *err);
void timer_page_close(struct timer_page *page);

static inline struct exitless_slot *timer_page_slot(const struct timer_page *page, unsigned int n)
{
	return (struct exitless_slot *)((char *)page->base + EXITLESS_HEADER_SIZE + (size_t)n * EXITLESS_SLOT_SIZE);
}

/*
 * This host's TSC in kHz, as exactly as the kernel tells (perf's clock), else measured over 50 ms. ISOLAT_UNSUPPORTED
 * where the TSC is not the host's clock source: the kernel takes it only if it is constant and the same on all CPUs.
 */
int timer_host_tsc_khz(uint64_t *khz, struct isolat_error *err);

#endif
