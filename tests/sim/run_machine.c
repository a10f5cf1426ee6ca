// SPDX-License-Identifier: BSD-3-Clause
/* The machine's CPUs, caches and NUMA nodes, as far as hwloc, libpqos and isolat look: sysfs and procfs. */
#include "run.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define CPU_FLAGS "cat_l3 cdp_l3 mba cqm rdt_a cqm_llc cqm_occup_llc cqm_mbm_total cqm_mbm_local"

typedef unsigned int part_of(const struct sim_machine *m, unsigned int cpu);

static unsigned int l2_of(const struct sim_machine *m, unsigned int cpu)
{
	const struct sim_resource *r = &m->resource[SIM_L2];

	for (unsigned int i = 0; i < r->domains; i++)
		if (sim_cpus_has(&r->domain[i].cpus, cpu))
			return r->domain[i].id;
	return sim_machine_core(m, cpu);
}

static struct sim_cpus sharing(const struct sim_machine *m, part_of *part, unsigned int cpu)
{
	struct sim_cpus set = { 0 };

	for (unsigned int i = 0; i < sim_machine_cpus(m); i++)
		if (part(m, i) == part(m, cpu))
			sim_cpus_add(&set, i);
	return set;
}

/* PATH and PATH@list_suffix: the mask and the list. */
static void write_set(const struct sim_machine *m, const char *mask_path, const char *list_path, struct sim_cpus set)
{
	unsigned int cpus = sim_machine_cpus(m);
	char *mask = NULL, *list = NULL;
	size_t bytes;
	FILE *out;

	out = open_memstream(&mask, &bytes);
	sim_cpus_print_mask(out, &set, cpus);
	fclose(out);
	out = open_memstream(&list, &bytes);
	sim_cpus_print_list(out, &set, cpus);
	fclose(out);
	run_write(mask_path, "%s", mask);
	run_write(list_path, "%s", list);
	free(mask);
	free(list);
}

struct topology_set {
	const char *mask, *list;
	part_of *part;
};

static void show_topology(const struct sim_machine *m, unsigned int cpu)
{
	static const struct topology_set sets[] = {
		{ "core_cpus", "core_cpus_list", sim_machine_core },
		{ "thread_siblings", "thread_siblings_list", sim_machine_core },
		{ "package_cpus", "package_cpus_list", sim_machine_socket },
		{ "core_siblings", "core_siblings_list", sim_machine_socket },
		{ "die_cpus", "die_cpus_list", sim_machine_socket },
	};
	char mask[96], list[96];

	for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
		snprintf(mask, sizeof(mask), "cpu/cpu%u/topology/%s", cpu, sets[i].mask);
		snprintf(list, sizeof(list), "cpu/cpu%u/topology/%s", cpu, sets[i].list);
		write_set(m, mask, list, sharing(m, sets[i].part, cpu));
	}
	snprintf(mask, sizeof(mask), "cpu/cpu%u/topology/physical_package_id", cpu);
	run_write(mask, "%u\n", sim_machine_socket(m, cpu));
	snprintf(mask, sizeof(mask), "cpu/cpu%u/topology/die_id", cpu);
	run_write(mask, "0\n");
	snprintf(mask, sizeof(mask), "cpu/cpu%u/topology/core_id", cpu);
	run_write(mask, "%u\n", sim_machine_core(m, cpu) % m->cores);
}

struct cache {
	unsigned int level;
	const char *type;
	uint64_t bytes;
	unsigned int ways;
	part_of *part;
};

static void cache_value(unsigned int cpu, unsigned int index, const char *name, const char *value)
{
	char path[96];

	snprintf(path, sizeof(path), "cpu/cpu%u/cache/index%u/%s", cpu, index, name);
	run_write(path, "%s\n", value);
}

static void cache_number(unsigned int cpu, unsigned int index, const char *name, unsigned long long value)
{
	char text[32];

	snprintf(text, sizeof(text), "%llu", value);
	cache_value(cpu, index, name, text);
}

static void show_cache(const struct sim_machine *m, unsigned int cpu, unsigned int index, const struct cache *c)
{
	char mask[96], list[96], size[32];

	snprintf(size, sizeof(size), "%lluK", (unsigned long long)c->bytes / 1024);
	cache_value(cpu, index, "type", c->type);
	cache_value(cpu, index, "size", size);
	cache_number(cpu, index, "level", c->level);
	cache_number(cpu, index, "id", c->part(m, cpu));
	cache_number(cpu, index, "coherency_line_size", 64);
	cache_number(cpu, index, "physical_line_partition", 1);
	cache_number(cpu, index, "ways_of_associativity", c->ways);
	cache_number(cpu, index, "number_of_sets", c->bytes / 64 / c->ways);
	snprintf(mask, sizeof(mask), "cpu/cpu%u/cache/index%u/shared_cpu_map", cpu, index);
	snprintf(list, sizeof(list), "cpu/cpu%u/cache/index%u/shared_cpu_list", cpu, index);
	write_set(m, mask, list, sharing(m, c->part, cpu));
}

static void show_caches(const struct sim_machine *m, unsigned int cpu)
{
	unsigned int l3_ways = m->resource[SIM_L3].ways;
	const struct cache caches[] = {
		{ 1, "Data", 32 * 1024, 8, sim_machine_core },
		{ 1, "Instruction", 32 * 1024, 8, sim_machine_core },
		{ 2, "Unified", m->l2_bytes, 16, l2_of },
		{ 3, "Unified", m->l3_bytes, l3_ways ? l3_ways : 16, sim_machine_l3 },
	};

	for (unsigned int i = 0; i < sizeof(caches) / sizeof(caches[0]); i++)
		if (caches[i].level < 3 || m->l3s)
			show_cache(m, cpu, i, &caches[i]);
}

static void show_cpus(const struct sim_machine *m)
{
	static const char *const names[] = { "cpu/possible", "cpu/present", "cpu/online" };
	unsigned int n = sim_machine_cpus(m);
	char path[64];

	for (unsigned int i = 0; i < 3; i++)
		run_write(names[i], n > 1 ? "0-%u\n" : "%u\n", n - 1);
	run_write("cpu/offline", "\n");
	run_write("cpu/isolated", "\n");
	run_write("cpu/kernel_max", "8191\n");
	run_write("cpu/smt/active", "%d\n", m->threads > 1);
	run_write("cpu/smt/control", "%s\n", m->threads > 1 ? "on" : "notsupported");
	for (unsigned int cpu = 0; cpu < n; cpu++) {
		snprintf(path, sizeof(path), "cpu/cpu%u/online", cpu);
		if (cpu)
			run_write(path, "1\n");
		show_topology(m, cpu);
		show_caches(m, cpu);
	}
}

/* Neighbours in the socket are nearer than those in another. */
static unsigned int distance(const struct sim_machine *m, unsigned int a, unsigned int b)
{
	if (a == b)
		return 10;
	return a / m->nodes == b / m->nodes ? 12 : 21;
}

static void show_memory(const struct sim_machine *m, unsigned int node, const char *path)
{
	unsigned long long kib = m->node_bytes / 1024;

	run_write(path,
		  "Node %u MemTotal:       %llu kB\nNode %u MemFree:        %llu kB\nNode %u MemUsed:        0 kB\n"
		  "Node %u HugePages_Total:     0\nNode %u HugePages_Free:      0\nNode %u HugePages_Surp:      0\n",
		  node, kib, node, kib, node, node, node, node);
}

static void show_node(const struct sim_machine *m, unsigned int node)
{
	unsigned int nodes = m->sockets * m->nodes;
	char mask[64], list[64], distances[SIM_MAX_DOMAINS * 4] = "";
	struct sim_cpus cpus = { 0 };
	size_t used = 0;

	for (unsigned int cpu = 0; cpu < sim_machine_cpus(m); cpu++)
		if (sim_machine_node(m, cpu) == node)
			sim_cpus_add(&cpus, cpu);
	snprintf(mask, sizeof(mask), "node/node%u/cpumap", node);
	snprintf(list, sizeof(list), "node/node%u/cpulist", node);
	write_set(m, mask, list, cpus);
	for (unsigned int other = 0; other < nodes; other++)
		used += (size_t)snprintf(distances + used, sizeof(distances) - used, "%s%u", other ? " " : "",
					 distance(m, node, other));
	snprintf(list, sizeof(list), "node/node%u/distance", node);
	run_write(list, "%s\n", distances);
	snprintf(list, sizeof(list), "node/node%u/meminfo", node);
	show_memory(m, node, list);
}

static void show_nodes(const struct sim_machine *m)
{
	static const char *const names[] = { "possible", "online", "has_cpu", "has_memory", "has_normal_memory" };
	unsigned int nodes = m->sockets * m->nodes;
	char path[64];

	for (unsigned int i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "node/%s", names[i]);
		run_write(path, nodes > 1 ? "0-%u\n" : "%u\n", nodes - 1);
	}
	for (unsigned int node = 0; node < nodes; node++)
		show_node(m, node);
}

static bool is_there(const char *path)
{
	struct stat st;

	return !stat(path, &st);
}

/* hwloc prefers /sys/bus, where links lead to the real CPUs. */
void run_show_machine(const struct sim_machine *m)
{
	static const char *const node[] = { "node", NULL };

	show_cpus(m);
	show_nodes(m);
	if (!is_there("/sys/devices/system/node"))
		run_shadow("/sys/devices/system", node);
	run_bind("cpu", "/sys/devices/system/cpu");
	run_bind("node", "/sys/devices/system/node");
	if (is_there("/sys/bus/cpu/devices"))
		run_bind("cpu", "/sys/bus/cpu/devices");
	if (is_there("/sys/bus/node/devices"))
		run_bind("node", "/sys/bus/node/devices");
}

static char *slurp(const char *path)
{
	FILE *in = fopen(path, "re");
	char *text = NULL;
	size_t bytes = 0;

	if (!in || getdelim(&text, &bytes, '\0', in) < 0)
		run_die("read %s", path);
	fclose(in);
	return text;
}

/* One line of the first CPU, as CPU @cpu has it. */
static void print_info(FILE *out, const struct sim_machine *m, unsigned int cpu, const char *line, bool all)
{
	if (all && !strncmp(line, "processor\t", 10))
		fprintf(out, "processor\t: %u\n", cpu);
	else if (all && !strncmp(line, "physical id\t", 12))
		fprintf(out, "physical id\t: %u\n", sim_machine_socket(m, cpu));
	else if (all && !strncmp(line, "core id\t", 8))
		fprintf(out, "core id\t\t: %u\n", sim_machine_core(m, cpu) % m->cores);
	else if (!strncmp(line, "flags\t", 6))
		fprintf(out, "%s " CPU_FLAGS "%s\n", line, m->resource[SIM_L2].closids ? " cat_l2 cdp_l2" : "");
	else
		fprintf(out, "%s\n", line);
}

static void print_infos(FILE *out, const struct sim_machine *m, const char *text, unsigned int cpu, bool all)
{
	char *copy = strdup(text), *rest = copy, *line;

	while (copy && (line = strsep(&rest, "\n")))
		if (*line || rest)
			print_info(out, m, cpu, line, all);
	free(copy);
}

void run_show_features(const struct sim_machine *m, bool cpus)
{
	char *info = slurp("/proc/cpuinfo"), *systems = slurp("/proc/filesystems"), *end = strstr(info, "\n\n");
	FILE *out = fopen("cpuinfo", "we");

	if (!out)
		run_die("make a cpuinfo");
	if (cpus && end)
		end[2] = '\0';
	for (unsigned int cpu = 0; cpu < (cpus ? sim_machine_cpus(m) : 1); cpu++)
		print_infos(out, m, info, cpu, cpus);
	fclose(out);
	run_write("filesystems", "%s%s", systems, strstr(systems, "\tresctrl\n") ? "" : "nodev\tresctrl\n");
	run_bind("cpuinfo", "/proc/cpuinfo");
	run_bind("filesystems", "/proc/filesystems");
	free(info);
	free(systems);
}
