// SPDX-License-Identifier: BSD-3-Clause
#include "plan_memory.h"

#include <stdlib.h>
#include <string.h>

#define NOBODY (~0U)

/*
 * A maximal flow from those who ask to the nodes: who finds no free node takes from one that another has, if that one
 * can take as much from elsewhere, and so on. Breadth first over the nodes, so a path is as short as can be.
 */
struct path {
	unsigned int *by;  /* for each node: who would take from it, NOBODY: not reached */
	unsigned int *via; /* the node that this one would give up for it, NOBODY: it asks */
	unsigned int *queue;
};

static bool may_take(const struct memory_deal *d, unsigned int ask, unsigned int node)
{
	return d->from[(size_t)ask * d->n_nodes + node];
}

static uint64_t *given(const struct memory_deal *d, unsigned int ask, unsigned int node)
{
	return &d->given[(size_t)ask * d->n_nodes + node];
}

static void reach(const struct memory_deal *d, struct path *p, unsigned int *tail, unsigned int ask, unsigned int via)
{
	for (unsigned int node = 0; node < d->n_nodes; node++) {
		if (p->by[node] != NOBODY || !may_take(d, ask, node))
			continue;
		p->by[node] = ask;
		p->via[node] = via;
		p->queue[(*tail)++] = node;
	}
}

/* The first node with free memory that @ask gets at, NOBODY if there is none. */
static unsigned int find_free(const struct memory_deal *d, struct path *p, unsigned int ask)
{
	unsigned int tail = 0;

	memset(p->by, 0xff, d->n_nodes * sizeof(*p->by));
	reach(d, p, &tail, ask, NOBODY);
	for (unsigned int head = 0; head < tail; head++) {
		unsigned int node = p->queue[head];

		if (d->free[node])
			return node;
		for (unsigned int other = 0; other < d->n_asks; other++)
			if (*given(d, other, node))
				reach(d, p, &tail, other, node);
	}
	return NOBODY;
}

static uint64_t least_on_path(const struct memory_deal *d, const struct path *p, unsigned int node, uint64_t wanted)
{
	uint64_t least = wanted < d->free[node] ? wanted : d->free[node];

	for (; p->via[node] != NOBODY; node = p->via[node]) {
		uint64_t has = *given(d, p->by[node], p->via[node]);

		least = has < least ? has : least;
	}
	return least;
}

static void move_along(const struct memory_deal *d, const struct path *p, unsigned int node, uint64_t bytes)
{
	d->free[node] -= bytes;
	for (; node != NOBODY; node = p->via[node]) {
		*given(d, p->by[node], node) += bytes;
		if (p->via[node] != NOBODY)
			*given(d, p->by[node], p->via[node]) -= bytes;
	}
}

static bool serve(const struct memory_deal *d, struct path *p, unsigned int ask)
{
	for (uint64_t left = d->asked[ask]; left;) {
		unsigned int node = find_free(d, p, ask);
		uint64_t bytes;

		if (node == NOBODY)
			return false;
		bytes = least_on_path(d, p, node, left);
		move_along(d, p, node, bytes);
		left -= bytes;
	}
	return true;
}

bool memory_deal(struct memory_deal *d)
{
	struct path p = {
		.by = calloc(d->n_nodes + 1, sizeof(*p.by)),
		.via = calloc(d->n_nodes + 1, sizeof(*p.via)),
		.queue = calloc(d->n_nodes + 1, sizeof(*p.queue)),
	};
	bool all = p.by && p.via && p.queue;

	for (unsigned int ask = 0; ask < d->n_asks && all; ask++)
		all = serve(d, &p, ask);
	free(p.by);
	free(p.via);
	free(p.queue);
	return all;
}
