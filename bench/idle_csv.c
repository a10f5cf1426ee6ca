// SPDX-License-Identifier: BSD-3-Clause
#include "idle_csv.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* The longest valid line has nine columns of at most 20 digits. What is longer is refused before it takes memory. */
#define MAX_LINE    255
#define SHOWN	    40	/* characters of a bad value */
#define SHOWN_NAME  200 /* characters of the file's name: "FILE:LINE" must not lose its line */
#define FIRST_ALLOC 1024

enum column { CPU, START, LENGTH, NEXT_TIMER, WAKE, RAN, BREAK_EVEN, LIMIT, WINDOW, COLUMNS };

#define PLAIN_COLUMNS (WAKE + 1)

static const struct {
	const char *name;
	uint64_t max;
} columns[COLUMNS] = {
	[CPU] = { "cpu", IDLE_CSV_MAX_CPU },
	[START] = { "start_ns", UINT64_MAX },
	[LENGTH] = { "length_ns", UINT64_MAX },
	[NEXT_TIMER] = { "next_timer_ns", IDLE_NO_TIMER - 1 },
	[WAKE] = { "wake", 0 },
	[RAN] = { "ran_ns", UINT64_MAX },
	[BREAK_EVEN] = { "break_even_ns", UINT64_MAX },
	[LIMIT] = { "limit_ns", UINT32_MAX },
	[WINDOW] = { "window_ns", UINT32_MAX },
};

static const char *const wakes[IDLE_WAKES] = {
	[IDLE_WAKE_TIMER] = "timer",
	[IDLE_WAKE_IRQ] = "irq",
	[IDLE_WAKE_IPI] = "ipi",
};

struct reader {
	FILE *in;
	struct idle_csv *csv;
	size_t room;  /* records that csv->records has memory for */
	size_t *last; /* by CPU: its last record so far, plus one; 0: none */
	size_t line;  /* that is being read */
	char text[MAX_LINE + 2];
	struct isolat_error *err;
};

static int no_memory(struct reader *r)
{
	return isolat_fail(r->err, ISOLAT_FAILED, "read trace", r->csv->name, "out of memory");
}

__attribute__((format(printf, 2, 3))) static int bad_line(struct reader *r, const char *format, ...)
{
	const char *name = r->csv->name;
	size_t length = strlen(name), skip = length > SHOWN_NAME ? length - SHOWN_NAME : 0;
	char object[sizeof(r->err->object)], reason[sizeof(r->err->reason)];
	va_list ap;

	snprintf(object, sizeof(object), "%s%s:%zu", skip ? "..." : "", name + skip, r->line);
	va_start(ap, format);
	vsnprintf(reason, sizeof(reason), format, ap);
	va_end(ap);
	return isolat_fail(r->err, ISOLAT_USAGE, "read trace", object, "%s", reason);
}

static int bad_value(struct reader *r, enum column column, const char *value, const char *why)
{
	return bad_line(r, "%s: '%.*s%s' %s", columns[column].name, SHOWN, value, strlen(value) > SHOWN ? "..." : "",
			why);
}

static int read_failed(struct reader *r)
{
	return isolat_fail(r->err, errno == EISDIR ? ISOLAT_USAGE : ISOLAT_FAILED, "read trace", r->csv->name, "%s",
			   strerror(errno));
}

/* Returns 1 with a line in r->text, without its newline; 0 at the end; -1 if it is no line of text or unreadable. */
static int next_line(struct reader *r)
{
	size_t n = 0;
	int c;

	r->line++;
	errno = 0;
	while ((c = getc_unlocked(r->in)) != EOF && c != '\n') {
		if (!c)
			return bad_line(r, "a byte 0 in column %zu: this is no text", n + 1);
		if (n == MAX_LINE)
			return bad_line(r, "longer than any line of a trace, %d characters", MAX_LINE);
		r->text[n++] = (char)c;
	}
	r->text[n] = '\0';
	if (c == EOF && ferror(r->in))
		return read_failed(r);
	return c != EOF || n;
}

static int read_header(struct reader *r)
{
	int rc = next_line(r);

	if (rc < 0)
		return -1;
	if (rc && !strcmp(r->text, IDLE_CSV_HEADER))
		return 0;
	r->csv->answers = rc && !strcmp(r->text, IDLE_CSV_ANSWER_HEADER);
	if (r->csv->answers)
		return 0;
	return bad_line(r, "the header is '%.80s', not '%s'", rc ? r->text : "", IDLE_CSV_HEADER);
}

/* Cuts r->text at its commas. */
static int split(struct reader *r, char **field)
{
	size_t n = 0, want = r->csv->answers ? COLUMNS : PLAIN_COLUMNS;
	char *at = r->text, *comma;

	do {
		comma = strchr(at, ',');
		if (n < want)
			field[n] = at;
		n++;
		if (comma) {
			*comma = '\0';
			at = comma + 1;
		}
	} while (comma);
	return n == want ? 0 : bad_line(r, "%zu column%s, not %zu", n, n == 1 ? "" : "s", want);
}

static int parse_number(struct reader *r, enum column column, const char *text, uint64_t *value)
{
	uint64_t max = columns[column].max;
	char why[80];
	const char *c;

	*value = 0;
	for (c = text; *c >= '0' && *c <= '9'; c++) {
		unsigned int digit = (unsigned int)(*c - '0');

		if (*value > (max - digit) / 10)
			break;
		*value = *value * 10 + digit;
	}
	if (c != text && !*c)
		return 0;
	snprintf(why, sizeof(why), "is not a whole number from 0 to %" PRIu64, max);
	return bad_value(r, column, text, why);
}

static int parse_wake(struct reader *r, const char *text, enum idle_wake *wake)
{
	for (unsigned int i = 0; i < IDLE_WAKES; i++) {
		if (!strcmp(text, wakes[i])) {
			*wake = i;
			return 0;
		}
	}
	return bad_value(r, WAKE, text, "is not ipi, irq or timer");
}

static int parse_record(struct reader *r, struct idle_record *record)
{
	uint64_t number[COLUMNS] = { 0 };
	char *field[COLUMNS];
	unsigned int n = r->csv->answers ? COLUMNS : PLAIN_COLUMNS;

	if (split(r, field))
		return -1;
	for (enum column i = 0; i < n; i++) {
		if (i == NEXT_TIMER && !*field[i])
			number[i] = IDLE_NO_TIMER;
		else if (i == WAKE ? parse_wake(r, field[i], &record->wake) : parse_number(r, i, field[i], &number[i]))
			return -1;
	}
	record->cpu = (uint32_t)number[CPU];
	record->start_ns = number[START];
	record->length_ns = number[LENGTH];
	record->next_timer_ns = number[NEXT_TIMER];
	record->ran_ns = number[RAN];
	record->break_even_ns = number[BREAK_EVEN];
	record->limit_ns = (uint32_t)number[LIMIT];
	record->window_ns = (uint32_t)number[WINDOW];
	return 0;
}

/* The idles of a CPU follow each other, and time does not wrap. */
static int check_order(struct reader *r, const struct idle_record *record)
{
	size_t last = r->last[record->cpu];
	const struct idle_record *before;

	if (record->length_ns > UINT64_MAX - record->start_ns)
		return bad_line(r, "length_ns: '%" PRIu64 "' is too long: the idle would end past 64 bits of ns",
				record->length_ns);
	if (!last)
		return 0;
	before = &r->csv->records[last - 1];
	if (record->start_ns < before->start_ns)
		return bad_line(r,
				"start_ns: '%" PRIu64 "' is out of order: CPU %u was idle at %" PRIu64 " on line %zu",
				record->start_ns, record->cpu, before->start_ns, idle_csv_line(last - 1));
	if (record->start_ns - before->start_ns < before->length_ns)
		return bad_line(r, "start_ns: '%" PRIu64 "' overlaps: the idle of CPU %u on line %zu ends at %" PRIu64,
				record->start_ns, record->cpu, idle_csv_line(last - 1),
				before->start_ns + before->length_ns);
	return 0;
}

static int add_record(struct reader *r, const struct idle_record *record)
{
	struct idle_csv *csv = r->csv;

	if (csv->n == r->room) {
		size_t room = r->room ? 2 * r->room : FIRST_ALLOC;
		struct idle_record *grown = reallocarray(csv->records, room, sizeof(*grown));

		if (!grown)
			return no_memory(r);
		csv->records = grown;
		r->room = room;
	}
	csv->records[csv->n++] = *record;
	r->last[record->cpu] = csv->n;
	return 0;
}

static int read_all(struct reader *r)
{
	struct idle_record record;
	int rc;

	if (read_header(r))
		return -1;
	while ((rc = next_line(r)) > 0) {
		if (parse_record(r, &record) || check_order(r, &record) || add_record(r, &record))
			return -1;
	}
	return rc;
}

int idle_csv_read(const char *file, struct idle_csv *csv, struct isolat_error *err)
{
	struct reader r = { .csv = csv, .err = err };
	int rc = -1;

	*csv = (struct idle_csv){ .name = strdup(file) };
	r.last = calloc(IDLE_CSV_MAX_CPU + 1, sizeof(*r.last));
	if (!csv->name || !r.last) {
		isolat_fail(err, ISOLAT_FAILED, "read trace", file, "out of memory");
	} else {
		r.in = strcmp(file, "-") ? fopen(file, "re") : stdin;
		if (!r.in)
			isolat_fail(err, ISOLAT_USAGE, "open trace", file, "%s", strerror(errno));
		else
			rc = read_all(&r);
	}
	if (r.in && r.in != stdin)
		fclose(r.in);
	free(r.last);
	if (rc)
		idle_csv_free(csv);
	return rc;
}

void idle_csv_free(struct idle_csv *csv)
{
	free(csv->name);
	free(csv->records);
	*csv = (struct idle_csv){ 0 };
}

void idle_csv_write_header(FILE *out, bool answers)
{
	fprintf(out, "%s\n", answers ? IDLE_CSV_ANSWER_HEADER : IDLE_CSV_HEADER);
}

void idle_csv_write(FILE *out, const struct idle_record *record, bool answers)
{
	fprintf(out, "%" PRIu32 ",%" PRIu64 ",%" PRIu64 ",", record->cpu, record->start_ns, record->length_ns);
	if (record->next_timer_ns != IDLE_NO_TIMER)
		fprintf(out, "%" PRIu64, record->next_timer_ns);
	fprintf(out, ",%s", wakes[record->wake]);
	if (answers)
		fprintf(out, ",%" PRIu64 ",%" PRIu64 ",%" PRIu32 ",%" PRIu32, record->ran_ns, record->break_even_ns,
			record->limit_ns, record->window_ns);
	fputc('\n', out);
}
