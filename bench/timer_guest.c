// SPDX-License-Identifier: BSD-3-Clause
/*
 * The guest's side of `isolat bench timer`. Its commands (see guest_commands.h), all on the last vCPU:
 *
 *   module PARAMS     load smart_idle_poll with these parameters, or unload it (PARAMS empty)
 *   exitless PARAMS   the same with exitless_timer
 *   sleeps N US       sleep N times for US
 *   cyclictest N US   N cycles of cyclictest, an interval of US, halts allowed
 *   quit
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "guest.h"
#include "guest_commands.h"

#define EXITLESS_CPUS	  "/sys/kernel/debug/exitless_timer/cpus"
#define EXITLESS_STATUS	  "/sys/kernel/debug/exitless_timer/status"
#define EXITLESS_LIMIT_MS 60000
#define CYCLICTEST_OUTPUT "/tmp/cyclictest"

static int last_cpu;

static void do_module(const char *params)
{
	guest_module_command("smart_idle_poll", params);
}

/* Loaded, it first learns the agent's clock: the answer comes when its timers are used. */
static bool exitless_runs(void)
{
	for (int ms = 0; ms < EXITLESS_LIMIT_MS; ms += 10) {
		char *status = guest_read_file(EXITLESS_STATUS);
		bool runs = status && strstr(status, "state runs\n");

		free(status);
		if (runs)
			return true;
		usleep(10000);
	}
	return false;
}

/* What the module counts as "fallbacks", while its timers are used; -1 where it is not loaded, -2 where they are not.
 */
static long fallbacks(void)
{
	char *status = access(EXITLESS_STATUS, F_OK) ? NULL : guest_read_file(EXITLESS_STATUS);
	char *at = status ? strstr(status, "\nfallbacks ") : NULL;
	long n = !at ? -1 : !strstr(status, "state runs\n") ? -2 : atol(at + strlen("\nfallbacks "));

	free(status);
	return n;
}

/* What was measured since @before was not the exitless timer, or not all of it. */
static bool fell_back(long before)
{
	if (before != -2 && fallbacks() == before)
		return false;
	guest_answer("error the guest fell back to its LAPIC");
	return true;
}

static void do_exitless(const char *params)
{
	if (*params && !guest_load_module("exitless_timer", params) && exitless_runs())
		guest_answer("ok {}");
	else if (*params)
		guest_answer("error load exitless_timer %s: no agent that serves it within %d s", params,
			     EXITLESS_LIMIT_MS / 1000);
	else
		guest_module_command("exitless_timer", "");
}

/* The module's own counters, as they are; empty where it is not loaded. */
static char *exitless_counters(void)
{
	char *text = access(EXITLESS_CPUS, F_OK) ? NULL : guest_read_file(EXITLESS_CPUS);

	for (char *p = text; p && *p; p++)
		if (*p == '\n' || *p == '"' || *p == '\\')
			*p = *p == '\n' ? ';' : ' ';
	return text ? text : strdup("");
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void do_sleeps(const char *arguments)
{
	unsigned long n, us;
	uint64_t *late;
	char *before, *after;
	long fallen = fallbacks();

	if (sscanf(arguments, "%lu %lu", &n, &us) != 2 || !n || us >= 1000000) {
		guest_answer("error sleeps wants a count and a time below 1000000 us");
		return;
	}
	late = calloc(n, sizeof(*late));
	before = exitless_counters();
	for (unsigned long i = 0; i < n; i++) {
		struct timespec ts = { .tv_nsec = us * 1000 };
		uint64_t start = now_ns();

		nanosleep(&ts, NULL);
		late[i] = now_ns() - start - us * 1000;
	}
	after = exitless_counters();
	qsort(late, n, sizeof(*late), by_value);
	if (!fell_back(fallen))
		guest_answer("ok {\"late_p50_ns\": %llu, \"late_p99_ns\": %llu, \"late_max_ns\": %llu, "
			     "\"exitless_before\": \"%s\", \"exitless_after\": \"%s\"}",
			     (unsigned long long)late[n / 2], (unsigned long long)late[n * 99 / 100],
			     (unsigned long long)late[n - 1], before, after);
	free(before);
	free(after);
	free(late);
}

/* --latency: with its default of 0 no vCPU would halt, and there would be no exits to compare. */
static int run_cyclictest(unsigned long n, unsigned long us)
{
	char loops[32], interval[32], cpu[32];
	int status;
	pid_t pid;

	snprintf(loops, sizeof(loops), "--loops=%lu", n);
	snprintf(interval, sizeof(interval), "--interval=%lu", us);
	snprintf(cpu, sizeof(cpu), "--affinity=%d", last_cpu);
	pid = fork();
	if (!pid) {
		freopen(CYCLICTEST_OUTPUT, "w", stdout);
		execl("/usr/bin/cyclictest", "cyclictest", "--quiet", "--mlockall", "--priority=95", "--policy=fifo",
		      "--threads=1", "--latency=1000", loops, interval, cpu, NULL);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* "T: 0 (  123) P:95 I:200 C:   1000 Min:     12 Act:   14 Avg:   15 Max:      99" */
static int read_cyclictest(unsigned long *cycles, long *low, long *average, long *high)
{
	char *text = guest_read_file(CYCLICTEST_OUTPUT), *at = text ? strstr(text, " C:") : NULL;
	long latest;
	int n = at ? sscanf(at, " C: %lu Min: %ld Act: %ld Avg: %ld Max: %ld", cycles, low, &latest, average, high) : 0;

	free(text);
	return n == 5 ? 0 : -1;
}

static void do_cyclictest(const char *arguments)
{
	unsigned long n, us, cycles;
	char *before, *after;
	long low, average, high, fallen = fallbacks();
	int status;

	if (sscanf(arguments, "%lu %lu", &n, &us) != 2) {
		guest_answer("error cyclictest wants a count and an interval");
		return;
	}
	before = exitless_counters();
	status = run_cyclictest(n, us);
	after = exitless_counters();
	if (status || read_cyclictest(&cycles, &low, &average, &high))
		guest_answer("error cyclictest ended with status %d", status);
	else if (!fell_back(fallen))
		guest_answer("ok {\"cycles\": %lu, \"late_min_ns\": %ld, \"late_avg_ns\": %ld, \"late_max_ns\": %ld, "
			     "\"exitless_before\": \"%s\", \"exitless_after\": \"%s\"}",
			     cycles, low * 1000, average * 1000, high * 1000, before, after);
	free(before);
	free(after);
}

int main(void)
{
	static const struct guest_command commands[] = {
		{ "module", do_module },
		{ "exitless", do_exitless },
		{ "sleeps", do_sleeps },
		{ "cyclictest", do_cyclictest },
		{ 0 },
	};

	/* cyclictest keeps its numbers in shared memory. */
	mkdir("/dev/shm", 0755);
	mount("shm", "/dev/shm", "tmpfs", 0, NULL);
	last_cpu = sysconf(_SC_NPROCESSORS_ONLN) - 1;
	guest_pin(last_cpu);
	prctl(PR_SET_TIMERSLACK, 1);
	return guest_serve(commands);
}
