// SPDX-License-Identifier: BSD-3-Clause
/* The doctor's check whether this is a guest, and whose. */
#include "doctor_check.h"

#include <string.h>

#define CLOCKS "sys/devices/system/clocksource/clocksource0/available_clocksource"

/* The paravirtual clock tells a hypervisor without asking the CPU, which a captured machine does not have. */
static const char *hypervisor(const struct doctor_root *root)
{
	char clocks[256] = "", xen[32] = "";

	doctor_read_line(root, CLOCKS, clocks, sizeof(clocks));
	doctor_read_line(root, "sys/hypervisor/type", xen, sizeof(xen));
	if (!strcmp(xen, "xen") || strstr(clocks, "xen"))
		return "Xen";
	if (strstr(clocks, "hyperv"))
		return "Hyper-V";
	if (strstr(clocks, "kvm-clock"))
		return "KVM";
	return "a hypervisor that does not show its name";
}

void doctor_guest(const struct doctor_root *root, struct doctor_finding *finding)
{
	struct doctor_cpu cpu;
	int got = doctor_read_cpu(root, &cpu);
	const char *name;

	if (got < 0) {
		doctor_unreadable(finding, "proc/cpuinfo", got);
		return;
	}
	if (!doctor_cpu_has(&cpu, "hypervisor")) {
		doctor_found(finding, DOCTOR_NA, "runs on the hardware itself");
		doctor_means(finding, "This is a host: the parts of isolat that are for guests do not apply.");
		return;
	}
	name = hypervisor(root);
	doctor_found(finding, DOCTOR_INFO, "runs in a guest of %s", name);
	if (!strcmp(name, "KVM")) {
		doctor_means(finding,
			     "Smart idle poll and exitless timers can be used in here; what isolat reserves is "
			     "reserved on the host of this guest.");
		return;
	}
	finding->state = DOCTOR_WARN;
	doctor_means(finding, "isolat's guest modules are made for KVM: smart idle poll works without it, but cannot "
			      "switch the host's own polling off.");
	doctor_advice(finding,
		      "Where the host is KVM all the same, look whether it hides itself (QEMU: -cpu kvm=off).");
}
