// SPDX-License-Identifier: BSD-3-Clause
#include "status_draw.h"

#include <inttypes.h>
#include <string.h>

#include "plan_view.h"
#include "report_table.h"
#include "transaction.h"

#define INDENT	    2
#define PLAIN_WIDTH 120 /* in a pipe */

static const char *text(const json_t *item, const char *key)
{
	return json_string_value(json_object_get(item, key));
}

static const char *group_name(const json_t *group)
{
	const char *name = text(group, "name");

	return name && *name ? name : "(default)";
}

/* Lines side by side: a table breaks cells at blanks. */
static void one_line(char *to, size_t size, const char *lines)
{
	size_t n;

	snprintf(to, size, "%s", lines);
	for (char *c = to; (c = strchr(c, '\n')); c++)
		*c = ' ';
	n = strlen(to);
	if (n && to[n - 1] == ' ')
		to[n - 1] = '\0';
}

static void add_group(struct report_table *table, const json_t *group)
{
	const char *programmed = text(group, "programmed");
	char requested[2048], now[2048];

	one_line(requested, sizeof(requested), text(group, "requested"));
	one_line(now, sizeof(now), programmed ? programmed : "gone");
	report_table_cell(table, "%s", group_name(group));
	report_table_cell(table, "%s", requested);
	report_table_cell(table, "%s", !strcmp(requested, now) ? "as asked" : now);
	if (json_is_null(json_object_get(group, "threads")))
		report_table_cell(table, "%s", text(group, "cpus") ? text(group, "cpus") : "-");
	else
		report_table_cell(table, "%" JSON_INTEGER_FORMAT,
				  json_integer_value(json_object_get(group, "threads")));
}

static void print_groups(const json_t *groups, bool by_cpu, FILE *out, size_t width)
{
	struct report_table table = REPORT_TABLE(4);
	const json_t *group;
	size_t i;

	table.header = true;
	report_table_cell(&table, "group");
	report_table_cell(&table, "requested");
	report_table_cell(&table, "programmed");
	report_table_cell(&table, by_cpu ? "CPUs" : "threads");
	json_array_foreach ((json_t *)groups, i, group)
		add_group(&table, group);
	report_table_print(&table, out, INDENT, width);
}

static void print_usage(const json_t *caches, FILE *out, size_t width)
{
	struct report_table table = REPORT_TABLE(3);
	const json_t *cache;
	size_t i;

	table.header = true;
	report_table_cell(&table, "cache");
	report_table_cell(&table, "domain");
	report_table_cell(&table, "ways, the highest first");
	json_array_foreach ((json_t *)caches, i, cache) {
		report_table_cell(&table, "%s", text(cache, "resource"));
		report_table_cell(&table, "%" JSON_INTEGER_FORMAT,
				  json_integer_value(json_object_get(cache, "domain")));
		report_table_cell(&table, "%s", text(cache, "bit_usage"));
	}
	report_table_print(&table, out, INDENT, width);
	fprintf(out, "%*sS groups, E a group in mode exclusive, X groups and I/O, H I/O, P locked, 0 nothing\n", INDENT,
		"");
}

static void add_bytes(struct report_table *table, const json_t *domain, const char *key, const char *per)
{
	const json_t *value = json_object_get(domain, key);
	char size[PLAN_SIZE_TEXT];

	if (json_is_integer(value))
		report_table_cell(table, "%s%s", plan_size_text((uint64_t)json_integer_value(value), size), per);
	else
		report_table_cell(table, "unavailable");
}

/* With rates, those; else what was moved since the counters' start. */
static void add_domain(struct report_table *table, const json_t *item, const json_t *domain, bool rates)
{
	report_table_cell(table, "%s", group_name(item));
	report_table_cell(table, "L3 %" JSON_INTEGER_FORMAT, json_integer_value(json_object_get(domain, "domain")));
	add_bytes(table, domain, "occupancy_bytes", "");
	add_bytes(table, domain, rates ? "mbm_total_bytes_per_s" : "mbm_total_bytes", rates ? "/s" : "");
	add_bytes(table, domain, rates ? "mbm_local_bytes_per_s" : "mbm_local_bytes", rates ? "/s" : "");
}

static bool has_rates(const json_t *items)
{
	const json_t *item;
	size_t i;

	json_array_foreach ((json_t *)items, i, item)
		if (json_object_get(json_array_get(json_object_get(item, "domains"), 0), "mbm_total_bytes_per_s"))
			return true;
	return false;
}

static void print_reasons(const json_t *items, FILE *out)
{
	const json_t *item;
	size_t i;

	json_array_foreach ((json_t *)items, i, item)
		if (text(item, "unavailable"))
			fprintf(out, "%*sVM %s: unavailable: %s\n", INDENT, "", text(item, "name"),
				text(item, "unavailable"));
}

/* Of groups, or of VMs. */
static void print_measured(const char *what, const json_t *items, FILE *out, size_t width)
{
	struct report_table table = REPORT_TABLE(5);
	bool rates = has_rates(items);
	const json_t *item, *domain;
	size_t i, d;

	table.header = true;
	report_table_cell(&table, "%s", what);
	report_table_cell(&table, "domain");
	report_table_cell(&table, "occupied");
	report_table_cell(&table, rates ? "bandwidth" : "moved");
	report_table_cell(&table, rates ? "local bandwidth" : "moved locally");
	json_array_foreach ((json_t *)items, i, item)
		json_array_foreach (json_object_get(item, "domains"), d, domain)
			add_domain(&table, item, domain, rates);
	report_table_print(&table, out, INDENT, width);
	print_reasons(items, out);
}

static void add_vm(struct report_table *table, const json_t *vm)
{
	json_int_t threads = json_integer_value(json_object_get(vm, "threads"));
	json_int_t home = json_integer_value(json_object_get(vm, "in_group"));
	const char *group = text(vm, "group");

	report_table_cell(table, "%s", text(vm, "name"));
	report_table_cell(table, "%s", *group ? group : "(default)");
	report_table_cell(table, "%s", text(vm, "cpus"));
	if (!json_is_true(json_object_get(vm, "running")))
		report_table_cell(table, "not running");
	else if (json_is_null(json_object_get(vm, "in_group")))
		report_table_cell(table, "by its CPUs");
	else if (home == threads)
		report_table_cell(table, "all %" JSON_INTEGER_FORMAT, threads);
	else
		report_table_cell(table, "%" JSON_INTEGER_FORMAT " of %" JSON_INTEGER_FORMAT, home, threads);
}

static void print_vms(const json_t *vms, FILE *out, size_t width)
{
	struct report_table table = REPORT_TABLE(4);
	const json_t *vm;
	size_t i;

	table.header = true;
	report_table_cell(&table, "VM");
	report_table_cell(&table, "group");
	report_table_cell(&table, "planned CPUs");
	report_table_cell(&table, "threads in it");
	json_array_foreach ((json_t *)vms, i, vm)
		add_vm(&table, vm);
	report_table_print(&table, out, INDENT, width);
}

void status_draw(const json_t *status, FILE *out, size_t width)
{
	const json_t *groups = json_object_get(status, "groups"), *vms = json_object_get(status, "vms");
	const json_t *caches = json_object_get(status, "caches");
	bool by_cpu = text(status, "associates") && !strcmp(text(status, "associates"), "cpus");

	if (json_is_true(json_object_get(status, "half_made")))
		fputs(TRANSACTION_HALF_MADE "\n", out);
	else if (!json_is_true(json_object_get(status, "applied")))
		fputs("nothing is applied\n", out);
	if (!json_is_true(json_object_get(status, "applied")))
		return;
	if (!width)
		width = PLAIN_WIDTH;
	fprintf(out, "%s, by %s\n\n", text(status, "profile"), text(status, "engine"));
	print_vms(vms, out, width);
	fputc('\n', out);
	print_groups(groups, by_cpu, out, width);
	fputc('\n', out);
	if (json_array_size(caches)) {
		print_usage(caches, out, width);
		fputc('\n', out);
	}
	print_measured("group", groups, out, width);
	fputc('\n', out);
	print_measured("VM", vms, out, width);
}
