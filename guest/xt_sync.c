// SPDX-License-Identifier: GPL-2.0-only
/*
 * The clocks.  The agent knows the host's TSC, deadlines are the guest's: it needs a map, and only the guest can make
 * it, since only the guest can read its TSC.  So it asks the agent for the host's, many times in a row, with interrupts
 * on: an answer that took long says little and harms nothing.  tsc_map.c makes the map of the answers.
 *
 * The first burst of questions lasts a while, as rates need time between samples.  Later ones are short, and follow
 * after 100 ms to 10 s: as long as the map's error does not grow beyond what it is anyway.
 */

#define pr_fmt(fmt) "exitless_timer: " fmt

#include <linux/io.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/sched.h>
#include <asm/tsc.h>

#include "compat.h"
#include "xt.h"

#define XT_SAMPLES     32 /* of a burst, */
#define XT_SAMPLES_MS  2  /* but not for longer than this, */
#define XT_SAMPLES_MIN 4  /* though for so many */
#define XT_FIRST_MS    10 /* and at most for this long while the map is poor */
#define XT_POOR_PPM    200
#define XT_ANSWER_MS   500 /* for an agent that beats, but does not answer */
#define XT_PERIOD_MIN  100
#define XT_PERIOD_MAX  10000

/*
 * Nothing fires until there is a new one; an arming in between waits for it.  Where no CPU watches, this very CPU could
 * wait for a tick to get here again: all go back to the LAPIC first.
 */
static void xt_no_map(void)
{
	if (xt.watch_cpu < 0)
		xt_take_back();
	WRITE_ONCE(xt.header->map_seq, 0);
	xt.sync_ms = XT_PERIOD_MIN;
}

void xt_sync_forget(void)
{
	tsc_map_reset(&xt.map);
	xt_no_map();
}

static void xt_publish(void)
{
	struct tsc_line line = tsc_map_line(&xt.map);
	struct exitless_header *header = xt.header;

	WRITE_ONCE(header->map_seq, xt.map_seq + 1);
	virt_wmb();
	WRITE_ONCE(header->map_host, line.host);
	WRITE_ONCE(header->map_guest, line.guest);
	WRITE_ONCE(header->map_mult, line.mult);
	WRITE_ONCE(header->map_width, tsc_map_width(&xt.map));
	xt.map_seq += 2;
	if (!xt.map_seq) /* 0 says that there is none */
		xt.map_seq = 2;
	virt_store_release(&header->map_seq, xt.map_seq);
}

/* One question, and the answer into the map.  False: there was none while there was hope. */
static bool xt_ask(u32 seq)
{
	struct exitless_header *header = xt.header;
	u64 g1, host, g2;

	g1 = rdtsc_ordered();
	virt_store_release(&header->sync_seq, seq);
	if (xt.minor >= 1) {
		virt_mb(); /* as where a timer is armed */
		if (READ_ONCE(header->agent_wake_tsc) != EXITLESS_AWAKE)
			writel(xt.doorbell, xt.doorbell_reg);
	}
	for (;;) {
		/* Before the look for the answer: where this vCPU stood still in between, it is there. */
		bool hope = xt_beats() && rdtsc() - g1 <= xt_ms(max_t(u32, XT_ANSWER_MS, READ_ONCE(xt_dead_ms)));

		if (virt_load_acquire(&header->sync_ack) == seq)
			break;
		if (!hope)
			return false;
		cond_resched();
		cpu_relax();
	}
	host = READ_ONCE(header->sync_host_tsc);
	g2 = rdtsc_ordered();

	if (!tsc_map_add(&xt.map, g1, host, g2)) {
		xt.jumps++;
		xt_no_map();
	}
	return true;
}

/* Twice as long as the last time, while the map is good for so long. */
static void xt_plan_next(void)
{
	u64 allowed = max(4 * tsc_map_width(&xt.map), (u64)tsc_khz / 1000);
	unsigned int longer = min_t(unsigned int, 2 * xt.sync_ms, XT_PERIOD_MAX);

	/* Host cycles, by what the guest's are; the rates are alike, or the period is a little off. */
	if (tsc_map_drift(&xt.map, xt_ms(longer)) <= allowed)
		xt.sync_ms = longer;
	xt.sync_due = rdtsc() + xt_ms(xt.sync_ms);
}

/* Whether to ask again, after @n samples that agree, and @elapsed cycles. */
static bool xt_wants_more(unsigned int n, u64 elapsed)
{
	u64 period = xt_ms(XT_PERIOD_MIN);

	if (elapsed < xt_ms(XT_SAMPLES_MS) && n < XT_SAMPLES)
		return true;
	if (elapsed < xt_ms(XT_FIRST_MS) && tsc_map_drift(&xt.map, period) > div_u64(period * XT_POOR_PPM, 1000000))
		return true;
	/* The end of it, however often the agent's time jumps. */
	return elapsed < xt_ms(EXITLESS_DEAD_MS) && n < XT_SAMPLES_MIN;
}

int xt_sync(void)
{
	/* Never one that was asked before: its answer may still come, and be older than the new question. */
	u32 seq = READ_ONCE(xt.header->sync_seq);
	u64 start = rdtsc();
	unsigned int n = 0;

	WRITE_ONCE(xt.sync_wanted, READ_ONCE(xt.header->sync_wanted));
	do {
		if (!xt_ask(++seq))
			return -ETIMEDOUT;
		n = xt.map.samples > 1 ? n + 1 : 1;
	} while (xt_wants_more(n, rdtsc() - start));
	if (!xt.map.samples)
		return -ETIMEDOUT;
	xt.syncs++;
	xt_publish();
	xt_plan_next();
	return 0;
}
