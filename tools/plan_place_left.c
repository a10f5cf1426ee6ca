// SPDX-License-Identifier: BSD-3-Clause
/* What is left of cells and domains while the search goes on. */
#include "plan_place_impl.h"

bool place_may_go_on(struct place *p)
{
	p->gave_up |= p->steps++ >= PLACE_BUDGET;
	return !p->gave_up;
}

/* ---- In a cell ---- */

bool place_may_use(const struct place_cell *cell, const struct place_vm *vm)
{
	return !(vm->needs_l3 && cell->l3 == PLACE_ANY) && !(vm->l2 && cell->l2 == PLACE_ANY);
}

unsigned int place_cpus_free(const struct place_cell *cell, const struct place_vm *vm)
{
	return place_may_use(cell, vm) ? cell->free * cell->smt + (vm->whole ? 0 : cell->loose) : 0;
}

unsigned int place_block_free(const struct place *p, const struct place_block *block, const struct place_vm *vm)
{
	unsigned int cpus = 0;

	for (unsigned int i = 0; i < block->n; i++)
		cpus += place_cpus_free(&p->cells[block->first + i], vm);
	return cpus;
}

unsigned int place_pool_cpus(const struct place *p, const struct place_vm *vm, unsigned int node)
{
	unsigned int cpus = 0;

	for (unsigned int i = 0; i < p->n_cells; i++) {
		const struct place_cell *cell = &p->cells[i];

		if ((node == PLACE_ANY || cell->node == node) && (!vm || place_may_use(cell, vm)))
			cpus += cell->free * cell->smt + cell->loose;
	}
	return cpus;
}

bool place_take(struct place_cell *cell, const struct place_vm *vm, unsigned int cpus)
{
	unsigned int cores;

	if (vm->whole) {
		if (cpus % cell->smt || cpus / cell->smt > cell->free)
			return false;
		cell->free -= cpus / cell->smt;
		return true;
	}
	if (cpus > place_cpus_free(cell, vm))
		return false;
	cores = cpus > cell->loose ? (cpus - cell->loose + cell->smt - 1) / cell->smt : 0;
	cell->free -= cores;
	cell->loose += cores * cell->smt - cpus;
	return true;
}

/* ---- In a domain ---- */

bool place_add_ways(struct ways_domain *domain, const struct place_ways *ways)
{
	uint64_t masks[WAYS_MAX_RUNS];
	unsigned int n = domain->n;

	if (!domain->ways)
		return true;
	for (unsigned int i = 0; i < 2; i++) {
		if (!ways->run[i])
			continue;
		if (domain->n == WAYS_MAX_RUNS)
			return false;
		domain->run[domain->n++] = (struct ways_run){ .ways = ways->run[i], .io = ways->io };
	}
	if (ways->shared > domain->rest_run)
		domain->rest_run = ways->shared;
	else if (domain->n == n)
		return true;
	return ways_layout(domain, masks);
}

struct place_saved place_save(const struct ways_domain *domain)
{
	return (struct place_saved){ domain->n, domain->rest_run };
}

void place_restore(struct ways_domain *domain, struct place_saved saved)
{
	domain->n = saved.n;
	domain->rest_run = saved.rest_run;
}

/* ---- Being alike ---- */

uint64_t place_mix(uint64_t hash, uint64_t value)
{
	hash = (hash ^ value) * 0x9e3779b97f4a7c15ULL;
	return hash ^ hash >> 29;
}

uint64_t place_domain_print(const struct ways_domain *domain)
{
	uint64_t hash = place_mix(place_mix(domain->ways, domain->io), domain->taken);

	hash = place_mix(hash, domain->barred);
	hash = place_mix(place_mix(hash, domain->unlike), domain->rest_run);
	hash = place_mix(place_mix(hash, domain->had[0]), domain->had[1]);
	for (unsigned int i = 0; i < domain->n; i++)
		hash = place_mix(hash, domain->run[i].ways << 1 | domain->run[i].io);
	return hash;
}

/* Of a cell in a block: its L3 is the others' too. */
static uint64_t print_in_block(const struct place *p, const struct place_cell *cell)
{
	uint64_t hash = place_mix(place_mix(place_mix(0, cell->free), cell->loose), cell->smt);

	return cell->l2 == PLACE_ANY ? hash : place_mix(hash, place_domain_print(&p->l2[cell->l2]));
}

static uint64_t l3_print(const struct place *p, unsigned int l3)
{
	return l3 == PLACE_ANY ? 0 : place_domain_print(&p->l3[l3]);
}

uint64_t place_cell_print(const struct place *p, const struct place_cell *cell)
{
	return place_mix(l3_print(p, cell->l3), print_in_block(p, cell));
}

/* The order of its cells is of no account. */
uint64_t place_block_print(const struct place *p, const struct place_block *block)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < block->n; i++)
		sum += print_in_block(p, &p->cells[block->first + i]);
	return place_mix(l3_print(p, p->cells[block->first].l3), sum);
}

uint64_t place_node_print(const struct place *p, unsigned int node)
{
	const struct place_node *n = &p->nodes[node];
	uint64_t hash = place_mix(place_mix(n->memory, n->pool_need), n->pool_load);

	hash = place_mix(place_mix(hash, n->timers), n->agent_core == PLACE_ANY);
	for (unsigned int i = 0; i < p->n_blocks; i++)
		if (p->cells[p->blocks[i].first].node == node)
			hash = place_mix(hash, place_block_print(p, &p->blocks[i]));
	return p->any_wish ? place_mix(hash, node) : hash;
}

bool place_seen_before(uint64_t *seen, unsigned int *n, uint64_t print)
{
	for (unsigned int i = 0; i < *n; i++)
		if (seen[i] == print)
			return true;
	seen[(*n)++] = print;
	return false;
}
