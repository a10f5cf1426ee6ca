/* SPDX-License-Identifier: BSD-3-Clause */
/* Lists of CPUs, or of other numbers of the kernel, as it writes them itself: "2-5,10". */
#ifndef ISOLAT_CPU_LIST_H
#define ISOLAT_CPU_LIST_H

#include <stddef.h>

/*
 * The list of the kernel's numbers @os, which may come in any order and more than once; "" for none of them. What it
 * returns is the caller's to free, and NULL where there is no memory.
 */
char *cpu_list_text(const unsigned int *os, size_t n);

#endif
