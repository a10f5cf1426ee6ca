// SPDX-License-Identifier: BSD-3-Clause
#include "timer_agent.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <isolat/find_helper.h>

#include "spawn.h"

#define SOCKET_LIMIT_MS 10000

/* Waits until the socket for the VM is there. */
static int wait_socket(const char *path, struct isolat_error *err)
{
	const struct timespec pause = { .tv_nsec = 10000000 };

	for (int ms = 0; ms < SOCKET_LIMIT_MS; ms += 10) {
		if (!access(path, F_OK))
			return 0;
		nanosleep(&pause, NULL);
	}
	return isolat_fail(err, ISOLAT_FAILED, "start exitless-timerd", path, "no socket after %d s",
			   SOCKET_LIMIT_MS / 1000);
}

static int start_daemon(struct timer_agent *agent, const struct timer_agent_setup *setup, const char *program,
			struct isolat_error *err)
{
	const struct spawn_setup spawn = { .out = -1, .err = STDERR_FILENO };
	struct arg_list args = { 0 };
	int rc;

	arg_add(&args, "%s", program);
	arg_add(&args, "--run-dir=%s", agent->folder);
	arg_add(&args, "--vm=%s:%u", TIMER_AGENT_VM, setup->slots);
	if (setup->cpu >= 0)
		arg_add(&args, "--cpu=%d", setup->cpu);
	for (size_t i = 0; setup->more && setup->more[i]; i++)
		arg_add(&args, "%s", setup->more[i]);
	rc = spawn_child(&args, &spawn, &agent->pid, err);
	arg_free(&args);
	return rc;
}

int timer_agent_start(struct timer_agent *agent, const struct timer_agent_setup *setup, struct isolat_error *err)
{
	char program[PATH_MAX], socket[128];

	*agent = (struct timer_agent){ .folder = "/tmp/isolat-timer-XXXXXX" };
	if (!mkdtemp(agent->folder)) {
		agent->folder[0] = '\0';
		return isolat_fail(err, ISOLAT_FAILED, "make a folder for sockets", "/tmp", "%s", strerror(errno));
	}
	snprintf(socket, sizeof(socket), "%s/" TIMER_AGENT_VM ".sock", agent->folder);
	snprintf(agent->chardev, sizeof(agent->chardev), "socket,id=timer,path=%s", socket);
	snprintf(agent->device, sizeof(agent->device), "ivshmem-doorbell,chardev=timer,vectors=%u", setup->slots);
	agent->devices[0] = "-chardev";
	agent->devices[1] = agent->chardev;
	agent->devices[2] = "-device";
	agent->devices[3] = agent->device;
	return isolat_find_helper("exitless-timerd", program, err) || start_daemon(agent, setup, program, err) ||
			       wait_socket(socket, err)
		       ? -1
		       : 0;
}

static void remove_folder(const char *folder)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		unlinkat(dirfd(dir), entry->d_name, 0);
	if (dir)
		closedir(dir);
	rmdir(folder);
}

/* pidfds of the daemon's children, at most @max; returns their count. */
static size_t open_children(pid_t pid, int *fds, size_t max)
{
	char path[64];
	size_t n = 0;
	int child;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, pid);
	f = fopen(path, "re");
	while (f && n < max && fscanf(f, "%d", &child) == 1) {
		fds[n] = syscall(SYS_pidfd_open, child, 0);
		n += fds[n] >= 0;
	}
	if (f)
		fclose(f);
	return n;
}

/* A scanner ends with its daemon, but not one that a test has stopped. */
void timer_agent_stop(struct timer_agent *agent)
{
	int children[16];
	size_t n = agent->pid > 0 ? open_children(agent->pid, children, 16) : 0;

	spawn_kill(&agent->pid);
	while (n) {
		syscall(SYS_pidfd_send_signal, children[--n], SIGKILL, NULL, 0);
		close(children[n]);
	}
	if (agent->folder[0])
		remove_folder(agent->folder);
	agent->folder[0] = '\0';
}
