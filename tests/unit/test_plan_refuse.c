// SPDX-License-Identifier: BSD-3-Clause
/* What the planner says where a profile does not fit: which resource is short, who has it, what would fit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "plan_check.h"
#include "plan_machines.h"

struct row {
	const char *name;
	const struct plan_shape *shape;
	struct profile_class classes[2];
	struct profile_vm vms[40];
	const char *object, *reason, *hint;
};

static const struct plan_shape one = {
	.name = "8 cores, 11 ways, 2 of them I/O's",
	.cores_per_package = 8,
	.l3_bytes = 11 * MIB,
	.node_bytes = 32 * GIB,
	.closids = 4,
	.l3_ways = 11,
	.l3_min = 1,
	.l3_io = 0x600,
};
static const struct plan_shape theirs = {
	.name = "8 cores, 11 ways, all of them others'",
	.cores_per_package = 8,
	.l3_bytes = 11 * MIB,
	.node_bytes = 32 * GIB,
	.closids = 8,
	.l3_ways = 11,
	.l3_min = 1,
	.groups = { { "pqos", false, 0x7ff, 0 }, { "qemu-1-db", false, 0xf, 0 } },
	.default_l3 = 0x7ff,
};
static const struct plan_shape all_io = {
	.name = "all ways are I/O's",
	.cores_per_package = 4,
	.l3_bytes = 11 * MIB,
	.node_bytes = 32 * GIB,
	.closids = 16,
	.l3_ways = 11,
	.l3_min = 1,
	.l3_io = 0x7ff,
};
static const struct plan_shape two = {
	.name = "2 sockets of 4 cores, SMT",
	.packages = 2,
	.cores_per_package = 4,
	.smt = 2,
	.l3_ids_apart = 16,
	.l3_bytes = 16 * MIB,
	.node_bytes = 32 * GIB,
	.closids = 16,
	.l3_ways = 16,
	.l3_min = 1,
};
static const struct plan_shape l2s = {
	.name = "L2s of 4 cores",
	.cores_per_package = 8,
	.cores_per_l2 = 4,
	.node_bytes = 16 * GIB,
	.closids = 16,
	.l2_ways = 16,
	.l2_min = 1,
};
static const struct plan_shape admins = {
	.name = "an admin's default group",
	.cores_per_package = 8,
	.l3_bytes = 22 * MIB,
	.node_bytes = 32 * GIB,
	.closids = 16,
	.l3_ways = 11,
	.l3_min = 1,
	.l3_io = 0x600,
	.default_l3 = 0xf,
};
static const struct plan_shape many = {
	.name = "12 L3s",
	.cores_per_package = 96,
	.l3_per_package = 12,
	.l3_bytes = 16 * MIB,
	.node_bytes = 512 * GIB,
	.closids = 64,
	.l3_ways = 16,
	.l3_min = 1,
};

#define WAYS(n)	    .unit = PROFILE_WAYS, .value = (n)
#define CORES	    .dedicated = true, .whole_cores = true
#define OWN_WAYS(n) CORES, .exclusive = true, .l3 = { WAYS(n) }

#define VM_IN(which, n, gib, at) .name = which, .vcpus = (n), .memory = (gib)*GIB, .node = (at)
#define VM(which, n, gib)	 VM_IN(which, n, gib, PROFILE_ANY_NODE)

static const struct row rows[] = {
	{ "ways",
	  &one,
	  { { OWN_WAYS(5) } },
	  { { VM("a", 1, 1) }, { VM("b", 1, 1) } },
	  "b",
	  "L3 ways are short: 5 are asked for, and 4 of 11 are left in L3 0, 5 with those that I/O uses and class "
	  "first "
	  "does not allow (io_ways)",
	  "a has 5 ways; with 4 ways of L3 in place of 5 it fits" },
	{ "ways, and the default group has few",
	  &admins,
	  { { OWN_WAYS(9) } },
	  { { VM("a", 1, 1) } },
	  "a",
	  "L3 ways are short: 9 are asked for, and 8 of 11 are left in L3 0, 10 with those that I/O uses and class "
	  "first "
	  "does not allow (io_ways); the default group has the ways f there, of which it keeps 1 at least",
	  "with 8 ways of L3 in place of 9 it fits" },
	{ "a single way",
	  &one,
	  { { OWN_WAYS(9) }, { OWN_WAYS(1) } },
	  { { VM("a", 1, 1) }, { VM("b", 1, 1), .class = 1 } },
	  "b",
	  "L3 ways are short: 1 is asked for, and 0 of 11 are left in L3 0, 1 with those that I/O uses and class "
	  "second "
	  "does not allow (io_ways)",
	  "a has 9 ways; with io_ways: yes in class second it fits" },
	{ "all ways are I/O's",
	  &all_io,
	  { { OWN_WAYS(2) } },
	  { { VM("a", 1, 1) } },
	  "a",
	  "L3 ways are short: 2 are asked for, and all 11 of L3 0 are used by I/O, which class first does not allow "
	  "(io_ways)",
	  "with io_ways: yes in class first it fits" },
	{ "all ways are others'",
	  &theirs,
	  { { OWN_WAYS(2) } },
	  { { VM("a", 1, 1) } },
	  "a",
	  "L3 ways are short: 2 are asked for, and 0 of 11 are left in L3 0; others' groups: pqos has all, qemu-1-db "
	  "has f",
	  "it does not fit without it either: VMs or their wishes must go" },
	{ "ways of the L3 of a node",
	  &two,
	  { { OWN_WAYS(10) } },
	  { { VM_IN("a", 2, 1, 1) }, { VM_IN("b", 2, 1, 1) } },
	  "b",
	  "L3 ways are short: 10 are asked for, and 5 of 16 are left in L3 16",
	  "a has 10 ways; with 5 ways of L3 in place of 10 it fits" },
	{ "ways that a class shares",
	  &one,
	  { { OWN_WAYS(5) }, { .l3 = { WAYS(7) } } },
	  { { VM("a", 1, 1) }, { VM("b", 1, 1), .class = 1 } },
	  "b",
	  "L3 ways are short: 7 are asked for, and 6 of 11 are left in L3 0",
	  "a has 5 ways; with 6 ways of L3 in place of 7 for class second it fits" },
	{ "ways of an L2",
	  &l2s,
	  { { CORES, .exclusive = true, .l2 = { WAYS(9) } } },
	  { { VM("a", 1, 1) }, { VM("b", 1, 1) }, { VM("c", 1, 1) } },
	  "c",
	  "L2 ways are short: 9 are asked for, and 6 of 16 are left in L2 0",
	  "a has 9 ways; with 6 ways of L2 in place of 9 it fits" },
	{ "memory of one node",
	  &two,
	  { { CORES } },
	  { { VM("a", 2, 20) }, { VM("b", 2, 20) }, { VM("c", 2, 20) } },
	  "c",
	  "memory is short: 20 GiB are asked for in one node, and 12 GiB of 32 GiB are left in node 0",
	  "a has 20 GiB; with 12 GiB in place of 20 GiB it fits" },
	{ "memory of a node wished for",
	  &two,
	  { { CORES } },
	  { { VM_IN("a", 2, 40, 1) } },
	  "a",
	  "memory is short: 40 GiB are asked for in node 1, and 32 GiB of 32 GiB are left in node 1",
	  "with 32 GiB in place of 40 GiB it fits" },
	{ "cores of one node",
	  &two,
	  { { CORES } },
	  { { VM("a", 6, 1) }, { VM("b", 6, 1) }, { VM("c", 4, 1) } },
	  "c",
	  "cores are short: 4 CPUs in whole cores are asked for in one node, and 2 are left in node 1",
	  "b has 6 CPUs; with 2 vCPUs in place of 4 it fits" },
	{ "CPUs of the only node",
	  &one,
	  { { .dedicated = true } },
	  { { VM("a", 5, 1) }, { VM("b", 4, 1) } },
	  "b",
	  "CPUs are short: 4 CPUs are asked for, and 2 are left in node 0",
	  "a has 5 CPUs; with 2 vCPUs in place of 4 it fits" },
	{ "CPUs of all nodes",
	  &two,
	  { { CORES } },
	  { { VM("a", 16, 1), .span_nodes = true } },
	  "a",
	  "cores are short: 16 CPUs in whole cores are asked for, and 14 are left in all 2 nodes",
	  "with 14 vCPUs in place of 16 it fits" },
	{ "a pool",
	  &one,
	  { { CORES }, { .dedicated = false } },
	  { { VM("a", 5, 1) }, { VM("b", 3, 1), .class = 1 } },
	  "b",
	  "CPUs are short: 3 CPUs in a pool are asked for, and 2 are left in node 0",
	  "a has 5 CPUs; with 2 vCPUs in place of 3 it fits" },
	{ "a pool that others share",
	  &one,
	  { { CORES }, { .dedicated = false } },
	  { { VM("a", 5, 1) }, { VM_IN("b", 1, 1, 0), .class = 1 }, { VM("c", 3, 1), .class = 1 } },
	  "c",
	  "CPUs are short: 3 CPUs in a pool are asked for, and 2 are left in node 0",
	  "a has 5 CPUs; with 2 vCPUs in place of 3 it fits" },
	{ "a core for a timer agent",
	  &one,
	  { { CORES } },
	  { { VM("a", 7, 1), .exitless_timer = true } },
	  "a",
	  "cores are short: each node with VMs that want the exitless timer needs 1 for its agent, and no core is left",
	  "without the exitless timer it fits" },
	{ "CLOSIDs",
	  &one,
	  { { OWN_WAYS(1) } },
	  { { VM("a", 1, 1) }, { VM("b", 1, 1) }, { VM("c", 1, 1) }, { VM("d", 1, 1) } },
	  "CLOSIDs",
	  "4 are asked for, and of 4 the default group has 1, other groups have 0, and 0 are to be left free",
	  "VMs of a class that is not exclusive share one" },
	{ "cores and memory: the cores",
	  &two,
	  { { CORES } },
	  { { VM("a", 10, 40) } },
	  "a",
	  "cores are short: 10 CPUs in whole cores are asked for in one node, and 8 are left in node 1",
	  "it does not fit without it either: VMs or their wishes must go" },
};

static const struct row agent_row = {
	"ways of a timer agent",
	&one,
	{ { OWN_WAYS(6) } },
	{ { VM("a", 2, 1), .exitless_timer = true } },
	"a",
	"L3 ways are short: a timer agent asks for 4 of its own, and no L3 with a free core has them",
	"with 5 ways of L3 in place of 6 it fits"
};

static void make(const struct row *row, struct profile *p, struct row *copy)
{
	static const char *const names[] = { "first", "second" };

	*copy = *row;
	*p = (struct profile){ 0 };
	p->file = (char *)"profile.yaml";
	p->classes = copy->classes;
	p->n_classes = 2;
	p->vms = copy->vms;
	p->housekeeping_cores = 1;
	for (unsigned int i = 0; i < 2; i++)
		snprintf(copy->classes[i].name, sizeof(copy->classes[i].name), "%s", names[i]);
	while (p->n_vms < 40 && copy->vms[p->n_vms].name[0])
		p->n_vms++;
}

static void check(const struct row *row, struct profile_amount agent_l3)
{
	struct isolat_error err = { 0 };
	struct profile p;
	struct host host;
	struct plan plan;
	struct row copy;
	char why[1024];

	make(row, &p, &copy);
	p.agent_l3 = agent_l3;
	plan_shape_make(row->shape, &host);
	assert_int_equal(plan_make(&p, &host, &plan, &err), -1);
	assert_int_equal(err.code, ISOLAT_NO_FIT);
	assert_string_equal(err.object, row->object);
	assert_string_equal(err.reason, row->reason);
	assert_string_equal(err.hint, row->hint);
	if (!plan_check_refusal(&p, &host, &err, why, sizeof(why)))
		fail_msg("%s", why);
	plan_shape_free(&host);
}

static void by_hand(void **state)
{
	check(*state, (struct profile_amount){ 0 });
}

static void ways_of_an_agent(void **state)
{
	check(&agent_row, (struct profile_amount){ WAYS(4) });
}

/* One VM more than there are L3s, no two of them alike. */
static void at_the_limit(void **state)
{
	struct row row = { .classes = { { OWN_WAYS(9) } } }, copy;
	struct isolat_error err = { 0 };
	struct profile p;
	struct host host;
	struct plan plan;

	for (unsigned int i = 0; i < 13; i++) {
		row.vms[i] = (struct profile_vm){ VM("", 1 + i % 4, 1 + i) };
		snprintf(row.vms[i].name, sizeof(row.vms[i].name), "vm%u", i);
	}
	make(&row, &p, &copy);
	plan_shape_make(&many, &host);
	assert_int_equal(plan_make(&p, &host, &plan, &err), -1);
	assert_int_equal(err.code, ISOLAT_NO_FIT);
	assert_non_null(strstr(err.reason, "; the search ended at its limit of 50000 steps, so that not everything was "
					   "tried"));
	assert_non_null(strstr(err.reason, "L3 ways are short: 9 are asked for, and 6 of 16 are left in L3 0"));
	assert_non_null(strstr(err.hint, "with 6 ways of L3 in place of 9 it fits"));
	/* Without the hint. */
	assert_int_equal(plan_try(&p, &host, &plan, &err), -1);
	assert_non_null(strstr(err.reason, "at its limit"));
	plan_shape_free(&host);
}

int main(void)
{
	struct CMUnitTest tests[sizeof(rows) / sizeof(rows[0]) + 2] = { 0 };
	unsigned int n = sizeof(rows) / sizeof(rows[0]);

	for (unsigned int i = 0; i < n; i++) {
		tests[i].name = rows[i].name;
		tests[i].test_func = by_hand;
		tests[i].initial_state = (void *)&rows[i];
	}
	tests[n] = (struct CMUnitTest)cmocka_unit_test(at_the_limit);
	tests[n + 1] = (struct CMUnitTest)cmocka_unit_test(ways_of_an_agent);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
