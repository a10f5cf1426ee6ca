// SPDX-License-Identifier: BSD-3-Clause
#include "plan_draw.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cpu_list.h"
#include "plan_map.h"
#include "plan_symbol.h"
#include "report.h"
#include "report_table.h"

#define LEAST_WIDTH   40
#define DEFAULT_WIDTH 80

/* ---- The table of VMs -------------------------------------------------------------------------------------------- */

static void print_cpus(const struct plan *plan, unsigned int v, FILE *out)
{
	const struct plan_vm *vm = &plan->vms[v];
	char *list = plan_cpu_list(plan, &vm->cpus);

	if (!plan_vm_class(plan, vm)->dedicated)
		fprintf(out, "%u of ", plan_vm_profile(plan, vm)->vcpus);
	fprintf(out, "%s", list ? list : "?");
	free(list);
}

/* Nodes of its CPUs. */
static void print_nodes(const struct plan *plan, unsigned int v, FILE *out)
{
	const struct topology *t = &plan->host->topology;
	const struct plan_cpus *cpus = &plan->vms[v].cpus;
	unsigned int *os = calloc(cpus->n + 1UL, sizeof(*os)), n = 0;
	char *list;

	for (unsigned int i = 0; os && i < cpus->n; i++) {
		if (t->cpus[cpus->cpu[i]].node != TOPOLOGY_NONE)
			os[n++] = t->nodes[t->cpus[cpus->cpu[i]].node].os;
	}
	list = cpu_list_text(os, n);
	fprintf(out, "%s", list ? list : "?");
	free(list);
	free(os);
}

/* Whether all CPUs of a VM are in the node that its memory is from: then the node need not be told. */
static bool is_local(const struct plan *plan, const struct plan_vm *vm)
{
	for (unsigned int i = 0; i < vm->cpus.n; i++) {
		if (plan->host->topology.cpus[vm->cpus.cpu[i]].node != vm->memory[0].node)
			return false;
	}
	return vm->n_memory == 1;
}

static void print_memory(const struct plan *plan, unsigned int v, FILE *out)
{
	const struct plan_vm *vm = &plan->vms[v];
	char size[PLAN_SIZE_TEXT];

	for (unsigned int i = 0; i < vm->n_memory; i++) {
		fprintf(out, "%s%s", i ? ", " : "", plan_size_text(vm->memory[i].bytes, size));
		if (!is_local(plan, vm))
			fprintf(out, " of node %u", plan->host->topology.nodes[vm->memory[i].node].os);
	}
}

static bool vm_in_domain(const struct plan *plan, const struct plan_vm *vm, enum plan_part part, unsigned int domain)
{
	const struct topology *t = &plan->host->topology;

	for (unsigned int i = 0; i < vm->cpus.n; i++) {
		const struct topology_cpu *cpu = &t->cpus[vm->cpus.cpu[i]];

		if ((part == PLAN_L2 ? cpu->l2 : cpu->l3) == domain)
			return true;
	}
	return false;
}

#define VALUE_TEXT 64

static void mask_text(const struct plan *plan, enum plan_part part, unsigned int domain, uint64_t mask,
		      char text[VALUE_TEXT])
{
	uint64_t bytes = plan_bytes(plan, part, domain, mask);
	unsigned int n = plan_ways(mask);
	char size[PLAN_SIZE_TEXT];

	snprintf(text, VALUE_TEXT, "%s%s%u way%s", bytes ? plan_size_text(bytes, size) : "", bytes ? ", " : "", n,
		 n == 1 ? "" : "s");
}

static void limit_text(const struct plan *plan, uint64_t value, char text[VALUE_TEXT])
{
	switch (plan->host->caps.mb.unit) {
	case RDT_MB_PERCENT:
		snprintf(text, VALUE_TEXT, "%" PRIu64 " %%", value);
		return;
	case RDT_MB_MBPS:
		snprintf(text, VALUE_TEXT, "%" PRIu64 " MB/s", value);
		return;
	default: /* eighths of GB/s */
		snprintf(text, VALUE_TEXT, "%.12g GB/s", (double)value / 8);
	}
}

/* What a VM's group has in a domain, "" if the VM is not there or not limited. */
static void value_text(const struct plan *plan, const struct plan_vm *vm, enum plan_part part, unsigned int domain,
		       char text[VALUE_TEXT])
{
	uint64_t value = plan_value(plan, vm->group, part, domain);

	text[0] = '\0';
	if (!value || !vm_in_domain(plan, vm, part, domain))
		return;
	if (part == PLAN_MB)
		limit_text(plan, value, text);
	else
		mask_text(plan, part, domain, value, text);
}

/* Whether domain @domain has a text that none before it has. */
static bool is_new(const struct plan *plan, const struct plan_vm *vm, enum plan_part part, unsigned int domain)
{
	char text[VALUE_TEXT], other[VALUE_TEXT];

	value_text(plan, vm, part, domain, text);
	for (unsigned int d = 0; d < domain; d++) {
		value_text(plan, vm, part, d, other);
		if (!strcmp(text, other))
			return false;
	}
	return text[0] != '\0';
}

/* " (L3 0,2-5)": the domains with @text, where the VM is in more than one. */
static void print_domains(const struct plan *plan, const struct plan_vm *vm, enum plan_part part, const char *text,
			  FILE *out)
{
	const struct topology_cache *caches;
	unsigned int n = plan_domains(plan, part, &caches), same = 0, there = 0;
	unsigned int *ids = calloc(n, sizeof(*ids));
	char other[VALUE_TEXT], *list;

	for (unsigned int d = 0; ids && d < n; d++) {
		there += vm_in_domain(plan, vm, part, d);
		value_text(plan, vm, part, d, other);
		if (!strcmp(text, other))
			ids[same++] = caches[d].id;
	}
	list = cpu_list_text(ids, same);
	if (there > 1 && list)
		fprintf(out, " (%s %s)", part == PLAN_L2 ? "L2" : "L3", list);
	free(list);
	free(ids);
}

/* "9 MiB, 6 ways", for each that is different. Returns whether there was anything. */
static bool print_part(const struct plan *plan, const struct plan_vm *vm, enum plan_part part, const char *title,
		       FILE *out)
{
	const struct topology_cache *caches;
	unsigned int n = plan_domains(plan, part, &caches);
	char text[VALUE_TEXT];
	bool any = false;

	for (unsigned int d = 0; d < n; d++) {
		if (!is_new(plan, vm, part, d))
			continue;
		value_text(plan, vm, part, d, text);
		fprintf(out, "%s%s", any ? "; " : title, text);
		print_domains(plan, vm, part, text, out);
		any = true;
	}
	return any;
}

static void print_cache(const struct plan *plan, unsigned int v, FILE *out)
{
	const struct plan_vm *vm = &plan->vms[v];
	bool apart = plan->host->caps.l3.cdp, any;
	char symbol = plan_group_symbol(plan, vm->group);

	if (!plan->host->caps.l3.present && !plan->host->caps.l2.present) {
		fputc('-', out);
		return;
	}
	if (symbol != plan_vm_symbol(plan, v))
		fprintf(out, "%c: ", symbol);
	any = print_part(plan, vm, PLAN_L3, apart ? "data " : "", out);
	any |= apart && print_part(plan, vm, PLAN_L3_CODE, any ? "; code " : "code ", out);
	any |= vm->group != PLAN_NONE && print_part(plan, vm, PLAN_L2, any ? "; L2 " : "L2 ", out);
	if (!any)
		fprintf(out, "all");
}

static void print_bandwidth(const struct plan *plan, unsigned int v, FILE *out)
{
	if (!plan->host->caps.mb.present)
		fputc('-', out);
	else if (!print_part(plan, &plan->vms[v], PLAN_MB, "", out))
		fprintf(out, "all");
}

static void print_symbol(const struct plan *plan, unsigned int v, FILE *out)
{
	fputc(plan_vm_symbol(plan, v), out);
}

static void print_name(const struct plan *plan, unsigned int v, FILE *out)
{
	fprintf(out, "%s", plan_vm_profile(plan, &plan->vms[v])->name);
}

static void print_class(const struct plan *plan, unsigned int v, FILE *out)
{
	fprintf(out, "%s", plan_vm_class(plan, &plan->vms[v])->name);
}

static const struct {
	const char *title;
	void (*print)(const struct plan *plan, unsigned int vm, FILE *out);
} columns[] = {
	{ "Key", print_symbol }, { "VM", print_name },	     { "Class", print_class }, { "CPUs", print_cpus },
	{ "Node", print_nodes }, { "Memory", print_memory }, { "Cache", print_cache }, { "Bandwidth", print_bandwidth },
};
#define N_COLUMNS (sizeof(columns) / sizeof(columns[0]))

static void add_cell(struct report_table *table, const struct plan *plan, unsigned int vm, size_t column)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (out) {
		columns[column].print(plan, vm, out);
		fclose(out);
	}
	report_table_cell(table, "%s", text ? text : "?");
	free(text);
}

static void draw_vms(const struct plan_map *map)
{
	struct report_table table = { .n_columns = N_COLUMNS, .header = true };

	plan_map_say(map, 0, "VMs: \"4 of 8-15\" are 4 vCPUs on shared CPUs");
	for (size_t c = 0; c < N_COLUMNS; c++)
		report_table_cell(&table, "%s", columns[c].title);
	for (unsigned int v = 0; v < map->plan->n_vms; v++) {
		for (size_t c = 0; c < N_COLUMNS; c++)
			add_cell(&table, map->plan, v, c);
	}
	report_table_print(&table, map->out, PLAN_MAP_INDENT, map->width);
}

/* ---- The whole --------------------------------------------------------------------------------------------------- */

static void draw_notes(const struct plan_map *map)
{
	struct report_table table = REPORT_TABLE(2);

	if (!map->plan->n_notes)
		return;
	fputc('\n', map->out);
	plan_map_say(map, 0, "Notes");
	for (unsigned int i = 0; i < map->plan->n_notes; i++) {
		report_table_cell(&table, "-");
		report_table_cell(&table, "%s", map->plan->notes[i]);
	}
	report_table_print(&table, map->out, PLAN_MAP_INDENT, map->width);
}

void plan_draw(const struct plan *plan, FILE *out, size_t width)
{
	struct plan_map map = { .plan = plan, .out = out, .width = width ? width : DEFAULT_WIDTH };

	if (map.width < LEAST_WIDTH)
		map.width = LEAST_WIDTH;
	map.colour = report_colour(out);
	plan_map_caches(&map);
	fputc('\n', out);
	plan_map_nodes(&map);
	fputc('\n', out);
	draw_vms(&map);
	draw_notes(&map);
}
