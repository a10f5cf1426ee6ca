/* SPDX-License-Identifier: BSD-3-Clause */
/* The host that the kinds of steps work on: what step_kind's functions are given. */
#ifndef ISOLAT_STEP_HOST_H
#define ISOLAT_STEP_HOST_H

#include "rdt_engine.h"
#include "vm_find.h"

struct step_tasks;

struct step_host {
	struct rdt_engine *engine;    /* NULL if no RDT is used; its lock is held */
	const struct vm_roots *roots; /* NULL: the machine's own */
	struct step_tasks *tasks;     /* of step_tasks.c: NULL at first */
	bool has_cpuset;	      /* of step_cgroup.c: that the hierarchy is right was seen; false at first */
	/* Lists, or NULL. Who is pinned to just the first gets the second as it leaves a cgroup of isolat's. */
	const char *unpin_from, *unpin_to;
};

static inline const char *step_host_proc(const struct step_host *host)
{
	return host->roots && host->roots->proc ? host->roots->proc : "/proc";
}

/*
 * Frees what was remembered of the host. To be called whenever the engine's lock was not held for a while, and in the
 * end.
 */
void step_host_forget(struct step_host *host);

#endif
