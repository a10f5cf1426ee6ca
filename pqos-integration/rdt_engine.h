/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How the groups of RDT (control groups, each with a CLOSID) are read and changed: one table of operations, and the
 * engines behind it. Never use two engines on one host at a time.
 *
 *   resctrl   the kernel's file system, directly (the default). Lives beside libvirt and anybody else.
 *   pqos-os   libpqos over the same file system, pqos-msr libpqos over MSRs where the kernel has no resctrl. In a
 * helper process, for libpqos takes timers, signals and every CLOSID for itself. Refuses a host where a group is not
 * isolat's.
 *
 * A group is called by its folder's name, the default group "". What an engine is told to write it writes in one
 * operation, and it hides no rounding: who wants to know what the hardware made of it reads it back.
 *
 * Functions return 0, or -1 with @err filled: err->what is what was tried ("write schemata"), err->object the file or
 * group, err->reason the kernel's errno in words and, for resctrl, what info/last_cmd_status says when it says more
 * than "ok", err->hint what to do about it where that is known. The code is ISOLAT_FAILED unless said otherwise. A
 * group, or a thread, that is not there (any more): the same, and rdt_engine_is_gone() says true until the next call.
 *
 * An engine is used by one thread.
 */
#ifndef ISOLAT_RDT_ENGINE_H
#define ISOLAT_RDT_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <isolat/error.h>

#include "rdt_caps.h"
#include "rdt_schemata.h"

/* Groups that isolat makes begin so; all others are somebody else's and are never changed, but for the default one. */
#define RDT_OWN_PREFIX "isolat-"
bool rdt_group_is_own(const char *group);

/*
 * Bytes of a group's name with its end; and of a monitor group's, which has counters of its own (an RMID) for some of a
 * control group's threads. That is called by its folder below the root: CONTROL/mon_groups/MONITOR, of the default
 * group mon_groups/MONITOR. A thread that is in one is in the control group too.
 */
#define RDT_GROUP_NAME	256
#define RDT_GROUP_PATH	(2 * RDT_GROUP_NAME + 16)
#define RDT_MONITOR_DIR "mon_groups"

/* Bytes of an engine's name with its end. */
#define RDT_ENGINE_NAME 16

struct rdt_engine;

struct rdt_engine_config {
	const char *root;     /* of resctrl; NULL: /sys/fs/resctrl */
	const char *proc;     /* of procfs; NULL: /proc */
	const char *run;      /* folder for an engine's own records; NULL: /run/isolat */
	unsigned int lock_ms; /* how long to wait for who holds resctrl's lock, at most; then ISOLAT_FAILED */
};

/* What a group's counters read in one L3 domain. With SNC, of the whole L3: the nodes' are added. */
enum rdt_event { RDT_OCCUPANCY, RDT_MBM_TOTAL, RDT_MBM_LOCAL, RDT_EVENTS };

struct rdt_reading {
	unsigned int domain;
	bool available[RDT_EVENTS]; /* false: there is no such counter, or it says Unavailable, Error or Unassigned */
	uint64_t bytes[RDT_EVENTS]; /* occupied now; or moved since the counter's start, 0 if not available */
};

/*
 * What the ways of a cache are used for in one domain, by the kernel's own account of all groups: a letter a way, from
 * the highest on. '0' nothing, 'S' groups (also one alone: it says that they could share), 'E' a group whose mode is
 * "exclusive", 'H' I/O, 'X' I/O and groups, 'P' locked data.
 */
#define RDT_USAGE_LETTERS "0SEHXP"

struct rdt_usage {
	enum rdt_schema schema;
	unsigned int domain;
	char ways[RDT_MAX_WAYS + 1];
};

struct rdt_engine_ops {
	const char *name; /* "resctrl", "pqos-os", "pqos-msr" */
	bool cpus_only;	  /* groups have CPUs and no threads */
	void (*close)(struct rdt_engine *e);
	int (*lock)(struct rdt_engine *e, bool exclusive, struct isolat_error *err);
	void (*unlock)(struct rdt_engine *e);
	int (*read_caps)(struct rdt_engine *e, struct rdt_caps *caps, struct isolat_error *err);
	int (*list)(struct rdt_engine *e, char ***names, size_t *n, struct isolat_error *err);
	/* NULL: of those that list() gives, the ones that are not isolat's. */
	int (*list_others)(struct rdt_engine *e, char ***names, size_t *n, struct isolat_error *err);
	/* NULL: there are no monitor groups. */
	int (*list_monitors)(struct rdt_engine *e, const char *group, char ***names, size_t *n,
			     struct isolat_error *err);
	int (*make)(struct rdt_engine *e, const char *group, struct isolat_error *err);
	int (*remove)(struct rdt_engine *e, const char *group, struct isolat_error *err);
	int (*read_schemata)(struct rdt_engine *e, const char *group, struct rdt_schemata *s, struct isolat_error *err);
	int (*write_schemata)(struct rdt_engine *e, const char *group, const char *text, struct isolat_error *err);
	int (*read_cpus)(struct rdt_engine *e, const char *group, char **list, struct isolat_error *err);
	int (*write_cpus)(struct rdt_engine *e, const char *group, const char *list, struct isolat_error *err);
	int (*read_tasks)(struct rdt_engine *e, const char *group, pid_t **tids, size_t *n, struct isolat_error *err);
	int (*find_task)(struct rdt_engine *e, pid_t tid, char group[RDT_GROUP_PATH], struct isolat_error *err);
	int (*move_task)(struct rdt_engine *e, const char *group, pid_t tid, struct isolat_error *err);
	int (*read_monitors)(struct rdt_engine *e, const char *group, struct rdt_reading **readings, size_t *n,
			     struct isolat_error *err);
	/* NULL: it cannot tell. */
	int (*read_usage)(struct rdt_engine *e, struct rdt_usage **usage, size_t *n, struct isolat_error *err);
};

/* What all engines have in front; an engine's own struct begins with it. */
struct rdt_engine {
	const struct rdt_engine_ops *ops;
	bool gone;
};

/*
 * Opens the engine called @name ("resctrl"; "pqos": pqos-os where there is a mounted resctrl, else pqos-msr; "pqos-os",
 * "pqos-msr"; any other is ISOLAT_USAGE). ISOLAT_UNSUPPORTED where the machine has nothing of the kind; the reason
 * tells not mounted (the hint: how to mount it) from not there. Nothing is changed on the host by opening it, save that
 * libpqos makes its COS groups, which closing takes away. The caller closes with rdt_engine_close().
 */
int rdt_engine_open(const char *name, const struct rdt_engine_config *config, struct rdt_engine **e,
		    struct isolat_error *err);
void rdt_engine_close(struct rdt_engine *e); /* also of NULL; unlocks */

/*
 * Takes resctrl's own lock, flock(2) on its root: shared to read several things that belong together, exclusive to
 * change. Polls, without signals, for config.lock_ms at most. One lock at a time; closing or unlocking ends it.
 */
int rdt_engine_lock(struct rdt_engine *e, bool exclusive, struct isolat_error *err);
void rdt_engine_unlock(struct rdt_engine *e);

/*
 * Whether groups have threads. Over MSRs they do not: there a class is a CPU's, and the functions below that are about
 * threads fail with ISOLAT_UNSUPPORTED.
 */
bool rdt_engine_has_tasks(const struct rdt_engine *e);

/* Whether the last call failed because its group or its thread is not there. */
bool rdt_engine_is_gone(const struct rdt_engine *e);

/* As rdt_caps_read(). The caller frees. */
int rdt_engine_read_caps(struct rdt_engine *e, struct rdt_caps *caps, struct isolat_error *err);

/* All groups but the default one, ascending by strcmp(). The caller frees each name and the array (NULL if none). */
int rdt_engine_list(struct rdt_engine *e, char ***names, size_t *n, struct isolat_error *err);
void rdt_engine_free_list(char **names, size_t n);

/*
 * The names, likewise, of what others' CPUs can be in: groups that isolat did not make, and where groups stand for
 * libpqos's classes those without a name, called COSn. Such a one is no group: only its CPUs can be read.
 */
int rdt_engine_list_others(struct rdt_engine *e, char ***names, size_t *n, struct isolat_error *err);

/* The names, likewise, of the monitor groups that a control group has: MONITOR alone, as rdt_group_monitor() says. */
int rdt_engine_list_monitors(struct rdt_engine *e, const char *group, char ***names, size_t *n,
			     struct isolat_error *err);

/* MONITOR of a monitor group's name, NULL if @group is a control group's; and how long the name of CONTROL is. */
const char *rdt_group_monitor(const char *group);
size_t rdt_group_control(const char *group);

/* The name of the monitor group that a control group has. */
void rdt_group_name(char name[RDT_GROUP_PATH], const char *control, const char *monitor);

/*
 * Makes the group @group; that it is there already is a failure. Its masks are what the engine gives a new group until
 * they are written. ISOLAT_NO_FIT when the CLOSIDs (or RMIDs) are used up. The name has to begin with RDT_OWN_PREFIX
 * and hold no '/', newline or control character: else ISOLAT_USAGE, before anything is tried. A monitor group's both
 * names have to.
 */
int rdt_engine_make(struct rdt_engine *e, const char *group, struct isolat_error *err);

/* Removes it; its threads and CPUs are the default group's then. Same rule for the name. */
int rdt_engine_remove(struct rdt_engine *e, const char *group, struct isolat_error *err);

/*
 * The group's schemata. rdt_schemata_print() makes text of it. Writing takes lines as rdt_schemata_print() makes them,
 * of some or all resources and domains; what is not in them stays. All lines go in one write.
 * Only isolat's groups and the default one can be written: ISOLAT_USAGE else.
 */
int rdt_engine_read_schemata(struct rdt_engine *e, const char *group, struct rdt_schemata *s, struct isolat_error *err);
int rdt_engine_write_schemata(struct rdt_engine *e, const char *group, const char *text, struct isolat_error *err);

/*
 * The group's CPUs, as the kernel prints lists: "0-3,8", "" for none. The caller frees. A CPU is in one group: who
 * writes a list takes CPUs from others, and gives what is no longer in the list to the default group. The default
 * group's list cannot be written (ISOLAT_USAGE), and monitor groups' can only be read: some of their group's, which
 * they lose as that does, and do not get back with it.
 */
int rdt_engine_read_cpus(struct rdt_engine *e, const char *group, char **list, struct isolat_error *err);
int rdt_engine_write_cpus(struct rdt_engine *e, const char *group, const char *list, struct isolat_error *err);

/* The TIDs in a group, ascending, also those in its monitor groups; the caller frees (NULL if none). */
int rdt_engine_read_tasks(struct rdt_engine *e, const char *group, pid_t **tids, size_t *n, struct isolat_error *err);

/* The group of one thread, "" for the default one, the monitor group if it is in one; by proc/TID/cpu_resctrl_groups
 * where the kernel has it. */
int rdt_engine_find_task(struct rdt_engine *e, pid_t tid, char group[RDT_GROUP_PATH], struct isolat_error *err);

/*
 * Moves a thread to @group, isolat's or the default one; if that is a control group, also out of the monitor group that
 * it was in. A monitor group takes only threads of its control group. One thread, not its process.
 */
int rdt_engine_move_task(struct rdt_engine *e, const char *group, pid_t tid, struct isolat_error *err);

/* What the group's counters read, for a control group with those of its monitor groups, per L3 domain ascending; NULL
 * and 0 without monitoring. The caller frees. */
int rdt_engine_read_monitors(struct rdt_engine *e, const char *group, struct rdt_reading **readings, size_t *n,
			     struct isolat_error *err);

/*
 * What the ways of each cache are used for, in the order of enum rdt_schema and as the kernel lists the domains; NULL
 * and 0 without caches to allocate, and of an engine that does not tell (libpqos). The caller frees.
 */
int rdt_engine_read_usage(struct rdt_engine *e, struct rdt_usage **usage, size_t *n, struct isolat_error *err);

/*
 * The engine that was killed while it was open, and has left on the host what the next one that is closed takes away;
 * "" if there is nothing of the kind. One that is at work may be it.
 */
void rdt_engine_left(const struct rdt_engine_config *config, char name[RDT_ENGINE_NAME]);

/*
 * Whether resctrl is mounted nowhere, in no mount namespace: then no group of it is left, and the default one has all
 * there is. false also where the kernel does not tell.
 */
bool rdt_resctrl_is_unmounted(const struct rdt_engine_config *config);

/* Removes what engines keep beside the host of groups that have gone with resctrl. */
int rdt_engine_forget(const struct rdt_engine_config *config, struct isolat_error *err);

/* The engines' own ways in, for rdt_engine_open() and tests. */
int rdt_resctrl_open(const struct rdt_engine_config *config, struct rdt_engine **e, struct isolat_error *err);
int rdt_pqos_open(const char *name, const struct rdt_engine_config *config, struct rdt_engine **e,
		  struct isolat_error *err);

#endif
