// SPDX-License-Identifier: BSD-3-Clause
/* The planner by hand: machines so small, and profiles so plain, that there is one answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "plan_check.h"
#include "plan_machines.h"

#define FILE_NAME "profile.yaml"
#define ANY	  PROFILE_ANY_NODE

/* A row is one test. Its plan, as write_plan() puts it; or how it is refused, and on which object (NULL: any). */
struct row {
	const char *name;
	const struct plan_shape *shape;
	struct profile profile;
	struct profile_class classes[2];
	struct profile_vm vms[5];
	const char *plan;
	const char *note; /* one of the notes has this in it */
	enum isolat_code refused;
	const char *object;
};

/* --- machines --- */

#define CACHE(n_ways, least, io) .closids = 16, .l3_ways = (n_ways), .l3_min = (least), .l3_io = (io)
#define MB_PERCENT		 .mb_unit = RDT_MB_PERCENT, .mb_gran = 10, .mb_min = 10

static const struct plan_shape smt = {
	.name = "8 cores, SMT",
	.cores_per_package = 8,
	.smt = 2,
	.l3_bytes = 33 * MIB / 2,
	.node_bytes = 64 * GIB,
	CACHE(11, 1, 0x600),
	MB_PERCENT,
};
static const struct plan_shape plain = {
	.name = "8 cores",
	.cores_per_package = 8,
	.l3_bytes = 18 * MIB,
	.node_bytes = 32 * GIB,
	CACHE(12, 2, 0xc00),
};
static const struct plan_shape offline = {
	.name = "CPU 9 offline",
	.cores_per_package = 8,
	.smt = 2,
	.offline = 1 << 9,
	.l3_bytes = 16 * MIB,
	.node_bytes = 64 * GIB,
	CACHE(16, 1, 0),
};
static const struct plan_shape no_rdt = {
	.name = "no RDT",
	.cores_per_package = 8,
	.smt = 2,
	.l3_bytes = 16 * MIB,
	.node_bytes = 64 * GIB,
};
static const struct plan_shape sockets = {
	.name = "2 sockets",
	.packages = 2,
	.cores_per_package = 4,
	.smt = 2,
	.l3_bytes = 16 * MIB,
	.node_bytes = 32 * GIB,
	CACHE(16, 1, 0),
};
static const struct plan_shape memory_only = {
	.name = "2 sockets, and a node of memory",
	.packages = 2,
	.cores_per_package = 4,
	.memory_nodes = 1,
	.l3_bytes = 16 * MIB,
	.node_bytes = 8 * GIB,
};
static const struct plan_shape snc = {
	.name = "SNC-2",
	.cores_per_package = 8,
	.nodes_per_package = 2,
	.smt = 2,
	.l3_bytes = 24 * MIB,
	.node_bytes = 16 * GIB,
	CACHE(12, 1, 0xc00),
};
static const struct plan_shape amd = {
	.name = "4 L3s, ids 0, 1, 16, 17",
	.packages = 2,
	.cores_per_package = 4,
	.smt = 2,
	.l3_per_package = 2,
	.adjacent = true,
	.l3_ids_apart = 16,
	.l3_bytes = 16 * MIB,
	.node_bytes = 32 * GIB,
	CACHE(16, 1, 0),
};
static const struct plan_shape four_l3s = {
	.name = "4 L3s of 2 cores",
	.cores_per_package = 8,
	.l3_per_package = 4,
	.l3_bytes = 16 * MIB,
	.node_bytes = 32 * GIB,
	CACHE(16, 1, 0),
};
static const struct plan_shape l3s_of_3 = {
	.name = "4 L3s of 3 cores",
	.cores_per_package = 12,
	.l3_per_package = 4,
	.l3_bytes = 16 * MIB,
	.node_bytes = 32 * GIB,
	CACHE(16, 1, 0),
};
static const struct plan_shape l2s_of_3 = {
	.name = "4 L2s of 3 cores",
	.cores_per_package = 12,
	.cores_per_l2 = 3,
	.node_bytes = 32 * GIB,
	.closids = 16,
	.l2_ways = 16,
	.l2_min = 1,
};
static const struct plan_shape atom = {
	.name = "L2s of 4 cores",
	.cores_per_package = 8,
	.cores_per_l2 = 4,
	.node_bytes = 16 * GIB,
	.closids = 4,
	.l2_ways = 16,
	.l2_min = 1,
};
static const struct plan_shape mixed_l2 = {
	.name = "L2s of 4 cores, CPU 9 offline",
	.cores_per_package = 8,
	.smt = 2,
	.cores_per_l2 = 4,
	.offline = 1 << 9,
	.l3_bytes = 16 * MIB,
	.node_bytes = 16 * GIB,
	.closids = 4,
	.l2_ways = 16,
	.l2_min = 1,
};
static const struct plan_shape hybrid = {
	.name = "cores 6 and 7 without an L3",
	.cores_per_package = 8,
	.without_l3 = 0xc0,
	.l3_bytes = 12 * MIB,
	.node_bytes = 32 * GIB,
	CACHE(12, 1, 0),
	MB_PERCENT,
};
static const struct plan_shape few_closids = {
	.name = "4 CLOSIDs",
	.cores_per_package = 8,
	.l3_bytes = 20 * MIB,
	.node_bytes = 32 * GIB,
	.closids = 4,
	.l3_ways = 20,
	.l3_min = 1,
};
static const struct plan_shape admins = {
	.name = "an admin's default group",
	.packages = 2,
	.cores_per_package = 4,
	.l3_bytes = 22 * MIB,
	.node_bytes = 32 * GIB,
	CACHE(11, 1, 0x600),
	.default_l3 = 0xf,
};
static const struct plan_shape on_top = {
	.name = "an admin's default group, of the highest ways",
	.cores_per_package = 8,
	.l3_bytes = 22 * MIB,
	.node_bytes = 32 * GIB,
	CACHE(11, 1, 0),
	.default_l3 = 0x780,
};
static const struct plan_shape libvirts = {
	.name = "a group of libvirt's",
	.cores_per_package = 8,
	.l3_bytes = 20 * MIB,
	.node_bytes = 32 * GIB,
	CACHE(20, 1, 0),
	.groups = { { "qemu-1-db", false, 0x0f, 0 } },
};
static const struct plan_shape as_made = {
	.name = "another's group with all ways, as mkdir makes it",
	.cores_per_package = 8,
	.l3_bytes = 20 * MIB,
	.node_bytes = 32 * GIB,
	CACHE(20, 1, 0),
	.groups = { { "pqos", false, 0xfffff, 0 } },
	.default_l3 = 0xfffff,
};
static const struct plan_shape isolats = {
	.name = "a group of isolat's",
	.cores_per_package = 8,
	.l3_bytes = 20 * MIB,
	.node_bytes = 32 * GIB,
	CACHE(20, 1, 0),
	.groups = { { "isolat-old", false, 0xff, 0 } },
};
static const struct plan_shape mbps = {
	.name = "mba_MBps",
	.cores_per_package = 8,
	.l3_bytes = 12 * MIB,
	.node_bytes = 32 * GIB,
	CACHE(12, 1, 0),
	.mb_unit = RDT_MB_MBPS,
	.mb_gran = 10,
	.mb_min = 10,
};

/* --- profiles --- */

#define WAYS(n)	     .unit = PROFILE_WAYS, .value = (n)
#define MEBIBYTES(n) .unit = PROFILE_BYTES, .value = (n)*MIB
#define PERCENT(n)   .unit = PROFILE_PERCENT, .value = (n)*1000
#define MB_S(n)	     .unit = PROFILE_MBPS, .value = (n)
#define CORES	     .dedicated = true, .whole_cores = true
#define OWN_WAYS(n)  CORES, .exclusive = true, .l3 = { WAYS(n) }

#define VM_IN(which, n, gib, at) .name = which, .vcpus = (n), .memory = (gib)*GIB, .node = (at)
#define VM(which, n, gib)	 VM_IN(which, n, gib, ANY)

static const struct row rows[] = {
	/* cores */
	{ "a pool is what housekeeping leaves", &smt, .vms = { { VM("a", 2, 4) } },
	  .plan = "housekeeping 0,8; a 1,2,3,4,5,6,7,9,10,11,12,13,14,15 0=4G; default l3 0=7ff" },
	{ "whole cores, and the pool behind them", &smt, .classes = { { CORES }, { .dedicated = false } },
	  .vms = { { VM("a", 12, 4) }, { VM("b", 2, 2), .class = 1 } },
	  .plan = "housekeeping 0,8; a 1,2,3,4,5,6,9,10,11,12,13,14 0=4G; b 7,15 0=2G; default l3 0=7ff" },
	{ "cores without siblings", &plain, .classes = { { CORES } }, .vms = { { VM("a", 3, 4) }, { VM("b", 4, 4) } },
	  .plan = "housekeeping 0; a 1,2,3 0=4G; b 4,5,6,7 0=4G; default l3 0=fff" },
	{ "a core whose sibling is offline", &offline, .classes = { { CORES } }, .vms = { { VM("a", 1, 1) } },
	  .plan = "housekeeping 0,8; a 1 0=1G; default l3 0=ffff" },
	{ "2 housekeeping cores", &smt, .profile = { .housekeeping_cores = 2 }, .classes = { { CORES } },
	  .vms = { { VM("a", 2, 1) } }, .plan = "housekeeping 0,1,8,9; a 2,10 0=1G; default l3 0=7ff" },
	{ "housekeeping as listed", &smt, .profile = { .housekeeping_cpus = (char *)"2,10" }, .classes = { { CORES } },
	  .vms = { { VM("a", 2, 1) } }, .plan = "housekeeping 2,10; a 0,8 0=1G; default l3 0=7ff" },
	{ "3 vCPUs on pairs of siblings", &smt, .classes = { { CORES } },
	  .vms = { { VM("a", 2, 1) }, { VM("b", 3, 1) } }, .refused = ISOLAT_USAGE, .object = FILE_NAME ":21" },
	{ "too many VMs", &smt, .classes = { { CORES } }, .vms = { { VM("a", 8, 1) }, { VM("b", 8, 1) } },
	  .refused = ISOLAT_NO_FIT },
	{ "all cores taken, and a VM for the pool", &smt, .classes = { { CORES }, { .dedicated = false } },
	  .vms = { { VM("a", 14, 1) }, { VM("b", 1, 1), .class = 1 } }, .refused = ISOLAT_NO_FIT },
	{ "the agent's core as listed", &plain, .profile = { .agent_cpus = (char *)"1" }, .classes = { { CORES } },
	  .vms = { { VM("a", 2, 1), .exitless_timer = true } },
	  .plan = "housekeeping 0; agent 1; a 2,3 0=1G agent 0; default l3 0=fff" },
	{ "the agent's L3 as listed is not like another", &four_l3s,
	  .profile = { .agent_cpus = (char *)"7", .agent_l3 = { WAYS(4) } },
	  .classes = { { .dedicated = true }, { .exclusive = true, .l3 = { WAYS(13) } } },
	  .vms = { { VM("a", 1, 1) }, { VM("b", 2, 1), .class = 1, .exitless_timer = true } },
	  .plan = "housekeeping 0; agent 7; a 6 0=1G; b 1,2,3,4,5 0=1G agent 0; b's l3 0=1fff 1=1fff 2=1fff; "
		  "the agent's; default l3 0=e000 1=e000 2=e000 3=fff0" },
	{ "two cores listed for the agent of a node", &plain, .profile = { .agent_cpus = (char *)"1,2" },
	  .classes = { { CORES } }, .vms = { { VM("a", 1, 1) } }, .refused = ISOLAT_USAGE, .object = FILE_NAME },
	{ "no core left for the agent", &plain, .classes = { { CORES } },
	  .vms = { { VM("a", 7, 1), .exitless_timer = true } }, .refused = ISOLAT_NO_FIT },

	/* nodes and memory */
	{ "a node wished for", &sockets, .classes = { { CORES } }, .vms = { { VM_IN("a", 2, 4, 1) } },
	  .plan = "housekeeping 0,8; a 4,12 1=4G; default l3 0=ffff 1=ffff" },
	{ "a wish for a node that is not there", &sockets, .classes = { { CORES } }, .vms = { { VM_IN("a", 2, 4, 7) } },
	  .refused = ISOLAT_USAGE, .object = FILE_NAME ":20" },
	{ "to the other node for its memory", &sockets, .classes = { { CORES } },
	  .vms = { { VM("a", 2, 20) }, { VM("b", 2, 20) } },
	  .plan = "housekeeping 0,8; a 1,9 0=20G; b 4,12 1=20G; default l3 0=ffff 1=ffff" },
	{ "more memory than a node has", &sockets, .classes = { { CORES } }, .vms = { { VM("a", 2, 40) } },
	  .refused = ISOLAT_NO_FIT },
	{ "over both nodes", &sockets, .classes = { { CORES } }, .vms = { { VM("a", 14, 64), .span_nodes = true } },
	  .plan = "housekeeping 0,8; a 1,2,3,4,5,6,7,9,10,11,12,13,14,15 0=32G 1=32G; default l3 0=ffff 1=ffff" },
	{ "over both nodes, which it may not", &sockets, .classes = { { CORES } }, .vms = { { VM("a", 14, 4) } },
	  .refused = ISOLAT_NO_FIT },
	{ "memory from anywhere", &sockets, .classes = { { CORES, .memory = PROFILE_MEMORY_ANY } },
	  .vms = { { VM("a", 2, 64) } }, .plan = "housekeeping 0,8; a 1,9 0=32G 1=32G; default l3 0=ffff 1=ffff" },
	{ "memory of a node without cores", &memory_only, .classes = { { CORES, .memory = PROFILE_MEMORY_ANY } },
	  .vms = { { VM("a", 2, 24) } }, .plan = "housekeeping 0; a 1,2 0=8G 1=8G 2=8G" },

	/* ways */
	{ "8 MiB of its own", &smt, .classes = { { CORES, .exclusive = true, .l3 = { MEBIBYTES(8) } } },
	  .vms = { { VM("a", 4, 4) } }, .plan = "housekeeping 0,8; a 1,2,9,10 0=4G; a's l3 0=03f; default l3 0=7c0",
	  .note = "8 MiB asked, 9 MiB given: 6 ways of 1.5 MiB" },
	{ "30 % of 11 ways are 4", &smt, .classes = { { CORES, .exclusive = true, .l3 = { PERCENT(30) } } },
	  .vms = { { VM("a", 2, 1) } }, .plan = "housekeeping 0,8; a 1,9 0=1G; a's l3 0=00f; default l3 0=7f0" },
	{ "two VMs in the profile's order", &smt, .classes = { { OWN_WAYS(2) }, { OWN_WAYS(3) } },
	  .vms = { { VM("a", 2, 1), .class = 1 }, { VM("b", 2, 1) } },
	  .plan = "housekeeping 0,8; a 1,9 0=1G; b 2,10 0=1G; a's l3 0=007; b's l3 0=018; default l3 0=7e0" },
	{ "all but the I/O ways", &smt, .classes = { { OWN_WAYS(9) } }, .vms = { { VM("a", 2, 1) } },
	  .plan = "housekeeping 0,8; a 1,9 0=1G; a's l3 0=1ff; default l3 0=600" },
	{ "one way more than that", &smt, .classes = { { OWN_WAYS(10) } }, .vms = { { VM("a", 2, 1) } },
	  .refused = ISOLAT_NO_FIT },
	{ "I/O ways where the class allows it", &smt, .classes = { { OWN_WAYS(10), .io_ways = true } },
	  .vms = { { VM("a", 2, 1) } }, .plan = "housekeeping 0,8; a 1,9 0=1G; a's l3 0=3ff; default l3 0=400" },
	{ "the default group keeps one way", &smt, .classes = { { OWN_WAYS(11), .io_ways = true } },
	  .vms = { { VM("a", 2, 1) } }, .refused = ISOLAT_NO_FIT },
	{ "more ways than are left", &smt, .classes = { { OWN_WAYS(6) } },
	  .vms = { { VM("a", 2, 1) }, { VM("b", 2, 1) } }, .refused = ISOLAT_NO_FIT },
	{ "no mask below 2 ways", &plain, .classes = { { OWN_WAYS(1) } }, .vms = { { VM("a", 2, 1) } },
	  .plan = "housekeeping 0; a 1,2 0=1G; a's l3 0=003; default l3 0=ffc" },
	{ "under SNC a way is worth half", &snc, .classes = { { CORES, .exclusive = true, .l3 = { MEBIBYTES(2) } } },
	  .vms = { { VM_IN("a", 2, 4, 1) } }, .plan = "housekeeping 0,8; a 4,12 1=4G; a's l3 0=003; default l3 0=ffc" },
	{ "in as few L3 domains as can be", &amd, .classes = { { OWN_WAYS(4) } }, .vms = { { VM("a", 4, 4) } },
	  .plan = "housekeeping 0,1; a 4,5,6,7 0=4G; a's l3 1=000f; default l3 0=ffff 1=fff0 16=ffff 17=ffff" },
	{ "a domain's id is not its index", &amd, .classes = { { OWN_WAYS(4) } }, .vms = { { VM_IN("a", 4, 4, 1) } },
	  .plan = "housekeeping 0,1; a 8,9,10,11 1=4G; a's l3 16=000f; default l3 0=ffff 1=ffff 16=fff0 17=ffff" },
	{ "ways of an L2", &atom, .classes = { { CORES, .exclusive = true, .l2 = { WAYS(4) } } },
	  .vms = { { VM("a", 2, 1) } }, .plan = "housekeeping 0; a 1,2 0=1G; a's l2 0=000f; default l2 0=fff0 1=ffff" },
	{ "to another L2 for its ways", &atom, .classes = { { CORES, .exclusive = true, .l2 = { WAYS(9) } } },
	  .vms = { { VM("a", 2, 1) }, { VM("b", 1, 1) } },
	  .plan = "housekeeping 0; a 1,2 0=1G; b 4 0=1G; a's l2 0=01ff; b's l2 1=01ff; default l2 0=fe00 1=fe00" },
	{ "in one L2, though it is not the first", &atom,
	  .classes = { { CORES, .exclusive = true, .l2 = { WAYS(4) } } }, .vms = { { VM("a", 4, 1) } },
	  .plan = "housekeeping 0; a 4,5,6,7 0=1G; a's l2 1=000f; default l2 0=ffff 1=fff0" },
	{ "a shared class's ways of an L2 beside a VM's own", &atom,
	  .classes = { { CORES, .exclusive = true, .l2 = { WAYS(10) } }, { CORES, .l2 = { WAYS(7) } } },
	  .vms = { { VM("a", 2, 1) }, { VM("b", 1, 1), .class = 1 } },
	  .plan = "housekeeping 0; a 1,2 0=1G; b 4 0=1G; a's l2 0=03ff; class 1's l2 1=007f; "
		  "default l2 0=fc00 1=ffff" },
	{ "in the L2 that it fills", &atom, .profile = { .housekeeping_cpus = (char *)"4,5" },
	  .classes = { { CORES, .exclusive = true, .l2 = { WAYS(4) } } }, .vms = { { VM("a", 2, 1) } },
	  .plan = "housekeeping 4,5; a 6,7 0=1G; a's l2 1=000f; default l2 0=ffff 1=fff0" },
	{ "two cores of each of three L3s, for others' sake", &l3s_of_3,
	  .profile = { .housekeeping_cpus = (char *)"0-2" }, .classes = { { CORES }, { OWN_WAYS(9) } },
	  .vms = { { VM("a", 6, 1) },
		   { VM("b", 1, 1), .class = 1 },
		   { VM("c", 1, 1), .class = 1 },
		   { VM("d", 1, 1), .class = 1 } },
	  .plan = "housekeeping 0,1,2; a 3,4,6,7,9,10 0=1G; b 5 0=1G; c 8 0=1G; d 11 0=1G; b's l3 1=01ff; "
		  "c's l3 2=01ff; d's l3 3=01ff; default l3 0=ffff 1=fe00 2=fe00 3=fe00" },
	{ "two cores of each of three L2s, for others' sake", &l2s_of_3,
	  .profile = { .housekeeping_cpus = (char *)"0-2" },
	  .classes = { { CORES }, { CORES, .exclusive = true, .l2 = { WAYS(9) } } },
	  .vms = { { VM("a", 6, 1) },
		   { VM("b", 1, 1), .class = 1 },
		   { VM("c", 1, 1), .class = 1 },
		   { VM("d", 1, 1), .class = 1 } },
	  .plan = "housekeeping 0,1,2; a 3,4,6,7,9,10 0=1G; b 5 0=1G; c 8 0=1G; d 11 0=1G; b's l2 1=01ff; "
		  "c's l2 2=01ff; d's l2 3=01ff; default l2 0=ffff 1=fe00 2=fe00 3=fe00" },
	{ "an L2 of cores of two sizes is one", &mixed_l2,
	  .classes = { { CORES, .exclusive = true, .l2 = { WAYS(9) } }, { CORES } },
	  .vms = { { VM("a", 5, 1) }, { VM("b", 8, 1), .class = 1 } },
	  .plan = "housekeeping 0,8; a 1,2,3,10,11 0=1G; b 4,5,6,7,12,13,14,15 0=1G; a's l2 0=01ff; "
		  "default l2 0=fe00 1=ffff" },
	{ "three times more than half of two L2s", &atom,
	  .classes = { { CORES, .exclusive = true, .l2 = { WAYS(9) } } },
	  .vms = { { VM("a", 2, 1) }, { VM("b", 1, 1) }, { VM("c", 1, 1) } }, .refused = ISOLAT_NO_FIT },
	{ "a pool in both L2s", &atom,
	  .classes = { { CORES, .exclusive = true, .l2 = { WAYS(10) } }, { .l2 = { WAYS(7) } } },
	  .vms = { { VM("a", 2, 1) }, { VM("b", 1, 1), .class = 1 } }, .refused = ISOLAT_NO_FIT },
	{ "no CAT", &no_rdt, .classes = { { OWN_WAYS(2) } }, .vms = { { VM("a", 2, 1) } },
	  .refused = ISOLAT_UNSUPPORTED },
	{ "code and data apart, without CDP", &smt,
	  .classes = { { CORES, .exclusive = true, .l3_code = { WAYS(1) }, .l3_data = { WAYS(2) } } },
	  .vms = { { VM("a", 2, 1) } }, .refused = ISOLAT_UNSUPPORTED },

	/* cores without an L3 */
	{ "cores without an L3, for who asks for none", &hybrid, .classes = { { OWN_WAYS(4) }, { CORES } },
	  .vms = { { VM("a", 5, 1) }, { VM("b", 2, 1), .class = 1 } },
	  .plan = "housekeeping 0; a 1,2,3,4,5 0=1G; b 6,7 0=1G; a's l3 0=00f; default l3 0=ff0" },
	{ "no ways without an L3", &hybrid, .classes = { { OWN_WAYS(4) } }, .vms = { { VM("a", 6, 1) } },
	  .refused = ISOLAT_NO_FIT },
	{ "no bandwidth without an L3", &hybrid, .classes = { { CORES, .bandwidth = { PERCENT(50) } } },
	  .vms = { { VM("a", 6, 1) } }, .refused = ISOLAT_NO_FIT },
	{ "a pool without them, and one with them", &hybrid,
	  .classes = { { .l3 = { WAYS(3) } }, { .dedicated = false } },
	  .vms = { { VM("a", 5, 1) }, { VM("b", 7, 1), .class = 1 } },
	  .plan = "housekeeping 0; a 1,2,3,4,5 0=1G; b 1,2,3,4,5,6,7 0=1G; class 0's l3 0=007; default l3 0=fff" },
	{ "a pool that is too small without them", &hybrid, .classes = { { .l3 = { WAYS(3) } } },
	  .vms = { { VM("a", 6, 1) } }, .refused = ISOLAT_NO_FIT },

	/* groups */
	{ "a shared class has one group", &smt, .classes = { { CORES, .l3 = { WAYS(11) } } },
	  .vms = { { VM("a", 2, 1) }, { VM("b", 2, 1) } },
	  .plan = "housekeeping 0,8; a 1,9 0=1G; b 2,10 0=1G; class 0's l3 0=7ff; default l3 0=7ff" },
	{ "ways of others' groups are theirs", &libvirts, .classes = { { OWN_WAYS(3) } }, .vms = { { VM("a", 1, 1) } },
	  .plan = "housekeeping 0; a 1 0=1G; a's l3 0=00070; default l3 0=fff80" },
	{ "another's group that has all ways keeps nobody out who asks for none", &as_made, .classes = { { CORES } },
	  .vms = { { VM("a", 1, 1) } }, .plan = "housekeeping 0; a 1 0=1G; default l3 0=fffff" },
	{ "nor who shares", &as_made, .classes = { { CORES, .l3 = { WAYS(5) } } }, .vms = { { VM("a", 1, 1) } },
	  .plan = "housekeeping 0; a 1 0=1G; class 0's l3 0=0001f; default l3 0=fffff" },
	{ "isolat's own groups are not others'", &isolats, .classes = { { OWN_WAYS(3) } }, .vms = { { VM("a", 1, 1) } },
	  .plan = "housekeeping 0; a 1 0=1G; a's l3 0=00007; default l3 0=ffff8" },
	{ "ways that the default group has not, first", &admins, .classes = { { OWN_WAYS(2) } },
	  .vms = { { VM("a", 1, 1) } }, .plan = "housekeeping 0; a 1 0=1G; a's l3 0=030; default l3 0=00f 1=00f" },
	{ "the default group is cut, not moved", &admins, .classes = { { OWN_WAYS(8) } }, .vms = { { VM("a", 1, 1) } },
	  .plan = "housekeeping 0; a 1 0=1G; a's l3 0=1fe; default l3 0=001 1=00f" },
	{ "and keeps a way", &admins, .classes = { { OWN_WAYS(9) } }, .vms = { { VM("a", 1, 1) } },
	  .refused = ISOLAT_NO_FIT },
	{ "a shared class's ways, beyond the default group's", &admins, .classes = { { CORES, .l3 = { WAYS(6) } } },
	  .vms = { { VM("a", 1, 1) } },
	  .plan = "housekeeping 0; a 1 0=1G; class 0's l3 0=03f; default l3 0=00f 1=00f" },
	{ "among the default group's, and below", &on_top,
	  .classes = { { CORES, .l3 = { WAYS(3) } }, { CORES, .l3 = { WAYS(6) } } },
	  .vms = { { VM("a", 1, 1) }, { VM("b", 1, 1), .class = 1 } },
	  .plan = "housekeeping 0; a 1 0=1G; b 2 0=1G; class 0's l3 0=380; class 1's l3 0=03f; default l3 0=780" },
	{ "3 groups of 4 CLOSIDs", &few_closids, .classes = { { OWN_WAYS(1) } },
	  .vms = { { VM("a", 1, 1) }, { VM("b", 1, 1) }, { VM("c", 1, 1) } },
	  .plan = "housekeeping 0; a 1 0=1G; b 2 0=1G; c 3 0=1G; a's l3 0=00001; b's l3 0=00002; c's l3 0=00004; "
		  "default l3 0=ffff8" },
	{ "4 groups of 4 CLOSIDs", &few_closids, .classes = { { OWN_WAYS(1) } },
	  .vms = { { VM("a", 1, 1) }, { VM("b", 1, 1) }, { VM("c", 1, 1) }, { VM("d", 1, 1) } },
	  .refused = ISOLAT_NO_FIT },
	{ "3 groups of 4 CLOSIDs, one to be left free", &few_closids, .profile = { .free_closids = 1 },
	  .classes = { { OWN_WAYS(1) } }, .vms = { { VM("a", 1, 1) }, { VM("b", 1, 1) }, { VM("c", 1, 1) } },
	  .refused = ISOLAT_NO_FIT },

	/* bandwidth */
	{ "65 % in steps of 10", &smt, .classes = { { CORES, .bandwidth = { PERCENT(65) } } },
	  .vms = { { VM("a", 2, 1) } }, .plan = "housekeeping 0,8; a 1,9 0=1G; class 0's mb 0=70; default l3 0=7ff",
	  .note = "65" },
	{ "1 % where 10 % is the least", &smt, .classes = { { CORES, .bandwidth = { PERCENT(1) } } },
	  .vms = { { VM("a", 2, 1) } }, .plan = "housekeeping 0,8; a 1,9 0=1G; class 0's mb 0=10; default l3 0=7ff" },
	{ "MB/s, of a VM's own", &mbps, .classes = { { OWN_WAYS(2), .bandwidth = { MB_S(2000) } } },
	  .vms = { { VM("a", 1, 1) } }, .plan = "housekeeping 0; a 1 0=1G; a's l3 0=003 mb 0=2000; default l3 0=ffc" },
	{ "bandwidth, without MBA", &plain, .classes = { { CORES, .bandwidth = { PERCENT(50) } } },
	  .vms = { { VM("a", 1, 1) } }, .refused = ISOLAT_UNSUPPORTED },
};

/* --- a plan in one line --- */

/* In ascending order, whatever theirs is. */
static void write_cpus(FILE *out, const char *who, const struct plan_cpus *cpus, const struct topology *t)
{
	const char *comma = "";

	fprintf(out, "%s ", who);
	for (unsigned int cpu = 0; cpu < t->n_cpus; cpu++)
		for (unsigned int i = 0; i < cpus->n; i++)
			if (cpus->cpu[i] == cpu) {
				fprintf(out, "%s%u", comma, t->cpus[cpu].os);
				comma = ",";
			}
}

static void write_masks(FILE *out, const char *resource, const uint64_t *masks, const struct topology_cache *cache,
			unsigned int n, unsigned int ways)
{
	fprintf(out, " %s", resource);
	for (unsigned int i = 0; i < n; i++)
		if (masks[i])
			fprintf(out, ways ? " %u=%0*" PRIx64 : " %u=%0*" PRIu64, cache[i].id, (int)(ways + 3) / 4,
				masks[i]);
}

/* Only what its class asks for: the rest is the planner's to choose. */
static void write_group(FILE *out, const struct plan *plan, const struct plan_group *g)
{
	const struct topology *t = &plan->host->topology;
	const struct rdt_caps *caps = &plan->host->caps;
	const struct profile_class *c = &plan->profile->classes[g->class == PLAN_NONE ? 0 : g->class];

	if (g->class == PLAN_NONE)
		fprintf(out, "; the agent's");
	else if (g->vm == PLAN_NONE)
		fprintf(out, "; class %u's", g->class);
	else
		fprintf(out, "; %s's", plan->profile->vms[g->vm].name);
	if (c->l3.unit)
		write_masks(out, "l3", g->l3, t->l3, t->n_l3, caps->l3.ways);
	if (c->l2.unit)
		write_masks(out, "l2", g->l2, t->l2, t->n_l2, caps->l2.ways);
	if (c->bandwidth.unit)
		write_masks(out, "mb", g->mb, t->l3, t->n_l3, 0);
}

static void write_vm(FILE *out, const struct plan *plan, const struct plan_vm *vm)
{
	const struct topology *t = &plan->host->topology;

	fprintf(out, "; ");
	write_cpus(out, plan->profile->vms[vm->vm].name, &vm->cpus, t);
	for (unsigned int node = 0; node < t->n_nodes; node++)
		for (unsigned int i = 0; i < vm->n_memory; i++)
			if (vm->memory[i].node == node)
				fprintf(out, " %u=%" PRIu64 "G", t->nodes[node].os, vm->memory[i].bytes / GIB);
	if (vm->agent != PLAN_NONE)
		fprintf(out, " agent %u", vm->agent);
}

static char *write_plan(const struct plan *plan)
{
	const struct topology *t = &plan->host->topology;
	const struct rdt_caps *caps = &plan->host->caps;
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	write_cpus(out, "housekeeping", &plan->housekeeping, t);
	for (unsigned int i = 0; i < plan->n_agents; i++)
		write_cpus(out, "; agent", &plan->agents[i].cpus, t);
	for (unsigned int i = 0; i < plan->n_vms; i++)
		write_vm(out, plan, &plan->vms[i]);
	for (unsigned int i = 0; i < plan->n_groups; i++)
		write_group(out, plan, &plan->groups[i]);
	if (caps->l3.present || caps->l2.present)
		fprintf(out, "; default");
	if (caps->l3.present)
		write_masks(out, "l3", plan->default_l3, t->l3, t->n_l3, caps->l3.ways);
	if (caps->l2.present)
		write_masks(out, "l2", plan->default_l2, t->l2, t->n_l2, caps->l2.ways);
	fclose(out);
	return text;
}

/* --- a row --- */

/* Class i stands on line 10 + i of the profile, VM i on line 20 + i. */
struct table {
	struct profile profile;
	struct profile_class classes[2];
	struct profile_vm vms[5];
	struct host host;
};

static void make_table(const struct row *row, struct table *t)
{
	static const char *const names[] = { "first", "second" };

	memcpy(t->classes, row->classes, sizeof(t->classes));
	memcpy(t->vms, row->vms, sizeof(t->vms));
	t->profile = row->profile;
	t->profile.file = (char *)FILE_NAME;
	t->profile.classes = t->classes;
	t->profile.n_classes = 2;
	t->profile.vms = t->vms;
	if (!t->profile.housekeeping_cores)
		t->profile.housekeeping_cores = 1;
	for (unsigned int i = 0; i < 2; i++) {
		snprintf(t->classes[i].name, sizeof(t->classes[i].name), "%s", names[i]);
		t->classes[i].place.line = 10 + i;
	}
	for (t->profile.n_vms = 0; t->profile.n_vms < 5 && t->vms[t->profile.n_vms].name[0]; t->profile.n_vms++)
		t->vms[t->profile.n_vms].place.line = 20 + t->profile.n_vms;
	plan_shape_make(row->shape, &t->host);
}

static bool has_note(const struct plan *plan, const char *text)
{
	for (unsigned int i = 0; i < plan->n_notes; i++)
		if (strstr(plan->notes[i], text))
			return true;
	return false;
}

static void check_plan(const struct row *row, const struct plan *plan)
{
	char *text = write_plan(plan), why[512];

	if (!row->plan)
		fail_msg("planned, and should not be: %s", text);
	assert_string_equal(text, row->plan);
	free(text);
	if (!plan_check(plan, why, sizeof(why)))
		fail_msg("%s", why);
	if (row->note && !has_note(plan, row->note))
		fail_msg("no note has \"%s\"", row->note);
}

static void check_refused(const struct row *row, const struct table *t, const struct isolat_error *err)
{
	char why[1024];

	if (err->code != row->refused)
		fail_msg("code %d, should be %d: %s: %s", err->code, row->refused, err->object, err->reason);
	if (row->object)
		assert_string_equal(err->object, row->object);
	if (!plan_check_refusal(&t->profile, &t->host, err, why, sizeof(why)))
		fail_msg("%s", why);
}

static void by_hand(void **state)
{
	const struct row *row = *state;
	struct isolat_error err = { 0 };
	struct table t;
	struct plan plan;

	make_table(row, &t);
	if (plan_make(&t.profile, &t.host, &plan, &err) < 0) {
		check_refused(row, &t, &err);
	} else {
		check_plan(row, &plan);
		plan_free(&plan);
	}
	plan_shape_free(&t.host);
}

int main(void)
{
	struct CMUnitTest tests[sizeof(rows) / sizeof(rows[0])] = { 0 };

	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		tests[i].name = rows[i].name;
		tests[i].test_func = by_hand;
		tests[i].initial_state = (void *)&rows[i];
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
