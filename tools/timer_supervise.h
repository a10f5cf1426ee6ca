/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Watches the scanners: one that died, or whose beat stands still, is replaced. Until the next one takes its VMs over
 * their pages are marked dead, and their guests are on their LAPICs.
 */
#ifndef ISOLAT_TIMER_SUPERVISE_H
#define ISOLAT_TIMER_SUPERVISE_H

#include "timer_daemon.h"

/* How often the scanners are looked at. */
#define TIMER_LOOK_MS 10

/* Starts scanner @s and sends it its VMs. One that cannot be started is tried again later. */
void timer_supervise_start(struct timer_daemon *d, struct timer_scanner *s);

/* Looks at all; to be called at least every TIMER_LOOK_MS. */
void timer_supervise_look(struct timer_daemon *d);

/* Takes the scanners' processes that have ended. */
void timer_supervise_reap(struct timer_daemon *d);

/*
 * Ends scanner @s, which is gone or as good as gone, and says @why: its guests hear of its death before anything else
 * is done. The next one starts when its process has ended, or later if it came to that too soon.
 */
void timer_supervise_bury(struct timer_daemon *d, struct timer_scanner *s, const char *why);

/* The same where it is wanted: the next one does not wait. */
void timer_supervise_restart(struct timer_daemon *d, struct timer_scanner *s, const char *why);

/* Ends all for good: they announce death, and are gone when this returns. */
void timer_supervise_end(struct timer_daemon *d);

#endif
