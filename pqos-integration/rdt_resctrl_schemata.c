// SPDX-License-Identifier: BSD-3-Clause
/* The schemata of a group. */
#include "rdt_resctrl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rdt_file.h"

#define DOMAINS_SHOWN 120 /* bytes of a list of them */
#define TEXT_SHOWN    40  /* characters of what is wrong */

int rdt_resctrl_read_schemata(struct rdt_engine *e, const char *group, struct rdt_schemata *s, struct isolat_error *err)
{
	struct rdt_resctrl *r = rdt_resctrl_of(e);
	char path[RDT_RESCTRL_PATH], object[sizeof(err->object)], *text;
	size_t length;
	int rc;

	if (rdt_resctrl_read(r, "read schemata", group, "schemata", &text, &length, err))
		return -1;
	rdt_resctrl_path(path, group, "schemata");
	rdt_file_object(r->root, path, object, sizeof(object));
	rc = rdt_schemata_parse(text, length, object, s, err);
	free(text);
	return rc;
}

/* ---- What the ways are used for ---- */

/* Adds those of one cache; none if there is no such cache, or it comes as code and data. */
static int read_usage_of(struct rdt_resctrl *r, enum rdt_schema schema, struct rdt_usage *usage, size_t *n,
			 struct isolat_error *err)
{
	char path[RDT_RESCTRL_PATH], *text;
	size_t length, domains;
	bool good;
	int rc;

	snprintf(path, sizeof(path), "info/%s/bit_usage", rdt_schema_name(schema));
	rc = rdt_resctrl_read_text(r->dir, path, &text, &length);
	if (rc == -ENOENT)
		return 0;
	if (rc)
		return rdt_resctrl_fail(r, -rc, "read usage", "", path, err);
	good = rdt_text_bit_usage(text, length, usage + *n, &domains);
	if (!good)
		rdt_resctrl_bad(r, "read usage", "", path, err, "'%.*s' is no use of ways", TEXT_SHOWN, text);
	free(text);
	for (size_t i = 0; good && i < domains; i++)
		usage[(*n)++].schema = schema;
	return good ? 0 : -1;
}

int rdt_resctrl_read_usage(struct rdt_engine *e, struct rdt_usage **usage, size_t *n, struct isolat_error *err)
{
	struct rdt_resctrl *r = rdt_resctrl_of(e);
	int rc = 0;

	*usage = calloc((size_t)RDT_SCHEMA_MB * RDT_MAX_DOMAINS, sizeof(**usage));
	if (!*usage)
		return rdt_resctrl_no_memory(r, "read usage", err);
	for (enum rdt_schema schema = 0; !rc && schema < RDT_SCHEMA_MB; schema++)
		rc = read_usage_of(r, schema, *usage, n, err);
	if (rc || !*n) {
		free(*usage);
		*usage = NULL;
		*n = 0;
	}
	return rc;
}

/* ---- Writing ---- */

/* What is to be written is what rdt_schemata_print() makes: complete lines that can be understood. */
static int check_text(const char *text, const char *group, struct rdt_schemata *s, struct isolat_error *err)
{
	size_t length = strlen(text);
	char path[RDT_RESCTRL_PATH];

	rdt_resctrl_path(path, group, "schemata");
	if (!length || text[length - 1] != '\n')
		return isolat_fail(err, ISOLAT_USAGE, "write schemata", path, "%s",
				   length ? "the last line has no newline" : "there is nothing to write");
	if (!rdt_schemata_parse(text, length, "schemata to write", s, err))
		return 0;
	err->code = ISOLAT_USAGE;
	snprintf(err->what, sizeof(err->what), "write schemata");
	return -1;
}

static bool has_domain(const struct rdt_group_masks *line, unsigned int domain)
{
	for (unsigned int i = 0; i < line->n; i++) {
		if (line->domain[i] == domain)
			return true;
	}
	return false;
}

/* "0, 1, 16": those of a line. */
static void list_domains(const struct rdt_group_masks *line, char text[DOMAINS_SHOWN])
{
	size_t used = 0;

	*text = '\0';
	for (unsigned int i = 0; i < line->n && used + sizeof(", 255, ...") < DOMAINS_SHOWN; i++) {
		bool cut = used + 2 * sizeof(", 255, ...") > DOMAINS_SHOWN && i + 1 < line->n;

		used += (size_t)snprintf(text + used, DOMAINS_SHOWN - used, "%s%u%s", i ? ", " : "", line->domain[i],
					 cut ? ", ..." : "");
		if (cut)
			return;
	}
}

/* Names the first domain in @written that the group has not. */
static void name_unknown(const struct rdt_schemata *written, const struct rdt_schemata *now, struct isolat_error *err)
{
	size_t used = strlen(err->reason);
	char domains[DOMAINS_SHOWN];

	for (enum rdt_schema schema = 0; schema < RDT_SCHEMAS; schema++) {
		const struct rdt_group_masks *line = &written->line[schema];

		for (unsigned int i = 0; i < line->n; i++) {
			if (has_domain(&now->line[schema], line->domain[i]))
				continue;
			snprintf(err->reason + used, sizeof(err->reason) - used, ": %s has no domain %u",
				 rdt_schema_name(schema), line->domain[i]);
			list_domains(&now->line[schema], domains);
			isolat_hint(err, "domains of %s: %s", rdt_schema_name(schema), *domains ? domains : "none");
			return;
		}
	}
}

/*
 * Of a domain that does not exist the kernel says EINVAL, and nothing in last_cmd_status. Then, and only then, what was
 * written is compared with what there is.
 */
static void explain_domains(struct rdt_engine *e, const char *group, const struct rdt_schemata *written,
			    struct isolat_error *err)
{
	struct rdt_schemata *now = malloc(sizeof(*now));
	struct isolat_error ignored;

	if (now && !rdt_resctrl_read_schemata(e, group, now, &ignored))
		name_unknown(written, now, err);
	free(now);
}

static int write_parsed(struct rdt_engine *e, const char *group, const char *text, struct rdt_schemata *s,
			struct isolat_error *err)
{
	int rc;

	if (check_text(text, group, s, err))
		return -1;
	rc = rdt_resctrl_write(rdt_resctrl_of(e), "write schemata", group, "schemata", text, RDT_TEXT_ALL_LINES, err);
	if (rc == EINVAL && !strcmp(err->reason, strerror(EINVAL)))
		explain_domains(e, group, s, err);
	return rc ? -1 : 0;
}

int rdt_resctrl_write_schemata(struct rdt_engine *e, const char *group, const char *text, struct isolat_error *err)
{
	struct rdt_schemata *s = malloc(sizeof(*s));
	int rc;

	if (!s)
		return rdt_resctrl_no_memory(rdt_resctrl_of(e), "write schemata", err);
	rc = write_parsed(e, group, text, s, err);
	free(s);
	return rc;
}
