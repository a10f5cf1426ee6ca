/* SPDX-License-Identifier: BSD-3-Clause */
/* What is written to the schemata files of a plan's groups. */
#ifndef ISOLAT_PLAN_SCHEMATA_H
#define ISOLAT_PLAN_SCHEMATA_H

#include "plan.h"

#define PLAN_SCHEMATA_MAX 8

/*
 * The lines for group @group (PLAN_NONE: the default one), without their newlines: "L3:0=f;1=f". A domain where it has
 * no value is not in them, so that it stays as the kernel made it, and a resource without a domain has no line. Returns
 * how many lines there are, each the caller's to free; -1, with none, where there is no memory.
 */
int plan_schemata(const struct plan *plan, unsigned int group, char *lines[PLAN_SCHEMATA_MAX]);

#endif
