// SPDX-License-Identifier: BSD-3-Clause
/*
 * What shakes smart_idle_poll inside a VM: CPUs and the module that come and go under load, idle injection, and
 * suspend-to-idle. The launcher's scan for splats and leaks has the last word on each.
 */
#include "rtc.h"
#include "sip.h"

#include <glob.h>
#include <limits.h>
#include <signal.h>
#include <sys/wait.h>

#define CYCLES 50
/* One object leaked by each load stands out of what a running system grows by. */
#define RELOADS 100
#define NOISE	60

#define CPU1_ONLINE "/sys/devices/system/cpu/cpu1/online"

/* --- load --- */

static void *nap_on_1(void *unused)
{
	for (;;) {
		guest_pin(1); /* again and again: going offline unbinds it */
		naps(20, 20);
	}
	return NULL;
}

/* A process that wakes tasks on both CPUs without end. */
static pid_t load_start(void)
{
	pid_t pid = fork();
	pthread_t thread;

	if (!pid) {
		pthread_create(&thread, NULL, nap_on_1, NULL);
		ping_pong(LONG_MAX);
		_exit(0);
	}
	require(pid > 0, "start the load");
	return pid;
}

static void load_stop(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* Waits until counter @key of @cpu moves: the CPU is in our hands. */
static bool moves(const char *key, int cpu)
{
	long long before = sip_count(key, cpu);

	for (int i = 0; i < 2000; i++) {
		if (sip_count(key, cpu) > before)
			return true;
		usleep(1000);
	}
	return false;
}

/* --- CPUs that come and go --- */

static void hotplug(void)
{
	int failed = 0, silent = 0, shown = 0;
	long long before, after;
	pid_t load;

	sip_load(SIP_NO_GUARD " fixed_ns=200000");
	load = load_start();
	before = sip_count("periods", 1);
	for (int i = 0; i < CYCLES; i++) {
		failed += guest_write_file(CPU1_ONLINE, "0") != 0;
		shown += sip_count("periods", 1) >= 0;
		failed += guest_write_file(CPU1_ONLINE, "1") != 0;
		silent += !moves("polls", 1);
	}
	after = sip_count("periods", 1);
	load_stop(load);
	check(!failed, "CPU 1 offline and online %d times: %d failures", CYCLES, failed);
	check(!shown, "an offline CPU has no line in the counters (%d had)", shown);
	check(!silent, "an online CPU polls again (%d did not)", silent);
	check(after > before, "counters go on over offline times (%lld, then %lld periods)", before, after);
	sip_unload();
}

/* --- the module that comes and goes --- */

#define MAX_CACHES 1024

/* What the kernel holds. */
struct memory {
	long long objects[MAX_CACHES]; /* of each cache of kmalloc(), in the order of sysfs */
	long long percpu_kib;
	char names[MAX_CACHES][32];
};

/*
 * Takes a reading into @least where it is less; never more, for kfree_rcu() collects for up to 5 s. The kernel runs
 * with slub_debug=U: otherwise the slabs that CPUs have for themselves count whole, and hide a leak.
 */
static void count_objects(struct memory *least)
{
	char path[128];
	glob_t found;

	if (glob("/sys/kernel/slab/kmalloc-*", 0, NULL, &found))
		return;
	for (size_t i = 0; i < found.gl_pathc && i < MAX_CACHES; i++) {
		const char *cache = found.gl_pathv[i];
		long objects;

		snprintf(path, sizeof(path), "%s/shrink", cache);
		guest_write_file(path, "1");
		snprintf(path, sizeof(path), "%s/objects", cache);
		objects = guest_read_long(path);
		if (objects < least->objects[i])
			least->objects[i] = objects;
		snprintf(least->names[i], sizeof(least->names[i]), "%s", strrchr(cache, '/') + 1);
	}
	globfree(&found);
}

static long long percpu_kib(void)
{
	char *text = guest_read_file("/proc/meminfo"), *at = text ? strstr(text, "Percpu:") : NULL;
	long long kib = at ? atoll(at + strlen("Percpu:")) : -1;

	free(text);
	return kib;
}

/* What grew most, and by how much. */
static long long most_grown(const struct memory *before, const struct memory *after, const char **name)
{
	long long most = after->percpu_kib - before->percpu_kib;

	*name = "Percpu KiB";
	for (int i = 0; i < MAX_CACHES; i++) {
		long long grown = after->objects[i] - before->objects[i];

		if (grown > most) {
			most = grown;
			*name = after->names[i];
		}
	}
	return most;
}

/* The least of some readings; where @before is given, ends early once nothing has grown by as much as @enough. */
static void memory_held(struct memory *least, const struct memory *before, long long enough)
{
	const char *name;

	for (int i = 0; i < MAX_CACHES; i++)
		least->objects[i] = LLONG_MAX;
	least->percpu_kib = LLONG_MAX;
	for (int i = 0; i < 13; i++) {
		sleep_ms(500);
		count_objects(least);
		if (percpu_kib() < least->percpu_kib)
			least->percpu_kib = percpu_kib();
		if (before && most_grown(before, least, &name) < enough)
			break;
	}
}

static int reload_once(void)
{
	int failed = guest_load_module(SIP, SIP_NO_GUARD " fixed_ns=200000") != 0;

	failed += !file_says(CPUIDLE "current_driver", SIP);
	failed += !moves("polls", EVERY_CPU);
	failed += guest_unload_module(SIP) != 0;
	return failed;
}

/* One object lost by each load is too much, and so is half a KiB on each of two CPUs. */
static void reload(void)
{
	static struct memory before, after;
	const char *name;
	long long grown;
	int failed = 0;
	pid_t load = load_start();

	failed += reload_once() + reload_once(); /* what is only made once */
	load_stop(load);
	memory_held(&before, NULL, 0);
	load = load_start();
	for (int i = 0; i < RELOADS; i++)
		failed += reload_once();
	load_stop(load);
	memory_held(&after, &before, NOISE);
	check(!failed, "insmod and rmmod %d times: %d failures", RELOADS + 2, failed);
	check(before.objects[0] != LLONG_MAX && before.percpu_kib > 0, "the kernel's memory can be read");
	grown = most_grown(&before, &after, &name);
	check(grown < NOISE, "what grew most over %d loads is %s, by %lld", RELOADS, name, grown);
	sip_is_gone();
}

/* --- idle injection --- */

static void inject(void)
{
	long long forced_0, forced_1;
	int rc;

	sip_load(SIP_NO_GUARD);
	forced_0 = sip_count("halts_forced", 0);
	forced_1 = sip_count("halts_forced", 1);
	rc = guest_load_module("play_idle", "cpu=1 duration_us=5000 rounds=200");
	check(!rc, "inject 200 x 5 ms into CPU 1%s%s", rc ? ": " : "", rc ? strerror(errno) : "");
	forced_0 = sip_count("halts_forced", 0) - forced_0;
	forced_1 = sip_count("halts_forced", 1) - forced_1;
	check(forced_1 >= 200, "CPU 1: %lld forced halts", forced_1);
	check(forced_0 == 0, "CPU 0: %lld forced halts", forced_0);
	guest_unload_module("play_idle");
	check(sip_growth("polls", EVERY_CPU, ping_pong_2000) > 100, "then short idles are polled as before");
	sip_unload();
}

/* --- suspend-to-idle --- */

static void freeze_once(void)
{
	long long forced = sip_count("halts_forced", EVERY_CPU);

	rtc_sleep("freeze");
	forced = sip_count("halts_forced", EVERY_CPU) - forced;
	check(forced >= 2, "%lld forced halts", forced);
	check(sip_growth("polls_hit", EVERY_CPU, ping_pong_2000) > 100, "then short idles are polled as before");
}

static void freeze(void)
{
	rtc_may_wake();
	sip_load(SIP_NO_GUARD);
	for (int i = 0; i < 3; i++)
		freeze_once();
	sip_unload();
	guest_unload_module("rtc_wake");
}

static const struct check_case cases[] = {
	{ "hotplug", hotplug }, { "reload", reload }, { "inject", inject }, { "freeze", freeze }, { 0 },
};

int main(int argc, char **argv)
{
	return check_main(cases, argc, argv);
}
