// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a guest must have before its timers may leave the LAPIC, and what keeps the way back open.  Each refusal is one
 * line in the log.
 */

#define pr_fmt(fmt) "exitless_timer: " fmt

#include <linux/clockchips.h>
#include <linux/cpu.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/hrtimer.h>
#include <linux/limits.h>
#include <linux/minmax.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <asm/cpufeature.h>
#include <asm/tsc.h>

#include "compat.h"
#include "xt.h"

/* --- the kernel's timers --- */

/* The name of the clockevent device that serves @of, "clockevent0" or "broadcast". The kernel tells it in sysfs only.
 */
static int xt_current_device(const char *of, char *name, size_t size)
{
	char path[64];
	struct file *file;
	ssize_t n;

	snprintf(path, sizeof(path), "/sys/devices/system/clockevents/%s/current_device", of);
	file = filp_open(path, O_RDONLY, 0);
	n = PTR_ERR_OR_ZERO(file);
	if (!n) {
		n = kernel_read(file, name, size - 1, &(loff_t){ 0 });
		filp_close(file, NULL);
	}
	if (n < 0) {
		pr_err("%s cannot be read (%zd): no telling which timers this kernel uses\n", path, n);
		return n;
	}
	name[n] = '\0';
	strim(name);
	return 0;
}

int xt_check_kernel(void)
{
	if (!boot_cpu_has(X86_FEATURE_TSC) || !tsc_khz || check_tsc_unstable()) {
		pr_err("the TSC is unstable, or of no known frequency\n");
		return -ENODEV;
	}
	if (!boot_cpu_has(X86_FEATURE_ARAT)) {
		pr_err("the CPU has no ARAT: its LAPIC timer may stop in idle, and could not be the fallback\n");
		return -ENODEV;
	}
	/* A LAPIC timer that does not work has the name of one that does, but the kernel cannot be in this mode then.
	 */
	if (hrtimer_resolution != 1) {
		pr_err("no high-resolution timers: booted with highres=off, or the LAPIC timer does not work\n");
		return -ENODEV;
	}
	return 0;
}

int xt_check_cpus(void)
{
	char of[24], name[32];
	unsigned int cpu;
	int err;

	for_each_online_cpu (cpu) {
		snprintf(of, sizeof(of), "clockevent%u", cpu);
		err = xt_current_device(of, name, sizeof(name));
		if (err)
			return err;
		if (!strcmp(name, "lapic") || !strcmp(name, "lapic-deadline"))
			continue;
		pr_err("CPU %u's timer is %s, not a LAPIC that could be the fallback\n", cpu, *name ? name : "none");
		return -ENODEV;
	}
	return 0;
}

/* --- the page --- */

#define XT_CACHE_READS	64
#define XT_CACHE_ROUNDS 200

/* The fastest of many rounds is free of interrupts and of the host. */
static u64 xt_read_cycles(const void *page)
{
	const u32 *word = page;
	u64 fastest = U64_MAX;
	int round, i;

	for (round = 0; round < XT_CACHE_ROUNDS; round++) {
		u64 start = rdtsc_ordered();

		for (i = 0; i < XT_CACHE_READS; i++)
			(void)READ_ONCE(*word);
		fastest = min(fastest, rdtsc_ordered() - start);
	}
	return fastest;
}

/*
 * Where firmware put the BAR into a range that its MTRRs call uncached, and the hypervisor honours that, each access is
 * a bus transaction.  No flag tells, time does: hundreds of cycles a read, against a few for memory.
 */
int xt_check_page_is_cached(const void *page)
{
	u64 here, memory;
	u32 *own = kzalloc(EXITLESS_LINE, GFP_KERNEL);

	if (!own)
		return -ENOMEM;
	memory = xt_read_cycles(own);
	here = xt_read_cycles(page);
	kfree(own);
	if (here <= 4 * memory + 20 * XT_CACHE_READS)
		return 0;
	pr_err("the page is not cached (%llu cycles a read, memory %llu): BAR 2 must be write-back, above 4 GiB\n",
	       here / XT_CACHE_READS, memory / XT_CACHE_READS);
	return -ENODEV;
}

/* --- the placeholder --- */

/*
 * As a LAPIC device is released for ours, the kernel looks what else it could do with it, and with ARAT makes it the
 * broadcast device: rated above the HPET, and never given back.  It could then not be the fallback: its CPU would get
 * the HPET, or with none, ours could not be unbound.  So this device, rated higher, takes that place first.  It has no
 * CPU, no callback, and nothing to do: a kernel that passes xt_check_kernel() has nobody to broadcast to.
 *
 * Neither can it be taken back, so it stays when the module goes: its memory and its name, no code.  The next load
 * finds it by that name, and so there is never a second one.
 */
#define XT_PLACEHOLDER "exitless-placeholder"

static struct clock_event_device *xt_placeholder; /* ours, if this load made it */
static bool xt_placeholder_found;

static bool xt_placeholder_is_used(void)
{
	char name[32];

	return !xt_current_device("broadcast", name, sizeof(name)) && !strcmp(name, XT_PLACEHOLDER);
}

int xt_placeholder_get(void)
{
	char name[32];
	int err;

	err = xt_current_device("broadcast", name, sizeof(name));
	if (err)
		return err;
	xt_placeholder_found = !strcmp(name, XT_PLACEHOLDER);
	if (xt_placeholder_found)
		return 0;

	xt_placeholder = kzalloc(sizeof(*xt_placeholder), GFP_KERNEL);
	if (!xt_placeholder)
		return -ENOMEM;
	xt_placeholder->name = kstrdup(XT_PLACEHOLDER, GFP_KERNEL);
	if (!xt_placeholder->name) {
		kfree(xt_placeholder);
		xt_placeholder = NULL;
		return -ENOMEM;
	}
	xt_placeholder->rating = 200;
	xt_placeholder->features = CLOCK_EVT_FEAT_ONESHOT;
	xt_placeholder->cpumask = cpu_none_mask;
	xt_placeholder->irq = -1;
	clockevents_config_and_register(xt_placeholder, 1000000, 1, U32_MAX);
	return 0;
}

/* Where something else, rated higher still, is the broadcast device, the placeholder can go. */
void xt_placeholder_put(void)
{
	if (!xt_placeholder)
		return;
	cpus_read_lock(); /* the CPU stays, whichever it is */
	if (!clockevents_unbind_device(xt_placeholder, raw_smp_processor_id())) {
		kfree(xt_placeholder->name);
		kfree(xt_placeholder);
	}
	cpus_read_unlock();
	xt_placeholder = NULL;
}

const char *xt_placeholder_state(void)
{
	if (!xt_placeholder_is_used())
		return xt_placeholder ? "idle" : "none";
	return xt_placeholder_found ? "found" : "made";
}
