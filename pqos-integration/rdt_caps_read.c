// SPDX-License-Identifier: BSD-3-Clause
/* Capabilities from a resctrl, mounted or copied. */
#include "rdt_caps.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/magic.h>
#include <mntent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <isolat/read_all.h>

#include "rdt_caps_limits.h"
#include "rdt_file.h"
#include "rdt_number.h"

#define DEFAULT_ROOT   "/sys/fs/resctrl"
#define SCHEMATA_BYTES 65536 /* of a group's file. The kernel's own are of a few KiB at most */
#define VALUE_BYTES    4096  /* of a file with one value */
#define INFO_PATH      64    /* "info/L3/shareable_bits" and the like */
#define SHOWN	       40    /* characters of a bad value */

/* info/MB and info/SMBA say it, and the unit is known only after the groups are. */
struct bandwidth_info {
	bool linear;
	uint64_t largest; /* value that a group has */
};

struct reader {
	const char *root;
	int dir;
	const char *proc; /* NULL: none */
	struct rdt_caps *caps;
	struct bandwidth_info mb, smba;
	struct rdt_schemata schemata; /* of the group that is being read */
	char *text;		      /* SCHEMATA_BYTES and one more */
	struct isolat_error *err;
};

/* Fills the error for @path below the root. */
__attribute__((format(printf, 3, 4))) static int bad_file(const struct reader *r, const char *path, const char *format,
							  ...)
{
	char object[sizeof(r->err->object)], reason[sizeof(r->err->reason)];
	va_list ap;

	rdt_file_object(r->root, path, object, sizeof(object));
	va_start(ap, format);
	vsnprintf(reason, sizeof(reason), format, ap);
	va_end(ap);
	return isolat_fail(r->err, ISOLAT_FAILED, "read resctrl", object, "%s", reason);
}

static int no_memory(const struct reader *r)
{
	return isolat_fail(r->err, ISOLAT_FAILED, "read resctrl", r->root, "out of memory");
}

static bool exists(const struct reader *r, const char *path)
{
	return !faccessat(r->dir, path, F_OK, 0);
}

/* All of a file that has at most @size bytes, which @text has one more than. Returns its length or -errno. */
static int read_text(const struct reader *r, const char *path, char *text, size_t size)
{
	int fd = rdt_file_open(r->dir, path, O_RDONLY);
	ssize_t got;

	if (fd < 0)
		return fd;
	got = isolat_read_all(fd, text, size + 1);
	close(fd);
	return got > (ssize_t)size ? -EFBIG : (int)got;
}

/* The one line of a file, without its newline. Returns 1; 0 when there is no such file; -1 with the error filled. */
static int read_line(const struct reader *r, const char *path, char *text)
{
	int length = read_text(r, path, text, VALUE_BYTES);

	if (length == -ENOENT)
		return 0;
	if (length < 0)
		return bad_file(r, path, "%s", strerror(-length));
	if (length && text[length - 1] == '\n')
		length--;
	text[length] = '\0';
	if (strlen(text) != (size_t)length || strchr(text, '\n'))
		return bad_file(r, path, "more than a line of text");
	return 1;
}

enum need { REQUIRED, OPTIONAL };

/* A number of info/@resource/@file. When it is OPTIONAL and not there, @value stays. */
static int read_info(const struct reader *r, const char *resource, const char *file, enum need need, unsigned int base,
		     uint64_t min, uint64_t max, uint64_t *value)
{
	char path[INFO_PATH], text[VALUE_BYTES + 1];
	uint64_t number;
	int rc;

	snprintf(path, sizeof(path), "info/%s/%s", resource, file);
	rc = read_line(r, path, text);
	if (rc < 0)
		return -1;
	if (!rc)
		return need == OPTIONAL ? 0 : bad_file(r, path, "%s", strerror(ENOENT));
	if (!rdt_number(text, strlen(text), base, max, &number) || number < min) {
		if (base == 16)
			return bad_file(r, path, "'%.*s' is not a hex number from %" PRIx64 " to %" PRIx64, SHOWN, text,
					min, max);
		return bad_file(r, path, "'%.*s' is not a whole number from %" PRIu64 " to %" PRIu64, SHOWN, text, min,
				max);
	}
	*value = number;
	return 0;
}

/* ---- info ---- */

static int read_cache(const struct reader *r, const char *resource, bool cdp, struct rdt_cache_caps *cache)
{
	uint64_t mask, min, closids, shareable = 0, sparse;
	char path[INFO_PATH];

	if (read_info(r, resource, "cbm_mask", REQUIRED, 16, 1, UINT64_MAX, &mask))
		return -1;
	if (mask & (mask + 1)) {
		snprintf(path, sizeof(path), "info/%s/cbm_mask", resource);
		return bad_file(r, path, "%" PRIx64 " has holes", mask);
	}
	cache->ways = (unsigned int)__builtin_popcountll(mask);
	if (read_info(r, resource, "min_cbm_bits", REQUIRED, 10, 0, cache->ways, &min) ||
	    read_info(r, resource, "num_closids", REQUIRED, 10, 1, RDT_CLOSIDS_LIMIT, &closids) ||
	    read_info(r, resource, "shareable_bits", OPTIONAL, 16, 0, mask, &shareable))
		return -1;
	sparse = !min; /* AMD, whose masks are free; kernels before 6.7 do not say so */
	if (read_info(r, resource, "sparse_masks", OPTIONAL, 10, 0, 1, &sparse))
		return -1;
	cache->present = true;
	cache->cdp = cache->cdp_capable = cdp;
	cache->sparse = sparse;
	cache->min_ways = min ? (unsigned int)min : 1;
	cache->closids = (unsigned int)closids;
	cache->shareable = shareable;
	return 0;
}

/* Code and data say the same: they are two views of one cache. */
static int read_cache_with_cdp(const struct reader *r, const char *code, const char *data, struct rdt_cache_caps *cache)
{
	struct rdt_cache_caps other = { 0 };
	char path[INFO_PATH];

	if (read_cache(r, data, true, cache) || read_cache(r, code, true, &other))
		return -1;
	if (cache->ways == other.ways && cache->min_ways == other.min_ways && cache->closids == other.closids &&
	    cache->shareable == other.shareable && cache->sparse == other.sparse)
		return 0;
	snprintf(path, sizeof(path), "info/%s", code);
	return bad_file(r, path, "differs from %s", data);
}

/* @name is "L3" or "L2". */
static int read_either_cache(const struct reader *r, const char *name, struct rdt_cache_caps *cache)
{
	char plain[INFO_PATH], code[INFO_PATH], data[INFO_PATH];
	bool is_plain, has_code, has_data;

	snprintf(plain, sizeof(plain), "info/%s", name);
	snprintf(code, sizeof(code), "info/%sCODE", name);
	snprintf(data, sizeof(data), "info/%sDATA", name);
	is_plain = exists(r, plain);
	has_code = exists(r, code);
	has_data = exists(r, data);
	if (has_code != has_data)
		return bad_file(r, has_code ? data : code, "%s", strerror(ENOENT));
	if (is_plain && has_code)
		return bad_file(r, plain, "beside %sCODE and %sDATA, which replace it", name, name);
	if (has_code)
		return read_cache_with_cdp(r, code + strlen("info/"), data + strlen("info/"), cache);
	return is_plain ? read_cache(r, name, false, cache) : 0;
}

static int read_bandwidth(const struct reader *r, const char *name, struct rdt_mb_caps *mb, struct bandwidth_info *info)
{
	uint64_t closids, min, gran, linear = 1;
	char path[INFO_PATH];

	snprintf(path, sizeof(path), "info/%s", name);
	if (!exists(r, path))
		return 0;
	if (read_info(r, name, "num_closids", REQUIRED, 10, 1, RDT_CLOSIDS_LIMIT, &closids) ||
	    read_info(r, name, "delay_linear", OPTIONAL, 10, 0, 1, &linear) ||
	    read_info(r, name, "min_bandwidth", REQUIRED, 10, 0, linear ? 100 : UINT32_MAX, &min) ||
	    read_info(r, name, "bandwidth_gran", REQUIRED, 10, 1, linear ? 100 : UINT32_MAX, &gran))
		return -1;
	*mb = (struct rdt_mb_caps){
		.present = true,
		.closids = (unsigned int)closids,
		.min = (unsigned int)min,
		.gran = (unsigned int)gran,
	};
	info->linear = linear;
	return 0;
}

static int read_infos(struct reader *r)
{
	struct rdt_caps *caps = r->caps;
	uint64_t rmids = 0;

	if (read_either_cache(r, "L3", &caps->l3) || read_either_cache(r, "L2", &caps->l2) ||
	    read_bandwidth(r, "MB", &caps->mb, &r->mb) || read_bandwidth(r, "SMBA", &caps->smba, &r->smba))
		return -1;
	caps->monitoring = exists(r, "info/L3_MON");
	if (caps->monitoring && read_info(r, "L3_MON", "num_rmids", REQUIRED, 10, 1, UINT32_MAX, &rmids))
		return -1;
	caps->rmids = (unsigned int)rmids;
	rdt_caps_derive(caps);
	return 0;
}

/* ---- Groups ---- */

/* The ways that a schema's masks may have; 0: it is a bandwidth. */
static uint64_t ways_of(const struct rdt_caps *caps, enum rdt_schema schema)
{
	switch (schema) {
	case RDT_SCHEMA_L3:
	case RDT_SCHEMA_L3CODE:
	case RDT_SCHEMA_L3DATA:
		return rdt_full_mask(caps->l3.ways);
	case RDT_SCHEMA_L2:
	case RDT_SCHEMA_L2CODE:
	case RDT_SCHEMA_L2DATA:
		return rdt_full_mask(caps->l2.ways);
	default:
		return 0;
	}
}

/* Whether info has what this line is of. */
static bool in_info(const struct rdt_caps *caps, enum rdt_schema schema)
{
	switch (schema) {
	case RDT_SCHEMA_L3:
		return caps->l3.present && !caps->l3.cdp;
	case RDT_SCHEMA_L3CODE:
	case RDT_SCHEMA_L3DATA:
		return caps->l3.cdp;
	case RDT_SCHEMA_L2:
		return caps->l2.present && !caps->l2.cdp;
	case RDT_SCHEMA_L2CODE:
	case RDT_SCHEMA_L2DATA:
		return caps->l2.cdp;
	case RDT_SCHEMA_MB:
		return caps->mb.present;
	case RDT_SCHEMA_SMBA:
		return caps->smba.present;
	default:
		return false;
	}
}

/* Whether the lines are what info says; only the default group must have all of them. */
static int check_lines(const struct reader *r, const char *path, bool all)
{
	for (enum rdt_schema schema = 0; schema < RDT_SCHEMAS; schema++) {
		const struct rdt_group_masks *line = &r->schemata.line[schema];
		uint64_t ways = ways_of(r->caps, schema);

		if (r->schemata.present[schema] && !in_info(r->caps, schema))
			return bad_file(r, path, "has %s, but info has not", rdt_schema_name(schema));
		if (all && in_info(r->caps, schema) && !line->n)
			return bad_file(r, path, "info has %s, but here are no domains of it", rdt_schema_name(schema));
		for (unsigned int i = 0; ways && i < line->n; i++) {
			if (line->value[i] & ~ways)
				return bad_file(r, path,
						"%s: mask %" PRIx64 " of domain %u has more ways than %" PRIx64,
						rdt_schema_name(schema), line->value[i], line->domain[i], ways);
		}
	}
	return 0;
}

static void note_largest(const struct rdt_group_masks *line, struct bandwidth_info *info)
{
	for (unsigned int i = 0; i < line->n; i++) {
		if (line->value[i] > info->largest)
			info->largest = line->value[i];
	}
}

static void take_lines(struct reader *r, struct rdt_group *group)
{
	const struct rdt_group_masks *line = r->schemata.line;
	const struct rdt_caps *caps = r->caps;

	group->l3 = line[caps->l3.cdp ? RDT_SCHEMA_L3DATA : RDT_SCHEMA_L3];
	group->l3_code = line[RDT_SCHEMA_L3CODE];
	group->l2 = line[caps->l2.cdp ? RDT_SCHEMA_L2DATA : RDT_SCHEMA_L2];
	group->l2_code = line[RDT_SCHEMA_L2CODE];
	group->mb = line[RDT_SCHEMA_MB];
	group->smba = line[RDT_SCHEMA_SMBA];
	note_largest(&group->mb, &r->mb);
	note_largest(&group->smba, &r->smba);
}

static int read_mode(const struct reader *r, const char *path, struct rdt_group *group)
{
	char text[VALUE_BYTES + 1];
	int rc = read_line(r, path, text);

	if (rc <= 0)
		return rc; /* kernels before 4.19 have none: all groups are shareable */
	group->pseudo_locked = !strcmp(text, "pseudo-locked");
	group->exclusive = group->pseudo_locked || !strcmp(text, "pseudo-locksetup") || !strcmp(text, "exclusive");
	if (group->exclusive || !strcmp(text, "shareable"))
		return 0;
	return bad_file(r, path, "'%.*s' is no mode of a group", SHOWN, text);
}

/* Returns 1; 0 when the group is gone by now; -1 with the error filled. The name "" is the default group's. */
static int read_group(struct reader *r, const char *name, struct rdt_group *group)
{
	char path[NAME_MAX + sizeof("/schemata")], file[PATH_MAX + sizeof(path)];
	const char *slash = *name ? "/" : "";
	int length;

	*group = (struct rdt_group){ 0 };
	snprintf(group->name, sizeof(group->name), "%s", name);
	snprintf(path, sizeof(path), "%s%smode", name, slash);
	if (read_mode(r, path, group))
		return *name && !exists(r, name) ? 0 : -1;
	snprintf(path, sizeof(path), "%s%sschemata", name, slash);
	length = read_text(r, path, r->text, SCHEMATA_BYTES);
	if (length < 0 && *name && !exists(r, name))
		return 0;
	if (length == -ENODEV && group->pseudo_locked)
		return 1; /* its cache is offline */
	if (length < 0)
		return bad_file(r, path, "%s", strerror(-length));
	snprintf(file, sizeof(file), "%s/%s", r->root, path);
	if (rdt_schemata_parse(r->text, (size_t)length, file, &r->schemata, r->err) || check_lines(r, path, !*name))
		return -1;
	take_lines(r, group);
	return 1;
}

static bool is_group(const struct reader *r, const struct dirent *entry)
{
	static const char *const others[] = { ".", "..", "info", "mon_groups", "mon_data" };
	struct stat st;

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		if (!strcmp(entry->d_name, others[i]))
			return false;
	}
	if (entry->d_type != DT_UNKNOWN)
		return entry->d_type == DT_DIR;
	return !fstatat(r->dir, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) && S_ISDIR(st.st_mode);
}

/* Makes room for one more. */
static struct rdt_group *next_group(const struct reader *r)
{
	struct rdt_caps *caps = r->caps;
	struct rdt_group *grown;

	if (caps->n_groups == RDT_GROUPS_LIMIT) {
		bad_file(r, "", "more than %d groups", RDT_GROUPS_LIMIT);
		return NULL;
	}
	/* Room doubles: it is full whenever the number is a power of two. */
	if (!(caps->n_groups & (caps->n_groups - 1))) {
		grown = reallocarray(caps->groups, caps->n_groups ? 2 * caps->n_groups : 1, sizeof(*grown));
		if (!grown) {
			no_memory(r);
			return NULL;
		}
		caps->groups = grown;
	}
	return &caps->groups[caps->n_groups];
}

static int by_name(const void *a, const void *b)
{
	const struct rdt_group *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static int read_entries(struct reader *r, DIR *dir)
{
	const struct dirent *entry;

	for (errno = 0; (entry = readdir(dir)); errno = 0) {
		struct rdt_group *group;
		int rc;

		if (!is_group(r, entry))
			continue;
		group = next_group(r);
		rc = group ? read_group(r, entry->d_name, group) : -1;
		if (rc < 0)
			return -1;
		r->caps->n_groups += (unsigned int)rc;
	}
	if (errno)
		return bad_file(r, "", "%s", strerror(errno));
	if (r->caps->n_groups)
		qsort(r->caps->groups, r->caps->n_groups, sizeof(r->caps->groups[0]), by_name);
	return 0;
}

static int read_groups(struct reader *r)
{
	int fd = openat(r->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = -1;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (!dir) {
		bad_file(r, "", "%s", strerror(errno));
		if (fd >= 0)
			close(fd);
		return -1;
	}
	r->text = malloc(SCHEMATA_BYTES + 1);
	if (!r->text)
		no_memory(r);
	else if (read_group(r, "", &r->caps->default_group) == 1)
		rc = read_entries(r, dir);
	free(r->text);
	closedir(dir);
	return rc;
}

/* ---- What the groups and /proc tell ---- */

static FILE *open_proc(const struct reader *r, const char *file)
{
	char path[PATH_MAX];

	if (!r->proc || snprintf(path, sizeof(path), "%s/%s", r->proc, file) >= (int)sizeof(path))
		return NULL;
	return fopen(path, "re");
}

/* resctrl can be mounted once; what is bound elsewhere has the same options. */
static bool mounted_with_mbps(const struct reader *r)
{
	FILE *mounts = open_proc(r, "mounts");
	struct mntent mount;
	bool found = false;
	char text[4096];

	while (mounts && !found && getmntent_r(mounts, &mount, text, sizeof(text)))
		found = !strcmp(mount.mnt_type, "resctrl") && hasmntopt(&mount, "mba_MBps");
	if (mounts)
		fclose(mounts);
	return found;
}

/* Whether the first CPU has a feature flag. */
static bool cpu_has(const struct reader *r, const char *feature)
{
	FILE *cpuinfo = open_proc(r, "cpuinfo");
	bool found = false;
	char *line = NULL;
	size_t room = 0;

	while (cpuinfo && getline(&line, &room, cpuinfo) > 0) {
		char *rest = line, *word;

		if (strncmp(line, "flags", strlen("flags")))
			continue;
		while (!found && (word = strsep(&rest, " \t\n")))
			found = !strcmp(word, feature);
		break;
	}
	free(line);
	if (cpuinfo)
		fclose(cpuinfo);
	return found;
}

static void settle_unit(struct rdt_mb_caps *mb, const struct bandwidth_info *info, bool mbps)
{
	if (!mb->present)
		return;
	if (!info->linear)
		mb->unit = RDT_MB_EIGHTH_GB;
	else
		mb->unit = mbps || info->largest > 100 ? RDT_MB_MBPS : RDT_MB_PERCENT;
	mb->max = rdt_mb_unit_max(mb->unit);
	/* The field's width is the CPU's own, and only its largest value would tell. */
	while (mb->unit == RDT_MB_EIGHTH_GB && mb->max < info->largest)
		mb->max *= 2;
	if (mb->max > UINT32_MAX)
		mb->max = UINT32_MAX;
	/* info speaks of percent even then. */
	if (mb->unit == RDT_MB_MBPS) {
		mb->min = 0;
		mb->gran = 1;
	}
}

static int check_bandwidth(const struct reader *r, const char *name, const struct rdt_mb_caps *mb)
{
	char path[INFO_PATH];

	if (!mb->present || (mb->min <= mb->max && mb->gran <= mb->max))
		return 0;
	snprintf(path, sizeof(path), "info/%s", name);
	return bad_file(r, path, "min_bandwidth %u or bandwidth_gran %u is above the most, %" PRIu64, mb->min, mb->gran,
			mb->max);
}

static int read_all(struct reader *r)
{
	struct rdt_caps *caps = r->caps;

	caps->source = strdup(r->root);
	if (!caps->source)
		return no_memory(r);
	/* What cannot be looked into is not the same as not there. */
	if (faccessat(r->dir, "info/.", F_OK, 0) && errno != ENOENT)
		return bad_file(r, "info", "%s", strerror(errno));
	if (read_infos(r))
		return -1;
	if (caps->closids && read_groups(r))
		return -1;
	settle_unit(&caps->mb, &r->mb, exists(r, "mba_MBps_event") || mounted_with_mbps(r));
	settle_unit(&caps->smba, &r->smba, false);
	caps->l3.cdp_capable |= caps->l3.present && cpu_has(r, "cdp_l3");
	caps->l2.cdp_capable |= caps->l2.present && cpu_has(r, "cdp_l2");
	return check_bandwidth(r, "MB", &caps->mb) || check_bandwidth(r, "SMBA", &caps->smba) ? -1 : 0;
}

static int no_resctrl(const struct reader *r)
{
	r->caps->source = strdup(r->root);
	return r->caps->source ? 0 : no_memory(r);
}

static int read_root(struct reader *r, const char *proc)
{
	struct statfs fs;
	int rc;

	r->dir = open(r->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r->dir < 0 && errno == ENOENT)
		return no_resctrl(r);
	if (r->dir < 0)
		return isolat_fail(r->err, ISOLAT_FAILED, "open resctrl", r->root, "%s", strerror(errno));
	r->proc = proc;
	if (!proc && !fstatfs(r->dir, &fs) && (unsigned long)fs.f_type == RDTGROUP_SUPER_MAGIC)
		r->proc = "/proc";
	rc = read_all(r);
	close(r->dir);
	if (rc)
		rdt_caps_free(r->caps);
	return rc;
}

int rdt_caps_read_with(const char *root, const char *proc, struct rdt_caps *caps, struct isolat_error *err)
{
	struct reader *r = calloc(1, sizeof(*r));
	int rc;

	*caps = (struct rdt_caps){ 0 };
	if (!r)
		return isolat_fail(err, ISOLAT_FAILED, "read resctrl", root ? root : DEFAULT_ROOT, "out of memory");
	r->root = root ? root : DEFAULT_ROOT;
	r->caps = caps;
	r->err = err;
	rc = read_root(r, proc);
	free(r);
	return rc;
}

int rdt_caps_read(const char *root, struct rdt_caps *caps, struct isolat_error *err)
{
	return rdt_caps_read_with(root, NULL, caps, err);
}
