/* SPDX-License-Identifier: BSD-3-Clause */
/* The other end of exitless-timerd's control socket (timer_control.h). */
#ifndef ISOLAT_TIMER_ASK_H
#define ISOLAT_TIMER_ASK_H

#include <jansson.h>

#include "isolat/error.h"

/*
 * Sends @request, whose reference it takes, to the daemon of @run_dir, and waits for what it answers, at most 10 s.
 * Returns the answer, or NULL with @err filled: with what the daemon says, or that there is none.
 */
json_t *timer_ask(const char *run_dir, json_t *request, struct isolat_error *err);

#endif
