// SPDX-License-Identifier: BSD-3-Clause
/* All processes of the host, and which of them are QEMU. */
#include "vm_find_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CMDLINE_BYTES (2U << 20) /* QEMU's takes some KiB, with a hundred of devices */

/* Not there to be read is not there: the process has ended, or is one of the kernel's. */
static int read_guest(int dir, struct vm_process *process)
{
	ssize_t length;
	char *cmdline;

	length = proc_read_text(dir, "cmdline", CMDLINE_BYTES, &cmdline);
	if (length < 0)
		return length == -ENOMEM ? -ENOMEM : 0;
	if (vm_qemu_is(cmdline, (size_t)length)) {
		process->guest = vm_qemu_guest(cmdline, (size_t)length);
		if (!process->guest)
			length = -ENOMEM;
	}
	free(cmdline);
	return length < 0 ? -ENOMEM : 0;
}

/* Returns 1; 0 if it has ended; or -errno. All is read through one descriptor, lest it be of two processes. */
static int read_process(int proc, pid_t pid, struct vm_process *process)
{
	char name[16];
	int dir, rc;

	*process = (struct vm_process){ 0 };
	snprintf(name, sizeof(name), "%d", (int)pid);
	dir = openat(proc, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return errno == EMFILE || errno == ENFILE || errno == ENOMEM ? -errno : 0;
	rc = proc_task_read(dir, "stat", &process->task);
	if (!rc && !process->task.kernel)
		rc = read_guest(dir, process);
	close(dir);
	if (rc)
		return proc_task_is_gone(rc) ? 0 : rc;
	return 1;
}

static int by_pid(const void *a, const void *b)
{
	const struct vm_process *x = a, *y = b;

	return (x->task.tid > y->task.tid) - (x->task.tid < y->task.tid);
}

static int read_all(int proc, const pid_t *pids, size_t n, struct vm_processes *all)
{
	all->process = calloc(n ? n : 1, sizeof(*all->process));
	if (!all->process)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		int rc = read_process(proc, pids[i], &all->process[all->n]);

		if (rc < 0)
			return rc;
		all->n += (size_t)rc;
	}
	qsort(all->process, all->n, sizeof(*all->process), by_pid);
	return 0;
}

int vm_processes_read(const char *proc, struct vm_processes *all)
{
	int dir = open(proc, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc;
	pid_t *pids;
	size_t n;

	*all = (struct vm_processes){ 0 };
	if (dir < 0)
		return -errno;
	rc = proc_list(dir, ".", &pids, &n);
	if (!rc) {
		rc = read_all(dir, pids, n, all);
		free(pids);
	}
	close(dir);
	if (rc)
		vm_processes_free(all);
	return rc;
}

void vm_processes_free(struct vm_processes *all)
{
	for (size_t i = 0; i < all->n; i++)
		free(all->process[i].guest);
	free(all->process);
	*all = (struct vm_processes){ 0 };
}

const struct vm_process *vm_processes_find(const struct vm_processes *all, pid_t pid)
{
	struct vm_process key = { .task.tid = pid };

	return all->n ? bsearch(&key, all->process, all->n, sizeof(key), by_pid) : NULL;
}
