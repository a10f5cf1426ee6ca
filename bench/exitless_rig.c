// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "exitless_rig.h"

/* What no kick takes. */
#define KICK_PASSES 10000000
#define START	    "start the bench"

/* ---- CPUs ---- */

static int pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return sched_setaffinity(0, sizeof(set), &set);
}

/* The last two CPUs that this process may use: the first ones serve most interrupts. */
static int pick_cpus(struct rig *rig, struct isolat_error *err)
{
	static int agent_cpu = -1, guest_cpu = -1;
	cpu_set_t set;

	/* The first rig pins this thread: those after it find one CPU. */
	if (agent_cpu < 0) {
		if (sched_getaffinity(0, sizeof(set), &set))
			return isolat_fail(err, ISOLAT_FAILED, START, "", "sched_getaffinity: %s", strerror(errno));
		for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
			if (CPU_ISSET(cpu, &set)) {
				guest_cpu = agent_cpu;
				agent_cpu = cpu;
			}
		if (guest_cpu < 0) {
			agent_cpu = -1;
			return isolat_fail(err, ISOLAT_UNSUPPORTED, START, "",
					   "one CPU: agent and guest need one each");
		}
	}
	rig->agent_cpu = agent_cpu;
	rig->guest_cpu = guest_cpu;
	if (pin(guest_cpu))
		return isolat_fail(err, ISOLAT_FAILED, START, "", "sched_setaffinity: %s", strerror(errno));
	return 0;
}

/* ---- VMs ---- */

static int make_vm(struct rig *rig, struct rig_vm *vm, unsigned int slots, struct isolat_error *err)
{
	struct exitless_header *header;

	vm->doorbell = -1;
	if (timer_page_make(&vm->page, slots, 1, 1, rig->tsc_khz, err))
		return -1;
	vm->signals = calloc(slots, sizeof(*vm->signals));
	vm->seq = calloc(slots, sizeof(*vm->seq));
	if (!vm->signals || !vm->seq)
		return isolat_fail(err, ISOLAT_FAILED, START, "", "out of memory");
	for (unsigned int i = 0; i < slots; i++)
		vm->signals[i] = -1;
	for (unsigned int i = 0; i < slots; i++) {
		vm->signals[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (vm->signals[i] < 0)
			return isolat_fail(err, ISOLAT_FAILED, START, "", "eventfd: %s", strerror(errno));
	}
	vm->doorbell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (vm->doorbell < 0)
		return isolat_fail(err, ISOLAT_FAILED, START, "", "eventfd: %s", strerror(errno));
	/* Guest and host have one clock here: the map is known. */
	header = vm->page.header;
	header->guest_tsc_khz = rig->tsc_khz;
	header->guest_version = EXITLESS_VERSION(1, 1);
	header->map_host = header->map_guest = __rdtsc();
	header->map_mult = (uint64_t)1 << EXITLESS_MULT_SHIFT;
	header->map_seq = 2;
	header->guest_state = EXITLESS_GUEST_RUNS;
	return 0;
}

/* An eventfd a slot: more than a shell gives. */
static void allow_files(void)
{
	struct rlimit limit;

	if (!getrlimit(RLIMIT_NOFILE, &limit)) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static void free_vm(struct rig_vm *vm)
{
	for (unsigned int i = 0; vm->signals && i < vm->page.nr_slots; i++)
		if (vm->signals[i] >= 0)
			close(vm->signals[i]);
	free(vm->signals);
	free(vm->seq);
	if (vm->page.base && vm->doorbell >= 0)
		close(vm->doorbell);
	if (vm->page.base)
		timer_page_close(&vm->page);
}

/* ---- The agent ---- */

static void *run_agent(void *arg)
{
	struct rig *rig = arg;

	pin(rig->agent_cpu);
	prctl(PR_SET_TIMERSLACK, 1);
	/* As exitless-timerd's scanners run, where that is allowed. */
	setpriority(PRIO_PROCESS, 0, -20);
	while (!__atomic_load_n(&rig->stop, __ATOMIC_RELAXED)) {
		uint64_t until = timer_scan_pass(rig->scan);

		__atomic_store_n(&rig->passes, rig->passes + 1, __ATOMIC_RELAXED);
		if (until)
			timer_scan_sleep(rig->scan, until, -1);
	}
	return NULL;
}

/* The takeover signals all slots, some at once and the rest in the next passes. */
static void forget_kicks(struct timer_scan *scan, const struct rig_vm *vm)
{
	uint64_t count;

	for (unsigned int i = 0, passes = 0; i < vm->page.nr_slots; i++)
		while (read(vm->signals[i], &count, sizeof(count)) != sizeof(count) && passes++ < KICK_PASSES)
			timer_scan_pass(scan);
}

static int start_agent(struct rig *rig, const struct timer_scan_limits *limits, struct isolat_error *err)
{
	rig->stats = mmap(NULL, sizeof(*rig->stats), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (rig->stats == MAP_FAILED) {
		rig->stats = NULL;
		return isolat_fail(err, ISOLAT_FAILED, START, "", "mmap: %s", strerror(errno));
	}
	if (timer_scan_new(&rig->scan, limits, rig->tsc_khz, rig->stats, err))
		return -1;
	for (unsigned int i = 0; i < rig->n_vms; i++) {
		if (timer_scan_add(rig->scan, i, &rig->vms[i].page, rig->vms[i].signals, rig->vms[i].doorbell, 1, err))
			return -1;
		forget_kicks(rig->scan, &rig->vms[i]);
	}
	if (pthread_create(&rig->agent, NULL, run_agent, rig))
		return isolat_fail(err, ISOLAT_FAILED, START, "", "no thread");
	rig->agent_runs = true;
	return 0;
}

int rig_start(struct rig *rig, unsigned int n_vms, const unsigned int *slots, const struct timer_scan_limits *limits,
	      struct isolat_error *err)
{
	*rig = (struct rig){ .n_vms = n_vms };
	if (timer_host_tsc_khz(&rig->tsc_khz, err) || pick_cpus(rig, err))
		return -1;
	allow_files();
	rig->vms = calloc(n_vms, sizeof(*rig->vms));
	if (!rig->vms)
		return isolat_fail(err, ISOLAT_FAILED, START, "", "out of memory");
	for (unsigned int i = 0; i < n_vms; i++)
		if (make_vm(rig, &rig->vms[i], slots[i], err)) {
			rig_stop(rig);
			return -1;
		}
	if (start_agent(rig, limits, err)) {
		rig_stop(rig);
		return -1;
	}
	return 0;
}

void rig_stop(struct rig *rig)
{
	__atomic_store_n(&rig->stop, true, __ATOMIC_RELAXED);
	if (rig->agent_runs)
		pthread_join(rig->agent, NULL);
	timer_scan_free(rig->scan);
	for (unsigned int i = 0; i < rig->n_vms; i++)
		free_vm(&rig->vms[i]);
	if (rig->stats)
		munmap(rig->stats, sizeof(*rig->stats));
	free(rig->vms);
}
