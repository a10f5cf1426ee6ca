// SPDX-License-Identifier: BSD-3-Clause
#include "transaction_impl.h"

#include <stdlib.h>
#include <string.h>

/* ---- Items ---- */

const char *transaction_text(const json_t *item, const char *key)
{
	return json_string_value(json_object_get(item, key));
}

const struct step_kind *transaction_kind(const struct transaction *t, const char *name)
{
	for (const struct step_kind *const *kind = t->config.kinds; *kind; kind++) {
		if (!strcmp((*kind)->name, name))
			return *kind;
	}
	return NULL;
}

const struct step_kind *transaction_kind_of(const struct transaction *t, const json_t *item)
{
	return transaction_kind(t, transaction_text(item, "kind"));
}

bool transaction_goes_with(const struct transaction *t, const json_t *item, const json_t *owner)
{
	const struct step_kind *kind = transaction_kind_of(t, item);

	return kind->goes_with && kind->goes_with(transaction_text(item, "object"), transaction_text(owner, "kind"),
						  transaction_text(owner, "object"));
}

bool transaction_falls_with(const struct transaction *t, const json_t *item, const char *value, const json_t *owner)
{
	const struct step_kind *kind = transaction_kind_of(t, item);

	return kind->falls_with &&
	       kind->falls_with(value, transaction_text(owner, "kind"), transaction_text(owner, "object"));
}

bool transaction_keeps(const struct transaction *t, const json_t *entry, const json_t *other)
{
	const struct step_kind *kind = transaction_kind_of(t, entry);

	return kind->keeps && kind->keeps(transaction_text(entry, "set"), transaction_text(other, "kind"),
					  transaction_text(other, "object"));
}

const char *transaction_home(const struct step_kind *kind, const json_t *record, const char *now)
{
	const json_t *owner;
	size_t i;

	if (!kind->falls_with)
		return now;
	json_array_foreach ((json_t *)record, i, owner) {
		if (kind->falls_with(now, transaction_text(owner, "kind"), transaction_text(owner, "object")))
			return kind->falls_to;
	}
	return now;
}

size_t transaction_owner(const struct transaction *t, const json_t *item, const json_t *items, size_t n)
{
	if (!transaction_kind_of(t, item)->goes_with)
		return NO_OWNER;
	while (n-- > 0) {
		if (transaction_goes_with(t, item, json_array_get(items, n)))
			return n;
	}
	return NO_OWNER;
}

json_t *transaction_entry_new(const char *kind, const char *object, const char *before, const char *to, const char *set,
			      struct isolat_error *err)
{
	json_error_t why;
	json_t *entry = json_pack_ex(&why, 0, "{s:s, s:s, s:s, s:s, s:s}", "kind", kind, "object", object, "before",
				     before, "to", to, "set", set);

	if (!entry)
		isolat_fail(err, ISOLAT_FAILED, "write the journal", object, "%s", why.text);
	return entry;
}

int transaction_may_write(struct transaction *t, const char *what, struct isolat_error *err)
{
	if (t->read_only)
		return isolat_fail(err, ISOLAT_USAGE, what, t->journal.path, "it was opened to read");
	return t->next ? 0 : transaction_roll_back(t, err);
}

int transaction_interrupted(const struct transaction *t, struct isolat_error *err)
{
	return t->config.interrupted ? t->config.interrupted(t->config.data, err) : 0;
}

/* ---- Opening and closing ---- */

static int check_kinds(const struct transaction *t, const json_t *items, struct isolat_error *err)
{
	json_t *item;
	size_t i;

	json_array_foreach (items, i, item) {
		if (!transaction_kind_of(t, item))
			return isolat_fail(err, ISOLAT_FAILED, "read the journal", t->journal.path,
					   "what a '%s' is, is not known", transaction_text(item, "kind"));
	}
	return 0;
}

static int open_journal(struct transaction *t, struct isolat_error *err)
{
	const char *folder = t->config.folder ? t->config.folder : TRANSACTION_FOLDER;
	const struct journal_folder *locked = t->config.locked;

	if (!locked && journal_folder_open(&t->folder, folder, !t->read_only, t->config.lock_ms, err))
		return -1;
	if (!locked)
		locked = &t->folder;
	if (journal_open(&t->journal, locked->fd, folder, t->config.name, t->read_only, err))
		return -1;
	return check_kinds(t, t->journal.record, err) || check_kinds(t, t->journal.tail, err) ? -1 : 0;
}

static void end(struct transaction *t)
{
	json_decref(t->next);
	journal_close(&t->journal);
	journal_folder_close(&t->folder);
	free(t);
}

int transaction_open(const struct transaction_config *config, bool read_only, struct transaction **t, bool *recovered,
		     struct isolat_error *err)
{
	bool has_tail;

	*t = NULL;
	if (!journal_is_name(config->name))
		return isolat_fail(err, ISOLAT_USAGE, "open the journal", config->name, "this cannot be its name");
	*t = calloc(1, sizeof(**t));
	if (!*t)
		return isolat_fail(err, ISOLAT_FAILED, "open the journal", config->name, "out of memory");
	**t = (struct transaction){
		.config = *config, .folder = { .fd = -1, .lock = -1 }, .journal = { .fd = -1 }, .read_only = read_only
	};
	if (open_journal(*t, err))
		goto failed;
	has_tail = json_array_size((*t)->journal.tail);
	if (!read_only && transaction_roll_back(*t, err))
		goto failed;
	if (recovered)
		*recovered = !read_only && has_tail;
	return 0;
failed:
	end(*t);
	*t = NULL;
	return -1;
}

void transaction_close(struct transaction *t)
{
	struct isolat_error ignored; /* what fails is left to whoever opens next */

	if (!t)
		return;
	if (!t->read_only)
		(void)transaction_roll_back(t, &ignored);
	end(t);
}

/* ---- The record ---- */

bool transaction_is_half_made(const struct transaction *t)
{
	return json_array_size(t->journal.tail) || t->journal.undoing;
}

const json_t *transaction_about(const struct transaction *t)
{
	return t->journal.about;
}

size_t transaction_count(const struct transaction *t)
{
	return json_array_size(t->journal.record);
}

struct transaction_entry transaction_entry(const struct transaction *t, size_t i)
{
	const json_t *entry = json_array_get(t->journal.record, i);

	return (struct transaction_entry){
		.kind = transaction_kind_of(t, entry),
		.object = transaction_text(entry, "object"),
		.before = transaction_text(entry, "before"),
		.to = transaction_text(entry, "to"),
		.set = transaction_text(entry, "set"),
	};
}

int transaction_commit(struct transaction *t, const json_t *about, struct isolat_error *err)
{
	struct isolat_error ignored;
	json_t *copy;
	int rc;

	if (transaction_may_write(t, "commit", err))
		return -1;
	copy = json_deep_copy(about);
	if (about && !copy)
		return isolat_fail(err, ISOLAT_FAILED, "commit", t->journal.path, "out of memory");
	rc = transaction_interrupted(t, err) ||
	     journal_replace(&t->journal, t->next ? t->next : t->journal.record, copy, err);
	json_decref(copy);
	if (rc)
		(void)transaction_roll_back(t, &ignored);
	json_decref(t->next);
	t->next = NULL;
	return rc ? -1 : 0;
}

int transaction_verify(struct transaction *t,
		       void (*see)(void *data, const struct transaction_entry *entry, const char *now), void *data,
		       struct isolat_error *err)
{
	int differ = 0;

	for (size_t i = 0; i < transaction_count(t); i++) {
		struct transaction_entry entry = transaction_entry(t, i);
		char *now = NULL;

		if (entry.kind->read(t->config.host, entry.object, &now, err))
			return -1;
		if (!now || strcmp(now, entry.set)) {
			differ++;
			if (see)
				see(data, &entry, now);
		}
		free(now);
	}
	return differ;
}
