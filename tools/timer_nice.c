// SPDX-License-Identifier: BSD-3-Clause
#include "timer_nice.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "timer_log.h"

#define NICE (-20)

/*
 * Where the kernel groups processes by session, nice counts within the session alone, and the session needs the same
 * nice; but only one that is ours. Nothing is lost where that is not so.
 */
static void raise_session(void)
{
	int fd = getsid(0) == getpid() ? open("/proc/self/autogroup", O_WRONLY | O_CLOEXEC) : -1;

	if (fd < 0)
		return;
	dprintf(fd, "%d", NICE);
	close(fd);
}

void timer_raise_nice(const char *who)
{
	raise_session();
	if (setpriority(PRIO_PROCESS, 0, NICE))
		timer_log("%s %d runs without nice %d: %s", who, getpid(), NICE, strerror(errno));
}
