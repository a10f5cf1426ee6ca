/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Hardware KVM or emulation. /dev/kvm being there does not mean that a stock kernel boots on it (a host that is a VM
 * itself may offer a KVM that runs only kernels made for it), so the first use tries one, with a short limit, and
 * remembers the answer in $ISOLAT_CACHE (default /var/cache/isolat, or ~/.cache/isolat for other users than root) for
 * as long as the running kernel stays the same.
 */
#ifndef ISOLAT_MICROVM_ACCEL_H
#define ISOLAT_MICROVM_ACCEL_H

#include <stdbool.h>

#include "microvm.h"

/* Whether a stock kernel boots on /dev/kvm here; @kernel is the one to try, as in struct microvm_config. */
bool microvm_kvm_boots(const char *kernel);

/*
 * Turns MICROVM_ACCEL_AUTO into what it means here for @config; others are checked. Fails with ISOLAT_UNSUPPORTED
 * when KVM is asked for and /dev/kvm cannot be opened, or emulated RDT together with KVM.
 */
int microvm_accel_decide(const struct microvm_config *config, enum microvm_accel *accel, struct isolat_error *err);

/*
 * Whether QEMU's emulation runs the VM's instructions: also where @accel is KVM, in a host that is emulated itself.
 * What is known to go wrong now and then under emulation is no fault of such a VM.
 */
bool microvm_accel_is_emulated(enum microvm_accel accel);

#endif
