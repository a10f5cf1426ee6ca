// SPDX-License-Identifier: BSD-3-Clause
#include "timer_sockets.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "isolat/own_file.h"
#include "timer_log.h"
#include "timer_server.h"

#define RECORD "sockets" /* a name a line */
/* The control socket's line, each VM's, and that of one which is about to be made. */
#define RECORD_SIZE ((TIMER_MAX_VMS + 2) * sizeof(struct timer_socket_name))

static int fail(const struct timer_daemon *d, const char *what, const char *reason, struct isolat_error *err)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/" RECORD, d->config->run_dir);
	return isolat_fail(err, ISOLAT_FAILED, what, path, "%s", reason);
}

/* ---- The record ---- */

/* Whole, in the old one's place: what there is, and @next (NULL: nothing). */
static int write_record(const struct timer_daemon *d, const char *next, struct isolat_error *err)
{
	char text[RECORD_SIZE];
	size_t size = 0;
	int fd;

	if (d->control)
		size += (size_t)snprintf(text, sizeof(text), "%s\n", TIMER_CONTROL_SOCKET);
	for (unsigned int i = 0; i < TIMER_MAX_VMS; i++) {
		if (d->vms[i])
			size += (size_t)snprintf(text + size, sizeof(text) - size, "%s\n",
						 timer_socket_name(&d->vms[i]->config).text);
	}
	if (next)
		size += (size_t)snprintf(text + size, sizeof(text) - size, "%s\n", next);
	fd = isolat_own_replace(d->folder, RECORD, text, size, 0600);
	if (fd < 0)
		return fail(d, "write the record", strerror(-fd), err);
	close(fd);
	return 0;
}

/* Returns its length; 0 if there is none. */
static ssize_t read_record(const struct timer_daemon *d, char text[RECORD_SIZE], struct isolat_error *err)
{
	int fd = isolat_own_open(d->folder, RECORD, O_RDONLY);
	const char *doubt;
	ssize_t size = 0;

	if (fd < 0)
		return errno == ENOENT ? 0 : fail(d, "read the record", strerror(errno), err);
	doubt = isolat_own_doubt(fd);
	/* On a disk or in memory: it comes whole. */
	if (!doubt)
		size = read(fd, text, RECORD_SIZE);
	if (doubt || size < 0) {
		size = fail(d, "read the record", doubt ? doubt : strerror(errno), err);
		isolat_hint(err, "it names sockets that are to be removed: see to them, and remove it");
	}
	close(fd);
	return size;
}

int timer_sockets_begin(struct timer_daemon *d, struct isolat_error *err)
{
	char text[RECORD_SIZE];
	ssize_t size = read_record(d, text, err);
	const char *name = text;

	if (size < 0)
		return -1;
	for (char *end; (end = memchr(name, '\n', (size_t)(text + size - name))); name = end + 1) {
		struct stat st;

		*end = '\0';
		if (!strchr(name, '/') && !fstatat(d->folder, name, &st, AT_SYMLINK_NOFOLLOW) && S_ISSOCK(st.st_mode))
			unlinkat(d->folder, name, 0);
	}
	if (write_record(d, NULL, err))
		return -1;
	d->recorded = true;
	return 0;
}

void timer_sockets_forget(const struct timer_daemon *d)
{
	struct isolat_error err;

	/* At the end all of it goes. */
	if (!d->ending && write_record(d, NULL, &err))
		timer_log_error(&err);
}

void timer_sockets_end(const struct timer_daemon *d)
{
	if (d->recorded)
		unlinkat(d->folder, RECORD, 0);
}

/* ---- Sockets ---- */

int timer_sockets_check(const struct timer_daemon_config *config, struct isolat_error *err)
{
	struct timer_socket_path path;
	int rc = timer_socket_path(&path, config->run_dir, TIMER_CONTROL_SOCKET, err);

	for (unsigned int i = 0; !rc && i < config->n_vms; i++)
		rc = timer_socket_path(&path, config->run_dir, timer_socket_name(&config->vms[i]).text, err);
	return rc;
}

int timer_sockets_listen(const struct timer_daemon *d, const char *name, const struct timer_access *access,
			 struct isolat_error *err)
{
	struct timer_socket_path path;
	struct stat st;
	int fd;

	if (timer_socket_path(&path, d->config->run_dir, name, err))
		return -1;
	/* What is another's does not get into the record, not even for a moment. */
	if (!lstat(path.text, &st)) {
		isolat_fail(err, ISOLAT_FAILED, "make socket", path.text, "%s", strerror(EEXIST));
		return isolat_hint(err, "it is none of this daemon's: remove it, or take another name or --run-dir");
	}
	if (write_record(d, name, err))
		return -1;
	fd = timer_socket_listen(&path, access, err);
	if (fd < 0)
		timer_sockets_forget(d);
	return fd;
}
