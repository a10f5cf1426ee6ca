// SPDX-License-Identifier: BSD-3-Clause
#include "timer_scanner.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "timer_loop.h"
#include "timer_scanner_impl.h"

#define SEND_BUFFER (4 << 20)

static int fail(const struct timer_scanner *s, const char *what, struct isolat_error *err)
{
	char name[32];

	snprintf(name, sizeof(name), "on CPU %d", s->cpu);
	return isolat_fail(err, ISOLAT_FAILED, what, s->cpu < 0 ? NULL : name, "%s", strerror(errno));
}

struct timer_scanner_name timer_scanner_name(const struct timer_scanner *s)
{
	struct timer_scanner_name name = { "scanner on any CPU" };

	if (s->cpu >= 0)
		snprintf(name.text, sizeof(name.text), "scanner on CPU %d", s->cpu);
	return name;
}

/* ---- The process ---- */

int timer_scanner_check(const struct timer_scanner *s, const struct timer_scanner_config *config,
			struct isolat_error *err)
{
	int pair[2], status = -1;
	ssize_t got;
	pid_t pid;

	if (pipe2(pair, O_CLOEXEC))
		return fail(s, "make a pipe", err);
	pid = fork();
	if (!pid) {
		if (timer_scanner_take_place(s, config, err) && write(pair[1], err, sizeof(*err)) < 0)
			_exit(ISOLAT_FAILED);
		_exit(ISOLAT_OK);
	}
	close(pair[1]);
	got = pid < 0 ? -1 : read(pair[0], err, sizeof(*err));
	close(pair[0]);
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status || got < 0)
		return fail(s, "try where a scanner runs", err);
	return got ? -1 : 0;
}

/* Anew for each process: it counts from 0, and what an old one may still write is not mixed in. */
static int renew_stats(struct timer_scanner *s)
{
	void *stats = mmap(NULL, sizeof(*s->stats), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (stats == MAP_FAILED && errno == EAGAIN && !munlockall())
		stats = mmap(NULL, sizeof(*s->stats), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (stats == MAP_FAILED)
		return -1;
	if (s->stats)
		munmap(s->stats, sizeof(*s->stats));
	s->stats = stats;
	return 0;
}

/* Generations are never 0, also after 2^32 of them. */
static void next_generation(struct timer_scanner *s)
{
	if (!++s->generation)
		s->generation = 1;
}

int timer_scanner_start(struct timer_scanner *s, const struct timer_scanner_config *config, struct isolat_error *err)
{
	int pair[2], size = SEND_BUFFER;

	if (renew_stats(s))
		return fail(s, "make a scanner's figures", err);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return fail(s, "make a scanner's socket", err);
	/* Beyond the host's limit where that is permitted. */
	if (setsockopt(pair[0], SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)))
		setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	next_generation(s);
	s->pid = fork();
	if (!s->pid)
		timer_scanner_run(pair[1], s, config);
	close(pair[1]);
	if (s->pid < 0) {
		fail(s, "start a scanner", err);
		close(pair[0]);
		return -1;
	}
	s->socket = pair[0];
	return 0;
}

void timer_scanner_hang_up(struct timer_scanner *s)
{
	if (s->socket >= 0)
		close(s->socket);
	s->socket = -1;
}

void timer_scanner_free(struct timer_scanner *s)
{
	timer_scanner_hang_up(s);
	if (s->stats)
		munmap(s->stats, sizeof(*s->stats));
	s->stats = NULL;
}

/* ---- Messages ---- */

static int send_message(struct timer_scanner *s, const struct timer_message *message, const int *fds, unsigned int n,
			struct isolat_error *err)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(TIMER_FDS_A_MESSAGE * sizeof(int))];
	} control;
	struct iovec data = { .iov_base = (void *)message, .iov_len = sizeof(*message) };
	struct msghdr msg = { .msg_iov = &data, .msg_iovlen = 1 };

	if (n) {
		control.header = (struct cmsghdr){
			.cmsg_len = CMSG_LEN(n * sizeof(int)),
			.cmsg_level = SOL_SOCKET,
			.cmsg_type = SCM_RIGHTS,
		};
		memcpy(CMSG_DATA(&control.header), fds, n * sizeof(int));
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(n * sizeof(int));
	}
	if (sendmsg(s->socket, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) == sizeof(*message))
		return 0;
	return fail(s, "send to the scanner", err);
}

int timer_scanner_add(struct timer_scanner *s, unsigned int index, const struct timer_page *page, const int *signals,
		      int doorbell, struct isolat_error *err)
{
	struct timer_message message = {
		.kind = TIMER_ADD,
		.index = index,
		.nr_slots = page->nr_slots,
		.generation = s->generation,
	};
	int fds[] = { page->memfd, doorbell };

	if (send_message(s, &message, fds, doorbell < 0 ? 1 : 2, err))
		return -1;
	message.kind = TIMER_SIGNALS;
	for (unsigned int done = 0, n; done < page->nr_slots; done += n) {
		n = page->nr_slots - done;
		if (n > TIMER_FDS_A_MESSAGE)
			n = TIMER_FDS_A_MESSAGE;
		if (send_message(s, &message, signals + done, n, err))
			return -1;
	}
	return 0;
}

int timer_scanner_remove(struct timer_scanner *s, unsigned int index, struct isolat_error *err)
{
	const struct timer_message message = { .kind = TIMER_REMOVE, .index = index };

	return send_message(s, &message, NULL, 0, err);
}

int timer_scanner_jump(struct timer_scanner *s, int64_t cycles, struct isolat_error *err)
{
	const struct timer_message message = { .kind = TIMER_JUMP, .cycles = cycles };

	return send_message(s, &message, NULL, 0, err);
}
