// SPDX-License-Identifier: BSD-3-Clause
/*
 * libcyaml judges the structure. Seen of 1.3.1: an empty text is a success without data, a text ends at an escaped NUL,
 * tags and unused anchors are ignored, and so is all behind the first document, YAML or not; its messages have lines
 * that are one early, and no path to an unknown key. So profile_yaml.c has been over the text before, and when libcyaml
 * refuses something, the tree is compared with the same tables to say what and where.
 */
#include "profile_schema.h"

#include <cyaml/cyaml.h>
#include <string.h>

#include "profile.h"
#include "profile_values.h"

#define TEXT(record, key, flags) \
	CYAML_FIELD_STRING_PTR(#key, CYAML_FLAG_POINTER | (flags), struct record, key, 0, CYAML_UNLIMITED)
#define NEEDED(record, key) TEXT(record, key, 0)
#define MAYBE(record, key)  TEXT(record, key, CYAML_FLAG_OPTIONAL)
#define MAYBE_MAP(record, key, fields) \
	CYAML_FIELD_MAPPING_PTR(#key, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct record, key, fields)

static const cyaml_schema_field_t cache_fields[] = {
	MAYBE(profile_raw_cache, l3),
	MAYBE(profile_raw_cache, l3_code),
	MAYBE(profile_raw_cache, l3_data),
	MAYBE(profile_raw_cache, l2),
	MAYBE(profile_raw_cache, exclusive),
	MAYBE(profile_raw_cache, io_ways),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t class_fields[] = {
	NEEDED(profile_raw_class, name),
	MAYBE(profile_raw_class, cores),
	MAYBE(profile_raw_class, whole_cores),
	MAYBE_MAP(profile_raw_class, cache, cache_fields),
	MAYBE(profile_raw_class, bandwidth),
	MAYBE(profile_raw_class, memory),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t match_fields[] = {
	MAYBE(profile_raw_match, name),
	MAYBE(profile_raw_match, domain),
	MAYBE(profile_raw_match, cgroup),
	MAYBE(profile_raw_match, pid),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t vm_fields[] = {
	NEEDED(profile_raw_vm, name),
	MAYBE_MAP(profile_raw_vm, match, match_fields),
	NEEDED(profile_raw_vm, class),
	NEEDED(profile_raw_vm, vcpus),
	NEEDED(profile_raw_vm, memory),
	MAYBE(profile_raw_vm, node),
	MAYBE(profile_raw_vm, span_nodes),
	MAYBE(profile_raw_vm, exitless_timer),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t housekeeping_fields[] = {
	MAYBE(profile_raw_housekeeping, cores),
	MAYBE(profile_raw_housekeeping, cpus),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t agent_cache_fields[] = {
	MAYBE(profile_raw_agent_cache, l3),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t agent_fields[] = {
	MAYBE(profile_raw_agent, cpus),
	MAYBE_MAP(profile_raw_agent, cache, agent_cache_fields),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t closids_fields[] = {
	MAYBE(profile_raw_closids, free),
	CYAML_FIELD_END,
};

static const cyaml_schema_value_t class_entry = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct profile_raw_class, class_fields),
};

static const cyaml_schema_value_t vm_entry = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct profile_raw_vm, vm_fields),
};

static const cyaml_schema_field_t root_fields[] = {
	NEEDED(profile_raw, version),
	CYAML_FIELD_SEQUENCE("classes", CYAML_FLAG_POINTER, struct profile_raw, classes, &class_entry, 1,
			     PROFILE_MAX_CLASSES),
	CYAML_FIELD_SEQUENCE("vms", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct profile_raw, vms, &vm_entry, 0,
			     PROFILE_MAX_VMS),
	MAYBE_MAP(profile_raw, housekeeping, housekeeping_fields),
	MAYBE_MAP(profile_raw, timer_agent, agent_fields),
	MAYBE_MAP(profile_raw, closids, closids_fields),
	CYAML_FIELD_END,
};

static const cyaml_schema_value_t root_schema = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct profile_raw, root_fields),
};

static const cyaml_config_t config = {
	.mem_fn = cyaml_mem,
	.log_level = CYAML_LOG_ERROR,
	.log_fn = NULL, /* its log would go to stderr */
	.flags = CYAML_CFG_NO_ALIAS,
};

/* ---- What is wrong ------------------------------------------------------------------------------------------------*/

#define MAX_FIELDS 16

struct explainer {
	const char *file;
	struct isolat_error *err;
};

/* Each returns whether it found something. */
static bool explain(const struct explainer *e, const struct profile_node *node, const cyaml_schema_value_t *schema);

static const char *const kind_names[] = {
	[PROFILE_SCALAR] = "a value",
	[PROFILE_LIST] = "a list",
	[PROFILE_MAP] = "a map of keys",
};

static enum profile_kind kind_of(const cyaml_schema_value_t *schema)
{
	switch (schema->type) {
	case CYAML_MAPPING:
		return PROFILE_MAP;
	case CYAML_SEQUENCE:
		return PROFILE_LIST;
	default:
		return PROFILE_SCALAR;
	}
}

static void explain_unknown(const struct explainer *e, const struct profile_node *node,
			    const cyaml_schema_field_t *fields)
{
	const char *words[MAX_FIELDS + 1] = { NULL };

	for (unsigned int i = 0; i < MAX_FIELDS && fields[i].key; i++)
		words[i] = fields[i].key;
	profile_yaml_fail(e->file, node, e->err, "unknown key");
	profile_hint_words(node->key, words, e->err->hint, sizeof(e->err->hint));
}

static bool explain_map(const struct explainer *e, const struct profile_node *map, const cyaml_schema_field_t *fields)
{
	const cyaml_schema_field_t *field;

	for (const struct profile_node *node = map->first; node; node = node->next) {
		for (field = fields; field->key && strcmp(field->key, node->key); field++)
			;
		if (!field->key) {
			explain_unknown(e, node, fields);
			return true;
		}
		if (explain(e, node, &field->value))
			return true;
	}
	for (field = fields; field->key; field++) {
		if ((field->value.flags & CYAML_FLAG_OPTIONAL) || profile_yaml_find(map, field->key))
			continue;
		profile_yaml_fail(e->file, map, e->err, "key '%s' is missing", field->key);
		return true;
	}
	return false;
}

static bool explain_list(const struct explainer *e, const struct profile_node *list, const cyaml_schema_value_t *schema)
{
	if (list->n < schema->sequence.min || list->n > schema->sequence.max) {
		profile_yaml_fail(e->file, list, e->err, "a list of %u; it takes %u to %u", list->n,
				  schema->sequence.min, schema->sequence.max);
		return true;
	}
	for (const struct profile_node *node = list->first; node; node = node->next) {
		if (explain(e, node, schema->sequence.entry))
			return true;
	}
	return false;
}

static bool explain(const struct explainer *e, const struct profile_node *node, const cyaml_schema_value_t *schema)
{
	enum profile_kind kind = kind_of(schema);
	bool empty = node->kind == PROFILE_SCALAR && !*node->value;

	if (node->kind != kind) {
		profile_yaml_fail(e->file, node, e->err, "%s where %s is wanted",
				  empty ? "nothing" : kind_names[node->kind], kind_names[kind]);
		return true;
	}
	if (kind == PROFILE_MAP)
		return explain_map(e, node, schema->mapping.fields);
	return kind == PROFILE_LIST && explain_list(e, node, schema);
}

/* libyaml has been over the text before: what it lacks now can only be memory. */
static bool is_no_memory(cyaml_err_t rc)
{
	return rc == CYAML_ERR_OOM || rc == CYAML_ERR_LIBYAML_PARSER_INIT || rc == CYAML_ERR_LIBYAML_PARSER;
}

int profile_schema_load(const char *file, const char *text, size_t n, const struct profile_node *root,
			struct profile_raw **raw, struct isolat_error *err)
{
	const struct explainer e = { .file = file, .err = err };
	cyaml_err_t rc;

	*raw = NULL;
	rc = cyaml_load_data((const uint8_t *)text, n, &config, &root_schema, (cyaml_data_t **)raw, NULL);
	if (rc == CYAML_OK)
		return 0;
	if (is_no_memory(rc))
		return isolat_fail(err, ISOLAT_FAILED, PROFILE_ERROR, file, "out of memory");
	if (explain(&e, root, &root_schema))
		return -1;
	/* Not seen: the fuzzer looks for it, by the code. */
	return isolat_fail(err, ISOLAT_FAILED, PROFILE_ERROR, file, "libcyaml: %s", cyaml_strerror(rc));
}

void profile_schema_free(struct profile_raw *raw)
{
	cyaml_free(&config, &root_schema, raw, 0);
}
