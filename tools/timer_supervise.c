// SPDX-License-Identifier: BSD-3-Clause
#include "timer_supervise.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "timer_log.h"
#include "timer_vms.h"

/* In one write() for longer than this: its eventfd blocks. */
#define SIGNAL_STUCK_MS 10
/* A process begins to beat when it has its memory: it is not stopped before that. */
#define START_MS 2000
/* Deaths sooner than this after a start, from the fourth on, are waited after: twice as long each, up to the last. */
#define QUICK_MS	1000
#define QUICK_FREE	3
#define FIRST_WAIT_MS	20
#define LONGEST_WAIT_MS 2000
#define END_MS		200
#define CPU_WINDOW_MS	1000

static void log_scanner(const struct timer_scanner *s, pid_t pid, const char *what)
{
	timer_log("%s, process %d: %s, generation %u", timer_scanner_name(s).text, pid, what, s->generation);
}

/* ---- Starts ---- */

static unsigned int wait_before_next(const struct timer_scanner *s)
{
	unsigned int ms = FIRST_WAIT_MS;

	if (s->quick_deaths <= QUICK_FREE)
		return 0;
	for (unsigned int i = QUICK_FREE + 1; i < s->quick_deaths && ms < LONGEST_WAIT_MS; i++)
		ms *= 2;
	return ms < LONGEST_WAIT_MS ? ms : LONGEST_WAIT_MS;
}

static void send_vms(struct timer_daemon *d, struct timer_scanner *s)
{
	for (unsigned int i = 0; i < TIMER_MAX_VMS; i++) {
		if (d->vms[i] && d->vms[i]->scanner == s && d->vms[i]->served)
			timer_vm_serve(d->vms[i]);
	}
}

void timer_supervise_start(struct timer_daemon *d, struct timer_scanner *s)
{
	uint64_t now = timer_loop_now_ms();
	struct isolat_error err;

	if (timer_scanner_start(s, &d->scanner, &err)) {
		timer_log_error(&err);
		s->quick_deaths++;
		s->start_at_ms = now + wait_before_next(s);
		return;
	}
	s->started_ms = s->beat_ms = s->cpu_ms = now;
	s->beat = 0;
	s->cpu_ns = 0;
	s->cpu_pct = 0;
	s->forgiven = s->killed = false;
	log_scanner(s, s->pid, "started");
	send_vms(d, s);
}

/* ---- Ends ---- */

/* All pages are marked before the first signal; signals that take longer go on in the daemon's loop. */
static void announce_death(struct timer_daemon *d, const struct timer_scanner *s)
{
	for (unsigned int i = 0; i < TIMER_MAX_VMS; i++) {
		if (d->vms[i] && d->vms[i]->scanner == s)
			timer_vm_mark_dead(d->vms[i]);
	}
	timer_vms_kick(d);
}

static void take_leave(struct timer_daemon *d, struct timer_scanner *s, const char *why)
{
	s->killed = true;
	announce_death(d, s);
	log_scanner(s, s->pid, why);
	timer_scanner_hang_up(s);
}

void timer_supervise_bury(struct timer_daemon *d, struct timer_scanner *s, const char *why)
{
	if (s->killed)
		return;
	kill(s->pid, SIGKILL);
	take_leave(d, s, why);
}

static void describe_end(int status, char text[64])
{
	if (WIFSIGNALED(status))
		snprintf(text, 64, "was killed by signal %d", WTERMSIG(status));
	else
		snprintf(text, 64, "ended with status %d", WEXITSTATUS(status));
}

static void reaped(struct timer_daemon *d, struct timer_scanner *s, int status)
{
	uint64_t now = timer_loop_now_ms();
	char text[64];

	describe_end(status, text);
	/* One that stood still may have stored its "runs" after the mark of its death: now it stores nothing more. */
	if (s->killed)
		announce_death(d, s);
	else
		take_leave(d, s, text);
	s->pid = -1;
	s->restarts++;
	s->quick_deaths = now - s->started_ms < QUICK_MS ? s->quick_deaths + 1 : 0;
	s->start_at_ms = now + wait_before_next(s);
	if (s->start_at_ms != now)
		timer_log("%s dies too often: the next one starts in %u ms", timer_scanner_name(s).text,
			  wait_before_next(s));
}

void timer_supervise_reap(struct timer_daemon *d)
{
	for (unsigned int i = 0; i < d->n_scanners; i++) {
		struct timer_scanner *s = &d->scanners[i];
		int status;

		if (s->pid > 0 && waitpid(s->pid, &status, WNOHANG) == s->pid)
			reaped(d, s, status);
		if (s->pid < 0 && !d->ending && timer_loop_now_ms() >= s->start_at_ms)
			timer_supervise_start(d, s);
	}
}

void timer_supervise_restart(struct timer_daemon *d, struct timer_scanner *s, const char *why)
{
	if (s->pid < 0 || s->killed)
		return;
	s->started_ms = 0; /* it was not a death of its own */
	timer_supervise_bury(d, s, why);
}

/* ---- Looks ---- */

/* One whose eventfd takes no more, because its QEMU has made it blocking, gets the scanner out of that write(). */
static void look_at_signal(struct timer_daemon *d, struct timer_scanner *s, uint64_t still_ms)
{
	uint32_t in_signal = __atomic_load_n(&s->stats->in_signal, __ATOMIC_RELAXED);
	struct timer_vm *vm;

	if (!in_signal || in_signal > TIMER_MAX_VMS || still_ms < SIGNAL_STUCK_MS)
		return;
	kill(s->pid, SIGUSR1);
	vm = d->vms[in_signal - 1];
	if (vm)
		timer_log_limited(&vm->log, "VM %s: one of its eventfds may have held its scanner up for %u ms",
				  vm->config.name, (unsigned int)still_ms);
}

/* Whether @s has worked for most of the time since its last beat, and was not just kept from its CPU. */
static bool has_worked(const struct timer_scanner *s, uint64_t still_ms)
{
	uint64_t before = __atomic_load_n(&s->stats->cpu_ns, __ATOMIC_RELAXED);
	struct timespec cpu;
	clockid_t clock;

	if (clock_getcpuclockid(s->pid, &clock) || clock_gettime(clock, &cpu))
		return false;
	return (uint64_t)cpu.tv_sec * 1000000000 + (uint64_t)cpu.tv_nsec > before + still_ms * 500000;
}

/*
 * A scanner that works all the while, and stands still in a VM's signal: QEMU can make that write as long as it likes.
 * Once may be chance, a VM that does it again is served no more.
 */
static void blame(struct timer_daemon *d, const struct timer_scanner *s, uint64_t still_ms)
{
	uint32_t in_signal = __atomic_load_n(&s->stats->in_signal, __ATOMIC_RELAXED);
	struct timer_vm *vm = in_signal && in_signal <= TIMER_MAX_VMS ? d->vms[in_signal - 1] : NULL;

	if (!vm || !vm->served || !has_worked(s, still_ms) || ++vm->killed_scanners < 2)
		return;
	timer_log_limited(&vm->log, "VM %s: disconnected: its eventfds have stopped its scanner for good, %u times",
			  vm->config.name, vm->killed_scanners);
	timer_vm_unserve(vm);
	shutdown(vm->client.fd, SHUT_RDWR);
}

static void look_at_cpu(struct timer_scanner *s, uint64_t now)
{
	uint64_t cpu_ns = __atomic_load_n(&s->stats->cpu_ns, __ATOMIC_RELAXED);

	if (now - s->cpu_ms < CPU_WINDOW_MS)
		return;
	s->cpu_pct = (double)(cpu_ns - s->cpu_ns) / ((double)(now - s->cpu_ms) * 10000);
	s->cpu_ns = cpu_ns;
	s->cpu_ms = now;
}

static void look_at(struct timer_daemon *d, struct timer_scanner *s, uint64_t now)
{
	uint64_t beat = __atomic_load_n(&s->stats->beat, __ATOMIC_RELAXED);

	if (beat != s->beat) {
		s->beat = beat;
		s->beat_ms = now;
		s->forgiven = false;
	}
	look_at_cpu(s, now);
	look_at_signal(d, s, now - s->beat_ms);
	if (now - s->beat_ms > (beat ? d->config->dead_ms : START_MS + d->config->dead_ms)) {
		blame(d, s, now - s->beat_ms);
		timer_supervise_bury(d, s, "stands still");
	}
}

void timer_supervise_look(struct timer_daemon *d)
{
	uint64_t now = timer_loop_now_ms();
	/*
	 * Where this process was stopped too, all of the host may have been: that says nothing of a scanner. But one
	 * that has not beaten since is stopped by itself, however late this process is again.
	 */
	bool late = now - d->looked_ms > 3 * TIMER_LOOK_MS;

	if (now - d->looked_ms < TIMER_LOOK_MS)
		return;
	d->looked_ms = now;
	timer_supervise_reap(d);
	for (unsigned int i = 0; i < d->n_scanners; i++) {
		struct timer_scanner *s = &d->scanners[i];

		if (s->pid < 0 || s->killed)
			continue;
		if (late && !s->forgiven) {
			s->forgiven = true;
			s->beat_ms = now;
		}
		look_at(d, s, now);
	}
}

static bool any_lives(struct timer_daemon *d)
{
	timer_supervise_reap(d);
	for (unsigned int i = 0; i < d->n_scanners; i++) {
		if (d->scanners[i].pid > 0)
			return true;
	}
	return false;
}

void timer_supervise_end(struct timer_daemon *d)
{
	const struct timespec pause = { .tv_nsec = 1000000 };
	uint64_t until = timer_loop_now_ms() + END_MS;

	for (unsigned int i = 0; i < d->n_scanners; i++) {
		announce_death(d, &d->scanners[i]);
		d->scanners[i].killed = true; /* its end is no news */
		timer_scanner_hang_up(&d->scanners[i]);
	}
	while (timer_vms_kick(d))
		;
	while (any_lives(d)) {
		for (unsigned int i = 0; timer_loop_now_ms() > until && i < d->n_scanners; i++) {
			if (d->scanners[i].pid > 0)
				kill(d->scanners[i].pid, SIGKILL);
		}
		nanosleep(&pause, NULL);
	}
}
