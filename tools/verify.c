// SPDX-License-Identifier: BSD-3-Clause
/* isolat verify: whether the host is still as isolat apply has left it. */
#include "verb.h"

#include <stdlib.h>
#include <string.h>

#include "applied_options.h"
#include "applied_vms.h"
#include "drift.h"
#include "run_left.h"

static const struct report_option options[] = {
	REPORT_OPTION_HELP,
	REPORT_OPTION_JSON,
	APPLIED_OPTION_WAIT,
	{ 0 },
};

static const struct report_usage usage = {
	.command = "isolat verify",
	.synopsis = "[OPTION]...",
	.about = "Reads back everything that isolat apply has programmed and compares. Exits with 4, and names each "
		 "difference, where the host is not as it was left. Changes nothing, needs no profile.",
	.options = options,
};

static void show_drift(const json_t *drift)
{
	json_t *item;
	size_t i;

	json_array_foreach ((json_t *)drift, i, item)
		printf("%s: %s\n", json_string_value(json_object_get(item, "object")),
		       json_string_value(json_object_get(item, "why")));
}

static int show(const struct drift *d, bool half_made, bool json)
{
	bool ok = !half_made && !json_array_size(d->found);
	int code = ok ? ISOLAT_OK : ISOLAT_DRIFT;

	if (json) {
		int printed = report_json(json_pack("{s:i, s:b, s:b, s:I, s:O}", "version", 1, "ok", ok, "half_made",
						    half_made, "checked", (json_int_t)d->checked, "drift", d->found));

		return printed ? printed : code;
	}
	show_drift(d->found);
	if (half_made)
		puts(TRANSACTION_HALF_MADE);
	if (ok)
		printf("as applied: %zu objects checked\n", d->checked);
	return code;
}

static int nothing_applied(struct isolat_error *err)
{
	isolat_fail(err, ISOLAT_FAILED, "verify", NULL, "nothing is applied on this host");
	return isolat_hint(err, "isolat apply does");
}

/* Of what was half made before anything stood there is no record to look by. */
static int look(struct applied *a, bool half_made, struct drift *drift, struct isolat_error *err)
{
	if (applied_stands(a))
		return drift_look(a, drift, err);
	if (!half_made)
		return nothing_applied(err);
	drift->found = json_array();
	return drift->found ? 0 : isolat_fail(err, ISOLAT_FAILED, "verify", NULL, "out of memory");
}

static int verify(const struct applied_request *r)
{
	struct drift drift = { 0 };
	struct isolat_error err;
	struct applied a;
	bool half_made;
	int code;

	if (applied_open(&r->applied, APPLIED_READ, &a, &err))
		return report_error(&err, r->json);
	half_made = transaction_is_half_made(a.t) || run_left_any();
	if (look(&a, half_made, &drift, &err))
		code = report_error(&err, r->json);
	else
		code = show(&drift, half_made, r->json);
	drift_free(&drift);
	applied_close(&a);
	return code;
}

int cmd_verify(int argc, char **argv)
{
	return applied_verb(&usage, verify, argc, argv);
}
