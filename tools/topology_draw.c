// SPDX-License-Identifier: BSD-3-Clause
#include "topology_draw.h"

#include <stdlib.h>
#include <string.h>

/* More lines of cells than this are summarised, and more L3 drawn together. */
#define MAX_LINES   48
#define MAX_L3	    32
#define MAX_DEVICES 16
#define MAX_L2_IDS  12

#define BLOCK_INDENT 2

/* The drawing's view: cores in the order in which they are drawn, package by package, node by node, L3 by L3. */
struct drawing {
	const struct sheet *sheet;
	const struct topology *t;
	const struct topology_core **cores;
	unsigned int *numbers; /* room for every CPU's */
	unsigned int digits;   /* of the highest CPU number */
	unsigned int smt;      /* CPUs of the largest core */
	bool cells;	       /* a cell for each core; else ranges */
	bool together;	       /* like L3 as one */
};

/* Cores from @first to before @end. */
struct span {
	unsigned int first, end;
};

static int compare(unsigned int a, unsigned int b)
{
	return a < b ? -1 : a > b;
}

static int by_place(const void *a, const void *b)
{
	const struct topology_core *one = *(const struct topology_core *const *)a;
	const struct topology_core *other = *(const struct topology_core *const *)b;
	int order = compare(one->package, other->package);

	order = order ? order : compare(one->node, other->node);
	order = order ? order : compare(one->l3, other->l3);
	return order ? order : compare(one->cpus[0], other->cpus[0]);
}

static struct span next_block(const struct drawing *d, unsigned int first)
{
	struct span block = { first, first };

	while (block.end < d->t->n_cores && d->cores[block.end]->package == d->cores[first]->package &&
	       d->cores[block.end]->node == d->cores[first]->node)
		block.end++;
	return block;
}

/* The cores of one L3 in @block. */
static struct span next_part(const struct drawing *d, struct span block, unsigned int first)
{
	struct span part = { first, first };

	while (part.end < block.end && d->cores[part.end]->l3 == d->cores[first]->l3)
		part.end++;
	return part;
}

static int by_number(const void *a, const void *b)
{
	return compare(*(const unsigned int *)a, *(const unsigned int *)b);
}

static void print_cpus(const struct drawing *d, struct words *w, struct span span)
{
	size_t n = 0;

	for (unsigned int i = span.first; i < span.end; i++) {
		for (unsigned int j = 0; j < d->cores[i]->n_cpus; j++)
			d->numbers[n++] = d->t->cpus[d->cores[i]->cpus[j]].os;
	}
	qsort(d->numbers, n, sizeof(*d->numbers), by_number);
	words_ranges(w, d->numbers, n, 0);
}

/* "8 cores", "8 cores of 2 CPUs", "6 cores of 2 CPUs and 8 of 1" */
static void print_cores(const struct drawing *d, struct words *w, struct span span)
{
	unsigned int count[TOPOLOGY_MAX_SMT + 1] = { 0 };
	bool more = false;

	for (unsigned int i = span.first; i < span.end; i++)
		count[d->cores[i]->n_cpus]++;
	if (count[1] == span.end - span.first) {
		words_count(w, count[1], "core");
		return;
	}
	for (unsigned int smt = TOPOLOGY_MAX_SMT; smt; smt--) {
		if (!count[smt])
			continue;
		if (more)
			fprintf(w->out, " and %u of %u", count[smt], smt);
		else
			fprintf(w->out, "%u core%s of %u CPU%s", count[smt], count[smt] == 1 ? "" : "s", smt,
				smt == 1 ? "" : "s");
		more = true;
	}
}

/* Which of the cores' numbers of a kind there are, each once. */
static size_t distinct(const struct drawing *d, struct span span, size_t offset)
{
	size_t n = 0, kept = 0;

	for (unsigned int i = span.first; i < span.end; i++)
		d->numbers[n++] = *(const unsigned int *)((const char *)d->cores[i] + offset);
	qsort(d->numbers, n, sizeof(*d->numbers), by_number);
	for (size_t i = 0; i < n; i++) {
		if (d->numbers[i] != TOPOLOGY_NONE && (!kept || d->numbers[i] != d->numbers[kept - 1]))
			d->numbers[kept++] = d->numbers[i];
	}
	return kept;
}

static void print_dies(const struct drawing *d, struct words *w, struct span span)
{
	size_t n;

	if (d->t->n_dies == d->t->n_packages)
		return;
	n = distinct(d, span, offsetof(struct topology_core, die));
	fprintf(w->out, ", die%s ", n == 1 ? "" : "s");
	words_ranges(w, d->numbers, n, 0);
}

/* Other nodes that cores of this L3 are in. */
static void print_sharers(const struct drawing *d, struct words *w, struct span part)
{
	unsigned int l3 = d->cores[part.first]->l3, node = d->cores[part.first]->node, shown = 0, last = node;

	for (unsigned int i = 0; i < d->t->n_cores; i++) {
		const struct topology_core *core = d->cores[i];

		if (core->l3 != l3 || core->node == node || core->node == last || core->node == TOPOLOGY_NONE)
			continue;
		last = core->node;
		fprintf(w->out, "%s%u", shown++ ? ", " : ", shared with node ", d->t->nodes[last].os);
	}
}

static void print_l3_name(const struct drawing *d, struct words *w, struct span span)
{
	size_t n = distinct(d, span, offsetof(struct topology_core, l3));

	if (!n || !d->t->l3_level) {
		fprintf(w->out, "no L3: ");
		return;
	}
	for (size_t i = 0; i < n; i++)
		d->numbers[i] = d->t->l3[d->numbers[i]].id;
	fprintf(w->out, "L%u ", d->t->l3_level);
	words_ranges(w, d->numbers, n, 0);
	fprintf(w->out, ": ");
	words_bytes(w, d->t->l3[d->cores[span.first]->l3].bytes);
	fprintf(w->out, "%s, ", n > 1 ? " each" : "");
}

/* One kind of L2 after the other: "L2 0-7: 2 MiB a core, L2 8-9: 4 MiB for 4 cores". */
static int print_l2(const struct drawing *d, struct span span, size_t indent)
{
	size_t n = distinct(d, span, offsetof(struct topology_core, l2)), first = 0;
	const struct topology_cache *l2 = d->t->l2;
	struct words w;

	if (!n || d->t->l3_level == 2)
		return 0;
	if (words_open(&w))
		return -1;
	for (size_t i = 1; i <= n; i++) {
		const struct topology_cache *kind = &l2[d->numbers[first]];

		if (i < n && l2[d->numbers[i]].bytes == kind->bytes && l2[d->numbers[i]].n_cores == kind->n_cores)
			continue;
		fprintf(w.out, "%sL2 ", first ? ", " : "");
		for (size_t j = first; j < i; j++)
			d->numbers[j] = l2[d->numbers[j]].id;
		words_ranges(&w, d->numbers + first, i - first, MAX_L2_IDS);
		fprintf(w.out, ": ");
		words_bytes(&w, kind->bytes);
		fprintf(w.out, kind->n_cores == 1 ? " a core" : " for %u cores", kind->n_cores);
		first = i;
	}
	return words_print(&w, d->sheet, indent + BLOCK_INDENT, BLOCK_INDENT);
}

static unsigned int cell_width(const struct drawing *d)
{
	return d->smt * (d->digits + 1) + 1;
}

static unsigned int cells_in_row(const struct drawing *d)
{
	size_t room = d->sheet->width - 4 - BLOCK_INDENT;

	return (unsigned int)((room + 1) / (cell_width(d) + 1));
}

/* A row of cells, one for each core: [ 0 32] */
static int print_row(const struct drawing *d, struct span row)
{
	struct words w;

	if (words_open(&w))
		return -1;
	for (unsigned int i = row.first; i < row.end; i++) {
		const struct topology_core *core = d->cores[i];

		fprintf(w.out, "%s[", i > row.first ? " " : "");
		for (unsigned int j = 0; j < d->smt; j++) {
			fprintf(w.out, "%s", j ? " " : "");
			if (j < core->n_cpus)
				fprintf(w.out, "%*u", (int)d->digits, d->t->cpus[core->cpus[j]].os);
			else
				fprintf(w.out, "%*s", (int)d->digits, "");
		}
		fprintf(w.out, "]");
	}
	return words_print(&w, d->sheet, BLOCK_INDENT, 0);
}

static int print_cells(const struct drawing *d, struct span part)
{
	unsigned int most = cells_in_row(d);

	for (unsigned int first = part.first; first < part.end; first += most) {
		struct span row = { first, part.end - first < most ? part.end : first + most };

		if (print_row(d, row))
			return -1;
	}
	return 0;
}

static int print_part(const struct drawing *d, struct span part)
{
	struct words w;

	if (words_open(&w))
		return -1;
	print_l3_name(d, &w, part);
	print_cores(d, &w, part);
	if (distinct(d, part, offsetof(struct topology_core, l3)) > 1)
		fprintf(w.out, " in all");
	else if (d->t->l3_level && d->cores[part.first]->l3 != TOPOLOGY_NONE)
		print_sharers(d, &w, part);
	print_dies(d, &w, part);
	if (!d->cells) {
		fprintf(w.out, ": ");
		print_cpus(d, &w, part);
	}
	if (words_print(&w, d->sheet, BLOCK_INDENT, BLOCK_INDENT))
		return -1;
	return d->cells && (print_l2(d, part, BLOCK_INDENT) || print_cells(d, part)) ? -1 : 0;
}

/* Whether two L3 differ in nothing but their ids and CPUs. */
static bool alike(const struct drawing *d, struct span a, struct span b)
{
	unsigned int one = d->cores[a.first]->l3, other = d->cores[b.first]->l3;

	if (one == TOPOLOGY_NONE || other == TOPOLOGY_NONE || d->t->l3[one].bytes != d->t->l3[other].bytes ||
	    a.end - a.first != b.end - b.first)
		return false;
	return d->cores[a.first]->n_cpus == d->cores[b.first]->n_cpus;
}

static int print_parts(const struct drawing *d, struct span block)
{
	struct span part, next;

	for (unsigned int first = block.first; first < block.end; first = part.end) {
		part = next_part(d, block, first);
		next = part;
		while (d->together && next.end < block.end) {
			next = next_part(d, block, next.end);
			if (!alike(d, next_part(d, block, first), next))
				break;
			part.end = next.end;
		}
		if (print_part(d, part))
			return -1;
	}
	return d->cells ? 0 : print_l2(d, block, 0);
}

/* "near: eth0 (0000:3b:00.0), 0000:5e:00.0" */
static int print_devices(const struct drawing *d, const struct sheet *sheet, unsigned int node, const char *title)
{
	unsigned int n = 0;
	struct words w;

	for (unsigned int i = 0; i < d->t->n_devices; i++)
		n += d->t->devices[i].node == node;
	if (!n)
		return 0;
	if (words_open(&w))
		return -1;
	fprintf(w.out, "%s ", title);
	for (unsigned int i = 0, shown = 0; i < d->t->n_devices; i++) {
		const struct topology_device *device = &d->t->devices[i];

		if (device->node != node)
			continue;
		if (shown == MAX_DEVICES) {
			fprintf(w.out, ", and %u more", n - shown);
			break;
		}
		fprintf(w.out, "%s%s", shown++ ? ", " : "", device->name);
		fprintf(w.out, device->name[0] ? " (%s)" : "%s", device->bus);
	}
	return words_print(&w, sheet, BLOCK_INDENT, BLOCK_INDENT);
}

static void print_rule(const struct sheet *sheet, const char *left, const char *title, const char *right)
{
	size_t columns = title[0] ? strlen(title) + 2 : 0;

	fputs(sheet->utf8 ? left : "+", sheet->out);
	if (title[0])
		fprintf(sheet->out, "%s %s ", sheet->utf8 ? "\u2500" : "-", title);
	for (size_t i = columns + 2 + (title[0] ? 1 : 0); i < sheet->width; i++)
		fputs(sheet->utf8 ? "\u2500" : "-", sheet->out);
	fprintf(sheet->out, "%s\n", sheet->utf8 ? right : "+");
}

/* "package 0, node 1: 128 GiB"; at most 40 columns less the frame's. */
static int print_title(const struct drawing *d, unsigned int package, unsigned int node)
{
	char title[34];
	struct words w;

	if (words_open(&w))
		return -1;
	if (package != TOPOLOGY_NONE)
		fprintf(w.out, "package %u, ", package);
	if (node == TOPOLOGY_NONE) {
		fprintf(w.out, "no node");
	} else {
		fprintf(w.out, "node %u: ", d->t->nodes[node].os);
		words_bytes(&w, d->t->nodes[node].bytes);
	}
	if (fclose(w.out))
		return -1;
	snprintf(title, sizeof(title), "%s", w.text);
	free(w.text);
	print_rule(d->sheet, "\u250c", title, "\u2510");
	return 0;
}

/* A node's memory and devices belong to no package of several: its first box has the devices. */
static int print_spanning(const struct drawing *d, struct span block, bool *first)
{
	unsigned int node = d->cores[block.first]->node;
	char text[] = "the node spans several packages";

	*first = true;
	if (node == TOPOLOGY_NONE || d->t->nodes[node].package != TOPOLOGY_NONE)
		return 0;
	for (unsigned int i = 0; i < block.first; i++)
		*first &= d->cores[i]->node != node;
	sheet_text(d->sheet, BLOCK_INDENT, BLOCK_INDENT, text);
	return 0;
}

static int print_block(const struct drawing *d, struct span block)
{
	unsigned int node = d->cores[block.first]->node;
	struct sheet inside = *d->sheet;
	struct drawing boxed = *d;
	bool first;

	inside.boxed = true;
	boxed.sheet = &inside;
	if (print_title(d, d->cores[block.first]->package, node) || print_spanning(&boxed, block, &first) ||
	    print_parts(&boxed, block))
		return -1;
	if (first && node != TOPOLOGY_NONE && print_devices(d, &inside, node, "near:"))
		return -1;
	print_rule(d->sheet, "\u2514", "", "\u2518");
	return 0;
}

/* Nodes of @package without cores. */
static int print_memory(const struct drawing *d, unsigned int package)
{
	struct sheet inside = *d->sheet;

	inside.boxed = true;
	for (unsigned int i = 0; i < d->t->n_nodes; i++) {
		char text[] = "memory only";

		if (d->t->nodes[i].n_cores || d->t->nodes[i].package != package)
			continue;
		if (print_title(d, package, i))
			return -1;
		sheet_text(&inside, 0, 0, text);
		if (print_devices(d, &inside, i, "near:"))
			return -1;
		print_rule(d->sheet, "\u2514", "", "\u2518");
	}
	return 0;
}

static int print_boxes(const struct drawing *d)
{
	unsigned int first = 0;

	for (unsigned int package = 0; package < d->t->n_packages; package++) {
		while (first < d->t->n_cores && d->cores[first]->package == package) {
			struct span block = next_block(d, first);

			if (print_block(d, block))
				return -1;
			first = block.end;
		}
		if (print_memory(d, package))
			return -1;
	}
	return print_memory(d, TOPOLOGY_NONE);
}

static int print_summary(const struct drawing *d)
{
	const struct topology *t = d->t;
	unsigned int online = 0;
	struct words w;

	if (words_open(&w))
		return -1;
	for (unsigned int i = 0; i < t->n_cpus; i++)
		online += t->cpus[i].online;
	fprintf(w.out, "%s: ", t->source);
	words_count(&w, t->n_packages, "package");
	fprintf(w.out, ", ");
	if (t->n_dies != t->n_packages)
		fprintf(w.out, "%u dies, ", t->n_dies);
	words_count(&w, t->n_nodes, "node");
	if (t->l3_level == 3)
		fprintf(w.out, ", %u L3", t->n_l3);
	else if (t->l3_level)
		fprintf(w.out, ", no L3, %u L%u", t->n_l3, t->l3_level);
	else
		fprintf(w.out, ", no L3");
	fprintf(w.out, ", ");
	words_count(&w, t->n_cores, "core");
	fprintf(w.out, ", ");
	words_count(&w, online, "CPU");
	if (online < t->n_cpus)
		fprintf(w.out, ", %u offline", t->n_cpus - online);
	return words_print(&w, d->sheet, BLOCK_INDENT, BLOCK_INDENT);
}

static int print_offline(const struct drawing *d)
{
	struct words w;
	size_t n = 0;

	for (unsigned int i = 0; i < d->t->n_cpus; i++) {
		if (!d->t->cpus[i].online)
			d->numbers[n++] = d->t->cpus[i].os;
	}
	if (!n)
		return 0;
	if (words_open(&w))
		return -1;
	fprintf(w.out, "offline: CPU%s ", n == 1 ? "" : "s");
	words_ranges(&w, d->numbers, n, 0);
	return words_print(&w, d->sheet, BLOCK_INDENT, BLOCK_INDENT);
}

/* Cells while they stay on a screen or two. */
static void choose_form(struct drawing *d)
{
	unsigned int lines = 0, parts = 0, most = cells_in_row(d);
	struct span block, part;

	for (unsigned int first = 0; first < d->t->n_cores; first = block.end) {
		block = next_block(d, first);
		for (unsigned int from = first; from < block.end; from = part.end) {
			part = next_part(d, block, from);
			lines += 2 + (most ? (part.end - from + most - 1) / most : 0); /* with its name and L2 */
			parts++;
		}
	}
	d->cells = most && lines <= MAX_LINES;
	d->together = !d->cells && (parts > MAX_L3 || d->t->l3_level != 3);
}

static void measure(struct drawing *d)
{
	for (unsigned int i = 0; i < d->t->n_cores; i++) {
		d->cores[i] = &d->t->cores[i];
		if (d->cores[i]->n_cpus > d->smt)
			d->smt = d->cores[i]->n_cpus;
	}
	qsort(d->cores, d->t->n_cores, sizeof(*d->cores), by_place);
	d->digits = 1;
	for (unsigned int highest = d->t->cpus[d->t->n_cpus - 1].os; highest >= 10; highest /= 10)
		d->digits++;
	choose_form(d);
}

int topology_draw(const struct sheet *sheet, const struct topology *t)
{
	struct drawing d = { .sheet = sheet, .t = t };
	int rc = -1;

	d.cores = calloc(t->n_cores, sizeof(*d.cores));
	d.numbers = calloc(t->n_cpus, sizeof(*d.numbers));
	if (d.cores && d.numbers) {
		measure(&d);
		rc = print_summary(&d) || print_boxes(&d) || print_offline(&d) ||
				     print_devices(&d, sheet, TOPOLOGY_NONE, "near no node:")
			     ? -1
			     : 0;
	}
	free(d.cores);
	free(d.numbers);
	return rc;
}
