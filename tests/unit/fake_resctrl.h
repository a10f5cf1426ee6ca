/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A folder that looks like a resctrl, for tests of its engine, each of which gets a new one. What a folder cannot
 * answer, the kernel's refusals, comes from write(), mkdirat(), unlinkat() and geteuid() of this file, which stand
 * before libc's: they count what is written, and fail as they are told.
 */
#ifndef ISOLAT_TESTS_FAKE_RESCTRL_H
#define ISOLAT_TESTS_FAKE_RESCTRL_H

#include <errno.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <cmocka.h>

#include "rdt_engine.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define OWN	      "isolat-db"

static char temp[] = "/tmp/test_rdt_resctrl.XXXXXX";
static struct rdt_engine *engine;
static struct isolat_error err;

/* ---- The folder ---- */

static inline const char *in_temp(const char *name)
{
	static char path[2][1024];
	static int turn;

	turn = !turn;
	assert_true(snprintf(path[turn], sizeof(path[turn]), "%s/%s", temp, name) < (int)sizeof(path[turn]));
	return path[turn];
}

static inline void make_folder(const char *name)
{
	assert_int_equal(mkdir(in_temp(name), 0755), 0);
}

static inline void put(const char *name, const char *text)
{
	FILE *out = fopen(in_temp(name), "w");

	assert_non_null(out);
	fputs(text, out);
	assert_int_equal(fclose(out), 0);
}

static inline void assert_file(const char *name, const char *text)
{
	char bytes[4096];
	FILE *in = fopen(in_temp(name), "r");

	assert_non_null(in);
	bytes[fread(bytes, 1, sizeof(bytes) - 1, in)] = '\0';
	fclose(in);
	assert_string_equal(bytes, text);
}

static inline int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

static inline void drop(const char *name)
{
	assert_int_equal(nftw(in_temp(name), remove_entry, 16, FTW_DEPTH | FTW_PHYS), 0);
}

/* ---- What stands before libc ---- */

static struct {
	const char *call; /* that fails; NULL: none */
	int code;	  /* 0: it takes one byte less */
	const char *status;
	const char *vanishes; /* a folder that goes at that moment */
	uid_t uid;
	unsigned int writes;
	char written[256];
} kernel;

static inline bool fails(const char *call)
{
	if (!kernel.call || strcmp(kernel.call, call))
		return false;
	if (kernel.status)
		put("resctrl/info/last_cmd_status", kernel.status);
	if (kernel.vanishes)
		drop(kernel.vanishes);
	errno = kernel.code;
	return true;
}

ssize_t write(int fd, const void *bytes, size_t n)
{
	if (fd <= STDERR_FILENO)
		return syscall(SYS_write, fd, bytes, n);
	kernel.writes++;
	snprintf(kernel.written, sizeof(kernel.written), "%.*s", (int)n, (const char *)bytes);
	if (fails("write"))
		return kernel.code ? -1 : (ssize_t)n - 1;
	return syscall(SYS_write, fd, bytes, n);
}

int mkdirat(int dir, const char *path, mode_t mode)
{
	return fails("mkdirat") ? -1 : (int)syscall(SYS_mkdirat, dir, path, mode);
}

int unlinkat(int dir, const char *path, int flags)
{
	return fails("unlinkat") ? -1 : (int)syscall(SYS_unlinkat, dir, path, flags);
}

uid_t geteuid(void)
{
	return kernel.uid;
}

/* ---- Before and behind each test ---- */

static inline int open_engine(const char *root, const char *proc, unsigned int lock_ms)
{
	char root_path[64], proc_path[64];
	struct rdt_engine_config config = { .root = root_path, .lock_ms = lock_ms };

	snprintf(root_path, sizeof(root_path), "%s", in_temp(root));
	if (proc) {
		snprintf(proc_path, sizeof(proc_path), "%s", in_temp(proc));
		config.proc = proc_path;
	}
	memset(&err, 0, sizeof(err));
	return rdt_engine_open("resctrl", &config, &engine, &err);
}

static inline void make_group(const char *name)
{
	char path[512];

	snprintf(path, sizeof(path), "resctrl/%s", name);
	make_folder(path);
	snprintf(path, sizeof(path), "resctrl/%s/schemata", name);
	put(path, "    MB:0= 100;1= 100\n    L3:0=0fff;1=0fff\n");
	snprintf(path, sizeof(path), "resctrl/%s/cpus_list", name);
	put(path, "\n");
	snprintf(path, sizeof(path), "resctrl/%s/tasks", name);
	put(path, "");
}

static inline int set_up(void **state)
{
	memset(&kernel, 0, sizeof(kernel));
	strcpy(temp + strlen(temp) - 6, "XXXXXX");
	if (!mkdtemp(temp))
		return -1;
	make_folder("resctrl");
	make_folder("resctrl/info");
	make_folder("resctrl/mon_groups");
	put("resctrl/info/last_cmd_status", "ok\n");
	make_group(OWN);
	put("resctrl/schemata", "    MB:0= 100;1= 100\n    L3:0=0fff;1=0fff\n");
	put("resctrl/cpus_list", "0-3,8\n");
	put("resctrl/tasks", "1\n2\n30\n");
	return open_engine("resctrl", NULL, 0);
}

static inline int tear_down(void **state)
{
	rdt_engine_close(engine);
	engine = NULL;
	return nftw(temp, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static inline void reopen(const char *proc, unsigned int lock_ms)
{
	rdt_engine_close(engine);
	assert_int_equal(open_engine("resctrl", proc, lock_ms), 0);
}

static inline void assert_failed(int rc, enum isolat_code code, const char *what, const char *object,
				 const char *reason)
{
	const char *end;

	assert_int_equal(rc, -1);
	assert_int_equal(err.code, code);
	assert_string_equal(err.what, what);
	assert_string_equal(err.reason, reason);
	end = strstr(err.object, object);
	assert_true(end && strlen(end) == strlen(object));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

#endif
