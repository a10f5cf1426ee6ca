// SPDX-License-Identifier: GPL-2.0-only
/* Test module: does wrong what the launcher must notice. */

#include <linux/debugfs.h>
#include <linux/irqflags.h>
#include <linux/module.h>
#include <linux/processor.h>
#include <linux/string.h>
#include <asm/tsc.h>

static char *how = "";
module_param(how, charp, 0444);
MODULE_PARM_DESC(how, "warn, leak (a folder in debugfs that rmmod leaves behind), spin (with interrupts off), or "
		      "tsc (make it unstable)");

static void spin(void)
{
	local_irq_disable();
	for (;;)
		cpu_relax();
}

static int __init misbehave_init(void)
{
	if (!strcmp(how, "leak"))
		debugfs_create_dir("misbehave", NULL);
	else if (!strcmp(how, "spin"))
		spin();
	else if (!strcmp(how, "tsc"))
		mark_tsc_unstable("of a test");
	else if (WARN_ON(!strcmp(how, "warn")))
		return 0;
	else
		return -EINVAL;
	return 0;
}

static void __exit misbehave_exit(void)
{
}

module_init(misbehave_init);
module_exit(misbehave_exit);
MODULE_DESCRIPTION("Test: what the launcher must notice");
MODULE_LICENSE("GPL");
