// SPDX-License-Identifier: BSD-3-Clause
#include "idle_bench.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "kvm_exits.h"
#include "spawn.h"

#define VCPUS	 2
#define FIO_VCPU 1

/* Above what any command takes, even on an emulated host with others at work; and 1 ms for each read or wake-up. */
#define COMMAND_LIMIT_S 120

#define TRACE_ROUNDS 8
#define ENOUGH_IDLES 200

/* A VM under measurement. */
struct bench_vm {
	const struct idle_bench_config *config;
	struct microvm *vm;
	struct kvm_exits *exits;
	pid_t tids[VCPUS];
	unsigned int host_poll_ns;
	bool guest_poll;
	struct isolat_error *err;
};

struct vcpu_usage {
	struct kvm_exit_counts exits;
	uint64_t cpu_ns;
};

__attribute__((format(printf, 2, 3))) static void progress(const struct idle_bench_config *config, const char *format,
							   ...)
{
	char text[160];
	va_list ap;

	if (!config->progress)
		return;
	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	config->progress(text);
}

/* Waits for the guest program's answer: "ok {JSON}" is parsed into *@answer, "error TEXT" is an error. */
static int wait_answer(struct bench_vm *b, const char *command, json_t **answer)
{
	struct microvm_event event;
	int rc;

	while ((rc = microvm_next(b->vm, &event, b->err)) > 0) {
		if (event.kind == MICROVM_ERR || event.kind == MICROVM_OUT)
			progress(b->config, "guest: %s", event.text);
		if (event.kind == MICROVM_SPLAT || event.kind == MICROVM_EXIT)
			return isolat_fail(b->err, ISOLAT_FAILED, "run in the guest", command, "%s",
					   event.kind == MICROVM_SPLAT ? event.text : "its program ended");
		if (event.kind != MICROVM_MSG)
			continue;
		if (strncmp(event.text, "ok ", 3))
			return isolat_fail(b->err, ISOLAT_FAILED, "run in the guest", command, "%s", event.text);
		*answer = json_loads(event.text + 3, 0, NULL);
		if (json_is_object(*answer))
			return 0;
		json_decref(*answer);
		*answer = NULL;
		return isolat_fail(b->err, ISOLAT_FAILED, "read the guest's answer", command, "not an object: %.200s",
				   event.text + 3);
	}
	return rc < 0 ? -1 : isolat_fail(b->err, ISOLAT_FAILED, "run in the guest", command, "the VM ended");
}

static int command(struct bench_vm *b, json_t **answer, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Sends one command; @answer may be NULL. */
static int command(struct bench_vm *b, json_t **answer, const char *format, ...)
{
	json_t *ignored = NULL;
	char text[256];
	va_list ap;
	int rc;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	microvm_set_timeout(b->vm, COMMAND_LIMIT_S + (b->config->reads + b->config->wakes) / 1000);
	if (microvm_send(b->vm, text, b->err))
		return -1;
	rc = wait_answer(b, text, answer ? answer : &ignored);
	json_decref(ignored);
	return rc;
}

/* Time on a CPU, in ns: the first number of schedstat. */
static uint64_t thread_cpu_ns(pid_t tid)
{
	unsigned long long ns = 0;
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/schedstat", tid);
	f = fopen(path, "re");
	if (f && fscanf(f, "%llu", &ns) != 1)
		ns = 0;
	if (f)
		fclose(f);
	return ns;
}

static int read_usage(struct bench_vm *b, struct vcpu_usage usage[VCPUS])
{
	for (size_t i = 0; i < VCPUS; i++) {
		usage[i].cpu_ns = thread_cpu_ns(b->tids[i]);
		if (kvm_exits_read(b->exits, i, &usage[i].exits, b->err))
			return -1;
	}
	return 0;
}

/* Exits by reason and CPU time of the vCPUs from @first on, between two readings. */
static void add_usage(json_t *object, const struct vcpu_usage *before, const struct vcpu_usage *after, size_t first)
{
	json_t *exits = json_object();
	uint64_t cpu_ns = 0;

	for (int reason = 0; reason < EXITS_REASONS; reason++) {
		int64_t n = 0;

		for (size_t i = first; i < VCPUS; i++)
			n += after[i].exits.by_reason[reason] - before[i].exits.by_reason[reason];
		/* The counters of a moment are read one after another: "other", a difference, can be off by a few. */
		json_object_set_new(exits, kvm_exit_reason_name(reason), json_integer(n > 0 ? n : 0));
	}
	for (size_t i = first; i < VCPUS; i++)
		cpu_ns += after[i].cpu_ns - before[i].cpu_ns;
	json_object_set_new(object, "exits", exits);
	json_object_set_new(object, "vcpu_cpu_ns", json_integer(cpu_ns));
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
static int trace_idles(struct bench_vm *b, json_t *sums)
{
	json_int_t found = 0;

	for (int round = 0; round < TRACE_ROUNDS && found < ENOUGH_IDLES; round++) {
		json_t *part = NULL;

		if (command(b, &part, "trace %u %u", b->config->traced_reads, guest_limit_ns(b->config)))
			return -1;
		add_up(sums, part);
		json_decref(part);
		found = json_integer_value(json_object_get(sums, "short_halted")) +
			json_integer_value(json_object_get(sums, "short_not_halted"));
	}
	return 0;
}

static int measure_cell(struct bench_vm *b, unsigned int latency_ns, json_t *cells)
{
	const struct idle_bench_config *config = b->config;
	struct vcpu_usage before[VCPUS], after[VCPUS];
	json_t *read = NULL, *traced = json_object(), *cell;

	progress(config, "host halt polling %u us, guest smart idle poll %s, %u us injected", b->host_poll_ns / 1000,
		 b->guest_poll ? "on" : "off", latency_ns / 1000);
	if (command(b, NULL, "disk %u", latency_ns * config->slowdown) ||
	    command(b, NULL, "read %u", config->reads / 10 + 1) || read_usage(b, before) ||
	    command(b, &read, "read %u", config->reads) || read_usage(b, after) || trace_idles(b, traced)) {
		json_decref(read);
		json_decref(traced);
		return -1;
	}
	cell = json_pack("{s:i, s:i, s:i, s:i}", "latency_ns", latency_ns, "host_poll_ns", b->host_poll_ns,
			 "guest_poll_ns", b->guest_poll ? config->guest_poll_ns : 0, "reads", config->reads);
	add_usage(cell, before, after, FIO_VCPU);
	json_object_update_missing(cell, read); /* nothing of ours is the guest's to say */
	json_decref(read);
	json_object_set_new(cell, "traced", traced);
	json_array_append_new(cells, cell);
	return 0;
}

static int measure_wakes(struct bench_vm *b, json_t *wakes)
{
	struct vcpu_usage before[VCPUS], after[VCPUS];
	json_t *wake = NULL, *entry;

	progress(b->config, "message passing, guest smart idle poll %s", b->guest_poll ? "on" : "off");
	if (command(b, NULL, "wake %u", b->config->wakes / 10 + 1) || read_usage(b, before) ||
	    command(b, &wake, "wake %u", b->config->wakes) || read_usage(b, after))
		return -1;
	entry = json_pack("{s:i, s:i, s:i}", "host_poll_ns", b->host_poll_ns, "guest_poll_ns",
			  b->guest_poll ? b->config->guest_poll_ns : 0, "wake_ups", 2 * b->config->wakes);
	add_usage(entry, before, after, 0);
	json_object_update_missing(entry, wake);
	json_decref(wake);
	json_array_append_new(wakes, entry);
	return 0;
}

/* The guest polls with the host's polling off by MSR, save in the cell with both. */
static int set_guest_poll(struct bench_vm *b, bool on)
{
	b->guest_poll = on;
	if (!on)
		return command(b, NULL, "module ");
	return command(b, NULL, "module poll_max_ns=%u host_poll=%s %s", guest_limit_ns(b->config),
		       b->host_poll_ns ? "keep" : "off", b->config->module_params ? b->config->module_params : "");
}

static int measure_vm(struct bench_vm *b, json_t *cells, json_t *wakes)
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

static int start_vm(struct bench_vm *b)
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

	return find_helper("idle-bench-guest", guest_path, b->err) || microvm_start(&vm_config, &b->vm, b->err);
}

static int run_vm(struct bench_vm *b, json_t *cells, json_t *wakes, bool *worth_retry)
{
	json_t *hello = NULL;
	int rc;

	*worth_retry = false;
	progress(b->config, "booting a guest, host halt polling %u us", b->host_poll_ns / 1000);
	if (start_vm(b))
		return -1;
	rc = wait_answer(b, "start", &hello) || microvm_vcpu_threads(b->vm, b->tids, VCPUS, b->err) != VCPUS ||
	     kvm_exits_open(b->tids, VCPUS, &b->exits, b->err) || measure_vm(b, cells, wakes) ||
	     microvm_send(b->vm, "quit", b->err);
	*worth_retry = rc && microvm_worth_retry(b->vm);
	json_decref(hello);
	kvm_exits_close(b->exits);
	b->exits = NULL;
	microvm_end(b->vm);
	return rc ? -1 : 0;
}

static void truncate_array(json_t *array, size_t n)
{
	while (json_array_size(array) > n)
		json_array_remove(array, n);
}

/* All cells of one host setting. An emulated guest that hangs is started over, and its cells are forgotten. */
static int measure_host(struct bench_vm *b, json_t *cells, json_t *wakes)
{
	size_t n_cells = json_array_size(cells), n_wakes = json_array_size(wakes);
	bool worth_retry;
	int rc = run_vm(b, cells, wakes, &worth_retry);

	for (int tries = 1; rc && worth_retry && tries < MICROVM_TRIES; tries++) {
		progress(b->config, "the guest is lost (%.100s): once more", b->err->reason);
		truncate_array(cells, n_cells);
		truncate_array(wakes, n_wakes);
		rc = run_vm(b, cells, wakes, &worth_retry);
	}
	return rc;
}

/* What a program says of its version: the first line. */
static json_t *version_of(const char *command)
{
	char line[128] = "";
	FILE *f = popen(command, "re");

	if (!f)
		return json_null();
	if (fgets(line, sizeof(line), f))
		line[strcspn(line, "\n")] = '\0';
	pclose(f);
	return json_string(line);
}

static json_t *describe(const struct idle_bench_config *config)
{
	struct utsname uts;
	json_t *latencies = json_array(), *options;

	uname(&uts);
	for (size_t i = 0; i < config->n_latencies; i++)
		json_array_append_new(latencies, json_integer(config->latencies_ns[i]));
	options =
		json_pack("{s:s?, s:s?, s:i, s:i, s:i, s:i, s:i, s:i, s:o}", "kernel", config->kernel, "module_params",
			  config->module_params, "reads", config->reads, "traced_reads", config->traced_reads, "wakes",
			  config->wakes, "host_poll_ns", config->host_poll_ns, "guest_poll_ns", config->guest_poll_ns,
			  "slowdown", config->slowdown, "latencies_ns", latencies);
	return json_pack("{s:i, s:s, s:o, s:{s:s, s:s, s:o, s:o}}", "version", IDLE_BENCH_VERSION, "isolat",
			 ISOLAT_VERSION, "options", options, "machine", "host_kernel", uts.release,
			 "host_kernel_version", uts.version, "fio", version_of("fio --version"), "qemu",
			 version_of("qemu-system-x86_64 --version"));
}

int idle_bench_run(const struct idle_bench_config *config, json_t **report, struct isolat_error *err)
{
	json_t *cells = json_array(), *wakes = json_array();
	int rc = 0, hold = kvm_exits_hold();

	for (int host = config->skip_host_off; !rc && host < 2 - config->skip_host_on; host++) {
		struct bench_vm b = {
			.config = config,
			.host_poll_ns = host ? config->host_poll_ns : 0,
			.err = err,
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
