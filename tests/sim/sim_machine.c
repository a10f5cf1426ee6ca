// SPDX-License-Identifier: BSD-3-Clause
/* The machines that the simulator can be. */
#include "sim_machine.h"

#include <stdlib.h>
#include <string.h>

#define KIB ((uint64_t)1024)
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)

#define L3_OF(ways_, closids_, shareable_)                                                       \
	{                                                                                        \
		.closids = (closids_), .ways = (ways_), .min_ways = 1, .shareable = (shareable_) \
	}
#define L3_WITH_CDP(ways_, closids_, shareable_)                                                                      \
	{                                                                                                             \
		.closids = (closids_), .ways = (ways_), .min_ways = 1, .shareable = (shareable_), .cdp_capable = true \
	}
#define MB_PERCENT(closids_)                                                             \
	{                                                                                \
		.closids = (closids_), .max = 100, .min = 10, .gran = 10, .linear = true \
	}
#define MB_EIGHTH_GB                                            \
	{                                                       \
		.closids = 16, .max = 2048, .min = 0, .gran = 1 \
	}

static const struct sim_machine machines[] = {
	{
		.name = "intel-1s", .sockets = 1, .l3s = 1, .nodes = 1, .cores = 8, .threads = 2,
		.l2_bytes = 1280 * KIB, .l3_bytes = 18 * MIB, .node_bytes = 64 * GIB,
		.resource = { [SIM_L3] = L3_OF(12, 16, 0xc00), [SIM_MB] = MB_PERCENT(16) },
		.rmids = 176, .bandwidth_events = true,
	},
	{
		.name = "intel-2s", .sockets = 2, .l3s = 1, .nodes = 1, .cores = 8, .threads = 2,
		.l2_bytes = 1024 * KIB, .l3_bytes = 22 * MIB, .node_bytes = 64 * GIB,
		.resource = { [SIM_L3] = L3_WITH_CDP(11, 16, 0x600), [SIM_MB] = MB_PERCENT(8) },
		.rmids = 192, .bandwidth_events = true,
	},
	{
		.name = "snc2", .sockets = 2, .l3s = 1, .nodes = 2, .cores = 8, .threads = 2,
		.l2_bytes = 2048 * KIB, .l3_bytes = 60 * MIB, .node_bytes = 32 * GIB,
		.resource = { [SIM_L3] = L3_WITH_CDP(15, 15, 0x6000), [SIM_MB] = MB_PERCENT(15) },
		.rmids = 160, .bandwidth_events = true,
	},
	{
		.name = "amd", .amd = true, .sockets = 2, .l3s = 4, .nodes = 1, .cores = 16, .threads = 2,
		.l2_bytes = 512 * KIB, .l3_bytes = 32 * MIB, .node_bytes = 128 * GIB,
		.resource = {
			[SIM_L3] = { .closids = 16, .ways = 16, .min_ways = 1, .sparse = true, .cdp_capable = true },
			[SIM_MB] = MB_EIGHTH_GB, [SIM_SMBA] = MB_EIGHTH_GB,
		},
		.rmids = 256, .bandwidth_events = true,
	},
	{
		.name = "cdp", .sockets = 2, .l3s = 1, .nodes = 1, .cores = 8, .threads = 2,
		.l2_bytes = 1024 * KIB, .l3_bytes = 40 * MIB, .node_bytes = 64 * GIB,
		.resource = { [SIM_L3] = L3_WITH_CDP(20, 16, 0xc0000), [SIM_MB] = MB_PERCENT(8) },
		.rmids = 192, .bandwidth_events = true, .mount_options = "cdp",
	},
	{
		.name = "mbps", .sockets = 2, .l3s = 1, .nodes = 1, .cores = 8, .threads = 2,
		.l2_bytes = 1024 * KIB, .l3_bytes = 22 * MIB, .node_bytes = 64 * GIB,
		.resource = { [SIM_L3] = L3_WITH_CDP(11, 16, 0x600), [SIM_MB] = MB_PERCENT(8) },
		.rmids = 192, .bandwidth_events = true, .mount_options = "mba_MBps",
	},
	{
		.name = "few-closids", .sockets = 1, .l3s = 1, .nodes = 1, .cores = 4, .threads = 2,
		.l2_bytes = 256 * KIB, .l3_bytes = 8 * MIB, .node_bytes = 16 * GIB,
		.resource = { [SIM_L3] = { .closids = 4, .ways = 8, .min_ways = 2 } },
		.rmids = 6,
	},
	{
		.name = "l2", .sockets = 1, .l3s = 0, .nodes = 1, .cores = 8, .threads = 1,
		.l2_bytes = 2048 * KIB, .node_bytes = 16 * GIB,
		.l2_cores = 4, /* as on Atom servers */
		.resource = { [SIM_L2] = { .closids = 16, .ways = 8, .min_ways = 1, .cdp_capable = true },
			      [SIM_MB] = MB_PERCENT(8) },
	},
	{
		.name = "l2-cdp", .sockets = 1, .l3s = 0, .nodes = 1, .cores = 8, .threads = 1,
		.l2_bytes = 2048 * KIB, .node_bytes = 16 * GIB,
		.l2_cores = 4, /* as on Atom servers */
		.resource = { [SIM_L2] = { .closids = 16, .ways = 8, .min_ways = 1, .cdp_capable = true },
			      [SIM_MB] = MB_PERCENT(8) },
		.mount_options = "cdpl2",
	},
};

#define MACHINES (sizeof(machines) / sizeof(machines[0]))

static const char *const resource_names[SIM_RESOURCES] = { "L3", "L2", "MB", "SMBA" };

const char *sim_machine_names(void)
{
	return "intel-1s, intel-2s, snc2, amd, cdp, mbps, few-closids, l2, l2-cdp";
}

bool sim_machine_init(struct sim_machine *m, const char *name)
{
	for (size_t i = 0; i < MACHINES; i++) {
		if (strcmp(machines[i].name, name))
			continue;
		*m = machines[i];
		return true;
	}
	return false;
}

unsigned int sim_machine_cpus(const struct sim_machine *m)
{
	return m->sockets * m->cores * m->threads;
}

unsigned int sim_machine_core(const struct sim_machine *m, unsigned int cpu)
{
	return cpu % (m->sockets * m->cores);
}

unsigned int sim_machine_socket(const struct sim_machine *m, unsigned int cpu)
{
	return sim_machine_core(m, cpu) / m->cores;
}

/* Cores of a socket are dealt evenly to its @parts. */
static unsigned int part_of(const struct sim_machine *m, unsigned int cpu, unsigned int parts)
{
	unsigned int core = sim_machine_core(m, cpu) % m->cores;

	return sim_machine_socket(m, cpu) * parts + core * parts / m->cores;
}

unsigned int sim_machine_l3(const struct sim_machine *m, unsigned int cpu)
{
	return part_of(m, cpu, m->l3s ? m->l3s : 1);
}

unsigned int sim_machine_node(const struct sim_machine *m, unsigned int cpu)
{
	return part_of(m, cpu, m->nodes);
}

struct option {
	const char *name;
	int base;
	void (*set)(struct sim_machine *m, uint64_t value);
};

#define SETTER(name, field)                                           \
	static void set_##name(struct sim_machine *m, uint64_t value) \
	{                                                             \
		m->field = (typeof(m->field))value;                   \
	}
SETTER(sockets, sockets)
SETTER(l3s, l3s)
SETTER(nodes, nodes)
SETTER(cores, cores)
SETTER(threads, threads)
SETTER(l3, l3_bytes)
SETTER(ways, resource[SIM_L3].ways)
SETTER(min_ways, resource[SIM_L3].min_ways)
SETTER(io_ways, resource[SIM_L3].shareable)
SETTER(sparse, resource[SIM_L3].sparse)
SETTER(cdp, resource[SIM_L3].cdp_capable)
SETTER(closids, resource[SIM_L3].closids)
SETTER(l2, l2_bytes)
SETTER(l2_cores, l2_cores)
SETTER(l2_ways, resource[SIM_L2].ways)
SETTER(l2_min_ways, resource[SIM_L2].min_ways)
SETTER(l2_io_ways, resource[SIM_L2].shareable)
SETTER(l2_cdp, resource[SIM_L2].cdp_capable)
SETTER(l2_closids, resource[SIM_L2].closids)
SETTER(mb_closids, resource[SIM_MB].closids)
SETTER(mb_gran, resource[SIM_MB].gran)
SETTER(mb_min, resource[SIM_MB].min)
SETTER(mb_max, resource[SIM_MB].max)
SETTER(smba_closids, resource[SIM_SMBA].closids)
SETTER(rmids, rmids)
SETTER(bandwidth_events, bandwidth_events)

static const struct option options[] = {
	{ "sockets", 10, set_sockets },
	{ "l3s", 10, set_l3s },
	{ "nodes", 10, set_nodes },
	{ "cores", 10, set_cores },
	{ "threads", 10, set_threads },
	{ "l3", 10, set_l3 },
	{ "ways", 10, set_ways },
	{ "min-ways", 10, set_min_ways },
	{ "io-ways", 16, set_io_ways },
	{ "sparse", 10, set_sparse },
	{ "cdp-capable", 10, set_cdp },
	{ "closids", 10, set_closids },
	{ "l2", 10, set_l2 },
	{ "l2-cores", 10, set_l2_cores },
	{ "l2-ways", 10, set_l2_ways },
	{ "l2-min-ways", 10, set_l2_min_ways },
	{ "l2-io-ways", 16, set_l2_io_ways },
	{ "l2-cdp-capable", 10, set_l2_cdp },
	{ "l2-closids", 10, set_l2_closids },
	{ "mb-closids", 10, set_mb_closids },
	{ "mb-gran", 10, set_mb_gran },
	{ "mb-min", 10, set_mb_min },
	{ "mb-max", 10, set_mb_max },
	{ "smba-closids", 10, set_smba_closids },
	{ "rmids", 10, set_rmids },
	{ "bandwidth-events", 10, set_bandwidth_events },
};

bool sim_machine_set(struct sim_machine *m, const char *option, const char *value)
{
	char *end;
	uint64_t number;

	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		if (strcmp(options[i].name, option))
			continue;
		number = strtoull(value, &end, options[i].base);
		if (!*value || *end)
			return false;
		options[i].set(m, number);
		return true;
	}
	return false;
}

static void add_to_domain(struct sim_resource *r, unsigned int id, unsigned int cpu)
{
	struct sim_domain *d = r->domain;

	while (d < r->domain + r->domains && d->id != id)
		d++;
	if (d == r->domain + r->domains) {
		r->domains++;
		d->id = id;
	}
	sim_cpus_add(&d->cpus, cpu);
}

bool sim_machine_finish(struct sim_machine *m)
{
	unsigned int cpus = sim_machine_cpus(m);

	if (!cpus || cpus > SIM_MAX_CPUS || !m->nodes || m->sockets * m->nodes > SIM_MAX_DOMAINS ||
	    m->sockets * m->l3s > SIM_MAX_DOMAINS || m->resource[SIM_L3].ways > 32 || m->resource[SIM_L2].ways > 32)
		return false;
	if (m->resource[SIM_L2].closids && (!m->l2_cores || m->sockets * m->cores / m->l2_cores > SIM_MAX_DOMAINS))
		return false;
	for (unsigned int i = 0; i < SIM_RESOURCES; i++) {
		struct sim_resource *r = &m->resource[i];

		r->name = resource_names[i];
		r->cache = i == SIM_L3 || i == SIM_L2;
		r->bytes = i == SIM_L3 ? m->l3_bytes : m->l2_bytes;
		r->domains = 0;
		if (!r->closids)
			continue;
		for (unsigned int cpu = 0; cpu < cpus; cpu++)
			add_to_domain(r, i == SIM_L2 ? sim_machine_core(m, cpu) / m->l2_cores : sim_machine_l3(m, cpu),
				      cpu);
	}
	return true;
}
