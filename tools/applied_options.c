// SPDX-License-Identifier: BSD-3-Clause
#include "applied_options.h"

#include <getopt.h>

int applied_option_wait(const struct report_usage *usage, struct applied_options *options, struct isolat_error *err)
{
	return report_number(usage, APPLIED_OPT_WAIT, optarg, 0, APPLIED_MAX_WAIT, &options->wait_s, err);
}

static int apply_option(void *request, int key, struct isolat_error *err)
{
	struct applied_request *r = request;

	if (key == APPLIED_OPT_WAIT)
		return applied_option_wait(r->usage, &r->applied, err);
	r->json = true;
	return 0;
}

int applied_verb(const struct report_usage *usage, int (*run)(const struct applied_request *r), int argc, char **argv)
{
	struct applied_request request = { .usage = usage, .applied.wait_s = APPLIED_WAIT_S };
	int code = report_options(usage, argc, argv, apply_option, &request);

	if (code >= 0)
		return code;
	if (report_no_words(usage, argc, argv))
		return ISOLAT_USAGE;
	return run(&request);
}
