// SPDX-License-Identifier: BSD-3-Clause
/* isolat bench idle: the talk's table, on this host's KVM or, where it has none that boots, in an emulated host. */
#include "verb.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "bench_idle_table.h"
#include "bench_lab.h"
#include "idle_bench.h"

/* An emulated CPU under an emulated hypervisor takes about this many times longer from a read to its idle. */
#define LAB_SLOWDOWN 20
#define MAX_INJECT   8

enum {
	OPT_MODULE = BENCH_OPT_OWN,
	OPT_HOST_POLLING,
	OPT_READS,
	OPT_TRACED,
	OPT_WAKES,
	OPT_INJECT,
	OPT_HOST_POLL,
	OPT_GUEST_POLL,
	OPT_SLOWDOWN,
};

static const struct report_option options[] = {
	REPORT_OPTION_HELP,
	REPORT_OPTION_JSON,
	BENCH_OPTION_KERNEL,
	{ "module", OPT_MODULE, "FILE", "smart_idle_poll.ko for that kernel; default: where DKMS puts it" },
	BENCH_OPTION_LAB,
	{ "host-polling", OPT_HOST_POLLING, "WHICH", "measure with host halt polling off, on, or both (default both)" },
	{ "reads", OPT_READS, "N", "reads for each cell (default 2000, in the lab 500)" },
	{ "traced-reads", OPT_TRACED, "N", "reads with idle periods traced (default 2000, in the lab 1000)" },
	{ "wakes", OPT_WAKES, "N", "round trips of message passing (default 20000, in the lab 1000)" },
	{ "inject", OPT_INJECT, "US,...", "completion latencies to inject, in us (default 1,20,50)" },
	{ "host-poll", OPT_HOST_POLL, "US", "host halt polling where it is on (default 100)" },
	{ "guest-poll", OPT_GUEST_POLL, "US", "longest poll of the guest where it polls (default 100)" },
	{ "slowdown", OPT_SLOWDOWN, "N", "multiply all these times, for slow CPUs (default 1, in the lab 20)" },
	BENCH_OPTION_SHOW,
	BENCH_OPTION_PROGRESS,
	{ 0 },
};

static const struct report_usage usage = {
	.command = "isolat bench idle",
	.synopsis = "[OPTION]...",
	.about =
		"Reads 4k at depth 1 with fio from a disk of injected latency, with host halt polling and guest smart "
		"idle "
		"poll off and on, in a guest under KVM; and passes messages between its two vCPUs. Counts exits, halts "
		"and IPIs. Takes a minute, in the lab a few.",
	.options = options,
};

struct request {
	struct bench_common common;
	struct idle_bench_config bench;
	unsigned int inject_ns[MAX_INJECT];
	unsigned int guest_poll_us, host_poll_us;
	char module[PATH_MAX];
};

static int parse_inject(struct request *r, char *text, struct isolat_error *err)
{
	struct idle_bench_config *b = &r->bench;

	if (bench_option_list(&usage, OPT_INJECT, text, 1, 100000, r->inject_ns, MAX_INJECT, &b->n_latencies, err))
		return -1;
	for (size_t i = 0; i < b->n_latencies; i++)
		r->inject_ns[i] *= 1000;
	return 0;
}

static int parse_host_polling(struct request *r, const char *text, struct isolat_error *err)
{
	r->bench.skip_host_off = !strcmp(text, "on");
	r->bench.skip_host_on = !strcmp(text, "off");
	if (r->bench.skip_host_off || r->bench.skip_host_on || !strcmp(text, "both"))
		return 0;
	return isolat_fail(err, ISOLAT_USAGE, "read option --host-polling", text, "not off, on or both");
}

static int apply_option(void *request, int key, struct isolat_error *err)
{
	struct request *r = request;
	struct idle_bench_config *b = &r->bench;

	switch (key) {
	case OPT_MODULE:
		b->module = optarg;
		return 0;
	case OPT_HOST_POLLING:
		return parse_host_polling(r, optarg, err);
	case OPT_READS:
		return bench_option_count(&usage, OPT_READS, optarg, 10, 10000000, &b->reads, err);
	case OPT_TRACED:
		return bench_option_count(&usage, OPT_TRACED, optarg, 10, 100000, &b->traced_reads, err);
	case OPT_WAKES:
		return bench_option_count(&usage, OPT_WAKES, optarg, 10, 10000000, &b->wakes, err);
	case OPT_INJECT:
		return parse_inject(r, optarg, err);
	case OPT_HOST_POLL:
		return bench_option_count(&usage, OPT_HOST_POLL, optarg, 1, 10000, &r->host_poll_us, err);
	case OPT_GUEST_POLL:
		return bench_option_count(&usage, OPT_GUEST_POLL, optarg, 1, 10000, &r->guest_poll_us, err);
	default: /* OPT_SLOWDOWN */
		return bench_option_count(&usage, OPT_SLOWDOWN, optarg, 1, 1000, &b->slowdown, err);
	}
}

static void set_defaults(struct request *r)
{
	static const unsigned int talk_ns[] = { 1000, 20000, 50000 };
	struct idle_bench_config *b = &r->bench;
	const bool lab = r->common.place.lab;

	b->reads = b->reads ? b->reads : lab ? 500 : 2000;
	b->traced_reads = b->traced_reads ? b->traced_reads : lab ? 1000 : 2000;
	b->wakes = b->wakes ? b->wakes : lab ? 1000 : 20000;
	b->slowdown = b->slowdown ? b->slowdown : lab ? LAB_SLOWDOWN : 1;
	b->host_poll_ns = (r->host_poll_us ? r->host_poll_us : 100) * 1000;
	b->guest_poll_ns = (r->guest_poll_us ? r->guest_poll_us : 100) * 1000;
	if (b->n_latencies) {
		b->latencies_ns = r->inject_ns;
	} else {
		b->latencies_ns = talk_ns;
		b->n_latencies = 3;
	}
}

/* An emulated host with one setting of its halt polling. */
static int run_lab(struct request *r, bool host_on, json_t **report)
{
	struct bench_arguments a = { 0 };
	const struct idle_bench_config *b = &r->bench;
	int rc;

	bench_argument_file(&a, "module", b->module);
	bench_argument(&a, "--host-polling=%s", host_on ? "on" : "off");
	bench_argument(&a, "--reads=%u", b->reads);
	bench_argument(&a, "--traced-reads=%u", b->traced_reads);
	bench_argument(&a, "--wakes=%u", b->wakes);
	bench_argument(&a, "--host-poll=%u", b->host_poll_ns / 1000);
	bench_argument(&a, "--guest-poll=%u", b->guest_poll_ns / 1000);
	bench_argument(&a, "--slowdown=%u", b->slowdown);
	bench_argument_list(&a, "inject", b->latencies_ns, b->n_latencies, 1000);
	rc = bench_lab_run(&r->common.place, "idle", &a, 2, report, &r->common.err);
	bench_arguments_free(&a);
	return rc;
}

/* Adds the cells of a second report to the first. */
static void merge_reports(json_t **report, json_t *part)
{
	if (!*report) {
		*report = part;
		return;
	}
	json_array_extend(json_object_get(*report, "cells"), json_object_get(part, "cells"));
	json_array_extend(json_object_get(*report, "wake"), json_object_get(part, "wake"));
	json_decref(part);
}

/* An emulated host for each setting of its halt polling: a second guest in the same one runs slower than the first. */
static int run_in_lab(struct request *r, json_t **report)
{
	*report = NULL;
	for (int host_on = r->bench.skip_host_off; host_on < 2 - r->bench.skip_host_on; host_on++) {
		json_t *part;

		if (run_lab(r, host_on, &part)) {
			json_decref(*report);
			return -1;
		}
		merge_reports(report, part);
	}
	return 0;
}

/* Measures, here or in the lab. */
static int make_report(void *request, json_t **report)
{
	struct request *r = request;
	/* What was named must be there, and that is said before the first VM is started. */
	if (r->bench.module &&
	    bench_find_module(&r->common.place, "smart_idle_poll", &r->bench.module, r->module, &r->common.err))
		return -1;
	if (bench_place_choose(&r->common.place, &r->common.err))
		return -1;
	r->bench.progress = r->common.place.progress;
	r->bench.kernel = r->common.place.kernel;
	r->bench.accel = MICROVM_ACCEL_KVM;
	/* Two emulated CPUs for host and guest: what the guest calls steal is the emulator's. */
	if (r->common.place.lab || r->common.place.inside)
		r->bench.module_params = "steal_pct=0";
	set_defaults(r);
	if (bench_find_module(&r->common.place, "smart_idle_poll", &r->bench.module, r->module, &r->common.err))
		return -1;
	return r->common.place.lab ? run_in_lab(r, report) : idle_bench_run(&r->bench, report, &r->common.err);
}

int cmd_bench_idle(int argc, char **argv)
{
	static const struct bench_command command = {
		.usage = &usage,
		.name = "idle",
		.version = IDLE_BENCH_VERSION,
		.apply_option = apply_option,
		.make_report = make_report,
		.print = bench_idle_print,
	};
	static struct request r;

	return bench_command_run(&command, &r, argc, argv);
}
