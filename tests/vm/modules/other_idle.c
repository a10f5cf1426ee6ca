// SPDX-License-Identifier: GPL-2.0-only
/* Test module: a cpuidle driver without devices, which takes the place that there is for one. */

#include <linux/cpuidle.h>
#include <linux/module.h>

static char *name = "other_idle";
module_param(name, charp, 0444);
MODULE_PARM_DESC(name, "what the driver is called (default other_idle)");

static int never_entered(struct cpuidle_device *dev, struct cpuidle_driver *drv, int index)
{
	return index;
}

static struct cpuidle_driver other_driver = {
	.states = { { .name = "NONE", .enter = never_entered } },
	.state_count = 1,
};

static int __init other_idle_init(void)
{
	other_driver.name = name;
	return cpuidle_register_driver(&other_driver);
}

static void __exit other_idle_exit(void)
{
	cpuidle_unregister_driver(&other_driver);
}

module_init(other_idle_init);
module_exit(other_idle_exit);
MODULE_DESCRIPTION("Test: another cpuidle driver");
MODULE_LICENSE("GPL");
