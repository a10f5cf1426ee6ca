// SPDX-License-Identifier: BSD-3-Clause
/* The kinds of steps that change RDT, on an engine in memory and a made-up /proc. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "fake_engine.h"
#include "fake_tree.h"
#include "step_rdt.h"

#define MACHINE "L3:0=fff;1=fff\nMB:0=100;1=100\n"

static struct fake_engine *fake;
static struct vm_roots roots;
static struct step_host host;
static struct isolat_error err;
static char proc[300];

static int make_host(void **state)
{
	if (tree_make(state))
		return -1;
	snprintf(proc, sizeof(proc), "%s/proc", tree_root);
	tree_put_folder("proc");
	roots = (struct vm_roots){ .proc = proc };
	fake = fake_engine_new(MACHINE, 16);
	host = (struct step_host){ .engine = &fake->engine, .roots = &roots };
	return 0;
}

static int drop_host(void **state)
{
	step_host_forget(&host);
	rdt_engine_close(&fake->engine);
	return tree_remove(state);
}

/* ---- What all kinds do ---- */

static void expect(const struct step_kind *kind, const char *object, const char *value)
{
	char *now;

	if (kind->read(&host, object, &now, &err))
		fail_msg("read %s %s: %s: %s", kind->name, object, err.what, err.reason);
	if (!value)
		assert_null(now);
	else
		assert_string_equal(now ? now : "gone", value);
	free(now);
}

/* Writes from what there is now. */
static int write_to(const struct step_kind *kind, const char *object, const char *to)
{
	char *now;
	int rc;

	assert_int_equal(kind->read(&host, object, &now, &err), 0);
	assert_non_null(now);
	rc = kind->write(&host, object, now, to, &err);
	free(now);
	return rc;
}

static void expect_log(const char *log)
{
	assert_string_equal(fake->log, log);
}

static void put_thread(pid_t tid, unsigned long long start, const char *group)
{
	char folder[64];

	snprintf(folder, sizeof(folder), "proc/%d", (int)tid);
	tree_put_stat(folder, &(struct tree_task){ .tid = tid, .parent = 1, .name = "CPU 0/KVM", .start = start });
	fake_engine_put_task(fake, tid, group);
}

static void end_thread(pid_t tid)
{
	char folder[64];

	snprintf(folder, sizeof(folder), "proc/%d", (int)tid);
	tree_drop(folder);
	fake_engine_end_task(fake, tid);
}

static unsigned int reads(void)
{
	return fake->calls[FAKE_READ_TASKS] + fake->calls[FAKE_FIND_TASK];
}

/* ---- group ---- */

static void test_group(void **state)
{
	expect(&step_group, "isolat-db", "absent");
	assert_int_equal(write_to(&step_group, "isolat-db", "present"), 0);
	expect(&step_group, "isolat-db", "present");
	expect(&step_group, "isolat-d", "absent");
	assert_int_equal(write_to(&step_group, "isolat-db", "absent"), 0);
	expect(&step_group, "isolat-db", "absent");
	expect_log("make isolat-db\nremove isolat-db\n");
}

static void test_group_is_not_ours(void **state)
{
	fake_engine_make(fake, "libvirt");
	expect(&step_group, "libvirt", "present");
	assert_int_equal(write_to(&step_group, "libvirt", "absent"), -1);
	assert_int_equal(err.code, ISOLAT_USAGE);
	assert_int_equal(write_to(&step_group, "mine", "present"), -1);
	assert_int_equal(write_to(&step_group, "isolat-x", "here"), -1);
	assert_int_equal(err.code, ISOLAT_USAGE);
	expect_log("");
	assert_int_equal(fake->writes, 0);
}

static void test_group_out_of_closids(void **state)
{
	fake->closids = 2;
	assert_int_equal(write_to(&step_group, "isolat-a", "present"), 0);
	assert_int_equal(write_to(&step_group, "isolat-b", "present"), -1);
	assert_int_equal(err.code, ISOLAT_NO_FIT);
	expect_log("make isolat-a\n");
}

/* ---- schemata ---- */

static void test_schemata(void **state)
{
	fake_engine_make(fake, "isolat-db");
	expect(&step_schemata, "isolat-db", MACHINE);
	/* Of what is given only what differs is written, and all of it at once. */
	assert_int_equal(write_to(&step_schemata, "isolat-db", "L3:0=f0;1=fff\nMB:0=50;1=100\n"), 0);
	expect_log("schemata isolat-db L3:0=f0 MB:0=50\n");
	assert_int_equal(fake->writes, 1);
	expect(&step_schemata, "isolat-db", "L3:0=f0;1=fff\nMB:0=50;1=100\n");
	assert_int_equal(write_to(&step_schemata, "isolat-db", MACHINE), 0);
	expect_log("schemata isolat-db L3:0=f0 MB:0=50\nschemata isolat-db L3:0=fff MB:0=100\n");
}

static void test_schemata_same(void **state)
{
	assert_int_equal(write_to(&step_schemata, "", MACHINE), 0);
	assert_int_equal(fake->writes, 0);
}

static void test_schemata_gone(void **state)
{
	expect(&step_schemata, "isolat-db", NULL);
	assert_int_equal(step_schemata.write(&host, "isolat-db", MACHINE, "L3:0=1;1=fff\n", &err), -1);
	assert_true(rdt_engine_is_gone(host.engine));
}

/* What the machine makes of it is seen by who reads it back. */
static void test_schemata_rounded(void **state)
{
	fake_engine_make(fake, "isolat-db");
	assert_int_equal(write_to(&step_schemata, "isolat-db", "L3:0=fff;1=fff\nMB:0=33;1=100\n"), 0);
	expect_log("schemata isolat-db MB:0=33\n");
	expect(&step_schemata, "isolat-db", "L3:0=fff;1=fff\nMB:0=40;1=100\n");
}

static void test_schemata_refused(void **state)
{
	char *before = fake_engine_dump(fake), *after;

	assert_int_equal(write_to(&step_schemata, "", "L3:0=f;1=5\nMB:0=100;1=100\n"), -1);
	assert_string_equal(err.reason, strerror(EINVAL));
	assert_int_equal(step_schemata.write(&host, "", "nonsense", MACHINE, &err), -1);
	assert_int_equal(step_schemata.write(&host, "", MACHINE, "L3:0\n", &err), -1);
	after = fake_engine_dump(fake);
	assert_string_equal(before, after);
	free(before);
	free(after);
}

/* ---- cpus ---- */

static void test_cpus(void **state)
{
	fake_engine_make(fake, "isolat-db");
	expect(&step_cpus, "isolat-db", "");
	expect(&step_cpus, "", "0-15");
	assert_int_equal(write_to(&step_cpus, "isolat-db", "2-3,8"), 0);
	expect(&step_cpus, "isolat-db", "2-3,8");
	expect(&step_cpus, "", "0-1,4-7,9-15");
	assert_int_equal(write_to(&step_cpus, "isolat-db", ""), 0);
	expect(&step_cpus, "", "0-15");
	expect(&step_cpus, "isolat-gone", NULL);
	assert_int_equal(write_to(&step_cpus, "isolat-db", "16"), -1);
	assert_int_equal(write_to(&step_cpus, "", "1"), -1);
	expect_log("cpus isolat-db 2-3,8\ncpus isolat-db \n");
}

/* ---- monitor ---- */

#define MONITOR "isolat-db/mon_groups/isolat-vm1"

static void test_monitor(void **state)
{
	expect(&step_monitor, MONITOR, STEP_ABSENT);
	fake_engine_make(fake, "isolat-db");
	expect(&step_monitor, MONITOR, STEP_ABSENT);
	assert_int_equal(write_to(&step_monitor, MONITOR, STEP_PRESENT), 0);
	expect(&step_monitor, MONITOR, STEP_PRESENT);
	expect(&step_group, "isolat-db", STEP_PRESENT);
	assert_int_equal(write_to(&step_monitor, MONITOR, STEP_ABSENT), 0);
	expect(&step_monitor, MONITOR, STEP_ABSENT);
	assert_true(step_monitor.goes_with(MONITOR, "group", "isolat-db"));
	assert_false(step_monitor.goes_with(MONITOR, "group", "isolat-d"));
	assert_false(step_monitor.goes_with(MONITOR, "monitor", "isolat-db"));
	assert_int_equal(write_to(&step_monitor, "libvirt/mon_groups/isolat-vm1", STEP_PRESENT), -1);
	assert_int_equal(write_to(&step_monitor, "isolat-db/mon_groups/vm1", STEP_PRESENT), -1);
	/* Without an RMID it is as if it had been rounded away; any other failure is one. */
	fake->monitors = 0;
	assert_int_equal(write_to(&step_monitor, MONITOR, STEP_PRESENT), 0);
	expect(&step_monitor, MONITOR, STEP_ABSENT);
	fake->monitors = 16;
	fake->fail_write = fake->writes + 1;
	fake->fail_errno = EIO;
	assert_int_equal(write_to(&step_monitor, MONITOR, STEP_PRESENT), -1);
}

/* By way of the control group; and from there with one write. */
static void test_task_in_monitor(void **state)
{
	fake_engine_make(fake, "isolat-db");
	fake_engine_make(fake, MONITOR);
	fake_engine_make(fake, "mon_groups/watch");
	put_thread(12, 500, "mon_groups/watch");
	expect(&step_task, "12@500", "mon_groups/watch");
	assert_int_equal(write_to(&step_task, "12@500", MONITOR), 0);
	expect(&step_task, "12@500", MONITOR);
	assert_int_equal(write_to(&step_task, "12@500", "isolat-db"), 0);
	expect(&step_task, "12@500", "isolat-db");
	assert_int_equal(write_to(&step_task, "12@500", MONITOR), 0);
	assert_int_equal(write_to(&step_task, "12@500", "mon_groups/watch"), 0);
	expect(&step_task, "12@500", "mon_groups/watch");
	expect_log("move 12 isolat-db\nmove 12 " MONITOR "\nmove 12 isolat-db\nmove 12 " MONITOR
		   "\nmove 12 \nmove 12 mon_groups/watch\n");
	assert_true(step_task.falls_with(MONITOR, "group", "isolat-db"));
	assert_true(step_task.falls_with(MONITOR, "monitor", MONITOR));
	assert_false(step_task.falls_with("isolat-db", "monitor", MONITOR));
	assert_true(step_task.made("", MONITOR, "isolat-db"));
	assert_false(step_task.made("", MONITOR, "isolat-d"));
	assert_false(step_task.made("", MONITOR, ""));
	/* One that could not be made: the thread is in the control group all the same. */
	assert_int_equal(write_to(&step_task, "12@500", "isolat-db/mon_groups/isolat-vm2"), 0);
	expect(&step_task, "12@500", "isolat-db");
}

static void test_falls_with(void **state)
{
	assert_true(step_task.falls_with("isolat-db", "group", "isolat-db"));
	assert_false(step_task.falls_with("isolat-db", "group", "isolat-d"));
	assert_false(step_task.falls_with("isolat-db", "cgroup", "isolat-db"));
	assert_null(step_schemata.falls_with);
}

/* Rounding goes upwards: a granularity, ways that come along. */
static void test_made(void **state)
{
	const char *from = "L3:0=fff\nMB:0=100\n", *to = "L3:0=400\nMB:0=65\n";

	assert_true(step_schemata.made(from, to, to));
	assert_true(step_schemata.made(from, to, "L3:0=600\nMB:0=70\n"));
	assert_false(step_schemata.made(from, to, "L3:0=200\nMB:0=70\n"));
	assert_false(step_schemata.made(from, to, "L3:0=400\nMB:0=60\n"));
	assert_false(step_schemata.made(from, to, "L3:1=400\nMB:0=70\n"));
	assert_false(step_schemata.made(from, to, "L3:0=400\n"));
	/* Each CPU is as it was, or as it was to be. */
	assert_true(step_cpus.made("0-3", "2-5", "2-3"));
	assert_true(step_cpus.made("", "2-5", "3"));
	assert_false(step_cpus.made("0-3", "2-5", "0-1"));
	assert_false(step_cpus.made("0-3", "2-5", "2-3,7"));
}

static void test_goes_with(void **state)
{
	const struct step_kind *const with[] = { &step_schemata, &step_cpus };

	for (size_t i = 0; i < 2; i++) {
		assert_true(with[i]->goes_with("isolat-db", "group", "isolat-db"));
		assert_false(with[i]->goes_with("isolat-db", "group", "isolat-d"));
		assert_false(with[i]->goes_with("isolat-db", "cgroup", "isolat-db"));
		assert_false(with[i]->goes_with("", "group", ""));
		assert_false(with[i]->goes_with("libvirt", "group", "libvirt"));
	}
	/* Where a thread was before need not be where the removal of its group puts it. */
	assert_null(step_task.goes_with);
	assert_null(step_group.goes_with);
}

/* ---- task ---- */

static void test_task(void **state)
{
	fake_engine_make(fake, "isolat-db");
	fake_engine_make(fake, "libvirt");
	put_thread(12, 500, "");
	put_thread(13, 501, "libvirt");
	expect(&step_task, "12@500", "");
	expect(&step_task, "13@501", "libvirt");
	assert_int_equal(write_to(&step_task, "12@500", "isolat-db"), 0);
	expect(&step_task, "12@500", "isolat-db");
	expect_log("move 12 isolat-db\n");
	assert_int_equal(write_to(&step_task, "12@500", ""), 0);
	expect(&step_task, "12@500", "");
	assert_int_equal(write_to(&step_task, "12@500", "libvirt"), -1);
	assert_int_equal(err.code, ISOLAT_USAGE);
	expect(&step_task, "12@500", "");
}

static void test_task_objects(void **state)
{
	static const char *const bad[] = {
		"",    "12",   "@5",   "12@",	"12@5 ", " 12@5", "12 @5",	   "-12@5",
		"0@5", "+1@5", "12@x", "12@-5", "a@5",	 "1@2@3", "99999999999@5", "12@99999999999999999999"
	};
	char *value;

	put_thread(12, 5, "");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(step_task.read(&host, bad[i], &value, &err), -1);
		assert_string_equal(err.object, bad[i]);
		assert_int_equal(step_task.write(&host, bad[i], "", "", &err), -1);
	}
	assert_int_equal(fake->writes, 0);
}

static void test_task_ended(void **state)
{
	fake_engine_make(fake, "isolat-db");
	put_thread(12, 500, "");
	expect(&step_task, "12@500", "");
	end_thread(12);
	expect(&step_task, "12@500", NULL);
	assert_int_equal(step_task.write(&host, "12@500", "", "isolat-db", &err), 0);
	assert_int_equal(fake->writes, 0);
}

/* Another thread has its number: it is not ours to read, and not to move. */
static void test_task_reused(void **state)
{
	fake_engine_make(fake, "isolat-db");
	put_thread(12, 500, "");
	expect(&step_task, "12@500", "");
	put_thread(12, 900, "");
	expect(&step_task, "12@500", NULL);
	assert_int_equal(step_task.write(&host, "12@500", "", "isolat-db", &err), 0);
	assert_int_equal(fake->writes, 0);
	assert_string_equal(fake_engine_task_group(fake, 12), "");
	expect(&step_task, "12@900", "");
}

static void test_task_zombie(void **state)
{
	put_thread(12, 500, "");
	tree_put_stat("proc/12", &(struct tree_task){ .tid = 12, .name = "qemu", .state = 'Z', .start = 500 });
	expect(&step_task, "12@500", NULL);
}

/* The name of a thread is its owner's choice. */
static void test_task_name(void **state)
{
	put_thread(12, 500, "");
	tree_put_stat("proc/12", &(struct tree_task){ .tid = 12, .name = "a) S 1 (b \n", .start = 500 });
	expect(&step_task, "12@500", "");
}

static void end_at_move(struct fake_engine *f, unsigned int write, bool after, void *data)
{
	if (!after)
		end_thread(12);
}

static void test_task_ends_while_moved(void **state)
{
	fake_engine_make(fake, "isolat-db");
	put_thread(12, 500, "");
	fake->around = end_at_move;
	assert_int_equal(write_to(&step_task, "12@500", "isolat-db"), 0);
	assert_int_equal(fake->writes, 1);
	expect(&step_task, "12@500", NULL);
	expect_log("");
}

/* It is the group that is gone, and that is a failure. */
static void test_task_without_group(void **state)
{
	put_thread(12, 500, "");
	assert_int_equal(write_to(&step_task, "12@500", "isolat-db"), -1);
	assert_string_equal(err.reason, strerror(ENOENT));
	expect(&step_task, "12@500", "");
}

static void test_task_refused(void **state)
{
	fake_engine_make(fake, "isolat-db");
	put_thread(12, 500, "");
	fake->fail_write = 1;
	fake->fail_errno = EPERM;
	assert_int_equal(write_to(&step_task, "12@500", "isolat-db"), -1);
	assert_string_equal(err.reason, strerror(EPERM));
	expect(&step_task, "12@500", "");
}

/* ---- Where the kernel does not say a thread's group, groups are read once, and what was moved is read anew ---- */

static void put_vms(unsigned int vms, unsigned int threads)
{
	char group[32];

	fake->closids = vms + 1;
	for (unsigned int i = 0; i < vms; i++) {
		snprintf(group, sizeof(group), "isolat-%u", i);
		fake_engine_make(fake, group);
		for (unsigned int t = 0; t < threads; t++)
			put_thread((pid_t)(1000 + i * threads + t), 500, "");
	}
}

static void move_vms(unsigned int vms, unsigned int threads)
{
	char object[32], group[32];

	for (unsigned int i = 0; i < vms * threads; i++) {
		snprintf(object, sizeof(object), "%u@500", 1000 + i);
		snprintf(group, sizeof(group), "isolat-%u", i / threads);
		assert_int_equal(write_to(&step_task, object, group), 0);
		expect(&step_task, object, group);
	}
}

static void test_task_reads(void **state)
{
	put_vms(32, 40);
	move_vms(32, 40);
	assert_int_equal(fake->calls[FAKE_MOVE_TASK], 1280);
	/* The default group and 32, once; then one a move. No thread was looked for in all groups. */
	assert_int_equal(fake->calls[FAKE_READ_TASKS], 33 + 1280);
	assert_int_equal(fake->calls[FAKE_FIND_TASK], 0);
	assert_int_equal(fake->calls[FAKE_LIST], 1);
}

/* Who reads back after all has been written needs each group's list once. */
static void test_task_reads_behind(void **state)
{
	char object[32];

	put_vms(4, 10);
	expect(&step_task, "1000@500", "");
	for (unsigned int i = 0; i < 40; i++) {
		char group[32];

		snprintf(object, sizeof(object), "%u@500", 1000 + i);
		snprintf(group, sizeof(group), "isolat-%u", i / 10);
		assert_int_equal(step_task.write(&host, object, "", group, &err), 0);
	}
	assert_int_equal(reads(), 5);
	for (unsigned int i = 0; i < 40; i++) {
		char group[32];

		snprintf(object, sizeof(object), "%u@500", 1000 + i);
		snprintf(group, sizeof(group), "isolat-%u", i / 10);
		expect(&step_task, object, group);
	}
	assert_int_equal(reads(), 5 + 4);
}

/* Somebody moves the thread between our write and the reading back. */
static void move_away(struct fake_engine *f, unsigned int write, bool after, void *data)
{
	if (after)
		fake_engine_put_task(f, 12, data);
}

static void test_task_read_back_is_real(void **state)
{
	fake_engine_make(fake, "isolat-db");
	fake_engine_make(fake, "libvirt");
	put_thread(12, 500, "");
	put_thread(13, 500, "");
	expect(&step_task, "13@500", "");
	fake->around = move_away;
	fake->data = "libvirt";
	assert_int_equal(write_to(&step_task, "12@500", "isolat-db"), 0);
	expect(&step_task, "12@500", "libvirt");
	/* Also one that says that it was moved, and was not. */
	fake->data = "";
	assert_int_equal(write_to(&step_task, "12@500", "isolat-db"), 0);
	expect(&step_task, "12@500", "");
}

static void test_task_began_later(void **state)
{
	fake_engine_make(fake, "isolat-db");
	put_thread(12, 500, "");
	expect(&step_task, "12@500", "");
	put_thread(11, 600, "isolat-db");
	expect(&step_task, "11@600", "isolat-db");
	assert_int_equal(fake->calls[FAKE_FIND_TASK], 1);
	assert_int_equal(write_to(&step_task, "11@600", ""), 0);
	expect(&step_task, "11@600", "");
	expect(&step_task, "12@500", "");
	/* As one of ours it is known from then on. */
	assert_int_equal(fake->calls[FAKE_FIND_TASK], 2);
}

static void move_to_default(struct fake_engine *f, const char *group, void *data)
{
	if (!*group)
		fake_engine_put_task(f, 12, "");
}

/* Moved while the groups were read, it is in two lists. */
static void test_task_in_two_lists(void **state)
{
	fake_engine_make(fake, "libvirt");
	put_thread(12, 500, "libvirt");
	fake->on_read_tasks = move_to_default;
	expect(&step_task, "12@500", "");
	assert_int_equal(fake->calls[FAKE_FIND_TASK], 1);
}

/* A group that was made, and one that was removed, since the groups were read. */
static void test_task_groups_change(void **state)
{
	fake_engine_make(fake, "isolat-a");
	put_thread(12, 500, "isolat-a");
	put_thread(13, 500, "isolat-a");
	expect(&step_task, "12@500", "isolat-a");
	assert_int_equal(write_to(&step_group, "isolat-b", "present"), 0);
	assert_int_equal(write_to(&step_task, "12@500", "isolat-b"), 0);
	expect(&step_task, "12@500", "isolat-b");
	assert_int_equal(write_to(&step_group, "isolat-a", "absent"), 0);
	expect(&step_task, "13@500", "");
	assert_int_equal(write_to(&step_group, "isolat-b", "absent"), 0);
	expect(&step_task, "12@500", "");
	assert_int_equal(write_to(&step_group, "isolat-b", "present"), 0);
	expect(&step_task, "12@500", "");
	assert_int_equal(write_to(&step_task, "12@500", "isolat-b"), 0);
	expect(&step_task, "12@500", "isolat-b");
}

static void test_task_forgotten(void **state)
{
	fake_engine_make(fake, "libvirt");
	put_thread(12, 500, "");
	expect(&step_task, "12@500", "");
	fake_engine_put_task(fake, 12, "libvirt");
	step_host_forget(&host);
	expect(&step_task, "12@500", "libvirt");
}

/* Where the kernel does say it, it is asked each time. */
static void test_task_kernel_tells(void **state)
{
	fake_engine_make(fake, "libvirt");
	fake_engine_make(fake, "isolat-db");
	tree_put("proc/12/cpu_resctrl_groups", "res:/\nmon:/\n");
	put_thread(12, 500, "");
	expect(&step_task, "12@500", "");
	fake_engine_put_task(fake, 12, "libvirt");
	expect(&step_task, "12@500", "libvirt");
	assert_int_equal(write_to(&step_task, "12@500", "isolat-db"), 0);
	expect(&step_task, "12@500", "isolat-db");
	assert_int_equal(fake->calls[FAKE_READ_TASKS], 0);
	assert_int_equal(fake->calls[FAKE_FIND_TASK], 4);
}

/* The file of a kernel whose resctrl is not mounted says nothing. */
static void test_task_kernel_says_nothing(void **state)
{
	tree_put("proc/12/cpu_resctrl_groups", "res:\nmon:\n");
	put_thread(12, 500, "");
	expect(&step_task, "12@500", "");
	assert_int_equal(fake->calls[FAKE_READ_TASKS], 1);
	assert_int_equal(fake->calls[FAKE_FIND_TASK], 0);
}

/* ---- The engine in memory itself: others rely on it ---- */

static void test_fake_state(void **state)
{
	char *dump;

	put_thread(13, 500, "");
	put_thread(12, 500, "");
	assert_int_equal(rdt_engine_make(host.engine, "isolat-b", &err), 0);
	assert_int_equal(rdt_engine_make(host.engine, "isolat-a", &err), 0);
	assert_int_equal(rdt_engine_make(host.engine, "isolat-a", &err), -1);
	assert_int_equal(rdt_engine_move_task(host.engine, "isolat-a", 12, &err), 0);
	assert_int_equal(rdt_engine_write_cpus(host.engine, "isolat-b", "1", &err), 0);
	assert_int_equal(rdt_engine_write_schemata(host.engine, "isolat-b", "L3:1=f\nMB:0=101\n", &err), -1);
	assert_int_equal(rdt_engine_write_schemata(host.engine, "isolat-b", "L3:1=f\nL3:0=1fff\n", &err), -1);
	assert_int_equal(rdt_engine_write_schemata(host.engine, "isolat-b", "L3:1=f\nMB:2=10\n", &err), -1);
	assert_int_equal(rdt_engine_write_schemata(host.engine, "isolat-b", "L3:1=f", &err), -1);
	assert_int_equal(rdt_engine_write_schemata(host.engine, "isolat-b", "L3:1=f\n", &err), 0);
	dump = fake_engine_dump(fake);
	assert_string_equal(dump, "group \n" MACHINE "cpus 0,2-15\ntasks 13\n"
				  "group isolat-a\n" MACHINE "cpus \ntasks 12\n"
				  "group isolat-b\nL3:0=fff;1=f\nMB:0=100;1=100\ncpus 1\ntasks\n");
	free(dump);
	assert_int_equal(rdt_engine_remove(host.engine, "isolat-a", &err), 0);
	assert_int_equal(rdt_engine_remove(host.engine, "isolat-b", &err), 0);
	dump = fake_engine_dump(fake);
	assert_string_equal(dump, "group \n" MACHINE "cpus 0-15\ntasks 12 13\n");
	free(dump);
	assert_int_equal(fake->writes, 12);
}

static void test_fake_caps(void **state)
{
	struct rdt_caps caps;

	fake_engine_make(fake, "isolat-b");
	fake_engine_make(fake, "isolat-a");
	assert_int_equal(rdt_engine_read_caps(host.engine, &caps, &err), 0);
	assert_int_equal(caps.l3.ways, 12);
	assert_false(caps.l2.present);
	assert_int_equal(caps.mb.gran, 10);
	assert_int_equal(caps.closids, 16);
	assert_int_equal(caps.n_groups, 2);
	assert_string_equal(caps.groups[0].name, "isolat-a");
	assert_int_equal(caps.default_group.l3.value[1], 0xfff);
	rdt_caps_free(&caps);
}

static void test_fake_faults(void **state)
{
	fake->fail_write = 2;
	fake->fail_errno = EBUSY;
	assert_int_equal(rdt_engine_make(host.engine, "isolat-a", &err), 0);
	assert_int_equal(rdt_engine_remove(host.engine, "isolat-a", &err), -1);
	assert_string_equal(err.reason, strerror(EBUSY));
	assert_false(rdt_engine_is_gone(host.engine));
	assert_int_equal(rdt_engine_remove(host.engine, "isolat-a", &err), 0);
	assert_int_equal(rdt_engine_remove(host.engine, "isolat-a", &err), -1);
	assert_true(rdt_engine_is_gone(host.engine));
	assert_int_equal(rdt_engine_lock(host.engine, true, &err), 0);
	assert_true(fake->locked && fake->exclusive);
	rdt_engine_unlock(host.engine);
	assert_false(fake->locked);
	expect_log("make isolat-a\nremove isolat-a\n");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, make_host, drop_host)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_group),
		TEST(test_group_is_not_ours),
		TEST(test_group_out_of_closids),
		TEST(test_schemata),
		TEST(test_schemata_same),
		TEST(test_schemata_gone),
		TEST(test_schemata_rounded),
		TEST(test_schemata_refused),
		TEST(test_cpus),
		TEST(test_monitor),
		TEST(test_task_in_monitor),
		TEST(test_goes_with),
		TEST(test_falls_with),
		TEST(test_made),
		TEST(test_task),
		TEST(test_task_objects),
		TEST(test_task_ended),
		TEST(test_task_reused),
		TEST(test_task_zombie),
		TEST(test_task_name),
		TEST(test_task_ends_while_moved),
		TEST(test_task_without_group),
		TEST(test_task_refused),
		TEST(test_task_reads),
		TEST(test_task_reads_behind),
		TEST(test_task_read_back_is_real),
		TEST(test_task_began_later),
		TEST(test_task_in_two_lists),
		TEST(test_task_groups_change),
		TEST(test_task_forgotten),
		TEST(test_task_kernel_tells),
		TEST(test_task_kernel_says_nothing),
		TEST(test_fake_state),
		TEST(test_fake_caps),
		TEST(test_fake_faults),
	};

	return cmocka_run_group_tests_name("step_rdt", tests, NULL, NULL);
}
