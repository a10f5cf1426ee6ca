/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From texts to values and defaults, one part of a profile at a time, with the checks that need no other part. Each
 * returns 0, or -1 with @why filled, its key below the part: "cache.l3". Places are left to the caller.
 */
#ifndef ISOLAT_PROFILE_CONVERT_H
#define ISOLAT_PROFILE_CONVERT_H

#include "profile_schema.h"
#include "profile_values.h"

int profile_convert_class(const struct profile_raw_class *raw, struct profile_class *class, struct profile_why *why);

/* @p has its classes. */
int profile_convert_vm(const struct profile_raw_vm *raw, const struct profile *p, struct profile_vm *vm,
		       struct profile_why *why);

/* What is neither a class nor a VM. */
int profile_convert_host(const struct profile_raw *raw, struct profile *p, struct profile_why *why);

#endif
