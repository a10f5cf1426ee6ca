/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A host through libpqos: what isolat-pqos (pqos_helper.c) does for who asks it. Classes of service (COS) are numbers
 * here, COS0 the default one. One host at a time, as libpqos has one state.
 *
 * Functions return 0, or -1 with the error filled: err->reason is libpqos's own words where it logged any, and the
 * kernel's (resctrl's info/last_cmd_status) where they say more than "ok".
 */
#ifndef ISOLAT_PQOS_HELPER_HOST_H
#define ISOLAT_PQOS_HELPER_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <pqos.h>

#include <isolat/error.h>

#include "rdt_caps.h"
#include "rdt_schemata.h"

/* Where libpqos looks for resctrl. It cannot be told another place. */
#define LIBPQOS_ROOT "/sys/fs/resctrl"

/* A resource of libpqos: how many of it there are, and their ids. */
struct pqos_ids {
	unsigned int *id;
	unsigned int n;
};

struct pqos_host {
	bool msr;
	const struct pqos_cap *cap;
	const struct pqos_cpuinfo *cpu;
	const struct pqos_cap_l3ca *l3; /* NULL: there is none */
	const struct pqos_cap_l2ca *l2;
	const struct pqos_cap_mba *mb;
	struct pqos_ids l3_ids, l2_ids, mb_ids;
	unsigned int classes;  /* of all resources, with COS0; at most PQOS_MAX_COS */
	enum rdt_mb_unit unit; /* of mb */
};

/*
 * Starts libpqos over MSRs or over the mounted resctrl. @unit is that of resctrl's MB, which libpqos guesses at only;
 * over MSRs it is the CPU vendor's. ISOLAT_UNSUPPORTED where there is nothing to allocate, or where libpqos's
 * allocation domains are not the L3 caches.
 */
int pqos_host_open(struct pqos_host *host, bool msr, enum rdt_mb_unit unit, struct isolat_error *err);
void pqos_host_close(struct pqos_host *host);

/* What there is, with the default group's masks: as rdt_caps_read(), of what libpqos knows. The caller frees. */
int pqos_host_read_caps(const struct pqos_host *host, struct rdt_caps *caps, struct isolat_error *err);

int pqos_host_read(const struct pqos_host *host, unsigned int cos, struct rdt_schemata *s, struct isolat_error *err);

/*
 * Writes what differs, having looked at all of it first; bandwidth is rounded up, as the kernel does. libpqos writes
 * one domain at a time: when one fails the ones before it get back what they had.
 */
int pqos_host_write(const struct pqos_host *host, unsigned int cos, const struct rdt_schemata *changes,
		    struct isolat_error *err);

/* The CPUs of a class; the caller frees. */
int pqos_host_read_cpus(const struct pqos_host *host, unsigned int cos, unsigned int **cpus, size_t *n,
			struct isolat_error *err);

/* Gives the class these CPUs, and COS0 those that it has and that are not among them. */
int pqos_host_write_cpus(const struct pqos_host *host, unsigned int cos, const unsigned int *cpus, size_t n,
			 struct isolat_error *err);

/* Threads: not over MSRs (ISOLAT_UNSUPPORTED). *gone: the thread is not there. The caller frees @tids. */
int pqos_host_read_tasks(const struct pqos_host *host, unsigned int cos, unsigned int **tids, size_t *n,
			 struct isolat_error *err);
int pqos_host_find_task(const struct pqos_host *host, pid_t tid, unsigned int *cos, bool *gone,
			struct isolat_error *err);
int pqos_host_move_task(const struct pqos_host *host, pid_t tid, unsigned int cos, bool *gone,
			struct isolat_error *err);

/* Threads and CPUs to COS0, masks and bandwidth to all that there is. */
int pqos_host_clear(const struct pqos_host *host, unsigned int cos, struct isolat_error *err);

/* ---- Between the files of the helper ---- */

/* Fills @err from what libpqos returned and said; what it said is forgotten. Returns -1. */
int pqos_host_fail(const struct pqos_host *host, const char *what, unsigned int cos, int rc, struct isolat_error *err);

/* Gives the class all ways and all bandwidth. */
int pqos_host_fill(const struct pqos_host *host, unsigned int cos, struct isolat_error *err);

/* Forgets what libpqos has said. Before each call. */
void pqos_host_hush(void);

#endif
