// SPDX-License-Identifier: BSD-3-Clause
#include "cgroup_path.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define FOLDER (O_RDONLY | O_DIRECTORY | O_CLOEXEC)

static bool is_part(const char *part, size_t length)
{
	bool dots = *part == '.' && (length == 1 || (length == 2 && part[1] == '.'));

	return length && length <= NAME_MAX && !dots;
}

bool cgroup_path_is_plain(const char *path)
{
	if (!*path)
		return true;
	for (;; path++) {
		size_t length = strcspn(path, "/");

		if (!is_part(path, length))
			return false;
		path += length;
		if (!*path)
			return true;
	}
}

bool cgroup_path_is_within(const char *path, const char *folder)
{
	size_t length = strlen(folder);

	return !length || (!strncmp(path, folder, length) && (!path[length] || path[length] == '/'));
}

int cgroup_path_open(const char *root, const char *path)
{
	int fd;

	if (!cgroup_path_is_plain(path))
		return -EINVAL;
	fd = open(root, FOLDER);
	/* Part by part, for O_NOFOLLOW is of the last part only. */
	while (fd >= 0 && *path) {
		size_t length = strcspn(path, "/");
		char part[NAME_MAX + 1];
		int below, error;

		snprintf(part, sizeof(part), "%.*s", (int)length, path);
		below = openat(fd, part, FOLDER | O_NOFOLLOW);
		error = errno;
		close(fd);
		errno = error;
		fd = below;
		path += length + (path[length] == '/');
	}
	return fd < 0 ? -errno : fd;
}
