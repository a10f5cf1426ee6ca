/* SPDX-License-Identifier: BSD-3-Clause */
/* What a drawing is made of: lines, in a frame or not, and texts that grow. */
#ifndef ISOLAT_TOPOLOGY_SHEET_H
#define ISOLAT_TOPOLOGY_SHEET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* What is drawn on: no line becomes wider than @width, 40 or more; frames are plain ASCII unless @utf8. */
struct sheet {
	FILE *out;
	size_t width;
	bool utf8;
	bool boxed; /* inside a box: lines have its sides */
};

/*
 * Prints @text in columns @indent and on (the first line @outdent further left), wrapped at spaces; a word that is
 * longer than the room is broken. Control characters in it are replaced.
 */
void sheet_text(const struct sheet *sheet, size_t indent, size_t outdent, char *text);

/* A text that grows. */
struct words {
	FILE *out;
	char *text;
	size_t size;
};

int words_open(struct words *words);
/* Prints it as sheet_text() does, and frees it. Returns -1 without memory. */
int words_print(struct words *words, const struct sheet *sheet, size_t indent, size_t outdent);

/* "0-3, 8", of ascending numbers; from the @limit-th range on, how many there are in all. 0: no limit. */
void words_ranges(struct words *words, const unsigned int *numbers, size_t n, unsigned int limit);

/* "1.5 MiB" */
void words_bytes(struct words *words, uint64_t bytes);

/* "1 core", "2 cores" */
void words_count(struct words *words, unsigned int n, const char *what);

#endif
