/* SPDX-License-Identifier: BSD-3-Clause */
/* Machines for the tests of topologies: a sysfs made up in a folder, and what hwloc's XML can say beyond it. */
#ifndef ISOLAT_TOPOLOGY_MACHINES_H
#define ISOLAT_TOPOLOGY_MACHINES_H

#include <errno.h>
#include <ftw.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What a CPU is in, by the kernel's ids. */
struct made_cpu {
	int cpu, package, die, core, l2, l3, node; /* l2, l3: -1 is none */
	bool offline;
};

struct made_machine {
	const struct made_cpu *cpus;
	int n_cpus;
	unsigned int n_nodes;
	unsigned int memory_kib[8]; /* of each node */
	bool no_ids;		    /* caches have no file "id", as before Linux 4.11 */
};

static char made_dir[256];

static void made_file(const char *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void made_file(const char *text, const char *format, ...)
{
	char path[1024];
	int used = snprintf(path, sizeof(path), "%s/sys/devices/system/", made_dir);
	va_list ap;
	FILE *file;

	va_start(ap, format);
	vsnprintf(path + used, sizeof(path) - (size_t)used, format, ap);
	va_end(ap);
	for (char *slash = strchr(path + strlen(made_dir) + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(path, 0755) && errno != EEXIST)
			abort();
		*slash = '/';
	}
	file = fopen(path, "w");
	if (!file || fprintf(file, "%s\n", text) < 0 || fclose(file))
		abort();
}

static void made_number(int number, const char *dir, int cpu, const char *name)
{
	char text[32];

	snprintf(text, sizeof(text), "%d", number);
	made_file(text, "cpu/cpu%d/%s/%s", cpu, dir, name);
}

/* A mask, as the kernel prints it, of the online CPUs that are alike in all fields of @like. */
enum { LIKE_PACKAGE = 1, LIKE_DIE = 2, LIKE_CORE = 4, LIKE_L2 = 8, LIKE_L3 = 16, LIKE_NODE = 32 };

static void made_mask(char *text, size_t size, const struct made_machine *m, const struct made_cpu *to, int like)
{
	uint64_t mask = 0;

	for (const struct made_cpu *c = m->cpus; c < m->cpus + m->n_cpus; c++) {
		bool same = !c->offline && (!(like & LIKE_PACKAGE) || c->package == to->package) &&
			    (!(like & LIKE_DIE) || c->die == to->die) && (!(like & LIKE_CORE) || c->core == to->core) &&
			    (!(like & LIKE_L2) || c->l2 == to->l2) && (!(like & LIKE_L3) || c->l3 == to->l3) &&
			    (!(like & LIKE_NODE) || c->node == to->node);

		if (same)
			mask |= 1ULL << c->cpu;
	}
	snprintf(text, size, "%08x,%08x", (unsigned int)(mask >> 32), (unsigned int)mask);
}

static void made_set(const struct made_machine *m, const struct made_cpu *c, int like, const char *name)
{
	char text[32];

	made_mask(text, sizeof(text), m, c, like);
	made_file(text, "cpu/cpu%d/topology/%s", c->cpu, name);
}

static void made_cache(const struct made_machine *m, const struct made_cpu *c, int index, int level, int id,
		       const char *type, const char *size, int like)
{
	char dir[32], text[32];

	snprintf(dir, sizeof(dir), "cache/index%d", index);
	made_number(level, dir, c->cpu, "level");
	made_file(type, "cpu/cpu%d/%s/type", c->cpu, dir);
	made_file(size, "cpu/cpu%d/%s/size", c->cpu, dir);
	made_mask(text, sizeof(text), m, c, like);
	made_file(text, "cpu/cpu%d/%s/shared_cpu_map", c->cpu, dir);
	if (!m->no_ids)
		made_number(id, dir, c->cpu, "id");
}

static void made_cpu(const struct made_machine *m, const struct made_cpu *c)
{
	int index = 0;

	made_file(c->offline ? "0" : "1", "cpu/cpu%d/online", c->cpu);
	if (c->offline)
		return;
	made_number(c->package, "topology", c->cpu, "physical_package_id");
	made_number(c->die, "topology", c->cpu, "die_id");
	made_number(c->core, "topology", c->cpu, "core_id");
	made_set(m, c, LIKE_PACKAGE | LIKE_CORE, "core_cpus");
	made_set(m, c, LIKE_PACKAGE | LIKE_CORE, "thread_siblings");
	made_set(m, c, LIKE_PACKAGE | LIKE_DIE, "die_cpus");
	made_set(m, c, LIKE_PACKAGE, "package_cpus");
	made_set(m, c, LIKE_PACKAGE, "core_siblings");
	made_cache(m, c, index++, 1, c->core + 100, "Instruction", "32K", LIKE_PACKAGE | LIKE_CORE);
	made_cache(m, c, index++, 1, c->core, "Data", "32K", LIKE_PACKAGE | LIKE_CORE);
	if (c->l2 >= 0)
		made_cache(m, c, index++, 2, c->l2, "Unified", "1024K", LIKE_L2);
	if (c->l3 >= 0)
		made_cache(m, c, index++, 3, c->l3, "Unified", "16384K", LIKE_L3);
}

static void made_machine(const struct made_machine *m)
{
	char text[64];

	for (int i = 0; i < m->n_cpus; i++)
		made_cpu(m, &m->cpus[i]);
	for (unsigned int node = 0; node < m->n_nodes; node++) {
		const struct made_cpu like = { .node = (int)node };

		made_mask(text, sizeof(text), m, &like, LIKE_NODE);
		made_file(text, "node/node%u/cpumap", node);
		snprintf(text, sizeof(text), "Node %u MemTotal: %u kB", node, m->memory_kib[node]);
		made_file(text, "node/node%u/meminfo", node);
	}
}

static int made_remove(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static int made_open(void **state)
{
	const char *tmp = getenv("TMPDIR");

	(void)state;
	snprintf(made_dir, sizeof(made_dir), "%s/isolat-topology.XXXXXX", tmp ? tmp : "/tmp");
	return mkdtemp(made_dir) ? 0 : -1;
}

static int made_close(void **state)
{
	(void)state;
	return nftw(made_dir, made_remove, 8, FTW_DEPTH | FTW_PHYS);
}

#define MADE_SET(cpus, all, nodes) \
	"cpuset=\"" cpus "\" complete_cpuset=\"" all "\" nodeset=\"" nodes "\" complete_nodeset=\"" nodes "\" "

#define MADE_PCI(bus, name)                                                              \
	"<object type=\"PCIDev\" gp_index=\"9" bus "\" pci_busid=\"0000:" bus ":00.0\" " \
	"pci_type=\"0200 [1af4:1041] [1af4:1041] 01\" pci_link_speed=\"0.000000\">\n" name "</object>\n"

#define MADE_NAME(number, name, type) \
	"<object type=\"OSDev\" gp_index=\"" number "\" name=\"" name "\" osdev_type=\"" type "\"/>\n"

#define MADE_CORE(core, mask, node, pus)                                                                          \
	"<object type=\"Core\" os_index=\"" core "\" " MADE_SET(mask, mask, node) "gp_index=\"4" core "\">\n" pus \
										  "</object>\n"

#define MADE_PU(cpu, mask, node) \
	"<object type=\"PU\" os_index=\"" cpu "\" " MADE_SET(mask, mask, node) "gp_index=\"5" cpu "\"/>\n"

#define MADE_BRIDGE(number, low, high)                                                                            \
	"<object type=\"Bridge\" gp_index=\"" number "\" bridge_type=\"0-1\" depth=\"0\" bridge_pci=\"0000:[" low \
	"-" high "]\">\n"

/*
 * Two packages, one of a core with two CPUs, the other of two cores with one (3 and 7 are sparse, 5 is offline, 7 is
 * not for the cgroup that lstopo ran in); memory on CXL near the second package alone, and some near neither; devices
 * near the second package, near nothing in particular, with two names, with one that nobody should print, and without.
 */
static const char made_xml[] =
	"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE topology SYSTEM \"hwloc2.dtd\">\n"
	"<topology version=\"2.0\">\n"
	"<object type=\"Machine\" os_index=\"0\" " MADE_SET(
		"0x0000008b", "0x000000ab",
		"0x0000001b") "allowed_cpuset=\"0x0000000b\" allowed_nodeset=\"0x0000001b\" gp_index=\"1\">\n"
			      "<object type=\"NUMANode\" os_index=\"4\" " MADE_SET(
				      "0x0000008b", "0x000000ab",
				      "0x00000010") "gp_index=\"24\" local_memory=\"4096\"/>\n"
						    "<object type=\"Package\" os_index=\"0\" " MADE_SET(
							    "0x00000003", "0x00000003",
							    "0x00000001") "gp_index=\"2\">\n"
									  "<object type=\"NUMANode\" "
									  "os_index=\"0\" " MADE_SET(
										  "0x00000003", "0x00000003",
										  "0x00000001") "gp_index=\"20\" "
												"local_memory=\"1024\"/"
												">\n" MADE_CORE("0",
														"0x0000"
														"0003",
														"0x0000"
														"0001",
														MADE_PU("0",
															"0x00000001",
															"0x00000001") MADE_PU("1", "0x00000002", "0x00000001")) "</object>\n"
																						"<object type=\"Package\" os_index=\"1\" " MADE_SET("0x00000088", "0x00000088", "0x0000000a") "gp_index=\"3\">\n"
																																	      "<object type=\"NUMANode\" os_index=\"1\" " MADE_SET("0x00000088", "0x00000088", "0x00000002") "gp_index=\"21\" local_memory=\"2048\"/>\n"
																																													     "<object type=\"NUMANode\" os_index=\"3\" " MADE_SET("0x00000088",
																																																				  "0x00000088", "0x00000008") "gp_index=\"23\" local_memory=\"512\"/>\n" MADE_CORE("7",
																																																														   "0x00000008",
																																																														   "0x0000000a",
																																																														   MADE_PU("3",
																																																															   "0x00000008",
																																																															   "0x0000000a")) MADE_CORE("8", "0x00000080", "0x0000000a",
																																																																		    MADE_PU("7",
																																																																			    "0x00000080", "0x0000000a")) MADE_BRIDGE("30",
																																																																								     "3b", "3d") MADE_PCI("3b",
																																																																											  MADE_NAME(
																																																																												  "71", "eth0", "2") MADE_NAME("72",
																																																																															       "mlx5_0",
																																																																															       "3") MADE_NAME("73",
																																																																																	      "dma0", "4")) MADE_PCI("3d", MADE_NAME("74",
																																																																																						     "e\303\244 1", "2")) MADE_PCI("3c", "") "</object>\n</object>\n" MADE_BRIDGE("31", "00", "05") MADE_PCI("05", MADE_NAME("75", "vda", "0")) "</object>\n</object>\n</topology>\n";

#endif
