// SPDX-License-Identifier: BSD-3-Clause
/* isolat-microvm: the launcher as a command. isolat-microvm(1) is its manual. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "microvm.h"

#define MAX_ITEMS 64

struct options {
	struct microvm_config config;
	struct microvm_file files[MAX_ITEMS];
	struct microvm_module modules[MAX_ITEMS];
	const char *devices[MAX_ITEMS];
	bool retry;
};

static const struct option long_options[] = {
	{ "kernel", required_argument, NULL, 'k' },
	{ "vcpus", required_argument, NULL, 'c' },
	{ "sockets", required_argument, NULL, 's' },
	{ "cores", required_argument, NULL, 'o' },
	{ "threads", required_argument, NULL, 't' },
	{ "nodes", required_argument, NULL, 'n' },
	{ "memory", required_argument, NULL, 'm' },
	{ "accel", required_argument, NULL, 'a' },
	{ "rdt", required_argument, NULL, 'R' },
	{ "rdt-options", required_argument, NULL, 'O' },
	{ "rdt-state", required_argument, NULL, 'S' },
	{ "nested", no_argument, NULL, 'N' },
	{ "host", no_argument, NULL, 'H' },
	{ "pc", no_argument, NULL, 'P' },
	{ "halt-poll-ns", required_argument, NULL, 'p' },
	{ "file", required_argument, NULL, 'f' },
	{ "program", required_argument, NULL, 'x' },
	{ "module", required_argument, NULL, 'M' },
	{ "device", required_argument, NULL, 'D' },
	{ "append", required_argument, NULL, 'A' },
	{ "console", required_argument, NULL, 'C' },
	{ "leak-scan", no_argument, NULL, 'L' },
	{ "timeout", required_argument, NULL, 'T' },
	{ "retry", no_argument, NULL, 'r' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ 0 },
};

static const char usage[] =
	"usage: isolat-microvm [OPTION]... -- PROGRAM [ARGUMENT]...\n"
	"\n"
	"Boots a kernel in a small VM, runs PROGRAM in it, and exits with its status.\n"
	"\n"
	"  --kernel NAME         series or release below $ISOLAT_KERNELS, an installed release, or an image\n"
	"  --vcpus N             default 1\n"
	"  --sockets N, --cores N, --threads N\n"
	"                        the guest's CPU topology; default: one socket without SMT\n"
	"  --nodes N             NUMA nodes, the vCPUs spread evenly over them\n"
	"  --memory MIB          default 256, with --host 2048\n"
	"  --accel auto|kvm|tcg  default auto: KVM where a stock kernel was seen to boot on it\n"
	"  --host                a host VM: this machine's own root, read-only below a tmpfs overlay (as root)\n"
	"  --nested              KVM inside\n"
	"  --rdt intel|amd       emulated RDT\n"
	"  --rdt-options LIST    what the emulated hardware has, see isolat-microvm(1)\n"
	"  --rdt-state FILE      where the emulated hardware's registers can be read, see rdt-state(1)\n"
	"  --halt-poll-ns N      host halt polling for this VM alone (KVM)\n"
	"  --pc                  machine with PCI and ACPI sleep states in place of the smallest\n"
	"  --file FROM[=TO]      put a file into the VM\n"
	"  --program FROM[=TO]   likewise an executable, with its shared libraries\n"
	"  --module NAME[,PARAM=VALUE...]\n"
	"                        load a kernel module before PROGRAM, with its dependencies\n"
	"  --device ARG          one more argument for QEMU; repeat for \"-device\" \"x\"\n"
	"  --append TEXT         more kernel command line\n"
	"  --console FILE        keep the console's text\n"
	"  --leak-scan           fail if the kernel holds more after PROGRAM than before\n"
	"  --timeout SECONDS     hard limit for the whole run; default 60\n"
	"  --retry               once more, and say so, if the VM hangs\n"
	"  --help, --version\n";

static int bad_option(struct isolat_error *err, const char *name, const char *value, const char *reason)
{
	char what[64];

	snprintf(what, sizeof(what), "read option --%s", name);
	return isolat_fail(err, ISOLAT_USAGE, what, value, "%s", reason);
}

static int parse_number(const char *name, const char *text, unsigned long max, unsigned long *value,
			struct isolat_error *err)
{
	char *end;

	errno = 0;
	*value = strtoul(text, &end, 10);
	if (errno || *end || text[0] < '0' || text[0] > '9' || *value > max)
		return bad_option(err, name, text, "not a number in its range");
	return 0;
}

static int parse_unsigned(const char *name, const char *text, unsigned int *value, struct isolat_error *err)
{
	unsigned long v;

	if (parse_number(name, text, 1 << 20, &v, err))
		return -1;
	if (!v)
		return bad_option(err, name, text, "must not be 0");
	*value = v;
	return 0;
}

static int parse_accel(const char *text, enum microvm_accel *accel, struct isolat_error *err)
{
	static const char *const names[] = { "auto", "kvm", "tcg" };

	for (unsigned int i = 0; i < 3; i++)
		if (!strcmp(text, names[i])) {
			*accel = i;
			return 0;
		}
	return bad_option(err, "accel", text, "not auto, kvm or tcg");
}

static int parse_rdt(const char *text, enum microvm_rdt *rdt, struct isolat_error *err)
{
	if (!strcmp(text, "intel"))
		*rdt = MICROVM_RDT_INTEL;
	else if (!strcmp(text, "amd"))
		*rdt = MICROVM_RDT_AMD;
	else
		return bad_option(err, "rdt", text, "not intel or amd");
	return 0;
}

static int open_state(const char *path, int *fd, struct isolat_error *err)
{
	*fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	return *fd < 0 ? bad_option(err, "rdt-state", path, strerror(errno)) : 0;
}

static int add_file(struct options *o, char *text, bool libraries, struct isolat_error *err)
{
	char *to = strchr(text, '=');

	if (o->config.n_files == MAX_ITEMS)
		return bad_option(err, "file", text, "too many");
	if (to)
		*to++ = '\0';
	o->files[o->config.n_files++] = (struct microvm_file){ .from = text, .to = to, .libraries = libraries };
	return 0;
}

static int add_module(struct options *o, char *text, struct isolat_error *err)
{
	char *params = strchr(text, ',');

	if (o->config.n_modules == MAX_ITEMS)
		return bad_option(err, "module", text, "too many");
	if (params)
		*params++ = '\0';
	for (char *p = params; p && *p; p++)
		if (*p == ',')
			*p = ' ';
	o->modules[o->config.n_modules++] = (struct microvm_module){ .name = text, .params = params, .load = true };
	return 0;
}

static int add_device(struct options *o, const char *text, struct isolat_error *err)
{
	if (o->config.n_devices == MAX_ITEMS)
		return bad_option(err, "device", text, "too many");
	o->devices[o->config.n_devices++] = text;
	return 0;
}

static int parse_one(struct options *o, int opt, struct isolat_error *err)
{
	struct microvm_config *c = &o->config;
	unsigned long value;

	switch (opt) {
	case 'k':
		c->kernel = optarg;
		return 0;
	case 'c':
		return parse_unsigned("vcpus", optarg, &c->vcpus, err);
	case 's':
		return parse_unsigned("sockets", optarg, &c->sockets, err);
	case 'o':
		return parse_unsigned("cores", optarg, &c->cores, err);
	case 't':
		return parse_unsigned("threads", optarg, &c->threads, err);
	case 'n':
		return parse_unsigned("nodes", optarg, &c->nodes, err);
	case 'm':
		return parse_unsigned("memory", optarg, &c->memory_mib, err);
	case 'a':
		return parse_accel(optarg, &c->accel, err);
	case 'R':
		return parse_rdt(optarg, &c->rdt, err);
	case 'O':
		c->rdt_options = optarg;
		return 0;
	case 'S':
		return open_state(optarg, &c->rdt_state, err);
	case 'N':
		c->nested = true;
		return 0;
	case 'H':
		c->host_root = true;
		return 0;
	case 'P':
		c->acpi_pc = true;
		return 0;
	case 'p':
		if (parse_number("halt-poll-ns", optarg, 1000000000, &value, err))
			return -1;
		c->halt_poll_ns = value;
		c->has_halt_poll = true;
		return 0;
	case 'f':
		return add_file(o, optarg, false, err);
	case 'x':
		return add_file(o, optarg, true, err);
	case 'M':
		return add_module(o, optarg, err);
	case 'D':
		return add_device(o, optarg, err);
	case 'A':
		c->append = optarg;
		return 0;
	case 'C':
		c->console = optarg;
		return 0;
	case 'L':
		c->leak_scan = true;
		return 0;
	case 'T':
		return parse_unsigned("timeout", optarg, &c->timeout_s, err);
	case 'r':
		o->retry = true;
		return 0;
	default:
		return isolat_fail(err, ISOLAT_USAGE, "read the command line", NULL, "see isolat-microvm --help");
	}
}

/* Returns 1 where --help or --version has said everything. */
static int parse_options(struct options *o, int argc, char **argv, struct isolat_error *err)
{
	int opt;

	opterr = 0;
	while ((opt = getopt_long(argc, argv, "+", long_options, NULL)) != -1) {
		if (opt == 'h' || opt == 'V') {
			fputs(opt == 'h' ? usage : "isolat-microvm " ISOLAT_VERSION "\n", stdout);
			return 1;
		}
		if (opt == '?')
			return isolat_fail(err, ISOLAT_USAGE, "read the command line", argv[optind - 1],
					   "unknown option, or its argument is missing; see --help");
		if (parse_one(o, opt, err))
			return -1;
	}
	o->config.files = o->files;
	o->config.modules = o->modules;
	o->config.devices = o->devices;
	o->config.argv = (const char *const *)argv + optind;
	if (optind == argc)
		return isolat_fail(err, ISOLAT_USAGE, "read the command line", NULL, "no program; see --help");
	return 0;
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
	*hung = microvm_timed_out(vm);
	microvm_end(vm);
	if (rc < 0)
		return -1;
	if (findings && !status)
		return isolat_fail(err, ISOLAT_FAILED, "run", config->argv[0],
				   "it ended well, but the kernel complained or leaked: %u lines above", findings);
	return status;
}

int main(int argc, char **argv)
{
	struct isolat_error err = { 0 };
	struct options options = { 0 };
	bool hung = false;
	int rc = parse_options(&options, argc, argv, &err);

	if (rc > 0)
		return fflush(stdout) ? ISOLAT_FAILED : ISOLAT_OK;
	if (!rc)
		rc = run_once(&options.config, &hung, &err);
	if (rc < 0 && hung && options.retry) {
		fprintf(stderr, "isolat-microvm: %s: %s; once more\n", err.object, err.reason);
		rc = run_once(&options.config, &hung, &err);
	}
	if (rc >= 0)
		return rc;
	fprintf(stderr, "isolat-microvm: %s%s%s: %s%s%s%s\n", err.what, err.object[0] ? " " : "", err.object,
		err.reason, err.hint[0] ? " (" : "", err.hint, err.hint[0] ? ")" : "");
	return err.code;
}
