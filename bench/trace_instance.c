// SPDX-License-Identifier: BSD-3-Clause
#include "trace_instance.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>
#include <linux/magic.h>

#define PREFIX "isolat-"

static int check_tracefs(const char *tracefs, struct isolat_error *err)
{
	struct statfs fs;

	if (statfs(tracefs, &fs)) {
		isolat_fail(err, ISOLAT_UNSUPPORTED, "find tracefs", tracefs, "%s", strerror(errno));
	} else if (fs.f_type != TRACEFS_MAGIC) {
		isolat_fail(err, ISOLAT_UNSUPPORTED, "find tracefs", tracefs, "it is not mounted there");
	} else {
		return 0;
	}
	return isolat_hint(err, "mount -t tracefs tracefs %s", TRACEFS_DEFAULT);
}

static int make_failed(const char *path, struct isolat_error *err)
{
	bool denied = errno == EACCES || errno == EPERM;

	isolat_fail(err, denied || errno == ENOENT ? ISOLAT_UNSUPPORTED : ISOLAT_FAILED, "create trace instance", path,
		    "%s", strerror(errno));
	return denied ? isolat_hint(err, "run as root") : -1;
}

/* Whether the process @pid, whose instance we see, may still use it. A number is given to another process some day. */
static bool in_use(int pid)
{
	char path[64], comm[32] = "";
	FILE *f;

	if (pid == getpid())
		return false;
	if (kill(pid, 0) && errno == ESRCH)
		return false;
	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	f = fopen(path, "re");
	if (!f)
		return true;
	if (!fgets(comm, sizeof(comm), f))
		comm[0] = '\0';
	fclose(f);
	return !strcmp(comm, "isolat\n");
}

/* The kernel refuses to remove an instance while a file of its buffer is open, whatever we think of its process. */
static void remove_leftovers(const char *instances)
{
	DIR *dir = opendir(instances);
	struct dirent *entry;
	int pid, end;

	while (dir && (entry = readdir(dir))) {
		end = 0;
		if (sscanf(entry->d_name, PREFIX "%d%n", &pid, &end) == 1 && !entry->d_name[end] && !in_use(pid))
			unlinkat(dirfd(dir), entry->d_name, AT_REMOVEDIR);
	}
	if (dir)
		closedir(dir);
}

int trace_instance_create(struct trace_instance *instance, const char *tracefs, struct isolat_error *err)
{
	char path[PATH_MAX];

	instance->path[0] = '\0';
	if (check_tracefs(tracefs, err))
		return -1;
	snprintf(path, sizeof(path), "%.3900s/instances", tracefs);
	remove_leftovers(path);
	snprintf(path, sizeof(path), "%.3900s/instances/" PREFIX "%d", tracefs, (int)getpid());
	if (mkdir(path, 0700))
		return make_failed(path, err);
	memcpy(instance->path, path, sizeof(path));
	/* A new instance records at once, and has the options of the main one. */
	if (!trace_instance_write(instance, "tracing_on", "0", err) &&
	    !trace_instance_write(instance, "options/overwrite", "1", err))
		return 0;
	rmdir(instance->path);
	instance->path[0] = '\0';
	return -1;
}

int trace_instance_remove(struct trace_instance *instance, struct isolat_error *err)
{
	struct isolat_error ignored;

	if (!instance->path[0])
		return 0;
	trace_instance_write(instance, "tracing_on", "0", &ignored);
	if (rmdir(instance->path)) {
		isolat_fail(err, ISOLAT_FAILED, "remove trace instance", instance->path, "%s", strerror(errno));
		return isolat_hint(err, "the next isolat trace removes it");
	}
	instance->path[0] = '\0';
	return 0;
}

int trace_instance_open(const struct trace_instance *instance, int flags, struct isolat_error *err, const char *format,
			...)
{
	char path[PATH_MAX + 256];
	size_t used;
	va_list ap;
	int fd;

	used = snprintf(path, sizeof(path), "%s/", instance->path);
	va_start(ap, format);
	vsnprintf(path + used, sizeof(path) - used, format, ap);
	va_end(ap);
	fd = open(path, flags | O_CLOEXEC);
	if (fd < 0)
		isolat_fail(err, errno == ENOENT ? ISOLAT_UNSUPPORTED : ISOLAT_FAILED, "open", path, "%s",
			    strerror(errno));
	return fd;
}

int trace_instance_write(const struct trace_instance *instance, const char *name, const char *text,
			 struct isolat_error *err)
{
	int fd = trace_instance_open(instance, O_WRONLY | O_TRUNC, err, "%s", name), rc = 0;

	if (fd < 0)
		return -1;
	if (write(fd, text, strlen(text)) < 0)
		rc = isolat_fail(err, ISOLAT_FAILED, "set trace option", name, "%s", strerror(errno));
	close(fd);
	return rc;
}
