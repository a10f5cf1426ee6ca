// SPDX-License-Identifier: BSD-3-Clause
#include "rdt_emu_model.h"

#include <string.h>

#define MSR_L3_QOS_CFG	  0xc81
#define MSR_L2_QOS_CFG	  0xc82
#define MSR_QM_EVTSEL	  0xc8d
#define MSR_QM_CTR	  0xc8e
#define MSR_PQR_ASSOC	  0xc8f
#define MSR_L3_MASK	  0xc90
#define MSR_L3_MASKS	  128
#define MSR_L2_MASK	  0xd10
#define MSR_MBA_INTEL	  0xd50
#define MSR_MBA_AMD	  0xc0000200
#define MSR_SMBA_AMD	  0xc0000280
#define MSR_OTHERS	  64 /* registers of the other kinds; more would reach IA32_XSS, 0xda0 */
#define QM_CTR_ERROR	  (1ull << 63)
#define QM_CTR_UNAVAIL	  (1ull << 62)
#define QOS_CFG_CDP	  1ull
#define EVT_OCCUPANCY	  1
#define EVT_MBM_TOTAL	  2
#define EVT_MBM_LOCAL	  3
#define EVTSEL_EVENT	  0xffull
#define EVTSEL_RMID_SHIFT 32
#define EVTSEL_RMID	  0x3ffull
#define LEAF_MONITORING	  0xf
#define LEAF_ALLOCATION	  0x10
#define LEAF_AMD_CACHE	  0x8000001d
#define LEAF_AMD_TOPOLOGY 0x8000001e
#define LEAF_AMD_PQE	  0x80000020
#define RDT_ALLOCATION	  (RDT_L3 | RDT_L2 | RDT_MBA | RDT_SMBA)
#define RDT_MONITORING	  (RDT_CMT | RDT_MBM)

/* Sets of allocation registers: masks of the two caches, and the two kinds of bandwidth. */
enum kind { L3_MASK, L2_MASK, MBA, SMBA };

static bool has(const struct rdt_config *cfg, uint64_t features)
{
	return cfg->features & features;
}

static uint64_t all_ways(uint64_t ways)
{
	return (1ull << ways) - 1;
}

/* The value that does not restrict anything. */
static uint64_t unrestricted(const struct rdt_config *cfg, enum kind kind)
{
	switch (kind) {
	case L3_MASK:
		return all_ways(cfg->l3_ways);
	case L2_MASK:
		return all_ways(cfg->l2_ways);
	default:
		return cfg->vendor == RDT_AMD ? 1ull << cfg->mba_len : 0;
	}
}

static void fill(rdt_word *words, uint64_t n, uint64_t value)
{
	uint64_t i;

	for (i = 0; i < n; i++)
		atomic_init(&words[i], value);
}

void rdt_model_reset(struct rdt_state *state, const struct rdt_config *cfg)
{
	int i;

	memset(state, 0, sizeof(*state));
	state->config = *cfg;
	for (i = 0; i < RDT_MAX_L3; i++) {
		fill(state->l3[i].mask, cfg->l3_closids, unrestricted(cfg, L3_MASK));
		fill(state->l3[i].mba, cfg->mba_closids, unrestricted(cfg, MBA));
		fill(state->l3[i].smba, cfg->mba_closids, unrestricted(cfg, SMBA));
	}
	for (i = 0; i < RDT_MAX_L2; i++)
		fill(state->l2[i].mask, cfg->l2_closids, unrestricted(cfg, L2_MASK));
	state->size = sizeof(*state);
	state->version = RDT_STATE_VERSION;
	/* Last: a reader that sees the magic sees all of it. */
	state->magic = RDT_STATE_MAGIC;
}

struct rdt_cpu *rdt_model_add_cpu(struct rdt_state *state, uint32_t apic_id, uint64_t l3, uint64_t l2)
{
	uint64_t n = state->cpus;
	struct rdt_cpu *cpu;

	if (n >= RDT_MAX_CPUS || l3 >= RDT_MAX_L3 || l2 >= RDT_MAX_L2)
		return NULL;
	cpu = &state->cpu[n];
	cpu->apic_id = apic_id;
	cpu->l3 = l3;
	cpu->l2 = l2;
	state->l3[l3].present = 1;
	state->l2[l2].present = 1;
	state->cpus = n + 1;
	return cpu;
}

unsigned int rdt_model_cache_shift(uint32_t eax)
{
	uint32_t sharing = (eax >> 14 & 0xfff) + 1;
	unsigned int shift = 0;

	while (1u << shift < sharing)
		shift++;
	return shift;
}

/* The L3 of QEMU's models has a fixed size and number of ways: give it the ways that the masks speak of. */
static void cpuid_cache(const struct rdt_config *cfg, struct rdt_regs *r)
{
	if ((r->eax & 0x1f) == 0 || (r->eax >> 5 & 7) != 3)
		return;
	r->eax &= ~(1u << 9); /* not fully associative */
	r->ebx = (uint32_t)(cfg->l3_ways - 1) << 22 | (64 - 1);
	r->ecx = cfg->l3_way_bytes / 64 - 1;
}

static void cpuid_monitoring(const struct rdt_config *cfg, uint32_t sub, struct rdt_regs *r)
{
	if (!has(cfg, RDT_MONITORING))
		return;
	if (sub == 0) {
		r->ebx = cfg->rmids - 1;
		r->edx = 1 << 1; /* of L3 */
	} else if (sub == 1) {
		r->eax = cfg->counter_bits - 24;
		r->ebx = cfg->upscale;
		r->ecx = cfg->rmids - 1;
		r->edx = (has(cfg, RDT_CMT) ? 1 : 0) | (has(cfg, RDT_MBM) ? 6 : 0);
	}
}

static void cpuid_masks(const struct rdt_config *cfg, uint64_t ways, uint64_t io_ways, uint64_t closids,
			struct rdt_regs *r)
{
	r->eax = ways - 1;
	r->ebx = all_ways(io_ways) << (ways - io_ways);
	r->ecx = (has(cfg, RDT_CDP) ? 1 << 2 : 0) | (has(cfg, RDT_NONCONT) ? 1 << 3 : 0);
	r->edx = closids - 1;
}

static void cpuid_allocation(const struct rdt_config *cfg, uint32_t sub, struct rdt_regs *r)
{
	bool mba = has(cfg, RDT_MBA) && cfg->vendor == RDT_INTEL;

	if (sub == 0) {
		r->ebx = (has(cfg, RDT_L3) ? 1 << 1 : 0) | (has(cfg, RDT_L2) ? 1 << 2 : 0) | (mba ? 1 << 3 : 0);
	} else if (sub == 1 && has(cfg, RDT_L3)) {
		cpuid_masks(cfg, cfg->l3_ways, cfg->l3_io_ways, cfg->l3_closids, r);
	} else if (sub == 2 && has(cfg, RDT_L2)) {
		cpuid_masks(cfg, cfg->l2_ways, 0, cfg->l2_closids, r);
	} else if (sub == 3 && mba) {
		r->eax = cfg->mba_max - 1;
		r->ecx = 1 << 2; /* linear */
		r->edx = cfg->mba_closids - 1;
	}
}

static void cpuid_amd_pqe(const struct rdt_config *cfg, uint32_t sub, struct rdt_regs *r)
{
	if (sub == 0)
		r->ebx = (has(cfg, RDT_MBA) ? 1 << 1 : 0) | (has(cfg, RDT_SMBA) ? 1 << 2 : 0);
	if ((sub == 1 && has(cfg, RDT_MBA)) || (sub == 2 && has(cfg, RDT_SMBA))) {
		r->eax = cfg->mba_len;
		r->edx = cfg->mba_closids - 1;
	}
}

/*
 * TCG's EPYC models describe their caches and cores in leaves 0x8000001D and 0x8000001E, but TCG drops the feature bit
 * that makes Linux look there; it then takes every CPU for a package of caches of its own.
 */
static void cpuid_amd(const struct rdt_config *cfg, const struct rdt_cpuid_base *base, uint32_t leaf, uint32_t sub,
		      struct rdt_regs *r)
{
	switch (leaf) {
	case 0x80000000:
		if (has(cfg, RDT_MBA | RDT_SMBA) && r->eax < LEAF_AMD_PQE)
			r->eax = LEAF_AMD_PQE;
		break;
	case 0x80000001:
		if (base->max_ext_leaf >= LEAF_AMD_TOPOLOGY)
			r->ecx |= 1 << 22; /* TOPOEXT */
		break;
	case 0x80000006:
		/* L3 in half megabytes; associativity 9 means "see 0x8000001D". */
		r->edx = (uint32_t)(cfg->l3_ways * cfg->l3_way_bytes >> 19) << 18 | 9 << 12 | 1 << 8 | 64;
		break;
	case 0x80000008:
		if (has(cfg, RDT_MBA))
			r->ebx |= 1 << 6;
		break;
	case LEAF_AMD_CACHE:
		cpuid_cache(cfg, r);
		break;
	case LEAF_AMD_PQE:
		cpuid_amd_pqe(cfg, sub, r);
		break;
	}
}

void rdt_model_cpuid(const struct rdt_config *cfg, const struct rdt_cpuid_base *base, uint32_t leaf, uint32_t sub,
		     struct rdt_regs *r)
{
	bool extended = leaf >= 0x80000000 && leaf <= LEAF_AMD_PQE;

	/* Beyond its last leaf QEMU repeats that one. We raise the last leaf, so those between read as zero. */
	if ((leaf > base->max_leaf && leaf <= LEAF_ALLOCATION) || (extended && leaf > base->max_ext_leaf))
		memset(r, 0, sizeof(*r));
	if (cfg->vendor == RDT_AMD && extended)
		cpuid_amd(cfg, base, leaf, sub, r);
	switch (leaf) {
	case 0:
		if (r->eax < LEAF_ALLOCATION)
			r->eax = LEAF_ALLOCATION;
		break;
	case 4:
		if (cfg->vendor == RDT_INTEL)
			cpuid_cache(cfg, r);
		break;
	case 7:
		if (sub == 0)
			r->ebx |= (has(cfg, RDT_MONITORING) ? 1 << 12 : 0) | (has(cfg, RDT_ALLOCATION) ? 1 << 15 : 0);
		break;
	case LEAF_MONITORING:
		memset(r, 0, sizeof(*r));
		cpuid_monitoring(cfg, sub, r);
		break;
	case LEAF_ALLOCATION:
		memset(r, 0, sizeof(*r));
		cpuid_allocation(cfg, sub, r);
		break;
	}
}

/* An MSR's set of allocation registers and number in it; false if it is none of them. */
static bool find_kind(const struct rdt_config *cfg, uint32_t msr, enum kind *kind, uint32_t *n)
{
	bool amd = cfg->vendor == RDT_AMD;
	const struct {
		enum kind kind;
		uint32_t first, count;
	} kinds[] = {
		{ L3_MASK, MSR_L3_MASK, MSR_L3_MASKS },
		{ L2_MASK, MSR_L2_MASK, MSR_OTHERS },
		{ MBA, amd ? MSR_MBA_AMD : MSR_MBA_INTEL, MSR_OTHERS },
		{ SMBA, MSR_SMBA_AMD, amd ? MSR_OTHERS : 0 },
	};
	size_t i;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (msr < kinds[i].first || msr - kinds[i].first >= kinds[i].count)
			continue;
		*kind = kinds[i].kind;
		*n = msr - kinds[i].first;
		return true;
	}
	return false;
}

bool rdt_model_owns(const struct rdt_config *cfg, uint32_t msr)
{
	enum kind kind;
	uint32_t n;

	return msr == MSR_L3_QOS_CFG || msr == MSR_L2_QOS_CFG || (msr >= MSR_QM_EVTSEL && msr <= MSR_PQR_ASSOC) ||
	       find_kind(cfg, msr, &kind, &n);
}

/* The word behind an allocation register; NULL if this hardware has no such register. */
static rdt_word *alloc_word(struct rdt_state *state, struct rdt_cpu *cpu, enum kind kind, uint32_t n)
{
	static const uint64_t needs[] = { [L3_MASK] = RDT_L3, [L2_MASK] = RDT_L2, [MBA] = RDT_MBA, [SMBA] = RDT_SMBA };
	const struct rdt_config *cfg = &state->config;
	struct rdt_l3 *l3 = &state->l3[cpu->l3];

	if (!has(cfg, needs[kind]))
		return NULL;
	switch (kind) {
	case L3_MASK:
		return n < cfg->l3_closids ? &l3->mask[n] : NULL;
	case L2_MASK:
		return n < cfg->l2_closids ? &state->l2[cpu->l2].mask[n] : NULL;
	case MBA:
		return n < cfg->mba_closids ? &l3->mba[n] : NULL;
	default:
		return n < cfg->mba_closids ? &l3->smba[n] : NULL;
	}
}

/* The word behind any other register that can be both read and written; NULL if there is none. */
static rdt_word *other_word(struct rdt_state *state, struct rdt_cpu *cpu, uint32_t msr)
{
	const struct rdt_config *cfg = &state->config;
	bool cdp = has(cfg, RDT_CDP);

	switch (msr) {
	case MSR_L3_QOS_CFG:
		return cdp && has(cfg, RDT_L3) ? &state->l3[cpu->l3].qos_cfg : NULL;
	case MSR_L2_QOS_CFG:
		return cdp && has(cfg, RDT_L2) ? &state->l2[cpu->l2].qos_cfg : NULL;
	case MSR_QM_EVTSEL:
		return has(cfg, RDT_MONITORING) ? &cpu->evtsel : NULL;
	case MSR_PQR_ASSOC:
		return has(cfg, RDT_MONITORING | RDT_ALLOCATION) ? &cpu->pqr : NULL;
	default:
		return NULL;
	}
}

static uint64_t read_counter(struct rdt_state *state, struct rdt_cpu *cpu)
{
	const struct rdt_config *cfg = &state->config;
	uint64_t evtsel = cpu->evtsel, rmid = evtsel >> EVTSEL_RMID_SHIFT & EVTSEL_RMID, flags, bytes;
	struct rdt_counter *ctr = &state->l3[cpu->l3].counter[rmid % RDT_MAX_RMIDS];

	flags = rmid < cfg->rmids ? ctr->flags : RDT_CTR_ERROR;
	switch (evtsel & EVTSEL_EVENT) {
	case EVT_OCCUPANCY:
		flags |= has(cfg, RDT_CMT) ? 0 : RDT_CTR_ERROR;
		bytes = ctr->occupancy;
		break;
	case EVT_MBM_TOTAL:
		flags |= has(cfg, RDT_MBM) ? 0 : RDT_CTR_ERROR;
		bytes = ctr->mbm_total;
		break;
	case EVT_MBM_LOCAL:
		flags |= has(cfg, RDT_MBM) ? 0 : RDT_CTR_ERROR;
		bytes = ctr->mbm_local;
		break;
	default:
		return QM_CTR_ERROR;
	}
	if (flags)
		return (flags & RDT_CTR_ERROR ? QM_CTR_ERROR : 0) | (flags & RDT_CTR_UNAVAILABLE ? QM_CTR_UNAVAIL : 0);
	return bytes / cfg->upscale & all_ways(cfg->counter_bits);
}

static bool mask_ok(const struct rdt_config *cfg, uint64_t mask, uint64_t ways)
{
	uint64_t run;

	if (mask & ~all_ways(ways))
		return false;
	if (cfg->vendor == RDT_AMD)
		return true; /* gaps are fine, and so is no way at all */
	if (!mask)
		return false;
	run = mask + (mask & -mask); /* carries through the lowest run of ones: nothing else may be left */
	return has(cfg, RDT_NONCONT) || !(run & mask);
}

static bool alloc_ok(const struct rdt_config *cfg, enum kind kind, uint64_t value)
{
	switch (kind) {
	case L3_MASK:
		return mask_ok(cfg, value, cfg->l3_ways);
	case L2_MASK:
		return mask_ok(cfg, value, cfg->l2_ways);
	default:
		return value <= (cfg->vendor == RDT_AMD ? 1ull << cfg->mba_len : cfg->mba_max);
	}
}

static uint64_t usable(const struct rdt_config *cfg, uint64_t feature, uint64_t closids, uint64_t qos_cfg)
{
	return has(cfg, feature) ? closids >> (qos_cfg & QOS_CFG_CDP) : 0;
}

/* A class must exist for some resource; a resource that has fewer takes its last one. Likewise for the RMID. */
static bool pqr_ok(struct rdt_state *state, struct rdt_cpu *cpu, uint64_t value)
{
	const struct rdt_config *cfg = &state->config;
	uint64_t l3 = usable(cfg, RDT_L3, cfg->l3_closids, state->l3[cpu->l3].qos_cfg);
	uint64_t l2 = usable(cfg, RDT_L2, cfg->l2_closids, state->l2[cpu->l2].qos_cfg);
	uint64_t mba = usable(cfg, RDT_MBA | RDT_SMBA, cfg->mba_closids, 0);
	uint64_t closid = value >> 32, rmid = (uint32_t)value;

	if (closid && closid >= l3 && closid >= l2 && closid >= mba)
		return false;
	return rmid < (has(cfg, RDT_MONITORING) ? cfg->rmids : 1);
}

static bool other_ok(struct rdt_state *state, struct rdt_cpu *cpu, uint32_t msr, uint64_t value)
{
	switch (msr) {
	case MSR_PQR_ASSOC:
		return pqr_ok(state, cpu, value);
	case MSR_QM_EVTSEL:
		return !(value & ~(EVTSEL_EVENT | EVTSEL_RMID << EVTSEL_RMID_SHIFT));
	default:
		return !(value & ~QOS_CFG_CDP);
	}
}

static bool refuse(struct rdt_state *state, struct rdt_cpu *cpu, rdt_word *count, uint32_t msr, uint64_t value)
{
	state->bad_msr = msr;
	state->bad_value = value;
	state->bad_apic_id = cpu->apic_id;
	atomic_fetch_add(count, 1);
	return false;
}

bool rdt_model_read(struct rdt_state *state, struct rdt_cpu *cpu, uint32_t msr, uint64_t *value)
{
	rdt_word *word;
	enum kind kind;
	uint32_t n;

	if (msr == MSR_QM_CTR && has(&state->config, RDT_MONITORING)) {
		*value = read_counter(state, cpu);
		return true;
	}
	word = find_kind(&state->config, msr, &kind, &n) ? alloc_word(state, cpu, kind, n)
							 : other_word(state, cpu, msr);
	if (!word)
		return refuse(state, cpu, &state->bad_reads, msr, 0);
	*value = *word;
	return true;
}

bool rdt_model_write(struct rdt_state *state, struct rdt_cpu *cpu, uint32_t msr, uint64_t value)
{
	bool alloc, ok;
	rdt_word *word;
	enum kind kind;
	uint32_t n;

	alloc = find_kind(&state->config, msr, &kind, &n);
	word = alloc ? alloc_word(state, cpu, kind, n) : other_word(state, cpu, msr);
	ok = word && (alloc ? alloc_ok(&state->config, kind, value) : other_ok(state, cpu, msr, value));
	if (!ok)
		return refuse(state, cpu, &state->bad_writes, msr, value);
	*word = value;
	if (msr == MSR_PQR_ASSOC)
		atomic_fetch_add(&cpu->pqr_writes, 1);
	else if (msr != MSR_QM_EVTSEL)
		atomic_fetch_add(&state->writes, 1);
	return true;
}
