// SPDX-License-Identifier: BSD-3-Clause
#include "idle_decode.h"

#include <string.h>

#include <event-parse.h>

/* No monotonic clock gets there (18 years), and every realtime clock of a traced machine is beyond. */
#define REALTIME_FROM_NS (1ULL << 59)

const struct idle_tracepoint idle_tracepoints[IDLE_DECODE_EVENTS] = {
	{ "sched", "sched_switch", IDLE_EVENT_SWITCH, "prev_pid", "next_pid" },
	{ "sched", "sched_waking", IDLE_EVENT_WAKING, "pid", NULL },
	{ "sched", "sched_wakeup", IDLE_EVENT_WAKEUP, "pid", "target_cpu" },
	{ "sched", "sched_wakeup_new", IDLE_EVENT_WAKEUP, "pid", "target_cpu" },
	{ "sched", "sched_migrate_task", IDLE_EVENT_MIGRATE, "pid", "dest_cpu" },
	{ "power", "cpu_idle", IDLE_EVENT_STATE, "state", NULL },
	{ "timer", "hrtimer_start", IDLE_EVENT_TIMER_START, "hrtimer", "expires" },
	{ "timer", "hrtimer_cancel", IDLE_EVENT_TIMER_CANCEL, "hrtimer", NULL },
	{ "timer", "hrtimer_expire_entry", IDLE_EVENT_TIMER_ENTRY, "hrtimer", NULL },
	{ "timer", "hrtimer_expire_exit", IDLE_EVENT_TIMER_EXIT, "hrtimer", NULL },
	{ "irq", "irq_handler_entry", IDLE_EVENT_IRQ_ENTRY, NULL, NULL },
	{ "irq", "irq_handler_exit", IDLE_EVENT_IRQ_EXIT, NULL, NULL },
	{ "irq", "softirq_raise", IDLE_EVENT_SOFTIRQ_RAISE, "vec", NULL },
	{ "irq", "softirq_entry", IDLE_EVENT_SOFTIRQ_ENTRY, "vec", NULL },
	{ "irq", "softirq_exit", IDLE_EVENT_SOFTIRQ_EXIT, NULL, NULL },
};

static int learn_field(struct tep_event *format, const char *name, struct idle_field *field, struct isolat_error *err)
{
	struct tep_format_field *found;

	*field = (struct idle_field){ 0 };
	if (!name)
		return 0;
	found = tep_find_any_field(format, name);
	if (!found || (found->size != 4 && found->size != 8) || found->offset < 0)
		return isolat_fail(err, ISOLAT_UNSUPPORTED, "read trace format", format->name,
				   "it has no field %s of 4 or 8 bytes", name);
	field->offset = found->offset;
	field->size = found->size;
	field->is_signed = found->flags & TEP_FIELD_IS_SIGNED;
	return 0;
}

int idle_decoder_learn(struct idle_decoder *decoder, size_t which, const char *text, struct isolat_error *err)
{
	const struct idle_tracepoint *point = &idle_tracepoints[which];
	struct tep_handle *tep = tep_alloc();
	struct tep_event *format;
	int rc;

	if (!tep)
		return isolat_fail(err, ISOLAT_FAILED, "read trace format", point->name, "out of memory");
	tep_set_loglevel(TEP_LOG_NONE); /* how a record would be printed need not be understood */
	tep_parse_event(tep, text, strlen(text), point->system);
	format = tep_find_event_by_name(tep, point->system, point->name);
	if (!format)
		rc = isolat_fail(err, ISOLAT_UNSUPPORTED, "read trace format", point->name, "not understood");
	else if (learn_field(format, "common_pid", &decoder->pid, err) ||
		 learn_field(format, point->id, &decoder->events[which].id, err) ||
		 learn_field(format, point->value, &decoder->events[which].value, err))
		rc = -1;
	else
		rc = 0;
	if (!rc)
		decoder->events[which].type = format->id;
	tep_free(tep);
	return rc;
}

/* Returns false when the record ends before the field does. */
static bool take_field(const struct idle_field *field, const void *data, size_t size, uint64_t *value)
{
	uint32_t word;

	if (!field->size)
		return true;
	if (field->offset + field->size > size)
		return false;
	if (field->size == sizeof(*value)) {
		memcpy(value, (const char *)data + field->offset, sizeof(*value));
		return true;
	}
	memcpy(&word, (const char *)data + field->offset, sizeof(word));
	*value = field->is_signed ? (uint64_t)(int32_t)word : word;
	return true;
}

bool idle_decode(const struct idle_decoder *decoder, const void *data, size_t size, struct idle_event *event)
{
	uint16_t type; /* common_type, the first field of every record */
	size_t i = 0;

	if (size < sizeof(type))
		return false;
	memcpy(&type, data, sizeof(type));
	while (i < IDLE_DECODE_EVENTS && decoder->events[i].type != type)
		i++;
	if (i == IDLE_DECODE_EVENTS)
		return false;
	event->kind = idle_tracepoints[i].kind;
	if (!take_field(&decoder->pid, data, size, &event->pid) ||
	    !take_field(&decoder->events[i].id, data, size, &event->id) ||
	    !take_field(&decoder->events[i].value, data, size, &event->value))
		return false;
	if (event->kind == IDLE_EVENT_TIMER_START && event->value >= REALTIME_FROM_NS)
		event->value -= decoder->realtime_offset_ns;
	return true;
}
