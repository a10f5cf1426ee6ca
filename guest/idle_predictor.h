/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/*
 * How long is it worth polling before a CPU halts?  Learns from the idle periods that a CPU had and answers with a
 * window in nanoseconds.  Plain C on integers: no allocation, no lock, no call out.  One CPU, one predictor, one
 * caller at a time.
 *
 * Costs are in polled nanoseconds: a halt costs as much as polling for the break-even time.
 */
#ifndef ISOLAT_IDLE_PREDICTOR_H
#define ISOLAT_IDLE_PREDICTOR_H

#include "plain_types.h"

/* The longest window.  All idles that are longer are the same to the predictor. */
#define IDLE_PREDICTOR_MAX_NS ((1 << 24) - 1)

/* What asked for the CPU at the end of an idle. */
enum idle_wake { IDLE_WAKE_TIMER, IDLE_WAKE_IRQ, IDLE_WAKE_IPI, IDLE_WAKES };

#define IDLE_NO_TIMER (~0ULL)

/* What is known when an idle begins. */
struct idle_question {
	u64 break_even_ns; /* see idle_break_even_ns(); above 2^35, 34 s, it counts as that */
	u64 next_timer_ns; /* when the next timer is due, from the beginning of the idle, or IDLE_NO_TIMER */
	u64 ran_ns;	   /* the time since the end of the last idle, as it was learned; 0 if there was none */
	u32 limit_ns;	   /* no window above this one; above IDLE_PREDICTOR_MAX_NS it counts as that */
};

/* From 512 ns to 2^24 ns, eight to the octave; what is shorter is in the first, what is longer in the last. */
#define IDLE_PREDICTOR_BINS 122

/* The idles of the last thousand or so, by length.  A bin's weight is that of its idles, which fades. */
struct idle_history {
	u64 seen[2]; /* a bit for each bin that is not empty */
	u64 total;
	u64 sum[IDLE_PREDICTOR_BINS]; /* of the lengths, times their weights */
	u32 weight[IDLE_PREDICTOR_BINS];
	u32 top[IDLE_PREDICTOR_BINS];	  /* the longest one, since the last but one halving of the weights */
	u32 new_top[IDLE_PREDICTOR_BINS]; /* the longest one since the last halving, 0 if there was none */
	u32 unit;			  /* the weight of the next idle */
	u32 age;			  /* idles seen, while that is few */
	u32 stale;			  /* idles since the window was looked for */
	u32 window_ns;			  /* the cheapest one then, */
	u32 limit_ns;			  /* under this limit */
	u64 break_even_ns;		  /* and for this break-even time */
};

/* The last few idles. */
#define IDLE_PREDICTOR_RECENT 8

struct idle_recent {
	u32 n, next;
	u32 lengths[IDLE_PREDICTOR_RECENT]; /* a ring */
	u32 sorted[IDLE_PREDICTOR_RECENT];
};

/* CPUs that ran up to 4 us, 16 us, 64 us, and longer before the idle. */
#define IDLE_RAN_KINDS 4

/* Who answers, and the timer, which helps each. */
enum {
	IDLE_BY_HISTORY, /* of all idles */
	IDLE_BY_RECENT,
	IDLE_BY_WAKE, /* history of the idles after one that ended in the same way */
	IDLE_BY_RAN,  /* history of the idles after the CPU ran about as long */
	IDLE_LEARNERS,
	IDLE_BY_TIMER = IDLE_LEARNERS,
};

/* With the timer's help and without. */
enum { IDLE_WITHOUT_TIMER, IDLE_WITH_TIMER, IDLE_TIMER_CHOICES };

struct idle_predictor {
	struct idle_history all, after_wake[IDLE_WAKES], after_run[IDLE_RAN_KINDS];
	struct idle_recent recent;
	enum idle_wake wake;		    /* what ended the last idle */
	u64 cost[IDLE_LEARNERS];	    /* discounted, of the learner's answers */
	u64 timer_cost[IDLE_TIMER_CHOICES]; /* the same where a timer was in reach */
	u64 lateness_ns;		    /* of timers, most of them */
	u64 debt;			    /* what we cost above 5/2 of the clairvoyant's cost, in halves of a ns */
	bool safe;			    /* the debt is to be paid back */
	u32 without;			    /* for comparisons: 1 << IDLE_BY_x has no say */
	/* The last question and its answers, until idle_predictor_observe(): */
	struct idle_question asked;
	u32 answer[IDLE_LEARNERS];
	u32 timer_answer[IDLE_TIMER_CHOICES]; /* the second is 0 where no timer is in reach */
	u32 window_ns;
};

/* Forgets all. */
void idle_predictor_init(struct idle_predictor *p);

/* The window to poll for in the idle that begins now, in ns: at most q->limit_ns, 0 for "halt at once". */
u32 idle_predictor_choose(struct idle_predictor *p, const struct idle_question *q);

/*
 * Learns how the idle of the last idle_predictor_choose() went: @length_ns from its beginning to the request that ended
 * it, without the cost of waking from a halt.  That the window was not kept to does not matter.
 */
void idle_predictor_observe(struct idle_predictor *p, u64 length_ns, enum idle_wake wake);

/*
 * The time whose polling costs as much as a halt and the wake from it, @halt_cost_ns. @poll_price_ppm is the price of a
 * polled ns in millionths: 300000 says that polling for 10 us is as bad as 3 us of delay.
 */
static inline u64 idle_break_even_ns(u64 halt_cost_ns, u32 poll_price_ppm)
{
	return poll_price_ppm ? halt_cost_ns * 1000000 / poll_price_ppm : ~0ULL;
}

#endif
