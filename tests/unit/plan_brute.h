/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Is there any plan at all? Every way to deal out cores is tried, then every order of the ways. Where plan.h leaves two
 * readings, this takes the one that asks for more: what fits here must fit the planner.
 *
 *  - Every node that a VM with the exitless timer is in has an agent; listed agent CPUs are nobody else's, used or not.
 *  - A VM has in each of its L3 domains all the ways that it asks for; a percentage is one of the bytes under SNC.
 *  - Code and data have ways of their own each.
 *  - The default and the shared groups keep off the ways of others' groups altogether.
 *  - What a class asks for that no VM is of must be known to the host too.
 */
#ifndef PLAN_BRUTE_H
#define PLAN_BRUTE_H

#include "host.h"
#include "profile.h"

#define PLAN_BRUTE_VMS 6

enum plan_brute {
	PLAN_BRUTE_FITS,
	PLAN_BRUTE_NONE,
	PLAN_BRUTE_TOO_BIG, /* more than 8 cores, 4 domains, PLAN_BRUTE_VMS; or too many steps */
};

enum plan_brute plan_brute(const struct profile *profile, const struct host *host);

#endif
