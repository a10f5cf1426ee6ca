/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What isolat has applied to this host: the journal of it, and the RDT engine that it was applied with. The verbs that
 * read or change it (apply, undo, verify, status, run) open it alike.
 */
#ifndef ISOLAT_APPLIED_H
#define ISOLAT_APPLIED_H

#include <stdbool.h>
#include <stddef.h>
#include <jansson.h>

#include <isolat/error.h>

#include "rdt_engine.h"
#include "step_host.h"
#include "transaction.h"

#define APPLIED_NAME	 "apply" /* the journal's */
#define APPLIED_WAIT_S	 10	 /* for another isolat, and for who holds resctrl's lock */
#define APPLIED_MAX_WAIT 3600

struct applied_options {
	const char *engine;   /* as for rdt_engine_open(); NULL: the one that it was applied with, else "resctrl" */
	const char *name;     /* the journal's; NULL: APPLIED_NAME */
	unsigned long wait_s; /* for each lock */
	json_t *left;	      /* array that applied.left is to be; NULL: a new one */
};

enum applied_use {
	APPLIED_READ,	   /* locks shared; an engine only where something stands applied */
	APPLIED_TAKE_BACK, /* locks exclusive; likewise */
	APPLIED_CHANGE	   /* locks exclusive, and always an engine */
};

struct applied {
	enum applied_use use;
	struct journal_folder folder;
	bool locked;		   /* it is open, and its lock held */
	bool vanished;		   /* resctrl is not mounted any more, and its groups are gone: there is no engine */
	struct rdt_engine *engine; /* NULL: nothing stands applied, and none was needed */
	struct step_host host;
	struct transaction *t;
	bool recovered; /* what a killed isolat had left was taken back */
	json_t *left;	/* array of {kind, object, why, before}: what could not be taken back */
};

/*
 * Opens it: isolat's lock first, then the engine and its lock, then the journal. Fails with ISOLAT_USAGE where @options
 * ask for another engine than the one that something stands applied with. The caller closes with applied_close(), which
 * takes back what was not committed.
 *
 * To take back what was applied by way of resctrl, where that is mounted nowhere any more, no engine is needed: what
 * was in it counts as undone.
 */
int applied_open(const struct applied_options *options, enum applied_use use, struct applied *a,
		 struct isolat_error *err);
void applied_close(struct applied *a);

/* Opens the journal @name, too, under the same locks. The caller ends it by transaction_close(), before @a is closed.
 */
int applied_open_beside(struct applied *a, const char *name, struct transaction **t, struct isolat_error *err);

/* Whether a profile stands applied. */
bool applied_stands(const struct applied *a);

/* Takes back what was not committed, if anything: from then on @a only tells of it. */
void applied_give_up(struct applied *a);

/* Prints a line for each object in @left that was left as somebody else has changed it, or that withstood. */
void applied_print_left(const json_t *left, FILE *out);

/* As report_error(), with what was taken back of a killed isolat's, and what was left. Returns the error's code. */
int applied_report_error(const json_t *left, bool recovered, const struct isolat_error *err, bool json);

/* How a line names a group, or any other object: the default group's own name is empty. */
const char *applied_shown(const char *object);

/* The name of the engine in use. */
const char *applied_engine(const struct applied *a);

#endif
