// SPDX-License-Identifier: BSD-3-Clause
#include "report.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define MAX_OPTIONS 64
#define HELP_INDENT 26

const char *report_program = "isolat";

static bool is_utf8(const char *text)
{
	json_t *probe = json_string(text);
	bool valid = probe != NULL;

	json_decref(probe);
	return valid;
}

/* Of control characters, those in @but stay. */
static void clean(char *text, const char *but)
{
	bool utf8 = is_utf8(text);

	for (unsigned char *c = (unsigned char *)text; *c; c++) {
		/* In UTF-8, C2 80 to C2 9F are control characters too: some terminals obey them. */
		bool c1 = c[0] == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0;

		if (*c < ' ' && strchr(but, *c))
			continue;
		if (*c < ' ' || *c == 0x7f || (*c >= 0x80 && !utf8)) {
			*c = '?';
		} else if (c1) {
			*c++ = '?';
			*c = '?';
		}
	}
}

void report_clean(char *text)
{
	clean(text, "");
}

static json_t *cleaned(const char *text, const char *but)
{
	char *copy = strdup(text);
	json_t *string;

	if (!copy)
		return NULL;
	clean(copy, but);
	string = json_string(copy);
	free(copy);
	return string;
}

json_t *report_string(const char *text)
{
	return cleaned(text, "");
}

json_t *report_lines(const char *text)
{
	return cleaned(text, "\n");
}

void report_error_line(const struct isolat_error *err, char line[REPORT_ERROR_LINE])
{
	bool object = err->object[0], hint = err->hint[0];

	snprintf(line, REPORT_ERROR_LINE, "%s: %s%s%s: %s%s%s%s", report_program, err->what, object ? " " : "",
		 err->object, err->reason, hint ? " (" : "", err->hint, hint ? ")" : "");
	report_clean(line);
}

json_t *report_error_json(const struct isolat_error *err)
{
	return json_pack("{s:{s:i, s:o, s:o, s:o, s:o}}", "error", "code", (int)err->code, "what",
			 report_string(err->what), "object", report_string(err->object), "reason",
			 report_string(err->reason), "hint", report_string(err->hint));
}

int report_error(const struct isolat_error *err, bool json)
{
	json_t *doc = json ? report_error_json(err) : NULL;
	char line[REPORT_ERROR_LINE];

	if (doc) {
		report_json(doc);
	} else {
		report_error_line(err, line);
		fprintf(stderr, "%s\n", line);
	}
	return err->code;
}

int report_json(json_t *doc)
{
	struct isolat_error err;

	if (!doc) {
		isolat_fail(&err, ISOLAT_FAILED, "make the JSON document", NULL, "out of memory");
		return report_error(&err, false);
	}
	/* A failed write stays in stdout's error flag, which report_finish() reads. */
	json_dumpf(doc, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(doc);
	return ISOLAT_OK;
}

bool report_wants_json(int argc, char **argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--"); i++) {
		size_t length = strlen(argv[i]);

		/* getopt takes "--js" for it too. */
		if (!strcmp(argv[i], "-j") || (length > 2 && !strncmp("--json", argv[i], length)))
			return true;
	}
	return false;
}

static bool wants_json(const struct report_usage *usage, int argc, char **argv)
{
	return !usage->no_json && report_wants_json(argc, argv);
}

/* getopt's two forms of our table. Short options are those whose key is a character. */
static void fill_getopt(const struct report_usage *usage, char *shorts, struct option *longs)
{
	const struct report_option *opt = usage->options;

	if (usage->stop_at_word)
		*shorts++ = '+';
	*shorts++ = ':'; /* getopt prints nothing */
	for (int i = 0; i < MAX_OPTIONS && opt->name; i++, opt++) {
		*longs++ = (struct option){ .name = opt->name, .has_arg = !!opt->arg, .val = opt->key };
		if (opt->key >= 256)
			continue;
		*shorts++ = (char)opt->key;
		if (opt->arg)
			*shorts++ = ':';
	}
	*shorts = '\0';
	*longs = (struct option){ 0 };
}

static void bad_option(const struct report_usage *usage, int result, int argc, char **argv)
{
	const char *word = optind > 0 && optind <= argc ? argv[optind - 1] : "";
	const char *reason = "unknown option";
	struct isolat_error err;
	char shown[256];

	/* A short option may stand inside a cluster, whose word getopt has not left yet: name it by its letter. */
	if (strncmp(word, "--", 2) && optopt)
		snprintf(shown, sizeof(shown), "-%c", optopt);
	else
		snprintf(shown, sizeof(shown), "%.*s", (int)strcspn(word, "="), word);
	if (result == ':')
		reason = "it needs an argument";
	else if (!strncmp(word, "--", 2) && optopt)
		reason = "it takes no argument";
	isolat_fail(&err, ISOLAT_USAGE, "read option", shown, "%s", reason);
	isolat_hint(&err, "%s --help lists them", usage->command);
	report_error(&err, wants_json(usage, argc, argv));
}

int report_option(const struct report_usage *usage, int argc, char **argv)
{
	struct option longs[MAX_OPTIONS + 1];
	char shorts[2 * MAX_OPTIONS + 3];
	int result;

	fill_getopt(usage, shorts, longs);
	optopt = 0;
	result = getopt_long(argc, argv, shorts, longs, NULL);
	if (result == '?' || result == ':') {
		bad_option(usage, result, argc, argv);
		return REPORT_BAD_OPTION;
	}
	return result == -1 ? REPORT_END_OF_OPTIONS : result;
}

int report_bad_value(const struct report_usage *usage, int key, const char *value, struct isolat_error *err,
		     const char *format, ...)
{
	const struct report_option *opt = usage->options;
	char what[80], reason[sizeof(err->reason)];
	va_list ap;

	while (opt->key != key)
		opt++;
	snprintf(what, sizeof(what), "read option --%s", opt->name);
	va_start(ap, format);
	vsnprintf(reason, sizeof(reason), format, ap);
	va_end(ap);
	return isolat_fail(err, ISOLAT_USAGE, what, value, "%s", reason);
}

int report_number(const struct report_usage *usage, int key, const char *text, unsigned long min, unsigned long max,
		  unsigned long *value, struct isolat_error *err)
{
	char *end;

	errno = 0;
	*value = strtoul(text, &end, 10);
	if (errno || *end || text[0] < '0' || text[0] > '9' || *value < min || *value > max)
		return report_bad_value(usage, key, text, err, "not a whole number from %lu to %lu", min, max);
	return 0;
}

#define MILLIONTHS_DIGITS 6

int report_millionths(const struct report_usage *usage, int key, const char *text, unsigned int max,
		      unsigned int *millionths, struct isolat_error *err)
{
	size_t whole = strspn(text, "0123456789"), decimals = 0;
	bool point = text[whole] == '.';
	unsigned long value = 0;

	if (point)
		decimals = strspn(text + whole + 1, "0123456789");
	if (!whole || whole > 9 || text[whole + point + decimals] || decimals > MILLIONTHS_DIGITS ||
	    point != (decimals > 0))
		goto bad;
	for (size_t i = 0; i < whole; i++)
		value = 10 * value + (unsigned long)(text[i] - '0');
	for (size_t i = 0; i < MILLIONTHS_DIGITS; i++)
		value = 10 * value + (unsigned long)(i < decimals ? text[whole + 1 + i] - '0' : 0);
	if (value > max * 1000000UL)
		goto bad;
	*millionths = (unsigned int)value;
	return 0;
bad:
	return report_bad_value(usage, key, text, err, "not a decimal number from 0 to %u with at most %d decimals",
				max, MILLIONTHS_DIGITS);
}

int report_options(const struct report_usage *usage, int argc, char **argv, report_apply apply, void *request)
{
	struct isolat_error err;
	int key;

	while ((key = report_option(usage, argc, argv)) != REPORT_END_OF_OPTIONS) {
		if (key == REPORT_BAD_OPTION)
			return ISOLAT_USAGE;
		if (key == 'h')
			return report_help(usage);
		if (key == 'V') {
			printf("%s %s\n", usage->command, ISOLAT_VERSION);
			return ISOLAT_OK;
		}
		if (apply(request, key, &err))
			return report_error(&err, wants_json(usage, argc, argv));
	}
	return -1;
}

int report_no_words(const struct report_usage *usage, int argc, char **argv)
{
	struct isolat_error err;

	if (optind >= argc)
		return ISOLAT_OK;
	isolat_fail(&err, ISOLAT_USAGE, "read argument", argv[optind], "%s takes no such argument", usage->command);
	isolat_hint(&err, "%s --help shows its use", usage->command);
	return report_error(&err, wants_json(usage, argc, argv));
}

void report_help_head(const struct report_usage *usage)
{
	size_t width = report_width(stdout);

	printf("Usage: %s %s\n\n", usage->command, usage->synopsis);
	report_paragraph(stdout, 0, width ? width : 80, usage->about);
}

void report_help_options(const struct report_usage *usage)
{
	size_t width = report_width(stdout);
	char left[80];

	printf("\nOptions:\n");
	for (const struct report_option *opt = usage->options; opt->name; opt++) {
		int used = opt->key < 256 ? snprintf(left, sizeof(left), "  -%c, ", opt->key)
					  : snprintf(left, sizeof(left), "      ");

		snprintf(left + used, sizeof(left) - (size_t)used, "--%s%s%s", opt->name, opt->arg ? " " : "",
			 opt->arg ? opt->arg : "");
		printf("%-*s", HELP_INDENT, left);
		if (strlen(left) >= HELP_INDENT)
			printf("\n%*s", HELP_INDENT, "");
		report_paragraph(stdout, HELP_INDENT, width ? width : 80, opt->help);
	}
}

int report_help(const struct report_usage *usage)
{
	report_help_head(usage);
	report_help_options(usage);
	return ISOLAT_OK;
}

size_t report_width(FILE *out)
{
	struct winsize size;

	if (!isatty(fileno(out)))
		return 0;
	if (ioctl(fileno(out), TIOCGWINSZ, &size) || !size.ws_col)
		return 80;
	return size.ws_col < 40 ? 40 : size.ws_col;
}

bool report_colour(FILE *out)
{
	const char *no_colour = getenv("NO_COLOR"), *term = getenv("TERM");

	return isatty(fileno(out)) && !(no_colour && *no_colour) && !(term && !strcmp(term, "dumb"));
}

/* Columns that @bytes of UTF-8 take: its continuation bytes take none. */
static size_t columns(const char *text, size_t bytes)
{
	size_t count = 0;

	for (size_t i = 0; i < bytes; i++)
		count += ((unsigned char)text[i] & 0xc0) != 0x80;
	return count;
}

void report_paragraph(FILE *out, size_t indent, size_t width, const char *text)
{
	size_t column = indent;

	for (text += strspn(text, " "); *text; text += strspn(text, " ")) {
		size_t bytes = strcspn(text, " "), word = columns(text, bytes);
		bool first = column == indent;

		if (!first && width && column + 1 + word > width) {
			fprintf(out, "\n%*s", (int)indent, "");
			column = indent;
			first = true;
		}
		fprintf(out, "%s%.*s", first ? "" : " ", (int)bytes, text);
		column += word + !first;
		text += bytes;
	}
	fputc('\n', out);
}

int report_finish(int code)
{
	struct isolat_error err;

	errno = 0;
	if (!fflush(stdout) && !ferror(stdout))
		return code;
	/* What an earlier write failed with is gone by now; stdio keeps only that it did. */
	isolat_fail(&err, ISOLAT_FAILED, "write", "standard output", "%s",
		    errno ? strerror(errno) : "an earlier write failed");
	return report_error(&err, false);
}
