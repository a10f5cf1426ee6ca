// SPDX-License-Identifier: BSD-3-Clause
#include "plan_place_impl.h"

#include <stdlib.h>

/*
 * Depth first: the VMs that are hardest to place go first (a node of their own wish, then cores, then ways), each tries
 * its nodes from the best one on, in a node first the single L3s in which it fits tightest, then as few L3s as can be,
 * and in these the L2s likewise. Nodes, blocks and cells that are alike are tried once. Where a VM in a cell needs ways
 * of its own, these are laid out at once, so that cores and caches are found together.
 */

static bool place_next(struct place *p, const unsigned int *order, unsigned int k);

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
	return place_pools_are_enough(p) && place_deal_memory(p);
}

/* ---- A VM with CPUs of its own ---- */

static unsigned int node_of(const struct place *p, unsigned int block)
{
	return p->cells[p->blocks[block].first].node;
}

static unsigned int l3_of(const struct place *p, unsigned int block)
{
	return p->cells[p->blocks[block].first].l3;
}

/* CPUs of a block that the VM may have. */
static unsigned int room_in(const struct place_turn *t, unsigned int block)
{
	if (t->node != PLACE_ANY && node_of(t->p, block) != t->node)
		return 0;
	return place_block_free(t->p, &t->p->blocks[block], t->vm);
}

/* Gives the VM @cpus of block @b, and goes on with @next. All is as before when that leads nowhere. */
static bool with_block(const struct place_turn *t, unsigned int b, unsigned int cpus, place_next_part next,
		       unsigned int left, unsigned int parts_left)
{
	unsigned int l3 = l3_of(t->p, b);
	struct place_saved saved;
	bool known = l3 == PLACE_ANY;

	for (unsigned int k = 0; k < t->vm->n_parts; k++)
		known |= t->p->cells[t->vm->parts[k].cell].l3 == l3;
	if (known)
		return place_fill(t, b, cpus, next, left, parts_left);
	saved = place_save(&t->p->l3[l3]);
	if (place_add_ways(&t->p->l3[l3], &t->vm->ways[l3]) && place_fill(t, b, cpus, next, left, parts_left))
		return true;
	place_restore(&t->p->l3[l3], saved);
	return false;
}

/* Goes on with the next VM, if there is memory. */
static bool finish_vm(const struct place_turn *t)
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

typedef bool (*goes_on)(const struct place_turn *t);

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

static bool with_agent_ways(const struct place_turn *t, unsigned int l3, goes_on then)
{
	struct place_saved saved;

	if (l3 == PLACE_ANY)
		return !t->p->agent.run[0] && then(t);
	saved = place_save(&t->p->l3[l3]);
	if ((other_agent_in(t->p, t->vm->home, l3) || place_add_ways(&t->p->l3[l3], &t->p->agent)) && then(t))
		return true;
	place_restore(&t->p->l3[l3], saved);
	return false;
}

static bool agent_in(const struct place_turn *t, unsigned int i, goes_on then)
{
	struct place_node *node = &t->p->nodes[t->vm->home];
	struct place_cell *cell = &t->p->cells[i];

	if (!place_may_go_on(t->p))
		return false;
	cell->free--;
	node->agent_cell = i;
	if (with_agent_ways(t, cell->l3, then))
		return true;
	node->agent_cell = PLACE_ANY;
	cell->free++;
	return false;
}

/* In one of the cells that are near the VM, or in one of the others; of those that are alike, in one. */
static bool agent_somewhere(const struct place_turn *t, bool near, goes_on then)
{
	struct place *p = t->p;
	uint64_t *seen = calloc(p->n_cells + 1, sizeof(*seen));
	unsigned int n_seen = 0;
	bool found = false;

	for (unsigned int b = 0; seen && b < p->n_blocks && !found; b++) {
		const struct place_block *block = &p->blocks[b];

		if (node_of(p, b) != t->vm->home || has_timer_vm(p, l3_of(p, b), t->vm->home) != near)
			continue;
		for (unsigned int i = block->first; i < block->first + block->n && !found; i++)
			if (p->cells[i].free && !place_seen_before(seen, &n_seen, place_cell_print(p, &p->cells[i])))
				found = agent_in(t, i, then);
	}
	free(seen);
	return found;
}

/* The first VM of a node that wants an agent brings it: on the core given for it, or near the VM if there is room. */
static bool with_agent(const struct place_turn *t, goes_on then)
{
	struct place_node *node = &t->p->nodes[t->vm->home];
	bool found = false;

	node->timers += t->vm->timer;
	if (!t->vm->timer || node->timers > 1) {
		found = then(t);
	} else if (node->agent_core != PLACE_ANY) {
		found = with_agent_ways(t, node->agent_l3, then);
	} else {
		found = agent_somewhere(t, true, then) || agent_somewhere(t, false, then);
	}
	if (!found)
		node->timers -= t->vm->timer;
	return found;
}

/* A VM that spans has its agent in one of its nodes. */
static bool at_home(const struct place_turn *t)
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

static unsigned int most_room(const struct place_turn *t)
{
	unsigned int most = 0;

	for (unsigned int b = 0; b < t->p->n_blocks; b++)
		most = t->shares[b].room > most ? t->shares[b].room : most;
	return most;
}

/* Spreads what is @left over exactly @parts_left blocks, from block @from on; most in the first ones. */
static bool spread(const struct place_turn *t, unsigned int from, unsigned int left, unsigned int parts_left)
{
	unsigned int least, others;

	if (!left && !parts_left)
		return at_home(t);
	if (!left || !parts_left)
		return false;
	/* What the other parts can bear at most. */
	others = (parts_left - 1) * most_room(t);
	least = left > others ? left - others : 1;
	for (unsigned int b = from; b < t->p->n_blocks && t->shares[b].all >= left; b++) {
		struct place_share *share = &t->shares[b];
		unsigned int most = share->room < left ? share->room : left;

		share->taken = 0;
		if (share->like != PLACE_ANY && t->shares[share->like].taken < most)
			most = t->shares[share->like].taken;
		for (unsigned int cpus = most; cpus >= least && !t->p->gave_up; cpus--) {
			share->taken = cpus;
			if (with_block(t, b, cpus, spread, left - cpus, parts_left - 1))
				return true;
		}
		share->taken = 0;
	}
	return false;
}

static uint64_t print_of(const struct place_turn *t, unsigned int block)
{
	return place_mix(place_block_print(t->p, &t->p->blocks[block]),
			 t->node == PLACE_ANY ? node_of(t->p, block) : 0);
}

static bool make_shares(struct place_turn *t)
{
	unsigned int n = t->p->n_blocks, all = 0;
	uint64_t *prints = calloc(n + 1, sizeof(*prints));

	t->shares = calloc(n + 1, sizeof(*t->shares));
	for (unsigned int b = n; b-- > 0 && prints && t->shares;) {
		t->shares[b].room = room_in(t, b);
		t->shares[b].all = all += t->shares[b].room;
		prints[b] = t->shares[b].room ? print_of(t, b) : 0;
	}
	for (unsigned int b = 0; b < n && prints && t->shares; b++) {
		t->shares[b].like = PLACE_ANY;
		for (unsigned int k = b; k-- > 0 && t->shares[b].like == PLACE_ANY && t->shares[b].room;)
			if (t->shares[k].room && prints[k] == prints[b])
				t->shares[b].like = k;
	}
	free(prints);
	return prints && t->shares;
}

/* The block with the least room that is enough, but more than that of block @after or the same behind it; PLACE_ANY:
 * none. */
static unsigned int next_tightest(const struct place_turn *t, unsigned int after)
{
	unsigned int best = PLACE_ANY, least = PLACE_ANY, than = after == PLACE_ANY ? 0 : room_in(t, after);

	for (unsigned int b = 0; b < t->p->n_blocks; b++) {
		unsigned int room = room_in(t, b);

		if (room < t->vm->cpus || room >= least)
			continue;
		if (after != PLACE_ANY && (room < than || (room == than && b <= after)))
			continue;
		best = b;
		least = room;
	}
	return best;
}

static bool in_one_block(const struct place_turn *t)
{
	uint64_t *seen = calloc(t->p->n_blocks, sizeof(*seen));
	unsigned int n_seen = 0;
	bool found = false;

	for (unsigned int b = next_tightest(t, PLACE_ANY); seen && b != PLACE_ANY && !found && !t->p->gave_up;
	     b = next_tightest(t, b)) {
		if (!place_seen_before(seen, &n_seen, print_of(t, b)))
			found = with_block(t, b, t->vm->cpus, spread, 0, 0);
	}
	free(seen);
	return found;
}

static bool place_own_cpus(struct place_turn *t)
{
	unsigned int most = 0;
	bool found = false;

	t->vm->n_parts = 0;
	if (in_one_block(t))
		return true;
	if (make_shares(t)) {
		for (unsigned int b = 0; b < t->p->n_blocks; b++)
			most += t->shares[b].room > 0;
		for (unsigned int parts = 2; parts <= most && !found && !t->p->gave_up; parts++)
			found = (uint64_t)parts * most_room(t) >= t->vm->cpus && spread(t, 0, t->vm->cpus, parts);
	}
	free(t->shares);
	t->shares = NULL;
	return found;
}

/* ---- A VM in a pool ---- */

/* In each domain where the pool has CPUs for it the VM gets its ways. @done has a flag for each of L3 and L2. */
static bool pool_ways(const struct place_turn *t, bool *done)
{
	struct place *p = t->p;
	bool *done_l2 = done + p->n_l3;

	for (unsigned int i = 0; i < p->n_cells; i++) {
		const struct place_cell *cell = &p->cells[i];

		if ((t->node != PLACE_ANY && cell->node != t->node) || !(cell->free + cell->loose) ||
		    !place_may_use(cell, t->vm))
			continue;
		if (cell->l3 != PLACE_ANY && !done[cell->l3] &&
		    !place_add_ways(&p->l3[cell->l3], &t->vm->ways[cell->l3]))
			return false;
		if (t->vm->l2 && !done_l2[cell->l2] && !place_add_ways(&p->l2[cell->l2], &t->vm->l2[cell->l2]))
			return false;
		if (cell->l3 != PLACE_ANY)
			done[cell->l3] = true;
		if (t->vm->l2)
			done_l2[cell->l2] = true;
	}
	return true;
}

static bool pool_is_enough(const struct place_turn *t)
{
	const struct place *p = t->p;

	return t->vm->span || (place_pool_cpus(p, NULL, t->vm->home) >= p->nodes[t->vm->home].pool_need &&
			       place_pool_cpus(p, t->vm, t->vm->home) >= t->vm->cpus);
}

static bool with_pool_ways(const struct place_turn *t)
{
	struct place *p = t->p;
	unsigned int n = p->n_l3 + p->n_l2;
	struct place_saved *saved = calloc(n + 1, sizeof(*saved));
	bool *done = calloc(n + 1, sizeof(*done)), found;

	for (unsigned int d = 0; saved && d < n; d++)
		saved[d] = place_save(d < p->n_l3 ? &p->l3[d] : &p->l2[d - p->n_l3]);
	found = saved && done && pool_is_enough(t) && pool_ways(t, done) && finish_vm(t);
	for (unsigned int d = 0; saved && d < n && !found; d++)
		place_restore(d < p->n_l3 ? &p->l3[d] : &p->l2[d - p->n_l3], saved[d]);
	free(saved);
	free(done);
	return found;
}

static bool place_in_pool(const struct place_turn *t)
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
static bool place_in_any_pool(struct place_turn *t)
{
	t->node = PLACE_ANY;
	for (unsigned int node = 0; node < t->p->n_nodes; node++) {
		t->vm->home = node;
		if (!place_pool_cpus(t->p, t->vm, node))
			continue;
		if (place_in_pool(t))
			return true;
		if (!t->vm->timer)
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
	for (unsigned int b = 0; b < p->n_blocks; b++) {
		unsigned int cpus = node_of(p, b) == node ? place_block_free(p, &p->blocks[b], vm) : 0;

		all += cpus;
		*largest = cpus > *largest ? cpus : *largest;
	}
	return all;
}

/* Lower is better: where one L3 is enough, then where least is left over; pools where most is to a vCPU's share.
 * PLACE_ANY: no room. */
static unsigned int rank_node(const struct place *p, const struct place_vm *vm, unsigned int node)
{
	unsigned int largest, all;

	if (!vm->memory_any && vm->memory > p->nodes[node].memory)
		return PLACE_ANY;
	if (!vm->dedicated) {
		all = place_pool_cpus(p, vm, node);
		return all < vm->cpus ? PLACE_ANY : 1000000 + p->nodes[node].pool_load - all;
	}
	all = cpus_in_node(p, vm, node, &largest);
	if (all < vm->cpus)
		return PLACE_ANY;
	return (largest >= vm->cpus ? 0 : 1000000) + all;
}

static bool try_nodes(struct place_turn *t)
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
		if (place_seen_before(seen, &n_seen, place_node_print(p, best)))
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
	struct place_turn t = { .p = p, .order = order, .k = k, .node = PLACE_ANY };

	if (!place_may_go_on(p))
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

static unsigned int most_of(const struct place_ways *ways, unsigned int n)
{
	unsigned int most = 0;

	for (unsigned int d = 0; ways && d < n; d++) {
		unsigned int all = ways[d].run[0] + ways[d].run[1];

		most = all > most ? all : most;
	}
	return most;
}

/* Of L3 and L2 together. */
static unsigned int most_ways(const struct place *p, const struct place_vm *vm)
{
	return most_of(vm->ways, p->n_l3) + most_of(vm->l2, p->n_l2);
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

void place_order(const struct place *p, unsigned int *order)
{
	for (unsigned int n = 0; n < p->n_vms; n++) {
		unsigned int i = n;

		for (; i && is_harder(p, &p->vms[n], &p->vms[order[i - 1]]); i--)
			order[i] = order[i - 1];
		order[i] = n;
	}
}

bool place_find(struct place *p)
{
	unsigned int *order = calloc(p->n_vms + 1, sizeof(*order));
	bool found;

	p->steps = 0;
	p->gave_up = !order;
	p->stuck = PLACE_ANY;
	if (!order)
		return false;
	place_order(p, order);
	found = place_next(p, order, 0);
	if (!found && p->stuck < p->n_vms)
		p->stuck = order[p->stuck];
	free(order);
	return found;
}
