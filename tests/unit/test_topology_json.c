// SPDX-License-Identifier: BSD-3-Clause
/* A topology's JSON that is right, and everything that can be wrong with it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "topology.h"
#include "topology_show.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static const char json_text[] =
	"{'source': 'x', 'packages': 1, 'dies': 1, 'l3_level': 3,"
	"'nodes': [{'id': 0, 'bytes': 1, 'package': 0}, {'id': 3, 'bytes': 1, 'package': null}],"
	"'l3': [{'id': 7, 'bytes': 1}, {'id': 9, 'bytes': 1}], 'l2': [{'id': 0, 'bytes': 1}],"
	"'cores': [{'cpus': [0, 2], 'l2': 0, 'l3': 0, 'node': 0, 'die': 0, 'package': 0},"
	"{'cpus': [1, 3], 'l2': 0, 'l3': 1, 'node': 0, 'die': 0, 'package': 0}],"
	"'offline': [4, 5], 'devices': [{'name': 'eth0', 'bus': '0000:00:00.0', 'node': 0}]}";

/* A member of it that is replaced (removed when there is no value), and how the reason then begins. */
static const struct {
	const char *path, *value, *reason;
} wrong_json[] = {
	{ "source", NULL, "source: missing" },
	{ "source", "1", "source: not a string" },
	{ "packages", NULL, "packages: missing" },
	{ "packages", "'1'", "packages: not a whole number" },
	{ "packages", "1.0", "packages: not a whole number" },
	{ "packages", "-1", "packages: -1 is not from 0 to 8192" },
	{ "packages", "0", "nodes[0].package: there is nothing" },
	{ "dies", NULL, "dies: missing" },
	{ "dies", "8193", "dies: 8193 is not from 0 to 8192" },
	{ "dies", "0", "cores[0].die: there is nothing" },
	{ "l3_level", NULL, "l3_level: missing" },
	{ "l3_level", "6", "l3_level: 6 is not" },
	{ "nodes", NULL, "nodes: missing" },
	{ "nodes", "{}", "nodes: not an array" },
	{ "nodes/1", "3", "nodes[1]: not an object" },
	{ "nodes/1/id", NULL, "nodes[1].id: missing" },
	{ "nodes/1/id", "0", "nodes[1].id: not above" },
	{ "nodes/1/id", "4294967295", "nodes[1].id: 4294967295 is not" },
	{ "nodes/1/bytes", NULL, "nodes[1].bytes: missing" },
	{ "nodes/1/bytes", "-1", "nodes[1].bytes: -1 is not" },
	{ "nodes/1/package", NULL, "nodes[1].package: missing" },
	{ "nodes/1/package", "1", "nodes[1].package: 1 is not from 0 to 0" },
	{ "l3", NULL, "l3: missing" },
	{ "l3/0/id", NULL, "l3[0].id: missing" },
	{ "l3/1/id", "7", "l3[1].id: not above" },
	{ "l3/1/bytes", "true", "l3[1].bytes: not a whole number" },
	{ "l3/1/bytes", NULL, "l3[1].bytes: missing" },
	{ "l2", NULL, "l2: missing" },
	{ "l2/0/id", "null", "l2[0].id: not a whole number" },
	{ "l2", "[]", "cores[0].l2: there is nothing" },
	{ "cores", NULL, "cores: missing" },
	{ "cores", "[]", "cores: it is empty" },
	{ "cores/0/cpus", NULL, "cores[0].cpus: missing" },
	{ "cores/0/cpus", "[]", "cores[0].cpus: a core has 1 to 8" },
	{ "cores/0/cpus", "[0,2,6,7,8,9,10,11,12]", "cores[0].cpus: a core has 1 to 8" },
	{ "cores/0/cpus", "[2, 0]", "cores[0].cpus: not in ascending order" },
	{ "cores/0/cpus", "[0, 0]", "cores[0].cpus: not in ascending order" },
	{ "cores/0/cpus", "[0, 8192]", "cores[0].cpus: 8192 is not from 0 to 8191" },
	{ "cores/0/cpus", "[0, '2']", "cores[0].cpus: not a whole number" },
	{ "cores/0/cpus", "[0, 3]", "CPU 3 is there twice" },
	{ "cores/1/cpus", "[0, 3]", "cores[1].cpus: not above those" },
	{ "cores/1/l2", NULL, "cores[1].l2: missing" },
	{ "cores/1/l2", "1", "cores[1].l2: 1 is not from 0 to 0" },
	{ "cores/1/l3", NULL, "cores[1].l3: missing" },
	{ "cores/1/l3", "2", "cores[1].l3: 2 is not from 0 to 1" },
	{ "cores/1/l3", "4294967295", "cores[1].l3: 4294967295 is not" },
	{ "cores/1/l3", "4294967296", "cores[1].l3: 4294967296 is not" },
	{ "cores/1/node", NULL, "cores[1].node: missing" },
	{ "cores/1/node", "2", "cores[1].node: 2 is not" },
	{ "cores/1/die", NULL, "cores[1].die: missing" },
	{ "cores/1/die", "null", "cores[1].die: not a whole number" },
	{ "cores/1/package", NULL, "cores[1].package: missing" },
	{ "cores/1/package", "null", "cores[1].package: not a whole number" },
	{ "offline", NULL, "offline: missing" },
	{ "offline", "[5, 4]", "offline: not in ascending order" },
	{ "offline", "[-1]", "offline: -1 is not" },
	{ "offline", "[1]", "CPU 1 is there twice" },
	{ "devices", NULL, "devices: missing" },
	{ "devices/0/name", NULL, "devices[0].name: missing" },
	{ "devices/0/name", "'0123456789012345678901234567890x'", "devices[0].name: longer than 31 bytes" },
	{ "devices/0/bus", "3", "devices[0].bus: not a string" },
	{ "devices/0/bus", "'0123456789012345'", "devices[0].bus: longer than 15 bytes" },
	{ "devices/0/node", NULL, "devices[0].node: missing" },
	{ "devices/0/node", "2", "devices[0].node: 2 is not" },
};

static json_t *parse(const char *text)
{
	char *copy = strdup(text);
	json_t *value;

	for (char *c = copy; *c; c++)
		*c = *c == '\'' ? '"' : *c;
	value = json_loads(copy, JSON_DECODE_ANY, NULL);
	assert_non_null(value);
	free(copy);
	return value;
}

/* Replaces or removes what is at @path. */
static void change(json_t *value, const char *path, const char *text)
{
	char *copy = strdup(path), *save, *word = strtok_r(copy, "/", &save), *next;

	while ((next = strtok_r(NULL, "/", &save))) {
		value = json_is_array(value) ? json_array_get(value, strtoul(word, NULL, 10))
					     : json_object_get(value, word);
		word = next;
	}
	if (json_is_array(value))
		json_array_set_new(value, strtoul(word, NULL, 10), parse(text));
	else if (text)
		json_object_set_new(value, word, parse(text));
	else
		json_object_del(value, word);
	free(copy);
}

static void json_refused(void **state)
{
	struct topology t;
	struct isolat_error err;
	json_t *value;

	(void)state;
	for (size_t i = 0; i < COUNT(wrong_json); i++) {
		value = parse(json_text);
		change(value, wrong_json[i].path, wrong_json[i].value);
		if (!topology_from_json(value, &t, &err))
			fail_msg("taken, and should say %s", wrong_json[i].reason);
		if (err.code != ISOLAT_USAGE || strncmp(err.reason, wrong_json[i].reason, strlen(wrong_json[i].reason)))
			fail_msg("says %s, not %s", err.reason, wrong_json[i].reason);
		json_decref(value);
	}
	value = parse("[]");
	assert_int_equal(topology_from_json(value, &t, &err), -1);
	assert_string_equal(err.reason, "not an object");
	json_decref(value);
}

/* The one that the wrong ones are made of is right, with what a later version may add. */
static void json_taken(void **state)
{
	json_t *value = parse(json_text);
	struct topology t;
	struct isolat_error err;

	(void)state;
	json_object_set_new(value, "later", json_true());
	if (topology_from_json(value, &t, &err))
		fail_msg("%s", err.reason);
	check_cpus(&t);
	assert_int_equal(t.n_cpus, 6);
	assert_int_equal(t.l3[0].n_cores, 1);
	assert_int_equal(t.l2[0].n_cores, 2);
	assert_int_equal(t.nodes[0].n_cores, 2);
	assert_int_equal(t.nodes[1].package, TOPOLOGY_NONE);
	check_json(&t);
	topology_free(&t);
	json_decref(value);
}

/* A path that is no UTF-8 still makes a document. */
static void odd_source(void **state)
{
	struct topology t = { .source = (char *)"a\xff" };
	json_t *json = topology_to_json(&t);

	(void)state;
	assert_non_null(json);
	assert_string_equal(json_string_value(json_object_get(json, "source")), "a?");
	json_decref(json);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_refused),
		cmocka_unit_test(json_taken),
		cmocka_unit_test(odd_source),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
