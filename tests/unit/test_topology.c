// SPDX-License-Identifier: BSD-3-Clause
/* Topologies of made-up machines, from each kind of source: every number of them, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <sched.h>
#include <sys/wait.h>

#include "topology.h"
#include "topology_file.h"
#include "topology_impl.h"
#include "topology_machines.h"
#include "topology_show.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static void check(const char *source, const char *want)
{
	struct topology t;
	struct isolat_error err;
	char *text;

	if (topology_read(source, &t, &err))
		fail_msg("%s %s: %s", err.what, err.object, err.reason);
	assert_string_equal(t.source, source);
	assert_false(t.live);
	text = show(&t);
	assert_string_equal(text, want);
	free(text);
	check_cpus(&t);
	check_json(&t);
	topology_free(&t);
}

static void check_made(const struct made_machine *machine, const char *want)
{
	made_machine(machine);
	check(made_dir, want);
}

/* ---- A sysfs in a folder ---- */

/* Sub-NUMA Clustering: two nodes in one L3. SMT, siblings far apart; ids of the L3 are not 0, 1. */
static void snc(void **state)
{
	static const struct made_cpu cpus[] = {
		{ 0, 0, 0, 0, 0, 16, 0, 0 }, { 1, 0, 0, 4, 1, 16, 1, 0 }, { 2, 1, 0, 0, 8, 24, 2, 0 },
		{ 3, 1, 0, 4, 9, 24, 3, 0 }, { 4, 0, 0, 0, 0, 16, 0, 0 }, { 5, 0, 0, 4, 1, 16, 1, 0 },
		{ 6, 1, 0, 0, 8, 24, 2, 0 }, { 7, 1, 0, 4, 9, 24, 3, 0 },
	};
	static const struct made_machine machine = { cpus, COUNT(cpus), 4, { 1024, 2048, 3072, 4096 }, false };

	(void)state;
	check_made(&machine, "2 packages, 2 dies, level 3\n"
			     "node 0: 1024 K 1 P0\nnode 1: 2048 K 1 P0\nnode 2: 3072 K 1 P1\nnode 3: 4096 K 1 P1\n"
			     "L3 16: 16384 K 2\nL3 24: 16384 K 2\n"
			     "L2 0: 1024 K 1\nL2 1: 1024 K 1\nL2 8: 1024 K 1\nL2 9: 1024 K 1\n"
			     "core 0,4: L2 0 L3 0 N0 D0 P0\ncore 1,5: L2 1 L3 0 N1 D0 P0\n"
			     "core 2,6: L2 2 L3 1 N2 D1 P1\ncore 3,7: L2 3 L3 1 N3 D1 P1\n");
}

/* Cluster-on-Die, and L3 ids in another order than CPUs. */
static void cluster_on_die(void **state)
{
	static const struct made_cpu cpus[] = {
		{ 0, 0, 0, 0, 3, 9, 0, 0 },
		{ 1, 0, 0, 1, 2, 9, 0, 0 },
		{ 2, 0, 0, 8, 1, 4, 1, 0 },
		{ 3, 0, 0, 9, 0, 4, 1, 0 },
	};
	static const struct made_machine machine = { cpus, COUNT(cpus), 2, { 1024, 1024 }, false };

	(void)state;
	check_made(&machine, "1 packages, 1 dies, level 3\n"
			     "node 0: 1024 K 2 P0\nnode 1: 1024 K 2 P0\n"
			     "L3 4: 16384 K 2\nL3 9: 16384 K 2\n"
			     "L2 0: 1024 K 1\nL2 1: 1024 K 1\nL2 2: 1024 K 1\nL2 3: 1024 K 1\n"
			     "core 0: L2 3 L3 1 N0 D0 P0\ncore 1: L2 2 L3 1 N0 D0 P0\n"
			     "core 2: L2 1 L3 0 N1 D0 P0\ncore 3: L2 0 L3 0 N1 D0 P0\n");
}

/* Several L3 in a node, two dies a package, sparse ids as AMD has them, an offline CPU, and a sibling that is. */
static void chiplets(void **state)
{
	static const struct made_cpu cpus[] = {
		{ 0, 0, 0, 0, 0, 0, 0, 0 },    { 1, 0, 1, 16, 16, 1, 0, 0 },   { 8, 1, 0, 0, 64, 16, 1, 0 },
		{ 9, 1, 1, 16, 80, 17, 1, 0 }, { 32, 0, 0, 0, 0, 0, 0, 0 },    { 33, 0, 1, 16, 16, 1, 0, 1 },
		{ 40, 1, 0, 0, 64, 16, 1, 0 }, { 41, 1, 1, 16, 80, 17, 1, 0 }, { 63, 9, 9, 9, 9, 9, 9, 1 },
	};
	static const struct made_machine machine = { cpus, COUNT(cpus), 2, { 1024, 1024 }, false };

	(void)state;
	check_made(&machine, "2 packages, 4 dies, level 3\n"
			     "node 0: 1024 K 2 P0\nnode 1: 1024 K 2 P1\n"
			     "L3 0: 16384 K 1\nL3 1: 16384 K 1\nL3 16: 16384 K 1\nL3 17: 16384 K 1\n"
			     "L2 0: 1024 K 1\nL2 16: 1024 K 1\nL2 64: 1024 K 1\nL2 80: 1024 K 1\n"
			     "core 0,32: L2 0 L3 0 N0 D0 P0\ncore 1: L2 1 L3 1 N0 D1 P0\n"
			     "core 8,40: L2 2 L3 2 N1 D2 P1\ncore 9,41: L2 3 L3 3 N1 D3 P1\n"
			     "offline 33\noffline 63\n");
}

/* Cores of two and of one CPU, an L2 of several cores, and cores that the L3 does not serve. */
static void hybrid(void **state)
{
	static const struct made_cpu cpus[] = {
		{ 0, 0, 0, 0, 0, 0, 0, 0 }, { 1, 0, 0, 0, 0, 0, 0, 0 },	  { 2, 0, 0, 8, 1, 0, 0, 0 },
		{ 3, 0, 0, 9, 1, 0, 0, 0 }, { 4, 0, 0, 32, 2, -1, 0, 0 }, { 5, 0, 0, 33, 2, -1, 0, 0 },
	};
	static const struct made_machine machine = { cpus, COUNT(cpus), 1, { 1024 }, false };

	(void)state;
	check_made(&machine, "1 packages, 1 dies, level 3\nnode 0: 1024 K 5 P0\nL3 0: 16384 K 3\n"
			     "L2 0: 1024 K 1\nL2 1: 1024 K 2\nL2 2: 1024 K 2\n"
			     "core 0,1: L2 0 L3 0 N0 D0 P0\ncore 2: L2 1 L3 0 N0 D0 P0\n"
			     "core 3: L2 1 L3 0 N0 D0 P0\ncore 4: L2 2 L3 - N0 D0 P0\ncore 5: L2 2 L3 - N0 D0 P0\n");
}

/* Nodes without CPUs, numbers with holes between them; caches whose ids nobody tells. */
static void memory_only(void **state)
{
	static const struct made_cpu cpus[] = {
		{ 0, 0, 0, 0, 5, 7, 0, 0 },
		{ 1, 0, 0, 1, 6, 7, 0, 0 },
		{ 2, 1, 0, 0, 7, 8, 1, 0 },
		{ 3, 1, 0, 1, 8, 8, 1, 0 },
	};
	static const struct made_machine machine = { cpus, COUNT(cpus), 3, { 1024, 1024, 8192 }, true };

	(void)state;
	check_made(&machine, "2 packages, 2 dies, level 3\n"
			     "node 0: 1024 K 2 P0\nnode 1: 1024 K 2 P1\nnode 2: 8192 K 0 P-\n"
			     "L3 0: 16384 K 2\nL3 1: 16384 K 2\n"
			     "L2 0: 1024 K 1\nL2 1: 1024 K 1\nL2 2: 1024 K 1\nL2 3: 1024 K 1\n"
			     "core 0: L2 0 L3 0 N0 D0 P0\ncore 1: L2 1 L3 0 N0 D0 P0\n"
			     "core 2: L2 2 L3 1 N1 D1 P1\ncore 3: L2 3 L3 1 N1 D1 P1\n");
}

/* Nothing but L2: it stands in the L3's place, with its id. */
static void no_l3(void **state)
{
	static const struct made_cpu cpus[] = {
		{ 0, 0, 0, 0, 2, -1, 0, 0 },
		{ 1, 0, 0, 1, 2, -1, 0, 0 },
		{ 2, 0, 0, 2, 5, -1, 0, 0 },
	};
	static const struct made_machine machine = { cpus, COUNT(cpus), 1, { 1024 }, false };

	(void)state;
	check_made(&machine, "1 packages, 1 dies, level 2\nnode 0: 1024 K 3 P0\n"
			     "L3 2: 1024 K 2\nL3 5: 1024 K 1\nL2 2: 1024 K 2\nL2 5: 1024 K 1\n"
			     "core 0: L2 0 L3 0 N0 D0 P0\ncore 1: L2 0 L3 0 N0 D0 P0\ncore 2: L2 1 L3 1 N0 D0 P0\n");
}

/* hwloc tells these itself; this is for the day that it does not. */
static void cache_ids(void **state)
{
	static const struct made_cpu cpus[] = { { 0, 0, 0, 0, 21, 31, 0, 0 }, { 1, 0, 0, 1, 22, 31, 0, 0 } };
	struct made_machine machine = { cpus, COUNT(cpus), 1, { 1024 }, false };

	(void)state;
	made_machine(&machine);
	assert_int_equal(topology_sysfs_cache_id(made_dir, 0, 2), 21);
	assert_int_equal(topology_sysfs_cache_id(made_dir, 1, 2), 22);
	assert_int_equal(topology_sysfs_cache_id(made_dir, 1, 3), 31);
	assert_int_equal(topology_sysfs_cache_id(made_dir, 1, 1), 1); /* data, not instructions: those have 101 */
	assert_int_equal(topology_sysfs_cache_id(made_dir, 1, 4), HWLOC_UNKNOWN_INDEX);
	assert_int_equal(topology_sysfs_cache_id(made_dir, 2, 3), HWLOC_UNKNOWN_INDEX);
	made_file("4294967295", "cpu/cpu0/cache/index3/id");
	assert_int_equal(topology_sysfs_cache_id(made_dir, 0, 3), HWLOC_UNKNOWN_INDEX);
	made_file("frob", "cpu/cpu0/cache/index3/id");
	assert_int_equal(topology_sysfs_cache_id(made_dir, 0, 3), HWLOC_UNKNOWN_INDEX);
}

/* ---- Descriptions ---- */

static void synthetic(void **state)
{
	(void)state;
	check("pack:1 [numa(memory=2GiB)] l3:2(size=1MiB) core:1 pu:2",
	      "1 packages, 1 dies, level 3\nnode 0: 2097152 K 2 P0\nL3 0: 1024 K 1\nL3 1: 1024 K 1\n"
	      "core 0,1: L2 - L3 0 N0 D0 P0\ncore 2,3: L2 - L3 1 N0 D0 P0\n");
	check("pack:2 die:2 [numa(memory=1KiB)] l3:1(size=1MiB) core:1 pu:1",
	      "2 packages, 4 dies, level 3\n"
	      "node 0: 1 K 1 P0\nnode 1: 1 K 1 P0\nnode 2: 1 K 1 P1\nnode 3: 1 K 1 P1\n"
	      "L3 0: 1024 K 1\nL3 1: 1024 K 1\nL3 2: 1024 K 1\nL3 3: 1024 K 1\n"
	      "core 0: L2 - L3 0 N0 D0 P0\ncore 1: L2 - L3 1 N1 D1 P0\n"
	      "core 2: L2 - L3 2 N2 D2 P1\ncore 3: L2 - L3 3 N3 D3 P1\n");
	check("pack:2 core:1 pu:1(indexes=6,3)", /* no cache at all; CPUs in no order */
	      "2 packages, 2 dies, level 0\nnode 0: 1048576 K 2 P-\nL3 0: 0 K 1\nL3 1: 0 K 1\n"
	      "core 3: L2 - L3 1 N0 D0 P0\ncore 6: L2 - L3 0 N0 D1 P1\n");
	check("numa:2(indexes=1,0 memory=1KiB) core:1 pu:1", /* nodes in no order */
	      "1 packages, 1 dies, level 0\nnode 0: 1 K 1 P0\nnode 1: 1 K 1 P0\nL3 0: 0 K 2\n"
	      "core 0: L2 - L3 0 N1 D0 P0\ncore 1: L2 - L3 0 N0 D0 P0\n");
	check("pu:2", "1 packages, 1 dies, level 0\nnode 0: 1048576 K 2 P0\nL3 0: 0 K 2\n"
		      "core 0: L2 - L3 0 N0 D0 P0\ncore 1: L2 - L3 0 N0 D0 P0\n");
}

static void large(void **state)
{
	struct topology t;
	struct isolat_error err;

	(void)state;
	assert_int_equal(
		topology_read("pack:2 [numa] l3:12(size=32MiB) l2:16(size=1MiB) core:1 pu:2(indexes=core:pack)", &t,
			      &err),
		0);
	assert_int_equal(t.n_cpus, 768);
	assert_int_equal(t.n_cores, 384);
	assert_int_equal(t.n_l2, 384);
	assert_int_equal(t.n_l3, 24);
	assert_int_equal(t.l3[23].n_cores, 16);
	assert_int_equal(t.nodes[1].n_cores, 192);
	check_cpus(&t);
	check_json(&t);
	topology_free(&t);
	/* As many as there can be, in cores that are as wide as they can be. */
	assert_int_equal(topology_read("pack:1024 core:1 pu:8", &t, &err), 0);
	assert_int_equal(t.n_cpus, TOPOLOGY_MAX_CPUS);
	assert_int_equal(t.cores[1023].n_cpus, TOPOLOGY_MAX_SMT);
	check_json(&t);
	topology_free(&t);
}

static void put(const char *name, const char *bytes, size_t size, char *path)
{
	FILE *file;

	snprintf(path, 512, "%s/%s", made_dir, name);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, size, file), size);
	assert_int_equal(fclose(file), 0);
}

static const char xml_want[] = "2 packages, 2 dies, level 0\n"
			       "node 0: 1 K 1 P0\nnode 1: 2 K 2 P1\nnode 3: 0 K 0 P1\nnode 4: 4 K 0 P-\n"
			       "L3 0: 0 K 1\nL3 1: 0 K 2\n"
			       "core 0,1: L2 - L3 0 N0 D0 P0\ncore 3: L2 - L3 1 N1 D1 P1\ncore 7: L2 - L3 1 N1 D1 P1\n"
			       "offline 5\n"
			       "device 0000:05:00.0 vda N-\ndevice 0000:3b:00.0 eth0 N1\n"
			       "device 0000:3b:00.0 mlx5_0 N1\ndevice 0000:3c:00.0  N1\ndevice 0000:3d:00.0 e???1 N1\n";

static void xml_file(void **state)
{
	char path[512], *text;
	struct topology t;
	struct isolat_error err;

	(void)state;
	put("machine.xml", made_xml, strlen(made_xml), path);
	check(path, xml_want);
	assert_int_equal(topology_read_xml("memory", made_xml, strlen(made_xml), &t, &err), 0);
	assert_string_equal(t.source, "memory");
	text = show(&t);
	assert_string_equal(text, xml_want);
	free(text);
	topology_free(&t);
}

/* ---- This machine ---- */

static void live(void **state)
{
	cpu_set_t before, after, one;
	struct topology t;
	struct isolat_error err;
	unsigned int online = 0;

	(void)state;
	assert_int_equal(sched_getaffinity(0, sizeof(before), &before), 0);
	CPU_ZERO(&one);
	for (int cpu = 0; cpu < CPU_SETSIZE && !CPU_COUNT(&one); cpu++) {
		if (CPU_ISSET(cpu, &before))
			CPU_SET(cpu, &one);
	}
	/* What we may run on is not what there is. */
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	if (topology_read(NULL, &t, &err))
		fail_msg("%s: %s", err.what, err.reason);
	assert_int_equal(sched_getaffinity(0, sizeof(after), &after), 0);
	assert_true(CPU_EQUAL(&one, &after));
	assert_int_equal(sched_setaffinity(0, sizeof(before), &before), 0);
	assert_true(t.live);
	assert_string_equal(t.source, "this machine");
	for (unsigned int i = 0; i < t.n_cpus; i++)
		online += t.cpus[i].online;
	assert_int_equal(online, sysconf(_SC_NPROCESSORS_ONLN));
	check_cpus(&t);
	check_json(&t);
	topology_free(&t);
}

/* ---- The environment, and stderr ---- */

/* Whatever the user has hwloc set to, a source that we name is what is read, and all is as it was after. */
static void environment(void **state)
{
	static const char *const names[] = { "HWLOC_XMLFILE",	       "HWLOC_SYNTHETIC",  "HWLOC_FSROOT",
					     "HWLOC_COMPONENTS",       "HWLOC_THISSYSTEM", "HWLOC_XML_VERBOSE",
					     "HWLOC_SYNTHETIC_VERBOSE" };
	static const char *const values[] = { "/none.xml", "pack:7 pu:1", "/none", "x86", "1", "1", "1" };
	char **before;
	struct topology t;
	struct isolat_error err;

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++)
		setenv(names[i], values[i], 1);
	before = environ;
	check("pu:2", "1 packages, 1 dies, level 0\nnode 0: 1048576 K 2 P0\nL3 0: 0 K 2\n"
		      "core 0: L2 - L3 0 N0 D0 P0\ncore 1: L2 - L3 0 N0 D0 P0\n");
	assert_int_equal(topology_read(NULL, &t, &err), 0);
	assert_true(t.live);
	assert_int_not_equal(t.n_packages, 7);
	topology_free(&t);
	no_l3(state);
	assert_int_equal(topology_read("frob:x", &t, &err), -1);
	assert_ptr_equal(environ, before);
	for (size_t i = 0; i < COUNT(names); i++) {
		assert_string_equal(getenv(names[i]), values[i]);
		unsetenv(names[i]);
	}
}

static int silence(int *saved)
{
	char path[512];
	int fd;

	fflush(stderr);
	put("stderr", "", 0, path);
	fd = open(path, O_RDWR);
	*saved = dup(2);
	dup2(fd, 2);
	return fd;
}

static void refuse_with(const char *source, const char *reason, const char *hint)
{
	struct isolat_error err = { 0 };
	struct topology t;
	int saved, fd = silence(&saved);
	int rc = topology_read(source, &t, &err);
	off_t said = lseek(fd, 0, SEEK_END);

	dup2(saved, 2);
	close(saved);
	close(fd);
	if (!rc)
		fail_msg("%s is taken", source);
	assert_int_equal(said, 0);
	assert_int_equal(err.code, ISOLAT_USAGE);
	assert_string_equal(err.what, "read topology");
	assert_memory_equal(err.object, source, strnlen(source, sizeof(err.object) - 1));
	if (!strstr(err.reason, reason) || !strstr(err.hint, hint))
		fail_msg("%s: %s (%s)", source, err.reason, err.hint);
}

static void refused(void **state)
{
	static const char deep[] = "<a>", version3[] = "<topology version=\"3.0\">\n</topology>\n";
	char path[512], *bytes = calloc(1, 100000);

	(void)state;
	assert_non_null(bytes);
	refuse_with("/none/such.xml", "No such file", "");
	refuse_with("none", "No such file", "");
	refuse_with("", "No such file", "");
	refuse_with("pack:2 frob:3", "as a synthetic description", "no file either");
	refuse_with("pack:2", "as a synthetic description", "");
	refuse_with("pu:8193", "more than 8192 CPUs", "");
	refuse_with("pack:100 core:100(size=1) pu:2", "more than 8192 CPUs", "");
	refuse_with("pack:99999999999999999999999 pu:1", "more than 8192 CPUs", "");
	refuse_with("pack:1 core:1 pu:9", "more than 8 CPUs", "");
	refuse_with("pu:2(indexes=1,8192)", "not below 8192", "");
	refuse_with("/dev/null", "not a regular file", "");
	refuse_with("/proc", "sys/devices/system/cpu in it", "a copy of sys");
	put("empty", "", 0, path);
	refuse_with(path, "as XML", "");
	put("text", "pack:2\n", 7, path);
	refuse_with(path, "as XML", "");
	put("truncated", made_xml, strlen(made_xml) / 2, path);
	refuse_with(path, "as XML", "is it whole");
	put("version3", version3, strlen(version3), path);
	refuse_with(path, "as XML", "its version is 3.0, hwloc here reads 2");
	put("nul", made_xml, sizeof(made_xml), path);
	refuse_with(path, "not an XML file", "");
	for (size_t i = 0; i < 30000; i++)
		memcpy(bytes + 3 * i, deep, 3);
	put("deep", bytes, 90000, path);
	refuse_with(path, "not an XML file", "");
	free(bytes);
	put("huge", "", 0, path);
	assert_int_equal(truncate(path, 1L << 30), 0);
	refuse_with(path, "too large", "64 MiB");
}

/* hwloc follows a null pointer here, for want of complete_cpuset. That ends a child of ours, and nothing is left of it.
 */
static void crashed(void **state)
{
	static const char xml[] =
		"<?xml version=\"1.0\"?>\n<topology version=\"2.0\">\n"
		"<object type=\"Machine\" os_index=\"0\" cpuset=\"0x1\" nodeset=\"0x1\" complete_nodeset=\"0x1\" "
		"gp_index=\"1\">\n"
		"<object type=\"NUMANode\" os_index=\"0\" " MADE_SET(
			"0x1", "0x1",
			"0x1") "gp_index=\"2\" local_memory=\"1\"/>\n" MADE_PU("0", "0x1",
									       "0x1") "</object>\n</topology>\n";
	char path[512];
	int status;

	(void)state;
	put("crash", xml, strlen(xml), path);
	refuse_with(path, "hwloc crashed on it", "is it whole");
	assert_int_equal(waitpid(-1, &status, WNOHANG), -1);
}

/* A file's size is no promise: what is read counts. */
static void pipes(void **state)
{
	struct topology_file file;
	struct isolat_error err;
	char path[64];
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fds[0]);
	assert_int_equal(write(fds[1], " \n{}", 4), 4);
	close(fds[1]);
	assert_int_equal(topology_file_read(path, 4, "try", &file, &err), 0);
	assert_int_equal(file.size, 4);
	assert_string_equal(file.bytes, " \n{}");
	assert_int_equal(topology_file_first(&file), '{');
	free(file.bytes);
	close(fds[0]);
	assert_int_equal(pipe(fds), 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fds[0]);
	assert_int_equal(write(fds[1], "12345", 5), 5);
	close(fds[1]);
	assert_int_equal(topology_file_read(path, 4, "try", &file, &err), -1);
	assert_string_equal(err.reason, "too large");
	assert_string_equal(err.what, "try");
	close(fds[0]);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, made_open, made_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_FOLDER(snc),	      IN_FOLDER(cluster_on_die),   IN_FOLDER(chiplets),
		IN_FOLDER(hybrid),    IN_FOLDER(memory_only),	   IN_FOLDER(no_l3),
		IN_FOLDER(cache_ids), cmocka_unit_test(synthetic), cmocka_unit_test(large),
		IN_FOLDER(xml_file),  cmocka_unit_test(live),	   IN_FOLDER(environment),
		IN_FOLDER(refused),   IN_FOLDER(crashed),	   cmocka_unit_test(pipes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
