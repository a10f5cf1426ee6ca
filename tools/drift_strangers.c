// SPDX-License-Identifier: BSD-3-Clause
/*
 * Who is in isolat's groups, and uses their ways and bandwidth, without being of a VM that they are for. What a VM, or
 * a command under isolat run, has forked is where its parent was, and no stranger.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "drift.h"
#include "proc_task.h"
#include "run_left.h"
#include "step_rdt.h"

#define MAX_RUNS     256
#define MAX_PARENTS  64 /* looked at, from a process up */
#define STATUS_BYTES 4096

/* Threads that belong there, and processes whose children do, ascending. */
struct known {
	pid_t *id;
	size_t n;
};

static int ascending(const void *a, const void *b)
{
	pid_t x = *(const pid_t *)a, y = *(const pid_t *)b;

	return x < y ? -1 : x > y;
}

static bool is_known(const struct known *known, pid_t id)
{
	return bsearch(&id, known->id, known->n, sizeof(id), ascending);
}

static int know(const struct vm_search *found, size_t n, struct known *known, struct isolat_error *err)
{
	size_t max = MAX_RUNS;

	for (size_t i = 0; i < n; i++)
		max += found[i].threads.n;
	known->id = malloc(max * sizeof(*known->id));
	if (!known->id)
		return isolat_fail(err, ISOLAT_FAILED, "verify", NULL, "out of memory");
	known->n = run_left_living(known->id, MAX_RUNS);
	for (size_t i = 0; i < n; i++)
		for (size_t t = 0; t < found[i].threads.n; t++)
			known->id[known->n++] = found[i].threads.thread[t].tid;
	qsort(known->id, known->n, sizeof(*known->id), ascending);
	return 0;
}

/* A number of /proc/ID/status, @key with its colon; 0 where it is gone. */
static pid_t status_number(pid_t id, const char *key)
{
	char path[64], *text, *at;
	pid_t number = 0;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)id);
	if (proc_read_text(AT_FDCWD, path, STATUS_BYTES, &text) < 0)
		return 0;
	at = strstr(text, key);
	if (at && at > text && at[-1] == '\n')
		number = (pid_t)strtol(at + strlen(key), NULL, 10);
	free(text);
	return number;
}

/* Or has ended meanwhile. */
static bool is_of_known(const struct known *known, pid_t tid)
{
	pid_t id = status_number(tid, "Tgid:");

	for (int i = 0; id > 1 && i < MAX_PARENTS; i++) {
		if (is_known(known, id))
			return true;
		id = status_number(id, "PPid:");
	}
	return !status_number(tid, "Tgid:");
}

static void see_stranger(struct drift *d, const char *group, pid_t tid)
{
	char path[64], object[PROC_TASK_OBJECT];
	struct proc_task task;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)tid);
	if (proc_task_read(AT_FDCWD, path, &task))
		return;
	proc_task_print(object, tid, task.start);
	drift_add(d, "thread", object, "", group, "thread %d (%s), which is of no VM, is in %s", (int)tid, task.name,
		  group);
}

static int see_tasks(struct drift *d, struct applied *a, const char *group, const struct known *known,
		     struct isolat_error *err)
{
	pid_t *tids;
	size_t n;

	if (rdt_engine_read_tasks(a->engine, group, &tids, &n, err))
		return rdt_engine_is_gone(a->engine) ? 0 : -1; /* that it is gone is told as its own */
	for (size_t i = 0; i < n; i++)
		if (!is_known(known, tids[i]) && !is_of_known(known, tids[i]))
			see_stranger(d, group, tids[i]);
	free(tids);
	return 0;
}

static bool has_cpus(const struct transaction *t, const char *group)
{
	for (size_t i = 0; i < transaction_count(t); i++) {
		struct transaction_entry entry = transaction_entry(t, i);

		if (entry.kind == &step_cpus && !strcmp(entry.object, group))
			return true;
	}
	return false;
}

static int see_cpus(struct drift *d, struct applied *a, const char *group, struct isolat_error *err)
{
	char *cpus;

	if (has_cpus(a->t, group))
		return 0; /* compared as all objects are */
	if (rdt_engine_read_cpus(a->engine, group, &cpus, err))
		return rdt_engine_is_gone(a->engine) ? 0 : -1;
	if (*cpus)
		drift_add(d, "cpus", group, "", cpus, "its CPUs were none and are %s", cpus);
	free(cpus);
	return 0;
}

int drift_see_strangers(struct drift *d, struct applied *a, const struct vm_search *found, size_t n,
			struct isolat_error *err)
{
	struct known known = { 0 };
	int rc = 0;

	if (!rdt_engine_has_tasks(a->engine))
		return 0;
	if (know(found, n, &known, err))
		return -1;
	for (size_t i = 0; !rc && i < transaction_count(a->t); i++) {
		struct transaction_entry entry = transaction_entry(a->t, i);

		if (entry.kind == &step_group)
			rc = see_cpus(d, a, entry.object, err) || see_tasks(d, a, entry.object, &known, err) ? -1 : 0;
	}
	free(known.id);
	return rc;
}
