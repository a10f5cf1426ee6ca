/* SPDX-License-Identifier: BSD-3-Clause */
/* What all sources of capabilities are held to, beside the limits of rdt_caps.h. */
#ifndef ISOLAT_RDT_CAPS_LIMITS_H
#define ISOLAT_RDT_CAPS_LIMITS_H

/* CPUID and MPAM count them with 16 bits. */
#define RDT_CLOSIDS_LIMIT 65536

/* Groups: far more than CLOSIDs of any machine, and few enough for memory. */
#define RDT_GROUPS_LIMIT 1024

#endif
