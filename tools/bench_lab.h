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

struct bench_place {
	bool lab;			    /* in the lab; true beforehand asks for it */
	bool inside;			    /* this is the lab */
	bool wants_progress;		    /* also where stderr is no terminal */
	const char *kernel;		    /* the guest's; NULL: this host's own. Borrowed */
	void (*progress)(const char *text); /* of the benchmark; NULL: silent */
};

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
