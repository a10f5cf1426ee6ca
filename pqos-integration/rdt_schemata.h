/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The text of a resctrl group's schemata file, as the kernel prints it:
 *
 *    MB:0= 100;1=  50
 *    L3:0=00f0;1=0fff
 *
 * One resource a line, its name right-aligned by blanks. Domains are separated by ';', each of a decimal id, '=', and a
 * value: a capacity mask in hex, with or without leading zeros (L2 and L3), or a decimal bandwidth, perhaps behind
 * blanks (MB and SMBA). With CDP a cache has two lines, L3CODE and L3DATA. A group that is set up for pseudo-locking
 * has "uninitialized" in place of its domains.
 */
#ifndef ISOLAT_RDT_SCHEMATA_H
#define ISOLAT_RDT_SCHEMATA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <isolat/error.h>

#define RDT_MAX_DOMAINS 256 /* of a resource; their ids are below it too, and may have gaps */

/* Of one group and resource, per domain, in the order of the line: the kernel's is ascending by id. */
struct rdt_group_masks {
	unsigned int n;
	unsigned int domain[RDT_MAX_DOMAINS]; /* ids */
	uint64_t value[RDT_MAX_DOMAINS];
};

enum rdt_schema {
	RDT_SCHEMA_L3,
	RDT_SCHEMA_L3CODE,
	RDT_SCHEMA_L3DATA,
	RDT_SCHEMA_L2,
	RDT_SCHEMA_L2CODE,
	RDT_SCHEMA_L2DATA,
	RDT_SCHEMA_MB,
	RDT_SCHEMA_SMBA,
	RDT_SCHEMAS
};

struct rdt_schemata {
	bool present[RDT_SCHEMAS]; /* there was such a line; it has no domains if it was "uninitialized" */
	struct rdt_group_masks line[RDT_SCHEMAS];
	unsigned int unknown; /* lines of resources that isolat does not know: a later kernel's */
};

/* "L3", "L3CODE" and so on. */
const char *rdt_schema_name(enum rdt_schema schema);

/*
 * Reads @length bytes at @text. @name is the file, for messages. Lines end in a newline, save that the last one need
 * not; no text at all is a group without resources (a machine that only monitors). Fails with ISOLAT_FAILED,
 * err->object being "NAME:LINE", on: anything that the kernel does not print so, among it empty lines, blanks
 * elsewhere, a byte 0, "0x", a resource or a domain given twice, a line without domains, ids of 256 or more, masks of
 * more than 64 bits, and bandwidths of more than 32. A line of an unknown resource is counted and not read further, if
 * its name is upper-case letters, digits and '_'. Whether the values suit the machine is not its business. @schemata is
 * undefined after a failure.
 */
int rdt_schemata_parse(const char *text, size_t length, const char *name, struct rdt_schemata *schemata,
		       struct isolat_error *err);

/*
 * The text of @schemata in its one form: a line for each resource that is present and has domains, in the order of enum
 * rdt_schema, without blanks and leading zeros, each ended by a newline: "L3:0=f0;1=fff\nMB:0=100;1=50\n". The caller
 * frees; NULL where there is no memory.
 */
char *rdt_schemata_print(const struct rdt_schemata *schemata);

/*
 * Puts the values of @changes over those of @schemata. Returns false, with @schemata undefined, if there is one of a
 * resource or domain that @schemata does not have.
 */
bool rdt_schemata_merge(struct rdt_schemata *schemata, const struct rdt_schemata *changes);

#endif
