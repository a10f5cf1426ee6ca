/* SPDX-License-Identifier: BSD-3-Clause */
/* What the programs inside the test VMs say: each failed check is a line, and the exit status tells. */
#ifndef ISOLAT_CHECK_H
#define ISOLAT_CHECK_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned int check_failures;

/* Tells what was seen if @ok does not hold, and goes on. */
__attribute__((format(printf, 2, 3), unused)) static bool check(bool ok, const char *format, ...)
{
	va_list ap;

	printf(ok ? "fine: " : "WRONG: ");
	va_start(ap, format);
	vprintf(format, ap);
	va_end(ap);
	printf("\n");
	fflush(stdout);
	check_failures += !ok;
	return ok;
}

/* The same for what everything after it stands on: ends the test. */
#define require(ok, ...)                     \
	do {                                 \
		if (!check(ok, __VA_ARGS__)) \
			exit(EXIT_FAILURE);  \
	} while (0)

struct check_case {
	const char *name;
	void (*run)(void);
};

/* main() of a program with several cases: runs the one that argv[1] names. */
__attribute__((unused)) static int check_main(const struct check_case *cases, int argc, char **argv)
{
	for (; cases->name; cases++)
		if (argc > 1 && !strcmp(cases->name, argv[1])) {
			cases->run();
			return check_failures ? EXIT_FAILURE : EXIT_SUCCESS;
		}
	printf("no case %s\n", argc > 1 ? argv[1] : "");
	return 2;
}

#endif
