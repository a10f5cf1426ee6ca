// SPDX-License-Identifier: BSD-3-Clause
#include "interrupt.h"

#include <signal.h>
#include <stddef.h>

static const struct {
	int number;
	const char *name;
} ending[] = { { SIGINT, "SIGINT" }, { SIGTERM, "SIGTERM" }, { SIGHUP, "SIGHUP" } };

#define N_ENDING (sizeof(ending) / sizeof(ending[0]))

void interrupt_hold(void)
{
	struct sigaction now;
	sigset_t held;

	sigemptyset(&held);
	for (size_t i = 0; i < N_ENDING; i++) {
		/* One that is ignored would wait like the others, were it blocked. */
		if (!sigaction(ending[i].number, NULL, &now) && now.sa_handler != SIG_IGN)
			sigaddset(&held, ending[i].number);
	}
	sigprocmask(SIG_BLOCK, &held, NULL);
}

int interrupt_see(void *unused, struct isolat_error *err)
{
	sigset_t waiting;

	sigemptyset(&waiting);
	sigpending(&waiting);
	for (size_t i = 0; i < N_ENDING; i++) {
		if (sigismember(&waiting, ending[i].number) != 1)
			continue;
		isolat_fail(err, ISOLAT_FAILED, "change host", NULL, "interrupted by %s", ending[i].name);
		return isolat_hint(err, "what it had changed was taken back");
	}
	return 0;
}
