// SPDX-License-Identifier: BSD-3-Clause
#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "plan_check_parts.h"
#include "plan_machines.h"

bool wrong(struct check *c, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(c->why, c->size, format, ap);
	va_end(ap);
	return false;
}

bool plan_in_list(const char *list, unsigned int os)
{
	while (*list) {
		char *end;
		unsigned long first = strtoul(list, &end, 10), last = first;

		if (*end == '-')
			last = strtoul(end + 1, &end, 10);
		if (os >= first && os <= last)
			return true;
		list = end + (*end == ',');
	}
	return false;
}

bool plan_chosen_housekeeping(const struct profile *p, const struct topology *t, unsigned int core)
{
	unsigned int wanted = p->housekeeping_cores ? p->housekeeping_cores : 1, before = 0;

	for (unsigned int i = 0; i < core; i++)
		before += t->cores[i].node == t->cores[0].node;
	return t->cores[core].node == t->cores[0].node && before < wanted;
}

bool plan_core_listed(const char *list, const struct topology *t, unsigned int core)
{
	for (unsigned int k = 0; list && k < t->cores[core].n_cpus; k++)
		if (plan_in_list(list, t->cpus[t->cores[core].cpus[k]].os))
			return true;
	return false;
}

/* --- cores --- */

/* Ascending, there, online; and if @owner is one, nobody's so far. */
static bool check_cpus(struct check *c, const char *whose, const struct plan_cpus *cpus, unsigned int owner)
{
	for (unsigned int i = 0; i < cpus->n; i++) {
		unsigned int cpu = cpus->cpu[i];

		if (cpu >= c->t->n_cpus)
			return wrong(c, "%s has CPU %u, of %u", whose, cpu, c->t->n_cpus);
		if (!c->t->cpus[cpu].online)
			return wrong(c, "%s has CPU %u, which is offline", whose, cpu);
		/* A VM's own are in the order of its vCPUs. */
		if (i && cpu <= cpus->cpu[i - 1] && strncmp(whose, "VM ", 3))
			return wrong(c, "%s's CPUs are not ascending at %u", whose, cpu);
		if (c->owner[cpu] != OWNER_NONE)
			return wrong(c, "%s has CPU %u, which has an owner already", whose, cpu);
		if (owner != OWNER_NONE)
			c->owner[cpu] = owner;
	}
	return true;
}

static bool has(const struct plan_cpus *cpus, unsigned int cpu)
{
	for (unsigned int i = 0; i < cpus->n; i++)
		if (cpus->cpu[i] == cpu)
			return true;
	return false;
}

static bool check_whole_cores(struct check *c, const char *whose, const struct plan_cpus *cpus)
{
	for (unsigned int i = 0; i < cpus->n; i++) {
		const struct topology_core *core = &c->t->cores[c->t->cpus[cpus->cpu[i]].core];

		for (unsigned int k = 0; k < core->n_cpus; k++)
			if (!has(cpus, core->cpus[k]))
				return wrong(c, "%s has CPU %u without its sibling %u", whose, cpus->cpu[i],
					     core->cpus[k]);
	}
	return true;
}

static bool check_housekeeping(struct check *c)
{
	const struct plan_cpus *cpus = &c->plan->housekeeping;

	if (!check_cpus(c, "housekeeping", cpus, OWNER_HOUSEKEEPING))
		return false;
	for (unsigned int i = 0; i < c->t->n_cpus; i++) {
		const struct topology_cpu *cpu = &c->t->cpus[i];
		bool listed = cpu->online && plan_core_listed(c->p->housekeeping_cpus, c->t, cpu->core);
		bool should = cpu->online &&
			      (c->p->housekeeping_cpus ? listed : plan_chosen_housekeeping(c->p, c->t, cpu->core));

		if (should != has(cpus, i))
			return wrong(c, "CPU %u %s housekeeping", i, should ? "is not" : "should not be");
	}
	return true;
}

static bool in_node(const struct check *c, unsigned int vm, unsigned int node)
{
	const struct plan_cpus *cpus = &c->plan->vms[vm].cpus;

	for (unsigned int i = 0; i < cpus->n; i++)
		if (c->t->cpus[cpus->cpu[i]].node == node)
			return true;
	return false;
}

static bool check_agent(struct check *c, unsigned int i)
{
	const struct plan_agent *a = &c->plan->agents[i];
	unsigned int vm = 0;
	char whose[32];

	snprintf(whose, sizeof(whose), "agent %u", i);
	for (unsigned int k = 0; k < i; k++)
		if (c->plan->agents[k].node == a->node)
			return wrong(c, "node %u has two agents", a->node);
	if (!check_cpus(c, whose, &a->cpus, OWNER_AGENT) || !check_whole_cores(c, whose, &a->cpus))
		return false;
	if (!a->cpus.n || a->cpus.n != c->t->cores[c->t->cpus[a->cpus.cpu[0]].core].n_cpus)
		return wrong(c, "agent %u has %u CPUs, which is not one core", i, a->cpus.n);
	for (unsigned int k = 0; k < a->cpus.n; k++) {
		if (c->t->cpus[a->cpus.cpu[k]].node != a->node)
			return wrong(c, "agent %u of node %u has CPU %u of another", i, a->node, a->cpus.cpu[k]);
		if (c->p->agent_cpus && !plan_core_listed(c->p->agent_cpus, c->t, c->t->cpus[a->cpus.cpu[k]].core))
			return wrong(c, "agent %u has CPU %u, which the profile does not list", i, a->cpus.cpu[k]);
	}
	while (vm < c->p->n_vms && !(c->p->vms[vm].exitless_timer && in_node(c, vm, a->node)))
		vm++;
	return vm < c->p->n_vms || wrong(c, "no VM in node %u wants the agent that it has", a->node);
}

/* Its agent is in its node; a VM without a wish for one has none. */
static bool check_vm_agent(struct check *c, unsigned int vm)
{
	unsigned int agent = c->plan->vms[vm].agent;

	if (!c->p->vms[vm].exitless_timer)
		return agent == PLAN_NONE || wrong(c, "VM %u has an agent that it did not ask for", vm);
	if (agent >= c->plan->n_agents)
		return wrong(c, "VM %u wants the exitless timer and has no agent", vm);
	return in_node(c, vm, c->plan->agents[agent].node) ||
	       wrong(c, "VM %u's agent is in node %u, the VM is not", vm, c->plan->agents[agent].node);
}

static bool check_has_caches(struct check *c, unsigned int vm)
{
	const struct plan_cpus *cpus = &c->plan->vms[vm].cpus;

	for (unsigned int i = 0; i < cpus->n; i++) {
		const struct topology_cpu *cpu = &c->t->cpus[cpus->cpu[i]];

		if (!plan_may_use_core(class_of(c, vm), cpu->l3, cpu->l2))
			return wrong(c, "VM %u has CPU %u, whose core has not the cache that its class asks for", vm,
				     cpus->cpu[i]);
	}
	return true;
}

static bool check_one_node(struct check *c, unsigned int vm)
{
	const struct profile_vm *v = &c->p->vms[vm];
	const struct plan_cpus *cpus = &c->plan->vms[vm].cpus;

	for (unsigned int i = 0; i < cpus->n; i++) {
		unsigned int node = c->t->cpus[cpus->cpu[i]].node;

		if (!v->span_nodes && node != c->t->cpus[cpus->cpu[0]].node)
			return wrong(c, "VM %u is in two nodes and may not span", vm);
		if (v->node != PROFILE_ANY_NODE && c->t->nodes[node].os != v->node)
			return wrong(c, "VM %u is in node %u, its wish was %u", vm, node, v->node);
	}
	return true;
}

static bool check_dedicated(struct check *c, unsigned int vm)
{
	const struct plan_cpus *cpus = &c->plan->vms[vm].cpus;
	char whose[32];

	snprintf(whose, sizeof(whose), "VM %u", vm);
	if (cpus->n != c->p->vms[vm].vcpus)
		return wrong(c, "VM %u has %u CPUs for %u vCPUs", vm, cpus->n, c->p->vms[vm].vcpus);
	return check_cpus(c, whose, cpus, OWNER_VM) &&
	       (!class_of(c, vm)->whole_cores || check_whole_cores(c, whose, cpus)) && check_one_node(c, vm) &&
	       check_has_caches(c, vm);
}

/* A pool is what is left of a node, all of it that has the caches which are asked for; of several where the VM may
 * span. After everybody has got his own. */
static bool check_pool(struct check *c, unsigned int vm)
{
	const struct plan_cpus *cpus = &c->plan->vms[vm].cpus;
	char whose[32];

	snprintf(whose, sizeof(whose), "VM %u, of a pool,", vm);
	if (cpus->n < c->p->vms[vm].vcpus)
		return wrong(c, "%s has %u CPUs for %u vCPUs", whose, cpus->n, c->p->vms[vm].vcpus);
	if (!check_cpus(c, whose, cpus, OWNER_NONE) || !check_one_node(c, vm) || !check_has_caches(c, vm))
		return false;
	for (unsigned int i = 0; i < c->t->n_cpus; i++)
		if (c->t->cpus[i].online && c->owner[i] == OWNER_NONE && !has(cpus, i) &&
		    in_node(c, vm, c->t->cpus[i].node) &&
		    plan_may_use_core(class_of(c, vm), c->t->cpus[i].l3, c->t->cpus[i].l2) &&
		    !plan_core_listed(c->p->agent_cpus, c->t, c->t->cpus[i].core))
			return wrong(c, "%s has not all of its node: CPU %u is nobody's", whose, i);
	return true;
}

static bool check_cores(struct check *c)
{
	if (!check_housekeeping(c))
		return false;
	for (unsigned int vm = 0; vm < c->p->n_vms; vm++)
		if (class_of(c, vm)->dedicated && !check_dedicated(c, vm))
			return false;
	for (unsigned int i = 0; i < c->plan->n_agents; i++)
		if (!check_agent(c, i))
			return false;
	for (unsigned int vm = 0; vm < c->p->n_vms; vm++)
		if ((!class_of(c, vm)->dedicated && !check_pool(c, vm)) || !check_vm_agent(c, vm))
			return false;
	return true;
}

/* --- as few L3 domains as it can --- */

/* CPUs of the node that are nobody's in @l3, nor kept for agents; of wholly free cores only. */
static unsigned int left_in(const struct check *c, unsigned int node, unsigned int l3, bool whole_cores)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < c->t->n_cores; i++) {
		const struct topology_core *core = &c->t->cores[i];
		unsigned int left = 0;

		if (core->node != node || core->l3 != l3)
			continue;
		for (unsigned int k = 0; k < core->n_cpus; k++)
			left += c->owner[core->cpus[k]] == OWNER_NONE && !plan_core_listed(c->p->agent_cpus, c->t, i);
		n += whole_cores && left < core->n_cpus ? 0 : left;
	}
	return n;
}

/* Cores of one size, so that any that are left are as good as those it has. */
static bool all_cores_alike(const struct topology *t)
{
	for (unsigned int i = 1; i < t->n_cores; i++)
		if (t->cores[i].n_cpus != t->cores[0].n_cpus)
			return false;
	return true;
}

/*
 * If a VM has CPUs in two domains while one of them has room for the rest of it, and nobody's cache stands against its
 * moving there (it has its ways there already), then it has too many.
 */
static bool check_few_domains(struct check *c, unsigned int vm)
{
	const struct plan_cpus *cpus = &c->plan->vms[vm].cpus;
	const struct profile_class *class = class_of(c, vm);

	if (!class->dedicated || c->p->vms[vm].span_nodes || class->l2.unit || !all_cores_alike(c->t))
		return true;
	for (unsigned int i = 0; i < c->p->n_vms; i++)
		if (!class_of(c, i)->dedicated && plan_asks_cache(class_of(c, i)))
			return true; /* the pool would move as well */
	for (unsigned int i = 0; i < cpus->n; i++) {
		const struct topology_cpu *cpu = &c->t->cpus[cpus->cpu[i]];
		unsigned int elsewhere = 0;

		for (unsigned int k = 0; k < cpus->n; k++)
			elsewhere += c->t->cpus[cpus->cpu[k]].l3 != cpu->l3;
		if (elsewhere && left_in(c, cpu->node, cpu->l3, class->whole_cores) >= elsewhere)
			return wrong(c, "VM %u is in several L3 domains, domain %u would have room for all of it", vm,
				     cpu->l3);
	}
	return true;
}

/* --- memory --- */

static bool check_vm_memory(struct check *c, unsigned int vm, uint64_t *used)
{
	const struct plan_vm *v = &c->plan->vms[vm];
	bool any = class_of(c, vm)->memory == PROFILE_MEMORY_ANY;
	uint64_t sum = 0;

	if (v->n_memory > 1 && !any && !c->p->vms[vm].span_nodes)
		return wrong(c, "VM %u has memory of %u nodes and may not span", vm, v->n_memory);
	for (unsigned int i = 0; i < v->n_memory; i++) {
		unsigned int node = v->memory[i].node;

		if (node >= c->t->n_nodes)
			return wrong(c, "VM %u has memory of node %u, of %u", vm, node, c->t->n_nodes);
		for (unsigned int k = 0; k < i; k++)
			if (v->memory[k].node == node)
				return wrong(c, "VM %u has memory of node %u twice", vm, node);
		if (!v->memory[i].bytes)
			return wrong(c, "VM %u has 0 bytes of node %u", vm, node);
		if (!any && !in_node(c, vm, node))
			return wrong(c, "VM %u has memory of node %u, and no CPU there", vm, node);
		used[node] += v->memory[i].bytes;
		sum += v->memory[i].bytes;
	}
	return sum == c->p->vms[vm].memory ||
	       wrong(c, "VM %u has %" PRIu64 " bytes of memory, asked %" PRIu64, vm, sum, c->p->vms[vm].memory);
}

static bool check_memory(struct check *c)
{
	uint64_t *used = plan_calloc(c->t->n_nodes, sizeof(*used));
	bool right = true;

	for (unsigned int vm = 0; right && vm < c->p->n_vms; vm++)
		right = check_vm_memory(c, vm, used);
	for (unsigned int node = 0; right && node < c->t->n_nodes; node++)
		if (used[node] > c->t->nodes[node].bytes)
			right = wrong(c, "node %u gives %" PRIu64 " bytes of its %" PRIu64, node, used[node],
				      c->t->nodes[node].bytes);
	free(used);
	return right;
}

/* --- all of it --- */

static bool check_all(struct check *c)
{
	if (c->plan->n_vms != c->p->n_vms)
		return wrong(c, "%u VMs planned, of %u", c->plan->n_vms, c->p->n_vms);
	for (unsigned int vm = 0; vm < c->p->n_vms; vm++)
		if (c->plan->vms[vm].vm != vm)
			return wrong(c, "VM %u of the plan is %u of the profile", vm, c->plan->vms[vm].vm);
	if (!check_cores(c) || !check_memory(c))
		return false;
	for (unsigned int vm = 0; vm < c->p->n_vms; vm++)
		if (!check_few_domains(c, vm))
			return false;
	return check_rdt(c);
}

bool plan_check(const struct plan *plan, char *why, size_t size)
{
	struct check c = { plan, plan->profile, &plan->host->topology, &plan->host->caps, NULL, why, size };
	bool right;

	c.owner = plan_calloc(c.t->n_cpus, sizeof(*c.owner));
	right = check_all(&c);
	free(c.owner);
	return right;
}

/* --- refusals --- */

static bool ends_in_period(const char *text)
{
	return *text && text[strlen(text) - 1] == '.';
}

/* What was asked and what there is: two numbers, or one and that there is none. The names in random profiles have none.
 */
static bool says_how_much(const char *reason)
{
	unsigned int numbers = 0;

	for (const char *p = reason; *p; p++)
		numbers += isdigit((unsigned char)*p) && (p == reason || !isdigit((unsigned char)p[-1]));
	return numbers > 1 || (numbers && (strstr(reason, "no ") || strstr(reason, "none")));
}

/* The resource that is short; or that the search came to no end. CLOSIDs are the object then. */
static bool names_what_is_short(const struct isolat_error *err)
{
	static const char *const words[] = { "cores are short",	    "CPUs are short",	"memory is short",
					     "ways are short",	    "and memory are",	"ways of L",
					     "cores are asked for", "could not be told" };

	for (unsigned int i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strstr(err->reason, words[i]))
			return true;
	return !strcmp(err->object, "CLOSIDs") || strstr(err->reason, "a bandwidth of");
}

bool plan_check_refusal(const struct profile *p, const struct host *host, const struct isolat_error *err, char *why,
			size_t size)
{
	struct check c = { .why = why, .size = size };
	bool lacking = p->agent_l3.unit && !host->caps.l3.present;

	for (unsigned int i = 0; i < p->n_classes; i++)
		lacking |= !plan_host_knows(&host->caps, &p->classes[i]);
	if (err->code != ISOLAT_USAGE && err->code != ISOLAT_UNSUPPORTED && err->code != ISOLAT_NO_FIT)
		return wrong(&c, "refused with code %d", err->code);
	if (err->code == ISOLAT_UNSUPPORTED && !lacking)
		return wrong(&c, "\"unsupported\", and the host lacks nothing: %s", err->reason);
	if (!err->what[0] || !err->object[0] || !err->reason[0])
		return wrong(&c, "refused without a word on what, on what object, or why");
	if (err->code == ISOLAT_NO_FIT && !says_how_much(err->reason))
		return wrong(&c, "the reason does not say how much was asked and there is: %s", err->reason);
	if (err->code == ISOLAT_NO_FIT && !names_what_is_short(err))
		return wrong(&c, "the reason does not name what is short: %s", err->reason);
	if (err->code == ISOLAT_NO_FIT && !err->hint[0])
		return wrong(&c, "no hint who holds it and what would fit");
	if (ends_in_period(err->what) || ends_in_period(err->reason) || ends_in_period(err->hint))
		return wrong(&c, "a text ends in a period");
	return true;
}

/* --- the same? --- */

static bool same_cpus(const struct plan_cpus *a, const struct plan_cpus *b)
{
	return a->n == b->n && (!a->n || !memcmp(a->cpu, b->cpu, a->n * sizeof(*a->cpu)));
}

static bool same_masks(const uint64_t *a, const uint64_t *b, unsigned int n)
{
	return !a == !b && (!a || !memcmp(a, b, n * sizeof(*a)));
}

static bool same_vm(const struct plan_vm *a, const struct plan_vm *b)
{
	if (a->vm != b->vm || a->group != b->group || a->agent != b->agent || a->n_memory != b->n_memory)
		return false;
	for (unsigned int i = 0; i < a->n_memory; i++)
		if (a->memory[i].node != b->memory[i].node || a->memory[i].bytes != b->memory[i].bytes)
			return false;
	return same_cpus(&a->cpus, &b->cpus);
}

static bool same_group(const struct plan_group *a, const struct plan_group *b, const struct topology *t)
{
	return !strcmp(a->name, b->name) && a->exclusive == b->exclusive && a->class == b->class && a->vm == b->vm &&
	       same_masks(a->l3, b->l3, t->n_l3) && same_masks(a->l3_code, b->l3_code, t->n_l3) &&
	       same_masks(a->l2, b->l2, t->n_l2) && same_masks(a->mb, b->mb, t->n_l3);
}

bool plan_check_same(const struct plan *a, const struct plan *b, char *why, size_t size)
{
	const struct topology *t = &a->host->topology;
	struct check c = { .why = why, .size = size };

	if (a->n_vms != b->n_vms || a->n_agents != b->n_agents || a->n_groups != b->n_groups ||
	    a->n_notes != b->n_notes)
		return wrong(&c, "planned again, there are other numbers of VMs, agents, groups or notes");
	if (!same_cpus(&a->housekeeping, &b->housekeeping))
		return wrong(&c, "planned again, housekeeping is another");
	for (unsigned int i = 0; i < a->n_vms; i++)
		if (!same_vm(&a->vms[i], &b->vms[i]))
			return wrong(&c, "planned again, VM %u gets something else", i);
	for (unsigned int i = 0; i < a->n_agents; i++)
		if (a->agents[i].node != b->agents[i].node || !same_cpus(&a->agents[i].cpus, &b->agents[i].cpus))
			return wrong(&c, "planned again, agent %u is elsewhere", i);
	for (unsigned int i = 0; i < a->n_groups; i++)
		if (!same_group(&a->groups[i], &b->groups[i], t))
			return wrong(&c, "planned again, group %u is another", i);
	for (unsigned int i = 0; i < a->n_notes; i++)
		if (strcmp(a->notes[i], b->notes[i]))
			return wrong(&c, "planned again, note %u reads otherwise", i);
	if (!same_masks(a->default_l3, b->default_l3, t->n_l3) ||
	    !same_masks(a->default_l3_code, b->default_l3_code, t->n_l3) ||
	    !same_masks(a->default_l2, b->default_l2, t->n_l2))
		return wrong(&c, "planned again, the default group gets something else");
	return true;
}
