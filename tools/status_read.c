// SPDX-License-Identifier: BSD-3-Clause
#include "status_read.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "applied_vms.h"
#include "proc_task.h"
#include "report.h"
#include "run_left.h"
#include "step_rdt.h"

static const char *const events[RDT_EVENTS] = {
	[RDT_OCCUPANCY] = "occupancy_bytes",
	[RDT_MBM_TOTAL] = "mbm_total_bytes",
	[RDT_MBM_LOCAL] = "mbm_local_bytes",
};

static double now_seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static json_t *find(const json_t *array, const char *key, const json_t *value)
{
	json_t *item;
	size_t i;

	json_array_foreach ((json_t *)array, i, item)
		if (json_equal(json_object_get(item, key), (json_t *)value))
			return item;
	return NULL;
}

/* ---- What is measured ---- */

static json_t *domain_to_json(const struct rdt_reading *reading)
{
	json_t *domain = json_pack("{s:i}", "domain", (int)reading->domain);

	for (size_t e = 0; e < RDT_EVENTS; e++)
		json_object_set_new(domain, events[e],
				    reading->available[e] ? json_integer((json_int_t)reading->bytes[e]) : json_null());
	return domain;
}

/* Bytes per second since the look before; null where either counter was not there, or was started anew. */
static json_t *rate(const json_t *before, const json_t *now, const char *event, double seconds)
{
	const json_t *a = json_object_get(before, event), *b = json_object_get(now, event);

	if (!json_is_integer(a) || !json_is_integer(b) || seconds <= 0 || json_integer_value(b) < json_integer_value(a))
		return json_null();
	return json_integer((json_int_t)((double)(json_integer_value(b) - json_integer_value(a)) / seconds));
}

static void add_rates(json_t *domains, const json_t *last_group, double seconds)
{
	json_t *domain;
	size_t i;

	json_array_foreach (domains, i, domain) {
		json_t *before =
			find(json_object_get(last_group, "domains"), "domain", json_object_get(domain, "domain"));

		json_object_set_new(domain, "mbm_total_bytes_per_s",
				    rate(before, domain, events[RDT_MBM_TOTAL], seconds));
		json_object_set_new(domain, "mbm_local_bytes_per_s",
				    rate(before, domain, events[RDT_MBM_LOCAL], seconds));
	}
}

static int read_domains(struct applied *a, const char *group, json_t **domains, struct isolat_error *err)
{
	struct rdt_reading *readings;
	size_t n;

	if (rdt_engine_read_monitors(a->engine, group, &readings, &n, err))
		return -1;
	*domains = json_array();
	for (size_t i = 0; i < n; i++)
		json_array_append_new(*domains, domain_to_json(&readings[i]));
	free(readings);
	return 0;
}

/* ---- Groups ---- */

/* *threads: how many, or null where groups have none. */
static int read_members(struct applied *a, const char *group, json_t **threads, char **cpus, struct isolat_error *err)
{
	pid_t *tids = NULL;
	size_t n;

	if (rdt_engine_has_tasks(a->engine) && rdt_engine_read_tasks(a->engine, group, &tids, &n, err))
		return -1;
	*threads = rdt_engine_has_tasks(a->engine) ? json_integer((json_int_t)n) : json_null();
	free(tids);
	return rdt_engine_read_cpus(a->engine, group, cpus, err);
}

/* What somebody removed has no value: the keys are null then. */
static int read_group(struct applied *a, const struct transaction_entry *entry, json_t **group,
		      struct isolat_error *err)
{
	json_t *domains = NULL, *threads = NULL;
	char *programmed, *cpus = NULL;

	if (step_schemata.read(&a->host, entry->object, &programmed, err))
		return -1;
	if (programmed &&
	    (read_members(a, entry->object, &threads, &cpus, err) || read_domains(a, entry->object, &domains, err))) {
		json_decref(threads);
		free(programmed);
		free(cpus);
		return -1;
	}
	*group = json_pack("{s:s, s:s, s:s, s:s?, s:o, s:s?, s:o}", "name", entry->object, "requested", entry->to,
			   "set", entry->set, "programmed", programmed, "threads", threads ? threads : json_null(),
			   "cpus", cpus, "domains", domains ? domains : json_array());
	free(programmed);
	free(cpus);
	return 0;
}

static int read_groups(struct applied *a, json_t *groups, struct isolat_error *err)
{
	for (size_t i = 0; i < transaction_count(a->t); i++) {
		struct transaction_entry entry = transaction_entry(a->t, i);
		json_t *group;

		if (entry.kind != &step_schemata)
			continue;
		if (read_group(a, &entry, &group, err))
			return -1;
		json_array_append_new(groups, group);
	}
	return 0;
}

/* ---- Caches ---- */

static int read_usage(struct applied *a, json_t *caches, struct isolat_error *err)
{
	struct rdt_usage *usage;
	size_t n;

	if (rdt_engine_read_usage(a->engine, &usage, &n, err))
		return -1;
	for (size_t i = 0; i < n; i++)
		json_array_append_new(caches, json_pack("{s:s, s:i, s:s}", "resource", rdt_schema_name(usage[i].schema),
							"domain", (int)usage[i].domain, "bit_usage", usage[i].ways));
	free(usage);
	return 0;
}

/* ---- VMs ---- */

struct vms {
	struct applied_vm *vm;
	struct vm_search *found;
	size_t n;
};

static bool has_group_alone(const struct vms *vms, const struct applied_vm *vm)
{
	size_t n = 0;

	for (size_t i = 0; i < vms->n; i++)
		n += !strcmp(vms->vm[i].group, vm->group);
	return *vm->group && n == 1;
}

/* The group whose counters are the VM's, or NULL with the reason why it has none. */
static const char *counters_of(struct applied *a, const struct vms *vms, const struct applied_vm *vm, const char **why)
{
	if (has_group_alone(vms, vm))
		return vm->group;
	if (applied_vm_has_monitor(a->t, vm))
		return vm->monitor;
	if (!*vm->group)
		*why = "it is in the default group, with all that is not a VM's";
	else if (*vm->monitor)
		*why = "no RMID was free for it when the profile was applied";
	else
		*why = "it shares its group, and there were no monitor groups to be had";
	return NULL;
}

/* *why is NULL where there are figures. A monitor group that somebody has removed is no failure. */
static int read_counters(struct applied *a, const struct vms *vms, const struct applied_vm *vm, json_t **domains,
			 const char **why, struct isolat_error *err)
{
	const char *group;

	*why = NULL;
	*domains = NULL;
	group = counters_of(a, vms, vm, why);
	if (!group)
		return 0;
	if (read_domains(a, group, domains, err)) {
		*why = "its group is gone";
		return rdt_engine_is_gone(a->engine) ? 0 : -1;
	}
	if (!json_array_size(*domains))
		*why = strcmp(applied_engine(a), "resctrl") ? "the engine does not monitor: resctrl does"
							    : "this host has no cache monitoring";
	return 0;
}

/* *n: null where groups have no threads. */
static int count_at_home(struct applied *a, const struct applied_vm *vm, const struct vm_threads *threads, json_t **n,
			 struct isolat_error *err)
{
	const char *home = applied_vm_home(a->t, vm);
	json_int_t at_home = 0;

	for (size_t i = 0; rdt_engine_has_tasks(a->engine) && i < threads->n; i++) {
		char object[PROC_TASK_OBJECT], *now;

		proc_task_print(object, threads->thread[i].tid, threads->thread[i].start);
		if (step_task.read(&a->host, object, &now, err))
			return -1;
		at_home += now && !strcmp(now, home);
		free(now);
	}
	*n = rdt_engine_has_tasks(a->engine) ? json_integer(at_home) : json_null();
	return 0;
}

static int read_vm(struct applied *a, const struct vms *vms, size_t i, json_t *array, struct isolat_error *err)
{
	const struct applied_vm *vm = &vms->vm[i];
	const struct vm_search *found = &vms->found[i];
	json_t *domains, *home;
	const char *why;

	if (count_at_home(a, vm, &found->threads, &home, err))
		return -1;
	if (read_counters(a, vms, vm, &domains, &why, err)) {
		json_decref(home);
		return -1;
	}
	json_array_append_new(array, json_pack("{s:s, s:s, s:s, s:b, s:I, s:o, s:s?, s:o}", "name", vm->name, "group",
					       vm->group, "cpus", vm->cpus, "running", found->found, "threads",
					       (json_int_t)found->threads.n, "in_group", home, "unavailable", why,
					       "domains", domains ? domains : json_array()));
	return 0;
}

static int read_vms(struct applied *a, json_t *array, struct isolat_error *err)
{
	struct vms vms;
	int rc;

	if (applied_vms_from_json(transaction_about(a->t), &vms.vm, &vms.n, err))
		return -1;
	vms.found = applied_vms_find(vms.vm, vms.n, err);
	rc = vms.found ? 0 : -1;
	for (size_t i = 0; !rc && i < vms.n; i++)
		rc = read_vm(a, &vms, i, array, err);
	applied_vms_found_free(vms.found, vms.n);
	free(vms.vm);
	return rc;
}

/* ---- All of it ---- */

static void add_all_rates(json_t *doc, const json_t *last)
{
	double seconds = json_real_value(json_object_get(doc, "time")) - json_real_value(json_object_get(last, "time"));
	static const char *const measured[] = { "groups", "vms" };
	json_t *item;
	size_t i;

	for (size_t m = 0; m < sizeof(measured) / sizeof(measured[0]); m++)
		json_array_foreach (json_object_get(doc, measured[m]), i, item)
			add_rates(json_object_get(item, "domains"),
				  find(json_object_get(last, measured[m]), "name", json_object_get(item, "name")),
				  seconds);
}

/* What is put into groups; NULL where nothing stands applied. */
static const char *associates(const struct applied *a)
{
	if (!applied_stands(a) || !a->engine)
		return NULL;
	return rdt_engine_has_tasks(a->engine) ? "threads" : "cpus";
}

int status_read(struct applied *a, const json_t *last, json_t **now, struct isolat_error *err)
{
	const json_t *about = transaction_about(a->t);
	json_t *groups = json_array(), *caches = json_array(), *vms = json_array();

	*now = json_pack("{s:i, s:b, s:b, s:f, s:O?, s:O?, s:s?, s:o, s:o, s:o}", "version", 1, "applied",
			 about != NULL, "half_made", (int)(transaction_is_half_made(a->t) || run_left_any()), "time",
			 now_seconds(), "profile", json_object_get(about, "profile"), "engine",
			 json_object_get(about, "engine"), "associates", associates(a), "groups", groups, "caches",
			 caches, "vms", vms);
	if (!*now)
		return isolat_fail(err, ISOLAT_FAILED, "read status", NULL, "out of memory");
	if (!about)
		return 0;
	if (read_groups(a, groups, err) || read_usage(a, caches, err) || read_vms(a, vms, err)) {
		json_decref(*now);
		return -1;
	}
	if (last)
		add_all_rates(*now, last);
	return 0;
}
