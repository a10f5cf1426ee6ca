// SPDX-License-Identifier: BSD-3-Clause
/*
 * What a VM that means harm does to its neighbours, counted; under a clock that each look at it moves on. And eventfds
 * that QEMU has filled.
 */
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <time.h>
#include <unistd.h>

#include "timer_fake.h"
#include "timer_scan_impl.h"

#define US   1000ULL
#define MS   1000000ULL
#define SAME ((uint64_t)1 << EXITLESS_MULT_SHIFT)
#define HOST (1000000 * MS)

#define NEIGHBOURS	3
#define NEIGHBOUR_LINES (2 * NEIGHBOURS) /* of headers and slots, in a pass */

static struct timer_stats stats;
static struct timer_scan *scan;
static struct fake_vm bad, good[NEIGHBOURS];
static uint64_t now, step;
static uint64_t line_ns, lines_spent; /* what a line of the bad one's page takes, and what they took */
static uint64_t last_read;	      /* the clock */
static unsigned int lines_seen;	      /* then */
static uint64_t burn_ns;	      /* what is worked at each look */
static unsigned int armed;	      /* of each neighbour */

/* What lines take that were read since the clock was; a look begins to count anew. Where some are the bad one's, all
 * are taken for that: its page has hundreds. */
static uint64_t read_lines(void)
{
	unsigned int n = scan->since - (scan->now == last_read ? 0 : lines_seen);

	lines_seen = scan->since;
	if (n <= NEIGHBOUR_LINES)
		return 0;
	lines_spent += n * line_ns;
	return n * line_ns;
}

static uint64_t thread_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000 * MS + (uint64_t)ts.tv_nsec;
}

static uint64_t read_clock(void *arg)
{
	now += step + read_lines();
	for (uint64_t end = burn_ns ? thread_ns() + burn_ns : 0; end && thread_ns() < end;)
		;
	last_read = now;
	return now;
}

static void add(unsigned int index, struct fake_vm *vm, unsigned int slots)
{
	struct isolat_error err;

	fake_vm_make(vm, slots, 1);
	fake_vm_map(vm, now, now, SAME);
	fake_vm_run(vm, 1);
	assert_int_equal(timer_scan_add(scan, index, &vm->page, vm->signals, vm->doorbell, 1, &err), 0);
	/* Under a clock that stands nothing is charged. */
	for (uint64_t before = step; scan->n_kicking; step = before) {
		step = 0;
		timer_scan_pass(scan);
	}
	for (unsigned int i = 0; i < slots; i++)
		assert_int_equal(fake_signals(vm, i), 1);
}

static int begin(void **state)
{
	struct isolat_error err;

	memset(&stats, 0, sizeof(stats));
	now = HOST;
	step = 200;
	armed = 0;
	line_ns = lines_spent = burn_ns = 0;
	assert_int_equal(timer_scan_new(&scan, &timer_scan_defaults, 1000000, &stats, &err), 0);
	timer_scan_set_clock(scan, read_clock, NULL);
	for (unsigned int i = 0; i < NEIGHBOURS; i++)
		add(i + 1, &good[i], 1);
	add(0, &bad, EXITLESS_MAX_SLOTS);
	return 0;
}

static int end(void **state)
{
	timer_scan_free(scan);
	fake_vm_free(&bad);
	for (unsigned int i = 0; i < NEIGHBOURS; i++)
		fake_vm_free(&good[i]);
	return 0;
}

/* Neighbours arm again as soon as they have fired; not so often that it would be too often. */
static void arm_neighbours(void)
{
	now += 10 * US;
	armed++;
	for (unsigned int i = 0; i < NEIGHBOURS; i++)
		fake_arm(&good[i], 0, now, now);
}

static void check_neighbours(void)
{
	for (unsigned int i = 0; i < NEIGHBOURS; i++) {
		assert_int_equal(fake_signals(&good[i], 0), 1);
		assert_int_equal(stats.vms[i + 1].slots[0].fired, armed);
		assert_int_equal(stats.vms[i + 1].limited, 0);
		assert_int_equal(stats.vms[i + 1].refused, 0);
	}
}

static uint64_t bad_fires(void)
{
	uint64_t n = 0;

	for (unsigned int i = 0; i < EXITLESS_MAX_SLOTS; i++)
		n += stats.vms[0].slots[i].fired;
	return n;
}

/* Every pass fires all neighbours, whatever the other does; its own fires of one pass, and of a while, are bounded. */
static void test_arms_in_the_past(void **state)
{
	uint64_t fires = 0, most = 0, slots_fired = 0;

	while (now < HOST + 100 * MS) {
		uint64_t before = fires;

		for (unsigned int i = 0; i < EXITLESS_MAX_SLOTS; i++)
			fake_slot(&bad, i)->expiry = 1;
		arm_neighbours();
		timer_scan_pass(scan);
		check_neighbours();
		fires = bad_fires();
		most = fires - before > most ? fires - before : most;
	}
	assert_int_equal(most, 32);
	assert_in_range(fires, 1000, 1000 + 100 * 200 + 1);
	assert_true(stats.vms[0].limited > 0);
	/* And each of its own slots has its turn. */
	for (unsigned int i = 0; i < EXITLESS_MAX_SLOTS; i++)
		slots_fired += stats.vms[0].slots[i].fired > 0;
	assert_int_equal(slots_fired, EXITLESS_MAX_SLOTS);
}

/* A VM whose fires take long has its share of the time, and a visit, not more. */
static void test_slow_fires(void **state)
{
	uint64_t spent = 0;

	/* Of 20 us each, of which its share lets it have 12,500 a second. */
	step = 20 * US;
	while (now < HOST + 1000 * MS) {
		for (unsigned int i = 0; i < EXITLESS_MAX_SLOTS; i++)
			fake_slot(&bad, i)->expiry = 1;
		arm_neighbours();
		timer_scan_pass(scan);
		check_neighbours();
	}
	spent = bad_fires() * step;
	assert_in_range(spent, 200 * MS, 260 * MS);
}

/* For 200 ms, beside neighbours that are all fired in each pass. Returns how often the bad one had to wait. */
static uint64_t pass_beside_lines(uint64_t each_ns, void (*write_page)(void))
{
	uint64_t most = 0;

	/* It does not ring, and so is never parked. */
	fake_vm_run(&bad, 0);
	step = 20;
	line_ns = each_ns;
	while (now < HOST + 200 * MS) {
		uint64_t spent = lines_spent, limited = stats.vms[0].limited;

		if (write_page)
			write_page();
		arm_neighbours();
		timer_scan_pass(scan);
		check_neighbours();
		if (limited && lines_spent - spent > most)
			most = lines_spent - spent;
	}
	/* Once its share is used up: at once what it has of a pass of 20 us, and a chunk and the header's lines. */
	assert_true(most <= (SCAN_CHUNK + 4 + 1) * each_ns + 8 * US);
	return stats.vms[0].limited;
}

/* Lines that take long to read, for they are another CPU's: the VM has its share, and its bucket, and not more. */
static void test_rewrites_lines(void **state)
{
	assert_true(pass_beside_lines(150, NULL) > 0);
	assert_in_range(lines_spent, 40 * MS, 55 * MS);
}

/* The same with somewhat dear lines: in other words, all of what they cost is charged, but for a little. */
static void test_rewrites_some_lines(void **state)
{
	assert_true(pass_beside_lines(40, NULL) > 0);
	assert_in_range(lines_spent, 55 * MS, 80 * MS);
}

/* One with few slots, in visits too short for a look at the clock in each. */
static void test_rewrites_few_lines(void **state)
{
	timer_scan_remove(scan, 0);
	fake_vm_free(&bad);
	add(0, &bad, 16);
	fake_vm_run(&bad, 0);
	step = 20;
	line_ns = 1;
	while (now < HOST + 10 * MS)
		timer_scan_pass(scan);
	assert_int_equal(stats.vms[0].limited, 0);
	line_ns = 150;
	while (now < HOST + 110 * MS)
		timer_scan_pass(scan);
	assert_true(stats.vms[0].limited > 0);
	assert_in_range(lines_spent, 20 * MS, 40 * MS);
}

static void ask_without_map(void)
{
	bad.page.header->map_seq = 0;
	bad.page.header->sync_seq++;
}

/* Without a map, asking all the time: its slots are not read for nothing. */
static void test_unmapped(void **state)
{
	uint64_t passes = 0;

	step = 20;
	line_ns = 150;
	while (now < HOST + 20 * MS) {
		ask_without_map();
		arm_neighbours();
		timer_scan_pass(scan);
		check_neighbours();
		passes++;
	}
	assert_true(lines_spent <= passes * 4 * line_ns);
}

/* The same without questions, where the page is read to see whether it can be parked: that is charged. */
static void test_unmapped_read(void **state)
{
	bad.page.header->map_seq = 0;
	assert_true(pass_beside_lines(150, NULL) > 0);
	assert_in_range(lines_spent, 40 * MS, 55 * MS);
}

/* A small VM that fires now and then is visited in short, and pays for its lines all the same. */
static void test_rewrites_small(void **state)
{
	uint64_t next = now;

	timer_scan_remove(scan, 0);
	fake_vm_free(&bad);
	add(0, &bad, 8);
	fake_vm_run(&bad, 0);
	step = 20;
	line_ns = 150;
	while (now < HOST + 200 * MS) {
		if (now >= next) {
			fake_arm(&bad, 0, now, now);
			next = now + 500 * US;
		}
		timer_scan_pass(scan);
	}
	assert_true(stats.vms[0].limited > 0);
	assert_in_range(lines_spent, 40 * MS, 60 * MS);
}

/* A VM of 512 vCPUs, whose lines are read a dozen at a time from other CPUs, never waits. */
static void test_honest(void **state)
{
	assert_int_equal(pass_beside_lines(4, NULL), 0);
	/* Nor when all of them arm at once, each ms. */
	for (unsigned int ms = 0; ms < 100; ms++) {
		line_ns = 80;
		timer_scan_pass(scan);
		line_ns = 4;
		for (uint64_t end = now + MS; now < end;)
			timer_scan_pass(scan);
	}
	assert_int_equal(stats.vms[0].limited, 0);
}

/* Fires in which the scanner is kept from its CPU are not the VM's doing. */
static void test_kept_from_cpu(void **state)
{
	for (unsigned int i = 0; i < 20; i++) {
		fake_arm(&bad, 0, now, now);
		fake_ring(&bad);
		step = 5 * MS;
		timer_scan_pass(scan);
		step = 20;
		assert_int_equal(fake_signals(&bad, 0), 1);
		now += 10 * MS;
		timer_scan_pass(scan);
	}
	assert_int_equal(stats.vms[0].limited, 0);
}

/* Fires in which it works are: from the second on. */
static void test_works_in_fires(void **state)
{
	unsigned int fires = 0;

	timer_scan_pass(scan);
	for (unsigned int i = 0; i < 20; i++) {
		fake_arm(&bad, 0, now, now);
		fake_ring(&bad);
		step = MS / 2;
		burn_ns = MS;
		timer_scan_pass(scan);
		fires += (unsigned int)fake_signals(&bad, 0);
	}
	assert_true(stats.vms[0].limited > 0);
	assert_in_range(fires, 2, 15);
}

/* Maps, questions, states: each visit answers one. */
static void test_nonsense(void **state)
{
	uint64_t x = 88172645463325252;

	for (unsigned int i = 0; i < 20000; i++) {
		for (unsigned int j = 8; j < 32; j++) {
			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
			((uint64_t *)bad.page.base)[j] = x >> (x & 63);
		}
		arm_neighbours();
		timer_scan_pass(scan);
		check_neighbours();
	}
	assert_true(stats.vms[0].syncs <= 20000);
	assert_true(stats.vms[0].refused > 0);
	/* Asked for a new map once a second at most. */
	assert_true(stats.vms[0].jumps <= (now - HOST) / (1000 * MS) + 1);
}

/* ---- Eventfds that QEMU has filled ---- */

static void fill(int fd, bool block)
{
	const uint64_t most = UINT64_MAX - 1;

	assert_int_equal(write(fd, &most, sizeof(most)), sizeof(most));
	if (block)
		fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
}

static void test_full(void **state)
{
	fill(bad.signals[3], false);
	fake_arm(&bad, 3, now, now);
	fake_arm(&bad, 4, now, now);
	arm_neighbours();
	timer_scan_pass(scan);
	check_neighbours();
	assert_int_equal(stats.vms[0].blocked, 1);
	assert_int_equal(stats.in_signal, 0);
	assert_int_equal(fake_signals(&bad, 4), 1);
	/* Left alone, with what it armed. */
	fake_arm(&bad, 3, now, now);
	for (int i = 0; i < 10; i++)
		timer_scan_pass(scan);
	assert_int_equal(stats.vms[0].blocked, 1);
	assert_true(fake_slot(&bad, 3)->expiry != EXITLESS_DISARMED);
	/* Looked at again after a while, and fired when there is room. */
	now += 10 * MS;
	timer_scan_pass(scan);
	assert_int_equal(stats.vms[0].blocked, 2);
	assert_int_equal(fake_signals(&bad, 3), UINT64_MAX - 1);
	now += 10 * MS;
	timer_scan_pass(scan);
	assert_int_equal(fake_signals(&bad, 3), 1);
	assert_true(fake_slot(&bad, 3)->expiry == EXITLESS_DISARMED);
}

static void on_signal(int signum)
{
}

/* What the daemon does: sees that a signal takes its time, and interrupts it. */
static void *interrupt(void *arg)
{
	const struct timespec pause = { .tv_nsec = 1000000 };

	while (__atomic_load_n(&stats.in_signal, __ATOMIC_ACQUIRE) != 1)
		nanosleep(&pause, NULL);
	while (__atomic_load_n(&stats.in_signal, __ATOMIC_ACQUIRE)) {
		pthread_kill(*(pthread_t *)arg, SIGUSR1);
		nanosleep(&pause, NULL);
	}
	return NULL;
}

static void test_blocks(void **state)
{
	const struct sigaction action = { .sa_handler = on_signal };
	pthread_t self = pthread_self(), thread;

	sigaction(SIGUSR1, &action, NULL);
	fill(bad.signals[3], true);
	fake_arm(&bad, 3, now, now);
	arm_neighbours();
	alarm(20);
	assert_int_equal(pthread_create(&thread, NULL, interrupt, &self), 0);
	timer_scan_pass(scan);
	pthread_join(thread, NULL);
	check_neighbours();
	assert_int_equal(stats.vms[0].blocked, 1);
	/* Neither a kick nor the next fire stops for it. */
	now += 20 * MS;
	fake_arm(&bad, 3, now, now);
	timer_scan_pass(scan);
	assert_int_equal(stats.vms[0].blocked, 2);
	timer_scan_announce_death(scan);
	assert_int_equal(bad.page.header->agent_state, EXITLESS_AGENT_DEAD);
	assert_int_equal(fake_signals(&bad, 511), 1);
	alarm(0);
}

/* ---- Kicks ---- */

/* Each takes its VM's whole share of 160 us: 8 of them, one after the other, fill its bucket, and a ninth is too much.
 */
#define KICK_STEP    (40 * US)
#define KICK_AT_ONCE 9

static unsigned int kicked[EXITLESS_MAX_SLOTS];

/* How many signals of the bad one have come since the last call. */
static unsigned int take_kicks(void)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < EXITLESS_MAX_SLOTS; i++) {
		unsigned int came = (unsigned int)fake_signals(&bad, i);

		kicked[i] += came;
		n += came;
	}
	return n;
}

static void check_kicked(void)
{
	for (unsigned int i = 0; i < EXITLESS_MAX_SLOTS; i++)
		assert_int_equal(kicked[i], 1);
}

/* A map that makes no sense has the VM signalled on all slots: by what it may take of the time, beside its neighbours.
 */
static void test_slow_kick(void **state)
{
	unsigned int passes = 0;

	memset(kicked, 0, sizeof(kicked));
	step = KICK_STEP;
	fake_vm_map(&bad, now, now, 0);
	do {
		arm_neighbours();
		timer_scan_pass(scan);
		check_neighbours();
		assert_in_range(take_kicks(), 0, passes ? 4 : KICK_AT_ONCE);
		assert_true(++passes < 10000);
	} while (scan->n_kicking);
	check_kicked();
	assert_int_equal(stats.vms[0].jumps, 1);
	assert_true(stats.vms[0].limited > 0);
}

/* The same where it costs nothing to speak of: no more at once than fires. And it ends with all VMs parked. */
static void test_quick_kick(void **state)
{
	uint64_t until;

	memset(kicked, 0, sizeof(kicked));
	step = 0;
	now += 10 * MS;
	timer_scan_pass(scan);
	assert_int_equal(scan->n_active, 0);
	scan_kick(scan, &scan->vms[0]);
	while (scan->n_kicking) {
		assert_in_range(take_kicks(), 1, SCAN_FIRES);
		until = timer_scan_pass(scan);
		assert_true(until == (scan->n_kicking ? 0 : EXITLESS_NEVER));
	}
	take_kicks();
	check_kicked();
	assert_int_equal(scan->n_active, 0);
}

/* One that comes while another is under way reaches all slots again; two VMs take turns. */
static void test_kick_again(void **state)
{
	memset(kicked, 0, sizeof(kicked));
	step = 0;
	scan_kick(scan, &scan->vms[0]);
	timer_scan_pass(scan);
	assert_int_equal(take_kicks(), 2 * SCAN_FIRES);
	memset(kicked, 0, sizeof(kicked));
	scan_kick(scan, &scan->vms[0]);
	scan_kick(scan, &scan->vms[1]);
	assert_int_equal(scan->n_kicking, 1);
	while (scan->n_kicking)
		timer_scan_pass(scan);
	take_kicks();
	check_kicked();
	assert_int_equal(fake_signals(&good[0], 0), 1);
}

/* A takeover does not keep neighbours for longer than that either, nor does the end of a VM, which is soon over. */
static void test_slow_comings(void **state)
{
	struct isolat_error err;

	step = 0;
	timer_scan_remove(scan, 0);
	assert_int_equal(take_kicks(), EXITLESS_MAX_SLOTS);
	memset(kicked, 0, sizeof(kicked));
	step = KICK_STEP;
	assert_int_equal(timer_scan_add(scan, 0, &bad.page, bad.signals, bad.doorbell, 2, &err), 0);
	assert_in_range(take_kicks(), 1, KICK_AT_ONCE);
	arm_neighbours();
	timer_scan_pass(scan);
	check_neighbours();
	assert_int_equal(scan->n_kicking, 1);
	take_kicks();
	timer_scan_remove(scan, 0);
	assert_int_equal(scan->n_kicking, 0);
	assert_in_range(take_kicks(), 1, MS / KICK_STEP);
	assert_int_equal(bad.page.header->agent_state, EXITLESS_AGENT_DEAD);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_arms_in_the_past),
		TEST(test_slow_fires),
		TEST(test_rewrites_lines),
		TEST(test_rewrites_some_lines),
		TEST(test_rewrites_few_lines),
		TEST(test_rewrites_small),
		TEST(test_unmapped),
		TEST(test_unmapped_read),
		TEST(test_honest),
		TEST(test_kept_from_cpu),
		TEST(test_works_in_fires),
		TEST(test_nonsense),
		TEST(test_full),
		TEST(test_blocks),
		TEST(test_slow_kick),
		TEST(test_quick_kick),
		TEST(test_kick_again),
		TEST(test_slow_comings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
