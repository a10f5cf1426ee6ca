// SPDX-License-Identifier: BSD-3-Clause
#include "plan_short.h"

#include <stdlib.h>
#include <string.h>

/* ---- A copy of the place, to search again in ---- */

static void *copy_of(const void *from, size_t n, size_t size)
{
	void *to = calloc(n + 1, size);

	if (to)
		memcpy(to, from, n * size);
	return to;
}

/* What belongs to the planner stays with it: cores, blocks, ways that are asked for, and room for what is found. */
static void free_copy(struct place *p)
{
	free(p->cells);
	free(p->l3);
	free(p->l2);
	free(p->nodes);
	free(p->vms);
}

static bool copy_place(const struct place *from, struct place *to)
{
	*to = *from;
	to->cells = copy_of(from->cells, from->n_cells, sizeof(*from->cells));
	to->l3 = copy_of(from->l3, from->n_l3, sizeof(*from->l3));
	to->l2 = copy_of(from->l2, from->n_l2, sizeof(*from->l2));
	to->nodes = copy_of(from->nodes, from->n_nodes, sizeof(*from->nodes));
	to->vms = copy_of(from->vms, from->n_vms, sizeof(*from->vms));
	if (to->cells && to->l3 && to->l2 && to->nodes && to->vms)
		return true;
	free_copy(to);
	return false;
}

/* ---- Which resource is short ---- */

struct relaxed {
	bool l3, l2, memory, agents; /* there is enough of it */
};

static void relax(struct place *p, struct relaxed enough)
{
	for (unsigned int d = 0; enough.l3 && d < p->n_l3; d++)
		p->l3[d].ways = 0;
	for (unsigned int d = 0; enough.l2 && d < p->n_l2; d++)
		p->l2[d].ways = 0;
	for (unsigned int i = 0; i < p->n_vms; i++) {
		p->vms[i].memory = enough.memory ? 0 : p->vms[i].memory;
		p->vms[i].timer &= !enough.agents;
	}
}

/* What such a search ends with. */
struct outcome {
	bool gave_up; /* this one or one before */
	unsigned int stuck;
};

static bool would_fit(const struct planner *w, struct relaxed enough, struct outcome *outcome)
{
	struct place p;
	bool fits;

	if (!copy_place(&w->place, &p))
		return false;
	relax(&p, enough);
	fits = place_find(&p);
	outcome->gave_up |= p.gave_up;
	outcome->stuck = p.stuck;
	free_copy(&p);
	return fits;
}

static const struct relaxed all_but_cpus = { .l3 = true, .l2 = true, .memory = true };

enum plan_short plan_find_short(struct planner *w)
{
	const struct {
		struct relaxed enough;
		enum plan_short is_short;
	} tries[] = {
		{ { .l3 = true }, PLAN_SHORT_L3 },	   { { .l2 = true }, PLAN_SHORT_L2 },
		{ { .memory = true }, PLAN_SHORT_MEMORY }, { { .l3 = true, .l2 = true }, PLAN_SHORT_L3 },
		{ { .agents = true }, PLAN_SHORT_AGENT },  { all_but_cpus, PLAN_SHORT_BOTH },
	};
	struct outcome outcome = { 0 };

	for (unsigned int i = 0; i < sizeof(tries) / sizeof(tries[0]); i++)
		if (would_fit(w, tries[i].enough, &outcome))
			return tries[i].is_short;
	if (outcome.gave_up)
		return PLAN_SHORT_UNKNOWN;
	w->place.stuck = outcome.stuck;
	return PLAN_SHORT_CPUS;
}

/* ---- Those that were placed before ---- */

static bool choose_those_before(const struct planner *w, unsigned int *order, struct plan_beside *beside)
{
	unsigned int n = 0, before = 0;

	place_order(&beside->place, order);
	while (before < w->place.n_vms && order[before] != w->place.stuck)
		before++;
	for (unsigned int i = 0; i < w->place.n_vms; i++) {
		bool chosen = false;

		for (unsigned int k = 0; k < before; k++)
			chosen |= order[k] == i;
		if (!chosen)
			continue;
		beside->place.vms[n] = beside->place.vms[i];
		beside->vm[n++] = i;
	}
	beside->place.n_vms = n;
	return place_find(&beside->place);
}

bool plan_place_beside(const struct planner *w, enum plan_short is_short, struct plan_beside *beside)
{
	unsigned int *order = calloc(w->place.n_vms + 1, sizeof(*order));
	bool found = false;

	*beside = (struct plan_beside){ .vm = calloc(w->place.n_vms + 1, sizeof(*beside->vm)) };
	if (order && beside->vm && copy_place(&w->place, &beside->place)) {
		if (is_short == PLAN_SHORT_CPUS)
			relax(&beside->place, all_but_cpus);
		found = choose_those_before(w, order, beside);
		if (!found)
			free_copy(&beside->place);
	}
	if (!found)
		free(beside->vm);
	free(order);
	return found;
}

void plan_free_beside(struct plan_beside *beside)
{
	free_copy(&beside->place);
	free(beside->vm);
}

/* ---- What is left for the VM that is stuck ---- */

static unsigned int cpus_left(const struct place *p, const struct place_vm *vm, unsigned int node)
{
	unsigned int cpus = 0;

	for (unsigned int i = 0; i < p->n_cells; i++)
		if ((node == PLACE_ANY || p->cells[i].node == node) && !(vm->whole && p->cells[i].smt > vm->cpus))
			cpus += place_cpus_free(&p->cells[i], vm);
	return cpus;
}

/* Whether it could be in a node but for one resource. */
static bool may_be_in(const struct place *p, const struct place_vm *vm, unsigned int node, bool but_memory)
{
	if (vm->node != PLACE_ANY && vm->node != node)
		return false;
	if (cpus_left(p, vm, vm->span ? PLACE_ANY : node) < vm->cpus)
		return false;
	return but_memory || vm->memory_any || vm->span || p->nodes[node].memory >= vm->memory;
}

/* The most ways of a domain that @asked could be, beside what is there. */
static unsigned int most_ways(const struct ways_domain *domain, const struct place_ways *asked, bool io)
{
	struct ways_domain with;

	for (unsigned int n = domain->ways; n; n--) {
		struct place_ways ways = { .io = io || asked->io };

		with = *domain;
		if (asked->run[0])
			ways.run[0] = n;
		else
			ways.shared = n;
		if (place_add_ways(&with, &ways))
			return n;
	}
	return 0;
}

struct plan_left plan_left_ways(const struct planner *w, const struct plan_beside *beside, bool l2)
{
	const struct place *p = &beside->place;
	const struct place_vm *vm = &w->place.vms[w->place.stuck];
	struct plan_left left = { 0 };

	for (unsigned int i = 0; (!l2 || vm->l2) && i < p->n_cells; i++) {
		unsigned int d = l2 ? p->cells[i].l2 : p->cells[i].l3, ways;

		if (d == PLACE_ANY || !place_cpus_free(&p->cells[i], vm) || !may_be_in(p, vm, p->cells[i].node, false))
			continue;
		ways = most_ways(l2 ? &p->l2[d] : &p->l3[d], l2 ? &vm->l2[d] : &vm->ways[d], false);
		if (left.known && ways <= left.ways)
			continue;
		left = (struct plan_left){ .known = true, .at = d, .ways = ways };
		left.with_io = most_ways(l2 ? &p->l2[d] : &p->l3[d], l2 ? &vm->l2[d] : &vm->ways[d], true);
	}
	return left;
}

struct plan_left plan_left_in_node(const struct planner *w, const struct plan_beside *beside, bool memory)
{
	const struct place *p = &beside->place;
	const struct place_vm *vm = &w->place.vms[w->place.stuck];
	struct plan_left left = { 0 };

	for (unsigned int node = 0; node < p->n_nodes; node++) {
		unsigned int cpus = cpus_left(p, vm, node);
		uint64_t bytes = p->nodes[node].memory;

		if ((vm->node != PLACE_ANY && vm->node != node) || (memory && !may_be_in(p, vm, node, true)))
			continue;
		if (!left.known || (memory ? bytes > left.memory : cpus > left.cpus))
			left = (struct plan_left){ .known = true, .at = node, .cpus = cpus, .memory = bytes };
	}
	return left;
}

struct plan_left plan_left_in_all(const struct planner *w, const struct plan_beside *beside)
{
	return (struct plan_left){ .known = true,
				   .at = PLACE_ANY,
				   .cpus = cpus_left(&beside->place, &w->place.vms[w->place.stuck], PLACE_ANY) };
}

/* ---- Who is there ---- */

bool plan_is_in_domain(const struct plan_beside *beside, unsigned int vm, bool l2, unsigned int domain)
{
	const struct place *p = &beside->place;
	const struct place_vm *v = &p->vms[vm];

	for (unsigned int k = 0; k < v->n_parts; k++)
		if ((l2 ? p->cells[v->parts[k].cell].l2 : p->cells[v->parts[k].cell].l3) == domain)
			return true;
	for (unsigned int i = 0; i < p->n_cells && !v->dedicated; i++)
		if ((l2 ? p->cells[i].l2 : p->cells[i].l3) == domain && place_may_use(&p->cells[i], v) &&
		    p->cells[i].free + p->cells[i].loose && (v->span || p->cells[i].node == v->home))
			return true;
	return false;
}

bool plan_is_in_node(const struct plan_beside *beside, unsigned int vm, unsigned int node)
{
	const struct place *p = &beside->place;
	const struct place_vm *v = &p->vms[vm];

	for (unsigned int k = 0; k < v->n_parts; k++)
		if (p->cells[v->parts[k].cell].node == node)
			return true;
	return !v->dedicated && (v->span || v->home == node);
}
