/* SPDX-License-Identifier: BSD-3-Clause */
/* Between the two halves of plan_check(): cores and memory, RDT. */
#ifndef PLAN_CHECK_PARTS_H
#define PLAN_CHECK_PARTS_H

#include "plan_check.h"

enum { OWNER_NONE, OWNER_HOUSEKEEPING, OWNER_AGENT, OWNER_VM };

struct check {
	const struct plan *plan;
	const struct profile *p;
	const struct topology *t;
	const struct rdt_caps *caps;
	unsigned int *owner; /* of each CPU: an OWNER_ */
	char *why;
	size_t size;
};

/* Says what is wrong, and returns false. */
__attribute__((format(printf, 2, 3))) bool wrong(struct check *c, const char *format, ...);

static inline const struct profile_class *class_of(const struct check *c, unsigned int vm)
{
	return &c->p->classes[c->p->vms[vm].class];
}

bool check_rdt(struct check *c);

#endif
