// SPDX-License-Identifier: BSD-3-Clause
#include "plan_hint.h"

#include <stdlib.h>
#include <string.h>

#include "plan_view.h"

/* A copy of the profile in which one VM, and its class, can be changed. */
struct variant {
	const struct planner *w;
	struct profile profile;
	struct profile_vm *vm;
	struct profile_class *class; /* the VM's alone if it is exclusive, else all of its VMs' */
	char *text;
	size_t size;
};

static bool make_variant(const struct planner *w, struct variant *v)
{
	const struct profile *p = w->profile;
	unsigned int stuck = w->place.stuck, class = p->vms[stuck].class;

	v->profile = *p;
	v->profile.vms = calloc(p->n_vms, sizeof(*p->vms));
	v->profile.classes = calloc(p->n_classes + 1, sizeof(*p->classes));
	if (!v->profile.vms || !v->profile.classes)
		return false;
	memcpy(v->profile.vms, p->vms, p->n_vms * sizeof(*p->vms));
	memcpy(v->profile.classes, p->classes, p->n_classes * sizeof(*p->classes));
	v->vm = &v->profile.vms[stuck];
	if (p->classes[class].exclusive) {
		v->profile.classes[v->profile.n_classes++] = p->classes[class];
		class = v->profile.n_classes - 1;
	}
	v->vm->class = class;
	v->class = &v->profile.classes[class];
	return true;
}

static void free_variant(struct variant *v)
{
	free(v->profile.vms);
	free(v->profile.classes);
}

static bool fits(const struct variant *v)
{
	return plan_fits(&v->profile, v->w->host);
}

/* ---- Less of a number ---- */

typedef void (*set_number)(struct variant *v, unsigned int n);

/* The largest number of steps below @asked, at least @least, with which it fits; 0: none. More always needs more. */
static unsigned int most_that_fits(struct variant *v, set_number set, unsigned int least, unsigned int asked)
{
	unsigned int most = 0;

	while (least < asked) {
		unsigned int n = least + (asked - least) / 2;

		set(v, n);
		if (fits(v)) {
			most = n;
			least = n + 1;
		} else {
			asked = n;
		}
	}
	return most;
}

static void set_l3(struct variant *v, unsigned int n)
{
	v->class->l3 = (struct profile_amount){ .unit = PROFILE_WAYS, .value = n };
}

static void set_l2(struct variant *v, unsigned int n)
{
	v->class->l2 = (struct profile_amount){ .unit = PROFILE_WAYS, .value = n };
}

static unsigned int most_asked(const struct place_ways *ways, unsigned int n, unsigned int all)
{
	unsigned int most = 0;

	for (unsigned int d = 0; ways && d < n; d++) {
		unsigned int asked = ways[d].run[0] + ways[d].shared;

		most = asked > most && asked <= all ? asked : most;
	}
	return most;
}

static bool with_fewer_ways(struct variant *v, bool l2)
{
	const struct planner *w = v->w;
	const struct place_vm *vm = &w->place.vms[w->place.stuck];
	const struct rdt_cache_caps *caps = l2 ? &w->host->caps.l2 : &w->host->caps.l3;
	struct profile_amount *amount = l2 ? &v->class->l2 : &v->class->l3, asked = *amount;
	unsigned int ways = most_asked(l2 ? vm->l2 : vm->ways, l2 ? w->place.n_l2 : w->place.n_l3, caps->ways), n;

	if (!asked.unit)
		return false;
	n = most_that_fits(v, l2 ? set_l2 : set_l3, caps->min_ways ? caps->min_ways : 1, ways);
	*amount = asked;
	if (n)
		snprintf(v->text, v->size, "with %u way%s of %s in place of %u%s%s it fits", n, n == 1 ? "" : "s",
			 l2 ? "L2" : "L3", ways, v->class->exclusive ? "" : " for class ",
			 v->class->exclusive ? "" : v->class->name);
	return n;
}

static bool with_io_ways(struct variant *v)
{
	bool asked = v->class->io_ways;

	if (asked || !v->class->exclusive || !(v->w->host->caps.l3.shareable | v->w->host->caps.l2.shareable))
		return false;
	v->class->io_ways = true;
	if (fits(v)) {
		snprintf(v->text, v->size, "with io_ways: yes in class %s it fits", v->class->name);
		return true;
	}
	v->class->io_ways = asked;
	return false;
}

/* ---- Fewer CPUs ---- */

static unsigned int cpus_a_core(const struct variant *v)
{
	const struct topology *t = v->w->t;
	unsigned int most = 1;

	for (unsigned int c = 0; c < t->n_cores && v->class->dedicated && v->class->whole_cores; c++)
		most = t->cores[c].n_cpus > most ? t->cores[c].n_cpus : most;
	return most;
}

static void set_cores(struct variant *v, unsigned int n)
{
	v->vm->vcpus = n * cpus_a_core(v);
}

static bool with_fewer_cpus(struct variant *v)
{
	unsigned int asked = v->vm->vcpus, smt = cpus_a_core(v);
	unsigned int n = most_that_fits(v, set_cores, 1, (asked + smt - 1) / smt) * smt;

	v->vm->vcpus = asked;
	if (n)
		snprintf(v->text, v->size, "with %u vCPU%s in place of %u it fits", n, n == 1 ? "" : "s", asked);
	return n;
}

/* ---- Less memory ---- */

static bool with_less_memory(struct variant *v, const struct plan_left *left)
{
	uint64_t asked = v->vm->memory, bytes = left->memory & ~((1ULL << 20) - 1);
	char less[PLAN_SIZE_TEXT], more[PLAN_SIZE_TEXT];

	if (!left->known || !bytes || bytes >= asked)
		return false;
	v->vm->memory = bytes;
	if (fits(v)) {
		snprintf(v->text, v->size, "with %s in place of %s it fits", plan_size_text(bytes, less),
			 plan_size_text(asked, more));
		return true;
	}
	v->vm->memory = asked;
	return false;
}

/* ---- The timer, or the VM as a whole ---- */

static bool without_timers(struct variant *v)
{
	bool *asked = calloc(v->profile.n_vms, sizeof(*asked)), fit;

	for (unsigned int i = 0; asked && i < v->profile.n_vms; i++) {
		asked[i] = v->profile.vms[i].exitless_timer;
		v->profile.vms[i].exitless_timer = false;
	}
	fit = asked && fits(v);
	for (unsigned int i = 0; asked && i < v->profile.n_vms; i++)
		v->profile.vms[i].exitless_timer = asked[i];
	free(asked);
	if (fit)
		snprintf(v->text, v->size, "without the exitless timer it fits");
	return fit;
}

/* The last one in the list takes its place. */
static bool without_it(struct variant *v)
{
	*v->vm = v->profile.vms[--v->profile.n_vms];
	if (!v->profile.n_vms || !fits(v))
		return false;
	snprintf(v->text, v->size, "without %s the others fit", v->w->profile->vms[v->w->place.stuck].name);
	return true;
}

static bool with_less_of(struct variant *v, enum plan_short is_short, const struct plan_left *left)
{
	switch (is_short) {
	case PLAN_SHORT_L3:
		return with_fewer_ways(v, false) || with_io_ways(v);
	case PLAN_SHORT_L2:
		return with_fewer_ways(v, true) || with_io_ways(v);
	case PLAN_SHORT_MEMORY:
		return with_less_memory(v, left);
	case PLAN_SHORT_AGENT:
		return without_timers(v);
	case PLAN_SHORT_CPUS:
		return with_fewer_cpus(v);
	default:
		return false;
	}
}

bool plan_hint_nearest(const struct planner *w, enum plan_short is_short, const struct plan_left *left, char *text,
		       size_t size)
{
	struct variant v = { .w = w, .text = text, .size = size };
	bool found;

	found = make_variant(w, &v) && (with_less_of(&v, is_short, left) || with_fewer_ways(&v, false) ||
					with_fewer_ways(&v, true) || with_fewer_cpus(&v) || without_it(&v));
	free_variant(&v);
	return found;
}
