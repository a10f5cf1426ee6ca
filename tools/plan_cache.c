// SPDX-License-Identifier: BSD-3-Clause
#include "plan_work.h"

static int no_round(const struct planner *w, const char *cache, unsigned int id, unsigned int ways)
{
	isolat_fail(w->err, ISOLAT_NO_FIT, "plan", "cache",
		    "the VMs that run in %s %u ask for more of its ways than do not belong to others: it has %u", cache,
		    id, ways);
	return isolat_hint(w->err, "ask for fewer ways, or for classes that share");
}

/* ---- What was found: caches ---- */

static bool runs_in_l2(const struct planner *w, const struct plan_cpus *cpus, unsigned int l2)
{
	for (unsigned int i = 0; i < cpus->n; i++)
		if (w->t->cpus[cpus->cpu[i]].l2 == l2)
			return true;
	return false;
}

/* Which run of a domain's layout is whose mask. */
struct owner {
	uint64_t *mask, *also; /* under CDP without code apart, both */
};

static void add_run(struct ways_domain *domain, struct owner *owners, unsigned int ways, bool io, uint64_t *mask,
		    uint64_t *also)
{
	owners[domain->n] = (struct owner){ mask, also };
	domain->run[domain->n++] = (struct ways_run){ .ways = ways, .io = io };
}

static const struct place_ways *ways_of_group(const struct planner *w, const struct plan_group *group, unsigned int d)
{
	unsigned int vm = group->vm;

	if (group->class == PLAN_NONE)
		return &w->place.agent;
	for (unsigned int i = 0; vm == PLAN_NONE && i < w->plan->n_vms; i++)
		if (w->profile->vms[i].class == group->class)
			vm = i;
	return &w->ways[(size_t)vm * w->t->n_l3 + d];
}

/*
 * A shared group's run lies in what is nobody's own, beside the default group's; a group that asks for no ways of this
 * cache has all that the default group has, or it would have everything.
 */
static void share_rest(const struct planner *w, unsigned int d, uint64_t rest)
{
	bool cdp = w->host->caps.l3.cdp;

	for (unsigned int g = 0; g < w->plan->n_groups; g++) {
		struct plan_group *group = &w->plan->groups[g];
		const struct place_ways *ways = ways_of_group(w, group, d);
		unsigned int low = (unsigned int)__builtin_ctzll(rest);

		if (group->l3[d] || !plan_group_runs_in(w, g, d))
			continue;
		group->l3[d] = ways->shared ? ways_mask(low, ways->shared_data) : rest;
		group->l3_code[d] = ways->shared_code ? ways_mask(low, ways->shared_code) : group->l3[d];
		group->l3_code[d] *= cdp;
	}
}

static int lay_out_l3(struct planner *w, unsigned int d)
{
	struct owner owners[WAYS_MAX_RUNS];
	uint64_t masks[WAYS_MAX_RUNS], rest;
	struct ways_domain domain = w->place.l3[d];
	bool cdp = w->host->caps.l3.cdp;

	if (!domain.ways)
		return 0;
	domain.n = 0;
	for (unsigned int g = 0; g < w->plan->n_groups; g++) {
		struct plan_group *group = &w->plan->groups[g];
		const struct place_ways *ways = ways_of_group(w, group, d);

		if (!group->exclusive || !ways->run[0] || !plan_group_runs_in(w, g, d))
			continue;
		add_run(&domain, owners, ways->run[0], ways->io, &group->l3[d],
			cdp && !ways->run[1] ? &group->l3_code[d] : NULL);
		if (ways->run[1])
			add_run(&domain, owners, ways->run[1], ways->io, &group->l3_code[d], NULL);
	}
	if (!ways_layout(&domain, masks))
		return no_round(w, "L3", w->t->l3[d].id, domain.ways);
	rest = ways_mask(0, domain.ways) & ~domain.taken;
	for (unsigned int i = 0; i < domain.n; i++) {
		*owners[i].mask = masks[i];
		if (owners[i].also)
			*owners[i].also = masks[i];
		rest &= ~masks[i];
	}
	rest = ways_longest_run(rest);
	w->plan->default_l3[d] = rest;
	w->plan->default_l3_code[d] = cdp ? rest : 0;
	share_rest(w, d, rest);
	return 0;
}

/* Where nobody asks for ways of L2, all have what others' groups leave. */
static void share_rest_l2(struct planner *w, unsigned int d)
{
	uint64_t rest = w->plan->default_l2[d];

	for (unsigned int a = 0; a < w->plan->n_agents; a++)
		for (unsigned int g = 0; g < w->plan->n_groups; g++)
			if (w->plan->groups[g].class == PLAN_NONE && runs_in_l2(w, &w->plan->agents[a].cpus, d))
				w->plan->groups[g].l2[d] = rest;
	for (unsigned int i = 0; i < w->plan->n_vms; i++) {
		const struct place_ways *asked = w->place.vms[i].l2;
		unsigned int ways = asked ? asked[d].shared : 0, g = w->plan->vms[i].group;

		if (g == PLAN_NONE || w->plan->groups[g].l2[d] || !runs_in_l2(w, &w->plan->vms[i].cpus, d))
			continue;
		w->plan->groups[g].l2[d] = ways ? ways_mask((unsigned int)__builtin_ctzll(rest), ways) : rest;
	}
}

/* Who asks for ways of an L2 that it runs in. */
static void add_askers(const struct planner *w, unsigned int d, struct ways_domain *domain, unsigned int *group_of)
{
	for (unsigned int i = 0; i < w->plan->n_vms; i++) {
		const struct place_ways *asked = w->place.vms[i].l2;

		if (!asked || !runs_in_l2(w, &w->plan->vms[i].cpus, d))
			continue;
		if (asked[d].shared > domain->rest_run)
			domain->rest_run = asked[d].shared;
		if (!asked[d].run[0])
			continue;
		group_of[domain->n] = w->plan->vms[i].group;
		domain->run[domain->n++] = (struct ways_run){ .ways = asked[d].run[0], .io = asked[d].io };
	}
}

/* The L2 of a whole core has no one else in it; where cores share one, exclusive VMs get runs of it. */
static int lay_out_l2(struct planner *w, unsigned int d)
{
	struct ways_domain domain;
	uint64_t masks[WAYS_MAX_RUNS], rest;
	unsigned int group_of[WAYS_MAX_RUNS];

	plan_describe_domain(w, true, d, &domain);
	add_askers(w, d, &domain, group_of);
	if (!ways_layout(&domain, masks))
		return no_round(w, "L2", w->t->l2[d].id, domain.ways);
	rest = ways_mask(0, domain.ways) & ~domain.taken;
	for (unsigned int i = 0; i < domain.n; i++) {
		w->plan->groups[group_of[i]].l2[d] = masks[i];
		rest &= ~masks[i];
	}
	w->plan->default_l2[d] = ways_longest_run(rest);
	share_rest_l2(w, d);
	return 0;
}

int plan_lay_out_caches(struct planner *w)
{
	for (unsigned int d = 0; d < w->t->n_l3; d++)
		if (lay_out_l3(w, d))
			return -1;
	for (unsigned int d = 0; d < w->t->n_l2 && w->host->caps.l2.present; d++)
		if (lay_out_l2(w, d))
			return -1;
	return 0;
}
