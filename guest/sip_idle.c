// SPDX-License-Identifier: GPL-2.0-only
/*
 * The idle path: poll for a while, then halt.
 *
 * WHO DECIDES WHAT
 *
 * The driver has two states, POLL (0) and HLT (1).  How long to poll is ours to decide, from what the CPU's idles were
 * like (idle_predictor.c) and from what a halt costs here (halt_cost.h).  Whether the tick stops is the governor's, and
 * it decides that in ->select() for the state that it picks.  So the two must be separate ->enter() calls: POLL, with
 * the tick left alone; then, when the window is over, back through the idle loop so that the governor takes HLT and
 * looks at the tick and the timers with interrupts off.  (Halting at the end of a poll would also miss a timer that an
 * interrupt armed during the poll: the tick would not be reprogrammed.)
 *
 * A governor cannot be registered by a module, so it is steered.  At the end of an idle period HLT is disabled through
 * dev->states_usage[].disable; the next period then begins in POLL.  When the window is over, HLT is enabled, and
 * we return.  If the window was zero, HLT stays enabled, and a CPU with long idles runs as if we had no POLL.
 *
 * What this relies on, as read in 6.1 and 6.12 (drivers/cpuidle/governors/, kernel/sched/idle.c):
 *
 *  - menu and teo skip disabled states, and take state 0 when no other is enabled; both leave the tick running for a
 *    state with CPUIDLE_FLAG_POLLING.  They honour dev->poll_time_limit: the poll was cut short and says nothing
 *    about the length of the idle.
 *  - ladder takes state 0 only under a latency limit of 0 and does not look at .disable on the way: it goes to HLT at
 *    once, so that HLT's ->enter() polls first.  The tick may have been stopped for that poll; it is ladder's price.
 *  - haltpoll ignores .disable.  It alternates: POLL after a halt, HLT after a POLL that set dev->poll_time_limit.
 *  - The core clears TIF_POLLING_NRFLAG and looks at need_resched with interrupts off before each ->enter(), so that
 *    a halt may follow.  It enables interrupts afterwards if ->enter() has not; here it never does.
 *
 * LATENCY LIMIT OF ZERO
 *
 * Every governor answers it (/dev/cpu_dma_latency, or the CPU's pm_qos_resume_latency_us at "n/a") by picking state 0,
 * and a module cannot read the limit itself.  So: POLL left HLT enabled (.offered), and the governor has picked POLL
 * again.  Then we must not halt, and poll on in slices of growing length, until work comes or the governor picks HLT.
 *
 * For this to mean the limit and nothing else, HLT has an exit latency of 1 ns.  To a limit, given in us, anything
 * above 0 and up to 1 us is the same.  But menu, until its iowait heuristic was removed, also refuses a state whose
 * exit latency is above the predicted idle divided by 1 + 10 * (tasks in iowait), and 1 us is above that for the very
 * idles this driver is about.  What remains with that menu is a prediction of 0 us: its history is still empty, or a
 * timer is overdue.  A slice is a poll cut short (poll_time_limit), which fills the history within a few of them.
 *
 * WHERE AN IDLE PERIOD BEGINS
 *
 * An interrupt that wakes nobody is no end of an idle period, and neither is a need_resched that finds nothing to run.
 * The idle task has been switched away from and back to when nvcsw + nivcsw changed.  That is seen only when the
 * next period begins, so a period is learned from then.  A wait that ends with need_resched ends the period as far as
 * anyone can tell; that is when HLT is disabled again.
 *
 * IDLE INJECTION AND SUSPEND-TO-IDLE
 *
 * These bypass the governor and want the deepest state: any ->enter() halts in place (they have stopped the tick
 * already), and the period is not learned from.  HLT has no ->enter_s2idle(), for a halt needs interrupts on to be
 * woken.
 */

#include <linux/kernel_stat.h>
#include <linux/sched.h>
#include <linux/sched/idle.h>
#include <linux/suspend.h>
#include <linux/timekeeping.h>

#include "compat.h"
#include "sip.h"

#define CREATE_TRACE_POINTS
#include "sip_trace.h"

/* Slices of polling under a latency limit: the last is how soon a lifted limit is noticed. */
#define SIP_FIRST_SLICE_NS 1000
#define SIP_LAST_SLICE_NS  64000

/* Timers further away than a tick say little about short idles: the host's CPU may have gone to a deeper sleep. */
#define SIP_TIMER_HORIZON_NS (10 * NSEC_PER_MSEC)

/* A pass of the polling loop takes less, an interrupt more. */
#define SIP_INTERRUPT_NS 1000

#define SIP_NEVER U64_MAX

#define sip_add(counter, value) WRITE_ONCE(counter, (counter) + (value))
#define sip_inc(counter)	sip_add(counter, 1)

/*
 * Times are TSC cycles of one CPU, and nothing is compared across CPUs.  A TSC that jumps (a migrated guest) costs one
 * wrong length.  Differences are converted by multiplication; what is longer than 2^39 cycles, minutes, counts as that.
 */
#define SIP_SHIFT      20
#define SIP_MAX_CYCLES (1ULL << 39)

static u64 sip_cycles_to_ns_mult __read_mostly, sip_ns_to_cycles_mult __read_mostly;
static u64 sip_interrupt_cycles __read_mostly;

static u64 sip_elapsed_ns(u64 from, u64 to)
{
	return (min(to - from, SIP_MAX_CYCLES) * sip_cycles_to_ns_mult) >> SIP_SHIFT;
}

/* Of the TSC's own age: so periods of a CPU never overlap, as they might with starts taken from another clock. */
static u64 sip_tsc_to_ns(u64 tsc)
{
	return mul_u64_u32_shr(tsc, sip_cycles_to_ns_mult, SIP_SHIFT);
}

static u64 sip_ns_to_cycles(u64 ns)
{
	return (ns * sip_ns_to_cycles_mult) >> SIP_SHIFT;
}

void sip_idle_init(void)
{
	sip_cycles_to_ns_mult = div_u64((u64)NSEC_PER_MSEC << SIP_SHIFT, tsc_khz);
	sip_ns_to_cycles_mult = div_u64((u64)tsc_khz << SIP_SHIFT, NSEC_PER_MSEC);
	sip_interrupt_cycles = sip_ns_to_cycles(SIP_INTERRUPT_NS);
}

/* Before the CPU's device is registered.  The counters go on. */
void sip_idle_reset(struct sip_cpu *c)
{
	memset(&c->period, 0, sizeof(c->period));
	memset(&c->steal, 0, sizeof(c->steal));
	idle_predictor_init(&c->predictor);
	halt_cost_init(&c->cost);
}

u32 sip_halt_cost(const struct sip_cpu *c)
{
	int fixed = READ_ONCE(sip_halt_cost_ns);

	return fixed ? fixed : halt_cost_ns(&c->cost);
}

/* --- waiting --- */

/* One poll, and what it saw. */
struct sip_spin {
	u64 start, window; /* poll until @window cycles after @start */
	u64 timer;	   /* when the next timer is due */
	u64 end;
	u64 served;	  /* when its interrupt had been served, SIP_NEVER if that was not seen */
	bool interrupted; /* an interrupt came last */
};

/*
 * TIF_POLLING_NRFLAG tells wakers that a store to need_resched is enough, without an IPI.  An interrupt shows as a
 * pass that took long; the first after the timer was due is taken to be the timer's.
 */
static noinstr void sip_spin(struct sip_spin *s)
{
	u64 last, now = rdtsc();

	compat_idle_enter();
	raw_local_irq_enable();
	if (!current_set_polling_and_test()) {
		do {
			cpu_relax();
			last = now;
			now = rdtsc();
			s->interrupted = now - last >= sip_interrupt_cycles;
			if (s->interrupted && now >= s->timer && s->served == SIP_NEVER)
				s->served = now;
		} while (!need_resched() && now - s->start < s->window);
	}
	raw_local_irq_disable();
	current_clr_polling();
	compat_idle_exit();
	s->end = now;
}

/* The caller has need_resched clear and interrupts off, the core saw to that: no wake-up is lost before the halt. */
static noinstr void sip_hlt(void)
{
	compat_idle_enter();
	raw_safe_halt();
	raw_local_irq_disable();
	compat_idle_exit();
}

/* When the next timer of this CPU is due, if that is worth a sample of the cost of halting. */
static u64 sip_next_timer(const struct sip_cpu *c, u64 now)
{
	s64 due = ktime_to_ns(READ_ONCE(c->dev.next_hrtimer)) - (s64)ktime_get_mono_fast_ns();

	if (due <= 0 || due > SIP_TIMER_HORIZON_NS)
		return SIP_NEVER;
	return now + sip_ns_to_cycles(due);
}

/*
 * What ended a wait, as far as it can be told without asking the interrupt controller: a poll that no interrupt ended
 * was ended by another CPU's store to need_resched; an interrupt after the timer was due is taken for the timer's.
 * After a halt another CPU's wake-up looks like a device's interrupt.
 */
static enum idle_wake sip_what_woke(bool interrupted, u64 timer, u64 end)
{
	if (!interrupted)
		return IDLE_WAKE_IPI;
	return end >= timer ? IDLE_WAKE_TIMER : IDLE_WAKE_IRQ;
}

/* Polls until there is work, or until @window cycles after @start; true if there is work. */
static bool sip_poll(struct sip_cpu *c, u64 start, u64 window)
{
	u64 now = rdtsc();
	struct sip_spin s = { .start = start, .window = window, .served = SIP_NEVER };

	s.timer = sip_next_timer(c, now);
	sip_spin(&s);
	c->period.end = s.end;
	c->period.woken = false;
	c->period.wake = sip_what_woke(s.interrupted, s.timer, s.end);
	sip_add(c->n.poll_ns, sip_elapsed_ns(now, s.end));
	if (s.served != SIP_NEVER)
		halt_cost_after_poll(&c->cost, sip_elapsed_ns(s.timer, s.served));
	return need_resched();
}

static void sip_halt(struct sip_cpu *c)
{
	u64 timer = sip_next_timer(c, rdtsc());

	sip_hlt();
	c->period.end = rdtsc();
	c->period.wake = sip_what_woke(true, timer, c->period.end);
	c->period.halted = true;
	c->period.woken = true;
	sip_inc(c->n.halts);
	if (c->period.end >= timer)
		halt_cost_after_halt(&c->cost, sip_elapsed_ns(timer, c->period.end));
}

/* --- idle periods --- */

/* Returns the length. After a halt the end of the period holds the wake, which is no part of the idle. */
static u64 sip_learn(struct sip_cpu *c)
{
	struct sip_period *p = &c->period;
	u64 length_ns = sip_elapsed_ns(p->start, p->end);
	bool is_short;

	if (p->woken)
		length_ns -= min_t(u64, length_ns, sip_halt_cost(c));
	trace_idle_period(c->dev.cpu, sip_tsc_to_ns(p->start), length_ns, p);
	idle_predictor_observe(&c->predictor, length_ns, p->wake);

	is_short = length_ns < READ_ONCE(sip_poll_max_ns);
	if (p->halted)
		sip_inc(*(is_short ? &c->n.short_halted : &c->n.long_halted));
	else
		sip_inc(*(is_short ? &c->n.short_polled : &c->n.long_polled));
	return length_ns;
}

static bool sip_host_is_busy(struct sip_cpu *c)
{
	return steal_guard_update(&c->steal, c->period.start_ns, kcpustat_this_cpu->cpustat[CPUTIME_STEAL],
				  READ_ONCE(sip_steal_pct));
}

/* In ns from the beginning of the period, which is now; what is overdue is due at once. */
static u64 sip_timer_ahead(const struct sip_cpu *c)
{
	s64 due = ktime_to_ns(READ_ONCE(c->dev.next_hrtimer));

	if (due <= 0 || due == KTIME_MAX)
		return IDLE_NO_TIMER;
	return max_t(s64, due - (s64)c->period.start_ns, 0);
}

static u32 sip_choose_window(struct sip_cpu *c, u64 ran_ns)
{
	int fixed_ns = READ_ONCE(sip_fixed_ns);
	struct sip_period *p = &c->period;

	p->question = (struct idle_question){
		.break_even_ns = idle_break_even_ns(sip_halt_cost(c), READ_ONCE(sip_poll_price_pct) * 10000),
		.next_timer_ns = sip_timer_ahead(c),
		.ran_ns = ran_ns,
		.limit_ns = READ_ONCE(sip_poll_max_ns),
	};
	/* It is asked each time, for it learns from how its answer would have done. */
	p->answer_ns = idle_predictor_choose(&c->predictor, &p->question);

	if (c->dev.states_usage[SIP_STATE_POLL].disable) /* by the user, in sysfs */
		return 0;
	if (sip_host_is_busy(c)) {
		sip_inc(c->n.steal_periods);
		return 0;
	}
	if (fixed_ns >= 0)
		return min_t(u32, fixed_ns, p->question.limit_ns);
	return p->answer_ns;
}

static void sip_enter_period(struct sip_cpu *c)
{
	struct sip_period *p = &c->period;
	unsigned long switches = current->nvcsw + current->nivcsw;
	u64 now, ran_ns = 0;

	if (p->open && p->switches == switches)
		return;
	now = rdtsc();
	/* The wake from a halt counts as run: so it does where only the trace of idles is known. */
	if (p->open)
		ran_ns = sip_elapsed_ns(p->start, now) - sip_learn(c);

	memset(p, 0, sizeof(*p));
	p->open = true;
	p->switches = switches;
	p->start = now;
	p->end = now;
	p->start_ns = ktime_get_mono_fast_ns();
	p->wake = IDLE_WAKE_IPI; /* if it ends before it waits */
	p->window_ns = sip_choose_window(c, ran_ns);
	p->window = sip_ns_to_cycles(p->window_ns);
	p->spent = !p->window;
	sip_inc(c->n.periods);
}

/* --- the states --- */

static void sip_offer_halt(struct sip_cpu *c)
{
	c->dev.states_usage[SIP_STATE_HALT].disable &= ~CPUIDLE_STATE_DISABLED_BY_DRIVER;
}

/*
 * A need_resched that finds nothing to run ends no period, but disables HLT as the end of one does; and a user's write
 * to the state's .disable in sysfs can bring back a bit that was just cleared.
 */
static bool sip_halt_is_on_offer(const struct sip_cpu *c)
{
	return !(c->dev.states_usage[SIP_STATE_HALT].disable & CPUIDLE_STATE_DISABLED_BY_DRIVER);
}

/* The wait is over.  If the idle period is too, let the next one begin in POLL, unless polling does not pay. */
static void sip_after_wait(struct sip_cpu *c)
{
	if (need_resched() && c->period.window)
		c->dev.states_usage[SIP_STATE_HALT].disable |= CPUIDLE_STATE_DISABLED_BY_DRIVER;
}

/* Polls through the period's window; at its end the governor is to take HLT. */
static void sip_poll_window(struct sip_cpu *c)
{
	bool hit = sip_poll(c, c->period.start, c->period.window);

	sip_inc(c->n.polls);
	if (hit) {
		sip_inc(c->n.polls_hit);
	} else {
		sip_inc(c->n.polls_spent);
		c->period.spent = true;
		sip_offer_halt(c);
	}
	c->dev.poll_time_limit = !hit;
	sip_after_wait(c);
}

/* The governor will not have HLT: a latency limit. */
static void sip_poll_slice(struct sip_cpu *c)
{
	struct sip_period *p = &c->period;
	bool hit;

	p->slice_ns = p->slice_ns ? min_t(u32, p->slice_ns * 2, SIP_LAST_SLICE_NS) : SIP_FIRST_SLICE_NS;
	hit = sip_poll(c, rdtsc(), sip_ns_to_cycles(p->slice_ns));
	sip_inc(c->n.limit_polls);
	c->dev.poll_time_limit = !hit;
	sip_after_wait(c);
}

/* Idle injection, or suspend-to-idle.  (A play_idle() task is not the idle task: its switches are not to be compared.)
 */
static bool sip_must_halt(const struct sip_cpu *c)
{
	return c->dev.forced_idle_latency_limit_ns || compat_suspend_target() == PM_SUSPEND_TO_IDLE;
}

static void sip_forced_halt(struct sip_cpu *c)
{
	c->period.open = false;
	c->dev.poll_time_limit = false;
	sip_inc(c->n.halts_forced);
	sip_hlt();
}

static int sip_enter_poll(struct cpuidle_device *dev, struct cpuidle_driver *drv, int index)
{
	struct sip_cpu *c = container_of(dev, struct sip_cpu, dev);

	if (sip_must_halt(c)) {
		sip_forced_halt(c);
		return index;
	}

	/* Already now, for a waker would send an IPI as long as we decide.  Nothing below halts. */
	__current_set_polling();

	sip_enter_period(c);
	if (!c->period.spent) {
		sip_poll_window(c);
	} else if (c->period.offered && sip_halt_is_on_offer(c)) {
		sip_poll_slice(c);
	} else {
		sip_offer_halt(c);
		dev->poll_time_limit = true;
	}
	c->period.offered = c->period.spent;
	return index;
}

static int sip_enter_halt(struct cpuidle_device *dev, struct cpuidle_driver *drv, int index)
{
	struct sip_cpu *c = container_of(dev, struct sip_cpu, dev);

	if (sip_must_halt(c)) {
		sip_forced_halt(c);
		return index;
	}

	sip_enter_period(c);
	c->period.offered = false;
	if (!c->period.spent) {
		sip_poll_window(c);
		return index;
	}
	if (!c->period.window)
		sip_inc(c->n.halts_zero);
	dev->poll_time_limit = false;
	sip_halt(c);
	sip_after_wait(c);
	return index;
}

static void sip_state(struct cpuidle_state *state, const char *name, const char *desc,
		      int (*enter)(struct cpuidle_device *, struct cpuidle_driver *, int))
{
	strscpy(state->name, name, sizeof(state->name));
	strscpy(state->desc, desc, sizeof(state->desc));
	state->enter = enter;
	/* We tell RCU ourselves, around the wait only: all the deciding happens under its eyes. */
	state->flags = CPUIDLE_FLAG_RCU_IDLE;
}

void sip_idle_states(struct cpuidle_driver *drv)
{
	sip_state(&drv->states[SIP_STATE_POLL], "POLL", "smart idle poll", sip_enter_poll);
	sip_state(&drv->states[SIP_STATE_HALT], "HLT", "halt", sip_enter_halt);
	drv->states[SIP_STATE_POLL].flags |= CPUIDLE_FLAG_POLLING;
	drv->states[SIP_STATE_HALT].exit_latency_ns = 1;     /* see LATENCY LIMIT OF ZERO */
	drv->states[SIP_STATE_HALT].target_residency_ns = 1; /* not below the latency, 6.19 insists */
	drv->state_count = SIP_STATES;
}
