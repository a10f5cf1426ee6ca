/* SPDX-License-Identifier: BSD-3-Clause */
/* The rig of exitless_bench.h: pages and eventfds of some VMs, the scanner's thread, and a guest's armings. */
#ifndef ISOLAT_EXITLESS_RIG_H
#define ISOLAT_EXITLESS_RIG_H

#include <pthread.h>
#include <stdbool.h>
#include <x86intrin.h>

#include "exitless_bench.h"
#include "timer_scan.h"

struct rig_vm {
	struct timer_page page;
	int *signals, doorbell;
	uint32_t *seq; /* armings, a slot */
};

struct rig {
	unsigned int n_vms;
	struct rig_vm *vms;
	struct timer_stats *stats;
	struct timer_scan *scan;
	uint64_t tsc_khz;
	pthread_t agent;
	int agent_cpu, guest_cpu;
	bool agent_runs; /* the thread is there */
	bool stop;	 /* it is to end */
	uint64_t passes; /* of the agent, so far */
};

/* Pins the calling thread to one CPU of those it may use, and the agent to another; @slots[i] are VM i's. */
int rig_start(struct rig *rig, unsigned int n_vms, const unsigned int *slots, const struct timer_scan_limits *limits,
	      struct isolat_error *err);
void rig_stop(struct rig *rig);

static inline double rig_ns(const struct rig *rig, uint64_t cycles)
{
	return (double)cycles * 1e6 / (double)rig->tsc_khz;
}

static inline uint64_t rig_cycles(const struct rig *rig, double ns)
{
	return (uint64_t)(ns * (double)rig->tsc_khz / 1e6);
}

/* Arms as a guest of version 1.0 does. @seq is the guest's own count: it has no need to read its slot. */
static inline void rig_arm_1_0(struct exitless_slot *slot, uint32_t *seq, uint64_t expiry)
{
	/* The line comes while the TSC is read. */
	__asm__ volatile("prefetchw %0" : : "m"(*slot));
	__atomic_store_n(&slot->armed_tsc, __rdtsc(), __ATOMIC_RELAXED);
	__atomic_store_n(&slot->seq, ++*seq, __ATOMIC_RELAXED);
	__atomic_store_n(&slot->expiry, expiry, __ATOMIC_RELEASE);
}

/* Arms as the contract says, but for the ring. Returns whether one is due. */
static inline bool rig_arm(struct rig_vm *vm, struct exitless_slot *slot, uint32_t *seq, uint64_t expiry)
{
	rig_arm_1_0(slot, seq, expiry);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return expiry < __atomic_load_n(&vm->page.header->agent_wake_tsc, __ATOMIC_RELAXED);
}

#endif
