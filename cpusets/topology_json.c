// SPDX-License-Identifier: BSD-3-Clause
/*
 * A topology as JSON: what cannot be worked out of the rest, so that little can contradict itself. Read with plain gets
 * rather than json_unpack(): that is several times slower, and cannot say which of many cores is wrong.
 */
#include "topology_impl.h"

#include <stdlib.h>
#include <string.h>

#define WHAT	    "read topology"
#define MAX_DEVICES 65536

static json_t *index_json(unsigned int index)
{
	return index == TOPOLOGY_NONE ? json_null() : json_integer(index);
}

/* A path need not be UTF-8, and JSON must. */
static json_t *source_json(const char *source)
{
	json_t *string = json_string(source);
	char *copy;

	if (string)
		return string;
	copy = strdup(source);
	if (!copy)
		return NULL;
	for (unsigned char *c = (unsigned char *)copy; *c; c++) {
		if (*c >= 0x80)
			*c = '?';
	}
	string = json_string(copy);
	free(copy);
	return string;
}

static json_t *caches_json(const struct topology_cache *caches, unsigned int n)
{
	json_t *array = json_array();

	for (unsigned int i = 0; i < n; i++)
		json_array_append_new(array, json_pack("{s:I, s:I}", "id", (json_int_t)caches[i].id, "bytes",
						       (json_int_t)caches[i].bytes));
	return array;
}

static json_t *nodes_json(const struct topology *t)
{
	json_t *array = json_array();

	for (unsigned int i = 0; i < t->n_nodes; i++)
		json_array_append_new(array, json_pack("{s:I, s:I, s:o}", "id", (json_int_t)t->nodes[i].os, "bytes",
						       (json_int_t)t->nodes[i].bytes, "package",
						       index_json(t->nodes[i].package)));
	return array;
}

static json_t *cores_json(const struct topology *t)
{
	json_t *array = json_array();

	for (unsigned int i = 0; i < t->n_cores; i++) {
		const struct topology_core *core = &t->cores[i];
		json_t *cpus = json_array();

		for (unsigned int j = 0; j < core->n_cpus; j++)
			json_array_append_new(cpus, json_integer(t->cpus[core->cpus[j]].os));
		json_array_append_new(array, json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "cpus", cpus, "l2",
						       index_json(core->l2), "l3", index_json(core->l3), "node",
						       index_json(core->node), "die", index_json(core->die), "package",
						       index_json(core->package)));
	}
	return array;
}

static json_t *offline_json(const struct topology *t)
{
	json_t *array = json_array();

	for (unsigned int i = 0; i < t->n_cpus; i++) {
		if (!t->cpus[i].online)
			json_array_append_new(array, json_integer(t->cpus[i].os));
	}
	return array;
}

static json_t *devices_json(const struct topology *t)
{
	json_t *array = json_array();

	for (unsigned int i = 0; i < t->n_devices; i++)
		json_array_append_new(array, json_pack("{s:s, s:s, s:o}", "name", t->devices[i].name, "bus",
						       t->devices[i].bus, "node", index_json(t->devices[i].node)));
	return array;
}

json_t *topology_to_json(const struct topology *t)
{
	return json_pack("{s:o, s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:o}", "source", source_json(t->source),
			 "packages", (json_int_t)t->n_packages, "dies", (json_int_t)t->n_dies, "l3_level",
			 (json_int_t)t->l3_level, "nodes", nodes_json(t), "l3", caches_json(t->l3, t->n_l3), "l2",
			 caches_json(t->l2, t->n_l2), "cores", cores_json(t), "offline", offline_json(t), "devices",
			 devices_json(t));
}

/* Where a value stands, for messages: "packages", or "cores[3].l2". */
struct place {
	const char *array; /* NULL: of the topology itself */
	size_t at;
};

__attribute__((format(printf, 4, 5))) static int bad(struct isolat_error *err, struct place place, const char *key,
						     const char *format, ...)
{
	char reason[256], where[128];
	va_list ap;

	va_start(ap, format);
	vsnprintf(reason, sizeof(reason), format, ap);
	va_end(ap);
	if (place.array)
		snprintf(where, sizeof(where), "%s[%zu]%s%s", place.array, place.at, key[0] ? "." : "", key);
	else
		snprintf(where, sizeof(where), "%s", key);
	return isolat_fail(err, ISOLAT_USAGE, WHAT, NULL, "%s%s%s", where, where[0] ? ": " : "", reason);
}

static const char *const type_names[] = { [JSON_OBJECT] = "an object",
					  [JSON_ARRAY] = "an array",
					  [JSON_STRING] = "a string",
					  [JSON_INTEGER] = "a whole number" };

/* The member @key of @object, which must be there and of this type. */
static const json_t *member(const json_t *object, json_type type, struct place place, const char *key,
			    struct isolat_error *err)
{
	const json_t *value = json_object_get(object, key);

	if (!json_is_object(object))
		bad(err, place, "", "not an object");
	else if (!value)
		bad(err, place, key, "missing");
	else if (json_typeof(value) != type)
		bad(err, place, key, "not %s", type_names[type]);
	else
		return value;
	return NULL;
}

/* A whole number from 0 to @max. */
static int check_number(const json_t *value, json_int_t max, struct place place, const char *key,
			struct isolat_error *err)
{
	json_int_t number = json_integer_value(value);

	if (!json_is_integer(value))
		return bad(err, place, key, "not a whole number");
	if (number < 0 || number > max)
		return bad(err, place, key, "%" JSON_INTEGER_FORMAT " is not from 0 to %" JSON_INTEGER_FORMAT, number,
			   max);
	return 0;
}

static int get_number(const json_t *object, json_int_t max, struct place place, const char *key, json_int_t *number,
		      struct isolat_error *err)
{
	const json_t *value = member(object, JSON_INTEGER, place, key, err);

	if (!value || check_number(value, max, place, key, err))
		return -1;
	*number = json_integer_value(value);
	return 0;
}

static int get_id(const json_t *object, struct place place, const char *key, unsigned int *id, struct isolat_error *err)
{
	json_int_t number;

	if (get_number(object, TOPOLOGY_NONE - 1, place, key, &number, err))
		return -1;
	*id = (unsigned int)number;
	return 0;
}

/* An index into an array of @n; null only where there may be none. */
static int get_index(const json_t *object, unsigned int n, bool optional, struct place place, const char *key,
		     unsigned int *index, struct isolat_error *err)
{
	const json_t *value = json_object_get(object, key);
	json_int_t number;

	*index = TOPOLOGY_NONE;
	if (optional && json_is_null(value))
		return 0;
	if (value && !n)
		return bad(err, place, key, "there is nothing that it could be");
	if (get_number(object, (json_int_t)n - 1, place, key, &number, err))
		return -1;
	*index = (unsigned int)number;
	return 0;
}

/* The array @key with at most @max elements; returns zeroes of @size bytes for each of its *@n elements, or NULL. */
static void *get_array(const json_t *topology, const char *key, size_t max, size_t size, const json_t **array,
		       unsigned int *n, struct isolat_error *err)
{
	const struct place top = { 0 };
	void *elements;

	*array = member(topology, JSON_ARRAY, top, key, err);
	if (!*array)
		return NULL;
	if (json_array_size(*array) > max) {
		bad(err, top, key, "it has %zu elements, and there can be %zu", json_array_size(*array), max);
		return NULL;
	}
	elements = topology_alloc(json_array_size(*array), size);
	if (elements)
		*n = (unsigned int)json_array_size(*array);
	else
		topology_no_memory(err);
	return elements;
}

static int read_caches(const json_t *topology, const char *key, struct topology_cache **caches, unsigned int *n,
		       struct isolat_error *err)
{
	const json_t *array;

	*caches = get_array(topology, key, TOPOLOGY_MAX_CPUS, sizeof(**caches), &array, n, err);
	for (unsigned int i = 0; i < *n; i++) {
		const json_t *object = json_array_get(array, i);
		struct place place = { key, i };
		struct topology_cache *cache = &(*caches)[i];
		json_int_t bytes;

		if (get_id(object, place, "id", &cache->id, err) ||
		    get_number(object, INT64_MAX, place, "bytes", &bytes, err))
			return -1;
		cache->bytes = (uint64_t)bytes;
		if (i && cache->id <= cache[-1].id)
			return bad(err, place, "id", "not above the one before");
	}
	return *caches ? 0 : -1;
}

static int read_nodes(const json_t *topology, struct topology *t, struct isolat_error *err)
{
	const json_t *array;

	t->nodes = get_array(topology, "nodes", TOPOLOGY_MAX_CPUS, sizeof(*t->nodes), &array, &t->n_nodes, err);
	for (unsigned int i = 0; i < t->n_nodes; i++) {
		const json_t *object = json_array_get(array, i);
		struct place place = { "nodes", i };
		struct topology_node *node = &t->nodes[i];
		json_int_t bytes;

		if (get_id(object, place, "id", &node->os, err) ||
		    get_number(object, INT64_MAX, place, "bytes", &bytes, err) ||
		    get_index(object, t->n_packages, true, place, "package", &node->package, err))
			return -1;
		node->bytes = (uint64_t)bytes;
		if (i && node->os <= node[-1].os)
			return bad(err, place, "id", "not above the one before");
	}
	return t->nodes ? 0 : -1;
}

/* Numbers of CPUs, ascending. */
static int read_cpus(const json_t *array, struct place place, const char *key, unsigned int *cpus,
		     struct isolat_error *err)
{
	size_t n = json_array_size(array);

	for (size_t i = 0; i < n; i++) {
		const json_t *value = json_array_get(array, i);

		if (check_number(value, TOPOLOGY_MAX_CPUS - 1, place, key, err))
			return -1;
		cpus[i] = (unsigned int)json_integer_value(value);
		if (i && cpus[i] <= cpus[i - 1])
			return bad(err, place, key, "not in ascending order");
	}
	return 0;
}

static int read_core(const json_t *object, struct place place, const struct topology *t, struct topology_core *core,
		     struct isolat_error *err)
{
	const json_t *cpus = member(object, JSON_ARRAY, place, "cpus", err);

	if (!cpus)
		return -1;
	if (!json_array_size(cpus) || json_array_size(cpus) > TOPOLOGY_MAX_SMT)
		return bad(err, place, "cpus", "a core has 1 to %d", TOPOLOGY_MAX_SMT);
	core->n_cpus = (unsigned int)json_array_size(cpus);
	if (read_cpus(cpus, place, "cpus", core->cpus, err) ||
	    get_index(object, t->n_l2, true, place, "l2", &core->l2, err) ||
	    get_index(object, t->n_l3, true, place, "l3", &core->l3, err) ||
	    get_index(object, t->n_nodes, true, place, "node", &core->node, err) ||
	    get_index(object, t->n_dies, false, place, "die", &core->die, err))
		return -1;
	return get_index(object, t->n_packages, false, place, "package", &core->package, err);
}

static int read_cores(const json_t *topology, struct topology *t, struct isolat_error *err)
{
	const json_t *array;

	t->cores = get_array(topology, "cores", TOPOLOGY_MAX_CPUS, sizeof(*t->cores), &array, &t->n_cores, err);
	if (!t->cores)
		return -1;
	for (unsigned int i = 0; i < t->n_cores; i++) {
		struct place place = { "cores", i };
		struct topology_core *core = &t->cores[i];

		if (read_core(json_array_get(array, i), place, t, core, err))
			return -1;
		if (i && core->cpus[0] <= core[-1].cpus[0])
			return bad(err, place, "cpus", "not above those of the core before");
	}
	return t->n_cores ? 0 : bad(err, (struct place){ 0 }, "cores", "it is empty");
}

static int get_name(const json_t *object, struct place place, const char *key, char *name, size_t size,
		    struct isolat_error *err)
{
	const json_t *value = member(object, JSON_STRING, place, key, err);

	if (!value)
		return -1;
	if (json_string_length(value) >= size)
		return bad(err, place, key, "longer than %zu bytes", size - 1);
	memcpy(name, json_string_value(value), json_string_length(value) + 1);
	return 0;
}

static int read_devices(const json_t *topology, struct topology *t, struct isolat_error *err)
{
	const json_t *array;

	t->devices = get_array(topology, "devices", MAX_DEVICES, sizeof(*t->devices), &array, &t->n_devices, err);
	for (unsigned int i = 0; i < t->n_devices; i++) {
		const json_t *object = json_array_get(array, i);
		struct place place = { "devices", i };
		struct topology_device *device = &t->devices[i];

		if (get_name(object, place, "name", device->name, sizeof(device->name), err) ||
		    get_name(object, place, "bus", device->bus, sizeof(device->bus), err) ||
		    get_index(object, t->n_nodes, true, place, "node", &device->node, err))
			return -1;
	}
	return t->devices ? 0 : -1;
}

/* What all else refers to. */
static int read_head(const json_t *topology, struct topology *t, struct isolat_error *err)
{
	const struct place top = { 0 };
	const json_t *source = member(topology, JSON_STRING, top, "source", err);
	json_int_t packages, dies, level;

	if (!source || get_number(topology, TOPOLOGY_MAX_CPUS, top, "packages", &packages, err) ||
	    get_number(topology, TOPOLOGY_MAX_CPUS, top, "dies", &dies, err) ||
	    get_number(topology, 5, top, "l3_level", &level, err))
		return -1;
	t->source = strdup(json_string_value(source));
	t->n_packages = (unsigned int)packages;
	t->n_dies = (unsigned int)dies;
	t->l3_level = (unsigned int)level;
	return t->source ? 0 : topology_no_memory(err);
}

static int read_offline(const json_t *topology, struct topology *t, struct isolat_error *err)
{
	unsigned int *offline, n = 0;
	const json_t *array;
	int rc = -1;

	offline = get_array(topology, "offline", TOPOLOGY_MAX_CPUS, sizeof(*offline), &array, &n, err);
	if (offline && !read_cpus(array, (struct place){ 0 }, "offline", offline, err))
		rc = topology_add_cpus(t, offline, n, err);
	free(offline);
	return rc;
}

int topology_from_json(const json_t *value, struct topology *t, struct isolat_error *err)
{
	*t = (struct topology){ 0 };
	if (!read_head(value, t, err) && !read_nodes(value, t, err) &&
	    !read_caches(value, "l3", &t->l3, &t->n_l3, err) && !read_caches(value, "l2", &t->l2, &t->n_l2, err) &&
	    !read_cores(value, t, err) && !read_devices(value, t, err) && !read_offline(value, t, err))
		return 0;
	topology_free(t);
	return -1;
}
