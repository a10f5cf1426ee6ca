/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A host to plan for: its topology and its RDT capabilities, from this machine, from a file that `isolat topology
 * --json` wrote, or from what the options --topology and --caps name.
 */
#ifndef ISOLAT_HOST_H
#define ISOLAT_HOST_H

#include "rdt_caps.h"
#include "topology.h"

struct host {
	struct topology topology;
	struct rdt_caps caps;
};

/*
 * @topology: NULL is this machine; else what topology_read() takes, or a file of `isolat topology --json`. @caps: NULL
 * is this machine's resctrl if the topology is this machine's, and that of the JSON file if it came from one (else
 * none); or such a JSON file, the root of a (copied) resctrl, or the short form of rdt_caps_parse(). The caller frees.
 */
int host_read(const char *topology, const char *caps, struct host *host, struct isolat_error *err);
void host_free(struct host *host);

/* {"format": "isolat-topology", "version": 1, "topology": {...}, "rdt": {...}}; owned by the caller. */
json_t *host_to_json(const struct host *host);

#endif
