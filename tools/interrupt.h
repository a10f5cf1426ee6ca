/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Being asked to end (SIGINT, SIGTERM, SIGHUP) while a host is half changed: the signals wait, and between two steps
 * it is looked whether one came. There is no handler, and a second signal changes nothing. Those that are ignored
 * (nohup) stay so.
 */
#ifndef ISOLAT_INTERRUPT_H
#define ISOLAT_INTERRUPT_H

#include <isolat/error.h>

/* From here on they wait, until the process ends. */
void interrupt_hold(void);

/* Fails if one waits. */
int interrupt_see(void *unused, struct isolat_error *err);

#endif
