// SPDX-License-Identifier: BSD-3-Clause
/* Pages of the exitless timer: sizes, constants, seals; and the host's TSC. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

#include "timer_page.h"

static void test_size(void **state)
{
	assert_int_equal(timer_page_size(1), 4096);
	assert_int_equal(timer_page_size(30), 4096);
	assert_int_equal(timer_page_size(31), 8192);
	assert_int_equal(timer_page_size(EXITLESS_MAX_SLOTS), 131072);
}

static void test_make(void **state)
{
	struct isolat_error err;
	struct timer_page page;

	assert_int_equal(timer_page_make(&page, 3, 1, 0x10002, 2600000, &err), 0);
	assert_int_equal(page.size, 4096);
	assert_int_equal(page.header->magic, EXITLESS_MAGIC);
	assert_int_equal(page.header->version_major, 1);
	assert_int_equal(page.header->version_minor, 1);
	assert_int_equal(page.header->header_size, 256);
	assert_int_equal(page.header->slot_size, 128);
	assert_int_equal(page.header->nr_slots, 3);
	assert_int_equal(page.header->doorbell, 0x10002);
	assert_int_equal(page.header->host_tsc_khz, 2600000);
	assert_int_equal(page.header->agent_state, EXITLESS_AGENT_NONE);
	for (unsigned int i = 0; i < 3; i++) {
		assert_ptr_equal(timer_page_slot(&page, i), (char *)page.base + 256 + (size_t)i * 128);
		assert_true(timer_page_slot(&page, i)->expiry == EXITLESS_DISARMED);
	}
	/* Nothing behind the slots. */
	for (size_t at = 256 + 3 * 128; at < page.size; at++)
		assert_int_equal(((char *)page.base)[at], 0);
	timer_page_close(&page);
	timer_page_close(&page);

	assert_int_equal(timer_page_make(&page, 3, 0, 0x10002, 2600000, &err), 0);
	assert_int_equal(page.header->version_minor, 0);
	assert_int_equal(page.header->doorbell, 0);
	timer_page_close(&page);
}

static void test_seals(void **state)
{
	struct isolat_error err;
	struct timer_page page;

	assert_int_equal(timer_page_make(&page, 1, 1, 0, 1, &err), 0);
	assert_int_equal(ftruncate(page.memfd, 0), -1);
	assert_int_equal(ftruncate(page.memfd, 8192), -1);
	assert_int_equal(fcntl(page.memfd, F_ADD_SEALS, F_SEAL_WRITE), -1);
	timer_page_close(&page);
}

static void test_refuses_slots(void **state)
{
	struct isolat_error err;
	struct timer_page page;

	assert_int_equal(timer_page_make(&page, 0, 1, 0, 1, &err), -1);
	assert_int_equal(err.code, ISOLAT_USAGE);
	assert_int_equal(timer_page_make(&page, EXITLESS_MAX_SLOTS + 1, 1, 0, 1, &err), -1);
	assert_int_equal(err.code, ISOLAT_USAGE);
	assert_int_equal(timer_page_map(&page, 0, EXITLESS_MAX_SLOTS + 1, &err), -1);
	assert_int_equal(err.code, ISOLAT_USAGE);
}

static void test_map(void **state)
{
	struct timer_page page, again;
	struct isolat_error err;
	int fd;

	assert_int_equal(timer_page_make(&page, 40, 1, 0, 1, &err), 0);
	assert_int_equal(timer_page_map(&again, dup(page.memfd), 40, &err), 0);
	timer_page_slot(&page, 39)->expiry = 17;
	assert_int_equal(timer_page_slot(&again, 39)->expiry, 17);
	timer_page_close(&again);
	/* Another number of slots, that is another size. */
	assert_int_equal(timer_page_map(&again, page.memfd, 4, &err), -1);
	assert_int_equal(err.code, ISOLAT_FAILED);
	timer_page_close(&page);

	/* Of the right size, and who has it may shrink it. */
	fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert_int_equal(ftruncate(fd, 4096), 0);
	assert_int_equal(timer_page_map(&again, fd, 4, &err), -1);
	assert_string_equal(err.reason, "its size is not sealed");
	assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	close(fd);
	fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	assert_int_equal(timer_page_map(&again, fd, 4, &err), -1);
	close(fd);
}

/* Against 100 ms of the clock, which is not exact, but would show a wrong unit or fraction. */
static void test_tsc_khz(void **state)
{
	const struct timespec pause = { .tv_nsec = 100000000 };
	struct isolat_error err;
	struct timespec from, to;
	uint64_t khz, again, tsc;
	double measured;

	if (timer_host_tsc_khz(&khz, &err)) {
		assert_int_equal(err.code, ISOLAT_UNSUPPORTED);
		skip();
	}
	assert_int_equal(timer_host_tsc_khz(&again, &err), 0);
	clock_gettime(CLOCK_MONOTONIC_RAW, &from);
	tsc = __rdtsc();
	nanosleep(&pause, NULL);
	clock_gettime(CLOCK_MONOTONIC_RAW, &to);
	tsc = __rdtsc() - tsc;
	measured = (double)tsc * 1e6 / ((double)(to.tv_sec - from.tv_sec) * 1e9 + (double)(to.tv_nsec - from.tv_nsec));
	assert_in_range(khz, (uint64_t)(measured * 0.9), (uint64_t)(measured * 1.1));
	assert_in_range(again, khz - khz / 1000, khz + khz / 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_size),	      cmocka_unit_test(test_make), cmocka_unit_test(test_seals),
		cmocka_unit_test(test_refuses_slots), cmocka_unit_test(test_map),  cmocka_unit_test(test_tsc_khz),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
