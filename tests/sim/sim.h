/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The model of a mounted resctrl: groups, what each may use of the machine, its CPUs, its threads, what its counters
 * read. It knows nothing of FUSE; sim_files.h gives it the shape of a file system, sim_fuse.c mounts that.
 *
 * Functions that can fail return 0 or a negative errno, the kernel's, and leave the kernel's words in @status.
 */
#ifndef SIM_H
#define SIM_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "sim_cpus.h"
#include "sim_machine.h"

/* Which kernel it behaves as: what changed between them in what a user can see. */
enum sim_kernel { SIM_LINUX_6_1, SIM_LINUX_6_12 };

/* kernfs has no limit, FUSE this one. */
#define SIM_NAME 1025

enum sim_mode { SIM_SHAREABLE, SIM_EXCLUSIVE };

/* With code and data prioritization a cache has two masks; without, the first alone. */
enum sim_half { SIM_DATA, SIM_CODE, SIM_HALVES };

enum sim_event { SIM_OCCUPANCY, SIM_MBM_TOTAL, SIM_MBM_LOCAL, SIM_EVENTS };
enum sim_counter_state { SIM_COUNTS, SIM_UNAVAILABLE, SIM_ERROR, SIM_UNASSIGNED };

struct sim_counter {
	enum sim_counter_state state;
	uint64_t bytes;
};

struct sim_group {
	struct sim_group *next;
	struct sim_group *parent; /* of a monitoring group; NULL: a control group */
	char name[SIM_NAME];	  /* "" for the default group */
	uint64_t serial;	  /* no two groups have the same, removed ones included */
	unsigned int closid, rmid;
	enum sim_mode mode;
	struct sim_cpus cpus;
	uint32_t value[SIM_RESOURCES][SIM_HALVES][SIM_MAX_DOMAINS]; /* by index of the domain, not its id */
	uint32_t mbps[SIM_MAX_DOMAINS];				    /* under mba_MBps, in place of MB's */
	struct sim_counter counter[SIM_EVENTS][SIM_MAX_DOMAINS];    /* by L3, or by NUMA node with sub-NUMA clusters */
};

/* A line of a schemata file. */
struct sim_schema {
	char name[8];
	enum sim_resource_id id;
	enum sim_half half;
	unsigned int closids;
};

#define SIM_MAX_SCHEMATA 6

struct sim_task {
	pid_t tid;
	uint64_t start; /* in clock ticks since boot: tells a thread from a later one with the same number */
	struct sim_group *group;
	bool seen;
};

struct sim {
	const struct sim_machine *machine;
	enum sim_kernel kernel;
	bool mounted;
	bool cdp[SIM_RESOURCES]; /* of L3 and L2 */
	bool mbps;
	struct sim_schema schema[SIM_MAX_SCHEMATA];
	unsigned int schemata;
	struct sim_cpus online;
	struct sim_group root; /* the default group; its next are all others, the newest first */
	uint64_t serials;
	struct sim_task *task; /* ascending by TID */
	size_t tasks, task_room;
	long last_made;		/* the newest task's number when /proc was looked through */
	char status[512];	/* what info/last_cmd_status says; "" is "ok" */
	bool status_full;	/* says nothing more until it is cleared */
	unsigned int threshold; /* max_threshold_occupancy */
};

/* A simulator of @machine, which must outlive it. Mounted, with the machine's options. NULL: no memory, bad options. */
struct sim *sim_new(const struct sim_machine *machine, enum sim_kernel kernel);
void sim_free(struct sim *sim);

/* Mounting: @options are "cdp,cdpl2,mba_MBps" or part of that. Unmounting forgets all groups. */
int sim_mount(struct sim *sim, const char *options);
int sim_unmount(struct sim *sim);
void sim_print_options(FILE *out, const struct sim *sim); /* ",cdp", as in /proc/mounts */

/*
 * What info/last_cmd_status says. Writes to schemata, mode and tasks clear it first; others do not, so that one can
 * find there what an earlier operation said.
 */
void sim_clear_status(struct sim *sim);
__attribute__((format(printf, 2, 3))) void sim_say(struct sim *sim, const char *format, ...);

/* ---- groups ---- */

/* Removed groups' threads and CPUs go where the kernel gives them. */
int sim_group_make(struct sim *sim, struct sim_group *parent, const char *name);
void sim_group_remove(struct sim *sim, struct sim_group *group);
void sim_group_remove_all(struct sim *sim);
struct sim_group *sim_group_find(struct sim *sim, const struct sim_group *parent, const char *name);
int sim_group_move(struct sim *sim, struct sim_group *group, struct sim_group *parent, const char *name);
unsigned int sim_closids(const struct sim *sim);

/* The first group after @from, which may be &sim->root, whose parent is @parent; NULL at the end. */
struct sim_group *sim_group_next(struct sim_group *from, const struct sim_group *parent);

/* ---- CPUs ---- */

int sim_group_set_cpus(struct sim *sim, struct sim_group *group, const char *text, bool list);
void sim_cpu_online(struct sim *sim, unsigned int cpu);
void sim_cpu_offline(struct sim *sim, unsigned int cpu);
bool sim_domain_online(const struct sim *sim, const struct sim_domain *domain);

/* ---- threads ---- */

int sim_tasks_scan(struct sim *sim); /* who has come and gone since */
int sim_group_add_tasks(struct sim *sim, struct sim_group *group, char *text, pid_t caller);
void sim_group_print_tasks(FILE *out, struct sim *sim, const struct sim_group *group);
void sim_tasks_give(struct sim *sim, const struct sim_group *from, struct sim_group *to);
const struct sim_group *sim_task_group(struct sim *sim, pid_t tid); /* NULL: no such thread */

/* ---- shares ---- */

void sim_schemata_list(struct sim *sim); /* makes sim->schema, after a mount */
int sim_group_init_shares(struct sim *sim, struct sim_group *group);
void sim_group_reset_domain(struct sim *sim, enum sim_resource_id id, unsigned int index);
int sim_group_write_schemata(struct sim *sim, struct sim_group *group, char *text, size_t n);
void sim_group_print_schemata(FILE *out, const struct sim *sim, const struct sim_group *group);
void sim_group_print_sizes(FILE *out, const struct sim *sim, const struct sim_group *group);
void sim_schema_print_bit_usage(FILE *out, const struct sim *sim, const struct sim_schema *schema);
int sim_group_set_mode(struct sim *sim, struct sim_group *group, char *text, size_t n);
const char *sim_mode_name(enum sim_mode mode);

/* Whether @mask overlaps what others have there; with @exclusive, what exclusive groups have. */
bool sim_mask_overlaps(const struct sim *sim, const struct sim_schema *schema, unsigned int index, uint32_t mask,
		       unsigned int closid, bool exclusive);

/* ---- counters ---- */

unsigned int sim_clusters(const struct sim *sim); /* sub-NUMA clusters of an L3 that count for themselves; 1: none */
unsigned int sim_rmids(const struct sim *sim);
unsigned int sim_counters(const struct sim *sim); /* how many each event has */
const char *sim_event_name(enum sim_event event);
bool sim_event_present(const struct sim *sim, enum sim_event event);

/* Of @n counters from @first; a control group's are its own and those of its monitoring groups. */
void sim_group_print_event(FILE *out, const struct sim *sim, const struct sim_group *group, enum sim_event event,
			   unsigned int first, unsigned int n);

#endif
