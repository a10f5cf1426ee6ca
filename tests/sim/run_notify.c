// SPDX-License-Identifier: BSD-3-Clause
/*
 * System calls of the command that are answered here, by seccomp's user notification: a FUSE file system cannot say
 * that it is resctrl, nor be mounted as one.
 *
 *   statfs, fstatfs     of the simulator: resctrl's magic number
 *   open                of /proc/.../mounts and mountinfo: resctrl with its options; of cpu_resctrl_groups: the
 *                       simulator's
 *   mount, umount2      of resctrl, with --mounts
 *   sched_setaffinity   to CPUs of which this machine has none: the simulated one has them
 *
 * All others of these calls go on as they were.
 */
#include "run.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/magic.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/xattr.h>
#include <unistd.h>

#define NOTICED(nr) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (nr), 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF)

int run_notify_install(const struct run_notify *notify)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		NOTICED(notify->fast ? SYS_statfs : SYS_openat),
		NOTICED(notify->fast ? SYS_statfs : SYS_open),
		NOTICED(SYS_statfs),
		NOTICED(SYS_fstatfs),
		NOTICED(SYS_sched_setaffinity),
		NOTICED(notify->mounts ? SYS_mount : SYS_fstatfs),
		NOTICED(notify->mounts ? SYS_umount2 : SYS_fstatfs),
		NOTICED(notify->mounts ? SYS_fsopen : SYS_fstatfs),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { .len = sizeof(filter) / sizeof(filter[0]), .filter = filter };
	long listener = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);

	if (listener < 0)
		run_die("install a seccomp filter");
	return (int)listener;
}

struct call {
	const struct run_notify *notify;
	int listener;
	struct seccomp_notif request;
};

/* What a call comes to: PASS, a negative errno, or its result. */
#define PASS LONG_MIN

/* A string of the caller's. */
static bool read_string(const struct call *c, unsigned int argument, char text[PATH_MAX])
{
	uint64_t address = c->request.data.args[argument];
	size_t used = 0;

	text[0] = '\0';
	while (address && used < PATH_MAX) {
		/* Never across a page: the next may not be there. */
		size_t n = 4096 - (address + used) % 4096;
		struct iovec to = { text + used, n < PATH_MAX - used ? n : PATH_MAX - used };
		struct iovec from = { (void *)(uintptr_t)(address + used), to.iov_len };
		ssize_t got = process_vm_readv((pid_t)c->request.pid, &to, 1, &from, 1, 0);

		if (got <= 0)
			return false;
		if (memchr(text + used, '\0', (size_t)got))
			return true;
		used += (size_t)got;
	}
	text[PATH_MAX - 1] = '\0';
	return false;
}

static bool write_back(const struct call *c, unsigned int argument, void *bytes, size_t n)
{
	struct iovec from = { bytes, n }, to = { (void *)(uintptr_t)c->request.data.args[argument], n };

	return process_vm_writev((pid_t)c->request.pid, &from, 1, &to, 1, 0) == (ssize_t)n;
}

/* An attribute of the simulator's root; "" if it has none. */
static const char *attribute(const char *name, char text[64])
{
	ssize_t n = getxattr(RESCTRL, name, text, 63);

	text[n < 0 ? 0 : n] = '\0';
	return text;
}

static bool is_mounted(void)
{
	char text[64];

	return !strcmp(attribute("user.sim.mounted", text), "yes");
}

/* ---- statfs ---- */

static bool same_device(const struct stat *st)
{
	struct stat root;

	return !stat(RESCTRL, &root) && st->st_dev == root.st_dev;
}

static long answer_statfs(const struct call *c, const char *path)
{
	struct statfs fs;
	struct stat st;

	if (stat(path, &st) || !same_device(&st) || statfs(path, &fs))
		return PASS;
	fs.f_type = is_mounted() ? RDTGROUP_SUPER_MAGIC : SYSFS_MAGIC;
	return write_back(c, 1, &fs, sizeof(fs)) ? 0 : -EFAULT;
}

static long on_statfs(const struct call *c)
{
	char path[PATH_MAX], from[PATH_MAX + 64];

	if (!read_string(c, 0, path))
		return PASS;
	if (path[0] == '/')
		return answer_statfs(c, path);
	snprintf(from, sizeof(from), "/proc/%u/cwd/%s", c->request.pid, path);
	return answer_statfs(c, from);
}

static long on_fstatfs(const struct call *c)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%u/fd/%d", c->request.pid, (int)c->request.data.args[0]);
	return answer_statfs(c, path);
}

/* ---- open ---- */

/* Gives the caller a descriptor of its own on @text. */
static long give_text(const struct call *c, const char *text, size_t n, unsigned int flags)
{
	struct seccomp_notif_addfd add = { .id = c->request.id };
	int fd = memfd_create("sim-run", MFD_CLOEXEC), theirs;

	if (fd < 0 || write(fd, text, n) != (ssize_t)n || lseek(fd, 0, SEEK_SET))
		return -EIO;
	add.srcfd = (uint32_t)fd;
	add.newfd_flags = flags & O_CLOEXEC;
	theirs = ioctl(c->listener, SECCOMP_IOCTL_NOTIF_ADDFD, &add);
	close(fd);
	return theirs < 0 ? -errno : theirs;
}

/* The line of the FUSE, as resctrl's would be; nothing while it is not mounted. */
static void print_mount(FILE *out, const char *line, bool info)
{
	char options[64];

	if (!is_mounted())
		return;
	attribute("user.sim.options", options);
	if (!info)
		fprintf(out, "resctrl " RESCTRL " resctrl rw,relatime%s 0 0\n", options);
	else
		fprintf(out, "%.*s / " RESCTRL " rw,relatime - resctrl resctrl rw%s\n",
			(int)(strstr(line, " / ") - line), line, options);
}

static long open_mounts(const struct call *c, bool info, unsigned int flags)
{
	char path[64], *line = NULL, *text = NULL;
	size_t room = 0, n = 0;
	FILE *in, *out;
	long rc;

	snprintf(path, sizeof(path), "/proc/%u/%s", c->request.pid, info ? "mountinfo" : "mounts");
	in = fopen(path, "re");
	out = open_memstream(&text, &n);
	while (in && out && getline(&line, &room, in) > 0)
		if (strstr(line, " " RESCTRL " ") && strstr(line, "fuse.resctrl"))
			print_mount(out, line, info);
		else
			fputs(line, out);
	if (in)
		fclose(in);
	if (out)
		fclose(out);
	rc = in && out ? give_text(c, text, n, flags) : -EIO;
	free(line);
	free(text);
	return rc;
}

/* "TID/cpu_resctrl_groups", perhaps below "task". */
static long open_task_groups(const struct call *c, char *path, unsigned int flags)
{
	char *end = strrchr(path, '/'), *word, name[64], text[512];
	ssize_t n;

	if (!c->notify->task_groups)
		return -ENOENT;
	if (!end)
		return PASS;
	*end = '\0';
	word = strrchr(path, '/');
	word = word ? word + 1 : path;
	snprintf(name, sizeof(name), "user.sim.task.%d", strstr(word, "self") ? (int)c->request.pid : atoi(word));
	n = getxattr(RESCTRL, name, text, sizeof(text));
	return n < 0 ? -ENOENT : give_text(c, text, (size_t)n, flags);
}

static bool ends_in(const char *text, const char *end)
{
	size_t n = strlen(text), m = strlen(end);

	return n >= m && !strcmp(text + n - m, end);
}

/* Of mount tables, those of the caller alone: all processes here have the same. */
static long on_open(const struct call *c, unsigned int path_argument)
{
	unsigned int flags = (unsigned int)c->request.data.args[path_argument + 1];
	char path[PATH_MAX];

	if (!read_string(c, path_argument, path))
		return PASS;
	if (ends_in(path, "/cpu_resctrl_groups"))
		return open_task_groups(c, path, flags);
	if (!strcmp(path, "/etc/mtab") || (!strncmp(path, "/proc/", 6) && ends_in(path, "/mounts")))
		return open_mounts(c, false, flags);
	if (!strncmp(path, "/proc/", 6) && ends_in(path, "/mountinfo"))
		return open_mounts(c, true, flags);
	return PASS;
}

/* ---- mount ---- */

static bool is_resctrl(const char *path)
{
	size_t n = strlen(path);

	while (n > 1 && path[n - 1] == '/')
		n--;
	return n == strlen(RESCTRL) && !strncmp(path, RESCTRL, n);
}

static long tell(const char *what)
{
	return setxattr(RESCTRL, "user.sim.mount", what, strlen(what), 0) ? -errno : 0;
}

static long on_mount(const struct call *c)
{
	char target[PATH_MAX], type[PATH_MAX], options[PATH_MAX], what[128];

	if (!read_string(c, 1, target) || !read_string(c, 2, type) || !is_resctrl(target) || strcmp(type, "resctrl"))
		return PASS;
	read_string(c, 4, options);
	snprintf(what, sizeof(what), "mount %.100s", options);
	return tell(what);
}

static long on_umount(const struct call *c)
{
	char target[PATH_MAX];

	if (!read_string(c, 0, target) || !is_resctrl(target))
		return PASS;
	return tell("unmount");
}

/* mount(8) goes back to mount(2) then. */
static long on_fsopen(const struct call *c)
{
	char type[PATH_MAX];

	return read_string(c, 0, type) && !strcmp(type, "resctrl") ? -ENOSYS : PASS;
}

/* ---- sched_setaffinity ---- */

#define MASK_BYTES 1024

static long on_setaffinity(const struct call *c)
{
	uint8_t asked[MASK_BYTES] = { 0 }, ours[MASK_BYTES] = { 0 };
	size_t n = c->request.data.args[1] < MASK_BYTES ? c->request.data.args[1] : MASK_BYTES;
	struct iovec to = { asked, n }, from = { (void *)(uintptr_t)c->request.data.args[2], n };
	bool any = false;

	if (process_vm_readv((pid_t)c->request.pid, &to, 1, &from, 1, 0) != (ssize_t)n ||
	    syscall(SYS_sched_getaffinity, 0, sizeof(ours), ours) < 0)
		return PASS;
	for (size_t i = 0; i < n; i++) {
		if (asked[i] & ours[i])
			return PASS;
		any |= asked[i];
	}
	return any ? 0 : PASS;
}

static long answer(const struct call *c)
{
	switch (c->request.data.nr) {
	case SYS_open:
		return on_open(c, 0);
	case SYS_openat:
		return on_open(c, 1);
	case SYS_statfs:
		return on_statfs(c);
	case SYS_fstatfs:
		return on_fstatfs(c);
	case SYS_sched_setaffinity:
		return on_setaffinity(c);
	case SYS_mount:
		return on_mount(c);
	case SYS_umount2:
		return on_umount(c);
	case SYS_fsopen:
		return on_fsopen(c);
	default:
		return PASS;
	}
}

void run_notify_answer(const struct run_notify *notify, int listener)
{
	struct call c = { .notify = notify, .listener = listener };
	struct seccomp_notif_resp response = { 0 };
	long result;

	if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &c.request))
		return;
	result = answer(&c);
	response.id = c.request.id;
	if (result == PASS)
		response.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
	else if (result < 0)
		response.error = (int)result;
	else
		response.val = result;
	ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response);
}
