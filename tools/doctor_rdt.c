// SPDX-License-Identifier: BSD-3-Clause
/* The doctor's checks of RDT: the CPU's features, resctrl, and who holds its groups. */
#include "doctor_check.h"

#include <errno.h>
#include <mntent.h>
#include <stdio.h>
#include <string.h>

#define RESCTRL_DIR "/sys/fs/resctrl"
#define SHOW_GROUPS 8
#define OUR_PREFIX  "isolat-"

static const char *const features[] = { "cat_l3",  "cdp_l3",	    "cat_l2",	     "cdp_l2",	      "mba",  "smba",
					"cqm_llc", "cqm_occup_llc", "cqm_mbm_total", "cqm_mbm_local", "bmec", "abmc",
					NULL };

static size_t list_features(const struct doctor_cpu *cpu, char *list, size_t size)
{
	size_t count = 0;

	list[0] = '\0';
	for (size_t i = 0; features[i]; i++) {
		if (doctor_cpu_has(cpu, features[i]))
			doctor_append(list, size, "%s%s", count++ ? " " : "", features[i]);
	}
	return count;
}

static void no_rdt(struct doctor_finding *finding, bool guest)
{
	doctor_found(finding, guest ? DOCTOR_NA : DOCTOR_BAD, "the CPU shows no RDT feature");
	doctor_means(finding, "Neither cache ways nor memory bandwidth can be reserved here.");
	doctor_advice(finding, guest ? "RDT is the host's: run isolat doctor there."
				     : "It takes a Xeon with RDT or an EPYC with platform QoS; where this is one, look "
				       "whether the firmware switches it off.");
}

void doctor_rdt(const struct doctor_root *root, struct doctor_finding *finding)
{
	char list[256], off[128];
	struct doctor_cpu cpu;
	int got = doctor_read_cpu(root, &cpu);

	if (got < 0) {
		doctor_unreadable(finding, "proc/cpuinfo", got);
		return;
	}
	if (!list_features(&cpu, list, sizeof(list))) {
		no_rdt(finding, doctor_cpu_has(&cpu, "hypervisor"));
		return;
	}
	doctor_found(finding, DOCTOR_OK, "%s", list);
	doctor_means(finding, "%s, %s, %s.",
		     doctor_cpu_has(&cpu, "cat_l3") ? "L3 ways can be reserved" : "L3 ways cannot be reserved",
		     doctor_cpu_has(&cpu, "mba") ? "memory bandwidth limited" : "memory bandwidth not limited",
		     doctor_cpu_has(&cpu, "cqm_llc") ? "use of both measured" : "their use not measured");
	if (!doctor_cpu_has(&cpu, "cat_l3")) {
		finding->state = DOCTOR_WARN;
		doctor_advice(finding, "Reserve cores and memory instead; cache needs a CPU with cat_l3.");
	}
	if (doctor_find_parameter(root, "rdt", off, sizeof(off)) == 1 && strchr(off, '!')) {
		finding->state = DOCTOR_WARN;
		doctor_append(finding->found, sizeof(finding->found), "; %s", off);
		doctor_append(finding->means, sizeof(finding->means), " The kernel leaves out what %s names with a !.",
			      off);
		doctor_advice(finding, "Boot without rdt=, or without the ! before what isolat is to use.");
	}
}

struct resctrl_mount {
	bool mounted;
	char dir[256];
	char options[128];
};

static bool see_resctrl(const struct mntent *mount, void *data)
{
	struct resctrl_mount *found = data;
	char options[512], *save = NULL;

	if (strcmp(mount->mnt_type, "resctrl"))
		return false;
	*found = (struct resctrl_mount){ .mounted = true };
	snprintf(found->dir, sizeof(found->dir), "%s", mount->mnt_dir);
	snprintf(options, sizeof(options), "%s", mount->mnt_opts);
	for (char *option = strtok_r(options, ",", &save); option; option = strtok_r(NULL, ",", &save)) {
		/* What every mount says is no news. */
		if (!strcmp(option, "rw") || !strcmp(option, "relatime") || !strncmp(option, "no", 2))
			continue;
		doctor_append(found->options, sizeof(found->options), "%s%s", found->options[0] ? "," : "", option);
	}
	return true;
}

static bool kernel_has_resctrl(const struct doctor_root *root)
{
	char filesystems[8192] = "";

	doctor_read(root, "proc/filesystems", filesystems, sizeof(filesystems));
	return strstr(filesystems, "\tresctrl") != NULL;
}

static void no_resctrl(const struct doctor_root *root, struct doctor_finding *finding)
{
	struct doctor_cpu cpu;
	char list[256];

	if (doctor_read_cpu(root, &cpu) < 0 || !list_features(&cpu, list, sizeof(list))) {
		doctor_found(finding, DOCTOR_NA, "this kernel offers no resctrl");
		doctor_means(finding, "There is no RDT to control.");
		return;
	}
	doctor_found(finding, DOCTOR_BAD, "the CPU has RDT, but this kernel offers no resctrl");
	doctor_means(finding,
		     "Cache and bandwidth can only be reserved by MSR, with libpqos, on a host that it may own "
		     "whole.");
	doctor_advice(finding, "Boot a kernel with CONFIG_X86_CPU_RESCTRL, and without rdt=! for all of it.");
}

static void judge_options(struct doctor_finding *finding, const struct resctrl_mount *mount)
{
	doctor_means(finding, "isolat works with what is mounted and leaves it mounted.");
	if (strstr(mount->options, "cdp"))
		doctor_append(finding->means, sizeof(finding->means),
			      " cdp: code and data have masks of their own, and there are half as many classes.");
	if (strstr(mount->options, "mba_MBps"))
		doctor_append(finding->means, sizeof(finding->means),
			      " mba_MBps: bandwidth is given in MB/s, and classes are not shared.");
	if (strcmp(mount->dir, RESCTRL_DIR)) {
		finding->state = DOCTOR_WARN;
		doctor_append(finding->means, sizeof(finding->means),
			      " libvirt and pqos look in " RESCTRL_DIR " only.");
		doctor_advice(finding, "Mount it at " RESCTRL_DIR ".");
	}
	if (!strncmp(mount->options, "ro", 2) && (mount->options[2] == ',' || !mount->options[2])) {
		finding->state = DOCTOR_BAD;
		doctor_means(finding, "Mounted read-only: nothing can be reserved.");
		doctor_advice(finding, "mount -o remount,rw %s.", mount->dir);
	}
}

void doctor_resctrl(const struct doctor_root *root, struct doctor_finding *finding)
{
	struct resctrl_mount mount = { 0 };
	int got = doctor_each_mount(root, see_resctrl, &mount);

	if (got < 0) {
		doctor_unreadable(finding, "proc/mounts", got);
	} else if (mount.mounted) {
		doctor_found(finding, DOCTOR_OK, "mounted at %s, %s%s", mount.dir,
			     mount.options[0] ? "with " : "with no options", mount.options);
		judge_options(finding, &mount);
	} else if (kernel_has_resctrl(root)) {
		doctor_found(finding, DOCTOR_WARN, "not mounted");
		doctor_means(finding, "Nothing is reserved and nothing can be read until it is.");
		doctor_advice(finding, "mount -t resctrl resctrl " RESCTRL_DIR ", for good in /etc/fstab.");
	} else {
		no_resctrl(root, finding);
	}
}

/* The smallest num_closids under info: the number of groups that there can be, the root counted. 0 when unknown. */
static long long closids(const struct doctor_root *root, const char *dir)
{
	char path[1024], **resources;
	long long least = 0, value;
	int count;

	snprintf(path, sizeof(path), "%s/info", dir);
	count = doctor_list(root, path, &resources);
	for (int i = 0; i < count; i++) {
		snprintf(path, sizeof(path), "%s/info/%s/num_closids", dir, resources[i]);
		if (!doctor_read_number(root, path, &value) && value > 0 && (!least || value < least))
			least = value;
	}
	doctor_free_names(resources, count);
	return least;
}

/* Who makes groups of such names. */
static const char *group_owner(const char *name)
{
	unsigned int number;
	int end = 0;

	if (!strncmp(name, "qemu-", 5))
		return "libvirt";
	if (sscanf(name, "COS%3u%n", &number, &end) == 1 && !name[end])
		return "libpqos";
	if (!strcmp(name, "BE") || !strcmp(name, "LS") || !strcmp(name, "LSR"))
		return "Koordinator";
	return NULL;
}

struct groups {
	int all;
	int ours;
	int foreign;
	char list[600];
};

static void count_group(struct groups *groups, const char *name)
{
	const char *owner = group_owner(name);

	if (!strcmp(name, "info") || !strcmp(name, "mon_groups") || !strcmp(name, "mon_data"))
		return;
	groups->all++;
	if (!strncmp(name, OUR_PREFIX, strlen(OUR_PREFIX))) {
		groups->ours++;
		return;
	}
	if (++groups->foreign > SHOW_GROUPS)
		return;
	doctor_append(groups->list, sizeof(groups->list), "%s%.56s%s%s%s", groups->foreign > 1 ? ", " : "", name,
		      owner ? " (" : "", owner ? owner : "", owner ? ")" : "");
}

static void judge_groups(struct doctor_finding *finding, const struct groups *groups, long long most)
{
	doctor_found(finding, groups->foreign ? DOCTOR_WARN : DOCTOR_OK, "%d of isolat, %d of others", groups->ours,
		     groups->foreign);
	if (groups->foreign)
		doctor_append(finding->found, sizeof(finding->found), ": %s", groups->list);
	if (groups->foreign > SHOW_GROUPS)
		doctor_append(finding->found, sizeof(finding->found), " and %d more", groups->foreign - SHOW_GROUPS);
	if (most)
		doctor_append(finding->found, sizeof(finding->found), "; %d of %lld classes in use", groups->all + 1,
			      most);
	doctor_means(finding, groups->foreign
				      ? "isolat leaves groups of others as they are and plans around their ways."
				      : "All ways but isolat's own belong to the default group.");
	if (groups->foreign)
		doctor_advice(finding, "Look whose they are; what nobody uses goes with rmdir.");
	if (!most || groups->all + 1 < most)
		return;
	finding->state = groups->foreign ? DOCTOR_BAD : DOCTOR_WARN;
	doctor_append(finding->means, sizeof(finding->means), " No class is free for another group.");
	doctor_advice(finding, groups->foreign
				       ? "Remove groups that nobody uses with rmdir; libpqos (pqos, rdtset) makes "
					 "COS groups of all that is free and leaves them behind."
				       : "Let VMs share classes in the profile.");
}

void doctor_resctrl_groups(const struct doctor_root *root, struct doctor_finding *finding)
{
	struct resctrl_mount mount = { 0 };
	struct groups groups = { 0 };
	char **names;
	int count, got = doctor_each_mount(root, see_resctrl, &mount);

	if (got < 0 || !mount.mounted) {
		doctor_found(finding, got < 0 || !kernel_has_resctrl(root) ? DOCTOR_NA : DOCTOR_INFO,
			     "resctrl is not mounted");
		doctor_means(finding, "Nobody holds a group.");
		return;
	}
	/* The mount point is absolute, and below our root. */
	count = doctor_list(root, mount.dir, &names);
	if (count < 0) {
		doctor_unreadable(finding, mount.dir + 1, count);
		return;
	}
	for (int i = 0; i < count; i++)
		count_group(&groups, names[i]);
	doctor_free_names(names, count);
	judge_groups(finding, &groups, closids(root, mount.dir));
}
