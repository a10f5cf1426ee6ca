/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The daemon's control socket, for its own user alone: one JSON object a line, each answered by one. A request is
 * {"do": WHAT, ...}; an answer is the document asked for, {} when it was done, or {"error": {...}} as isolat(1) has it.
 *
 *	{"do": "status"}
 *	{"do": "add", "vm": {...}}	as timer_vm_config_to_json() writes it
 *	{"do": "remove", "name": NAME}
 *	{"do": "restart-scanner", "cpu": N}	-1: that which is on no CPU of its own
 *	{"do": "jump", "cycles": N}	with --testing: timer_scan_jump() for all scanners
 */
#ifndef ISOLAT_TIMER_CONTROL_H
#define ISOLAT_TIMER_CONTROL_H

#include "timer_daemon.h"

int timer_control_open(struct timer_daemon *d, struct isolat_error *err);
/* Hangs up callers that are idle for some seconds: there is room for few. To be called often. */
void timer_control_look(struct timer_daemon *d);
void timer_control_close(struct timer_daemon *d);

/* What becomes of a request: the answer, which the caller releases; NULL where there was no memory. */
json_t *timer_control_answer(struct timer_daemon *d, const char *line, size_t length);

/* All that the daemon counts, as isolat-timer(1) documents it. */
json_t *timer_control_status(const struct timer_daemon *d);

#endif
