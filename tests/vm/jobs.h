/* SPDX-License-Identifier: BSD-3-Clause */
/* Tests side by side: each in a process of its own, their output one after another, in their order. */
#ifndef ISOLAT_VM_JOBS_H
#define ISOLAT_VM_JOBS_H

#include <stdbool.h>
#include <stddef.h>

struct jobs {
	size_t n;
	unsigned int at_once;
	/* Job number @i, in a child: prints, and returns whether all was well. */
	bool (*run)(void *context, size_t i);
	/* Whether job @i must have the machine for itself. */
	bool (*alone)(void *context, size_t i);
	/* In the parent, when job @i was ended by a signal: it has said nothing of its verdict. */
	void (*lost)(void *context, size_t i, int signal);
	void *context;
};

/* Runs them all and returns how many went wrong. Ends the program, with all its children, where no process can be
 * started. */
unsigned int jobs_run(const struct jobs *jobs);

#endif
