// SPDX-License-Identifier: BSD-3-Clause
#include "rdt_schemata.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rdt_number.h"

#define SHOWN	   40  /* characters of what is wrong */
#define SHOWN_NAME 200 /* the last of the file's name: "FILE:LINE" must not lose its line */

static const struct {
	const char *name;
	bool decimal;
} schemas[RDT_SCHEMAS] = {
	[RDT_SCHEMA_L3] = { "L3", false },	   [RDT_SCHEMA_L3CODE] = { "L3CODE", false },
	[RDT_SCHEMA_L3DATA] = { "L3DATA", false }, [RDT_SCHEMA_L2] = { "L2", false },
	[RDT_SCHEMA_L2CODE] = { "L2CODE", false }, [RDT_SCHEMA_L2DATA] = { "L2DATA", false },
	[RDT_SCHEMA_MB] = { "MB", true },	   [RDT_SCHEMA_SMBA] = { "SMBA", true },
};

/* A part of the text, not ended by a byte 0. */
struct span {
	const char *at;
	size_t length;
};

struct parser {
	const char *name;
	size_t line;
	struct rdt_schemata *schemata;
	struct isolat_error *err;
};

const char *rdt_schema_name(enum rdt_schema schema)
{
	return schemas[schema].name;
}

/* @what is shown, cut, ahead of @why. */
static int bad_line(const struct parser *p, struct span what, const char *why)
{
	size_t length = strlen(p->name), skip = length > SHOWN_NAME ? length - SHOWN_NAME : 0;
	char object[sizeof(p->err->object)];

	snprintf(object, sizeof(object), "%s%s:%zu", skip ? "..." : "", p->name + skip, p->line);
	return isolat_fail(p->err, ISOLAT_FAILED, "read schemata", object, "'%.*s%s' %s",
			   (int)(what.length > SHOWN ? SHOWN : what.length), what.at, what.length > SHOWN ? "..." : "",
			   why);
}

static bool is(struct span span, const char *text)
{
	return span.length == strlen(text) && !memcmp(span.at, text, span.length);
}

static void skip_blanks(struct span *span)
{
	while (span->length && *span->at == ' ') {
		span->at++;
		span->length--;
	}
}

/* Cuts @rest at the first @separator, and returns what is before it; false in @found if there is none: then all. */
static struct span cut(struct span *rest, char separator, bool *found)
{
	const char *end = rest->length ? memchr(rest->at, separator, rest->length) : NULL;
	struct span first = { rest->at, end ? (size_t)(end - rest->at) : rest->length };

	*found = end;
	rest->at += first.length + !!end;
	rest->length -= first.length + !!end;
	return first;
}

static bool is_resource_name(struct span name)
{
	for (size_t i = 0; i < name.length; i++) {
		char c = name.at[i];

		if (!(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') && c != '_')
			return false;
	}
	return name.length;
}

static int parse_domain(const struct parser *p, enum rdt_schema schema, struct span text)
{
	struct rdt_group_masks *line = &p->schemata->line[schema];
	struct span value = text, id;
	uint64_t number;
	bool found;

	id = cut(&value, '=', &found);
	if (!found)
		return bad_line(p, text, "is no DOMAIN=VALUE");
	if (!rdt_number(id.at, id.length, 10, RDT_MAX_DOMAINS - 1, &number))
		return bad_line(p, id, "is no domain id from 0 to 255");
	for (unsigned int i = 0; i < line->n; i++) {
		if (line->domain[i] == number)
			return bad_line(p, id, "is a domain that this line has twice");
	}
	line->domain[line->n] = (unsigned int)number;
	if (schemas[schema].decimal)
		skip_blanks(&value);
	if (schemas[schema].decimal && !rdt_number(value.at, value.length, 10, UINT32_MAX, &number))
		return bad_line(p, value, "is no bandwidth, a whole number from 0 to 4294967295");
	if (!schemas[schema].decimal && !rdt_number(value.at, value.length, 16, UINT64_MAX, &number))
		return bad_line(p, value, "is no capacity mask, a hex number of up to 64 bits");
	/* There is room: ids differ and are below RDT_MAX_DOMAINS. */
	line->value[line->n++] = number;
	return 0;
}

static int parse_line(const struct parser *p, struct span text)
{
	struct span rest = text, name;
	enum rdt_schema schema;
	bool found;

	skip_blanks(&rest);
	name = cut(&rest, ':', &found);
	if (!found || !is_resource_name(name))
		return bad_line(p, text, "is no RESOURCE:DOMAIN=VALUE;...");
	for (schema = 0; schema < RDT_SCHEMAS && !is(name, schemas[schema].name); schema++)
		;
	if (schema == RDT_SCHEMAS) {
		p->schemata->unknown++;
		return 0;
	}
	if (p->schemata->present[schema])
		return bad_line(p, name, "is there twice");
	p->schemata->present[schema] = true;
	if (is(rest, "uninitialized"))
		return 0;
	do {
		if (parse_domain(p, schema, cut(&rest, ';', &found)))
			return -1;
	} while (found);
	return 0;
}

int rdt_schemata_parse(const char *text, size_t length, const char *name, struct rdt_schemata *schemata,
		       struct isolat_error *err)
{
	struct parser p = { .name = name, .schemata = schemata, .err = err };
	struct span rest = { text, length };
	bool found;

	*schemata = (struct rdt_schemata){ 0 };
	while (rest.length) {
		struct span line = cut(&rest, '\n', &found);

		p.line++;
		if (line.length && memchr(line.at, '\0', line.length))
			return bad_line(&p, (struct span){ line.at, strlen(line.at) }, "has a byte 0 behind it");
		if (parse_line(&p, line))
			return -1;
	}
	return 0;
}

static void print_line(FILE *out, const struct rdt_schemata *s, enum rdt_schema schema)
{
	const struct rdt_group_masks *line = &s->line[schema];

	fprintf(out, "%s:", schemas[schema].name);
	for (unsigned int i = 0; i < line->n; i++)
		fprintf(out, schemas[schema].decimal ? "%s%u=%" PRIu64 : "%s%u=%" PRIx64, i ? ";" : "", line->domain[i],
			line->value[i]);
	fputc('\n', out);
}

char *rdt_schemata_print(const struct rdt_schemata *schemata)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	for (enum rdt_schema schema = 0; schema < RDT_SCHEMAS; schema++)
		if (schemata->present[schema] && schemata->line[schema].n)
			print_line(out, schemata, schema);
	if (!fclose(out))
		return text;
	free(text);
	return NULL;
}

static bool merge_value(struct rdt_group_masks *line, unsigned int domain, uint64_t value)
{
	for (unsigned int i = 0; i < line->n; i++) {
		if (line->domain[i] == domain) {
			line->value[i] = value;
			return true;
		}
	}
	return false;
}

bool rdt_schemata_merge(struct rdt_schemata *schemata, const struct rdt_schemata *changes)
{
	for (enum rdt_schema schema = 0; schema < RDT_SCHEMAS; schema++) {
		const struct rdt_group_masks *from = &changes->line[schema];

		for (unsigned int i = 0; i < from->n; i++)
			if (!merge_value(&schemata->line[schema], from->domain[i], from->value[i]))
				return false;
	}
	return true;
}
