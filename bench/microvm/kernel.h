/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which kernel a micro-VM boots, and where its modules are.
 *
 * A kernel is named by
 *   - a series or release below $ISOLAT_KERNELS (default /var/lib/isolat/kernels), as fetch-kernel.sh lays it out;
 *   - a release installed on this machine: /boot/vmlinuz-RELEASE and /lib/modules/RELEASE;
 *   - a path to an image; its modules are those of the release in its name (vmlinuz-RELEASE), or none.
 */
#ifndef ISOLAT_MICROVM_KERNEL_H
#define ISOLAT_MICROVM_KERNEL_H

#include <limits.h>
#include <stdbool.h>

#include "isolat/error.h"

struct microvm_kernel {
	char image[PATH_MAX];	/* bzImage: boots everywhere */
	char vmlinux[PATH_MAX]; /* uncompressed, boots faster under emulation; empty if there is none */
	char modules[PATH_MAX]; /* the release's module folder; empty if there is none */
	char release[128];
};

/* Finds kernel @name (NULL: the running release). Fails with ISOLAT_USAGE if there is none. */
int microvm_kernel_find(const char *name, struct microvm_kernel *kernel, struct isolat_error *err);

#endif
