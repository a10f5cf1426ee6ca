// SPDX-License-Identifier: BSD-3-Clause
#include "step_rdt.h"

#include <stdlib.h>
#include <string.h>

#include "plan_work.h"
#include "proc_task.h"
#include "step_tasks.h"
#include "step_thread.h"

static int no_memory(const char *what, const char *object, struct isolat_error *err)
{
	return isolat_fail(err, ISOLAT_FAILED, what, object, "out of memory");
}

/* A failed read: the object has no value if it is gone. */
static int gone_or_failed(const struct step_host *host, char **value)
{
	*value = NULL;
	return rdt_engine_is_gone(host->engine) ? 0 : -1;
}

/* The settings of a group of isolat's go with the group; the default group stays. */
static bool goes_with_group(const char *object, const char *kind, const char *other)
{
	return !strcmp(kind, step_group.name) && !strcmp(object, other) && rdt_group_is_own(object);
}

/* ---- group ---- */

static int read_group(void *data, const char *object, char **value, struct isolat_error *err)
{
	struct step_host *host = data;
	bool present = false;
	char **names;
	size_t n;

	if (rdt_engine_list(host->engine, &names, &n, err))
		return -1;
	for (size_t i = 0; i < n; i++)
		present |= !strcmp(names[i], object);
	rdt_engine_free_list(names, n);
	*value = strdup(present ? STEP_PRESENT : STEP_ABSENT);
	return *value ? 0 : no_memory("read group", object, err);
}

static int write_group(void *data, const char *object, const char *from, const char *to, struct isolat_error *err)
{
	struct step_host *host = data;

	if (!strcmp(to, STEP_PRESENT))
		return rdt_engine_make(host->engine, object, err);
	if (strcmp(to, STEP_ABSENT))
		return isolat_fail(err, ISOLAT_USAGE, "write group", object, "'%s' is neither '%s' nor '%s'", to,
				   STEP_PRESENT, STEP_ABSENT);
	step_tasks_remove(host, object);
	return rdt_engine_remove(host->engine, object, err);
}

const struct step_kind step_group = { .name = "group", .read = read_group, .write = write_group };

/* ---- monitor ---- */

/* @control and @monitor are cut out of @object. */
static bool split_monitor(const char *object, char control[RDT_GROUP_NAME], const char **monitor)
{
	*monitor = rdt_group_monitor(object);
	return *monitor &&
	       snprintf(control, RDT_GROUP_NAME, "%.*s", (int)rdt_group_control(object), object) < RDT_GROUP_NAME;
}

static int read_monitor(void *data, const char *object, char **value, struct isolat_error *err)
{
	struct step_host *host = data;
	char control[RDT_GROUP_NAME], **names;
	const char *monitor;
	bool present = false;
	size_t n = 0;

	if (!split_monitor(object, control, &monitor))
		return isolat_fail(err, ISOLAT_USAGE, "read monitor group", object, "this is no name of one");
	if (rdt_engine_list_monitors(host->engine, control, &names, &n, err) && !rdt_engine_is_gone(host->engine))
		return -1;
	for (size_t i = 0; i < n; i++)
		present |= !strcmp(names[i], monitor);
	rdt_engine_free_list(names, n);
	*value = strdup(present ? STEP_PRESENT : STEP_ABSENT);
	return *value ? 0 : no_memory("read monitor group", object, err);
}

/* Without a free RMID there is none, and what was read back says so: the VM has all but its own counters. */
static int write_monitor(void *data, const char *object, const char *from, const char *to, struct isolat_error *err)
{
	int rc = write_group(data, object, from, to, err);

	return rc && !strcmp(to, STEP_PRESENT) && err->code == ISOLAT_NO_FIT ? 0 : rc;
}

/* The kernel removes them with their control group. */
static bool goes_with_control(const char *object, const char *kind, const char *other)
{
	size_t length = rdt_group_control(object);

	return !strcmp(kind, step_group.name) && strlen(other) == length && !strncmp(object, other, length);
}

const struct step_kind step_monitor = {
	.name = "monitor",
	.read = read_monitor,
	.write = write_monitor,
	.goes_with = goes_with_control,
};

/* ---- schemata ---- */

static int read_schemata(void *data, const char *object, char **value, struct isolat_error *err)
{
	struct step_host *host = data;
	struct rdt_schemata schemata;

	if (rdt_engine_read_schemata(host->engine, object, &schemata, err))
		return gone_or_failed(host, value);
	*value = rdt_schemata_print(&schemata);
	return *value ? 0 : no_memory("read schemata", object, err);
}

/* NULL: the line has no such domain. */
static const uint64_t *value_in(const struct rdt_group_masks *line, unsigned int domain)
{
	for (unsigned int i = 0; i < line->n; i++) {
		if (line->domain[i] == domain)
			return &line->value[i];
	}
	return NULL;
}

static bool has_value(const struct rdt_group_masks *line, unsigned int domain, uint64_t value)
{
	const uint64_t *has = value_in(line, domain);

	return has && *has == value;
}

/* Leaves in @schemata what @from has otherwise, or not at all. Returns whether that is anything. */
static bool keep_changes(struct rdt_schemata *schemata, const struct rdt_schemata *from)
{
	bool any = false;

	for (enum rdt_schema schema = 0; schema < RDT_SCHEMAS; schema++) {
		struct rdt_group_masks *line = &schemata->line[schema];
		unsigned int kept = 0;

		for (unsigned int i = 0; i < line->n; i++) {
			if (has_value(&from->line[schema], line->domain[i], line->value[i]))
				continue;
			line->domain[kept] = line->domain[i];
			line->value[kept++] = line->value[i];
		}
		line->n = kept;
		any |= kept;
	}
	return any;
}

static int parse(const char *group, const char *text, struct rdt_schemata *schemata, struct isolat_error *err)
{
	return rdt_schemata_parse(text, strlen(text), group, schemata, err);
}

static int write_schemata(void *data, const char *object, const char *from, const char *to, struct isolat_error *err)
{
	struct step_host *host = data;
	struct rdt_schemata now, changes;
	char *text;
	int rc;

	if (parse(object, from, &now, err) || parse(object, to, &changes, err))
		return -1;
	if (!keep_changes(&changes, &now))
		return 0;
	text = rdt_schemata_print(&changes);
	if (!text)
		return no_memory("write schemata", object, err);
	rc = rdt_engine_write_schemata(host->engine, object, text, err);
	free(text);
	return rc;
}

/* Hardware rounds upwards: a bandwidth to its granularity, a mask to the ways that it cannot leave out. */
static bool is_rounded(const struct rdt_group_masks *asked, const struct rdt_group_masks *now, bool mask)
{
	if (asked->n != now->n)
		return false;
	for (unsigned int i = 0; i < asked->n; i++) {
		uint64_t a = asked->value[i], b = now->value[i];

		if (asked->domain[i] != now->domain[i] || (mask ? a & ~b : a > b))
			return false;
	}
	return true;
}

static bool can_have_made(const char *from, const char *to, const char *now)
{
	struct rdt_schemata asked, is;
	struct isolat_error ignored;

	if (parse("", to, &asked, &ignored) || parse("", now, &is, &ignored))
		return false;
	for (enum rdt_schema schema = 0; schema < RDT_SCHEMAS; schema++) {
		bool mask = schema != RDT_SCHEMA_MB && schema != RDT_SCHEMA_SMBA;

		if (!is_rounded(&asked.line[schema], &is.line[schema], mask))
			return false;
	}
	return true;
}

/*
 * Of a line: @now's domains that are as in @set become as @before; of those that are neither, @theirs is left. Returns
 * whether there is one that becomes so.
 */
static bool part_line(const struct rdt_group_masks *before, const struct rdt_group_masks *set,
		      struct rdt_group_masks *now, struct rdt_group_masks *theirs)
{
	bool any = false;

	*theirs = (struct rdt_group_masks){ 0 };
	for (unsigned int i = 0; i < now->n; i++) {
		unsigned int domain = now->domain[i];
		const uint64_t *was = value_in(before, domain);

		if (was && *was == now->value[i])
			continue;
		if (was && has_value(set, domain, now->value[i])) {
			now->value[i] = *was;
			any = true;
			continue;
		}
		theirs->domain[theirs->n] = domain;
		theirs->value[theirs->n++] = now->value[i];
	}
	return any;
}

/* *text is NULL where @any is false. */
static bool print_part(const struct rdt_schemata *schemata, bool any, char **text)
{
	*text = any ? rdt_schemata_print(schemata) : NULL;
	return *text || !any;
}

/* A domain that is no longer there (its CPUs are offline) has nothing to be taken back. */
static bool part_schemata(const char *before, const char *set, const char *now, char **to, char **theirs)
{
	struct rdt_schemata was, made, is, others = { 0 };
	bool ours = false, any = false;
	struct isolat_error ignored;

	if (parse("", before, &was, &ignored) || parse("", set, &made, &ignored) || parse("", now, &is, &ignored))
		return false;
	for (enum rdt_schema schema = 0; schema < RDT_SCHEMAS; schema++) {
		ours |= part_line(&was.line[schema], &made.line[schema], &is.line[schema], &others.line[schema]);
		others.present[schema] = others.line[schema].n;
		any |= others.present[schema];
	}
	if (!print_part(&is, ours, to))
		return false;
	if (print_part(&others, any, theirs))
		return true;
	free(*to);
	return false;
}

const struct step_kind step_schemata = {
	.name = "schemata",
	.read = read_schemata,
	.write = write_schemata,
	.goes_with = goes_with_group,
	.made = can_have_made,
	.part = part_schemata,
};

/* ---- cpus ---- */

static int read_cpus(void *data, const char *object, char **value, struct isolat_error *err)
{
	struct step_host *host = data;

	return rdt_engine_read_cpus(host->engine, object, value, err) ? gone_or_failed(host, value) : 0;
}

static int write_cpus(void *data, const char *object, const char *from, const char *to, struct isolat_error *err)
{
	struct step_host *host = data;

	return rdt_engine_write_cpus(host->engine, object, to, err);
}

/* Over MSRs it is CPU by CPU: each is as it was, or as it was to be. */
static bool can_have_made_cpus(const char *from, const char *to, const char *now)
{
	for (unsigned int cpu = 0; cpu < TOPOLOGY_MAX_CPUS; cpu++) {
		bool is = plan_listed(now, cpu);

		if (is != plan_listed(from, cpu) && is != plan_listed(to, cpu))
			return false;
	}
	return true;
}

const struct step_kind step_cpus = {
	.name = "cpus",
	.read = read_cpus,
	.write = write_cpus,
	.goes_with = goes_with_group,
	.made = can_have_made_cpus,
};

/* ---- task ---- */

static int read_task(void *data, const char *object, char **value, struct isolat_error *err)
{
	struct step_host *host = data;
	char group[RDT_GROUP_PATH];
	struct isolat_error why;
	struct step_thread thread;
	int failed, alive;

	*value = NULL;
	if (step_thread_parse("read task", object, &thread, err))
		return -1;
	failed = step_tasks_find(host, thread.tid, group, &why);
	/* Asked behind it: who is alive now was so then, and what was found is its own and not a successor's. */
	alive = step_thread_alive(host, "read task", object, &thread, err);
	if (alive <= 0)
		return alive;
	if (failed) {
		*err = why;
		return -1;
	}
	*value = strdup(group);
	return *value ? 0 : no_memory("read task", object, err);
}

static bool is_same_control(const char *a, const char *b)
{
	size_t length = rdt_group_control(a);

	return length == rdt_group_control(b) && !strncmp(a, b, length);
}

/* A monitor group takes only threads that its control group has. */
static int move(struct step_host *host, pid_t tid, const char *from, const char *to, struct isolat_error *err)
{
	char control[RDT_GROUP_NAME];
	const char *monitor;

	if (!rdt_group_monitor(to))
		return rdt_engine_move_task(host->engine, to, tid, err);
	if (!split_monitor(to, control, &monitor))
		return isolat_fail(err, ISOLAT_USAGE, "write task", to, "this is no name of a group");
	if (!is_same_control(from, to) && rdt_engine_move_task(host->engine, control, tid, err))
		return -1;
	if (!rdt_engine_move_task(host->engine, to, tid, err))
		return 0;
	/* There was no RMID for it. Of one that is not there because the thread is not: write_task() sees that. */
	return rdt_engine_is_gone(host->engine) ? rdt_engine_move_task(host->engine, control, tid, err) : -1;
}

/*
 * Where a thread was that comes back from a group of isolat's: a group that somebody has removed since, or that only
 * its owner may put threads into. The kernel gives threads without a group to the default group, and so does this.
 */
static int move_home(struct step_host *host, pid_t tid, const char *from, const char *to, struct isolat_error *err)
{
	bool lost;

	if (!move(host, tid, from, to, err))
		return 0;
	lost = rdt_engine_is_gone(host->engine) || err->code == ISOLAT_USAGE;
	if (!lost || !rdt_group_is_own(from) || rdt_group_is_own(to) || !*to)
		return -1;
	step_tasks_move(host, tid, "");
	return rdt_engine_move_task(host->engine, "", tid, err);
}

/*
 * Between the question and the answer the thread may end and its number be given to another: the kernel moves by number
 * only. Numbers are given in a circle, of 32768 at least, so that it takes as many new threads in these microseconds.
 */
static int write_task(void *data, const char *object, const char *from, const char *to, struct isolat_error *err)
{
	struct step_host *host = data;
	struct isolat_error why;
	struct step_thread thread;
	int alive;

	if (step_thread_parse("write task", object, &thread, err))
		return -1;
	alive = step_thread_alive(host, "write task", object, &thread, err);
	if (alive <= 0)
		return alive;
	step_tasks_move(host, thread.tid, to);
	if (!move_home(host, thread.tid, from, to, &why))
		return 0;
	*err = why;
	if (!rdt_engine_is_gone(host->engine))
		return -1;
	/* It is the thread that is gone, or the group. */
	alive = step_thread_alive(host, "write task", object, &thread, &why);
	return alive ? -1 : 0;
}

/* The kernel gives the threads of a group that is removed to the default group, or to the control group. */
static bool falls_with_group(const char *value, const char *kind, const char *other)
{
	if (!strcmp(kind, step_monitor.name))
		return !strcmp(value, other);
	return goes_with_control(value, kind, other);
}

/* Into a monitor group it goes by way of the control group, and stays there if there is no such monitor group. */
static bool can_have_moved(const char *from, const char *to, const char *now)
{
	size_t length = rdt_group_control(to);

	return !strcmp(now, to) || (strlen(now) == length && !strncmp(now, to, length));
}

const struct step_kind step_task = {
	.name = "task",
	.read = read_task,
	.write = write_task,
	.falls_with = falls_with_group,
	.falls_to = "",
	.made = can_have_moved,
	.reads_late = true, /* a group's list for all that were moved there */
};
