// SPDX-License-Identifier: BSD-3-Clause
/* Groups are folders. */
#include "rdt_resctrl.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rdt_caps_limits.h"

static bool is_group(DIR *dir, const struct dirent *entry)
{
	struct stat st;

	if (rdt_resctrl_is_reserved(entry->d_name))
		return false;
	if (entry->d_type != DT_UNKNOWN)
		return entry->d_type == DT_DIR;
	return !fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) && S_ISDIR(st.st_mode);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Returns 0 or an errno. */
static int add_name(const char *name, char ***names, size_t *n)
{
	char **grown;

	if (*n == RDT_GROUPS_LIMIT)
		return E2BIG;
	/* Room doubles: it is full whenever the number is a power of two. */
	if (!(*n & (*n - 1))) {
		grown = reallocarray(*names, *n ? 2 * *n : 1, sizeof(*grown));
		if (!grown)
			return ENOMEM;
		*names = grown;
	}
	(*names)[*n] = strdup(name);
	if (!(*names)[*n])
		return ENOMEM;
	(*n)++;
	return 0;
}

/* Returns 0 or an errno; what is in @names is to be freed either way. */
static int read_names(DIR *dir, char ***names, size_t *n)
{
	const struct dirent *entry;
	int rc = 0;

	for (errno = 0; !rc && (entry = readdir(dir)); errno = 0) {
		if (is_group(dir, entry))
			rc = add_name(entry->d_name, names, n);
	}
	return rc ? rc : errno;
}

static DIR *open_folder(const struct rdt_resctrl *r, const char *path)
{
	int fd = openat(r->dir, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	int code = errno;

	if (!dir && fd >= 0)
		close(fd);
	errno = code;
	return dir;
}

/* All groups in the folder, which is closed. Returns 0 or an errno. */
static int take_names(DIR *dir, char ***names, size_t *n)
{
	int rc = read_names(dir, names, n);

	closedir(dir);
	if (!rc) {
		if (*n)
			qsort(*names, *n, sizeof(**names), by_name);
		return 0;
	}
	rdt_engine_free_list(*names, *n);
	*names = NULL;
	*n = 0;
	return rc;
}

int rdt_resctrl_list(struct rdt_engine *e, char ***names, size_t *n, struct isolat_error *err)
{
	struct rdt_resctrl *r = rdt_resctrl_of(e);
	DIR *dir = open_folder(r, ".");
	int rc;

	*names = NULL;
	*n = 0;
	rc = dir ? take_names(dir, names, n) : errno;
	return rc ? rdt_resctrl_fail(r, rc, "list groups", "", "", err) : 0;
}

int rdt_resctrl_list_monitors(struct rdt_engine *e, const char *group, char ***names, size_t *n,
			      struct isolat_error *err)
{
	struct rdt_resctrl *r = rdt_resctrl_of(e);
	char path[RDT_RESCTRL_PATH];
	DIR *dir;
	int rc;

	*names = NULL;
	*n = 0;
	rdt_resctrl_path(path, group, RDT_MONITOR_DIR);
	dir = open_folder(r, path);
	rc = dir ? take_names(dir, names, n) : errno;
	if (!rc)
		return 0;
	rdt_resctrl_fail(r, rc, "list monitor groups", group, path, err);
	/* Without monitoring no group has this folder. */
	return rc == ENOENT && !r->base.gone ? 0 : -1;
}

/* ---- Making and removing ---- */

/* What is used up when the kernel has no space for a group, by what it says: the last is for when it says nothing. */
static const struct {
	const char *says;
	enum isolat_code code;
	const char *hint;
} no_space[] = {
	{ "out of memory", ISOLAT_FAILED, "" },
	{ "No space on", ISOLAT_NO_FIT, "exclusive groups have all ways of this domain: leave some to others" },
	{ "RMID", ISOLAT_NO_FIT, "each group has an RMID of its own: remove groups that nobody needs" },
	{ "", ISOLAT_NO_FIT,
	  "each group has a CLOSID of its own: remove groups that nobody needs, or let VMs share a class" },
};

static int explain_no_space(const struct rdt_resctrl *r, struct isolat_error *err)
{
	size_t i = 0;

	if (!rdt_resctrl_add_status(r, RDT_TEXT_LAST_LINE, err))
		snprintf(err->reason, sizeof(err->reason), "%s: Out of CLOSIDs", strerror(ENOSPC));
	while (!strstr(err->reason, no_space[i].says))
		i++;
	err->code = no_space[i].code;
	return isolat_hint(err, "%s", no_space[i].hint);
}

/* What mkdir's errno means here is not what it means elsewhere. */
static int explain_make(const struct rdt_resctrl *r, int code, struct isolat_error *err)
{
	if (code == ENOSPC)
		return explain_no_space(r, err);
	if (code == EINVAL || code == ENOMEM || code == EBUSY)
		rdt_resctrl_add_status(r, RDT_TEXT_LAST_LINE, err);
	if (code != EBUSY)
		return -1;
	err->code = ISOLAT_NO_FIT;
	return isolat_hint(err,
			   "RMIDs of removed groups are in limbo until their cache lines are evicted: try again later, "
			   "or raise info/L3_MON/max_threshold_occupancy");
}

int rdt_resctrl_make(struct rdt_engine *e, const char *group, struct isolat_error *err)
{
	struct rdt_resctrl *r = rdt_resctrl_of(e);
	int code;

	if (!mkdirat(r->dir, group, 0755))
		return 0;
	code = errno;
	/* That it is not there is no news. */
	rdt_resctrl_fail(r, code, "make group", "", group, err);
	return explain_make(r, code, err);
}

int rdt_resctrl_remove(struct rdt_engine *e, const char *group, struct isolat_error *err)
{
	struct rdt_resctrl *r = rdt_resctrl_of(e);

	if (!unlinkat(r->dir, group, AT_REMOVEDIR))
		return 0;
	return rdt_resctrl_fail(r, errno, "remove group", group, group, err);
}
