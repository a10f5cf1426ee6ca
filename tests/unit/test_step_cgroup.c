// SPDX-License-Identifier: BSD-3-Clause
/*
 * The kinds of steps that change cgroups: on made-up folders, where write() does what the kernel's files would; and
 * with the argument "real" on the machine's own cgroups, which a VM test does.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "fake_cgroup.h"
#include "proc_task.h"
#include "step_cgroup.h"
#include "step_rdt.h"

/* ---- cgroup ---- */

static void test_cgroup(void **state)
{
	expect(&step_cgroup, "isolat/db", STEP_ABSENT);
	expect_done(&step_cgroup, "isolat/db", STEP_PRESENT);
	expect_done(&step_cgroup, "isolat/db/a", STEP_PRESENT);
	assert_int_equal(write_to(&step_cgroup, "isolat/db", STEP_ABSENT), -1);
	assert_int_equal(err.code, ISOLAT_FAILED);
	expect_done(&step_cgroup, "isolat/db/a", STEP_ABSENT);
	expect_done(&step_cgroup, "isolat/db", STEP_ABSENT);
	expect(&step_cgroup, "isolat/no/where", STEP_ABSENT);
	assert_int_equal(write_to(&step_cgroup, "isolat/no/where", STEP_PRESENT), -1);
	expect(&step_cgroup, "", STEP_PRESENT);
	tree_drop("cgroup/isolat");
	expect_done(&step_cgroup, "isolat", STEP_PRESENT);
	/* What somebody has made since is not taken for ours. */
	assert_int_equal(step_cgroup.write(&host, "isolat", STEP_ABSENT, STEP_PRESENT, &err), -1);
	assert_string_equal(err.reason, strerror(EEXIST));
}

static void test_cgroup_refused(void **state)
{
	static const char *const bad[] = { "",		"web",		"isolatx",
					   "isolatx/a", "system.slice", "isolat/../x",
					   "isolat/..", "./isolat/a",	"isolat//a",
					   "/isolat/a", "isolat/a/",	".." };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		expect_refused(&step_cgroup, bad[i], STEP_ABSENT, STEP_PRESENT);
		expect_refused(&step_cgroup, bad[i], STEP_PRESENT, STEP_ABSENT);
	}
	expect_refused(&step_cgroup, "isolat/db", STEP_ABSENT, "here");
	expect(&step_cgroup, "system.slice", STEP_PRESENT);
	expect(&step_cgroup, "isolat/db", STEP_ABSENT);
}

static void test_links(void **state)
{
	char *text;

	tree_put_folder("out/in");
	tree_put("out/file", "7\n");
	assert_int_equal(symlink("../../out", tree_path("cgroup/isolat/link")), 0);
	assert_int_equal(symlink("../../../out/file", tree_path("cgroup/isolat/web/cpuset.link")), 0);
	assert_int_equal(step_cgroup.write(&host, "isolat/link/in", STEP_PRESENT, STEP_ABSENT, &err), -1);
	assert_int_equal(step_cgroup.write(&host, "isolat/link/x", STEP_ABSENT, STEP_PRESENT, &err), -1);
	assert_int_equal(step_cgroup_file.write(&host, "isolat/web/cpuset.link", "", "1", &err), -1);
	assert_int_equal(access(tree_path("out/in"), F_OK), 0);
	assert_int_equal(access(tree_path("out/x"), F_OK), -1);
	text = tree_read("out/file");
	assert_string_equal(text, "7\n");
	free(text);
}

/* ---- cgroup-file ---- */

static void test_file(void **state)
{
	expect(&step_cgroup_file, "isolat/web/cpuset.cpus", "");
	expect_done(&step_cgroup_file, "isolat/web/cpuset.cpus", "2-3,8");
	expect_done(&step_cgroup_file, "isolat/web/cpuset.mems", "1");
	/* No byte would be no write: it takes a newline. */
	expect_done(&step_cgroup_file, "isolat/web/cpuset.cpus", "");
	expect_log("isolat/web/cpuset.cpus 2-3,8\nisolat/web/cpuset.mems 1\nisolat/web/cpuset.cpus \n");
	expect(&step_cgroup_file, "isolat/web/cpuset.none", NULL);
	expect(&step_cgroup_file, "isolat/none/cpuset.cpus", NULL);
}

static void test_file_subtree_control(void **state)
{
	expect(&step_cgroup_file, "cgroup.subtree_control", "");
	expect_done(&step_cgroup_file, "cgroup.subtree_control", "cpuset");
	expect_done(&step_cgroup_file, "isolat/cgroup.subtree_control", "cpuset");
	/* It would take system.slice its CPUs. */
	assert_int_equal(step_cgroup_file.write(&host, "cgroup.subtree_control", "cpuset", "", &err), -1);
	assert_non_null(strstr(err.reason, "system.slice"));
	tree_put("cgroup/system.slice/cpuset.cpus", "\n");
	expect_done(&step_cgroup_file, "cgroup.subtree_control", "");
	expect_log("cgroup.subtree_control +cpuset\nisolat/cgroup.subtree_control +cpuset\n"
		   "cgroup.subtree_control -cpuset\n");
	tree_put("cgroup/cgroup.subtree_control", "cpu cpusets xcpuset\n");
	expect(&step_cgroup_file, "cgroup.subtree_control", "");
	tree_put("cgroup/cgroup.subtree_control", "cpuset\n");
	expect(&step_cgroup_file, "cgroup.subtree_control", "cpuset");
}

static void test_file_refused(void **state)
{
	static const char *const bad[] = { "cpuset.cpus",
					   "isolat/web/memory.max",
					   "isolat/web/cgroup.procs",
					   "isolat/web/cgroup.subtree_control",
					   "system.slice/cgroup.subtree_control",
					   "system.slice/cpuset.cpus",
					   "isolat/../system.slice/cpuset.cpus",
					   "isolatx/cpuset.cpus",
					   "isolat/web/xcpuset.cpus",
					   "isolat/web/",
					   "" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		expect_refused(&step_cgroup_file, bad[i], "x", "0-1");
	expect_refused(&step_cgroup_file, "cgroup.subtree_control", "", "memory");
	expect_refused(&step_cgroup_file, "cgroup.subtree_control", "", "+cpuset");
	expect(&step_cgroup_file, "system.slice/cpuset.cpus", "0-3");
}

static void test_file_fails(void **state)
{
	kernel.error = EBUSY;
	assert_int_equal(write_to(&step_cgroup_file, "isolat/web/cpuset.cpus", "1"), -1);
	assert_string_equal(err.reason, strerror(EBUSY));
	assert_string_equal(err.object, "isolat/web/cpuset.cpus");
	kernel.error = EPERM;
	assert_int_equal(write_to(&step_cgroup_file, "isolat/web/cpuset.cpus", "1"), -1);
	assert_string_equal(err.reason, strerror(EPERM));
	expect(&step_cgroup_file, "isolat/web/cpuset.cpus", "");
}

static void test_partition(void **state)
{
	const char *object = "isolat/web/cpuset.cpus.partition";

	expect_done(&step_cgroup_file, object, "isolated");
	expect_done(&step_cgroup_file, object, "member");
	kernel.no_partition = true;
	assert_int_equal(write_to(&step_cgroup_file, object, "isolated"), -1);
	assert_int_equal(err.code, ISOLAT_FAILED);
	assert_non_null(strstr(err.reason, "Parent is not a partition root"));
	expect(&step_cgroup_file, object, "member");
	expect_log("isolat/web/cpuset.cpus.partition isolated\nisolat/web/cpuset.cpus.partition member\n"
		   "isolat/web/cpuset.cpus.partition isolated\nisolat/web/cpuset.cpus.partition member\n");
	/* One that was invalid before can be put back to that. */
	kernel.log[0] = '\0';
	expect_done(&step_cgroup_file, object, "isolated invalid (Parent is not a partition root)");
	expect_log("isolat/web/cpuset.cpus.partition isolated\n");
}

static void test_goes_with(void **state)
{
	bool (*goes)(const char *, const char *, const char *) = step_cgroup_file.goes_with;

	assert_true(goes("isolat/web/cpuset.cpus", "cgroup", "isolat/web"));
	assert_true(goes("isolat/web/cpuset.cpus", "cgroup", "isolat"));
	assert_false(goes("isolat/web/cpuset.cpus", "cgroup", "isolat/we"));
	assert_false(goes("isolat/web/cpuset.cpus", "group", "isolat/web"));
	assert_false(goes("cgroup.subtree_control", "cgroup", "isolat"));
	assert_false(goes("cgroup.subtree_control", "cgroup", ""));
	assert_false(goes("system.slice/cpuset.cpus", "cgroup", "system.slice"));
	assert_null(step_cgroup.goes_with);
	assert_null(step_cgroup_task.goes_with);
}

/* ---- cgroup-task ---- */

static void test_keeps(void **state)
{
	assert_true(step_cgroup_task.keeps("isolat/web", "cgroup", "isolat/web"));
	assert_true(step_cgroup_task.keeps("isolat/web/x", "cgroup", "isolat/web"));
	assert_true(step_cgroup_task.keeps("isolat/web", "cgroup", "isolat"));
	assert_false(step_cgroup_task.keeps("isolat/web", "cgroup", "isolat/we"));
	assert_false(step_cgroup_task.keeps("isolat/web", "group", "isolat/web"));
	assert_false(step_cgroup_task.keeps("", "cgroup", "isolat"));
}

static void test_process(void **state)
{
	put_process(12, 500, "3:cpuset:/v1\n1:name=systemd:/a\n0::/system.slice\n");
	expect(&step_cgroup_task, "12@500", "system.slice");
	expect_done(&step_cgroup_task, "12@500", "isolat/web");
	expect_done(&step_cgroup_task, "12@500", "system.slice");
	expect_done(&step_cgroup_task, "12@500", "isolat/web");
	expect_done(&step_cgroup_task, "12@500", "");
	expect_log("isolat/web/cgroup.procs 12\nsystem.slice/cgroup.procs 12\nisolat/web/cgroup.procs 12\n"
		   "cgroup.procs 12\n");
}

static void test_process_refused(void **state)
{
	put_process(12, 500, "0::/system.slice\n");
	expect_refused(&step_cgroup_task, "12@500", "system.slice", "user.slice");
	expect_refused(&step_cgroup_task, "12@500", "system.slice", "");
	expect_refused(&step_cgroup_task, "12@500", "system.slice", "isolat/../user.slice");
	expect_refused(&step_cgroup_task, "12@500", "isolat/web", "../user.slice");
	assert_int_equal(step_cgroup_task.write(&host, "12", "", "isolat/web", &err), -1);
	assert_int_equal(write_to(&step_cgroup_task, "12@500", "isolat/none"), -1);
	assert_string_equal(err.reason, strerror(ENOENT));
	kernel.error = EBUSY;
	assert_int_equal(write_to(&step_cgroup_task, "12@500", "isolat/web"), -1);
	assert_string_equal(err.reason, strerror(EBUSY));
	expect(&step_cgroup_task, "12@500", "system.slice");
}

static void test_process_gone(void **state)
{
	expect(&step_cgroup_task, "12@500", NULL);
	put_process(12, 900, "0::/system.slice\n");
	expect(&step_cgroup_task, "12@500", NULL);
	kernel.on = true;
	assert_int_equal(step_cgroup_task.write(&host, "12@500", "system.slice", "isolat/web", &err), 0);
	kernel.on = false;
	expect_log("");
	/* It ends while it is moved. */
	kernel.error = ESRCH;
	assert_int_equal(write_to(&step_cgroup_task, "12@900", "isolat/web"), 0);
	tree_put_stat("proc/12", &(struct tree_task){ .tid = 12, .name = "q", .state = 'Z', .start = 900 });
	expect(&step_cgroup_task, "12@900", NULL);
}

static int follow(const char *place, const char *home)
{
	int rc;

	kernel.on = true;
	rc = step_cgroup_task.follow(&host, "12@500", place, home, &err);
	kernel.on = false;
	return rc;
}

/* What it has forked comes back with it, also when it has ended itself, and also what is forked meanwhile. */
static void test_process_family(void **state)
{
	tree_put("cgroup/isolat/web/cgroup.procs", "0\n13\n14\n");
	kernel.forks = "14\n15\n";
	assert_int_equal(follow("isolat/web", "system.slice"), 0);
	/* 0 is one of another namespace: it would mean ourselves. */
	expect_log("system.slice/cgroup.procs 13\nsystem.slice/cgroup.procs 14\n"
		   "system.slice/cgroup.procs 15\n");
	kernel.log[0] = '\0';
	tree_put("cgroup/system.slice/cgroup.procs", "16\n");
	assert_int_equal(follow("system.slice", "isolat/web"), 0);
	assert_int_equal(follow("isolat/gone", "system.slice"), 0);
	assert_int_equal(follow("isolat/web", "isolat/web"), 0);
	expect_log("");
	tree_put("cgroup/isolat/web/cgroup.procs", "13\n");
	kernel.error = EPERM;
	assert_int_equal(follow("isolat/web", ""), -1);
	assert_string_equal(err.reason, strerror(EPERM));
	assert_int_equal(err.code, ISOLAT_FAILED);
}

/* Where it was has been removed since, or has become one that takes no processes: to the nearest above. */
static void test_process_home_gone(void **state)
{
	put_process(12, 500, "0::/isolat/web\n");
	kernel.on = true;
	assert_int_equal(step_cgroup_task.write(&host, "12@500", "isolat/web", "system.slice/a/b", &err), 0);
	kernel.on = false;
	expect(&step_cgroup_task, "12@500", "system.slice");
	put_process(12, 500, "0::/isolat/web\n");
	kernel.error = EBUSY;
	assert_int_equal(write_to(&step_cgroup_task, "12@500", "system.slice"), 0);
	expect(&step_cgroup_task, "12@500", "");
	tree_put("cgroup/isolat/web/cgroup.procs", "13\n");
	assert_int_equal(follow("isolat/web", "user.slice/x"), -1);
	assert_int_equal(err.code, ISOLAT_DRIFT);
	expect_log("system.slice/cgroup.procs 12\ncgroup.procs 12\ncgroup.procs 13\n");
	/* On the way there none stands in for it. */
	assert_int_equal(write_to(&step_cgroup_task, "12@500", "isolat/none"), -1);
}

/* An inverse that others stand against is not tried again. */
static void test_file_used_by_others(void **state)
{
	tree_put("cgroup/cgroup.subtree_control", "cpuset\n");
	assert_int_equal(write_to(&step_cgroup_file, "cgroup.subtree_control", ""), -1);
	assert_int_equal(err.code, ISOLAT_DRIFT);
	tree_put("cgroup/system.slice/cpuset.cpus", "\n");
	kernel.error = EBUSY;
	assert_int_equal(write_to(&step_cgroup_file, "cgroup.subtree_control", ""), -1);
	assert_int_equal(err.code, ISOLAT_DRIFT);
	/* Another isolat run, which will take it back. */
	tree_put("cgroup/isolat/cgroup.subtree_control", "cpuset\n");
	kernel.error = EBUSY;
	assert_int_equal(write_to(&step_cgroup_file, "cgroup.subtree_control", ""), -1);
	assert_int_equal(err.code, ISOLAT_FAILED);
	/* So does a run at work, whatever its command has made in its cgroup; not one that is over. */
	tree_put_folder("cgroup/isolat/run@77/theirs");
	tree_put("proc/77/cgroup", "0::/isolat/run@77/theirs\n");
	kernel.error = EBUSY;
	assert_int_equal(write_to(&step_cgroup_file, "cgroup.subtree_control", ""), -1);
	assert_int_equal(err.code, ISOLAT_FAILED);
	tree_put("proc/77/cgroup", "0::/system.slice\n"); /* another process has its number */
	kernel.error = EBUSY;
	assert_int_equal(write_to(&step_cgroup_file, "cgroup.subtree_control", ""), -1);
	assert_int_equal(err.code, ISOLAT_DRIFT);
	kernel.error = EPERM;
	assert_int_equal(write_to(&step_cgroup_file, "cgroup.subtree_control", ""), -1);
	assert_int_equal(err.code, ISOLAT_FAILED);
	kernel.error = EBUSY;
	assert_int_equal(write_to(&step_cgroup_file, "isolat/web/cpuset.cpus", "1"), -1);
	assert_int_equal(err.code, ISOLAT_FAILED);
}

/* ---- Machines without cpusets in version 2 ---- */

static void expect_unsupported(const char *reason)
{
	static const struct step_kind *const kinds[] = { &step_cgroup, &step_cgroup_file, &step_cgroup_task };
	static const char *const objects[] = { "isolat/web", "isolat/web/cpuset.cpus", "12@500" };
	static const char *const values[] = { STEP_ABSENT, "0", "isolat/web" };
	char *value;

	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(kinds[i]->read(&host, objects[i], &value, &err), -1);
		assert_int_equal(err.code, ISOLAT_UNSUPPORTED);
		assert_non_null(strstr(err.reason, reason));
		kernel.on = true;
		assert_int_equal(kinds[i]->write(&host, objects[i], "", values[i], &err), -1);
		kernel.on = false;
		assert_int_equal(err.code, ISOLAT_UNSUPPORTED);
	}
	expect_log("");
	assert_int_equal(access(tree_path("cgroup/isolat/web"), F_OK), 0);
}

static void test_unsupported(void **state)
{
	put_process(12, 500, "0::/\n");
	tree_put("cgroup/cgroup.controllers", "cpu memory cpusets\n");
	expect_unsupported("do not have the cpuset controller");
	tree_put("proc/mounts", "tmpfs /sys/fs/cgroup tmpfs rw 0 0\ncgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0\n"
				"cgroup /sys/fs/cgroup/cpuset cgroup rw,relatime,cpuset 0 0\n");
	expect_unsupported("version 1 has the cpuset controller, at /sys/fs/cgroup/cpuset");
	assert_true(err.hint[0]);
	tree_drop("cgroup/cgroup.controllers");
	expect_unsupported("version 1 has the cpuset controller");
	tree_drop("proc/mounts");
	expect_unsupported("cgroup version 2 is not mounted here");
	/* It is seen when it is right. */
	put_hierarchy();
	expect(&step_cgroup, "isolat/web", STEP_PRESENT);
}

/* ---- The machine's own ---- */

static pid_t start_child(char object[PROC_TASK_OBJECT])
{
	pid_t pid = fork();
	struct proc_task task;
	char path[64];

	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	assert_int_equal(proc_task_read(AT_FDCWD, path, &task), 0);
	proc_task_print(object, pid, task.start);
	return pid;
}

static char *value_of(const struct step_kind *kind, const char *object)
{
	char *value;

	assert_int_equal(kind->read(&host, object, &value, &err), 0);
	assert_non_null(value);
	return value;
}

static void test_real(void **state)
{
	char child[PROC_TASK_OBJECT], *subtree, *home;
	pid_t pid;

	host = (struct step_host){ 0 };
	subtree = value_of(&step_cgroup_file, "cgroup.subtree_control");
	if (!*subtree)
		expect_done(&step_cgroup_file, "cgroup.subtree_control", "cpuset");
	expect(&step_cgroup, "isolat", STEP_ABSENT);
	expect_done(&step_cgroup, "isolat", STEP_PRESENT);
	expect_done(&step_cgroup_file, "isolat/cgroup.subtree_control", "cpuset");
	expect_done(&step_cgroup, "isolat/web", STEP_PRESENT);
	expect_done(&step_cgroup_file, "isolat/cpuset.cpus", "1");
	expect_done(&step_cgroup_file, "isolat/web/cpuset.mems", "0");
	expect_done(&step_cgroup_file, "isolat/web/cpuset.mems", "");
	expect_done(&step_cgroup_file, "isolat/web/cpuset.cpus", "1");
	/* Its parent is no partition, so that on 6.1 it cannot be one, and on later kernels has no CPU to be one with.
	 */
	assert_int_equal(write_to(&step_cgroup_file, "isolat/web/cpuset.cpus.partition", "isolated"), -1);
	print_message("%s: %s\n", err.what, err.reason);
	expect(&step_cgroup_file, "isolat/web/cpuset.cpus.partition", "member");
	expect_done(&step_cgroup_file, "isolat/cpuset.cpus.partition", "root");
	expect_done(&step_cgroup_file, "isolat/web/cpuset.cpus.partition", "isolated");
	pid = start_child(child);
	home = value_of(&step_cgroup_task, child);
	expect_done(&step_cgroup_task, child, "isolat/web");
	assert_int_equal(write_to(&step_cgroup, "isolat/web", STEP_ABSENT), -1);
	assert_string_equal(err.reason, strerror(EBUSY));
	expect_done(&step_cgroup_task, child, home);
	/* Killed: it is a zombie, then nothing. */
	kill(pid, SIGKILL);
	waitid(P_PID, (id_t)pid, &(siginfo_t){ 0 }, WEXITED | WNOWAIT);
	expect(&step_cgroup_task, child, NULL);
	waitpid(pid, NULL, 0);
	expect(&step_cgroup_task, child, NULL);
	expect_done(&step_cgroup_file, "isolat/web/cpuset.cpus.partition", "member");
	expect_done(&step_cgroup, "isolat/web", STEP_ABSENT);
	expect(&step_cgroup_file, "isolat/web/cpuset.cpus", NULL);
	expect_done(&step_cgroup_file, "isolat/cpuset.cpus.partition", "member");
	expect_done(&step_cgroup, "isolat", STEP_ABSENT);
	expect_done(&step_cgroup_file, "cgroup.subtree_control", subtree);
	free(subtree);
	free(home);
}

static bool is_in(pid_t pid, const char *path)
{
	char name[64], *now;
	struct proc_task task;
	bool same;

	snprintf(name, sizeof(name), "/proc/%d/stat", (int)pid);
	assert_int_equal(proc_task_read(AT_FDCWD, name, &task), 0);
	proc_task_print(name, pid, task.start);
	now = value_of(&step_cgroup_task, name);
	same = !strcmp(now, path);
	free(now);
	return same;
}

/* Two that were not moved by a step, of which one's home is gone; then a cgroup of somebody else's below. */
static void test_real_family(void **state)
{
	char child[PROC_TASK_OBJECT], sibling[PROC_TASK_OBJECT];
	pid_t pid[2];

	host = (struct step_host){ 0 };
	expect_done(&step_cgroup, "isolat", STEP_PRESENT);
	expect_done(&step_cgroup, "isolat/web", STEP_PRESENT);
	expect_done(&step_cgroup, "isolat/home", STEP_PRESENT);
	pid[0] = start_child(child);
	pid[1] = start_child(sibling);
	expect_done(&step_cgroup_task, child, "isolat/web");
	expect_done(&step_cgroup_task, sibling, "isolat/web");
	assert_int_equal(step_cgroup_task.follow(&host, "1@1", "isolat/web", "isolat/home", &err), 0);
	assert_true(is_in(pid[0], "isolat/home") && is_in(pid[1], "isolat/home"));
	expect_done(&step_cgroup, "isolat/web", STEP_ABSENT);
	assert_int_equal(step_cgroup_task.follow(&host, "1@1", "isolat/home", "none/here", &err), -1);
	assert_int_equal(err.code, ISOLAT_DRIFT);
	assert_true(is_in(pid[0], "") && is_in(pid[1], ""));
	assert_int_equal(mkdir("/sys/fs/cgroup/isolat/home/theirs", 0755), 0);
	assert_int_equal(write_to(&step_cgroup, "isolat/home", STEP_ABSENT), -1);
	assert_int_equal(err.code, ISOLAT_DRIFT);
	assert_int_equal(rmdir("/sys/fs/cgroup/isolat/home/theirs"), 0);
	expect_done(&step_cgroup_task, child, "isolat/home");
	assert_int_equal(write_to(&step_cgroup, "isolat/home", STEP_ABSENT), -1);
	assert_int_equal(err.code, ISOLAT_FAILED);
	for (int i = 0; i < 2; i++) {
		kill(pid[i], SIGKILL);
		waitpid(pid[i], NULL, 0);
	}
	expect_done(&step_cgroup, "isolat/home", STEP_ABSENT);
	expect_done(&step_cgroup, "isolat", STEP_ABSENT);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(test_cgroup),
		TEST(test_cgroup_refused),
		TEST(test_links),
		TEST(test_file),
		TEST(test_file_subtree_control),
		TEST(test_file_refused),
		TEST(test_file_fails),
		TEST(test_partition),
		TEST(test_goes_with),
		TEST(test_keeps),
		TEST(test_process),
		TEST(test_process_refused),
		TEST(test_process_gone),
		TEST(test_unsupported),
		TEST(test_process_family),
		TEST(test_process_home_gone),
		TEST(test_file_used_by_others),
	};
	const struct CMUnitTest real[] = { cmocka_unit_test(test_real), cmocka_unit_test(test_real_family) };

	if (argc > 1 && !strcmp(argv[1], "real"))
		return cmocka_run_group_tests_name("step_cgroup real", real, NULL, NULL);
	return cmocka_run_group_tests_name("step_cgroup", tests, NULL, NULL);
}
