// SPDX-License-Identifier: BSD-3-Clause
#include "apply_cpus.h"

#include <stdlib.h>
#include <string.h>

#include "cpu_list.h"
#include "plan_view.h"
#include "plan_work.h"
#include "step_rdt.h"

const char apply_cpus_note[] = "this engine gives cache and bandwidth to CPUs, not to threads: a VM has its share only "
			       "while it is pinned to its CPUs, and whatever else runs there has it, too";

static int no_memory(struct isolat_error *err)
{
	return isolat_fail(err, ISOLAT_FAILED, "apply", NULL, "out of memory");
}

static unsigned int number(const struct plan *plan, unsigned int cpu)
{
	return plan->host->topology.cpus[cpu].os;
}

/* ---- Whether it can be done ---- */

/* The first CPU that both have, or PLAN_NONE. */
static unsigned int common_cpu(const struct plan_cpus *a, const struct plan_cpus *b)
{
	for (unsigned int i = 0; i < a->n; i++)
		for (unsigned int k = 0; k < b->n; k++)
			if (a->cpu[i] == b->cpu[k])
				return a->cpu[i];
	return PLAN_NONE;
}

static int refuse(const struct plan *plan, const struct plan_vm *a, const struct plan_vm *b, unsigned int cpu,
		  struct isolat_error *err)
{
	const struct plan_vm *of[] = { a, b };
	const char *name[2];

	for (int i = 0; i < 2; i++)
		name[i] = of[i]->group == PLAN_NONE ? "the default group" : plan->groups[of[i]->group].name;
	isolat_fail(err, ISOLAT_USAGE, "apply", plan->profile->file,
		    "VM %s of %s and VM %s of %s share CPU %u, which can be in one group only",
		    plan_vm_profile(plan, a)->name, name[0], plan_vm_profile(plan, b)->name, name[1],
		    number(plan, cpu));
	return isolat_hint(err, "give their classes dedicated cores, let them share one class, or use an engine that "
				"knows threads (resctrl)");
}

int apply_cpus_check(const struct plan *plan, struct isolat_error *err)
{
	for (unsigned int i = 0; i < plan->n_vms; i++) {
		for (unsigned int k = 0; k < i; k++) {
			const struct plan_vm *a = &plan->vms[k], *b = &plan->vms[i];
			unsigned int cpu = a->group == b->group ? PLAN_NONE : common_cpu(&a->cpus, &b->cpus);

			if (cpu != PLAN_NONE)
				return refuse(plan, a, b, cpu, err);
		}
	}
	return 0;
}

/* ---- The steps ---- */

static char *group_cpus(const struct plan *plan, unsigned int group)
{
	unsigned int *os, n = 0, all = 0;
	char *text;

	for (unsigned int i = 0; i < plan->n_vms; i++)
		all += plan->vms[i].cpus.n;
	os = calloc(all ? all : 1, sizeof(*os));
	if (!os)
		return NULL;
	for (unsigned int i = 0; i < plan->n_vms; i++)
		for (unsigned int c = 0; plan->vms[i].group == group && c < plan->vms[i].cpus.n; c++)
			os[n++] = number(plan, plan->vms[i].cpus.cpu[c]);
	text = cpu_list_text(os, n);
	free(os);
	return text;
}

int apply_cpus_add(const struct plan *plan, struct apply_steps *steps, struct isolat_error *err)
{
	for (unsigned int i = 0; i < plan->n_groups; i++) {
		char *cpus;
		int rc;

		if (i == plan_agent_group(plan))
			continue; /* has those of the agents */
		cpus = group_cpus(plan, i);
		rc = cpus ? apply_steps_add(steps, &step_cpus, plan->groups[i].name, cpus, err) : no_memory(err);
		free(cpus);
		if (rc)
			return -1;
	}
	return 0;
}

/* ---- Those that give up come first ---- */

/* What is on record for a group; "" if nothing is. */
static const char *recorded_cpus(const struct transaction *t, const char *group)
{
	for (size_t i = 0; i < transaction_count(t); i++) {
		struct transaction_entry entry = transaction_entry(t, i);

		if (entry.kind == &step_cpus && !strcmp(entry.object, group))
			return entry.set;
	}
	return "";
}

/* *gives is set where a group has a CPU that it does not keep. */
static int add_kept(const struct step *step, const char *has, struct apply_steps *first, bool *gives,
		    struct isolat_error *err)
{
	char *kept = apply_steps_common_cpus(has, step->to);
	int rc = kept ? apply_steps_add(first, step->kind, step->object, kept, err) : no_memory(err);

	if (!rc)
		*gives |= strcmp(kept, has) != 0;
	free(kept);
	return rc;
}

int apply_cpus_give_up(const struct apply_steps *steps, const struct transaction *t, struct apply_steps *first,
		       struct isolat_error *err)
{
	bool gives = false;

	for (size_t i = 0; i < steps->n; i++) {
		const struct step *step = &steps->step[i];
		int rc = step->kind == &step_cpus ? add_kept(step, recorded_cpus(t, step->object), first, &gives, err)
						  : apply_steps_add(first, step->kind, step->object, step->to, err);

		if (rc)
			return -1;
	}
	if (!gives)
		apply_steps_free(first);
	return 0;
}
