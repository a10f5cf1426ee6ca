// SPDX-License-Identifier: BSD-3-Clause
#include "fake_cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static char proc[300], cgroup[300];
static struct vm_roots roots;

struct step_host host;
struct isolat_error err;
struct fake_kernel kernel;

/* ---- The kernel's side of the files ---- */

static void set_file(int fd, const char *text)
{
	char path[64];
	int file;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	file = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	assert_true(file >= 0);
	assert_int_equal(syscall(SYS_write, file, text, strlen(text)), strlen(text));
	close(file);
}

/* Who moves is not where he was; a child that is forked meanwhile is. */
static void leave(const char *pid)
{
	char *text = tree_read("cgroup/isolat/web/cgroup.procs"), line[32], *at;

	snprintf(line, sizeof(line), "%d\n", atoi(pid));
	at = strstr(text, line);
	if (at && (at == text || at[-1] == '\n')) {
		memmove(at, at + strlen(line), strlen(at + strlen(line)) + 1);
		tree_put("cgroup/isolat/web/cgroup.procs", text);
		if (kernel.forks)
			tree_put("cgroup/isolat/web/cgroup.procs", kernel.forks);
		kernel.forks = NULL;
	}
	free(text);
}

static void take_effect(int fd, const char *path, const char *text)
{
	const char *file = strrchr(path, '/') + 1;
	char other[PATH_MAX], line[PATH_MAX];

	if (!strcmp(file, "cgroup.subtree_control")) {
		set_file(fd, *text == '+' ? "cpu cpuset memory\n" : "cpu memory\n");
		if (kernel.moved)
			kernel.moved(kernel.moved_to);
	} else if (!strcmp(file, "cpuset.cpus.partition") && !strncmp(text, "isolated", 8) && kernel.no_partition) {
		set_file(fd, "isolated invalid (Parent is not a partition root)\n");
	} else if (!strcmp(file, "cgroup.procs")) {
		snprintf(other, sizeof(other), "proc/%d/cgroup", atoi(text));
		snprintf(line, sizeof(line), "1:name=systemd:/x\n0::%.*s\n",
			 file - 1 == path ? 1 : (int)(file - 1 - path), path);
		tree_put(other, line);
		leave(text);
		if (kernel.moved)
			kernel.moved(kernel.moved_to);
	} else {
		set_file(fd, text);
		if (kernel.moved && !strcmp(file, "cpuset.cpus"))
			kernel.moved(kernel.moved_to);
	}
}

/* In place of libc's. */
ssize_t write(int fd, const void *bytes, size_t size)
{
	char link[64], path[PATH_MAX] = "", text[1024];
	const char *below;
	size_t used = strlen(kernel.log);

	if (!kernel.on)
		return syscall(SYS_write, fd, bytes, size);
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	assert_true(readlink(link, path, sizeof(path) - 1) > 0);
	assert_memory_equal(path, cgroup, strlen(cgroup));
	below = path + strlen(cgroup);
	snprintf(text, sizeof(text), "%.*s", (int)size, (const char *)bytes);
	if (kernel.error) {
		errno = kernel.error;
		kernel.error = 0;
		return -1;
	}
	snprintf(kernel.log + used, sizeof(kernel.log) - used, "%s %s", below + 1, text);
	kernel.on = false;
	take_effect(fd, below, text);
	kernel.on = true;
	return (ssize_t)size;
}

/* ---- What tests say ---- */

void put_hierarchy(void)
{
	tree_put("cgroup/cgroup.controllers", "cpu cpuset memory\n");
	tree_put("cgroup/cgroup.subtree_control", "cpu memory\n");
	tree_put("cgroup/cgroup.procs", "1\n");
	tree_put("cgroup/isolat/cgroup.subtree_control", "\n");
	tree_put("cgroup/isolat/web/cpuset.cpus", "\n");
	tree_put("cgroup/isolat/web/cpuset.mems", "\n");
	tree_put("cgroup/isolat/web/cpuset.cpus.partition", "member\n");
	tree_put("cgroup/isolat/web/memory.max", "max\n");
	tree_put("cgroup/isolat/web/cgroup.procs", "");
	tree_put("cgroup/system.slice/cpuset.cpus", "0-3\n");
	tree_put("cgroup/system.slice/cgroup.procs", "");
}

int make_host(void **state)
{
	memset(&kernel, 0, sizeof(kernel));
	if (tree_make(state))
		return -1;
	snprintf(proc, sizeof(proc), "%s/proc", tree_root);
	snprintf(cgroup, sizeof(cgroup), "%s/cgroup", tree_root);
	roots = (struct vm_roots){ .proc = proc, .cgroup = cgroup };
	host = (struct step_host){ .roots = &roots };
	tree_put("proc/mounts", "cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n");
	put_hierarchy();
	return 0;
}

int drop_host(void **state)
{
	kernel.on = false;
	step_host_forget(&host);
	return tree_remove(state);
}

void expect(const struct step_kind *kind, const char *object, const char *value)
{
	char *now;

	if (kind->read(&host, object, &now, &err))
		fail_msg("read %s %s: %s: %s", kind->name, object, err.what, err.reason);
	if (value)
		assert_string_equal(now ? now : "gone", value);
	else
		assert_null(now);
	free(now);
}

int write_to(const struct step_kind *kind, const char *object, const char *to)
{
	char *now;
	int rc;

	assert_int_equal(kind->read(&host, object, &now, &err), 0);
	assert_non_null(now);
	kernel.on = host.roots;
	rc = kind->write(&host, object, now, to, &err);
	kernel.on = false;
	free(now);
	return rc;
}

void expect_done(const struct step_kind *kind, const char *object, const char *to)
{
	if (write_to(kind, object, to))
		fail_msg("write %s %s: %s: %s", kind->name, object, err.what, err.reason);
	expect(kind, object, to);
}

void expect_refused(const struct step_kind *kind, const char *object, const char *from, const char *to)
{
	kernel.on = true;
	if (!kind->write(&host, object, from, to, &err))
		fail_msg("%s '%s' was written", kind->name, object);
	kernel.on = false;
	assert_int_equal(err.code, ISOLAT_USAGE);
	assert_string_equal(kernel.log, "");
}

void expect_log(const char *log)
{
	assert_string_equal(kernel.log, log);
}

void put_process(pid_t pid, unsigned long long start, const char *lines)
{
	char path[64];

	snprintf(path, sizeof(path), "proc/%d/cgroup", (int)pid);
	tree_put(path, lines);
	snprintf(path, sizeof(path), "proc/%d", (int)pid);
	tree_put_stat(path, &(struct tree_task){ .tid = pid, .parent = 1, .name = "qemu", .start = start });
}
