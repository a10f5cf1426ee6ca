// SPDX-License-Identifier: BSD-3-Clause
/* The operations of the libpqos engines: what is asked of libpqos, and what is made of its answers. */
#include "rdt_pqos_fake.h"

#include "rdt_pqos_cpus.h"

/* ---- Operations ---- */

/* Forgets what was asked until now. */
static void open_quietly(void)
{
	open_engine("pqos-os");
	make("isolat-a");
	make("isolat-b");
	assert_int_equal(unlink(path_to("asked")), 0);
}

static void test_make(void **state)
{
	open_engine("pqos-os");
	unlink(path_to("asked"));
	make("isolat-a");
	assert_string_equal(get("asked"), "{\"op\":\"clear\",\"cos\":1}\n");
	assert_int_equal(e->ops->make(e, "isolat-a", &err), -1);
	assert_error(ISOLAT_FAILED, "isolat-a", strerror(EEXIST), false);
	assert_int_equal(e->ops->make(e, "isolat-\xff", &err), -1);
	assert_error(ISOLAT_USAGE, "isolat-\xff", "the name is no UTF-8", false);
	make("isolat-b");
	make("isolat-c");
	assert_int_equal(e->ops->make(e, "isolat-d", &err), -1);
	assert_error(ISOLAT_NO_FIT, "isolat-d", "out of CLOSIDs: all of libpqos's 4 classes are in use", false);
	assert_string_equal(groups(), "isolat-a isolat-b isolat-c");
}

static void test_remove(void **state)
{
	open_quietly();
	assert_int_equal(e->ops->remove(e, "isolat-b", &err), 0);
	assert_string_equal(get("asked"), "{\"op\":\"clear\",\"cos\":2}\n");
	assert_int_equal(e->ops->remove(e, "isolat-b", &err), -1);
	assert_error(ISOLAT_FAILED, "isolat-b", "there is no such group", true);
	put("say", "{\"error\":{\"code\":1,\"what\":\"clear\",\"object\":\"COS1\",\"reason\":\"no\"}}\n");
	assert_int_equal(e->ops->remove(e, "isolat-a", &err), -1);
	assert_error(ISOLAT_FAILED, "isolat-a", "no", false);
	assert_string_equal(groups(), "isolat-a"); /* what could not be cleared keeps its name */
	assert_int_equal(e->ops->make(e, "isolat-c", &err), -1);
	assert_string_equal(groups(), "isolat-a");
}

static void test_schemata(void **state)
{
	struct rdt_schemata s;

	open_quietly();
	put("say", "{\"ok\":{\"text\":\"L3:0=f;1=ff\\nMB:0=100;1=20\\n\"}}\n");
	assert_int_equal(e->ops->read_schemata(e, "isolat-b", &s, &err), 0);
	assert_int_equal(s.line[RDT_SCHEMA_L3].value[1], 0xff);
	assert_int_equal(s.line[RDT_SCHEMA_MB].value[1], 20);
	assert_int_equal(e->ops->write_schemata(e, "", "    L3:1=00f0;0=0f\nMB:0= 50\n", &err), 0);
	assert_string_equal(get("asked"),
			    "{\"op\":\"read schemata\",\"cos\":2}\n"
			    "{\"op\":\"write schemata\",\"cos\":0,\"text\":\"L3:1=f0;0=f\\nMB:0=50\\n\"}\n");
	unlink(path_to("asked"));
	assert_int_equal(e->ops->write_schemata(e, "", "L3:0=f\nXY:0=1\n", &err), -1);
	assert_error(ISOLAT_FAILED, "the default group", "there is a resource in it that isolat does not know", false);
	assert_int_equal(e->ops->write_schemata(e, "isolat-a", "L3:0=\xff\n", &err), -1);
	assert_int_equal(err.code, ISOLAT_USAGE);
	assert_string_equal(err.what, "write schemata");
	assert_string_equal(err.object, "schemata to write:1");
	assert_int_equal(e->ops->write_schemata(e, "isolat-c", "L3:0=f\n", &err), -1);
	assert_error(ISOLAT_FAILED, "isolat-c", "there is no such group", true);
	assert_int_equal(e->ops->read_schemata(e, "isolat-c", &s, &err), -1);
	assert_true(e->gone);
	assert_null(get("asked"));
	put("say", "{\"ok\":{\"text\":\"L3:0=xyz\\n\"}}\n");
	assert_int_equal(e->ops->read_schemata(e, "isolat-b", &s, &err), -1);
	assert_string_equal(err.object, "isolat-b:1");
	put("say", "{\"ok\":{\"text\":7}}\n");
	assert_int_equal(e->ops->read_schemata(e, "isolat-b", &s, &err), -1);
	assert_error(ISOLAT_FAILED, "isolat-pqos", "'text' in it is not what it should be", false);
}

static void test_cpus(void **state)
{
	char *list;

	open_quietly();
	put("say", "{\"ok\":{\"cpus\":[5,0,1,2,8]}}\n");
	assert_int_equal(e->ops->read_cpus(e, "isolat-a", &list, &err), 0);
	assert_string_equal(list, "0-2,5,8");
	free(list);
	assert_int_equal(e->ops->write_cpus(e, "isolat-b", "3,0-1,1", &err), 0);
	assert_int_equal(e->ops->write_cpus(e, "isolat-b", "", &err), 0);
	assert_string_equal(get("asked"), "{\"op\":\"read cpus\",\"cos\":1}\n"
					  "{\"op\":\"write cpus\",\"cos\":2,\"cpus\":[0,1,3]}\n"
					  "{\"op\":\"write cpus\",\"cos\":2,\"cpus\":[]}\n");
	assert_int_equal(e->ops->write_cpus(e, "isolat-b", "0-", &err), -1);
	assert_error(ISOLAT_USAGE, "isolat-b", "'0-' is no list of CPUs", false);
	put("say", "{\"ok\":{\"cpus\":[1,\"2\"]}}\n");
	assert_int_equal(e->ops->read_cpus(e, "isolat-a", &list, &err), -1);
	put("say", "{\"ok\":{\"cpus\":[-1]}}\n");
	assert_int_equal(e->ops->read_cpus(e, "isolat-a", &list, &err), -1);
	put("say", "{\"ok\":{}}\n");
	assert_int_equal(e->ops->read_cpus(e, "isolat-a", &list, &err), -1);
	assert_error(ISOLAT_FAILED, "isolat-pqos", "'cpus' in it is not what it should be", false);
}

static void test_tasks(void **state)
{
	char group[RDT_GROUP_PATH];
	pid_t *tids;
	size_t n;

	open_quietly();
	put("say", "{\"ok\":{\"tids\":[70,3,1000000]}}\n");
	assert_int_equal(e->ops->read_tasks(e, "isolat-b", &tids, &n, &err), 0);
	assert_int_equal(n, 3);
	assert_int_equal(tids[0], 3);
	assert_int_equal(tids[2], 1000000);
	free(tids);
	put("say", "{\"ok\":{\"tids\":[]}}\n");
	assert_int_equal(e->ops->read_tasks(e, "", &tids, &n, &err), 0);
	assert_int_equal(n, 0);
	assert_null(tids);
	assert_int_equal(e->ops->move_task(e, "isolat-a", 77, &err), 0);
	assert_string_equal(get("asked"), "{\"op\":\"read tasks\",\"cos\":2}\n{\"op\":\"read tasks\",\"cos\":0}\n"
					  "{\"op\":\"move task\",\"cos\":1,\"tid\":77}\n");
	put("say", "{\"error\":{\"code\":1,\"what\":\"move\",\"object\":\"77\",\"reason\":\"gone\",\"gone\":true}}\n");
	assert_int_equal(e->ops->move_task(e, "", 77, &err), -1);
	assert_error(ISOLAT_FAILED, "77", "gone", true);
	assert_int_equal(e->ops->find_task(e, 77, group, &err), -1);
	assert_true(e->gone);
}

static void test_find_task(void **state)
{
	static const struct {
		const char *answer, *group;
	} cases[] = {
		{ "{\"ok\":{\"cos\":0}}\n", "" },     { "{\"ok\":{\"cos\":2}}\n", "isolat-b" },
		{ "{\"ok\":{\"cos\":3}}\n", "COS3" }, { "{\"ok\":{\"cos\":16}}\n", NULL },
		{ "{\"ok\":{\"cos\":-1}}\n", NULL },  { "{\"ok\":{}}\n", NULL },
	};
	char group[RDT_GROUP_PATH];

	open_quietly();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		put("say", cases[i].answer);
		assert_int_equal(e->ops->find_task(e, 5, group, &err), cases[i].group ? 0 : -1);
		assert_false(e->gone);
		if (cases[i].group)
			assert_string_equal(group, cases[i].group);
	}
	assert_non_null(strstr(get("asked"), "{\"op\":\"find task\",\"tid\":5}\n"));
}

static void test_monitors(void **state)
{
	struct rdt_reading *readings = (void *)1;
	size_t n = 1;

	open_quietly();
	assert_int_equal(e->ops->read_monitors(e, "isolat-a", &readings, &n, &err), 0);
	assert_null(readings);
	assert_int_equal(n, 0);
	assert_int_equal(e->ops->read_monitors(e, "isolat-c", &readings, &n, &err), -1);
	assert_true(e->gone);
}

static void test_helper_dies(void **state)
{
	char group[RDT_GROUP_PATH];

	open_engine("pqos-os");
	put("die", "");
	assert_int_equal(e->ops->find_task(e, 5, group, &err), -1);
	assert_error(ISOLAT_FAILED, "isolat-pqos",
		     "the helper process of libpqos was ended by signal 11 (Segmentation fault)", false);
	/* Another is started, which does as well; no third. */
	assert_int_equal(e->ops->find_task(e, 5, group, &err), -1);
	assert_error(ISOLAT_FAILED, "isolat-pqos",
		     "the helper process of libpqos was ended by signal 11 (Segmentation fault)", false);
	assert_int_equal(e->ops->make(e, "isolat-a", &err), -1);
	assert_error(ISOLAT_FAILED, "isolat-pqos", "the helper process of libpqos has ended before", false);
	assert_string_equal(groups(), "");
	close_engine();
	assert_string_equal(folders(), "info");
}

static void test_goes_on_with_another_helper(void **state)
{
	char group[RDT_GROUP_PATH];

	open_engine("pqos-os");
	make("isolat-a");
	put("die", "");
	assert_int_equal(e->ops->find_task(e, 5, group, &err), -1);
	assert_int_equal(unlink(path_to("die")), 0);
	assert_int_equal(e->ops->remove(e, "isolat-a", &err), 0);
	assert_string_equal(groups(), "");
	make("isolat-b");
	assert_string_equal(groups(), "isolat-b");
	close_engine();
}

/* ---- What there is ---- */

static void test_caps(void **state)
{
	struct rdt_caps caps;

	make_folder("root/info/L3_MON");
	put("root/info/L3_MON/num_rmids", "16\n");
	make_folder("root/info/SMBA");
	put("root/info/SMBA/num_closids", "2\n");
	put("root/info/SMBA/min_bandwidth", "0\n");
	put("root/info/SMBA/bandwidth_gran", "1\n");
	put("root/info/SMBA/delay_linear", "0\n");
	put("root/info/L3/sparse_masks", "1\n");
	put("root/schemata", "SMBA:0=2048;1=2048\nMB:0=100;1=100\nL3:0=fff;1=fff\n");
	open_engine("pqos-os");
	make("isolat-b");
	make("isolat-a");
	put("root/COS1/schemata", "MB:0=50;1=100\nL3:0=f;1=fff\n");
	put("root/COS2/schemata", "MB:0=100;1=100\nL3:0=ff0;1=fff\n");
	put("root/COS3/schemata", "MB:0=100;1=100\nL3:0=fff;1=fff\n");
	assert_int_equal(e->ops->read_caps(e, &caps, &err), 0);
	assert_int_equal(caps.closids, 4);
	assert_int_equal(caps.n_groups, 2);
	assert_string_equal(caps.groups[0].name, "isolat-a");
	assert_int_equal(caps.groups[0].l3.value[0], 0xff0);
	assert_string_equal(caps.groups[1].name, "isolat-b");
	assert_int_equal(caps.groups[1].mb.value[0], 50);
	assert_int_equal(caps.l3.shareable, 0xc00);
	assert_false(caps.l3.sparse || caps.monitoring || caps.rmids || caps.smba.present);
	assert_int_equal(caps.default_group.smba.n, 0);
	rdt_caps_free(&caps);
}

/* ---- Over MSRs ---- */

static void open_msr(void)
{
	put("say", "{\"ok\":{\"cpus\":[]}}\n");
	put("opened", "{\"ok\":{\"classes\":3,\"l3\":[0],\"l2\":[],\"mb\":[]}}\n");
	config.root = proc; /* nothing is mounted there */
	open_engine("pqos");
	assert_string_equal(e->ops->name, "pqos-msr");
}

static void test_msr(void **state)
{
	open_fails("pqos-msr", ISOLAT_FAILED, root, "resctrl is mounted");
	open_msr();
	assert_non_null(strstr(get("asked"), "\"interface\":\"msr\""));
	assert_non_null(strstr(get("asked"), "{\"op\":\"read cpus\",\"cos\":2}\n"));
	make("isolat-a");
	make("isolat-b");
	assert_int_equal(e->ops->make(e, "isolat-c", &err), -1);
	assert_int_equal(err.code, ISOLAT_NO_FIT);
	close_engine();
	open_msr();
	assert_string_equal(groups(), "isolat-a isolat-b");
	assert_int_equal(e->ops->remove(e, "isolat-a", &err), 0);
	assert_int_equal(e->ops->remove(e, "isolat-b", &err), 0);
	close_engine();
	assert_null(get("run/pqos-groups"));
	assert_string_equal(folders(), "info");
}

static void test_msr_foreign(void **state)
{
	put("say", "{\"ok\":{\"cpus\":[4,5]}}\n");
	config.root = proc;
	open_fails("pqos-msr", ISOLAT_FAILED, "COS1", "2 CPUs are in this class");
	assert_null(get("run/pqos-groups"));
}

/* Where isolat was first, it can look and undo; but it takes no class that somebody else has come to use. */
static void test_msr_foreign_later(void **state)
{
	open_msr();
	make("isolat-a");
	close_engine();
	put("say", "{\"ok\":{\"cpus\":[4,5]}}\n");
	open_engine("pqos-msr");
	assert_string_equal(groups(), "isolat-a");
	unlink(path_to("asked"));
	assert_int_equal(e->ops->make(e, "isolat-b", &err), -1);
	assert_non_null(strstr(err.reason, "2 CPUs are in this class"));
	assert_string_equal(get("asked"), "{\"op\":\"read cpus\",\"cos\":2}\n");
	assert_int_equal(e->ops->remove(e, "isolat-a", &err), 0);
}

/* One that was killed with nothing named does not keep the other interface away. */
static void test_other_engine_was_killed(void **state)
{
	make_folder("run");
	put("run/pqos-groups", "{\"version\":1,\"engine\":\"pqos-os\",\"classes\":4,\"groups\":{}}\n");
	open_msr();
	assert_string_equal(e->ops->name, "pqos-msr");
	close_engine();
	put("run/pqos-groups", "{\"version\":1,\"engine\":\"pqos-os\",\"classes\":4,\"groups\":{\"isolat-a\":1}}\n");
	open_fails("pqos-msr", ISOLAT_FAILED, path_to("run"), "the engine pqos-os is in use");
}

/* libpqos 4.5 over MSRs, on AMD without QoS. */
static void test_msr_aborts(void **state)
{
	config.root = proc;
	put("helper", "#!/bin/sh\nread line; echo 'free(): double free' >&2; kill -ABRT $$\n");
	open_fails("pqos-msr", ISOLAT_UNSUPPORTED, "isolat-pqos", "(Aborted), after: free(): double free");
	assert_string_equal(err.what, "start libpqos");
	assert_non_null(strstr(err.hint, "without RDT or QoS"));
	assert_null(get("run/pqos-groups"));
}

static void test_msr_caps(void **state)
{
	struct rdt_caps caps;

	open_msr();
	put("say",
	    "{\"ok\":{\"source\":\"libpqos\",\"present\":true,\"closids\":4,\"monitoring\":false,\"rmids\":0,\"l3\":"
	    "{\"ways\":12,\"min_ways\":1,\"closids\":4,\"cdp\":false,\"cdp_capable\":true,\"sparse\":false,"
	    "\"shareable\":\"c00\"},\"l2\":null,\"mb\":null,\"smba\":null,\"default_group\":{\"mode\":\"shareable\","
	    "\"l3\":{\"0\":\"fff\"},\"l3_code\":{},\"l2\":{},\"l2_code\":{},\"mb\":{},\"smba\":{}},\"groups\":[]}}\n");
	if (e->ops->read_caps(e, &caps, &err))
		fail_msg("%s: %s: %s", err.what, err.object, err.reason);
	assert_int_equal(caps.closids, 3);
	assert_int_equal(caps.l3.ways, 12);
	assert_int_equal(caps.default_group.l3.value[0], 0xfff);
	rdt_caps_free(&caps);
	put("say", "{\"ok\":{}}\n");
	assert_int_equal(e->ops->read_caps(e, &caps, &err), -1);
}

/* ---- Lists of CPUs ---- */

static void test_cpu_lists(void **state)
{
	static const struct {
		const char *list, *printed; /* NULL: it is none */
	} cases[] = {
		{ "", "" },	      { "0", "0" },	      { "0-3,8", "0-3,8" }, { "8,0-3", "0-3,8" },
		{ "1,2,3", "1-3" },   { "0-1,1-2,2", "0-2" }, { "65535", "65535" }, { "7-7", "7" },
		{ "65536", NULL },    { ",", NULL },	      { "0,", NULL },	    { ",0", NULL },
		{ "3-1", NULL },      { "1-", NULL },	      { "-1", NULL },	    { "1--2", NULL },
		{ "0 1", NULL },      { "0\n", NULL },	      { "0x1", NULL },	    { "0-3:1/2", NULL },
		{ "0,2,4", "0,2,4" }, { "0-1-2", NULL },      { "+1", NULL },	    { "0-65535", "0-65535" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		unsigned int *cpus;
		char *text;
		size_t n;

		assert_int_equal(pqos_cpus_parse(cases[i].list, &cpus, &n), cases[i].printed != NULL);
		if (!cases[i].printed)
			continue;
		text = pqos_cpus_print(cpus, n);
		assert_string_equal(text, cases[i].printed);
		free(text);
		free(cpus);
	}
}

/* What is in a class without a name is somebody else's: it is told, and cannot be changed. */
static void test_msr_others(void **state)
{
	char **names, *cpus;
	size_t n;

	open_msr();
	make("isolat-a");
	assert_int_equal(rdt_engine_list_others(e, &names, &n, &err), 0);
	assert_int_equal(n, 1);
	assert_string_equal(names[0], "COS2");
	rdt_engine_free_list(names, n);
	put("say", "{\"ok\":{\"cpus\":[4,3]}}\n");
	unlink(path_to("asked"));
	assert_int_equal(rdt_engine_read_cpus(e, "COS2", &cpus, &err), 0);
	assert_string_equal(cpus, "3-4");
	assert_string_equal(get("asked"), "{\"op\":\"read cpus\",\"cos\":2}\n");
	free(cpus);
	assert_int_equal(rdt_engine_read_cpus(e, "COS1", &cpus, &err), -1); /* has a name */
	assert_true(rdt_engine_is_gone(e));
	assert_int_equal(rdt_engine_read_cpus(e, "COS3", &cpus, &err), -1); /* there are three */
	assert_int_equal(e->ops->write_cpus(e, "COS2", "3", &err), -1);
	put("say", "{\"ok\":{\"cpus\":[]}}\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(test_make),
		TEST(test_remove),
		TEST(test_schemata),
		TEST(test_cpus),
		TEST(test_tasks),
		TEST(test_find_task),
		TEST(test_monitors),
		TEST(test_helper_dies),
		TEST(test_goes_on_with_another_helper),
		TEST(test_caps),
		TEST(test_msr),
		TEST(test_msr_foreign),
		TEST(test_msr_foreign_later),
		TEST(test_other_engine_was_killed),
		TEST(test_msr_aborts),
		TEST(test_msr_caps),
		TEST(test_msr_others),
		cmocka_unit_test(test_cpu_lists),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
