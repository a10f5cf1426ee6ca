/* SPDX-License-Identifier: BSD-3-Clause */
/* A description that a user names, whole in memory before any parser sees it. */
#ifndef ISOLAT_TOPOLOGY_FILE_H
#define ISOLAT_TOPOLOGY_FILE_H

#include <stddef.h>

#include <isolat/error.h>

/* hwloc's XML of 8192 CPUs takes 5 MiB. */
#define TOPOLOGY_MAX_XML (64UL << 20)
/* Our JSON of as many takes 2 MiB; jansson needs many times the size of what it reads. */
#define TOPOLOGY_MAX_JSON (16UL << 20)

struct topology_file {
	char *bytes; /* with a NUL behind */
	size_t size;
};

/*
 * Reads the regular file or pipe @path, up to @limit bytes. Fails with ISOLAT_USAGE and @what as what was tried. The
 * caller frees the bytes.
 */
int topology_file_read(const char *path, size_t limit, const char *what, struct topology_file *file,
		       struct isolat_error *err);

/* Its first byte that is no white space; NUL in an empty file. */
char topology_file_first(const struct topology_file *file);

#endif
