/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sets of CPUs, and their two texts as the kernel reads and prints them: lists ("0-3,8") and masks ("1,00000000").
 * Parsing returns 0 or the kernel's -EINVAL, -ERANGE or -EOVERFLOW. @limit is one more than the highest possible CPU.
 */
#ifndef SIM_CPUS_H
#define SIM_CPUS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define SIM_MAX_CPUS 512

struct sim_cpus {
	uint64_t word[SIM_MAX_CPUS / 64];
};

bool sim_cpus_has(const struct sim_cpus *set, unsigned int cpu);
void sim_cpus_add(struct sim_cpus *set, unsigned int cpu);
void sim_cpus_drop(struct sim_cpus *set, unsigned int cpu);
void sim_cpus_add_range(struct sim_cpus *set, unsigned int first, unsigned int n);
bool sim_cpus_empty(const struct sim_cpus *set);
struct sim_cpus sim_cpus_or(struct sim_cpus a, struct sim_cpus b);
struct sim_cpus sim_cpus_and(struct sim_cpus a, struct sim_cpus b);
struct sim_cpus sim_cpus_without(struct sim_cpus a, struct sim_cpus b);

int sim_cpus_parse_list(const char *text, unsigned int limit, struct sim_cpus *set);
int sim_cpus_parse_mask(const char *text, unsigned int limit, struct sim_cpus *set);
void sim_cpus_print_list(FILE *out, const struct sim_cpus *set, unsigned int limit);
void sim_cpus_print_mask(FILE *out, const struct sim_cpus *set, unsigned int limit);

#endif
