// SPDX-License-Identifier: BSD-3-Clause
#include "bench_vm.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

void bench_progress(const struct bench_vm *b, const char *format, ...)
{
	char text[160];
	va_list ap;

	if (!b->progress)
		return;
	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	b->progress(text);
}

/* Waits for the guest program's answer to @command. */
static int wait_answer(struct bench_vm *b, const char *command, json_t **answer)
{
	struct microvm_event event;
	int rc;

	while ((rc = microvm_next(b->vm, &event, b->err)) > 0) {
		if (event.kind == MICROVM_ERR || event.kind == MICROVM_OUT)
			bench_progress(b, "guest: %s", event.text);
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

int bench_vm_command(struct bench_vm *b, json_t **answer, unsigned int limit_s, const char *format, ...)
{
	json_t *ignored = NULL;
	char text[256];
	va_list ap;
	int rc;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	microvm_set_timeout(b->vm, limit_s);
	if (microvm_send(b->vm, text, b->err))
		return -1;
	rc = wait_answer(b, text, answer ? answer : &ignored);
	json_decref(ignored);
	return rc;
}

int bench_vm_start(struct bench_vm *b, const struct microvm_config *config)
{
	json_t *hello = NULL;
	int n;

	b->n_vcpus = config->vcpus;
	if (microvm_start(config, &b->vm, b->err) || wait_answer(b, "start", &hello))
		return -1;
	json_decref(hello);
	n = microvm_vcpu_threads(b->vm, b->tids, b->n_vcpus, b->err);
	if (n >= 0 && n != (int)b->n_vcpus)
		isolat_fail(b->err, ISOLAT_FAILED, "find the vCPUs' threads", config->name, "%d, not %zu", n,
			    b->n_vcpus);
	return n != (int)b->n_vcpus || kvm_exits_open(b->tids, b->n_vcpus, &b->exits, b->err) ? -1 : 0;
}

bool bench_vm_end(struct bench_vm *b)
{
	bool worth_retry = b->vm && microvm_worth_retry(b->vm);

	kvm_exits_close(b->exits);
	microvm_end(b->vm);
	b->exits = NULL;
	b->vm = NULL;
	return worth_retry;
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

int bench_vm_usage(struct bench_vm *b, struct vcpu_usage usage[BENCH_MAX_VCPUS])
{
	for (size_t i = 0; i < b->n_vcpus; i++) {
		usage[i].cpu_ns = thread_cpu_ns(b->tids[i]);
		if (kvm_exits_read(b->exits, i, &usage[i].exits, b->err))
			return -1;
	}
	return 0;
}

void bench_vm_add_usage(const struct bench_vm *b, json_t *object, const struct vcpu_usage *before,
			const struct vcpu_usage *after, size_t first)
{
	json_t *exits = json_object();
	uint64_t cpu_ns = 0;

	for (int reason = 0; reason < EXITS_REASONS; reason++) {
		int64_t n = 0;

		for (size_t i = first; i < b->n_vcpus; i++)
			n += after[i].exits.by_reason[reason] - before[i].exits.by_reason[reason];
		/* The counters of a moment are read one after another: "other", a difference, can be off by a few. */
		json_object_set_new(exits, kvm_exit_reason_name(reason), json_integer(n > 0 ? n : 0));
	}
	for (size_t i = first; i < b->n_vcpus; i++)
		cpu_ns += after[i].cpu_ns - before[i].cpu_ns;
	json_object_set_new(object, "exits", exits);
	json_object_set_new(object, "vcpu_cpu_ns", json_integer(cpu_ns));
}

/* What a program says of its version: the first line. */
static json_t *version_of(const char *program)
{
	char line[128] = "", command[64];
	FILE *f;

	snprintf(command, sizeof(command), "%s --version 2>&1", program);
	f = popen(command, "re");
	if (!f)
		return json_null();
	if (fgets(line, sizeof(line), f))
		line[strcspn(line, "\n")] = '\0';
	pclose(f);
	return json_string(line);
}

json_t *bench_machine(const char *const *programs)
{
	struct utsname uts;
	json_t *machine;

	uname(&uts);
	machine = json_pack("{s:s, s:s, s:o}", "host_kernel", uts.release, "host_kernel_version", uts.version, "qemu",
			    version_of("qemu-system-x86_64"));
	for (; *programs; programs++)
		json_object_set_new(machine, *programs, version_of(*programs));
	return machine;
}
