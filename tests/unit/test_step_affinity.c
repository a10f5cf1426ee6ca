// SPDX-License-Identifier: BSD-3-Clause
/* What threads are pinned to, where their process changes its cgroup. */
#include "fake_cgroup.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cpu_list.h"
#include "step_affinity.h"
#include "step_cgroup.h"

static void put_status(pid_t tid, const char *list)
{
	char path[64], text[128];

	snprintf(path, sizeof(path), "proc/%d/status", (int)tid);
	snprintf(text, sizeof(text), "Name:\tq\nCpus_allowed:\tff\nCpus_allowed_list:\t%s\nMems_allowed:\t1\n", list);
	tree_put(path, text);
}

/* A thread of process 12, which procfs shows as a process, too. */
static void put_pinned(pid_t tid, const char *cgroup_line, const char *list)
{
	char folder[64], path[80];

	snprintf(folder, sizeof(folder), "proc/%d", (int)tid);
	tree_put_stat(folder, &(struct tree_task){ .tid = tid, .parent = 1, .name = "q", .start = 500 });
	snprintf(path, sizeof(path), "%s/cgroup", folder);
	tree_put(path, cgroup_line);
	snprintf(path, sizeof(path), "proc/12/task/%d", (int)tid);
	tree_put_folder(path);
	put_status(tid, list);
}

/* In place of libc's: CPUs 0-7 are there, and CPUs beyond @allowed not. */
static const char *allowed = "0-7";
static char pinned[256];
static const char *moved_into; /* the cgroup of those that are moved; NULL: they stay in theirs */

int sched_setaffinity(pid_t tid, size_t size, const cpu_set_t *set)
{
	unsigned int first = !strcmp(allowed, "0-7") ? 0 : 1, last = first ? 3 : 7, n = 0, os[8];
	bool was_on = kernel.on;
	char *list, line[64];

	for (unsigned int cpu = first; cpu <= last; cpu++)
		if (CPU_ISSET_S(cpu, size, set))
			os[n++] = cpu;
	if (!n) {
		errno = EINVAL;
		return -1;
	}
	list = cpu_list_text(os, n);
	kernel.on = false;
	put_status(tid, list);
	kernel.on = was_on;
	snprintf(line, sizeof(line), "%d %s\n", (int)tid, list);
	strncat(pinned, line, sizeof(pinned) - strlen(pinned) - 1);
	free(list);
	return 0;
}

static void put_cpus(void)
{
	*pinned = '\0';
	moved_into = NULL;
	allowed = "0-7";
	tree_put("cgroup/cpuset.cpus.effective", "0-7\n");
	tree_put("cgroup/system.slice/cpuset.cpus.effective", "0-3\n");
	tree_put_folder("cgroup/system.slice/vm");
	tree_put("cgroup/isolat/web/cpuset.cpus.effective", "1-3\n");
}

static void test_affinity(void **state)
{
	put_cpus();
	put_pinned(12, "0::/\n", "0-255"); /* CPUs that there may be some day */
	put_pinned(13, "0::/\n", "5");
	put_pinned(14, "0::/system.slice/vm\n", "0-3"); /* all that the cgroup above it has */
	put_pinned(15, "0::/isolat/web\n", "2");
	expect(&step_affinity, "12@500", "");
	expect(&step_affinity, "13@500", "5");
	expect(&step_affinity, "14@500", "");
	expect(&step_affinity, "15@500", "");
	expect_done(&step_affinity, "13@500", "");
	expect_done(&step_affinity, "13@500", "5-6");
	assert_string_equal(pinned, "13 0-7\n13 5-6\n");
	expect(&step_affinity, "13@501", NULL); /* another one by now */
	assert_int_equal(step_affinity.write(&host, "13@501", "", "1", &err), 0);
	assert_string_equal(pinned, "13 0-7\n13 5-6\n");
	assert_int_equal(step_affinity.write(&host, "13@500", "", "9", &err), -1);
	assert_string_equal(err.reason, strerror(EINVAL));
	assert_int_equal(err.code, ISOLAT_DRIFT);
	assert_int_equal(step_affinity.write(&host, "13", "", "1", &err), -1);
}

static void test_pin(void **state)
{
	char *to, *theirs;

	put_cpus();
	put_pinned(12, "0::/isolat/web\n", "1-3");
	put_pinned(13, "0::/isolat/web\n", "2");
	put_pinned(14, "0::/\n", "2");
	expect(&step_pin, "12@500", "");
	expect(&step_pin, "13@500", "2");
	expect(&step_pin, "14@500", NULL); /* in no cgroup of isolat's */
	expect(&step_pin, "13@501", NULL);
	expect_done(&step_pin, "12@500", "3");
	expect_done(&step_pin, "12@500", "");
	assert_string_equal(pinned, "12 3\n12 0-7\n");
	assert_true(step_pin.part("", "2", "3", &to, &theirs));
	assert_null(to);
	assert_null(theirs);
}

/* What the kernel does to the threads of a process that is moved, before 6.2. */
static void move_all(const char *cpus)
{
	for (pid_t tid = 12; tid < 15; tid++) {
		put_status(tid, cpus);
		if (moved_into)
			tree_put(tree_path("proc/%d/cgroup", (int)tid) + strlen(tree_root) + 1, moved_into);
	}
}

static void test_affinity_over_move(void **state)
{
	put_cpus();
	put_pinned(12, "0::/\n", "0-7");
	put_pinned(13, "0::/\n", "2");
	put_pinned(14, "0::/\n", "6");
	kernel.moved = move_all;
	kernel.moved_to = allowed = "1-3";
	moved_into = "0::/isolat/web\n";
	assert_int_equal(write_to(&step_cgroup_task, "12@500", "isolat/web"), 0);
	assert_string_equal(pinned, "13 2\n"); /* and 6 is not there */
	*pinned = '\0';
	kernel.moved_to = allowed = "0-7";
	moved_into = "0::/\n";
	assert_int_equal(write_to(&step_cgroup_task, "12@500", ""), 0);
	assert_string_equal(pinned, "13 2\n"); /* who had all CPUs of the one has all of the other */
	expect(&step_affinity, "14@500", "");
}

/* A kernel that remembers shows what else it was pinned to, when that is there again. */
static void test_affinity_remembered(void **state)
{
	put_cpus();
	put_pinned(12, "0::/isolat/web\n", "1-3");
	put_pinned(13, "0::/isolat/web\n", "2");
	kernel.moved = move_all;
	kernel.moved_to = "2,5";
	moved_into = "0::/\n";
	assert_int_equal(write_to(&step_cgroup_task, "12@500", ""), 0);
	assert_string_equal(pinned, "");
}

/* The controller comes to all cgroups below the root: nobody there is to lose what he was pinned to. */
static void test_affinity_over_control(void **state)
{
	put_cpus();
	tree_put("cgroup/system.slice/cpuset.cpus", "\n");
	put_pinned(12, "0::/system.slice/vm\n", "0-7");
	put_pinned(13, "0::/system.slice/vm\n", "2");
	put_pinned(14, "0::/\n", "6"); /* of the root itself nothing is moved */
	kernel.moved = move_all;
	kernel.moved_to = "0-7";
	assert_int_equal(write_to(&step_cgroup_file, "cgroup.subtree_control", "cpuset"), 0);
	assert_string_equal(pinned, "13 2\n");
	*pinned = '\0';
	assert_int_equal(write_to(&step_cgroup_file, "cgroup.subtree_control", ""), 0);
	assert_string_equal(pinned, "13 2\n");
	/* Who has pinned himself to something else meanwhile keeps that. */
	*pinned = '\0';
	kernel.moved_to = "3";
	assert_int_equal(write_to(&step_cgroup_file, "cgroup.subtree_control", "cpuset"), 0);
	assert_string_equal(pinned, "");
}

/* The cgroup gets other CPUs: who is in it keeps those that he has chosen, where they are still there. */
static void test_affinity_over_cpus(void **state)
{
	put_cpus();
	put_pinned(12, "0::/isolat/web\n", "1-3");
	put_pinned(13, "0::/isolat/web\n", "2");
	put_pinned(14, "0::/system.slice/vm\n", "2");
	tree_put("cgroup/isolat/web/cgroup.procs", "12\n");
	kernel.moved = move_all;
	kernel.moved_to = allowed = "1-3";
	assert_int_equal(write_to(&step_cgroup_file, "isolat/web/cpuset.cpus", "1-5"), 0);
	assert_non_null(strstr(pinned, "13 2\n"));
	assert_null(strstr(pinned, "12 "));
}

/* What an isolat run has left in its cgroup gets other CPUs than the run's, whatever the kernel leaves of them. */
static void test_unpinned_over_move(void **state)
{
	static const char *const after_move[] = { "1-3", "0-7" }; /* since 6.2, and before */

	for (size_t i = 0; i < 2; i++) {
		put_cpus();
		put_pinned(12, "0::/isolat/web\n", "1-3");
		put_pinned(13, "0::/isolat/web\n", "2"); /* its own choice */
		put_pinned(14, "0::/isolat/web\n", "1-3");
		host.unpin_from = "1-3";
		host.unpin_to = "0,5";
		kernel.moved = move_all;
		kernel.moved_to = after_move[i];
		assert_int_equal(write_to(&step_cgroup_task, "12@500", ""), 0);
		assert_non_null(strstr(pinned, "12 0,5\n"));
		assert_non_null(strstr(pinned, "13 2\n"));
		assert_non_null(strstr(pinned, "14 0,5\n"));
		assert_int_equal(strlen(pinned), strlen("12 0,5\n13 2\n14 0,5\n"));
	}
}

static void test_unpin(void **state)
{
	put_cpus();
	put_pinned(12, "0::/\n", "1-3");
	put_pinned(13, "0::/\n", "2");
	assert_false(step_affinity_unpin(&host, 12)); /* nothing is told of a run */
	host.unpin_from = "1-3";
	assert_false(step_affinity_unpin(&host, 12));
	host.unpin_to = "1-3";
	assert_false(step_affinity_unpin(&host, 12));
	host.unpin_to = "0-7";
	assert_false(step_affinity_unpin(&host, 13));
	assert_false(step_affinity_unpin(&host, 15));
	assert_string_equal(pinned, "");
	assert_true(step_affinity_unpin(&host, 12));
	assert_false(step_affinity_unpin(&host, 12));
	assert_string_equal(pinned, "12 0-7\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = { TEST(test_affinity),
					    TEST(test_pin),
					    TEST(test_affinity_over_move),
					    TEST(test_affinity_remembered),
					    TEST(test_affinity_over_control),
					    TEST(test_affinity_over_cpus),
					    TEST(test_unpinned_over_move),
					    TEST(test_unpin) };

	return cmocka_run_group_tests_name("step_affinity", tests, NULL, NULL);
}
