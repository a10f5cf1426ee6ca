// SPDX-License-Identifier: BSD-3-Clause
#include "timer_bench.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <isolat/find_helper.h>

#include "bench_cpus.h"
#include "bench_vm.h"
#include "spawn.h"
#include "timer_agent.h"

/*
 * One vCPU: with two, one would keep its LAPIC to watch the agent, and what it does for the other would be in the
 * figures. So nobody watches here (watch=none), and where the agent dies the benchmark fails.
 */
#define VCPUS	  1
#define PI_INJECT "/sys/module/kvm/parameters/pi_inject_timer"

/* Above what any command takes, even on an emulated host; 10 ms more for each timer. */
#define COMMAND_LIMIT_S 120

static const char *const methods[] = { "sleeps", "cyclictest", NULL };

/* A VM with one setting of kvm.pi_inject_timer. */
struct timer_run {
	struct bench_vm vm;
	const struct timer_bench_config *config;
	bool pi_inject;
	bool exitless, poll; /* as the guest is now */
	struct timer_agent agent;
};

static unsigned int limit_s(const struct timer_run *r, unsigned int interval_us)
{
	return COMMAND_LIMIT_S + r->config->timers / 100 + (uint64_t)r->config->timers * interval_us / 1000000;
}

static const char *timer_name(const struct timer_run *r)
{
	return r->exitless ? "exitless" : r->pi_inject ? "lapic-pi" : "lapic";
}

static int measure_cell(struct timer_run *r, const char *method, unsigned int interval_us, json_t *cells)
{
	struct vcpu_usage before[BENCH_MAX_VCPUS], after[BENCH_MAX_VCPUS];
	const unsigned int n = r->config->timers;
	json_t *answer = NULL, *cell;

	bench_progress(&r->vm, "%s of %u us, timer: %s, smart idle poll %s", method, interval_us, timer_name(r),
		       r->poll ? "on" : "off");
	if (bench_vm_command(&r->vm, NULL, limit_s(r, interval_us), "%s %u %u", method, n / 10 + 1, interval_us) ||
	    bench_vm_usage(&r->vm, before) ||
	    bench_vm_command(&r->vm, &answer, limit_s(r, interval_us), "%s %u %u", method, n, interval_us) ||
	    bench_vm_usage(&r->vm, after))
		return -1;
	cell = json_pack("{s:s, s:b, s:s, s:i, s:i}", "timer", timer_name(r), "smart_idle_poll", r->poll, "method",
			 method, "interval_us", interval_us, "timers", n);
	bench_vm_add_usage(&r->vm, cell, before, after, 0);
	json_object_update_missing(cell, answer); /* nothing of ours is the guest's to say */
	json_decref(answer);
	json_array_append_new(cells, cell);
	return 0;
}

static int set_poll(struct timer_run *r, bool on)
{
	const struct timer_bench_config *config = r->config;

	r->poll = on;
	if (!on)
		return bench_vm_command(&r->vm, NULL, limit_s(r, 0), "module ");
	return bench_vm_command(&r->vm, NULL, limit_s(r, 0), "module poll_max_ns=%u host_poll=off %s",
				config->poll_max_us * 1000, config->module_params ? config->module_params : "");
}

static int set_exitless(struct timer_run *r, bool on)
{
	r->exitless = on;
	if (!on)
		return bench_vm_command(&r->vm, NULL, limit_s(r, 0), "exitless ");
	return bench_vm_command(&r->vm, NULL, limit_s(r, 0), "exitless watch=none %s",
				r->config->exitless_params ? r->config->exitless_params : "");
}

/* All methods and intervals with one timer, without and with smart idle poll. */
static int measure_timer(struct timer_run *r, json_t *cells)
{
	for (int poll = 0; poll < 2; poll++) {
		if (set_poll(r, poll))
			return -1;
		for (const char *const *method = methods; *method; method++)
			for (size_t i = 0; i < r->config->n_intervals; i++)
				if (measure_cell(r, *method, r->config->intervals_us[i], cells))
					return -1;
	}
	return set_poll(r, false);
}

/* What pi_inject_timer changes is the LAPIC's timer, so the exitless one is measured without it alone. */
static int measure_vm(struct timer_run *r, json_t *cells)
{
	if (measure_timer(r, cells))
		return -1;
	if (r->pi_inject && r->config->both_pi_inject)
		return 0;
	return set_exitless(r, true) || measure_timer(r, cells) || set_exitless(r, false) ? -1 : 0;
}

/* The scanner has its CPU for itself, as far as this benchmark goes. */
static int keep_off_agent(struct timer_run *r)
{
	for (size_t i = 0; i < r->vm.n_vcpus; i++)
		if (bench_cpus_keep_off(r->vm.tids[i], r->config->agent_cpu, r->vm.err))
			return -1;
	return 0;
}

static int start_vm(struct timer_run *r)
{
	const struct timer_agent_setup setup = {
		.slots = VCPUS,
		.cpu = r->config->agent_cpu,
		.more = r->config->agent_options,
	};
	char guest_path[PATH_MAX];
	const char *const argv[] = { "/isolat/timer-bench-guest", NULL };
	const struct microvm_file files[] = {
		{ .from = guest_path, .to = argv[0] },
		{ .from = "/usr/bin/cyclictest", .libraries = true },
	};
	const struct microvm_module modules[] = {
		{ .name = r->config->poll_module },
		{ .name = r->config->exitless_module },
	};
	const struct microvm_config vm_config = {
		.name = "bench-timer",
		.kernel = r->config->kernel,
		.vcpus = VCPUS,
		.memory_mib = 512,
		.accel = r->config->accel,
		.has_halt_poll = true, /* of 0 ns: what the guest halts, halts */
		.timeout_s = 600,
		.files = files,
		.n_files = 2,
		.modules = modules,
		.n_modules = 2,
		.devices = r->agent.devices,
		.n_devices = 4,
		.argv = argv,
	};

	return isolat_find_helper("timer-bench-guest", guest_path, r->vm.err) ||
			       timer_agent_start(&r->agent, &setup, r->vm.err) || bench_vm_start(&r->vm, &vm_config) ||
			       keep_off_agent(r)
		       ? -1
		       : 0;
}

static int run_vm(struct timer_run *r, json_t *cells, bool *worth_retry)
{
	int rc;

	bench_progress(&r->vm, "booting a guest, kvm.pi_inject_timer %s", r->pi_inject ? "on" : "off");
	rc = start_vm(r) || measure_vm(r, cells) || microvm_send(r->vm.vm, "quit", r->vm.err);
	*worth_retry = bench_vm_end(&r->vm) && rc;
	timer_agent_stop(&r->agent);
	return rc ? -1 : 0;
}

/* All cells of one VM. An emulated guest that hangs is started over, and its cells are forgotten. */
static int measure(struct timer_run *r, json_t *cells)
{
	size_t n = json_array_size(cells);
	bool worth_retry;
	int rc = run_vm(r, cells, &worth_retry);

	for (int tries = 1; rc && worth_retry && tries < MICROVM_TRIES; tries++) {
		bench_progress(&r->vm, "the guest is lost (%.100s): once more", r->vm.err->reason);
		while (json_array_size(cells) > n)
			json_array_remove(cells, n);
		rc = run_vm(r, cells, &worth_retry);
	}
	return rc;
}

static bool pi_inject_now(void)
{
	FILE *f = fopen(PI_INJECT, "re");
	int c = f ? fgetc(f) : EOF;

	if (f)
		fclose(f);
	return c == 'Y' || c == '1';
}

static int set_pi_inject(bool on, struct isolat_error *err)
{
	FILE *f = fopen(PI_INJECT, "we");

	if (f && fputs(on ? "1" : "0", f) >= 0 && !fclose(f) && pi_inject_now() == on)
		return 0;
	return isolat_fail(err, ISOLAT_FAILED, "set", PI_INJECT, "%s", strerror(errno));
}

static json_t *describe(const struct timer_bench_config *config)
{
	static const char *const programs[] = { "cyclictest", NULL };
	json_t *intervals = json_array(), *options;

	for (size_t i = 0; i < config->n_intervals; i++)
		json_array_append_new(intervals, json_integer(config->intervals_us[i]));
	options = json_pack("{s:s?, s:s?, s:i, s:i, s:i, s:o}", "kernel", config->kernel, "module_params",
			    config->module_params, "timers", config->timers, "poll_max_us", config->poll_max_us,
			    "agent_cpu", config->agent_cpu, "intervals_us", intervals);
	return json_pack("{s:i, s:s, s:s, s:o, s:o}", "version", TIMER_BENCH_VERSION, "bench", "timer", "isolat",
			 ISOLAT_VERSION, "options", options, "machine", bench_machine(programs));
}

int timer_bench_run(const struct timer_bench_config *config, json_t **report, struct isolat_error *err)
{
	json_t *cells = json_array();
	int rc = 0, hold = kvm_exits_hold();

	for (int turn = 0; !rc && turn <= config->both_pi_inject; turn++) {
		struct timer_run r = { .vm = { .progress = config->progress, .err = err }, .config = config };

		if (config->both_pi_inject)
			rc = set_pi_inject(turn, err);
		r.pi_inject = pi_inject_now();
		rc = rc || measure(&r, cells) ? -1 : 0;
	}
	if (!rc) {
		*report = describe(config);
		json_object_set(*report, "cells", cells);
	}
	if (hold >= 0)
		close(hold);
	json_decref(cells);
	return rc;
}
