// SPDX-License-Identifier: BSD-3-Clause
#include "bench_lab.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "accel.h"
#include "kernel.h"
#include "microvm.h"

static double started;

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static void show_progress(const char *text)
{
	char line[512];

	snprintf(line, sizeof(line), "%s", text);
	report_clean(line);
	fprintf(stderr, "[%3.0f s] %s\n", now() - started, line);
}

/* Lines from the lab have their own time already. */
static void pass_progress(const char *text)
{
	char line[512];

	snprintf(line, sizeof(line), "%s", text);
	report_clean(line);
	fprintf(stderr, "%s\n", line);
}

static int need_root(struct isolat_error *err)
{
	isolat_fail(err, ISOLAT_UNSUPPORTED, "start an emulated host", NULL, "not root");
	return isolat_hint(err, "run as root; it is needed where no KVM boots a stock kernel");
}

int bench_place_choose(struct bench_place *place, struct isolat_error *err)
{
	struct microvm_kernel kernel;
	struct isolat_error none;

	if (place->kernel && microvm_kernel_find(place->kernel, &kernel, err))
		return -1;
	started = now();
	if (place->wants_progress || isatty(STDERR_FILENO))
		place->progress = show_progress;
	place->inside = getenv("ISOLAT_IN_LAB");
	if (!place->inside && !place->lab) {
		if (!place->kernel && microvm_kernel_find(NULL, &kernel, &none)) /* the running one left no image */
			place->kernel = BENCH_LAB_KERNEL;
		if (place->progress)
			show_progress("seeing whether a stock kernel boots on this host's KVM (remembered; 15 s at "
				      "most)");
		place->lab = !microvm_kvm_boots(place->kernel);
	}
	if (place->lab && geteuid())
		return need_root(err);
	if (place->lab && !place->kernel)
		place->kernel = BENCH_LAB_KERNEL;
	return 0;
}

int bench_find_module(const struct bench_place *place, const char *name, const char **path, char buf[PATH_MAX],
		      struct isolat_error *err)
{
	const char *build = getenv("ISOLAT_BUILD");
	struct microvm_kernel kernel;
	char what[64];

	if (*path)
		return access(*path, R_OK) ? isolat_fail(err, ISOLAT_USAGE, "find module", *path, "%s", strerror(errno))
					   : 0;
	if (microvm_kernel_find(place->kernel, &kernel, err))
		return -1;
	*path = buf;
	if (build && place->kernel &&
	    snprintf(buf, PATH_MAX, "%s/guest/%s/%s.ko", build, place->kernel, name) < PATH_MAX && !access(buf, R_OK))
		return 0;
	for (const char *const *ending = (const char *const[]){ "ko", "ko.xz", NULL }; *ending; ending++) {
		snprintf(buf, PATH_MAX, "%.3900s/updates/dkms/%s.%s", kernel.modules, name, *ending);
		if (!access(buf, R_OK))
			return 0;
	}
	*path = NULL;
	snprintf(what, sizeof(what), "find %s.ko", name);
	isolat_fail(err, ISOLAT_USAGE, what, kernel.release, "not in %.256s/updates/dkms", kernel.modules);
	return isolat_hint(err, place->lab ? "set ISOLAT_BUILD to isolat's build folder, or name the file"
					   : "build it with make dkms-install, or name the file");
}

int bench_option_count(const struct report_usage *usage, int key, const char *text, unsigned long low,
		       unsigned long high, unsigned int *value, struct isolat_error *err)
{
	unsigned long number;

	if (report_number(usage, key, text, low, high, &number, err))
		return -1;
	*value = number;
	return 0;
}

static const char *option_name(const struct report_usage *usage, int key)
{
	const struct report_option *option = usage->options;

	while (option->name && option->key != key)
		option++;
	return option->name;
}

int bench_option_list(const struct report_usage *usage, int key, char *text, unsigned long low, unsigned long high,
		      unsigned int *values, size_t max, size_t *n, struct isolat_error *err)
{
	char *save = NULL, option[64];

	snprintf(option, sizeof(option), "read option --%s", option_name(usage, key));
	*n = 0;
	for (char *word = strtok_r(text, ",", &save); word; word = strtok_r(NULL, ",", &save)) {
		if (*n == max)
			return isolat_fail(err, ISOLAT_USAGE, option, word, "more than %zu numbers", max);
		if (bench_option_count(usage, key, word, low, high, &values[(*n)++], err))
			return -1;
	}
	return *n ? 0 : isolat_fail(err, ISOLAT_USAGE, option, NULL, "no number");
}

void bench_argument(struct bench_arguments *a, const char *format, ...)
{
	va_list ap;

	if (a->n + 1 == sizeof(a->v) / sizeof(*a->v))
		abort();
	va_start(ap, format);
	if (vasprintf(&a->v[a->n++], format, ap) < 0)
		abort();
	va_end(ap);
}

void bench_argument_file(struct bench_arguments *a, const char *option, const char *file)
{
	char path[PATH_MAX];

	bench_argument(a, "--%s", option);
	bench_argument(a, "%s", realpath(file, path) ? path : file);
}

void bench_argument_list(struct bench_arguments *a, const char *option, const unsigned int *values, size_t n,
			 unsigned int unit)
{
	char text[128] = "";
	size_t used = 0;

	for (size_t i = 0; i < n && used < sizeof(text); i++)
		used += snprintf(text + used, sizeof(text) - used, "%s%u", i ? "," : "", values[i] / unit);
	bench_argument(a, "--%s=%s", option, text);
}

void bench_arguments_free(struct bench_arguments *a)
{
	while (a->n)
		free(a->v[--a->n]);
}

/* Paths are relative to where we are; the emulated host is elsewhere. */
static void add_setting(struct bench_arguments *a, const char *name)
{
	const char *value = getenv(name);
	char path[PATH_MAX];

	if (value && realpath(value, path))
		bench_argument(a, "%s=%s", name, path);
}

/* The same benchmark, as a command for the emulated host. */
static int lab_command(struct bench_arguments *a, const struct bench_place *place, const char *name,
		       const struct bench_arguments *more, struct isolat_error *err)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n < 0)
		return isolat_fail(err, ISOLAT_FAILED, "find this program", "/proc/self/exe", "%s", strerror(errno));
	self[n] = '\0';
	bench_argument(a, "env");
	add_setting(a, "ISOLAT_KERNELS");
	add_setting(a, "ISOLAT_BUILD");
	bench_argument(a, "ISOLAT_IN_LAB=1");
	for (const char *const *word = (const char *const[]){ self, "bench", name, "--json", "--progress", NULL };
	     *word; word++)
		bench_argument(a, "%s", *word);
	if (strchr(place->kernel, '/')) {
		bench_argument_file(a, "kernel", place->kernel);
	} else {
		bench_argument(a, "--kernel");
		bench_argument(a, "%s", place->kernel);
	}
	for (size_t i = 0; i < more->n; i++)
		bench_argument(a, "%s", more->v[i]);
	return 0;
}

/* Follows the emulated host: its stderr is progress, its stdout the report. Returns its status, or -1. */
static int follow_lab(const struct bench_place *place, struct microvm *vm, FILE *report, struct isolat_error *err)
{
	struct microvm_event event;
	int status = 0, rc;

	while ((rc = microvm_next(vm, &event, err)) > 0) {
		if (event.kind == MICROVM_OUT)
			fprintf(report, "%s\n", event.text);
		else if (event.kind == MICROVM_ERR && place->progress)
			pass_progress(event.text);
		else if (event.kind == MICROVM_EXIT)
			status = event.status;
		else if (event.kind == MICROVM_SPLAT)
			return isolat_fail(err, ISOLAT_FAILED, "run the lab", NULL, "its kernel says: %s", event.text);
	}
	return rc < 0 ? -1 : status;
}

/* The emulated host's report, or its error taken over as ours. */
static int read_lab_report(const char *text, int status, json_t **report, struct isolat_error *err)
{
	const char *what, *object, *reason;
	json_t *error;

	*report = json_loads(text, 0, NULL);
	error = json_object_get(*report, "error");
	if (*report && !error && !status) {
		json_object_set_new(*report, "lab", json_true());
		return 0;
	}
	if (!json_unpack(error, "{s:s, s:s, s:s}", "what", &what, "object", &object, "reason", &reason))
		isolat_fail(err, ISOLAT_FAILED, what, object, "in the lab: %s", reason);
	else
		isolat_fail(err, ISOLAT_FAILED, "run the lab", NULL, "it ended with status %d", status);
	json_decref(*report);
	*report = NULL;
	return -1;
}

static int run_once(const struct bench_place *place, const struct microvm_config *config, json_t **report, bool *hung,
		    struct isolat_error *err)
{
	struct microvm *vm;
	char *text = NULL;
	size_t size;
	FILE *out;
	int rc;

	*hung = false;
	if (microvm_start(config, &vm, err))
		return -1;
	out = open_memstream(&text, &size);
	rc = follow_lab(place, vm, out, err);
	fclose(out);
	*hung = microvm_worth_retry(vm);
	microvm_end(vm);
	if (rc >= 0)
		rc = read_lab_report(text, rc, report, err);
	free(text);
	return rc;
}

int bench_lab_run(const struct bench_place *place, const char *name, const struct bench_arguments *more,
		  unsigned int vcpus, json_t **report, struct isolat_error *err)
{
	struct bench_arguments arguments = { 0 };
	const struct microvm_config config = {
		.name = "bench-lab",
		.kernel = place->kernel,
		.vcpus = vcpus,
		.memory_mib = 4096,
		.accel = MICROVM_ACCEL_TCG,
		.nested = true,
		.host_root = true,
		.timeout_s = 1200,
		.argv = (const char *const *)arguments.v,
	};
	bool hung = false;
	int rc;

	if (lab_command(&arguments, place, name, more, err))
		return -1;
	if (place->progress)
		show_progress("starting an emulated host (latencies in it mean nothing)");
	rc = run_once(place, &config, report, &hung, err);
	if (rc && hung) {
		report_clean(err->reason);
		fprintf(stderr, "isolat: %s %s: %s; once more\n", err->what, err->object, err->reason);
		rc = run_once(place, &config, report, &hung, err);
	}
	bench_arguments_free(&arguments);
	return rc;
}

int bench_load_report(const char *path, const char *name, int version, json_t **report, struct isolat_error *err)
{
	const char *bench;
	json_error_t why;

	*report = json_load_file(path, 0, &why);
	if (!*report)
		return isolat_fail(err, ISOLAT_USAGE, "read report", path, "%s", why.text);
	bench = json_string_value(json_object_get(*report, "bench"));
	if (bench && !strcmp(bench, name) && json_is_array(json_object_get(*report, "cells")) &&
	    json_integer_value(json_object_get(*report, "version")) == version)
		return 0;
	json_decref(*report);
	return isolat_fail(err, ISOLAT_USAGE, "read report", path, "not a report of isolat bench %s, version %d", name,
			   version);
}

/* ---- The command ---- */

struct reading {
	const struct bench_command *command;
	struct bench_common *common;
};

static int apply_option(void *context, int key, struct isolat_error *err)
{
	const struct reading *r = context;

	switch (key) {
	case 'j':
		r->common->json = true;
		return 0;
	case BENCH_OPT_KERNEL:
		r->common->place.kernel = optarg;
		return 0;
	case BENCH_OPT_LAB:
		r->common->place.lab = true;
		return 0;
	case BENCH_OPT_SHOW:
		r->common->show = optarg;
		return 0;
	case BENCH_OPT_PROGRESS:
		r->common->place.wants_progress = true;
		return 0;
	default:
		return r->command->apply_option(r->common, key, err);
	}
}

int bench_command_run(const struct bench_command *command, void *request, int argc, char **argv)
{
	struct bench_common *common = request;
	struct reading reading = { command, common };
	json_t *report;
	int code = report_options(command->usage, argc, argv, apply_option, &reading);

	if (code >= 0)
		return code;
	code = report_no_words(command->usage, argc, argv);
	if (code != ISOLAT_OK)
		return code;
	if (common->show ? bench_load_report(common->show, command->name, command->version, &report, &common->err)
			 : command->make_report(request, &report))
		return report_error(&common->err, common->json);
	if (common->json)
		return report_json(report);
	command->print(report);
	json_decref(report);
	return ISOLAT_OK;
}
