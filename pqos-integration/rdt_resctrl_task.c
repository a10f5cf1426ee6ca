// SPDX-License-Identifier: BSD-3-Clause
/* What is in a group: CPUs and threads. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rdt_resctrl.h"

#define SHOWN 40 /* characters of what is wrong */

/* ---- CPUs ---- */

int rdt_resctrl_read_cpus(struct rdt_engine *e, const char *group, char **list, struct isolat_error *err)
{
	struct rdt_resctrl *r = rdt_resctrl_of(e);
	size_t length;

	if (rdt_resctrl_read(r, "read CPUs", group, "cpus_list", list, &length, err))
		return -1;
	if (length && (*list)[length - 1] == '\n')
		(*list)[--length] = '\0';
	if (rdt_text_is_cpu_list(*list, length))
		return 0;
	rdt_resctrl_bad(r, "read CPUs", group, "cpus_list", err, "'%.*s' is no list of CPUs", SHOWN, *list);
	free(*list);
	*list = NULL;
	return -1;
}

int rdt_resctrl_write_cpus(struct rdt_engine *e, const char *group, const char *list, struct isolat_error *err)
{
	size_t length = strlen(list);
	char *line;
	int rc;

	if (!rdt_text_is_cpu_list(list, length))
		return isolat_fail(err, ISOLAT_USAGE, "write CPUs", group, "'%.*s' is no list of CPUs", SHOWN, list);
	if (asprintf(&line, "%s\n", list) < 0)
		return rdt_resctrl_no_memory(rdt_resctrl_of(e), "write CPUs", err);
	rc = rdt_resctrl_write(rdt_resctrl_of(e), "write CPUs", group, "cpus_list", line, RDT_TEXT_LAST_LINE, err);
	free(line);
	return rc ? -1 : 0;
}

/* ---- Threads ---- */

int rdt_resctrl_read_tasks(struct rdt_engine *e, const char *group, pid_t **tids, size_t *n, struct isolat_error *err)
{
	struct rdt_resctrl *r = rdt_resctrl_of(e);
	size_t length, line = 0;
	ssize_t count;
	char *text;

	if (rdt_resctrl_read(r, "read tasks", group, "tasks", &text, &length, err))
		return -1;
	count = rdt_text_tasks(text, length, tids, &line);
	free(text);
	if (count == -ENOMEM)
		return rdt_resctrl_no_memory(r, "read tasks", err);
	if (count < 0)
		return rdt_resctrl_bad(r, "read tasks", group, "tasks", err, "line %zu is no TID", line);
	*n = (size_t)count;
	return 0;
}

int rdt_resctrl_move_task(struct rdt_engine *e, const char *group, pid_t tid, struct isolat_error *err)
{
	struct rdt_resctrl *r = rdt_resctrl_of(e);
	char text[16];
	int rc;

	/* 0 would be the caller's own thread. */
	if (tid <= 0)
		return isolat_fail(err, ISOLAT_USAGE, "move task", group, "%d is no TID", tid);
	snprintf(text, sizeof(text), "%d\n", tid);
	rc = rdt_resctrl_write(r, "move task", group, "tasks", text, RDT_TEXT_ALL_LINES, err);
	if (rc == ESRCH)
		e->gone = true;
	return rc ? -1 : 0;
}

/* ---- Which group a thread is in ---- */

/* By what the kernel says of the thread itself; false if it does not. */
static bool ask_proc(const struct rdt_resctrl *r, pid_t tid, char group[RDT_GROUP_PATH])
{
	char path[PATH_MAX], *text;
	size_t length;
	bool found;

	if (snprintf(path, sizeof(path), "%s/%d/cpu_resctrl_groups", r->proc, tid) >= (int)sizeof(path) ||
	    rdt_resctrl_read_text(AT_FDCWD, path, &text, &length))
		return false;
	found = rdt_text_resctrl_group(text, length, group);
	free(text);
	return found;
}

bool rdt_resctrl_is_unmounted(const struct rdt_engine_config *config)
{
	char path[PATH_MAX], *text;
	size_t length;
	bool empty;

	if (snprintf(path, sizeof(path), "%s/self/cpu_resctrl_groups", config->proc ? config->proc : "/proc") >=
		    (int)sizeof(path) ||
	    rdt_resctrl_read_text(AT_FDCWD, path, &text, &length))
		return false;
	/* Mounted, a thread is always in a group: at least in the default one, "/". */
	empty = !strcmp(text, "res:\nmon:\n");
	free(text);
	return empty;
}

static bool in_proc(const struct rdt_resctrl *r, pid_t tid)
{
	char path[PATH_MAX];

	return snprintf(path, sizeof(path), "%s/%d", r->proc, tid) < (int)sizeof(path) && !access(path, F_OK);
}

static int compare_tid(const void *key, const void *element)
{
	pid_t x = *(const pid_t *)key, y = *(const pid_t *)element;

	return x < y ? -1 : x > y;
}

/* Whether @tid is in @group: 1, 0, or -1. A group that is gone by now has none. */
static int in_group(struct rdt_engine *e, const char *group, pid_t tid, struct isolat_error *err)
{
	pid_t *tids;
	size_t n;
	int found;

	if (rdt_resctrl_read_tasks(e, group, &tids, &n, err)) {
		found = e->gone ? 0 : -1;
		e->gone = false;
		return found;
	}
	found = n && bsearch(&tid, tids, n, sizeof(*tids), compare_tid);
	free(tids);
	return found;
}

/* By looking through all control groups. Returns 1, 0 or -1. */
static int search_groups(struct rdt_engine *e, pid_t tid, char group[RDT_GROUP_PATH], struct isolat_error *err)
{
	char **names;
	size_t n;
	int found;

	*group = '\0';
	found = in_group(e, group, tid, err);
	if (found || rdt_resctrl_list(e, &names, &n, err))
		return found ? found : -1;
	for (size_t i = 0; !found && i < n; i++) {
		found = in_group(e, names[i], tid, err);
		if (found > 0)
			snprintf(group, RDT_GROUP_PATH, "%s", names[i]);
	}
	rdt_engine_free_list(names, n);
	return found;
}

/* Then through the monitor groups of the one that it is in. 0 or -1. */
static int search_monitors(struct rdt_engine *e, pid_t tid, char group[RDT_GROUP_PATH], struct isolat_error *err)
{
	char name[RDT_GROUP_PATH], **names;
	int found = 0;
	size_t n;

	if (rdt_resctrl_list_monitors(e, group, &names, &n, err))
		return e->gone ? 0 : -1;
	for (size_t i = 0; !found && i < n; i++) {
		rdt_group_name(name, group, names[i]);
		found = in_group(e, name, tid, err);
	}
	if (found > 0)
		memcpy(group, name, sizeof(name));
	rdt_engine_free_list(names, n);
	return found < 0 ? -1 : 0;
}

int rdt_resctrl_find_task(struct rdt_engine *e, pid_t tid, char group[RDT_GROUP_PATH], struct isolat_error *err)
{
	const struct rdt_resctrl *r = rdt_resctrl_of(e);
	char object[32];
	int found;

	if (r->proc_knows_it && ask_proc(r, tid, group))
		return 0;
	found = search_groups(e, tid, group, err);
	if (found)
		return found < 0 ? -1 : search_monitors(e, tid, group, err);
	snprintf(object, sizeof(object), "TID %d", tid);
	e->gone = !r->proc_knows_it || !in_proc(r, tid);
	if (e->gone)
		return isolat_fail(err, ISOLAT_FAILED, "find task", object, "%s", strerror(ESRCH));
	/* Moved from a group that was still to be looked into to one that had been. */
	isolat_fail(err, ISOLAT_FAILED, "find task", object, "it is in no group, but it is there");
	return isolat_hint(err, "try again: it was moved while it was looked for");
}
