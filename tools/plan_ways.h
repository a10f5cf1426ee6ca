/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where in a cache the ways of exclusive groups lie: disjoint runs of bits of one domain's capacity mask, such that a
 * run is left over that is long enough for all the others, and of what the default group has a mask.
 */
#ifndef ISOLAT_PLAN_WAYS_H
#define ISOLAT_PLAN_WAYS_H

#include <stdbool.h>
#include <stdint.h>

/* More groups than any hardware has, twice: a group may want a run for code and one for data. */
#define WAYS_MAX_RUNS 256

struct ways_run {
	unsigned int ways;
	bool io; /* may lie on ways that I/O uses */
};

struct ways_domain {
	unsigned int ways; /* of the cache, up to 64 */
	uint64_t io;	   /* those that I/O uses */
	uint64_t taken;	   /* others' groups hold these: nobody can have them alone */
	uint64_t barred;   /* of those, the ones that their groups have alone */
	uint64_t unlike;   /* domains of which this differs are not alike, be the rest as it may; not for the layout */
	unsigned int rest_run; /* what is left must have a run this long, be it that others' groups share it */
	/*
	 * What the default group has before anything is planned, of data and code: it is cut, and never gets more. 0:
	 * nothing is known of it, as on paper; it then has what is left.
	 */
	uint64_t had[2];
	unsigned int least; /* ways of a mask, at least */
	unsigned int n;
	struct ways_run run[WAYS_MAX_RUNS];
};

/*
 * Finds a place for each run, in their order from the lowest bits up where that is possible, in another order of places
 * where only that is; in ways that the default group does not have, if it has not all. @masks has room for domain->n.
 * Returns false if there is none, without having written anything that counts.
 */
bool ways_layout(const struct ways_domain *domain, uint64_t *masks);

/*
 * What is left of @had, one of domain->had, beside the masks of @runs together: all of it where they have none of it,
 * else its longest run, and that without ways of others' if there is one.
 */
uint64_t ways_of_default(const struct ways_domain *domain, uint64_t had, uint64_t runs);

/* The longest run of set bits in @mask, the highest of several of the same length; 0 for none. */
uint64_t ways_longest_run(uint64_t mask);

/* @n bits from bit @low up; @n up to 64. */
uint64_t ways_mask(unsigned int low, unsigned int n);

#endif
