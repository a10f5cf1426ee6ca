/* SPDX-License-Identifier: BSD-3-Clause */
/* For programs that run inside a micro-VM, as root and with nothing else there. Errors are -1 or NULL with errno. */
#ifndef ISOLAT_MICROVM_GUEST_H
#define ISOLAT_MICROVM_GUEST_H

#include <stdint.h>

/* The whole file as a string, freed by the caller. */
char *guest_read_file(const char *path);

/* The number that the file begins with; -1 also where it is none. */
long guest_read_long(const char *path);

int guest_write_file(const char *path, const char *text);

/*
 * Loads /isolat/modules/NAME.ko (or .ko.xz, as 6.12 has them) that the launcher put there; @params as on insmod's
 * command line. Unloads it.
 */
int guest_load_module(const char *name, const char *params);
int guest_unload_module(const char *name);

/* Sum over the CPUs (or of @cpu alone, if not negative) of the line of /proc/interrupts called @label. */
uint64_t guest_interrupts(const char *label, int cpu);

/* Binds the calling thread to @cpu. */
int guest_pin(int cpu);

#endif
