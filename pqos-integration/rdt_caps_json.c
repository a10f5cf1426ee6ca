// SPDX-License-Identifier: BSD-3-Clause
/* Capabilities as JSON, and back. rdt_caps.h documents the keys. */
#include "rdt_caps.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "rdt_caps_limits.h"
#include "rdt_number.h"

#define HEX_DIGITS 16
#define ROOT	   "rdt" /* what messages call the whole */

/* ---- To JSON. jansson passes NULL on: whatever lacks memory, the whole becomes NULL. ---- */

/* Sets a key, and makes @object NULL when that fails. */
static void set(json_t **object, const char *key, json_t *value)
{
	if (json_object_set_new(*object, key, value)) {
		json_decref(*object);
		*object = NULL;
	}
}

static json_t *mask_json(uint64_t mask)
{
	return json_sprintf("%" PRIx64, mask);
}

/* A name is any bytes, a JSON string is UTF-8. */
static json_t *text_json(const char *text)
{
	json_t *string = json_string(text);
	char *copy;

	if (string)
		return string;
	copy = strdup(text);
	for (char *c = copy; c && *c; c++) {
		if ((unsigned char)*c >= 0x80)
			*c = '?';
	}
	string = copy ? json_string(copy) : NULL;
	free(copy);
	return string;
}

static json_t *cache_json(const struct rdt_cache_caps *cache)
{
	json_t *out;

	if (!cache->present)
		return json_null();
	out = json_object();
	set(&out, "ways", json_integer(cache->ways));
	set(&out, "min_ways", json_integer(cache->min_ways));
	set(&out, "closids", json_integer(cache->closids));
	set(&out, "cdp", json_boolean(cache->cdp));
	set(&out, "cdp_capable", json_boolean(cache->cdp_capable));
	set(&out, "sparse", json_boolean(cache->sparse));
	set(&out, "shareable", mask_json(cache->shareable));
	return out;
}

static json_t *bandwidth_json(const struct rdt_mb_caps *mb)
{
	json_t *out;

	if (!mb->present)
		return json_null();
	out = json_object();
	set(&out, "unit", json_string(rdt_mb_unit_name(mb->unit)));
	set(&out, "closids", json_integer(mb->closids));
	set(&out, "min", json_integer(mb->min));
	set(&out, "gran", json_integer(mb->gran));
	set(&out, "max", json_integer((json_int_t)mb->max));
	return out;
}

static json_t *masks_json(const struct rdt_group_masks *masks, bool hex)
{
	json_t *out = json_object();
	char id[12];

	for (unsigned int i = 0; i < masks->n; i++) {
		snprintf(id, sizeof(id), "%u", masks->domain[i]);
		set(&out, id, hex ? mask_json(masks->value[i]) : json_integer((json_int_t)masks->value[i]));
	}
	return out;
}

static json_t *group_json(const struct rdt_group *group, bool named)
{
	json_t *out = json_object();

	if (named)
		set(&out, "name", text_json(group->name));
	set(&out, "mode",
	    json_string(group->pseudo_locked ? "pseudo-locked"
			: group->exclusive   ? "exclusive"
					     : "shareable"));
	set(&out, "l3", masks_json(&group->l3, true));
	set(&out, "l3_code", masks_json(&group->l3_code, true));
	set(&out, "l2", masks_json(&group->l2, true));
	set(&out, "l2_code", masks_json(&group->l2_code, true));
	set(&out, "mb", masks_json(&group->mb, false));
	set(&out, "smba", masks_json(&group->smba, false));
	return out;
}

static json_t *groups_json(const struct rdt_caps *caps)
{
	json_t *out = json_array();

	for (unsigned int i = 0; i < caps->n_groups; i++) {
		if (json_array_append_new(out, group_json(&caps->groups[i], true))) {
			json_decref(out);
			return NULL;
		}
	}
	return out;
}

json_t *rdt_caps_to_json(const struct rdt_caps *caps)
{
	json_t *out = json_object();

	set(&out, "source", text_json(caps->source ? caps->source : ""));
	set(&out, "present", json_boolean(caps->present));
	set(&out, "closids", json_integer(caps->closids));
	set(&out, "monitoring", json_boolean(caps->monitoring));
	set(&out, "rmids", json_integer(caps->rmids));
	set(&out, "l3", cache_json(&caps->l3));
	set(&out, "l2", cache_json(&caps->l2));
	set(&out, "mb", bandwidth_json(&caps->mb));
	set(&out, "smba", bandwidth_json(&caps->smba));
	set(&out, "default_group", group_json(&caps->default_group, false));
	set(&out, "groups", groups_json(caps));
	return out;
}

/* ---- From JSON ---- */

/* An object that is being read, and where it is: "rdt.groups[2].mb". */
struct node {
	const json_t *value;
	char path[64];
	struct isolat_error *err;
};

/* @key may be NULL: the object itself. */
__attribute__((format(printf, 3, 4))) static int bad_key(const struct node *node, const char *key, const char *format,
							 ...)
{
	char object[sizeof(node->err->object)], reason[sizeof(node->err->reason)];
	va_list ap;

	snprintf(object, sizeof(object), "%s%s%s", node->path, key ? "." : "", key ? key : "");
	va_start(ap, format);
	vsnprintf(reason, sizeof(reason), format, ap);
	va_end(ap);
	return isolat_fail(node->err, ISOLAT_USAGE, "read RDT capabilities", object, "%s", reason);
}

/* The value of @key, or NULL with the error filled. */
static const json_t *get(const struct node *node, const char *key)
{
	const json_t *value = json_object_get(node->value, key);

	if (!value)
		bad_key(node, key, "missing");
	return value;
}

static int get_integer(const struct node *node, const char *key, uint64_t min, uint64_t max, uint64_t *value)
{
	const json_t *number = get(node, key);
	json_int_t n = json_integer_value(number);

	if (!number)
		return -1;
	if (!json_is_integer(number) || (uint64_t)n < min || (uint64_t)n > max)
		return bad_key(node, key, "not an integer from %" PRIu64 " to %" PRIu64, min, max);
	*value = (uint64_t)n;
	return 0;
}

static int get_unsigned(const struct node *node, const char *key, unsigned int min, unsigned int max,
			unsigned int *value)
{
	uint64_t number;

	if (get_integer(node, key, min, max, &number))
		return -1;
	*value = (unsigned int)number;
	return 0;
}

static int get_boolean(const struct node *node, const char *key, bool *value)
{
	const json_t *boolean = get(node, key);

	if (!boolean)
		return -1;
	if (!json_is_boolean(boolean))
		return bad_key(node, key, "neither true nor false");
	*value = json_is_true(boolean);
	return 0;
}

/* A string of @min to @max bytes, none of them 0; it belongs to the JSON value. */
static const char *get_string(const struct node *node, const char *key, size_t min, size_t max)
{
	const json_t *string = get(node, key);
	size_t length = json_string_length(string);

	if (!string)
		return NULL;
	if (!json_is_string(string) || length < min || length > max || strlen(json_string_value(string)) != length) {
		if (max == SIZE_MAX)
			bad_key(node, key, "not a string");
		else
			bad_key(node, key, "not a string of %zu to %zu bytes", min, max);
		return NULL;
	}
	return json_string_value(string);
}

static int get_mask(const struct node *node, const char *key, unsigned int ways, uint64_t *mask)
{
	const json_t *string = get(node, key);
	const char *text = json_string_value(string);
	size_t length = json_string_length(string);
	uint64_t max = rdt_full_mask(ways);

	if (!string)
		return -1;
	if (!text || length > HEX_DIGITS || !rdt_number(text, length, 16, max, mask))
		return bad_key(node, key, "not a string with a hex mask up to %" PRIx64, max);
	return 0;
}

/* Steps into @key, which must be an object. */
static int enter(const struct node *node, const char *key, struct node *inner)
{
	*inner = (struct node){ .value = get(node, key), .err = node->err };
	if (!inner->value)
		return -1;
	if (!json_is_object(inner->value))
		return bad_key(node, key, "not an object");
	snprintf(inner->path, sizeof(inner->path), "%.32s.%s", node->path, key); /* "rdt.groups[1023]" at most */
	return 0;
}

/* As enter(), but null is allowed: returns 0 then, else 1 or -1. */
static int enter_if(const struct node *node, const char *key, struct node *inner)
{
	const json_t *value = get(node, key);

	if (!value)
		return -1;
	if (json_is_null(value))
		return 0;
	if (!json_is_object(value))
		return bad_key(node, key, "neither an object nor null");
	return enter(node, key, inner) ? -1 : 1;
}

static int cache_from(const struct node *node, const char *key, struct rdt_cache_caps *cache)
{
	struct node inner;
	int rc = enter_if(node, key, &inner);

	if (rc <= 0)
		return rc;
	cache->present = true;
	if (get_unsigned(&inner, "ways", 1, RDT_MAX_WAYS, &cache->ways) ||
	    get_unsigned(&inner, "min_ways", 1, cache->ways, &cache->min_ways) ||
	    get_unsigned(&inner, "closids", 1, RDT_CLOSIDS_LIMIT, &cache->closids) ||
	    get_boolean(&inner, "cdp", &cache->cdp) || get_boolean(&inner, "cdp_capable", &cache->cdp_capable) ||
	    get_boolean(&inner, "sparse", &cache->sparse) ||
	    get_mask(&inner, "shareable", cache->ways, &cache->shareable))
		return -1;
	if (cache->cdp && !cache->cdp_capable)
		return bad_key(&inner, "cdp_capable", "false, but cdp is true");
	return 0;
}

static int bandwidth_from(const struct node *node, const char *key, struct rdt_mb_caps *mb)
{
	struct node inner;
	int rc = enter_if(node, key, &inner);
	const char *unit;

	if (rc <= 0)
		return rc;
	mb->present = true;
	unit = get_string(&inner, "unit", 0, SIZE_MAX);
	if (!unit)
		return -1;
	if (!rdt_mb_unit_find(unit, &mb->unit))
		return bad_key(&inner, "unit", "neither percent, mbps nor amd");
	if (get_unsigned(&inner, "closids", 1, RDT_CLOSIDS_LIMIT, &mb->closids) ||
	    get_integer(&inner, "max", 1, UINT32_MAX, &mb->max) ||
	    get_unsigned(&inner, "min", 0, (unsigned int)mb->max, &mb->min) ||
	    get_unsigned(&inner, "gran", 1, (unsigned int)mb->max, &mb->gran))
		return -1;
	return 0;
}

/* Domains of a resource; @ways 0: of a bandwidth, up to @max. Without the resource there are none. */
static int masks_from(const struct node *node, const char *key, bool present, unsigned int ways, uint64_t max,
		      struct rdt_group_masks *masks)
{
	struct node inner;
	const char *id;
	json_t *value;
	uint64_t number;

	if (enter(node, key, &inner))
		return -1;
	if (!present && json_object_size(inner.value))
		return bad_key(node, key, "not empty, but there is no such resource");
	json_object_foreach ((json_t *)inner.value, id, value) {
		if ((id[0] == '0' && id[1]) || !rdt_number(id, strlen(id), 10, RDT_MAX_DOMAINS - 1, &number))
			return bad_key(&inner, id, "not a domain id from 0 to %d", RDT_MAX_DOMAINS - 1);
		/* Ids have one spelling each, so there is room. */
		masks->domain[masks->n] = (unsigned int)number;
		if (ways ? get_mask(&inner, id, ways, &masks->value[masks->n])
			 : get_integer(&inner, id, 0, max, &masks->value[masks->n]))
			return -1;
		masks->n++;
	}
	return 0;
}

static int mode_from(const struct node *node, struct rdt_group *group)
{
	const char *mode = get_string(node, "mode", 0, SIZE_MAX);

	if (!mode)
		return -1;
	group->pseudo_locked = !strcmp(mode, "pseudo-locked");
	group->exclusive = group->pseudo_locked || !strcmp(mode, "exclusive");
	if (!group->exclusive && strcmp(mode, "shareable"))
		return bad_key(node, "mode", "neither shareable, exclusive nor pseudo-locked");
	return 0;
}

static int group_from(const struct node *node, const struct rdt_caps *caps, bool named, struct rdt_group *group)
{
	const struct rdt_cache_caps *l3 = &caps->l3, *l2 = &caps->l2;
	const char *name;

	if (named) {
		name = get_string(node, "name", 1, sizeof(group->name) - 1);
		if (!name)
			return -1;
		snprintf(group->name, sizeof(group->name), "%s", name);
	}
	if (mode_from(node, group) || masks_from(node, "l3", l3->present, l3->ways, 0, &group->l3) ||
	    masks_from(node, "l3_code", l3->cdp, l3->ways, 0, &group->l3_code) ||
	    masks_from(node, "l2", l2->present, l2->ways, 0, &group->l2) ||
	    masks_from(node, "l2_code", l2->cdp, l2->ways, 0, &group->l2_code) ||
	    masks_from(node, "mb", caps->mb.present, 0, caps->mb.max, &group->mb) ||
	    masks_from(node, "smba", caps->smba.present, 0, caps->smba.max, &group->smba))
		return -1;
	return 0;
}

static int groups_from(const struct node *node, struct rdt_caps *caps)
{
	const json_t *groups = get(node, "groups");
	size_t n = json_array_size(groups);

	if (!groups)
		return -1;
	if (!json_is_array(groups) || n > RDT_GROUPS_LIMIT)
		return bad_key(node, "groups", "not an array of at most %d", RDT_GROUPS_LIMIT);
	if (n && !caps->closids)
		return bad_key(node, "groups", "not empty, but there is nothing to allocate");
	caps->groups = calloc(n + 1, sizeof(*caps->groups));
	if (!caps->groups)
		return isolat_fail(node->err, ISOLAT_FAILED, "read RDT capabilities", node->path, "out of memory");
	for (; caps->n_groups < n; caps->n_groups++) {
		struct node inner = { .value = json_array_get(groups, caps->n_groups), .err = node->err };

		snprintf(inner.path, sizeof(inner.path), ROOT ".groups[%u]", caps->n_groups);
		if (!json_is_object(inner.value))
			return bad_key(&inner, NULL, "not an object");
		if (group_from(&inner, caps, true, &caps->groups[caps->n_groups]))
			return -1;
	}
	return 0;
}

/* What follows from other keys must do so. */
static int check_derived(const struct node *node, struct rdt_caps *caps)
{
	bool present = caps->present;
	unsigned int closids = caps->closids;

	rdt_caps_derive(caps);
	if (caps->closids != closids)
		return bad_key(node, "closids", "%u, but the least of the resources is %u", closids, caps->closids);
	if (caps->present != present)
		return bad_key(node, "present", "%s, but there is %s", present ? "true" : "false",
			       present ? "nothing" : "something");
	return 0;
}

static int all_from(const struct node *root, struct rdt_caps *caps)
{
	const char *source = get_string(root, "source", 0, SIZE_MAX);
	struct node inner;

	if (!source)
		return -1;
	caps->source = strdup(source);
	if (!caps->source)
		return isolat_fail(root->err, ISOLAT_FAILED, "read RDT capabilities", root->path, "out of memory");
	if (get_boolean(root, "present", &caps->present) ||
	    get_unsigned(root, "closids", 0, RDT_CLOSIDS_LIMIT, &caps->closids) ||
	    get_boolean(root, "monitoring", &caps->monitoring) ||
	    get_unsigned(root, "rmids", caps->monitoring, caps->monitoring ? UINT32_MAX : 0, &caps->rmids) ||
	    cache_from(root, "l3", &caps->l3) || cache_from(root, "l2", &caps->l2) ||
	    bandwidth_from(root, "mb", &caps->mb) || bandwidth_from(root, "smba", &caps->smba) ||
	    check_derived(root, caps))
		return -1;
	if (enter(root, "default_group", &inner) || group_from(&inner, caps, false, &caps->default_group))
		return -1;
	return groups_from(root, caps);
}

int rdt_caps_from_json(const json_t *value, struct rdt_caps *caps, struct isolat_error *err)
{
	struct node root = { .value = value, .path = ROOT, .err = err };

	*caps = (struct rdt_caps){ 0 };
	if (!json_is_object(value))
		return bad_key(&root, NULL, "not an object");
	if (!all_from(&root, caps))
		return 0;
	rdt_caps_free(caps);
	return -1;
}
