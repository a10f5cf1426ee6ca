/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Why a profile does not fit: which resource is short, and what is left of it for the VM that finds no place beside
 * those that were placed before it. Found by searching again with more of this or that.
 */
#ifndef ISOLAT_PLAN_SHORT_H
#define ISOLAT_PLAN_SHORT_H

#include "plan_work.h"

enum plan_short {
	PLAN_SHORT_L3, /* ways: with as many as one likes it would fit */
	PLAN_SHORT_L2,
	PLAN_SHORT_MEMORY,
	PLAN_SHORT_BOTH,  /* ways and memory: neither alone would do */
	PLAN_SHORT_AGENT, /* the timer agents' cores */
	PLAN_SHORT_CPUS,
	PLAN_SHORT_UNKNOWN /* the search came to its limit */
};

/* Where a VM would find most of a resource. */
struct plan_left {
	bool known;
	unsigned int at;      /* domain or node, an index; PLACE_ANY: all nodes together */
	unsigned int ways;    /* that it could have there */
	unsigned int with_io; /* if its class allowed ways that I/O uses */
	unsigned int cpus;
	uint64_t memory;
};

/* The state in which the VMs before the one that is stuck have their places. */
struct plan_beside {
	struct place place;
	unsigned int *vm; /* for each of place.vms its index in the profile */
};

/* Where CPUs are short, w->place.stuck is from then on the VM that finds none though there be enough of all else. */
enum plan_short plan_find_short(struct planner *w);

/* Returns false if they cannot be placed by themselves, and for want of memory: then nothing is left to be freed. */
bool plan_place_beside(const struct planner *w, enum plan_short is_short, struct plan_beside *beside);
void plan_free_beside(struct plan_beside *beside);

/* What is left there for the VM that is stuck. */
struct plan_left plan_left_ways(const struct planner *w, const struct plan_beside *beside, bool l2);
struct plan_left plan_left_in_node(const struct planner *w, const struct plan_beside *beside, bool memory);
struct plan_left plan_left_in_all(const struct planner *w, const struct plan_beside *beside);

/* Whether a VM, an index into beside->place.vms, has CPUs in a domain or a node (an index). */
bool plan_is_in_domain(const struct plan_beside *beside, unsigned int vm, bool l2, unsigned int domain);
bool plan_is_in_node(const struct plan_beside *beside, unsigned int vm, unsigned int node);

#endif
