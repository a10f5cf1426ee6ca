/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The server of QEMU's ivshmem-doorbell device, one socket a VM and one connection at a time. The protocol is that of
 * QEMU's docs/specs/ivshmem-spec: numbers of 8 bytes, each with a descriptor or without. Here the server is a peer
 * itself, for its doorbell, and sends all at once: a device that lacks an eventfd when its guest starts ends its QEMU.
 */
#ifndef ISOLAT_TIMER_SERVER_H
#define ISOLAT_TIMER_SERVER_H

#include "timer_vms.h"

#define TIMER_CLIENT_PEER 0
#define TIMER_SERVER_PEER 1

/* What the socket of @vm is called, and where the socket @name of @run_dir is. */
struct timer_socket_path {
	char text[108]; /* as much as a UNIX socket's address takes */
};
struct timer_socket_name {
	char text[sizeof(((struct timer_vm_config *)0)->name) + sizeof(".sock")];
};
struct timer_socket_name timer_socket_name(const struct timer_vm_config *vm);
int timer_socket_path(struct timer_socket_path *path, const char *run_dir, const char *name, struct isolat_error *err);

/* A listening socket at @path for whom @access says; nobody else can connect at any moment. Returns the descriptor, or
 * -1. */
int timer_socket_listen(const struct timer_socket_path *path, const struct timer_access *access,
			struct isolat_error *err);

int timer_server_open(struct timer_vm *vm, struct isolat_error *err);

/* Watches @vm's socket again, if the time has come. To be called often. */
void timer_server_look(struct timer_vm *vm);

/* Ends the connection, if there is one, and what belonged to it; the socket too. */
void timer_server_close(struct timer_vm *vm);

#endif
