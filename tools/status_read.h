/* SPDX-License-Identifier: BSD-3-Clause */
/* What stands applied, as a JSON document: what isolat status prints, or draws. isolat-status(1) documents it. */
#ifndef ISOLAT_STATUS_READ_H
#define ISOLAT_STATUS_READ_H

#include <jansson.h>

#include "applied.h"

/*
 * @last: the document of the look before, for bandwidths, or NULL. The caller owns *now. A counter that cannot be read
 * is null, never 0.
 */
int status_read(struct applied *a, const json_t *last, json_t **now, struct isolat_error *err);

#endif
