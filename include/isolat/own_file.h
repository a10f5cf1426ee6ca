/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Files that say what is to be done with the caller's rights (what isolat keeps in /run/isolat): none that others can
 * have written is believed, and a new one takes the old one's place whole, so that a kill leaves the one or the other.
 */
#ifndef ISOLAT_OWN_FILE_H
#define ISOLAT_OWN_FILE_H

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#define ISOLAT_NEW_SUFFIX ".new" /* of the new file, until it is in its place */

/* Opens @name below @folder as such a file has to be opened: no link is followed, and a pipe does not hold us up.
 * Returns a descriptor, or -1 with errno. */
static inline int isolat_own_open(int folder, const char *name, int mode)
{
	return openat(folder, name, mode | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

/* Why what is in the file that is open as @fd is not to be believed; NULL: only root and the caller can have put it
 * there. */
static inline const char *isolat_own_doubt(int fd)
{
	struct stat st;

	if (fstat(fd, &st))
		return "it cannot be looked at";
	if (!S_ISREG(st.st_mode))
		return "it is not a regular file";
	if (st.st_uid && st.st_uid != geteuid())
		return "it belongs to another user";
	return st.st_mode & (S_IWGRP | S_IWOTH) ? "others can write it" : NULL;
}

/* All of @text, whatever signals come between. Returns 0 or -errno. */
static inline int isolat_write_all(int fd, const char *text, size_t size)
{
	while (size) {
		ssize_t got = write(fd, text, size);

		if (got < 0 && errno != EINTR)
			return -errno;
		if (got > 0) {
			text += got;
			size -= (size_t)got;
		}
	}
	return 0;
}

/* The new file, whole and on disk, in the place of @folder's @name. Returns it open to append, or -errno. */
static inline int isolat_own_replace(int folder, const char *name, const char *text, size_t size, mode_t mode)
{
	char fresh[NAME_MAX + 1];
	int fd, rc;

	if (snprintf(fresh, sizeof(fresh), "%s" ISOLAT_NEW_SUFFIX, name) >= (int)sizeof(fresh))
		return -ENAMETOOLONG;
	unlinkat(folder, fresh, 0); /* what a kill has left */
	fd = openat(folder, fresh, O_RDWR | O_APPEND | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
	if (fd < 0)
		return -errno;
	rc = isolat_write_all(fd, text, size);
	if (!rc && (fsync(fd) || renameat(folder, fresh, folder, name)))
		rc = -errno;
	if (rc) {
		close(fd);
		unlinkat(folder, fresh, 0);
		return rc;
	}
	/* It stands: a machine that goes down before the folder is on disk has another boot, and nothing to take back.
	 */
	fsync(folder);
	return fd;
}

#endif
