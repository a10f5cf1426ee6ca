/* SPDX-License-Identifier: BSD-3-Clause */
/* The nearest profile that would fit: one VM, or its class, with less of something, found by planning it. */
#ifndef ISOLAT_PLAN_HINT_H
#define ISOLAT_PLAN_HINT_H

#include "plan_short.h"

/*
 * Writes what would fit, in words: less of @is_short first, else of another resource, else without the VM that is
 * stuck. @left is what is left of it. Returns false if nothing of that fits.
 */
bool plan_hint_nearest(const struct planner *w, enum plan_short is_short, const struct plan_left *left, char *text,
		       size_t size);

#endif
