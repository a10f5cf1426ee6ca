// SPDX-License-Identifier: BSD-3-Clause
/*
 * To be preloaded: KILL_AT="N before" or "N after" kills the process before or after its N-th change of a cgroup or of
 * what a thread is pinned to. (Changes of resctrl are killed by the simulator, see tests/sim.)
 */
#include <dlfcn.h>
#include <linux/magic.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

static bool is_cgroup(int fd)
{
	struct statfs fs;

	return !fstatfs(fd, &fs) && fs.f_type == CGROUP2_SUPER_MAGIC;
}

static void come_to(unsigned int n, const char *when)
{
	const char *at = getenv("KILL_AT");
	char now[32];

	snprintf(now, sizeof(now), "%u %s", n, when);
	if (at && !strcmp(at, now))
		kill(getpid(), SIGKILL);
}

static unsigned int changes;

#define CHANGE(counted, call)                  \
	do {                                   \
		unsigned int n_ = 0;           \
		__typeof__(call) rc_;          \
                                               \
		if (counted) {                 \
			n_ = ++changes;        \
			come_to(n_, "before"); \
		}                              \
		rc_ = call;                    \
		if (n_)                        \
			come_to(n_, "after");  \
		return rc_;                    \
	} while (0)

ssize_t write(int fd, const void *bytes, size_t size)
{
	ssize_t (*next)(int, const void *, size_t) = dlsym(RTLD_NEXT, "write");

	CHANGE(is_cgroup(fd), next(fd, bytes, size));
}

int mkdirat(int dir, const char *path, mode_t mode)
{
	int (*next)(int, const char *, mode_t) = dlsym(RTLD_NEXT, "mkdirat");

	CHANGE(is_cgroup(dir), next(dir, path, mode));
}

int unlinkat(int dir, const char *path, int flags)
{
	int (*next)(int, const char *, int) = dlsym(RTLD_NEXT, "unlinkat");

	CHANGE(is_cgroup(dir), next(dir, path, flags));
}

int sched_setaffinity(pid_t tid, size_t size, const cpu_set_t *set)
{
	int (*next)(pid_t, size_t, const cpu_set_t *) = dlsym(RTLD_NEXT, "sched_setaffinity");

	CHANGE(true, next(tid, size, set));
}
