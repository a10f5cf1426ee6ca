// SPDX-License-Identifier: BSD-3-Clause
/* exitless-bench: the exitless timer's scanner, beside timerfd, without a VM. */
#include <getopt.h>
#include <stdlib.h>

#include "exitless_bench.h"
#include "report.h"
#include "timer_stats.h"

#define EXITLESS_BENCH_VERSION 1
#define MAX_VMS		       (TIMER_MAX_VMS - 1)

enum { OPT_VMS = 256, OPT_SLOTS, OPT_SAMPLES, OPT_TABLE, OPT_HOSTILE };

static const struct report_option options[] = {
	REPORT_OPTION_HELP,
	{ "version", 'V', NULL, "show the version" },
	REPORT_OPTION_JSON,
	{ "vms", OPT_VMS, "N", "virtual machines (default 1)" },
	{ "slots", OPT_SLOTS, "N", "armed slots of all of them together (default 64)" },
	{ "samples", OPT_SAMPLES, "N", "timers that are measured, of each kind (default 2000)" },
	{ "table", OPT_TABLE, NULL, "1 to 1024 slots of 1 to 64 VMs, a row each" },
	{ "hostile", OPT_HOSTILE, NULL, "what the VMs see beside one that means harm, by what it does" },
	{ 0 },
};

static const struct report_usage usage = {
	.command = "exitless-bench",
	.synopsis = "[OPTION]...",
	.about = "Measures the exitless timer without a VM: the scanner on one CPU, armings and readers on another, "
		 "and a timerfd with the same deadlines and readers beside it.",
	.options = options,
};

struct request {
	bool json, table, hostile;
	unsigned long vms, slots, samples;
};

static int apply_option(void *request, int key, struct isolat_error *err)
{
	struct request *r = request;

	switch (key) {
	case 'j':
		r->json = true;
		return 0;
	case OPT_TABLE:
		r->table = true;
		return 0;
	case OPT_HOSTILE:
		r->hostile = true;
		return 0;
	case OPT_VMS:
		return report_number(&usage, key, optarg, 1, MAX_VMS, &r->vms, err);
	case OPT_SLOTS:
		return report_number(&usage, key, optarg, 1, 4096, &r->slots, err);
	default: /* OPT_SAMPLES */
		return report_number(&usage, key, optarg, 10, 1000000, &r->samples, err);
	}
}

/* ---- Rows ---- */

static json_t *row_json(const struct exitless_bench_config *c, const struct exitless_bench_result *r)
{
	json_t *row =
		json_pack("{s:i, s:i, s:i, s:i, s:f, s:f, s:f, s:f, s:f, s:f}", "version", EXITLESS_BENCH_VERSION,
			  "vms", (int)c->vms, "slots", (int)c->slots, "samples", (int)c->samples, "arm_p50_ns",
			  r->arm.p50, "arm_1_0_p50_ns", r->arm_1_0.p50, "detect_p50_ns", r->detect.p50, "detect_p99_ns",
			  r->detect.p99, "detect_p999_ns", r->detect.p999, "scan_ns_per_slot", r->scan_ns_per_slot);
	json_t *rest =
		json_pack("{s:f, s:f, s:f, s:f, s:f, s:f, s:I, s:I}", "total_p50_ns", r->total.p50,
			  "total_blocking_p50_ns", r->total_blocking.p50, "timerfd_p50_ns", r->timerfd.p50,
			  "timerfd_blocking_p50_ns", r->timerfd_blocking.p50, "ring_p50_ns", r->ring.p50,
			  "idle_cpu_pct", r->idle_cpu_pct, "early", (json_int_t)r->early, "lost", (json_int_t)r->lost);

	if (row && rest)
		json_object_update(row, rest);
	json_decref(rest);
	return row;
}

static json_t *hostile_json(const struct exitless_bench_config *c, const struct exitless_bench_result *r)
{
	return json_pack("{s:i, s:i, s:i, s:i, s:s, s:f, s:f, s:f, s:f, s:I, s:I, s:I}", "version",
			 EXITLESS_BENCH_VERSION, "vms", (int)c->vms, "slots", (int)c->slots, "samples",
			 (int)c->samples * 2, "neighbour", exitless_hostile_name(c->hostile), "detect_p50_ns",
			 r->detect.p50, "detect_p99_ns", r->detect.p99, "detect_p999_ns", r->detect.p999,
			 "detect_max_ns", r->detect.max, "early", (json_int_t)r->early, "lost", (json_int_t)r->lost,
			 "limited", (json_int_t)r->limited);
}

static void print_head(void)
{
	printf("%4s %5s  %5s %5s  %6s %6s %6s  %5s  %7s %7s  %7s %7s  %6s  %5s\n", "VMs", "slots", "arm", "1.0",
	       "detect", "p99", "p99.9", "slot", "total", "timerfd", "blocked", "timerfd", "ring", "idle");
}

static void print_row(const struct exitless_bench_config *c, const struct exitless_bench_result *r)
{
	printf("%4u %5u  %5.0f %5.0f  %6.0f %6.0f %6.0f  %5.2f  %7.0f %7.0f  %7.0f %7.0f  %6.0f  %4.2f%%\n", c->vms,
	       c->slots, r->arm.p50, r->arm_1_0.p50, r->detect.p50, r->detect.p99, r->detect.p999, r->scan_ns_per_slot,
	       r->total.p50, r->timerfd.p50, r->total_blocking.p50, r->timerfd_blocking.p50, r->ring.p50,
	       r->idle_cpu_pct);
	if (r->early || r->lost)
		printf("%12s%llu early, %llu lost\n", "", (unsigned long long)r->early, (unsigned long long)r->lost);
	fflush(stdout);
}

static void print_hostile(const struct exitless_bench_config *c, const struct exitless_bench_result *r)
{
	printf("%-9s  %8.0f %8.0f %8.0f %8.0f  %5llu %5llu  %9llu\n", exitless_hostile_name(c->hostile), r->detect.p50,
	       r->detect.p99, r->detect.p999, r->detect.max, (unsigned long long)r->early, (unsigned long long)r->lost,
	       (unsigned long long)r->limited);
	fflush(stdout);
}

/* ---- What is asked for ---- */

/* One row, into @rows if there is JSON to print. */
static int run_row(const struct request *r, const struct exitless_bench_config *config, json_t *rows,
		   struct isolat_error *err)
{
	struct exitless_bench_result result;

	if (exitless_bench_run(config, &result, r->hostile, err))
		return -1;
	if (r->json)
		json_array_append_new(rows, r->hostile ? hostile_json(config, &result) : row_json(config, &result));
	else if (r->hostile)
		print_hostile(config, &result);
	else
		print_row(config, &result);
	return 0;
}

static int run_table(const struct request *r, struct exitless_bench_config *config, json_t *rows,
		     struct isolat_error *err)
{
	static const unsigned int slots[] = { 1, 16, 64, 256, 1024 }, vms[] = { 1, 4, 16, 64 };

	for (size_t i = 0; i < sizeof(slots) / sizeof(slots[0]); i++)
		for (size_t j = 0; j < sizeof(vms) / sizeof(vms[0]); j++) {
			config->slots = slots[i];
			config->vms = vms[j];
			if (config->vms > config->slots || config->slots > exitless_bench_max_slots(config->vms))
				continue;
			if (run_row(r, config, rows, err))
				return -1;
		}
	return 0;
}

static int run_hostile(const struct request *r, struct exitless_bench_config *config, json_t *rows,
		       struct isolat_error *err)
{
	if (!r->json)
		printf("%-9s  %8s %8s %8s %8s  %5s %5s  %9s\n", "neighbour", "detect", "p99", "p99.9", "max", "early",
		       "lost", "limited");
	for (config->hostile = 0; config->hostile < HOSTILE_KINDS; config->hostile++)
		if (run_row(r, config, rows, err))
			return -1;
	return 0;
}

static int run(const struct request *r, json_t *rows, struct isolat_error *err)
{
	struct exitless_bench_config config = {
		.vms = (unsigned int)r->vms,
		.slots = (unsigned int)r->slots,
		.samples = (unsigned int)r->samples,
	};

	if (r->hostile)
		return run_hostile(r, &config, rows, err);
	if (!r->json)
		print_head();
	return r->table ? run_table(r, &config, rows, err) : run_row(r, &config, rows, err);
}

static int check(const struct request *r, struct isolat_error *err)
{
	if (r->slots < r->vms)
		return isolat_fail(err, ISOLAT_USAGE, "read the options", "--slots",
				   "%lu slots for %lu VMs: each has at least one", r->slots, r->vms);
	if (r->slots > exitless_bench_max_slots((unsigned int)r->vms))
		return isolat_fail(err, ISOLAT_USAGE, "read the options", "--slots", "%lu VMs have %u slots at most",
				   r->vms, exitless_bench_max_slots((unsigned int)r->vms));
	if (r->table && r->hostile)
		return isolat_fail(err, ISOLAT_USAGE, "read the options", "--table", "not together with --hostile");
	return 0;
}

int main(int argc, char **argv)
{
	struct request request = { .vms = 1, .slots = 64, .samples = 2000 };
	struct isolat_error err;
	json_t *rows;
	int code;

	report_program = "exitless-bench";
	code = report_options(&usage, argc, argv, apply_option, &request);
	if (code < 0 && (code = report_no_words(&usage, argc, argv)) == ISOLAT_OK) {
		rows = json_array();
		if (check(&request, &err) || run(&request, rows, &err))
			code = report_error(&err, request.json);
		else if (request.json)
			code = report_json(request.table || request.hostile ? json_incref(rows)
									    : json_incref(json_array_get(rows, 0)));
		json_decref(rows);
	}
	return report_finish(code);
}
