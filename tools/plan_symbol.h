/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The characters of a plan's picture. A VM with cores or a group of its own has a letter, in the order of the profile;
 * the groups that VMs share, and the timer agents', have the letters that follow. Past the 52nd they are all '+'.
 */
#ifndef ISOLAT_PLAN_SYMBOL_H
#define ISOLAT_PLAN_SYMBOL_H

#include "plan.h"

#define PLAN_SYMBOL_LETTERS	 "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define PLAN_SYMBOL_MORE	 '+'
#define PLAN_SYMBOL_HOUSEKEEPING '#'
#define PLAN_SYMBOL_AGENT	 '@'
#define PLAN_SYMBOL_POOL	 '-'
#define PLAN_SYMBOL_DEFAULT	 '=' /* the default group */
#define PLAN_SYMBOL_OTHERS	 '!' /* groups that isolat did not make */
#define PLAN_SYMBOL_IO		 '^'
#define PLAN_SYMBOL_NOBODY	 '.'

/* Of a group, by its index in the plan, or PLAN_NONE. */
char plan_group_symbol(const struct plan *plan, unsigned int group);

/* Of a VM, by its index in the plan: its letter, or its group's. */
char plan_vm_symbol(const struct plan *plan, unsigned int vm);

/* Of a CPU, by its index in the topology. */
char plan_cpu_symbol(const struct plan *plan, unsigned int cpu);

#endif
