// SPDX-License-Identifier: BSD-3-Clause
#include <stdlib.h>

#include "plan_work.h"

/* ---- What was found: CPUs ---- */

static int add_cpu(struct plan_cpus *cpus, unsigned int cpu, struct isolat_error *err)
{
	unsigned int *grown = realloc(cpus->cpu, (cpus->n + 1) * sizeof(*grown));

	if (!grown)
		return plan_no_memory(err);
	cpus->cpu = grown;
	grown[cpus->n++] = cpu;
	return 0;
}

static int add_core(const struct planner *w, struct plan_cpus *cpus, unsigned int core)
{
	for (unsigned int i = 0; i < w->t->cores[core].n_cpus; i++)
		if (add_cpu(cpus, w->t->cores[core].cpus[i], w->err))
			return -1;
	return 0;
}

static int by_number(const void *a, const void *b)
{
	const unsigned int *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void ascend(struct plan_cpus *cpus)
{
	if (cpus->n)
		qsort(cpus->cpu, cpus->n, sizeof(*cpus->cpu), by_number);
}

/* Cells give their cores from the lowest on; those begun by VMs without whole cores are at the end. */
struct handing {
	unsigned int next;  /* the next core, an index into the cell's */
	unsigned int core;  /* the one that is being handed out CPU by CPU, n_cores: none */
	unsigned int given; /* of its CPUs */
};

static int hand_out(struct planner *w, struct handing *h, const struct place_vm *vm, const struct place_part *part,
		    struct plan_cpus *cpus)
{
	const struct place_cell *cell = &w->place.cells[part->cell];

	h += part->cell;
	for (unsigned int left = part->cpus; left;) {
		const struct topology_core *core;

		if (vm->whole) {
			if (add_core(w, cpus, cell->cores[h->next++]))
				return -1;
			left -= cell->smt;
			continue;
		}
		if (h->core == cell->n_cores || h->given == cell->smt) {
			h->core = h->next++;
			h->given = 0;
		}
		core = &w->t->cores[cell->cores[h->core]];
		if (add_cpu(cpus, core->cpus[h->given++], w->err))
			return -1;
		left--;
	}
	return 0;
}

static int hand_out_all(struct planner *w, struct handing *h, bool whole)
{
	for (unsigned int i = 0; i < w->place.n_vms; i++) {
		const struct place_vm *vm = &w->place.vms[i];

		for (unsigned int k = 0; k < vm->n_parts && vm->whole == whole; k++)
			if (hand_out(w, h, vm, &vm->parts[k], &w->plan->vms[i].cpus))
				return -1;
	}
	return 0;
}

static int hand_out_agents(struct planner *w, struct handing *h)
{
	struct plan *plan = w->plan;

	for (unsigned int node = 0; node < w->place.n_nodes; node++) {
		const struct place_node *n = &w->place.nodes[node];
		struct plan_agent *agent;

		if (!n->timers)
			continue;
		agent = &plan->agents[plan->n_agents++];
		agent->node = node;
		if (add_core(w, &agent->cpus,
			     n->agent_core != PLACE_ANY ? n->agent_core
							: w->place.cells[n->agent_cell].cores[h[n->agent_cell].next++]))
			return -1;
	}
	return 0;
}

/* What is left of a node, or of all for a VM that spans. */
static int hand_out_pool(struct planner *w, const struct handing *h, unsigned int i)
{
	struct place_vm *vm = &w->place.vms[i];
	bool *left = plan_zeroed(w->t->n_cpus, sizeof(*left));
	int rc = 0;

	for (unsigned int c = 0; left && c < w->place.n_cells; c++) {
		const struct place_cell *cell = &w->place.cells[c];

		if ((!vm->span && cell->node != vm->home) || !place_may_use(cell, vm))
			continue;
		for (unsigned int k = h[c].next; k < cell->n_cores; k++)
			for (unsigned int s = 0; s < cell->smt; s++)
				left[w->t->cores[cell->cores[k]].cpus[s]] = true;
		for (unsigned int s = h[c].given; h[c].core < cell->n_cores && s < cell->smt; s++)
			left[w->t->cores[cell->cores[h[c].core]].cpus[s]] = true;
	}
	for (unsigned int cpu = 0; left && cpu < w->t->n_cpus && !rc; cpu++)
		if (left[cpu])
			rc = add_cpu(&w->plan->vms[i].cpus, cpu, w->err);
	free(left);
	return left ? rc : plan_no_memory(w->err);
}

static void name_agents(struct planner *w)
{
	for (unsigned int i = 0; i < w->place.n_vms; i++) {
		w->plan->vms[i].agent = PLAN_NONE;
		for (unsigned int a = 0; a < w->plan->n_agents && w->place.vms[i].timer; a++)
			if (w->plan->agents[a].node == w->place.vms[i].home)
				w->plan->vms[i].agent = a;
	}
}

int plan_give_cpus(struct planner *w)
{
	struct handing *h = plan_zeroed(w->place.n_cells, sizeof(*h));
	int rc;

	if (!h)
		return plan_no_memory(w->err);
	for (unsigned int c = 0; c < w->place.n_cells; c++)
		h[c].core = w->place.cells[c].n_cores;
	rc = hand_out_all(w, h, true) || hand_out_all(w, h, false) || hand_out_agents(w, h) ? -1 : 0;
	for (unsigned int i = 0; i < w->place.n_vms && !rc; i++)
		if (!w->place.vms[i].dedicated)
			rc = hand_out_pool(w, h, i);
	for (unsigned int c = 0; c < w->t->n_cores && !rc; c++)
		if (w->reserved[c] && !w->given_agent[c])
			rc = add_core(w, &w->plan->housekeeping, c);
	free(h);
	ascend(&w->plan->housekeeping);
	name_agents(w);
	return rc;
}

/* ---- What was found: memory and agents ---- */

static int give_memory(struct planner *w, unsigned int i, unsigned int node, uint64_t bytes)
{
	struct plan_vm *vm = &w->plan->vms[i];
	struct plan_memory *memory = realloc(vm->memory, (vm->n_memory + 1) * sizeof(*memory));

	if (!memory)
		return plan_no_memory(w->err);
	vm->memory = memory;
	memory[vm->n_memory++] = (struct plan_memory){ .node = node, .bytes = bytes };
	return 0;
}

int plan_give_memory(struct planner *w)
{
	for (unsigned int i = 0; i < w->place.n_vms; i++) {
		const struct place_vm *vm = &w->place.vms[i];

		if (!vm->memory_any && !vm->span && give_memory(w, i, vm->home, vm->memory))
			return -1;
		for (unsigned int node = 0; node < w->place.n_nodes; node++) {
			uint64_t bytes = w->place.memory[(size_t)i * w->place.n_nodes + node];

			if (bytes && give_memory(w, i, node, bytes))
				return -1;
		}
	}
	return 0;
}
