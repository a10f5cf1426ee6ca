/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What threads are pinned to, where their process comes into a cgroup of isolat's or goes back: kernels before 6.2 give
 * each thread that changes its cpuset all CPUs of the new one, and forget what it had; later ones keep what is in both.
 *
 *   kind      object       value
 *   affinity  "TID@START"  the CPUs that the thread is pinned to, as the kernel prints lists; "" if it may run on all
 *                          that its cgroup has, or is in a cgroup of isolat's, where it is its owner's affair
 *
 * A thread whose CPUs the new cgroup does not have is unpinned by a step before it is moved, and still is once it is
 * back: undoing the step pins it again. All others keep their CPUs over the move.
 */
#ifndef ISOLAT_STEP_AFFINITY_H
#define ISOLAT_STEP_AFFINITY_H

#include "step.h"
#include "step_host.h"

extern const struct step_kind step_affinity;

/* What the kernel lets a thread run on, as a list for the caller to free. Returns 0 or -errno. */
int step_affinity_allowed(const struct step_host *host, pid_t tid, char **list);

/* Where the thread is pinned to @host->unpin_from: pins it to unpin_to. Returns whether it did. */
bool step_affinity_unpin(const struct step_host *host, pid_t tid);

/* What the threads of a process were pinned to before it was moved, or are to be after it. */
struct step_pins;

/* NULL: there are none, or no memory for them. */
struct step_pins *step_pins_read(const struct step_host *host, pid_t pid);

/* Pins those anew that the move has unpinned, as far as their new cgroup has their CPUs; frees. */
void step_pins_put_back(const struct step_host *host, struct step_pins *pins);

#endif
