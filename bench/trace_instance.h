/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A tracefs instance of our own: a ring buffer with its own clock, size and events, that disturbs nobody else's
 * tracing. It is instances/isolat-PID, and gone when it is removed. What a killed process left is removed by the next
 * one that creates one.
 */
#ifndef ISOLAT_TRACE_INSTANCE_H
#define ISOLAT_TRACE_INSTANCE_H

#include <limits.h>
#include <stdbool.h>

#include <isolat/error.h>

#define TRACEFS_DEFAULT "/sys/kernel/tracing"

struct trace_instance {
	char path[PATH_MAX]; /* "" when there is none */
};

/*
 * Creates the instance below @tracefs (where tracefs is mounted), not recording. Fails with ISOLAT_UNSUPPORTED when
 * tracefs is not there, or not ours to use.
 */
int trace_instance_create(struct trace_instance *instance, const char *tracefs, struct isolat_error *err);

/* Removes it, if there is one; files of it must be closed. */
int trace_instance_remove(struct trace_instance *instance, struct isolat_error *err);

/* Opens the file of the instance that the format gives; -1 with @err filled, ISOLAT_UNSUPPORTED if it is not there. */
__attribute__((format(printf, 4, 5))) int trace_instance_open(const struct trace_instance *instance, int flags,
							      struct isolat_error *err, const char *format, ...);

/* Writes @text to its file @name. */
int trace_instance_write(const struct trace_instance *instance, const char *name, const char *text,
			 struct isolat_error *err);

#endif
