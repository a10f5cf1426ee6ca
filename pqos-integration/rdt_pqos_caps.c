// SPDX-License-Identifier: BSD-3-Clause
/* What a host can do, by libpqos's engines: resctrl's own words where it is mounted, libpqos's over MSRs. */
#include "rdt_pqos.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void limit(unsigned int *closids, unsigned int most)
{
	if (*closids > most)
		*closids = most;
}

/* What libpqos has no means for is not there. */
static void leave_out(struct rdt_caps *caps, unsigned int classes)
{
	caps->smba = (struct rdt_mb_caps){ 0 };
	caps->default_group.smba.n = 0;
	for (unsigned int i = 0; i < caps->n_groups; i++)
		caps->groups[i].smba.n = 0;
	caps->l3.sparse = caps->l2.sparse = false;
	caps->monitoring = false;
	caps->rmids = 0;
	limit(&caps->l3.closids, classes);
	limit(&caps->l2.closids, classes);
	limit(&caps->mb.closids, classes);
	rdt_caps_derive(caps);
}

static int compare_groups(const void *a, const void *b)
{
	return strcmp(((const struct rdt_group *)a)->name, ((const struct rdt_group *)b)->name);
}

static void sort_groups(struct rdt_caps *caps)
{
	if (caps->n_groups)
		qsort(caps->groups, caps->n_groups, sizeof(caps->groups[0]), compare_groups);
}

/* The name that a folder COSn stands for; NULL for those that stand for none. */
static const char *name_of_folder(const struct pqos_record *r, const char *folder)
{
	char exact[16];

	for (int cos = 1; cos < PQOS_MAX_CLASSES; cos++) {
		snprintf(exact, sizeof(exact), "COS%d", cos);
		if (*r->name[cos] && !strcmp(exact, folder))
			return r->name[cos];
	}
	return NULL;
}

static int read_resctrl(struct rdt_pqos *p, struct rdt_caps *caps, struct isolat_error *err)
{
	unsigned int kept = 0;

	if (rdt_caps_read_with(p->root, p->proc, caps, err))
		return -1;
	for (unsigned int i = 0; i < caps->n_groups; i++) {
		const char *name = name_of_folder(&p->record, caps->groups[i].name);

		if (!name)
			continue;
		if (kept != i)
			caps->groups[kept] = caps->groups[i];
		snprintf(caps->groups[kept].name, sizeof(caps->groups[kept].name), "%s", name);
		kept++;
	}
	caps->n_groups = kept;
	sort_groups(caps);
	return 0;
}

static int take_group(struct rdt_pqos *p, unsigned int cos, struct rdt_caps *caps, struct isolat_error *err)
{
	struct rdt_group *group = &caps->groups[caps->n_groups];
	struct rdt_schemata s;

	if (pqos_read_class(p, cos, p->record.name[cos], &s, err))
		return -1;
	snprintf(group->name, sizeof(group->name), "%s", p->record.name[cos]);
	group->l3 = s.line[caps->l3.cdp ? RDT_SCHEMA_L3DATA : RDT_SCHEMA_L3];
	group->l3_code = s.line[RDT_SCHEMA_L3CODE];
	group->l2 = s.line[caps->l2.cdp ? RDT_SCHEMA_L2DATA : RDT_SCHEMA_L2];
	group->l2_code = s.line[RDT_SCHEMA_L2CODE];
	group->mb = s.line[RDT_SCHEMA_MB];
	caps->n_groups++;
	return 0;
}

static int take_groups(struct rdt_pqos *p, struct rdt_caps *caps, struct isolat_error *err)
{
	free(caps->groups); /* none, but room for some */
	caps->n_groups = 0;
	caps->groups = calloc(PQOS_MAX_CLASSES, sizeof(caps->groups[0]));
	if (!caps->groups)
		return isolat_fail(err, ISOLAT_FAILED, "read groups", NULL, "out of memory");
	for (unsigned int cos = 1; cos < p->classes; cos++) {
		if (*p->record.name[cos] && take_group(p, cos, caps, err))
			return -1;
	}
	sort_groups(caps);
	return 0;
}

static int read_msrs(struct rdt_pqos *p, struct rdt_caps *caps, struct isolat_error *err)
{
	json_t *result;
	int rc;

	if (pqos_ask(p, json_pack("{ss}", "op", "caps"), NULL, &result, err))
		return -1;
	rc = rdt_caps_from_json(result, caps, err);
	json_decref(result);
	if (!rc && take_groups(p, caps, err)) {
		rdt_caps_free(caps);
		rc = -1;
	}
	return rc;
}

int pqos_read_caps(struct rdt_engine *e, struct rdt_caps *caps, struct isolat_error *err)
{
	struct rdt_pqos *p = (struct rdt_pqos *)e;

	e->gone = false;
	*caps = (struct rdt_caps){ 0 };
	if (p->msr ? read_msrs(p, caps, err) : read_resctrl(p, caps, err))
		return -1;
	leave_out(caps, p->classes);
	return 0;
}
