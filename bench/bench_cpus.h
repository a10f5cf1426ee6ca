/* SPDX-License-Identifier: BSD-3-Clause */
/* CPUs for a benchmark that needs one for an agent alone: of those that its caller left it, and no others. */
#ifndef ISOLAT_BENCH_CPUS_H
#define ISOLAT_BENCH_CPUS_H

#include <sys/types.h>

#include "isolat/error.h"

/*
 * *@agent_cpu is the CPU asked for, or with -1 becomes the last that this process may use. ISOLAT_USAGE where it may
 * not use that one (or it is offline), or has none beside it.
 */
int bench_cpus_for_agent(int *agent_cpu, struct isolat_error *err);

/* Takes @cpu away from what thread @tid may use; the rest stays as it is. */
int bench_cpus_keep_off(pid_t tid, int cpu, struct isolat_error *err);

#endif
