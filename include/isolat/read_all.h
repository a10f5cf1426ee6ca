/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reading to the end: files of procfs, sysfs and resctrl say no size, and a read() may give less than there is.
 *
 * Who refuses what is longer than a limit gives one byte more than the limit, and looks whether it came.
 */
#ifndef ISOLAT_READ_ALL_H
#define ISOLAT_READ_ALL_H

#include <errno.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

#define ISOLAT_FIRST_READ 4096 /* most files are shorter */

/* Reads @fd to its end, or until @room bytes are there. Returns how many are, or -errno. */
static inline ssize_t isolat_read_all(int fd, char *buffer, size_t room)
{
	size_t used = 0;
	ssize_t got;

	do {
		got = read(fd, buffer + used, room - used);
		if (got > 0)
			used += (size_t)got;
	} while ((got > 0 && used < room) || (got < 0 && errno == EINTR));
	return got < 0 ? -errno : (ssize_t)used;
}

/*
 * The same into a buffer that grows, up to @limit bytes and a NUL that is not counted. The caller frees *text, which is
 * NULL after a failure.
 */
static inline ssize_t isolat_read_text(int fd, size_t limit, char **text)
{
	size_t room = limit < ISOLAT_FIRST_READ ? limit : ISOLAT_FIRST_READ, used = 0;
	ssize_t got;

	*text = NULL;
	do {
		char *more = realloc(*text, room + 1);

		got = -ENOMEM;
		if (!more)
			break;
		*text = more;
		got = isolat_read_all(fd, *text + used, room - used);
		if (got < 0)
			break;
		used += (size_t)got;
		room = 2 * room < limit ? 2 * room : limit;
	} while (got && used < limit);
	if (got < 0) {
		free(*text);
		*text = NULL;
		return got;
	}
	(*text)[used] = '\0';
	return (ssize_t)used;
}

#endif
