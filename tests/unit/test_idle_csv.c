// SPDX-License-Identifier: BSD-3-Clause
/* Idle traces as CSV: what is read, what is refused and with which words, and that what is written is read again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "idle_csv.h"

#define H IDLE_CSV_HEADER "\n"
#define A IDLE_CSV_ANSWER_HEADER "\n"

static char path[] = "/tmp/test_idle_csv.XXXXXX";
static struct idle_csv csv;
static struct isolat_error err;

static int make_file(void **state)
{
	int fd = mkstemp(path);

	return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
	return unlink(path);
}

static int read_bytes(const char *text, size_t length)
{
	FILE *out = fopen(path, "w");

	assert_non_null(out);
	assert_int_equal(fwrite(text, 1, length, out), length);
	assert_int_equal(fclose(out), 0);
	memset(&err, 0, sizeof(err));
	return idle_csv_read(path, &csv, &err);
}

static void read_good(const char *text)
{
	if (read_bytes(text, strlen(text)))
		fail_msg("%s: %s", err.object, err.reason);
}

static void test_fields(void **state)
{
	read_good(H "3,1000,250,90,ipi\n"
		    "0,18446744073709551614,1,,irq\n"
		    "65535,0,0,0,timer\n");
	assert_string_equal(csv.name, path);
	assert_false(csv.answers);
	assert_int_equal(csv.n, 3);
	assert_int_equal(csv.records[0].cpu, 3);
	assert_int_equal(csv.records[0].start_ns, 1000);
	assert_int_equal(csv.records[0].length_ns, 250);
	assert_int_equal(csv.records[0].next_timer_ns, 90);
	assert_int_equal(csv.records[0].wake, IDLE_WAKE_IPI);
	assert_int_equal(csv.records[0].window_ns, 0);
	assert_true(csv.records[1].start_ns == UINT64_MAX - 1);
	assert_true(csv.records[1].next_timer_ns == IDLE_NO_TIMER);
	assert_int_equal(csv.records[1].wake, IDLE_WAKE_IRQ);
	assert_int_equal(csv.records[2].cpu, IDLE_CSV_MAX_CPU);
	assert_int_equal(csv.records[2].next_timer_ns, 0);
	assert_int_equal(csv.records[2].wake, IDLE_WAKE_TIMER);
	idle_csv_free(&csv);
	assert_null(csv.records);
}

static void test_answers(void **state)
{
	read_good(A "1,5,6,,timer,7,18446744073709551615,4294967295,9\n");
	assert_true(csv.answers);
	assert_int_equal(csv.n, 1);
	assert_int_equal(csv.records[0].ran_ns, 7);
	assert_true(csv.records[0].break_even_ns == UINT64_MAX);
	assert_true(csv.records[0].limit_ns == UINT32_MAX);
	assert_int_equal(csv.records[0].window_ns, 9);
	idle_csv_free(&csv);
}

/* One idle may begin where the one before ended, CPUs are apart, and the last newline may be missing. */
static void test_allowed(void **state)
{
	read_good(H "0,100,50,,irq\n1,10,1000,,irq\n0,150,0,,irq\n0,150,1,,irq");
	assert_int_equal(csv.n, 4);
	idle_csv_free(&csv);
	read_good(H);
	assert_int_equal(csv.n, 0);
	idle_csv_free(&csv);
}

static void test_many_records(void **state)
{
	FILE *out = fopen(path, "w");

	idle_csv_write_header(out, false);
	for (unsigned int i = 0; i < 5000; i++)
		fprintf(out, "%u,%u,7,,irq\n", i % 2, i * 10);
	fclose(out);
	assert_int_equal(idle_csv_read(path, &csv, &err), 0);
	assert_int_equal(csv.n, 5000);
	for (unsigned int i = 0; i < 5000; i++)
		assert_int_equal(csv.records[i].start_ns, i * 10);
	idle_csv_free(&csv);
}

#define ZEROS_100 "0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"

static const struct {
	const char *text;
	unsigned int line;
	const char *reason; /* a part of it */
} bad[] = {
	{ "", 1, "the header is '', not 'cpu,start_ns,length_ns,next_timer_ns,wake'" },
	{ "\n", 1, "the header is ''" },
	{ "cpu,start_ns,length_ns,wake\n", 1, "the header is 'cpu,start_ns,length_ns,wake'" },
	{ IDLE_CSV_HEADER " \n", 1, "the header is" },
	{ IDLE_CSV_HEADER ",ran_ns\n", 1, "the header is" },
	{ H "0,1,2,,irq\n\n", 3, "1 column, not 5" },
	{ H "0,1,2,irq\n", 2, "4 columns, not 5" },
	{ H "0,1,2,,irq,\n", 2, "6 columns, not 5" },
	{ H "0,1,2,,irq,1,2,3,4,5,6,7,8,9,10,11,12\n", 2, "17 columns, not 5" },
	{ A "0,1,2,,irq\n", 2, "5 columns, not 9" },
	{ H "65536,1,2,,irq\n", 2, "cpu: '65536' is not a whole number from 0 to 65535" },
	{ H "0,-1,2,,irq\n", 2, "start_ns: '-1' is not a whole number from 0 to 18446744073709551615" },
	{ H "0,1,-3,,irq\n", 2, "length_ns: '-3' is not a whole number" },
	{ H "0,1,+3,,irq\n", 2, "length_ns: '+3' is not" },
	{ H "0,1,0x3,,irq\n", 2, "length_ns: '0x3' is not" },
	{ H "0,1,3e3,,irq\n", 2, "length_ns: '3e3' is not" },
	{ H "0,1,3.5,,irq\n", 2, "length_ns: '3.5' is not" },
	{ H "0,1, 3,,irq\n", 2, "length_ns: ' 3' is not" },
	{ H "0,1,,,irq\n", 2, "length_ns: '' is not" },
	{ H "0,1,18446744073709551616,,irq\n", 2, "length_ns: '18446744073709551616' is not" },
	{ H "0,1,99999999999999999999,,irq\n", 2, "length_ns: '99999999999999999999' is not" },
	{ H "0,1,1" ZEROS_100 ",,irq\n", 2, "length_ns: '1000000000000000000000000000000000000000...'" },
	{ H "0,1,2,18446744073709551615,irq\n", 2, "next_timer_ns: '18446744073709551615' is not" },
	{ H "0,1,2,x,irq\n", 2, "next_timer_ns: 'x' is not" },
	{ H "0,1,2,,IPI\n", 2, "wake: 'IPI' is not ipi, irq or timer" },
	{ H "0,1,2,,\n", 2, "wake: '' is not" },
	{ H "0,1,2,,irq\r\n", 2, "wake: 'irq\r' is not" },
	{ A "0,1,2,,irq,,1,1,1\n", 2, "ran_ns: '' is not" },
	{ A "0,1,2,,irq,1,z,1,1\n", 2, "break_even_ns: 'z' is not" },
	{ A "0,1,2,,irq,1,1,4294967296,1\n", 2, "limit_ns: '4294967296' is not a whole number from 0 to 4294967295" },
	{ A "0,1,2,,irq,1,1,1,4294967296\n", 2, "window_ns: '4294967296' is not" },
	{ H "0,5,2,,irq\n1,9,9,,irq\n0,4,0,,irq\n", 4, "start_ns: '4' is out of order: CPU 0 was idle at 5 on line 2" },
	{ H "0,5,2,,irq\n1,9,9,,irq\n0,6,0,,irq\n", 4,
	  "start_ns: '6' overlaps: the idle of CPU 0 on line 2 ends at 7" },
	{ H "0,18446744073709551615,1,,irq\n", 2, "length_ns: '1' is too long" },
	{ H "0,1,2,,irq\n" ZEROS_100 ZEROS_100 ZEROS_100, 3, "longer than any line of a trace" },
};

static void test_bad_lines(void **state)
{
	char object[300];

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		if (!read_bytes(bad[i].text, strlen(bad[i].text)))
			fail_msg("read without an error: %s", bad[i].text);
		snprintf(object, sizeof(object), "%s:%u", path, bad[i].line);
		assert_string_equal(err.object, object);
		assert_int_equal(err.code, ISOLAT_USAGE);
		if (!strstr(err.reason, bad[i].reason))
			fail_msg("not \"%s\" but: %s", bad[i].reason, err.reason);
		assert_null(csv.records);
		assert_null(csv.name);
	}
}

static void test_byte_zero(void **state)
{
	static const char text[] = H "0,1,2,,irq\n0,3\0,2,,irq\n";

	assert_int_equal(read_bytes(text, sizeof(text) - 1), -1);
	assert_non_null(strstr(err.object, ":3"));
	assert_non_null(strstr(err.reason, "a byte 0 in column 4"));
}

static void test_unreadable(void **state)
{
	assert_int_equal(idle_csv_read("/nowhere/trace.csv", &csv, &err), -1);
	assert_int_equal(err.code, ISOLAT_USAGE);
	assert_string_equal(err.object, "/nowhere/trace.csv");
	assert_string_equal(err.reason, "No such file or directory");
	assert_int_equal(idle_csv_read("/", &csv, &err), -1);
	assert_int_equal(err.code, ISOLAT_USAGE);
	assert_string_equal(err.reason, "Is a directory");
}

/* The line is said however long the file's name is. */
static void test_long_name(void **state)
{
	char name[400] = "/tmp";

	assert_int_equal(read_bytes(H "x\n", strlen(H "x\n")), -1);
	for (size_t i = 0; i < 150; i++)
		strcat(name, "/.");
	strcat(name, strrchr(path, '/'));
	assert_true(strlen(name) > sizeof(err.object));
	assert_int_equal(idle_csv_read(name, &csv, &err), -1);
	assert_string_equal(err.reason, "1 column, not 5");
	assert_memory_equal(err.object, "...", 3);
	assert_string_equal(strrchr(err.object, ':'), ":2");
}

static void write_and_read(const struct idle_record *records, size_t n, bool answers)
{
	FILE *out = fopen(path, "w");

	idle_csv_write_header(out, answers);
	for (size_t i = 0; i < n; i++)
		idle_csv_write(out, &records[i], answers);
	assert_false(ferror(out));
	fclose(out);
	assert_int_equal(idle_csv_read(path, &csv, &err), 0);
	assert_int_equal(csv.answers, answers);
	assert_int_equal(csv.n, n);
}

static void test_round_trip(void **state)
{
	static const struct idle_record records[] = {
		{ .cpu = 2,
		  .start_ns = 1,
		  .length_ns = 2,
		  .next_timer_ns = IDLE_NO_TIMER,
		  .wake = IDLE_WAKE_IPI,
		  .limit_ns = UINT32_MAX,
		  .window_ns = UINT32_MAX,
		  .ran_ns = UINT64_MAX,
		  .break_even_ns = UINT64_MAX },
		{ .cpu = 65535,
		  .start_ns = 1,
		  .length_ns = UINT64_MAX - 1,
		  .next_timer_ns = 0,
		  .wake = IDLE_WAKE_TIMER },
		{ .cpu = 2,
		  .start_ns = 3,
		  .length_ns = 0,
		  .next_timer_ns = IDLE_NO_TIMER - 1,
		  .wake = IDLE_WAKE_IRQ,
		  .limit_ns = 1,
		  .window_ns = 2,
		  .ran_ns = 3,
		  .break_even_ns = 4 },
	};
	const size_t n = sizeof(records) / sizeof(*records);

	write_and_read(records, n, true);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(csv.records[i].cpu, records[i].cpu);
		assert_true(csv.records[i].start_ns == records[i].start_ns);
		assert_true(csv.records[i].length_ns == records[i].length_ns);
		assert_true(csv.records[i].next_timer_ns == records[i].next_timer_ns);
		assert_int_equal(csv.records[i].wake, records[i].wake);
		assert_true(csv.records[i].limit_ns == records[i].limit_ns);
		assert_true(csv.records[i].window_ns == records[i].window_ns);
		assert_true(csv.records[i].ran_ns == records[i].ran_ns);
		assert_true(csv.records[i].break_even_ns == records[i].break_even_ns);
	}
	idle_csv_free(&csv);
	write_and_read(records, n, false);
	assert_int_equal(csv.records[2].ran_ns, 0);
	idle_csv_free(&csv);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields),	   cmocka_unit_test(test_answers),
		cmocka_unit_test(test_allowed),	   cmocka_unit_test(test_many_records),
		cmocka_unit_test(test_bad_lines),  cmocka_unit_test(test_byte_zero),
		cmocka_unit_test(test_unreadable), cmocka_unit_test(test_long_name),
		cmocka_unit_test(test_round_trip),
	};

	return cmocka_run_group_tests_name("idle_csv", tests, make_file, remove_file);
}
