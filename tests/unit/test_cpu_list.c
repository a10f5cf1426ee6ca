// SPDX-License-Identifier: BSD-3-Clause
/* Lists of CPUs as text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "cpu_list.h"

static void assert_list(const char *want, size_t n, ...)
{
	unsigned int os[16];
	va_list ap;
	char *got;

	va_start(ap, n);
	for (size_t i = 0; i < n; i++)
		os[i] = va_arg(ap, unsigned int);
	va_end(ap);
	got = cpu_list_text(n ? os : NULL, n);
	assert_string_equal(got, want);
	free(got);
}

static void test_cpu_list(void **state)
{
	assert_list("", 0);
	assert_list("0", 1, 0U);
	assert_list("2-5,10", 5, 10U, 4U, 2U, 5U, 3U);
	assert_list("0-1,3", 5, 3U, 1U, 0U, 1U, 3U);
	assert_list("1,3,5", 3, 1U, 3U, 5U);
	assert_list("7", 3, 7U, 7U, 7U);
	assert_list("0,4294967294-4294967295", 3, 4294967295U, 4294967294U, 0U);
}

int main(void)
{
	static const struct CMUnitTest tests[] = { cmocka_unit_test(test_cpu_list) };

	return cmocka_run_group_tests_name("cpu_list", tests, NULL, NULL);
}
