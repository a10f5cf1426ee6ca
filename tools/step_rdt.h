/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The kinds of steps that change RDT, through an engine, on a struct step_host. Only groups of isolat's
 * (RDT_OWN_PREFIX) and the default group, "", are changed: the engine refuses others.
 *
 *   kind      object        value
 *   group     its name      STEP_PRESENT or STEP_ABSENT: a group that is not there has a value, too
 *   schemata  the group     all of its schemata, as rdt_schemata_print() makes it; what differs is written at once
 *   monitor   its name      the same of a monitor group. Present can fail to be made, where there is no free RMID: that
 *                           is no error, and it reads as absent
 *   cpus      the group     its CPUs, as the kernel prints lists
 *   task      "TID@START"   its group. One that is to be in a monitor group that is not there is in the
 *                           control group. A thread that ended, also while it is being moved, is gone, no error
 */
#ifndef ISOLAT_STEP_RDT_H
#define ISOLAT_STEP_RDT_H

#include "step.h"
#include "step_host.h"

#define STEP_PRESENT "present"
#define STEP_ABSENT  "absent"

extern const struct step_kind step_group, step_monitor, step_schemata, step_cpus, step_task;

#endif
