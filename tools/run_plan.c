// SPDX-License-Identifier: BSD-3-Clause
#include "run_plan.h"

#include <stdlib.h>
#include <string.h>

#include "cpu_list.h"
#include "plan_view.h"
#include "plan_work.h"

static int no_memory(struct isolat_error *err)
{
	return isolat_fail(err, ISOLAT_FAILED, "run", NULL, "out of memory");
}

static int find_class(const struct profile *p, const char *name, unsigned int *class, struct isolat_error *err)
{
	for (*class = 0; *class < p->n_classes; ++*class)
		if (!strcmp(p->classes[*class].name, name))
			return 0;
	isolat_fail(err, ISOLAT_USAGE, "run", *name ? name : "''", "no such class in %s", p->file);
	return isolat_hint(err, "the first is %s", p->classes[0].name);
}

/* ---- A class that stands applied ---- */

/* "" where there is none: a journal is what somebody wrote. */
static const char *text(const json_t *item, const char *key)
{
	const char *value = json_string_value(json_object_get(item, key));

	return value ? value : "";
}

/* Where its VMs share a group and a pool. Returns 1 if there is one, 0 if not, or -1. */
static int join(struct run_plan *r, const struct profile_class *class, const json_t *about, struct isolat_error *err)
{
	json_t *vm;
	size_t i;

	if (class->exclusive || class->dedicated)
		return 0;
	json_array_foreach (json_object_get(about, "vms"), i, vm) {
		if (strcmp(text(vm, "class"), class->name) != 0)
			continue;
		r->joins = true;
		r->group = strdup(text(vm, "group"));
		r->cpus = strdup(text(vm, "cpus"));
		return r->group && r->cpus ? 1 : no_memory(err);
	}
	return 0;
}

/* ---- A group of its own ---- */

static int read_host(struct run_plan *r, struct rdt_engine *engine, struct isolat_error *err)
{
	if (host_read(NULL, "none", &r->host, err))
		return -1;
	rdt_caps_free(&r->host.caps);
	return rdt_engine_read_caps(engine, &r->host.caps, err);
}

/* Which domains of a group's masks count. */
struct holds {
	const json_t *ids; /* those of the items; NULL: those where it has not all that the default group has */
	const struct rdt_group_masks *of_default;
};

static bool is_listed(const json_t *ids, unsigned int domain)
{
	json_t *item;
	size_t i;

	json_array_foreach ((json_t *)ids, i, item)
		if (json_integer_value(json_object_get(item, "id")) == (json_int_t)domain)
			return true;
	return false;
}

static bool holds_some(const struct holds *holds, unsigned int domain, uint64_t mask)
{
	if (holds->ids)
		return is_listed(holds->ids, domain);
	for (unsigned int i = 0; i < holds->of_default->n; i++)
		if (holds->of_default->domain[i] == domain)
			return holds->of_default->value[i] & ~mask;
	return true;
}

static void keep_held(struct rdt_group_masks *masks, const json_t *ids, const struct rdt_group_masks *of_default)
{
	const struct holds holds = { ids, of_default };
	unsigned int n = 0;

	for (unsigned int i = 0; i < masks->n; i++) {
		if (!holds_some(&holds, masks->domain[i], masks->value[i]))
			continue;
		masks->domain[n] = masks->domain[i];
		masks->value[n++] = masks->value[i];
	}
	masks->n = n;
}

static const json_t *find_group(const json_t *about, const char *name)
{
	json_t *group;
	size_t i;

	json_array_foreach (json_object_get(json_object_get(about, "plan"), "groups"), i, group)
		if (!strcmp(text(group, "name"), name))
			return group;
	return NULL;
}

/*
 * To this plan, also what isolat has applied is somebody else's: only groups with other names are kept clear of. They
 * hold ways where those run whom they are for. Elsewhere a group has what the default group had when it was made, and
 * nobody uses that: of an applied group its plan says where; another run's counts where it has less than the default
 * group.
 */
static void disown_groups(struct rdt_caps *caps, const json_t *about)
{
	const struct rdt_group *of_default = &caps->default_group;

	for (unsigned int i = 0; i < caps->n_groups; i++) {
		struct rdt_group *group = &caps->groups[i];
		const json_t *planned = find_group(about, group->name);
		const json_t *l3 = json_object_get(planned, "l3"), *l2 = json_object_get(planned, "l2");

		if (!rdt_group_is_own(group->name))
			continue;
		keep_held(&group->l3, l3, &of_default->l3);
		keep_held(&group->l3_code, l3, &of_default->l3_code);
		keep_held(&group->l2, l2, &of_default->l2);
		keep_held(&group->l2_code, l2, &of_default->l2_code);
		group->exclusive = !planned || json_is_true(json_object_get(planned, "exclusive"));
		group->name[0] = 'I';
	}
}

static size_t add_numbers(unsigned int *os, size_t n, size_t max, const json_t *cpus)
{
	json_t *cpu;
	size_t i;

	json_array_foreach ((json_t *)cpus, i, cpu)
		if (n < max)
			os[n++] = (unsigned int)json_integer_value(cpu);
	return n;
}

/* All CPUs that the applied plan gives to somebody, and those in @others, as a list; "" if there are none. */
static char *taken_cpus(const json_t *about, const char *others)
{
	static unsigned int os[8 * TOPOLOGY_MAX_CPUS];
	const size_t max = sizeof(os) / sizeof(os[0]);
	const json_t *plan = json_object_get(about, "plan");
	json_t *item;
	size_t i, n = add_numbers(os, 0, max, json_object_get(plan, "housekeeping"));

	json_array_foreach (json_object_get(plan, "agents"), i, item)
		n = add_numbers(os, n, max, json_object_get(item, "cpus"));
	json_array_foreach (json_object_get(plan, "vms"), i, item)
		n = add_numbers(os, n, max, json_object_get(item, "cpus"));
	for (unsigned int cpu = 0; cpu < TOPOLOGY_MAX_CPUS && n < max; cpu++)
		if (plan_listed(others, cpu))
			os[n++] = cpu;
	return cpu_list_text(os, n);
}

/* The profile with the command for its only VM, all that is taken for housekeeping. */
static int make_profile(struct run_plan *r, unsigned int class, unsigned int cpus, pid_t pid, const json_t *about,
			const char *others, struct isolat_error *err)
{
	struct profile_class *c = &r->profile.classes[class];
	unsigned int whole = c->dedicated && c->whole_cores ? r->host.topology.cores[0].n_cpus : 1;

	snprintf(c->name, sizeof(c->name), RUN_GROUP_PREFIX "%d", (int)pid);
	r->vm = (struct profile_vm){
		.match = { .by = PROFILE_BY_PID, .pid = (unsigned int)pid },
		.class = class,
		.vcpus = cpus ? cpus : whole,
		.memory = PROFILE_MIN_MEMORY,
		.node = PROFILE_ANY_NODE,
	};
	snprintf(r->vm.name, sizeof(r->vm.name), "%s", c->name);
	r->one = r->profile;
	r->one.vms = &r->vm;
	r->one.n_vms = 1;
	r->taken = taken_cpus(about, others);
	if (!r->taken)
		return no_memory(err);
	if (*r->taken) {
		r->one.housekeeping_cpus = r->taken;
		r->one.housekeeping_cores = 0;
	}
	return 0;
}

/* Also what this one has left to housekeeping: the next has to know it, where no profile stands applied that says so.
 */
static int occupy(struct run_plan *r, struct isolat_error *err)
{
	char *kept;
	int rc;

	if (!r->profile.classes[r->class].dedicated)
		return 0;
	kept = plan_cpu_list(&r->plan, &r->plan.housekeeping);
	rc = kept ? asprintf(&r->occupied, "%s,%s", r->cpus, kept) : -1;
	free(kept);
	if (rc >= 0)
		return 0;
	r->occupied = NULL;
	return no_memory(err);
}

static int take_from_plan(struct run_plan *r, struct isolat_error *err)
{
	const struct plan_vm *vm = &r->plan.vms[0];
	unsigned int nodes[PROFILE_MAX_NODE + 1];

	r->group = strdup(vm->group == PLAN_NONE ? "" : r->plan.groups[vm->group].name);
	r->cpus = plan_cpu_list(&r->plan, &vm->cpus);
	for (unsigned int i = 0; i < vm->n_memory; i++)
		nodes[i] = r->host.topology.nodes[vm->memory[i].node].os;
	r->nodes = cpu_list_text(nodes, vm->n_memory);
	return r->group && r->cpus && r->nodes ? occupy(r, err) : no_memory(err);
}

int run_plan_read(const char *file, const char *class, struct run_plan *r, struct isolat_error *err)
{
	*r = (struct run_plan){ 0 };
	if (profile_read(file, &r->profile, err) || find_class(&r->profile, class, &r->class, err))
		return -1;
	r->exclusive = r->profile.classes[r->class].exclusive;
	return 0;
}

int run_plan_make(struct run_plan *r, unsigned int cpus, pid_t pid, struct rdt_engine *engine, const json_t *about,
		  const char *others, struct isolat_error *err)
{
	int rc = join(r, &r->profile.classes[r->class], about, err);

	if (rc)
		return rc < 0 ? -1 : 0;
	if (read_host(r, engine, err))
		return -1;
	disown_groups(&r->host.caps, about);
	if (make_profile(r, r->class, cpus, pid, about, others, err) || plan_make(&r->one, &r->host, &r->plan, err))
		return -1;
	return take_from_plan(r, err);
}

void run_plan_free(struct run_plan *r)
{
	free(r->group);
	free(r->cpus);
	free(r->nodes);
	free(r->taken);
	free(r->occupied);
	plan_free(&r->plan);
	host_free(&r->host);
	profile_free(&r->profile);
	*r = (struct run_plan){ 0 };
}
