// SPDX-License-Identifier: BSD-3-Clause
/* Who is in a class: CPUs and threads. */
#include "pqos_helper_host.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Threads that fork while they are moved leave children behind: so often they are looked for again. */
#define ROUNDS 16

/* ---- CPUs ---- */

int pqos_host_read_cpus(const struct pqos_host *host, unsigned int cos, unsigned int **cpus, size_t *n,
			struct isolat_error *err)
{
	unsigned int *found = calloc(host->cpu->num_cores, sizeof(*found));

	*n = 0;
	*cpus = NULL;
	if (!found)
		return isolat_fail(err, ISOLAT_FAILED, "read CPUs", NULL, "out of memory");
	pqos_host_hush();
	for (unsigned int i = 0; i < host->cpu->num_cores; i++) {
		unsigned int has;
		int rc = pqos_alloc_assoc_get(host->cpu->cores[i].lcore, &has);

		if (rc != PQOS_RETVAL_OK) {
			free(found);
			return pqos_host_fail(host, "read CPUs", cos, rc, err);
		}
		if (has == cos)
			found[(*n)++] = host->cpu->cores[i].lcore;
	}
	*cpus = found;
	return 0;
}

static bool has_cpu(const unsigned int *cpus, size_t n, unsigned int cpu)
{
	for (size_t i = 0; i < n; i++) {
		if (cpus[i] == cpu)
			return true;
	}
	return false;
}

/* Puts those of @cpus that are not in @but into a class. */
static int put_cpus(const struct pqos_host *host, const unsigned int *cpus, size_t n, const unsigned int *but,
		    size_t n_but, unsigned int cos)
{
	for (size_t i = 0; i < n; i++) {
		int rc = has_cpu(but, n_but, cpus[i]) ? PQOS_RETVAL_OK : pqos_alloc_assoc_set(cpus[i], cos);

		if (rc != PQOS_RETVAL_OK)
			return rc;
	}
	return PQOS_RETVAL_OK;
}

static int check_cpus(const struct pqos_host *host, const unsigned int *cpus, size_t n, struct isolat_error *err)
{
	for (size_t i = 0; i < n; i++) {
		if (pqos_cpu_check_core(host->cpu, cpus[i]) != PQOS_RETVAL_OK)
			return isolat_fail(err, ISOLAT_FAILED, "write CPUs", NULL, "CPU %u is not there, or not online",
					   cpus[i]);
	}
	return 0;
}

int pqos_host_write_cpus(const struct pqos_host *host, unsigned int cos, const unsigned int *cpus, size_t n,
			 struct isolat_error *err)
{
	unsigned int *has;
	size_t n_has;
	int rc;

	if (check_cpus(host, cpus, n, err) || pqos_host_read_cpus(host, cos, &has, &n_has, err))
		return -1;
	rc = put_cpus(host, cpus, n, has, n_has, cos);
	if (rc == PQOS_RETVAL_OK)
		rc = put_cpus(host, has, n_has, cpus, n, 0);
	free(has);
	return rc == PQOS_RETVAL_OK ? 0 : pqos_host_fail(host, "write CPUs", cos, rc, err);
}

/* ---- Threads ---- */

static int check_tasks(const struct pqos_host *host, const char *what, struct isolat_error *err)
{
	if (!host->msr)
		return 0;
	isolat_fail(err, ISOLAT_UNSUPPORTED, what, NULL, "MSRs know CPUs and no threads");
	return isolat_hint(err, "give the group CPUs, or use the engine resctrl");
}

int pqos_host_read_tasks(const struct pqos_host *host, unsigned int cos, unsigned int **tids, size_t *n,
			 struct isolat_error *err)
{
	unsigned int count = 0;

	*n = 0;
	if (check_tasks(host, "read tasks", err))
		return -1;
	pqos_host_hush();
	*tids = pqos_pid_get_pid_assoc(cos, &count);
	if (!*tids) /* also of none it gives something to free */
		return pqos_host_fail(host, "read tasks", cos, PQOS_RETVAL_ERROR, err);
	*n = count;
	return 0;
}

/* kill() finds threads too, not only processes. */
static bool is_gone(pid_t tid)
{
	return kill(tid, 0) && errno == ESRCH;
}

static int no_thread(const char *what, pid_t tid, bool *gone, struct isolat_error *err)
{
	char object[16];

	*gone = true;
	snprintf(object, sizeof(object), "%d", tid);
	return isolat_fail(err, ISOLAT_FAILED, what, object, "%s", strerror(ESRCH));
}

int pqos_host_find_task(const struct pqos_host *host, pid_t tid, unsigned int *cos, bool *gone,
			struct isolat_error *err)
{
	int rc;

	if (check_tasks(host, "find the group of a thread", err))
		return -1;
	pqos_host_hush();
	rc = pqos_alloc_assoc_get_pid(tid, cos);
	if (rc == PQOS_RETVAL_OK)
		return 0;
	if (is_gone(tid))
		return no_thread("find the group of a thread", tid, gone, err);
	pqos_host_fail(host, "find the group of a thread", 0, rc, err);
	snprintf(err->object, sizeof(err->object), "%d", tid);
	return -1;
}

int pqos_host_move_task(const struct pqos_host *host, pid_t tid, unsigned int cos, bool *gone, struct isolat_error *err)
{
	int rc;

	if (check_tasks(host, "move a thread", err))
		return -1;
	pqos_host_hush();
	rc = pqos_alloc_assoc_set_pid(tid, cos);
	if (rc == PQOS_RETVAL_OK)
		return 0;
	return is_gone(tid) ? no_thread("move a thread", tid, gone, err)
			    : pqos_host_fail(host, "move a thread", cos, rc, err);
}

/* ---- None ---- */

/* pqos_alloc_reset() would move processes by their leaders, of all classes, and miss the other threads. */
static int move_all(const struct pqos_host *host, const unsigned int *tids, size_t n, struct isolat_error *err)
{
	for (size_t i = 0; i < n; i++) {
		bool gone = false;

		if (pqos_host_move_task(host, (pid_t)tids[i], 0, &gone, err) && !gone)
			return -1;
	}
	return 0;
}

static int clear_tasks(const struct pqos_host *host, unsigned int cos, struct isolat_error *err)
{
	for (int round = 0; round < ROUNDS; round++) {
		unsigned int *tids;
		size_t n;
		int rc;

		if (pqos_host_read_tasks(host, cos, &tids, &n, err))
			return -1;
		rc = move_all(host, tids, n, err);
		free(tids);
		if (rc || !n)
			return rc;
	}
	return isolat_fail(err, ISOLAT_FAILED, "move all threads out", NULL, "COS%u still gets new ones", cos);
}

int pqos_host_clear(const struct pqos_host *host, unsigned int cos, struct isolat_error *err)
{
	if (!host->msr && clear_tasks(host, cos, err))
		return -1;
	if (pqos_host_write_cpus(host, cos, NULL, 0, err))
		return -1;
	return pqos_host_fill(host, cos, err);
}
