// SPDX-License-Identifier: GPL-2.0-only
/*
 * smart_idle_poll: a guest that does not pay for its short idles.  A cpuidle driver for KVM guests that polls before
 * it halts, for as long as that is worth it.  Here: registration, CPU hotplug, host halt polling.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cpu.h>
#include <linux/cpuhotplug.h>
#include <linux/cpuidle.h>
#include <linux/cpuidle_haltpoll.h>
#include <linux/kvm_para.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <asm/processor.h>

#include "compat.h"
#include "sip.h"

struct sip_cpu __percpu *sip_cpus;

/*
 * .owner is left unset: each registered device would hold a reference to the module, which could then never be
 * unloaded.  sip_cpu_offline() says why that is safe.
 */
static struct cpuidle_driver sip_driver = { .name = "smart_idle_poll" };

static enum cpuhp_state sip_hp_state;

/* --- the host's halt polling --- */

/*
 * KVM polls a little itself when a vCPU halts.  When the guest has polled already, that is time wasted twice.  A
 * guest can say so per vCPU, by an MSR, if the host knows it: arch_haltpoll_enable() writes it (its name means the
 * guest's part).  Suspend keeps the setting, a CPU going offline resets it: see kvm.c.
 */
static DEFINE_MUTEX(sip_lock); /* sip_up, and each CPU's host_poll_off */
static bool sip_up;

/* arch_haltpoll_enable() asks too, but does not say what it found; and kvm_para_has_feature() needs what is not
 * exported. */
static bool sip_host_knows_poll_control(void)
{
	u32 base = kvm_para_available() ? hypervisor_cpuid_base("KVMKVMKVM\0\0\0", 0) : 0;

	return base && cpuid_eax(base | KVM_CPUID_FEATURES) & BIT(KVM_FEATURE_POLL_CONTROL);
}

static void sip_set_host_poll_off(unsigned int cpu, bool off)
{
	struct sip_cpu *c = per_cpu_ptr(sip_cpus, cpu);

	lockdep_assert_held(&sip_lock);
	if (c->host_poll_off == off || !sip_host_knows_poll_control())
		return;
	if (off)
		arch_haltpoll_enable(cpu);
	else
		arch_haltpoll_disable(cpu);
	WRITE_ONCE(c->host_poll_off, off);
}

static bool sip_wants_host_poll_off(void)
{
	return !READ_ONCE(sip_host_poll_keep) && READ_ONCE(sip_poll_max_ns) && READ_ONCE(sip_fixed_ns);
}

/* A parameter was written.  Before the module is up, and when it is on its way out, the CPUs are not to be touched. */
void sip_update_host_poll(void)
{
	unsigned int cpu;

	cpus_read_lock();
	mutex_lock(&sip_lock);
	if (sip_up) {
		for_each_online_cpu (cpu) {
			if (per_cpu_ptr(sip_cpus, cpu)->dev.registered)
				sip_set_host_poll_off(cpu, sip_wants_host_poll_off());
		}
	}
	mutex_unlock(&sip_lock);
	cpus_read_unlock();
}

/* --- CPUs --- */

static int sip_cpu_online(unsigned int cpu)
{
	struct sip_cpu *c = per_cpu_ptr(sip_cpus, cpu);
	int err;

	sip_idle_reset(c);
	c->dev.cpu = cpu;
	err = cpuidle_register_device(&c->dev);
	if (err) {
		pr_err("cpuidle does not take CPU %u: %d\n", cpu, err);
		return err;
	}
	mutex_lock(&sip_lock);
	sip_set_host_poll_off(cpu, sip_wants_host_poll_off());
	mutex_unlock(&sip_lock);
	return 0;
}

/*
 * When this returns, the CPU's idle task is out of our code and does not come back.  cpuidle itself does not promise
 * it: cpuidle_unregister_device() sends the idle CPUs a wake-up and then waits for RCU, which an idle CPU does not hold
 * up. But this callback runs in the hotplug thread of that very CPU, on rmmod too (cpuhp_issue_call() has callbacks of
 * the ONLINE section run on the CPU itself).  So as it runs, the idle task has been switched away from, which happens
 * outside of ->enter() only; and from here on it finds no device.  Hence the module may go when all CPUs were here.
 */
static int sip_cpu_offline(unsigned int cpu)
{
	struct sip_cpu *c = per_cpu_ptr(sip_cpus, cpu);

	mutex_lock(&sip_lock);
	sip_set_host_poll_off(cpu, false);
	mutex_unlock(&sip_lock);
	cpuidle_unregister_device(&c->dev);
	return 0;
}

/* --- load and unload --- */

static int sip_probe(void)
{
	if (!boot_cpu_has(X86_FEATURE_TSC) || !tsc_khz) {
		pr_err("no TSC of a known frequency\n");
		return -ENODEV;
	}
	/* idle=nomwait is no obstacle, nothing here uses MWAIT. */
	if (boot_option_idle_override == IDLE_POLL || boot_option_idle_override == IDLE_HALT) {
		pr_err("the kernel was booted with idle=%s, which fixes what idle CPUs do; remove it\n",
		       boot_option_idle_override == IDLE_POLL ? "poll" : "halt");
		return -ENODEV;
	}
	return 0;
}

static void sip_explain(int err)
{
	struct cpuidle_driver *other = cpuidle_get_driver();

	if (err == -ENODEV)
		pr_err("cpuidle is disabled, by cpuidle.off=1 or by the hypervisor\n");
	else if (err == -EBUSY && other && !strcmp(other->name, "haltpoll"))
		pr_err("the cpuidle driver haltpoll has the place; boot with initcall_blacklist=haltpoll_init\n");
	else if (err == -EBUSY)
		pr_err("the cpuidle driver %s has the place; keep it from loading\n",
		       other ? other->name : "(unknown)");
	else
		pr_err("cpuidle refuses the driver: %d\n", err);
}

static void sip_set_up(bool up)
{
	mutex_lock(&sip_lock);
	sip_up = up;
	mutex_unlock(&sip_lock);
}

static int __init sip_init(void)
{
	int err;

	err = sip_probe();
	if (err)
		return err;

	sip_cpus = alloc_percpu(struct sip_cpu);
	if (!sip_cpus)
		return -ENOMEM;

	sip_idle_init();
	sip_idle_states(&sip_driver);
	err = cpuidle_register_driver(&sip_driver);
	if (err) {
		sip_explain(err);
		goto err_free;
	}

	err = cpuhp_setup_state(CPUHP_AP_ONLINE_DYN, "cpuidle/smart_idle_poll:online", sip_cpu_online, sip_cpu_offline);
	if (err < 0)
		goto err_driver;
	sip_hp_state = err;

	sip_set_up(true);
	sip_update_host_poll();
	sip_stats_create();
	return 0;

err_driver:
	cpuidle_unregister_driver(&sip_driver);
err_free:
	free_percpu(sip_cpus);
	return err;
}

static void __exit sip_exit(void)
{
	sip_stats_remove();
	sip_set_up(false);
	cpuhp_remove_state(sip_hp_state);
	cpuidle_unregister_driver(&sip_driver);
	free_percpu(sip_cpus);
}

module_init(sip_init);
module_exit(sip_exit);
MODULE_DESCRIPTION("Smart idle poll: a cpuidle driver that polls before it halts, for guests");
MODULE_AUTHOR("The isolat project");
MODULE_VERSION(SIP_VERSION);
MODULE_LICENSE("GPL");
