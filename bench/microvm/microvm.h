/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Micro-VMs: boot a Debian kernel with a small initramfs of our own, run one program in it, and talk with that
 * program over a virtio-serial channel. Two kinds:
 *
 *   guest  everything that runs is in the initramfs: PID 1 (init.c), kernel modules and files added by name;
 *   host   the same initramfs mounts this machine's own root (virtiofs, read-only, a tmpfs overlay above it) and runs
 *          the program there: a whole host, with real KVM inside where nested KVM is asked for.
 *
 * A VM leaves nothing behind: initramfs and console live in memfds, sockets are pairs or abstract, and QEMU and
 * virtiofsd die with the process that started them, also on kill -9.
 *
 * The channel carries lines, "KIND TEXT\n". To the launcher: boot RELEASE, beat (a host VM, each second), out LINE (the
 * program's stdout), err LINE (its stderr), msg LINE (what it wrote to descriptor MICROVM_CHANNEL_FD), splat LINE (from
 * the kernel's log), leak LINE (leak scan), fatal TEXT (PID 1 could not do its part), exit STATUS. To the VM: msg LINE,
 * handed to the program on the same descriptor.
 */
#ifndef ISOLAT_MICROVM_H
#define ISOLAT_MICROVM_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "isolat/error.h"

/* The program in the VM reads and writes "msg" lines on this descriptor. */
#define MICROVM_CHANNEL_FD 3

/* Longer lines of the program arrive in pieces. */
#define MICROVM_LINE_MAX 65536

/* An emulated VM that has not booted by then hangs, and so does a host VM that has said nothing for that long. */
#define MICROVM_BOOT_LIMIT_S 40
/* The same under KVM, which may be an emulated one itself. */
#define MICROVM_KVM_LIMIT_S 120
/* One whose kernel told of a thread that died, and whose program says nothing more. */
#define MICROVM_STUCK_LIMIT_S 20

enum microvm_accel {
	MICROVM_ACCEL_AUTO, /* hardware KVM where a stock kernel was seen to boot on it, emulation otherwise */
	MICROVM_ACCEL_KVM,
	MICROVM_ACCEL_TCG,
};

enum microvm_rdt { MICROVM_RDT_NONE, MICROVM_RDT_INTEL, MICROVM_RDT_AMD };

/* A file to put into the initramfs. */
struct microvm_file {
	const char *from; /* path here */
	const char *to;	  /* absolute path in the VM; NULL: the same */
	bool libraries;	  /* @from is an executable: its shared libraries, if it has any, come along */
};

/* A kernel module that PID 1 loads before the program starts, its dependencies first. */
struct microvm_module {
	const char *name;   /* a name known to the kernel's modules.dep, or a path to a .ko */
	const char *params; /* may be NULL */
	bool load;	    /* false: put /isolat/modules/NAME.ko there for the program to load */
};

/* All strings are borrowed for the time of the VM. Zero is the default of every field. */
struct microvm_config {
	const char *name;   /* in messages; default: the program's name */
	const char *kernel; /* "6.1", a release, or an image's path; see kernel.h. Default: the running release */
	unsigned int vcpus; /* default 1 */
	unsigned int sockets, cores, threads; /* of the guest's topology; default: one socket, threads 1 */
	unsigned int nodes;		      /* NUMA nodes, CPUs spread evenly; default 1 */
	unsigned int memory_mib;	      /* default 256, a host VM 2048 */
	enum microvm_accel accel;
	enum microvm_rdt rdt;	 /* emulated RDT; only under emulation */
	const char *rdt_options; /* "features=l3+mba,ways=12": as rdt_emu.c documents; may be NULL */
	int rdt_state;		 /* a file for the emulator's state (rdt_state.h); 0: none */
	bool nested;		 /* KVM inside (emulated SVM, or the hardware's own); kept alive by an idle VM */
	bool host_root;		 /* a host VM */
	bool acpi_pc;		 /* machine "pc" (PCI, S3) in place of "microvm" */
	bool stock_image;	 /* not the uncompressed image, which boots faster, but does not come back from S3 */
	bool leak_scan;		 /* compare what the kernel holds before and after the program */
	long halt_poll_ns;	 /* host halt polling for this VM alone, under KVM, if has_halt_poll */
	bool has_halt_poll;	 /* whether halt_poll_ns is set */
	unsigned int timeout_s;	 /* hard limit from start to end; default 60. Boots have MICROVM_BOOT_LIMIT_S */
	const char *append;	 /* more kernel command line; may be NULL */
	const char *console;	 /* a file for the console's text; NULL: kept in memory, its end shown on failure */
	const struct microvm_file *files;
	size_t n_files;
	const struct microvm_module *modules;
	size_t n_modules;
	const char *const *devices; /* further "-device"-like QEMU arguments, whole: "-device", "x", .. */
	size_t n_devices;
	const char *const *argv; /* the program and its arguments, NULL-terminated */
};

enum microvm_event_kind {
	MICROVM_BOOT, /* the kernel runs; text: its release */
	MICROVM_OUT,
	MICROVM_ERR,
	MICROVM_MSG,
	MICROVM_SPLAT,
	MICROVM_LEAK,
	MICROVM_EXIT, /* the program ended and the VM is going down; status */
};

struct microvm_event {
	enum microvm_event_kind kind;
	const char *text; /* valid until the next call */
	int status;	  /* exit status of the program; 128 + signal where one ended it */
};

struct microvm;

/*
 * Starts a VM. On success *@vm is to be ended by microvm_end(). Fails with ISOLAT_USAGE for a configuration that
 * cannot be (no such kernel, module or file), ISOLAT_UNSUPPORTED where this machine lacks something (QEMU, KVM,
 * virtiofsd, root for a host VM), ISOLAT_FAILED otherwise.
 */
int microvm_start(const struct microvm_config *config, struct microvm **vm, struct isolat_error *err);

/*
 * Waits for the next event. Returns 1 with @event filled, 0 once the VM has ended after its MICROVM_EXIT, and -1 when
 * it panicked, died, or its time was up; the error's reason then holds the end of the console.
 * microvm_worth_retry() tells a VM that gave no answer, or died of the flaw in QEMU's emulation that often shows as
 * that (a breakpoint, patched away while another CPU ran the code, is hit all the same), or, emulated or on an emulated
 * host, died before it had booted, from one that failed. Such a VM is started anew, up to MICROVM_TRIES in all: what is
 * real comes each time.
 */
#define MICROVM_TRIES 3
int microvm_next(struct microvm *vm, struct microvm_event *event, struct isolat_error *err);
bool microvm_worth_retry(const struct microvm *vm);
/* Whether it had booted, gave no more answer until its time was up, and nothing tells of that flaw. */
bool microvm_hung(const struct microvm *vm);

/* Replaces what is left of the VM's time by @seconds from now. */
void microvm_set_timeout(struct microvm *vm, unsigned int seconds);

/* Sends one line (without newline) to the program. */
int microvm_send(struct microvm *vm, const char *line, struct isolat_error *err);

/* Thread ids of the vCPU threads, by vCPU index; at most @max. Returns their count, or -1. */
int microvm_vcpu_threads(struct microvm *vm, pid_t *tids, size_t max, struct isolat_error *err);

/* "kvm" or "tcg": what this VM runs on. */
const char *microvm_accel_name(const struct microvm *vm);

/* The kernel release that this VM boots. */
const char *microvm_release(const struct microvm *vm);

/* Ends the VM (kills it if it still runs) and frees everything. NULL is fine. */
void microvm_end(struct microvm *vm);

#endif
