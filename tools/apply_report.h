/* SPDX-License-Identifier: BSD-3-Clause */
/* What apply says of what it did; and what it shares with status: groups as they were asked for and as they are. */
#ifndef ISOLAT_APPLY_REPORT_H
#define ISOLAT_APPLY_REPORT_H

#include "applied.h"
#include "plan.h"

struct apply_result {
	const struct applied *applied;
	const struct plan *plan;
	const json_t *about;
	size_t written, threads;
};

/* Prints it, and returns the exit code. */
int apply_report(const struct apply_result *result, bool json);

#endif
