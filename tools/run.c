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
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "applied_options.h"
#include "apply_steps.h"
#include "plan_work.h"
#include "proc_task.h"
#include "run_left.h"
#include "run_plan.h"
#include "step_cgroup.h"
#include "step_rdt.h"

enum { OPT_ENGINE = 256 };

static const struct report_option options[] = {
	REPORT_OPTION_HELP,
	{ "class", 'c', "NAME", "the class; has to be given" },
	{ "profile", 'p', "FILE", "the profile (default " PROFILE_DEFAULT_FILE ")" },
	{ "cpus", 'n', "N", "how many CPUs (default a core, or one CPU where the class shares them)" },
	{ "engine", OPT_ENGINE, "resctrl|pqos|pqos-os|pqos-msr",
	  "what programs RDT (default what is in use, else resctrl)" },
	APPLIED_OPTION_WAIT,
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
	bool placed; /* its place is made, or was begun to be */
};

/* ---- Signals ---- */

static volatile sig_atomic_t command_pid;

/* All that end a process which does not expect them: the command would live on without its class. */
static const int caught[] = { SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGALRM };

/* Those that are sent to us alone; a terminal's ^C and ^\ come from the kernel, and have gone to the command, too. */
static void pass_on(int sig, siginfo_t *info, void *context)
{
	if (info->si_code != SI_KERNEL || (sig != SIGINT && sig != SIGQUIT))
		kill(command_pid, sig);
}

/* What was ignored stays so: nohup. */
static void handle_signals(const struct sigaction *action)
{
	struct sigaction was;

	for (size_t i = 0; i < sizeof(caught) / sizeof(caught[0]); i++)
		if (!sigaction(caught[i], NULL, &was) && was.sa_handler != SIG_IGN)
			sigaction(caught[i], action, NULL);
}

static void pass_signals_on(void)
{
	handle_signals(&(struct sigaction){ .sa_sigaction = pass_on, .sa_flags = SA_SIGINFO | SA_RESTART });
}

static void ignore_signals(void)
{
	handle_signals(&(struct sigaction){ .sa_handler = SIG_IGN });
}

/* Where it is ignored nobody is told how a child has ended. The command gets it as it was. */
static void (*inherited_sigchld)(int);

/* ---- The command ---- */

/* Returns 0 or -errno. */
static int set_affinity(const char *cpus)
{
	cpu_set_t *set = CPU_ALLOC(TOPOLOGY_MAX_CPUS);
	size_t size = CPU_ALLOC_SIZE(TOPOLOGY_MAX_CPUS);

	int rc;

	if (!set)
		return -ENOMEM;
	CPU_ZERO_S(size, set);
	for (unsigned int cpu = 0; cpu < TOPOLOGY_MAX_CPUS; cpu++)
		if (plan_listed(cpus, cpu))
			CPU_SET_S(cpu, size, set);
	rc = sched_setaffinity(0, size, set) ? -errno : 0;
	CPU_FREE(set);
	return rc;
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
	struct isolat_error err;
	int code, rc;

	if (!wait_for_place(fd, cpus, sizeof(cpus)))
		_exit(ISOLAT_FAILED);
	close(fd);
	rc = set_affinity(cpus);
	if (rc) {
		isolat_fail(&err, ISOLAT_FAILED, "pin", command[0], "to CPUs %.200s: %s", cpus, strerror(-rc));
		isolat_hint(&err,
			    "all of them are offline, or kept from isolat run itself by the cpuset that it is in");
		_exit(report_error(&err, false));
	}
	signal(SIGCHLD, inherited_sigchld);
	execvp(command[0], command);
	code = errno == ENOENT ? 127 : 126;
	isolat_fail(&err, ISOLAT_FAILED, "run", command[0], "%s", strerror(errno));
	report_error(&err, false);
	_exit(code);
}

/* ---- The guard: takes back what is there when its parent was killed ---- */

#define GUARD_TRIES	1000 /* an hour */
#define GUARD_PAUSE	50   /* ms, doubled from try to try */
#define GUARD_MAX_PAUSE 4000

static void leave_streams(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int fd = STDIN_FILENO; null >= 0 && fd <= STDERR_FILENO; fd++)
		dup2(null, fd);
}

static void be_guard(int fd, const struct applied_options *how, const char *name)
{
	struct applied_options mine = *how;
	struct isolat_error err;
	unsigned int pause = GUARD_PAUSE;
	pid_t parent;
	char done;

	setsid();
	signal(SIGTERM, SIG_IGN);
	if (read(fd, &done, 1) == 1)
		_exit(0);
	mine.wait_s = 0;
	/* The pipe's end comes a moment before the process's own. */
	while (run_left_is_at_work(name, &parent))
		usleep(1000);
	for (int i = 0; i < GUARD_TRIES; i++) {
		mine.left = json_array();
		if (!run_left_take_back_one(&mine, name, &err)) {
			applied_print_left(mine.left, stderr);
			break;
		}
		json_decref(mine.left);
		/* Others hold a lock, and it may take long: nobody is to wait for the end of what we write. */
		if (!i)
			leave_streams();
		mine.wait_s = how->wait_s;
		usleep(pause * 1000);
		pause = 2 * pause < GUARD_MAX_PAUSE ? 2 * pause : GUARD_MAX_PAUSE;
	}
	_exit(0);
}

/* ---- Making the place ---- */

static int leader_object(pid_t pid, char object[PROC_TASK_OBJECT], struct isolat_error *err)
{
	struct proc_task task;
	char path[64];
	int rc;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	rc = proc_task_read(AT_FDCWD, path, &task);
	if (rc)
		return isolat_fail(err, ISOLAT_FAILED, "run", NULL, "%s: %s", path, strerror(-rc));
	proc_task_print(object, pid, task.start);
	return 0;
}

/* What is above the cgroups of all runs. */
static int share_root(struct applied *a, struct isolat_error *err)
{
	struct apply_steps steps = { 0 };
	int rc = apply_steps_add_cgroup_root(&steps, err) || run_left_share(a, steps.step, steps.n, err);

	apply_steps_free(&steps);
	return rc ? -1 : 0;
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
	if (share_root(a, err) || apply_steps_add(steps, &step_cgroup, path, STEP_PRESENT, err))
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
	char object[PROC_TASK_OBJECT];

	if (leader_object(pid, object, err))
		return -1;
	if (!plan->joins && apply_steps_make(&plan->plan, &a->host, steps, err))
		return -1;
	if (!plan->joins && !plan->exclusive)
		apply_steps_drop(steps, &step_schemata, ""); /* it shares with the default group */
	if (add_cgroup(plan, pid, object, a, steps, err))
		return -1;
	if (!*plan->group)
		return 0;
	if (rdt_engine_has_tasks(a->engine))
		return apply_steps_add(steps, &step_task, object, plan->group, err);
	/* A group that it joins has its CPUs already. */
	return plan->joins ? 0 : apply_steps_add(steps, &step_cpus, plan->group, plan->cpus, err);
}

static int make_place(const struct run_plan *plan, pid_t pid, struct applied *a, struct isolat_error *err)
{
	struct apply_steps steps = { 0 };
	json_t *about = run_left_about(&a->host, plan->cpus, plan->occupied);
	int rc = make_steps(plan, pid, a, &steps, err) || apply_steps_see_foreign_cpus(&steps, &a->host, err) ||
		 transaction_run(a->t, steps.step, steps.n, NULL, err) || transaction_commit(a->t, about, err);

	apply_steps_free(&steps);
	json_decref(about);
	return rc ? -1 : 0;
}

/* Which journal of apply it is: another file takes its place whenever it changes. */
static struct stat journal_of_apply(void)
{
	struct stat st;

	if (stat(TRANSACTION_FOLDER "/" APPLIED_NAME ".journal", &st))
		memset(&st, 0, sizeof(st));
	return st;
}

static bool is_same(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
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

#define PLACE_TRIES 1000 /* as many runs may begin at the same time */

/* What is there beside this run. */
struct beside {
	json_t *about;	/* what stands applied */
	char *occupied; /* CPUs that runs at work have for themselves */
	char *runs;	/* their names */
};

static int read_beside(const struct request *r, struct beside *b, struct isolat_error *err)
{
	b->runs = run_left_names();
	if (!b->runs)
		return isolat_fail(err, ISOLAT_FAILED, "run", r->command[0], "out of memory");
	if (read_about(&r->applied, &b->about, err))
		return -1;
	b->occupied = run_left_occupied(&r->applied, err);
	return b->occupied ? 0 : -1;
}

static bool has_other_runs(const struct beside *b)
{
	char *now = run_left_names();
	bool other = !now || strcmp(now, b->runs) != 0;

	free(now);
	return other;
}

static void free_beside(struct beside *b)
{
	json_decref(b->about);
	free(b->occupied);
	free(b->runs);
	*b = (struct beside){ 0 };
}

/*
 * Opens the run's journal, so that nobody else changes anything, with what is beside it: that is read before, for one
 * journal at a time can be open, and has to be the same behind. Where runs have come or gone, it is read again.
 */
static int open_place(const struct request *r, const char *name, struct applied *a, struct beside *b,
		      struct isolat_error *err)
{
	struct applied_options of_run = r->applied;
	struct stat before = journal_of_apply(), now;

	of_run.name = name;
	for (int i = 0; i < PLACE_TRIES; i++) {
		if (read_beside(r, b, err) || applied_open(&of_run, APPLIED_CHANGE, a, err))
			return -1;
		now = journal_of_apply();
		if (!is_same(&before, &now))
			break;
		if (!has_other_runs(b))
			return 0;
		applied_close(a);
		free_beside(b);
	}
	return isolat_fail(err, ISOLAT_FAILED, "run", r->command[0], "another isolat has just changed this host");
}

/* Plans and makes the command's place; tells it where that is, so that it begins. */
static int prepare(const struct request *r, const char *name, struct run_plan *plan, struct child *child,
		   struct isolat_error *err)
{
	struct applied a = { 0 };
	struct beside b = { 0 };
	int rc = open_place(r, name, &a, &b, err) || (plan->exclusive && run_left_see(false, err)) ||
		 run_plan_make(plan, (unsigned int)r->cpus, child->pid, a.engine, b.about, b.occupied, err);

	child->placed = !rc;
	rc = rc || make_place(plan, child->pid, &a, err);
	applied_give_up(&a);
	applied_print_left(a.left, stderr);
	applied_close(&a);
	/* Until here a signal has ended us: the command did not begin, and the guard has taken back. */
	command_pid = child->pid;
	pass_signals_on();
	if (!rc && write(child->go, plan->cpus, strlen(plan->cpus) + 1) != (ssize_t)strlen(plan->cpus) + 1)
		rc = isolat_fail(err, ISOLAT_FAILED, "run", r->command[0], "it ended before it began");
	free_beside(&b);
	return rc ? -1 : 0;
}

static int take_back(const struct request *r, const char *name)
{
	struct applied_options mine = r->applied;
	struct isolat_error err;
	int rc;

	mine.left = json_array();
	rc = run_left_take_back_one(&mine, name, &err);
	applied_print_left(mine.left, stderr);
	json_decref(mine.left);
	if (!rc)
		return 0;
	isolat_hint(&err, "a process that is left behind goes on trying; so does the next isolat");
	report_error(&err, false);
	return -1;
}

/* ---- From start to end ---- */

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

	while (waitpid(child->pid, &status, 0) < 0) {
		struct isolat_error err;

		if (errno == EINTR)
			continue;
		isolat_fail(&err, ISOLAT_FAILED, "run", NULL, "how the command ended is not known: %s",
			    strerror(errno));
		return report_error(&err, false);
	}
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* Whether anything is there that it has made, or that it was the last to use. */
static bool is_there(const struct child *child, const char *name)
{
	return child->placed && (run_left_is_there(name) || run_left_is_there(RUN_SHARED));
}

/* *@back says whether all that was made is gone again. */
static int run_child(const struct request *r, const char *name, struct run_plan *plan, struct child *child, bool *back)
{
	struct isolat_error err;
	int code = prepare(r, name, plan, child, &err) ? report_error(&err, false) : ISOLAT_OK, ended;

	close(child->go);
	ended = wait_for_end(child);
	ignore_signals();
	*back = !is_there(child, name) || !take_back(r, name);
	return code == ISOLAT_OK ? ended : code;
}

static int start_guard(const struct request *r, const char *name, int done[2], struct child *child,
		       struct isolat_error *err)
{
	if (pipe2(done, O_CLOEXEC))
		return isolat_fail(err, ISOLAT_FAILED, "run", r->command[0], "%s", strerror(errno));
	child->guard = fork();
	if (!child->guard) {
		close(done[1]);
		be_guard(done[0], &r->applied, name);
	}
	close(done[0]);
	if (child->guard > 0)
		return 0;
	isolat_fail(err, ISOLAT_FAILED, "run", r->command[0], "%s", strerror(errno));
	close(done[1]);
	return -1;
}

/*
 * What other runs have left, killed or while another one still stood on it. What cannot be taken back yet is told, and
 * keeps nobody: all of it is seen when this one is planned.
 */
static void take_back_others(const struct applied_options *how)
{
	struct applied_options mine = *how;
	struct isolat_error err;
	size_t n;

	mine.left = json_array();
	if (run_left_take_back(&mine, &n, &err))
		report_error(&err, false);
	applied_print_left(mine.left, stderr);
	json_decref(mine.left);
}

static int run_plan(const struct request *r, struct run_plan *plan, struct isolat_error *err)
{
	struct child child = { 0 };
	char name[RUN_NAME_SIZE];
	int done[2], code;
	bool back = true;

	take_back_others(&r->applied);
	if (run_journal_name(getpid(), plan->exclusive, name, err) || start_guard(r, name, done, &child, err))
		return report_error(err, false);
	code = fork_child(r, &child, done, err) ? report_error(err, false) : -1;
	if (code < 0)
		code = run_child(r, name, plan, &child, &back);
	/* Where it could not be taken back, somebody holding a lock, the guard goes on trying. */
	if (back)
		write(done[1], "", 1);
	close(done[1]);
	if (back)
		waitpid(child.guard, NULL, 0);
	return code;
}

static int run(const struct request *r)
{
	struct run_plan plan;
	struct isolat_error err;
	int code =
		run_plan_read(r->profile, r->class, &plan, &err) ? report_error(&err, false) : run_plan(r, &plan, &err);

	run_plan_free(&plan);
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
	default: /* APPLIED_OPT_WAIT */
		return applied_option_wait(&usage, &r->applied, err);
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
	inherited_sigchld = signal(SIGCHLD, SIG_DFL);
	return run(&request);
}
