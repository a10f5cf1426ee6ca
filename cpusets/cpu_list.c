// SPDX-License-Identifier: BSD-3-Clause
#include "cpu_list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int compare(const void *a, const void *b)
{
	unsigned int x = *(const unsigned int *)a, y = *(const unsigned int *)b;

	return x < y ? -1 : x > y;
}

/* How many of the ascending numbers @os, of which there is one at least, are one range: duplicates are in it too. */
static size_t range_length(const unsigned int *os, size_t n)
{
	size_t length = 1;

	while (length < n && os[length] - os[length - 1] <= 1)
		length++;
	return length;
}

static void print_ranges(FILE *out, const unsigned int *os, size_t n)
{
	size_t length;

	for (size_t i = 0; i < n; i += length) {
		unsigned int first = os[i], last;

		length = range_length(os + i, n - i);
		last = os[i + length - 1];
		fprintf(out, "%s%u", i ? "," : "", first);
		if (last != first)
			fprintf(out, "-%u", last);
	}
}

char *cpu_list_text(const unsigned int *os, size_t n)
{
	unsigned int *sorted = calloc(n + 1, sizeof(*sorted));
	char *text = NULL;
	size_t size;
	FILE *out;

	if (!sorted)
		return NULL;
	if (n)
		memcpy(sorted, os, n * sizeof(*os));
	qsort(sorted, n, sizeof(*sorted), compare);
	out = open_memstream(&text, &size);
	if (out) {
		print_ranges(out, sorted, n);
		if (fclose(out)) {
			free(text);
			text = NULL;
		}
	}
	free(sorted);
	return text;
}
