// SPDX-License-Identifier: BSD-3-Clause
/* What all engines have in common: which one it is, and what may be changed at all. */
#include "rdt_engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rdt_resctrl.h"

int rdt_engine_open(const char *name, const struct rdt_engine_config *config, struct rdt_engine **e,
		    struct isolat_error *err)
{
	*e = NULL;
	if (!strcmp(name, "resctrl"))
		return rdt_resctrl_open(config, e, err);
	if (!strcmp(name, "pqos") || !strcmp(name, "pqos-os") || !strcmp(name, "pqos-msr"))
		return rdt_pqos_open(name, config, e, err);
	isolat_fail(err, ISOLAT_USAGE, "open RDT engine", name, "there is no such engine");
	return isolat_hint(err, "engines are resctrl, pqos, pqos-os and pqos-msr");
}

void rdt_engine_close(struct rdt_engine *e)
{
	if (e)
		e->ops->close(e);
}

/* ---- Names ---- */

const char *rdt_group_monitor(const char *group)
{
	const char *folder = strchr(group, '/');

	folder = folder && strncmp(group, RDT_MONITOR_DIR "/", strlen(RDT_MONITOR_DIR "/")) ? folder + 1 : group;
	if (strncmp(folder, RDT_MONITOR_DIR "/", strlen(RDT_MONITOR_DIR "/")))
		return NULL;
	return folder + strlen(RDT_MONITOR_DIR "/");
}

size_t rdt_group_control(const char *group)
{
	const char *monitor = rdt_group_monitor(group);
	size_t behind = strlen("/" RDT_MONITOR_DIR "/");

	if (!monitor)
		return strlen(group);
	return (size_t)(monitor - group) < behind ? 0 : (size_t)(monitor - group) - behind;
}

void rdt_group_name(char name[RDT_GROUP_PATH], const char *control, const char *monitor)
{
	snprintf(name, RDT_GROUP_PATH, "%s%s" RDT_MONITOR_DIR "/%s", control, *control ? "/" : "", monitor);
}

/* CONTROL, and MONITOR or NULL; false if either is too long for a folder. */
static bool split(const char *group, char control[RDT_GROUP_NAME], const char **monitor)
{
	size_t length = rdt_group_control(group);

	*monitor = rdt_group_monitor(group);
	if (length >= RDT_GROUP_NAME || (*monitor && strlen(*monitor) >= RDT_GROUP_NAME))
		return false;
	memcpy(control, group, length);
	control[length] = '\0';
	return true;
}

/* A folder of resctrl's root, by its bytes; or the default group. */
static bool is_control(const char *group)
{
	if (!*group)
		return true;
	return strlen(group) < RDT_GROUP_NAME && !strpbrk(group, "/\n") && !rdt_resctrl_is_reserved(group);
}

static bool is_monitor(const char *monitor)
{
	return *monitor && !strpbrk(monitor, "/\n") && strcmp(monitor, ".") && strcmp(monitor, "..");
}

static bool is_group(const char *group)
{
	char control[RDT_GROUP_NAME];
	const char *monitor;

	return split(group, control, &monitor) && is_control(control) && (!monitor || is_monitor(monitor));
}

bool rdt_group_is_own(const char *group)
{
	return !strncmp(group, RDT_OWN_PREFIX, strlen(RDT_OWN_PREFIX));
}

static bool is_own_name(const char *name)
{
	if (!rdt_group_is_own(name))
		return false;
	for (const char *c = name; *c; c++) {
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			return false;
	}
	return true;
}

static bool is_own(const char *group)
{
	char control[RDT_GROUP_NAME];
	const char *monitor;

	return is_group(group) && split(group, control, &monitor) && is_own_name(control) &&
	       (!monitor || is_own_name(monitor));
}

static int check_readable(const char *what, const char *group, struct isolat_error *err)
{
	return is_group(group) ? 0 : isolat_fail(err, ISOLAT_USAGE, what, group, "this is no name of a group");
}

static int check_own(const char *what, const char *group, struct isolat_error *err)
{
	if (is_own(group))
		return 0;
	if (!*group)
		return isolat_fail(err, ISOLAT_USAGE, what, "the default group",
				   "the default group has all that no other group has: this is not isolat's to change");
	isolat_fail(err, ISOLAT_USAGE, what, group,
		    "isolat changes only groups whose names begin with " RDT_OWN_PREFIX
		    " and have neither '/' nor control characters");
	return isolat_hint(err, "leave a group that is somebody else's to whoever made it");
}

static int check_writable(const char *what, const char *group, struct isolat_error *err)
{
	return *group ? check_own(what, group, err) : 0;
}

/* What has schemata and CPUs of its own. */
static int check_is_control(const char *what, const char *group, struct isolat_error *err)
{
	if (!rdt_group_monitor(group))
		return 0;
	return isolat_fail(err, ISOLAT_USAGE, what, group, "this is a monitor group");
}

/* A thread that somebody had put into a monitor group of a group that isolat may change has to find back there. */
static int check_takes_tasks(const char *what, const char *group, struct isolat_error *err)
{
	char control[RDT_GROUP_NAME];
	const char *monitor;

	if (check_readable(what, group, err) || !split(group, control, &monitor))
		return -1;
	return check_writable(what, control, err);
}

/* ---- Operations: the name is looked at, then it is the engine's ---- */

int rdt_engine_lock(struct rdt_engine *e, bool exclusive, struct isolat_error *err)
{
	e->gone = false;
	return e->ops->lock(e, exclusive, err);
}

void rdt_engine_unlock(struct rdt_engine *e)
{
	e->gone = false;
	e->ops->unlock(e);
}

bool rdt_engine_has_tasks(const struct rdt_engine *e)
{
	return !e->ops->cpus_only;
}

bool rdt_engine_is_gone(const struct rdt_engine *e)
{
	return e->gone;
}

int rdt_engine_read_caps(struct rdt_engine *e, struct rdt_caps *caps, struct isolat_error *err)
{
	e->gone = false;
	return e->ops->read_caps(e, caps, err);
}

int rdt_engine_list(struct rdt_engine *e, char ***names, size_t *n, struct isolat_error *err)
{
	e->gone = false;
	*names = NULL;
	*n = 0;
	return e->ops->list(e, names, n, err);
}

void rdt_engine_free_list(char **names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(names[i]);
	free(names);
}

/* Frees the names of isolat's groups, and closes the gaps. */
static void drop_own(char **names, size_t *n)
{
	size_t kept = 0;

	for (size_t i = 0; i < *n; i++) {
		if (!rdt_group_is_own(names[i]))
			names[kept++] = names[i];
		else
			free(names[i]);
	}
	*n = kept;
}

int rdt_engine_list_others(struct rdt_engine *e, char ***names, size_t *n, struct isolat_error *err)
{
	if (!e->ops->list_others) {
		if (rdt_engine_list(e, names, n, err))
			return -1;
		drop_own(*names, n);
		return 0;
	}
	e->gone = false;
	*names = NULL;
	*n = 0;
	return e->ops->list_others(e, names, n, err);
}

int rdt_engine_list_monitors(struct rdt_engine *e, const char *group, char ***names, size_t *n,
			     struct isolat_error *err)
{
	e->gone = false;
	*names = NULL;
	*n = 0;
	if (check_readable("list monitor groups", group, err) || check_is_control("list monitor groups", group, err))
		return -1;
	return e->ops->list_monitors ? e->ops->list_monitors(e, group, names, n, err) : 0;
}

int rdt_engine_make(struct rdt_engine *e, const char *group, struct isolat_error *err)
{
	e->gone = false;
	return check_own("make group", group, err) ? -1 : e->ops->make(e, group, err);
}

int rdt_engine_remove(struct rdt_engine *e, const char *group, struct isolat_error *err)
{
	e->gone = false;
	return check_own("remove group", group, err) ? -1 : e->ops->remove(e, group, err);
}

int rdt_engine_read_schemata(struct rdt_engine *e, const char *group, struct rdt_schemata *s, struct isolat_error *err)
{
	e->gone = false;
	if (check_is_control("read schemata", group, err))
		return -1;
	return check_readable("read schemata", group, err) ? -1 : e->ops->read_schemata(e, group, s, err);
}

int rdt_engine_write_schemata(struct rdt_engine *e, const char *group, const char *text, struct isolat_error *err)
{
	e->gone = false;
	if (check_is_control("write schemata", group, err))
		return -1;
	return check_writable("write schemata", group, err) ? -1 : e->ops->write_schemata(e, group, text, err);
}

int rdt_engine_read_cpus(struct rdt_engine *e, const char *group, char **list, struct isolat_error *err)
{
	e->gone = false;
	*list = NULL;
	return check_readable("read CPUs", group, err) ? -1 : e->ops->read_cpus(e, group, list, err);
}

int rdt_engine_write_cpus(struct rdt_engine *e, const char *group, const char *list, struct isolat_error *err)
{
	e->gone = false;
	if (check_is_control("write CPUs", group, err))
		return -1;
	return check_own("write CPUs", group, err) ? -1 : e->ops->write_cpus(e, group, list, err);
}

int rdt_engine_read_tasks(struct rdt_engine *e, const char *group, pid_t **tids, size_t *n, struct isolat_error *err)
{
	e->gone = false;
	*tids = NULL;
	*n = 0;
	return check_readable("read tasks", group, err) ? -1 : e->ops->read_tasks(e, group, tids, n, err);
}

int rdt_engine_find_task(struct rdt_engine *e, pid_t tid, char group[RDT_GROUP_PATH], struct isolat_error *err)
{
	e->gone = false;
	return e->ops->find_task(e, tid, group, err);
}

int rdt_engine_move_task(struct rdt_engine *e, const char *group, pid_t tid, struct isolat_error *err)
{
	e->gone = false;
	return check_takes_tasks("move task", group, err) ? -1 : e->ops->move_task(e, group, tid, err);
}

int rdt_engine_read_monitors(struct rdt_engine *e, const char *group, struct rdt_reading **readings, size_t *n,
			     struct isolat_error *err)
{
	e->gone = false;
	*readings = NULL;
	*n = 0;
	return check_readable("read monitors", group, err) ? -1 : e->ops->read_monitors(e, group, readings, n, err);
}

int rdt_engine_read_usage(struct rdt_engine *e, struct rdt_usage **usage, size_t *n, struct isolat_error *err)
{
	e->gone = false;
	*usage = NULL;
	*n = 0;
	return e->ops->read_usage ? e->ops->read_usage(e, usage, n, err) : 0;
}
