// SPDX-License-Identifier: BSD-3-Clause
/*
 * Reading a profile goes over the text twice: libyaml's events make a tree that knows lines and refuses what is
 * dangerous (profile_yaml.c), then libcyaml checks and loads it by a schema, all as texts (profile_schema.c). Texts
 * become values (profile_convert.c), and the parts are compared with each other (profile_check.c). Tree and values run
 * in parallel, so whatever is refused has its line and path.
 */
#include "profile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <isolat/read_all.h>

#include "profile_check.h"
#include "profile_convert.h"
#include "profile_schema.h"
#include "profile_yaml.h"

#define VERSION "1"

char *profile_where(const char *file, struct profile_place place, char *buffer, size_t size)
{
	char line[16] = "";
	size_t length = strlen(file), room;

	if (place.line)
		snprintf(line, sizeof(line), ":%u", place.line);
	room = size - 1 - strlen(line);
	snprintf(buffer, size, "%s%s", length > room ? file + length - room : file, line);
	return buffer;
}

void profile_vm_free(struct profile_vm *vm)
{
	free(vm->match.text);
	*vm = (struct profile_vm){ 0 };
}

void profile_free(struct profile *p)
{
	for (unsigned int i = 0; i < p->n_vms; i++)
		profile_vm_free(&p->vms[i]);
	free(p->vms);
	free(p->classes);
	free(p->housekeeping_cpus);
	free(p->agent_cpus);
	free(p->file);
	*p = (struct profile){ 0 };
}

/* ---- Values -------------------------------------------------------------------------------------------------------*/

static int no_memory(const char *file, struct isolat_error *err)
{
	return isolat_fail(err, ISOLAT_FAILED, PROFILE_ERROR, file, "out of memory");
}

/* @node is the part that @why's key is below of. */
static int refuse(const struct profile *p, const struct profile_node *node, const struct profile_why *why,
		  struct isolat_error *err)
{
	if (why->no_memory)
		return no_memory(p->file, err);
	profile_yaml_fail(p->file, profile_yaml_find(node, why->key), err, "%s", why->reason);
	return isolat_hint(err, "%s", why->hint);
}

static struct profile_place place_of(const struct profile_node *node, const char *path)
{
	node = profile_yaml_find(node, path);
	return (struct profile_place){ node ? node->line : 0 };
}

static int read_classes(struct profile *p, const struct profile_raw *raw, const struct profile_node *root,
			struct isolat_error *err)
{
	const struct profile_node *node = profile_yaml_find(root, "classes")->first;
	struct profile_why why = { 0 };

	p->classes = calloc(raw->classes_count, sizeof(*p->classes));
	if (!p->classes)
		return no_memory(p->file, err);
	for (; p->n_classes < raw->classes_count; p->n_classes++, node = node->next) {
		struct profile_class *class = &p->classes[p->n_classes];

		if (profile_convert_class(&raw->classes[p->n_classes], class, &why))
			return refuse(p, node, &why, err);
		class->place = place_of(node, "");
		class->l3.place = place_of(node, "cache.l3");
		class->l3_code.place = place_of(node, "cache.l3_code");
		class->l3_data.place = place_of(node, "cache.l3_data");
		class->l2.place = place_of(node, "cache.l2");
		class->bandwidth.place = place_of(node, "bandwidth");
	}
	return profile_check_classes(p, root, err);
}

static int read_vms(struct profile *p, const struct profile_raw *raw, const struct profile_node *root,
		    struct isolat_error *err)
{
	const struct profile_node *node;
	struct profile_why why = { 0 };

	if (!raw->vms_count)
		return 0;
	p->vms = calloc(raw->vms_count, sizeof(*p->vms));
	if (!p->vms)
		return no_memory(p->file, err);
	for (node = profile_yaml_find(root, "vms")->first; node; node = node->next) {
		struct profile_vm *vm = &p->vms[p->n_vms];

		if (profile_convert_vm(&raw->vms[p->n_vms++], p, vm, &why))
			return refuse(p, node, &why, err);
		vm->place = place_of(node, "");
		vm->match.place = place_of(node, profile_yaml_find(node, "match") ? "match" : "name");
	}
	return profile_check_vms(p, root, err);
}

static int read_host(struct profile *p, const struct profile_raw *raw, const struct profile_node *root,
		     struct isolat_error *err)
{
	struct profile_why why = { 0 };

	if (profile_convert_host(raw, p, &why))
		return refuse(p, root, &why, err);
	p->housekeeping_place = place_of(root, "housekeeping");
	p->agent_place = place_of(root, "timer_agent");
	p->agent_l3.place = place_of(root, "timer_agent.cache.l3");
	p->closids_place = place_of(root, "closids");
	return 0;
}

/* Before the schema: another version has other keys. */
static int check_version(const char *file, const struct profile_node *root, struct isolat_error *err)
{
	const struct profile_node *version = profile_yaml_find(root, "version");

	if (!version || version->kind != PROFILE_SCALAR || !strcmp(version->value, VERSION))
		return 0; /* it is there, or the schema says what is wrong */
	profile_yaml_fail(file, version, err, "%s is not a version that this isolat reads",
			  profile_quote(version->value).text);
	return isolat_hint(err, "it reads version " VERSION);
}

static int read_document(struct profile *p, const char *text, size_t n, const struct profile_node *root,
			 struct isolat_error *err)
{
	struct profile_raw *raw;
	int rc;

	if (check_version(p->file, root, err) || profile_schema_load(p->file, text, n, root, &raw, err))
		return -1;
	rc = read_classes(p, raw, root, err);
	if (!rc)
		rc = read_vms(p, raw, root, err);
	if (!rc)
		rc = read_host(p, raw, root, err);
	profile_schema_free(raw);
	return rc;
}

static int refuse_size(const char *name, struct isolat_error *err)
{
	return isolat_fail(err, ISOLAT_USAGE, PROFILE_ERROR, name, "it is larger than %u MiB", PROFILE_MAX_FILE >> 20);
}

int profile_read_text(const char *name, const char *text, size_t n, struct profile *p, struct isolat_error *err)
{
	struct profile_node *root;
	int rc;

	*p = (struct profile){ 0 };
	if (n > PROFILE_MAX_FILE)
		return refuse_size(name, err);
	root = profile_yaml_read(name, text, n, err);
	if (!root)
		return -1;
	p->file = strdup(name);
	rc = p->file ? read_document(p, text, n, root, err) : no_memory(name, err);
	profile_yaml_free(root);
	if (rc)
		profile_free(p);
	return rc;
}

/* ---- The file -----------------------------------------------------------------------------------------------------*/

static int read_open(const char *file, int fd, struct profile *p, struct isolat_error *err)
{
	struct stat st;
	char *buffer;
	ssize_t n;
	int rc;

	/* Said before it is read; what has no size, a pipe or a device, is read up to the limit. */
	if (!fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_size > PROFILE_MAX_FILE)
		return refuse_size(file, err);
	buffer = malloc(PROFILE_MAX_FILE + 1);
	if (!buffer)
		return no_memory(file, err);
	n = isolat_read_all(fd, buffer, PROFILE_MAX_FILE + 1);
	if (n < 0)
		rc = isolat_fail(err, n == -EISDIR ? ISOLAT_USAGE : ISOLAT_FAILED, PROFILE_ERROR, file, "%s",
				 strerror((int)-n));
	else
		rc = profile_read_text(file, buffer, (size_t)n, p, err);
	free(buffer);
	return rc;
}

int profile_read(const char *file, struct profile *p, struct isolat_error *err)
{
	int fd, rc;

	*p = (struct profile){ 0 };
	if (!strcmp(file, "-"))
		return read_open("standard input", STDIN_FILENO, p, err);
	fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0) {
		bool missing = errno == ENOENT;

		isolat_fail(err, ISOLAT_USAGE, "open profile", file, "%s", strerror(errno));
		return missing ? isolat_hint(err, "isolat-profile(5) says how to write one") : -1;
	}
	rc = read_open(file, fd, p, err);
	close(fd);
	return rc;
}
