/* SPDX-License-Identifier: BSD-3-Clause */
/* A VM for the scanner's tests: a page, eventfds, and a guest that does as it is told. */
#ifndef ISOLAT_TIMER_FAKE_H
#define ISOLAT_TIMER_FAKE_H

#include "timer_scan.h"

struct fake_vm {
	struct timer_page page;
	int signals[EXITLESS_MAX_SLOTS], doorbell;
};

/* A page of version 1.@minor, no guest yet; the doorbell is there from 1.1. Fails the test if it cannot be made. */
void fake_vm_make(struct fake_vm *vm, unsigned int slots, unsigned int minor);
void fake_vm_free(struct fake_vm *vm);
/* Its guest runs, speaks 1.@minor, and has the map guest = @guest + (host - @host) * @mult / 2^32. */
void fake_vm_run(struct fake_vm *vm, unsigned int minor);
void fake_vm_map(struct fake_vm *vm, uint64_t host, uint64_t guest, uint64_t mult);

/* Arms as the contract says: returns whether the doorbell is to be rung. */
bool fake_arm(struct fake_vm *vm, unsigned int slot, uint64_t armed_tsc, uint64_t expiry);
void fake_ring(const struct fake_vm *vm);
/* How often @slot was signalled since the last call. */
uint64_t fake_signals(const struct fake_vm *vm, unsigned int slot);

#define fake_slot(vm, n) timer_page_slot(&(vm)->page, n)

#endif
