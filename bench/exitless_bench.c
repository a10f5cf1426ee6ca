// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "exitless_bench.h"
#include "exitless_rig.h"

#define MEASURE "measure the exitless timer"

/* How far ahead a measured timer is armed: as far as it takes a reader to block. */
#define AHEAD_NS  20000
#define SPREAD_NS 40000
/* What is armed, but not for the time of a bench. */
#define FAR_NS 3600e9
/* Lost, if not there by then: longer than another process would keep the CPU. */
#define LOST_NS 10e9
#define LOST_S	20

#define HOSTILE_STEP 16

struct samples {
	double *ns;
	unsigned int n;
};

struct bench {
	const struct exitless_bench_config *config;
	struct exitless_bench_result *result;
	struct rig rig;
	uint64_t random;
	unsigned int hostile_at;
	struct samples arm, arm_1_0, detect, total, total_blocking, timerfd, timerfd_blocking, ring;
};

const char *exitless_hostile_name(enum exitless_hostile kind)
{
	static const char *const names[] = {
		[HOSTILE_NOT] = "quiet",
		[HOSTILE_PAST] = "past",
		[HOSTILE_REWRITE] = "rewrite",
		[HOSTILE_HEADER] = "header",
	};

	return names[kind];
}

unsigned int exitless_bench_max_slots(unsigned int vms)
{
	return vms * EXITLESS_MAX_SLOTS;
}

/* ---- Samples ---- */

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void keep(struct samples *s, double ns)
{
	s->ns[s->n++] = ns;
}

static struct exitless_quantiles quantiles(struct samples *s)
{
	struct exitless_quantiles q = { 0 };

	if (!s->n)
		return q;
	qsort(s->ns, s->n, sizeof(*s->ns), by_value);
	q.p50 = s->ns[s->n / 2];
	q.p99 = s->ns[(uint64_t)s->n * 99 / 100];
	q.p999 = s->ns[(uint64_t)s->n * 999 / 1000];
	q.max = s->ns[s->n - 1];
	return q;
}

static struct samples *each_samples(struct bench *b, unsigned int i)
{
	struct samples *all[] = { &b->arm,     &b->arm_1_0,	     &b->detect, &b->total, &b->total_blocking,
				  &b->timerfd, &b->timerfd_blocking, &b->ring };

	return i < sizeof(all) / sizeof(all[0]) ? all[i] : NULL;
}

static int make_samples(struct bench *b, struct isolat_error *err)
{
	struct samples *s;

	for (unsigned int i = 0; (s = each_samples(b, i)); i++) {
		/* Those of detect come from two readers. */
		s->ns = calloc(2 * (size_t)b->config->samples, sizeof(*s->ns));
		if (!s->ns)
			return isolat_fail(err, ISOLAT_FAILED, MEASURE, "", "out of memory");
	}
	return 0;
}

static void free_samples(struct bench *b)
{
	struct samples *s;

	for (unsigned int i = 0; (s = each_samples(b, i)); i++)
		free(s->ns);
}

/* ---- The guest ---- */

/* xorshift64: the same slots and deadlines in every run. */
static uint64_t draw(struct bench *b, uint64_t below)
{
	b->random ^= b->random << 13;
	b->random ^= b->random >> 7;
	b->random ^= b->random << 17;
	return b->random % below;
}

static void ring(struct rig_vm *vm)
{
	const uint64_t one = 1;

	write(vm->doorbell, &one, sizeof(one));
}

static void arm(struct rig_vm *vm, unsigned int n, uint64_t expiry)
{
	if (rig_arm(vm, timer_page_slot(&vm->page, n), &vm->seq[n], expiry))
		ring(vm);
}

static uint64_t far_from_now(const struct bench *b)
{
	return __rdtsc() + rig_cycles(&b->rig, FAR_NS);
}

static void spin_until(uint64_t tsc)
{
	while (__rdtsc() < tsc)
		_mm_pause();
}

static void arm_all(struct bench *b)
{
	for (unsigned int i = 0; i < b->rig.n_vms; i++)
		for (unsigned int n = 0; n < b->rig.vms[i].page.nr_slots; n++)
			arm(&b->rig.vms[i], n, far_from_now(b));
}

struct target {
	struct rig_vm *vm;
	struct exitless_slot *slot;
	unsigned int n;
	int fd;
};

/* Any slot of the VMs that are measured. */
static struct target pick(struct bench *b)
{
	struct rig_vm *vm = &b->rig.vms[draw(b, b->config->vms)];
	unsigned int n = (unsigned int)draw(b, vm->page.nr_slots);

	return (struct target){ vm, timer_page_slot(&vm->page, n), n, vm->signals[n] };
}

static uint64_t pick_deadline(struct bench *b)
{
	return __rdtsc() + rig_cycles(&b->rig, (double)(AHEAD_NS + draw(b, SPREAD_NS)));
}

/* ---- Readers ---- */

/* The TSC when @fd could be read; 0 if it is lost. */
static uint64_t read_spinning(struct bench *b, int fd)
{
	uint64_t end = __rdtsc() + rig_cycles(&b->rig, LOST_NS), count;

	while (read(fd, &count, sizeof(count)) != sizeof(count))
		if (__rdtsc() > end) {
			b->result->lost++;
			return 0;
		}
	return __rdtsc();
}

static uint64_t read_blocking(struct bench *b, int fd)
{
	uint64_t count, tsc;
	int flags = fcntl(fd, F_GETFL);

	fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
	/* An alarm ends it: see measure_timers(). */
	if (read(fd, &count, sizeof(count)) != sizeof(count)) {
		b->result->lost++;
		tsc = 0;
	} else {
		tsc = __rdtsc();
	}
	fcntl(fd, F_SETFL, flags);
	return tsc;
}

typedef uint64_t (*reader)(struct bench *b, int fd);

static void sample_exitless(struct bench *b, reader read_fd, struct samples *total)
{
	struct target t = pick(b);
	uint64_t deadline = pick_deadline(b), seen;

	arm(t.vm, t.n, deadline);
	seen = read_fd(b, t.fd);
	if (seen) {
		keep(total, rig_ns(&b->rig, seen - deadline));
		keep(&b->detect, rig_ns(&b->rig, t.slot->last_fired - deadline));
		b->result->early += t.slot->last_fired < deadline;
	}
	arm(t.vm, t.n, far_from_now(b));
}

/* The same deadline, told to the kernel in its own clock: the TSC is read on both sides of that clock. */
static void sample_timerfd(struct bench *b, int fd, reader read_fd, struct samples *total)
{
	uint64_t deadline = pick_deadline(b), before = __rdtsc(), after, seen, ns;
	struct itimerspec spec = { 0 };
	struct timespec now;
	int64_t ahead;

	clock_gettime(CLOCK_MONOTONIC, &now);
	after = __rdtsc();
	ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
	/* Whoever was preempted here has a deadline in the past. */
	ahead = (int64_t)(deadline - (before + (after - before) / 2));
	ns += (uint64_t)(ahead > 0 ? (int64_t)rig_ns(&b->rig, (uint64_t)ahead) : 0);
	spec.it_value.tv_sec = (time_t)(ns / 1000000000);
	spec.it_value.tv_nsec = (long)(ns % 1000000000);
	timerfd_settime(fd, TFD_TIMER_ABSTIME, &spec, NULL);
	seen = read_fd(b, fd);
	if (seen)
		keep(total, rig_ns(&b->rig, seen - deadline));
}

static void on_alarm(int signum)
{
}

static int measure_timers(struct bench *b, struct isolat_error *err)
{
	const struct sigaction action = { .sa_handler = on_alarm };
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);

	if (fd < 0)
		return isolat_fail(err, ISOLAT_FAILED, MEASURE, "", "timerfd_create: %s", strerror(errno));
	sigaction(SIGALRM, &action, NULL);
	for (unsigned int i = 0; i < b->config->samples; i++) {
		if (i % 100 == 0)
			alarm(LOST_S);
		sample_exitless(b, read_spinning, &b->total);
		sample_timerfd(b, fd, read_spinning, &b->timerfd);
		sample_exitless(b, read_blocking, &b->total_blocking);
		sample_timerfd(b, fd, read_blocking, &b->timerfd_blocking);
	}
	alarm(0);
	close(fd);
	return 0;
}

/* ---- Arming, scanning ---- */

/* What two looks at the clock take, with nothing between them: not a part of an arming. */
static uint64_t clock_cost(void)
{
	uint64_t least = UINT64_MAX;
	unsigned int aux;

	for (int i = 0; i < 1000; i++) {
		uint64_t from = __rdtscp(&aux), took = __rdtscp(&aux) - from;

		least = took < least ? took : least;
	}
	return least;
}

static double after(const struct bench *b, uint64_t from, uint64_t to, uint64_t cost)
{
	return to - from > cost ? rig_ns(&b->rig, to - from - cost) : 0;
}

/* Between two armings the scanner has read all lines again, as it would have between two timers of a guest. */
static void measure_arming(struct bench *b)
{
	uint64_t cost = clock_cost();

	for (unsigned int i = 0; i < b->config->samples; i++) {
		struct target t = pick(b), old = pick(b);
		uint64_t expiry = far_from_now(b), from, to;
		unsigned int aux;
		bool rings;

		spin_until(__rdtsc() + rig_cycles(&b->rig, 5000));
		from = __rdtscp(&aux);
		rings = rig_arm(t.vm, t.slot, &t.vm->seq[t.n], expiry);
		to = __rdtscp(&aux);
		if (rings)
			ring(t.vm);
		keep(&b->arm, after(b, from, to, cost));
		spin_until(__rdtsc() + rig_cycles(&b->rig, 5000));
		from = __rdtscp(&aux);
		rig_arm_1_0(old.slot, &old.vm->seq[old.n], expiry);
		to = __rdtscp(&aux);
		keep(&b->arm_1_0, after(b, from, to, cost));
	}
}

static void measure_scan(struct bench *b)
{
	uint64_t passes = __atomic_load_n(&b->rig.passes, __ATOMIC_RELAXED), from = __rdtsc();

	spin_until(from + rig_cycles(&b->rig, 50e6));
	passes = __atomic_load_n(&b->rig.passes, __ATOMIC_RELAXED) - passes;
	passes += !passes; /* another process had the CPU all the while */
	b->result->scan_ns_per_slot = rig_ns(&b->rig, __rdtsc() - from) / (double)passes / b->config->slots;
}

/* ---- Parked ---- */

static uint64_t agent_cpu_ns(const struct bench *b)
{
	return __atomic_load_n(&b->rig.stats->cpu_ns, __ATOMIC_RELAXED);
}

static void sleep_ms(unsigned int ms)
{
	const struct timespec ts = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L };

	nanosleep(&ts, NULL);
}

static void measure_idle(struct bench *b)
{
	uint64_t cpu, from;

	sleep_ms(50);
	cpu = agent_cpu_ns(b);
	from = __rdtsc();
	sleep_ms(1000);
	b->result->idle_cpu_pct = 100.0 * (double)(agent_cpu_ns(b) - cpu) / rig_ns(&b->rig, __rdtsc() - from);
}

/* A timer that is due when it is armed, the agent asleep: what the ring takes. */
static void measure_ring(struct bench *b)
{
	unsigned int n = b->config->samples < 300 ? b->config->samples : 300;

	for (unsigned int i = 0; i < n; i++) {
		struct target t = pick(b);
		uint64_t deadline, seen;

		spin_until(__rdtsc() + rig_cycles(&b->rig, 3e6));
		deadline = __rdtsc();
		arm(t.vm, t.n, deadline);
		seen = read_spinning(b, t.fd);
		if (seen)
			keep(&b->ring, rig_ns(&b->rig, seen - deadline));
	}
}

/* ---- The neighbour ---- */

static void hostile_step(struct bench *b)
{
	struct rig_vm *vm = &b->rig.vms[b->config->vms];
	struct exitless_header *header = vm->page.header;

	if (b->config->hostile == HOSTILE_HEADER) {
		header->map_seq += 2;
		__atomic_store_n(&header->sync_seq, header->sync_seq + 1, __ATOMIC_RELEASE);
		return;
	}
	for (unsigned int i = 0; i < HOSTILE_STEP && b->config->hostile != HOSTILE_NOT; i++) {
		struct exitless_slot *slot = timer_page_slot(&vm->page, b->hostile_at++ % vm->page.nr_slots);
		uint64_t expiry = b->config->hostile == HOSTILE_PAST ? 1 : EXITLESS_DISARMED - 1;

		__atomic_store_n(&slot->expiry, expiry, __ATOMIC_RELAXED);
	}
}

static void sample_beside_hostile(struct bench *b)
{
	struct target t = pick(b);
	uint64_t deadline = pick_deadline(b), end = deadline + rig_cycles(&b->rig, LOST_NS), count;

	arm(t.vm, t.n, deadline);
	while (__atomic_load_n(&t.slot->expiry, __ATOMIC_ACQUIRE) != EXITLESS_DISARMED) {
		hostile_step(b);
		if (__rdtsc() > end) {
			b->result->lost++;
			break;
		}
	}
	keep(&b->detect, rig_ns(&b->rig, t.slot->last_fired - deadline));
	b->result->early += t.slot->last_fired < deadline;
	while (read(t.fd, &count, sizeof(count)) != sizeof(count) && __rdtsc() < end)
		;
	arm(t.vm, t.n, far_from_now(b));
}

/* ---- All ---- */

static int start(struct bench *b, bool park, bool neighbour, struct isolat_error *err)
{
	struct timer_scan_limits limits = timer_scan_defaults;
	unsigned int slots[TIMER_MAX_VMS], n = b->config->vms;

	for (unsigned int i = 0; i < n; i++)
		slots[i] = b->config->slots / n + (i < b->config->slots % n);
	if (neighbour)
		slots[n++] = EXITLESS_MAX_SLOTS;
	if (!park)
		limits.park_ns = 0;
	return rig_start(&b->rig, n, slots, &limits, err);
}

/* All slots armed and read: what is far away is not parked. */
static int run_awake(struct bench *b, struct isolat_error *err)
{
	int rc;

	if (start(b, false, false, err))
		return -1;
	arm_all(b);
	measure_scan(b);
	measure_arming(b);
	rc = measure_timers(b, err);
	rig_stop(&b->rig);
	return rc;
}

static int run_parked(struct bench *b, struct isolat_error *err)
{
	if (start(b, true, false, err))
		return -1;
	measure_idle(b);
	measure_ring(b);
	rig_stop(&b->rig);
	return 0;
}

static int run_hostile(struct bench *b, struct isolat_error *err)
{
	if (start(b, false, true, err))
		return -1;
	arm_all(b);
	for (unsigned int i = 0; i < 2 * b->config->samples; i++)
		sample_beside_hostile(b);
	b->result->limited = b->rig.stats->vms[b->config->vms].limited;
	rig_stop(&b->rig);
	return 0;
}

static void report(struct bench *b)
{
	struct exitless_bench_result *r = b->result;

	r->arm = quantiles(&b->arm);
	r->arm_1_0 = quantiles(&b->arm_1_0);
	r->detect = quantiles(&b->detect);
	r->total = quantiles(&b->total);
	r->total_blocking = quantiles(&b->total_blocking);
	r->timerfd = quantiles(&b->timerfd);
	r->timerfd_blocking = quantiles(&b->timerfd_blocking);
	r->ring = quantiles(&b->ring);
}

int exitless_bench_run(const struct exitless_bench_config *config, struct exitless_bench_result *result, bool hostile,
		       struct isolat_error *err)
{
	struct bench b = { .config = config, .result = result, .random = 0x9e3779b97f4a7c15 };
	int rc = make_samples(&b, err);

	*result = (struct exitless_bench_result){ 0 };
	if (!rc)
		rc = hostile ? run_hostile(&b, err) : run_awake(&b, err) || run_parked(&b, err) ? -1 : 0;
	if (!rc)
		report(&b);
	free_samples(&b);
	return rc;
}
