// SPDX-License-Identifier: BSD-3-Clause
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "transaction_fixture.h"

char folder[] = "/tmp/isolat-test-XXXXXX", path[64], left[1024];
struct isolat_error err;

int make_folder(void **state)
{
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/apply.journal", folder);
	return 0;
}

int remove_folder(void **state)
{
	char lock[64];

	snprintf(lock, sizeof(lock), "%s/lock", folder);
	unlink(path);
	unlink(lock);
	return rmdir(folder);
}

static void note_left(void *data, const char *kind, const char *object, const char *why, const char *before)
{
	size_t n = strlen(left);

	assert_ptr_equal(data, left);
	snprintf(left + n, sizeof(left) - n, "%s %s: %s (%s)\n", kind, object, why, before);
}

struct transaction_config config_of(const struct step_kind *const *kinds, void *host)
{
	return (struct transaction_config){
		.folder = folder,
		.name = "apply",
		.kinds = kinds,
		.host = host,
		.left = note_left,
		.data = left,
	};
}

struct transaction *open_transaction(const struct transaction_config *config, bool read_only, bool *recovered)
{
	struct transaction *t = NULL;

	return transaction_open(config, read_only, &t, recovered, &err) ? NULL : t;
}
