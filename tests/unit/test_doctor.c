// SPDX-License-Identifier: BSD-3-Clause
/* The doctor's checks against machines made up in a directory: a table of cases, and a few that need code. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "doctor_check.h"
#include "doctor_cpuidle.h"
#include "report.h"

#define CPU	"sys/devices/system/cpu/"
#define CLOCK	"sys/devices/system/clocksource/clocksource0/"
#define PARAM	"sys/module/"
#define RESCTRL "sys/fs/resctrl/"
#define GONE	((const char *)-1) /* removes what the machine has */

#define MOUNTS_V2      "cgroup2 /sys/fs/cgroup cgroup2 rw,nosuid,nodev,noexec,relatime 0 0\n"
#define MOUNTS_RESCTRL "resctrl /sys/fs/resctrl resctrl rw,relatime 0 0\n"
#define TSC_FLAGS      "constant_tsc nonstop_tsc "
#define RDT_FLAGS      "cat_l3 cdp_l3 mba cqm_llc cqm_occup_llc cqm_mbm_total cqm_mbm_local"

struct file {
	const char *path;
	const char *text; /* NULL: a directory */
};

static char dir[256];

static const struct file common[] = {
	{ "proc/sys/kernel/osrelease", "6.1.0-18-amd64\n" },
	{ "proc/cmdline", "BOOT_IMAGE=/vmlinuz root=/dev/vda1 ro quiet\n" },
	{ "proc/modules", "" },
	{ "proc/sys/kernel/modules_disabled", "0\n" },
	{ "proc/1/comm", "systemd\n" },
	{ "proc/mounts", "proc /proc proc rw 0 0\n" MOUNTS_V2 },
	{ "proc/filesystems", "nodev\tsysfs\nnodev\tcgroup2\n\text4\n" },
	{ "sys/fs/cgroup/cgroup.controllers", "cpuset cpu io memory pids\n" },
	{ "sys/kernel/security/lockdown", "[none] integrity confidentiality\n" },
	{ PARAM "module/parameters/sig_enforce", "N\n" },
	{ PARAM "kvm/parameters/halt_poll_ns", "200000\n" },
	{ PARAM "kvm/parameters/halt_poll_ns_grow", "2\n" },
	{ PARAM "kvm/parameters/halt_poll_ns_grow_start", "10000\n" },
	{ PARAM "kvm/parameters/halt_poll_ns_shrink", "0\n" },
	{ CLOCK "current_clocksource", "tsc\n" },
	{ CLOCK "available_clocksource", "tsc hpet acpi_pm \n" },
	{ CPU "cpuidle/current_governor", "menu\n" },
	{ "dev/kvm", "" },
	{ 0 },
};

static const struct file intel[] = {
	{ "proc/cpuinfo", "processor\t: 0\nvendor_id\t: GenuineIntel\nflags\t\t: fpu vmx " TSC_FLAGS RDT_FLAGS
			  "\nvmx flags\t: vnmi\n\nprocessor\t: 1\nflags\t\t: fpu\n" },
	{ "proc/mounts", "proc /proc proc rw 0 0\n" MOUNTS_V2 MOUNTS_RESCTRL },
	{ "proc/filesystems", "nodev\tsysfs\nnodev\tresctrl\n" },
	{ PARAM "kvm_intel/parameters/enable_apicv", "Y\n" },
	{ PARAM "kvm_intel/parameters/ple_gap", "128\n" },
	{ PARAM "kvm_intel/parameters/ple_window", "4096\n" },
	{ PARAM "kvm_intel/parameters/nested", "Y\n" },
	{ CPU "cpuidle/current_driver", "intel_idle\n" },
	{ RESCTRL "info/L3/num_closids", "16\n" },
	{ RESCTRL "info/MB/num_closids", "8\n" },
	{ RESCTRL "mon_groups", NULL },
	{ RESCTRL "mon_data", NULL },
	{ RESCTRL "schemata", "L3:0=7ff\n" },
	{ RESCTRL "qemu-1-web-vcpus_0-3", NULL },
	{ RESCTRL "isolat-db", NULL },
	{ 0 },
};

static const struct file amd[] = {
	{ "proc/cpuinfo",
	  "processor\t: 0\nvendor_id\t: AuthenticAMD\nflags\t\t: fpu svm " TSC_FLAGS "cat_l3 cqm_llc\n" },
	{ "proc/filesystems", "nodev\tresctrl\n" },
	{ PARAM "kvm_amd/parameters/avic", "Y\n" },
	{ PARAM "kvm_amd/parameters/pause_filter_count", "0\n" },
	{ PARAM "kvm_amd/parameters/pause_filter_thresh", "128\n" },
	{ PARAM "kvm_amd/parameters/nested", "1\n" },
	{ CPU "cpuidle/current_driver", "acpi_idle\n" },
	{ 0 },
};

static const struct file guest[] = {
	{ "proc/cpuinfo", "processor\t: 0\nvendor_id\t: GenuineIntel\nflags\t\t: fpu hypervisor " TSC_FLAGS "\n" },
	{ CLOCK "current_clocksource", "kvm-clock\n" },
	{ CLOCK "available_clocksource", "kvm-clock tsc \n" },
	{ PARAM "haltpoll/parameters/guest_halt_poll_ns", "200000\n" },
	{ CPU "cpuidle/current_driver", "haltpoll\n" },
	{ CPU "cpuidle/current_governor", "haltpoll\n" },
	{ "dev/kvm", GONE },
	{ PARAM "kvm", GONE },
	{ 0 },
};

static const struct file *const nothing[] = { NULL };
static const struct file *const intel_host[] = { common, intel, NULL };
static const struct file *const amd_host[] = { common, amd, NULL };
static const struct file *const kvm_guest[] = { common, guest, NULL };

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void full_path(char *path, size_t size, const char *name)
{
	assert_true((size_t)snprintf(path, size, "%s/%s", dir, name) < size);
}

static void make_dirs(const char *name, bool last)
{
	char path[1024];

	full_path(path, sizeof(path), name);
	for (char *slash = strchr(path + strlen(dir) + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		assert_true(!mkdir(path, 0755) || errno == EEXIST);
		*slash = '/';
	}
	if (last)
		assert_true(!mkdir(path, 0755) || errno == EEXIST);
}

static void put_bytes(const char *name, const void *bytes, size_t size)
{
	char path[1024];
	FILE *file;

	make_dirs(name, false);
	full_path(path, sizeof(path), name);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, size, file), size);
	assert_int_equal(fclose(file), 0);
}

static void put(const struct file *file)
{
	char path[1024];

	if (file->text == GONE) {
		full_path(path, sizeof(path), file->path);
		nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	} else if (!file->text) {
		make_dirs(file->path, true);
	} else {
		put_bytes(file->path, file->text, strlen(file->text));
	}
}

static void put_machine(const struct file *const *layers)
{
	for (; *layers; layers++) {
		for (const struct file *file = *layers; file->path; file++)
			put(file);
	}
}

static int make_root(void **state)
{
	const char *tmp = getenv("TMPDIR");

	(void)state;
	snprintf(dir, sizeof(dir), "%s/isolat-doctor.XXXXXX", tmp ? tmp : "/tmp");
	return mkdtemp(dir) && !chmod(dir, 0755) ? 0 : -1;
}

static int drop_root(void **state)
{
	(void)state;
	return nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static struct doctor_finding findings[DOCTOR_MAX_CHECKS];

static void run_checks(void)
{
	struct doctor_root root;
	struct isolat_error err;
	size_t count;

	assert_int_equal(doctor_root_open(&root, dir, &err), 0);
	count = doctor_run(&root, findings);
	doctor_root_close(&root);
	/* Whatever the machine: no line without its found and its meaning, no bad or warn without advice. */
	for (size_t i = 0; i < count; i++) {
		const struct doctor_finding *finding = &findings[i];

		if (!finding->found[0] || !finding->means[0])
			fail_msg("%s says nothing", doctor_checks[i].id);
		if ((finding->state == DOCTOR_BAD || finding->state == DOCTOR_WARN) && !finding->advice[0])
			fail_msg("%s has no advice: %s", doctor_checks[i].id, finding->found);
	}
}

static const struct doctor_finding *finding_of(const char *id)
{
	for (size_t i = 0; doctor_checks[i].id; i++) {
		if (!strcmp(doctor_checks[i].id, id))
			return &findings[i];
	}
	fail_msg("no check %s", id);
	return NULL;
}

static void expect(const char *id, enum doctor_state state, const char *found, const char *means, const char *advice)
{
	const struct doctor_finding *finding = finding_of(id);

	if (finding->state != state)
		fail_msg("%s is %s, not %s: %s", id, doctor_state_name(finding->state), doctor_state_name(state),
			 finding->found);
	if (found && !strstr(finding->found, found))
		fail_msg("%s found \"%s\", without \"%s\"", id, finding->found, found);
	if (means && !strstr(finding->means, means))
		fail_msg("%s means \"%s\", without \"%s\"", id, finding->means, means);
	if (advice && !strstr(finding->advice, advice))
		fail_msg("%s advises \"%s\", without \"%s\"", id, finding->advice, advice);
}

struct one_case {
	const char *name; /* starts with the check's id */
	const struct file *const *machine;
	struct file changes[8];
	enum doctor_state state;
	const char *found;
	const char *means;
	const char *advice;
};

#define RELEASE "proc/sys/kernel/osrelease"
#define CMDLINE "proc/cmdline"
#define INTEL	PARAM "kvm_intel/parameters/"
#define AMD	PARAM "kvm_amd/parameters/"
#define HYBRID                                                                                               \
	"cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\ncgroup /sys/fs/cgroup/cpuset cgroup rw,cpuset 0 0\n" \
	"cgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0\n"

static struct one_case cases[] = {
	{ "kernel: 6.1", intel_host, { { 0 } }, DOCTOR_OK, "6.1.0-18-amd64", "5.10 and later", "" },
	{ "kernel: 5.10", intel_host, { { RELEASE, "5.10.0\n" } }, DOCTOR_WARN, "5.10.0", "partitions", "6.1" },
	{ "kernel: 6.0", intel_host, { { RELEASE, "6.0.19\n" } }, DOCTOR_WARN, "6.0.19", "partitions", "6.1" },
	{ "kernel: 10.2", intel_host, { { RELEASE, "10.2\n" } }, DOCTOR_OK, "10.2", NULL, NULL },
	{ "kernel: 5.9", intel_host, { { RELEASE, "5.9.16\n" } }, DOCTOR_BAD, "5.9.16", "Older than 5.10", "5.10" },
	{ "kernel: no number", intel_host, { { RELEASE, "plan9" } }, DOCTOR_BAD, "plan9", "cannot tell", "osrelease" },
	{ "kernel: no file", intel_host, { { RELEASE, GONE } }, DOCTOR_NA, "there is no /proc/sys", NULL, NULL },

	{ "guest: hardware", intel_host, { { 0 } }, DOCTOR_NA, "hardware itself", "host", NULL },
	{ "guest: KVM", kvm_guest, { { 0 } }, DOCTOR_INFO, "guest of KVM", "Smart idle poll", NULL },
	{ "guest: unknown",
	  kvm_guest,
	  { { CLOCK "available_clocksource", "tsc\n" } },
	  DOCTOR_WARN,
	  "does not show its name",
	  "made for KVM",
	  "kvm=off" },
	{ "guest: no flags",
	  kvm_guest,
	  { { "proc/cpuinfo", "Features : fp\n" } },
	  DOCTOR_WARN,
	  "/proc/cpuinfo",
	  NULL,
	  NULL },

	{ "kvm: Intel", intel_host, { { 0 } }, DOCTOR_OK, "kvm_intel", "hardware virtualization", NULL },
	{ "kvm: AMD", amd_host, { { 0 } }, DOCTOR_OK, "kvm_amd", NULL, NULL },
	{ "kvm: other",
	  intel_host,
	  { { PARAM "kvm_intel", GONE }, { PARAM "kvm_other", NULL } },
	  DOCTOR_WARN,
	  "kvm_other",
	  "not been tried",
	  "kvm_intel or kvm_amd" },
	{ "kvm: no device",
	  intel_host,
	  { { "dev/kvm", GONE } },
	  DOCTOR_BAD,
	  "no /dev/kvm",
	  "emulation",
	  "modprobe kvm_intel" },
	{ "kvm: no device, AMD", amd_host, { { "dev/kvm", GONE } }, DOCTOR_BAD, NULL, NULL, "modprobe kvm_amd" },
	{ "kvm: off in firmware",
	  intel_host,
	  { { "dev/kvm", GONE }, { "proc/cpuinfo", "flags : fpu\n" } },
	  DOCTOR_BAD,
	  NULL,
	  NULL,
	  "firmware" },
	{ "kvm: no module",
	  intel_host,
	  { { PARAM "kvm_intel", GONE } },
	  DOCTOR_BAD,
	  "no KVM behind it",
	  NULL,
	  "modprobe" },
	{ "kvm: guest", kvm_guest, { { 0 } }, DOCTOR_NA, "no /dev/kvm", NULL, "nested" },

	{ "kvm-posted: APICv", intel_host, { { 0 } }, DOCTOR_OK, "enable_apicv=Y", "without an exit", "" },
	{ "kvm-posted: no APICv",
	  intel_host,
	  { { INTEL "enable_apicv", "N\n" } },
	  DOCTOR_WARN,
	  "enable_apicv=N",
	  "costs an exit",
	  "enable_apicv=0" },
	{ "kvm-posted: AVIC", amd_host, { { 0 } }, DOCTOR_OK, "avic=Y", "PIT", "lost_tick_policy" },
	{ "kvm-posted: no AVIC", amd_host, { { AMD "avic", "0\n" } }, DOCTOR_WARN, "avic=N", NULL, "avic=1" },
	{ "kvm-posted: garbage", amd_host, { { AMD "avic", "maybe\n" } }, DOCTOR_WARN, "does not hold", NULL, NULL },
	{ "kvm-posted: guest", kvm_guest, { { 0 } }, DOCTOR_NA, "neither", "its host's", NULL },

	{ "kvm-ple: on",
	  intel_host,
	  { { 0 } },
	  DOCTOR_WARN,
	  "ple_gap=128, ple_window=4096",
	  "void smart idle poll",
	  "options kvm_intel ple_gap=0" },
	{ "kvm-ple: off",
	  intel_host,
	  { { INTEL "ple_gap", "0\n" } },
	  DOCTOR_OK,
	  "ple_gap=0",
	  "without PAUSE exits",
	  "" },
	{ "kvm-ple: AMD off", amd_host, { { 0 } }, DOCTOR_OK, "pause_filter_count=0", NULL, "" },
	{ "kvm-ple: AMD on",
	  amd_host,
	  { { AMD "pause_filter_count", "3000\n" } },
	  DOCTOR_WARN,
	  "=3000",
	  NULL,
	  "options kvm_amd pause_filter_count=0" },
	{ "kvm-ple: garbage", intel_host, { { INTEL "ple_gap", "12x" } }, DOCTOR_WARN, "does not hold", NULL, NULL },

	{ "kvm-halt-poll: default", intel_host, { { 0 } }, DOCTOR_INFO, "halt_poll_ns=200000, grow=2", "200 us", "" },
	{ "kvm-halt-poll: off",
	  intel_host,
	  { { PARAM "kvm/parameters/halt_poll_ns", "0\n" } },
	  DOCTOR_INFO,
	  "halt_poll_ns=0",
	  "to sleep at once",
	  "" },
	{ "kvm-halt-poll: never grows",
	  intel_host,
	  { { PARAM "kvm/parameters/halt_poll_ns_grow", "0\n" } },
	  DOCTOR_INFO,
	  "grow=0",
	  "to sleep at once",
	  "" },
	{ "kvm-halt-poll: much",
	  intel_host,
	  { { PARAM "kvm/parameters/halt_poll_ns", "5000000\n" } },
	  DOCTOR_WARN,
	  "5000000",
	  "5000 us",
	  "200000" },
	{ "kvm-halt-poll: guest", kvm_guest, { { 0 } }, DOCTOR_NA, "not loaded", "its host's", NULL },
	{ "kvm-halt-poll: huge number",
	  intel_host,
	  { { PARAM "kvm/parameters/halt_poll_ns", "99999999999999999999999" } },
	  DOCTOR_WARN,
	  "does not hold",
	  NULL,
	  NULL },

	{ "kvm-nested: on", intel_host, { { 0 } }, DOCTOR_INFO, "nested=Y", "VMs may run VMs", NULL },
	{ "kvm-nested: AMD off", amd_host, { { AMD "nested", "0\n" } }, DOCTOR_INFO, "nested=N", "cannot", NULL },
	{ "kvm-nested: garbage", amd_host, { { AMD "nested", "\n" } }, DOCTOR_WARN, "does not hold", NULL, NULL },

	{ "rdt: Intel", intel_host, { { 0 } }, DOCTOR_OK, "cat_l3 cdp_l3 mba cqm_llc", "L3 ways can be reserved", "" },
	{ "rdt: AMD", amd_host, { { 0 } }, DOCTOR_OK, "cat_l3 cqm_llc", "bandwidth not limited", "" },
	{ "rdt: no CAT",
	  intel_host,
	  { { "proc/cpuinfo", "flags : cqm_llc mba\n" } },
	  DOCTOR_WARN,
	  "mba cqm_llc",
	  "cannot be reserved",
	  "cat_l3" },
	{ "rdt: none",
	  intel_host,
	  { { "proc/cpuinfo", "flags : fpu cat_l33\n" } },
	  DOCTOR_BAD,
	  "no RDT",
	  "Neither",
	  "Xeon" },
	{ "rdt: guest", kvm_guest, { { 0 } }, DOCTOR_NA, "no RDT", NULL, "there" },
	{ "rdt: switched off",
	  intel_host,
	  { { CMDLINE, "ro rdt=!l3cat,mba quiet\n" } },
	  DOCTOR_WARN,
	  "rdt=!l3cat,mba",
	  "leaves out",
	  "without rdt=" },

	{ "resctrl: mounted", intel_host, { { 0 } }, DOCTOR_OK, "at /sys/fs/resctrl, with no options", NULL, "" },
	{ "resctrl: options",
	  intel_host,
	  { { "proc/mounts", MOUNTS_V2 "resctrl /sys/fs/resctrl resctrl rw,relatime,cdp,mba_MBps 0 0\n" } },
	  DOCTOR_OK,
	  "with cdp,mba_MBps",
	  "half as many",
	  NULL },
	{ "resctrl: elsewhere",
	  intel_host,
	  { { "proc/mounts", "resctrl /mnt/a\\040b resctrl rw 0 0\n" } },
	  DOCTOR_WARN,
	  "at /mnt/a b",
	  "libvirt",
	  "/sys/fs/resctrl" },
	{ "resctrl: read-only",
	  intel_host,
	  { { "proc/mounts", "resctrl /sys/fs/resctrl resctrl ro 0 0\n" } },
	  DOCTOR_BAD,
	  "with ro",
	  "read-only",
	  "remount,rw" },
	{ "resctrl: not mounted", amd_host, { { 0 } }, DOCTOR_WARN, "not mounted", NULL, "mount -t resctrl" },
	{ "resctrl: not in the kernel",
	  amd_host,
	  { { "proc/filesystems", "nodev\tproc\n" } },
	  DOCTOR_BAD,
	  "offers no resctrl",
	  "libpqos",
	  "CONFIG_X86_CPU_RESCTRL" },
	{ "resctrl: no RDT", kvm_guest, { { 0 } }, DOCTOR_NA, "no resctrl", NULL, NULL },

	{ "resctrl-groups: libvirt",
	  intel_host,
	  { { 0 } },
	  DOCTOR_WARN,
	  "1 of isolat, 1 of others: qemu-1-web-vcpus_0-3 (libvirt); 3 of 8 classes",
	  "plans around",
	  "rmdir" },
	{ "resctrl-groups: ours",
	  intel_host,
	  { { RESCTRL "qemu-1-web-vcpus_0-3", GONE } },
	  DOCTOR_OK,
	  "1 of isolat, 0 of others; 2 of 8",
	  "default group",
	  "" },
	{ "resctrl-groups: ours, full",
	  intel_host,
	  { { RESCTRL "qemu-1-web-vcpus_0-3", GONE }, { RESCTRL "info/L3/num_closids", "2\n" } },
	  DOCTOR_WARN,
	  "2 of 2",
	  "No class is free",
	  "share" },
	{ "resctrl-groups: full",
	  intel_host,
	  { { RESCTRL "COS1", NULL }, { RESCTRL "COS2x", NULL }, { RESCTRL "info/MB/num_closids", "5\n" } },
	  DOCTOR_BAD,
	  "3 of others: COS1 (libpqos), COS2x, qemu",
	  "No class is free",
	  "libpqos" },
	{ "resctrl-groups: not mounted", amd_host, { { 0 } }, DOCTOR_INFO, "not mounted", "Nobody", NULL },
	{ "resctrl-groups: ill name",
	  intel_host,
	  { { RESCTRL "a\033[31m\n\xff", NULL } },
	  DOCTOR_WARN,
	  "a?[31m??",
	  NULL,
	  NULL },

	{ "cgroup: v2",
	  intel_host,
	  { { 0 } },
	  DOCTOR_OK,
	  "v2, v2 at /sys/fs/cgroup has cpuset",
	  "can be reserved",
	  "" },
	{ "cgroup: v2 without cpuset",
	  intel_host,
	  { { "sys/fs/cgroup/cgroup.controllers", "cpu xcpuset\n" } },
	  DOCTOR_BAD,
	  "has no cpuset",
	  "partitions are v2's",
	  "cgroup_disable=cpuset" },
	{ "cgroup: hybrid",
	  intel_host,
	  { { "proc/mounts", HYBRID } },
	  DOCTOR_BAD,
	  "hybrid, v2 at /sys/fs/cgroup/unified has no cpuset: v1 has it, at /sys/fs/cgroup/cpuset",
	  NULL,
	  "unified_cgroup_hierarchy=1" },
	{ "cgroup: hybrid, cpuset in v2",
	  intel_host,
	  { { "proc/mounts", MOUNTS_V2 "cgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0\n" } },
	  DOCTOR_WARN,
	  "hybrid",
	  "leaves alone",
	  "unified" },
	{ "cgroup: hybrid without systemd",
	  intel_host,
	  { { "proc/mounts", HYBRID }, { "proc/1/comm", "init\n" } },
	  DOCTOR_BAD,
	  NULL,
	  NULL,
	  "cgroup_no_v1=all" },
	{ "cgroup: v1",
	  intel_host,
	  { { "proc/mounts", "cgroup /sys/fs/cgroup/cpuset cgroup rw,cpuset 0 0\n" } },
	  DOCTOR_BAD,
	  "v1 only",
	  NULL,
	  "unified" },
	{ "cgroup: none",
	  intel_host,
	  { { "proc/mounts", "proc /proc proc rw 0 0\n" } },
	  DOCTOR_BAD,
	  "no cgroup",
	  NULL,
	  "mount -t cgroup2" },

	{ "cgroup-owner: systemd", intel_host, { { 0 } }, DOCTOR_OK, "systemd is PID 1", NULL, "" },
	{ "cgroup-owner: other",
	  intel_host,
	  { { "proc/1/comm", "runit\n" } },
	  DOCTOR_WARN,
	  "PID 1 is runit",
	  "scopes",
	  "systemd" },

	{ "cpuidle: host", intel_host, { { 0 } }, DOCTOR_INFO, "driver intel_idle, governor menu", "C-state", "" },
	{ "cpuidle: ours on a host",
	  intel_host,
	  { { CPU "cpuidle/current_driver", "smart_idle_poll\n" } },
	  DOCTOR_WARN,
	  NULL,
	  "made for guests",
	  "Unload" },
	{ "cpuidle: haltpoll",
	  kvm_guest,
	  { { 0 } },
	  DOCTOR_BAD,
	  "haltpoll, polls up to 200000 ns",
	  "EBUSY",
	  DOCTOR_HALTPOLL_REMEDY },
	{ "cpuidle: intel_idle in a guest",
	  kvm_guest,
	  { { CPU "cpuidle/current_driver", "intel_idle\n" } },
	  DOCTOR_BAD,
	  NULL,
	  "EBUSY",
	  "max_cstate=0" },
	{ "cpuidle: free",
	  kvm_guest,
	  { { CPU "cpuidle/current_driver", "none\n" } },
	  DOCTOR_OK,
	  "driver none",
	  "free",
	  "" },
	{ "cpuidle: ours",
	  kvm_guest,
	  { { CPU "cpuidle/current_driver", "smart_idle_poll\n" } },
	  DOCTOR_OK,
	  NULL,
	  "decides",
	  "" },
	{ "cpuidle: none in a guest's kernel",
	  kvm_guest,
	  { { CPU "cpuidle", GONE } },
	  DOCTOR_BAD,
	  "no cpuidle",
	  NULL,
	  "CONFIG_CPU_IDLE" },
	{ "cpuidle: governor_ro",
	  amd_host,
	  { { CPU "cpuidle/current_governor", GONE }, { CPU "cpuidle/current_governor_ro", "teo\n" } },
	  DOCTOR_INFO,
	  "governor teo",
	  NULL,
	  NULL },

	{ "smart-idle-poll: host", intel_host, { { 0 } }, DOCTOR_NA, "not loaded", "for guests", NULL },
	{ "smart-idle-poll: not loaded", kvm_guest, { { 0 } }, DOCTOR_INFO, "not loaded", "exits", "modprobe" },
	{ "smart-idle-poll: in use",
	  kvm_guest,
	  { { PARAM "smart_idle_poll", NULL }, { CPU "cpuidle/current_driver", "smart_idle_poll\n" } },
	  DOCTOR_OK,
	  "in use",
	  NULL,
	  "" },
	{ "smart-idle-poll: idle itself",
	  kvm_guest,
	  { { PARAM "smart_idle_poll", NULL } },
	  DOCTOR_WARN,
	  "not the cpuidle driver",
	  NULL,
	  "load it again" },

	{ "tsc: host", intel_host, { { 0 } }, DOCTOR_OK, "clocksource tsc; constant_tsc, nonstop_tsc", NULL, "" },
	{ "tsc: kvm-clock", kvm_guest, { { 0 } }, DOCTOR_OK, "kvm-clock", NULL, "" },
	{ "tsc: other clock",
	  intel_host,
	  { { CLOCK "current_clocksource", "hpet\n" } },
	  DOCTOR_WARN,
	  "hpet",
	  "slow",
	  "clocksource" },
	{ "tsc: unstable",
	  intel_host,
	  { { CLOCK "current_clocksource", "hpet\n" }, { CLOCK "available_clocksource", "hpet tsc-early acpi_pm\n" } },
	  DOCTOR_BAD,
	  "not among",
	  "unstable",
	  "kernel's log" },
	{ "tsc: not invariant",
	  kvm_guest,
	  { { "proc/cpuinfo", "flags : hypervisor constant_tsc\n" } },
	  DOCTOR_WARN,
	  "constant_tsc, no nonstop_tsc",
	  "rate",
	  "invtsc" },

	{ "cmdline: plain", intel_host, { { 0 } }, DOCTOR_OK, "no parameter", NULL, "" },
	{ "cmdline: isolation",
	  intel_host,
	  { { CMDLINE, "isolcpus=2-7 nohz-full=2-7 rcu_nocbs=2-7 mitigations=off\n" } },
	  DOCTOR_INFO,
	  "isolcpus=2-7 nohz-full=2-7 rcu_nocbs=2-7 mitigations=off",
	  "until the next boot",
	  "isolat" },
	{ "cmdline: idle=poll",
	  intel_host,
	  { { CMDLINE, "idle=poll" } },
	  DOCTOR_WARN,
	  "idle=poll",
	  "never halts",
	  "Remove idle=poll" },
	{ "cmdline: idle=halt", intel_host, { { CMDLINE, "idle=halt" } }, DOCTOR_INFO, "idle=halt", "how deep", "" },
	{ "cmdline: init's arguments",
	  intel_host,
	  { { CMDLINE, "quiet -- idle=poll" } },
	  DOCTOR_OK,
	  "no parameter",
	  NULL,
	  NULL },
	{ "cmdline: quotes",
	  intel_host,
	  { { CMDLINE, "dyndbg=\"file a idle=poll +p\" nosmt" } },
	  DOCTOR_INFO,
	  "nosmt",
	  NULL,
	  "" },
	{ "cmdline: lists",
	  intel_host,
	  { { CMDLINE, "cgroup_disable=memory,cpuset initcall_blacklist=a,haltpoll_init,b" } },
	  DOCTOR_WARN,
	  "cgroup_disable=memory,cpuset initcall_blacklist=",
	  "the place is free",
	  "cpuset" },
	{ "cmdline: lists of others",
	  intel_host,
	  { { CMDLINE, "cgroup_disable=memory initcall_blacklist=haltpoll" } },
	  DOCTOR_OK,
	  "no parameter",
	  NULL,
	  NULL },

	{ "modules: loadable", intel_host, { { 0 } }, DOCTOR_OK, "can be loaded", "DKMS", "" },
	{ "modules: nomodule",
	  kvm_guest,
	  { { CMDLINE, "ro nomodule" } },
	  DOCTOR_BAD,
	  "nomodule",
	  "Neither",
	  "without nomodule" },
	{ "modules: nomodule on a host",
	  intel_host,
	  { { CMDLINE, "nomodule" } },
	  DOCTOR_WARN,
	  "nomodule",
	  "exitless-timerd alone",
	  NULL },
	{ "modules: disabled",
	  kvm_guest,
	  { { "proc/sys/kernel/modules_disabled", "1\n" } },
	  DOCTOR_BAD,
	  "modules_disabled is 1",
	  NULL,
	  "Reboot" },
	{ "modules: not in the kernel",
	  kvm_guest,
	  { { "proc/modules", GONE } },
	  DOCTOR_BAD,
	  "no loadable modules",
	  NULL,
	  "CONFIG_MODULES" },

	{ "module-signing: no", intel_host, { { 0 } }, DOCTOR_OK, "not enforced", "need not", "" },
	{ "module-signing: enforced",
	  intel_host,
	  { { PARAM "module/parameters/sig_enforce", "Y\n" } },
	  DOCTOR_WARN,
	  "refused",
	  "signed with a key",
	  "mokutil" },
	{ "module-signing: not in the kernel",
	  intel_host,
	  { { PARAM "module", GONE } },
	  DOCTOR_OK,
	  "no signatures",
	  NULL,
	  "" },

	{ "lockdown: none", intel_host, { { 0 } }, DOCTOR_OK, "none", "may be unsigned", "" },
	{ "lockdown: integrity",
	  intel_host,
	  { { "sys/kernel/security/lockdown", "none [integrity] confidentiality\n" } },
	  DOCTOR_WARN,
	  "integrity",
	  "MSRs cannot be written: no RDT",
	  "mokutil" },
	{ "lockdown: confidentiality",
	  intel_host,
	  { { "sys/kernel/security/lockdown", "none integrity [confidentiality]\n" } },
	  DOCTOR_WARN,
	  "confidentiality",
	  "exits cannot be counted",
	  "mokutil" },
	{ "lockdown: absent",
	  intel_host,
	  { { "sys/kernel/security/lockdown", GONE } },
	  DOCTOR_OK,
	  "no lockdown",
	  NULL,
	  "" },
	{ "lockdown: garbage",
	  intel_host,
	  { { "sys/kernel/security/lockdown", "[?]" } },
	  DOCTOR_WARN,
	  "does not hold",
	  NULL,
	  NULL },
};

static void test_case(void **state)
{
	const struct one_case *this = *state;
	char id[32];

	put_machine(this->machine);
	for (size_t i = 0; this->changes[i].path; i++)
		put(&this->changes[i]);
	run_checks();
	snprintf(id, sizeof(id), "%.*s", (int)strcspn(this->name, ":"), this->name);
	expect(id, this->state, this->found, this->means, this->advice);
	/* An empty advice is asserted as such. */
	if (this->advice && !this->advice[0])
		assert_string_equal(finding_of(id)->advice, "");
}

/* Every check has a case that needs nothing done, and one that does or that finds it wanting. */
static void test_cases_are_complete(void **state)
{
	(void)state;
	for (size_t i = 0; doctor_checks[i].id; i++) {
		size_t length = strlen(doctor_checks[i].id), seen = 0;

		for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
			if (!strncmp(cases[c].name, doctor_checks[i].id, length) && cases[c].name[length] == ':')
				seen |= cases[c].state == DOCTOR_WARN || cases[c].state == DOCTOR_BAD ? 2u : 1u;
		}
		if (seen != 3)
			fail_msg("%s lacks a good or a bad case", doctor_checks[i].id);
	}
}

static bool possible(const char *id)
{
	for (const struct doctor_job *job = doctor_jobs; job->id; job++) {
		if (!strcmp(job->id, id))
			return doctor_possible(job, findings);
	}
	fail_msg("no job %s", id);
	return false;
}

static void test_jobs(void **state)
{
	(void)state;
	put_machine(intel_host);
	run_checks();
	assert_true(possible("cache") && possible("cores") && possible("timer-host"));
	assert_false(possible("idle-poll") || possible("timer-guest"));
	put(&(struct file){ "proc/mounts", HYBRID });
	run_checks();
	assert_false(possible("cores"));
	assert_true(possible("cache"));
}

static void test_jobs_of_guest(void **state)
{
	(void)state;
	put_machine(kvm_guest);
	run_checks();
	assert_false(possible("cache") || possible("idle-poll") || possible("timer-host"));
	assert_true(possible("timer-guest"));
	put(&(struct file){ CPU "cpuidle/current_driver", "none\n" });
	run_checks();
	assert_true(possible("idle-poll"));
}

/* A job whose need is misspelt could never be done. */
static void test_needs_are_checks(void **state)
{
	(void)state;
	put_machine(nothing);
	run_checks();
	for (const struct doctor_job *job = doctor_jobs; job->id; job++) {
		for (size_t i = 0; job->needs[i]; i++)
			finding_of(job->needs[i]);
	}
}

static void test_empty_root(void **state)
{
	(void)state;
	put_machine(nothing);
	run_checks();
	assert_false(doctor_usable(findings));
	expect("kernel", DOCTOR_NA, "there is no", NULL, "");
	expect("kvm", DOCTOR_BAD, "no /dev/kvm", NULL, NULL);
	expect("resctrl-groups", DOCTOR_NA, NULL, NULL, NULL);
	expect("lockdown", DOCTOR_NA, NULL, NULL, NULL);
	expect("module-signing", DOCTOR_NA, NULL, NULL, NULL);
	expect("cpuidle", DOCTOR_NA, NULL, NULL, NULL);
}

static const char *const all_files[] = { "proc/sys/kernel/osrelease",
					 "proc/cmdline",
					 "proc/cpuinfo",
					 "proc/modules",
					 "proc/mounts",
					 "proc/filesystems",
					 "proc/1/comm",
					 "proc/sys/kernel/modules_disabled",
					 "sys/kernel/security/lockdown",
					 PARAM "module/parameters/sig_enforce",
					 PARAM "kvm/parameters/halt_poll_ns",
					 INTEL "enable_apicv",
					 INTEL "ple_gap",
					 INTEL "nested",
					 CLOCK "current_clocksource",
					 CPU "cpuidle/current_driver",
					 RESCTRL "info/L3/num_closids",
					 NULL };

static void check_json(void)
{
	json_t *doc = doctor_json(findings), *check;
	size_t i;

	assert_non_null(doc);
	assert_int_equal(json_integer_value(json_object_get(doc, "version")), 1);
	json_array_foreach (json_object_get(doc, "checks"), i, check) {
		static const char *const keys[] = { "id", "state", "found", "means", "advice" };

		assert_int_equal(json_object_size(check), 5);
		for (size_t k = 0; k < 5; k++)
			assert_true(json_is_string(json_object_get(check, keys[k])));
		assert_string_equal(json_string_value(json_object_get(check, "id")), doctor_checks[i].id);
	}
	assert_null(doctor_checks[i].id);
	json_decref(doc);
}

/* Bytes of every value, a lot of them, in each file at once; then in each alone. */
static void test_garbage(void **state)
{
	static unsigned char bytes[300000];
	unsigned int seed = 1;

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++) {
		seed = seed * 1103515245 + 12345;
		bytes[i] = (unsigned char)(seed >> 16);
	}
	put_machine(intel_host);
	for (size_t i = 0; all_files[i]; i++)
		put_bytes(all_files[i], bytes + i, sizeof(bytes) - i);
	run_checks();
	check_json();
	expect("kernel", DOCTOR_BAD, "no version in", NULL, NULL);
	for (size_t i = 0; all_files[i]; i++) {
		put_machine(intel_host);
		put_bytes(all_files[i], bytes, sizeof(bytes));
		run_checks();
		check_json();
	}
}

/* Every file one long line: texts are cut, nothing is overrun (the sanitizers and valgrind look on). */
static void test_huge(void **state)
{
	static char line[6 << 20];

	(void)state;
	put_machine(intel_host);
	memset(line, 'a', sizeof(line));
	memcpy(line, "isolcpus=", 9);
	for (size_t i = 0; all_files[i]; i++)
		put_bytes(all_files[i], line, sizeof(line));
	run_checks();
	check_json();
	expect("cmdline", DOCTOR_INFO, "isolcpus=aaaa", NULL, NULL);
	for (size_t i = 0; i + 10 < sizeof(line); i += 10)
		memcpy(line + i, "idle=poll ", 10);
	put_bytes(CMDLINE, line, sizeof(line));
	run_checks();
	check_json();
	expect("cmdline", DOCTOR_WARN, "idle=poll idle=poll", NULL, NULL);
}

/* A pipe would block, a link would lead out of the root. */
static void test_stays_inside(void **state)
{
	struct doctor_root root;
	struct isolat_error err;
	char path[1024], text[64];

	(void)state;
	put_machine(intel_host);
	full_path(path, sizeof(path), CMDLINE);
	assert_int_equal(remove(path), 0);
	assert_int_equal(mkfifo(path, 0644), 0);
	full_path(path, sizeof(path), "proc/sys/kernel/osrelease");
	assert_int_equal(remove(path), 0);
	assert_int_equal(symlink("/proc/sys/kernel/osrelease", path), 0);
	run_checks();
	expect("cmdline", DOCTOR_NA, "there is no /proc/cmdline", NULL, NULL);
	/* Inside the root, the link leads to itself. */
	expect("kernel", DOCTOR_WARN, "cannot be read", NULL, NULL);
	assert_int_equal(doctor_root_open(&root, dir, &err), 0);
	assert_int_equal(doctor_read(&root, "../../../../../../../../etc/passwd", text, sizeof(text)), -ENOENT);
	doctor_root_close(&root);
}

/* What another user may not read is said, and what to do. */
static void test_not_readable(void **state)
{
	char path[1024];

	(void)state;
	put_machine(intel_host);
	full_path(path, sizeof(path), "sys/kernel/security/lockdown");
	assert_int_equal(chmod(path, 0), 0);
	full_path(path, sizeof(path), "sys/fs/resctrl");
	assert_int_equal(chmod(path, 0), 0);
	if (!getuid())
		assert_int_equal(seteuid(65534), 0);
	run_checks();
	if (!getuid())
		assert_int_equal(seteuid(0), 0);
	assert_int_equal(chmod(path, 0755), 0);
	expect("lockdown", DOCTOR_WARN, "not readable as this user", NULL, "Run as root");
	expect("resctrl-groups", DOCTOR_WARN, "/sys/fs/resctrl is not readable as this user", NULL, "Run as root");
}

static void test_root_errors(void **state)
{
	struct doctor_root root;
	struct isolat_error err;
	char path[1024];

	(void)state;
	full_path(path, sizeof(path), "none");
	assert_int_equal(doctor_root_open(&root, path, &err), -1);
	assert_int_equal(err.code, ISOLAT_USAGE);
	assert_string_equal(err.object, path);
	put_bytes("none", "", 0);
	assert_int_equal(doctor_root_open(&root, path, &err), -1);
	assert_string_equal(err.reason, strerror(ENOTDIR));
}

static void test_many_groups(void **state)
{
	char name[64];

	(void)state;
	put_machine(intel_host);
	for (int i = 10; i < 40; i++) {
		snprintf(name, sizeof(name), RESCTRL "group%d", i);
		make_dirs(name, true);
	}
	run_checks();
	expect("resctrl-groups", DOCTOR_BAD, "group10, group11", NULL, NULL);
	expect("resctrl-groups", DOCTOR_BAD, "group17 and 23 more; 33 of 8", NULL, NULL);
}

static char *wrapped(size_t indent, size_t width, const char *text)
{
	char *out = NULL;
	size_t size;
	FILE *file = open_memstream(&out, &size);

	assert_non_null(file);
	report_paragraph(file, indent, width, text);
	fclose(file);
	return out;
}

static void test_paragraph(void **state)
{
	static const struct {
		size_t indent, width;
		const char *text, *want;
	} rows[] = {
		{ 2, 0, "one two three", "one two three\n" },
		{ 2, 9, "one two three", "one two\n  three\n" },
		{ 2, 8, "one two three", "one\n  two\n  three\n" },
		{ 0, 5, "abcdefgh i", "abcdefgh\ni\n" },
		{ 0, 7, "\xc3\xa4\xc3\xb6\xc3\xbc \xc3\x9f\xc3\x9f\xc3\x9f",
		  "\xc3\xa4\xc3\xb6\xc3\xbc \xc3\x9f\xc3\x9f\xc3\x9f\n" },
		{ 0, 80, "", "\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *out = wrapped(rows[i].indent, rows[i].width, rows[i].text);

		assert_string_equal(out, rows[i].want);
		free(out);
	}
}

static void test_clean(void **state)
{
	static const char *const rows[][2] = {
		{ "plain", "plain" },
		{ "a\033[31m\nb\x7f", "a?[31m?b?" },
		{ "gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f" },
		{ "cut\xc3", "cut?" },
		{ "csi\xc2\x9b", "csi??" },
		{ "gr\xc3\xbc\xff", "gr???" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[32];

		snprintf(text, sizeof(text), "%s", rows[i][0]);
		report_clean(text);
		assert_string_equal(text, rows[i][1]);
	}
}

#define TEST(function)                                          \
	{                                                       \
#function, function, make_root, drop_root, NULL \
	}

static const struct CMUnitTest fixed_tests[] = {
	TEST(test_cases_are_complete),
	TEST(test_jobs),
	TEST(test_jobs_of_guest),
	TEST(test_needs_are_checks),
	TEST(test_empty_root),
	TEST(test_garbage),
	TEST(test_huge),
	TEST(test_stays_inside),
	TEST(test_not_readable),
	TEST(test_root_errors),
	TEST(test_many_groups),
	TEST(test_paragraph),
	TEST(test_clean),
};

#define FIXED (sizeof(fixed_tests) / sizeof(fixed_tests[0]))
#define CASES (sizeof(cases) / sizeof(cases[0]))

int main(void)
{
	static struct CMUnitTest tests[FIXED + CASES];

	memcpy(tests, fixed_tests, sizeof(fixed_tests));
	for (size_t i = 0; i < CASES; i++)
		tests[FIXED + i] = (struct CMUnitTest){ cases[i].name, test_case, make_root, drop_root, &cases[i] };
	return cmocka_run_group_tests_name("doctor", tests, NULL, NULL);
}
