// SPDX-License-Identifier: BSD-3-Clause
#include "rdt_pqos_client.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SHOWN	     60	 /* characters of an answer that is none */
#define LAST_WORDS   200 /* bytes of what a helper that died has written to stderr */
#define READ_AT_ONCE 65536

struct pqos_client {
	pid_t pid;
	int socket;
	int messages; /* its stderr: a file in memory, which never makes it wait */
	unsigned int answer_ms;
	bool ended;
	int status; /* when it has ended, as waitpid() tells */
	char *answer;
	size_t used, room;
};

/* ---- Starting it ---- */

/* In the child; returns only if something is wrong, with errno. */
static void become(const char *program, int end, int messages, const int *keep, size_t n_keep)
{
	char *const args[] = { (char *)program, NULL };
	sigset_t none;

	setsid();
	/* A blocked SIGALRM would make libpqos wait for a lock for ever. */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGALRM, SIG_DFL);
	if (dup2(end, STDIN_FILENO) < 0 || dup2(end, STDOUT_FILENO) < 0 || dup2(messages, STDERR_FILENO) < 0)
		return;
	for (size_t i = 0; i < n_keep; i++)
		fcntl(keep[i], F_SETFD, 0);
	execv(program, args);
}

/*
 * Starts the child with @end of the socket. A pipe closes when the program runs; an errno comes through it if it does
 * not. Returns 0 or an errno.
 */
static int start_child(struct pqos_client *c, const char *program, int end, const int *keep, size_t n_keep)
{
	int failed[2], child_errno = 0;

	if (pipe2(failed, O_CLOEXEC))
		return errno;
	c->pid = fork();
	if (!c->pid) {
		become(program, end, c->messages, keep, n_keep);
		child_errno = errno;
		_exit(write(failed[1], &child_errno, sizeof(child_errno)) > 0 ? 127 : 126);
	}
	if (c->pid < 0)
		child_errno = errno;
	close(failed[1]);
	while (c->pid > 0 && read(failed[0], &child_errno, sizeof(child_errno)) < 0 && errno == EINTR)
		;
	close(failed[0]);
	return child_errno;
}

static void free_client(struct pqos_client *c)
{
	if (c->socket >= 0)
		close(c->socket);
	if (c->messages >= 0)
		close(c->messages);
	free(c->answer);
	free(c);
}

static int start(struct pqos_client *c, const char *program, const int *keep, size_t n_keep, struct isolat_error *err)
{
	int ends[2], why;

	c->messages = memfd_create("isolat-pqos", MFD_CLOEXEC);
	if (c->messages < 0 || fcntl(c->messages, F_SETFL, O_APPEND) ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
		return isolat_fail(err, ISOLAT_FAILED, "start", program, "%s", strerror(errno));
	c->socket = ends[0];
	why = start_child(c, program, ends[1], keep, n_keep);
	close(ends[1]);
	if (!why)
		return 0;
	if (c->pid > 0)
		waitpid(c->pid, NULL, 0);
	return isolat_fail(err, ISOLAT_FAILED, "start", program, "%s", strerror(why));
}

int pqos_client_start(const char *program, unsigned int answer_ms, const int *keep, size_t n_keep,
		      struct pqos_client **client, struct isolat_error *err)
{
	struct pqos_client *c = calloc(1, sizeof(*c));

	*client = NULL;
	if (!c)
		return isolat_fail(err, ISOLAT_FAILED, "start", program, "out of memory");
	c->answer_ms = answer_ms;
	c->socket = c->messages = -1;
	if (start(c, program, keep, n_keep, err)) {
		free_client(c);
		return -1;
	}
	*client = c;
	return 0;
}

/* ---- Its end ---- */

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* Waits until @fd has something, or is at its end, or until @deadline. Returns whether it came to that. */
static bool wait_for(int fd, uint64_t deadline)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	uint64_t now;
	int n;

	do {
		now = now_ms();
		n = poll(&p, 1, now < deadline ? (int)(deadline - now) : 0);
	} while ((n < 0 && errno == EINTR) || (!n && now_ms() < deadline));
	return n > 0;
}

/* Whether it ends until @deadline. */
static bool ends(struct pqos_client *c, uint64_t deadline)
{
	const struct timespec pause = { .tv_nsec = 1000000 };
	pid_t ended;

	while (!(ended = waitpid(c->pid, &c->status, WNOHANG)) && now_ms() < deadline)
		nanosleep(&pause, NULL);
	return ended;
}

/* Kills it if it has not ended after @ms. */
static void reap(struct pqos_client *c, unsigned int ms)
{
	if (c->ended)
		return;
	c->ended = true;
	if (ends(c, now_ms() + ms))
		return;
	kill(c->pid, SIGKILL);
	while (waitpid(c->pid, &c->status, 0) < 0 && errno == EINTR)
		;
}

/* What it wrote last, without the newline. */
static void last_words(const struct pqos_client *c, char text[LAST_WORDS])
{
	off_t end = lseek(c->messages, 0, SEEK_END);
	off_t from = end < LAST_WORDS ? 0 : end - (LAST_WORDS - 1);
	ssize_t n = end > 0 ? pread(c->messages, text, LAST_WORDS - 1, from) : 0;
	char *line;

	text[n > 0 ? n : 0] = '\0';
	while (n > 0 && text[n - 1] == '\n')
		text[--n] = '\0';
	line = strrchr(text, '\n');
	if (line)
		memmove(text, line + 1, strlen(line));
	for (char *at = text; *at; at++) {
		if ((unsigned char)*at < ' ' || *at == 0x7f)
			*at = '?';
	}
}

bool pqos_client_has_aborted(const struct pqos_client *c)
{
	return c->ended && WIFSIGNALED(c->status) && WTERMSIG(c->status) == SIGABRT;
}

bool pqos_client_has_ended(const struct pqos_client *c)
{
	return c->ended;
}

static int say_how_it_ended(struct pqos_client *c, const char *what, struct isolat_error *err)
{
	char text[LAST_WORDS], how[64];

	last_words(c, text);
	if (WIFSIGNALED(c->status))
		snprintf(how, sizeof(how), "was ended by signal %d (%s)", WTERMSIG(c->status),
			 strsignal(WTERMSIG(c->status)));
	else
		snprintf(how, sizeof(how), "ended with status %d", WEXITSTATUS(c->status));
	isolat_fail(err, ISOLAT_FAILED, what, PQOS_HELPER, "the helper process of libpqos %s%s%s", how,
		    *text ? ", after: " : "", text);
	if (pqos_client_has_aborted(c))
		return isolat_hint(err, "libpqos aborts on machines without RDT or QoS: see what isolat doctor says");
	return -1;
}

void pqos_client_end(struct pqos_client *c)
{
	if (!c)
		return;
	shutdown(c->socket, SHUT_RDWR);
	reap(c, c->answer_ms);
	free_client(c);
}

/* ---- Asking ---- */

static int out_of_memory(const char *what, struct isolat_error *err)
{
	return isolat_fail(err, ISOLAT_FAILED, what, PQOS_HELPER, "out of memory");
}

static bool send_all(int fd, const char *text, size_t length)
{
	while (length) {
		ssize_t n = send(fd, text, length, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		text += n;
		length -= (size_t)n;
	}
	return true;
}

/* A request fits into the socket's buffer: a helper that does not read cannot make this wait. */
static int send_request(struct pqos_client *c, const char *what, const json_t *request, struct isolat_error *err)
{
	char *text = json_dumps(request, JSON_COMPACT);
	bool sent;

	if (!text)
		return out_of_memory(what, err);
	sent = send_all(c->socket, text, strlen(text)) && send_all(c->socket, "\n", 1);
	free(text);
	if (sent)
		return 0;
	reap(c, c->answer_ms);
	return say_how_it_ended(c, what, err);
}

static bool has_room(struct pqos_client *c)
{
	size_t room = c->room ? 2 * c->room : READ_AT_ONCE;
	char *grown;

	if (c->used < c->room)
		return true;
	grown = realloc(c->answer, room);
	if (!grown)
		return false;
	c->answer = grown;
	c->room = room;
	return true;
}

/* What comes after the line would be an answer that nobody asked for. */
static int check_line(struct pqos_client *c, const char *what, size_t length, struct isolat_error *err)
{
	if (length + 1 == c->used)
		return 0;
	reap(c, 0);
	return isolat_fail(err, ISOLAT_FAILED, what, PQOS_HELPER,
			   "the helper process of libpqos wrote more than its answer");
}

static int give_up(struct pqos_client *c, const char *what, const char *why, struct isolat_error *err)
{
	reap(c, 0);
	return isolat_fail(err, ISOLAT_FAILED, what, PQOS_HELPER, "the helper process of libpqos %s", why);
}

static int hangs(struct pqos_client *c, const char *what, struct isolat_error *err)
{
	reap(c, 0);
	isolat_fail(err, ISOLAT_FAILED, what, PQOS_HELPER, "the helper process of libpqos gave no answer for %u ms",
		    c->answer_ms);
	return isolat_hint(err, "another program that uses libpqos (pqos, rdtset) may hold its lock");
}

/* Reads one line into c->answer; gives its length, without the newline. */
static int read_line(struct pqos_client *c, const char *what, size_t *length, struct isolat_error *err)
{
	uint64_t deadline = now_ms() + c->answer_ms;

	for (c->used = 0;;) {
		const char *newline;
		ssize_t n;

		if (!has_room(c))
			return out_of_memory(what, err);
		if (!wait_for(c->socket, deadline))
			return hangs(c, what, err);
		n = recv(c->socket, c->answer + c->used, c->room - c->used, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			reap(c, c->answer_ms);
			return say_how_it_ended(c, what, err);
		}
		newline = memchr(c->answer + c->used, '\n', (size_t)n);
		c->used += (size_t)n;
		if (newline) {
			*length = (size_t)(newline - c->answer);
			return check_line(c, what, *length, err);
		}
		if (c->used > PQOS_LINE_LIMIT)
			return give_up(c, what, "gave an answer without end", err);
	}
}

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

static int take_error(const json_t *error, bool *gone, struct isolat_error *err)
{
	json_int_t code = json_integer_value(json_object_get(error, "code"));
	const char *hint = text_of(error, "hint");

	*gone = json_is_true(json_object_get(error, "gone"));
	if (code <= ISOLAT_OK || code > ISOLAT_NO_FIT)
		code = ISOLAT_FAILED;
	isolat_fail(err, (enum isolat_code)code, text_of(error, "what"), text_of(error, "object"), "%s",
		    text_of(error, "reason"));
	return *hint ? isolat_hint(err, "%s", hint) : -1;
}

static int take_answer(struct pqos_client *c, const char *what, size_t length, json_t **result, bool *gone,
		       struct isolat_error *err)
{
	json_t *answer = json_loadb(c->answer, length, 0, NULL);
	json_t *ok = json_object_get(answer, "ok"), *error = json_object_get(answer, "error");
	int rc = 0;

	if (ok || json_is_object(error)) {
		if (ok)
			*result = json_incref(ok);
		else
			rc = take_error(error, gone, err);
		json_decref(answer);
		return rc;
	}
	json_decref(answer);
	reap(c, 0);
	for (size_t i = 0; i < length; i++) {
		if ((unsigned char)c->answer[i] < ' ' || (unsigned char)c->answer[i] >= 0x7f)
			c->answer[i] = '?';
	}
	return isolat_fail(err, ISOLAT_FAILED, what, PQOS_HELPER,
			   "the helper process of libpqos gave an answer that is none: '%.*s'%s",
			   length > SHOWN ? SHOWN : (int)length, c->answer, length > SHOWN ? "..." : "");
}

int pqos_client_ask(struct pqos_client *c, json_t *request, json_t **result, bool *gone, struct isolat_error *err)
{
	char what[32];
	size_t length = 0;
	int rc;

	*result = NULL;
	*gone = false;
	snprintf(what, sizeof(what), "%s", text_of(request, "op"));
	if (!request)
		return out_of_memory("ask libpqos", err);
	if (c->ended) {
		json_decref(request);
		return isolat_fail(err, ISOLAT_FAILED, what, PQOS_HELPER,
				   "the helper process of libpqos has ended before");
	}
	/* Its last words are to be about this request. */
	ftruncate(c->messages, 0);
	rc = send_request(c, what, request, err);
	json_decref(request);
	if (rc || read_line(c, what, &length, err))
		return -1;
	return take_answer(c, what, length, result, gone, err);
}
