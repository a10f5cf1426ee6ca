/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the parts of the scanner share: timer_scan.c (VMs come and go, passes, sleep), timer_scan_visit.c (one visit of
 * one VM: map, slots, fires) and timer_scan_park.c (when a page need not be read).
 */
#ifndef ISOLAT_TIMER_SCAN_IMPL_H
#define ISOLAT_TIMER_SCAN_IMPL_H

#include <x86intrin.h>

#include "timer_scan.h"

#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

/* A guest's field, and a field that a guest or the daemon reads: one access each. */
#define LOAD(field)	    __atomic_load_n(&(field), __ATOMIC_RELAXED)
#define STORE(field, value) __atomic_store_n(&(field), (value), __ATOMIC_RELAXED)

/* The clock is read anew after so many slots: 8 ns against some 2 ns a slot. */
#define SCAN_CHUNK 32
/* Fires of one visit, and signals of one slice of a kick: what a VM may put before its neighbours at once. */
#define SCAN_FIRES 32

enum scan_state {
	SCAN_UNUSED,
	SCAN_ACTIVE, /* visited in every pass */
	SCAN_IDLE,   /* no driver there, none that would ring: the header is read every ms */
	SCAN_PARKED, /* read when it rings, or at wake */
};

struct scan_slot {
	int fd;
	uint32_t seq;	     /* of the arming counted last */
	uint64_t not_before; /* host TSC; its eventfd was full: left alone until then */
};

/* A leaky bucket, as the time at which it will have run dry: it is full when that is its depth ahead. */
struct scan_bucket {
	uint64_t dry;
};

/* All times are the host's TSC, without what timer_scan_jump() adds, unless they say guest. */
struct scan_vm {
	/* What each visit reads. */
	struct exitless_header *header;
	struct exitless_slot *slots;
	uint64_t not_before;			/* its limits: no visit until then */
	uint32_t sync_seq, map_seq;		/* as last seen */
	uint32_t guest_state, guest_version;	/* likewise */
	uint64_t map_host, map_guest, map_mult; /* the map in use; map_host by the clock that jumps */
	uint64_t last_active;			/* a fire, a ring, a question: not parked soon after */
	unsigned int nr_slots;
	unsigned int cursor; /* where the last visit stopped, its fires used up */
	bool runs, has_map;
	bool holds; /* an eventfd of it has blocked: none is written that is full */
	enum scan_state state;

	/* What fires, parking and beats need. */
	struct scan_slot *slot;
	struct timer_vm_stats *stats;
	struct scan_bucket fires, time;
	uint64_t fast_until; /* it asked for the time: visited, driver or not */
	uint64_t wake;	     /* parked: when it is looked at again */
	uint64_t guest_khz;  /* by the map, for lateness in ns */
	uint64_t heartbeat;
	uint64_t last_slow; /* fire; 0: none yet */
	uint64_t next_jump; /* no new map is asked for before */
	uint32_t sync_wanted;
	unsigned int kick_at, kick_left; /* the next slot of a kick, and how many are still to be signalled */
	unsigned int index;
	int doorbell;
} __attribute__((aligned(EXITLESS_LINE)));

struct timer_scan {
	struct timer_stats *stats;
	uint64_t tsc_khz;
	int64_t jumped;
	uint64_t (*clock)(void *arg); /* NULL: the TSC */
	void *clock_arg;
	int epoll;

	/* In host cycles, from the limits and from what is fixed. */
	uint64_t park, early, fire_gap, fire_depth, time_depth;
	uint64_t tick, doorbell_gap, question, blocked, ms;
	uint64_t line_free, visit_free; /* what lines, and a visit besides, may cost for nothing */
	uint64_t line_most, fire_most;	/* what is charged at most */
	unsigned int share_permille;

	uint64_t now;	    /* the last look at the clock */
	unsigned int since; /* lines read since */
	bool mixed;	    /* of more than one VM */
	uint64_t metered;   /* until then each visit is looked at by itself */
	uint64_t passes;
	uint64_t next_count;	 /* of armings */
	bool counts;		 /* in this pass */
	uint64_t cpu_ns, cpu_at; /* CPU time of this thread, and when it was that */
	long waits;		 /* how often it had waited then */
	uint64_t gap_max;
	uint64_t next_tick, next_cpu, next_doorbell, next_wake;
	unsigned int tick_at; /* the VM that is beaten for next */

	unsigned int n_used, n_active, n_idle, n_kicking;
	uint16_t active[TIMER_MAX_VMS];	 /* what a pass visits, in no order */
	uint16_t kicking[TIMER_MAX_VMS]; /* whose kick is under way, in no order */
	unsigned int kick_turn;		 /* whose slice is next, of these */
	struct scan_vm vms[TIMER_MAX_VMS];
};

static inline uint64_t scan_cycles(const struct timer_scan *scan, uint64_t ns)
{
	return (uint64_t)((unsigned __int128)ns * scan->tsc_khz / 1000000);
}

static inline uint64_t scan_tsc(const struct timer_scan *scan)
{
	return unlikely(scan->clock) ? scan->clock(scan->clock_arg) : __rdtsc();
}

/* What the guest's TSC is at least when the host's is @now. */
static inline uint64_t scan_guest_time(const struct timer_scan *scan, const struct scan_vm *vm, uint64_t now)
{
	uint64_t host = now + (uint64_t)scan->jumped, passed = host > vm->map_host ? host - vm->map_host : 0;

	return vm->map_guest + (uint64_t)((unsigned __int128)passed * vm->map_mult >> EXITLESS_MULT_SHIFT);
}

/* timer_scan.c */

/* Whether the guest wrote to its line of the header. */
static inline bool scan_header_changed(const struct scan_vm *vm)
{
	const struct exitless_header *header = vm->header;

	return (LOAD(header->sync_seq) ^ vm->sync_seq) | (LOAD(header->map_seq) ^ vm->map_seq) |
	       (LOAD(header->guest_state) ^ vm->guest_state) | (LOAD(header->guest_version) ^ vm->guest_version);
}

/* Looks at the clock; returns the cycles since the last look. That long no timer was watched. */
uint64_t scan_look(struct timer_scan *scan);
/* Looks at this thread's CPU time; returns the cycles since the last such look in which it was kept from its CPU. */
uint64_t scan_away(struct timer_scan *scan);
/* Has @vm visited in every pass. */
void scan_activate(struct timer_scan *scan, struct scan_vm *vm);
/* Not any more: @state is IDLE or PARKED. */
void scan_deactivate(struct timer_scan *scan, struct scan_vm *vm, enum scan_state state);

/* timer_scan_visit.c */

/* Visits what is active. */
void scan_visit_all(struct timer_scan *scan);
/* Counts what the guest has armed in slots [@i, @end) since it was last counted. */
void scan_count_armings(const struct scan_vm *vm, unsigned int i, unsigned int end);
/* Signals all slots, expired or not: a slice at once, and the rest in later passes as the VM's limits allow. */
void scan_kick(struct timer_scan *scan, struct scan_vm *vm);
/* The next slice of a kick that is under way; to be called when there is one. */
void scan_kick_next(struct timer_scan *scan);
/* Signals all slots of a VM that leaves, or as many as it can within a ms: what is under way ends. */
void scan_kick_last(struct timer_scan *scan, struct scan_vm *vm);
/* Signals all slots at once. Async-signal-safe. */
void scan_kick_all(struct timer_scan *scan, struct scan_vm *vm);

/* timer_scan_park.c */

/* To be called when @vm has nothing due, and its next expiry is @earliest (guest; EXITLESS_DISARMED: none). */
void scan_rest(struct timer_scan *scan, struct scan_vm *vm, uint64_t earliest);
/* Activates what is parked and whose time has come. */
void scan_wake(struct timer_scan *scan);

#endif
