/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Cgroups by their path below the root of the hierarchy, without a slash at either end: "isolat/web", "" the root. A
 * path cannot lead out of the hierarchy: parts that are empty, "." or "..", and symbolic links, are refused.
 */
#ifndef ISOLAT_CGROUP_PATH_H
#define ISOLAT_CGROUP_PATH_H

#include <stdbool.h>

#define CGROUP_ROOT "/sys/fs/cgroup"

bool cgroup_path_is_plain(const char *path);

/* Whether @path is @folder, or below it. */
bool cgroup_path_is_within(const char *path, const char *folder);

/* Opens the folder of a cgroup (O_RDONLY). Returns a descriptor or -errno: -EINVAL if the path is not plain. */
int cgroup_path_open(const char *root, const char *path);

#endif
