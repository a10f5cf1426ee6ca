/* SPDX-License-Identifier: BSD-3-Clause */
/* Child processes that never outlive the one that started them. */
#ifndef ISOLAT_MICROVM_SPAWN_H
#define ISOLAT_MICROVM_SPAWN_H

#include <limits.h>
#include <sys/types.h>

#include "isolat/error.h"

/* A growing NULL-terminated argument list; the strings are owned. */
struct arg_list {
	char **v;
	size_t n;
};

void arg_add(struct arg_list *args, const char *format, ...) __attribute__((format(printf, 2, 3)));
void arg_free(struct arg_list *args);

/* What a child gets beside its arguments; -1 and NULL: nothing. */
struct spawn_setup {
	const int *keep_fds; /* descriptors that stay open, by the same number */
	size_t n_keep;
	int out, err;			/* its stdout and stderr; -1: /dev/null */
	int (*in_child)(void);		/* runs before exec; non-zero ends the child */
	const struct arg_list *environ; /* "NAME=VALUE" to add */
};

/*
 * Starts args->v[0] (found through PATH). The child is killed when this process ends, however it ends. Its stdin is
 * /dev/null. Fails with ISOLAT_UNSUPPORTED if the program is not there.
 */
int spawn_child(const struct arg_list *args, const struct spawn_setup *setup, pid_t *pid, struct isolat_error *err);

/* Ends and reaps @pid if it still runs; 0 is nothing. */
void spawn_kill(pid_t *pid);

#endif
