/* SPDX-License-Identifier: BSD-3-Clause */
/* What the tests of exitless_timer share: the module and its counters, sleepers on every CPU, and things done to the
 * agent. */
#ifndef ISOLAT_CASES_TIMER_H
#define ISOLAT_CASES_TIMER_H

#include <stdint.h>
#include <sys/prctl.h>
#include <time.h>

#include "microvm.h"
#include "sip.h"

#define XT	   "exitless_timer"
#define XT_DEBUGFS "/sys/kernel/debug/" XT "/"
#define DEVICES	   "/sys/devices/system/clockevents/"
#define MAX_CPUS   16

/* --- the module --- */

/* An emulated CPU stands still for longer than 50 ms now and then: where that would be in the way. */
#define PATIENT " dead_ms=3000"

UNUSED static void xt_load(const char *params)
{
	int rc = guest_load_module(XT, params);

	require(!rc, "insmod " XT " %s%s%s", params, rc ? ": " : "", rc ? strerror(errno) : "");
}

/* The value of @key in the file "status", valid until the next call; "" if there is none. */
UNUSED static const char *xt_status(const char *key)
{
	char *text = guest_read_file(XT_DEBUGFS "status"), *save = NULL;
	static char value[128];
	size_t length = strlen(key);

	value[0] = '\0';
	for (char *line = text ? strtok_r(text, "\n", &save) : NULL; line; line = strtok_r(NULL, "\n", &save))
		if (!strncmp(line, key, length) && line[length] == ' ')
			snprintf(value, sizeof(value), "%s", line + length + 1);
	free(text);
	return value;
}

/* Which word of a line of @header is called @key; -1: none. */
static int xt_column(const char *header, const char *key)
{
	char *copy = strdup(header), *save = NULL;
	int n = 0, found = -1;

	for (char *word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save), n++)
		if (!strcmp(word, key))
			found = n;
	free(copy);
	return found;
}

static long long xt_word(char *line, int column)
{
	char *save = NULL, *word = strtok_r(line, " ", &save);

	while (word && column--)
		word = strtok_r(NULL, " ", &save);
	return word ? atoll(word) : -1;
}

/* Counter @key of the file "cpus", of @cpu or summed over all; -1 if there is none. */
UNUSED static long long xt_count(const char *key, int cpu)
{
	char *text = guest_read_file(XT_DEBUGFS "cpus"), *save = NULL;
	char *line = text ? strtok_r(text, "\n", &save) : NULL;
	int column = line ? xt_column(line, key) : -1;
	long long sum = -1;

	while (column >= 0 && (line = strtok_r(NULL, "\n", &save))) {
		if (cpu >= 0 && atoi(line) != cpu)
			continue;
		sum = (sum < 0 ? 0 : sum) + xt_word(line, column);
	}
	free(text);
	return sum;
}

UNUSED static bool device_is(int cpu, const char *name)
{
	char path[96];

	snprintf(path, sizeof(path), DEVICES "clockevent%d/current_device", cpu);
	return file_says(path, name);
}

/* Those whose timer is the agent's, as the kernel says. */
UNUSED static int cpus_exitless(void)
{
	int n = 0;

	for (int cpu = 0; cpu < MAX_CPUS; cpu++)
		n += device_is(cpu, "exitless");
	return n;
}

/* Nothing of it is there. */
UNUSED static bool xt_is_gone(void)
{
	return !cpus_exitless() && !exists(XT_DEBUGFS);
}

UNUSED static void xt_unload(void)
{
	int rc = guest_unload_module(XT);

	check(!rc, "rmmod " XT "%s%s", rc ? ": " : "", rc ? strerror(errno) : "");
	check(xt_is_gone(), "no CPU has an exitless timer, debugfs is clean");
}

UNUSED static int cpus_online(void)
{
	return sysconf(_SC_NPROCESSORS_ONLN);
}

#define XT_WAIT_MS 30000

/* Waits until @key of the status is @value, or with @is false, is no longer. */
UNUSED static bool xt_wait(const char *key, const char *value, bool is)
{
	for (unsigned int ms = 0; ms < XT_WAIT_MS; ms += 2) {
		if (!strcmp(xt_status(key), value) == is)
			return true;
		sleep_ms(2);
	}
	return false;
}

UNUSED static bool xt_becomes(const char *key, const char *value)
{
	return xt_wait(key, value, true);
}

/* The sum of @cpu's line of the file "lateness", the number of the CPU left out. */
static long long xt_lateness_sum(int cpu)
{
	char *text = guest_read_file(XT_DEBUGFS "lateness"), *save = NULL;
	long long sum = -1;

	for (char *line = text ? strtok_r(text, "\n", &save) : NULL; line; line = strtok_r(NULL, "\n", &save)) {
		char *end;

		if (strtol(line, &end, 10) != cpu)
			continue;
		sum = 0;
		for (char *at = end; *at; at = end)
			sum += strtoll(at, &end, 10);
	}
	free(text);
	return sum;
}

/*
 * What became of each timer that was armed, off the agent, so that none is under way: it fired, was cancelled, or set
 * anew. And each that fired is in the histogram.
 */
UNUSED static void xt_balance(void)
{
	require(!guest_write_file(XT_DEBUGFS "enable", "0") && !cpus_exitless(), "off");
	for (int cpu = 0; cpu < MAX_CPUS && xt_count("armed", cpu) >= 0; cpu++) {
		long long armed = xt_count("armed", cpu), fired = xt_count("fired", cpu);
		long long cancelled = xt_count("cancelled", cpu), replaced = xt_count("replaced", cpu);

		check(armed == fired + cancelled + replaced,
		      "CPU %d: %lld armed, %lld fired, %lld cancelled, %lld replaced", cpu, armed, fired, cancelled,
		      replaced);
		check(xt_lateness_sum(cpu) == fired, "CPU %d: %lld in the histogram", cpu, xt_lateness_sum(cpu));
	}
}

/* --- time --- */

UNUSED static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

/* A thread that sleeps on a CPU again and again, now and then for longer: what it saw. */
struct sleeper {
	int cpu;
	unsigned int us;
	pthread_t thread;
	volatile bool stop;
	volatile bool ended;
	volatile uint64_t sleeps, worst_ns;
};

static void *sleeper_main(void *arg)
{
	struct sleeper *s = arg;

	unsigned int random = s->cpu + 1;

	prctl(PR_SET_TIMERSLACK, 1);
	while (!s->stop) {
		struct timespec ts;
		uint64_t deadline, late;

		if (s->sleeps % 20 == 0)
			guest_pin(s->cpu); /* again and again: going offline unbinds it */
		deadline = now_ns() + (s->us + (rand_r(&random) % 8 ? 0 : rand_r(&random) % 5000)) * 1000ULL;
		ts.tv_sec = deadline / 1000000000ULL;
		ts.tv_nsec = deadline % 1000000000ULL;
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
		late = now_ns() - deadline;
		if (late > s->worst_ns)
			s->worst_ns = late;
		s->sleeps++;
	}
	s->ended = true;
	return NULL;
}

/* One for each of the CPUs. */
UNUSED static void sleepers_start(struct sleeper *s, int n, unsigned int us)
{
	for (int i = 0; i < n; i++) {
		s[i] = (struct sleeper){ .cpu = i, .us = us };
		pthread_create(&s[i].thread, NULL, sleeper_main, &s[i]);
	}
}

/* How many of them do not sleep @count times from now on, within half a minute. */
UNUSED static int sleepers_lost(struct sleeper *s, int n, uint64_t count)
{
	uint64_t before[MAX_CPUS];
	int going = 0;

	for (int i = 0; i < n; i++)
		before[i] = s[i].sleeps;
	for (int ms = 0; ms < 30000 && going < n; ms += 10) {
		usleep(10000);
		going = 0;
		for (int i = 0; i < n; i++)
			going += s[i].sleeps >= before[i] + count;
	}
	return n - going;
}

UNUSED static bool sleepers_go_on(struct sleeper *s, int n, uint64_t count)
{
	return !sleepers_lost(s, n, count);
}

UNUSED static uint64_t sleepers_worst_ns(struct sleeper *s, int n)
{
	uint64_t worst = 0;

	for (int i = 0; i < n; i++) {
		worst = s[i].worst_ns > worst ? s[i].worst_ns : worst;
		s[i].worst_ns = 0;
	}
	return worst;
}

/* Ends them: the last sleep of each must end too. */
UNUSED static void sleepers_stop(struct sleeper *s, int n)
{
	int ended = 0;

	for (int i = 0; i < n; i++)
		s[i].stop = true;
	for (int ms = 0; ms < 30000 && ended < n; ms += 10) {
		usleep(10000);
		ended = 0;
		for (int i = 0; i < n; i++)
			ended += s[i].ended;
	}
	require(ended == n, "the sleeps of %d of %d CPUs ended", ended, n);
	for (int i = 0; i < n; i++)
		pthread_join(s[i].thread, NULL);
}

/* --- the agent --- */

/* Has @what done to the agent (timer_do.sh), and waits until it is. */
UNUSED static bool timer_do(const char *what)
{
	static FILE *in;
	char line[256];
	int status = -1;

	if (!in)
		in = fdopen(dup(MICROVM_CHANNEL_FD), "r");
	printf("timer-do %s\n", what);
	fflush(stdout);
	if (!in || !fgets(line, sizeof(line), in) || strncmp(line, "done ", 5))
		return check(false, "%s: no answer", what);
	status = atoi(strrchr(line, ' '));
	return check(!status, "%s: status %d", what, status);
}

#endif
