/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The checks of `isolat doctor`, and what they make of a machine.
 *
 * A check reads below a root and fills a finding: a pure function of the files there, so that a captured machine gives
 * the same findings anywhere. The table doctor_checks[] is the list; its ids are documented in isolat-doctor(1) and
 * never change their meaning.
 */
#ifndef ISOLAT_DOCTOR_CHECK_H
#define ISOLAT_DOCTOR_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <jansson.h>
#include "doctor_root.h"

enum doctor_state {
	DOCTOR_OK,   /* as isolat wants it */
	DOCTOR_INFO, /* a fact to know, nothing to do */
	DOCTOR_WARN, /* isolat works, at a price, or cannot tell */
	DOCTOR_BAD,  /* something that isolat does cannot be done until this changes */
	DOCTOR_NA,   /* does not apply to this machine */
	DOCTOR_STATES,
};

struct doctor_finding {
	enum doctor_state state;
	char found[768];   /* the facts, no period */
	char means[2048];  /* what they mean for isolat: sentences */
	char advice[1024]; /* what to do about it: sentences; empty when there is nothing to do */
};

struct doctor_check {
	const char *id;
	const char *title;
	void (*run)(const struct doctor_root *root, struct doctor_finding *finding);
};

/* Something that isolat does. It can be done where none of the checks that it needs is bad or does not apply. */
struct doctor_job {
	const char *id;
	const char *title;
	const char *needs[5]; /* check ids, ends with NULL */
};

extern const struct doctor_check doctor_checks[]; /* ends with an empty entry */
extern const struct doctor_job doctor_jobs[];	  /* likewise */

#define DOCTOR_MAX_CHECKS 32

/* Runs all checks; findings[i] belongs to doctor_checks[i]. Returns their number. */
size_t doctor_run(const struct doctor_root *root, struct doctor_finding findings[DOCTOR_MAX_CHECKS]);

/* Whether the job's need number @need stands against it. */
bool doctor_blocks(const struct doctor_job *job, size_t need, const struct doctor_finding *findings);
bool doctor_possible(const struct doctor_job *job, const struct doctor_finding *findings);
bool doctor_usable(const struct doctor_finding *findings); /* any job is possible */

const char *doctor_state_name(enum doctor_state state);

/* The whole report, as isolat-doctor(1) documents it. A new reference, NULL when there is no memory. */
json_t *doctor_json(const struct doctor_finding *findings);

/* For checks: set the state and what was found; say what it means; say what to do. Texts that are too long are cut. */
__attribute__((format(printf, 3, 4))) void doctor_found(struct doctor_finding *finding, enum doctor_state state,
							const char *format, ...);
__attribute__((format(printf, 2, 3))) void doctor_means(struct doctor_finding *finding, const char *format, ...);
__attribute__((format(printf, 2, 3))) void doctor_advice(struct doctor_finding *finding, const char *format, ...);

/* Appends to a text of @size bytes; what does not fit is cut. */
__attribute__((format(printf, 3, 4))) void doctor_append(char *text, size_t size, const char *format, ...);

/* The finding for a file that cannot be read: does not apply when it is not there, else a warning. @error is -errno. */
void doctor_unreadable(struct doctor_finding *finding, const char *path, int error);

/* One function a line of doctor_checks[]. */
void doctor_kernel(const struct doctor_root *root, struct doctor_finding *finding);
void doctor_cmdline(const struct doctor_root *root, struct doctor_finding *finding);
void doctor_modules(const struct doctor_root *root, struct doctor_finding *finding);
void doctor_module_signing(const struct doctor_root *root, struct doctor_finding *finding);
void doctor_lockdown(const struct doctor_root *root, struct doctor_finding *finding);
void doctor_guest(const struct doctor_root *root, struct doctor_finding *finding);
void doctor_smart_idle_poll(const struct doctor_root *root, struct doctor_finding *finding);
void doctor_cpuidle(const struct doctor_root *root, struct doctor_finding *finding);
void doctor_tsc(const struct doctor_root *root, struct doctor_finding *finding);
void doctor_kvm(const struct doctor_root *root, struct doctor_finding *finding);
void doctor_kvm_posted(const struct doctor_root *root, struct doctor_finding *finding);
void doctor_kvm_ple(const struct doctor_root *root, struct doctor_finding *finding);
void doctor_kvm_halt_poll(const struct doctor_root *root, struct doctor_finding *finding);
void doctor_kvm_nested(const struct doctor_root *root, struct doctor_finding *finding);
void doctor_rdt(const struct doctor_root *root, struct doctor_finding *finding);
void doctor_resctrl(const struct doctor_root *root, struct doctor_finding *finding);
void doctor_resctrl_groups(const struct doctor_root *root, struct doctor_finding *finding);
void doctor_cgroup(const struct doctor_root *root, struct doctor_finding *finding);
void doctor_cgroup_owner(const struct doctor_root *root, struct doctor_finding *finding);

#endif
