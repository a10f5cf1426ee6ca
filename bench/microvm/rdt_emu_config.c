// SPDX-License-Identifier: BSD-3-Clause
#include "rdt_emu_config.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define READ_ENV      "read the environment"
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define PREFIX	      "ISOLAT_RDT_"
#define FEATURES      "ISOLAT_RDT_FEATURES"

/* Defaults after a Xeon of the third generation and an EPYC of the third. */
static const struct rdt_config intel_defaults = {
	.vendor = RDT_INTEL,
	.features = RDT_L3 | RDT_MBA | RDT_CMT | RDT_MBM,
	.l3_ways = 11,
	.l3_io_ways = 2,
	.l3_way_bytes = 2 << 20,
	.l2_ways = 8,
	.l3_closids = 16,
	.l2_closids = 16,
	.mba_closids = 16,
	.mba_max = 90,
	.mba_len = 11,
	.rmids = 64,
	.upscale = 65536,
	.counter_bits = 32,
};

static const struct rdt_config amd_defaults = {
	.vendor = RDT_AMD,
	.features = RDT_L3 | RDT_MBA | RDT_CMT | RDT_MBM,
	.l3_ways = 16,
	.l3_io_ways = 0,
	.l3_way_bytes = 2 << 20,
	.l2_ways = 8,
	.l3_closids = 16,
	.l2_closids = 16,
	.mba_closids = 16,
	.mba_max = 90,
	.mba_len = 11,
	.rmids = 64,
	.upscale = 64,
	.counter_bits = 44, /* Linux assumes it, whatever CPUID says */
};

/* The kernel refuses masks and limits outside of these, or the state file has no room for more. */
static const struct number {
	const char *name;
	size_t offset;
	uint64_t min, max, unit;
} numbers[] = {
	{ "ISOLAT_RDT_WAYS", offsetof(struct rdt_config, l3_ways), 2, RDT_MAX_WAYS, 1 },
	{ "ISOLAT_RDT_IO_WAYS", offsetof(struct rdt_config, l3_io_ways), 0, RDT_MAX_WAYS, 1 },
	{ "ISOLAT_RDT_WAY_KIB", offsetof(struct rdt_config, l3_way_bytes), 64, 65536, 1024 },
	{ "ISOLAT_RDT_L2_WAYS", offsetof(struct rdt_config, l2_ways), 2, RDT_MAX_WAYS, 1 },
	{ "ISOLAT_RDT_CLOSIDS", offsetof(struct rdt_config, l3_closids), 2, RDT_MAX_CLOSIDS, 1 },
	{ "ISOLAT_RDT_L2_CLOSIDS", offsetof(struct rdt_config, l2_closids), 2, RDT_MAX_CLOSIDS, 1 },
	{ "ISOLAT_RDT_MBA_CLOSIDS", offsetof(struct rdt_config, mba_closids), 2, RDT_MAX_CLOSIDS, 1 },
	{ "ISOLAT_RDT_MBA_MAX", offsetof(struct rdt_config, mba_max), 10, 99, 1 },
	{ "ISOLAT_RDT_MBA_LEN", offsetof(struct rdt_config, mba_len), 4, 20, 1 },
	{ "ISOLAT_RDT_RMIDS", offsetof(struct rdt_config, rmids), 2, RDT_MAX_RMIDS, 1 },
	{ "ISOLAT_RDT_UPSCALE", offsetof(struct rdt_config, upscale), 1, 1 << 20, 1 },
	{ "ISOLAT_RDT_COUNTER_BITS", offsetof(struct rdt_config, counter_bits), 24, 62, 1 },
};

static int read_number(struct rdt_config *cfg, const struct number *n, const char *text, struct isolat_error *err)
{
	uint64_t value;
	char *end;

	errno = 0;
	value = strtoull(text, &end, 0);
	if (errno || end == text || *end || *text == '-' || value < n->min || value > n->max)
		return isolat_fail(err, ISOLAT_USAGE, READ_ENV, n->name, "'%s' is no number from %llu to %llu", text,
				   (unsigned long long)n->min, (unsigned long long)n->max);
	*(uint64_t *)((char *)cfg + n->offset) = value * n->unit;
	return 0;
}

static int read_features(struct rdt_config *cfg, const char *text, struct isolat_error *err)
{
	uint64_t bit, found = 0;

	cfg->features = 0;
	while (*text) {
		size_t len = strcspn(text, ",+");

		for (bit = 1, found = 0; bit <= RDT_NONCONT; bit <<= 1) {
			const char *name = rdt_feature_name(bit);

			if (strlen(name) == len && !strncmp(text, name, len))
				found = bit;
		}
		if (!found)
			return isolat_fail(err, ISOLAT_USAGE, READ_ENV, FEATURES, "no feature '%.*s'", (int)len, text);
		cfg->features |= found;
		text += len + (text[len] != '\0');
	}
	return 0;
}

/* Whether @key (of @len characters) means @name: in any case, and with or without the prefix. */
static int means(const char *name, const char *key, size_t len)
{
	const char *bare = name + strlen(PREFIX);

	return (strlen(name) == len && !strncasecmp(name, key, len)) ||
	       (strlen(bare) == len && !strncasecmp(bare, key, len));
}

static int read_option(struct rdt_config *cfg, const char *option, struct isolat_error *err)
{
	const char *value = strchr(option, '=');
	size_t len = value ? (size_t)(value - option) : 0, i;

	if (len && means(FEATURES, option, len))
		return read_features(cfg, value + 1, err);
	for (i = 0; len && i < ARRAY_SIZE(numbers); i++) {
		if (means(numbers[i].name, option, len))
			return read_number(cfg, &numbers[i], value + 1, err);
	}
	return isolat_fail(err, ISOLAT_USAGE, READ_ENV, "ISOLAT_RDT_OPTIONS", "no option '%s'", option);
}

static int read_options(struct rdt_config *cfg, const char *text, struct isolat_error *err)
{
	char *copy = strdup(text), *rest = copy, *option;
	int ret = 0;

	if (!copy)
		return isolat_fail(err, ISOLAT_FAILED, READ_ENV, "ISOLAT_RDT_OPTIONS", "%s", strerror(errno));
	while (!ret && (option = strsep(&rest, ", ")))
		ret = *option ? read_option(cfg, option, err) : 0;
	free(copy);
	return ret;
}

static int check(const struct rdt_config *cfg, struct isolat_error *err)
{
	uint64_t sets = cfg->l3_way_bytes / 64;

	if (cfg->l3_io_ways > cfg->l3_ways)
		return isolat_fail(err, ISOLAT_USAGE, READ_ENV, "ISOLAT_RDT_IO_WAYS", "more than there are ways");
	if (sets & (sets - 1))
		return isolat_fail(err, ISOLAT_USAGE, READ_ENV, "ISOLAT_RDT_WAY_KIB", "not a power of two");
	if (cfg->vendor == RDT_INTEL && cfg->features & RDT_SMBA)
		return isolat_fail(err, ISOLAT_USAGE, READ_ENV, FEATURES, "smba is AMD's");
	if (cfg->vendor == RDT_AMD && cfg->features & RDT_NONCONT)
		return isolat_fail(err, ISOLAT_USAGE, READ_ENV, FEATURES,
				   "noncont is Intel's; AMD's masks are always so");
	return 0;
}

int rdt_config_from_env(struct rdt_config *cfg, rdt_getenv_fn get, struct isolat_error *err)
{
	const char *text = get("ISOLAT_RDT_VENDOR");
	size_t i;

	if (!text || !strcmp(text, "intel"))
		*cfg = intel_defaults;
	else if (!strcmp(text, "amd"))
		*cfg = amd_defaults;
	else
		return isolat_fail(err, ISOLAT_USAGE, READ_ENV, "ISOLAT_RDT_VENDOR", "'%s' is neither intel nor amd",
				   text);
	text = get("ISOLAT_RDT_OPTIONS");
	if (text && read_options(cfg, text, err))
		return -1;
	text = get(FEATURES);
	if (text && read_features(cfg, text, err))
		return -1;
	for (i = 0; i < ARRAY_SIZE(numbers); i++) {
		text = get(numbers[i].name);
		if (text && read_number(cfg, &numbers[i], text, err))
			return -1;
	}
	return check(cfg, err);
}
