/* SPDX-License-Identifier: BSD-3-Clause */
/* This machine's own root file system for a host VM: virtiofsd over a read-only view of /. */
#ifndef ISOLAT_MICROVM_HOST_ROOT_H
#define ISOLAT_MICROVM_HOST_ROOT_H

#include <sys/types.h>

#include "isolat/error.h"

struct host_root {
	pid_t pid;
	int fd; /* the connection for QEMU */
};

/*
 * Starts virtiofsd in a mount namespace of its own, in which / is read-only: the VM cannot change this machine, and
 * nothing is mounted here. virtiofsd serves the one connection in root->fd and no other: it would give whoever connects
 * root's view of all files. Needs root: ISOLAT_UNSUPPORTED otherwise. host_root_stop() ends it.
 */
int host_root_start(struct host_root *root, struct isolat_error *err);
void host_root_stop(struct host_root *root);

#endif
