// SPDX-License-Identifier: BSD-3-Clause
/* isolat doctor: what this machine can do for isolat, and what to change. It reads and changes nothing. */
#include "verb.h"

#include <getopt.h>
#include <string.h>

#include "doctor_check.h"

#define STATE_COLUMN 6
#define TEXT_COLUMN  23

static const struct report_option options[] = {
	REPORT_OPTION_HELP,
	REPORT_OPTION_JSON,
	{ "root", 'r', "DIR", "read proc, sys and dev below DIR, a captured machine" },
	{ 0 },
};

static const struct report_usage usage = {
	.command = "isolat doctor",
	.synopsis = "[--json] [--root DIR]",
	.about = "Says what this machine can do for isolat, what stands in the way, and what to do about it. Changes "
		 "nothing. Exits with 3 when nothing of isolat can be used here.",
	.options = options,
};

static const char *state_colour(enum doctor_state state)
{
	static const char *const colours[DOCTOR_STATES] = { "\033[32m", "\033[36m", "\033[33m", "\033[31m", "\033[2m" };

	return colours[state];
}

static void print_state(enum doctor_state state)
{
	bool colour = report_colour(stdout);

	printf("%s%-*s%s", colour ? state_colour(state) : "", STATE_COLUMN, doctor_state_name(state),
	       colour ? "\033[0m" : "");
}

static void print_finding(const struct doctor_check *check, const struct doctor_finding *finding, size_t width)
{
	char text[sizeof(finding->found) + 64];

	print_state(finding->state);
	printf("%-*s", TEXT_COLUMN - STATE_COLUMN, check->id);
	snprintf(text, sizeof(text), "%s: %s", check->title, finding->found);
	report_paragraph(stdout, TEXT_COLUMN, width, text);
	printf("%*s", TEXT_COLUMN, "");
	report_paragraph(stdout, TEXT_COLUMN, width, finding->means);
	if (!finding->advice[0])
		return;
	printf("%*s> ", TEXT_COLUMN, "");
	report_paragraph(stdout, TEXT_COLUMN + 2, width, finding->advice);
}

static void print_job(const struct doctor_job *job, const struct doctor_finding *findings, size_t width)
{
	char text[256] = "yes";

	if (!doctor_possible(job, findings))
		snprintf(text, sizeof(text), "no, see");
	for (size_t i = 0, shown = 0; job->needs[i]; i++) {
		if (doctor_blocks(job, i, findings))
			doctor_append(text, sizeof(text), "%s %s", shown++ ? "," : "", job->needs[i]);
	}
	printf("  %-42s", job->title);
	report_paragraph(stdout, 34, width, text);
}

static void print_text(const struct doctor_finding *findings)
{
	size_t width = report_width(stdout);

	for (size_t i = 0; doctor_checks[i].id; i++)
		print_finding(&doctor_checks[i], &findings[i], width);
	printf("\nWhat can be done here:\n");
	for (const struct doctor_job *job = doctor_jobs; job->id; job++)
		print_job(job, findings, width);
}

static int diagnose(const char *dir, bool json)
{
	struct doctor_finding findings[DOCTOR_MAX_CHECKS];
	struct doctor_root root;
	struct isolat_error err;

	if (doctor_root_open(&root, dir, &err)) {
		isolat_hint(&err, "--root takes a directory that holds proc, sys and dev");
		return report_error(&err, json);
	}
	doctor_run(&root, findings);
	doctor_root_close(&root);
	if (!json)
		print_text(findings);
	else if (report_json(doctor_json(findings)))
		return ISOLAT_FAILED;
	return doctor_usable(findings) ? ISOLAT_OK : ISOLAT_UNSUPPORTED;
}

int cmd_doctor(int argc, char **argv)
{
	const char *dir = "/";
	bool json = false;
	int option;

	while ((option = report_option(&usage, argc, argv)) != REPORT_END_OF_OPTIONS) {
		switch (option) {
		case 'h':
			return report_help(&usage);
		case 'j':
			json = true;
			break;
		case 'r':
			dir = optarg;
			break;
		default:
			return ISOLAT_USAGE;
		}
	}
	if (report_no_words(&usage, argc, argv))
		return ISOLAT_USAGE;
	return diagnose(dir, json);
}
