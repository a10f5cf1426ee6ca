// SPDX-License-Identifier: BSD-3-Clause
#include "jobs.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

struct job {
	pid_t pid; /* 0: not begun */
	bool ended;
	int status; /* as waitpid() has it */
	int output; /* memfd */
};

struct run {
	const struct jobs *jobs;
	struct job *job;
	size_t begun, printed;
	unsigned int running, failures;
	bool one_alone; /* what runs is alone */
};

static void give_up(const char *what)
{
	fprintf(stderr, "tests/vm/run: %s: %s\n", what, strerror(errno));
	exit(EXIT_FAILURE);
}

static void begin(struct run *run)
{
	size_t i = run->begun++;
	struct job *job = &run->job[i];

	fflush(stdout);
	job->output = memfd_create("output", MFD_CLOEXEC);
	job->pid = job->output < 0 ? -1 : fork();
	if (job->pid < 0)
		give_up("start a test");
	if (!job->pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(job->output, STDOUT_FILENO);
		dup2(job->output, STDERR_FILENO);
		bool ok = run->jobs->run(run->jobs->context, i);

		fflush(NULL);
		_exit(ok ? EXIT_SUCCESS : EXIT_FAILURE);
	}
	run->running++;
	run->one_alone = run->jobs->alone(run->jobs->context, i);
}

static bool may_begin(const struct run *run)
{
	if (run->begun == run->jobs->n || run->running == run->jobs->at_once)
		return false;
	return !run->running || (!run->one_alone && !run->jobs->alone(run->jobs->context, run->begun));
}

static void wait_one(struct run *run)
{
	int status;
	pid_t pid = waitpid(-1, &status, 0);

	if (pid < 0)
		give_up("wait for a test");
	for (size_t i = 0; i < run->begun; i++) {
		if (run->job[i].pid != pid || run->job[i].ended)
			continue;
		run->job[i].ended = true;
		run->job[i].status = status;
		run->running--;
	}
}

static void print(struct run *run, size_t i)
{
	struct job *job = &run->job[i];
	char buf[4096];
	ssize_t n;

	lseek(job->output, 0, SEEK_SET);
	while ((n = read(job->output, buf, sizeof(buf))) > 0)
		fwrite(buf, 1, n, stdout);
	close(job->output);
	if (WIFSIGNALED(job->status))
		run->jobs->lost(run->jobs->context, i, WTERMSIG(job->status));
	run->failures += job->status != 0;
	fflush(stdout);
}

unsigned int jobs_run(const struct jobs *jobs)
{
	struct run run = { .jobs = jobs, .job = calloc(jobs->n + 1, sizeof(struct job)) };

	while (run.printed < jobs->n) {
		while (may_begin(&run))
			begin(&run);
		wait_one(&run);
		while (run.printed < jobs->n && run.job[run.printed].ended)
			print(&run, run.printed++);
	}
	free(run.job);
	return run.failures;
}
