/* SPDX-License-Identifier: BSD-3-Clause */
/* The little of QEMU's machine protocol that isolat needs: one connection, one command at a time, events skipped. */
#ifndef ISOLAT_MICROVM_QMP_H
#define ISOLAT_MICROVM_QMP_H

#include <jansson.h>

#include "isolat/error.h"

struct qmp {
	FILE *in;
	int fd;
};

/* Takes over the connected socket @fd and agrees on capabilities. qmp_close() ends it. */
int qmp_open(struct qmp *qmp, int fd, struct isolat_error *err);
void qmp_close(struct qmp *qmp);

/* Runs @command without arguments. On success *@reply is its "return" value, owned by the caller. */
int qmp_command(struct qmp *qmp, const char *command, json_t **reply, struct isolat_error *err);

#endif
