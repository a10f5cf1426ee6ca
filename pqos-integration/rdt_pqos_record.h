/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the libpqos engines keep beside the host: libpqos knows classes of service (COS) by number, isolat groups by
 * name. The file FOLDER/pqos-groups is there while classes have names, or while an engine is open:
 *
 *   {"version": 1, "engine": "pqos-os", "classes": 16, "groups": {"isolat-db": 1}}
 *
 * The folders COS1 to COS(classes-1) of resctrl are isolat's then (pqos-os). It is written before they are made, and a
 * group's name once the class is clean, and taken out once it is again: so a kill at any time leaves no folder that
 * nobody owns, and no name that stands for nothing.
 */
#ifndef ISOLAT_RDT_PQOS_RECORD_H
#define ISOLAT_RDT_PQOS_RECORD_H

#include <stdbool.h>

#include <isolat/error.h>

#include "rdt_engine.h"

#define PQOS_MAX_CLASSES    16	  /* that libpqos 4.5 can have */
#define PQOS_RECORD_CLASSES 65536 /* that resctrl may have: libpqos makes a folder of each */

struct pqos_record {
	bool present;				     /* there is such a file */
	char engine[16];			     /* whose the classes are: "pqos-os", "pqos-msr" */
	unsigned int classes;			     /* with COS0 */
	char name[PQOS_MAX_CLASSES][RDT_GROUP_NAME]; /* by class; "" for COS0 and those that have none */
};

/* The class called @group; 0 for "", -1 if there is none. */
int pqos_record_find(const struct pqos_record *r, const char *group);

/* Whether no class has a name. */
bool pqos_record_is_empty(const struct pqos_record *r);

/* From the file in @folder; that it is not there is no error. What it cannot understand is: ISOLAT_FAILED. */
int pqos_record_read(const char *folder, struct pqos_record *r, struct isolat_error *err);

/* Puts @r in the place of what is there, at once and for good: after a crash there is the one or the other. */
int pqos_record_write(const char *folder, const struct pqos_record *r, struct isolat_error *err);

/* Removes the file. */
int pqos_record_remove(const char *folder, struct isolat_error *err);

#endif
