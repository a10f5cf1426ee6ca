// SPDX-License-Identifier: BSD-3-Clause
#include "status_read.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "applied_vms.h"
#include "report.h"
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

/* What somebody removed has no value: the keys are null then. */
static int read_group(struct applied *a, const struct transaction_entry *entry, json_t **group,
		      struct isolat_error *err)
{
	json_t *domains = NULL;
	pid_t *tids = NULL;
	size_t n = 0;
	char *programmed;

	if (step_schemata.read(&a->host, entry->object, &programmed, err))
		return -1;
	if (programmed && (rdt_engine_read_tasks(a->engine, entry->object, &tids, &n, err) ||
			   read_domains(a, entry->object, &domains, err))) {
		free(programmed);
		free(tids);
		return -1;
	}
	*group = json_pack("{s:s, s:s, s:s, s:s?, s:o, s:o}", "name", entry->object, "requested", entry->to, "set",
			   entry->set, "programmed", programmed, "threads",
			   programmed ? json_integer((json_int_t)n) : json_null(), "domains",
			   domains ? domains : json_array());
	free(programmed);
	free(tids);
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

/* ---- VMs ---- */

static int count_at_home(struct applied *a, const struct applied_vm *vm, const struct vm_threads *threads, size_t *n,
			 struct isolat_error *err)
{
	*n = 0;
	for (size_t i = 0; i < threads->n; i++) {
		char object[64], *now;

		snprintf(object, sizeof(object), "%d@%llu", (int)threads->thread[i].tid, threads->thread[i].start);
		if (step_task.read(&a->host, object, &now, err))
			return -1;
		*n += now && !strcmp(now, vm->group);
		free(now);
	}
	return 0;
}

static int read_vms(struct applied *a, json_t *array, struct isolat_error *err)
{
	struct applied_vm *vms;
	struct vm_search *found;
	size_t n, home = 0;
	int rc;

	if (applied_vms_from_json(transaction_about(a->t), &vms, &n, err))
		return -1;
	found = applied_vms_find(vms, n, err);
	rc = found ? 0 : -1;
	for (size_t i = 0; !rc && i < n; i++) {
		rc = count_at_home(a, &vms[i], &found[i].threads, &home, err);
		json_array_append_new(array,
				      json_pack("{s:s, s:s, s:s, s:b, s:I, s:I}", "name", vms[i].name, "group",
						vms[i].group, "cpus", vms[i].cpus, "running", found[i].found, "threads",
						(json_int_t)found[i].threads.n, "in_group", (json_int_t)home));
	}
	applied_vms_found_free(found, n);
	free(vms);
	return rc;
}

/* ---- All of it ---- */

static void add_all_rates(json_t *doc, const json_t *last)
{
	double seconds = json_real_value(json_object_get(doc, "time")) - json_real_value(json_object_get(last, "time"));
	json_t *group;
	size_t i;

	json_array_foreach (json_object_get(doc, "groups"), i, group)
		add_rates(json_object_get(group, "domains"),
			  find(json_object_get(last, "groups"), "name", json_object_get(group, "name")), seconds);
}

int status_read(struct applied *a, const json_t *last, json_t **now, struct isolat_error *err)
{
	const json_t *about = transaction_about(a->t);
	json_t *groups = json_array(), *vms = json_array();

	*now = json_pack("{s:i, s:b, s:f, s:O?, s:O?, s:o, s:o}", "version", 1, "applied", about != NULL, "time",
			 now_seconds(), "profile", json_object_get(about, "profile"), "engine",
			 json_object_get(about, "engine"), "groups", groups, "vms", vms);
	if (!*now)
		return isolat_fail(err, ISOLAT_FAILED, "read status", NULL, "out of memory");
	if (!about)
		return 0;
	if (read_groups(a, groups, err) || read_vms(a, vms, err)) {
		json_decref(*now);
		return -1;
	}
	if (last)
		add_all_rates(*now, last);
	return 0;
}
