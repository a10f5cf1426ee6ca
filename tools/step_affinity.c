// SPDX-License-Identifier: BSD-3-Clause
#include "step_affinity.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cgroup_path.h"
#include "plan_work.h"
#include "proc_task.h"
#include "step_cgroup.h"
#include "step_thread.h"

#define FILE_BYTES  (64U << 10)
#define PROCS_BYTES (1U << 20)
#define ALLOWED	    "Cpus_allowed_list:\t"

static int failed(int error, const char *what, const char *object, struct isolat_error *err)
{
	return isolat_fail(err, ISOLAT_FAILED, what, object, "%s", strerror(-error));
}

/* ---- Reading ---- */

int step_affinity_allowed(const struct step_host *host, pid_t tid, char **list)
{
	char file[PATH_MAX], *text, *line;
	ssize_t length;

	snprintf(file, sizeof(file), "%s/%d/status", step_host_proc(host), (int)tid);
	length = proc_read_text(AT_FDCWD, file, FILE_BYTES, &text);
	if (length < 0)
		return (int)length;
	line = strstr(text, "\n" ALLOWED);
	line = line ? line + strlen("\n" ALLOWED) : NULL;
	*list = line ? strndup(line, strcspn(line, "\n")) : NULL;
	free(text);
	return *list ? 0 : line ? -ENOMEM : -ENODATA;
}

/* The CPUs of a cgroup are those of the nearest one above it that has the controller. Returns 0 or -errno. */
static int read_effective(const struct step_host *host, char *path, char **list)
{
	ssize_t length = -ENOENT;

	for (;;) {
		char *slash = strrchr(path, '/');
		int dir = cgroup_path_open(step_cgroup_root(host), path);

		if (dir >= 0) {
			length = proc_read_text(dir, "cpuset.cpus.effective", FILE_BYTES, list);
			close(dir);
		}
		if (length >= 0 || !*path)
			break;
		*(slash ? slash : path) = '\0';
	}
	if (length < 0)
		return (int)length;
	(*list)[strcspn(*list, "\n")] = '\0';
	return 0;
}

/* CPUs that are offline may be in the one and not in the other: what counts is what the cgroup has. */
static bool has_all(const char *allowed, const char *effective)
{
	for (unsigned int cpu = 0; cpu < TOPOLOGY_MAX_CPUS; cpu++)
		if (plan_listed(effective, cpu) && !plan_listed(allowed, cpu))
			return false;
	return true;
}

enum where { OUTSIDE, INSIDE, ANYWHERE }; /* of isolat's cgroups */

/* "" for one that is not pinned, NULL for one that is not @where. Returns 0 or -errno. */
static int read_pinned(const struct step_host *host, pid_t tid, enum where where, char **value)
{
	char *path = NULL, *allowed = NULL, *effective = NULL;
	int rc = step_cgroup_of(host, tid, &path);

	*value = NULL;
	if (rc)
		return rc;
	if (where == ANYWHERE || step_cgroup_is_own(path) == (where == INSIDE)) {
		rc = step_affinity_allowed(host, tid, &allowed);
		if (!rc)
			rc = read_effective(host, path, &effective);
	}
	if (!rc && allowed) {
		*value = strdup(has_all(allowed, effective) ? "" : allowed);
		rc = *value ? 0 : -ENOMEM;
	}
	free(effective);
	free(allowed);
	free(path);
	return rc;
}

static int read_thread(struct step_host *host, const char *object, enum where where, char **value,
		       struct isolat_error *err)
{
	struct step_thread thread;
	int rc, alive;

	*value = NULL;
	if (step_thread_parse("read affinity", object, &thread, err))
		return -1;
	rc = read_pinned(host, thread.tid, where, value);
	if (!rc && !*value && where == OUTSIDE) {
		*value = strdup("");
		rc = *value ? 0 : -ENOMEM;
	}
	/* Asked behind it: who is alive now was so then, and what was read is its own and not a successor's. */
	alive = step_thread_alive(host, "read affinity", object, &thread, err);
	if (alive <= 0) {
		free(*value);
		*value = NULL;
		return alive;
	}
	return rc ? failed(rc, "read affinity", object, err) : 0;
}

static int read_affinity(void *data, const char *object, char **value, struct isolat_error *err)
{
	return read_thread(data, object, OUTSIDE, value, err);
}

static int read_pin(void *data, const char *object, char **value, struct isolat_error *err)
{
	return read_thread(data, object, INSIDE, value, err);
}

/* ---- Writing ---- */

/* Pins it to the CPUs of @list, or, if that is "", to none. Returns 0 or -errno. */
static int pin(pid_t tid, const char *list)
{
	size_t size = CPU_ALLOC_SIZE(TOPOLOGY_MAX_CPUS);
	cpu_set_t *set = CPU_ALLOC(TOPOLOGY_MAX_CPUS);
	int rc;

	if (!set)
		return -ENOMEM;
	CPU_ZERO_S(size, set);
	for (unsigned int cpu = 0; cpu < TOPOLOGY_MAX_CPUS; cpu++)
		if (!*list || plan_listed(list, cpu))
			CPU_SET_S(cpu, size, set);
	rc = sched_setaffinity(tid, size, set) ? -errno : 0;
	CPU_FREE(set);
	return rc;
}

static int write_affinity(void *data, const char *object, const char *from, const char *to, struct isolat_error *err)
{
	struct step_host *host = data;
	struct step_thread thread;
	int rc;

	if (step_thread_parse("pin thread", object, &thread, err))
		return -1;
	rc = step_thread_alive(host, "pin thread", object, &thread, err);
	if (rc <= 0)
		return rc;
	rc = pin(thread.tid, to);
	/* It has ended: who reads it sees that. */
	if (!rc || rc == -ESRCH)
		return 0;
	failed(rc, "pin thread", object, err);
	/* Of what it was pinned to nothing is there any more: no later try will do better. */
	if (rc == -EINVAL)
		err->code = ISOLAT_DRIFT;
	return -1;
}

const struct step_kind step_affinity = { .name = "affinity", .read = read_affinity, .write = write_affinity };

/* What its owner has made of it since is his, and nobody need be told. */
static bool part_pin(const char *before, const char *set, const char *now, char **to, char **theirs)
{
	*to = *theirs = NULL;
	return true;
}

const struct step_kind step_pin = { .name = "pin", .read = read_pin, .write = write_affinity, .part = part_pin };

/* ---- Over a move ---- */

struct step_pins {
	sigset_t mask; /* the caller's, from reading to putting back */
	size_t n, room;
	char *reset; /* those that have all of these by now are pinned anew; NULL: that have all of their cgroup's */
	struct pinned {
		pid_t tid;
		bool moves_on; /* it gets these CPUs, whatever it has by now */
		char *list;
	} * of;
};

/* Whether it has the CPUs of a run that ends, and is to have others. */
static bool is_to_unpin(const struct step_host *host, pid_t tid)
{
	const char *from = host->unpin_from, *to = host->unpin_to;
	char *now = NULL;
	bool is;

	if (!from || !to || !strcmp(from, to) || step_affinity_allowed(host, tid, &now))
		return false;
	is = !strcmp(now, from);
	free(now);
	return is;
}

bool step_affinity_unpin(const struct step_host *host, pid_t tid)
{
	return is_to_unpin(host, tid) && !pin(tid, host->unpin_to);
}

/* Takes its list. */
static void add_pin(struct step_pins *pins, struct pinned pinned)
{
	if (pins->n == pins->room) {
		size_t room = pins->room ? 2 * pins->room : 64;
		void *of = reallocarray(pins->of, room, sizeof(pins->of[0]));

		if (!of) {
			free(pinned.list);
			return;
		}
		pins->of = of;
		pins->room = room;
	}
	pins->of[pins->n++] = pinned;
}

/* What it is to have after a move; NULL: it is not pinned. */
static char *over_move(const struct step_host *host, pid_t tid, bool *moves_on)
{
	char *list;

	*moves_on = is_to_unpin(host, tid);
	if (*moves_on)
		return strdup(host->unpin_to);
	if (read_pinned(host, tid, ANYWHERE, &list))
		return NULL;
	if (*list)
		return list;
	free(list);
	return NULL;
}

/* What it is pinned to, in a cgroup below the root; NULL: it is not. */
static char *below_root(const struct step_host *host, pid_t tid, const char *of_root)
{
	char *allowed, *path;
	bool pinned;

	if (step_affinity_allowed(host, tid, &allowed))
		return NULL;
	pinned = strcmp(allowed, of_root) != 0 && !step_cgroup_of(host, tid, &path);
	if (pinned) {
		pinned = *path && !has_all(allowed, of_root);
		free(path);
	}
	if (pinned)
		return allowed;
	free(allowed);
	return NULL;
}

static void add_threads(const struct step_host *host, struct step_pins *pins, pid_t pid)
{
	char folder[PATH_MAX];
	pid_t *tids;
	size_t n;

	snprintf(folder, sizeof(folder), "%s/%d/task", step_host_proc(host), (int)pid);
	if (proc_list(AT_FDCWD, folder, &tids, &n))
		return;
	for (size_t i = 0; i < n; i++) {
		struct pinned pinned = { .tid = tids[i] };

		pinned.list = pins->reset ? below_root(host, tids[i], pins->reset)
					  : over_move(host, tids[i], &pinned.moves_on);
		if (pinned.list)
			add_pin(pins, pinned);
	}
	free(tids);
}

/* Signals that would end us wait until all are pinned again. */
static struct step_pins *new_pins(void)
{
	static const int ending[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGALRM, SIGUSR1, SIGUSR2, SIGPIPE };
	struct step_pins *pins = calloc(1, sizeof(*pins));
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(ending) / sizeof(ending[0]); i++)
		sigaddset(&set, ending[i]);
	if (pins)
		sigprocmask(SIG_BLOCK, &set, &pins->mask);
	return pins;
}

struct step_pins *step_pins_read(const struct step_host *host, pid_t pid)
{
	struct step_pins *pins = new_pins();

	if (pins)
		add_threads(host, pins, pid);
	return pins;
}

struct step_pins *step_pins_read_in(const struct step_host *host, int dir)
{
	struct step_pins *pins = new_pins();
	char *text, *rest, *line;
	pid_t pid;

	if (!pins || proc_read_text(dir, "cgroup.procs", PROCS_BYTES, &text) < 0)
		return pins;
	rest = text;
	while ((line = strsep(&rest, "\n")) && rest)
		if (proc_parse_id(line, &pid))
			add_threads(host, pins, pid);
	free(text);
	return pins;
}

struct step_pins *step_pins_read_all(const struct step_host *host)
{
	struct step_pins *pins = new_pins();
	char root[] = "";
	pid_t *pids;
	size_t n;

	if (!pins || read_effective(host, root, &pins->reset) || proc_list(AT_FDCWD, step_host_proc(host), &pids, &n))
		return pins;
	for (size_t i = 0; i < n; i++)
		add_threads(host, pins, pids[i]);
	free(pids);
	return pins;
}

/*
 * Whether the kernel has forgotten what it was pinned to. One that remembers may show other CPUs: more of those that it
 * was pinned to are there by now, or fewer.
 */
static bool is_reset(const struct step_host *host, pid_t tid, const char *reset)
{
	char *now = NULL;
	bool is;

	if (reset)
		is = !step_affinity_allowed(host, tid, &now) && (!strcmp(now, reset) || has_all(now, reset));
	else
		is = !read_pinned(host, tid, ANYWHERE, &now) && !*now;
	free(now);
	return is;
}

void step_pins_put_back(const struct step_host *host, struct step_pins *pins)
{
	for (size_t i = 0; pins && i < pins->n; i++) {
		struct pinned *pinned = &pins->of[i];

		/* Where it may run on none of them, it is as free as the kernel has made it. */
		if (pinned->moves_on || is_reset(host, pinned->tid, pins->reset))
			(void)pin(pinned->tid, pinned->list);
		free(pinned->list);
	}
	if (!pins)
		return;
	sigprocmask(SIG_SETMASK, &pins->mask, NULL);
	free(pins->of);
	free(pins->reset);
	free(pins);
}
