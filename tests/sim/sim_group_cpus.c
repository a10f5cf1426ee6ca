// SPDX-License-Identifier: BSD-3-Clause
/* The CPUs of groups, and CPUs that come and go. */
#include "sim.h"

#include <errno.h>

/* Takes @cpus from a control group; its monitoring groups cannot keep what it has not. */
static void take(struct sim *sim, struct sim_group *group, struct sim_cpus cpus)
{
	struct sim_group *child = &sim->root;

	group->cpus = sim_cpus_without(group->cpus, cpus);
	while ((child = sim_group_next(child, group)))
		child->cpus = sim_cpus_and(child->cpus, group->cpus);
}

static int set_control_group(struct sim *sim, struct sim_group *group, struct sim_cpus cpus)
{
	struct sim_cpus dropped = sim_cpus_without(group->cpus, cpus), added = sim_cpus_without(cpus, group->cpus);
	struct sim_group *child = &sim->root;

	if (!sim_cpus_empty(&dropped) && group == &sim->root) {
		sim_say(sim, "Can't drop CPUs from default group\n");
		return -EINVAL;
	}
	sim->root.cpus = sim_cpus_or(sim->root.cpus, dropped);
	for (struct sim_group *g = &sim->root; g; g = g->next) {
		struct sim_cpus taken = sim_cpus_and(g->cpus, added);

		if (!g->parent && g != group && !sim_cpus_empty(&taken))
			take(sim, g, taken);
	}
	group->cpus = cpus;
	while ((child = sim_group_next(child, group)))
		child->cpus = (struct sim_cpus){ 0 };
	return 0;
}

static int set_monitoring_group(struct sim *sim, struct sim_group *group, struct sim_cpus cpus)
{
	struct sim_cpus added = sim_cpus_without(cpus, group->cpus), dropped = sim_cpus_without(group->cpus, cpus);
	struct sim_cpus foreign = sim_cpus_without(cpus, group->parent->cpus);
	struct sim_group *sibling = &sim->root;

	if (!sim_cpus_empty(&foreign)) {
		sim_say(sim, "Can only add CPUs to mongroup that belong to parent\n");
		return -EINVAL;
	}
	group->parent->cpus = sim_cpus_or(group->parent->cpus, dropped);
	while ((sibling = sim_group_next(sibling, group->parent)))
		if (sibling != group)
			sibling->cpus = sim_cpus_without(sibling->cpus, added);
	group->cpus = cpus;
	return 0;
}

int sim_group_set_cpus(struct sim *sim, struct sim_group *group, const char *text, bool list)
{
	unsigned int limit = sim_machine_cpus(sim->machine);
	struct sim_cpus cpus, offline;
	int rc;

	rc = list ? sim_cpus_parse_list(text, limit, &cpus) : sim_cpus_parse_mask(text, limit, &cpus);
	if (rc) {
		sim_say(sim, "Bad CPU list/mask\n");
		return rc;
	}
	offline = sim_cpus_without(cpus, sim->online);
	if (!sim_cpus_empty(&offline)) {
		sim_say(sim, "Can only assign online CPUs\n");
		return -EINVAL;
	}
	return group->parent ? set_monitoring_group(sim, group, cpus) : set_control_group(sim, group, cpus);
}

bool sim_domain_online(const struct sim *sim, const struct sim_domain *domain)
{
	struct sim_cpus online = sim_cpus_and(domain->cpus, sim->online);

	return !sim_cpus_empty(&online);
}

/* A domain that comes back has the reset values in all groups. */
void sim_cpu_online(struct sim *sim, unsigned int cpu)
{
	if (sim_cpus_has(&sim->online, cpu))
		return;
	for (unsigned int i = 0; i < SIM_RESOURCES; i++)
		for (unsigned int d = 0; d < sim->machine->resource[i].domains; d++) {
			const struct sim_domain *domain = &sim->machine->resource[i].domain[d];

			if (sim_cpus_has(&domain->cpus, cpu) && !sim_domain_online(sim, domain))
				sim_group_reset_domain(sim, i, d);
		}
	sim_cpus_add(&sim->online, cpu);
	sim_cpus_add(&sim->root.cpus, cpu);
}

void sim_cpu_offline(struct sim *sim, unsigned int cpu)
{
	sim_cpus_drop(&sim->online, cpu);
	for (struct sim_group *g = &sim->root; g; g = g->next)
		sim_cpus_drop(&g->cpus, cpu);
}
