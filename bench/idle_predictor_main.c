// SPDX-License-Identifier: BSD-3-Clause
/*
 * What the idle predictor costs itself: ns a choice and what is learned from the idle, on made-up traces. Prints a line
 * a trace, "NAME MEAN", and the dearest one last. Of several passes the fastest counts: the others were disturbed.
 */
#include <stdio.h>
#include <time.h>

#include "idle_gen.h"

#define IDLES  20000
#define PASSES 15

static double now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static double pass_ns(const struct idle_csv *csv)
{
	struct idle_question question = { .break_even_ns = 66666, .limit_ns = 200000, .ran_ns = 5000 };
	static struct idle_predictor predictor;
	double start = now_ns();

	idle_predictor_init(&predictor);
	for (size_t i = 0; i < csv->n; i++) {
		question.next_timer_ns = csv->records[i].next_timer_ns;
		idle_predictor_choose(&predictor, &question);
		idle_predictor_observe(&predictor, csv->records[i].length_ns, csv->records[i].wake);
	}
	return (now_ns() - start) / (double)csv->n;
}

static double fastest_ns(const struct idle_csv *csv)
{
	double fastest = pass_ns(csv);

	for (int i = 1; i < PASSES; i++) {
		double ns = pass_ns(csv);

		fastest = ns < fastest ? ns : fastest;
	}
	return fastest;
}

int main(void)
{
	const struct idle_gen_config config = IDLE_GEN_DEFAULTS;
	const struct idle_gen *dearest = NULL;
	double most = 0;

	for (const struct idle_gen *gen = idle_gens; gen->name; gen++) {
		struct isolat_error err;
		struct idle_csv csv;
		double ns;

		if (idle_gen_trace(gen, &config, IDLES, &csv, &err)) {
			fprintf(stderr, "%s: %s\n", gen->name, err.reason);
			return 1;
		}
		ns = fastest_ns(&csv);
		idle_csv_free(&csv);
		printf("%s %.1f\n", gen->name, ns);
		if (ns > most) {
			most = ns;
			dearest = gen;
		}
	}
	printf("%s %.1f\n", dearest->name, most);
	return 0;
}
