// SPDX-License-Identifier: BSD-3-Clause
/* Bytes of the control socket: lines come, lines go, and nobody is waited for. */
#include "timer_control.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "timer_log.h"
#include "timer_server.h"
#include "timer_sockets.h"

#define MAX_CALLERS 16
#define MAX_LINE    4096
/* A caller that neither asks nor takes its answer for so long makes room for others. */
#define IDLE_MS 3000

struct caller {
	struct timer_source source;
	struct timer_daemon *daemon;
	char line[MAX_LINE];
	size_t used;
	char *answer; /* what is left to send; then no request is read */
	size_t length, sent;
	uint64_t moved_ms; /* when it came, asked, or took some of an answer */
};

struct timer_control {
	struct timer_source listener;
	struct timer_socket_path path;
	struct timer_daemon *daemon;
	struct caller callers[MAX_CALLERS];
};

static void hang_up(struct caller *c)
{
	timer_loop_close(&c->source);
	free(c->answer);
	c->answer = NULL;
	c->used = 0;
}

/* Takes the first line as a request. False: there is no whole line, or no memory for the answer. */
static bool take_request(struct caller *c)
{
	const char *end = memchr(c->line, '\n', c->used);
	size_t length = end ? (size_t)(end - c->line) : 0;
	json_t *answer;

	if (!end)
		return false;
	answer = timer_control_answer(c->daemon, c->line, length);
	c->answer = answer ? json_dumps(answer, JSON_COMPACT) : NULL;
	json_decref(answer);
	c->moved_ms = timer_loop_now_ms();
	c->used -= length + 1;
	memmove(c->line, end + 1, c->used);
	if (!c->answer)
		return false;
	/* The line's end takes the NUL's place: the length tells how long it is. */
	c->length = strlen(c->answer) + 1;
	c->answer[c->length - 1] = '\n';
	c->sent = 0;
	return true;
}

/* Sends what the socket takes of the answer. False: it failed. */
static bool send_answer(struct caller *c)
{
	ssize_t n = send(c->source.fd, c->answer + c->sent, c->length - c->sent, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n < 0)
		return errno == EAGAIN;
	c->sent += (size_t)n;
	c->moved_ms = timer_loop_now_ms();
	if (c->sent == c->length) {
		free(c->answer);
		c->answer = NULL;
	}
	return true;
}

/* Requests wait while an answer does. */
static void serve(struct caller *c)
{
	while (c->answer || take_request(c)) {
		size_t before = c->sent;

		if (!send_answer(c)) {
			hang_up(c);
			return;
		}
		if (c->answer && c->sent == before)
			break;
	}
	if ((!c->answer && c->used == sizeof(c->line)) || timer_loop_watch(c->daemon->loop, &c->source, c->answer))
		hang_up(c);
}

static void caller_ready(struct timer_source *source)
{
	struct caller *c = TIMER_SOURCE_OF(source, struct caller, source);

	if (!c->answer) {
		ssize_t n = recv(source->fd, c->line + c->used, sizeof(c->line) - c->used, MSG_DONTWAIT);

		if (n == 0 || (n < 0 && errno != EAGAIN)) {
			hang_up(c);
			return;
		}
		c->used += n > 0 ? (size_t)n : 0;
	}
	serve(c);
}

static void accept_caller(struct timer_source *source)
{
	struct timer_control *control = TIMER_SOURCE_OF(source, struct timer_control, listener);
	int fd = timer_loop_accept(source);

	for (unsigned int i = 0; fd >= 0 && i < MAX_CALLERS; i++) {
		struct caller *c = &control->callers[i];

		if (c->source.fd >= 0)
			continue;
		c->source = (struct timer_source){ .fd = fd, .ready = caller_ready };
		c->daemon = control->daemon;
		c->moved_ms = timer_loop_now_ms();
		if (timer_loop_watch(control->daemon->loop, &c->source, false))
			hang_up(c);
		return;
	}
	if (fd >= 0)
		close(fd);
}

void timer_control_look(struct timer_daemon *d)
{
	uint64_t now = timer_loop_now_ms();

	for (unsigned int i = 0; i < MAX_CALLERS; i++) {
		struct caller *c = &d->control->callers[i];

		if (c->source.fd >= 0 && now - c->moved_ms > IDLE_MS)
			hang_up(c);
	}
}

int timer_control_open(struct timer_daemon *d, struct isolat_error *err)
{
	const struct timer_access own = TIMER_ACCESS_DEFAULT;
	struct timer_control *control = calloc(1, sizeof(*control));

	if (!control)
		return isolat_fail(err, ISOLAT_FAILED, "open the control socket", NULL, "out of memory");
	control->daemon = d;
	for (unsigned int i = 0; i < MAX_CALLERS; i++)
		control->callers[i].source.fd = -1;
	control->listener = (struct timer_source){ .fd = -1, .ready = accept_caller };
	if (!timer_socket_path(&control->path, d->config->run_dir, TIMER_CONTROL_SOCKET, err))
		control->listener.fd = timer_sockets_listen(d, TIMER_CONTROL_SOCKET, &own, err);
	if (control->listener.fd < 0) {
		free(control);
		return -1;
	}
	d->control = control;
	if (timer_loop_watch(d->loop, &control->listener, false))
		return isolat_fail(err, ISOLAT_FAILED, "watch socket", control->path.text, "%s", strerror(errno));
	return 0;
}

void timer_control_close(struct timer_daemon *d)
{
	for (unsigned int i = 0; i < MAX_CALLERS; i++)
		hang_up(&d->control->callers[i]);
	unlink(d->control->path.text);
	timer_loop_close(&d->control->listener);
	free(d->control);
	d->control = NULL;
}
