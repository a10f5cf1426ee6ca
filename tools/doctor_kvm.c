// SPDX-License-Identifier: BSD-3-Clause
/* The doctor's checks of KVM: that it is there, and its settings that decide what a guest's poll and timers cost. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* O_PATH */
#endif
#include "doctor_check.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define MODULE	       "sys/module/"
#define INTEL	       MODULE "kvm_intel"
#define AMD	       MODULE "kvm_amd"
#define KVM_PARAM      MODULE "kvm/parameters/"
#define INTEL_PARAM    INTEL "/parameters/"
#define AMD_PARAM      AMD "/parameters/"
#define KVM_DEVICE     makedev(10, 232)
#define API_VERSION    12
#define HALT_POLL_MUCH 1000000 /* ns; five times the default: beyond, it is no longer short idles that are polled */

static bool is_intel(const struct doctor_root *root)
{
	return doctor_exists(root, INTEL);
}

static bool is_amd(const struct doctor_root *root)
{
	return doctor_exists(root, AMD);
}

/* The module that runs VMs, built in or not: kvm_intel, kvm_amd, or another kvm_*. */
static bool provider(const struct doctor_root *root, char *name, size_t size)
{
	char **modules;
	int count = doctor_list(root, "sys/module", &modules);
	bool found = is_intel(root) || is_amd(root);

	snprintf(name, size, "%s", !found ? "" : is_intel(root) ? "kvm_intel" : "kvm_amd");
	for (int i = 0; i < count && !found; i++) {
		found = !strncmp(modules[i], "kvm_", 4);
		if (found)
			snprintf(name, size, "%s", modules[i]);
	}
	doctor_free_names(modules, count);
	return found;
}

/* Opens KVM's device. Returns 0 when KVM answers, 1 where a captured machine has a plain file in its place, or -errno.
 */
static int try_device(const struct doctor_root *root)
{
	int path = doctor_open(root, "dev/kvm", O_PATH), fd, version;
	struct stat st;

	if (path < 0)
		return path;
	fd = fstat(path, &st);
	close(path);
	if (fd)
		return -ENOENT;
	if (!S_ISCHR(st.st_mode))
		return S_ISREG(st.st_mode) ? 1 : -ENOENT;
	if (st.st_rdev != KVM_DEVICE)
		return -ENXIO;
	fd = doctor_open(root, "dev/kvm", O_RDWR);
	if (fd < 0)
		return fd;
	version = ioctl(fd, KVM_GET_API_VERSION, 0);
	close(fd);
	return version == API_VERSION ? 0 : -ENXIO;
}

static void no_device(const struct doctor_root *root, struct doctor_finding *finding)
{
	struct doctor_cpu cpu = { 0 };
	bool able;

	doctor_read_cpu(root, &cpu);
	able = doctor_cpu_has(&cpu, "vmx") || doctor_cpu_has(&cpu, "svm");
	doctor_found(finding, DOCTOR_BAD, "there is no /dev/kvm");
	doctor_means(finding, "No VM can run here but by emulation, whose latencies say nothing.");
	if (able) {
		doctor_advice(finding, "modprobe %s.", doctor_cpu_has(&cpu, "vmx") ? "kvm_intel" : "kvm_amd");
	} else if (doctor_cpu_has(&cpu, "hypervisor")) {
		finding->state = DOCTOR_NA;
		doctor_advice(finding,
			      "A guest needs none. Where it is to run VMs, enable nested KVM on its host and give "
			      "it a CPU with vmx or svm.");
	} else {
		doctor_advice(finding, "Switch VT-x or AMD-V (SVM) on in the firmware, then modprobe kvm_intel or "
				       "kvm_amd.");
	}
}

void doctor_kvm(const struct doctor_root *root, struct doctor_finding *finding)
{
	char name[64];
	bool provided = provider(root, name, sizeof(name));
	int got = try_device(root);

	if (got == -ENOENT || got == -ENOTDIR) {
		no_device(root, finding);
	} else if (got == -EACCES || got == -EPERM) {
		doctor_found(finding, DOCTOR_BAD, "/dev/kvm may not be opened as this user");
		doctor_means(finding, "This user can run no VM but by emulation.");
		doctor_advice(finding, "Run as root, or add the user to the group that owns /dev/kvm.");
	} else if (got < 0 || !provided) {
		doctor_found(finding, DOCTOR_BAD, "/dev/kvm is there, but no KVM behind it%s%s", got < 0 ? ": " : "",
			     got < 0 ? strerror(-got) : "");
		doctor_means(finding, "No VM can run here but by emulation, whose latencies say nothing.");
		doctor_advice(finding, "modprobe kvm_intel or kvm_amd; where that fails, the kernel's log says why.");
	} else if (!is_intel(root) && !is_amd(root)) {
		doctor_found(finding, DOCTOR_WARN, "/dev/kvm works, through %s", name);
		doctor_means(finding,
			     "Not Intel's nor AMD's virtualization: isolat has not been tried on it, and stock "
			     "kernels need not boot. Benchmarks fall back to emulation where they do not.");
		doctor_advice(finding, "Measure on a host with kvm_intel or kvm_amd.");
	} else {
		doctor_found(finding, DOCTOR_OK, "/dev/kvm works, through %s", name);
		doctor_means(finding, "VMs run here with hardware virtualization.");
	}
}

/* Checks of a module's parameters do not apply where neither module is there; true when so. */
static bool no_provider(const struct doctor_root *root, struct doctor_finding *finding)
{
	if (is_intel(root) || is_amd(root))
		return false;
	doctor_found(finding, DOCTOR_NA, "neither kvm_intel nor kvm_amd is here");
	doctor_means(finding, doctor_in_guest(root)
				      ? "For this guest its host's settings count: run isolat doctor there."
				      : "There is nothing to set.");
	return true;
}

void doctor_kvm_posted(const struct doctor_root *root, struct doctor_finding *finding)
{
	const char *path = is_intel(root) ? INTEL_PARAM "enable_apicv" : AMD_PARAM "avic";
	const char *name = is_intel(root) ? "kvm_intel.enable_apicv" : "kvm_amd.avic";
	bool posted;
	int got;

	if (no_provider(root, finding))
		return;
	got = doctor_read_bool(root, path, &posted);
	if (got < 0) {
		doctor_unreadable(finding, path, got);
		return;
	}
	doctor_found(finding, posted ? DOCTOR_OK : DOCTOR_WARN, "%s=%c", name, posted ? 'Y' : 'N');
	if (!posted) {
		doctor_means(finding,
			     "An interrupt for a running vCPU costs an exit: exitless timers save the exit to arm, "
			     "not the one to fire.");
		doctor_advice(finding,
			      is_intel(root) ? "Load kvm_intel without enable_apicv=0; where it stays N, the CPU or "
					       "the hypervisor below does not have it."
					     : "Load kvm_amd with avic=1 (options kvm_amd avic=1 in /etc/modprobe.d), "
					       "if the CPU has AVIC.");
		return;
	}
	doctor_means(finding,
		     "An interrupt reaches a running vCPU without an exit: exitless timers can fire exitless.%s",
		     is_intel(root) ? "" : " AVIC is inhibited in a VM whose PIT reinjects lost ticks.");
	if (is_amd(root))
		doctor_advice(finding, "Start VMs with the PIT's lost_tick_policy=discard (libvirt: <timer name='pit' "
				       "tickpolicy='discard'/>).");
}

static void judge_ple(struct doctor_finding *finding, bool on, const char *option)
{
	finding->state = on ? DOCTOR_WARN : DOCTOR_OK;
	if (!on) {
		doctor_means(finding, "A guest's poll loop runs without PAUSE exits.");
		return;
	}
	doctor_means(finding,
		     "A guest that polls executes PAUSE, and exits each time that it has done so for the window: "
		     "this can void smart idle poll. It pays only where vCPUs share cores.");
	doctor_advice(finding,
		      "Where each vCPU has a core of its own, load the module with it off (options %s in "
		      "/etc/modprobe.d); it takes effect when no VM runs and the module is loaded again.",
		      option);
}

void doctor_kvm_ple(const struct doctor_root *root, struct doctor_finding *finding)
{
	const char *first = is_intel(root) ? INTEL_PARAM "ple_gap" : AMD_PARAM "pause_filter_count";
	const char *second = is_intel(root) ? INTEL_PARAM "ple_window" : AMD_PARAM "pause_filter_thresh";
	long long a, b = 0;
	int got;

	if (no_provider(root, finding))
		return;
	got = doctor_read_number(root, first, &a);
	if (got < 0) {
		doctor_unreadable(finding, first, got);
		return;
	}
	got = doctor_read_number(root, second, &b);
	if (is_intel(root)) {
		doctor_found(finding, DOCTOR_OK, "kvm_intel.ple_gap=%lld", a);
		if (!got)
			doctor_append(finding->found, sizeof(finding->found), ", ple_window=%lld", b);
		judge_ple(finding, a != 0, "kvm_intel ple_gap=0");
	} else if (got < 0) {
		doctor_unreadable(finding, second, got);
	} else {
		/* Either at 0 switches the filter off. */
		doctor_found(finding, DOCTOR_OK, "kvm_amd.pause_filter_count=%lld, pause_filter_thresh=%lld", a, b);
		judge_ple(finding, a && b, "kvm_amd pause_filter_count=0");
	}
}

void doctor_kvm_halt_poll(const struct doctor_root *root, struct doctor_finding *finding)
{
	long long limit, grow = 2, start = 0, shrink = 0;
	int got;

	if (!doctor_exists(root, MODULE "kvm")) {
		doctor_found(finding, DOCTOR_NA, "kvm is not loaded");
		doctor_means(finding, doctor_in_guest(root) ? "For this guest its host's setting counts."
							    : "There is nothing to set.");
		return;
	}
	got = doctor_read_number(root, KVM_PARAM "halt_poll_ns", &limit);
	if (got < 0) {
		doctor_unreadable(finding, KVM_PARAM "halt_poll_ns", got);
		return;
	}
	doctor_read_number(root, KVM_PARAM "halt_poll_ns_grow", &grow);
	doctor_read_number(root, KVM_PARAM "halt_poll_ns_grow_start", &start);
	doctor_read_number(root, KVM_PARAM "halt_poll_ns_shrink", &shrink);
	doctor_found(finding, DOCTOR_INFO, "halt_poll_ns=%lld, grow=%lld, grow_start=%lld, shrink=%lld", limit, grow,
		     start, shrink);
	if (limit <= 0 || !grow) {
		doctor_means(finding,
			     "The host puts a halted vCPU's thread to sleep at once: each halt costs a guest the "
			     "exit and the full wake, which smart idle poll saves on short idles.");
	} else if (limit <= HALT_POLL_MUCH) {
		doctor_means(finding,
			     "After a guest's halt the host polls up to %lld us before it sleeps: the wake is "
			     "quicker, the exit is paid. Smart idle poll switches this off for its VM, unless "
			     "loaded with host_poll=keep.",
			     limit / 1000);
	} else {
		finding->state = DOCTOR_WARN;
		doctor_means(finding,
			     "After a guest's halt the host polls up to %lld us: long idles burn the core and slow "
			     "its sibling.",
			     limit / 1000);
		doctor_advice(finding, "Write 200000, the kernel's default, or 0 to /" KVM_PARAM "halt_poll_ns.");
	}
}

void doctor_kvm_nested(const struct doctor_root *root, struct doctor_finding *finding)
{
	const char *path = is_intel(root) ? INTEL_PARAM "nested" : AMD_PARAM "nested";
	const char *name = is_intel(root) ? "kvm_intel" : "kvm_amd";
	bool nested;
	int got;

	if (no_provider(root, finding))
		return;
	got = doctor_read_bool(root, path, &nested);
	if (got < 0) {
		doctor_unreadable(finding, path, got);
		return;
	}
	doctor_found(finding, DOCTOR_INFO, "%s.nested=%c", name, nested ? 'Y' : 'N');
	doctor_means(finding,
		     nested ? "VMs may run VMs, where their CPU shows it: an exit of those costs several of ours."
			    : "VMs cannot run VMs with KVM: isolat's own tests in a host VM need it on.");
}
