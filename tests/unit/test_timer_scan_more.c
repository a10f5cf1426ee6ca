// SPDX-License-Identifier: BSD-3-Clause
/*
 * The scanner where its guest acts between any two of its instructions: this thread is single-stepped, and the guest is
 * the handler of the trap, so that every interleaving of a pass with what a guest does at once has its turn. Then what
 * survives a takeover, limits, and eventfds that block.
 */
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>
#include <x86intrin.h>

#include "timer_fake.h"
#include "timer_scan_impl.h"

#define US   1000ULL
#define MS   1000000ULL
#define SAME ((uint64_t)1 << EXITLESS_MULT_SHIFT)
#define HOST (1000000 * MS)

static struct timer_stats stats;
static struct timer_scan *scan;
static struct fake_vm vm;
static uint64_t now, step; /* each look at the clock takes a step */

static uint64_t read_clock(void *arg)
{
	now += step;
	return now;
}

static void begin_scan(const struct timer_scan_limits *limits, uint32_t generation)
{
	struct isolat_error err;

	assert_int_equal(timer_scan_new(&scan, limits, 1000000, &stats, &err), 0);
	timer_scan_set_clock(scan, read_clock, NULL);
	assert_int_equal(timer_scan_add(scan, 0, &vm.page, vm.signals, vm.doorbell, generation, &err), 0);
}

static uint64_t all_signals(void)
{
	uint64_t n = 0;

	for (unsigned int i = 0; i < vm.page.nr_slots; i++)
		n += fake_signals(&vm, i);
	return n;
}

static void start_with(const struct timer_scan_limits *limits, unsigned int slots)
{
	memset(&stats, 0, sizeof(stats));
	now = HOST;
	step = 0;
	fake_vm_make(&vm, slots, 1);
	fake_vm_map(&vm, HOST, HOST, SAME);
	fake_vm_run(&vm, 1);
	begin_scan(limits, 1);
	all_signals();
	assert_int_equal(timer_scan_pass(scan), 0);
}

static int begin(void **state)
{
	start_with(&timer_scan_defaults, 4);
	return 0;
}

/* For tests that step: as few instructions as there can be. */
static int begin_small(void **state)
{
	start_with(&timer_scan_defaults, 1);
	return 0;
}

static int end(void **state)
{
	timer_scan_free(scan);
	fake_vm_free(&vm);
	return 0;
}

/* ---- A guest between two instructions ---- */

#define TRAP_FLAG   0x100ULL
#define STEPS_LEAST 50 /* of any pass: with fewer nothing was stepped */

static bool (*guest)(void); /* acts, and says whether it has done all that it wanted */
static volatile unsigned int steps, act_at;
static volatile bool acted;

static void on_trap(int signum, siginfo_t *info, void *context)
{
	if (steps++ < act_at)
		return;
	acted = guest();
	if (acted)
		((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL] &= ~(greg_t)TRAP_FLAG;
}

/* One pass, in which the guest acts from the scanner's instruction @at on. False: it had ended before the guest had. */
static bool pass_with_guest(bool (*acts)(void), unsigned int at)
{
	const struct sigaction action = { .sa_sigaction = on_trap, .sa_flags = SA_SIGINFO };

	sigaction(SIGTRAP, &action, NULL);
	guest = acts;
	act_at = at;
	steps = 0;
	acted = false;
	/* Between the stores and the first trap, and between the last trap and the load. */
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	__writeeflags(__readeflags() | TRAP_FLAG);
	timer_scan_pass(scan);
	__writeeflags(__readeflags() & ~TRAP_FLAG);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	return acted;
}

/* Map number @n: any two of its values tell which number the third has to be of. */
static unsigned int published;

static bool publish_next(void)
{
	published++;
	fake_vm_map(&vm, HOST - published, (uint64_t)1000 * published, SAME + published);
	return true;
}

/* The number of the map in use; fails where that is a bit of one and a bit of another. */
static unsigned int map_in_use(void)
{
	const struct scan_vm *held = &scan->vms[0];
	uint64_t n = HOST - held->map_host;

	assert_true(held->map_guest == 1000 * n && held->map_mult == SAME + n);
	return (unsigned int)n;
}

/* A map that changes while it is read is not taken; the one after it is. */
static void test_torn_map(void **state)
{
	unsigned int at = 0;

	do {
		publish_next();
		pass_with_guest(publish_next, at);
		/* One of the two; or the one before them, if this was in the midst of reading. */
		assert_in_range(map_in_use(), published - 2, published);
		timer_scan_pass(scan);
		assert_int_equal(map_in_use(), published);
		at++;
	} while (acted);
	assert_true(at > STEPS_LEAST);
	assert_int_equal(stats.vms[0].refused, 0);
}

/* Voids its map and asks; when it has the answer, arms what would be due by the old map, and begins the new one. */
static bool void_and_ask(void)
{
	struct exitless_header *header = vm.page.header;

	if (header->map_seq && !(header->map_seq & 1)) {
		header->map_seq = 0;
		__atomic_store_n(&header->sync_seq, header->sync_seq + 1, __ATOMIC_RELEASE);
	}
	if (__atomic_load_n(&header->sync_ack, __ATOMIC_ACQUIRE) != header->sync_seq)
		return false;
	fake_arm(&vm, 0, 0, 1);
	__atomic_store_n(&header->map_seq, 1, __ATOMIC_RELEASE);
	return true;
}

static void test_nothing_fires_after_the_answer(void **state)
{
	unsigned int at = 0, passed;

	do {
		vm.page.header->map_seq = 0;
		fake_vm_map(&vm, HOST, HOST, SAME);
		timer_scan_pass(scan);
		assert_true(scan->vms[0].has_map);
		passed = !pass_with_guest(void_and_ask, at);
		/* It came too late for this pass, or for an answer in it. */
		if (passed)
			assert_true(pass_with_guest(void_and_ask, 0));
		timer_scan_pass(scan);
		assert_int_equal(vm.page.header->sync_ack, vm.page.header->sync_seq);
		assert_int_equal(all_signals(), 0);
		assert_int_equal(fake_slot(&vm, 0)->expiry, 1);
		fake_slot(&vm, 0)->expiry = EXITLESS_DISARMED;
		at++;
	} while (!passed);
	assert_true(at > STEPS_LEAST);
	assert_int_equal(stats.vms[0].slots[0].fired, 0);
}

static bool ask(void)
{
	__atomic_store_n(&vm.page.header->sync_seq, vm.page.header->sync_seq + 1, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&vm.page.header->agent_wake_tsc, __ATOMIC_RELAXED) != EXITLESS_AWAKE)
		fake_ring(&vm);
	return true;
}

static bool arm_due(void)
{
	if (fake_arm(&vm, 0, now, now))
		fake_ring(&vm);
	return true;
}

/*
 * While the page is parked, at every instruction: what the guest does is seen in that pass, in its last look, or by the
 * ring. Until a beat, which would see the header too, the clock does not come.
 */
static void act_while_parking(bool (*acts)(void))
{
	unsigned int at;

	for (at = 0;; at++) {
		uint64_t fired = stats.vms[0].slots[0].fired, parked = stats.vms[0].parked, beat;

		/* A beat just before, so that none is in the way. */
		now += 950 * US;
		assert_int_equal(timer_scan_pass(scan), 0);
		now += 60 * US;
		if (!pass_with_guest(acts, at)) {
			assert_int_equal(stats.vms[0].parked, parked + 1);
			break;
		}
		beat = stats.beat;
		now += 10 * US;
		timer_scan_pass(scan);
		assert_int_equal(stats.beat, beat);
		assert_int_equal(vm.page.header->sync_ack, vm.page.header->sync_seq);
		assert_int_equal(stats.vms[0].slots[0].fired, fired + (acts == arm_due));
		assert_true(vm.page.header->agent_wake_tsc == EXITLESS_AWAKE);
	}
	assert_true(at > STEPS_LEAST);
	assert_true(stats.vms[0].parked > 1 && stats.vms[0].rung > 0);
}

static void test_asks_while_parked(void **state)
{
	act_while_parking(ask);
}

static void test_arms_while_parked(void **state)
{
	act_while_parking(arm_due);
}

/* ---- Rings, takeovers, limits, seals ---- */

/* One ring: that page is read again, once is counted, and the other page rests. */
static void test_one_ring(void **state)
{
	struct isolat_error err;
	struct fake_vm other;

	fake_vm_make(&other, 1, 1);
	fake_vm_map(&other, HOST, HOST, SAME);
	fake_vm_run(&other, 1);
	assert_int_equal(timer_scan_add(scan, 1, &other.page, other.signals, other.doorbell, 1, &err), 0);
	timer_scan_pass(scan);
	for (uint64_t round = 1; round <= 5; round++) {
		now += 2 * MS;
		assert_true(timer_scan_pass(scan) == EXITLESS_NEVER);
		fake_ring(&vm);
		now += 10 * US;
		assert_int_equal(timer_scan_pass(scan), 0);
		assert_true(vm.page.header->agent_wake_tsc == EXITLESS_AWAKE);
		assert_true(other.page.header->agent_wake_tsc == EXITLESS_NEVER);
		for (int i = 0; i < 50; i++) {
			now += 10 * US;
			timer_scan_pass(scan);
		}
		assert_int_equal(stats.vms[0].rung, round);
		assert_int_equal(stats.vms[0].parked, round);
		assert_int_equal(stats.vms[1].rung, 0);
		assert_int_equal(stats.vms[1].parked, 1);
	}
	timer_scan_remove(scan, 1);
	fake_vm_free(&other);
}

/* Each scanner that asks for a map does so by a number that its guest has not seen, from whomever. */
static void test_jumps_across_takeovers(void **state)
{
	uint32_t seen = vm.page.header->sync_wanted;

	for (uint32_t generation = 2; generation < 6; generation++) {
		fake_arm(&vm, 1, now + 100 * MS, now + 200 * MS);
		timer_scan_pass(scan);
		assert_int_equal(stats.vms[0].jumps, 1);
		assert_int_not_equal(vm.page.header->sync_wanted, seen);
		seen = vm.page.header->sync_wanted;
		timer_scan_free(scan);
		begin_scan(&timer_scan_defaults, generation);
		/* Nor does a takeover ask by itself. */
		assert_int_equal(vm.page.header->sync_wanted, seen);
	}
}

/* Always due: fires its burst, and then so many a second, to the fire. */
static void test_fire_rate(void **state)
{
	static const unsigned int rates[][2] = { { 1000, 10 }, { 1, 1 }, { 20000, 300 } };

	for (size_t i = 0; i < sizeof(rates) / sizeof(*rates); i++) {
		struct timer_scan_limits limits = timer_scan_defaults;
		uint64_t fired = 0;

		end(NULL);
		limits.fire_hz = rates[i][0];
		limits.fire_burst = rates[i][1];
		start_with(&limits, 4);
		for (; now <= HOST + 100 * MS; now += 10 * US) {
			for (unsigned int n = 0; n < vm.page.nr_slots; n++)
				fake_slot(&vm, n)->expiry = 1;
			timer_scan_pass(scan);
		}
		for (unsigned int n = 0; n < vm.page.nr_slots; n++)
			fired += stats.vms[0].slots[n].fired;
		assert_int_equal(fired, rates[i][1] + rates[i][0] / 10);
		assert_int_equal(all_signals(), fired);
		assert_true(stats.vms[0].limited > 0);
	}
}

/* Who has the page's memfd can add no seal, such as one that keeps the next scanner from mapping it. */
static void test_no_more_seals(void **state)
{
	int seals = F_SEAL_SHRINK | F_SEAL_GROW, fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	struct timer_page page;
	struct isolat_error err;

	assert_int_equal(fcntl(vm.page.memfd, F_GET_SEALS), seals | F_SEAL_SEAL);
	assert_int_equal(fcntl(vm.page.memfd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE), -1);
	assert_int_equal(ftruncate(fd, 4096), 0);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
	assert_int_equal(timer_page_map(&page, fd, 4, &err), -1);
	assert_string_equal(err.reason, "its size is not sealed");
	close(fd);
}

/* ---- Eventfds that block ---- */

static volatile unsigned int blocked_ticks;

static void on_alarm(int signum)
{
	blocked_ticks += __atomic_load_n(&stats.in_signal, __ATOMIC_RELAXED) != 0;
}

/* As QEMU can: full, and whoever writes waits. */
static void fill(unsigned int slot)
{
	const uint64_t most = UINT64_MAX - 1;

	assert_int_equal(write(vm.signals[slot], &most, sizeof(most)), sizeof(most));
	fcntl(vm.signals[slot], F_SETFL, fcntl(vm.signals[slot], F_GETFL) & ~O_NONBLOCK);
}

/* After one of a VM's eventfds has blocked, no other of them is written without a look whether it would. */
static void test_blocks_once(void **state)
{
	const struct itimerval tick = { { .tv_usec = 2000 }, { .tv_usec = 2000 } }, off = { 0 };
	unsigned int ticks;

	fill(1);
	fill(2);
	setitimer(ITIMER_REAL, &tick, NULL);
	fake_arm(&vm, 1, now, now);
	timer_scan_pass(scan);
	assert_int_equal(stats.vms[0].blocked, 1);
	ticks = blocked_ticks;
	assert_true(ticks > 0);
	fake_arm(&vm, 2, now, now);
	timer_scan_pass(scan);
	setitimer(ITIMER_REAL, &off, NULL);
	assert_int_equal(blocked_ticks, ticks);
	assert_int_equal(stats.vms[0].blocked, 2);
	assert_int_equal(stats.vms[0].slots[2].fired, 0);
	assert_true(fake_slot(&vm, 2)->expiry != EXITLESS_DISARMED);
}

/* Whether thread @tid sleeps. */
static bool sleeps(pid_t tid)
{
	char path[64], state = '?';
	FILE *stat = snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid) > 0 ? fopen(path, "re") : NULL;

	if (stat && fscanf(stat, "%*d (%*[^)]) %c", &state) != 1)
		state = '?';
	if (stat)
		fclose(stat);
	return state == 'S';
}

/* Empties slot 1's eventfd when the scanner waits in a write to it. */
static void *empty(void *arg)
{
	const struct timespec pause = { .tv_nsec = 100000 };

	while (!__atomic_load_n(&stats.in_signal, __ATOMIC_ACQUIRE) || !sleeps(*(pid_t *)arg))
		nanosleep(&pause, NULL);
	fake_signals(&vm, 1);
	return NULL;
}

/* Time in which a write waited is the VM's, though the scanner did not work in it. */
static void test_waits_are_charged(void **state)
{
	pid_t self = gettid();

	for (unsigned int i = 0; i < 3; i++) {
		pthread_t thread;

		fill(1);
		fake_arm(&vm, 1, now, now);
		fake_ring(&vm);
		assert_int_equal(pthread_create(&thread, NULL, empty, &self), 0);
		step = 5 * MS;
		timer_scan_pass(scan);
		step = 20;
		pthread_join(thread, NULL);
		assert_int_equal(stats.vms[0].slots[1].fired, i + 1);
		assert_int_equal(stats.vms[0].blocked, 0);
		now += 100 * MS;
		timer_scan_pass(scan);
		fake_signals(&vm, 1);
	}
	/* All but the first. */
	assert_int_equal(stats.vms[0].limited, 2);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
#define STEP(f) cmocka_unit_test_setup_teardown(f, begin_small, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		STEP(test_torn_map),	      STEP(test_nothing_fires_after_the_answer),
		STEP(test_asks_while_parked), STEP(test_arms_while_parked),
		TEST(test_one_ring),	      TEST(test_jumps_across_takeovers),
		TEST(test_fire_rate),	      TEST(test_no_more_seals),
		TEST(test_blocks_once),	      TEST(test_waits_are_charged),
	};
	const struct sigaction action = { .sa_handler = on_alarm };

	sigaction(SIGALRM, &action, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
