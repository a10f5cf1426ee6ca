// SPDX-License-Identifier: BSD-3-Clause
/* Idle periods read from traces written by hand. CPU 1 is watched, and on it the task "fio". */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "idle_trace.h"

/* Lines as tracefs shows them; times are "seconds.fraction". */
#define LINE(cpu, time, event) "          <idle>-0       [00" #cpu "] d..2. " time ": " event "\n"

#define TO_IDLE_FROM(time, comm)                                                             \
	LINE(1, time,                                                                        \
	     "sched_switch: prev_comm=" comm " prev_pid=123 prev_prio=120 prev_state=S ==> " \
	     "next_comm=swapper/1 next_pid=0 next_prio=120")
#define TO_IDLE(time) TO_IDLE_FROM(time, "fio")
#define FROM_IDLE(time)                                                                     \
	LINE(1, time,                                                                       \
	     "sched_switch: prev_comm=swapper/1 prev_pid=0 prev_prio=120 prev_state=R ==> " \
	     "next_comm=fio next_pid=123 next_prio=120")
#define WAKING(cpu, time)	LINE(cpu, time, "sched_waking: comm=fio pid=123 prio=120 target_cpu=001")
#define IDLE_STATE(time, state) LINE(1, time, "cpu_idle: state=" state " cpu_id=1")
#define IDLE_EXIT(time)		IDLE_STATE(time, "4294967295")
#define ARM(time, timer, expires)                                                                \
	LINE(1, time,                                                                            \
	     "hrtimer_start: hrtimer=" timer " function=null_cmd_timer_expired expires=" expires \
	     " softexpires=" expires " mode=REL")
#define TIMER_ENTRY(time, timer) \
	LINE(1, time, "hrtimer_expire_entry: hrtimer=" timer " function=null_cmd_timer_expired now=0")
#define TIMER_EXIT(time, timer) LINE(1, time, "hrtimer_expire_exit: hrtimer=" timer)

#define T1 "000000005f0c9a3e"
#define T2 "000000001a2b3c4d"

#define MAX_PERIODS 8

static struct idle_period periods[MAX_PERIODS];

static bool by_timer(size_t i)
{
	return periods[i].requested && periods[i].wake == IDLE_WAKE_TIMER;
}

/* Feeds @text line by line. Returns how many periods it ended; they are in periods[]. */
static size_t read_trace(const char *text)
{
	struct idle_trace trace;
	char line[512];
	size_t n = 0;

	memset(periods, 0, sizeof(periods));
	idle_trace_init(&trace, 1, "fio");
	while (*text) {
		size_t length = strcspn(text, "\n");

		assert_true(length < sizeof(line));
		memcpy(line, text, length);
		line[length] = '\0';
		assert_true(n < MAX_PERIODS);
		n += idle_trace_line(&trace, line, &periods[n]);
		text += length + (text[length] == '\n');
	}
	return n;
}

static void expect_one(const char *text, uint64_t start_ns, uint64_t length_ns)
{
	assert_int_equal(read_trace(text), 1);
	assert_int_equal(periods[0].start_ns, start_ns);
	assert_int_equal(periods[0].length_ns, length_ns);
}

/* The default clock prints microseconds, "mono" may print nanoseconds. */
static void test_microseconds(void **state)
{
	expect_one(TO_IDLE("12.000100") WAKING(0, "12.000125") FROM_IDLE("12.000190"), 12000100000, 25000);
}

static void test_nanoseconds(void **state)
{
	expect_one(TO_IDLE("12.000100001") WAKING(0, "12.000125004") FROM_IDLE("12.000190000"), 12000100001, 25003);
}

/* Nobody was seen to ask: the switch is all there is. */
static void test_without_request(void **state)
{
	expect_one(TO_IDLE("1.000010") FROM_IDLE("1.000030"), 1000010000, 20000);
	assert_false(by_timer(0));
}

/* The timer expired at 60, its handler ran at 95 and the task at 120: the idle was 50 us long, not 85 or 110. */
static void test_timer_counts_from_its_expiry(void **state)
{
	expect_one(ARM("1.000005", T1, "1000060000") TO_IDLE("1.000010") IDLE_STATE("1.000011", "1")
			   IDLE_EXIT("1.000090") TIMER_ENTRY("1.000095", T1) WAKING(1, "1.000096")
				   TIMER_EXIT("1.000097", T1) FROM_IDLE("1.000120"),
		   1000010000, 50000);
	assert_true(by_timer(0));
	assert_true(periods[0].halted);
}

/* Handlers are not switched from: its end was lost, and nobody was seen to ask. */
static void test_lost_end_of_handler(void **state)
{
	expect_one(ARM("1.000005", T1, "1000060000") TO_IDLE("1.000010") TIMER_ENTRY("1.000095", T1)
			   FROM_IDLE("1.000120"),
		   1000010000, 110000);
	assert_false(by_timer(0));
}

static void test_expiry_before_idle(void **state)
{
	expect_one(ARM("1.000001", T1, "1000008000") TO_IDLE("1.000010") TIMER_ENTRY("1.000012", T1)
			   WAKING(1, "1.000013") TIMER_EXIT("1.000014", T1) FROM_IDLE("1.000020"),
		   1000010000, 0);
	assert_true(by_timer(0));
}

/* A timer that is over asks for nothing any more. */
static void test_waking_after_timer(void **state)
{
	expect_one(ARM("1.000001", T1, "1000020000") TO_IDLE("1.000010") TIMER_ENTRY("1.000021", T1)
			   TIMER_EXIT("1.000022", T1) WAKING(1, "1.000040") FROM_IDLE("1.000050"),
		   1000010000, 30000);
	assert_false(by_timer(0));
}

static void test_right_timer_of_two(void **state)
{
	expect_one(ARM("1.000001", T1, "1000020000") ARM("1.000002", T2, "1000070000") TO_IDLE("1.000010")
			   TIMER_ENTRY("1.000075", T2) WAKING(1, "1.000076") TIMER_EXIT("1.000077", T2)
				   FROM_IDLE("1.000080"),
		   1000010000, 60000);
}

static void test_timer_armed_anew(void **state)
{
	expect_one(ARM("1.000001", T1, "1000020000") ARM("1.000002", T1, "1000070000") TO_IDLE("1.000010")
			   TIMER_ENTRY("1.000075", T1) WAKING(1, "1.000076") FROM_IDLE("1.000080"),
		   1000010000, 60000);
}

/* The trace began after the timer was armed: there is no expiry to count from. */
static void test_unknown_timer(void **state)
{
	expect_one(TO_IDLE("1.000010") TIMER_ENTRY("1.000075", T1) WAKING(1, "1.000076") FROM_IDLE("1.000080"),
		   1000010000, 66000);
	assert_true(by_timer(0));
}

/* More timers than are remembered: the latest are, all of them. */
static void test_many_timers(void **state)
{
	const int count = 3 * IDLE_PERIODS_TIMERS + 3;

	for (int which = count - IDLE_PERIODS_TIMERS; which < count; which++) {
		static char text[100000];
		int used = 0;

		for (int i = 0; i < count; i++)
			used += snprintf(text + used, sizeof(text) - used,
					 "x-1 [001] d..2. 1.000001: hrtimer_start: hrtimer=%x function=f expires=%d\n",
					 0x1000 + i, 1000020000 + i * 50);
		snprintf(text + used, sizeof(text) - used,
			 TO_IDLE("1.000010") "x-1 [001] d..2. 1.000090: hrtimer_expire_entry: hrtimer=%x "
					     "function=f\n%s%s",
			 0x1000 + which, WAKING(1, "1.000091"), FROM_IDLE("1.000095"));
		expect_one(text, 1000010000, 10000 + which * 50);
	}
}

/* Another CPU's handler does not make it ours. */
static void test_remote_waking(void **state)
{
	expect_one(ARM("1.000001", T1, "1000012000") TO_IDLE("1.000010")
			   LINE(0, "1.000013", "hrtimer_expire_entry: hrtimer=" T1 " function=f now=0")
				   WAKING(0, "1.000014") FROM_IDLE("1.000020"),
		   1000010000, 4000);
	assert_false(by_timer(0));
}

/* The wake-up of another CPU while our timer's handler runs is not the handler's. */
static void test_remote_waking_during_handler(void **state)
{
	expect_one(ARM("1.000001", T1, "1000012000") TO_IDLE("1.000010") TIMER_ENTRY("1.000013", T1)
			   WAKING(0, "1.000014") TIMER_EXIT("1.000015", T1) FROM_IDLE("1.000020"),
		   1000010000, 4000);
	assert_false(by_timer(0));
}

static void test_first_request_counts(void **state)
{
	expect_one(TO_IDLE("1.000010") WAKING(0, "1.000015") WAKING(0, "1.000030") FROM_IDLE("1.000040"), 1000010000,
		   5000);
}

/* A wake-up of this CPU while it was busy belongs to no idle. */
static void test_waking_while_busy(void **state)
{
	expect_one(WAKING(0, "1.000005") TO_IDLE("1.000010") WAKING(0, "1.000030") FROM_IDLE("1.000040"), 1000010000,
		   20000);
}

static void test_polled(void **state)
{
	expect_one(TO_IDLE("1.000010") IDLE_STATE("1.000011", "0") WAKING(0, "1.000030") IDLE_EXIT("1.000031")
			   FROM_IDLE("1.000032"),
		   1000010000, 20000);
	assert_false(periods[0].halted);
}

static void test_halted_after_poll(void **state)
{
	expect_one(TO_IDLE("1.000010") IDLE_STATE("1.000011", "0") IDLE_EXIT("1.000020") IDLE_STATE("1.000021", "1")
			   WAKING(0, "1.000030") IDLE_EXIT("1.000033") FROM_IDLE("1.000034"),
		   1000010000, 20000);
	assert_true(periods[0].halted);
}

/* Without a cpuidle driver the kernel's own halt is reported as state 1. */
static void test_halt_without_driver(void **state)
{
	expect_one(TO_IDLE("1.000010") IDLE_STATE("1.000011", "1") WAKING(0, "1.000030") IDLE_EXIT("1.000033")
			   FROM_IDLE("1.000034"),
		   1000010000, 20000);
	assert_true(periods[0].halted);
}

/* What one period was does not colour the next. */
static void test_periods_are_apart(void **state)
{
	assert_int_equal(read_trace(ARM("1.000001", T1, "1000030000") TO_IDLE("1.000010") IDLE_STATE("1.000011", "1")
					    TIMER_ENTRY("1.000035", T1) WAKING(1, "1.000036") FROM_IDLE("1.000040")
						    TO_IDLE_FROM("1.000050", "kworker/1:1") WAKING(0, "1.000057")
							    FROM_IDLE("1.000060")),
			 2);
	assert_true(periods[0].halted && by_timer(0) && periods[0].of_task);
	assert_int_equal(periods[1].start_ns, 1000050000);
	assert_int_equal(periods[1].length_ns, 7000);
	assert_false(periods[1].halted || by_timer(1) || periods[1].of_task);
}

static void test_name_of_task(void **state)
{
	static const struct {
		const char *text;
		bool of_task;
	} names[] = {
		{ TO_IDLE_FROM("1.000010", "fio"), true },
		{ TO_IDLE_FROM("1.000010", "fio2"), false },
		{ TO_IDLE_FROM("1.000010", "fi"), false },
		{ TO_IDLE_FROM("1.000010", "xfio"), false },
		{ TO_IDLE_FROM("1.000010", "sh next_comm=fio"), false },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		char text[1024];

		snprintf(text, sizeof(text), "%s%s", names[i].text, FROM_IDLE("1.000030"));
		expect_one(text, 1000010000, 20000);
		assert_int_equal(periods[0].of_task, names[i].of_task);
	}
}

static void test_other_cpus(void **state)
{
	/* CPU 0 goes idle and comes back; CPU 2 is woken; neither is CPU 1. */
	assert_int_equal(read_trace(LINE(0, "1.000001", "sched_switch: prev_comm=fio prev_pid=123 ==> next_pid=0") LINE(
				 0, "1.000009", "sched_switch: prev_comm=x prev_pid=0 ==> next_pid=123")),
			 0);
	expect_one(TO_IDLE("1.000010") LINE(0, "1.000012", "sched_waking: comm=fio pid=123 prio=120 target_cpu=002")
			   LINE(0, "1.000013", "cpu_idle: state=1 cpu_id=0") WAKING(0, "1.000030")
				   FROM_IDLE("1.000040"),
		   1000010000, 20000);
	assert_false(periods[0].halted);
}

/* Between two tasks there is no idle; neither is there one whose beginning was not seen. */
static void test_no_period(void **state)
{
	assert_int_equal(read_trace(LINE(1, "1.000001", "sched_switch: prev_comm=a prev_pid=5 ==> next_pid=6")), 0);
	assert_int_equal(read_trace(FROM_IDLE("1.000001")), 0);
	/* Events were lost between: what ended here did not begin with that idle. */
	assert_int_equal(read_trace(TO_IDLE("1.000001")
					    LINE(1, "1.000009", "sched_switch: prev_comm=a prev_pid=5 ==> next_pid=6")),
			 0);
}

static void test_garbage(void **state)
{
	static const char garbage[] = "# tracer: nop\n"
				      "\n"
				      " [\n"
				      " [001]\n"
				      " [001] d..2. \n"
				      " [001] d..2. 1.\n"
				      " [001] d..2. 1.000011\n"
				      " [xyz] d..2. 1.000011: sched_waking: target_cpu=001\n"
				      " [001] d..2. 1.000011: sched_switch: prev_pid=\n"
				      " [001] d..2. 1.000011: sched_switch: next_pid=1\n"
				      " [001] d..2. 1.000012: hrtimer_start: hrtimer=\n"
				      " [001] d..2. 1.000012: hrtimer_expire_entry: nothing\n"
				      " [001] d..2. 1.000012: cpu_idle: nothing\n"
				      " [001] d..2. 1.000012: unknown_event: state=1\n"
				      "CPU:1 [LOST 12 EVENTS]\n"
				      "\xff\xfe [001\n";
	char text[4096];

	assert_int_equal(read_trace(garbage), 0);
	snprintf(text, sizeof(text), "%s%s%s%s", TO_IDLE("1.000010"), garbage, WAKING(0, "1.000030"),
		 FROM_IDLE("1.000040"));
	expect_one(text, 1000010000, 20000);
	assert_false(periods[0].halted);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_microseconds),
		cmocka_unit_test(test_nanoseconds),
		cmocka_unit_test(test_without_request),
		cmocka_unit_test(test_timer_counts_from_its_expiry),
		cmocka_unit_test(test_lost_end_of_handler),
		cmocka_unit_test(test_expiry_before_idle),
		cmocka_unit_test(test_waking_after_timer),
		cmocka_unit_test(test_right_timer_of_two),
		cmocka_unit_test(test_timer_armed_anew),
		cmocka_unit_test(test_unknown_timer),
		cmocka_unit_test(test_many_timers),
		cmocka_unit_test(test_remote_waking),
		cmocka_unit_test(test_remote_waking_during_handler),
		cmocka_unit_test(test_first_request_counts),
		cmocka_unit_test(test_waking_while_busy),
		cmocka_unit_test(test_polled),
		cmocka_unit_test(test_halted_after_poll),
		cmocka_unit_test(test_halt_without_driver),
		cmocka_unit_test(test_periods_are_apart),
		cmocka_unit_test(test_name_of_task),
		cmocka_unit_test(test_other_cpus),
		cmocka_unit_test(test_no_period),
		cmocka_unit_test(test_garbage),
	};

	return cmocka_run_group_tests_name("idle_trace", tests, NULL, NULL);
}
