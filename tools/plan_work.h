/* SPDX-License-Identifier: BSD-3-Clause */
/* Between the files of the planner: plan_describe.c puts the question, plan_place.c answers, plan_give.c and
 * plan_cache.c write down what that means. All return 0, or -1 with w->err filled. */
#ifndef ISOLAT_PLAN_WORK_H
#define ISOLAT_PLAN_WORK_H

#include "plan.h"
#include "plan_place.h"
#include "rdt_engine.h"

struct planner {
	const struct profile *profile;
	const struct host *host;
	const struct topology *t;
	struct plan *plan;
	struct isolat_error *err;
	struct place place;
	struct place_ways *ways;    /* n_vms rows of n_l3 */
	struct place_ways *l2_ways; /* n_vms rows of place.n_l2 */
	bool *reserved;		    /* by core: housekeeping, and agents whose CPUs are given */
	bool *given_agent;	    /* by core */
};

/* plan_describe.c: which cores are given away beforehand; the host and the VMs as the search sees them. */
int plan_reserve_cores(struct planner *w);
int plan_describe_host(struct planner *w);
int plan_describe_vms(struct planner *w);

/* An L3 or L2 without any VM: what I/O uses, others' groups hold, and the default group needs. */
void plan_describe_domain(const struct planner *w, bool l2, unsigned int d, struct ways_domain *domain);

/* plan_groups.c: the groups, and whether there are CLOSIDs for them; after the placing, their bandwidth. */
int plan_make_groups(struct planner *w);
int plan_set_bandwidth(struct planner *w);

/* plan_give.c: CPUs, agents, memory. */
int plan_give_cpus(struct planner *w);
int plan_give_memory(struct planner *w);

/* plan_cache.c: masks; plan_notes.c: what was rounded, in words. */
int plan_lay_out_caches(struct planner *w);
int plan_note_rounding(struct planner *w);

/* plan_refuse.c: fails with what is short, and who has it; with_hint looks for what would fit. */
int plan_refuse(struct planner *w, bool with_hint);

/* plan.c: what all need. */
bool plan_fits(const struct profile *profile, const struct host *host); /* without a word why not */
void *plan_zeroed(size_t n, size_t size);
int plan_no_memory(struct isolat_error *err);
const struct profile_class *plan_class(const struct planner *w, unsigned int vm);
__attribute__((format(printf, 2, 3))) int plan_note(struct planner *w, const char *format, ...);
bool plan_listed(const char *list, unsigned int os); /* a list as "0-1,8" has the kernel's number @os */
bool plan_wants_agent(const struct profile *p);
bool plan_is_foreign(const struct rdt_group *group);			     /* not one that isolat made */
uint64_t plan_mask_in(const struct rdt_group_masks *masks, unsigned int id); /* 0: none */
bool plan_runs_in(const struct planner *w, const struct plan_cpus *cpus, unsigned int l3);
bool plan_group_runs_in(const struct planner *w, unsigned int group, unsigned int l3);

#endif
