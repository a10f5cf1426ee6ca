/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What would the idles of a trace have cost under each policy?
 *
 * An idle of length L under a window B costs X*L if L <= B, a hit, and X*B + N otherwise, a halt: X is the price of a
 * polled ns, N the cost of a halt and wake. A hit delays nobody; a halt does so by N. Beside the policies of
 * idle_policy.h, which know only the past, there are three that know the trace: the best single window for it, the
 * best one for each 500 idles of a CPU, and the oracle, min(X*L, N) an idle.
 */
#ifndef ISOLAT_IDLE_REPLAY_H
#define ISOLAT_IDLE_REPLAY_H

#include <stdint.h>

#include <isolat/error.h>

#include "idle_csv.h"
#include "idle_policy.h"

#define IDLE_REPLAY_POLICIES 9
#define IDLE_REPLAY_SEGMENT  500 /* idles for which piecewise keeps a window */

/* Sums are exact; what is a quotient is NaN where there is nothing to divide by. */
struct idle_result {
	const char *name;
	double cost;	/* in ns */
	double ratio;	/* to the oracle's */
	uint64_t halts; /* the other idles were hits */
	uint64_t polled_ns;
	double polled_pct; /* of the idle time */
	double latency_mean_ns;
	double latency_p99_ns; /* nearest rank */
};

struct idle_replay {
	uint64_t wakeups;
	uint64_t idle_ns;
	double oracle_cost;
	/* isolat, haltpoll, kvm-halt-poll, asymmetric, best-fixed, piecewise, always, never, oracle */
	struct idle_result policies[IDLE_REPLAY_POLICIES];
};

/*
 * All policies on one trace. Fails with ISOLAT_USAGE when all idles together are longer than 2^63 - 1 ns, which JSON
 * could not say.
 */
int idle_replay(const struct idle_csv *csv, const struct idle_costs *costs, struct idle_replay *replay,
		struct isolat_error *err);

struct idle_answers {
	uint64_t same, different;
	size_t first_different; /* its line in the file; 0: none */
};

/*
 * Asks a predictor for each CPU exactly what the recording says that it was asked, and compares the windows. Returns
 * -1 when @csv holds no answers or memory is short.
 */
int idle_replay_answers(const struct idle_csv *csv, struct idle_answers *answers);

#endif
