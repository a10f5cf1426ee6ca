// SPDX-License-Identifier: BSD-3-Clause
/* isolat topology: the host as isolat plans on it, drawn, or as the file that other verbs read. */
#include "verb.h"

#include <getopt.h>
#include <langinfo.h>
#include <locale.h>
#include <string.h>

#include "host.h"
#include "topology_draw.h"

static const struct report_option options[] = {
	REPORT_OPTION_HELP,
	REPORT_OPTION_JSON,
	{ "topology", 't', "FILE",
	  "another host: hwloc XML, a folder with a copy of sys, what --json wrote, or a "
	  "synthetic description" },
	{ "caps", 'c', "FILE",
	  "its RDT: what --json wrote, a folder with a copy of resctrl, or a short form as "
	  "l3ways=16,closids=16,mbgran=10" },
	{ 0 },
};

static const struct report_usage usage = {
	.command = "isolat topology",
	.synopsis = "[--json] [--topology FILE] [--caps FILE]",
	.about =
		"Draws a host as isolat plans on it: nodes, caches, cores, devices, and what RDT can do there. Changes "
		"nothing.",
	.options = options,
};

/* Asked of the environment alone: the program's own locale stays C, in which numbers are written. */
static bool locale_is_utf8(void)
{
	locale_t locale = newlocale(LC_CTYPE_MASK, "", (locale_t)0);
	bool utf8;

	if (!locale)
		return false;
	utf8 = !strcmp(nl_langinfo_l(CODESET, locale), "UTF-8");
	freelocale(locale);
	return utf8;
}

static int draw(const struct host *host)
{
	size_t width = report_width(stdout);
	const struct sheet sheet = { .out = stdout, .width = width ? width : 80, .utf8 = locale_is_utf8() };
	struct isolat_error err;

	if (!topology_draw(&sheet, &host->topology) && !topology_draw_rdt(&sheet, host))
		return ISOLAT_OK;
	isolat_fail(&err, ISOLAT_FAILED, "draw the host", NULL, "out of memory");
	return report_error(&err, false);
}

int cmd_topology(int argc, char **argv)
{
	const char *topology = NULL, *caps = NULL;
	struct isolat_error err;
	struct host host;
	bool json = false;
	int option, code;

	while ((option = report_option(&usage, argc, argv)) != REPORT_END_OF_OPTIONS) {
		switch (option) {
		case 'h':
			return report_help(&usage);
		case 'j':
			json = true;
			break;
		case 't':
			topology = optarg;
			break;
		case 'c':
			caps = optarg;
			break;
		default:
			return ISOLAT_USAGE;
		}
	}
	if (report_no_words(&usage, argc, argv))
		return ISOLAT_USAGE;
	if (host_read(topology, caps, &host, &err))
		return report_error(&err, json);
	code = json ? report_json(host_to_json(&host)) : draw(&host);
	host_free(&host);
	return code;
}
