/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The raw pages of the CPUs' trace buffers (per_cpu/cpuN/trace_pipe_raw), as one stream of records by time. Holds one
 * page for each CPU.
 */
#ifndef ISOLAT_TRACE_MERGE_H
#define ISOLAT_TRACE_MERGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <isolat/error.h>

struct trace_merge;

struct trace_record {
	uint64_t ns;
	uint32_t cpu;
	size_t size;
	const void *data; /* valid until the next call; NULL: records of this CPU were lost, up to ns */
};

/* NULL: no memory. */
struct trace_merge *trace_merge_new(void);

/* Adds the buffer of @cpu. @fd does not block, and is closed by trace_merge_free() only if this returns 0. */
int trace_merge_add(struct trace_merge *merge, uint32_t cpu, int fd, struct isolat_error *err);

/* Closes the buffers. NULL is fine. */
void trace_merge_free(struct trace_merge *merge);

/* From now on there are records up to @until_ns: nothing older will be written to any of the buffers. */
void trace_merge_allow(struct trace_merge *merge, uint64_t until_ns);

/*
 * Returns 1 with the next record, 0 when there is none up to the time allowed, -1 with @err filled. A loss is told
 * before all records of other CPUs that may be later than the records lost.
 */
int trace_merge_next(struct trace_merge *merge, struct trace_record *record, struct isolat_error *err);

#endif
