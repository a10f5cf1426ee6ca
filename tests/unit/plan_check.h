/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Is a plan right? The rules of plan.h's head comment, each looked at by itself, with nothing of the planner's in it.
 * Where the comment leaves two readings, either passes here, and plan_brute.h takes the one that is harder to fulfil.
 */
#ifndef PLAN_CHECK_H
#define PLAN_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "plan.h"

/* The first property that @plan violates, in words, in @why; or true. */
bool plan_check(const struct plan *plan, char *why, size_t size);

/* May planning @profile on @host end with this error? Whether it has to is not asked. */
bool plan_check_refusal(const struct profile *profile, const struct host *host, const struct isolat_error *err,
			char *why, size_t size);

/* Is it the same to the last bit? */
bool plan_check_same(const struct plan *a, const struct plan *b, char *why, size_t size);

/* --- what brute force asks too --- */

/* Is the kernel's CPU number @os in a list as in cpuset.cpus? */
bool plan_in_list(const char *list, unsigned int os);

/* Is the core (index) one of a CPU in such a list? */
bool plan_core_listed(const char *list, const struct topology *t, unsigned int core);

/* Is the core (index) housekeeping if nothing is listed? */
bool plan_chosen_housekeeping(const struct profile *p, const struct topology *t, unsigned int core);

/*
 * Ways that are needed for @a of a cache of @bytes, whose ways are worth 1/@nodes. A percentage is one of the ways, or
 * of the cache's bytes: @all_bytes.
 */
unsigned int plan_ways_for(const struct profile_amount *a, const struct rdt_cache_caps *caps, uint64_t bytes,
			   unsigned int nodes, bool all_bytes);

/* Ways of groups that isolat does not own, in a domain; of those in exclusive mode only, or of all. */
uint64_t plan_others_ways(const struct rdt_caps *caps, bool l2, unsigned int id, bool exclusive_only);
unsigned int plan_others_groups(const struct rdt_caps *caps);

/* Has the host what is asked for; and is it asked for in a unit that the host has? */
bool plan_host_has(const struct rdt_caps *caps, const struct profile_class *c);
bool plan_host_knows(const struct rdt_caps *caps, const struct profile_class *c);

/* May VMs of the class run on the core of a CPU: has it the caches that the class asks for ways of, or bandwidth by? */
bool plan_may_use_core(const struct profile_class *c, unsigned int l3, unsigned int l2);

/* Does the class ask for cache of its own; for a group of its own? */
bool plan_asks_cache(const struct profile_class *c);
bool plan_asks_group(const struct profile_class *c);

#endif
