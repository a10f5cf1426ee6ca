// SPDX-License-Identifier: BSD-3-Clause
/* The values of a profile: what is taken, as what, and what is refused with which words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "profile_values.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

static struct profile_why why;

/* As users see it: the reason, and the hint in parentheses. */
static void expect_refusal(int rc, const char *text, const char *expected)
{
	char got[sizeof(why.reason) + sizeof(why.hint) + 4];

	snprintf(got, sizeof(got), "%s%s%s%s", why.reason, *why.hint ? " (" : "", why.hint, *why.hint ? ")" : "");
	if (rc != -1)
		fail_msg("'%s' is taken", text);
	if (strcmp(got, expected))
		fail_msg("'%s': %s", text, got);
}

static void expect_taken(int rc, const char *text)
{
	if (rc)
		fail_msg("'%s': %s", text, why.reason);
}

/* ---- Quantities ---------------------------------------------------------------------------------------------------*/

#define CACHE_UNITS "(there is: ways, way, %, B, KiB, MiB, GiB, TiB, KB, MB, GB, TB)"

static const struct {
	const char *text;
	enum profile_unit unit;
	uint64_t value;
} good_cache[] = {
	{ "1 way", PROFILE_WAYS, 1 },
	{ "6 ways", PROFILE_WAYS, 6 },
	{ "6ways", PROFILE_WAYS, 6 },
	{ "1ways", PROFILE_WAYS, 1 },
	{ "2.0 ways", PROFILE_WAYS, 2 },
	{ "64 way", PROFILE_WAYS, 64 },
	{ "25%", PROFILE_PERCENT, 25000 },
	{ "25 %", PROFILE_PERCENT, 25000 },
	{ "12.5 %", PROFILE_PERCENT, 12500 },
	{ "0.001 %", PROFILE_PERCENT, 1 },
	{ "0.01%", PROFILE_PERCENT, 10 },
	{ "99.999 %", PROFILE_PERCENT, 99999 },
	{ "100 %", PROFILE_PERCENT, 100000 },
	{ "100.000 %", PROFILE_PERCENT, 100000 },
	{ "1 B", PROFILE_BYTES, 1 },
	{ "8KiB", PROFILE_BYTES, 8192 },
	{ "8 MiB", PROFILE_BYTES, 8388608 },
	{ "8MiB", PROFILE_BYTES, 8388608 },
	{ "1.375 MiB", PROFILE_BYTES, 1441792 },
	{ "0.5 KiB", PROFILE_BYTES, 512 },
	{ "3GiB", PROFILE_BYTES, 3221225472 },
	{ "2 TiB", PROFILE_BYTES, 2199023255552 },
	{ "0.001 KB", PROFILE_BYTES, 1 },
	{ "8 KB", PROFILE_BYTES, 8000 },
	{ "8 MB", PROFILE_BYTES, 8000000 },
	{ "8 GB", PROFILE_BYTES, 8000000000 },
	{ "8 TB", PROFILE_BYTES, 8000000000000 },
	{ "4611686018427387904 B", PROFILE_BYTES, 1ULL << 62 },
	{ "4194304 TiB", PROFILE_BYTES, 1ULL << 62 },
};

static const struct {
	const char *text, *message;
} bad_cache[] = {
	{ "", "the value is empty" },
	{ " ", "' ' is not a decimal number with a unit" },
	{ "0 ways", "'0 ways' is below 1 way" },
	{ "65 ways", "'65 ways' is above 64 ways" },
	{ "64.001 ways", "'64.001 ways' is no whole number of ways" },
	{ "3.5 ways", "'3.5 ways' is no whole number of ways" },
	{ "0 %", "'0 %' is not above 0 %" },
	{ "0.000%", "'0.000%' is not above 0 %" },
	{ "120%", "'120%' is above 100 %" },
	{ "100.001 %", "'100.001 %' is above 100 %" },
	{ "0.0001 %", "'0.0001 %' has more than three decimals" },
	{ "1.0000 MiB", "'1.0000 MiB' has more than three decimals" },
	{ "NaN", "'NaN' is not a decimal number with a unit" },
	{ ".nan", "'.nan' is not a decimal number with a unit" },
	{ "nan %", "'nan %' is not a decimal number with a unit" },
	{ ".inf", "'.inf' is not a decimal number with a unit" },
	{ "inf MiB", "'inf MiB' is not a decimal number with a unit" },
	{ ".5 MiB", "'.5 MiB' is not a decimal number with a unit" },
	{ "5. MiB", "'5. MiB' is not a decimal number with a unit" },
	{ "1.2.3 MiB", "'1.2.3 MiB' has an unknown unit " CACHE_UNITS },
	{ "-8 MiB", "'-8 MiB' has a sign" },
	{ "+8 MiB", "'+8 MiB' has a sign" },
	{ "010 ways", "'010 ways' begins with a 0 (numbers are decimal, without leading zeros)" },
	{ "00 %", "'00 %' begins with a 0 (numbers are decimal, without leading zeros)" },
	{ "00.5 %", "'00.5 %' begins with a 0 (numbers are decimal, without leading zeros)" },
	{ "1e3 MiB", "'1e3 MiB' has an unknown unit " CACHE_UNITS },
	{ "0x10 MiB", "'0x10 MiB' has an unknown unit " CACHE_UNITS },
	{ "1_000 B", "'1_000 B' has an unknown unit " CACHE_UNITS },
	{ "1,5 MiB", "'1,5 MiB' has an unknown unit " CACHE_UNITS },
	{ " 8 MiB", "' 8 MiB' is not a decimal number with a unit" },
	{ "8 MiB ", "'8 MiB ' has an unknown unit (did you mean 'MiB'?)" },
	{ "8  MiB", "'8  MiB' has more than one blank, or a tab, before the unit" },
	{ "8\tMiB", "'8\tMiB' has more than one blank, or a tab, before the unit" },
	{ "8", "'8' has no unit " CACHE_UNITS },
	{ "8 ", "'8 ' has no unit " CACHE_UNITS },
	{ "8 mib", "'8 mib' has an unknown unit (did you mean 'MiB'?)" },
	{ "8 M", "'8 M' has an unknown unit " CACHE_UNITS },
	{ "8 Mi", "'8 Mi' has an unknown unit " CACHE_UNITS },
	{ "8 MB/s", "'8 MB/s' has an unknown unit " CACHE_UNITS },
	{ "0 B", "'0 B' is below 1 B" },
	{ "0 MiB", "'0 MiB' is below 1 B" },
	{ "0.5 B", "'0.5 B' is no whole number of bytes" },
	{ "1.1 MiB", "'1.1 MiB' is no whole number of bytes" },
	{ "4611686018427387905 B", "'4611686018427387905 B' is above 4194304 TiB" },
	{ "4194304.001 TiB", "'4194304.001 TiB' is no whole number of bytes" },
	{ "4194304.125 TiB", "'4194304.125 TiB' is above 4194304 TiB" },
	{ "4194305 TiB", "'4194305 TiB' is above 4194304 TiB" },
	{ "18446744073709551615 B", "'18446744073709551615 B' is above 4194304 TiB" },
	{ "18446744073709551616 MiB", "'18446744073709551616 MiB' is above 4194304 TiB" },
	{ "17592186044416 MiB", "'17592186044416 MiB' is above 4194304 TiB" }, /* 2^64 B */
	{ "18446744073709551617 ways", "'18446744073709551617 ways' is above 64 ways" },
	{ "99999999999999999999999999999999999999999999999999 %",
	  "'999999999999999999999999999999999999999999...' is above 100 %" },
};

static void test_cache(void **state)
{
	struct profile_amount amount;

	for (size_t i = 0; i < COUNT(good_cache); i++) {
		expect_taken(profile_cache(good_cache[i].text, &amount, &why), good_cache[i].text);
		if (amount.unit != good_cache[i].unit || amount.value != good_cache[i].value)
			fail_msg("'%s' is unit %d, value %llu", good_cache[i].text, amount.unit,
				 (unsigned long long)amount.value);
	}
	for (size_t i = 0; i < COUNT(bad_cache); i++)
		expect_refusal(profile_cache(bad_cache[i].text, &amount, &why), bad_cache[i].text,
			       bad_cache[i].message);
}

static void test_bandwidth(void **state)
{
	struct profile_amount amount;

	expect_taken(profile_bandwidth("50 %", &amount, &why), "50 %");
	assert_true(amount.unit == PROFILE_PERCENT && amount.value == 50000);
	expect_taken(profile_bandwidth("4000MB/s", &amount, &why), "4000MB/s");
	assert_true(amount.unit == PROFILE_MBPS && amount.value == 4000);
	expect_taken(profile_bandwidth("1.5 GB/s", &amount, &why), "1.5 GB/s");
	assert_true(amount.unit == PROFILE_MBPS && amount.value == 1500);
	expect_taken(profile_bandwidth("4000 GB/s", &amount, &why), "4000 GB/s");
	assert_true(amount.unit == PROFILE_MBPS && amount.value == PROFILE_MAX_MBPS);
	expect_refusal(profile_bandwidth("4000.001 GB/s", &amount, &why), "", "'4000.001 GB/s' is above 4000 GB/s");
	expect_refusal(profile_bandwidth("0 MB/s", &amount, &why), "", "'0 MB/s' is below 1 MB/s");
	expect_refusal(profile_bandwidth("2.5 MB/s", &amount, &why), "", "'2.5 MB/s' is no whole number of MB/s");
	expect_refusal(profile_bandwidth("0 %", &amount, &why), "", "'0 %' is not above 0 %");
	expect_refusal(profile_bandwidth("100.5 %", &amount, &why), "", "'100.5 %' is above 100 %");
	expect_refusal(profile_bandwidth("4 ways", &amount, &why), "",
		       "'4 ways' has an unknown unit (there is: %, MB/s, GB/s)");
	expect_refusal(profile_bandwidth("4000 MBps", &amount, &why), "",
		       "'4000 MBps' has an unknown unit (did you mean 'MB/s'?)");
	expect_refusal(profile_bandwidth("4000 MB", &amount, &why), "",
		       "'4000 MB' has an unknown unit (there is: %, MB/s, GB/s)");
}

static void test_bytes(void **state)
{
	uint64_t value;

	expect_taken(profile_bytes("8 GiB", 1 << 20, &value, &why), "8 GiB");
	assert_true(value == 8ULL << 30);
	expect_taken(profile_bytes("1024KiB", 1 << 20, &value, &why), "1024KiB");
	assert_true(value == 1 << 20);
	expect_refusal(profile_bytes("1023 KiB", 1 << 20, &value, &why), "", "'1023 KiB' is below 1 MiB");
	expect_refusal(profile_bytes("50 %", 1 << 20, &value, &why), "",
		       "'50 %' has an unknown unit (there is: B, KiB, MiB, GiB, TiB, KB, MB, GB, TB)");
	expect_refusal(profile_bytes("2 ways", 1 << 20, &value, &why), "",
		       "'2 ways' has an unknown unit (there is: B, KiB, MiB, GiB, TiB, KB, MB, GB, TB)");
}

/* ---- Integers and words -------------------------------------------------------------------------------------------*/

static const struct {
	const char *text, *message;
} bad_integers[] = {
	{ "", "the value is empty" },
	{ "1", "'1' is not from 2 to 30" },
	{ "31", "'31' is not from 2 to 30" },
	{ "4294967298", "'4294967298' is not from 2 to 30" },			  /* 2^32 + 2 */
	{ "18446744073709551618", "'18446744073709551618' is not from 2 to 30" }, /* 2^64 + 2 */
	{ "010", "'010' begins with a 0 (numbers are decimal, without leading zeros)" },
	{ "0x10", "'0x10' is not a whole decimal number" },
	{ "0o10", "'0o10' is not a whole decimal number" },
	{ "3.5", "'3.5' is not a whole decimal number" },
	{ "3.0", "'3.0' is not a whole decimal number" },
	{ "1e1", "'1e1' is not a whole decimal number" },
	{ "-3", "'-3' has a sign" },
	{ "+3", "'+3' has a sign" },
	{ " 3", "' 3' is not a whole decimal number" },
	{ "3 ", "'3 ' is not a whole decimal number" },
	{ "four", "'four' is not a whole decimal number" },
	{ "\xd9\xa3", "'\xd9\xa3' is not a whole decimal number" }, /* a digit elsewhere */
};

static void test_integer(void **state)
{
	unsigned int value;

	expect_taken(profile_integer("2", 2, 30, &value, &why), "2");
	assert_int_equal(value, 2);
	expect_taken(profile_integer("30", 2, 30, &value, &why), "30");
	assert_int_equal(value, 30);
	expect_taken(profile_integer("0", 0, 30, &value, &why), "0");
	assert_int_equal(value, 0);
	for (size_t i = 0; i < COUNT(bad_integers); i++)
		expect_refusal(profile_integer(bad_integers[i].text, 2, 30, &value, &why), bad_integers[i].text,
			       bad_integers[i].message);
}

static void test_bool(void **state)
{
	static const char *const bad[] = { "Yes", "NO", "on", "off", "y", "1", "0", "maybe", "yes " };
	char message[80];
	bool value = false;

	expect_taken(profile_bool("yes", &value, &why), "yes");
	assert_true(value);
	expect_taken(profile_bool("no", &value, &why), "no");
	assert_false(value);
	expect_taken(profile_bool("true", &value, &why), "true");
	assert_true(value);
	expect_taken(profile_bool("false", &value, &why), "false");
	assert_false(value);
	for (size_t i = 0; i < COUNT(bad); i++) {
		snprintf(message, sizeof(message), "'%s' is unknown (yes, no, true or false)", bad[i]);
		expect_refusal(profile_bool(bad[i], &value, &why), bad[i], message);
	}
	expect_refusal(profile_bool("", &value, &why), "", "the value is empty (yes, no, true or false)");
}

static const char *const words[] = { "shared", "dedicated", "whole_cores", "l3", "l2", NULL };

static void test_word(void **state)
{
	unsigned int index;

	expect_taken(profile_word("shared", words, &index, &why), "shared");
	assert_int_equal(index, 0);
	expect_taken(profile_word("l2", words, &index, &why), "l2");
	assert_int_equal(index, 4);
	expect_refusal(profile_word("share", words, &index, &why), "", "'share' is unknown (did you mean 'shared'?)");
	expect_refusal(profile_word("elephant", words, &index, &why), "",
		       "'elephant' is unknown (there is: shared, dedicated, whole_cores, l3, l2)");
}

static void test_nearest(void **state)
{
	static const struct {
		const char *text, *nearest;
	} cases[] = {
		{ "dedicate", "dedicated" },
		{ "dedcated", "dedicated" },
		{ "dediacted", "dedicated" },
		{ "SHARED", "shared" },
		{ "sharde", "shared" },
		{ "whole-cores", "whole_cores" },
		{ "L3", "l3" },
		{ "l4", "l3" },
		{ "wholecore", "whole_cores" },
		{ "l", "l3" },
		{ "x", NULL },
		{ "", NULL },
		{ "cores", NULL },
		{ "l3_code", NULL },
		{ "a word of more than thirty-one letters", NULL },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		const char *nearest = profile_nearest(cases[i].text, words);

		if (!nearest != !cases[i].nearest || (nearest && strcmp(nearest, cases[i].nearest)))
			fail_msg("'%s' is near to %s", cases[i].text, nearest ? nearest : "nothing");
	}
}

/* A list that does not fit ends with dots, whatever the size is; never outside of the buffer. */
static void test_long_hint(void **state)
{
	char hint[64];

	profile_hint_words("zzzzzz", words, hint, 32);
	assert_string_equal(hint, "there is: shared, ...");
	for (size_t size = 20; size < sizeof(hint); size++) {
		memset(hint, '!', sizeof(hint));
		profile_hint_words("zzzzzz", words, hint, size);
		assert_true(strlen(hint) < size);
		assert_int_equal(hint[size], '!');
	}
}

/* ---- Texts --------------------------------------------------------------------------------------------------------*/

static const char *repeat(char c, size_t n)
{
	static char text[2048];

	memset(text, c, n);
	text[n] = '\0';
	return text;
}

static void test_name(void **state)
{
	static const char *const good[] = { "a", "rt1", "RT-1_b.c", "7", "_x", "a..b" };
	static const char hint[] = "(letters A-Z and a-z, digits, '.', '_' and '-')";
	static const char *const bad[] = { "a b", "a/b", "a,b", "a=b", "\xc3\xa9t\xc3\xa9", "a\n", "a:b" };
	char message[160];

	for (size_t i = 0; i < COUNT(good); i++)
		expect_taken(profile_check_name(good[i], &why), good[i]);
	expect_taken(profile_check_name(repeat('n', 64), &why), "64 letters");
	for (size_t i = 0; i < COUNT(bad); i++) {
		snprintf(message, sizeof(message), "'%s' is not a name %s", bad[i], hint);
		expect_refusal(profile_check_name(bad[i], &why), bad[i], message);
	}
	expect_refusal(profile_check_name("", &why), "", "the value is empty");
	expect_refusal(profile_check_name(".", &why), "", "'.' begins with '.'");
	expect_refusal(profile_check_name("..", &why), "", "'..' begins with '.'");
	expect_refusal(profile_check_name("-a", &why), "", "'-a' begins with '-'");
	expect_refusal(profile_check_name(repeat('n', 65), &why), "65 letters",
		       "'nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn...' is longer than 64 bytes");
}

static void test_text(void **state)
{
	expect_taken(profile_check_text("a VM: \xc3\xa9t\xc3\xa9", &why), "blanks and UTF-8");
	expect_taken(profile_check_text(repeat('x', 255), &why), "255 letters");
	expect_refusal(profile_check_text("", &why), "", "the value is empty");
	expect_refusal(profile_check_text("a\nb", &why), "", "'a\nb' has a control character");
	expect_refusal(profile_check_text("a\x7f", &why), "", "'a\x7f' has a control character");
	expect_refusal(profile_check_text(repeat('x', 256), &why), "",
		       "'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...' is longer than 255 bytes");
}

static void test_cgroup(void **state)
{
	expect_taken(profile_check_cgroup("machine.slice/machine-qemu\\x2d1\\x2drt1.scope", &why), "libvirt's");
	expect_taken(profile_check_cgroup("a/...", &why), "three dots");
	expect_refusal(profile_check_cgroup("", &why), "", "the value is empty");
	expect_refusal(profile_check_cgroup("/a", &why), "", "'/a' has a slash too many");
	expect_refusal(profile_check_cgroup("a//b", &why), "", "'a//b' has a slash too many");
	expect_refusal(profile_check_cgroup("a/", &why), "", "'a/' has a slash too many");
	expect_refusal(profile_check_cgroup("a/../b", &why), "", "'a/../b' has a part '..'");
	expect_refusal(profile_check_cgroup("./b", &why), "", "'./b' has a part '.'");
	expect_refusal(profile_check_cgroup("a\tb", &why), "", "'a\tb' has a control character");
	expect_taken(profile_check_cgroup(repeat('x', 1023), &why), "1023 letters");
	expect_refusal(profile_check_cgroup(repeat('x', 1024), &why), "",
		       "'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...' is longer than 1023 bytes");
}

static void test_cpus(void **state)
{
	static const char *const good[] = { "0", "8191", "0-1", "0-1,8", "1,3,5", "0-3,8-11,12" };
	static const char *const bad[] = { "8192",  "1-",  "-1",  "1,",	 "1,,2",
					   "1-0",   "1-1", "2,1", "1,1", "0-2,2",
					   "0-1-2", "01",  "a",	  "1 ",	 "0-7:2",
					   "1, 2",  "0x1", ",",	  "all", "18446744073709551617" };
	char message[160];

	for (size_t i = 0; i < COUNT(good); i++)
		expect_taken(profile_check_cpus(good[i], &why), good[i]);
	for (size_t i = 0; i < COUNT(bad); i++) {
		snprintf(message, sizeof(message),
			 "'%s' is not a list of CPUs (ascending numbers and ranges up to 8191, as in 0-1,8)", bad[i]);
		expect_refusal(profile_check_cpus(bad[i], &why), bad[i], message);
	}
	expect_refusal(profile_check_cpus("", &why), "", "the value is empty");
}

/* Long values are cut, at characters. */
static void test_quote(void **state)
{
	assert_string_equal(profile_quote("short").text, "'short'");
	assert_string_equal(profile_quote(repeat('x', 45)).text, "'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'");
	assert_string_equal(profile_quote(repeat('x', 46)).text, "'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...'");
	/* The 42nd byte begins the character that would be cut. */
	assert_string_equal(profile_quote("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\xc3\xa9xxxxxxxxxx").text,
			    "'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...'");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cache),	cmocka_unit_test(test_bandwidth), cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_integer), cmocka_unit_test(test_bool),	  cmocka_unit_test(test_word),
		cmocka_unit_test(test_nearest), cmocka_unit_test(test_long_hint), cmocka_unit_test(test_name),
		cmocka_unit_test(test_text),	cmocka_unit_test(test_cgroup),	  cmocka_unit_test(test_cpus),
		cmocka_unit_test(test_quote),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
