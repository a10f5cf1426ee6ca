/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What machine it is: sockets, cores, caches, and what RDT has on it. Read only once it is made.
 *
 * CPUs are numbered as Linux does on Intel and AMD servers: the first threads of all cores, socket by socket, then the
 * second ones.
 */
#ifndef SIM_MACHINE_H
#define SIM_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

#include "sim_cpus.h"

#define SIM_MAX_DOMAINS 64
#define SIM_MAX_CLOSIDS 128

enum sim_resource_id { SIM_L3, SIM_L2, SIM_MB, SIM_SMBA, SIM_RESOURCES };

struct sim_domain {
	unsigned int id;
	struct sim_cpus cpus; /* all that are possible */
};

/* A resource whose shares can be set. */
struct sim_resource {
	const char *name;
	bool cache;	      /* else bandwidth */
	unsigned int closids; /* 0: the machine has no such resource */
	unsigned int domains;
	struct sim_domain domain[SIM_MAX_DOMAINS];

	/* caches */
	unsigned int ways, min_ways;
	uint32_t shareable; /* ways that I/O fills too */
	bool sparse, cdp_capable;
	uint64_t bytes; /* of one cache */

	/* bandwidth */
	uint32_t max;
	unsigned int min, gran;
	bool linear;
};

struct sim_machine {
	const char *name;
	bool amd;
	unsigned int sockets, l3s, nodes; /* L3s and NUMA nodes are of each socket */
	unsigned int cores, threads;	  /* of each socket; of each core */
	unsigned int l2_cores;		  /* share one L2, where L2 can be allocated */
	uint64_t l2_bytes, l3_bytes, node_bytes;
	struct sim_resource resource[SIM_RESOURCES];
	unsigned int rmids; /* 0: no monitoring */
	bool bandwidth_events;
	const char *mount_options; /* that it is mounted with at the start */
};

/* Makes the machine called @name; false if there is none. */
bool sim_machine_init(struct sim_machine *m, const char *name);

/*
 * Changes its shape by one option, "sockets", "value 2"; then sim_machine_finish() makes the domains. Options: sockets,
 * l3s, nodes, cores, threads, ways, min-ways, io-ways (hex mask), sparse, closids, rmids, mb-closids, mb-gran, mb-min,
 * l3 (bytes), l2 and l2-... likewise, l2-cores. False if there is no such option or the value is none.
 */
bool sim_machine_set(struct sim_machine *m, const char *option, const char *value);
bool sim_machine_finish(struct sim_machine *m);

const char *sim_machine_names(void);

unsigned int sim_machine_cpus(const struct sim_machine *m);
unsigned int sim_machine_socket(const struct sim_machine *m, unsigned int cpu);
unsigned int sim_machine_core(const struct sim_machine *m, unsigned int cpu); /* counted through all sockets */
unsigned int sim_machine_l3(const struct sim_machine *m, unsigned int cpu);
unsigned int sim_machine_node(const struct sim_machine *m, unsigned int cpu);

#endif
