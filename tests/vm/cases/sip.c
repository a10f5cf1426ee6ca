// SPDX-License-Identifier: BSD-3-Clause
/*
 * smart_idle_poll inside a VM: what it does with idle CPUs, told from its counters and from the kernel's. Nothing here
 * asserts a time, for the CPUs may be emulated. sip_stress.c has what shakes it.
 */
#include "sip.h"

#include <fcntl.h>
#include <stdint.h>
#include <sys/utsname.h>

#define FIXED_1MS SIP_NO_GUARD " poll_max_ns=1000000 fixed_ns=1000000"

/* --- steering --- */

static void is_current(void)
{
	require_governor();
	check(file_says(CPUIDLE "current_driver", SIP), "the cpuidle driver is " SIP);
	check(file_says("/sys/devices/system/cpu/cpu0/cpuidle/state0/name", "POLL"), "state 0 is POLL");
	check(file_says("/sys/devices/system/cpu/cpu0/cpuidle/state1/name", "HLT"), "state 1 is HLT");
}

static void naps_halt_on(int cpu)
{
	long long halts, periods;

	guest_pin(cpu);
	naps(40, 5000); /* short idles are forgotten after some of these */
	halts = sip_count("halts", cpu);
	periods = sip_count("periods", cpu);
	naps(40, 5000);
	halts = sip_count("halts", cpu) - halts;
	periods = sip_count("periods", cpu) - periods;
	check(halts >= 40, "40 long idles on CPU %d: %lld halts in %lld periods", cpu, halts, periods);
}

/* Short idles are polled, long ones halt: by the predictor's choice, under the governor that was booted. */
static void steer(void)
{
	long long polls = 0, hits = 0;

	sip_is_gone();
	sip_load(SIP_NO_GUARD);
	is_current();
	ping_pong(1000);
	/* An emulator that is short of CPU makes the idles long: then once more. */
	for (int i = 0; i < 5 && (polls < 1000 || hits < 1000); i++) {
		polls = sip_count("polls", EVERY_CPU);
		hits = sip_growth("polls_hit", EVERY_CPU, ping_pong_2000);
		polls = sip_count("polls", EVERY_CPU) - polls;
	}
	check(polls >= 1000, "4000 short idles: %lld polls", polls);
	check(hits >= 1000, "4000 short idles: %lld polls ended by work", hits);
	naps_halt_on(0);
	naps_halt_on(1);
	sip_unload();
}

/* poll_max_ns=0 never polls, and can be lifted. */
static void never(void)
{
	sip_load(SIP_NO_GUARD " poll_max_ns=0");
	ping_pong(2000);
	check(sip_count("polls", EVERY_CPU) == 0, "poll_max_ns=0: %lld polls", sip_count("polls", EVERY_CPU));
	check(sip_count("halts", EVERY_CPU) > 0, "poll_max_ns=0: %lld halts", sip_count("halts", EVERY_CPU));
	check(!sip_set("poll_max_ns", "200000") && !sip_set("fixed_ns", "200000"), "poll_max_ns is raised");
	check(sip_growth("polls", EVERY_CPU, ping_pong_2000) >= 1000, "then it polls");
	check(!sip_set("poll_max_ns", "0"), "poll_max_ns=0 again");
	sleep_ms(100); /* what idle periods had begun are over */
	check(sip_growth("polls", EVERY_CPU, ping_pong_2000) == 0, "then it does not");
	sip_unload();
}

/* --- the tick --- */

static uint64_t ticks_in_10_s(void)
{
	uint64_t before;

	sleep_ms(500); /* what came before is over */
	before = guest_interrupts("LOC", EVERY_CPU);
	sleep(10);
	return guest_interrupts("LOC", EVERY_CPU) - before;
}

/* "menu-6.1", or "menu-1cpu-6.1" */
static const char *boot_name(void)
{
	static char name[192];
	struct utsname uts;
	char *governor = guest_read_file(CPUIDLE "current_governor");

	uname(&uts);
	strchr(strchr(uts.release, '.') + 1, '.')[0] = '\0';
	governor[strcspn(governor, "\n")] = '\0';
	snprintf(name, sizeof(name), "%s%s-%s", governor, sysconf(_SC_NPROCESSORS_CONF) == 1 ? "-1cpu" : "",
		 uts.release);
	free(governor);
	return name;
}

/* The tick stops on an idle CPU as without the module. */
static void tick(void)
{
	unsigned long long without, with, target;

	require_governor();
	without = ticks_in_10_s();
	sip_load(SIP_NO_GUARD);
	ping_pong(200); /* the predictor has something to forget */
	with = ticks_in_10_s();
	sip_unload();
	target = without * 3 / 2 + 20;
	printf("figure tick-%s target<=%llu value=%llu\n", boot_name(), target, with);
	check(with <= target, "10 idle seconds: %llu timer interrupts, %llu without the module", with, without);
}

/* --- latency limits --- */

struct counts {
	long long halts[2], limit_polls[2];
};

static struct counts counts_after(unsigned int ms)
{
	struct counts c;

	sleep_ms(ms);
	for (int cpu = 0; cpu < 2; cpu++) {
		c.halts[cpu] = sip_count("halts", cpu);
		c.limit_polls[cpu] = sip_count("limit_polls", cpu);
	}
	return c;
}

/* CPU @cpu must have gone on without a halt, or must have halted. */
static void compare(const char *when, int cpu, bool limited, const struct counts *a, const struct counts *b)
{
	long long halts = b->halts[cpu] - a->halts[cpu], polls = b->limit_polls[cpu] - a->limit_polls[cpu];

	if (limited)
		check(!halts && polls > 0, "%s, CPU %d: %lld halts, %lld slices of polling", when, cpu, halts, polls);
	else
		check(halts > 0, "%s, CPU %d: %lld halts", when, cpu, halts);
}

static void compare_both(const char *when, bool limited_0, bool limited_1)
{
	struct counts a = counts_after(200), b = counts_after(2000); /* the limit was set just now: let it settle */

	compare(when, 0, limited_0, &a, &b);
	compare(when, 1, limited_1, &a, &b);
}

/*
 * A CPU that nothing runs on (isolated) must halt again when a limit goes, though the wake-up that tells it so leads to
 * no switch of tasks.
 */
static void lifted(void)
{
	const int32_t zero = 0;

	sip_load(SIP_NO_GUARD " fixed_ns=50000");
	for (int round = 0; round < 3; round++) {
		long long slices, more;
		int fd = open("/dev/cpu_dma_latency", O_WRONLY | O_CLOEXEC);

		require(fd >= 0 && write(fd, &zero, sizeof(zero)) == sizeof(zero), "/dev/cpu_dma_latency takes 0");
		sleep_ms(1000);
		close(fd);
		sleep_ms(500);
		slices = sip_count("limit_polls", 1);
		sleep_ms(1500);
		more = sip_count("limit_polls", 1) - slices;
		check(more < 1000, "round %d: CPU 1 polls on in %lld slices after the limit is lifted", round, more);
	}
	sip_unload();
}

static void limit(void)
{
	const int32_t zero = 0;
	int fd;

	require_governor();
	sip_load(SIP_NO_GUARD);
	compare_both("no limit", false, false);
	fd = open("/dev/cpu_dma_latency", O_WRONLY | O_CLOEXEC);
	require(fd >= 0 && write(fd, &zero, sizeof(zero)) == sizeof(zero), "/dev/cpu_dma_latency takes 0");
	compare_both("limit 0 for all", true, true);
	close(fd);
	compare_both("limit lifted", false, false);
	require(!guest_write_file("/sys/devices/system/cpu/cpu1/power/pm_qos_resume_latency_us", "n/a"),
		"CPU 1 takes a limit of its own");
	compare_both("limit 0 for CPU 1", false, true);
	guest_write_file("/sys/devices/system/cpu/cpu1/power/pm_qos_resume_latency_us", "0");
	compare_both("limit of CPU 1 lifted", false, false);
	sip_unload();
}

/* --- interrupts between CPUs --- */

/*
 * In percent, for 2 * 3000 wake-ups: reschedule and function-call interrupts, for the scheduler wakes with both. Who
 * wakes thinks first: a CPU that is still on its way into its idle state is rightly woken by an interrupt, and which
 * CPU is the faster there would be a matter of the machine.
 */
static unsigned long long wake_ipis_pct(void)
{
	const long rounds = 3000, think = 20000;
	uint64_t before;

	ping_pong_slowly(200, think);
	before = guest_interrupts("RES", EVERY_CPU) + guest_interrupts("CAL", EVERY_CPU);
	ping_pong_slowly(rounds, think);
	return (guest_interrupts("RES", EVERY_CPU) + guest_interrupts("CAL", EVERY_CPU) - before) * 100 / (2 * rounds);
}

/* A CPU that polls is woken without an interrupt. */
static void ipi(void)
{
	unsigned long long without = wake_ipis_pct(), with;

	check(without >= 80, "without the module: %llu interrupts per 100 wake-ups", without);
	/* The longest window: on a busy machine an emulated CPU may answer after more than a millisecond. */
	sip_load(SIP_NO_GUARD " poll_max_ns=10000000 fixed_ns=10000000");
	with = wake_ipis_pct();
	sip_unload();
	check(with * 100 < without * 15, "with the module: %llu interrupts per 100 wake-ups", with);
}

/* --- the host's halt polling --- */

/* What KVM was told: bit 0 is set while the host may poll. -1 if this is not KVM or the module msr is not there. */
static int host_may_poll(int cpu)
{
	const off_t poll_control = 0x4b564d05; /* MSR_KVM_POLL_CONTROL */
	uint64_t value;
	char path[64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/dev/cpu/%d/msr", cpu);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : pread(fd, &value, sizeof(value), poll_control);
	if (fd >= 0)
		close(fd);
	return n == sizeof(value) ? (int)(value & 1) : -1;
}

static void host_polls(const char *when, int may)
{
	for (int cpu = 0; cpu < 2; cpu++)
		check(host_may_poll(cpu) == may, "%s: the host may poll for CPU %d: %d", when, cpu, host_may_poll(cpu));
}

static void host_poll(void)
{
	host_polls("before", 1);
	sip_load(FIXED_1MS);
	host_polls("host_poll=off", 0);
	check(sip_count("host_poll_off", EVERY_CPU) == 2, "the counters say so");
	sip_set("host_poll", "keep");
	host_polls("host_poll=keep", 1);
	sip_set("host_poll", "off");
	sip_set("fixed_ns", "0");
	host_polls("fixed_ns=0", 1);
	sip_set("fixed_ns", "-1");
	host_polls("fixed_ns=-1", 0);
	sip_unload();
	host_polls("unloaded", 1);
	sip_load("host_poll=keep");
	host_polls("loaded with host_poll=keep", 1);
	sip_unload();
}

/* --- parameters --- */

static void refuses_value(const char *param, const char *value)
{
	char path[128], setting[128], *before, *after;
	int rc;

	snprintf(path, sizeof(path), SIP_PARAMS "%s", param);
	before = guest_read_file(path);
	rc = sip_set(param, value);
	check(rc && errno == EINVAL, "write %s=%s: %s", param, value, rc ? strerror(errno) : "taken");
	after = guest_read_file(path);
	check(before && after && !strcmp(before, after), "%s stays %.*s", param, (int)strcspn(before, "\n"), before);
	free(before);
	free(after);

	guest_unload_module(SIP);
	snprintf(setting, sizeof(setting), "%s=%s", param, value);
	rc = guest_load_module(SIP, setting);
	check(rc && errno == EINVAL, "insmod with %s: %s", setting, rc ? strerror(errno) : "loaded");
	if (rc)
		sip_load("");
}

static void takes_value(const char *param, const char *value)
{
	char path[128];

	snprintf(path, sizeof(path), SIP_PARAMS "%s", param);
	check(!sip_set(param, value) && file_says(path, value), "%s takes %s", param, value);
}

static void params(void)
{
	static const char *const bad[][2] = {
		{ "poll_max_ns", "-1" },    { "poll_max_ns", "10000001" }, { "poll_max_ns", "4294967296" },
		{ "poll_max_ns", "x" },	    { "poll_max_ns", "1x" },	   { "fixed_ns", "-2" },
		{ "fixed_ns", "10000001" }, { "halt_cost_ns", "-1" },	   { "halt_cost_ns", "10000001" },
		{ "poll_price_pct", "-1" }, { "poll_price_pct", "1001" },  { "steal_pct", "-1" },
		{ "steal_pct", "101" },	    { "host_poll", "on" },	   { "host_poll", "kee" },
	};
	static const char *const good[][2] = {
		{ "poll_max_ns", "0" },	    { "poll_max_ns", "10000000" }, { "fixed_ns", "-1" },
		{ "fixed_ns", "10000000" }, { "halt_cost_ns", "0" },	   { "halt_cost_ns", "10000000" },
		{ "poll_price_pct", "0" },  { "poll_price_pct", "1000" },  { "steal_pct", "0" },
		{ "steal_pct", "100" },	    { "host_poll", "keep" },	   { "host_poll", "off" },
	};

	sip_load("");
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		refuses_value(bad[i][0], bad[i][1]);
	check(log_has("poll_max_ns must be a number from 0 to 10000000"), "the log says what poll_max_ns may be");
	check(log_has("host_poll must be off or keep"), "the log says what host_poll may be");
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		takes_value(good[i][0], good[i][1]);
	sip_unload();
}

/* --- where it does not run --- */

/* Another driver has the place. (That it is the real haltpoll takes real KVM: see haltpoll.sh.) */
static void busy(void)
{
	require(!guest_load_module("other_idle", ""), "insmod other_idle");
	sip_refuses("", EBUSY, SIP ": the cpuidle driver other_idle has the place; keep it from loading");
	check(file_says(CPUIDLE "current_driver", "other_idle"), "the other driver is still there");
	guest_unload_module("other_idle");
	require(!guest_load_module("other_idle", "name=haltpoll"), "insmod other_idle name=haltpoll");
	sip_refuses("", EBUSY,
		    SIP ": the cpuidle driver haltpoll has the place; boot with initcall_blacklist=haltpoll_init");
	guest_unload_module("other_idle");
	sip_load("");
	sip_unload();
}

/* The kernel's own haltpoll has it, for the VM got KVM's dedicated hint. */
static void haltpoll_busy(void)
{
	require(file_says(CPUIDLE "current_driver", "haltpoll"), "the cpuidle driver is haltpoll");
	sip_refuses("", EBUSY,
		    SIP ": the cpuidle driver haltpoll has the place; boot with initcall_blacklist=haltpoll_init");
	check(file_says(CPUIDLE "current_driver", "haltpoll"), "haltpoll is still there");
}

static void no_cpuidle(void)
{
	sip_refuses("", ENODEV, SIP ": cpuidle is disabled, by cpuidle.off=1 or by the hypervisor");
	check(!exists(SIP_DEBUGFS), "no folder is left in debugfs");
}

static void idle_poll(void)
{
	sip_refuses("", ENODEV, SIP ": the kernel was booted with idle=poll, which fixes what idle CPUs do; remove it");
	sip_is_gone();
}

static void idle_halt(void)
{
	sip_refuses("", ENODEV, SIP ": the kernel was booted with idle=halt, which fixes what idle CPUs do; remove it");
	sip_is_gone();
}

/* Loads, polls, unloads: with one CPU, or with idle=nomwait on the command line. */
static void plain(void)
{
	sip_load(SIP_NO_GUARD " poll_max_ns=10000000 fixed_ns=10000000");
	is_current();
	guest_pin(0);
	naps(200, 300); /* shorter ones would be over before the CPU is idle, in a nested guest */
	check(sip_count("polls", 0) >= 100, "200 short naps: %lld polls", sip_count("polls", 0));
	check(sip_count("polls_hit", 0) >= 50, "200 short naps: %lld polls ended by work", sip_count("polls_hit", 0));
	sip_set("fixed_ns", "0");
	naps_halt_on(0);
	sip_unload();
}

static const struct check_case cases[] = {
	{ "steer", steer },	    { "never", never },		{ "tick", tick },
	{ "limit", limit },	    { "lifted", lifted },	{ "ipi", ipi },
	{ "params", params },	    { "busy", busy },		{ "no-cpuidle", no_cpuidle },
	{ "idle-poll", idle_poll }, { "idle-halt", idle_halt }, { "haltpoll-busy", haltpoll_busy },
	{ "host-poll", host_poll }, { "plain", plain },		{ 0 },
};

int main(int argc, char **argv)
{
	return check_main(cases, argc, argv);
}
