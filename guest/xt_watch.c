// SPDX-License-Identifier: GPL-2.0-only
/*
 * When the timers are used, and when they are not.
 *
 * An agent that dies says so, or another process says it: the page is marked and every vector signalled.  But nobody
 * can promise that, so one CPU keeps its LAPIC timer and watches the heartbeat, and takes all others back to theirs
 * when it stands still.  All of that is one work, which runs on the watching CPU: its timer is there, and it never
 * waits for another CPU's.  Taking a CPU back is an interrupt sent to it; the kernel carries its next deadline over to
 * its LAPIC.
 *
 * The watching CPU is the first that is online: the others' work is what was moved away from it, most of the devices'
 * interrupts and housekeeping are there already, and it is the one that cannot be taken offline.
 */

#define pr_fmt(fmt) "exitless_timer: " fmt

#include <linux/cpumask.h>
#include <linux/kernel.h>
#include <linux/minmax.h>
#include <linux/moduleparam.h>
#include <linux/string.h>
#include <linux/workqueue.h>
#include <asm/tsc.h>

#include "compat.h"
#include "xt.h"

#define XT_RETRY_MS	 100  /* with no agent, until it is looked for again */
#define XT_SAME_AGENT_MS 1000 /* before an agent that stood still is trusted again */

int xt_watch = XT_WATCH_AUTO;
static unsigned int xt_watch_ms = 20;

static int xt_set_watch_param(const char *text, const struct kernel_param *kp)
{
	int value;

	if (sysfs_streq(text, "auto"))
		value = XT_WATCH_AUTO;
	else if (sysfs_streq(text, "none"))
		value = XT_WATCH_NONE;
	else if (kstrtoint(text, 10, &value) || value < 0 || value >= nr_cpu_ids || !cpu_possible(value)) {
		pr_err("%s must be auto, none, or the number of a CPU\n", kp->name);
		return -EINVAL;
	}
	xt_watch = value;
	return 0;
}

static int xt_get_watch_param(char *buffer, const struct kernel_param *kp)
{
	if (xt_watch >= 0)
		return sprintf(buffer, "%d\n", xt_watch);
	return sprintf(buffer, "%s\n", xt_watch == XT_WATCH_NONE ? "none" : "auto");
}

static const struct kernel_param_ops xt_watch_ops = { .set = xt_set_watch_param, .get = xt_get_watch_param };
module_param_cb(watch, &xt_watch_ops, NULL, 0444);
MODULE_PARM_DESC(watch,
		 "the CPU that keeps its LAPIC timer and watches the agent: auto, none, or a CPU (default auto)");

static int xt_set_ms(const char *text, const struct kernel_param *kp, unsigned int low, unsigned int high)
{
	unsigned int value;

	if (kstrtouint(text, 0, &value) || value < low || value > high) {
		pr_err("%s must be a number from %u to %u\n", kp->name, low, high);
		return -EINVAL;
	}
	WRITE_ONCE(*(unsigned int *)kp->arg, value);
	return 0;
}

static int xt_set_watch_ms(const char *text, const struct kernel_param *kp)
{
	return xt_set_ms(text, kp, 1, 1000);
}

static const struct kernel_param_ops xt_watch_ms_ops = { .set = xt_set_watch_ms, .get = param_get_uint };
module_param_cb(watch_ms, &xt_watch_ms_ops, &xt_watch_ms, 0644);
MODULE_PARM_DESC(watch_ms, "how often it looks at the heartbeat, in ms (1 to 1000, default 20)");

unsigned int xt_dead_ms = EXITLESS_DEAD_MS;

static int xt_set_dead_ms(const char *text, const struct kernel_param *kp)
{
	return xt_set_ms(text, kp, EXITLESS_DEAD_MS, 60000);
}

static const struct kernel_param_ops xt_dead_ms_ops = { .set = xt_set_dead_ms, .get = param_get_uint };
module_param_cb(dead_ms, &xt_dead_ms_ops, &xt_dead_ms, 0644);
MODULE_PARM_DESC(dead_ms, "how long the heartbeat may stand still, in ms (50 to 60000, default 50)");

bool xt_doorbell = true;
module_param_named(doorbell, xt_doorbell, bool, 0444);
MODULE_PARM_DESC(doorbell, "let the agent sleep, and wake it: version 1.1 of the protocol; 0: 1.0 (default 1)");

/* --- which CPUs --- */

/* The timer of work that was queued for a CPU of nohz_full= goes to another one, which may be exitless. */
static bool xt_can_watch(unsigned int cpu)
{
	return xt_cpu(cpu)->online && compat_timers_stay(cpu);
}

static int xt_pick_watch(void)
{
	unsigned int cpu;

	if (xt_watch == XT_WATCH_NONE || READ_ONCE(xt.header->agent_flags) & EXITLESS_AGENT_SURE)
		return -1;
	if (xt_watch >= 0 && xt_can_watch(xt_watch))
		return xt_watch;
	for_each_possible_cpu (cpu) {
		if (xt_can_watch(cpu))
			return cpu;
	}
	return -1;
}

static bool xt_is_user(const struct xt_cpu *c)
{
	return c->online && (int)c->cpu != xt.watch_cpu;
}

/* All CPUs are on their LAPIC timers, until xt_apply(). */
void xt_take_back(void)
{
	unsigned int cpu;

	lockdep_assert_held(&xt.lock);
	for_each_possible_cpu (cpu)
		xt_cpu_use(xt_cpu(cpu), false);
}

static void xt_apply(void)
{
	unsigned int cpu;

	lockdep_assert_held(&xt.lock);
	WRITE_ONCE(xt.watch_cpu, xt_pick_watch());
	WRITE_ONCE(xt.beat_checked, xt.watch_cpu < 0 && !(READ_ONCE(xt.header->agent_flags) & EXITLESS_AGENT_SURE));
	for_each_possible_cpu (cpu) {
		struct xt_cpu *c = xt_cpu(cpu);

		xt_cpu_use(c, xt.state == XT_RUNS && xt_is_user(c));
	}
}

static int xt_work_cpu(void)
{
	return xt.watch_cpu >= 0 ? xt.watch_cpu : WORK_CPU_UNBOUND;
}

/* At once, and on the CPU that watches now. */
static void xt_hurry(void)
{
	lockdep_assert_held(&xt.lock);
	if (!xt.leaving && xt.state != XT_OFF && xt.state != XT_SUSPENDED)
		mod_delayed_work_on(xt_work_cpu(), xt.wq, &xt.work, 0);
}

/* --- the agent's life and death --- */

/* Whether the agent's heartbeat moved in the last dead_ms, or since this was asked last. */
bool xt_beats(void)
{
	u64 now = rdtsc_ordered(), heartbeat = READ_ONCE(xt.header->heartbeat);

	/* In that order: if this vCPU was not running in between, the heartbeat is the newer one. */
	if (heartbeat != xt.heartbeat) {
		xt.heartbeat = heartbeat;
		xt.beat_tsc = now;
	}
	return now - xt.beat_tsc <= xt_ms(READ_ONCE(xt_dead_ms));
}

static void xt_leave(enum xt_state state)
{
	xt.state = state;
	xt_apply();
	virt_store_release(&xt.header->guest_state, EXITLESS_GUEST_NONE);
	xt_sync_forget();
}

#define XT_NO_ANSWER "the agent does not answer"
#define XT_NO_BEAT   "the agent's heartbeat stands still"

static void xt_fall_back(const char *why)
{
	xt.fallbacks++;
	xt.fallen_tsc = rdtsc();
	xt_leave(XT_FALLBACK);
	pr_warn("%s; all timers are back on the LAPIC\n", why);
}

/* A new agent is welcome at once.  One that stood still has its heartbeat looked at for a while first. */
static bool xt_agent_is_there(void)
{
	bool beats = xt_beats();

	/* From its first beat again on. */
	if (!beats)
		xt.fallen_tsc = rdtsc();
	if (check_tsc_unstable())
		return false;
	if (virt_load_acquire(&xt.header->agent_state) != EXITLESS_AGENT_RUNS)
		return false;
	if (xt.state != XT_FALLBACK || READ_ONCE(xt.header->generation) != xt.generation)
		return true;
	return beats && rdtsc() - xt.fallen_tsc > xt_ms(XT_SAME_AGENT_MS);
}

static unsigned int xt_users(void)
{
	unsigned int cpu, users = 0;

	for_each_possible_cpu (cpu)
		users += xt_is_user(xt_cpu(cpu));
	return users;
}

static void xt_stay_alone(void)
{
	xt.state = XT_ALONE;
	pr_info("CPU %d is alone: to watch the agent it stays on its LAPIC timer; watch=none would change that\n",
		xt.watch_cpu);
}

static void xt_say_enabled(void)
{
	if (xt.watch_cpu < 0)
		pr_info("timers from the agent: %u CPUs; no CPU watches it\n", xt_users());
	else
		pr_info("timers from the agent: %u CPUs; CPU %d watches it\n", xt_users(), xt.watch_cpu);
}

/* What the page has may have changed since the last agent, and over hibernation. */
static void xt_choose_version(void)
{
	xt.doorbell = xt_doorbell ? READ_ONCE(xt.header->doorbell) : 0;
	WRITE_ONCE(xt.minor, READ_ONCE(xt.header->version_minor) >= 1 && xt.doorbell ? 1 : 0);
}

static void xt_try(void)
{
	struct exitless_header *header = xt.header;

	if (!xt_agent_is_there())
		return;
	xt_apply(); /* picks who watches: this agent may need nobody */
	if (!xt_users()) {
		if (xt.state != XT_ALONE)
			xt_stay_alone();
		return;
	}
	xt_choose_version();
	WRITE_ONCE(xt.generation, READ_ONCE(header->generation));
	WRITE_ONCE(header->guest_tsc_khz, tsc_khz);
	WRITE_ONCE(header->guest_version, EXITLESS_VERSION(EXITLESS_VERSION_MAJOR, xt.minor));
	virt_store_release(&header->guest_state, EXITLESS_GUEST_RUNS);
	xt_sync_forget();
	xt.beat_tsc = rdtsc();
	if (xt_sync()) {
		xt_fall_back(xt_beats() ? XT_NO_ANSWER : XT_NO_BEAT);
		return;
	}
	xt.enables++;
	xt.state = XT_RUNS;
	xt_apply();
	xt_say_enabled();
}

static void xt_check(unsigned long why)
{
	u32 generation = READ_ONCE(xt.header->generation);
	bool due;

	if (virt_load_acquire(&xt.header->agent_state) != EXITLESS_AGENT_RUNS) {
		xt_fall_back("the agent ended");
		return;
	}
	if (check_tsc_unstable()) {
		xt_fall_back("the TSC has become unstable");
		return;
	}
	if (!xt_beats() || why & BIT(XT_STALE)) {
		xt_fall_back(XT_NO_BEAT);
		return;
	}
	if (why & BIT(XT_EARLY)) {
		xt.jumps++;
		xt_sync_forget();
	}
	due = (s64)(rdtsc() - xt.sync_due) >= 0 || why & BIT(XT_EARLY) || generation != xt.generation ||
	      READ_ONCE(xt.header->sync_wanted) != xt.sync_wanted;
	WRITE_ONCE(xt.generation, generation);
	if (due && xt_sync()) {
		xt_fall_back(xt_beats() ? XT_NO_ANSWER : XT_NO_BEAT);
		return;
	}
	xt_apply(); /* another agent may need watching, or none */
	if (!xt_users()) {
		xt_leave(XT_WAITING);
		xt_stay_alone();
	}
}

/* Does not put off what was asked for since the work began. */
static void xt_go_on(void)
{
	unsigned int ms = XT_RETRY_MS;

	if (xt.leaving || xt.state == XT_OFF || xt.state == XT_SUSPENDED || xt.state == XT_ALONE)
		return;
	if (xt.state != XT_RUNS && check_tsc_unstable()) /* for good */
		return;
	if (xt.state == XT_RUNS)
		ms = xt.watch_cpu >= 0 ? READ_ONCE(xt_watch_ms) : xt.sync_ms;
	queue_delayed_work_on(xt_work_cpu(), xt.wq, &xt.work, msecs_to_jiffies(ms));
}

void xt_work(struct work_struct *work)
{
	unsigned long why;

	mutex_lock(&xt.lock);
	why = xchg(&xt.why, 0);
	if (xt.state == XT_RUNS)
		xt_check(why);
	else if (xt.state != XT_OFF && xt.state != XT_SUSPENDED)
		xt_try();
	xt_go_on();
	mutex_unlock(&xt.lock);
}

/* --- from outside --- */

/* Tries at once, so that whoever asked for it finds it done; goes on trying. */
void xt_start(enum xt_state from)
{
	mutex_lock(&xt.lock);
	if (xt.state == from) {
		xt.state = XT_WAITING;
		xchg(&xt.why, 0); /* of another time */
		xt_try();
		if (xt.state == XT_WAITING && check_tsc_unstable())
			pr_warn("the TSC is unstable; timers stay on the LAPIC\n");
		else if (xt.state == XT_WAITING)
			pr_info("no agent serves the page yet; timers are on the LAPIC until one does\n");
		xt_hurry(); /* there: a timer set from here would be this CPU's, which may be exitless */
	}
	mutex_unlock(&xt.lock);
}

/* @to is XT_OFF or XT_SUSPENDED.  What is off is not suspended, and so not started on resume. */
void xt_stop(enum xt_state to)
{
	mutex_lock(&xt.lock);
	if (xt.state != XT_OFF) {
		xt_leave(to);
		cancel_delayed_work(&xt.work);
	}
	mutex_unlock(&xt.lock);
}

static void xt_set_online(struct xt_cpu *c, bool online)
{
	c->online = online;
	xt_apply();
	xt_hurry();
}

void xt_cpu_came(unsigned int cpu)
{
	mutex_lock(&xt.lock);
	xt_set_online(xt_cpu(cpu), true);
	mutex_unlock(&xt.lock);
}

static bool xt_is_on(int cpu)
{
	return cpu >= 0 && xt_cpu(cpu)->on;
}

/*
 * Before anything of the CPU is taken down.  If it is the one that watches, another takes over first.  A CPU whose
 * timer cannot be given back stays: offline, the kernel would leave our device with it, unbound and freed under its
 * feet.  So does one that watches if that is so of its successor.
 */
int xt_cpu_goes(unsigned int cpu)
{
	struct xt_cpu *c = xt_cpu(cpu);
	int err = 0;

	mutex_lock(&xt.lock);
	xt_set_online(c, false);
	/* As the module goes that is no way out: the kernel takes no for a bug, and xt_remove() sees to it. */
	if ((c->on || xt_is_on(xt.watch_cpu)) && !xt.leaving) {
		xt_set_online(c, true);
		err = -EBUSY;
	}
	mutex_unlock(&xt.lock);
	return err;
}
