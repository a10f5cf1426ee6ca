// SPDX-License-Identifier: BSD-3-Clause
#include "journal_parse.h"

#include <string.h>

#define WHAT "read the journal"

struct reader {
	struct journal *j;
	const char *text, *at, *end;
	unsigned int line;
	struct isolat_error *err;
};

static int not_understood(const struct reader *r, const char *why)
{
	isolat_fail(r->err, ISOLAT_FAILED, WHAT, r->j->path, "line %u: %s", r->line, why);
	return isolat_hint(r->err, "nothing was touched; move the file away if the host's state is known to be good");
}

/* The next whole line as JSON: 1, 0 at the end or before a torn line, -1 for what is no JSON. */
static int next_line(struct reader *r, json_t **line)
{
	const char *newline = memchr(r->at, '\n', (size_t)(r->end - r->at));
	json_error_t why;

	r->line++;
	if (!newline)
		return 0;
	*line = json_loadb(r->at, (size_t)(newline - r->at), JSON_REJECT_DUPLICATES, &why);
	r->at = newline + 1;
	return *line ? 1 : not_understood(r, why.text);
}

/* ---- The record ---- */

static int take_head(struct reader *r, json_t *line, const char *boot)
{
	const char *written_in;
	json_error_t why;
	json_t *about;
	int version;

	if (json_unpack_ex(line, &why, 0, "{s:i}", "isolat-journal", &version))
		return not_understood(r, "this is no journal of isolat");
	if (version != JOURNAL_VERSION) {
		isolat_fail(r->err, ISOLAT_FAILED, WHAT, r->j->path, "it is of version %d, not %d", version,
			    JOURNAL_VERSION);
		return isolat_hint(r->err, "use the isolat that wrote it to undo what it says");
	}
	if (json_unpack_ex(line, &why, JSON_STRICT, "{s:i, s:s, s:o}", "isolat-journal", &version, "boot", &written_in,
			   "about", &about))
		return not_understood(r, why.text);
	if (strcmp(written_in, boot))
		return 1;
	r->j->about = json_is_null(about) ? NULL : json_incref(about);
	return 0;
}

static int read_head(struct reader *r, const char *boot)
{
	json_t *line = NULL;
	int rc = next_line(r, &line);

	if (rc == 1)
		rc = take_head(r, line, boot);
	else if (!rc)
		rc = not_understood(r, "this is no journal of isolat");
	json_decref(line);
	return rc;
}

/* An entry, or the count that ends the record: 1. */
static int take_entry(struct reader *r, json_t *line)
{
	const char *text;
	json_int_t count;
	json_error_t why;

	if (!json_unpack_ex(line, &why, JSON_STRICT, "{s:I}", "entries", &count))
		return (size_t)count == json_array_size(r->j->record) ? 1
								      : not_understood(r, "entries are missing before");
	if (json_unpack_ex(line, &why, JSON_STRICT, "{s:s, s:s, s:s, s:s, s:s}", "kind", &text, "object", &text,
			   "before", &text, "to", &text, "set", &text))
		return not_understood(r, why.text);
	return json_array_append(r->j->record, line) ? not_understood(r, "out of memory") : 0;
}

static int read_record(struct reader *r)
{
	json_t *line;
	int rc;

	do {
		rc = next_line(r, &line);
		if (rc < 0)
			return -1;
		if (!rc)
			return not_understood(r, "the record ends too early");
		rc = take_entry(r, line);
		json_decref(line);
	} while (!rc);
	r->j->record_end = r->at - r->text;
	return rc < 0 ? -1 : 0;
}

/* The note that an undo has begun, if it is the line behind the record. */
static int read_undo(struct reader *r)
{
	struct reader ahead = *r;
	json_t *line, *undo;
	int rc = next_line(&ahead, &line);

	if (rc != 1)
		return rc;
	undo = json_object_get(line, "undo");
	if (undo && (!json_is_true(undo) || json_object_size(line) != 1))
		rc = not_understood(&ahead, "\"undo\" is not true, or not alone");
	if (undo && rc == 1) {
		*r = ahead;
		r->j->undoing = true;
		r->j->record_end = r->at - r->text;
	}
	json_decref(line);
	return rc < 0 ? -1 : 0;
}

/* ---- The tail ---- */

static bool is_text_or_null(const json_t *value)
{
	return json_is_string(value) || json_is_null(value);
}

static int take_set(struct reader *r, json_t *value)
{
	json_t *step = journal_unset(r->j);

	if (!is_text_or_null(value))
		return not_understood(r, "\"set\" is no text");
	if (!step)
		return not_understood(r, "\"set\" without a step");
	return json_object_set(step, "set", value) ? not_understood(r, "out of memory") : 0;
}

static int take_step(struct reader *r, json_t *line)
{
	const char *text;
	json_error_t why;
	json_t *to, *set;
	int retire;

	if (!json_unpack_ex(line, &why, JSON_STRICT, "{s:o}", "set", &set))
		return take_set(r, set);
	if (json_unpack_ex(line, &why, JSON_STRICT, "{s:s, s:s, s:s, s:o, s:b}", "kind", &text, "object", &text, "from",
			   &text, "to", &to, "retire", &retire))
		return not_understood(r, why.text);
	if (!is_text_or_null(to))
		return not_understood(r, "\"to\" is no text");
	return json_array_append(r->j->tail, line) ? not_understood(r, "out of memory") : 0;
}

static int read_tail(struct reader *r)
{
	json_t *line;
	int rc;

	while ((rc = next_line(r, &line)) == 1) {
		rc = take_step(r, line);
		json_decref(line);
		if (rc)
			break;
	}
	r->j->end = r->at - r->text;
	r->j->torn = r->at != r->end;
	return rc;
}

int journal_parse(struct journal *j, const char *text, size_t size, const char *boot, struct isolat_error *err)
{
	struct reader r = { .j = j, .text = text, .at = text, .end = text + size, .err = err };
	int rc = read_head(&r, boot);

	if (rc)
		return rc;
	return read_record(&r) || read_undo(&r) || read_tail(&r) ? -1 : 0;
}
