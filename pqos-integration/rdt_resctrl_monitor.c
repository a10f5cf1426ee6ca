// SPDX-License-Identifier: BSD-3-Clause
/*
 * Counters: GROUP/mon_data/mon_L3_DD/EVENT. With SNC (from 6.11 on) the files there are the kernel's sums over the
 * nodes of that cache, and those of each node lie in mon_sub_L3_NN below: they are left alone.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rdt_resctrl.h"

#define SHOWN 40 /* characters of what is wrong */

static const char *const events[RDT_EVENTS] = {
	[RDT_OCCUPANCY] = "llc_occupancy",
	[RDT_MBM_TOTAL] = "mbm_total_bytes",
	[RDT_MBM_LOCAL] = "mbm_local_bytes",
};

static int by_domain(const void *a, const void *b)
{
	const struct rdt_reading *x = a, *y = b;

	return x->domain < y->domain ? -1 : x->domain > y->domain;
}

/* A counter that is not there, or that goes with its domain while it is read, is not available. */
static int read_event(struct rdt_resctrl *r, const char *group, const char *file, bool *available, uint64_t *bytes,
		      struct isolat_error *err)
{
	char path[RDT_RESCTRL_PATH], *text;
	enum rdt_text_count count;
	size_t length;
	int rc;

	rdt_resctrl_path(path, group, file);
	rc = rdt_resctrl_read_text(r->dir, path, &text, &length);
	if (rc == -ENOENT || rc == -ENODEV)
		return 0;
	if (rc)
		return rdt_resctrl_fail(r, -rc, "read monitors", group, path, err);
	count = rdt_text_count(text, length, bytes);
	if (count == RDT_TEXT_BAD)
		rdt_resctrl_bad(r, "read monitors", group, file, err, "'%.*s' is no count of bytes", SHOWN, text);
	*available = count == RDT_TEXT_COUNT;
	free(text);
	return count == RDT_TEXT_BAD ? -1 : 0;
}

static int read_domain(struct rdt_resctrl *r, const char *group, const char *name, struct rdt_reading *reading,
		       struct isolat_error *err)
{
	char file[RDT_RESCTRL_PATH];

	for (int i = 0; i < RDT_EVENTS; i++) {
		snprintf(file, sizeof(file), "mon_data/%s/%s", name, events[i]);
		if (read_event(r, group, file, &reading->available[i], &reading->bytes[i], err))
			return -1;
	}
	return 0;
}

static int read_domains(struct rdt_resctrl *r, const char *group, DIR *dir, struct rdt_reading *readings, size_t *n,
			struct isolat_error *err)
{
	const struct dirent *entry;
	unsigned int domain;

	for (errno = 0; *n < RDT_MAX_DOMAINS && (entry = readdir(dir)); errno = 0) {
		if (!rdt_text_mon_domain(entry->d_name, &domain))
			continue;
		readings[*n] = (struct rdt_reading){ .domain = domain };
		if (read_domain(r, group, entry->d_name, &readings[*n], err))
			return -1;
		(*n)++;
	}
	return errno ? rdt_resctrl_fail(r, errno, "read monitors", group, group, err) : 0;
}

/* mon_data, or NULL: without monitoring there is none, else the error is filled. */
static DIR *open_monitors(struct rdt_resctrl *r, const char *group, bool *failed, struct isolat_error *err)
{
	char path[RDT_RESCTRL_PATH];
	int fd, code;
	DIR *dir;

	rdt_resctrl_path(path, group, "mon_data");
	fd = openat(r->dir, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = fd < 0 ? NULL : fdopendir(fd);
	*failed = false;
	if (dir)
		return dir;
	code = errno;
	rdt_resctrl_fail(r, code, "read monitors", group, path, err);
	*failed = code != ENOENT || r->base.gone;
	if (fd >= 0)
		close(fd);
	return NULL;
}

int rdt_resctrl_read_monitors(struct rdt_engine *e, const char *group, struct rdt_reading **readings, size_t *n,
			      struct isolat_error *err)
{
	struct rdt_resctrl *r = rdt_resctrl_of(e);
	bool failed;
	DIR *dir = open_monitors(r, group, &failed, err);
	int rc;

	if (!dir)
		return failed ? -1 : 0;
	*readings = calloc(RDT_MAX_DOMAINS, sizeof(**readings));
	rc = *readings ? read_domains(r, group, dir, *readings, n, err)
		       : rdt_resctrl_no_memory(r, "read monitors", err);
	closedir(dir);
	if (rc || !*n) {
		free(*readings);
		*readings = NULL;
		*n = 0;
		return rc;
	}
	qsort(*readings, *n, sizeof(**readings), by_domain);
	return 0;
}
