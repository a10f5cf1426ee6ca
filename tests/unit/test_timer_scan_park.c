// SPDX-License-Identifier: BSD-3-Clause
/* When the scanner parks a page, and what takes it back; under a clock that stands until it is moved. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "timer_fake.h"

#define US   1000ULL
#define MS   1000000ULL
#define SAME ((uint64_t)1 << EXITLESS_MULT_SHIFT)
#define HOST (1000000 * MS)

static struct timer_stats stats;
static struct timer_scan *scan;
static struct fake_vm vm;
static uint64_t now;

static uint64_t read_clock(void *arg)
{
	return now;
}

static void start(uint64_t park_ns, unsigned int page_minor, unsigned int guest_minor, uint64_t mult)
{
	struct timer_scan_limits limits = timer_scan_defaults;
	struct isolat_error err;

	limits.park_ns = park_ns;
	memset(&stats, 0, sizeof(stats));
	now = HOST;
	assert_int_equal(timer_scan_new(&scan, &limits, 1000000, &stats, &err), 0);
	timer_scan_set_clock(scan, read_clock, NULL);
	fake_vm_make(&vm, 2, page_minor);
	fake_vm_map(&vm, HOST, 0, mult);
	fake_vm_run(&vm, guest_minor);
	assert_int_equal(timer_scan_add(scan, 0, &vm.page, vm.signals, vm.doorbell, 1, &err), 0);
	fake_signals(&vm, 0);
	fake_signals(&vm, 1);
	assert_int_equal(timer_scan_pass(scan), 0);
}

static int end(void **state)
{
	timer_scan_free(scan);
	fake_vm_free(&vm);
	return 0;
}

static uint64_t pass_at(uint64_t tsc)
{
	now = tsc;
	return timer_scan_pass(scan);
}

static uint64_t wake_tsc(void)
{
	return vm.page.header->agent_wake_tsc;
}

static void test_nothing_armed(void **state)
{
	start(1 * MS, 1, 1, SAME);
	assert_int_equal(pass_at(HOST + 1 * MS - 1), 0);
	assert_true(wake_tsc() == EXITLESS_AWAKE);
	assert_true(pass_at(HOST + 1 * MS) == EXITLESS_NEVER);
	assert_true(wake_tsc() == EXITLESS_NEVER);
	assert_int_equal(stats.vms[0].parked, 1);
	assert_int_equal(stats.vms[0].is_parked, 1);
	/* Armed: it rings, and is read. */
	now = HOST + 50 * MS;
	assert_true(fake_arm(&vm, 0, 50 * MS, 50 * MS + 7));
	fake_ring(&vm);
	assert_int_equal(timer_scan_pass(scan), 0);
	assert_true(wake_tsc() == EXITLESS_AWAKE);
	assert_int_equal(stats.vms[0].rung, 1);
	assert_int_equal(stats.vms[0].is_parked, 0);
	assert_int_equal(pass_at(HOST + 50 * MS + 7), 0);
	assert_int_equal(fake_signals(&vm, 0), 1);
	/* Not parked soon after a fire. */
	assert_int_equal(pass_at(HOST + 51 * MS), 0);
	assert_true(pass_at(HOST + 51 * MS + 7) == EXITLESS_NEVER);
	assert_int_equal(stats.vms[0].parked, 2);
}

/* A timer far away: the agent is back 100 us before it, by the guest's clock too. */
static void test_armed_far(void **state)
{
	start(1 * MS, 1, 1, SAME * 2);
	assert_false(fake_arm(&vm, 1, 0, 20 * MS));
	assert_int_equal(pass_at(HOST + 1 * MS), HOST + 10 * MS - 100 * US);
	assert_int_equal(wake_tsc(), 20 * MS - 200 * US);
	/* One more, later than that, needs no ring; one before does. */
	assert_false(fake_arm(&vm, 0, 3 * MS, 20 * MS - 200 * US));
	assert_true(fake_arm(&vm, 0, 3 * MS, 20 * MS - 200 * US - 1));
	fake_slot(&vm, 0)->expiry = EXITLESS_DISARMED;
	assert_int_equal(pass_at(HOST + 10 * MS - 100 * US - 1), HOST + 10 * MS - 100 * US);
	assert_int_equal(pass_at(HOST + 10 * MS - 100 * US), 0);
	assert_true(wake_tsc() == EXITLESS_AWAKE);
	assert_int_equal(fake_signals(&vm, 1), 0);
	pass_at(HOST + 10 * MS);
	assert_int_equal(fake_signals(&vm, 1), 1);
	assert_int_equal(stats.vms[0].rung, 0);
}

/* Due within the park time: it is read all the while. */
static void test_armed_near(void **state)
{
	start(1 * MS, 1, 1, SAME);
	fake_arm(&vm, 0, 0, 2 * MS + 100 * US);
	assert_int_equal(pass_at(HOST + 1 * MS), 0);
	fake_arm(&vm, 0, 0, 2 * MS + 100 * US + 1);
	assert_int_equal(pass_at(HOST + 1 * MS), HOST + 2 * MS + 1);
}

/* 1.0 and 1.1, guest and page: only both of 1.1 are parked; whoever they are, their timers fire. */
static void test_versions(void **state)
{
	for (unsigned int page = 0; page < 2; page++)
		for (unsigned int guest = 0; guest < 2; guest++) {
			start(1 * MS, page, guest, SAME);
			assert_int_equal(pass_at(HOST + 5 * MS), page && guest ? EXITLESS_NEVER : 0);
			assert_true(wake_tsc() == (page && guest ? EXITLESS_NEVER : EXITLESS_AWAKE));
			assert_int_equal(vm.page.header->version_minor, page);
			assert_int_equal(!!vm.page.header->doorbell, page);
			/* A 1.0 guest does not look whether it is to ring. */
			if (fake_arm(&vm, 0, 0, 6 * MS) && guest)
				fake_ring(&vm);
			pass_at(HOST + 6 * MS);
			assert_int_equal(fake_signals(&vm, 0), 1);
			end(NULL);
		}
	start(1 * MS, 1, 1, SAME);
}

static void test_never(void **state)
{
	start(0, 1, 1, SAME);
	assert_int_equal(pass_at(HOST + 1000 * MS), 0);
	assert_int_equal(stats.vms[0].parked, 0);
}

/* What came while nobody looked is found in the last pass: a timer, a question, a slot armed before there is a map. */
static void test_last_pass(void **state)
{
	start(1 * MS, 1, 1, SAME);
	vm.page.header->map_seq = 0;
	fake_arm(&vm, 0, 0, 500 * MS);
	assert_int_equal(pass_at(HOST + 5 * MS), 0);
	assert_int_equal(stats.vms[0].parked, 0);
	fake_vm_map(&vm, HOST, 0, SAME);
	assert_int_equal(pass_at(HOST + 5 * MS), HOST + 500 * MS - 100 * US);
}

/* Another kernel has booted, that does not ring: a beat sees it, and it is not parked any more. */
static void test_reboot_to_1_0(void **state)
{
	start(1 * MS, 1, 1, SAME);
	assert_true(pass_at(HOST + 5 * MS) == EXITLESS_NEVER);
	fake_vm_run(&vm, 0);
	timer_scan_sleep(scan, 0, -1);
	assert_int_equal(timer_scan_pass(scan), 0);
	assert_true(wake_tsc() == EXITLESS_AWAKE);
	assert_int_equal(pass_at(HOST + 50 * MS), 0);
}

/* A driver that has gone: parked for good if it rings, else its header is read; a question brings either back. */
static void test_driver_gone(void **state)
{
	start(1 * MS, 1, 1, SAME);
	fake_arm(&vm, 0, 0, 0);
	vm.page.header->guest_state = EXITLESS_GUEST_NONE;
	assert_true(timer_scan_pass(scan) == EXITLESS_NEVER);
	assert_int_equal(fake_signals(&vm, 0), 0);
	vm.page.header->sync_seq++;
	fake_ring(&vm);
	assert_int_equal(timer_scan_pass(scan), 0);
	assert_int_equal(vm.page.header->sync_ack, 1);
	vm.page.header->guest_version = 0;
	assert_int_equal(pass_at(HOST + 20 * MS), HOST + 21 * MS);
	assert_true(wake_tsc() == EXITLESS_AWAKE);
}

/* Ringing for nothing, again and again, costs a page its parking and nothing else. */
static void test_rings_for_nothing(void **state)
{
	start(1 * MS, 1, 1, SAME);
	for (uint64_t i = 1; i <= 10; i++) {
		assert_true(pass_at(HOST + 2 * i * MS) == EXITLESS_NEVER);
		fake_ring(&vm);
		fake_ring(&vm);
		assert_int_equal(timer_scan_pass(scan), 0);
		assert_int_equal(stats.vms[0].rung, i);
	}
	assert_int_equal(stats.vms[0].parked, 10);
}

#define TEST(f) cmocka_unit_test_teardown(f, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_nothing_armed), TEST(test_armed_far),	  TEST(test_armed_near),
		TEST(test_versions),	  TEST(test_never),	  TEST(test_last_pass),
		TEST(test_reboot_to_1_0), TEST(test_driver_gone), TEST(test_rings_for_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
