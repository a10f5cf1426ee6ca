/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The trace event smart_idle_poll:idle_period: each period, with what the predictor was asked and answered. Its text is
 * a line of CSV, of which idle-replay(1) reproduces each answer.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM smart_idle_poll

#if !defined(ISOLAT_SIP_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define ISOLAT_SIP_TRACE_H

#include <linux/tracepoint.h>

#include "sip.h"

/* For the tools that print it by its format. */
TRACE_DEFINE_ENUM(IDLE_WAKE_TIMER);
TRACE_DEFINE_ENUM(IDLE_WAKE_IRQ);
TRACE_DEFINE_ENUM(IDLE_WAKE_IPI);

/* The kernel writes these so: */
/* clang-format off */
TRACE_EVENT(idle_period,
	TP_PROTO(int cpu, u64 start_ns, u64 length_ns, const struct sip_period *period),
	TP_ARGS(cpu, start_ns, length_ns, period),
	TP_STRUCT__entry(
		__field(u32, cpu)
		__field(u32, wake)
		__field(u64, start_ns)
		__field(u64, length_ns)
		__field(u64, next_timer_ns)
		__field(u64, ran_ns)
		__field(u64, break_even_ns)
		__field(u32, limit_ns)
		__field(u32, window_ns)
	),
	TP_fast_assign(
		__entry->cpu = cpu;
		__entry->wake = period->wake;
		__entry->start_ns = start_ns;
		__entry->length_ns = length_ns;
		__entry->next_timer_ns = period->question.next_timer_ns;
		__entry->ran_ns = period->question.ran_ns;
		__entry->break_even_ns = period->question.break_even_ns;
		__entry->limit_ns = period->question.limit_ns;
		__entry->window_ns = period->answer_ns;
	),
	TP_printk("%u,%llu,%llu,%lld,%s,%llu,%llu,%u,%u", __entry->cpu, __entry->start_ns, __entry->length_ns,
		  (s64)__entry->next_timer_ns,
		  __print_symbolic(__entry->wake, { IDLE_WAKE_TIMER, "timer" }, { IDLE_WAKE_IRQ, "irq" },
				   { IDLE_WAKE_IPI, "ipi" }),
		  __entry->ran_ns, __entry->break_even_ns, __entry->limit_ns, __entry->window_ns)
);
/* clang-format on */

#endif

#undef TRACE_INCLUDE_PATH
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_PATH .
#define TRACE_INCLUDE_FILE sip_trace
#include <trace/define_trace.h>
