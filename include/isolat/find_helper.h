/* SPDX-License-Identifier: BSD-3-Clause */
/* Where isolat's own helpers are: programs and preload libraries that no user starts. */
#ifndef ISOLAT_FIND_HELPER_H
#define ISOLAT_FIND_HELPER_H

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <isolat/error.h>

/* Where `make install` puts them: the Makefile says so by its PREFIX. */
#ifndef ISOLAT_LIBEXECDIR
#define ISOLAT_LIBEXECDIR "/usr/local/libexec/isolat"
#endif

static inline bool isolat_helper_in(const char *dir, const char *name, char path[PATH_MAX])
{
	return snprintf(path, PATH_MAX, "%s/%s", dir, name) < PATH_MAX && !access(path, X_OK);
}

/*
 * Finds the helper @name: in $ISOLAT_LIBEXEC, beside the running program, in ../libexec/isolat from there (installed
 * somewhere else than it was built for), or where the build was meant to be installed. Returns 0 with its path, or -1
 * with ISOLAT_FAILED if it is nowhere.
 */
static inline int isolat_find_helper(const char *name, char path[PATH_MAX], struct isolat_error *err)
{
	const char *env = getenv("ISOLAT_LIBEXEC");
	char self[PATH_MAX], libexec[PATH_MAX + 32];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (env && isolat_helper_in(env, name, path))
		return 0;
	if (n > 0) {
		self[n] = '\0';
		*strrchr(self, '/') = '\0';
		snprintf(libexec, sizeof(libexec), "%s/../libexec/isolat", self);
		if (isolat_helper_in(self, name, path) || isolat_helper_in(libexec, name, path))
			return 0;
	}
	if (isolat_helper_in(ISOLAT_LIBEXECDIR, name, path))
		return 0;
	isolat_fail(err, ISOLAT_FAILED, "find", name, "not beside this program and not in %s", ISOLAT_LIBEXECDIR);
	return isolat_hint(err, "install isolat whole, or set ISOLAT_LIBEXEC to where its helpers are");
}

#endif
