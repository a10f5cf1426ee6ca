/* SPDX-License-Identifier: BSD-3-Clause */
/* Between a scanner's two sides: what the daemon sends, and what the child runs. */
#ifndef ISOLAT_TIMER_SCANNER_IMPL_H
#define ISOLAT_TIMER_SCANNER_IMPL_H

#include "timer_scanner.h"

/* The kernel passes 253 with one message. */
#define TIMER_FDS_A_MESSAGE 250

enum timer_message_kind {
	TIMER_ADD = 1, /* with the memfd, and the doorbell if there is one */
	TIMER_SIGNALS, /* with the next eventfds of the VM that was added last; with the last of them it is scanned */
	TIMER_REMOVE,
	TIMER_JUMP,
};

struct timer_message {
	uint32_t kind, index;
	uint32_t nr_slots, generation; /* of TIMER_ADD */
	int64_t cycles;		       /* of TIMER_JUMP */
};

/* Takes this process to where @s is to run. */
int timer_scanner_take_place(const struct timer_scanner *s, const struct timer_scanner_config *config,
			     struct isolat_error *err);

/* The child's life: does not return. All of its descriptors but @socket and stderr are closed. */
__attribute__((noreturn)) void timer_scanner_run(int socket, const struct timer_scanner *s,
						 const struct timer_scanner_config *config);

#endif
