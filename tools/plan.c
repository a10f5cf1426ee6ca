// SPDX-License-Identifier: BSD-3-Clause
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plan_work.h"

void *plan_zeroed(size_t n, size_t size)
{
	return calloc(n ? n : 1, size);
}

int plan_no_memory(struct isolat_error *err)
{
	return isolat_fail(err, ISOLAT_FAILED, "plan", NULL, "out of memory");
}

const struct profile_class *plan_class(const struct planner *w, unsigned int vm)
{
	return &w->profile->classes[w->profile->vms[vm].class];
}

int plan_note(struct planner *w, const char *format, ...)
{
	struct plan *plan = w->plan;
	char **notes = realloc(plan->notes, (plan->n_notes + 1) * sizeof(*notes)), *text;
	va_list ap;
	int n;

	if (!notes)
		return -1;
	plan->notes = notes;
	va_start(ap, format);
	n = vasprintf(&text, format, ap);
	va_end(ap);
	if (n < 0)
		return -1;
	for (unsigned int i = 0; i < plan->n_notes; i++)
		if (!strcmp(notes[i], text)) {
			free(text);
			return 0;
		}
	notes[plan->n_notes++] = text;
	return 0;
}

bool plan_wants_agent(const struct profile *p)
{
	for (unsigned int i = 0; i < p->n_vms; i++)
		if (p->vms[i].exitless_timer)
			return true;
	return false;
}

bool plan_listed(const char *list, unsigned int os)
{
	for (const char *at = list; *at;) {
		char *end;
		unsigned long first = strtoul(at, &end, 10), last = first;

		if (end == at)
			return false; /* no list */
		if (*end == '-')
			last = strtoul(end + 1, &end, 10);
		if (os >= first && os <= last)
			return true;
		at = *end == ',' ? end + 1 : end;
	}
	return false;
}

/* Others' groups: those that isolat did not make. */
bool plan_is_foreign(const struct rdt_group *group)
{
	return !rdt_group_is_own(group->name);
}

uint64_t plan_mask_in(const struct rdt_group_masks *masks, unsigned int id)
{
	for (unsigned int i = 0; i < masks->n; i++)
		if (masks->domain[i] == id)
			return masks->value[i];
	return 0;
}

/* Whether a VM, or an agent, has a CPU in the domain. */
bool plan_runs_in(const struct planner *w, const struct plan_cpus *cpus, unsigned int l3)
{
	for (unsigned int i = 0; i < cpus->n; i++)
		if (w->t->cpus[cpus->cpu[i]].l3 == l3)
			return true;
	return false;
}

bool plan_group_runs_in(const struct planner *w, unsigned int g, unsigned int l3)
{
	for (unsigned int i = 0; i < w->plan->n_vms; i++)
		if (w->plan->vms[i].group == g && plan_runs_in(w, &w->plan->vms[i].cpus, l3))
			return true;
	for (unsigned int a = 0; a < w->plan->n_agents && w->plan->groups[g].class == PLAN_NONE; a++)
		if (plan_runs_in(w, &w->plan->agents[a].cpus, l3))
			return true;
	return false;
}

/* ---- The whole ---- */

static int prepare(struct planner *w)
{
	w->reserved = plan_zeroed(w->t->n_cores, sizeof(*w->reserved));
	w->given_agent = plan_zeroed(w->t->n_cores, sizeof(*w->given_agent));
	w->plan->vms = plan_zeroed(w->profile->n_vms, sizeof(*w->plan->vms));
	w->plan->agents = plan_zeroed(w->t->n_nodes, sizeof(*w->plan->agents));
	w->plan->default_l3 = plan_zeroed(w->t->n_l3, sizeof(uint64_t));
	w->plan->default_l3_code = plan_zeroed(w->t->n_l3, sizeof(uint64_t));
	w->plan->default_l2 = plan_zeroed(w->t->n_l2, sizeof(uint64_t));
	if (!w->reserved || !w->given_agent || !w->plan->vms || !w->plan->agents || !w->plan->default_l3 ||
	    !w->plan->default_l3_code || !w->plan->default_l2)
		return plan_no_memory(w->err);
	w->plan->n_vms = w->profile->n_vms;
	for (unsigned int i = 0; i < w->plan->n_vms; i++)
		w->plan->vms[i].vm = i;
	return 0;
}

/*
 * A kernel knows the node of each CPU; only a description can leave it out. Where memory is local, and whose agent
 * serves whom, cannot be told there.
 */
static int check_host(const struct planner *w)
{
	for (unsigned int c = 0; c < w->t->n_cores; c++) {
		if (w->t->cores[c].node != TOPOLOGY_NONE)
			continue;
		isolat_fail(w->err, ISOLAT_UNSUPPORTED, "plan", w->t->source,
			    "the core of CPU %u is in no NUMA node, and no plan is made for such a host",
			    w->t->cpus[w->t->cores[c].cpus[0]].os);
		return isolat_hint(w->err, "describe the node that it is in");
	}
	return 0;
}

/* What is said where it does not fit. */
enum words { WORDS_NONE, WORDS_SHORT, WORDS_HINT };

static int make(struct planner *w, enum words words)
{
	if (check_host(w) || prepare(w) || plan_reserve_cores(w) || plan_describe_host(w) || plan_describe_vms(w) ||
	    plan_make_groups(w))
		return -1;
	if (!place_find(&w->place))
		return words == WORDS_NONE ? -1 : plan_refuse(w, words == WORDS_HINT);
	if (plan_give_cpus(w) || plan_give_memory(w))
		return -1;
	return plan_lay_out_caches(w) || plan_set_bandwidth(w) || plan_note_rounding(w) ? -1 : 0;
}

static void free_planner(struct planner *w)
{
	for (unsigned int i = 0; i < w->place.n_cells; i++)
		free(w->place.cells[i].cores);
	for (unsigned int i = 0; i < w->place.n_vms && w->place.vms; i++)
		free(w->place.vms[i].parts);
	free(w->place.cells);
	free(w->place.blocks);
	free(w->place.l3);
	free(w->place.l2);
	free(w->place.nodes);
	free(w->place.vms);
	free(w->place.memory);
	free(w->ways);
	free(w->l2_ways);
	free(w->reserved);
	free(w->given_agent);
}

static int run(const struct profile *profile, const struct host *host, struct plan *plan, enum words words,
	       struct isolat_error *err)
{
	struct planner w = { .profile = profile, .host = host, .t = &host->topology, .plan = plan, .err = err };
	int rc;

	*plan = (struct plan){ .profile = profile, .host = host };
	rc = make(&w, words);
	free_planner(&w);
	if (rc)
		plan_free(plan);
	return rc;
}

int plan_make(const struct profile *profile, const struct host *host, struct plan *plan, struct isolat_error *err)
{
	return run(profile, host, plan, WORDS_HINT, err);
}

int plan_try(const struct profile *profile, const struct host *host, struct plan *plan, struct isolat_error *err)
{
	return run(profile, host, plan, WORDS_SHORT, err);
}

bool plan_fits(const struct profile *profile, const struct host *host)
{
	struct isolat_error err;
	struct plan plan;

	if (run(profile, host, &plan, WORDS_NONE, &err))
		return false;
	plan_free(&plan);
	return true;
}

void plan_free(struct plan *plan)
{
	for (unsigned int i = 0; i < plan->n_vms; i++) {
		free(plan->vms[i].cpus.cpu);
		free(plan->vms[i].memory);
	}
	for (unsigned int i = 0; i < plan->n_agents; i++)
		free(plan->agents[i].cpus.cpu);
	for (unsigned int i = 0; i < plan->n_groups; i++) {
		free(plan->groups[i].l3);
		free(plan->groups[i].l3_code);
		free(plan->groups[i].l2);
		free(plan->groups[i].mb);
	}
	for (unsigned int i = 0; i < plan->n_notes; i++)
		free(plan->notes[i]);
	free(plan->housekeeping.cpu);
	free(plan->vms);
	free(plan->agents);
	free(plan->groups);
	free(plan->default_l3);
	free(plan->default_l3_code);
	free(plan->default_l2);
	free(plan->notes);
	*plan = (struct plan){ 0 };
}
