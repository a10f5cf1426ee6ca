// SPDX-License-Identifier: BSD-3-Clause
#include "fake_tree.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUFFERS 8

char tree_root[256];

static void need(bool good, const char *path)
{
	if (good)
		return;
	perror(path);
	abort();
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

int tree_make(void **state)
{
	const char *tmp = getenv("TMPDIR");

	(void)state;
	snprintf(tree_root, sizeof(tree_root), "%s/isolat-test.XXXXXX", tmp ? tmp : "/tmp");
	return mkdtemp(tree_root) ? 0 : -1;
}

int tree_remove(void **state)
{
	(void)state;
	return nftw(tree_root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

const char *tree_path(const char *format, ...)
{
	static char buffers[BUFFERS][PATH_MAX];
	static unsigned int next;
	char *buffer = buffers[next++ % BUFFERS], name[PATH_MAX / 2];
	va_list ap;

	va_start(ap, format);
	vsnprintf(name, sizeof(name), format, ap);
	va_end(ap);
	snprintf(buffer, PATH_MAX, "%s/%s", tree_root, name);
	return buffer;
}

static void make_folders(char *path, bool last)
{
	for (char *slash = strchr(path + strlen(tree_root) + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		need(!mkdir(path, 0755) || errno == EEXIST, path);
		*slash = '/';
	}
	if (last)
		need(!mkdir(path, 0755) || errno == EEXIST, path);
}

static void full_path(char full[PATH_MAX], const char *path, bool folder)
{
	snprintf(full, PATH_MAX, "%s/%s", tree_root, path);
	make_folders(full, folder);
}

void tree_put_bytes(const char *path, const void *bytes, size_t size)
{
	char full[PATH_MAX];
	int fd;

	full_path(full, path, false);
	fd = open(full, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	need(fd >= 0 && write(fd, bytes, size) == (ssize_t)size && !close(fd), full);
}

void tree_put(const char *path, const char *text)
{
	tree_put_bytes(path, text, strlen(text));
}

void tree_put_folder(const char *path)
{
	char full[PATH_MAX];

	full_path(full, path, true);
}

void tree_drop(const char *path)
{
	char full[PATH_MAX];

	snprintf(full, sizeof(full), "%s/%s", tree_root, path);
	need(!nftw(full, remove_one, 16, FTW_DEPTH | FTW_PHYS), full);
}

char *tree_read(const char *path)
{
	char full[PATH_MAX], *text = calloc(1, 4096);
	int fd;

	snprintf(full, sizeof(full), "%s/%s", tree_root, path);
	fd = open(full, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return text;
	need(text && read(fd, text, 4095) >= 0 && !close(fd), full);
	return text;
}

void tree_put_stat(const char *folder, const struct tree_task *task)
{
	char path[PATH_MAX], text[512];

	snprintf(path, sizeof(path), "%s/stat", folder);
	snprintf(text, sizeof(text),
		 "%d (%s) %c %d 7 7 0 -1 %u 100 200 0 0 3 4 0 0 20 0 1 0 %llu 1000000 300 18446744073709551615 1 1 0 "
		 "0 0 0 0 4096 0 0 0 0 17 1 0 0 0 0 0 0 0 0 0 0 0 0 0\n",
		 (int)task->tid, task->name, task->state ? task->state : 'S', (int)task->parent, task->flags,
		 task->start);
	tree_put(path, text);
}

void tree_put_thread(pid_t pid, const struct tree_task *task)
{
	char folder[PATH_MAX];

	/* In procfs a thread has a folder among the processes, too, which no listing shows. */
	snprintf(folder, sizeof(folder), "proc/%d/task/%d", (int)pid, (int)task->tid);
	tree_put_stat(folder, task);
}

void tree_put_process(const struct tree_task *task, const char *cmdline, size_t size)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "proc/%d", (int)task->tid);
	tree_put_stat(path, task);
	snprintf(path, sizeof(path), "proc/%d/cmdline", (int)task->tid);
	tree_put_bytes(path, cmdline, size);
	tree_put_thread(task->tid, task);
}
