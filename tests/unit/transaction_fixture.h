/* SPDX-License-Identifier: BSD-3-Clause */
/* What tests of transactions stand on: a folder with a journal "apply" in it, and what was left, named. */
#ifndef TRANSACTION_FIXTURE_H
#define TRANSACTION_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "transaction.h"

extern char folder[], path[64]; /* the journal's */
extern char left[1024];		/* "KIND OBJECT: WHY (BEFORE)\n" for each; who looks empties it before */
extern struct isolat_error err;

/* A group's setup and teardown; the latter fails when there is more in the folder than journal and lock. */
int make_folder(void **state);
int remove_folder(void **state);

struct transaction_config config_of(const struct step_kind *const *kinds, void *host);

/* NULL: it fails, with err filled. */
struct transaction *open_transaction(const struct transaction_config *config, bool read_only, bool *recovered);

#endif
