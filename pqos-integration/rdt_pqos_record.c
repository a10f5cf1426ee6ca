// SPDX-License-Identifier: BSD-3-Clause
#include "rdt_pqos_record.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <isolat/own_file.h>

#define FILE_NAME "pqos-groups"
#define VERSION	  1

int pqos_record_find(const struct pqos_record *r, const char *group)
{
	for (int cos = 1; *group && cos < PQOS_MAX_CLASSES; cos++) {
		if (!strcmp(r->name[cos], group))
			return cos;
	}
	return *group ? -1 : 0;
}

bool pqos_record_is_empty(const struct pqos_record *r)
{
	for (int cos = 1; cos < PQOS_MAX_CLASSES; cos++) {
		if (*r->name[cos])
			return false;
	}
	return true;
}

/* ---- Reading ---- */

static int damaged(const char *path, const char *why, struct isolat_error *err)
{
	isolat_fail(err, ISOLAT_FAILED, "read the names of COS groups", path, "%s", why);
	return isolat_hint(err, "if no VM of isolat's runs: remove the file, and rmdir the COS folders of resctrl");
}

static const char *take_group(struct pqos_record *r, const char *name, const json_t *value)
{
	json_int_t cos = json_integer_value(value);

	if (!rdt_group_is_own(name) || strlen(name) >= RDT_GROUP_NAME)
		return "a name in it is none of isolat's";
	if (!json_is_integer(value) || cos < 1 || cos >= PQOS_MAX_CLASSES || cos >= r->classes)
		return "a class in it is out of range";
	if (*r->name[cos])
		return "a class in it has two names";
	strcpy(r->name[cos], name);
	return NULL;
}

/* Returns what is wrong with it, or NULL. */
static const char *take(struct pqos_record *r, json_t *root)
{
	const char *engine = json_string_value(json_object_get(root, "engine")), *name, *why;
	json_int_t classes = json_integer_value(json_object_get(root, "classes"));
	json_t *groups = json_object_get(root, "groups"), *value;

	if (json_integer_value(json_object_get(root, "version")) != VERSION)
		return "it is of another version of isolat";
	if (!engine || (strcmp(engine, "pqos-os") && strcmp(engine, "pqos-msr")))
		return "it does not say of which engine it is";
	if (classes < 1 || classes > PQOS_RECORD_CLASSES || !json_is_object(groups))
		return "it does not say which classes there are";
	snprintf(r->engine, sizeof(r->engine), "%s", engine);
	r->classes = (unsigned int)classes;
	json_object_foreach (groups, name, value) {
		why = take_group(r, name, value);
		if (why)
			return why;
	}
	return NULL;
}

static int path_of(const char *folder, char path[PATH_MAX], struct isolat_error *err)
{
	if (snprintf(path, PATH_MAX, "%s/" FILE_NAME, folder) < PATH_MAX)
		return 0;
	return isolat_fail(err, ISOLAT_FAILED, "keep the names of COS groups", folder, "%s", strerror(ENAMETOOLONG));
}

/* Returns what is wrong with it, or NULL. */
static const char *load(int fd, struct pqos_record *r, json_error_t *where)
{
	const char *why = isolat_own_doubt(fd);
	json_t *root;

	if (why)
		return why;
	root = json_loadfd(fd, JSON_REJECT_DUPLICATES, where);
	why = root ? take(r, root) : where->text;
	json_decref(root);
	return why;
}

int pqos_record_read(const char *folder, struct pqos_record *r, struct isolat_error *err)
{
	char path[PATH_MAX];
	json_error_t where;
	const char *why;
	int fd;

	*r = (struct pqos_record){ 0 };
	if (path_of(folder, path, err))
		return -1;
	fd = isolat_own_open(AT_FDCWD, path, O_RDONLY);
	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0)
		return isolat_fail(err, ISOLAT_FAILED, "read the names of COS groups", path, "%s", strerror(errno));
	why = load(fd, r, &where);
	close(fd);
	r->present = !why;
	return why ? damaged(path, why, err) : 0;
}

/* ---- Writing ---- */

static json_t *to_json(const struct pqos_record *r)
{
	json_t *groups = json_object();

	for (int cos = 1; cos < PQOS_MAX_CLASSES; cos++) {
		if (*r->name[cos] && json_object_set_new(groups, r->name[cos], json_integer(cos))) {
			json_decref(groups);
			return NULL;
		}
	}
	return json_pack("{si, ss, si, so}", "version", VERSION, "engine", r->engine, "classes", (int)r->classes,
			 "groups", groups);
}

/* Returns 0 or an errno. */
static int put(const char *folder, const char *text)
{
	int in = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd;

	if (in < 0)
		return errno;
	fd = isolat_own_replace(in, FILE_NAME, text, strlen(text), 0644);
	close(in);
	if (fd < 0)
		return -fd;
	close(fd);
	return 0;
}

int pqos_record_write(const char *folder, const struct pqos_record *r, struct isolat_error *err)
{
	json_t *root = to_json(r);
	char *text = root ? json_dumps(root, JSON_COMPACT) : NULL, path[PATH_MAX];
	int why = text ? 0 : ENOMEM;

	json_decref(root);
	if (path_of(folder, path, err)) {
		free(text);
		return -1;
	}
	if (!why)
		why = put(folder, text);
	free(text);
	return why ? isolat_fail(err, ISOLAT_FAILED, "write the names of COS groups", path, "%s", strerror(why)) : 0;
}

int pqos_record_remove(const char *folder, struct isolat_error *err)
{
	char path[PATH_MAX];

	if (path_of(folder, path, err))
		return -1;
	if (!unlink(path) || errno == ENOENT)
		return 0;
	return isolat_fail(err, ISOLAT_FAILED, "remove the names of COS groups", path, "%s", strerror(errno));
}
