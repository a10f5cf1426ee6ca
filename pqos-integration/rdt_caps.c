// SPDX-License-Identifier: BSD-3-Clause
/* What capabilities are made of, and their short form. */
#include "rdt_caps.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "rdt_caps_limits.h"
#include "rdt_number.h"

#define SHOWN 40 /* characters of a bad value */

static const struct {
	const char *name;
	uint64_t max;
} units[] = {
	[RDT_MB_PERCENT] = { "percent", 100 },
	[RDT_MB_MBPS] = { "mbps", UINT32_MAX },
	[RDT_MB_EIGHTH_GB] = { "amd", 2048 },
};

#define UNITS (sizeof(units) / sizeof(units[0]))

const char *rdt_mb_unit_name(enum rdt_mb_unit unit)
{
	return units[unit].name;
}

bool rdt_mb_unit_find(const char *name, enum rdt_mb_unit *unit)
{
	for (unsigned int i = 0; i < UNITS; i++) {
		if (!strcmp(name, units[i].name)) {
			*unit = i;
			return true;
		}
	}
	return false;
}

uint64_t rdt_mb_unit_max(enum rdt_mb_unit unit)
{
	return units[unit].max;
}

uint64_t rdt_full_mask(unsigned int ways)
{
	return ways < 64 ? (1ull << ways) - 1 : UINT64_MAX;
}

void rdt_caps_derive(struct rdt_caps *caps)
{
	const struct {
		bool present;
		unsigned int closids;
	} of[] = {
		{ caps->l3.present, caps->l3.closids },
		{ caps->l2.present, caps->l2.closids },
		{ caps->mb.present, caps->mb.closids },
		{ caps->smba.present, caps->smba.closids },
	};

	caps->closids = 0;
	for (size_t i = 0; i < sizeof(of) / sizeof(of[0]); i++) {
		if (of[i].present && (!caps->closids || of[i].closids < caps->closids))
			caps->closids = of[i].closids;
	}
	caps->present = caps->closids || caps->monitoring;
}

void rdt_caps_free(struct rdt_caps *caps)
{
	free(caps->source);
	free(caps->groups);
	*caps = (struct rdt_caps){ 0 };
}

/* ---- The short form ---- */

enum key { L3WAYS, L3MIN, L3IO, L2WAYS, L2MIN, CLOSIDS, CDP, SPARSE, MB, MBGRAN, MBMIN, RMIDS, KEYS };

#define BIT(key)     (1u << (key))
#define CACHES	     (BIT(L3WAYS) | BIT(L2WAYS))
#define BANDWIDTH    (BIT(MB) | BIT(MBGRAN) | BIT(MBMIN))
#define ANY_CLOSIDS  16u /* what most machines have */
#define PERCENT_GRAN 10u

static const struct {
	const char *name;
	unsigned int base;  /* 0: a word */
	uint64_t min, max;  /* more may be said by other keys */
	unsigned int needs; /* one of these */
	const char *needed;
} keys[KEYS] = {
	[L3WAYS] = { "l3ways", 10, 1, RDT_MAX_WAYS, 0, NULL },
	[L3MIN] = { "l3min", 10, 1, RDT_MAX_WAYS, BIT(L3WAYS), "l3ways" },
	[L3IO] = { "l3io", 16, 0, UINT64_MAX, BIT(L3WAYS), "l3ways" },
	[L2WAYS] = { "l2ways", 10, 1, RDT_MAX_WAYS, 0, NULL },
	[L2MIN] = { "l2min", 10, 1, RDT_MAX_WAYS, BIT(L2WAYS), "l2ways" },
	[CLOSIDS] = { "closids", 10, 1, RDT_CLOSIDS_LIMIT, CACHES | BANDWIDTH, "l3ways, l2ways or mb" },
	[CDP] = { "cdp", 10, 0, 1, CACHES, "l3ways or l2ways" },
	[SPARSE] = { "sparse", 10, 0, 1, CACHES, "l3ways or l2ways" },
	[MB] = { "mb", 0, 0, 0, 0, NULL },
	[MBGRAN] = { "mbgran", 10, 1, UINT32_MAX, 0, NULL },
	[MBMIN] = { "mbmin", 10, 0, UINT32_MAX, 0, NULL },
	[RMIDS] = { "rmids", 10, 1, UINT32_MAX, 0, NULL },
};

struct short_form {
	const char *text;
	unsigned int given;   /* BIT()s of keys */
	uint64_t value[KEYS]; /* of MB: enum rdt_mb_unit */
	struct isolat_error *err;
};

__attribute__((format(printf, 2, 3))) static int bad_form(const struct short_form *form, const char *format, ...)
{
	char reason[sizeof(form->err->reason)];
	va_list ap;

	va_start(ap, format);
	vsnprintf(reason, sizeof(reason), format, ap);
	va_end(ap);
	return isolat_fail(form->err, ISOLAT_USAGE, "read RDT capabilities", form->text, "%s", reason);
}

static int out_of_range(const struct short_form *form, enum key key, const char *value, uint64_t min, uint64_t max)
{
	const char *more = strlen(value) > SHOWN ? "..." : "";

	if (keys[key].base == 16)
		return bad_form(form, "%s: '%.*s%s' is not a hex number up to %" PRIx64, keys[key].name, SHOWN, value,
				more, max);
	return bad_form(form, "%s: '%.*s%s' is not a whole number from %" PRIu64 " to %" PRIu64, keys[key].name, SHOWN,
			value, more, min, max);
}

static int parse_value(struct short_form *form, enum key key, const char *value)
{
	uint64_t min = keys[key].min, max = keys[key].max;
	enum rdt_mb_unit unit;

	if (key == MB) {
		if (!rdt_mb_unit_find(value, &unit))
			return bad_form(form, "mb: '%.*s%s' is not percent, mbps or amd", SHOWN, value,
					strlen(value) > SHOWN ? "..." : "");
		form->value[MB] = unit;
		return 0;
	}
	if (!rdt_number(value, strlen(value), keys[key].base, max, &form->value[key]) || form->value[key] < min)
		return out_of_range(form, key, value, min, max);
	return 0;
}

static int parse_pair(struct short_form *form, char *pair)
{
	char *value = strchr(pair, '=');
	enum key key;

	if (!value)
		return bad_form(form, "'%.*s' is no KEY=VALUE", SHOWN, pair);
	*value++ = '\0';
	for (key = 0; key < KEYS && strcmp(pair, keys[key].name); key++)
		;
	if (key == KEYS)
		return bad_form(form, "'%.*s' is no key", SHOWN, pair);
	if (form->given & BIT(key))
		return bad_form(form, "%s: given twice", keys[key].name);
	form->given |= BIT(key);
	return parse_value(form, key, value);
}

static int split_pairs(struct short_form *form)
{
	char *copy = strdup(form->text), *at = copy, *pair;
	int rc = 0;

	if (!copy)
		return isolat_fail(form->err, ISOLAT_FAILED, "read RDT capabilities", form->text, "out of memory");
	while (!rc && (pair = strsep(&at, ",")))
		rc = parse_pair(form, pair);
	free(copy);
	return rc;
}

/* A value that other keys bound more tightly than its own range. */
static int check_bound(const struct short_form *form, enum key key, uint64_t min, uint64_t max)
{
	char value[24];

	if (!(form->given & BIT(key)) || (form->value[key] >= min && form->value[key] <= max))
		return 0;
	snprintf(value, sizeof(value), keys[key].base == 16 ? "%" PRIx64 : "%" PRIu64, form->value[key]);
	return out_of_range(form, key, value, min, max);
}

static int check_form(const struct short_form *form)
{
	enum rdt_mb_unit unit = (enum rdt_mb_unit)form->value[MB];
	uint64_t io = rdt_full_mask((unsigned int)form->value[L3WAYS]);

	for (enum key key = 0; key < KEYS; key++) {
		if (form->given & BIT(key) && keys[key].needs && !(form->given & keys[key].needs))
			return bad_form(form, "%s: needs %s", keys[key].name, keys[key].needed);
	}
	if (check_bound(form, L3MIN, 1, form->value[L3WAYS]) || check_bound(form, L3IO, 0, io) ||
	    check_bound(form, L2MIN, 1, form->value[L2WAYS]))
		return -1;
	if (check_bound(form, MBGRAN, 1, rdt_mb_unit_max(unit)))
		return -1;
	return check_bound(form, MBMIN, unit == RDT_MB_PERCENT, rdt_mb_unit_max(unit));
}

static unsigned int value_or(const struct short_form *form, enum key key, unsigned int otherwise)
{
	return form->given & BIT(key) ? (unsigned int)form->value[key] : otherwise;
}

static void fill_cache(const struct short_form *form, enum key ways, enum key min, struct rdt_cache_caps *cache)
{
	if (!(form->given & BIT(ways)))
		return;
	cache->present = true;
	cache->ways = value_or(form, ways, 0);
	cache->min_ways = value_or(form, min, 1);
	cache->cdp = cache->cdp_capable = value_or(form, CDP, 0);
	cache->sparse = value_or(form, SPARSE, 0);
}

static void fill(const struct short_form *form, struct rdt_caps *caps)
{
	unsigned int closids = value_or(form, CLOSIDS, value_or(form, CDP, 0) ? ANY_CLOSIDS / 2 : ANY_CLOSIDS);

	fill_cache(form, L3WAYS, L3MIN, &caps->l3);
	fill_cache(form, L2WAYS, L2MIN, &caps->l2);
	caps->l3.shareable = form->value[L3IO];
	if (caps->l3.present)
		caps->l3.closids = closids;
	if (caps->l2.present)
		caps->l2.closids = closids;
	if (form->given & BANDWIDTH) {
		bool percent = form->value[MB] == RDT_MB_PERCENT;

		caps->mb = (struct rdt_mb_caps){
			.present = true,
			.unit = (enum rdt_mb_unit)form->value[MB],
			.closids = closids,
			.gran = value_or(form, MBGRAN, percent ? PERCENT_GRAN : 1),
		};
		caps->mb.min = value_or(form, MBMIN, percent ? caps->mb.gran : 0);
		caps->mb.max = rdt_mb_unit_max(caps->mb.unit);
	}
	caps->monitoring = form->given & BIT(RMIDS);
	caps->rmids = value_or(form, RMIDS, 0);
}

int rdt_caps_parse(const char *text, struct rdt_caps *caps, struct isolat_error *err)
{
	struct short_form form = { .text = text, .value[MB] = RDT_MB_PERCENT, .err = err };

	*caps = (struct rdt_caps){ 0 };
	if (strcmp(text, "none")) {
		if (split_pairs(&form) || check_form(&form))
			return -1;
		fill(&form, caps);
	}
	rdt_caps_derive(caps);
	caps->source = strdup(text);
	if (!caps->source)
		return isolat_fail(err, ISOLAT_FAILED, "read RDT capabilities", text, "out of memory");
	return 0;
}
