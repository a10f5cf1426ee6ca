/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which sockets of its folder are the daemon's own. They are told by a record there, which names each before it is
 * made: so one that was killed leaves word of what is to be removed, and what others have put there stays.
 */
#ifndef ISOLAT_TIMER_SOCKETS_H
#define ISOLAT_TIMER_SOCKETS_H

#include "timer_daemon.h"

/* Whether all sockets that @config asks for have paths that are short enough. */
int timer_sockets_check(const struct timer_daemon_config *config, struct isolat_error *err);

/* Removes the sockets of a daemon that was killed, and begins a record. With the lock held, those that it names are of
 * nobody who lives. */
int timer_sockets_begin(struct timer_daemon *d, struct isolat_error *err);

/* A listening socket of that name, in the record too. Returns the descriptor, or -1. */
int timer_sockets_listen(const struct timer_daemon *d, const char *name, const struct timer_access *access,
			 struct isolat_error *err);

/* After some were removed: the record names no others than there are. */
void timer_sockets_forget(const struct timer_daemon *d);

/* After all were: takes the record away. */
void timer_sockets_end(const struct timer_daemon *d);

#endif
