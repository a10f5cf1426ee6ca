// SPDX-License-Identifier: BSD-3-Clause
/* The resctrl engine: opening and locking it, its groups, their schemata. */
#include <fcntl.h>
#include <sys/file.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>

#include "fake_resctrl.h"
#include "rdt_resctrl.h"

/* ---- Opening, capabilities, names ---- */

static void test_open_what_is_none(void **state)
{
	struct rdt_engine *kept = engine;

	assert_failed(open_engine("nowhere", NULL, 0), ISOLAT_UNSUPPORTED, "open resctrl", "/nowhere",
		      "not there: the CPU has no resource control (Intel RDT, AMD QoS), or the kernel no resctrl");
	assert_null(engine);
	make_folder("empty");
	assert_failed(open_engine("empty", NULL, 0), ISOLAT_UNSUPPORTED, "open resctrl", "/empty", "not mounted");
	assert_memory_equal(err.hint, "mount -t resctrl resctrl /tmp/", strlen("mount -t resctrl resctrl /tmp/"));
	assert_failed(open_engine("resctrl/tasks", NULL, 0), ISOLAT_FAILED, "open resctrl", "/resctrl/tasks",
		      "Not a directory");
	engine = kept;
}

static void test_caps(void **state)
{
	const struct rdt_engine_config config = { .root = "tests/unit/resctrl/intel-2s" };
	struct rdt_engine *e;
	struct rdt_caps caps;

	assert_int_equal(rdt_resctrl_open(&config, &e, &err), 0);
	assert_int_equal(rdt_engine_read_caps(e, &caps, &err), 0);
	assert_int_equal(caps.l3.ways, 12);
	assert_int_equal(caps.n_groups, 3);
	rdt_caps_free(&caps);
	rdt_engine_close(e);
}

static void test_list(void **state)
{
	static const char *const expected[] = { "COS1", "a \xff\x01z", OWN, "isolat-web" };
	char **names;
	size_t n;

	make_folder("resctrl/isolat-web");
	make_folder("resctrl/COS1");
	make_folder("resctrl/mon_data");
	make_folder("resctrl/a \xff\x01z");
	assert_int_equal(rdt_engine_list(engine, &names, &n, &err), 0);
	assert_int_equal(n, ARRAY_SIZE(expected));
	for (size_t i = 0; i < n; i++)
		assert_string_equal(names[i], expected[i]);
	rdt_engine_free_list(names, n);
	for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
		char path[64];

		snprintf(path, sizeof(path), "resctrl/%s", expected[i]);
		drop(path);
	}
	assert_int_equal(rdt_engine_list(engine, &names, &n, &err), 0);
	assert_true(!names && !n);
}

/* ---- The lock ---- */

static int hold(int how)
{
	int fd = open(in_temp("resctrl"), O_RDONLY | O_DIRECTORY);

	assert_int_equal(flock(fd, how | LOCK_NB), 0);
	return fd;
}

static bool is_free(int how)
{
	int fd = open(in_temp("resctrl"), O_RDONLY | O_DIRECTORY);
	bool got = !flock(fd, how | LOCK_NB);

	close(fd);
	return got;
}

static void test_lock(void **state)
{
	int twin;

	assert_int_equal(rdt_engine_lock(engine, false, &err), 0);
	assert_true(is_free(LOCK_SH) && !is_free(LOCK_EX));
	assert_failed(rdt_engine_lock(engine, true, &err), ISOLAT_FAILED, "lock resctrl", "/resctrl",
		      "it is locked by this engine already");
	assert_true(is_free(LOCK_SH) && !is_free(LOCK_EX));
	rdt_engine_unlock(engine);
	rdt_engine_unlock(engine);
	assert_true(is_free(LOCK_EX));
	assert_int_equal(rdt_engine_lock(engine, true, &err), 0);
	assert_false(is_free(LOCK_SH));
	twin = dup(rdt_resctrl_of(engine)->dir); /* as a child has it that was forked meanwhile */
	rdt_engine_close(engine);
	assert_true(is_free(LOCK_EX));
	close(twin);
	assert_int_equal(open_engine("resctrl", NULL, 0), 0);
}

/* Lines of /proc/locks on the root, in which "@" is its device and inode. */
static void put_locks(const char *const *lines, size_t n)
{
	FILE *out = fopen(in_temp("proc/locks"), "w");
	struct stat st;

	assert_int_equal(stat(in_temp("resctrl"), &st), 0);
	for (size_t i = 0; i < n; i++) {
		const char *at = strchr(lines[i], '@');

		fprintf(out, "%zu: %.*s%02x:%02x:%ju 0 EOF\n", i + 1, (int)(at - lines[i]), lines[i], major(st.st_dev),
			minor(st.st_dev), (uintmax_t)st.st_ino + (at[1] == '+'));
	}
	assert_int_equal(fclose(out), 0);
}

static void test_lock_is_held(void **state)
{
	static const char *const lines[] = {
		"FLOCK  ADVISORY  WRITE 71 @+",	  "POSIX  ADVISORY  WRITE 72 @", "FLOCK  ADVISORY  WRITE 77 @",
		"-> FLOCK  ADVISORY  WRITE 73 @", "FLOCK  ADVISORY  WRITE -1 @", "FLOCK  ADVISORY  READ 78 @",
	};
	int fd = hold(LOCK_SH);

	make_folder("proc");
	make_folder("proc/77");
	put("proc/77/comm", "pqos\n");
	reopen("proc", 20);
	assert_int_equal(rdt_engine_lock(engine, false, &err), 0);
	rdt_engine_unlock(engine);
	assert_failed(rdt_engine_lock(engine, true, &err), ISOLAT_FAILED, "lock resctrl", "/resctrl",
		      "held by a process that /proc/locks does not show; waited for 20 ms");
	put_locks(lines, ARRAY_SIZE(lines));
	assert_failed(rdt_engine_lock(engine, true, &err), ISOLAT_FAILED, "lock resctrl", "/resctrl",
		      "held by PID 77 (pqos), PID 78 (?); waited for 20 ms");
	assert_false(rdt_engine_is_gone(engine));
	close(fd);
	assert_int_equal(rdt_engine_lock(engine, true, &err), 0);
}

static void test_lock_waits(void **state)
{
	const struct timespec pause = { .tv_nsec = 30000000 };
	int fd = hold(LOCK_EX), status;
	pid_t child = fork();

	if (!child) { /* has the lock too, through the same open file */
		nanosleep(&pause, NULL);
		_exit(0);
	}
	close(fd);
	reopen(NULL, 60000);
	assert_false(is_free(LOCK_SH));
	assert_int_equal(rdt_engine_lock(engine, true, &err), 0);
	assert_int_equal(waitpid(child, &status, 0), child);
}

/* ---- Making and removing ---- */

static void test_make_and_remove(void **state)
{
	assert_int_equal(rdt_engine_make(engine, "isolat-\xffn", &err), 0);
	assert_int_equal(access(in_temp("resctrl/isolat-\xffn"), F_OK), 0);
	put("resctrl/info/last_cmd_status", "of another command\n");
	assert_failed(rdt_engine_make(engine, OWN, &err), ISOLAT_FAILED, "make group", "/resctrl/" OWN, "File exists");
	assert_false(rdt_engine_is_gone(engine));
	assert_int_equal(rdt_engine_remove(engine, "isolat-\xffn", &err), 0);
	assert_int_equal(access(in_temp("resctrl/isolat-\xffn"), F_OK), -1);
	assert_failed(rdt_engine_remove(engine, "isolat-\xffn", &err), ISOLAT_FAILED, "remove group",
		      "/resctrl/isolat-\xffn", "No such file or directory");
	assert_true(rdt_engine_is_gone(engine));
	assert_failed(rdt_engine_remove(engine, OWN, &err), ISOLAT_FAILED, "remove group", "/resctrl/" OWN,
		      "Directory not empty");
	assert_false(rdt_engine_is_gone(engine));
}

static const struct {
	int code;
	const char *status;
	uid_t uid;
	enum isolat_code expected;
	const char *reason, *hint; /* the hint has this in it, or is empty */
} makes[] = {
	{ ENOSPC, "Out of CLOSIDs\n", 0, ISOLAT_NO_FIT, "No space left on device: Out of CLOSIDs", "has a CLOSID" },
	{ ENOSPC, "ok\n", 0, ISOLAT_NO_FIT, "No space left on device: Out of CLOSIDs", "has a CLOSID" },
	{ ENOSPC, "of another command\nOut of CLOSIDs\n", 0, ISOLAT_NO_FIT, "No space left on device: Out of CLOSIDs",
	  "has a CLOSID" },
	{ ENOSPC, "Out of RMIDs\n", 0, ISOLAT_NO_FIT, "No space left on device: Out of RMIDs", "has an RMID" },
	{ ENOSPC, "No space on L3:1\n", 0, ISOLAT_NO_FIT, "No space left on device: No space on L3:1",
	  "exclusive groups" },
	{ ENOSPC, "Kernel out of memory\n", 0, ISOLAT_FAILED, "No space left on device: Kernel out of memory", "" },
	{ EBUSY, "Out of RMIDs\n", 0, ISOLAT_NO_FIT, "Device or resource busy: Out of RMIDs", "in limbo" },
	{ EBUSY, "ok\n", 0, ISOLAT_NO_FIT, "Device or resource busy", "in limbo" },
	{ EPERM, "Mask out of range\n", 0, ISOLAT_FAILED, "Operation not permitted", "" },
	{ EACCES, "Mask out of range\n", 1000, ISOLAT_FAILED, "Permission denied", "root" },
	{ EROFS, "Mask out of range\n", 1000, ISOLAT_FAILED, "Read-only file system", "" },
	{ ENOMEM, "kernfs create error\n", 0, ISOLAT_FAILED, "Cannot allocate memory: kernfs create error", "" },
};

static void test_make_is_refused(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(makes); i++) {
		kernel.call = "mkdirat";
		kernel.code = makes[i].code;
		kernel.status = makes[i].status;
		kernel.uid = makes[i].uid;
		assert_failed(rdt_engine_make(engine, "isolat-new", &err), makes[i].expected, "make group",
			      "/resctrl/isolat-new", makes[i].reason);
		assert_true(*makes[i].hint ? !!strstr(err.hint, makes[i].hint) : !*err.hint);
		assert_false(rdt_engine_is_gone(engine));
	}
	kernel.call = "unlinkat";
	kernel.code = EPERM;
	kernel.vanishes = "resctrl/" OWN;
	assert_failed(rdt_engine_remove(engine, OWN, &err), ISOLAT_FAILED, "remove group", "/resctrl/" OWN,
		      "Operation not permitted");
	assert_true(rdt_engine_is_gone(engine));
}

/* ---- Schemata ---- */

static void test_read_schemata(void **state)
{
	static struct rdt_schemata s;
	char *text;

	assert_int_equal(rdt_engine_read_schemata(engine, "", &s, &err), 0);
	text = rdt_schemata_print(&s);
	assert_string_equal(text, "L3:0=fff;1=fff\nMB:0=100;1=100\n");
	free(text);
	put("resctrl/" OWN "/schemata", "L3:0=fff\nL3:0=1\n");
	assert_failed(rdt_engine_read_schemata(engine, OWN, &s, &err), ISOLAT_FAILED, "read schemata",
		      "/resctrl/" OWN "/schemata:2", "'L3' is there twice");
	assert_failed(rdt_engine_read_schemata(engine, "COS9", &s, &err), ISOLAT_FAILED, "read schemata",
		      "/resctrl/COS9/schemata", "No such file or directory");
	assert_true(rdt_engine_is_gone(engine));
	drop("resctrl/" OWN "/schemata");
	assert_int_equal(rdt_engine_read_schemata(engine, OWN, &s, &err), -1);
	assert_false(rdt_engine_is_gone(engine));
}

/* One write, of just that, and nothing of the file is cut off before. */
static void test_write_schemata(void **state)
{
	assert_int_equal(rdt_engine_write_schemata(engine, OWN, "L3:1=f0\nMB:0=50\n", &err), 0);
	assert_int_equal(kernel.writes, 1);
	assert_string_equal(kernel.written, "L3:1=f0\nMB:0=50\n");
	assert_file("resctrl/" OWN "/schemata", "L3:1=f0\nMB:0=50\n 100\n    L3:0=0fff;1=0fff\n");
	assert_int_equal(rdt_engine_write_schemata(engine, "", "MB:1=10\n", &err), 0);
	assert_int_equal(kernel.writes, 2);
	assert_file("resctrl/schemata", "MB:1=10\n= 100;1= 100\n    L3:0=0fff;1=0fff\n");
}

static void test_write_schemata_wrong(void **state)
{
	static const char *const texts[][2] = {
		{ "", "there is nothing to write" },
		{ "L3:0=f", "the last line has no newline" },
		{ "L3:0=f\n\n", "'' is no RESOURCE:DOMAIN=VALUE;..." },
		{ "L3:0=f\nL3:1=f\n", "'L3' is there twice" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		assert_int_equal(rdt_engine_write_schemata(engine, OWN, texts[i][0], &err), -1);
		assert_int_equal(err.code, ISOLAT_USAGE);
		assert_string_equal(err.what, "write schemata");
		assert_string_equal(err.reason, texts[i][1]);
	}
	assert_int_equal(kernel.writes, 0);
}

static const struct {
	int code;
	const char *status, *text, *reason, *hint;
} refusals[] = {
	{ EINVAL, "Mask out of range\n", "L3:0=ffff\n", "Invalid argument: Mask out of range", "" },
	{ EINVAL, "Unknown name 'L2'\nmore\n", "L2:7=1\n", "Invalid argument: Unknown name 'L2'; more", "" },
	{ EINVAL, "ok\n", "L3:0=f;7=f\n", "Invalid argument: L3 has no domain 7", "domains of L3: 0, 1" },
	{ EINVAL, "ok\n", "L3:0=f\nMB:1=10;16=10\n", "Invalid argument: MB has no domain 16", "domains of MB: 0, 1" },
	{ EINVAL, "ok\n", "L2:0=f\n", "Invalid argument: L2 has no domain 0", "domains of L2: none" },
	{ EINVAL, "ok\n", "L3:0=f\n", "Invalid argument", "" },
	{ 0, "ok\n", "L3:0=f\n", "Input/output error", "" },
	{ E2BIG, "ok\n", "L3:0=f\n", "Argument list too long",
	  "the kernel takes a page in one write, 4096 bytes, and this has 7" },
	{ ENOENT, "Mask out of range\n", "L3:0=f\n", "No such file or directory", "" },
	{ ENODEV, "Mask out of range\n", "L3:0=f\n", "No such device", "" },
};

static void test_write_schemata_is_refused(void **state)
{
	kernel.call = "write";
	for (size_t i = 0; i < ARRAY_SIZE(refusals); i++) {
		kernel.writes = 0;
		kernel.code = refusals[i].code;
		kernel.status = refusals[i].status;
		assert_failed(rdt_engine_write_schemata(engine, OWN, refusals[i].text, &err), ISOLAT_FAILED,
			      "write schemata", "/resctrl/" OWN "/schemata", refusals[i].reason);
		assert_string_equal(err.hint, refusals[i].hint);
		assert_int_equal(kernel.writes, 1);
		assert_false(rdt_engine_is_gone(engine));
	}
	kernel.code = ENODEV;
	kernel.vanishes = "resctrl/" OWN;
	assert_int_equal(rdt_engine_write_schemata(engine, OWN, "L3:0=f\n", &err), -1);
	assert_true(rdt_engine_is_gone(engine));
}

static void test_domains_are_cut(void **state)
{
	char line[1024] = "L3:";

	for (int i = 100; i < 200; i++)
		snprintf(line + strlen(line), sizeof(line) - strlen(line), "%s%d=f", i > 100 ? ";" : "", i);
	strcat(line, "\n");
	put("resctrl/" OWN "/schemata", line);
	kernel.call = "write";
	kernel.code = EINVAL;
	assert_int_equal(rdt_engine_write_schemata(engine, OWN, "L3:5=f\n", &err), -1);
	assert_string_equal(err.reason, "Invalid argument: L3 has no domain 5");
	assert_memory_equal(err.hint, "domains of L3: 100, 101, 102", strlen("domains of L3: 100, 101, 102"));
	assert_string_equal(err.hint + strlen(err.hint) - 5, ", ...");
}

/* What did not come to a write has no status: that which is there is another command's. */
static void test_no_file_to_write(void **state)
{
	put("resctrl/info/last_cmd_status", "of another command\n");
	drop("resctrl/" OWN "/schemata");
	assert_failed(rdt_engine_write_schemata(engine, OWN, "L3:0=f\n", &err), ISOLAT_FAILED, "write schemata",
		      "/resctrl/" OWN "/schemata", "No such file or directory");
	assert_int_equal(access(in_temp("resctrl/" OWN "/schemata"), F_OK), -1);
	assert_int_equal(mkfifo(in_temp("resctrl/" OWN "/schemata"), 0600), 0);
	assert_int_equal(rdt_engine_write_schemata(engine, OWN, "L3:0=f\n", &err), -1);
	assert_string_equal(err.reason, "No such device or address");
	drop("resctrl/" OWN "/schemata");
	make_folder("resctrl/" OWN "/schemata");
	assert_int_equal(rdt_engine_write_schemata(engine, OWN, "L3:0=f\n", &err), -1);
	assert_string_equal(err.reason, "Is a directory");
	assert_int_equal(kernel.writes, 0);
}

/* ---- Usage ---- */

static void test_read_usage(void **state)
{
	struct rdt_usage *usage;
	size_t n;

	assert_int_equal(rdt_engine_read_usage(engine, &usage, &n, &err), 0);
	assert_true(!usage && !n);
	make_folder("resctrl/info/MB");
	make_folder("resctrl/info/L2");
	make_folder("resctrl/info/L3CODE");
	make_folder("resctrl/info/L3DATA");
	put("resctrl/info/L2/bit_usage", "0=SS;4=E0\n");
	put("resctrl/info/L3CODE/bit_usage", "1=XPS\n");
	put("resctrl/info/L3DATA/bit_usage", "\n");
	assert_int_equal(rdt_engine_read_usage(engine, &usage, &n, &err), 0);
	assert_int_equal(n, 3);
	assert_true(usage[0].schema == RDT_SCHEMA_L3CODE && usage[0].domain == 1 && !strcmp(usage[0].ways, "XPS"));
	assert_true(usage[1].schema == RDT_SCHEMA_L2 && usage[1].domain == 0 && !strcmp(usage[1].ways, "SS"));
	assert_true(usage[2].schema == RDT_SCHEMA_L2 && usage[2].domain == 4 && !strcmp(usage[2].ways, "E0"));
	free(usage);
	put("resctrl/info/L2/bit_usage", "0=shared\n");
	assert_failed(rdt_engine_read_usage(engine, &usage, &n, &err), ISOLAT_FAILED, "read usage",
		      "/resctrl/info/L2/bit_usage", "'0=shared\n' is no use of ways");
	assert_true(!usage && !n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_open_what_is_none),
		TEST(test_caps),
		TEST(test_list),
		TEST(test_lock),
		TEST(test_lock_is_held),
		TEST(test_lock_waits),
		TEST(test_make_and_remove),
		TEST(test_make_is_refused),
		TEST(test_read_schemata),
		TEST(test_write_schemata),
		TEST(test_write_schemata_wrong),
		TEST(test_write_schemata_is_refused),
		TEST(test_domains_are_cut),
		TEST(test_no_file_to_write),
		TEST(test_read_usage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
