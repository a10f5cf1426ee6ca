/* SPDX-License-Identifier: BSD-3-Clause */
/* What is asked for a VM of the exitless timer: on a command line, or over the control socket. */
#ifndef ISOLAT_TIMER_VM_CONFIG_H
#define ISOLAT_TIMER_VM_CONFIG_H

#include <stdbool.h>
#include <sys/types.h>
#include <jansson.h>

#include "isolat/error.h"
#include "profile.h"

/* Where the daemon's sockets are, unless it is told otherwise; and the name of its own there. */
#define TIMER_RUN_DIR	     "/run/isolat/timer"
#define TIMER_CONTROL_SOCKET "control"

#define TIMER_DEFAULT_SLOTS 16

/* Of a VM's socket. */
struct timer_access {
	uid_t user; /* (uid_t)-1: the daemon's */
	gid_t group;
	mode_t mode;
};

#define TIMER_ACCESS_DEFAULT                                                     \
	{                                                                        \
		.user = (uid_t)-1, .group = (gid_t)-1, .mode = S_IRUSR | S_IWUSR \
	}

struct timer_vm_config {
	char name[PROFILE_MAX_NAME + 1];
	unsigned int slots; /* vCPUs that it can have: vectors= of its device */
	int node;	    /* the NUMA node whose scanner it gets; -1: any */
	struct timer_access access;
};

/* Reads NAME[:SLOTS][@NODE]; what is not there stays as it is. ISOLAT_USAGE if it is none of that. */
int timer_vm_config_parse(const char *text, struct timer_vm_config *config, struct isolat_error *err);

/* Reads NAME alone. */
int timer_vm_config_name(const char *text, struct timer_vm_config *config, struct isolat_error *err);

/* A user or group by name or number, and an octal mode that gives nothing to others. ISOLAT_USAGE otherwise. */
int timer_access_user(const char *text, struct timer_access *access, struct isolat_error *err);
int timer_access_group(const char *text, struct timer_access *access, struct isolat_error *err);
int timer_access_mode(const char *text, struct timer_access *access, struct isolat_error *err);

/* As JSON, and back: strict, like the above. */
json_t *timer_vm_config_to_json(const struct timer_vm_config *config);
int timer_vm_config_from_json(const json_t *value, struct timer_vm_config *config, struct isolat_error *err);

#endif
