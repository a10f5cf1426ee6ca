// SPDX-License-Identifier: BSD-3-Clause
/* The small texts of resctrl and procfs, taken apart. */
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "rdt_resctrl_text.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

static const struct {
	const char *text;
	ssize_t n;
	pid_t tids[4];
	size_t line; /* that is wrong */
} tasks[] = {
	{ "", 0, { 0 }, 0 },
	{ "1\n", 1, { 1 }, 0 },
	{ "7", 1, { 7 }, 0 },
	{ "30\n4\n2147483647\n5\n", 4, { 4, 5, 30, 2147483647 }, 0 },
	{ "0\n12\n0\n3\n", 2, { 3, 12 }, 0 },
	{ "0\n", 0, { 0 }, 0 },
	{ "1\n\n", -EINVAL, { 0 }, 2 },
	{ "1\n2\n3x\n", -EINVAL, { 0 }, 3 },
	{ "-1\n", -EINVAL, { 0 }, 1 },
	{ "2147483648\n", -EINVAL, { 0 }, 1 },
	{ " 1\n", -EINVAL, { 0 }, 1 },
};

static void test_tasks(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(tasks); i++) {
		size_t line = 0;
		pid_t *tids;
		ssize_t n = rdt_text_tasks(tasks[i].text, strlen(tasks[i].text), &tids, &line);

		assert_int_equal(n, tasks[i].n);
		if (n > 0)
			assert_memory_equal(tids, tasks[i].tids, (size_t)n * sizeof(*tids));
		else
			assert_null(tids);
		if (n < 0)
			assert_int_equal(line, tasks[i].line);
		free(tids);
	}
}

static const struct {
	const char *text;
	bool is;
} lists[] = {
	{ "", true },	    { "0", true },	{ "0-3,8", true }, { "2-5,10", true }, { "7-7", true },
	{ "8,0-3", true },  { "3-1", false },	{ ",", false },	   { "1,", false },    { "1,,2", false },
	{ "1-", false },    { "-1", false },	{ "a", false },	   { " 1", false },    { "1\n", false },
	{ "0-3:1", false }, { "1-2-3", false }, { "all", false },  { "0x1", false },   { "2147483648", false },
};

static void test_cpu_lists(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		if (rdt_text_is_cpu_list(lists[i].text, strlen(lists[i].text)) != lists[i].is)
			fail_msg("'%s'", lists[i].text);
	}
	assert_false(rdt_text_is_cpu_list("1\0,2", 4));
}

static const struct {
	const char *text;
	const char *group; /* NULL: not understood */
} groups[] = {
	{ "res:/\nmon:\n", "" },
	{ "res:/\nmon:watch\n", "mon_groups/watch" },
	{ "res:isolat-db\nmon:\n", "isolat-db" },
	{ "res:isolat-db\nmon:isolat-vm1\n", "isolat-db/mon_groups/isolat-vm1" },
	{ "res:a b:c\nmon:m\n", "a b:c/mon_groups/m" },
	{ "res:\nmon:\n", NULL },
	{ "", NULL },
	{ "res:/", NULL },
	{ "mon:\nres:/\n", NULL },
	{ "res:/x\nmon:\n", NULL },
	{ "res:x\nmon:a/b\n", NULL },
};

static void test_groups(void **state)
{
	char group[RDT_GROUP_PATH], longest[2 * RDT_GROUP_NAME];

	for (size_t i = 0; i < ARRAY_SIZE(groups); i++) {
		bool is = rdt_text_resctrl_group(groups[i].text, strlen(groups[i].text), group);

		assert_int_equal(is, groups[i].group != NULL);
		if (is)
			assert_string_equal(group, groups[i].group);
	}
	assert_false(rdt_text_resctrl_group("res:a\0b\nmon:\n", 13, group));
	/* As long as a name can be, and longer by one. */
	for (int excess = 0; excess <= 1; excess++) {
		int length = snprintf(longest, sizeof(longest), "res:%0*d\nmon:\n", RDT_GROUP_NAME - 1 + excess, 7);

		assert_int_equal(rdt_text_resctrl_group(longest, (size_t)length, group), !excess);
	}
}

static const struct {
	const char *text;
	int n; /* -1: not understood */
	unsigned int last_domain;
	const char *last_ways;
} usages[] = {
	{ "0=XXSSSSSSEE00;1=XX0000000000\n", 2, 1, "XX0000000000" },
	{ "0=HHPP\n", 1, 0, "HHPP" },
	{ "0=S;16=E;255=0", 3, 255, "0" },
	{ "3=00000000000000000000000000000000000000000000000000000000000000EE", 1, 3,
	  "00000000000000000000000000000000000000000000000000000000000000EE" },
	{ "3=000000000000000000000000000000000000000000000000000000000000000EE", -1, 0, NULL },
	{ "\n", 0, 0, NULL }, /* all domains offline */
	{ "", 0, 0, NULL },
	{ "0=SS;1=S\n", -1, 0, NULL },
	{ "0=\n", -1, 0, NULL },
	{ "0\n", -1, 0, NULL },
	{ "=SS\n", -1, 0, NULL },
	{ "0=SS;\n", -1, 0, NULL },
	{ ";0=SS\n", -1, 0, NULL },
	{ "0=SS\n1=SS\n", -1, 0, NULL },
	{ "0=ss\n", -1, 0, NULL },
	{ "0=S S\n", -1, 0, NULL },
	{ "256=SS\n", -1, 0, NULL },
	{ "-1=SS\n", -1, 0, NULL },
	{ "0=S=S\n", -1, 0, NULL },
	{ "0=SS;;1=SS\n", -1, 0, NULL },
};

static void test_usages(void **state)
{
	static struct rdt_usage usage[RDT_MAX_DOMAINS];
	size_t n;

	for (size_t i = 0; i < ARRAY_SIZE(usages); i++) {
		bool is = rdt_text_bit_usage(usages[i].text, strlen(usages[i].text), usage, &n);

		if ((is ? (int)n : -1) != usages[i].n)
			fail_msg("'%s'", usages[i].text);
		if (!is || !n)
			continue;
		assert_int_equal(usage[n - 1].domain, usages[i].last_domain);
		assert_string_equal(usage[n - 1].ways, usages[i].last_ways);
	}
	assert_false(rdt_text_bit_usage("0=S\0S", 5, usage, &n));
}

/* More domains than there can be. */
static void test_too_many_usages(void **state)
{
	static struct rdt_usage usage[RDT_MAX_DOMAINS];
	char text[8 * (RDT_MAX_DOMAINS + 1)] = "0=S";
	size_t n;

	for (int i = 1; i < RDT_MAX_DOMAINS; i++)
		snprintf(text + strlen(text), 8, ";%d=S", i);
	assert_true(rdt_text_bit_usage(text, strlen(text), usage, &n));
	assert_int_equal(n, RDT_MAX_DOMAINS);
	strcat(text, ";0=S");
	assert_false(rdt_text_bit_usage(text, strlen(text), usage, &n));
}

static const struct {
	const char *text;
	enum rdt_text_count count;
	uint64_t bytes;
} counts[] = {
	{ "1212416\n", RDT_TEXT_COUNT, 1212416 },
	{ "0\n", RDT_TEXT_COUNT, 0 },
	{ "18446744073709551615\n", RDT_TEXT_COUNT, UINT64_MAX },
	{ "18446744073709551616\n", RDT_TEXT_BAD, 0 },
	{ "Unavailable\n", RDT_TEXT_NO_COUNT, 0 },
	{ "Error\n", RDT_TEXT_NO_COUNT, 0 },
	{ "Unassigned\n", RDT_TEXT_NO_COUNT, 0 },
	{ "Unavailable", RDT_TEXT_NO_COUNT, 0 },
	{ "Unassigned\n1\n", RDT_TEXT_BAD, 0 },
	{ "", RDT_TEXT_BAD, 0 },
	{ "\n", RDT_TEXT_BAD, 0 },
	{ "1\n2\n", RDT_TEXT_BAD, 0 },
	{ "-1\n", RDT_TEXT_BAD, 0 },
	{ "unavailable\n", RDT_TEXT_BAD, 0 },
};

static void test_counts(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		uint64_t bytes = 0;

		assert_int_equal(rdt_text_count(counts[i].text, strlen(counts[i].text), &bytes), counts[i].count);
		assert_true(bytes == counts[i].bytes);
	}
}

static void test_mon_domains(void **state)
{
	static const char *const others[] = { "mon_L3_",	 "mon_L3_256",	  "mon_L3_0x1",	   "mon_L2_00",
					      "mon_PERF_PKG_00", "mon_sub_L3_00", "llc_occupancy", "mon_L3_00 " };
	unsigned int domain;

	assert_true(rdt_text_mon_domain("mon_L3_00", &domain));
	assert_int_equal(domain, 0);
	assert_true(rdt_text_mon_domain("mon_L3_255", &domain));
	assert_int_equal(domain, 255);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		assert_false(rdt_text_mon_domain(others[i], &domain));
}

static const struct {
	const char *line;
	struct rdt_text_flock lock; /* pid 0: none */
} locks[] = {
	{ "1: FLOCK  ADVISORY  WRITE 23403 fe:00:247066 0 EOF", { false, true, 23403, 0xfe, 0, 247066 } },
	{ "12: FLOCK  ADVISORY  READ  7 00:1f:1 0 EOF", { false, false, 7, 0, 0x1f, 1 } },
	{ "12: -> FLOCK  ADVISORY  WRITE 8 00:1f:1 0 EOF", { true, true, 8, 0, 0x1f, 1 } },
	{ "2: POSIX  ADVISORY  WRITE 9 00:1f:1 0 EOF", { .pid = 0 } },
	{ "4: LEASE  ACTIVE    READ  9 00:1f:1 0 EOF", { .pid = 0 } },
	{ "3: OFDLCK ADVISORY  WRITE -1 00:1f:1 0 EOF", { .pid = 0 } },
	{ "3: FLOCK  ADVISORY  WRITE -1 00:1f:1 0 EOF", { .pid = 0 } },
	{ "3: FLOCK  ADVISORY  WRITE 9 00:1f", { .pid = 0 } },
	{ "3: FLOCK  ADVISORY  WRITE 9", { .pid = 0 } },
	{ "3: FLOCK", { .pid = 0 } },
	{ "3:", { .pid = 0 } },
	{ "", { .pid = 0 } },
	{ "        ", { .pid = 0 } },
};

static void test_flocks(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(locks); i++) {
		const struct rdt_text_flock *expected = &locks[i].lock;
		struct rdt_text_flock lock;

		if (rdt_text_flock(locks[i].line, strlen(locks[i].line), &lock) != !!expected->pid)
			fail_msg("'%s'", locks[i].line);
		if (!expected->pid)
			continue;
		assert_int_equal(lock.waits, expected->waits);
		assert_int_equal(lock.exclusive, expected->exclusive);
		assert_int_equal(lock.pid, expected->pid);
		assert_int_equal(lock.major, expected->major);
		assert_int_equal(lock.minor, expected->minor);
		assert_int_equal(lock.inode, expected->inode);
	}
}

static const struct {
	const char *text;
	bool says;
	const char *line;
} statuses[] = {
	{ "ok\n", false, "ok" },
	{ "", false, "" },
	{ "\n", false, "" },
	{ "Mask out of range\n", true, "Mask out of range" },
	{ "No task 7\nError while processing task 7\n", true, "No task 7; Error while processing task 7" },
	{ "Unknown name '\x1b[m\xff'\n", true, "Unknown name '?[m?'" },
	{ "0123456789012345678901234567890123456789012345678901234567890123456789", true,
	  "012345678901234567890123456789012345678901234567890123456789" },
};

static void test_statuses(void **state)
{
	static const char two[] = "of another command\nOut of CLOSIDs\n";
	char line[63];

	for (size_t i = 0; i < ARRAY_SIZE(statuses); i++) {
		bool says = rdt_text_status(statuses[i].text, strlen(statuses[i].text), RDT_TEXT_ALL_LINES, line,
					    sizeof(line));

		assert_int_equal(says, statuses[i].says);
		assert_string_equal(line, statuses[i].line);
	}
	assert_true(rdt_text_status(two, strlen(two), RDT_TEXT_LAST_LINE, line, sizeof(line)));
	assert_string_equal(line, "Out of CLOSIDs");
	assert_false(rdt_text_status("ok\n", 3, RDT_TEXT_LAST_LINE, line, sizeof(line)));
	assert_false(rdt_text_status("\n\n", 2, RDT_TEXT_LAST_LINE, line, sizeof(line)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tasks),		cmocka_unit_test(test_cpu_lists),
		cmocka_unit_test(test_groups),		cmocka_unit_test(test_usages),
		cmocka_unit_test(test_too_many_usages), cmocka_unit_test(test_counts),
		cmocka_unit_test(test_mon_domains),	cmocka_unit_test(test_flocks),
		cmocka_unit_test(test_statuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
