// SPDX-License-Identifier: BSD-3-Clause
/*
 * exitless_timer inside a VM, against a real exitless-timerd. Told from counters, states and the kernel's interrupt
 * counts; that no timer is lost is told by sleepers that all go on. timer_faults.c has what happens when the agent
 * dies.
 */
#include "rtc.h"
#include "timer.h"

#include <fcntl.h>
#include <sys/reboot.h>
#include <sys/syscall.h>

static struct sleeper sleepers[MAX_CPUS];

static bool status_is(const char *key, const char *value)
{
	return !strcmp(xt_status(key), value);
}

/* All of them must go on for another @n sleeps each. */
static void go_on(int cpus, int n)
{
	require(sleepers_go_on(sleepers, cpus, n), "each of %d CPUs sleeps %d times more", cpus, n);
}

static void never_early(void)
{
	check(!xt_count("early", EVERY_CPU), "no timer fired early: %lld", xt_count("early", EVERY_CPU));
}

/* --- cases --- */

struct counts {
	long long armed, fired, local;
};

static struct counts counts_of(int cpu)
{
	return (struct counts){ xt_count("armed", cpu), xt_count("fired", cpu), guest_interrupts("LOC", cpu) };
}

/*
 * @cpu's sleeps are armed and fired by the agent, and not by its LAPIC. An emulator that got no CPU for so long that
 * the guest fell back, as it should, is no answer: then once more.
 */
static void serves(int cpu)
{
	struct counts before, after;
	char fallbacks[64];

	guest_pin(cpu);
	for (int i = 0; i < 5; i++) {
		require(xt_becomes("state", "runs"), "state: %s", xt_status("state"));
		strcpy(fallbacks, xt_status("fallbacks"));
		before = counts_of(cpu);
		naps(300, 300);
		after = counts_of(cpu);
		if (status_is("fallbacks", fallbacks))
			break;
		printf("fell back: once more\n");
	}
	check(after.armed - before.armed >= 300 && after.fired - before.fired >= 250,
	      "CPU %d: 300 sleeps, %lld armed, %lld fired", cpu, after.armed - before.armed,
	      after.fired - before.fired);
	check(after.local - before.local < 10, "CPU %d: %lld interrupts of its LAPIC's timer", cpu,
	      after.local - before.local);
}

/* More CPUs may come than are here: of each there is a line, and a slot. */
static void more_are_possible(void)
{
	char *parameters = guest_read_file("/proc/cmdline");

	if (strstr(parameters, "possible_cpus=6"))
		check(xt_count("cpu", EVERY_CPU) == 0 + 1 + 2 + 3 + 4 + 5 && xt_count("on", 5) == 0,
		      "6 CPUs are possible, the last is not used");
	free(parameters);
}

static void basic(void)
{
	int cpus = cpus_online();

	xt_load("" PATIENT);
	check(status_is("state", "runs"), "state: %s", xt_status("state"));
	check(status_is("watch_cpu", "0") && !device_is(0, "exitless"), "CPU 0 watches");
	check(cpus_exitless() == cpus - 1, "%d of %d CPUs are exitless", cpus_exitless(), cpus);
	more_are_possible();
	check(file_says(DEVICES "broadcast/current_device", "exitless-placeholder"), "the placeholder is there");
	for (int cpu = 1; cpu < cpus; cpu++)
		serves(cpu);
	printf("figure timer-width_cycles value=%s\n", xt_status("width_cycles"));
	never_early();
	xt_balance();
	xt_unload();
	guest_pin(cpus - 1);
	naps(100, 300);
}

/* With watch=none the last CPU goes, too; and a page or a module of version 1.0 does without rings. */
static void none(void)
{
	int cpus = cpus_online();

	xt_load("watch=none" PATIENT);
	check(status_is("state", "runs") && cpus_exitless() == cpus, "all %d CPUs are exitless", cpus);
	serves(0);
	never_early();
	xt_unload();
}

static void no_rings(const char *params, const char *protocol)
{
	xt_load(params);
	check(status_is("protocol", protocol), "protocol %s", xt_status("protocol"));
	serves(0);
	check((xt_count("rings", EVERY_CPU) > 0) == !strcmp(protocol, "1.1"), "%lld rings",
	      xt_count("rings", EVERY_CPU));
	never_early();
	xt_unload();
}

static void versions(void)
{
	no_rings("watch=none" PATIENT, "1.1");
	no_rings("watch=none doorbell=0" PATIENT, "1.0");
}

static void page_1_0(void)
{
	no_rings("watch=none" PATIENT, "1.0");
	no_rings("watch=none doorbell=0" PATIENT, "1.0");
}

static void alone(void)
{
	xt_load("" PATIENT);
	check(status_is("state", "alone"), "state: %s", xt_status("state"));
	check(log_has("CPU 0 is alone"), "the log says why");
	xt_unload();
	none();
}

#define RELOADS 20

static void reload(void)
{
	int cpus = cpus_online(), failed = 0;

	sleepers_start(sleepers, cpus_online(), 300);
	for (int i = 0; i < RELOADS; i++) {
		failed += guest_load_module(XT, i % 2 ? "watch=none" PATIENT : PATIENT) != 0;
		failed += !status_is("placeholder", i ? "found" : "made");
		failed += cpus_exitless() != cpus - !(i % 2);
		go_on(cpus, 20);
		failed += xt_count("early", EVERY_CPU) != 0;
		failed += guest_unload_module(XT) != 0 || !xt_is_gone();
	}
	check(!failed, "insmod and rmmod %d times, one placeholder in all: %d failures", RELOADS, failed);
	sleepers_stop(sleepers, cpus);
}

static void toggle(void)
{
	int cpus = cpus_online(), failed = 0;

	xt_load("watch=none" PATIENT);
	sleepers_start(sleepers, cpus_online(), 300);
	for (int i = 0; i < 30; i++) {
		failed += guest_write_file(XT_DEBUGFS "/enable", "0") != 0 || cpus_exitless() != 0;
		failed += !status_is("state", "off");
		go_on(cpus, 10);
		failed += guest_write_file(XT_DEBUGFS "/enable", "1") != 0 || cpus_exitless() != cpus;
		go_on(cpus, 10);
	}
	check(!failed, "off and on 30 times: %d failures", failed);
	sleepers_stop(sleepers, cpus);
	never_early();
	xt_balance();
	xt_unload();
}

static int set_online(int cpu, bool online)
{
	char path[64];

	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/online", cpu);
	return guest_write_file(path, online ? "1" : "0");
}

/* The last CPU watches, and hands over when it goes; and another one goes. */
static void hotplug(void)
{
	int cpus = cpus_online(), last = cpus - 1, failed = 0;
	char params[32], watch[12];

	snprintf(params, sizeof(params), "watch=%d" PATIENT, last);
	snprintf(watch, sizeof(watch), "%d", last);
	xt_load(params);
	check(status_is("watch_cpu", watch), "CPU %s watches", xt_status("watch_cpu"));
	sleepers_start(sleepers, cpus_online(), 300);
	for (int i = 0; i < 5; i++) {
		failed += set_online(last, false) != 0;
		failed += !status_is("watch_cpu", "0") || cpus_exitless() != cpus - 2;
		go_on(cpus, 20);
		failed += set_online(last, true) != 0;
		failed += !status_is("watch_cpu", watch) || cpus_exitless() != cpus - 1;
		failed += set_online(1, false) != 0;
		go_on(cpus, 20);
		failed += set_online(1, true) != 0 || cpus_exitless() != cpus - 1;
		go_on(cpus, 20);
	}
	check(!failed, "CPUs %d and 1 offline and online 5 times: %d failures", last, failed);
	sleepers_stop(sleepers, cpus);
	never_early();
	xt_balance();
	xt_unload();
}

/*
 * A CPU whose LAPIC device is not there to be had back stays online, with its timer. rmmod would not return: the VM
 * ends as it is.
 */
static void unbound(void)
{
	char *lapic = guest_read_file(DEVICES "clockevent1/current_device");
	int cpus = cpus_online();
	bool stays;

	xt_load("" PATIENT);
	serves(1);
	require(!guest_write_file(DEVICES "clockevent1/unbind_device", lapic), "CPU 1 without %.*s",
		(int)strcspn(lapic, "\n"), lapic);
	free(lapic);
	stays = set_online(1, false) && errno == EBUSY;
	check(stays, "CPU 1 offline: %s", strerror(errno));
	check(log_has("CPU 1: the timer could not be unbound"), "the log says why");
	check(cpus_online() == cpus && cpus_exitless() == cpus - 1, "%d of %d CPUs are exitless", cpus_exitless(),
	      cpus_online());
	check(guest_write_file("/sys/power/state", "freeze") && errno == EBUSY, "it does not sleep");
	serves(1);
	never_early();
}

/* A map can be made of such a TSC, but nobody could trust it: nor is the agent tried again, though it beats. */
static void tsc(void)
{
	int cpus = cpus_online();

	xt_load("" PATIENT);
	require(xt_becomes("state", "runs"), "state: %s", xt_status("state"));
	sleepers_start(sleepers, cpus, 300);
	guest_load_module("misbehave", "how=tsc");
	require(xt_becomes("state", "fallback"), "state: %s", xt_status("state"));
	check(log_has("the TSC has become unstable"), "the log says why");
	go_on(cpus, 20);
	usleep(2000000); /* an agent that beats for a second is tried again otherwise */
	check(status_is("state", "fallback") && !cpus_exitless(), "state: %s", xt_status("state"));
	check(status_is("enables", "1"), "%s times enabled", xt_status("enables"));
	sleepers_stop(sleepers, cpus);
	never_early();
	xt_unload();
	guest_unload_module("misbehave");
}

static void suspend_in(const char *state)
{
	int cpus = cpus_online();

	xt_load("" PATIENT);
	sleepers_start(sleepers, cpus_online(), 300);
	for (int i = 0; i < 2; i++) {
		rtc_sleep(state);
		check(status_is("state", "runs") && cpus_exitless() == cpus - 1, "after %s: %s, %d CPUs", state,
		      xt_status("state"), cpus_exitless());
		go_on(cpus, 20);
	}
	sleepers_stop(sleepers, cpus);
	never_early();
	xt_balance();
	xt_unload();
}

static void s3(void)
{
	suspend_in("mem");
}

/* Without the HPET nothing but the clock's alarm ends it. */
static void s2idle(void)
{
	char *clocks = guest_read_file("/sys/devices/system/clocksource/clocksource0/available_clocksource");

	check(clocks && strstr(clocks, "acpi_pm") && !strstr(clocks, "hpet"), "no HPET: %.*s",
	      clocks ? (int)strcspn(clocks, "\n") : 0, clocks);
	free(clocks);
	rtc_may_wake();
	suspend_in("freeze");
	guest_unload_module("rtc_wake");
}

static int load_next_kernel(const char *parameters)
{
	int kernel = open("/isolat/vmlinuz", O_RDONLY | O_CLOEXEC), rc;
	int initrd = open("/sys/firmware/initrd", O_RDONLY | O_CLOEXEC); /* kept for this: retain_initrd */

	require(kernel >= 0 && initrd >= 0, "an image and an initramfs are there: %d, %d", kernel, initrd);
	rc = syscall(SYS_kexec_file_load, kernel, initrd, strlen(parameters) + 1, parameters, 0UL);
	close(kernel);
	close(initrd);
	return rc;
}

/*
 * Into the same kernel once more, without a reset, with timers running: what the device still did then would find
 * nobody there. The next one begins where this one began.
 */
static void kexec(void)
{
	char *parameters = guest_read_file("/proc/cmdline"), next[4096];

	xt_load(PATIENT);
	check(status_is("state", "runs"), "state: %s", xt_status("state"));
	serves(1);
	never_early();
	if (strstr(parameters, " again")) {
		xt_unload();
		free(parameters);
		return;
	}
	snprintf(next, sizeof(next), "%.*s again", (int)strcspn(parameters, "\n"), parameters);
	free(parameters);
	require(!load_next_kernel(next), "kexec_file_load: %s", strerror(errno));
	sleepers_start(sleepers, cpus_online(), 300);
	go_on(cpus_online(), 20);
	require(!check_failures, "all was well before");
	reboot(RB_KEXEC);
	check(false, "kexec: %s", strerror(errno));
}

/* Beside smart_idle_poll, in either order. */
static void with_sip(void)
{
	sip_load(SIP_NO_GUARD);
	xt_load("watch=none" PATIENT);
	serves(0);
	check(sip_growth("polls", EVERY_CPU, ping_pong_2000) > 100, "short idles are polled");
	sip_unload();
	serves(1);
	sip_load(SIP_NO_GUARD);
	xt_unload();
	check(sip_growth("polls", EVERY_CPU, ping_pong_2000) > 100, "short idles are polled");
	sip_unload();
}

/* The module stays loaded without a device to drive; the log must say why. */
static void refuses(const char *why)
{
	xt_load("" PATIENT);
	check(log_has(why), "the log says: %s", why);
	check(!exists(XT_DEBUGFS) && !cpus_exitless(), "nothing was set up");
	guest_unload_module(XT);
}

static void refuses_slots(void)
{
	refuses("1 slots for 2 possible CPUs");
}

static void refuses_memory(void)
{
	refuses("no exitless timer page");
}

static void refuses_highres(void)
{
	refuses("no high-resolution timers");
}

static void refuses_tsc(void)
{
	refuses("the TSC is unstable");
}

static void refuses_arat(void)
{
	refuses("no ARAT");
}

static const struct check_case cases[] = {
	{ "basic", basic },
	{ "none", none },
	{ "versions", versions },
	{ "page-1.0", page_1_0 },
	{ "alone", alone },
	{ "reload", reload },
	{ "toggle", toggle },
	{ "hotplug", hotplug },
	{ "unbound", unbound },
	{ "tsc", tsc },
	{ "s3", s3 },
	{ "s2idle", s2idle },
	{ "kexec", kexec },
	{ "with-sip", with_sip },
	{ "refuses-slots", refuses_slots },
	{ "refuses-memory", refuses_memory },
	{ "refuses-highres", refuses_highres },
	{ "refuses-tsc", refuses_tsc },
	{ "refuses-arat", refuses_arat },
	{ 0 },
};

int main(int argc, char **argv)
{
	return check_main(cases, argc, argv);
}
