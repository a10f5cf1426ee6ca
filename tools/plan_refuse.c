// SPDX-License-Identifier: BSD-3-Clause
/* Says why a profile does not fit: which resource is short, who has it, and what would fit. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "plan_hint.h"
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

/* ---- In general: what is asked for, what there is ---- */

/* "node 0: 7 cores, 64 GiB" */
static void say_there(const struct planner *w, struct text *text)
{
	for (unsigned int node = 0; node < w->place.n_nodes; node++) {
		unsigned int cores = 0;
		char memory[PLAN_SIZE_TEXT];

		if (text->left < 60) {
			say(text, "; and more");
			return;
		}
		for (unsigned int i = 0; i < w->place.n_cells; i++)
			cores += w->place.cells[i].node == node ? w->place.cells[i].n_cores : 0;
		say(text, "%snode %u: %u core%s, %s", node ? "; " : "", w->t->nodes[node].os, cores,
		    cores == 1 ? "" : "s", plan_size_text(w->t->nodes[node].bytes, memory));
	}
	if (w->host->caps.l3.present)
		say(text, "; %u ways an L3", w->host->caps.l3.ways);
}

static void say_asked(const struct planner *w, unsigned int i, struct text *text)
{
	const struct place_vm *vm = &w->place.vms[i];
	char memory[PLAN_SIZE_TEXT];

	say(text, "%u %sCPU%s, %s", vm->cpus, vm->dedicated ? "" : "shared ", vm->cpus == 1 ? "" : "s",
	    plan_size_text(vm->memory, memory));
	if (w->t->n_l3 && vm->ways[0].run[0])
		say(text, ", %u ways", vm->ways[0].run[0] + vm->ways[0].run[1]);
}

static void say_in_general(const struct planner *w, struct text *text)
{
	say(text, "asks for ");
	say_asked(w, w->place.stuck, text);
	say(text, "; there is ");
	say_there(w, text);
}

/* ---- One resource ---- */

/* What is wrong, where, and beside whom. */
struct shortage {
	const struct planner *w;
	enum plan_short is_short;
	const struct place_vm *vm;
	const char *class;
	struct plan_beside beside;
	struct plan_left left;
};

static bool says_l3(const struct shortage *s)
{
	return s->is_short == PLAN_SHORT_L3;
}

static unsigned int asked_ways(const struct shortage *s)
{
	const struct place_ways *ways = says_l3(s) ? s->vm->ways : s->vm->l2;

	return ways ? ways[s->left.at].run[0] + ways[s->left.at].run[1] + ways[s->left.at].shared : 0;
}

static bool ways_are_all_io(const struct shortage *s)
{
	const struct rdt_cache_caps *caps = says_l3(s) ? &s->w->host->caps.l3 : &s->w->host->caps.l2;

	return !(ways_mask(0, caps->ways) & ~caps->shareable);
}

/* What a default group that has not all ways has to do with it. */
static void say_default(const struct shortage *s, struct text *text)
{
	const struct place *p = &s->beside.place;
	const struct ways_domain *domain = says_l3(s) ? &p->l3[s->left.at] : &p->l2[s->left.at];
	uint64_t had = domain->had[0] | domain->had[1];

	if (had && ways_mask(0, domain->ways) & ~had)
		say(text, "; the default group has the ways %llx there, of which it keeps %u at least",
		    (unsigned long long)had, domain->least);
}

#define OTHERS_SAID 3

/* "; others' groups: qemu-1-db has 38, pqos all": nobody can have these ways alone. */
static void say_others(const struct shortage *s, unsigned int id, struct text *text)
{
	const struct rdt_caps *caps = &s->w->host->caps;
	uint64_t all = ways_mask(0, says_l3(s) ? caps->l3.ways : caps->l2.ways);
	unsigned int said = 0;

	for (unsigned int i = 0; i < caps->n_groups && said <= OTHERS_SAID; i++) {
		const struct rdt_group *group = &caps->groups[i];
		uint64_t held = says_l3(s) ? plan_mask_in(&group->l3, id) | plan_mask_in(&group->l3_code, id)
					   : plan_mask_in(&group->l2, id) | plan_mask_in(&group->l2_code, id);

		if (!held || !plan_is_foreign(group))
			continue;
		if (said == OTHERS_SAID)
			say(text, ", and more");
		else if (held == all)
			say(text, "%s%.100s has all", said ? ", " : "; others' groups: ", group->name);
		else
			say(text, "%s%.100s has %llx", said ? ", " : "; others' groups: ", group->name,
			    (unsigned long long)held);
		said++;
	}
}

static bool say_ways(const struct shortage *s, struct text *text)
{
	const struct topology *t = s->w->t;
	const struct rdt_cache_caps *caps = says_l3(s) ? &s->w->host->caps.l3 : &s->w->host->caps.l2;
	const char *name = says_l3(s) ? "L3" : "L2";
	unsigned int asked = asked_ways(s), id;

	if (s->left.known && asked <= s->left.ways && s->vm->timer && says_l3(s) && s->w->place.agent.run[0]) {
		say(text,
		    "L3 ways are short: a timer agent asks for %u of its own, and no L3 with a free core has them",
		    s->w->place.agent.run[0]);
		return true;
	}
	/* Data and code apart, say, may be short though each would find room. */
	if (!s->left.known || asked <= s->left.ways)
		return false;
	id = says_l3(s) ? t->l3[s->left.at].id : t->l2[s->left.at].id;
	say(text, "%s ways are short: %u %s asked for, and ", name, asked, asked == 1 ? "is" : "are");
	if (s->left.with_io > s->left.ways && ways_are_all_io(s))
		say(text, "all %u of %s %u are used by I/O, which class %s does not allow (io_ways)", caps->ways, name,
		    id, s->class);
	else if (s->left.with_io > s->left.ways)
		say(text,
		    "%u of %u are left in %s %u, %u with those that I/O uses and class %s does not allow (io_ways)",
		    s->left.ways, caps->ways, name, id, s->left.with_io, s->class);
	else
		say(text, "%u of %u are left in %s %u", s->left.ways, caps->ways, name, id);
	say_others(s, id, text);
	say_default(s, text);
	return true;
}

static bool takes_from_all(const struct place_vm *vm)
{
	return vm->memory_any || vm->span;
}

/* Of the memory of all nodes, what the VM may have: for those that take it from anywhere. */
static void sum_memory(struct shortage *s)
{
	const struct planner *w = s->w;
	uint64_t there = 0, asked = 0;

	for (unsigned int node = 0; node < w->t->n_nodes; node++)
		there += w->t->nodes[node].bytes;
	for (unsigned int i = 0; i < w->place.n_vms; i++)
		asked += i == w->place.stuck ? 0 : w->place.vms[i].memory;
	s->left = (struct plan_left){ .known = true, .at = PLACE_ANY, .memory = there > asked ? there - asked : 0 };
}

/* Where it could be: " in one node", " in node 1", or anywhere. */
static void say_asked_where(const struct shortage *s, bool one, struct text *text)
{
	say(text, " %s asked for", one ? "is" : "are");
	if (s->left.at != PLACE_ANY && s->vm->node != PLACE_ANY)
		say(text, " in node %u", s->w->t->nodes[s->vm->node].os);
	else if (s->left.at != PLACE_ANY && s->w->t->n_nodes > 1)
		say(text, " in one node");
}

static void say_left_where(const struct shortage *s, struct text *text)
{
	if (s->left.at == PLACE_ANY)
		say(text, " in all %u nodes", s->w->t->n_nodes);
	else
		say(text, " in node %u", s->w->t->nodes[s->left.at].os);
}

static bool say_memory(const struct shortage *s, struct text *text)
{
	char size[PLAN_SIZE_TEXT];

	if (!s->left.known || s->vm->memory <= s->left.memory)
		return false;
	say(text, "memory is short: %s", plan_size_text(s->vm->memory, size));
	say_asked_where(s, false, text);
	say(text, ", and %s", plan_size_text(s->left.memory, size));
	if (s->left.at != PLACE_ANY)
		say(text, " of %s", plan_size_text(s->w->t->nodes[s->left.at].bytes, size));
	say(text, " are left");
	say_left_where(s, text);
	return true;
}

static bool say_cpus(const struct shortage *s, struct text *text)
{
	const char *what = s->vm->whole ? " in whole cores" : s->vm->dedicated ? "" : " in a pool";
	bool agent = s->vm->timer && s->vm->cpus <= s->left.cpus;

	if (!s->left.known || (s->vm->cpus <= s->left.cpus && !agent))
		return false;
	say(text, "%s are short: %u CPU%s%s%s", s->vm->whole || agent ? "cores" : "CPUs", s->vm->cpus,
	    s->vm->cpus == 1 ? "" : "s", what, agent ? " and a core for a timer agent" : "");
	say_asked_where(s, s->vm->cpus == 1 && !agent, text);
	say(text, ", and %u %s left", s->left.cpus, s->left.cpus == 1 ? "is" : "are");
	say_left_where(s, text);
	return true;
}

static bool say_short(const struct shortage *s, struct text *text)
{
	switch (s->is_short) {
	case PLAN_SHORT_L3:
	case PLAN_SHORT_L2:
		return say_ways(s, text);
	case PLAN_SHORT_MEMORY:
		return say_memory(s, text);
	case PLAN_SHORT_CPUS:
		return say_cpus(s, text);
	case PLAN_SHORT_AGENT:
		say(text,
		    "cores are short: each node with VMs that want the exitless timer needs 1 for its agent, and no "
		    "core is left");
		return true;
	default:
		return false;
	}
}

/* What is short, where its amounts say too little. */
static const char *name_of(enum plan_short is_short)
{
	static const char *const names[] = {
		[PLAN_SHORT_L3] = "L3 ways are short",
		[PLAN_SHORT_L2] = "L2 ways are short",
		[PLAN_SHORT_MEMORY] = "memory is short",
		[PLAN_SHORT_BOTH] = "cache ways and memory are short",
		[PLAN_SHORT_AGENT] = "cores are short",
		[PLAN_SHORT_CPUS] = "cores are short",
		[PLAN_SHORT_UNKNOWN] = "it could not be told what is short",
	};

	return names[is_short];
}

/* ---- Who holds it ---- */

#define MAX_HOLDERS 3

/* What a VM has where most is left, 0: nothing. */
static uint64_t held(const struct shortage *s, unsigned int i)
{
	const struct place_vm *vm = &s->beside.place.vms[i];
	const struct place_ways *ways;
	unsigned int at = s->left.at;

	switch (s->is_short) {
	case PLAN_SHORT_L3:
	case PLAN_SHORT_L2:
		ways = says_l3(s) ? vm->ways : vm->l2;
		return ways && plan_is_in_domain(&s->beside, i, !says_l3(s), at)
			       ? ways[at].run[0] + ways[at].run[1] + ways[at].shared
			       : 0;
	case PLAN_SHORT_MEMORY:
		return at == PLACE_ANY || plan_is_in_node(&s->beside, i, at) ? vm->memory : 0;
	case PLAN_SHORT_CPUS:
		return vm->dedicated && (at == PLACE_ANY || plan_is_in_node(&s->beside, i, at)) ? vm->cpus : 0;
	default:
		return 0;
	}
}

static void say_holder(const struct shortage *s, const char *name, uint64_t amount, struct text *text)
{
	const char *unit = s->is_short == PLAN_SHORT_CPUS ? "CPU" : "way";
	char bytes[PLAN_SIZE_TEXT];

	if (s->is_short == PLAN_SHORT_MEMORY)
		say(text, "%.30s has %s", name, plan_size_text(amount, bytes));
	else
		say(text, "%.30s has %llu %s%s", name, (unsigned long long)amount, unit, amount == 1 ? "" : "s");
}

/* "db has 6 ways, batch has 3 ways and 2 more have some; " */
static void say_holders(const struct shortage *s, struct text *text)
{
	unsigned int n = 0, more = 0;

	for (unsigned int i = 0; s->left.known && i < s->beside.place.n_vms; i++) {
		uint64_t amount = held(s, i);

		if (!amount)
			continue;
		if (n == MAX_HOLDERS) {
			more++;
			continue;
		}
		say(text, "%s", n++ ? ", " : "");
		say_holder(s, s->w->profile->vms[s->beside.vm[i]].name, amount, text);
	}
	if (more)
		say(text, ", and %u more %s some", more, more == 1 ? "has" : "have");
	if (n)
		say(text, "; ");
}

/* ---- The whole ---- */

static void find_left(struct shortage *s)
{
	bool span = s->vm->span;

	if (s->is_short == PLAN_SHORT_L3 || s->is_short == PLAN_SHORT_L2)
		s->left = plan_left_ways(s->w, &s->beside, s->is_short == PLAN_SHORT_L2);
	else if (s->is_short == PLAN_SHORT_MEMORY && !takes_from_all(s->vm))
		s->left = plan_left_in_node(s->w, &s->beside, true);
	else if (s->is_short == PLAN_SHORT_MEMORY)
		sum_memory(s);
	else if (s->is_short == PLAN_SHORT_CPUS)
		s->left = span ? plan_left_in_all(s->w, &s->beside) : plan_left_in_node(s->w, &s->beside, false);
}

/* Says what is short, and if no search has told, what looks so beside the others. */
static bool find_and_say(struct shortage *s, struct text *text)
{
	static const enum plan_short any[] = { PLAN_SHORT_CPUS, PLAN_SHORT_MEMORY, PLAN_SHORT_L3, PLAN_SHORT_L2 };

	if (s->is_short != PLAN_SHORT_UNKNOWN) {
		find_left(s);
		return say_short(s, text);
	}
	for (unsigned int i = 0; i < sizeof(any) / sizeof(any[0]); i++) {
		s->is_short = any[i];
		find_left(s);
		if (say_short(s, text))
			return true;
	}
	s->is_short = PLAN_SHORT_UNKNOWN;
	s->left.known = false;
	return false;
}

static void say_limit(const struct planner *w, struct text *text)
{
	if (w->place.gave_up)
		say(text, "; the search ended at its limit of %u steps, so that not everything was tried",
		    PLACE_BUDGET);
}

static void hint(const struct planner *w, const struct shortage *s, bool with_nearest)
{
	char all[256] = "", nearest[160];
	struct text text = { all, sizeof(all) };

	say_holders(s, &text);
	if (!with_nearest)
		say(&text, "fewer VMs, or less of what they ask for");
	else if (plan_hint_nearest(w, s->is_short, &s->left, nearest, sizeof(nearest)))
		say(&text, "%s", nearest);
	else
		say(&text, "it does not fit without it either: VMs or their wishes must go");
	isolat_hint(w->err, "%s", all);
}

static int refuse_vm(struct planner *w, enum plan_short is_short, bool with_hint)
{
	struct shortage s = { .w = w, .vm = &w->place.vms[w->place.stuck], .is_short = is_short };
	char reason[512] = "";
	struct text text = { reason, sizeof(reason) };
	bool beside = false;

	s.class = plan_class(w, w->place.stuck)->name;
	beside = plan_place_beside(w, is_short, &s.beside);
	if (!beside || !find_and_say(&s, &text)) {
		say(&text, "%s: ", name_of(s.is_short));
		say_in_general(w, &text);
	}
	say_limit(w, &text);
	isolat_fail(w->err, ISOLAT_NO_FIT, "plan", w->profile->vms[w->place.stuck].name, "%s", reason);
	hint(w, &s, with_hint);
	if (beside)
		plan_free_beside(&s.beside);
	return -1;
}

/* All have CPUs, but then the pools or the memory are too small. */
static int refuse_all(const struct planner *w, enum plan_short is_short)
{
	char reason[512] = "", asked[PLAN_SIZE_TEXT], all[PLAN_SIZE_TEXT];
	struct text text = { reason, sizeof(reason) };
	uint64_t memory = 0, there = 0;

	for (unsigned int i = 0; i < w->place.n_vms; i++)
		memory += w->place.vms[i].memory;
	for (unsigned int node = 0; node < w->t->n_nodes; node++)
		there += w->t->nodes[node].bytes;
	if (is_short == PLAN_SHORT_MEMORY)
		say(&text,
		    "memory is short: %s are asked for, %s are there, and not in the nodes where they could be used",
		    plan_size_text(memory, asked), plan_size_text(there, all));
	else
		say(&text, "%s: the VMs' own CPUs are found, but then the pools are too small", name_of(is_short));
	say(&text, " (there is ");
	say_there(w, &text);
	say(&text, ")");
	say_limit(w, &text);
	isolat_fail(w->err, ISOLAT_NO_FIT, "plan", "all VMs", "%s", reason);
	return isolat_hint(w->err, "fewer vCPUs in dedicated classes, or less memory, leave more to the others");
}

int plan_refuse(struct planner *w, bool with_hint)
{
	enum plan_short is_short = PLAN_SHORT_UNKNOWN;

	/* Who tries many hosts does not wait for what takes long. */
	if (with_hint || !w->place.gave_up)
		is_short = plan_find_short(w);
	return w->place.stuck < w->place.n_vms ? refuse_vm(w, is_short, with_hint) : refuse_all(w, is_short);
}
