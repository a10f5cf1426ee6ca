// SPDX-License-Identifier: BSD-3-Clause
/* What all engines share: which is opened, which groups may be changed. Behind it is one that counts its calls. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "rdt_engine.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

static struct isolat_error err;
static unsigned int calls;

/* Every operation fails, and says that something is gone. */
static int fail_gone(struct rdt_engine *e)
{
	calls++;
	e->gone = true;
	return -1;
}

static void count_close(struct rdt_engine *e)
{
	calls++;
}

static int fake_lock(struct rdt_engine *e, bool exclusive, struct isolat_error *error)
{
	return fail_gone(e);
}

static int fake_caps(struct rdt_engine *e, struct rdt_caps *caps, struct isolat_error *error)
{
	return fail_gone(e);
}

static int fake_list(struct rdt_engine *e, char ***names, size_t *n, struct isolat_error *error)
{
	return fail_gone(e);
}

static int fake_group(struct rdt_engine *e, const char *group, struct isolat_error *error)
{
	return fail_gone(e);
}

static int fake_read_schemata(struct rdt_engine *e, const char *group, struct rdt_schemata *s,
			      struct isolat_error *error)
{
	return fail_gone(e);
}

static int fake_write(struct rdt_engine *e, const char *group, const char *text, struct isolat_error *error)
{
	return fail_gone(e);
}

static int fake_read_cpus(struct rdt_engine *e, const char *group, char **list, struct isolat_error *error)
{
	return fail_gone(e);
}

static int fake_read_tasks(struct rdt_engine *e, const char *group, pid_t **tids, size_t *n, struct isolat_error *error)
{
	return fail_gone(e);
}

static int fake_find(struct rdt_engine *e, pid_t tid, char group[RDT_GROUP_PATH], struct isolat_error *error)
{
	return fail_gone(e);
}

static int fake_move(struct rdt_engine *e, const char *group, pid_t tid, struct isolat_error *error)
{
	return fail_gone(e);
}

static int fake_monitors(struct rdt_engine *e, const char *group, struct rdt_reading **readings, size_t *n,
			 struct isolat_error *error)
{
	return fail_gone(e);
}

static const struct rdt_engine_ops fake_ops = {
	.name = "fake",
	.close = count_close,
	.lock = fake_lock,
	.unlock = count_close,
	.read_caps = fake_caps,
	.list = fake_list,
	.make = fake_group,
	.remove = fake_group,
	.read_schemata = fake_read_schemata,
	.write_schemata = fake_write,
	.read_cpus = fake_read_cpus,
	.write_cpus = fake_write,
	.read_tasks = fake_read_tasks,
	.find_task = fake_find,
	.move_task = fake_move,
	.read_monitors = fake_monitors,
};

static struct rdt_engine fake = { .ops = &fake_ops };

/* ---- Operations on a group, by what its name must be ---- */

static int do_make(const char *group)
{
	return rdt_engine_make(&fake, group, &err);
}

static int do_remove(const char *group)
{
	return rdt_engine_remove(&fake, group, &err);
}

static int do_write_cpus(const char *group)
{
	return rdt_engine_write_cpus(&fake, group, "0", &err);
}

static int do_write_schemata(const char *group)
{
	return rdt_engine_write_schemata(&fake, group, "MB:0=1\n", &err);
}

static int do_move_task(const char *group)
{
	return rdt_engine_move_task(&fake, group, 1, &err);
}

static int do_read_schemata(const char *group)
{
	static struct rdt_schemata s;

	return rdt_engine_read_schemata(&fake, group, &s, &err);
}

static int do_read_cpus(const char *group)
{
	char *list;
	int rc = rdt_engine_read_cpus(&fake, group, &list, &err);

	assert_null(list);
	return rc;
}

static int do_read_tasks(const char *group)
{
	pid_t *tids;
	size_t n;
	int rc = rdt_engine_read_tasks(&fake, group, &tids, &n, &err);

	assert_null(tids);
	assert_int_equal(n, 0);
	return rc;
}

static int do_read_monitors(const char *group)
{
	struct rdt_reading *readings;
	size_t n;
	int rc = rdt_engine_read_monitors(&fake, group, &readings, &n, &err);

	assert_null(readings);
	assert_int_equal(n, 0);
	return rc;
}

enum may { READ, WRITE, OWN };

static const struct {
	int (*call)(const char *group);
	enum may may;
	const char *what;
} operations[] = {
	{ do_make, OWN, "make group" },
	{ do_remove, OWN, "remove group" },
	{ do_write_cpus, OWN, "write CPUs" },
	{ do_write_schemata, WRITE, "write schemata" },
	{ do_move_task, WRITE, "move task" },
	{ do_read_schemata, READ, "read schemata" },
	{ do_read_cpus, READ, "read CPUs" },
	{ do_read_tasks, READ, "read tasks" },
	{ do_read_monitors, READ, "read monitors" },
};

static char longest[RDT_GROUP_NAME], longer[RDT_GROUP_NAME + 1];

static const struct {
	const char *name;
	bool readable, writable, own;
} names[] = {
	{ "isolat-db", true, true, true },
	{ "isolat-\xff \xc3\xa4", true, true, true },
	{ longest, true, true, true },
	{ longer, false, false, false },
	{ "", true, true, false },
	{ "COS1", true, false, false },
	{ "Isolat-db", true, false, false },
	{ "isolat", true, false, false },
	{ "isolat-a\tb", true, false, false },
	{ "isolat-a\x7f", true, false, false },
	{ "isolat-a\nb", false, false, false },
	{ "isolat-a/b", false, false, false },
	{ "isolat-/../COS1", false, false, false },
	{ "/", false, false, false },
	{ ".", false, false, false },
	{ "..", false, false, false },
	{ "info", false, false, false },
	{ "mon_groups", false, false, false },
	{ "mon_data", false, false, false },
};

static void test_names(void **state)
{
	memset(longest, 'x', sizeof(longest) - 1);
	memset(longer, 'x', sizeof(longer) - 1);
	memcpy(longest, RDT_OWN_PREFIX, strlen(RDT_OWN_PREFIX));
	memcpy(longer, RDT_OWN_PREFIX, strlen(RDT_OWN_PREFIX));
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		for (size_t j = 0; j < ARRAY_SIZE(operations); j++) {
			const bool may[] = { names[i].readable, names[i].writable, names[i].own };
			bool allowed = may[operations[j].may];

			calls = 0;
			memset(&err, 0, sizeof(err));
			assert_int_equal(operations[j].call(names[i].name), -1);
			if (calls != allowed || fake.gone != allowed)
				fail_msg("%s of '%s': %s", operations[j].what, names[i].name, err.reason);
			if (allowed)
				continue;
			assert_int_equal(err.code, ISOLAT_USAGE);
			assert_string_equal(err.what, operations[j].what);
			assert_true(*err.object && *err.reason);
		}
	}
}

/* Monitor groups: what is made has to be isolat's own in both parts, threads may go back into anybody's. */
static const struct {
	const char *name;
	bool readable, takes_tasks, own;
} monitors[] = {
	{ "isolat-db/mon_groups/isolat-vm1", true, true, true },
	{ "isolat-db/mon_groups/watch", true, true, false },
	{ "mon_groups/watch", true, true, false },
	{ "mon_groups/isolat-vm1", true, true, false },
	{ "libvirt/mon_groups/isolat-vm1", true, false, false },
	{ "isolat-db/mon_groups/", false, false, false },
	{ "isolat-db/mon_groups/..", false, false, false },
	{ "isolat-db/mon_groups/a/b", false, false, false },
	{ "isolat-db/mon_groups/isolat-a\nb", false, false, false },
	{ "../mon_groups/isolat-vm1", false, false, false },
	{ "isolat-db/mon_data/isolat-vm1", false, false, false },
};

static void test_monitors(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(monitors); i++) {
		for (size_t j = 0; j < ARRAY_SIZE(operations); j++) {
			const char *what = operations[j].what;
			bool control = strstr(what, "schemata") || !strcmp(what, "write CPUs");
			bool allowed = !strcmp(what, "move task")  ? monitors[i].takes_tasks
				       : operations[j].may == READ ? monitors[i].readable
								   : monitors[i].own;

			calls = 0;
			assert_int_equal(operations[j].call(monitors[i].name), -1);
			if (calls != (allowed && !control))
				fail_msg("%s of '%s': %s", what, monitors[i].name, err.reason);
		}
	}
}

/* What the call before has left does not stay: even where the name is refused, as test_names() sees. */
static void test_gone_is_of_the_last_call(void **state)
{
	char **list = (char **)&calls, group[RDT_GROUP_PATH];
	struct rdt_caps caps;
	size_t n = 7;

	assert_int_equal(rdt_engine_lock(&fake, true, &err), -1);
	assert_true(rdt_engine_is_gone(&fake));
	rdt_engine_unlock(&fake);
	assert_false(rdt_engine_is_gone(&fake));
	assert_int_equal(rdt_engine_list(&fake, &list, &n, &err), -1);
	assert_true(!list && !n && rdt_engine_is_gone(&fake));
	assert_int_equal(rdt_engine_make(&fake, "COS1", &err), -1);
	assert_false(rdt_engine_is_gone(&fake));
	assert_int_equal(rdt_engine_read_caps(&fake, &caps, &err), -1);
	assert_int_equal(rdt_engine_find_task(&fake, 1, group, &err), -1);
	assert_true(rdt_engine_is_gone(&fake));
}

static void test_open(void **state)
{
	const struct rdt_engine_config config = { .root = "tests/unit/resctrl/intel-2s" };
	static const char *const unknown[] = { "", "Resctrl", "pqos-", "msr" };
	struct rdt_engine *e;

	assert_int_equal(rdt_engine_open("resctrl", &config, &e, &err), 0);
	assert_string_equal(e->ops->name, "resctrl");
	assert_false(rdt_engine_is_gone(e));
	rdt_engine_close(e);
	for (size_t i = 0; i < ARRAY_SIZE(unknown); i++) {
		e = &fake;
		assert_int_equal(rdt_engine_open(unknown[i], &config, &e, &err), -1);
		assert_int_equal(err.code, ISOLAT_USAGE);
		assert_string_equal(err.object, unknown[i]);
		assert_non_null(strstr(err.hint, "pqos-msr"));
		assert_null(e);
	}
}

static void test_close(void **state)
{
	calls = 0;
	rdt_engine_close(NULL);
	assert_int_equal(calls, 0);
	rdt_engine_close(&fake);
	assert_int_equal(calls, 1);
	rdt_engine_free_list(NULL, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_monitors),
		cmocka_unit_test(test_gone_is_of_the_last_call),
		cmocka_unit_test(test_open),
		cmocka_unit_test(test_close),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
