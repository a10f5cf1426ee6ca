/* SPDX-License-Identifier: BSD-3-Clause */
/* A file of resctrl, mounted or copied: how it is opened, and how an error names it. */
#ifndef ISOLAT_RDT_FILE_H
#define ISOLAT_RDT_FILE_H

#include <stddef.h>

/*
 * Opens @path below @dir with @flags of open(2). Returns the descriptor, or -errno: -EINVAL if it is neither file nor
 * folder, which could wait. A folder says by itself, to read(), that it is one.
 */
int rdt_file_open(int dir, const char *path, int flags);

/* "ROOT/PATH" for an error's object. Its end says more than its beginning: of a long one, that is shown. */
void rdt_file_object(const char *root, const char *path, char *object, size_t size);

#endif
