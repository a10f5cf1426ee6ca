// SPDX-License-Identifier: BSD-3-Clause
#include "doctor_check.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "report.h"

const struct doctor_check doctor_checks[] = {
	{ "kernel", "Kernel", doctor_kernel },
	{ "guest", "Hypervisor", doctor_guest },
	{ "kvm", "KVM", doctor_kvm },
	{ "kvm-posted", "Posted interrupts", doctor_kvm_posted },
	{ "kvm-ple", "PAUSE exits", doctor_kvm_ple },
	{ "kvm-halt-poll", "Host halt polling", doctor_kvm_halt_poll },
	{ "kvm-nested", "Nested KVM", doctor_kvm_nested },
	{ "rdt", "RDT", doctor_rdt },
	{ "resctrl", "resctrl", doctor_resctrl },
	{ "resctrl-groups", "resctrl groups", doctor_resctrl_groups },
	{ "cgroup", "cgroups", doctor_cgroup },
	{ "cgroup-owner", "Owner of the cgroups", doctor_cgroup_owner },
	{ "cpuidle", "cpuidle", doctor_cpuidle },
	{ "smart-idle-poll", "Smart idle poll", doctor_smart_idle_poll },
	{ "tsc", "TSC", doctor_tsc },
	{ "cmdline", "Kernel command line", doctor_cmdline },
	{ "modules", "Module loading", doctor_modules },
	{ "module-signing", "Module signatures", doctor_module_signing },
	{ "lockdown", "Lockdown", doctor_lockdown },
	{ 0 },
};

const struct doctor_job doctor_jobs[] = {
	{ "cache", "reserve cache and bandwidth", { "kernel", "rdt", "resctrl", "resctrl-groups" } },
	{ "cores", "keep VMs and commands to cores and memory nodes", { "kernel", "cgroup" } },
	{ "timer-host", "serve exitless timers to VMs", { "kernel", "kvm", "tsc" } },
	{ "idle-poll", "smart idle poll in this guest", { "kernel", "guest", "cpuidle", "modules" } },
	{ "timer-guest", "exitless timers in this guest", { "kernel", "guest", "tsc", "modules" } },
	{ 0 },
};

size_t doctor_run(const struct doctor_root *root, struct doctor_finding findings[DOCTOR_MAX_CHECKS])
{
	size_t count = 0;

	for (; doctor_checks[count].id; count++) {
		findings[count] = (struct doctor_finding){ .state = DOCTOR_NA };
		doctor_checks[count].run(root, &findings[count]);
		/* A text that was cut may end inside a character. */
		report_clean(findings[count].found);
		report_clean(findings[count].means);
		report_clean(findings[count].advice);
	}
	return count;
}

bool doctor_blocks(const struct doctor_job *job, size_t need, const struct doctor_finding *findings)
{
	for (size_t i = 0; doctor_checks[i].id; i++) {
		if (!strcmp(doctor_checks[i].id, job->needs[need]))
			return findings[i].state == DOCTOR_BAD || findings[i].state == DOCTOR_NA;
	}
	return true;
}

bool doctor_possible(const struct doctor_job *job, const struct doctor_finding *findings)
{
	for (size_t i = 0; job->needs[i]; i++) {
		if (doctor_blocks(job, i, findings))
			return false;
	}
	return true;
}

bool doctor_usable(const struct doctor_finding *findings)
{
	for (const struct doctor_job *job = doctor_jobs; job->id; job++) {
		if (doctor_possible(job, findings))
			return true;
	}
	return false;
}

const char *doctor_state_name(enum doctor_state state)
{
	static const char *const names[DOCTOR_STATES] = { "ok", "info", "warn", "bad", "n/a" };

	return names[state];
}

static json_t *summary_json(const struct doctor_finding *findings)
{
	int count[DOCTOR_STATES] = { 0 };
	json_t *jobs = json_array();

	for (size_t i = 0; doctor_checks[i].id; i++)
		count[findings[i].state]++;
	for (const struct doctor_job *job = doctor_jobs; job->id; job++) {
		json_t *against = json_array();

		for (size_t i = 0; job->needs[i]; i++) {
			if (doctor_blocks(job, i, findings))
				json_array_append_new(against, json_string(job->needs[i]));
		}
		json_array_append_new(jobs, json_pack("{s:s, s:b, s:o}", "id", job->id, "possible",
						      doctor_possible(job, findings), "blocked_by", against));
	}
	return json_pack("{s:i, s:i, s:i, s:i, s:i, s:b, s:o}", "ok", count[DOCTOR_OK], "info", count[DOCTOR_INFO],
			 "warn", count[DOCTOR_WARN], "bad", count[DOCTOR_BAD], "na", count[DOCTOR_NA], "usable",
			 doctor_usable(findings), "jobs", jobs);
}

json_t *doctor_json(const struct doctor_finding *findings)
{
	json_t *checks = json_array();

	for (size_t i = 0; doctor_checks[i].id; i++) {
		const struct doctor_finding *finding = &findings[i];

		json_array_append_new(checks,
				      json_pack("{s:s, s:s, s:o, s:o, s:o}", "id", doctor_checks[i].id, "state",
						doctor_state_name(finding->state), "found",
						report_string(finding->found), "means", report_string(finding->means),
						"advice", report_string(finding->advice)));
	}
	return json_pack("{s:i, s:o, s:o}", "version", 1, "checks", checks, "summary", summary_json(findings));
}

void doctor_append(char *text, size_t size, const char *format, ...)
{
	size_t used = strlen(text);
	va_list ap;

	va_start(ap, format);
	vsnprintf(text + used, size - used, format, ap);
	va_end(ap);
}

void doctor_found(struct doctor_finding *finding, enum doctor_state state, const char *format, ...)
{
	va_list ap;

	finding->state = state;
	va_start(ap, format);
	vsnprintf(finding->found, sizeof(finding->found), format, ap);
	va_end(ap);
}

void doctor_means(struct doctor_finding *finding, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(finding->means, sizeof(finding->means), format, ap);
	va_end(ap);
}

void doctor_advice(struct doctor_finding *finding, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(finding->advice, sizeof(finding->advice), format, ap);
	va_end(ap);
}

void doctor_unreadable(struct doctor_finding *finding, const char *path, int error)
{
	switch (error) {
	case -ENOENT:
	case -ENOTDIR:
		doctor_found(finding, DOCTOR_NA, "there is no /%s", path);
		doctor_means(finding, "This kernel or this capture does not have it, so nothing can be told.");
		return;
	case -EACCES:
	case -EPERM:
		doctor_found(finding, DOCTOR_WARN, "/%s is not readable as this user", path);
		doctor_means(finding, "Nothing can be told.");
		doctor_advice(finding, "Run as root.");
		return;
	case -EINVAL:
		doctor_found(finding, DOCTOR_WARN, "/%s does not hold what the kernel writes there", path);
		doctor_means(finding, "Nothing can be told.");
		doctor_advice(finding, "Look at that file.");
		return;
	default:
		doctor_found(finding, DOCTOR_WARN, "/%s cannot be read: %s", path, strerror(-error));
		doctor_means(finding, "Nothing can be told.");
		doctor_advice(finding, "Look at that file.");
	}
}
