// SPDX-License-Identifier: BSD-3-Clause
/* The threads of VMs in a made-up /proc, where every race can be had on demand. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <cmocka.h>

#include "fake_tree.h"
#include "vm_find.h"

static char proc[300], cgroup[300], run[300];
static struct vm_roots roots;
static struct vm_threads threads;
static struct isolat_error err;

/* ---- Something happens while it is read ---- */

static struct {
	const char *path; /* the file or folder whose opening it is */
	unsigned int at;  /* which opening; 0: none */
	unsigned int seen;
	void (*act)(void);
} event;

static void see(const char *path)
{
	if (event.at && !strcmp(path, event.path) && ++event.seen == event.at) {
		event.at = 0;
		event.act();
	}
}

/* In place of libc's: what is tested opens all with these, and makes no file. */
int openat(int dir, const char *path, int flags, ...)
{
	see(path);
	return (int)syscall(SYS_openat, dir, path, flags, 0644);
}

int open(const char *path, int flags, ...)
{
	see(path);
	return (int)syscall(SYS_openat, AT_FDCWD, path, flags, 0644);
}

static void when(const char *path, unsigned int at, void (*act)(void))
{
	event.path = path;
	event.at = at;
	event.seen = 0;
	event.act = act;
}

static int make_roots(void **state)
{
	if (tree_make(state))
		return -1;
	snprintf(proc, sizeof(proc), "%s/proc", tree_root);
	snprintf(cgroup, sizeof(cgroup), "%s/cgroup", tree_root);
	snprintf(run, sizeof(run), "%s/run", tree_root);
	roots = (struct vm_roots){ .proc = proc, .cgroup = cgroup, .run = run };
	tree_put_folder("proc/sys");
	tree_put("proc/uptime", "1 1\n");
	event.at = 0;
	return 0;
}

static int drop_roots(void **state)
{
	event.at = 0;
	vm_threads_free(&threads);
	return tree_remove(state);
}

/* ---- What tests say ---- */

/* A command line: arguments are apart by '|'. */
static void put_process(pid_t pid, unsigned long long start, const char *arguments)
{
	size_t size = strlen(arguments) + (*arguments != 0);
	char *bytes = strdup(arguments);

	for (char *c = bytes; *c; c++) {
		if (*c == '|')
			*c = '\0';
	}
	tree_put_process(&(struct tree_task){ .tid = pid, .parent = 1, .name = "qemu", .start = start }, bytes, size);
	free(bytes);
}

static void put_thread(pid_t pid, pid_t tid, const char *name)
{
	tree_put_thread(pid, &(struct tree_task){ .tid = tid, .name = name, .start = 100 + (unsigned long long)tid });
}

static void put_kernel_thread(pid_t pid, const char *name)
{
	struct tree_task task = { .tid = pid, .parent = 2, .name = name, .flags = TREE_KERNEL, .start = 70 };

	tree_put_process(&task, "", 0);
}

static int find(enum profile_match_by by, const char *text)
{
	struct profile_match match = { .by = by, .text = (char *)text };

	vm_threads_free(&threads);
	return vm_find_threads(&roots, "web", &match, &threads, &err);
}

static int find_pid(unsigned int pid)
{
	struct profile_match match = { .by = PROFILE_BY_PID, .pid = pid };

	vm_threads_free(&threads);
	return vm_find_threads(&roots, "web", &match, &threads, &err);
}

/* "12 13": what was found last. */
static void expect(const char *tids)
{
	char text[4096] = "";

	for (size_t i = 0, used = 0; i < threads.n; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%d", i ? " " : "",
					 (int)threads.thread[i].tid);
	assert_string_equal(text, tids);
}

static void expect_failure(const char *reason)
{
	assert_int_equal(err.code, ISOLAT_FAILED);
	assert_string_equal(err.object, "web");
	assert_string_equal(err.reason, reason);
	assert_int_equal(threads.n, 0);
	assert_null(threads.thread);
}

/* ---- By name ---- */

static void test_name(void **state)
{
	put_process(20, 500, "/usr/bin/qemu-system-x86_64|-name|guest=db,debug-threads=on|-m|1G");
	put_process(30, 510, "/usr/bin/qemu-system-x86_64|-name|guest=web,debug-threads=on|-m|1G");
	put_thread(30, 33, "CPU 0/KVM");
	put_thread(30, 31, "IO iothread1");
	put_process(40, 520, "");
	assert_int_equal(find(PROFILE_BY_NAME, "web"), 0);
	expect("30 31 33");
	assert_int_equal(threads.thread[0].start, 510);
	assert_int_equal(threads.thread[2].start, 133);
	assert_string_equal(threads.thread[2].name, "CPU 0/KVM");
	assert_int_equal(find(PROFILE_BY_NAME, "we"), -1);
	expect_failure("no process is QEMU with the name 'we'");
	assert_int_equal(find(PROFILE_BY_NAME, ""), -1);
}

static void test_name_forms(void **state)
{
	static const struct {
		const char *arguments, *name;
	} forms[] = {
		{ "qemu-system-x86_64|-name|web", "web" },
		{ "qemu-kvm|-name|web", "web" },
		{ "/usr/libexec/qemu-kvm|--name|web", "web" },
		{ "kvm|-name|web", "web" },
		{ "/usr/bin/kvm|-name|web", "web" },
		{ "qemu-system-aarch64|-m|1|-name|web,process=q,debug-threads=on", "web" },
		{ "qemu-kvm|-name|debug-threads=on,guest=web", "web" },
		{ "qemu-kvm|-name|guest=db|-name|guest=web", "web" },
		{ "qemu-kvm|-name|guest=db,guest=web", "web" },
		{ "qemu-kvm|-name|guest=a,,b", "a,b" },
		{ "qemu-kvm|-name|a,,b,process=x", "a,b" },
		{ "qemu-kvm|-name|guest=a,,,,b,,", "a,,b," },
		{ "qemu-kvm|-name|guest=,,a", ",a" },
		{ "qemu-kvm|-name|a,,b=c", "a,b=c" },
		{ "qemu-kvm|-name|guest=a=b", "a=b" },
		{ "qemu-kvm|-name|guest=sp ace", "sp ace" },
		{ "qemu-kvm|-name|web|-append|-name|-m|1", "web" },
		/* Not so: */
		{ "qemu-kvm|-name|process=web", NULL },
		{ "qemu-kvm|-name|guest=a,web", NULL },
		{ "qemu-kvm|-name", NULL },
		{ "qemu-kvm", NULL },
		{ "qemu-kvm|web", NULL },
		{ "qemu-kvm|-name=web", NULL },
		{ "/opt/qemu/run|-name|web", NULL },
		{ "kvmtool|-name|web", NULL },
		{ "sh|-c|qemu-kvm -name web", NULL },
		{ "sh|qemu-kvm|-name|web", NULL },
		{ "|-name|web", NULL },
		{ "", NULL },
	};

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		const char *name = forms[i].name ? forms[i].name : "web";
		int rc;

		put_process(30, 500, forms[i].arguments);
		rc = find(PROFILE_BY_NAME, name);
		if (rc != (forms[i].name ? 0 : -1))
			fail_msg("%s: %s", forms[i].arguments, rc ? err.reason : "found");
	}
}

/* The last argument's NUL may be missing, where a process has written over its own; and there is no end to it. */
static void test_name_raw(void **state)
{
	struct tree_task task = { .tid = 30, .name = "q", .start = 5 };
	char *big = calloc(1, 3 << 20);

	tree_put_process(&task, "kvm\0-name\0web", 13);
	assert_int_equal(find(PROFILE_BY_NAME, "web"), 0);
	memset(big, 'x', 3 << 20);
	memcpy(big, "kvm", 4);
	memcpy(big + 200000, "\0-name\0web", 11);
	tree_put_process(&task, big, 3 << 20);
	assert_int_equal(find(PROFILE_BY_NAME, "web"), 0);
	tree_put_process(&task, "\0\0\0\0", 4);
	assert_int_equal(find(PROFILE_BY_NAME, "web"), -1);
	free(big);
}

static void test_name_twice(void **state)
{
	put_process(30, 500, "kvm|-name|web");
	put_process(40, 501, "qemu-kvm|-name|guest=web");
	assert_int_equal(find(PROFILE_BY_NAME, "web"), -1);
	expect_failure("2 processes are QEMU with the name 'web': 30, 40");
	assert_true(err.hint[0]);
	for (pid_t pid = 50; pid < 60; pid++)
		put_process(pid, 500, "kvm|-name|web");
	assert_int_equal(find(PROFILE_BY_NAME, "web"), -1);
	expect_failure("12 processes are QEMU with the name 'web': 30, 40, 50, 51, ...");
}

/* A child that has not yet become another program, and the child that a daemon is. */
static void test_name_forked(void **state)
{
	struct tree_task child = { .tid = 20, .parent = 30, .name = "qemu", .start = 600 };

	put_process(30, 500, "kvm|-name|web");
	tree_put_process(&child, "kvm\0-name\0web", 14);
	put_thread(20, 21, "CPU 0/KVM");
	assert_int_equal(find(PROFILE_BY_NAME, "web"), 0);
	expect("20 21 30");
}

static void test_name_unsafe(void **state)
{
	assert_int_equal(find(PROFILE_BY_NAME, "a\033[2Jb\n"), -1);
	expect_failure("no process is QEMU with the name 'a?[2Jb?'");
	put_process(30, 500, "kvm|-name|web");
	put_thread(30, 31, "\033[2J) R 1 \n(");
	assert_int_equal(find(PROFILE_BY_NAME, "web"), 0);
	expect("30 31");
	assert_string_equal(threads.thread[1].name, "?[2J) R 1 ?(");
}

/* ---- By domain, PID and cgroup ---- */

static void test_domain(void **state)
{
	put_process(30, 500, "kvm|-name|guest=web,debug-threads=on");
	put_process(40, 500, "kvm|-name|guest=web");
	put_process(50, 500, "kvm|-name|guest=db");
	/* The file settles which of the two; one that names something else does not. */
	tree_put("run/libvirt/qemu/web.pid", "40");
	assert_int_equal(find(PROFILE_BY_DOMAIN, "web"), 0);
	expect("40");
	tree_put("run/libvirt/qemu/web.pid", "30\n");
	assert_int_equal(find(PROFILE_BY_DOMAIN, "web"), 0);
	expect("30");
	static const char *const useless[] = { "50", "60", "x", "", "-30", "30 40", "030x" };
	for (size_t i = 0; i < sizeof(useless) / sizeof(useless[0]); i++) {
		tree_put("run/libvirt/qemu/web.pid", useless[i]);
		assert_int_equal(find(PROFILE_BY_DOMAIN, "web"), -1);
		expect_failure("2 processes are QEMU with the name 'web': 30, 40");
	}
	assert_int_equal(find(PROFILE_BY_DOMAIN, "db"), 0);
	expect("50");
}

static void test_domain_outside(void **state)
{
	put_process(30, 500, "kvm|-name|../x/web");
	put_process(40, 500, "kvm|-name|../x/web");
	tree_put("run/libvirt/x/web.pid", "30");
	tree_put_folder("run/libvirt/qemu");
	assert_int_equal(find(PROFILE_BY_DOMAIN, "../x/web"), -1);
}

static void test_pid(void **state)
{
	put_process(30, 500, "firecracker");
	put_thread(30, 31, "fc_vcpu 0");
	put_kernel_thread(33, "kworker/0:1");
	assert_int_equal(find_pid(30), 0);
	expect("30 31");
	assert_int_equal(find_pid(31), -1);
	expect_failure("there is no process 31");
	assert_int_equal(find_pid(33), -1);
	expect_failure("process 33 is the kernel's own 'kworker/0:1'");
}

static void test_zombies(void **state)
{
	struct tree_task zombie = { .tid = 30, .name = "qemu", .state = 'Z', .start = 500 };

	tree_put_process(&zombie, "", 0);
	assert_int_equal(find_pid(30), -1);
	expect_failure("all of its threads have ended");
	/* Its first thread has ended, and another has not. */
	put_thread(30, 31, "CPU 0/KVM");
	assert_int_equal(find_pid(30), 0);
	expect("31");
}

static void test_cgroup(void **state)
{
	put_process(30, 500, "kvm|-name|web");
	put_thread(30, 31, "CPU 0/KVM");
	put_process(40, 500, "swtpm");
	put_process(50, 500, "other");
	tree_put("cgroup/cgroup.procs", "50\n");
	tree_put("cgroup/a/cgroup.procs", "");
	tree_put("cgroup/a/vm.scope/cgroup.type", "domain\n");
	tree_put("cgroup/a/vm.scope/cgroup.procs", "30\n0\n30\n");
	tree_put("cgroup/a/vm.scope/tpm/cgroup.procs", "40\n");
	tree_put("cgroup/a/vm.scopes/cgroup.procs", "50\n");
	assert_int_equal(find(PROFILE_BY_CGROUP, "a/vm.scope"), 0);
	expect("30 31 40");
	assert_int_equal(find(PROFILE_BY_CGROUP, "a"), 0);
	expect("30 31 40 50");
	tree_put("cgroup/a/vm.scope/cgroup.procs", "");
	tree_put("cgroup/a/vm.scope/tpm/cgroup.procs", "");
	assert_int_equal(find(PROFILE_BY_CGROUP, "a/vm.scope"), -1);
	expect_failure("cgroup 'a/vm.scope' has no process");
	tree_put("cgroup/a/vm.scope/cgroup.procs", "99\n");
	assert_int_equal(find(PROFILE_BY_CGROUP, "a/vm.scope"), -1);
	expect_failure("all of its threads have ended");
	assert_int_equal(find(PROFILE_BY_CGROUP, "b"), -1);
	expect_failure("cgroup 'b': No such file or directory");
}

/* libvirt's threaded cgroups: the scope has the processes, and the folders below single threads. */
static void test_cgroup_threaded(void **state)
{
	put_process(30, 500, "kvm|-name|web");
	for (pid_t tid = 31; tid < 35; tid++) {
		char path[32];

		put_thread(30, tid, "CPU 0/KVM");
		snprintf(path, sizeof(path), "proc/%d", (int)tid);
		tree_put_stat(path, &(struct tree_task){ .tid = tid, .name = "CPU", .start = 100 + (unsigned)tid });
	}
	tree_put("cgroup/s/cgroup.type", "domain threaded\n");
	tree_put("cgroup/s/cgroup.procs", "30\n");
	tree_put("cgroup/s/vcpu0/cgroup.type", "threaded\n");
	tree_put("cgroup/s/vcpu0/cgroup.procs", "50\n"); /* the kernel does not let it be read */
	tree_put("cgroup/s/vcpu0/cgroup.threads", "33\n");
	tree_put("cgroup/s/emulator/cgroup.type", "threaded\n");
	tree_put("cgroup/s/emulator/cgroup.threads", "30\n31\n");
	assert_int_equal(find(PROFILE_BY_CGROUP, "s"), 0);
	/* 32 and 34 are listed by no cgroup here: the process has them. */
	expect("30 31 32 33 34");
	assert_int_equal(find(PROFILE_BY_CGROUP, "s/vcpu0"), 0);
	expect("33");
	assert_int_equal(find(PROFILE_BY_CGROUP, "s/emulator"), 0);
	expect("30 31");
}

static void test_cgroup_outside(void **state)
{
	static const char *const bad[] = { "..",   "a/..", "a/../../out", "../out", ".",    "a/.",    "./a",
					   "a//b", "/a",   "a/",	  "",	    "link", "link/x", "a/link" };

	put_process(30, 500, "kvm");
	tree_put("cgroup/a/cgroup.procs", "30\n");
	tree_put("cgroup/cgroup.procs", "30\n");
	tree_put("out/cgroup.procs", "30\n");
	tree_put("out/x/cgroup.procs", "30\n");
	assert_int_equal(symlink("../out", tree_path("cgroup/link")), 0);
	assert_int_equal(symlink("../../out", tree_path("cgroup/a/link")), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (!find(PROFILE_BY_CGROUP, bad[i]))
			fail_msg("'%s' was found", bad[i]);
	}
	tree_put("cgroup/a/cgroup.procs", "");
	assert_int_equal(find(PROFILE_BY_CGROUP, "a"), -1);
	expect_failure("cgroup 'a' has no process");
}

/* ---- The kernel's threads ---- */

static void test_kernel_threads(void **state)
{
	put_process(300, 500, "kvm|-name|web");
	put_thread(300, 301, "CPU 0/KVM");
	put_process(400, 500, "kvm|-name|db");
	put_kernel_thread(50, "vhost-300");
	put_kernel_thread(51, "vhost-301");
	put_kernel_thread(52, "kvm-pit/300");
	put_kernel_thread(53, "vhost-400");
	put_kernel_thread(54, "kvm-pit/301");
	put_kernel_thread(55, "vhost-3000");
	put_kernel_thread(56, "vhost-30");
	put_kernel_thread(57, "vhost-300x");
	put_kernel_thread(58, "kvm-nx-lpage-re");
	/* Whoever likes to share the VM's cache: no. */
	tree_put_process(&(struct tree_task){ .tid = 60, .parent = 2, .name = "vhost-300", .start = 9 }, "x", 2);
	tree_put_process(&(struct tree_task){ .tid = 61, .parent = 2, .name = "kvm-pit/300", .start = 9 }, "", 0);
	assert_int_equal(find(PROFILE_BY_NAME, "web"), 0);
	expect("50 51 52 300 301");
	assert_string_equal(threads.thread[0].name, "vhost-300");
	assert_int_equal(find_pid(400), 0);
	expect("53 400");
}

/* kvm-pit/N has the number that the VM has in its container, where vhost's is the host's. */
static void test_kernel_threads_of_container(void **state)
{
	put_process(300, 500, "kvm|-name|web");
	put_process(400, 500, "kvm|-name|db");
	tree_put("proc/300/status", "Name:\tkvm\nNStgid:\t300\t400\nNSpid:\t300\t400\nNSpgid:\t300\t400\n");
	tree_put("proc/400/status", "Name:\tkvm\nNStgid:\t400\nNSpid:\t400\nNSpgid:\t400\n");
	put_kernel_thread(50, "vhost-300");
	put_kernel_thread(51, "kvm-pit/300");
	put_kernel_thread(52, "kvm-pit/400");
	assert_int_equal(find(PROFILE_BY_NAME, "web"), 0);
	expect("50 300");
	assert_int_equal(find(PROFILE_BY_NAME, "db"), 0);
	expect("52 400");
}

/* ---- Races ---- */

static void add_vcpu(void)
{
	put_thread(30, 32, "CPU 1/KVM");
}

static void test_new_thread(void **state)
{
	put_process(30, 500, "kvm|-name|web");
	/* In the second pass: the first saw nothing of it. */
	when("task", 2, add_vcpu);
	assert_int_equal(find(PROFILE_BY_NAME, "web"), 0);
	expect("30 32");
}

static unsigned int begun;

static void add_one_more(void)
{
	put_thread(30, (pid_t)(1000 + begun++), "worker");
	when("task", 1, add_one_more);
}

/* A pool of workers that never comes to rest: the end is when 16 passes are over, with all that were seen last. */
static void test_new_threads_always(void **state)
{
	begun = 0;
	put_process(30, 500, "kvm|-name|web");
	when("task", 1, add_one_more);
	assert_int_equal(find(PROFILE_BY_NAME, "web"), 0);
	assert_int_equal(begun, 16);
	assert_int_equal(threads.n, 17);
}

static void end_thread(void)
{
	tree_drop("proc/30/task/31");
}

static void test_thread_ends(void **state)
{
	put_process(30, 500, "kvm|-name|web");
	put_thread(30, 31, "worker");
	when("task/31/stat", 1, end_thread);
	assert_int_equal(find(PROFILE_BY_NAME, "web"), 0);
	expect("30");
}

static void end_process(void)
{
	tree_drop("proc/30");
}

static void test_process_ends(void **state)
{
	put_process(30, 500, "kvm|-name|web");
	when("task", 1, end_process);
	assert_int_equal(find(PROFILE_BY_NAME, "web"), -1);
	put_process(30, 500, "kvm|-name|web");
	when("cmdline", 1, end_process);
	assert_int_equal(find(PROFILE_BY_NAME, "web"), -1);
	expect_failure("no process is QEMU with the name 'web'");
	/* In a later pass: then it is as if it had never been. */
	put_process(30, 500, "kvm|-name|web");
	when("task", 2, end_process);
	assert_int_equal(find(PROFILE_BY_NAME, "web"), -1);
}

static void replace_process(void)
{
	end_process();
	put_process(30, 900, "sh");
	put_thread(30, 35, "sh");
}

/* Another process has the PID since all were listed: its threads are not the VM's. */
static void test_process_replaced(void **state)
{
	put_process(30, 500, "kvm|-name|web");
	when(tree_path("proc/30"), 1, replace_process);
	assert_int_equal(find(PROFILE_BY_NAME, "web"), -1);
	expect_failure("all of its threads have ended");
}

static void drop_child_cgroup(void)
{
	tree_drop("cgroup/a/b");
}

static void test_cgroup_removed(void **state)
{
	put_process(30, 500, "kvm");
	tree_put("cgroup/a/cgroup.procs", "30\n");
	tree_put("cgroup/a/b/cgroup.procs", "30\n");
	when("b", 1, drop_child_cgroup);
	assert_int_equal(find(PROFILE_BY_CGROUP, "a"), 0);
	expect("30");
}

/* ---- Many ---- */

static void test_many(void **state)
{
	enum { OTHERS = 2000, VMS = 32, VCPUS = 8 };
	struct vm_search searches[VMS + 1];
	struct profile_match matches[VMS + 1];
	char names[VMS + 1][16], text[64];

	for (unsigned int i = 0; i < OTHERS; i++)
		put_process((pid_t)(10000 + i), 5, "sh|-c|sleep 1");
	for (unsigned int i = 0; i <= VMS; i++) {
		snprintf(names[i], sizeof(names[i]), "vm-%u", i);
		matches[i] = (struct profile_match){ .by = PROFILE_BY_NAME, .text = names[i] };
		searches[i] = (struct vm_search){ .vm = names[i], .match = &matches[i] };
		if (i == VMS)
			break;
		snprintf(text, sizeof(text), "kvm|-name|guest=vm-%u", i);
		put_process((pid_t)(100 * (i + 1)), 5, text);
		for (unsigned int t = 1; t <= VCPUS; t++)
			put_thread((pid_t)(100 * (i + 1)), (pid_t)(100 * (i + 1) + t), "CPU");
	}
	when("cmdline", ~0U, add_vcpu); /* counts */
	assert_int_equal(vm_find_all(&roots, searches, VMS + 1, &err), 0);
	/* All processes are looked at twice, and not for each VM. */
	assert_int_equal(event.seen, 2 * (OTHERS + VMS));
	for (unsigned int i = 0; i < VMS; i++) {
		assert_true(searches[i].found);
		assert_int_equal(searches[i].threads.n, VCPUS + 1);
		assert_int_equal(searches[i].threads.thread[0].tid, 100 * (i + 1));
		vm_threads_free(&searches[i].threads);
	}
	assert_false(searches[VMS].found);
	assert_string_equal(searches[VMS].err.object, "vm-32");
	assert_int_equal(searches[VMS].threads.n, 0);
}

static void test_no_proc(void **state)
{
	tree_drop("proc");
	assert_int_equal(find_pid(30), -1);
	assert_string_equal(err.reason, strerror(ENOENT));
	assert_int_equal(vm_find_all(&roots, NULL, 0, &err), 0);
}

/* What is no stat is said, not passed over: it is nothing that the kernel writes. */
static void test_bad_stat(void **state)
{
	static const char *const bad[] = {
		"", "30", "30 (a", "30 a) S 1", "30 (a) S 1 2 3", "x (a) S 1 2 3 4 5 6 7 8 9", "30 )a( S 1 2"
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		put_process(30, 500, "kvm");
		tree_put("proc/30/stat", bad[i]);
		assert_int_equal(find_pid(30), -1);
		assert_string_equal(err.reason, strerror(EINVAL));
	}
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, make_roots, drop_roots)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_name),
		TEST(test_name_forms),
		TEST(test_name_raw),
		TEST(test_name_twice),
		TEST(test_name_forked),
		TEST(test_name_unsafe),
		TEST(test_domain),
		TEST(test_domain_outside),
		TEST(test_pid),
		TEST(test_zombies),
		TEST(test_cgroup),
		TEST(test_cgroup_threaded),
		TEST(test_cgroup_outside),
		TEST(test_kernel_threads),
		TEST(test_kernel_threads_of_container),
		TEST(test_new_thread),
		TEST(test_new_threads_always),
		TEST(test_thread_ends),
		TEST(test_process_ends),
		TEST(test_process_replaced),
		TEST(test_cgroup_removed),
		TEST(test_many),
		TEST(test_no_proc),
		TEST(test_bad_stat),
	};

	return cmocka_run_group_tests_name("vm_find", tests, NULL, NULL);
}
