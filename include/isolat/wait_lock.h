/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A bounded wait for an flock(2). It polls: a wait that ends by a timer's signal is not for a library, whose process
 * has one such timer only.
 */
#ifndef ISOLAT_WAIT_LOCK_H
#define ISOLAT_WAIT_LOCK_H

#include <errno.h>
#include <stdbool.h>
#include <sys/file.h>
#include <time.h>

#define ISOLAT_LOCK_POLL_NS 5000000

/* Nanoseconds, of a clock that only goes forward. */
static inline long long isolat_lock_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ll + now.tv_nsec;
}

/* Locks @fd, tried once at least. Returns 0, or -errno: -EWOULDBLOCK if others have it still after @ms milliseconds. */
static inline int isolat_wait_lock(int fd, bool exclusive, unsigned int ms)
{
	const struct timespec pause = { .tv_nsec = ISOLAT_LOCK_POLL_NS };
	long long deadline = isolat_lock_now() + ms * 1000000ll;

	while (flock(fd, (exclusive ? LOCK_EX : LOCK_SH) | LOCK_NB)) {
		if (errno == EINTR)
			continue;
		if (errno != EWOULDBLOCK || isolat_lock_now() >= deadline)
			return -errno;
		nanosleep(&pause, NULL);
	}
	return 0;
}

#endif
