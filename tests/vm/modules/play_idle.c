// SPDX-License-Identifier: GPL-2.0-only
/*
 * Test module: injects idle time into a chosen CPU, as the powerclamp and thermal drivers do, for kernels that have no
 * user of it (CONFIG_IDLE_INJECT unset).  Loading runs all rounds, and fails with the reason if the injection did not
 * last as long as was asked:
 *
 *	insmod play_idle.ko cpu=1 duration_us=2000 rounds=100
 *
 * It must be unloaded to run again.  What it took is in the log, and in parameters/elapsed_us while it is loaded.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cpu.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/sched/task.h>

static unsigned int cpu;
module_param(cpu, uint, 0444);
MODULE_PARM_DESC(cpu, "CPU to inject idle time into (an online one, default 0)");

static unsigned int duration_us = 1000;
module_param(duration_us, uint, 0444);
MODULE_PARM_DESC(duration_us, "length of one injection, in us (1 to 100000, default 1000)");

static unsigned int rounds = 1;
module_param(rounds, uint, 0444);
MODULE_PARM_DESC(rounds, "how many injections (1 to 10000, default 1)");

static unsigned long elapsed_us;
module_param(elapsed_us, ulong, 0444);
MODULE_PARM_DESC(elapsed_us, "result: what all rounds took, in us");

/* play_idle_precise() asks for a FIFO kthread that is bound to its CPU. */
static int inject(void *unused)
{
	ktime_t start;
	unsigned int i;

	sched_set_fifo(current);
	start = ktime_get();
	for (i = 0; i < rounds; i++)
		play_idle_precise(duration_us * (u64)NSEC_PER_USEC, U64_MAX);
	elapsed_us = ktime_us_delta(ktime_get(), start);

	while (!kthread_should_stop()) {
		set_current_state(TASK_INTERRUPTIBLE);
		if (!kthread_should_stop())
			schedule();
		__set_current_state(TASK_RUNNING);
	}
	return 0;
}

static int inject_on_cpu(void)
{
	struct task_struct *task = kthread_create(inject, NULL, "play_idle/%u", cpu);

	if (IS_ERR(task))
		return PTR_ERR(task);
	kthread_bind(task, cpu);
	wake_up_process(task);
	while (!READ_ONCE(elapsed_us))
		schedule_timeout_uninterruptible(1);
	return kthread_stop(task);
}

static int __init play_idle_init(void)
{
	int err = -EINVAL;

	if (!duration_us || duration_us > 100000 || !rounds || rounds > 10000)
		return -EINVAL;

	cpus_read_lock();
	if (cpu < nr_cpu_ids && cpu_online(cpu))
		err = inject_on_cpu();
	cpus_read_unlock();
	if (err)
		return err;

	pr_info("cpu=%u rounds=%u duration_us=%u elapsed_us=%lu\n", cpu, rounds, duration_us, elapsed_us);
	return elapsed_us < (unsigned long)rounds * duration_us ? -ETIME : 0;
}

static void __exit play_idle_exit(void)
{
}

module_init(play_idle_init);
module_exit(play_idle_exit);
MODULE_DESCRIPTION("Test: idle injection on a chosen CPU");
MODULE_LICENSE("GPL");
