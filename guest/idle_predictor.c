// SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause)
#include "idle_predictor.h"

/*
 * WHAT A WINDOW COSTS
 *
 * Nobody pays for a wrong guess of how long the idle will be, but for polling and for halting. With w the price of a
 * polled nanosecond, and W the cost of a halt and wake, an idle of length L under a polling window B costs
 *
 *	w * L		if L <= B	it ended while we polled
 *	w * B + W	otherwise	we polled in vain, halted, and had to be woken
 *
 * Only E = W / w matters for the choice, the break-even time: in units of w the two are L and B + E.  The clairvoyant
 * pays min(L, E).  Which B is cheapest depends on the whole distribution of the idles (with two humps it may be worth
 * to poll through the first and never through the second), so no mean or median can tell it, but it can be tried:
 * for every window we can know what it would have cost on the idles that have been, and take the cheapest.
 *
 * THE RULE
 *
 * A history holds the idles that were: for each bin of length (eight to the octave) their weight, the weighted sum of
 * their lengths, and the longest of them.  The cost of all windows is then one pass over the bins, and the cheapest is
 * where some bin's longest idle ends.  The weight of an idle fades by 1/1024 with each later one (rather, each later
 * one weighs more, which costs nothing to keep up).  A history is the best judge of loads that stay as they are, and a
 * slow one of change; so beside it the last eight idles alone are asked in the same way.  Two more histories are of
 * only those idles that began like this one: after a wake of the same kind (timer, interrupt, other CPU), and after
 * about as long a run.  Each of these four learners is charged with what its own answers would have cost on the last 64
 * idles or so, and the cheapest has the word.  The history of all is preferred unless another is cheaper by 1/32,
 * for between equals the race is noise.
 *
 * The window is longer than the idles that it is to cover by a slack, for the next one may be a little longer than all
 * of them.  The slack is a part of what it costs to outlast the window, 1/256 by a history, so it can never cost
 * more than that, and 1/16 by eight idles, which know much less of how long they get.
 *
 * The next timer, when known, is the end of an idle at the latest, if it is a timer that wakes somebody.  When it is
 * due no further than E beyond the window, polling on until it has been served costs less than the halt.  How late
 * timers are served is learned, and so is whether that pays: what was paid with and without the timer is compared in
 * the same way as the learners are.
 *
 * WHAT IS PROMISED
 *
 * 1. Against anyone, with all knowledge of this code, while prices and limit stay: at most 5/2 of what the
 *    clairvoyant pays under the same limit, and 17 E and one limit more, once and for all.  What we paid above 5/2
 *    of that is a debt, which never falls below zero.  While it is above 16 E, and until it is down to 8 E, the
 *    window is E itself (or the limit, if that is shorter), under which no idle costs more than twice what it must:
 *    so debt does not grow then.  Otherwise one idle can add no more than B + E, and B is within the limit.  The
 *    first idle of all has the window E as well.  No deterministic rule can promise less than 2, and as window E is
 *    not the best one for nearly any real load, the debt leaves room to be better.  On average nothing becomes due
 *    where idles come from a distribution: the best window then costs at most e/(e-1) = 1.58 times what the
 *    clairvoyant pays (Karlin et al., Competitive randomized algorithms for non-uniform problems, 1990, by Yao's
 *    principle).
 *
 * 2. Against the best fixed window, where the idles are independent draws from one distribution: the cost of B is
 *    the integral from 0 to B of S(x) dx + E * S(B), S(x) being the part of the idles longer than x.  If that is
 *    known but for d, at all x, then the cost of each window is known but for d * (B + E), and the one that looks
 *    cheapest is at most 2 * d * (B + E) dearer than the cheapest.  For n idles of equal weight d is on average
 *    below sqrt(pi / 2n) (Dvoretzky, Kiefer and Wolfowitz, with Massart's constant); our fading weights are worth
 *    about n = 2050 (the square of their sum over the sum of their squares) when some thousands of idles have been,
 *    so that d is around 0.028.  To this come the slack, 1/256; where two humps share a bin, the length of that
 *    bin, at most 1/8 of B; the race, whose lead is 1/32; and the beginning, where each length that is seen for the
 *    first time may cost E once.  The bound is a worst case; bench-check measures the excess over traces of 6000
 *    idles.
 *
 * 3. Against windows that switch: when the load changes, the last eight idles are all of the new one after eight.
 *    They get the word when their cost in the race is below the history's.  If they cost g an idle more than the
 *    history before the change, and d less after it, that takes 64 * ln(1 + g / d) idles, in which the history
 *    costs d too much each: 64 * d * ln(1 + g / d) <= 64 * g in all.  So a switch costs what eight idles cost, and
 *    at most 64 * g; and g is small or zero just where idles come in runs, for there the last eight are as good as
 *    any history.  The lead of 1/32 adds as much of the cost.
 *
 * WHAT IT TAKES
 *
 * Below 100 ns an idle, choice and learning together, where the task in between left the caches alone, and some 400 ns
 * where it did not; with about 20 KB a CPU for ever.  Histories look for their windows at every sixteenth idle only,
 * which changes little of so slow a thing.  Nothing is random, and a question that no idle follows leaves no trace:
 * the same idles give the same answers, in the kernel and in idle-replay(1).
 */

/* Stands for all that outlasts every window. */
#define BEYOND (IDLE_PREDICTOR_MAX_NS + 1)

#define MAX_BREAK_EVEN_NS (1ULL << 35)

/* A history's memory: an idle weighs 1/1024 more than the one before it. Weights start at UNIT, and double before all
 * of them are halved. */
#define MEMORY_SHIFT 10
#define UNIT	     (1U << 16)
#define TOTAL_MAX    (2ULL * UNIT * ((1 << MEMORY_SHIFT) + 1)) /* what the weights sum up to, at most */

/* A bin with less than 1/64 of an idle in it is empty. */
#define EMPTY (UNIT / 64)

_Static_assert(TOTAL_MAX <= ~0ULL / (MAX_BREAK_EVEN_NS + 2 * BEYOND), "costs and sums of lengths overflow");

/* A window is looked for at every idle while a history is young, then at each sixteenth, and when the price has changed
 * by more than 1/8. */
#define YOUNG	    64
#define LOOK_PERIOD 16
#define PRICE_SHIFT 3

/* What a window is longer than the idles that it is to cover, as a part of what outlasting it costs. */
#define HISTORY_SLACK_SHIFT 8
#define RECENT_SLACK_SHIFT  4

/* Learners are compared by their costs on the last 64 idles or so. The history goes first: another one has to be
 * cheaper by 1/32. */
#define RACE_SHIFT 6
#define LEAD_SHIFT 5

/* The debt at which we play safe, and that to which it must fall, in break-even times, and in halves of a ns. */
#define DEBT_LIMIT 32
#define DEBT_PAID  16

/* Of timers: what is assumed at first; and steps up and down of 16 to 1, which settle where one timer in 17 is later.
 */
#define FIRST_LATENESS_NS   1000
#define LATENESS_UP_SHIFT   3
#define LATENESS_DOWN_SHIFT 7

static u64 at_most(u64 value, u64 top)
{
	return value < top ? value : top;
}

/* What an idle of @length costs under @window, in polled ns. */
static u64 cost_of(u64 length, u64 window, u64 break_even)
{
	return length <= window ? length : window + break_even;
}

/* What costs @cost now, added to a sum that fades. */
static void add_to_race(u64 *sum, u64 cost)
{
	*sum += cost - (*sum >> RACE_SHIFT);
}

/* --- the history --- */

static u32 bin_of(u32 length)
{
	u32 octave;

	if (length < 512)
		return 0;
	if (length > IDLE_PREDICTOR_MAX_NS)
		return IDLE_PREDICTOR_BINS - 1;
	octave = 31 - __builtin_clz(length);
	return 1 + (octave - 9) * 8 + (length >> (octave - 3) & 7);
}

/* An idle that outlasts the limit is not put together with those that do not: it goes into the next bin. */
static u32 bin_under_limit(u32 length, u32 limit)
{
	u32 bin = bin_of(length);

	return length > limit && bin == bin_of(limit) ? bin + 1 : bin;
}

static void history_empty_bin(struct idle_history *h, u32 bin)
{
	h->total -= h->weight[bin];
	h->weight[bin] = 0;
	h->sum[bin] = 0;
	h->top[bin] = 0;
	h->new_top[bin] = 0;
	h->seen[bin / 64] &= ~(1ULL << bin % 64);
}

/* Weights have grown to their bounds: all are halved, which changes nothing between them. A stray top goes. */
static void history_halve(struct idle_history *h)
{
	u32 bin;

	h->unit /= 2;
	h->total = 0;
	for (bin = 0; bin < IDLE_PREDICTOR_BINS; bin++) {
		h->weight[bin] /= 2;
		h->sum[bin] /= 2;
		h->total += h->weight[bin];
		if (h->new_top[bin])
			h->top[bin] = h->new_top[bin];
		h->new_top[bin] = 0;
		if (h->weight[bin] < EMPTY)
			history_empty_bin(h, bin);
	}
}

static void history_add(struct idle_history *h, u32 length, u32 bin)
{
	if (h->age < YOUNG)
		h->age++;
	h->stale++;
	h->unit += h->unit >> MEMORY_SHIFT;
	if (h->unit >= 2 * UNIT)
		history_halve(h);
	h->weight[bin] += h->unit;
	h->total += h->unit;
	h->seen[bin / 64] |= 1ULL << bin % 64;
	h->sum[bin] += (u64)h->unit * length;
	if (length > h->new_top[bin])
		h->new_top[bin] = length;
	if (length > h->top[bin])
		h->top[bin] = length;
}

/*
 * The window that would have cost least on the idles remembered.  Only the longest idle of a bin is a candidate, for
 * between two of them a window costs more and covers no more.
 */
static u32 history_look(const struct idle_history *h, u64 break_even, u64 limit)
{
	u64 covered = 0, rest = h->total, least = rest * break_even;
	u32 word, best = 0;

	for (word = 0; word < 2; word++) {
		u64 bins = h->seen[word];

		for (; bins; bins &= bins - 1) {
			u32 bin = word * 64 + __builtin_ctzll(bins);
			u64 window = h->top[bin], cost;

			if (window > limit || covered >= least)
				return best;
			window = at_most(window + ((window + break_even) >> HISTORY_SLACK_SHIFT), limit);
			covered += h->sum[bin];
			rest -= h->weight[bin];
			cost = covered + rest * (window + break_even);
			if (cost < least) {
				least = cost;
				best = window;
			}
		}
	}
	return best;
}

/* Whether the window that was found is that of this question, but for a small change of the price. */
static bool history_found(const struct idle_history *h, u64 break_even, u32 limit)
{
	u64 slack = h->break_even_ns >> PRICE_SHIFT;

	return h->limit_ns == limit && break_even + slack >= h->break_even_ns && break_even <= h->break_even_ns + slack;
}

/* Looking is a part of learning, so that a question leaves no trace. */
static void history_learn(struct idle_history *h, const struct idle_question *asked, u32 length, u32 bin)
{
	history_add(h, length, bin);
	if (h->age >= YOUNG && h->stale < LOOK_PERIOD && history_found(h, asked->break_even_ns, asked->limit_ns))
		return;
	h->window_ns = history_look(h, asked->break_even_ns, asked->limit_ns);
	h->limit_ns = asked->limit_ns;
	h->break_even_ns = asked->break_even_ns;
	h->stale = 0;
}

static u32 history_choose(const struct idle_history *h, const struct idle_question *q)
{
	if (history_found(h, q->break_even_ns, q->limit_ns))
		return h->window_ns;
	return history_look(h, q->break_even_ns, q->limit_ns);
}

/* --- the last few --- */

static void recent_forget(struct idle_recent *r, u32 length)
{
	u32 i = 0;

	while (r->sorted[i] != length)
		i++;
	for (r->n--; i < r->n; i++)
		r->sorted[i] = r->sorted[i + 1];
}

static void recent_add(struct idle_recent *r, u32 length)
{
	u32 i;

	if (r->n == IDLE_PREDICTOR_RECENT)
		recent_forget(r, r->lengths[r->next]);
	r->lengths[r->next] = length;
	r->next = (r->next + 1) % IDLE_PREDICTOR_RECENT;
	for (i = r->n++; i && r->sorted[i - 1] > length; i--)
		r->sorted[i] = r->sorted[i - 1];
	r->sorted[i] = length;
}

static u32 recent_choose(const struct idle_recent *r, u64 break_even, u64 limit)
{
	u64 covered = 0, least = r->n * break_even;
	u32 i, best = 0;

	for (i = 0; i < r->n && r->sorted[i] <= limit; i++) {
		u64 window = r->sorted[i], cost;

		covered += window;
		window = at_most(window + ((window + break_even) >> RECENT_SLACK_SHIFT), limit);
		cost = covered + (r->n - i - 1) * (window + break_even);
		if (cost < least) {
			least = cost;
			best = window;
		}
	}
	return best;
}

/* --- the timer --- */

/*
 * Nothing lasts longer than until the timer that ends it.  Where that is not much further than we would poll anyway,
 * polling on to it costs less than the halt.  Returns 0 where it does not come to that.
 */
static u32 timer_choose(const struct idle_predictor *p, u32 without)
{
	const struct idle_question *q = &p->asked;
	u64 served;

	if (q->next_timer_ns > q->limit_ns || p->without & 1 << IDLE_BY_TIMER)
		return 0;
	served = q->next_timer_ns + p->lateness_ns;
	if (served <= without || served > q->limit_ns || served - without >= q->break_even_ns)
		return 0;
	return served;
}

/* What comes later than the break-even time after the timer is not the timer's. */
static void timer_learn(struct idle_predictor *p, u64 length, enum idle_wake wake)
{
	u64 due = p->asked.next_timer_ns;

	if (wake != IDLE_WAKE_TIMER || length < due || due > p->asked.limit_ns || length - due > p->asked.break_even_ns)
		return;
	if (length - due > p->lateness_ns)
		p->lateness_ns += (p->lateness_ns >> LATENESS_UP_SHIFT) + 16;
	else
		p->lateness_ns -= p->lateness_ns >> LATENESS_DOWN_SHIFT;
}

/* --- who answers --- */

static u32 break_even_window(const struct idle_question *q)
{
	return at_most(q->break_even_ns, q->limit_ns);
}

static u32 kind_of_run(u64 ran_ns)
{
	return ran_ns <= 4000 ? 0 : ran_ns <= 16000 ? 1 : ran_ns <= 64000 ? 2 : 3;
}

static void histories_choose(struct idle_predictor *p)
{
	const struct idle_question *q = &p->asked;
	struct idle_history *wake = &p->after_wake[p->wake], *run = &p->after_run[kind_of_run(q->ran_ns)];
	u32 all = history_choose(&p->all, q);

	/* A kind of idle that was not there yet is taken to be like all. */
	p->answer[IDLE_BY_HISTORY] = all;
	p->answer[IDLE_BY_WAKE] = wake->age ? history_choose(wake, q) : all;
	p->answer[IDLE_BY_RAN] = run->age ? history_choose(run, q) : all;
}

/* What the learners answer; that of the cheapest one counts. */
static u32 learners_choose(struct idle_predictor *p)
{
	const struct idle_question *q = &p->asked;
	u64 least = p->cost[IDLE_BY_HISTORY];
	int i, best = IDLE_BY_HISTORY;

	histories_choose(p);
	p->answer[IDLE_BY_RECENT] = recent_choose(&p->recent, q->break_even_ns, q->limit_ns);
	for (i = IDLE_BY_HISTORY + 1; i < IDLE_LEARNERS; i++) {
		u64 cost = p->cost[i] + (p->cost[i] >> LEAD_SHIFT);

		if (cost < least && !(p->without & 1 << i)) {
			least = cost;
			best = i;
		}
	}
	return p->answer[best];
}

/* Takes the timer into account, if that has been worth it. */
static u32 learners_and_timer_choose(struct idle_predictor *p)
{
	u32 without = learners_choose(p), with = timer_choose(p, without);

	p->timer_answer[IDLE_WITHOUT_TIMER] = without;
	p->timer_answer[IDLE_WITH_TIMER] = with;
	return with && p->timer_cost[IDLE_WITH_TIMER] <= p->timer_cost[IDLE_WITHOUT_TIMER] ? with : without;
}

static void learners_learn(struct idle_predictor *p, u64 length)
{
	u64 break_even = p->asked.break_even_ns;
	int i;

	for (i = 0; i < IDLE_LEARNERS; i++)
		add_to_race(&p->cost[i], cost_of(length, p->answer[i], break_even));
	for (i = 0; p->timer_answer[IDLE_WITH_TIMER] && i < IDLE_TIMER_CHOICES; i++)
		add_to_race(&p->timer_cost[i], cost_of(length, p->timer_answer[i], break_even));
}

/* --- the debt --- */

/*
 * Twice what we paid, less five times what we could have with foresight and the same limit.  At the prices of this idle
 * it cannot be more than what is left below the limit of debt and one idle that costs most: an older debt at higher
 * prices is cut to that.
 */
static void debt_add(struct idle_predictor *p, u64 length)
{
	u64 break_even = p->asked.break_even_ns, limit = p->asked.limit_ns;
	u64 foreseen = length <= limit ? at_most(length, break_even) : break_even;

	p->debt += 2 * cost_of(length, p->window_ns, break_even);
	p->debt -= at_most(p->debt, 5 * foreseen);
	p->debt = at_most(p->debt, DEBT_LIMIT * break_even + 2 * (limit + break_even));
	if (p->debt > DEBT_LIMIT * break_even)
		p->safe = true;
	else if (p->debt <= DEBT_PAID * break_even)
		p->safe = false;
}

/* --- the whole --- */

void idle_predictor_init(struct idle_predictor *p)
{
	int i;

	__builtin_memset(p, 0, sizeof(*p));
	p->all.unit = UNIT;
	for (i = 0; i < IDLE_WAKES; i++)
		p->after_wake[i].unit = UNIT;
	for (i = 0; i < IDLE_RAN_KINDS; i++)
		p->after_run[i].unit = UNIT;
	p->lateness_ns = FIRST_LATENESS_NS;
}

u32 idle_predictor_choose(struct idle_predictor *p, const struct idle_question *q)
{
	u32 window;

	p->asked = *q;
	p->asked.break_even_ns = at_most(q->break_even_ns, MAX_BREAK_EVEN_NS);
	p->asked.limit_ns = at_most(q->limit_ns, IDLE_PREDICTOR_MAX_NS);
	window = learners_and_timer_choose(p);
	if (!p->recent.n || p->safe)
		window = break_even_window(&p->asked);
	p->window_ns = window;
	return window;
}

void idle_predictor_observe(struct idle_predictor *p, u64 length_ns, enum idle_wake wake)
{
	u32 length, bin;

	learners_learn(p, length_ns);
	timer_learn(p, length_ns, wake);
	debt_add(p, length_ns);
	length = at_most(length_ns, BEYOND);
	bin = bin_under_limit(length, p->asked.limit_ns);
	history_learn(&p->all, &p->asked, length, bin);
	history_learn(&p->after_wake[p->wake], &p->asked, length, bin);
	history_learn(&p->after_run[kind_of_run(p->asked.ran_ns)], &p->asked, length, bin);
	recent_add(&p->recent, length);
	p->wake = wake;
}
