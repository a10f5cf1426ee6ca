// SPDX-License-Identifier: BSD-3-Clause
#include "step_tasks.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "proc_task.h"

#define FILE_BYTES 4096

/* A group's list, and when it was read. Times are counts of what happened here. */
struct list {
	char *group;
	pid_t *tids; /* ascending */
	size_t n;
	unsigned long read;
};

struct place {
	pid_t tid;
	size_t list;	     /* where it was last */
	unsigned long moved; /* by us; 0: never */
};

struct step_tasks {
	bool direct; /* the kernel says it per thread: there are no lists */
	unsigned long now;
	struct list *list;
	size_t n_lists;
	struct place *place; /* ascending by TID */
	size_t n_places;
};

static int no_memory(struct isolat_error *err)
{
	return isolat_fail(err, ISOLAT_FAILED, "find tasks", "", "out of memory");
}

/* By the thread that is asked for first. The file is there without resctrl, too, and says nothing then. */
static bool kernel_tells(const struct step_host *host, pid_t tid)
{
	char path[PATH_MAX], *text;
	bool tells;

	if (snprintf(path, sizeof(path), "%s/%d/cpu_resctrl_groups", step_host_proc(host), (int)tid) >=
		    (int)sizeof(path) ||
	    proc_read_text(AT_FDCWD, path, FILE_BYTES, &text) < 0)
		return false;
	tells = !strncmp(text, "res:", 4) && text[4] && text[4] != '\n';
	free(text);
	return tells;
}

static void free_tasks(struct step_tasks *tasks)
{
	for (size_t i = 0; tasks && i < tasks->n_lists; i++) {
		free(tasks->list[i].group);
		free(tasks->list[i].tids);
	}
	if (tasks) {
		free(tasks->list);
		free(tasks->place);
	}
	free(tasks);
}

void step_host_forget(struct step_host *host)
{
	free_tasks(host->tasks);
	host->tasks = NULL;
	host->has_cpuset = false;
}

/* ---- Lists ---- */

/* Reads the list anew. One of a group that is gone is empty. */
static int read_list(struct step_host *host, struct list *list, struct isolat_error *err)
{
	free(list->tids);
	list->tids = NULL;
	list->n = 0;
	list->read = ++host->tasks->now;
	if (!rdt_engine_read_tasks(host->engine, list->group, &list->tids, &list->n, err))
		return 0;
	return rdt_engine_is_gone(host->engine) ? 0 : -1;
}

/* There is room for it. NULL: no memory. */
static struct list *add_list(struct step_tasks *tasks, const char *group)
{
	struct list *list = &tasks->list[tasks->n_lists];

	*list = (struct list){ .group = strdup(group) };
	if (!list->group)
		return NULL;
	tasks->n_lists++;
	return list;
}

/* Makes room for @n more. */
static int grow_lists(struct step_tasks *tasks, size_t n, struct isolat_error *err)
{
	struct list *more = reallocarray(tasks->list, tasks->n_lists + n, sizeof(*more));

	if (!more)
		return no_memory(err);
	tasks->list = more;
	return 0;
}

static int add_and_read(struct step_host *host, const char *group, struct isolat_error *err)
{
	struct list *list = add_list(host->tasks, group);

	return list ? read_list(host, list, err) : no_memory(err);
}

/* Those of the monitor groups come behind that of their control group. */
static int read_monitors(struct step_host *host, const char *group, struct isolat_error *err)
{
	char path[RDT_GROUP_PATH], **names;
	size_t n;
	int rc;

	if (rdt_engine_list_monitors(host->engine, group, &names, &n, err))
		return rdt_engine_is_gone(host->engine) ? 0 : -1;
	rc = n ? grow_lists(host->tasks, n, err) : 0;
	for (size_t i = 0; !rc && i < n; i++) {
		rdt_group_name(path, group, names[i]);
		rc = add_and_read(host, path, err);
	}
	rdt_engine_free_list(names, n);
	return rc;
}

static int read_lists(struct step_host *host, char *const *groups, size_t n, struct isolat_error *err)
{
	for (size_t i = 0; i <= n; i++) {
		const char *group = i < n ? groups[i] : "";

		if (grow_lists(host->tasks, 1, err) || add_and_read(host, group, err) ||
		    read_monitors(host, group, err))
			return -1;
	}
	return 0;
}

static int by_tid_and_list(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	if (x->tid != y->tid)
		return x->tid < y->tid ? -1 : 1;
	return (x->list > y->list) - (x->list < y->list);
}

static bool is_within(const struct list *monitor, const struct list *control)
{
	size_t length = rdt_group_control(monitor->group);

	return rdt_group_monitor(monitor->group) && strlen(control->group) == length &&
	       !strncmp(monitor->group, control->group, length);
}

/*
 * Of the @n places of a thread the one that is right, or NULL. Who is in a monitor group is in two lists; the monitor
 * group's is read later.
 */
static const struct place *right_place(const struct step_tasks *tasks, const struct place *place, size_t n)
{
	if (n == 1)
		return place;
	return n == 2 && is_within(&tasks->list[place[1].list], &tasks->list[place[0].list]) ? &place[1] : NULL;
}

/* A thread that was moved while the lists were read may be in two of them: where it is now, neither can say. */
static void drop_doubles(struct step_tasks *tasks)
{
	size_t kept = 0;

	for (size_t i = 0; i < tasks->n_places;) {
		const struct place *right;
		size_t next = i + 1;

		while (next < tasks->n_places && tasks->place[next].tid == tasks->place[i].tid)
			next++;
		right = right_place(tasks, &tasks->place[i], next - i);
		if (right)
			tasks->place[kept++] = *right;
		i = next;
	}
	tasks->n_places = kept;
}

static int place_all(struct step_tasks *tasks, struct isolat_error *err)
{
	size_t n = 0;

	for (size_t i = 0; i < tasks->n_lists; i++)
		n += tasks->list[i].n;
	tasks->place = calloc(n + 1, sizeof(*tasks->place));
	if (!tasks->place)
		return no_memory(err);
	for (size_t i = 0; i < tasks->n_lists; i++) {
		for (size_t j = 0; j < tasks->list[i].n; j++)
			tasks->place[tasks->n_places++] = (struct place){ .tid = tasks->list[i].tids[j], .list = i };
	}
	qsort(tasks->place, tasks->n_places, sizeof(*tasks->place), by_tid_and_list);
	drop_doubles(tasks);
	return 0;
}

static int read_all(struct step_host *host, struct isolat_error *err)
{
	char **groups;
	size_t n;
	int rc;

	if (rdt_engine_list(host->engine, &groups, &n, err))
		return -1;
	rc = read_lists(host, groups, n, err);
	rdt_engine_free_list(groups, n);
	return rc ? rc : place_all(host->tasks, err);
}

static int prepare(struct step_host *host, pid_t tid, struct isolat_error *err)
{
	if (host->tasks)
		return 0;
	host->tasks = calloc(1, sizeof(*host->tasks));
	if (!host->tasks)
		return no_memory(err);
	host->tasks->direct = kernel_tells(host, tid);
	if (host->tasks->direct || !read_all(host, err))
		return 0;
	step_host_forget(host);
	return -1;
}

/* ---- Threads ---- */

static int compare_tid(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	return (x->tid > y->tid) - (x->tid < y->tid);
}

static struct place *find_place(const struct step_tasks *tasks, pid_t tid)
{
	struct place key = { .tid = tid };

	return tasks->n_places ? bsearch(&key, tasks->place, tasks->n_places, sizeof(key), compare_tid) : NULL;
}

static int by_number(const void *a, const void *b)
{
	const pid_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static bool is_in(const struct list *list, pid_t tid)
{
	return list->n && bsearch(&tid, list->tids, list->n, sizeof(tid), by_number);
}

int step_tasks_find(struct step_host *host, pid_t tid, char group[RDT_GROUP_PATH], struct isolat_error *err)
{
	const struct place *place;
	struct list *list;

	if (prepare(host, tid, err))
		return -1;
	place = find_place(host->tasks, tid);
	if (!place)
		return rdt_engine_find_task(host->engine, tid, group, err);
	list = &host->tasks->list[place->list];
	if (list->read < place->moved && read_list(host, list, err))
		return -1;
	if (!is_in(list, tid))
		return rdt_engine_find_task(host->engine, tid, group, err);
	snprintf(group, RDT_GROUP_PATH, "%s", list->group);
	return 0;
}

static struct list *find_list(const struct step_tasks *tasks, const char *group)
{
	for (size_t i = 0; i < tasks->n_lists; i++) {
		if (!strcmp(tasks->list[i].group, group))
			return &tasks->list[i];
	}
	return NULL;
}

static struct list *find_or_add_list(struct step_tasks *tasks, const char *group)
{
	struct list *list = find_list(tasks, group);
	struct isolat_error ignored;

	if (list)
		return list;
	return grow_lists(tasks, 1, &ignored) ? NULL : add_list(tasks, group);
}

static struct place *find_or_add_place(struct step_tasks *tasks, pid_t tid)
{
	struct place *place = find_place(tasks, tid), *more;
	size_t at = 0;

	if (place)
		return place;
	more = reallocarray(tasks->place, tasks->n_places + 1, sizeof(*more));
	if (!more)
		return NULL;
	tasks->place = more;
	while (at < tasks->n_places && more[at].tid < tid)
		at++;
	memmove(&more[at + 1], &more[at], (tasks->n_places++ - at) * sizeof(*more));
	more[at].tid = tid;
	return &more[at];
}

void step_tasks_move(struct step_host *host, pid_t tid, const char *group)
{
	struct step_tasks *tasks = host->tasks;
	struct place *place;
	struct list *list;

	if (!tasks || tasks->direct)
		return;
	list = find_or_add_list(tasks, group);
	place = list ? find_or_add_place(tasks, tid) : NULL;
	/* Without memory nothing is remembered, and all is read again. */
	if (!place) {
		step_host_forget(host);
		return;
	}
	place->list = (size_t)(list - tasks->list);
	place->moved = ++tasks->now;
}

/* Its threads are in what it was a part of then, the control group or the default one: they are looked for one by one.
 */
void step_tasks_remove(struct step_host *host, const char *group)
{
	struct step_tasks *tasks = host->tasks;
	struct list *removed = tasks ? find_list(tasks, group) : NULL;

	for (size_t i = 0; removed && i < tasks->n_lists; i++) {
		if (&tasks->list[i] == removed || is_within(&tasks->list[i], removed))
			tasks->list[i].n = 0;
	}
}
