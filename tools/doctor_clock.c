// SPDX-License-Identifier: BSD-3-Clause
/* The doctor's check of the TSC, on which exitless timers are told. */
#include "doctor_check.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define CLOCKSOURCE "sys/devices/system/clocksource/clocksource0"
#define CURRENT	    CLOCKSOURCE "/current_clocksource"
#define AVAILABLE   CLOCKSOURCE "/available_clocksource"

static bool has_word(const char *words, const char *word)
{
	char list[514], padded[32];

	snprintf(list, sizeof(list), " %.511s ", words);
	snprintf(padded, sizeof(padded), " %s ", word);
	return strstr(list, padded) != NULL;
}

static void judge_tsc(struct doctor_finding *finding, const char *current, bool constant, bool guest)
{
	bool in_use = !strcmp(current, "tsc");

	if (!constant) {
		finding->state = DOCTOR_WARN;
		doctor_means(finding, "The CPU does not promise that the TSC keeps its rate and never stops: exitless "
				      "timers would have to be told again and again.");
		doctor_advice(finding, guest ? "Start this VM with an invariant TSC (QEMU: -cpu ...,+invtsc; it cannot "
					       "migrate to a host with another frequency then)."
					     : "Serve exitless timers from a CPU with an invariant TSC.");
	} else if (in_use || (guest && !strcmp(current, "kvm-clock"))) {
		finding->state = DOCTOR_OK;
		doctor_means(finding, "Exitless timers can be told in TSC ticks.");
	} else {
		finding->state = DOCTOR_WARN;
		doctor_means(finding,
			     "The TSC can be used, but the clock is read elsewhere, which is slow, and disturbs "
			     "what is measured.");
		doctor_advice(finding, "Boot without clocksource=, or write tsc to /" CURRENT ".");
	}
}

void doctor_tsc(const struct doctor_root *root, struct doctor_finding *finding)
{
	char current[64], available[512] = "";
	bool constant, nonstop;
	struct doctor_cpu cpu;
	int got = doctor_read_line(root, CURRENT, current, sizeof(current));

	if (got <= 0) {
		doctor_unreadable(finding, CURRENT, got ? got : -EINVAL);
		return;
	}
	doctor_read_line(root, AVAILABLE, available, sizeof(available));
	got = doctor_read_cpu(root, &cpu);
	if (got < 0) {
		doctor_unreadable(finding, "proc/cpuinfo", got);
		return;
	}
	constant = doctor_cpu_has(&cpu, "constant_tsc");
	nonstop = doctor_cpu_has(&cpu, "nonstop_tsc");
	doctor_found(finding, DOCTOR_BAD, "clocksource %s; %sconstant_tsc, %snonstop_tsc", current,
		     constant ? "" : "no ", nonstop ? "" : "no ");
	/* The kernel takes a TSC that it has seen unstable off the list. */
	if (strcmp(current, "tsc") && !has_word(available, "tsc")) {
		doctor_append(finding->found, sizeof(finding->found), "; tsc is not among the clocksources");
		doctor_means(finding, "The kernel holds the TSC for unstable: exitless timers refuse it.");
		doctor_advice(finding, "Look in the kernel's log for why (\"Marking TSC unstable\"); boot without "
				       "tsc=unstable and notsc; update the firmware.");
		return;
	}
	judge_tsc(finding, current, constant && nonstop, doctor_cpu_has(&cpu, "hypervisor"));
}
