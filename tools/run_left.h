/* SPDX-License-Identifier: BSD-3-Clause */
/* The journals of isolat run: each run has its own, named after its process, until its command has ended. */
#ifndef ISOLAT_RUN_LEFT_H
#define ISOLAT_RUN_LEFT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "applied.h"

#define RUN_PREFIX    "run-"
#define RUN_NAME_SIZE 64
#define RUN_SHARED    "runs" /* the journal of what all runs share, made by the first and taken back after the last */

/* "run-PID-START" of the process @pid, which has to be there; START as in /proc/PID/stat; "-x" behind it if exclusive.
 */
int run_journal_name(pid_t pid, bool exclusive, char name[RUN_NAME_SIZE], struct isolat_error *err);

/* Whether the process of the journal @name lives: *pid. One that is a zombie does not. */
bool run_left_is_at_work(const char *name, pid_t *pid);

/* Whether the journal @name is there: it is not when nothing was made, or all was taken back. */
bool run_left_is_there(const char *name);

/*
 * What a journal is to say of a run whose command is pinned to @cpus, a list: they, what we may run on ourselves, and
 * @occupied (NULL: nothing), what other runs are to leave alone. NULL: no memory.
 */
json_t *run_left_about(const struct step_host *host, const char *cpus, const char *occupied);

/*
 * The CPUs that runs at work occupy, as one list for the caller to free, "" if none. Opens their journals one by one,
 * so none may be open. NULL with @err filled.
 */
char *run_left_occupied(const struct applied_options *options, struct isolat_error *err);

/* The names of other runs' journals, in a row, for the caller to free: who has the same later has seen them all. */
char *run_left_names(void);

/* Makes @steps, unless an earlier run has: what runs share. @a is open to change. */
int run_left_share(struct applied *a, const struct step *steps, size_t n, struct isolat_error *err);

/*
 * Takes back what the journal @name holds and, where no other run is at work, what runs share. @options->left is told
 * what is left as it is. Processes that leave the run's own groups and have its CPUs get those that isolat run itself
 * had.
 */
int run_left_take_back_one(const struct applied_options *options, const char *name, struct isolat_error *err);

/*
 * Takes back what runs have left that were killed (*n: how many), of all that it can, then what runs share if none is
 * left, and fails in the end with the first that withstood.
 */
int run_left_take_back(const struct applied_options *options, size_t *n, struct isolat_error *err);

/*
 * run_left_take_back(), then applied_open(); both again where a run was killed while this waited for the locks. Where
 * one withstands, @stuck is filled and *is_stuck set, and it is opened all the same; @stuck NULL: it is not, and this
 * fails.
 */
int run_left_open(const struct applied_options *options, enum applied_use use, struct applied *a, size_t *n,
		  bool *is_stuck, struct isolat_error *stuck, struct isolat_error *err);

/* The processes of runs that are at work. Returns how many, @max at most. */
size_t run_left_living(pid_t *pids, size_t max);

/* Whether a run was killed, and what it has left was not taken back yet. */
bool run_left_any(void);

/*
 * Fails with ISOLAT_FAILED if a run is at work, any or an exclusive one: what is applied cannot be changed below it. To
 * be asked while the exclusive lock of applied_open() is held, so that none can begin.
 */
int run_left_see(bool any, struct isolat_error *err);

#endif
