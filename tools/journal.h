/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The file of a transaction (transaction.h says what its two parts are): FOLDER/NAME.journal, JSON lines, described in
 * docs/journal.md. What this knows is how they get there and back whole; what they mean is the transaction's.
 *
 * An entry of the record is {"kind", "object", "before", "to", "set"}. A step of the tail is {"kind", "object", "from",
 * "to", "retire"}, and "set" once it was read back (null: the object was gone then). "to" is null for what is not
 * written, but goes with an object that a later step removes.
 */
#ifndef ISOLAT_JOURNAL_H
#define ISOLAT_JOURNAL_H

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

#include <jansson.h>

#include <isolat/error.h>

struct journal {
	int folder; /* borrowed; -1: there is none */
	int fd;	    /* -1: there is no journal */
	char file[64];
	char path[PATH_MAX]; /* for messages */
	json_t *about;	     /* NULL: none */
	json_t *record, *tail;
	size_t n_set;	  /* of the tail: all before it are read back, or need not be */
	bool undoing;	  /* an undo of the record had begun, or the record is what one could not take back */
	off_t record_end; /* where the tail begins: behind the note of an undo, too */
	off_t end;	  /* of the last whole line */
	bool torn;	  /* there is something behind that */
};

/* Letters, digits and '-', not too many. */
bool journal_is_name(const char *name);

/*
 * Reads the journal called @name in the folder that is open as @folder and called @folder_name. That there is none is
 * an empty record. So is one of another boot: it is removed, unless @read_only. Refuses what others than the caller and
 * root can have written, and what it does not understand. The caller closes, also after a failure.
 */
int journal_open(struct journal *j, int folder, const char *folder_name, const char *name, bool read_only,
		 struct isolat_error *err);
void journal_close(struct journal *j);

/* Adds a step (takes the reference; NULL fails) to the tail, in one write, and waits until it is on disk. */
int journal_begin(struct journal *j, json_t *step, struct isolat_error *err);

/* The oldest step of the tail that was not read back and has to be; NULL: there is none. */
json_t *journal_unset(struct journal *j);

/* Says what the oldest step that this was not said of was read back as; NULL: gone. In memory it is known even when
 * this fails. */
int journal_set(struct journal *j, const char *now, struct isolat_error *err);

/* Forgets the tail. Needs no room on the disk. */
int journal_cut(struct journal *j, struct isolat_error *err);

/*
 * Makes @record, with @about (may be NULL), the record, and the tail empty: a new file takes the old one's place. An
 * empty record without @about removes the journal. Both are borrowed. After a failure the old journal stands.
 */
int journal_replace(struct journal *j, json_t *record, json_t *about, struct isolat_error *err);

/* The same for what could not be taken back: what it is about stays, and behind it is the note of an undo. */
int journal_keep(struct journal *j, json_t *record, struct isolat_error *err);

/*
 * Notes, behind a record that has entries, that from now on the host is less than it says: until the record is
 * replaced, or removed. There must be no tail. It is for readers only, so that a disk without room for it, on which an
 * undo has to succeed all the same, is no failure.
 */
void journal_undo_begins(struct journal *j);

#endif
