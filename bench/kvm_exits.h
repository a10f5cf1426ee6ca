/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Exits of chosen vCPU threads, counted by reason with perf counters on the kvm:kvm_exit tracepoint: no other VM is
 * counted, nothing on the host is changed, and the counters end with the process.
 */
#ifndef ISOLAT_KVM_EXITS_H
#define ISOLAT_KVM_EXITS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "isolat/error.h"

enum kvm_exit_reason {
	EXITS_TOTAL,
	EXITS_HALT,
	EXITS_MSR_WRITE,
	EXITS_MSR_READ,
	EXITS_INTERRUPT, /* an interrupt of the host's arrived: a timer of its own, or a kick */
	EXITS_WINDOW,	 /* the guest could take an interrupt again */
	EXITS_PAUSE,
	EXITS_IO_PORT,
	EXITS_PAGE_FAULT, /* nested paging, MMIO among it */
	EXITS_CPUID,
	EXITS_TIMER,  /* VMX preemption timer */
	EXITS_OTHERS, /* TOTAL less those above */
	EXITS_REASONS,
};

struct kvm_exit_counts {
	uint64_t by_reason[EXITS_REASONS];
};

/* The reason's stable name, used as JSON key: "halt", "msr_write", ... */
const char *kvm_exit_reason_name(enum kvm_exit_reason reason);

/*
 * Keeps the tracepoint switched on until the returned descriptor is closed, so that opening counters later does not
 * patch KVM's code while VMs run it; call it before the first VM. Returns -1 if it cannot be, which kvm_exits_open()
 * then tells.
 */
int kvm_exits_hold(void);

struct kvm_exits;

/*
 * Starts counting for the threads @tids, kept apart by index. Needs tracefs and the right to use tracepoints (root).
 * ISOLAT_UNSUPPORTED where they are missing.
 */
int kvm_exits_open(const pid_t *tids, size_t n, struct kvm_exits **exits, struct isolat_error *err);
void kvm_exits_close(struct kvm_exits *exits);

/* Reads what thread number @index has counted since kvm_exits_open(). */
int kvm_exits_read(struct kvm_exits *exits, size_t index, struct kvm_exit_counts *counts, struct isolat_error *err);

#endif
