// SPDX-License-Identifier: BSD-3-Clause
/*
 * resctrl's lock is an flock(2) on its root, as the kernel's documentation asks of everybody who changes something, and
 * libpqos and libvirt do it.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <isolat/wait_lock.h>

#include "rdt_resctrl.h"

#define HOLDERS 200 /* bytes that name them */

/* What /proc says of itself is read by path: it is another file system. */
static char *read_proc(const struct rdt_resctrl *r, const char *file, size_t *length)
{
	char path[PATH_MAX], *text;

	if (snprintf(path, sizeof(path), "%s/%s", r->proc, file) >= (int)sizeof(path) ||
	    rdt_resctrl_read_text(AT_FDCWD, path, &text, length))
		return NULL;
	return text;
}

/* "PID 77 (pqos)", behind what is in @names already. */
static void add_holder(const struct rdt_resctrl *r, pid_t pid, char names[HOLDERS])
{
	char file[32], one[64], *comm;
	size_t length = 0, used = strlen(names);

	snprintf(file, sizeof(file), "%d/comm", pid);
	comm = read_proc(r, file, &length);
	snprintf(one, sizeof(one), "PID %d (%.*s)", pid, comm ? (int)strcspn(comm, "\n") : 1, comm ? comm : "?");
	free(comm);
	if (used + strlen(one) + sizeof(", ") <= HOLDERS)
		snprintf(names + used, HOLDERS - used, "%s%s", used ? ", " : "", one);
}

/* Who holds the root's lock, as far as /proc/locks tells: empty where it does not. */
static void name_holders(const struct rdt_resctrl *r, char names[HOLDERS])
{
	struct rdt_text_flock lock;
	struct stat st;
	size_t length;
	char *text;

	*names = '\0';
	text = fstat(r->dir, &st) ? NULL : read_proc(r, "locks", &length);
	for (char *line = text, *next; line && *line; line = next) {
		size_t end = strcspn(line, "\n");

		next = line + end + (line[end] == '\n');
		if (rdt_text_flock(line, end, &lock) && !lock.waits && lock.pid > 0 && lock.inode == st.st_ino &&
		    makedev(lock.major, lock.minor) == st.st_dev)
			add_holder(r, lock.pid, names);
	}
	free(text);
}

static int not_free(const struct rdt_resctrl *r, struct isolat_error *err)
{
	char names[HOLDERS];

	name_holders(r, names);
	isolat_fail(err, ISOLAT_FAILED, "lock resctrl", r->root, "held by %s; waited for %u ms",
		    *names ? names : "a process that /proc/locks does not show", r->lock_ms);
	return isolat_hint(err, "try again when it is done: only one program at a time may change resctrl");
}

int rdt_resctrl_lock(struct rdt_engine *e, bool exclusive, struct isolat_error *err)
{
	struct rdt_resctrl *r = rdt_resctrl_of(e);
	int rc;

	/* flock() would give up the one to get the other. */
	if (r->locked)
		return isolat_fail(err, ISOLAT_FAILED, "lock resctrl", r->root, "it is locked by this engine already");
	rc = isolat_wait_lock(r->dir, exclusive, r->lock_ms);
	if (rc == -EWOULDBLOCK)
		return not_free(r, err);
	if (rc)
		return rdt_resctrl_fail(r, -rc, "lock resctrl", "", "", err);
	r->locked = true;
	return 0;
}

void rdt_resctrl_unlock(struct rdt_engine *e)
{
	struct rdt_resctrl *r = rdt_resctrl_of(e);

	if (r->locked)
		flock(r->dir, LOCK_UN);
	r->locked = false;
}
