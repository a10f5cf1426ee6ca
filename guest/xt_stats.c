// SPDX-License-Identifier: GPL-2.0-only
/*
 * /sys/kernel/debug/exitless_timer/: exitless_timer(7) describes the files.  Read while the CPUs count: each value is
 * right, though not all of the same instant.
 */

#include <linux/cpumask.h>
#include <linux/debugfs.h>
#include <linux/math64.h>
#include <linux/seq_file.h>
#include <asm/tsc.h>

#include "compat.h"
#include "xt.h"

static struct dentry *xt_debugfs;

static const char *const xt_state_names[] = {
	[XT_OFF] = "off",     [XT_SUSPENDED] = "suspended", [XT_WAITING] = "waiting",
	[XT_ALONE] = "alone", [XT_FALLBACK] = "fallback",   [XT_RUNS] = "runs",
};

/* Not overflowing below a day. */
static u64 xt_ns(u64 cycles)
{
	return div_u64(cycles * 1000, tsc_khz / 1000);
}

static int xt_status_show(struct seq_file *m, void *v)
{
	/* Without xt.lock: what reads this may be kept waiting by a timer, and the way back from it takes the lock. */
	u64 width = READ_ONCE(xt.header->map_seq) ? READ_ONCE(xt.header->map_width) : 0;

	seq_puts(m, "version " XT_VERSION "\n");
	seq_printf(m, "state %s\n", xt_state_names[READ_ONCE(xt.state)]);
	seq_printf(m, "protocol 1.%u\n", READ_ONCE(xt.minor));
	seq_printf(m, "page_version %u.%u\n", READ_ONCE(xt.header->version_major), READ_ONCE(xt.header->version_minor));
	seq_printf(m, "generation %u\n", READ_ONCE(xt.generation));
	seq_printf(m, "agent_state %u\n", READ_ONCE(xt.header->agent_state));
	seq_printf(m, "width_cycles %llu\n", width);
	seq_printf(m, "width_ns %llu\n", xt_ns(width));
	seq_printf(m, "sync_ms %u\n", READ_ONCE(xt.sync_ms));
	seq_printf(m, "syncs %llu\n", READ_ONCE(xt.syncs));
	seq_printf(m, "jumps %llu\n", READ_ONCE(xt.jumps));
	seq_printf(m, "watch_cpu %d\n", READ_ONCE(xt.watch_cpu));
	seq_printf(m, "enables %llu\n", READ_ONCE(xt.enables));
	seq_printf(m, "fallbacks %llu\n", READ_ONCE(xt.fallbacks));
	seq_printf(m, "placeholder %s\n", xt_placeholder_state());
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(xt_status);

#define XT_PRINT_NAME(name)    seq_puts(m, " " #name);
#define XT_PRINT_COUNTER(name) seq_printf(m, " %llu", READ_ONCE(c->n.name));

static int xt_cpus_show(struct seq_file *m, void *v)
{
	unsigned int cpu;

	seq_puts(m, "cpu slot on");
	XT_COUNTERS(XT_PRINT_NAME)
	seq_puts(m, " agent_fired late_max_ns\n");
	for_each_possible_cpu (cpu) {
		const struct xt_cpu *c = xt_cpu(cpu);

		seq_printf(m, "%u %u %d", cpu, c->vector, READ_ONCE(c->on));
		XT_COUNTERS(XT_PRINT_COUNTER)
		seq_printf(m, " %llu %llu\n", READ_ONCE(c->slot->fired), xt_ns(READ_ONCE(c->late_max)));
	}
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(xt_cpus);

static int xt_lateness_show(struct seq_file *m, void *v)
{
	unsigned int cpu, bin;

	for_each_possible_cpu (cpu) {
		const struct xt_cpu *c = xt_cpu(cpu);

		seq_printf(m, "%u", cpu);
		for (bin = 0; bin < EXITLESS_LATE_BINS; bin++)
			seq_printf(m, " %llu", READ_ONCE(c->late[bin]));
		seq_putc(m, '\n');
	}
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(xt_lateness);

static int xt_enable_set(void *unused, u64 enable)
{
	if (enable > 1)
		return -EINVAL;
	if (enable)
		xt_start(XT_OFF);
	else
		xt_stop(XT_OFF);
	return 0;
}

static int xt_enable_get(void *unused, u64 *enable)
{
	*enable = READ_ONCE(xt.state) != XT_OFF;
	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(xt_enable_fops, xt_enable_get, xt_enable_set, "%llu\n");

/* Without debugfs there are no counters to read and no switch, and nothing else is lost. */
void xt_stats_create(void)
{
	xt_debugfs = debugfs_create_dir("exitless_timer", NULL);
	debugfs_create_file("status", 0444, xt_debugfs, NULL, &xt_status_fops);
	debugfs_create_file("cpus", 0444, xt_debugfs, NULL, &xt_cpus_fops);
	debugfs_create_file("lateness", 0444, xt_debugfs, NULL, &xt_lateness_fops);
	debugfs_create_file("enable", 0644, xt_debugfs, NULL, &xt_enable_fops);
}

void xt_stats_remove(void)
{
	debugfs_remove_recursive(xt_debugfs);
}
