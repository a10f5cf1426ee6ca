// SPDX-License-Identifier: BSD-3-Clause
/* Schemata files: what is written to them, in the kernel's order of checks, and how they read. */
#include "sim.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What one write asks for. Nothing is changed before all of it is understood, save bandwidths under mba_MBps. */
struct staged {
	bool present[SIM_RESOURCES][SIM_HALVES][SIM_MAX_DOMAINS];
	uint32_t value[SIM_RESOURCES][SIM_HALVES][SIM_MAX_DOMAINS];
};

static void add_schema(struct sim *sim, enum sim_resource_id id, enum sim_half half, const char *suffix)
{
	const struct sim_resource *r = &sim->machine->resource[id];
	struct sim_schema *s;

	memmove(sim->schema + 1, sim->schema, sim->schemata++ * sizeof(*sim->schema));
	s = &sim->schema[0];
	snprintf(s->name, sizeof(s->name), "%s%s", r->name, suffix);
	s->id = id;
	s->half = half;
	s->closids = sim->cdp[id] ? r->closids / 2 : r->closids;
}

/* The kernel puts each new one in front: memory bandwidth comes first. */
void sim_schemata_list(struct sim *sim)
{
	sim->schemata = 0;
	for (unsigned int i = 0; i < SIM_RESOURCES; i++) {
		if (!sim->machine->resource[i].closids)
			continue;
		if (sim->cdp[i]) {
			add_schema(sim, i, SIM_CODE, "CODE");
			add_schema(sim, i, SIM_DATA, "DATA");
		} else {
			add_schema(sim, i, SIM_DATA, "");
		}
	}
}

/* Names are as wide as they would be with CDP. */
static int name_width(const struct sim *sim)
{
	size_t width = 0;

	for (unsigned int i = 0; i < sim->schemata; i++) {
		const struct sim_schema *s = &sim->schema[i];
		size_t n = strlen(s->name);

		if (sim->machine->resource[s->id].cdp_capable && !sim->cdp[s->id])
			n += strlen("CODE");
		width = n > width ? n : width;
	}
	return (int)width;
}

/* Digits of the widest value of any resource. */
static int data_width(const struct sim *sim)
{
	unsigned int width = 0;

	for (unsigned int i = 0; i < SIM_RESOURCES; i++) {
		const struct sim_resource *r = &sim->machine->resource[i];
		unsigned int n = r->cache ? (r->ways + 3) / 4 : r->linear ? 3 : 4;

		if (r->closids && n > width)
			width = n;
	}
	return (int)width;
}

/* kstrtoul(): no blanks, a plus, "0x" before hex. */
static bool parse_number(const char *text, int base, unsigned long *value)
{
	char *end;

	if (*text == '+')
		text++;
	if (!isxdigit((unsigned char)*text))
		return false;
	errno = 0;
	*value = strtoul(text, &end, base);
	return !errno && end > text && !*end;
}

static bool valid_mask(struct sim *sim, const struct sim_resource *r, const char *text, uint32_t *mask)
{
	unsigned long value, full = (1UL << r->ways) - 1, run;
	unsigned int first, bits;

	if (!parse_number(text, 16, &value)) {
		sim_say(sim, "Non-hex character in the mask %s\n", text);
		return false;
	}
	if ((r->min_ways > 0 && !value) || value > full) {
		sim_say(sim, "Mask out of range\n");
		return false;
	}
	first = value ? (unsigned int)__builtin_ctzl(value) : r->ways;
	for (bits = 0; first + bits < r->ways && value >> (first + bits) & 1;)
		bits++;
	run = ((1UL << bits) - 1) << first;
	if (!r->sparse && value != run) {
		sim_say(sim, "The mask %lx has non-consecutive 1-bits\n", value);
		return false;
	}
	if (bits < r->min_ways) {
		sim_say(sim, "Need at least %d bits in the mask\n", r->min_ways);
		return false;
	}
	*mask = (uint32_t)value;
	return true;
}

static bool closid_overlaps(const struct sim_group *g, const struct sim_schema *s, unsigned int index, uint32_t mask,
			    bool both)
{
	uint32_t used = g->value[s->id][s->half][index];

	if (both)
		used |= g->value[s->id][!s->half][index];
	return used & mask;
}

bool sim_mask_overlaps(const struct sim *sim, const struct sim_schema *schema, unsigned int index, uint32_t mask,
		       unsigned int closid, bool exclusive)
{
	if (!exclusive && (mask & sim->machine->resource[schema->id].shareable))
		return true;
	for (const struct sim_group *g = &sim->root; g; g = g->next) {
		if (g->parent || g->closid == closid || (exclusive && g->mode != SIM_EXCLUSIVE))
			continue;
		if (closid_overlaps(g, schema, index, mask, sim->cdp[schema->id]))
			return true;
	}
	return false;
}

static int parse_mask(struct sim *sim, const struct sim_group *g, const struct sim_schema *s, unsigned int index,
		      const char *text, uint32_t *mask)
{
	if (!valid_mask(sim, &sim->machine->resource[s->id], text, mask))
		return -EINVAL;
	if (sim_mask_overlaps(sim, s, index, *mask, g->closid, true)) {
		sim_say(sim, "Overlaps with exclusive group\n");
		return -EINVAL;
	}
	if (g->mode == SIM_EXCLUSIVE && sim_mask_overlaps(sim, s, index, *mask, g->closid, false)) {
		sim_say(sim, "Overlaps with other group\n");
		return -EINVAL;
	}
	return 0;
}

/* Percents and eighths of GB/s are checked and rounded; MB/s are taken as they are. */
static int parse_bandwidth(struct sim *sim, const struct sim_resource *r, const char *text, bool mbps,
			   uint32_t *bandwidth)
{
	unsigned long value;

	if (!parse_number(text, 10, &value) || value > UINT32_MAX) {
		sim_say(sim, "Invalid MB value %s\n", text);
		return -EINVAL;
	}
	if (!mbps && (value < r->min || value > r->max)) {
		sim_say(sim, "MB value %lu out of range [%d,%d]\n", value, r->min, r->max);
		return -EINVAL;
	}
	if (!mbps)
		value = (value + r->gran - 1) / r->gran * r->gran;
	*bandwidth = (uint32_t)value;
	return 0;
}

static int parse_value(struct sim *sim, struct sim_group *g, const struct sim_schema *s, unsigned int index,
		       const char *text, struct staged *staged)
{
	const struct sim_resource *r = &sim->machine->resource[s->id];
	bool mbps = s->id == SIM_MB && sim->mbps;
	uint32_t value;
	int rc;

	if (staged->present[s->id][s->half][index]) {
		sim_say(sim, "Duplicate domain %d\n", r->domain[index].id);
		return -EINVAL;
	}
	rc = r->cache ? parse_mask(sim, g, s, index, text, &value) : parse_bandwidth(sim, r, text, mbps, &value);
	if (rc)
		return rc;
	if (mbps) {
		g->mbps[index] = value;
		return 0;
	}
	staged->present[s->id][s->half][index] = true;
	staged->value[s->id][s->half][index] = value;
	return 0;
}

static char *trimmed(char *text)
{
	char *end;

	while (isspace((unsigned char)*text))
		text++;
	end = text + strlen(text);
	while (end > text && isspace((unsigned char)end[-1]))
		*--end = '\0';
	return text;
}

static int find_domain(const struct sim *sim, enum sim_resource_id id, unsigned long domain)
{
	const struct sim_resource *r = &sim->machine->resource[id];

	for (unsigned int i = 0; i < r->domains; i++)
		if (r->domain[i].id == domain && sim_domain_online(sim, &r->domain[i]))
			return (int)i;
	return -1;
}

/* Domains that are not there are refused without a word. */
static int parse_domains(struct sim *sim, struct sim_group *g, const struct sim_schema *s, char *line,
			 struct staged *staged)
{
	while (line && *line) {
		char *value = strsep(&line, ";"), *id = strsep(&value, "=");
		unsigned long domain;
		int index, rc;

		if (!value || !parse_number(id, 10, &domain)) {
			sim_say(sim, "Missing '=' or non-numeric domain\n");
			return -EINVAL;
		}
		value = trimmed(value);
		index = find_domain(sim, s->id, domain);
		if (index < 0)
			return -EINVAL;
		rc = parse_value(sim, g, s, (unsigned int)index, value, staged);
		if (rc)
			return rc;
	}
	return 0;
}

static int parse_line(struct sim *sim, struct sim_group *g, char *line, struct staged *staged)
{
	char *name = trimmed(strsep(&line, ":"));

	if (!line) {
		sim_say(sim, "Missing ':'\n");
		return -EINVAL;
	}
	if (!*line) {
		sim_say(sim, "Missing '%s' value\n", name);
		return -EINVAL;
	}
	for (unsigned int i = 0; i < sim->schemata; i++)
		if (!strcmp(sim->schema[i].name, name) && g->closid < sim->schema[i].closids)
			return parse_domains(sim, g, &sim->schema[i], line, staged);
	sim_say(sim, "Unknown or unsupported resource name '%s'\n", name);
	return -EINVAL;
}

static void apply(struct sim *sim, struct sim_group *g, const struct staged *staged)
{
	for (unsigned int i = 0; i < sim->schemata; i++) {
		const struct sim_schema *s = &sim->schema[i];

		for (unsigned int d = 0; d < SIM_MAX_DOMAINS; d++)
			if (staged->present[s->id][s->half][d])
				g->value[s->id][s->half][d] = staged->value[s->id][s->half][d];
	}
}

int sim_group_write_schemata(struct sim *sim, struct sim_group *group, char *text, size_t n)
{
	struct staged staged = { 0 };
	char *line;
	int rc;

	if (!n || text[n - 1] != '\n')
		return -EINVAL;
	text[n - 1] = '\0';
	sim_clear_status(sim);
	while ((line = strsep(&text, "\n"))) {
		rc = parse_line(sim, group, line, &staged);
		if (rc)
			return rc;
	}
	apply(sim, group, &staged);
	return 0;
}

static uint32_t current_value(const struct sim *sim, const struct sim_group *g, const struct sim_schema *s,
			      unsigned int index)
{
	if (s->id == SIM_MB && sim->mbps)
		return g->mbps[index];
	return g->value[s->id][s->half][index];
}

typedef void print_value(FILE *out, const struct sim *sim, const struct sim_resource *r, uint32_t value);

static void print_line(FILE *out, const struct sim *sim, const struct sim_group *g, const struct sim_schema *s,
		       print_value *print)
{
	const struct sim_resource *r = &sim->machine->resource[s->id];
	const char *separator = "";

	fprintf(out, "%*s:", name_width(sim), s->name);
	for (unsigned int d = 0; d < r->domains; d++) {
		if (!sim_domain_online(sim, &r->domain[d]))
			continue;
		fprintf(out, "%s%u=", separator, r->domain[d].id);
		print(out, sim, r, current_value(sim, g, s, d));
		separator = ";";
	}
	fputc('\n', out);
}

static void print_share(FILE *out, const struct sim *sim, const struct sim_resource *r, uint32_t value)
{
	fprintf(out, r->cache ? "%0*x" : "%*u", data_width(sim), value);
}

static void print_size(FILE *out, const struct sim *sim, const struct sim_resource *r, uint32_t value)
{
	uint64_t size = value;

	if (r->cache)
		size = r->bytes / r->ways * (unsigned int)__builtin_popcount(value) / sim_clusters(sim);
	fprintf(out, "%u", (uint32_t)size);
}

void sim_group_print_schemata(FILE *out, const struct sim *sim, const struct sim_group *group)
{
	for (unsigned int i = 0; i < sim->schemata; i++)
		if (group->closid < sim->schema[i].closids)
			print_line(out, sim, group, &sim->schema[i], print_share);
}

void sim_group_print_sizes(FILE *out, const struct sim *sim, const struct sim_group *group)
{
	for (unsigned int i = 0; i < sim->schemata; i++)
		print_line(out, sim, group, &sim->schema[i], print_size);
}
