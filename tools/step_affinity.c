// SPDX-License-Identifier: BSD-3-Clause
#include "step_affinity.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cgroup_path.h"
#include "plan_work.h"
#include "proc_task.h"
#include "step_cgroup.h"
#include "step_thread.h"

#define FILE_BYTES (64U << 10)
#define ALLOWED	   "Cpus_allowed_list:\t"

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

/* "" for one that is not pinned; in isolat's cgroups that is not looked at, unless @anywhere. Returns 0 or -errno. */
static int read_pinned(const struct step_host *host, pid_t tid, bool anywhere, char **value)
{
	char *path = NULL, *allowed = NULL, *effective = NULL;
	int rc = step_cgroup_of(host, tid, &path);

	*value = NULL;
	if (rc)
		return rc;
	if (anywhere || !step_cgroup_is_own(path)) {
		rc = step_affinity_allowed(host, tid, &allowed);
		if (!rc)
			rc = read_effective(host, path, &effective);
	}
	if (!rc) {
		*value = strdup(!allowed || has_all(allowed, effective) ? "" : allowed);
		rc = *value ? 0 : -ENOMEM;
	}
	free(effective);
	free(allowed);
	free(path);
	return rc;
}

static int read_affinity(void *data, const char *object, char **value, struct isolat_error *err)
{
	struct step_host *host = data;
	struct step_thread thread;
	int rc, alive;

	*value = NULL;
	if (step_thread_parse("read affinity", object, &thread, err))
		return -1;
	rc = read_pinned(host, thread.tid, false, value);
	/* Asked behind it: who is alive now was so then, and what was read is its own and not a successor's. */
	alive = step_thread_alive(host, "read affinity", object, &thread, err);
	if (alive <= 0) {
		free(*value);
		*value = NULL;
		return alive;
	}
	return rc ? failed(rc, "read affinity", object, err) : 0;
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

/* ---- Over a move ---- */

struct step_pins {
	size_t n;
	struct {
		pid_t tid;
		char *list; /* NULL: not pinned */
	} of[];
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

struct step_pins *step_pins_read(const struct step_host *host, pid_t pid)
{
	struct step_pins *pins;
	char folder[PATH_MAX];
	pid_t *tids;
	size_t n;

	snprintf(folder, sizeof(folder), "%s/%d/task", step_host_proc(host), (int)pid);
	if (proc_list(AT_FDCWD, folder, &tids, &n))
		return NULL;
	pins = calloc(1, sizeof(*pins) + n * sizeof(pins->of[0]));
	for (size_t i = 0; pins && i < n; i++) {
		pins->of[i].tid = tids[i];
		if (is_to_unpin(host, tids[i])) {
			pins->of[i].list = strdup(host->unpin_to);
		} else if (!read_pinned(host, tids[i], true, &pins->of[i].list) && !*pins->of[i].list) {
			free(pins->of[i].list);
			pins->of[i].list = NULL;
		}
		pins->n++;
	}
	free(tids);
	return pins;
}

void step_pins_put_back(const struct step_host *host, struct step_pins *pins)
{
	for (size_t i = 0; pins && i < pins->n; i++) {
		const char *list = pins->of[i].list;
		char *now = NULL;

		/* Where it may run on none of them, it is as free as the kernel has made it. */
		if (list && !step_affinity_allowed(host, pins->of[i].tid, &now) && strcmp(now, list) != 0)
			(void)pin(pins->of[i].tid, list);
		free(now);
		free(pins->of[i].list);
	}
	free(pins);
}
