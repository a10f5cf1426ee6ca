/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What threads are pinned to, where their process comes into a cgroup of isolat's or goes back: kernels before 6.2 give
 * each thread that changes its cpuset all CPUs of the new one, and forget what it had; later ones keep what is in both.
 *
 *   kind      object       value
 *   affinity  "TID@START"  the CPUs that the thread is pinned to, as the kernel prints lists; "" if it may run on all
 *                          that its cgroup has, or is in a cgroup of isolat's: see pin
 *   pin       "TID@START"  likewise in a cgroup of isolat's; it is not there elsewhere
 *
 * A thread that is pinned is unpinned by a step before its process is moved, and still is once that is back: undoing
 * the step pins it again. One whose CPUs the new cgroup has is pinned to them by another step after the move. So what
 * the kernel makes of it as it comes and goes does not matter, nor where isolat is killed then. What its owner pins it
 * to afterwards is the owner's affair; that is put back as it comes home, or as its cgroup gets other CPUs (step_pins).
 */
#ifndef ISOLAT_STEP_AFFINITY_H
#define ISOLAT_STEP_AFFINITY_H

#include "step.h"
#include "step_host.h"

extern const struct step_kind step_affinity, step_pin;

/* What the kernel lets a thread run on, as a list for the caller to free. Returns 0 or -errno. */
int step_affinity_allowed(const struct step_host *host, pid_t tid, char **list);

/* Where the thread is pinned to @host->unpin_from: pins it to unpin_to. Returns whether it did. */
bool step_affinity_unpin(const struct step_host *host, pid_t tid);

/* What the threads of a process were pinned to before it was moved, or are to be after it. */
struct step_pins;

/* Signals wait until they are put back. NULL: no memory. */
struct step_pins *step_pins_read(const struct step_host *host, pid_t pid);

/*
 * Likewise, of all processes in the cgroup whose folder is open as @dir, before it gets other CPUs: kernels before 6.2
 * forget pins then, too.
 */
struct step_pins *step_pins_read_in(const struct step_host *host, int dir);

/*
 * What all threads in cgroups below the root are pinned to, before these get the cpuset controller or lose it: for
 * kernels before 6.2 that is a move of all of them, and they forget it.
 */
struct step_pins *step_pins_read_all(const struct step_host *host);

/*
 * Pins those anew that the move has unpinned, as far as their new cgroup has their CPUs; frees. Of all threads, those
 * that have all CPUs now.
 */
void step_pins_put_back(const struct step_host *host, struct step_pins *pins);

#endif
