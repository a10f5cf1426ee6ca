// SPDX-License-Identifier: BSD-3-Clause
#include "journal_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <isolat/wait_lock.h>

#define LOCK_FILE "lock"
#define TEXT	  64

static int fail(const char *what, const char *path, struct isolat_error *err)
{
	bool denied = errno == EACCES || errno == EPERM;

	isolat_fail(err, ISOLAT_FAILED, what, path, "%s", strerror(errno));
	return denied ? isolat_hint(err, "run as root") : -1;
}

/* ---- The folder ---- */

/* The mode is not the umask's to choose: who may read what stands applied is not a matter of who applied it. */
static int make_folder(const char *path, struct isolat_error *err)
{
	if (!mkdir(path, 0755))
		return chmod(path, 0755) ? fail("make the folder", path, err) : 0;
	return errno == EEXIST ? 0 : fail("make the folder", path, err);
}

/* Who could put another journal there could have the caller do anything. */
static int check_folder(int fd, const char *path, struct isolat_error *err)
{
	struct stat st;

	if (fstat(fd, &st))
		return fail("open the folder", path, err);
	if (st.st_uid && st.st_uid != geteuid())
		return isolat_fail(err, ISOLAT_FAILED, "open the folder", path, "it belongs to another user");
	if (st.st_mode & S_IWOTH)
		return isolat_fail(err, ISOLAT_FAILED, "open the folder", path, "anybody can write to it");
	return 0;
}

static int open_folder(struct journal_folder *f, const char *path, struct isolat_error *err)
{
	if (f->exclusive && make_folder(path, err))
		return -1;
	f->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (f->fd < 0)
		return !f->exclusive && errno == ENOENT ? 0 : fail("open the folder", path, err);
	return check_folder(f->fd, path, err);
}

/* ---- The lock ---- */

/* The process that the lock's text names, if it lives; a reader, or who was killed while he wrote, has left none. */
static void describe_holder(int lock, char text[TEXT])
{
	ssize_t got = pread(lock, text, TEXT - 1, 0);
	long pid;

	text[got > 0 ? got : 0] = '\0';
	text[strcspn(text, "\n")] = '\0';
	pid = strtol(text, NULL, 10);
	if (pid <= 0 || pid > INT_MAX || (kill((pid_t)pid, 0) && errno == ESRCH))
		snprintf(text, TEXT, "one that only reads");
}

static void write_holder(int lock)
{
	char text[TEXT];
	int size = snprintf(text, sizeof(text), "%d (%s)\n", (int)getpid(), program_invocation_short_name);

	/* Words for a message: that they cannot be written stops nothing. */
	if (size >= TEXT)
		size = TEXT - 1;
	if (!ftruncate(lock, 0))
		(void)pwrite(lock, text, (size_t)size, 0);
}

static int no_lock(const struct journal_folder *f, int code, const char *path, struct isolat_error *err)
{
	char holder[TEXT];

	errno = code;
	if (code != EWOULDBLOCK)
		return fail("lock", path, err);
	describe_holder(f->lock, holder);
	isolat_fail(err, ISOLAT_FAILED, "lock", path, "another isolat holds it: %s", holder);
	return isolat_hint(err, "try again when it is done");
}

static int take_lock(struct journal_folder *f, const char *path, unsigned int lock_ms, struct isolat_error *err)
{
	int mode = (f->exclusive ? O_RDWR | O_CREAT : O_RDONLY) | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
	int lock = openat(f->fd, LOCK_FILE, mode, 0600), rc;

	if (lock < 0 && errno == ENOENT && !f->exclusive)
		return 0; /* nobody has ever changed anything */
	if (lock < 0)
		return fail("open the lock", path, err);
	f->lock = lock;
	rc = isolat_wait_lock(lock, f->exclusive, lock_ms);
	if (rc) {
		no_lock(f, -rc, path, err);
		close(lock);
		f->lock = -1;
		return -1;
	}
	if (f->exclusive)
		write_holder(lock);
	return 0;
}

int journal_folder_open(struct journal_folder *f, const char *path, bool exclusive, unsigned int lock_ms,
			struct isolat_error *err)
{
	char lock[PATH_MAX];

	*f = (struct journal_folder){ .fd = -1, .lock = -1, .exclusive = exclusive };
	if (snprintf(lock, sizeof(lock), "%s/" LOCK_FILE, path) >= (int)sizeof(lock))
		return isolat_fail(err, ISOLAT_USAGE, "open the folder", path, "%s", strerror(ENAMETOOLONG));
	if (open_folder(f, path, err))
		return -1;
	return f->fd < 0 ? 0 : take_lock(f, lock, lock_ms, err);
}

void journal_folder_close(struct journal_folder *f)
{
	/* Else a reader that holds it later would be taken for us. */
	if (f->lock >= 0 && f->exclusive)
		(void)ftruncate(f->lock, 0);
	if (f->lock >= 0)
		close(f->lock);
	if (f->fd >= 0)
		close(f->fd);
	f->fd = f->lock = -1;
}
