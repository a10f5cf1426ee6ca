/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The kinds of steps that change cgroups (version 2), on a struct step_host. Cgroups are called by their path below the
 * root, without a slash at either end; "" is the root. Only "isolat" and what is below it is made, removed and written.
 *
 *   kind         object       value
 *   cgroup       its path     STEP_PRESENT or STEP_ABSENT
 *   cgroup-file  PATH/FILE    its text, without the newline at the end. FILE is a cpuset file of a cgroup of isolat's;
 * or cgroup.subtree_control of "" and "isolat", whose value is "cpuset" or "": whether that is among the controllers in
 * it cgroup-task  "PID@START"  the cgroup of a whole process, which may be moved into one of isolat's, and from there
 * to anywhere: to where it was
 *
 * A partition that the kernel calls invalid is a failure, with the kernel's reason, and is what it was before.
 * ISOLAT_UNSUPPORTED where version 2 does not have the cpuset controller: not mounted, or version 1 has it.
 */
#ifndef ISOLAT_STEP_CGROUP_H
#define ISOLAT_STEP_CGROUP_H

#include "step.h"
#include "step_host.h"

#define RUN_GROUP_PREFIX "run@" /* of what an isolat run makes. No VM or class can be called so */

extern const struct step_kind step_cgroup, step_cgroup_file, step_cgroup_task;

/* Where the hierarchy is; and whether a cgroup is isolat's, or below it. */
const char *step_cgroup_root(const struct step_host *host);
bool step_cgroup_is_own(const char *path);

/* The cgroup that a thread is in, which the caller frees. Returns 0 or -errno. */
int step_cgroup_of(const struct step_host *host, pid_t tid, char **path);

#endif
