/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Verbs: the table behind `isolat VERB`, and behind the words that a verb takes in its turn (`isolat bench idle`).
 *
 * A verb is called with its own name in argv[0] and getopt reset, prints its report to stdout, its errors with
 * report_error(), and returns an exit code of <isolat/error.h>. It leaves stdout open: main() flushes it and turns a
 * failed write into exit code 1. SIGPIPE does not end the process (a write gives EPIPE), programs that a verb starts
 * have it at its default.
 */
#ifndef ISOLAT_VERB_H
#define ISOLAT_VERB_H

#include "report.h"

struct verb {
	const char *name;
	const char *summary; /* one line of the help, no period */
	int (*run)(int argc, char **argv);
};

/* A level of verbs. */
struct verb_group {
	struct report_usage usage;
	const struct verb *verbs; /* ends with an empty entry */
};

/*
 * Runs the verb that argv[1] names, with the rest of the arguments, and returns its exit code. Serves --help and
 * `help [VERB]...` itself; a missing or unknown verb is reported and gives ISOLAT_USAGE.
 */
int verb_dispatch(const struct verb_group *group, int argc, char **argv);

int cmd_apply(int argc, char **argv);
int cmd_bench(int argc, char **argv);
int cmd_bench_idle(int argc, char **argv);
int cmd_bench_timer(int argc, char **argv);
int cmd_doctor(int argc, char **argv);
int cmd_fit(int argc, char **argv);
int cmd_plan(int argc, char **argv);
int cmd_run(int argc, char **argv);
int cmd_status(int argc, char **argv);
int cmd_timer(int argc, char **argv);
int cmd_timer_add(int argc, char **argv);
int cmd_timer_remove(int argc, char **argv);
int cmd_timer_status(int argc, char **argv);
int cmd_topology(int argc, char **argv);
int cmd_trace(int argc, char **argv);
int cmd_trace_idle(int argc, char **argv);
int cmd_undo(int argc, char **argv);
int cmd_verify(int argc, char **argv);

#endif
