// SPDX-License-Identifier: BSD-3-Clause
/*
 * The predictor in the kernel and the one in idle-replay are the same: what the module's predictor was asked and
 * answered is taken from its trace event, and asked again here.
 */
#include "sip.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

#include "idle_replay.h"

#define TRACING	    "/sys/kernel/tracing/"
#define EVENT	    TRACING "events/" SIP "/idle_period/"
#define CPU1_ONLINE "/sys/devices/system/cpu/cpu1/online"
#define CSV	    "/answers.csv"
#define CHANGES	    32

/* CPU 1 begins anew, so that all that its predictor learns is seen. */
static void start_recording(void)
{
	require(!mount("tracefs", TRACING, "tracefs", 0, NULL) || errno == EBUSY, "tracefs is mounted");
	require(!guest_write_file(CPU1_ONLINE, "0"), "CPU 1 goes offline");
	require(!guest_write_file(TRACING "buffer_size_kb", "16384"), "the trace buffer gets 16 MiB a CPU");
	require(!guest_write_file(EVENT "enable", "1"), "the event idle_period is switched on");
	require(!guest_write_file(CPU1_ONLINE, "1"), "CPU 1 comes online");
}

/* Naps of many lengths, some on a timer in reach, at several prices and limits. */
static void idle_in_all_ways(void)
{
	ping_pong(1500);
	guest_pin(1);
	for (unsigned int us = 1; us <= 2000; us += us / 4 + 1)
		naps(20, us);
	check(!sip_set("poll_max_ns", "1000000") && !sip_set("halt_cost_ns", "150000"), "other prices, another limit");
	ping_pong(500);
	naps(100, 100);
	naps(20, 3000);
	check(!sip_set("halt_cost_ns", "0") && !sip_set("poll_price_pct", "100"), "W measured, another price");
	ping_pong(500);
	naps(100, 100);
}

/* "... idle_period: 1,START,LENGTH,-1,ipi,...": the event has no empty field, CSV has one for "unknown". */
static void write_line(FILE *csv, const char *line)
{
	const char *at = strstr(line, ": idle_period: 1,"), *unknown;

	if (!at)
		return;
	at += strlen(": idle_period: ");
	unknown = strstr(at, ",-1,");
	if (unknown)
		fprintf(csv, "%.*s,,%s", (int)(unknown - at), at, unknown + strlen(",-1,"));
	else
		fputs(at, csv);
}

static void stop_recording(void)
{
	FILE *trace, *csv = fopen(CSV, "we");
	char line[512], *stats;

	check(!guest_write_file(EVENT "enable", "0"), "the event is switched off");
	stats = guest_read_file(TRACING "per_cpu/cpu1/stats");
	check(stats && strstr(stats, "overrun: 0\n"), "no event of CPU 1 was lost");
	free(stats);
	trace = fopen(TRACING "trace", "re");
	require(trace && csv, "the trace can be read");
	fprintf(csv, IDLE_CSV_ANSWER_HEADER "\n");
	while (fgets(line, sizeof(line), trace))
		write_line(csv, line);
	fclose(trace);
	require(!fclose(csv), CSV " is written");
}

static unsigned int distinct_windows(const struct idle_csv *csv)
{
	uint32_t seen[64];
	unsigned int n = 0, k;

	for (size_t i = 0; i < csv->n; i++) {
		for (k = 0; k < n && seen[k] != csv->records[i].window_ns; k++)
			;
		if (k == n && n < 64)
			seen[n++] = csv->records[i].window_ns;
	}
	return n;
}

/*
 * The control: had periods been others, the windows would not all be the same. What one place shows depends on what
 * was learnt there: where a window is at its limit or at its floor, two periods more change nothing.
 */
static unsigned int changes_seen(struct idle_csv *csv)
{
	unsigned int seen = 0;

	for (size_t i = 0; i < CHANGES; i++) {
		struct idle_record *at = &csv->records[csv->n * i / CHANGES];
		uint64_t was[2] = { at[0].length_ns, at[1].length_ns };
		struct idle_answers replayed;

		at[0].length_ns = 1;
		at[1].length_ns = 1;
		require(!idle_replay_answers(csv, &replayed), "they can be replayed with two lengths changed");
		seen += replayed.different > 0;
		at[0].length_ns = was[0];
		at[1].length_ns = was[1];
	}
	return seen;
}

static void answers(void)
{
	struct isolat_error err = { 0 };
	struct idle_answers same;
	struct idle_csv csv;
	unsigned int seen;

	sip_load(SIP_NO_GUARD);
	start_recording();
	idle_in_all_ways();
	stop_recording();
	require(!idle_csv_read(CSV, &csv, &err), "the trace is CSV of idle periods %s %s", err.object, err.reason);
	check(csv.n >= 2000, "%zu periods of CPU 1", csv.n);
	check(distinct_windows(&csv) >= 5, "%u different windows", distinct_windows(&csv));
	require(!idle_replay_answers(&csv, &same), "they can be replayed");
	check(same.same == csv.n && !same.different, "windows reproduced: %zu of %zu", same.same, csv.n);

	seen = changes_seen(&csv);
	check(seen > 0, "%u of %d changes of lengths are seen in the windows", seen, CHANGES);
	idle_csv_free(&csv);
	sip_unload();
}

int main(int argc, char **argv)
{
	static const struct check_case cases[] = { { "answers", answers }, { 0 } };

	return check_main(cases, argc, argv);
}
