// SPDX-License-Identifier: BSD-3-Clause
/*
 * What the adversaries of idle-gen ask and tell a predictor, in each detail: instead of the real one they get one whose
 * windows are a hash of all that it was ever asked and told. A replay that asks and tells the same gets the same.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "idle_gen.h"

#define N 2000

static uint64_t heard;
static unsigned long inits, choices;

static void hear(uint64_t value)
{
	heard = (heard ^ value) * 0x100000001b3;
	heard ^= heard >> 29;
}

void idle_predictor_init(struct idle_predictor *p)
{
	heard = 0xcbf29ce484222325;
	inits++;
}

u32 idle_predictor_choose(struct idle_predictor *p, const struct idle_question *q)
{
	choices++;
	hear(q->break_even_ns);
	hear(q->next_timer_ns);
	hear(q->ran_ns);
	hear(q->limit_ns);
	return (u32)(heard % (q->limit_ns + 1ULL));
}

void idle_predictor_observe(struct idle_predictor *p, u64 length_ns, enum idle_wake wake)
{
	hear(length_ns);
	hear(wake);
}

static u32 choose(const struct idle_record *record, uint64_t ran_ns, const struct idle_gen_config *config)
{
	const struct idle_question question = {
		.break_even_ns = idle_break_even_ns(config->wake_cost_ns, config->poll_price_ppm),
		.next_timer_ns = record->next_timer_ns,
		.ran_ns = ran_ns,
		.limit_ns = config->poll_max_ns,
	};

	return idle_predictor_choose(NULL, &question);
}

/* Replays @csv; counts idles that are 1 ns longer than the window. */
static int count_beyond(const struct idle_csv *csv, const struct idle_gen_config *config)
{
	uint64_t end_ns = 0;
	int beyond = 0;

	idle_predictor_init(NULL);
	for (size_t i = 0; i < csv->n; i++) {
		const struct idle_record *r = &csv->records[i];

		beyond += r->length_ns == choose(r, i ? r->start_ns - end_ns : 0, config) + 1ULL;
		idle_predictor_observe(NULL, r->length_ns, r->wake);
		end_ns = r->start_ns + r->length_ns;
	}
	return beyond;
}

/* With windows that are as good as random, nearly no idle is so long by chance. */
static void check(const char *name, int least, int most)
{
	const struct idle_gen_config config = {
		.seed = 7, .wake_cost_ns = 31000, .poll_price_ppm = 410000, .poll_max_ns = 170000
	};
	struct idle_csv csv;
	struct isolat_error err;

	inits = choices = 0;
	assert_int_equal(idle_gen_trace(idle_gen_find(name), &config, N, &csv, &err), 0);
	assert_int_equal(inits, 1);
	assert_int_equal(choices, N);
	assert_in_range(count_beyond(&csv, &config), least, most);
	idle_csv_free(&csv);
}

static void test_beyond(void **state)
{
	check("beyond", N, N);
}

static void test_beyond_or_short(void **state)
{
	check("beyond-or-short", N / 2 - 90, N / 2 + 90);
}

static void test_lure(void **state)
{
	check("lure", N / 2, N / 2 + 2);
}

/* The others know of no predictor. */
static void test_nobody_else_asks(void **state)
{
	const struct idle_gen_config config = IDLE_GEN_DEFAULTS;
	struct idle_record record;
	struct idle_gen_run run;

	choices = 0;
	for (const struct idle_gen *gen = idle_gens; gen->class != IDLE_GEN_ADVERSARY; gen++) {
		idle_gen_begin(&run, gen, &config);
		idle_gen_next(&run, &record);
	}
	assert_int_equal(choices, 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_beyond),
		cmocka_unit_test(test_beyond_or_short),
		cmocka_unit_test(test_lure),
		cmocka_unit_test(test_nobody_else_asks),
	};

	return cmocka_run_group_tests_name("idle_gen_questions", tests, NULL, NULL);
}
