// SPDX-License-Identifier: BSD-3-Clause
#include "bench_timer_table.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static double number(const json_t *object, const char *key)
{
	return json_number_value(json_object_get(object, key));
}

static const char *word(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "?";
}

static bool polls(const json_t *cell)
{
	return json_is_true(json_object_get(cell, "smart_idle_poll"));
}

static double exits_per_timer(const json_t *cell, const char *reason)
{
	double timers = number(cell, "timers");

	return timers > 0 ? number(json_object_get(cell, "exits"), reason) / timers : 0;
}

/* An interrupt of the host's, and the exit at which the guest could take it: what a kick costs where none is posted. */
static double kicks(const json_t *cell)
{
	return exits_per_timer(cell, "interrupt") + exits_per_timer(cell, "interrupt_window");
}

static void print_cells(const json_t *cells)
{
	const json_t *cell;
	size_t i;

	printf("method      interval  timer     poll    MSR-w    HLT  kicks  exits   vCPU us\n");
	json_array_foreach (cells, i, cell)
		printf("%-10s %6.0f us  %-8s  %-3s   %6.3f %6.3f %6.3f %6.3f  %8.1f\n", word(cell, "method"),
		       number(cell, "interval_us"), word(cell, "timer"), polls(cell) ? "on" : "off",
		       exits_per_timer(cell, "msr_write"), exits_per_timer(cell, "halt"), kicks(cell),
		       exits_per_timer(cell, "total"), number(cell, "vcpu_cpu_ns") / number(cell, "timers") / 1000);
}

static const json_t *find_cell(const json_t *cells, const json_t *like, const char *timer, bool poll)
{
	const json_t *cell;
	size_t i;

	json_array_foreach (cells, i, cell)
		if (!strcmp(word(cell, "method"), word(like, "method")) && !strcmp(word(cell, "timer"), timer) &&
		    number(cell, "interval_us") == number(like, "interval_us") && polls(cell) == poll)
			return cell;
	return NULL;
}

/* The LAPIC's timer; with KVM's injection only where it was not measured without. */
static bool is_control(const json_t *cells, const json_t *cell)
{
	return !strcmp(word(cell, "timer"), "lapic") ||
	       (!strcmp(word(cell, "timer"), "lapic-pi") && !find_cell(cells, cell, "lapic", false));
}

/* One sentence for each method and interval: from the LAPIC's timer to the exitless one with smart idle poll. */
static void print_meaning(const json_t *cells)
{
	const json_t *before, *after;
	size_t i;

	printf("\nWhat this shows\n");
	json_array_foreach (cells, i, before) {
		if (polls(before) || !is_control(cells, before))
			continue;
		after = find_cell(cells, before, "exitless", true);
		if (after)
			printf("  %s of %.0f us: %.2f MSR-write and %.2f HLT exits a timer, then %.3f and %.3f.\n",
			       word(before, "method"), number(before, "interval_us"),
			       exits_per_timer(before, "msr_write"), exits_per_timer(before, "halt"),
			       exits_per_timer(after, "msr_write"), exits_per_timer(after, "halt"));
	}
}

void bench_timer_print(const json_t *report)
{
	const json_t *cells = json_object_get(report, "cells");

	printf("Exits per timer, on a vCPU that sleeps and on one that runs cyclictest%s\n",
	       json_is_true(json_object_get(report, "lab")) ? " (emulated: times mean nothing, counts do)" : "");
	print_cells(cells);
	printf("\nlapic-pi: kvm.pi_inject_timer, which needs posted interrupts too. kicks: interrupts of the host's, "
	       "and windows for the\nguest's: where the CPU posts interrupts (APICv, AVIC), the exitless timer's go "
	       "too, and its MSR-w: EOIs of interrupts\nthat met another.\n");
	print_meaning(cells);
}
