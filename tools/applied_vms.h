/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The VMs of an applied profile, as the journal keeps them: enough to find their threads again, and to say where they
 * belong, without the profile.
 */
#ifndef ISOLAT_APPLIED_VMS_H
#define ISOLAT_APPLIED_VMS_H

#include <jansson.h>

#include "plan.h"
#include "transaction.h"
#include "vm_find.h"

struct applied_vm {
	const char *name;	    /* borrowed from the JSON */
	const char *group;	    /* "" for the default one */
	const char *monitor;	    /* the monitor group that it is to have; "" if it needs none */
	const char *cpus;	    /* a list */
	struct profile_match match; /* its text is borrowed */
};

/* An array of {"name", "class", "match", "group", "monitor", "cpus"}; owned by the caller, NULL: no memory. */
json_t *applied_vms_to_json(const struct plan *plan);

/* Back. Fails with ISOLAT_FAILED on what applied_vms_to_json() does not write. @vms is for the caller to free(). */
int applied_vms_from_json(const json_t *about, struct applied_vm **vms, size_t *n, struct isolat_error *err);

/* Whether it has got its monitor group: there may have been no RMID. And the group that its threads are in so. */
bool applied_vm_has_monitor(const struct transaction *t, const struct applied_vm *vm);
const char *applied_vm_home(const struct transaction *t, const struct applied_vm *vm);

/* Looks for the threads of all. The caller frees with applied_vms_found_free(). NULL with @err filled. */
struct vm_search *applied_vms_find(const struct applied_vm *vms, size_t n, struct isolat_error *err);
void applied_vms_found_free(struct vm_search *found, size_t n);

#endif
