// SPDX-License-Identifier: BSD-3-Clause
/*
 * The guest's side of `isolat bench idle`. Its commands (see guest_commands.h):
 *
 *   module PARAMS    load smart_idle_poll with these parameters, or unload it (PARAMS empty)
 *   disk NS          a null_blk disk whose requests take NS to complete
 *   read N           fio: N random 4k reads at depth 1 on CPU 1
 *   trace N LIMIT    the same with the idle periods of CPU 1 traced, told apart by LIMIT ns
 *   wake N           N round trips of two tasks on CPUs 0 and 1
 *   quit
 *
 * The launcher reads its exit counters before it sends a command and after it has the answer.
 */
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "guest.h"
#include "guest_commands.h"
#include "idle_trace.h"
#include "microvm.h"

#define FIO_CPU	     1
#define TRACING	     "/sys/kernel/tracing/"
#define MODULE_STATS "/sys/kernel/debug/smart_idle_poll/stats"
#define FIO_OUTPUT   "/tmp/fio.json"

static bool disk_loaded;

static void do_module(const char *params)
{
	guest_module_command("smart_idle_poll", params);
}

static void do_disk(const char *ns)
{
	char params[128];

	if (disk_loaded && guest_unload_module("null_blk")) {
		guest_answer("error unload null_blk: %s", strerror(errno));
		return;
	}
	/* queue_mode 2: blk-mq; irqmode 2: a timer completes each request. */
	snprintf(params, sizeof(params), "nr_devices=1 queue_mode=2 irqmode=2 submit_queues=2 gb=1 completion_nsec=%s",
		 ns);
	if (guest_load_module("null_blk", params)) {
		guest_answer("error load null_blk %s: %s", params, strerror(errno));
		return;
	}
	disk_loaded = true;
	guest_answer("ok {}");
}

struct counters {
	uint64_t wake_ipis; /* reschedule and function-call interrupts: since 5.8 the scheduler wakes with both */
	uint64_t timer_interrupts;
	uint64_t busy_ns, idle_ns; /* CPU FIO_CPU as the guest accounts it; a polling idle loop is idle */
};

static void read_counters(struct counters *c)
{
	const uint64_t tick = 1000000000ULL / sysconf(_SC_CLK_TCK);
	char *text = guest_read_file("/proc/stat"), *at, name[16];
	unsigned long long v[8] = { 0 };

	c->wake_ipis = guest_interrupts("RES", -1) + guest_interrupts("CAL", -1);
	c->timer_interrupts = guest_interrupts("LOC", FIO_CPU);
	snprintf(name, sizeof(name), "cpu%d ", FIO_CPU);
	at = text ? strstr(text, name) : NULL;
	if (at)
		sscanf(at + strlen(name), "%llu %llu %llu %llu %llu %llu %llu %llu", &v[0], &v[1], &v[2], &v[3], &v[4],
		       &v[5], &v[6], &v[7]);
	free(text);
	c->busy_ns = (v[0] + v[1] + v[2] + v[5] + v[6]) * tick;
	c->idle_ns = (v[3] + v[4]) * tick;
}

static const char *counters_json(const struct counters *a, const struct counters *b)
{
	static char text[256];

	snprintf(text, sizeof(text),
		 "\"wake_ipis\": %llu, \"timer_interrupts\": %llu, \"guest_busy_ns\": %llu, \"guest_idle_ns\": %llu",
		 (unsigned long long)(b->wake_ipis - a->wake_ipis),
		 (unsigned long long)(b->timer_interrupts - a->timer_interrupts),
		 (unsigned long long)(b->busy_ns - a->busy_ns), (unsigned long long)(b->idle_ns - a->idle_ns));
	return text;
}

/* fio's own threads stay on CPU 0; the job that reads has CPU 1 for itself. */
static int run_fio(const char *reads)
{
	char ios[64], cpus[32];
	int status;
	pid_t pid;

	snprintf(ios, sizeof(ios), "--number_ios=%s", reads);
	snprintf(cpus, sizeof(cpus), "--cpus_allowed=%d", FIO_CPU);
	pid = fork();
	if (!pid) {
		guest_pin(0);
		execl("/usr/bin/fio", "fio", "--name=read", "--filename=/dev/nullb0", "--rw=randread", "--bs=4k",
		      "--iodepth=1", "--direct=1", "--ioengine=psync", "--thread=1", ios, cpus, "--output-format=json",
		      "--output=" FIO_OUTPUT, NULL);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* The "clat_ns" part of fio's report goes to the launcher as it is. */
static char *fio_latency(void)
{
	char *text = guest_read_file(FIO_OUTPUT), *at = text, *end, *copy;

	if (!text)
		return NULL;
	at = strstr(text, "\"read\"");
	at = at ? strstr(at, "\"clat_ns\"") : NULL;
	at = at ? strchr(at, '{') : NULL;
	end = at ? at : NULL;
	for (int depth = 0; end && *end; end++) {
		depth += (*end == '{') - (*end == '}');
		if (!depth)
			break;
	}
	copy = end && *end ? strndup(at, end + 1 - at) : NULL;
	free(text);
	return copy;
}

static char *module_stats(void)
{
	char *text = access(MODULE_STATS, F_OK) ? strdup("") : guest_read_file(MODULE_STATS);

	for (char *p = text; p && *p; p++)
		if (*p == '\n' || *p == '"' || *p == '\\')
			*p = *p == '\n' ? ';' : ' ';
	return text ? text : strdup("");
}

static void do_read(const char *reads)
{
	struct counters before, after;
	char *latency, *stats_before = module_stats(), *stats_after;
	int status;

	read_counters(&before);
	status = run_fio(reads);
	read_counters(&after);
	stats_after = module_stats();
	latency = status ? NULL : fio_latency();
	if (latency)
		guest_answer("ok {\"clat_ns\": %s, %s, \"module_before\": \"%s\", \"module_after\": \"%s\"}", latency,
			     counters_json(&before, &after), stats_before, stats_after);
	else
		guest_answer("error fio ended with status %d", status);
	free(latency);
	free(stats_before);
	free(stats_after);
}

/*
 * Switches the events on, and writing them to the buffer off. This patches the kernel's hottest paths, which an
 * emulated CPU may not survive while another one runs them: it is done once, before CPU 1 is brought up.
 */
static int prepare_tracing(void)
{
	static const char *const events[] = {
		"sched/sched_switch",  "sched/sched_waking",	     "power/cpu_idle",
		"timer/hrtimer_start", "timer/hrtimer_expire_entry", "timer/hrtimer_expire_exit",
	};
	char path[128];

	if (guest_write_file(TRACING "tracing_on", "0") || guest_write_file(TRACING "trace_clock", "mono") ||
	    guest_write_file(TRACING "buffer_size_kb", "8192"))
		return -1;
	for (size_t i = 0; i < sizeof(events) / sizeof(*events); i++) {
		snprintf(path, sizeof(path), TRACING "events/%s/enable", events[i]);
		if (guest_write_file(path, "1"))
			return -1;
	}
	return guest_write_file("/sys/devices/system/cpu/cpu1/online", "1");
}

/*
 * How the idles of the reading thread went: those up to @limit_ns long, which polling is for, and the longer ones.
 * Where the request was there before the CPU had switched to idle, there was nothing to decide: those are counted
 * apart.
 */
static void answer_periods(uint64_t limit_ns)
{
	static char line[4096];
	unsigned long long halted[2] = { 0 }, not_halted[2] = { 0 }, immediate = 0;
	FILE *f = fopen(TRACING "trace", "re");
	struct idle_period period;
	struct idle_trace trace;

	idle_trace_init(&trace, FIO_CPU, "fio");
	while (f && fgets(line, sizeof(line), f)) {
		bool is_long;

		if (!idle_trace_line(&trace, line, &period) || !period.of_task)
			continue;
		if (!period.length_ns) {
			immediate++;
			continue;
		}
		is_long = period.length_ns > limit_ns;
		*(period.halted ? &halted[is_long] : &not_halted[is_long]) += 1;
	}
	if (f)
		fclose(f);
	guest_answer(
		"ok {\"limit_ns\": %llu, \"short_halted\": %llu, \"short_not_halted\": %llu, \"long_halted\": %llu, "
		"\"long_not_halted\": %llu, \"immediate\": %llu}",
		(unsigned long long)limit_ns, halted[0], not_halted[0], halted[1], not_halted[1], immediate);
}

static void do_trace(const char *arguments)
{
	unsigned long long limit_ns;
	char reads[32];
	int status;

	if (sscanf(arguments, "%31s %llu", reads, &limit_ns) != 2) {
		guest_answer("error trace wants reads and a limit");
		return;
	}
	guest_write_file(TRACING "trace", "\n");
	guest_write_file(TRACING "tracing_on", "1");
	status = run_fio(reads);
	guest_write_file(TRACING "tracing_on", "0");
	if (status)
		guest_answer("error fio ended with status %d", status);
	else
		answer_periods(limit_ns);
}

struct ping_pong {
	int to[2], back[2];
	long rounds;
};

static void *echo_side(void *arg)
{
	struct ping_pong *pp = arg;
	char byte;

	guest_pin(0);
	for (long i = 0; i < pp->rounds; i++)
		if (read(pp->to[0], &byte, 1) != 1 || write(pp->back[1], &byte, 1) != 1)
			break;
	return NULL;
}

static void *ask_side(void *arg)
{
	struct ping_pong *pp = arg;
	char byte = 0;

	guest_pin(FIO_CPU);
	for (long i = 0; i < pp->rounds; i++)
		if (write(pp->to[1], &byte, 1) != 1 || read(pp->back[0], &byte, 1) != 1)
			break;
	return NULL;
}

static void do_wake(const char *rounds)
{
	struct ping_pong pp = { .rounds = atol(rounds) };
	struct counters before, after;
	struct timespec start, end;
	pthread_t echo, ask;
	char *stats_before = module_stats(), *stats_after;

	if (pipe(pp.to) || pipe(pp.back)) {
		guest_answer("error create pipes: %s", strerror(errno));
		return;
	}
	read_counters(&before);
	clock_gettime(CLOCK_MONOTONIC, &start);
	pthread_create(&echo, NULL, echo_side, &pp);
	pthread_create(&ask, NULL, ask_side, &pp);
	pthread_join(ask, NULL);
	pthread_join(echo, NULL);
	clock_gettime(CLOCK_MONOTONIC, &end);
	read_counters(&after);
	stats_after = module_stats();
	guest_answer("ok {\"elapsed_ns\": %lld, %s, \"module_before\": \"%s\", \"module_after\": \"%s\"}",
		     (end.tv_sec - start.tv_sec) * 1000000000LL + end.tv_nsec - start.tv_nsec,
		     counters_json(&before, &after), stats_before, stats_after);
	for (int i = 0; i < 2; i++) {
		close(pp.to[i]);
		close(pp.back[i]);
	}
	free(stats_before);
	free(stats_after);
}

int main(void)
{
	static const struct guest_command commands[] = {
		{ "module", do_module }, { "disk", do_disk }, { "read", do_read },
		{ "trace", do_trace },	 { "wake", do_wake }, { 0 },
	};

	if (prepare_tracing())
		guest_answer("error prepare tracing: %s", strerror(errno));
	return guest_serve(commands);
}
