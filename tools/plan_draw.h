/* SPDX-License-Identifier: BSD-3-Clause */
/* A plan as a picture for a terminal, in ASCII save for names: caches, CPUs, VMs, and what was rounded. */
#ifndef ISOLAT_PLAN_DRAW_H
#define ISOLAT_PLAN_DRAW_H

#include "plan.h"

/* No line is longer than @width columns, or 40 if that is less; 0 is 80. Coloured where report_colour() allows it. */
void plan_draw(const struct plan *plan, FILE *out, size_t width);

#endif
