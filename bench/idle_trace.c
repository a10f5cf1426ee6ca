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

static bool starts(const char *text, const char *word, const char **rest)
{
	size_t length = strlen(word);

	*rest = text + length;
	return !strncmp(text, word, length);
}

static void arm(struct idle_trace *trace, const char *text)
{
	uint64_t timer, expires;
	unsigned int slot = 0;

	if (!number_after(text, "hrtimer=", 16, &timer) || !number_after(text, " expires=", 10, &expires))
		return;
	while (slot < IDLE_TRACE_TIMERS && trace->armed[slot].timer != timer)
		slot++;
	if (slot == IDLE_TRACE_TIMERS)
		slot = trace->next_slot++ % IDLE_TRACE_TIMERS;
	trace->armed[slot].timer = timer;
	trace->armed[slot].expires_ns = expires;
}

static uint64_t expiry_of(const struct idle_trace *trace, const char *text)
{
	uint64_t timer;

	if (!number_after(text, "hrtimer=", 16, &timer))
		return 0;
	for (unsigned int slot = 0; slot < IDLE_TRACE_TIMERS; slot++)
		if (trace->armed[slot].timer == timer)
			return trace->armed[slot].expires_ns;
	return 0;
}

/* Somebody asked for this CPU. A timer's handler asks as of the timer's expiry. */
static void request(struct idle_trace *trace, uint64_t now, bool from_here)
{
	if (!trace->idle || trace->request_ns)
		return;
	trace->period.by_timer = from_here && trace->running_timer;
	trace->request_ns = trace->period.by_timer ? trace->running_timer : now;
}

static bool task_is(const char *text, const char *key, const char *comm)
{
	const char *at = strstr(text, key);
	size_t length = strlen(comm);

	return at && !strncmp(at + strlen(key), comm, length) && at[strlen(key) + length] == ' ';
}

static bool switched(struct idle_trace *trace, const char *text, uint64_t now, struct idle_period *period)
{
	uint64_t prev, next;

	if (!number_after(text, "prev_pid=", 10, &prev) || !number_after(text, "next_pid=", 10, &next))
		return false;
	trace->running_timer = 0;
	if (!next) {
		trace->idle = true;
		trace->request_ns = 0;
		trace->period = (struct idle_period){
			.start_ns = now,
			.of_task = task_is(text, "prev_comm=", trace->comm),
		};
		return false;
	}
	if (prev || !trace->idle)
		return false;
	request(trace, now, true);
	trace->idle = false;
	trace->period.length_ns =
		trace->request_ns > trace->period.start_ns ? trace->request_ns - trace->period.start_ns : 0;
	*period = trace->period;
	return true;
}

/* Lines of this CPU. Returns true when one ended a period. */
static bool own_event(struct idle_trace *trace, const char *event, uint64_t now, struct idle_period *period)
{
	const char *rest;
	uint64_t state;

	if (starts(event, "sched_switch: ", &rest))
		return switched(trace, rest, now, period);
	if (starts(event, "hrtimer_start: ", &rest)) {
		arm(trace, rest);
	} else if (starts(event, "hrtimer_expire_entry: ", &rest)) {
		trace->running_timer = expiry_of(trace, rest);
	} else if (starts(event, "hrtimer_expire_exit: ", &rest)) {
		trace->running_timer = 0;
	} else if (starts(event, "cpu_idle: ", &rest)) {
		if (number_after(rest, "state=", 10, &state) && state && state != UINT32_MAX)
			trace->period.halted |= trace->idle;
	}
	return false;
}

bool idle_trace_line(struct idle_trace *trace, const char *line, struct idle_period *period)
{
	unsigned int cpu;
	const char *rest, *event;
	uint64_t now, target;

	event = split_line(line, &cpu, &now);
	if (!event)
		return false;
	if (starts(event, "sched_waking: ", &rest)) {
		if (number_after(rest, "target_cpu=", 10, &target) && target == trace->cpu)
			request(trace, now, cpu == trace->cpu);
		return false;
	}
	return cpu == trace->cpu && own_event(trace, event, now, period);
}
