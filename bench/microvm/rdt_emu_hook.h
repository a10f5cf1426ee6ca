/* SPDX-License-Identifier: BSD-3-Clause */
/* Finding and redirecting the helper functions that QEMU's translated code calls. */
#ifndef ISOLAT_RDT_EMU_HOOK_H
#define ISOLAT_RDT_EMU_HOOK_H

#include "isolat/error.h"

/* A helper without result and with env as its only argument: cpuid, rdmsr, wrmsr and the like. */
typedef void (*tcg_helper)(void *env);

struct tcg_hook {
	const char *name; /* as in QEMU's helper.h: "rdmsr" */
	tcg_helper replacement;
	tcg_helper original; /* set by tcg_hook_install(): calls what was there before */
};

/*
 * Redirects the named helpers of the running program. All or nothing, save that a failure of mprotect() may leave some
 * redirected; every replacement must be able to run as soon as it is called. Only before QEMU starts threads.
 */
int tcg_hook_install(struct tcg_hook *hooks, int count, struct isolat_error *err);

#endif
