// SPDX-License-Identifier: BSD-3-Clause
/* Namespaces, and what is mounted in them. */
#include "run.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define STAGE "/tmp"

void run_die(const char *format, ...)
{
	int error = errno;
	va_list ap;

	fputs("sim-run: ", stderr);
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fprintf(stderr, "%s%s\n", error ? ": " : "", error ? strerror(error) : "");
	exit(RUN_FAILED);
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		run_die("write %s", path);
	close(fd);
}

static void map_to_root(const char *path, unsigned int id)
{
	char text[32];

	snprintf(text, sizeof(text), "0 %u 1", id);
	write_file(path, text);
}

void run_enter_private(bool user)
{
	unsigned int uid = geteuid(), gid = getegid();

	user |= uid != 0;
	if (unshare(user ? CLONE_NEWUSER | CLONE_NEWNS : CLONE_NEWNS))
		run_die("make namespaces");
	if (user) {
		write_file("/proc/self/setgroups", "deny");
		map_to_root("/proc/self/uid_map", uid);
		map_to_root("/proc/self/gid_map", gid);
	}
	if (mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL))
		run_die("make mounts private");
}

/* Above /tmp, which the namespace alone sees, and only until all is mounted elsewhere: nothing of it is on disk. */
void run_open_stage(void)
{
	if (mount("sim-run", STAGE, "tmpfs", 0, "mode=755"))
		run_die("mount a tmpfs");
	if (chdir(STAGE))
		run_die("enter it");
}

void run_close_stage(void)
{
	if (umount2(STAGE, MNT_DETACH))
		run_die("unmount a tmpfs");
}

static void make_folders(const char *path)
{
	char text[PATH_MAX];

	snprintf(text, sizeof(text), "%s", path);
	for (char *slash = text; (slash = strchr(slash + 1, '/'));) {
		*slash = '\0';
		mkdir(text, 0755);
		*slash = '/';
	}
}

void run_write(const char *path, const char *format, ...)
{
	va_list ap;
	FILE *out = fopen(path, "we");

	if (!out && errno == ENOENT) {
		make_folders(path);
		out = fopen(path, "we");
	}
	if (!out)
		run_die("make %s", path);
	va_start(ap, format);
	vfprintf(out, format, ap);
	va_end(ap);
	if (fclose(out))
		run_die("write %s", path);
}

void run_bind(const char *path, const char *over)
{
	if (mount(path, over, "none", MS_BIND | MS_REC, NULL))
		run_die("mount %s over %s", path, over);
}

static bool among(const char *const *names, const char *name)
{
	while (*names && strcmp(*names, name))
		names++;
	return *names;
}

static void copy_link(const char *from, const char *to)
{
	char target[PATH_MAX];
	ssize_t n = readlink(from, target, sizeof(target) - 1);

	if (n < 0)
		return;
	target[n] = '\0';
	if (symlink(target, to))
		run_die("copy %s", from);
}

/* An entry that cannot be mounted (sockets of others, what is gone by now) is left out. */
static void copy_entry(const char *folder, const char *copy, const struct dirent *entry)
{
	char from[PATH_MAX], to[PATH_MAX];
	struct stat st;

	snprintf(from, sizeof(from), "%s/%s", folder, entry->d_name);
	snprintf(to, sizeof(to), "%s/%s", copy, entry->d_name);
	if (lstat(from, &st))
		return;
	if (S_ISLNK(st.st_mode)) {
		copy_link(from, to);
		return;
	}
	if (S_ISDIR(st.st_mode))
		mkdir(to, 0755);
	else
		close(open(to, O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
	if (mount(from, to, "none", MS_BIND | MS_REC, NULL))
		remove(to);
}

void run_shadow(const char *path, const char *const *names)
{
	char copy[] = "shadow.XXXXXX", made[PATH_MAX];
	DIR *dir = opendir(path);
	struct dirent *entry;

	if (!dir || !mkdtemp(copy) || chmod(copy, 0755))
		run_die("copy %s", path);
	while ((entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..") && !among(names, entry->d_name))
			copy_entry(path, copy, entry);
	closedir(dir);
	for (; *names; names++) {
		snprintf(made, sizeof(made), "%s/%s", copy, *names);
		if (mkdir(made, 0755))
			run_die("make %s in a copy of %s", *names, path);
	}
	run_bind(copy, path);
}
