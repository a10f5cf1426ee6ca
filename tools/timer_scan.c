// SPDX-License-Identifier: BSD-3-Clause
/* The scanner: VMs that come and go, passes, beats and sleep. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "timer_scan_impl.h"

#define MAKE_SCAN "make the timer scanner"
#define ADD_VM	  "take a VM into the timer scanner"

/* Beats: each tick some VMs, so that the scanner never stops for all of them: all in 1.6 ms. A tick that comes late,
 * after a long pass, beats for as many more. */
#define TICK_NS	 100000
#define TICK_VMS (TIMER_MAX_VMS / 16)
/* The longest sleep: a beat must not be later than EXITLESS_BEAT_MS. */
#define SLEEP_NS (EXITLESS_BEAT_MS * 800000)
/* How often the header of a VM without a driver is read. */
#define IDLE_NS 1000000
/* While something is parked: how often is asked who rang. */
#define DOORBELL_NS 5000
/* After a question for the time others follow: so long the page is visited, driver or not. */
#define QUESTION_NS 20000000
/* An eventfd that does not take signals is left alone for so long. */
#define BLOCKED_NS 10000000
/* What a fire, and a line, are charged at most: the rest was not the VM's doing. */
#define FIRE_MOST_NS 50000
#define LINE_MOST_NS 200
/*
 * What lines that nobody writes cost at most: so many times what they cost where nobody can, and where that is very
 * little, as from L2. A line that its guest has written costs 50 to 100 ns: an honest VM has a few such in a visit,
 * which the others' room covers. Where there are so many VMs that lines come from the last level of cache, and cost
 * more, none of them has a share worth limiting.
 */
#define LINE_FREE     3
#define LINE_LEAST_NS 3
#define OWN_PASSES    64
/* Under a test's clock. */
#define TEST_LINE_FREE_NS 8
/* What a visit costs besides, and a look at the clock, at most. */
#define VISIT_FREE_NS 30

const struct timer_scan_limits timer_scan_defaults = {
	.park_ns = 1000000,
	.early_ns = 100000,
	.fire_hz = 200000,
	.fire_burst = 1000,
	.share_permille = 250,
	.bucket_us = 1000,
};

/* ---- Its life ---- */

static void set_limits(struct timer_scan *scan, const struct timer_scan_limits *limits)
{
	/* Never is a time that does not come. */
	scan->park = limits->park_ns ? scan_cycles(scan, limits->park_ns) : EXITLESS_NEVER;
	scan->early = scan_cycles(scan, limits->early_ns);
	scan->fire_gap = scan_cycles(scan, 1000000000) / limits->fire_hz;
	scan->fire_depth = (limits->fire_burst - 1) * scan->fire_gap;
	scan->time_depth = scan_cycles(scan, (uint64_t)limits->bucket_us * 1000);
	scan->share_permille = limits->share_permille;
	scan->tick = scan_cycles(scan, TICK_NS);
	scan->doorbell_gap = scan_cycles(scan, DOORBELL_NS);
	scan->question = scan_cycles(scan, QUESTION_NS);
	scan->blocked = scan_cycles(scan, BLOCKED_NS);
	scan->ms = scan_cycles(scan, 1000000);
	scan->visit_free = scan_cycles(scan, VISIT_FREE_NS);
	scan->line_most = scan_cycles(scan, LINE_MOST_NS);
	scan->fire_most = scan_cycles(scan, FIRE_MOST_NS);
}

/* What reading the lines of the largest VM costs, each, in the best of some passes. 0: no memory. */
static uint64_t read_own_lines(void)
{
	size_t size = EXITLESS_MAX_SLOTS * sizeof(struct exitless_slot);
	struct exitless_slot *slots = aligned_alloc(EXITLESS_LINE, size);
	uint64_t best = UINT64_MAX;
	unsigned int due = 0;

	if (!slots)
		return 0;
	memset(slots, 0xff, size);
	for (unsigned int pass = 0; pass < OWN_PASSES && !due; pass++) {
		uint64_t from = __rdtsc(), took;

		for (unsigned int i = 0; i < EXITLESS_MAX_SLOTS; i++)
			due += LOAD(slots[i].expiry) <= from || LOAD(slots[i].armed_tsc) <= from;
		took = __rdtsc() - from;
		best = took < best ? took : best;
	}
	free(slots);
	return best / EXITLESS_MAX_SLOTS + 1;
}

int timer_scan_new(struct timer_scan **scan_out, const struct timer_scan_limits *limits, uint64_t tsc_khz,
		   struct timer_stats *stats, struct isolat_error *err)
{
	struct timer_scan *scan;

	if (!limits->fire_hz || !limits->fire_burst || !limits->share_permille || limits->share_permille > 1000 ||
	    !limits->bucket_us || !tsc_khz)
		return isolat_fail(err, ISOLAT_USAGE, MAKE_SCAN, "", "a limit is out of its range");
	scan = aligned_alloc(EXITLESS_LINE, sizeof(*scan));
	if (!scan)
		return isolat_fail(err, ISOLAT_FAILED, MAKE_SCAN, "", "out of memory");
	memset(scan, 0, sizeof(*scan));
	scan->stats = stats;
	scan->tsc_khz = tsc_khz;
	scan->next_wake = EXITLESS_NEVER;
	set_limits(scan, limits);
	scan->line_free = LINE_FREE * read_own_lines();
	if (scan->line_free < scan_cycles(scan, LINE_LEAST_NS))
		scan->line_free = scan_cycles(scan, LINE_LEAST_NS);
	scan->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (scan->epoll < 0) {
		free(scan);
		return isolat_fail(err, ISOLAT_FAILED, MAKE_SCAN, "", "epoll_create1: %s", strerror(errno));
	}
	scan->now = __rdtsc();
	STORE(stats->tsc_khz, tsc_khz);
	STORE(stats->pid, (uint32_t)getpid());
	*scan_out = scan;
	return 0;
}

void timer_scan_free(struct timer_scan *scan)
{
	if (!scan)
		return;
	for (unsigned int i = 0; i < TIMER_MAX_VMS; i++)
		free(scan->vms[i].slot);
	close(scan->epoll);
	free(scan);
}

void timer_scan_set_clock(struct timer_scan *scan, uint64_t (*clock)(void *arg), void *arg)
{
	scan->clock = clock;
	scan->clock_arg = arg;
	/* By that clock. */
	scan->line_free = scan_cycles(scan, TEST_LINE_FREE_NS);
	scan->now = scan_tsc(scan);
}

void timer_scan_jump(struct timer_scan *scan, int64_t cycles)
{
	scan->jumped += cycles;
	/* Times to wake at were made with the clock before. */
	scan->next_wake = 0;
	for (unsigned int i = 0; i < TIMER_MAX_VMS; i++)
		scan->vms[i].wake = 0;
}

/* ---- Who is visited ---- */

void scan_activate(struct timer_scan *scan, struct scan_vm *vm)
{
	if (vm->state == SCAN_ACTIVE)
		return;
	if (vm->state == SCAN_IDLE)
		scan->n_idle--;
	if (vm->state == SCAN_PARKED) {
		STORE(vm->header->agent_wake_tsc, EXITLESS_AWAKE);
		STORE(vm->stats->is_parked, 0);
	}
	vm->state = SCAN_ACTIVE;
	scan->active[scan->n_active++] = (uint16_t)vm->index;
}

static void drop_active(struct timer_scan *scan, const struct scan_vm *vm)
{
	for (unsigned int i = 0; i < scan->n_active; i++)
		if (scan->active[i] == vm->index) {
			scan->active[i] = scan->active[--scan->n_active];
			return;
		}
}

void scan_deactivate(struct timer_scan *scan, struct scan_vm *vm, enum scan_state state)
{
	if (vm->state == SCAN_ACTIVE)
		drop_active(scan, vm);
	vm->state = state;
	scan->n_idle += state == SCAN_IDLE;
}

/* ---- VMs ---- */

static void take_over(struct timer_scan *scan, struct scan_vm *vm, uint32_t generation)
{
	struct exitless_header *header = vm->header;

	/* What the guest may have made of the host's own lines only matters to the guest. */
	vm->sync_seq = LOAD(header->sync_ack);
	vm->sync_wanted = LOAD(header->sync_wanted);
	vm->heartbeat = LOAD(header->heartbeat) + 1;
	STORE(header->heartbeat, vm->heartbeat);
	STORE(header->generation, generation);
	STORE(header->agent_wake_tsc, EXITLESS_AWAKE);
	__atomic_store_n(&header->agent_state, EXITLESS_AGENT_RUNS, __ATOMIC_SEQ_CST);
	/* What came before was not a gap in the watch, nor is it the VM's. */
	scan->now = vm->last_active = scan_tsc(scan);
	scan->since = 0;
	scan_kick(scan, vm);
}

static int watch_doorbell(struct timer_scan *scan, const struct scan_vm *vm, struct isolat_error *err)
{
	/* By edge: nobody has to read the counter. */
	struct epoll_event event = { .events = EPOLLIN | EPOLLET, .data.u32 = vm->index };

	if (vm->doorbell < 0 || !epoll_ctl(scan->epoll, EPOLL_CTL_ADD, vm->doorbell, &event))
		return 0;
	return isolat_fail(err, ISOLAT_FAILED, ADD_VM, "", "watch its doorbell: %s", strerror(errno));
}

int timer_scan_add(struct timer_scan *scan, unsigned int index, const struct timer_page *page, const int *signals,
		   int doorbell, uint32_t generation, struct isolat_error *err)
{
	struct scan_vm *vm;

	if (index >= TIMER_MAX_VMS || scan->vms[index].state != SCAN_UNUSED)
		return isolat_fail(err, ISOLAT_USAGE, ADD_VM, "", "number %u is not free", index);
	vm = &scan->vms[index];
	*vm = (struct scan_vm){
		.header = page->header,
		.slots = timer_page_slot(page, 0),
		.nr_slots = page->nr_slots,
		.index = index,
		.doorbell = doorbell,
		.stats = &scan->stats->vms[index],
	};
	vm->slot = calloc(page->nr_slots, sizeof(*vm->slot));
	if (!vm->slot)
		return isolat_fail(err, ISOLAT_FAILED, ADD_VM, "", "out of memory");
	for (unsigned int i = 0; i < page->nr_slots; i++) {
		vm->slot[i].fd = signals[i];
		/* What is armed already is the first arming that is seen. */
		vm->slot[i].seq = LOAD(vm->slots[i].seq) - (LOAD(vm->slots[i].expiry) != EXITLESS_DISARMED);
	}
	if (watch_doorbell(scan, vm, err)) {
		free(vm->slot);
		vm->slot = NULL;
		return -1;
	}
	memset(vm->stats, 0, sizeof(*vm->stats));
	STORE(vm->stats->nr_slots, page->nr_slots);
	scan->n_used++;
	scan_activate(scan, vm);
	take_over(scan, vm, generation);
	return 0;
}

void timer_scan_remove(struct timer_scan *scan, unsigned int index)
{
	struct scan_vm *vm = &scan->vms[index];

	if (index >= TIMER_MAX_VMS || vm->state == SCAN_UNUSED)
		return;
	/* The takeover may have come after its daemon's mark, if that came while the VM was on its way here. */
	__atomic_store_n(&vm->header->agent_state, EXITLESS_AGENT_DEAD, __ATOMIC_SEQ_CST);
	scan_kick_last(scan, vm);
	scan_activate(scan, vm);
	scan_deactivate(scan, vm, SCAN_UNUSED);
	if (vm->doorbell >= 0)
		epoll_ctl(scan->epoll, EPOLL_CTL_DEL, vm->doorbell, NULL);
	free(vm->slot);
	vm->slot = NULL;
	scan->n_used--;
}

void timer_scan_announce_death(struct timer_scan *scan)
{
	for (unsigned int i = 0; i < TIMER_MAX_VMS; i++) {
		struct scan_vm *vm = &scan->vms[i];

		if (vm->state == SCAN_UNUSED)
			continue;
		__atomic_store_n(&vm->header->agent_state, EXITLESS_AGENT_DEAD, __ATOMIC_SEQ_CST);
		scan_kick_all(scan, vm);
	}
}

/* ---- Beats ---- */

static void beat_vm(struct timer_scan *scan, struct scan_vm *vm)
{
	if (vm->state == SCAN_UNUSED)
		return;
	STORE(vm->header->heartbeat, ++vm->heartbeat);
	/* It rings, if it does what it says; another kernel may have booted that does not. */
	if (vm->state != SCAN_ACTIVE && scan_header_changed(vm)) {
		vm->last_active = scan->now;
		scan_activate(scan, vm);
	}
}

uint64_t scan_away(struct timer_scan *scan)
{
	uint64_t passed = scan->now - scan->cpu_at, before = scan->cpu_ns, ran;
	long waits = scan->waits;
	struct rusage usage;
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	getrusage(RUSAGE_THREAD, &usage);
	scan->cpu_ns = (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
	scan->cpu_at = scan->now;
	scan->waits = usage.ru_nvcsw;
	STORE(scan->stats->cpu_ns, scan->cpu_ns);
	/* It was not kept from its CPU, but gave it away, in a write that had to wait. */
	if (scan->waits != waits)
		return 0;
	ran = scan_cycles(scan, scan->cpu_ns - before);
	return passed > ran ? passed - ran : 0;
}

static void beat(struct timer_scan *scan)
{
	struct timer_stats *stats = scan->stats;

	__atomic_store_n(&stats->beat, scan->now, __ATOMIC_RELEASE);
	STORE(stats->gap_max, scan->gap_max * 1000000 / scan->tsc_khz);
	if (scan->now < scan->next_cpu)
		return;
	scan->next_cpu = scan->now + scan->ms;
	scan_away(scan);
}

static void tick(struct timer_scan *scan)
{
	uint64_t n = (1 + (scan->now - scan->next_tick) / scan->tick) * TICK_VMS;

	scan->next_tick = scan->now + scan->tick;
	beat(scan);
	if (n > TIMER_MAX_VMS)
		n = TIMER_MAX_VMS;
	for (; n; n--) {
		beat_vm(scan, &scan->vms[scan->tick_at]);
		scan->tick_at = (scan->tick_at + 1) % TIMER_MAX_VMS;
	}
}

uint64_t scan_look(struct timer_scan *scan)
{
	uint64_t now = scan_tsc(scan), gap = now - scan->now;

	/*
	 * TSCs of two CPUs may differ by some cycles; a scanner is moved once, to its own. Where the TSC has begun
	 * anew, after a suspend, this clock stands, and with it the beat: the next scanner begins with the new time.
	 */
	if (unlikely((int64_t)gap < 0))
		gap = 0;
	if (unlikely(gap > scan->gap_max))
		scan->gap_max = gap;
	if (unlikely(gap > scan->ms))
		STORE(scan->stats->gaps, scan->stats->gaps + 1);
	scan->since = 0;
	scan->now += gap;
	return gap;
}

/* ---- Passes ---- */

static void take_doorbells(struct timer_scan *scan)
{
	struct epoll_event events[64];
	int n = epoll_wait(scan->epoll, events, 64, 0);

	for (int i = 0; i < n; i++) {
		struct scan_vm *vm = &scan->vms[events[i].data.u32];

		STORE(vm->stats->rung, vm->stats->rung + 1);
		vm->last_active = scan->now;
		scan_activate(scan, vm);
	}
	scan->next_doorbell = scan->now + scan->doorbell_gap;
}

static bool is_due(const struct timer_scan *scan)
{
	return scan->now >= scan->next_tick || scan->now >= scan->next_wake ||
	       (scan->n_active < scan->n_used && scan->now >= scan->next_doorbell);
}

/* What is to be done between passes, at its time. */
static void keep_house(struct timer_scan *scan)
{
	if (scan->now >= scan->next_tick)
		tick(scan);
	if (scan->n_active < scan->n_used && scan->now >= scan->next_doorbell)
		take_doorbells(scan);
	if (scan->now >= scan->next_wake)
		scan_wake(scan);
	/* What that took is no VM's doing. */
	scan_look(scan);
}

uint64_t timer_scan_pass(struct timer_scan *scan)
{
	uint64_t idle;

	scan_look(scan);
	if (unlikely(is_due(scan)))
		keep_house(scan);
	if (unlikely(scan->n_kicking))
		scan_kick_next(scan);
	scan_visit_all(scan);
	if (likely(scan->n_active || scan->n_kicking))
		return 0;
	idle = scan->n_idle ? scan->now + scan_cycles(scan, IDLE_NS) : EXITLESS_NEVER;
	return idle < scan->next_wake ? idle : scan->next_wake;
}

void timer_scan_sleep(struct timer_scan *scan, uint64_t until, int other_fd)
{
	struct pollfd fds[] = { { .fd = scan->epoll, .events = POLLIN }, { .fd = other_fd, .events = POLLIN } };
	uint64_t now = __rdtsc(), ns = SLEEP_NS;
	struct timespec timeout = { 0 };
	int64_t slept;

	if (until <= now)
		ns = 0;
	else if ((until - now) / scan->tsc_khz < SLEEP_NS / 1000000)
		ns = (until - now) * 1000000 / scan->tsc_khz;
	timeout.tv_nsec = (long)ns;
	STORE(scan->stats->sleeps, scan->stats->sleeps + 1);
	ppoll(fds, 2, &timeout, NULL);
	/* It was meant to look away, and to wait. */
	slept = (int64_t)(scan_tsc(scan) - scan->now);
	scan->now += slept > 0 ? (uint64_t)slept : 0;
	scan->since = 0;
	scan->next_doorbell = scan->next_cpu = 0;
	beat(scan);
	for (unsigned int i = 0; i < TIMER_MAX_VMS; i++)
		beat_vm(scan, &scan->vms[i]);
}
