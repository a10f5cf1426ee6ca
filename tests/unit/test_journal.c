// SPDX-License-Identifier: BSD-3-Clause
/* The journal's file and folder: what is written, what is refused, and who holds the lock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "transaction.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

static char top[] = "/tmp/isolat-test-XXXXXX", folder[64], path[80], lock[80];
static struct isolat_error err;
static char boot[64];
static char value[64]; /* of the only object */

static int read_value(void *host, const char *object, char **now, struct isolat_error *e)
{
	*now = strdup(value);
	return 0;
}

static int write_value(void *host, const char *object, const char *from, const char *to, struct isolat_error *e)
{
	snprintf(value, sizeof(value), "%s", to);
	return 0;
}

static const struct step_kind plain = { .name = "plain", .read = read_value, .write = write_value };
static const struct step_kind *const kinds[] = { &plain, NULL };

static int open_as(bool read_only, unsigned int lock_ms, struct transaction **t)
{
	const struct transaction_config config = {
		.folder = folder,
		.name = "apply",
		.lock_ms = lock_ms,
		.kinds = kinds,
	};

	return transaction_open(&config, read_only, t, NULL, &err);
}

/* Opens and closes; returns how many objects are on record, or -1. */
static int count(bool read_only)
{
	struct transaction *t;
	int n;

	if (open_as(read_only, 0, &t)) {
		assert_null(t);
		return -1;
	}
	n = (int)transaction_count(t);
	transaction_close(t);
	return n;
}

static int apply(const char *to)
{
	const struct step step = { .kind = &plain, .object = "x", .to = to };
	struct transaction *t;
	int rc;

	if (open_as(false, 0, &t))
		return -1;
	rc = transaction_run(t, &step, 1, NULL, &err) || transaction_commit(t, NULL, &err);
	transaction_close(t);
	return rc;
}

/* Formats the journal's text, with $ for this boot's id. */
static void write_journal(const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fchmod(fileno(file), 0600), 0);
	for (; *text; text++) {
		if (*text == '$')
			fputs(boot, file);
		else
			fputc(*text, file);
	}
	fclose(file);
}

static const char *read_file(const char *name)
{
	static char text[4096];
	FILE *file = fopen(name, "r");
	size_t n = file ? fread(text, 1, sizeof(text) - 1, file) : 0;

	text[n] = '\0';
	if (file)
		fclose(file);
	return text;
}

static bool exists(const char *name)
{
	struct stat st;

	return !lstat(name, &st);
}

static mode_t mode_of(const char *name)
{
	struct stat st;

	assert_int_equal(stat(name, &st), 0);
	return st.st_mode & 07777;
}

static int begin(void **state)
{
	snprintf(value, sizeof(value), "before");
	return mkdir(folder, 0700);
}

static int end(void **state)
{
	char left[256] = "";
	DIR *dir = opendir(folder);

	unlink(path);
	unlink(lock);
	for (struct dirent *entry; dir && (entry = readdir(dir));) {
		if (*entry->d_name == '.')
			continue;
		snprintf(left, sizeof(left), "%s", entry->d_name);
		unlinkat(dirfd(dir), left, 0);
	}
	if (dir)
		closedir(dir);
	if (*left)
		print_error("%s is left behind\n", left);
	return (rmdir(folder) && errno != ENOENT) || *left;
}

/* ---- The text ---- */

#define HEAD  "{\"about\":null,\"boot\":\"$\",\"isolat-journal\":1}\n"
#define ENTRY "{\"before\":\"before\",\"kind\":\"plain\",\"object\":\"x\",\"set\":\"now\",\"to\":\"now\"}\n"
#define FOOT  "{\"entries\":1}\n"
#define STEP  "{\"from\":\"now\",\"kind\":\"plain\",\"object\":\"x\",\"retire\":false,\"to\":\"later\"}\n"

#define UNDO "{\"undo\":true}\n"

static void text_is_this(void **state)
{
	char wanted[512];

	assert_int_equal(apply("now"), 0);
	snprintf(wanted, sizeof(wanted), "{\"about\":null,\"boot\":\"%s\",\"isolat-journal\":1}\n%s%s", boot, ENTRY,
		 FOOT);
	assert_string_equal(read_file(path), wanted);
	write_journal(HEAD ENTRY FOOT);
	assert_int_equal(count(true), 1);
	assert_string_equal(read_file(path), wanted);
}

static void not_understood_is_refused(void **state)
{
	static const struct {
		const char *text, *reason;
	} cases[] = {
		{ "", "line 1: this is no journal of isolat" },
		{ "{}\n", "line 1: this is no journal of isolat" },
		{ "{\"isolat-journal\":1", "line 1: this is no journal of isolat" },
		{ "{\"isolat-journal\":2,\"boot\":\"$\"}\n", "it is of version 2, not 1" },
		{ HEAD, "line 2: the record ends too early" },
		{ HEAD ENTRY, "line 3: the record ends too early" },
		{ HEAD ENTRY "{\"entr", "line 3: the record ends too early" },
		{ HEAD FOOT, "line 2: entries are missing before" },
		{ HEAD ENTRY ENTRY FOOT, "line 4: entries are missing before" },
		{ HEAD ENTRY FOOT "nonsense\n", "line 4: " },
		{ HEAD ENTRY FOOT "{\"set\":\"now\"}\n", "line 4: \"set\" without a step" },
		{ HEAD ENTRY FOOT STEP "{\"set\":\"a\"}\n{\"set\":\"a\"}\n", "line 6: \"set\" without a step" },
		{ HEAD ENTRY FOOT STEP "{\"set\":1}\n", "line 5: \"set\" is no text" },
		{ HEAD ENTRY FOOT ENTRY, "line 4: " },
		{ HEAD ENTRY FOOT "{\"undo\":1}\n", "line 4: \"undo\" is not true, or not alone" },
		{ HEAD ENTRY FOOT "{\"set\":\"a\",\"undo\":true}\n", "line 4: \"undo\" is not true, or not alone" },
		{ HEAD ENTRY FOOT UNDO UNDO, "line 5: " },
		{ HEAD ENTRY FOOT STEP UNDO, "line 5: " },
		{ HEAD UNDO ENTRY FOOT, "line 2: " },
		{ HEAD "{\"before\":\"\",\"kind\":\"odd\",\"object\":\"x\",\"set\":\"\",\"to\":\"\"}\n" FOOT,
		  "what a 'odd' is, is not known" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char was[4096];

		write_journal(cases[i].text);
		snprintf(was, sizeof(was), "%s", read_file(path));
		for (int read_only = 0; read_only < 2; read_only++) {
			assert_int_equal(count(read_only), -1);
			assert_int_equal(err.code, ISOLAT_FAILED);
			assert_string_equal(err.object, path);
			assert_memory_equal(err.reason, cases[i].reason, strlen(cases[i].reason));
		}
		assert_string_equal(read_file(path), was);
	}
	assert_string_equal(value, "before");
}

static void torn_last_line_is_none(void **state)
{
	const char *step = STEP;

	snprintf(value, sizeof(value), "later");
	for (size_t n = 1; n < strlen(step); n++) {
		char text[512];

		snprintf(text, sizeof(text), HEAD ENTRY FOOT "%.*s", (int)n, step);
		write_journal(text);
		assert_int_equal(count(true), 1);
		assert_int_equal(count(false), 1);
		assert_string_equal(value, "later");
		snprintf(text, sizeof(text), "%s", read_file(path));
		write_journal(HEAD ENTRY FOOT);
		assert_string_equal(text, read_file(path));
	}
	write_journal(HEAD ENTRY FOOT STEP);
	assert_int_equal(count(true), 1);
	assert_string_equal(value, "later");
	assert_int_equal(count(false), 1);
	assert_string_equal(value, "now");
}

static bool half_made(void)
{
	struct transaction *t;
	bool seen;

	assert_int_equal(open_as(true, 0, &t), 0);
	seen = transaction_is_half_made(t);
	transaction_close(t);
	return seen;
}

/* It outlives the tail behind it, which is taken back, and goes with the record. */
static void undo_that_had_begun_is_noted(void **state)
{
	char noted[512];

	write_journal(HEAD ENTRY FOOT UNDO);
	snprintf(noted, sizeof(noted), "%s", read_file(path));
	assert_true(half_made());
	assert_int_equal(count(false), 1);
	assert_string_equal(read_file(path), noted);
	snprintf(value, sizeof(value), "later");
	write_journal(HEAD ENTRY FOOT UNDO STEP);
	assert_true(half_made());
	assert_int_equal(count(false), 1);
	assert_string_equal(value, "now");
	assert_string_equal(read_file(path), noted);
	write_journal(HEAD ENTRY FOOT "{\"undo\":tr");
	assert_false(half_made());
	write_journal(HEAD ENTRY FOOT UNDO);
	assert_int_equal(apply("then"), 0);
	assert_false(half_made());
	assert_null(strstr(read_file(path), "undo"));
}

static void other_boot_is_forgotten(void **state)
{
	write_journal("{\"about\":{},\"boot\":\"another\",\"isolat-journal\":1}\n" ENTRY FOOT STEP);
	snprintf(value, sizeof(value), "later");
	assert_int_equal(count(true), 0);
	assert_true(exists(path));
	assert_int_equal(count(false), 0);
	assert_false(exists(path));
	assert_string_equal(value, "later");
}

/* ---- Files and folder ---- */

static void modes_are_not_the_umasks(void **state)
{
	mode_t mask;

	rmdir(folder);
	mask = umask(077);
	assert_int_equal(apply("now"), 0);
	umask(mask);
	assert_int_equal(mode_of(folder), 0755);
	assert_int_equal(mode_of(path), 0600);
	assert_int_equal(mode_of(lock), 0600);
}

static void nothing_is_there_for_a_reader(void **state)
{
	assert_int_equal(count(true), 0);
	assert_false(exists(lock));
	rmdir(folder);
	assert_int_equal(count(true), 0);
	assert_false(exists(folder));
}

static void what_others_can_write_is_refused(void **state)
{
	write_journal(HEAD ENTRY FOOT);
	chmod(path, 0602);
	assert_int_equal(count(true), -1);
	assert_string_equal(err.reason, "others can write it");
	chmod(path, 0620);
	assert_int_equal(count(true), -1);
	chmod(path, 0600);
	chmod(folder, 0777);
	assert_int_equal(count(true), -1);
	assert_string_equal(err.object, folder);
	assert_string_equal(err.reason, "anybody can write to it");
	chmod(folder, 0700);
	assert_int_equal(count(true), 1);
	if (geteuid())
		return; /* only root can give files away */
	assert_int_equal(chown(path, 12345, 12345), 0);
	assert_int_equal(count(true), -1);
	assert_string_equal(err.reason, "it belongs to another user");
	assert_int_equal(chown(path, 0, 0), 0);
	assert_int_equal(chown(folder, 12345, 12345), 0);
	assert_int_equal(count(true), -1);
	assert_string_equal(err.object, folder);
	assert_int_equal(chown(folder, 0, 0), 0);
}

static void links_and_pipes_are_refused(void **state)
{
	assert_int_equal(symlink("/dev/null", path), 0);
	assert_int_equal(count(false), -1);
	assert_string_equal(err.reason, "it is a symbolic link");
	unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(count(true), -1);
	assert_string_equal(err.reason, "it is not a regular file");
	unlink(path);
	unlink(lock);
	assert_int_equal(symlink("elsewhere", lock), 0);
	assert_int_equal(count(false), -1);
	assert_string_equal(err.object, lock);
}

/* What was being written as its writer was killed, or was put there to be written through. */
static void new_file_is_always_new(void **state)
{
	char stale[96], target[96];

	snprintf(stale, sizeof(stale), "%s.new", path);
	snprintf(target, sizeof(target), "%s/target", top);
	assert_int_equal(symlink(target, stale), 0);
	assert_int_equal(count(false), 0);
	assert_false(exists(stale));
	assert_int_equal(symlink(target, stale), 0);
	assert_int_equal(apply("now"), 0);
	assert_false(exists(stale));
	assert_false(exists(target));
	assert_int_equal(mode_of(path), 0600);
}

/* ---- The lock ---- */

/* A process that opens, says so, and waits to be killed. */
static pid_t hold(bool read_only)
{
	int said[2];
	char c;
	pid_t pid;

	assert_int_equal(pipe(said), 0);
	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		struct transaction *t;

		prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails leaves nobody behind */
		if (open_as(read_only, 0, &t))
			_exit(1);
		if (write(said[1], "x", 1) == 1)
			pause();
		_exit(0);
	}
	close(said[1]);
	assert_int_equal(read(said[0], &c, 1), 1);
	close(said[0]);
	return pid;
}

static void end_process(pid_t pid)
{
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void second_is_told_who_is_first(void **state)
{
	pid_t pid = hold(false);
	char wanted[128];

	snprintf(wanted, sizeof(wanted), "another isolat holds it: %d (%s)", (int)pid, program_invocation_short_name);
	for (int read_only = 0; read_only < 2; read_only++) {
		struct transaction *t;

		assert_int_equal(open_as(read_only, 50, &t), -1);
		assert_int_equal(err.code, ISOLAT_FAILED);
		assert_string_equal(err.object, lock);
		assert_string_equal(err.reason, wanted);
	}
	end_process(pid);
	/* Its name is still there, and does not matter. */
	assert_int_equal(atoi(read_file(lock)), pid);
	assert_int_equal(count(true), 0);
	assert_int_equal(count(false), 0);
	assert_string_equal(read_file(lock), "");
}

static void readers_share(void **state)
{
	pid_t pid;

	assert_int_equal(count(false), 0);
	pid = hold(true);
	assert_int_equal(count(true), 0);
	assert_int_equal(count(false), -1);
	assert_string_equal(err.reason, "another isolat holds it: one that only reads");
	end_process(pid);
	assert_int_equal(count(false), 0);
}

/* It is given the lock as soon as the first is gone, long before the time is up. */
static void second_waits(void **state)
{
	pid_t pid = hold(false), killer;
	struct transaction *t;

	killer = fork();
	if (!killer) {
		usleep(100000);
		kill(pid, SIGKILL);
		_exit(0);
	}
	assert_int_equal(open_as(false, 60000, &t), 0);
	transaction_close(t);
	assert_int_equal(waitpid(killer, NULL, 0), killer);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static int make(void **state)
{
	FILE *file = fopen("/proc/sys/kernel/random/boot_id", "r");

	if (!file || fscanf(file, "%63s", boot) != 1 || fclose(file) || !mkdtemp(top))
		return -1;
	snprintf(folder, sizeof(folder), "%s/run", top);
	snprintf(path, sizeof(path), "%s/apply.journal", folder);
	snprintf(lock, sizeof(lock), "%s/lock", folder);
	return 0;
}

static int clean(void **state)
{
	return rmdir(top);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(text_is_this, begin, end),
		cmocka_unit_test_setup_teardown(not_understood_is_refused, begin, end),
		cmocka_unit_test_setup_teardown(torn_last_line_is_none, begin, end),
		cmocka_unit_test_setup_teardown(undo_that_had_begun_is_noted, begin, end),
		cmocka_unit_test_setup_teardown(other_boot_is_forgotten, begin, end),
		cmocka_unit_test_setup_teardown(modes_are_not_the_umasks, begin, end),
		cmocka_unit_test_setup_teardown(nothing_is_there_for_a_reader, begin, end),
		cmocka_unit_test_setup_teardown(what_others_can_write_is_refused, begin, end),
		cmocka_unit_test_setup_teardown(links_and_pipes_are_refused, begin, end),
		cmocka_unit_test_setup_teardown(new_file_is_always_new, begin, end),
		cmocka_unit_test_setup_teardown(second_is_told_who_is_first, begin, end),
		cmocka_unit_test_setup_teardown(readers_share, begin, end),
		cmocka_unit_test_setup_teardown(second_waits, begin, end),
	};

	return cmocka_run_group_tests(tests, make, clean);
}
