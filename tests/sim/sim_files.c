// SPDX-License-Identifier: BSD-3-Clause
/* The tree of files: which there are, how they read, and what a write to them does. */
#include "sim_files.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Where a file is. */
enum place { IN_INFO, IN_CACHE, IN_BANDWIDTH, IN_RESOURCE, IN_MONITOR, IN_GROUP, IN_CONTROL_GROUP };

struct sim_file {
	const char *name;
	enum place place;
	void (*read)(FILE *out, struct sim *sim, const struct sim_node *node);
	int (*write)(struct sim *sim, const struct sim_node *node, char *text, size_t n, pid_t caller);
	bool (*present)(const struct sim *sim, const struct sim_node *node); /* NULL: always */
};

static const struct sim_resource *resource_of(const struct sim *sim, const struct sim_node *node)
{
	return &sim->machine->resource[node->schema->id];
}

static void read_status(FILE *out, struct sim *sim, const struct sim_node *node)
{
	fputs(sim->status[0] ? sim->status : "ok\n", out);
}

static void read_closids(FILE *out, struct sim *sim, const struct sim_node *node)
{
	fprintf(out, "%u\n", node->schema->closids);
}

static void read_cbm_mask(FILE *out, struct sim *sim, const struct sim_node *node)
{
	fprintf(out, "%x\n", (uint32_t)((1UL << resource_of(sim, node)->ways) - 1));
}

static void read_min_cbm_bits(FILE *out, struct sim *sim, const struct sim_node *node)
{
	fprintf(out, "%u\n", resource_of(sim, node)->min_ways);
}

static void read_shareable_bits(FILE *out, struct sim *sim, const struct sim_node *node)
{
	fprintf(out, "%x\n", resource_of(sim, node)->shareable);
}

static void read_bit_usage(FILE *out, struct sim *sim, const struct sim_node *node)
{
	sim_schema_print_bit_usage(out, sim, node->schema);
}

static void read_sparse(FILE *out, struct sim *sim, const struct sim_node *node)
{
	fprintf(out, "%u\n", resource_of(sim, node)->sparse);
}

static bool has_sparse(const struct sim *sim, const struct sim_node *node)
{
	return sim->kernel >= SIM_LINUX_6_12;
}

static void read_min_bandwidth(FILE *out, struct sim *sim, const struct sim_node *node)
{
	fprintf(out, "%u\n", resource_of(sim, node)->min);
}

static void read_gran(FILE *out, struct sim *sim, const struct sim_node *node)
{
	fprintf(out, "%u\n", resource_of(sim, node)->gran);
}

static void read_linear(FILE *out, struct sim *sim, const struct sim_node *node)
{
	fprintf(out, "%u\n", resource_of(sim, node)->linear);
}

static void read_throttle(FILE *out, struct sim *sim, const struct sim_node *node)
{
	fputs("max\n", out);
}

static bool has_throttle(const struct sim *sim, const struct sim_node *node)
{
	return node->schema->id == SIM_MB && !sim->machine->amd;
}

static void read_rmids(FILE *out, struct sim *sim, const struct sim_node *node)
{
	fprintf(out, "%u\n", sim_rmids(sim));
}

static void read_features(FILE *out, struct sim *sim, const struct sim_node *node)
{
	for (unsigned int i = 0; i < SIM_EVENTS; i++)
		if (sim_event_present(sim, i))
			fprintf(out, "%s\n", sim_event_name(i));
}

static void read_threshold(FILE *out, struct sim *sim, const struct sim_node *node)
{
	fprintf(out, "%u\n", sim->threshold);
}

static int write_threshold(struct sim *sim, const struct sim_node *node, char *text, size_t n, pid_t caller)
{
	char *end;
	unsigned long value;

	errno = 0;
	value = strtoul(text, &end, 0);
	if (end == text || *text == '-' || (*end && strcmp(end, "\n")))
		return -EINVAL;
	if (errno || value > UINT32_MAX)
		return -ERANGE;
	if (value > sim->machine->l3_bytes)
		return -EINVAL;
	sim->threshold = (unsigned int)value;
	return 0;
}

static void read_cpus(FILE *out, struct sim *sim, const struct sim_node *node)
{
	sim_cpus_print_mask(out, &node->group->cpus, sim_machine_cpus(sim->machine));
}

static int write_cpus(struct sim *sim, const struct sim_node *node, char *text, size_t n, pid_t caller)
{
	return sim_group_set_cpus(sim, node->group, text, false);
}

static void read_cpus_list(FILE *out, struct sim *sim, const struct sim_node *node)
{
	sim_cpus_print_list(out, &node->group->cpus, sim_machine_cpus(sim->machine));
}

static int write_cpus_list(struct sim *sim, const struct sim_node *node, char *text, size_t n, pid_t caller)
{
	return sim_group_set_cpus(sim, node->group, text, true);
}

static void read_tasks(FILE *out, struct sim *sim, const struct sim_node *node)
{
	sim_group_print_tasks(out, sim, node->group);
}

static int write_tasks(struct sim *sim, const struct sim_node *node, char *text, size_t n, pid_t caller)
{
	return sim_group_add_tasks(sim, node->group, text, caller);
}

static void read_schemata(FILE *out, struct sim *sim, const struct sim_node *node)
{
	sim_group_print_schemata(out, sim, node->group);
}

static int write_schemata(struct sim *sim, const struct sim_node *node, char *text, size_t n, pid_t caller)
{
	return sim_group_write_schemata(sim, node->group, text, n);
}

static void read_mode(FILE *out, struct sim *sim, const struct sim_node *node)
{
	fprintf(out, "%s\n", sim_mode_name(node->group->mode));
}

static int write_mode(struct sim *sim, const struct sim_node *node, char *text, size_t n, pid_t caller)
{
	return sim_group_set_mode(sim, node->group, text, n);
}

static void read_size(FILE *out, struct sim *sim, const struct sim_node *node)
{
	sim_group_print_sizes(out, sim, node->group);
}

static const struct sim_file files[] = {
	{ "last_cmd_status", IN_INFO, read_status, NULL, NULL },
	{ "num_closids", IN_RESOURCE, read_closids, NULL, NULL },
	{ "cbm_mask", IN_CACHE, read_cbm_mask, NULL, NULL },
	{ "min_cbm_bits", IN_CACHE, read_min_cbm_bits, NULL, NULL },
	{ "shareable_bits", IN_CACHE, read_shareable_bits, NULL, NULL },
	{ "bit_usage", IN_CACHE, read_bit_usage, NULL, NULL },
	{ "sparse_masks", IN_CACHE, read_sparse, NULL, has_sparse },
	{ "min_bandwidth", IN_BANDWIDTH, read_min_bandwidth, NULL, NULL },
	{ "bandwidth_gran", IN_BANDWIDTH, read_gran, NULL, NULL },
	{ "delay_linear", IN_BANDWIDTH, read_linear, NULL, NULL },
	{ "thread_throttle_mode", IN_BANDWIDTH, read_throttle, NULL, has_throttle },
	{ "num_rmids", IN_MONITOR, read_rmids, NULL, NULL },
	{ "mon_features", IN_MONITOR, read_features, NULL, NULL },
	{ "max_threshold_occupancy", IN_MONITOR, read_threshold, write_threshold, NULL },
	{ "cpus", IN_GROUP, read_cpus, write_cpus, NULL },
	{ "cpus_list", IN_GROUP, read_cpus_list, write_cpus_list, NULL },
	{ "tasks", IN_GROUP, read_tasks, write_tasks, NULL },
	{ "schemata", IN_CONTROL_GROUP, read_schemata, write_schemata, NULL },
	{ "mode", IN_CONTROL_GROUP, read_mode, write_mode, NULL },
	{ "size", IN_CONTROL_GROUP, read_size, NULL, NULL },
};

#define FILES (sizeof(files) / sizeof(files[0]))

static bool in_folder(const struct sim *sim, const struct sim_node *folder, enum place place)
{
	bool cache = folder->schema && sim->machine->resource[folder->schema->id].cache;

	switch (folder->folder) {
	case SIM_INFO:
		return place == IN_INFO;
	case SIM_INFO_RESOURCE:
		return place == IN_RESOURCE || place == (cache ? IN_CACHE : IN_BANDWIDTH);
	case SIM_INFO_MONITOR:
		return place == IN_MONITOR;
	case SIM_GROUP:
		return place == IN_GROUP || (place == IN_CONTROL_GROUP && !folder->group->parent && sim->schemata);
	default:
		return false;
	}
}

static bool is_here(const struct sim *sim, const struct sim_node *folder, const struct sim_file *file)
{
	return in_folder(sim, folder, file->place) && (!file->present || file->present(sim, folder));
}

static bool find_file(const struct sim *sim, struct sim_node *node, const char *name)
{
	for (size_t i = 0; i < FILES; i++) {
		if (strcmp(files[i].name, name) || !is_here(sim, node, &files[i]))
			continue;
		node->file = &files[i];
		node->folder = SIM_FILE;
		return true;
	}
	return false;
}

static bool monitors(const struct sim *sim)
{
	return sim->machine->rmids > 0;
}

/* ---- names within each folder ---- */

static bool enter_group(struct sim *sim, struct sim_node *node, const char *name)
{
	struct sim_group *g;

	if (node->group == &sim->root && !strcmp(name, "info")) {
		node->folder = SIM_INFO;
		node->group = NULL;
		return true;
	}
	if (monitors(sim) && !strcmp(name, "mon_data")) {
		node->folder = SIM_MON_DATA;
		return true;
	}
	if (monitors(sim) && !node->group->parent && !strcmp(name, "mon_groups")) {
		node->folder = SIM_MON_GROUPS;
		return true;
	}
	if (find_file(sim, node, name))
		return true;
	g = node->group == &sim->root ? sim_group_find(sim, NULL, name) : NULL;
	if (g)
		node->group = g;
	return g;
}

static bool enter_mon_groups(struct sim *sim, struct sim_node *node, const char *name)
{
	struct sim_group *g = sim_group_find(sim, node->group, name);

	if (g) {
		node->group = g;
		node->folder = SIM_GROUP;
	}
	return g;
}

/* Counters of the @index-th L3: with sub-NUMA clusters, of each of its nodes. */
static void choose_l3(const struct sim *sim, struct sim_node *node, unsigned int index)
{
	node->counters = sim_clusters(sim);
	node->first = index * node->counters;
}

static bool counter_online(const struct sim *sim, unsigned int l3)
{
	for (unsigned int cpu = 0; cpu < sim_machine_cpus(sim->machine); cpu++)
		if (sim_cpus_has(&sim->online, cpu) && sim_machine_l3(sim->machine, cpu) == l3)
			return true;
	return false;
}

static unsigned int l3s(const struct sim *sim)
{
	return sim->machine->sockets * sim->machine->l3s;
}

static bool enter_mon_data(struct sim *sim, struct sim_node *node, const char *name)
{
	char expected[32];

	for (unsigned int i = 0; i < l3s(sim); i++) {
		snprintf(expected, sizeof(expected), "mon_L3_%02u", i);
		if (strcmp(expected, name) || !counter_online(sim, i))
			continue;
		choose_l3(sim, node, i);
		node->folder = SIM_MON_DOMAIN;
		return true;
	}
	return false;
}

static bool enter_mon_domain(struct sim *sim, struct sim_node *node, const char *name)
{
	char expected[32];

	for (unsigned int i = 0; i < SIM_EVENTS; i++) {
		if (strcmp(sim_event_name(i), name) || !sim_event_present(sim, i))
			continue;
		node->event = i;
		node->folder = SIM_FILE;
		return true;
	}
	for (unsigned int i = node->first; node->counters > 1 && i < node->first + node->counters; i++) {
		snprintf(expected, sizeof(expected), "mon_sub_L3_%02u", i);
		if (strcmp(expected, name))
			continue;
		node->first = i;
		node->counters = 1;
		node->folder = SIM_MON_CLUSTER;
		return true;
	}
	return false;
}

static bool enter_info(struct sim *sim, struct sim_node *node, const char *name)
{
	if (find_file(sim, node, name))
		return true;
	if (monitors(sim) && !strcmp(name, "L3_MON")) {
		node->folder = SIM_INFO_MONITOR;
		return true;
	}
	for (unsigned int i = 0; i < sim->schemata; i++) {
		if (strcmp(sim->schema[i].name, name))
			continue;
		node->schema = &sim->schema[i];
		node->folder = SIM_INFO_RESOURCE;
		return true;
	}
	return false;
}

static bool enter(struct sim *sim, struct sim_node *node, const char *name)
{
	switch (node->folder) {
	case SIM_GROUP:
		return enter_group(sim, node, name);
	case SIM_MON_GROUPS:
		return enter_mon_groups(sim, node, name);
	case SIM_MON_DATA:
		return enter_mon_data(sim, node, name);
	case SIM_MON_DOMAIN:
	case SIM_MON_CLUSTER:
		return enter_mon_domain(sim, node, name);
	case SIM_INFO:
		return enter_info(sim, node, name);
	default:
		return find_file(sim, node, name);
	}
}

int sim_lookup(struct sim *sim, const char *path, struct sim_node *node)
{
	char text[PATH_MAX], *rest = text, *name;

	if (strlen(path) >= sizeof(text))
		return -ENAMETOOLONG;
	strcpy(text, path);
	*node = (struct sim_node){ .folder = SIM_GROUP, .group = &sim->root };
	while ((name = strsep(&rest, "/"))) {
		if (!*name)
			continue;
		if (node->folder == SIM_FILE)
			return -ENOTDIR;
		if (!sim->mounted || !enter(sim, node, name))
			return -ENOENT;
	}
	return 0;
}

/* ---- what is in a folder ---- */

static void list_group(struct sim *sim, const struct sim_node *folder, void (*add)(void *to, const char *name),
		       void *to)
{
	struct sim_group *g = &sim->root;

	if (monitors(sim)) {
		add(to, "mon_data");
		if (!folder->group->parent)
			add(to, "mon_groups");
	}
	if (folder->group != &sim->root)
		return;
	add(to, "info");
	while ((g = sim_group_next(g, NULL)))
		add(to, g->name);
}

static void list_domain(struct sim *sim, const struct sim_node *folder, void (*add)(void *to, const char *name),
			void *to)
{
	char name[32];

	for (unsigned int i = 0; i < SIM_EVENTS; i++)
		if (sim_event_present(sim, i))
			add(to, sim_event_name(i));
	for (unsigned int i = 0; folder->counters > 1 && i < folder->counters; i++) {
		snprintf(name, sizeof(name), "mon_sub_L3_%02u", folder->first + i);
		add(to, name);
	}
}

static void list_info(struct sim *sim, void (*add)(void *to, const char *name), void *to)
{
	for (unsigned int i = 0; i < sim->schemata; i++)
		add(to, sim->schema[i].name);
	if (monitors(sim))
		add(to, "L3_MON");
}

static void list_mon_groups(struct sim *sim, const struct sim_node *folder, void (*add)(void *to, const char *name),
			    void *to)
{
	struct sim_group *g = &sim->root;

	while ((g = sim_group_next(g, folder->group)))
		add(to, g->name);
}

static void list_mon_data(struct sim *sim, void (*add)(void *to, const char *name), void *to)
{
	char name[32];

	for (unsigned int i = 0; i < l3s(sim); i++) {
		if (!counter_online(sim, i))
			continue;
		snprintf(name, sizeof(name), "mon_L3_%02u", i);
		add(to, name);
	}
}

void sim_list(struct sim *sim, const struct sim_node *folder, void (*add)(void *to, const char *name), void *to)
{
	if (!sim->mounted)
		return;
	for (size_t i = 0; i < FILES; i++)
		if (is_here(sim, folder, &files[i]))
			add(to, files[i].name);
	if (folder->folder == SIM_GROUP)
		list_group(sim, folder, add, to);
	else if (folder->folder == SIM_MON_GROUPS)
		list_mon_groups(sim, folder, add, to);
	else if (folder->folder == SIM_MON_DATA)
		list_mon_data(sim, add, to);
	else if (folder->folder == SIM_MON_DOMAIN || folder->folder == SIM_MON_CLUSTER)
		list_domain(sim, folder, add, to);
	else if (folder->folder == SIM_INFO)
		list_info(sim, add, to);
}

/* ---- reading and changing ---- */

bool sim_writable(const struct sim_node *file)
{
	return file->file && file->file->write;
}

unsigned int sim_permissions(const struct sim_node *node)
{
	if (node->folder == SIM_FILE)
		return S_IFREG | (sim_writable(node) ? 0644 : 0444);
	return S_IFDIR | (node->folder == SIM_GROUP || node->folder == SIM_MON_GROUPS ? 0755 : 0555);
}

int sim_read(struct sim *sim, const struct sim_node *file, FILE *out)
{
	if (file->file)
		file->file->read(out, sim, file);
	else
		sim_group_print_event(out, sim, file->group, file->event, file->first, file->counters);
	return 0;
}

int sim_write(struct sim *sim, const struct sim_node *file, char *text, size_t n, pid_t caller)
{
	if (n > 4096)
		return -E2BIG;
	if (!sim_writable(file))
		return -EINVAL;
	text[n] = '\0';
	return file->file->write(sim, file, text, n, caller);
}

/* The folder that @path is to be in, and its name there. */
static int lookup_parent(struct sim *sim, const char *path, struct sim_node *parent, const char **name)
{
	const char *slash = strrchr(path, '/');
	char folder[PATH_MAX];

	if ((size_t)(slash - path) >= sizeof(folder))
		return -ENAMETOOLONG;
	snprintf(folder, sizeof(folder), "%.*s", (int)(slash - path), path);
	*name = slash + 1;
	return sim_lookup(sim, folder, parent);
}

int sim_mkdir(struct sim *sim, const char *path)
{
	struct sim_node parent;
	const char *name;
	int rc = lookup_parent(sim, path, &parent, &name);

	if (rc)
		return rc;
	if (!sim->mounted)
		return -EPERM;
	if (strchr(name, '\n'))
		return -EINVAL;
	if (parent.folder == SIM_GROUP && parent.group == &sim->root && sim->schemata)
		return sim_group_make(sim, NULL, name);
	if (parent.folder == SIM_MON_GROUPS && strcmp(name, "mon_groups"))
		return sim_group_make(sim, parent.group, name);
	return -EPERM;
}

int sim_rmdir(struct sim *sim, const char *path)
{
	struct sim_node node;
	int rc = sim_lookup(sim, path, &node);

	if (rc)
		return rc;
	if (node.folder != SIM_GROUP || node.group == &sim->root)
		return -EPERM;
	sim_group_remove(sim, node.group);
	return 0;
}

int sim_rename(struct sim *sim, const char *from, const char *to)
{
	struct sim_node source, parent;
	const char *name;
	int rc = sim_lookup(sim, from, &source);

	if (!rc)
		rc = lookup_parent(sim, to, &parent, &name);
	if (rc)
		return rc;
	if (sim->kernel < SIM_LINUX_6_12 || source.folder != SIM_GROUP || source.group == &sim->root)
		return -EPERM;
	if (strchr(name, '\n'))
		return -EINVAL;
	sim_clear_status(sim);
	return sim_group_move(sim, source.group, parent.folder == SIM_MON_GROUPS ? parent.group : NULL, name);
}
