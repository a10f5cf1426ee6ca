// SPDX-License-Identifier: BSD-3-Clause
/*
 * isolat-pqos: the process that libpqos lives in. isolat's pqos engines start it (rdt_pqos_client.h says why); nobody
 * calls it by hand. Requests come on stdin, a JSON object a line, and each gets one line of answer on stdout, until
 * stdin ends. The first has to be "start libpqos":
 *
 *   {"op": "start libpqos", "interface": "os"|"msr", "root": ROOT, "unit": UNIT}
 *                                                    -> {"classes", "l3": [ID...], "l2": [ID...], "mb": [ID...]}
 *   {"op": "caps"}                                   -> as rdt_caps_to_json()
 *   {"op": "read schemata", "cos": N}                -> {"text"}
 *   {"op": "write schemata", "cos": N, "text": TEXT} -> {}
 *   {"op": "read cpus", "cos": N}                    -> {"cpus": [CPU...]}
 *   {"op": "write cpus", "cos": N, "cpus": [CPU...]} -> {}
 *   {"op": "read tasks", "cos": N}                   -> {"tids": [TID...]}
 *   {"op": "find task", "tid": TID}                  -> {"cos": N}
 *   {"op": "move task", "cos": N, "tid": TID}        -> {}
 *   {"op": "clear", "cos": N}                        -> {}
 *
 * UNIT is that of MB, as rdt_mb_unit_name() calls it. ROOT must be LIBPQOS_ROOT.
 */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pqos_helper_host.h"

struct request {
	json_t *root;
	const char *op;
	unsigned int cos;
	pid_t tid;
	bool *gone;
};

static struct pqos_host host;
static bool is_open;

static int bad_request(const struct request *r, const char *why, struct isolat_error *err)
{
	return isolat_fail(err, ISOLAT_USAGE, "ask isolat-pqos", r->op, "%s", why);
}

static int no_memory(const struct request *r, struct isolat_error *err)
{
	return isolat_fail(err, ISOLAT_FAILED, r->op, NULL, "out of memory");
}

static const char *text_of(const struct request *r, const char *key)
{
	const char *text = json_string_value(json_object_get(r->root, key));

	return text ? text : "";
}

/* @numbers as JSON; it is freed. */
static json_t *list(unsigned int *numbers, size_t n)
{
	json_t *all = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(all, json_integer(numbers[i]));
	free(numbers);
	return all;
}

static json_t *list_ids(const struct pqos_ids *ids)
{
	json_t *all = json_array();

	for (unsigned int i = 0; i < ids->n; i++)
		json_array_append_new(all, json_integer(ids->id[i]));
	return all;
}

/* ---- The operations ---- */

static int do_open(const struct request *r, json_t **result, struct isolat_error *err)
{
	bool msr = !strcmp(text_of(r, "interface"), "msr");
	enum rdt_mb_unit unit = RDT_MB_PERCENT;

	if (is_open || (!msr && strcmp(text_of(r, "interface"), "os")))
		return bad_request(r, "once, and \"os\" or \"msr\"", err);
	if (!msr && strcmp(text_of(r, "root"), LIBPQOS_ROOT))
		return isolat_fail(err, ISOLAT_USAGE, "start libpqos over resctrl", text_of(r, "root"),
				   "libpqos knows no other place than %s", LIBPQOS_ROOT);
	rdt_mb_unit_find(text_of(r, "unit"), &unit);
	if (pqos_host_open(&host, msr, unit, err))
		return -1;
	is_open = true;
	*result = json_pack("{si, so, so, so}", "classes", (int)host.classes, "l3", list_ids(&host.l3_ids), "l2",
			    list_ids(&host.l2_ids), "mb", list_ids(&host.mb_ids));
	return 0;
}

static int do_caps(const struct request *r, json_t **result, struct isolat_error *err)
{
	struct rdt_caps caps;

	if (pqos_host_read_caps(&host, &caps, err))
		return -1;
	*result = rdt_caps_to_json(&caps);
	rdt_caps_free(&caps);
	return 0;
}

static int do_read_schemata(const struct request *r, json_t **result, struct isolat_error *err)
{
	struct rdt_schemata s;
	char *text;

	if (pqos_host_read(&host, r->cos, &s, err))
		return -1;
	text = rdt_schemata_print(&s);
	*result = text ? json_pack("{ss}", "text", text) : NULL;
	free(text);
	return 0;
}

static int do_write_schemata(const struct request *r, json_t **result, struct isolat_error *err)
{
	struct rdt_schemata changes;
	const char *text = text_of(r, "text");

	if (rdt_schemata_parse(text, strlen(text), "schemata", &changes, err))
		return -1;
	return pqos_host_write(&host, r->cos, &changes, err);
}

static int do_read_cpus(const struct request *r, json_t **result, struct isolat_error *err)
{
	unsigned int *cpus;
	size_t n;

	if (pqos_host_read_cpus(&host, r->cos, &cpus, &n, err))
		return -1;
	*result = json_pack("{so}", "cpus", list(cpus, n));
	return 0;
}

static int do_write_cpus(const struct request *r, json_t **result, struct isolat_error *err)
{
	const json_t *wanted = json_object_get(r->root, "cpus");
	size_t n = json_array_size(wanted);
	unsigned int *cpus = calloc(n + 1, sizeof(*cpus));
	int rc;

	if (!cpus)
		return no_memory(r, err);
	for (size_t i = 0; i < n; i++)
		cpus[i] = (unsigned int)json_integer_value(json_array_get(wanted, i));
	rc = pqos_host_write_cpus(&host, r->cos, cpus, n, err);
	free(cpus);
	return rc;
}

static int do_read_tasks(const struct request *r, json_t **result, struct isolat_error *err)
{
	unsigned int *tids;
	size_t n;

	if (pqos_host_read_tasks(&host, r->cos, &tids, &n, err))
		return -1;
	*result = json_pack("{so}", "tids", list(tids, n));
	return 0;
}

static int do_find_task(const struct request *r, json_t **result, struct isolat_error *err)
{
	unsigned int cos;

	if (pqos_host_find_task(&host, r->tid, &cos, r->gone, err))
		return -1;
	*result = json_pack("{si}", "cos", (int)cos);
	return 0;
}

static int do_move_task(const struct request *r, json_t **result, struct isolat_error *err)
{
	return pqos_host_move_task(&host, r->tid, r->cos, r->gone, err);
}

static int do_clear(const struct request *r, json_t **result, struct isolat_error *err)
{
	return pqos_host_clear(&host, r->cos, err);
}

static const struct {
	const char *name;
	int (*run)(const struct request *r, json_t **result, struct isolat_error *err);
	bool quiet; /* it has nothing to tell */
} operations[] = {
	{ "start libpqos", do_open, false },	      { "caps", do_caps, false },
	{ "read schemata", do_read_schemata, false }, { "write schemata", do_write_schemata, true },
	{ "read cpus", do_read_cpus, false },	      { "write cpus", do_write_cpus, true },
	{ "read tasks", do_read_tasks, false },	      { "find task", do_find_task, false },
	{ "move task", do_move_task, true },	      { "clear", do_clear, true },
};

/* ---- Requests ---- */

static int run(const struct request *r, json_t **result, struct isolat_error *err)
{
	size_t i;

	for (i = 0; i < sizeof(operations) / sizeof(operations[0]) && strcmp(operations[i].name, r->op); i++)
		;
	if (i == sizeof(operations) / sizeof(operations[0]))
		return bad_request(r, "there is no such operation", err);
	if (i && !is_open)
		return bad_request(r, "the first operation is to start libpqos", err);
	if (is_open && r->cos >= host.classes)
		return bad_request(r, "there is no such class", err);
	if (operations[i].run(r, result, err))
		return -1;
	if (operations[i].quiet)
		*result = json_object();
	return *result ? 0 : no_memory(r, err);
}

static json_t *error_json(const struct isolat_error *err, bool gone)
{
	return json_pack("{s{si, ss, ss, ss, ss, sb}}", "error", "code", (int)err->code, "what", err->what, "object",
			 err->object, "reason", err->reason, "hint", err->hint, "gone", (int)gone);
}

static bool answer(FILE *out, const char *line, size_t length)
{
	bool gone = false, written;
	struct request r = { .root = json_loadb(line, length, 0, NULL), .gone = &gone };
	struct isolat_error err = { 0 };
	json_t *result = NULL, *reply;

	r.op = text_of(&r, "op");
	r.cos = (unsigned int)json_integer_value(json_object_get(r.root, "cos"));
	r.tid = (pid_t)json_integer_value(json_object_get(r.root, "tid"));
	if (run(&r, &result, &err))
		reply = error_json(&err, gone);
	else
		reply = json_pack("{so}", "ok", result);
	written = reply && !json_dumpf(reply, out, JSON_COMPACT) && fputc('\n', out) != EOF && !fflush(out);
	json_decref(reply);
	json_decref(r.root);
	return written;
}

/* stdout is the line to isolat: what libpqos may print goes where its messages go. */
static FILE *take_stdout(void)
{
	int fd = dup(STDOUT_FILENO);

	if (fd < 0 || dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
		return NULL;
	return fdopen(fd, "w");
}

int main(int argc, char **argv)
{
	char *line = NULL;
	size_t room = 0;
	ssize_t length;
	FILE *out;

	if (argc > 1) {
		fprintf(stderr, "%s: isolat's pqos engines start this; see isolat(1)\n", argv[0]);
		return ISOLAT_USAGE;
	}
	out = take_stdout();
	if (!out) {
		fprintf(stderr, "isolat-pqos: stdout: %s\n", strerror(errno));
		return ISOLAT_FAILED;
	}
	/* It would choose the interface in our place. */
	unsetenv("RDT_IFACE");
	while ((length = getline(&line, &room, stdin)) > 0 && answer(out, line, (size_t)length))
		;
	free(line);
	if (is_open)
		pqos_host_close(&host);
	fclose(out);
	return 0;
}
