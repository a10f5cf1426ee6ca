// SPDX-License-Identifier: BSD-3-Clause
/*
 * Making the host as a row of steps says: first what the record holds and no step mentions goes back, in the reverse
 * order of the record, then the steps come, in theirs. What the record is after that is in the order of the steps, the
 * entries that were kept from before too, for each entry has a step that mentions it: so the record's reverse is right
 * whatever order the steps of earlier runs had.
 */
#include "transaction_impl.h"

#include <stdlib.h>
#include <string.h>

#define WHAT "run the steps"

/* A step of a kind that reads late, and its object's value before. */
struct late {
	const struct step *step;
	char *before;
};

struct run {
	struct transaction *t;
	const json_t *base; /* the record, as committing what was run before would make it */
	json_t *mentioned;  /* the steps' objects, by key() */
	json_t *entries;    /* the record's, likewise */
	json_t *retired;    /* the record's that no step mentions */
	size_t *owner;	    /* of each of the record's: transaction_owner() */
	json_t *next;
	struct late *late; /* written, and not read back */
	size_t n_late, late_room;
	size_t written;
	struct isolat_error *err;
};

static int no_memory(const struct run *r)
{
	return isolat_fail(r->err, ISOLAT_FAILED, WHAT, r->t->journal.path, "out of memory");
}

/* ---- Who is in the record and in the steps ---- */

static char *key(const char *kind, const char *object)
{
	char *text;

	return asprintf(&text, "%s:%s", kind, object) < 0 ? NULL : text;
}

static json_t *look_up(const json_t *index, const char *kind, const char *object)
{
	char *text = key(kind, object);
	json_t *found = text ? json_object_get(index, text) : NULL;

	free(text);
	return found;
}

static int note(const struct run *r, json_t *index, const char *kind, const char *object, json_t *what)
{
	char *text = key(kind, object);
	int rc = text ? json_object_set(index, text, what) : -1;

	free(text);
	return rc ? isolat_fail(r->err, ISOLAT_FAILED, WHAT, object, "out of memory, or the name is not UTF-8") : 0;
}

static int note_entries(struct run *r)
{
	json_t *entry;
	size_t i;

	r->owner = calloc(json_array_size(r->base) + 1, sizeof(*r->owner));
	if (!r->owner)
		return no_memory(r);
	json_array_foreach (r->base, i, entry) {
		const char *kind = transaction_text(entry, "kind"), *object = transaction_text(entry, "object");

		r->owner[i] = transaction_owner(r->t, entry, r->base, i);
		if (note(r, r->entries, kind, object, entry))
			return -1;
		if (!look_up(r->mentioned, kind, object) && json_array_append(r->retired, entry))
			return no_memory(r);
	}
	return 0;
}

/* All that can be found wrong about steps is found before the first is done. */
static int note_steps(struct run *r, const struct step *steps, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct step *step = &steps[i];

		if (transaction_kind(r->t, step->kind->name) != step->kind)
			return isolat_fail(r->err, ISOLAT_USAGE, WHAT, step->object, "what a '%s' is, is not known",
					   step->kind->name);
		if (look_up(r->mentioned, step->kind->name, step->object))
			return isolat_fail(r->err, ISOLAT_USAGE, WHAT, step->object, "there are two steps for this %s",
					   step->kind->name);
		if (note(r, r->mentioned, step->kind->name, step->object, json_true()))
			return -1;
	}
	return 0;
}

static bool is_mentioned(const struct run *r, const json_t *entry)
{
	return look_up(r->mentioned, transaction_text(entry, "kind"), transaction_text(entry, "object"));
}

/* ---- One change ---- */

/* @to NULL: it is not written, but goes with what will be removed. */
static int begin(struct run *r, const char *kind, const char *object, const char *from, const char *to, bool retire)
{
	json_error_t why;
	json_t *step = json_pack_ex(&why, 0, "{s:s, s:s, s:s, s:s?, s:b}", "kind", kind, "object", object, "from", from,
				    "to", to, "retire", (int)retire);

	if (!step)
		return isolat_fail(r->err, ISOLAT_FAILED, "write the journal", object, "%s", why.text);
	return journal_begin(&r->t->journal, step, r->err);
}

/*
 * Writes, and reads back. What a write that failed has left is read too: it is no less ours. *set is NULL when the
 * object is gone, and that is no failure.
 */
static int change(struct run *r, const struct step_kind *kind, const char *object, const char *from, const char *to,
		  bool retire, char **set)
{
	struct isolat_error why;
	int failed;

	*set = NULL;
	if (begin(r, kind->name, object, from, to, retire))
		return -1;
	failed = kind->write(r->t->config.host, object, from, to, r->err);
	r->written += !failed;
	if (kind->read(r->t->config.host, object, set, failed ? &why : r->err))
		return -1;
	if (journal_set(&r->t->journal, *set, failed ? &why : r->err))
		return -1;
	return failed && *set ? -1 : 0;
}

/* ---- What is no longer asked for ---- */

/* What cannot come back any more is left, and named, and keeps nothing else from being applied. */
static int leave(struct run *r, const json_t *entry, int rc)
{
	if (!rc || r->err->code != ISOLAT_DRIFT)
		return rc;
	transaction_report(r->t, entry, r->err->reason);
	return 0;
}

static int retire_to(struct run *r, const json_t *entry, const char *now, const char *to)
{
	const char *object = transaction_text(entry, "object");
	char *set;
	int rc = change(r, transaction_kind_of(r->t, entry), object, now, to, true, &set);

	if (!rc && set && strcmp(set, to) != 0) {
		struct isolat_error other;

		transaction_other(object, now, to, set, &other);
		transaction_report(r->t, entry, other.reason);
	}
	free(set);
	return leave(r, entry, rc);
}

/* Somebody has changed it since. */
static int retire_part(struct run *r, const json_t *entry, const char *now)
{
	char *to, *theirs;
	int rc;

	if (!transaction_part(r->t, entry, now, &to, &theirs)) {
		transaction_left(r->t, entry, now);
		return 0;
	}
	rc = to ? retire_to(r, entry, now, to) : 0;
	if (theirs)
		transaction_left_part(r->t, entry, theirs);
	free(theirs);
	free(to);
	return rc;
}

static int retire(struct run *r, const json_t *entry)
{
	const char *before = transaction_text(entry, "before");
	char *now = NULL;
	int rc = transaction_kind_of(r->t, entry)
			 ->read(r->t->config.host, transaction_text(entry, "object"), &now, r->err);

	if (!rc && now && strcmp(now, before) != 0)
		rc = strcmp(now, transaction_text(entry, "set")) != 0 ? retire_part(r, entry, now)
								      : retire_to(r, entry, now, before);
	free(now);
	return rc ? -1 : leave(r, entry, transaction_follow(r->t, entry, r->err));
}

/* What changes with an object that is about to be removed comes back with it, should this be taken back: as it is now.
 */
static int note_value(struct run *r, const json_t *entry)
{
	const struct step_kind *kind = transaction_kind_of(r->t, entry);
	const char *object = transaction_text(entry, "object");
	char *now = NULL;
	int rc = kind->read(r->t->config.host, object, &now, r->err);

	if (!rc && now)
		rc = begin(r, kind->name, object, now, NULL, true);
	free(now);
	return rc;
}

static bool goes_with_retired(const struct run *r, size_t i)
{
	return r->owner[i] != NO_OWNER && !is_mentioned(r, json_array_get(r->base, r->owner[i]));
}

/* One that a step gives another value. All others of its kind are retired before what they fall with, for they came
 * after. */
static bool falls_with_retired(const struct run *r, const json_t *entry)
{
	json_t *owner;
	size_t i;

	json_array_foreach (r->retired, i, owner) {
		if (transaction_falls_with(r->t, entry, transaction_text(entry, "set"), owner))
			return true;
	}
	return false;
}

/* One that a step gives another value, and that keeps what is to go from being removed until then. */
static bool keeps_retired(const struct run *r, const json_t *entry)
{
	json_t *other;
	size_t i;

	json_array_foreach (r->retired, i, other) {
		if (transaction_keeps(r->t, entry, other))
			return true;
	}
	return false;
}

/* On the way back through the record. */
static int retire_or_note(struct run *r, const json_t *entry, size_t i)
{
	if (goes_with_retired(r, i))
		return note_value(r, entry);
	if (!is_mentioned(r, entry) || keeps_retired(r, entry))
		return retire(r, entry);
	return falls_with_retired(r, entry) ? note_value(r, entry) : 0;
}

/* What was to go with entry @i, and is still there, is retired like any other. */
static int retire_rest(struct run *r, size_t i)
{
	for (size_t k = json_array_size(r->base); --k > i;) {
		const json_t *entry = json_array_get(r->base, k);

		if (r->owner[k] == i && !is_mentioned(r, entry) && retire(r, entry))
			return -1;
	}
	return 0;
}

static int retire_all(struct run *r)
{
	const json_t *record = r->base;

	for (size_t i = json_array_size(record); i-- > 0;) {
		const json_t *entry = json_array_get(record, i);

		if (transaction_interrupted(r->t, r->err) || retire_or_note(r, entry, i) ||
		    (!is_mentioned(r, entry) && retire_rest(r, i)))
			return -1;
	}
	return 0;
}

/* ---- The steps ---- */

/*
 * An object that is as it was before all this, and was asked to be so, is not ours and not recorded; but within what
 * isolat made everything is: the schemata of its own group, that happened to be right when the group was made.
 */
static int record(struct run *r, const struct step *step, const char *before, const char *set)
{
	json_t *entry = transaction_entry_new(step->kind->name, step->object, before, step->to, set, r->err);

	if (!entry)
		return -1;
	if (!strcmp(before, step->to) && !strcmp(before, set) &&
	    transaction_owner(r->t, entry, r->next, json_array_size(r->next)) == NO_OWNER) {
		json_decref(entry);
		return 0;
	}
	return json_array_append_new(r->next, entry) ? no_memory(r) : 0;
}

static int add_late(struct run *r, const struct step *step, const char *before)
{
	if (r->n_late == r->late_room) {
		size_t room = r->late_room ? 2 * r->late_room : 64;
		struct late *more = reallocarray(r->late, room, sizeof(*more));

		if (!more)
			return no_memory(r);
		r->late = more;
		r->late_room = room;
	}
	r->late[r->n_late] = (struct late){ .step = step, .before = strdup(before) };
	return r->late[r->n_late].before ? (r->n_late++, 0) : no_memory(r);
}

static int change_late(struct run *r, const struct step *step, const char *before, const char *now)
{
	if (begin(r, step->kind->name, step->object, now, step->to, false) ||
	    step->kind->write(r->t->config.host, step->object, now, step->to, r->err))
		return -1;
	r->written++;
	return add_late(r, step, before);
}

static int read_back(struct run *r, const struct late *late)
{
	char *set = NULL;
	int rc = late->step->kind->read(r->t->config.host, late->step->object, &set, r->err) ||
		 journal_set(&r->t->journal, set, r->err) || (set && record(r, late->step, late->before, set));

	free(set);
	return rc ? -1 : 0;
}

static void drop_late(struct run *r)
{
	for (size_t i = 0; i < r->n_late; i++)
		free(r->late[i].before);
	r->n_late = 0;
}

/* Before a step of another kind, and in the end. */
static int read_all_back(struct run *r)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < r->n_late; i++)
		rc = read_back(r, &r->late[i]);
	drop_late(r);
	return rc;
}

static int change_and_record(struct run *r, const struct step *step, const char *before, const char *now)
{
	char *set;
	int rc;

	if (step->kind->reads_late)
		return change_late(r, step, before, now);
	rc = change(r, step->kind, step->object, now, step->to, false, &set);
	if (!rc && set)
		rc = record(r, step, before, set);
	free(set);
	return rc;
}

/* @entry is the record's for it, or NULL. */
static int run_from(struct run *r, const struct step *step, const json_t *entry, const char *now)
{
	bool ours = entry && !strcmp(now, transaction_text(entry, "set"));
	bool asked = ours && !strcmp(step->to, transaction_text(entry, "to"));
	char *before;
	int rc;

	/* What somebody else has made as it is asked for is theirs, and stays so; of a value with parts, those are. */
	if ((!entry || (!ours && !step->kind->part)) && !strcmp(now, step->to))
		before = strdup(now);
	else if (!entry)
		before = strdup(transaction_home(step->kind, r->base, now));
	else
		before = transaction_origin(r->t, entry, now);
	if (!before)
		return no_memory(r);
	if (asked || !strcmp(now, step->to))
		rc = record(r, step, before, now);
	else
		rc = change_and_record(r, step, before, now);
	free(before);
	return rc;
}

static int run_step(struct run *r, const struct step *step)
{
	char *now = NULL;
	int rc;

	if (step->kind->read(r->t->config.host, step->object, &now, r->err))
		return -1;
	rc = now ? run_from(r, step, look_up(r->entries, step->kind->name, step->object), now) : 0;
	free(now);
	return rc;
}

/* ---- All of it ---- */

static int run_all(struct run *r, const struct step *steps, size_t n)
{
	if (!r->mentioned || !r->entries || !r->retired || !r->next)
		return no_memory(r);
	if (note_steps(r, steps, n) || note_entries(r) || retire_all(r))
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (r->n_late && r->late[0].step->kind != steps[i].kind && read_all_back(r))
			return -1;
		if (transaction_interrupted(r->t, r->err) || run_step(r, &steps[i]))
			return -1;
	}
	return read_all_back(r);
}

int transaction_run(struct transaction *t, const struct step *steps, size_t n, size_t *written,
		    struct isolat_error *err)
{
	struct run r = { .t = t, .base = t->next ? t->next : t->journal.record, .err = err };
	struct isolat_error ignored;
	int rc;

	if (written)
		*written = 0;
	if (transaction_may_write(t, WHAT, err))
		return -1;
	r.mentioned = json_object();
	r.entries = json_object();
	r.retired = json_array();
	r.next = json_array();
	rc = run_all(&r, steps, n);
	drop_late(&r);
	free(r.late);
	free(r.owner);
	json_decref(r.mentioned);
	json_decref(r.entries);
	json_decref(r.retired);
	if (written)
		*written = r.written;
	json_decref(t->next);
	t->next = rc ? NULL : r.next;
	if (!rc)
		return 0;
	json_decref(r.next);
	(void)transaction_roll_back(t, &ignored);
	return -1;
}
