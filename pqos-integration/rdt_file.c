// SPDX-License-Identifier: BSD-3-Clause
#include "rdt_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int rdt_file_open(int dir, const char *path, int flags)
{
	int fd = openat(dir, path, flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd < 0)
		return -errno;
	if (!fstat(fd, &st) && (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode)))
		return fd;
	close(fd);
	return -EINVAL;
}

void rdt_file_object(const char *root, const char *path, char *object, size_t size)
{
	char name[PATH_MAX + 2 * NAME_MAX];
	size_t room = size - sizeof("..."), length, skip;

	snprintf(name, sizeof(name), "%s%s%s", root, *path ? "/" : "", path);
	length = strlen(name);
	skip = length > room ? length - room : 0;
	snprintf(object, size, "%s%.*s", skip ? "..." : "", (int)room, name + skip);
}
