/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * exitless_timer.ko: what its files share.  exitless_timer.h is the contract with the host.
 *
 *	xt_main.c	the PCI device: probe, remove, CPU hotplug, suspend
 *	xt_checks.c	what a guest must have, and the placeholder that keeps the LAPIC timer free
 *	xt_clockevent.c	arming and firing
 *	xt_sync.c	the clocks: questions to the agent, and the map for it
 *	xt_watch.c	when the timers are used, and when they are not: the agent's life and death
 *	xt_stats.c	debugfs
 *
 * All that changes slowly is under xt.lock.  Nobody who holds it sleeps on a timer: that timer could be one of ours,
 * and the agent dead.
 */
#ifndef ISOLAT_XT_H
#define ISOLAT_XT_H

#include <linux/clockchips.h>
#include <linux/cpumask.h>
#include <linux/irq_work.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/percpu.h>
#include <linux/smp.h>
#include <linux/types.h>
#include <linux/workqueue.h>

#include "exitless_timer.h"
#include "tsc_map.h"

#define XT_VERSION "0.1.0"

/* Documented in exitless_timer(7), which has the order of the file too.  Written on their own CPU only. */
#define XT_COUNTERS(X) \
	X(armed)       \
	X(fired)       \
	X(spurious)    \
	X(early)       \
	X(cancelled)   \
	X(replaced)    \
	X(rings)       \
	X(noop)        \
	X(wrong_cpu)

#define XT_DECLARE_COUNTER(name) u64 name;

struct xt_cpu {
	/* What arming touches. */
	struct clock_event_device evt;
	struct exitless_slot *slot;
	u64 pending;   /* the deadline that was armed and has not come, or EXITLESS_DISARMED */
	u64 heartbeat; /* of the agent, as last seen here, */
	u64 beat_tsc;  /* and when it was seen to change: with watch=none, arming is what looks */
	u32 seq;
	struct {
		XT_COUNTERS(XT_DECLARE_COUNTER)
	} n;

	u64 late_max; /* cycles */
	u64 late[EXITLESS_LATE_BINS];
	struct irq_work tell;	/* gets out of interrupts and locks, to the work */
	call_single_data_t csd; /* an interrupt that came to another CPU */
	unsigned int cpu, vector;
	int irq;
	bool online, on; /* under xt.lock; on: the clockevent is registered */
};

enum xt_state {
	XT_OFF,	      /* by debugfs */
	XT_SUSPENDED, /* around sleep states */
	XT_WAITING,   /* for an agent; none came yet */
	XT_ALONE,     /* no CPU but the one that would watch */
	XT_FALLBACK,  /* the agent died, or its clock could not be learned */
	XT_RUNS,
};

struct xt {
	/* Set up by probe. */
	struct pci_dev *pdev; /* NULL: there is no device */
	void *page;
	struct exitless_header *header;
	void __iomem *doorbell_reg;
	u32 doorbell;	   /* what to write there */
	u16 minor;	   /* of the version that is spoken */
	bool beat_checked; /* no CPU watches: arming looks at the heartbeat */
	struct xt_cpu __percpu *cpus;
	struct workqueue_struct *wq;
	struct delayed_work work;

	struct mutex lock; /* all below */
	enum xt_state state;
	bool leaving;	   /* the device goes: nothing is to be queued any more */
	unsigned long why; /* bits of xt_tell(), atomic */

	struct tsc_map map;
	u32 map_seq;		/* the last even one that was published */
	u64 sync_due;		/* TSC */
	unsigned int sync_ms;	/* from one handshake to the next */
	u32 sync_wanted;	/* the page's, as of the last handshake */
	u32 generation;		/* of the agent that is used, or was last */
	u64 heartbeat;		/* as the work saw it last, */
	u64 beat_tsc;		/* and when it was seen to change */
	u64 fallen_tsc;		/* when the last fallback was */
	int watch_cpu;		/* keeps its LAPIC timer; -1: none */
	u64 fallbacks, enables; /* counters */
	u64 jumps, syncs;
};

extern struct xt xt;

/* xt_tell(): what the work shall look at. */
enum {
	XT_LOOK,  /* at the page's header */
	XT_STALE, /* the heartbeat stood still for too long */
	XT_EARLY, /* a timer fired before its time: the map is wrong */
};

static inline struct xt_cpu *xt_cpu(unsigned int cpu)
{
	return per_cpu_ptr(xt.cpus, cpu);
}

static inline u64 xt_ms(unsigned int ms)
{
	return (u64)tsc_khz * ms;
}

/* Parameters, see xt_watch.c. */
#define XT_WATCH_AUTO -1
#define XT_WATCH_NONE -2
extern int xt_watch;
extern unsigned int xt_dead_ms;
extern bool xt_doorbell;

/* xt_checks.c: 0, or an error that was explained in the log. */
int xt_check_kernel(void);
int xt_check_cpus(void);
int xt_check_page_is_cached(const void *page);
int xt_placeholder_get(void);
void xt_placeholder_put(void);
const char *xt_placeholder_state(void);

/* xt_clockevent.c.  xt_irqs_get() sets up and frees each possible CPU's part, without using it. */
int xt_irqs_get(void);
void xt_irqs_put(void);
void xt_cpu_use(struct xt_cpu *c, bool use);
void xt_tell(struct xt_cpu *c, unsigned int why);

/* xt_sync.c, under xt.lock.  xt_sync() asks, and publishes the map; 0, or -ETIMEDOUT when there was no answer. */
void xt_sync_forget(void);
int xt_sync(void);

/* xt_watch.c; xt_beats() and xt_take_back() under xt.lock */
bool xt_beats(void);
void xt_work(struct work_struct *work);
void xt_start(enum xt_state from);
void xt_stop(enum xt_state to);
void xt_take_back(void);
void xt_cpu_came(unsigned int cpu);
int xt_cpu_goes(unsigned int cpu);

/* xt_stats.c */
void xt_stats_create(void);
void xt_stats_remove(void);

#endif
