// SPDX-License-Identifier: BSD-3-Clause
/* Hosts from each combination of --topology and --caps, and what of them is refused, before any parser sees too much.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "host.h"
#include "topology_machines.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))
#define MACHINE	     "pack:2 [numa] l3:1 l2:2 core:1 pu:2"
#define CAPS	     "l3ways=16,closids=16,mbgran=10"

static char *path_of(const char *name)
{
	static char path[512];

	snprintf(path, sizeof(path), "%s/%s", made_dir, name);
	return path;
}

static char *put(const char *name, const char *text)
{
	FILE *file = fopen(path_of(name), "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
	return path_of(name);
}

static void read_or_fail(const char *topology, const char *caps, struct host *host)
{
	struct isolat_error err;

	if (host_read(topology, caps, host, &err))
		fail_msg("%s %s: %s", err.what, err.object, err.reason);
}

/* The document of a host, without what it was read from. */
static char *text_of(const struct host *host)
{
	json_t *json = host_to_json(host);
	char *text;

	assert_non_null(json);
	json_object_del(json_object_get(json, "topology"), "source");
	json_object_del(json_object_get(json, "rdt"), "source");
	text = json_dumps(json, 0);
	json_decref(json);
	return text;
}

static char *document(const char *topology, const char *caps)
{
	struct host host;
	json_t *json;
	char *text;

	read_or_fail(topology, caps, &host);
	json = host_to_json(&host);
	assert_non_null(json);
	text = json_dumps(json, 0);
	json_decref(json);
	host_free(&host);
	return text;
}

static void described(void **state)
{
	struct host host;

	(void)state;
	read_or_fail(MACHINE, NULL, &host);
	assert_int_equal(host.topology.n_cpus, 8);
	assert_false(host.topology.live);
	assert_false(host.caps.present);
	host_free(&host);
	read_or_fail(MACHINE, "none", &host);
	assert_false(host.caps.present);
	host_free(&host);
	read_or_fail(MACHINE, CAPS, &host);
	assert_true(host.caps.present);
	assert_int_equal(host.caps.l3.ways, 16);
	assert_int_equal(host.caps.closids, 16);
	assert_int_equal(host.caps.mb.gran, 10);
	assert_string_equal(host.caps.source, CAPS);
	host_free(&host);
}

static void this_machine(void **state)
{
	struct host host;

	(void)state;
	read_or_fail(NULL, NULL, &host);
	assert_true(host.topology.live);
	assert_string_equal(host.topology.source, "this machine");
	assert_non_null(strstr(host.caps.source, "resctrl"));
	host_free(&host);
	read_or_fail(NULL, CAPS, &host);
	assert_true(host.topology.live);
	assert_int_equal(host.caps.l3.ways, 16);
	host_free(&host);
}

static void xml(void **state)
{
	struct host host;
	char *path = put("machine.xml", made_xml);

	(void)state;
	read_or_fail(path, CAPS, &host);
	assert_string_equal(host.topology.source, path);
	assert_int_equal(host.topology.n_devices, 5);
	assert_int_equal(host.caps.l3.ways, 16);
	host_free(&host);
	read_or_fail(path, NULL, &host);
	assert_false(host.caps.present);
	host_free(&host);
}

/* Written and read: the same host, under the file's name, and never live. */
static void json_file(void **state)
{
	char *text = document(NULL, CAPS), *again, *first, *second, *path;
	struct host host, copy;

	(void)state;
	path = put("host.json", text);
	read_or_fail(NULL, CAPS, &host);
	read_or_fail(path, NULL, &copy);
	first = text_of(&host);
	second = text_of(&copy);
	assert_string_equal(second, first);
	assert_string_equal(copy.topology.source, path);
	assert_string_equal(copy.caps.source, path);
	assert_false(copy.topology.live);
	host_free(&host);
	host_free(&copy);
	again = document(NULL, CAPS);
	assert_string_equal(again, text);
	free(text);
	free(again);
	free(first);
	free(second);
}

/* A document is good for each of its halves. */
static void halves(void **state)
{
	char *text = document(MACHINE, CAPS), *path;
	struct host host;

	(void)state;
	path = put("host.json", text);
	read_or_fail(path, "none", &host);
	assert_int_equal(host.topology.n_cpus, 8);
	assert_false(host.caps.present);
	host_free(&host);
	read_or_fail("pu:3", path, &host);
	assert_int_equal(host.topology.n_cpus, 3);
	assert_int_equal(host.caps.l3.ways, 16);
	host_free(&host);
	read_or_fail(NULL, path, &host);
	assert_true(host.topology.live);
	assert_int_equal(host.caps.l3.ways, 16);
	host_free(&host);
	free(text);
}

static void refuse(const char *topology, const char *caps, const char *what, const char *object, const char *reason)
{
	struct isolat_error err = { 0 };
	struct host host;

	if (!host_read(topology, caps, &host, &err))
		fail_msg("taken: %s %s", topology ? topology : "", caps ? caps : "");
	assert_int_equal(err.code, ISOLAT_USAGE);
	assert_string_equal(err.what, what);
	if (object)
		assert_string_equal(err.object, object);
	if (!strstr(err.reason, reason))
		fail_msg("says %s, not %s", err.reason, reason);
}

static void refused(void **state)
{
	const char *const topology = "read topology", *const caps = "read RDT capabilities";
	char *path;

	(void)state;
	refuse("/none.json", NULL, topology, "/none.json", "No such file");
	refuse(MACHINE, "/none.json", caps, "/none.json", "No such file");
	refuse(MACHINE, "frob=3", caps, NULL, "frob");
	refuse(MACHINE, "", caps, NULL, "");
	refuse(MACHINE, made_dir, caps, made_dir, "no resctrl");
	refuse(MACHINE, "/dev/null", caps, "/dev/null", "not a regular file");
	path = put("file.xml", made_xml);
	refuse(MACHINE, path, caps, path, "neither JSON nor a folder");
	path = put("empty", "");
	refuse(path, NULL, topology, path, "as XML");
	path = put("huge", "");
	assert_int_equal(truncate(path, 1L << 30), 0);
	refuse(path, NULL, topology, path, "too large");
	refuse(MACHINE, path, caps, path, "too large");
	path = put("large.json", "{");
	assert_int_equal(truncate(path, (16L << 20) + 1), 0);
	refuse(path, NULL, topology, path, "too large: of JSON, 16 MiB");
}

/* Documents that are not what they should be, as topology and as caps. */
static void documents(void **state)
{
	static const struct {
		const char *text, *reason;
	} bad[] = {
		{ "{", "line 1: " },
		{ "{}", "format: not \"isolat-topology\"" },
		{ "{\"format\": 3}", "format: not" },
		{ "{\"format\": \"isolat\", \"version\": 1}", "format: not" },
		{ "{\"format\": \"isolat-topology\"}", "version: not a whole number" },
		{ "{\"format\": \"isolat-topology\", \"version\": \"1\"}", "version: not a whole number" },
		{ "{\"format\": \"isolat-topology\", \"version\": 2}", "version: 2 is not known" },
		{ "{\"format\": \"isolat-topology\", \"version\": 1, \"version\": 1}", "line 1: duplicate" },
		{ "{\"format\": \"isolat-topology\", \"version\": 1} x", "line 1: end of file expected" },
	};
	char *path, *text = document(MACHINE, CAPS);

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		path = put("bad.json", bad[i].text);
		refuse(path, NULL, "read topology", path, bad[i].reason);
		refuse(MACHINE, path, "read RDT capabilities", path, bad[i].reason);
	}
	path = put("bad.json", "{\"format\": \"isolat-topology\", \"version\": 1}");
	refuse(path, NULL, "read topology", path, "topology: missing");
	refuse(MACHINE, path, "read RDT capabilities", path, "rdt: missing");
	path = put("bad.json", "{\"format\": \"isolat-topology\", \"version\": 1, \"topology\": 3, \"rdt\": {}}");
	refuse(path, NULL, "read topology", path, "not an object");
	refuse(MACHINE, path, "read RDT capabilities", path, "missing");
	/* Wherever it is cut. */
	for (size_t length = strlen(text) - 1; length; length -= length < 100 ? length : 97) {
		text[length] = '\0';
		path = put("bad.json", text);
		refuse(path, NULL, "read topology", path, "");
	}
	free(text);
}

/* The root of a copied resctrl, and a folder that is none: that was named, so it is an error. */
static void resctrl_folder(void **state)
{
	static const char *const files[][2] = {
		{ "info/L3/cbm_mask", "fffff" },       { "info/L3/min_cbm_bits", "1" },
		{ "info/L3/shareable_bits", "c0000" }, { "info/L3/num_closids", "16" },
		{ "schemata", "    L3:0=fffff" },      { "mode", "shareable" },
	};
	struct isolat_error err;
	struct host host;
	char root[512];

	(void)state;
	for (size_t i = 0; i < COUNT(files); i++)
		made_file(files[i][1], "%s", files[i][0]);
	snprintf(root, sizeof(root), "%s/sys/devices/system", made_dir);
	read_or_fail(MACHINE, root, &host);
	assert_true(host.caps.present);
	assert_string_equal(host.caps.source, root);
	host_free(&host);
	assert_int_equal(host_read(MACHINE, "/proc", &host, &err), -1);
	assert_int_equal(err.code, ISOLAT_USAGE);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, made_open, made_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(described),
		cmocka_unit_test(this_machine),
		IN_FOLDER(xml),
		IN_FOLDER(json_file),
		IN_FOLDER(halves),
		IN_FOLDER(refused),
		IN_FOLDER(documents),
		IN_FOLDER(resctrl_folder),
	};

	(void)made_machine;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
