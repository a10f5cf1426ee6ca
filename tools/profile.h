/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An isolation profile: what the VMs of a host are to get. isolat-profile(5) has every key. A profile that was read is
 * right in itself: what it names is there, numbers are in range and in plain units, defaults are filled in. Whether a
 * machine can bear it is the plan's to say, with profile_where() for the place.
 */
#ifndef ISOLAT_PROFILE_H
#define ISOLAT_PROFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <isolat/error.h>

#define PROFILE_DEFAULT_FILE "/etc/isolat/profile.yaml"

/* Limits of isolat-profile(5). */
#define PROFILE_MAX_FILE	 (1U << 20) /* bytes */
#define PROFILE_MAX_CLASSES	 128
#define PROFILE_MAX_VMS		 1024
#define PROFILE_MAX_NAME	 64   /* characters */
#define PROFILE_MAX_TEXT	 255  /* of a QEMU or libvirt name */
#define PROFILE_MAX_PATH	 1023 /* of a cgroup, or of a list of CPUs */
#define PROFILE_MAX_WAYS	 64
#define PROFILE_MAX_BYTES	 ((uint64_t)1 << 62)
#define PROFILE_MIN_MEMORY	 ((uint64_t)1 << 20)
#define PROFILE_MAX_MBPS	 4000000
#define PROFILE_MAX_VCPUS	 4096
#define PROFILE_MAX_NODE	 1023
#define PROFILE_MAX_CPU		 8191
#define PROFILE_MAX_PID		 4194303
#define PROFILE_MAX_FREE_CLOSIDS 15
#define PROFILE_PERCENT_100	 100000 /* PROFILE_PERCENT's unit is a thousandth of a percent */

/* Where something stands in the file; line 0 where it does not stand there: a default, or the short form of a VM. */
struct profile_place {
	unsigned int line;
};

enum profile_unit {
	PROFILE_UNSET,	 /* not asked for: value is 0 */
	PROFILE_WAYS,	 /* of a cache: 1 to PROFILE_MAX_WAYS */
	PROFILE_PERCENT, /* of a cache's ways, or of the memory bandwidth: 1 to PROFILE_PERCENT_100 */
	PROFILE_BYTES,	 /* of a cache: 1 to PROFILE_MAX_BYTES */
	PROFILE_MBPS	 /* memory bandwidth, 10^6 bytes a second: 1 to PROFILE_MAX_MBPS */
};

struct profile_amount {
	enum profile_unit unit;
	uint64_t value;
	struct profile_place place;
};

enum profile_memory { PROFILE_MEMORY_LOCAL, PROFILE_MEMORY_ANY };

/*
 * What its VMs get. Cache and bandwidth are for each VM if exclusive, and for all VMs of the class together if not.
 * l3 excludes l3_code and l3_data, which are both set or both not; exclusive and io_ways imply that L3 is asked for.
 */
struct profile_class {
	char name[PROFILE_MAX_NAME + 1]; /* no other class has it */
	struct profile_place place;
	bool dedicated;	  /* each vCPU has a CPU of its own; else VMs of shared classes share cores */
	bool whole_cores; /* SMT siblings are not given to anybody else; only if dedicated */
	bool exclusive;	  /* a VM's L3 ways are nobody else's, and it has a CLOSID of its own */
	bool io_ways;	  /* may be given L3 ways that I/O uses */
	struct profile_amount l3, l3_code, l3_data, l2, bandwidth;
	enum profile_memory memory;
};

enum profile_match_by {
	PROFILE_BY_NAME,   /* of the VM's process: QEMU's -name */
	PROFILE_BY_DOMAIN, /* libvirt's name */
	PROFILE_BY_CGROUP, /* path below /sys/fs/cgroup, without a slash at either end */
	PROFILE_BY_PID
};

/* How a VM is recognised; no two VMs have the same. */
struct profile_match {
	enum profile_match_by by;
	char *text;	  /* NULL if by pid */
	unsigned int pid; /* 0 if by text */
	struct profile_place place;
};

#define PROFILE_ANY_NODE (~0U)

struct profile_vm {
	char name[PROFILE_MAX_NAME + 1]; /* no other VM has it */
	struct profile_place place;
	struct profile_match match; /* by name, its own, unless the file says otherwise */
	unsigned int class;	    /* an index into classes */
	unsigned int vcpus;
	uint64_t memory;     /* bytes */
	unsigned int node;   /* the kernel's number, or PROFILE_ANY_NODE: chosen */
	bool span_nodes;     /* may be spread over nodes; only with any node */
	bool exitless_timer; /* wanted */
};

struct profile {
	char *file; /* as it was named to profile_read() */
	struct profile_class *classes;
	unsigned int n_classes; /* at least 1 */
	struct profile_vm *vms;
	unsigned int n_vms;
	unsigned int housekeeping_cores; /* whole cores in all, chosen; 0 if housekeeping_cpus are given */
	char *housekeeping_cpus;	 /* a list such as "0-1,8", as in cpuset.cpus; or NULL */
	struct profile_place housekeeping_place;
	char *agent_cpus;		/* the timer agents', likewise; NULL: one a node that needs it, chosen */
	struct profile_amount agent_l3; /* ways of each agent's own */
	struct profile_place agent_place;
	unsigned int free_closids; /* to be left for others */
	struct profile_place closids_place;
};

/*
 * Reads a profile, of standard input if @file is "-". Returns 0, and the caller frees; or -1 with @err filled and *@p
 * empty. An error in the file has FILE:LINE as its object, a reason that begins with the path of the key, and
 * ISOLAT_USAGE.
 */
int profile_read(const char *file, struct profile *p, struct isolat_error *err);

/* The same for @n bytes of text, called @name in messages. */
int profile_read_text(const char *name, const char *text, size_t n, struct profile *p, struct isolat_error *err);

/* Also for an empty (zeroed) one. */
void profile_free(struct profile *p);

/*
 * Reads the short form of a VM that is not in @p's file but would use its classes:
 * "vcpus=4,memory=8GiB,class=latency[,node=1][,name=x][,span_nodes=yes][,exitless_timer=yes]". Keys, values and
 * defaults are the file's; a VM without a name is "new-vm". The caller frees.
 */
int profile_parse_vm(const char *text, const struct profile *p, struct profile_vm *vm, struct isolat_error *err);
void profile_vm_free(struct profile_vm *vm);

/*
 * "FILE:LINE" for an error's object; without the line where @place has none. The front of a long file name is cut, the
 * line never. Returns @buffer.
 */
char *profile_where(const char *file, struct profile_place place, char *buffer, size_t size);

#endif
