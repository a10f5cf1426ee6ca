// SPDX-License-Identifier: BSD-3-Clause
/* A map of ways: who has which of each cache. */
#include "plan_map.h"

#include <stdlib.h>
#include <string.h>

#include "plan_demand.h"
#include "plan_symbol.h"
#include "report_table.h"

static const char *part_name(const struct plan_map *map)
{
	bool apart = map->plan->host->caps.l3.cdp;

	switch (map->part) {
	case PLAN_L2:
		return "L2";
	case PLAN_L3_CODE:
		return "L3 code";
	default:
		return apart ? "L3 data" : "L3";
	}
}

static unsigned int cache_id(const struct plan_map *map, unsigned int domain)
{
	const struct topology_cache *caches;

	plan_domains(map->plan, map->part, &caches);
	return caches[domain].id;
}

static bool is_ours(const struct rdt_group *group)
{
	return !strncmp(group->name, "isolat-", strlen("isolat-"));
}

static uint64_t held_by(const struct plan_map *map, const struct rdt_group *group, unsigned int id)
{
	const struct rdt_group_masks *masks = map->part == PLAN_L2	  ? &group->l2
					      : map->part == PLAN_L3_CODE ? &group->l3_code
									  : &group->l3;
	uint64_t mask = 0;

	for (unsigned int i = 0; i < masks->n; i++)
		mask |= masks->domain[i] == id ? masks->value[i] : 0;
	return mask;
}

static uint64_t held_by_others(const struct plan_map *map, unsigned int domain)
{
	const struct rdt_caps *caps = &map->plan->host->caps;
	uint64_t mask = 0;

	for (unsigned int i = 0; i < caps->n_groups; i++) {
		if (!is_ours(&caps->groups[i]))
			mask |= held_by(map, &caps->groups[i], cache_id(map, domain));
	}
	return mask;
}

static bool same_ways(const struct plan_map *map, unsigned int a, unsigned int b)
{
	const struct plan *plan = map->plan;
	const struct topology_cache *caches;

	plan_domains(plan, map->part, &caches);
	for (unsigned int g = 0; g < plan->n_groups; g++) {
		if (plan_value(plan, g, map->part, a) != plan_value(plan, g, map->part, b))
			return false;
	}
	return caches[a].bytes == caches[b].bytes && held_by_others(map, a) == held_by_others(map, b) &&
	       plan_value(plan, PLAN_NONE, map->part, a) == plan_value(plan, PLAN_NONE, map->part, b);
}

/* Rows of a cell a way, by bit. What overlaps is one below the other. */
struct ways {
	unsigned int n_ways, n_rows;
	char (*row)[RDT_MAX_WAYS];
};

static bool is_free(const struct ways *ways, unsigned int row, uint64_t mask)
{
	for (unsigned int bit = 0; bit < ways->n_ways; bit++) {
		if (mask >> bit & 1 && ways->row[row][bit] != ' ')
			return false;
	}
	return true;
}

/* There is a row for every caller, at the worst. */
static void place(struct ways *ways, unsigned int from_row, uint64_t mask, char symbol)
{
	unsigned int row = from_row;

	if (!mask)
		return;
	while (row < ways->n_rows && !is_free(ways, row, mask))
		row++;
	if (row == ways->n_rows)
		memset(ways->row[ways->n_rows++], ' ', RDT_MAX_WAYS);
	for (unsigned int bit = 0; bit < ways->n_ways; bit++) {
		if (mask >> bit & 1)
			ways->row[row][bit] = symbol;
	}
}

static uint64_t all_ways(const struct rdt_cache_caps *caps)
{
	return caps->ways < 64 ? (1ULL << caps->ways) - 1 : ~0ULL;
}

static void fill_ways(const struct plan_map *map, unsigned int domain, struct ways *ways)
{
	const struct rdt_cache_caps *caps = plan_cache_caps(map->plan, map->part);
	uint64_t left = plan_value(map->plan, PLAN_NONE, map->part, domain), others = held_by_others(map, domain);
	uint64_t used = left | others, mask;

	ways->n_ways = caps->ways < RDT_MAX_WAYS ? caps->ways : RDT_MAX_WAYS;
	for (int exclusive = 1; exclusive >= 0; exclusive--) {
		for (unsigned int g = 0; g < map->plan->n_groups; g++) {
			if (map->plan->groups[g].exclusive != exclusive)
				continue;
			mask = plan_value(map->plan, g, map->part, domain);
			place(ways, 0, mask, plan_group_symbol(map->plan, g));
			used |= mask;
		}
	}
	place(ways, 0, left, PLAN_SYMBOL_DEFAULT);
	place(ways, 0, others, PLAN_SYMBOL_OTHERS);
	place(ways, 0, all_ways(caps) & ~used, PLAN_SYMBOL_NOBODY);
	place(ways, ways->n_rows, caps->shareable, PLAN_SYMBOL_IO);
}

/* Cells of a row from the @from-th on, the highest bit being the first; no line where there is nothing. */
static void draw_row(const struct plan_map *map, const struct ways *ways, unsigned int row, unsigned int from,
		     unsigned int n, bool apart)
{
	unsigned int pad = PLAN_MAP_CELLS;
	bool any = false;

	for (unsigned int i = from; i < from + n && i < ways->n_ways; i++) {
		char symbol = ways->row[row][ways->n_ways - 1 - i];

		if (symbol != ' ') {
			fprintf(map->out, "%*s", (int)pad, "");
			plan_map_symbol(map, symbol);
			pad = 0;
			any = true;
		}
		pad += (symbol == ' ') + apart;
	}
	if (any)
		fputc('\n', map->out);
}

/* Under SNC a way is worth less than the cache divided by its ways: why. */
#define WORTH_TEXT 64
static const char *worth_text(const struct plan_map *map, unsigned int domain, char text[WORTH_TEXT])
{
	unsigned int nodes = map->part == PLAN_L2 ? 1 : demand_l3_nodes(map->plan->host, domain);

	text[0] = '\0';
	if (nodes > 1)
		snprintf(text, WORTH_TEXT, " to each of its %u nodes, which divide it (SNC)", nodes);
	return text;
}

static void draw_ways(const struct plan_map *map, unsigned int domain)
{
	const struct rdt_cache_caps *caps = plan_cache_caps(map->plan, map->part);
	unsigned int room = (unsigned int)map->width - PLAN_MAP_CELLS, per_line;
	char all[PLAN_SIZE_TEXT], way[PLAN_SIZE_TEXT], worth[WORTH_TEXT];
	struct ways ways = { .row = calloc(map->plan->n_groups + 4UL, sizeof(*ways.row)) };
	const struct topology_cache *caches;
	bool apart = 2 * caps->ways - 1 <= room;

	plan_domains(map->plan, map->part, &caches);
	plan_map_say(map, PLAN_MAP_INDENT, "%s %u: %s in %u way%s of %s%s", part_name(map), caches[domain].id,
		     plan_size_text(caches[domain].bytes, all), caps->ways, plan_plural(caps->ways),
		     plan_size_text(plan_bytes(map->plan, map->part, domain, 1), way), worth_text(map, domain, worth));
	if (!ways.row)
		return;
	fill_ways(map, domain, &ways);
	per_line = apart ? ways.n_ways : room;
	for (unsigned int from = 0; from < ways.n_ways; from += per_line) {
		for (unsigned int row = 0; row < ways.n_rows; row++)
			draw_row(map, &ways, row, from, per_line, apart);
	}
	free(ways.row);
}

/* "b1, b2" */
static char *members(const struct plan *plan, unsigned int group)
{
	char *text = NULL;
	bool first = true;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	for (unsigned int v = 0; v < plan->n_vms; v++) {
		if (plan->vms[v].group != group)
			continue;
		fprintf(out, "%s%s", first ? "" : ", ", plan_vm_profile(plan, &plan->vms[v])->name);
		first = false;
	}
	fclose(out);
	return text;
}

static void group_legend(const struct plan_map *map, struct report_table *legend, unsigned int g)
{
	const struct plan_group *group = &map->plan->groups[g];
	char *names = group->class == PLAN_NONE ? strdup("the timer agents") : members(map->plan, g);

	report_table_cell(legend, "%c", plan_group_symbol(map->plan, g));
	report_table_cell(legend, "%s, %s: %s", group->name, group->exclusive ? "exclusive" : "shared",
			  names ? names : "?");
	free(names);
}

static void others_legend(const struct plan_map *map, struct report_table *legend)
{
	const struct rdt_caps *caps = &map->plan->host->caps;

	for (unsigned int i = 0; i < caps->n_groups; i++) {
		if (is_ours(&caps->groups[i]))
			continue;
		report_table_cell(legend, "%c", PLAN_SYMBOL_OTHERS);
		report_table_cell(legend, "%s%s: not isolat's", caps->groups[i].name,
				  caps->groups[i].exclusive ? ", exclusive" : "");
	}
}

/* Whether a group has a part of it in any domain. */
static bool has_some(const struct plan *plan, unsigned int group, enum plan_part part)
{
	const struct topology_cache *caches;
	unsigned int n = plan_domains(plan, part, &caches);

	for (unsigned int d = 0; d < n; d++) {
		if (plan_value(plan, group, part, d))
			return true;
	}
	return false;
}

/* L2 is of interest only where a group has a part of it: there are many. */
static bool is_drawn(const struct plan *plan, enum plan_part part)
{
	const struct rdt_cache_caps *caps = plan_cache_caps(plan, part);

	if (part != PLAN_L2)
		return caps->present && (part == PLAN_L3 || caps->cdp);
	for (unsigned int g = 0; g < plan->n_groups; g++) {
		if (has_some(plan, g, PLAN_L2))
			return caps->present;
	}
	return false;
}

static void ways_legend(const struct plan_map *map)
{
	const struct plan *plan = map->plan;
	struct report_table legend = REPORT_TABLE(2);

	for (unsigned int g = 0; g < plan->n_groups; g++) {
		if (has_some(plan, g, PLAN_L3) || has_some(plan, g, PLAN_L3_CODE) || has_some(plan, g, PLAN_L2))
			group_legend(map, &legend, g);
	}
	report_table_cell(&legend, "%c", PLAN_SYMBOL_DEFAULT);
	report_table_cell(&legend, "the default group: everything else");
	others_legend(map, &legend);
	if (plan->host->caps.l3.shareable | plan->host->caps.l2.shareable) {
		report_table_cell(&legend, "%c", PLAN_SYMBOL_IO);
		report_table_cell(&legend, "used by I/O too");
	}
	report_table_print(&legend, map->out, PLAN_MAP_INDENT, map->width);
}

void plan_map_caches(struct plan_map *map)
{
	const struct plan *plan = map->plan;
	const struct topology_cache *caches;
	bool drawn = false;

	plan_map_say(map, 0, "Cache: a character for each way, the highest bit of the mask on the left");
	for (map->part = PLAN_L3; map->part <= PLAN_L2; map->part++) {
		struct plan_places domains = { part_name(map), plan_domains(plan, map->part, &caches), cache_id,
					       same_ways, draw_ways };

		if (!is_drawn(plan, map->part))
			continue;
		plan_map_places(map, &domains);
		drawn = true;
	}
	if (drawn)
		ways_legend(map);
	else
		plan_map_say(map, PLAN_MAP_INDENT, "Not divided: this host has no %s.",
			     plan->host->caps.present ? "cache allocation (CAT)" : "RDT");
}
