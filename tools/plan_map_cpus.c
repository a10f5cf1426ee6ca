// SPDX-License-Identifier: BSD-3-Clause
/* A map of CPUs: who has which core of each node. */
#include "plan_map.h"

#include <stdlib.h>
#include <string.h>

#include "cpu_list.h"
#include "plan_symbol.h"
#include "report_table.h"

#define FIRST_CPU 8 /* columns up to the end of a line's first number */

static unsigned int node_number(const struct plan_map *map, unsigned int node)
{
	return map->plan->host->topology.nodes[node].os;
}

/* The first core of @node from @core on, or n_cores. */
static unsigned int next_core(const struct topology *t, unsigned int node, unsigned int core)
{
	while (core < t->n_cores && t->cores[core].node != node)
		core++;
	return core;
}

/* A core as a word: the symbols of its CPUs. Returns its length. */
#define CORE_WORD (TOPOLOGY_MAX_SMT + 1)
static size_t core_word(const struct plan *plan, unsigned int core, char word[CORE_WORD])
{
	const struct topology_core *c = &plan->host->topology.cores[core];

	for (unsigned int i = 0; i < c->n_cpus; i++)
		word[i] = plan_cpu_symbol(plan, c->cpus[i]);
	word[c->n_cpus] = '\0';
	return c->n_cpus;
}

static uint64_t memory_taken(const struct plan *plan, unsigned int node)
{
	uint64_t bytes = 0;

	for (unsigned int v = 0; v < plan->n_vms; v++) {
		for (unsigned int i = 0; i < plan->vms[v].n_memory; i++)
			bytes += plan->vms[v].memory[i].node == node ? plan->vms[v].memory[i].bytes : 0;
	}
	return bytes;
}

/* Whether an L3 ends before @core, the core @before being the last that was drawn. */
static bool other_l3(const struct topology *t, unsigned int before, unsigned int core)
{
	return before < t->n_cores && t->cores[before].l3 != t->cores[core].l3;
}

static bool same_cores(const struct plan_map *map, unsigned int a, unsigned int b)
{
	const struct topology *t = &map->plan->host->topology;
	unsigned int before_a = t->n_cores, before_b = t->n_cores;
	unsigned int at_a = next_core(t, a, 0), at_b = next_core(t, b, 0);
	char word_a[CORE_WORD], word_b[CORE_WORD];

	while (at_a < t->n_cores && at_b < t->n_cores) {
		core_word(map->plan, at_a, word_a);
		core_word(map->plan, at_b, word_b);
		if (strcmp(word_a, word_b) || other_l3(t, before_a, at_a) != other_l3(t, before_b, at_b))
			return false;
		before_a = at_a;
		before_b = at_b;
		at_a = next_core(t, a, at_a + 1);
		at_b = next_core(t, b, at_b + 1);
	}
	return at_a == at_b && t->nodes[a].bytes == t->nodes[b].bytes &&
	       memory_taken(map->plan, a) == memory_taken(map->plan, b);
}

static void draw_cores(const struct plan_map *map, unsigned int node)
{
	const struct topology *t = &map->plan->host->topology;
	unsigned int before = t->n_cores;
	char word[CORE_WORD];
	size_t column = 0;

	for (unsigned int core = next_core(t, node, 0); core < t->n_cores; core = next_core(t, node, core + 1)) {
		const char *bar = other_l3(t, before, core) ? "| " : "";
		size_t length = core_word(map->plan, core, word);

		if (column && column + 1 + strlen(bar) + length > map->width) {
			fputc('\n', map->out);
			column = 0;
		}
		if (column)
			column += (size_t)fprintf(map->out, " %s", bar);
		else
			column = (size_t)fprintf(map->out, "%*u  %s", FIRST_CPU, t->cpus[t->cores[core].cpus[0]].os,
						 bar);
		for (size_t i = 0; i < length; i++)
			plan_map_symbol(map, word[i]);
		column += length;
		before = core;
	}
	if (column)
		fputc('\n', map->out);
}

static void draw_node(const struct plan_map *map, unsigned int node)
{
	const struct topology_node *n = &map->plan->host->topology.nodes[node];
	char taken[PLAN_SIZE_TEXT], all[PLAN_SIZE_TEXT], cores[32] = "no cores";

	if (n->n_cores)
		snprintf(cores, sizeof(cores), "%u core%s", n->n_cores, n->n_cores == 1 ? "" : "s");
	plan_map_say(map, PLAN_MAP_INDENT, "node %u: %s, %s of %s for VMs", n->os, cores,
		     plan_size_text(memory_taken(map->plan, node), taken), plan_size_text(n->bytes, all));
	draw_cores(map, node);
}

/* The CPUs that have @symbol, if any. */
static void cpus_legend(const struct plan_map *map, struct report_table *legend, char symbol, const char *meaning)
{
	const struct topology *t = &map->plan->host->topology;
	unsigned int *os = calloc(t->n_cpus + 1UL, sizeof(*os)), n = 0;
	char *list;

	for (unsigned int cpu = 0; os && cpu < t->n_cpus; cpu++) {
		if (t->cpus[cpu].online && plan_cpu_symbol(map->plan, cpu) == symbol)
			os[n++] = t->cpus[cpu].os;
	}
	list = cpu_list_text(os, n);
	if (n) {
		report_table_cell(legend, "%c", symbol);
		report_table_cell(legend, "%s: %s", meaning, list ? list : "?");
	}
	free(list);
	free(os);
}

static void agents_legend(const struct plan_map *map, struct report_table *legend)
{
	const struct plan *plan = map->plan;

	for (unsigned int a = 0; a < plan->n_agents; a++) {
		char *list = plan_cpu_list(plan, &plan->agents[a].cpus);

		report_table_cell(legend, "%c", PLAN_SYMBOL_AGENT);
		report_table_cell(legend, "timer agent of node %u: %s", node_number(map, plan->agents[a].node),
				  list ? list : "?");
		free(list);
	}
}

void plan_map_nodes(const struct plan_map *map)
{
	struct plan_places nodes = { "node", map->plan->host->topology.n_nodes, node_number, same_cores, draw_node };
	struct report_table legend = REPORT_TABLE(2);

	plan_map_say(map, 0, "CPUs: a core a word, | between L3 caches; in front, the first CPU's number");
	plan_map_places(map, &nodes);
	cpus_legend(map, &legend, PLAN_SYMBOL_HOUSEKEEPING, "housekeeping");
	agents_legend(map, &legend);
	cpus_legend(map, &legend, PLAN_SYMBOL_POOL, "shared by the VMs of shared classes");
	cpus_legend(map, &legend, PLAN_SYMBOL_NOBODY, "free");
	report_table_print(&legend, map->out, PLAN_MAP_INDENT, map->width);
}
