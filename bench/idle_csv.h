/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Idle traces as CSV, one idle period a line:
 *
 *	cpu,start_ns,length_ns,next_timer_ns,wake
 *
 * start_ns is on any clock that all lines share; next_timer_ns is relative to it, empty if unknown; wake is ipi, irq
 * or timer. The idles of a CPU are in order and do not overlap. A recording of what smart_idle_poll was asked and
 * answered has four columns more, ran_ns,break_even_ns,limit_ns,window_ns (idle_predictor.h tells what they are).
 *
 * Numbers are decimal, without sign, space or quotes, up to 64 bits (limit_ns and window_ns: 32). A line ends in a
 * newline, save that the last one need not; there are no empty lines.
 */
#ifndef ISOLAT_IDLE_CSV_H
#define ISOLAT_IDLE_CSV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <isolat/error.h>

#include "idle_predictor.h"

#define IDLE_CSV_HEADER	       "cpu,start_ns,length_ns,next_timer_ns,wake"
#define IDLE_CSV_ANSWER_HEADER IDLE_CSV_HEADER ",ran_ns,break_even_ns,limit_ns,window_ns"

#define IDLE_CSV_MAX_CPU 65535

struct idle_record {
	uint64_t start_ns;
	uint64_t length_ns;
	uint64_t next_timer_ns; /* IDLE_NO_TIMER if unknown */
	uint32_t cpu;
	enum idle_wake wake;
	/* 0 in a trace without answers: */
	uint32_t limit_ns, window_ns;
	uint64_t ran_ns, break_even_ns;
};

struct idle_csv {
	char *name;
	struct idle_record *records; /* in the order of the file */
	size_t n;
	bool answers; /* the four columns more were there */
};

/* The line on which a record stands: the header is the first, and each line below it is a record. */
static inline size_t idle_csv_line(size_t record)
{
	return record + 2;
}

/*
 * Reads the whole of @file ("-" is standard input). What is wrong with a line fails with ISOLAT_USAGE, err->object
 * being "FILE:LINE". The caller frees with idle_csv_free().
 */
int idle_csv_read(const char *file, struct idle_csv *csv, struct isolat_error *err);
void idle_csv_free(struct idle_csv *csv);

/* The header, and one line; errors of @out are the caller's to look for, with ferror(). */
void idle_csv_write_header(FILE *out, bool answers);
void idle_csv_write(FILE *out, const struct idle_record *record, bool answers);

#endif
