// SPDX-License-Identifier: BSD-3-Clause
#include "timer_loop.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "timer_log.h"

uint64_t timer_loop_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Kept for the moment in which there is no other: see timer_loop_accept(). */
static int spare = -1;

int timer_loop_open(struct isolat_error *err)
{
	int loop = epoll_create1(EPOLL_CLOEXEC);

	spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
	return loop < 0 ? isolat_fail(err, ISOLAT_FAILED, "make an epoll set", NULL, "%s", strerror(errno)) : loop;
}

int timer_loop_watch(int loop, struct timer_source *source, bool write)
{
	struct epoll_event event = { .events = write ? EPOLLOUT : EPOLLIN, .data.ptr = source };

	source->loop = loop;
	if (!epoll_ctl(loop, EPOLL_CTL_ADD, source->fd, &event))
		return 0;
	return errno == EEXIST ? epoll_ctl(loop, EPOLL_CTL_MOD, source->fd, &event) : -1;
}

void timer_loop_unwatch(const struct timer_source *source)
{
	epoll_ctl(source->loop, EPOLL_CTL_DEL, source->fd, NULL);
}

int timer_loop_accept(const struct timer_source *listener)
{
	static struct timer_log_limit limit;
	int fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd >= 0 || (errno != EMFILE && errno != ENFILE))
		return fd;
	timer_log_limited(&limit, "a connection is hung up: %s", strerror(errno));
	close(spare);
	fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC);
	if (fd >= 0)
		close(fd);
	spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
	return -1;
}

void timer_loop_close(struct timer_source *source)
{
	/* A scanner that has just been forked has it too, and would keep it in the set. */
	if (source->fd >= 0) {
		timer_loop_unwatch(source);
		close(source->fd);
	}
	source->fd = -1;
}

void timer_loop_step(int loop, int timeout_ms)
{
	struct epoll_event event;

	if (epoll_wait(loop, &event, 1, timeout_ms) == 1) {
		struct timer_source *source = event.data.ptr;

		source->ready(source);
	}
}
