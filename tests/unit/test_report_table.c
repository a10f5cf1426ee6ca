// SPDX-License-Identifier: BSD-3-Clause
/* Tables: how they become narrower. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "report_table.h"

static void assert_table(struct report_table *table, size_t indent, size_t width, const char *want)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	report_table_print(table, out, indent, width);
	fclose(out);
	assert_string_equal(text, want);
	free(text);
	assert_int_equal(table->n_cells, 0);
}

static void add_row(struct report_table *table, const char *a, const char *b)
{
	report_table_cell(table, "%s", a);
	report_table_cell(table, "%s", b);
}

static void test_table(void **state)
{
	struct report_table table = REPORT_TABLE(2);

	add_row(&table, "n\303\244me", "a,b c");
	add_row(&table, "", "x");
	assert_table(&table, 1, 80, " n\303\244me  a,b c\n       x\n");
	add_row(&table, "n\303\244me", "a,b c");
	report_table_cell(&table, "half a row");
	assert_table(&table, 0, 9, "n\303\244me  a,b\n      c\n");
	add_row(&table, "n\303\244me", "a,b c");
	assert_table(&table, 0, 8, "n\303\244me  a,\n      b\n      c\n");
	/* Words are broken without a header, up to 12 characters or half of the room only then, and between characters.
	 */
	add_row(&table, "-", "\303\244\303\244\303\244\303\244 b");
	assert_table(&table, 0, 6, "-  \303\244\303\244\303\244\n   \303\244 b\n");
	table.header = true;
	add_row(&table, "A", "Bcd");
	add_row(&table, "abcdefghi", "abcdefghijklmn");
	add_row(&table, "", "b");
	assert_table(&table, 0, 23, "A          Bcd\nabcdefghi  abcdefghijkl\n           mn\n           b\n");
	add_row(&table, "A", "Bcd");
	add_row(&table, "abcdefghi", "abcdefghijklmn");
	add_row(&table, "", "b");
	assert_table(&table, 1, 23, " A    abcdefghi\n Bcd  abcdefghijklmn\n\n A\n Bcd  b\n");
	add_row(&table, "A", "Bcd");
	add_row(&table, "a", "abcdefghijklmnopqrst");
	assert_table(&table, 0, 26, "A  Bcd\na  abcdefghijklmnopqrst\n");
	add_row(&table, "Abcdefgh", "Bcd");
	add_row(&table, "a", "abcdefghijklmnopqrst");
	assert_table(&table, 0, 26, "Abcdefgh  Bcd\na         abcdefghijklmnop\n          qrst\n");
	add_row(&table, "Abcdefghijkl", "Bcd");
	add_row(&table, "a", "abcdefghijklm");
	assert_table(&table, 0, 26, "Abcdefghijkl  a\nBcd           abcdefghijkl\n              m\n");
}

int main(void)
{
	static const struct CMUnitTest tests[] = { cmocka_unit_test(test_table) };

	return cmocka_run_group_tests_name("report_table", tests, NULL, NULL);
}
