// SPDX-License-Identifier: BSD-3-Clause
/*
 * The threads of VMs. While they are listed, threads begin and end, so they are listed again until a list has nothing
 * that the one before had not.
 */
#include "vm_find.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cgroup_path.h"
#include "report.h"
#include "vm_find_impl.h"

#define WHAT	   "find VM"
#define PASSES	   16 /* QEMU's pool of workers may never come to rest */
#define FILE_BYTES 4096
#define SHOWN	   4 /* PIDs, where there are too many */

/* One listing, of all VMs that are looked for. */
struct pass {
	struct vm_roots roots; /* none is NULL */
	struct vm_processes all;
};

/* The search for one VM in it. */
struct listing {
	const struct pass *pass;
	const char *vm;
	const struct profile_match *match;
	struct vm_ids pids; /* the processes that are it */
	struct vm_ids tids; /* threads that are named one by one, by a threaded cgroup */
	struct vm_threads threads;
	struct isolat_error *err;
};

/* ---- Task numbers ---- */

int vm_ids_add(struct vm_ids *ids, pid_t id)
{
	/* Room doubles: it is full whenever the number is a power of two. */
	if (!(ids->n & (ids->n - 1))) {
		pid_t *more = reallocarray(ids->id, ids->n ? 2 * ids->n : 1, sizeof(*more));

		if (!more)
			return -ENOMEM;
		ids->id = more;
	}
	ids->id[ids->n++] = id;
	return 0;
}

void vm_ids_free(struct vm_ids *ids)
{
	free(ids->id);
	*ids = (struct vm_ids){ 0 };
}

static bool has_id(const struct vm_ids *ids, pid_t id)
{
	for (size_t i = 0; i < ids->n; i++) {
		if (ids->id[i] == id)
			return true;
	}
	return false;
}

/* ---- Errors ---- */

static int failed(const struct listing *l, int error)
{
	return isolat_fail(l->err, ISOLAT_FAILED, WHAT, l->vm, "%s", strerror(-error));
}

__attribute__((format(printf, 2, 3))) static int not_found(const struct listing *l, const char *format, ...)
{
	char reason[sizeof(l->err->reason)];
	va_list ap;

	va_start(ap, format);
	vsnprintf(reason, sizeof(reason), format, ap);
	va_end(ap);
	report_clean(reason);
	return isolat_fail(l->err, ISOLAT_FAILED, WHAT, l->vm, "%s", reason);
}

static int too_many(const struct listing *l)
{
	char pids[SHOWN * 16] = "";

	for (size_t i = 0, used = 0; i < l->pids.n && i < SHOWN; i++)
		used += (size_t)snprintf(pids + used, sizeof(pids) - used, "%s%d", i ? ", " : "", (int)l->pids.id[i]);
	not_found(l, "%zu processes are QEMU with the name '%s': %s%s", l->pids.n, l->match->text, pids,
		  l->pids.n > SHOWN ? ", ..." : "");
	return isolat_hint(l->err, "match it by its pid or its cgroup, or end those that are not meant");
}

/* ---- Processes ---- */

static int add_process(struct listing *l, pid_t pid)
{
	return vm_ids_add(&l->pids, pid) ? failed(l, -ENOMEM) : 0;
}

static int find_by_pid(struct listing *l)
{
	const struct vm_process *process = vm_processes_find(&l->pass->all, (pid_t)l->match->pid);

	if (!process)
		return not_found(l, "there is no process %u", l->match->pid);
	if (process->task.kernel)
		return not_found(l, "process %u is the kernel's own '%s'", l->match->pid, process->task.name);
	return add_process(l, process->task.tid);
}

static bool is_guest(const struct vm_process *process, const char *name)
{
	return process && process->guest && !strcmp(process->guest, name);
}

/*
 * A QEMU that forks has a child with its own command line until that runs another program, and as a daemon it is such a
 * child: they are one VM. Two of them that are not parent and child are two.
 */
static int find_by_name(struct listing *l)
{
	const struct vm_processes *all = &l->pass->all;
	const char *name = l->match->text;
	unsigned int families = 0;

	for (size_t i = 0; i < all->n; i++) {
		if (!is_guest(&all->process[i], name))
			continue;
		families += !is_guest(vm_processes_find(all, all->process[i].task.parent), name);
		if (add_process(l, all->process[i].task.tid))
			return -1;
	}
	if (!families)
		return not_found(l, "no process is QEMU with the name '%s'", name);
	return families == 1 ? 0 : too_many(l);
}

/* What libvirt wrote down; 0 if it did not. The file of a domain that crashed stays, and its PID is used again. */
static pid_t domain_pid(const struct listing *l)
{
	const char *name = l->match->text;
	char path[PATH_MAX], *text;
	pid_t pid = 0;

	if (strchr(name, '/') ||
	    snprintf(path, sizeof(path), "%s/libvirt/qemu/%s.pid", l->pass->roots.run, name) >= (int)sizeof(path) ||
	    proc_read_text(AT_FDCWD, path, FILE_BYTES, &text) < 0)
		return 0;
	if (!proc_parse_id(text, &pid) || !is_guest(vm_processes_find(&l->pass->all, pid), name))
		pid = 0;
	free(text);
	return pid;
}

static int find_by_domain(struct listing *l)
{
	pid_t pid = domain_pid(l);

	return pid ? add_process(l, pid) : find_by_name(l);
}

static int find_by_cgroup(struct listing *l)
{
	int rc = vm_cgroup_tasks(l->pass->roots.cgroup, l->match->text, &l->pids, &l->tids);

	if (rc == -ENOMEM)
		return failed(l, rc);
	if (rc)
		return not_found(l, "cgroup '%s': %s", l->match->text, strerror(-rc));
	if (!l->pids.n && !l->tids.n)
		return not_found(l, "cgroup '%s' has no process", l->match->text);
	return 0;
}

static int find_processes(struct listing *l)
{
	switch (l->match->by) {
	case PROFILE_BY_NAME:
		return find_by_name(l);
	case PROFILE_BY_DOMAIN:
		return find_by_domain(l);
	case PROFILE_BY_CGROUP:
		return find_by_cgroup(l);
	default:
		return find_by_pid(l);
	}
}

/* ---- Threads ---- */

static int add_thread(struct listing *l, const struct proc_task *task)
{
	struct vm_threads *threads = &l->threads;

	if (!(threads->n & (threads->n - 1))) {
		struct vm_thread *more = reallocarray(threads->thread, threads->n ? 2 * threads->n : 1, sizeof(*more));

		if (!more)
			return -ENOMEM;
		threads->thread = more;
	}
	threads->thread[threads->n] = (struct vm_thread){ .tid = task->tid, .start = task->start };
	memcpy(threads->thread[threads->n++].name, task->name, sizeof(task->name));
	return 0;
}

/* Adds the thread whose "stat" is in @path below @dir; one that has ended is left out. */
static int read_thread(struct listing *l, int dir, const char *path)
{
	struct proc_task task;
	int rc = proc_task_read(dir, path, &task);

	if (proc_task_is_gone(rc))
		return 0;
	return rc ? rc : task.ended ? 0 : add_thread(l, &task);
}

static int read_tasks(struct listing *l, int dir)
{
	char path[64];
	pid_t *tids;
	size_t n;
	int rc = proc_list(dir, "task", &tids, &n);

	if (rc)
		return proc_task_is_gone(rc) ? 0 : rc;
	for (size_t i = 0; !rc && i < n; i++) {
		snprintf(path, sizeof(path), "task/%d/stat", (int)tids[i]);
		rc = read_thread(l, dir, path);
	}
	free(tids);
	return rc;
}

/* Adds the threads of a process, if it is still the one that was seen: its folder, once open, stays the same one's. */
static int read_process(struct listing *l, const struct vm_process *process)
{
	char path[PATH_MAX];
	struct proc_task now;
	int dir, rc;

	snprintf(path, sizeof(path), "%s/%d", l->pass->roots.proc, (int)process->task.tid);
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return proc_task_is_gone(-errno) ? 0 : -errno;
	rc = proc_task_read(dir, "stat", &now);
	if (!rc && now.start == process->task.start)
		rc = read_tasks(l, dir);
	close(dir);
	return proc_task_is_gone(rc) ? 0 : rc;
}

/* By its number alone; any thread has a folder there. */
static int read_one(struct listing *l, pid_t tid)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%d/stat", l->pass->roots.proc, (int)tid);
	return read_thread(l, AT_FDCWD, path);
}

/* What has come into a cgroup since all processes were listed is read whole in the next pass. */
static int read_by_pid(struct listing *l, pid_t pid)
{
	const struct vm_process *process = vm_processes_find(&l->pass->all, pid);

	return process ? read_process(l, process) : read_one(l, pid);
}

static int by_tid(const void *a, const void *b)
{
	const struct vm_thread *x = a, *y = b;

	return (x->tid > y->tid) - (x->tid < y->tid);
}

static const struct vm_thread *find_thread(const struct vm_threads *threads, pid_t tid)
{
	struct vm_thread key = { .tid = tid };

	return threads->n ? bsearch(&key, threads->thread, threads->n, sizeof(key), by_tid) : NULL;
}

/* A thread can be named twice: by its process and by a cgroup. */
static void sort_threads(struct vm_threads *threads)
{
	size_t kept = 0;

	if (!threads->n)
		return;
	qsort(threads->thread, threads->n, sizeof(*threads->thread), by_tid);
	for (size_t i = 1; i < threads->n; i++) {
		if (threads->thread[i].tid != threads->thread[kept].tid)
			threads->thread[++kept] = threads->thread[i];
	}
	threads->n = kept + 1;
}

/* ---- The kernel's threads that work for a VM ---- */

/* The number behind @prefix in a name; 0 if there is none. */
static pid_t number_behind(const char *name, const char *prefix)
{
	size_t length = strlen(prefix);
	pid_t number;

	return !strncmp(name, prefix, length) && proc_parse_id(name + length, &number) ? number : 0;
}

/* Whether a process has other numbers in its own PID namespace than here. */
static bool in_container(const struct listing *l, pid_t pid)
{
	char path[PATH_MAX], *text, *line;
	bool inside = false;

	snprintf(path, sizeof(path), "%s/%d/status", l->pass->roots.proc, (int)pid);
	if (proc_read_text(AT_FDCWD, path, FILE_BYTES, &text) < 0)
		return false;
	line = strstr(text, "\nNSpid:\t");
	if (line) {
		line += strlen("\nNSpid:\t");
		inside = line[strcspn(line, "\t\n")] == '\t';
	}
	free(text);
	return inside;
}

/*
 * vhost-N works for the thread N that set up the device. kvm-pit/N is for the process N as it calls itself: in a
 * container that is another number, which may be another VM's here, so there it is left alone. All others that a VM has
 * say nothing of it in their names.
 */
static bool works_for(const struct listing *l, const char *name)
{
	pid_t owner = number_behind(name, "vhost-");

	if (owner)
		return find_thread(&l->threads, owner);
	owner = number_behind(name, "kvm-pit/");
	return owner && has_id(&l->pids, owner) && !in_container(l, owner);
}

/* A user's process can call itself anything; the kernel's mark it cannot have. */
static int add_kernel_threads(struct listing *l)
{
	const struct vm_processes *all = &l->pass->all;
	struct vm_ids found = { 0 };
	int rc = 0;

	for (size_t i = 0; !rc && i < all->n; i++) {
		if (all->process[i].task.kernel && works_for(l, all->process[i].task.name))
			rc = vm_ids_add(&found, all->process[i].task.tid);
	}
	for (size_t i = 0; !rc && i < found.n; i++)
		rc = read_one(l, found.id[i]);
	vm_ids_free(&found);
	return rc;
}

/* ---- Passes ---- */

static int read_threads(struct listing *l)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < l->pids.n; i++)
		rc = read_by_pid(l, l->pids.id[i]);
	for (size_t i = 0; !rc && i < l->tids.n; i++)
		rc = read_one(l, l->tids.id[i]);
	if (rc)
		return failed(l, rc);
	sort_threads(&l->threads);
	if (!l->threads.n)
		return not_found(l, "all of its threads have ended");
	rc = add_kernel_threads(l);
	sort_threads(&l->threads);
	return rc ? failed(l, rc) : 0;
}

static bool is_new(const struct vm_threads *before, const struct vm_thread *thread)
{
	const struct vm_thread *known = find_thread(before, thread->tid);

	return !known || known->start != thread->start;
}

static bool has_new(const struct vm_threads *before, const struct vm_threads *now)
{
	for (size_t i = 0; i < now->n; i++) {
		if (is_new(before, &now->thread[i]))
			return true;
	}
	return false;
}

/* Lists the VM's threads in place of those listed before. Returns whether another pass may find more. */
static bool list_once(const struct pass *pass, struct vm_search *search)
{
	struct listing l = { .pass = pass, .vm = search->vm, .match = search->match, .err = &search->err };
	bool more;

	search->found = !find_processes(&l) && !read_threads(&l);
	if (!search->found)
		vm_threads_free(&l.threads);
	more = search->found && has_new(&search->threads, &l.threads);
	vm_threads_free(&search->threads);
	search->threads = l.threads;
	vm_ids_free(&l.pids);
	vm_ids_free(&l.tids);
	return more;
}

static int run_pass(struct pass *pass, struct vm_search *searches, bool *open, size_t n, size_t *left,
		    struct isolat_error *err)
{
	int rc = vm_processes_read(pass->roots.proc, &pass->all);

	if (rc)
		return isolat_fail(err, ISOLAT_FAILED, "list processes", pass->roots.proc, "%s", strerror(-rc));
	for (size_t i = 0; i < n; i++) {
		if (open[i] && !list_once(pass, &searches[i])) {
			open[i] = false;
			--*left;
		}
	}
	vm_processes_free(&pass->all);
	return 0;
}

int vm_find_all(const struct vm_roots *roots, struct vm_search *searches, size_t n, struct isolat_error *err)
{
	struct pass pass = { .roots = {
				     .proc = roots && roots->proc ? roots->proc : "/proc",
				     .cgroup = roots && roots->cgroup ? roots->cgroup : CGROUP_ROOT,
				     .run = roots && roots->run ? roots->run : "/run",
			     } };
	bool *open = malloc(n ? n : 1);
	size_t left = n;
	int rc = 0;

	if (!open)
		return isolat_fail(err, ISOLAT_FAILED, WHAT, "", "out of memory");
	memset(open, true, n);
	for (size_t i = 0; i < n; i++) {
		searches[i].threads = (struct vm_threads){ 0 };
		searches[i].found = false;
	}
	for (unsigned int i = 0; !rc && left && i < PASSES; i++)
		rc = run_pass(&pass, searches, open, n, &left, err);
	free(open);
	for (size_t i = 0; rc && i < n; i++)
		vm_threads_free(&searches[i].threads);
	return rc;
}

int vm_find_threads(const struct vm_roots *roots, const char *vm, const struct profile_match *match,
		    struct vm_threads *threads, struct isolat_error *err)
{
	struct vm_search search = { .vm = vm, .match = match };

	*threads = (struct vm_threads){ 0 };
	if (vm_find_all(roots, &search, 1, err))
		return -1;
	if (!search.found) {
		*err = search.err;
		return -1;
	}
	*threads = search.threads;
	return 0;
}

void vm_threads_free(struct vm_threads *threads)
{
	free(threads->thread);
	*threads = (struct vm_threads){ 0 };
}
