/* SPDX-License-Identifier: BSD-3-Clause */
/* What the tests of smart_idle_poll share: the module and its counters, the kernel's log, and work with short idles. */
#ifndef ISOLAT_CASES_SIP_H
#define ISOLAT_CASES_SIP_H

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/klog.h>
#include <unistd.h>

#include "check.h"
#include "guest.h"

#define SIP	    "smart_idle_poll"
#define SIP_DEBUGFS "/sys/kernel/debug/" SIP
#define SIP_PARAMS  "/sys/module/" SIP "/parameters/"
#define CPUIDLE	    "/sys/devices/system/cpu/cpuidle/"
#define EVERY_CPU   (-1)

/* Under emulation the host's two CPUs are shared with the emulator: what the guest calls steal says nothing. */
#define SIP_NO_GUARD "steal_pct=0"

#define UNUSED __attribute__((unused))

/* --- files --- */

UNUSED static bool file_says(const char *path, const char *text)
{
	char *found = guest_read_file(path);
	bool same =
		found && !strncmp(found, text, strlen(text)) && (!found[strlen(text)] || found[strlen(text)] == '\n');

	free(found);
	return same;
}

UNUSED static bool exists(const char *path)
{
	return !access(path, F_OK);
}

/* --- the module --- */

UNUSED static void sip_load(const char *params)
{
	int rc = guest_load_module(SIP, params);

	require(!rc, "insmod " SIP " %s%s%s", params, rc ? ": " : "", rc ? strerror(errno) : "");
}

/* In dmesg since boot. */
UNUSED static bool log_has(const char *text)
{
	static char log[1 << 20];
	int n = klogctl(3 /* SYSLOG_ACTION_READ_ALL */, log, sizeof(log) - 1);

	log[n > 0 ? n : 0] = '\0';
	return strstr(log, text);
}

/* Loading must fail with @error and say @reason in the log. */
UNUSED static void sip_refuses(const char *params, int error, const char *reason)
{
	int rc = guest_load_module(SIP, params), found = errno;

	check(rc && found == error, "insmod " SIP " %s: %s, to be %s", params, rc ? strerror(found) : "loaded",
	      strerror(error));
	check(log_has(reason), "the log says: %s", reason);
	if (!rc)
		guest_unload_module(SIP);
}

/* There must be no trace of it: this is what the machine is like without cpuidle driver. */
UNUSED static void sip_is_gone(void)
{
	check(file_says(CPUIDLE "current_driver", "none"), "no cpuidle driver is left");
	check(!exists("/sys/devices/system/cpu/cpu0/cpuidle/state0"), "no idle states are left in sysfs");
	check(!exists(SIP_DEBUGFS), "no folder is left in debugfs");
}

UNUSED static void sip_unload(void)
{
	int rc = guest_unload_module(SIP);

	check(!rc, "rmmod " SIP "%s%s", rc ? ": " : "", rc ? strerror(errno) : "");
	sip_is_gone();
}

/* Counter @key of @cpu, or summed over all; -1 if the CPU has no line. */
UNUSED static long long sip_count(const char *key, int cpu)
{
	char *text = guest_read_file(SIP_DEBUGFS "/stats"), *save = NULL, pattern[64];
	long long sum = -1;

	snprintf(pattern, sizeof(pattern), " %s=", key);
	for (char *line = text ? strtok_r(text, "\n", &save) : NULL; line; line = strtok_r(NULL, "\n", &save)) {
		char *at = strstr(line, pattern);
		int line_cpu;

		if (sscanf(line, "cpu=%d ", &line_cpu) == 1 && at && (cpu < 0 || cpu == line_cpu))
			sum = (sum < 0 ? 0 : sum) + atoll(at + strlen(pattern));
	}
	free(text);
	return sum;
}

UNUSED static int sip_set(const char *param, const char *value)
{
	char path[128];

	snprintf(path, sizeof(path), SIP_PARAMS "%s", param);
	return guest_write_file(path, value);
}

/* What @key grew by, on @cpu or on all CPUs, while @work ran. */
UNUSED static long long sip_growth(const char *key, int cpu, void (*work)(void))
{
	long long before = sip_count(key, cpu);

	work();
	return sip_count(key, cpu) - before;
}

/* The kernel's governor must be the one that the test was booted for. */
UNUSED static void require_governor(void)
{
	char *line = guest_read_file("/proc/cmdline"), *at = line ? strstr(line, "cpuidle.governor=") : NULL;
	const char *name = at ? strtok(at + strlen("cpuidle.governor="), " \n") : "menu";

	require(file_says(CPUIDLE "current_governor", name), "the governor is %s", name);
	free(line);
}

/* --- work --- */

UNUSED static void sleep_ms(unsigned int ms)
{
	usleep(ms * 1000);
}

/* Two threads on two CPUs that wake each other in turns: what a round costs a CPU in idle time is a wake-up's length.
 */
struct ping_pong {
	int pipes[2][2];
	int cpus[2];
	long rounds;
	long think; /* turns of an empty loop before each wake-up */
};

static void *ping_pong_side(struct ping_pong *pp, int side)
{
	char byte = 0;

	guest_pin(pp->cpus[side]);
	for (long i = 0; i < pp->rounds; i++) {
		if (side && read(pp->pipes[1][0], &byte, 1) != 1)
			break;
		for (volatile long turn = 0; turn < pp->think; turn++)
			;
		if (write(pp->pipes[!side][1], &byte, 1) != 1)
			break;
		if (!side && read(pp->pipes[0][0], &byte, 1) != 1)
			break;
	}
	return NULL;
}

static void *ping_side(void *arg)
{
	return ping_pong_side(arg, 0);
}

static void *pong_side(void *arg)
{
	return ping_pong_side(arg, 1);
}

UNUSED static void ping_pong_slowly(long rounds, long think)
{
	struct ping_pong pp = { .cpus = { 0, 1 }, .rounds = rounds, .think = think };
	pthread_t ping, pong;

	if (pipe(pp.pipes[0]) || pipe(pp.pipes[1]))
		abort();
	pthread_create(&ping, NULL, ping_side, &pp);
	pthread_create(&pong, NULL, pong_side, &pp);
	pthread_join(ping, NULL);
	pthread_join(pong, NULL);
	for (int i = 0; i < 4; i++)
		close(pp.pipes[i / 2][i % 2]);
}

UNUSED static void ping_pong(long rounds)
{
	ping_pong_slowly(rounds, 0);
}

UNUSED static void ping_pong_2000(void)
{
	ping_pong(2000);
}

/* @count sleeps of @us each, from the calling thread's CPU. */
UNUSED static void naps(int count, unsigned int us)
{
	while (count--)
		usleep(us);
}

#endif
