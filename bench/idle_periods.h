/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Idle periods from what a kernel's tracepoints say: events of all CPUs go in by time, periods come out.
 *
 * A period begins when a CPU switches to its idle task and ends when it switches to another; interrupts in between do
 * not end it. Its length is the time to the *request* for the CPU, not to the switch: halting makes waking late and
 * must not make idles look longer. The request is
 *
 * - the expiry of the timer of this CPU whose handler woke the task (or raised the softirq that did),
 * - otherwise the moment when the waking of the task began (sched_waking), by whatever CPU. The CPU that the task then
 *   gets is known later: from its sched_wakeup, or from where it is switched in.
 *
 * The first request counts. If the CPU entered an idle state again after it, its task went elsewhere, and the next one
 * counts, if there is one.
 *
 * A task that is moved to the CPU by the load balancer, or by its exec(), asks for it then.
 *
 * An idle task is a task with pid 0: a task that injects idle time (idle_inject, intel_powerclamp) is busy here.
 */
#ifndef ISOLAT_IDLE_PERIODS_H
#define ISOLAT_IDLE_PERIODS_H

#include <stdbool.h>
#include <stdint.h>

#include "idle_predictor.h"

enum idle_event_kind {
	IDLE_EVENT_SWITCH,	  /* id: the pid that left; value: the pid that came */
	IDLE_EVENT_WAKING,	  /* id: a pid that is being woken; its CPU will be told by its IDLE_EVENT_WAKEUP */
	IDLE_EVENT_WAKEUP,	  /* id: a pid; value: the CPU that it was queued on */
	IDLE_EVENT_MIGRATE,	  /* id: a pid; value: the CPU that the load balancer or exec() moves it to */
	IDLE_EVENT_STATE,	  /* id: the idle state entered, IDLE_STATE_LEFT for none */
	IDLE_EVENT_TIMER_START,	  /* id: an hrtimer; value: its expiry */
	IDLE_EVENT_TIMER_CANCEL,  /* id: an hrtimer; before a new start too, and on some kernels before its handler */
	IDLE_EVENT_TIMER_ENTRY,	  /* id: the hrtimer whose handler begins */
	IDLE_EVENT_TIMER_EXIT,	  /* a handler ended */
	IDLE_EVENT_IRQ_ENTRY,	  /* a device's interrupt handler */
	IDLE_EVENT_IRQ_EXIT,	  /* ended */
	IDLE_EVENT_SOFTIRQ_RAISE, /* id: a softirq's number */
	IDLE_EVENT_SOFTIRQ_ENTRY, /* id: a softirq's number */
	IDLE_EVENT_SOFTIRQ_EXIT,  /* ended */
};

#define IDLE_STATE_LEFT UINT32_MAX

struct idle_event {
	uint64_t ns;
	enum idle_event_kind kind;
	uint32_t cpu; /* on which it happened */
	uint64_t id, value;
	uint64_t pid; /* of the task that ran there; 0: the idle task, or not known */
	bool watched; /* of a switch: the caller watches the task that left */
};

struct idle_period {
	uint64_t start_ns;
	uint64_t length_ns;	/* 0 where the request was there before the idle began */
	uint64_t next_timer_ns; /* from start_ns: the first hrtimer armed, IDLE_NO_TIMER if none was seen */
	uint32_t cpu;
	enum idle_wake wake;
	bool of_task;	/* it began when a watched task gave up the CPU */
	bool requested; /* false: no request was seen, and length_ns is the time to the switch */
	bool halted;	/* entered an idle state other than polling (0); halts without a cpuidle driver are state 1 */
	bool lossy;	/* events were lost meanwhile: do not trust it */
};

/* Timers remembered for each CPU; when more are armed, the one seen first is forgotten. */
#define IDLE_PERIODS_TIMERS 256

struct idle_timer {
	uint64_t id;
	uint64_t expires_ns; /* known when cancelled: some kernels cancel a timer to run it; 0 when it ran */
	bool armed;
	bool unsure; /* it ran twice for one start that was seen: its expiry is not to be believed */
};

/* A waking, as the CPU it was made on saw it. */
struct idle_request {
	uint64_t ns;
	uint64_t pid; /* 0: none */
	uint32_t from_cpu;
	enum idle_wake wake; /* of from_cpu; an IPI for all others */
	uint64_t expiry_ns;  /* of the timer that woke, on from_cpu alone; 0: none */
};

/* The rest is idle_periods.c's own; it stands here so that a caller can have it without allocating. */
struct idle_cpu {
	/* What runs on it: */
	unsigned int irqs;	  /* device handlers, nested */
	bool in_timer;		  /* an hrtimer's handler */
	bool in_softirq_of_timer; /* a softirq that a timer's handler raised, or that runs timers */
	uint32_t raised_by_timer; /* bits of softirqs to come */
	uint64_t expiry_ns;	  /* of the last timer whose handler ran since the CPU slept or switched; 0: unknown */
	/* Its idle: */
	bool idle;
	bool entered; /* an idle state, in this period */
	bool requested;
	bool taken_back; /* the request, since the CPU entered an idle state after it */
	uint64_t request_ns;
	struct idle_period period;
	/* Its timers: */
	unsigned int n_timers, next_slot;
	struct idle_timer timers[IDLE_PERIODS_TIMERS];
};

/* Wakings between sched_waking and sched_wakeup, by pid: there is about one a CPU at a time. */
#define IDLE_PERIODS_WAKINGS 1024

struct idle_periods {
	uint64_t lost_until_ns;
	struct idle_request wakings[IDLE_PERIODS_WAKINGS];
	uint32_t n_cpus;
	struct idle_cpu *cpus;
};

/* Begins with nothing known; @cpus (borrowed) has room for CPUs 0 to @n_cpus - 1. Events of others are ignored. */
void idle_periods_init(struct idle_periods *p, struct idle_cpu *cpus, uint32_t n_cpus);

/* Feeds one event. Returns true when it ended a period: *@period is filled. */
bool idle_periods_feed(struct idle_periods *p, const struct idle_event *event, struct idle_period *period);

/*
 * Events of @cpu were lost, the last of them just before @until_ns. What was known of that CPU is forgotten, and
 * periods of other CPUs that are open, or begin before @until_ns, are lossy. Returns true when @cpu had a period open:
 * it will not be reported.
 */
bool idle_periods_lost(struct idle_periods *p, uint32_t cpu, uint64_t until_ns);

#endif
