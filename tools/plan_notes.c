// SPDX-License-Identifier: BSD-3-Clause
#include <stdio.h>

#include "plan_demand.h"
#include "plan_view.h"
#include "plan_work.h"

/* ---- Notes ---- */

static int note_rounding(struct planner *w, const char *name, const struct profile_amount *amount, unsigned int ways,
			 uint64_t way)
{
	char asked[PLAN_SIZE_TEXT], given[PLAN_SIZE_TEXT], each[PLAN_SIZE_TEXT];

	if (amount->unit == PROFILE_BYTES && ways * way != amount->value)
		return plan_note(w, "%s: %s asked, %s given: %u way%s of %s", name,
				 plan_size_text(amount->value, asked), plan_size_text(ways * way, given), ways,
				 plan_plural(ways), plan_size_text(way, each));
	if (amount->unit == PROFILE_PERCENT && (uint64_t)ways * 100000 != amount->value * w->host->caps.l3.ways)
		return plan_note(w, "%s: %g %% of the L3 asked, %.3g %% given: %u of %u ways", name,
				 (double)amount->value / 1000, 100.0 * ways / w->host->caps.l3.ways, ways,
				 w->host->caps.l3.ways);
	if (amount->unit == PROFILE_WAYS && ways != amount->value)
		return plan_note(w, "%s: %u way%s given: this host's masks have at least that many", name, ways,
				 plan_plural(ways));
	return 0;
}

static int note_vm(struct planner *w, unsigned int i)
{
	const struct profile_class *class = plan_class(w, i);
	const char *name = class->exclusive ? w->profile->vms[i].name : class->name;

	for (unsigned int d = 0; d < w->t->n_l3; d++) {
		const struct place_ways *ways = &w->ways[(size_t)i * w->t->n_l3 + d];
		uint64_t way = demand_l3_way(w->host, d);

		if (!plan_runs_in(w, &w->plan->vms[i].cpus, d))
			continue;
		if (note_rounding(w, name, class->l3.unit ? &class->l3 : &class->l3_data,
				  class->exclusive ? ways->run[0] : ways->shared, way) ||
		    (class->exclusive && ways->run[1] && note_rounding(w, name, &class->l3_code, ways->run[1], way)))
			return plan_no_memory(w->err);
	}
	return 0;
}

/* More vCPUs than CPUs in a pool. */
static int note_load(struct planner *w)
{
	for (unsigned int node = 0; node < w->place.n_nodes; node++) {
		unsigned int cpus = 0;

		for (unsigned int i = 0; i < w->plan->n_vms; i++)
			if (!w->place.vms[i].dedicated && !w->place.vms[i].span && w->place.vms[i].home == node)
				cpus = w->plan->vms[i].cpus.n;
		if (w->place.nodes[node].pool_load > cpus && cpus &&
		    plan_note(w, "node %u: %u vCPUs of shared classes share %u CPU%s", w->t->nodes[node].os,
			      w->place.nodes[node].pool_load, cpus, plan_plural(cpus)))
			return plan_no_memory(w->err);
	}
	return 0;
}

static int note_housekeeping(struct planner *w)
{
	unsigned int listed = 0;

	for (unsigned int i = 0; w->profile->housekeeping_cpus && i < w->plan->housekeeping.n; i++)
		listed += plan_listed(w->profile->housekeeping_cpus, w->t->cpus[w->plan->housekeeping.cpu[i]].os);
	if (!w->profile->housekeeping_cpus || listed == w->plan->housekeeping.n)
		return 0;
	return plan_note(w, "housekeeping: the siblings of the CPUs that are listed go with them")
		       ? plan_no_memory(w->err)
		       : 0;
}

int plan_note_rounding(struct planner *w)
{
	if (note_load(w) || note_housekeeping(w))
		return -1;
	for (unsigned int i = 0; i < w->plan->n_vms; i++)
		if (note_vm(w, i))
			return -1;
	return 0;
}
