// SPDX-License-Identifier: BSD-3-Clause
#include "rdt_resctrl_text.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rdt_number.h"
#include "rdt_schemata.h"

/* A part of the text, not ended by a byte 0. */
struct span {
	const char *at;
	size_t length;
};

/* Cuts @rest behind the first @separator, and returns what is before it: all if there is none. */
static struct span cut(struct span *rest, char separator)
{
	const char *end = rest->length ? memchr(rest->at, separator, rest->length) : NULL;
	struct span first = { rest->at, end ? (size_t)(end - rest->at) : rest->length };

	rest->at += first.length + !!end;
	rest->length -= first.length + !!end;
	return first;
}

static bool is(struct span span, const char *text)
{
	return span.length == strlen(text) && !memcmp(span.at, text, span.length);
}

static bool begins(struct span span, const char *text)
{
	return span.length >= strlen(text) && !memcmp(span.at, text, strlen(text));
}

static bool number(struct span span, unsigned int base, uint64_t max, uint64_t *value)
{
	return rdt_number(span.at, span.length, base, max, value);
}

/* ---- tasks ---- */

static int ascending(const void *a, const void *b)
{
	pid_t x = *(const pid_t *)a, y = *(const pid_t *)b;

	return x < y ? -1 : x > y;
}

static size_t count_lines(struct span text)
{
	size_t n = 0;

	while (text.length) {
		cut(&text, '\n');
		n++;
	}
	return n;
}

ssize_t rdt_text_tasks(const char *text, size_t length, pid_t **tids, size_t *line)
{
	struct span rest = { text, length };
	size_t n = 0, lines = count_lines(rest);
	uint64_t tid;

	*tids = NULL;
	if (!lines)
		return 0;
	*tids = malloc(lines * sizeof(**tids));
	if (!*tids)
		return -ENOMEM;
	for (*line = 1; rest.length; (*line)++) {
		if (!number(cut(&rest, '\n'), 10, INT_MAX, &tid)) {
			free(*tids);
			*tids = NULL;
			return -EINVAL;
		}
		if (tid)
			(*tids)[n++] = (pid_t)tid;
	}
	qsort(*tids, n, sizeof(**tids), ascending);
	if (!n) {
		free(*tids);
		*tids = NULL;
	}
	return (ssize_t)n;
}

/* ---- cpus_list ---- */

bool rdt_text_is_cpu_list(const char *text, size_t length)
{
	struct span rest = { text, length };

	if (length && text[length - 1] == ',')
		return false;
	while (rest.length) {
		struct span last = cut(&rest, ','), first = cut(&last, '-');
		bool range = last.at != first.at + first.length;
		uint64_t from, to;

		if (!number(first, 10, INT_MAX, &from))
			return false;
		if (range && (!number(last, 10, INT_MAX, &to) || to < from))
			return false;
	}
	return true;
}

/* ---- cpu_resctrl_groups ---- */

static bool is_folder(struct span name)
{
	return name.length < RDT_GROUP_NAME && !memchr(name.at, '/', name.length) &&
	       !memchr(name.at, '\0', name.length);
}

static struct span behind(struct span s, const char *prefix)
{
	return (struct span){ s.at + strlen(prefix), s.length - strlen(prefix) };
}

bool rdt_text_resctrl_group(const char *text, size_t length, char group[RDT_GROUP_PATH])
{
	struct span rest = { text, length }, control = cut(&rest, '\n'), monitor = cut(&rest, '\n');

	if (!begins(control, "res:") || !begins(monitor, "mon:"))
		return false;
	control = behind(control, "res:");
	monitor = behind(monitor, "mon:");
	if (is(control, "/"))
		control.length = 0;
	else if (!control.length)
		return false;
	if (!is_folder(control) || !is_folder(monitor))
		return false;
	snprintf(group, RDT_GROUP_PATH, "%.*s%s%s%.*s", (int)control.length, control.at,
		 control.length && monitor.length ? "/" : "", monitor.length ? RDT_MONITOR_DIR "/" : "",
		 (int)monitor.length, monitor.at);
	return true;
}

/* ---- bit_usage ---- */

static bool usage_of_domain(struct span rest, struct rdt_usage *usage)
{
	struct span id = cut(&rest, '=');
	uint64_t domain;

	if (!number(id, 10, RDT_MAX_DOMAINS - 1, &domain) || !rest.length || rest.length > RDT_MAX_WAYS)
		return false;
	usage->domain = (unsigned int)domain;
	snprintf(usage->ways, sizeof(usage->ways), "%.*s", (int)rest.length, rest.at);
	return strspn(usage->ways, RDT_USAGE_LETTERS) == rest.length;
}

bool rdt_text_bit_usage(const char *text, size_t length, struct rdt_usage usage[RDT_MAX_DOMAINS], size_t *n)
{
	struct span rest = { text, length }, line = cut(&rest, '\n');

	*n = 0;
	if (rest.length || (line.length && line.at[line.length - 1] == ';'))
		return false;
	for (; line.length; (*n)++) {
		if (*n == RDT_MAX_DOMAINS || !usage_of_domain(cut(&line, ';'), &usage[*n]) ||
		    strlen(usage[*n].ways) != strlen(usage[0].ways))
			return false;
	}
	return true;
}

/* ---- mon_data ---- */

enum rdt_text_count rdt_text_count(const char *text, size_t length, uint64_t *bytes)
{
	static const char *const words[] = { "Unavailable", "Error", "Unassigned" };
	struct span rest = { text, length }, line = cut(&rest, '\n');

	if (rest.length)
		return RDT_TEXT_BAD;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (is(line, words[i]))
			return RDT_TEXT_NO_COUNT;
	}
	return number(line, 10, UINT64_MAX, bytes) ? RDT_TEXT_COUNT : RDT_TEXT_BAD;
}

bool rdt_text_mon_domain(const char *name, unsigned int *domain)
{
	const char *digits = name + strlen("mon_L3_");
	uint64_t value;

	if (strncmp(name, "mon_L3_", strlen("mon_L3_")) ||
	    !rdt_number(digits, strlen(digits), 10, RDT_MAX_DOMAINS - 1, &value))
		return false;
	*domain = (unsigned int)value;
	return true;
}

/* ---- /proc/locks ---- */

/* The next word between blanks; empty at the end. */
static struct span word(struct span *rest)
{
	struct span next;

	do
		next = cut(rest, ' ');
	while (!next.length && rest->length);
	return next;
}

/* "fe:00:247066": device numbers in hex, the inode in decimal. */
static bool parse_inode(struct span text, struct rdt_text_flock *lock)
{
	struct span major = cut(&text, ':'), minor = cut(&text, ':');
	uint64_t value;

	if (!number(major, 16, UINT_MAX, &value))
		return false;
	lock->major = (unsigned int)value;
	if (!number(minor, 16, UINT_MAX, &value))
		return false;
	lock->minor = (unsigned int)value;
	return number(text, 10, UINT64_MAX, &lock->inode);
}

bool rdt_text_flock(const char *line, size_t length, struct rdt_text_flock *lock)
{
	struct span rest = { line, length }, kind;
	uint64_t pid;

	word(&rest); /* its number */
	kind = word(&rest);
	lock->waits = is(kind, "->");
	if (lock->waits)
		kind = word(&rest);
	if (!is(kind, "FLOCK"))
		return false;
	word(&rest); /* ADVISORY */
	lock->exclusive = is(word(&rest), "WRITE");
	/* The PID of a process of another namespace is 0, or -1 */
	if (!number(word(&rest), 10, INT_MAX, &pid))
		return false;
	lock->pid = (pid_t)pid;
	return parse_inode(word(&rest), lock);
}

/* ---- last_cmd_status ---- */

bool rdt_text_status(const char *text, size_t length, enum rdt_text_lines lines, char *line, size_t size)
{
	const char *newline;
	size_t used = 0;

	while (length && text[length - 1] == '\n')
		length--;
	newline = lines == RDT_TEXT_LAST_LINE && length ? memrchr(text, '\n', length) : NULL;
	if (newline) {
		length -= (size_t)(newline + 1 - text);
		text = newline + 1;
	}
	for (size_t i = 0; i < length && used + sizeof("; ") < size; i++) {
		if (text[i] == '\n') {
			line[used++] = ';';
			line[used++] = ' ';
		} else {
			line[used++] = text[i] >= ' ' && text[i] < 0x7f ? text[i] : '?';
		}
	}
	line[used] = '\0';
	return used && strcmp(line, "ok");
}
