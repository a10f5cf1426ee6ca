// SPDX-License-Identifier: BSD-3-Clause
/* The doctor's checks of the kernel: its version, and what its command line decides for isolat. */
#include "doctor_check.h"

#include <stdio.h>
#include <string.h>

#include "doctor_cpuidle.h"

#define OSRELEASE "proc/sys/kernel/osrelease"
#define CMDLINE	  "proc/cmdline"

void doctor_kernel(const struct doctor_root *root, struct doctor_finding *finding)
{
	char release[128];
	unsigned int major, minor;
	int got = doctor_read_line(root, OSRELEASE, release, sizeof(release));

	if (got < 0) {
		doctor_unreadable(finding, OSRELEASE, got);
		return;
	}
	if (sscanf(release, "%3u.%3u", &major, &minor) != 2) {
		doctor_found(finding, DOCTOR_BAD, "no version in \"%.60s\"", release);
		doctor_means(finding, "isolat supports Linux from 5.10 on and cannot tell what this is.");
		doctor_advice(finding, "Look at /" OSRELEASE ".");
	} else if (major < 5 || (major == 5 && minor < 10)) {
		doctor_found(finding, DOCTOR_BAD, "Linux %s", release);
		doctor_means(finding, "Older than 5.10: neither the modules nor the reservations are made for it.");
		doctor_advice(finding, "Boot a kernel from 5.10 on; 6.1 or later is better.");
	} else if (major < 6 || (major == 6 && minor < 1)) {
		doctor_found(finding, DOCTOR_WARN, "Linux %s", release);
		doctor_means(finding, "In the supported range, 5.10 and later, but isolat is tested on 6.1 and 6.12.");
		doctor_advice(finding, "Boot 6.1 or later.");
	} else {
		doctor_found(finding, DOCTOR_OK, "Linux %s", release);
		doctor_means(finding, "In the supported range, 5.10 and later.");
	}
}

/* What a parameter means for isolat. */
struct rule {
	const char *name;
	const char *values; /* those that this is about, a list with commas; NULL for any */
	enum doctor_state state;
	const char *means;
	const char *advice;
};

static const struct rule rules[] = {
	{ "isolcpus", NULL, DOCTOR_INFO,
	  "isolcpus takes its CPUs from the scheduler until the next boot: a plan has to keep to that list.",
	  "Remove isolcpus unless other software needs it: isolat keeps CPUs for VMs without it." },
	{ "nohz_full", NULL, DOCTOR_INFO,
	  "nohz_full stops the tick under a lone task: good on the CPUs of pinned vCPUs.", NULL },
	{ "rcu_nocbs", NULL, DOCTOR_INFO, "rcu_nocbs moves RCU callbacks away: good on the CPUs of pinned vCPUs.",
	  NULL },
	{ "irqaffinity", NULL, DOCTOR_INFO,
	  "irqaffinity keeps device interrupts to its CPUs: good where those are the housekeeping cores.", NULL },
	{ "idle", "poll", DOCTOR_WARN,
	  "idle=poll never halts and never enters cpuidle: smart idle poll is never asked, the hyperthread sibling "
	  "pays.",
	  "Remove idle=poll." },
	{ "idle", NULL, DOCTOR_INFO, "idle= limits how deep idle CPUs sleep: less latency, more power.", NULL },
	{ "cpuidle.off", "1", DOCTOR_WARN, "cpuidle.off=1 admits no cpuidle driver: smart idle poll cannot load.",
	  "Remove cpuidle.off=1." },
	{ "cpuidle_haltpoll.force", NULL, DOCTOR_INFO,
	  "cpuidle_haltpoll.force makes cpuidle-haltpoll take the cpuidle driver's place in any guest.", NULL },
	{ "initcall_blacklist", DOCTOR_HALTPOLL_INITCALL, DOCTOR_INFO,
	  DOCTOR_HALTPOLL_REMEDY " keeps cpuidle-haltpoll away: the place is free for smart idle poll.", NULL },
	{ "intel_idle.max_cstate", NULL, DOCTOR_INFO, "intel_idle.max_cstate limits how deep idle CPUs sleep.", NULL },
	{ "processor.max_cstate", NULL, DOCTOR_INFO, "processor.max_cstate limits how deep idle CPUs sleep.", NULL },
	{ "nohz", "off,0", DOCTOR_WARN,
	  "nohz=off never stops the tick: every idle CPU wakes for it, in a guest with exits.", "Remove nohz=off." },
	{ "nomodule", NULL, DOCTOR_INFO, "nomodule lets no module load: see the check modules.", NULL },
	{ "module.sig_enforce", NULL, DOCTOR_INFO, "module.sig_enforce refuses unsigned modules: see module-signing.",
	  NULL },
	{ "lockdown", NULL, DOCTOR_INFO, "lockdown= closes ways into the kernel: see the check lockdown.", NULL },
	{ "mitigations", NULL, DOCTOR_INFO,
	  "mitigations= decides a good part of what an exit costs: state it beside any measurement.", NULL },
	{ "tsc", "unstable", DOCTOR_WARN, "tsc=unstable rules the TSC out, and with it exitless timers.",
	  "Remove tsc=unstable." },
	{ "notsc", NULL, DOCTOR_WARN, "notsc rules the TSC out, and with it exitless timers.", "Remove notsc." },
	{ "tsc", NULL, DOCTOR_INFO, "tsc= decides how far the TSC is trusted: see the check tsc.", NULL },
	{ "clocksource", NULL, DOCTOR_INFO, "clocksource= chooses the clock: see the check tsc.", NULL },
	{ "rdt", NULL, DOCTOR_INFO, "rdt= switches RDT features on or off (!): see the check rdt.", NULL },
	{ "cgroup_disable", "cpuset", DOCTOR_WARN,
	  "cgroup_disable= takes the cpuset controller away, which isolat needs.",
	  "Take cpuset out of cgroup_disable=." },
	{ "cgroup_no_v1", NULL, DOCTOR_INFO, "cgroup_no_v1= keeps controllers for cgroup v2, where isolat needs them.",
	  NULL },
	{ "systemd.unified_cgroup_hierarchy", "0,no,false,off", DOCTOR_WARN,
	  "systemd.unified_cgroup_hierarchy=0 keeps the controllers in cgroup v1, where isolat does not work.",
	  "Remove systemd.unified_cgroup_hierarchy=0." },
	{ "nosmt", NULL, DOCTOR_INFO, "nosmt leaves one thread a core: every reserved core is a whole one.", NULL },
	{ "maxcpus", NULL, DOCTOR_INFO, "maxcpus= leaves CPUs out: a plan can only use the rest.", NULL },
	{ "nr_cpus", NULL, DOCTOR_INFO, "nr_cpus= leaves CPUs out: a plan can only use the rest.", NULL },
	{ 0 },
};

static bool list_has(const char *list, const char *item, size_t length)
{
	for (; *list; list += strcspn(list, ","), list += *list == ',') {
		if (strcspn(list, ",") == length && !strncmp(list, item, length))
			return true;
	}
	return false;
}

/* Whether a value of the parameter, itself a list, is among those of the rule. */
static bool rule_applies(const struct rule *rule, const char *parameter)
{
	const char *value = strchr(parameter, '=');

	if (!doctor_parameter_is(parameter, rule->name))
		return false;
	if (!rule->values || !value)
		return !rule->values;
	for (value++; *value; value += strcspn(value, ","), value += *value == ',') {
		if (list_has(rule->values, value, strcspn(value, ",")))
			return true;
	}
	return false;
}

static const struct rule *find_rule(const char *parameter)
{
	for (const struct rule *rule = rules; rule->name; rule++) {
		if (rule_applies(rule, parameter))
			return rule;
	}
	return NULL;
}

void doctor_cmdline(const struct doctor_root *root, struct doctor_finding *finding)
{
	char cmdline[4096], parameter[128];
	const char *rest = cmdline;
	int got = doctor_read_line(root, CMDLINE, cmdline, sizeof(cmdline));

	if (got < 0) {
		doctor_unreadable(finding, CMDLINE, got);
		return;
	}
	doctor_found(finding, DOCTOR_OK, "%s", "");
	while (doctor_next_parameter(&rest, parameter, sizeof(parameter))) {
		const struct rule *rule = find_rule(parameter);

		if (!rule)
			continue;
		if (rule->state > finding->state)
			finding->state = rule->state;
		doctor_append(finding->found, sizeof(finding->found), "%s%s", finding->found[0] ? " " : "", parameter);
		doctor_append(finding->means, sizeof(finding->means), "%s%s", finding->means[0] ? " " : "",
			      rule->means);
		if (rule->advice)
			doctor_append(finding->advice, sizeof(finding->advice), "%s%s", finding->advice[0] ? " " : "",
				      rule->advice);
	}
	if (finding->found[0])
		return;
	doctor_found(finding, DOCTOR_OK, "no parameter that concerns isolat");
	doctor_means(finding, "Nothing is fixed at boot that isolat decides at run time.");
}
