/* SPDX-License-Identifier: BSD-3-Clause */
/* exitless-timerd's log: a line on stderr for each event. Never waits for who reads it: lines are lost then. */
#ifndef ISOLAT_TIMER_LOG_H
#define ISOLAT_TIMER_LOG_H

#include <stdint.h>

#include "isolat/error.h"

/* Of lines whose number somebody else decides, such as a VM that connects again and again. */
struct timer_log_limit {
	uint64_t since_ms;
	unsigned int lines; /* since then */
};

__attribute__((format(printf, 1, 2))) void timer_log(const char *format, ...);

/* At most 20 lines in 10 s, the last of which says that there are more. */
__attribute__((format(printf, 2, 3))) void timer_log_limited(struct timer_log_limit *limit, const char *format, ...);

/* An error that the daemon lives on with. */
void timer_log_error(const struct isolat_error *err);

#endif
