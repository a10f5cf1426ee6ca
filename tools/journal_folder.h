/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The folder that journals are in, and its lock: one isolat at a time changes a host. The lock is flock(2) on
 * FOLDER/lock, which ends with its holder, however that ends. The file's text is for people: who holds it.
 */
#ifndef ISOLAT_JOURNAL_FOLDER_H
#define ISOLAT_JOURNAL_FOLDER_H

#include <stdbool.h>

#include <isolat/error.h>

struct journal_folder {
	int fd;	  /* -1: there is none, which only a reader meets */
	int lock; /* -1: not held */
	bool exclusive;
};

/*
 * Opens the folder @path and takes its lock, waiting @lock_ms at most. An exclusive one makes folder and lock file
 * where they are not there; a shared one changes nothing, and does without them. The caller closes, also after a
 * failure.
 */
int journal_folder_open(struct journal_folder *f, const char *path, bool exclusive, unsigned int lock_ms,
			struct isolat_error *err);
void journal_folder_close(struct journal_folder *f);

#endif
