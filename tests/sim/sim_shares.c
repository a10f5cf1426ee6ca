// SPDX-License-Identifier: BSD-3-Clause
/* What new groups get, who may be exclusive, and who uses which bit. */
#include "sim.h"

#include <errno.h>
#include <string.h>

#define MBPS_UNLIMITED UINT32_MAX

static uint32_t full_mask(const struct sim_resource *r)
{
	return (uint32_t)((1UL << r->ways) - 1);
}

/* The first run of ones alone: what is sure to be allowed. */
static uint32_t first_run(uint32_t mask)
{
	uint64_t low = mask & -(uint64_t)mask, above = mask + low;

	return mask & (uint32_t)~above;
}

/* Of all in a group: which ones others may share, and which ones are taken. */
static void used_by_others(const struct sim *sim, const struct sim_group *group, const struct sim_schema *s,
			   unsigned int index, uint32_t *shared, uint32_t *used)
{
	for (const struct sim_group *g = &sim->root; g; g = g->next) {
		uint32_t mask = g->value[s->id][s->half][index];

		if (g->parent || g == group)
			continue;
		if (sim->cdp[s->id])
			mask |= g->value[s->id][!s->half][index];
		*used |= mask;
		if (g->mode == SIM_SHAREABLE)
			*shared |= mask;
	}
}

static int init_mask(struct sim *sim, struct sim_group *group, const struct sim_schema *s, unsigned int index)
{
	const struct sim_resource *r = &sim->machine->resource[s->id];
	uint32_t shared = r->shareable, used = r->shareable;

	used_by_others(sim, group, s, index, &shared, &used);
	shared |= full_mask(r) & ~used;
	shared = first_run(shared);
	if ((unsigned int)__builtin_popcount(shared) < r->min_ways) {
		sim_say(sim, "No space on %s:%d\n", s->name, r->domain[index].id);
		return -ENOSPC;
	}
	group->value[s->id][s->half][index] = shared;
	return 0;
}

int sim_group_init_shares(struct sim *sim, struct sim_group *group)
{
	for (unsigned int i = 0; i < sim->schemata; i++) {
		const struct sim_schema *s = &sim->schema[i];
		const struct sim_resource *r = &sim->machine->resource[s->id];

		for (unsigned int d = 0; d < r->domains; d++) {
			int rc = 0;

			group->value[s->id][s->half][d] = r->cache ? full_mask(r) : r->max;
			group->mbps[d] = MBPS_UNLIMITED;
			if (r->cache && sim_domain_online(sim, &r->domain[d]))
				rc = init_mask(sim, group, s, d);
			if (rc)
				return rc;
		}
	}
	group->mode = SIM_SHAREABLE;
	return 0;
}

void sim_group_reset_domain(struct sim *sim, enum sim_resource_id id, unsigned int index)
{
	const struct sim_resource *r = &sim->machine->resource[id];

	for (struct sim_group *g = &sim->root; g; g = g->next) {
		for (unsigned int half = 0; half < SIM_HALVES; half++)
			g->value[id][half][index] = r->cache ? full_mask(r) : r->max;
		if (id == SIM_MB)
			g->mbps[index] = MBPS_UNLIMITED;
	}
}

static char usage(const struct sim *sim, const struct sim_schema *s, unsigned int index, uint32_t bit)
{
	bool hardware = sim->machine->resource[s->id].shareable & bit, shared = false, exclusive = false;

	for (const struct sim_group *g = &sim->root; g; g = g->next) {
		if (g->parent || !(g->value[s->id][s->half][index] & bit))
			continue;
		shared |= g->mode == SIM_SHAREABLE;
		exclusive |= g->mode == SIM_EXCLUSIVE;
	}
	if (hardware)
		return shared ? 'X' : 'H';
	return shared ? 'S' : exclusive ? 'E' : '0';
}

void sim_schema_print_bit_usage(FILE *out, const struct sim *sim, const struct sim_schema *schema)
{
	const struct sim_resource *r = &sim->machine->resource[schema->id];
	const char *separator = "";

	for (unsigned int d = 0; d < r->domains; d++) {
		if (!sim_domain_online(sim, &r->domain[d]))
			continue;
		fprintf(out, "%s%u=", separator, r->domain[d].id);
		for (unsigned int bit = r->ways; bit--;)
			fputc(usage(sim, schema, d, (uint32_t)1 << bit), out);
		separator = ";";
	}
	fputc('\n', out);
}

const char *sim_mode_name(enum sim_mode mode)
{
	return mode == SIM_EXCLUSIVE ? "exclusive" : "shareable";
}

static int be_exclusive(struct sim *sim, struct sim_group *group)
{
	bool cache = false;

	for (unsigned int i = 0; i < sim->schemata; i++) {
		const struct sim_schema *s = &sim->schema[i];
		const struct sim_resource *r = &sim->machine->resource[s->id];

		cache |= r->cache;
		for (unsigned int d = 0; r->cache && d < r->domains; d++) {
			uint32_t mask = group->value[s->id][s->half][d];

			if (!sim_domain_online(sim, &r->domain[d]) ||
			    !sim_mask_overlaps(sim, s, d, mask, group->closid, false))
				continue;
			sim_say(sim, "Schemata overlaps\n");
			return -EINVAL;
		}
	}
	if (!cache) {
		sim_say(sim, "Cannot be exclusive without CAT/CDP\n");
		return -EINVAL;
	}
	group->mode = SIM_EXCLUSIVE;
	return 0;
}

/* Only a few old client CPUs can lock a part of a cache; this machine is none. */
static int refuse_locking(struct sim *sim, const struct sim_group *group)
{
	if (group == &sim->root)
		sim_say(sim, "Cannot pseudo-lock default group\n");
	else if (sim->cdp[SIM_L3] || sim->cdp[SIM_L2])
		sim_say(sim, "CDP enabled\n");
	else
		sim_say(sim, "Pseudo-locking not supported\n");
	return -EINVAL;
}

int sim_group_set_mode(struct sim *sim, struct sim_group *group, char *text, size_t n)
{
	if (!n || text[n - 1] != '\n')
		return -EINVAL;
	text[n - 1] = '\0';
	sim_clear_status(sim);
	if (!strcmp(text, sim_mode_name(group->mode)))
		return 0;
	if (!strcmp(text, "exclusive"))
		return be_exclusive(sim, group);
	if (!strcmp(text, "pseudo-locksetup"))
		return refuse_locking(sim, group);
	if (!strcmp(text, "shareable")) {
		group->mode = SIM_SHAREABLE;
		return 0;
	}
	sim_say(sim, "Unknown or unsupported mode\n");
	return -EINVAL;
}
