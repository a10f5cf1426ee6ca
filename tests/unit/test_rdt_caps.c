// SPDX-License-Identifier: BSD-3-Clause
/*
 * RDT capabilities: from copies of resctrl (in resctrl/, and changed ones), from the short form, and to JSON and back.
 * What was read is compared as text: a line for the machine, one for each group.
 */
#include <ftw.h>
#include <inttypes.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "rdt_caps.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define MACHINES      "tests/unit/resctrl/"

static struct rdt_caps caps;
static struct isolat_error err;
static char shown[16384];
static size_t used;

__attribute__((format(printf, 1, 2))) static void show(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	used += (size_t)vsnprintf(shown + used, sizeof(shown) - used, format, ap);
	va_end(ap);
	assert_true(used < sizeof(shown));
}

static void show_cache(const char *name, const struct rdt_cache_caps *c)
{
	if (c->present)
		show(" %s(%u ways, %u min, %u closids, io %" PRIx64 "%s%s%s)", name, c->ways, c->min_ways, c->closids,
		     c->shareable, c->cdp ? ", cdp" : "", c->cdp_capable ? ", cdp capable" : "",
		     c->sparse ? ", sparse" : "");
	else
		assert_false(c->cdp || c->cdp_capable || c->sparse || c->ways || c->closids || c->shareable);
}

static void show_bandwidth(const char *name, const struct rdt_mb_caps *mb)
{
	if (mb->present)
		show(" %s(%s, %u closids, %u..%" PRIu64 " by %u)", name, rdt_mb_unit_name(mb->unit), mb->closids,
		     mb->min, mb->max, mb->gran);
	else
		assert_false(mb->closids || mb->min || mb->max || mb->gran);
}

static void show_masks(const char *name, const struct rdt_group_masks *masks, const char *format)
{
	for (unsigned int i = 0; i < masks->n; i++) {
		if (i)
			show(";");
		else
			show(" %s:", name);
		show("%u=", masks->domain[i]);
		show(*format == 'x' ? "%" PRIx64 : "%" PRIu64, masks->value[i]);
	}
}

static void show_group(const struct rdt_group *group)
{
	show("\n'%s'%s%s", group->name, group->exclusive ? " exclusive" : "", group->pseudo_locked ? " locked" : "");
	show_masks("L3CODE", &group->l3_code, "x");
	show_masks("L3", &group->l3, "x");
	show_masks("L2CODE", &group->l2_code, "x");
	show_masks("L2", &group->l2, "x");
	show_masks("MB", &group->mb, "u");
	show_masks("SMBA", &group->smba, "u");
}

static const char *show_caps(void)
{
	used = 0;
	show("%s, %u closids, %u rmids%s:", caps.present ? "present" : "none", caps.closids, caps.rmids,
	     caps.monitoring ? "" : " not");
	show_cache("L3", &caps.l3);
	show_cache("L2", &caps.l2);
	show_bandwidth("MB", &caps.mb);
	show_bandwidth("SMBA", &caps.smba);
	show_group(&caps.default_group);
	for (unsigned int i = 0; i < caps.n_groups; i++)
		show_group(&caps.groups[i]);
	return shown;
}

/* ---- Roots ---- */

#define IDS16(v)                                                                                                    \
	"0=" v ";1=" v ";2=" v ";3=" v ";4=" v ";5=" v ";6=" v ";7=" v ";16=" v ";17=" v ";18=" v ";19=" v ";20=" v \
	";21=" v ";22=" v ";23="

static const struct {
	const char *root;
	const char *expected;
} machines[] = {
	{ "intel-ddio", "present, 8 closids, 224 rmids: L3(11 ways, 1 min, 16 closids, io 600)"
			" MB(percent, 8 closids, 10..100 by 10)\n'' L3:0=7ff MB:0=100" },
	{ "intel-2s", "present, 16 closids, 320 rmids: L3(12 ways, 1 min, 16 closids, io c00)"
		      " MB(percent, 16 closids, 10..100 by 10)\n"
		      "'' L3:0=f;1=fff MB:0=100;1=100\n"
		      "'COS1' L3:0=f;1=fff MB:0=100;1=100\n"
		      "'isolat-db' exclusive L3:0=300;1=f MB:0=100;1=20\n"
		      "'qemu-1-web-vcpus_0-3' L3:0=f0;1=fff MB:0=50;1=100" },
	{ "intel-snc2", "present, 15 closids, 160 rmids: L3(15 ways, 1 min, 15 closids, io 0, sparse)"
			" MB(percent, 15 closids, 10..100 by 10)\n'' L3:0=7fff;1=7fff MB:0=100;1=100" },
	{ "amd-16l3",
	  "present, 16 closids, 256 rmids: L3(16 ways, 1 min, 16 closids, io 0, sparse)"
	  " MB(amd, 16 closids, 0..2048 by 1) SMBA(amd, 16 closids, 0..2048 by 1)\n"
	  "'' L3:" IDS16("ffff") "ffff MB:" IDS16("2048") "2048 SMBA:" IDS16(
		  "2048") "2048\n"
			  "'batch' L3:" IDS16("f00f") "f00f MB:" IDS16("64") "800 SMBA:" IDS16("2048") "2048" },
	{ "intel-cdp", "present, 8 closids, 0 rmids not: L3(20 ways, 1 min, 8 closids, io c0000, cdp, cdp capable)"
		       " L2(8 ways, 1 min, 8 closids, io 0) MB(percent, 15 closids, 10..100 by 10)\n"
		       "'' L3CODE:0=fffff L3:0=fffff L2:0=ff;2=ff;4=ff;255=ff MB:0=100\n"
		       "'jit' L3CODE:0=3 L3:0=fc L2:0=f;2=f0;4=ff;255=1 MB:0=10" },
	{ "intel-mbps", "present, 8 closids, 224 rmids: L3(11 ways, 1 min, 16 closids, io 600)"
			" MB(mbps, 8 closids, 0..4294967295 by 1)\n"
			"'' L3:0=7ff MB:0=4294967295\n'vm' L3:0=f MB:0=500" },
	{ "l2-4closids", "present, 4 closids, 0 rmids not: L2(8 ways, 1 min, 4 closids, io 0)\n"
			 "'' L2:0=3f;1=f3\n'locked' exclusive locked L2:0=c0\n'rt' exclusive L2:0=3f;1=c\n"
			 "'setup' exclusive" },
	{ "monitoring", "present, 0 closids, 112 rmids:\n''" },
	{ "proc", "none, 0 closids, 0 rmids not:\n''" },
	{ "nowhere", "none, 0 closids, 0 rmids not:\n''" },
};

static void test_machines(void **state)
{
	char root[64];

	for (size_t i = 0; i < ARRAY_SIZE(machines); i++) {
		snprintf(root, sizeof(root), MACHINES "%s", machines[i].root);
		if (rdt_caps_read(root, &caps, &err))
			fail_msg("%s: %s", err.object, err.reason);
		assert_string_equal(show_caps(), machines[i].expected);
		assert_string_equal(caps.source, root);
		rdt_caps_free(&caps);
		assert_true(!caps.source && !caps.groups && !caps.present);
	}
}

/* Copies of a machine, changed by one file, in a folder of their own. */
static char temp[] = "/tmp/test_rdt_caps.XXXXXX";
static const char *copied;

static void in_temp(char *path, size_t size, const char *name)
{
	assert_true((size_t)snprintf(path, size, "%s/root/%s", temp, name) < size);
}

static void write_file(const char *name, const char *bytes, size_t length)
{
	char path[512];
	FILE *out;

	in_temp(path, sizeof(path), name);
	for (char *slash = path + sizeof(temp); (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		mkdir(path, 0755);
		*slash = '/';
	}
	out = fopen(path, "w");
	assert_non_null(out);
	assert_int_equal(fwrite(bytes, 1, length, out), length);
	assert_int_equal(fclose(out), 0);
}

static int copy_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	char bytes[4096];
	FILE *in;

	if (type != FTW_F)
		return 0;
	in = fopen(path, "r");
	assert_non_null(in);
	write_file(path + strlen(copied) + 1, bytes, fread(bytes, 1, sizeof(bytes), in));
	fclose(in);
	return 0;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

static void drop(const char *name)
{
	char path[512];

	in_temp(path, sizeof(path), name);
	assert_int_equal(nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS), 0);
}

static void copy_machine(const char *root)
{
	char path[64];

	in_temp(path, sizeof(path), "");
	if (!access(path, F_OK))
		drop("");
	copied = root;
	assert_int_equal(nftw(root, copy_entry, 16, FTW_PHYS), 0);
}

static int make_temp(void **state)
{
	return mkdtemp(temp) ? 0 : -1;
}

static int remove_temp(void **state)
{
	return nftw(temp, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static int read_temp(const char *proc)
{
	char path[64];

	in_temp(path, sizeof(path), "");
	path[strlen(path) - 1] = '\0';
	memset(&err, 0, sizeof(err));
	return rdt_caps_read_with(path, proc, &caps, &err);
}

static void read_temp_good(const char *proc)
{
	if (read_temp(proc))
		fail_msg("%s: %s", err.object, err.reason);
}

#define DROP ((const char *)-1) /* remove it */

/* A file of a machine that is changed or removed, and the error that it makes: its file, and its reason from the start.
 */
static const struct {
	const char *root;
	const char *file, *text;
	const char *object, *reason;
} broken[] = {
	{ "intel-2s", "info/L3/cbm_mask", DROP, "info/L3/cbm_mask", "No such file or directory" },
	{ "intel-2s", "info/L3/cbm_mask", "0\n", "info/L3/cbm_mask",
	  "'0' is not a hex number from 1 to ffffffffffffffff" },
	{ "intel-2s", "info/L3/cbm_mask", "", "info/L3/cbm_mask", "'' is not a hex number" },
	{ "intel-2s", "info/L3/cbm_mask", "0xfff\n", "info/L3/cbm_mask", "'0xfff' is not a hex number" },
	{ "intel-2s", "info/L3/cbm_mask", "1ffffffffffffffff\n", "info/L3/cbm_mask", "'1ffffffffffffffff' is not" },
	{ "intel-2s", "info/L3/cbm_mask", "ff7\n", "info/L3/cbm_mask", "ff7 has holes" },
	{ "intel-2s", "info/L3/cbm_mask", "fff\n\n", "info/L3/cbm_mask", "more than a line of text" },
	{ "intel-2s", "info/L3/min_cbm_bits", DROP, "info/L3/min_cbm_bits", "No such file" },
	{ "intel-2s", "info/L3/min_cbm_bits", "13\n", "info/L3/min_cbm_bits",
	  "'13' is not a whole number from 0 to 12" },
	{ "intel-2s", "info/L3/num_closids", DROP, "info/L3/num_closids", "No such file" },
	{ "intel-2s", "info/L3/num_closids", "0\n", "info/L3/num_closids",
	  "'0' is not a whole number from 1 to 65536" },
	{ "intel-2s", "info/L3/num_closids", "65537\n", "info/L3/num_closids", "'65537' is not" },
	{ "intel-2s", "info/L3/num_closids", " 16\n", "info/L3/num_closids", "' 16' is not" },
	{ "intel-2s", "info/L3/num_closids", "-1\n", "info/L3/num_closids", "'-1' is not" },
	{ "intel-2s", "info/L3/shareable_bits", "1000\n", "info/L3/shareable_bits",
	  "'1000' is not a hex number from 0 to fff" },
	{ "intel-2s", "info/L3/sparse_masks", "2\n", "info/L3/sparse_masks", "'2' is not a whole number from 0 to 1" },
	{ "intel-2s", "info/L3DATA/cbm_mask", "fff\n", "info/L3CODE", "No such file" },
	{ "intel-cdp", "info/L3/cbm_mask", "fffff\n", "info/L3", "beside L3CODE and L3DATA" },
	{ "intel-cdp", "info/L3DATA", DROP, "info/L3DATA", "No such file" },
	{ "intel-cdp", "info/L3CODE/num_closids", "16\n", "info/L3CODE", "differs from L3DATA" },
	{ "intel-cdp", "info/L3CODE/cbm_mask", "7ffff\n", "info/L3CODE/shareable_bits", "'c0000' is not" },
	{ "intel-2s", "info/MB/num_closids", DROP, "info/MB/num_closids", "No such file" },
	{ "intel-2s", "info/MB/min_bandwidth", "101\n", "info/MB/min_bandwidth",
	  "'101' is not a whole number from 0 to 100" },
	{ "intel-2s", "info/MB/bandwidth_gran", "0\n", "info/MB/bandwidth_gran",
	  "'0' is not a whole number from 1 to 100" },
	{ "intel-2s", "info/MB/delay_linear", "yes\n", "info/MB/delay_linear", "'yes' is not" },
	{ "amd-16l3", "info/SMBA/bandwidth_gran", "2049\n", "info/SMBA",
	  "min_bandwidth 0 or bandwidth_gran 2049 is above the most, 2048" },
	{ "amd-16l3", "info/MB/min_bandwidth", "4294967296\n", "info/MB/min_bandwidth", "'4294967296' is not" },
	{ "monitoring", "info/L3_MON/num_rmids", DROP, "info/L3_MON/num_rmids", "No such file" },
	{ "monitoring", "info/L3_MON/num_rmids", "0\n", "info/L3_MON/num_rmids",
	  "'0' is not a whole number from 1 to 4294967295" },
	{ "intel-2s", "schemata", DROP, "schemata", "No such file" },
	{ "intel-2s", "schemata", "", "schemata", "info has L3, but here are no domains of it" },
	{ "intel-2s", "schemata", "L3:0=fff\n", "schemata", "info has MB, but here are no domains of it" },
	{ "intel-2s", "schemata", "L3:uninitialized\nMB:0=10\n", "schemata", "info has L3, but here are no domains" },
	{ "intel-2s", "schemata", "L3:0=fff\nMB:0=10\nL2:0=1\n", "schemata", "has L2, but info has not" },
	{ "intel-2s", "schemata", "L3:0=fff\nMB:0=x\n", "schemata:2", "'x' is no bandwidth" },
	{ "intel-2s", "COS1/schemata", "L3:0=fff;1=1fff\n", "COS1/schemata",
	  "L3: mask 1fff of domain 1 has more ways than fff" },
	{ "intel-2s", "COS1/schemata", "L3CODE:0=fff\n", "COS1/schemata", "has L3CODE, but info has not" },
	{ "intel-2s", "COS1/schemata", "L3:0\n", "COS1/schemata:1", "'0' is no DOMAIN=VALUE" },
	{ "intel-2s", "COS1/schemata", DROP, "COS1/schemata", "No such file" },
	{ "intel-2s", "COS1/mode", "shared\n", "COS1/mode", "'shared' is no mode of a group" },
	{ "intel-2s", "mode", "exclusive\nshareable\n", "mode", "more than a line of text" },
	{ "intel-2s", "no-group/tasks", "", "no-group/schemata", "No such file" },
	{ "intel-cdp", "jit/schemata", "L2:255=100\n", "jit/schemata",
	  "L2: mask 100 of domain 255 has more ways than ff" },
	{ "intel-cdp", "jit/schemata", "L3CODE:0=100000\n", "jit/schemata", "L3CODE: mask 100000 of domain 0" },
	{ "intel-cdp", "jit/schemata", "L3:0=1\n", "jit/schemata", "has L3, but info has not" },
	{ "intel-cdp", "jit/schemata", "L2DATA:0=1\n", "jit/schemata", "has L2DATA, but info has not" },
};

static void test_broken(void **state)
{
	char root[64], object[128];

	for (size_t i = 0; i < ARRAY_SIZE(broken); i++) {
		snprintf(root, sizeof(root), MACHINES "%s", broken[i].root);
		copy_machine(root);
		if (broken[i].text == DROP)
			drop(broken[i].file);
		else
			write_file(broken[i].file, broken[i].text, strlen(broken[i].text));
		if (!read_temp(NULL))
			fail_msg("case %zu: %s of %s is read without an error", i, broken[i].file, broken[i].root);
		snprintf(object, sizeof(object), "%s/root/%s", temp, broken[i].object);
		assert_string_equal(err.object, object);
		assert_int_equal(err.code, ISOLAT_FAILED);
		if (strncmp(err.reason, broken[i].reason, strlen(broken[i].reason)))
			fail_msg("case %zu: not \"%s\" but: %s", i, broken[i].reason, err.reason);
		assert_true(!caps.source && !caps.groups && !caps.present);
	}
}

static void test_too_large(void **state)
{
	static char large[65537];

	copy_machine(MACHINES "intel-2s");
	memset(large, 'A', sizeof(large));
	write_file("COS1/schemata", large, sizeof(large));
	assert_int_equal(read_temp(NULL), -1);
	assert_string_equal(err.reason, "File too large");
	assert_non_null(strstr(err.object, "COS1/schemata"));
	/* One byte less is read, and then refused for what it is. */
	write_file("COS1/schemata", large, sizeof(large) - 1);
	assert_int_equal(read_temp(NULL), -1);
	assert_non_null(strstr(err.reason, "is no RESOURCE:DOMAIN=VALUE"));
	/* A later resource may be as long. */
	large[3] = ':';
	write_file("COS1/schemata", large, sizeof(large) - 1);
	read_temp_good(NULL);
	rdt_caps_free(&caps);
	write_file("info/MB/num_closids", large, 4097);
	assert_int_equal(read_temp(NULL), -1);
	assert_string_equal(err.reason, "File too large");
	assert_non_null(strstr(err.object, "info/MB/num_closids"));
}

static void test_no_files(void **state)
{
	char path[128];

	copy_machine(MACHINES "intel-2s");
	drop("COS1/schemata");
	in_temp(path, sizeof(path), "COS1/schemata");
	assert_int_equal(mkfifo(path, 0644), 0);
	assert_int_equal(read_temp(NULL), -1);
	assert_string_equal(err.reason, "Invalid argument");
	assert_int_equal(unlink(path) | mkdir(path, 0755), 0);
	assert_int_equal(read_temp(NULL), -1);
	assert_string_equal(err.reason, "Is a directory");
	drop("info");
	write_file("info", "", 0);
	assert_int_equal(read_temp(NULL), -1);
	assert_string_equal(err.reason, "Not a directory");
	assert_int_equal(rdt_caps_read(MACHINES "proc/mounts", &caps, &err), -1);
	assert_string_equal(err.object, MACHINES "proc/mounts");
	assert_string_equal(err.reason, "Not a directory");
}

/* What the oldest kernels have not. */
static void test_old_kernel(void **state)
{
	copy_machine(MACHINES "intel-ddio");
	drop("info/L3/shareable_bits");
	drop("info/L3/bit_usage");
	drop("info/MB/thread_throttle_mode");
	drop("info/MB/delay_linear");
	drop("mode");
	drop("size");
	write_file("old/schemata", "MB:0=20\nL3:0=3\n", strlen("MB:0=20\nL3:0=3\n"));
	read_temp_good(NULL);
	assert_string_equal(show_caps(), "present, 8 closids, 224 rmids: L3(11 ways, 1 min, 16 closids, io 0)"
					 " MB(percent, 8 closids, 10..100 by 10)\n"
					 "'' L3:0=7ff MB:0=100\n'old' L3:0=3 MB:0=20");
	rdt_caps_free(&caps);
	copy_machine(MACHINES "amd-16l3");
	drop("info/L3/sparse_masks");
	read_temp_good(NULL);
	assert_true(caps.l3.sparse);
	rdt_caps_free(&caps);
	copy_machine(MACHINES "intel-2s");
	drop("info/L3/sparse_masks");
	read_temp_good(NULL);
	assert_false(caps.l3.sparse);
	rdt_caps_free(&caps);
}

static void test_bandwidth_units(void **state)
{
	static const char amd[] = "MB:0=2049\nSMBA:0=4097\nL3:0=ffff\n", low[] = "MB:0=100\nL3:0=7ff\n",
			  more[] = "MB:0=101\nL3:0=7ff\n";

	/* Limits of more bits than 11. */
	copy_machine(MACHINES "amd-16l3");
	write_file("batch/schemata", amd, sizeof(amd) - 1);
	read_temp_good(NULL);
	assert_int_equal(caps.mb.max, 4096);
	assert_int_equal(caps.smba.max, 8192);
	rdt_caps_free(&caps);
	/* One group above 100 is enough, and so is what kernels since 6.14 say. */
	copy_machine(MACHINES "intel-mbps");
	write_file("schemata", low, sizeof(low) - 1);
	read_temp_good(NULL);
	assert_int_equal(caps.mb.unit, RDT_MB_MBPS);
	rdt_caps_free(&caps);
	write_file("vm/schemata", low, sizeof(low) - 1);
	read_temp_good(NULL);
	assert_int_equal(caps.mb.unit, RDT_MB_PERCENT);
	rdt_caps_free(&caps);
	write_file("vm/schemata", more, sizeof(more) - 1);
	read_temp_good(NULL);
	assert_int_equal(caps.mb.unit, RDT_MB_MBPS);
	rdt_caps_free(&caps);
	write_file("vm/schemata", low, sizeof(low) - 1);
	write_file("mba_MBps_event", "mbm_local_bytes\n", 16);
	read_temp_good(NULL);
	assert_int_equal(caps.mb.unit, RDT_MB_MBPS);
	assert_true(caps.mb.max == UINT32_MAX);
	rdt_caps_free(&caps);
}

static void test_proc(void **state)
{
	char proc[64];

	copy_machine(MACHINES "intel-cdp");
	read_temp_good(MACHINES "proc");
	assert_int_equal(caps.mb.unit, RDT_MB_MBPS);
	assert_true(caps.l3.cdp_capable && !caps.l2.cdp_capable);
	rdt_caps_free(&caps);
	copy_machine(MACHINES "intel-ddio");
	read_temp_good(MACHINES "proc");
	assert_true(caps.l3.cdp_capable && !caps.l3.cdp);
	assert_false(caps.l2.cdp_capable);
	rdt_caps_free(&caps);
	/* Another file system's option is none of resctrl's, and a feature is a whole word. */
	write_file("mounts", "x /x tmpfs rw,mba_MBps 0 0\nresctrl /r resctrl rw,mba_MBpsX 0 0\n", 61);
	write_file("cpuinfo", "flags\t: cdp_l33 xcdp_l3\n", 24);
	in_temp(proc, sizeof(proc), "");
	read_temp_good(proc);
	assert_int_equal(caps.mb.unit, RDT_MB_PERCENT);
	assert_false(caps.l3.cdp_capable);
	rdt_caps_free(&caps);
	/* AMD has no such controller. */
	copy_machine(MACHINES "amd-16l3");
	read_temp_good(MACHINES "proc");
	assert_int_equal(caps.mb.unit, RDT_MB_EIGHTH_GB);
	rdt_caps_free(&caps);
}

/* Names are any bytes; files and symbolic links are no groups; order is by name. */
static void test_group_names(void **state)
{
	static const char schemata[] = "L2:0=1;1=1\n";
	char name[NAME_MAX + 32], path[128];

	copy_machine(MACHINES "l2-4closids");
	memset(name, 'n', NAME_MAX);
	strcpy(name + NAME_MAX, "/schemata");
	write_file(name, schemata, sizeof(schemata) - 1);
	write_file("\033[31m\xff z/schemata", schemata, sizeof(schemata) - 1);
	in_temp(path, sizeof(path), "link");
	assert_int_equal(symlink("rt", path), 0);
	read_temp_good(NULL);
	assert_int_equal(caps.n_groups, 5);
	assert_string_equal(caps.groups[0].name, "\033[31m\xff z");
	assert_string_equal(caps.groups[1].name, "locked");
	assert_int_equal(strlen(caps.groups[2].name), NAME_MAX);
	assert_string_equal(caps.groups[3].name, "rt");
	assert_string_equal(caps.groups[4].name, "setup");
	rdt_caps_free(&caps);
	/* The end of a long name is said. */
	strcpy(name + NAME_MAX, "/mode");
	write_file(name, "x", 1);
	assert_int_equal(read_temp(NULL), -1);
	assert_memory_equal(err.object, "...n", 4);
	assert_string_equal(strrchr(err.object, '/'), "/mode");
	assert_int_equal(strlen(err.object), sizeof(err.object) - 1);
}

static void test_many_groups(void **state)
{
	char name[32];

	copy_machine(MACHINES "l2-4closids");
	for (unsigned int i = 3; i < 1025; i++) {
		snprintf(name, sizeof(name), "g%u/schemata", i);
		write_file(name, "", 0);
	}
	assert_int_equal(read_temp(NULL), -1);
	assert_string_equal(err.reason, "more than 1024 groups");
	drop("rt");
	read_temp_good(NULL);
	assert_int_equal(caps.n_groups, 1024);
	rdt_caps_free(&caps);
}

/* What JSON gives back is what was read. */
static void test_json_round_trip(void **state)
{
	char root[64], *before;

	for (size_t i = 0; i < ARRAY_SIZE(machines); i++) {
		json_t *json;

		snprintf(root, sizeof(root), MACHINES "%s", machines[i].root);
		assert_int_equal(rdt_caps_read_with(root, MACHINES "proc", &caps, &err), 0);
		json = rdt_caps_to_json(&caps);
		assert_non_null(json);
		before = strdup(show_caps());
		rdt_caps_free(&caps);
		if (rdt_caps_from_json(json, &caps, &err))
			fail_msg("%s: %s: %s", root, err.object, err.reason);
		json_decref(json);
		assert_string_equal(show_caps(), before);
		assert_string_equal(caps.source, root);
		free(before);
		rdt_caps_free(&caps);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_machines),    cmocka_unit_test(test_broken),
		cmocka_unit_test(test_too_large),   cmocka_unit_test(test_no_files),
		cmocka_unit_test(test_old_kernel),  cmocka_unit_test(test_bandwidth_units),
		cmocka_unit_test(test_proc),	    cmocka_unit_test(test_group_names),
		cmocka_unit_test(test_many_groups), cmocka_unit_test(test_json_round_trip),
	};

	return cmocka_run_group_tests_name("rdt_caps", tests, make_temp, remove_temp);
}
