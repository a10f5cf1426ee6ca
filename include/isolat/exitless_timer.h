/* SPDX-License-Identifier: (GPL-2.0-only WITH Linux-syscall-note) OR MIT */
/*
 * The page of the exitless timer: shared by one guest and its agent on the host, in place of timer registers.
 *
 * A vCPU arms its timer with a store to its slot. The agent, on a core of its own, reads the slots and signals a
 * slot's eventfd when its time has come; KVM's irqfd makes an MSI of that, posted without an exit where the CPU can.
 * The page is BAR 2 of an ivshmem-doorbell device, MSI-X vector N is slot N, and arming takes no exit.
 *
 * Layout: a header of four cache lines, then a slot of two lines per possible vCPU, at EXITLESS_HEADER_SIZE + N *
 * EXITLESS_SLOT_SIZE. Each line has one writer; the only exception is that the agent disarms a slot, by compare-and-
 * exchange, as it fires it. All of the page is writable by the guest: a host reads a field once, validates it, and
 * takes no size, stride, count or index from here. All fields are little-endian and naturally aligned; every one is
 * read and written whole, with one access. What is reserved is zero, and is not read.
 *
 * Times are in cycles of the guest's TSC, unless a field says otherwise.
 *
 * Arming (guest, on the slot's vCPU, interrupts off)
 *	armed_tsc := TSC; seq := seq + 1; expiry := deadline, a release store: x86 needs no fence for it.
 *	From 1.1: full barrier; if deadline < agent_wake_tsc, write header.doorbell to the device's doorbell
 *	register.
 *	The barrier is what makes parking safe: without it the load of agent_wake_tsc may come before the store
 *	of expiry is visible, the agent may park in between, and the timer is lost.
 *	A new arming replaces the one before; storing EXITLESS_DISARMED cancels. Any deadline may be armed, the
 *	past too.
 *
 * Firing (agent)
 *	e := expiry, an acquire load. If e is EXITLESS_DISARMED or after the guest's time, nothing. Else
 *	last_expiry := e, last_fired := the guest's time, then compare-and-exchange expiry from e to
 *	EXITLESS_DISARMED; if it was still e, signal the eventfd. So no arming fires twice, and one that
 *	replaces e while it fires stays armed.
 *	A cancelled timer may still be signalled, if it was due: the guest takes an interrupt on a timer that is
 *	shut down for nothing.
 *
 * Interrupt (guest)
 *	A guest knows by itself whether an arming is outstanding: the page does not say. If none is, nothing. If
 *	one is and expiry is EXITLESS_DISARMED, the agent consumed it: run the clockevent's handler. If it is
 *	set and in the past, the guest disarms it and runs the handler itself (that is how a kick after a
 *	takeover loses nothing). Otherwise the signal is spurious, which is harmless. Then look at agent_state,
 *	generation and sync_wanted.
 *
 * Parking (agent, from 1.1)
 *	A page with nothing due for a while need not be read. agent_wake_tsc := the time at which the agent will
 *	look again (EXITLESS_NEVER: only when rung), full barrier, then a last pass over slots and sync_seq: if
 *	a slot is due before that time, or a question is open, the agent takes agent_wake_tsc back to
 *	EXITLESS_AWAKE and goes on. It takes the doorbell's signals before that pass or after its sleep, not in
 *	between. It reads an unparked page all the time.
 *	Heartbeats go on while parked, and with each the agent looks at the guest's line of the header: one that
 *	cannot ring may have booted. A guest that has not declared 1.1 is never parked.
 *
 * The clocks
 *	The agent sees the host's TSC and needs the guest's. The guest asks, often: sync_seq := s after reading
 *	its TSC (g1), a number that it has not asked by before, for a late answer to an old question may come
 *	any time; the agent, seeing a new sync_seq, stores sync_host_tsc and then sync_ack := s; the guest
 *	sees it and reads its TSC again (g2). While the host's TSC was sync_host_tsc, the guest's was in [g1,
 *	g2]. From such samples the guest derives
 *
 *		guest's TSC >= map_guest + (host's TSC - map_host) * map_mult / 2^32
 *
 *	with bounds on the safe side, so that the agent may be late by the samples' width but is never early,
 *	and publishes it under map_seq (odd while it changes). While map_seq is 0 the page has no map and
 *	nothing fires. The agent sets a new sync_wanted and signals all slots when it sees a slot armed in what
 *	the map says is the future: the clocks have jumped against each other. A guest from 1.1 on rings the
 *	doorbell after its sync_seq too: full barrier, then if agent_wake_tsc is not EXITLESS_AWAKE.
 *	A guest whose TSC is about to jump (suspend), or has, sets map_seq to 0, then asks, and publishes a map
 *	only when it has the answer. The agent looks at map_seq between seeing a question and answering it: so
 *	nothing fires by the old map once the guest has the answer.
 *
 * Death and takeover
 *	heartbeat grows at least every EXITLESS_BEAT_MS while an agent serves the page. When it has died,
 *	whoever notices sets agent_state to EXITLESS_AGENT_DEAD and signals every slot: the guest goes back to
 *	its LAPIC. Who does so for an agent that may still run (it stands still) does it once more when that has
 *	surely ended, since its last stores may come after the mark; and only then may a new agent begin. A new
 *	agent of the same page sets a new generation, agent_wake_tsc to EXITLESS_AWAKE, then
 *	EXITLESS_AGENT_RUNS, and then signals every slot, at once or, where there are many, beside its first
 *	passes: the guest fires what is overdue, makes a new map and may use its timer again. Nobody can promise
 *	that a death is noticed (all of the host's processes may be stopped), so unless agent_flags has
 *	EXITLESS_AGENT_SURE, one vCPU keeps its LAPIC timer and watches the heartbeat.
 *
 * Compatibility
 *	A different version_major is refused. Minors only give meaning to what was reserved, and so zero: a 1.1
 *	guest on a 1.0 page reads agent_wake_tsc as EXITLESS_AWAKE and never rings; a 1.1 agent sees in
 *	guest_version that a 1.0 guest would not ring, and does not park its page.
 *	1.0  all but what follows.   1.1  doorbell, agent_wake_tsc.
 *
 *	The races, one by one, and the argument for the ordering: docs/exitless-timer.md. A model of it all:
 *	tests/model/.
 */
#ifndef ISOLAT_EXITLESS_TIMER_H
#define ISOLAT_EXITLESS_TIMER_H

#include <linux/types.h>

#define EXITLESS_MAGIC	       0x31544c58u /* "XLT1" */
#define EXITLESS_VERSION_MAJOR 1
#define EXITLESS_VERSION_MINOR 1

/* guest_version: what the guest speaks. */
#define EXITLESS_VERSION(major, minor) (((__u32)(major) << 16) | (minor))

#define EXITLESS_LINE	     64
#define EXITLESS_HEADER_SIZE 256
#define EXITLESS_SLOT_SIZE   128
/* MSI-X has 2048 vectors; a guest this large is far beyond what one agent serves well. */
#define EXITLESS_MAX_SLOTS 512

/* expiry: no timer. */
#define EXITLESS_DISARMED (~(__u64)0)
/* agent_wake_tsc: the page is read all the time; it is looked at only when rung. */
#define EXITLESS_AWAKE (__u64)0
#define EXITLESS_NEVER (~(__u64)0)

/* The heartbeat's longest pause while an agent lives, and how long it stands still before the agent counts as dead. */
#define EXITLESS_BEAT_MS 10
#define EXITLESS_DEAD_MS 50

/* map_mult is a fraction of 2^32; TSCs whose rates differ by more than 2^4 are not believed. */
#define EXITLESS_MULT_SHIFT 32
#define EXITLESS_MULT_MIN   ((__u64)1 << 28)
#define EXITLESS_MULT_MAX   ((__u64)1 << 36)

enum exitless_agent_state {
	EXITLESS_AGENT_NONE = 0, /* not yet */
	EXITLESS_AGENT_RUNS = 1,
	EXITLESS_AGENT_DEAD = 2, /* or about to end: do not wait for it */
};

/* agent_flags: its death is noticed and told whatever happens to processes of the host (the kernel's agent). */
#define EXITLESS_AGENT_SURE (1u << 0)

enum exitless_guest_state {
	EXITLESS_GUEST_NONE = 0, /* no driver, or it does not use its slots now: they need not be read */
	EXITLESS_GUEST_RUNS = 1,
};

struct exitless_header {
	/* Line 0: constants, written by the host before the guest sees the page. */
	__u32 magic;
	__u16 version_major, version_minor;
	__u32 header_size;  /* EXITLESS_HEADER_SIZE, bytes */
	__u32 slot_size;    /* EXITLESS_SLOT_SIZE, bytes */
	__u32 nr_slots;	    /* slots, and MSI-X vectors that the agent signals */
	__u32 doorbell;	    /* 1.1: what to write to the doorbell register (offset 12 of BAR 0); 0: there is none */
	__u64 host_tsc_khz; /* the host's TSC, kHz; information */
	__u64 reserved0[4];

	/* Line 1: the host, at a low rate. */
	__u64 heartbeat;      /* grows while an agent runs; relaxed stores */
	__u32 agent_state;    /* enum exitless_agent_state; stored with release, after generation */
	__u32 generation;     /* of the agent: another number after each takeover, never 0 once one has run */
	__u64 agent_wake_tsc; /* 1.1: when the agent looks next, guest TSC; EXITLESS_AWAKE, EXITLESS_NEVER */
	__u32 sync_wanted;    /* changes when the agent wants a new map */
	__u32 agent_flags;    /* EXITLESS_AGENT_... */
	__u64 reserved1[4];

	/* Line 2: the guest. */
	__u64 guest_tsc_khz; /* the guest's TSC, kHz; information */
	__u32 guest_state;   /* enum exitless_guest_state; stored with release */
	__u32 guest_version; /* EXITLESS_VERSION() that it speaks, before guest_state */
	__u32 sync_seq;	     /* a question: the host's TSC, please; stored with release, after the guest read its TSC */
	__u32 map_seq;	     /* of the map: 0 none, odd while it changes */
	__u64 map_host;	     /* a host TSC.. */
	__u64 map_guest;     /* .. the earliest that the guest's TSC was then .. */
	__u64 map_mult;	     /* .. and how many cycles of the guest pass in 2^32 of the host, at least */
	__u64 map_width;     /* how wide the last map's bounds were, guest cycles; information */
	__u64 reserved2[1];

	/* Line 3: the host's answer. */
	__u64 sync_host_tsc; /* the host's TSC, read after sync_seq was seen */
	__u32 sync_ack;	     /* the sync_seq that it answers; stored with release, after sync_host_tsc */
	__u32 reserved3a;
	__u64 reserved3[6];
};

struct exitless_slot {
	/* The guest's line. */
	__u64 expiry;	 /* deadline, guest TSC, or EXITLESS_DISARMED */
	__u64 armed_tsc; /* the guest's TSC as it armed */
	__u32 seq;	 /* counts armings */
	__u32 reserved0;
	__u64 reserved1[5];

	/* The host's line. */
	__u64 last_expiry; /* the expiry that the last fire consumed; stored before the slot is disarmed */
	__u64 last_fired;  /* the guest's time then, as the agent saw it */
	__u64 fired;	   /* counts fires */
	__u64 reserved2[5];
};

/*
 * Not of the page: how both sides count lateness, by powers of two. Bin N has fires that were late by [2^N, 2^(N+1))
 * ns, bin 0 also less, the last also more.
 */
#define EXITLESS_LATE_BINS 32

/* Sizes and places are the contract: a compiler that lays them out otherwise must not build it. */
#define EXITLESS_ASSERT(what) _Static_assert(what, #what)
EXITLESS_ASSERT(sizeof(struct exitless_header) == EXITLESS_HEADER_SIZE);
EXITLESS_ASSERT(sizeof(struct exitless_slot) == EXITLESS_SLOT_SIZE);
EXITLESS_ASSERT(__builtin_offsetof(struct exitless_header, heartbeat) == 1 * EXITLESS_LINE);
EXITLESS_ASSERT(__builtin_offsetof(struct exitless_header, guest_tsc_khz) == 2 * EXITLESS_LINE);
EXITLESS_ASSERT(__builtin_offsetof(struct exitless_header, sync_host_tsc) == 3 * EXITLESS_LINE);
EXITLESS_ASSERT(__builtin_offsetof(struct exitless_slot, last_expiry) == 1 * EXITLESS_LINE);
#undef EXITLESS_ASSERT

#endif
