// SPDX-License-Identifier: BSD-3-Clause
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* scandirat, O_PATH */
#endif
#include "doctor_root.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <mntent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <isolat/read_all.h>

#define CPUINFO_BYTES 16384	    /* the first processor's block is 2 to 4 KiB */
#define MOUNTS_BYTES  (4096 * 1024) /* hosts with thousands of containers stay below */
#define CMDLINE_BYTES 4096	    /* x86: 2048 */

int doctor_root_open(struct doctor_root *root, const char *dir, struct isolat_error *err)
{
	root->whole = !strcmp(dir, "/");
	root->fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root->fd < 0)
		return isolat_fail(err, ISOLAT_USAGE, "open root", dir, "%s", strerror(errno));
	return 0;
}

void doctor_root_close(struct doctor_root *root)
{
	close(root->fd);
	root->fd = -1;
}

/* openat() that stays below @dir by following no symbolic link and no "..". */
static int open_inside(int dir, const char *path, int flags)
{
	int at = dir, fd;
	bool last;

	do {
		char name[NAME_MAX + 1];
		size_t length;

		path += strspn(path, "/");
		length = strcspn(path, "/");
		snprintf(name, sizeof(name), "%.*s", (int)length, path);
		path += length;
		last = !path[strspn(path, "/")];
		errno = ENOENT;
		fd = strcmp(name, "..") ? openat(at, name, O_NOFOLLOW | (last ? flags : O_PATH | O_DIRECTORY)) : -1;
		if (at != dir)
			close(at);
		at = fd;
	} while (fd >= 0 && !last);
	return fd;
}

int doctor_open(const struct doctor_root *root, const char *path, int flags)
{
	struct open_how how = {
		.flags = (unsigned int)flags | O_CLOEXEC,
		.resolve = RESOLVE_IN_ROOT,
	};
	long fd = syscall(SYS_openat2, root->fd, path, &how, sizeof(how));

	/* Seccomp filters that do not know openat2, and valgrind, refuse it. The whole machine needs no confinement. */
	if (fd < 0 && (errno == ENOSYS || errno == EPERM)) {
		path += strspn(path, "/");
		fd = root->whole ? openat(root->fd, path, flags | O_CLOEXEC)
				 : open_inside(root->fd, path, flags | O_CLOEXEC);
	}
	return fd < 0 ? -errno : (int)fd;
}

static int open_regular(const struct doctor_root *root, const char *path)
{
	int fd = doctor_open(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd < 0)
		return fd;
	if (!fstat(fd, &st) && S_ISREG(st.st_mode))
		return fd;
	close(fd);
	return -ENOENT;
}

/* Reads up to @size bytes of any kind. */
static ssize_t read_bytes(const struct doctor_root *root, const char *path, char *bytes, size_t size)
{
	int fd = open_regular(root, path);
	ssize_t got;

	if (fd < 0)
		return fd;
	got = isolat_read_all(fd, bytes, size);
	close(fd);
	return got;
}

int doctor_read(const struct doctor_root *root, const char *path, char *text, size_t size)
{
	ssize_t length = read_bytes(root, path, text, size - 1);

	if (length < 0)
		return (int)length;
	for (ssize_t i = 0; i < length; i++) {
		if (!text[i])
			text[i] = '?';
	}
	while (length && isspace((unsigned char)text[length - 1]))
		length--;
	text[length] = '\0';
	return (int)length;
}

int doctor_read_line(const struct doctor_root *root, const char *path, char *line, size_t size)
{
	int length = doctor_read(root, path, line, size);

	if (length < 0)
		return length;
	length = (int)strcspn(line, "\n");
	line[length] = '\0';
	return length;
}

int doctor_read_number(const struct doctor_root *root, const char *path, long long *value)
{
	char text[32], *end;
	int length = doctor_read(root, path, text, sizeof(text));

	if (length < 0)
		return length;
	errno = 0;
	*value = strtoll(text, &end, 10);
	return !length || *end || errno ? -EINVAL : 0;
}

int doctor_read_bool(const struct doctor_root *root, const char *path, bool *value)
{
	char text[8];
	int length = doctor_read(root, path, text, sizeof(text));

	if (length < 0)
		return length;
	if (length != 1 || !strchr("YN10", text[0]))
		return -EINVAL;
	*value = text[0] == 'Y' || text[0] == '1';
	return 0;
}

bool doctor_exists(const struct doctor_root *root, const char *path)
{
	int fd = doctor_open(root, path, O_PATH);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static bool is_directory(int dir, const char *name)
{
	struct stat st;

	return strcmp(name, ".") && strcmp(name, "..") && !fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) &&
	       S_ISDIR(st.st_mode);
}

int doctor_list(const struct doctor_root *root, const char *path, char ***names)
{
	int fd = doctor_open(root, path, O_RDONLY | O_DIRECTORY), total, count = 0;
	struct dirent **entries = NULL;

	*names = NULL;
	if (fd < 0)
		return fd;
	total = scandirat(fd, ".", &entries, NULL, alphasort);
	if (total < 0)
		count = -errno;
	else
		*names = calloc((size_t)total + 1, sizeof(**names));
	for (int i = 0; i < total; i++) {
		if (*names && is_directory(fd, entries[i]->d_name) && ((*names)[count] = strdup(entries[i]->d_name)))
			count++;
		free(entries[i]);
	}
	free(entries);
	close(fd);
	return count;
}

void doctor_free_names(char **names, int count)
{
	for (int i = 0; i < count; i++)
		free(names[i]);
	free(names);
}

int doctor_each_mount(const struct doctor_root *root, bool (*see)(const struct mntent *mount, void *data), void *data)
{
	char *bytes = malloc(MOUNTS_BYTES), line[4096];
	struct mntent mount;
	ssize_t length;
	FILE *file;

	if (!bytes)
		return -ENOMEM;
	length = read_bytes(root, "proc/mounts", bytes, MOUNTS_BYTES);
	file = length > 0 ? fmemopen(bytes, (size_t)length, "r") : NULL;
	while (file && getmntent_r(file, &mount, line, sizeof(line))) {
		if (see(&mount, data))
			break;
	}
	if (file)
		fclose(file);
	free(bytes);
	return length < 0 ? (int)length : 0;
}

/* Copies the value of the first "key : value" line of cpuinfo; false when there is none. */
static bool cpuinfo_value(const char *cpuinfo, const char *key, char *value, size_t size)
{
	for (const char *line = cpuinfo; line; line = strchr(line, '\n')) {
		size_t length;

		line += *line == '\n';
		length = strlen(key);
		if (strncmp(line, key, length) || !strchr(" \t:", line[length]))
			continue;
		line += strcspn(line, ":\n");
		line += strspn(line, ": \t");
		snprintf(value, size, "%.*s", (int)strcspn(line, "\n"), line);
		return true;
	}
	return false;
}

int doctor_read_cpu(const struct doctor_root *root, struct doctor_cpu *cpu)
{
	char cpuinfo[CPUINFO_BYTES];
	int length = doctor_read(root, "proc/cpuinfo", cpuinfo, sizeof(cpuinfo));

	*cpu = (struct doctor_cpu){ .flags = " " };
	if (length < 0)
		return length;
	if (!cpuinfo_value(cpuinfo, "flags", cpu->flags + 1, sizeof(cpu->flags) - 2))
		return -EINVAL;
	strcat(cpu->flags, " ");
	cpuinfo_value(cpuinfo, "vendor_id", cpu->vendor, sizeof(cpu->vendor));
	return 0;
}

bool doctor_cpu_has(const struct doctor_cpu *cpu, const char *flag)
{
	char word[64];

	snprintf(word, sizeof(word), " %s ", flag);
	return strstr(cpu->flags, word) != NULL;
}

bool doctor_in_guest(const struct doctor_root *root)
{
	struct doctor_cpu cpu;

	return !doctor_read_cpu(root, &cpu) && doctor_cpu_has(&cpu, "hypervisor");
}

bool doctor_next_parameter(const char **cmdline, char *parameter, size_t size)
{
	const char *start = *cmdline + strspn(*cmdline, " \t\n"), *end = start;
	bool quoted = false;

	for (; *end && (quoted || !strchr(" \t\n", *end)); end++)
		quoted ^= *end == '"';
	snprintf(parameter, size, "%.*s", (int)(end - start), start);
	*cmdline = end;
	return end != start && strcmp(parameter, "--");
}

bool doctor_parameter_is(const char *parameter, const char *name)
{
	for (; *name; name++, parameter++) {
		if ((*name == '-' ? '_' : *name) != (*parameter == '-' ? '_' : *parameter))
			return false;
	}
	return !*parameter || *parameter == '=';
}

int doctor_find_parameter(const struct doctor_root *root, const char *name, char *parameter, size_t size)
{
	char cmdline[CMDLINE_BYTES], next[512];
	const char *rest = cmdline;
	int length = doctor_read_line(root, "proc/cmdline", cmdline, sizeof(cmdline)), found = 0;

	if (length < 0)
		return length;
	while (doctor_next_parameter(&rest, next, sizeof(next))) {
		if (!doctor_parameter_is(next, name))
			continue;
		snprintf(parameter, size, "%s", next);
		found = 1;
	}
	return found;
}
