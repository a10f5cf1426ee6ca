// SPDX-License-Identifier: BSD-3-Clause
#include "idle_gen.h"

#include <stdlib.h>
#include <string.h>

#define US 1000ULL
#define MS 1000000ULL

#define MAX_PARTS 3

enum shape { FIXED, UNIFORM, NORMAL, LOGNORMAL, EXPONENTIAL, WEIBULL, PARETO, TIMER };

/* One kind of time: how often it comes among those of its source, and how long it is. */
struct part {
	unsigned int weight; /* 0 ends a source */
	enum shape shape;
	uint64_t ns;	    /* the length, the lowest, the mean, the median, or the scale, as the shape has it */
	unsigned int width; /* in thousandths, as idle_draw.h says; UNIFORM: in ns */
};

struct source {
	struct part parts[MAX_PARTS + 1];
};

struct idle_gen_recipe {
	/* Decides on the length, and the wake if it is no IRQ; NULL: from_source(). */
	void (*fill)(struct idle_gen_run *run, uint64_t ran_ns, struct idle_record *record);
	struct source idle[2];
	struct source ran; /* how long the CPU runs before an idle; empty: the usual time */
	unsigned int run;  /* idles after which the source changes; 0: never */
	bool random_run;   /* that many on average */
	uint64_t timer_ns; /* the period of a timer that is known; 0: none is */
	uint64_t late_ns;  /* the median of that timer's lateness */
	bool timer_wakes_no_one;
};

static const struct source usual_ran = { { { 1, LOGNORMAL, 5 * US, 800 } } };

static const struct part *pick_part(struct idle_draw *draw, const struct source *source)
{
	const struct part *part;
	uint64_t total = 0, at;

	for (part = source->parts; part->weight; part++)
		total += part->weight;
	at = idle_draw_below(draw, total);
	for (part = source->parts; at >= part->weight; part++)
		at -= part->weight;
	return part;
}

static uint64_t draw_from(struct idle_draw *draw, const struct source *source)
{
	const struct part *part = pick_part(draw, source);

	switch (part->shape) {
	case FIXED:
		return part->ns;
	case UNIFORM:
		return part->ns + idle_draw_below(draw, part->width + 1ULL);
	case NORMAL:
		return idle_draw_normal(draw, part->ns, part->width);
	case LOGNORMAL:
		return idle_draw_lognormal(draw, part->ns, part->width);
	case EXPONENTIAL:
		return idle_draw_exponential(draw, part->ns);
	case WEIBULL:
		return idle_draw_weibull(draw, part->ns);
	case PARETO:
		return idle_draw_pareto(draw, part->ns, part->width);
	case TIMER: /* only the timer ends it */
		break;
	}
	return IDLE_NO_TIMER;
}

/* ---- What decides on the length ---------------------------------------------------------------------------------- */

static void change_source(struct idle_gen_run *run)
{
	const struct idle_gen_recipe *recipe = run->gen->recipe;
	bool over = recipe->random_run ? !idle_draw_below(&run->draw, recipe->run) : run->in_run == recipe->run;

	if (!run->idles || !recipe->run || !over) {
		run->in_run++;
		return;
	}
	run->source ^= 1;
	run->in_run = 1;
}

/* From the source whose turn it is, and no longer than until the timer. */
static void from_source(struct idle_gen_run *run, uint64_t ran_ns, struct idle_record *record)
{
	const struct idle_gen_recipe *recipe = run->gen->recipe;

	change_source(run);
	record->length_ns = draw_from(&run->draw, &recipe->idle[run->source]);
	if (recipe->timer_ns)
		record->next_timer_ns = recipe->timer_ns - record->start_ns % recipe->timer_ns;
	if (record->length_ns < record->next_timer_ns || recipe->timer_wakes_no_one)
		return;
	record->wake = IDLE_WAKE_TIMER;
	record->length_ns = record->next_timer_ns;
	if (recipe->late_ns)
		record->length_ns += idle_draw_lognormal(&run->draw, recipe->late_ns, 500);
}

/* The last wake tells: the first source after an IPI, the second after an interrupt. */
static void after_wake(struct idle_gen_run *run, uint64_t ran_ns, struct idle_record *record)
{
	record->length_ns = draw_from(&run->draw, &run->gen->recipe->idle[run->wake != IDLE_WAKE_IPI]);
	record->wake = idle_draw_below(&run->draw, 2) ? IDLE_WAKE_IPI : IDLE_WAKE_IRQ;
}

/* The time that the CPU ran tells. */
static void after_run(struct idle_gen_run *run, uint64_t ran_ns, struct idle_record *record)
{
	record->length_ns = draw_from(&run->draw, &run->gen->recipe->idle[ran_ns > 20 * US]);
}

/* The predictor's window, asked for with what a replay of the trace will know. */
static uint64_t chosen_window(struct idle_gen_run *run, uint64_t ran_ns, const struct idle_record *record)
{
	const struct idle_question question = {
		.break_even_ns = idle_break_even_ns(run->config.wake_cost_ns, run->config.poll_price_ppm),
		.next_timer_ns = record->next_timer_ns,
		.ran_ns = run->idles ? ran_ns : 0,
		.limit_ns = run->config.poll_max_ns,
	};

	return idle_predictor_choose(&run->predictor, &question);
}

static void observe(struct idle_gen_run *run, const struct idle_record *record)
{
	idle_predictor_observe(&run->predictor, record->length_ns, record->wake);
}

/* All was polled for nothing. */
static void beyond_window(struct idle_gen_run *run, uint64_t ran_ns, struct idle_record *record)
{
	record->length_ns = chosen_window(run, ran_ns, record) + 1;
	observe(run, record);
}

static void beyond_or_short(struct idle_gen_run *run, uint64_t ran_ns, struct idle_record *record)
{
	uint64_t window = chosen_window(run, ran_ns, record);

	record->length_ns = idle_draw_below(&run->draw, 2) ? window + 1 : idle_draw_below(&run->draw, US);
	observe(run, record);
}

/* Every other idle makes polling look as good as it can. */
static void lure_and_beyond(struct idle_gen_run *run, uint64_t ran_ns, struct idle_record *record)
{
	uint64_t window = chosen_window(run, ran_ns, record);

	record->length_ns = run->idles % 2 ? window + 1 : idle_draw_below(&run->draw, 2);
	observe(run, record);
}

/* ---- The generators ---------------------------------------------------------------------------------------------- */

/* Parts of a source, how often and for how many us. */
#define HUMP(weight, us)                  \
	{                                 \
		weight, FIXED, (us)*US, 0 \
	}
#define BROAD_HUMP(weight, us)              \
	{                                   \
		weight, NORMAL, (us)*US, 50 \
	} /* 5 % of jitter */
#define MEMORYLESS(weight, us)                  \
	{                                       \
		weight, EXPONENTIAL, (us)*US, 0 \
	}
#define SPREAD(us)                         \
	{                                  \
		1, LOGNORMAL, (us)*US, 300 \
	}
#define UNTIL_TIMER(weight)         \
	{                           \
		weight, TIMER, 0, 0 \
	}

#define SOURCE(...)                 \
	{                           \
		{                   \
			__VA_ARGS__ \
		}                   \
	}
#define RECIPE(...)                     \
	&(const struct idle_gen_recipe) \
	{                               \
		__VA_ARGS__             \
	}
#define FROM(...)	       RECIPE(.idle = { SOURCE(__VA_ARGS__) })
#define RUNS(n, first, second) RECIPE(.idle = { first, second }, .run = n)

#define STATIONARY(name, recipe, about)                  \
	{                                                \
		name, IDLE_GEN_STATIONARY, about, recipe \
	}
#define SWITCHING(name, recipe, about)                  \
	{                                               \
		name, IDLE_GEN_SWITCHING, about, recipe \
	}
#define ADVERSARY(name, how, about)                                  \
	{                                                            \
		name, IDLE_GEN_ADVERSARY, about, RECIPE(.fill = how) \
	}

#define BUSY_SERVER SOURCE(MEMORYLESS(80, 30), MEMORYLESS(20, 400))

const struct idle_gen idle_gens[] = {
	STATIONARY("bimodal-20-200", FROM(HUMP(1, 20), HUMP(1, 200)), "20 or 200 us, at even odds"),
	STATIONARY("bimodal-20-200-jitter", FROM(BROAD_HUMP(1, 20), BROAD_HUMP(1, 200)),
		   "around 20 or around 200 us, at even odds"),
	STATIONARY("bimodal-20-1000", FROM(HUMP(1, 20), HUMP(1, 1000)), "20 or 1000 us, at even odds"),
	STATIONARY("bimodal-20-1000-jitter", FROM(BROAD_HUMP(1, 20), BROAD_HUMP(1, 1000)),
		   "around 20 or around 1000 us, at even odds"),
	STATIONARY("lognormal-10", FROM(SPREAD(10)), "lognormal around 10 us, sigma 0.3"),
	STATIONARY("lognormal-100", FROM(SPREAD(100)), "lognormal around 100 us, sigma 0.3"),
	STATIONARY("pareto", FROM({ 1, PARETO, 5 * US, 1100 }), "Pareto 1.1 from 5 us"),
	STATIONARY("exponential-60", FROM(MEMORYLESS(1, 60)), "exponential of mean 60 us"),
	STATIONARY("busy-server", RECIPE(.idle = { BUSY_SERVER }), "exponential, 80 % of mean 30 us, 20 % 400 us"),
	STATIONARY("humps-30-400", FROM(HUMP(80, 30), HUMP(20, 400)), "80 % 30 us, 20 % 400 us"),
	STATIONARY("humps-30-400-jitter", FROM(BROAD_HUMP(80, 30), BROAD_HUMP(20, 400)),
		   "80 % around 30 us, 20 % around 400 us"),
	STATIONARY("ticks", RECIPE(.idle = { SOURCE(UNTIL_TIMER(1)) }, .timer_ns = 4 * MS), "a tick every 4 ms, known"),
	STATIONARY("three-humps", FROM(HUMP(1, 15), HUMP(1, 60), HUMP(1, 150)), "15, 60 or 150 us"),
	STATIONARY("three-humps-jitter", FROM(BROAD_HUMP(1, 15), BROAD_HUMP(1, 60), BROAD_HUMP(1, 150)),
		   "around 15, 60 or 150 us"),
	STATIONARY("near-humps", FROM(HUMP(50, 20), HUMP(2, 27), HUMP(48, 200)), "50 % 20 us, 2 % 27 us, 48 % 200 us"),
	STATIONARY("near-humps-jitter", FROM(BROAD_HUMP(50, 20), BROAD_HUMP(2, 27), BROAD_HUMP(48, 200)),
		   "50 % around 20 us, 2 % 27 us, 48 % 200 us"),
	STATIONARY("uniform-100", FROM({ 1, UNIFORM, 0, 100 * US }), "uniform from 0 to 100 us"),
	STATIONARY("weibull", FROM({ 1, WEIBULL, 30 * US, 0 }), "Weibull 1/2 of mean 60 us (falling hazard)"),
	STATIONARY("constant-17", FROM(HUMP(1, 17)), "17 us"),
	STATIONARY("constant-17-jitter", FROM(BROAD_HUMP(1, 17)), "around 17 us"),
	STATIONARY("rare-long", FROM(BROAD_HUMP(98, 8), BROAD_HUMP(2, 2000)), "98 % around 8 us, 2 % around 2 ms"),
	STATIONARY("very-short", FROM({ 1, UNIFORM, 1 * US, 2 * US }), "uniform from 1 to 3 us"),
	STATIONARY("rare-short", FROM(BROAD_HUMP(10, 15), BROAD_HUMP(90, 300)),
		   "10 % around 15 us, 90 % around 300 us"),
	STATIONARY("timer-50",
		   RECIPE(.idle = { SOURCE(UNTIL_TIMER(70), { 30, UNIFORM, 0, 50 * US }) }, .timer_ns = 50 * US,
			  .late_ns = 2 * US),
		   "a late timer every 50 us, known; 30 % irqs"),
	STATIONARY("silent-timer",
		   RECIPE(.idle = { SOURCE(BROAD_HUMP(1, 20), BROAD_HUMP(1, 300)) }, .timer_ns = 100 * US,
			  .timer_wakes_no_one = true),
		   "around 20 or 300 us, past a known timer"),

	SWITCHING("runs-20-200", RUNS(50, SOURCE(HUMP(1, 20)), SOURCE(HUMP(1, 200))), "50 of 20 us, 50 of 200 us"),
	SWITCHING("runs-20-200-jitter", RUNS(50, SOURCE(BROAD_HUMP(1, 20)), SOURCE(BROAD_HUMP(1, 200))),
		  "50 around 20 us, 50 around 200 us"),
	SWITCHING("runs-io-ticks",
		  RECIPE(.idle = { SOURCE(SPREAD(10)), SOURCE(UNTIL_TIMER(1)) }, .run = 50, .timer_ns = 4 * MS),
		  "50 lognormal around 10 us, 50 ticks of 4 ms"),
	SWITCHING("runs-30-400", RUNS(50, SOURCE(HUMP(1, 30)), SOURCE(HUMP(1, 400))), "50 of 30 us, 50 of 400 us"),
	SWITCHING("runs-30-400-jitter", RUNS(50, SOURCE(BROAD_HUMP(1, 30)), SOURCE(BROAD_HUMP(1, 400))),
		  "50 around 30 us, 50 around 400 us"),
	SWITCHING("runs-busy-100", RUNS(50, BUSY_SERVER, SOURCE(SPREAD(100))),
		  "50 of busy-server, 50 of lognormal-100"),
	SWITCHING("random-runs",
		  RECIPE(.idle = { SOURCE(BROAD_HUMP(1, 20)), SOURCE(BROAD_HUMP(1, 200)) }, .run = 50,
			 .random_run = true),
		  "runs of 50 on average, around 20 or 200 us"),
	SWITCHING("slow-runs", RUNS(1000, SOURCE(BROAD_HUMP(1, 20)), SOURCE(BROAD_HUMP(1, 200))),
		  "1000 around 20 us, 1000 around 200 us"),
	SWITCHING("after-wake",
		  RECIPE(.fill = after_wake, .idle = { SOURCE(BROAD_HUMP(1, 15)), SOURCE(BROAD_HUMP(1, 300)) }),
		  "around 15 us after an ipi, 300 after an irq"),
	SWITCHING("after-run",
		  RECIPE(.fill = after_run, .idle = { SOURCE(BROAD_HUMP(1, 15)), SOURCE(BROAD_HUMP(1, 300)) },
			 .ran = SOURCE(BROAD_HUMP(1, 3), BROAD_HUMP(1, 80))),
		  "around 15 or 300 us, after 3 or 80 of work"),

	ADVERSARY("beyond", beyond_window, "1 ns longer than the window"),
	ADVERSARY("beyond-or-short", beyond_or_short, "at even odds 1 ns longer, or below 1 us"),
	ADVERSARY("lure", lure_and_beyond, "in turns 0 or 1 ns, and beyond the window"),
	{ 0 },
};

const struct idle_gen *idle_gen_find(const char *name)
{
	for (const struct idle_gen *gen = idle_gens; gen->name; gen++) {
		if (!strcmp(gen->name, name))
			return gen;
	}
	return NULL;
}

const char *idle_gen_class_name(enum idle_gen_class class)
{
	static const char *const names[IDLE_GEN_CLASSES] = { "stationary", "switching", "adversary" };

	return names[class];
}

/* ---- A trace ------------------------------------------------------------------------------------------------------
 */

void idle_gen_begin(struct idle_gen_run *run, const struct idle_gen *gen, const struct idle_gen_config *config)
{
	*run = (struct idle_gen_run){ .gen = gen, .config = *config, .wake = IDLE_WAKE_IRQ };
	idle_draw_init(&run->draw, config->seed, gen->name);
	idle_predictor_init(&run->predictor);
}

void idle_gen_next(struct idle_gen_run *run, struct idle_record *record)
{
	const struct idle_gen_recipe *recipe = run->gen->recipe;
	uint64_t ran_ns = draw_from(&run->draw, recipe->ran.parts[0].weight ? &recipe->ran : &usual_ran);

	*record = (struct idle_record){
		.start_ns = run->end_ns + ran_ns,
		.next_timer_ns = IDLE_NO_TIMER,
		.wake = IDLE_WAKE_IRQ,
	};
	(recipe->fill ? recipe->fill : from_source)(run, ran_ns, record);
	run->idles++;
	run->end_ns = record->start_ns + record->length_ns;
	run->wake = record->wake;
}

int idle_gen_trace(const struct idle_gen *gen, const struct idle_gen_config *config, size_t n, struct idle_csv *csv,
		   struct isolat_error *err)
{
	struct idle_gen_run run;

	*csv = (struct idle_csv){ .name = strdup(gen->name), .records = calloc(n, sizeof(*csv->records)), .n = n };
	if (!csv->name || !csv->records) {
		free(csv->name);
		free(csv->records);
		return isolat_fail(err, ISOLAT_FAILED, "make trace", gen->name, "out of memory");
	}
	idle_gen_begin(&run, gen, config);
	for (size_t i = 0; i < n; i++)
		idle_gen_next(&run, &csv->records[i]);
	return 0;
}
