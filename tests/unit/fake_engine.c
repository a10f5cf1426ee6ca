// SPDX-License-Identifier: BSD-3-Clause
#include "fake_engine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cpu_list.h"

#define fake_of(e) ((struct fake_engine *)(e))

static const struct rdt_engine_ops ops;

/* A test has no use for what cannot be had. */
static void *need(void *memory)
{
	if (!memory)
		abort();
	return memory;
}

static int refuse(struct fake_engine *fake, int error, const char *what, const char *object, struct isolat_error *err)
{
	fake->engine.gone = error == ENOENT || error == ESRCH;
	return isolat_fail(err, error == ENOSPC ? ISOLAT_NO_FIT : ISOLAT_FAILED, what, object, "%s", strerror(error));
}

/* ---- Groups ---- */

static bool is_free(const struct fake_engine *fake, unsigned int i)
{
	return i && !fake->group[i].name[0];
}

/* FAKE_GROUPS: there is none. */
static unsigned int find_group(const struct fake_engine *fake, const char *name)
{
	unsigned int i = 0;

	while (*name && ++i < FAKE_GROUPS && strcmp(fake->group[i].name, name))
		;
	return i;
}

static unsigned int group_of(const struct fake_engine *fake, const char *name)
{
	unsigned int i = find_group(fake, name);

	if (i == FAKE_GROUPS)
		abort();
	return i;
}

static struct fake_task *find_task(const struct fake_engine *fake, pid_t tid)
{
	for (size_t i = 0; i < fake->n_tasks; i++) {
		if (fake->task[i].tid == tid)
			return (struct fake_task *)&fake->task[i];
	}
	return NULL;
}

static bool is_monitor(const struct fake_engine *fake, unsigned int i)
{
	return rdt_group_monitor(fake->group[i].name);
}

/* The control group that a group is of: itself, unless it is a monitor group. FAKE_GROUPS: there is none. */
static unsigned int control_of(const struct fake_engine *fake, const char *name)
{
	char control[RDT_GROUP_PATH];

	snprintf(control, sizeof(control), "%.*s", (int)rdt_group_control(name), name);
	return find_group(fake, control);
}

static unsigned int count_groups(const struct fake_engine *fake, bool monitors)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < FAKE_GROUPS; i++)
		n += !is_free(fake, i) && is_monitor(fake, i) == monitors;
	return n;
}

/* ---- Writes ---- */

__attribute__((format(printf, 2, 3))) static void note(struct fake_engine *fake, const char *format, ...)
{
	char *line, *log;
	va_list ap;

	va_start(ap, format);
	if (vasprintf(&line, format, ap) < 0)
		abort();
	va_end(ap);
	if (asprintf(&log, "%s%s\n", fake->log, line) < 0)
		abort();
	free(line);
	free(fake->log);
	fake->log = log;
}

/* Counts a write. Returns what errno it is to fail with, or 0. */
static int begin(struct fake_engine *fake, enum fake_call call)
{
	fake->calls[call]++;
	fake->writes++;
	if (fake->around)
		fake->around(fake, fake->writes, false, fake->data);
	return fake->writes == fake->fail_write ? fake->fail_errno : 0;
}

static int end(struct fake_engine *fake, int error, const char *what, const char *object, struct isolat_error *err)
{
	if (fake->around)
		fake->around(fake, fake->writes, true, fake->data);
	return error ? refuse(fake, error, what, object, err) : 0;
}

static int make_group(struct fake_engine *fake, const char *name)
{
	bool monitor = rdt_group_monitor(name);
	unsigned int i = 1;

	if (find_group(fake, name) != FAKE_GROUPS)
		return EEXIST;
	if (monitor && control_of(fake, name) == FAKE_GROUPS)
		return ENOENT;
	while (i < FAKE_GROUPS && !is_free(fake, i))
		i++;
	if (i == FAKE_GROUPS || count_groups(fake, monitor) >= (monitor ? fake->monitors : fake->closids))
		return ENOSPC;
	snprintf(fake->group[i].name, sizeof(fake->group[i].name), "%s", name);
	fake->group[i].schemata = fake->most;
	return 0;
}

static int make(struct rdt_engine *e, const char *group, struct isolat_error *err)
{
	struct fake_engine *fake = fake_of(e);
	int error = begin(fake, FAKE_MAKE);

	if (!error)
		error = make_group(fake, group);
	if (!error)
		note(fake, "make %s", group);
	return end(fake, error, "make group", group, err);
}

static int remove_group(struct fake_engine *fake, const char *name)
{
	unsigned int group = find_group(fake, name), heir;

	if (group == FAKE_GROUPS)
		return ENOENT;
	heir = is_monitor(fake, group) ? control_of(fake, name) : 0;
	for (unsigned int i = 1; i < FAKE_GROUPS; i++) {
		if (i != group && !is_free(fake, i) && control_of(fake, fake->group[i].name) == group)
			remove_group(fake, fake->group[i].name);
	}
	for (size_t i = 0; i < fake->n_tasks; i++) {
		if (fake->task[i].group == group)
			fake->task[i].group = heir;
	}
	for (unsigned int i = 0; i < fake->cpus; i++) {
		if (fake->cpu_group[i] == group)
			fake->cpu_group[i] = 0;
	}
	fake->group[group] = (struct fake_group){ 0 };
	return 0;
}

static int rmdir_group(struct rdt_engine *e, const char *group, struct isolat_error *err)
{
	struct fake_engine *fake = fake_of(e);
	int error = begin(fake, FAKE_REMOVE);

	if (!error)
		error = remove_group(fake, group);
	if (!error)
		note(fake, "remove %s", group);
	return end(fake, error, "remove group", group, err);
}

static bool is_bandwidth(enum rdt_schema schema)
{
	return schema == RDT_SCHEMA_MB || schema == RDT_SCHEMA_SMBA;
}

static bool is_in_range(enum rdt_schema schema, uint64_t value, uint64_t most)
{
	uint64_t run = value ? value >> __builtin_ctzll(value) : 1;

	if (is_bandwidth(schema))
		return value && value <= most;
	return value && !(value & ~most) && !(run & (run + 1));
}

static int check_lines(const struct fake_engine *fake, const struct rdt_schemata *changes)
{
	for (enum rdt_schema schema = 0; schema < RDT_SCHEMAS; schema++) {
		const struct rdt_group_masks *line = &changes->line[schema];

		for (unsigned int i = 0; i < line->n; i++) {
			if (!is_in_range(schema, line->value[i], fake->most.line[schema].value[0]))
				return EINVAL;
		}
	}
	return 0;
}

static void round_up(const struct fake_engine *fake, struct rdt_schemata *changes)
{
	uint64_t gran = fake->bandwidth_gran;

	for (enum rdt_schema schema = RDT_SCHEMA_MB; schema <= RDT_SCHEMA_SMBA; schema++) {
		for (unsigned int i = 0; i < changes->line[schema].n; i++)
			changes->line[schema].value[i] = (changes->line[schema].value[i] + gran - 1) / gran * gran;
	}
}

static int change_schemata(struct fake_engine *fake, const char *group, const char *text)
{
	unsigned int i = find_group(fake, group);
	struct rdt_schemata changes, all;
	struct isolat_error why;
	size_t length = strlen(text);

	if (i == FAKE_GROUPS)
		return ENOENT;
	if (!length || text[length - 1] != '\n' || rdt_schemata_parse(text, length, group, &changes, &why) ||
	    check_lines(fake, &changes))
		return EINVAL;
	round_up(fake, &changes);
	all = fake->group[i].schemata;
	if (!rdt_schemata_merge(&all, &changes))
		return EINVAL;
	fake->group[i].schemata = all;
	return 0;
}

/* Several lines are shown as one: "schemata isolat-a L3:0=f MB:0=50". */
static void note_schemata(struct fake_engine *fake, const char *group, const char *text)
{
	char *line = need(strdup(text));

	for (char *c = line; *c; c++) {
		if (*c == '\n')
			*c = c[1] ? ' ' : '\0';
	}
	note(fake, "schemata %s %s", group, line);
	free(line);
}

static int write_schemata(struct rdt_engine *e, const char *group, const char *text, struct isolat_error *err)
{
	struct fake_engine *fake = fake_of(e);
	int error = begin(fake, FAKE_WRITE_SCHEMATA);

	if (!error)
		error = change_schemata(fake, group, text);
	if (!error)
		note_schemata(fake, group, text);
	return end(fake, error, "write schemata", group, err);
}

/* Reads "0-3,8" into @in. */
static bool parse_cpus(const struct fake_engine *fake, const char *list, bool in[FAKE_CPUS])
{
	while (*list) {
		char *rest;
		unsigned long first = strtoul(list, &rest, 10), last = first;

		if (rest != list && *rest == '-')
			last = strtoul(rest + 1, &rest, 10);
		if (rest == list || (*rest && *rest != ',') || last >= fake->cpus)
			return false;
		for (; first <= last; first++)
			in[first] = true;
		list = rest + (*rest == ',');
	}
	return true;
}

static int change_cpus(struct fake_engine *fake, const char *group, const char *list)
{
	unsigned int index = find_group(fake, group);
	bool in[FAKE_CPUS] = { false };

	if (index == FAKE_GROUPS)
		return ENOENT;
	if (!parse_cpus(fake, list, in))
		return EINVAL;
	for (unsigned int i = 0; i < fake->cpus; i++) {
		if (in[i])
			fake->cpu_group[i] = (unsigned char)index;
		else if (fake->cpu_group[i] == index)
			fake->cpu_group[i] = 0;
	}
	return 0;
}

static int write_cpus(struct rdt_engine *e, const char *group, const char *list, struct isolat_error *err)
{
	struct fake_engine *fake = fake_of(e);
	int error = begin(fake, FAKE_WRITE_CPUS);

	if (!error)
		error = change_cpus(fake, group, list);
	if (!error)
		note(fake, "cpus %s %s", group, list);
	return end(fake, error, "write CPUs", group, err);
}

static int change_task(struct fake_engine *fake, const char *group, pid_t tid)
{
	unsigned int index = find_group(fake, group);
	struct fake_task *task = find_task(fake, tid);

	if (index == FAKE_GROUPS)
		return ENOENT;
	if (!task)
		return ESRCH;
	if (is_monitor(fake, index) && control_of(fake, fake->group[task->group].name) != control_of(fake, group))
		return EINVAL;
	task->group = index;
	return 0;
}

static int move_task(struct rdt_engine *e, const char *group, pid_t tid, struct isolat_error *err)
{
	struct fake_engine *fake = fake_of(e);
	int error = begin(fake, FAKE_MOVE_TASK);

	if (!error)
		error = change_task(fake, group, tid);
	if (!error)
		note(fake, "move %d %s", (int)tid, group);
	return end(fake, error, "move task", group, err);
}

/* ---- Reads ---- */

static int lock(struct rdt_engine *e, bool exclusive, struct isolat_error *err)
{
	struct fake_engine *fake = fake_of(e);

	fake->calls[FAKE_LOCK]++;
	if (fake->locked)
		return refuse(fake, EDEADLK, "lock resctrl", "", err);
	fake->locked = true;
	fake->exclusive = exclusive;
	return 0;
}

static void unlock(struct rdt_engine *e)
{
	fake_of(e)->calls[FAKE_UNLOCK]++;
	fake_of(e)->locked = false;
}

static void read_cache(const struct rdt_group_masks *line, unsigned int closids, struct rdt_cache_caps *cache)
{
	if (!line->n)
		return;
	cache->present = true;
	cache->ways = 64 - (unsigned int)__builtin_clzll(line->value[0] | 1);
	cache->min_ways = 1;
	cache->closids = closids;
}

static void read_group_caps(const struct fake_group *from, struct rdt_group *group)
{
	snprintf(group->name, sizeof(group->name), "%.*s", RDT_GROUP_NAME - 1, from->name);
	group->l3 = from->schemata.line[RDT_SCHEMA_L3];
	group->l2 = from->schemata.line[RDT_SCHEMA_L2];
	group->mb = from->schemata.line[RDT_SCHEMA_MB];
}

static int group_by_name(const void *a, const void *b)
{
	const struct rdt_group *x = a, *y = b;

	return strcmp(x->name, y->name);
}

/* A machine with masks for L3 and L2, without CDP, and percent of bandwidth; no more than that. */
static int read_caps(struct rdt_engine *e, struct rdt_caps *caps, struct isolat_error *err)
{
	struct fake_engine *fake = fake_of(e);
	const struct rdt_group_masks *line = fake->most.line;

	fake->calls[FAKE_READ_CAPS]++;
	*caps = (struct rdt_caps){ .source = need(strdup("fake")), .present = true };
	read_cache(&line[RDT_SCHEMA_L3], fake->closids, &caps->l3);
	read_cache(&line[RDT_SCHEMA_L2], fake->closids, &caps->l2);
	if (line[RDT_SCHEMA_MB].n)
		caps->mb = (struct rdt_mb_caps){ .present = true,
						 .unit = RDT_MB_PERCENT,
						 .closids = fake->closids,
						 .min = fake->bandwidth_gran,
						 .gran = fake->bandwidth_gran,
						 .max = 100 };
	rdt_caps_derive(caps);
	caps->groups = need(calloc(FAKE_GROUPS, sizeof(*caps->groups)));
	read_group_caps(&fake->group[0], &caps->default_group);
	for (unsigned int i = 1; i < FAKE_GROUPS; i++) {
		if (!is_free(fake, i) && !is_monitor(fake, i))
			read_group_caps(&fake->group[i], &caps->groups[caps->n_groups++]);
	}
	qsort(caps->groups, caps->n_groups, sizeof(*caps->groups), group_by_name);
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int list(struct rdt_engine *e, char ***names, size_t *n, struct isolat_error *err)
{
	struct fake_engine *fake = fake_of(e);

	fake->calls[FAKE_LIST]++;
	*n = 0;
	*names = NULL;
	if (count_groups(fake, false) == 1)
		return 0;
	*names = need(calloc(FAKE_GROUPS, sizeof(**names)));
	for (unsigned int i = 1; i < FAKE_GROUPS; i++) {
		if (!is_free(fake, i) && !is_monitor(fake, i))
			(*names)[(*n)++] = need(strdup(fake->group[i].name));
	}
	qsort(*names, *n, sizeof(**names), by_name);
	return 0;
}

static int list_monitors(struct rdt_engine *e, const char *group, char ***names, size_t *n, struct isolat_error *err)
{
	struct fake_engine *fake = fake_of(e);
	unsigned int index = find_group(fake, group);

	fake->calls[FAKE_LIST_MONITORS]++;
	*n = 0;
	*names = NULL;
	if (index == FAKE_GROUPS)
		return refuse(fake, ENOENT, "list monitor groups", group, err);
	*names = need(calloc(FAKE_GROUPS, sizeof(**names)));
	for (unsigned int i = 1; i < FAKE_GROUPS; i++) {
		if (!is_free(fake, i) && is_monitor(fake, i) && control_of(fake, fake->group[i].name) == index)
			(*names)[(*n)++] = need(strdup(rdt_group_monitor(fake->group[i].name)));
	}
	qsort(*names, *n, sizeof(**names), by_name);
	return 0;
}

static int read_schemata(struct rdt_engine *e, const char *group, struct rdt_schemata *s, struct isolat_error *err)
{
	struct fake_engine *fake = fake_of(e);
	unsigned int index = find_group(fake, group);

	fake->calls[FAKE_READ_SCHEMATA]++;
	if (index == FAKE_GROUPS)
		return refuse(fake, ENOENT, "read schemata", group, err);
	*s = fake->group[index].schemata;
	return 0;
}

static char *print_cpus(const struct fake_engine *fake, unsigned int group)
{
	unsigned int cpus[FAKE_CPUS];
	size_t n = 0;

	for (unsigned int i = 0; i < fake->cpus; i++) {
		if (fake->cpu_group[i] == group)
			cpus[n++] = i;
	}
	return need(cpu_list_text(cpus, n));
}

static int read_cpus(struct rdt_engine *e, const char *group, char **text, struct isolat_error *err)
{
	struct fake_engine *fake = fake_of(e);
	unsigned int index = find_group(fake, group);

	fake->calls[FAKE_READ_CPUS]++;
	if (index == FAKE_GROUPS)
		return refuse(fake, ENOENT, "read CPUs", group, err);
	*text = print_cpus(fake, index);
	return 0;
}

static int by_tid(const void *a, const void *b)
{
	const pid_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static pid_t *collect_tasks(const struct fake_engine *fake, unsigned int group, size_t *n)
{
	pid_t *tids = need(calloc(fake->n_tasks + 1, sizeof(*tids)));

	*n = 0;
	for (size_t i = 0; i < fake->n_tasks; i++) {
		unsigned int in = fake->task[i].group;

		if (in == group || control_of(fake, fake->group[in].name) == group)
			tids[(*n)++] = fake->task[i].tid;
	}
	qsort(tids, *n, sizeof(*tids), by_tid);
	return tids;
}

static int read_tasks(struct rdt_engine *e, const char *group, pid_t **tids, size_t *n, struct isolat_error *err)
{
	struct fake_engine *fake = fake_of(e);
	unsigned int index = find_group(fake, group);

	fake->calls[FAKE_READ_TASKS]++;
	if (fake->on_read_tasks)
		fake->on_read_tasks(fake, group, fake->data);
	if (index == FAKE_GROUPS)
		return refuse(fake, ENOENT, "read tasks", group, err);
	*tids = collect_tasks(fake, index, n);
	if (!*n) {
		free(*tids);
		*tids = NULL;
	}
	return 0;
}

static int find_task_group(struct rdt_engine *e, pid_t tid, char group[RDT_GROUP_PATH], struct isolat_error *err)
{
	struct fake_engine *fake = fake_of(e);
	const struct fake_task *task = find_task(fake, tid);

	fake->calls[FAKE_FIND_TASK]++;
	if (!task)
		return refuse(fake, ESRCH, "find task", "", err);
	snprintf(group, RDT_GROUP_PATH, "%s", fake->group[task->group].name);
	return 0;
}

static int read_monitors(struct rdt_engine *e, const char *group, struct rdt_reading **readings, size_t *n,
			 struct isolat_error *err)
{
	struct fake_engine *fake = fake_of(e);

	fake->calls[FAKE_READ_MONITORS]++;
	*readings = NULL;
	*n = 0;
	return find_group(fake, group) == FAKE_GROUPS ? refuse(fake, ENOENT, "read monitors", group, err) : 0;
}

static void close_fake(struct rdt_engine *e)
{
	free(fake_of(e)->log);
	free(e);
}

static const struct rdt_engine_ops ops = {
	.name = "fake",
	.close = close_fake,
	.lock = lock,
	.unlock = unlock,
	.read_caps = read_caps,
	.list = list,
	.list_monitors = list_monitors,
	.make = make,
	.remove = rmdir_group,
	.read_schemata = read_schemata,
	.write_schemata = write_schemata,
	.read_cpus = read_cpus,
	.write_cpus = write_cpus,
	.read_tasks = read_tasks,
	.find_task = find_task_group,
	.move_task = move_task,
	.read_monitors = read_monitors,
};

/* ---- For tests ---- */

struct fake_engine *fake_engine_new(const char *schemata, unsigned int cpus)
{
	struct fake_engine *fake = need(calloc(1, sizeof(*fake)));

	fake->engine.ops = &ops;
	fake->closids = 16;
	fake->monitors = 16;
	fake->bandwidth_gran = 10;
	fake->cpus = cpus;
	fake->log = need(strdup(""));
	fake_engine_put_schemata(fake, "", schemata);
	fake->most = fake->group[0].schemata;
	return fake;
}

void fake_engine_make(struct fake_engine *fake, const char *group)
{
	if (make_group(fake, group))
		abort();
}

void fake_engine_put_schemata(struct fake_engine *fake, const char *group, const char *text)
{
	struct isolat_error err;

	if (rdt_schemata_parse(text, strlen(text), group, &fake->group[group_of(fake, group)].schemata, &err))
		abort();
}

void fake_engine_put_task(struct fake_engine *fake, pid_t tid, const char *group)
{
	struct fake_task *task = find_task(fake, tid);

	if (!task && fake->n_tasks == FAKE_TASKS)
		abort();
	if (!task)
		task = &fake->task[fake->n_tasks++];
	*task = (struct fake_task){ .tid = tid, .group = group_of(fake, group) };
}

void fake_engine_end_task(struct fake_engine *fake, pid_t tid)
{
	struct fake_task *task = find_task(fake, tid);

	if (task)
		*task = fake->task[--fake->n_tasks];
}

const char *fake_engine_task_group(const struct fake_engine *fake, pid_t tid)
{
	const struct fake_task *task = find_task(fake, tid);

	return task ? fake->group[task->group].name : NULL;
}

static void dump_group(const struct fake_engine *fake, unsigned int group, FILE *out)
{
	char *schemata = need(rdt_schemata_print(&fake->group[group].schemata)), *cpus = print_cpus(fake, group);
	size_t n;
	pid_t *tids = collect_tasks(fake, group, &n);

	fprintf(out, "group %s\n%scpus %s\ntasks", fake->group[group].name, schemata, cpus);
	for (size_t i = 0; i < n; i++)
		fprintf(out, " %d", (int)tids[i]);
	fputc('\n', out);
	free(schemata);
	free(cpus);
	free(tids);
}

char *fake_engine_dump(const struct fake_engine *fake)
{
	char *names[FAKE_GROUPS], *text;
	unsigned int n = 0;
	size_t size;
	FILE *out = need(open_memstream(&text, &size));

	for (unsigned int i = 0; i < FAKE_GROUPS; i++) {
		if (!is_free(fake, i))
			names[n++] = (char *)fake->group[i].name;
	}
	qsort(names, n, sizeof(*names), by_name);
	for (unsigned int i = 0; i < n; i++)
		dump_group(fake, group_of(fake, names[i]), out);
	if (fclose(out))
		abort();
	return text;
}
