// SPDX-License-Identifier: BSD-3-Clause
/* isolat bench timer: exits per timer, on this host's KVM or, where it has none that boots, in an emulated host. */
#include "verb.h"

#include <getopt.h>
#include <string.h>
#include <unistd.h>

#include "bench_cpus.h"
#include "bench_lab.h"
#include "bench_timer_table.h"
#include "timer_bench.h"

#define MAX_INTERVALS 8

/* In the lab the agent has one of two emulated CPUs, host and guest the other. */
#define LAB_VCPUS 2

enum {
	OPT_POLL_MODULE = BENCH_OPT_OWN,
	OPT_EXITLESS_MODULE,
	OPT_TIMERS,
	OPT_INTERVALS,
	OPT_POLL_MAX,
	OPT_AGENT_CPU,
};

static const struct report_option options[] = {
	REPORT_OPTION_HELP,
	REPORT_OPTION_JSON,
	BENCH_OPTION_KERNEL,
	{ "poll-module", OPT_POLL_MODULE, "FILE", "smart_idle_poll.ko for that kernel; default: where DKMS puts it" },
	{ "exitless-module", OPT_EXITLESS_MODULE, "FILE", "exitless_timer.ko for that kernel; likewise" },
	BENCH_OPTION_LAB,
	{ "timers", OPT_TIMERS, "N", "sleeps, or cycles of cyclictest, for each row (default 5000, in the lab 1000)" },
	{ "intervals", OPT_INTERVALS, "US,...", "how long they are, in us (default 50,200,1000)" },
	{ "poll-max", OPT_POLL_MAX, "US",
	  "longest poll of the guest where it polls (default 250, in the lab 5000: its CPUs are slow)" },
	{ "agent-cpu", OPT_AGENT_CPU, "CPU",
	  "the timer agent's own CPU (default: the last that this command may use)" },
	BENCH_OPTION_SHOW,
	BENCH_OPTION_PROGRESS,
	{ 0 },
};

static const struct report_usage usage = {
	.command = "isolat bench timer",
	.synopsis = "[OPTION]...",
	.about = "Sleeps, and runs cyclictest, on a vCPU whose timer is the LAPIC's and then the exitless one, with "
		 "smart "
		 "idle poll off and on, in a guest under KVM; and counts exits per timer by reason. Takes a minute, in "
		 "the lab a few.",
	.options = options,
};

struct request {
	struct bench_common common;
	struct timer_bench_config bench;
	unsigned int intervals_us[MAX_INTERVALS];
	bool has_agent_cpu;
	char poll_module[PATH_MAX], exitless_module[PATH_MAX];
};

static int apply_option(void *context, int key, struct isolat_error *err)
{
	struct request *r = context;
	struct timer_bench_config *b = &r->bench;
	unsigned int cpu;

	switch (key) {
	case OPT_POLL_MODULE:
		b->poll_module = optarg;
		return 0;
	case OPT_EXITLESS_MODULE:
		b->exitless_module = optarg;
		return 0;
	case OPT_TIMERS:
		return bench_option_count(&usage, OPT_TIMERS, optarg, 10, 1000000, &b->timers, err);
	case OPT_INTERVALS:
		return bench_option_list(&usage, OPT_INTERVALS, optarg, 1, 100000, r->intervals_us, MAX_INTERVALS,
					 &b->n_intervals, err);
	case OPT_POLL_MAX:
		return bench_option_count(&usage, OPT_POLL_MAX, optarg, 1, 100000, &b->poll_max_us, err);
	default: /* OPT_AGENT_CPU */
		r->has_agent_cpu = true;
		if (bench_option_count(&usage, OPT_AGENT_CPU, optarg, 0, sysconf(_SC_NPROCESSORS_CONF) - 1, &cpu, err))
			return -1;
		b->agent_cpu = cpu;
		return 0;
	}
}

static int set_defaults(struct request *r)
{
	static const unsigned int usual_us[] = { 50, 200, 1000 };
	struct timer_bench_config *b = &r->bench;
	const bool lab = r->common.place.lab;

	b->timers = b->timers ? b->timers : lab ? 1000 : 5000;
	b->poll_max_us = b->poll_max_us ? b->poll_max_us : lab ? 5000 : 250;
	if (!r->has_agent_cpu)
		b->agent_cpu = lab ? LAB_VCPUS - 1 : -1;
	if (!lab && bench_cpus_for_agent(&b->agent_cpu, &r->common.err))
		return -1;
	b->intervals_us = b->n_intervals ? r->intervals_us : usual_us;
	b->n_intervals = b->n_intervals ? b->n_intervals : 3;
	return 0;
}

static int find_modules(struct request *r, bool only_named)
{
	struct timer_bench_config *b = &r->bench;

	if ((b->poll_module || !only_named) &&
	    bench_find_module(&r->common.place, "smart_idle_poll", &b->poll_module, r->poll_module, &r->common.err))
		return -1;
	if ((b->exitless_module || !only_named) &&
	    bench_find_module(&r->common.place, "exitless_timer", &b->exitless_module, r->exitless_module,
			      &r->common.err))
		return -1;
	return 0;
}

static int run_in_lab(struct request *r, json_t **report)
{
	const struct timer_bench_config *b = &r->bench;
	struct bench_arguments a = { 0 };
	int rc;

	bench_argument_file(&a, "poll-module", b->poll_module);
	bench_argument_file(&a, "exitless-module", b->exitless_module);
	bench_argument(&a, "--timers=%u", b->timers);
	bench_argument_list(&a, "intervals", b->intervals_us, b->n_intervals, 1);
	bench_argument(&a, "--poll-max=%u", b->poll_max_us);
	bench_argument(&a, "--agent-cpu=%d", b->agent_cpu);
	rc = bench_lab_run(&r->common.place, "timer", &a, LAB_VCPUS, report, &r->common.err);
	bench_arguments_free(&a);
	return rc;
}

/* Measures, here or in the lab. */
static int make_report(void *request, json_t **report)
{
	struct request *r = request;
	static const char *const patient[] = { "--dead-ms=5000", NULL };

	/* What was named must be there, and that is said before the first VM is started. */
	if (find_modules(r, true) || bench_place_choose(&r->common.place, &r->common.err))
		return -1;
	r->bench.progress = r->common.place.progress;
	r->bench.kernel = r->common.place.kernel;
	r->bench.accel = MICROVM_ACCEL_KVM;
	r->bench.both_pi_inject = r->common.place.inside;
	/* An emulated CPU stands still for longer than an agent may; and what the guest calls steal is the emulator's.
	 */
	if (r->common.place.lab || r->common.place.inside) {
		r->bench.agent_options = patient;
		r->bench.exitless_params = "dead_ms=5000";
		r->bench.module_params = "steal_pct=0";
	}
	if (set_defaults(r) || find_modules(r, false))
		return -1;
	return r->common.place.lab ? run_in_lab(r, report) : timer_bench_run(&r->bench, report, &r->common.err);
}

int cmd_bench_timer(int argc, char **argv)
{
	static const struct bench_command command = {
		.usage = &usage,
		.name = "timer",
		.version = TIMER_BENCH_VERSION,
		.apply_option = apply_option,
		.make_report = make_report,
		.print = bench_timer_print,
	};
	static struct request r;

	return bench_command_run(&command, &r, argc, argv);
}
