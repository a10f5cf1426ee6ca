// SPDX-License-Identifier: BSD-3-Clause
#include "host_root.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "spawn.h"

#define VIRTIOFSD "/usr/lib/qemu/virtiofsd"
/* Where the read-only view is mounted, inside the private namespace only. */
#define VIEW "/mnt"

static int read_only_view(void)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY };

	return unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	       mount("/", VIEW, NULL, MS_BIND | MS_REC, NULL) ||
	       syscall(SYS_mount_setattr, AT_FDCWD, VIEW, AT_RECURSIVE, &attr, sizeof(attr));
}

/* Listens on an abstract socket: it has no file, and is gone with its last descriptor. */
static int listen_abstract(const char *name)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	socklen_t length = offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(addr.sun_path + 1, name, strlen(name));
	if (fd >= 0 && (bind(fd, (struct sockaddr *)&addr, length) || listen(fd, 1))) {
		close(fd);
		return -1;
	}
	return fd;
}

int host_root_start(struct host_root *root, struct isolat_error *err)
{
	static unsigned int count;
	struct arg_list args = { 0 };
	struct spawn_setup setup = { .n_keep = 1, .out = -1, .err = -1, .in_child = read_only_view };
	int fd, rc;

	memset(root, 0, sizeof(*root));
	if (geteuid()) {
		isolat_fail(err, ISOLAT_UNSUPPORTED, "share this machine's root with a VM", NULL, "not root");
		return isolat_hint(err, "run as root");
	}
	snprintf(root->socket, sizeof(root->socket), "isolat-root-%d-%u", getpid(), count++);
	fd = listen_abstract(root->socket);
	if (fd < 0)
		return isolat_fail(err, ISOLAT_FAILED, "listen on socket", root->socket, "%s", strerror(errno));
	setup.keep_fds = &fd;
	arg_add(&args, VIRTIOFSD);
	arg_add(&args, "--fd=%d", fd);
	arg_add(&args, "-f");
	arg_add(&args, "-o");
	arg_add(&args, "source=" VIEW ",sandbox=chroot,cache=always,no_posix_lock,log_level=err");
	rc = spawn_child(&args, &setup, &root->pid, err);
	if (rc && err->code == ISOLAT_UNSUPPORTED)
		isolat_hint(err, "install qemu-system-common");
	arg_free(&args);
	close(fd);
	return rc;
}

void host_root_stop(struct host_root *root)
{
	spawn_kill(&root->pid);
}
