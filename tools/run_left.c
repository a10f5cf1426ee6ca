// SPDX-License-Identifier: BSD-3-Clause
#include "run_left.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>

#include "proc_task.h"

#define SUFFIX ".journal"

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

int run_journal_name(pid_t pid, char name[RUN_NAME_SIZE], struct isolat_error *err)
{
	unsigned long long start;
	int rc = start_of(pid, &start);

	if (rc)
		return isolat_fail(err, ISOLAT_FAILED, "run", NULL, "/proc/%d/stat: %s", (int)pid, strerror(-rc));
	snprintf(name, RUN_NAME_SIZE, RUN_PREFIX "%d-%llu", (int)pid, start);
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

int run_left_take_back_one(const struct applied_options *options, const char *name, struct isolat_error *err)
{
	struct applied_options of_run = *options;
	struct applied a;
	int rc;

	of_run.name = name;
	if (applied_open(&of_run, APPLIED_TAKE_BACK, &a, err))
		return -1;
	rc = transaction_undo(a.t, NULL, err);
	applied_close(&a);
	return rc;
}

static int is_exclusive(const struct applied_options *options, const char *name, bool *exclusive,
			struct isolat_error *err)
{
	struct applied_options of_run = *options;
	struct applied a;

	of_run.name = name;
	if (applied_open(&of_run, APPLIED_READ, &a, err))
		return -1;
	*exclusive = json_is_true(json_object_get(transaction_about(a.t), "exclusive"));
	applied_close(&a);
	return 0;
}

enum tolerance { NONE, SHARED, ALL };

static int see_journal(const struct applied_options *options, const char *path, enum tolerance tolerance, size_t *n,
		       struct isolat_error *err)
{
	const char *base = strrchr(path, '/') + 1;
	char name[RUN_NAME_SIZE];
	bool exclusive = true;
	pid_t pid = 0;

	snprintf(name, sizeof(name), "%.*s", (int)(strlen(base) - strlen(SUFFIX)), base);
	if (!run_left_is_at_work(name, &pid)) {
		++*n;
		return run_left_take_back_one(options, name, err);
	}
	if (tolerance == SHARED && is_exclusive(options, name, &exclusive, err))
		return -1;
	if (tolerance == ALL || (tolerance == SHARED && !exclusive))
		return 0;
	isolat_fail(err, ISOLAT_FAILED, "change host", NULL, "isolat run, PID %d, is at work", (int)pid);
	return isolat_hint(err, "wait until its command has ended, or end it");
}

static int see_journals(const struct applied_options *options, enum tolerance tolerance, size_t *n,
			struct isolat_error *err)
{
	glob_t found;
	int rc = 0;

	*n = 0;
	if (!glob(TRANSACTION_FOLDER "/" RUN_PREFIX "*" SUFFIX, 0, NULL, &found))
		for (size_t i = 0; !rc && i < found.gl_pathc; i++)
			rc = see_journal(options, found.gl_pathv[i], tolerance, n, err);
	globfree(&found);
	return rc;
}

int run_left_take_back(const struct applied_options *options, size_t *n, struct isolat_error *err)
{
	return see_journals(options, NONE, n, err);
}

int run_left_make_room(const struct applied_options *options, bool exclusive, struct isolat_error *err)
{
	size_t n;

	return see_journals(options, exclusive ? SHARED : ALL, &n, err);
}
