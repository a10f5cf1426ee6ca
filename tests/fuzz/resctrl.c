// SPDX-License-Identifier: BSD-3-Clause
/*
 * libFuzzer on what is read from resctrl and procfs. The first byte of the input says which reader gets the rest; the
 * files that capabilities are read from lie in a folder of their own, one of which the input replaces. What is taken
 * must keep what its header says of it; what is refused must have its message, and leave nothing behind.
 * A crash leaves the folder.
 */
#include <ftw.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rdt_caps.h"
#include "rdt_engine.h"
#include "rdt_resctrl_text.h"
#include "rdt_schemata.h"

#define EXPECT(condition)                 \
	do {                              \
		if (!(condition))         \
			__builtin_trap(); \
	} while (0)

static void check_error(const struct isolat_error *err)
{
	EXPECT(err->code == ISOLAT_FAILED && *err->what && *err->object && *err->reason);
}

/* ---- Texts ---- */

static void check_schemata(const struct rdt_schemata *s)
{
	for (enum rdt_schema schema = 0; schema < RDT_SCHEMAS; schema++) {
		const struct rdt_group_masks *line = &s->line[schema];

		EXPECT(line->n <= RDT_MAX_DOMAINS && (s->present[schema] || !line->n));
		for (unsigned int i = 0; i < line->n; i++)
			EXPECT(line->domain[i] < RDT_MAX_DOMAINS);
	}
}

static void try_schemata(const char *text, size_t length)
{
	static struct rdt_schemata s, again;
	struct isolat_error err = { 0 };
	char *printed, *reprinted;

	if (rdt_schemata_parse(text, length, "schemata", &s, &err)) {
		check_error(&err);
		return;
	}
	check_schemata(&s);
	printed = rdt_schemata_print(&s);
	EXPECT(printed);
	EXPECT(!rdt_schemata_parse(printed, strlen(printed), "schemata", &again, &err));
	EXPECT(rdt_schemata_merge(&s, &again));
	reprinted = rdt_schemata_print(&s);
	EXPECT(reprinted && !strcmp(printed, reprinted));
	free(printed);
	free(reprinted);
}

static void try_tasks(const char *text, size_t length)
{
	size_t line = 0;
	pid_t *tids;
	ssize_t n = rdt_text_tasks(text, length, &tids, &line);

	EXPECT((n > 0) == !!tids);
	EXPECT(n >= 0 || line);
	for (ssize_t i = 0; i < n; i++)
		EXPECT(tids[i] > 0 && (!i || tids[i - 1] <= tids[i]));
	free(tids);
}

static void try_cpu_list(const char *text, size_t length)
{
	if (rdt_text_is_cpu_list(text, length))
		EXPECT(!length ||
		       (text[0] >= '0' && text[0] <= '9' && text[length - 1] >= '0' && text[length - 1] <= '9'));
}

static void try_bit_usage(const char *text, size_t length)
{
	static struct rdt_usage usage[RDT_MAX_DOMAINS];
	size_t n;

	if (!rdt_text_bit_usage(text, length, usage, &n))
		return;
	EXPECT(n <= RDT_MAX_DOMAINS);
	for (size_t i = 0; i < n; i++) {
		EXPECT(usage[i].domain < RDT_MAX_DOMAINS && memchr(usage[i].ways, '\0', sizeof(usage[i].ways)));
		EXPECT(*usage[i].ways && strlen(usage[i].ways) == strlen(usage[0].ways));
		EXPECT(strspn(usage[i].ways, RDT_USAGE_LETTERS) == strlen(usage[i].ways));
	}
}

static void try_group(const char *text, size_t length)
{
	char group[RDT_GROUP_PATH];

	memset(group, 'x', sizeof(group));
	if (!rdt_text_resctrl_group(text, length, group))
		return;
	EXPECT(memchr(group, '\0', sizeof(group)) && !strchr(group, '\n'));
	/* CONTROL, mon_groups/MONITOR or CONTROL/mon_groups/MONITOR */
	const char *monitor = strstr(group, "mon_groups/"), *slash = strchr(group, '/');

	EXPECT(!slash || (monitor && (monitor == group || slash + 1 == monitor) &&
			  !strchr(monitor + strlen("mon_groups/"), '/')));
}

static void try_count(const char *text, size_t length)
{
	uint64_t bytes = 0;

	if (rdt_text_count(text, length, &bytes) != RDT_TEXT_COUNT)
		EXPECT(!bytes);
}

static void try_flock(const char *text, size_t length)
{
	struct rdt_text_flock lock;

	if (rdt_text_flock(text, length, &lock))
		EXPECT(lock.pid >= 0 && length > strlen("FLOCK"));
}

static void try_status(const char *text, size_t length)
{
	char line[32];

	for (enum rdt_text_lines lines = RDT_TEXT_ALL_LINES; lines <= RDT_TEXT_LAST_LINE; lines++) {
		rdt_text_status(text, length, lines, line, sizeof(line));
		EXPECT(memchr(line, '\0', sizeof(line)));
		for (const char *c = line; *c; c++)
			EXPECT(*c >= ' ' && *c < 0x7f);
	}
}

/* ---- Files ---- */

static const struct {
	const char *name, *text;
} files[] = {
	{ "info/L3/cbm_mask", "fff\n" },
	{ "info/L3/min_cbm_bits", "1\n" },
	{ "info/L3/num_closids", "16\n" },
	{ "info/L3/shareable_bits", "c00\n" },
	{ "info/L3/sparse_masks", "0\n" },
	{ "info/MB/num_closids", "8\n" },
	{ "info/MB/min_bandwidth", "10\n" },
	{ "info/MB/bandwidth_gran", "10\n" },
	{ "info/MB/delay_linear", "1\n" },
	{ "info/L3_MON/num_rmids", "224\n" },
	{ "mode", "shareable\n" },
	{ "schemata", "    MB:0= 100;1= 100\n    L3:0=fff;1=fff\n" },
	{ "isolat-db/mode", "exclusive\n" },
	{ "isolat-db/schemata", "    MB:0= 100;1=  20\n    L3:0=300;1=00f\n" },
	{ "isolat-db/cpus_list", "0-3,8\n" },
	{ "isolat-db/tasks", "1\n2\n" },
	{ "isolat-db/mon_data/mon_L3_00/llc_occupancy", "4096\n" },
	{ "proc/mounts", "resctrl /sys/fs/resctrl resctrl rw,mba_MBps 0 0\n" },
	{ "proc/cpuinfo", "flags : fpu cat_l3 cdp_l3\n" },
	{ "proc/7/cpu_resctrl_groups", "res:isolat-db\nmon:\n" },
	{ "info/L3/bit_usage", "0=XXSSSSSSEE00;1=XXSSSSSSSSSS\n" },
};

#define FILES (sizeof(files) / sizeof(files[0]))

static char root[] = "/tmp/isolat-fuzz.XXXXXX";

static void put(size_t i, const char *text, size_t length)
{
	char path[256];
	FILE *out;

	snprintf(path, sizeof(path), "%s/%s", root, files[i].name);
	for (char *slash = path + sizeof(root); (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		mkdir(path, 0755);
		*slash = '/';
	}
	out = fopen(path, "w");
	EXPECT(out && fwrite(text, 1, length, out) == length);
	EXPECT(!fclose(out));
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

static void remove_root(void)
{
	nftw(root, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static void make_root(void)
{
	static bool made;

	if (made)
		return;
	made = true;
	EXPECT(mkdtemp(root));
	atexit(remove_root);
	for (size_t i = 0; i < FILES; i++)
		put(i, files[i].text, strlen(files[i].text));
}

static void try_caps(const char *proc)
{
	struct isolat_error err = { 0 };
	struct rdt_caps caps;

	if (rdt_caps_read_with(root, proc, &caps, &err)) {
		check_error(&err);
		EXPECT(!caps.source && !caps.groups);
	} else {
		EXPECT(caps.source && caps.n_groups <= 2);
	}
	rdt_caps_free(&caps);
}

static void try_engine(struct rdt_engine *e)
{
	struct rdt_reading *readings;
	struct rdt_usage *usage;
	char *list, group[RDT_GROUP_PATH];
	struct isolat_error err = { 0 };
	pid_t *tids;
	size_t n;

	if (rdt_engine_read_cpus(e, "isolat-db", &list, &err)) {
		check_error(&err);
		EXPECT(!list);
	}
	free(list);
	if (rdt_engine_read_tasks(e, "isolat-db", &tids, &n, &err)) {
		check_error(&err);
		EXPECT(!tids && !n);
	}
	free(tids);
	if (rdt_engine_read_monitors(e, "isolat-db", &readings, &n, &err)) {
		check_error(&err);
		EXPECT(!readings && !n);
	}
	free(readings);
	if (rdt_engine_read_usage(e, &usage, &n, &err)) {
		check_error(&err);
		EXPECT(!usage && !n);
	}
	free(usage);
	if (rdt_engine_find_task(e, 7, group, &err))
		check_error(&err);
	else
		EXPECT(strlen(group) < sizeof(group));
}

static void try_files(const char *text, size_t length)
{
	char proc[sizeof(root) + 8];
	struct rdt_engine_config config = { .root = root, .proc = proc };
	size_t i = (unsigned char)*text % FILES;
	struct isolat_error err = { 0 };
	struct rdt_engine *e;

	make_root();
	snprintf(proc, sizeof(proc), "%s/proc", root);
	put(i, text + 1, length - 1);
	try_caps(proc);
	EXPECT(!rdt_resctrl_open(&config, &e, &err));
	try_engine(e);
	rdt_engine_close(e);
	put(i, files[i].text, strlen(files[i].text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const readers[])(const char *text, size_t length) = {
		try_schemata, try_tasks,  try_cpu_list, try_group,     try_count,
		try_flock,    try_status, try_files,	try_bit_usage,
	};
	char *text;

	if (size < 2)
		return 0;
	/* Of just that size, so that a byte behind it is seen; without the first one. */
	text = malloc(size - 1);
	EXPECT(text);
	memcpy(text, data + 1, size - 1);
	readers[*data % (sizeof(readers) / sizeof(readers[0]))](text, size - 1);
	free(text);
	return 0;
}
