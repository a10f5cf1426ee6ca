// SPDX-License-Identifier: BSD-3-Clause
/*
 * Taking back: the steps of a tail, or the whole record. Both are rows of items that say what an object was before and
 * what it was made, and both are gone through in reverse; what to do about each is decided by what it is now.
 *
 * What goes with an object that an item before it made is put off until that has been dealt with: mostly it is gone
 * then, and was spared a write that could fail. Where it is not, because the object was not removed, it is taken back
 * right behind that.
 */
#include "transaction_impl.h"

#include <stdlib.h>
#include <string.h>

struct fate {
	bool stuck; /* the inverse failed */
	char *now;  /* and this is what it is; NULL: not known */
};

struct back {
	struct transaction *t;
	json_t *items;
	size_t n, n_stuck, written;
	struct fate *fate;
	struct isolat_error first; /* of the first that is stuck */
};

/* Short, on one line: values can be files. */
static const char *show(const char *value, char text[64])
{
	if (snprintf(text, 64, "%s", value) >= 64)
		memcpy(text + 60, "...", sizeof("..."));
	for (char *c = text; *c; c++) {
		if (*c == '\n')
			*c = c[1] ? ' ' : '\0';
	}
	return text;
}

/* ---- One item ---- */

static const char *before(const json_t *item)
{
	const char *from = transaction_text(item, "from");

	return from ? from : transaction_text(item, "before");
}

/* As it was read back or, if it was not, as it was asked for. */
static const char *made(const json_t *item)
{
	const char *set = transaction_text(item, "set");

	return set ? set : transaction_text(item, "to");
}

void transaction_report(const struct transaction *t, const json_t *item, const char *why)
{
	if (t->config.left)
		t->config.left(t->config.data, transaction_text(item, "kind"), transaction_text(item, "object"), why,
			       before(item));
}

/* A step that wrote nothing: it says what its object was when another, with which it changes, was to be removed. */
static bool went_along(const json_t *item)
{
	return json_is_null(json_object_get(item, "to"));
}

static bool is_of(const json_t *a, const json_t *b)
{
	return !strcmp(transaction_text(a, "object"), transaction_text(b, "object")) &&
	       !strcmp(transaction_text(a, "kind"), transaction_text(b, "kind"));
}

/*
 * Whether the removal made @now of what changed with it. Until it was begun nothing has happened. What it made of it
 * was written down if a step came after that for the same object: the value that this found. If none came it can be
 * anything.
 */
static bool removal_made(const struct back *b, size_t i, const char *now)
{
	const json_t *item = json_array_get(b->items, i);
	bool begun = false;

	while (++i < b->n) {
		const json_t *later = json_array_get(b->items, i);

		if (is_of(item, later))
			return begun && !strcmp(before(later), now);
		begun |= transaction_goes_with(b->t, item, later) ||
			 transaction_falls_with(b->t, item, before(item), later);
	}
	return begun;
}

/* Whether an earlier try to take this back came as far as giving the object what it was noted with. */
static bool came_back(const struct back *b, size_t i, const char *now)
{
	const json_t *item = json_array_get(b->items, i);

	while (i-- > 0) {
		const json_t *noted = json_array_get(b->items, i);

		if (went_along(noted) && is_of(noted, item))
			return !strcmp(before(noted), now);
	}
	return false;
}

static bool is_ours(const struct step_kind *kind, const json_t *item, const char *now)
{
	const char *set = transaction_text(item, "set"), *to = transaction_text(item, "to");

	if (json_object_get(item, "set"))
		return set && !strcmp(now, set);
	return kind->made ? kind->made(before(item), to, now) : !strcmp(now, to);
}

int transaction_other(const char *object, const char *now, const char *to, const char *after, struct isolat_error *err)
{
	char is[64], was[64];

	/* Where nothing has happened it may the next time. */
	return isolat_fail(err, strcmp(after, now) ? ISOLAT_DRIFT : ISOLAT_FAILED, "take back", object,
			   "it is '%s' after '%s' was written", show(after, is), show(to, was));
}

/* Writes @to, which is what was before, and sees that it is there again. */
static int give_back(struct back *b, const json_t *item, const char *now, const char *to, char **after,
		     struct isolat_error *err)
{
	const struct step_kind *kind = transaction_kind_of(b->t, item);
	const char *object = transaction_text(item, "object");
	struct isolat_error why;
	int rc = kind->write(b->t->config.host, object, now, to, err);

	b->written += !rc;
	if (kind->read(b->t->config.host, object, after, rc ? &why : err))
		return -1;
	if (!*after || !strcmp(*after, to))
		return 0; /* also when writing said it failed: a thread has ended since */
	return rc ? -1 : transaction_other(object, now, to, *after, err);
}

/* The inverse did not succeed: it is for the next undo, unless that could not do it either. Takes @now. */
static void stick(struct back *b, size_t i, char *now, const struct isolat_error *err)
{
	char why[sizeof(err->what) + sizeof(err->reason) + 2];

	snprintf(why, sizeof(why), "%s: %s", err->what, err->reason);
	transaction_report(b->t, json_array_get(b->items, i), why);
	if (err->code == ISOLAT_DRIFT) {
		free(now);
		return;
	}
	b->fate[i] = (struct fate){ .stuck = true, .now = now };
	if (!b->n_stuck++)
		b->first = *err;
}

void transaction_left(const struct transaction *t, const json_t *item, const char *now)
{
	char why[256], is[64], was[64];

	snprintf(why, sizeof(why), "changed since: it is '%s', not '%s'", show(now, is), show(made(item), was));
	transaction_report(t, item, why);
}

void transaction_left_part(const struct transaction *t, const json_t *item, const char *theirs)
{
	static const char what[] = "changed since: ";
	char *why = malloc(sizeof(what) + strlen(theirs));

	if (why) {
		strcpy(stpcpy(why, what), theirs);
		for (char *c = why; (c = strchr(c, '\n'));)
			*c = c[1] ? ' ' : '\0';
	}
	transaction_report(t, item, why ? why : "changed since");
	free(why);
}

bool transaction_part(const struct transaction *t, const json_t *item, const char *now, char **to, char **theirs)
{
	const struct step_kind *kind = transaction_kind_of(t, item);

	return kind->part && kind->part(before(item), made(item), now, to, theirs);
}

char *transaction_origin(const struct transaction *t, const json_t *entry, const char *now)
{
	char *to, *theirs;

	if (!strcmp(now, made(entry)) || !transaction_part(t, entry, now, &to, &theirs))
		return strdup(before(entry));
	free(theirs);
	return to ? to : strdup(now);
}

int transaction_follow(const struct transaction *t, const json_t *item, struct isolat_error *err)
{
	const struct step_kind *kind = transaction_kind_of(t, item);

	if (!kind->follow || went_along(item))
		return 0;
	return kind->follow(t->config.host, transaction_text(item, "object"), made(item), before(item), err);
}

/*
 * Somebody has changed it since: what is still ours of it goes back. Should that fail, what it is now is not noted: the
 * next undo would take all of it for ours.
 */
static void take_part_back(struct back *b, size_t i, const char *now)
{
	const json_t *item = json_array_get(b->items, i);
	char *to, *theirs, *after = NULL;
	struct isolat_error err;

	if (!transaction_part(b->t, item, now, &to, &theirs)) {
		transaction_left(b->t, item, now);
		return;
	}
	if (to && give_back(b, item, now, to, &after, &err))
		stick(b, i, NULL, &err);
	if (theirs)
		transaction_left_part(b->t, item, theirs);
	free(after);
	free(theirs);
	free(to);
}

static void take_back_from(struct back *b, size_t i, const char *now)
{
	const json_t *item = json_array_get(b->items, i);
	char *after = NULL;
	struct isolat_error err;

	if (!strcmp(now, before(item)) || (went_along(item) && !removal_made(b, i, now)))
		return;
	if (!went_along(item) && !is_ours(transaction_kind_of(b->t, item), item, now)) {
		if (!came_back(b, i, now))
			take_part_back(b, i, now);
	} else if (give_back(b, item, now, before(item), &after, &err)) {
		stick(b, i, after, &err);
	} else {
		free(after);
	}
}

/* An entry's index; the record's size if there is none. */
static size_t find(const json_t *record, const json_t *step)
{
	json_t *entry;
	size_t i;

	json_array_foreach (record, i, entry) {
		if (is_of(entry, step))
			return i;
	}
	return i;
}

/*
 * Of a tail, whose record stands: where the object comes back to what the record gave it, or leaves that, who has come
 * there is the record's.
 */
static bool is_of_record(const struct back *b, const json_t *item)
{
	const json_t *record = b->t->journal.record, *entry;

	if (!transaction_kind_of(b->t, item)->follow || b->items == record)
		return false;
	entry = json_array_get(record, find(record, item));
	return entry && (!strcmp(before(item), made(entry)) || !strcmp(made(item), made(entry)));
}

static void take_back(struct back *b, size_t i)
{
	const json_t *item = json_array_get(b->items, i);
	char *now = NULL;
	struct isolat_error err;

	if (transaction_kind_of(b->t, item)->read(b->t->config.host, transaction_text(item, "object"), &now, &err)) {
		stick(b, i, NULL, &err);
		return;
	}
	if (now)
		take_back_from(b, i, now);
	free(now);
	if (b->fate[i].stuck || is_of_record(b, item))
		return;
	if (transaction_follow(b->t, item, &err))
		stick(b, i, NULL, &err);
}

/* ---- All ---- */

/*
 * Takes back item @i, and then at once what was put off since it goes with it: where the object was not removed, others
 * that come next may need that out of their way.
 */
static void take_back_with(struct back *b, const size_t *owner, size_t i)
{
	take_back(b, i);
	for (size_t k = b->n; --k > i;) {
		if (owner[k] == i)
			take_back_with(b, owner, k);
	}
}

static int take_all_back(struct back *b, struct transaction *t, json_t *items, struct isolat_error *err)
{
	size_t *owner;

	*b = (struct back){ .t = t, .items = items, .n = json_array_size(items) };
	b->fate = calloc(b->n + 1, sizeof(*b->fate));
	owner = calloc(b->n + 1, sizeof(*owner));
	if (!b->fate || !owner) {
		free(b->fate);
		free(owner);
		return isolat_fail(err, ISOLAT_FAILED, "take back", t->journal.path, "out of memory");
	}
	for (size_t i = 0; i < b->n; i++)
		owner[i] = transaction_owner(t, json_array_get(items, i), items, i);
	for (size_t i = b->n; i-- > 0;) {
		if (owner[i] == NO_OWNER)
			take_back_with(b, owner, i);
	}
	free(owner);
	return 0;
}

static void end_back(struct back *b)
{
	for (size_t i = 0; i < b->n; i++)
		free(b->fate[i].now);
	free(b->fate);
}

/* ---- The tail ---- */

/* What a step has made of its object, and could not take back, is an entry of the record. */
static int keep_step(const struct transaction *t, json_t *record, const json_t *step, const char *now,
		     struct isolat_error *err)
{
	size_t i = find(record, step);
	json_t *old = json_array_get(record, i);
	const char *to = transaction_text(step, "to");
	json_t *entry;
	char *first;
	int rc;

	/* One that was to bring its object back to the beginning changes nothing about its entry. */
	if (!to || json_is_true(json_object_get(step, "retire")))
		return 0;
	if (!now)
		now = transaction_text(step, "set");
	first = old ? transaction_origin(t, old, before(step))
		    : strdup(transaction_home(transaction_kind_of(t, step), record, before(step)));
	if (!first)
		return isolat_fail(err, ISOLAT_FAILED, "take back", transaction_text(step, "object"), "out of memory");
	entry = transaction_entry_new(transaction_text(step, "kind"), transaction_text(step, "object"), first, to,
				      now ? now : to, err);
	free(first);
	if (!entry)
		return -1;
	rc = old ? json_array_set_new(record, i, entry) : json_array_append_new(record, entry);
	return rc ? isolat_fail(err, ISOLAT_FAILED, "take back", transaction_text(step, "object"), "out of memory") : 0;
}

static int keep_steps(const struct back *b, struct isolat_error *err)
{
	struct journal *j = &b->t->journal;
	json_t *record = json_copy(j->record);
	int rc = record ? 0 : isolat_fail(err, ISOLAT_FAILED, "take back", j->path, "out of memory");

	for (size_t i = 0; !rc && i < b->n; i++) {
		if (b->fate[i].stuck)
			rc = keep_step(b->t, record, json_array_get(b->items, i), b->fate[i].now, err);
	}
	if (!rc)
		rc = journal_keep(j, record, err);
	json_decref(record);
	return rc;
}

int transaction_roll_back(struct transaction *t, struct isolat_error *err)
{
	struct back b;
	int rc;

	json_decref(t->next);
	t->next = NULL;
	if (take_all_back(&b, t, t->journal.tail, err))
		return -1;
	rc = b.n_stuck ? keep_steps(&b, err) : journal_cut(&t->journal, err);
	end_back(&b);
	return rc;
}

/* ---- The record ---- */

static int keep_entry(json_t *record, const json_t *entry, const char *now, struct isolat_error *err)
{
	json_t *kept =
		transaction_entry_new(transaction_text(entry, "kind"), transaction_text(entry, "object"), before(entry),
				      transaction_text(entry, "to"), now ? now : transaction_text(entry, "set"), err);

	if (!kept)
		return -1;
	return json_array_append_new(record, kept)
		       ? isolat_fail(err, ISOLAT_FAILED, "undo", transaction_text(entry, "object"), "out of memory")
		       : 0;
}

static int keep_entries(const struct back *b, struct isolat_error *err)
{
	struct journal *j = &b->t->journal;
	json_t *record = json_array();
	int rc = record ? 0 : isolat_fail(err, ISOLAT_FAILED, "undo", j->path, "out of memory");

	for (size_t i = 0; !rc && i < b->n; i++) {
		if (b->fate[i].stuck)
			rc = keep_entry(record, json_array_get(b->items, i), b->fate[i].now, err);
	}
	if (!rc)
		rc = json_array_size(record) ? journal_keep(j, record, err) : journal_replace(j, record, NULL, err);
	json_decref(record);
	return rc;
}

int transaction_undo(struct transaction *t, size_t *written, struct isolat_error *err)
{
	struct back b;
	int rc;

	if (written)
		*written = 0;
	if (transaction_may_write(t, "undo", err) || transaction_roll_back(t, err))
		return -1;
	journal_undo_begins(&t->journal);
	if (take_all_back(&b, t, t->journal.record, err))
		return -1;
	if (written)
		*written = b.written;
	/* The old record serves as well when this one cannot be written: what is undone is found to be so. */
	rc = keep_entries(&b, err);
	if (b.n_stuck) {
		*err = b.first;
		isolat_hint(err, "%zu of %zu changes stay on record: mend this and undo again", b.n_stuck, b.n);
		rc = -1;
	}
	end_back(&b);
	return rc;
}
