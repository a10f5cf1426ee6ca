// SPDX-License-Identifier: BSD-3-Clause
/*
 * smart_idle_poll inside a VM: what it does with idle CPUs, told from its counters and from the kernel's. Nothing here
 * asserts a time, for the CPUs may be emulated. sip_stress.c has what shakes it.
 */
#include "sip.h"

#include <fcntl.h>
#include <stdint.h>

#define FIXED_1MS SIP_NO_GUARD " fixed_ns=1000000"

static void is_current(void)
{
	require_governor();
	check(file_says(CPUIDLE "current_driver", SIP), "the cpuidle driver is " SIP);
	check(file_says("/sys/devices/system/cpu/cpu1/cpuidle/state0/name", "POLL"), "state 0 is POLL");
	check(file_says("/sys/devices/system/cpu/cpu1/cpuidle/state1/name", "HLT"), "state 1 is HLT");
}

/* Short idles are polled, long ones halt: by the predictor's choice, under the governor that was booted. */
static void steer(void)
{
	long long polls, hits, halts, periods;

	sip_is_gone();
	sip_load(SIP_NO_GUARD);
	is_current();
	ping_pong(1000);
	polls = sip_count("polls", EVERY_CPU);
	hits = sip_count("polls_hit", EVERY_CPU);
	ping_pong(4000);
	polls = sip_count("polls", EVERY_CPU) - polls;
	hits = sip_count("polls_hit", EVERY_CPU) - hits;
	check(polls >= 2000, "8000 short idles: %lld polls", polls);
	check(hits >= 2000, "8000 short idles: %lld polls ended by work", hits);

	for (int cpu = 0; cpu < 2; cpu++) {
		guest_pin(cpu);
		naps(40, 5000); /* forget the short ones */
		halts = sip_count("halts", cpu);
		periods = sip_count("periods", cpu);
		naps(40, 5000);
		halts = sip_count("halts", cpu) - halts;
		periods = sip_count("periods", cpu) - periods;
		check(halts >= 40, "40 long idles on CPU %d: %lld halts in %lld periods", cpu, halts, periods);
	}
	sip_unload();
}

static const struct check_case cases[] = {
	{ "steer", steer },
	{ 0 },
};

int main(int argc, char **argv)
{
	return check_main(cases, argc, argv);
}
