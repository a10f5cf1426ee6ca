/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sim-run: what a command sees of the machine that the simulator is, made in a mount namespace of its own. All is for
 * one program: whatever fails ends it, with a line on stderr.
 */
#ifndef RUN_H
#define RUN_H

#include <stdbool.h>
#include <sys/types.h>

#include "sim_machine.h"

#define RESCTRL	   "/sys/fs/resctrl"
#define RUN_FAILED 125 /* sim-run's own failure, as timeout(1) and env(1) have it */

__attribute__((format(printf, 1, 2), noreturn)) void run_die(const char *format, ...);

/* ---- run_private.c: namespaces and what is mounted in them ---- */

/* A mount namespace, and with @user or without root a user namespace too, in which the caller is root. */
void run_enter_private(bool user);

/* A folder in memory for what is to be mounted elsewhere, entered as the working directory; and its end. */
void run_open_stage(void);
void run_close_stage(void);

/* Makes PATH, below the stage, with @format printed into it; folders as needed. */
__attribute__((format(printf, 2, 3))) void run_write(const char *path, const char *format, ...);
void run_bind(const char *path, const char *over);

/* Puts a copy of folder @path over it that has its entries, and empty folders @names (ended by NULL). */
void run_shadow(const char *path, const char *const *names);

/* ---- run_machine.c: the machine in sysfs and procfs ---- */

void run_show_machine(const struct sim_machine *m);
void run_show_features(const struct sim_machine *m, bool cpus); /* /proc/cpuinfo (@cpus: of all), /proc/filesystems */

/* ---- run_notify.c: system calls that are answered here ---- */

struct run_notify {
	bool mounts;	  /* mount() and umount2() of resctrl are done by the simulator */
	bool task_groups; /* there is /proc/TID/cpu_resctrl_groups */
	bool fast;	  /* opens go past: no such file, and the FUSE's own line among the mounts */
};

/* Lets the calling process' and its children's calls be noticed on the descriptor that is returned. */
int run_notify_install(const struct run_notify *notify);

/* Answers one. */
void run_notify_answer(const struct run_notify *notify, int listener);

#endif
