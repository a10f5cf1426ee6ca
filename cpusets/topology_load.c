// SPDX-License-Identifier: BSD-3-Clause
/* hwloc, told where to look and nothing else. */
#include "topology_impl.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "topology_file.h"

#define WHAT "read topology"

/* hwloc reads elements by recursion; its own deepest files have some 20 levels. */
#define MAX_XML_DEPTH 200

/*
 * The environment without HWLOC_ variables of the user, and with ours. hwloc looks at it while it loads, and has no
 * call for most of these. An array of our own rather than setenv() puts everything back exactly, whatever happened.
 */
struct environment {
	char **before, **array;
	char root[PATH_MAX + 16];
};

static int enter_environment(struct environment *e, const char *root, char *components)
{
	static char quiet[] = "HWLOC_HIDE_ERRORS=2";
	size_t n = 0, kept = 0;

	e->before = environ;
	while (environ && environ[n])
		n++;
	e->array = calloc(n + 4, sizeof(*e->array));
	if (!e->array)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (strncmp(environ[i], "HWLOC_", 6))
			e->array[kept++] = environ[i];
	}
	e->array[kept++] = quiet;
	e->array[kept++] = components;
	if (root) {
		snprintf(e->root, sizeof(e->root), "HWLOC_FSROOT=%s", root);
		e->array[kept++] = e->root;
	}
	environ = e->array;
	return 0;
}

static void leave_environment(struct environment *e)
{
	environ = e->before;
	free(e->array);
}

static int refused(struct isolat_error *err, const char *source, const char *kind)
{
	return isolat_fail(err, ISOLAT_USAGE, WHAT, source, "hwloc refuses it as %s", kind);
}

/* How many CPUs hwloc would make of a synthetic description: the product of its counts. Above @limit it is limit + 1.
 */
static unsigned long synthetic_cpus(const char *text, unsigned long limit)
{
	unsigned long cpus = 1;
	char before = ' ';

	for (size_t skip; *text; text += skip) {
		skip = 1;
		if (*text == '(') { /* attributes */
			skip = strcspn(text, ")");
		} else if (*text >= '0' && *text <= '9' && (before == ':' || before == ' ')) {
			unsigned long count = strtoul(text, NULL, 10);

			if (count > limit || (cpus *= count) > limit)
				return limit + 1;
			skip = strspn(text, "0123456789");
		}
		before = text[skip - 1];
	}
	return cpus;
}

static int set_synthetic(hwloc_topology_t hw, const char *text, struct isolat_error *err)
{
	char *with_node = NULL;
	int rc;

	/* Before hwloc builds them: "pu:1000000000" would take all memory. */
	if (synthetic_cpus(text, TOPOLOGY_MAX_CPUS) > TOPOLOGY_MAX_CPUS)
		return isolat_fail(err, ISOLAT_USAGE, WHAT, text, "it describes more than %d CPUs", TOPOLOGY_MAX_CPUS);
	/* Without a node hwloc adds one, by a memcpy() onto itself (2.9): say it, as it would. */
	if (!strcasestr(text, "numa") && !strcasestr(text, "node") &&
	    asprintf(&with_node, "[numa(memory=1GiB)] %s", text) < 0)
		return topology_no_memory(err);
	rc = hwloc_topology_set_synthetic(hw, with_node ? with_node : text);
	free(with_node);
	if (!rc)
		return 0;
	refused(err, text, "a synthetic description");
	return isolat_hint(err, "it is no file either; descriptions look like \"pack:2 l3:1 core:8 pu:2\"");
}

/* Whether elements are nested too deep for a recursive reader. Attributes may hold '>' but never '<'. */
static bool nested_too_deep(const char *xml)
{
	int depth = 0;

	for (const char *tag = strchr(xml, '<'); tag; tag = strchr(tag + 1, '<')) {
		const char *end = strchr(tag, '>');

		if (tag[1] == '/')
			depth--;
		else if (tag[1] != '!' && tag[1] != '?' && end && end[-1] != '/')
			depth++;
		if (depth > MAX_XML_DEPTH)
			return true;
	}
	return false;
}

static int set_xml(hwloc_topology_t hw, const char *name, const struct topology_xml *xml, struct isolat_error *err)
{
	if (strlen(xml->text) != xml->size || nested_too_deep(xml->text))
		return isolat_fail(err, ISOLAT_USAGE, WHAT, name, "not an XML file of hwloc");
	if (xml->size < INT_MAX && !hwloc_topology_set_xmlbuffer(hw, xml->text, (int)xml->size + 1))
		return 0;
	return refused(err, name, "XML");
}

/* Why loading failed, where that can be told. */
static int explain(const char *source, const struct topology_xml *xml, struct isolat_error *err)
{
	static const char version[] = "<topology version=\"";
	const char *found = xml ? strstr(xml->text, version) : NULL;

	refused(err, source, xml ? "XML" : "a machine");
	if (!found)
		return -1;
	found += strlen(version);
	if (strtoul(found, NULL, 10) > 2)
		return isolat_hint(err,
				   "its version is %.*s, hwloc here reads 2; lstopo writes that with "
				   "--export-xml-flags v2",
				   (int)strcspn(found, "\" \n"), found);
	return isolat_hint(err, "is it whole, and written by lstopo?");
}

static int load(hwloc_topology_t hw, const char *source, const struct topology_xml *xml, bool folder,
		struct isolat_error *err)
{
	hwloc_topology_set_flags(hw, HWLOC_TOPOLOGY_FLAG_INCLUDE_DISALLOWED); /* our cgroup is not the host */
	hwloc_topology_set_io_types_filter(hw, HWLOC_TYPE_FILTER_KEEP_IMPORTANT);
	if (xml && set_xml(hw, source, xml, err))
		return -1;
	if (source && !xml && !folder && set_synthetic(hw, source, err))
		return -1;
	if (!hwloc_topology_load(hw))
		return 0;
	if (source)
		return explain(source, xml, err);
	return isolat_fail(err, ISOLAT_FAILED, WHAT, "this machine", "hwloc: %s", strerror(errno));
}

static int load_in_environment(const char *source, const struct topology_xml *xml, bool folder, hwloc_topology_t *hw,
			       struct isolat_error *err)
{
	/*
	 * The kernel's own view alone: the x86 component would run on every CPU in turn, isolated ones too, and tells
	 * of this machine whatever the root is; libpciaccess likewise; GPU plugins take seconds.
	 */
	static char from_sysfs[] = "HWLOC_COMPONENTS=linux,stop", from_text[] = "HWLOC_COMPONENTS=stop";
	struct environment e;
	int rc;

	if (enter_environment(&e, folder ? source : NULL, !source || folder ? from_sysfs : from_text))
		return topology_no_memory(err);
	rc = hwloc_topology_init(hw) ? topology_no_memory(err) : 0;
	if (!rc) {
		rc = load(*hw, source, xml, folder, err);
		if (rc)
			hwloc_topology_destroy(*hw);
	}
	leave_environment(&e);
	return rc;
}

static int load_folder(const char *root, hwloc_topology_t *hw, struct isolat_error *err)
{
	char path[PATH_MAX];

	if ((size_t)snprintf(path, sizeof(path), "%s/sys/devices/system/cpu/cpu0", root) >= sizeof(path))
		return isolat_fail(err, ISOLAT_USAGE, WHAT, root, "%s", strerror(ENAMETOOLONG));
	*strrchr(path, '/') = '\0';
	if (access(path, X_OK)) {
		isolat_fail(err, ISOLAT_USAGE, WHAT, root, "sys/devices/system/cpu in it: %s", strerror(errno));
		return isolat_hint(err, "a folder has to hold a copy of sys");
	}
	return load_in_environment(root, NULL, true, hw, err);
}

static int load_file(const char *path, hwloc_topology_t *hw, struct isolat_error *err)
{
	struct topology_file file;
	struct topology_xml xml;
	int rc;

	if (topology_file_read(path, TOPOLOGY_MAX_XML, WHAT, &file, err))
		return -1;
	xml = (struct topology_xml){ file.bytes, file.size };
	rc = load_in_environment(path, &xml, false, hw, err);
	free(file.bytes);
	return rc;
}

int topology_load(const char *source, const struct topology_xml *xml, hwloc_topology_t *hw, const char **sysfs,
		  struct isolat_error *err)
{
	struct stat st;
	int missing;

	*sysfs = source ? NULL : "";
	if (!source || xml)
		return load_in_environment(source, xml, false, hw, err);
	missing = stat(source, &st) ? errno : 0;
	if (!missing && S_ISDIR(st.st_mode)) {
		*sysfs = source;
		return load_folder(source, hw, err);
	}
	if (!missing)
		return load_file(source, hw, err);
	/* What looks like a path is one, so that a misspelt one is called missing. */
	if (strchr(source, '/') || !strpbrk(source, ": "))
		return isolat_fail(err, ISOLAT_USAGE, WHAT, source, "%s", strerror(missing));
	return load_in_environment(source, NULL, false, hw, err);
}
