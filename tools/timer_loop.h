/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What exitless-timerd waits on: an epoll set of sources, each of which is part of what it serves. One is served at a
 * time, so that a source may end any other.
 */
#ifndef ISOLAT_TIMER_LOOP_H
#define ISOLAT_TIMER_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "isolat/error.h"

struct timer_source {
	int fd;	  /* -1: not open */
	int loop; /* that watches it */
	void (*ready)(struct timer_source *source);
};

/* The structure whose member a source is. */
#define TIMER_SOURCE_OF(source, type, member) ((type *)(void *)((char *)(source)-offsetof(type, member)))

/* CLOCK_MONOTONIC in ms. */
uint64_t timer_loop_now_ms(void);

int timer_loop_open(struct isolat_error *err);

/* Calls @source->ready when its descriptor can be read, or with @write when it can be written; hang-up is both. Again
 * for one that is watched: changes that. */
int timer_loop_watch(int loop, struct timer_source *source, bool write);

/* No more, until it is watched again. */
void timer_loop_unwatch(const struct timer_source *source);

/*
 * Takes a connection, non-blocking, or returns -1. At the limit of descriptors one that waits is hung up: it would be
 * reported as waiting for ever.
 */
int timer_loop_accept(const struct timer_source *listener);

/* Closes the descriptor, which ends the watching. */
void timer_loop_close(struct timer_source *source);

/* Waits for at most @timeout_ms, and serves the next source that is ready. */
void timer_loop_step(int loop, int timeout_ms);

#endif
