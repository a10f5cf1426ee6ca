/* SPDX-License-Identifier: BSD-3-Clause */
/* A plan as JSON, as isolat-plan(1) documents it. */
#ifndef ISOLAT_PLAN_JSON_H
#define ISOLAT_PLAN_JSON_H

#include <jansson.h>

#include "plan.h"

/* The same plan gives the same bytes. Owned by the caller; NULL: no memory. */
json_t *plan_to_json(const struct plan *plan);

/* One VM of it: an element of "vms". */
json_t *plan_vm_to_json(const struct plan *plan, const struct plan_vm *vm);

#endif
