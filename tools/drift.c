// SPDX-License-Identifier: BSD-3-Clause
#include "drift.h"

#include <stdlib.h>
#include <string.h>

#include "applied_vms.h"
#include "plan_work.h"
#include "proc_task.h"
#include "report.h"
#include "step_affinity.h"
#include "step_cgroup.h"
#include "step_rdt.h"

#define ONLINE_FILE "/sys/devices/system/cpu/online"

void drift_add(struct drift *d, const char *kind, const char *object, const char *expected, const char *now,
	       const char *format, ...)
{
	char why[512];
	va_list ap;

	va_start(ap, format);
	vsnprintf(why, sizeof(why), format, ap);
	va_end(ap);
	json_array_append_new(d->found, json_pack("{s:s, s:o, s:o, s:o, s:o}", "kind", kind, "object",
						  report_string(object), "expected", report_lines(expected), "found",
						  now ? report_lines(now) : json_null(), "why", report_string(why)));
}

/* ---- What was written ---- */

/* The first line of @now that differs from @set; both texts have a line each resource. */
static void first_difference(const char *set, const char *now, char line[2][160])
{
	size_t n = strcspn(set, "\n"), m = strcspn(now, "\n");

	while (set[n] && now[m] && n == m && !strncmp(set, now, n)) {
		set += n + 1;
		now += m + 1;
		n = strcspn(set, "\n");
		m = strcspn(now, "\n");
	}
	snprintf(line[0], sizeof(line[0]), "%.*s", (int)n, set);
	snprintf(line[1], sizeof(line[1]), "%.*s", (int)m, now);
}

static bool is_kind(const struct transaction_entry *entry, const struct step_kind *kind)
{
	return entry->kind == kind;
}

/* Somebody has changed or removed it. */
static void see_entry(void *data, const struct transaction_entry *entry, const char *now)
{
	struct drift *d = data;
	const char *kind = entry->kind->name;
	char line[2][160];

	if (is_kind(entry, &step_task) || is_kind(entry, &step_pin) ||
	    (!now && (is_kind(entry, &step_cgroup_task) || is_kind(entry, &step_affinity))))
		return; /* threads come and go: see_vm() looks at those that there are; and pins are their owner's
			   affair */
	if (is_kind(entry, &step_monitor) && !strcmp(entry->set, STEP_PRESENT)) {
		drift_add(d, kind, entry->object, entry->set, now, "the monitor group is gone");
	} else if (is_kind(entry, &step_group)) {
		drift_add(d, kind, entry->object, entry->set, now, "the group is gone");
	} else if (!now) {
		drift_add(d, kind, applied_shown(entry->object), entry->set, now, "it is gone");
	} else if (is_kind(entry, &step_schemata)) {
		first_difference(entry->set, now, line);
		drift_add(d, kind, applied_shown(entry->object), entry->set, now, "its schemata were %s and are %s",
			  line[0], line[1]);
	} else if (is_kind(entry, &step_cpus)) {
		drift_add(d, kind, applied_shown(entry->object), entry->set, now, "its CPUs were %s and are %s",
			  *entry->set ? entry->set : "none", *now ? now : "none");
	} else {
		drift_add(d, kind, entry->object, entry->set, now, "it was '%.200s' and is '%.200s'", entry->set, now);
	}
}

/* ---- CPUs ---- */

static int read_online(char *list, size_t size, struct isolat_error *err)
{
	FILE *f = fopen(ONLINE_FILE, "re");
	bool ok = f && fgets(list, (int)size, f);

	if (f)
		fclose(f);
	if (!ok)
		return isolat_fail(err, ISOLAT_FAILED, "read", ONLINE_FILE, "%m");
	list[strcspn(list, "\n")] = '\0';
	return 0;
}

static void see_cpus(struct drift *d, const struct applied_vm *vm, const char *online)
{
	for (unsigned int cpu = 0; cpu < TOPOLOGY_MAX_CPUS; cpu++) {
		char number[16];

		if (!plan_listed(vm->cpus, cpu))
			continue;
		d->checked++;
		snprintf(number, sizeof(number), "%u", cpu);
		if (!plan_listed(online, cpu))
			drift_add(d, "cpu", number, "online", "offline", "CPU %u of VM %s is offline", cpu, vm->name);
	}
}

/* ---- VMs ---- */

/* @home is the group that it should be in. */
static int see_thread(struct drift *d, struct applied *a, const struct applied_vm *vm, const char *home,
		      const struct vm_thread *thread, struct isolat_error *err)
{
	char object[PROC_TASK_OBJECT], *now;

	proc_task_print(object, thread->tid, thread->start);
	if (step_task.read(&a->host, object, &now, err))
		return -1;
	d->checked++;
	if (now && strcmp(now, home) != 0)
		drift_add(d, "thread", object, home, now, "thread %d (%s) of VM %s is in %s, not in %s",
			  (int)thread->tid, thread->name, vm->name, applied_shown(now), applied_shown(home));
	free(now);
	return 0;
}

static int see_vm(struct drift *d, struct applied *a, const struct applied_vm *vm, const struct vm_search *found,
		  struct isolat_error *err)
{
	const char *home = applied_vm_home(a->t, vm);

	d->checked++;
	if (!found->found) {
		drift_add(d, "vm", vm->name, "running", NULL, "%s", found->err.reason);
		return 0;
	}
	if (!*vm->group || !rdt_engine_has_tasks(a->engine))
		return 0; /* a group that has CPUs is compared as all objects are */
	for (size_t i = 0; i < found->threads.n; i++)
		if (see_thread(d, a, vm, home, &found->threads.thread[i], err))
			return -1;
	return 0;
}

static int look_at_vms(struct drift *d, struct applied *a, struct isolat_error *err)
{
	struct applied_vm *vms;
	struct vm_search *found;
	char online[4096];
	size_t n;
	int rc;

	if (read_online(online, sizeof(online), err) || applied_vms_from_json(transaction_about(a->t), &vms, &n, err))
		return -1;
	found = applied_vms_find(vms, n, err);
	rc = found ? 0 : -1;
	for (size_t i = 0; !rc && i < n; i++) {
		see_cpus(d, &vms[i], online);
		rc = see_vm(d, a, &vms[i], &found[i], err);
	}
	if (!rc)
		rc = drift_see_strangers(d, a, found, n, err);
	applied_vms_found_free(found, n);
	free(vms);
	return rc;
}

int drift_look(struct applied *a, struct drift *d, struct isolat_error *err)
{
	*d = (struct drift){ .checked = transaction_count(a->t), .found = json_array() };
	if (!d->found)
		return isolat_fail(err, ISOLAT_FAILED, "verify", NULL, "out of memory");
	if (transaction_verify(a->t, see_entry, d, err) < 0)
		return -1;
	return look_at_vms(d, a, err);
}

void drift_free(struct drift *d)
{
	json_decref(d->found);
	*d = (struct drift){ 0 };
}
