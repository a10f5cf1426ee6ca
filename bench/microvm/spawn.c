// SPDX-License-Identifier: BSD-3-Clause
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef ISOLAT_LIBEXECDIR
#define ISOLAT_LIBEXECDIR "/usr/local/libexec/isolat"
#endif

void arg_add(struct arg_list *args, const char *format, ...)
{
	va_list ap;

	args->v = realloc(args->v, (args->n + 2) * sizeof(*args->v));
	va_start(ap, format);
	if (vasprintf(&args->v[args->n], format, ap) < 0)
		abort();
	va_end(ap);
	args->v[++args->n] = NULL;
}

void arg_free(struct arg_list *args)
{
	for (size_t i = 0; i < args->n; i++)
		free(args->v[i]);
	free(args->v);
	memset(args, 0, sizeof(*args));
}

/* In the child; returns only if something is wrong, with errno. */
static void become(const struct arg_list *args, const struct spawn_setup *setup, pid_t parent)
{
	int null = open("/dev/null", O_RDWR);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(0); /* the parent ended before the line above */
	dup2(null, STDIN_FILENO);
	dup2(setup->out < 0 ? null : setup->out, STDOUT_FILENO);
	dup2(setup->err < 0 ? null : setup->err, STDERR_FILENO);
	for (size_t i = 0; i < setup->n_keep; i++)
		fcntl(setup->keep_fds[i], F_SETFD, 0);
	for (size_t i = 0; setup->environ && i < setup->environ->n; i++)
		putenv(setup->environ->v[i]);
	if (setup->in_child && setup->in_child())
		return;
	execvp(args->v[0], args->v);
}

int spawn_child(const struct arg_list *args, const struct spawn_setup *setup, pid_t *pid, struct isolat_error *err)
{
	pid_t parent = getpid();
	int failed[2], child_errno;
	ssize_t n;

	if (pipe2(failed, O_CLOEXEC))
		return isolat_fail(err, ISOLAT_FAILED, "start", args->v[0], "%s", strerror(errno));
	*pid = fork();
	if (!*pid) {
		become(args, setup, parent);
		child_errno = errno;
		n = write(failed[1], &child_errno, sizeof(child_errno));
		_exit(n > 0 ? 127 : 126);
	}
	close(failed[1]);
	/* The pipe closes when the program runs; an errno comes through it when it cannot. */
	n = *pid < 0 ? 0 : read(failed[0], &child_errno, sizeof(child_errno));
	close(failed[0]);
	if (*pid > 0 && n <= 0)
		return 0;
	if (*pid < 0)
		child_errno = errno;
	else
		spawn_kill(pid);
	*pid = 0;
	return isolat_fail(err, child_errno == ENOENT ? ISOLAT_UNSUPPORTED : ISOLAT_FAILED, "start", args->v[0], "%s",
			   strerror(child_errno));
}

void spawn_kill(pid_t *pid)
{
	if (*pid <= 0)
		return;
	kill(*pid, SIGKILL);
	waitpid(*pid, NULL, 0);
	*pid = 0;
}
