// SPDX-License-Identifier: BSD-3-Clause
#include "bench_idle_table.h"

#include <stdbool.h>
#include <stdio.h>

/* Below this a share of idles says nothing. */
#define ENOUGH_IDLES 20

/* KVM Forum 2017, "KVM performance tuning", slide "Fio 4k latency": us, by host halt polling x guest smart idle poll.
 */
static const struct {
	int latency_us;
	bool host, guest;
	double mean, stdev;
} talk[] = {
	{ 1, false, false, 42.31, 3.54 }, { 1, true, false, 31.98, 3.68 },   { 1, false, true, 25.98, 3.37 },
	{ 1, true, true, 25.95, 3.15 },	  { 20, false, false, 69.01, 4.79 }, { 20, true, false, 53.74, 3.59 },
	{ 20, false, true, 52.02, 3.38 }, { 20, true, true, 46.94, 3.36 },   { 50, false, false, 98.85, 3.66 },
	{ 50, true, false, 84.25, 3.36 }, { 50, false, true, 82.06, 9.36 },  { 50, true, true, 77.41, 4.16 },
};

static double number(const json_t *object, const char *key)
{
	return json_number_value(json_object_get(object, key));
}

static bool is_on(const json_t *cell, const char *key)
{
	return number(cell, key) > 0;
}

/* The cell of the same latency in which nobody polls. */
static const json_t *base_of(const json_t *cells, const json_t *cell)
{
	const json_t *other;
	size_t i;

	json_array_foreach (cells, i, other)
		if (number(other, "latency_ns") == number(cell, "latency_ns") && !is_on(other, "host_poll_ns") &&
		    !is_on(other, "guest_poll_ns"))
			return other;
	return cell;
}

static int talk_index(int latency_us, bool host, bool guest)
{
	for (size_t i = 0; i < sizeof(talk) / sizeof(*talk); i++)
		if (talk[i].latency_us == latency_us && talk[i].host == host && talk[i].guest == guest)
			return i;
	return -1;
}

static void print_cell_name(const json_t *cell)
{
	printf("%5.0f us  %-4s %-5s", number(cell, "latency_ns") / 1000, is_on(cell, "host_poll_ns") ? "on" : "off",
	       is_on(cell, "guest_poll_ns") ? "on" : "off");
}

static void print_latencies(const json_t *cells, bool lab)
{
	const json_t *cell;
	size_t i;

	printf("fio 4k random read, depth 1%s\n", lab ? " (emulated: these latencies mean nothing)" : "");
	printf("  inject  host guest   mean us   (stdev)  ratio    talk us (stdev)  ratio\n");
	json_array_foreach (cells, i, cell) {
		const json_t *fio = json_object_get(cell, "clat_ns");
		double mean = number(fio, "mean"),
		       base = number(json_object_get(base_of(cells, cell), "clat_ns"), "mean");
		int latency_us = number(cell, "latency_ns") / 1000;
		int t = talk_index(latency_us, is_on(cell, "host_poll_ns"), is_on(cell, "guest_poll_ns"));

		print_cell_name(cell);
		printf("  %8.2f %9.2f  %5.2f", mean / 1000, number(fio, "stddev") / 1000, base > 0 ? mean / base : 0);
		if (t >= 0)
			printf("   %8.2f  %5.2f   %5.2f", talk[t].mean, talk[t].stdev,
			       talk[t].mean / talk[talk_index(latency_us, false, false)].mean);
		printf("\n");
	}
}

static double short_idles(const json_t *cell)
{
	const json_t *traced = json_object_get(cell, "traced");

	return number(traced, "short_halted") + number(traced, "short_not_halted");
}

static double halted_percent(const json_t *cell)
{
	double n = short_idles(cell);

	return n > 0 ? 100 * number(json_object_get(cell, "traced"), "short_halted") / n : 0;
}

static double exits_per(const json_t *object, const char *reason, const char *unit)
{
	return number(json_object_get(object, "exits"), reason) / number(object, unit);
}

static void print_counts(const json_t *cells)
{
	const json_t *cell;
	size_t i;

	printf("\nCounted, per read on its vCPU\n");
	printf("  inject  host guest   HLT   MSR-w  intr  window other  exits    IPIs  vCPU us   short idles  in "
	       "HLT\n");
	json_array_foreach (cells, i, cell) {
		const json_t *exits = json_object_get(cell, "exits");
		double reads = number(cell, "reads"), total = number(exits, "total") / reads;
		double hlt = exits_per(cell, "halt", "reads"), msr = exits_per(cell, "msr_write", "reads");
		double intr = number(exits, "interrupt") / reads, window = number(exits, "interrupt_window") / reads;
		double rest = total - hlt - msr - intr - window; /* of counters read one after another */

		print_cell_name(cell);
		printf("  %5.2f  %5.2f %5.2f   %5.2f %5.2f  %5.2f   %5.2f %8.1f  %12.0f  %5.1f %%\n", hlt, msr, intr,
		       window, rest > 0 ? rest : 0, total, number(cell, "wake_ipis") / reads,
		       number(cell, "vcpu_cpu_ns") / reads / 1000, short_idles(cell), halted_percent(cell));
	}
}

static void print_wakes(const json_t *wakes, bool lab)
{
	const json_t *wake;
	size_t i;

	printf("\nMessage passing between two vCPUs, per wake-up\n");
	printf("   host guest   IPIs    HLT  exits  vCPU us%s\n", lab ? "" : "   round trip us");
	json_array_foreach (wakes, i, wake) {
		const json_t *exits = json_object_get(wake, "exits");
		double n = number(wake, "wake_ups");

		printf("   %-4s %-5s  %5.2f  %5.2f  %5.2f  %7.1f", is_on(wake, "host_poll_ns") ? "on" : "off",
		       is_on(wake, "guest_poll_ns") ? "on" : "off", number(wake, "wake_ipis") / n,
		       number(exits, "halt") / n, number(exits, "total") / n, number(wake, "vcpu_cpu_ns") / n / 1000);
		if (!lab)
			printf("  %14.2f", number(wake, "elapsed_ns") / n * 2 / 1000);
		printf("\n");
	}
}

/* The entry of @array in which the guest polls and the host does not, for a latency (0: any). */
static const json_t *find_polling(const json_t *array, double latency_ns)
{
	const json_t *entry;
	size_t i;

	json_array_foreach (array, i, entry)
		if (is_on(entry, "guest_poll_ns") && !is_on(entry, "host_poll_ns") &&
		    (!latency_ns || number(entry, "latency_ns") == latency_ns))
			return entry;
	return NULL;
}

static void print_words(const json_t *cells, const json_t *wakes)
{
	const json_t *cell, *polling, *first = json_array_get(wakes, 0);
	size_t i;

	printf("\nWhat this shows\n");
	json_array_foreach (cells, i, cell) {
		polling = find_polling(cells, number(cell, "latency_ns"));
		if (is_on(cell, "host_poll_ns") || is_on(cell, "guest_poll_ns") || !polling)
			continue;
		if (short_idles(cell) < ENOUGH_IDLES || short_idles(polling) < ENOUGH_IDLES) {
			printf("  %.0f us: the read is mostly done before the CPU is idle, too few short idles to "
			       "tell.\n",
			       number(cell, "latency_ns") / 1000);
			continue;
		}
		printf("  %.0f us: of %.0f short idles %.0f %% ended in a halt; with smart idle poll %.0f %% of %.0f. "
		       "HLT exits a read: %.2f, then %.2f.\n",
		       number(cell, "latency_ns") / 1000, short_idles(cell), halted_percent(cell),
		       halted_percent(polling), short_idles(polling), exits_per(cell, "halt", "reads"),
		       exits_per(polling, "halt", "reads"));
	}
	polling = find_polling(wakes, 0);
	if (polling)
		printf("  Messages: %.2f IPIs a wake-up, then %.2f; %.2f exits, then %.2f.\n",
		       number(first, "wake_ipis") / number(first, "wake_ups"),
		       number(polling, "wake_ipis") / number(polling, "wake_ups"),
		       exits_per(first, "total", "wake_ups"), exits_per(polling, "total", "wake_ups"));
}

void bench_idle_print(const json_t *report)
{
	const json_t *options = json_object_get(report, "options"), *cells = json_object_get(report, "cells");
	bool lab = json_is_true(json_object_get(report, "lab"));
	double slowdown = number(options, "slowdown");

	if (lab)
		printf("In the lab: an emulated host with real KVM. Counts hold, latencies mean nothing.\n");
	if (slowdown != 1)
		printf("All times of the table (injected latency, poll limits) are multiplied by %.0f.\n", slowdown);
	if (lab || slowdown != 1)
		printf("\n");
	print_latencies(cells, lab);
	print_counts(cells);
	print_wakes(json_object_get(report, "wake"), lab);
	printf("\nhost: halt polling %.0f us; guest: smart idle poll, at most %.0f us; short idle: up to that long\n",
	       number(options, "host_poll_ns") / 1000, number(options, "guest_poll_ns") / 1000);
	print_words(cells, json_object_get(report, "wake"));
}
