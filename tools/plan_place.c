// SPDX-License-Identifier: BSD-3-Clause
#include "plan_place.h"

#include <stdlib.h>
#include <string.h>

#include "plan_memory.h"

/*
 * Depth first: the VMs that are hardest to place go first (a node of their own wish, then cores, then ways), each tries
 * its nodes from the best one on, in a node first the single cells in which it fits tightest, then as few cells as can
 * be. Nodes and cells that are alike are tried once. Where a VM in a cell needs ways of its own, these are laid out at
 * once, so that cores and cache are found together.
 */

struct saved_l3 {
	unsigned int n, rest_run;
};

static bool place_next(struct place *p, const unsigned int *order, unsigned int k);

static bool may_go_on(struct place *p)
{
	p->gave_up |= p->steps++ >= PLACE_BUDGET;
	return !p->gave_up;
}

/* ---- What is left in a cell ---- */

static unsigned int cpus_free(const struct place_cell *cell, const struct place_vm *vm)
{
	return cell->free * cell->smt + (vm->whole ? 0 : cell->loose);
}

static bool take(struct place_cell *cell, const struct place_vm *vm, unsigned int cpus)
{
	unsigned int cores;

	if (vm->whole) {
		if (cpus % cell->smt || cpus / cell->smt > cell->free)
			return false;
		cell->free -= cpus / cell->smt;
		return true;
	}
	if (cpus > cpus_free(cell, vm))
		return false;
	cores = cpus > cell->loose ? (cpus - cell->loose + cell->smt - 1) / cell->smt : 0;
	cell->free -= cores;
	cell->loose += cores * cell->smt - cpus;
	return true;
}

/* ---- What is left in a domain ---- */

static bool add_ways(struct ways_domain *l3, const struct place_ways *ways)
{
	uint64_t masks[WAYS_MAX_RUNS];
	unsigned int n = l3->n;

	for (unsigned int i = 0; i < 2; i++) {
		if (!ways->run[i])
			continue;
		if (l3->n == WAYS_MAX_RUNS)
			return false;
		l3->run[l3->n++] = (struct ways_run){ .ways = ways->run[i], .io = ways->io };
	}
	if (ways->shared > l3->rest_run)
		l3->rest_run = ways->shared;
	else if (l3->n == n)
		return true;
	return ways_layout(l3, masks);
}

static struct saved_l3 save_l3(const struct ways_domain *l3)
{
	return (struct saved_l3){ l3->n, l3->rest_run };
}

static void restore_l3(struct ways_domain *l3, struct saved_l3 saved)
{
	l3->n = saved.n;
	l3->rest_run = saved.rest_run;
}

/* ---- Being alike ---- */

static uint64_t mix(uint64_t hash, uint64_t value)
{
	hash = (hash ^ value) * 0x9e3779b97f4a7c15ULL;
	return hash ^ hash >> 29;
}

static uint64_t l3_print(const struct ways_domain *l3)
{
	uint64_t hash = mix(mix(mix(l3->ways, l3->io), l3->taken), l3->rest_run);

	for (unsigned int i = 0; i < l3->n; i++)
		hash = mix(hash, l3->run[i].ways << 1 | l3->run[i].io);
	return hash;
}

static uint64_t cell_print(const struct place *p, const struct place_cell *cell)
{
	return mix(mix(mix(l3_print(&p->l3[cell->l3]), cell->free), cell->loose), cell->smt);
}

static uint64_t node_print(const struct place *p, unsigned int node)
{
	const struct place_node *n = &p->nodes[node];
	uint64_t hash =
		mix(mix(mix(mix(n->memory, n->pool_need), n->pool_load), n->timers), n->agent_core == PLACE_ANY);

	for (unsigned int i = 0; i < p->n_cells; i++)
		if (p->cells[i].node == node)
			hash = mix(hash, cell_print(p, &p->cells[i]));
	return p->any_wish ? mix(hash, node) : hash;
}

static bool seen_before(uint64_t *seen, unsigned int *n, uint64_t print)
{
	for (unsigned int i = 0; i < *n; i++)
		if (seen[i] == print)
			return true;
	seen[(*n)++] = print;
	return false;
}

/* ---- The end: pools, and memory from anywhere ---- */

static unsigned int pool_cpus(const struct place *p, unsigned int node)
{
	unsigned int cpus = 0;

	for (unsigned int i = 0; i < p->n_cells; i++)
		if (p->cells[i].node == node)
			cpus += p->cells[i].free * p->cells[i].smt + p->cells[i].loose;
	return cpus;
}

static bool pools_are_enough(const struct place *p)
{
	unsigned int all = 0, most = 0;

	for (unsigned int node = 0; node < p->n_nodes; node++) {
		unsigned int cpus = pool_cpus(p, node);

		if (cpus < p->nodes[node].pool_need)
			return false;
		all += cpus;
	}
	for (unsigned int i = 0; i < p->n_vms; i++) {
		const struct place_vm *vm = &p->vms[i];

		if (vm->dedicated || !vm->span)
			continue;
		if (!pool_cpus(p, vm->home))
			return false;
		most = vm->cpus > most ? vm->cpus : most;
	}
	return all >= most;
}

static bool runs_in_node(const struct place *p, const struct place_vm *vm, unsigned int node)
{
	for (unsigned int k = 0; k < vm->n_parts; k++)
		if (p->cells[vm->parts[k].cell].node == node)
			return true;
	return !vm->dedicated && vm->span && pool_cpus(p, node);
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
static bool deal_memory(struct place *p)
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

static bool has_timer_vm(const struct place *p, unsigned int l3, unsigned int node)
{
	for (unsigned int i = 0; i < p->n_vms; i++) {
		const struct place_vm *vm = &p->vms[i];

		if (!vm->timer || vm->home != node)
			continue;
		for (unsigned int k = 0; k < vm->n_parts; k++)
			if (p->cells[vm->parts[k].cell].l3 == l3)
				return true;
	}
	return false;
}

static bool place_end(struct place *p)
{
	p->stuck = p->n_vms;
	return pools_are_enough(p) && deal_memory(p);
}

/* ---- A VM with CPUs of its own ---- */

struct
try {
	struct place *p;
	const unsigned int *order;
	unsigned int k;
	struct place_vm *vm;
	unsigned int node; /* PLACE_ANY: all of them, it spans */
};

static bool is_open(const struct try *t, const struct place_cell *cell)
{
	return t->node == PLACE_ANY || cell->node == t->node;
}

/* Gives the VM @cpus of cell @i as one more part, and goes on with @next. All is as before when that leads nowhere. */
static bool with_part(const struct try *t, unsigned int i, unsigned int cpus,
		      bool (*next)(const struct try *, unsigned int, unsigned int, unsigned int), unsigned int left,
		      unsigned int parts_left)
{
	struct place_cell *cell = &t->p->cells[i], before = *cell;
	struct ways_domain *l3 = &t->p->l3[cell->l3];
	struct saved_l3 saved = save_l3(l3);
	bool known = false;

	for (unsigned int k = 0; k < t->vm->n_parts; k++)
		known |= t->p->cells[t->vm->parts[k].cell].l3 == cell->l3;
	if (!may_go_on(t->p) || !take(cell, t->vm, cpus))
		return false;
	t->vm->parts[t->vm->n_parts++] = (struct place_part){ i, cpus };
	if ((known || add_ways(l3, &t->vm->ways[cell->l3])) && next(t, i + 1, left, parts_left))
		return true;
	t->vm->n_parts--;
	restore_l3(l3, saved);
	*cell = before;
	return false;
}

/* Goes on with the next VM, if there is memory. */
static bool finish_vm(const struct try *t)
{
	struct place_node *home = &t->p->nodes[t->vm->home];
	uint64_t bytes = t->vm->memory_any || t->vm->span ? 0 : t->vm->memory;

	if (bytes > home->memory)
		return false;
	home->memory -= bytes;
	if (place_next(t->p, t->order, t->k + 1))
		return true;
	home->memory += bytes;
	return false;
}

typedef bool (*goes_on)(const struct try *t);

/* All agents are in one group: two in an L3 share its ways. */
static bool other_agent_in(const struct place *p, unsigned int node, unsigned int l3)
{
	for (unsigned int i = 0; i < p->n_nodes; i++) {
		const struct place_node *n = &p->nodes[i];

		if (i == node || !n->timers)
			continue;
		if ((n->agent_cell == PLACE_ANY ? n->agent_l3 : p->cells[n->agent_cell].l3) == l3)
			return true;
	}
	return false;
}

static bool agent_in(const struct try *t, unsigned int i, goes_on then)
{
	struct place_node *node = &t->p->nodes[t->vm->home];
	unsigned int l3_index = i == PLACE_ANY ? node->agent_l3 : t->p->cells[i].l3;
	struct ways_domain *l3 = &t->p->l3[l3_index];
	struct saved_l3 saved = save_l3(l3);

	if (i != PLACE_ANY && (!t->p->cells[i].free || t->p->cells[i].node != t->vm->home || !may_go_on(t->p)))
		return false;
	if (i != PLACE_ANY)
		t->p->cells[i].free--;
	node->agent_cell = i;
	if ((other_agent_in(t->p, t->vm->home, l3_index) || add_ways(l3, &t->p->agent)) && then(t))
		return true;
	node->agent_cell = PLACE_ANY;
	if (i != PLACE_ANY)
		t->p->cells[i].free++;
	restore_l3(l3, saved);
	return false;
}

/* The first VM of a node that wants an agent brings it: on the core given for it, or near the VM if there is room. */
static bool with_agent(const struct try *t, goes_on then)
{
	struct place_node *node = &t->p->nodes[t->vm->home];
	bool found = false;

	node->timers += t->vm->timer;
	if (!t->vm->timer || node->timers > 1) {
		found = then(t);
	} else if (node->agent_core != PLACE_ANY) {
		found = agent_in(t, PLACE_ANY, then);
	} else {
		for (unsigned int near = 2; near-- > 0 && !found;)
			for (unsigned int i = 0; i < t->p->n_cells && !found; i++)
				if (has_timer_vm(t->p, t->p->cells[i].l3, t->vm->home) == near)
					found = agent_in(t, i, then);
	}
	if (!found)
		node->timers -= t->vm->timer;
	return found;
}

/* A VM that spans has its agent in one of its nodes. */
static bool at_home(const struct try *t)
{
	for (unsigned int k = 0; k < t->vm->n_parts; k++) {
		unsigned int node = t->p->cells[t->vm->parts[k].cell].node;

		if (k && (node == t->vm->home || !t->vm->timer))
			continue;
		t->vm->home = node;
		if (with_agent(t, finish_vm))
			return true;
	}
	return false;
}

/* Spreads what is @left over exactly @parts_left cells, from cell @from on; most in the first ones. */
static bool spread(const struct try *t, unsigned int from, unsigned int left, unsigned int parts_left)
{
	if (!left && !parts_left)
		return at_home(t);
	if (!left || !parts_left || t->p->gave_up)
		return false;
	for (unsigned int i = from; i < t->p->n_cells; i++) {
		struct place_cell *cell = &t->p->cells[i];
		unsigned int most = cpus_free(cell, t->vm);

		if (!is_open(t, cell))
			continue;
		most = most < left ? most : left;
		for (unsigned int cpus = most; cpus; cpus--) {
			if (parts_left == 1 && cpus != left)
				break;
			if (with_part(t, i, cpus, spread, left - cpus, parts_left - 1))
				return true;
			if (t->p->gave_up)
				return false;
		}
	}
	return false;
}

/* The cell with the least room that is enough, but more than that of cell @after or the same behind it; PLACE_ANY:
 * none. */
static unsigned int next_tightest(const struct try *t, unsigned int after)
{
	const struct place *p = t->p;
	unsigned int best = PLACE_ANY;

	for (unsigned int i = 0; i < p->n_cells; i++) {
		unsigned int room = cpus_free(&p->cells[i], t->vm), than;

		if (!is_open(t, &p->cells[i]) || room < t->vm->cpus)
			continue;
		than = after == PLACE_ANY ? 0 : cpus_free(&p->cells[after], t->vm);
		if (after != PLACE_ANY && (room < than || (room == than && i <= after)))
			continue;
		if (best == PLACE_ANY || room < cpus_free(&p->cells[best], t->vm))
			best = i;
	}
	return best;
}

static bool in_one_cell(const struct try *t)
{
	uint64_t *seen = calloc(t->p->n_cells, sizeof(*seen));
	unsigned int n_seen = 0;
	bool found = false;

	for (unsigned int i = next_tightest(t, PLACE_ANY); seen && i != PLACE_ANY && !found && !t->p->gave_up;
	     i = next_tightest(t, i)) {
		uint64_t print = mix(cell_print(t->p, &t->p->cells[i]), t->node == PLACE_ANY ? t->p->cells[i].node : 0);

		if (!seen_before(seen, &n_seen, print))
			found = with_part(t, i, t->vm->cpus, spread, 0, 0);
	}
	free(seen);
	return found;
}

static unsigned int open_cells(const struct try *t)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < t->p->n_cells; i++)
		n += is_open(t, &t->p->cells[i]) && cpus_free(&t->p->cells[i], t->vm);
	return n;
}

static bool place_own_cpus(const struct try *t)
{
	unsigned int most = open_cells(t);

	t->vm->n_parts = 0;
	if (in_one_cell(t))
		return true;
	for (unsigned int parts = 2; parts <= most && !t->p->gave_up; parts++)
		if (spread(t, 0, t->vm->cpus, parts))
			return true;
	return false;
}

/* ---- A VM in a pool ---- */

/* In each L3 where the pool has CPUs it gets its ways. */
static bool pool_ways(const struct try *t)
{
	struct place *p = t->p;

	for (unsigned int d = 0; d < p->n_l3; d++) {
		bool here = false;

		for (unsigned int i = 0; i < p->n_cells; i++)
			here |= p->cells[i].l3 == d && is_open(t, &p->cells[i]) && p->cells[i].free + p->cells[i].loose;
		if (here && !add_ways(&p->l3[d], &t->vm->ways[d]))
			return false;
	}
	return true;
}

static bool with_pool_ways(const struct try *t)
{
	struct place *p = t->p;
	struct saved_l3 *saved = calloc(p->n_l3 + 1, sizeof(*saved));
	bool found;

	if (!saved)
		return false;
	for (unsigned int d = 0; d < p->n_l3; d++)
		saved[d] = save_l3(&p->l3[d]);
	found = (t->vm->span || pool_cpus(p, t->vm->home) >= p->nodes[t->vm->home].pool_need) && pool_ways(t) &&
		finish_vm(t);
	for (unsigned int d = 0; d < p->n_l3 && !found; d++)
		restore_l3(&p->l3[d], saved[d]);
	free(saved);
	return found;
}

static bool place_in_pool(const struct try *t)
{
	struct place_node *node = &t->p->nodes[t->vm->home];
	unsigned int need = node->pool_need;

	if (!t->vm->span && t->vm->cpus > need)
		node->pool_need = t->vm->cpus;
	t->vm->n_parts = 0;
	node->pool_load += t->vm->cpus;
	if (with_agent(t, with_pool_ways))
		return true;
	node->pool_load -= t->vm->cpus;
	node->pool_need = need;
	return false;
}

/* In all pools together; its agent is in one of their nodes. */
static bool place_in_any_pool(struct try *t)
{
	t->node = PLACE_ANY;
	for (unsigned int node = 0; node < t->p->n_nodes; node++) {
		t->vm->home = node;
		if (pool_cpus(t->p, node) && place_in_pool(t))
			return true;
		if (!t->vm->timer && pool_cpus(t->p, node))
			return false;
	}
	return false;
}

/* ---- Nodes ---- */

static unsigned int cpus_in_node(const struct place *p, const struct place_vm *vm, unsigned int node,
				 unsigned int *largest)
{
	unsigned int all = 0;

	*largest = 0;
	for (unsigned int i = 0; i < p->n_cells; i++) {
		unsigned int cpus = cpus_free(&p->cells[i], vm);

		if (p->cells[i].node != node)
			continue;
		all += cpus;
		*largest = cpus > *largest ? cpus : *largest;
	}
	return all;
}

/* Lower is better: where one L3 is enough, then where least is left over; pools where most is to a vCPU's share.
 * PLACE_ANY: no room. */
static unsigned int rank_node(const struct place *p, const struct place_vm *vm, unsigned int node)
{
	unsigned int largest, all = cpus_in_node(p, vm, node, &largest);

	if (!vm->memory_any && vm->memory > p->nodes[node].memory)
		return PLACE_ANY;
	if (!vm->dedicated)
		return pool_cpus(p, node) < vm->cpus ? PLACE_ANY
						     : 1000000 + p->nodes[node].pool_load - pool_cpus(p, node);
	if (all < vm->cpus)
		return PLACE_ANY;
	return (largest >= vm->cpus ? 0 : 1000000) + all;
}

static bool try_nodes(struct try *t)
{
	struct place *p = t->p;
	uint64_t *seen = calloc(2 * p->n_nodes, sizeof(*seen)), *done = seen + p->n_nodes;
	unsigned int n_seen = 0;
	bool found = false;

	while (seen && !found && !p->gave_up) {
		unsigned int best = PLACE_ANY, rank = PLACE_ANY;

		for (unsigned int node = 0; node < p->n_nodes; node++) {
			bool wished = t->vm->node == PLACE_ANY || t->vm->node == node;

			if (!done[node] && wished && rank_node(p, t->vm, node) < rank) {
				best = node;
				rank = rank_node(p, t->vm, node);
			}
		}
		if (best == PLACE_ANY)
			break;
		done[best] = true;
		if (seen_before(seen, &n_seen, node_print(p, best)))
			continue;
		t->node = best;
		t->vm->home = best;
		found = t->vm->dedicated ? place_own_cpus(t) : place_in_pool(t);
	}
	free(seen);
	return found;
}

static bool place_next(struct place *p, const unsigned int *order, unsigned int k)
{
	struct try t = { .p = p, .order = order, .k = k, .node = PLACE_ANY };

	if (!may_go_on(p))
		return false;
	if (k == p->n_vms)
		return place_end(p);
	if (p->stuck == PLACE_ANY || k > p->stuck)
		p->stuck = k;
	t.vm = &p->vms[order[k]];
	if (!t.vm->span)
		return try_nodes(&t);
	if (t.vm->dedicated)
		return place_own_cpus(&t);
	/* In one node's pool, if it can: it may span, it need not. */
	t.vm->span = false;
	if (try_nodes(&t))
		return true;
	t.vm->span = true;
	return place_in_any_pool(&t);
}

/* ---- The order ---- */

static unsigned int most_ways(const struct place *p, const struct place_vm *vm)
{
	unsigned int most = 0;

	for (unsigned int d = 0; d < p->n_l3; d++) {
		unsigned int ways = vm->ways[d].run[0] + vm->ways[d].run[1];

		most = ways > most ? ways : most;
	}
	return most;
}

static bool is_harder(const struct place *p, const struct place_vm *a, const struct place_vm *b)
{
	if (a->dedicated != b->dedicated)
		return a->dedicated;
	if (!a->dedicated && a->timer != b->timer)
		return a->timer; /* the agents' cores are no part of the pools */
	if ((a->node == PLACE_ANY) != (b->node == PLACE_ANY))
		return a->node != PLACE_ANY;
	if (a->span != b->span)
		return b->span;
	if (a->cpus != b->cpus)
		return a->cpus > b->cpus;
	if (most_ways(p, a) != most_ways(p, b))
		return most_ways(p, a) > most_ways(p, b);
	return a->memory > b->memory;
}

bool place_find(struct place *p)
{
	unsigned int *order = calloc(p->n_vms + 1, sizeof(*order));
	bool found;

	p->steps = 0;
	p->gave_up = !order;
	p->stuck = PLACE_ANY;
	for (unsigned int n = 0; order && n < p->n_vms; n++) {
		unsigned int i = n;

		for (; i && is_harder(p, &p->vms[n], &p->vms[order[i - 1]]); i--)
			order[i] = order[i - 1];
		order[i] = n;
	}
	found = order && place_next(p, order, 0);
	if (!found && order && p->stuck < p->n_vms)
		p->stuck = order[p->stuck];
	free(order);
	return found;
}
