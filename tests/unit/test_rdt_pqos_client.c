// SPDX-License-Identifier: BSD-3-Clause
/*
 * The helper process of libpqos from isolat's side, against helpers that are shell scripts: good ones, and such that
 * die, hang, or write what is no answer.
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
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include <isolat/find_helper.h>

#include "rdt_pqos_client.h"

#define LONG_MS	 20000 /* never comes to that */
#define SHORT_MS 100

static char dir[] = "/tmp/isolat-test-XXXXXX";
static char program[64];
static struct pqos_client *client;
static struct isolat_error err;
static json_t *result;
static bool gone;

static void write_program(const char *body)
{
	FILE *file;

	snprintf(program, sizeof(program), "%s/helper", dir);
	unlink(program); /* one that still runs would be busy */
	file = fopen(program, "w");
	assert_non_null(file);
	fprintf(file, "#!/bin/sh\ncd %s\n%s\n", dir, body);
	fclose(file);
	assert_int_equal(chmod(program, 0755), 0);
}

static void start_with(const char *body, unsigned int answer_ms)
{
	write_program(body);
	assert_int_equal(pqos_client_start(program, answer_ms, NULL, 0, &client, &err), 0);
}

static void start(const char *body)
{
	start_with(body, LONG_MS);
}

static int ask(void)
{
	json_decref(result);
	memset(&err, 0, sizeof(err));
	return pqos_client_ask(client, json_pack("{ss, si}", "op", "read tasks", "cos", 1), &result, &gone, &err);
}

static void assert_fails(const char *reason)
{
	assert_int_equal(ask(), -1);
	assert_null(result);
	assert_false(gone);
	assert_int_equal(err.code, ISOLAT_FAILED);
	assert_string_equal(err.what, "read tasks");
	assert_string_equal(err.object, "isolat-pqos");
	assert_string_equal(err.reason, reason);
}

/* Reads a number that the helper wrote into a file. */
static long number_in(const char *name)
{
	char path[128];
	long number = -1;
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	file = fopen(path, "r");
	if (file) {
		if (fscanf(file, "%ld", &number) != 1)
			number = -1;
		fclose(file);
	}
	return number;
}

static int setup(void **state)
{
	strcpy(dir + strlen(dir) - 6, "XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
	char command[64];

	pqos_client_end(client);
	client = NULL;
	json_decref(result);
	result = NULL;
	snprintf(command, sizeof(command), "rm -r %s", dir);
	return system(command);
}

/* ---- Good ones ---- */

static void test_answers(void **state)
{
	start("while read -r line; do echo \"$line\" >>log; echo '{\"ok\":{\"tids\":[3]}}'; done");
	assert_int_equal(ask(), 0);
	assert_int_equal(json_integer_value(json_array_get(json_object_get(result, "tids"), 0)), 3);
	assert_int_equal(ask(), 0);
	pqos_client_end(client);
	client = NULL;
	write_program("[ \"$(cat log)\" = '{\"op\":\"read tasks\",\"cos\":1}\n{\"op\":\"read tasks\",\"cos\":1}' ]");
	assert_int_equal(system(program), 0);
}

static void test_answers_in_pieces(void **state)
{
	start("read -r line; printf '{\"ok\"'; sleep 0.05; printf ':[1]}'; sleep 0.05; echo; read -r line");
	assert_int_equal(ask(), 0);
	assert_int_equal(json_array_size(result), 1);
}

static void test_long_answer(void **state)
{
	start("read -r line; printf '{\"ok\":\"'; head -c 1000000 /dev/zero | tr '\\0' x; echo '\"}'; read -r line");
	assert_int_equal(ask(), 0);
	assert_int_equal(json_string_length(result), 1000000);
}

static void test_error(void **state)
{
	start("read -r line; echo '{\"error\":{\"code\":3,\"what\":\"move\",\"object\":\"7\",\"reason\":\"100 %s\","
	      "\"hint\":\"wait\",\"gone\":true}}'; read -r line; echo '{\"error\":{\"code\":99}}'; read -r line");
	assert_int_equal(ask(), -1);
	assert_int_equal(err.code, ISOLAT_UNSUPPORTED);
	assert_string_equal(err.what, "move");
	assert_string_equal(err.object, "7");
	assert_string_equal(err.reason, "100 %s");
	assert_string_equal(err.hint, "wait");
	assert_true(gone);
	assert_int_equal(ask(), -1);
	assert_int_equal(err.code, ISOLAT_FAILED);
	assert_string_equal(err.hint, "");
	assert_false(gone);
}

static void test_ends_with_its_socket(void **state)
{
	start("echo $$ >pid; read -r line; echo '{\"ok\":1}'; while read -r line; do :; done; echo 1 >ended");
	assert_int_equal(ask(), 0);
	pqos_client_end(client);
	client = NULL;
	assert_int_equal(number_in("ended"), 1);
	assert_int_equal(kill((pid_t)number_in("pid"), 0), -1);
}

/* Ctrl-C reaches a foreground process group. */
static void test_session_of_its_own(void **state)
{
	start("echo $$ >pid; read -r line; echo '{\"ok\":1}'; read -r line");
	assert_int_equal(ask(), 0);
	assert_int_equal(getsid((pid_t)number_in("pid")), number_in("pid"));
}

/* A blocked SIGALRM would stop libpqos for ever. */
static void test_no_signal_blocked(void **state)
{
	sigset_t alarm, before;

	sigemptyset(&alarm);
	sigaddset(&alarm, SIGALRM);
	sigprocmask(SIG_BLOCK, &alarm, &before);
	signal(SIGALRM, SIG_IGN);
	start("read -r line; set -- $(sed -n 's/^Sig\\(Blk\\|Ign\\):.0*//p' /proc/$$/status);"
	      "echo \"{\\\"ok\\\":\\\"$*\\\"}\"; read -r line");
	signal(SIGALRM, SIG_DFL);
	sigprocmask(SIG_SETMASK, &before, NULL);
	assert_int_equal(ask(), 0);
	assert_int_equal(strtoul(json_string_value(result), NULL, 16) & (1UL << (SIGALRM - 1)), 0);
}

static void test_keeps_descriptors(void **state)
{
	char path[64];
	int fd, other;

	snprintf(path, sizeof(path), "%s/lock", dir);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	other = open(path, O_RDWR | O_CLOEXEC);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	write_program("read -r line; echo '{\"ok\":1}'; read -r line");
	assert_int_equal(pqos_client_start(program, LONG_MS, &fd, 1, &client, &err), 0);
	assert_int_equal(ask(), 0);
	close(fd);
	assert_int_equal(flock(other, LOCK_EX | LOCK_NB), -1);
	pqos_client_end(client);
	client = NULL;
	assert_int_equal(flock(other, LOCK_EX | LOCK_NB), 0);
	close(other);
}

/* ---- Bad ones ---- */

static void test_dies(void **state)
{
	start("read -r line; exit 3");
	assert_fails("the helper process of libpqos ended with status 3");
	assert_fails("the helper process of libpqos has ended before");
}

static void test_is_dead_before(void **state)
{
	start("exit 0");
	usleep(100000);
	assert_fails("the helper process of libpqos ended with status 0");
}

static void test_aborts(void **state)
{
	start("echo before >&2; read -r line; printf 'one\\ntwo \\033[1m words\\n' >&2; kill -ABRT $$");
	assert_fails("the helper process of libpqos was ended by signal 6 (Aborted), after: two ?[1m words");
	assert_non_null(strstr(err.hint, "libpqos aborts"));
}

static void test_last_words_of_this_request(void **state)
{
	start("read -r line; echo old >&2; echo '{\"ok\":1}'; read -r line; exit 1");
	assert_int_equal(ask(), 0);
	assert_fails("the helper process of libpqos ended with status 1");
}

static void test_dies_within_an_answer(void **state)
{
	start("read -r line; printf '{\"ok\":'; kill -KILL $$");
	assert_fails("the helper process of libpqos was ended by signal 9 (Killed)");
}

static void test_hangs(void **state)
{
	start_with("echo $$ >pid; read -r line; exec sleep 1000", SHORT_MS);
	assert_fails("the helper process of libpqos gave no answer for 100 ms");
	assert_non_null(strstr(err.hint, "another program that uses libpqos"));
	assert_int_equal(kill((pid_t)number_in("pid"), 0), -1);
	assert_fails("the helper process of libpqos has ended before");
}

/* What comes is not enough to wait longer for. */
static void test_drips(void **state)
{
	start_with("read -r line; while head -c 1 /dev/zero; do sleep 0.02; done", 5 * SHORT_MS);
	assert_fails("the helper process of libpqos gave no answer for 500 ms");
}

static void test_does_not_end(void **state)
{
	start_with("echo $$ >pid; read -r line; echo '{\"ok\":1}'; exec sleep 1000 </dev/null >/dev/null", SHORT_MS);
	assert_int_equal(ask(), 0);
	pqos_client_end(client);
	client = NULL;
	assert_int_equal(kill((pid_t)number_in("pid"), 0), -1);
}

static void test_answer_without_end(void **state)
{
	start("read -r line; tr '\\0' x </dev/zero");
	assert_fails("the helper process of libpqos gave an answer without end");
}

static void test_more_than_an_answer(void **state)
{
	start("read -r line; printf '{\"ok\":1}\\n{\"ok\":2}\\n'; read -r line");
	assert_fails("the helper process of libpqos wrote more than its answer");
}

static void test_no_answers(void **state)
{
	static const struct {
		const char *line, *shown;
	} cases[] = {
		{ "hello\\033 you", "'hello? you'" },
		{ "", "''" },
		{ "[1]", "'[1]'" },
		{ "{}", "'{}'" },
		{ "{\"error\":\"words\"}", "'{\"error\":\"words\"}'" },
		{ "{\"ok\":1} x", "'{\"ok\":1} x'" },
		{ "0123456789012345678901234567890123456789012345678901234567890123456789",
		  "'012345678901234567890123456789012345678901234567890123456789'..." },
	};
	char body[256], reason[256];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(body, sizeof(body), "read -r line; printf '%s\\n'; read -r line", cases[i].line);
		start(body);
		snprintf(reason, sizeof(reason), "the helper process of libpqos gave an answer that is none: %s",
			 cases[i].shown);
		assert_fails(reason);
		assert_fails("the helper process of libpqos has ended before");
		pqos_client_end(client);
		client = NULL;
	}
}

static void test_cannot_start(void **state)
{
	snprintf(program, sizeof(program), "%s/nothing", dir);
	assert_int_equal(pqos_client_start(program, LONG_MS, NULL, 0, &client, &err), -1);
	assert_null(client);
	assert_string_equal(err.object, program);
	assert_string_equal(err.reason, strerror(ENOENT));
}

/* ---- Where it is ---- */

static void test_find(void **state)
{
	char path[PATH_MAX], expected[PATH_MAX];

	snprintf(expected, sizeof(expected), "%s/isolat-pqos", dir);
	write_program("exit 0");
	assert_int_equal(rename(program, expected), 0);
	setenv("ISOLAT_LIBEXEC", dir, 1);
	assert_int_equal(isolat_find_helper(PQOS_HELPER, path, &err), 0);
	assert_string_equal(path, expected);
	chmod(expected, 0644);
	setenv("ISOLAT_LIBEXEC", "/nonexistent", 1);
	if (isolat_find_helper(PQOS_HELPER, path, &err))
		assert_non_null(strstr(err.hint, "ISOLAT_LIBEXEC"));
	else
		assert_string_not_equal(path, expected);
	unsetenv("ISOLAT_LIBEXEC");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(test_answers),
		TEST(test_answers_in_pieces),
		TEST(test_long_answer),
		TEST(test_error),
		TEST(test_ends_with_its_socket),
		TEST(test_session_of_its_own),
		TEST(test_no_signal_blocked),
		TEST(test_keeps_descriptors),
		TEST(test_dies),
		TEST(test_is_dead_before),
		TEST(test_aborts),
		TEST(test_last_words_of_this_request),
		TEST(test_dies_within_an_answer),
		TEST(test_hangs),
		TEST(test_drips),
		TEST(test_does_not_end),
		TEST(test_answer_without_end),
		TEST(test_more_than_an_answer),
		TEST(test_no_answers),
		TEST(test_cannot_start),
		TEST(test_find),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
