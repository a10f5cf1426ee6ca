// SPDX-License-Identifier: BSD-3-Clause
/* hwloc's tree, made flat. */
#include "topology_impl.h"

#include <stdlib.h>
#include <string.h>

/* Objects of one kind in the order in which their cores come; their place here is their number. */
struct level {
	hwloc_obj_t *objs;
	unsigned int n;
};

struct reader {
	hwloc_topology_t hw;
	const char *sysfs;
	struct topology *t;
	struct level cores, l2, l3, dies, packages, nodes;
	bool has_l3;
};

void *topology_alloc(size_t count, size_t size)
{
	return calloc(count ? count : 1, size);
}

int topology_no_memory(struct isolat_error *err)
{
	return isolat_fail(err, ISOLAT_FAILED, "read topology", NULL, "out of memory");
}

static unsigned int number_of(struct level *level, hwloc_obj_t obj)
{
	if (!obj)
		return TOPOLOGY_NONE;
	/* From the end: neighbours share what they are in. */
	for (unsigned int i = level->n; i > 0; i--) {
		if (level->objs[i - 1] == obj)
			return i - 1;
	}
	level->objs[level->n] = obj;
	return level->n++;
}

static hwloc_obj_t ancestor(const struct reader *r, hwloc_obj_type_t type, hwloc_obj_t obj)
{
	return hwloc_get_ancestor_obj_by_type(r->hw, type, obj);
}

static hwloc_obj_t package_of(const struct reader *r, hwloc_obj_t pu)
{
	hwloc_obj_t package = ancestor(r, HWLOC_OBJ_PACKAGE, pu);

	return package ? package : hwloc_get_root_obj(r->hw);
}

static hwloc_obj_t die_of(const struct reader *r, hwloc_obj_t pu)
{
	hwloc_obj_t die = ancestor(r, HWLOC_OBJ_DIE, pu);

	return die ? die : package_of(r, pu);
}

/* The L3; on a machine without any, what is in its place. */
static hwloc_obj_t l3_of(const struct reader *r, hwloc_obj_t pu)
{
	hwloc_obj_t outermost = NULL;

	if (r->has_l3)
		return ancestor(r, HWLOC_OBJ_L3CACHE, pu);
	for (hwloc_obj_t obj = pu->parent; obj; obj = obj->parent) {
		if (hwloc_obj_type_is_dcache(obj->type))
			outermost = obj;
	}
	return outermost ? outermost : package_of(r, pu);
}

static void fill_core(struct reader *r, struct topology_core *core, hwloc_obj_t pu)
{
	hwloc_obj_t l3 = l3_of(r, pu);
	unsigned int level = 0;

	core->l2 = number_of(&r->l2, ancestor(r, HWLOC_OBJ_L2CACHE, pu));
	core->l3 = number_of(&r->l3, l3);
	core->die = number_of(&r->dies, die_of(r, pu));
	core->package = number_of(&r->packages, package_of(r, pu));
	if (l3 && hwloc_obj_type_is_dcache(l3->type))
		level = l3->attr->cache.depth;
	if (level > r->t->l3_level)
		r->t->l3_level = level;
}

static int add_pu(struct reader *r, hwloc_obj_t pu, const char *source, struct isolat_error *err)
{
	hwloc_obj_t obj = ancestor(r, HWLOC_OBJ_CORE, pu);
	struct topology_core *core = &r->t->cores[number_of(&r->cores, obj ? obj : pu)];
	unsigned int at;

	if (core->n_cpus == TOPOLOGY_MAX_SMT)
		return isolat_fail(err, ISOLAT_USAGE, "read topology", source, "a core has more than %d CPUs",
				   TOPOLOGY_MAX_SMT);
	r->t->n_cores = r->cores.n;
	for (at = core->n_cpus++; at && core->cpus[at - 1] > pu->os_index; at--)
		core->cpus[at] = core->cpus[at - 1];
	core->cpus[at] = pu->os_index;
	return 0;
}

static int by_first_cpu(const void *a, const void *b)
{
	const struct topology_core *one = a, *other = b;

	return one->cpus[0] < other->cpus[0] ? -1 : one->cpus[0] > other->cpus[0];
}

/* All that is in @level: a number for each PU is enough. */
static int make_levels(struct reader *r, unsigned int n_pus)
{
	struct level *levels[] = { &r->cores, &r->l2, &r->l3, &r->dies, &r->packages };

	for (size_t i = 0; i < sizeof(levels) / sizeof(*levels); i++) {
		levels[i]->objs = topology_alloc(n_pus, sizeof(*levels[i]->objs));
		if (!levels[i]->objs)
			return -1;
	}
	r->t->cores = topology_alloc(n_pus, sizeof(*r->t->cores));
	return r->t->cores ? 0 : -1;
}

static void drop_levels(struct reader *r)
{
	free(r->cores.objs);
	free(r->l2.objs);
	free(r->l3.objs);
	free(r->dies.objs);
	free(r->packages.objs);
	free(r->nodes.objs);
}

static int read_cores(struct reader *r, const char *source, struct isolat_error *err)
{
	int n = hwloc_get_nbobjs_by_type(r->hw, HWLOC_OBJ_PU);
	hwloc_obj_t pu = NULL;

	if (make_levels(r, n > 0 ? (unsigned int)n : 0))
		return topology_no_memory(err);
	while ((pu = hwloc_get_next_obj_by_type(r->hw, HWLOC_OBJ_PU, pu))) {
		r->has_l3 |= ancestor(r, HWLOC_OBJ_L3CACHE, pu) != NULL;
		if (add_pu(r, pu, source, err))
			return -1;
	}
	qsort(r->t->cores, r->t->n_cores, sizeof(*r->t->cores), by_first_cpu);
	for (unsigned int i = 0; i < r->t->n_cores; i++)
		fill_core(r, &r->t->cores[i], hwloc_get_pu_obj_by_os_index(r->hw, r->t->cores[i].cpus[0]));
	r->t->n_dies = r->dies.n;
	r->t->n_packages = r->packages.n;
	return 0;
}

static unsigned int cache_id(const struct reader *r, hwloc_obj_t obj)
{
	if (obj->os_index != HWLOC_UNKNOWN_INDEX || !r->sysfs || !hwloc_obj_type_is_dcache(obj->type))
		return obj->os_index;
	return topology_sysfs_cache_id(r->sysfs, (unsigned int)hwloc_bitmap_first(obj->cpuset), obj->attr->cache.depth);
}

/* A cache and where the cores know it by. */
struct numbered {
	struct topology_cache cache;
	unsigned int was;
};

static int by_id(const void *a, const void *b)
{
	const struct numbered *one = a, *other = b;

	return one->cache.id < other->cache.id ? -1 : one->cache.id > other->cache.id;
}

/* Ascending by id. Ids that are not all known, or not one for each, are no ids: then they are counted from 0. */
static void sort_caches(struct numbered *all, unsigned int n)
{
	bool usable = true;

	qsort(all, n, sizeof(*all), by_id);
	for (unsigned int i = 0; i < n; i++)
		usable &= all[i].cache.id != HWLOC_UNKNOWN_INDEX && (!i || all[i].cache.id != all[i - 1].cache.id);
	if (usable)
		return;
	for (unsigned int i = 0; i < n; i++)
		all[i].cache.id = all[i].was;
	qsort(all, n, sizeof(*all), by_id);
}

/* Makes *@caches, and *@now, the place of each object of @level in it. */
static int read_caches(const struct reader *r, const struct level *level, struct topology_cache **caches,
		       unsigned int **now)
{
	struct numbered *all = topology_alloc(level->n, sizeof(*all));

	*caches = topology_alloc(level->n, sizeof(**caches));
	*now = topology_alloc(level->n, sizeof(**now));
	for (unsigned int i = 0; all && i < level->n; i++) {
		hwloc_obj_t obj = level->objs[i];

		all[i] = (struct numbered){ .cache.id = cache_id(r, obj), .was = i };
		if (hwloc_obj_type_is_dcache(obj->type))
			all[i].cache.bytes = obj->attr->cache.size;
	}
	if (all)
		sort_caches(all, level->n);
	for (unsigned int i = 0; all && *caches && *now && i < level->n; i++) {
		(*caches)[i] = all[i].cache;
		(*now)[all[i].was] = i;
	}
	free(all);
	return all && *caches && *now ? 0 : -1;
}

static int read_all_caches(struct reader *r)
{
	struct topology *t = r->t;
	unsigned int *l2_now = NULL, *l3_now = NULL;
	int rc = read_caches(r, &r->l2, &t->l2, &l2_now) || read_caches(r, &r->l3, &t->l3, &l3_now) ? -1 : 0;

	for (unsigned int i = 0; !rc && i < t->n_cores; i++) {
		struct topology_core *core = &t->cores[i];

		core->l2 = core->l2 == TOPOLOGY_NONE ? TOPOLOGY_NONE : l2_now[core->l2];
		core->l3 = core->l3 == TOPOLOGY_NONE ? TOPOLOGY_NONE : l3_now[core->l3];
	}
	t->n_l2 = r->l2.n;
	t->n_l3 = r->l3.n;
	free(l2_now);
	free(l3_now);
	return rc;
}

/*
 * The node of a CPU, of all that hwloc calls local to it: the smallest. Of two with the same CPUs one is memory on the
 * side (HBM, CXL), and the kernel, which counts nodes with CPUs first, gave it the higher number.
 */
static unsigned int node_of(const struct reader *r, unsigned int cpu)
{
	unsigned int best = TOPOLOGY_NONE;
	int best_weight = 0;

	for (unsigned int i = 0; i < r->nodes.n; i++) {
		hwloc_const_cpuset_t set = r->nodes.objs[i]->cpuset;
		int weight;

		if (!set || !hwloc_bitmap_isset(set, cpu))
			continue;
		weight = hwloc_bitmap_weight(set);
		if (best == TOPOLOGY_NONE || weight < best_weight) {
			best = i;
			best_weight = weight;
		}
	}
	return best;
}

/* The package that holds all CPUs near a node. */
static unsigned int package_of_node(const struct reader *r, hwloc_obj_t node)
{
	unsigned int package = TOPOLOGY_NONE;

	for (unsigned int i = 0; i < r->t->n_cores; i++) {
		const struct topology_core *core = &r->t->cores[i];

		if (!node->cpuset || !hwloc_bitmap_isset(node->cpuset, core->cpus[0]) || core->package == package)
			continue;
		if (package != TOPOLOGY_NONE)
			return TOPOLOGY_NONE;
		package = core->package;
	}
	return package;
}

static int by_os_index(const void *a, const void *b)
{
	const hwloc_obj_t *one = a, *other = b;

	return (*one)->os_index < (*other)->os_index ? -1 : (*one)->os_index > (*other)->os_index;
}

static int read_nodes(struct reader *r)
{
	int n = hwloc_get_nbobjs_by_type(r->hw, HWLOC_OBJ_NUMANODE);
	struct topology *t = r->t;
	hwloc_obj_t node = NULL;

	r->nodes.objs = topology_alloc(n > 0 ? (size_t)n : 0, sizeof(*r->nodes.objs));
	t->nodes = topology_alloc(n > 0 ? (size_t)n : 0, sizeof(*t->nodes));
	if (!r->nodes.objs || !t->nodes)
		return -1;
	while ((node = hwloc_get_next_obj_by_type(r->hw, HWLOC_OBJ_NUMANODE, node)))
		r->nodes.objs[r->nodes.n++] = node;
	qsort(r->nodes.objs, r->nodes.n, sizeof(*r->nodes.objs), by_os_index);
	t->n_nodes = r->nodes.n;
	for (unsigned int i = 0; i < t->n_nodes; i++) {
		node = r->nodes.objs[i];
		t->nodes[i] = (struct topology_node){ .os = node->os_index,
						      .bytes = node->attr->numanode.local_memory,
						      .package = package_of_node(r, node) };
	}
	for (unsigned int i = 0; i < t->n_cores; i++)
		t->cores[i].node = node_of(r, t->cores[i].cpus[0]);
	return 0;
}

/* The CPUs that there are, less those that are online. */
static int read_cpus(struct reader *r, const char *source, struct isolat_error *err)
{
	hwloc_bitmap_t offline = hwloc_bitmap_alloc();
	int last = hwloc_bitmap_last(hwloc_topology_get_complete_cpuset(r->hw)), rc = -1;
	unsigned int *numbers, n = 0, cpu;

	if (last < 0 || last >= TOPOLOGY_MAX_CPUS) {
		hwloc_bitmap_free(offline);
		return isolat_fail(err, ISOLAT_USAGE, "read topology", source, "a CPU's number is not below %d",
				   TOPOLOGY_MAX_CPUS);
	}
	numbers = topology_alloc((size_t)last + 1, sizeof(*numbers));
	if (!numbers || !offline) {
		topology_no_memory(err);
	} else {
		hwloc_bitmap_andnot(offline, hwloc_topology_get_complete_cpuset(r->hw),
				    hwloc_topology_get_topology_cpuset(r->hw));
		hwloc_bitmap_foreach_begin(cpu, offline) numbers[n++] = cpu;
		hwloc_bitmap_foreach_end();
		rc = topology_add_cpus(r->t, numbers, n, err);
	}
	free(numbers);
	hwloc_bitmap_free(offline);
	return rc;
}

static int flatten(struct reader *r, const char *source, struct isolat_error *err)
{
	if (read_cores(r, source, err))
		return -1;
	if (!r->t->n_cores)
		return isolat_fail(err, ISOLAT_USAGE, "read topology", source, "it has no CPU");
	if (read_all_caches(r) || read_nodes(r) || topology_add_devices(r->hw, r->nodes.objs, r->t))
		return topology_no_memory(err);
	return read_cpus(r, source, err);
}

int topology_read_here(const char *source, const struct topology_xml *xml, struct topology *t, struct isolat_error *err)
{
	struct reader r = { .t = t };
	int rc;

	*t = (struct topology){ .live = !source };
	if (topology_load(source, xml, &r.hw, &r.sysfs, err))
		return -1;
	t->source = strdup(source ? source : "this machine");
	rc = t->source ? flatten(&r, source ? source : "this machine", err) : topology_no_memory(err);
	drop_levels(&r);
	hwloc_topology_destroy(r.hw);
	if (rc)
		topology_free(t);
	return rc;
}

int topology_read(const char *source, struct topology *t, struct isolat_error *err)
{
	return source ? topology_read_apart(source, NULL, t, err) : topology_read_here(NULL, NULL, t, err);
}

int topology_read_xml(const char *name, const char *xml, size_t size, struct topology *t, struct isolat_error *err)
{
	return topology_read_apart(name, &(const struct topology_xml){ xml, size }, t, err);
}

void topology_free(struct topology *t)
{
	free(t->source);
	free(t->cpus);
	free(t->cores);
	free(t->l2);
	free(t->l3);
	free(t->nodes);
	free(t->devices);
	*t = (struct topology){ 0 };
}
