// SPDX-License-Identifier: BSD-3-Clause
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plan_machines.h"

#define PERCENT .mb_unit = RDT_MB_PERCENT, .mb_gran = 10, .mb_min = 10
#define EIGHTHS .mb_unit = RDT_MB_EIGHTH_GB, .mb_gran = 1, .mb_min = 1

/* The first ones are small enough for brute force: 8 cores, 4 domains. */
const struct plan_shape plan_machines[] = {
	{ "8 cores, SMT, 11 ways, I/O ways on top", .cores_per_package = 8, .smt = 2, .l3_bytes = 33 * MIB / 2,
	  .node_bytes = 64 * GIB, .closids = 16, .l3_ways = 11, .l3_min = 1, .l3_io = 0x600, PERCENT },
	{ "8 cores, no SMT, 12 ways, at least 2", .cores_per_package = 8, .l3_bytes = 18 * MIB, .node_bytes = 32 * GIB,
	  .closids = 8, .l3_ways = 12, .l3_min = 2, .l3_io = 0xc00, PERCENT },
	{ "2 sockets of 4 cores, 20 ways", .packages = 2, .cores_per_package = 4, .smt = 2, .l3_bytes = 50 * MIB,
	  .node_bytes = 32 * GIB, .closids = 16, .l3_ways = 20, .l3_min = 1, .l3_io = 0xc0000, PERCENT },
	{ "SNC-2, 8 cores", .cores_per_package = 8, .nodes_per_package = 2, .smt = 2, .l3_bytes = 24 * MIB,
	  .node_bytes = 16 * GIB, .closids = 15, .l3_ways = 12, .l3_min = 1, .l3_io = 0xc00, PERCENT },
	{ "Cluster-on-Die, 8 cores", .cores_per_package = 8, .nodes_per_package = 2, .l3_per_package = 2, .smt = 2,
	  .l3_bytes = 20 * MIB, .node_bytes = 16 * GIB, .closids = 16, .l3_ways = 20, .l3_min = 2, .l3_io = 0xc0000 },
	{ "AMD, 4 L3s of 2 cores, sparse ids", .packages = 2, .cores_per_package = 4, .smt = 2, .l3_per_package = 2,
	  .l3_ids_apart = 16, .adjacent = true, .l3_bytes = 16 * MIB, .node_bytes = 32 * GIB, .closids = 16,
	  .l3_ways = 16, .l3_min = 1, EIGHTHS },
	{ "AMD, one node with 4 L3s, sparse masks", .cores_per_package = 8, .l3_per_package = 4, .smt = 2,
	  .l3_bytes = 16 * MIB, .node_bytes = 64 * GIB, .closids = 16, .l3_ways = 16, .l3_min = 1, .sparse = true,
	  EIGHTHS },
	{ "Atom, L2s of 4 cores, no L3", .cores_per_package = 8, .cores_per_l2 = 4, .node_bytes = 16 * GIB,
	  .closids = 4, .l2_ways = 16, .l2_min = 1 },
	{ "CPUs offline, siblings too", .cores_per_package = 8, .smt = 2,
	  .offline = 1 << 3 | 1 << 10 | 1 << 12 | 1 << 4 | 1 << 15, .l3_bytes = 33 * MIB / 2, .node_bytes = 64 * GIB,
	  .closids = 16, .l3_ways = 11, .l3_min = 1, .l3_io = 0x600, PERCENT },
	{ "CPU 0's sibling offline, 2 nodes", .packages = 2, .cores_per_package = 4, .smt = 2,
	  .offline = 1 << 8 | 1 << 5, .l3_bytes = 16 * MIB, .node_bytes = 32 * GIB, .closids = 8, .l3_ways = 16,
	  .l3_min = 1 },
	{ "4 CLOSIDs, 2 sockets", .packages = 2, .cores_per_package = 4, .l3_bytes = 20 * MIB, .node_bytes = 32 * GIB,
	  .closids = 4, .l3_ways = 20, .l3_min = 2, PERCENT },
	{ "no RDT, 2 nodes", .packages = 2, .cores_per_package = 4, .smt = 2, .l3_bytes = 16 * MIB,
	  .node_bytes = 32 * GIB },
	{ "mba_MBps, 2 nodes", .packages = 2, .cores_per_package = 4, .l3_bytes = 24 * MIB, .node_bytes = 32 * GIB,
	  .closids = 8, .l3_ways = 12, .l3_min = 1, .mb_unit = RDT_MB_MBPS, .mb_gran = 10, .mb_min = 10 },
	{ "others' groups", .cores_per_package = 8, .smt = 2, .l3_bytes = 20 * MIB, .node_bytes = 64 * GIB,
	  .closids = 8, .l3_ways = 20, .l3_min = 1, .l3_io = 0xc0000, PERCENT,
	  .groups = { { "qemu-1-db", false, 0x38, 0 }, { "rt", true, 0x1800, 0 }, { "isolat-old", true, 0xff, 0 } } },
	{ "code and data apart, 2 nodes", .packages = 2, .cores_per_package = 4, .smt = 2, .l3_bytes = 40 * MIB,
	  .node_bytes = 32 * GIB, .closids = 8, .l3_ways = 20, .l3_min = 1, .l3_io = 0xc0000, .cdp = true, PERCENT },
	{ "a node of memory only", .packages = 2, .cores_per_package = 4, .memory_nodes = 1, .l3_bytes = 16 * MIB,
	  .node_bytes = 8 * GIB, .closids = 16, .l3_ways = 16, .l3_min = 1 },
	{ "L2 and L3, others' ways in both", .cores_per_package = 8, .smt = 2, .cores_per_l2 = 2, .l3_bytes = 12 * MIB,
	  .node_bytes = 32 * GIB, .closids = 8, .l3_ways = 12, .l3_min = 1, .l2_ways = 10, .l2_min = 2, PERCENT,
	  .groups = { { "vendor", false, 0x30, 0x300 } } },
	{ "8 cores, SMT, L2s of their own", .cores_per_package = 8, .smt = 2, .l3_bytes = 24 * MIB,
	  .node_bytes = 64 * GIB, .closids = 8, .l3_ways = 12, .l3_min = 1, .l3_io = 0xc00, .l2_ways = 8, .l2_min = 1,
	  PERCENT },
	{ "2 nodes, L2s of 2 cores", .packages = 2, .cores_per_package = 4, .smt = 2, .cores_per_l2 = 2,
	  .l3_bytes = 16 * MIB, .node_bytes = 32 * GIB, .closids = 16, .l3_ways = 16, .l3_min = 1, .l2_ways = 8,
	  .l2_min = 1 },
	{ "L2s of 4 cores, some siblings offline", .cores_per_package = 8, .smt = 2, .cores_per_l2 = 4,
	  .offline = 1 << 9 | 1 << 14, .l3_bytes = 16 * MIB, .node_bytes = 32 * GIB, .closids = 16, .l2_ways = 16,
	  .l2_min = 2 },
	{ "hybrid, 2 cores without an L3", .cores_per_package = 8, .smt = 2, .cores_per_l2 = 2, .offline = 0xf000,
	  .without_l3 = 0xc0, .l3_bytes = 24 * MIB, .node_bytes = 32 * GIB, .closids = 16, .l3_ways = 12, .l3_min = 1,
	  .l2_ways = 8, .l2_min = 1, PERCENT },
	{ "2 nodes, 3 cores of each without an L3", .packages = 2, .cores_per_package = 4, .without_l3 = 0xee,
	  .l3_bytes = 24 * MIB, .node_bytes = 32 * GIB, .closids = 16, .l3_ways = 12, .l3_min = 1, PERCENT },
	{ "an admin's default group, 2 nodes", .packages = 2, .cores_per_package = 4, .l3_bytes = 22 * MIB,
	  .node_bytes = 32 * GIB, .closids = 8, .l3_ways = 11, .l3_min = 1, .l3_io = 0x600, PERCENT,
	  .default_l3 = 0xf },
	{ "a default group in the middle, at least 2 ways", .cores_per_package = 8, .smt = 2, .cores_per_l2 = 4,
	  .l3_bytes = 24 * MIB, .node_bytes = 32 * GIB, .closids = 8, .l3_ways = 12, .l3_min = 2, .l2_ways = 8,
	  .l2_min = 1, .groups = { { "vendor", false, 0xc00, 0 } }, .default_l3 = 0x1e0, .default_l2 = 0x3c },
	{ "a default group over others' ways, 2 nodes", .packages = 2, .cores_per_package = 4, .smt = 2,
	  .cores_per_l2 = 2, .l3_bytes = 24 * MIB, .node_bytes = 32 * GIB, .closids = 8, .l3_ways = 12, .l3_min = 1,
	  .l2_ways = 8, .l2_min = 1, .groups = { { "vendor", false, 0x7e0, 0xc0 } }, .default_l3 = 0xfff,
	  .default_l2 = 0xff },
	{ "others' groups as they were made, 2 nodes", .packages = 2, .cores_per_package = 4, .smt = 2,
	  .cores_per_l2 = 2, .l3_bytes = 24 * MIB, .node_bytes = 32 * GIB, .closids = 8, .l3_ways = 12, .l3_min = 1,
	  .l2_ways = 8, .l2_min = 1, .groups = { { "pqos", false, 0xfff, 0xff }, { "rt", true, 0, 0x3 } },
	  .default_l3 = 0xfff, .default_l2 = 0xfc },
	{ "others' groups on most ways, code and data apart", .cores_per_package = 8, .l3_bytes = 20 * MIB,
	  .node_bytes = 32 * GIB, .closids = 8, .l3_ways = 8, .l3_min = 2, .cdp = true,
	  .groups = { { "vendor", false, 0x7f, 0 }, { "rt", true, 0x80, 0 } } },
	{ "a default group in pieces", .cores_per_package = 8, .l3_per_package = 2, .smt = 2, .l3_bytes = 16 * MIB,
	  .node_bytes = 64 * GIB, .closids = 16, .l3_ways = 16, .l3_min = 1, .sparse = true, EIGHTHS,
	  .default_l3 = 0x7383 },
	{ "an admin's default group, code and data apart", .cores_per_package = 8, .l3_bytes = 24 * MIB,
	  .node_bytes = 32 * GIB, .closids = 8, .l3_ways = 12, .l3_min = 1, .cdp = true, .default_l3 = 0x3f },
	{ "2 cores", .cores_per_package = 2, .smt = 2, .l3_bytes = 4 * MIB, .node_bytes = 4 * GIB, .closids = 4,
	  .l3_ways = 8, .l3_min = 1 },

	{ "2 sockets of 24 cores, 11 ways", .packages = 2, .cores_per_package = 24, .smt = 2, .l3_bytes = 33 * MIB,
	  .node_bytes = 192 * GIB, .closids = 16, .l3_ways = 11, .l3_min = 1, .l3_io = 0x600, PERCENT },
	{ "AMD, 16 L3s", .packages = 2, .cores_per_package = 64, .smt = 2, .l3_per_package = 8, .l3_bytes = 32 * MIB,
	  .node_bytes = 512 * GIB, .closids = 16, .l3_ways = 16, .l3_min = 1, EIGHTHS },
	{ "AMD, 24 L3s, sparse ids, 4 nodes a socket", .packages = 2, .cores_per_package = 96, .smt = 2,
	  .l3_per_package = 12, .nodes_per_package = 4, .l3_ids_apart = 16, .l3_bytes = 32 * MIB,
	  .node_bytes = 96 * GIB, .closids = 16, .l3_ways = 16, .l3_min = 1, EIGHTHS },
	{ "SNC-2, 2 sockets of 28 cores, 15 ways", .packages = 2, .cores_per_package = 28, .smt = 2,
	  .nodes_per_package = 2, .l3_bytes = 105 * MIB, .node_bytes = 128 * GIB, .closids = 15, .l3_ways = 15,
	  .l3_min = 1, .l3_io = 0x6000, PERCENT },
	{ "Cluster-on-Die, 2 sockets of 16 cores, no SMT", .packages = 2, .cores_per_package = 16, .l3_per_package = 2,
	  .nodes_per_package = 2, .l3_bytes = 20 * MIB, .node_bytes = 64 * GIB, .closids = 16, .l3_ways = 20,
	  .l3_min = 2, .l3_io = 0xc0000 },
	{ "32 cores, L2s of their own", .cores_per_package = 32, .smt = 2, .l3_bytes = 48 * MIB,
	  .node_bytes = 256 * GIB, .closids = 8, .l3_ways = 12, .l3_min = 1, .l3_io = 0xc00, .l2_ways = 20, .l2_min = 1,
	  PERCENT },
	{ "2 sockets of 16 cores, mba_MBps, others' groups", .packages = 2, .cores_per_package = 16, .smt = 2,
	  .memory_nodes = 2, .l3_bytes = 24 * MIB, .node_bytes = 64 * GIB, .closids = 16, .l3_ways = 12, .l3_min = 1,
	  .mb_unit = RDT_MB_MBPS, .mb_gran = 10, .mb_min = 10,
	  .groups = { { "a", false, 0x003, 0 }, { "b", false, 0x006, 0 }, { "c", true, 0xe00, 0 } } },
};
const unsigned int plan_n_machines = sizeof(plan_machines) / sizeof(plan_machines[0]);

void *plan_calloc(unsigned int n, size_t size)
{
	void *p = calloc(n ? n : 1, size);

	if (!p)
		abort();
	return p;
}

static char *copy(const char *text)
{
	char *p = strdup(text);

	if (!p)
		abort();
	return p;
}

unsigned int plan_nodes_in_l3(const struct topology *t, unsigned int l3)
{
	unsigned int n = 0;

	for (unsigned int node = 0; node < t->n_nodes; node++) {
		unsigned int core = 0;

		while (core < t->n_cores && (t->cores[core].l3 != l3 || t->cores[core].node != node))
			core++;
		n += core < t->n_cores;
	}
	return n ? n : 1;
}

/* --- topology --- */

/* Core @i of the machine is this one of @per_package things in its package, counted over the machine. */
static unsigned int dealt(const struct plan_shape *s, unsigned int i, unsigned int per_package)
{
	unsigned int package = i / s->cores_per_package, within = i % s->cores_per_package;

	return package * per_package + within * per_package / s->cores_per_package;
}

static unsigned int number_of(const struct plan_shape *s, unsigned int core, unsigned int thread)
{
	return s->adjacent ? core * s->smt + thread : core + thread * s->packages * s->cores_per_package;
}

static bool is_offline(const struct plan_shape *s, unsigned int cpu)
{
	return cpu < 64 && s->offline >> cpu & 1;
}

static void add_core(const struct plan_shape *s, struct topology *t, unsigned int i)
{
	struct topology_core c = { .l2 = i / s->cores_per_l2,
				   .l3 = dealt(s, i, s->l3_per_package),
				   .node = dealt(s, i, s->nodes_per_package),
				   .die = i / s->cores_per_package,
				   .package = i / s->cores_per_package };

	if (i < 64 && s->without_l3 >> i & 1)
		c.l3 = TOPOLOGY_NONE;
	for (unsigned int thread = 0; thread < s->smt; thread++) {
		unsigned int cpu = number_of(s, i, thread);

		if (is_offline(s, cpu)) {
			t->cpus[cpu] =
				(struct topology_cpu){ cpu,	      TOPOLOGY_NONE, TOPOLOGY_NONE, TOPOLOGY_NONE,
						       TOPOLOGY_NONE, TOPOLOGY_NONE, TOPOLOGY_NONE, false };
			continue;
		}
		t->cpus[cpu] = (struct topology_cpu){ cpu, 0, c.l2, c.l3, c.node, c.die, c.package, true };
		c.cpus[c.n_cpus++] = cpu;
	}
	if (!c.n_cpus)
		return;
	t->l2[c.l2].n_cores++;
	if (c.l3 != TOPOLOGY_NONE)
		t->l3[c.l3].n_cores++;
	t->nodes[c.node].n_cores++;
	t->cores[t->n_cores++] = c;
}

static int by_first_cpu(const void *a, const void *b)
{
	const struct topology_core *x = a, *y = b;

	return (x->cpus[0] > y->cpus[0]) - (x->cpus[0] < y->cpus[0]);
}

static void make_nodes(const struct plan_shape *s, struct topology *t)
{
	unsigned int with_cores = s->packages * s->nodes_per_package;

	t->n_nodes = with_cores + s->memory_nodes;
	t->nodes = plan_calloc(t->n_nodes, sizeof(*t->nodes));
	for (unsigned int i = 0; i < t->n_nodes; i++)
		t->nodes[i] =
			(struct topology_node){ i, s->node_bytes, 0, i < with_cores ? i / s->nodes_per_package : 0 };
}

static void make_topology(const struct plan_shape *s, struct topology *t)
{
	unsigned int cores = s->packages * s->cores_per_package;

	t->source = copy(s->name);
	t->n_packages = t->n_dies = s->packages;
	t->n_cpus = cores * s->smt;
	t->cpus = plan_calloc(t->n_cpus, sizeof(*t->cpus));
	t->cores = plan_calloc(cores, sizeof(*t->cores));
	t->n_l2 = (cores + s->cores_per_l2 - 1) / s->cores_per_l2;
	t->l2 = plan_calloc(t->n_l2, sizeof(*t->l2));
	for (unsigned int i = 0; i < t->n_l2; i++)
		t->l2[i] = (struct topology_cache){ i, 2 * MIB, 0 };
	t->n_l3 = s->packages * s->l3_per_package;
	t->l3 = plan_calloc(t->n_l3, sizeof(*t->l3));
	for (unsigned int i = 0; i < t->n_l3; i++) {
		unsigned int package = i / s->l3_per_package;

		t->l3[i].id = s->l3_ids_apart ? package * s->l3_ids_apart + i % s->l3_per_package : i;
		t->l3[i].bytes = s->l3_bytes;
	}
	make_nodes(s, t);
	for (unsigned int i = 0; i < cores; i++)
		add_core(s, t, i);
	qsort(t->cores, t->n_cores, sizeof(*t->cores), by_first_cpu);
	for (unsigned int i = 0; i < t->n_cores; i++)
		for (unsigned int k = 0; k < t->cores[i].n_cpus; k++)
			t->cpus[t->cores[i].cpus[k]].core = i;
}

/* --- RDT --- */

static void fill_masks(struct rdt_group_masks *m, const struct topology_cache *cache, unsigned int n, uint64_t value)
{
	if (!value)
		return;
	m->n = n;
	for (unsigned int i = 0; i < n; i++) {
		m->domain[i] = cache[i].id;
		m->value[i] = value;
	}
}

static void make_groups(const struct plan_shape *s, const struct topology *t, struct rdt_caps *caps)
{
	caps->groups = plan_calloc(4, sizeof(*caps->groups));
	for (unsigned int i = 0; i < 4 && s->groups[i].name; i++) {
		struct rdt_group *g = &caps->groups[caps->n_groups++];

		snprintf(g->name, sizeof(g->name), "%s", s->groups[i].name);
		g->exclusive = s->groups[i].exclusive;
		fill_masks(&g->l3, t->l3, t->n_l3, s->groups[i].l3);
		if (s->cdp)
			fill_masks(&g->l3_code, t->l3, t->n_l3, s->groups[i].l3);
		fill_masks(&g->l2, t->l2, t->n_l2, s->groups[i].l2);
	}
}

static void make_default(const struct plan_shape *s, const struct topology *t, struct rdt_group *g)
{
	fill_masks(&g->l3, t->l3, t->n_l3, s->default_l3);
	if (s->cdp)
		fill_masks(&g->l3_code, t->l3, t->n_l3, s->default_l3);
	fill_masks(&g->l2, t->l2, t->n_l2, s->default_l2);
}

static void make_caps(const struct plan_shape *s, const struct topology *t, struct rdt_caps *caps)
{
	static const uint64_t not_throttled[] = {
		[RDT_MB_PERCENT] = 100, [RDT_MB_MBPS] = 4294967295, [RDT_MB_EIGHTH_GB] = 2048
	};

	caps->source = copy(s->name);
	if (!s->closids)
		return;
	caps->present = true;
	caps->closids = s->closids;
	if (s->l3_ways)
		caps->l3 = (struct rdt_cache_caps){ true,	s->cdp,	   s->cdp,     s->sparse,
						    s->l3_ways, s->l3_min, s->closids, s->l3_io };
	if (s->l2_ways)
		caps->l2 = (struct rdt_cache_caps){ true, false, false, false, s->l2_ways, s->l2_min, s->closids, 0 };
	if (s->mb_gran)
		caps->mb = (struct rdt_mb_caps){ true,	    s->mb_unit, s->closids,
						 s->mb_min, s->mb_gran, not_throttled[s->mb_unit] };
	make_groups(s, t, caps);
	make_default(s, t, &caps->default_group);
}

static void default_to_1(unsigned int *n)
{
	*n = *n ? *n : 1;
}

void plan_shape_make(const struct plan_shape *shape, struct host *host)
{
	struct plan_shape s = *shape;

	default_to_1(&s.packages);
	default_to_1(&s.smt);
	default_to_1(&s.l3_per_package);
	default_to_1(&s.nodes_per_package);
	default_to_1(&s.cores_per_l2);
	memset(host, 0, sizeof(*host));
	make_topology(&s, &host->topology);
	make_caps(&s, &host->topology, &host->caps);
}

void plan_shape_free(struct host *host)
{
	struct topology *t = &host->topology;

	free(t->source);
	free(t->cpus);
	free(t->cores);
	free(t->l2);
	free(t->l3);
	free(t->nodes);
	free(host->caps.source);
	free(host->caps.groups);
}
