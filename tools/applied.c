// SPDX-License-Identifier: BSD-3-Clause
#include "applied.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <isolat/own_file.h>
#include <isolat/read_all.h>

#include "applied_vms.h"
#include "interrupt.h"
#include "report.h"
#include "step_affinity.h"
#include "step_cgroup.h"
#include "step_rdt.h"

/*
 * Which engine the journals were written with: known before a journal is read, for taking back what a killed isolat has
 * left in one needs the engine.
 */
#define ENGINE_FILE "engine"
#define ENGINE_PATH TRANSACTION_FOLDER "/" ENGINE_FILE
#define ENGINE_NAME RDT_ENGINE_NAME

static const struct step_kind *const kinds[] = {
	&step_group,	   &step_monitor,  &step_schemata,    &step_cpus, &step_task, &step_cgroup,
	&step_cgroup_file, &step_affinity, &step_cgroup_task, &step_pin,  NULL,
};

static int read_vanished(void *host, const char *object, char **value, struct isolat_error *err)
{
	*value = NULL;
	return 0;
}

/* Where resctrl is not mounted any more: its objects have gone with it, and what is of cgroups is as ever. */
static const struct step_kind vanished_group = { .name = "group", .read = read_vanished };
static const struct step_kind vanished_monitor = { .name = "monitor", .read = read_vanished };
static const struct step_kind vanished_schemata = { .name = "schemata", .read = read_vanished };
static const struct step_kind vanished_cpus = { .name = "cpus", .read = read_vanished };
static const struct step_kind vanished_task = { .name = "task", .read = read_vanished };
static const struct step_kind *const kinds_without_resctrl[] = {
	&vanished_group,   &vanished_monitor, &vanished_schemata, &vanished_cpus, &vanished_task, &step_cgroup,
	&step_cgroup_file, &step_affinity,    &step_cgroup_task,  &step_pin,	  NULL,
};

/* Lines become words; what was there before is whole, for somebody may have to put it there by hand. */
static json_t *one_line(const char *value)
{
	char *text = strdup(value);
	json_t *string;

	if (!text)
		return NULL;
	for (char *c = text; (c = strchr(c, '\n'));)
		*c = c[1] ? ' ' : '\0';
	string = report_string(text);
	free(text);
	return string;
}

static void note_left(void *data, const char *kind, const char *object, const char *why, const char *before)
{
	struct applied *a = data;

	json_array_append_new(a->left,
			      json_pack("{s:o, s:o, s:o, s:o}", "kind", report_string(kind), "object",
					report_string(object), "why", report_string(why), "before", one_line(before)));
}

static const char *text_of(const json_t *item, const char *key)
{
	return json_string_value(json_object_get(item, key));
}

const char *applied_shown(const char *object)
{
	return *object ? object : "the default group";
}

void applied_print_left(const json_t *left, FILE *out)
{
	json_t *item;
	size_t i;

	json_array_foreach (left, i, item) {
		const char *object = text_of(item, "object");

		fprintf(out, "left as it is: %s %s%s: %s (before: '%s')\n", text_of(item, "kind"), *object ? "" : "of ",
			applied_shown(object), text_of(item, "why"), text_of(item, "before"));
	}
}

int applied_report_error(const json_t *left, bool recovered, const struct isolat_error *err, bool json)
{
	json_t *doc = json ? report_error_json(err) : NULL;

	if (!doc) {
		if (recovered)
			fputs("what a killed isolat had left half made was taken back\n", stderr);
		applied_print_left(left, stderr);
		return report_error(err, false);
	}
	json_object_set_new(doc, "recovered", json_boolean(recovered));
	json_object_set(doc, "left", (json_t *)left);
	report_json(doc);
	return err->code;
}

/* Whether any journal is in the folder, this one or a run's. */
static bool journals_are_there(void)
{
	glob_t found;
	bool any = !glob(TRANSACTION_FOLDER "/*.journal", 0, NULL, &found);

	globfree(&found);
	return any;
}

static bool is_engine(const char *name)
{
	static const char *const engines[] = { "resctrl", "pqos-os", "pqos-msr" };

	for (size_t i = 0; i < sizeof(engines) / sizeof(engines[0]); i++)
		if (!strcmp(name, engines[i]))
			return true;
	return false;
}

static int bad_engine_file(const char *why, struct isolat_error *err)
{
	return isolat_fail(err, ISOLAT_FAILED, "read", ENGINE_PATH, "%s", why);
}

/* "" where there is no such file. */
static int read_engine_file(const struct applied *a, char name[ENGINE_NAME], struct isolat_error *err)
{
	int fd = isolat_own_open(a->folder.fd, ENGINE_FILE, O_RDONLY);
	const char *doubt;
	ssize_t n;

	name[0] = '\0';
	if (fd < 0)
		return errno == ENOENT ? 0 : bad_engine_file(strerror(errno), err);
	doubt = isolat_own_doubt(fd);
	n = doubt ? 0 : isolat_read_all(fd, name, ENGINE_NAME - 1);
	close(fd);
	if (doubt)
		return bad_engine_file(doubt, err);
	name[n > 0 ? n : 0] = '\0';
	name[strcspn(name, "\n")] = '\0';
	if (is_engine(name))
		return 0;
	bad_engine_file("it does not name an engine", err);
	return isolat_hint(err, "write into it what was used: resctrl, pqos-os or pqos-msr");
}

/* The engine of what stands applied: "" where nothing does. */
static int read_engine_name(const struct applied *a, char name[ENGINE_NAME], struct isolat_error *err)
{
	name[0] = '\0';
	if (a->folder.fd < 0 || !journals_are_there())
		return 0;
	if (read_engine_file(a, name, err))
		return -1;
	if (!*name)
		snprintf(name, ENGINE_NAME, "resctrl");
	return 0;
}

static int no_engine_name(int why, struct isolat_error *err)
{
	isolat_fail(err, ISOLAT_FAILED, "write", ENGINE_PATH, "%s", strerror(why));
	return why == ENOSPC || why == EDQUOT ? isolat_hint(err, "make room on that file system") : -1;
}

static int write_engine_name(const struct applied *a, const char *name, struct isolat_error *err)
{
	char line[ENGINE_NAME + 1], now[ENGINE_NAME];
	int fd, length = snprintf(line, sizeof(line), "%s\n", name);

	if (!read_engine_file(a, now, err) && !strcmp(now, name))
		return 0;
	fd = isolat_own_replace(a->folder.fd, ENGINE_FILE, line, (size_t)length, 0644);
	if (fd < 0)
		return no_engine_name(-fd, err);
	close(fd);
	return 0;
}

/* "pqos" stands for one of two, whichever was used. */
static bool means(const char *asked, const char *engine)
{
	return !strcmp(asked, engine) || (!strcmp(asked, "pqos") && strcmp(engine, "resctrl") != 0);
}

/* Which engine is to be used: "" for none. */
static int choose_engine(const struct applied_options *options, const struct applied *a, char name[ENGINE_NAME],
			 struct isolat_error *err)
{
	if (options->engine && !is_engine(options->engine) && strcmp(options->engine, "pqos"))
		return isolat_fail(err, ISOLAT_USAGE, "use engine", options->engine,
				   "there is resctrl, pqos, pqos-os and pqos-msr");
	if (read_engine_name(a, name, err))
		return -1;
	if (!*name) {
		if (a->use == APPLIED_CHANGE)
			snprintf(name, ENGINE_NAME, "%s", options->engine ? options->engine : "resctrl");
		else if (a->use == APPLIED_TAKE_BACK)
			rdt_engine_left(&(struct rdt_engine_config){ 0 }, name);
		return 0;
	}
	if (!options->engine || means(options->engine, name))
		return 0;
	isolat_fail(err, ISOLAT_USAGE, "use engine", options->engine, "what stands applied was applied with %s", name);
	return isolat_hint(err, "isolat undo takes it back; without --engine, %s is used", name);
}

/*
 * Whether the groups of @engine have gone with resctrl, which is not mounted: its end removes them, and gives the
 * default group all there is.
 */
static bool is_vanished(const struct rdt_engine_config *config, const char *engine)
{
	return strcmp(engine, "pqos-msr") != 0 && rdt_resctrl_is_unmounted(config);
}

static int open_engine(const struct applied_options *options, const char *name, struct applied *a,
		       struct isolat_error *err)
{
	struct rdt_engine_config config = { .lock_ms = options->wait_s * 1000 };

	if (rdt_engine_open(name, &config, &a->engine, err)) {
		if (a->use != APPLIED_TAKE_BACK || !is_vanished(&config, name))
			return -1;
		a->vanished = true;
		return strcmp(name, "pqos-os") ? 0 : rdt_engine_forget(&config, err);
	}
	a->host.engine = a->engine;
	return rdt_engine_lock(a->engine, a->use != APPLIED_READ, err);
}

static int open_journal(struct applied *a, const char *name, struct transaction **t, bool *recovered,
			struct isolat_error *err)
{
	struct transaction_config config = {
		.name = name,
		.locked = &a->folder,
		.kinds = a->vanished ? kinds_without_resctrl : kinds,
		.host = &a->host,
		.left = note_left,
		.interrupted = interrupt_see,
		.data = a,
	};

	return transaction_open(&config, a->use == APPLIED_READ, t, recovered, err);
}

int applied_open_beside(struct applied *a, const char *name, struct transaction **t, struct isolat_error *err)
{
	return open_journal(a, name, t, NULL, err);
}

/* What the verbs take from the record without another look. To take it back none of this is needed. */
static int check_about(const struct applied_options *options, const struct applied *a, struct isolat_error *err)
{
	const json_t *about = transaction_about(a->t);
	struct applied_vm *vms;
	size_t n;

	if (!about || options->name || a->use == APPLIED_TAKE_BACK)
		return 0;
	if (!text_of(about, "profile") || !text_of(about, "engine") || !json_object_get(about, "plan") ||
	    !json_is_array(json_object_get(about, "vms"))) {
		isolat_fail(err, ISOLAT_FAILED, "read journal", TRANSACTION_FOLDER "/" APPLIED_NAME ".journal",
			    "it does not say what stands applied as isolat writes it");
	} else if (!applied_vms_from_json(about, &vms, &n, err)) {
		free(vms);
		return 0;
	}
	return isolat_hint(err, "isolat undo takes back what it records");
}

/* Under isolat's own lock, which comes before an engine's: else two could each choose another engine. */
static int open_locked(const struct applied_options *options, struct applied *a, struct isolat_error *err)
{
	char name[ENGINE_NAME];

	if (choose_engine(options, a, name, err) || (*name && open_engine(options, name, a, err)) ||
	    (a->use == APPLIED_CHANGE && write_engine_name(a, a->engine->ops->name, err)))
		return -1;
	return open_journal(a, options->name ? options->name : APPLIED_NAME, &a->t, &a->recovered, err) ||
			       check_about(options, a, err)
		       ? -1
		       : 0;
}

int applied_open(const struct applied_options *options, enum applied_use use, struct applied *a,
		 struct isolat_error *err)
{
	*a = (struct applied){ .use = use, .left = options->left ? json_incref(options->left) : json_array() };
	if (!a->left)
		return isolat_fail(err, ISOLAT_FAILED, "read journal", NULL, "out of memory");
	a->locked = !journal_folder_open(&a->folder, TRANSACTION_FOLDER, use != APPLIED_READ,
					 (unsigned int)options->wait_s * 1000, err);
	if (!a->locked)
		journal_folder_close(&a->folder);
	else if (!open_locked(options, a, err))
		return 0;
	applied_close(a);
	return -1;
}

void applied_give_up(struct applied *a)
{
	transaction_close(a->t);
	a->t = NULL;
}

void applied_close(struct applied *a)
{
	applied_give_up(a);
	/* The lock is still held: nobody has just begun to rely on it. */
	if (a->locked && a->use != APPLIED_READ && !journals_are_there())
		unlinkat(a->folder.fd, ENGINE_FILE, 0);
	rdt_engine_close(a->engine);
	if (a->locked)
		journal_folder_close(&a->folder);
	step_host_forget(&a->host);
	json_decref(a->left);
	*a = (struct applied){ 0 };
}

bool applied_stands(const struct applied *a)
{
	return transaction_about(a->t);
}

const char *applied_engine(const struct applied *a)
{
	return a->engine ? a->engine->ops->name : "none";
}
