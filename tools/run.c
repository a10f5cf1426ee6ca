// SPDX-License-Identifier: BSD-3-Clause
/* isolat run: a command under a class, for as long as it takes. */
#include "verb.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "applied.h"
#include "apply_steps.h"
#include "plan_work.h"
#include "proc_task.h"
#include "run_left.h"
#include "run_plan.h"
#include "step_cgroup.h"
#include "step_rdt.h"

enum { OPT_ENGINE = 256, OPT_WAIT };

static const struct report_option options[] = {
	REPORT_OPTION_HELP,
	{ "class", 'c', "NAME", "the class; has to be given" },
	{ "profile", 'p', "FILE", "the profile (default " PROFILE_DEFAULT_FILE ")" },
	{ "cpus", 'n', "N", "how many CPUs (default a core, or one CPU where the class shares them)" },
	{ "engine", OPT_ENGINE, "resctrl|pqos|pqos-os|pqos-msr", "what programs RDT (default resctrl)" },
	{ "wait", OPT_WAIT, "SECONDS", "how long to wait for another isolat, or for resctrl's lock (default 10)" },
	{ 0 },
};

static const struct report_usage usage = {
	.command = "isolat run",
	.synopsis = "--class NAME [OPTION]... [--] COMMAND [ARGUMENT]...",
	.about = "Runs a command with the cores, cache and bandwidth of a class, and takes all of it back when the "
		 "command "
		 "has ended, also where isolat run is killed. Its exit code is the command's.",
	.options = options,
	.stop_at_word = true,
	.no_json = true,
};

struct request {
	const char *class, *profile;
	struct applied_options applied;
	unsigned long cpus;
	char **command;
};

/* The command's process, before it is the command: it waits until its place is made. */
struct child {
	pid_t pid;
	int go; /* its CPUs, as a list with its NUL: begin; the pipe's end: do not */
	pid_t guard;
};

/* ---- The command ---- */

static void set_affinity(const char *cpus)
{
	cpu_set_t *set = CPU_ALLOC(TOPOLOGY_MAX_CPUS);
	size_t size = CPU_ALLOC_SIZE(TOPOLOGY_MAX_CPUS);

	if (!set)
		return;
	CPU_ZERO_S(size, set);
	for (unsigned int cpu = 0; cpu < TOPOLOGY_MAX_CPUS; cpu++)
		if (plan_listed(cpus, cpu))
			CPU_SET_S(cpu, size, set);
	sched_setaffinity(0, size, set);
	CPU_FREE(set);
}

/* The CPUs come through the pipe, with a NUL behind them; an end without one means that there is no place. */
static bool wait_for_place(int fd, char *cpus, size_t size)
{
	size_t n = 0;
	ssize_t got;

	while (n < size && ((got = read(fd, cpus + n, size - n)) > 0 || (got < 0 && errno == EINTR))) {
		n += got > 0 ? (size_t)got : 0;
		if (n && !cpus[n - 1])
			return true;
	}
	return false;
}

static void be_command(int fd, char **command)
{
	static char cpus[8192];

	if (!wait_for_place(fd, cpus, sizeof(cpus)))
		_exit(ISOLAT_FAILED);
	close(fd);
	set_affinity(cpus);
	signal(SIGINT, SIG_DFL);
	signal(SIGPIPE, SIG_DFL);
	execvp(command[0], command);
	fprintf(stderr, "isolat: run %s: %s\n", command[0], strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

/* ---- The guard: takes back what is there when its parent was killed ---- */

#define GUARD_TRIES 100
#define GUARD_PAUSE 50000 /* us */

static void be_guard(int fd, const struct applied_options *how, const char *name)
{
	struct isolat_error err;
	pid_t parent;
	char done;

	setsid();
	signal(SIGTERM, SIG_IGN);
	if (read(fd, &done, 1) == 1)
		_exit(0);
	/* The pipe's end comes a moment before the process's own; and others may hold the locks. */
	for (int i = 0; i < GUARD_TRIES; i++) {
		if (!run_left_is_at_work(name, &parent) && !run_left_take_back_one(how, name, &err))
			break;
		usleep(GUARD_PAUSE);
	}
	_exit(0);
}

/* ---- Making the place ---- */

static int leader_object(pid_t pid, char object[64], struct isolat_error *err)
{
	struct proc_task task;
	char path[64];
	int rc;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	rc = proc_task_read(AT_FDCWD, path, &task);
	if (rc)
		return isolat_fail(err, ISOLAT_FAILED, "run", NULL, "%s: %s", path, strerror(-rc));
	snprintf(object, 64, "%d@%llu", (int)pid, task.start);
	return 0;
}

/* A cgroup for the command, where there is version 2; affinity alone, elsewhere. */
static int add_cgroup(const struct run_plan *plan, pid_t pid, const char *object, struct applied *a,
		      struct apply_steps *steps, struct isolat_error *err)
{
	char path[64], file[96], *now;

	if (!plan->nodes || step_cgroup_file.read(&a->host, "cgroup.subtree_control", &now, err))
		return plan->nodes && err->code != ISOLAT_UNSUPPORTED ? -1 : 0;
	free(now);
	snprintf(path, sizeof(path), "isolat/" RUN_GROUP_PREFIX "%d", (int)pid);
	if (apply_steps_add_cgroup_root(steps, err) || apply_steps_add(steps, &step_cgroup, path, STEP_PRESENT, err))
		return -1;
	snprintf(file, sizeof(file), "%s/cpuset.mems", path);
	if (apply_steps_add(steps, &step_cgroup_file, file, plan->nodes, err))
		return -1;
	snprintf(file, sizeof(file), "%s/cpuset.cpus", path);
	if (apply_steps_add(steps, &step_cgroup_file, file, plan->cpus, err))
		return -1;
	return apply_steps_add(steps, &step_cgroup_task, object, path, err);
}

static int make_steps(const struct run_plan *plan, pid_t pid, struct applied *a, struct apply_steps *steps,
		      struct isolat_error *err)
{
	char object[64];

	if (leader_object(pid, object, err))
		return -1;
	if (!plan->joins && apply_steps_make(&plan->plan, &a->host, steps, err))
		return -1;
	if (!plan->joins && !plan->exclusive)
		apply_steps_drop(steps, &step_schemata, ""); /* it shares with the default group */
	if (add_cgroup(plan, pid, object, a, steps, err))
		return -1;
	return *plan->group ? apply_steps_add(steps, &step_task, object, plan->group, err) : 0;
}

static int make_place(const struct run_plan *plan, pid_t pid, struct applied *a, struct isolat_error *err)
{
	struct apply_steps steps = { 0 };
	json_t *about = json_pack("{s:i, s:b}", "pid", (int)getpid(), "exclusive", plan->exclusive && !plan->joins);
	int rc = make_steps(plan, pid, a, &steps, err) || transaction_run(a->t, steps.step, steps.n, NULL, err) ||
		 transaction_commit(a->t, about, err);

	apply_steps_free(&steps);
	json_decref(about);
	return rc ? -1 : 0;
}

/* What stands applied; a new reference, or NULL. */
static int read_about(const struct applied_options *how, json_t **about, struct isolat_error *err)
{
	struct applied a;

	if (applied_open(how, APPLIED_READ, &a, err))
		return -1;
	*about = json_incref((json_t *)transaction_about(a.t));
	applied_close(&a);
	return 0;
}

/* Plans and makes the command's place; tells it where that is, so that it begins. */
static int prepare(const struct request *r, const struct child *child, struct isolat_error *err)
{
	struct applied_options of_run = r->applied;
	char name[RUN_NAME_SIZE];
	struct run_plan plan = { 0 };
	struct applied a = { 0 };
	json_t *about = NULL;
	int rc;

	of_run.name = name;
	rc = run_journal_name(getpid(), name, err) || read_about(&r->applied, &about, err) ||
	     applied_open(&of_run, APPLIED_CHANGE, &a, err) ||
	     run_plan_make(r->profile, r->class, (unsigned int)r->cpus, child->pid, a.engine, about, &plan, err) ||
	     make_place(&plan, child->pid, &a, err);
	applied_close(&a);
	if (!rc && write(child->go, plan.cpus, strlen(plan.cpus) + 1) < 0)
		rc = isolat_fail(err, ISOLAT_FAILED, "run", r->command[0], "it ended before it began");
	run_plan_free(&plan);
	json_decref(about);
	return rc ? -1 : 0;
}

static int take_back(const struct request *r, struct isolat_error *err)
{
	struct applied_options of_run = r->applied;
	char name[RUN_NAME_SIZE];
	struct applied a;
	int rc;

	of_run.name = name;
	if (run_journal_name(getpid(), name, err) || applied_open(&of_run, APPLIED_TAKE_BACK, &a, err))
		return -1;
	rc = transaction_undo(a.t, NULL, err);
	applied_print_left(&a, stderr);
	applied_close(&a);
	return rc;
}

/* ---- From start to end ---- */

static volatile sig_atomic_t command_pid;

/* Those that are sent to us alone; a terminal's go to the command, too. */
static void pass_on(int sig)
{
	if (command_pid)
		kill(command_pid, sig);
}

static int fork_child(const struct request *r, struct child *child, int done[2], struct isolat_error *err)
{
	int go[2];

	if (pipe2(go, O_CLOEXEC))
		return isolat_fail(err, ISOLAT_FAILED, "run", r->command[0], "%s", strerror(errno));
	child->pid = fork();
	if (!child->pid) {
		close(done[1]);
		close(go[1]);
		be_command(go[0], r->command);
	}
	close(go[0]);
	child->go = go[1];
	return child->pid > 0 ? 0 : isolat_fail(err, ISOLAT_FAILED, "run", r->command[0], "%s", strerror(errno));
}

static int wait_for_end(const struct child *child)
{
	int status = 0;

	while (waitpid(child->pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int run_child(const struct request *r, struct child *child)
{
	struct isolat_error err;
	int code = prepare(r, child, &err) ? report_error(&err, false) : ISOLAT_OK;

	close(child->go);
	if (code == ISOLAT_OK)
		code = wait_for_end(child);
	else
		wait_for_end(child);
	command_pid = 0;
	if (take_back(r, &err))
		report_error(&err, false);
	return code;
}

static int run(const struct request *r)
{
	struct child child = { 0 };
	char name[RUN_NAME_SIZE];
	struct isolat_error err;
	int done[2], code;

	if (run_left_make_room(&r->applied, true, &err) || run_journal_name(getpid(), name, &err))
		return report_error(&err, false);
	if (pipe2(done, O_CLOEXEC)) {
		isolat_fail(&err, ISOLAT_FAILED, "run", r->command[0], "%s", strerror(errno));
		return report_error(&err, false);
	}
	child.guard = fork();
	if (!child.guard) {
		close(done[1]);
		be_guard(done[0], &r->applied, name);
	}
	close(done[0]);
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, pass_on);
	signal(SIGHUP, pass_on);
	code = fork_child(r, &child, done, &err) ? report_error(&err, false) : -1;
	command_pid = child.pid;
	if (code < 0)
		code = run_child(r, &child);
	write(done[1], "", 1);
	close(done[1]);
	waitpid(child.guard, NULL, 0);
	return code;
}

static int apply_option(void *request, int key, struct isolat_error *err)
{
	struct request *r = request;

	switch (key) {
	case 'c':
		r->class = optarg;
		return 0;
	case 'p':
		r->profile = optarg;
		return 0;
	case 'n':
		return report_number(&usage, key, optarg, 1, TOPOLOGY_MAX_CPUS, &r->cpus, err);
	case OPT_ENGINE:
		r->applied.engine = optarg;
		return 0;
	default: /* OPT_WAIT */
		return report_number(&usage, key, optarg, 0, APPLIED_MAX_WAIT, &r->applied.wait_s, err);
	}
}

int cmd_run(int argc, char **argv)
{
	struct request request = { .profile = PROFILE_DEFAULT_FILE, .applied.wait_s = APPLIED_WAIT_S };
	int code = report_options(&usage, argc, argv, apply_option, &request);
	struct isolat_error err;

	if (code >= 0)
		return code;
	if (!request.class || optind == argc) {
		isolat_fail(&err, ISOLAT_USAGE, "run", NULL, request.class ? "no command" : "no --class");
		isolat_hint(&err, "isolat run --class NAME -- COMMAND");
		return report_error(&err, false);
	}
	request.command = argv + optind;
	return run(&request);
}
