// SPDX-License-Identifier: BSD-3-Clause
/* isolat trace idle: records the idle periods of all CPUs. */
#include "verb.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "idle_record.h"
#include "trace_instance.h"

#define DEFAULT_SECONDS 10
#define MAX_SECONDS	86400

enum { OPT_TRACEFS = 256 };

static const struct report_option options[] = {
	REPORT_OPTION_HELP,
	REPORT_OPTION_JSON,
	{ "output", 'o', "FILE", "write the trace there, or to standard output (-)" },
	{ "duration", 'd', "SECONDS", "record that long (default 10); an interrupt (^C) ends it earlier" },
	{ "tracefs", OPT_TRACEFS, "DIR", "where tracefs is mounted (default " TRACEFS_DEFAULT ")" },
	{ 0 },
};

static const struct report_usage usage = {
	.command = "isolat trace idle",
	.synopsis = "-o FILE [OPTION]...",
	.about = "Records the idle periods of all CPUs as CSV: when each began, how long it was until a task asked for "
		 "the CPU, when the next timer was due, and what asked. As root.",
	.options = options,
};

struct request {
	const char *output, *tracefs;
	unsigned long seconds;
	bool json;
	struct isolat_error err;
};

static int apply_option(void *request, int key, struct isolat_error *err)
{
	struct request *r = request;

	switch (key) {
	case 'j':
		r->json = true;
		return 0;
	case 'o':
		r->output = optarg;
		return *optarg ? 0 : report_bad_value(&usage, key, optarg, err, "no name");
	case 'd':
		return report_number(&usage, key, optarg, 1, MAX_SECONDS, &r->seconds, err);
	default: /* OPT_TRACEFS */
		r->tracefs = optarg;
		return 0;
	}
}

static int check_request(struct request *r)
{
	if (!r->output) {
		isolat_fail(&r->err, ISOLAT_USAGE, "read option", "--output", "not given");
		return isolat_hint(&r->err, "-o FILE, or -o - for standard output");
	}
	if (r->json && !strcmp(r->output, "-"))
		return isolat_fail(&r->err, ISOLAT_USAGE, "read option", "--json",
				   "standard output is for the trace already");
	return 0;
}

/* Returns an exit code, or -1 to go on. */
static int parse_options(struct request *r, int argc, char **argv)
{
	int code = report_options(&usage, argc, argv, apply_option, r);

	if (code >= 0)
		return code;
	code = report_no_words(&usage, argc, argv);
	if (code != ISOLAT_OK)
		return code;
	return check_request(r) ? report_error(&r->err, r->json) : -1;
}

static void show_progress(const struct idle_record_summary *s)
{
	fprintf(stderr, "\r[%3.0f s] %llu idle periods ", s->seconds, (unsigned long long)s->idles);
}

/* What ends a recording early comes through a file; nothing is left behind then. -1 with @err filled. */
static int hold_signals(struct isolat_error *err)
{
	sigset_t ends;
	int fd;

	sigemptyset(&ends);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGHUP);
	sigprocmask(SIG_BLOCK, &ends, NULL);
	fd = signalfd(-1, &ends, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? isolat_fail(err, ISOLAT_FAILED, "wait for signals", NULL, "%s", strerror(errno)) : fd;
}

/* Writes to r->output. It is opened when all else is prepared, lest a trace be emptied for nothing. */
static int record(struct request *r, struct idle_recorder *recorder, int stop_fd)
{
	bool terminal = isatty(STDERR_FILENO), standard = !strcmp(r->output, "-");
	FILE *out = standard ? stdout : fopen(r->output, "we");
	int rc;

	if (!out)
		return isolat_fail(&r->err, ISOLAT_USAGE, "open", r->output, "%s", strerror(errno));
	rc = idle_recorder_run(recorder, out, r->seconds, stop_fd, terminal ? show_progress : NULL, &r->err);
	if (terminal)
		fprintf(stderr, "\r%40s\r", "");
	if (rc && ferror(out)) /* the recorder knows no name */
		snprintf(r->err.object, sizeof(r->err.object), "%s", r->output);
	errno = 0;
	if ((standard ? fflush(out) : fclose(out)) && !rc)
		rc = isolat_fail(&r->err, ISOLAT_FAILED, "write trace", r->output, "%s", strerror(errno));
	return rc;
}

static int print_json(const struct request *r, const struct idle_record_summary *s)
{
	return report_json(json_pack("{s:i, s:o, s:f, s:i, s:I, s:I, s:I, s:o, s:o}", "version", 1, "file",
				     report_string(r->output), "seconds", s->seconds, "cpus", (int)s->cpus, "idles",
				     (json_int_t)s->idles, "dropped_events", (json_int_t)s->lost_events,
				     "dropped_idles", (json_int_t)(s->lossy_idles + s->unasked_idles), "driver",
				     report_string(s->driver), "governor", report_string(s->governor)));
}

static int print_summary(const struct request *r, const struct idle_record_summary *s)
{
	FILE *out = strcmp(r->output, "-") ? stdout : stderr;

	fprintf(out, "%llu idle periods of %u CPUs in %.1f s; cpuidle driver %s, governor %s\n",
		(unsigned long long)s->idles, s->cpus, s->seconds, s->driver, s->governor);
	fprintf(out,
		"dropped: %llu events lost by the kernel's buffer, %llu idles meanwhile, "
		"%llu idles without a seen request\n",
		(unsigned long long)s->lost_events, (unsigned long long)s->lossy_idles,
		(unsigned long long)s->unasked_idles);
	return ISOLAT_OK;
}

int cmd_trace_idle(int argc, char **argv)
{
	struct request r = { .tracefs = TRACEFS_DEFAULT, .seconds = DEFAULT_SECONDS };
	struct idle_record_summary summary = { 0 };
	struct idle_recorder *recorder;
	struct isolat_error ignored;
	int code = parse_options(&r, argc, argv), stop_fd, rc;

	if (code >= 0)
		return code;
	stop_fd = hold_signals(&r.err);
	if (stop_fd < 0 || idle_recorder_new(&recorder, r.tracefs, &r.err))
		return report_error(&r.err, r.json);
	rc = record(&r, recorder, stop_fd);
	summary = *idle_recorder_summary(recorder);
	rc |= idle_recorder_free(recorder, rc ? &ignored : &r.err);
	close(stop_fd);
	if (rc)
		return report_error(&r.err, r.json);
	return r.json ? print_json(&r, &summary) : print_summary(&r, &summary);
}
