// SPDX-License-Identifier: BSD-3-Clause
#include "plan_schemata.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "plan_view.h"

/* When a line is there, as for code and data apart (CDP). */
enum when { ALWAYS, WITH_CDP, WITHOUT_CDP };

/* L2 has one mask for both: classes do not divide it further. */
static const struct {
	const char *name;
	enum plan_part part;
	enum when when;
} kinds[] = {
	{ "L3", PLAN_L3, WITHOUT_CDP }, { "L3DATA", PLAN_L3, WITH_CDP }, { "L3CODE", PLAN_L3_CODE, WITH_CDP },
	{ "L2", PLAN_L2, WITHOUT_CDP }, { "L2DATA", PLAN_L2, WITH_CDP }, { "L2CODE", PLAN_L2, WITH_CDP },
	{ "MB", PLAN_MB, ALWAYS },
};
#define N_KINDS (sizeof(kinds) / sizeof(kinds[0]))

_Static_assert(N_KINDS <= PLAN_SCHEMATA_MAX, "a line a kind");

static bool applies(const struct plan *plan, size_t kind)
{
	const struct rdt_cache_caps *caps = plan_cache_caps(plan, kinds[kind].part);

	return kinds[kind].when == ALWAYS || caps->cdp == (kinds[kind].when == WITH_CDP);
}

static void print_line(const struct plan *plan, unsigned int group, size_t kind, FILE *out)
{
	enum plan_part part = kinds[kind].part;
	const struct topology_cache *caches;
	unsigned int n = plan_domains(plan, part, &caches);
	bool first = true;

	for (unsigned int d = 0; d < n; d++) {
		uint64_t value = plan_value(plan, group, part, d);

		if (!value)
			continue;
		if (first)
			fprintf(out, "%s:", kinds[kind].name);
		fprintf(out, part == PLAN_MB ? "%s%u=%" PRIu64 : "%s%u=%" PRIx64, first ? "" : ";", caches[d].id,
			value);
		first = false;
	}
}

/* NULL: no memory; "": nothing to write. */
static char *line(const struct plan *plan, unsigned int group, size_t kind)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	print_line(plan, group, kind, out);
	if (!fclose(out))
		return text;
	free(text);
	return NULL;
}

int plan_schemata(const struct plan *plan, unsigned int group, char *lines[PLAN_SCHEMATA_MAX])
{
	int n = 0;

	for (size_t kind = 0; kind < N_KINDS; kind++) {
		if (!applies(plan, kind))
			continue;
		lines[n] = line(plan, group, kind);
		if (!lines[n])
			goto no_memory;
		if (*lines[n])
			n++;
		else
			free(lines[n]);
	}
	return n;
no_memory:
	while (n)
		free(lines[--n]);
	return -1;
}
