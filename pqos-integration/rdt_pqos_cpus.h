/* SPDX-License-Identifier: BSD-3-Clause */
/* Lists of CPUs as resctrl's cpus_list has them, "0-3,8", and as numbers. */
#ifndef ISOLAT_RDT_PQOS_CPUS_H
#define ISOLAT_RDT_PQOS_CPUS_H

#include <stdbool.h>
#include <stddef.h>

#define PQOS_CPUS_LIMIT 65536 /* numbers are below it */

/*
 * Reads numbers and ranges, ascending or not, once or more, "" for none. @cpus gets them ascending and once; the caller
 * frees. False if it is no such list, or for want of memory.
 */
bool pqos_cpus_parse(const char *list, unsigned int **cpus, size_t *n);

/* The list of @cpus, which are ascending. The caller frees; NULL where there is no memory. */
char *pqos_cpus_print(const unsigned int *cpus, size_t n);

#endif
