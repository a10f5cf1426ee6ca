// SPDX-License-Identifier: BSD-3-Clause
/* The doctor's checks of cgroups: whether v2 has the cpuset controller, and who manages the tree. */
#include "doctor_check.h"

#include <errno.h>
#include <mntent.h>
#include <stdio.h>
#include <string.h>

#define CGROUP_DIR "/sys/fs/cgroup"
#define PID1	   "proc/1/comm"

struct cgroup_mounts {
	char v2[256];	     /* where v2 is mounted; empty when nowhere */
	char v1_cpuset[256]; /* where v1's cpuset controller is */
	bool v1;	     /* any hierarchy of v1 */
};

static bool see_cgroup(const struct mntent *mount, void *data)
{
	struct cgroup_mounts *mounts = data;

	/* A second mount of v2 is a view of the same; the usual place is the one to name. */
	if (!strcmp(mount->mnt_type, "cgroup2") && (!mounts->v2[0] || !strcmp(mount->mnt_dir, CGROUP_DIR)))
		snprintf(mounts->v2, sizeof(mounts->v2), "%s", mount->mnt_dir);
	if (strcmp(mount->mnt_type, "cgroup"))
		return false;
	mounts->v1 = true;
	if (hasmntopt(mount, "cpuset"))
		snprintf(mounts->v1_cpuset, sizeof(mounts->v1_cpuset), "%s", mount->mnt_dir);
	return false;
}

static const char *to_v2(const struct doctor_root *root)
{
	char pid1[32] = "";

	doctor_read_line(root, PID1, pid1, sizeof(pid1));
	return strcmp(pid1, "systemd")
		       ? "Boot with cgroup_no_v1=all, and let what mounts cgroups mount cgroup2 at " CGROUP_DIR "."
		       : "Boot with systemd.unified_cgroup_hierarchy=1.";
}

static bool v2_has_cpuset(const struct doctor_root *root, const struct cgroup_mounts *mounts)
{
	char path[512], controllers[512] = " ";

	snprintf(path, sizeof(path), "%s/cgroup.controllers", mounts->v2);
	if (doctor_read_line(root, path, controllers + 1, sizeof(controllers) - 2) <= 0)
		return false;
	strcat(controllers, " ");
	return strstr(controllers, " cpuset ") != NULL;
}

static void judge_v2(const struct doctor_root *root, struct doctor_finding *finding, const struct cgroup_mounts *mounts)
{
	const char *mode = mounts->v1 ? "hybrid" : "v2";

	if (v2_has_cpuset(root, mounts)) {
		doctor_found(finding, mounts->v1 ? DOCTOR_WARN : DOCTOR_OK, "%s, v2 at %s has cpuset", mode,
			     mounts->v2);
		doctor_means(finding,
			     "isolat can keep VMs given by pid, and commands, to their cores and memory nodes.%s",
			     mounts->v1 ? " Other controllers are in v1, which isolat leaves alone." : "");
		if (mounts->v1)
			doctor_advice(finding, "%s", to_v2(root));
		return;
	}
	doctor_found(finding, DOCTOR_BAD, "%s, v2 at %s has no cpuset%s%s", mode, mounts->v2,
		     mounts->v1_cpuset[0] ? ": v1 has it, at " : "", mounts->v1_cpuset);
	doctor_means(
		finding,
		"isolat uses v2's cpusets: VMs given by pid are not kept to their cores and memory nodes, commands "
		"by their affinity only.");
	doctor_advice(
		finding, "%s",
		mounts->v1
			? to_v2(root)
			: "Boot without cgroup_disable=cpuset a kernel with CONFIG_CPUSETS; in a container, delegate "
			  "cpuset to it.");
}

void doctor_cgroup(const struct doctor_root *root, struct doctor_finding *finding)
{
	struct cgroup_mounts mounts = { 0 };
	int got = doctor_each_mount(root, see_cgroup, &mounts);

	if (got < 0) {
		doctor_unreadable(finding, "proc/mounts", got);
	} else if (mounts.v2[0]) {
		judge_v2(root, finding, &mounts);
	} else if (mounts.v1) {
		doctor_found(finding, DOCTOR_BAD, "v1 only");
		doctor_means(finding, "isolat uses v2's cpusets: VMs given by pid are not kept to their cores and "
				      "memory nodes, commands "
				      "by their affinity only.");
		doctor_advice(finding, "%s", to_v2(root));
	} else {
		doctor_found(finding, DOCTOR_BAD, "no cgroup hierarchy is mounted");
		doctor_means(finding, "VMs given by pid are not kept to their cores and memory nodes, commands by "
				      "their affinity only.");
		doctor_advice(finding, "mount -t cgroup2 cgroup2 " CGROUP_DIR ".");
	}
}

void doctor_cgroup_owner(const struct doctor_root *root, struct doctor_finding *finding)
{
	char name[64];
	int got = doctor_read_line(root, PID1, name, sizeof(name));

	if (got <= 0) {
		doctor_unreadable(finding, PID1, got ? got : -EINVAL);
	} else if (!strcmp(name, "systemd")) {
		doctor_found(finding, DOCTOR_OK, "systemd is PID 1");
		doctor_means(finding, "systemd owns the tree; isolat keeps to a cgroup of its own below the root, "
				      "isolat, and takes it "
				      "away again.");
	} else {
		doctor_found(finding, DOCTOR_WARN, "PID 1 is %s, not systemd", name);
		doctor_means(finding,
			     "Whoever manages the cgroups instead may undo what isolat writes in its own, isolat.");
		doctor_advice(finding, "On a host for VMs run systemd; in a container run isolat on its host.");
	}
}
