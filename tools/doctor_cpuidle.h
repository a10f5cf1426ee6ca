/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef ISOLAT_DOCTOR_CPUIDLE_H
#define ISOLAT_DOCTOR_CPUIDLE_H

/* The kernel parameter that keeps the built-in cpuidle-haltpoll from taking the cpuidle driver's place. */
#define DOCTOR_HALTPOLL_INITCALL "haltpoll_init"
#define DOCTOR_HALTPOLL_REMEDY	 "initcall_blacklist=" DOCTOR_HALTPOLL_INITCALL

#endif
