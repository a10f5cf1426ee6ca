/* SPDX-License-Identifier: BSD-3-Clause */
/* What those who read a plan need of it alike: who has what of which resource, and how it is written. */
#ifndef ISOLAT_PLAN_VIEW_H
#define ISOLAT_PLAN_VIEW_H

#include "plan.h"

/* A resource that is divided by domain. */
enum plan_part {
	PLAN_L3,      /* under CDP the data's */
	PLAN_L3_CODE, /* under CDP only */
	PLAN_L2,
	PLAN_MB,
};

/* The domains of a part: their number, and their caches. */
unsigned int plan_domains(const struct plan *plan, enum plan_part part, const struct topology_cache **caches);

/* What the host can do with a part that is a cache; NULL for bandwidth. */
const struct rdt_cache_caps *plan_cache_caps(const struct plan *plan, enum plan_part part);

/* What group @group (PLAN_NONE: the default one) has in domain @domain; 0: it is not limited there, or is not there. */
uint64_t plan_value(const struct plan *plan, unsigned int group, enum plan_part part, unsigned int domain);

/* The ways of a mask, and what they are worth of the cache of domain @domain. */
unsigned int plan_ways(uint64_t mask);
uint64_t plan_bytes(const struct plan *plan, enum plan_part part, unsigned int domain, uint64_t mask);

const struct profile_vm *plan_vm_profile(const struct plan *plan, const struct plan_vm *vm);
const struct profile_class *plan_vm_class(const struct plan *plan, const struct plan_vm *vm);

/* The timer agents' group, or PLAN_NONE. */
unsigned int plan_agent_group(const struct plan *plan);

/* @cpus as a list in the kernel's numbers: "2-5,10". NULL: no memory. The caller frees. */
char *plan_cpu_list(const struct plan *plan, const struct plan_cpus *cpus);

/* What makes a word stand for @n of it. */
static inline const char *plan_plural(unsigned int n)
{
	return n == 1 ? "" : "s";
}

/* "1.5 MiB" */
#define PLAN_SIZE_TEXT 32
const char *plan_size_text(uint64_t bytes, char text[PLAN_SIZE_TEXT]);

#endif
