/* SPDX-License-Identifier: BSD-3-Clause */
/* A folder of a test's own, and in it what the kernel would show: files of procfs, cgroups, /run. */
#ifndef ISOLAT_FAKE_TREE_H
#define ISOLAT_FAKE_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

extern char tree_root[256];

/* Make and remove the folder: cmocka's setup and teardown. */
int tree_make(void **state);
int tree_remove(void **state);

/* The path of @format below the root, in a buffer of its own for each of the last eight calls. */
__attribute__((format(printf, 1, 2))) const char *tree_path(const char *format, ...);

/* Puts a file there, or a folder without bytes, with all folders above. */
void tree_put_bytes(const char *path, const void *bytes, size_t size);
void tree_put(const char *path, const char *text);
void tree_put_folder(const char *path);
void tree_drop(const char *path);  /* with all that is in it */
char *tree_read(const char *path); /* "" for none; the caller frees */

/* A thread, below @folder: "proc/12/task/12" gets a stat. */
struct tree_task {
	pid_t tid, parent;
	const char *name;
	char state;	    /* 0: S */
	unsigned int flags; /* 0x200000: the kernel's own */
	unsigned long long start;
};
void tree_put_stat(const char *folder, const struct tree_task *task);

/* A process with one thread, in proc/PID; @cmdline has @size bytes. */
void tree_put_process(const struct tree_task *task, const char *cmdline, size_t size);
void tree_put_thread(pid_t pid, const struct tree_task *task);

#define TREE_KERNEL 0x208040 /* flags of a thread of the kernel's own */

#endif
