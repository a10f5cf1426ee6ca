// SPDX-License-Identifier: BSD-3-Clause
#include "topology_sheet.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "report.h"

#define SIDE 2 /* columns of a box's side: the frame and a space */

/* How many bytes of @text take up to @most columns. */
static size_t fitting(const char *text, size_t bytes, size_t most, size_t *columns)
{
	size_t at = 0;

	*columns = 0;
	while (at < bytes) {
		size_t next = at + 1;

		while (next < bytes && ((unsigned char)text[next] & 0xc0) == 0x80)
			next++;
		if (*columns == most)
			break;
		++*columns;
		at = next;
	}
	return at;
}

/* The part of @text, which has no space in front, that goes on a line of @room columns. */
static size_t take_line(const char *text, size_t room, size_t *columns)
{
	size_t bytes = fitting(text, strlen(text), room, columns), end = bytes;

	if (!text[bytes] || text[bytes] == ' ')
		return bytes;
	while (end && text[end - 1] != ' ')
		end--;
	while (end && text[end - 1] == ' ')
		end--;
	return end ? fitting(text, end, room, columns) : bytes;
}

void sheet_text(const struct sheet *sheet, size_t indent, size_t outdent, char *text)
{
	const char *side = sheet->utf8 ? "\u2502" : "|", *rest = text;
	size_t inside = sheet->width - (sheet->boxed ? 2 * SIDE : 0), start = indent - outdent;

	report_clean(text);
	do {
		size_t columns, bytes;

		rest += strspn(rest, " ");
		bytes = take_line(rest, inside - start, &columns);
		if (sheet->boxed)
			fprintf(sheet->out, "%s %*s%.*s%*s %s\n", side, (int)start, "", (int)bytes, rest,
				(int)(inside - start - columns), "", side);
		else
			fprintf(sheet->out, "%*s%.*s\n", (int)start, "", (int)bytes, rest);
		rest += bytes;
		start = indent;
	} while (rest[strspn(rest, " ")]);
}

int words_open(struct words *words)
{
	*words = (struct words){ 0 };
	words->out = open_memstream(&words->text, &words->size);
	return words->out ? 0 : -1;
}

int words_print(struct words *words, const struct sheet *sheet, size_t indent, size_t outdent)
{
	/* Lost writes are no memory. */
	int rc = ferror(words->out) | fclose(words->out) ? -1 : 0;

	if (!rc)
		sheet_text(sheet, indent, outdent, words->text);
	free(words->text);
	return rc;
}

void words_ranges(struct words *words, const unsigned int *numbers, size_t n, unsigned int limit)
{
	unsigned int ranges = 0;

	for (size_t first = 0, last; first < n; first = last + 1) {
		for (last = first; last + 1 < n && numbers[last + 1] == numbers[last] + 1; last++)
			;
		if (limit && ranges++ == limit) {
			fprintf(words->out, ", ... (%zu in all)", n);
			return;
		}
		fprintf(words->out, "%s%u", first ? ", " : "", numbers[first]);
		if (last > first)
			fprintf(words->out, "-%u", numbers[last]);
	}
}

void words_bytes(struct words *words, uint64_t bytes)
{
	static const char *const units[] = { "bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	uint64_t tenths;
	int unit = 0;

	while (unit < 6 && bytes >> (10 * (unit + 1)))
		unit++;
	/* Exactly: a double would do, but for its own rounding. */
	tenths = unit ? ((bytes >> (10 * (unit - 1))) * 10 + 512) >> 10 : bytes * 10;
	fprintf(words->out, "%" PRIu64, tenths / 10);
	if (tenths % 10)
		fprintf(words->out, ".%" PRIu64, tenths % 10);
	fprintf(words->out, " %s", units[unit]);
}

void words_count(struct words *words, unsigned int n, const char *what)
{
	fprintf(words->out, "%u %s%s", n, what, n == 1 ? "" : "s");
}
