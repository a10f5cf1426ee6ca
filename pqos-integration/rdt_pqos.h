/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The engines pqos-os and pqos-msr: groups with names over libpqos's classes of service (COS), which are numbers.
 *
 * They are for hosts that libpqos may own whole. libpqos lives in a process of its own (rdt_pqos_client.h); which class
 * has which name is kept in a file (rdt_pqos_record.h). A group is a class that has a name: making one names a free
 * class, removing it gives its threads and CPUs to COS0, all ways and bandwidth to the class, and takes the name.
 *
 * pqos-os: with the first engine that is opened libpqos makes its folders COS1, COS2... of every CLOSID; the last that
 * is closed removes them if no class has a name. Where there is any other folder the engine does not open. Threads and
 * CPUs can be in a group. pqos-msr: where the kernel has no resctrl, or none is mounted; only CPUs can be.
 *
 * What libpqos 4.5 cannot, these engines cannot either: sparse masks, L3 caches that are not sockets (on Intel), more
 * than 16 classes, bandwidth of slow memory (SMBA), a write of several domains in one operation. Those of one write are
 * all looked at before the first is written, and taken back if one fails. Monitoring is left out: libpqos's own would
 * open perf events beside resctrl's, and loses associations when one does not start. So read_caps() says that there is
 * none, and read_monitors() gives nothing.
 *
 * The lock is a file of isolat's own: libpqos takes resctrl's for each of its calls, and would wait for ours.
 */
#ifndef ISOLAT_RDT_PQOS_H
#define ISOLAT_RDT_PQOS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <jansson.h>

#include <isolat/error.h>

#include "rdt_engine.h"
#include "rdt_pqos_client.h"
#include "rdt_pqos_record.h"

/* The helper process; a test's own, or the one of isolat_find_helper(). */
struct rdt_pqos_helper {
	const char *program;
	unsigned int answer_ms;
};

/* As rdt_pqos_open(), with another helper. */
int rdt_pqos_open_with(const char *name, const struct rdt_engine_config *config, const struct rdt_pqos_helper *helper,
		       struct rdt_engine **e, struct isolat_error *err);

/* ---- Between the engine's files ---- */

struct rdt_pqos {
	struct rdt_engine engine;
	bool msr;
	char *root, *proc, *run; /* proc may be NULL, as in the configuration */
	char *program;		 /* the helper's */
	unsigned int answer_ms;
	enum rdt_mb_unit unit; /* of MB */
	unsigned int lock_ms;
	int lock;  /* flocked by lock() */
	int users; /* flocked, shared, as long as the engine is open */
	bool locked;
	struct pqos_client *client;
	bool started_again;	   /* one helper has died, and this is the other */
	struct pqos_record record; /* as it was at opening, or when the lock was taken last */
	unsigned int classes;	   /* that can be used, with COS0 */
};

extern const struct rdt_engine_ops rdt_pqos_os_ops, rdt_pqos_msr_ops;

/* How a group is called in messages. */
const char *pqos_group_word(const char *group);

/*
 * Asks the helper @request, about @group (NULL: about none, or a thread). @result may be NULL. Says in the engine
 * whether the thread is gone.
 */
int pqos_ask(struct rdt_pqos *p, json_t *request, const char *group, json_t **result, struct isolat_error *err);

/*
 * Starts another helper where the one there was has died: what isolat had done by then is to be taken back. Once only,
 * for it may be what it is asked that it dies of.
 */
int pqos_start_again(struct rdt_pqos *p, struct isolat_error *err);

/* The numbers in @result's list @key, as they are; the caller frees. */
int pqos_take_numbers(const json_t *result, const char *key, unsigned int **numbers, size_t *n,
		      struct isolat_error *err);

/* The schemata of a class. */
int pqos_read_class(struct rdt_pqos *p, unsigned int cos, const char *group, struct rdt_schemata *s,
		    struct isolat_error *err);

/* Locks, whoever has it already, and reads the record anew. */
int pqos_lock(struct rdt_pqos *p, bool exclusive, struct isolat_error *err);
void pqos_unlock(struct rdt_pqos *p);

/* Over MSRs there are no folders: a class that has CPUs and no name is somebody else's, and @err says so. */
int pqos_check_free(struct rdt_pqos *p, unsigned int cos, struct isolat_error *err);

/* The engine's read_caps(). */
int pqos_read_caps(struct rdt_engine *e, struct rdt_caps *caps, struct isolat_error *err);

void pqos_close(struct rdt_engine *e);

#endif
