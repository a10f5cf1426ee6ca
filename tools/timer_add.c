// SPDX-License-Identifier: BSD-3-Clause
/* isolat timer add, isolat timer remove: the VMs of a running exitless-timerd. */
#include "verb.h"

#include <getopt.h>
#include <sys/stat.h>

#include "timer_ask.h"
#include "timer_vm_config.h"

enum { OPT_RUN_DIR = 256, OPT_USER, OPT_GROUP, OPT_MODE };

#define OPTION_RUN_DIR                                                                    \
	{                                                                                 \
		"run-dir", OPT_RUN_DIR, "DIR", "the daemon's (default " TIMER_RUN_DIR ")" \
	}

static const struct report_option add_options[] = {
	REPORT_OPTION_HELP,
	REPORT_OPTION_JSON,
	{ "user", OPT_USER, "USER", "who may connect to its socket (default: the daemon's user)" },
	{ "group", OPT_GROUP, "GROUP", "the socket's group" },
	{ "mode", OPT_MODE, "MODE", "the socket's mode (default 0600)" },
	OPTION_RUN_DIR,
	{ 0 },
};

static const struct report_usage add_usage = {
	.command = "isolat timer add",
	.synopsis = "[OPTION]... NAME[:SLOTS][@NODE]",
	.about = "Makes a socket for one more VM, with a slot for each vCPU that it can have (default 16), served from "
		 "NUMA node NODE where there is a scanner.",
	.options = add_options,
};

static const struct report_option remove_options[] = {
	REPORT_OPTION_HELP,
	REPORT_OPTION_JSON,
	OPTION_RUN_DIR,
	{ 0 },
};

static const struct report_usage remove_usage = {
	.command = "isolat timer remove",
	.synopsis = "[OPTION]... NAME",
	.about = "Takes a VM's socket away. Its guest, if it is connected, goes back to its LAPIC's timers.",
	.options = remove_options,
};

struct request {
	struct timer_vm_config vm;
	const char *run_dir;
	bool json;
};

static int read_option(void *request, int key, struct isolat_error *err)
{
	struct request *r = request;

	switch (key) {
	case 'j':
		r->json = true;
		return 0;
	case OPT_USER:
		return timer_access_user(optarg, &r->vm.access, err);
	case OPT_GROUP:
		return timer_access_group(optarg, &r->vm.access, err);
	case OPT_MODE:
		return timer_access_mode(optarg, &r->vm.access, err);
	default: /* OPT_RUN_DIR */
		r->run_dir = optarg;
		return 0;
	}
}

typedef int (*read_vm_fn)(const char *text, struct timer_vm_config *vm, struct isolat_error *err);

/* Reads the options, and the VM that the one word names. Returns -1 to go on, else the exit code. */
static int read_request(const struct report_usage *usage, read_vm_fn read_vm, struct request *r, int argc, char **argv)
{
	int code = report_options(usage, argc, argv, read_option, r);
	struct isolat_error err;

	if (code >= 0)
		return code;
	if (optind == argc) {
		isolat_fail(&err, ISOLAT_USAGE, "read the command line", NULL, "no VM is named");
		isolat_hint(&err, "%s --help shows its use", usage->command);
		return report_error(&err, r->json);
	}
	if (read_vm(argv[optind++], &r->vm, &err))
		return report_error(&err, r->json);
	return report_no_words(usage, argc, argv) ? ISOLAT_USAGE : -1;
}

static int ask(const struct request *r, json_t *question)
{
	struct isolat_error err;
	json_t *answer = timer_ask(r->run_dir, question, &err);

	if (!answer)
		return report_error(&err, r->json);
	json_decref(answer);
	return r->json ? report_json(json_pack("{s:i, s:s}", "version", 1, "name", r->vm.name)) : ISOLAT_OK;
}

static struct request standard(void)
{
	return (struct request){
		.run_dir = TIMER_RUN_DIR,
		.vm = { .slots = TIMER_DEFAULT_SLOTS, .node = -1, .access = TIMER_ACCESS_DEFAULT },
	};
}

int cmd_timer_add(int argc, char **argv)
{
	struct request r = standard();
	int code = read_request(&add_usage, timer_vm_config_parse, &r, argc, argv);

	if (code >= 0)
		return code;
	return ask(&r, json_pack("{s:s, s:o}", "do", "add", "vm", timer_vm_config_to_json(&r.vm)));
}

int cmd_timer_remove(int argc, char **argv)
{
	struct request r = standard();
	int code = read_request(&remove_usage, timer_vm_config_name, &r, argc, argv);

	if (code >= 0)
		return code;
	return ask(&r, json_pack("{s:s, s:s}", "do", "remove", "name", r.vm.name));
}
