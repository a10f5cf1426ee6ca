// SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause)
/*
 * Everything here rounds outwards: what is a lower bound goes down, what is an upper bound goes up.  So rounding makes
 * the bounds wider by a few cycles, and never wrong.
 */

#include "tsc_map.h"

#define FOREVER (~0ULL)

/* Guest cycles in @host cycles of the host's at @rate; the next lower integer, or the next higher one. */
static u64 cycles_down(u64 host, u64 rate)
{
	unsigned __int128 cycles = (unsigned __int128)host * rate >> TSC_MAP_SHIFT;

	return cycles > FOREVER ? FOREVER : (u64)cycles;
}

static u64 cycles_up(u64 host, u64 rate)
{
	u64 cycles = cycles_down(host, rate);

	return cycles == FOREVER ? FOREVER : cycles + 1;
}

static u64 add(u64 a, u64 b)
{
	return a > FOREVER - b ? FOREVER : a + b;
}

static u64 higher(u64 a, u64 b)
{
	return a > b ? a : b;
}

static u64 lower(u64 a, u64 b)
{
	return a < b ? a : b;
}

/* By how much to shift both for a division in 64 bits; 2^-31 of the rate is lost, some ten cycles in 10 s. */
static unsigned int excess(u64 a, u64 b)
{
	unsigned int bits = 64 - __builtin_clzll(a | b | 1);

	return bits > 31 ? bits - 31 : 0;
}

static u64 rate_down(u64 guest, u64 host)
{
	unsigned int shift = excess(guest, host);

	return ((guest >> shift) << TSC_MAP_SHIFT) / ((host >> shift) + 1);
}

static u64 rate_up(u64 guest, u64 host)
{
	unsigned int shift = excess(guest, host);

	if (!(host >> shift))
		return TSC_MAP_RATE_MAX;
	return (((guest >> shift) + 1) << TSC_MAP_SHIFT) / (host >> shift) + 1;
}

void tsc_map_reset(struct tsc_map *m)
{
	*m = (struct tsc_map){ .rate_lo = TSC_MAP_RATE_MIN, .rate_hi = TSC_MAP_RATE_MAX };
}

static void begin(struct tsc_map *m, const struct tsc_box *box)
{
	tsc_map_reset(m);
	m->anchor = m->now = *box;
	m->samples = 1;
}

/* Where the newest box must be by @box->host, and the sample, both are true: so is what they have in common. */
static bool narrow_box(const struct tsc_map *m, struct tsc_box *box)
{
	u64 elapsed = box->host - m->now.host;

	box->lo = higher(box->lo, add(m->now.lo, cycles_down(elapsed, m->rate_lo)));
	box->hi = lower(box->hi, add(m->now.hi, cycles_up(elapsed, m->rate_hi)));
	return box->lo <= box->hi;
}

static bool narrow_rate(struct tsc_map *m)
{
	u64 elapsed = m->now.host - m->anchor.host;

	if (m->now.hi < m->anchor.lo)
		return false;
	if (!elapsed)
		return true;
	if (m->now.lo > m->anchor.hi)
		m->rate_lo = higher(m->rate_lo, rate_down(m->now.lo - m->anchor.hi, elapsed));
	m->rate_hi = lower(m->rate_hi, rate_up(m->now.hi - m->anchor.lo, elapsed));
	return m->rate_lo <= m->rate_hi;
}

static u64 width(const struct tsc_box *box)
{
	return box->hi - box->lo;
}

/* An anchor much wider than what is known now holds the rate up for ever: the samples before it was made were bad. */
static void replace_anchor(struct tsc_map *m)
{
	if (width(&m->now) < width(&m->anchor) / 4)
		m->anchor = m->now;
}

bool tsc_map_add(struct tsc_map *m, u64 g1, u64 host, u64 g2)
{
	const struct tsc_box sample = { .host = host, .lo = g1, .hi = g2 };
	struct tsc_box box = sample;

	if (g2 < g1) {
		tsc_map_reset(m);
		return false;
	}
	if (!m->samples) {
		begin(m, &sample);
		return true;
	}
	if (host < m->now.host || !narrow_box(m, &box)) {
		begin(m, &sample);
		return false;
	}
	m->now = box;
	if (!narrow_rate(m)) {
		begin(m, &sample);
		return false;
	}
	replace_anchor(m);
	if (m->samples < ~0U)
		m->samples++;
	return true;
}

struct tsc_line tsc_map_line(const struct tsc_map *m)
{
	return (struct tsc_line){ .host = m->now.host, .guest = m->now.lo, .mult = m->rate_lo };
}

u64 tsc_map_width(const struct tsc_map *m)
{
	return width(&m->now);
}

u64 tsc_map_drift(const struct tsc_map *m, u64 cycles)
{
	return cycles_up(cycles, m->rate_hi - m->rate_lo);
}
