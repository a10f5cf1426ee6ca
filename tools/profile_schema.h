/* SPDX-License-Identifier: BSD-3-Clause */
/* The schema of a profile: what libcyaml checks and loads, every value as the text that it is in the file. */
#ifndef ISOLAT_PROFILE_SCHEMA_H
#define ISOLAT_PROFILE_SCHEMA_H

#include "profile_yaml.h"

/* Keys by their names; NULL where one is not there. Numbers and units are profile_values.h's business. */
struct profile_raw_cache {
	char *l3, *l3_code, *l3_data, *l2, *exclusive, *io_ways;
};

struct profile_raw_class {
	char *name, *cores, *whole_cores, *bandwidth, *memory;
	struct profile_raw_cache *cache;
};

struct profile_raw_match {
	char *name, *domain, *cgroup, *pid;
};

struct profile_raw_vm {
	char *name, *class, *vcpus, *memory, *node, *span_nodes, *exitless_timer;
	struct profile_raw_match *match;
};

struct profile_raw_housekeeping {
	char *cores, *cpus;
};

struct profile_raw_agent_cache {
	char *l3;
};

struct profile_raw_agent {
	char *cpus;
	struct profile_raw_agent_cache *cache;
};

struct profile_raw_closids {
	char *free;
};

struct profile_raw {
	char *version;
	struct profile_raw_class *classes;
	struct profile_raw_vm *vms;
	unsigned int classes_count, vms_count;
	struct profile_raw_housekeeping *housekeeping;
	struct profile_raw_agent *timer_agent;
	struct profile_raw_closids *closids;
};

/* Loads @n bytes of @text, whose tree is @root. Returns 0, and the caller frees; or -1 with @err filled. */
int profile_schema_load(const char *file, const char *text, size_t n, const struct profile_node *root,
			struct profile_raw **raw, struct isolat_error *err);
void profile_schema_free(struct profile_raw *raw);

#endif
