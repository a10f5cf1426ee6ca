// SPDX-License-Identifier: BSD-3-Clause
/*
 * sim-run [OPTION...] [--] COMMAND...: runs a command where /sys/fs/resctrl is the simulator. Its status is the
 * command's. Nothing is left when it has ended, however it has.
 */
#include "run.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#define MOST_OPTIONS 64

struct arguments {
	struct sim_machine machine;
	bool shown;	/* the machine's CPUs are shown in place of the real ones */
	bool unmounted; /* at the start */
	bool user;	/* a user namespace, even for root */
	struct run_notify notify;
	char **command;
	char *simulator[MOST_OPTIONS]; /* its own command line */
	unsigned int n;
};

static void usage(FILE *to)
{
	fprintf(to,
		"usage: sim-run [OPTION...] [--] COMMAND [ARGUMENT...]\n"
		"  --machine NAME   its CPUs, caches and memory are seen in /sys: %s\n"
		"                   (without: the real ones, with RDT like intel-2s)\n"
		"  --kernel VERSION 6.1 or 6.12 (the default)\n"
		"  --SHAPE VALUE    another machine: --sockets 1, --cores 4, --ways 8 ...: README.md\n"
		"  --options LIST   it is mounted with at the start: cdp, cdpl2, mba_MBps\n"
		"  --mounts         mount and umount of resctrl work\n"
		"  --unmounted      the same, and it is not mounted at the start\n"
		"  --no-task-groups there is no /proc/TID/cpu_resctrl_groups\n"
		"  --fast           the same, and mount tables are the real ones: open(2) costs what it costs "
		"elsewhere\n"
		"  --user           in a user namespace, as without root, even for root\n",
		sim_machine_names());
	exit(to == stdout ? 0 : 2);
}

static void pass_on(struct arguments *a, char *text)
{
	if (a->n + 2 >= MOST_OPTIONS)
		usage(stderr);
	a->simulator[a->n++] = text;
}

/* Fewer questions to the simulator, at the price of names that may be out of date after a mount or a CPU's end. */
static void be_fast(struct arguments *a)
{
	static char names[] = "--names", seconds[] = "1";

	a->notify.fast = true;
	pass_on(a, names);
	pass_on(a, seconds);
}

static bool take_flag(struct arguments *a, const char *option)
{
	if (!strcmp(option, "--help"))
		usage(stdout);
	if (!strcmp(option, "--mounts"))
		a->notify.mounts = true;
	else if (!strcmp(option, "--unmounted"))
		a->notify.mounts = a->unmounted = true;
	else if (!strcmp(option, "--user"))
		a->user = true;
	else if (!strcmp(option, "--no-task-groups"))
		a->notify.task_groups = false;
	else if (!strcmp(option, "--fast"))
		be_fast(a);
	else
		return false;
	return true;
}

static void take_value(struct arguments *a, char *option, char *value)
{
	if (!strcmp(option, "--machine") && sim_machine_init(&a->machine, value))
		a->shown = true;
	else if (strcmp(option, "--kernel") && strcmp(option, "--options") &&
		 !sim_machine_set(&a->machine, option + 2, value))
		usage(stderr);
	pass_on(a, option);
	pass_on(a, value);
}

static void parse_arguments(char **argv, struct arguments *a)
{
	sim_machine_init(&a->machine, "intel-2s");
	a->notify.task_groups = true;
	for (argv++; *argv && !strncmp(*argv, "--", 2) && strcmp(*argv, "--"); argv++) {
		if (take_flag(a, *argv))
			continue;
		if (!argv[1])
			usage(stderr);
		take_value(a, argv[0], argv[1]);
		argv++;
	}
	a->command = *argv && !strcmp(*argv, "--") ? argv + 1 : argv;
	if (!*a->command)
		usage(stderr);
	if (!sim_machine_finish(&a->machine))
		usage(stderr);
}

static bool is_there(const char *path)
{
	struct stat st;

	return !stat(path, &st);
}

static void prepare(const struct arguments *a)
{
	static const char *const resctrl[] = { "resctrl", NULL }, *const run[] = { "isolat", "lock", NULL };

	run_enter_private(a->user);
	run_open_stage();
	run_show_features(&a->machine, a->shown);
	if (a->shown) {
		run_show_machine(&a->machine);
		setenv("HWLOC_COMPONENTS", "-x86", 0); /* else it asks the real CPUs */
	}
	if (!is_there(RESCTRL))
		run_shadow("/sys/fs", resctrl);
	run_shadow("/run", run);
	if (mount("sim-run", "/run/isolat", "tmpfs", 0, "mode=755") ||
	    mount("sim-run", "/run/lock", "tmpfs", 0, "mode=1777"))
		run_die("mount over /run");
	run_close_stage();
}

/* The simulator lies beside this program. */
static void simulator_path(char path[PATH_MAX])
{
	ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - sizeof("resctrl-sim"));

	if (n < 0)
		run_die("find the simulator");
	path[n] = '\0';
	strcpy(strrchr(path, '/') + 1, "resctrl-sim");
}

static void be_simulator(struct arguments *a, const char *path, int ready)
{
	static char root[] = RESCTRL, option[] = "--ready", number[16];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setpgid(0, 0);
	snprintf(number, sizeof(number), "%d", ready);
	a->simulator[0] = (char *)(uintptr_t)path;
	pass_on(a, option);
	pass_on(a, number);
	pass_on(a, root);
	execv(path, a->simulator);
	run_die("run %s", path);
}

/* Returns as soon as it answers. */
static pid_t start_simulator(struct arguments *a)
{
	char path[PATH_MAX], byte;
	int ready[2];
	pid_t pid;

	simulator_path(path);
	if (pipe(ready))
		run_die("make a pipe");
	pid = fork();
	if (pid < 0)
		run_die("fork");
	if (!pid) {
		close(ready[0]);
		be_simulator(a, path, ready[1]);
	}
	close(ready[1]);
	while (read(ready[0], &byte, 1) < 0 && errno == EINTR)
		;
	close(ready[0]);
	errno = 0;
	if (!is_there(RESCTRL "/tasks"))
		run_die("the simulator did not start");
	if (a->unmounted && setxattr(RESCTRL, "user.sim.mount", "unmount", strlen("unmount"), 0))
		run_die("unmount");
	return pid;
}

static void be_command(const struct arguments *a, const sigset_t *before, int to)
{
	int listener;
	char taken;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigprocmask(SIG_SETMASK, before, NULL);
	listener = run_notify_install(&a->notify);
	/* Its number, and then that it has been taken. */
	if (write(to, &listener, sizeof(listener)) != sizeof(listener) || read(to, &taken, 1) != 1)
		_exit(RUN_FAILED);
	close(listener);
	close(to);
	execvp(a->command[0], a->command);
	fprintf(stderr, "sim-run: run %s: %s\n", a->command[0], strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

/* The command's process, stopped before it runs, and where its calls are noticed. */
static pid_t start_command(const struct arguments *a, const sigset_t *before, int *listener)
{
	int sockets[2], number, pidfd;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets))
		run_die("make a socket");
	pid = fork();
	if (pid < 0)
		run_die("fork");
	if (!pid) {
		close(sockets[0]);
		be_command(a, before, sockets[1]);
	}
	close(sockets[1]);
	if (read(sockets[0], &number, sizeof(number)) != sizeof(number))
		exit(RUN_FAILED);
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	*listener = (int)syscall(SYS_pidfd_getfd, pidfd, number, 0);
	if (*listener < 0)
		run_die("take the command's listener");
	close(pidfd);
	if (write(sockets[0], "", 1) != 1)
		run_die("start the command");
	close(sockets[0]);
	return pid;
}

/* Collects who has ended; true, with its status, if the command is among them. */
static bool collect(pid_t command, int *status)
{
	bool ended = false;
	pid_t pid;
	int one;

	while ((pid = waitpid(-1, &one, WNOHANG)) > 0) {
		if (pid != command)
			continue;
		*status = one;
		ended = true;
	}
	return ended;
}

static int attend(const struct arguments *a, pid_t command, int listener, int signals)
{
	struct pollfd fds[] = { { .fd = signals, .events = POLLIN }, { .fd = listener, .events = POLLIN } };
	struct signalfd_siginfo info;
	int status = 0;

	for (;;) {
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			run_die("wait");
		if (fds[1].revents & POLLIN)
			run_notify_answer(&a->notify, listener);
		if (fds[1].revents & POLLHUP)
			fds[1].fd = -1;
		if (!(fds[0].revents & POLLIN) || read(signals, &info, sizeof(info)) != sizeof(info))
			continue;
		if (info.ssi_signo == SIGCHLD) {
			if (collect(command, &status))
				return status;
		} else if (info.ssi_signo != SIGINT && info.ssi_signo != SIGQUIT) {
			kill(command, (int)info.ssi_signo); /* a terminal sends the other two itself */
		}
	}
}

/* Orphans of the command's are this program's children by now; killing some brings others. */
static void kill_children(void)
{
	for (;;) {
		FILE *children = fopen("/proc/thread-self/children", "re");
		int pid;

		while (children && fscanf(children, "%d", &pid) == 1)
			kill(pid, SIGKILL);
		if (children)
			fclose(children);
		if (wait(NULL) < 0 && errno == ECHILD)
			return;
	}
}

int main(int argc, char **argv)
{
	static struct arguments a = { .n = 1 };
	int listener, signals, status, home = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	sigset_t caught, before;
	pid_t command;

	parse_arguments(argv, &a);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	prepare(&a);
	if (fchdir(home))
		run_die("go back");
	close(home);
	start_simulator(&a);
	sigemptyset(&caught);
	sigaddset(&caught, SIGCHLD);
	sigaddset(&caught, SIGTERM);
	sigaddset(&caught, SIGHUP);
	sigaddset(&caught, SIGINT);
	sigaddset(&caught, SIGQUIT);
	sigprocmask(SIG_BLOCK, &caught, &before);
	signals = signalfd(-1, &caught, SFD_CLOEXEC);
	if (signals < 0)
		run_die("make a signalfd");
	command = start_command(&a, &before, &listener);
	status = attend(&a, command, listener, signals);
	kill_children();
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
