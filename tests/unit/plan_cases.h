/* SPDX-License-Identifier: BSD-3-Clause */
/* The plans of test_plan_report.c, its only user, filled by hand: one at a time, in f. */
#ifndef ISOLAT_TEST_PLAN_CASES_H
#define ISOLAT_TEST_PLAN_CASES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "plan.h"

#define MIB (1ULL << 20)
#define GIB (1ULL << 30)
#define MAX 64 /* VMs, groups, agents */

/* A machine of like packages; nodes and L3s divide a package's cores. */
struct shape {
	unsigned int packages, nodes, l3s, cores, smt; /* all but the first of a package */
	uint64_t l3_bytes;
	unsigned int l3_step, node_step; /* from one id to the next */
	unsigned int hole;		 /* a CPU's number that there is not; 0: none */
};

static struct {
	struct profile profile;
	struct host host;
	struct plan plan;
	void *kept[4096];
	unsigned int n_kept;
} f;

static void *keep(size_t n, size_t size)
{
	assert_true(f.n_kept < sizeof(f.kept) / sizeof(f.kept[0]));
	f.kept[f.n_kept] = calloc(n, size);
	assert_non_null(f.kept[f.n_kept]);
	return f.kept[f.n_kept++];
}

static int forget(void **state)
{
	while (f.n_kept)
		free(f.kept[--f.n_kept]);
	memset(&f, 0, sizeof(f));
	return 0;
}

static char *word(const char *text)
{
	return strcpy(keep(strlen(text) + 1, 1), text);
}

static void add_core(struct topology *t, const struct shape *s, unsigned int core)
{
	unsigned int package = core / s->cores, in = core % s->cores, all = s->packages * s->cores;
	struct topology_core *c = &t->cores[core];

	*c = (struct topology_core){ .n_cpus = s->smt, .l2 = core, .package = package, .die = package };
	c->l3 = package * s->l3s + in * s->l3s / s->cores;
	c->node = package * s->nodes + in * s->nodes / s->cores;
	t->l3[c->l3].n_cores++;
	t->nodes[c->node].n_cores++;
	for (unsigned int i = 0; i < s->smt; i++) {
		unsigned int cpu = core + i * all;

		c->cpus[i] = cpu;
		t->cpus[cpu] = (struct topology_cpu){ .os = cpu + (s->hole && cpu >= s->hole),
						      .core = core,
						      .l2 = core,
						      .l3 = c->l3,
						      .node = c->node,
						      .die = package,
						      .package = package,
						      .online = true };
	}
}

static void make_topology(const struct shape *s)
{
	struct topology *t = &f.host.topology;

	t->source = word("a machine");
	t->n_cores = t->n_l2 = s->packages * s->cores;
	t->n_cpus = t->n_cores * s->smt;
	t->n_l3 = s->packages * s->l3s;
	t->n_nodes = s->packages * s->nodes;
	t->cpus = keep(t->n_cpus, sizeof(*t->cpus));
	t->cores = keep(t->n_cores, sizeof(*t->cores));
	t->l2 = keep(t->n_l2, sizeof(*t->l2));
	t->l3 = keep(t->n_l3, sizeof(*t->l3));
	t->nodes = keep(t->n_nodes, sizeof(*t->nodes));
	for (unsigned int i = 0; i < t->n_l2; i++)
		t->l2[i] = (struct topology_cache){ .id = i, .bytes = 2 * MIB, .n_cores = 1 };
	for (unsigned int i = 0; i < t->n_l3; i++)
		t->l3[i] = (struct topology_cache){ .id = i * s->l3_step, .bytes = s->l3_bytes };
	for (unsigned int i = 0; i < t->n_nodes; i++)
		t->nodes[i] = (struct topology_node){ .os = i * s->node_step, .bytes = 32 * GIB };
	for (unsigned int i = 0; i < t->n_cores; i++)
		add_core(t, s, i);
}

static void start(const struct shape *shape)
{
	make_topology(shape);
	f.profile.file = word("a.yaml");
	f.profile.classes = keep(MAX, sizeof(*f.profile.classes));
	f.profile.vms = keep(MAX, sizeof(*f.profile.vms));
	f.plan = (struct plan){ .profile = &f.profile, .host = &f.host };
	f.plan.vms = keep(MAX, sizeof(*f.plan.vms));
	f.plan.agents = keep(MAX, sizeof(*f.plan.agents));
	f.plan.groups = keep(MAX, sizeof(*f.plan.groups));
	f.plan.notes = keep(MAX, sizeof(*f.plan.notes));
	f.plan.default_l3 = keep(f.host.topology.n_l3, sizeof(uint64_t));
	f.plan.default_l3_code = keep(f.host.topology.n_l3, sizeof(uint64_t));
	f.plan.default_l2 = keep(f.host.topology.n_l2, sizeof(uint64_t));
}

static void give_rdt(unsigned int ways, uint64_t io, enum rdt_mb_unit unit)
{
	struct rdt_caps *caps = &f.host.caps;

	caps->source = word("a resctrl");
	caps->present = caps->l3.present = caps->mb.present = true;
	caps->l3.ways = ways;
	caps->l3.shareable = io;
	caps->mb.unit = unit;
}

/* Ends with -1. */
static struct plan_cpus cpus(int first, ...)
{
	struct plan_cpus set = { .cpu = keep(f.host.topology.n_cpus, sizeof(unsigned int)) };
	va_list ap;

	va_start(ap, first);
	for (int cpu = first; cpu >= 0; cpu = va_arg(ap, int))
		set.cpu[set.n++] = (unsigned int)cpu;
	va_end(ap);
	return set;
}

static unsigned int add_class(const char *name, bool dedicated, bool exclusive)
{
	struct profile_class *class = &f.profile.classes[f.profile.n_classes];

	*class = (struct profile_class){ .dedicated = dedicated, .exclusive = exclusive };
	snprintf(class->name, sizeof(class->name), "%s", name);
	return f.profile.n_classes++;
}

static struct plan_vm *add_vm(const char *name, unsigned int class, unsigned int vcpus, struct plan_cpus set,
			      unsigned int node, uint64_t bytes)
{
	struct plan_vm *vm = &f.plan.vms[f.plan.n_vms];

	struct profile_vm *asked = &f.profile.vms[f.profile.n_vms];

	*asked = (struct profile_vm){ .class = class, .vcpus = vcpus };
	snprintf(asked->name, sizeof(asked->name), "%s", name);
	*vm = (struct plan_vm){ .vm = f.profile.n_vms++, .cpus = set, .group = PLAN_NONE, .agent = PLAN_NONE };
	vm->memory = keep(MAX, sizeof(*vm->memory));
	vm->memory[vm->n_memory++] = (struct plan_memory){ node, bytes };
	f.plan.n_vms++;
	return vm;
}

static struct plan_group *add_group(const char *name, unsigned int class, unsigned int vm, bool exclusive)
{
	struct plan_group *group = &f.plan.groups[f.plan.n_groups++];
	unsigned int n_l3 = f.host.topology.n_l3;

	snprintf(group->name, sizeof(group->name), "isolat-%s", name);
	group->class = class;
	group->vm = vm;
	group->exclusive = exclusive;
	group->l3 = keep(n_l3, sizeof(uint64_t));
	group->mb = keep(n_l3, sizeof(uint64_t));
	return group;
}

static void add_note(const char *text)
{
	f.plan.notes[f.plan.n_notes++] = word(text);
}

/* One socket, 4 cores with siblings, 11 ways. */
static int make_small(void **state)
{
	static const struct shape shape = { 1, 1, 1, 4, 2, 33 * MIB / 2, 1, 1, 0 };
	unsigned int rt, batch;
	struct plan_group *g;

	start(&shape);
	give_rdt(11, 0x600, RDT_MB_PERCENT);
	rt = add_class("rt", true, true);
	batch = add_class("batch", false, false);
	f.plan.housekeeping = cpus(0, 4, -1);
	f.plan.agents[f.plan.n_agents++] = (struct plan_agent){ 0, cpus(1, 5, -1) };
	add_vm("db", rt, 2, cpus(6, 2, -1), 0, 8 * GIB);
	f.plan.vms[0].group = f.plan.vms[0].agent = 0;
	add_vm("b1", batch, 2, cpus(3, 7, -1), 0, 4 * GIB)->group = 2;
	add_vm("b2", batch, 1, cpus(3, 7, -1), 0, 3 * GIB / 2)->group = 2;
	add_vm("idle", add_class("best", false, false), 1, cpus(3, 7, -1), 0, GIB);
	add_group("db", rt, 0, true)->l3[0] = 0x7e0;
	add_group("timer", PLAN_NONE, PLAN_NONE, true)->l3[0] = 0x10;
	g = add_group("batch", batch, PLAN_NONE, false);
	g->l3[0] = 0x7;
	g->mb[0] = 50;
	f.plan.default_l3[0] = 0xf;
	add_note("db asked for 8 MiB of L3 and gets 9 MiB: 6 ways of 1.5 MiB");
	return 0;
}

/* Two sockets with sparse ids, CDP, L2 masks, others' groups, and a VM that spans both; CPU 5 is not there. */
static int make_two_sockets(void **state)
{
	static const struct shape shape = { 2, 1, 1, 4, 1, 20 * MIB, 3, 2, 5 };
	struct rdt_caps *caps = &f.host.caps;
	struct plan_group *g;
	unsigned int wide;

	start(&shape);
	give_rdt(20, 0, RDT_MB_MBPS);
	caps->l3.cdp = true;
	caps->l2 = (struct rdt_cache_caps){ .present = true, .ways = 8 };
	caps->groups = keep(2, sizeof(*caps->groups));
	caps->n_groups = 2;
	strcpy(caps->groups[0].name, "pqos-1");
	caps->groups[0].exclusive = true;
	caps->groups[0].l3 = (struct rdt_group_masks){ .n = 1, .domain = { 3 }, .value = { 0xf0000 } };
	caps->groups[0].l3_code = caps->groups[0].l3;
	strcpy(caps->groups[1].name, "isolat-old");
	caps->groups[1].l3 = (struct rdt_group_masks){ .n = 1, .domain = { 0 }, .value = { 0xf0000 } };
	wide = add_class("wide", true, true);
	f.plan.housekeeping = cpus(0, 4, -1);
	add_vm("span", wide, 4, cpus(2, 3, 6, 7, -1), 0, 16 * GIB)->group = 0;
	f.plan.vms[0].memory[f.plan.vms[0].n_memory++] = (struct plan_memory){ 1, 8 * GIB };
	add_vm("rest", add_class("best", false, false), 1, cpus(1, -1), 1, GIB);
	g = add_group("span", wide, 0, true);
	g->l3[0] = 0xff000;
	g->l3[1] = 0x0ff00;
	g->l3_code = keep(2, sizeof(uint64_t));
	g->l3_code[0] = 0x00f00;
	g->l3_code[1] = 0x00030;
	g->l2 = keep(f.host.topology.n_l2, sizeof(uint64_t));
	for (unsigned int l2 = 2; l2 < 8; l2 += l2 == 3 ? 3 : 1)
		g->l2[l2] = 0xf0;
	g->mb[0] = 4096;
	g->mb[1] = 2048;
	f.plan.default_l3[0] = f.plan.default_l3_code[0] = 0xff;
	f.plan.default_l3[1] = f.plan.default_l3_code[1] = 0xf;
	for (unsigned int l2 = 0; l2 < 8; l2++)
		f.plan.default_l2[l2] = g->l2[l2] ? 0xf : 0xff;
	return 0;
}

/* Two nodes in one L3. */
static int make_snc(void **state)
{
	static const struct shape shape = { 1, 2, 1, 6, 2, 30 * MIB, 1, 1, 0 };
	unsigned int rt;

	start(&shape);
	give_rdt(15, 0, RDT_MB_PERCENT);
	rt = add_class("rt", true, true);
	f.plan.housekeeping = cpus(0, 6, -1);
	add_vm("a", rt, 4, cpus(1, 7, 2, 8, -1), 0, GIB)->group = 0;
	add_vm("b", rt, 4, cpus(3, 9, 4, 10, -1), 1, GIB)->group = 1;
	add_group("a", rt, 0, true)->l3[0] = 0x7c00;
	add_group("b", rt, 1, true)->l3[0] = 0x03e0;
	f.plan.default_l3[0] = 0x1f;
	return 0;
}

static int make_no_rdt(void **state)
{
	static const struct shape shape = { 1, 1, 1, 3, 1, 0, 1, 1, 0 };

	start(&shape);
	f.plan.housekeeping = cpus(0, -1);
	add_vm("only", add_class("rt", true, true), 1, cpus(1, -1), 0, GIB);
	return 0;
}

/*
 * Two packages with 12 L3s each; 60 VMs, of which more have groups than there are letters; names that are long, or no
 * ASCII. The first two L3s have other masks than the rest.
 */
static int make_many(void **state)
{
	static const struct shape shape = { 2, 1, 12, 96, 2, 32 * MIB, 1, 1, 0 };
	unsigned int rt, n_l3 = 24;
	char name[120];

	start(&shape);
	give_rdt(16, 0x8000, RDT_MB_EIGHTH_GB);
	f.host.topology.nodes[1].bytes += GIB;
	rt = add_class("a-class-whose-name-is-not-short-at-all", true, false);
	f.plan.housekeeping = cpus(0, 192, 96, 288, -1);
	for (unsigned int v = 0; v < 60; v++) {
		snprintf(name, sizeof(name), v % 7 ? "vm%u" : v ? "b\303\244ckerei-%u" : "%062u", v);
		add_vm(name, rt, 4, cpus((int)v + 1, (int)v + 193, (int)v + 97, (int)v + 289, -1), v % 2, GIB)->group =
			v;
		add_group(name, rt, v, v == 0);
		for (unsigned int d = v ? 0 : n_l3; v < 3 && d < n_l3; d++) {
			f.plan.groups[v].l3[d] = d < 2 ? 0xf << (4 * d) : 0xf00;
			f.plan.groups[v].mb[d] = 12 + d / 12;
		}
	}
	f.plan.groups[0].l3[0] = 0xf000;
	for (unsigned int d = 0; d < n_l3; d++)
		f.plan.default_l3[d] = 0xffff & ~f.plan.groups[0].l3[d];
	add_note("a-note-with-a-word-that-is-longer-than-some-terminals-are-wide-and-then-some-more, and others that "
		 "are not");
	return 0;
}

/* More ways than a terminal has columns. */
static int make_64_ways(void **state)
{
	static const struct shape shape = { 1, 1, 1, 2, 1, 64 * MIB, 1, 1, 0 };

	start(&shape);
	give_rdt(64, 1ULL << 63, RDT_MB_PERCENT);
	f.plan.housekeeping = cpus(0, -1);
	add_vm("a", add_class("rt", true, true), 1, cpus(1, -1), 0, GIB)->group = 0;
	add_group("a", 0, 0, true)->l3[0] = 0xffULL << 56;
	f.plan.default_l3[0] = ~0ULL >> 8;
	return 0;
}

#endif
