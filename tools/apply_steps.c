// SPDX-License-Identifier: BSD-3-Clause
#include "apply_steps.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cpu_list.h"
#include "plan_schemata.h"
#include "plan_view.h"
#include "plan_work.h"
#include "proc_task.h"
#include "step_affinity.h"
#include "step_cgroup.h"
#include "step_rdt.h"

static int no_memory(struct isolat_error *err)
{
	return isolat_fail(err, ISOLAT_FAILED, "apply", NULL, "out of memory");
}

int apply_steps_add(struct apply_steps *steps, const struct step_kind *kind, const char *object, const char *to,
		    struct isolat_error *err)
{
	struct step *step;

	if (steps->n == steps->room) {
		size_t room = steps->room ? 2 * steps->room : 64;
		struct step *grown = reallocarray(steps->step, room, sizeof(*grown));

		if (!grown)
			return no_memory(err);
		steps->step = grown;
		steps->room = room;
	}
	step = &steps->step[steps->n];
	*step = (struct step){ .kind = kind, .object = strdup(object), .to = strdup(to) };
	steps->n++;
	return step->object && step->to ? 0 : no_memory(err);
}

void apply_steps_drop(struct apply_steps *steps, const struct step_kind *kind, const char *object)
{
	for (size_t i = 0; i < steps->n; i++) {
		if (steps->step[i].kind != kind || strcmp(steps->step[i].object, object) != 0)
			continue;
		free((char *)steps->step[i].object);
		free((char *)steps->step[i].to);
		steps->n--;
		memmove(&steps->step[i], &steps->step[i + 1], (steps->n - i) * sizeof(*steps->step));
		return;
	}
}

void apply_steps_free(struct apply_steps *steps)
{
	for (size_t i = 0; i < steps->n; i++) {
		free((char *)steps->step[i].object);
		free((char *)steps->step[i].to);
	}
	free(steps->step);
	*steps = (struct apply_steps){ 0 };
}

/* ---- Schemata ---- */

/* Puts the plan's lines for a group over @s. */
static int merge_lines(const struct plan *plan, unsigned int group, struct rdt_schemata *s, struct isolat_error *err)
{
	static struct rdt_schemata changes;
	const char *name = group == PLAN_NONE ? "(default)" : plan->groups[group].name;
	char *lines[PLAN_SCHEMATA_MAX];
	int n = plan_schemata(plan, group, lines), rc = 0;

	if (n < 0)
		return no_memory(err);
	for (int i = 0; i < n; i++) {
		if (!rc)
			rc = rdt_schemata_parse(lines[i], strlen(lines[i]), name, &changes, err);
		if (!rc && !rdt_schemata_merge(s, &changes))
			rc = isolat_fail(err, ISOLAT_FAILED, "apply", name,
					 "resctrl has no such resource or domain: %.400s", lines[i]);
		free(lines[i]);
	}
	return rc;
}

static void set_all(struct rdt_group_masks *line, uint64_t value)
{
	for (unsigned int i = 0; i < line->n; i++)
		line->value[i] = value;
}

static int add_schemata(const struct rdt_schemata *s, const char *group, struct apply_steps *steps,
			struct isolat_error *err)
{
	char *text = rdt_schemata_print(s);
	int rc = text ? apply_steps_add(steps, &step_schemata, group, text, err) : no_memory(err);

	free(text);
	return rc;
}

/* @rest is what the default group has then. */
static int add_group_schemata(const struct plan *plan, unsigned int group, const struct rdt_schemata *rest,
			      struct apply_steps *steps, struct isolat_error *err)
{
	static struct rdt_schemata s;
	const struct rdt_caps *caps = &plan->host->caps;

	s = *rest;
	set_all(&s.line[RDT_SCHEMA_MB], caps->mb.max);
	set_all(&s.line[RDT_SCHEMA_SMBA], caps->smba.max);
	return merge_lines(plan, group, &s, err) || add_schemata(&s, plan->groups[group].name, steps, err);
}

static int add_all_schemata(const struct plan *plan, struct step_host *host, struct apply_steps *steps,
			    struct isolat_error *err)
{
	static struct rdt_schemata rest;

	if (rdt_engine_read_schemata(host->engine, "", &rest, err) || merge_lines(plan, PLAN_NONE, &rest, err))
		return -1;
	for (unsigned int i = 0; i < plan->n_groups; i++)
		if (add_group_schemata(plan, i, &rest, steps, err))
			return -1;
	return add_schemata(&rest, "", steps, err);
}

/* ---- The timer agents ---- */

static char *agents_cpus(const struct plan *plan)
{
	unsigned int *os, n = 0;
	char *text;

	for (unsigned int i = 0; i < plan->n_agents; i++)
		n += plan->agents[i].cpus.n;
	os = calloc(n ? n : 1, sizeof(*os));
	if (!os)
		return NULL;
	n = 0;
	for (unsigned int i = 0; i < plan->n_agents; i++)
		for (unsigned int c = 0; c < plan->agents[i].cpus.n; c++)
			os[n++] = plan->host->topology.cpus[plan->agents[i].cpus.cpu[c]].os;
	text = cpu_list_text(os, n);
	free(os);
	return text;
}

static int add_agents(const struct plan *plan, struct apply_steps *steps, struct isolat_error *err)
{
	unsigned int group = plan_agent_group(plan);
	char *cpus;
	int rc;

	if (group == PLAN_NONE)
		return 0;
	cpus = agents_cpus(plan);
	rc = cpus ? apply_steps_add(steps, &step_cpus, plan->groups[group].name, cpus, err) : no_memory(err);
	free(cpus);
	return rc;
}

int apply_steps_make(const struct plan *plan, struct step_host *host, struct apply_steps *steps,
		     struct isolat_error *err)
{
	if (!plan->n_groups)
		return 0;
	for (unsigned int i = 0; i < plan->n_groups; i++)
		if (apply_steps_add(steps, &step_group, plan->groups[i].name, STEP_PRESENT, err))
			return -1;
	return add_all_schemata(plan, host, steps, err) || add_agents(plan, steps, err) ? -1 : 0;
}

/* ---- VMs ---- */

static bool has_thread(const struct vm_threads *threads, pid_t tid)
{
	for (size_t i = 0; i < threads->n; i++)
		if (threads->thread[i].tid == tid)
			return true;
	return false;
}

static int see_foreign_task(const char *group, pid_t tid, const struct applied_vm *vms, const struct vm_search *found,
			    size_t n, struct isolat_error *err)
{
	for (size_t i = 0; i < n; i++) {
		if (!*vms[i].group || !has_thread(&found[i].threads, tid))
			continue;
		isolat_fail(err, ISOLAT_FAILED, "apply", vms[i].name,
			    "its thread %d is in the RDT group %.200s, which is not isolat's", (int)tid, group);
		return isolat_hint(err, "take its cache tuning away where it was made (libvirt: cachetune), or leave "
					"the VM out of the profile");
	}
	return 0;
}

static int see_foreign_group(const char *group, const struct applied_vm *vms, const struct vm_search *found, size_t n,
			     struct step_host *host, struct isolat_error *err)
{
	pid_t *tids;
	size_t n_tids;
	int rc = 0;

	if (rdt_engine_read_tasks(host->engine, group, &tids, &n_tids, err))
		return rdt_engine_is_gone(host->engine) ? 0 : -1;
	for (size_t i = 0; !rc && i < n_tids; i++)
		rc = see_foreign_task(group, tids[i], vms, found, n, err);
	free(tids);
	return rc;
}

int apply_steps_see_foreign(const struct applied_vm *vms, const struct vm_search *found, size_t n,
			    struct step_host *host, struct isolat_error *err)
{
	char **names;
	size_t n_names;
	int rc = 0;

	if (rdt_engine_list(host->engine, &names, &n_names, err))
		return -1;
	for (size_t i = 0; !rc && i < n_names; i++)
		if (!rdt_group_is_own(names[i]))
			rc = see_foreign_group(names[i], vms, found, n, host, err);
	rdt_engine_free_list(names, n_names);
	return rc;
}

char *apply_steps_common_cpus(const char *a, const char *b)
{
	unsigned int *os = calloc(TOPOLOGY_MAX_CPUS, sizeof(*os)), n = 0;
	char *text;

	for (unsigned int cpu = 0; os && cpu < TOPOLOGY_MAX_CPUS; cpu++)
		if (plan_listed(a, cpu) && plan_listed(b, cpu))
			os[n++] = cpu;
	text = os ? cpu_list_text(os, n) : NULL;
	free(os);
	return text;
}

static int see_foreign_cpus(const char *group, const char *cpus, const struct step *step, struct isolat_error *err)
{
	char *common = apply_steps_common_cpus(cpus, step->to);
	int rc = common ? 0 : no_memory(err);

	if (common && *common) {
		isolat_fail(err, ISOLAT_FAILED, "apply", step->object,
			    "CPU%s %.100s, which it is to have, %s in the RDT group %.200s, which is not isolat's",
			    strpbrk(common, "-,") ? "s" : "", common, strpbrk(common, "-,") ? "are" : "is", group);
		rc = isolat_hint(err, "take them out of it where it was made, or keep the plan off them: "
				      "timer_agent.cpus names an agent's, housekeeping.cpus what no VM gets");
	}
	free(common);
	return rc;
}

static int see_group_cpus(const char *group, const struct apply_steps *steps, struct step_host *host,
			  struct isolat_error *err)
{
	char *cpus;
	int rc = 0;

	if (rdt_engine_read_cpus(host->engine, group, &cpus, err))
		return rdt_engine_is_gone(host->engine) ? 0 : -1;
	for (size_t i = 0; !rc && i < steps->n; i++)
		if (steps->step[i].kind == &step_cpus)
			rc = see_foreign_cpus(group, cpus, &steps->step[i], err);
	free(cpus);
	return rc;
}

static bool has_cpus(const struct apply_steps *steps)
{
	for (size_t i = 0; i < steps->n; i++)
		if (steps->step[i].kind == &step_cpus && *steps->step[i].to)
			return true;
	return false;
}

/* The default group's monitor groups: the kernel takes a CPU from these, too, and would not give it back. */
static int see_monitors_cpus(const struct apply_steps *steps, struct step_host *host, struct isolat_error *err)
{
	char **names, group[RDT_GROUP_PATH];
	size_t n;
	int rc = 0;

	if (rdt_engine_list_monitors(host->engine, "", &names, &n, err))
		return -1;
	for (size_t i = 0; !rc && i < n; i++) {
		rdt_group_name(group, "", names[i]);
		rc = see_group_cpus(group, steps, host, err);
	}
	rdt_engine_free_list(names, n);
	return rc;
}

int apply_steps_see_foreign_cpus(const struct apply_steps *steps, struct step_host *host, struct isolat_error *err)
{
	char **names;
	size_t n;
	int rc = 0;

	if (!has_cpus(steps))
		return 0;
	if (rdt_engine_list_others(host->engine, &names, &n, err))
		return -1;
	for (size_t i = 0; !rc && i < n; i++)
		rc = see_group_cpus(names[i], steps, host, err);
	rdt_engine_free_list(names, n);
	return rc || see_monitors_cpus(steps, host, err) ? -1 : 0;
}

static int add_thread(const char *group, const struct vm_thread *thread, struct apply_steps *steps,
		      struct isolat_error *err)
{
	char object[PROC_TASK_OBJECT];

	proc_task_print(object, thread->tid, thread->start);
	return apply_steps_add(steps, &step_task, object, group, err);
}

static int add_monitors(const struct applied_vm *vms, size_t n, struct apply_steps *steps, struct isolat_error *err)
{
	for (size_t i = 0; i < n; i++)
		if (*vms[i].monitor && apply_steps_add(steps, &step_monitor, vms[i].monitor, STEP_PRESENT, err))
			return -1;
	return 0;
}

int apply_steps_add_vms(const struct applied_vm *vms, const struct vm_search *found, size_t n,
			struct apply_steps *steps, struct isolat_error *err)
{
	if (add_monitors(vms, n, steps, err))
		return -1;
	for (size_t i = 0; i < n; i++) {
		const char *home = *vms[i].monitor ? vms[i].monitor : vms[i].group;

		if (!*vms[i].group)
			continue;
		for (size_t t = 0; t < found[i].threads.n; t++)
			if (add_thread(home, &found[i].threads.thread[t], steps, err))
				return -1;
	}
	return 0;
}

/* ---- Cores of processes that are given by pid ---- */

static char *memory_nodes(const struct plan *plan, const struct plan_vm *vm)
{
	unsigned int *os = calloc(vm->n_memory ? vm->n_memory : 1, sizeof(*os));
	char *text = NULL;

	for (unsigned int i = 0; os && i < vm->n_memory; i++)
		os[i] = plan->host->topology.nodes[vm->memory[i].node].os;
	if (os)
		text = cpu_list_text(os, vm->n_memory);
	free(os);
	return text;
}

/* The folders above it hand the controller down. */
int apply_steps_add_cgroup_root(struct apply_steps *steps, struct isolat_error *err)
{
	return apply_steps_add(steps, &step_cgroup_file, "cgroup.subtree_control", "cpuset", err) ||
			       apply_steps_add(steps, &step_cgroup, "isolat", STEP_PRESENT, err) ||
			       apply_steps_add(steps, &step_cgroup_file, "isolat/cgroup.subtree_control", "cpuset", err)
		       ? -1
		       : 0;
}

/* The kernel's own threads for a VM, vhost's before 6.4, are no threads of its process and are not moved with it. */
static bool is_in_process(const struct step_host *host, pid_t pid, pid_t tid)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%d/task/%d", step_host_proc(host), (int)pid, (int)tid);
	return !access(path, F_OK);
}

/* Before its process is moved. */
static int add_unpin(const struct vm_thread *thread, struct apply_steps *steps, struct isolat_error *err)
{
	char object[PROC_TASK_OBJECT];

	proc_task_print(object, thread->tid, thread->start);
	return apply_steps_add(steps, &step_affinity, object, "", err);
}

/* What it is pinned to now, in its cgroup or still outside; NULL: it has ended. */
static int read_pinned(const char *object, struct step_host *host, char **pinned, struct isolat_error *err)
{
	if (step_pin.read(host, object, pinned, err))
		return -1;
	return *pinned ? 0 : step_affinity.read(host, object, pinned, err);
}

/* A thread keeps its CPUs if all are the VM's. */
static int add_pin(const struct vm_thread *thread, const char *cpus, struct step_host *host, struct apply_steps *steps,
		   struct isolat_error *err)
{
	char object[PROC_TASK_OBJECT], *pinned, *kept;
	int rc = 0;

	proc_task_print(object, thread->tid, thread->start);
	if (read_pinned(object, host, &pinned, err))
		return -1;
	if (!pinned)
		return 0;
	kept = apply_steps_common_cpus(pinned, cpus);
	if (!kept)
		rc = no_memory(err);
	else if (*pinned && !strcmp(kept, pinned))
		rc = apply_steps_add(steps, &step_pin, object, pinned, err);
	free(kept);
	free(pinned);
	return rc;
}

static int add_unpins(const struct vm_threads *threads, pid_t pid, struct step_host *host, struct apply_steps *steps,
		      struct isolat_error *err)
{
	for (size_t i = 0; i < threads->n; i++)
		if (is_in_process(host, pid, threads->thread[i].tid) && add_unpin(&threads->thread[i], steps, err))
			return -1;
	return 0;
}

static int add_pins(const struct vm_threads *threads, pid_t pid, const char *cpus, struct step_host *host,
		    struct apply_steps *steps, struct isolat_error *err)
{
	for (size_t i = 0; i < threads->n; i++)
		if (is_in_process(host, pid, threads->thread[i].tid) &&
		    add_pin(&threads->thread[i], cpus, host, steps, err))
			return -1;
	return 0;
}

static int add_cgroup(const char *name, const char *cpus, const char *nodes, const struct vm_thread *leader,
		      struct apply_steps *steps, struct isolat_error *err)
{
	char path[96], file[128], object[PROC_TASK_OBJECT];

	snprintf(path, sizeof(path), "isolat/%s", name);
	if (apply_steps_add(steps, &step_cgroup, path, STEP_PRESENT, err))
		return -1;
	snprintf(file, sizeof(file), "%s/cpuset.mems", path);
	if (apply_steps_add(steps, &step_cgroup_file, file, nodes, err))
		return -1;
	snprintf(file, sizeof(file), "%s/cpuset.cpus", path);
	if (apply_steps_add(steps, &step_cgroup_file, file, cpus, err))
		return -1;
	proc_task_print(object, leader->tid, leader->start);
	return apply_steps_add(steps, &step_cgroup_task, object, path, err);
}

static const struct vm_thread *find_leader(const struct vm_threads *threads, pid_t pid)
{
	for (size_t i = 0; i < threads->n; i++)
		if (threads->thread[i].tid == pid)
			return &threads->thread[i];
	return NULL;
}

/* Fails, with what to do, where there are no cpusets. */
static int see_cpusets(struct step_host *host, struct isolat_error *err)
{
	char *now;

	if (step_cgroup_file.read(host, "cgroup.subtree_control", &now, err)) {
		if (err->code == ISOLAT_UNSUPPORTED)
			isolat_hint(err, "--no-cpusets leaves the cores of VMs that are matched by pid as they are");
		return -1;
	}
	free(now);
	return 0;
}

/* The first thread of a VM that is given by pid; NULL: it is not. */
static const struct vm_thread *leader_of(const struct applied_vm *vm, const struct vm_search *found)
{
	return vm->match.by == PROFILE_BY_PID ? find_leader(&found->threads, (pid_t)vm->match.pid) : NULL;
}

static int add_cpuset(const struct plan *plan, unsigned int i, const struct applied_vm *vm,
		      const struct vm_search *found, struct step_host *host, struct apply_steps *steps,
		      struct isolat_error *err)
{
	const struct vm_thread *leader = leader_of(vm, found);
	char *nodes;
	int rc;

	if (!leader)
		return 0;
	nodes = memory_nodes(plan, &plan->vms[i]);
	rc = nodes ? add_cgroup(vm->name, vm->cpus, nodes, leader, steps, err) ||
			     add_pins(&found->threads, leader->tid, vm->cpus, host, steps, err)
		   : no_memory(err);
	free(nodes);
	return rc;
}

/*
 * All threads are unpinned before the controller comes to where they are, and are pinned again on the way back when it
 * has gone: for kernels before 6.2 that is a move, too.
 */
int apply_steps_add_cpusets(const struct plan *plan, const struct applied_vm *vms, const struct vm_search *found,
			    struct step_host *host, struct apply_steps *steps, struct isolat_error *err)
{
	bool any = false;

	for (unsigned int i = 0; i < plan->n_vms; i++) {
		const struct vm_thread *leader = leader_of(&vms[i], &found[i]);

		if (!leader)
			continue;
		if ((!any && see_cpusets(host, err)) || add_unpins(&found[i].threads, leader->tid, host, steps, err))
			return -1;
		any = true;
	}
	if (any && apply_steps_add_cgroup_root(steps, err))
		return -1;
	for (unsigned int i = 0; i < plan->n_vms; i++)
		if (add_cpuset(plan, i, &vms[i], &found[i], host, steps, err))
			return -1;
	return 0;
}
