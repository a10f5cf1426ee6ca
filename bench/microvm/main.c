// SPDX-License-Identifier: BSD-3-Clause
/* isolat-microvm: the launcher as a command. isolat-microvm(1) is its manual. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "microvm.h"
#include "report.h"

#define MAX_ITEMS 64

struct request {
	struct microvm_config config;
	struct microvm_file files[MAX_ITEMS];
	struct microvm_module modules[MAX_ITEMS];
	const char *devices[MAX_ITEMS];
	bool retry;
};

enum {
	OPT_KERNEL = 256,
	OPT_VCPUS,
	OPT_SOCKETS,
	OPT_CORES,
	OPT_THREADS,
	OPT_NODES,
	OPT_MEMORY,
	OPT_ACCEL,
	OPT_HOST,
	OPT_NESTED,
	OPT_RDT,
	OPT_RDT_OPTIONS,
	OPT_RDT_STATE,
	OPT_HALT_POLL,
	OPT_PC,
	OPT_FILE,
	OPT_PROGRAM,
	OPT_MODULE,
	OPT_DEVICE,
	OPT_APPEND,
	OPT_CONSOLE,
	OPT_LEAK_SCAN,
	OPT_TIMEOUT,
	OPT_RETRY
};

static const struct report_option options[] = {
	REPORT_OPTION_HELP,
	{ "version", 'V', NULL, "show the version" },
	{ "kernel", OPT_KERNEL, "NAME",
	  "the kernel: a series or release below $ISOLAT_KERNELS, an installed release, or an image; default: the "
	  "running release" },
	{ "vcpus", OPT_VCPUS, "N", "CPUs (default 1)" },
	{ "sockets", OPT_SOCKETS, "N", "CPU sockets (default 1)" },
	{ "cores", OPT_CORES, "N", "cores of a socket (default: what makes up the CPUs)" },
	{ "threads", OPT_THREADS, "N", "threads of a core (default 1)" },
	{ "nodes", OPT_NODES, "N", "NUMA nodes, the CPUs spread evenly over them (default 1)" },
	{ "memory", OPT_MEMORY, "MIB", "memory (default 256, with --host 2048)" },
	{ "accel", OPT_ACCEL, "auto|kvm|tcg",
	  "hardware KVM or emulation (default auto: KVM where a stock kernel was seen to boot on it)" },
	{ "host", OPT_HOST, NULL, "a host VM: this machine's own root, read-only below an overlay (as root)" },
	{ "nested", OPT_NESTED, NULL, "KVM inside" },
	{ "rdt", OPT_RDT, "intel|amd", "emulated RDT" },
	{ "rdt-options", OPT_RDT_OPTIONS, "LIST", "what the emulated hardware has, see isolat-microvm(1)" },
	{ "rdt-state", OPT_RDT_STATE, "FILE", "where its registers can be read, see rdt-state(1)" },
	{ "halt-poll-ns", OPT_HALT_POLL, "N", "host halt polling for this VM alone, in ns (KVM)" },
	{ "pc", OPT_PC, NULL, "a machine with PCI and ACPI sleep states in place of the smallest" },
	{ "file", OPT_FILE, "FROM[=TO]", "put a file into the VM" },
	{ "program", OPT_PROGRAM, "FROM[=TO]", "likewise an executable, with its shared libraries" },
	{ "module", OPT_MODULE, "NAME[,PARAM=VALUE...]", "load a kernel module before PROGRAM, with its dependencies" },
	{ "device", OPT_DEVICE, "ARG", "one more argument for QEMU; repeat for \"-device\" \"x\"" },
	{ "append", OPT_APPEND, "TEXT", "more kernel command line" },
	{ "console", OPT_CONSOLE, "FILE", "keep the console's text" },
	{ "leak-scan", OPT_LEAK_SCAN, NULL, "fail if the kernel holds more after PROGRAM than before" },
	{ "timeout", OPT_TIMEOUT, "SECONDS", "hard limit for the whole run (default 60)" },
	{ "retry", OPT_RETRY, NULL, "up to twice more, and say so, if the VM hangs" },
	{ 0 },
};

static const struct report_usage usage = {
	.command = "isolat-microvm",
	.synopsis = "[OPTION]... [--] PROGRAM [ARGUMENT]...",
	.about = "Boots a kernel in a small VM, runs PROGRAM in it, and exits with its status.",
	.options = options,
	.stop_at_word = true,
	.no_json = true,
};

/* Options that are a whole number from 1 on. */
static const struct number {
	int key;
	size_t offset;
	unsigned int max;
} numbers[] = {
	{ OPT_VCPUS, offsetof(struct microvm_config, vcpus), 255 },
	{ OPT_SOCKETS, offsetof(struct microvm_config, sockets), 255 },
	{ OPT_CORES, offsetof(struct microvm_config, cores), 255 },
	{ OPT_THREADS, offsetof(struct microvm_config, threads), 255 },
	{ OPT_NODES, offsetof(struct microvm_config, nodes), 128 },
	{ OPT_MEMORY, offsetof(struct microvm_config, memory_mib), 1 << 20 },
	{ OPT_TIMEOUT, offsetof(struct microvm_config, timeout_s), 86400 },
};

static int parse_halt_poll(struct microvm_config *config, struct isolat_error *err)
{
	unsigned long ns;

	if (report_number(&usage, OPT_HALT_POLL, optarg, 0, 1000000000, &ns, err))
		return -1;
	config->halt_poll_ns = (long)ns;
	config->has_halt_poll = true;
	return 0;
}

static int parse_accel(enum microvm_accel *accel, struct isolat_error *err)
{
	static const char *const names[] = { "auto", "kvm", "tcg" };

	for (unsigned int i = 0; i < 3; i++)
		if (!strcmp(optarg, names[i])) {
			*accel = i;
			return 0;
		}
	return report_bad_value(&usage, OPT_ACCEL, optarg, err, "not auto, kvm or tcg");
}

static int parse_rdt(enum microvm_rdt *rdt, struct isolat_error *err)
{
	if (!strcmp(optarg, "intel"))
		*rdt = MICROVM_RDT_INTEL;
	else if (!strcmp(optarg, "amd"))
		*rdt = MICROVM_RDT_AMD;
	else
		return report_bad_value(&usage, OPT_RDT, optarg, err, "not intel or amd");
	return 0;
}

static int open_state(int *fd, struct isolat_error *err)
{
	*fd = open(optarg, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	return *fd < 0 ? report_bad_value(&usage, OPT_RDT_STATE, optarg, err, "%s", strerror(errno)) : 0;
}

static int add_file(struct request *r, int key, struct isolat_error *err)
{
	char *to = strchr(optarg, '=');

	if (r->config.n_files == MAX_ITEMS)
		return report_bad_value(&usage, key, optarg, err, "more than %d files and programs", MAX_ITEMS);
	if (to)
		*to++ = '\0';
	r->files[r->config.n_files++] =
		(struct microvm_file){ .from = optarg, .to = to, .libraries = key == OPT_PROGRAM };
	return 0;
}

static int add_module(struct request *r, struct isolat_error *err)
{
	char *params = strchr(optarg, ',');

	if (r->config.n_modules == MAX_ITEMS)
		return report_bad_value(&usage, OPT_MODULE, optarg, err, "more than %d modules", MAX_ITEMS);
	if (params)
		*params++ = '\0';
	for (char *p = params; p && *p; p++)
		if (*p == ',')
			*p = ' ';
	r->modules[r->config.n_modules++] = (struct microvm_module){ .name = optarg, .params = params, .load = true };
	return 0;
}

static int add_device(struct request *r, struct isolat_error *err)
{
	if (r->config.n_devices == MAX_ITEMS)
		return report_bad_value(&usage, OPT_DEVICE, optarg, err, "more than %d arguments", MAX_ITEMS);
	r->devices[r->config.n_devices++] = optarg;
	return 0;
}

static int apply_option(struct request *r, int key, struct isolat_error *err)
{
	struct microvm_config *c = &r->config;

	switch (key) {
	case OPT_KERNEL:
		c->kernel = optarg;
		return 0;
	case OPT_ACCEL:
		return parse_accel(&c->accel, err);
	case OPT_HOST:
		c->host_root = true;
		return 0;
	case OPT_NESTED:
		c->nested = true;
		return 0;
	case OPT_RDT:
		return parse_rdt(&c->rdt, err);
	case OPT_RDT_OPTIONS:
		c->rdt_options = optarg;
		return 0;
	case OPT_RDT_STATE:
		return open_state(&c->rdt_state, err);
	case OPT_HALT_POLL:
		return parse_halt_poll(c, err);
	case OPT_PC:
		c->acpi_pc = true;
		return 0;
	case OPT_FILE:
	case OPT_PROGRAM:
		return add_file(r, key, err);
	case OPT_MODULE:
		return add_module(r, err);
	case OPT_DEVICE:
		return add_device(r, err);
	case OPT_APPEND:
		c->append = optarg;
		return 0;
	case OPT_CONSOLE:
		c->console = optarg;
		return 0;
	case OPT_LEAK_SCAN:
		c->leak_scan = true;
		return 0;
	default: /* OPT_RETRY */
		r->retry = true;
		return 0;
	}
}

static int apply_number(struct request *r, const struct number *number, struct isolat_error *err)
{
	unsigned long value;

	if (report_number(&usage, number->key, optarg, 1, number->max, &value, err))
		return -1;
	*(unsigned int *)((char *)&r->config + number->offset) = (unsigned int)value;
	return 0;
}

static int parse_one(void *request, int key, struct isolat_error *err)
{
	struct request *r = request;

	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		if (numbers[i].key == key)
			return apply_number(r, &numbers[i], err);
	return apply_option(r, key, err);
}

/* Returns an exit code, or -1 to go on. */
static int parse_options(struct request *r, int argc, char **argv)
{
	int code = report_options(&usage, argc, argv, parse_one, r);
	struct isolat_error err;

	if (code >= 0)
		return code;
	r->config.files = r->files;
	r->config.modules = r->modules;
	r->config.devices = r->devices;
	r->config.argv = (const char *const *)argv + optind;
	if (optind < argc)
		return -1;
	isolat_fail(&err, ISOLAT_USAGE, "read the command line", NULL, "no program to run");
	isolat_hint(&err, "%s --help shows its use", usage.command);
	return report_error(&err, false);
}

/* Runs the VM once, its lines to ours. Returns the program's status, or -1 with *@hung telling whether it hung. */
static int run_once(const struct microvm_config *config, bool *hung, struct isolat_error *err)
{
	struct microvm_event event;
	struct microvm *vm;
	unsigned int findings = 0;
	int status = 0, rc;

	*hung = false;
	if (microvm_start(config, &vm, err))
		return -1;
	fprintf(stderr, "isolat-microvm: %s on %s\n", microvm_release(vm), microvm_accel_name(vm));
	while ((rc = microvm_next(vm, &event, err)) > 0) {
		if (event.kind == MICROVM_EXIT)
			status = event.status;
		else if (event.kind == MICROVM_OUT)
			printf("%s\n", event.text);
		else if (event.kind == MICROVM_SPLAT || event.kind == MICROVM_LEAK)
			findings += fprintf(stderr, "isolat-microvm: %s %s\n",
					    event.kind == MICROVM_SPLAT ? "splat:" : "leak:", event.text) > 0;
		else if (event.kind != MICROVM_BOOT)
			fprintf(stderr, "%s\n", event.text);
		fflush(stdout);
	}
	*hung = microvm_worth_retry(vm);
	microvm_end(vm);
	if (rc < 0)
		return -1;
	if (findings && !status)
		return isolat_fail(err, ISOLAT_FAILED, "run", config->argv[0],
				   "it ended well, but the kernel complained or leaked: %u lines above", findings);
	return status;
}

static int run(const struct request *r)
{
	struct isolat_error err = { 0 };
	bool hung;
	int status = run_once(&r->config, &hung, &err);

	for (int tries = 1; status < 0 && hung && r->retry && tries < MICROVM_TRIES; tries++) {
		fprintf(stderr, "isolat-microvm: retried: %s: %s\n", err.object, err.reason);
		status = run_once(&r->config, &hung, &err);
	}
	return status < 0 ? report_error(&err, false) : status;
}

int main(int argc, char **argv)
{
	static struct request request;
	int code;

	report_program = usage.command;
	code = parse_options(&request, argc, argv);
	return report_finish(code < 0 ? run(&request) : code);
}
