/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The model of RDT hardware: what CPUID says, and what the MSRs take and give. It knows nothing of QEMU and keeps all
 * of its state in struct rdt_state, whose words are atomic: calls for different CPUs may run concurrently.
 *
 * After the Intel SDM, volume 3B, "Intel Resource Director Technology", and AMD's "Platform Quality of Service
 * Extensions" (publication 56375).
 */
#ifndef ISOLAT_RDT_EMU_MODEL_H
#define ISOLAT_RDT_EMU_MODEL_H

#include <stdbool.h>

#include "rdt_state.h"

struct rdt_regs {
	uint32_t eax, ebx, ecx, edx;
};

/* What the CPU model's own CPUID says that the emulated leaves depend on. */
struct rdt_cpuid_base {
	uint32_t max_leaf;     /* leaf 0, EAX */
	uint32_t max_ext_leaf; /* leaf 0x80000000, EAX */
};

/* Makes @state that of freshly powered on hardware. It is not active yet and has no CPUs. */
void rdt_model_reset(struct rdt_state *state, const struct rdt_config *cfg);

/*
 * Adds a CPU, and its domains if it is the first in them. Returns it, or NULL if a number is out of range. Calls of
 * this one function must not overlap.
 */
struct rdt_cpu *rdt_model_add_cpu(struct rdt_state *state, uint32_t apic_id, uint64_t l3, uint64_t l2);

/*
 * Bits to shift an APIC id right to get the id of a cache, from @eax of the leaf that describes it (4, 0x8000001D);
 * as Linux does it.
 */
unsigned int rdt_model_cache_shift(uint32_t eax);

/* Turns @r, the CPU model's own answer for @leaf and @sub, into that of a CPU with RDT. */
void rdt_model_cpuid(const struct rdt_config *cfg, const struct rdt_cpuid_base *base, uint32_t leaf, uint32_t sub,
		     struct rdt_regs *r);

/* Whether the MSR is RDT's on this vendor. Any other is none of the model's business. */
bool rdt_model_owns(const struct rdt_config *cfg, uint32_t msr);

/* Access to an MSR that the model owns. False means #GP(0); the refusal has been noted in @state. */
bool rdt_model_read(struct rdt_state *state, struct rdt_cpu *cpu, uint32_t msr, uint64_t *value);
bool rdt_model_write(struct rdt_state *state, struct rdt_cpu *cpu, uint32_t msr, uint64_t value);

#endif
