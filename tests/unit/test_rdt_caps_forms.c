// SPDX-License-Identifier: BSD-3-Clause
/* RDT capabilities as people and programs write them: the short form, and JSON. test_rdt_caps.c has the round trips. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "rdt_caps.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

static struct rdt_caps caps;
static struct isolat_error err;

/* What the JSON of a short form begins and ends with. */
#define NO_MASKS "\"l3\":{},\"l3_code\":{},\"l2\":{},\"l2_code\":{},\"mb\":{},\"smba\":{}"
#define END	 ",\"default_group\":{\"mode\":\"shareable\"," NO_MASKS "},\"groups\":[]}"
#define HEAD(present, closids, monitoring, rmids) \
	",\"present\":" present ",\"closids\":" closids ",\"monitoring\":" monitoring ",\"rmids\":" rmids ","
#define PERCENT(closids, min, gran) \
	"{\"unit\":\"percent\",\"closids\":" closids ",\"min\":" min ",\"gran\":" gran ",\"max\":100}"
#define CACHE(ways, min, closids, cdp, sparse, io)                                                             \
	"{\"ways\":" ways ",\"min_ways\":" min ",\"closids\":" closids ",\"cdp\":" cdp ",\"cdp_capable\":" cdp \
	",\"sparse\":" sparse ",\"shareable\":\"" io "\"}"

static const struct {
	const char *form;
	const char *json; /* behind the source */
} forms[] = {
	{ "none", HEAD("false", "0", "false", "0") "\"l3\":null,\"l2\":null,\"mb\":null,\"smba\":null" END },
	{ "l3ways=16,closids=16,mbgran=10",
	  HEAD("true", "16", "false",
	       "0") "\"l3\":" CACHE("16", "1", "16", "false", "false",
				    "0") ",\"l2\":null,\"mb\":" PERCENT("16", "10", "10") ",\"smba\":null" END },
	{ "l3ways=1", HEAD("true", "16", "false", "0") "\"l3\":" CACHE(
			      "1", "1", "16", "false", "false", "0") ",\"l2\":null,\"mb\":null,\"smba\":null" END },
	{ "l3min=64,l3io=FfffFFFFffffffff,l3ways=64,sparse=1,closids=65536,rmids=4294967295",
	  HEAD("true", "65536", "true",
	       "4294967295") "\"l3\":" CACHE("64", "64", "65536", "false", "true",
					     "ffffffffffffffff") ",\"l2\":null,\"mb\":null,\"smba\":null" END },
	{ "l2ways=8,l2min=2,cdp=1,l3ways=11,l3io=600,l3min=2,sparse=0",
	  HEAD("true", "8", "false", "0") "\"l3\":" CACHE("11", "2", "8", "true", "false", "600") ",\"l2\":" CACHE(
		  "8", "2", "8", "true", "false", "0") ",\"mb\":null,\"smba\":null" END },
	{ "l2ways=8,cdp=1,closids=3", HEAD("true", "3", "false", "0") "\"l3\":null,\"l2\":" CACHE(
					      "8", "1", "3", "true", "false", "0") ",\"mb\":null,\"smba\":null" END },
	{ "mb=percent", HEAD("true", "16", "false",
			     "0") "\"l3\":null,\"l2\":null,\"mb\":" PERCENT("16", "10", "10") ",\"smba\":null" END },
	{ "mbmin=5,closids=4", HEAD("true", "4", "false", "0") "\"l3\":null,\"l2\":null,\"mb\":" PERCENT(
				       "4", "5", "10") ",\"smba\":null" END },
	{ "mbgran=20", HEAD("true", "16", "false",
			    "0") "\"l3\":null,\"l2\":null,\"mb\":" PERCENT("16", "20", "20") ",\"smba\":null" END },
	{ "mb=mbps",
	  HEAD("true", "16", "false", "0") "\"l3\":null,\"l2\":null,\"mb\":{\"unit\":\"mbps\",\"closids\":16,\"min\":0,"
					   "\"gran\":1,\"max\":4294967295},\"smba\":null" END },
	{ "mbmin=2048,mbgran=2048,mb=amd",
	  HEAD("true", "16", "false", "0") "\"l3\":null,\"l2\":null,\"mb\":{\"unit\":\"amd\",\"closids\":16,"
					   "\"min\":2048,\"gran\":2048,\"max\":2048},\"smba\":null" END },
	{ "rmids=1", HEAD("true", "0", "true", "1") "\"l3\":null,\"l2\":null,\"mb\":null,\"smba\":null" END },
};

static char *dump(void)
{
	json_t *json = rdt_caps_to_json(&caps);
	char *text = json_dumps(json, JSON_COMPACT);

	assert_non_null(text);
	json_decref(json);
	return text;
}

static void test_short_forms(void **state)
{
	char expected[2048], *text;

	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		if (rdt_caps_parse(forms[i].form, &caps, &err))
			fail_msg("%s: %s", forms[i].form, err.reason);
		snprintf(expected, sizeof(expected), "{\"source\":\"%s\"%s", forms[i].form, forms[i].json);
		text = dump();
		assert_string_equal(text, expected);
		free(text);
		rdt_caps_free(&caps);
	}
}

static const struct {
	const char *form;
	const char *reason;
} bad_forms[] = {
	{ "", "'' is no KEY=VALUE" },
	{ ",", "'' is no KEY=VALUE" },
	{ "l3ways=11,", "'' is no KEY=VALUE" },
	{ "l3ways=11,,rmids=3", "'' is no KEY=VALUE" },
	{ "none,l3ways=11", "'none' is no KEY=VALUE" },
	{ "l3ways=11,none", "'none' is no KEY=VALUE" },
	{ "l3ways", "'l3ways' is no KEY=VALUE" },
	{ "=1", "'' is no key" },
	{ "l3way=11", "'l3way' is no key" },
	{ "L3ways=11", "'L3ways' is no key" },
	{ " l3ways=11", "' l3ways' is no key" },
	{ "l3ways=11,l3ways=11", "l3ways: given twice" },
	{ "mb=amd,rmids=1,mb=amd", "mb: given twice" },
	{ "l3ways=", "l3ways: '' is not a whole number from 1 to 64" },
	{ "l3ways=0", "l3ways: '0' is not a whole number from 1 to 64" },
	{ "l3ways=65", "l3ways: '65' is not a whole number from 1 to 64" },
	{ "l3ways=-1", "l3ways: '-1' is not a whole number from 1 to 64" },
	{ "l3ways=+1", "l3ways: '+1' is not a whole number from 1 to 64" },
	{ "l3ways= 1", "l3ways: ' 1' is not a whole number from 1 to 64" },
	{ "l3ways=1 ", "l3ways: '1 ' is not a whole number from 1 to 64" },
	{ "l3ways=0xb", "l3ways: '0xb' is not a whole number from 1 to 64" },
	{ "l3ways=1e1", "l3ways: '1e1' is not a whole number from 1 to 64" },
	{ "l3ways=1=1", "l3ways: '1=1' is not a whole number from 1 to 64" },
	{ "l3ways=18446744073709551617", "l3ways: '18446744073709551617' is not a whole number from 1 to 64" },
	{ "l3ways=0000000000000000000000000000000000000000011x",
	  "l3ways: '0000000000000000000000000000000000000000...' is not a whole number from 1 to 64" },
	{ "l2ways=65", "l2ways: '65' is not a whole number from 1 to 64" },
	{ "l3ways=11,l3min=0", "l3min: '0' is not a whole number from 1 to 64" },
	{ "l3min=12,l3ways=11", "l3min: '12' is not a whole number from 1 to 11" },
	{ "l2ways=8,l2min=9", "l2min: '9' is not a whole number from 1 to 8" },
	{ "l3ways=11,l3io=800", "l3io: '800' is not a hex number up to 7ff" },
	{ "l3ways=11,l3io=0x600", "l3io: '0x600' is not a hex number up to ffffffffffffffff" },
	{ "l3ways=64,l3io=10000000000000000", "l3io: '10000000000000000' is not a hex number up to ffffffffffffffff" },
	{ "l3ways=11,closids=0", "closids: '0' is not a whole number from 1 to 65536" },
	{ "l3ways=11,closids=65537", "closids: '65537' is not a whole number from 1 to 65536" },
	{ "l3ways=11,cdp=2", "cdp: '2' is not a whole number from 0 to 1" },
	{ "l3ways=11,cdp=yes", "cdp: 'yes' is not a whole number from 0 to 1" },
	{ "l3ways=11,sparse=-0", "sparse: '-0' is not a whole number from 0 to 1" },
	{ "mb=Percent", "mb: 'Percent' is not percent, mbps or amd" },
	{ "mb=", "mb: '' is not percent, mbps or amd" },
	{ "mbgran=0", "mbgran: '0' is not a whole number from 1 to 4294967295" },
	{ "mbgran=101", "mbgran: '101' is not a whole number from 1 to 100" },
	{ "mbgran=2049,mb=amd", "mbgran: '2049' is not a whole number from 1 to 2048" },
	{ "mbgran=4294967296,mb=mbps", "mbgran: '4294967296' is not a whole number from 1 to 4294967295" },
	{ "mbmin=0", "mbmin: '0' is not a whole number from 1 to 100" },
	{ "mbmin=2049,mb=amd", "mbmin: '2049' is not a whole number from 0 to 2048" },
	{ "rmids=0", "rmids: '0' is not a whole number from 1 to 4294967295" },
	{ "rmids=4294967296", "rmids: '4294967296' is not a whole number from 1 to 4294967295" },
	{ "l2ways=8,l3min=1", "l3min: needs l3ways" },
	{ "l2ways=8,l3io=1", "l3io: needs l3ways" },
	{ "l3ways=8,l2min=1", "l2min: needs l2ways" },
	{ "mb=amd,cdp=0", "cdp: needs l3ways or l2ways" },
	{ "rmids=4,sparse=1", "sparse: needs l3ways or l2ways" },
	{ "rmids=4,closids=4", "closids: needs l3ways, l2ways or mb" },
};

static void test_bad_short_forms(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(bad_forms); i++) {
		if (!rdt_caps_parse(bad_forms[i].form, &caps, &err))
			fail_msg("read without an error: %s", bad_forms[i].form);
		assert_string_equal(err.reason, bad_forms[i].reason);
		assert_string_equal(err.object, bad_forms[i].form);
		assert_int_equal(err.code, ISOLAT_USAGE);
		assert_null(caps.source);
	}
}

/* ---- JSON ---- */

/* All that there can be. */
static const char whole[] =
	"{'source':'a b','present':true,'closids':4,'monitoring':true,'rmids':32,"
	"'l3':{'ways':64,'min_ways':2,'closids':8,'cdp':true,'cdp_capable':true,'sparse':true,"
	"'shareable':'f000000000000000'},"
	"'l2':{'ways':8,'min_ways':1,'closids':4,'cdp':false,'cdp_capable':true,'sparse':false,'shareable':'0'},"
	"'mb':{'unit':'amd','closids':15,'min':0,'gran':1,'max':4096},"
	"'smba':{'unit':'mbps','closids':5,'min':1,'gran':2,'max':4294967295},"
	"'default_group':{'mode':'exclusive','l3':{'0':'ffffffffffffffff','255':'1'},'l3_code':{'7':'3'},"
	"'l2':{'3':'ff'},'l2_code':{},'mb':{'0':4096},'smba':{'1':4294967295}},"
	"'groups':[{'name':'web','mode':'shareable','l3':{},'l3_code':{},'l2':{},'l2_code':{},'mb':{},'smba':{}},"
	"{'name':'x','mode':'pseudo-locked','l3':{},'l3_code':{},'l2':{'0':'c0'},'l2_code':{},'mb':{},'smba':{}}]}";

static json_t *load(const char *text)
{
	json_error_t error;
	char *copy = strdup(text);
	json_t *json;

	for (char *c = copy; *c; c++) {
		if (*c == '\'')
			*c = '"';
	}
	json = json_loads(copy, JSON_DECODE_ANY, &error);
	if (!json)
		fail_msg("%s: %s", error.text, copy);
	free(copy);
	return json;
}

static void test_all_of_json(void **state)
{
	json_t *json = load(whole), *again;

	if (rdt_caps_from_json(json, &caps, &err))
		fail_msg("%s: %s", err.object, err.reason);
	assert_string_equal(caps.source, "a b");
	assert_true(caps.present && caps.monitoring);
	assert_int_equal(caps.closids, 4);
	assert_int_equal(caps.l3.ways, 64);
	assert_true(caps.l3.shareable == 0xf000000000000000);
	assert_true(caps.l3.cdp && caps.l3.cdp_capable && caps.l3.sparse);
	assert_true(!caps.l2.cdp && caps.l2.cdp_capable && !caps.l2.sparse);
	assert_int_equal(caps.mb.unit, RDT_MB_EIGHTH_GB);
	assert_int_equal(caps.smba.unit, RDT_MB_MBPS);
	assert_int_equal(caps.smba.gran, 2);
	assert_int_equal(caps.default_group.l3.n, 2);
	assert_true(caps.default_group.exclusive && !caps.default_group.pseudo_locked);
	assert_true(caps.default_group.l3.value[0] == UINT64_MAX);
	assert_int_equal(caps.default_group.l3.domain[1], 255);
	assert_int_equal(caps.default_group.l3_code.domain[0], 7);
	assert_true(caps.default_group.smba.value[0] == UINT32_MAX);
	assert_int_equal(caps.n_groups, 2);
	assert_string_equal(caps.groups[0].name, "web");
	assert_false(caps.groups[0].exclusive);
	assert_true(caps.groups[1].exclusive && caps.groups[1].pseudo_locked);
	again = rdt_caps_to_json(&caps);
	assert_true(json_equal(json, again));
	json_decref(again);
	rdt_caps_free(&caps);
	/* A later isolat may write more. */
	json_object_set_new(json, "later", json_integer(1));
	assert_int_equal(rdt_caps_from_json(json, &caps, &err), 0);
	rdt_caps_free(&caps);
	json_decref(json);
}

static void check_refused(const json_t *json, const char *object, const char *reason)
{
	memset(&err, 0, sizeof(err));
	if (!rdt_caps_from_json(json, &caps, &err))
		fail_msg("read without an error: %s, %s", object, reason);
	assert_string_equal(err.object, object);
	assert_int_equal(err.code, ISOLAT_USAGE);
	if (strncmp(err.reason, reason, strlen(reason)))
		fail_msg("%s: not \"%s\" but: %s", object, reason, err.reason);
	assert_true(!caps.source && !caps.groups);
}

/* Each key of @inner, which is a part of @json at @path, and of the objects in it that are no masks. */
static void check_keys(const json_t *json, json_t *inner, const char *path)
{
	json_t *copy = json_copy(inner), *value;
	const char *key;
	char name[128];

	json_object_foreach (copy, key, value) {
		snprintf(name, sizeof(name), "%s.%s", path, key);
		json_object_del(inner, key);
		check_refused(json, name, "missing");
		json_object_set_new(inner, key, json_real(1.5));
		check_refused(json, name, "n"); /* "not ..." or "neither ..." */
		json_object_set(inner, key, value);
		if (json_is_object(value) && strcmp(path, "rdt.default_group"))
			check_keys(json, value, name);
	}
	json_decref(copy);
}

static void test_every_key(void **state)
{
	json_t *json = load(whole), *groups = json_object_get(json, "groups");

	check_keys(json, json, "rdt");
	check_keys(json, json_object_get(json, "default_group"), "rdt.default_group");
	/* A group's masks are all empty here: what is in them is of test_bad_json(). */
	check_keys(json, json_array_get(groups, 0), "rdt.groups[0]");
	assert_int_equal(rdt_caps_from_json(json, &caps, &err), 0);
	rdt_caps_free(&caps);
	json_decref(json);
}

/* What is put in the place of a text in whole[], and what is then said. */
static const struct {
	const char *from, *to;
	const char *object, *reason;
} bad_json[] = {
	{ "'a b'", "'a\\u0000b'", "rdt.source", "not a string" },
	{ "'present':true", "'present':false", "rdt.present", "false, but there is something" },
	{ "'closids':4,'monitoring'", "'closids':5,'monitoring'", "rdt.closids",
	  "5, but the least of the resources is 4" },
	{ "'closids':4,'monitoring'", "'closids':-1,'monitoring'", "rdt.closids", "not an integer from 0 to 65536" },
	{ "'rmids':32", "'rmids':0", "rdt.rmids", "not an integer from 1 to 4294967295" },
	{ "'rmids':32", "'rmids':4294967296", "rdt.rmids", "not an integer from 1 to 4294967295" },
	{ "'monitoring':true", "'monitoring':false", "rdt.rmids", "not an integer from 0 to 0" },
	{ "'monitoring':true", "'monitoring':1", "rdt.monitoring", "neither true nor false" },
	{ "'ways':64", "'ways':65", "rdt.l3.ways", "not an integer from 1 to 64" },
	{ "'ways':64", "'ways':0", "rdt.l3.ways", "not an integer from 1 to 64" },
	{ "'ways':64", "'ways':'64'", "rdt.l3.ways", "not an integer from 1 to 64" },
	{ "'ways':64", "'ways':59", "rdt.l3.shareable", "not a string with a hex mask up to 7ffffffffffffff" },
	{ "'min_ways':2", "'min_ways':65", "rdt.l3.min_ways", "not an integer from 1 to 64" },
	{ "'min_ways':1", "'min_ways':9", "rdt.l2.min_ways", "not an integer from 1 to 8" },
	{ "'min_ways':1", "'min_ways':0", "rdt.l2.min_ways", "not an integer from 1 to 8" },
	{ "'closids':8", "'closids':65537", "rdt.l3.closids", "not an integer from 1 to 65536" },
	{ "'closids':8", "'closids':0", "rdt.l3.closids", "not an integer from 1 to 65536" },
	{ "'cdp_capable':true,'sparse':true", "'cdp_capable':false,'sparse':true", "rdt.l3.cdp_capable",
	  "false, but cdp is true" },
	{ "'cdp':true", "'cdp':false", "rdt.default_group.l3_code", "not empty, but there is no such resource" },
	{ "'f000000000000000'", "'0f000000000000000'", "rdt.l3.shareable", "not a string with a hex mask up to f" },
	{ "'f000000000000000'", "'0x1'", "rdt.l3.shareable", "not a string with a hex mask" },
	{ "'f000000000000000'", "''", "rdt.l3.shareable", "not a string with a hex mask" },
	{ "'f000000000000000'", "1", "rdt.l3.shareable", "not a string with a hex mask" },
	{ "'shareable':'0'", "'shareable':'100'", "rdt.l2.shareable", "not a string with a hex mask up to ff" },
	{ "'unit':'amd'", "'unit':'AMD'", "rdt.mb.unit", "neither percent, mbps nor amd" },
	{ "'max':4096", "'max':0", "rdt.mb.max", "not an integer from 1 to 4294967295" },
	{ "'max':4294967295", "'max':4294967296", "rdt.smba.max", "not an integer from 1 to 4294967295" },
	{ "'max':4096", "'max':4095", "rdt.default_group.mb.0", "not an integer from 0 to 4095" },
	{ "'min':0", "'min':4097", "rdt.mb.min", "not an integer from 0 to 4096" },
	{ "'gran':1", "'gran':0", "rdt.mb.gran", "not an integer from 1 to 4096" },
	{ "'gran':1", "'gran':4097", "rdt.mb.gran", "not an integer from 1 to 4096" },
	{ "'closids':15", "'closids':0", "rdt.mb.closids", "not an integer from 1 to 65536" },
	{ "'exclusive'", "'locked'", "rdt.default_group.mode", "neither shareable, exclusive nor pseudo-locked" },
	{ "'255':'1'", "'256':'1'", "rdt.default_group.l3.256", "not a domain id from 0 to 255" },
	{ "'255':'1'", "'00':'1'", "rdt.default_group.l3.00", "not a domain id from 0 to 255" },
	{ "'255':'1'", "'':'1'", "rdt.default_group.l3.", "not a domain id from 0 to 255" },
	{ "'255':'1'", "'-1':'1'", "rdt.default_group.l3.-1", "not a domain id from 0 to 255" },
	{ "'255':'1'", "'255':1", "rdt.default_group.l3.255", "not a string with a hex mask up to ffffffffffffffff" },
	{ "'3':'ff'", "'3':'1ff'", "rdt.default_group.l2.3", "not a string with a hex mask up to ff" },
	{ "'l2_code':{},'mb':{'0'", "'l2_code':{'0':'1'},'mb':{'0'", "rdt.default_group.l2_code",
	  "not empty, but there is no such resource" },
	{ "'0':4096", "'0':'4096'", "rdt.default_group.mb.0", "not an integer from 0 to 4096" },
	{ "'0':4096", "'0':-1", "rdt.default_group.mb.0", "not an integer from 0 to 4096" },
	{ "'1':4294967295", "'1':4294967296", "rdt.default_group.smba.1", "not an integer from 0 to 4294967295" },
	{ "'name':'web'", "'name':''", "rdt.groups[0].name", "not a string of 1 to 255 bytes" },
	{ "'name':'x'", "'name':'a\\u0000'", "rdt.groups[1].name", "not a string of 1 to 255 bytes" },
	{ "'0':'c0'", "'0':'1c0'", "rdt.groups[1].l2.0", "not a string with a hex mask up to ff" },
	{ "{'name':'x'", "7,{'name':'x'", "rdt.groups[1]", "not an object" },
};

static void test_bad_json(void **state)
{
	char text[sizeof(whole) + 64];
	json_t *json;

	for (size_t i = 0; i < ARRAY_SIZE(bad_json); i++) {
		const char *at = strstr(whole, bad_json[i].from);

		assert_non_null(at);
		snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - whole), whole, bad_json[i].to,
			 at + strlen(bad_json[i].from));
		/* jansson refuses a byte 0 unless it is asked not to, as another program may. */
		for (char *c = text; *c; c++) {
			if (*c == '\'')
				*c = '"';
		}
		json = json_loads(text, JSON_ALLOW_NUL, NULL);
		assert_non_null(json);
		check_refused(json, bad_json[i].object, bad_json[i].reason);
		json_decref(json);
	}
}

static void test_contradictions(void **state)
{
	json_t *json, *groups, *group;
	char name[257];

	assert_int_equal(rdt_caps_parse("none", &caps, &err), 0);
	json = rdt_caps_to_json(&caps);
	rdt_caps_free(&caps);
	json_object_set_new(json, "present", json_true());
	check_refused(json, "rdt.present", "true, but there is nothing");
	json_object_set_new(json, "present", json_false());
	group = json_object_get(json, "default_group");
	json_object_set_new(json_object_get(group, "mb"), "0", json_integer(1));
	check_refused(json, "rdt.default_group.mb", "not empty, but there is no such resource");
	json_object_clear(json_object_get(group, "mb"));
	groups = json_object_get(json, "groups");
	json_array_append(groups, group);
	check_refused(json, "rdt.groups", "not empty, but there is nothing to allocate");
	for (unsigned int i = 1; i < 1025; i++)
		json_array_append(groups, group);
	check_refused(json, "rdt.groups", "not an array of at most 1024");
	json_decref(json);

	json = load(whole);
	memset(name, 'n', 256);
	name[256] = '\0';
	group = json_array_get(json_object_get(json, "groups"), 0);
	json_object_set_new(group, "name", json_string(name));
	check_refused(json, "rdt.groups[0].name", "not a string of 1 to 255 bytes");
	json_object_set_new(group, "name", json_string(name + 1));
	assert_int_equal(rdt_caps_from_json(json, &caps, &err), 0);
	assert_string_equal(caps.groups[0].name, name + 1);
	rdt_caps_free(&caps);
	json_decref(json);
	check_refused(NULL, "rdt", "not an object");
	json = json_array();
	check_refused(json, "rdt", "not an object");
	json_decref(json);
}

/* UTF-8 and control characters pass through JSON; other bytes cannot. */
static void test_names_in_json(void **state)
{
	static const char *const names[][2] = { { "g\303\274\033[1m", "g\303\274\033[1m" },
						{ "a\377\303\274", "a???" } };
	json_t *json = load(whole);

	assert_int_equal(rdt_caps_from_json(json, &caps, &err), 0);
	json_decref(json);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		strcpy(caps.groups[0].name, names[i][0]);
		free(caps.source);
		caps.source = strdup(names[i][0]);
		json = rdt_caps_to_json(&caps);
		rdt_caps_free(&caps);
		assert_int_equal(rdt_caps_from_json(json, &caps, &err), 0);
		json_decref(json);
		assert_string_equal(caps.groups[0].name, names[i][1]);
		assert_string_equal(caps.source, names[i][1]);
	}
	rdt_caps_free(&caps);
}

/* jansson's memory runs out after so many allocations. */
static int allocations;

static void *short_malloc(size_t size)
{
	return allocations-- > 0 ? malloc(size) : NULL;
}

static void test_no_memory(void **state)
{
	json_t *json = load(whole);
	int enough = 0;

	assert_int_equal(rdt_caps_from_json(json, &caps, &err), 0);
	json_decref(json);
	json_set_alloc_funcs(short_malloc, free);
	do {
		allocations = enough++;
		json = rdt_caps_to_json(&caps);
	} while (!json);
	json_set_alloc_funcs(malloc, free);
	assert_true(enough > 50);
	json_decref(json);
	rdt_caps_free(&caps);
}

static void test_units(void **state)
{
	enum rdt_mb_unit unit = RDT_MB_PERCENT;

	assert_true(rdt_mb_unit_find("amd", &unit));
	assert_int_equal(unit, RDT_MB_EIGHTH_GB);
	assert_false(rdt_mb_unit_find("", &unit));
	assert_int_equal(unit, RDT_MB_EIGHTH_GB);
	assert_string_equal(rdt_mb_unit_name(RDT_MB_MBPS), "mbps");
	assert_int_equal(rdt_mb_unit_max(RDT_MB_PERCENT), 100);
	assert_true(rdt_full_mask(0) == 0 && rdt_full_mask(1) == 1 && rdt_full_mask(63) == UINT64_MAX >> 1 &&
		    rdt_full_mask(64) == UINT64_MAX);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_short_forms),   cmocka_unit_test(test_bad_short_forms),
		cmocka_unit_test(test_all_of_json),   cmocka_unit_test(test_every_key),
		cmocka_unit_test(test_bad_json),      cmocka_unit_test(test_contradictions),
		cmocka_unit_test(test_names_in_json), cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_units),
	};

	return cmocka_run_group_tests_name("rdt_caps_forms", tests, NULL, NULL);
}
