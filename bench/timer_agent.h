/* SPDX-License-Identifier: BSD-3-Clause */
/* An exitless-timerd of one's own, for benchmarks and tests: its sockets in a folder made for it, gone with it. */
#ifndef ISOLAT_TIMER_AGENT_H
#define ISOLAT_TIMER_AGENT_H

#include <stdbool.h>
#include <sys/types.h>

#include "isolat/error.h"
#include "microvm.h"

/* The VM that it serves from the beginning. */
#define TIMER_AGENT_VM "guest"

struct timer_agent {
	pid_t pid;	 /* of exitless-timerd; 0: none */
	char folder[64]; /* of its sockets; empty: none */
	/* What QEMU needs to connect: struct microvm_config's devices. */
	char chardev[192], device[96];
	const char *devices[4];
};

struct timer_agent_setup {
	unsigned int slots;	 /* vCPUs that the VM can have */
	int cpu;		 /* the scanner's; -1: not pinned */
	const char *const *more; /* further arguments, NULL-terminated; may be NULL */
};

/* Starts it and waits for its socket. What was begun is to be ended by timer_agent_stop(), also after an error. */
int timer_agent_start(struct timer_agent *agent, const struct timer_agent_setup *setup, struct isolat_error *err);

/* Kills it if it still runs, and takes its folder away. All zero is fine. */
void timer_agent_stop(struct timer_agent *agent);

#endif
