/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/*
 * What time is it on the guest's TSC, as seen from the host's?  Learns from samples, each of which says that the
 * guest's TSC was between two values while the host's was a third, and keeps bounds that the truth never leaves, as
 * long as both clocks run evenly.  Plain C on integers: no allocation, no lock, no call out.
 *
 * Two boxes are kept: an anchor, and the newest one, narrowed by every sample since.  A rate that leads from the one
 * to the other is possible, others are not; so the longer ago the anchor, the better the rate is known: by the widths
 * of the two over the time between.  Bounds only ever narrow.  When they cross, no steady clock explains what was seen:
 * the clocks jumped against each other, and all begins anew with the sample that showed it.
 */
#ifndef ISOLAT_TSC_MAP_H
#define ISOLAT_TSC_MAP_H

#include "plain_types.h"

/* Rates are guest cycles in 2^32 of the host's; nothing outside is believed. */
#define TSC_MAP_SHIFT	 32
#define TSC_MAP_RATE_MIN (1ULL << 28)
#define TSC_MAP_RATE_MAX (1ULL << 36)

/* While the host's TSC was @host, the guest's was in [lo, hi]. */
struct tsc_box {
	u64 host, lo, hi;
};

struct tsc_map {
	struct tsc_box anchor, now;
	u64 rate_lo, rate_hi;
	u32 samples; /* since it began; 0: knows nothing */
};

/* A line below the truth from host's TSC @host on: guest's TSC >= guest + (host's TSC - host) * mult / 2^32. */
struct tsc_line {
	u64 host, guest, mult;
};

/* Forgets all. */
void tsc_map_reset(struct tsc_map *m);

/*
 * Takes a sample: the host's TSC was read as @host after the guest's was @g1 and before it was @g2.  False: it
 * contradicts what came before, which is forgotten.
 */
bool tsc_map_add(struct tsc_map *m, u64 g1, u64 host, u64 g2);

/* The best line that is never above the truth, at and after the last sample.  Needs a sample. */
struct tsc_line tsc_map_line(const struct tsc_map *m);

/* How far below the truth that line may be at the last sample, and by how much more @cycles of the host later. */
u64 tsc_map_width(const struct tsc_map *m);
u64 tsc_map_drift(const struct tsc_map *m, u64 cycles);

#endif
