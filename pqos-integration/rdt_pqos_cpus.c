// SPDX-License-Identifier: BSD-3-Clause
#include "rdt_pqos_cpus.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rdt_number.h"

/* Cuts a number from the front of @text. */
static bool take_number(const char **text, uint64_t *value)
{
	size_t digits = strspn(*text, "0123456789");

	if (!rdt_number(*text, digits, 10, PQOS_CPUS_LIMIT - 1, value))
		return false;
	*text += digits;
	return true;
}

/* Marks what is in @list. */
static bool mark(const char *list, bool *has)
{
	uint64_t first, last;

	for (;;) {
		if (!take_number(&list, &first))
			return false;
		last = first;
		if (*list == '-' && (list++, !take_number(&list, &last)))
			return false;
		for (uint64_t cpu = first; cpu <= last; cpu++)
			has[cpu] = true;
		if (last < first || (*list && *list != ','))
			return false;
		if (!*list++)
			return true;
	}
}

bool pqos_cpus_parse(const char *list, unsigned int **cpus, size_t *n)
{
	bool *has = calloc(PQOS_CPUS_LIMIT, sizeof(*has));
	bool good = has && (!*list || mark(list, has));

	*n = 0;
	*cpus = good ? calloc(PQOS_CPUS_LIMIT, sizeof(**cpus)) : NULL;
	for (unsigned int cpu = 0; *cpus && cpu < PQOS_CPUS_LIMIT; cpu++) {
		if (has[cpu])
			(*cpus)[(*n)++] = cpu;
	}
	free(has);
	return *cpus;
}

char *pqos_cpus_print(const unsigned int *cpus, size_t n)
{
	size_t room = n * sizeof("65535,") + 1, used = 0, last;
	char *text = malloc(room);

	if (!text)
		return NULL;
	*text = '\0';
	for (size_t i = 0; i < n; i = last + 1) {
		for (last = i; last + 1 < n && cpus[last + 1] == cpus[last] + 1; last++)
			;
		used += (size_t)snprintf(text + used, room - used, "%s%u", i ? "," : "", cpus[i]);
		if (last > i)
			used += (size_t)snprintf(text + used, room - used, "-%u", cpus[last]);
	}
	return text;
}
