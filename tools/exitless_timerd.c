// SPDX-License-Identifier: BSD-3-Clause
/* exitless-timerd: the agent of exitless timers. Its command line; all else is timer_daemon.h's. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "profile_values.h"
#include "report.h"
#include "timer_daemon.h"

enum {
	OPT_VM = 256,
	OPT_SLOTS,
	OPT_CPU,
	OPT_CGROUP,
	OPT_USER,
	OPT_GROUP,
	OPT_MODE,
	OPT_PARK,
	OPT_RATE,
	OPT_SHARE,
	OPT_DEAD,
	OPT_RUN_DIR,
	OPT_PAGE_VERSION,
	OPT_TESTING,
};

#define MAX_PARK_US 1000000
#define MAX_RATE    10000000
#define MAX_DEAD_MS 60000

static const struct report_option options[] = {
	REPORT_OPTION_HELP,
	{ "version", 'V', NULL, "show the version" },
	{ "vm", OPT_VM, "NAME[:SLOTS][@NODE]", "serve this VM; may be repeated" },
	{ "slots", OPT_SLOTS, "N", "vCPUs of a VM that does not say, from 1 to 512 (default 16)" },
	{ "cpu", OPT_CPU, "LIST", "a scanner on each of these CPUs (default: one, on any CPU)" },
	{ "cgroup", OPT_CGROUP, "DIR", "a cgroup v2 folder for the scanners, such as an isolated partition" },
	{ "user", OPT_USER, "USER", "who may connect to the VMs' sockets (default: this user)" },
	{ "group", OPT_GROUP, "GROUP", "the sockets' group" },
	{ "mode", OPT_MODE, "MODE", "the sockets' mode (default 0600)" },
	{ "park-us", OPT_PARK, "N|never", "rest a VM with nothing due for so long (default 1000)" },
	{ "fire-rate", OPT_RATE, "N", "timers a second that a VM may fire (default 200000)" },
	{ "share", OPT_SHARE, "PERCENT", "of its scanner's time that a VM may take (default 25)" },
	{ "dead-ms", OPT_DEAD, "N", "how long a scanner may stand still, from 50 (default) to 60000" },
	{ "run-dir", OPT_RUN_DIR, "DIR", "where the sockets are (default " TIMER_RUN_DIR ")" },
	{ "page-version", OPT_PAGE_VERSION, "1.0|1.1", "of the contract, for tests (default 1.1)" },
	{ "testing", OPT_TESTING, NULL, "take requests that only tests make" },
	{ 0 },
};

static const struct report_usage usage = {
	.command = "exitless-timerd",
	.synopsis = "[--vm NAME[:SLOTS][@NODE]]... [OPTION]...",
	.about = "Fires the exitless timers of VMs: one ivshmem-doorbell socket a VM, and a scanner on each CPU given.",
	.options = options,
	.no_json = true,
};

/* Options come in any order: a VM takes --slots and the like when all are read. */
struct request {
	struct timer_daemon_config config;
	struct timer_vm_config standard;
	const char *vms[TIMER_MAX_VMS];
};

static int set_vm(struct request *r, const char *text, struct isolat_error *err)
{
	if (r->config.n_vms == TIMER_MAX_VMS)
		return report_bad_value(&usage, OPT_VM, text, err, "there are %d already", TIMER_MAX_VMS);
	r->vms[r->config.n_vms++] = text;
	return 0;
}

static int set_cpus(struct request *r, const char *text, struct isolat_error *err)
{
	struct profile_why why = { 0 };

	r->config.cpus = text;
	if (!profile_check_cpus(text, &why))
		return 0;
	report_bad_value(&usage, OPT_CPU, text, err, "%s", why.reason);
	return isolat_hint(err, "%s", why.hint);
}

static int set_park(struct request *r, const char *text, struct isolat_error *err)
{
	unsigned long us = 0;

	if (strcmp(text, "never") && report_number(&usage, OPT_PARK, text, 1, MAX_PARK_US, &us, err))
		return isolat_hint(err, "or never");
	r->config.scanner.limits.park_ns = us * 1000;
	return 0;
}

static int set_page_version(struct request *r, const char *text, struct isolat_error *err)
{
	if (strcmp(text, "1.0") && strcmp(text, "1.1"))
		return report_bad_value(&usage, OPT_PAGE_VERSION, text, err, "neither 1.0 nor 1.1");
	r->config.minor = !strcmp(text, "1.1");
	return 0;
}

static int set_limit(struct request *r, int key, struct isolat_error *err)
{
	struct timer_scan_limits *limits = &r->config.scanner.limits;
	unsigned long value;

	if (report_number(&usage, key, optarg, 1, key == OPT_RATE ? MAX_RATE : 100, &value, err))
		return -1;
	if (key == OPT_RATE)
		limits->fire_hz = (unsigned int)value;
	else
		limits->share_permille = (unsigned int)value * 10;
	return 0;
}

static int set_dead(struct request *r, struct isolat_error *err)
{
	unsigned long ms;

	if (report_number(&usage, OPT_DEAD, optarg, EXITLESS_DEAD_MS, MAX_DEAD_MS, &ms, err))
		return -1;
	r->config.dead_ms = (unsigned int)ms;
	return 0;
}

static int set_slots(struct request *r, struct isolat_error *err)
{
	unsigned long slots;

	if (report_number(&usage, OPT_SLOTS, optarg, 1, EXITLESS_MAX_SLOTS, &slots, err))
		return -1;
	r->standard.slots = (unsigned int)slots;
	return 0;
}

static int read_option(void *request, int key, struct isolat_error *err)
{
	struct request *r = request;

	switch (key) {
	case OPT_VM:
		return set_vm(r, optarg, err);
	case OPT_SLOTS:
		return set_slots(r, err);
	case OPT_CPU:
		return set_cpus(r, optarg, err);
	case OPT_CGROUP:
		r->config.scanner.cgroup = optarg;
		return 0;
	case OPT_USER:
		return timer_access_user(optarg, &r->standard.access, err);
	case OPT_GROUP:
		return timer_access_group(optarg, &r->standard.access, err);
	case OPT_MODE:
		return timer_access_mode(optarg, &r->standard.access, err);
	case OPT_PARK:
		return set_park(r, optarg, err);
	case OPT_DEAD:
		return set_dead(r, err);
	case OPT_RUN_DIR:
		r->config.run_dir = optarg;
		return 0;
	case OPT_PAGE_VERSION:
		return set_page_version(r, optarg, err);
	case OPT_TESTING:
		r->config.testing = true;
		return 0;
	default:
		return set_limit(r, key, err);
	}
}

static bool is_there(const struct timer_vm_config *vms, unsigned int n, const char *name)
{
	for (unsigned int i = 0; i < n; i++) {
		if (!strcmp(vms[i].name, name))
			return true;
	}
	return false;
}

static int read_vms(struct request *r, struct isolat_error *err)
{
	r->config.vms = calloc(r->config.n_vms + 1, sizeof(*r->config.vms));
	if (!r->config.vms)
		return isolat_fail(err, ISOLAT_FAILED, "start", NULL, "out of memory");
	for (unsigned int i = 0; i < r->config.n_vms; i++) {
		r->config.vms[i] = r->standard;
		if (timer_vm_config_parse(r->vms[i], &r->config.vms[i], err))
			return -1;
		if (is_there(r->config.vms, i, r->config.vms[i].name))
			return report_bad_value(&usage, OPT_VM, r->vms[i], err, "it is given twice");
	}
	return 0;
}

static int serve(struct request *r, int argc, char **argv)
{
	struct isolat_error err;
	int code = report_no_words(&usage, argc, argv);

	if (code)
		return code;
	if (read_vms(r, &err) || timer_daemon_run(&r->config, &err))
		code = report_error(&err, false);
	free(r->config.vms);
	return code;
}

int main(int argc, char **argv)
{
	struct request request = {
		.config = {
			.run_dir = TIMER_RUN_DIR,
			.dead_ms = EXITLESS_DEAD_MS,
			.minor = EXITLESS_VERSION_MINOR,
			.scanner.limits = timer_scan_defaults,
		},
		.standard = { .slots = TIMER_DEFAULT_SLOTS, .node = -1, .access = TIMER_ACCESS_DEFAULT },
	};
	int code;

	report_program = usage.command;
	code = report_options(&usage, argc, argv, read_option, &request);
	if (code < 0)
		code = serve(&request, argc, argv);
	return report_finish(code);
}
