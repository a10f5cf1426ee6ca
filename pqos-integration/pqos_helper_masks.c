// SPDX-License-Identifier: BSD-3-Clause
/* Masks and bandwidth of one class, as schemata. */
#include "pqos_helper_host.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- One domain of one resource ---- */

/* libpqos reads all classes at once. */
static int get_l3(const struct pqos_host *host, unsigned int cos, unsigned int id, struct pqos_l3ca *found)
{
	struct pqos_l3ca *all = calloc(host->l3->num_classes, sizeof(*all));
	unsigned int n = 0;
	int rc = all ? pqos_l3ca_get(id, host->l3->num_classes, &n, all) : PQOS_RETVAL_RESOURCE;

	if (rc == PQOS_RETVAL_OK && cos >= n)
		rc = PQOS_RETVAL_PARAM;
	if (rc == PQOS_RETVAL_OK)
		*found = all[cos];
	free(all);
	return rc;
}

static int get_l2(const struct pqos_host *host, unsigned int cos, unsigned int id, struct pqos_l2ca *found)
{
	struct pqos_l2ca *all = calloc(host->l2->num_classes, sizeof(*all));
	unsigned int n = 0;
	int rc = all ? pqos_l2ca_get(id, host->l2->num_classes, &n, all) : PQOS_RETVAL_RESOURCE;

	if (rc == PQOS_RETVAL_OK && cos >= n)
		rc = PQOS_RETVAL_PARAM;
	if (rc == PQOS_RETVAL_OK)
		*found = all[cos];
	free(all);
	return rc;
}

static int get_mb(const struct pqos_host *host, unsigned int cos, unsigned int id, struct pqos_mba *found)
{
	struct pqos_mba *all = calloc(host->mb->num_classes, sizeof(*all));
	unsigned int n = 0;
	int rc = all ? pqos_mba_get(id, host->mb->num_classes, &n, all) : PQOS_RETVAL_RESOURCE;

	if (rc == PQOS_RETVAL_OK && cos >= n)
		rc = PQOS_RETVAL_PARAM;
	if (rc == PQOS_RETVAL_OK)
		*found = all[cos];
	free(all);
	return rc;
}

static int set_l3(unsigned int cos, unsigned int id, bool cdp, uint64_t code, uint64_t data)
{
	struct pqos_l3ca ca = { .class_id = cos, .cdp = cdp };

	if (cdp) {
		ca.u.s.code_mask = code;
		ca.u.s.data_mask = data;
	} else {
		ca.u.ways_mask = data;
	}
	return pqos_l3ca_set(id, 1, &ca);
}

static int set_l2(unsigned int cos, unsigned int id, bool cdp, uint64_t code, uint64_t data)
{
	struct pqos_l2ca ca = { .class_id = cos, .cdp = cdp };

	if (cdp) {
		ca.u.s.code_mask = code;
		ca.u.s.data_mask = data;
	} else {
		ca.u.ways_mask = data;
	}
	return pqos_l2ca_set(id, 1, &ca);
}

/*
 * libpqos makes 4294967290 of the 4294967295 MB/s with which the kernel begins: its largest multiple of the step. What
 * was there before could not be put back then, so this one value goes to the kernel directly.
 */
static int set_unlimited(unsigned int cos, unsigned int id)
{
	char path[64], line[32];
	int length = snprintf(line, sizeof(line), "MB:%u=%" PRIu64 "\n", id, rdt_mb_unit_max(RDT_MB_MBPS)), fd;
	ssize_t n;

	if (cos)
		snprintf(path, sizeof(path), LIBPQOS_ROOT "/COS%u/schemata", cos);
	else
		snprintf(path, sizeof(path), LIBPQOS_ROOT "/schemata");
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return PQOS_RETVAL_ERROR;
	n = write(fd, line, (size_t)length);
	close(fd);
	return n == length ? PQOS_RETVAL_OK : PQOS_RETVAL_ERROR;
}

/*
 * "ctrl" is libpqos's for "not in percent": of AMD's units too, if they come from resctrl. It must be what libpqos has
 * found out itself; where it found out nothing (-1: all classes were in use) it takes either.
 */
static int set_mb(const struct pqos_host *host, unsigned int cos, unsigned int id, uint64_t value)
{
	bool ctrl = host->mb->ctrl_on < 0 ? host->unit != RDT_MB_PERCENT : host->mb->ctrl_on;
	struct pqos_mba mba = { .class_id = cos, .mb_max = (unsigned int)value, .ctrl = ctrl };

	if (host->unit == RDT_MB_MBPS && value == rdt_mb_unit_max(RDT_MB_MBPS))
		return set_unlimited(cos, id);
	return pqos_mba_set(id, 1, &mba, NULL);
}

/* ---- Reading ---- */

static void add(struct rdt_schemata *s, enum rdt_schema schema, unsigned int id, uint64_t value)
{
	struct rdt_group_masks *line = &s->line[schema];
	unsigned int at = line->n++;

	s->present[schema] = true;
	/* libpqos's ids come as its CPUs do. */
	for (; at && line->domain[at - 1] > id; at--) {
		line->domain[at] = line->domain[at - 1];
		line->value[at] = line->value[at - 1];
	}
	line->domain[at] = id;
	line->value[at] = value;
}

static int read_l3(const struct pqos_host *host, unsigned int cos, struct rdt_schemata *s)
{
	struct pqos_l3ca ca;

	for (unsigned int i = 0; i < host->l3_ids.n; i++) {
		unsigned int id = host->l3_ids.id[i];
		int rc = get_l3(host, cos, id, &ca);

		if (rc != PQOS_RETVAL_OK)
			return rc;
		if (ca.cdp)
			add(s, RDT_SCHEMA_L3CODE, id, ca.u.s.code_mask);
		add(s, ca.cdp ? RDT_SCHEMA_L3DATA : RDT_SCHEMA_L3, id, ca.cdp ? ca.u.s.data_mask : ca.u.ways_mask);
	}
	return PQOS_RETVAL_OK;
}

static int read_l2(const struct pqos_host *host, unsigned int cos, struct rdt_schemata *s)
{
	struct pqos_l2ca ca;

	for (unsigned int i = 0; i < host->l2_ids.n; i++) {
		unsigned int id = host->l2_ids.id[i];
		int rc = get_l2(host, cos, id, &ca);

		if (rc != PQOS_RETVAL_OK)
			return rc;
		if (ca.cdp)
			add(s, RDT_SCHEMA_L2CODE, id, ca.u.s.code_mask);
		add(s, ca.cdp ? RDT_SCHEMA_L2DATA : RDT_SCHEMA_L2, id, ca.cdp ? ca.u.s.data_mask : ca.u.ways_mask);
	}
	return PQOS_RETVAL_OK;
}

static int read_mb(const struct pqos_host *host, unsigned int cos, struct rdt_schemata *s)
{
	struct pqos_mba mba;

	for (unsigned int i = 0; i < host->mb_ids.n; i++) {
		int rc = get_mb(host, cos, host->mb_ids.id[i], &mba);

		if (rc != PQOS_RETVAL_OK)
			return rc;
		add(s, RDT_SCHEMA_MB, host->mb_ids.id[i], mba.mb_max);
	}
	return PQOS_RETVAL_OK;
}

/* Whether schemata can hold their ids. */
static bool are_small(const struct pqos_ids *ids)
{
	for (unsigned int i = 0; i < ids->n; i++) {
		if (ids->id[i] >= RDT_MAX_DOMAINS)
			return false;
	}
	return ids->n <= RDT_MAX_DOMAINS;
}

int pqos_host_read(const struct pqos_host *host, unsigned int cos, struct rdt_schemata *s, struct isolat_error *err)
{
	int rc;

	*s = (struct rdt_schemata){ 0 };
	if (!are_small(&host->l3_ids) || !are_small(&host->l2_ids) || !are_small(&host->mb_ids))
		return isolat_fail(err, ISOLAT_UNSUPPORTED, "read schemata", NULL, "a domain's id is 256 or more");
	pqos_host_hush();
	rc = read_l3(host, cos, s);
	if (rc == PQOS_RETVAL_OK)
		rc = read_l2(host, cos, s);
	if (rc == PQOS_RETVAL_OK)
		rc = read_mb(host, cos, s);
	return rc == PQOS_RETVAL_OK ? 0 : pqos_host_fail(host, "read schemata", cos, rc, err);
}

/* ---- What may be written ---- */

static bool is_code(enum rdt_schema schema)
{
	return schema == RDT_SCHEMA_L3CODE || schema == RDT_SCHEMA_L2CODE;
}

static bool is_l3(enum rdt_schema schema)
{
	return schema <= RDT_SCHEMA_L3DATA;
}

static bool is_bandwidth(enum rdt_schema schema)
{
	return schema == RDT_SCHEMA_MB || schema == RDT_SCHEMA_SMBA;
}

static int bad_value(enum rdt_schema schema, unsigned int domain, const char *why, struct isolat_error *err)
{
	return isolat_fail(err, ISOLAT_FAILED, "write schemata", NULL, "%s, domain %u: %s", rdt_schema_name(schema),
			   domain, why);
}

static int check_mask(const struct pqos_host *host, enum rdt_schema schema, unsigned int domain, uint64_t mask,
		      struct isolat_error *err)
{
	unsigned int ways = is_l3(schema) ? host->l3->num_ways : host->l2->num_ways, min = 1;
	uint64_t run = mask ? mask >> __builtin_ctzll(mask) : 0;

	if (is_l3(schema))
		pqos_l3ca_get_min_cbm_bits(&min);
	else
		pqos_l2ca_get_min_cbm_bits(&min);
	if (!mask || mask & ~rdt_full_mask(ways))
		return bad_value(schema, domain, "the mask is empty, or has more ways than there are", err);
	if (run & (run + 1))
		return bad_value(schema, domain, "libpqos takes masks without gaps only", err);
	if ((unsigned int)__builtin_popcountll(mask) < min)
		return bad_value(schema, domain, "the mask has too few ways", err);
	return 0;
}

static int check_bandwidth(const struct pqos_host *host, unsigned int domain, uint64_t value, struct isolat_error *err)
{
	uint64_t min = host->unit == RDT_MB_PERCENT ? 100 - host->mb->throttle_max : 0;

	if (value < min || value > rdt_mb_unit_max(host->unit))
		return bad_value(RDT_SCHEMA_MB, domain, "the bandwidth is out of range", err);
	return 0;
}

/* Percent are rounded up, as the kernel does: libpqos would round to the nearest. */
static uint64_t rounded(const struct pqos_host *host, uint64_t percent)
{
	unsigned int step = host->mb->throttle_step;

	if (host->unit != RDT_MB_PERCENT || !step)
		return percent;
	return (percent + step - 1) / step * step;
}

/* Checks all of @changes, of resources and domains that @wanted has, and puts them over it. */
static int plan(const struct pqos_host *host, const struct rdt_schemata *changes, struct rdt_schemata *wanted,
		struct isolat_error *err)
{
	struct rdt_schemata exact = *changes;

	for (enum rdt_schema schema = 0; schema < RDT_SCHEMAS; schema++) {
		struct rdt_group_masks *line = &exact.line[schema];

		if (line->n && !wanted->present[schema])
			return bad_value(schema, line->domain[0], "libpqos has no such resource here", err);
		for (unsigned int i = 0; i < line->n; i++) {
			uint64_t *value = &line->value[i];

			if (is_bandwidth(schema) ? check_bandwidth(host, line->domain[i], *value, err)
						 : check_mask(host, schema, line->domain[i], *value, err))
				return -1;
			if (is_bandwidth(schema))
				*value = rounded(host, *value);
		}
	}
	if (!rdt_schemata_merge(wanted, &exact))
		return isolat_fail(err, ISOLAT_FAILED, "write schemata", NULL, "a domain in it is not there");
	return 0;
}

/* ---- Writing ---- */

/* The other half of a cache with CDP; no mask without. */
static uint64_t code_of(const struct rdt_schemata *s, enum rdt_schema data, unsigned int i)
{
	if (data == RDT_SCHEMA_L3DATA)
		return s->line[RDT_SCHEMA_L3CODE].value[i];
	return data == RDT_SCHEMA_L2DATA ? s->line[RDT_SCHEMA_L2CODE].value[i] : 0;
}

static int apply_domain(const struct pqos_host *host, unsigned int cos, enum rdt_schema schema, unsigned int i,
			const struct rdt_schemata *to)
{
	unsigned int domain = to->line[schema].domain[i];
	uint64_t value = to->line[schema].value[i], code = code_of(to, schema, i);

	if (is_bandwidth(schema))
		return set_mb(host, cos, domain, value);
	if (is_l3(schema))
		return set_l3(cos, domain, schema == RDT_SCHEMA_L3DATA, code, value);
	return set_l2(cos, domain, schema == RDT_SCHEMA_L2DATA, code, value);
}

/* Makes @to of @from, where they differ. Both have the same resources and domains. */
static int apply(const struct pqos_host *host, unsigned int cos, const struct rdt_schemata *from,
		 const struct rdt_schemata *to)
{
	for (enum rdt_schema schema = 0; schema < RDT_SCHEMAS; schema++) {
		if (is_code(schema))
			continue; /* goes with the data */
		for (unsigned int i = 0; i < to->line[schema].n; i++) {
			int rc;

			if (to->line[schema].value[i] == from->line[schema].value[i] &&
			    code_of(to, schema, i) == code_of(from, schema, i))
				continue;
			rc = apply_domain(host, cos, schema, i, to);
			if (rc != PQOS_RETVAL_OK)
				return rc;
		}
	}
	return PQOS_RETVAL_OK;
}

static int change(const struct pqos_host *host, unsigned int cos, const struct rdt_schemata *from,
		  const struct rdt_schemata *to, struct isolat_error *err)
{
	struct rdt_schemata now;
	struct isolat_error ignored;
	int rc;

	pqos_host_hush();
	rc = apply(host, cos, from, to);
	if (rc == PQOS_RETVAL_OK)
		return 0;
	pqos_host_fail(host, "write schemata", cos, rc, err);
	/* All or nothing, as far as that goes. */
	if (pqos_host_read(host, cos, &now, &ignored) || apply(host, cos, &now, from) != PQOS_RETVAL_OK)
		isolat_hint(err, "what was written before it could not be taken back: COS%u holds some of it", cos);
	return -1;
}

int pqos_host_write(const struct pqos_host *host, unsigned int cos, const struct rdt_schemata *changes,
		    struct isolat_error *err)
{
	struct rdt_schemata now, wanted;

	if (pqos_host_read(host, cos, &now, err))
		return -1;
	wanted = now;
	if (plan(host, changes, &wanted, err))
		return -1;
	return change(host, cos, &now, &wanted, err);
}

/* ---- Everything ---- */

static uint64_t all_of(const struct pqos_host *host, enum rdt_schema schema)
{
	if (is_bandwidth(schema))
		return rdt_mb_unit_max(host->unit);
	return rdt_full_mask(is_l3(schema) ? host->l3->num_ways : host->l2->num_ways);
}

int pqos_host_fill(const struct pqos_host *host, unsigned int cos, struct isolat_error *err)
{
	struct rdt_schemata now, all;

	if (pqos_host_read(host, cos, &now, err))
		return -1;
	all = now;
	for (enum rdt_schema schema = 0; schema < RDT_SCHEMAS; schema++) {
		for (unsigned int i = 0; i < all.line[schema].n; i++)
			all.line[schema].value[i] = all_of(host, schema);
	}
	return change(host, cos, &now, &all, err);
}
