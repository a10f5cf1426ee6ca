// SPDX-License-Identifier: BSD-3-Clause
/* Who watches scanners, under a clock of its own: who is blamed for one that stands still, and what is forgiven. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "timer_fake.h"
#include "timer_supervise.h"
#include "timer_vms.h"

#define MS	1000000ULL
#define DEAD_MS 50

static struct timer_stats stats;
static struct fake_vm vm;
static struct timer_daemon_config config = { .dead_ms = DEAD_MS };
static struct timer_daemon watcher = { .config = &config };
static struct timer_scanner *const scanner = &watcher.scanners[0];
static struct timer_vm watched;
static int qemu; /* its end of the connection */
static int told; /* stderr, but for the daemon's log */
static bool clock_is_faked;
static uint64_t clock_ms, scanner_cpu_ms;

/*
 * In place of the C library's: the watcher's clock, its own CPU time, which stands still, and that of the process which
 * it watches.
 */
int clock_gettime(clockid_t id, struct timespec *ts)
{
	uint64_t ms = id == CLOCK_MONOTONIC ? clock_ms : id < 0 ? scanner_cpu_ms : 0;

	if (!clock_is_faked || (id != CLOCK_MONOTONIC && id != CLOCK_THREAD_CPUTIME_ID && id >= 0))
		return (int)syscall(SYS_clock_gettime, id, ts);
	*ts = (struct timespec){ .tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000 * MS) };
	return 0;
}

static uint64_t all_signals(void)
{
	uint64_t n = 0;

	for (unsigned int i = 0; i < vm.page.nr_slots; i++)
		n += fake_signals(&vm, i);
	return n;
}

/* A scanner as it is when it has just been started, by a process that does nothing. */
static void begin_scanner(void)
{
	scanner->pid = fork();
	if (!scanner->pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	assert_true(scanner->pid > 0);
	scanner->started_ms = scanner->beat_ms = scanner->cpu_ms = clock_ms;
	scanner->beat = stats.beat = 0;
	scanner->forgiven = scanner->killed = false;
}

static void end_scanner(void)
{
	siginfo_t info;

	if (scanner->pid < 0)
		return;
	kill(scanner->pid, SIGKILL);
	waitid(P_PID, (id_t)scanner->pid, &info, WEXITED | WNOWAIT);
	timer_supervise_reap(&watcher);
	assert_int_equal(scanner->pid, -1);
}

static int begin_watch(void **state)
{
	int pair[2];

	timer_vms_catch_alarms();
	signal(SIGUSR1, SIG_IGN); /* what a scanner whose write blocks is sent */
	told = dup(STDERR_FILENO);
	dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), STDERR_FILENO);
	memset(&stats, 0, sizeof(stats));
	watcher.n_scanners = 1;
	watcher.ending = true; /* no scanner follows by itself */
	*scanner = (struct timer_scanner){ .cpu = -1, .pid = -1, .socket = -1, .stats = &stats };
	fake_vm_make(&vm, 4, 1);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	qemu = pair[1];
	watched = (struct timer_vm){ .config.name = "watched", .daemon = &watcher, .scanner = scanner, .served = true };
	watched.client.fd = pair[0];
	watched.page = vm.page;
	watched.doorbell = vm.doorbell;
	watched.signals = vm.signals;
	watched.to_kick = vm.page.nr_slots;
	watcher.vms[0] = &watched;
	clock_is_faked = true;
	clock_ms = watcher.looked_ms = 1000000;
	begin_scanner();
	return 0;
}

static int end_watch(void **state)
{
	end_scanner();
	clock_is_faked = false;
	dup2(told, STDERR_FILENO);
	close(told);
	close(watched.client.fd);
	close(qemu);
	fake_vm_free(&vm);
	return 0;
}

/* Looks as often as it is meant to, until @ms have passed; a scanner that @works uses its CPU all the while. */
static void watch_for(uint64_t ms, bool works)
{
	for (uint64_t until = clock_ms + ms; clock_ms < until;) {
		clock_ms += TIMER_LOOK_MS;
		scanner_cpu_ms += works ? TIMER_LOOK_MS : 0;
		timer_supervise_look(&watcher);
	}
}

static void scanner_beats(void)
{
	stats.beat++;
	stats.cpu_ns = scanner_cpu_ms * MS;
	watch_for(TIMER_LOOK_MS, true);
}

/* One that stands still in a write for the watched VM, at work or waiting; the next one follows. */
static void dies_in_signal(bool works)
{
	scanner_beats();
	stats.in_signal = watched.index + 1;
	watch_for(DEAD_MS, works);
	assert_false(scanner->killed);
	watch_for(TIMER_LOOK_MS, works);
	assert_true(scanner->killed);
	end_scanner();
	stats.in_signal = 0;
	begin_scanner();
}

/* A VM in whose signals two scanners have worked themselves to death is served no more; one that makes them wait is. */
static void test_cuts_off(void **state)
{
	char byte;

	for (int i = 0; i < 3; i++)
		dies_in_signal(false);
	assert_int_equal(watched.killed_scanners, 0);
	dies_in_signal(true);
	assert_int_equal(watched.killed_scanners, 1);
	assert_true(watched.served);
	assert_int_equal(recv(qemu, &byte, 1, MSG_DONTWAIT), -1);
	dies_in_signal(true);
	assert_int_equal(watched.killed_scanners, 2);
	assert_false(watched.served);
	assert_int_equal(recv(qemu, &byte, 1, MSG_DONTWAIT), 0);
	/* Nobody is left to blame. */
	dies_in_signal(true);
	assert_int_equal(watched.killed_scanners, 2);
}

/* A watcher that comes late: each time once, where the scanner has beaten since the last time. */
static void test_late_looks(void **state)
{
	for (int i = 0; i < 3; i++) {
		scanner_beats();
		clock_ms += 10 * DEAD_MS;
		timer_supervise_look(&watcher);
		assert_false(scanner->killed);
	}
	clock_ms += 10 * DEAD_MS;
	timer_supervise_look(&watcher);
	assert_true(scanner->killed);
}

/* Nor does the next scanner inherit what was forgiven its predecessor. Its start, by a real one. */
static void test_next_is_forgiven_too(void **state)
{
	end_scanner();
	watched.served = false;
	watcher.scanner = (struct timer_scanner_config){ .limits = timer_scan_defaults, .tsc_khz = 1000000 };
	scanner->stats = NULL;
	scanner->forgiven = scanner->killed = true;
	scanner->quick_deaths = 0;
	timer_supervise_start(&watcher, scanner);
	assert_true(scanner->pid > 0);
	assert_false(scanner->forgiven);
	assert_false(scanner->killed);
	end_scanner();
	timer_scanner_free(scanner);
}

/* A process that begins has two seconds more, until its first beat. */
static void test_start_takes_time(void **state)
{
	watch_for(2000 + DEAD_MS, false);
	assert_false(scanner->killed);
	watch_for(TIMER_LOOK_MS, false);
	assert_true(scanner->killed);
	end_scanner();
	begin_scanner();
	watch_for(1000, false);
	scanner_beats();
	watch_for(DEAD_MS, false);
	assert_false(scanner->killed);
	watch_for(TIMER_LOOK_MS, false);
	assert_true(scanner->killed);
}

/* The CPU that it takes, in percent of each second. */
static void test_cpu_used(void **state)
{
	for (int look = 1; look <= 200; look++) {
		stats.beat++;
		stats.cpu_ns += look <= 100 ? 10 * MS : 1 * MS;
		watch_for(TIMER_LOOK_MS, false);
		assert_true(scanner->cpu_pct == (look < 100 ? 0 : look < 200 ? 100 : 10));
	}
}

/* What a scanner that was killed still stored does not stand: its death is told again when it has surely ended. */
static void test_death_is_told_twice(void **state)
{
	scanner_beats();
	watch_for(DEAD_MS + TIMER_LOOK_MS, false);
	assert_true(scanner->killed);
	assert_int_equal(vm.page.header->agent_state, EXITLESS_AGENT_DEAD);
	assert_int_equal(all_signals(), 4);
	vm.page.header->agent_state = EXITLESS_AGENT_RUNS;
	end_scanner();
	assert_int_equal(vm.page.header->agent_state, EXITLESS_AGENT_DEAD);
	assert_int_equal(all_signals(), 4);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin_watch, end_watch)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_cuts_off),	     TEST(test_late_looks), TEST(test_next_is_forgiven_too),
		TEST(test_start_takes_time), TEST(test_cpu_used),   TEST(test_death_is_told_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
