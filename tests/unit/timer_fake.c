// SPDX-License-Identifier: BSD-3-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "timer_fake.h"

void fake_vm_make(struct fake_vm *vm, unsigned int slots, unsigned int minor)
{
	struct isolat_error err;

	assert_int_equal(timer_page_make(&vm->page, slots, minor, 1, 1000000, &err), 0);
	for (unsigned int i = 0; i < slots; i++) {
		vm->signals[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		assert_true(vm->signals[i] >= 0);
	}
	vm->doorbell = minor ? eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) : -1;
}

void fake_vm_free(struct fake_vm *vm)
{
	for (unsigned int i = 0; i < vm->page.nr_slots; i++)
		close(vm->signals[i]);
	if (vm->doorbell >= 0)
		close(vm->doorbell);
	timer_page_close(&vm->page);
}

void fake_vm_map(struct fake_vm *vm, uint64_t host, uint64_t guest, uint64_t mult)
{
	struct exitless_header *header = vm->page.header;

	__atomic_store_n(&header->map_seq, header->map_seq + 1, __ATOMIC_SEQ_CST);
	__atomic_store_n(&header->map_host, host, __ATOMIC_RELAXED);
	__atomic_store_n(&header->map_guest, guest, __ATOMIC_RELAXED);
	__atomic_store_n(&header->map_mult, mult, __ATOMIC_RELAXED);
	__atomic_store_n(&header->map_seq, header->map_seq + 1, __ATOMIC_RELEASE);
}

void fake_vm_run(struct fake_vm *vm, unsigned int minor)
{
	__atomic_store_n(&vm->page.header->guest_version, EXITLESS_VERSION(1, minor), __ATOMIC_RELAXED);
	__atomic_store_n(&vm->page.header->guest_state, EXITLESS_GUEST_RUNS, __ATOMIC_RELEASE);
}

bool fake_arm(struct fake_vm *vm, unsigned int n, uint64_t armed_tsc, uint64_t expiry)
{
	struct exitless_slot *slot = fake_slot(vm, n);

	__atomic_store_n(&slot->armed_tsc, armed_tsc, __ATOMIC_RELAXED);
	__atomic_store_n(&slot->seq, slot->seq + 1, __ATOMIC_RELAXED);
	__atomic_store_n(&slot->expiry, expiry, __ATOMIC_RELEASE);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return expiry < __atomic_load_n(&vm->page.header->agent_wake_tsc, __ATOMIC_RELAXED);
}

void fake_ring(const struct fake_vm *vm)
{
	const uint64_t one = 1;

	assert_int_equal(write(vm->doorbell, &one, sizeof(one)), sizeof(one));
}

uint64_t fake_signals(const struct fake_vm *vm, unsigned int slot)
{
	uint64_t count = 0;

	return read(vm->signals[slot], &count, sizeof(count)) == sizeof(count) ? count : 0;
}
