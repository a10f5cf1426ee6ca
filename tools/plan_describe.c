// SPDX-License-Identifier: BSD-3-Clause
#include <stdlib.h>
#include <string.h>

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

/* A node has one agent: with two cores listed for it, one would lie idle. */
static int check_agent_cores(const struct planner *w)
{
	char where[256];

	for (unsigned int c = 0; c < w->t->n_cores; c++)
		for (unsigned int k = 0; k < c && w->given_agent[c]; k++)
			if (w->given_agent[k] && w->t->cores[k].node == w->t->cores[c].node)
				return isolat_fail(
					w->err, ISOLAT_USAGE, "plan",
					profile_where(w->profile->file, w->profile->agent_place, where, sizeof(where)),
					"timer_agent.cpus: CPUs %u and %u are of two cores of node %u, which has one "
					"agent",
					w->t->cpus[w->t->cores[k].cpus[0]].os, w->t->cpus[w->t->cores[c].cpus[0]].os,
					w->t->nodes[w->t->cores[c].node].os);
	return 0;
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
	return check_agent_cores(w);
}

/* ---- The host, as the search sees it ---- */

/*
 * What the default group has where isolat is not: what isolat's own groups have is its again when they are planned
 * anew. Who knows better (apply, by its journal) hands over @caps without them.
 */
static uint64_t default_had(const struct rdt_caps *caps, bool l2, bool code, unsigned int id)
{
	const struct rdt_group *group = &caps->default_group;
	uint64_t had =
		plan_mask_in(l2 ? (code ? &group->l2_code : &group->l2) : (code ? &group->l3_code : &group->l3), id);
	uint64_t now = had;

	for (unsigned int i = 0; had && i < caps->n_groups; i++) {
		group = &caps->groups[i];
		if (!plan_is_foreign(group))
			had |= plan_mask_in(l2 ? &group->l2 : &group->l3, id) |
			       plan_mask_in(l2 ? &group->l2_code : &group->l3_code, id);
	}
	return had == now || (l2 ? &caps->l2 : &caps->l3)->sparse ? had : ways_longest_run(had);
}

/* A plan has one mask of an L2 for code and data: where the default group has two, what is in both is what can be cut.
 */
static void join_had(struct ways_domain *domain)
{
	uint64_t both = domain->had[0] & domain->had[1];

	if (domain->had[1] && !both)
		domain->taken = domain->barred = ways_mask(0, domain->ways);
	if (both)
		domain->had[0] = both;
	domain->had[1] = 0;
}

void plan_describe_domain(const struct planner *w, bool l2, unsigned int d, struct ways_domain *domain)
{
	const struct rdt_caps *all = &w->host->caps;
	const struct rdt_cache_caps *caps = l2 ? &all->l2 : &all->l3;
	const struct topology_cache *cache = l2 ? &w->t->l2[d] : &w->t->l3[d];

	domain->n = domain->ways = domain->rest_run = 0;
	domain->io = domain->taken = domain->barred = domain->had[0] = domain->had[1] = 0;
	domain->unlike = cache->bytes;
	if (!caps->present)
		return;
	domain->ways = caps->ways;
	domain->io = caps->shareable;
	domain->rest_run = domain->least = caps->min_ways ? caps->min_ways : 1;
	for (unsigned int code = 0; code < 2; code++)
		domain->had[code] = default_had(all, l2, code, cache->id);
	for (unsigned int i = 0; i < all->n_groups; i++) {
		const struct rdt_group *group = &all->groups[i];
		uint64_t held = plan_mask_in(l2 ? &group->l2 : &group->l3, cache->id) |
				plan_mask_in(l2 ? &group->l2_code : &group->l3_code, cache->id);

		if (!plan_is_foreign(group))
			continue;
		domain->taken |= held;
		domain->barred |= group->exclusive ? held : 0;
	}
	if (l2)
		join_had(domain);
}

/* Which L2 a core is in counts only if somebody asks for ways of it. */
static bool asks_l2(const struct planner *w)
{
	for (unsigned int i = 0; i < w->profile->n_vms; i++)
		if (plan_class(w, i)->l2.unit)
			return w->host->caps.l2.present;
	return false;
}

static bool in_block(const struct place_cell *cell, const struct topology_core *core)
{
	return cell->node == core->node && cell->l3 == core->l3 && cell->smt == core->n_cpus;
}

/* Makes room for a cell at the end of the block that @core is of, or for a block of it. */
static struct place_cell *new_cell(struct place *place, const struct topology_core *core)
{
	struct place_block *block = place->blocks;
	struct place_cell *cell;

	while (block < place->blocks + place->n_blocks && !in_block(&place->cells[block->first], core))
		block++;
	if (block == place->blocks + place->n_blocks) {
		place->n_blocks++;
		block->first = place->n_cells;
	}
	for (struct place_block *b = block + 1; b < place->blocks + place->n_blocks; b++)
		b->first++;
	cell = &place->cells[block->first + block->n++];
	memmove(cell + 1, cell, (size_t)(place->cells + place->n_cells - cell) * sizeof(*cell));
	place->n_cells++;
	return cell;
}

static struct place_cell *cell_of(struct place *place, const struct topology_core *core)
{
	unsigned int l2 = place->n_l2 ? core->l2 : PLACE_ANY;
	struct place_cell *cell;

	for (unsigned int i = 0; i < place->n_cells; i++) {
		cell = &place->cells[i];
		if (cell->l2 == l2 && in_block(cell, core))
			return cell;
	}
	cell = new_cell(place, core);
	*cell = (struct place_cell){ .node = core->node, .l3 = core->l3, .l2 = l2, .smt = core->n_cpus };
	return cell;
}

static int add_to_cell(struct place_cell *cell, unsigned int core)
{
	unsigned int *cores = cell->cores;

	/* Twice as large whenever it is full. */
	if (!(cell->n_cores & (cell->n_cores - 1))) {
		cores = realloc(cores, (cell->n_cores ? 2UL * cell->n_cores : 1) * sizeof(*cores));
		if (!cores)
			return -1;
		cell->cores = cores;
	}
	cores[cell->n_cores++] = core;
	cell->free++;
	return 0;
}

/* An L2 of several cells (a core of it has fewer CPUs than the others) is like no other. */
static void mark_shared_l2s(struct place *place)
{
	for (unsigned int i = 0; place->n_l2 && i < place->n_cells; i++)
		for (unsigned int k = 0; k < i && place->cells[i].l2 != PLACE_ANY; k++)
			if (place->cells[k].l2 == place->cells[i].l2)
				place->l2[place->cells[i].l2].unlike = ~(uint64_t)place->cells[i].l2;
}

static int make_cells(struct planner *w)
{
	struct place *place = &w->place;

	place->cells = plan_zeroed(w->t->n_cores, sizeof(*place->cells));
	place->blocks = plan_zeroed(w->t->n_cores, sizeof(*place->blocks));
	if (!place->cells || !place->blocks)
		return plan_no_memory(w->err);
	for (unsigned int c = 0; c < w->t->n_cores; c++)
		if (!w->reserved[c] && add_to_cell(cell_of(place, &w->t->cores[c]), c))
			return plan_no_memory(w->err);
	mark_shared_l2s(place);
	return 0;
}

static void give_agent_core(struct place *place, const struct topology_core *core, unsigned int c)
{
	place->nodes[core->node].agent_core = c;
	place->nodes[core->node].agent_l3 = core->l3;
	/* Others look the same until the agent's ways are in it. */
	if (core->l3 != PLACE_ANY)
		place->l3[core->l3].unlike |= 1ULL << 63;
}

int plan_describe_host(struct planner *w)
{
	struct place *place = &w->place;

	place->n_l3 = w->t->n_l3;
	place->n_nodes = w->t->n_nodes;
	place->n_l2 = asks_l2(w) ? w->t->n_l2 : 0;
	place->l3 = plan_zeroed(place->n_l3, sizeof(*place->l3));
	place->l2 = plan_zeroed(place->n_l2, sizeof(*place->l2));
	place->nodes = plan_zeroed(place->n_nodes, sizeof(*place->nodes));
	if (!place->l3 || !place->l2 || !place->nodes)
		return plan_no_memory(w->err);
	for (unsigned int d = 0; d < place->n_l3; d++)
		plan_describe_domain(w, false, d, &place->l3[d]);
	for (unsigned int d = 0; d < place->n_l2; d++)
		plan_describe_domain(w, true, d, &place->l2[d]);
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

/* Ways of its own, or of what all share. */
static void set_ways(const struct profile_class *class, unsigned int data, unsigned int code, struct place_ways *ways)
{
	ways->io = class->io_ways;
	if (class->exclusive) {
		ways->run[0] = data;
		ways->run[1] = code;
	} else {
		ways->shared = data > code ? data : code;
		ways->shared_data = data;
		ways->shared_code = code;
	}
}

static int ask_l3(struct planner *w, const struct profile_class *class, const char *what, unsigned int d,
		  struct place_ways *ways)
{
	const struct profile_amount *main = class->l3.unit ? &class->l3 : &class->l3_data;
	unsigned int data = 0, code = 0;

	if (demand_l3(w->host, d, main, what, &data, w->err) ||
	    (!class->l3.unit && demand_l3(w->host, d, &class->l3_code, what, &code, w->err)))
		return -1;
	set_ways(class, data, code, ways);
	return 0;
}

static int ask_l2(struct planner *w, const struct profile_class *class, const char *what, unsigned int d,
		  struct place_ways *ways)
{
	unsigned int n = 0;

	if (demand_l2(w->host, d, &class->l2, what, &n, w->err))
		return -1;
	set_ways(class, n, 0, ways);
	return 0;
}

/* Of each domain. One that is too small for it is only not for this VM, unless all are. */
static int ask_each(struct planner *w, const struct profile_class *class, const char *what, bool l2,
		    struct place_ways *ways)
{
	unsigned int n = l2 ? w->place.n_l2 : w->place.n_l3, small = 0;
	unsigned int all = l2 ? w->host->caps.l2.ways : w->host->caps.l3.ways;

	for (unsigned int d = 0; d < n; d++) {
		if (!(l2 ? ask_l2 : ask_l3)(w, class, what, d, &ways[d]))
			continue;
		if (w->err->code != ISOLAT_NO_FIT)
			return -1;
		set_ways(class, all + 1, 0, &ways[d]);
		small++;
	}
	return n && small == n ? -1 : 0;
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

static int check_l2(const struct planner *w, const struct profile_class *class, const char *what)
{
	if (!class->l2.unit || (w->host->caps.l2.present && w->t->n_l2))
		return 0;
	return isolat_fail(w->err, ISOLAT_UNSUPPORTED, "plan", what,
			   "L2 ways are asked for, and this host cannot allocate L2");
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
	struct place_ways *ways = &w->ways[(size_t)i * w->t->n_l3], *l2 = &w->l2_ways[(size_t)i * w->place.n_l2];
	struct place_vm *out = &w->place.vms[i];

	*out = (struct place_vm){
		.cpus = vm->vcpus,
		.dedicated = class->dedicated,
		.whole = class->dedicated && class->whole_cores,
		.span = vm->span_nodes,
		.memory_any = class->memory == PROFILE_MEMORY_ANY,
		.timer = vm->exitless_timer,
		.memory = vm->memory,
		.needs_l3 = class->l3.unit || class->l3_data.unit || class->bandwidth.unit,
		.ways = ways,
		.l2 = class->l2.unit ? l2 : NULL,
		.parts = plan_zeroed(w->place.n_cells, sizeof(*out->parts)),
	};
	if (!out->parts)
		return plan_no_memory(w->err);
	if (find_node(w, vm, &out->node) || check_whole_cores(w, vm, class) || check_code_data(w, class, vm->name) ||
	    check_l2(w, class, vm->name))
		return -1;
	w->place.any_wish |= out->node != PLACE_ANY;
	return ask_each(w, class, vm->name, false, ways) || (out->l2 && ask_each(w, class, vm->name, true, l2)) ? -1
														: 0;
}

int plan_describe_vms(struct planner *w)
{
	unsigned int n = w->profile->n_vms, ways = 0;

	w->place.n_vms = n;
	w->place.vms = plan_zeroed(n, sizeof(*w->place.vms));
	w->place.memory = plan_zeroed((size_t)n * w->t->n_nodes, sizeof(*w->place.memory));
	w->ways = plan_zeroed((size_t)n * w->t->n_l3, sizeof(*w->ways));
	w->l2_ways = plan_zeroed((size_t)n * w->place.n_l2, sizeof(*w->l2_ways));
	if (!w->place.vms || !w->place.memory || !w->ways || !w->l2_ways)
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
