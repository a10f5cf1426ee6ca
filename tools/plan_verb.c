// SPDX-License-Identifier: BSD-3-Clause
/* isolat plan: what each VM of a profile would get on a host. It changes nothing. */
#include "verb.h"

#include <getopt.h>

#include "plan.h"
#include "plan_draw.h"
#include "plan_json.h"

static const struct report_option options[] = {
	REPORT_OPTION_HELP,
	REPORT_OPTION_JSON,
	{ "profile", 'p', "FILE", "the profile, - for standard input (default " PROFILE_DEFAULT_FILE ")" },
	{ "topology", 't', "FILE", "plan for the machine in FILE, or for one described in words" },
	{ "caps", 'c', "FILE", "with the RDT capabilities in FILE, or in their short form" },
	{ 0 },
};

static const struct report_usage usage = {
	.command = "isolat plan",
	.synopsis = "[--profile FILE] [--topology FILE] [--caps FILE] [--json]",
	.about = "Shows what each VM of a profile would get on this host: CPUs, memory, cache, bandwidth. Changes "
		 "nothing. "
		 "Exits with 5 when it does not fit, and with 3 when the host lacks what is asked for.",
	.options = options,
};

struct request {
	const char *profile, *topology, *caps;
	bool json;
};

static int show(const struct plan *plan, bool json)
{
	if (json)
		return report_json(plan_to_json(plan));
	plan_draw(plan, stdout, report_width(stdout));
	return ISOLAT_OK;
}

static int plan_on_host(const struct request *r, const struct profile *profile, const struct host *host)
{
	struct isolat_error err;
	struct plan plan;
	int code;

	if (plan_make(profile, host, &plan, &err))
		return report_error(&err, r->json);
	code = show(&plan, r->json);
	plan_free(&plan);
	return code;
}

static int run(const struct request *r)
{
	struct isolat_error err;
	struct profile profile;
	struct host host;
	int code;

	if (profile_read(r->profile, &profile, &err))
		return report_error(&err, r->json);
	if (host_read(r->topology, r->caps, &host, &err)) {
		code = report_error(&err, r->json);
	} else {
		code = plan_on_host(r, &profile, &host);
		host_free(&host);
	}
	profile_free(&profile);
	return code;
}

int cmd_plan(int argc, char **argv)
{
	struct request request = { .profile = PROFILE_DEFAULT_FILE };
	int option;

	while ((option = report_option(&usage, argc, argv)) != REPORT_END_OF_OPTIONS) {
		switch (option) {
		case 'h':
			return report_help(&usage);
		case 'j':
			request.json = true;
			break;
		case 'p':
			request.profile = optarg;
			break;
		case 't':
			request.topology = optarg;
			break;
		case 'c':
			request.caps = optarg;
			break;
		default:
			return ISOLAT_USAGE;
		}
	}
	if (report_no_words(&usage, argc, argv))
		return ISOLAT_USAGE;
	return run(&request);
}
