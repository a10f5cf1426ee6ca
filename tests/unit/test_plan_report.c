// SPDX-License-Identifier: BSD-3-Clause
/* What `isolat plan` makes of a plan: JSON, schemata and the picture, on plans filled by hand. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "plan_cases.h"
#include "plan_draw.h"
#include "plan_json.h"
#include "plan_view.h"

static char *drawn(size_t width)
{
	char *text = NULL, *copy;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	plan_draw(&f.plan, out, width);
	fclose(out);
	copy = word(text);
	free(text);
	return copy;
}

static char *dumped(void)
{
	json_t *doc = plan_to_json(&f.plan);
	char *text, *copy;

	assert_non_null(doc);
	text = json_dumps(doc, JSON_COMPACT);
	json_decref(doc);
	copy = word(text);
	free(text);
	return copy;
}

/* Fails at the first line that differs, and shows it. */
static void assert_drawn(const char *want)
{
	const char *got = drawn(80);

	for (int line = 1; *want || *got; line++) {
		size_t n = strcspn(want, "\n"), m = strcspn(got, "\n");

		if (n != m || strncmp(want, got, n))
			fail_msg("line %d is \"%.*s\", not \"%.*s\"", line, (int)m, got, (int)n, want);
		want += n + (want[n] == '\n');
		got += m + (got[m] == '\n');
	}
}

/* How often @part is in @text. */
static unsigned int count(const char *text, const char *part)
{
	unsigned int n = 0;

	for (; (text = strstr(text, part)); text += strlen(part))
		n++;
	return n;
}

/* ---- The picture ------------------------------------------------------------------------------------------------- */

static void test_draw_small(void **state)
{
	assert_drawn("Cache: a character for each way, the highest bit of the mask on the left\n"
		     "  L3 0: 16.5 MiB in 11 ways of 1.5 MiB\n"
		     "      A A A A A A B   C C C\n"
		     "                    = = = =\n"
		     "      ^ ^\n"
		     "  A  isolat-db, exclusive: db\n"
		     "  B  isolat-timer, exclusive: the timer agents\n"
		     "  C  isolat-batch, shared: b1, b2\n"
		     "  =  the default group: everything else\n"
		     "  ^  used by I/O too\n"
		     "\n"
		     "CPUs: a core a word, | between L3 caches; in front, the first CPU's number\n"
		     "  node 0: 4 cores, 14.5 GiB of 32 GiB for VMs\n"
		     "       0  ## @@ AA --\n"
		     "  #  housekeeping: 0,4\n"
		     "  @  timer agent of node 0: 1,5\n"
		     "  -  shared by the VMs of shared classes: 3,7\n"
		     "\n"
		     "VMs: \"4 of 8-15\" are 4 vCPUs on shared CPUs\n"
		     "  Key  VM    Class  CPUs      Node  Memory   Cache            Bandwidth\n"
		     "  A    db    rt     2,6       0     8 GiB    9 MiB, 6 ways    all\n"
		     "  C    b1    batch  2 of 3,7  0     4 GiB    4.5 MiB, 3 ways  50 %\n"
		     "  C    b2    batch  1 of 3,7  0     1.5 GiB  4.5 MiB, 3 ways  50 %\n"
		     "  =    idle  best   1 of 3,7  0     1 GiB    6 MiB, 4 ways    all\n"
		     "\n"
		     "Notes\n"
		     "  -  db asked for 8 MiB of L3 and gets 9 MiB: 6 ways of 1.5 MiB\n");
}

static void test_draw_two_sockets(void **state)
{
	assert_drawn("Cache: a character for each way, the highest bit of the mask on the left\n"
		     "  L3 data 0: 20 MiB in 20 ways of 1 MiB\n"
		     "      A A A A A A A A . . . . = = = = = = = =\n"
		     "  L3 data 3: 20 MiB in 20 ways of 1 MiB\n"
		     "      ! ! ! ! A A A A A A A A . . . . = = = =\n"
		     "  L3 code 0: 20 MiB in 20 ways of 1 MiB\n"
		     "      . . . . . . . . A A A A = = = = = = = =\n"
		     "  L3 code 3: 20 MiB in 20 ways of 1 MiB\n"
		     "      ! ! ! ! . . . . . . . . . . A A = = = =\n"
		     "  L2 0: 2 MiB in 8 ways of 256 KiB\n"
		     "      = = = = = = = =\n"
		     "  L2 1,4-5: as 0\n"
		     "  L2 2: 2 MiB in 8 ways of 256 KiB\n"
		     "      A A A A = = = =\n"
		     "  L2 3,6-7: as 2\n"
		     "  A  isolat-span, exclusive: span\n"
		     "  =  the default group: everything else\n"
		     "  !  pqos-1, exclusive: not isolat's\n"
		     "\n"
		     "CPUs: a core a word, | between L3 caches; in front, the first CPU's number\n"
		     "  node 0: 4 cores, 16 GiB of 32 GiB for VMs\n"
		     "       0  # - A A\n"
		     "  node 2: 4 cores, 9 GiB of 32 GiB for VMs\n"
		     "       4  # . A A\n"
		     "  #  housekeeping: 0,4\n"
		     "  -  shared by the VMs of shared classes: 1\n"
		     "  .  free: 6\n"
		     "\n"
		     "VMs: \"4 of 8-15\" are 4 vCPUs on shared CPUs\n"
		     "  Key  VM    Class  CPUs     Node  Memory          Cache           Bandwidth\n"
		     "  A    span  wide   2-3,7-8  0,2   16 GiB of node  data 8 MiB, 8   4096 MB/s (L3\n"
		     "                                   0, 8 GiB of     ways (L3 0,3);  0); 2048 MB/s\n"
		     "                                   node 2          code 4 MiB, 4   (L3 3)\n"
		     "                                                   ways (L3 0); 2\n"
		     "                                                   MiB, 2 ways\n"
		     "                                                   (L3 3); L2 1\n"
		     "                                                   MiB, 4 ways\n"
		     "                                                   (L2 2-3,6-7)\n"
		     "  =    rest  best   1 of 1   0     1 GiB of node   data 8 MiB, 8   all\n"
		     "                                   2               ways; code 8\n"
		     "                                                   MiB, 8 ways\n");
}

/* Two nodes in one L3; then two VMs with cores of their own that share a group: both letters are told. */
static void test_draw_snc(void **state)
{
	const char *text = drawn(80);

	assert_int_equal(count(text, "      A A A A A B B B B B = = = = =\n"), 1);
	assert_int_equal(count(text, "node 0: 3 cores, 1 GiB of 32 GiB for VMs\n       0  ## AA AA\n"), 1);
	assert_int_equal(count(text, "node 1: 3 cores, 1 GiB of 32 GiB for VMs\n       3  BB BB ..\n"), 1);
	assert_int_equal(count(text, "5 MiB, 5 ways"), 2);
	assert_int_equal(
		count(text, "  L3 0: 30 MiB in 15 ways of 1 MiB to each of its 2 nodes, which divide it (SNC)\n"), 1);
	assert_int_equal(count(text, "Notes"), 0);
	f.plan.groups[0].vm = PLAN_NONE;
	f.plan.vms[1].group = 0;
	text = drawn(80);
	assert_int_equal(count(text, "  C  isolat-a, exclusive: a, b\n"), 1);
	assert_int_equal(count(text, "C: 5 MiB, 5 ways"), 2);
}

static void test_draw_no_rdt(void **state)
{
	const char *text;

	f.plan.default_l3 = f.plan.default_l3_code = f.plan.default_l2 = NULL;
	text = drawn(80);
	assert_int_equal(count(text, "  Not divided: this host has no RDT.\n"), 1);
	assert_int_equal(count(text, "       0  # A .\n"), 1);
	assert_int_equal(count(text, "  A    only  rt     1     0     1 GiB   -      -\n"), 1);
	f.host.caps.present = true;
	assert_int_equal(count(drawn(80), "  Not divided: this host has no cache allocation (CAT).\n"), 1);
}

static void test_draw_many(void **state)
{
	const char *text = drawn(100), *wide = drawn(400);

	assert_int_equal(count(text, "  L3 3-23: as 2\n"), 1);
	assert_int_equal(count(text, "  L3 2: 32 MiB in 16 ways of 2 MiB\n"), 1);
	assert_int_equal(count(text, "  L3 3: "), 0);
	/* What overlaps is below. */
	assert_int_equal(count(text, "      A A A A                 B B B B\n"
				     "                              C C C C\n"
				     "              = = = = = = = = = = = =\n"
				     "      ^\n"),
			 1);
	/* The second node differs by a GiB alone: it is not folded away. */
	assert_int_equal(count(text, "  node 1: 96 cores"), 1);
	assert_int_equal(count(text, " ## AA BB CC DD EE FF GG | HH II "), 2);
	assert_int_equal(count(wide, " zz ++ ++ ++ | ++ ++ ++ ++ ++ .. "), 2);
	assert_int_equal(count(wide, "  +    vm59 "), 1);
	/* A long name is not broken for the sake of the columns. */
	assert_int_equal(count(text, "  VM         00000000000000000000000000000000000000000000000000000000000000\n"),
			 1);
	assert_int_equal(count(text, "isolat-vm2, shared: vm2\n"), 1);
	assert_int_equal(count(text, "isolat-vm3"), 0); /* no cache */
	assert_int_equal(count(wide, "  8 MiB, 4 ways (L3 0,12)  1.5 GB/s (L3 0); 1.625 GB/s (L3 12)\n"), 2);
	f.host.topology.nodes[1].bytes = f.host.topology.nodes[0].bytes;
	assert_int_equal(count(drawn(100), "  node 1: as 0\n"), 1);
}

static size_t columns(const char *text, size_t bytes)
{
	size_t n = 0;

	for (size_t i = 0; i < bytes; i++)
		n += (text[i] & 0xc0) != 0x80;
	return n;
}

/* No line is too long or ends in a space, at any width. */
static void test_widths(void **state)
{
	for (size_t width = 1; width < 200; width++) {
		const char *text = drawn(width);

		while (*text) {
			size_t bytes = strcspn(text, "\n");

			if (columns(text, bytes) > (width < 40 ? 40 : width))
				fail_msg("longer than %zu: \"%.*s\"", width, (int)bytes, text);
			if (bytes && text[bytes - 1] == ' ')
				fail_msg("space at the end of \"%.*s\"", (int)bytes, text);
			text += bytes + 1;
		}
	}
	assert_string_equal(drawn(0), drawn(80));
	assert_string_equal(drawn(7), drawn(40));
}

/* Ways are where their bits are, on as many lines as it takes. */
static void test_draw_64_ways(void **state)
{
	assert_int_equal(count(drawn(40), "      AAAAAAAA==========================\n"
					  "      ^\n"
					  "      ==============================\n"),
			 1);
	assert_int_equal(count(drawn(133), "A A A A A A A A = = "), 1);
	assert_int_equal(count(drawn(132), "AAAAAAAA===="), 1);
	f.plan.default_l3[0] = 0xff;
	assert_int_equal(count(drawn(80), "      AAAAAAAA................................................========\n"),
			 1);
	assert_int_equal(count(dumped(), "\"mask\":\"ff00000000000000\",\"ways\":8,\"bytes\":8388608"), 1);
}

/* Memory of a node that is not the CPUs', one way, a domain that only others' groups make different. */
static void test_draw_details(void **state)
{
	struct rdt_group *others = keep(1, sizeof(*others));
	const char *text;

	strcpy(others->name, "pqos-1");
	others->l3 = (struct rdt_group_masks){ .n = 2, .domain = { 5, 9 }, .value = { 0xf000, 0xf000 } };
	f.host.caps.groups = others;
	f.host.caps.n_groups = 1;
	f.plan.groups[1].l3[12] = 1;
	f.plan.groups[2].l3[12] = 0;
	f.plan.vms[3].cpus = cpus(4, 196, -1);
	f.plan.vms[3].memory[0].node = 0;
	f.plan.vms[4].cpus = cpus(5, 197, -1);
	f.plan.vms[4].memory[f.plan.vms[4].n_memory++] = (struct plan_memory){ 1, GIB / 2 };
	text = drawn(400);
	assert_int_equal(count(text, "  L3 9: as 5\n"), 1);
	assert_int_equal(count(text, "  L3 3-4,6-8,10-11,13-23: as 2\n  L3 5: "), 1);
	assert_int_equal(count(text, "  8 MiB, 4 ways (L3 0); 2 MiB, 1 way (L3 12)  "), 1);
	assert_int_equal(count(text, "  8 MiB, 4 ways (L3 0)  "), 2);
	assert_int_equal(count(text, "  4,196           0     1 GiB  "), 1);
	assert_int_equal(count(text, "  5,197           0     1 GiB of node 0, 512 MiB of node 1  "), 1);
}

static void assert_size(uint64_t bytes, const char *want)
{
	char text[PLAN_SIZE_TEXT];

	assert_string_equal(plan_size_text(bytes, text), want);
}

static void test_size_text(void **state)
{
	assert_size(0, "0 KiB");
	assert_size(1536, "1.5 KiB");
	assert_size(MIB - 1, "1024 KiB");
	assert_size(MIB, "1 MiB");
	assert_size(11 * MIB / 8, "1.38 MiB");
	assert_size(33 * MIB + MIB / 20, "33.05 MiB");
	assert_size(2 * GIB - 1, "2 GiB");
	assert_size(1ULL << 50, "1048576 GiB");
}

/* Draws on a terminal, and returns what it was sent. */
static char *drawn_on_terminal(void)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY), slave;
	char *text = keep(65536, 1);
	size_t used = 0;
	ssize_t n;
	FILE *out;

	assert_true(master >= 0);
	assert_int_equal(grantpt(master) | unlockpt(master), 0);
	slave = open(ptsname(master), O_RDWR | O_NOCTTY);
	assert_true(slave >= 0);
	out = fdopen(slave, "w");
	assert_non_null(out);
	setvbuf(out, NULL, _IOFBF, 65536);
	plan_draw(&f.plan, out, 80);
	assert_int_equal(fcntl(master, F_SETFL, O_NONBLOCK), 0);
	assert_int_equal(fflush(out), 0);
	while ((n = read(master, text + used, 65535 - used)) > 0)
		used += (size_t)n;
	fclose(out);
	close(master);
	return text;
}

static void test_colour(void **state)
{
	setenv("TERM", "xterm", 1);
	unsetenv("NO_COLOR");
	assert_int_equal(count(drawn_on_terminal(), "\033[31mA\033[0m\033[31mA\033[0m --"), 1);
	assert_int_equal(count(drawn_on_terminal(), "\033[33mC\033[0m \033[33mC\033[0m"), 1);
	setenv("NO_COLOR", "1", 1);
	assert_int_equal(count(drawn_on_terminal(), "\033"), 0);
	assert_int_equal(count(drawn_on_terminal(), "AA --"), 1);
	unsetenv("NO_COLOR");
	assert_int_equal(count(drawn(80), "\033"), 0);
}

/* ---- JSON -------------------------------------------------------------------------------------------------------- */

static void test_json_small(void **state)
{
	assert_string_equal(
		dumped(),
		"{\"format\":\"isolat-plan\",\"version\":1,\"profile\":\"a.yaml\",\"topology\":\"a machine\","
		"\"rdt\":\"a resctrl\",\"live\":false,\"housekeeping\":[0,4],"
		"\"agents\":[{\"node\":0,\"cpus\":[1,5],\"group\":\"isolat-timer\"}],"
		"\"vms\":["
		"{\"name\":\"db\",\"class\":\"rt\",\"dedicated\":true,\"vcpus\":2,\"cpus\":[6,2],"
		"\"memory\":[{\"node\":0,\"bytes\":8589934592}],\"group\":\"isolat-db\",\"agent\":0},"
		"{\"name\":\"b1\",\"class\":\"batch\",\"dedicated\":false,\"vcpus\":2,\"cpus\":[3,7],"
		"\"memory\":[{\"node\":0,\"bytes\":4294967296}],\"group\":\"isolat-batch\",\"agent\":null},"
		"{\"name\":\"b2\",\"class\":\"batch\",\"dedicated\":false,\"vcpus\":1,\"cpus\":[3,7],"
		"\"memory\":[{\"node\":0,\"bytes\":1610612736}],\"group\":\"isolat-batch\",\"agent\":null},"
		"{\"name\":\"idle\",\"class\":\"best\",\"dedicated\":false,\"vcpus\":1,\"cpus\":[3,7],"
		"\"memory\":[{\"node\":0,\"bytes\":1073741824}],\"group\":null,\"agent\":null}],"
		"\"groups\":["
		"{\"name\":\"isolat-db\",\"exclusive\":true,\"class\":\"rt\",\"vms\":[\"db\"],"
		"\"l3\":[{\"id\":0,\"mask\":\"7e0\",\"ways\":6,\"bytes\":9437184}],\"l3_code\":[],\"l2\":[],\"mb\":[],"
		"\"schemata\":[\"L3:0=7e0\"]},"
		"{\"name\":\"isolat-timer\",\"exclusive\":true,\"class\":null,\"vms\":[],"
		"\"l3\":[{\"id\":0,\"mask\":\"10\",\"ways\":1,\"bytes\":1572864}],\"l3_code\":[],\"l2\":[],\"mb\":[],"
		"\"schemata\":[\"L3:0=10\"]},"
		"{\"name\":\"isolat-batch\",\"exclusive\":false,\"class\":\"batch\",\"vms\":[\"b1\",\"b2\"],"
		"\"l3\":[{\"id\":0,\"mask\":\"7\",\"ways\":3,\"bytes\":4718592}],\"l3_code\":[],\"l2\":[],"
		"\"mb\":[{\"id\":0,\"value\":50,\"unit\":\"percent\"}],\"schemata\":[\"L3:0=7\",\"MB:0=50\"]}],"
		"\"default_group\":{\"vms\":[\"idle\"],"
		"\"l3\":[{\"id\":0,\"mask\":\"f\",\"ways\":4,\"bytes\":6291456}],\"l3_code\":[],\"l2\":[],"
		"\"schemata\":[\"L3:0=f\"]},"
		"\"notes\":[\"db asked for 8 MiB of L3 and gets 9 MiB: 6 ways of 1.5 MiB\"]}");
}

/* The kernel's numbers are not our indexes here. */
static void test_json_two_sockets(void **state)
{
	const char *text = dumped();

	assert_int_equal(count(text, "\"cpus\":[2,3,7,8],\"memory\":[{\"node\":0,\"bytes\":17179869184},"
				     "{\"node\":2,\"bytes\":8589934592}]"),
			 1);
	assert_int_equal(count(text, "\"l3\":[{\"id\":0,\"mask\":\"ff000\",\"ways\":8,\"bytes\":8388608},"
				     "{\"id\":3,\"mask\":\"ff00\",\"ways\":8,\"bytes\":8388608}]"),
			 1);
	assert_int_equal(count(text, "\"l3_code\":[{\"id\":0,\"mask\":\"f00\",\"ways\":4,\"bytes\":4194304},"
				     "{\"id\":3,\"mask\":\"30\",\"ways\":2,\"bytes\":2097152}]"),
			 1);
	assert_int_equal(count(text, "{\"id\":7,\"mask\":\"f0\",\"ways\":4,\"bytes\":1048576}]"), 1);
	assert_int_equal(count(text, "\"mb\":[{\"id\":0,\"value\":4096,\"unit\":\"MBps\"},"
				     "{\"id\":3,\"value\":2048,\"unit\":\"MBps\"}]"),
			 1);
	assert_int_equal(count(text, "\"schemata\":[\"L3DATA:0=ff000;3=ff00\",\"L3CODE:0=f00;3=30\","
				     "\"L2:2=f0;3=f0;6=f0;7=f0\",\"MB:0=4096;3=2048\"]"),
			 1);
	assert_int_equal(count(text, "\"schemata\":[\"L3DATA:0=ff;3=f\",\"L3CODE:0=ff;3=f\","
				     "\"L2:0=ff;1=ff;2=f;3=f;4=ff;5=ff;6=f;7=f\"]"),
			 1);
	f.host.caps.l2.cdp = true;
	assert_int_equal(count(dumped(), "\"L2DATA:2=f0;3=f0;6=f0;7=f0\",\"L2CODE:2=f0;3=f0;6=f0;7=f0\""), 1);
}

static void test_json_units(void **state)
{
	assert_int_equal(count(dumped(), "{\"id\":23,\"value\":13,\"unit\":\"GBps/8\"}"), 2);
}

/* Nothing where there is nothing, and no bytes of a cache of which no size is known. */
static void test_json_no_rdt(void **state)
{
	const char *text;

	f.plan.default_l3 = f.plan.default_l3_code = f.plan.default_l2 = NULL;
	f.profile.file = f.host.caps.source = NULL;
	f.host.topology.live = true;
	text = dumped();
	assert_int_equal(count(text, "\"profile\":null,\"topology\":\"a machine\",\"rdt\":null,\"live\":true"), 1);
	assert_int_equal(count(text, "\"agents\":[],"), 1);
	assert_int_equal(count(text, "\"groups\":[],\"default_group\":{\"vms\":[\"only\"],\"l3\":[],\"l3_code\":[],"
				     "\"l2\":[],\"schemata\":[]},\"notes\":[]}"),
			 1);
}

static void test_same_bytes(void **state)
{
	int (*const make[])(void **) = { make_small, make_two_sockets, make_snc, make_no_rdt, make_many };

	for (size_t i = 0; i < sizeof(make) / sizeof(make[0]); i++) {
		char *json, *picture;

		make[i](state);
		json = strdup(dumped());
		picture = strdup(drawn(80));
		forget(state);
		make[i](state);
		assert_string_equal(dumped(), json);
		assert_string_equal(drawn(80), picture);
		free(json);
		free(picture);
		forget(state);
	}
}

static int allocations_left;

static void *scarce_malloc(size_t size)
{
	return allocations_left-- ? malloc(size) : NULL;
}

/* Whichever allocation fails, there is no document, rather than a part of it. */
static void test_json_no_memory(void **state)
{
	const char *whole = dumped();
	unsigned int failed = 0;
	json_t *doc = NULL;
	char *text;

	json_set_alloc_funcs(scarce_malloc, free);
	for (int n = 0; !doc && n < 10000; n++) {
		allocations_left = n;
		doc = plan_to_json(&f.plan);
		failed += !doc;
		/* What decides on UTF-8 may be what failed: nothing is lost in ASCII. */
		if (doc && allocations_left < 0) {
			json_set_alloc_funcs(malloc, free);
			text = json_dumps(doc, JSON_COMPACT);
			assert_string_equal(text, whole);
			free(text);
			json_decref(doc);
			doc = NULL;
			json_set_alloc_funcs(scarce_malloc, free);
		}
	}
	json_set_alloc_funcs(malloc, free);
	assert_non_null(doc);
	json_decref(doc);
	assert_true(failed > 100);
}

/* Names come from a file: what is no UTF-8, or commands a terminal, goes nowhere. */
static void test_bad_names(void **state)
{
	strcpy(f.profile.vms[0].name, "d\033[2Jb\xff");
	assert_int_equal(count(dumped(), "\"name\":\"d?[2Jb?\""), 1);
	assert_int_equal(count(dumped(), "\"vms\":[\"d?[2Jb?\"]"), 1);
	assert_int_equal(count(drawn(80), "\033"), 0);
	assert_int_equal(count(drawn(80), "d?[2Jb?"), 2);
}

#define TEST(test, make) cmocka_unit_test_setup_teardown(test, make, forget)
#define NAMED(name, test, make)                      \
	{                                            \
		(name), (test), (make), forget, NULL \
	}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_draw_small, make_small),
		TEST(test_draw_two_sockets, make_two_sockets),
		TEST(test_draw_snc, make_snc),
		TEST(test_draw_no_rdt, make_no_rdt),
		TEST(test_draw_many, make_many),
		TEST(test_draw_64_ways, make_64_ways),
		NAMED("test_widths: small", test_widths, make_small),
		NAMED("test_widths: two sockets", test_widths, make_two_sockets),
		NAMED("test_widths: SNC", test_widths, make_snc),
		NAMED("test_widths: no RDT", test_widths, make_no_rdt),
		NAMED("test_widths: many", test_widths, make_many),
		NAMED("test_widths: 64 ways", test_widths, make_64_ways),
		TEST(test_draw_details, make_many),
		cmocka_unit_test(test_size_text),
		TEST(test_colour, make_small),
		TEST(test_json_small, make_small),
		TEST(test_json_two_sockets, make_two_sockets),
		TEST(test_json_units, make_many),
		TEST(test_json_no_rdt, make_no_rdt),
		cmocka_unit_test(test_same_bytes),
		TEST(test_json_no_memory, make_small),
		TEST(test_bad_names, make_small),
	};

	return cmocka_run_group_tests_name("plan_report", tests, NULL, NULL);
}
