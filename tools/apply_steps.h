/* SPDX-License-Identifier: BSD-3-Clause */
/* A plan as steps: what applying it writes, in which order. */
#ifndef ISOLAT_APPLY_STEPS_H
#define ISOLAT_APPLY_STEPS_H

#include "applied_vms.h"
#include "plan.h"
#include "step.h"
#include "step_host.h"

struct apply_steps {
	size_t n, room;
	struct step *step; /* texts are its own */
};

/*
 * Groups are made, then limited, then the default group is cut to what is left, then the timer agents' CPUs and the
 * VMs' threads come into their groups: nobody is without cache in between. A group has in the domains that its VMs do
 * not run in what the default group has there, so that a thread which strays disturbs nobody.
 *
 * The caller frees, also after a failure.
 */
int apply_steps_make(const struct plan *plan, struct step_host *host, struct apply_steps *steps,
		     struct isolat_error *err);

/*
 * Fails with ISOLAT_FAILED where a thread that is to be moved is in a group that is not isolat's: somebody else has
 * tuned that VM.
 */
int apply_steps_see_foreign(const struct applied_vm *vms, const struct vm_search *found, size_t n,
			    struct step_host *host, struct isolat_error *err);

/*
 * The same where a CPU that a step brings into a group is in one that is not isolat's: the kernel would move it out of
 * there, and undo could only give it to the default group.
 */
int apply_steps_see_foreign_cpus(const struct apply_steps *steps, struct step_host *host, struct isolat_error *err);

/*
 * Adds a step for each monitor group that a VM is to have, and for each thread of @found[i], VM @vms[i], to that or to
 * its group, if it has one; and for a VM that is matched by
 * pid the steps that put the process into a cgroup with the VM's CPUs and nodes, with @cpusets.
 */
int apply_steps_add_vms(const struct applied_vm *vms, const struct vm_search *found, size_t n,
			struct apply_steps *steps, struct isolat_error *err);
int apply_steps_add_cpusets(const struct plan *plan, const struct applied_vm *vms, const struct vm_search *found,
			    struct step_host *host, struct apply_steps *steps, struct isolat_error *err);

/* Adds one; copies the texts. */
int apply_steps_add(struct apply_steps *steps, const struct step_kind *kind, const char *object, const char *to,
		    struct isolat_error *err);

/* Those that hand the cpuset controller down to cgroups below isolat/. */
int apply_steps_add_cgroup_root(struct apply_steps *steps, struct isolat_error *err);

/* Takes the step of this kind and object out, if there is one. */
void apply_steps_drop(struct apply_steps *steps, const struct step_kind *kind, const char *object);

/* The CPUs that are in both lists, which the caller frees; NULL: no memory. */
char *apply_steps_common_cpus(const char *a, const char *b);

void apply_steps_free(struct apply_steps *steps);

#endif
