/* SPDX-License-Identifier: BSD-3-Clause */
/* What a command gets that is run under a class: a plan for a single VM, beside all that is there already. */
#ifndef ISOLAT_RUN_PLAN_H
#define ISOLAT_RUN_PLAN_H

#include "applied.h"
#include "plan.h"
#include "step_cgroup.h"

struct run_plan {
	struct profile profile; /* with the one class's name changed */
	struct profile one;	/* the same with the command for its only VM; borrows from profile and vm */
	struct profile_vm vm;
	struct host host;
	struct plan plan;
	bool joins;	    /* the class stands applied and is shared: its group is joined, and there is no plan */
	char *group;	    /* "" for the default group */
	char *cpus;	    /* a list */
	char *nodes;	    /* of memory, a list; NULL: any */
	char *taken;	    /* CPUs that are others' */
	char *occupied;	    /* what the next run is to leave alone, a list; NULL: nothing, its cores are shared */
	unsigned int class; /* index */
	bool exclusive;
};

/* Reads the profile in @file and looks for class @class. The caller frees the plan, also after a failure. */
int run_plan_read(const char *file, const char *class, struct run_plan *r, struct isolat_error *err);

/*
 * Then, for the command that is process @pid, with @cpus CPUs (0: one core, or one CPU where cores are shared). @about
 * is what stands applied, or NULL; @others a list of the CPUs that runs at work occupy, "" if none.
 */
int run_plan_make(struct run_plan *r, unsigned int cpus, pid_t pid, struct rdt_engine *engine, const json_t *about,
		  const char *others, struct isolat_error *err);
void run_plan_free(struct run_plan *r);

#endif
