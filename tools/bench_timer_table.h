/* SPDX-License-Identifier: BSD-3-Clause */
/* The report of `isolat bench timer` as a table on stdout. */
#ifndef ISOLAT_BENCH_TIMER_TABLE_H
#define ISOLAT_BENCH_TIMER_TABLE_H

#include <jansson.h>

/* Prints @report (see isolat-bench(1)). */
void bench_timer_print(const json_t *report);

#endif
