/* SPDX-License-Identifier: BSD-3-Clause */
/* Profiles by the dice, for a given host: a seed makes the same one always. */
#ifndef PLAN_RANDOM_H
#define PLAN_RANDOM_H

#include <stdint.h>
#include <stdio.h>

#include "host.h"
#include "profile.h"

void plan_random_make(uint64_t seed, const struct host *host, struct profile *p);
void plan_random_free(struct profile *p);

/* In a few lines, all that the plan may depend on. */
void plan_random_describe(FILE *out, const struct profile *p);

#endif
