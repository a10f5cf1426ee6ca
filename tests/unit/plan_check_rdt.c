// SPDX-License-Identifier: BSD-3-Clause
/* The half of plan_check() that is about groups, ways and bandwidth. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "plan_check_parts.h"
#include "plan_machines.h"

/* L3 or L2, as one thing. */
struct cache {
	const char *name;
	bool l2;
	unsigned int n;
	const struct topology_cache *domains;
	const struct rdt_cache_caps *caps;
};

/* --- what a profile asks for --- */

bool plan_may_use_core(const struct profile_class *c, unsigned int l3, unsigned int l2)
{
	bool by_l3 = c->l3.unit || c->l3_code.unit || c->l3_data.unit || c->bandwidth.unit;

	return !(by_l3 && l3 == TOPOLOGY_NONE) && !(c->l2.unit && l2 == TOPOLOGY_NONE);
}

bool plan_asks_cache(const struct profile_class *c)
{
	return c->l3.unit || c->l3_code.unit || c->l3_data.unit || c->l2.unit;
}

bool plan_asks_group(const struct profile_class *c)
{
	return plan_asks_cache(c) || c->bandwidth.unit;
}

bool plan_host_has(const struct rdt_caps *caps, const struct profile_class *c)
{
	if ((c->l3.unit || c->l3_code.unit || c->l3_data.unit) && !caps->l3.present)
		return false;
	if ((c->l3_code.unit || c->l3_data.unit) && !caps->l3.cdp)
		return false;
	if (c->l2.unit && !caps->l2.present)
		return false;
	return !c->bandwidth.unit || caps->mb.present;
}

bool plan_host_knows(const struct rdt_caps *caps, const struct profile_class *c)
{
	bool percent = caps->mb.unit == RDT_MB_PERCENT;

	return plan_host_has(caps, c) && (!c->bandwidth.unit || percent == (c->bandwidth.unit == PROFILE_PERCENT));
}

static uint64_t up(uint64_t a, uint64_t b)
{
	return (a + b - 1) / b;
}

unsigned int plan_ways_for(const struct profile_amount *a, const struct rdt_cache_caps *caps, uint64_t bytes,
			   unsigned int nodes, bool all_bytes)
{
	uint64_t ways = a->value;

	if (a->unit == PROFILE_PERCENT)
		ways = up(a->value * caps->ways * (all_bytes ? nodes : 1), 100000);
	else if (a->unit == PROFILE_BYTES)
		ways = bytes ? up(a->value * caps->ways * nodes, bytes) : RDT_MAX_WAYS + 1;
	if (ways < caps->min_ways)
		ways = caps->min_ways;
	return ways > RDT_MAX_WAYS ? RDT_MAX_WAYS + 1 : ways;
}

/* --- what others have --- */

static bool is_others(const struct rdt_group *g)
{
	return strncmp(g->name, "isolat-", strlen("isolat-")) != 0;
}

static uint64_t mask_in(const struct rdt_group_masks *m, unsigned int id)
{
	for (unsigned int i = 0; i < m->n; i++)
		if (m->domain[i] == id)
			return m->value[i];
	return 0;
}

uint64_t plan_others_ways(const struct rdt_caps *caps, bool l2, unsigned int id, bool exclusive_only)
{
	uint64_t ways = 0;

	for (unsigned int i = 0; i < caps->n_groups; i++) {
		const struct rdt_group *g = &caps->groups[i];

		if (!is_others(g) || (exclusive_only && !g->exclusive))
			continue;
		ways |= l2 ? mask_in(&g->l2, id) | mask_in(&g->l2_code, id)
			   : mask_in(&g->l3, id) | mask_in(&g->l3_code, id);
	}
	return ways;
}

unsigned int plan_others_groups(const struct rdt_caps *caps)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < caps->n_groups; i++)
		n += is_others(&caps->groups[i]);
	return n;
}

/* --- groups --- */

/* A VM's group is the one that the rules give it, or none where it asks for nothing. */
static bool check_vm_group(struct check *c, unsigned int vm)
{
	unsigned int index = c->plan->vms[vm].group, class = c->p->vms[vm].class;
	const struct profile_class *k = class_of(c, vm);
	const struct plan_group *g;

	if (!plan_host_has(c->caps, k))
		return wrong(c, "VM %u asks for what the host has not, and is planned", vm);
	if (!plan_asks_group(k))
		return index == PLAN_NONE || wrong(c, "VM %u asks for nothing and is in group %u", vm, index);
	if (index >= c->plan->n_groups)
		return wrong(c, "VM %u asks for ways or bandwidth and is in no group", vm);
	g = &c->plan->groups[index];
	if (g->class != class || g->exclusive != k->exclusive)
		return wrong(c, "VM %u of class %u is in group %s of class %u%s", vm, class, g->name, g->class,
			     g->exclusive ? ", exclusive" : "");
	if (g->vm != vm && (k->exclusive || g->vm != PLAN_NONE))
		return wrong(c, "VM %u is in group %s of VM %u", vm, g->name, g->vm);
	if (k->bandwidth.unit && c->caps->mb.unit == RDT_MB_MBPS && g->vm != vm)
		return wrong(c, "VM %u shares a limit of MB/s in group %s", vm, g->name);
	return true;
}

static unsigned int vms_in(const struct check *c, unsigned int group)
{
	unsigned int n = 0;

	for (unsigned int vm = 0; vm < c->p->n_vms; vm++)
		n += c->plan->vms[vm].group == group;
	return n;
}

static bool is_agents(const struct plan_group *g)
{
	return g->class == PLAN_NONE;
}

/* Nobody could do with fewer: each has somebody in it, and no two are for the same. */
static bool check_group(struct check *c, unsigned int i)
{
	const struct plan_group *g = &c->plan->groups[i];

	if (strncmp(g->name, "isolat-", strlen("isolat-")))
		return wrong(c, "group %u is called \"%s\"", i, g->name);
	for (unsigned int k = 0; k < i; k++) {
		const struct plan_group *other = &c->plan->groups[k];

		if (!strcmp(g->name, other->name))
			return wrong(c, "two groups are called \"%s\"", g->name);
		if (g->class == other->class && g->vm == other->vm)
			return wrong(c, "groups %s and %s are for the same", g->name, other->name);
	}
	if (is_agents(g))
		return (g->exclusive && c->p->agent_l3.unit && c->plan->n_agents) ||
		       wrong(c, "group %s is the timer agent's, which is not there or asks for nothing", g->name);
	return vms_in(c, i) || wrong(c, "nobody is in group %s", g->name);
}

static bool check_groups(struct check *c)
{
	unsigned int others = plan_others_groups(c->caps), n = c->plan->n_groups;
	bool agents = false;

	for (unsigned int i = 0; i < n; i++) {
		if (!check_group(c, i))
			return false;
		agents |= is_agents(&c->plan->groups[i]);
	}
	if (c->p->agent_l3.unit && c->plan->n_agents && !agents)
		return wrong(c, "the timer agent asks for ways and has no group");
	for (unsigned int vm = 0; vm < c->p->n_vms; vm++)
		if (!check_vm_group(c, vm))
			return false;
	if (n && n + others + 1 + c->p->free_closids > c->caps->closids)
		return wrong(c, "%u groups, %u of others, the default one and %u free, of %u CLOSIDs", n, others,
			     c->p->free_closids, c->caps->closids);
	return true;
}

/* --- where a group is --- */

static bool any_in(const struct check *c, const struct plan_cpus *cpus, bool l2, unsigned int domain)
{
	for (unsigned int i = 0; i < cpus->n; i++) {
		const struct topology_cpu *cpu = &c->t->cpus[cpus->cpu[i]];

		if ((l2 ? cpu->l2 : cpu->l3) == domain)
			return true;
	}
	return false;
}

static bool is_there(const struct check *c, unsigned int group, bool l2, unsigned int domain)
{
	if (is_agents(&c->plan->groups[group])) {
		for (unsigned int i = 0; i < c->plan->n_agents; i++)
			if (any_in(c, &c->plan->agents[i].cpus, l2, domain))
				return true;
		return false;
	}
	for (unsigned int vm = 0; vm < c->p->n_vms; vm++)
		if (c->plan->vms[vm].group == group && any_in(c, &c->plan->vms[vm].cpus, l2, domain))
			return true;
	return false;
}

/* --- masks --- */

static uint64_t full(const struct cache *cache)
{
	return cache->caps->ways >= 64 ? ~0ULL : (1ULL << cache->caps->ways) - 1;
}

static unsigned int bits(uint64_t mask)
{
	return __builtin_popcountll(mask);
}

static bool in_one_piece(uint64_t mask)
{
	uint64_t from_0 = mask ? mask >> __builtin_ctzll(mask) : 0;

	return mask && !(from_0 & (from_0 + 1));
}

static bool check_mask(struct check *c, const struct cache *cache, const char *whose, unsigned int domain,
		       uint64_t mask)
{
	if (!mask)
		return wrong(c, "%s has no ways of %s domain %u", whose, cache->name, domain);
	if (mask & ~full(cache))
		return wrong(c, "%s has %#" PRIx64 " of %s domain %u, beyond its %u ways", whose, mask, cache->name,
			     domain, cache->caps->ways);
	if (bits(mask) < cache->caps->min_ways)
		return wrong(c, "%s has %#" PRIx64 " of %s domain %u, less than %u ways", whose, mask, cache->name,
			     domain, cache->caps->min_ways);
	if (!cache->caps->sparse && !in_one_piece(mask))
		return wrong(c, "%s has %#" PRIx64 " of %s domain %u, which is broken", whose, mask, cache->name,
			     domain);
	return true;
}

static uint64_t at(const uint64_t *masks, unsigned int domain)
{
	return masks ? masks[domain] : 0;
}

static const struct profile_amount *asked(const struct check *c, const struct plan_group *g, const struct cache *cache,
					  bool code)
{
	static const struct profile_amount nothing;
	const struct profile_class *k;

	if (is_agents(g))
		return cache->l2 ? &nothing : &c->p->agent_l3;
	k = &c->p->classes[g->class];
	if (cache->l2)
		return &k->l2;
	if (code)
		return k->l3_code.unit ? &k->l3_code : &k->l3;
	return k->l3_data.unit ? &k->l3_data : &k->l3;
}

static bool check_asked(struct check *c, const struct plan_group *g, const struct cache *cache, unsigned int domain,
			bool code)
{
	const struct profile_amount *a = asked(c, g, cache, code);
	uint64_t mask = at(cache->l2 ? g->l2 : code ? g->l3_code : g->l3, domain);
	unsigned int nodes = cache->l2 ? 1 : plan_nodes_in_l3(c->t, domain);
	uint64_t bytes = cache->domains[domain].bytes;
	unsigned int least = plan_ways_for(a, cache->caps, bytes, nodes, false);

	if (!a->unit)
		return !mask || check_mask(c, cache, g->name, domain, mask);
	if (!check_mask(c, cache, g->name, domain, mask))
		return false;
	if (bits(mask) < least)
		return wrong(c, "%s has %u ways of %s domain %u, asked %u", g->name, bits(mask), cache->name, domain,
			     least);
	if (g->exclusive && bits(mask) > plan_ways_for(a, cache->caps, bytes, nodes, true))
		return wrong(c, "%s has %u ways of %s domain %u for itself, more than asked: %u", g->name, bits(mask),
			     cache->name, domain, least);
	return true;
}

/* Ways that a group can touch: code's and data's. No mask where it is means all. */
static uint64_t touched(const struct check *c, const struct plan_group *g, const struct cache *cache,
			unsigned int domain)
{
	if (cache->l2)
		return at(g->l2, domain) ? at(g->l2, domain) : full(cache);
	if (cache->caps->cdp && !at(g->l3_code, domain))
		return full(cache);
	return at(g->l3, domain) ? at(g->l3, domain) | at(g->l3_code, domain) : full(cache);
}

static bool is_apart(const struct check *c, const struct plan_group *g, const struct cache *cache)
{
	return g->exclusive && (asked(c, g, cache, false)->unit || asked(c, g, cache, true)->unit);
}

static uint64_t default_ways(const struct check *c, const struct cache *cache, unsigned int domain)
{
	return cache->l2 ? at(c->plan->default_l2, domain)
			 : at(c->plan->default_l3, domain) | at(c->plan->default_l3_code, domain);
}

static bool check_exclusive(struct check *c, unsigned int group, const struct cache *cache, unsigned int domain)
{
	const struct plan_group *g = &c->plan->groups[group];
	uint64_t mine = touched(c, g, cache, domain);
	bool io_ways = !is_agents(g) && c->p->classes[g->class].io_ways;

	for (unsigned int i = 0; i < c->plan->n_groups; i++)
		if (i != group && is_there(c, i, cache->l2, domain) &&
		    mine & touched(c, &c->plan->groups[i], cache, domain))
			return wrong(c, "%s is exclusive and overlaps %s in %s domain %u: %#" PRIx64, g->name,
				     c->plan->groups[i].name, cache->name, domain,
				     mine & touched(c, &c->plan->groups[i], cache, domain));
	if (mine & default_ways(c, cache, domain))
		return wrong(c, "%s is exclusive and overlaps the default group in %s domain %u", g->name, cache->name,
			     domain);
	if (mine & plan_others_ways(c->caps, cache->l2, cache->domains[domain].id, false))
		return wrong(c, "%s is exclusive and has ways of others' groups in %s domain %u", g->name, cache->name,
			     domain);
	if (!io_ways && mine & cache->caps->shareable)
		return wrong(c, "%s has ways that I/O uses in %s domain %u: %#" PRIx64, g->name, cache->name, domain,
			     mine);
	return true;
}

static bool check_group_masks(struct check *c, unsigned int group, const struct cache *cache, unsigned int domain)
{
	const struct plan_group *g = &c->plan->groups[group];

	if (!is_there(c, group, cache->l2, domain)) {
		uint64_t mask = cache->l2 ? at(g->l2, domain) : at(g->l3, domain) | at(g->l3_code, domain);

		return !mask || wrong(c, "%s has ways of %s domain %u and is not there", g->name, cache->name, domain);
	}
	if (!check_asked(c, g, cache, domain, false) ||
	    (!cache->l2 && cache->caps->cdp && !check_asked(c, g, cache, domain, true)))
		return false;
	if (is_apart(c, g, cache))
		return check_exclusive(c, group, cache, domain);
	return !(touched(c, g, cache, domain) &
		 plan_others_ways(c->caps, cache->l2, cache->domains[domain].id, true)) ||
	       wrong(c, "%s overlaps an exclusive group of others in %s domain %u", g->name, cache->name, domain);
}

static unsigned int largest_run(uint64_t mask)
{
	unsigned int n = 0;

	for (; mask; n++)
		mask &= mask << 1;
	return n;
}

/* What the default group has before anything is planned; all where nothing is said of it. */
static uint64_t had(const struct check *c, const struct cache *cache, unsigned int domain, bool code)
{
	const struct rdt_group *g = &c->caps->default_group;
	const struct rdt_group_masks *m = cache->l2 ? &g->l2 : code ? &g->l3_code : &g->l3;

	return m->n ? mask_in(m, cache->domains[domain].id) : full(cache);
}

/* The ways that groups of the plan have for themselves. */
static uint64_t given(const struct check *c, const struct cache *cache, unsigned int domain)
{
	uint64_t ways = 0;

	for (unsigned int i = 0; i < c->plan->n_groups; i++)
		if (is_there(c, i, cache->l2, domain) && is_apart(c, &c->plan->groups[i], cache))
			ways |= touched(c, &c->plan->groups[i], cache, domain);
	return ways;
}

/*
 * Never more than it has, and all of that where nobody is given any of it. Else the largest run of it that nobody has
 * for himself; ways of others' shareable groups may count as theirs, or not.
 */
static bool check_default(struct check *c, const struct cache *cache, unsigned int domain, bool code)
{
	const char *whose = code ? "the default group (code)" : "the default group";
	uint64_t mask = at(cache->l2 ? c->plan->default_l2
			   : code    ? c->plan->default_l3_code
				     : c->plan->default_l3,
			   domain);
	uint64_t has = had(c, cache, domain, code), taken = given(c, cache, domain), left, left_by_all;
	unsigned int id = cache->domains[domain].id;

	if (!check_mask(c, cache, whose, domain, mask))
		return false;
	if (mask & ~has)
		return wrong(c, "%s's %#" PRIx64 " of %s domain %u is more than the %#" PRIx64 " that it has", whose,
			     mask, cache->name, domain, has);
	if (c->caps->default_group.l3.n + c->caps->default_group.l2.n && !(has & taken))
		return mask == has || wrong(c, "%s's %#" PRIx64 " of %s domain %u is cut to %#" PRIx64 " for nobody",
					    whose, has, cache->name, domain, mask);
	left = has & ~taken & ~plan_others_ways(c->caps, cache->l2, id, true);
	left_by_all = left & ~plan_others_ways(c->caps, cache->l2, id, false);
	if (mask & ~left)
		return wrong(c, "%s's %#" PRIx64 " of %s domain %u is not what is left: %#" PRIx64, whose, mask,
			     cache->name, domain, left);
	if (bits(mask) < largest_run(left) && bits(mask) != largest_run(left_by_all))
		return wrong(c, "%s has %#" PRIx64 " of %s domain %u, not the largest run of %#" PRIx64, whose, mask,
			     cache->name, domain, left);
	return true;
}

static bool check_cache(struct check *c, const struct cache *cache)
{
	for (unsigned int domain = 0; cache->caps->present && domain < cache->n; domain++) {
		for (unsigned int group = 0; group < c->plan->n_groups; group++)
			if (!check_group_masks(c, group, cache, domain))
				return false;
		if (!check_default(c, cache, domain, false) ||
		    (!cache->l2 && cache->caps->cdp && !check_default(c, cache, domain, true)))
			return false;
	}
	return true;
}

/* --- bandwidth --- */

/* In the host's unit, rounded up; of MB/s, a share of the class's may be a VM's. */
static uint64_t least_bandwidth(const struct check *c, const struct plan_group *g)
{
	const struct profile_class *k = &c->p->classes[g->class];
	unsigned int n = 0;

	if (c->caps->mb.unit == RDT_MB_PERCENT)
		return up(k->bandwidth.value, 1000);
	if (c->caps->mb.unit == RDT_MB_EIGHTH_GB)
		return up(k->bandwidth.value, 128);
	for (unsigned int vm = 0; vm < c->p->n_vms; vm++)
		n += c->p->vms[vm].class == g->class;
	return up(k->bandwidth.value, k->exclusive || !n ? 1 : n);
}

static bool check_bandwidth(struct check *c, unsigned int group, unsigned int domain)
{
	const struct plan_group *g = &c->plan->groups[group];
	const struct rdt_mb_caps *mb = &c->caps->mb;
	uint64_t value = at(g->mb, domain);
	bool there = is_there(c, group, false, domain);

	if (!there || is_agents(g) || !c->p->classes[g->class].bandwidth.unit)
		return !value || value == mb->max ||
		       wrong(c, "%s has bandwidth %" PRIu64 " in domain %u and did not ask", g->name, value, domain);
	if (value < mb->min || value > mb->max)
		return wrong(c, "%s has bandwidth %" PRIu64 " in domain %u, out of %u to %" PRIu64, g->name, value,
			     domain, mb->min, mb->max);
	if (mb->unit != RDT_MB_MBPS && value % mb->gran)
		return wrong(c, "%s has bandwidth %" PRIu64 " in domain %u, no multiple of %u", g->name, value, domain,
			     mb->gran);
	if (!plan_host_knows(c->caps, &c->p->classes[g->class]))
		return true; /* a unit of which nothing is said */
	if (value < least_bandwidth(c, g))
		return wrong(c, "%s has bandwidth %" PRIu64 " in domain %u, asked %" PRIu64, g->name, value, domain,
			     least_bandwidth(c, g));
	if (mb->unit == RDT_MB_PERCENT && value >= least_bandwidth(c, g) + mb->gran && value > mb->min)
		return wrong(c, "%s has bandwidth %" PRIu64 " in domain %u, asked %" PRIu64 ", rounded up too far",
			     g->name, value, domain, least_bandwidth(c, g));
	return true;
}

bool check_rdt(struct check *c)
{
	const struct cache l3 = { "L3", false, c->t->n_l3, c->t->l3, &c->caps->l3 };
	const struct cache l2 = { "L2", true, c->t->n_l2, c->t->l2, &c->caps->l2 };

	if (!check_groups(c) || !check_cache(c, &l3) || !check_cache(c, &l2))
		return false;
	for (unsigned int group = 0; c->caps->mb.present && group < c->plan->n_groups; group++)
		for (unsigned int domain = 0; domain < c->t->n_l3; domain++)
			if (!check_bandwidth(c, group, domain))
				return false;
	return true;
}
