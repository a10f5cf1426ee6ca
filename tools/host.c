// SPDX-License-Identifier: BSD-3-Clause
#include "host.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "topology_file.h"

#define FORMAT	"isolat-topology"
#define VERSION 1

/* A description that was given by name, and where its caps come from. */
struct input {
	struct topology_file file;
	json_t *doc; /* if it is one of ours */
};

static void drop_input(struct input *in)
{
	free(in->file.bytes);
	json_decref(in->doc);
	*in = (struct input){ 0 };
}

static int no_memory(struct isolat_error *err)
{
	return isolat_fail(err, ISOLAT_FAILED, "read host", NULL, "out of memory");
}

static int bad_document(struct isolat_error *err, const char *what, const char *path, const char *reason)
{
	isolat_fail(err, ISOLAT_USAGE, what, path, "%s", reason);
	return isolat_hint(err, "isolat topology --json writes such files, this isolat version %d of them", VERSION);
}

/* A file that begins with a brace has to be ours. */
static int parse_document(struct input *in, const char *what, const char *path, struct isolat_error *err)
{
	const char *format;
	char reason[256];
	json_error_t why;
	json_int_t version;

	if (in->file.size > TOPOLOGY_MAX_JSON)
		return isolat_fail(err, ISOLAT_USAGE, what, path, "too large: of JSON, %lu MiB are read",
				   TOPOLOGY_MAX_JSON >> 20);
	in->doc = json_loadb(in->file.bytes, in->file.size, JSON_REJECT_DUPLICATES, &why);
	if (!in->doc) {
		snprintf(reason, sizeof(reason), "line %d: %s", why.line, why.text);
		return bad_document(err, what, path, reason);
	}
	format = json_string_value(json_object_get(in->doc, "format"));
	if (!format || strcmp(format, FORMAT))
		return bad_document(err, what, path, "format: not \"" FORMAT "\"");
	if (!json_is_integer(json_object_get(in->doc, "version")))
		return bad_document(err, what, path, "version: not a whole number");
	version = json_integer_value(json_object_get(in->doc, "version"));
	if (version == VERSION)
		return 0;
	snprintf(reason, sizeof(reason), "version: %" JSON_INTEGER_FORMAT " is not known", version);
	return bad_document(err, what, path, reason);
}

/* Reads @path if it is a file; the bytes are NULL when it is none, such as a folder. */
static int read_input(const char *path, const char *what, struct input *in, struct isolat_error *err)
{
	struct stat st;
	int rc = 0;

	*in = (struct input){ 0 };
	if (stat(path, &st) || S_ISDIR(st.st_mode))
		return 0;
	if (topology_file_read(path, TOPOLOGY_MAX_XML, what, &in->file, err))
		return -1;
	if (topology_file_first(&in->file) == '{')
		rc = parse_document(in, what, path, err);
	if (rc)
		drop_input(in);
	return rc;
}

/* Those below know a value, not where it comes from. */
static int with_file(struct isolat_error *err, const char *what, const char *path)
{
	char reason[sizeof(err->reason)];

	memcpy(reason, err->reason, sizeof(reason));
	if (err->object[0])
		snprintf(reason, sizeof(reason), "%.200s: %.300s", err->object, err->reason);
	return isolat_fail(err, err->code, what, path, "%s", reason);
}

static int replace_source(char **source, const char *path, struct isolat_error *err)
{
	char *copy = strdup(path);

	if (!copy)
		return no_memory(err);
	free(*source);
	*source = copy;
	return 0;
}

static int topology_from_document(const json_t *doc, const char *path, struct topology *t, struct isolat_error *err)
{
	const char *what = "read topology";

	if (!json_object_get(doc, "topology"))
		return bad_document(err, what, path, "topology: missing");
	if (topology_from_json(json_object_get(doc, "topology"), t, err))
		return with_file(err, what, path);
	if (!replace_source(&t->source, path, err))
		return 0;
	topology_free(t);
	return -1;
}

static int caps_from_document(const json_t *doc, const char *path, struct rdt_caps *caps, struct isolat_error *err)
{
	const char *what = "read RDT capabilities";

	if (!json_object_get(doc, "rdt"))
		return bad_document(err, what, path, "rdt: missing");
	if (rdt_caps_from_json(json_object_get(doc, "rdt"), caps, err))
		return with_file(err, what, path);
	if (!replace_source(&caps->source, path, err))
		return 0;
	rdt_caps_free(caps);
	return -1;
}

static int read_topology(const char *source, const struct input *in, struct topology *t, struct isolat_error *err)
{
	if (in->doc)
		return topology_from_document(in->doc, source, t, err);
	if (in->file.bytes)
		return topology_read_xml(source, in->file.bytes, in->file.size, t, err);
	return topology_read(source, t, err);
}

/* A resctrl that was named: then it has to be there. */
static int caps_from_folder(const char *root, struct rdt_caps *caps, struct isolat_error *err)
{
	if (rdt_caps_read(root, caps, err)) {
		err->code = ISOLAT_USAGE;
		return -1;
	}
	if (caps->present)
		return 0;
	rdt_caps_free(caps);
	return isolat_fail(err, ISOLAT_USAGE, "read RDT capabilities", root, "no resctrl with capabilities is there");
}

static int read_named_caps(const char *source, struct rdt_caps *caps, struct isolat_error *err)
{
	const char *what = "read RDT capabilities";
	struct input in;
	struct stat st;
	int rc;

	if (stat(source, &st)) {
		/* What looks like a path is one, so that a misspelt one is called missing. */
		if (strchr(source, '/') && !strchr(source, '='))
			return isolat_fail(err, ISOLAT_USAGE, what, source, "%s", strerror(errno));
		return rdt_caps_parse(source, caps, err);
	}
	if (S_ISDIR(st.st_mode))
		return caps_from_folder(source, caps, err);
	if (read_input(source, what, &in, err))
		return -1;
	rc = in.doc ? caps_from_document(in.doc, source, caps, err)
		    : bad_document(err, what, source, "neither JSON nor a folder");
	drop_input(&in);
	return rc;
}

/* @in is what the topology came from. */
static int read_caps(const char *source, const char *topology, const struct input *in, struct rdt_caps *caps,
		     struct isolat_error *err)
{
	if (source)
		return read_named_caps(source, caps, err);
	if (in->doc)
		return caps_from_document(in->doc, topology, caps, err);
	return topology ? rdt_caps_parse("none", caps, err) : rdt_caps_read(NULL, caps, err);
}

int host_read(const char *topology, const char *caps, struct host *host, struct isolat_error *err)
{
	struct input in = { 0 };
	int rc;

	*host = (struct host){ 0 };
	if (topology && read_input(topology, "read topology", &in, err))
		return -1;
	rc = read_topology(topology, &in, &host->topology, err);
	if (!rc) {
		rc = read_caps(caps, topology, &in, &host->caps, err);
		if (rc)
			topology_free(&host->topology);
	}
	drop_input(&in);
	return rc;
}

void host_free(struct host *host)
{
	topology_free(&host->topology);
	rdt_caps_free(&host->caps);
}

json_t *host_to_json(const struct host *host)
{
	return json_pack("{s:s, s:i, s:o, s:o}", "format", FORMAT, "version", VERSION, "topology",
			 topology_to_json(&host->topology), "rdt", rdt_caps_to_json(&host->caps));
}
