// SPDX-License-Identifier: BSD-3-Clause
#include "plan_map.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cpu_list.h"
#include "plan_symbol.h"
#include "report_table.h"

void plan_map_say(const struct plan_map *map, size_t indent, const char *format, ...)
{
	struct report_table table = REPORT_TABLE(1);
	char *text = NULL;
	va_list ap;

	va_start(ap, format);
	if (vasprintf(&text, format, ap) < 0)
		text = NULL;
	va_end(ap);
	report_table_cell(&table, "%s", text ? text : "(out of memory)");
	report_table_print(&table, map->out, indent, map->width);
	free(text);
}

void plan_map_symbol(const struct plan_map *map, char symbol)
{
	const char *at = strchr(PLAN_SYMBOL_LETTERS, symbol);

	if (map->colour && at)
		fprintf(map->out, "\033[3%cm%c\033[0m", (char)('1' + (at - PLAN_SYMBOL_LETTERS) % 6), symbol);
	else
		fputc(symbol, map->out);
}

static unsigned int first_alike(const struct plan_map *map, const struct plan_places *places, unsigned int i)
{
	unsigned int first = 0;

	while (first < i && !places->alike(map, first, i))
		first++;
	return first;
}

/* "L3 3-23: as 2", where others look like place @i. */
static void fold(const struct plan_map *map, const struct plan_places *places, const unsigned int *first,
		 unsigned int i)
{
	unsigned int *numbers = calloc(places->n, sizeof(*numbers)), n = 0;
	char *list;

	for (unsigned int j = i + 1; numbers && j < places->n; j++) {
		if (first[j] == i)
			numbers[n++] = places->number(map, j);
	}
	list = cpu_list_text(numbers, n);
	if (n && list)
		plan_map_say(map, PLAN_MAP_INDENT, "%s %s: as %u", places->name, list, places->number(map, i));
	free(list);
	free(numbers);
}

void plan_map_places(const struct plan_map *map, const struct plan_places *places)
{
	unsigned int *first = calloc(places->n + 1UL, sizeof(*first));

	for (unsigned int i = 0; first && i < places->n; i++)
		first[i] = first_alike(map, places, i);
	for (unsigned int i = 0; i < places->n; i++) {
		if (first && first[i] != i)
			continue;
		places->draw(map, i);
		if (first)
			fold(map, places, first, i);
	}
	free(first);
}
