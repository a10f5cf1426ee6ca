// SPDX-License-Identifier: BSD-3-Clause
#include "timer_vms.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "timer_server.h"
#include "timer_sockets.h"
#include "timer_supervise.h"

/* Vector 0 of the server, which is a peer of the device. */
#define DOORBELL ((uint32_t)TIMER_SERVER_PEER << 16)

#define KICK_US 1000
/* What telling one VM of a death may take, some us a slot; and how long all VMs may before other things are looked at.
 */
#define KICKS_NS 2000000
#define SLICE_MS 5

/* ---- The page of a connection ---- */

static int make_eventfd(void)
{
	return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

static int make_signals(struct timer_vm *vm)
{
	unsigned int n = vm->page.nr_slots;

	vm->signals = malloc(n * sizeof(*vm->signals));
	for (unsigned int i = 0; vm->signals && i < n; i++)
		vm->signals[i] = -1;
	for (unsigned int i = 0; vm->signals && i < n; i++) {
		vm->signals[i] = make_eventfd();
		if (vm->signals[i] < 0)
			return -1;
	}
	return vm->signals ? 0 : -1;
}

int timer_vm_make_page(struct timer_vm *vm, struct isolat_error *err)
{
	const struct timer_daemon *d = vm->daemon;
	bool doorbell = d->config->minor >= 1;

	if (timer_page_make(&vm->page, vm->config.slots, d->config->minor, doorbell ? DOORBELL : 0, d->scanner.tsc_khz,
			    err)) {
		vm->page.base = NULL;
		return -1;
	}
	/* A scanner that is started is sent what it needs. */
	madvise(vm->page.base, vm->page.size, MADV_DONTFORK);
	vm->to_kick = vm->page.nr_slots;
	vm->doorbell = doorbell ? make_eventfd() : -1;
	if ((doorbell && vm->doorbell < 0) || make_signals(vm)) {
		isolat_fail(err, ISOLAT_FAILED, "make eventfds for VM", vm->config.name, "%s", strerror(errno));
		timer_vm_end_page(vm);
		return -1;
	}
	return 0;
}

void timer_vm_end_page(struct timer_vm *vm)
{
	for (unsigned int i = 0; vm->signals && i < vm->page.nr_slots && vm->signals[i] >= 0; i++)
		close(vm->signals[i]);
	free(vm->signals);
	vm->signals = NULL;
	if (vm->doorbell >= 0)
		close(vm->doorbell);
	vm->doorbell = -1;
	if (vm->page.base)
		timer_page_close(&vm->page);
	vm->page.base = NULL;
}

void timer_vm_mark_dead(struct timer_vm *vm)
{
	if (!vm->page.base)
		return;
	__atomic_store_n(&vm->page.header->agent_state, EXITLESS_AGENT_DEAD, __ATOMIC_SEQ_CST);
	vm->to_kick = 0;
	vm->kick_ns = 0;
	vm->daemon->kicks = true;
}

static void on_alarm(int signal)
{
	(void)signal;
}

void timer_vms_catch_alarms(void)
{
	const struct sigaction alarm = { .sa_handler = on_alarm }; /* without SA_RESTART: it ends a write() */
	sigset_t set;

	sigaction(SIGALRM, &alarm, NULL);
	/* Whoever started this may have blocked it. */
	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

/* Of this process, so that one which is kept from its CPU blames nobody. */
static uint64_t cpu_ns(void)
{
	struct timespec cpu;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu);
	return (uint64_t)cpu.tv_sec * 1000000000 + (uint64_t)cpu.tv_nsec;
}

static void give_up(struct timer_vm *vm, const char *why)
{
	timer_log_limited(&vm->log, "VM %s: its eventfds are %s: %u of its %u slots are not told of a death",
			  vm->config.name, why, vm->page.nr_slots - vm->to_kick, vm->page.nr_slots);
	vm->to_kick = vm->page.nr_slots;
}

/*
 * The eventfds are the QEMU's too: it may have made them blocking, and filled them, or made each write long. An alarm
 * that comes again and again ends any write() that blocks, also where the first one came just before it; what blocks
 * once is not tried again, nor what takes too long in all.
 */
static void kick(struct timer_vm *vm, uint64_t until_ms)
{
	uint64_t from = cpu_ns();

	while (vm->to_kick < vm->page.nr_slots && timer_loop_now_ms() <= until_ms) {
		bool blocks = eventfd_write(vm->signals[vm->to_kick++], 1) && errno == EINTR;

		if (blocks || vm->kick_ns + cpu_ns() - from > KICKS_NS)
			give_up(vm, blocks ? "full" : "slow");
	}
	vm->kick_ns += cpu_ns() - from;
}

bool timer_vms_kick(struct timer_daemon *d)
{
	const struct itimerval alarm = { { .tv_usec = KICK_US }, { .tv_usec = KICK_US } }, off = { 0 };
	uint64_t until_ms = timer_loop_now_ms() + SLICE_MS;
	bool left = false;

	if (!d->kicks)
		return false;
	setitimer(ITIMER_REAL, &alarm, NULL);
	for (unsigned int i = 0; i < TIMER_MAX_VMS; i++) {
		struct timer_vm *vm = d->vms[i];

		if (!vm || !vm->page.base)
			continue;
		kick(vm, until_ms);
		left |= vm->to_kick < vm->page.nr_slots;
	}
	setitimer(ITIMER_REAL, &off, NULL);
	d->kicks = left;
	return left;
}

/* A scanner that cannot be told of its VMs is replaced by one that starts with the right ones. */
static void lost_touch(struct timer_vm *vm, const struct isolat_error *err)
{
	timer_log_error(err);
	timer_supervise_bury(vm->daemon, vm->scanner, "takes no more messages");
}

void timer_vm_serve(struct timer_vm *vm)
{
	struct isolat_error err;

	vm->served = true;
	if (vm->scanner->socket < 0)
		return; /* there is none now: the next one is sent all VMs */
	if (timer_scanner_add(vm->scanner, vm->index, &vm->page, vm->signals, vm->doorbell, &err))
		lost_touch(vm, &err);
}

void timer_vm_unserve(struct timer_vm *vm)
{
	struct isolat_error err;

	bool told = vm->served && vm->scanner->socket >= 0;

	vm->served = false;
	if (told && timer_scanner_remove(vm->scanner, vm->index, &err))
		lost_touch(vm, &err);
}

/* ---- The registry ---- */

struct timer_vm *timer_vms_find(const struct timer_daemon *d, const char *name)
{
	for (unsigned int i = 0; i < TIMER_MAX_VMS; i++) {
		if (d->vms[i] && !strcmp(d->vms[i]->config.name, name))
			return d->vms[i];
	}
	return NULL;
}

/* Of the scanners on @node, or of all if there is none, the one with the fewest VMs. */
static struct timer_scanner *choose_scanner(struct timer_daemon *d, int node)
{
	struct timer_scanner *best = NULL;
	bool best_near = false;

	for (unsigned int i = 0; i < d->n_scanners; i++) {
		struct timer_scanner *s = &d->scanners[i];
		bool near = node < 0 || s->node == node;

		if (!best || near > best_near || (near == best_near && s->n_vms < best->n_vms)) {
			best = s;
			best_near = near;
		}
	}
	if (!best_near)
		timer_log("no scanner is on node %d: %s serves its VM", node, timer_scanner_name(best).text);
	return best;
}

void timer_vms_look(struct timer_daemon *d)
{
	for (unsigned int i = 0; i < TIMER_MAX_VMS; i++) {
		if (d->vms[i])
			timer_server_look(d->vms[i]);
	}
}

int timer_vms_add(struct timer_daemon *d, const struct timer_vm_config *config, struct isolat_error *err)
{
	struct timer_vm *vm;
	unsigned int index;

	if (timer_vms_find(d, config->name))
		return isolat_fail(err, ISOLAT_USAGE, "add VM", config->name, "there is one of this name");
	for (index = 0; index < TIMER_MAX_VMS && d->vms[index]; index++)
		;
	if (index == TIMER_MAX_VMS)
		return isolat_fail(err, ISOLAT_FAILED, "add VM", config->name, "there are %d already", TIMER_MAX_VMS);
	vm = calloc(1, sizeof(*vm));
	if (!vm)
		return isolat_fail(err, ISOLAT_FAILED, "add VM", config->name, "out of memory");
	vm->config = *config;
	vm->daemon = d;
	vm->index = index;
	vm->doorbell = -1;
	if (timer_server_open(vm, err)) {
		free(vm);
		return -1;
	}
	vm->scanner = choose_scanner(d, config->node);
	vm->scanner->n_vms++;
	d->vms[index] = vm;
	timer_log("VM %s: %u slots, %s", config->name, config->slots, timer_scanner_name(vm->scanner).text);
	return 0;
}

void timer_vms_remove(struct timer_vm *vm)
{
	timer_vm_mark_dead(vm);
	while (timer_vms_kick(vm->daemon))
		;
	timer_server_close(vm);
	timer_log("VM %s: removed", vm->config.name);
	vm->scanner->n_vms--;
	vm->daemon->vms[vm->index] = NULL;
	timer_sockets_forget(vm->daemon);
	free(vm);
}
