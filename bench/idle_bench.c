// SPDX-License-Identifier: BSD-3-Clause
#include "idle_bench.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <isolat/find_helper.h>

#include "bench_vm.h"
#include "spawn.h"

#define VCPUS	 2
#define FIO_VCPU 1

/* Above what any command takes, even on an emulated host with others at work; and 1 ms for each read or wake-up. */
#define COMMAND_LIMIT_S 120

#define TRACE_ROUNDS 8
#define ENOUGH_IDLES 200

/* A VM with one setting of the host's polling. */
struct idle_run {
	struct bench_vm vm;
	const struct idle_bench_config *config;
	unsigned int host_poll_ns;
	bool guest_poll;
};

/* How long a command may take. */
static unsigned int limit_s(const struct idle_run *b)
{
	return COMMAND_LIMIT_S + (b->config->reads + b->config->wakes) / 1000;
}

static unsigned int guest_limit_ns(const struct idle_bench_config *config)
{
	return config->guest_poll_ns * config->slowdown;
}

static void add_up(json_t *sums, const json_t *part)
{
	static const char *const keys[] = { "short_halted", "short_not_halted", "long_halted", "long_not_halted",
					    "immediate" };

	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		json_object_set_new(sums, keys[i],
				    json_integer(json_integer_value(json_object_get(sums, keys[i])) +
						 json_integer_value(json_object_get(part, keys[i]))));
}

/* Traces until there are enough short idles for a share of them to mean something, or it is clear that few come. */
static int trace_idles(struct idle_run *b, json_t *sums)
{
	json_int_t found = 0;

	for (int round = 0; round < TRACE_ROUNDS && found < ENOUGH_IDLES; round++) {
		json_t *part = NULL;

		if (bench_vm_command(&b->vm, &part, limit_s(b), "trace %u %u", b->config->traced_reads,
				     guest_limit_ns(b->config)))
			return -1;
		add_up(sums, part);
		json_decref(part);
		found = json_integer_value(json_object_get(sums, "short_halted")) +
			json_integer_value(json_object_get(sums, "short_not_halted"));
	}
	return 0;
}

static int measure_cell(struct idle_run *b, unsigned int latency_ns, json_t *cells)
{
	const struct idle_bench_config *config = b->config;
	struct vcpu_usage before[BENCH_MAX_VCPUS], after[BENCH_MAX_VCPUS];
	json_t *read = NULL, *traced = json_object(), *cell;

	bench_progress(&b->vm, "host halt polling %u us, guest smart idle poll %s, %u us injected",
		       b->host_poll_ns / 1000, b->guest_poll ? "on" : "off", latency_ns / 1000);
	if (bench_vm_command(&b->vm, NULL, limit_s(b), "disk %u", latency_ns * config->slowdown) ||
	    bench_vm_command(&b->vm, NULL, limit_s(b), "read %u", config->reads / 10 + 1) ||
	    bench_vm_usage(&b->vm, before) || bench_vm_command(&b->vm, &read, limit_s(b), "read %u", config->reads) ||
	    bench_vm_usage(&b->vm, after) || trace_idles(b, traced)) {
		json_decref(read);
		json_decref(traced);
		return -1;
	}
	cell = json_pack("{s:i, s:i, s:i, s:i}", "latency_ns", latency_ns, "host_poll_ns", b->host_poll_ns,
			 "guest_poll_ns", b->guest_poll ? config->guest_poll_ns : 0, "reads", config->reads);
	bench_vm_add_usage(&b->vm, cell, before, after, FIO_VCPU);
	json_object_update_missing(cell, read); /* nothing of ours is the guest's to say */
	json_decref(read);
	json_object_set_new(cell, "traced", traced);
	json_array_append_new(cells, cell);
	return 0;
}

static int measure_wakes(struct idle_run *b, json_t *wakes)
{
	struct vcpu_usage before[BENCH_MAX_VCPUS], after[BENCH_MAX_VCPUS];
	json_t *wake = NULL, *entry;

	bench_progress(&b->vm, "message passing, guest smart idle poll %s", b->guest_poll ? "on" : "off");
	if (bench_vm_command(&b->vm, NULL, limit_s(b), "wake %u", b->config->wakes / 10 + 1) ||
	    bench_vm_usage(&b->vm, before) ||
	    bench_vm_command(&b->vm, &wake, limit_s(b), "wake %u", b->config->wakes) || bench_vm_usage(&b->vm, after))
		return -1;
	entry = json_pack("{s:i, s:i, s:i}", "host_poll_ns", b->host_poll_ns, "guest_poll_ns",
			  b->guest_poll ? b->config->guest_poll_ns : 0, "wake_ups", 2 * b->config->wakes);
	bench_vm_add_usage(&b->vm, entry, before, after, 0);
	json_object_update_missing(entry, wake);
	json_decref(wake);
	json_array_append_new(wakes, entry);
	return 0;
}

/* The guest polls with the host's polling off by MSR, save in the cell with both. */
static int set_guest_poll(struct idle_run *b, bool on)
{
	b->guest_poll = on;
	if (!on)
		return bench_vm_command(&b->vm, NULL, limit_s(b), "module ");
	return bench_vm_command(&b->vm, NULL, limit_s(b), "module poll_max_ns=%u host_poll=%s %s",
				guest_limit_ns(b->config), b->host_poll_ns ? "keep" : "off",
				b->config->module_params ? b->config->module_params : "");
}

static int measure_vm(struct idle_run *b, json_t *cells, json_t *wakes)
{
	for (int on = 0; on < 2; on++) {
		if (set_guest_poll(b, on))
			return -1;
		for (size_t i = 0; i < b->config->n_latencies; i++)
			if (measure_cell(b, b->config->latencies_ns[i], cells))
				return -1;
		if (measure_wakes(b, wakes))
			return -1;
	}
	return set_guest_poll(b, false);
}

static int start_vm(struct idle_run *b)
{
	char guest_path[PATH_MAX];
	const char *const argv[] = { "/isolat/idle-bench-guest", NULL };
	const struct microvm_file files[] = {
		{ .from = guest_path, .to = argv[0] },
		{ .from = "/usr/bin/fio", .libraries = true },
	};
	const struct microvm_module modules[] = {
		{ .name = "null_blk" },
		{ .name = b->config->module },
	};
	const struct microvm_config vm_config = {
		.name = "bench-idle",
		.kernel = b->config->kernel,
		.vcpus = VCPUS,
		.memory_mib = 512,
		.accel = b->config->accel,
		.halt_poll_ns = b->host_poll_ns * b->config->slowdown,
		.has_halt_poll = true,
		.timeout_s = 600,
		.append = "maxcpus=1", /* the program brings CPU 1 up, see its prepare_tracing() */
		.files = files,
		.n_files = 2,
		.modules = modules,
		.n_modules = 2,
		.argv = argv,
	};

	return isolat_find_helper("idle-bench-guest", guest_path, b->vm.err) || bench_vm_start(&b->vm, &vm_config);
}

static int run_vm(struct idle_run *b, json_t *cells, json_t *wakes, bool *worth_retry)
{
	int rc;

	bench_progress(&b->vm, "booting a guest, host halt polling %u us", b->host_poll_ns / 1000);
	rc = start_vm(b) || measure_vm(b, cells, wakes) || microvm_send(b->vm.vm, "quit", b->vm.err);
	*worth_retry = bench_vm_end(&b->vm) && rc;
	return rc ? -1 : 0;
}

static void truncate_array(json_t *array, size_t n)
{
	while (json_array_size(array) > n)
		json_array_remove(array, n);
}

/* All cells of one host setting. An emulated guest that hangs is started over, and its cells are forgotten. */
static int measure_host(struct idle_run *b, json_t *cells, json_t *wakes)
{
	size_t n_cells = json_array_size(cells), n_wakes = json_array_size(wakes);
	bool worth_retry;
	int rc = run_vm(b, cells, wakes, &worth_retry);

	for (int tries = 1; rc && worth_retry && tries < MICROVM_TRIES; tries++) {
		bench_progress(&b->vm, "the guest is lost (%.100s): once more", b->vm.err->reason);
		truncate_array(cells, n_cells);
		truncate_array(wakes, n_wakes);
		rc = run_vm(b, cells, wakes, &worth_retry);
	}
	return rc;
}

static json_t *describe(const struct idle_bench_config *config)
{
	static const char *const programs[] = { "fio", NULL };
	json_t *latencies = json_array(), *options;

	for (size_t i = 0; i < config->n_latencies; i++)
		json_array_append_new(latencies, json_integer(config->latencies_ns[i]));
	options =
		json_pack("{s:s?, s:s?, s:i, s:i, s:i, s:i, s:i, s:i, s:o}", "kernel", config->kernel, "module_params",
			  config->module_params, "reads", config->reads, "traced_reads", config->traced_reads, "wakes",
			  config->wakes, "host_poll_ns", config->host_poll_ns, "guest_poll_ns", config->guest_poll_ns,
			  "slowdown", config->slowdown, "latencies_ns", latencies);
	return json_pack("{s:i, s:s, s:s, s:o, s:o}", "version", IDLE_BENCH_VERSION, "bench", "idle", "isolat",
			 ISOLAT_VERSION, "options", options, "machine", bench_machine(programs));
}

int idle_bench_run(const struct idle_bench_config *config, json_t **report, struct isolat_error *err)
{
	json_t *cells = json_array(), *wakes = json_array();
	int rc = 0, hold = kvm_exits_hold();

	for (int host = config->skip_host_off; !rc && host < 2 - config->skip_host_on; host++) {
		struct idle_run b = {
			.vm = { .progress = config->progress, .err = err },
			.config = config,
			.host_poll_ns = host ? config->host_poll_ns : 0,
		};

		rc = measure_host(&b, cells, wakes);
	}
	if (!rc) {
		*report = describe(config);
		json_object_set(*report, "cells", cells);
		json_object_set(*report, "wake", wakes);
	}
	if (hold >= 0)
		close(hold);
	json_decref(cells);
	json_decref(wakes);
	return rc;
}
