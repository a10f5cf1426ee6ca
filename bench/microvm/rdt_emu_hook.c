// SPDX-License-Identifier: BSD-3-Clause
/*
 * Debian's QEMU is stripped of the symbols that we need, but carries a table of all helpers in its data, an array of
 *
 *	struct { void *func; const char *name; unsigned flags; unsigned typemask; }
 *
 * which can be recognised: a pointer to the string "cpuid", after a pointer into the text, with the type "void (env)",
 * and in the same array, at multiples of the entry's size, the others. The table itself is only used by the translator
 * to look up types, and translated code calls the function directly (QEMU up to 7.2), so we redirect the function: its
 * first instructions become a jump to ours. Those instructions move to a trampoline, which then continues behind them.
 * Only a few kinds of instruction can be moved unchanged, and nothing else is accepted.
 */
#include "rdt_emu_hook.h"

#include <errno.h>
#include <link.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define HOOK_QEMU     "hook QEMU's TCG helpers"
#define JUMP_LEN      5
#define SLOT	      64 /* of the trampoline page: moved code and jump back, then the far jump to the replacement */
#define SLOT_FAR      40
#define TYPE_VOID_ENV 0x30 /* QEMU 7.2: dh_typemask(void, 0) | dh_typemask(env, 1) */
#define MAX_SEGMENTS  16

struct helper_entry {
	uint8_t *func;
	const char *name;
	uint32_t flags;
	uint32_t typemask;
};

struct segment {
	uintptr_t start, end;
	uint32_t flags;
};

struct program {
	struct segment seg[MAX_SEGMENTS];
	int segs;
};

static int note_segments(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct program *prog = arg;
	int i;

	(void)size;
	for (i = 0; i < info->dlpi_phnum && prog->segs < MAX_SEGMENTS; i++) {
		const ElfW(Phdr) *ph = &info->dlpi_phdr[i];
		uintptr_t start = info->dlpi_addr + ph->p_vaddr;

		if (ph->p_type == PT_LOAD)
			prog->seg[prog->segs++] = (struct segment){ start, start + ph->p_memsz, ph->p_flags };
	}
	return 1; /* the first object is the program itself: look no further */
}

/* Whether [@addr, @addr + @len) lies in a segment that has @flags. */
static bool inside(const struct program *prog, const void *addr, size_t len, uint32_t flags)
{
	uintptr_t a = (uintptr_t)addr;
	int i;

	for (i = 0; i < prog->segs; i++) {
		const struct segment *s = &prog->seg[i];

		if ((s->flags & flags) == flags && a >= s->start && a < s->end && len <= s->end - a)
			return true;
	}
	return false;
}

static bool is_entry(const struct program *prog, const struct helper_entry *e)
{
	return inside(prog, e, sizeof(*e), PF_W) && inside(prog, e->func, SLOT, PF_X) &&
	       inside(prog, e->name, 2, PF_R) && !inside(prog, e->name, 1, PF_W) && e->name[0];
}

static const struct helper_entry *lookup(const struct program *prog, const struct helper_entry *table, const char *name)
{
	const struct helper_entry *e;

	for (e = table; is_entry(prog, e); e++) {
		if (!strcmp(e->name, name) && e->typemask == TYPE_VOID_ENV)
			return e;
	}
	return NULL;
}

/* The first entry of the table that holds the entry for @name, or NULL. */
static const struct helper_entry *find_table(const struct program *prog, const char *name)
{
	int i;

	for (i = 0; i < prog->segs; i++) {
		const struct segment *s = &prog->seg[i];
		uintptr_t at = (s->start + 7) & ~7ul;

		for (; s->flags & PF_W && at + sizeof(struct helper_entry) <= s->end; at += 8) {
			const struct helper_entry *e = (const struct helper_entry *)at;

			if (e->typemask != TYPE_VOID_ENV || !is_entry(prog, e) || strcmp(e->name, name))
				continue;
			while (is_entry(prog, e - 1))
				e--;
			return e;
		}
	}
	return NULL;
}

/* Length of the instruction at @p if it works the same at any address, else 0. */
static unsigned int movable(const uint8_t *p)
{
	if (p[0] >= 0x50 && p[0] <= 0x57)
		return 1; /* push r64 */
	if (p[0] == 0x41 && p[1] >= 0x50 && p[1] <= 0x57)
		return 2; /* push r8-r15 */
	if ((p[0] == 0x31 || p[0] == 0x89) && p[1] >= 0xc0)
		return 2; /* xor, mov r32, r32 */
	if (p[0] >= 0xb8 && p[0] <= 0xbf)
		return 5; /* mov r32, imm32 */
	if ((p[0] & 0xf8) == 0x48 && (p[1] == 0x89 || p[1] == 0x31) && p[2] >= 0xc0)
		return 3; /* mov, xor r64, r64 */
	if (p[0] == 0x48 && p[1] == 0x8b && (p[2] & 0xc7) == 0x44 && p[3] == 0x24)
		return 5; /* mov r64, [rsp + imm8]: reads the return address, which is the same in the trampoline */
	if (p[0] == 0x48 && p[1] == 0x83 && p[2] == 0xec)
		return 4; /* sub rsp, imm8 */
	if (!memcmp(p, "\xf3\x0f\x1e\xfa", 4))
		return 4; /* endbr64 */
	return 0;
}

static unsigned int prologue_len(const uint8_t *func)
{
	unsigned int len = 0, n;

	while (len < JUMP_LEN) {
		n = movable(func + len);
		if (!n)
			return 0;
		len += n;
	}
	return len;
}

static void put_jump(uint8_t *at, const void *target)
{
	int32_t distance = (intptr_t)target - (intptr_t)at - JUMP_LEN;

	at[0] = 0xe9;
	memcpy(at + 1, &distance, sizeof(distance));
}

static void put_far_jump(uint8_t *at, tcg_helper target)
{
	memcpy(at, "\xff\x25\0\0\0\0", 6); /* jmp [rip] */
	memcpy(at + 6, &target, sizeof(target));
}

/* A page within reach of a 32-bit jump from @func. */
static uint8_t *map_near(const uint8_t *func)
{
	const uintptr_t step = 16 << 20, reach = 0x70000000;
	uintptr_t from = (uintptr_t)func & ~(step - 1), at;

	for (at = from; at > step && from - at < reach; at -= step) {
		void *p = mmap((void *)at, sysconf(_SC_PAGESIZE), PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

		if (p == (void *)at)
			return p;
		if (p != MAP_FAILED)
			munmap(p, sysconf(_SC_PAGESIZE));
	}
	return NULL;
}

static int set_protection(const uint8_t *func, int prot)
{
	uintptr_t page = sysconf(_SC_PAGESIZE), start = (uintptr_t)func & ~(page - 1);

	return mprotect((void *)start, (uintptr_t)func + JUMP_LEN - start, prot);
}

static int redirect(struct tcg_hook *hook, uint8_t *func, uint8_t *slot, struct isolat_error *err)
{
	unsigned int len = prologue_len(func);

	memcpy(slot, func, len);
	put_jump(slot + len, func + len);
	put_far_jump(slot + SLOT_FAR, hook->replacement);
	memcpy(&hook->original, &slot, sizeof(slot));
	if (set_protection(func, PROT_READ | PROT_WRITE))
		return isolat_fail(err, ISOLAT_FAILED, HOOK_QEMU, hook->name, "mprotect: %s", strerror(errno));
	put_jump(func, slot + SLOT_FAR);
	if (set_protection(func, PROT_READ | PROT_EXEC))
		return isolat_fail(err, ISOLAT_FAILED, HOOK_QEMU, hook->name, "mprotect: %s", strerror(errno));
	return 0;
}

static int locate(struct tcg_hook *hooks, int count, uint8_t **funcs, struct isolat_error *err)
{
	struct program prog = { .segs = 0 };
	const struct helper_entry *table, *entry;
	int i;

	dl_iterate_phdr(note_segments, &prog);
	table = find_table(&prog, hooks[0].name);
	if (!table)
		return isolat_fail(err, ISOLAT_UNSUPPORTED, HOOK_QEMU, hooks[0].name, "helper table not found");
	for (i = 0; i < count; i++) {
		entry = lookup(&prog, table, hooks[i].name);
		if (!entry)
			return isolat_fail(err, ISOLAT_UNSUPPORTED, HOOK_QEMU, hooks[i].name,
					   "not in the helper table");
		if (!prologue_len(entry->func))
			return isolat_fail(err, ISOLAT_UNSUPPORTED, HOOK_QEMU, hooks[i].name, "unknown prologue");
		funcs[i] = entry->func;
	}
	return 0;
}

int tcg_hook_install(struct tcg_hook *hooks, int count, struct isolat_error *err)
{
	uint8_t *funcs[8], *page;
	int i;

	if (count > (int)(sizeof(funcs) / sizeof(funcs[0])))
		return isolat_fail(err, ISOLAT_FAILED, HOOK_QEMU, "", "too many");
	if (locate(hooks, count, funcs, err))
		return -1;
	page = map_near(funcs[0]);
	if (!page)
		return isolat_fail(err, ISOLAT_FAILED, HOOK_QEMU, "", "no free page near its code");
	for (i = 0; i < count; i++) {
		if (redirect(&hooks[i], funcs[i], page + i * SLOT, err))
			return -1;
	}
	if (mprotect(page, sysconf(_SC_PAGESIZE), PROT_READ | PROT_EXEC))
		return isolat_fail(err, ISOLAT_FAILED, HOOK_QEMU, "", "mprotect: %s", strerror(errno));
	return 0;
}
