// SPDX-License-Identifier: BSD-3-Clause
/* What the counters of groups read: what they were told to. */
#include "sim.h"

static const char *const event_names[SIM_EVENTS] = { "llc_occupancy", "mbm_total_bytes", "mbm_local_bytes" };

const char *sim_event_name(enum sim_event event)
{
	return event_names[event];
}

bool sim_event_present(const struct sim *sim, enum sim_event event)
{
	return event == SIM_OCCUPANCY || sim->machine->bandwidth_events;
}

/* Kernels before 6.11 do not know of sub-NUMA clusters and show what one of them counted. */
unsigned int sim_clusters(const struct sim *sim)
{
	const struct sim_machine *m = sim->machine;

	return sim->kernel >= SIM_LINUX_6_12 && m->l3s && m->nodes > m->l3s ? m->nodes / m->l3s : 1;
}

unsigned int sim_counters(const struct sim *sim)
{
	return sim->machine->sockets * sim->machine->l3s * sim_clusters(sim);
}

/* Each cluster has its share of them. */
unsigned int sim_rmids(const struct sim *sim)
{
	return sim->machine->rmids / sim_clusters(sim);
}

struct sum {
	uint64_t bytes;
	bool counted;
	enum sim_counter_state bad; /* why not, of the last that did not count */
};

static void add(struct sum *sum, const struct sim_counter *counter)
{
	if (counter->state != SIM_COUNTS) {
		sum->bad = counter->state;
		return;
	}
	sum->counted = true;
	sum->bytes += counter->bytes;
}

/* One that reads is enough for the sum; so does the kernel. */
void sim_group_print_event(FILE *out, const struct sim *sim, const struct sim_group *group, enum sim_event event,
			   unsigned int first, unsigned int n)
{
	static const char *const words[] = {
		[SIM_UNAVAILABLE] = "Unavailable", [SIM_ERROR] = "Error", [SIM_UNASSIGNED] = "Unassigned"
	};
	struct sum sum = { 0 };

	for (const struct sim_group *g = &sim->root; g; g = g->next)
		for (unsigned int i = first; i < first + n && (g == group || g->parent == group); i++)
			add(&sum, &g->counter[event][i]);
	if (sum.counted)
		fprintf(out, "%llu\n", (unsigned long long)sum.bytes);
	else
		fprintf(out, "%s\n", words[sum.bad]);
}
