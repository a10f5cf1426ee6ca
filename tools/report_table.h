/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A table that fits: each column is as wide as what it holds, and narrower where the table would be wider than the
 * terminal. Cells wrap then, at spaces and behind commas; a word is broken only where nothing else is left. Where
 * columns are too many for that, a table with a header becomes a list of records.
 */
#ifndef ISOLAT_REPORT_TABLE_H
#define ISOLAT_REPORT_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct report_table {
	size_t n_columns, n_cells;
	bool header;  /* the first row is one */
	char **cells; /* row by row */
	bool lost;    /* there was no memory for a cell */
};

#define REPORT_TABLE(columns)          \
	{                              \
		.n_columns = (columns) \
	}

/* Adds a cell, made safe for a terminal as report_clean() does. */
__attribute__((format(printf, 2, 3))) void report_table_cell(struct report_table *table, const char *format, ...);

/*
 * Prints the table from column @indent on, no line longer than @width, and empties it. @width is to leave room for a
 * character a column and what is between them. A row that is not full is not printed. Where there was no memory, it
 * says so in the table's place.
 */
void report_table_print(struct report_table *table, FILE *out, size_t indent, size_t width);

#endif
