/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where a benchmark runs: on this host's KVM if a stock kernel boots on it, else in the lab, an emulated host (as root)
 * in which the same command runs again and whose report is taken over.
 */
#ifndef ISOLAT_BENCH_LAB_H
#define ISOLAT_BENCH_LAB_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "isolat/error.h"
#include "report.h"

/* The kernel of a lab's host and guest where none was named. */
#define BENCH_LAB_KERNEL "6.1"

/* What `isolat bench NAME` understands whatever it measures; own keys begin at BENCH_OPT_OWN. */
enum {
	BENCH_OPT_KERNEL = 256,
	BENCH_OPT_LAB,
	BENCH_OPT_SHOW,
	BENCH_OPT_PROGRESS,
	BENCH_OPT_OWN,
};

#define BENCH_OPTION_KERNEL                                                                                \
	{                                                                                                  \
		"kernel", BENCH_OPT_KERNEL, "NAME",                                                        \
			"the guest's kernel: an installed release, an image, or one below $ISOLAT_KERNELS" \
	}
#define BENCH_OPTION_LAB                                                                          \
	{                                                                                         \
		"lab", BENCH_OPT_LAB, NULL, "use an emulated host even where KVM works (as root)" \
	}
#define BENCH_OPTION_SHOW                                                                                          \
	{                                                                                                          \
		"show", BENCH_OPT_SHOW, "FILE", "measure nothing: print the report that --json once wrote to FILE" \
	}
#define BENCH_OPTION_PROGRESS                                                                       \
	{                                                                                           \
		"progress", BENCH_OPT_PROGRESS, NULL, "show progress even if stderr is no terminal" \
	}

struct bench_place {
	bool lab;			    /* in the lab; true beforehand asks for it */
	bool inside;			    /* this is the lab */
	bool wants_progress;		    /* also where stderr is no terminal */
	const char *kernel;		    /* the guest's; NULL: this host's own. Borrowed */
	void (*progress)(const char *text); /* of the benchmark; NULL: silent */
};

/* Of a benchmark's request, zero-initialised: its first member. */
struct bench_common {
	struct bench_place place;
	bool json;
	const char *show;
	struct isolat_error err;
};

struct bench_command {
	const struct report_usage *usage;
	const char *name;
	int version; /* of its report */
	/* For options of its own. */
	int (*apply_option)(void *request, int key, struct isolat_error *err);
	/* Measures, here or in the lab; the error is the request's. */
	int (*make_report)(void *request, json_t **report);
	void (*print)(const json_t *report);
};

/* All of `isolat bench NAME`; @request begins with a struct bench_common. Returns the exit code. */
int bench_command_run(const struct bench_command *command, void *request, int argc, char **argv);

/*
 * Starts the clock of progress lines and decides. ISOLAT_USAGE for a kernel that is not there, ISOLAT_UNSUPPORTED where
 * it takes the lab and this is not root.
 */
int bench_place_choose(struct bench_place *place, struct isolat_error *err);

/*
 * Finds the guest module @name (without .ko) for the guest's kernel: *@path if it is set, which must be there then;
 * else in the build tree or where DKMS installs it, written to @buf.
 */
int bench_find_module(const struct bench_place *place, const char *name, const char **path, char buf[PATH_MAX],
		      struct isolat_error *err);

/* Options that are numbers within [@low, @high], and lists of at least one and at most @max of them. */
int bench_option_count(const struct report_usage *usage, int key, const char *text, unsigned long low,
		       unsigned long high, unsigned int *value, struct isolat_error *err);
int bench_option_list(const struct report_usage *usage, int key, char *text, unsigned long low, unsigned long high,
		      unsigned int *values, size_t max, size_t *n, struct isolat_error *err);

/* The command line of the same benchmark in the lab: zero-initialised, owned. */
struct bench_arguments {
	char *v[64];
	size_t n;
};

__attribute__((format(printf, 2, 3))) void bench_argument(struct bench_arguments *a, const char *format, ...);
/* "--OPTION FILE", with an absolute path. */
void bench_argument_file(struct bench_arguments *a, const char *option, const char *file);
/* "--OPTION=A,B,...", each number divided by @unit. */
void bench_argument_list(struct bench_arguments *a, const char *option, const unsigned int *values, size_t n,
			 unsigned int unit);
void bench_arguments_free(struct bench_arguments *a);

/*
 * Runs `isolat bench NAME --json --progress --kernel K` with these further arguments in an emulated host with @vcpus
 * CPUs, twice if it is lost. On success *@report is the caller's; it says "lab": true.
 */
int bench_lab_run(const struct bench_place *place, const char *name, const struct bench_arguments *more,
		  unsigned int vcpus, json_t **report, struct isolat_error *err);

/* Reads a report that --json once wrote: @version, and an array "cells". */
int bench_load_report(const char *path, const char *name, int version, json_t **report, struct isolat_error *err);

#endif
