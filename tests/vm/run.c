// SPDX-License-Identifier: BSD-3-Clause
/*
 * Runs the VM tests of a matrix file and reports in TAP.
 *
 * usage: run MATRIX [NAME-OR-GROUP]
 *
 * ISOLAT_BUILD is the build folder: our modules are in guest/KERNEL and tests/vm/modules/KERNEL below it, programs in
 * tests/vm/cases, consoles go to logs. A VM that gives no answer within its time is tried once more, and that is said;
 * but not where the row says that a hang is a failure.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "jobs.h"
#include "kernel.h"
#include "microvm.h"
#include "rdt_state.h"
#include "timer_agent.h"

#define MAX_WORDS 64
#define SKIPPED	  77

struct test {
	char *text; /* what the strings below point into */
	const char *name, *kernels, *groups;
	struct microvm_config config;
	char *append;
	struct microvm_file files[MAX_WORDS];
	struct microvm_module modules[MAX_WORDS];
	const char *argv[MAX_WORDS + 1];
	const char *masks[MAX_WORDS];
	const char *places[MAX_WORDS];
	const char *absent;
	size_t n_masks, n_places;
	unsigned int rdt_asks;
	bool is_case, is_script, alone, needs_image, hang_fails;
	const char *qemu_args[MAX_WORDS + 4];
	unsigned int timer_slots;	       /* an agent of the exitless timer, with so many; 0: none */
	const char *timer_args[MAX_WORDS + 1]; /* for it */
	size_t n_timer_args;
	struct timer_agent agent;
};

static const char *build_dir(void)
{
	const char *dir = getenv("ISOLAT_BUILD");

	return dir && *dir ? dir : "build";
}

__attribute__((format(printf, 1, 2), noreturn)) static void die(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	fprintf(stderr, "tests/vm/run: ");
	vfprintf(stderr, format, ap);
	fprintf(stderr, "\n");
	va_end(ap);
	exit(ISOLAT_USAGE);
}

static char *format_string(const char *format, ...) __attribute__((format(printf, 1, 2)));

static char *format_string(const char *format, ...)
{
	char *text;
	va_list ap;

	va_start(ap, format);
	if (vasprintf(&text, format, ap) < 0)
		abort();
	va_end(ap);
	return text;
}

/* ---- Reading the matrix ---- */

static bool value_of(const char *word, const char *key, const char **value)
{
	size_t length = strlen(key);

	if (strncmp(word, key, length) || word[length] != '=')
		return false;
	*value = word + length + 1;
	return true;
}

static void parse_option(struct test *t, const char *word)
{
	struct microvm_config *c = &t->config;
	const char *value;

	if (!strcmp(word, "case"))
		t->is_case = true;
	else if (!strcmp(word, "script"))
		t->is_script = true;
	else if (!strcmp(word, "alone"))
		t->alone = true;
	else if (!strcmp(word, "hang-fails"))
		t->hang_fails = true;
	else if (!strcmp(word, "leak-scan"))
		c->leak_scan = true;
	else if (!strcmp(word, "host"))
		c->host_root = true;
	else if (!strcmp(word, "nested"))
		c->nested = true;
	else if (!strcmp(word, "pc"))
		c->acpi_pc = true;
	else if (!strcmp(word, "kernel-image"))
		t->needs_image = true;
	else if (!strcmp(word, "stock-image"))
		c->stock_image = true;
	else if (value_of(word, "rdt", &value))
		c->rdt = !strcmp(value, "amd") ? MICROVM_RDT_AMD : MICROVM_RDT_INTEL;
	else if (value_of(word, "rdt-options", &value))
		c->rdt_options = value;
	else if (value_of(word, "rdt-asks", &value))
		t->rdt_asks = atoi(value);
	else if (value_of(word, "sockets", &value))
		c->sockets = atoi(value);
	else if (value_of(word, "threads", &value))
		c->threads = atoi(value);
	else if (value_of(word, "nodes", &value))
		c->nodes = atoi(value);
	else if (value_of(word, "memory", &value))
		c->memory_mib = atoi(value);
	else if (value_of(word, "append", &value))
		t->append = format_string("%s %s", t->append ? t->append : "", value);
	else if (value_of(word, "program", &value))
		t->files[c->n_files++] = (struct microvm_file){ .from = value, .libraries = true };
	else if (value_of(word, "module", &value))
		t->modules[c->n_modules++] = (struct microvm_module){ .name = value, .load = true };
	else if (value_of(word, "place", &value))
		t->places[t->n_places++] = value;
	else if (value_of(word, "absent", &value))
		t->absent = value;
	else if (value_of(word, "timer", &value))
		t->timer_slots = atoi(value);
	else if (value_of(word, "timerd", &value))
		t->timer_args[t->n_timer_args++] = value;
	else if (value_of(word, "qemu", &value))
		t->qemu_args[c->n_devices++] = value;
	else if (value_of(word, "rdt-mask", &value))
		t->masks[t->n_masks++] = value;
	else
		die("%s: unknown option %s", t->name, word);
}

static void parse_test(struct test *t, const char *line)
{
	char *save = NULL, *word;
	size_t column = 0, n_args = 0;
	bool program = false;

	memset(t, 0, sizeof(*t));
	t->text = strdup(line);
	for (word = strtok_r(t->text, " \t\n", &save); word; word = strtok_r(NULL, " \t\n", &save)) {
		if (program)
			t->argv[n_args++] = word;
		else if (column == 0)
			t->name = word;
		else if (column == 1)
			t->kernels = word;
		else if (column == 2)
			t->config.vcpus = atoi(word);
		else if (column == 3)
			t->groups = word;
		else if (column == 4)
			t->config.timeout_s = atoi(word);
		else if (!strcmp(word, "--"))
			program = true;
		else
			parse_option(t, word);
		column++;
		if (n_args == MAX_WORDS || t->config.n_files == MAX_WORDS - 1)
			die("%s: too many words", t->name);
	}
	if (!n_args || !t->config.vcpus || !t->config.timeout_s)
		die("not a test: %s", line);
}

static bool in_list(const char *list, const char *word)
{
	size_t length = strlen(word);

	for (const char *at = strstr(list, word); at; at = strstr(at + 1, word))
		if ((at == list || at[-1] == ',') && (!at[length] || at[length] == ','))
			return true;
	return false;
}

static bool is_wanted(const struct test *t, const char *what)
{
	return !what || !*what || !strcmp(what, "vm") || !strcmp(what, t->name) || in_list(t->groups, what);
}

/* ---- Running one ---- */

/*
 * A script of tests/vm/cases runs in a host VM, whose root is ours, by its absolute path. The words @build, @kernel and
 * @kernels among its arguments are the build folder, the kernel's name and the folder of kernels.
 */
static void complete_script(struct test *t, const char *kernel)
{
	static char script[PATH_MAX], build[PATH_MAX];
	char *relative = format_string("tests/vm/cases/%s", t->argv[0]);

	if (!realpath(relative, script) || !realpath(build_dir(), build))
		die("%s: %s: %s", t->name, relative, strerror(errno));
	free(relative);
	t->argv[0] = script;
	for (size_t i = 1; t->argv[i]; i++) {
		if (!strncmp(t->argv[i], "@build", 6))
			t->argv[i] = format_string("%s%s", build, t->argv[i] + 6);
		else if (!strcmp(t->argv[i], "@kernels"))
			t->argv[i] = format_string("%s/kernels", build);
		else if (!strcmp(t->argv[i], "@kernel"))
			t->argv[i] = kernel;
	}
}

/* Our own module @name for @kernel: one of the guest's, or one made for the tests. */
static char *own_module(const char *kernel, const char *name)
{
	char *path = format_string("%s/guest/%s/%s.ko", build_dir(), kernel, name);

	if (!access(path, R_OK))
		return path;
	free(path);
	return format_string("%s/tests/vm/modules/%s/%s.ko", build_dir(), kernel, name);
}

static const char *kernel_image(const char *name)
{
	static struct microvm_kernel kernel;
	struct isolat_error err;

	if (microvm_kernel_find(name, &kernel, &err))
		die("%s %s: %s", err.what, err.object, err.reason);
	return kernel.image;
}

static void complete_config(struct test *t, const char *kernel, char *console)
{
	struct microvm_config *c = &t->config;

	c->kernel = kernel;
	c->accel = MICROVM_ACCEL_TCG; /* counts are the same everywhere, and CI has nothing else */
	c->append = t->append;
	c->console = console;
	for (size_t i = 0; i < t->n_places; i++)
		t->modules[c->n_modules++] = (struct microvm_module){ .name = own_module(kernel, t->places[i]) };
	if (t->is_case) {
		const char *to = format_string("/isolat/%s", t->argv[0]);

		t->files[c->n_files++] = (struct microvm_file){
			.from = format_string("%s/tests/vm/cases/%s", build_dir(), t->argv[0]),
			.to = to,
		};
		t->argv[0] = to;
	}
	if (t->is_script)
		complete_script(t, kernel);
	if (t->needs_image)
		t->files[c->n_files++] = (struct microvm_file){ .from = kernel_image(kernel), .to = "/isolat/vmlinuz" };
	c->files = t->files;
	c->modules = t->modules;
	c->argv = t->argv;
	if (c->rdt != MICROVM_RDT_NONE)
		c->rdt_state = memfd_create("isolat-rdt-state", MFD_CLOEXEC);
}

/* ---- The emulated RDT hardware ---- */

static struct rdt_state *open_state(const struct test *t, bool writable, struct isolat_error *err)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", t->config.rdt_state);
	return rdt_state_open(path, writable, err);
}

struct outcome {
	int status;
	bool worth_retry;
	unsigned int findings;
	unsigned int asked, wrong; /* lines "rdt-is", and those that were not so */
	char last[512];		   /* the program's last line */
};

static bool holds_mask(const struct rdt_state *state, unsigned long domain, unsigned long closid, unsigned long mask,
		       char *why, size_t size)
{
	unsigned long long found = state->l3[domain].mask[closid];

	if (found == mask)
		return true;
	snprintf(why, size, "L3 domain %lu class %lu holds mask %llx, not %lx", domain, closid, found, mask);
	return false;
}

static bool holds_bandwidth(const struct rdt_state *state, unsigned long domain, unsigned long closid,
			    unsigned long value, char *why, size_t size)
{
	unsigned long long found = state->l3[domain].mba[closid];

	if (found == value)
		return true;
	snprintf(why, size, "L3 domain %lu class %lu holds bandwidth %llu, not %lu", domain, closid, found, value);
	return false;
}

/*
 * A program can ask, while it runs, that the hardware holds a mask ("rdt-is DOMAIN CLASS MASK"), and give a group's
 * counters of occupancy and bandwidth values ("rdt-set DOMAIN RMID BYTES MOVED").
 */
static void obey(const struct test *t, const char *line, struct outcome *outcome)
{
	unsigned long domain, id, value;
	struct rdt_counter *counter;
	struct rdt_state *state;
	struct isolat_error err;
	char why[256] = "no such class";
	unsigned long long bytes, moved;

	if (strncmp(line, "rdt-", 4) || t->config.rdt == MICROVM_RDT_NONE)
		return;
	state = open_state(t, true, &err);
	if (!state) {
		outcome->wrong++;
		printf("# WRONG: %s: %s: %s\n", line, err.what, err.reason);
		return;
	}
	if (sscanf(line, "rdt-is %lu %lu %lx", &domain, &id, &value) == 3 ||
	    sscanf(line, "rdt-mb %lu %lu %lu", &domain, &id, &value) == 3) {
		outcome->asked++;
		if (domain >= RDT_MAX_L3 || id >= RDT_MAX_CLOSIDS ||
		    !(line[4] == 'i' ? holds_mask : holds_bandwidth)(state, domain, id, value, why, sizeof(why))) {
			outcome->wrong++;
			printf("# WRONG: %s: %s\n", line, why);
		}
	} else if (sscanf(line, "rdt-set %lu %lu %llu %llu", &domain, &id, &bytes, &moved) == 4) {
		counter = rdt_state_counter(state, domain, id, &err);
		if (counter) {
			counter->occupancy = bytes;
			counter->mbm_total = moved;
		}
	} else {
		outcome->wrong++;
		printf("# WRONG: '%s' is not understood\n", line);
	}
	rdt_state_close(state);
}

/* ---- The agent of the exitless timer ---- */

static int start_agent(struct test *t, struct isolat_error *err)
{
	const struct timer_agent_setup setup = { .slots = t->timer_slots, .cpu = -1, .more = t->timer_args };
	size_t n = t->config.n_devices;

	if (!t->timer_slots)
		return 0;
	if (timer_agent_start(&t->agent, &setup, err))
		return -1;
	for (size_t i = 0; i < sizeof(t->agent.devices) / sizeof(*t->agent.devices); i++)
		t->qemu_args[n++] = t->agent.devices[i];
	return 0;
}

/*
 * A program in the VM can ask that something happens to its agent, "timer-do WHAT" (tests/vm/timer_do.sh has the list);
 * "done WHAT STATUS" tells it that it has.
 */
static void obey_timer(const struct test *t, struct microvm *vm, const char *line)
{
	struct isolat_error err;
	char *command, *answer;
	int status;

	if (!t->timer_slots || strncmp(line, "timer-do ", 9))
		return;
	command = format_string("timeout 60 tests/vm/timer_do.sh '%s' '%s' %d %s", build_dir(), t->agent.folder,
				t->agent.pid, line + 9);
	fflush(stdout);
	status = system(command);
	answer = format_string("done %s %d", line + 9, status);
	if (microvm_send(vm, answer, &err))
		printf("# could not answer: %s\n", err.reason);
	free(command);
	free(answer);
}

static int run_vm(struct test *t, struct outcome *outcome, struct isolat_error *err)
{
	struct microvm_config config;
	struct microvm_event event;
	struct microvm *vm;
	int rc;

	memset(outcome, 0, sizeof(*outcome));
	config = t->config;
	config.devices = t->qemu_args;
	if (t->timer_slots)
		config.n_devices += sizeof(t->agent.devices) / sizeof(*t->agent.devices);
	if (start_agent(t, err) || microvm_start(&config, &vm, err)) {
		timer_agent_stop(&t->agent);
		return -1;
	}
	while ((rc = microvm_next(vm, &event, err)) > 0) {
		if (event.kind == MICROVM_EXIT)
			outcome->status = event.status;
		if (event.kind == MICROVM_EXIT || event.kind == MICROVM_BOOT)
			continue;
		if (event.kind == MICROVM_SPLAT || event.kind == MICROVM_LEAK)
			outcome->findings++;
		else
			snprintf(outcome->last, sizeof(outcome->last), "%s", event.text);
		obey(t, event.text, outcome);
		obey_timer(t, vm, event.text);
		printf("# %s%s\n",
		       event.kind == MICROVM_SPLAT  ? "splat: "
		       : event.kind == MICROVM_LEAK ? "leak: "
						    : "",
		       event.text);
		fflush(stdout);
	}
	outcome->worth_retry = microvm_worth_retry(vm) && !(t->hang_fails && microvm_hung(vm));
	microvm_end(vm);
	timer_agent_stop(&t->agent);
	return rc;
}

/* ---- What the emulated RDT hardware must show in the end ---- */

static bool mask_holds(const struct rdt_state *state, const char *want, char *why, size_t size)
{
	unsigned long domain, closid, mask;

	if (sscanf(want, "%lu:%lu=%lx", &domain, &closid, &mask) != 3 || domain >= RDT_MAX_L3 ||
	    closid >= RDT_MAX_CLOSIDS)
		die("cannot read rdt-mask=%s", want);
	return holds_mask(state, domain, closid, mask, why, size);
}

static bool rdt_is_right(const struct test *t, char *why, size_t size)
{
	struct isolat_error err;
	struct rdt_state *state;
	bool right;

	if (t->config.rdt == MICROVM_RDT_NONE)
		return true;
	state = open_state(t, false, &err);
	if (!state) {
		snprintf(why, size, "the RDT emulation left no state: %s", err.reason);
		return false;
	}
	right = state->active == 1 && !state->bad_writes;
	if (!right)
		snprintf(why, size,
			 state->active == 1 ? "the kernel wrote a value that the hardware refuses"
					    : "the RDT emulation was not active");
	for (size_t i = 0; right && i < t->n_masks; i++)
		right = mask_holds(state, t->masks[i], why, size);
	rdt_state_close(state);
	return right;
}

/* ---- Reporting ---- */

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

/* What is tried again is told with the console that shows why. */
static void keep_console(const char *console, int try, const char *why)
{
	char *kept = format_string("%s.%d", console, try);

	printf("# retried: %s\n# its console is in %s\n", why, rename(console, kept) ? console : kept);
	free(kept);
}

/* Runs it on one kernel and reports it as test number @number. Returns whether all was well. */
static bool run_test(const char *line, const char *kernel, size_t number)
{
	static struct test t;
	struct outcome outcome;
	struct isolat_error err = { 0 };
	char why[1024] = "", skip[640] = "", *console;
	double start = now();
	int rc;

	parse_test(&t, line);
	console = format_string("%s/logs/%s-%s.console", build_dir(), t.name, kernel);
	complete_config(&t, kernel, console);
	rc = run_vm(&t, &outcome, &err);
	for (int tries = 1; rc < 0 && outcome.worth_retry && tries < MICROVM_TRIES; tries++) {
		keep_console(console, tries, err.reason);
		rc = run_vm(&t, &outcome, &err);
	}
	if (rc < 0)
		snprintf(why, sizeof(why), "%s %s: %s", err.what, err.object, err.reason);
	else if (outcome.findings)
		snprintf(why, sizeof(why), "the kernel complained or leaked");
	else if (outcome.status == SKIPPED)
		snprintf(skip, sizeof(skip), " # SKIP %s", outcome.last);
	else if (outcome.status)
		snprintf(why, sizeof(why), "status %d", outcome.status);
	else if (outcome.wrong)
		snprintf(why, sizeof(why), "the hardware held other masks: %u of %u", outcome.wrong, outcome.asked);
	else if (outcome.asked != t.rdt_asks)
		snprintf(why, sizeof(why), "the hardware was looked at %u times, not %u", outcome.asked, t.rdt_asks);
	else if (t.absent && !access(t.absent, F_OK))
		snprintf(why, sizeof(why), "what the VM wrote is on this machine: %s", t.absent);
	else
		rdt_is_right(&t, why, sizeof(why));
	if (why[0])
		printf("# %s\n# its console is in %s\n", why, console);
	printf("%s %zu - %s/%s (%.1f s)%s\n", why[0] ? "not ok" : "ok", number, t.name, kernel, now() - start, skip);
	if (t.config.rdt_state)
		close(t.config.rdt_state);
	free(console);
	free(t.append);
	free(t.text);
	return !why[0];
}

/* ---- All of them ---- */

/* A test on one of its kernels. */
struct chosen {
	char *line, *kernel;
	bool alone;
};

struct selection {
	struct chosen *tests;
	size_t n;
};

static bool run_chosen(void *context, size_t i)
{
	const struct selection *selection = context;

	return run_test(selection->tests[i].line, selection->tests[i].kernel, i + 1);
}

static bool chosen_alone(void *context, size_t i)
{
	const struct selection *selection = context;

	return selection->tests[i].alone;
}

static void chosen_lost(void *context, size_t i, int signal)
{
	const struct selection *selection = context;
	const struct chosen *chosen = &selection->tests[i];

	printf("not ok %zu - %.*s/%s: ended by signal %d\n", i + 1, (int)strcspn(chosen->line, " \t"), chosen->line,
	       chosen->kernel, signal);
}

/* Adds the test of @line, once for each of its kernels, if it is wanted. */
static void choose(struct selection *selection, const char *line, const char *what)
{
	char *save = NULL, *kernels;
	struct test t;

	parse_test(&t, line);
	kernels = strdup(t.kernels);
	if (is_wanted(&t, what)) {
		for (char *k = strtok_r(kernels, ",", &save); k; k = strtok_r(NULL, ",", &save)) {
			selection->tests = reallocarray(selection->tests, selection->n + 1, sizeof(*selection->tests));
			if (!selection->tests)
				die("out of memory");
			selection->tests[selection->n++] = (struct chosen){ strdup(line), strdup(k), t.alone };
		}
	}
	free(kernels);
	free(t.append);
	free(t.text);
}

/* Those that run alone come last: the others are waited for once. */
static void put_alone_last(struct selection *selection)
{
	struct chosen *sorted = calloc(selection->n + 1, sizeof(*sorted));
	size_t n = 0;

	if (!sorted)
		die("out of memory");
	for (int alone = 0; alone <= 1; alone++)
		for (size_t i = 0; i < selection->n; i++)
			if (selection->tests[i].alone == alone)
				sorted[n++] = selection->tests[i];
	free(selection->tests);
	selection->tests = sorted;
}

/* How many VMs at once: ISOLAT_JOBS, or one for each two CPUs, and two on a small machine, since many wait more than
 * they work. */
static unsigned int jobs_at_once(void)
{
	const char *jobs = getenv("ISOLAT_JOBS");
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	if (jobs && atoi(jobs) > 0)
		return atoi(jobs);
	return cpus > 4 ? cpus / 2 : 2;
}

int main(int argc, char **argv)
{
	struct selection selection = { 0 };
	struct jobs jobs = { .run = run_chosen, .alone = chosen_alone, .lost = chosen_lost, .context = &selection };
	static char line[4096];
	FILE *matrix;

	if (argc < 2)
		die("usage: run MATRIX [NAME-OR-GROUP]");
	setenv("ISOLAT_LIBEXEC", build_dir(), 0);
	matrix = fopen(argv[1], "re");
	if (!matrix)
		die("%s: %s", argv[1], strerror(errno));
	snprintf(line, sizeof(line), "%s/logs", build_dir());
	mkdir(line, 0755);
	while (fgets(line, sizeof(line), matrix))
		if (line[0] != '#' && line[0] != '\n')
			choose(&selection, line, argc > 2 ? argv[2] : NULL);
	fclose(matrix);
	put_alone_last(&selection);
	jobs.n = selection.n;
	jobs.at_once = jobs_at_once();
	printf("1..%zu\n", selection.n);
	return jobs_run(&jobs) ? ISOLAT_FAILED : ISOLAT_OK;
}
