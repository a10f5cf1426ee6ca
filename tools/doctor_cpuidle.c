// SPDX-License-Identifier: BSD-3-Clause
/* The doctor's checks of idle: who holds the cpuidle driver's place, and smart idle poll itself. */
#include "doctor_cpuidle.h"

#include <errno.h>
#include <string.h>

#include "doctor_check.h"

#define CPUIDLE	    "sys/devices/system/cpu/cpuidle"
#define DRIVER	    CPUIDLE "/current_driver"
#define OUR_DRIVER  "smart_idle_poll"
#define OUR_MODULE  "sys/module/smart_idle_poll"
#define HALTPOLL_NS "sys/module/haltpoll/parameters/guest_halt_poll_ns"
#define UNKNOWN	    "unknown"

static void guest_cpuidle(struct doctor_finding *finding, const char *driver)
{
	finding->state = DOCTOR_BAD;
	if (!strcmp(driver, OUR_DRIVER)) {
		finding->state = DOCTOR_OK;
		doctor_means(finding, "Smart idle poll decides how this guest idles.");
	} else if (!strcmp(driver, "none")) {
		finding->state = DOCTOR_OK;
		doctor_means(finding, "The place is free: smart idle poll can load.");
	} else if (!strcmp(driver, "haltpoll")) {
		doctor_means(finding,
			     "cpuidle-haltpoll holds the place that smart idle poll needs, which fails to load "
			     "with EBUSY. It is built in or cannot be unloaded while in use.");
		doctor_advice(finding,
			      "Boot this guest with " DOCTOR_HALTPOLL_REMEDY ", and without cpuidle_haltpoll.force.");
	} else {
		doctor_means(finding,
			     "That driver holds the place that smart idle poll needs, which fails to load with "
			     "EBUSY.");
		doctor_advice(finding,
			      "Keep that driver from this guest: start the VM without MWAIT passed through "
			      "(no -overcommit cpu-pm=on)%s.",
			      !strcmp(driver, "intel_idle") ? ", or boot it with intel_idle.max_cstate=0" : "");
	}
}

static void host_cpuidle(struct doctor_finding *finding, const char *driver)
{
	finding->state = DOCTOR_INFO;
	if (!strcmp(driver, "none")) {
		doctor_means(finding,
			     "Idle CPUs of this host only halt: waking them is quick, their power is not saved.");
		return;
	}
	if (!strcmp(driver, OUR_DRIVER)) {
		finding->state = DOCTOR_WARN;
		doctor_means(finding, "Smart idle poll is made for guests; on a host it hides the deeper C-states.");
		doctor_advice(finding, "Unload smart_idle_poll here and load it in the guests.");
		return;
	}
	doctor_means(finding,
		     "Where a vCPU sleeps its CPU may enter a deep C-state, whose exit latency is added to the "
		     "wake. Smart idle poll in the guest avoids that on short idles.");
}

static void no_cpuidle(const struct doctor_root *root, struct doctor_finding *finding)
{
	bool guest = doctor_in_guest(root);

	doctor_found(finding, guest ? DOCTOR_BAD : DOCTOR_INFO, "no cpuidle in this kernel");
	if (!guest) {
		doctor_means(finding, "Idle CPUs of this host only halt.");
		return;
	}
	doctor_means(finding, "Smart idle poll is a cpuidle driver and cannot load.");
	doctor_advice(finding, "Boot a kernel with CONFIG_CPU_IDLE, without cpuidle.off=1.");
}

void doctor_cpuidle(const struct doctor_root *root, struct doctor_finding *finding)
{
	char driver[64], governor[64] = UNKNOWN, limit[32];
	int got = doctor_read_line(root, DRIVER, driver, sizeof(driver));

	if (got == -ENOENT && !doctor_exists(root, CPUIDLE) && doctor_exists(root, "sys/devices/system/cpu")) {
		no_cpuidle(root, finding);
		return;
	}
	if (got <= 0) {
		doctor_unreadable(finding, DRIVER, got ? got : -EINVAL);
		return;
	}
	/* Before 5.8 only the second was there without cpuidle_sysfs_switch. */
	if (doctor_read_line(root, CPUIDLE "/current_governor", governor, sizeof(governor)) <= 0 &&
	    doctor_read_line(root, CPUIDLE "/current_governor_ro", governor, sizeof(governor)) <= 0)
		strcpy(governor, UNKNOWN);
	doctor_found(finding, DOCTOR_INFO, "driver %s, governor %s", driver, governor);
	if (!strcmp(governor, "haltpoll") && doctor_read_line(root, HALTPOLL_NS, limit, sizeof(limit)) > 0)
		doctor_append(finding->found, sizeof(finding->found), ", polls up to %s ns", limit);
	if (doctor_in_guest(root))
		guest_cpuidle(finding, driver);
	else
		host_cpuidle(finding, driver);
}

void doctor_smart_idle_poll(const struct doctor_root *root, struct doctor_finding *finding)
{
	char driver[64] = "";
	bool loaded = doctor_exists(root, OUR_MODULE);

	doctor_read_line(root, DRIVER, driver, sizeof(driver));
	if (loaded && !strcmp(driver, OUR_DRIVER)) {
		doctor_found(finding, DOCTOR_OK, "smart_idle_poll is loaded and in use");
		doctor_means(finding, "Short idles of this guest poll in place of exiting to the host.");
	} else if (loaded) {
		doctor_found(finding, DOCTOR_WARN, "smart_idle_poll is loaded, but is not the cpuidle driver");
		doctor_means(finding, "Every idle of this guest exits to the host as without it.");
		doctor_advice(finding, "See the check cpuidle; then unload smart_idle_poll and load it again.");
	} else if (doctor_in_guest(root)) {
		doctor_found(finding, DOCTOR_INFO, "smart_idle_poll is not loaded");
		doctor_means(finding, "Every idle of this guest, be it short, exits to the host.");
		doctor_advice(finding, "Where the checks cpuidle and modules let it, modprobe smart_idle_poll.");
	} else {
		doctor_found(finding, DOCTOR_NA, "smart_idle_poll is not loaded");
		doctor_means(finding, "It is for guests, and this is not seen to be one.");
	}
}
