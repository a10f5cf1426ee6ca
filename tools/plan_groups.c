// SPDX-License-Identifier: BSD-3-Clause
#include <stdlib.h>
#include <string.h>

#include "plan_demand.h"
#include "plan_work.h"

/* ---- Groups: how many CLOSIDs ---- */

static bool asks(const struct profile_class *class)
{
	return class->l3.unit || class->l3_data.unit || class->l2.unit || class->bandwidth.unit;
}

/* Under mba_MBps a group's limit is for all its tasks together, so VMs do not share one. */
static bool has_own_group(const struct planner *w, const struct profile_class *class)
{
	return class->exclusive || (class->bandwidth.unit && w->host->caps.mb.unit == RDT_MB_MBPS);
}

static struct plan_group *add_group(struct plan *plan, const char *name, unsigned int class, unsigned int vm,
				    bool exclusive)
{
	const struct topology *t = &plan->host->topology;
	struct plan_group *groups = realloc(plan->groups, (plan->n_groups + 1) * sizeof(*groups)), *g;

	if (!groups)
		return NULL;
	plan->groups = groups;
	g = &groups[plan->n_groups++];
	*g = (struct plan_group){ .exclusive = exclusive, .class = class, .vm = vm };
	snprintf(g->name, sizeof(g->name), RDT_OWN_PREFIX "%s", name);
	g->l3 = plan_zeroed(t->n_l3, sizeof(*g->l3));
	g->l3_code = plan_zeroed(t->n_l3, sizeof(*g->l3_code));
	g->l2 = plan_zeroed(t->n_l2, sizeof(*g->l2));
	g->mb = plan_zeroed(t->n_l3, sizeof(*g->mb));
	return g->l3 && g->l3_code && g->l2 && g->mb ? g : NULL;
}

static unsigned int find_group(const struct plan *plan, unsigned int class)
{
	for (unsigned int g = 0; g < plan->n_groups; g++)
		if (plan->groups[g].class == class && plan->groups[g].vm == PLAN_NONE)
			return g;
	return PLAN_NONE;
}

static int group_of_vm(struct planner *w, unsigned int i)
{
	const struct profile_class *class = plan_class(w, i);
	struct plan *plan = w->plan;
	bool own = has_own_group(w, class);
	unsigned int c = w->profile->vms[i].class;

	plan->vms[i].group = PLAN_NONE;
	if (!asks(class))
		return 0;
	if (!own)
		plan->vms[i].group = find_group(plan, c);
	if (plan->vms[i].group != PLAN_NONE)
		return 0;
	if (!add_group(plan, own ? w->profile->vms[i].name : class->name, c, own ? i : PLAN_NONE, class->exclusive))
		return plan_no_memory(w->err);
	plan->vms[i].group = plan->n_groups - 1;
	return 0;
}

static int count_closids(struct planner *w)
{
	const struct rdt_caps *caps = &w->host->caps;
	unsigned int foreign = 0, asked = w->plan->n_groups, there = caps->closids;

	for (unsigned int i = 0; i < caps->n_groups; i++)
		foreign += plan_is_foreign(&caps->groups[i]) && !caps->groups[i].pseudo_locked;
	if (!asked || asked + foreign + 1 + w->profile->free_closids <= there)
		return 0;
	isolat_fail(
		w->err, ISOLAT_NO_FIT, "plan", "CLOSIDs",
		"%u are asked for, and of %u the default group has 1, other groups have %u, and %u are to be left free",
		asked, there, foreign, w->profile->free_closids);
	return isolat_hint(w->err, "VMs of a class that is not exclusive share one");
}

static const char *whose(const struct planner *w, const struct plan_group *group, char text[128])
{
	if (group->class == PLAN_NONE)
		return "the timer agent";
	if (group->vm == PLAN_NONE)
		snprintf(text, 128, "class %.100s", w->profile->classes[group->class].name);
	else
		snprintf(text, 128, "VM %.100s", w->profile->vms[group->vm].name);
	return text;
}

/* No two VMs have the same name, nor two classes; but a VM may be called like a class. */
static int check_names(struct planner *w)
{
	const struct plan_group *groups = w->plan->groups;
	char one[128], other[128];

	for (unsigned int a = 0; a < w->plan->n_groups; a++)
		for (unsigned int b = 0; b < a; b++) {
			if (strcmp(groups[a].name, groups[b].name) != 0)
				continue;
			isolat_fail(w->err, ISOLAT_USAGE, "plan", w->profile->file,
				    "%s and %s would both have the group %s", whose(w, &groups[b], one),
				    whose(w, &groups[a], other), groups[a].name);
			return isolat_hint(w->err, "give one of them another name");
		}
	return 0;
}

int plan_make_groups(struct planner *w)
{
	for (unsigned int i = 0; i < w->profile->n_vms; i++)
		if (group_of_vm(w, i))
			return -1;
	if (plan_wants_agent(w->profile) && w->place.agent.run[0] &&
	    !add_group(w->plan, "timer-agent", PLAN_NONE, PLAN_NONE, true))
		return plan_no_memory(w->err);
	return check_names(w) || count_closids(w) ? -1 : 0;
}

/* ---- Bandwidth ---- */

static int note_bandwidth(struct planner *w, const struct profile_class *class, uint64_t value)
{
	const struct profile_amount *asked = &class->bandwidth;

	if (asked->unit == PROFILE_PERCENT && value * 1000 != asked->value)
		return plan_note(w, "%s: %g %% of the bandwidth asked, %llu %% given: it goes by %u", class->name,
				 (double)asked->value / 1000, (unsigned long long)value, w->host->caps.mb.gran);
	if (w->host->caps.mb.unit == RDT_MB_EIGHTH_GB && value * 125 != asked->value)
		return plan_note(w, "%s: %llu MB/s asked, %llu MB/s given: it goes by 125", class->name,
				 (unsigned long long)asked->value, (unsigned long long)value * 125);
	return 0;
}

int plan_set_bandwidth(struct planner *w)
{
	for (unsigned int g = 0; g < w->plan->n_groups; g++) {
		struct plan_group *group = &w->plan->groups[g];
		const struct profile_class *class;
		uint64_t value;

		if (group->class == PLAN_NONE || !w->profile->classes[group->class].bandwidth.unit)
			continue;
		class = &w->profile->classes[group->class];
		if (demand_mb(w->host, &class->bandwidth, class->name, &value, w->err))
			return -1;
		for (unsigned int d = 0; d < w->t->n_l3; d++)
			if (plan_group_runs_in(w, g, d))
				group->mb[d] = value;
		if (note_bandwidth(w, class, value))
			return plan_no_memory(w->err);
	}
	return 0;
}
