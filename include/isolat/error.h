/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The error that isolat's libraries return and its commands print.
 *
 * A library never prints. It fills the caller's struct isolat_error and returns -1; the command shows it as one line
 * on stderr, or as {"error": {"code", "what", "object", "reason", "hint"}} with --json, and exits with the code.
 */
#ifndef ISOLAT_ERROR_H
#define ISOLAT_ERROR_H

#include <stdarg.h>
#include <stdio.h>

/* Exit codes of every isolat command, documented in isolat(1). */
enum isolat_code {
	ISOLAT_OK = 0,
	ISOLAT_FAILED = 1,	/* tried, and did not work */
	ISOLAT_USAGE = 2,	/* usage or bad input: nothing was tried */
	ISOLAT_UNSUPPORTED = 3, /* this machine, kernel or build cannot */
	ISOLAT_DRIFT = 4,	/* the host is not as it was left */
	ISOLAT_NO_FIT = 5,	/* asked for more than there is */
};

struct isolat_error {
	enum isolat_code code;
	char what[160];	  /* what was tried: "boot the guest", "read the trace" */
	char object[256]; /* on which object: a path, an option, a VM; may be empty */
	char reason[512]; /* what stood against it, in the kernel's or the program's own words where there are any */
	char hint[256];	  /* what to do about it; may be empty */
};

/*
 * Fills @err (code, what, object, and the reason by format; the hint is cleared) and returns -1, so that a library
 * ends with "return isolat_fail(...)". Longer texts are cut. @object may be NULL. None of the texts ends in a period.
 */
__attribute__((format(printf, 5, 6))) static inline int isolat_fail(struct isolat_error *err, enum isolat_code code,
								    const char *what, const char *object,
								    const char *reason, ...)
{
	va_list ap;

	err->code = code;
	snprintf(err->what, sizeof(err->what), "%s", what);
	snprintf(err->object, sizeof(err->object), "%s", object ? object : "");
	va_start(ap, reason);
	vsnprintf(err->reason, sizeof(err->reason), reason, ap);
	va_end(ap);
	err->hint[0] = '\0';
	return -1;
}

/* Adds to a filled @err what its reader can do about it. Returns -1 likewise. */
__attribute__((format(printf, 2, 3))) static inline int isolat_hint(struct isolat_error *err, const char *hint, ...)
{
	va_list ap;

	va_start(ap, hint);
	vsnprintf(err->hint, sizeof(err->hint), hint, ap);
	va_end(ap);
	return -1;
}

#endif
