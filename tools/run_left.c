// SPDX-License-Identifier: BSD-3-Clause
#include "run_left.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proc_task.h"
#include "step_affinity.h"
#include "step_cgroup.h"
#include "step_rdt.h"

#define SUFFIX	  ".journal"
#define EXCLUSIVE "-x"

static int start_of(pid_t pid, unsigned long long *start)
{
	char path[64];
	struct proc_task task;
	int rc;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	rc = proc_task_read(AT_FDCWD, path, &task);
	if (rc)
		return rc;
	*start = task.start;
	return task.ended ? -ESRCH : 0;
}

int run_journal_name(pid_t pid, bool exclusive, char name[RUN_NAME_SIZE], struct isolat_error *err)
{
	unsigned long long start;
	int rc = start_of(pid, &start);

	if (rc)
		return isolat_fail(err, ISOLAT_FAILED, "run", NULL, "/proc/%d/stat: %s", (int)pid, strerror(-rc));
	snprintf(name, RUN_NAME_SIZE, RUN_PREFIX "%d-%llu%s", (int)pid, start, exclusive ? EXCLUSIVE : "");
	return 0;
}

/* "run-PID-START": whose it is, and whether that process lives. */
bool run_left_is_at_work(const char *name, pid_t *pid)
{
	unsigned long long start, now;
	int n;

	if (sscanf(name, RUN_PREFIX "%d-%llu", &n, &start) != 2)
		return false;
	*pid = n;
	return !start_of(n, &now) && now == start;
}

bool run_left_is_there(const char *name)
{
	char path[sizeof(TRANSACTION_FOLDER) + RUN_NAME_SIZE + sizeof(SUFFIX)];

	snprintf(path, sizeof(path), TRANSACTION_FOLDER "/%s" SUFFIX, name);
	return !access(path, F_OK) || errno != ENOENT;
}

/* ---- What lives on ---- */

json_t *run_left_about(const struct step_host *host, const char *cpus, const char *occupied)
{
	char *mine = NULL;
	json_t *about;

	/* Where it cannot be read they keep what they have. */
	(void)step_affinity_allowed(host, getpid(), &mine);
	about = json_pack("{s:i, s:s, s:s*, s:s*}", "pid", (int)getpid(), "cpus", cpus, "affinity", mine, "occupied",
			  occupied);
	free(mine);
	return about;
}

#define LOOKS 100

/* Until there is none: one that is forked meanwhile has what its parent had. */
static void unpin_group(struct applied *a, const char *group)
{
	struct isolat_error ignored;
	bool any = true;

	for (int i = 0; any && i < LOOKS; i++) {
		pid_t *tids;
		size_t n;

		any = false;
		if (rdt_engine_read_tasks(a->engine, group, &tids, &n, &ignored))
			return;
		for (size_t t = 0; t < n; t++)
			any |= step_affinity_unpin(&a->host, tids[t]);
		free(tids);
	}
}

/*
 * The run's CPUs are somebody else's afterwards. Who is in its cgroup cannot have others before it is moved out, and
 * gets them then; without one, its RDT groups tell who is its.
 */
static void unpin(struct applied *a)
{
	const json_t *about = transaction_about(a->t);
	bool in_cgroup = false;

	a->host.unpin_from = json_string_value(json_object_get(about, "cpus"));
	a->host.unpin_to = json_string_value(json_object_get(about, "affinity"));
	for (size_t i = 0; i < transaction_count(a->t); i++)
		in_cgroup |= transaction_entry(a->t, i).kind == &step_cgroup_task;
	if (in_cgroup || !a->engine || !rdt_engine_has_tasks(a->engine))
		return;
	for (size_t i = 0; i < transaction_count(a->t); i++) {
		struct transaction_entry entry = transaction_entry(a->t, i);

		if (entry.kind == &step_group)
			unpin_group(a, entry.object);
	}
}

/* ---- What runs share ---- */

int run_left_share(struct applied *a, const struct step *steps, size_t n, struct isolat_error *err)
{
	struct transaction *t;
	int rc;

	if (applied_open_beside(a, RUN_SHARED, &t, err))
		return -1;
	rc = transaction_run(t, steps, n, NULL, err) || transaction_commit(t, NULL, err) ? -1 : 0;
	transaction_close(t);
	return rc;
}

static bool others_are_there(const char *name);

/* After what the run @name has made. */
static int give_up_shared(struct applied *a, const char *name, struct isolat_error *err)
{
	struct transaction *t;
	int rc;

	if (!run_left_is_there(RUN_SHARED) || others_are_there(name))
		return 0;
	if (applied_open_beside(a, RUN_SHARED, &t, err))
		return -1;
	rc = transaction_undo(t, NULL, err);
	transaction_close(t);
	return rc;
}

/* ---- Taking back ---- */

int run_left_take_back_one(const struct applied_options *options, const char *name, struct isolat_error *err)
{
	struct applied_options of_run = *options;
	struct applied a;
	int rc;

	of_run.name = name;
	if (applied_open(&of_run, APPLIED_TAKE_BACK, &a, err))
		return -1;
	unpin(&a);
	rc = transaction_undo(a.t, NULL, err) || give_up_shared(&a, name, err) ? -1 : 0;
	applied_close(&a);
	return rc;
}

/* Where nobody is left who would: the first run was killed between making it and making what is its own. */
static int take_back_shared(const struct applied_options *options, struct isolat_error *err)
{
	struct applied_options of_runs = *options;
	struct applied a;
	int rc;

	of_runs.name = RUN_SHARED;
	if (applied_open(&of_runs, APPLIED_TAKE_BACK, &a, err))
		return -1;
	rc = others_are_there(RUN_SHARED) ? 0 : transaction_undo(a.t, NULL, err);
	applied_close(&a);
	return rc;
}

/* Calls @see with the name of each run's journal, until it fails. */
static int each_journal(int (*see)(void *data, const char *name, struct isolat_error *err), void *data,
			struct isolat_error *err)
{
	glob_t found;
	int rc = 0;

	if (!glob(TRANSACTION_FOLDER "/" RUN_PREFIX "*" SUFFIX, 0, NULL, &found)) {
		for (size_t i = 0; !rc && i < found.gl_pathc; i++) {
			const char *base = strrchr(found.gl_pathv[i], '/') + 1;
			char name[RUN_NAME_SIZE];

			snprintf(name, sizeof(name), "%.*s", (int)(strlen(base) - strlen(SUFFIX)), base);
			rc = see(data, name, err);
		}
	}
	globfree(&found);
	return rc;
}

struct gathering {
	const struct applied_options *options;
	FILE *out;
};

static int add_occupied(void *data, const char *name, struct isolat_error *err)
{
	struct gathering *g = data;
	struct applied_options of_run = *g->options;
	struct applied a;
	const char *list;
	pid_t pid;

	if (!run_left_is_at_work(name, &pid) || pid == getpid())
		return 0;
	of_run.name = name;
	if (applied_open(&of_run, APPLIED_READ, &a, err))
		return -1;
	list = json_string_value(json_object_get(transaction_about(a.t), "occupied"));
	if (list)
		fprintf(g->out, "%s%s", ftell(g->out) ? "," : "", list);
	applied_close(&a);
	return 0;
}

static int add_name(void *data, const char *name, struct isolat_error *err)
{
	struct gathering *g = data;
	pid_t pid;

	if (!run_left_is_at_work(name, &pid) || pid != getpid())
		fprintf(g->out, "%s ", name);
	return 0;
}

static char *gather(int (*add)(void *data, const char *name, struct isolat_error *err),
		    const struct applied_options *options, struct isolat_error *err)
{
	char *text = NULL;
	size_t size;
	struct gathering g = { .options = options, .out = open_memstream(&text, &size) };
	int rc;

	if (!g.out) {
		isolat_fail(err, ISOLAT_FAILED, "run", NULL, "out of memory");
		return NULL;
	}
	rc = each_journal(add, &g, err);
	if (!fclose(g.out) && !rc)
		return text;
	if (!rc)
		isolat_fail(err, ISOLAT_FAILED, "run", NULL, "out of memory");
	free(text);
	return NULL;
}

char *run_left_occupied(const struct applied_options *options, struct isolat_error *err)
{
	return gather(add_occupied, options, err);
}

char *run_left_names(void)
{
	struct isolat_error ignored;

	return gather(add_name, NULL, &ignored);
}

struct taking_back {
	const struct applied_options *options;
	size_t n;
	bool failed;
	struct isolat_error first;
};

static int take_back_dead(void *data, const char *name, struct isolat_error *err)
{
	struct taking_back *t = data;
	pid_t pid;

	if (run_left_is_at_work(name, &pid))
		return 0;
	if (!run_left_take_back_one(t->options, name, err)) {
		t->n++;
	} else if (!t->failed) {
		t->failed = true;
		t->first = *err;
	}
	return 0;
}

int run_left_take_back(const struct applied_options *options, size_t *n, struct isolat_error *err)
{
	struct taking_back t = { .options = options };

	each_journal(take_back_dead, &t, err);
	*n = t.n;
	if (t.failed) {
		*err = t.first;
		return -1;
	}
	if (!run_left_is_there(RUN_SHARED) || others_are_there(RUN_SHARED))
		return 0;
	if (take_back_shared(options, err))
		return -1;
	++*n;
	return 0;
}

struct other {
	const char *name;
	bool any;
};

static int see_other(void *data, const char *name, struct isolat_error *err)
{
	struct other *other = data;

	other->any |= strcmp(name, other->name) != 0;
	return 0;
}

/* Runs, without @name: at work, or killed and not taken back yet. Who takes the last one back takes what they share. */
static bool others_are_there(const char *name)
{
	struct other other = { .name = name };
	struct isolat_error ignored;

	each_journal(see_other, &other, &ignored);
	return other.any;
}

static int see_dead(void *data, const char *name, struct isolat_error *err)
{
	bool *any = data;
	pid_t pid;

	*any |= !run_left_is_at_work(name, &pid);
	return 0;
}

bool run_left_any(void)
{
	struct isolat_error err;
	bool any = false;

	each_journal(see_dead, &any, &err);
	return any || (run_left_is_there(RUN_SHARED) && !others_are_there(RUN_SHARED));
}

#define OPENINGS 10

int run_left_open(const struct applied_options *options, enum applied_use use, struct applied *a, size_t *n,
		  bool *is_stuck, struct isolat_error *stuck, struct isolat_error *err)
{
	bool recovered = false;

	*n = 0;
	for (int i = 0;; i++) {
		size_t more;
		int rc = run_left_take_back(options, &more, stuck ? stuck : err);

		*n += more;
		*is_stuck = rc;
		if ((rc && !stuck) || applied_open(options, use, a, err))
			return -1;
		a->recovered |= recovered;
		if (rc || i == OPENINGS || !run_left_any())
			return 0;
		recovered = a->recovered;
		applied_close(a);
	}
}

struct living {
	pid_t *pids;
	size_t n, max;
};

static int add_living(void *data, const char *name, struct isolat_error *err)
{
	struct living *living = data;
	pid_t pid;

	if (living->n < living->max && run_left_is_at_work(name, &pid))
		living->pids[living->n++] = pid;
	return 0;
}

size_t run_left_living(pid_t *pids, size_t max)
{
	struct living living = { .pids = pids, .max = max };
	struct isolat_error err;

	each_journal(add_living, &living, &err);
	return living.n;
}

static bool is_exclusive(const char *name)
{
	size_t n = strlen(name);

	return n > strlen(EXCLUSIVE) && !strcmp(name + n - strlen(EXCLUSIVE), EXCLUSIVE);
}

static int refuse_living(void *data, const char *name, struct isolat_error *err)
{
	const bool *any = data;
	pid_t pid;

	if (!run_left_is_at_work(name, &pid) || pid == getpid() || (!*any && !is_exclusive(name)))
		return 0;
	isolat_fail(err, ISOLAT_FAILED, "change host", NULL, "isolat run, PID %d, is at work", (int)pid);
	return isolat_hint(err, "wait until its command has ended, or end it");
}

int run_left_see(bool any, struct isolat_error *err)
{
	return each_journal(refuse_living, &any, err);
}
