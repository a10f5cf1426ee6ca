/* SPDX-License-Identifier: BSD-3-Clause */
/* What the parts of a transaction share. Items are JSON as the journal has them: entries of the record, steps. */
#ifndef ISOLAT_TRANSACTION_IMPL_H
#define ISOLAT_TRANSACTION_IMPL_H

#include "journal.h"
#include "journal_folder.h"
#include "transaction.h"

struct transaction {
	struct transaction_config config;
	struct journal_folder folder; /* not open where the caller has it */
	struct journal journal;
	bool read_only;
	json_t *next; /* what committing makes the record; NULL: nothing was run since */
};

/* A text of an item; NULL where it has none. Borrowed. */
const char *transaction_text(const json_t *item, const char *key);

/* NULL: no such kind. */
const struct step_kind *transaction_kind(const struct transaction *t, const char *name);

/* An item's; all kinds in a journal were found to be known when it was opened. */
const struct step_kind *transaction_kind_of(const struct transaction *t, const json_t *item);

/* Whether a change of @item is gone when the object of @owner is removed. */
bool transaction_goes_with(const struct transaction *t, const json_t *item, const json_t *owner);

/* Whether an object of @item's kind gets another value than @value when the object of @owner is removed. */
bool transaction_falls_with(const struct transaction *t, const json_t *item, const char *value, const json_t *owner);

/* Whether the object of @entry, as the record has it, keeps that of @other from being removed. */
bool transaction_keeps(const struct transaction *t, const json_t *entry, const json_t *other);

/* Which of the first @n @items @item goes with; NO_OWNER if none. */
#define NO_OWNER ((size_t)-1)
size_t transaction_owner(const struct transaction *t, const json_t *item, const json_t *items, size_t n);

/* A new reference; NULL with @err filled. */
json_t *transaction_entry_new(const char *kind, const char *object, const char *before, const char *to, const char *set,
			      struct isolat_error *err);

/* Fails where the caller may only read, or where there is still a tail that could not be taken back when its run
 * failed. */
int transaction_may_write(struct transaction *t, const char *what, struct isolat_error *err);

/* Fails where the caller says that no more steps are to be begun. */
int transaction_interrupted(const struct transaction *t, struct isolat_error *err);

/* Reports an item whose inverse no longer applies: with @why, or since it is @now, or since its part @theirs is so. */
void transaction_report(const struct transaction *t, const json_t *item, const char *why);
void transaction_left(const struct transaction *t, const json_t *item, const char *now);
void transaction_left_part(const struct transaction *t, const json_t *item, const char *theirs);

/*
 * What an object that has no entry in @record is to come back to, should it be changed from @now. A thread that was
 * born in a group of isolat's has never been elsewhere; but that group can be gone when it is to come back. Borrowed.
 */
const char *transaction_home(const struct step_kind *kind, const json_t *record, const char *now);

/* As step_kind.part; false also for a kind whose values have no parts. */
bool transaction_part(const struct transaction *t, const json_t *item, const char *now, char **to, char **theirs);

/*
 * What the object of @entry is to come back to in the end, should it be changed from @now: the value before the first
 * change, but with those parts as they are @now that somebody else has changed since. The caller frees it; NULL: no
 * memory.
 */
char *transaction_origin(const struct transaction *t, const json_t *entry, const char *now);

/* As step_kind.follow. */
int transaction_follow(const struct transaction *t, const json_t *item, struct isolat_error *err);

/* Fills @err with an object that is @after, where @to was written over @now, which said that it was done. Returns -1.
 */
int transaction_other(const char *object, const char *now, const char *to, const char *after, struct isolat_error *err);

/*
 * Takes back what the steps of the tail did, and forgets them. A step whose inverse fails becomes an entry of the
 * record, so that undoing tries again. Fails only when the journal cannot be written: then the tail stays, for the
 * next.
 */
int transaction_roll_back(struct transaction *t, struct isolat_error *err);

#endif
