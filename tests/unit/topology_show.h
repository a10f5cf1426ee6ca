/* SPDX-License-Identifier: BSD-3-Clause */
/* A topology as text for comparisons, and what is true of every one. For tests that include cmocka.h before. */
#ifndef ISOLAT_TOPOLOGY_SHOW_H
#define ISOLAT_TOPOLOGY_SHOW_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "topology.h"

/* "3", or "-" for none */
static void show_index(FILE *out, const char *name, unsigned int index)
{
	if (index == TOPOLOGY_NONE)
		fprintf(out, " %s-", name);
	else
		fprintf(out, " %s%u", name, index);
}

static void show_caches(FILE *out, const char *name, const struct topology_cache *caches, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		fprintf(out, "%s %u: %llu K %u\n", name, caches[i].id, (unsigned long long)caches[i].bytes >> 10,
			caches[i].n_cores);
}

static void show_core(FILE *out, const struct topology *t, const struct topology_core *core)
{
	for (unsigned int i = 0; i < core->n_cpus; i++)
		fprintf(out, "%s%u", i ? "," : "core ", t->cpus[core->cpus[i]].os);
	fprintf(out, ":");
	show_index(out, "L2 ", core->l2);
	show_index(out, "L3 ", core->l3);
	show_index(out, "N", core->node);
	show_index(out, "D", core->die);
	show_index(out, "P", core->package);
	fprintf(out, "\n");
}

/* All of a topology, as text: caches and nodes with how many cores they have. */
static char *show(const struct topology *t)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	fprintf(out, "%u packages, %u dies, level %u\n", t->n_packages, t->n_dies, t->l3_level);
	for (unsigned int i = 0; i < t->n_nodes; i++) {
		fprintf(out, "node %u: %llu K %u", t->nodes[i].os, (unsigned long long)t->nodes[i].bytes >> 10,
			t->nodes[i].n_cores);
		show_index(out, "P", t->nodes[i].package);
		fprintf(out, "\n");
	}
	show_caches(out, "L3", t->l3, t->n_l3);
	show_caches(out, "L2", t->l2, t->n_l2);
	for (unsigned int i = 0; i < t->n_cores; i++)
		show_core(out, t, &t->cores[i]);
	for (unsigned int i = 0; i < t->n_cpus; i++) {
		if (!t->cpus[i].online)
			fprintf(out, "offline %u\n", t->cpus[i].os);
	}
	for (unsigned int i = 0; i < t->n_devices; i++) {
		fprintf(out, "device %s %s", t->devices[i].bus, t->devices[i].name);
		show_index(out, "N", t->devices[i].node);
		fprintf(out, "\n");
	}
	fclose(out);
	return text;
}

/* What the header promises of any topology. */
static void check_cpus(const struct topology *t)
{
	unsigned int online = 0;

	for (unsigned int i = 0; i < t->n_cpus; i++) {
		const struct topology_cpu *cpu = &t->cpus[i];
		const struct topology_core *core = cpu->core == TOPOLOGY_NONE ? NULL : &t->cores[cpu->core];
		bool found = false;

		assert_true(!i || cpu->os > cpu[-1].os);
		assert_int_equal(cpu->online, core != NULL);
		online += cpu->online;
		for (unsigned int j = 0; core && j < core->n_cpus; j++)
			found |= core->cpus[j] == i;
		assert_int_equal(found, cpu->online);
		assert_int_equal(cpu->l2, core ? core->l2 : TOPOLOGY_NONE);
		assert_int_equal(cpu->l3, core ? core->l3 : TOPOLOGY_NONE);
		assert_int_equal(cpu->node, core ? core->node : TOPOLOGY_NONE);
		assert_int_equal(cpu->die, core ? core->die : TOPOLOGY_NONE);
		assert_int_equal(cpu->package, core ? core->package : TOPOLOGY_NONE);
	}
	for (unsigned int i = 0; i < t->n_cores; i++) {
		assert_true(!i || t->cores[i].cpus[0] > t->cores[i - 1].cpus[0]);
		online -= t->cores[i].n_cpus;
	}
	assert_int_equal(online, 0);
}

/* To JSON text and back: the same, and the same bytes again. */
static void check_json(const struct topology *t)
{
	json_t *json = topology_to_json(t), *again, *parsed;
	struct topology back;
	struct isolat_error err;
	char *first, *second, *before = show(t), *after;

	assert_non_null(json);
	first = json_dumps(json, 0);
	parsed = json_loads(first, 0, NULL);
	if (topology_from_json(parsed, &back, &err))
		fail_msg("its own JSON is refused: %s", err.reason);
	check_cpus(&back);
	assert_string_equal(back.source, t->source);
	assert_false(back.live);
	assert_int_equal(back.n_cpus, t->n_cpus);
	after = show(&back);
	assert_string_equal(after, before);
	again = topology_to_json(&back);
	second = json_dumps(again, 0);
	assert_string_equal(second, first);
	topology_free(&back);
	json_decref(json);
	json_decref(parsed);
	json_decref(again);
	free(first);
	free(second);
	free(before);
	free(after);
}

#endif
