// SPDX-License-Identifier: BSD-3-Clause
/* The isolat command: one table of verbs drives the dispatch and the help. */
#include "verb.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef ISOLAT_VERSION
#error "the build sets ISOLAT_VERSION"
#endif

static const struct verb verbs[] = {
	{ "apply", "make this host as the plan of a profile says", cmd_apply },
	{ "bench", "measure what isolat changes on this machine", cmd_bench },
	{ "doctor", "say what this machine can do for isolat, and what to change", cmd_doctor },
	{ "topology", "draw a host: its nodes, caches, cores and RDT", cmd_topology },
	{ "fit", "ask whether one more VM fits, on this host or on many", cmd_fit },
	{ "plan", "show what each VM of a profile would get on this host", cmd_plan },
	{ "run", "run a command under a class, and take all back", cmd_run },
	{ "status", "show what was asked for, is programmed and is measured", cmd_status },
	{ "timer", "ask the daemon that fires exitless timers", cmd_timer },
	{ "trace", "record what the kernel of this machine does", cmd_trace },
	{ "undo", "take back what apply has done", cmd_undo },
	{ "verify", "prove that the host is still as it was applied", cmd_verify },
	{ 0 },
};

static const struct report_option options[] = {
	REPORT_OPTION_HELP,
	{ "version", 'V', NULL, "show the version" },
	{ 0 },
};

static const struct verb_group isolat = {
	.usage = {
		.command = "isolat",
		.synopsis = "VERB [OPTION]...",
		.about = "Makes a KVM host quiet for the VMs that need it. `isolat VERB --help` tells more of a verb.",
		.options = options,
		.stop_at_word = true,
	},
	.verbs = verbs,
};

static int show_help(const struct verb_group *group)
{
	size_t width = report_width(stdout);

	report_help_head(&group->usage);
	printf("\nVerbs:\n");
	for (const struct verb *verb = group->verbs; verb->name; verb++) {
		printf("  %-10s ", verb->name);
		report_paragraph(stdout, 13, width ? width : 80, verb->summary);
	}
	printf("  %-10s ", "help");
	report_paragraph(stdout, 13, width ? width : 80, "show this help, or that of the verb that follows");
	report_help_options(&group->usage);
	return ISOLAT_OK;
}

static int run_verb(const struct verb_group *group, int argc, char **argv)
{
	struct isolat_error err;

	for (const struct verb *verb = group->verbs; verb->name; verb++) {
		if (strcmp(verb->name, argv[0]))
			continue;
		optind = 0; /* glibc: start over, forgetting the position inside a cluster of short options too */
		return verb->run(argc, argv);
	}
	isolat_fail(&err, ISOLAT_USAGE, "find verb", argv[0], "%s has no such verb", group->usage.command);
	isolat_hint(&err, "%s --help lists them", group->usage.command);
	return report_error(&err, report_wants_json(argc, argv));
}

/* `help VERB...` is `VERB... --help`. */
static int help_on(const struct verb_group *group, int argc, char **argv)
{
	char help[] = "--help";

	if (argc == 1 || !strcmp(argv[1], help) || !strcmp(argv[1], "-h"))
		return show_help(group);
	memmove(argv, argv + 1, ((size_t)argc - 1) * sizeof(*argv));
	argv[argc - 1] = help;
	return run_verb(group, argc, argv);
}

int verb_dispatch(const struct verb_group *group, int argc, char **argv)
{
	struct isolat_error err;

	switch (report_option(&group->usage, argc, argv)) {
	case REPORT_END_OF_OPTIONS:
		break;
	case 'h':
		return show_help(group);
	case 'V':
		printf("isolat %s\n", ISOLAT_VERSION);
		return ISOLAT_OK;
	default:
		return ISOLAT_USAGE;
	}
	if (optind < argc && !strcmp(argv[optind], "help"))
		return help_on(group, argc - optind, argv + optind);
	if (optind < argc)
		return run_verb(group, argc - optind, argv + optind);
	isolat_fail(&err, ISOLAT_USAGE, "find verb", NULL, "none given");
	isolat_hint(&err, "%s --help lists them", group->usage.command);
	return report_error(&err, report_wants_json(argc, argv));
}

/*
 * A closed standard stream is replaced by one on which the wrong direction fails, lest a file opened later take its
 * number and swallow the report.
 */
static void hold_standard_streams(void)
{
	for (int fd = 0; fd <= 2; fd++) {
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF && open("/dev/null", fd ? O_RDONLY : O_WRONLY) != fd)
			_exit(ISOLAT_FAILED);
	}
}

static void on_sigpipe(int signal)
{
	(void)signal;
}

int main(int argc, char **argv)
{
	/* A handler, not SIG_IGN: programs that a verb starts would inherit that. What our caller ignores they do. */
	struct sigaction pipe_action = { .sa_handler = on_sigpipe, .sa_flags = SA_RESTART }, was;

	hold_standard_streams();
	if (!sigaction(SIGPIPE, NULL, &was) && was.sa_handler != SIG_IGN)
		sigaction(SIGPIPE, &pipe_action, NULL);
	return report_finish(verb_dispatch(&isolat, argc, argv));
}
