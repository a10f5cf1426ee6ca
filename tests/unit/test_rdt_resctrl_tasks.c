// SPDX-License-Identifier: BSD-3-Clause
/* The resctrl engine: what is in a group, CPUs and threads, and what its counters read. */
#include <inttypes.h>

#include "fake_resctrl.h"

/* ---- CPUs ---- */

static void test_cpus(void **state)
{
	char *list;

	assert_int_equal(rdt_engine_read_cpus(engine, "", &list, &err), 0);
	assert_string_equal(list, "0-3,8");
	free(list);
	assert_int_equal(rdt_engine_read_cpus(engine, OWN, &list, &err), 0);
	assert_string_equal(list, "");
	free(list);
	put("resctrl/" OWN "/cpus_list", "0-3 \n");
	assert_failed(rdt_engine_read_cpus(engine, OWN, &list, &err), ISOLAT_FAILED, "read CPUs",
		      "/resctrl/" OWN "/cpus_list", "'0-3 ' is no list of CPUs");
	assert_null(list);
	assert_int_equal(rdt_engine_write_cpus(engine, OWN, "0-1,7", &err), 0);
	assert_string_equal(kernel.written, "0-1,7\n");
	assert_int_equal(rdt_engine_write_cpus(engine, OWN, "", &err), 0);
	assert_string_equal(kernel.written, "\n");
	assert_int_equal(kernel.writes, 2);
	assert_int_equal(rdt_engine_write_cpus(engine, OWN, "0-1\n2", &err), -1);
	assert_int_equal(err.code, ISOLAT_USAGE);
	assert_int_equal(kernel.writes, 2);
	kernel.call = "write";
	kernel.code = EINVAL;
	kernel.status = "of another command\nCan only assign online CPUs\n";
	assert_failed(rdt_engine_write_cpus(engine, OWN, "99", &err), ISOLAT_FAILED, "write CPUs",
		      "/resctrl/" OWN "/cpus_list", "Invalid argument: Can only assign online CPUs");
}

/* ---- Threads ---- */

static void test_read_tasks(void **state)
{
	static const pid_t expected[] = { 3, 12, 500 };
	pid_t *tids;
	size_t n;

	assert_int_equal(rdt_engine_read_tasks(engine, OWN, &tids, &n, &err), 0);
	assert_true(!tids && !n);
	put("resctrl/" OWN "/tasks", "500\n0\n3\n12\n");
	assert_int_equal(rdt_engine_read_tasks(engine, OWN, &tids, &n, &err), 0);
	assert_int_equal(n, ARRAY_SIZE(expected));
	assert_memory_equal(tids, expected, sizeof(expected));
	free(tids);
	put("resctrl/" OWN "/tasks", "500\nx\n");
	assert_failed(rdt_engine_read_tasks(engine, OWN, &tids, &n, &err), ISOLAT_FAILED, "read tasks",
		      "/resctrl/" OWN "/tasks", "line 2 is no TID");
	drop("resctrl/" OWN "/tasks");
	assert_int_equal(mkfifo(in_temp("resctrl/" OWN "/tasks"), 0600), 0);
	assert_failed(rdt_engine_read_tasks(engine, OWN, &tids, &n, &err), ISOLAT_FAILED, "read tasks",
		      "/resctrl/" OWN "/tasks", "Invalid argument");
	assert_int_equal(rdt_engine_read_tasks(engine, "COS9", &tids, &n, &err), -1);
	assert_true(rdt_engine_is_gone(engine) && !tids && !n);
}

#define MANY 100000

static void test_read_many_tasks(void **state)
{
	FILE *out = fopen(in_temp("resctrl/" OWN "/tasks"), "w");
	pid_t *tids;
	size_t n;

	for (int i = MANY; i; i--)
		fprintf(out, "%d\n", 10 * i);
	assert_int_equal(fclose(out), 0);
	assert_int_equal(rdt_engine_read_tasks(engine, OWN, &tids, &n, &err), 0);
	assert_int_equal(n, MANY);
	for (int i = 0; i < MANY; i++)
		assert_int_equal(tids[i], 10 * (i + 1));
	free(tids);
}

static void test_move_task(void **state)
{
	assert_int_equal(rdt_engine_move_task(engine, OWN, 1234, &err), 0);
	assert_string_equal(kernel.written, "1234\n");
	assert_int_equal(rdt_engine_move_task(engine, "", 2147483647, &err), 0);
	assert_string_equal(kernel.written, "2147483647\n");
	assert_int_equal(kernel.writes, 2);
	for (pid_t tid = -1; tid <= 0; tid++) {
		assert_int_equal(rdt_engine_move_task(engine, OWN, tid, &err), -1);
		assert_int_equal(err.code, ISOLAT_USAGE);
	}
	assert_int_equal(kernel.writes, 2);
	kernel.call = "write";
	kernel.code = ESRCH;
	kernel.status = "No task 7\nError while processing task 7\n";
	assert_failed(rdt_engine_move_task(engine, "", 7, &err), ISOLAT_FAILED, "move task", "/resctrl/tasks",
		      "No such process: No task 7; Error while processing task 7");
	assert_true(rdt_engine_is_gone(engine));
	kernel.code = EPERM;
	kernel.status = "No permission to move task 7\n";
	kernel.uid = 1000;
	assert_failed(rdt_engine_move_task(engine, OWN, 7, &err), ISOLAT_FAILED, "move task", "/resctrl/" OWN "/tasks",
		      "Operation not permitted: No permission to move task 7");
	assert_string_equal(err.hint, "run it as root");
	assert_false(rdt_engine_is_gone(engine));
}

static void test_find_task_in_files(void **state)
{
	char group[RDT_GROUP_PATH];

	put("resctrl/" OWN "/tasks", "9\n7\n");
	assert_int_equal(rdt_engine_find_task(engine, 7, group, &err), 0);
	assert_string_equal(group, OWN);
	assert_int_equal(rdt_engine_find_task(engine, 30, group, &err), 0);
	assert_string_equal(group, "");
	/* This PID is in /proc, but /proc is not of this root. */
	assert_int_equal(rdt_engine_find_task(engine, getpid(), group, &err), -1);
	assert_string_equal(err.reason, "No such process");
	assert_true(rdt_engine_is_gone(engine));
	put("resctrl/" OWN "/tasks", "x\n");
	assert_int_equal(rdt_engine_find_task(engine, 7, group, &err), -1);
	assert_string_equal(err.reason, "line 1 is no TID");
	assert_false(rdt_engine_is_gone(engine));
}

static void test_find_task_in_proc(void **state)
{
	char group[RDT_GROUP_PATH];

	make_folder("proc");
	make_folder("proc/7");
	put("resctrl/" OWN "/tasks", "7\n8\n");
	reopen("proc", 0);
	put("proc/7/cpu_resctrl_groups", "res:other\nmon:m\n");
	assert_int_equal(rdt_engine_find_task(engine, 7, group, &err), 0);
	assert_string_equal(group, "other/mon_groups/m");
	put("proc/7/cpu_resctrl_groups", "res:/\nmon:\n");
	assert_int_equal(rdt_engine_find_task(engine, 7, group, &err), 0);
	assert_string_equal(group, "");
	/* Not mounted, for this /proc; and a thread of which it says nothing. */
	put("proc/7/cpu_resctrl_groups", "res:\nmon:\n");
	assert_int_equal(rdt_engine_find_task(engine, 7, group, &err), 0);
	assert_string_equal(group, OWN);
	assert_int_equal(rdt_engine_find_task(engine, 8, group, &err), 0);
	assert_string_equal(group, OWN);
	assert_failed(rdt_engine_find_task(engine, 11, group, &err), ISOLAT_FAILED, "find task", "TID 11",
		      "No such process");
	assert_true(rdt_engine_is_gone(engine));
	make_folder("proc/11");
	assert_failed(rdt_engine_find_task(engine, 11, group, &err), ISOLAT_FAILED, "find task", "TID 11",
		      "it is in no group, but it is there");
	assert_false(rdt_engine_is_gone(engine));
}

static void test_unmounted(void **state)
{
	struct rdt_engine_config config = { .proc = strdupa(in_temp("proc")) };

	assert_false(rdt_resctrl_is_unmounted(&config));
	make_folder("proc");
	make_folder("proc/self");
	put("proc/self/cpu_resctrl_groups", "res:/\nmon:\n");
	assert_false(rdt_resctrl_is_unmounted(&config));
	put("proc/self/cpu_resctrl_groups", "res:" OWN "\nmon:\n");
	assert_false(rdt_resctrl_is_unmounted(&config));
	put("proc/self/cpu_resctrl_groups", "res:\nmon:\n");
	assert_true(rdt_resctrl_is_unmounted(&config));
}

/* ---- Monitors ---- */

static void put_monitor(const char *domain, const char *event, const char *text)
{
	char path[256];

	snprintf(path, sizeof(path), "resctrl/" OWN "/mon_data/%s", domain);
	if (access(in_temp(path), F_OK))
		make_folder(path);
	snprintf(path, sizeof(path), "resctrl/" OWN "/mon_data/%s/%s", domain, event);
	put(path, text);
}

static void assert_reading(const struct rdt_reading *reading, const char *expected)
{
	char text[128];
	int used = snprintf(text, sizeof(text), "%u:", reading->domain);

	for (int i = 0; i < RDT_EVENTS; i++) {
		assert_true(reading->available[i] || !reading->bytes[i]);
		used += snprintf(text + used, sizeof(text) - (size_t)used, reading->available[i] ? " %" PRIu64 : " -",
				 reading->bytes[i]);
	}
	assert_string_equal(text, expected);
}

static void test_monitors(void **state)
{
	struct rdt_reading *readings;
	size_t n;

	assert_int_equal(rdt_engine_read_monitors(engine, OWN, &readings, &n, &err), 0);
	assert_true(!readings && !n);
	make_folder("resctrl/" OWN "/mon_data");
	assert_int_equal(rdt_engine_read_monitors(engine, OWN, &readings, &n, &err), 0);
	assert_true(!readings && !n);
	put_monitor("mon_L3_16", "llc_occupancy", "4096\n");
	put_monitor("mon_L3_16", "mbm_total_bytes", "18446744073709551615\n");
	put_monitor("mon_L3_16", "mbm_local_bytes", "0\n");
	put_monitor("mon_L3_02", "llc_occupancy", "Unavailable\n");
	put_monitor("mon_L3_02", "mbm_total_bytes", "Error\n");
	put_monitor("mon_L3_02", "mbm_local_bytes", "Unassigned\n");
	put_monitor("mon_L3_00", "mbm_local_bytes", "5\n");
	put_monitor("mon_PERF_PKG_01", "core_energy", "1.5\n");
	assert_int_equal(rdt_engine_read_monitors(engine, OWN, &readings, &n, &err), 0);
	assert_int_equal(n, 3);
	assert_reading(&readings[0], "0: - - 5");
	assert_reading(&readings[1], "2: - - -");
	assert_reading(&readings[2], "16: 4096 18446744073709551615 0");
	free(readings);
	put_monitor("mon_L3_02", "mbm_total_bytes", "many\n");
	assert_failed(rdt_engine_read_monitors(engine, OWN, &readings, &n, &err), ISOLAT_FAILED, "read monitors",
		      "/mon_data/mon_L3_02/mbm_total_bytes", "'many\n' is no count of bytes");
	assert_true(!readings && !n);
	assert_failed(rdt_engine_read_monitors(engine, "COS9", &readings, &n, &err), ISOLAT_FAILED, "read monitors",
		      "/resctrl/COS9/mon_data", "No such file or directory");
	assert_true(rdt_engine_is_gone(engine));
}

/* The kernel has added the nodes of a cache already. */
static void test_monitors_with_snc(void **state)
{
	struct rdt_reading *readings;
	size_t n;

	make_folder("resctrl/" OWN "/mon_data");
	put_monitor("mon_L3_00", "llc_occupancy", "300\n");
	put_monitor("mon_L3_00/mon_sub_L3_00", "llc_occupancy", "100\n");
	put_monitor("mon_L3_00/mon_sub_L3_01", "llc_occupancy", "200\n");
	assert_int_equal(rdt_engine_read_monitors(engine, OWN, &readings, &n, &err), 0);
	assert_int_equal(n, 1);
	assert_reading(&readings[0], "0: 300 - -");
	free(readings);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_cpus),      TEST(test_read_tasks),	     TEST(test_read_many_tasks),
		TEST(test_move_task), TEST(test_find_task_in_files), TEST(test_find_task_in_proc),
		TEST(test_unmounted), TEST(test_monitors),	     TEST(test_monitors_with_snc),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
