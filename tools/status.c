// SPDX-License-Identifier: BSD-3-Clause
/* isolat status: what was asked for, what is programmed, and what is measured, side by side. */
#include "verb.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "applied_options.h"
#include "status_draw.h"
#include "status_read.h"

enum { OPT_INTERVAL = 256, OPT_COUNT };

#define MAX_INTERVAL 3600
#define MAX_COUNT    1000000000UL

static const struct report_option options[] = {
	REPORT_OPTION_HELP,
	REPORT_OPTION_JSON,
	{ "watch", 'w', NULL, "again and again, with bandwidths; until interrupted (^C)" },
	{ "interval", OPT_INTERVAL, "SECONDS", "of --watch (default 1)" },
	{ "count", OPT_COUNT, "N", "end --watch after so many looks" },
	APPLIED_OPTION_WAIT,
	{ 0 },
};

static const struct report_usage usage = {
	.command = "isolat status",
	.synopsis = "[--watch] [OPTION]...",
	.about = "Shows what stands applied: for each group what was asked for, what is programmed, and what its VMs "
		 "occupy "
		 "and move. Changes nothing, needs no profile.",
	.options = options,
};

struct request {
	struct applied_options applied;
	unsigned long interval, count; /* of --watch; 0: not given */
	bool watch, json;
};

static int read_once(const struct request *r, const json_t *last, json_t **now, struct isolat_error *err)
{
	struct applied a;
	int rc;

	if (applied_open(&r->applied, APPLIED_READ, &a, err))
		return -1;
	rc = status_read(&a, last, now, err);
	applied_close(&a);
	return rc;
}

static void show(const struct request *r, json_t *now)
{
	if (r->json) {
		json_dumpf(now, stdout, r->watch ? JSON_COMPACT : JSON_INDENT(2));
		putchar('\n');
	} else {
		if (r->watch && report_width(stdout))
			fputs("\033[H\033[J", stdout);
		status_draw(now, stdout, report_width(stdout));
	}
	fflush(stdout);
}

static void pause_for(unsigned long seconds)
{
	struct timespec left = { .tv_sec = (time_t)seconds };

	while (nanosleep(&left, &left) && errno == EINTR)
		;
}

/* The locks are let go between looks. */
static int status(const struct request *r)
{
	unsigned long looks = r->watch ? r->count : 1;
	struct isolat_error err;
	json_t *last = NULL;

	for (unsigned long i = 0; i < looks; i++) {
		json_t *now;

		if (i)
			pause_for(r->interval);
		if (read_once(r, last, &now, &err)) {
			json_decref(last);
			return report_error(&err, r->json);
		}
		show(r, now);
		json_decref(last);
		last = now;
		if (ferror(stdout))
			break;
	}
	json_decref(last);
	return ISOLAT_OK;
}

static int apply_option(void *request, int key, struct isolat_error *err)
{
	struct request *r = request;

	switch (key) {
	case 'j':
		r->json = true;
		return 0;
	case 'w':
		r->watch = true;
		return 0;
	case OPT_INTERVAL:
		return report_number(&usage, key, optarg, 1, MAX_INTERVAL, &r->interval, err);
	case OPT_COUNT:
		return report_number(&usage, key, optarg, 1, MAX_COUNT, &r->count, err);
	default: /* APPLIED_OPT_WAIT */
		return applied_option_wait(&usage, &r->applied, err);
	}
}

int cmd_status(int argc, char **argv)
{
	struct request request = { .applied.wait_s = APPLIED_WAIT_S };
	int code = report_options(&usage, argc, argv, apply_option, &request);
	struct isolat_error err;

	if (code >= 0)
		return code;
	if (report_no_words(&usage, argc, argv))
		return ISOLAT_USAGE;
	if (!request.watch && (request.interval || request.count)) {
		isolat_fail(&err, ISOLAT_USAGE, "read option", request.interval ? "--interval" : "--count",
			    "it is for --watch");
		return report_error(&err, request.json);
	}
	if (!request.interval)
		request.interval = 1;
	if (!request.count)
		request.count = MAX_COUNT;
	return status(&request);
}
