/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A host of some twenty objects in shared memory, which outlives the process that changes it, and the kinds of steps
 * for them; and system calls of the journal's that can be counted, made to fail, or be the caller's last.
 *
 *   group   "a".."d": absent or present, two at a time at most. Removing one takes its files and empties it of threads.
 *   file    "a/mask", "a/cpus": not there without the group; what a new one begins with depends on what there is
 *   rounds  "a/bw", "mb0", "mb1": given 65, reads 70
 *   thread  "1@1".."6@1": the name of its group, "" for none
 *   plain   "p0".."p3"
 */
#ifndef TRANSACTION_STORE_H
#define TRANSACTION_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "transaction_fixture.h"

#define STORE_GROUPS	4
#define STORE_GROUP_MAX 2
#define STORE_FILES	3 /* of a group */
#define STORE_THREADS	6
#define STORE_PLAIN	4
#define STORE_ROUNDS	2
#define STORE_OBJECTS	(STORE_GROUPS * (1 + STORE_FILES) + STORE_THREADS + STORE_PLAIN + STORE_ROUNDS)

struct store_object {
	char name[8];
	char value[24];
	bool gone;
};

struct store {
	struct store_object object[STORE_OBJECTS];
};

/* What tests watch and break; in memory shared with the processes that they start. */
struct store_control {
	unsigned int writes;	   /* to objects, tried */
	uint64_t fail_writes;	   /* bit N - 1: the Nth fails */
	bool fail_after;	   /* having written all the same, or, of plain ones, "half" */
	const char *fail_object;   /* every write of this one fails */
	const char *stubborn;	   /* this one's writes do nothing, and say that they did */
	unsigned int journal;	   /* writes to files */
	unsigned int fail_journal; /* the first that finds the disk full, and all after it; 0: none */
	bool torn;		   /* half of it still gets there */
	bool armed;		   /* from here on only while armed */
	unsigned int points;	   /* at which the process can be killed */
	unsigned int kill_at;	   /* 0: none */
};

extern struct store *store;
extern struct store_control *control;
extern const struct step_kind store_group, store_file, store_rounds, store_thread, store_plain;
extern const struct step_kind *const store_kinds[];

/* Once: the shared memory. Then, as often as wanted, the host as it was at the beginning. */
void store_make(void);
void store_reset(void);

/* Not by a step: somebody else does it. NULL: the object is gone. */
void store_force(const char *name, const char *value);
const char *store_value(const char *name);

/* Every object is as in @wanted. */
void store_assert(const struct store *wanted);

/* A step for @name, of the kind that it is of. */
struct step store_step(const char *name, const char *to);

/* A group's setup: all of it, and the folder. */
int store_make_all(void **state);
struct transaction_config store_config(void);
struct transaction *store_open(bool read_only, bool *recovered);

/* transaction_is_half_made(), as a reader sees it. */
bool store_is_half_made(void);
/* transaction_run() of "OBJECT=VALUE ...". */
int store_run(struct transaction *t, const char *text, size_t *written);
/* What is on record, "OBJECT:BEFORE>TO=SET ...", by who only reads or (which recovers) does not. */
const char *store_record(bool read_only);

/* Runs @act in a process of its own, armed, which dies at point @kill_at; whether it was killed (else it exited with
 * 0). */
bool store_killed(unsigned int kill_at, int (*act)(void *), void *data);

#endif
