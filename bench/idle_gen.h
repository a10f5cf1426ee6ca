/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Made-up idle traces, to try on them what a predictor makes of idles: of one kind throughout, changing, or chosen
 * against it. The same generator, settings and seed give the same trace on every machine, the adversaries' as long as
 * the predictor is the same.
 */
#ifndef ISOLAT_IDLE_GEN_H
#define ISOLAT_IDLE_GEN_H

#include <isolat/error.h>

#include "idle_csv.h"
#include "idle_draw.h"
#include "idle_predictor.h"

enum idle_gen_class {
	IDLE_GEN_STATIONARY, /* each idle from the same distribution, whatever was before */
	IDLE_GEN_SWITCHING,  /* what was before tells something about the next */
	IDLE_GEN_ADVERSARY,  /* each idle made for the window that the predictor just chose */
	IDLE_GEN_CLASSES
};

struct idle_gen {
	const char *name;
	enum idle_gen_class class;
	const char *about;		      /* a line, no period */
	const struct idle_gen_recipe *recipe; /* idle_gen.c's own */
};

/* All of them by class, ended by one without a name. */
extern const struct idle_gen idle_gens[];

/* NULL if there is none of that name. */
const struct idle_gen *idle_gen_find(const char *name);

const char *idle_gen_class_name(enum idle_gen_class class);

/* All but the seed is what the adversaries tell the predictor. */
struct idle_gen_config {
	uint64_t seed;
	uint64_t wake_cost_ns;	 /* of a halt and the wake from it */
	uint32_t poll_price_ppm; /* of a polled ns, in millionths of a ns of that */
	uint32_t poll_max_ns;
};

#define IDLE_GEN_DEFAULTS                                                                         \
	{                                                                                         \
		.seed = 1, .wake_cost_ns = 20000, .poll_price_ppm = 300000, .poll_max_ns = 200000 \
	}

struct idle_gen_run {
	const struct idle_gen *gen;
	struct idle_gen_config config;
	struct idle_draw draw;
	struct idle_predictor predictor;
	uint64_t idles;	     /* made so far */
	uint64_t end_ns;     /* of the last one */
	enum idle_wake wake; /* that ended it */
	unsigned int source; /* the one of the recipe's two from which idles come */
	unsigned int in_run; /* idles since it changed */
};

/* A trace idle by idle: it has no end. All are of CPU 0; no record holds answers. */
void idle_gen_begin(struct idle_gen_run *run, const struct idle_gen *gen, const struct idle_gen_config *config);
void idle_gen_next(struct idle_gen_run *run, struct idle_record *record);

/* The first @n idles as if read from a file of the generator's name. The caller frees with idle_csv_free(). */
int idle_gen_trace(const struct idle_gen *gen, const struct idle_gen_config *config, size_t n, struct idle_csv *csv,
		   struct isolat_error *err);

#endif
