// SPDX-License-Identifier: BSD-3-Clause
#include "plan_view.h"

#include <inttypes.h>
#include <stdlib.h>

#include "cpu_list.h"
#include "plan_demand.h"

unsigned int plan_domains(const struct plan *plan, enum plan_part part, const struct topology_cache **caches)
{
	const struct topology *t = &plan->host->topology;

	*caches = part == PLAN_L2 ? t->l2 : t->l3;
	return part == PLAN_L2 ? t->n_l2 : t->n_l3;
}

const struct rdt_cache_caps *plan_cache_caps(const struct plan *plan, enum plan_part part)
{
	const struct rdt_caps *caps = &plan->host->caps;

	if (part == PLAN_MB)
		return NULL;
	return part == PLAN_L2 ? &caps->l2 : &caps->l3;
}

uint64_t plan_value(const struct plan *plan, unsigned int group, enum plan_part part, unsigned int domain)
{
	const struct plan_group *g = group == PLAN_NONE ? NULL : &plan->groups[group];
	const uint64_t *const values[] = {
		[PLAN_L3] = g ? g->l3 : plan->default_l3,
		[PLAN_L3_CODE] = g ? g->l3_code : plan->default_l3_code,
		[PLAN_L2] = g ? g->l2 : plan->default_l2,
		[PLAN_MB] = g ? g->mb : NULL,
	};

	return values[part] ? values[part][domain] : 0;
}

unsigned int plan_ways(uint64_t mask)
{
	return (unsigned int)__builtin_popcountll(mask);
}

uint64_t plan_bytes(const struct plan *plan, enum plan_part part, unsigned int domain, uint64_t mask)
{
	uint64_t way = part == PLAN_L2 ? demand_l2_way(plan->host, domain) : demand_l3_way(plan->host, domain);

	return way * plan_ways(mask);
}

const struct profile_vm *plan_vm_profile(const struct plan *plan, const struct plan_vm *vm)
{
	return &plan->profile->vms[vm->vm];
}

const struct profile_class *plan_vm_class(const struct plan *plan, const struct plan_vm *vm)
{
	return &plan->profile->classes[plan_vm_profile(plan, vm)->class];
}

unsigned int plan_agent_group(const struct plan *plan)
{
	for (unsigned int g = 0; g < plan->n_groups; g++) {
		if (plan->groups[g].class == PLAN_NONE)
			return g;
	}
	return PLAN_NONE;
}

char *plan_cpu_list(const struct plan *plan, const struct plan_cpus *cpus)
{
	unsigned int *os = calloc(cpus->n + 1UL, sizeof(*os));
	char *text;

	if (!os)
		return NULL;
	for (unsigned int i = 0; i < cpus->n; i++)
		os[i] = plan->host->topology.cpus[cpus->cpu[i]].os;
	text = cpu_list_text(os, cpus->n);
	free(os);
	return text;
}

const char *plan_size_text(uint64_t bytes, char text[PLAN_SIZE_TEXT])
{
	static const char *const units[] = { "KiB", "MiB", "GiB" };
	unsigned int unit = 0, decimals;
	uint64_t size = 1024;

	for (; unit < 2 && bytes >= size * 1024; unit++)
		size *= 1024;
	decimals = (unsigned int)((bytes % size * 100 + size / 2) / size);
	bytes = bytes / size + decimals / 100;
	decimals %= 100;
	if (decimals % 10)
		snprintf(text, PLAN_SIZE_TEXT, "%" PRIu64 ".%02u %s", bytes, decimals, units[unit]);
	else if (decimals)
		snprintf(text, PLAN_SIZE_TEXT, "%" PRIu64 ".%u %s", bytes, decimals / 10, units[unit]);
	else
		snprintf(text, PLAN_SIZE_TEXT, "%" PRIu64 " %s", bytes, units[unit]);
	return text;
}
