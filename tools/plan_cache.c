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

/* What is nobody's own in a domain. */
struct rest {
	uint64_t free;		/* no group's at all, but the default one's */
	uint64_t shareable;	/* those, and what others' groups share */
	uint64_t of_default[2]; /* of data and code */
};

static struct rest rest_beside(const struct ways_domain *domain, uint64_t runs)
{
	uint64_t left = ways_mask(0, domain->ways) & ~runs;
	struct rest rest = { .free = left & ~domain->taken, .shareable = left & ~domain->barred };

	for (unsigned int i = 0; i < 2; i++)
		rest.of_default[i] = ways_of_default(domain, domain->had[i], runs);
	return rest;
}

/*
 * Where a shared group's @n ways begin: among the default group's, if they are enough, and clear of others' groups if
 * there is such a place.
 */
static unsigned int shared_low(const struct rest *rest, unsigned int n)
{
	const uint64_t in[] = { rest->free & rest->of_default[0], rest->free, rest->shareable & rest->of_default[0],
				rest->shareable };
	uint64_t run = 0;

	for (size_t i = 0; i < sizeof(in) / sizeof(in[0]) && (unsigned int)__builtin_popcountll(run) < n; i++)
		run = ways_longest_run(in[i]);
	return (unsigned int)__builtin_ctzll(run);
}

/*
 * A shared group's run lies in what is nobody's own, beside the default group's; a group that asks for no ways of this
 * cache has all that the default group has, or it would have everything.
 */
static void share_rest(const struct planner *w, unsigned int d, const struct rest *rest)
{
	bool cdp = w->host->caps.l3.cdp;

	for (unsigned int g = 0; g < w->plan->n_groups; g++) {
		struct plan_group *group = &w->plan->groups[g];
		const struct place_ways *ways = ways_of_group(w, group, d);
		unsigned int low = ways->shared ? shared_low(rest, ways->shared) : 0;

		if (group->l3[d] || !plan_group_runs_in(w, g, d))
			continue;
		group->l3[d] = ways->shared ? ways_mask(low, ways->shared_data) : rest->of_default[0];
		group->l3_code[d] = ways->shared_code ? ways_mask(low, ways->shared_code)
				    : ways->shared    ? group->l3[d]
						      : rest->of_default[1];
		group->l3_code[d] *= cdp;
	}
}

static int lay_out_l3(struct planner *w, unsigned int d)
{
	struct owner owners[WAYS_MAX_RUNS];
	uint64_t masks[WAYS_MAX_RUNS], runs = 0;
	struct ways_domain domain = w->place.l3[d];
	struct rest rest;
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
	for (unsigned int i = 0; i < domain.n; i++) {
		*owners[i].mask = masks[i];
		if (owners[i].also)
			*owners[i].also = masks[i];
		runs |= masks[i];
	}
	rest = rest_beside(&domain, runs);
	w->plan->default_l3[d] = rest.of_default[0];
	w->plan->default_l3_code[d] = cdp ? rest.of_default[1] : 0;
	share_rest(w, d, &rest);
	return 0;
}

/* Where nobody asks for ways of L2, all have what others' groups leave. */
static void share_rest_l2(struct planner *w, unsigned int d, const struct rest *rest)
{
	uint64_t of_default = w->plan->default_l2[d];

	for (unsigned int a = 0; a < w->plan->n_agents; a++)
		for (unsigned int g = 0; g < w->plan->n_groups; g++)
			if (w->plan->groups[g].class == PLAN_NONE && runs_in_l2(w, &w->plan->agents[a].cpus, d))
				w->plan->groups[g].l2[d] = of_default;
	for (unsigned int i = 0; i < w->plan->n_vms; i++) {
		const struct place_ways *asked = w->place.vms[i].l2;
		unsigned int ways = asked ? asked[d].shared : 0, g = w->plan->vms[i].group;

		if (g == PLAN_NONE || w->plan->groups[g].l2[d] || !runs_in_l2(w, &w->plan->vms[i].cpus, d))
			continue;
		w->plan->groups[g].l2[d] = ways ? ways_mask(shared_low(rest, ways), ways) : of_default;
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

/* Two masks of the default group, of code and of data, which one of the plan's would change. */
static bool has_two_l2_masks(const struct planner *w, unsigned int d)
{
	const struct rdt_group *group = &w->host->caps.default_group;
	unsigned int id = w->t->l2[d].id;

	return w->host->caps.l2.cdp && plan_mask_in(&group->l2, id) != plan_mask_in(&group->l2_code, id);
}

/* The L2 of a whole core has no one else in it; where cores share one, exclusive VMs get runs of it. */
static int lay_out_l2(struct planner *w, unsigned int d)
{
	struct ways_domain domain;
	uint64_t masks[WAYS_MAX_RUNS], runs = 0;
	struct rest rest;
	unsigned int group_of[WAYS_MAX_RUNS];

	plan_describe_domain(w, true, d, &domain);
	add_askers(w, d, &domain, group_of);
	if (!domain.n && has_two_l2_masks(w, d))
		return 0; /* all have what the default group has */
	if (!ways_layout(&domain, masks))
		return no_round(w, "L2", w->t->l2[d].id, domain.ways);
	for (unsigned int i = 0; i < domain.n; i++) {
		w->plan->groups[group_of[i]].l2[d] = masks[i];
		runs |= masks[i];
	}
	rest = rest_beside(&domain, runs);
	w->plan->default_l2[d] = rest.of_default[0];
	share_rest_l2(w, d, &rest);
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
