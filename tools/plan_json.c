// SPDX-License-Identifier: BSD-3-Clause
#include "plan_json.h"

#include <inttypes.h>
#include <stdlib.h>

#include "plan_schemata.h"
#include "plan_view.h"
#include "report.h"

/* Without memory the array becomes NULL, which json_pack() hands on: a document is whole or none. */
static void append(json_t **array, json_t *value)
{
	if (!json_array_append_new(*array, value))
		return;
	json_decref(*array);
	*array = NULL;
}

static json_t *string_or_null(const char *text)
{
	return text ? report_string(text) : json_null();
}

static json_t *node_json(const struct plan *plan, unsigned int node)
{
	return json_integer(plan->host->topology.nodes[node].os);
}

static json_t *cpus_json(const struct plan *plan, const struct plan_cpus *cpus)
{
	json_t *array = json_array();

	for (unsigned int i = 0; i < cpus->n; i++)
		append(&array, json_integer(plan->host->topology.cpus[cpus->cpu[i]].os));
	return array;
}

static json_t *group_name(const struct plan *plan, unsigned int group)
{
	return string_or_null(group == PLAN_NONE ? NULL : plan->groups[group].name);
}

static json_t *mask_json(const struct plan *plan, enum plan_part part, unsigned int domain, uint64_t mask)
{
	const struct topology_cache *caches;
	char hex[17];

	plan_domains(plan, part, &caches);
	snprintf(hex, sizeof(hex), "%" PRIx64, mask);
	return json_pack("{s:I, s:s, s:i, s:I}", "id", (json_int_t)caches[domain].id, "mask", hex, "ways",
			 (int)plan_ways(mask), "bytes", (json_int_t)plan_bytes(plan, part, domain, mask));
}

static json_t *limit_json(const struct plan *plan, unsigned int domain, uint64_t value)
{
	static const char *const units[] = {
		[RDT_MB_PERCENT] = "percent",
		[RDT_MB_MBPS] = "MBps",
		[RDT_MB_EIGHTH_GB] = "GBps/8",
	};

	return json_pack("{s:I, s:I, s:s}", "id", (json_int_t)plan->host->topology.l3[domain].id, "value",
			 (json_int_t)value, "unit", units[plan->host->caps.mb.unit]);
}

/* Of the domains where the group has a value. */
static json_t *part_json(const struct plan *plan, unsigned int group, enum plan_part part)
{
	const struct topology_cache *caches;
	unsigned int n = plan_domains(plan, part, &caches);
	json_t *array = json_array();

	for (unsigned int d = 0; d < n; d++) {
		uint64_t value = plan_value(plan, group, part, d);

		if (value)
			append(&array, part == PLAN_MB ? limit_json(plan, d, value) : mask_json(plan, part, d, value));
	}
	return array;
}

static json_t *schemata_json(const struct plan *plan, unsigned int group)
{
	char *lines[PLAN_SCHEMATA_MAX];
	int n = plan_schemata(plan, group, lines);
	json_t *array = n < 0 ? NULL : json_array();

	for (int i = 0; i < n; i++) {
		append(&array, json_string(lines[i]));
		free(lines[i]);
	}
	return array;
}

/* Names of the VMs in a group. */
static json_t *members_json(const struct plan *plan, unsigned int group)
{
	json_t *array = json_array();

	for (unsigned int v = 0; v < plan->n_vms; v++) {
		if (plan->vms[v].group == group)
			append(&array, report_string(plan_vm_profile(plan, &plan->vms[v])->name));
	}
	return array;
}

static json_t *group_json(const struct plan *plan, unsigned int g)
{
	const struct plan_group *group = &plan->groups[g];
	const char *class = group->class == PLAN_NONE ? NULL : plan->profile->classes[group->class].name;

	return json_pack("{s:o, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "name", report_string(group->name),
			 "exclusive", (int)group->exclusive, "class", string_or_null(class), "vms",
			 members_json(plan, g), "l3", part_json(plan, g, PLAN_L3), "l3_code",
			 part_json(plan, g, PLAN_L3_CODE), "l2", part_json(plan, g, PLAN_L2), "mb",
			 part_json(plan, g, PLAN_MB), "schemata", schemata_json(plan, g));
}

static json_t *default_group_json(const struct plan *plan)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o}", "vms", members_json(plan, PLAN_NONE), "l3",
			 part_json(plan, PLAN_NONE, PLAN_L3), "l3_code", part_json(plan, PLAN_NONE, PLAN_L3_CODE), "l2",
			 part_json(plan, PLAN_NONE, PLAN_L2), "schemata", schemata_json(plan, PLAN_NONE));
}

static json_t *groups_json(const struct plan *plan)
{
	json_t *array = json_array();

	for (unsigned int g = 0; g < plan->n_groups; g++)
		append(&array, group_json(plan, g));
	return array;
}

static json_t *agents_json(const struct plan *plan)
{
	json_t *array = json_array();

	for (unsigned int a = 0; a < plan->n_agents; a++)
		append(&array, json_pack("{s:o, s:o, s:o}", "node", node_json(plan, plan->agents[a].node), "cpus",
					 cpus_json(plan, &plan->agents[a].cpus), "group",
					 group_name(plan, plan_agent_group(plan))));
	return array;
}

static json_t *memory_json(const struct plan *plan, const struct plan_vm *vm)
{
	json_t *array = json_array();

	for (unsigned int i = 0; i < vm->n_memory; i++)
		append(&array, json_pack("{s:o, s:I}", "node", node_json(plan, vm->memory[i].node), "bytes",
					 (json_int_t)vm->memory[i].bytes));
	return array;
}

/* A node has one agent at most, so its number names the agent. */
json_t *plan_vm_to_json(const struct plan *plan, const struct plan_vm *vm)
{
	const struct profile_vm *asked = plan_vm_profile(plan, vm);
	const struct profile_class *class = plan_vm_class(plan, vm);
	json_t *agent = vm->agent == PLAN_NONE ? json_null() : node_json(plan, plan->agents[vm->agent].node);

	return json_pack("{s:o, s:o, s:b, s:I, s:o, s:o, s:o, s:o}", "name", report_string(asked->name), "class",
			 report_string(class->name), "dedicated", (int)class->dedicated, "vcpus",
			 (json_int_t)asked->vcpus, "cpus", cpus_json(plan, &vm->cpus), "memory", memory_json(plan, vm),
			 "group", group_name(plan, vm->group), "agent", agent);
}

static json_t *vms_json(const struct plan *plan)
{
	json_t *array = json_array();

	for (unsigned int v = 0; v < plan->n_vms; v++)
		append(&array, plan_vm_to_json(plan, &plan->vms[v]));
	return array;
}

static json_t *notes_json(const struct plan *plan)
{
	json_t *array = json_array();

	for (unsigned int i = 0; i < plan->n_notes; i++)
		append(&array, report_string(plan->notes[i]));
	return array;
}

json_t *plan_to_json(const struct plan *plan)
{
	const struct host *host = plan->host;

	return json_pack("{s:s, s:i, s:o, s:o, s:o, s:b, s:o, s:o, s:o, s:o, s:o, s:o}", "format", "isolat-plan",
			 "version", 1, "profile", string_or_null(plan->profile->file), "topology",
			 string_or_null(host->topology.source), "rdt", string_or_null(host->caps.source), "live",
			 (int)host->topology.live, "housekeeping", cpus_json(plan, &plan->housekeeping), "agents",
			 agents_json(plan), "vms", vms_json(plan), "groups", groups_json(plan), "default_group",
			 default_group_json(plan), "notes", notes_json(plan));
}
