// SPDX-License-Identifier: BSD-3-Clause
/* The scanner under a clock that stands until it is moved: one cycle is one ns. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <string.h>

#include "timer_fake.h"

#define US   1000ULL
#define MS   1000000ULL
#define SAME ((uint64_t)1 << EXITLESS_MULT_SHIFT)
#define FAR  (100000 * MS)
#define HOST (1000000 * MS) /* when a test begins */

static struct timer_stats stats;
static struct timer_scan *scan;
static struct fake_vm a, b;
static uint64_t now, step; /* each look at the clock takes a step */

static uint64_t read_clock(void *arg)
{
	now += step;
	return now;
}

static void scan_with(const struct timer_scan_limits *limits)
{
	struct isolat_error err;

	assert_int_equal(timer_scan_new(&scan, limits, 1000000, &stats, &err), 0);
	timer_scan_set_clock(scan, read_clock, NULL);
}

static void add(unsigned int index, struct fake_vm *vm, uint32_t generation)
{
	struct isolat_error err;

	assert_int_equal(timer_scan_add(scan, index, &vm->page, vm->signals, vm->doorbell, generation, &err), 0);
}

static void forget_signals(const struct fake_vm *vm)
{
	for (unsigned int i = 0; i < vm->page.nr_slots; i++)
		fake_signals(vm, i);
}

static int begin(void **state)
{
	memset(&stats, 0, sizeof(stats));
	now = HOST;
	step = 0;
	scan_with(&timer_scan_defaults);
	return 0;
}

static int end(void **state)
{
	timer_scan_free(scan);
	return 0;
}

/* A guest that runs, its clock the host's. */
static void add_running(unsigned int index, struct fake_vm *vm, unsigned int slots, unsigned int guest_minor)
{
	fake_vm_make(vm, slots, 1);
	fake_vm_map(vm, now, now, SAME);
	fake_vm_run(vm, guest_minor);
	add(index, vm, 1);
	forget_signals(vm);
	timer_scan_pass(scan);
}

static uint64_t pass_at(uint64_t tsc)
{
	now = tsc;
	return timer_scan_pass(scan);
}

/* ---- Firing ---- */

static void test_fires_at_expiry(void **state)
{
	struct exitless_slot *slot;

	add_running(0, &a, 2, 1);
	slot = fake_slot(&a, 1);
	fake_arm(&a, 1, now, HOST + 5 * US);
	assert_int_equal(pass_at(HOST + 5 * US - 1), 0);
	assert_int_equal(fake_signals(&a, 1), 0);
	assert_int_equal(slot->expiry, HOST + 5 * US);
	pass_at(HOST + 5 * US);
	assert_int_equal(fake_signals(&a, 1), 1);
	assert_int_equal(fake_signals(&a, 0), 0);
	assert_true(slot->expiry == EXITLESS_DISARMED);
	assert_int_equal(slot->last_expiry, HOST + 5 * US);
	assert_int_equal(slot->last_fired, HOST + 5 * US);
	assert_int_equal(slot->fired, 1);
	assert_int_equal(stats.vms[0].slots[1].fired, 1);
	assert_int_equal(stats.vms[0].slots[1].armed, 1);
	assert_int_equal(stats.vms[0].slots[1].late[0], 1);
	pass_at(HOST + 6 * US);
	assert_int_equal(fake_signals(&a, 1), 0);
	fake_vm_free(&a);
}

static void test_cancel_and_replace(void **state)
{
	add_running(0, &a, 2, 1);
	fake_arm(&a, 0, now, HOST + 5 * US);
	fake_arm(&a, 1, now, HOST + 5 * US);
	pass_at(HOST + 1 * US);
	fake_arm(&a, 0, now, EXITLESS_DISARMED);
	fake_arm(&a, 1, now, HOST + 9 * US);
	pass_at(HOST + 8 * US);
	assert_int_equal(fake_signals(&a, 0) + fake_signals(&a, 1), 0);
	pass_at(HOST + 9 * US);
	assert_int_equal(fake_signals(&a, 0), 0);
	assert_int_equal(fake_signals(&a, 1), 1);
	fake_vm_free(&a);
}

/* Armings are counted by what the guest counts, from what it had when it came, and without a fire. */
static void test_counts_armings(void **state)
{
	const struct timer_slot_stats *slots = stats.vms[0].slots;

	fake_vm_make(&a, 3, 1);
	fake_vm_map(&a, now, now, SAME);
	fake_vm_run(&a, 1);
	fake_slot(&a, 0)->seq = 500;
	fake_slot(&a, 2)->seq = 7;
	fake_arm(&a, 2, now, HOST + FAR);
	add(0, &a, 1);
	pass_at(HOST + 1 * US);
	assert_int_equal(slots[0].armed, 0);
	assert_int_equal(slots[1].armed, 0);
	assert_int_equal(slots[2].armed, 1);
	fake_arm(&a, 0, now, HOST + FAR);
	fake_arm(&a, 0, now, HOST + FAR);
	/* Read again after a ms, */
	pass_at(HOST + 2 * MS);
	assert_int_equal(slots[0].armed, 2);
	assert_int_equal(slots[0].fired, 0);
	/* and at a fire. What no guest counts is one. */
	fake_slot(&a, 0)->seq = 3;
	fake_slot(&a, 0)->expiry = HOST + 2 * MS + US;
	fake_ring(&a);
	pass_at(HOST + 2 * MS + US);
	assert_int_equal(slots[0].armed, 3);
	assert_int_equal(slots[0].fired, 1);
	fake_vm_free(&a);
}

/* A TSC that has begun anew, as after a suspend: the beat stands, so that another scanner begins. */
static void test_clock_begins_anew(void **state)
{
	uint64_t beat;

	add_running(0, &a, 1, 1);
	fake_arm(&a, 0, now, HOST + 10 * MS);
	pass_at(HOST + 1 * MS);
	beat = stats.beat;
	assert_true(beat > 0);
	for (unsigned int i = 1; i < 100; i++)
		pass_at(i * MS);
	assert_int_equal(stats.beat, beat);
	timer_scan_sleep(scan, 1, -1);
	assert_int_equal(stats.beat, beat);
	assert_int_equal(fake_signals(&a, 0), 0);
	fake_vm_free(&a);
}

/* Lateness is counted from the arming if the expiry was past then. */
static void test_armed_in_the_past(void **state)
{
	add_running(0, &a, 1, 1);
	fake_arm(&a, 0, HOST, 17);
	pass_at(HOST + 5 * US);
	assert_int_equal(fake_signals(&a, 0), 1);
	assert_int_equal(stats.vms[0].slots[0].late_max, 5 * US);
	assert_int_equal(stats.vms[0].slots[0].late[12], 1);
	fake_vm_free(&a);
}

static void test_map(void **state)
{
	fake_vm_make(&a, 1, 1);
	fake_vm_run(&a, 1);
	/* Half as fast, and long since up. */
	fake_vm_map(&a, HOST, 1000, SAME / 2);
	add(0, &a, 1);
	forget_signals(&a);
	fake_arm(&a, 0, 1000, 1000 + 5 * US);
	pass_at(HOST + 10 * US - 1);
	assert_int_equal(fake_signals(&a, 0), 0);
	pass_at(HOST + 10 * US);
	assert_int_equal(fake_signals(&a, 0), 1);
	assert_int_equal(fake_slot(&a, 0)->last_fired, 1000 + 5 * US);
	/* Without a map nothing fires. */
	a.page.header->map_seq = 0;
	fake_arm(&a, 0, 1000, 1000);
	pass_at(HOST + 20 * US);
	assert_int_equal(fake_signals(&a, 0), 0);
	fake_vm_map(&a, HOST, 1000, SAME / 2);
	pass_at(HOST + 21 * US);
	assert_int_equal(fake_signals(&a, 0), 1);
	fake_vm_free(&a);
}

/* What makes no sense is counted once and does not touch a neighbour; while a map changes the one before holds. */
static void test_bad_maps(void **state)
{
	static const struct {
		uint64_t host, mult;
	} maps[] = { { HOST, 0 },
		     { HOST, EXITLESS_MULT_MIN - 1 },
		     { HOST, EXITLESS_MULT_MAX + 1 },
		     { HOST, UINT64_MAX },
		     { HOST + 1, SAME },
		     { UINT64_MAX, SAME } };

	add_running(0, &a, 1, 1);
	add_running(1, &b, 1, 1);
	for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]); i++) {
		uint32_t wanted = a.page.header->sync_wanted;

		now = HOST + i * 2000 * MS;
		fake_vm_map(&a, maps[i].host + (maps[i].host == HOST + 1 ? now - HOST : 0), 0, maps[i].mult);
		fake_arm(&a, 0, 0, 0);
		fake_arm(&b, 0, now, now);
		timer_scan_pass(scan);
		timer_scan_pass(scan);
		assert_int_equal(stats.vms[0].refused, i + 1);
		assert_int_equal(stats.vms[0].slots[0].fired, 0);
		assert_int_not_equal(a.page.header->sync_wanted, wanted);
		assert_int_equal(fake_signals(&b, 0), 1);
	}
	fake_vm_map(&a, HOST, HOST, SAME);
	a.page.header->map_seq++;
	timer_scan_pass(scan);
	assert_int_equal(stats.vms[0].slots[0].fired, 0);
	a.page.header->map_seq++;
	timer_scan_pass(scan);
	assert_int_equal(stats.vms[0].slots[0].fired, 1);
	a.page.header->map_seq++;
	a.page.header->map_mult = 0;
	fake_arm(&a, 0, 0, 0);
	timer_scan_pass(scan);
	assert_int_equal(stats.vms[0].slots[0].fired, 2);
	fake_vm_free(&a);
	fake_vm_free(&b);
}

/* A guest that says DISARMED is the time: what is disarmed stays so. */
static void test_end_of_time(void **state)
{
	add_running(0, &a, 2, 1);
	fake_vm_map(&a, HOST, EXITLESS_DISARMED, SAME);
	pass_at(HOST);
	pass_at(HOST);
	assert_int_equal(stats.vms[0].slots[0].fired + stats.vms[0].slots[1].fired, 0);
	fake_vm_free(&a);
}

static void test_bad_states(void **state)
{
	add_running(0, &a, 1, 1);
	fake_arm(&a, 0, 0, 0);
	a.page.header->guest_state = 7;
	timer_scan_pass(scan);
	assert_int_equal(stats.vms[0].refused, 1);
	a.page.header->guest_state = EXITLESS_GUEST_RUNS;
	a.page.header->guest_version = EXITLESS_VERSION(2, 0);
	/* It is parked, and did not ring: a beat sees it. */
	timer_scan_sleep(scan, 0, -1);
	timer_scan_pass(scan);
	assert_int_equal(stats.vms[0].refused, 2);
	assert_int_equal(stats.vms[0].slots[0].fired, 0);
	a.page.header->guest_version = EXITLESS_VERSION(1, 9);
	timer_scan_sleep(scan, 0, -1);
	timer_scan_pass(scan);
	assert_int_equal(stats.vms[0].slots[0].fired, 1);
	fake_vm_free(&a);
}

/* ---- Handshake, takeover, death, jump ---- */

static void test_handshake(void **state)
{
	struct exitless_header *header;

	fake_vm_make(&a, 1, 1);
	header = a.page.header;
	add(0, &a, 1);
	/* No driver: its header is read every ms. */
	assert_int_equal(pass_at(HOST), HOST + 1 * MS);
	header->sync_seq = 5;
	now = HOST + 1 * MS;
	timer_scan_sleep(scan, 0, -1);
	assert_int_equal(timer_scan_pass(scan), 0);
	assert_int_equal(header->sync_ack, 5);
	assert_int_equal(header->sync_host_tsc, HOST + 1 * MS);
	assert_int_equal(stats.vms[0].syncs, 1);
	/* And all the time for the 20 ms after it asked. */
	assert_int_equal(pass_at(HOST + 20 * MS), 0);
	header->sync_seq = 6;
	assert_int_equal(pass_at(HOST + 20 * MS + 7), 0);
	assert_int_equal(header->sync_ack, 6);
	assert_int_equal(header->sync_host_tsc, HOST + 20 * MS + 7);
	assert_int_equal(pass_at(HOST + 41 * MS), HOST + 42 * MS);
	fake_vm_free(&a);
}

static void test_takeover(void **state)
{
	struct exitless_header *header;

	add_running(0, &a, 3, 1);
	header = a.page.header;
	timer_scan_announce_death(scan);
	assert_int_equal(header->agent_state, EXITLESS_AGENT_DEAD);
	for (unsigned int i = 0; i < 3; i++)
		assert_int_equal(fake_signals(&a, i), 1);
	timer_scan_free(scan);
	header->agent_wake_tsc = EXITLESS_NEVER;
	header->sync_seq = 9;
	fake_arm(&a, 1, HOST, HOST + 5);
	now = HOST + 10;
	scan_with(&timer_scan_defaults);
	add(0, &a, 42);
	assert_int_equal(header->agent_state, EXITLESS_AGENT_RUNS);
	assert_int_equal(header->generation, 42);
	assert_true(header->agent_wake_tsc == EXITLESS_AWAKE);
	for (unsigned int i = 0; i < 3; i++)
		assert_int_equal(fake_signals(&a, i), 1);
	/* What was armed, and asked, while nobody was there. */
	timer_scan_pass(scan);
	assert_int_equal(fake_signals(&a, 1), 1);
	assert_int_equal(header->sync_ack, 9);
	fake_vm_free(&a);
}

static void test_jump(void **state)
{
	struct exitless_header *header;
	uint32_t wanted;

	add_running(0, &a, 2, 1);
	header = a.page.header;
	wanted = header->sync_wanted;
	/* Within the slack: the map is a lower bound. */
	fake_arm(&a, 0, HOST + 10 * US, HOST + 1 * MS);
	pass_at(HOST);
	assert_int_equal(header->sync_wanted, wanted);
	/* The host's clock falls back by a second. */
	timer_scan_jump(scan, -1000 * (int64_t)MS);
	fake_arm(&a, 0, HOST + 1 * MS, HOST + 2 * MS);
	pass_at(HOST + 1 * MS);
	assert_int_equal(header->sync_wanted, wanted + 1);
	assert_int_equal(stats.vms[0].jumps, 1);
	assert_int_equal(fake_signals(&a, 0), 1);
	assert_int_equal(fake_signals(&a, 1), 1);
	pass_at(HOST + 500 * MS);
	assert_int_equal(stats.vms[0].jumps, 1);
	pass_at(HOST + 1500 * MS);
	fake_arm(&a, 0, now, now + FAR);
	pass_at(HOST + 1500 * MS);
	assert_int_equal(stats.vms[0].jumps, 2);
	/* A new map, and all is well. */
	fake_vm_map(&a, now - 1000 * MS, now, SAME);
	fake_arm(&a, 0, now, now);
	timer_scan_pass(scan);
	assert_true(fake_slot(&a, 0)->expiry == EXITLESS_DISARMED);
	fake_vm_free(&a);
}

static void test_beats(void **state)
{
	uint64_t beat = 0;

	add_running(200, &a, 1, 0);
	for (int i = 1; i <= 50; i++) {
		for (int j = 0; j < 20; j++)
			pass_at(now + 100 * US);
		assert_true(a.page.header->heartbeat > beat);
		assert_int_equal(stats.beat, now);
		beat = a.page.header->heartbeat;
	}
	/* What the guest makes of it is not where it goes on. */
	a.page.header->heartbeat = 0;
	for (int j = 0; j < 20; j++)
		pass_at(now + 100 * US);
	assert_true(a.page.header->heartbeat > beat);
	timer_scan_sleep(scan, now, -1);
	assert_true(a.page.header->heartbeat > beat + 1);
	fake_vm_free(&a);
}

/* ---- VMs come and go ---- */

static void test_add_remove(void **state)
{
	struct isolat_error err;

	add_running(0, &a, 1, 1);
	add_running(7, &b, 1, 1);
	assert_int_equal(timer_scan_add(scan, 7, &a.page, a.signals, -1, 1, &err), -1);
	assert_int_equal(err.code, ISOLAT_USAGE);
	assert_int_equal(timer_scan_add(scan, TIMER_MAX_VMS, &a.page, a.signals, -1, 1, &err), -1);
	timer_scan_remove(scan, 0);
	timer_scan_remove(scan, 0);
	/* It may be told a second time: the first mark may have come before this scanner took the page over. */
	assert_int_equal(a.page.header->agent_state, EXITLESS_AGENT_DEAD);
	assert_true(fake_signals(&a, 0) > 0);
	fake_arm(&a, 0, 0, 0);
	fake_arm(&b, 0, 0, 0);
	timer_scan_pass(scan);
	assert_int_equal(fake_signals(&a, 0), 0);
	assert_int_equal(fake_signals(&b, 0), 1);
	timer_scan_remove(scan, 7);
	assert_int_equal(fake_signals(&b, 0), 1);
	assert_true(timer_scan_pass(scan) == EXITLESS_NEVER);
	add(7, &b, 2);
	assert_int_equal(stats.vms[7].slots[0].fired, 0);
	assert_int_equal(timer_scan_pass(scan), 0);
	a.page.header->agent_state = EXITLESS_AGENT_RUNS;
	timer_scan_announce_death(scan);
	assert_int_equal(a.page.header->agent_state, EXITLESS_AGENT_RUNS);
	assert_int_equal(b.page.header->agent_state, EXITLESS_AGENT_DEAD);
	fake_vm_free(&a);
	fake_vm_free(&b);
}

static void test_refuses_limits(void **state)
{
	struct timer_scan_limits limits = timer_scan_defaults;
	struct timer_scan *other;
	struct isolat_error err;

	limits.share_permille = 1001;
	assert_int_equal(timer_scan_new(&other, &limits, 1000000, &stats, &err), -1);
	assert_int_equal(err.code, ISOLAT_USAGE);
	limits.share_permille = 250;
	limits.fire_hz = 0;
	assert_int_equal(timer_scan_new(&other, &limits, 1000000, &stats, &err), -1);
}

/* Passes of a ms each, as of many VMs that fire: all are beaten for in time, wherever in the table they are. */
static void test_beats_of_long_passes(void **state)
{
	static const unsigned int index[] = { 0, 100, TIMER_MAX_VMS - 1 };
	uint64_t beats[3] = { 0 };
	struct fake_vm vms[3];

	for (unsigned int i = 0; i < 3; i++)
		add_running(index[i], &vms[i], 1, 1);
	for (unsigned int ms = 1; ms < 100; ms++) {
		pass_at(HOST + ms * MS);
		for (unsigned int i = 0; i < 3 && ms % EXITLESS_BEAT_MS == 0; i++) {
			assert_true(vms[i].page.header->heartbeat > beats[i]);
			beats[i] = vms[i].page.header->heartbeat;
		}
	}
	for (unsigned int i = 0; i < 3; i++)
		fake_vm_free(&vms[i]);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_fires_at_expiry),
		TEST(test_cancel_and_replace),
		TEST(test_counts_armings),
		TEST(test_clock_begins_anew),
		TEST(test_armed_in_the_past),
		TEST(test_map),
		TEST(test_bad_maps),
		TEST(test_end_of_time),
		TEST(test_bad_states),
		TEST(test_handshake),
		TEST(test_takeover),
		TEST(test_jump),
		TEST(test_beats),
		TEST(test_add_remove),
		TEST(test_refuses_limits),
		TEST(test_beats_of_long_passes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
