/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a test does to the simulator behind the back of the program under test, by extended attributes: README.md has
 * them. Every modifying operation (a write to any file, mkdir, rmdir, rename) is between sim_control_begin() and
 * sim_control_end(): there it is counted, made to fail, its caller killed, and noted in the log.
 */
#ifndef SIM_CONTROL_H
#define SIM_CONTROL_H

#include "sim_files.h"

struct sim_control {
	uint64_t operations;
	uint64_t fault_at, kill_at; /* the operation's number; 0: none */
	int fault_errno;
	int kill_signal;
	bool kill_after;
	pid_t chased; /* a crowd that starts a thread at each operation, so many times yet */
	uint64_t chases;
	char *log;
	size_t log_bytes;
};

/* 0: go on. Negative: the operation fails so, without effect. */
int sim_control_begin(struct sim_control *c, pid_t caller);

/* @result is what the operation came to; it is returned. @text is what was written, NULL if nothing can be. */
int sim_control_end(struct sim_control *c, pid_t caller, const char *verb, const char *path, const char *text, size_t n,
		    int result);

/* 0 or a negative errno. */
int sim_control_set(struct sim_control *c, struct sim *sim, const char *path, const char *name, const char *value);
int sim_control_get(struct sim_control *c, struct sim *sim, const char *path, const char *name, FILE *out);

#endif
