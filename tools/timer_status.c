// SPDX-License-Identifier: BSD-3-Clause
/* isolat timer status: what exitless-timerd counts. */
#include "verb.h"

#include <getopt.h>
#include <inttypes.h>
#include <sys/stat.h>

#include "report_table.h"
#include "timer_ask.h"
#include "timer_vm_config.h"

#define INDENT	    2
#define PLAIN_WIDTH 120 /* in a pipe */

enum { OPT_RUN_DIR = 256 };

static const struct report_option options[] = {
	REPORT_OPTION_HELP,
	REPORT_OPTION_JSON,
	{ "run-dir", OPT_RUN_DIR, "DIR", "the daemon's (default " TIMER_RUN_DIR ")" },
	{ 0 },
};

static const struct report_usage usage = {
	.command = "isolat timer status",
	.synopsis = "[OPTION]...",
	.about = "Shows each scanner of exitless-timerd, and each VM: what was armed and fired, and how late.",
	.options = options,
};

struct request {
	const char *run_dir;
	bool json;
};

/* ---- Drawing ---- */

static json_int_t integer(const json_t *item, const char *key)
{
	return json_integer_value(json_object_get(item, key));
}

static void add_integer(struct report_table *table, const json_t *item, const char *key)
{
	report_table_cell(table, "%" JSON_INTEGER_FORMAT, integer(item, key));
}

static void add_header(struct report_table *table, const char *const *names)
{
	table->header = true;
	for (; *names; names++)
		report_table_cell(table, "%s", *names);
}

/* A number of its own, or "any". */
static void add_cpu(struct report_table *table, const json_t *item)
{
	json_int_t cpu = integer(item, "cpu");

	if (cpu < 0)
		report_table_cell(table, "any");
	else
		report_table_cell(table, "%" JSON_INTEGER_FORMAT, cpu);
}

/* Time in ns, short. */
static void add_time(struct report_table *table, const json_t *ns)
{
	json_int_t value = json_integer_value(ns);

	if (!json_is_integer(ns))
		report_table_cell(table, "-");
	else if (value < 10000)
		report_table_cell(table, "%" JSON_INTEGER_FORMAT " ns", value);
	else if (value < 10000000)
		report_table_cell(table, "%" JSON_INTEGER_FORMAT " us", value / 1000);
	else
		report_table_cell(table, "%" JSON_INTEGER_FORMAT " ms", value / 1000000);
}

static void add_late(struct report_table *table, const json_t *item)
{
	const json_t *late = json_object_get(item, "late");

	add_time(table, json_object_get(late, "p50_ns"));
	add_time(table, json_object_get(late, "p99_ns"));
	add_time(table, json_object_get(late, "max_ns"));
}

static void print_scanners(const json_t *scanners, size_t width)
{
	static const char *const names[] = { "scanner", "CPU used", "VMs", "restarts", "gaps", "longest gap", NULL };
	struct report_table table = REPORT_TABLE(6);
	const json_t *scanner;
	size_t i;

	add_header(&table, names);
	json_array_foreach ((json_t *)scanners, i, scanner) {
		add_cpu(&table, scanner);
		if (json_is_true(json_object_get(scanner, "running")))
			report_table_cell(&table, "%.1f %%", json_real_value(json_object_get(scanner, "cpu_pct")));
		else
			report_table_cell(&table, "dead");
		add_integer(&table, scanner, "vms");
		add_integer(&table, scanner, "restarts");
		add_integer(&table, scanner, "gaps");
		add_time(&table, json_object_get(scanner, "gap_max_ns"));
	}
	report_table_print(&table, stdout, INDENT, width);
}

static const char *state_of(const json_t *vm)
{
	if (!json_is_true(json_object_get(vm, "connected")))
		return "not connected";
	if (!json_is_true(json_object_get(vm, "guest_runs")))
		return "no driver";
	return json_is_true(json_object_get(vm, "is_parked")) ? "parked" : "watched";
}

static void add_vm(struct report_table *table, const json_t *vm)
{
	const json_t *vcpu;
	size_t i;

	report_table_cell(table, "%s", json_string_value(json_object_get(vm, "name")));
	report_table_cell(table, "%s", state_of(vm));
	add_cpu(table, vm);
	add_integer(table, vm, "armed");
	add_integer(table, vm, "fired");
	add_late(table, vm);
	add_integer(table, vm, "limited");
	add_integer(table, vm, "parked");
	json_array_foreach (json_object_get(vm, "vcpus"), i, vcpu) {
		report_table_cell(table, " vCPU %" JSON_INTEGER_FORMAT, integer(vcpu, "slot"));
		report_table_cell(table, "%s", "");
		report_table_cell(table, "%s", "");
		add_integer(table, vcpu, "armed");
		add_integer(table, vcpu, "fired");
		add_late(table, vcpu);
		report_table_cell(table, "%s", "");
		report_table_cell(table, "%s", "");
	}
}

static void print_vms(const json_t *vms, size_t width)
{
	static const char *const names[] = { "VM",	 "state",    "CPU",	"armed",  "fired", "late p50",
					     "late p99", "late max", "limited", "parked", NULL };
	struct report_table table = REPORT_TABLE(10);
	const json_t *vm;
	size_t i;

	add_header(&table, names);
	json_array_foreach ((json_t *)vms, i, vm)
		add_vm(&table, vm);
	report_table_print(&table, stdout, INDENT, width);
}

static int show(json_t *status, bool json)
{
	size_t width = report_width(stdout);

	if (json)
		return report_json(status);
	if (!width)
		width = PLAIN_WIDTH;
	print_scanners(json_object_get(status, "scanners"), width);
	if (json_array_size(json_object_get(status, "vms"))) {
		putchar('\n');
		print_vms(json_object_get(status, "vms"), width);
	} else {
		printf("\nno VM has a socket\n");
	}
	json_decref(status);
	return ISOLAT_OK;
}

/* ---- The verb ---- */

static int read_option(void *request, int key, struct isolat_error *err)
{
	struct request *r = request;

	(void)err;
	if (key == 'j')
		r->json = true;
	else /* OPT_RUN_DIR */
		r->run_dir = optarg;
	return 0;
}

int cmd_timer_status(int argc, char **argv)
{
	struct request r = { .run_dir = TIMER_RUN_DIR };
	int code = report_options(&usage, argc, argv, read_option, &r);
	struct isolat_error err;
	json_t *status;

	if (code >= 0)
		return code;
	if (report_no_words(&usage, argc, argv))
		return ISOLAT_USAGE;
	status = timer_ask(r.run_dir, json_pack("{s:s}", "do", "status"), &err);
	return status ? show(status, r.json) : report_error(&err, r.json);
}
