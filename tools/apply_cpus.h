/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A plan on an engine whose groups have CPUs and no threads (pqos-msr): in the place of its VMs' threads, the CPUs that
 * the plan gives them are in a group. What profits is what runs there, so that VMs have to be pinned to their CPUs, and
 * those of two groups cannot share one.
 */
#ifndef ISOLAT_APPLY_CPUS_H
#define ISOLAT_APPLY_CPUS_H

#include "apply_steps.h"
#include "transaction.h"

/* That, in a sentence. */
extern const char apply_cpus_note[];

/* Fails with ISOLAT_USAGE where VMs of two groups, of which one may be the default group, have a CPU in common. */
int apply_cpus_check(const struct plan *plan, struct isolat_error *err);

/* Adds for each group a step with the CPUs of its VMs. */
int apply_cpus_add(const struct plan *plan, struct apply_steps *steps, struct isolat_error *err);

/*
 * A step that takes a CPU from another group would change what stands on record for that one. So there is a run before:
 * puts into @first the same steps, but each group with only those of its CPUs that it has and keeps. None where all
 * groups keep theirs. The caller frees.
 */
int apply_cpus_give_up(const struct apply_steps *steps, const struct transaction *t, struct apply_steps *first,
		       struct isolat_error *err);

#endif
