// SPDX-License-Identifier: BSD-3-Clause
#include "idle_periods.h"

#include <string.h>

/* The kernel's numbers of the softirqs that run timers. */
#define TIMER_SOFTIRQ	1
#define HRTIMER_SOFTIRQ 8

/* Expiries beyond are "never" (KTIME_MAX). */
#define NEVER (1ULL << 62)

void idle_periods_init(struct idle_periods *p, struct idle_cpu *cpus, uint32_t n_cpus)
{
	memset(p, 0, sizeof(*p));
	memset(cpus, 0, n_cpus * sizeof(*cpus));
	p->cpus = cpus;
	p->n_cpus = n_cpus;
}

/* ---- Timers ------------------------------------------------------------------------------------------------------ */

static struct idle_timer *find_timer(struct idle_cpu *c, uint64_t id)
{
	for (unsigned int i = 0; i < c->n_timers; i++)
		if (c->timers[i].id == id)
			return &c->timers[i];
	return NULL;
}

/* Where the timer is armed: mostly where it was started last, which is mostly @here. */
static struct idle_timer *find_armed(struct idle_periods *p, struct idle_cpu *here, uint64_t id)
{
	struct idle_timer *timer = find_timer(here, id);

	for (uint32_t i = 0; i < p->n_cpus && (!timer || !timer->armed); i++)
		timer = find_timer(&p->cpus[i], id);
	return timer && timer->armed ? timer : NULL;
}

/* A slot for a new timer: one that is not armed, a new one, or the next in turn. */
static struct idle_timer *timer_slot(struct idle_cpu *c)
{
	for (unsigned int i = 0; i < c->n_timers; i++)
		if (!c->timers[i].armed && !c->timers[i].unsure)
			return &c->timers[i];
	if (c->n_timers < IDLE_PERIODS_TIMERS)
		return &c->timers[c->n_timers++];
	return &c->timers[c->next_slot++ % IDLE_PERIODS_TIMERS];
}

static void start_timer(struct idle_cpu *c, uint64_t id, uint64_t expires_ns)
{
	struct idle_timer *timer = find_timer(c, id);

	if (!timer) {
		timer = timer_slot(c);
		timer->unsure = false;
	}
	timer->id = id;
	timer->expires_ns = expires_ns;
	timer->armed = true;
}

static void cancel_timer(struct idle_periods *p, struct idle_cpu *here, uint64_t id)
{
	struct idle_timer *timer = find_armed(p, here, id);

	if (timer)
		timer->armed = false;
}

/* A timer that runs again and was not seen to start in between is one that the idle task sets, unseen: the tick. */
static void enter_timer(struct idle_periods *p, struct idle_cpu *here, uint64_t id)
{
	struct idle_timer *timer = find_armed(p, here, id);

	here->in_timer = true;
	here->expiry_ns = 0;
	if (!timer)
		timer = find_timer(here, id);
	if (!timer)
		return;
	timer->unsure |= !timer->expires_ns;
	if (!timer->unsure)
		here->expiry_ns = timer->expires_ns;
	timer->expires_ns = 0;
	timer->armed = false;
}

/* The first timer to come, from the beginning of the idle. */
static uint64_t next_timer(const struct idle_cpu *c)
{
	uint64_t start = c->period.start_ns, first = NEVER;

	for (unsigned int i = 0; i < c->n_timers; i++) {
		const struct idle_timer *timer = &c->timers[i];

		if (timer->unsure) /* and so is which one is first */
			return IDLE_NO_TIMER;
		if (timer->armed && timer->expires_ns > start && timer->expires_ns < first)
			first = timer->expires_ns;
	}
	return first < NEVER ? first - start : IDLE_NO_TIMER;
}

/* ---- Requests ---------------------------------------------------------------------------------------------------- */

/* Who wakes there now? A device's handler may have interrupted a softirq of timers, and a timer any other softirq. */
static struct idle_request waking_on(const struct idle_periods *p, const struct idle_event *event)
{
	const struct idle_cpu *c = &p->cpus[event->cpu];
	struct idle_request request = {
		.ns = event->ns, .pid = event->id, .from_cpu = event->cpu, .wake = IDLE_WAKE_IRQ
	};

	if (c->irqs || !(c->in_timer || c->in_softirq_of_timer))
		return request;
	request.wake = IDLE_WAKE_TIMER;
	if (c->expiry_ns < request.ns) /* with slack it may fire before its expiry */
		request.expiry_ns = c->expiry_ns;
	return request;
}

/* Somebody asked for @c, which may have been before it was idle. */
static void ask_for(struct idle_periods *p, struct idle_cpu *c, const struct idle_request *request)
{
	if (!c->idle || (c->requested && !c->taken_back))
		return;
	c->requested = true;
	c->taken_back = false;
	if (c == &p->cpus[request->from_cpu]) {
		c->request_ns = request->expiry_ns ? request->expiry_ns : request->ns;
		c->period.wake = request->wake;
	} else { /* what delayed a timer of another CPU is not ours */
		c->request_ns = request->ns;
		c->period.wake = IDLE_WAKE_IPI;
	}
}

/* The waking that led to a pid's being here; false if none was seen. */
static bool take_waking(struct idle_periods *p, uint64_t pid, struct idle_request *request)
{
	struct idle_request *waking = &p->wakings[pid % IDLE_PERIODS_WAKINGS];

	if (!pid || waking->pid != pid)
		return false;
	*request = *waking;
	waking->pid = 0;
	return true;
}

static void wake_up(struct idle_periods *p, const struct idle_event *event)
{
	struct idle_request request;

	/* A new task is woken up without a waking. */
	if (!take_waking(p, event->id, &request))
		request = waking_on(p, event);
	if (event->value < p->n_cpus)
		ask_for(p, &p->cpus[event->value], &request);
}

/* The choice of a CPU for a task that is being woken is a migration too; its IDLE_EVENT_WAKEUP is still to come. */
static void migrate(struct idle_periods *p, const struct idle_event *event)
{
	struct idle_request request = waking_on(p, event);

	if (p->wakings[event->id % IDLE_PERIODS_WAKINGS].pid != event->id && event->value < p->n_cpus)
		ask_for(p, &p->cpus[event->value], &request);
}

/* ---- Periods ----------------------------------------------------------------------------------------------------- */

static void begin_idle(struct idle_periods *p, struct idle_cpu *c, const struct idle_event *event)
{
	c->idle = true;
	c->entered = c->requested = c->taken_back = false;
	c->period = (struct idle_period){
		.start_ns = event->ns,
		.cpu = event->cpu,
		.wake = IDLE_WAKE_IRQ,
		.of_task = event->watched,
		.lossy = event->ns < p->lost_until_ns,
	};
	c->period.next_timer_ns = next_timer(c); /* should it enter no idle state */
}

static void end_idle(struct idle_cpu *c, uint64_t now, struct idle_period *period)
{
	uint64_t end = c->requested ? c->request_ns : now;

	c->period.length_ns = end > c->period.start_ns ? end - c->period.start_ns : 0;
	c->period.requested = c->requested;
	c->idle = false;
	*period = c->period;
}

static bool switched(struct idle_periods *p, struct idle_cpu *c, const struct idle_event *event,
		     struct idle_period *period)
{
	struct idle_request request;

	/* Handlers are not switched from: what still seems to run has lost its end. */
	c->irqs = 0;
	c->in_timer = c->in_softirq_of_timer = false;
	c->expiry_ns = 0;
	if (!event->value) {
		begin_idle(p, c, event);
		return false;
	}
	if (take_waking(p, event->value, &request))
		ask_for(p, c, &request);
	/* From a task to a task: the beginning or the end of an idle was not seen. */
	if (event->id || !c->idle) {
		c->idle = false;
		return false;
	}
	end_idle(c, event->ns, period);
	return true;
}

/*
 * When the first idle state is entered, the tick is stopped or kept already: what the timers are then is what a cpuidle
 * driver finds in its device's next_hrtimer.
 */
static void change_state(struct idle_cpu *c, uint64_t state)
{
	if (!c->idle || state == IDLE_STATE_LEFT)
		return;
	c->expiry_ns = 0;
	c->taken_back = c->requested;
	if (!c->entered)
		c->period.next_timer_ns = next_timer(c);
	c->entered = true;
	c->period.halted |= state != 0;
}

static void enter_softirq(struct idle_cpu *c, uint64_t number)
{
	uint32_t bit = number < 32 ? 1U << number : 0;

	c->in_softirq_of_timer = number == TIMER_SOFTIRQ || number == HRTIMER_SOFTIRQ || c->raised_by_timer & bit;
	c->raised_by_timer &= ~bit;
}

static void raise_softirq(struct idle_cpu *c, uint64_t number)
{
	if (!c->irqs && (c->in_timer || c->in_softirq_of_timer) && number < 32)
		c->raised_by_timer |= 1U << number;
}

static void note(struct idle_periods *p, struct idle_cpu *c, const struct idle_event *event)
{
	switch (event->kind) {
	case IDLE_EVENT_SWITCH:
		break;
	case IDLE_EVENT_WAKING:
		p->wakings[event->id % IDLE_PERIODS_WAKINGS] = waking_on(p, event);
		break;
	case IDLE_EVENT_WAKEUP:
		wake_up(p, event);
		break;
	case IDLE_EVENT_MIGRATE:
		migrate(p, event);
		break;
	case IDLE_EVENT_STATE:
		change_state(c, event->id);
		break;
	case IDLE_EVENT_TIMER_START:
		start_timer(c, event->id, event->value);
		break;
	case IDLE_EVENT_TIMER_CANCEL:
		cancel_timer(p, c, event->id);
		break;
	case IDLE_EVENT_TIMER_ENTRY:
		enter_timer(p, c, event->id);
		break;
	case IDLE_EVENT_TIMER_EXIT:
		c->in_timer = false;
		break;
	case IDLE_EVENT_IRQ_ENTRY:
		c->irqs++;
		break;
	case IDLE_EVENT_IRQ_EXIT:
		c->irqs -= c->irqs > 0;
		break;
	case IDLE_EVENT_SOFTIRQ_RAISE:
		raise_softirq(c, event->id);
		break;
	case IDLE_EVENT_SOFTIRQ_ENTRY:
		enter_softirq(c, event->id);
		break;
	case IDLE_EVENT_SOFTIRQ_EXIT:
		c->in_softirq_of_timer = false;
		break;
	}
}

/*
 * There are kernels that record no tracepoint which an idle task of theirs passes, its switch to another task included.
 * That its idle is over shows with what the next task does, and the request was seen, or that task's waking was.
 */
static bool ended_unseen(struct idle_periods *p, struct idle_cpu *c, const struct idle_event *event,
			 struct idle_period *period)
{
	struct idle_request request;

	if (!event->pid || !c->idle)
		return false;
	if (take_waking(p, event->pid, &request))
		ask_for(p, c, &request);
	end_idle(c, event->ns, period);
	return true;
}

bool idle_periods_feed(struct idle_periods *p, const struct idle_event *event, struct idle_period *period)
{
	struct idle_cpu *c;
	bool ended;

	if (event->cpu >= p->n_cpus)
		return false;
	c = &p->cpus[event->cpu];
	ended = ended_unseen(p, c, event, period);
	if (event->kind == IDLE_EVENT_SWITCH)
		ended |= switched(p, c, event, period);
	else
		note(p, c, event);
	return ended;
}

bool idle_periods_lost(struct idle_periods *p, uint32_t cpu, uint64_t until_ns)
{
	bool open;

	if (until_ns > p->lost_until_ns)
		p->lost_until_ns = until_ns;
	for (uint32_t i = 0; i < p->n_cpus; i++)
		p->cpus[i].period.lossy = true;
	if (cpu >= p->n_cpus)
		return false;
	open = p->cpus[cpu].idle;
	memset(&p->cpus[cpu], 0, sizeof(p->cpus[cpu]));
	return open;
}
