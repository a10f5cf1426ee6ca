/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A host as isolat plans on it: logical CPUs, the cores, caches, NUMA nodes, dies and packages that they belong to, and
 * the PCI devices near them. Read through hwloc from this machine or from a description of another; flat arrays, and
 * numbers between them are indexes into these arrays, unless they are called "os" or "id": those are the kernel's.
 */
#ifndef ISOLAT_TOPOLOGY_H
#define ISOLAT_TOPOLOGY_H

#include <stdbool.h>
#include <stdint.h>
#include <jansson.h>

#include <isolat/error.h>

#define TOPOLOGY_NONE (~0U) /* of an index: there is none, or it is not known */

/* CPU numbers are below this, the most that a kernel can be built for. */
#define TOPOLOGY_MAX_CPUS 8192

struct topology_cpu {
	unsigned int os;   /* the kernel's number */
	unsigned int core; /* TOPOLOGY_NONE if offline, like all below */
	unsigned int l2, l3, node, die, package;
	bool online;
};

#define TOPOLOGY_MAX_SMT 8

/*
 * The die and the package are always there; l2 is not on a machine without, l3 not for the cores of a hybrid machine
 * that reach memory past it, node not where a description leaves it out.
 */
struct topology_core {
	unsigned int n_cpus;
	unsigned int cpus[TOPOLOGY_MAX_SMT]; /* indexes of the online ones, in ascending order */
	unsigned int l2, l3, node, die, package;
};

/* An L2 or L3. */
struct topology_cache {
	unsigned int id; /* the kernel's, and so the RDT domain's */
	uint64_t bytes;
	unsigned int n_cores;
};

struct topology_node {
	unsigned int os;
	uint64_t bytes;	      /* of memory */
	unsigned int n_cores; /* 0: memory only */
	unsigned int package; /* TOPOLOGY_NONE: of no single one */
};

/* A PCI device, once for each name that it has. */
struct topology_device {
	char name[32];	   /* "eth0", "nvme0n1"; empty if it has none, as one that VFIO holds */
	char bus[16];	   /* "0000:3b:00.0" */
	unsigned int node; /* the nearest; TOPOLOGY_NONE where all are alike, or the firmware does not tell */
};

struct topology {
	char *source; /* for messages: "this machine", or what it was read from */
	bool live;    /* it is this machine: a plan on it may be applied */
	unsigned int n_cpus, n_cores, n_l2, n_l3, n_nodes, n_dies, n_packages, n_devices;
	unsigned int l3_level;		/* 3; else the cache level that is in the L3's place, 0: the package */
	struct topology_cpu *cpus;	/* ascending by os; those offline too, as far as they are known */
	struct topology_core *cores;	/* ascending by their first CPU; whole cores that are online at least in part */
	struct topology_cache *l2, *l3; /* ascending by id */
	struct topology_node *nodes;	/* ascending by os */
	struct topology_device *devices;
};

/*
 * Reads the machine that @source names: NULL is this one; else an hwloc XML file, a folder that holds a copy of sys, or
 * a synthetic description ("pack:2 l3:1 core:8 pu:2"). What hwloc refuses, what is too large, and what has no CPU,
 * fails with ISOLAT_USAGE. A machine without an L3 has each package's outermost cache, or the package itself with 0
 * bytes, in its place. Cache ids come from hwloc's os_index, else from sysfs (cache/index3/id), else ascending from 0.
 * Dies and packages count from 0 in the order of their first CPUs. The caller frees.
 *
 * What is not this machine is read in a child process, which hwloc may crash. hwloc takes some of its settings from the
 * environment alone: while this machine is read, environ is another array. Not to be called while other threads use the
 * environment.
 */
int topology_read(const char *source, struct topology *t, struct isolat_error *err);

/* As topology_read() of an XML file @name, which is in memory already: @size bytes and a NUL. */
int topology_read_xml(const char *name, const char *xml, size_t size, struct topology *t, struct isolat_error *err);

void topology_free(struct topology *t);

/*
 * As JSON, the value of "topology" in what `isolat topology --json` writes (documented in isolat-topology(1)), and
 * back: what is missing, of another type, out of range or contradicts itself fails with ISOLAT_USAGE, and the reason
 * begins with its key. What came from JSON is never live.
 */
json_t *topology_to_json(const struct topology *t);
int topology_from_json(const json_t *value, struct topology *t, struct isolat_error *err);

#endif
