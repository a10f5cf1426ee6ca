/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which group a thread is in, for many threads.
 *
 * Where the kernel tells it per thread (/proc/TID/cpu_resctrl_groups), the engine is asked each time. Where it does
 * not, the engine has to look through all groups for each thread; there the groups are read once. That is exact as long
 * as nobody else moves threads, which is what resctrl's lock is for; somebody who does not take it is seen as late as
 * if he had moved the thread right after it was read. A thread that was moved by us is always read anew: its group's
 * list has to be younger than the move.
 */
#ifndef ISOLAT_STEP_TASKS_H
#define ISOLAT_STEP_TASKS_H

#include "step_host.h"

/* As rdt_engine_find_task(). */
int step_tasks_find(struct step_host *host, pid_t tid, char group[RDT_GROUP_PATH], struct isolat_error *err);

/* To be called before each change of ours: a thread that is being moved, a group that is being removed. */
void step_tasks_move(struct step_host *host, pid_t tid, const char *group);
void step_tasks_remove(struct step_host *host, const char *group);

#endif
