// SPDX-License-Identifier: BSD-3-Clause
/* isolat undo: takes back what isolat apply has done. */
#include "verb.h"

#include <stdlib.h>
#include <string.h>

#include "applied_options.h"
#include "run_left.h"

static const struct report_option options[] = {
	REPORT_OPTION_HELP,
	REPORT_OPTION_JSON,
	APPLIED_OPTION_WAIT,
	{ 0 },
};

static const struct report_usage usage = {
	.command = "isolat undo",
	.synopsis = "[OPTION]...",
	.about = "Takes back what isolat apply has done, also what was killed on its way, and what a killed isolat run "
		 "has "
		 "left. What somebody else has changed since is left as it is and named: exit code 4 then.",
	.options = options,
};

static int show(const struct applied *a, bool stood, size_t runs, size_t written, bool json)
{
	size_t left = json_array_size(a->left);
	int code = left ? ISOLAT_DRIFT : ISOLAT_OK;

	if (json) {
		int printed = report_json(json_pack("{s:i, s:b, s:b, s:I, s:I, s:O}", "version", 1, "undone",
						    stood || a->recovered || runs, "recovered", a->recovered, "runs",
						    (json_int_t)runs, "written", (json_int_t)written, "left", a->left));

		return printed ? printed : code;
	}
	if (a->recovered)
		puts("what a killed isolat had left half made was taken back");
	if (runs)
		printf("taken back what %zu killed isolat run had left\n", runs);
	if (stood)
		printf("undone: %zu writes\n", written);
	else if (!a->recovered && !runs)
		puts("nothing is applied: nothing to undo");
	applied_print_left(a, stdout);
	return code;
}

static int undo(const struct applied_request *r)
{
	struct isolat_error err;
	struct applied a;
	size_t written = 0, runs;
	bool stood;
	int code;

	/* What a run has put on top comes off first. */
	if (run_left_take_back(&r->applied, &runs, &err) || applied_open(&r->applied, APPLIED_TAKE_BACK, &a, &err))
		return report_error(&err, r->json);
	if (run_left_see(true, &err)) {
		applied_close(&a);
		return report_error(&err, r->json);
	}
	stood = transaction_count(a.t) || applied_stands(&a);
	if (transaction_undo(a.t, &written, &err)) {
		applied_print_left(&a, stderr);
		code = report_error(&err, r->json);
	} else {
		code = show(&a, stood, runs, written, r->json);
	}
	applied_close(&a);
	return code;
}

int cmd_undo(int argc, char **argv)
{
	return applied_verb(&usage, undo, argc, argv);
}
