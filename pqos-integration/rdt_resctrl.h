/* SPDX-License-Identifier: BSD-3-Clause */
/* The parts of the resctrl engine. rdt_engine.h says what they do; nobody else includes this, save rdt_engine.c. */
#ifndef ISOLAT_RDT_RESCTRL_H
#define ISOLAT_RDT_RESCTRL_H

#include "rdt_engine.h"
#include "rdt_resctrl_text.h"

/* "info", "mon_groups/..." and the like: bytes of a path below the root, with its end. */
#define RDT_RESCTRL_PATH (2 * RDT_GROUP_NAME + 64)

struct rdt_resctrl {
	struct rdt_engine base;
	char *root;
	char *proc;
	int dir;	    /* the root: all files are opened below it, and it is what is locked */
	bool proc_knows_it; /* proc tells of the resctrl at root: it is mounted, or proc was given along with it */
	bool locked;
	unsigned int lock_ms;
};

static inline struct rdt_resctrl *rdt_resctrl_of(struct rdt_engine *e)
{
	return (struct rdt_resctrl *)e;
}

/* Folders in the root that are no groups: "info", "mon_groups", "mon_data", "." and "..". */
bool rdt_resctrl_is_reserved(const char *name);

/* rdt_resctrl_file.c: a file, or what can stand against it. */

/* "GROUP/FILE", "FILE" for the default group; @file may be "". */
void rdt_resctrl_path(char path[RDT_RESCTRL_PATH], const char *group, const char *file);

/*
 * All of the file @path below @dir, however long, in one buffer with a byte 0 behind it that *length does not count.
 * Returns 0, and the caller frees; or -errno: -EINVAL if it is neither file nor folder.
 */
int rdt_resctrl_read_text(int dir, const char *path, char **text, size_t *length);

/* The same of @group's @file, with the error filled; sets gone. */
int rdt_resctrl_read(struct rdt_resctrl *r, const char *what, const char *group, const char *file, char **text,
		     size_t *length, struct isolat_error *err);

/*
 * Writes @text to @group's @file in one write(2). Returns 0, or the errno with the error filled: it tells what resctrl
 * says, in @lines of its status. Sets gone.
 */
int rdt_resctrl_write(struct rdt_resctrl *r, const char *what, const char *group, const char *file, const char *text,
		      enum rdt_text_lines lines, struct isolat_error *err);

/* Why @what failed with @code (an errno) on @path below the root. Sets gone if @group is not there. */
int rdt_resctrl_fail(struct rdt_resctrl *r, int code, const char *what, const char *group, const char *path,
		     struct isolat_error *err);

/* A file's text that cannot be understood. */
__attribute__((format(printf, 6, 7))) int rdt_resctrl_bad(struct rdt_resctrl *r, const char *what, const char *group,
							  const char *file, struct isolat_error *err,
							  const char *format, ...);

int rdt_resctrl_no_memory(const struct rdt_resctrl *r, const char *what, struct isolat_error *err);

/*
 * Adds to err->reason what info/last_cmd_status says. False if that is nothing, or "ok". Kernels up to 6.12, at least,
 * do not clear it for mkdir and for a write to cpus_list: what they say then comes behind what they said before, and
 * only the last line is this command's.
 */
bool rdt_resctrl_add_status(const struct rdt_resctrl *r, enum rdt_text_lines lines, struct isolat_error *err);

/* rdt_resctrl_lock.c */
int rdt_resctrl_lock(struct rdt_engine *e, bool exclusive, struct isolat_error *err);
void rdt_resctrl_unlock(struct rdt_engine *e);

/* rdt_resctrl_group.c */
int rdt_resctrl_list(struct rdt_engine *e, char ***names, size_t *n, struct isolat_error *err);
int rdt_resctrl_list_monitors(struct rdt_engine *e, const char *group, char ***names, size_t *n,
			      struct isolat_error *err);
int rdt_resctrl_make(struct rdt_engine *e, const char *group, struct isolat_error *err);
int rdt_resctrl_remove(struct rdt_engine *e, const char *group, struct isolat_error *err);

/* rdt_resctrl_schemata.c */
int rdt_resctrl_read_schemata(struct rdt_engine *e, const char *group, struct rdt_schemata *s,
			      struct isolat_error *err);
int rdt_resctrl_write_schemata(struct rdt_engine *e, const char *group, const char *text, struct isolat_error *err);
int rdt_resctrl_read_usage(struct rdt_engine *e, struct rdt_usage **usage, size_t *n, struct isolat_error *err);

/* rdt_resctrl_task.c: what is in a group, CPUs and threads */
int rdt_resctrl_read_cpus(struct rdt_engine *e, const char *group, char **list, struct isolat_error *err);
int rdt_resctrl_write_cpus(struct rdt_engine *e, const char *group, const char *list, struct isolat_error *err);
int rdt_resctrl_read_tasks(struct rdt_engine *e, const char *group, pid_t **tids, size_t *n, struct isolat_error *err);
int rdt_resctrl_find_task(struct rdt_engine *e, pid_t tid, char group[RDT_GROUP_PATH], struct isolat_error *err);
int rdt_resctrl_move_task(struct rdt_engine *e, const char *group, pid_t tid, struct isolat_error *err);

/* rdt_resctrl_monitor.c */
int rdt_resctrl_read_monitors(struct rdt_engine *e, const char *group, struct rdt_reading **readings, size_t *n,
			      struct isolat_error *err);

#endif
