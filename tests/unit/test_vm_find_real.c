// SPDX-License-Identifier: BSD-3-Clause
/* The threads of VMs among the machine's own processes: children that call themselves QEMU. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "proc_task.h"
#include "vm_find.h"

static struct vm_threads threads;
static struct isolat_error err;

static void *wait_forever(void *name)
{
	prctl(PR_SET_NAME, name);
	for (;;)
		pause();
	return NULL;
}

/* The child: this program again, under another name and with three threads. */
static int be_vm(void)
{
	pthread_t thread;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, "a) S 1 1 (");
	pthread_create(&thread, NULL, wait_forever, "CPU 0/KVM");
	pthread_create(&thread, NULL, wait_forever, "x) R 2 (");
	(void)!write(STDOUT_FILENO, "", 1);
	wait_forever("a) S 1 1 (");
	return 0;
}

static pid_t start_vm(const char *name)
{
	char self[PATH_MAX] = "";
	int ready[2];
	pid_t pid;
	char byte;

	assert_true(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);
	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (!pid) {
		dup2(ready[1], STDOUT_FILENO);
		execl(self, "/usr/bin/qemu-system-x86_64", "-name", name, NULL);
		_exit(1);
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	return pid;
}

static void end_vm(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static unsigned long long start_of(pid_t pid)
{
	char path[64];
	struct proc_task task;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	assert_int_equal(proc_task_read(AT_FDCWD, path, &task), 0);
	return task.start;
}

static int find(enum profile_match_by by, const char *text, pid_t pid)
{
	struct profile_match match = { .by = by, .text = (char *)text, .pid = (unsigned int)pid };

	vm_threads_free(&threads);
	return vm_find_threads(NULL, "web", &match, &threads, &err);
}

static void test_real(void **state)
{
	char name[64], option[80];
	pid_t pid, other;

	snprintf(name, sizeof(name), "isolat,test-%d", (int)getpid());
	snprintf(option, sizeof(option), "guest=isolat,,test-%d,debug-threads=on", (int)getpid());
	pid = start_vm(option);
	assert_int_equal(find(PROFILE_BY_NAME, name, 0), 0);
	assert_int_equal(threads.n, 3);
	assert_int_equal(threads.thread[0].tid, pid);
	assert_int_equal(threads.thread[0].start, start_of(pid));
	assert_string_equal(threads.thread[0].name, "a) S 1 1 (");
	assert_int_equal(find(PROFILE_BY_DOMAIN, name, 0), 0);
	assert_int_equal(threads.n, 3);
	assert_int_equal(find(PROFILE_BY_PID, NULL, pid), 0);
	assert_int_equal(threads.n, 3);
	assert_int_equal(proc_task_alive("/proc", pid, threads.thread[0].start), 1);
	assert_int_equal(proc_task_alive("/proc", pid, threads.thread[0].start + 1), 0);
	other = start_vm(option);
	assert_int_equal(find(PROFILE_BY_NAME, name, 0), -1);
	end_vm(other);
	assert_int_equal(find(PROFILE_BY_NAME, name, 0), 0);
	/* Killed and not yet waited for: a zombie. */
	kill(pid, SIGKILL);
	waitid(P_PID, (id_t)pid, &(siginfo_t){ 0 }, WEXITED | WNOWAIT);
	assert_int_equal(find(PROFILE_BY_PID, NULL, pid), -1);
	assert_int_equal(find(PROFILE_BY_NAME, name, 0), -1);
	assert_int_equal(proc_task_alive("/proc", pid, 0), 0);
	waitpid(pid, NULL, 0);
	assert_int_equal(find(PROFILE_BY_PID, NULL, pid), -1);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_real) };

	if (argc > 1 && !strcmp(argv[1], "-name"))
		return be_vm();
	return cmocka_run_group_tests_name("vm_find_real", tests, NULL, NULL);
}
