// SPDX-License-Identifier: BSD-3-Clause
/* Opening and closing: what libpqos makes of the host, and how it is taken away again. */
#include "rdt_pqos.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <isolat/find_helper.h>
#include <isolat/wait_lock.h>

#define DEFAULT_ROOT "/sys/fs/resctrl"
#define DEFAULT_PROC "/proc"
#define DEFAULT_RUN  "/run/isolat"

/* ---- The lock ---- */

int pqos_lock(struct rdt_pqos *p, bool exclusive, struct isolat_error *err)
{
	char path[PATH_MAX];
	int rc;

	snprintf(path, sizeof(path), "%s/pqos.lock", p->run);
	rc = isolat_wait_lock(p->lock, exclusive, p->lock_ms);
	if (rc) {
		p->locked = false; /* a conversion that fails loses what was held */
		if (rc != -EWOULDBLOCK)
			return isolat_fail(err, ISOLAT_FAILED, "lock", path, "%s", strerror(-rc));
		return isolat_fail(err, ISOLAT_FAILED, "lock", path,
				   "another isolat, or the helper of one that was killed, holds it (waited %u ms)",
				   p->lock_ms);
	}
	p->locked = true;
	if (!pqos_record_read(p->run, &p->record, err))
		return 0;
	pqos_unlock(p);
	return -1;
}

void pqos_unlock(struct rdt_pqos *p)
{
	flock(p->lock, LOCK_UN);
	p->locked = false;
}

/* ---- Groups in resctrl ---- */

static bool is_other(const char *name)
{
	return *name == '.' || !strcmp(name, "info") || !strcmp(name, "mon_groups") || !strcmp(name, "mon_data");
}

/* The class that a folder is of; 0 if it is not one of libpqos's first @classes. */
static unsigned int class_of_folder(const char *name, unsigned int classes)
{
	unsigned int cos;
	char exact[16];

	if (sscanf(name, "COS%u", &cos) != 1 || !cos || cos >= classes)
		return 0;
	snprintf(exact, sizeof(exact), "COS%u", cos);
	return strcmp(exact, name) ? 0 : cos;
}

static int foreign(const struct rdt_pqos *p, const char *group, struct isolat_error *err)
{
	isolat_fail(err, ISOLAT_FAILED, "use libpqos", group,
		    "there is a group that is not isolat's, and libpqos takes every CLOSID for itself");
	return isolat_hint(err, "remove it if nobody needs it (rmdir %s/%.80s), or use the engine resctrl", p->root,
			   group);
}

/* Refuses groups that are not ours, and notes which of our classes have a folder. */
static int look_at_groups(const struct rdt_pqos *p, bool seen[PQOS_MAX_CLASSES], struct isolat_error *err)
{
	DIR *dir = opendir(p->root);
	const struct dirent *entry;
	int rc = 0;

	if (!dir)
		return isolat_fail(err, ISOLAT_FAILED, "list groups", p->root, "%s", strerror(errno));
	while (!rc && (entry = readdir(dir))) {
		unsigned int cos = class_of_folder(entry->d_name, p->record.classes);
		struct stat st;

		if (is_other(entry->d_name) || fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) ||
		    !S_ISDIR(st.st_mode))
			continue;
		if (!cos)
			rc = foreign(p, entry->d_name, err);
		else if (cos < PQOS_MAX_CLASSES)
			seen[cos] = true;
	}
	closedir(dir);
	return rc;
}

/* A name whose folder somebody removed (or whose resctrl was mounted anew) is no group any more. */
static int settle_names(struct rdt_pqos *p, struct isolat_error *err)
{
	bool seen[PQOS_MAX_CLASSES] = { false };

	if (look_at_groups(p, seen, err))
		return -1;
	for (int cos = 1; cos < PQOS_MAX_CLASSES; cos++) {
		if (!seen[cos])
			*p->record.name[cos] = '\0';
	}
	return 0;
}

/* Returns whether all of libpqos's folders are away. */
static bool remove_folders(const struct rdt_pqos *p)
{
	char path[PATH_MAX];
	bool all = true;

	for (unsigned int cos = 1; cos < p->record.classes; cos++) {
		if (snprintf(path, sizeof(path), "%s/COS%u", p->root, cos) >= (int)sizeof(path))
			return false;
		if (rmdir(path) && errno != ENOENT)
			all = false;
	}
	return all;
}

/* ---- Closing ---- */

/*
 * Under the lock. With names, or another engine open on them, all stays: the next that is closed has another look. The
 * record goes last, for what it says to be ours must be found again after a kill.
 */
static void take_away(struct rdt_pqos *p)
{
	struct isolat_error ignored;

	if (!p->record.present || !pqos_record_is_empty(&p->record) || flock(p->users, LOCK_EX | LOCK_NB))
		return;
	if (p->msr || remove_folders(p))
		pqos_record_remove(p->run, &ignored);
}

static void free_pqos(struct rdt_pqos *p)
{
	pqos_client_end(p->client);
	if (p->users >= 0)
		close(p->users);
	if (p->lock >= 0)
		close(p->lock);
	free(p->program);
	free(p->root);
	free(p->proc);
	free(p->run);
	free(p);
}

void pqos_close(struct rdt_engine *e)
{
	struct rdt_pqos *p = (struct rdt_pqos *)e;
	struct isolat_error ignored;

	/* The helper goes before its folders do. */
	pqos_client_end(p->client);
	p->client = NULL;
	if (!pqos_lock(p, true, &ignored))
		take_away(p);
	free_pqos(p);
}

/* ---- Opening ---- */

static int make_run(const struct rdt_pqos *p, struct isolat_error *err)
{
	if (!mkdir(p->run, 0755) || errno == EEXIST)
		return 0;
	return isolat_fail(err, ISOLAT_FAILED, "make folder", p->run, "%s", strerror(errno));
}

static int open_lock(const struct rdt_pqos *p, const char *name, int *fd, struct isolat_error *err)
{
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s/%s", p->run, name) >= (int)sizeof(path))
		return isolat_fail(err, ISOLAT_FAILED, "open", p->run, "%s", strerror(ENAMETOOLONG));
	*fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (*fd >= 0)
		return 0;
	isolat_fail(err, ISOLAT_FAILED, "open", path, "%s", strerror(errno));
	return errno == EACCES ? isolat_hint(err, "run it as root") : -1;
}

static bool kernel_has_resctrl(const struct rdt_pqos *p)
{
	char path[PATH_MAX], line[128];
	bool found = false;
	FILE *file;

	snprintf(path, sizeof(path), "%s/filesystems", p->proc ? p->proc : DEFAULT_PROC);
	file = fopen(path, "re");
	while (file && !found && fgets(line, sizeof(line), file))
		found = strstr(line, "\tresctrl\n");
	if (file)
		fclose(file);
	return found;
}

static int no_resctrl(const struct rdt_pqos *p, struct isolat_error *err)
{
	if (!kernel_has_resctrl(p))
		return isolat_fail(err, ISOLAT_UNSUPPORTED, "use libpqos over resctrl", p->root,
				   "no resctrl: the CPU has no RDT or QoS, or the kernel no support for it");
	isolat_fail(err, ISOLAT_UNSUPPORTED, "use libpqos over resctrl", p->root, "resctrl is not mounted");
	return isolat_hint(err, "mount -t resctrl resctrl %s", p->root);
}

/* Whether this engine goes with what is mounted. */
static int check_mount(const struct rdt_pqos *p, const struct rdt_caps *caps, struct isolat_error *err)
{
	if (!p->msr && !caps->present)
		return no_resctrl(p, err);
	if (!p->msr && !caps->closids)
		return isolat_fail(err, ISOLAT_UNSUPPORTED, "use libpqos over resctrl", p->root,
				   "it can measure, but allocate nothing");
	if (!p->msr || !caps->present)
		return 0;
	isolat_fail(err, ISOLAT_FAILED, "use libpqos over MSRs", p->root,
		    "resctrl is mounted: the kernel would not know of what libpqos writes behind its back");
	return isolat_hint(err, "use the engine resctrl or pqos-os, or unmount it");
}

/*
 * One that was killed before it had named a class has left nothing that the other interface would trip over: over MSRs
 * nothing at all, and of resctrl's folders none is left where it is not mounted, as pqos-msr asks.
 */
static bool is_left_over(const struct rdt_pqos *p)
{
	return pqos_record_is_empty(&p->record) && !flock(p->users, LOCK_EX | LOCK_NB);
}

static int check_record(struct rdt_pqos *p, struct isolat_error *err)
{
	if (!p->record.present || !strcmp(p->record.engine, p->engine.ops->name))
		return 0;
	if (is_left_over(p)) {
		p->record = (struct pqos_record){ 0 };
		return 0;
	}
	isolat_fail(err, ISOLAT_FAILED, "use libpqos", p->run, "the engine %s is in use", p->record.engine);
	return isolat_hint(err, "undo with that one first");
}

/* Says what will be ours before it is there. */
static int claim(struct rdt_pqos *p, const struct rdt_caps *caps, struct isolat_error *err)
{
	struct pqos_record *r = &p->record;

	if (!r->present)
		*r = (struct pqos_record){ .classes = 1 };
	if (!p->msr && settle_names(p, err)) {
		r->present = false;
		return -1;
	}
	snprintf(r->engine, sizeof(r->engine), "%s", p->engine.ops->name);
	if (p->msr)
		r->classes = PQOS_MAX_CLASSES;
	else if (caps->closids > r->classes)
		r->classes = caps->closids;
	r->present = true;
	return pqos_record_write(p->run, r, err);
}

/* Whether libpqos's domains of a resource are those of resctrl. */
static bool are_same(const json_t *ids, const struct rdt_group_masks *masks)
{
	if (json_array_size(ids) != masks->n)
		return false;
	for (unsigned int i = 0; i < masks->n; i++) {
		bool found = false;

		for (size_t k = 0; k < masks->n && !found; k++)
			found = json_integer_value(json_array_get(ids, k)) == masks->domain[i];
		if (!found)
			return false;
	}
	return true;
}

static int check_domains(const struct rdt_caps *caps, const json_t *opened, struct isolat_error *err)
{
	const struct rdt_group *group = &caps->default_group;
	const char *differs = NULL;

	if (!are_same(json_object_get(opened, "l3"), &group->l3))
		differs = "L3";
	else if (!are_same(json_object_get(opened, "l2"), &group->l2))
		differs = "L2";
	else if (!are_same(json_object_get(opened, "mb"), &group->mb))
		differs = "MB";
	if (!differs)
		return 0;
	isolat_fail(err, ISOLAT_UNSUPPORTED, "use libpqos over resctrl", NULL,
		    "the domains of %s that libpqos sees are not those that resctrl has", differs);
	return isolat_hint(err, "use the engine resctrl");
}

/* A helper in place of the one there is, if any: that stays where this fails. */
static int start_helper(struct rdt_pqos *p, json_t **opened, struct isolat_error *err)
{
	const int keep[] = { p->lock, p->users };
	struct pqos_client *client;
	bool gone;

	if (pqos_client_start(p->program, p->answer_ms, keep, 2, &client, err))
		return -1;
	if (pqos_client_ask(client,
			    json_pack("{ss, ss, ss, ss}", "op", "start libpqos", "interface", p->msr ? "msr" : "os",
				      "root", p->root, "unit", rdt_mb_unit_name(p->unit)),
			    opened, &gone, err)) {
		/* What 4.5 does on AMD without QoS. */
		if (p->msr && pqos_client_has_aborted(client))
			err->code = ISOLAT_UNSUPPORTED;
		pqos_client_end(client);
		return -1;
	}
	pqos_client_end(p->client);
	p->client = client;
	return 0;
}

int pqos_start_again(struct rdt_pqos *p, struct isolat_error *err)
{
	json_t *opened;

	if (!p->client || p->started_again || !pqos_client_has_ended(p->client))
		return 0;
	p->started_again = true;
	if (start_helper(p, &opened, err))
		return -1;
	json_decref(opened);
	return 0;
}

static int start_libpqos(struct rdt_pqos *p, const struct rdt_caps *caps, struct isolat_error *err)
{
	json_t *opened;
	int rc;

	p->unit = caps->mb.unit;
	if (start_helper(p, &opened, err))
		return -1;
	p->classes = (unsigned int)json_integer_value(json_object_get(opened, "classes"));
	if (p->classes > PQOS_MAX_CLASSES)
		p->classes = PQOS_MAX_CLASSES;
	rc = p->msr ? 0 : check_domains(caps, opened, err);
	json_decref(opened);
	return rc;
}

int pqos_check_free(struct rdt_pqos *p, unsigned int cos, struct isolat_error *err)
{
	json_t *result;
	char name[16];
	size_t n;

	if (!p->msr)
		return 0;
	snprintf(name, sizeof(name), "COS%u", cos);
	if (pqos_ask(p, json_pack("{ss, si}", "op", "read cpus", "cos", (int)cos), name, &result, err))
		return -1;
	n = json_array_size(json_object_get(result, "cpus"));
	json_decref(result);
	if (!n)
		return 0;
	isolat_fail(err, ISOLAT_FAILED, "use libpqos", name, "%zu CPUs are in this class, and not by isolat", n);
	return isolat_hint(err, "if nobody needs it: pqos --iface=msr -R");
}

/* Where classes have names, isolat was here first: whoever came since must not keep it from looking and undoing. */
static int check_host(struct rdt_pqos *p, struct isolat_error *err)
{
	if (!pqos_record_is_empty(&p->record))
		return 0;
	for (unsigned int cos = 1; cos < p->classes; cos++) {
		if (pqos_check_free(p, cos, err))
			return -1;
	}
	return 0;
}

/* From here to its end under the lock; what it made is taken away if it fails. */
static int open_host(struct rdt_pqos *p, const struct rdt_caps *caps, struct isolat_error *err)
{
	struct isolat_error ignored;

	if (make_run(p, err) || open_lock(p, "pqos.lock", &p->lock, err) ||
	    open_lock(p, "pqos.users", &p->users, err) || pqos_lock(p, true, err))
		return -1;
	if (check_record(p, err))
		return -1;
	flock(p->users, LOCK_SH | LOCK_NB); /* under the lock nobody has it exclusively */
	if (!claim(p, caps, err) && !start_libpqos(p, caps, err) && !check_host(p, err)) {
		pqos_unlock(p);
		return 0;
	}
	pqos_client_end(p->client);
	p->client = NULL;
	if (p->record.present && !pqos_record_read(p->run, &p->record, &ignored))
		take_away(p);
	return -1;
}

static struct rdt_pqos *new_pqos(bool msr, const struct rdt_engine_config *config, const struct rdt_pqos_helper *helper)
{
	struct rdt_pqos *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->engine.ops = msr ? &rdt_pqos_msr_ops : &rdt_pqos_os_ops;
	p->msr = msr;
	p->lock_ms = config->lock_ms;
	p->lock = p->users = -1;
	p->answer_ms = helper->answer_ms;
	p->program = strdup(helper->program);
	p->root = strdup(config->root ? config->root : DEFAULT_ROOT);
	p->proc = config->proc ? strdup(config->proc) : NULL;
	p->run = strdup(config->run ? config->run : DEFAULT_RUN);
	if (p->program && p->root && p->run && (p->proc || !config->proc))
		return p;
	free_pqos(p);
	return NULL;
}

static int open_engine(bool msr, const struct rdt_engine_config *config, const struct rdt_pqos_helper *helper,
		       const struct rdt_caps *caps, struct rdt_engine **e, struct isolat_error *err)
{
	struct rdt_pqos *p = new_pqos(msr, config, helper);

	if (!p)
		return isolat_fail(err, ISOLAT_FAILED, "open engine", NULL, "out of memory");
	if (check_mount(p, caps, err) || open_host(p, caps, err)) {
		free_pqos(p);
		return -1;
	}
	*e = &p->engine;
	return 0;
}

int rdt_pqos_open_with(const char *name, const struct rdt_engine_config *config, const struct rdt_pqos_helper *helper,
		       struct rdt_engine **e, struct isolat_error *err)
{
	bool os = !strcmp(name, "pqos-os"), msr = !strcmp(name, "pqos-msr");
	struct rdt_caps caps;
	int rc;

	*e = NULL;
	if (!os && !msr && strcmp(name, "pqos"))
		return isolat_fail(err, ISOLAT_USAGE, "open engine", name, "there is none of this name");
	if (rdt_caps_read_with(config->root, config->proc, &caps, err))
		return -1;
	rc = open_engine(msr || (!os && !caps.present), config, helper, &caps, e, err);
	rdt_caps_free(&caps);
	return rc;
}

int rdt_pqos_open(const char *name, const struct rdt_engine_config *config, struct rdt_engine **e,
		  struct isolat_error *err)
{
	char program[PATH_MAX];
	const struct rdt_pqos_helper helper = { .program = program, .answer_ms = PQOS_ANSWER_MS };

	*e = NULL;
	if (isolat_find_helper(PQOS_HELPER, program, err))
		return -1;
	return rdt_pqos_open_with(name, config, &helper, e, err);
}

void rdt_engine_left(const struct rdt_engine_config *config, char name[RDT_ENGINE_NAME])
{
	const char *root = config->root ? config->root : DEFAULT_ROOT;
	struct pqos_record record;
	struct isolat_error ignored;
	char schemata[PATH_MAX];

	*name = '\0';
	snprintf(schemata, sizeof(schemata), "%s/schemata", root);
	if (!pqos_record_read(config->run ? config->run : DEFAULT_RUN, &record, &ignored) && record.present &&
	    !strcmp(record.engine, rdt_pqos_os_ops.name) && !access(schemata, F_OK))
		snprintf(name, RDT_ENGINE_NAME, "%s", record.engine);
}

int rdt_engine_forget(const struct rdt_engine_config *config, struct isolat_error *err)
{
	return pqos_record_remove(config->run ? config->run : DEFAULT_RUN, err);
}
