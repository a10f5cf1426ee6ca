// SPDX-License-Identifier: BSD-3-Clause
#include "host_root.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <stdio.h>
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

static int open_socket(const struct sockaddr_un *addr, int (*attach)(int, const struct sockaddr *, socklen_t))
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && attach(fd, (const struct sockaddr *)addr, sizeof(*addr))) {
		close(fd);
		return -1;
	}
	return fd;
}

/*
 * Makes a listening socket for virtiofsd, which takes nothing else, and the connection to it that it will accept first.
 * The socket's name is in a folder of root's alone, and gone again when this returns.
 */
static int connect_pair(int *listener, int *connection)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	char dir[] = "/run/isolat-XXXXXX";

	*listener = *connection = -1;
	if (!mkdtemp(dir))
		return -1;
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/root", dir);
	*listener = open_socket(&addr, bind);
	if (*listener >= 0 && !listen(*listener, 1))
		*connection = open_socket(&addr, connect);
	unlink(addr.sun_path);
	rmdir(dir);
	if (*connection >= 0)
		return 0;
	if (*listener >= 0)
		close(*listener);
	return -1;
}

int host_root_start(struct host_root *root, struct isolat_error *err)
{
	struct arg_list args = { 0 };
	struct spawn_setup setup = { .n_keep = 1, .out = -1, .err = -1, .in_child = read_only_view };
	int listener, rc;

	if (geteuid()) {
		isolat_fail(err, ISOLAT_UNSUPPORTED, "share this machine's root with a VM", NULL, "not root");
		return isolat_hint(err, "run as root");
	}
	if (connect_pair(&listener, &root->fd))
		return isolat_fail(err, ISOLAT_FAILED, "connect to virtiofsd", "/run", "%s", strerror(errno));
	setup.keep_fds = &listener;
	arg_add(&args, VIRTIOFSD);
	arg_add(&args, "--fd=%d", listener);
	arg_add(&args, "-f");
	arg_add(&args, "-o");
	arg_add(&args, "source=" VIEW ",sandbox=chroot,cache=always,no_posix_lock,log_level=err");
	rc = spawn_child(&args, &setup, &root->pid, err);
	if (rc && err->code == ISOLAT_UNSUPPORTED)
		isolat_hint(err, "install qemu-system-common");
	arg_free(&args);
	close(listener);
	return rc;
}

void host_root_stop(struct host_root *root)
{
	spawn_kill(&root->pid);
	if (root->fd >= 0)
		close(root->fd);
	root->fd = -1;
}
