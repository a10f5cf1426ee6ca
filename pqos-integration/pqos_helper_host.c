// SPDX-License-Identifier: BSD-3-Clause
/* Opening a host, what it has, and libpqos's words. */
#include "pqos_helper_host.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rdt_resctrl_text.h"

#define LAST_CMD_STATUS LIBPQOS_ROOT "/info/last_cmd_status"

/* ---- Errors ---- */

/* The first error that libpqos logged: it is that of the innermost function. */
static char said[200];

static void on_log(void *context, const size_t size, const char *message)
{
	static const char error[] = "ERROR: ";

	if (*said || strncmp(message, error, strlen(error)))
		return;
	snprintf(said, sizeof(said), "%s", message + strlen(error));
	said[strcspn(said, "\n")] = '\0';
}

void pqos_host_hush(void)
{
	*said = '\0';
}

static const char *word(int rc)
{
	static const char *const words[] = {
		[PQOS_RETVAL_OK] = "OK",
		[PQOS_RETVAL_ERROR] = "generic error",
		[PQOS_RETVAL_PARAM] = "parameter error",
		[PQOS_RETVAL_RESOURCE] = "resource error",
		[PQOS_RETVAL_INIT] = "initialization error",
		[PQOS_RETVAL_TRANSPORT] = "transport error",
		[PQOS_RETVAL_PERF_CTR] = "performance counter error",
		[PQOS_RETVAL_BUSY] = "resource busy",
		[PQOS_RETVAL_INTER] = "interface not supported",
		[PQOS_RETVAL_OVERFLOW] = "data overflow",
	};

	return rc >= 0 && rc < (int)(sizeof(words) / sizeof(words[0])) ? words[rc] : "unknown error";
}

/*
 * libpqos does not look at it. It is about the last command of anybody, but a good one makes it "ok" again. Not every
 * command clears it before it adds its own: that is last.
 */
static void read_last_cmd_status(char text[160])
{
	char lines[1024];
	int fd = open(LAST_CMD_STATUS, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, lines, sizeof(lines));

	if (fd >= 0)
		close(fd);
	if (!rdt_text_status(lines, n > 0 ? (size_t)n : 0, RDT_TEXT_LAST_LINE, text, 160))
		*text = '\0';
}

int pqos_host_fail(const struct pqos_host *host, const char *what, unsigned int cos, int rc, struct isolat_error *err)
{
	char object[16], status[160] = "";

	snprintf(object, sizeof(object), "COS%u", cos);
	if (!host->msr)
		read_last_cmd_status(status);
	isolat_fail(err, ISOLAT_FAILED, what, object, "libpqos: %s%s%s%s%s", word(rc), *said ? ": " : "", said,
		    *status ? "; the kernel: " : "", status);
	pqos_host_hush();
	return -1;
}

/* ---- Opening ---- */

static int start(const struct pqos_host *host, struct isolat_error *err)
{
	const struct pqos_config config = {
		.fd_log = STDERR_FILENO,
		.callback_log = on_log,
		.interface = host->msr ? PQOS_INTER_MSR : PQOS_INTER_OS, /* AUTO aborts where there is no RDT */
	};
	int rc;

	pqos_host_hush();
	rc = pqos_init(&config);
	if (rc == PQOS_RETVAL_OK)
		return 0;
	pqos_host_fail(host, host->msr ? "start libpqos over MSRs" : "start libpqos over resctrl", 0, rc, err);
	*err->object = '\0';
	if (rc == PQOS_RETVAL_INTER || (host->msr && rc == PQOS_RETVAL_RESOURCE))
		err->code = ISOLAT_UNSUPPORTED;
	if (rc == PQOS_RETVAL_BUSY)
		return isolat_hint(err, "it takes every CLOSID: remove the other groups, or use the engine resctrl");
	return host->msr ? isolat_hint(err, "it needs root and the kernel's msr module") : -1;
}

/*
 * Where resctrl was mounted without COS folders, the first start makes them, but has tried before to write to one in
 * order to see what unit MB has: it is unknown then. The second start finds them.
 */
static int start_well(const struct pqos_host *host, struct isolat_error *err)
{
	if (start(host, err))
		return -1;
	if (host->msr)
		return 0;
	pqos_fini();
	return start(host, err);
}

static const void *find_cap(const struct pqos_host *host, enum pqos_cap_type type)
{
	for (unsigned int i = 0; i < host->cap->num_cap; i++) {
		if (host->cap->capabilities[i].type == type)
			return host->cap->capabilities[i].u.generic_ptr;
	}
	return NULL;
}

static void limit_classes(struct pqos_host *host, unsigned int n)
{
	if (!host->classes || n < host->classes)
		host->classes = n;
}

static int find_resources(struct pqos_host *host, struct isolat_error *err)
{
	int rc = pqos_cap_get(&host->cap, &host->cpu);

	if (rc != PQOS_RETVAL_OK)
		return pqos_host_fail(host, "ask libpqos what there is", 0, rc, err);
	host->l3 = find_cap(host, PQOS_CAP_TYPE_L3CA);
	host->l2 = find_cap(host, PQOS_CAP_TYPE_L2CA);
	host->mb = find_cap(host, PQOS_CAP_TYPE_MBA);
	if (host->l3) {
		host->l3_ids.id = pqos_cpu_get_l3cat_ids(host->cpu, &host->l3_ids.n);
		limit_classes(host, host->l3->num_classes);
	}
	if (host->l2) {
		host->l2_ids.id = pqos_cpu_get_l2ids(host->cpu, &host->l2_ids.n);
		limit_classes(host, host->l2->num_classes);
	}
	if (host->mb) {
		host->mb_ids.id = pqos_cpu_get_mba_ids(host->cpu, &host->mb_ids.n);
		limit_classes(host, host->mb->num_classes);
	}
	if (host->classes > PQOS_MAX_COS)
		host->classes = PQOS_MAX_COS;
	if (!host->classes)
		return isolat_fail(err, ISOLAT_UNSUPPORTED, "ask libpqos what there is", NULL,
				   "no allocation of cache or memory bandwidth");
	return 0;
}

/* libpqos 4.5 takes the socket for the L3 on Intel: wrong where a socket has several, as with Cluster-on-Die. */
static int check_domains(const struct pqos_host *host, struct isolat_error *err)
{
	for (unsigned int i = 0; i < host->cpu->num_cores; i++) {
		const struct pqos_coreinfo *core = &host->cpu->cores[i];
		unsigned int domain = host->l3 ? core->l3cat_id : core->mba_id;

		if ((!host->l3 && !host->mb) || domain == core->l3_id)
			continue;
		isolat_fail(err, ISOLAT_UNSUPPORTED, "use libpqos", NULL,
			    "it takes sockets for L3 caches, and CPU %u is in socket %u and L3 %u", core->lcore, domain,
			    core->l3_id);
		return isolat_hint(err, "use the engine resctrl");
	}
	return 0;
}

int pqos_host_open(struct pqos_host *host, bool msr, enum rdt_mb_unit unit, struct isolat_error *err)
{
	*host = (struct pqos_host){ .msr = msr, .unit = unit };
	if (start_well(host, err))
		return -1;
	if (find_resources(host, err) || check_domains(host, err)) {
		pqos_host_close(host);
		return -1;
	}
	if (msr)
		host->unit = pqos_get_vendor(host->cpu) == PQOS_VENDOR_AMD ? RDT_MB_EIGHTH_GB : RDT_MB_PERCENT;
	return 0;
}

void pqos_host_close(struct pqos_host *host)
{
	free(host->l3_ids.id);
	free(host->l2_ids.id);
	free(host->mb_ids.id);
	pqos_fini();
	*host = (struct pqos_host){ 0 };
}

/* ---- What it has ---- */

static void take_l3(const struct pqos_host *host, struct rdt_cache_caps *cache)
{
	unsigned int min = 1;

	if (!host->l3)
		return;
	pqos_l3ca_get_min_cbm_bits(&min);
	*cache = (struct rdt_cache_caps){
		.present = true,
		.cdp = host->l3->cdp_on,
		.cdp_capable = host->l3->cdp,
		.ways = host->l3->num_ways,
		.min_ways = min ? min : 1,
		.closids = host->l3->num_classes,
		.shareable = host->l3->way_contention,
	};
}

static void take_l2(const struct pqos_host *host, struct rdt_cache_caps *cache)
{
	unsigned int min = 1;

	if (!host->l2)
		return;
	pqos_l2ca_get_min_cbm_bits(&min);
	*cache = (struct rdt_cache_caps){
		.present = true,
		.cdp = host->l2->cdp_on,
		.cdp_capable = host->l2->cdp,
		.ways = host->l2->num_ways,
		.min_ways = min ? min : 1,
		.closids = host->l2->num_classes,
		.shareable = host->l2->way_contention,
	};
}

static void take_mb(const struct pqos_host *host, struct rdt_mb_caps *mb)
{
	bool percent = host->unit == RDT_MB_PERCENT;

	if (!host->mb)
		return;
	*mb = (struct rdt_mb_caps){
		.present = true,
		.unit = host->unit,
		.closids = host->mb->num_classes,
		.min = percent ? 100 - host->mb->throttle_max : 0,
		.gran = percent ? host->mb->throttle_step : 1,
		.max = rdt_mb_unit_max(host->unit),
	};
}

int pqos_host_read_caps(const struct pqos_host *host, struct rdt_caps *caps, struct isolat_error *err)
{
	struct rdt_schemata s;

	*caps = (struct rdt_caps){ .source = strdup("libpqos") };
	if (!caps->source)
		return isolat_fail(err, ISOLAT_FAILED, "ask libpqos what there is", NULL, "out of memory");
	take_l3(host, &caps->l3);
	take_l2(host, &caps->l2);
	take_mb(host, &caps->mb);
	rdt_caps_derive(caps);
	if (pqos_host_read(host, 0, &s, err)) {
		rdt_caps_free(caps);
		return -1;
	}
	caps->default_group.l3 = s.line[caps->l3.cdp ? RDT_SCHEMA_L3DATA : RDT_SCHEMA_L3];
	caps->default_group.l3_code = s.line[RDT_SCHEMA_L3CODE];
	caps->default_group.l2 = s.line[caps->l2.cdp ? RDT_SCHEMA_L2DATA : RDT_SCHEMA_L2];
	caps->default_group.l2_code = s.line[RDT_SCHEMA_L2CODE];
	caps->default_group.mb = s.line[RDT_SCHEMA_MB];
	return 0;
}
