// SPDX-License-Identifier: BSD-3-Clause
/*
 * Descriptions of other machines, read in a process of their own: hwloc trusts what it is given, and a damaged file
 * makes it follow null pointers or run into an assertion. The result comes back as our JSON, which is checked key by
 * key.
 */
#include "topology_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_CPU_SECONDS 60

/* What the child writes first; then JSON, or the error. */
enum { ANSWER_TOPOLOGY = 'T', ANSWER_ERROR = 'E' };

static void send_topology(FILE *out, const struct topology *t)
{
	json_t *json = topology_to_json(t);

	fputc(ANSWER_TOPOLOGY, out);
	if (json)
		json_dumpf(json, out, JSON_COMPACT);
	json_decref(json);
}

/* A handler of the parent's would take a crash for the parent's own, and go on as the parent. */
static void reset_signals(void)
{
	static const int fatal[] = { SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGXCPU, SIGPIPE };

	for (size_t i = 0; i < sizeof(fatal) / sizeof(*fatal); i++)
		signal(fatal[i], SIG_DFL);
}

/* Ends the process. Nothing of the parent's is flushed or run. */
static void child(const char *source, const struct topology_xml *xml, int fd)
{
	const struct rlimit no_core = { 0 }, cpu = { MAX_CPU_SECONDS, MAX_CPU_SECONDS };
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	FILE *out = fdopen(fd, "w");
	struct isolat_error err = { 0 };
	struct topology t;

	reset_signals();
	setrlimit(RLIMIT_CORE, &no_core);
	setrlimit(RLIMIT_CPU, &cpu);
	if (null < 0 || dup2(null, STDERR_FILENO) < 0 || !out)
		_exit(1);
	if (!topology_read_here(source, xml, &t, &err)) {
		send_topology(out, &t);
		topology_free(&t);
	} else {
		fputc(ANSWER_ERROR, out);
		fwrite(&err, sizeof(err), 1, out);
	}
	_exit(fclose(out) ? 1 : 0);
}

static int take_topology(FILE *in, const char *source, struct topology *t, struct isolat_error *err)
{
	json_t *json = json_loadf(in, 0, NULL);
	int rc = topology_from_json(json, t, err);
	char *name;

	json_decref(json);
	if (rc) {
		snprintf(err->object, sizeof(err->object), "%s", source);
		return -1;
	}
	name = strdup(source); /* JSON may have replaced bytes of it */
	if (!name) {
		topology_free(t);
		return topology_no_memory(err);
	}
	free(t->source);
	t->source = name;
	return 0;
}

static int no_answer(int status, const char *source, struct isolat_error *err)
{
	if (WIFSIGNALED(status) && (WTERMSIG(status) == SIGXCPU || WTERMSIG(status) == SIGKILL))
		return isolat_fail(err, ISOLAT_USAGE, "read topology", source, "hwloc was ended, after up to %d s",
				   MAX_CPU_SECONDS);
	isolat_fail(err, ISOLAT_USAGE, "read topology", source, "hwloc crashed on it");
	return isolat_hint(err, "is it whole, and written by lstopo?");
}

/* The parent's side: the answer, then how the child ended. */
static int take_answer(int fd, pid_t pid, const char *source, struct topology *t, struct isolat_error *err)
{
	FILE *in = fdopen(fd, "r");
	int kind = in ? fgetc(in) : EOF, rc = -1, status = 0;
	bool answered = true;

	if (kind == ANSWER_TOPOLOGY)
		rc = take_topology(in, source, t, err);
	else if (kind != ANSWER_ERROR || fread(err, sizeof(*err), 1, in) != 1)
		answered = false;
	if (in)
		fclose(in);
	else
		close(fd);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return answered ? rc : no_answer(status, source, err);
}

int topology_read_apart(const char *source, const struct topology_xml *xml, struct topology *t,
			struct isolat_error *err)
{
	int fds[2];
	pid_t pid;

	*t = (struct topology){ 0 };
	if (pipe2(fds, O_CLOEXEC))
		return isolat_fail(err, ISOLAT_FAILED, "read topology", source, "pipe: %s", strerror(errno));
	pid = fork();
	if (pid < 0) {
		isolat_fail(err, ISOLAT_FAILED, "read topology", source, "fork: %s", strerror(errno));
		close(fds[0]);
		close(fds[1]);
		return -1;
	}
	if (!pid) {
		close(fds[0]);
		child(source, xml, fds[1]);
	}
	close(fds[1]);
	return take_answer(fds[0], pid, source, t, err);
}
