// SPDX-License-Identifier: BSD-3-Clause
#include "plan_demand.h"

#include <stdio.h>

#define WHOLE 100000 /* thousandths of a percent */

unsigned int demand_l3_nodes(const struct host *host, unsigned int l3)
{
	const struct topology *t = &host->topology;
	unsigned int nodes = 0;

	for (unsigned int node = 0; node < t->n_nodes; node++) {
		unsigned int c = 0;

		while (c < t->n_cores && (t->cores[c].l3 != l3 || t->cores[c].node != node))
			c++;
		nodes += c < t->n_cores;
	}
	return nodes ? nodes : 1;
}

uint64_t demand_l3_way(const struct host *host, unsigned int l3)
{
	unsigned int ways = host->caps.l3.ways;

	return ways ? host->topology.l3[l3].bytes / ways / demand_l3_nodes(host, l3) : 0;
}

uint64_t demand_l2_way(const struct host *host, unsigned int l2)
{
	unsigned int ways = host->caps.l2.ways;

	return ways ? host->topology.l2[l2].bytes / ways : 0;
}

static uint64_t divide_up(uint64_t a, uint64_t b)
{
	return a / b + (a % b != 0);
}

static int hint_caps(const struct host *host, struct isolat_error *err)
{
	return isolat_hint(err,
			   host->topology.live ? "isolat doctor tells why" : "--caps says what such a machine can do");
}

static int demand_ways(const struct host *host, const struct rdt_cache_caps *caps, uint64_t way_bytes,
		       const struct profile_amount *amount, const char *what, const char *cache, unsigned int id,
		       unsigned int *ways, struct isolat_error *err)
{
	uint64_t n = 0;

	*ways = 0;
	if (amount->unit == PROFILE_UNSET)
		return 0;
	if (!caps->present) {
		isolat_fail(err, ISOLAT_UNSUPPORTED, "plan", what,
			    "%s ways are asked for, and this host cannot allocate %s", cache, cache);
		return hint_caps(host, err);
	}
	if (amount->unit == PROFILE_BYTES && !way_bytes)
		return isolat_fail(err, ISOLAT_USAGE, "plan", what, "the size of %s %u is not known: ask in ways",
				   cache, id);
	if (amount->unit == PROFILE_WAYS)
		n = amount->value;
	else if (amount->unit == PROFILE_PERCENT)
		n = divide_up(amount->value * caps->ways, WHOLE);
	else
		n = divide_up(amount->value, way_bytes);
	if (n < caps->min_ways)
		n = caps->min_ways;
	if (n > caps->ways) {
		isolat_fail(err, ISOLAT_NO_FIT, "plan", what, "%llu ways of %s %u are asked for, and it has %u",
			    (unsigned long long)n, cache, id, caps->ways);
		return isolat_hint(err, "ask for less than %u ways, the default group keeps some", caps->ways);
	}
	*ways = (unsigned int)n;
	return 0;
}

int demand_l3(const struct host *host, unsigned int l3, const struct profile_amount *amount, const char *what,
	      unsigned int *ways, struct isolat_error *err)
{
	return demand_ways(host, &host->caps.l3, demand_l3_way(host, l3), amount, what, "L3", host->topology.l3[l3].id,
			   ways, err);
}

int demand_l2(const struct host *host, unsigned int l2, const struct profile_amount *amount, const char *what,
	      unsigned int *ways, struct isolat_error *err)
{
	return demand_ways(host, &host->caps.l2, demand_l2_way(host, l2), amount, what, "L2", host->topology.l2[l2].id,
			   ways, err);
}

/* In the unit of the schemata file, before rounding; 0: not this unit. */
static uint64_t in_unit(enum rdt_mb_unit unit, const struct profile_amount *amount)
{
	if (unit == RDT_MB_PERCENT)
		return amount->unit == PROFILE_PERCENT ? divide_up(amount->value, 1000) : 0;
	if (amount->unit != PROFILE_MBPS)
		return 0;
	return unit == RDT_MB_MBPS ? amount->value : divide_up(amount->value, 125);
}

int demand_mb(const struct host *host, const struct profile_amount *amount, const char *what, uint64_t *value,
	      struct isolat_error *err)
{
	static const char *const units[] = { "percent", "MB/s", "eighths of a GB/s" };
	const struct rdt_mb_caps *mb = &host->caps.mb;
	unsigned int gran = mb->gran ? mb->gran : 1;

	if (!mb->present) {
		isolat_fail(err, ISOLAT_UNSUPPORTED, "plan", what,
			    "bandwidth is asked for, and this host cannot allocate memory bandwidth");
		return hint_caps(host, err);
	}
	*value = in_unit(mb->unit, amount);
	if (!*value) {
		isolat_fail(err, ISOLAT_UNSUPPORTED, "plan", what,
			    "bandwidth is asked for in %s, and this host counts %s",
			    amount->unit == PROFILE_PERCENT ? "percent" : "MB/s", units[mb->unit]);
		if (mb->unit == RDT_MB_PERCENT)
			isolat_hint(err, "mount resctrl with mba_MBps, or ask in percent");
		return -1;
	}
	*value = divide_up(*value, gran) * gran;
	if (*value < mb->min)
		*value = mb->min;
	if (*value > mb->max)
		return isolat_fail(err, ISOLAT_NO_FIT, "plan", what,
				   "a bandwidth of %llu %s is asked for, and %llu is all", (unsigned long long)*value,
				   units[mb->unit], (unsigned long long)mb->max);
	return 0;
}
