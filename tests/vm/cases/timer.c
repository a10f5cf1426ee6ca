// SPDX-License-Identifier: BSD-3-Clause
/*
 * exitless_timer inside a VM that an agent serves: which timers fire, told from its counters and from the kernel's own
 * count of LAPIC timer interrupts. Nothing here asserts a time. timer_faults.c has what happens when the agent dies.
 */
#include "timer.h"

#define NAPS 200

static int n_cpus(void)
{
	return sysconf(_SC_NPROCESSORS_ONLN);
}

/* With one CPU nobody could watch. */
static const char *usual_params(void)
{
	return n_cpus() == 1 ? "watch=none" : "";
}

/* Interrupts of @cpu's LAPIC timer while it sleeps NAPS times. */
static long long lapic_interrupts(int cpu)
{
	uint64_t before;

	guest_pin(cpu);
	before = guest_interrupts("LOC", cpu);
	naps_on(cpu, NAPS, 1000);
	return guest_interrupts("LOC", cpu) - before;
}

static void naps_fire(int cpu)
{
	long long armed = xt_count("armed", cpu), fired = xt_count("fired", cpu), interrupts;

	interrupts = lapic_interrupts(cpu);
	armed = xt_count("armed", cpu) - armed;
	fired = xt_count("fired", cpu) - fired;
	check(armed >= NAPS && fired >= NAPS, "%d sleeps on CPU %d: armed %lld times, fired %lld", NAPS, cpu, armed,
	      fired);
	check(interrupts < NAPS / 10, "the LAPIC of CPU %d fired %lld times meanwhile", cpu, interrupts);
}

static void naps_do_not_fire(int cpu)
{
	long long interrupts = lapic_interrupts(cpu);

	check(interrupts >= NAPS, "%d sleeps on CPU %d: its LAPIC fired %lld times", NAPS, cpu, interrupts);
}

static void runs(void)
{
	require(xt_wait_state("runs", 20000), "the state is %s", xt_status("state"));
}

static void never_early(void)
{
	check(xt_count("early", EVERY_CPU) == 0, "%lld fires were early", xt_count("early", EVERY_CPU));
	check(xt_count("wrong_cpu", EVERY_CPU) == 0, "%lld came to the wrong CPU", xt_count("wrong_cpu", EVERY_CPU));
}

/* Every CPU but the one that watches has an exitless timer, and then has its LAPIC's again. */
static void fires(void)
{
	int watch, on = 0;

	naps_do_not_fire(0);
	xt_load(usual_params());
	runs();
	watch = atoi(xt_status("watch_cpu"));
	for (int cpu = 0; cpu < n_cpus(); cpu++) {
		check(xt_on(cpu) == (cpu != watch), "CPU %d: on %d, CPU %d watches", cpu, xt_on(cpu), watch);
		on += xt_on(cpu);
	}
	require(on >= 1 && on >= n_cpus() - 1, "%d CPUs of %d have an exitless timer", on, n_cpus());
	for (int cpu = 0; cpu < n_cpus(); cpu++) {
		if (xt_on(cpu))
			naps_fire(cpu);
		else
			naps_do_not_fire(cpu);
	}
	never_early();
	xt_unload();
	for (int cpu = 0; cpu < n_cpus(); cpu++)
		naps_do_not_fire(cpu);
}

/* Timers that are taken back: a wait with a limit that ends before it. */
static void cancel(void)
{
	struct sleeper sleepers[MAX_CPUS];

	xt_load(usual_params());
	runs();
	sleepers_start(sleepers, n_cpus(), 500);
	check(sleepers_go_on(sleepers, n_cpus(), 500), "500 sleeps on each CPU");
	sleepers_stop(sleepers, n_cpus());
	usleep(300000);
	check(xt_count("cancelled", EVERY_CPU) > 0, "%lld timers were cancelled", xt_count("cancelled", EVERY_CPU));
	never_early();
	xt_unload();
}

static int set_online(int cpu, bool online)
{
	char path[64];

	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/online", cpu);
	return guest_write_file(path, online ? "1" : "0");
}

/* CPUs go and come while the others sleep; one that came back has its exitless timer again. */
static void hotplug(void)
{
	struct sleeper sleepers[MAX_CPUS];
	int n = n_cpus(), failed = 0;

	xt_load("");
	runs();
	sleepers_start(sleepers, 1, 1000); /* on CPU 0, which stays */
	for (int round = 0; round < 3; round++)
		for (int cpu = 1; cpu < n; cpu++) {
			failed += set_online(cpu, false) != 0;
			usleep(20000);
			failed += set_online(cpu, true) != 0;
		}
	check(!failed, "%d of %d changes failed", failed, 6 * (n - 1));
	check(sleepers_go_on(sleepers, 1, 100), "CPU 0 sleeps on");
	sleepers_stop(sleepers, 1);
	runs();
	for (int cpu = 0; cpu < n; cpu++)
		if (cpu != atoi(xt_status("watch_cpu")))
			naps_fire(cpu);
	never_early();
	xt_unload();
}

/* Loaded and unloaded with timers running all the while. */
static void reload(void)
{
	struct sleeper sleepers[MAX_CPUS];
	int failed = 0, n = n_cpus();

	sleepers_start(sleepers, n, 1000);
	for (int round = 0; round < 20; round++) {
		failed += guest_load_module(XT, usual_params()) != 0;
		failed += !xt_wait_state("runs", 20000);
		failed += guest_unload_module(XT) != 0;
	}
	check(!failed, "%d steps of 20 rounds failed", failed);
	check(sleepers_go_on(sleepers, n, 100), "every CPU sleeps on");
	sleepers_stop(sleepers, n);
	for (int cpu = 0; cpu < n; cpu++)
		naps_do_not_fire(cpu);
}

static void toggle(void)
{
	struct sleeper sleepers[MAX_CPUS];
	int failed = 0, n = n_cpus();

	xt_load(usual_params());
	sleepers_start(sleepers, n, 1000);
	for (int round = 0; round < 20; round++) {
		failed += !xt_wait_state("runs", 20000);
		failed += guest_write_file(XT_DEBUGFS "enable", "0") != 0;
		failed += xt_count("on", EVERY_CPU) != 0;
		failed += guest_write_file(XT_DEBUGFS "enable", "1") != 0;
	}
	check(!failed, "%d steps of 20 rounds failed", failed);
	check(sleepers_go_on(sleepers, n, 100), "every CPU sleeps on");
	sleepers_stop(sleepers, n);
	check(xt_wait_state("runs", 20000), "the state is %s", xt_status("state"));
	naps_fire(0);
	never_early();
	xt_unload();
}

/* Beside smart idle poll, whose polling CPUs the fires must reach too. */
static void with_poll(void)
{
	require(!guest_load_module("smart_idle_poll", "steal_pct=0"), "insmod smart_idle_poll");
	xt_load(usual_params());
	runs();
	for (int cpu = 0; cpu < n_cpus(); cpu++)
		if (xt_on(cpu))
			naps_fire(cpu);
	never_early();
	xt_unload();
	check(!guest_unload_module("smart_idle_poll"), "rmmod smart_idle_poll");
}

/* S3: the timers are the LAPIC's while it sleeps, and exitless again afterwards, with a new map. */
static void suspend(void)
{
	long long syncs;

	xt_load(usual_params());
	runs();
	syncs = atoll(xt_status("syncs"));
	require(!guest_write_file("/sys/power/mem_sleep", "deep"), "S3 is what mem means");
	require(!guest_write_file("/sys/class/rtc/rtc0/wakealarm", "+2"), "set an alarm");
	check(!guest_write_file("/sys/power/state", "mem"), "slept");
	runs();
	check(atoll(xt_status("syncs")) > syncs, "a handshake after it: %s in all", xt_status("syncs"));
	naps_fire(0);
	never_early();
	xt_unload();
}

/* A guest or an agent that speaks 1.0 never rings; with 1.1 on both sides a parked page is rung. */
static void expect_rings(const char *params, const char *version, bool rings)
{
	long long rung;
	char text[128];

	snprintf(text, sizeof(text), "%s %s", usual_params(), params);
	xt_load(text);
	runs();
	check(!strcmp(xt_status("page_version"), version), "the page's version is %s", xt_status("page_version"));
	naps_fire(0);
	for (int i = 0; i < 10; i++)
		usleep(50000);
	rung = xt_count("rings", EVERY_CPU);
	check(rings ? rung > 0 : rung == 0, "rung %lld times", rung);
	never_early();
	xt_unload();
}

static void compat_11_11(void)
{
	expect_rings("", "1.1", true);
}

static void compat_10_11(void)
{
	expect_rings("doorbell=0", "1.1", false);
}

static void compat_11_10(void)
{
	expect_rings("", "1.0", false);
}

static void compat_10_10(void)
{
	expect_rings("doorbell=0", "1.0", false);
}

/* One CPU, and nobody to watch: it stays with its LAPIC, and says so. */
static void alone(void)
{
	xt_load("");
	usleep(500000);
	check(xt_count("on", EVERY_CPU) == 0, "no CPU has an exitless timer");
	check(log_has("watch=none"), "the log names watch=none");
	naps_do_not_fire(0);
	xt_unload();
}

/* More CPUs than slots: refused, with the reason. */
static void few_slots(void)
{
	guest_load_module(XT, "");
	usleep(200000);
	check(!exists(XT_DEBUGFS "cpus") || xt_count("on", EVERY_CPU) <= 0, "no CPU has an exitless timer");
	check(log_has("slots"), "the log says why");
	naps_do_not_fire(0);
	guest_unload_module(XT);
}

int main(int argc, char **argv)
{
	static const struct check_case cases[] = {
		{ "fires", fires },	     { "cancel", cancel },
		{ "hotplug", hotplug },	     { "reload", reload },
		{ "toggle", toggle },	     { "with-poll", with_poll },
		{ "suspend", suspend },	     { "1.1-1.1", compat_11_11 },
		{ "1.0-1.1", compat_10_11 }, { "1.1-1.0", compat_11_10 },
		{ "1.0-1.0", compat_10_10 }, { "alone", alone },
		{ "few-slots", few_slots },  { 0 },
	};

	return check_main(cases, argc, argv);
}
