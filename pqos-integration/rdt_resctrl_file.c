// SPDX-License-Identifier: BSD-3-Clause
/* The files of a resctrl: read whole, written in one go, and what the kernel says when it does not work. */
#include "rdt_resctrl.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <isolat/read_all.h>

#include "rdt_file.h"

#define READ_LIMIT (64 << 20) /* longer than the tasks of any machine: 4 million TIDs have 30 MiB */

void rdt_resctrl_path(char path[RDT_RESCTRL_PATH], const char *group, const char *file)
{
	snprintf(path, RDT_RESCTRL_PATH, "%s%s%s", group, *group && *file ? "/" : "", file);
}

bool rdt_resctrl_is_reserved(const char *name)
{
	static const char *const reserved[] = { ".", "..", "info", "mon_groups", "mon_data" };

	for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++) {
		if (!strcmp(name, reserved[i]))
			return true;
	}
	return false;
}

/* ---- Reading ---- */

int rdt_resctrl_read_text(int dir, const char *path, char **text, size_t *length)
{
	int fd = rdt_file_open(dir, path, O_RDONLY);
	ssize_t got;

	*text = NULL;
	if (fd < 0)
		return fd;
	got = isolat_read_text(fd, READ_LIMIT + 1, text);
	close(fd);
	if (got > READ_LIMIT) {
		free(*text);
		*text = NULL;
		return -EFBIG;
	}
	*length = got < 0 ? 0 : (size_t)got;
	return got < 0 ? (int)got : 0;
}

int rdt_resctrl_read(struct rdt_resctrl *r, const char *what, const char *group, const char *file, char **text,
		     size_t *length, struct isolat_error *err)
{
	char path[RDT_RESCTRL_PATH];
	int rc;

	rdt_resctrl_path(path, group, file);
	rc = rdt_resctrl_read_text(r->dir, path, text, length);
	return rc ? rdt_resctrl_fail(r, -rc, what, group, path, err) : 0;
}

/* ---- Errors ---- */

/* The group may have gone before the call, or during it: its folder tells. */
static void note_gone(struct rdt_resctrl *r, const char *group)
{
	r->base.gone = *group && faccessat(r->dir, group, F_OK, AT_SYMLINK_NOFOLLOW) && errno == ENOENT;
}

int rdt_resctrl_fail(struct rdt_resctrl *r, int code, const char *what, const char *group, const char *path,
		     struct isolat_error *err)
{
	char object[sizeof(err->object)];

	rdt_file_object(r->root, path, object, sizeof(object));
	isolat_fail(err, ISOLAT_FAILED, what, object, "%s", strerror(code));
	note_gone(r, group);
	if ((code == EACCES || code == EPERM) && geteuid())
		isolat_hint(err, "run it as root");
	return -1;
}

int rdt_resctrl_bad(struct rdt_resctrl *r, const char *what, const char *group, const char *file,
		    struct isolat_error *err, const char *format, ...)
{
	char path[RDT_RESCTRL_PATH], object[sizeof(err->object)], reason[sizeof(err->reason)];
	va_list ap;

	rdt_resctrl_path(path, group, file);
	rdt_file_object(r->root, path, object, sizeof(object));
	va_start(ap, format);
	vsnprintf(reason, sizeof(reason), format, ap);
	va_end(ap);
	return isolat_fail(err, ISOLAT_FAILED, what, object, "%s", reason);
}

int rdt_resctrl_no_memory(const struct rdt_resctrl *r, const char *what, struct isolat_error *err)
{
	return isolat_fail(err, ISOLAT_FAILED, what, r->root, "out of memory");
}

bool rdt_resctrl_add_status(const struct rdt_resctrl *r, enum rdt_text_lines lines, struct isolat_error *err)
{
	size_t used = strlen(err->reason), length;
	char status[256], *text;
	bool says;

	if (rdt_resctrl_read_text(r->dir, "info/last_cmd_status", &text, &length))
		return false; /* not before 4.16 */
	says = rdt_text_status(text, length, lines, status, sizeof(status));
	free(text);
	if (says)
		snprintf(err->reason + used, sizeof(err->reason) - used, ": %s", status);
	return says;
}

/* ---- Writing ---- */

/*
 * No O_TRUNC: the kernel ignores it, but a copy of resctrl would lose what is not written. Returns 0 or -errno; *tried
 * says whether it came to the write itself.
 */
static int write_once(int dir, const char *path, const char *text, bool *tried)
{
	size_t length = strlen(text);
	int fd = rdt_file_open(dir, path, O_WRONLY), rc = 0;
	ssize_t put;

	*tried = fd >= 0;
	if (fd < 0)
		return fd;
	do
		put = write(fd, text, length);
	while (put < 0 && errno == EINTR);
	if (put < 0)
		rc = -errno;
	else if ((size_t)put != length)
		rc = -EIO; /* the kernel takes all of it or none */
	close(fd);
	return rc;
}

int rdt_resctrl_write(struct rdt_resctrl *r, const char *what, const char *group, const char *file, const char *text,
		      enum rdt_text_lines lines, struct isolat_error *err)
{
	char path[RDT_RESCTRL_PATH];
	bool tried;
	int rc;

	rdt_resctrl_path(path, group, file);
	rc = write_once(r->dir, path, text, &tried);
	if (!rc)
		return 0;
	rdt_resctrl_fail(r, -rc, what, group, path, err);
	/* What did not come to the file has left what the command before it had to say. Nor does a file that is gone.
	 */
	if (tried && rc != -ENOENT && rc != -ENODEV)
		rdt_resctrl_add_status(r, lines, err);
	if (rc == -E2BIG)
		isolat_hint(err, "the kernel takes a page in one write, 4096 bytes, and this has %zu", strlen(text));
	return -rc;
}
