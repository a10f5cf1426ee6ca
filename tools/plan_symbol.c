// SPDX-License-Identifier: BSD-3-Clause
#include "plan_symbol.h"

#include "plan_view.h"

static char letter(unsigned int n)
{
	return n < sizeof(PLAN_SYMBOL_LETTERS) - 1 ? PLAN_SYMBOL_LETTERS[n] : PLAN_SYMBOL_MORE;
}

static bool has_letter(const struct plan *plan, const struct plan_vm *vm)
{
	bool own_group = vm->group != PLAN_NONE && plan->groups[vm->group].vm != PLAN_NONE;

	return own_group || plan_vm_class(plan, vm)->dedicated;
}

/* VMs with a letter, of the first @n. */
static unsigned int count_vms(const struct plan *plan, unsigned int n)
{
	unsigned int count = 0;

	for (unsigned int v = 0; v < n; v++)
		count += has_letter(plan, &plan->vms[v]);
	return count;
}

/* Groups that are not one VM's, of the first @n. */
static unsigned int count_groups(const struct plan *plan, unsigned int n)
{
	unsigned int count = 0;

	for (unsigned int g = 0; g < n; g++)
		count += plan->groups[g].vm == PLAN_NONE;
	return count;
}

char plan_group_symbol(const struct plan *plan, unsigned int group)
{
	if (group == PLAN_NONE)
		return PLAN_SYMBOL_DEFAULT;
	for (unsigned int v = 0; plan->groups[group].vm != PLAN_NONE && v < plan->n_vms; v++) {
		if (plan->vms[v].group == group)
			return letter(count_vms(plan, v));
	}
	return letter(count_vms(plan, plan->n_vms) + count_groups(plan, group));
}

char plan_vm_symbol(const struct plan *plan, unsigned int vm)
{
	if (has_letter(plan, &plan->vms[vm]))
		return letter(count_vms(plan, vm));
	return plan_group_symbol(plan, plan->vms[vm].group);
}

static bool holds(const struct plan_cpus *cpus, unsigned int cpu)
{
	for (unsigned int i = 0; i < cpus->n; i++) {
		if (cpus->cpu[i] == cpu)
			return true;
	}
	return false;
}

char plan_cpu_symbol(const struct plan *plan, unsigned int cpu)
{
	if (holds(&plan->housekeeping, cpu))
		return PLAN_SYMBOL_HOUSEKEEPING;
	for (unsigned int a = 0; a < plan->n_agents; a++) {
		if (holds(&plan->agents[a].cpus, cpu))
			return PLAN_SYMBOL_AGENT;
	}
	for (unsigned int v = 0; v < plan->n_vms; v++) {
		if (holds(&plan->vms[v].cpus, cpu))
			return plan_vm_class(plan, &plan->vms[v])->dedicated ? plan_vm_symbol(plan, v)
									     : PLAN_SYMBOL_POOL;
	}
	return PLAN_SYMBOL_NOBODY;
}
