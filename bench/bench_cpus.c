// SPDX-License-Identifier: BSD-3-Clause
#include "bench_cpus.h"

#include <errno.h>
#include <sched.h>
#include <string.h>

/* As many as the kernel can be built for: a mask that is too short is refused. */
#define MAX_CPUS 8192

struct cpus {
	cpu_set_t sets[MAX_CPUS / CPU_SETSIZE];
};

static int get_cpus(pid_t tid, struct cpus *cpus, struct isolat_error *err)
{
	memset(cpus, 0, sizeof(*cpus));
	if (!sched_getaffinity(tid, sizeof(*cpus), cpus->sets))
		return 0;
	return isolat_fail(err, ISOLAT_FAILED, "see which CPUs may be used", NULL, "%s", strerror(errno));
}

static int last_cpu(const struct cpus *cpus)
{
	int cpu = MAX_CPUS - 1;

	while (cpu >= 0 && !CPU_ISSET_S(cpu, sizeof(*cpus), cpus->sets))
		cpu--;
	return cpu;
}

int bench_cpus_for_agent(int *agent_cpu, struct isolat_error *err)
{
	struct cpus cpus;
	char object[32];

	if (get_cpus(0, &cpus, err))
		return -1;
	if (*agent_cpu < 0)
		*agent_cpu = last_cpu(&cpus);
	snprintf(object, sizeof(object), "CPU %d", *agent_cpu);
	if (!CPU_ISSET_S(*agent_cpu, sizeof(cpus), cpus.sets)) {
		isolat_fail(err, ISOLAT_USAGE, "give the agent", object, "this command may not run there");
		return isolat_hint(err, "it is offline, or kept away by taskset or a cpuset");
	}
	if (CPU_COUNT_S(sizeof(cpus), cpus.sets) < 2) {
		isolat_fail(err, ISOLAT_USAGE, "give the agent", object, "the guest needs another, and there is none");
		return isolat_hint(err, "let this command run on two CPUs at least (taskset, cpuset)");
	}
	return 0;
}

int bench_cpus_keep_off(pid_t tid, int cpu, struct isolat_error *err)
{
	struct cpus cpus;

	if (get_cpus(tid, &cpus, err))
		return -1;
	CPU_CLR_S(cpu, sizeof(cpus), cpus.sets);
	if (!sched_setaffinity(tid, sizeof(cpus), cpus.sets))
		return 0;
	return isolat_fail(err, ISOLAT_FAILED, "keep the guest off the agent's CPU", NULL, "%s", strerror(errno));
}
