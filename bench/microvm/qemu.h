/* SPDX-License-Identifier: BSD-3-Clause */
/* A micro-VM's configuration as QEMU's command line. */
#ifndef ISOLAT_MICROVM_QEMU_H
#define ISOLAT_MICROVM_QEMU_H

#include "kernel.h"
#include "microvm.h"
#include "spawn.h"

/* What QEMU is handed beside its arguments, all opened by microvm.c. */
struct qemu_files {
	int initramfs;
	int console;
	int channel; /* our program's end of the virtio-serial port */
	int monitor; /* QMP */
	int root;    /* the connection to virtiofsd; -1 without a host root */
};

/* Appends the whole command line for @config to @args. @accel is decided (KVM or TCG). */
void qemu_command_line(struct arg_list *args, const struct microvm_config *config, const struct microvm_kernel *kernel,
		       enum microvm_accel accel, const struct qemu_files *files);

#endif
