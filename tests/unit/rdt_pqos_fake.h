/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * For tests of the libpqos engines: a helper that is a shell script, over a folder that looks like resctrl. What it is
 * asked is in FOLDER/asked; a file FOLDER/say has the answer to everything but "start libpqos", FOLDER/opened that to
 * it. Like libpqos it makes folders COS1 to COS3; unlike those of resctrl they can only be removed without their files,
 * so it empties them when it ends and none has a name.
 */
#ifndef ISOLAT_TEST_RDT_PQOS_FAKE_H
#define ISOLAT_TEST_RDT_PQOS_FAKE_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "rdt_pqos.h"

#define OPENED "{\"ok\":{\"classes\":4,\"l3\":[1,0],\"l2\":[],\"mb\":[0,1]}}"

static char dir[] = "/tmp/isolat-test-XXXXXX";
static char root[64], proc[64], run[64], program[64];
static struct rdt_engine_config config;
static struct rdt_pqos_helper helper;
static struct rdt_engine *e;
static struct isolat_error err;

/* ---- Files ---- */

__attribute__((format(printf, 1, 2))) static inline const char *path_to(const char *format, ...)
{
	static char path[PATH_MAX];
	size_t used = (size_t)snprintf(path, sizeof(path), "%s/", dir);
	va_list ap;

	va_start(ap, format);
	vsnprintf(path + used, sizeof(path) - used, format, ap);
	va_end(ap);
	return path;
}

static inline void put(const char *name, const char *text)
{
	FILE *file = fopen(path_to("%s", name), "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static inline const char *get(const char *name)
{
	static char text[8192];
	FILE *file = fopen(path_to("%s", name), "r");
	size_t n = file ? fread(text, 1, sizeof(text) - 1, file) : 0;

	if (file)
		fclose(file);
	text[n] = '\0';
	return file ? text : NULL;
}

static inline void make_folder(const char *name)
{
	assert_int_equal(mkdir(path_to("%s", name), 0755), 0);
}

/* What resctrl's root has, but for its files: "COS1 COS2 info". */
static inline const char *folders(void)
{
	static char all[1024];
	struct dirent **entries;
	int n = scandir(root, &entries, NULL, alphasort);

	*all = '\0';
	for (int i = 0; i < n; i++) {
		if (entries[i]->d_type == DT_DIR && *entries[i]->d_name != '.')
			strcat(strcat(all, *all ? " " : ""), entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	return all;
}

static const char fake[] =
	"#!/bin/sh\n"
	"cd ${0%/*}\n"
	"empty() { rm -f root/COS[1-3]/schemata; }\n"
	/* Read whole before any of it is out: the test then puts the next one there. */
	"tell() { text=$(cat $1); printf '%s\\n' \"$text\"; }\n"
	"while read -r line; do\n"
	"	printf '%s\\n' \"$line\" >>asked\n"
	"	case $line in\n"
	"	*'\"start libpqos\",\"interface\":\"os\"'*)\n"
	"		mkdir -p root/COS1 root/COS2 root/COS3\n"
	"		for cos in 1 2 3; do [ -e root/COS$cos/schemata ] || cp root/schemata root/COS$cos; done\n"
	"		tell opened ;;\n"
	"	*'\"start libpqos\"'*) tell opened ;;\n"
	"	*)	[ ! -e die ] || { empty; kill -SEGV $$; }\n"
	"		if [ -e say ]; then tell say; else echo '{\"ok\":{}}'; fi ;;\n"
	"	esac\n"
	"done\n"
	"if grep -q '\"groups\":{}' run/pqos-groups; then empty; fi\n";

/* Makes a group's folder as it would be in resctrl. */
static inline void make_group(const char *name)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "root/%s", name);
	make_folder(path);
	snprintf(path, sizeof(path), "root/%s/schemata", name);
	put(path, "MB:0=100;1=100\nL3:0=fff;1=fff\n");
}

static inline void remove_group_folder(const char *name)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "root/%s/schemata", name);
	assert_int_equal(unlink(path_to("%s", path)), 0);
	assert_int_equal(rmdir(path_to("root/%s", name)), 0);
}

static inline void make_resctrl(void)
{
	make_folder("root/info");
	make_folder("root/info/L3");
	put("root/info/L3/cbm_mask", "fff\n");
	put("root/info/L3/min_cbm_bits", "1\n");
	put("root/info/L3/num_closids", "4\n");
	put("root/info/L3/shareable_bits", "c00\n");
	make_folder("root/info/MB");
	put("root/info/MB/num_closids", "4\n");
	put("root/info/MB/min_bandwidth", "10\n");
	put("root/info/MB/bandwidth_gran", "10\n");
	put("root/info/MB/delay_linear", "1\n");
	put("root/schemata", "    MB:0= 100;1= 100\n    L3:0=fff;1=fff\n");
}

static inline int setup(void **state)
{
	strcpy(dir + strlen(dir) - 6, "XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(root, sizeof(root), "%s/root", dir);
	snprintf(proc, sizeof(proc), "%s/proc", dir);
	snprintf(run, sizeof(run), "%s/run", dir);
	snprintf(program, sizeof(program), "%s/helper", dir);
	config = (struct rdt_engine_config){ .root = root, .proc = proc, .run = run, .lock_ms = 30 };
	helper = (struct rdt_pqos_helper){ .program = program, .answer_ms = 20000 };
	make_folder("root");
	make_folder("proc");
	make_resctrl();
	put("proc/filesystems", "nodev\tsysfs\nnodev\tresctrl\n");
	put("opened", OPENED "\n");
	put("helper", fake);
	return chmod(program, 0755);
}

static inline void close_engine(void)
{
	if (e)
		e->ops->close(e);
	e = NULL;
}

static inline int teardown(void **state)
{
	char command[64];

	close_engine();
	snprintf(command, sizeof(command), "rm -r %s", dir);
	return system(command);
}

/* ---- Steps ---- */

static inline void open_engine(const char *name)
{
	memset(&err, 0, sizeof(err));
	if (rdt_pqos_open_with(name, &config, &helper, &e, &err))
		fail_msg("%s: %s: %s", err.what, err.object, err.reason);
}

static inline void open_fails(const char *name, enum isolat_code code, const char *object, const char *reason)
{
	memset(&err, 0, sizeof(err));
	assert_int_equal(rdt_pqos_open_with(name, &config, &helper, &e, &err), -1);
	assert_null(e);
	assert_int_equal(err.code, code);
	assert_string_equal(err.object, object);
	if (!strstr(err.reason, reason))
		fail_msg("'%s' is not in '%s'", reason, err.reason);
}

static inline void make(const char *group)
{
	assert_int_equal(e->ops->make(e, group, &err), 0);
	assert_false(e->gone);
}

static inline void assert_error(enum isolat_code code, const char *object, const char *reason, bool gone)
{
	assert_int_equal(err.code, code);
	assert_string_equal(err.object, object);
	assert_string_equal(err.reason, reason);
	assert_int_equal(e->gone, gone);
}

static inline const char *groups(void)
{
	static char all[4096];
	char **names;
	size_t n;

	assert_int_equal(e->ops->list(e, &names, &n, &err), 0);
	assert_true(n ? names != NULL : names == NULL);
	*all = '\0';
	for (size_t i = 0; i < n; i++) {
		strcat(strcat(all, *all ? " " : ""), names[i]);
		free(names[i]);
	}
	free(names);
	return all;
}

#endif
