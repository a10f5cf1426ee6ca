// SPDX-License-Identifier: BSD-3-Clause
/*
 * rdt_emu.so: Intel RDT or AMD QoS for the guests of a stock QEMU.
 *
 * Preloaded (LD_PRELOAD) into qemu-system-x86_64 with TCG, it redirects the helpers that carry out CPUID, RDMSR and
 * WRMSR. A stock kernel in the guest then finds cache and bandwidth allocation and monitoring, and programs it; the
 * registers, and the counters that it reads, are in a file shared with the tester (rdt_state.h). Nothing is throttled
 * and no cache is partitioned: this tests what is programmed, not what hardware does with it.
 *
 * On AMD it also makes the guest see the CPU model's core and cache topology, which TCG hides: one L3 for each die.
 *
 * Environment:
 *
 *   ISOLAT_RDT_STATE         the state file, created or overwritten; without it the state is private
 *   ISOLAT_RDT_VENDOR        intel (default) or amd; must be the vendor of the CPU model (-cpu). On Intel take
 *                            Icelake-Server (Linux disables L3 allocation on Skylake), on AMD EPYC-Milan
 *   ISOLAT_RDT_FEATURES      list of l3, l2, cdp, mba, smba (AMD), cmt, mbm, noncont (Intel); default l3,mba,cmt,mbm.
 *                            cdp is for the caches in the list. smba needs Linux 6.3, noncont 6.7
 *   ISOLAT_RDT_WAYS          bits of an L3 mask, 2-32 (Intel 11, AMD 16)
 *   ISOLAT_RDT_IO_WAYS       how many of them, from the top, are shared with I/O (Intel 2, AMD 0)
 *   ISOLAT_RDT_WAY_KIB       size of an L3 way, a power of two (2048); the L3 in CPUID gets these ways and this size
 *   ISOLAT_RDT_L2_WAYS       bits of an L2 mask, 2-32 (8)
 *   ISOLAT_RDT_CLOSIDS       classes of service for L3, 2-64 (16); CDP halves them
 *   ISOLAT_RDT_L2_CLOSIDS    the same for L2 (16)
 *   ISOLAT_RDT_MBA_CLOSIDS   the same for MBA and SMBA (16)
 *   ISOLAT_RDT_MBA_MAX       Intel: largest throttle in percent (90). Linux takes 100 minus it, 10, both as the least
 *                            bandwidth and as the granularity
 *   ISOLAT_RDT_MBA_LEN       AMD: bits of a limit (11); 1 << 11 is "no limit". Linux 6.1 assumes 11
 *   ISOLAT_RDT_RMIDS         2-256 (64)
 *   ISOLAT_RDT_UPSCALE       bytes in one unit of a counter (Intel 65536, AMD 64)
 *   ISOLAT_RDT_COUNTER_BITS  width of a counter, 24-62 (Intel 32, AMD 44). Linux on AMD assumes 44
 *
 *   ISOLAT_RDT_OPTIONS       any of these but STATE and VENDOR in one list: "features=l3+mba,ways=12,closids=8". In it,
 *                            features are joined by "+". A variable of its own wins over the list
 *
 * It says "rdt_emu: active: ..." on stderr, and sets active in the state file, when the first guest CPU has run an
 * emulated CPUID and QEMU's registers proved to be where we look for them. It ends QEMU with status 99 and one line on
 * stderr if they are not, if QEMU's internals are not as expected, or if the environment is wrong. In any program but
 * QEMU it does nothing, so that it may be preloaded into a wrapper such as timeout(1).
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "rdt_emu_config.h"
#include "rdt_emu_hook.h"
#include "rdt_emu_model.h"

#define EXIT_REFUSED   99
#define SVM_EXIT_CPUID 0x72
#define SVM_EXIT_MSR   0x7c
#define EXCEPTION_GP   13
#define VENDOR_INTEL   0x756e6547 /* "Genu", EBX of leaf 0 */
#define VENDOR_AMD     0x68747541 /* "Auth" */

/* Order of the general registers at the start of CPUX86State. */
enum { R_EAX, R_ECX, R_EDX, R_EBX };

/* QEMU's own functions, which it exports for its modules. */
static struct {
	void (*cpuid)(void *env, uint32_t leaf, uint32_t sub, uint32_t *eax, uint32_t *ebx, uint32_t *ecx,
		      uint32_t *edx);
	void (*check_intercept)(void *env, uint32_t type, uint64_t param, uintptr_t retaddr);
	void (*raise_exception)(void *env, int index, uintptr_t retaddr) __attribute__((noreturn));
} qemu;

enum { HOOK_CPUID, HOOK_RDMSR, HOOK_WRMSR, HOOKS };
static struct tcg_hook hooks[HOOKS];

struct vcpu {
	_Atomic(void *) env; /* set last: the entry is complete then, and never changes again */
	struct rdt_cpu *cpu;
	struct rdt_cpuid_base base;
};

static struct rdt_state *state;
static struct vcpu vcpus[RDT_MAX_CPUS];
static pthread_mutex_t vcpus_lock = PTHREAD_MUTEX_INITIALIZER;

static void __attribute__((noreturn, format(printf, 1, 2))) refuse(const char *fmt, ...)
{
	va_list ap;

	fputs("rdt_emu: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	_exit(EXIT_REFUSED);
}

static struct rdt_regs model_cpuid(void *env, uint32_t leaf, uint32_t sub)
{
	struct rdt_regs r;

	qemu.cpuid(env, leaf, sub, &r.eax, &r.ebx, &r.ecx, &r.edx);
	return r;
}

/* Id of the level's cache that the CPU is on; its APIC id, as for a cache of its own, if there is no such cache. */
static uint32_t cache_id(void *env, uint32_t apic_id, unsigned int level)
{
	uint32_t leaf = state->config.vendor == RDT_AMD ? 0x8000001d : 4, sub;

	for (sub = 0; sub < 8; sub++) {
		struct rdt_regs r = model_cpuid(env, leaf, sub);

		if (!(r.eax & 0x1f))
			break;
		if ((r.eax >> 5 & 7) == level)
			return apic_id >> rdt_model_cache_shift(r.eax);
	}
	if (level == 3)
		refuse("the CPU model has no L3 cache");
	return apic_id;
}

static void add_vcpu(struct vcpu *v, void *env)
{
	uint32_t vendor = model_cpuid(env, 0, 0).ebx, apic_id;

	if (vendor != (state->config.vendor == RDT_AMD ? VENDOR_AMD : VENDOR_INTEL))
		refuse("ISOLAT_RDT_VENDOR is %s, but the CPU model is of another vendor",
		       rdt_vendor_name(state->config.vendor));
	v->base.max_leaf = model_cpuid(env, 0, 0).eax;
	v->base.max_ext_leaf = model_cpuid(env, 0x80000000, 0).eax;
	apic_id = v->base.max_leaf >= 0xb ? model_cpuid(env, 0xb, 0).edx : model_cpuid(env, 1, 0).ebx >> 24;
	v->cpu = rdt_model_add_cpu(state, apic_id, cache_id(env, apic_id, 3), cache_id(env, apic_id, 2));
	if (!v->cpu)
		refuse("more CPUs or caches than the state file has room for (APIC id %u)", apic_id);
	atomic_store_explicit(&v->env, env, memory_order_release);
}

static struct vcpu *find_vcpu(void *env)
{
	struct vcpu *v;
	void *seen;

	for (v = vcpus; v < vcpus + RDT_MAX_CPUS; v++) {
		seen = atomic_load_explicit(&v->env, memory_order_acquire);
		if (seen == env)
			return v;
		if (!seen)
			break;
	}
	return NULL;
}

static struct vcpu *find_or_add_vcpu(void *env)
{
	struct vcpu *v = find_vcpu(env);

	if (v)
		return v;
	pthread_mutex_lock(&vcpus_lock);
	v = find_vcpu(env);
	if (!v && state->cpus >= RDT_MAX_CPUS)
		refuse("more than %d CPUs", RDT_MAX_CPUS);
	if (!v) {
		v = &vcpus[state->cpus];
		add_vcpu(v, env);
	}
	pthread_mutex_unlock(&vcpus_lock);
	return v;
}

/* TCG runs every vCPU in its own thread, or all of them in one: remember only the last. */
static struct vcpu *this_vcpu(void *env)
{
	static _Thread_local struct vcpu *last;

	if (!last || atomic_load_explicit(&last->env, memory_order_relaxed) != env)
		last = find_or_add_vcpu(env);
	return last;
}

static void announce(void)
{
	const struct rdt_config *cfg = &state->config;
	char features[64] = "";
	uint64_t bit;

	for (bit = 1; bit <= RDT_NONCONT; bit <<= 1) {
		if (!(cfg->features & bit))
			continue;
		strcat(features, *features ? "," : "");
		strcat(features, rdt_feature_name(bit));
	}
	fprintf(stderr, "rdt_emu: active: %s %s, %d L3 ways, %d classes, %d RMIDs\n", rdt_vendor_name(cfg->vendor),
		features, (int)cfg->l3_ways, (int)cfg->l3_closids, (int)cfg->rmids);
}

/* The registers must hold what QEMU's own function answers as well: else they are elsewhere in this QEMU. */
static void prove(void *env, uint32_t leaf, uint32_t sub, const struct rdt_regs *seen)
{
	struct rdt_regs own = model_cpuid(env, leaf, sub);

	if (memcmp(seen, &own, sizeof(own)))
		refuse("QEMU's register file is not as expected: no CPUID result at its start");
	if (!atomic_exchange(&state->active, 1))
		announce();
}

/*
 * The three below are entered by a jump from the first instruction of QEMU's helper. Their return address is therefore
 * the one in the translated code, which QEMU wants with whatever leaves that code: an exception, or the exit to a
 * nested hypervisor that intercepts the instruction. Both leave by longjmp(), so nothing may be held across them.
 */
#define RETADDR() ((uintptr_t)__builtin_extract_return_addr(__builtin_return_address(0)))

static void hook_cpuid(void *env)
{
	uint64_t *regs = env;
	uint32_t leaf = regs[R_EAX], sub = regs[R_ECX];
	struct rdt_regs r;
	struct vcpu *v;

	qemu.check_intercept(env, SVM_EXIT_CPUID, 0, RETADDR());
	hooks[HOOK_CPUID].original(env);
	v = this_vcpu(env);
	r = (struct rdt_regs){ regs[R_EAX], regs[R_EBX], regs[R_ECX], regs[R_EDX] };
	if (!state->active)
		prove(env, leaf, sub, &r);
	rdt_model_cpuid(&state->config, &v->base, leaf, sub, &r);
	regs[R_EAX] = r.eax;
	regs[R_EBX] = r.ebx;
	regs[R_ECX] = r.ecx;
	regs[R_EDX] = r.edx;
}

static bool ours(uint32_t msr)
{
	return rdt_model_owns(&state->config, msr) && state->active;
}

static void hook_rdmsr(void *env)
{
	uintptr_t retaddr = RETADDR();
	uint64_t *regs = env, value;
	uint32_t msr = regs[R_ECX];

	if (!ours(msr)) {
		hooks[HOOK_RDMSR].original(env);
		return;
	}
	qemu.check_intercept(env, SVM_EXIT_MSR, 0, retaddr);
	if (!rdt_model_read(state, this_vcpu(env)->cpu, msr, &value))
		qemu.raise_exception(env, EXCEPTION_GP, retaddr);
	regs[R_EAX] = (uint32_t)value;
	regs[R_EDX] = value >> 32;
}

static void hook_wrmsr(void *env)
{
	uintptr_t retaddr = RETADDR();
	uint64_t *regs = env;
	uint32_t msr = regs[R_ECX];

	if (!ours(msr)) {
		hooks[HOOK_WRMSR].original(env);
		return;
	}
	qemu.check_intercept(env, SVM_EXIT_MSR, 1, retaddr);
	if (!rdt_model_write(state, this_vcpu(env)->cpu, msr, (uint32_t)regs[R_EAX] | regs[R_EDX] << 32))
		qemu.raise_exception(env, EXCEPTION_GP, retaddr);
}

static struct tcg_hook hooks[HOOKS] = {
	[HOOK_CPUID] = { .name = "cpuid", .replacement = hook_cpuid },
	[HOOK_RDMSR] = { .name = "rdmsr", .replacement = hook_rdmsr },
	[HOOK_WRMSR] = { .name = "wrmsr", .replacement = hook_wrmsr },
};

static void *symbol(const char *name)
{
	void *address = dlsym(RTLD_DEFAULT, name);

	if (!address)
		refuse("QEMU does not export %s", name);
	return address;
}

static struct rdt_state *map_state(const char *path)
{
	int flags = path ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS, fd = -1;
	void *map;

	if (path) {
		fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
		if (fd < 0 || ftruncate(fd, sizeof(*state)))
			refuse("create %s: %s", path, strerror(errno));
	}
	map = mmap(NULL, sizeof(*state), PROT_READ | PROT_WRITE, flags, fd, 0);
	if (map == MAP_FAILED)
		refuse("map %s: %s", path ? path : "the state", strerror(errno));
	if (fd >= 0)
		close(fd);
	return map;
}

static int is_qemu(void)
{
	return !strncmp(program_invocation_short_name, "qemu-system-", strlen("qemu-system-")) ||
	       dlsym(RTLD_DEFAULT, "cpu_x86_cpuid");
}

static void __attribute__((constructor)) rdt_emu_init(void)
{
	struct isolat_error err;
	struct rdt_config cfg;

	if (!is_qemu())
		return;
	*(void **)&qemu.cpuid = symbol("cpu_x86_cpuid");
	*(void **)&qemu.check_intercept = symbol("cpu_svm_check_intercept_param");
	*(void **)&qemu.raise_exception = symbol("raise_exception_ra");
	if (rdt_config_from_env(&cfg, getenv, &err))
		goto refused;
	state = map_state(getenv("ISOLAT_RDT_STATE"));
	rdt_model_reset(state, &cfg);
	if (!tcg_hook_install(hooks, HOOKS, &err))
		return;
refused:
	refuse("%s: %s: %s", err.what, err.object, err.reason);
}
