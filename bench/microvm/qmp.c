// SPDX-License-Identifier: BSD-3-Clause
#include "qmp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Reads messages until one has @key. */
static json_t *read_message(struct qmp *qmp, const char *key)
{
	char *line = NULL;
	size_t size = 0;
	json_t *message = NULL;

	while (!message && getline(&line, &size, qmp->in) > 0) {
		message = json_loads(line, 0, NULL);
		if (message && !json_object_get(message, key) && !json_object_get(message, "error")) {
			json_decref(message);
			message = NULL;
		}
	}
	free(line);
	return message;
}

int qmp_command(struct qmp *qmp, const char *command, json_t **reply, struct isolat_error *err)
{
	json_t *message, *value;

	if (dprintf(qmp->fd, "{\"execute\": \"%s\"}\n", command) < 0)
		return isolat_fail(err, ISOLAT_FAILED, "ask QEMU", command, "%s", strerror(errno));
	message = read_message(qmp, "return");
	if (!message)
		return isolat_fail(err, ISOLAT_FAILED, "ask QEMU", command, "no answer");
	value = json_object_get(message, "return");
	if (!value) {
		const char *why = json_string_value(json_object_get(json_object_get(message, "error"), "desc"));

		isolat_fail(err, ISOLAT_FAILED, "ask QEMU", command, "%s", why ? why : "refused");
		json_decref(message);
		return -1;
	}
	*reply = json_incref(value);
	json_decref(message);
	return 0;
}

int qmp_open(struct qmp *qmp, int fd, struct isolat_error *err)
{
	json_t *message;

	qmp->fd = fd;
	qmp->in = fdopen(fd, "r+");
	if (!qmp->in)
		return isolat_fail(err, ISOLAT_FAILED, "talk to QEMU", NULL, "%s", strerror(errno));
	message = read_message(qmp, "QMP");
	if (!message)
		return isolat_fail(err, ISOLAT_FAILED, "talk to QEMU", NULL, "no greeting");
	json_decref(message);
	if (qmp_command(qmp, "qmp_capabilities", &message, err))
		return -1;
	json_decref(message);
	return 0;
}

void qmp_close(struct qmp *qmp)
{
	if (qmp->in)
		fclose(qmp->in);
	qmp->in = NULL;
}
