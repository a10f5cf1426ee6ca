/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The processes and threads of the VMs that run on this host. A VM is all of its threads: vCPUs, emulator, iothreads,
 * and the kernel's vhost threads that work for it.
 */
#ifndef ISOLAT_VM_FIND_H
#define ISOLAT_VM_FIND_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <isolat/error.h>

#include "profile.h"

/* A thread, and when it began, in clock ticks since boot (field 22 of /proc/PID/stat): TIDs are used again. */
struct vm_thread {
	pid_t tid;
	unsigned long long start;
	char name[16]; /* comm */
};

struct vm_threads {
	size_t n;
	struct vm_thread *thread; /* ascending by TID */
};

/* Where to look; NULL is the machine's own. */
struct vm_roots {
	const char *proc;   /* /proc */
	const char *cgroup; /* /sys/fs/cgroup, version 2 */
	const char *run;    /* /run: libvirt/qemu/NAME.pid */
};

/*
 * All threads, now, of the VM that @match names. By pid: the process. By name: the one process whose command line is
 * QEMU's with "-name NAME" or "-name guest=NAME,..." By domain: the process in libvirt/qemu/NAME.pid, or else as by
 * name. By cgroup: all processes in it and below. Fails with ISOLAT_FAILED when there is none, or more than one where
 * one is meant; err->object is @vm, the VM's name in the profile. What ends while it is read is left out. The caller
 * frees.
 */
int vm_find_threads(const struct vm_roots *roots, const char *vm, const struct profile_match *match,
		    struct vm_threads *threads, struct isolat_error *err);

/* One of several VMs. */
struct vm_search {
	const char *vm;
	const struct profile_match *match;
	struct vm_threads threads; /* if found; the caller frees */
	bool found;
	struct isolat_error err; /* if not found, as vm_find_threads() fills it */
};

/*
 * As vm_find_threads(), for several VMs with one look at the host's processes, which is what takes the time. A VM that
 * is not found is no failure of the whole.
 */
int vm_find_all(const struct vm_roots *roots, struct vm_search *searches, size_t n, struct isolat_error *err);

void vm_threads_free(struct vm_threads *threads);

#endif
