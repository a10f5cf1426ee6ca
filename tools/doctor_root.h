/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The machine as the doctor's checks see it: a directory that holds proc, sys and dev. It is "/" on the machine itself,
 * or where a captured machine lies. Nothing outside it is read (symbolic links resolve inside), nothing is written.
 *
 * Paths start below the root, with a slash or without ("proc/cpuinfo"). Functions that return int give 0 or more, or
 * -errno; a file that is no regular file counts as absent (-ENOENT), so no pipe or device can hold the doctor up.
 */
#ifndef ISOLAT_DOCTOR_ROOT_H
#define ISOLAT_DOCTOR_ROOT_H

#include <stdbool.h>
#include <stddef.h>
#include <isolat/error.h>

struct doctor_root {
	int fd;
	bool whole; /* it is "/" */
};

int doctor_root_open(struct doctor_root *root, const char *dir, struct isolat_error *err);
void doctor_root_close(struct doctor_root *root);

/* Opens @path below the root with open(2)'s @flags: O_PATH, O_RDWR. Returns a descriptor. */
int doctor_open(const struct doctor_root *root, const char *path, int flags);

/*
 * Reads @path into @text, cut to @size, without the white space at its end, and returns its length. NUL bytes become
 * '?'; what else is no text is left to doctor_run(), which cleans what is shown.
 */
int doctor_read(const struct doctor_root *root, const char *path, char *text, size_t size);

/* As doctor_read(), with the first line only: what a sysfs attribute holds. */
int doctor_read_line(const struct doctor_root *root, const char *path, char *line, size_t size);

/* A decimal number; -EINVAL when the file holds anything else. */
int doctor_read_number(const struct doctor_root *root, const char *path, long long *value);

/* A module's parameter of type bool: Y, N, 1 or 0; -EINVAL when the file holds anything else. */
int doctor_read_bool(const struct doctor_root *root, const char *path, bool *value);

bool doctor_exists(const struct doctor_root *root, const char *path);

/*
 * The names of the directories in @path, sorted, in an array that doctor_free_names() takes. Returns their number.
 */
int doctor_list(const struct doctor_root *root, const char *path, char ***names);
void doctor_free_names(char **names, int count);

/*
 * Calls @see for each line of proc/mounts, until it returns true; octal escapes are resolved. Returns 0 or -errno.
 */
struct mntent;
int doctor_each_mount(const struct doctor_root *root, bool (*see)(const struct mntent *mount, void *data), void *data);

/* What most checks ask about the CPU: fields of the first processor in proc/cpuinfo. */
struct doctor_cpu {
	char vendor[32];
	char flags[8192]; /* with a space before and after */
};

int doctor_read_cpu(const struct doctor_root *root, struct doctor_cpu *cpu);
bool doctor_cpu_has(const struct doctor_cpu *cpu, const char *flag);

/* Whether the machine runs under a hypervisor; false where that cannot be told. */
bool doctor_in_guest(const struct doctor_root *root);

/* The next parameter of a kernel command line, quotes kept; false at its end, or where init's arguments begin ("--").
 */
bool doctor_next_parameter(const char **cmdline, char *parameter, size_t size);

/* Whether @parameter ("name" or "name=value") is named @name: - and _ are the same, as for the kernel. */
bool doctor_parameter_is(const char *parameter, const char *name);

/* Finds @name on the kernel's command line; the last one counts. Returns 1 when there, 0 when not, or -errno. */
int doctor_find_parameter(const struct doctor_root *root, const char *name, char *parameter, size_t size);

#endif
