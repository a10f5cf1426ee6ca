// SPDX-License-Identifier: BSD-3-Clause
#include "topology_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <isolat/read_all.h>

/* Opens what can be read to its end; NULL, or what is against it. */
static const char *open_input(const char *path, size_t limit, int *fd)
{
	struct stat st;

	/* Non-blocking: a pipe that nobody writes to must not hold us up here; reading it gives its end. */
	*fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (*fd < 0 || fstat(*fd, &st))
		return strerror(errno);
	if (S_ISFIFO(st.st_mode))
		return fcntl(*fd, F_SETFL, 0) ? strerror(errno) : NULL;
	if (!S_ISREG(st.st_mode))
		return "not a regular file";
	return st.st_size > 0 && (size_t)st.st_size > limit ? "too large" : NULL;
}

/* The size is what was read, whatever fstat() said: a pipe has none, and files grow. */
static const char *read_open(int fd, size_t limit, struct topology_file *file)
{
	ssize_t got = isolat_read_text(fd, limit + 1, &file->bytes);

	if (got < 0)
		return strerror((int)-got);
	file->size = (size_t)got;
	return file->size > limit ? "too large" : NULL;
}

int topology_file_read(const char *path, size_t limit, const char *what, struct topology_file *file,
		       struct isolat_error *err)
{
	const char *reason;
	int fd;

	*file = (struct topology_file){ 0 };
	reason = open_input(path, limit, &fd);
	if (!reason)
		reason = read_open(fd, limit, file);
	if (fd >= 0)
		close(fd);
	if (!reason)
		return 0;
	free(file->bytes);
	isolat_fail(err, ISOLAT_USAGE, what, path, "%s", reason);
	if (!strcmp(reason, "too large"))
		isolat_hint(err, "up to %zu MiB are read", limit >> 20);
	return -1;
}

char topology_file_first(const struct topology_file *file)
{
	return file->bytes[strspn(file->bytes, " \t\r\n")];
}
