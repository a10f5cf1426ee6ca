// SPDX-License-Identifier: BSD-3-Clause
/*
 * Guest and scanner in threads of their own, on the real clock, at the two places where they meet: a timer that is
 * armed as its page is parked, and one that is armed anew as it fires. Rounds are counted, and each must end as it
 * should; how long it takes is not looked at, but for a second after which a timer counts as lost. TIMER_RACE_ROUNDS:
 * of each, in place of the default.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <time.h>
#include <x86intrin.h>

#include "timer_fake.h"

#define SAME  ((uint64_t)1 << EXITLESS_MULT_SHIFT)
#define SLOTS 4

static struct timer_stats stats;
static struct timer_scan *scan;
static struct fake_vm vm;
static pthread_t agent;
static bool stop, sleeps;
static uint64_t khz;
static unsigned int rounds = 20000;

static void *run_agent(void *arg)
{
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		uint64_t until = timer_scan_pass(scan);

		if (until && sleeps)
			timer_scan_sleep(scan, until, -1);
	}
	return NULL;
}

static void start(uint64_t park_ns, bool agent_sleeps)
{
	struct timer_scan_limits limits = timer_scan_defaults;
	struct isolat_error err;

	limits.park_ns = park_ns;
	limits.early_ns = 0;
	limits.fire_hz = 1000000000;
	limits.share_permille = 1000;
	stop = false;
	sleeps = agent_sleeps;
	memset(&stats, 0, sizeof(stats));
	assert_int_equal(timer_scan_new(&scan, &limits, khz, &stats, &err), 0);
	fake_vm_make(&vm, SLOTS, 1);
	fake_vm_map(&vm, __rdtsc(), 1000, SAME);
	vm.page.header->map_guest = vm.page.header->map_host;
	fake_vm_run(&vm, 1);
	assert_int_equal(timer_scan_add(scan, 0, &vm.page, vm.signals, vm.doorbell, 1, &err), 0);
	for (unsigned int i = 0; i < SLOTS; i++)
		fake_signals(&vm, i);
	assert_int_equal(pthread_create(&agent, NULL, run_agent, NULL), 0);
}

static void end_agent(void)
{
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	if (vm.doorbell >= 0)
		fake_ring(&vm);
	pthread_join(agent, NULL);
	timer_scan_free(scan);
}

/* Whether slot @n is disarmed within a second. */
static bool wait_for_fire(unsigned int n)
{
	uint64_t end = __rdtsc() + khz * 1000;

	while (__atomic_load_n(&fake_slot(&vm, n)->expiry, __ATOMIC_ACQUIRE) != EXITLESS_DISARMED)
		if (__rdtsc() > end)
			return false;
	return true;
}

static void spin(uint64_t cycles)
{
	for (uint64_t end = __rdtsc() + cycles; __rdtsc() < end;)
		;
}

/* Arms at random moments about the time at which the scanner parks. Returns how many timers were lost. */
static unsigned int arm_and_park(unsigned int n_rounds)
{
	unsigned int lost = 0;

	for (unsigned int i = 0; i < n_rounds && !lost; i++) {
		uint64_t now = __rdtsc();

		if (fake_arm(&vm, i % SLOTS, now, now + (i % 7) * 100))
			fake_ring(&vm);
		if (!wait_for_fire(i % SLOTS))
			lost++;
		spin((uint64_t)rand() % (khz * 2 / 1000));
	}
	return lost;
}

static void check_parking(uint64_t park_ns, bool agent_sleeps, unsigned int n_rounds)
{
	uint64_t signals = 0, fired = 0;

	start(park_ns, agent_sleeps);
	assert_int_equal(arm_and_park(n_rounds), 0);
	end_agent();
	for (unsigned int i = 0; i < SLOTS; i++) {
		signals += fake_signals(&vm, i);
		fired += stats.vms[0].slots[i].fired;
	}
	assert_int_equal(fired, n_rounds);
	assert_int_equal(signals, n_rounds);
	/* They met. */
	assert_true(stats.vms[0].parked > n_rounds / 100);
	assert_true(stats.vms[0].rung > 0);
	print_message("%u timers, parked %llu times, rung for %llu times\n", n_rounds,
		      (unsigned long long)stats.vms[0].parked, (unsigned long long)stats.vms[0].rung);
	fake_vm_free(&vm);
}

static void test_arm_while_parking(void **state)
{
	check_parking(1, false, rounds);
	check_parking(500, false, rounds);
}

static void test_arm_while_going_to_sleep(void **state)
{
	check_parking(1000, true, rounds / 10);
}

/* The second arming is due too, a little later: it must fire, whatever happened to the first. */
static void test_arm_while_firing(void **state)
{
	struct exitless_slot *slot;
	uint64_t fires;

	start(0, false);
	slot = fake_slot(&vm, 0);
	for (unsigned int i = 0; i < rounds; i++) {
		uint64_t first = __rdtsc() + 100 + (uint64_t)rand() % 400, second = first + 300;

		fake_arm(&vm, 0, first, first);
		spin((uint64_t)rand() % 600);
		fake_arm(&vm, 0, second, second);
		assert_true(wait_for_fire(0));
		assert_int_equal(__atomic_load_n(&slot->last_expiry, __ATOMIC_ACQUIRE), second);
	}
	end_agent();
	fires = stats.vms[0].slots[0].fired;
	print_message("%u timers armed twice: %llu fired before that, %llu were replaced\n", rounds,
		      (unsigned long long)(fires - rounds), (unsigned long long)(2 * rounds - fires));
	assert_true(fires > rounds && fires < 2 * rounds);
	assert_int_equal(slot->fired, fires);
	assert_int_equal(fake_signals(&vm, 0), fires);
	fake_vm_free(&vm);
}

/* Maps that move the guest's time back and forth by less than what a timer is late: none is ever early. */
static void test_map_while_firing(void **state)
{
	start(0, false);
	for (unsigned int i = 0; i < rounds; i++) {
		uint64_t now = __rdtsc(), expiry = now + 500;

		fake_arm(&vm, 1, now, expiry);
		fake_vm_map(&vm, now, now - i % 100, SAME);
		assert_true(wait_for_fire(1));
		assert_true(__rdtsc() >= expiry);
		assert_true(fake_slot(&vm, 1)->last_fired >= expiry);
	}
	end_agent();
	assert_int_equal(stats.vms[0].refused, 0);
	fake_vm_free(&vm);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_arm_while_parking),
		cmocka_unit_test(test_arm_while_going_to_sleep),
		cmocka_unit_test(test_arm_while_firing),
		cmocka_unit_test(test_map_while_firing),
	};
	struct isolat_error err;

	if (timer_host_tsc_khz(&khz, &err)) {
		fprintf(stderr, "%s: %s\n", err.what, err.reason);
		return err.code == ISOLAT_UNSUPPORTED ? 77 : 1;
	}
	if (getenv("TIMER_RACE_ROUNDS"))
		rounds = (unsigned int)atoi(getenv("TIMER_RACE_ROUNDS"));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
