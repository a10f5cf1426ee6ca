// SPDX-License-Identifier: BSD-3-Clause
#include "idle_trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void idle_trace_init(struct idle_trace *trace, unsigned int cpu, const char *comm)
{
	memset(trace, 0, sizeof(*trace));
	trace->cpu = cpu;
	trace->comm = comm;
	idle_periods_init(&trace->periods, trace->cpus, 2);
}

/* "   fio-123   [001] d..2.   12.345678901: sched_switch: ..." gives the CPU, the time in ns, and what follows. */
static const char *split_line(const char *line, unsigned int *cpu, uint64_t *ns)
{
	const char *bracket = strstr(line, " [");
	unsigned long long seconds, fraction;
	char digits[16];
	int end = 0;

	if (!bracket || sscanf(bracket, " [%u] %*s %llu.%15[0-9]: %n", cpu, &seconds, digits, &end) < 3 || !end)
		return NULL;
	fraction = strtoull(digits, NULL, 10);
	for (size_t i = strlen(digits); i < 9; i++)
		fraction *= 10;
	*ns = seconds * 1000000000ULL + fraction;
	return bracket + end;
}

static bool number_after(const char *text, const char *key, int base, uint64_t *value)
{
	const char *at = strstr(text, key);

	if (!at)
		return false;
	*value = strtoull(at + strlen(key), NULL, base);
	return true;
}

static bool task_is(const char *text, const char *key, const char *comm)
{
	const char *at = strstr(text, key);
	size_t length = strlen(comm);

	return at && !strncmp(at + strlen(key), comm, length) && at[strlen(key) + length] == ' ';
}

/* What an event's line may hold, in the order of IDLE_TRACE_EVENTS. */
static const struct line {
	const char *name;
	enum idle_event_kind kind;
	const char *id;
	int id_base;
	const char *value; /* NULL: it has none */
} lines[] = {
	{ "sched_switch: ", IDLE_EVENT_SWITCH, "prev_pid=", 10, "next_pid=" },
	{ "sched_waking: ", IDLE_EVENT_WAKEUP, " pid=", 10, "target_cpu=" },
	{ "cpu_idle: ", IDLE_EVENT_STATE, "state=", 10, NULL },
	{ "hrtimer_start: ", IDLE_EVENT_TIMER_START, "hrtimer=", 16, " expires=" },
	{ "hrtimer_expire_entry: ", IDLE_EVENT_TIMER_ENTRY, "hrtimer=", 16, NULL },
	{ "hrtimer_expire_exit: ", IDLE_EVENT_TIMER_EXIT, "hrtimer=", 16, NULL },
};

/* Returns false where @text is none of our events, or not whole. */
static bool parse_event(const struct idle_trace *trace, const char *text, struct idle_event *event)
{
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		size_t length = strlen(lines[i].name);

		if (strncmp(text, lines[i].name, length))
			continue;
		text += length;
		event->kind = lines[i].kind;
		event->watched = event->kind == IDLE_EVENT_SWITCH && task_is(text, "prev_comm=", trace->comm);
		return number_after(text, lines[i].id, lines[i].id_base, &event->id) &&
		       (!lines[i].value || number_after(text, lines[i].value, 10, &event->value));
	}
	return false;
}

bool idle_trace_line(struct idle_trace *trace, const char *line, struct idle_period *period)
{
	struct idle_event event = { 0 };
	const char *text;
	unsigned int cpu;

	text = split_line(line, &cpu, &event.ns);
	if (!text || !parse_event(trace, text, &event))
		return false;
	if (event.kind == IDLE_EVENT_WAKEUP && event.value != trace->cpu)
		return false;
	if (event.kind != IDLE_EVENT_WAKEUP && cpu != trace->cpu)
		return false;
	if (event.kind == IDLE_EVENT_WAKEUP)
		event.value = 0;
	event.cpu = cpu != trace->cpu;
	if (!idle_periods_feed(&trace->periods, &event, period))
		return false;
	period->cpu = trace->cpu;
	return true;
}
