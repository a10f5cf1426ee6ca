/* SPDX-License-Identifier: BSD-3-Clause */
/* Memory that may come from several nodes, dealt out so that all get theirs if that can be. */
#ifndef ISOLAT_PLAN_MEMORY_H
#define ISOLAT_PLAN_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

struct memory_deal {
	unsigned int n_asks, n_nodes;
	uint64_t *asked; /* n_asks */
	bool *from;	 /* n_asks rows of n_nodes: whose memory may be taken */
	uint64_t *free;	 /* n_nodes; what is left afterwards */
	uint64_t *given; /* n_asks rows of n_nodes */
};

/* Returns whether all got what they asked; what they got is in given, from the lowest nodes on. False also for want of
 * memory. */
bool memory_deal(struct memory_deal *deal);

#endif
