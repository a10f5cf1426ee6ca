/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Tasks (threads, and processes as their first threads) as procfs shows them. All functions return 0 or more, or
 * -errno; -ENOENT and -ESRCH both mean that the task has ended: proc_task_is_gone().
 */
#ifndef ISOLAT_PROC_TASK_H
#define ISOLAT_PROC_TASK_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define PROC_TASK_NAME 16 /* comm's bytes, with its end */

struct proc_task {
	pid_t tid, parent;
	char name[PROC_TASK_NAME]; /* as the task's owner set it, control characters taken out */
	bool ended;		   /* a zombie, or about to be one */
	bool kernel;		   /* a thread of the kernel's own: nobody else can have a task with this mark */
	unsigned long long start;  /* in clock ticks since boot */
};

bool proc_task_is_gone(int error);

/* Reads a "stat" file, @path below the folder @dir. */
int proc_task_read(int dir, const char *path, struct proc_task *task);

/*
 * Whether the task that began at @start is alive: 1, or 0 if it has ended, or another has its TID by now. @proc is
 * where procfs is.
 */
int proc_task_alive(const char *proc, pid_t tid, unsigned long long start);

/* "TID@START": a task as an object of steps. A later one of the same number is another. */
#define PROC_TASK_OBJECT 48 /* bytes, with its end */
void proc_task_print(char text[PROC_TASK_OBJECT], pid_t tid, unsigned long long start);
/* That, and nothing else, as two numbers. */
bool proc_task_parse(const char *text, pid_t *tid, unsigned long long *start);

/* The numbers among the names in a folder, in the folder's order. The caller frees. */
int proc_list(int dir, const char *path, pid_t **ids, size_t *n);

/* A task's number: decimal, above 0, with nothing but perhaps a newline behind. */
bool proc_parse_id(const char *text, pid_t *id);

/*
 * Reads a file to its end, or to @limit bytes, and puts a NUL behind them. Returns how many bytes there are. The caller
 * frees, save after an error.
 */
ssize_t proc_read_text(int dir, const char *path, size_t limit, char **text);

#endif
