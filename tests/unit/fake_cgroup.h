/* SPDX-License-Identifier: BSD-3-Clause */
/* Made-up cgroups, where write() does what the kernel's files would; and what tests of steps on them say alike. */
#ifndef ISOLAT_FAKE_CGROUP_H
#define ISOLAT_FAKE_CGROUP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "fake_tree.h"
#include "step_host.h"
#include "step.h"

struct fake_kernel {
	bool on;
	bool no_partition; /* partitions are invalid */
	int error;	   /* what writing fails with, once */
	const char *forks; /* what is in isolat/web when the first has left it */
	void (*moved)(
		const char *cpus); /* what moving processes, or other CPUs for them, does besides; @cpus is moved_to */
	const char *moved_to;
	char log[4096]; /* "isolat/web/cpuset.cpus 2-3\n" */
};

extern struct fake_kernel kernel;
extern struct step_host host;
extern struct isolat_error err;

/* A test's setup and teardown. */
int make_host(void **state);
int drop_host(void **state);
#define TEST(function) cmocka_unit_test_setup_teardown(function, make_host, drop_host)

/* @object reads as @value; NULL: it is gone. */
void expect(const struct step_kind *kind, const char *object, const char *value);
/* Writes over what it is; write()'s result. */
int write_to(const struct step_kind *kind, const char *object, const char *to);
void expect_done(const struct step_kind *kind, const char *object, const char *to);
void expect_refused(const struct step_kind *kind, const char *object, const char *from, const char *to);
/* All that was written. */
void expect_log(const char *log);

/* The hierarchy, as make_host() does. */
void put_hierarchy(void);
/* A process, with @lines in its file "cgroup". */
void put_process(pid_t pid, unsigned long long start, const char *lines);

#endif
