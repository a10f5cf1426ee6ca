// SPDX-License-Identifier: BSD-3-Clause
#include "applied_vms.h"

#include <stdlib.h>
#include <string.h>

#include "plan_view.h"
#include "report.h"
#include "step_rdt.h"

static const char *const match_names[] = {
	[PROFILE_BY_NAME] = "name",
	[PROFILE_BY_DOMAIN] = "domain",
	[PROFILE_BY_CGROUP] = "cgroup",
	[PROFILE_BY_PID] = "pid",
};
#define N_MATCHES (sizeof(match_names) / sizeof(match_names[0]))

static json_t *match_to_json(const struct profile_match *match)
{
	if (match->by == PROFILE_BY_PID)
		return json_pack("{s:i}", "pid", (int)match->pid);
	return json_pack("{s:s}", match_names[match->by], match->text);
}

/* A group's counters are those of its VM, unless it has several: then each has a monitor group. "": this one has none.
 */
static void name_monitor(const struct plan *plan, const struct plan_vm *vm, char name[RDT_GROUP_PATH])
{
	char monitor[RDT_GROUP_NAME];
	unsigned int n = 0;

	*name = '\0';
	for (unsigned int i = 0; i < plan->n_vms; i++)
		n += plan->vms[i].group == vm->group;
	if (vm->group == PLAN_NONE || n < 2 || !plan->host->caps.monitoring)
		return;
	snprintf(monitor, sizeof(monitor), RDT_OWN_PREFIX "%s", plan_vm_profile(plan, vm)->name);
	rdt_group_name(name, plan->groups[vm->group].name, monitor);
}

static json_t *vm_to_json(const struct plan *plan, const struct plan_vm *vm)
{
	const struct profile_vm *profile = plan_vm_profile(plan, vm);
	char *cpus = plan_cpu_list(plan, &vm->cpus), monitor[RDT_GROUP_PATH];
	json_t *value;

	name_monitor(plan, vm, monitor);
	value = cpus ? json_pack("{s:s, s:s, s:o, s:s, s:s, s:s}", "name", profile->name, "class",
				 plan_vm_class(plan, vm)->name, "match", match_to_json(&profile->match), "group",
				 vm->group == PLAN_NONE ? "" : plan->groups[vm->group].name, "monitor", monitor, "cpus",
				 cpus)
		     : NULL;

	free(cpus);
	return value;
}

json_t *applied_vms_to_json(const struct plan *plan)
{
	json_t *array = json_array();

	for (unsigned int i = 0; array && i < plan->n_vms; i++) {
		if (json_array_append_new(array, vm_to_json(plan, &plan->vms[i]))) {
			json_decref(array);
			return NULL;
		}
	}
	return array;
}

static bool match_from_json(const json_t *value, struct profile_match *match)
{
	for (size_t by = 0; by < N_MATCHES; by++) {
		json_t *given = json_object_get(value, match_names[by]);

		if (!given)
			continue;
		match->by = by;
		match->text = (char *)json_string_value(given);
		match->pid = (unsigned int)json_integer_value(given);
		return match->text || (by == PROFILE_BY_PID && match->pid);
	}
	return false;
}

int applied_vms_from_json(const json_t *about, struct applied_vm **vms, size_t *n, struct isolat_error *err)
{
	const json_t *array = json_object_get(about, "vms"), *item;
	size_t i;

	*n = json_array_size(array);
	*vms = calloc(*n ? *n : 1, sizeof(**vms));
	if (!*vms)
		return isolat_fail(err, ISOLAT_FAILED, "read journal", NULL, "out of memory");
	json_array_foreach (array, i, item) {
		struct applied_vm *vm = &(*vms)[i];

		vm->name = json_string_value(json_object_get(item, "name"));
		vm->group = json_string_value(json_object_get(item, "group"));
		vm->cpus = json_string_value(json_object_get(item, "cpus"));
		vm->monitor = json_string_value(json_object_get(item, "monitor"));
		vm->monitor = vm->monitor ? vm->monitor : ""; /* of an isolat that made none */
		if (vm->name && vm->group && vm->cpus && json_is_string(json_object_get(item, "class")) &&
		    match_from_json(json_object_get(item, "match"), &vm->match))
			continue;
		free(*vms);
		*vms = NULL;
		return isolat_fail(err, ISOLAT_FAILED, "read journal", "vms", "VM %zu is not as isolat writes it", i);
	}
	return 0;
}

bool applied_vm_has_monitor(const struct transaction *t, const struct applied_vm *vm)
{
	for (size_t i = 0; *vm->monitor && i < transaction_count(t); i++) {
		struct transaction_entry entry = transaction_entry(t, i);

		if (entry.kind == &step_monitor && !strcmp(entry.object, vm->monitor))
			return !strcmp(entry.set, STEP_PRESENT);
	}
	return false;
}

const char *applied_vm_home(const struct transaction *t, const struct applied_vm *vm)
{
	return applied_vm_has_monitor(t, vm) ? vm->monitor : vm->group;
}

struct vm_search *applied_vms_find(const struct applied_vm *vms, size_t n, struct isolat_error *err)
{
	struct vm_search *found = calloc(n ? n : 1, sizeof(*found));

	if (!found) {
		isolat_fail(err, ISOLAT_FAILED, "find VMs", NULL, "out of memory");
		return NULL;
	}
	for (size_t i = 0; i < n; i++) {
		found[i].vm = vms[i].name;
		found[i].match = &vms[i].match;
	}
	if (!vm_find_all(NULL, found, n, err))
		return found;
	applied_vms_found_free(found, n);
	return NULL;
}

void applied_vms_found_free(struct vm_search *found, size_t n)
{
	for (size_t i = 0; found && i < n; i++)
		if (found[i].found)
			vm_threads_free(&found[i].threads);
	free(found);
}
