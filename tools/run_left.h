/* SPDX-License-Identifier: BSD-3-Clause */
/* The journals of isolat run: each run has its own, named after its process, until its command has ended. */
#ifndef ISOLAT_RUN_LEFT_H
#define ISOLAT_RUN_LEFT_H

#include <stddef.h>
#include <sys/types.h>

#include "applied.h"

#define RUN_PREFIX    "run-"
#define RUN_NAME_SIZE 64

/* "run-PID-START" of the process @pid, which has to be there; START as in /proc/PID/stat. */
int run_journal_name(pid_t pid, char name[RUN_NAME_SIZE], struct isolat_error *err);

/* Whether the process of the journal @name lives: *pid. One that is a zombie does not. */
bool run_left_is_at_work(const char *name, pid_t *pid);

/* Takes back what the journal @name holds. */
int run_left_take_back_one(const struct applied_options *options, const char *name, struct isolat_error *err);

/*
 * Takes back what runs have left that were killed (*n: how many), and fails with ISOLAT_FAILED if one is still at work:
 * what is applied cannot be changed below it.
 */
int run_left_take_back(const struct applied_options *options, size_t *n, struct isolat_error *err);

/* The same, but lets runs be that are at work, save one that has taken ways from the default group, with @exclusive. */
int run_left_make_room(const struct applied_options *options, bool exclusive, struct isolat_error *err);

#endif
