// SPDX-License-Identifier: BSD-3-Clause
/* The model of RDT hardware behind the micro-VMs' emulation: its CPUID, its MSRs, and its environment. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "rdt_emu_config.h"
#include "rdt_emu_model.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define ERR_BIT	      (1ull << 63)
#define UNAVAIL_BIT   (1ull << 62)

/* An environment of "NAME=value" strings. */
static const char *const *environment;

static char *fake_getenv(const char *name)
{
	size_t len = strlen(name);
	const char *const *e;

	for (e = environment; e && *e; e++) {
		if (!strncmp(*e, name, len) && (*e)[len] == '=')
			return (char *)*e + len + 1;
	}
	return NULL;
}

static int read_config(struct rdt_config *cfg, const char *const *env, struct isolat_error *err)
{
	environment = env;
	return rdt_config_from_env(cfg, fake_getenv, err);
}

/* Two sockets of two cores: APIC ids 0 to 3. */
static struct rdt_state *make_state(const char *const *env)
{
	struct rdt_state *state = malloc(sizeof(*state));
	struct isolat_error err;
	struct rdt_config cfg;
	uint32_t id;

	assert_non_null(state);
	assert_int_equal(read_config(&cfg, env, &err), 0);
	rdt_model_reset(state, &cfg);
	for (id = 0; id < 4; id++)
		assert_non_null(rdt_model_add_cpu(state, id, id / 2, id));
	return state;
}

static const char *const intel[] = { "ISOLAT_RDT_VENDOR=intel", NULL };
static const char *const amd[] = { "ISOLAT_RDT_VENDOR=amd", NULL };
static const char *const intel_all[] = { "ISOLAT_RDT_FEATURES=l3,l2,cdp,mba,cmt,mbm", NULL };
static const char *const intel_mon[] = { "ISOLAT_RDT_FEATURES=cmt", NULL };
static const char *const intel_noncont[] = { "ISOLAT_RDT_FEATURES=l3,noncont", NULL };
static const char *const amd_all[] = { "ISOLAT_RDT_VENDOR=amd", "ISOLAT_RDT_FEATURES=l3,cdp,mba,smba,cmt,mbm",
				       "ISOLAT_RDT_MBA_LEN=12", NULL };

struct cpuid_case {
	const char *const *env;
	uint32_t leaf, sub;
	struct rdt_regs in, out;
};

#define L3_LEAF 0x4163 /* unified, level 3, shared by two */

static const struct cpuid_case cpuid_cases[] = {
	/* highest leaves: raised, never lowered */
	{ intel, 0, 0, { 0xd, 1, 2, 3 }, { 0x10, 1, 2, 3 } },
	{ intel, 0, 0, { 0x1f, 1, 2, 3 }, { 0x1f, 1, 2, 3 } },
	{ intel, 0x80000000, 0, { 0x80000008, 1, 2, 3 }, { 0x80000008, 1, 2, 3 } },
	{ amd, 0x80000000, 0, { 0x8000001e, 1, 2, 3 }, { 0x80000020, 1, 2, 3 } },
	/* between QEMU's last leaf and ours */
	{ intel, 0xe, 0, { 1, 2, 3, 4 }, { 0, 0, 0, 0 } },
	{ amd, 0x8000001f, 0, { 1, 2, 3, 4 }, { 0, 0, 0, 0 } },
	/* features */
	{ intel, 7, 0, { 0, 1, 2, 3 }, { 0, 1 | 1 << 12 | 1 << 15, 2, 3 } },
	{ intel, 7, 1, { 4, 1, 2, 3 }, { 4, 1, 2, 3 } },
	{ intel_mon, 7, 0, { 0, 0, 0, 0 }, { 0, 1 << 12, 0, 0 } },
	{ amd, 0x80000001, 0, { 0, 0, 1, 0 }, { 0, 0, 1 | 1 << 22, 0 } },
	{ amd, 0x80000008, 0, { 9, 1, 2, 3 }, { 9, 1 | 1 << 6, 2, 3 } },
	{ intel, 0x80000008, 0, { 9, 1, 2, 3 }, { 9, 1, 2, 3 } },
	/* the L3 has the ways of the masks; other caches stay */
	{ intel, 4, 3, { L3_LEAF | 1 << 9, 0, 0, 6 }, { L3_LEAF, 10u << 22 | 63, 32767, 6 } },
	{ intel, 4, 2, { 0x143, 5, 6, 7 }, { 0x143, 5, 6, 7 } },
	{ intel, 4, 4, { 0, 0, 0, 0 }, { 0, 0, 0, 0 } },
	{ amd, 0x8000001d, 3, { L3_LEAF, 0, 0, 6 }, { L3_LEAF, 15u << 22 | 63, 32767, 6 } },
	{ amd, 4, 3, { L3_LEAF, 5, 6, 7 }, { L3_LEAF, 5, 6, 7 } },
	{ amd, 0x80000006, 0, { 1, 2, 3, 4 }, { 1, 2, 3, 64 << 18 | 9 << 12 | 1 << 8 | 64 } },
	/* monitoring */
	{ intel, 0xf, 0, { 9, 9, 9, 9 }, { 0, 63, 0, 2 } },
	{ intel, 0xf, 1, { 9, 9, 9, 9 }, { 8, 65536, 63, 7 } },
	{ amd, 0xf, 1, { 9, 9, 9, 9 }, { 20, 64, 63, 7 } },
	{ intel_mon, 0xf, 1, { 9, 9, 9, 9 }, { 8, 65536, 63, 1 } },
	{ intel_noncont, 0xf, 0, { 9, 9, 9, 9 }, { 0, 0, 0, 0 } },
	{ intel, 0xf, 2, { 9, 9, 9, 9 }, { 0, 0, 0, 0 } },
	/* allocation */
	{ intel, 0x10, 0, { 9, 9, 9, 9 }, { 0, 1 << 1 | 1 << 3, 0, 0 } },
	{ intel_all, 0x10, 0, { 9, 9, 9, 9 }, { 0, 1 << 1 | 1 << 2 | 1 << 3, 0, 0 } },
	{ amd_all, 0x10, 0, { 9, 9, 9, 9 }, { 0, 1 << 1, 0, 0 } },
	{ intel, 0x10, 1, { 9, 9, 9, 9 }, { 10, 0x600, 0, 15 } },
	{ intel_all, 0x10, 1, { 9, 9, 9, 9 }, { 10, 0x600, 1 << 2, 15 } },
	{ intel_noncont, 0x10, 1, { 9, 9, 9, 9 }, { 10, 0x600, 1 << 3, 15 } },
	{ amd, 0x10, 1, { 9, 9, 9, 9 }, { 15, 0, 0, 15 } },
	{ intel, 0x10, 2, { 9, 9, 9, 9 }, { 0, 0, 0, 0 } },
	{ intel_all, 0x10, 2, { 9, 9, 9, 9 }, { 7, 0, 1 << 2, 15 } },
	{ intel, 0x10, 3, { 9, 9, 9, 9 }, { 89, 0, 1 << 2, 15 } },
	{ amd, 0x10, 3, { 9, 9, 9, 9 }, { 0, 0, 0, 0 } },
	{ amd, 0x80000020, 0, { 9, 9, 9, 9 }, { 0, 1 << 1, 0, 0 } },
	{ amd, 0x80000020, 1, { 9, 9, 9, 9 }, { 11, 0, 0, 15 } },
	{ amd, 0x80000020, 2, { 9, 9, 9, 9 }, { 0, 0, 0, 0 } },
	{ amd_all, 0x80000020, 0, { 9, 9, 9, 9 }, { 0, 1 << 1 | 1 << 2, 0, 0 } },
	{ amd_all, 0x80000020, 2, { 9, 9, 9, 9 }, { 12, 0, 0, 15 } },
	/* none of ours */
	{ intel, 1, 0, { 1, 2, 3, 4 }, { 1, 2, 3, 4 } },
	{ amd, 0x40000000, 0, { 1, 2, 3, 4 }, { 1, 2, 3, 4 } },
};

static void test_cpuid(void **unused)
{
	const struct rdt_cpuid_base base = { 0xd, 0x8000001e };
	struct isolat_error err;
	struct rdt_config cfg;
	struct rdt_regs r;
	size_t i;

	(void)unused;
	for (i = 0; i < ARRAY_SIZE(cpuid_cases); i++) {
		const struct cpuid_case *c = &cpuid_cases[i];

		assert_int_equal(read_config(&cfg, c->env, &err), 0);
		r = c->in;
		rdt_model_cpuid(&cfg, &base, c->leaf, c->sub, &r);
		if (memcmp(&r, &c->out, sizeof(r)))
			fail_msg("case %zu, leaf %#x.%u: %#x %#x %#x %#x", i, c->leaf, c->sub, r.eax, r.ebx, r.ecx,
				 r.edx);
	}
}

static void test_no_topoext_without_its_leaves(void **unused)
{
	const struct rdt_cpuid_base old = { 0xd, 0x8000000a };
	struct rdt_regs r = { 0, 0, 0, 0 };
	struct isolat_error err;
	struct rdt_config cfg;

	(void)unused;
	assert_int_equal(read_config(&cfg, amd, &err), 0);
	rdt_model_cpuid(&cfg, &old, 0x80000001, 0, &r);
	assert_int_equal(r.ecx, 0);
}

static void test_cache_shift(void **unused)
{
	(void)unused;
	assert_int_equal(rdt_model_cache_shift(0x3), 0);
	assert_int_equal(rdt_model_cache_shift(1 << 14), 1);
	assert_int_equal(rdt_model_cache_shift(2 << 14), 2); /* three share it: ids are laid out for four */
	assert_int_equal(rdt_model_cache_shift(7 << 14), 3);
}

/* One access to a fresh machine by the CPU with APIC id 2, after @setup has been written. */
struct msr_case {
	const char *const *env;
	uint32_t setup_msr;
	uint64_t setup;
	char op; /* r or w */
	uint32_t msr;
	uint64_t value; /* written, or read */
	bool ok;
};

static const struct msr_case msr_cases[] = {
	/* values after reset */
	{ intel, 0, 0, 'r', 0xc90, 0x7ff, true },
	{ intel, 0, 0, 'r', 0xc9f, 0x7ff, true },
	{ intel, 0, 0, 'r', 0xd50, 0, true },
	{ intel, 0, 0, 'r', 0xc8f, 0, true },
	{ intel_all, 0, 0, 'r', 0xd10, 0xff, true },
	{ intel_all, 0, 0, 'r', 0xc81, 0, true },
	{ amd, 0, 0, 'r', 0xc90, 0xffff, true },
	{ amd, 0, 0, 'r', 0xc0000200, 2048, true },
	{ amd_all, 0, 0, 'r', 0xc0000280, 4096, true },
	/* registers that this hardware has not */
	{ intel, 0, 0, 'r', 0xca0, 0, false },
	{ intel, 0, 0, 'r', 0xd10, 0, false },
	{ intel, 0, 0, 'r', 0xc81, 0, false },
	{ intel, 0, 0, 'r', 0xc82, 0, false },
	{ intel, 0, 0, 'w', 0xca0, 1, false },
	{ intel_mon, 0, 0, 'w', 0xc90, 1, false },
	{ intel_mon, 0, 0, 'w', 0xd50, 0, false },
	{ intel_noncont, 0, 0, 'r', 0xc8d, 0, false },
	{ intel_noncont, 0, 0, 'r', 0xc8e, 0, false },
	{ amd, 0, 0, 'r', 0xc0000280, 0, false },
	/* masks */
	{ intel, 0, 0, 'w', 0xc91, 0x1, true },
	{ intel, 0, 0, 'w', 0xc91, 0x7f0, true },
	{ intel, 0, 0, 'w', 0xc91, 0x400, true },
	{ intel, 0, 0, 'w', 0xc91, 0, false },
	{ intel, 0, 0, 'w', 0xc91, 0x5, false },
	{ intel, 0, 0, 'w', 0xc91, 0x401, false },
	{ intel, 0, 0, 'w', 0xc91, 0xfff, false },
	{ intel, 0, 0, 'w', 0xc91, 0x100000001, false },
	{ intel_noncont, 0, 0, 'w', 0xc91, 0x505, true },
	{ intel_noncont, 0, 0, 'w', 0xc91, 0, false },
	{ amd, 0, 0, 'w', 0xc91, 0xf0f0, true },
	{ amd, 0, 0, 'w', 0xc91, 0, true },
	{ amd, 0, 0, 'w', 0xc91, 0x10000, false },
	{ intel_all, 0, 0, 'w', 0xd11, 0x3, true },
	{ intel_all, 0, 0, 'w', 0xd11, 0x100, false },
	/* bandwidth */
	{ intel, 0, 0, 'w', 0xd51, 90, true },
	{ intel, 0, 0, 'w', 0xd51, 91, false },
	{ amd, 0, 0, 'w', 0xc0000201, 0, true },
	{ amd, 0, 0, 'w', 0xc0000201, 2048, true },
	{ amd, 0, 0, 'w', 0xc0000201, 2049, false },
	{ amd_all, 0, 0, 'w', 0xc0000281, 4096, true },
	/* association: class above, RMID below */
	{ intel, 0, 0, 'w', 0xc8f, 15ull << 32 | 63, true },
	{ intel, 0, 0, 'w', 0xc8f, 16ull << 32, false },
	{ intel, 0, 0, 'w', 0xc8f, 64, false },
	{ intel_noncont, 0, 0, 'w', 0xc8f, 1ull << 32 | 1, false },
	{ intel_mon, 0, 0, 'w', 0xc8f, 1ull << 32, false },
	{ intel_mon, 0, 0, 'w', 0xc8f, 1, true },
	/* configuration; MBA still has all classes with CDP on */
	{ intel_all, 0, 0, 'w', 0xc81, 1, true },
	{ intel_all, 0, 0, 'w', 0xc81, 2, false },
	{ intel_all, 0, 0, 'w', 0xc82, 1, true },
	{ intel_all, 0xc81, 1, 'w', 0xc8f, 15ull << 32, true },
	/* counters: event select takes anything in its fields, the counter says what is wrong with it */
	{ intel, 0, 0, 'w', 0xc8d, 0x3ff000000ffull, true },
	{ intel, 0, 0, 'w', 0xc8d, 0x100, false },
	{ intel, 0, 0, 'w', 0xc8d, 1ull << 42, false },
	{ intel, 0, 0, 'w', 0xc8e, 0, false },
	{ intel, 0xc8d, 1ull << 32 | 1, 'r', 0xc8e, 3, true }, /* 3.5 units of occupancy */
	{ intel, 0xc8d, 1ull << 32 | 2, 'r', 0xc8e, 5, true }, /* wrapped: 2^32 + 5 units */
	{ intel, 0xc8d, 1ull << 32 | 3, 'r', 0xc8e, 2, true },
	{ amd, 0xc8d, 1ull << 32 | 1, 'r', 0xc8e, 3584, true },
	{ intel, 0xc8d, 2ull << 32 | 1, 'r', 0xc8e, UNAVAIL_BIT, true },
	{ intel, 0xc8d, 3ull << 32 | 1, 'r', 0xc8e, ERR_BIT, true },
	{ intel, 0xc8d, 64ull << 32 | 1, 'r', 0xc8e, ERR_BIT, true },
	{ intel, 0xc8d, 0x3ffull << 32 | 1, 'r', 0xc8e, ERR_BIT, true },
	{ intel, 0xc8d, 1ull << 32 | 4, 'r', 0xc8e, ERR_BIT, true },
	{ intel, 0, 0, 'r', 0xc8e, ERR_BIT, true }, /* no event selected */
	{ intel_mon, 0xc8d, 1ull << 32 | 1, 'r', 0xc8e, 3, true },
	{ intel_mon, 0xc8d, 1ull << 32 | 2, 'r', 0xc8e, ERR_BIT, true },
};

static void inject(struct rdt_l3 *l3)
{
	l3->counter[1].occupancy = 3 * 65536 + 32768;
	l3->counter[1].mbm_total = (1ull << 32) * 65536 + 5 * 65536;
	l3->counter[1].mbm_local = 2 * 65536;
	l3->counter[2].flags = RDT_CTR_UNAVAILABLE;
	l3->counter[3].flags = RDT_CTR_ERROR;
}

static void run_msr_case(size_t i, const struct msr_case *c)
{
	struct rdt_state *state = make_state(c->env);
	struct rdt_cpu *cpu = &state->cpu[2];
	uint64_t value = c->value, back;
	bool ok;

	inject(&state->l3[1]);
	if (c->setup_msr)
		assert_true(rdt_model_write(state, cpu, c->setup_msr, c->setup));
	assert_true(rdt_model_owns(&state->config, c->msr));
	if (c->op == 'w') {
		ok = rdt_model_write(state, cpu, c->msr, value);
		if (ok && (!rdt_model_read(state, cpu, c->msr, &back) || back != value))
			fail_msg("MSR case %zu: %#x reads back otherwise", i, c->msr);
	} else {
		ok = rdt_model_read(state, cpu, c->msr, &value);
	}
	if (ok != c->ok || (ok && value != c->value))
		fail_msg("MSR case %zu, %c %#x: %s, %#llx", i, c->op, c->msr, ok ? "taken" : "refused",
			 (unsigned long long)value);
	assert_int_equal(state->bad_writes, c->op == 'w' && !c->ok);
	assert_int_equal(state->bad_reads, c->op == 'r' && !c->ok);
	if (!c->ok) {
		assert_int_equal(state->bad_msr, c->msr);
		assert_int_equal(state->bad_apic_id, 2);
	}
	free(state);
}

static void test_msrs(void **unused)
{
	size_t i;

	(void)unused;
	for (i = 0; i < ARRAY_SIZE(msr_cases); i++)
		run_msr_case(i, &msr_cases[i]);
}

static void test_cdp_halves_classes(void **unused)
{
	static const char *const env[] = { "ISOLAT_RDT_FEATURES=l3,cdp", NULL };
	struct rdt_state *state = make_state(env);

	(void)unused;
	assert_true(rdt_model_write(state, &state->cpu[0], 0xc8f, 15ull << 32));
	assert_true(rdt_model_write(state, &state->cpu[0], 0xc81, 1));
	assert_false(rdt_model_write(state, &state->cpu[0], 0xc8f, 8ull << 32));
	assert_true(rdt_model_write(state, &state->cpu[0], 0xc8f, 7ull << 32));
	assert_true(rdt_model_write(state, &state->cpu[2], 0xc8f, 8ull << 32)); /* the other socket has CDP off */
	free(state);
}

static void test_scope_of_registers(void **unused)
{
	struct rdt_state *state = make_state(intel_all);
	uint64_t value;

	(void)unused;
	assert_true(rdt_model_write(state, &state->cpu[0], 0xc91, 0x3));
	assert_true(rdt_model_write(state, &state->cpu[0], 0xd51, 10));
	assert_true(rdt_model_write(state, &state->cpu[0], 0xd11, 0xc));
	assert_true(rdt_model_write(state, &state->cpu[0], 0xc8f, 1ull << 32));
	/* socket */
	assert_true(rdt_model_read(state, &state->cpu[1], 0xc91, &value) && value == 0x3);
	assert_true(rdt_model_read(state, &state->cpu[2], 0xc91, &value) && value == 0x7ff);
	assert_true(rdt_model_read(state, &state->cpu[1], 0xd51, &value) && value == 10);
	/* core */
	assert_true(rdt_model_read(state, &state->cpu[1], 0xd11, &value) && value == 0xff);
	/* CPU */
	assert_true(rdt_model_read(state, &state->cpu[1], 0xc8f, &value) && value == 0);
	/* and where a tester finds them */
	assert_int_equal(state->l3[0].mask[1], 0x3);
	assert_int_equal(state->l3[0].mba[1], 10);
	assert_int_equal(state->l2[0].mask[1], 0xc);
	assert_int_equal(state->cpu[0].pqr, 1ull << 32);
	assert_int_equal(state->cpu[0].pqr_writes, 1);
	assert_int_equal(state->writes, 3);
	free(state);
}

static void test_owns_no_other_msr(void **unused)
{
	static const uint32_t others[] = {
		0x10, 0xc80, 0xc83, 0xc8c, 0xd90, 0xda0, 0xc0000080, 0xc0000102, 0xc00001ff
	};
	struct isolat_error err;
	struct rdt_config cfg;
	size_t i;

	(void)unused;
	assert_int_equal(read_config(&cfg, intel, &err), 0);
	for (i = 0; i < ARRAY_SIZE(others); i++)
		assert_false(rdt_model_owns(&cfg, others[i]));
	assert_false(rdt_model_owns(&cfg, 0xc0000200));
	assert_int_equal(read_config(&cfg, amd, &err), 0);
	assert_false(rdt_model_owns(&cfg, 0xd50));
}

static void test_no_room(void **unused)
{
	struct rdt_state *state = make_state(intel);
	int i;

	(void)unused;
	assert_null(rdt_model_add_cpu(state, 9, RDT_MAX_L3, 0));
	assert_null(rdt_model_add_cpu(state, 9, 0, RDT_MAX_L2));
	for (i = state->cpus; i < RDT_MAX_CPUS; i++)
		assert_non_null(rdt_model_add_cpu(state, i, 0, 0));
	assert_null(rdt_model_add_cpu(state, i, 0, 0));
	free(state);
}

static void test_environment(void **unused)
{
	static const struct {
		const char *bad, *object;
	} cases[] = {
		{ "ISOLAT_RDT_VENDOR=via", "ISOLAT_RDT_VENDOR" },
		{ "ISOLAT_RDT_WAYS=1", "ISOLAT_RDT_WAYS" },
		{ "ISOLAT_RDT_WAYS=33", "ISOLAT_RDT_WAYS" },
		{ "ISOLAT_RDT_WAYS=", "ISOLAT_RDT_WAYS" },
		{ "ISOLAT_RDT_WAYS=-4", "ISOLAT_RDT_WAYS" },
		{ "ISOLAT_RDT_WAYS=8k", "ISOLAT_RDT_WAYS" },
		{ "ISOLAT_RDT_IO_WAYS=12", "ISOLAT_RDT_IO_WAYS" },
		{ "ISOLAT_RDT_WAY_KIB=100", "ISOLAT_RDT_WAY_KIB" },
		{ "ISOLAT_RDT_FEATURES=l3,l4", "ISOLAT_RDT_FEATURES" },
		{ "ISOLAT_RDT_FEATURES=l", "ISOLAT_RDT_FEATURES" },
		{ "ISOLAT_RDT_FEATURES=smba", "ISOLAT_RDT_FEATURES" },
		{ "ISOLAT_RDT_OPTIONS=wings=2", "ISOLAT_RDT_OPTIONS" },
		{ "ISOLAT_RDT_OPTIONS=ways", "ISOLAT_RDT_OPTIONS" },
		{ "ISOLAT_RDT_OPTIONS==2", "ISOLAT_RDT_OPTIONS" },
		{ "ISOLAT_RDT_OPTIONS=rmids=9,ways=99", "ISOLAT_RDT_WAYS" },
		{ "ISOLAT_RDT_OPTIONS=features=l3+l4", "ISOLAT_RDT_FEATURES" },
	};
	const char *env[2] = { NULL, NULL };
	struct isolat_error err;
	struct rdt_config cfg;
	size_t i;

	(void)unused;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		env[0] = cases[i].bad;
		assert_int_equal(read_config(&cfg, env, &err), -1);
		assert_int_equal(err.code, ISOLAT_USAGE);
		assert_string_equal(err.object, cases[i].object);
	}
	env[0] = "ISOLAT_RDT_WAYS=0x14";
	assert_int_equal(read_config(&cfg, env, &err), 0);
	assert_int_equal(cfg.l3_ways, 20);
	assert_int_equal(cfg.vendor, RDT_INTEL);
}

static void test_option_list(void **unused)
{
	static const char *const env[] = { "ISOLAT_RDT_OPTIONS=features=l3+cdp,ways=12,ISOLAT_RDT_RMIDS=40,closids=8",
					   "ISOLAT_RDT_CLOSIDS=10", NULL };
	struct isolat_error err;
	struct rdt_config cfg;

	(void)unused;
	assert_int_equal(read_config(&cfg, env, &err), 0);
	assert_int_equal(cfg.features, RDT_L3 | RDT_CDP);
	assert_int_equal(cfg.l3_ways, 12);
	assert_int_equal(cfg.rmids, 40);
	assert_int_equal(cfg.l3_closids, 10); /* the variable wins */
}

/* What a tester does: open the file by name, find a counter, and be refused what is not there. */
static void test_state_file(void **unused)
{
	struct rdt_state *state = make_state(amd), *mapped;
	char path[] = "/tmp/test_rdt_model.XXXXXX";
	struct isolat_error err;
	int fd = mkstemp(path);

	(void)unused;
	assert_true(fd >= 0);
	assert_null(rdt_state_open(path, 0, &err)); /* empty */
	assert_int_equal(write(fd, state, sizeof(*state)), sizeof(*state));
	mapped = rdt_state_open(path, 1, &err);
	assert_non_null(mapped);
	assert_int_equal(mapped->cpus, 4);
	assert_int_equal(rdt_state_find_cpu(mapped, 3), 3);
	assert_int_equal(rdt_state_find_cpu(mapped, 4), -1);
	assert_non_null(rdt_state_counter(mapped, 1, 63, &err));
	assert_null(rdt_state_counter(mapped, 2, 0, &err));
	assert_null(rdt_state_counter(mapped, 0, 64, &err));
	mapped->version = RDT_STATE_VERSION + 1;
	rdt_state_close(mapped);
	assert_null(rdt_state_open(path, 0, &err));
	assert_int_equal(err.code, ISOLAT_USAGE);
	close(fd);
	unlink(path);
	free(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cpuid),
		cmocka_unit_test(test_no_topoext_without_its_leaves),
		cmocka_unit_test(test_cache_shift),
		cmocka_unit_test(test_msrs),
		cmocka_unit_test(test_cdp_halves_classes),
		cmocka_unit_test(test_scope_of_registers),
		cmocka_unit_test(test_owns_no_other_msr),
		cmocka_unit_test(test_no_room),
		cmocka_unit_test(test_environment),
		cmocka_unit_test(test_option_list),
		cmocka_unit_test(test_state_file),
	};

	return cmocka_run_group_tests_name("rdt_model", tests, NULL, NULL);
}
