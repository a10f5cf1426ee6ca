/* SPDX-License-Identifier: BSD-3-Clause */
/* What on the host is no longer as isolat apply has left it. */
#ifndef ISOLAT_DRIFT_H
#define ISOLAT_DRIFT_H

#include <jansson.h>

#include "applied.h"
#include "vm_find.h"

struct drift {
	size_t checked; /* objects, VMs and CPUs */
	json_t *found;	/* array of {"kind", "object", "expected", "found", "why"}; found is null where it is gone */
};

/*
 * Compares all that stands applied: each object's value with what was read back then, the CPUs of the VMs with those
 * that are online, the threads of the VMs with their groups, and what is in the groups with the VMs. A thread that has
 * ended is none; a VM that has is. The caller frees, also after a failure.
 */
int drift_look(struct applied *a, struct drift *d, struct isolat_error *err);
void drift_free(struct drift *d);

/* The parts of that. @now NULL: it is gone. */
__attribute__((format(printf, 6, 7))) void drift_add(struct drift *d, const char *kind, const char *object,
						     const char *expected, const char *now, const char *format, ...);
int drift_see_strangers(struct drift *d, struct applied *a, const struct vm_search *found, size_t n,
			struct isolat_error *err);

#endif
