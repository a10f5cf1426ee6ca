// SPDX-License-Identifier: BSD-3-Clause
#include "report_table.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "report.h"

#define GAP   2	 /* spaces between columns */
#define SHORT 12 /* columns are rather given up than words of up to that length, or half of the room, broken */

void report_table_cell(struct report_table *table, const char *format, ...)
{
	char **cells = realloc(table->cells, (table->n_cells + 1) * sizeof(*cells));
	char *text;
	va_list ap;

	if (!cells) {
		table->lost = true;
		return;
	}
	table->cells = cells;
	va_start(ap, format);
	if (vasprintf(&text, format, ap) < 0)
		text = NULL;
	va_end(ap);
	table->lost |= !text;
	if (!text)
		return;
	report_clean(text);
	cells[table->n_cells++] = text;
}

/* Bytes of UTF-8 that continue a character take no column. */
static bool continues(char c)
{
	return (c & 0xc0) == 0x80;
}

static size_t columns(const char *text, size_t bytes)
{
	size_t count = 0;

	for (size_t i = 0; i < bytes; i++)
		count += !continues(text[i]);
	return count;
}

/* Bytes up to where a line may end: before a space, behind a comma, at the end. Not 0 unless @text is empty. */
static size_t piece(const char *text)
{
	size_t bytes = strspn(text, " ");

	bytes += strcspn(text + bytes, " ,");
	return bytes + (text[bytes] == ',');
}

/* Bytes of @text that go on a line of @room columns. */
static size_t line(const char *text, size_t room)
{
	size_t bytes = 0, more;

	for (; (more = piece(text + bytes)) && columns(text, bytes + more) <= room; bytes += more)
		;
	if (bytes || !*text)
		return bytes;
	while (text[bytes] && columns(text, bytes + 1) <= room)
		bytes++;
	return bytes;
}

static size_t longest_piece(const char *text)
{
	size_t longest = 0;

	for (size_t bytes; (bytes = piece(text)); text += bytes) {
		size_t spaces = strspn(text, " "), word = columns(text + spaces, bytes - spaces);

		if (word > longest)
			longest = word;
	}
	return longest;
}

/* Takes from the widest column until @room is enough, or until none is above its least. Returns whether it is enough.
 */
static bool narrow(size_t *widths, const size_t *least, size_t n, size_t room)
{
	for (;;) {
		size_t total = GAP * (n - 1), widest = n;

		for (size_t c = 0; c < n; c++) {
			total += widths[c];
			if (widths[c] > least[c] && (widest == n || widths[c] >= widths[widest]))
				widest = c;
		}
		if (total <= room || widest == n)
			return total <= room;
		widths[widest]--;
	}
}

/* Returns whether the rows can stand as rows. */
static bool measure(const struct report_table *table, size_t *widths, size_t room)
{
	size_t n = table->n_columns, least[n], ones[n], whole = table->header && room / 2 > SHORT ? room / 2 : SHORT;

	for (size_t c = 0; c < n; c++) {
		widths[c] = least[c] = 0;
		ones[c] = 1;
	}
	for (size_t i = 0; i < table->n_cells; i++) {
		size_t all = columns(table->cells[i], strlen(table->cells[i])), word = longest_piece(table->cells[i]);

		if (all > widths[i % n])
			widths[i % n] = all;
		if (word > least[i % n])
			least[i % n] = word < whole ? word : whole;
	}
	return narrow(widths, least, n, room) || (!table->header && narrow(widths, ones, n, room));
}

/* The next line of a row: what fits of each cell. The cells are moved on. Returns whether there is more. */
static bool print_line(FILE *out, const char **cells, const size_t *widths, size_t n, size_t indent)
{
	size_t pad = indent; /* written only before text: no line ends in spaces */
	bool more = false;

	for (size_t c = 0; c < n; c++) {
		size_t bytes = line(cells[c], widths[c]);

		if (bytes)
			fprintf(out, "%*s%.*s", (int)pad, "", (int)bytes, cells[c]);
		pad = (bytes ? 0 : pad) + widths[c] - columns(cells[c], bytes) + GAP;
		cells[c] += bytes;
		cells[c] += strspn(cells[c], " ");
		more |= *cells[c] != '\0';
	}
	fputc('\n', out);
	return more;
}

/* A row below the other, as lines of title and cell. */
static void print_records(const struct report_table *table, FILE *out, size_t indent, size_t width)
{
	size_t n = table->n_columns;

	for (size_t row = n; row + n <= table->n_cells; row += n) {
		struct report_table record = REPORT_TABLE(2);

		for (size_t c = 0; c < n; c++) {
			report_table_cell(&record, "%s", table->cells[c]);
			report_table_cell(&record, "%s", table->cells[row + c]);
		}
		if (row > n)
			fputc('\n', out);
		report_table_print(&record, out, indent, width);
	}
}

static void print_table(const struct report_table *table, FILE *out, size_t indent, size_t width)
{
	size_t n = table->n_columns, widths[n];
	const char *row[n];

	if (!measure(table, widths, width > indent ? width - indent : 0)) {
		print_records(table, out, indent, width);
		return;
	}
	for (size_t i = 0; i + n <= table->n_cells; i += n) {
		memcpy(row, table->cells + i, sizeof(row));
		while (print_line(out, row, widths, n, indent))
			;
	}
}

void report_table_print(struct report_table *table, FILE *out, size_t indent, size_t width)
{
	if (table->lost)
		fprintf(out, "%*s(out of memory)\n", (int)indent, "");
	else
		print_table(table, out, indent, width);
	for (size_t i = 0; i < table->n_cells; i++)
		free(table->cells[i]);
	free(table->cells);
	table->cells = NULL;
	table->n_cells = 0;
	table->lost = false;
}
