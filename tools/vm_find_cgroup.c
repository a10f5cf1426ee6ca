// SPDX-License-Identifier: BSD-3-Clause
/* The tasks in a cgroup (version 2) and all below. */
#include "vm_find_impl.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cgroup_path.h"

#define LIST_BYTES (64U << 20) /* millions of tasks */
#define TYPE_BYTES 64
#define DEPTH	   64 /* of cgroups below the one that was named; a descriptor is held for each */

/* Numbers, one a line. 0 is a process of a PID namespace that we cannot see. */
static int add_lines(char *text, struct vm_ids *ids)
{
	char *line;
	pid_t id;

	while ((line = strsep(&text, "\n"))) {
		if (proc_parse_id(line, &id) && vm_ids_add(ids, id))
			return -ENOMEM;
	}
	return 0;
}

static int read_list(int dir, const char *file, struct vm_ids *ids)
{
	char *text;
	ssize_t length = proc_read_text(dir, file, LIST_BYTES, &text);
	int rc;

	if (length < 0)
		return (int)length;
	rc = add_lines(text, ids);
	free(text);
	return rc;
}

/* Of a threaded cgroup the kernel lists no processes: they are its domain's, of which it has some threads. */
static bool is_threaded(int dir)
{
	char *type;
	bool threaded;

	if (proc_read_text(dir, "cgroup.type", TYPE_BYTES, &type) < 0)
		return false;
	threaded = !strcmp(type, "threaded\n");
	free(type);
	return threaded;
}

static int read_tasks(int dir, struct vm_ids *pids, struct vm_ids *tids)
{
	return is_threaded(dir) ? read_list(dir, "cgroup.threads", tids) : read_list(dir, "cgroup.procs", pids);
}

/* What is removed while it is read says so in one of these ways. */
static bool is_gone(int error)
{
	return error == -ENOENT || error == -ENODEV;
}

static int read_tree(int dir, unsigned int depth, struct vm_ids *pids, struct vm_ids *tids);

static int read_below(int dir, const char *name, unsigned int depth, struct vm_ids *pids, struct vm_ids *tids)
{
	int fd, rc;

	if (!strcmp(name, ".") || !strcmp(name, ".."))
		return 0;
	fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR || errno == ELOOP ? 0 : -errno;
	rc = read_tree(fd, depth + 1, pids, tids);
	return is_gone(rc) ? 0 : rc;
}

static bool may_be_folder(const struct dirent *entry)
{
	return entry->d_type == DT_DIR || entry->d_type == DT_UNKNOWN;
}

/* Closes @dir. */
static int read_tree(int dir, unsigned int depth, struct vm_ids *pids, struct vm_ids *tids)
{
	DIR *folder = fdopendir(dir);
	const struct dirent *entry;
	int rc;

	if (!folder) {
		rc = -errno;
		close(dir);
		return rc;
	}
	rc = depth > DEPTH ? -ELOOP : read_tasks(dir, pids, tids);
	for (errno = 0; !rc && (entry = readdir(folder)); errno = 0) {
		if (may_be_folder(entry))
			rc = read_below(dir, entry->d_name, depth, pids, tids);
	}
	if (!rc)
		rc = -errno;
	closedir(folder);
	return rc;
}

int vm_cgroup_tasks(const char *root, const char *path, struct vm_ids *pids, struct vm_ids *tids)
{
	/* The root holds all of the host: it is nobody's VM. */
	int dir = *path ? cgroup_path_open(root, path) : -EINVAL;

	return dir < 0 ? dir : read_tree(dir, 0, pids, tids);
}
