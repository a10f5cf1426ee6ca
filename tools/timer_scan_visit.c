// SPDX-License-Identifier: BSD-3-Clause
/*
 * One visit of one VM: what its header says, which slots are due, and their fires.
 *
 * A visit reads one line of the header and one of each slot, and writes nothing until there is something to say: lines
 * that nobody writes stay in this CPU's cache.
 */
#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "timer_scan_impl.h"

/* How far after the map's time a slot may be armed: the map is a lower bound, and its rate one too. */
#define JUMP_SLACK_NS 50000
/* A guest has armed no more than this between two looks at what it armed. */
#define ARMINGS_MOST (1 << 20)
/* What a small VM has at most. */
#define QUIET_SLOTS 8
/* How often lines are looked at together, where none seemed dear: in one of so many passes. */
#define METER_PASSES 16
/* Dear lines, of those that were looked at together, that make each visit be looked at. */
#define METER_SLACK 4

/* ---- Signals ---- */

static bool is_writable(int fd)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLOUT };

	return poll(&poll_fd, 1, 0) == 1 && (poll_fd.revents & POLLOUT);
}

/*
 * QEMU has the same eventfd, and may make it block and fill it: the daemon sees in_signal, and a beat that stands
 * still, and ends the write by a signal.
 */
static bool signal_slot(struct timer_scan *scan, struct scan_vm *vm, unsigned int i)
{
	const uint64_t one = 1;
	bool done;

	__atomic_store_n(&scan->stats->in_signal, vm->index + 1, __ATOMIC_RELEASE);
	done = write(vm->slot[i].fd, &one, sizeof(one)) == sizeof(one);
	__atomic_store_n(&scan->stats->in_signal, 0, __ATOMIC_RELEASE);
	if (!done) {
		vm->holds |= errno == EINTR;
		vm->stats->blocked++;
		vm->slot[i].not_before = scan_tsc(scan) + scan->blocked;
	}
	return done;
}

/* Whether slot @i, whose eventfd did not take a signal, may be tried again. */
static bool unblock(struct timer_scan *scan, struct scan_vm *vm, unsigned int i)
{
	if (scan->now < vm->slot[i].not_before)
		return false;
	if (!is_writable(vm->slot[i].fd)) {
		vm->stats->blocked++;
		vm->slot[i].not_before = scan->now + scan->blocked;
		return false;
	}
	vm->slot[i].not_before = 0;
	return true;
}

/* Whatever is due there: an eventfd that takes no signal has some that wait. */
static void kick_slot(struct timer_scan *scan, struct scan_vm *vm, unsigned int i)
{
	if (!is_writable(vm->slot[i].fd))
		return;
	vm->slot[i].not_before = 0;
	signal_slot(scan, vm, i);
}

void scan_kick_all(struct timer_scan *scan, struct scan_vm *vm)
{
	for (unsigned int i = 0; i < vm->nr_slots; i++)
		kick_slot(scan, vm, i);
}

/* ---- Limits ---- */

static void charge(struct timer_scan *scan, struct scan_bucket *bucket, uint64_t cycles)
{
	bucket->dry = (bucket->dry > scan->now ? bucket->dry : scan->now) + cycles;
}

static void charge_time(struct timer_scan *scan, struct scan_vm *vm, uint64_t cycles)
{
	charge(scan, &vm->time, cycles * 1000 / scan->share_permille);
	if (unlikely(vm->time.dry > scan->now + scan->time_depth)) {
		vm->not_before = vm->time.dry - scan->time_depth;
		vm->stats->limited++;
	}
}

/*
 * Looks at the clock after lines were read. Lines that nobody writes are free. What took longer is charged to @vm,
 * whose they are, but no more than reading them can take: this process may have been kept from its CPU. Where they are
 * not of one VM, each visit is looked at by itself for a while.
 */
static void meter(struct timer_scan *scan, struct scan_vm *vm)
{
	uint64_t lines = scan->since, most = lines * scan->line_most;
	uint64_t free = 2 * scan->visit_free + lines * scan->line_free, took = scan_look(scan);
	bool mixed = scan->mixed;

	/* Of two lines or more each. */
	if (mixed)
		free += lines / 2 * scan->visit_free;
	scan->mixed = false;
	if (likely(took <= free))
		return;
	/* Timers that were armed just now are no reason yet, nor is what no lines can cost. */
	if (took > free + METER_SLACK * scan->line_most && took <= most)
		scan->metered = scan->now + scan->ms;
	if (took > most)
		took = most;
	if (!mixed && took > free)
		charge_time(scan, vm, took - free);
}

/* ---- Armings ---- */

/* The guest may write anything to seq: where it cannot have counted, that is one arming. */
static void count_armings(const struct scan_vm *vm, unsigned int i)
{
	uint32_t seq = LOAD(vm->slots[i].seq), n = seq - vm->slot[i].seq;
	struct timer_slot_stats *stats = &vm->stats->slots[i];

	if (likely(!n))
		return;
	vm->slot[i].seq = seq;
	STORE(stats->armed, stats->armed + (n <= ARMINGS_MOST ? n : 1));
}

void scan_count_armings(const struct scan_vm *vm, unsigned int i, unsigned int end)
{
	for (; i < end; i++)
		count_armings(vm, i);
}

/* ---- Fires ---- */

static void count_fire(struct timer_scan *scan, struct scan_vm *vm, unsigned int i, uint64_t late)
{
	struct timer_slot_stats *stats = &vm->stats->slots[i];
	uint64_t ns;
	unsigned int bin;

	/* Whatever the guest armed: no overflow, and a day is late enough. */
	if (late > (uint64_t)1 << 40)
		late = (uint64_t)1 << 40;
	ns = late * 1000000 / vm->guest_khz;
	bin = ns ? 63 - (unsigned int)__builtin_clzll(ns) : 0;
	count_armings(vm, i);
	STORE(stats->fired, stats->fired + 1);
	STORE(stats->late_sum, stats->late_sum + ns);
	if (ns > stats->late_max)
		STORE(stats->late_max, ns);
	bin = bin < TIMER_LATE_BINS ? bin : TIMER_LATE_BINS - 1;
	STORE(stats->late[bin], stats->late[bin] + 1);
}

/*
 * Of what a fire took, what is the VM's doing: an eventfd that blocked; and, where it comes again within a second, a
 * write that QEMU has made slow, by waiters without number. Time in which the scanner was kept from its CPU is not, nor
 * is what stopped it once.
 */
static uint64_t of_vm(struct timer_scan *scan, struct scan_vm *vm, unsigned int i, uint64_t took)
{
	uint64_t away;
	bool again;

	if (likely(took <= scan->fire_most) || vm->slot[i].not_before)
		return took;
	away = scan_away(scan);
	took = took > away ? took - away : 0;
	if (took <= scan->fire_most)
		return took;
	again = vm->last_slow && scan->now - vm->last_slow < 1000 * scan->ms;
	vm->last_slow = scan->now;
	return again ? took : scan->fire_most;
}

/* What was done for slot @i since @before is @vm's. */
static void charge_signal(struct timer_scan *scan, struct scan_vm *vm, unsigned int i, uint64_t before)
{
	uint64_t took;

	scan_look(scan);
	took = scan->now - before;
	charge_time(scan, vm, of_vm(scan, vm, i, took));
}

/* Consumes arming @expiry of slot @i and signals it, unless the guest armed anew. */
static void fire(struct timer_scan *scan, struct scan_vm *vm, unsigned int i, uint64_t expiry)
{
	struct exitless_slot *slot = &vm->slots[i];
	uint64_t before, guest, armed = LOAD(slot->armed_tsc), since = expiry;
	__u64 seen = expiry;

	meter(scan, vm);
	before = scan->now;
	guest = scan_guest_time(scan, vm, before);
	/* Armed in the past: late only from then on. */
	if (armed > since && armed <= guest)
		since = armed;
	STORE(slot->last_expiry, expiry);
	STORE(slot->last_fired, guest);
	if (__atomic_compare_exchange_n(&slot->expiry, &seen, EXITLESS_DISARMED, false, __ATOMIC_SEQ_CST,
					__ATOMIC_RELAXED)) {
		STORE(slot->fired, LOAD(slot->fired) + 1);
		signal_slot(scan, vm, i);
		count_fire(scan, vm, i, guest - since);
	}
	/* An exchange that failed has cost as much, and a guest can make all of them fail. */
	charge_signal(scan, vm, i, before);
	vm->last_active = scan->now;
	charge(scan, &vm->fires, scan->fire_gap);
}

struct visit {
	uint64_t earliest; /* expiry, of those not due; 0: some due one was left */
	unsigned int fires;
	bool counts; /* armings */
};

/* Slot @i holds @expiry, in the past. Returns false if the visit is to end before it. */
static bool fire_due(struct timer_scan *scan, struct scan_vm *vm, unsigned int i, uint64_t expiry, struct visit *visit)
{
	if (expiry == EXITLESS_DISARMED)
		return true;
	if (unlikely(vm->slot[i].not_before || vm->holds) && !unblock(scan, vm, i)) {
		visit->earliest = 0;
		return true;
	}
	if (visit->fires == SCAN_FIRES || scan->now < vm->not_before) {
		visit->earliest = 0;
		return false;
	}
	if (vm->fires.dry > scan->now + scan->fire_depth) {
		visit->earliest = 0;
		vm->not_before = vm->fires.dry - scan->fire_depth;
		vm->stats->limited++;
		return false;
	}
	visit->fires++;
	fire(scan, vm, i, expiry);
	return true;
}

/* ---- Kicks ---- */

static void kick_next_slot(struct timer_scan *scan, struct scan_vm *vm)
{
	unsigned int i = vm->kick_at;
	uint64_t before = scan->now;

	vm->kick_at = (i + 1) % vm->nr_slots;
	vm->kick_left--;
	kick_slot(scan, vm, i);
	charge_signal(scan, vm, i, before);
}

static void end_kick(struct timer_scan *scan, struct scan_vm *vm)
{
	vm->kick_left = 0;
	for (unsigned int i = 0; i < scan->n_kicking; i++)
		if (scan->kicking[i] == vm->index) {
			scan->kicking[i] = scan->kicking[--scan->n_kicking];
			return;
		}
}

/* QEMU can make a signal as long as it likes: its VM pays for it, and neighbours wait for what its limits allow. */
static void kick_slice(struct timer_scan *scan, struct scan_vm *vm)
{
	for (unsigned int n = 0; n < SCAN_FIRES && vm->kick_left && scan->now >= vm->not_before; n++)
		kick_next_slot(scan, vm);
	if (!vm->kick_left)
		end_kick(scan, vm);
}

void scan_kick(struct timer_scan *scan, struct scan_vm *vm)
{
	if (!vm->kick_left)
		scan->kicking[scan->n_kicking++] = (uint16_t)vm->index;
	/* One that is under way goes on, and around: each slot is signalled after this. */
	vm->kick_left = vm->nr_slots;
	kick_slice(scan, vm);
}

void scan_kick_next(struct timer_scan *scan)
{
	kick_slice(scan, &scan->vms[scan->kicking[scan->kick_turn++ % scan->n_kicking]]);
}

void scan_kick_last(struct timer_scan *scan, struct scan_vm *vm)
{
	uint64_t until = scan_tsc(scan) + scan->ms;

	end_kick(scan, vm);
	for (unsigned int i = 0; i < vm->nr_slots && scan_tsc(scan) < until; i++)
		kick_slot(scan, vm, i);
}

/* ---- Slots ---- */

/* The clocks have jumped against each other, or the map made no sense: another, please, and not too often. */
static void ask_for_map(struct timer_scan *scan, struct scan_vm *vm)
{
	if (scan->now < vm->next_jump)
		return;
	vm->next_jump = scan->now + 1000 * scan->ms;
	vm->stats->jumps++;
	STORE(vm->header->sync_wanted, ++vm->sync_wanted);
	scan_kick(scan, vm);
}

/* Slot @i seems to be armed in the map's future: by the clock as it is now too? */
static void check_jump(struct timer_scan *scan, struct scan_vm *vm, unsigned int i)
{
	uint64_t armed = LOAD(vm->slots[i].armed_tsc), slack = JUMP_SLACK_NS * vm->guest_khz / 1000000;

	meter(scan, vm);
	if (armed > scan_guest_time(scan, vm, scan->now) + slack)
		ask_for_map(scan, vm);
}

/* Reads slots [@i, @end), all by one look at the clock. Returns where it stopped. */
static unsigned int visit_chunk(struct timer_scan *scan, struct scan_vm *vm, unsigned int i, unsigned int end,
				struct visit *visit)
{
	uint64_t guest = scan_guest_time(scan, vm, scan->now), earliest = EXITLESS_DISARMED;
	unsigned int from = i;

	for (; i < end; i++) {
		uint64_t expiry = __atomic_load_n(&vm->slots[i].expiry, __ATOMIC_ACQUIRE);

		if (unlikely(expiry <= guest)) {
			/* What comes next looks at the clock. */
			scan->since += i + 1 - from;
			from = i + 1;
			if (!fire_due(scan, vm, i, expiry, visit))
				break;
			continue;
		}
		if (unlikely(LOAD(vm->slots[i].armed_tsc) > guest) && expiry != EXITLESS_DISARMED &&
		    scan->now >= vm->next_jump) {
			scan->since += i + 1 - from;
			from = i + 1;
			check_jump(scan, vm, i);
		}
		if (expiry < earliest)
			earliest = expiry;
	}
	if (earliest < visit->earliest)
		visit->earliest = earliest;
	if (from < i)
		scan->since += i - from;
	return i;
}

/* Visits slots [@i, @end) until its limits end it. Returns where. */
static unsigned int visit_range(struct timer_scan *scan, struct scan_vm *vm, unsigned int i, unsigned int end,
				struct visit *visit)
{
	while (i < end) {
		unsigned int chunk_end = end - i > SCAN_CHUNK ? i + SCAN_CHUNK : end, from = i;

		i = visit_chunk(scan, vm, i, chunk_end, visit);
		if (unlikely(visit->counts))
			scan_count_armings(vm, from, i);
		if (i < chunk_end)
			break;
		if (scan->since >= SCAN_CHUNK)
			meter(scan, vm);
		if (unlikely(scan->now < vm->not_before))
			break;
	}
	/* What was not read may be due. */
	if (unlikely(i < end))
		visit->earliest = 0;
	return i;
}

static void visit_slots(struct timer_scan *scan, struct scan_vm *vm)
{
	struct visit visit = { .earliest = EXITLESS_DISARMED, .counts = scan->counts };
	unsigned int from = vm->cursor, at;

	vm->cursor = 0;
	at = visit_range(scan, vm, from, vm->nr_slots, &visit);
	if (unlikely(at < vm->nr_slots)) {
		vm->cursor = at;
	} else if (unlikely(from)) {
		at = visit_range(scan, vm, 0, from, &visit);
		vm->cursor = at < from ? at : 0;
	}
	/* Most VMs, most of the time: something is due soon, or was not long ago. */
	if (unlikely(scan->now - vm->last_active >= scan->park))
		scan_rest(scan, vm, visit.earliest);
}

/* ---- The header ---- */

static void answer(struct timer_scan *scan, struct scan_vm *vm, uint32_t seq)
{
	struct exitless_header *header = vm->header;
	uint64_t tsc;

	/* Not before the question was seen. */
	_mm_lfence();
	tsc = scan_tsc(scan);
	STORE(header->sync_host_tsc, tsc + (uint64_t)scan->jumped);
	__atomic_store_n(&header->sync_ack, seq, __ATOMIC_RELEASE);
	vm->sync_seq = seq;
	vm->stats->syncs++;
	vm->last_active = scan->now;
	vm->fast_until = tsc + scan->question;
}

static void take_state(const struct timer_scan *scan, struct scan_vm *vm)
{
	uint32_t state = __atomic_load_n(&vm->header->guest_state, __ATOMIC_ACQUIRE);
	uint32_t version = LOAD(vm->header->guest_version);

	if (state == vm->guest_state && version == vm->guest_version)
		return;
	vm->guest_state = state;
	vm->guest_version = version;
	STORE(vm->stats->guest_state, state);
	STORE(vm->stats->guest_version, version);
	vm->runs = state == EXITLESS_GUEST_RUNS && version >> 16 == EXITLESS_VERSION_MAJOR;
	vm->cursor = 0;
	vm->last_active = scan->now;
	if (!vm->runs && state != EXITLESS_GUEST_NONE)
		vm->stats->refused++;
}

/* A map of the guest's, if it can be one. Until a whole one is read the one before holds. */
static void take_map(struct timer_scan *scan, struct scan_vm *vm)
{
	struct exitless_header *header = vm->header;
	uint32_t seq = __atomic_load_n(&header->map_seq, __ATOMIC_ACQUIRE);
	uint64_t host = LOAD(header->map_host), guest = LOAD(header->map_guest), mult = LOAD(header->map_mult);

	if (seq == vm->map_seq || seq & 1)
		return;
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	if (LOAD(header->map_seq) != seq)
		return;
	vm->map_seq = seq;
	vm->has_map = false;
	if (!seq)
		return;
	meter(scan, vm);
	if (mult < EXITLESS_MULT_MIN || mult > EXITLESS_MULT_MAX || host > scan->now + (uint64_t)scan->jumped) {
		vm->stats->refused++;
		ask_for_map(scan, vm);
		return;
	}
	vm->map_host = host;
	vm->map_guest = guest;
	vm->map_mult = mult;
	vm->guest_khz = (uint64_t)((unsigned __int128)scan->tsc_khz * mult >> EXITLESS_MULT_SHIFT);
	vm->guest_khz += !vm->guest_khz;
	vm->has_map = true;
}

static void read_header(struct timer_scan *scan, struct scan_vm *vm)
{
	uint32_t seq = __atomic_load_n(&vm->header->sync_seq, __ATOMIC_ACQUIRE);

	/* The guest's two, and the host's that is answered on. */
	scan->since += 3;
	take_state(scan, vm);
	/* Before the answer: a guest that has voided its map may rely on nothing firing by it from then on. */
	take_map(scan, vm);
	if (seq != vm->sync_seq)
		answer(scan, vm, seq);
}

/* Without a map nothing fires; but a guest that has armed something already will not ring for it. */
static void visit_unmapped(struct timer_scan *scan, struct scan_vm *vm)
{
	uint64_t earliest = EXITLESS_DISARMED;

	if (vm->runs && scan->now - vm->last_active < scan->park)
		return;
	for (unsigned int i = 0; vm->runs && earliest && i < vm->nr_slots; i++) {
		if (LOAD(vm->slots[i].expiry) != EXITLESS_DISARMED)
			earliest = 0;
		scan->since++;
		if (scan->since < SCAN_CHUNK)
			continue;
		meter(scan, vm);
		if (unlikely(scan->now < vm->not_before))
			return;
	}
	scan_rest(scan, vm, earliest);
}

/* How many slots from the first on need no closer look. */
static unsigned int quiet_slots(const struct timer_scan *scan, const struct scan_vm *vm)
{
	uint64_t guest = scan_guest_time(scan, vm, scan->now);
	unsigned int i = 0;

	while (i < vm->nr_slots && LOAD(vm->slots[i].expiry) > guest && LOAD(vm->slots[i].armed_tsc) <= guest)
		i++;
	return i;
}

/*
 * Most visits of small VMs, in short: where there are many such, it is these that all wait for. What is read here is
 * not used; a visit that finds something reads it itself.
 */
static bool is_quiet(struct timer_scan *scan, const struct scan_vm *vm)
{
	unsigned int n;

	if (vm->nr_slots > QUIET_SLOTS || scan->counts || scan->now - vm->last_active >= scan->park)
		return false;
	n = quiet_slots(scan, vm);
	/* With the one that was not: those are read again, and are the VM's then too. */
	scan->since += n < vm->nr_slots ? n + 1 : n;
	return n == vm->nr_slots;
}

static void visit(struct timer_scan *scan, struct scan_vm *vm)
{
	bool metered = scan->now < scan->metered;

	if (unlikely(scan->now < vm->not_before))
		return;
	/* Few lines of each VM: one look at the clock serves many. */
	scan->mixed = scan->since;
	if (scan->since >= SCAN_CHUNK || (unlikely(metered) && scan->since))
		meter(scan, vm);
	scan->since++; /* the header's */
	if (unlikely(scan_header_changed(vm)))
		read_header(scan, vm);
	if (unlikely(!vm->runs || !vm->has_map))
		visit_unmapped(scan, vm);
	else if (unlikely(!is_quiet(scan, vm)))
		visit_slots(scan, vm);
	if (unlikely(metered))
		meter(scan, vm);
}

void scan_visit_all(struct timer_scan *scan)
{
	scan->counts = scan->now >= scan->next_count;
	if (unlikely(scan->counts))
		scan->next_count = scan->now + scan->ms;
	/* From the end: a VM that leaves the list is replaced by its last. */
	for (unsigned int i = scan->n_active; i-- > 0;) {
		if (i) {
			const struct scan_vm *next = &scan->vms[scan->active[i - 1]];

			__builtin_prefetch(&next->header->guest_tsc_khz);
			__builtin_prefetch(next->slots);
		}
		visit(scan, &scan->vms[scan->active[i]]);
	}
	if (unlikely(++scan->passes % METER_PASSES == 0) && scan->since) {
		scan->mixed = true;
		meter(scan, NULL);
	}
}
