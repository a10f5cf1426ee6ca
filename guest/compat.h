/* SPDX-License-Identifier: GPL-2.0-only */
/* All that differs between the kernels that the guest modules are built for; dkms.conf has the same range. */
#ifndef ISOLAT_GUEST_COMPAT_H
#define ISOLAT_GUEST_COMPAT_H

#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(5, 10, 0) || LINUX_VERSION_CODE >= KERNEL_VERSION(7, 3, 0)
#error "isolat's guest modules are for Linux 5.10 to 7.2"
#endif
#ifndef CONFIG_X86_64
#error "isolat's guest modules are for x86-64"
#endif

#include <linux/cpuidle.h>
#include <linux/instrumentation.h>
#include <linux/irqflags.h>
#include <linux/kernel.h>
#include <linux/rcupdate.h>
#include <linux/sched/isolation.h>
#include <linux/suspend.h>
#include <asm/msr.h>
#include <asm/tsc.h>

/* Where there is no suspend, it is a constant, which has no address to read once. */
#ifdef CONFIG_SUSPEND
#define compat_suspend_target() READ_ONCE(pm_suspend_target_state)
#else
#define compat_suspend_target() PM_SUSPEND_ON
#endif

/* Whether timers that are started for @cpu are @cpu's own: those of nohz_full= are sent to others. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 18, 0)
#define compat_timers_stay(cpu) housekeeping_test_cpu(cpu, HK_TYPE_TIMER)
#else
#define compat_timers_stay(cpu) housekeeping_test_cpu(cpu, HK_FLAG_TIMER)
#endif

/*
 * Around a wait in the idle task: RCU stops watching this CPU, and lockdep is told beforehand that the wait runs with
 * interrupts on, since nothing may be traced in between.  Entered and left with interrupts off, by a noinstr function.
 * 6.3 made one call of it; 6.1's default_idle_call() spells it out; older cores leave lockdep to itself.
 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)

static __always_inline void compat_idle_enter(void)
{
	instrumentation_begin();
	ct_cpuidle_enter();
}

static __always_inline void compat_idle_exit(void)
{
	ct_cpuidle_exit();
	instrumentation_end();
}

#elif LINUX_VERSION_CODE >= KERNEL_VERSION(6, 1, 0)

#include <linux/context_tracking.h>

static __always_inline void compat_idle_enter(void)
{
	instrumentation_begin();
	trace_hardirqs_on_prepare();
	lockdep_hardirqs_on_prepare();
	instrumentation_end();
	ct_idle_enter();
	lockdep_hardirqs_on(_THIS_IP_);
}

static __always_inline void compat_idle_exit(void)
{
	lockdep_hardirqs_off(_THIS_IP_);
	ct_idle_exit();
}

#elif LINUX_VERSION_CODE >= KERNEL_VERSION(6, 0, 0)

#include <linux/context_tracking.h>

static __always_inline void compat_idle_enter(void)
{
	ct_idle_enter();
}

static __always_inline void compat_idle_exit(void)
{
	ct_idle_exit();
}

#else

static __always_inline void compat_idle_enter(void)
{
	rcu_idle_enter();
}

static __always_inline void compat_idle_exit(void)
{
	rcu_idle_exit();
}

#endif

#endif
