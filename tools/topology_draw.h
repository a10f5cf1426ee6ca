/* SPDX-License-Identifier: BSD-3-Clause */
/* A host, drawn for a terminal: a box for each NUMA node, and its RDT in words below. */
#ifndef ISOLAT_TOPOLOGY_DRAW_H
#define ISOLAT_TOPOLOGY_DRAW_H

#include "host.h"
#include "topology_sheet.h"

/* Both return -1 without memory. */
int topology_draw(const struct sheet *sheet, const struct topology *t);
int topology_draw_rdt(const struct sheet *sheet, const struct host *host);

#endif
