// SPDX-License-Identifier: BSD-3-Clause
#include "profile_values.h"

#include <stdarg.h>
#include <string.h>
#include <strings.h>

#define DIGITS "0123456789"

int profile_refuse(struct profile_why *why, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(why->reason, sizeof(why->reason), format, ap);
	va_end(ap);
	why->hint[0] = '\0';
	return -1;
}

struct profile_quoted profile_quote(const char *text)
{
	struct profile_quoted quoted;
	size_t length = strlen(text), shown = length;

	if (length > sizeof(quoted.text) - 3) {
		shown = sizeof(quoted.text) - 6;
		while (shown && ((unsigned char)text[shown] & 0xc0) == 0x80)
			shown--; /* do not cut a character of UTF-8 */
	}
	snprintf(quoted.text, sizeof(quoted.text), "'%.*s%s'", (int)shown, text, shown < length ? "..." : "");
	return quoted;
}

#define Q(word) (profile_quote(word).text)

/* ---- Words --------------------------------------------------------------------------------------------------------*/

#define MAX_WORD 31

/* Insertions, deletions and replacements from one to the other; a change of case is free. */
static unsigned int distance(const char *from, const char *to)
{
	size_t n = strlen(from), m = strlen(to);
	unsigned int row[MAX_WORD + 1];

	if (n > MAX_WORD || m > MAX_WORD)
		return MAX_WORD;
	for (unsigned int j = 0; j <= m; j++)
		row[j] = j;
	for (size_t i = 1; i <= n; i++) {
		unsigned int diagonal = row[0];

		row[0] = (unsigned int)i;
		for (size_t j = 1; j <= m; j++) {
			unsigned int best = diagonal + !!strncasecmp(from + i - 1, to + j - 1, 1);

			diagonal = row[j];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
		}
	}
	return row[m];
}

const char *profile_nearest(const char *text, const char *const *words)
{
	size_t length = strlen(text);
	unsigned int least = length < 3 ? 1 : length < 6 ? 2 : 3;
	const char *nearest = NULL;

	for (; *words; words++) {
		unsigned int d = distance(text, *words);

		if (d >= least + !nearest || 2 * d > strlen(*words))
			continue;
		least = d;
		nearest = *words;
	}
	return nearest;
}

void profile_hint_words(const char *text, const char *const *words, char *hint, size_t size)
{
	const char *nearest = profile_nearest(text, words);
	size_t used;

	if (nearest) {
		snprintf(hint, size, "did you mean '%s'?", nearest);
		return;
	}
	used = (size_t)snprintf(hint, size, "there is: ");
	for (unsigned int i = 0; words[i]; i++) {
		bool fits = used + strlen(words[i]) + sizeof(", , ...") <= size;

		used += (size_t)snprintf(hint + used, size - used, "%s%s", i ? ", " : "", fits ? words[i] : "...");
		if (!fits)
			break;
	}
}

int profile_word(const char *text, const char *const *words, unsigned int *index, struct profile_why *why)
{
	for (*index = 0; words[*index]; ++*index) {
		if (!strcmp(text, words[*index]))
			return 0;
	}
	profile_refuse(why, *text ? "%s is unknown" : "the value is empty", Q(text));
	profile_hint_words(text, words, why->hint, sizeof(why->hint));
	return -1;
}

int profile_bool(const char *text, bool *value, struct profile_why *why)
{
	static const char *const words[] = { "yes", "no", "true", "false", NULL };
	unsigned int index;

	if (profile_word(text, words, &index, why)) {
		snprintf(why->hint, sizeof(why->hint), "yes, no, true or false");
		return -1;
	}
	*value = !(index % 2);
	return 0;
}

/* ---- Numbers ------------------------------------------------------------------------------------------------------*/

/* whole + thousandths/1000, and what follows. A number that is too large for whole is UINT64_MAX: above every limit. */
struct number {
	uint64_t whole;
	unsigned int thousandths;
	const char *rest;
};

static int refuse_number(const char *text, const char *sort, struct profile_why *why)
{
	if (!*text)
		return profile_refuse(why, "the value is empty");
	if (*text == '-' || *text == '+')
		return profile_refuse(why, "%s has a sign", Q(text));
	return profile_refuse(why, "%s is not a %s", Q(text), sort);
}

static int scan_whole(const char *text, struct number *number, const char *sort, struct profile_why *why)
{
	size_t digits = strspn(text, DIGITS);

	*number = (struct number){ .rest = text + digits };
	if (!digits)
		return refuse_number(text, sort, why);
	if (digits > 1 && *text == '0') {
		profile_refuse(why, "%s begins with a 0", Q(text));
		snprintf(why->hint, sizeof(why->hint), "numbers are decimal, without leading zeros");
		return -1;
	}
	for (size_t i = 0; i < digits; i++) {
		if (__builtin_mul_overflow(number->whole, 10, &number->whole) ||
		    __builtin_add_overflow(number->whole, (uint64_t)(text[i] - '0'), &number->whole)) {
			number->whole = UINT64_MAX;
			break;
		}
	}
	return 0;
}

static int scan_decimal(const char *text, struct number *number, struct profile_why *why)
{
	static const unsigned int scale[] = { 0, 100, 10, 1 };
	size_t decimals;

	if (scan_whole(text, number, "decimal number with a unit", why))
		return -1;
	if (*number->rest != '.')
		return 0;
	decimals = strspn(++number->rest, DIGITS);
	if (!decimals)
		return refuse_number(text, "decimal number with a unit", why);
	if (decimals >= sizeof(scale) / sizeof(*scale))
		return profile_refuse(why, "%s has more than three decimals", Q(text));
	for (size_t i = 0; i < decimals; i++)
		number->thousandths = 10 * number->thousandths + (unsigned int)(number->rest[i] - '0');
	number->thousandths *= scale[decimals];
	number->rest += decimals;
	return 0;
}

int profile_integer(const char *text, unsigned int min, unsigned int max, unsigned int *value, struct profile_why *why)
{
	static const char sort[] = "whole decimal number";
	struct number number;

	if (scan_whole(text, &number, sort, why))
		return -1;
	if (*number.rest)
		return refuse_number(text, sort, why);
	if (number.whole < min || number.whole > max)
		return profile_refuse(why, "%s is not from %u to %u", Q(text), min, max);
	*value = (unsigned int)number.whole;
	return 0;
}

/* ---- Quantities ---------------------------------------------------------------------------------------------------*/

enum { OF_MEMORY = 1, OF_CACHE = 2, OF_BANDWIDTH = 4 };

static const struct unit {
	const char *name;
	unsigned int of;
	enum profile_unit unit;
	uint64_t scale;
} units[] = {
	{ "ways", OF_CACHE, PROFILE_WAYS, 1 },
	{ "way", OF_CACHE, PROFILE_WAYS, 1 },
	{ "%", OF_CACHE | OF_BANDWIDTH, PROFILE_PERCENT, 1000 },
	{ "B", OF_CACHE | OF_MEMORY, PROFILE_BYTES, 1 },
	{ "KiB", OF_CACHE | OF_MEMORY, PROFILE_BYTES, 1ULL << 10 },
	{ "MiB", OF_CACHE | OF_MEMORY, PROFILE_BYTES, 1ULL << 20 },
	{ "GiB", OF_CACHE | OF_MEMORY, PROFILE_BYTES, 1ULL << 30 },
	{ "TiB", OF_CACHE | OF_MEMORY, PROFILE_BYTES, 1ULL << 40 },
	{ "KB", OF_CACHE | OF_MEMORY, PROFILE_BYTES, 1000ULL },
	{ "MB", OF_CACHE | OF_MEMORY, PROFILE_BYTES, 1000ULL * 1000 },
	{ "GB", OF_CACHE | OF_MEMORY, PROFILE_BYTES, 1000ULL * 1000 * 1000 },
	{ "TB", OF_CACHE | OF_MEMORY, PROFILE_BYTES, 1000ULL * 1000 * 1000 * 1000 },
	{ "MB/s", OF_BANDWIDTH, PROFILE_MBPS, 1 },
	{ "GB/s", OF_BANDWIDTH, PROFILE_MBPS, 1000 },
};

#define N_UNITS (sizeof(units) / sizeof(*units))

static void refuse_unit(const char *text, const char *name, unsigned int of, struct profile_why *why)
{
	const char *words[N_UNITS + 1];
	unsigned int n = 0;

	if (*name == ' ' || *name == '\t') {
		profile_refuse(why, "%s has more than one blank, or a tab, before the unit", Q(text));
		return;
	}
	profile_refuse(why, *name ? "%s has an unknown unit" : "%s has no unit", Q(text));
	for (const struct unit *unit = units; unit < units + N_UNITS; unit++) {
		if (unit->of & of)
			words[n++] = unit->name;
	}
	words[n] = NULL;
	/* "M" and "Mi" are near to nothing in particular: list. */
	profile_hint_words(strlen(name) < 3 ? "" : name, words, why->hint, sizeof(why->hint));
}

static const struct unit *find_unit(const char *text, const char *name, unsigned int of, struct profile_why *why)
{
	name += *name == ' ';
	for (const struct unit *unit = units; unit < units + N_UNITS; unit++) {
		if ((unit->of & of) && !strcmp(name, unit->name))
			return unit;
	}
	refuse_unit(text, name, of, why);
	return NULL;
}

static const struct limit {
	uint64_t max;
	const char *above, *below, *whole;
} limits[] = {
	[PROFILE_WAYS] = { PROFILE_MAX_WAYS, "64 ways", "1 way", "ways" },
	[PROFILE_PERCENT] = { PROFILE_PERCENT_100, "100 %", NULL, NULL },
	[PROFILE_BYTES] = { PROFILE_MAX_BYTES, "4194304 TiB", "1 B", "bytes" },
	[PROFILE_MBPS] = { PROFILE_MAX_MBPS, "4000 GB/s", "1 MB/s", "MB/s" },
};

static int quantity(const char *text, unsigned int of, struct profile_amount *amount, struct profile_why *why)
{
	const struct unit *unit;
	const struct limit *limit;
	struct number number;
	uint64_t value, part;

	if (scan_decimal(text, &number, why))
		return -1;
	unit = find_unit(text, number.rest, of, why);
	if (!unit)
		return -1;
	limit = &limits[unit->unit];
	if (number.whole > limit->max / unit->scale)
		return profile_refuse(why, "%s is above %s", Q(text), limit->above);
	value = number.whole * unit->scale;
	part = number.thousandths * unit->scale;
	if (part % 1000)
		return profile_refuse(why, "%s is no whole number of %s", Q(text), limit->whole);
	value += part / 1000;
	if (value > limit->max)
		return profile_refuse(why, "%s is above %s", Q(text), limit->above);
	if (!value && limit->below)
		return profile_refuse(why, "%s is below %s", Q(text), limit->below);
	if (!value)
		return profile_refuse(why, "%s is not above 0 %%", Q(text));
	amount->unit = unit->unit;
	amount->value = value;
	return 0;
}

int profile_bytes(const char *text, uint64_t min, uint64_t *value, struct profile_why *why)
{
	struct profile_amount amount;

	if (quantity(text, OF_MEMORY, &amount, why))
		return -1;
	if (amount.value < min)
		return profile_refuse(why, "%s is below %llu MiB", Q(text), (unsigned long long)min >> 20);
	*value = amount.value;
	return 0;
}

int profile_cache(const char *text, struct profile_amount *amount, struct profile_why *why)
{
	return quantity(text, OF_CACHE, amount, why);
}

int profile_bandwidth(const char *text, struct profile_amount *amount, struct profile_why *why)
{
	return quantity(text, OF_BANDWIDTH, amount, why);
}

/* ---- Texts --------------------------------------------------------------------------------------------------------*/

static int check_length(const char *text, size_t max, struct profile_why *why)
{
	if (!*text)
		return profile_refuse(why, "the value is empty");
	if (strlen(text) > max)
		return profile_refuse(why, "%s is longer than %zu bytes", Q(text), max);
	return 0;
}

int profile_check_name(const char *text, struct profile_why *why)
{
	static const char good[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz" DIGITS "._-";

	if (check_length(text, PROFILE_MAX_NAME, why))
		return -1;
	if (*text == '.' || *text == '-')
		return profile_refuse(why, "%s begins with '%c'", Q(text), *text);
	if (text[strspn(text, good)]) {
		profile_refuse(why, "%s is not a name", Q(text));
		snprintf(why->hint, sizeof(why->hint), "letters A-Z and a-z, digits, '.', '_' and '-'");
		return -1;
	}
	return 0;
}

static bool has_control(const char *text)
{
	for (; *text; text++) {
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			return true;
	}
	return false;
}

int profile_check_text(const char *text, struct profile_why *why)
{
	if (check_length(text, PROFILE_MAX_TEXT, why))
		return -1;
	return has_control(text) ? profile_refuse(why, "%s has a control character", Q(text)) : 0;
}

int profile_check_cgroup(const char *text, struct profile_why *why)
{
	if (check_length(text, PROFILE_MAX_PATH, why))
		return -1;
	if (has_control(text))
		return profile_refuse(why, "%s has a control character", Q(text));
	for (const char *part = text;; part++) {
		size_t length = strcspn(part, "/");

		if (!length)
			return profile_refuse(why, "%s has a slash too many", Q(text));
		if (*part == '.' && (length == 1 || (length == 2 && part[1] == '.')))
			return profile_refuse(why, "%s has a part '%.*s'", Q(text), (int)length, part);
		part += length;
		if (!*part)
			return 0;
	}
}

static int refuse_cpus(const char *text, struct profile_why *why)
{
	profile_refuse(why, "%s is not a list of CPUs", Q(text));
	snprintf(why->hint, sizeof(why->hint), "ascending numbers and ranges up to %d, as in 0-1,8", PROFILE_MAX_CPU);
	return -1;
}

/* Ascending, lest a slip such as "8-1" or "1,1" be taken for a wish. */
int profile_check_cpus(const char *text, struct profile_why *why)
{
	struct number number;
	uint64_t next = 0; /* the least CPU that may follow */
	bool range = false;

	if (check_length(text, PROFILE_MAX_PATH, why))
		return -1;
	for (const char *at = text;; at = number.rest + 1) {
		struct profile_why ignored;

		if (scan_whole(at, &number, "", &ignored) || number.whole < next || number.whole > PROFILE_MAX_CPU)
			return refuse_cpus(text, why);
		next = number.whole + 1;
		if (!*number.rest)
			return 0;
		if (*number.rest != ',' && (*number.rest != '-' || range))
			return refuse_cpus(text, why);
		range = *number.rest == '-';
	}
}
