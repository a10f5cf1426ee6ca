/* SPDX-License-Identifier: BSD-3-Clause */
/* What a profile's amounts are on a given host: ways of its caches, and values of its bandwidth control. */
#ifndef ISOLAT_PLAN_DEMAND_H
#define ISOLAT_PLAN_DEMAND_H

#include <stdint.h>

#include <isolat/error.h>

#include "host.h"
#include "profile.h"

/*
 * Ways of L3 domain @l3 (L2 domain for demand_l2) for @amount: as many as asked, or the least number that is worth what
 * was asked. A way of an L3 that several NUMA nodes share (SNC) is worth its part of the cache divided by their number,
 * for each node reaches only its own slices. At least the host's least mask; 0 for an amount that is unset. What is
 * more than the cache has fails with ISOLAT_NO_FIT, an unknown size with ISOLAT_USAGE. @what names the asker.
 */
int demand_l3(const struct host *host, unsigned int l3, const struct profile_amount *amount, const char *what,
	      unsigned int *ways, struct isolat_error *err);
int demand_l2(const struct host *host, unsigned int l2, const struct profile_amount *amount, const char *what,
	      unsigned int *ways, struct isolat_error *err);

/* NUMA nodes whose cores share an L3: more than one under SNC. */
unsigned int demand_l3_nodes(const struct host *host, unsigned int l3);

/* Bytes that a way of the domain is worth to one NUMA node; 0 if unknown. */
uint64_t demand_l3_way(const struct host *host, unsigned int l3);
uint64_t demand_l2_way(const struct host *host, unsigned int l2);

/*
 * The value that the schemata file takes for @amount, rounded up to what the hardware counts in. Fails with
 * ISOLAT_UNSUPPORTED where the host counts in another unit than the amount's, and says how to change that.
 */
int demand_mb(const struct host *host, const struct profile_amount *amount, const char *what, uint64_t *value,
	      struct isolat_error *err);

#endif
