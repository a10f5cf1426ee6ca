/* SPDX-License-Identifier: GPL-2.0-only */
/* smart_idle_poll.ko: what its files share.  sip_idle.c has the algorithm, sip_main.c the registration. */
#ifndef ISOLAT_SIP_H
#define ISOLAT_SIP_H

#include <linux/cpuidle.h>
#include <linux/types.h>

#include "halt_cost.h"
#include "idle_predictor.h"
#include "steal_guard.h"

#define SIP_VERSION "0.1.0"

enum { SIP_STATE_POLL, SIP_STATE_HALT, SIP_STATES };

/* Documented in smart_idle_poll(7), which has the order of the file too.  Written by their own CPU only. */
#define SIP_COUNTERS(X)  \
	X(periods)       \
	X(polls)         \
	X(polls_hit)     \
	X(polls_spent)   \
	X(poll_ns)       \
	X(halts)         \
	X(halts_zero)    \
	X(halts_forced)  \
	X(short_polled)  \
	X(short_halted)  \
	X(long_polled)   \
	X(long_halted)   \
	X(steal_periods) \
	X(limit_polls)

#define SIP_DECLARE_COUNTER(name) u64 name;
struct sip_counters {
	SIP_COUNTERS(SIP_DECLARE_COUNTER)
};

/* One idle period: from the first ->enter() after a task ran to the last one before the next task runs. */
struct sip_period {
	bool open;
	bool spent;   /* the window is over, or there was none: halt */
	bool offered; /* the last ->enter() was POLL, and left HLT to the governor */
	bool halted;  /* halted at least once */
	bool woken;   /* the last wait was a halt: the end holds the wake from it */
	unsigned long switches;
	enum idle_wake wake; /* of the last wait */
	u64 start_ns;	     /* CLOCK_MONOTONIC, as of start */
	u64 start, end;	     /* TSC */
	u64 window;	     /* TSC cycles */
	u32 window_ns;
	struct idle_question question; /* to the predictor */
	u32 answer_ns;		       /* its answer: the window, if nothing else decided */
	u32 slice_ns;		       /* the last slice of polling under a latency limit */
};

struct sip_cpu {
	struct cpuidle_device dev;
	struct sip_period period;
	struct idle_predictor predictor;
	struct halt_cost cost;
	struct steal_guard steal;
	struct sip_counters n;
	bool host_poll_off; /* under sip_lock, see sip_main.c */
};

extern struct sip_cpu __percpu *sip_cpus;

/* Parameters; the idle path reads them at any time, each alone. */
extern int sip_poll_max_ns, sip_fixed_ns, sip_halt_cost_ns, sip_poll_price_pct, sip_steal_pct;
extern bool sip_host_poll_keep;

/* sip_idle.c */
void sip_idle_init(void);
void sip_idle_reset(struct sip_cpu *c);
void sip_idle_states(struct cpuidle_driver *drv);
u32 sip_halt_cost(const struct sip_cpu *c);

/* sip_main.c: brings host halt polling in line with the parameters, once the module is up. */
void sip_update_host_poll(void);

/* sip_stats.c */
void sip_stats_create(void);
void sip_stats_remove(void);

#endif
