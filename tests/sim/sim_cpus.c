// SPDX-License-Identifier: BSD-3-Clause
/* Sets of CPUs and their texts. What is accepted, and which error is given for the rest, is as in Linux' bitmaps. */
#include "sim_cpus.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define WORDS (SIM_MAX_CPUS / 64)

bool sim_cpus_has(const struct sim_cpus *set, unsigned int cpu)
{
	return cpu < SIM_MAX_CPUS && (set->word[cpu / 64] >> (cpu % 64) & 1);
}

void sim_cpus_add(struct sim_cpus *set, unsigned int cpu)
{
	set->word[cpu / 64] |= (uint64_t)1 << (cpu % 64);
}

void sim_cpus_drop(struct sim_cpus *set, unsigned int cpu)
{
	set->word[cpu / 64] &= ~((uint64_t)1 << (cpu % 64));
}

void sim_cpus_add_range(struct sim_cpus *set, unsigned int first, unsigned int n)
{
	while (n--)
		sim_cpus_add(set, first++);
}

bool sim_cpus_empty(const struct sim_cpus *set)
{
	for (unsigned int i = 0; i < WORDS; i++)
		if (set->word[i])
			return false;
	return true;
}

struct sim_cpus sim_cpus_or(struct sim_cpus a, struct sim_cpus b)
{
	for (unsigned int i = 0; i < WORDS; i++)
		a.word[i] |= b.word[i];
	return a;
}

struct sim_cpus sim_cpus_and(struct sim_cpus a, struct sim_cpus b)
{
	for (unsigned int i = 0; i < WORDS; i++)
		a.word[i] &= b.word[i];
	return a;
}

struct sim_cpus sim_cpus_without(struct sim_cpus a, struct sim_cpus b)
{
	for (unsigned int i = 0; i < WORDS; i++)
		a.word[i] &= ~b.word[i];
	return a;
}

static bool ends_text(char c)
{
	return c == '\0' || c == '\n';
}

static bool separates(char c)
{
	return isspace((unsigned char)c) || c == ',';
}

static bool ends_region(char c)
{
	return separates(c) || ends_text(c);
}

/* A number of a list; "N" is the last possible CPU. */
static int parse_cpu(const char **text, unsigned int limit, unsigned int *cpu)
{
	unsigned long value;
	char *end;

	if (**text == 'N') {
		*cpu = limit - 1;
		(*text)++;
		return 0;
	}
	if (!isdigit((unsigned char)**text))
		return -EINVAL;
	errno = 0;
	value = strtoul(*text, &end, 10);
	if (errno || value > UINT32_MAX)
		return -EOVERFLOW;
	*cpu = (unsigned int)value;
	*text = end;
	return 0;
}

/* FIRST-LAST:USED/EVERY, of which all but the first may be missing. */
struct region {
	unsigned int first, last, used, every;
};

static int parse_pattern(const char **text, unsigned int limit, struct region *r)
{
	int rc;

	r->used = r->every = 1;
	if (ends_region(**text))
		return 0;
	if (*(*text)++ != ':')
		return -EINVAL;
	rc = parse_cpu(text, limit, &r->used);
	if (rc)
		return rc;
	if (*(*text)++ != '/')
		return -EINVAL;
	return parse_cpu(text, limit, &r->every);
}

static int parse_region(const char **text, unsigned int limit, struct region *r)
{
	int rc;

	if (!strncasecmp(*text, "all", 3)) {
		r->first = 0;
		r->last = limit - 1;
		*text += 3;
		return parse_pattern(text, limit, r);
	}
	rc = parse_cpu(text, limit, &r->first);
	if (rc)
		return rc;
	r->last = r->first;
	r->used = r->every = 1;
	if (ends_region(**text))
		return 0;
	if (*(*text)++ != '-')
		return -EINVAL;
	rc = parse_cpu(text, limit, &r->last);
	return rc ? rc : parse_pattern(text, limit, r);
}

static int add_region(struct sim_cpus *set, unsigned int limit, const struct region *r)
{
	if (r->first > r->last || !r->every || r->used > r->every)
		return -EINVAL;
	if (r->last >= limit)
		return -ERANGE;
	for (unsigned int cpu = r->first; cpu <= r->last; cpu++)
		if ((cpu - r->first) % r->every < r->used)
			sim_cpus_add(set, cpu);
	return 0;
}

int sim_cpus_parse_list(const char *text, unsigned int limit, struct sim_cpus *set)
{
	*set = (struct sim_cpus){ 0 };
	for (;;) {
		struct region r;
		int rc;

		while (!ends_text(*text) && separates(*text))
			text++;
		if (ends_text(*text))
			return 0;
		rc = parse_region(&text, limit, &r);
		if (!rc)
			rc = add_region(set, limit, &r);
		if (rc)
			return rc;
	}
}

static int hex_digit(char c)
{
	if (!isxdigit((unsigned char)c))
		return -1;
	return isdigit((unsigned char)c) ? c - '0' : tolower(c) - 'a' + 10;
}

/* The 32 bits whose text ends at *@end, which is moved before it. */
static int parse_chunk(const char *start, const char **end, uint32_t *bits)
{
	*bits = 0;
	for (int shift = 0; shift < 32; shift += 4) {
		int digit = hex_digit(*(*end)--);

		if (digit < 0)
			return -EINVAL;
		*bits |= (uint32_t)digit << shift;
		if (*end < start || separates(**end))
			return 0;
	}
	return hex_digit(*(*end)--) >= 0 ? -EOVERFLOW : 0;
}

/* From the right, as the kernel does: separators at either end do not matter. */
int sim_cpus_parse_mask(const char *text, unsigned int limit, struct sim_cpus *set)
{
	const char *end = text + strcspn(text, "\n") - 1;
	unsigned int chunks = (limit + 31) / 32;

	*set = (struct sim_cpus){ 0 };
	for (unsigned int chunk = 0;; chunk++) {
		uint32_t bits;
		int rc;

		while (end >= text && separates(*end))
			end--;
		if (end < text)
			break;
		if (chunk == chunks)
			return -EOVERFLOW;
		rc = parse_chunk(text, &end, &bits);
		if (rc)
			return rc;
		set->word[chunk / 2] |= (uint64_t)bits << (chunk % 2 * 32);
	}
	for (unsigned int cpu = limit; cpu < SIM_MAX_CPUS; cpu++)
		if (sim_cpus_has(set, cpu))
			return -EOVERFLOW;
	return 0;
}

void sim_cpus_print_list(FILE *out, const struct sim_cpus *set, unsigned int limit)
{
	const char *separator = "";

	for (unsigned int cpu = 0; cpu < limit; cpu++) {
		unsigned int last = cpu;

		if (!sim_cpus_has(set, cpu))
			continue;
		while (last + 1 < limit && sim_cpus_has(set, last + 1))
			last++;
		fprintf(out, "%s%u", separator, cpu);
		if (last > cpu)
			fprintf(out, "-%u", last);
		separator = ",";
		cpu = last;
	}
	fputc('\n', out);
}

void sim_cpus_print_mask(FILE *out, const struct sim_cpus *set, unsigned int limit)
{
	unsigned int chunks = (limit + 31) / 32, rest = limit % 32;
	int digits = rest ? (int)(rest + 3) / 4 : 8;

	for (unsigned int chunk = chunks; chunk--; digits = 8)
		fprintf(out, "%0*x%s", digits, (uint32_t)(set->word[chunk / 2] >> (chunk % 2 * 32)), chunk ? "," : "");
	fputc('\n', out);
}
