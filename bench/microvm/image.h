/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The initramfs of a micro-VM: an uncompressed newc cpio in a memfd, with PID 1, what it is told to do
 * (/isolat/config, see init.c), kernel modules with their dependencies, and files.
 */
#ifndef ISOLAT_MICROVM_IMAGE_H
#define ISOLAT_MICROVM_IMAGE_H

#include "kernel.h"
#include "microvm.h"

/*
 * Builds the initramfs for @config on @kernel with @accel decided, with @init_path as PID 1, and stores its descriptor
 * in *@fd (the caller closes it). Errors: ISOLAT_USAGE for a file or module that is not there, ISOLAT_FAILED otherwise.
 */
int microvm_image_build(const struct microvm_config *config, const struct microvm_kernel *kernel,
			enum microvm_accel accel, const char *init_path, int *fd, struct isolat_error *err);

#endif
