/* SPDX-License-Identifier: BSD-3-Clause */
/* Steps whose object is a thread, or a process by its first: "TID@START". */
#ifndef ISOLAT_STEP_THREAD_H
#define ISOLAT_STEP_THREAD_H

#include "step_host.h"

struct step_thread {
	pid_t tid;
	unsigned long long start; /* tells it from a later one of the same number */
};

/* Reads @object. Returns 0, or -1 with the error filled: for @what. */
int step_thread_parse(const char *what, const char *object, struct step_thread *thread, struct isolat_error *err);

/* Whether it is the one that it was: 1, 0, or -1 with the error filled. */
int step_thread_alive(const struct step_host *host, const char *what, const char *object,
		      const struct step_thread *thread, struct isolat_error *err);

#endif
