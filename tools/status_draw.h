/* SPDX-License-Identifier: BSD-3-Clause */
/* The document of status_read() as tables. */
#ifndef ISOLAT_STATUS_DRAW_H
#define ISOLAT_STATUS_DRAW_H

#include <stddef.h>
#include <stdio.h>
#include <jansson.h>

/* @width as of report_width(). */
void status_draw(const json_t *status, FILE *out, size_t width);

#endif
