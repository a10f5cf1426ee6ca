// SPDX-License-Identifier: BSD-3-Clause
#include "rdt_number.h"

/* Of what is no digit: more than any base. */
static unsigned int digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned int)(c - '0');
	if (c >= 'a' && c <= 'f')
		return (unsigned int)(c - 'a') + 10;
	if (c >= 'A' && c <= 'F')
		return (unsigned int)(c - 'A') + 10;
	return 16;
}

bool rdt_number(const char *text, size_t length, unsigned int base, uint64_t max, uint64_t *value)
{
	uint64_t number = 0;

	for (size_t i = 0; i < length; i++) {
		unsigned int digit = digit_of(text[i]);

		if (digit >= base || digit > max || number > (max - digit) / base)
			return false;
		number = number * base + digit;
	}
	if (!length)
		return false;
	*value = number;
	return true;
}
