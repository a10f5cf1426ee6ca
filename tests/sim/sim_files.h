/* SPDX-License-Identifier: BSD-3-Clause */
/* The model as a tree of folders and files. Paths begin with '/', the mount's root being "/". */
#ifndef SIM_FILES_H
#define SIM_FILES_H

#include "sim.h"

enum sim_folder {
	SIM_FILE, /* no folder */
	SIM_GROUP,
	SIM_MON_GROUPS,
	SIM_MON_DATA,
	SIM_MON_DOMAIN,
	SIM_MON_CLUSTER,
	SIM_INFO,
	SIM_INFO_RESOURCE,
	SIM_INFO_MONITOR,
};

struct sim_file;

struct sim_node {
	enum sim_folder folder;
	struct sim_group *group;	 /* that it belongs to; NULL below info */
	const struct sim_schema *schema; /* below info */
	const struct sim_file *file;
	unsigned int first, counters; /* counters that it shows */
	enum sim_event event;
};

/* 0, or -ENOENT or -ENOTDIR. */
int sim_lookup(struct sim *sim, const char *path, struct sim_node *node);

/* Calls @add with each name in a folder. */
void sim_list(struct sim *sim, const struct sim_node *folder, void (*add)(void *to, const char *name), void *to);

bool sim_writable(const struct sim_node *file);
unsigned int sim_permissions(const struct sim_node *node); /* with the type */
int sim_read(struct sim *sim, const struct sim_node *file, FILE *out);

/* @text has room for a byte 0 behind its @n, and may be changed. Returns 0 or a negative errno. */
int sim_write(struct sim *sim, const struct sim_node *file, char *text, size_t n, pid_t caller);

int sim_mkdir(struct sim *sim, const char *path);
int sim_rmdir(struct sim *sim, const char *path);
int sim_rename(struct sim *sim, const char *from, const char *to);

#endif
