/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The state file of the RDT emulation: what the guest has programmed, and what its counters shall read.
 *
 * rdt_emu.so (preloaded into QEMU) creates the file named by ISOLAT_RDT_STATE and maps it shared. A test maps the same
 * file while the VM runs, or reads it afterwards:
 *
 *  - it compares the masks and limits that arrived in the emulated MSRs with the plan that it asked for;
 *  - it injects cache occupancy and memory traffic, which the guest's resctrl then reports in mon_data.
 *
 * The layout is fixed: every field is a 64-bit word in the byte order of the host. Each word is written by one side
 * only (the emulation, or the tester: "counter") and read with one atomic access, so neither side takes a lock.
 * Compatibility: magic and version are checked by rdt_state_open(), and any change of layout raises the version;
 * writer and reader come from the same build, so older versions are refused, not converted.
 *
 * An MSR of the guest is at these places (D = L3 domain of the CPU, n = offset from the first MSR of its kind):
 *
 *   IA32_PQR_ASSOC      cpu[i].pqr             CLOSID in bits 63:32, RMID in bits 9:0
 *   IA32_QM_EVTSEL      cpu[i].evtsel
 *   IA32_L3_QOS_CFG     l3[D].qos_cfg          bit 0: CDP. With it, class n has data mask 2n and code mask 2n+1
 *   IA32_L3_MASK_n      l3[D].mask[n]
 *   IA32_L2_QOS_CFG, IA32_L2_MASK_n            the same in l2[], by L2 domain of the CPU
 *   MBA (Intel)         l3[D].mba[n]           throttle in percent: 0 is none
 *   MBA, SMBA (AMD)     l3[D].mba[n], .smba[n] limit in 1/8 GB/s: 1 << mba_len is none
 *   IA32_QM_CTR         l3[D].counter[rmid]    bytes; the guest reads them divided by upscale, cut to counter_bits
 *
 * A domain's number is the id that the guest's kernel gives that cache in sysfs and in schemata.
 */
#ifndef ISOLAT_RDT_STATE_H
#define ISOLAT_RDT_STATE_H

#include <stdatomic.h>
#include <stdint.h>

#include "isolat/error.h"

#define RDT_STATE_MAGIC	  0x3145544154534452ull /* "RDSTATE1" */
#define RDT_STATE_VERSION 1

#define RDT_MAX_CPUS	256
#define RDT_MAX_L3	16
#define RDT_MAX_L2	128
#define RDT_MAX_CLOSIDS 64
#define RDT_MAX_RMIDS	256
#define RDT_MAX_WAYS	32

typedef _Atomic uint64_t rdt_word;

enum rdt_vendor {
	RDT_INTEL = 1,
	RDT_AMD = 2,
};

enum rdt_feature {
	RDT_L3 = 1 << 0,      /* L3 cache allocation */
	RDT_L2 = 1 << 1,      /* L2 cache allocation */
	RDT_CDP = 1 << 2,     /* code and data prioritisation in the caches that have allocation */
	RDT_MBA = 1 << 3,     /* memory bandwidth allocation */
	RDT_SMBA = 1 << 4,    /* AMD: the same for slow memory */
	RDT_CMT = 1 << 5,     /* L3 occupancy monitoring */
	RDT_MBM = 1 << 6,     /* memory bandwidth monitoring, total and local */
	RDT_NONCONT = 1 << 7, /* Intel: masks need not be contiguous (AMD: always so) */
};

/* What the emulated hardware has. Constant once state.active is set. */
struct rdt_config {
	uint64_t vendor;       /* enum rdt_vendor */
	uint64_t features;     /* bits of enum rdt_feature */
	uint64_t l3_ways;      /* bits of an L3 mask */
	uint64_t l3_io_ways;   /* how many of them, from the top, are shared with I/O */
	uint64_t l3_way_bytes; /* cache size of a way */
	uint64_t l2_ways;      /* bits of an L2 mask */
	uint64_t l3_closids;   /* classes of service; half of it with CDP on */
	uint64_t l2_closids;
	uint64_t mba_closids; /* of MBA, and of SMBA */
	uint64_t mba_max;     /* Intel: largest throttle, percent. 100 minus it is least bandwidth and granularity */
	uint64_t mba_len;     /* AMD: bits of a limit, whose largest value is 1 << mba_len */
	uint64_t rmids;
	uint64_t upscale;      /* bytes in one unit of IA32_QM_CTR */
	uint64_t counter_bits; /* of IA32_QM_CTR; wraps */
};

struct rdt_cpu {
	rdt_word apic_id;
	rdt_word l3; /* domain: index into state.l3 */
	rdt_word l2;
	rdt_word pqr;
	rdt_word evtsel;
	rdt_word pqr_writes; /* context switches between classes, mostly */
	rdt_word reserved[2];
};

enum rdt_counter_flag {
	RDT_CTR_UNAVAILABLE = 1, /* IA32_QM_CTR bit 62 */
	RDT_CTR_ERROR = 2,	 /* IA32_QM_CTR bit 63 */
};

/* Written by the tester. */
struct rdt_counter {
	rdt_word occupancy; /* bytes */
	rdt_word mbm_total; /* bytes since boot */
	rdt_word mbm_local;
	rdt_word flags; /* bits of enum rdt_counter_flag */
};

struct rdt_l3 {
	rdt_word present;
	rdt_word qos_cfg;
	rdt_word mask[RDT_MAX_CLOSIDS];
	rdt_word mba[RDT_MAX_CLOSIDS];
	rdt_word smba[RDT_MAX_CLOSIDS];
	struct rdt_counter counter[RDT_MAX_RMIDS];
};

struct rdt_l2 {
	rdt_word present;
	rdt_word qos_cfg;
	rdt_word mask[RDT_MAX_CLOSIDS];
};

struct rdt_state {
	rdt_word magic;
	rdt_word version;
	rdt_word size;	 /* sizeof(struct rdt_state) */
	rdt_word active; /* 1 once a guest CPU has run an emulated CPUID: before, nothing is proven */
	struct rdt_config config;
	rdt_word cpus;	     /* used entries of cpu[], in the order of their first CPUID: sort by apic_id */
	rdt_word writes;     /* accepted writes to masks, limits and configuration, not to PQR_ASSOC and QM_EVTSEL */
	rdt_word bad_writes; /* writes that were refused with #GP */
	rdt_word bad_reads;
	rdt_word bad_msr; /* the last refused access: MSR, value (0 for a read), and CPU's APIC id */
	rdt_word bad_value;
	rdt_word bad_apic_id;
	rdt_word reserved[7];
	struct rdt_cpu cpu[RDT_MAX_CPUS];
	struct rdt_l3 l3[RDT_MAX_L3];
	struct rdt_l2 l2[RDT_MAX_L2];
};

/* Maps @path, made by the emulation, for reading or for injection. Returns NULL and fills @err on failure. */
struct rdt_state *rdt_state_open(const char *path, int writable, struct isolat_error *err);
void rdt_state_close(struct rdt_state *state);

/*
 * The counters of @rmid in L3 domain @l3, for the tester to write. NULL, with @err filled, if the guest has no such
 * domain or RMID.
 */
struct rdt_counter *rdt_state_counter(struct rdt_state *state, uint64_t l3, uint64_t rmid, struct isolat_error *err);

/* The index into state->cpu of the CPU with this APIC id, or -1. */
int rdt_state_find_cpu(const struct rdt_state *state, uint64_t apic_id);

/* Names of a vendor and of a single feature, as in the environment; "?" if there is none. */
const char *rdt_vendor_name(uint64_t vendor);
const char *rdt_feature_name(uint64_t feature);

#endif
