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

static int show_json(const struct applied *a, bool stood, size_t runs, size_t written, const struct isolat_error *stuck)
{
	json_t *doc = json_pack("{s:i, s:b, s:b, s:I, s:I, s:O}", "version", 1, "undone", stood || a->recovered || runs,
				"recovered", a->recovered, "runs", (json_int_t)runs, "written", (json_int_t)written,
				"left", a->left);
	json_t *error = stuck && doc ? report_error_json(stuck) : NULL;

	json_object_update(doc, error);
	json_decref(error);
	return report_json(doc);
}

/* @stuck: why a killed run could not be taken back; NULL if all could. */
static int show(const struct applied *a, bool stood, size_t runs, size_t written, const struct isolat_error *stuck,
		bool json)
{
	int code = json_array_size(a->left) ? ISOLAT_DRIFT : ISOLAT_OK;

	if (stuck)
		code = stuck->code;
	if (json) {
		int printed = show_json(a, stood, runs, written, stuck);

		return printed ? printed : code;
	}
	if (a->recovered)
		puts("what a killed isolat had left half made was taken back");
	if (runs)
		printf("taken back what %zu killed isolat run had left\n", runs);
	if (stood)
		printf("undone: %zu write%s\n", written, written == 1 ? "" : "s");
	else if (!a->recovered && !runs && !stuck)
		puts("nothing is applied: nothing to undo");
	applied_print_left(a->left, stdout);
	return stuck ? report_error(stuck, false) : code;
}

static int undo_with(const struct applied_options *how, bool json)
{
	struct isolat_error err, stuck;
	struct applied a = { 0 };
	size_t written = 0, runs;
	bool stood, is_stuck;
	int code;

	/* What a run has put on top comes off first; one that withstands does not keep the rest. */
	if (run_left_open(how, APPLIED_TAKE_BACK, &a, &runs, &is_stuck, &stuck, &err))
		return applied_report_error(how->left, false, &err, json);
	stood = transaction_count(a.t) || applied_stands(&a);
	if (run_left_see(true, &err) || transaction_undo(a.t, &written, &err))
		code = applied_report_error(a.left, a.recovered, &err, json);
	else
		code = show(&a, stood, runs, written, is_stuck ? &stuck : NULL, json);
	applied_close(&a);
	return code;
}

static int undo(const struct applied_request *r)
{
	struct applied_options how = r->applied;
	int code;

	how.left = json_array();
	code = undo_with(&how, r->json);
	json_decref(how.left);
	return code;
}

int cmd_undo(int argc, char **argv)
{
	return applied_verb(&usage, undo, argc, argv);
}
