/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Machines to plan for, made by code: no hwloc and no resctrl between a test and the planner. A shape says in a few
 * numbers what a machine is like; the matrix has the shapes that planners get wrong.
 */
#ifndef PLAN_MACHINES_H
#define PLAN_MACHINES_H

#include <stdbool.h>
#include <stdint.h>

#include "host.h"

#define MIB ((uint64_t)1 << 20)
#define GIB ((uint64_t)1 << 30)

/* A control group that is there already, with the same masks in each domain. 0: no line of that resource. */
struct plan_shape_group {
	const char *name; /* NULL: the end of the list */
	bool exclusive;
	uint64_t l3, l2;
};

struct plan_shape {
	const char *name;
	/* Cores, L3s and nodes are dealt out to a package evenly and in order; 0 means 1. */
	unsigned int packages, cores_per_package, smt, l3_per_package, nodes_per_package, cores_per_l2;
	bool adjacent;		   /* siblings are numbered 0,1; else by the number of cores apart */
	uint64_t offline;	   /* CPUs, by number */
	uint64_t without_l3;	   /* cores, by number */
	unsigned int l3_ids_apart; /* between the first ids of two packages; 0: no gap */
	uint64_t l3_bytes, node_bytes;
	unsigned int memory_nodes; /* nodes without a core, of node_bytes each */
	/* RDT: nothing of it if closids is 0 */
	unsigned int closids, l3_ways, l3_min, l2_ways, l2_min;
	uint64_t l3_io;
	bool cdp, sparse;
	enum rdt_mb_unit mb_unit;
	unsigned int mb_gran, mb_min; /* no MB if gran is 0 */
	struct plan_shape_group groups[4];
	uint64_t default_l3, default_l2; /* what the default group has, in each domain; 0: nothing is said of it */
};

void plan_shape_make(const struct plan_shape *shape, struct host *host);
void plan_shape_free(struct host *host);

extern const struct plan_shape plan_machines[];
extern const unsigned int plan_n_machines;

/* How many NUMA nodes have cores in an L3 (index); its ways are worth that much less (SNC). */
unsigned int plan_nodes_in_l3(const struct topology *t, unsigned int l3);

/* Memory for tests: never NULL. */
void *plan_calloc(unsigned int n, size_t size);

#endif
