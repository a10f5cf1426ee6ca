// SPDX-License-Identifier: BSD-3-Clause
/* The end of the search: pools, and memory from anywhere. */
#include <stdlib.h>
#include <string.h>

#include "plan_memory.h"
#include "plan_place_impl.h"

/* A VM in a pool has as many CPUs there as vCPUs. One that spans has its home where it has a CPU. */
bool place_pools_are_enough(const struct place *p)
{
	for (unsigned int i = 0; i < p->n_vms; i++) {
		const struct place_vm *vm = &p->vms[i];

		if (vm->dedicated)
			continue;
		if (place_pool_cpus(p, vm, vm->span ? PLACE_ANY : vm->home) < vm->cpus ||
		    !place_pool_cpus(p, vm, vm->home))
			return false;
	}
	return true;
}

static bool runs_in_node(const struct place *p, const struct place_vm *vm, unsigned int node)
{
	for (unsigned int k = 0; k < vm->n_parts; k++)
		if (p->cells[vm->parts[k].cell].node == node)
			return true;
	return !vm->dedicated && vm->span && place_pool_cpus(p, vm, node);
}

/* What its home has. The deal may take it away again for who can have no other. */
static void from_home(struct memory_deal *deal, unsigned int ask, unsigned int home)
{
	uint64_t bytes = deal->asked[ask] < deal->free[home] ? deal->asked[ask] : deal->free[home];

	if (!deal->from[(size_t)ask * deal->n_nodes + home])
		return;
	deal->given[(size_t)ask * deal->n_nodes + home] = bytes;
	deal->free[home] -= bytes;
	deal->asked[ask] -= bytes;
}

/*
 * Memory from several nodes takes what the others leave: that of a VM which may use any, and that of one which spans,
 * in the nodes that it spans. Its home comes first.
 */
bool place_deal_memory(struct place *p)
{
	struct memory_deal deal = {
		.n_asks = p->n_vms,
		.n_nodes = p->n_nodes,
		.asked = calloc(p->n_vms + 1, sizeof(*deal.asked)),
		.from = calloc((size_t)p->n_vms * p->n_nodes + 1, sizeof(*deal.from)),
		.free = calloc(p->n_nodes + 1, sizeof(*deal.free)),
		.given = p->memory,
	};
	bool ok = deal.asked && deal.from && deal.free;

	memset(p->memory, 0, (size_t)p->n_vms * p->n_nodes * sizeof(*p->memory));
	for (unsigned int node = 0; node < p->n_nodes && ok; node++)
		deal.free[node] = p->nodes[node].memory;
	for (unsigned int i = 0; i < p->n_vms && ok; i++) {
		const struct place_vm *vm = &p->vms[i];

		if (!vm->memory_any && !vm->span)
			continue;
		deal.asked[i] = vm->memory;
		for (unsigned int node = 0; node < p->n_nodes; node++)
			deal.from[(size_t)i * p->n_nodes + node] = vm->memory_any || runs_in_node(p, vm, node);
		from_home(&deal, i, vm->home);
	}
	ok = ok && memory_deal(&deal);
	free(deal.asked);
	free(deal.from);
	free(deal.free);
	return ok;
}
