// SPDX-License-Identifier: BSD-3-Clause
/* The recorder's parts: records from raw pages, events from records, and its trace instance. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#include "idle_decode.h"
#include "trace_instance.h"
#include "trace_merge.h"

#define T1 0xffff888000001000ULL

/* ---- Raw pages --------------------------------------------------------------------------------------------------- */

#define PAGE 4096

struct page {
	uint64_t ns, commit;
	uint32_t words[(PAGE - 16) / 4];
};

static struct page page;
static uint64_t page_ns;

static void new_page(uint64_t ns, uint64_t flags)
{
	memset(&page, 0, sizeof(page));
	page.ns = page_ns = ns;
	page.commit = flags;
}

static void add_word(uint32_t word)
{
	page.words[(page.commit & 0xffff) / 4] = word;
	page.commit += 4;
}

static void add_record(uint64_t ns, uint32_t data)
{
	uint64_t delta = ns - page_ns;

	if (delta >> 27) { /* a time extend */
		add_word((delta & 0x7ffffff) << 5 | 30);
		add_word(delta >> 27);
		delta = 0;
	}
	add_word(delta << 5 | 1); /* 1: one word of data */
	add_word(data);
	page_ns = ns;
}

static int buffer_file(void)
{
	int fd = memfd_create("buffer", 0);

	assert_true(fd >= 0);
	return fd;
}

static void put_page(int fd)
{
	off_t at = lseek(fd, 0, SEEK_CUR);

	lseek(fd, 0, SEEK_END);
	assert_int_equal(write(fd, &page, sizeof(page)), sizeof(page));
	lseek(fd, at, SEEK_SET);
}

static void expect_record(struct trace_merge *merge, uint32_t cpu, uint64_t ns, uint32_t data)
{
	struct trace_record record;
	struct isolat_error err;
	uint32_t word;

	assert_int_equal(trace_merge_next(merge, &record, &err), 1);
	assert_int_equal(record.cpu, cpu);
	assert_int_equal(record.ns, ns);
	assert_non_null(record.data);
	assert_int_equal(record.size, sizeof(word));
	memcpy(&word, record.data, sizeof(word));
	assert_int_equal(word, data);
}

static void expect_nothing(struct trace_merge *merge)
{
	struct trace_record record;
	struct isolat_error err;

	assert_int_equal(trace_merge_next(merge, &record, &err), 0);
}

static struct trace_merge *merge_of(int a, int b)
{
	struct trace_merge *merge = trace_merge_new();
	struct isolat_error err;

	assert_non_null(merge);
	assert_int_equal(trace_merge_add(merge, 5, a, &err), 0);
	assert_int_equal(trace_merge_add(merge, 7, b, &err), 0);
	return merge;
}

static void test_merge_by_time(void **state)
{
	int a = buffer_file(), b = buffer_file();
	struct trace_merge *merge = merge_of(a, b);

	new_page(1000, 0);
	add_record(1000, 11);
	add_record(1300, 12);
	put_page(a);
	new_page(900000000, 0);
	add_record(900000001, 13);
	put_page(a);
	new_page(1100, 0);
	add_record(1100, 21);
	add_record(800000000, 22); /* needs a time extend */
	put_page(b);
	expect_nothing(merge);
	trace_merge_allow(merge, 1299);
	expect_record(merge, 5, 1000, 11);
	expect_record(merge, 7, 1100, 21);
	expect_nothing(merge);
	trace_merge_allow(merge, UINT64_MAX);
	expect_record(merge, 5, 1300, 12);
	expect_record(merge, 7, 800000000, 22);
	expect_record(merge, 5, 900000001, 13);
	expect_nothing(merge);
	new_page(950000000, 0); /* what comes later waits for the next time */
	add_record(950000000, 23);
	put_page(b);
	expect_nothing(merge);
	trace_merge_allow(merge, UINT64_MAX);
	expect_record(merge, 7, 950000000, 23);
	trace_merge_free(merge);
}

/* The flag on a page, be its first record a long time after the page's or not. */
static void merge_loss(uint64_t first_ns)
{
	int a = buffer_file(), b = buffer_file();
	struct trace_merge *merge = merge_of(a, b);
	struct trace_record record;
	struct isolat_error err;

	new_page(1000, 0);
	add_record(1000, 11);
	put_page(a);
	new_page(1100, 1ULL << 31);
	add_record(first_ns, 12);
	put_page(a);
	new_page(1050, 0);
	add_record(1050, 21);
	put_page(b);
	trace_merge_allow(merge, UINT64_MAX);
	expect_record(merge, 5, 1000, 11);
	/* Told before CPU 7's record, which may be later than the first one lost. */
	assert_int_equal(trace_merge_next(merge, &record, &err), 1);
	assert_null(record.data);
	assert_int_equal(record.cpu, 5);
	assert_int_equal(record.ns, first_ns);
	expect_record(merge, 7, 1050, 21);
	expect_record(merge, 5, first_ns, 12);
	expect_nothing(merge);
	trace_merge_free(merge);
}

static void test_merge_loss(void **state)
{
	merge_loss(1100);
	merge_loss(1000000000);
}

static void test_merge_garbage(void **state)
{
	int a = buffer_file(), b = buffer_file();
	struct trace_merge *merge = merge_of(a, b);
	struct trace_record record;
	struct isolat_error err;

	assert_int_equal(write(a, "short", 5), 5);
	lseek(a, 0, SEEK_SET);
	trace_merge_allow(merge, UINT64_MAX);
	assert_int_equal(trace_merge_next(merge, &record, &err), -1);
	assert_string_equal(err.what, "read trace");
	trace_merge_free(merge);
	trace_merge_free(NULL);
}

/* ---- Records ----------------------------------------------------------------------------------------------------- */

#define COMMON                                                                         \
	"\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n"         \
	"\tfield:unsigned char common_flags;\toffset:2;\tsize:1;\tsigned:0;\n"         \
	"\tfield:unsigned char common_preempt_count;\toffset:3;\tsize:1;\tsigned:0;\n" \
	"\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n\n"
#define FORMAT(name, id, fields) \
	"name: " name "\nID: " id "\nformat:\n" COMMON fields "\nprint fmt: \"%s\", unknown_helper(REC->what)\n"

static size_t tracepoint(const char *name)
{
	size_t i = 0;

	while (strcmp(idle_tracepoints[i].name, name))
		assert_true(++i < IDLE_DECODE_EVENTS);
	return i;
}

static void test_decode(void **state)
{
	struct {
		uint16_t type;
		uint8_t flags, preempt;
		int32_t pid;
		uint64_t timer;
		int64_t expires;
	} record = { .type = 460, .pid = 77, .timer = T1, .expires = 12345 };
	struct idle_decoder decoder = { .realtime_offset_ns = 1700000000000000000ULL };
	struct idle_event event = { 0 };
	struct isolat_error err;

	assert_int_equal(idle_decoder_learn(&decoder, tracepoint("hrtimer_start"),
					    FORMAT("hrtimer_start", "460",
						   "\tfield:void * hrtimer;\toffset:8;\tsize:8;\tsigned:0;\n"
						   "\tfield:s64 expires;\toffset:16;\tsize:8;\tsigned:1;\n"),
					    &err),
			 0);
	assert_true(idle_decode(&decoder, &record, sizeof(record), &event));
	assert_int_equal(event.kind, IDLE_EVENT_TIMER_START);
	assert_true(event.id == T1);
	assert_int_equal(event.value, 12345);
	assert_int_equal(event.pid, 77);
	/* A timer on the realtime clock. */
	record.expires = 1700000000000000042LL;
	assert_true(idle_decode(&decoder, &record, sizeof(record), &event));
	assert_int_equal(event.value, 42);
	/* Cut short; another tracepoint's; nothing. */
	assert_false(idle_decode(&decoder, &record, sizeof(record) - 1, &event));
	assert_false(idle_decode(&decoder, &record, 1, &event));
	record.type = 461;
	assert_false(idle_decode(&decoder, &record, sizeof(record), &event));
}

static void test_decode_signs(void **state)
{
	uint32_t record[4] = { 568, 0, UINT32_MAX, 1 };
	struct idle_decoder decoder = { 0 };
	struct idle_event event = { 0 };
	struct isolat_error err;

	assert_int_equal(idle_decoder_learn(&decoder, tracepoint("cpu_idle"),
					    FORMAT("cpu_idle", "568",
						   "\tfield:u32 state;\toffset:8;\tsize:4;\tsigned:0;\n"
						   "\tfield:u32 cpu_id;\toffset:12;\tsize:4;\tsigned:0;\n"),
					    &err),
			 0);
	assert_true(idle_decode(&decoder, record, sizeof(record), &event));
	assert_true(event.id == IDLE_STATE_LEFT);
	assert_int_equal(event.pid, 0);
}

static void test_unknown_format(void **state)
{
	struct idle_decoder decoder = { 0 };
	struct isolat_error err;

	assert_int_equal(idle_decoder_learn(
				 &decoder, tracepoint("cpu_idle"),
				 FORMAT("cpu_idle", "568", "\tfield:u32 mood;\toffset:8;\tsize:4;\tsigned:0;\n"), &err),
			 -1);
	assert_int_equal(err.code, ISOLAT_UNSUPPORTED);
	assert_non_null(strstr(err.reason, "state"));
	assert_int_equal(idle_decoder_learn(&decoder, tracepoint("cpu_idle"), "garbage", &err), -1);
	assert_int_equal(err.code, ISOLAT_UNSUPPORTED);
}

static void test_no_tracefs(void **state)
{
	struct trace_instance instance;
	struct isolat_error err;

	assert_int_equal(trace_instance_create(&instance, "/proc", &err), -1);
	assert_int_equal(err.code, ISOLAT_UNSUPPORTED);
	assert_non_null(strstr(err.hint, "mount -t tracefs"));
	assert_int_equal(trace_instance_create(&instance, "/proc/none", &err), -1);
	assert_int_equal(err.code, ISOLAT_UNSUPPORTED);
	assert_int_equal(trace_instance_remove(&instance, &err), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_merge_by_time), cmocka_unit_test(test_merge_loss),
		cmocka_unit_test(test_merge_garbage), cmocka_unit_test(test_decode),
		cmocka_unit_test(test_decode_signs),  cmocka_unit_test(test_unknown_format),
		cmocka_unit_test(test_no_tracefs),
	};

	return cmocka_run_group_tests_name("idle_record", tests, NULL, NULL);
}
