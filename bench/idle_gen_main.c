// SPDX-License-Identifier: BSD-3-Clause
/* idle-gen: writes one of the made-up idle traces of idle_gen.h. */
#include <getopt.h>
#include <string.h>

#include "idle_csv.h"
#include "idle_gen.h"
#include "idle_policy.h"
#include "report.h"

#define MAX_COUNT 1000000000UL

enum { OPT_COUNT = 256, OPT_SEED, OPT_COST, OPT_PRICE, OPT_POLL_MAX, OPT_LIST };

static const struct report_option options[] = {
	REPORT_OPTION_HELP,
	{ "version", 'V', NULL, "show the version" },
	{ "list", OPT_LIST, NULL, "show the names, the class of each, and what it is" },
	{ "count", OPT_COUNT, "N", "idles to write, default 6000" },
	{ "seed", OPT_SEED, "N", "of the random numbers, default 1" },
	{ "wake-cost-ns", OPT_COST, "N", "adversaries: the cost of a halt and wake, default 20000" },
	{ "poll-price", OPT_PRICE, "X", "adversaries: the price of a polled ns, default 0.3" },
	{ "poll-max-ns", OPT_POLL_MAX, "N", "adversaries: the longest window, default 200000" },
	{ 0 },
};

static const struct report_usage usage = {
	.command = "idle-gen",
	.synopsis = "NAME [OPTION]... | --list",
	.about =
		"Writes a made-up idle trace as CSV: its NAME says how the lengths are distributed, or which adversary "
		"makes each idle for the window that the predictor of smart_idle_poll just chose.",
	.options = options,
	.no_json = true,
};

struct request {
	struct idle_gen_config config;
	unsigned long count;
	bool list;
};

static int read_option(void *request, int key, struct isolat_error *err)
{
	struct request *r = request;
	unsigned long value;

	switch (key) {
	case OPT_LIST:
		r->list = true;
		return 0;
	case OPT_COUNT:
		return report_number(&usage, key, optarg, 1, MAX_COUNT, &r->count, err);
	case OPT_SEED:
		return report_number(&usage, key, optarg, 0, ~0UL, &r->config.seed, err);
	case OPT_COST:
		return report_number(&usage, key, optarg, 0, IDLE_MAX_HALT_NS, &r->config.wake_cost_ns, err);
	case OPT_PRICE:
		return report_millionths(&usage, key, optarg, IDLE_MAX_PRICE, &r->config.poll_price_ppm, err);
	default:
		if (report_number(&usage, key, optarg, 0, IDLE_MAX_POLL_NS, &value, err))
			return -1;
		r->config.poll_max_ns = (uint32_t)value;
		return 0;
	}
}

static int list(void)
{
	for (const struct idle_gen *gen = idle_gens; gen->name; gen++)
		printf("%-22s  %-10s  %s\n", gen->name, idle_gen_class_name(gen->class), gen->about);
	return ISOLAT_OK;
}

static void write_trace(const struct request *r, const struct idle_gen *gen)
{
	struct idle_record record;
	struct idle_gen_run run;

	idle_csv_write_header(stdout, false);
	idle_gen_begin(&run, gen, &r->config);
	for (unsigned long i = 0; i < r->count && !ferror(stdout); i++) {
		idle_gen_next(&run, &record);
		idle_csv_write(stdout, &record, false);
	}
}

static int run_request(const struct request *r, int argc, char **argv)
{
	const struct idle_gen *gen;
	struct isolat_error err;

	if (argc != (r->list ? 0 : 1)) {
		isolat_fail(&err, ISOLAT_USAGE, "read the command line", NULL,
			    r->list ? "--list takes no name" : "one name is needed");
		isolat_hint(&err, "%s --list shows them", usage.command);
		return report_error(&err, false);
	}
	if (r->list)
		return list();
	gen = idle_gen_find(argv[0]);
	if (!gen) {
		isolat_fail(&err, ISOLAT_USAGE, "find trace", argv[0], "no generator has this name");
		isolat_hint(&err, "%s --list shows them", usage.command);
		return report_error(&err, false);
	}
	write_trace(r, gen);
	return ISOLAT_OK;
}

int main(int argc, char **argv)
{
	struct request request = { .config = IDLE_GEN_DEFAULTS, .count = 6000 };
	int code;

	report_program = usage.command;
	code = report_options(&usage, argc, argv, read_option, &request);
	if (code < 0)
		code = run_request(&request, argc - optind, argv + optind);
	return report_finish(code);
}
