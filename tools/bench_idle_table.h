/* SPDX-License-Identifier: BSD-3-Clause */
/* The report of `isolat bench idle` as tables on stdout. */
#ifndef ISOLAT_BENCH_IDLE_TABLE_H
#define ISOLAT_BENCH_IDLE_TABLE_H

#include <jansson.h>

/* Prints @report (see isolat-bench(1)) beside the talk's own figures. */
void bench_idle_print(const json_t *report);

#endif
