/* SPDX-License-Identifier: BSD-3-Clause */
/* Between the files of the search: plan_place.c goes from VM to VM, plan_place_fill.c deals a VM's CPUs out over the
 * cells of a block, plan_place_end.c sees to pools and memory, plan_place_left.c to what is left of cells and domains.
 */
#ifndef ISOLAT_PLAN_PLACE_IMPL_H
#define ISOLAT_PLAN_PLACE_IMPL_H

#include "plan_place.h"

/* A VM whose turn it is. */
struct place_turn {
	struct place *p;
	const unsigned int *order;
	unsigned int k;
	struct place_vm *vm;
	unsigned int node;	    /* PLACE_ANY: all of them, it spans */
	struct place_share *shares; /* n_blocks: while it is spread over several */
};

/* A block that a VM may have a part of. */
struct place_share {
	unsigned int room; /* CPUs */
	unsigned int all;  /* room of this and of those behind it */
	unsigned int like; /* the last one before it that is alike, or PLACE_ANY: this one gets no more than that */
	unsigned int taken;
};

/* What to do when a VM has @cpus in a block: go on with block @from, with what is @left, over @parts_left blocks. */
typedef bool (*place_next_part)(const struct place_turn *t, unsigned int from, unsigned int left,
				unsigned int parts_left);

/* ---- plan_place_left.c ---- */

/* False once the budget is used up. */
bool place_may_go_on(struct place *p);

unsigned int place_block_free(const struct place *p, const struct place_block *block, const struct place_vm *vm);

/* Of a pool in @node, or PLACE_ANY; NULL: for anybody. */
unsigned int place_pool_cpus(const struct place *p, const struct place_vm *vm, unsigned int node);

bool place_take(struct place_cell *cell, const struct place_vm *vm, unsigned int cpus);

/* What place_add_ways() did to a domain, or tried, can be undone. */
struct place_saved {
	unsigned int n, rest_run;
};
struct place_saved place_save(const struct ways_domain *domain);
void place_restore(struct ways_domain *domain, struct place_saved saved);

/* What cells, blocks and nodes look like: those with the same print are as good as each other. */
uint64_t place_mix(uint64_t hash, uint64_t value);
uint64_t place_domain_print(const struct ways_domain *domain);
uint64_t place_cell_print(const struct place *p, const struct place_cell *cell);
uint64_t place_block_print(const struct place *p, const struct place_block *block);
uint64_t place_node_print(const struct place *p, unsigned int node);
bool place_seen_before(uint64_t *seen, unsigned int *n, uint64_t print);

/* ---- plan_place_fill.c ---- */

/* Gives the VM @cpus of block @b, in as few L2s as can be, and goes on with @next. All is as before when that leads
 * nowhere. */
bool place_fill(const struct place_turn *t, unsigned int b, unsigned int cpus, place_next_part next, unsigned int left,
		unsigned int parts_left);

/* ---- plan_place_end.c ---- */

bool place_pools_are_enough(const struct place *p);

/* Memory from several nodes: what the others leave. */
bool place_deal_memory(struct place *p);

#endif
