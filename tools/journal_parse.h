/* SPDX-License-Identifier: BSD-3-Clause */
/* The text of a journal, read. */
#ifndef ISOLAT_JOURNAL_PARSE_H
#define ISOLAT_JOURNAL_PARSE_H

#include "journal.h"

#define JOURNAL_VERSION 1

/*
 * Fills about, record, tail, undoing, record_end, end and torn (record and tail are empty arrays before). A last line
 * without an end was being written when its writer was killed: it counts as not there. Returns 0, 1 when it is of
 * another boot than
 * @boot (then nothing is filled), or -1.
 */
int journal_parse(struct journal *j, const char *text, size_t size, const char *boot, struct isolat_error *err);

#endif
