// SPDX-License-Identifier: BSD-3-Clause
/* The operations of rdt_engine.h, each by asking the helper. */
#include "rdt_pqos.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rdt_pqos_cpus.h"

/* ---- Asking ---- */

const char *pqos_group_word(const char *group)
{
	return *group ? group : "the default group";
}

int pqos_ask(struct rdt_pqos *p, json_t *request, const char *group, json_t **result, struct isolat_error *err)
{
	json_t *answer;

	p->engine.gone = false;
	if (pqos_start_again(p, err)) {
		json_decref(request);
		return -1;
	}
	if (pqos_client_ask(p->client, request, &answer, &p->engine.gone, err)) {
		/* Who reads it knows groups, not classes. */
		if (group && (!*err->object || !strncmp(err->object, "COS", strlen("COS"))))
			snprintf(err->object, sizeof(err->object), "%s", pqos_group_word(group));
		return -1;
	}
	if (result)
		*result = answer;
	else
		json_decref(answer);
	return 0;
}

static int bad_answer(const char *key, struct isolat_error *err)
{
	return isolat_fail(err, ISOLAT_FAILED, "read the answer", PQOS_HELPER, "'%s' in it is not what it should be",
			   key);
}

int pqos_take_numbers(const json_t *result, const char *key, unsigned int **numbers, size_t *n,
		      struct isolat_error *err)
{
	const json_t *list = json_object_get(result, key), *value;
	size_t i;

	*n = json_array_size(list);
	*numbers = calloc(*n + 1, sizeof(**numbers));
	if (!*numbers)
		return isolat_fail(err, ISOLAT_FAILED, "read the answer", PQOS_HELPER, "out of memory");
	json_array_foreach (list, i, value) {
		(*numbers)[i] = (unsigned int)json_integer_value(value);
		if (!json_is_integer(value) || json_integer_value(value) < 0 || json_integer_value(value) > INT_MAX)
			break;
	}
	if (json_is_array(list) && i == *n)
		return 0;
	free(*numbers);
	return bad_answer(key, err);
}

int pqos_read_class(struct rdt_pqos *p, unsigned int cos, const char *group, struct rdt_schemata *s,
		    struct isolat_error *err)
{
	const char *text;
	json_t *result;
	int rc;

	if (pqos_ask(p, json_pack("{ss, si}", "op", "read schemata", "cos", (int)cos), group, &result, err))
		return -1;
	text = json_string_value(json_object_get(result, "text"));
	rc = text ? rdt_schemata_parse(text, strlen(text), pqos_group_word(group), s, err) : bad_answer("text", err);
	json_decref(result);
	return rc;
}

/* The class of a group; -1 with the error filled if there is no such group. */
static int find_class(struct rdt_pqos *p, const char *group, const char *what, struct isolat_error *err)
{
	int cos = pqos_record_find(&p->record, group);

	p->engine.gone = cos < 0;
	return cos < 0 ? isolat_fail(err, ISOLAT_FAILED, what, group, "there is no such group") : cos;
}

/* ---- Groups ---- */

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int list_groups(struct rdt_engine *e, char ***names, size_t *n, struct isolat_error *err)
{
	const struct pqos_record *r = &((struct rdt_pqos *)e)->record;

	e->gone = false;
	*n = 0;
	*names = NULL;
	if (pqos_record_is_empty(r))
		return 0;
	*names = calloc(PQOS_MAX_CLASSES, sizeof(**names));
	for (int cos = 1; *names && cos < PQOS_MAX_CLASSES; cos++) {
		if (!*r->name[cos])
			continue;
		(*names)[*n] = strdup(r->name[cos]);
		if (!(*names)[(*n)++]) {
			while (*n)
				free((*names)[--*n]);
			free(*names);
			*names = NULL;
		}
	}
	if (!*names)
		return isolat_fail(err, ISOLAT_FAILED, "list groups", NULL, "out of memory");
	qsort(*names, *n, sizeof(**names), compare_names);
	return 0;
}

/* Folders, or registers, of classes that isolat has not named: it neither made what is in them nor takes it out. */
static int list_others(struct rdt_engine *e, char ***names, size_t *n, struct isolat_error *err)
{
	const struct rdt_pqos *p = (struct rdt_pqos *)e;

	e->gone = false;
	*n = 0;
	*names = calloc(PQOS_MAX_CLASSES, sizeof(**names));
	for (unsigned int cos = 1; *names && cos < p->classes; cos++) {
		if (*p->record.name[cos])
			continue;
		if (asprintf(&(*names)[*n], "COS%u", cos) < 0) {
			rdt_engine_free_list(*names, *n);
			*names = NULL;
			break;
		}
		++*n;
	}
	return *names ? 0 : isolat_fail(err, ISOLAT_FAILED, "list classes", NULL, "out of memory");
}

/* The class without a name that list_others() calls so; 0 if it is none. */
static unsigned int nameless_class(const struct rdt_pqos *p, const char *group)
{
	char name[16];

	for (unsigned int cos = 1; cos < p->classes; cos++) {
		snprintf(name, sizeof(name), "COS%u", cos);
		if (!*p->record.name[cos] && !strcmp(group, name))
			return cos;
	}
	return 0;
}

/* Takes the lock for one change if the caller has not; *mine then says so. */
static int lock_for_change(struct rdt_pqos *p, bool *mine, struct isolat_error *err)
{
	*mine = !p->locked;
	return *mine ? pqos_lock(p, true, err) : 0;
}

static int clear_class(struct rdt_pqos *p, int cos, const char *group, struct isolat_error *err)
{
	return pqos_ask(p, json_pack("{ss, si}", "op", "clear", "cos", cos), group, NULL, err);
}

/* Gives a class another name, on disk and here. */
static int name_class(struct rdt_pqos *p, int cos, const char *group, struct isolat_error *err)
{
	struct pqos_record changed = p->record;

	snprintf(changed.name[cos], sizeof(changed.name[cos]), "%s", group);
	if (pqos_record_write(p->run, &changed, err))
		return -1;
	p->record = changed;
	return 0;
}

static bool is_utf8(const char *text)
{
	json_t *string = json_string(text);

	json_decref(string);
	return string;
}

static int make_locked(struct rdt_pqos *p, const char *group, struct isolat_error *err)
{
	unsigned int cos;

	if (!is_utf8(group))
		return isolat_fail(err, ISOLAT_USAGE, "make group", group, "the name is no UTF-8");
	if (pqos_record_find(&p->record, group) >= 0)
		return isolat_fail(err, ISOLAT_FAILED, "make group", group, "%s", strerror(EEXIST));
	for (cos = 1; cos < p->classes && *p->record.name[cos]; cos++)
		;
	if (cos >= p->classes)
		return isolat_fail(err, ISOLAT_NO_FIT, "make group", group,
				   "out of CLOSIDs: all of libpqos's %u classes are in use", p->classes);
	if (pqos_check_free(p, cos, err) || clear_class(p, (int)cos, group, err))
		return -1;
	return name_class(p, (int)cos, group, err);
}

static int make_group(struct rdt_engine *e, const char *group, struct isolat_error *err)
{
	struct rdt_pqos *p = (struct rdt_pqos *)e;
	bool mine;
	int rc;

	e->gone = false;
	if (lock_for_change(p, &mine, err))
		return -1;
	rc = make_locked(p, group, err);
	if (mine)
		pqos_unlock(p);
	return rc;
}

static int remove_group(struct rdt_engine *e, const char *group, struct isolat_error *err)
{
	struct rdt_pqos *p = (struct rdt_pqos *)e;
	int cos, rc = -1;
	bool mine;

	if (lock_for_change(p, &mine, err))
		return -1;
	cos = find_class(p, group, "remove group", err);
	if (cos > 0 && !clear_class(p, cos, group, err))
		rc = name_class(p, cos, "", err);
	if (mine)
		pqos_unlock(p);
	return rc;
}

/* ---- Schemata ---- */

static int read_schemata(struct rdt_engine *e, const char *group, struct rdt_schemata *s, struct isolat_error *err)
{
	struct rdt_pqos *p = (struct rdt_pqos *)e;
	int cos = find_class(p, group, "read schemata", err);

	return cos < 0 ? -1 : pqos_read_class(p, (unsigned int)cos, group, s, err);
}

static int parse_changes(const char *group, const char *text, struct rdt_schemata *changes, struct isolat_error *err)
{
	if (rdt_schemata_parse(text, strlen(text), "schemata to write", changes, err)) {
		err->code = ISOLAT_USAGE;
		snprintf(err->what, sizeof(err->what), "write schemata");
		return -1;
	}
	if (!changes->unknown)
		return 0;
	return isolat_fail(err, ISOLAT_FAILED, "write schemata", pqos_group_word(group),
			   "there is a resource in it that isolat does not know");
}

static int write_schemata(struct rdt_engine *e, const char *group, const char *text, struct isolat_error *err)
{
	struct rdt_pqos *p = (struct rdt_pqos *)e;
	int cos = find_class(p, group, "write schemata", err), rc;
	struct rdt_schemata changes;
	char *exact;

	/* The text may be anything, and JSON takes UTF-8 only. */
	if (cos < 0 || parse_changes(group, text, &changes, err))
		return -1;
	exact = rdt_schemata_print(&changes);
	rc = pqos_ask(p, json_pack("{ss, si, ss}", "op", "write schemata", "cos", cos, "text", exact), group, NULL,
		      err);
	free(exact);
	return rc;
}

/* ---- CPUs ---- */

static int compare_numbers(const void *a, const void *b)
{
	unsigned int x = *(const unsigned int *)a, y = *(const unsigned int *)b;

	return (x > y) - (x < y);
}

static int read_cpus(struct rdt_engine *e, const char *group, char **list, struct isolat_error *err)
{
	struct rdt_pqos *p = (struct rdt_pqos *)e;
	int cos = (int)nameless_class(p, group), rc;
	unsigned int *cpus;
	json_t *result;
	size_t n;

	if (!cos)
		cos = find_class(p, group, "read cpus", err);
	e->gone &= cos < 0;
	if (cos < 0 || pqos_ask(p, json_pack("{ss, si}", "op", "read cpus", "cos", cos), group, &result, err))
		return -1;
	rc = pqos_take_numbers(result, "cpus", &cpus, &n, err);
	json_decref(result);
	if (rc)
		return -1;
	qsort(cpus, n, sizeof(*cpus), compare_numbers);
	*list = pqos_cpus_print(cpus, n);
	free(cpus);
	return *list ? 0 : isolat_fail(err, ISOLAT_FAILED, "read cpus", pqos_group_word(group), "out of memory");
}

static json_t *number_array(const unsigned int *numbers, size_t n)
{
	json_t *all = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(all, json_integer(numbers[i]));
	return all;
}

static int write_cpus(struct rdt_engine *e, const char *group, const char *list, struct isolat_error *err)
{
	struct rdt_pqos *p = (struct rdt_pqos *)e;
	int cos = find_class(p, group, "write cpus", err), rc;
	unsigned int *cpus;
	size_t n;

	if (cos < 0)
		return -1;
	if (!pqos_cpus_parse(list, &cpus, &n))
		return isolat_fail(err, ISOLAT_USAGE, "write cpus", pqos_group_word(group),
				   "'%.60s' is no list of CPUs", list);
	rc = pqos_ask(p, json_pack("{ss, si, so}", "op", "write cpus", "cos", cos, "cpus", number_array(cpus, n)),
		      group, NULL, err);
	free(cpus);
	return rc;
}

/* ---- Threads ---- */

static int read_tasks(struct rdt_engine *e, const char *group, pid_t **tids, size_t *n, struct isolat_error *err)
{
	struct rdt_pqos *p = (struct rdt_pqos *)e;
	int cos = find_class(p, group, "read tasks", err), rc;
	unsigned int *numbers;
	json_t *result;

	_Static_assert(sizeof(pid_t) == sizeof(*numbers), "TIDs take the place of numbers");
	if (cos < 0 || pqos_ask(p, json_pack("{ss, si}", "op", "read tasks", "cos", cos), group, &result, err))
		return -1;
	rc = pqos_take_numbers(result, "tids", &numbers, n, err);
	json_decref(result);
	if (rc)
		return -1;
	qsort(numbers, *n, sizeof(*numbers), compare_numbers);
	*tids = (pid_t *)numbers;
	if (!*n) {
		free(numbers);
		*tids = NULL;
	}
	return 0;
}

static int find_task(struct rdt_engine *e, pid_t tid, char group[RDT_GROUP_PATH], struct isolat_error *err)
{
	struct rdt_pqos *p = (struct rdt_pqos *)e;
	json_t *result;
	json_int_t cos;

	if (pqos_ask(p, json_pack("{ss, si}", "op", "find task", "tid", (int)tid), NULL, &result, err))
		return -1;
	cos = json_is_integer(json_object_get(result, "cos")) ? json_integer_value(json_object_get(result, "cos")) : -1;
	json_decref(result);
	if (cos < 0 || cos >= PQOS_MAX_CLASSES)
		return bad_answer("cos", err);
	/* A class without a name can hold what was forked while its group was removed. */
	if (cos && !*p->record.name[cos])
		snprintf(group, RDT_GROUP_PATH, "COS%d", (int)cos);
	else
		snprintf(group, RDT_GROUP_PATH, "%s", p->record.name[cos]);
	return 0;
}

static int move_task(struct rdt_engine *e, const char *group, pid_t tid, struct isolat_error *err)
{
	struct rdt_pqos *p = (struct rdt_pqos *)e;
	int cos = find_class(p, group, "move task", err);

	if (cos < 0)
		return -1;
	return pqos_ask(p, json_pack("{ss, si, si}", "op", "move task", "cos", cos, "tid", (int)tid), group, NULL, err);
}

/* ---- The rest ---- */

static int read_monitors(struct rdt_engine *e, const char *group, struct rdt_reading **readings, size_t *n,
			 struct isolat_error *err)
{
	*readings = NULL;
	*n = 0;
	return find_class((struct rdt_pqos *)e, group, "read monitors", err) < 0 ? -1 : 0;
}

static int lock(struct rdt_engine *e, bool exclusive, struct isolat_error *err)
{
	e->gone = false;
	return pqos_lock((struct rdt_pqos *)e, exclusive, err);
}

static void unlock(struct rdt_engine *e)
{
	pqos_unlock((struct rdt_pqos *)e);
}

#define OPERATIONS(NAME, CPUS_ONLY)                                                                                 \
	{                                                                                                           \
		.name = (NAME), .cpus_only = (CPUS_ONLY), .close = pqos_close, .lock = lock, .unlock = unlock,      \
		.read_caps = pqos_read_caps, .list = list_groups, .list_others = list_others, .make = make_group,   \
		.remove = remove_group, .read_schemata = read_schemata, .write_schemata = write_schemata,           \
		.read_cpus = read_cpus, .write_cpus = write_cpus, .read_tasks = read_tasks, .find_task = find_task, \
		.move_task = move_task, .read_monitors = read_monitors,                                             \
	}

const struct rdt_engine_ops rdt_pqos_os_ops = OPERATIONS("pqos-os", false);
const struct rdt_engine_ops rdt_pqos_msr_ops = OPERATIONS("pqos-msr", true);
