/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A VM under measurement: a micro-VM whose program takes commands (guest_commands.h) over the channel, with the exits
 * and the CPU time of its vCPUs counted from outside.
 */
#ifndef ISOLAT_BENCH_VM_H
#define ISOLAT_BENCH_VM_H

#include <jansson.h>

#include "isolat/error.h"
#include "kvm_exits.h"
#include "microvm.h"

#define BENCH_MAX_VCPUS 8

struct bench_vm {
	struct microvm *vm;
	struct kvm_exits *exits;
	size_t n_vcpus;
	pid_t tids[BENCH_MAX_VCPUS];
	void (*progress)(const char *text); /* called with a line for the user; may be NULL */
	struct isolat_error *err;	    /* where every function here leaves its error */
};

struct vcpu_usage {
	struct kvm_exit_counts exits;
	uint64_t cpu_ns;
};

__attribute__((format(printf, 2, 3))) void bench_progress(const struct bench_vm *b, const char *format, ...);

/*
 * Boots @config, waits for its program's greeting and begins to count. On failure the VM, if there is one, is left to
 * bench_vm_end(), and microvm_worth_retry() can be asked about it.
 */
int bench_vm_start(struct bench_vm *b, const struct microvm_config *config);

/* Ends VM and counters; returns whether, after an error, the VM is worth another try (see microvm.h). */
bool bench_vm_end(struct bench_vm *b);

/*
 * Sends one command, which has @limit_s to be answered. "ok {JSON}" becomes *@answer (of the caller; may be NULL),
 * "error TEXT" an error.
 */
__attribute__((format(printf, 4, 5))) int bench_vm_command(struct bench_vm *b, json_t **answer, unsigned int limit_s,
							   const char *format, ...);

/* Reads what each vCPU has used so far. */
int bench_vm_usage(struct bench_vm *b, struct vcpu_usage usage[BENCH_MAX_VCPUS]);

/* Adds to @object "exits", by reason, and "vcpu_cpu_ns" of the vCPUs from @first on, between two readings. */
void bench_vm_add_usage(const struct bench_vm *b, json_t *object, const struct vcpu_usage *before,
			const struct vcpu_usage *after, size_t first);

/* {"host_kernel", "host_kernel_version", "qemu"} and, under its name, the version of each of @programs
 * (NULL-terminated). */
json_t *bench_machine(const char *const *programs);

#endif
