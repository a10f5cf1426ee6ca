// SPDX-License-Identifier: BSD-3-Clause
#include <stdlib.h>

#include "plan_demand.h"
#include "plan_work.h"

/* ---- Cores that are given away beforehand ---- */

/* "0-1,8": the kernel's numbers. What is wrong is the profile's. */
static int each_listed(const struct planner *w, const char *list, struct profile_place place, const char *key,
		       bool *cores)
{
	char where[256];

	profile_where(w->profile->file, place, where, sizeof(where));
	for (const char *at = list; *at;) {
		char *end;
		unsigned long first = strtoul(at, &end, 10), last = first;

		if (*end == '-')
			last = strtoul(end + 1, &end, 10);
		for (unsigned long os = first; os <= last; os++) {
			unsigned int i = 0;

			while (i < w->t->n_cpus && w->t->cpus[i].os != os)
				i++;
			if (i == w->t->n_cpus || !w->t->cpus[i].online)
				return isolat_fail(w->err, ISOLAT_USAGE, "plan", where,
						   "%s: CPU %lu is not online here", key, os);
			cores[w->t->cpus[i].core] = true;
		}
		at = *end == ',' ? end + 1 : end;
	}
	return 0;
}

/* The first CPU's core, and the next ones of its node. */
static int choose_housekeeping(struct planner *w)
{
	unsigned int wanted = w->profile->housekeeping_cores, node = w->t->cores[0].node;

	for (unsigned int c = 0; c < w->t->n_cores && wanted; c++)
		if (w->t->cores[c].node == node) {
			w->reserved[c] = true;
			wanted--;
		}
	if (!wanted)
		return 0;
	isolat_fail(w->err, ISOLAT_NO_FIT, "plan", "housekeeping", "%u cores are asked for, and node %u has %u",
		    w->profile->housekeeping_cores, w->t->nodes[node].os, w->t->nodes[node].n_cores);
	return isolat_hint(w->err, "name them in housekeeping.cpus to take them from several nodes");
}

int plan_reserve_cores(struct planner *w)
{
	const struct profile *p = w->profile;

	if (p->housekeeping_cpus
		    ? each_listed(w, p->housekeeping_cpus, p->housekeeping_place, "housekeeping.cpus", w->reserved)
		    : choose_housekeeping(w))
		return -1;
	if (!p->agent_cpus)
		return 0;
	if (each_listed(w, p->agent_cpus, p->agent_place, "timer_agent.cpus", w->given_agent))
		return -1;
	for (unsigned int c = 0; c < w->t->n_cores; c++) {
		char where[256];

		if (w->given_agent[c] && w->reserved[c])
			return isolat_fail(w->err, ISOLAT_USAGE, "plan",
					   profile_where(p->file, p->agent_place, where, sizeof(where)),
					   "timer_agent.cpus: CPU %u is of a housekeeping core",
					   w->t->cpus[w->t->cores[c].cpus[0]].os);
		w->reserved[c] |= w->given_agent[c];
	}
	return 0;
}

/* ---- The host, as the search sees it ---- */

static void describe_l3(struct planner *w, unsigned int d)
{
	const struct rdt_caps *caps = &w->host->caps;
	struct ways_domain *l3 = &w->place.l3[d];
	unsigned int id = w->t->l3[d].id;

	if (!caps->l3.present)
		return;
	l3->ways = caps->l3.ways;
	l3->io = caps->l3.shareable;
	l3->rest_run = caps->l3.min_ways ? caps->l3.min_ways : 1;
	for (unsigned int i = 0; i < caps->n_groups; i++)
		if (plan_is_foreign(&caps->groups[i]))
			l3->taken |= plan_mask_in(&caps->groups[i].l3, id) | plan_mask_in(&caps->groups[i].l3_code, id);
}

static struct place_cell *cell_of(struct place *place, const struct topology_core *core)
{
	for (unsigned int i = 0; i < place->n_cells; i++) {
		struct place_cell *cell = &place->cells[i];

		if (cell->node == core->node && cell->l3 == core->l3 && cell->smt == core->n_cpus)
			return cell;
	}
	return NULL;
}

static int make_cells(struct planner *w)
{
	struct place *place = &w->place;

	place->cells = plan_zeroed(w->t->n_cores, sizeof(*place->cells));
	if (!place->cells)
		return plan_no_memory(w->err);
	for (unsigned int c = 0; c < w->t->n_cores; c++) {
		const struct topology_core *core = &w->t->cores[c];
		struct place_cell *cell = cell_of(place, core);

		if (w->reserved[c])
			continue;
		if (!cell) {
			cell = &place->cells[place->n_cells];
			*cell = (struct place_cell){ .node = core->node, .l3 = core->l3, .smt = core->n_cpus };
			cell->cores = plan_zeroed(w->t->n_cores, sizeof(*cell->cores));
			if (!cell->cores)
				return plan_no_memory(w->err);
			place->n_cells++;
		}
		cell->cores[cell->n_cores++] = c;
		cell->free++;
	}
	return 0;
}

static void give_agent_core(struct place *place, const struct topology_core *core, unsigned int c)
{
	place->nodes[core->node].agent_core = c;
	place->nodes[core->node].agent_l3 = core->l3;
}

int plan_describe_host(struct planner *w)
{
	struct place *place = &w->place;

	place->n_l3 = w->t->n_l3;
	place->n_nodes = w->t->n_nodes;
	place->l3 = plan_zeroed(place->n_l3, sizeof(*place->l3));
	place->nodes = plan_zeroed(place->n_nodes, sizeof(*place->nodes));
	if (!place->l3 || !place->nodes)
		return plan_no_memory(w->err);
	for (unsigned int d = 0; d < place->n_l3; d++)
		describe_l3(w, d);
	for (unsigned int n = 0; n < place->n_nodes; n++)
		place->nodes[n] = (struct place_node){ .memory = w->t->nodes[n].bytes,
						       .agent_cell = PLACE_ANY,
						       .agent_core = PLACE_ANY };
	for (unsigned int c = w->t->n_cores; c-- > 0;)
		if (w->given_agent[c])
			give_agent_core(place, &w->t->cores[c], c);
	return make_cells(w);
}

static const char *vm_place(const struct planner *w, const struct profile_vm *vm)
{
	static __thread char where[256];

	/* A VM from the command line is in no file. */
	return vm->place.line ? profile_where(w->profile->file, vm->place, where, sizeof(where)) : vm->name;
}

/* ---- The VMs, as the search sees them ---- */

static int ask_ways(struct planner *w, const struct profile_class *class, const char *what, unsigned int d,
		    struct place_ways *ways)
{
	const struct profile_amount *main = class->l3.unit ? &class->l3 : &class->l3_data;
	unsigned int data = 0, code = 0;

	if (demand_l3(w->host, d, main, what, &data, w->err) ||
	    (!class->l3.unit && demand_l3(w->host, d, &class->l3_code, what, &code, w->err)))
		return -1;
	ways->io = class->io_ways;
	if (class->exclusive) {
		ways->run[0] = data;
		ways->run[1] = code;
	} else {
		ways->shared = data > code ? data : code;
		ways->shared_data = data;
		ways->shared_code = code;
	}
	return 0;
}

static int check_code_data(const struct planner *w, const struct profile_class *class, const char *what)
{
	if (!class->l3_code.unit || w->host->caps.l3.cdp || !w->host->caps.l3.present)
		return 0;
	isolat_fail(w->err, ISOLAT_UNSUPPORTED, "plan", what,
		    "cache for code and data apart is asked for, and resctrl is mounted without it");
	return isolat_hint(w->err,
			   w->host->caps.l3.cdp_capable ? "mount it with the option cdp" : "the CPU must have CDP");
}

/* 3 vCPUs do not fill pairs of siblings, wherever they run. */
static int check_whole_cores(const struct planner *w, const struct profile_vm *vm, const struct profile_class *class)
{
	unsigned int smt = 0;

	if (!class->dedicated || !class->whole_cores)
		return 0;
	for (unsigned int c = 0; c < w->t->n_cores; c++) {
		smt = w->t->cores[c].n_cpus;
		if (vm->vcpus % smt == 0)
			return 0;
	}
	isolat_fail(w->err, ISOLAT_USAGE, "plan", vm_place(w, vm), "%s: %u vCPUs do not fill whole cores of %u CPUs",
		    vm->name, vm->vcpus, smt);
	return isolat_hint(w->err, "ask for a multiple of %u, or set whole_cores: no in class %s", smt, class->name);
}

static int find_node(const struct planner *w, const struct profile_vm *vm, unsigned int *node)
{
	*node = PLACE_ANY;
	if (vm->node == PROFILE_ANY_NODE)
		return 0;
	for (unsigned int n = 0; n < w->t->n_nodes; n++)
		if (w->t->nodes[n].os == vm->node) {
			*node = n;
			return 0;
		}
	return isolat_fail(w->err, ISOLAT_USAGE, "plan", vm_place(w, vm), "%s: this host has no node %u", vm->name,
			   vm->node);
}

static int describe_vm(struct planner *w, unsigned int i)
{
	const struct profile_vm *vm = &w->profile->vms[i];
	const struct profile_class *class = plan_class(w, i);
	struct place_ways *ways = &w->ways[(size_t)i * w->t->n_l3];
	struct place_vm *out = &w->place.vms[i];

	*out = (struct place_vm){
		.cpus = vm->vcpus,
		.dedicated = class->dedicated,
		.whole = class->dedicated && class->whole_cores,
		.span = vm->span_nodes,
		.memory_any = class->memory == PROFILE_MEMORY_ANY,
		.timer = vm->exitless_timer,
		.memory = vm->memory,
		.ways = ways,
		.parts = plan_zeroed(w->place.n_cells, sizeof(*out->parts)),
	};
	if (!out->parts)
		return plan_no_memory(w->err);
	if (find_node(w, vm, &out->node) || check_whole_cores(w, vm, class) || check_code_data(w, class, vm->name))
		return -1;
	w->place.any_wish |= out->node != PLACE_ANY;
	for (unsigned int d = 0; d < w->t->n_l3; d++)
		if (ask_ways(w, class, vm->name, d, &ways[d]))
			return -1;
	return 0;
}

int plan_describe_vms(struct planner *w)
{
	unsigned int n = w->profile->n_vms, ways = 0;

	w->place.n_vms = n;
	w->place.vms = plan_zeroed(n, sizeof(*w->place.vms));
	w->place.memory = plan_zeroed((size_t)n * w->t->n_nodes, sizeof(*w->place.memory));
	w->ways = plan_zeroed((size_t)n * w->t->n_l3, sizeof(*w->ways));
	if (!w->place.vms || !w->place.memory || !w->ways)
		return plan_no_memory(w->err);
	for (unsigned int i = 0; i < n; i++)
		if (describe_vm(w, i))
			return -1;
	if (w->t->n_l3 && plan_wants_agent(w->profile) &&
	    demand_l3(w->host, 0, &w->profile->agent_l3, "the timer agent", &ways, w->err))
		return -1;
	w->place.agent.run[0] = ways;
	return 0;
}
