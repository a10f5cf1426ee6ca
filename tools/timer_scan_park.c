// SPDX-License-Identifier: BSD-3-Clause
/*
 * Parking: a page with nothing due for a while is not read.
 *
 * The guest arms by a store, a full barrier, and a load of agent_wake_tsc; the scanner parks by a store of
 * agent_wake_tsc, a full barrier, and loads of all expiries. Whatever the order, one of the two sees the other's store:
 * the guest rings, or the scanner does not park.
 */
#include "timer_scan_impl.h"

/* Whether a guest that did not look at agent_wake_tsc before storing could have stored something due before @wake. */
static bool last_pass_finds(const struct scan_vm *vm, uint64_t wake)
{
	if (scan_header_changed(vm))
		return true;
	for (unsigned int i = 0; vm->runs && i < vm->nr_slots; i++)
		if (__atomic_load_n(&vm->slots[i].expiry, __ATOMIC_ACQUIRE) < wake)
			return true;
	return false;
}

/* Parks until @wake (guest) is @cycles (host) away. */
static void park(struct timer_scan *scan, struct scan_vm *vm, uint64_t wake, uint64_t cycles)
{
	__u64 *wake_tsc = &vm->header->agent_wake_tsc;

	STORE(*wake_tsc, wake);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	scan->since += vm->runs ? vm->nr_slots : 1;
	if (last_pass_finds(vm, wake)) {
		STORE(*wake_tsc, EXITLESS_AWAKE);
		return;
	}
	scan_count_armings(vm, 0, vm->nr_slots);
	vm->wake = cycles < EXITLESS_NEVER - scan->now ? scan->now + cycles : EXITLESS_NEVER;
	if (vm->wake < scan->next_wake)
		scan->next_wake = vm->wake;
	STORE(vm->stats->parked, vm->stats->parked + 1);
	STORE(vm->stats->is_parked, 1);
	scan_deactivate(scan, vm, SCAN_PARKED);
}

/* It has a doorbell, and said that it rings it. */
static bool rings(const struct timer_scan *scan, const struct scan_vm *vm)
{
	return scan->park != EXITLESS_NEVER && vm->doorbell >= 0 && vm->guest_version >> 16 == EXITLESS_VERSION_MAJOR &&
	       vm->guest_version >= EXITLESS_VERSION(1, 1);
}

void scan_rest(struct timer_scan *scan, struct scan_vm *vm, uint64_t earliest)
{
	unsigned __int128 cycles;
	uint64_t guest;

	if (!vm->runs) {
		if (scan->now < vm->fast_until)
			return;
		if (rings(scan, vm))
			park(scan, vm, EXITLESS_NEVER, EXITLESS_NEVER);
		else
			scan_deactivate(scan, vm, SCAN_IDLE);
		return;
	}
	if (scan->now - vm->last_active < scan->park || !earliest || !rings(scan, vm))
		return;
	if (earliest == EXITLESS_DISARMED) {
		park(scan, vm, EXITLESS_NEVER, EXITLESS_NEVER);
		return;
	}
	guest = scan_guest_time(scan, vm, scan->now);
	if (earliest <= guest)
		return;
	cycles = ((unsigned __int128)(earliest - guest) << EXITLESS_MULT_SHIFT) / vm->map_mult;
	if (cycles <= scan->park + scan->early)
		return;
	if (cycles > EXITLESS_NEVER)
		cycles = EXITLESS_NEVER;
	park(scan, vm, earliest - (uint64_t)((unsigned __int128)scan->early * vm->map_mult >> EXITLESS_MULT_SHIFT),
	     (uint64_t)cycles - scan->early);
}

void scan_wake(struct timer_scan *scan)
{
	scan->next_wake = EXITLESS_NEVER;
	for (unsigned int i = 0; i < TIMER_MAX_VMS; i++) {
		struct scan_vm *vm = &scan->vms[i];

		if (vm->state != SCAN_PARKED)
			continue;
		if (vm->wake <= scan->now)
			scan_activate(scan, vm);
		else if (vm->wake < scan->next_wake)
			scan->next_wake = vm->wake;
	}
}
