/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An engine of RDT in memory, for tests of what works on engines. It does what resctrl does, as far as rdt_engine.h
 * promises it: masks and bandwidths are checked, all lines before any is applied; a group that is removed gives its
 * threads and CPUs to the default group; a thread and a CPU are in one group.
 *
 * Tests see what was asked of it: calls are counted, what changed something is in a log, and the whole state can be
 * had as text, to be compared byte by byte. They can let the N-th write fail, or do something of their own at it.
 */
#ifndef ISOLAT_FAKE_ENGINE_H
#define ISOLAT_FAKE_ENGINE_H

#include "rdt_engine.h"

#define FAKE_GROUPS 64
#define FAKE_CPUS   256
#define FAKE_TASKS  65536

enum fake_call {
	FAKE_LOCK,
	FAKE_UNLOCK,
	FAKE_READ_CAPS,
	FAKE_LIST,
	FAKE_LIST_MONITORS,
	FAKE_MAKE,
	FAKE_REMOVE,
	FAKE_READ_SCHEMATA,
	FAKE_WRITE_SCHEMATA,
	FAKE_READ_CPUS,
	FAKE_WRITE_CPUS,
	FAKE_READ_TASKS,
	FAKE_FIND_TASK,
	FAKE_MOVE_TASK,
	FAKE_READ_MONITORS,
	FAKE_CALLS
};

struct fake_group {
	char name[RDT_GROUP_PATH]; /* also a monitor group's */
	struct rdt_schemata schemata;
};

struct fake_task {
	pid_t tid;
	unsigned int group;
};

/* Set what you like between calls. */
struct fake_engine {
	struct rdt_engine engine;    /* give this one to what is tested */
	unsigned int closids;	     /* groups that there can be, the default one too; at first 16 */
	unsigned int monitors;	     /* monitor groups that there can be; at first 16 */
	unsigned int bandwidth_gran; /* percent are rounded up to a multiple of it; at first 10 */
	unsigned int calls[FAKE_CALLS];
	/*
	 * Writes are calls that change something: make, remove, write_schemata, write_cpus, move_task. The one that is
	 * number fail_write, the first being 1, fails with fail_errno and changes nothing; ESRCH is a thread that is
	 * gone, ENOENT a group.
	 */
	unsigned int writes;
	unsigned int fail_write;
	int fail_errno;
	/* Called around each write, also one that fails: for a kill, or for what somebody else does meanwhile. */
	void (*around)(struct fake_engine *fake, unsigned int write, bool after, void *data);
	/* Called before a group's list of tasks is read. */
	void (*on_read_tasks)(struct fake_engine *fake, const char *group, void *data);
	void *data;
	char *log; /* a line for each write that succeeded: "make isolat-a\n", "move 12 isolat-a\n"; never NULL */
	bool locked, exclusive;
	struct rdt_schemata most;	      /* what a new group has, and masks and bandwidths have to be within */
	unsigned int cpus;		      /* there are */
	unsigned char cpu_group[FAKE_CPUS];   /* an index into group, as in tasks */
	struct fake_group group[FAKE_GROUPS]; /* 0 is the default group; one without a name is free */
	size_t n_tasks;
	struct fake_task task[FAKE_TASKS];
};

/*
 * One with @cpus CPUs, whose default group has @schemata, in the form of rdt_schemata_print(), which is also what
 * a new group gets. rdt_engine_close(&fake->engine) ends it.
 */
struct fake_engine *fake_engine_new(const char *schemata, unsigned int cpus);

/* What somebody else does, without a check, a count and a line in the log. */
void fake_engine_make(struct fake_engine *fake, const char *group);
void fake_engine_put_schemata(struct fake_engine *fake, const char *group, const char *text);
void fake_engine_put_task(struct fake_engine *fake, pid_t tid, const char *group); /* a new thread, or a moved one */
void fake_engine_end_task(struct fake_engine *fake, pid_t tid);

/* Where a thread is; NULL: nowhere. */
const char *fake_engine_task_group(const struct fake_engine *fake, pid_t tid);

/* All groups by name, with their schemata, CPUs and tasks. The caller frees. */
char *fake_engine_dump(const struct fake_engine *fake);

#endif
