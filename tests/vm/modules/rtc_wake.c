// SPDX-License-Identifier: GPL-2.0-only
/*
 * Test module: while it is loaded, the interrupt of the real-time clock wakes the machine from suspend-to-idle. With
 * ACPI the clock's driver leaves that to the RTC event of ACPI, which QEMU raises for S3 only, if at all.
 */

#include <linux/interrupt.h>
#include <linux/module.h>

static unsigned int irq;
module_param(irq, uint, 0444);
MODULE_PARM_DESC(irq, "the clock's interrupt, as /proc/interrupts has it");

static int __init rtc_wake_init(void)
{
	return irq_set_irq_wake(irq, 1);
}

static void __exit rtc_wake_exit(void)
{
	irq_set_irq_wake(irq, 0);
}

module_init(rtc_wake_init);
module_exit(rtc_wake_exit);
MODULE_DESCRIPTION("Test: the real-time clock ends suspend-to-idle");
MODULE_LICENSE("GPL");
