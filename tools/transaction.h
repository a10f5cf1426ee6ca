/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Steps, all of them or none, and the way back.
 *
 * A folder (/run/isolat) holds a lock file and a journal for each name ("apply"). The journal has two parts. The record
 * is what stands applied: for every object that was changed its kind, the value before the first change, the value
 * asked for, and the value that was read back. The tail, while a transaction is under way, is the steps it has begun,
 * each written (and on disk) before its object is touched, and then what was read back. Committing makes a new record
 * of the old one and the tail, in a new file that takes the journal's place by rename; an empty record that is about
 * nothing removes it.
 *
 * A tail without a living owner is what a kill -9, or a crash, has left. Whoever comes next takes it back first.
 *
 * Taking back, in the reverse order of the steps, is decided by what is there now:
 *   as before the step            nothing is to be done, it did not happen or is undone already
 *   as it was read back, or, if it was killed before reading back, as it was asked for: the value before is written
 *   gone                          it counts as undone
 *   anything else                 somebody has changed it since: it is reported, left, and forgotten; where a value has
 *                                 parts (step_kind.part), those alone that somebody has changed
 * So taking back can be done any number of times, and needs no record of itself; that an undo has begun is noted, but
 * for readers only. An inverse that fails is reported, and stays on record (a step's as an entry), so that the next
 * undo tries again. Unless it cannot succeed any more (it fails with ISOLAT_DRIFT; or it is done, and the object has
 * become a third value): then it is reported and forgotten, too.
 */
#ifndef ISOLAT_TRANSACTION_H
#define ISOLAT_TRANSACTION_H

#include <jansson.h>

#include "journal_folder.h"
#include "step.h"

#define TRANSACTION_FOLDER "/run/isolat"

/* What to say of a host that transaction_is_half_made(). */
#define TRANSACTION_HALF_MADE \
	"half made by an isolat that was killed, or failed: isolat undo takes that back, or the next isolat apply"

struct transaction_config {
	const char *folder;		      /* NULL: TRANSACTION_FOLDER; made, mode 0755, if it is not there */
	const char *name;		      /* of the journal: letters, digits, '-' */
	unsigned int lock_ms;		      /* how long to wait for another isolat, at most */
	const struct journal_folder *locked;  /* the folder, open and locked already; NULL: not. Borrowed */
	const struct step_kind *const *kinds; /* NULL-terminated: all that a journal may hold */
	void *host;			      /* for the kinds */
	/*
	 * Called for every inverse that no longer applies, or that failed, with the reason, and with what the object
	 * was before. May be NULL.
	 */
	void (*left)(void *data, const char *kind, const char *object, const char *why, const char *before);
	/* Asked before each step of a run, and before a commit: where it fails they do, and all is taken back. May be
	 * NULL. */
	int (*interrupted)(void *data, struct isolat_error *err);
	void *data;
};

struct transaction;

/*
 * Opens the journal, taking the folder's lock (exclusive: one isolat at a time changes a host; shared with @read_only).
 * A wait that ends without it fails with ISOLAT_FAILED and says who holds it (PID and command). Takes back the tail
 * that a dead process left, unless @read_only: *recovered says so (may be NULL). A journal that cannot be understood,
 * or is of another version, fails with ISOLAT_FAILED. One of another boot is removed, for nothing of it is left, and
 * is an empty record; so is, for a reader, one that is not there, or whose folder is not.
 */
int transaction_open(const struct transaction_config *config, bool read_only, struct transaction **t, bool *recovered,
		     struct isolat_error *err);

/* Ends the lock. A transaction that was neither committed nor taken back is taken back. Also of NULL. */
void transaction_close(struct transaction *t);

/*
 * Whether the host was left half made: a tail (only a reader finds one, for others it was taken back), an undo that had
 * begun and was not ended, or what could not be taken back. The next undo that takes back all ends it, and so does the
 * next commit.
 */
bool transaction_is_half_made(const struct transaction *t);

/* What the last transaction_commit() was given; NULL if nothing stands applied. Borrowed. */
const json_t *transaction_about(const struct transaction *t);

/* One object of the record. Texts are borrowed, until the next commit. */
struct transaction_entry {
	const struct step_kind *kind;
	const char *object;
	const char *before; /* the first change */
	const char *to;	    /* asked for */
	const char *set;    /* read back */
};

size_t transaction_count(const struct transaction *t);
struct transaction_entry transaction_entry(const struct transaction *t, size_t i);

/*
 * Makes the host as @steps say, in their order, and no more than that: what the record holds and @steps do not is taken
 * back first, in reverse order. A step whose object was asked for the same before, and still reads as it was read back
 * then, is not written; nor is one whose object already has the value: that is not recorded either, it is not ours
 * (unless it goes with an object that is: all of a group that isolat made is isolat's).
 * *written (may be NULL) counts writes to the host.
 *
 * When a step fails all of this is taken back, and @err is the step's. An object that is gone when its step comes
 * (a thread that ended) is left out. An object that somebody else has changed since the last commit gets the value
 * asked for, and its value before stays that before the first change; of a value with parts (step_kind.part) what is
 * theirs becomes part of the value before. One step for an object.
 *
 * Several runs may come before a commit, each as if those before it were committed; when one fails, all are taken back.
 */
int transaction_run(struct transaction *t, const struct step *steps, size_t n, size_t *written,
		    struct isolat_error *err);

/* The steps so far stand; @about (borrowed) goes into the record. What fails to be written is all taken back. */
int transaction_commit(struct transaction *t, const json_t *about, struct isolat_error *err);

/*
 * Takes back the whole record, and removes the journal. *written counts. What was left, since somebody else has changed
 * it, is not an error. An inverse that failed is: what could not be taken back, and only that, stays on record.
 */
int transaction_undo(struct transaction *t, size_t *written, struct isolat_error *err);

/*
 * Compares each object of the record with the host: calls @see for each that is not as it was read back, @now being
 * NULL if it is gone. Returns how many, or -1.
 */
int transaction_verify(struct transaction *t,
		       void (*see)(void *data, const struct transaction_entry *entry, const char *now), void *data,
		       struct isolat_error *err);

#endif
