/* SPDX-License-Identifier: BSD-3-Clause */
/* What the parts of vm_find share. */
#ifndef ISOLAT_VM_FIND_IMPL_H
#define ISOLAT_VM_FIND_IMPL_H

#include <stdbool.h>

#include "proc_task.h"
#include "vm_find.h"

/* Task numbers, in any order. */
struct vm_ids {
	size_t n;
	pid_t *id;
};

int vm_ids_add(struct vm_ids *ids, pid_t id); /* 0, or -ENOMEM */
void vm_ids_free(struct vm_ids *ids);

struct vm_process {
	struct proc_task task; /* its first thread, which may have ended before the others */
	char *guest;	       /* the name that a QEMU was given, "" if none; NULL: it is no QEMU */
};

/* All processes of the host at about one moment, ascending by PID. */
struct vm_processes {
	size_t n;
	struct vm_process *process;
};

/* Returns 0 or -errno. The caller frees. */
int vm_processes_read(const char *proc, struct vm_processes *all);
void vm_processes_free(struct vm_processes *all);
const struct vm_process *vm_processes_find(const struct vm_processes *all, pid_t pid);

/* Whether a command line, which is @length bytes with a NUL behind each argument, is QEMU's. */
bool vm_qemu_is(const char *cmdline, size_t length);

/* The guest's name in QEMU's command line, "" if it has none. The caller frees; NULL where there is no memory. */
char *vm_qemu_guest(const char *cmdline, size_t length);

/*
 * Adds what is in the cgroup @path and all below: the processes to @pids, and of threaded cgroups, which hold single
 * threads, the threads to @tids. Returns 0 or -errno.
 */
int vm_cgroup_tasks(const char *root, const char *path, struct vm_ids *pids, struct vm_ids *tids);

#endif
