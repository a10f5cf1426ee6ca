// SPDX-License-Identifier: BSD-3-Clause
/*
 * Cores are dealt out in cells: those of one node and L3, and L2 if L2 is asked for. Within a cell only sizes count.
 * First the agents' cores and the VMs with whole cores choose how many cores of which size they take of each cell; then
 * the rest is loose CPUs, and only their number counts. Last the VMs of pools choose their nodes.
 *
 * Whether the ways of a domain suffice depends on nothing but who is in it: that is computed once per set.
 */
#include <stdlib.h>
#include <string.h>

#include "plan_brute.h"
#include "plan_check.h"
#include "plan_machines.h"

#define MAX_CELLS   8
#define MAX_DOMAINS 4
#define MAX_NODES   6
#define MAX_STEPS   300000
#define AGENT	    PLAN_BRUTE_VMS /* the bit of the timer agent in a set of VMs */
#define N_SETS	    (1 << (PLAN_BRUTE_VMS + 1))
#define MAX_PIECES  (2 * (PLAN_BRUTE_VMS + 1) + 1)

struct cell {
	unsigned int node, l3, l2;
	unsigned int alike;    /* the same for cells that may be swapped */
	unsigned int cores[3]; /* free whole ones, by their number of CPUs */
	unsigned int loose;    /* free CPUs of other cores */
	unsigned int vms;      /* set of who is here */
};

struct search {
	const struct profile *p;
	const struct host *host;
	const struct topology *t;
	bool by_l2; /* cells are L2s */
	unsigned int n_cells, steps;
	struct cell cells[MAX_CELLS];
	unsigned int order[PLAN_BRUTE_VMS], n_whole, n_dedicated; /* VMs: of whole cores, other dedicated, of pools */
	unsigned int nodes[PLAN_BRUTE_VMS];			  /* sets of nodes: a VM's */
	unsigned int agents;					  /* set of nodes with an agent */
	unsigned char l3_fits[MAX_DOMAINS][N_SETS], l2_fits[MAX_CELLS][N_SETS]; /* 0: not known, 1: no, 2: yes */
};

static const struct profile_class *class_of(const struct search *s, unsigned int vm)
{
	return &s->p->classes[s->p->vms[vm].class];
}

/* --- ways of one domain --- */

struct piece {
	unsigned int ways;
	uint64_t allowed;
};

struct pieces {
	unsigned int n;
	struct piece piece[MAX_PIECES];
};

/* Pieces side by side in any order: ends[set] is the first way behind the tightest row of that set. */
static bool pieces_fit(const struct pieces *p, unsigned int ways)
{
	unsigned char *ends = plan_calloc(1U << p->n, 1);
	bool fit;

	for (unsigned int set = 1; set < 1U << p->n; set++) {
		ends[set] = RDT_MAX_WAYS + 1;
		for (unsigned int i = 0; i < p->n; i++) {
			unsigned int at = set >> i & 1 ? ends[set & ~(1U << i)] : RDT_MAX_WAYS;
			uint64_t run = p->piece[i].ways < 64 ? (1ULL << p->piece[i].ways) - 1 : ~0ULL;

			while (at + p->piece[i].ways <= ways && run << at & ~p->piece[i].allowed)
				at++;
			if (at + p->piece[i].ways <= ways && at + p->piece[i].ways < ends[set])
				ends[set] = at + p->piece[i].ways;
		}
	}
	fit = ends[(1U << p->n) - 1] <= ways;
	free(ends);
	return fit;
}

static void add_piece(struct pieces *p, unsigned int ways, uint64_t allowed)
{
	if (ways)
		p->piece[p->n++] = (struct piece){ ways, allowed };
}

static unsigned int ways_of(const struct search *s, const struct profile_amount *a, bool l2, unsigned int domain)
{
	const struct topology_cache *cache = l2 ? &s->t->l2[domain] : &s->t->l3[domain];

	if (!a->unit)
		return 0;
	return plan_ways_for(a, l2 ? &s->host->caps.l2 : &s->host->caps.l3, cache->bytes,
			     l2 ? 1 : plan_nodes_in_l3(s->t, domain), true);
}

static uint64_t run_at(unsigned int at, unsigned int ways)
{
	return (ways < 64 ? (1ULL << ways) - 1 : ~0ULL) << at;
}

static bool fit_without(const struct pieces *p, unsigned int ways, uint64_t kept)
{
	struct pieces rest = *p;

	for (unsigned int i = 0; i < rest.n; i++)
		rest.piece[i].allowed &= ~kept;
	return pieces_fit(&rest, ways);
}

/* Besides a run that all share: the default group keeps all that it has, or a mask within. The two may overlap. */
static bool fit_beside_default(const struct pieces *p, const struct rdt_cache_caps *caps, uint64_t has,
			       unsigned int shared, uint64_t shareable)
{
	for (unsigned int at = 0; at + shared <= caps->ways; at++) {
		uint64_t run = run_at(at, shared);

		if (run & ~shareable)
			continue;
		if (fit_without(p, caps->ways, run | has))
			return true;
		for (unsigned int low = 0; low + caps->min_ways <= caps->ways; low++)
			if (!(run_at(low, caps->min_ways) & ~has) &&
			    fit_without(p, caps->ways, run | run_at(low, caps->min_ways)))
				return true;
	}
	return false;
}

/* What the default group has; 0 where nothing is said of it. */
static uint64_t default_has(const struct search *s, bool l2, unsigned int id)
{
	const struct rdt_group_masks *m = l2 ? &s->host->caps.default_group.l2 : &s->host->caps.default_group.l3;

	for (unsigned int i = 0; i < m->n; i++)
		if (m->domain[i] == id)
			return m->value[i];
	return 0;
}

/* The default group's run is one more piece; a shared class's ways are in it. */
static bool domain_fits(const struct search *s, bool l2, unsigned int domain, unsigned int vms)
{
	const struct rdt_cache_caps *caps = l2 ? &s->host->caps.l2 : &s->host->caps.l3;
	unsigned int id = l2 ? s->t->l2[domain].id : s->t->l3[domain].id, shared = caps->min_ways;
	uint64_t free_ways = ~plan_others_ways(&s->host->caps, l2, id, false), no_io = free_ways & ~caps->shareable;
	uint64_t shareable = ~plan_others_ways(&s->host->caps, l2, id, true);
	struct pieces pieces = { 0 };

	if (!caps->present)
		return true;
	for (unsigned int vm = 0; vm < s->p->n_vms; vm++) {
		const struct profile_class *c = class_of(s, vm);
		unsigned int ways = ways_of(s, l2 ? &c->l2 : &c->l3, l2, domain);
		unsigned int code = l2 ? 0 : ways_of(s, &c->l3_code, l2, domain);
		unsigned int data = l2 ? 0 : ways_of(s, &c->l3_data, l2, domain);

		if (!(vms >> vm & 1))
			continue;
		if (c->exclusive) {
			add_piece(&pieces, ways, c->io_ways ? free_ways : no_io);
			add_piece(&pieces, code, c->io_ways ? free_ways : no_io);
			add_piece(&pieces, data, c->io_ways ? free_ways : no_io);
		} else if (shared < ways + code + data) {
			shared = ways + code + data;
		}
	}
	if (vms >> AGENT & 1 && !l2)
		add_piece(&pieces, ways_of(s, &s->p->agent_l3, l2, domain), no_io);
	if (default_has(s, l2, id))
		return fit_beside_default(&pieces, caps, default_has(s, l2, id), shared, shareable);
	add_piece(&pieces, shared, shareable);
	return pieces_fit(&pieces, caps->ways);
}

static bool known_to_fit(struct search *s, bool l2, unsigned int domain, unsigned int vms)
{
	unsigned char *known = l2 ? &s->l2_fits[domain][vms] : &s->l3_fits[domain][vms];

	if (!*known)
		*known = 1 + domain_fits(s, l2, domain, vms);
	return *known == 2;
}

static bool caches_fit(struct search *s)
{
	for (unsigned int i = 0; i < s->n_cells; i++) {
		unsigned int vms = 0;

		for (unsigned int k = 0; k < s->n_cells; k++)
			if (s->cells[k].l3 == s->cells[i].l3)
				vms |= s->cells[k].vms;
		if (s->cells[i].l3 != TOPOLOGY_NONE && !known_to_fit(s, false, s->cells[i].l3, vms))
			return false;
		if (s->cells[i].l3 == TOPOLOGY_NONE && vms >> AGENT & 1 && s->p->agent_l3.unit)
			return false;
		if (s->by_l2 && !known_to_fit(s, true, s->cells[i].l2, s->cells[i].vms))
			return false;
	}
	return true;
}

/* --- memory: what may come from a set of nodes only must fit them, for every set (Hall) --- */

static bool memory_fits(const struct search *s)
{
	for (unsigned int set = 1; set < 1U << s->t->n_nodes; set++) {
		uint64_t there = 0, needed = 0;

		for (unsigned int node = 0; node < s->t->n_nodes; node++)
			there += set >> node & 1 ? s->t->nodes[node].bytes : 0;
		for (unsigned int vm = 0; vm < s->p->n_vms; vm++) {
			unsigned int from = class_of(s, vm)->memory == PROFILE_MEMORY_ANY ? (1U << s->t->n_nodes) - 1
											  : s->nodes[vm];

			if (from && !(from & ~set)) /* one without a place as yet needs nothing */
				needed += s->p->vms[vm].memory;
		}
		if (needed > there)
			return false;
	}
	return true;
}

/* --- dealing out --- */

static bool place(struct search *s, unsigned int turn);

static bool may_be_in(const struct search *s, unsigned int vm, unsigned int node)
{
	const struct profile_vm *v = &s->p->vms[vm];

	if (v->exitless_timer && !(s->agents >> node & 1))
		return false;
	return v->node == PROFILE_ANY_NODE || v->node == s->t->nodes[node].os;
}

static bool interchangeable(const struct cell *a, const struct cell *b)
{
	return a->alike == b->alike && a->vms == b->vms && a->loose == b->loose && a->cores[1] == b->cores[1] &&
	       a->cores[2] == b->cores[2];
}

/* What a VM took of the cells so far, to take no more of a cell than of one that was like it. */
struct taken {
	struct cell before[MAX_CELLS];
	unsigned int amount[MAX_CELLS];
};

static bool is_repetition(const struct search *s, const struct taken *taken, unsigned int cell, unsigned int amount)
{
	for (unsigned int i = 0; i < cell; i++)
		if (interchangeable(&taken->before[i], &taken->before[cell]) && taken->amount[i] < amount)
			return true;
	return false;
}

static bool deal(struct search *s, unsigned int turn, unsigned int cell, unsigned int wanted, struct taken *taken);

static bool deal_some(struct search *s, unsigned int turn, unsigned int cell, unsigned int wanted, struct taken *taken,
		      const unsigned int take[3], unsigned int loose)
{
	unsigned int vm = s->order[turn], n = take[1] + 2 * take[2] + loose, nodes = s->nodes[vm];
	struct cell *c = &s->cells[cell], was = *c;
	bool done;

	taken->amount[cell] = take[1] + 16 * take[2] + 256 * loose;
	if (n > wanted || is_repetition(s, taken, cell, taken->amount[cell]))
		return false;
	if (n) {
		if (!s->p->vms[vm].span_nodes && nodes & ~(1U << c->node))
			return false;
		s->nodes[vm] |= 1U << c->node;
		c->vms |= 1U << vm;
		c->cores[1] -= take[1];
		c->cores[2] -= take[2];
		c->loose -= loose;
	}
	done = deal(s, turn, cell + 1, wanted - n, taken);
	*c = was;
	s->nodes[vm] = nodes;
	return done;
}

static bool deal(struct search *s, unsigned int turn, unsigned int cell, unsigned int wanted, struct taken *taken)
{
	static const unsigned int nothing[3];
	unsigned int vm = s->order[turn];
	const struct cell *c = &s->cells[cell];

	if (!wanted)
		return place(s, turn + 1);
	if (cell == s->n_cells || ++s->steps > MAX_STEPS)
		return false;
	taken->before[cell] = *c;
	if (may_be_in(s, vm, c->node) && plan_may_use_core(class_of(s, vm), c->l3, c->l2)) {
		if (turn < s->n_whole) {
			for (unsigned int twos = c->cores[2] + 1; twos-- > 0;)
				for (unsigned int ones = c->cores[1] + 1; ones-- > 0;)
					if (twos + ones && deal_some(s, turn, cell, wanted, taken,
								     (unsigned int[]){ 0, ones, twos }, 0))
						return true;
		} else {
			for (unsigned int loose = c->loose; loose; loose--)
				if (deal_some(s, turn, cell, wanted, taken, nothing, loose))
					return true;
		}
	}
	return deal_some(s, turn, cell, wanted, taken, nothing, 0);
}

/* --- pools --- */

static bool place_in_pools(struct search *s, unsigned int turn, unsigned int nodes)
{
	struct cell was[MAX_CELLS];
	unsigned int vm = s->order[turn], cpus = 0, with_cpus = 0;
	bool done;

	memcpy(was, s->cells, sizeof(was));
	for (unsigned int i = 0; i < s->n_cells; i++) {
		struct cell *c = &s->cells[i];

		if (!(nodes >> c->node & 1) || !c->loose || !plan_may_use_core(class_of(s, vm), c->l3, c->l2))
			continue;
		if (!may_be_in(s, vm, c->node))
			goto no;
		cpus += c->loose;
		with_cpus |= 1U << c->node;
		c->vms |= 1U << vm;
	}
	if (cpus < s->p->vms[vm].vcpus || with_cpus != nodes)
		goto no;
	s->nodes[vm] = nodes;
	done = place(s, turn + 1);
	s->nodes[vm] = 0;
	memcpy(s->cells, was, sizeof(was));
	return done;
no:
	memcpy(s->cells, was, sizeof(was));
	return false;
}

static bool place_of_pool(struct search *s, unsigned int turn)
{
	for (unsigned int nodes = 1; nodes < 1U << s->t->n_nodes; nodes++) {
		if (nodes & (nodes - 1) && !s->p->vms[s->order[turn]].span_nodes)
			continue;
		if (place_in_pools(s, turn, nodes))
			return true;
	}
	return false;
}

/* Cores are whole no longer: only VMs that take CPUs as they are come now. */
static bool place_loose(struct search *s, unsigned int turn)
{
	struct cell was[MAX_CELLS];
	struct taken taken;
	bool done;

	memcpy(was, s->cells, sizeof(was));
	for (unsigned int i = 0; i < s->n_cells; i++) {
		s->cells[i].loose += s->cells[i].cores[1] + 2 * s->cells[i].cores[2];
		s->cells[i].cores[1] = s->cells[i].cores[2] = 0;
	}
	if (turn == s->p->n_vms)
		done = true;
	else if (turn < s->n_dedicated)
		done = deal(s, turn, 0, s->p->vms[s->order[turn]].vcpus, &taken);
	else
		done = place_of_pool(s, turn);
	memcpy(s->cells, was, sizeof(was));
	return done;
}

static bool place(struct search *s, unsigned int turn)
{
	struct taken taken;

	if (++s->steps > MAX_STEPS || !caches_fit(s) || !memory_fits(s))
		return false;
	if (turn < s->n_whole)
		return deal(s, turn, 0, s->p->vms[s->order[turn]].vcpus, &taken);
	return place_loose(s, turn);
}

/* --- agents --- */

static bool place_agents(struct search *s, unsigned int node);

static bool has_agent_core(const struct search *s, unsigned int core)
{
	return plan_core_listed(s->p->agent_cpus, s->t, core);
}

/* Listed cores are out of the cells already. */
static bool place_listed_agent(struct search *s, unsigned int node)
{
	for (unsigned int core = 0; core < s->t->n_cores; core++) {
		if (s->t->cores[core].node != node || !has_agent_core(s, core))
			continue;
		for (unsigned int i = 0; i < s->n_cells; i++) {
			struct cell *c = &s->cells[i], was = *c;

			if (c->node != node || c->l3 != s->t->cores[core].l3 ||
			    (s->by_l2 && c->l2 != s->t->cores[core].l2))
				continue;
			c->vms |= 1U << AGENT;
			if (place_agents(s, node + 1))
				return true;
			*c = was;
		}
	}
	return false;
}

/* An agent's core in each node of s->agents, from @node on. */
static bool place_agents(struct search *s, unsigned int node)
{
	if (node == s->t->n_nodes)
		return place(s, 0);
	if (!(s->agents >> node & 1))
		return place_agents(s, node + 1);
	if (s->p->agent_cpus)
		return place_listed_agent(s, node);
	for (unsigned int i = 0; i < s->n_cells; i++) {
		struct cell *c = &s->cells[i], was = *c;

		for (unsigned int cpus = 1; c->node == node && cpus <= 2; cpus++) {
			if (!c->cores[cpus])
				continue;
			c->cores[cpus]--;
			c->vms |= 1U << AGENT;
			if (place_agents(s, node + 1))
				return true;
			*c = was;
		}
	}
	return false;
}

/* --- what does not depend on places --- */

static bool closids_suffice(const struct search *s)
{
	const struct rdt_caps *caps = &s->host->caps;
	bool a_limit_each = caps->mb.present && caps->mb.unit == RDT_MB_MBPS, agent = false;
	unsigned int n = 0, shared = 0;

	for (unsigned int vm = 0; vm < s->p->n_vms; vm++) {
		const struct profile_class *c = class_of(s, vm);

		agent |= s->p->vms[vm].exitless_timer && s->p->agent_l3.unit;
		if (plan_asks_group(c) && (c->exclusive || a_limit_each))
			n++;
		else if (plan_asks_group(c))
			shared |= 1U << s->p->vms[vm].class;
	}
	n += agent + __builtin_popcount(shared) + plan_others_groups(caps) + 1 + s->p->free_closids;
	return !caps->present || n <= caps->closids;
}

static bool all_known(const struct search *s)
{
	if (s->p->agent_l3.unit && !s->host->caps.l3.present)
		return false;
	for (unsigned int i = 0; i < s->p->n_classes; i++)
		if (!plan_host_knows(&s->host->caps, &s->p->classes[i]))
			return false;
	return true;
}

/* --- cells --- */

static bool others_alike(const struct rdt_caps *caps, bool l2, unsigned int a, unsigned int b)
{
	return plan_others_ways(caps, l2, a, false) == plan_others_ways(caps, l2, b, false) &&
	       plan_others_ways(caps, l2, a, true) == plan_others_ways(caps, l2, b, true);
}

static bool l3s_alike(const struct search *s, unsigned int a, unsigned int b)
{
	return a == b || (!s->by_l2 && a != TOPOLOGY_NONE && b != TOPOLOGY_NONE && plan_nodes_in_l3(s->t, a) == 1 &&
			  plan_nodes_in_l3(s->t, b) == 1 && s->t->l3[a].bytes == s->t->l3[b].bytes &&
			  others_alike(&s->host->caps, false, s->t->l3[a].id, s->t->l3[b].id));
}

static bool l2s_alike(const struct search *s, unsigned int a, unsigned int b)
{
	return !s->by_l2 || a == b ||
	       (s->t->l2[a].bytes == s->t->l2[b].bytes &&
		others_alike(&s->host->caps, true, s->t->l2[a].id, s->t->l2[b].id));
}

static struct cell *cell_of(struct search *s, const struct topology_core *core)
{
	struct cell *c;

	for (unsigned int i = 0; i < s->n_cells; i++) {
		c = &s->cells[i];
		if (c->node == core->node && c->l3 == core->l3 && (!s->by_l2 || c->l2 == core->l2))
			return c;
	}
	c = &s->cells[s->n_cells++];
	*c = (struct cell){ .node = core->node, .l3 = core->l3, .l2 = core->l2, .alike = s->n_cells };
	for (unsigned int i = s->n_cells - 1; i-- > 0;)
		if (s->cells[i].node == c->node && l3s_alike(s, s->cells[i].l3, c->l3) &&
		    l2s_alike(s, s->cells[i].l2, c->l2))
			c->alike = s->cells[i].alike;
	return c;
}

static void make_cells(struct search *s)
{
	for (unsigned int i = 0; i < s->t->n_cores; i++) {
		const struct topology_core *core = &s->t->cores[i];
		struct cell *c = cell_of(s, core);
		bool taken = s->p->housekeeping_cpus ? plan_core_listed(s->p->housekeeping_cpus, s->t, i)
						     : plan_chosen_housekeeping(s->p, s->t, i);
		unsigned int left = taken || plan_core_listed(s->p->agent_cpus, s->t, i) ? 0 : core->n_cpus;

		if (left == core->n_cpus)
			c->cores[left]++;
		else
			c->loose += left;
	}
}

static void make_order(struct search *s)
{
	unsigned int n = 0;

	for (unsigned int kind = 0; kind < 3; kind++) {
		for (unsigned int vm = 0; vm < s->p->n_vms; vm++) {
			const struct profile_class *c = class_of(s, vm);

			if (kind == (c->dedicated ? !c->whole_cores : 2))
				s->order[n++] = vm;
		}
		if (kind == 0)
			s->n_whole = n;
		if (kind == 1)
			s->n_dedicated = n;
	}
}

static bool is_small(const struct profile *p, const struct topology *t)
{
	for (unsigned int i = 0; i < t->n_cores; i++)
		if (t->cores[i].n_cpus > 2)
			return false;
	return t->n_cores <= MAX_CELLS && t->n_l3 <= MAX_DOMAINS && t->n_l2 <= MAX_CELLS && t->n_nodes <= MAX_NODES &&
	       p->n_vms <= PLAN_BRUTE_VMS;
}

static enum plan_brute search(struct search *s)
{
	bool timer = false;

	if (!all_known(s) || !closids_suffice(s))
		return PLAN_BRUTE_NONE;
	for (unsigned int vm = 0; vm < s->p->n_vms; vm++) {
		timer |= s->p->vms[vm].exitless_timer;
		s->by_l2 |= class_of(s, vm)->l2.unit != PROFILE_UNSET;
	}
	make_cells(s);
	make_order(s);
	for (s->agents = timer; s->agents < (timer ? 1U << s->t->n_nodes : 1); s->agents++)
		if (place_agents(s, 0))
			return PLAN_BRUTE_FITS;
	return s->steps > MAX_STEPS ? PLAN_BRUTE_TOO_BIG : PLAN_BRUTE_NONE;
}

enum plan_brute plan_brute(const struct profile *profile, const struct host *host)
{
	struct search *s;
	enum plan_brute answer;

	if (!is_small(profile, &host->topology))
		return PLAN_BRUTE_TOO_BIG;
	s = plan_calloc(1, sizeof(*s));
	s->p = profile;
	s->host = host;
	s->t = &host->topology;
	answer = search(s);
	free(s);
	return answer;
}
