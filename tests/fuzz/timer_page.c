// SPDX-License-Identifier: BSD-3-Clause
/*
 * libFuzzer on the timer's scanner: one to three guests that write what they like to their pages, between passes and,
 * from a second thread, while a pass runs. Beside them is one guest that does as it should.
 *
 * Whatever they do: no access outside the pages (they end where mappings end), each VM's eventfds hold what that VM's
 * slots fired and what kicks were made, a pass fires at most 32 times for each VM, a kick is asked for once a second at
 * most, made in slices, and reaches every slot, all figures stay those of slots that exist, and the good guest's timer
 * fires in each pass that finds it due.
 *
 * The input is a program of steps, a byte that says what and for whom, and what that takes from the bytes after it.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "timer_scan.h"

#define EXPECT(condition)                 \
	do {                              \
		if (!(condition))         \
			__builtin_trap(); \
	} while (0)

#define MS	   1000000ULL
#define MAX_BAD	   3
#define GOOD	   MAX_BAD
#define VMS	   (MAX_BAD + 1)
#define MAX_SLOTS  EXITLESS_MAX_SLOTS
#define MAX_FIRES  32
#define MAX_KICKS  32 /* of a slice */
#define MAX_PASSES 200
#define MAX_READS  10000 /* of slots, in all passes */

struct vm {
	struct timer_page page;
	int signals[MAX_SLOTS], doorbell;
	uint64_t signalled; /* read from its eventfds */
};

static struct timer_stats *stats;
static struct timer_scan *scan;
static struct vm vms[VMS];
static unsigned int n_bad;
static uint64_t now, begun, look; /* a look at the clock takes so long */
static unsigned int max_passes;
static bool ends_kicks; /* not with every input: it takes many passes */

struct input {
	const uint8_t *at, *end;
};

static unsigned int take(struct input *in)
{
	return in->at < in->end ? *in->at++ : 0;
}

static uint64_t take_word(struct input *in)
{
	uint64_t word = 0;

	for (int i = 0; i < 8; i++)
		word = word << 8 | take(in);
	return word;
}

/* Each look takes a little, as the real one does. */
static uint64_t read_clock(void *arg)
{
	return now += look;
}

/* ---- VMs ---- */

static uint64_t read_signals(struct vm *vm)
{
	uint64_t sum = 0, count;

	for (unsigned int i = 0; i < vm->page.nr_slots; i++)
		if (read(vm->signals[i], &count, sizeof(count)) == sizeof(count))
			sum += count;
	vm->signalled += sum;
	return sum;
}

static uint64_t fires_of(unsigned int index)
{
	uint64_t fires = 0;

	for (unsigned int i = 0; i < EXITLESS_MAX_SLOTS; i++) {
		uint64_t n = stats->vms[index].slots[i].fired;

		EXPECT(!n || i < vms[index].page.nr_slots);
		fires += n;
	}
	return fires;
}

static unsigned int add_vm(unsigned int index, unsigned int slots, bool rings)
{
	struct vm *vm = &vms[index];
	struct isolat_error err;

	EXPECT(!timer_page_make(&vm->page, slots, 1, 1, 1000000, &err));
	for (unsigned int i = 0; i < slots; i++)
		vm->signals[i] = eventfd(0, EFD_NONBLOCK);
	vm->doorbell = rings ? eventfd(0, EFD_NONBLOCK) : -1;
	vm->signalled = 0;
	EXPECT(!timer_scan_add(scan, index, &vm->page, vm->signals, vm->doorbell, 1, &err));
	EXPECT(read_signals(vm) == (slots < MAX_KICKS ? slots : MAX_KICKS));
	return slots;
}

static void remove_vm(unsigned int index)
{
	struct vm *vm = &vms[index];

	timer_scan_remove(scan, index);
	for (unsigned int i = 0; i < vm->page.nr_slots; i++)
		close(vm->signals[i]);
	if (vm->doorbell >= 0)
		close(vm->doorbell);
	timer_page_close(&vm->page);
}

static void begin(struct input *in)
{
	struct timer_scan_limits limits = timer_scan_defaults;
	struct exitless_header *header;
	struct isolat_error err;
	unsigned int first = take(in), slots = 0;

	if (!stats)
		stats = calloc(1, sizeof(*stats));
	EXPECT(stats);
	memset(&stats->beat, 0, offsetof(struct timer_stats, vms));
	now = begun = 1000000 * MS;
	/* Or longer than a chunk of lines may take free of charge. */
	look = first & 16 ? 4000 : 40;
	if (first & 4)
		limits.park_ns = 0;
	ends_kicks = first & 32;
	EXPECT(!timer_scan_new(&scan, &limits, 1000000, stats, &err));
	timer_scan_set_clock(scan, read_clock, NULL);
	n_bad = 1 + first % MAX_BAD;
	for (unsigned int i = 0; i < n_bad; i++)
		slots += add_vm(i, 1 + take(in) * (MAX_SLOTS - 1) / 255, first & 8);
	max_passes = MAX_READS / slots < MAX_PASSES ? MAX_READS / slots : MAX_PASSES;
	add_vm(GOOD, 1, true);
	header = vms[GOOD].page.header;
	header->map_host = header->map_guest = now;
	header->map_mult = (uint64_t)1 << EXITLESS_MULT_SHIFT;
	header->map_seq = 2;
	header->guest_version = EXITLESS_VERSION(1, 1);
	header->guest_state = EXITLESS_GUEST_RUNS;
}

/* ---- What a guest may write ---- */

/* Anywhere, by the bytes of the input. */
static void write_bytes(struct vm *vm, struct input *in)
{
	unsigned int at = take(in) << 8 | take(in), n = take(in);

	while (n--)
		((volatile uint8_t *)vm->page.base)[at++ % vm->page.size] = (uint8_t)take(in);
}

/* What an attacker would: all slots alike, and a header that lets them be read. */
static void write_slots(struct vm *vm, struct input *in)
{
	static const uint64_t offsets[] = { 0, 1, 1000, 100000, 2 * MS, UINT64_MAX / 2, UINT64_MAX - 1, UINT64_MAX };
	unsigned int what = take(in);
	uint64_t value = what & 64 ? take_word(in) : offsets[what % 8] + (what & 8 ? now : 0);

	for (unsigned int i = 0; i < vm->page.nr_slots; i++) {
		struct exitless_slot *slot = timer_page_slot(&vm->page, i);

		if (what & 16)
			__atomic_store_n(&slot->armed_tsc, value, __ATOMIC_RELAXED);
		else
			__atomic_store_n(&slot->expiry, value, __ATOMIC_RELAXED);
	}
}

static void write_header(struct vm *vm, struct input *in)
{
	struct exitless_header *header = vm->page.header;
	unsigned int what = take(in);

	header->guest_version = EXITLESS_VERSION(1, what & 1);
	header->guest_state = what & 2 ? EXITLESS_GUEST_NONE : EXITLESS_GUEST_RUNS;
	header->sync_seq += what >> 2 & 1;
	header->map_host = what & 8 ? take_word(in) : now;
	header->map_guest = what & 16 ? take_word(in) : now;
	header->map_mult = (uint64_t)1 << (what & 32 ? take(in) % 64 : EXITLESS_MULT_SHIFT);
	header->map_seq += 2;
}

/* ---- While a pass runs ---- */

static struct {
	pthread_t thread;
	bool runs, wanted;
	uint32_t random;
} flipper;

/* Bytes of all bad pages, any of them, as fast as it can. */
static void *flip(void *arg)
{
	uint32_t x = flipper.random | 1;

	while (__atomic_load_n(&flipper.runs, __ATOMIC_RELAXED))
		for (int i = 0; i < 64; i++) {
			struct vm *vm = &vms[i % (int)n_bad];

			x = x * 1664525 + 1013904223;
			/* Half of it where something is read. */
			((volatile uint8_t *)vm->page.base)[x & 1 << 30 ? 128 + x % 64 : x % vm->page.size] =
				(uint8_t)(x >> 16);
		}
	return NULL;
}

static void start_flipping(uint32_t random)
{
	if (flipper.runs)
		return;
	flipper.random = random;
	flipper.runs = true;
	EXPECT(!pthread_create(&flipper.thread, NULL, flip, NULL));
}

static void stop_flipping(void)
{
	if (!flipper.runs)
		return;
	__atomic_store_n(&flipper.runs, false, __ATOMIC_RELAXED);
	pthread_join(flipper.thread, NULL);
}

/* ---- Passes ---- */

static void check_vm(unsigned int index, uint64_t fires_before, uint64_t jumps_before)
{
	const struct timer_vm_stats *s = &stats->vms[index];
	uint64_t all_fires = fires_of(index), fires = all_fires - fires_before, kicks = s->jumps - jumps_before;
	uint64_t signals = read_signals(&vms[index]);

	EXPECT(fires <= MAX_FIRES);
	EXPECT(kicks <= 1);
	/* Of one that is under way, and of one that begins. */
	EXPECT(signals >= fires && signals - fires <= (1 + kicks) * MAX_KICKS);
	EXPECT(vms[index].signalled - all_fires <= (1 + s->jumps) * vms[index].page.nr_slots);
	EXPECT(s->jumps <= (now - begun) / (1000 * MS) + 1);
	EXPECT(!s->blocked && s->nr_slots == vms[index].page.nr_slots);
}

static void pass(void)
{
	struct exitless_slot *good = timer_page_slot(&vms[GOOD].page, 0);
	uint64_t fires[VMS], jumps[VMS], before, one = 1;

	now += 20000;
	before = now;
	for (unsigned int i = 0; i < VMS; i++) {
		fires[i] = fires_of(i);
		jumps[i] = stats->vms[i].jumps;
	}
	good->armed_tsc = good->expiry = now;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (good->expiry < vms[GOOD].page.header->agent_wake_tsc)
		EXPECT(write(vms[GOOD].doorbell, &one, sizeof(one)) == sizeof(one));
	timer_scan_pass(scan);
	for (unsigned int i = 0; i < n_bad; i++)
		check_vm(i, fires[i], jumps[i]);
	check_vm(GOOD, fires[GOOD], jumps[GOOD]);
	EXPECT(fires_of(GOOD) == fires[GOOD] + 1 && good->expiry == EXITLESS_DISARMED);
	EXPECT(!stats->vms[GOOD].limited && !stats->vms[GOOD].refused && !stats->vms[GOOD].jumps);
	/* Looks at the clock: some for each chunk, slot, fire and header, and no more. */
	EXPECT(now - before <= look * (64 + 4 * VMS * (MAX_SLOTS + MAX_FIRES)));
}

/* Every slot has had its signal since its VM came. */
static void end_kicks(void)
{
	for (unsigned int n = 0; n < 2 * VMS * MAX_SLOTS / MAX_KICKS; n++) {
		now += MS;
		timer_scan_pass(scan);
	}
	for (unsigned int i = 0; i < n_bad; i++) {
		read_signals(&vms[i]);
		EXPECT(vms[i].signalled >= fires_of(i) + vms[i].page.nr_slots);
	}
}

static void run_step(struct input *in, unsigned int *passes)
{
	unsigned int what = take(in);
	struct vm *vm = &vms[what / 8 % n_bad];
	const uint64_t one = 1;

	switch (what % 8) {
	case 0:
		write_bytes(vm, in);
		break;
	case 1:
		write_slots(vm, in);
		break;
	case 2:
		write_header(vm, in);
		break;
	case 3:
		if (vm->doorbell >= 0)
			EXPECT(write(vm->doorbell, &one, sizeof(one)) == sizeof(one));
		break;
	case 4:
		start_flipping((uint32_t)take_word(in));
		break;
	case 5:
		now += (uint64_t)take(in) * MS;
		timer_scan_sleep(scan, 0, -1);
		break;
	default:
		for (unsigned int n = 1 + what / 32; n && *passes < max_passes; n--, ++*passes)
			pass();
	}
}

/* An eventfd for each slot. */
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct rlimit limit;

	EXPECT(!getrlimit(RLIMIT_NOFILE, &limit));
	limit.rlim_cur = limit.rlim_max;
	EXPECT(!setrlimit(RLIMIT_NOFILE, &limit));
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, data + size };
	unsigned int passes = 0;

	begin(&in);
	while (in.at < in.end)
		run_step(&in, &passes);
	pass();
	stop_flipping();
	if (ends_kicks)
		end_kicks();
	timer_scan_announce_death(scan);
	for (unsigned int i = 0; i < n_bad; i++)
		remove_vm(i);
	remove_vm(GOOD);
	timer_scan_free(scan);
	return 0;
}
