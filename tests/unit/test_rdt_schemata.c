// SPDX-License-Identifier: BSD-3-Clause
/* The text of schemata: what is read from it, and what is refused, where, and with which words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "rdt_number.h"
#include "rdt_schemata.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

static struct rdt_schemata schemata;
static struct isolat_error err;

/* From the heap and without a byte behind it, so that sanitizers see a read too far. */
static int parse_bytes(const char *text, size_t length)
{
	char *copy = malloc(length ? length : 1);
	int rc;

	assert_non_null(copy);
	memcpy(copy, text, length);
	memset(&err, 0, sizeof(err));
	rc = rdt_schemata_parse(copy, length, "web/schemata", &schemata, &err);
	free(copy);
	return rc;
}

static void parse_good(const char *text)
{
	if (parse_bytes(text, strlen(text)))
		fail_msg("%s: %s", err.object, err.reason);
}

static void check_domain(enum rdt_schema schema, unsigned int i, unsigned int id, uint64_t value)
{
	assert_true(i < schemata.line[schema].n);
	assert_int_equal(schemata.line[schema].domain[i], id);
	assert_true(schemata.line[schema].value[i] == value);
}

static void test_as_printed(void **state)
{
	parse_good("  SMBA:0=2048;1=   8\n    MB:0= 100;1=  50\n    L2:0=00ff\nL3CODE:0=000f\nL3DATA:0=0ff0;12=ffff\n");
	for (enum rdt_schema s = 0; s < RDT_SCHEMAS; s++)
		assert_int_equal(schemata.present[s], s == RDT_SCHEMA_SMBA || s == RDT_SCHEMA_MB ||
							      s == RDT_SCHEMA_L2 || s == RDT_SCHEMA_L3CODE ||
							      s == RDT_SCHEMA_L3DATA);
	assert_int_equal(schemata.unknown, 0);
	assert_int_equal(schemata.line[RDT_SCHEMA_SMBA].n, 2);
	check_domain(RDT_SCHEMA_SMBA, 0, 0, 2048);
	check_domain(RDT_SCHEMA_SMBA, 1, 1, 8);
	assert_int_equal(schemata.line[RDT_SCHEMA_MB].n, 2);
	check_domain(RDT_SCHEMA_MB, 0, 0, 100);
	check_domain(RDT_SCHEMA_MB, 1, 1, 50);
	assert_int_equal(schemata.line[RDT_SCHEMA_L2].n, 1);
	check_domain(RDT_SCHEMA_L2, 0, 0, 0xff);
	check_domain(RDT_SCHEMA_L3CODE, 0, 0, 0xf);
	assert_int_equal(schemata.line[RDT_SCHEMA_L3DATA].n, 2);
	check_domain(RDT_SCHEMA_L3DATA, 0, 0, 0xff0);
	check_domain(RDT_SCHEMA_L3DATA, 1, 12, 0xffff);
	assert_int_equal(schemata.line[RDT_SCHEMA_L3].n, 0);
}

/* Each name is its own line, whatever the order. */
static void test_every_resource(void **state)
{
	char text[64];

	for (enum rdt_schema s = 0; s < RDT_SCHEMAS; s++) {
		snprintf(text, sizeof(text), "%s:7=11\n", rdt_schema_name(s));
		parse_good(text);
		for (enum rdt_schema other = 0; other < RDT_SCHEMAS; other++)
			assert_int_equal(schemata.present[other], other == s);
		check_domain(s, 0, 7, s == RDT_SCHEMA_MB || s == RDT_SCHEMA_SMBA ? 11 : 0x11);
	}
	assert_string_equal(rdt_schema_name(RDT_SCHEMA_L3), "L3");
	assert_string_equal(rdt_schema_name(RDT_SCHEMA_L2DATA), "L2DATA");
	assert_string_equal(rdt_schema_name(RDT_SCHEMA_SMBA), "SMBA");
}

static void test_allowed(void **state)
{
	parse_good("");
	for (enum rdt_schema s = 0; s < RDT_SCHEMAS; s++)
		assert_false(schemata.present[s]);
	parse_good("L3:0=7FF;255=0");
	check_domain(RDT_SCHEMA_L3, 0, 0, 0x7ff);
	check_domain(RDT_SCHEMA_L3, 1, 255, 0);
	parse_good("L3:23=1;0=00000000000000000000ffffffffffffffff\nMB:0=4294967295\n");
	check_domain(RDT_SCHEMA_L3, 0, 23, 1);
	check_domain(RDT_SCHEMA_L3, 1, 0, UINT64_MAX);
	check_domain(RDT_SCHEMA_MB, 0, 0, UINT32_MAX);
	parse_good("    L3:uninitialized\n    MB:uninitialized\n");
	assert_true(schemata.present[RDT_SCHEMA_L3] && schemata.present[RDT_SCHEMA_MB]);
	assert_int_equal(schemata.line[RDT_SCHEMA_L3].n, 0);
	parse_good("  L4_X:whatever; it= is\nL3:0=1\nMB_MIN:0=10\n");
	assert_int_equal(schemata.unknown, 2);
	check_domain(RDT_SCHEMA_L3, 0, 0, 1);
}

static void test_all_domains(void **state)
{
	char text[8192];
	int used = snprintf(text, sizeof(text), "L3:");

	for (unsigned int id = 0; id < RDT_MAX_DOMAINS; id++)
		used += snprintf(text + used, sizeof(text) - (size_t)used, "%s%u=%x", id ? ";" : "", id, id + 1);
	parse_good(text);
	assert_int_equal(schemata.line[RDT_SCHEMA_L3].n, RDT_MAX_DOMAINS);
	for (unsigned int id = 0; id < RDT_MAX_DOMAINS; id++)
		check_domain(RDT_SCHEMA_L3, id, id, id + 1);
	strcat(text, ";255=1");
	assert_int_equal(parse_bytes(text, strlen(text)), -1);
	assert_string_equal(err.reason, "'255' is a domain that this line has twice");
}

#define ZEROS "0000000000000000000000000000000000000000000"

static const struct {
	const char *text;
	unsigned int line;
	const char *reason;
} bad[] = {
	{ "\n", 1, "'' is no RESOURCE:DOMAIN=VALUE;..." },
	{ "L3:0=1\n\n", 2, "'' is no RESOURCE:DOMAIN=VALUE;..." },
	{ "L3:0=1\n   \n", 2, "'   ' is no RESOURCE:DOMAIN=VALUE;..." },
	{ "L3 0=1\n", 1, "'L3 0=1' is no RESOURCE:DOMAIN=VALUE;..." },
	{ "L3 :0=1\n", 1, "'L3 :0=1' is no RESOURCE:DOMAIN=VALUE;..." },
	{ "\tL3:0=1\n", 1, "'\tL3:0=1' is no RESOURCE:DOMAIN=VALUE;..." },
	{ ":0=1\n", 1, "':0=1' is no RESOURCE:DOMAIN=VALUE;..." },
	{ "l3:0=1\n", 1, "'l3:0=1' is no RESOURCE:DOMAIN=VALUE;..." },
	{ "L3:0=1\nL3", 2, "'L3' is no RESOURCE:DOMAIN=VALUE;..." },
	{ "L3:0=1\nMB:0=10\nL3:1=1\n", 3, "'L3' is there twice" },
	{ "L3:uninitialized\nL3:0=1\n", 2, "'L3' is there twice" },
	{ "L3:\n", 1, "'' is no DOMAIN=VALUE" },
	{ "L3:0=1;\n", 1, "'' is no DOMAIN=VALUE" },
	{ "L3:;0=1\n", 1, "'' is no DOMAIN=VALUE" },
	{ "L3:0\n", 1, "'0' is no DOMAIN=VALUE" },
	{ "L3:uninitialized \n", 1, "'uninitialized ' is no DOMAIN=VALUE" },
	{ "L3:0=1;uninitialized\n", 1, "'uninitialized' is no DOMAIN=VALUE" },
	{ "L3:=1\n", 1, "'' is no domain id from 0 to 255" },
	{ "L3:256=1\n", 1, "'256' is no domain id from 0 to 255" },
	{ "L3:-1=1\n", 1, "'-1' is no domain id from 0 to 255" },
	{ "L3: 1=1\n", 1, "' 1' is no domain id from 0 to 255" },
	{ "L3:a=1\n", 1, "'a' is no domain id from 0 to 255" },
	{ "L3:18446744073709551616=1\n", 1, "'18446744073709551616' is no domain id from 0 to 255" },
	{ "L3:0=1;1=1;0=1\n", 1, "'0' is a domain that this line has twice" },
	{ "L3:0=1;00=1\n", 1, "'00' is a domain that this line has twice" },
	{ "L3:0=\n", 1, "'' is no capacity mask, a hex number of up to 64 bits" },
	{ "L3:0=0x1\n", 1, "'0x1' is no capacity mask" },
	{ "L3:0=1g\n", 1, "'1g' is no capacity mask" },
	{ "L3:0= 1\n", 1, "' 1' is no capacity mask" },
	{ "L3:0=1 \n", 1, "'1 ' is no capacity mask" },
	{ "L3:0=1\r\n", 1, "'1\r' is no capacity mask" },
	{ "L3:0=-1\n", 1, "'-1' is no capacity mask" },
	{ "L3:0=1=1\n", 1, "'1=1' is no capacity mask" },
	{ "L3:0=10000000000000000\n", 1, "'10000000000000000' is no capacity mask" },
	{ "L3:0=" ZEROS "g\n", 1, "'0000000000000000000000000000000000000000...' is no capacity mask" },
	{ "MB:0=\n", 1, "'' is no bandwidth, a whole number from 0 to 4294967295" },
	{ "MB:0=   \n", 1, "'' is no bandwidth" },
	{ "MB:0=1a\n", 1, "'1a' is no bandwidth" },
	{ "MB:0=100%\n", 1, "'100%' is no bandwidth" },
	{ "MB:0=100 \n", 1, "'100 ' is no bandwidth" },
	{ "MB:0=4294967296\n", 1, "'4294967296' is no bandwidth" },
	{ "SMBA:0=0x10\n", 1, "'0x10' is no bandwidth" },
};

static void test_bad(void **state)
{
	char object[32];

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		if (!parse_bytes(bad[i].text, strlen(bad[i].text)))
			fail_msg("read without an error: %s", bad[i].text);
		snprintf(object, sizeof(object), "web/schemata:%u", bad[i].line);
		assert_string_equal(err.object, object);
		assert_int_equal(err.code, ISOLAT_FAILED);
		assert_string_equal(err.what, "read schemata");
		if (strncmp(err.reason, bad[i].reason, strlen(bad[i].reason)))
			fail_msg("not \"%s\" but: %s", bad[i].reason, err.reason);
	}
}

static void test_byte_zero(void **state)
{
	static const char late[] = "L3:0=1\nMB:0=1\0;1=2\n", last[] = "L3:0=1\0", unknown[] = "L4:\0\n";

	assert_int_equal(parse_bytes(late, sizeof(late) - 1), -1);
	assert_string_equal(err.object, "web/schemata:2");
	assert_string_equal(err.reason, "'MB:0=1' has a byte 0 behind it");
	assert_int_equal(parse_bytes(last, sizeof(last) - 1), -1);
	assert_int_equal(parse_bytes(unknown, sizeof(unknown) - 1), -1);
}

/* The line is said however long the file's name is. */
static void test_long_name(void **state)
{
	char name[600];

	memset(name, 'x', sizeof(name) - 1);
	strcpy(name + sizeof(name) - sizeof("/schemata"), "/schemata");
	assert_int_equal(rdt_schemata_parse("?", 1, name, &schemata, &err), -1);
	assert_memory_equal(err.object, "...x", 4);
	assert_string_equal(strrchr(err.object, '/'), "/schemata:1");
	assert_int_equal(strlen(err.object), 205);
}

/* Into one form, whatever the kernel's padding and order, and back. */
static void test_print(void **state)
{
	char *text;

	parse_good("    MB:0= 100;1=  50\n    L3:0=00f0;4=0fff\n");
	text = rdt_schemata_print(&schemata);
	assert_string_equal(text, "L3:0=f0;4=fff\nMB:0=100;1=50\n");
	free(text);
	parse_good("L3:uninitialized\n");
	text = rdt_schemata_print(&schemata);
	assert_string_equal(text, "");
	free(text);
}

static void test_merge(void **state)
{
	static struct rdt_schemata changes;
	char *text;

	parse_good("MB:0=100;1=50\n");
	changes = schemata;
	changes.line[RDT_SCHEMA_MB].value[0] = 20;
	changes.line[RDT_SCHEMA_MB].n = 1;
	parse_good("L3:0=f\nMB:0=100;1=50\n");
	assert_true(rdt_schemata_merge(&schemata, &changes));
	text = rdt_schemata_print(&schemata);
	assert_string_equal(text, "L3:0=f\nMB:0=20;1=50\n");
	free(text);
	changes.line[RDT_SCHEMA_MB].domain[0] = 2;
	assert_false(rdt_schemata_merge(&schemata, &changes));
}

static void test_number(void **state)
{
	uint64_t value = 77;

	assert_true(rdt_number("0012x", 4, 10, 12, &value));
	assert_int_equal(value, 12);
	assert_false(rdt_number("13", 2, 10, 12, &value));
	assert_false(rdt_number("", 0, 10, 12, &value));
	assert_false(rdt_number("a", 1, 10, 12, &value));
	assert_false(rdt_number("5", 1, 10, 4, &value));
	assert_false(rdt_number("18446744073709551616", 20, 10, UINT64_MAX, &value));
	assert_int_equal(value, 12);
	assert_true(rdt_number("18446744073709551615", 20, 10, UINT64_MAX, &value));
	assert_true(value == UINT64_MAX);
	assert_true(rdt_number("0aF", 3, 16, 0xaf, &value));
	assert_int_equal(value, 0xaf);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_as_printed), cmocka_unit_test(test_every_resource),
		cmocka_unit_test(test_allowed),	   cmocka_unit_test(test_all_domains),
		cmocka_unit_test(test_bad),	   cmocka_unit_test(test_byte_zero),
		cmocka_unit_test(test_long_name),  cmocka_unit_test(test_number),
		cmocka_unit_test(test_print),	   cmocka_unit_test(test_merge),
	};

	return cmocka_run_group_tests_name("rdt_schemata", tests, NULL, NULL);
}
