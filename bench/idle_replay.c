// SPDX-License-Identifier: BSD-3-Clause
#include "idle_replay.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PPM 1000000

/* What a policy did. Its cost follows from these two, exactly: products of 64 bits do not fit into 64. */
struct tally {
	uint64_t polled_ns; /* never more than the time idle */
	uint64_t halts;
};

struct replay {
	const struct idle_csv *csv;
	const struct idle_costs *costs;
	uint32_t *slot; /* by CPU number: from 0 without gaps */
	uint32_t n_cpus;
	uint64_t idle_ns;
};

/* In millionths of a ns. */
static unsigned __int128 cost_of(const struct idle_costs *costs, const struct tally *t)
{
	return (unsigned __int128)costs->price_ppm * t->polled_ns + (unsigned __int128)costs->halt_ns * t->halts * PPM;
}

static void tally_idle(struct tally *t, uint64_t length_ns, uint64_t window_ns)
{
	bool hit = length_ns <= window_ns;

	t->polled_ns += hit ? length_ns : window_ns;
	t->halts += !hit;
}

static int number_cpus(struct replay *r)
{
	const struct idle_csv *csv = r->csv;

	r->slot = malloc((IDLE_CSV_MAX_CPU + 1) * sizeof(*r->slot));
	if (!r->slot)
		return -1;
	memset(r->slot, 0xff, (IDLE_CSV_MAX_CPU + 1) * sizeof(*r->slot));
	for (size_t i = 0; i < csv->n; i++) {
		uint32_t *slot = &r->slot[csv->records[i].cpu];

		if (*slot == UINT32_MAX)
			*slot = r->n_cpus++;
	}
	return 0;
}

/* ---- Policies that know the past ----------------------------------------------------------------------------------*/

struct online_cpu {
	union idle_policy_state state;
	bool idled;
	uint64_t idle_end_ns;
};

static void step(const struct replay *r, const struct idle_policy *policy, struct online_cpu *cpu,
		 const struct idle_record *record, struct tally *t)
{
	const struct idle_begin begin = {
		.next_timer_ns = record->next_timer_ns,
		.ran_ns = cpu->idled ? record->start_ns - cpu->idle_end_ns : 0,
	};

	tally_idle(t, record->length_ns, policy->window(&cpu->state, r->costs, &begin));
	if (policy->learn)
		policy->learn(&cpu->state, r->costs, record->length_ns, record->wake);
	cpu->idle_end_ns = record->start_ns + record->length_ns;
	cpu->idled = true;
}

static int run_online(const struct replay *r, const struct idle_policy *policy, struct tally *t)
{
	struct online_cpu *cpus = calloc(r->n_cpus + 1, sizeof(*cpus));

	if (!cpus)
		return -1;
	for (uint32_t i = 0; i < r->n_cpus && policy->init; i++)
		policy->init(&cpus[i].state);
	for (size_t i = 0; i < r->csv->n; i++) {
		const struct idle_record *record = &r->csv->records[i];

		step(r, policy, &cpus[r->slot[record->cpu]], record, t);
	}
	free(cpus);
	return 0;
}

/* ---- Policies that know the trace ---------------------------------------------------------------------------------*/

static int by_value(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/*
 * The cheapest single window for @n idles; sorts @lengths. A window between two lengths polls longer than the lower
 * of them and catches no more, so only the lengths themselves come into question, and 0. Of two that cost the same the
 * shorter one wins. Of equal lengths all but the last are taken for ones that miss the rest: too dear to win.
 */
static struct tally best_fixed(const struct idle_costs *costs, uint64_t *lengths, size_t n)
{
	struct tally best = { 0 };
	uint64_t caught_ns = 0;
	size_t i = 0;

	qsort(lengths, n, sizeof(*lengths), by_value);
	while (i < n && !lengths[i])
		i++;
	best.halts = n - i;
	for (; i < n && lengths[i] <= costs->limit_ns; i++) {
		struct tally t = { .halts = n - i - 1 };

		caught_ns += lengths[i];
		t.polled_ns = caught_ns + t.halts * lengths[i];
		if (cost_of(costs, &t) < cost_of(costs, &best))
			best = t;
	}
	return best;
}

static int run_best_fixed(const struct replay *r, struct tally *t)
{
	uint64_t *lengths = malloc((r->csv->n + 1) * sizeof(*lengths));

	if (!lengths)
		return -1;
	for (size_t i = 0; i < r->csv->n; i++)
		lengths[i] = r->csv->records[i].length_ns;
	*t = best_fixed(r->costs, lengths, r->csv->n);
	free(lengths);
	return 0;
}

struct segment {
	size_t n;
	uint64_t lengths[IDLE_REPLAY_SEGMENT];
};

static void end_segment(const struct idle_costs *costs, struct segment *segment, struct tally *t)
{
	struct tally best = best_fixed(costs, segment->lengths, segment->n);

	t->polled_ns += best.polled_ns;
	t->halts += best.halts;
	segment->n = 0;
}

static int run_piecewise(const struct replay *r, struct tally *t)
{
	struct segment *segments = calloc(r->n_cpus + 1, sizeof(*segments));

	if (!segments)
		return -1;
	for (size_t i = 0; i < r->csv->n; i++) {
		const struct idle_record *record = &r->csv->records[i];
		struct segment *segment = &segments[r->slot[record->cpu]];

		segment->lengths[segment->n++] = record->length_ns;
		if (segment->n == IDLE_REPLAY_SEGMENT)
			end_segment(r->costs, segment, t);
	}
	for (uint32_t i = 0; i < r->n_cpus; i++)
		end_segment(r->costs, &segments[i], t);
	free(segments);
	return 0;
}

static int run_oracle(const struct replay *r, struct tally *t)
{
	const unsigned __int128 halt = (unsigned __int128)r->costs->halt_ns * PPM;

	for (size_t i = 0; i < r->csv->n; i++) {
		uint64_t length_ns = r->csv->records[i].length_ns;
		bool poll = (unsigned __int128)r->costs->price_ppm * length_ns <= halt;

		tally_idle(t, length_ns, poll ? IDLE_FOREVER : 0);
	}
	return 0;
}

/* ---- All of them --------------------------------------------------------------------------------------------------*/

static const struct {
	const char *name;
	int (*hindsight)(const struct replay *r, struct tally *t); /* NULL: one of idle_policies[] */
} rows[IDLE_REPLAY_POLICIES] = {
	{ "isolat", NULL },
	{ "haltpoll", NULL },
	{ "kvm-halt-poll", NULL },
	{ "asymmetric", NULL },
	{ "best-fixed", run_best_fixed },
	{ "piecewise", run_piecewise },
	{ "always", NULL },
	{ "never", NULL },
	{ "oracle", run_oracle },
};

static double quotient(double a, double b)
{
	return b > 0 ? a / b : NAN;
}

/* Latencies sorted are the hits' zeros, then the halts' N. */
static double latency_p99(const struct tally *t, uint64_t n, uint64_t halt_ns)
{
	uint64_t rank = n - n / 100; /* n * 99 / 100, rounded up */

	if (!n)
		return NAN;
	return rank > n - t->halts ? (double)halt_ns : 0;
}

static void fill_result(const struct replay *r, const struct tally *t, struct idle_result *result)
{
	uint64_t n = r->csv->n;

	result->cost = (double)cost_of(r->costs, t) / PPM;
	result->halts = t->halts;
	result->polled_ns = t->polled_ns;
	result->polled_pct = quotient(100 * (double)t->polled_ns, (double)r->idle_ns);
	result->latency_mean_ns = quotient((double)r->costs->halt_ns * (double)t->halts, (double)n);
	result->latency_p99_ns = latency_p99(t, n, r->costs->halt_ns);
}

static int run_all(const struct replay *r, struct idle_replay *replay)
{
	struct idle_result *result = replay->policies;

	for (size_t i = 0; i < IDLE_REPLAY_POLICIES; i++) {
		struct tally t = { 0 };
		int rc = rows[i].hindsight ? rows[i].hindsight(r, &t)
					   : run_online(r, idle_policy_find(rows[i].name), &t);

		if (rc)
			return -1;
		result[i].name = rows[i].name;
		fill_result(r, &t, &result[i]);
	}
	replay->oracle_cost = result[IDLE_REPLAY_POLICIES - 1].cost;
	for (size_t i = 0; i < IDLE_REPLAY_POLICIES; i++)
		result[i].ratio = quotient(result[i].cost, replay->oracle_cost);
	return 0;
}

static int sum_idle(struct replay *r, struct isolat_error *err)
{
	for (size_t i = 0; i < r->csv->n; i++) {
		uint64_t length_ns = r->csv->records[i].length_ns;

		if (length_ns > INT64_MAX - r->idle_ns)
			return isolat_fail(err, ISOLAT_USAGE, "replay trace", r->csv->name,
					   "its idles together are longer than 2^63 - 1 ns");
		r->idle_ns += length_ns;
	}
	return 0;
}

int idle_replay(const struct idle_csv *csv, const struct idle_costs *costs, struct idle_replay *replay,
		struct isolat_error *err)
{
	struct replay r = { .csv = csv, .costs = costs };
	int rc;

	if (sum_idle(&r, err))
		return -1;
	*replay = (struct idle_replay){ .wakeups = csv->n, .idle_ns = r.idle_ns };
	rc = number_cpus(&r) || run_all(&r, replay) ? -1 : 0;
	free(r.slot);
	return rc ? isolat_fail(err, ISOLAT_FAILED, "replay trace", csv->name, "out of memory") : 0;
}

/* ---- Recorded answers ---------------------------------------------------------------------------------------------*/

static void compare_answers(const struct replay *r, struct idle_predictor *predictors, struct idle_answers *answers)
{
	for (size_t i = 0; i < r->csv->n; i++) {
		const struct idle_record *record = &r->csv->records[i];
		struct idle_predictor *p = &predictors[r->slot[record->cpu]];
		const struct idle_question question = {
			.break_even_ns = record->break_even_ns,
			.next_timer_ns = record->next_timer_ns,
			.ran_ns = record->ran_ns,
			.limit_ns = record->limit_ns,
		};

		if (idle_predictor_choose(p, &question) == record->window_ns) {
			answers->same++;
		} else {
			if (!answers->different)
				answers->first_different = idle_csv_line(i);
			answers->different++;
		}
		idle_predictor_observe(p, record->length_ns, record->wake);
	}
}

int idle_replay_answers(const struct idle_csv *csv, struct idle_answers *answers)
{
	struct replay r = { .csv = csv };
	struct idle_predictor *predictors = NULL;
	int rc = -1;

	*answers = (struct idle_answers){ 0 };
	if (!csv->answers)
		return -1;
	if (!number_cpus(&r))
		predictors = calloc(r.n_cpus + 1, sizeof(*predictors));
	if (predictors) {
		for (uint32_t i = 0; i < r.n_cpus; i++)
			idle_predictor_init(&predictors[i]);
		compare_answers(&r, predictors, answers);
		rc = 0;
	}
	free(predictors);
	free(r.slot);
	return rc;
}
