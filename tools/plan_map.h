/* SPDX-License-Identifier: BSD-3-Clause */
/* The maps in a plan's picture, each with its legend, and what they draw alike. No line is longer than the width. */
#ifndef ISOLAT_PLAN_MAP_H
#define ISOLAT_PLAN_MAP_H

#include "plan_view.h"

#define PLAN_MAP_INDENT 2 /* of what stands below a title */
#define PLAN_MAP_CELLS	6 /* of the map itself */

struct plan_map {
	const struct plan *plan;
	FILE *out;
	size_t width; /* 40 at least */
	bool colour;
	enum plan_part part; /* of a map of ways */
};

/* What a map is of: places with numbers, of which those that look alike are drawn once. */
struct plan_places {
	const char *name;
	unsigned int n;
	unsigned int (*number)(const struct plan_map *map, unsigned int i);
	bool (*alike)(const struct plan_map *map, unsigned int a, unsigned int b);
	void (*draw)(const struct plan_map *map, unsigned int i);
};

/* The ways of each cache that can be divided. */
void plan_map_caches(struct plan_map *map);

/* The CPUs of each node. */
void plan_map_nodes(const struct plan_map *map);

void plan_map_places(const struct plan_map *map, const struct plan_places *places);
void plan_map_symbol(const struct plan_map *map, char symbol);

/* A text from column @indent on, in as many lines as it takes. */
__attribute__((format(printf, 3, 4))) void plan_map_say(const struct plan_map *map, size_t indent, const char *format,
							...);

#endif
