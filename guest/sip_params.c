// SPDX-License-Identifier: GPL-2.0-only
/*
 * Parameters.  All are writable while the module runs and take effect with each CPU's next idle period.  A value out
 * of range, or no number, is refused with one line in the log, and nothing changes.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/kernel.h>
#include <linux/moduleparam.h>
#include <linux/string.h>

#include "sip.h"

int sip_poll_max_ns = 200000;
int sip_fixed_ns = -1;
int sip_halt_cost_ns;
int sip_poll_price_pct = 30;
int sip_steal_pct = 5;
bool sip_host_poll_keep;

struct sip_int {
	int *value;
	int low, high;
};

static int sip_set_int(const char *text, const struct kernel_param *kp)
{
	const struct sip_int *param = kp->arg;
	int value;

	if (kstrtoint(text, 0, &value) || value < param->low || value > param->high) {
		pr_err("%s must be a number from %d to %d\n", kp->name, param->low, param->high);
		return -EINVAL;
	}
	WRITE_ONCE(*param->value, value);
	sip_update_host_poll();
	return 0;
}

static int sip_get_int(char *buffer, const struct kernel_param *kp)
{
	const struct sip_int *param = kp->arg;

	return sprintf(buffer, "%d\n", READ_ONCE(*param->value));
}

static const struct kernel_param_ops sip_int_ops = { .set = sip_set_int, .get = sip_get_int };

#define SIP_INT(name, min, max, text)                                                               \
	static struct sip_int sip_param_##name = { .value = &sip_##name, .low = min, .high = max }; \
	module_param_cb(name, &sip_int_ops, &sip_param_##name, 0644);                               \
	MODULE_PARM_DESC(name, text)

SIP_INT(poll_max_ns, 0, 10000000, "longest poll, in ns; 0: never poll (0 to 10000000, default 200000)");
SIP_INT(fixed_ns, -1, 10000000, "poll for this long, in ns; -1: decide from past idles (-1 to 10000000, default -1)");
SIP_INT(halt_cost_ns, 0, 10000000, "cost of a halt and wake, in ns; 0: measured per CPU (0 to 10000000, default 0)");
SIP_INT(poll_price_pct, 0, 1000, "price of a polled ns, in percent of a ns of halt_cost_ns (0 to 1000, default 30)");
SIP_INT(steal_pct, 0, 100, "do not poll above this steal time, in percent; 0: poll all the same (0 to 100, default 5)");

static int sip_set_host_poll(const char *text, const struct kernel_param *kp)
{
	bool keep = sysfs_streq(text, "keep");

	if (!keep && !sysfs_streq(text, "off")) {
		pr_err("%s must be off or keep\n", kp->name);
		return -EINVAL;
	}
	WRITE_ONCE(sip_host_poll_keep, keep);
	sip_update_host_poll();
	return 0;
}

static int sip_get_host_poll(char *buffer, const struct kernel_param *kp)
{
	return sprintf(buffer, "%s\n", READ_ONCE(sip_host_poll_keep) ? "keep" : "off");
}

static const struct kernel_param_ops sip_host_poll_ops = { .set = sip_set_host_poll, .get = sip_get_host_poll };
module_param_cb(host_poll, &sip_host_poll_ops, NULL, 0644);
MODULE_PARM_DESC(host_poll, "the host's halt polling while the guest may poll: off or keep (default off)");
