/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What isolat changes on a host is a row of steps, each of which gives one object one value: a group "present", a
 * schemata file its lines, a thread its group. Of every kind of object there is one way to read it and one way to
 * write it, and the inverse of a step is to write what was read before. A new kind (an affinity, a cgroup's file) is
 * one more entry in a table: transaction.h does not change for it.
 */
#ifndef ISOLAT_STEP_H
#define ISOLAT_STEP_H

#include <stdbool.h>
#include <stddef.h>

#include <isolat/error.h>

struct step_kind {
	const char *name; /* in the journal and in messages: "group", "schemata", "task" */
	/*
	 * The object's value now, in one form only (so that strcmp() compares), which the caller frees; NULL where the
	 * object is not there: a thread that ended, the file of a group that was removed.
	 */
	int (*read)(void *host, const char *object, char **value, struct isolat_error *err);
	/*
	 * Gives it the value @to, in one operation on the host. @from is what was read just before. Need not read back:
	 * who calls does. Fails with ISOLAT_DRIFT where it cannot have that value any more, whatever is tried, since
	 * others have changed what the value depends on: an inverse is left out then. After any other failure it can be
	 * tried again.
	 */
	int (*write)(void *host, const char *object, const char *from, const char *to, struct isolat_error *err);
	/*
	 * Whether a change that this step made is undone with the object that @kind and @object name, when that is
	 * removed: the schemata of a group that is isolat's. NULL: never. Undo then leaves it out, whatever it is now.
	 */
	bool (*goes_with)(const char *object, const char *kind, const char *other);
	/*
	 * Whether an object that has @value gets another when the object that @kind and @other name is removed: a
	 * thread in a group. It then has to come back into the group, should the removal be taken back. NULL: never.
	 */
	bool (*falls_with)(const char *value, const char *kind, const char *other);
	/* And what value it has when all such objects that isolat has made are removed. */
	const char *falls_to;
	/*
	 * Whether an object that has @value keeps the object that @kind and @other name from being removed: a process
	 * in a cgroup. It is then first given back what it was, also where a step has something new for it. NULL:
	 * never.
	 */
	bool (*keeps)(const char *value, const char *kind, const char *other);
	/*
	 * Whether writing @to over @from can have made @now, of hardware that rounds: who was killed between writing
	 * and reading back has not said what it became. NULL: only @to itself.
	 */
	bool (*made)(const char *from, const char *to, const char *now);
	/*
	 * Of a value with several parts (a schemata's domains), some of which somebody has changed since: *to is @now,
	 * with all that is as in @set as it was @before (NULL: there is no such part); *theirs is the rest of it
	 * (NULL: there is none). The caller frees both. Returns false where that cannot be told. NULL: a value is one.
	 */
	bool (*part)(const char *before, const char *set, const char *now, char **to, char **theirs);
	/*
	 * What has come to @set by the object, and is in no record: the processes that one has forked in its cgroup.
	 * It is given what the object was @before. Called when a step is taken back, of an object that is gone, too;
	 * not of one that comes back to what an earlier commit has made it, for there others may have come to @set
	 * whom that has put there. NULL: there is no such thing.
	 */
	int (*follow)(void *host, const char *object, const char *set, const char *before, struct isolat_error *err);
	/*
	 * Reading is dear, and what one step of this kind has written no other changes: they are read back when all
	 * that follow one another are written. A write that fails has changed nothing, or made what made() says.
	 */
	bool reads_late;
};

struct step {
	const struct step_kind *kind;
	const char *object; /* "isolat-db", "1234@567890" (a thread: TID, '@', start time in clock ticks) */
	const char *to;
};

#endif
