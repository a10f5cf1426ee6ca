/* SPDX-License-Identifier: BSD-3-Clause */
/* From raw trace records to the events of idle_periods.h, by the formats that the kernel describes. */
#ifndef ISOLAT_IDLE_DECODE_H
#define ISOLAT_IDLE_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <isolat/error.h>

#include "idle_periods.h"

/* The tracepoints that are recorded. */
#define IDLE_DECODE_EVENTS 15

struct idle_tracepoint {
	const char *system, *name;
	enum idle_event_kind kind;
	const char *id, *value; /* fields; NULL: none */
};

extern const struct idle_tracepoint idle_tracepoints[IDLE_DECODE_EVENTS];

struct idle_field {
	uint32_t offset, size;
	bool is_signed;
};

struct idle_decoder {
	uint64_t realtime_offset_ns; /* CLOCK_REALTIME - CLOCK_MONOTONIC, for timers on the former */
	struct idle_field pid;	     /* of the task that ran, in every record */
	struct {
		uint32_t type; /* what the kernel calls it in a record */
		struct idle_field id, value;
	} events[IDLE_DECODE_EVENTS];
};

/* Learns the format of tracepoint @which from @text, the contents of its "format" file. */
int idle_decoder_learn(struct idle_decoder *decoder, size_t which, const char *text, struct isolat_error *err);

/* Decodes one record; false if it is none of our tracepoints, or cut short. */
bool idle_decode(const struct idle_decoder *decoder, const void *data, size_t size, struct idle_event *event);

#endif
