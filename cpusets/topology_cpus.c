// SPDX-License-Identifier: BSD-3-Clause
/* What follows from the cores of a topology, wherever they came from. */
#include "topology_impl.h"

#include <stdlib.h>

static int by_os(const void *a, const void *b)
{
	const struct topology_cpu *one = a, *other = b;

	return one->os < other->os ? -1 : one->os > other->os;
}

static void add_core(struct topology *t, unsigned int number)
{
	const struct topology_core *core = &t->cores[number];

	for (unsigned int i = 0; i < core->n_cpus; i++)
		t->cpus[t->n_cpus++] = (struct topology_cpu){ .os = core->cpus[i],
							      .core = number,
							      .l2 = core->l2,
							      .l3 = core->l3,
							      .node = core->node,
							      .die = core->die,
							      .package = core->package,
							      .online = true };
	if (core->l2 != TOPOLOGY_NONE)
		t->l2[core->l2].n_cores++;
	if (core->l3 != TOPOLOGY_NONE)
		t->l3[core->l3].n_cores++;
	if (core->node != TOPOLOGY_NONE)
		t->nodes[core->node].n_cores++;
}

static unsigned int index_of(const struct topology *t, unsigned int os)
{
	unsigned int low = 0, high = t->n_cpus;

	while (high - low > 1) {
		unsigned int middle = low + (high - low) / 2;

		if (t->cpus[middle].os <= os)
			low = middle;
		else
			high = middle;
	}
	return low;
}

/* Cores were read with the kernel's numbers. */
static void number_by_index(struct topology *t)
{
	for (unsigned int c = 0; c < t->n_cores; c++)
		for (unsigned int i = 0; i < t->cores[c].n_cpus; i++)
			t->cores[c].cpus[i] = index_of(t, t->cores[c].cpus[i]);
}

int topology_add_cpus(struct topology *t, const unsigned int *offline, unsigned int n_offline, struct isolat_error *err)
{
	size_t count = n_offline;

	for (unsigned int i = 0; i < t->n_cores; i++)
		count += t->cores[i].n_cpus;
	t->cpus = topology_alloc(count, sizeof(*t->cpus));
	if (!t->cpus)
		return topology_no_memory(err);
	for (unsigned int i = 0; i < t->n_cores; i++)
		add_core(t, i);
	for (unsigned int i = 0; i < n_offline; i++)
		t->cpus[t->n_cpus++] = (struct topology_cpu){ .os = offline[i],
							      .core = TOPOLOGY_NONE,
							      .l2 = TOPOLOGY_NONE,
							      .l3 = TOPOLOGY_NONE,
							      .node = TOPOLOGY_NONE,
							      .die = TOPOLOGY_NONE,
							      .package = TOPOLOGY_NONE };
	qsort(t->cpus, t->n_cpus, sizeof(*t->cpus), by_os);
	for (unsigned int i = 1; i < t->n_cpus; i++) {
		if (t->cpus[i].os == t->cpus[i - 1].os)
			return isolat_fail(err, ISOLAT_USAGE, "read topology", NULL, "CPU %u is there twice",
					   t->cpus[i].os);
	}
	number_by_index(t);
	return 0;
}
