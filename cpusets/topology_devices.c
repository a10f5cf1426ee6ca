// SPDX-License-Identifier: BSD-3-Clause
/* PCI devices and the nodes near them, and what else only sysfs tells. */
#include "topology_impl.h"

#include <ctype.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define MAX_CACHE_INDEX 16

static bool read_line(const char *dir, const char *name, char *line, size_t size)
{
	char path[PATH_MAX];
	FILE *file;
	bool got;

	if ((size_t)snprintf(path, sizeof(path), "%s/%s", dir, name) >= sizeof(path))
		return false;
	file = fopen(path, "re");
	if (!file)
		return false;
	got = fgets(line, (int)size, file) != NULL;
	fclose(file);
	if (got)
		line[strcspn(line, "\n")] = '\0';
	return got;
}

static bool read_number(const char *dir, const char *name, unsigned int *value)
{
	char line[32], *end;
	unsigned long number;

	if (!read_line(dir, name, line, sizeof(line)) || !isdigit((unsigned char)line[0]))
		return false;
	number = strtoul(line, &end, 10);
	*value = (unsigned int)number;
	return !*end && number < HWLOC_UNKNOWN_INDEX;
}

unsigned int topology_sysfs_cache_id(const char *sysfs, unsigned int cpu, unsigned int level)
{
	char dir[PATH_MAX], type[32];
	unsigned int found, id;

	/* Indexes have no holes, and are not levels: L1 has two. */
	for (int index = 0; index < MAX_CACHE_INDEX; index++) {
		snprintf(dir, sizeof(dir), "%.*s/sys/devices/system/cpu/cpu%u/cache/index%d", PATH_MAX - 80, sysfs, cpu,
			 index);
		if (!read_number(dir, "level", &found))
			break;
		if (found == level && read_line(dir, "type", type, sizeof(type)) && strcmp(type, "Instruction") &&
		    read_number(dir, "id", &id))
			return id;
	}
	return HWLOC_UNKNOWN_INDEX;
}

/* Which node the devices below @near are nearest to: the first whose CPUs they are near. */
static unsigned int nearest_node(hwloc_topology_t hw, hwloc_obj_t near, const struct topology *t)
{
	hwloc_const_cpuset_t all = hwloc_topology_get_topology_cpuset(hw);
	unsigned int best = TOPOLOGY_NONE, with_cores = 0;

	for (unsigned int i = 0; i < t->n_cores; i++) {
		const struct topology_core *core = &t->cores[i];

		if (core->node < best && near->cpuset && hwloc_bitmap_isset(near->cpuset, core->cpus[0]))
			best = core->node;
	}
	/* Near all is near none, unless there is but one. n_cores of the nodes is not counted yet. */
	for (unsigned int i = 0; i < t->n_cores && with_cores < 2; i++)
		with_cores += !i || t->cores[i].node != t->cores[0].node;
	if (with_cores > 1 && near->cpuset && hwloc_bitmap_isincluded(all, near->cpuset))
		return TOPOLOGY_NONE;
	return best;
}

/* One without CPUs, such as a device on CXL: hwloc gives memory there its own place. */
static unsigned int node_by_set(hwloc_obj_t near, const hwloc_obj_t *nodes, const struct topology *t)
{
	for (unsigned int i = 0; i < t->n_nodes; i++) {
		if (near->nodeset && hwloc_bitmap_weight(near->nodeset) == 1 &&
		    hwloc_bitmap_isset(near->nodeset, nodes[i]->os_index))
			return i;
	}
	return TOPOLOGY_NONE;
}

static bool has_use(hwloc_obj_t device)
{
	switch (device->attr->osdev.type) {
	case HWLOC_OBJ_OSDEV_BLOCK:
	case HWLOC_OBJ_OSDEV_GPU:
	case HWLOC_OBJ_OSDEV_NETWORK:
	case HWLOC_OBJ_OSDEV_OPENFABRICS:
	case HWLOC_OBJ_OSDEV_COPROC:
		return device->name != NULL;
	default:
		return false;
	}
}

/* A foreign file may put anything there. */
static void copy_name(char *to, size_t size, const char *from)
{
	snprintf(to, size, "%s", from);
	for (; *to; to++) {
		if (!isgraph((unsigned char)*to))
			*to = '?';
	}
}

static void add_device(struct topology *t, hwloc_obj_t pci, const char *name, unsigned int node)
{
	const struct hwloc_pcidev_attr_s *at = &pci->attr->pcidev;
	struct topology_device *device = &t->devices[t->n_devices++];

	copy_name(device->name, sizeof(device->name), name);
	snprintf(device->bus, sizeof(device->bus), "%04x:%02x:%02x.%x", (unsigned int)at->domain & 0xfffff, at->bus,
		 at->dev, at->func & 0xf);
	device->node = node;
}

/* Adds @pci once for each name; only counts them when @t has no room yet. */
static unsigned int add_pci(struct topology *t, hwloc_obj_t pci, unsigned int node)
{
	unsigned int n = 0;

	for (hwloc_obj_t child = pci->io_first_child; child; child = child->next_sibling) {
		if (child->type != HWLOC_OBJ_OS_DEVICE || !has_use(child))
			continue;
		n++;
		if (t->devices)
			add_device(t, pci, child->name, node);
	}
	if (!n && t->devices)
		add_device(t, pci, "", node);
	return n ? n : 1;
}

static int by_bus(const void *a, const void *b)
{
	const struct topology_device *one = a, *other = b;
	size_t length = strlen(one->bus), longer = strlen(other->bus);
	int order = length < longer ? -1 : length > longer; /* of a domain with five digits */

	if (!order)
		order = strcmp(one->bus, other->bus);
	return order ? order : strcmp(one->name, other->name);
}

int topology_add_devices(hwloc_topology_t hw, const hwloc_obj_t *nodes, struct topology *t)
{
	hwloc_obj_t pci = NULL;
	size_t count = 0;

	while ((pci = hwloc_get_next_pcidev(hw, pci)))
		count += add_pci(t, pci, TOPOLOGY_NONE);
	t->devices = topology_alloc(count, sizeof(*t->devices));
	if (!t->devices)
		return -1;
	while ((pci = hwloc_get_next_pcidev(hw, pci))) {
		hwloc_obj_t near = hwloc_get_non_io_ancestor_obj(hw, pci);
		unsigned int node = nearest_node(hw, near, t);

		add_pci(t, pci, node != TOPOLOGY_NONE ? node : node_by_set(near, nodes, t));
	}
	qsort(t->devices, t->n_devices, sizeof(*t->devices), by_bus);
	return 0;
}
