// SPDX-License-Identifier: BSD-3-Clause
#include "plan_ways.h"

/* Places tried before a layout is given up. Without other people's groups the first one is right or none is. */
#define MAX_TRIES 2000

uint64_t ways_mask(unsigned int low, unsigned int n)
{
	if (!n)
		return 0;
	return (n == 64 ? ~0ULL : (1ULL << n) - 1) << low;
}

uint64_t ways_longest_run(uint64_t mask)
{
	uint64_t best = 0;
	unsigned int best_n = 0;

	for (unsigned int low = 0; low < 64;) {
		unsigned int n = 0;

		if (!(mask >> low & 1)) {
			low++;
			continue;
		}
		while (low + n < 64 && mask >> (low + n) & 1)
			n++;
		if (n >= best_n) {
			best_n = n;
			best = ways_mask(low, n);
		}
		low += n;
	}
	return best;
}

struct search {
	const struct ways_domain *domain;
	uint64_t *masks;
	unsigned int order[WAYS_MAX_RUNS];
	uint64_t keep; /* to be kept clear of, too */
	bool anywhere; /* also where a run leaves a gap below it */
	unsigned int tries;
};

static unsigned int count(uint64_t mask)
{
	return (unsigned int)__builtin_popcountll(mask);
}

uint64_t ways_of_default(const struct ways_domain *domain, uint64_t had, uint64_t runs)
{
	uint64_t own;

	if (had && !(had & runs))
		return had;
	if (!had)
		had = ways_mask(0, domain->ways) & ~domain->barred;
	own = ways_longest_run(had & ~runs & ~domain->taken);
	return count(own) >= domain->least ? own : ways_longest_run(had & ~runs);
}

static bool rest_is_enough(const struct ways_domain *domain, uint64_t taken)
{
	uint64_t runs = taken & ~domain->taken, rest = ways_mask(0, domain->ways) & ~domain->barred & ~runs;

	for (unsigned int i = 0; i < 2; i++)
		if (domain->had[i] && count(ways_of_default(domain, domain->had[i], runs)) < domain->least)
			return false;
	return count(ways_longest_run(rest)) >= domain->rest_run;
}

static bool place(struct search *s, unsigned int i, uint64_t taken)
{
	const struct ways_domain *domain = s->domain;
	const struct ways_run *run;
	uint64_t closed;

	if (i == domain->n)
		return rest_is_enough(domain, taken);
	run = &domain->run[s->order[i]];
	closed = taken | s->keep | (run->io ? 0 : domain->io);
	for (unsigned int low = 0; low + run->ways <= domain->ways; low++) {
		uint64_t mask = ways_mask(low, run->ways);

		if (mask & closed || (low && !s->anywhere && !(closed >> (low - 1) & 1)))
			continue;
		if (s->tries++ >= MAX_TRIES)
			return false;
		s->masks[s->order[i]] = mask;
		if (place(s, i + 1, taken | mask))
			return true;
	}
	return false;
}

/* Fewer than asked for: no use in trying. */
static bool are_enough(const struct ways_domain *domain)
{
	uint64_t all = ways_mask(0, domain->ways);
	unsigned int free = count(all & ~domain->taken), free_of_io = count(all & ~domain->taken & ~domain->io);
	unsigned int rest = count(all & ~domain->barred);

	for (unsigned int i = 0; i < domain->n; i++) {
		const struct ways_run *run = &domain->run[i];

		if (run->ways > free || (!run->io && run->ways > free_of_io))
			return false;
		free -= run->ways;
		free_of_io -= run->io ? 0 : run->ways;
		rest -= run->ways;
	}
	return rest >= domain->rest_run;
}

static bool search_in_order(struct search *s, bool no_io_first)
{
	unsigned int n = 0;

	for (unsigned int pass = 0; pass < 2; pass++)
		for (unsigned int i = 0; i < s->domain->n; i++)
			if (no_io_first ? s->domain->run[i].io == pass : !pass)
				s->order[n++] = i;
	return place(s, 0, s->domain->taken);
}

/*
 * Runs side by side, each beginning where a free stretch does, in their order; if there is no such place, those that
 * must keep off the I/O ways before the others; and last, gaps anywhere: a long run may have to lie over the I/O ways,
 * or leave the default group some of what it has.
 */
static bool search_all(struct search *s, bool has_narrow)
{
	s->tries = 0;
	s->anywhere = false;
	if (search_in_order(s, false) || search_in_order(s, true))
		return true;
	s->anywhere = true;
	return (s->domain->io || s->domain->taken || has_narrow) && search_in_order(s, true);
}

bool ways_layout(const struct ways_domain *domain, uint64_t *masks)
{
	struct search s = { .domain = domain, .masks = masks, .keep = domain->had[0] | domain->had[1] };
	bool has_narrow = s.keep && ways_mask(0, domain->ways) & ~s.keep;

	if (!are_enough(domain))
		return false;
	if (has_narrow && search_all(&s, true))
		return true;
	s.keep = 0;
	return search_all(&s, has_narrow);
}
