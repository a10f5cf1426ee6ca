/* SPDX-License-Identifier: BSD-3-Clause */
/* The options of the verbs that open what isolat has applied. */
#ifndef ISOLAT_APPLIED_OPTIONS_H
#define ISOLAT_APPLIED_OPTIONS_H

#include "applied.h"
#include "report.h"

/* --wait, which all of them have: its key, and its entry in a table of options. */
#define APPLIED_OPT_WAIT 1024
#define APPLIED_OPTION_WAIT                                                                       \
	{                                                                                         \
		"wait", APPLIED_OPT_WAIT, "SECONDS",                                              \
			"how long to wait for another isolat, or for resctrl's lock (default 10)" \
	}

/* Reads its argument. Returns 0, or -1 with @err filled. */
int applied_option_wait(const struct report_usage *usage, struct applied_options *options, struct isolat_error *err);

/* What a verb is asked whose options are --help, --json and --wait. */
struct applied_request {
	const struct report_usage *usage;
	struct applied_options applied;
	bool json;
};

/* All of such a verb: reads its options, and calls @run if they do not end it. Returns the exit code. */
int applied_verb(const struct report_usage *usage, int (*run)(const struct applied_request *r), int argc, char **argv);

#endif
