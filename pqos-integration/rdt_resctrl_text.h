/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the kernel writes into the small files of resctrl and of procfs, taken apart. No function here opens anything;
 * @length bytes at @text may be any bytes.
 */
#ifndef ISOLAT_RDT_RESCTRL_TEXT_H
#define ISOLAT_RDT_RESCTRL_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "rdt_engine.h"

/*
 * A tasks file: a TID a line. Threads of other PID namespaces are 0 to some kernels, and are left out. Returns how
 * many there are, ascending in *tids, which the caller frees (NULL if none); -EINVAL for what is no TID, *line then
 * being its number from 1; -ENOMEM.
 */
ssize_t rdt_text_tasks(const char *text, size_t length, pid_t **tids, size_t *line);

/* Whether it is a list of CPUs as the kernel prints them, "0-3,8", or nothing at all. */
bool rdt_text_is_cpu_list(const char *text, size_t length);

/*
 * /proc/TID/cpu_resctrl_groups, "res:CONTROL\nmon:MONITOR\n": the group as rdt_engine.h calls it, "" for the default
 * one, which the kernel calls "/". False if there is none: resctrl is not mounted, or this is something else.
 */
bool rdt_text_resctrl_group(const char *text, size_t length, char group[RDT_GROUP_PATH]);

/*
 * A bit_usage file, "0=XXSSS0;1=XX0000\n": a letter of RDT_USAGE_LETTERS for each way, as many in each domain. Fills
 * domain and ways of @usage[] for *n domains, 0 when all are
 * offline; false for what is no such text.
 */
bool rdt_text_bit_usage(const char *text, size_t length, struct rdt_usage usage[RDT_MAX_DOMAINS], size_t *n);

/* A counter in mon_data. */
enum rdt_text_count { RDT_TEXT_COUNT, RDT_TEXT_NO_COUNT /* "Unavailable" and the like */, RDT_TEXT_BAD };
enum rdt_text_count rdt_text_count(const char *text, size_t length, uint64_t *bytes);

/* "mon_L3_07": the domain. False for other names. */
bool rdt_text_mon_domain(const char *name, unsigned int *domain);

/*
 * One line of /proc/locks, without its newline: who holds, or (with @waits set) waits for, an flock on an inode.
 * False for locks of other kinds and for what is no such line.
 */
struct rdt_text_flock {
	bool waits;
	bool exclusive;
	pid_t pid;
	unsigned int major, minor;
	uint64_t inode;
};
bool rdt_text_flock(const char *line, size_t length, struct rdt_text_flock *lock);

/*
 * info/last_cmd_status as one line: its lines are joined by "; ", or the last of them is taken. What does not print is
 * '?'. Cut to @size. False if it says nothing, or "ok".
 */
enum rdt_text_lines { RDT_TEXT_ALL_LINES, RDT_TEXT_LAST_LINE };
bool rdt_text_status(const char *text, size_t length, enum rdt_text_lines lines, char *line, size_t size);

#endif
