// SPDX-License-Identifier: BSD-3-Clause
/* Idle periods from events of several CPUs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "idle_periods.h"

#define CPUS	    3
#define MAX_PERIODS 8
#define T1	    0xffff888000001000ULL
#define T2	    0xffff888000002000ULL
#define TASK	    123
#define OTHER	    456

static struct idle_periods machine;
static struct idle_cpu cpus[CPUS];
static struct idle_period periods[MAX_PERIODS];
static size_t n_periods;

static int begin(void **state)
{
	memset(periods, 0, sizeof(periods));
	n_periods = 0;
	idle_periods_init(&machine, cpus, CPUS);
	return 0;
}

static void feed_as(uint64_t pid, uint32_t cpu, uint64_t ns, enum idle_event_kind kind, uint64_t id, uint64_t value)
{
	const struct idle_event event = { .cpu = cpu, .ns = ns, .kind = kind, .id = id, .value = value, .pid = pid };

	assert_true(n_periods < MAX_PERIODS);
	n_periods += idle_periods_feed(&machine, &event, &periods[n_periods]);
}

static void feed(uint32_t cpu, uint64_t ns, enum idle_event_kind kind, uint64_t id, uint64_t value)
{
	feed_as(0, cpu, ns, kind, id, value);
}

static void to_idle(uint32_t cpu, uint64_t ns)
{
	feed_as(TASK, cpu, ns, IDLE_EVENT_SWITCH, TASK, 0);
}

static void from_idle(uint32_t cpu, uint64_t ns)
{
	feed(cpu, ns, IDLE_EVENT_SWITCH, 0, TASK);
}

/* A waking made on @from, whose task was queued on @to a little later. */
static void wake(uint32_t from, uint32_t to, uint64_t ns)
{
	feed(from, ns, IDLE_EVENT_WAKING, TASK, 0);
	feed(from, ns + 2, IDLE_EVENT_WAKEUP, TASK, to);
}

static void expect(size_t i, uint32_t cpu, uint64_t start, uint64_t length, enum idle_wake kind)
{
	assert_true(i < n_periods);
	assert_int_equal(periods[i].cpu, cpu);
	assert_int_equal(periods[i].start_ns, start);
	assert_int_equal(periods[i].length_ns, length);
	assert_int_equal(periods[i].wake, kind);
	assert_true(periods[i].requested);
	assert_false(periods[i].lossy);
}

static void test_halted_to_request(void **state)
{
	to_idle(1, 1000);
	feed(1, 1010, IDLE_EVENT_STATE, 1, 0);
	wake(0, 1, 1500);
	feed(1, 1900, IDLE_EVENT_STATE, IDLE_STATE_LEFT, 0);
	from_idle(1, 2000);
	assert_int_equal(n_periods, 1);
	expect(0, 1, 1000, 500, IDLE_WAKE_IPI);
	assert_true(periods[0].halted);
}

static void test_interrupts_do_not_end(void **state)
{
	to_idle(1, 1000);
	feed(1, 1010, IDLE_EVENT_STATE, 1, 0);
	feed(1, 1200, IDLE_EVENT_STATE, IDLE_STATE_LEFT, 0);
	feed(1, 1210, IDLE_EVENT_IRQ_ENTRY, 0, 0);
	feed(1, 1220, IDLE_EVENT_IRQ_EXIT, 0, 0);
	feed(1, 1230, IDLE_EVENT_TIMER_ENTRY, T1, 0);
	feed(1, 1240, IDLE_EVENT_TIMER_EXIT, T1, 0);
	feed(1, 1250, IDLE_EVENT_SOFTIRQ_ENTRY, 7, 0);
	feed(1, 1260, IDLE_EVENT_SOFTIRQ_EXIT, 7, 0);
	feed(1, 1270, IDLE_EVENT_STATE, 1, 0);
	wake(0, 1, 1800);
	from_idle(1, 2000);
	assert_int_equal(n_periods, 1);
	expect(0, 1, 1000, 800, IDLE_WAKE_IPI);
}

static void test_irq_wakes(void **state)
{
	to_idle(1, 1000);
	feed(1, 1300, IDLE_EVENT_IRQ_ENTRY, 0, 0);
	wake(1, 1, 1310);
	feed(1, 1320, IDLE_EVENT_IRQ_EXIT, 0, 0);
	from_idle(1, 1400);
	expect(0, 1, 1000, 310, IDLE_WAKE_IRQ);
	/* From the softirq that its handler raised. */
	to_idle(1, 2000);
	feed(1, 2300, IDLE_EVENT_IRQ_ENTRY, 0, 0);
	feed(1, 2305, IDLE_EVENT_SOFTIRQ_RAISE, 4, 0);
	feed(1, 2310, IDLE_EVENT_IRQ_EXIT, 0, 0);
	feed(1, 2320, IDLE_EVENT_SOFTIRQ_ENTRY, 4, 0);
	wake(1, 1, 2330);
	from_idle(1, 2400);
	expect(1, 1, 2000, 330, IDLE_WAKE_IRQ);
}

/* The handler ran late: the CPU had halted. Its expiry counts. */
static void test_timer_wakes(void **state)
{
	feed(1, 900, IDLE_EVENT_TIMER_START, T1, 1500);
	to_idle(1, 1000);
	feed(1, 1700, IDLE_EVENT_TIMER_CANCEL, T1, 0);
	feed(1, 1701, IDLE_EVENT_TIMER_ENTRY, T1, 0);
	wake(1, 1, 1710);
	feed(1, 1720, IDLE_EVENT_TIMER_EXIT, T1, 0);
	from_idle(1, 1800);
	expect(0, 1, 1000, 500, IDLE_WAKE_TIMER);
	/* One armed before the recording: its handler is all that is known. */
	to_idle(1, 2000);
	feed(1, 2701, IDLE_EVENT_TIMER_ENTRY, T2, 0);
	wake(1, 1, 2710);
	from_idle(1, 2800);
	expect(1, 1, 2000, 710, IDLE_WAKE_TIMER);
}

/* It wakes a task for another CPU, late: that one's idle lasted until then. */
static void test_timer_wakes_another(void **state)
{
	feed(0, 900, IDLE_EVENT_TIMER_START, T1, 1200);
	to_idle(1, 1000);
	feed(0, 1700, IDLE_EVENT_TIMER_ENTRY, T1, 0);
	wake(0, 1, 1710);
	from_idle(1, 1800);
	expect(0, 1, 1000, 710, IDLE_WAKE_IPI);
}

/* Slack lets a timer run before its expiry, with another's interrupt. */
static void test_timer_runs_early(void **state)
{
	feed(1, 900, IDLE_EVENT_TIMER_START, T1, 5000);
	to_idle(1, 1000);
	feed(1, 1701, IDLE_EVENT_TIMER_ENTRY, T1, 0);
	wake(1, 1, 1710);
	from_idle(1, 1800);
	expect(0, 1, 1000, 710, IDLE_WAKE_TIMER);
}

static uint64_t next_timer_of(uint64_t start)
{
	to_idle(1, start);
	feed(1, start + 10, IDLE_EVENT_STATE, 0, 0);
	wake(0, 1, start + 20);
	from_idle(1, start + 30);
	return periods[n_periods - 1].next_timer_ns;
}

/* What was started on CPU 0, after it ran here once, runs here. */
static void test_timer_of_another_cpu(void **state)
{
	feed(1, 800, IDLE_EVENT_TIMER_START, T1, 850);
	feed(1, 860, IDLE_EVENT_TIMER_ENTRY, T1, 0);
	feed(0, 900, IDLE_EVENT_TIMER_START, T1, 1500);
	to_idle(1, 1000);
	feed(1, 1701, IDLE_EVENT_TIMER_ENTRY, T1, 0);
	wake(1, 1, 1710);
	from_idle(1, 1800);
	expect(0, 1, 1000, 500, IDLE_WAKE_TIMER);
}

/* A timer that is started unseen: neither its old expiry nor a later one counts. */
static void test_timer_started_unseen(void **state)
{
	feed(1, 900, IDLE_EVENT_TIMER_START, T1, 950);
	feed(1, 960, IDLE_EVENT_TIMER_ENTRY, T1, 0);
	to_idle(1, 1000);
	feed(1, 1701, IDLE_EVENT_TIMER_ENTRY, T1, 0);
	wake(1, 1, 1710);
	from_idle(1, 1800);
	expect(0, 1, 1000, 710, IDLE_WAKE_TIMER);
	feed(1, 1900, IDLE_EVENT_TIMER_START, T1, 2300);
	to_idle(1, 2000);
	feed(1, 2701, IDLE_EVENT_TIMER_ENTRY, T1, 0);
	wake(1, 1, 2710);
	from_idle(1, 2800);
	expect(1, 1, 2000, 710, IDLE_WAKE_TIMER);
	assert_true(periods[1].next_timer_ns == IDLE_NO_TIMER);
	/* Nor is it known which timer is the next, whatever is started since. */
	feed(1, 2850, IDLE_EVENT_TIMER_START, T2, 9000);
	assert_true(next_timer_of(2900) == IDLE_NO_TIMER);
}

static void timer_softirq(uint64_t number, bool raised, enum idle_wake kind, uint64_t length)
{
	begin(NULL);
	feed(1, 900, IDLE_EVENT_TIMER_START, T1, 1500);
	to_idle(1, 1000);
	feed(1, 1701, IDLE_EVENT_TIMER_ENTRY, T1, 0);
	if (raised)
		feed(1, 1702, IDLE_EVENT_SOFTIRQ_RAISE, number, 0);
	feed(1, 1703, IDLE_EVENT_TIMER_EXIT, T1, 0);
	feed(1, 1704, IDLE_EVENT_SOFTIRQ_ENTRY, number, 0);
	wake(1, 1, 1710);
	from_idle(1, 1800);
	expect(0, 1, 1000, length, kind);
}

static void test_softirqs_of_timers(void **state)
{
	timer_softirq(1, false, IDLE_WAKE_TIMER, 500); /* TIMER */
	timer_softirq(8, false, IDLE_WAKE_TIMER, 500); /* HRTIMER */
	timer_softirq(7, true, IDLE_WAKE_TIMER, 500);  /* SCHED, raised by the tick */
	timer_softirq(3, false, IDLE_WAKE_IRQ, 710);   /* NET_RX, raised before */
}

/* What a timer raised once does not make a timer of that softirq for ever. */
static void test_softirq_raised_again(void **state)
{
	timer_softirq(7, true, IDLE_WAKE_TIMER, 500);
	to_idle(1, 2000);
	feed(1, 2100, IDLE_EVENT_SOFTIRQ_ENTRY, 7, 0);
	wake(1, 1, 2110);
	from_idle(1, 2200);
	expect(1, 1, 2000, 110, IDLE_WAKE_IRQ);
}

static void test_irq_within_timer_softirq(void **state)
{
	to_idle(1, 1000);
	feed(1, 1100, IDLE_EVENT_SOFTIRQ_ENTRY, 1, 0);
	feed(1, 1110, IDLE_EVENT_IRQ_ENTRY, 0, 0);
	wake(1, 1, 1120);
	from_idle(1, 1200);
	expect(0, 1, 1000, 120, IDLE_WAKE_IRQ);
}

/* Handlers whose end was not seen are over when the CPU switches. */
static void test_lost_end_of_handlers(void **state)
{
	feed(1, 900, IDLE_EVENT_TIMER_START, T1, 1050);
	to_idle(1, 1000);
	feed(1, 1100, IDLE_EVENT_TIMER_ENTRY, T1, 0);
	wake(1, 1, 1110);
	from_idle(1, 1200);
	to_idle(1, 2000);
	wake(1, 1, 2100);
	from_idle(1, 2200);
	expect(1, 1, 2000, 100, IDLE_WAKE_IRQ);
	to_idle(1, 3000);
	feed(1, 3100, IDLE_EVENT_SOFTIRQ_ENTRY, 1, 0);
	feed(1, 3110, IDLE_EVENT_IRQ_ENTRY, 0, 0);
	wake(1, 1, 3120);
	from_idle(1, 3200);
	to_idle(1, 4000);
	wake(1, 1, 4100);
	from_idle(1, 4200);
	expect(3, 1, 4000, 100, IDLE_WAKE_IRQ);
	feed(1, 4900, IDLE_EVENT_TIMER_START, T1, 4950);
	to_idle(1, 5000);
	feed(1, 5100, IDLE_EVENT_TIMER_ENTRY, T1, 0);
	wake(1, 1, 5110);
	from_idle(1, 5200);
	expect(4, 1, 5000, 0, IDLE_WAKE_TIMER);
}

/* The task was on CPU 0, and gets CPU 2; CPU 0 and 1 hear nothing of it. */
static void test_chosen_cpu(void **state)
{
	for (uint32_t cpu = 0; cpu < CPUS; cpu++)
		to_idle(cpu, 1000 + cpu);
	feed(1, 1500, IDLE_EVENT_WAKING, TASK, 0);
	feed(1, 1501, IDLE_EVENT_MIGRATE, TASK, 2);
	feed(1, 1502, IDLE_EVENT_WAKEUP, TASK, 2);
	from_idle(2, 1600);
	expect(0, 2, 1002, 498, IDLE_WAKE_IPI);
	from_idle(0, 1700);
	assert_false(periods[1].requested);
	assert_int_equal(periods[1].length_ns, 700);
}

/* Queued remotely: the CPU itself reports the wake-up, long after the waking. */
static void test_queued_remotely(void **state)
{
	to_idle(1, 1000);
	feed(0, 1500, IDLE_EVENT_WAKING, TASK, 0);
	feed(1, 1900, IDLE_EVENT_WAKEUP, TASK, 1);
	from_idle(1, 2000);
	expect(0, 1, 1000, 500, IDLE_WAKE_IPI);
}

/* The wake-up was not seen: the task that is switched in is the one. */
static void test_switched_in(void **state)
{
	to_idle(1, 1000);
	feed(0, 1500, IDLE_EVENT_WAKING, TASK, 0);
	from_idle(1, 2000);
	expect(0, 1, 1000, 500, IDLE_WAKE_IPI);
}

static void test_request_before_idle(void **state)
{
	feed(0, 900, IDLE_EVENT_WAKING, TASK, 0);
	to_idle(1, 1000);
	feed(1, 1900, IDLE_EVENT_WAKEUP, TASK, 1);
	from_idle(1, 2000);
	expect(0, 1, 1000, 0, IDLE_WAKE_IPI);
}

/* A new task has no waking, and one that is moved at exec() or by the load balancer no wake-up. */
static void test_fork_and_migration(void **state)
{
	to_idle(1, 1000);
	feed(0, 1500, IDLE_EVENT_WAKEUP, OTHER, 1);
	from_idle(1, 1600);
	expect(0, 1, 1000, 500, IDLE_WAKE_IPI);
	to_idle(1, 2000);
	feed(0, 2400, IDLE_EVENT_MIGRATE, OTHER, 1);
	from_idle(1, 2600);
	expect(1, 1, 2000, 400, IDLE_WAKE_IPI);
	to_idle(1, 3000);
	feed(1, 3300, IDLE_EVENT_MIGRATE, OTHER, 1);
	from_idle(1, 3600);
	expect(2, 1, 3000, 300, IDLE_WAKE_IRQ);
}

/* Another CPU took the task, and this one slept on. */
static void test_request_taken_back(void **state)
{
	to_idle(1, 1000);
	wake(0, 1, 1200);
	feed(1, 1300, IDLE_EVENT_STATE, 1, 0);
	wake(0, 1, 1700);
	from_idle(1, 1800);
	expect(0, 1, 1000, 700, IDLE_WAKE_IPI);
	/* But for another one, it is what there was. */
	to_idle(1, 2000);
	wake(0, 1, 2200);
	feed(1, 2300, IDLE_EVENT_STATE, 1, 0);
	from_idle(1, 2800);
	expect(1, 1, 2000, 200, IDLE_WAKE_IPI);
}

static void test_first_request_counts(void **state)
{
	to_idle(1, 1000);
	wake(0, 1, 1200);
	wake(2, 1, 1300);
	from_idle(1, 1800);
	expect(0, 1, 1000, 200, IDLE_WAKE_IPI);
}

static void test_cpus_interleaved(void **state)
{
	to_idle(0, 1000);
	to_idle(1, 1100);
	wake(2, 1, 1200);
	feed(0, 1250, IDLE_EVENT_IRQ_ENTRY, 0, 0);
	wake(0, 0, 1300);
	from_idle(1, 1400);
	from_idle(0, 1500);
	assert_int_equal(n_periods, 2);
	expect(0, 1, 1100, 100, IDLE_WAKE_IPI);
	expect(1, 0, 1000, 300, IDLE_WAKE_IRQ);
}

/* A CPU whose idle task is never heard of. */
static void test_end_unseen(void **state)
{
	to_idle(1, 1000);
	wake(0, 1, 1400);
	feed_as(TASK, 1, 1700, IDLE_EVENT_TIMER_START, T1, 5000);
	assert_int_equal(n_periods, 1);
	expect(0, 1, 1000, 400, IDLE_WAKE_IPI);
	to_idle(1, 2000);
	feed(0, 2300, IDLE_EVENT_WAKING, TASK, 0); /* whose wake-up the idle task did */
	to_idle(1, 2700);
	assert_int_equal(n_periods, 2);
	expect(1, 1, 2000, 300, IDLE_WAKE_IPI);
	wake(0, 1, 2900);
	from_idle(1, 3000);
	expect(2, 1, 2700, 200, IDLE_WAKE_IPI);
}

static void test_not_a_period(void **state)
{
	from_idle(1, 900);
	feed(1, 950, IDLE_EVENT_SWITCH, TASK, OTHER);
	feed(CPUS, 1000, IDLE_EVENT_SWITCH, TASK, 0);
	feed(CPUS, 1100, IDLE_EVENT_SWITCH, 0, TASK);
	feed(0, 1200, IDLE_EVENT_WAKEUP, TASK, CPUS);
	feed(0, 1200, IDLE_EVENT_MIGRATE, TASK, UINT64_MAX);
	assert_int_equal(n_periods, 0);
}

static void test_next_timer(void **state)
{
	assert_true(next_timer_of(1000) == IDLE_NO_TIMER);
	feed(1, 1900, IDLE_EVENT_TIMER_START, T1, 9000);
	feed(0, 1900, IDLE_EVENT_TIMER_START, T2, 3000);
	assert_int_equal(next_timer_of(2000), 7000); /* CPU 0's is not ours */
	feed(1, 2100, IDLE_EVENT_TIMER_START, T2 + 1, 5000);
	assert_int_equal(next_timer_of(2200), 2800);
	feed(2, 2300, IDLE_EVENT_TIMER_CANCEL, T2 + 1, 0); /* by another CPU */
	assert_int_equal(next_timer_of(2400), 6600);
	assert_true(next_timer_of(9100) == IDLE_NO_TIMER); /* overdue */
	begin(NULL);
	feed(1, 10, IDLE_EVENT_TIMER_START, T1, 9000);
	feed(1, 20, IDLE_EVENT_TIMER_ENTRY, T1, 0);
	assert_true(next_timer_of(1000) == IDLE_NO_TIMER); /* expired */
	feed(1, 1100, IDLE_EVENT_TIMER_START, T1, INT64_MAX);
	assert_true(next_timer_of(2000) == IDLE_NO_TIMER); /* never */
}

/* The idle loop stops the tick before it enters a state; later changes are no cpuidle driver's to know. */
static void test_next_timer_after_tick(void **state)
{
	feed(1, 900, IDLE_EVENT_TIMER_START, T1, 4000);
	to_idle(1, 1000);
	feed(1, 1010, IDLE_EVENT_TIMER_CANCEL, T1, 0);
	feed(1, 1011, IDLE_EVENT_TIMER_START, T1, 90000);
	feed(1, 1020, IDLE_EVENT_STATE, 1, 0);
	feed(1, 1100, IDLE_EVENT_TIMER_START, T2, 2000);
	feed(1, 1110, IDLE_EVENT_STATE, 1, 0);
	wake(0, 1, 1200);
	from_idle(1, 1300);
	assert_int_equal(periods[0].next_timer_ns, 89000);
	/* One without a state has what there was at its beginning. */
	to_idle(1, 1500);
	feed(1, 1510, IDLE_EVENT_TIMER_CANCEL, T2, 0);
	wake(0, 1, 1520);
	from_idle(1, 1600);
	assert_int_equal(periods[1].next_timer_ns, 500);
}

static void test_loss(void **state)
{
	feed(1, 900, IDLE_EVENT_TIMER_START, T1, 90000);
	to_idle(0, 1000);
	to_idle(1, 1000);
	assert_true(idle_periods_lost(&machine, 1, 2000));
	from_idle(1, 2100); /* of an idle whose beginning is lost */
	assert_int_equal(n_periods, 0);
	wake(2, 0, 1500);
	from_idle(0, 1600);
	assert_true(periods[0].lossy);
	to_idle(0, 1900); /* before the loss was over */
	wake(2, 0, 2200);
	from_idle(0, 2300);
	assert_true(periods[1].lossy);
	to_idle(1, 2400);
	wake(0, 1, 2500);
	from_idle(1, 2600);
	expect(2, 1, 2400, 100, IDLE_WAKE_IPI);
	assert_true(periods[2].next_timer_ns == IDLE_NO_TIMER); /* it may have been cancelled */
	assert_false(idle_periods_lost(&machine, 1, 2700));
	assert_false(idle_periods_lost(&machine, CPUS, 2700));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_halted_to_request, begin),
		cmocka_unit_test_setup(test_interrupts_do_not_end, begin),
		cmocka_unit_test_setup(test_irq_wakes, begin),
		cmocka_unit_test_setup(test_timer_wakes, begin),
		cmocka_unit_test_setup(test_timer_wakes_another, begin),
		cmocka_unit_test_setup(test_timer_runs_early, begin),
		cmocka_unit_test_setup(test_timer_of_another_cpu, begin),
		cmocka_unit_test_setup(test_timer_started_unseen, begin),
		cmocka_unit_test(test_softirqs_of_timers),
		cmocka_unit_test(test_softirq_raised_again),
		cmocka_unit_test_setup(test_irq_within_timer_softirq, begin),
		cmocka_unit_test_setup(test_lost_end_of_handlers, begin),
		cmocka_unit_test_setup(test_chosen_cpu, begin),
		cmocka_unit_test_setup(test_queued_remotely, begin),
		cmocka_unit_test_setup(test_switched_in, begin),
		cmocka_unit_test_setup(test_request_before_idle, begin),
		cmocka_unit_test_setup(test_fork_and_migration, begin),
		cmocka_unit_test_setup(test_request_taken_back, begin),
		cmocka_unit_test_setup(test_first_request_counts, begin),
		cmocka_unit_test_setup(test_cpus_interleaved, begin),
		cmocka_unit_test_setup(test_end_unseen, begin),
		cmocka_unit_test_setup(test_not_a_period, begin),
		cmocka_unit_test_setup(test_next_timer, begin),
		cmocka_unit_test_setup(test_next_timer_after_tick, begin),
		cmocka_unit_test_setup(test_loss, begin),
	};

	return cmocka_run_group_tests_name("idle_periods", tests, NULL, NULL);
}
