// SPDX-License-Identifier: BSD-3-Clause
/* isolat bench idle: the talk's table, on this host's KVM or, where it has none that boots, in an emulated host. */
#include "verb.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "accel.h"
#include "bench_idle_table.h"
#include "idle_bench.h"
#include "kernel.h"

/* An emulated CPU under an emulated hypervisor takes about this many times longer from a read to its idle. */
#define LAB_SLOWDOWN 20
#define LAB_KERNEL   "6.1"
#define MAX_INJECT   8

enum {
	OPT_KERNEL = 256,
	OPT_MODULE,
	OPT_LAB,
	OPT_HOST_POLLING,
	OPT_READS,
	OPT_TRACED,
	OPT_WAKES,
	OPT_INJECT,
	OPT_HOST_POLL,
	OPT_GUEST_POLL,
	OPT_SLOWDOWN,
	OPT_PROGRESS,
	OPT_SHOW,
};

static const struct report_option options[] = {
	REPORT_OPTION_HELP,
	REPORT_OPTION_JSON,
	{ "kernel", OPT_KERNEL, "NAME",
	  "the guest's kernel: an installed release, an image, or one below $ISOLAT_KERNELS" },
	{ "module", OPT_MODULE, "FILE", "smart_idle_poll.ko for that kernel; default: where DKMS puts it" },
	{ "lab", OPT_LAB, NULL, "use an emulated host even where KVM works (as root)" },
	{ "host-polling", OPT_HOST_POLLING, "WHICH", "measure with host halt polling off, on, or both (default both)" },
	{ "reads", OPT_READS, "N", "reads for each cell (default 2000, in the lab 500)" },
	{ "traced-reads", OPT_TRACED, "N", "reads with idle periods traced (default 2000, in the lab 1000)" },
	{ "wakes", OPT_WAKES, "N", "round trips of message passing (default 20000, in the lab 1000)" },
	{ "inject", OPT_INJECT, "US,...", "completion latencies to inject, in us (default 1,20,50)" },
	{ "host-poll", OPT_HOST_POLL, "US", "host halt polling where it is on (default 100)" },
	{ "guest-poll", OPT_GUEST_POLL, "US", "longest poll of the guest where it polls (default 100)" },
	{ "slowdown", OPT_SLOWDOWN, "N", "multiply all these times, for slow CPUs (default 1, in the lab 20)" },
	{ "show", OPT_SHOW, "FILE", "measure nothing: print the report that --json once wrote to FILE" },
	{ "progress", OPT_PROGRESS, NULL, "show progress even if stderr is no terminal" },
	{ 0 },
};

static const struct report_usage usage = {
	.command = "isolat bench idle",
	.synopsis = "[OPTION]...",
	.about =
		"Reads 4k at depth 1 with fio from a disk of injected latency, with host halt polling and guest smart "
		"idle "
		"poll off and on, in a guest under KVM; and passes messages between its two vCPUs. Counts exits, halts "
		"and IPIs. Takes a minute, in the lab a few.",
	.options = options,
};

struct request {
	struct idle_bench_config bench;
	unsigned int inject_ns[MAX_INJECT];
	unsigned int guest_poll_us, host_poll_us;
	bool lab, json, progress;
	const char *show;
	char module[PATH_MAX];
	struct isolat_error err;
};

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

static int parse_count(int key, const char *text, unsigned long low, unsigned long high, unsigned int *value,
		       struct isolat_error *err)
{
	unsigned long number;

	if (report_number(&usage, key, text, low, high, &number, err))
		return -1;
	*value = number;
	return 0;
}

static int parse_inject(struct request *r, char *text, struct isolat_error *err)
{
	char *save = NULL;
	size_t n = 0;

	for (char *word = strtok_r(text, ",", &save); word; word = strtok_r(NULL, ",", &save)) {
		if (n == MAX_INJECT)
			return isolat_fail(err, ISOLAT_USAGE, "read option --inject", word, "more than %d latencies",
					   MAX_INJECT);
		if (parse_count(OPT_INJECT, word, 1, 100000, &r->inject_ns[n], err))
			return -1;
		r->inject_ns[n++] *= 1000;
	}
	r->bench.n_latencies = n;
	return n ? 0 : isolat_fail(err, ISOLAT_USAGE, "read option --inject", NULL, "no latency");
}

static int parse_host_polling(struct request *r, const char *text, struct isolat_error *err)
{
	r->bench.skip_host_off = !strcmp(text, "on");
	r->bench.skip_host_on = !strcmp(text, "off");
	if (r->bench.skip_host_off || r->bench.skip_host_on || !strcmp(text, "both"))
		return 0;
	return isolat_fail(err, ISOLAT_USAGE, "read option --host-polling", text, "not off, on or both");
}

static int apply_option(void *request, int key, struct isolat_error *err)
{
	struct request *r = request;
	struct idle_bench_config *b = &r->bench;

	switch (key) {
	case 'j':
		r->json = true;
		return 0;
	case OPT_KERNEL:
		b->kernel = optarg;
		return 0;
	case OPT_MODULE:
		b->module = optarg;
		return 0;
	case OPT_LAB:
		r->lab = true;
		return 0;
	case OPT_HOST_POLLING:
		return parse_host_polling(r, optarg, err);
	case OPT_READS:
		return parse_count(OPT_READS, optarg, 10, 10000000, &b->reads, err);
	case OPT_TRACED:
		return parse_count(OPT_TRACED, optarg, 10, 100000, &b->traced_reads, err);
	case OPT_WAKES:
		return parse_count(OPT_WAKES, optarg, 10, 10000000, &b->wakes, err);
	case OPT_INJECT:
		return parse_inject(r, optarg, err);
	case OPT_HOST_POLL:
		return parse_count(OPT_HOST_POLL, optarg, 1, 10000, &r->host_poll_us, err);
	case OPT_GUEST_POLL:
		return parse_count(OPT_GUEST_POLL, optarg, 1, 10000, &r->guest_poll_us, err);
	case OPT_SLOWDOWN:
		return parse_count(OPT_SLOWDOWN, optarg, 1, 1000, &b->slowdown, err);
	case OPT_SHOW:
		r->show = optarg;
		return 0;
	default: /* OPT_PROGRESS */
		r->progress = true;
		return 0;
	}
}

/* Returns an exit code, or -1 to go on. */
static int parse_options(struct request *r, int argc, char **argv)
{
	int code = report_options(&usage, argc, argv, apply_option, r);

	if (code >= 0)
		return code;
	code = report_no_words(&usage, argc, argv);
	return code == ISOLAT_OK ? -1 : code;
}

static void set_defaults(struct request *r)
{
	static const unsigned int talk_ns[] = { 1000, 20000, 50000 };
	struct idle_bench_config *b = &r->bench;

	b->reads = b->reads ? b->reads : r->lab ? 500 : 2000;
	b->traced_reads = b->traced_reads ? b->traced_reads : r->lab ? 1000 : 2000;
	b->wakes = b->wakes ? b->wakes : r->lab ? 1000 : 20000;
	b->slowdown = b->slowdown ? b->slowdown : r->lab ? LAB_SLOWDOWN : 1;
	b->host_poll_ns = (r->host_poll_us ? r->host_poll_us : 100) * 1000;
	b->guest_poll_ns = (r->guest_poll_us ? r->guest_poll_us : 100) * 1000;
	b->kernel = b->kernel || !r->lab ? b->kernel : LAB_KERNEL;
	if (b->n_latencies) {
		b->latencies_ns = r->inject_ns;
	} else {
		b->latencies_ns = talk_ns;
		b->n_latencies = 3;
	}
}

/* What was named must be there, and that is said before the first VM is started. */
static int check_names(struct request *r)
{
	struct microvm_kernel kernel;

	if (r->bench.module && access(r->bench.module, R_OK))
		return isolat_fail(&r->err, ISOLAT_USAGE, "find module", r->bench.module, "%s", strerror(errno));
	return r->bench.kernel ? microvm_kernel_find(r->bench.kernel, &kernel, &r->err) : 0;
}

/* Our module for the guest's kernel: from the build tree, or where DKMS installs it. */
static int find_module(struct request *r)
{
	const char *build = getenv("ISOLAT_BUILD");
	struct microvm_kernel kernel;

	if (r->bench.module)
		return 0;
	if (microvm_kernel_find(r->bench.kernel, &kernel, &r->err))
		return -1;
	r->bench.module = r->module;
	if (build && r->bench.kernel &&
	    snprintf(r->module, PATH_MAX, "%s/guest/%s/smart_idle_poll.ko", build, r->bench.kernel) > 0 &&
	    !access(r->module, R_OK))
		return 0;
	for (const char *const *ending = (const char *const[]){ "ko", "ko.xz", NULL }; *ending; ending++) {
		snprintf(r->module, PATH_MAX, "%.3900s/updates/dkms/smart_idle_poll.%s", kernel.modules, *ending);
		if (!access(r->module, R_OK))
			return 0;
	}
	isolat_fail(&r->err, ISOLAT_USAGE, "find smart_idle_poll.ko", kernel.release, "not in %.256s/updates/dkms",
		    kernel.modules);
	return isolat_hint(&r->err, r->lab ? "set ISOLAT_BUILD to isolat's build folder, or name it with --module"
					   : "build it with make dkms-install, or name it with --module");
}

struct arguments {
	const char *v[64];
	char text[16][128];
	size_t n, n_texts;
};

static void add_number(struct arguments *a, const char *option, unsigned int value)
{
	snprintf(a->text[a->n_texts], sizeof(a->text[0]), "--%s=%u", option, value);
	a->v[a->n++] = a->text[a->n_texts++];
}

/* Paths are relative to where we are; the emulated host is elsewhere. */
static void add_setting(struct arguments *a, char *buf, size_t size, const char *name)
{
	const char *value = getenv(name);
	char path[PATH_MAX];

	if (!value || !realpath(value, path))
		return;
	snprintf(buf, size, "%s=%s", name, path);
	a->v[a->n++] = buf;
}

/* The same benchmark, as a command for the emulated host. */
static void lab_arguments(const struct request *r, struct arguments *a, const char *self, bool host_on)
{
	static char kernels[PATH_MAX + 32], build[PATH_MAX + 32], module[PATH_MAX], image[PATH_MAX];
	const char *kernel;
	const struct idle_bench_config *b = &r->bench;
	char *inject = a->text[a->n_texts++];
	size_t used;

	kernel = strchr(b->kernel, '/') && realpath(b->kernel, image) ? image : b->kernel;
	a->v[a->n++] = "env";
	add_setting(a, kernels, sizeof(kernels), "ISOLAT_KERNELS");
	add_setting(a, build, sizeof(build), "ISOLAT_BUILD");
	a->v[a->n++] = "ISOLAT_IN_LAB=1";
	for (const char *const *word =
		     (const char *const[]){ self, "bench", "idle", "--json", "--progress", "--kernel", kernel,
					    "--module", realpath(b->module, module) ? module : b->module, NULL };
	     *word; word++)
		a->v[a->n++] = *word;
	a->v[a->n++] = host_on ? "--host-polling=on" : "--host-polling=off";
	add_number(a, "reads", b->reads);
	add_number(a, "traced-reads", b->traced_reads);
	add_number(a, "wakes", b->wakes);
	add_number(a, "host-poll", b->host_poll_ns / 1000);
	add_number(a, "guest-poll", b->guest_poll_ns / 1000);
	add_number(a, "slowdown", b->slowdown);
	used = snprintf(inject, sizeof(a->text[0]), "--inject=");
	for (size_t i = 0; i < b->n_latencies; i++)
		used += snprintf(inject + used, sizeof(a->text[0]) - used, "%s%u", i ? "," : "",
				 b->latencies_ns[i] / 1000);
	a->v[a->n++] = inject;
}

/* Follows the emulated host: its stderr is progress, its stdout the report. */
static int follow_lab(struct request *r, struct microvm *vm, FILE *report)
{
	struct microvm_event event;
	int status = 0, rc;

	while ((rc = microvm_next(vm, &event, &r->err)) > 0) {
		if (event.kind == MICROVM_OUT)
			fprintf(report, "%s\n", event.text);
		else if (event.kind == MICROVM_ERR && r->bench.progress)
			pass_progress(event.text);
		else if (event.kind == MICROVM_EXIT)
			status = event.status;
		else if (event.kind == MICROVM_SPLAT)
			return isolat_fail(&r->err, ISOLAT_FAILED, "run the lab", NULL, "its kernel says: %s",
					   event.text);
	}
	if (rc < 0)
		return -1;
	return status;
}

/* The emulated host's report, or its error taken over as ours. */
static int read_lab_report(struct request *r, const char *text, int status, json_t **report)
{
	json_t *error;
	const char *what, *object, *reason;

	*report = json_loads(text, 0, NULL);
	error = json_object_get(*report, "error");
	if (*report && !error && !status) {
		json_object_set_new(*report, "lab", json_true());
		return 0;
	}
	if (!json_unpack(error, "{s:s, s:s, s:s}", "what", &what, "object", &object, "reason", &reason))
		isolat_fail(&r->err, ISOLAT_FAILED, what, object, "in the lab: %s", reason);
	else
		isolat_fail(&r->err, ISOLAT_FAILED, "run the lab", NULL, "it ended with status %d", status);
	json_decref(*report);
	return -1;
}

static int run_lab_once(struct request *r, const struct microvm_config *config, json_t **report, bool *hung)
{
	struct microvm *vm;
	char *text = NULL;
	size_t size;
	FILE *out;
	int rc;

	*hung = false;
	if (microvm_start(config, &vm, &r->err))
		return -1;
	out = open_memstream(&text, &size);
	rc = follow_lab(r, vm, out);
	fclose(out);
	*hung = microvm_worth_retry(vm);
	microvm_end(vm);
	if (rc >= 0)
		rc = read_lab_report(r, text, rc, report);
	free(text);
	return rc;
}

static int run_lab(struct request *r, const char *self, bool host_on, json_t **report)
{
	struct arguments arguments = { 0 };
	const struct microvm_config config = {
		.name = "bench-lab",
		.kernel = r->bench.kernel,
		.vcpus = 2,
		.memory_mib = 4096,
		.accel = MICROVM_ACCEL_TCG,
		.nested = true,
		.host_root = true,
		.timeout_s = 1200,
		.argv = arguments.v,
	};
	bool hung;
	int rc;

	lab_arguments(r, &arguments, self, host_on);
	if (r->bench.progress)
		show_progress("starting an emulated host (latencies in it mean nothing)");
	rc = run_lab_once(r, &config, report, &hung);
	if (rc && hung) {
		report_clean(r->err.reason);
		fprintf(stderr, "isolat: %s %s: %s; once more\n", r->err.what, r->err.object, r->err.reason);
		rc = run_lab_once(r, &config, report, &hung);
	}
	return rc;
}

/* Adds the cells of a second report to the first. */
static void merge_reports(json_t **report, json_t *part)
{
	if (!*report) {
		*report = part;
		return;
	}
	json_array_extend(json_object_get(*report, "cells"), json_object_get(part, "cells"));
	json_array_extend(json_object_get(*report, "wake"), json_object_get(part, "wake"));
	json_decref(part);
}

/* An emulated host for each setting of its halt polling: a second guest in the same one runs slower than the first. */
static int run_in_lab(struct request *r, json_t **report)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n < 0)
		return isolat_fail(&r->err, ISOLAT_FAILED, "find this program", "/proc/self/exe", "%s",
				   strerror(errno));
	self[n] = '\0';
	*report = NULL;
	for (int host_on = r->bench.skip_host_off; host_on < 2 - r->bench.skip_host_on; host_on++) {
		json_t *part;

		if (run_lab(r, self, host_on, &part)) {
			json_decref(*report);
			return -1;
		}
		merge_reports(report, part);
	}
	return 0;
}

static int load_report(struct request *r, json_t **report)
{
	json_error_t why;

	*report = json_load_file(r->show, 0, &why);
	if (!*report)
		return isolat_fail(&r->err, ISOLAT_USAGE, "read report", r->show, "%s", why.text);
	if (json_is_array(json_object_get(*report, "cells")) &&
	    json_integer_value(json_object_get(*report, "version")) == IDLE_BENCH_VERSION)
		return 0;
	json_decref(*report);
	return isolat_fail(&r->err, ISOLAT_USAGE, "read report", r->show,
			   "not a report of isolat bench idle, version %d", IDLE_BENCH_VERSION);
}

/* On this host's KVM if a stock kernel boots on it, else in the lab. */
static void choose_place(struct request *r)
{
	struct microvm_kernel kernel;
	struct isolat_error none;

	if (r->lab)
		return;
	if (!r->bench.kernel && microvm_kernel_find(NULL, &kernel, &none)) /* the running one left no image here */
		r->bench.kernel = LAB_KERNEL;
	if (r->bench.progress)
		show_progress("seeing whether a stock kernel boots on this host's KVM (remembered; 15 s at most)");
	r->lab = !microvm_kvm_boots(r->bench.kernel);
}

static int need_root(struct request *r)
{
	isolat_fail(&r->err, ISOLAT_UNSUPPORTED, "start an emulated host", NULL, "not root");
	return isolat_hint(&r->err, "run as root; it is needed where no KVM boots a stock kernel");
}

/* Measures, here or in the lab. */
static int make_report(struct request *r, json_t **report)
{
	bool inside = getenv("ISOLAT_IN_LAB");

	if (check_names(r))
		return -1;
	started = now();
	if (r->progress || isatty(STDERR_FILENO))
		r->bench.progress = show_progress;
	if (!inside)
		choose_place(r);
	r->bench.accel = MICROVM_ACCEL_KVM;
	if (r->lab || inside) /* two emulated CPUs for host and guest: what the guest calls steal is the emulator's */
		r->bench.module_params = "steal_pct=0";
	if (geteuid() && r->lab)
		return need_root(r);
	set_defaults(r);
	if (find_module(r))
		return -1;
	return r->lab ? run_in_lab(r, report) : idle_bench_run(&r->bench, report, &r->err);
}

int cmd_bench_idle(int argc, char **argv)
{
	static struct request r;
	json_t *report;
	int code = parse_options(&r, argc, argv);

	if (code >= 0)
		return code;
	if (r.show ? load_report(&r, &report) : make_report(&r, &report))
		return report_error(&r.err, r.json);
	if (r.json)
		return report_json(report);
	bench_idle_print(report);
	json_decref(report);
	return ISOLAT_OK;
}
