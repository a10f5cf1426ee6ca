// SPDX-License-Identifier: GPL-2.0-only
/*
 * /sys/kernel/debug/smart_idle_poll/stats: a line on the module, then a line per CPU that is online, each of
 * "key=value" separated by blanks.  smart_idle_poll(7) describes the keys; format= changes when one changes its
 * meaning or goes.  Read while the CPUs count: each value is right, though not all of the same instant.
 */

#include <linux/cpumask.h>
#include <linux/debugfs.h>
#include <linux/percpu.h>
#include <linux/seq_file.h>

#include "sip.h"

static struct dentry *sip_debugfs;

#define SIP_PRINT_COUNTER(name) seq_printf(m, " " #name "=%llu", READ_ONCE(c->n.name));

static void sip_show_cpu(struct seq_file *m, int cpu)
{
	const struct sip_cpu *c = per_cpu_ptr(sip_cpus, cpu);

	seq_printf(m, "cpu=%d", cpu);
	SIP_COUNTERS(SIP_PRINT_COUNTER)
	seq_printf(m, " window_ns=%u halt_cost_ns=%u", READ_ONCE(c->period.window_ns), sip_halt_cost(c));
	seq_printf(m, " halted_late_ns=%u halted_samples=%llu", READ_ONCE(c->cost.halted_ns),
		   READ_ONCE(c->cost.halted_samples));
	seq_printf(m, " polled_late_ns=%u polled_samples=%llu", READ_ONCE(c->cost.polled_ns),
		   READ_ONCE(c->cost.polled_samples));
	seq_printf(m, " steal_guard=%d host_poll_off=%d\n", READ_ONCE(c->steal.on), READ_ONCE(c->host_poll_off));
}

static int sip_stats_show(struct seq_file *m, void *v)
{
	int cpu;

	seq_puts(m, "smart_idle_poll format=1 version=" SIP_VERSION "\n");
	for_each_online_cpu (cpu)
		sip_show_cpu(m, cpu);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(sip_stats);

/* Without debugfs there are no counters to read, and nothing else is lost. */
void sip_stats_create(void)
{
	sip_debugfs = debugfs_create_dir("smart_idle_poll", NULL);
	debugfs_create_file("stats", 0444, sip_debugfs, NULL, &sip_stats_fops);
}

void sip_stats_remove(void)
{
	debugfs_remove_recursive(sip_debugfs);
}
