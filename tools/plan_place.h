/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where the VMs of a plan run: for each VM CPUs in cells, a cell being the like cores that a NUMA node, an L3 and,
 * where a VM asks for ways of it, an L2 have in common. An exact search with a budget: what fits is found as long as
 * the budget lasts, and the places that are tried first are the ones that one wants.
 */
#ifndef ISOLAT_PLAN_PLACE_H
#define ISOLAT_PLAN_PLACE_H

#include <stdbool.h>
#include <stdint.h>

#include "plan_ways.h"
#include "topology.h"

#define PLACE_ANY (~0U)

struct place_cell {
	unsigned int node, l3; /* indexes in the topology; l3 is PLACE_ANY where the cores have none */
	unsigned int l2;       /* PLACE_ANY: they have none, or nobody asks for ways of it */
	unsigned int smt;      /* CPUs of each of its cores */
	unsigned int n_cores;
	unsigned int *cores; /* indexes in the topology, ascending; those that are free to begin with */
	/* The search's own: */
	unsigned int free;  /* cores */
	unsigned int loose; /* CPUs in cores that VMs without whole cores have begun to use */
};

/* Cells side by side that differ in their L2 only. */
struct place_block {
	unsigned int first, n;
};

/* What a VM needs in an L3 or L2 domain that it runs in. */
struct place_ways {
	unsigned int run[2];	  /* ways of its own, code apart; 0: none */
	unsigned int shared;	  /* a run of this length among the ways that are nobody's own */
	unsigned int shared_data; /* what of that data and code have, where they are apart; code 0: they are not */
	unsigned int shared_code;
	bool io; /* its own may lie on I/O ways */
};

struct place_part {
	unsigned int cell;
	unsigned int cpus;
};

struct place_vm {
	/* Asked: */
	unsigned int cpus;
	bool dedicated, whole;
	bool needs_l3;	   /* asks for ways of it or for bandwidth: not on cores that have none */
	bool span;	   /* may be over nodes; of a VM in a pool, once found: it is */
	bool memory_any;   /* from any node */
	bool timer;	   /* needs an agent in its node */
	unsigned int node; /* PLACE_ANY */
	uint64_t memory;
	const struct place_ways *ways; /* for each L3 */
	const struct place_ways *l2;   /* for each L2; NULL: it asks for none */
	/* Found: */
	unsigned int n_parts;
	struct place_part *parts; /* room for a part of each cell; none if it runs in a pool */
	unsigned int home;	  /* the node of its memory and agent; of its pool, unless it spans */
};

struct place_node {
	uint64_t memory;	 /* free */
	unsigned int pool_need;	 /* CPUs */
	unsigned int pool_load;	 /* vCPUs that share its pool */
	unsigned int timers;	 /* VMs that need an agent here */
	unsigned int agent_core; /* given beforehand, an index in the topology; or PLACE_ANY */
	unsigned int agent_l3;	 /* its L3, or PLACE_ANY */
	unsigned int agent_cell; /* found, or PLACE_ANY */
};

struct place {
	unsigned int n_cells, n_blocks, n_l3, n_l2, n_nodes, n_vms;
	struct place_cell *cells;
	struct place_block *blocks;
	struct ways_domain *l3; /* n_l3; rest_run is what the default group needs */
	struct ways_domain *l2; /* n_l2, which is 0 if nobody asks for ways of it */
	struct place_node *nodes;
	struct place_vm *vms;
	uint64_t *memory;	 /* n_vms rows of n_nodes: what memory from several nodes is taken from; room for it */
	struct place_ways agent; /* the timer agent's, in the L3 of its core */
	bool any_wish;		 /* some VM asks for a node: nodes are not alike */
	/* Where it ended: */
	unsigned int steps;
	unsigned int
		stuck; /* the VM for which nothing was left, the farthest that it came; n_vms: an agent, or memory */
	bool gave_up;  /* the budget was used up: there may be a place after all */
};

#define PLACE_BUDGET 50000

/* Returns whether all VMs have a place; the cells and domains hold what is then left. */
bool place_find(struct place *place);

/* The VMs in the order in which they get their places: an array of n_vms indexes. */
void place_order(const struct place *place, unsigned int *order);

/* Adds what a VM needs of a domain to it, if there is room beside what is in it. Where ways is 0 nothing is divided. */
bool place_add_ways(struct ways_domain *domain, const struct place_ways *ways);

/* CPUs of @cell that are free for @vm. */
unsigned int place_cpus_free(const struct place_cell *cell, const struct place_vm *vm);

/* Whether the cores of @cell have the caches that @vm asks for ways of. */
bool place_may_use(const struct place_cell *cell, const struct place_vm *vm);

#endif
