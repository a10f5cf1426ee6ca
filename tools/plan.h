/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What each VM of a profile gets on a host: a pure function of profile, topology and capabilities. It touches nothing,
 * and the same input gives the same plan.
 *
 * Cores. The core of the first CPU, and the next of its node up to the number asked for, are housekeeping, or the
 * cores of the CPUs that the profile lists. A VM of a class with dedicated cores gets a CPU for each vCPU: whole cores,
 * unless told otherwise, all in one NUMA node (unless the VM may span), in as few L3 domains as it can. Each node with
 * VMs that want the exitless timer has a core for the timer agent, in an L3 domain of such a VM where there is room.
 * What is left of a node is the pool in which its VMs of shared classes run, each with at least as many CPUs as vCPUs.
 *
 * Cache. In every L3 domain that its cores are in, an exclusive VM has contiguous ways that no other group may use;
 * the VMs of a shared class have one group whose ways may be the default group's too, and those that others' groups
 * share, where no more are left. Ways that I/O uses go to an exclusive VM only if its class allows it, and never those
 * of groups that others made. Of what the default group has it is left a mask, all of it where nobody is given any; it
 * never gets more. Ways that it has not go first. L2 the same, in L2 domains: where a VM asks for ways of it, cores are
 * chosen for the sake of both, and otherwise without regard to L2. Cores without an L3 (a hybrid CPU has some) go to
 * those who ask neither for ways of it nor for bandwidth, which is limited by L3 domain.
 *
 * CLOSIDs. A group for each exclusive VM, one for each shared class that asks for cache or bandwidth (for each of its
 * VMs under mba_MBps, where a limit is shared by a group's tasks), one for the timer agent if it asks for cache. What
 * asks for nothing is in the default group.
 */
#ifndef ISOLAT_PLAN_H
#define ISOLAT_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include <isolat/error.h>

#include "host.h"
#include "profile.h"

#define PLAN_NONE (~0U)

/* CPUs of the host, by their index in topology.cpus: ascending, but for a VM's own. */
struct plan_cpus {
	unsigned int n;
	unsigned int *cpu;
};

struct plan_memory {
	unsigned int node; /* index */
	uint64_t bytes;
};

struct plan_vm {
	unsigned int vm;       /* index in the profile */
	struct plan_cpus cpus; /* its own in the order of its vCPUs, siblings side by side; or its pool */
	unsigned int n_memory; /* nodes that its memory is from: more than one only if it may span or take any */
	struct plan_memory *memory;
	unsigned int group; /* index, or PLAN_NONE: the default group */
	unsigned int agent; /* index of the timer agent, or PLAN_NONE */
};

struct plan_agent {
	unsigned int node;     /* index */
	struct plan_cpus cpus; /* a whole core */
};

/* What a group may use, by L3 domain (index in topology.l3) or L2 domain. A mask of 0: everything, it is not there. */
struct plan_group {
	char name[80]; /* "isolat-NAME" */
	bool exclusive;
	unsigned int class;	/* index in the profile, or PLAN_NONE: the timer agent's */
	unsigned int vm;	/* index in the profile of the one VM, or PLAN_NONE */
	uint64_t *l3, *l3_code; /* n_l3 each; l3_code under CDP only, l3 is the data's then */
	uint64_t *l2;		/* n_l2 */
	uint64_t *mb;		/* n_l3, in the host's unit */
};

struct plan {
	const struct profile *profile;
	const struct host *host;
	struct plan_cpus housekeeping;
	unsigned int n_vms, n_agents, n_groups, n_notes;
	struct plan_vm *vms; /* in the profile's order */
	struct plan_agent *agents;
	struct plan_group *groups;
	uint64_t *default_l3, *default_l3_code; /* n_l3: what is left to the default group */
	uint64_t *default_l2;			/* n_l2 */
	char **notes;				/* in words: what was rounded, and how */
};

/*
 * Fails with ISOLAT_USAGE where the profile contradicts the host (3 vCPUs on pairs of siblings), with
 * ISOLAT_UNSUPPORTED where the host lacks what is asked for (no CAT), with ISOLAT_NO_FIT where there is too little:
 * err->reason says what was asked and what there is, err->hint who holds it and what would fit. The plan borrows
 * @profile and @host. The caller frees.
 */
int plan_make(const struct profile *profile, const struct host *host, struct plan *plan, struct isolat_error *err);

/* The same without looking for what would fit: for those who try many. */
int plan_try(const struct profile *profile, const struct host *host, struct plan *plan, struct isolat_error *err);

void plan_free(struct plan *plan);

#endif
