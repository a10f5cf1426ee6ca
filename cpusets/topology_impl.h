/* SPDX-License-Identifier: BSD-3-Clause */
/* What the parts of topology.h share. */
#ifndef ISOLAT_TOPOLOGY_IMPL_H
#define ISOLAT_TOPOLOGY_IMPL_H

#include <hwloc.h>

#include "topology.h"

/* An hwloc document in memory, with a NUL behind. */
struct topology_xml {
	const char *text;
	size_t size;
};

/* topology_read() in this process, and in one of its own, for what hwloc might crash on. @xml: instead of a file. */
int topology_read_here(const char *source, const struct topology_xml *xml, struct topology *t,
		       struct isolat_error *err);
int topology_read_apart(const char *source, const struct topology_xml *xml, struct topology *t,
			struct isolat_error *err);

/*
 * Loads @source with hwloc. *@sysfs becomes the root below which its sysfs lies ("" for this machine's), or NULL when
 * it has none. The caller destroys.
 */
int topology_load(const char *source, const struct topology_xml *xml, hwloc_topology_t *hw, const char **sysfs,
		  struct isolat_error *err);

/* The kernel's id of the cache of level @level that @cpu is below, from the sysfs at @sysfs; HWLOC_UNKNOWN_INDEX: none.
 */
unsigned int topology_sysfs_cache_id(const char *sysfs, unsigned int cpu, unsigned int level);

/* Fills t->devices. Nodes and cores are there; node objects are @nodes, in the same order. Returns -1 without memory.
 */
int topology_add_devices(hwloc_topology_t hw, const hwloc_obj_t *nodes, struct topology *t);

/*
 * Makes t->cpus of the cores and of the @n_offline CPUs of @offline, and counts the cores of caches and nodes. Fails
 * with ISOLAT_USAGE when a CPU is there twice, and names it.
 */
int topology_add_cpus(struct topology *t, const unsigned int *offline, unsigned int n_offline,
		      struct isolat_error *err);

/* calloc() that never returns NULL for an empty array. */
void *topology_alloc(size_t count, size_t size);

int topology_no_memory(struct isolat_error *err);

#endif
