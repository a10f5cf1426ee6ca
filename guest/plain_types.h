/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/* The integer types of the kernel, for code that is also built in userspace. */
#ifndef ISOLAT_PLAIN_TYPES_H
#define ISOLAT_PLAIN_TYPES_H

#ifdef __KERNEL__
#include <linux/types.h>
#else
#include <stdbool.h>
#include <stdint.h>

typedef uint32_t u32;
typedef uint64_t u64;
#endif

#endif
