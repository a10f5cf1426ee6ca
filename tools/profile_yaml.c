// SPDX-License-Identifier: BSD-3-Clause
#include "profile_yaml.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "profile.h"

/*
 * A profile nests four deep and its largest map has eight keys. These bounds keep paths short enough for a message and
 * the search for a key's twin cheap, whatever the file is made of.
 */
#define MAX_DEPTH  6
#define MAX_KEY	   32 /* bytes */
#define MAX_KEYS   64
#define MAX_VALUES 65536
#define MAX_TAGS   8 /* directives: libyaml compares each with all before it */
#define MAX_PATH   320

struct reader {
	yaml_parser_t parser;
	const char *file;
	const char *text;
	size_t n;
	struct profile_node *root, *at; /* at: the map or list that is open */
	char *key;			/* read, and its value not yet */
	unsigned int key_line;
	unsigned int depth, values;
	bool ended; /* the document */
	struct isolat_error *err;
};

void profile_yaml_free(struct profile_node *node)
{
	struct profile_node *child, *next;

	if (!node)
		return;
	for (child = node->first; child; child = next) {
		next = child->next;
		profile_yaml_free(child);
	}
	free(node->key);
	free(node->value);
	free(node);
}

static const struct profile_node *child_of(const struct profile_node *map, const char *key, size_t length)
{
	for (const struct profile_node *child = map->first; child; child = child->next) {
		if (child->key && strlen(child->key) == length && !memcmp(child->key, key, length))
			return child;
	}
	return NULL;
}

const struct profile_node *profile_yaml_find(const struct profile_node *node, const char *path)
{
	while (node && *path) {
		size_t length = strcspn(path, ".");

		node = child_of(node, path, length);
		path += length + (path[length] == '.');
	}
	return node;
}

char *profile_yaml_path(const struct profile_node *node, char *path, size_t size)
{
	size_t used;

	if (!node || !node->parent) {
		*path = '\0';
		return path;
	}
	used = strlen(profile_yaml_path(node->parent, path, size));
	if (node->key)
		snprintf(path + used, size - used, "%s%s", used ? "." : "", node->key);
	else
		snprintf(path + used, size - used, "[%u]", node->index);
	return path;
}

/* ---- Errors -------------------------------------------------------------------------------------------------------*/

static int fail_at(const char *file, unsigned int line, const char *path, struct isolat_error *err, const char *format,
		   va_list ap)
{
	char object[sizeof(err->object)], reason[sizeof(err->reason)];

	vsnprintf(reason, sizeof(reason), format, ap);
	profile_where(file, (struct profile_place){ line }, object, sizeof(object));
	return isolat_fail(err, ISOLAT_USAGE, PROFILE_ERROR, object, "%s%s%s", path, *path ? ": " : "", reason);
}

int profile_yaml_fail(const char *file, const struct profile_node *node, struct isolat_error *err, const char *format,
		      ...)
{
	char path[MAX_PATH];
	va_list ap;

	profile_yaml_path(node, path, sizeof(path));
	va_start(ap, format);
	fail_at(file, node->line, path, err, format, ap);
	va_end(ap);
	return -1;
}

static unsigned int line_of(yaml_mark_t mark)
{
	return (unsigned int)mark.line + 1;
}

/* What is wrong with the event that was read, whose node does not exist yet. */
__attribute__((format(printf, 3, 4))) static int bad_event(struct reader *r, const yaml_event_t *event,
							   const char *format, ...)
{
	char path[MAX_PATH + MAX_KEY];
	va_list ap;
	size_t used;

	used = strlen(profile_yaml_path(r->at, path, sizeof(path)));
	if (r->key)
		snprintf(path + used, sizeof(path) - used, "%s%s", used ? "." : "", r->key);
	else if (r->at && r->at->kind == PROFILE_LIST)
		snprintf(path + used, sizeof(path) - used, "[%u]", r->at->n);
	va_start(ap, format);
	fail_at(r->file, r->key ? r->key_line : line_of(event->start_mark), path, r->err, format, ap);
	va_end(ap);
	return -1;
}

static int no_memory(struct reader *r)
{
	return isolat_fail(r->err, ISOLAT_FAILED, PROFILE_ERROR, r->file, "out of memory");
}

/* The reader of characters knows the offset of a bad one, and no line. */
static unsigned int line_at(const struct reader *r, size_t offset)
{
	unsigned int line = 1;

	for (size_t i = 0; i < offset && i < r->n; i++)
		line += r->text[i] == '\n';
	return line;
}

/* Whether this line is indented with a tab: libyaml's words for it do not help. */
static bool has_tab(const struct reader *r, unsigned int line)
{
	const char *text = r->text, *end = r->text + r->n;

	while (--line && text) {
		text = memchr(text, '\n', (size_t)(end - text));
		text = text ? text + 1 : NULL;
	}
	while (text && text < end && *text == ' ')
		text++;
	return text && text < end && *text == '\t';
}

static int bad_yaml(struct reader *r)
{
	const yaml_parser_t *parser = &r->parser;
	char object[sizeof(r->err->object)];
	unsigned int line;

	if (parser->error == YAML_MEMORY_ERROR)
		return no_memory(r);
	line = parser->error == YAML_READER_ERROR ? line_at(r, parser->problem_offset) : line_of(parser->problem_mark);
	profile_where(r->file, (struct profile_place){ line }, object, sizeof(object));
	isolat_fail(r->err, ISOLAT_USAGE, PROFILE_ERROR, object, "not YAML: %s%s%s",
		    parser->problem ? parser->problem : "bad character", parser->context ? " " : "",
		    parser->context ? parser->context : "");
	if (parser->error == YAML_SCANNER_ERROR && has_tab(r, line))
		isolat_hint(r->err, "YAML is indented with blanks, not with tabs");
	return -1;
}

/* ---- Events -------------------------------------------------------------------------------------------------------*/

/* Takes the key that is pending. */
static struct profile_node *add_node(struct reader *r, const yaml_event_t *event, enum profile_kind kind)
{
	struct profile_node *node, *parent = r->at;

	if (parent && parent->kind == PROFILE_MAP && parent->n == MAX_KEYS) {
		bad_event(r, event, "more than %d keys", MAX_KEYS);
		return NULL;
	}
	if (++r->values > MAX_VALUES) {
		bad_event(r, event, "more than %d values in one file", MAX_VALUES);
		return NULL;
	}
	node = calloc(1, sizeof(*node));
	if (!node) {
		no_memory(r);
		return NULL;
	}
	*node = (struct profile_node){ .kind = kind, .key = r->key, .parent = parent };
	node->line = r->key ? r->key_line : line_of(event->start_mark);
	r->key = NULL;
	if (!parent) {
		r->root = node;
		return node;
	}
	node->index = parent->n++;
	*(parent->last ? &parent->last->next : &parent->first) = node;
	parent->last = node;
	return node;
}

/* Whether the next thing that the parser tells is a key. */
static bool key_is_next(const struct reader *r)
{
	return r->at && r->at->kind == PROFILE_MAP && !r->key;
}

static int take_key(struct reader *r, const yaml_event_t *event)
{
	const char *text = (const char *)event->data.scalar.value;
	const struct profile_node *twin;

	if (event->data.scalar.length > MAX_KEY)
		return bad_event(r, event, "a key of %zu bytes; none has more than %d", event->data.scalar.length,
				 MAX_KEY);
	if (!*text)
		return bad_event(r, event, "an empty key");
	twin = child_of(r->at, text, strlen(text));
	r->key = strdup(text);
	r->key_line = line_of(event->start_mark);
	if (!r->key)
		return no_memory(r);
	if (twin)
		return bad_event(r, event, "given twice, first in line %u", twin->line);
	return 0;
}

static int take_scalar(struct reader *r, const yaml_event_t *event)
{
	const char *text = (const char *)event->data.scalar.value;
	struct profile_node *node;

	if (event->data.scalar.anchor)
		return bad_event(r, event, "has an anchor; a profile has no anchors and aliases");
	if (event->data.scalar.tag)
		return bad_event(r, event, "has a tag; a profile has none");
	if (strlen(text) != event->data.scalar.length)
		return bad_event(r, event, "has a NUL character");
	if (key_is_next(r))
		return take_key(r, event);
	node = add_node(r, event, PROFILE_SCALAR);
	if (!node)
		return -1;
	node->value = strdup(text);
	return node->value ? 0 : no_memory(r);
}

static int open_node(struct reader *r, const yaml_event_t *event, enum profile_kind kind, const void *anchor,
		     const void *tag)
{
	struct profile_node *node;

	if (anchor)
		return bad_event(r, event, "has an anchor; a profile has no anchors and aliases");
	if (tag)
		return bad_event(r, event, "has a tag; a profile has none");
	if (key_is_next(r))
		return bad_event(r, event, "a key that is a %s", kind == PROFILE_MAP ? "map" : "list");
	if (r->depth == MAX_DEPTH)
		return bad_event(r, event, "nested deeper than %d levels", MAX_DEPTH);
	node = add_node(r, event, kind);
	if (!node)
		return -1;
	r->at = node;
	r->depth++;
	return 0;
}

static int take_event(struct reader *r, const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_DOCUMENT_START_EVENT:
		return r->ended ? bad_event(r, event, "a second document begins; a profile is one") : 0;
	case YAML_DOCUMENT_END_EVENT:
		r->ended = true;
		return 0;
	case YAML_ALIAS_EVENT:
		return bad_event(r, event, "is an alias; a profile has no anchors and aliases");
	case YAML_SCALAR_EVENT:
		return take_scalar(r, event);
	case YAML_SEQUENCE_START_EVENT:
		return open_node(r, event, PROFILE_LIST, event->data.sequence_start.anchor,
				 event->data.sequence_start.tag);
	case YAML_MAPPING_START_EVENT:
		return open_node(r, event, PROFILE_MAP, event->data.mapping_start.anchor,
				 event->data.mapping_start.tag);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		r->at = r->at->parent;
		r->depth--;
		return 0;
	default:
		return 0;
	}
}

/* libyaml would take UTF-16 too, and check_tags() not see anything in it. */
static int check_encoding(struct reader *r)
{
	if (r->n < 2 || (memcmp(r->text, "\xff\xfe", 2) && memcmp(r->text, "\xfe\xff", 2)))
		return 0;
	return isolat_fail(r->err, ISOLAT_USAGE, PROFILE_ERROR, r->file, "it is in UTF-16; a profile is in UTF-8");
}

/* Before libyaml sees them: it would take seconds for a file of them. That they may stand in comments does no harm. */
static int check_tags(struct reader *r)
{
	static const char tag[] = "%TAG";
	const char *at = r->text, *end = r->text + r->n;
	char object[sizeof(r->err->object)];

	for (unsigned int n = 0; n <= MAX_TAGS; n++) {
		at = memmem(at, (size_t)(end - at), tag, sizeof(tag) - 1);
		if (!at)
			return 0;
		at += sizeof(tag) - 1;
	}
	profile_where(r->file, (struct profile_place){ line_at(r, (size_t)(at - r->text)) }, object, sizeof(object));
	return isolat_fail(r->err, ISOLAT_USAGE, PROFILE_ERROR, object, "more than %d times %s; a profile has no tags",
			   MAX_TAGS, tag);
}

static int read_events(struct reader *r)
{
	yaml_event_type_t type;
	yaml_event_t event;
	int rc;

	do {
		if (!yaml_parser_parse(&r->parser, &event))
			return bad_yaml(r);
		type = event.type;
		rc = take_event(r, &event);
		yaml_event_delete(&event);
		if (rc)
			return rc;
	} while (type != YAML_STREAM_END_EVENT);
	if (r->root)
		return 0;
	return isolat_fail(r->err, ISOLAT_USAGE, PROFILE_ERROR, r->file, "it is empty");
}

struct profile_node *profile_yaml_read(const char *file, const char *text, size_t n, struct isolat_error *err)
{
	struct reader r = { .file = file, .text = text, .n = n, .err = err };

	if (!yaml_parser_initialize(&r.parser)) {
		no_memory(&r);
		return NULL;
	}
	yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, n);
	if (check_encoding(&r) || check_tags(&r) || read_events(&r)) {
		profile_yaml_free(r.root);
		r.root = NULL;
	}
	free(r.key);
	yaml_parser_delete(&r.parser);
	return r.root;
}
