// SPDX-License-Identifier: BSD-3-Clause
/* isolat apply: makes the host as the plan of a profile says, all of it or nothing. */
#include "verb.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "applied_options.h"
#include "apply_cpus.h"
#include "apply_report.h"
#include "apply_steps.h"
#include "interrupt.h"
#include "plan.h"
#include "plan_json.h"
#include "run_left.h"
#include "step_rdt.h"

/* How often new threads of VMs are looked for: those that were cloned while theirs were moved. */
#define MAX_PASSES 16

enum { OPT_ENGINE = 256, OPT_NO_CPUSETS };

static const struct report_option options[] = {
	REPORT_OPTION_HELP,
	REPORT_OPTION_JSON,
	{ "profile", 'p', "FILE", "the profile, - for standard input (default " PROFILE_DEFAULT_FILE ")" },
	{ "engine", OPT_ENGINE, "resctrl|pqos|pqos-os|pqos-msr",
	  "what programs RDT (default what is in use, else resctrl)" },
	{ "no-cpusets", OPT_NO_CPUSETS, NULL, "leave the cores of processes given by pid as they are" },
	APPLIED_OPTION_WAIT,
	{ 0 },
};

static const struct report_usage usage = {
	.command = "isolat apply",
	.synopsis = "[OPTION]...",
	.about = "Makes the host as isolat plan shows: groups, cache, bandwidth, and the threads of the VMs that run. "
		 "What "
		 "fails on the way is taken back; isolat undo takes all of it back, isolat verify proves it.",
	.options = options,
};

struct request {
	const char *profile;
	struct applied_options applied;
	bool no_cpusets, json;
};

/* What is worked on, from the profile to what was written. */
struct job {
	const struct request *request;
	struct profile profile;
	struct host host;
	struct plan plan;
	struct applied applied;
	json_t *about;
	struct applied_vm *vms; /* borrows from about */
	size_t n_vms, written;
	struct vm_search *found; /* as they were at the last look */
	struct isolat_error *err;
};

/* ---- The plan for this host as it is now ---- */

static int read_host(struct job *j)
{
	if (host_read(NULL, "none", &j->host, j->err))
		return -1;
	rdt_caps_free(&j->host.caps);
	return rdt_engine_read_caps(j->applied.engine, &j->host.caps, j->err);
}

static bool is_recorded(const struct applied *a, const char *group)
{
	for (size_t i = 0; i < transaction_count(a->t); i++) {
		struct transaction_entry entry = transaction_entry(a->t, i);

		if (entry.kind == &step_group && !strcmp(entry.object, group))
			return true;
	}
	return false;
}

/* The planner takes what is called isolat-NAME for its own: what no journal knows of would not be kept clear of. */
static int see_strays(struct job *j)
{
	const struct rdt_caps *caps = &j->host.caps;

	for (unsigned int i = 0; i < caps->n_groups; i++) {
		const char *name = caps->groups[i].name;

		if (!rdt_group_is_own(name) || is_recorded(&j->applied, name))
			continue;
		isolat_fail(j->err, ISOLAT_FAILED, "apply", j->profile.file,
			    "there is an RDT group %.200s, and no journal knows of it", name);
		return isolat_hint(j->err, "if nobody needs it, remove it: rmdir it in /sys/fs/resctrl");
	}
	return 0;
}

/* A domain that has come since has what it has. */
static void put_masks(const struct rdt_group_masks *before, struct rdt_group_masks *masks)
{
	for (unsigned int i = 0; i < masks->n; i++)
		for (unsigned int k = 0; k < before->n; k++)
			if (before->domain[k] == masks->domain[i])
				masks->value[i] = before->value[k];
}

/* Read under other mount options: caches with code and data apart now, or then; MB in MB/s (mba_MBps), or in percent.
 */
static bool is_of_other_mount(const struct rdt_schemata *s, const struct rdt_caps *caps)
{
	const struct rdt_group_masks *mb = &s->line[RDT_SCHEMA_MB];
	bool in_mbps = mb->n && mb->value[0] > rdt_mb_unit_max(RDT_MB_PERCENT);

	return s->present[RDT_SCHEMA_L3CODE] != caps->l3.cdp || s->present[RDT_SCHEMA_L2CODE] != caps->l2.cdp ||
	       (mb->n && caps->mb.unit != RDT_MB_EIGHTH_GB && in_mbps != (caps->mb.unit == RDT_MB_MBPS));
}

static int put_default(const char *before, struct rdt_caps *caps, struct isolat_error *err)
{
	static struct rdt_schemata s;
	struct rdt_group *group = &caps->default_group;

	if (rdt_schemata_parse(before, strlen(before), "the journal", &s, err))
		return -1;
	if (is_of_other_mount(&s, caps)) {
		isolat_fail(err, ISOLAT_FAILED, "apply", NULL,
			    "resctrl was mounted with other options when a profile was applied");
		return isolat_hint(err, "isolat undo forgets what went with that mount; then apply again");
	}
	put_masks(&s.line[caps->l3.cdp ? RDT_SCHEMA_L3DATA : RDT_SCHEMA_L3], &group->l3);
	put_masks(&s.line[RDT_SCHEMA_L3CODE], &group->l3_code);
	put_masks(&s.line[caps->l2.cdp ? RDT_SCHEMA_L2DATA : RDT_SCHEMA_L2], &group->l2);
	put_masks(&s.line[RDT_SCHEMA_L2CODE], &group->l2_code);
	return 0;
}

static void drop_own_groups(struct rdt_caps *caps)
{
	unsigned int kept = 0;

	for (unsigned int i = 0; i < caps->n_groups; i++)
		if (!rdt_group_is_own(caps->groups[i].name))
			caps->groups[kept++] = caps->groups[i];
	caps->n_groups = kept;
}

/* The host as it would be without isolat: the plan must not grow from what the one before it has left. */
static int see_without_isolat(struct job *j)
{
	const struct transaction *t = j->applied.t;

	drop_own_groups(&j->host.caps);
	for (size_t i = 0; i < transaction_count(t); i++) {
		struct transaction_entry entry = transaction_entry(t, i);

		if (entry.kind == &step_schemata && !*entry.object)
			return put_default(entry.before, &j->host.caps, j->err);
	}
	return 0;
}

/* What the journal keeps, and status and verify read. */
static int describe(struct job *j)
{
	j->about = json_pack("{s:s, s:s, s:o, s:o, s:o}", "isolat", ISOLAT_VERSION, "engine",
			     applied_engine(&j->applied), "profile", report_string(j->profile.file), "vms",
			     applied_vms_to_json(&j->plan), "plan", plan_to_json(&j->plan));
	if (!j->about)
		return isolat_fail(j->err, ISOLAT_FAILED, "apply", j->profile.file, "out of memory");
	return applied_vms_from_json(j->about, &j->vms, &j->n_vms, j->err);
}

/* ---- Applying ---- */

/* Fails if one does not run. */
static int see_all_run(const struct job *j, const struct vm_search *found)
{
	for (size_t i = 0; i < j->n_vms; i++) {
		if (found[i].found)
			continue;
		*j->err = found[i].err;
		return -1;
	}
	return 0;
}

/* Two names for one process: it cannot be in two groups. */
static int see_no_twins(const struct job *j, const struct vm_search *found)
{
	for (size_t i = 0; i < j->n_vms; i++)
		for (size_t k = 0; k < i; k++) {
			if (found[i].threads.thread[0].tid != found[k].threads.thread[0].tid)
				continue;
			isolat_fail(j->err, ISOLAT_USAGE, "apply", j->profile.file,
				    "VM %.100s and VM %.100s are one process, %d", found[k].vm, found[i].vm,
				    (int)found[i].threads.thread[0].tid);
			return isolat_hint(j->err, "each VM of a profile has to match a process of its own");
		}
	return 0;
}

/* Fails where a VM cannot be brought into its group without doing harm to another. */
static int see_members(struct job *j, const struct vm_search *found)
{
	if (rdt_engine_has_tasks(j->applied.engine))
		return apply_steps_see_foreign(j->vms, found, j->n_vms, &j->applied.host, j->err);
	return apply_cpus_check(&j->plan, j->err);
}

/* What is in a group: the VMs' threads, or, on an engine that knows none, their CPUs. */
static int add_members(struct job *j, const struct vm_search *found, struct apply_steps *steps)
{
	if (rdt_engine_has_tasks(j->applied.engine))
		return apply_steps_add_vms(j->vms, found, j->n_vms, steps, j->err);
	return apply_cpus_add(&j->plan, steps, j->err);
}

static int make_steps(struct job *j, const struct vm_search *found, struct apply_steps *steps)
{
	if (apply_steps_make(&j->plan, &j->applied.host, steps, j->err))
		return -1;
	if (!j->request->no_cpusets &&
	    apply_steps_add_cpusets(&j->plan, j->vms, found, &j->applied.host, steps, j->err))
		return -1;
	return add_members(j, found, steps);
}

/* Once: afterwards the record is not what stands any more. */
static int give_up_cpus(struct job *j, const struct apply_steps *steps)
{
	struct apply_steps first = { 0 };
	size_t written = 0;
	int rc = 0;

	if (j->found || rdt_engine_has_tasks(j->applied.engine))
		return 0;
	rc = apply_cpus_give_up(steps, j->applied.t, &first, j->err) ||
	     (first.n && transaction_run(j->applied.t, first.step, first.n, &written, j->err));
	j->written += written;
	apply_steps_free(&first);
	return rc ? -1 : 0;
}

static int run_steps(struct job *j, const struct vm_search *found, size_t *written)
{
	struct apply_steps steps = { 0 };
	int rc = make_steps(j, found, &steps) || apply_steps_see_foreign_cpus(&steps, &j->applied.host, j->err) ||
		 give_up_cpus(j, &steps) || transaction_run(j->applied.t, steps.step, steps.n, written, j->err);

	apply_steps_free(&steps);
	return rc ? -1 : 0;
}

static bool is_among(const struct vm_threads *threads, const struct vm_thread *thread)
{
	for (size_t i = 0; i < threads->n; i++)
		if (threads->thread[i].tid == thread->tid && threads->thread[i].start == thread->start)
			return true;
	return false;
}

/* Whether there are threads that were not there before. @last NULL: nothing was. */
static bool has_news(const struct vm_search *last, const struct vm_search *now, size_t n)
{
	for (size_t i = 0; last && i < n; i++)
		for (size_t t = 0; t < now[i].threads.n; t++)
			if (!is_among(&last[i].threads, &now[i].threads.thread[t]))
				return true;
	return !last;
}

/*
 * Looks for the VMs' threads once more, and brings them home if there are new ones. Returns whether anything had to be
 * done, or -1.
 */
static int pass(struct job *j)
{
	struct vm_search *found = applied_vms_find(j->vms, j->n_vms, j->err);
	size_t written = 0;
	int rc = 0;

	if (!found)
		return -1;
	if (has_news(j->found, found, j->n_vms))
		rc = see_all_run(j, found) || see_no_twins(j, found) || see_members(j, found) ||
		     run_steps(j, found, &written);
	j->written += written;
	applied_vms_found_free(j->found, j->n_vms);
	j->found = found;
	return rc ? -1 : written > 0;
}

/*
 * A thread that was cloned before its parent was moved is where its parent was: look until all are at home. What they
 * clone then is, too.
 */
static int apply_plan(struct job *j)
{
	int rc = 1;

	for (int i = 0; rc == 1 && i < MAX_PASSES; i++)
		rc = pass(j);
	if (rc == 1)
		return isolat_fail(j->err, ISOLAT_FAILED, "apply", j->profile.file,
				   "VMs start threads faster than they can be moved: still new ones after %d looks",
				   MAX_PASSES);
	return rc || transaction_commit(j->applied.t, j->about, j->err) ? -1 : 0;
}

static int work(struct job *j)
{
	size_t runs;
	bool stuck;

	if (profile_read(j->request->profile, &j->profile, j->err) ||
	    run_left_open(&j->request->applied, APPLIED_CHANGE, &j->applied, &runs, &stuck, NULL, j->err))
		return -1;
	/* Until here a signal ends it at once: nothing was changed, or what a killed one had left is left again. */
	interrupt_hold();
	if (run_left_see(true, j->err) || read_host(j) || see_strays(j) || see_without_isolat(j) ||
	    plan_make(&j->profile, &j->host, &j->plan, j->err) || describe(j))
		return -1;
	return apply_plan(j);
}

static size_t count_threads(const struct job *j)
{
	size_t sum = 0;

	for (size_t i = 0; i < j->n_vms; i++)
		sum += j->found[i].threads.n;
	return sum;
}

static void drop(struct job *j)
{
	applied_vms_found_free(j->found, j->n_vms);
	free(j->vms);
	json_decref(j->about);
	applied_close(&j->applied);
	plan_free(&j->plan);
	host_free(&j->host);
	profile_free(&j->profile);
}

static int run(const struct request *r)
{
	struct isolat_error err;
	struct job j = { .request = r, .err = &err };
	int code;

	if (work(&j)) {
		/* Before it is told: what is left then is told, too. */
		applied_give_up(&j.applied);
		code = applied_report_error(r->applied.left, j.applied.recovered, &err, r->json);
	} else {
		code = apply_report(
			&(struct apply_result){
				.applied = &j.applied,
				.plan = &j.plan,
				.about = j.about,
				.written = j.written,
				.threads = count_threads(&j),
			},
			r->json);
	}
	drop(&j);
	return code;
}

static int apply_option(void *request, int key, struct isolat_error *err)
{
	struct request *r = request;

	switch (key) {
	case 'j':
		r->json = true;
		return 0;
	case 'p':
		r->profile = optarg;
		return 0;
	case OPT_ENGINE:
		r->applied.engine = optarg;
		return 0;
	case OPT_NO_CPUSETS:
		r->no_cpusets = true;
		return 0;
	default: /* APPLIED_OPT_WAIT */
		return applied_option_wait(&usage, &r->applied, err);
	}
}

int cmd_apply(int argc, char **argv)
{
	struct request request = { .profile = PROFILE_DEFAULT_FILE, .applied.wait_s = APPLIED_WAIT_S };
	int code = report_options(&usage, argc, argv, apply_option, &request);

	if (code >= 0)
		return code;
	if (report_no_words(&usage, argc, argv))
		return ISOLAT_USAGE;
	request.applied.left = json_array();
	code = run(&request);
	json_decref(request.applied.left);
	return code;
}
