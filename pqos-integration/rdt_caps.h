/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a host's Resource Director Technology (Intel) or QoS (AMD) can do, as resctrl tells it, and who holds what of
 * it. Sizes are in bits of a capacity mask (CBM, "ways"), bandwidth in what the schemata file takes.
 */
#ifndef ISOLAT_RDT_CAPS_H
#define ISOLAT_RDT_CAPS_H

#include <stdbool.h>
#include <stdint.h>
#include <jansson.h>

#include <isolat/error.h>

#include "rdt_schemata.h"

#define RDT_MAX_WAYS 64

struct rdt_cache_caps {
	bool present;
	bool cdp;	       /* code and data apart, now: mounted so, and closids is halved already */
	bool cdp_capable;      /* could be: always with cdp; without, only this machine's own resctrl knows */
	bool sparse;	       /* masks need not be contiguous */
	unsigned int ways;     /* bits of the mask */
	unsigned int min_ways; /* at least 1. AMD would take the empty mask too, which no plan wants */
	unsigned int closids;
	uint64_t shareable; /* ways that I/O uses too (DDIO) */
};

enum rdt_mb_unit {
	RDT_MB_PERCENT,	 /* of each core's own, Intel */
	RDT_MB_MBPS,	 /* MB/s, by the kernel's controller: mounted with mba_MBps */
	RDT_MB_EIGHTH_GB /* 1/8 GB/s, AMD */
};

struct rdt_mb_caps {
	bool present;
	enum rdt_mb_unit unit;
	unsigned int closids;
	unsigned int min;  /* 0 with MB/s: the kernel checks nothing then; 0 on AMD */
	unsigned int gran; /* values are rounded up to a multiple of it; 1 but for percent */
	uint64_t max;	   /* what "not throttled" is written as: 100, 2048, 4294967295 */
};

/* A group that is there already. The default group is called "". */
struct rdt_group {
	char name[256]; /* any bytes but '/' and newline: who prints it makes it safe */
	bool exclusive; /* nobody else may have its ways. Set up for pseudo-locking: exclusive, without masks yet */
	/*
	 * Its ways hold locked data: exclusive is set too. Such a group has given its CLOSID back, so it does not count
	 * against closids, and it has a mask in one domain at most.
	 */
	bool pseudo_locked;
	struct rdt_group_masks l3, l3_code, l2, l2_code, mb, smba; /* with CDP, l3 and l2 are the data's */
};

struct rdt_caps {
	char *source; /* for messages: the root, the short form, or what JSON says */
	bool present; /* false: none of it; everything below is then empty */
	struct rdt_cache_caps l3, l2;
	struct rdt_mb_caps mb, smba;
	unsigned int closids; /* the least of the above: groups that there can be, the default one too; or 0 */
	bool monitoring;
	unsigned int rmids;
	struct rdt_group default_group; /* has a mask for every domain of every resource; without domains on paper */
	struct rdt_group *groups; /* that exist: others' and isolat's, without the default one; ascending by name */
	unsigned int n_groups;
};

/*
 * From @root, a resctrl mount or a copy of one (NULL: /sys/fs/resctrl). No resctrl there is no error: present is false.
 * What cannot be understood is, with ISOLAT_FAILED and the file in err->object. The caller frees.
 *
 * Takes no lock: who reads in order to change what was read holds an flock on the root. A group that is removed
 * meanwhile is left out. Files and resources that isolat does not know are ignored.
 *
 * The unit of MB is 1/8 GB/s where info/MB/delay_linear says 0 (max is then 2048, or the next power of two from the
 * largest limit that a group has), MB/s where a group has more than 100 or a file mba_MBps_event, else percent. Where
 * info has no sparse_masks (before 6.7), masks may be sparse if min_cbm_bits is 0, as AMD's is.
 */
int rdt_caps_read(const char *root, struct rdt_caps *caps, struct isolat_error *err);

/*
 * The same, where resctrl does not tell all: @proc is the /proc of the machine that @root is of, whose mounts say
 * whether it is mounted with mba_MBps and whose cpuinfo says cdp_capable; NULL if there is none. rdt_caps_read() takes
 * /proc when @root is a mounted resctrl.
 */
int rdt_caps_read_with(const char *root, const char *proc, struct rdt_caps *caps, struct isolat_error *err);

/*
 * From a short form, for machines that exist on paper: "l3ways=16,closids=16,mbgran=10", comma-separated KEY=VALUE in
 * any order, each key once; or "none", a machine without. What is wrong fails with ISOLAT_USAGE and names the key.
 *
 *   l3ways=1..64          there is L3 allocation, with masks of so many ways
 *   l3min=1..l3ways       the least ways of a mask (default 1)
 *   l3io=HEX              ways that I/O uses too, within l3ways; without 0x (default 0)
 *   l2ways=1..64          there is L2 allocation, with masks of so many ways
 *   l2min=1..l2ways       the least ways of a mask (default 1)
 *   closids=1..65536      of each resource, as they are: not halved again by cdp=1 (default 16, 8 with cdp=1)
 *   cdp=0|1               mounted with code and data apart, in each cache that has ways (default 0)
 *   sparse=0|1            masks need not be contiguous, in each cache that has ways (default 0)
 *   mb=percent|mbps|amd   there is bandwidth allocation, in this unit (default percent, with mbgran or mbmin)
 *   mbgran=1..MAX         there is bandwidth allocation, with this granularity (default 10; mbps and amd: 1)
 *   mbmin=0..MAX          there is bandwidth allocation, with this least value (default mbgran; mbps and amd: 0)
 *   rmids=1..4294967295   there is monitoring, with so many RMIDs
 *
 * MAX is 100 for percent, 4294967295 for mbps and 2048 for amd; percent has no mbmin=0. l3min and l3io need l3ways,
 * l2min needs l2ways, cdp and sparse need one of l3ways and l2ways, and closids needs something to allocate. There is
 * no group but the default one, whose masks are empty: which domains there are is the topology's to say.
 */
int rdt_caps_parse(const char *text, struct rdt_caps *caps, struct isolat_error *err);

/* Also of what a call that failed, or nothing but zeros, has left. */
void rdt_caps_free(struct rdt_caps *caps);

/* Sets present and closids from the resources. */
void rdt_caps_derive(struct rdt_caps *caps);

/* The mask of all of @ways, up to RDT_MAX_WAYS. */
uint64_t rdt_full_mask(unsigned int ways);

/* "percent", "mbps", "amd": as in the short form and in JSON. False if @name is none. */
const char *rdt_mb_unit_name(enum rdt_mb_unit unit);
bool rdt_mb_unit_find(const char *name, enum rdt_mb_unit *unit);

/* What "not throttled" is in a unit: 100, 4294967295, 2048. */
uint64_t rdt_mb_unit_max(enum rdt_mb_unit unit);

/*
 * As JSON, the value of "rdt" in what `isolat topology --json` writes (documented in isolat-topology(1)), and back:
 * what is missing, of another type or out of range fails with ISOLAT_USAGE and names its key in err->object
 * ("rdt.l3.ways", "rdt.groups[2].mb.0"). Keys that are not below are ignored. The caller owns the value; NULL is for
 * want of memory.
 *
 *   source         string: what it was read from; if that is no UTF-8, each byte beyond ASCII is shown as '?'
 *   present        boolean: there is any of it. When false: l3, l2, mb and smba are null, monitoring is false,
 *                  closids and rmids are 0, and no group has anything
 *   closids        integer: groups that there can be, the default one too: the least of the resources'; 0 if none
 *   monitoring     boolean: occupancy or bandwidth can be measured
 *   rmids          integer: monitoring ids; from 1 with monitoring, else 0
 *   l3, l2         null without allocation in this cache, or an object of
 *     ways         integer, 1 to 64: bits of its masks
 *     min_ways     integer, 1 to ways: the least that a mask may have
 *     closids      integer, 1 to 65536
 *     cdp          boolean: mounted with code and data apart; closids is halved already
 *     cdp_capable  boolean: could be; true with cdp
 *     sparse       boolean: masks need not be contiguous
 *     shareable    mask: ways that I/O uses too
 *   mb, smba       null without allocation of (slow) memory's bandwidth, or an object of
 *     unit         string: "percent", "mbps" (MB/s), "amd" (1/8 GB/s)
 *     closids      integer, 1 to 65536
 *     min          integer, 0 to max: the least value
 *     gran         integer, 1 to max: values are rounded up to a multiple of it
 *     max          integer, 1 to 4294967295: the value that throttles nothing
 *   default_group  object: the default group, as an element of groups, but without name
 *   groups         array of at most 1024 objects, the other groups:
 *     name         string, 1 to 255 bytes: its folder's name, with '?' as in source
 *     mode         string: "shareable", "exclusive" or "pseudo-locked"
 *     l3, l2       object of its masks by domain, with CDP those of data: each key is the domain's id in decimal, 0 to
 *                  255 and without leading zeros, each value a mask. Empty without the resource
 *     l3_code      the same with CDP, of code; without it empty
 *     l2_code      the same with CDP, of code; without it empty
 *     mb, smba     the same of bandwidths: each value is an integer, 0 to max
 *
 * A mask is a string: hex, without 0x, 1 to 16 digits, within the ways of its cache.
 */
json_t *rdt_caps_to_json(const struct rdt_caps *caps);
int rdt_caps_from_json(const json_t *value, struct rdt_caps *caps, struct isolat_error *err);

#endif
