// SPDX-License-Identifier: BSD-3-Clause
/* idle-replay: what the idles of traces would have cost under each policy. */
#include <getopt.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "idle_replay.h"
#include "report.h"

enum { OPT_WAKE_COST = 256, OPT_POLL_PRICE, OPT_POLL_MAX, OPT_WITHOUT };

static const struct report_option options[] = {
	REPORT_OPTION_HELP,
	{ "version", 'V', NULL, "show the version" },
	REPORT_OPTION_JSON,
	{ "wake-cost-ns", OPT_WAKE_COST, "N", "cost of a halt and wake, in ns (default 20000)" },
	{ "poll-price", OPT_POLL_PRICE, "X", "price of a polled ns, in ns of that cost (default 0.3)" },
	{ "poll-max-ns", OPT_POLL_MAX, "N",
	  "longest window of isolat, asymmetric, best-fixed and piecewise "
	  "(default 200000)" },
	{ "without", OPT_WITHOUT, "LIST", "what isolat's predictor does without, of recent, wake, ran, timer" },
	{ 0 },
};

static const struct report_usage usage = {
	.command = "idle-replay",
	.synopsis = "[OPTION]... TRACE...",
	.about = "Tells what the idles of each TRACE, a CSV file, would have cost under isolat's idle predictor, its "
		 "peers, and policies that know the trace. Of a recording of the predictor's answers it tells too "
		 "whether they are reproduced.",
	.options = options,
};

struct request {
	bool json;
	struct idle_costs costs;
};

/* What is kept of a trace. */
struct report {
	char *name;
	struct idle_replay replay;
	bool has_answers;
	struct idle_answers answers;
};

/* "wake,ran" */
static int parse_without(const char *text, uint32_t *without, struct isolat_error *err)
{
	static const char *const names[] = {
		[IDLE_BY_RECENT] = "recent",
		[IDLE_BY_WAKE] = "wake",
		[IDLE_BY_RAN] = "ran",
		[IDLE_BY_TIMER] = "timer",
	};
	const size_t n = sizeof(names) / sizeof(names[0]);

	*without = 0;
	for (const char *at = text; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL) {
		size_t length = strcspn(at, ","), i;

		for (i = IDLE_BY_HISTORY + 1; i < n; i++)
			if (strlen(names[i]) == length && !strncmp(names[i], at, length))
				break;
		if (i == n)
			return report_bad_value(&usage, OPT_WITHOUT, text, err,
						"not a list of recent, wake, ran, timer");
		*without |= 1U << i;
	}
	return 0;
}

static int apply_option(void *request, int key, struct isolat_error *err)
{
	struct request *r = request;
	unsigned long value;

	switch (key) {
	case 'j':
		r->json = true;
		return 0;
	case OPT_POLL_PRICE:
		return report_millionths(&usage, key, optarg, IDLE_MAX_PRICE, &r->costs.price_ppm, err);
	case OPT_WITHOUT:
		return parse_without(optarg, &r->costs.without, err);
	case OPT_WAKE_COST:
		if (report_number(&usage, key, optarg, 0, IDLE_MAX_HALT_NS, &value, err))
			return -1;
		r->costs.halt_ns = value;
		return 0;
	default: /* OPT_POLL_MAX */
		if (report_number(&usage, key, optarg, 0, IDLE_MAX_POLL_NS, &value, err))
			return -1;
		r->costs.limit_ns = (uint32_t)value;
		return 0;
	}
}

static int replay_file(const struct request *r, const char *file, struct report *report, struct isolat_error *err)
{
	struct idle_csv csv;
	int rc;

	if (idle_csv_read(file, &csv, err))
		return -1;
	rc = idle_replay(&csv, &r->costs, &report->replay, err);
	report->has_answers = csv.answers;
	if (!rc && csv.answers && idle_replay_answers(&csv, &report->answers))
		rc = isolat_fail(err, ISOLAT_FAILED, "replay trace", file, "out of memory");
	report->name = csv.name;
	csv.name = NULL;
	idle_csv_free(&csv);
	return rc;
}

/* ---- JSON ---------------------------------------------------------------------------------------------------------*/

static json_t *number_or_null(double value)
{
	return isnan(value) ? json_null() : json_real(value);
}

static json_t *result_json(const struct idle_result *result)
{
	return json_pack("{s:s, s:f, s:o, s:I, s:I, s:o, s:o, s:o}", "name", result->name, "cost", result->cost,
			 "ratio", number_or_null(result->ratio), "halts", (json_int_t)result->halts, "polled_ns",
			 (json_int_t)result->polled_ns, "polled_pct", number_or_null(result->polled_pct),
			 "latency_mean_ns", number_or_null(result->latency_mean_ns), "latency_p99_ns",
			 number_or_null(result->latency_p99_ns));
}

static json_t *windows_json(const struct report *report)
{
	const struct idle_answers *answers = &report->answers;
	json_t *name = report_string(report->name), *first = json_null();

	if (answers->different)
		first = json_sprintf("%s:%zu", json_string_value(name), answers->first_different);
	json_decref(name);
	return json_pack("{s:I, s:I, s:o}", "same", (json_int_t)answers->same, "different",
			 (json_int_t)answers->different, "first_different", first);
}

static json_t *report_object(const struct report *report)
{
	const struct idle_replay *replay = &report->replay;
	json_t *policies = json_array(), *object;

	for (size_t i = 0; i < IDLE_REPLAY_POLICIES; i++)
		json_array_append_new(policies, result_json(&replay->policies[i]));
	object = json_pack("{s:o, s:I, s:I, s:f, s:o}", "trace", report_string(report->name), "wakeups",
			   (json_int_t)replay->wakeups, "idle_ns", (json_int_t)replay->idle_ns, "oracle_cost",
			   replay->oracle_cost, "policies", policies);
	if (report->has_answers)
		json_object_set_new(object, "windows", windows_json(report));
	return object;
}

static int print_json(const struct report *reports, size_t n)
{
	json_t *array = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(array, report_object(&reports[i]));
	return report_json(array);
}

/* ---- Text ---------------------------------------------------------------------------------------------------------*/

static void print_cell(int width, int decimals, double value)
{
	if (isnan(value))
		printf(" %*s", width, "-");
	else
		printf(" %*.*f", width, decimals, value);
}

static void print_text(struct report *report)
{
	const struct idle_replay *replay = &report->replay;

	report_clean(report->name);
	printf("%s: %llu wakeups, %.3f ms idle\n", report->name, (unsigned long long)replay->wakeups,
	       (double)replay->idle_ns / 1e6);
	printf("  %-13s %12s %8s %9s %8s %11s %8s\n", "policy", "cost ms", "ratio", "halts", "polled %", "lat mean us",
	       "p99 us");
	for (size_t i = 0; i < IDLE_REPLAY_POLICIES; i++) {
		const struct idle_result *p = &replay->policies[i];

		printf("  %-13s", p->name);
		print_cell(12, 3, p->cost / 1e6);
		print_cell(8, 3, p->ratio);
		printf(" %9llu", (unsigned long long)p->halts);
		print_cell(8, 1, p->polled_pct);
		print_cell(11, 2, p->latency_mean_ns / 1e3);
		print_cell(8, 2, p->latency_p99_ns / 1e3);
		putchar('\n');
	}
	if (!report->has_answers)
		return;
	printf("windows: %llu of %llu reproduced", (unsigned long long)report->answers.same,
	       (unsigned long long)replay->wakeups);
	if (report->answers.different)
		printf(", first different: %s:%zu", report->name, report->answers.first_different);
	putchar('\n');
}

/* Nothing is printed before all traces have proved to be right. */
static int run(const struct request *r, char **files, size_t n, struct report *reports)
{
	struct isolat_error err;
	int code = ISOLAT_OK;

	for (size_t i = 0; i < n; i++) {
		if (replay_file(r, files[i], &reports[i], &err))
			return report_error(&err, r->json);
		if (reports[i].answers.different)
			code = ISOLAT_FAILED;
	}
	if (r->json)
		return print_json(reports, n) ? ISOLAT_FAILED : code;
	for (size_t i = 0; i < n; i++) {
		if (i)
			putchar('\n');
		print_text(&reports[i]);
	}
	return code;
}

static int replay_files(const struct request *r, char **files, size_t n)
{
	struct report *reports = calloc(n + 1, sizeof(*reports));
	struct isolat_error err;
	int code;

	if (!reports) {
		isolat_fail(&err, ISOLAT_FAILED, "replay traces", NULL, "out of memory");
		return report_error(&err, r->json);
	}
	if (!n) {
		isolat_fail(&err, ISOLAT_USAGE, "read the command line", NULL, "no trace is named");
		isolat_hint(&err, "%s --help shows its use", usage.command);
		code = report_error(&err, r->json);
	} else {
		code = run(r, files, n, reports);
	}
	for (size_t i = 0; i < n; i++)
		free(reports[i].name);
	free(reports);
	return code;
}

int main(int argc, char **argv)
{
	struct request request = { .costs = { .halt_ns = 20000, .price_ppm = 300000, .limit_ns = 200000 } };
	int code;

	report_program = usage.command;
	code = report_options(&usage, argc, argv, apply_option, &request);
	if (code < 0)
		code = replay_files(&request, argv + optind, (size_t)(argc - optind));
	return report_finish(code);
}
