/* SPDX-License-Identifier: BSD-3-Clause */
/* The daemon's VMs: each with a socket, and while its QEMU is connected a page and eventfds, which end with that. */
#ifndef ISOLAT_TIMER_VMS_H
#define ISOLAT_TIMER_VMS_H

#include "timer_daemon.h"
#include "timer_log.h"

struct timer_vm {
	struct timer_vm_config config;
	struct timer_daemon *daemon;
	struct timer_scanner *scanner;
	unsigned int index; /* in the daemon's table, and in its scanner's */
	struct timer_log_limit log;
	uint64_t connections, refused; /* counts */
	uint64_t dry_ms;	       /* when its bucket of connections has run dry */
	bool waits;		       /* its listener is not watched: the next connection comes too soon */
	unsigned int killed_scanners;  /* that stood still in its signals */

	struct timer_source listener, client;
	/* Of the client: */
	unsigned int sent;	/* messages of the greeting */
	bool served;		/* its scanner has been told of it */
	struct timer_page page; /* base NULL: there is none */
	int doorbell;		/* an eventfd, or -1 */
	int *signals;		/* page.nr_slots eventfds */
	unsigned int to_kick;	/* the first slot that is still to be told of a death; nr_slots: none is */
	uint64_t kick_ns;	/* what telling it has taken */
};

/* Makes VM @config and opens its socket. ISOLAT_USAGE if there is one of that name, or no room. */
int timer_vms_add(struct timer_daemon *d, const struct timer_vm_config *config, struct isolat_error *err);

/* Ends VM @vm: its guest is told that its agent is dead, and its socket goes away. */
void timer_vms_remove(struct timer_vm *vm);
struct timer_vm *timer_vms_find(const struct timer_daemon *d, const char *name);

/* Looks at what waits for its time; to be called often. */
void timer_vms_look(struct timer_daemon *d);

/* Gives @vm's new client a page and eventfds of its own. */
int timer_vm_make_page(struct timer_vm *vm, struct isolat_error *err);
void timer_vm_end_page(struct timer_vm *vm);

/* The scanner reads @vm's page from now on, and no more. */
void timer_vm_serve(struct timer_vm *vm);
void timer_vm_unserve(struct timer_vm *vm);

/* Marks the page dead. Its slots are then to be signalled by timer_vms_kick(). */
void timer_vm_mark_dead(struct timer_vm *vm);

/* Once, before the first kick: SIGALRM, by which timer_vms_kick() ends writes that block, comes and ends no process. */
void timer_vms_catch_alarms(void);

/*
 * Signals slots of VMs whose pages were marked, for some ms at most. Returns whether some are left: to be called again
 * soon. Waits for no VM that has filled an eventfd, and gives up one whose eventfds have been made slow.
 */
bool timer_vms_kick(struct timer_daemon *d);

#endif
