// SPDX-License-Identifier: BSD-3-Clause
/* The kernel's resctrl as an engine: opening it, and its table of operations. */
#include "rdt_resctrl.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#define DEFAULT_ROOT "/sys/fs/resctrl"
#define DEFAULT_PROC "/proc"

static void close_engine(struct rdt_engine *e)
{
	struct rdt_resctrl *r = rdt_resctrl_of(e);

	rdt_resctrl_unlock(e);
	if (r->dir >= 0)
		close(r->dir);
	free(r->root);
	free(r->proc);
	free(r);
}

static int read_caps(struct rdt_engine *e, struct rdt_caps *caps, struct isolat_error *err)
{
	const struct rdt_resctrl *r = rdt_resctrl_of(e);

	return rdt_caps_read_with(r->root, r->proc_knows_it ? r->proc : NULL, caps, err);
}

static const struct rdt_engine_ops resctrl_ops = {
	.name = "resctrl",
	.close = close_engine,
	.lock = rdt_resctrl_lock,
	.unlock = rdt_resctrl_unlock,
	.read_caps = read_caps,
	.list = rdt_resctrl_list,
	.list_monitors = rdt_resctrl_list_monitors,
	.make = rdt_resctrl_make,
	.remove = rdt_resctrl_remove,
	.read_schemata = rdt_resctrl_read_schemata,
	.write_schemata = rdt_resctrl_write_schemata,
	.read_cpus = rdt_resctrl_read_cpus,
	.write_cpus = rdt_resctrl_write_cpus,
	.read_tasks = rdt_resctrl_read_tasks,
	.find_task = rdt_resctrl_find_task,
	.move_task = rdt_resctrl_move_task,
	.read_monitors = rdt_resctrl_read_monitors,
	.read_usage = rdt_resctrl_read_usage,
};

/* The kernel makes the folder at boot where the CPU has any of it: a missing folder is a machine without. */
static int not_there(const struct rdt_resctrl *r, struct isolat_error *err)
{
	isolat_fail(err, ISOLAT_UNSUPPORTED, "open resctrl", r->root,
		    "not there: the CPU has no resource control (Intel RDT, AMD QoS), or the kernel no resctrl");
	return isolat_hint(err, "look for cat_l3, mba and cqm in /proc/cpuinfo, and for rdt= in /proc/cmdline");
}

static int not_mounted(const struct rdt_resctrl *r, struct isolat_error *err)
{
	isolat_fail(err, ISOLAT_UNSUPPORTED, "open resctrl", r->root, "not mounted");
	return isolat_hint(err, "mount -t resctrl resctrl %s", r->root);
}

static int open_root(struct rdt_resctrl *r, struct isolat_error *err)
{
	struct statfs fs;

	r->dir = open(r->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r->dir < 0 && errno == ENOENT)
		return not_there(r, err);
	if (r->dir < 0)
		return rdt_resctrl_fail(r, errno, "open resctrl", "", "", err);
	if (!fstatfs(r->dir, &fs) && (unsigned long)fs.f_type == RDTGROUP_SUPER_MAGIC) {
		r->proc_knows_it = true;
		return 0;
	}
	/* A copy, or a simulated one. */
	return faccessat(r->dir, "info/.", F_OK, 0) && errno == ENOENT ? not_mounted(r, err) : 0;
}

int rdt_resctrl_open(const struct rdt_engine_config *config, struct rdt_engine **e, struct isolat_error *err)
{
	const char *root = config->root ? config->root : DEFAULT_ROOT;
	struct rdt_resctrl *r = calloc(1, sizeof(*r));
	int rc = -1;

	*e = NULL;
	if (!r)
		return isolat_fail(err, ISOLAT_FAILED, "open resctrl", root, "out of memory");
	r->base.ops = &resctrl_ops;
	r->dir = -1;
	r->lock_ms = config->lock_ms;
	r->root = strdup(root);
	r->proc = strdup(config->proc ? config->proc : DEFAULT_PROC);
	r->proc_knows_it = config->proc;
	if (!r->root || !r->proc)
		isolat_fail(err, ISOLAT_FAILED, "open resctrl", root, "out of memory");
	else
		rc = open_root(r, err);
	if (rc)
		close_engine(&r->base);
	else
		*e = &r->base;
	return rc;
}
