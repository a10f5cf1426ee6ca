// SPDX-License-Identifier: BSD-3-Clause
/* isolat verify: whether the host is still as isolat apply has left it. */
#include "verb.h"

#include <stdlib.h>
#include <string.h>

#include "applied_options.h"
#include "applied_vms.h"
#include "drift.h"

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

static int show(const struct applied *a, const struct drift *d, bool json)
{
	size_t n = json_array_size(d->found);
	int code = n ? ISOLAT_DRIFT : ISOLAT_OK;

	if (json) {
		int printed = report_json(json_pack("{s:i, s:b, s:I, s:O}", "version", 1, "ok", !n, "checked",
						    (json_int_t)d->checked, "drift", d->found));

		return printed ? printed : code;
	}
	show_drift(d->found);
	if (!n)
		printf("as applied: %zu objects checked\n", d->checked);
	return code;
}

static int nothing_applied(struct isolat_error *err)
{
	isolat_fail(err, ISOLAT_FAILED, "verify", NULL, "nothing is applied on this host");
	return isolat_hint(err, "isolat apply does");
}

static int verify(const struct applied_request *r)
{
	struct drift drift = { 0 };
	struct isolat_error err;
	struct applied a;
	int code;

	if (applied_open(&r->applied, APPLIED_READ, &a, &err))
		return report_error(&err, r->json);
	if (!applied_stands(&a) ? nothing_applied(&err) : drift_look(&a, &drift, &err))
		code = report_error(&err, r->json);
	else
		code = show(&a, &drift, r->json);
	drift_free(&drift);
	applied_close(&a);
	return code;
}

int cmd_verify(int argc, char **argv)
{
	return applied_verb(&usage, verify, argc, argv);
}
