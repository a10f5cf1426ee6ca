// SPDX-License-Identifier: BSD-3-Clause
/* Says why a profile does not fit: what was asked, what there is, who asks for the rest, and what would fit. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "plan_view.h"
#include "plan_work.h"

struct text {
	char *at;
	size_t left;
};

__attribute__((format(printf, 2, 3))) static void say(struct text *text, const char *format, ...)
{
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(text->at, text->left, format, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= text->left)
		n = text->left ? (int)text->left - 1 : 0;
	text->at += n;
	text->left -= (size_t)n;
}

/* "node 0: 7 cores, 64 GiB" */
static void say_there(const struct planner *w, struct text *text)
{
	for (unsigned int node = 0; node < w->place.n_nodes; node++) {
		unsigned int cores = 0;
		char memory[PLAN_SIZE_TEXT];

		for (unsigned int i = 0; i < w->place.n_cells; i++)
			cores += w->place.cells[i].node == node ? w->place.cells[i].n_cores : 0;
		say(text, "%snode %u: %u cores, %s", node ? "; " : "", w->t->nodes[node].os, cores,
		    plan_size_text(w->t->nodes[node].bytes, memory));
	}
	if (w->host->caps.l3.present)
		say(text, "; %u ways an L3", w->host->caps.l3.ways);
}

static void say_asked(const struct planner *w, unsigned int i, struct text *text)
{
	const struct place_vm *vm = &w->place.vms[i];
	char memory[PLAN_SIZE_TEXT];

	say(text, "%u %sCPUs, %s", vm->cpus, vm->dedicated ? "" : "shared ", plan_size_text(vm->memory, memory));
	if (w->t->n_l3 && vm->ways[0].run[0])
		say(text, ", %u ways", vm->ways[0].run[0] + vm->ways[0].run[1]);
}

static void say_others(const struct planner *w, struct text *text)
{
	const char *comma = "";

	for (unsigned int i = 0; i < w->place.n_vms; i++) {
		if (i == w->place.stuck)
			continue;
		if (text->left < 100) {
			say(text, ", and more");
			return;
		}
		say(text, "%s%s (", comma, w->profile->vms[i].name);
		say_asked(w, i, text);
		say(text, ")");
		comma = ", ";
	}
}

/* ---- What would fit ---- */

/* A copy of the profile in which one VM, and the class that only it has, can be changed. */
struct variant {
	struct profile profile;
	struct profile_vm *vm;
	struct profile_class *class;
};

static bool make_variant(const struct profile *p, unsigned int stuck, struct variant *v)
{
	v->profile = *p;
	v->profile.vms = calloc(p->n_vms, sizeof(*p->vms));
	v->profile.classes = calloc(p->n_classes + 1, sizeof(*p->classes));
	if (!v->profile.vms || !v->profile.classes)
		return false;
	memcpy(v->profile.vms, p->vms, p->n_vms * sizeof(*p->vms));
	memcpy(v->profile.classes, p->classes, p->n_classes * sizeof(*p->classes));
	v->vm = &v->profile.vms[stuck];
	v->class = &v->profile.classes[v->profile.n_classes++];
	*v->class = p->classes[p->vms[stuck].class];
	v->vm->class = v->profile.n_classes - 1;
	return true;
}

static void free_variant(struct variant *v)
{
	free(v->profile.vms);
	free(v->profile.classes);
}

static bool fits(const struct variant *v, const struct host *host)
{
	struct isolat_error err;
	struct plan plan;

	if (plan_try(&v->profile, host, &plan, &err))
		return false;
	plan_free(&plan);
	return true;
}

#define NEAREST_TRIES 16

static bool with_fewer_ways(const struct planner *w, struct variant *v, unsigned int ways, char *text, size_t size)
{
	struct profile_amount asked = v->class->l3;

	if (!asked.unit || !v->class->exclusive)
		return false;
	for (unsigned int n = ways; n-- > 1 && ways - n <= NEAREST_TRIES;) {
		v->class->l3 = (struct profile_amount){ .unit = PROFILE_WAYS, .value = n };
		if (n < w->host->caps.l3.min_ways || !fits(v, w->host))
			continue;
		snprintf(text, size, "with %u ways of L3 in place of %u it fits", n, ways);
		return true;
	}
	v->class->l3 = asked;
	return false;
}

static bool with_fewer_cpus(const struct planner *w, struct variant *v, char *text, size_t size)
{
	unsigned int asked = v->vm->vcpus;

	for (unsigned int n = asked; n-- > 1 && asked - n <= 4 * NEAREST_TRIES;) {
		v->vm->vcpus = n;
		if (!fits(v, w->host))
			continue;
		snprintf(text, size, "with %u vCPUs in place of %u it fits", n, asked);
		return true;
	}
	v->vm->vcpus = asked;
	return false;
}

/* A VM less is the last in the list, where one can be left out. */
static bool without_it(const struct planner *w, struct variant *v, char *text, size_t size)
{
	*v->vm = v->profile.vms[--v->profile.n_vms];
	if (!fits(v, w->host))
		return false;
	snprintf(text, size, "without %s the others fit", w->profile->vms[w->place.stuck].name);
	return true;
}

static void hint_nearest(const struct planner *w)
{
	unsigned int stuck = w->place.stuck;
	struct variant v = { 0 };
	char text[200] = "";

	if (make_variant(w->profile, stuck, &v)) {
		const struct place_ways *ways = &w->place.vms[stuck].ways[0];

		if (with_fewer_ways(w, &v, w->t->n_l3 ? ways->run[0] : 0, text, sizeof(text)) ||
		    with_fewer_cpus(w, &v, text, sizeof(text)) || without_it(w, &v, text, sizeof(text)))
			isolat_hint(w->err, "%s", text);
		else
			isolat_hint(w->err, "it does not fit without it either: VMs or their wishes must go");
	}
	free_variant(&v);
}

int plan_refuse(struct planner *w, bool with_hint)
{
	const struct place *place = &w->place;
	char there[160], asked[80], others[240];
	struct text text;

	text = (struct text){ there, sizeof(there) };
	say_there(w, &text);
	if (place->stuck >= place->n_vms) {
		isolat_fail(w->err, ISOLAT_NO_FIT, "plan", "all VMs",
			    "their own CPUs find a place, but not the pools, the timer agents' cores, or all of the "
			    "memory (there "
			    "is %s)",
			    there);
		return isolat_hint(w->err, "fewer vCPUs in dedicated classes, or less memory, leave more to the pools");
	}
	text = (struct text){ asked, sizeof(asked) };
	say_asked(w, place->stuck, &text);
	text = (struct text){ others, sizeof(others) };
	*others = '\0';
	say_others(w, &text);
	isolat_fail(w->err, ISOLAT_NO_FIT, "plan", w->profile->vms[place->stuck].name,
		    "asks for %s; there is %s; others ask for %s%s", asked, there, *others ? others : "nothing",
		    place->gave_up ? "; not everything was tried" : "");
	isolat_hint(w->err, "fewer VMs, or less of what they ask for");
	if (with_hint && !place->gave_up)
		hint_nearest(w);
	return -1;
}
