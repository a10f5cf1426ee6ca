// SPDX-License-Identifier: BSD-3-Clause
/* RDT in words. */
#include "topology_draw.h"

#include <inttypes.h>
#include <string.h>

#define INDENT 2
#define COLUMN 13 /* where the words behind a name begin */

/* What a bit of the L3's mask is worth, where it is worth the same everywhere; else 0. */
static uint64_t way_bytes(const struct topology *t, unsigned int ways)
{
	if (t->l3_level != 3 || !t->n_l3 || !ways)
		return 0;
	for (unsigned int i = 1; i < t->n_l3; i++) {
		if (t->l3[i].bytes != t->l3[0].bytes)
			return 0;
	}
	/* With Sub-NUMA Clustering the kernel may have divided it. */
	for (unsigned int i = 1; i < t->n_cores; i++) {
		if (t->cores[i].l3 == t->cores[i - 1].l3 && t->cores[i].node != t->cores[i - 1].node)
			return 0;
	}
	return t->l3[0].bytes / ways;
}

/* The mask from its highest bit on, as the kernel's bit_usage has it; ways of I/O stand out. */
static void print_bar(const struct sheet *sheet, struct words *w, const struct rdt_cache_caps *cache)
{
	static const char *const marks[2][2] = { { ".", "#" }, { "\u25a1", "\u25a0" } };

	for (unsigned int bit = cache->ways; bit > 0; bit--)
		fputs(marks[sheet->utf8][cache->shareable >> (bit - 1) & 1], w->out);
}

static int print_cache(const struct sheet *sheet, const char *name, const struct rdt_cache_caps *cache, uint64_t bytes)
{
	struct words w;

	if (!cache->present)
		return 0;
	if (words_open(&w))
		return -1;
	fprintf(w.out, "%-*s", COLUMN - INDENT, name);
	words_count(&w, cache->ways, "way");
	if (bytes) {
		fprintf(w.out, " of ");
		words_bytes(&w, bytes);
	}
	fprintf(w.out, ", at least %u, %s; ", cache->min_ways, cache->sparse ? "holes allowed" : "without holes");
	words_count(&w, cache->closids, "CLOSID");
	if (cache->cdp)
		fprintf(w.out, "; code and data apart (CDP)");
	else if (cache->cdp_capable)
		fprintf(w.out, "; CDP possible");
	if (words_print(&w, sheet, COLUMN, COLUMN - INDENT) || words_open(&w))
		return -1;
	print_bar(sheet, &w, cache);
	if (cache->shareable)
		fprintf(w.out, " %s: used by I/O too (%" PRIx64 ")", sheet->utf8 ? "\u25a0" : "#", cache->shareable);
	else
		fprintf(w.out, " none used by I/O");
	return words_print(&w, sheet, COLUMN, 0);
}

static int print_bandwidth(const struct sheet *sheet, const char *name, const struct rdt_mb_caps *mb)
{
	static const char *const units[] = {
		[RDT_MB_PERCENT] = "percent of each core's own bandwidth",
		[RDT_MB_MBPS] = "MB/s, kept by the kernel's controller",
		[RDT_MB_EIGHTH_GB] = "in 1/8 GB/s",
	};
	struct words w;

	if (!mb->present)
		return 0;
	if (words_open(&w))
		return -1;
	fprintf(w.out, "%-*s%s, from %u to %" PRIu64 " in steps of %u; ", COLUMN - INDENT, name, units[mb->unit],
		mb->min, mb->max, mb->gran);
	words_count(&w, mb->closids, "CLOSID");
	return words_print(&w, sheet, COLUMN, COLUMN - INDENT);
}

static int print_closids(const struct sheet *sheet, const struct rdt_caps *caps)
{
	unsigned int taken = 1; /* the default group's */
	struct words w;

	if (!caps->closids)
		return 0;
	for (unsigned int i = 0; i < caps->n_groups; i++)
		taken += !caps->groups[i].pseudo_locked;
	if (words_open(&w))
		return -1;
	fprintf(w.out, "%-*s%u: the default group's", COLUMN - INDENT, "CLOSIDs", caps->closids);
	if (taken > 1)
		fprintf(w.out, ", %u of other groups", taken - 1);
	fprintf(w.out, ", %u free", caps->closids > taken ? caps->closids - taken : 0);
	return words_print(&w, sheet, COLUMN, COLUMN - INDENT);
}

static int print_monitoring(const struct sheet *sheet, const struct rdt_caps *caps)
{
	struct words w;

	if (words_open(&w))
		return -1;
	fprintf(w.out, "%-*s", COLUMN - INDENT, "monitoring");
	if (caps->monitoring)
		words_count(&w, caps->rmids, "RMID");
	else
		fprintf(w.out, "none");
	return words_print(&w, sheet, COLUMN, COLUMN - INDENT);
}

/* "L3 0-1=ff0 2=f", where neighbours hold the same. */
static void print_masks(struct words *w, const char *name, const struct rdt_group_masks *masks, bool hex, bool *more)
{
	if (!masks->n)
		return;
	fprintf(w->out, "%s%s", *more ? "; " : "", name);
	*more = true;
	for (unsigned int first = 0, last; first < masks->n; first = last + 1) {
		for (last = first; last + 1 < masks->n && masks->value[last + 1] == masks->value[first] &&
				   masks->domain[last + 1] == masks->domain[last] + 1;
		     last++)
			;
		fprintf(w->out, " %u", masks->domain[first]);
		if (last > first)
			fprintf(w->out, "-%u", masks->domain[last]);
		fprintf(w->out, hex ? "=%" PRIx64 : "=%" PRIu64, masks->value[first]);
	}
}

static int print_group(const struct sheet *sheet, const struct rdt_group *group)
{
	bool l3_apart = group->l3_code.n, l2_apart = group->l2_code.n, more = false;
	struct words w;

	if (words_open(&w))
		return -1;
	fprintf(w.out, "group %s%s: ", group->name,
		group->pseudo_locked ? " (pseudo-locked)"
		: group->exclusive   ? " (exclusive)"
				     : "");
	print_masks(&w, l3_apart ? "L3 data" : "L3", &group->l3, true, &more);
	print_masks(&w, "L3 code", &group->l3_code, true, &more);
	print_masks(&w, l2_apart ? "L2 data" : "L2", &group->l2, true, &more);
	print_masks(&w, "L2 code", &group->l2_code, true, &more);
	print_masks(&w, "MB", &group->mb, false, &more);
	print_masks(&w, "SMBA", &group->smba, false, &more);
	if (!more)
		fprintf(w.out, "holds nothing");
	return words_print(&w, sheet, COLUMN, COLUMN - INDENT);
}

int topology_draw_rdt(const struct sheet *sheet, const struct host *host)
{
	const struct rdt_caps *caps = &host->caps;
	struct words w;

	if (words_open(&w))
		return -1;
	if (caps->present)
		fprintf(w.out, "RDT, as %s tells:", caps->source);
	else
		fprintf(w.out, "RDT: none%s%s", strchr(caps->source, '/') ? " in " : "",
			strchr(caps->source, '/') ? caps->source : "");
	if (words_print(&w, sheet, INDENT, INDENT))
		return -1;
	if (!caps->present)
		return 0;
	if (print_cache(sheet, "L3", &caps->l3, way_bytes(&host->topology, caps->l3.ways)) ||
	    print_cache(sheet, "L2", &caps->l2, 0) || print_bandwidth(sheet, "MB", &caps->mb) ||
	    print_bandwidth(sheet, "SMBA", &caps->smba) || print_closids(sheet, caps) || print_monitoring(sheet, caps))
		return -1;
	for (unsigned int i = 0; i < caps->n_groups; i++) {
		if (print_group(sheet, &caps->groups[i]))
			return -1;
	}
	return 0;
}
