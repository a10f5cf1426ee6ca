// SPDX-License-Identifier: BSD-3-Clause
/*
 * Which thread is in which group. The kernel keeps that in the thread, and a new one inherits it. Here /proc is looked
 * through before each change and each read, if a thread was made since: a thread that was not there the last time was
 * made since, hence after all changes, and is where its parent is now. What cannot be seen: which thread of a process
 * made a new one (its leader is taken), and where a process came from whose parent has ended before anybody looked (the
 * default group is taken).
 */
#include "sim.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What /proc says of a thread. */
struct seen {
	pid_t tid, leader, parent;
	uint64_t start;
};

struct scan {
	struct seen *seen;
	size_t n, room;
};

static int compare_tids(const void *a, const void *b)
{
	const struct sim_task *x = a, *y = b;

	return (x->tid > y->tid) - (x->tid < y->tid);
}

static struct sim_task *find_among(struct sim_task *task, size_t n, pid_t tid)
{
	struct sim_task key = { .tid = tid };

	return n ? bsearch(&key, task, n, sizeof(*task), compare_tids) : NULL;
}

/* False: it has ended meanwhile. */
static bool look_at(struct seen *s)
{
	char path[64], text[1024], *behind;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", s->leader, s->tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return false;
	text[n] = '\0';
	behind = strrchr(text, ')'); /* the name may hold anything */
	return behind &&
	       sscanf(behind + 2, "%*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %lu",
		      &s->parent, &s->start) == 2;
}

static int keep(struct scan *scan, const struct seen *s)
{
	struct seen *more;

	if (scan->n == scan->room) {
		scan->room = scan->room ? 2 * scan->room : 256;
		more = reallocarray(scan->seen, scan->room, sizeof(*more));
		if (!more)
			return -ENOMEM;
		scan->seen = more;
	}
	scan->seen[scan->n++] = *s;
	return 0;
}

static int scan_process(struct scan *scan, pid_t leader)
{
	char path[32];
	struct dirent *entry;
	DIR *dir;
	int rc = 0;

	snprintf(path, sizeof(path), "/proc/%d/task", leader);
	dir = opendir(path);
	while (dir && !rc && (entry = readdir(dir))) {
		struct seen s = { .tid = atoi(entry->d_name), .leader = leader };

		if (s.tid > 0 && look_at(&s))
			rc = keep(scan, &s);
	}
	if (dir)
		closedir(dir);
	return rc;
}

static int scan_all(struct scan *scan)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	int rc = 0;

	if (!proc)
		return -errno;
	while (!rc && (entry = readdir(proc)))
		if (isdigit((unsigned char)entry->d_name[0]))
			rc = scan_process(scan, atoi(entry->d_name));
	closedir(proc);
	return rc;
}

static int by_age(const void *a, const void *b)
{
	const struct seen *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return (x->tid > y->tid) - (x->tid < y->tid);
}

/* Where a new one is. All that are older are in sim->task by now. */
static struct sim_group *inherited(struct sim *sim, const struct seen *s)
{
	struct sim_task *from = find_among(sim->task, sim->tasks, s->tid != s->leader ? s->leader : s->parent);

	return from ? from->group : &sim->root;
}

static int add_task(struct sim *sim, const struct seen *s)
{
	struct sim_task *more, new = { .tid = s->tid, .start = s->start, .seen = true };
	size_t at = sim->tasks;

	if (sim->tasks == sim->task_room) {
		sim->task_room = sim->task_room ? 2 * sim->task_room : 256;
		more = reallocarray(sim->task, sim->task_room, sizeof(*more));
		if (!more)
			return -ENOMEM;
		sim->task = more;
	}
	new.group = inherited(sim, s);
	while (at && sim->task[at - 1].tid > new.tid)
		at--;
	memmove(sim->task + at + 1, sim->task + at, (sim->tasks - at) * sizeof(new));
	sim->task[at] = new;
	sim->tasks++;
	return 0;
}

static int settle(struct sim *sim, const struct seen *s)
{
	struct sim_task *known = find_among(sim->task, sim->tasks, s->tid);

	if (!known)
		return add_task(sim, s);
	if (known->start != s->start) {
		known->start = s->start;
		known->group = inherited(sim, s);
	}
	known->seen = true;
	return 0;
}

static void drop_dead(struct sim *sim)
{
	size_t kept = 0;

	for (size_t i = 0; i < sim->tasks; i++)
		if (sim->task[i].seen)
			sim->task[kept++] = sim->task[i];
	sim->tasks = kept;
}

int sim_tasks_scan(struct sim *sim)
{
	struct scan scan = { 0 };
	int rc = scan_all(&scan);

	for (size_t i = 0; i < sim->tasks; i++)
		sim->task[i].seen = false;
	if (scan.n)
		qsort(scan.seen, scan.n, sizeof(*scan.seen), by_age);
	for (size_t i = 0; !rc && i < scan.n; i++)
		rc = settle(sim, &scan.seen[i]);
	free(scan.seen);
	if (!rc)
		drop_dead(sim);
	return rc;
}

/* The number that the kernel has given to a new task last. */
static long last_made(void)
{
	char text[128], *word;
	int fd = open("/proc/loadavg", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (fd >= 0)
		close(fd);
	text[n > 0 ? n : 0] = '\0';
	word = strrchr(text, ' ');
	return word ? atol(word) : 0;
}

/* Where nobody was made since the last look, that one holds, but for those who have ended: is_alive() tells. */
static int look(struct sim *sim)
{
	long last = last_made();

	if (last && last == sim->last_made)
		return 0;
	sim->last_made = last;
	return sim_tasks_scan(sim);
}

static bool is_alive(const struct sim_task *task)
{
	return !kill(task->tid, 0) || errno != ESRCH;
}

static int move(struct sim *sim, struct sim_group *group, pid_t tid)
{
	struct sim_task *task = find_among(sim->task, sim->tasks, tid);
	const struct sim_group *now;

	if (!task || !is_alive(task)) {
		sim_say(sim, "No task %d\n", tid);
		return -ESRCH;
	}
	now = task->group->parent ? task->group->parent : task->group;
	if (group->parent && group->parent != now) {
		sim_say(sim, "Can't move task to different control group\n");
		return -EINVAL;
	}
	task->group = group;
	return 0;
}

static char *trimmed(char *text)
{
	char *end = text + strlen(text);

	while (end > text && isspace((unsigned char)end[-1]))
		*--end = '\0';
	while (isspace((unsigned char)*text))
		text++;
	return text;
}

/* As the kernel reads an int: decimal, 0 octal, 0x hex, a sign. */
static bool parse_tid(const char *text, int *tid)
{
	char *end;
	long value;

	if (isspace((unsigned char)*text) || !*text)
		return false;
	errno = 0;
	value = strtol(text, &end, 0);
	if (*end || errno || value < INT_MIN || value > INT_MAX)
		return false;
	*tid = (int)value;
	return true;
}

/* One a write; a bad one says nothing. */
static int add_one(struct sim *sim, struct sim_group *group, char *text, pid_t caller)
{
	int tid;

	if (!parse_tid(trimmed(text), &tid) || tid < 0)
		return -EINVAL;
	sim_clear_status(sim);
	return move(sim, group, tid ? tid : caller);
}

/* Lists by commas. Those before a bad one are moved. */
static int add_some(struct sim *sim, struct sim_group *group, char *text, pid_t caller)
{
	int rc = 0;

	sim_clear_status(sim);
	while (!rc && text && *text && *text != '\n') {
		char *word = trimmed(strsep(&text, ","));
		int tid;

		if (!parse_tid(word, &tid)) {
			sim_say(sim, "Task list parsing error pid %s\n", word);
			return -EINVAL;
		}
		if (tid < 0) {
			sim_say(sim, "Invalid pid %d\n", tid);
			return -EINVAL;
		}
		rc = move(sim, group, tid ? tid : caller);
		if (rc)
			sim_say(sim, "Error while processing task %d\n", tid);
	}
	return rc;
}

int sim_group_add_tasks(struct sim *sim, struct sim_group *group, char *text, pid_t caller)
{
	int rc = look(sim);

	if (rc)
		return rc;
	if (sim->kernel < SIM_LINUX_6_12)
		return add_one(sim, group, text, caller);
	return add_some(sim, group, text, caller);
}

void sim_group_print_tasks(FILE *out, struct sim *sim, const struct sim_group *group)
{
	look(sim);
	for (size_t i = 0; i < sim->tasks; i++) {
		const struct sim_group *g = sim->task[i].group;

		if ((g == group || g->parent == group) && is_alive(&sim->task[i]))
			fprintf(out, "%d\n", sim->task[i].tid);
	}
}

void sim_tasks_give(struct sim *sim, const struct sim_group *from, struct sim_group *to)
{
	for (size_t i = 0; i < sim->tasks; i++)
		if (sim->task[i].group == from)
			sim->task[i].group = to;
}

const struct sim_group *sim_task_group(struct sim *sim, pid_t tid)
{
	struct sim_task *task;

	if (look(sim))
		return NULL;
	task = find_among(sim->task, sim->tasks, tid);
	return task && is_alive(task) ? task->group : NULL;
}
