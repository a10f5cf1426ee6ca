// SPDX-License-Identifier: BSD-3-Clause
/*
 * engine ENGINE OPERATION [ARGUMENT...] [, OPERATION [ARGUMENT...]]...
 *
 * rdt_engine.h from the command line, for tests: opens ENGINE, does the operations one after another, and closes it.
 * "-" is the default group. Each failure is a line "error: CODE WHAT: OBJECT: REASON", with " (gone)" behind it, and
 * the next operation comes; the exit status is 0 when none failed, that of the first failure else. ENGINE_RUN in the
 * environment is the folder for the engine's own records.
 *
 *   list                     a group a line
 *   make GROUP, remove GROUP
 *   schemata GROUP           its text
 *   write GROUP LINE...      LINE: "L3:0=f;1=f0"
 *   cpus GROUP               "CPUs LIST"
 *   assign GROUP LIST        CPUs
 *   tasks GROUP              a TID a line
 *   find TID                 its group
 *   move GROUP TID
 *   caps                     as JSON
 *   monitors GROUP           "DOMAIN OCCUPIED TOTAL LOCAL" a line, "-" for what is not available
 *   lock shared|exclusive, unlock
 *   wait                     until stdin ends
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rdt_engine.h"

static struct rdt_engine *engine;
static struct isolat_error err;

static const char *group_of(const char *arg)
{
	return strcmp(arg, "-") ? arg : "";
}

/* ---- Operations: 0, or -1 with err filled ---- */

static int do_list(char **args)
{
	char **names;
	size_t n;

	if (rdt_engine_list(engine, &names, &n, &err))
		return -1;
	for (size_t i = 0; i < n; i++)
		puts(names[i]);
	rdt_engine_free_list(names, n);
	return 0;
}

static int do_make(char **args)
{
	return rdt_engine_make(engine, group_of(args[0]), &err);
}

static int do_remove(char **args)
{
	return rdt_engine_remove(engine, group_of(args[0]), &err);
}

static int do_schemata(char **args)
{
	struct rdt_schemata s;
	char *text;

	if (rdt_engine_read_schemata(engine, group_of(args[0]), &s, &err))
		return -1;
	text = rdt_schemata_print(&s);
	fputs(text ? text : "", stdout);
	free(text);
	return 0;
}

static int do_write(char **args)
{
	char text[4096] = "";
	size_t used = 0;

	for (char **line = args + 1; *line; line++)
		used += (size_t)snprintf(text + used, used < sizeof(text) ? sizeof(text) - used : 0, "%s\n", *line);
	return rdt_engine_write_schemata(engine, group_of(args[0]), text, &err);
}

static int do_cpus(char **args)
{
	char *list;

	if (rdt_engine_read_cpus(engine, group_of(args[0]), &list, &err))
		return -1;
	printf("CPUs %s\n", list);
	free(list);
	return 0;
}

static int do_assign(char **args)
{
	return rdt_engine_write_cpus(engine, group_of(args[0]), args[1], &err);
}

static int do_tasks(char **args)
{
	pid_t *tids;
	size_t n;

	if (rdt_engine_read_tasks(engine, group_of(args[0]), &tids, &n, &err))
		return -1;
	for (size_t i = 0; i < n; i++)
		printf("%d\n", tids[i]);
	free(tids);
	return 0;
}

static int do_find(char **args)
{
	char group[RDT_GROUP_PATH];

	if (rdt_engine_find_task(engine, atoi(args[0]), group, &err))
		return -1;
	puts(*group ? group : "-");
	return 0;
}

static int do_move(char **args)
{
	return rdt_engine_move_task(engine, group_of(args[0]), atoi(args[1]), &err);
}

static int do_caps(char **args)
{
	struct rdt_caps caps;
	json_t *value;

	if (rdt_engine_read_caps(engine, &caps, &err))
		return -1;
	value = rdt_caps_to_json(&caps);
	json_dumpf(value, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(value);
	rdt_caps_free(&caps);
	return 0;
}

static int do_monitors(char **args)
{
	struct rdt_reading *readings;
	size_t n;

	if (rdt_engine_read_monitors(engine, group_of(args[0]), &readings, &n, &err))
		return -1;
	for (size_t i = 0; i < n; i++) {
		printf("%u", readings[i].domain);
		for (int event = 0; event < RDT_EVENTS; event++) {
			if (readings[i].available[event])
				printf(" %" PRIu64, readings[i].bytes[event]);
			else
				printf(" -");
		}
		putchar('\n');
	}
	free(readings);
	return 0;
}

static int do_lock(char **args)
{
	return rdt_engine_lock(engine, !strcmp(args[0], "exclusive"), &err);
}

static int do_unlock(char **args)
{
	rdt_engine_unlock(engine);
	return 0;
}

static int do_wait(char **args)
{
	char byte;

	puts("waiting");
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	return 0;
}

static const struct {
	const char *name;
	int args; /* at least */
	int (*run)(char **args);
} operations[] = {
	{ "list", 0, do_list },		{ "make", 1, do_make },	    { "remove", 1, do_remove },
	{ "schemata", 1, do_schemata }, { "write", 2, do_write },   { "cpus", 1, do_cpus },
	{ "assign", 2, do_assign },	{ "tasks", 1, do_tasks },   { "find", 1, do_find },
	{ "move", 2, do_move },		{ "caps", 0, do_caps },	    { "monitors", 1, do_monitors },
	{ "lock", 1, do_lock },		{ "unlock", 0, do_unlock }, { "wait", 0, do_wait },
};

static int say(bool gone)
{
	printf("error: %d %s: %s: %s%s\n", err.code, err.what, err.object, err.reason, gone ? " (gone)" : "");
	if (*err.hint)
		fprintf(stderr, "hint: %s\n", err.hint);
	return err.code;
}

/* @args end in a NULL. Returns an exit status. */
static int run(char **args, int n)
{
	for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
		if (strcmp(operations[i].name, args[0]) || n - 1 < operations[i].args)
			continue;
		return operations[i].run(args + 1) ? say(rdt_engine_is_gone(engine)) : 0;
	}
	fprintf(stderr, "engine: '%s' is no operation, or has too few arguments\n", args[0]);
	return ISOLAT_USAGE;
}

static int run_all(char **args, int n)
{
	int status = 0;

	for (int from = 0, to; from < n; from = to + 1) {
		int one;

		for (to = from; to < n && strcmp(args[to], ","); to++)
			;
		args[to] = NULL;
		one = to > from ? run(args + from, to - from) : 0;
		fflush(stdout);
		status = status ? status : one;
	}
	return status;
}

int main(int argc, char **argv)
{
	const struct rdt_engine_config config = { .run = getenv("ENGINE_RUN"), .lock_ms = 2000 };
	int status;

	if (argc < 3) {
		fprintf(stderr, "usage: engine ENGINE OPERATION [ARGUMENT...] [, OPERATION [ARGUMENT...]]...\n");
		return ISOLAT_USAGE;
	}
	if (rdt_engine_open(argv[1], &config, &engine, &err))
		return say(false);
	status = run_all(argv + 2, argc - 2);
	rdt_engine_close(engine);
	return status;
}
