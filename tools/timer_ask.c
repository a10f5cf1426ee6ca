// SPDX-License-Identifier: BSD-3-Clause
#include "timer_ask.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "timer_server.h"

#define WAIT_S 10

static int fail(const struct timer_socket_path *path, const char *reason, struct isolat_error *err)
{
	return isolat_fail(err, ISOLAT_FAILED, "ask exitless-timerd", path->text, "%s", reason);
}

static int call(const struct timer_socket_path *path, struct isolat_error *err)
{
	const struct timeval wait = { .tv_sec = WAIT_S };
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(address.sun_path, path->text, sizeof(path->text));
	if (fd < 0)
		return fail(path, strerror(errno), err);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
	if (!connect(fd, (const struct sockaddr *)&address, sizeof(address)))
		return fd;
	if (errno == ENOENT || errno == ECONNREFUSED) {
		fail(path, "no daemon serves it", err);
		isolat_hint(err, "start exitless-timerd, or say --run-dir");
	} else {
		fail(path, strerror(errno), err);
	}
	close(fd);
	return -1;
}

static bool send_line(int fd, const char *line)
{
	return send(fd, line, strlen(line), MSG_NOSIGNAL) == (ssize_t)strlen(line) &&
	       send(fd, "\n", 1, MSG_NOSIGNAL) == 1;
}

/* What the answer says went wrong, if it does. */
static int take_error(const json_t *answer, struct isolat_error *err)
{
	const char *what, *object, *reason, *hint;
	int code;

	if (json_unpack((json_t *)answer, "{s:{s:i, s:s, s:s, s:s, s:s}}", "error", "code", &code, "what", &what,
			"object", &object, "reason", &reason, "hint", &hint))
		return 0;
	isolat_fail(err, (enum isolat_code)code, what, object, "%s", reason);
	return isolat_hint(err, "%s", hint);
}

static json_t *receive(int fd, const struct timer_socket_path *path, struct isolat_error *err)
{
	FILE *stream = fdopen(dup(fd), "r");
	json_t *answer = NULL;
	char *line = NULL;
	size_t room = 0;
	ssize_t length;

	errno = 0;
	length = stream ? getline(&line, &room, stream) : -1;
	if (length > 0)
		answer = json_loadb(line, (size_t)length, 0, NULL);
	else
		fail(path, errno ? strerror(errno) : "it hung up", err);
	if (length > 0 && !answer)
		fail(path, "its answer is no JSON", err);
	free(line);
	if (stream)
		fclose(stream);
	if (answer && take_error(answer, err)) {
		json_decref(answer);
		return NULL;
	}
	return answer;
}

json_t *timer_ask(const char *run_dir, json_t *request, struct isolat_error *err)
{
	char *line = request ? json_dumps(request, JSON_COMPACT) : NULL;
	struct timer_socket_path path;
	json_t *answer = NULL;
	int fd = -1;

	json_decref(request);
	if (!line)
		isolat_fail(err, ISOLAT_FAILED, "ask exitless-timerd", NULL, "out of memory");
	else if (!timer_socket_path(&path, run_dir, TIMER_CONTROL_SOCKET, err))
		fd = call(&path, err);
	if (fd >= 0 && send_line(fd, line))
		answer = receive(fd, &path, err);
	else if (fd >= 0)
		fail(&path, strerror(errno), err);
	if (fd >= 0)
		close(fd);
	free(line);
	return answer;
}
