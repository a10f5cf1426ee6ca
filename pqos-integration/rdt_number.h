/* SPDX-License-Identifier: BSD-3-Clause */
/* Whole numbers as resctrl writes them: digits, and nothing else. */
#ifndef ISOLAT_RDT_NUMBER_H
#define ISOLAT_RDT_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Reads the @length characters at @text as a number of @base 10 or 16 from 0 to @max. They must all be digits, at least
 * one; leading zeros are fine, either case is for hex; signs, blanks and prefixes are not. @value is only set on
 * success.
 */
bool rdt_number(const char *text, size_t length, unsigned int base, uint64_t max, uint64_t *value);

#endif
