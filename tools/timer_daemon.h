/* SPDX-License-Identifier: BSD-3-Clause */
/* exitless-timerd: what it holds, and its life. The parts are in timer_vms.h, timer_server.h, timer_supervise.h and
 * timer_control.h. */
#ifndef ISOLAT_TIMER_DAEMON_H
#define ISOLAT_TIMER_DAEMON_H

#include "timer_loop.h"
#include "timer_scanner.h"
#include "timer_vm_config.h"

struct timer_vm;
struct timer_control;

#define TIMER_MAX_SCANNERS 64

struct timer_daemon_config {
	const char *run_dir;
	struct timer_scanner_config scanner;
	const char
		*cpus; /* a list as profile_check_cpus() has it: a scanner for each; NULL: one, on no CPU of its own */
	unsigned int dead_ms; /* a scanner that stands still for longer is replaced */
	unsigned int minor;   /* of the pages' version */
	bool testing;
	struct timer_vm_config *vms; /* the first ones */
	unsigned int n_vms;
};

struct timer_daemon {
	const struct timer_daemon_config *config;
	int loop;
	int folder;		     /* run_dir */
	bool recorded;		     /* its sockets are: see timer_sockets.h */
	int lock;		     /* held as long as this daemon lives: whose sockets are in run_dir */
	struct timer_source signals; /* a signalfd */
	bool ending;
	bool kicks; /* some VM is still to be told of a death */
	struct timer_vm *vms[TIMER_MAX_VMS];
	struct timer_scanner scanners[TIMER_MAX_SCANNERS];
	struct timer_scanner_config scanner; /* as configured, and with the TSC's rate */
	unsigned int n_scanners;
	uint64_t looked_ms; /* at the scanners, last */
	struct timer_control *control;
};

/* Serves until SIGTERM or SIGINT. */
int timer_daemon_run(const struct timer_daemon_config *config, struct isolat_error *err);

#endif
