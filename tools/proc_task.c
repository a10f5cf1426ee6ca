// SPDX-License-Identifier: BSD-3-Clause
#include "proc_task.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <isolat/read_all.h>

#include "report.h"

#define STAT_BYTES 1024	      /* 52 numbers and a name take less */
#define PF_KTHREAD 0x00200000 /* of the field "flags": the kernel's, and the same since 2.6.27 */

bool proc_task_is_gone(int error)
{
	return error == -ENOENT || error == -ESRCH;
}

static int open_file(int dir, const char *path)
{
	int fd = openat(dir, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	return fd < 0 ? -errno : fd;
}

/* "PID (COMM) STATE PPID ...": COMM may hold blanks and parentheses, so that only the last ')' ends it. */
static int parse_stat(char *text, struct proc_task *task)
{
	char *open = strchr(text, '('), *close = strrchr(text, ')'), state;
	unsigned int flags;

	if (!open || !close || close < open)
		return -EINVAL;
	*open = *close = '\0';
	text[strcspn(text, " ")] = '\0';
	if (!proc_parse_id(text, &task->tid) ||
	    sscanf(close + 1, " %c %d %*d %*d %*d %*d %u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu", &state,
		   &task->parent, &flags, &task->start) != 4)
		return -EINVAL;
	snprintf(task->name, sizeof(task->name), "%s", open + 1);
	report_clean(task->name);
	task->ended = strchr("ZXx", state);
	task->kernel = flags & PF_KTHREAD;
	return 0;
}

int proc_task_read(int dir, const char *path, struct proc_task *task)
{
	char text[STAT_BYTES];
	int fd = open_file(dir, path);
	ssize_t length;

	if (fd < 0)
		return fd;
	length = isolat_read_all(fd, text, sizeof(text) - 1);
	close(fd);
	if (length < 0)
		return (int)length;
	/* A name with a NUL would hide what is behind it: there is none in the kernel's text. */
	text[length] = '\0';
	return parse_stat(text, task);
}

int proc_task_alive(const char *proc, pid_t tid, unsigned long long start)
{
	char path[PATH_MAX];
	struct proc_task task;
	int rc;

	if (snprintf(path, sizeof(path), "%s/%d/stat", proc, (int)tid) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	rc = proc_task_read(AT_FDCWD, path, &task);
	if (rc)
		return proc_task_is_gone(rc) ? 0 : rc;
	return !task.ended && task.start == start;
}

/* Digits up to @end, which is what must follow them. */
static bool parse_number(const char *text, unsigned long long max, char end, unsigned long long *number)
{
	char *rest;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	*number = strtoull(text, &rest, 10);
	return !errno && *number <= max && *rest == end;
}

bool proc_parse_id(const char *text, pid_t *id)
{
	char digits[16];
	unsigned long long number;

	if (snprintf(digits, sizeof(digits), "%s", text) >= (int)sizeof(digits))
		return false;
	digits[strcspn(digits, "\n")] = '\0';
	if (strlen(text) > strlen(digits) + 1 || !parse_number(digits, INT_MAX, '\0', &number) || !number)
		return false;
	*id = (pid_t)number;
	return true;
}

void proc_task_print(char text[PROC_TASK_OBJECT], pid_t tid, unsigned long long start)
{
	snprintf(text, PROC_TASK_OBJECT, "%d@%llu", (int)tid, start);
}

bool proc_task_parse(const char *text, pid_t *tid, unsigned long long *start)
{
	const char *at = strchr(text, '@');
	unsigned long long number;

	if (!at || !parse_number(text, INT_MAX, '@', &number) || !number ||
	    !parse_number(at + 1, ULLONG_MAX, '\0', start))
		return false;
	*tid = (pid_t)number;
	return true;
}

static int add_id(pid_t id, pid_t **ids, size_t *n)
{
	/* Room doubles: it is full whenever the number is a power of two. */
	if (!(*n & (*n - 1))) {
		pid_t *more = reallocarray(*ids, *n ? 2 * *n : 1, sizeof(**ids));

		if (!more)
			return -ENOMEM;
		*ids = more;
	}
	(*ids)[(*n)++] = id;
	return 0;
}

static int list_entries(DIR *folder, pid_t **ids, size_t *n)
{
	const struct dirent *entry;
	pid_t id;

	for (errno = 0; (entry = readdir(folder)); errno = 0) {
		if (proc_parse_id(entry->d_name, &id) && add_id(id, ids, n))
			return -ENOMEM;
	}
	return -errno;
}

int proc_list(int dir, const char *path, pid_t **ids, size_t *n)
{
	int fd = openat(dir, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = -errno;
	DIR *folder = fd < 0 ? NULL : fdopendir(fd);

	*ids = NULL;
	*n = 0;
	if (!folder) {
		if (fd < 0)
			return rc;
		rc = -errno;
		close(fd);
		return rc;
	}
	rc = list_entries(folder, ids, n);
	closedir(folder);
	if (rc) {
		free(*ids);
		*ids = NULL;
		*n = 0;
	}
	return rc;
}

ssize_t proc_read_text(int dir, const char *path, size_t limit, char **text)
{
	int fd = open_file(dir, path);
	ssize_t length;

	*text = NULL;
	if (fd < 0)
		return fd;
	length = isolat_read_text(fd, limit, text);
	close(fd);
	return length;
}
