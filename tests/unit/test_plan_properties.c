// SPDX-License-Identifier: BSD-3-Clause
/*
 * The planner against what plan.h promises, on random profiles over a matrix of machines. What it plans must have every
 * property of plan_check.h; what it refuses, on a small machine, must fit in no way (plan_brute.h).
 *
 * The seed is 1 unless PLAN_SEED in the environment has another, or is "random"; PLAN_CASE is for one case of a run.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "plan_brute.h"
#include "plan_check.h"
#include "plan_machines.h"
#include "plan_random.h"

#define CASES 10000

struct run {
	uint64_t seed;
	struct host *hosts;
	unsigned int planned, refused, proved; /* refused, and by brute force there is nothing */
};

/* --- one case --- */

static bool check_twice(const struct profile *p, const struct host *host, const struct plan *plan, char *why,
			size_t size)
{
	struct isolat_error err = { 0 };
	struct plan again;
	bool same;

	if (plan_make(p, host, &again, &err) < 0) {
		snprintf(why, size, "planned again, it is refused: %s", err.reason);
		return false;
	}
	same = plan_check_same(plan, &again, why, size);
	plan_free(&again);
	return same;
}

static bool check_refusal(struct run *run, const struct profile *p, const struct host *host,
			  const struct isolat_error *err, char *why, size_t size)
{
	run->refused++;
	if (!plan_check_refusal(p, host, err, why, size))
		return false;
	switch (plan_brute(p, host)) {
	case PLAN_BRUTE_FITS:
		snprintf(why, size, "refused, though it fits: %s: %s", err->object, err->reason);
		return false;
	case PLAN_BRUTE_NONE:
		run->proved++;
		break;
	case PLAN_BRUTE_TOO_BIG:
		break;
	}
	return true;
}

static bool check_case(struct run *run, const struct profile *p, const struct host *host, char *why, size_t size)
{
	struct isolat_error err = { 0 };
	struct plan plan;
	bool right;

	if (plan_make(p, host, &plan, &err) < 0)
		return check_refusal(run, p, host, &err, why, size);
	run->planned++;
	if (plan.profile == p && plan.host == host) {
		right = plan_check(&plan, why, size) && check_twice(p, host, &plan, why, size);
	} else {
		snprintf(why, size, "the plan is not of this profile and host");
		right = false;
	}
	plan_free(&plan);
	return right;
}

static void do_case(struct run *run, unsigned int i)
{
	unsigned int machine = i % plan_n_machines;
	struct profile p;
	char why[1024];

	plan_random_make(run->seed * 1000003 + i, &run->hosts[machine], &p);
	if (!check_case(run, &p, &run->hosts[machine], why, sizeof(why))) {
		print_message("# PLAN_SEED=%" PRIu64 " PLAN_CASE=%u: %s\n# on: %s\n", run->seed, i, why,
			      plan_machines[machine].name);
		plan_random_describe(stdout, &p);
		plan_random_free(&p);
		fail();
	}
	plan_random_free(&p);
}

/* --- all of them --- */

static void random_profiles(void **state)
{
	const char *seed = getenv("PLAN_SEED"), *only = getenv("PLAN_CASE");
	struct timespec now;
	struct run run = { 0 };

	clock_gettime(CLOCK_REALTIME, &now);
	run.seed = seed ? strtoull(seed, NULL, 0) : 1;
	if (seed && !strcmp(seed, "random"))
		run.seed = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
	print_message("# seed %" PRIu64 "\n", run.seed);
	run.hosts = plan_calloc(plan_n_machines, sizeof(*run.hosts));
	for (unsigned int i = 0; i < plan_n_machines; i++)
		plan_shape_make(&plan_machines[i], &run.hosts[i]);
	for (unsigned int i = only ? strtoul(only, NULL, 0) : 0; i < CASES; i++) {
		do_case(&run, i);
		if (only)
			break;
	}
	print_message("# %u planned, %u refused, of these %u that nothing can plan\n", run.planned, run.refused,
		      run.proved);
	/* Profiles that all fit, or none, would show nothing. */
	assert_true(only || (run.planned > CASES / 5 && run.proved > CASES / 10));
	for (unsigned int i = 0; i < plan_n_machines; i++)
		plan_shape_free(&run.hosts[i]);
	free(run.hosts);
}

/* --- brute force, by hand --- */

#define SMT	"8 cores, SMT, 11 ways, I/O ways on top"
#define PLAIN	"8 cores, no SMT, 12 ways, at least 2"
#define SOCKETS "2 sockets of 4 cores, 20 ways"
#define AMD	"AMD, 4 L3s of 2 cores, sparse ids"
#define OTHERS	"others' groups"
#define CDP	"code and data apart, 2 nodes"
#define ADMIN	"an admin's default group, 2 nodes"
#define SNC	"SNC-2, 8 cores"
#define ATOM	"Atom, L2s of 4 cores, no L3"

#define WAYS(n)			 .unit = PROFILE_WAYS, .value = (n)
#define MEBIBYTES(n)		 .unit = PROFILE_BYTES, .value = (n)*MIB
#define WHOLE			 .dedicated = true, .whole_cores = true
#define OWN(n)			 .dedicated = true, .exclusive = true, .l3 = { WAYS(n) }
#define OWN_MEBIBYTES(n)	 .dedicated = true, .exclusive = true, .l3 = { MEBIBYTES(n) }
#define OWN_APART(code, data)	 WHOLE, .exclusive = true, .l3_code = { WAYS(code) }, .l3_data = { WAYS(data) }
#define OWN_L2(n)		 WHOLE, .exclusive = true, .l2 = { WAYS(n) }
#define VM_IN(of, cpus, gib, at) .name = "vm", .class = (of), .vcpus = (cpus), .memory = (gib)*GIB, .node = (at)
#define VM(of, cpus, gib)	 VM_IN(of, cpus, gib, PROFILE_ANY_NODE)

struct by_hand {
	const char *machine;
	enum plan_brute answer;
	struct profile_class classes[2];
	struct profile_vm vms[PLAN_BRUTE_VMS];
	const char *housekeeping;
};

#define FITS PLAN_BRUTE_FITS
#define NONE PLAN_BRUTE_NONE

static const struct by_hand by_hand[] = {
	/* 7 cores are left to VMs, also with one CPU of the first listed. */
	{ SMT, FITS, .classes = { { WHOLE } }, { { VM(0, 14, 1) } } },
	{ SMT, NONE, .classes = { { WHOLE } }, { { VM(0, 16, 1) } } },
	{ SMT, NONE, .classes = { { WHOLE } }, { { VM(0, 3, 1) } } },
	{ SMT, FITS, .classes = { { .dedicated = true } }, { { VM(0, 3, 1) }, { VM(0, 11, 1) } } },
	{ SMT, FITS, .classes = { { .dedicated = true } }, { { VM(0, 14, 1) } }, "0" },
	{ SMT, NONE, .classes = { { .dedicated = true } }, { { VM(0, 15, 1) } }, "0" },
	{ SMT, NONE, .classes = { { WHOLE } }, { { VM(0, 16, 1) } }, "0" },
	/* 3 loose CPUs are of 2 cores. */
	{ SMT, NONE, .classes = { { WHOLE }, { .dedicated = true } }, { { VM(1, 3, 1) }, { VM(0, 12, 1) } } },
	{ SMT, FITS, .classes = { { WHOLE }, { .dedicated = true } }, { { VM(1, 2, 1) }, { VM(0, 12, 1) } } },
	/* 9 of 11 ways are not I/O's; the default group can do with those. */
	{ SMT, FITS, .classes = { { OWN(9) } }, { { VM(0, 1, 1) } } },
	{ SMT, NONE, .classes = { { OWN(10) } }, { { VM(0, 1, 1) } } },
	{ SMT, FITS, .classes = { { OWN(10), .io_ways = true } }, { { VM(0, 1, 1) } } },
	{ SMT, NONE, .classes = { { OWN(11), .io_ways = true } }, { { VM(0, 1, 1) } } },
	/* 2 nodes, of 3 and 4 cores, 32 GiB each. */
	{ SOCKETS, FITS, .classes = { { WHOLE } }, { { VM(0, 6, 1) }, { VM(0, 6, 1) } } },
	{ SOCKETS, NONE, .classes = { { WHOLE } }, { { VM(0, 8, 1) }, { VM(0, 8, 1) } } },
	{ SOCKETS, FITS, .classes = { { WHOLE } }, { { VM_IN(0, 8, 1, 1) } } },
	{ SOCKETS, NONE, .classes = { { WHOLE } }, { { VM_IN(0, 8, 1, 0) } } },
	{ SOCKETS, NONE, .classes = { { WHOLE } }, { { VM(0, 14, 1) } } },
	{ SOCKETS, FITS, .classes = { { WHOLE } }, { { VM(0, 14, 1), .span_nodes = true } } },
	{ SOCKETS, NONE, .classes = { { WHOLE } }, { { VM(0, 6, 17) }, { VM(0, 6, 17) }, { VM(0, 2, 17) } } },
	{ SOCKETS, FITS, .classes = { { WHOLE } }, { { VM(0, 6, 17) }, { VM(0, 6, 15) }, { VM(0, 2, 17) } } },
	{ SOCKETS,
	  FITS,
	  .classes = { { WHOLE }, { WHOLE, .memory = PROFILE_MEMORY_ANY } },
	  { { VM(1, 6, 40) }, { VM(0, 6, 24) } } },
	{ SOCKETS,
	  NONE,
	  .classes = { { WHOLE }, { WHOLE, .memory = PROFILE_MEMORY_ANY } },
	  { { VM(1, 6, 40) }, { VM(0, 6, 25) } } },
	/* Half of a VM in each of two L3s that are alike. */
	{ AMD, FITS, .classes = { { WHOLE } }, { { VM(0, 8, 1) } } },
	/* SNC: a way of 2 MiB is worth 1 MiB; 10 are not I/O's. */
	{ SNC, FITS, .classes = { { OWN_MEBIBYTES(10) } }, { { VM(0, 2, 1) } } },
	{ SNC, NONE, .classes = { { OWN_MEBIBYTES(11) } }, { { VM(0, 2, 1) } } },
	/* Others have 3-5 and 11-12, I/O 18-19: 0-2, 6-10 and 13-17 are free. The row that fits is 3, 3, 5. */
	{ OTHERS, FITS, .classes = { { OWN(3) }, { OWN(5) } }, { { VM(1, 1, 1) }, { VM(0, 1, 1) }, { VM(0, 1, 1) } } },
	{ OTHERS,
	  NONE,
	  .classes = { { OWN(3) }, { OWN(5) } },
	  { { VM(1, 1, 1) }, { VM(0, 1, 1) }, { VM(0, 1, 1) }, { VM(0, 1, 1) } } },
	/* The default group has 0-3, I/O 9-10: 4-8 are nobody's, and one way of the default group's can be enough. */
	{ ADMIN, FITS, .classes = { { OWN(5) } }, { { VM(0, 1, 1) } } },
	{ ADMIN, FITS, .classes = { { OWN(8) } }, { { VM(0, 1, 1) } } },
	{ ADMIN, NONE, .classes = { { OWN(9) } }, { { VM(0, 1, 1) } } },
	{ ADMIN, FITS, .classes = { { OWN(8) } }, { { VM_IN(0, 1, 1, 0) }, { VM_IN(0, 1, 1, 1) } } },
	/* 18 ways are not I/O's. */
	{ CDP, FITS, .classes = { { OWN_APART(9, 9) } }, { { VM(0, 2, 1) } } },
	{ CDP, NONE, .classes = { { OWN_APART(9, 10) } }, { { VM(0, 2, 1) } } },
	/* 3 and 4 cores, with an L2 of 16 ways each. */
	{ ATOM, FITS, .classes = { { OWN_L2(15) } }, { { VM(0, 3, 1) }, { VM(0, 4, 1) } } },
	{ ATOM, NONE, .classes = { { OWN_L2(15) } }, { { VM(0, 4, 1) }, { VM(0, 2, 1) }, { VM(0, 1, 1) } } },
	/* A pool has as many CPUs as the largest of its VMs has vCPUs. An agent has a core. */
	{ PLAIN,
	  FITS,
	  .classes = { { WHOLE }, { .dedicated = false } },
	  { { VM(0, 4, 1) }, { VM(1, 3, 1) }, { VM(1, 3, 1) } } },
	{ PLAIN, NONE, .classes = { { WHOLE }, { .dedicated = false } }, { { VM(0, 4, 1) }, { VM(1, 4, 1) } } },
	{ PLAIN, FITS, .classes = { { WHOLE } }, { { VM(0, 6, 1), .exitless_timer = true } } },
	{ PLAIN, NONE, .classes = { { WHOLE } }, { { VM(0, 7, 1), .exitless_timer = true } } },
	{ "4 CLOSIDs, 2 sockets",
	  FITS,
	  .classes = { { OWN(2) } },
	  { { VM(0, 1, 1) }, { VM(0, 1, 1) }, { VM(0, 1, 1) } } },
	{ "4 CLOSIDs, 2 sockets",
	  NONE,
	  .classes = { { OWN(2) } },
	  { { VM(0, 1, 1) }, { VM(0, 1, 1) }, { VM(0, 1, 1) }, { VM(0, 1, 1) } } },
};

static const struct plan_shape *machine_called(const char *name)
{
	for (unsigned int i = 0; i < plan_n_machines; i++)
		if (!strcmp(plan_machines[i].name, name))
			return &plan_machines[i];
	fail_msg("no machine is called \"%s\"", name);
	return NULL;
}

static void brute_force_by_hand(void **state)
{
	for (unsigned int i = 0; i < sizeof(by_hand) / sizeof(by_hand[0]); i++) {
		struct by_hand h = by_hand[i];
		struct profile p = { .classes = h.classes, .n_classes = 2, .vms = h.vms, .housekeeping_cores = 1 };
		struct host host;
		enum plan_brute answer;

		p.housekeeping_cpus = (char *)h.housekeeping;
		while (p.n_vms < PLAN_BRUTE_VMS && h.vms[p.n_vms].name[0])
			p.n_vms++;
		plan_shape_make(machine_called(h.machine), &host);
		answer = plan_brute(&p, &host);
		plan_shape_free(&host);
		if (answer != h.answer)
			fail_msg("row %u, on %s: %d, should be %d", i, h.machine, answer, h.answer);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(brute_force_by_hand),
		cmocka_unit_test(random_profiles),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
