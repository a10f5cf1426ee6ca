// SPDX-License-Identifier: BSD-3-Clause
#include "journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <isolat/own_file.h>

#include "journal_parse.h"

#define SUFFIX	   ".journal"
#define NAME_LIMIT 40
#define SIZE_LIMIT ((off_t)64 << 20)
#define BOOT_ID	   "/proc/sys/kernel/random/boot_id"

bool journal_is_name(const char *name)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-";
	size_t length = strlen(name);

	return length && length <= NAME_LIMIT && strspn(name, letters) == length;
}

static int fail(const struct journal *j, const char *what, struct isolat_error *err)
{
	return isolat_fail(err, ISOLAT_FAILED, what, j->path, "%s",
			   errno == ELOOP ? "it is a symbolic link" : strerror(errno));
}

static int no_memory(const struct journal *j, const char *what, struct isolat_error *err)
{
	return isolat_fail(err, ISOLAT_FAILED, what, j->path, "out of memory");
}

/* ---- Reading ---- */

/* What tells this boot of the machine from all others. */
static int read_boot(char boot[64], struct isolat_error *err)
{
	int fd = open(BOOT_ID, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? -1 : read(fd, boot, 63);

	if (got < 0)
		isolat_fail(err, ISOLAT_FAILED, "read the boot's id", BOOT_ID, "%s", strerror(errno));
	if (fd >= 0)
		close(fd);
	if (got < 0)
		return -1;
	boot[got] = '\0';
	boot[strcspn(boot, "\n")] = '\0';
	return 0;
}

/* What it says is done with the caller's rights, so nobody else may have had a hand in it. */
static int check_file(const struct journal *j, off_t *size, struct isolat_error *err)
{
	const char *reason = isolat_own_doubt(j->fd);
	struct stat st;

	if (!reason && fstat(j->fd, &st))
		return fail(j, "read the journal", err);
	if (!reason && st.st_size > SIZE_LIMIT)
		reason = "it is too large";
	if (reason)
		return isolat_fail(err, ISOLAT_FAILED, "read the journal", j->path, "%s", reason);
	*size = st.st_size;
	return 0;
}

/* Up to @size bytes; returns how many, or -1. */
static ssize_t read_whole(const struct journal *j, char *text, size_t size, struct isolat_error *err)
{
	size_t have = 0;

	while (have < size) {
		ssize_t got = pread(j->fd, text + have, size - have, (off_t)have);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return fail(j, "read the journal", err);
		if (!got)
			break;
		have += (size_t)got;
	}
	return (ssize_t)have;
}

/* As journal_parse(). */
static int load(struct journal *j, struct isolat_error *err)
{
	char boot[64], *text;
	ssize_t size;
	off_t room = 0;
	int rc;

	if (check_file(j, &room, err) || read_boot(boot, err))
		return -1;
	text = malloc((size_t)room + 1);
	if (!text)
		return no_memory(j, "read the journal", err);
	size = read_whole(j, text, (size_t)room, err);
	rc = size < 0 ? -1 : journal_parse(j, text, (size_t)size, boot, err);
	free(text);
	return rc;
}

static int open_file(struct journal *j, bool read_only, struct isolat_error *err)
{
	j->fd = isolat_own_open(j->folder, j->file, read_only ? O_RDONLY : O_RDWR | O_APPEND);
	return j->fd < 0 && errno != ENOENT ? fail(j, "open the journal", err) : 0;
}

/* ---- Writing ---- */

static void close_file(struct journal *j)
{
	if (j->fd >= 0)
		close(j->fd);
	j->fd = -1;
	j->record_end = j->end = 0;
	j->torn = j->undoing = false;
}

static int take_away(struct journal *j, struct isolat_error *err)
{
	if (j->fd >= 0 && unlinkat(j->folder, j->file, 0) && errno != ENOENT)
		return fail(j, "remove the journal", err);
	close_file(j);
	fsync(j->folder);
	return 0;
}

/* What a write that was killed before its rename has left. */
static void take_away_new(const struct journal *j)
{
	char name[sizeof(j->file) + sizeof(ISOLAT_NEW_SUFFIX)];

	snprintf(name, sizeof(name), "%s" ISOLAT_NEW_SUFFIX, j->file);
	unlinkat(j->folder, name, 0);
}

static int write_failed(const struct journal *j, int why, size_t needed, struct isolat_error *err)
{
	errno = why;
	if (why != ENOSPC && why != EDQUOT)
		return fail(j, "write the journal", err);
	isolat_fail(err, ISOLAT_FAILED, "write the journal", j->path, "%s: %zu bytes were needed", strerror(why),
		    needed);
	return isolat_hint(err, "make room on that file system");
}

static json_t *undo_note(void)
{
	return json_pack("{s:b}", "undo", 1);
}

/* Takes the reference. */
static int append(struct journal *j, json_t *line, struct isolat_error *err)
{
	char *text = json_dumps(line, JSON_COMPACT | JSON_SORT_KEYS);
	size_t size = text ? strlen(text) : 0;
	int rc;

	json_decref(line);
	if (!text)
		return no_memory(j, "write the journal", err);
	text[size++] = '\n';
	rc = isolat_write_all(j->fd, text, size);
	free(text);
	if (rc)
		write_failed(j, -rc, size, err);
	/* Else the next line would continue a torn one. */
	if (rc && ftruncate(j->fd, j->end))
		j->torn = true;
	if (!rc)
		j->end += (off_t)size;
	return rc ? -1 : 0;
}

static int print_line(FILE *out, const json_t *line)
{
	return json_dumpf(line, out, JSON_COMPACT | JSON_SORT_KEYS) || fputc('\n', out) == EOF ? -1 : 0;
}

/* @note NULL: there is none. */
static int print_lines(FILE *out, const json_t *head, const json_t *record, const json_t *foot, const json_t *note)
{
	json_t *entry;
	size_t i;

	if (print_line(out, head))
		return -1;
	json_array_foreach (record, i, entry) {
		if (print_line(out, entry))
			return -1;
	}
	return print_line(out, foot) || (note && print_line(out, note)) ? -1 : 0;
}

/* The text of a journal without a tail, which the caller frees; NULL without memory. */
static char *print(const char *boot, json_t *record, json_t *about, bool undoing, size_t *size)
{
	json_t *head = json_pack("{s:i, s:s, s:O?}", "isolat-journal", JOURNAL_VERSION, "boot", boot, "about", about);
	json_t *foot = json_pack("{s:I}", "entries", (json_int_t)json_array_size(record));
	json_t *note = undoing ? undo_note() : NULL;
	char *text = NULL;
	FILE *out = head && foot && !note == !undoing ? open_memstream(&text, size) : NULL;
	int rc = out ? print_lines(out, head, record, foot, note) : -1;

	if (out && fclose(out))
		rc = -1;
	json_decref(head);
	json_decref(foot);
	json_decref(note);
	if (!rc)
		return text;
	free(text);
	return NULL;
}

static int write_new(struct journal *j, json_t *record, json_t *about, bool undoing, struct isolat_error *err)
{
	size_t size = 0;
	char boot[64], *text;
	int fd;

	if (read_boot(boot, err))
		return -1;
	text = print(boot, record, about, undoing, &size);
	if (!text)
		return no_memory(j, "write the journal", err);
	fd = isolat_own_replace(j->folder, j->file, text, size, 0600);
	free(text);
	if (fd < 0)
		return write_failed(j, -fd, size, err);
	close_file(j);
	j->fd = fd;
	j->record_end = j->end = (off_t)size;
	j->undoing = undoing;
	return 0;
}

static int replace(struct journal *j, json_t *record, json_t *about, bool undoing, struct isolat_error *err)
{
	bool empty = !json_array_size(record) && !about;

	if (empty ? take_away(j, err) : write_new(j, record, about, undoing, err))
		return -1;
	json_incref(record);
	json_decref(j->record);
	j->record = record;
	about = empty ? NULL : json_incref(about);
	json_decref(j->about);
	j->about = about;
	json_array_clear(j->tail);
	j->n_set = 0;
	return 0;
}

int journal_replace(struct journal *j, json_t *record, json_t *about, struct isolat_error *err)
{
	return replace(j, record, about, false, err);
}

int journal_keep(struct journal *j, json_t *record, struct isolat_error *err)
{
	return replace(j, record, j->about, json_array_size(record), err);
}

void journal_undo_begins(struct journal *j)
{
	struct isolat_error ignored;

	if (j->undoing || !json_array_size(j->record) || append(j, undo_note(), &ignored))
		return;
	j->undoing = true;
	j->record_end = j->end;
	(void)fdatasync(j->fd);
}

int journal_begin(struct journal *j, json_t *step, struct isolat_error *err)
{
	if (!step || json_array_append(j->tail, step)) {
		json_decref(step);
		return no_memory(j, "write the journal", err);
	}
	if (j->fd < 0 && write_new(j, j->record, j->about, false, err))
		json_decref(step);
	else if (!append(j, step, err))
		return fdatasync(j->fd) ? fail(j, "write the journal", err) : 0;
	json_array_remove(j->tail, json_array_size(j->tail) - 1);
	return -1;
}

json_t *journal_unset(struct journal *j)
{
	json_t *step;

	/* What is only noted ("to" is null) is not written. */
	while ((step = json_array_get(j->tail, j->n_set)) &&
	       (json_object_get(step, "set") || json_is_null(json_object_get(step, "to"))))
		j->n_set++;
	return step;
}

/* Not waited for: without it the step is one that was killed before it was read back. */
int journal_set(struct journal *j, const char *now, struct isolat_error *err)
{
	json_t *step = journal_unset(j), *set = now ? json_string(now) : json_null();

	if (!set || json_object_set_new(step, "set", set))
		return no_memory(j, "write the journal", err);
	return append(j, json_pack("{s:O}", "set", set), err);
}

int journal_cut(struct journal *j, struct isolat_error *err)
{
	if (j->fd >= 0 && !json_array_size(j->record) && !j->about) {
		if (take_away(j, err))
			return -1;
	} else if (j->fd >= 0 && (j->end != j->record_end || j->torn)) {
		if (ftruncate(j->fd, j->record_end))
			return fail(j, "cut the journal", err);
		j->end = j->record_end;
		j->torn = false;
	}
	json_array_clear(j->tail);
	j->n_set = 0;
	return 0;
}

/* ---- Opening ---- */

int journal_open(struct journal *j, int folder, const char *folder_name, const char *name, bool read_only,
		 struct isolat_error *err)
{
	int rc;

	*j = (struct journal){ .folder = folder, .fd = -1, .record = json_array(), .tail = json_array() };
	snprintf(j->file, sizeof(j->file), "%s" SUFFIX, name);
	snprintf(j->path, sizeof(j->path), "%s/%s", folder_name, j->file);
	if (!j->record || !j->tail)
		return no_memory(j, "read the journal", err);
	if (!read_only)
		take_away_new(j);
	if (folder >= 0 && open_file(j, read_only, err))
		return -1;
	rc = j->fd < 0 ? 0 : load(j, err);
	if (rc <= 0)
		return rc;
	/* Of another boot. What it says was lost with the kernel that it was said of. */
	if (!read_only)
		return take_away(j, err);
	close_file(j);
	return 0;
}

void journal_close(struct journal *j)
{
	close_file(j);
	json_decref(j->about);
	json_decref(j->record);
	json_decref(j->tail);
	j->about = j->record = j->tail = NULL;
}
