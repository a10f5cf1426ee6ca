// SPDX-License-Identifier: BSD-3-Clause
/*
 * Opening and closing the libpqos engines: which groups, folders and names there are before and after, what is refused,
 * and the lock.
 */
#include "rdt_pqos_fake.h"

/* ---- Opening and closing ---- */

static void test_nothing_is_left(void **state)
{
	open_engine("pqos-os");
	assert_string_equal(e->ops->name, "pqos-os");
	assert_string_equal(folders(), "COS1 COS2 COS3 info");
	assert_string_equal(get("run/pqos-groups"),
			    "{\"version\":1,\"engine\":\"pqos-os\",\"classes\":4,\"groups\":{}}");
	assert_string_equal(groups(), "");
	close_engine();
	assert_string_equal(folders(), "info");
	assert_null(get("run/pqos-groups"));
}

static void test_asks_to_open(void **state)
{
	char expected[256];

	open_engine("pqos");
	snprintf(expected, sizeof(expected),
		 "{\"op\":\"start libpqos\",\"interface\":\"os\",\"root\":\"%s\",\"unit\":\"percent\"}\n", root);
	assert_string_equal(get("asked"), expected);
}

static void test_names_last(void **state)
{
	open_engine("pqos-os");
	make("isolat-b");
	make("isolat-a");
	assert_string_equal(groups(), "isolat-a isolat-b");
	close_engine();
	assert_string_equal(folders(), "COS1 COS2 COS3 info");
	open_engine("pqos-os");
	assert_string_equal(groups(), "isolat-a isolat-b");
	assert_int_equal(e->ops->remove(e, "isolat-b", &err), 0);
	assert_string_equal(groups(), "isolat-a");
	make("isolat-c"); /* in isolat-b's class */
	assert_string_equal(get("run/pqos-groups"), "{\"version\":1,\"engine\":\"pqos-os\",\"classes\":4,\"groups\":"
						    "{\"isolat-c\":1,\"isolat-a\":2}}");
	assert_int_equal(e->ops->remove(e, "isolat-c", &err), 0);
	assert_int_equal(e->ops->remove(e, "isolat-a", &err), 0);
	close_engine();
	assert_string_equal(folders(), "info");
	assert_null(get("run/pqos-groups"));
}

static void test_foreign_groups(void **state)
{
	static const char *const names[] = { "libvirt", "COS1", "COS4", "COS01", "COS1x", "isolat-db", "mon_group" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		make_group(names[i]);
		open_fails("pqos-os", ISOLAT_FAILED, names[i], "a group that is not isolat's");
		assert_non_null(strstr(err.hint, "rmdir"));
		assert_null(get("asked"));
		assert_null(get("run/pqos-groups"));
		remove_group_folder(names[i]);
	}
	make_folder("root/mon_groups");
	make_folder("root/mon_data");
	open_engine("pqos-os");
}

static void test_foreign_beside_ours(void **state)
{
	static const char *const names[] = { "COS4", "COS0", "COS", "COS3x", "XCOS1", "isolat-a" };

	open_engine("pqos-os");
	make("isolat-a");
	close_engine();
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		make_group(names[i]);
		open_fails("pqos-os", ISOLAT_FAILED, names[i], "a group that is not isolat's");
		assert_non_null(strstr(folders(), "COS1 COS2 COS3 "));
		assert_non_null(strstr(get("run/pqos-groups"), "isolat-a"));
		remove_group_folder(names[i]);
	}
	open_engine("pqos-os");
	assert_string_equal(groups(), "isolat-a");
}

/* After kill -9 the folders and the record are there, and nobody is. */
static void test_after_a_kill(void **state)
{
	make_folder("run");
	make_group("COS1");
	make_group("COS3");
	put("run/pqos-groups", "{\"version\":1,\"engine\":\"pqos-os\",\"classes\":4,\"groups\":{}}");
	open_engine("pqos-os");
	close_engine();
	assert_string_equal(folders(), "info");
	assert_null(get("run/pqos-groups"));
}

/* resctrl was mounted anew, or somebody removed a folder. */
static void test_name_without_folder(void **state)
{
	make_folder("run");
	make_group("COS2");
	put("run/pqos-groups",
	    "{\"version\":1,\"engine\":\"pqos-os\",\"classes\":4,\"groups\":{\"isolat-a\":1,\"isolat-b\":2}}");
	open_engine("pqos-os");
	assert_string_equal(groups(), "isolat-b");
	assert_null(strstr(get("run/pqos-groups"), "isolat-a"));
}

static void test_folder_stays(void **state)
{
	open_engine("pqos-os");
	put("root/COS2/x", "");
	close_engine();
	assert_string_equal(folders(), "COS2 info");
	assert_non_null(get("run/pqos-groups")); /* so that it is known for isolat's */
	unlink(path_to("root/COS2/x"));
	put("root/COS2/schemata", get("root/schemata"));
	open_engine("pqos-os");
	close_engine();
	assert_string_equal(folders(), "info");
}

static void test_damaged_records(void **state)
{
	static const struct {
		const char *text, *reason;
	} cases[] = {
		{ "", "" },
		{ "{", "" },
		{ "[]", "another version" },
		{ "{\"version\":2}", "another version" },
		{ "{\"version\":1,\"classes\":4,\"groups\":{}}", "of which engine" },
		{ "{\"version\":1,\"engine\":\"x\",\"classes\":4,\"groups\":{}}", "of which engine" },
		{ "{\"version\":1,\"engine\":\"pqos-os\",\"classes\":0,\"groups\":{}}", "which classes" },
		{ "{\"version\":1,\"engine\":\"pqos-os\",\"classes\":4}", "which classes" },
		{ "{\"version\":1,\"engine\":\"pqos-os\",\"classes\":65537,\"groups\":{}}", "which classes" },
		{ "{\"version\":1,\"engine\":\"pqos-os\",\"classes\":4,\"groups\":{\"isolat-a\":0}}", "out of range" },
		{ "{\"version\":1,\"engine\":\"pqos-os\",\"classes\":4,\"groups\":{\"isolat-a\":4}}", "out of range" },
		{ "{\"version\":1,\"engine\":\"pqos-os\",\"classes\":64,\"groups\":{\"isolat-a\":16}}",
		  "out of range" },
		{ "{\"version\":1,\"engine\":\"pqos-os\",\"classes\":4,\"groups\":{\"isolat-a\":\"1\"}}",
		  "out of range" },
		{ "{\"version\":1,\"engine\":\"pqos-os\",\"classes\":4,\"groups\":{\"a\":1}}", "none of isolat's" },
		{ "{\"version\":1,\"engine\":\"pqos-os\",\"classes\":4,\"groups\":{\"isolat-a\":1,\"isolat-b\":1}}",
		  "two names" },
		{ "{\"version\":1,\"engine\":\"pqos-os\",\"classes\":4,\"groups\":{\"isolat-a\":1,\"isolat-a\":2}}",
		  "duplicate" },
	};

	make_folder("run");
	make_group("COS1");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		put("run/pqos-groups", cases[i].text);
		open_fails("pqos-os", ISOLAT_FAILED, strdupa(path_to("run/pqos-groups")), cases[i].reason);
		assert_string_equal(get("run/pqos-groups"), cases[i].text);
		assert_string_equal(folders(), "COS1 info");
		assert_null(get("asked"));
	}
}

static void test_other_engine(void **state)
{
	make_folder("run");
	put("run/pqos-groups", "{\"version\":1,\"engine\":\"pqos-msr\",\"classes\":4,\"groups\":{\"isolat-a\":1}}");
	open_fails("pqos-os", ISOLAT_FAILED, run, "the engine pqos-msr is in use");
	assert_non_null(strstr(get("run/pqos-groups"), "isolat-a"));
}

static void test_no_resctrl(void **state)
{
	config.root = strdupa(path_to("proc"));
	open_fails("pqos-os", ISOLAT_UNSUPPORTED, config.root, "resctrl is not mounted");
	assert_non_null(strstr(err.hint, "mount -t resctrl resctrl"));
	put("proc/filesystems", "nodev\tresctrl_not\n");
	open_fails("pqos-os", ISOLAT_UNSUPPORTED, config.root, "no resctrl: the CPU has no RDT");
	assert_string_equal(err.hint, "");
	config.root = strdupa(path_to("nothing"));
	open_fails("pqos-os", ISOLAT_UNSUPPORTED, config.root, "no resctrl");
	assert_null(get("run/pqos-groups"));
}

static void test_names_of_engines(void **state)
{
	open_fails("resctrl", ISOLAT_USAGE, "resctrl", "there is none of this name");
	open_fails("pqos-osx", ISOLAT_USAGE, "pqos-osx", "there is none of this name");
}

/* Cluster-on-Die: four L3 caches in two sockets. */
static void test_domains_differ(void **state)
{
	put("root/schemata", "MB:0=100;1=100\nL3:0=fff;1=fff;2=fff;3=fff\n");
	open_fails("pqos-os", ISOLAT_UNSUPPORTED, "", "the domains of L3 that libpqos sees");
	assert_string_equal(folders(), "info"); /* though libpqos had made its folders */
	assert_null(get("run/pqos-groups"));
	put("root/schemata", "MB:0=100;2=100\nL3:0=fff;1=fff\n");
	open_fails("pqos-os", ISOLAT_UNSUPPORTED, "", "the domains of MB that libpqos sees");
	put("opened", "{\"ok\":{\"classes\":4,\"l3\":[0,1],\"l2\":[0],\"mb\":[0,2]}}\n");
	open_fails("pqos-os", ISOLAT_UNSUPPORTED, "", "the domains of L2 that libpqos sees");
	put("opened", "{\"ok\":{\"classes\":4,\"l3\":[0,1],\"l2\":[],\"mb\":[0,2]}}\n");
	open_engine("pqos-os");
}

static void test_libpqos_does_not_start(void **state)
{
	put("opened", "{\"error\":{\"code\":3,\"what\":\"start libpqos\",\"object\":\"\",\"reason\":\"busy\"}}\n");
	open_fails("pqos-os", ISOLAT_UNSUPPORTED, "", "busy");
	assert_string_equal(folders(), "info");
	put("opened", "");
	put("helper", "#!/bin/sh\nread line; kill -ABRT $$\n");
	open_fails("pqos-os", ISOLAT_FAILED, "isolat-pqos", "was ended by signal 6 (Aborted)");
	assert_null(get("run/pqos-groups"));
	helper.program = "/nonexistent/isolat-pqos";
	open_fails("pqos-os", ISOLAT_FAILED, helper.program, strerror(ENOENT));
	assert_null(get("run/pqos-groups"));
}

/* ---- The lock, and two engines ---- */

static void test_lock(void **state)
{
	int other;

	open_engine("pqos-os");
	other = open(path_to("run/pqos.lock"), O_RDWR);
	assert_int_equal(e->ops->lock(e, true, &err), 0);
	assert_int_equal(flock(other, LOCK_SH | LOCK_NB), -1);
	e->ops->unlock(e);
	assert_int_equal(flock(other, LOCK_SH | LOCK_NB), 0);
	assert_int_equal(e->ops->lock(e, false, &err), 0);
	assert_int_equal(e->ops->lock(e, true, &err), -1);
	assert_string_equal(err.reason,
			    "another isolat, or the helper of one that was killed, holds it (waited 30 ms)");
	assert_int_equal(e->ops->make(e, "isolat-a", &err), -1);
	close(other);
	assert_int_equal(e->ops->lock(e, true, &err), 0);
	make("isolat-a");
}

static void test_lock_while_opening(void **state)
{
	int other;

	make_folder("run");
	other = open(path_to("run/pqos.lock"), O_RDWR | O_CREAT, 0600);
	assert_int_equal(flock(other, LOCK_EX), 0);
	open_fails("pqos-os", ISOLAT_FAILED, strdupa(path_to("run/pqos.lock")), "another isolat");
	assert_string_equal(folders(), "info");
	close(other);
}

static void test_two_engines(void **state)
{
	struct rdt_engine *first;

	open_engine("pqos-os");
	first = e;
	open_engine("pqos-os");
	close_engine();
	assert_string_equal(folders(), "COS1 COS2 COS3 info"); /* the first has them still */
	put("root/COS1/schemata", get("root/schemata"));
	put("root/COS2/schemata", get("root/schemata"));
	put("root/COS3/schemata", get("root/schemata"));
	open_engine("pqos-os");
	make("isolat-a");
	close_engine();
	e = first;
	assert_string_equal(groups(), "");
	assert_int_equal(e->ops->lock(e, false, &err), 0);
	assert_string_equal(groups(), "isolat-a");
	e->ops->unlock(e);
	assert_int_equal(e->ops->remove(e, "isolat-a", &err), 0);
	close_engine();
	assert_string_equal(folders(), "info");
}

static void test_record_of_others(void **state)
{
	static const char good[] = "{\"version\":1,\"engine\":\"pqos-os\",\"classes\":4,\"groups\":{}}";
	const char *path = strdupa(path_to("run/pqos-groups")), *target = strdupa(path_to("run/target"));

	make_folder("run");
	put("run/pqos-groups", good);
	assert_int_equal(chmod(path, 0620), 0);
	open_fails("pqos-os", ISOLAT_FAILED, path, "others can write it");
	assert_int_equal(chmod(path, 0644), 0);
	assert_int_equal(rename(path, target), 0);
	assert_int_equal(symlink(target, path), 0);
	open_fails("pqos-os", ISOLAT_FAILED, path, "symbolic link");
	unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	open_fails("pqos-os", ISOLAT_FAILED, path, "not a regular file");
	unlink(path);
	if (!geteuid()) {
		put("run/pqos-groups", good);
		assert_int_equal(chown(path, 65534, 65534), 0);
		open_fails("pqos-os", ISOLAT_FAILED, path, "another user");
		unlink(path);
	}
	assert_null(get("asked"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(test_nothing_is_left),
		TEST(test_asks_to_open),
		TEST(test_names_last),
		TEST(test_foreign_groups),
		TEST(test_foreign_beside_ours),
		TEST(test_after_a_kill),
		TEST(test_name_without_folder),
		TEST(test_folder_stays),
		TEST(test_damaged_records),
		TEST(test_other_engine),
		TEST(test_no_resctrl),
		TEST(test_names_of_engines),
		TEST(test_domains_differ),
		TEST(test_libpqos_does_not_start),
		TEST(test_lock),
		TEST(test_lock_while_opening),
		TEST(test_two_engines),
		TEST(test_record_of_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
