/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What every verb prints alike: errors, JSON documents, help, wrapped text; and the options it parses alike.
 *
 * Everything here writes to stdout through stdio, save an error's one line, which goes to stderr.
 */
#ifndef ISOLAT_REPORT_H
#define ISOLAT_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <jansson.h>
#include <isolat/error.h>

/* What an error's line begins with; "isolat" unless the command sets its own name. */
extern const char *report_program;

/* One option of a verb. A table of them, ended by an empty entry, drives both the parsing and the help. */
struct report_option {
	const char *name; /* long name without the dashes */
	int key;	  /* what report_option() returns: the short letter, or from 256 on when there is none */
	const char *arg;  /* its argument's name in the help, NULL when it takes none */
	const char *help; /* one line, no period */
};

/* The two that every verb has. */
#define REPORT_OPTION_HELP                          \
	{                                           \
		"help", 'h', NULL, "show this help" \
	}
#define REPORT_OPTION_JSON                                  \
	{                                                   \
		"json", 'j', NULL, "print JSON, errors too" \
	}

/* How a verb is called: its help, and its options. */
struct report_usage {
	const char *command;  /* "isolat doctor" */
	const char *synopsis; /* what may follow it: "[--json] [--root DIR]" */
	const char *about;    /* a sentence or two */
	const struct report_option *options;
	bool stop_at_word; /* options end at the first word: what follows belongs to a verb */
	bool no_json;	   /* the command has no --json: its errors are lines whatever the arguments hold */
};

#define REPORT_END_OF_OPTIONS (-1)
#define REPORT_BAD_OPTION     (-2)

/*
 * The next option's key, with its argument in optarg; REPORT_END_OF_OPTIONS when optind stands on the first word or at
 * argc; REPORT_BAD_OPTION when it is unknown or malformed: that is reported already, return ISOLAT_USAGE.
 */
int report_option(const struct report_usage *usage, int argc, char **argv);

/* What option @key, with its argument in optarg, does to a command's request: 0, or -1 with @err filled. */
typedef int (*report_apply)(void *request, int key, struct isolat_error *err);

/*
 * Reads all options, each by @apply but for --help and, if it is in the table as 'V', --version. Returns -1 to go on
 * with the words from optind, else the exit code to end with: what was wrong is reported then.
 */
int report_options(const struct report_usage *usage, int argc, char **argv, report_apply apply, void *request);

/*
 * Fills @err for the argument @value of option @key, with the reason by format and ISOLAT_USAGE. Returns -1. @key is in
 * the table.
 */
__attribute__((format(printf, 5, 6))) int report_bad_value(const struct report_usage *usage, int key, const char *value,
							   struct isolat_error *err, const char *format, ...);

/* The same as report_number() for a decimal number such as "0.3", from 0 to @max, in *@millionths: @max is up to 4294.
 */
int report_millionths(const struct report_usage *usage, int key, const char *text, unsigned int max,
		      unsigned int *millionths, struct isolat_error *err);

/*
 * Reads @text, given to option @key, as a whole decimal number from @min to @max. Returns 0, or -1 with @err filled as
 * report_bad_value() does.
 */
int report_number(const struct report_usage *usage, int key, const char *text, unsigned long min, unsigned long max,
		  unsigned long *value, struct isolat_error *err);

/* Refuses words after the options: reports the first and returns ISOLAT_USAGE; ISOLAT_OK when there is none. */
int report_no_words(const struct report_usage *usage, int argc, char **argv);

/* Whether --json stands among the arguments, be the others right or wrong: how a usage error is to be shown. */
bool report_wants_json(int argc, char **argv);

/* Shows @err as a line on stderr, or as JSON on stdout. Returns its code. */
int report_error(const struct isolat_error *err, bool json);

/* What report_error() shows: the line without its end, and the JSON object. */
#define REPORT_ERROR_LINE (sizeof(struct isolat_error) + 64)
void report_error_line(const struct isolat_error *err, char line[REPORT_ERROR_LINE]);
json_t *report_error_json(const struct isolat_error *err);

/*
 * Prints @doc and a newline, and drops the reference. Returns ISOLAT_OK, or ISOLAT_FAILED with an error shown when
 * @doc is NULL (jansson's way to say that there was no memory).
 */
int report_json(json_t *doc);

/* A JSON string of any bytes: what is no UTF-8, or is a control character, is shown as '?'. */
json_t *report_string(const char *text);

/* The same of a text of lines: their ends stay. */
json_t *report_lines(const char *text);

/* Makes @text safe for a terminal, a line and JSON, in place: as report_string(). */
void report_clean(char *text);

/* The parts of a help: usage and about; the options. report_help() prints both and returns ISOLAT_OK. */
void report_help_head(const struct report_usage *usage);
void report_help_options(const struct report_usage *usage);
int report_help(const struct report_usage *usage);

/* Columns of the terminal that @out is, at least 40; 0 when it is no terminal: then nothing is wrapped. */
size_t report_width(FILE *out);

/* Whether @out may be coloured: a terminal that is not "dumb", and NO_COLOR is not set. */
bool report_colour(FILE *out);

/*
 * Prints @text from column @indent on, where the cursor must stand, wrapped before @width with following lines
 * indented as far, and ends the line. A word longer than the room is not broken. @width 0 never wraps.
 */
void report_paragraph(FILE *out, size_t indent, size_t width, const char *text);

/* Flushes stdout. Returns @code, or ISOLAT_FAILED with an error on stderr when anything written to it was lost. */
int report_finish(int code);

#endif
