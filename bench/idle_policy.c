// SPDX-License-Identifier: BSD-3-Clause
#include "idle_policy.h"

#include <string.h>

/* ---- isolat: what smart_idle_poll does ----------------------------------------------------------------------------*/

static void isolat_init(union idle_policy_state *state)
{
	idle_predictor_init(&state->predictor);
}

static uint64_t isolat_window(union idle_policy_state *state, const struct idle_costs *costs,
			      const struct idle_begin *begin)
{
	const struct idle_question question = {
		.break_even_ns = idle_break_even_ns(costs->halt_ns, costs->price_ppm),
		.next_timer_ns = begin->next_timer_ns,
		.ran_ns = begin->ran_ns,
		.limit_ns = costs->limit_ns,
	};

	state->predictor.without = costs->without;
	return idle_predictor_choose(&state->predictor, &question);
}

static void isolat_learn(union idle_policy_state *state, const struct idle_costs *costs, uint64_t length_ns,
			 enum idle_wake wake)
{
	idle_predictor_observe(&state->predictor, length_ns, wake);
}

/* The window that a CPU has arrived at, for the policies that keep no more. */
static uint64_t kept_window(union idle_policy_state *state, const struct idle_costs *costs,
			    const struct idle_begin *begin)
{
	return state->window_ns;
}

/*
 * ---- haltpoll: the guest's governor -------------------------------------------------------------------------------
 *
 * Linux 6.12, drivers/cpuidle/governors/haltpoll.c with its defaults: guest_halt_poll_ns 200000, grow 2, grow_start
 * 50000, shrink 2, allow_shrink Y.
 *
 * haltpoll_select() halts at once while the window is 0, polls otherwise, and halts when a poll ran to its end; a poll
 * that was cut short leads to another one. haltpoll_reflect() moves the window after halts only, by the time spent in
 * the halt itself: the poll before it was an idle state of its own and does not count. So an idle of 150 us under a
 * window of 100 us is one of 50 us to the rule, which is below the window, and nothing moves.
 *
 * Since 6.9 (commit 496d0a648509) a window that shrinks below grow_start becomes 0.
 */
#define HALTPOLL_MAX_NS	       200000
#define HALTPOLL_GROW	       2
#define HALTPOLL_GROW_START_NS 50000
#define HALTPOLL_SHRINK	       2

static uint64_t grown(uint64_t window_ns, uint64_t factor, uint64_t start_ns, uint64_t max_ns)
{
	window_ns *= factor;
	if (window_ns < start_ns)
		window_ns = start_ns;
	return window_ns < max_ns ? window_ns : max_ns;
}

static uint64_t at_least(uint64_t window_ns, uint64_t start_ns)
{
	return window_ns < start_ns ? 0 : window_ns;
}

static void haltpoll_learn(union idle_policy_state *state, const struct idle_costs *costs, uint64_t length_ns,
			   enum idle_wake wake)
{
	uint64_t window_ns = state->window_ns, halted_ns;

	if (length_ns <= window_ns)
		return;
	halted_ns = length_ns - window_ns;
	if (halted_ns > HALTPOLL_MAX_NS)
		state->window_ns = at_least(window_ns / HALTPOLL_SHRINK, HALTPOLL_GROW_START_NS);
	else if (halted_ns > window_ns)
		state->window_ns = grown(window_ns, HALTPOLL_GROW, HALTPOLL_GROW_START_NS, HALTPOLL_MAX_NS);
}

/*
 * ---- kvm-halt-poll: the host's rule -------------------------------------------------------------------------------
 *
 * Linux 6.12, virt/kvm/kvm_main.c, kvm_vcpu_halt() with the defaults on x86: halt_poll_ns 200000, grow 2, grow_start
 * 10000, and shrink 2. That one was 0 (start anew) up to 6.10; commit aeb1b22a3ac8 of 6.11 changed it. The time that
 * counts is that of the whole halt, its poll included. A window below grow_start becomes 0. Each wake-up is taken for a
 * valid one (vcpu_valid_wakeup(), which x86 always says), and the VM for one that may be polled for.
 *
 * KVM cuts a grown window to the maximum when the next halt begins; we do it at once, which nobody can tell.
 */
#define KVM_MAX_NS	  200000
#define KVM_GROW	  2
#define KVM_GROW_START_NS 10000
#define KVM_SHRINK	  2

static void kvm_learn(union idle_policy_state *state, const struct idle_costs *costs, uint64_t length_ns,
		      enum idle_wake wake)
{
	uint64_t window_ns = state->window_ns;

	if (length_ns <= window_ns)
		return;
	if (length_ns > KVM_MAX_NS)
		state->window_ns = at_least(window_ns / KVM_SHRINK, KVM_GROW_START_NS);
	else if (length_ns < KVM_MAX_NS)
		state->window_ns = grown(window_ns, KVM_GROW, KVM_GROW_START_NS, KVM_MAX_NS);
}

/*
 * ---- asymmetric: grow fast, shrink slowly -------------------------------------------------------------------------
 *
 * The idea is that of OSv's adaptive idle spin (cloudius-systems/osv, pull request 1511 of September 2026, open): with
 * equal steps, a CPU that halts now and then gives up its window, and a fixed one does better; so the window jumps up
 * at once when a wake-up came soon, and is given up in small steps. The rule in numbers is ours: an idle that the limit
 * would have caught, be it that the window did or not, takes the window to the limit; a longer one takes an eighth from
 * it, and below 10 us (where KVM's begins to grow) it becomes 0.
 */
#define ASYMMETRIC_SHRINK   8
#define ASYMMETRIC_FLOOR_NS 10000

static void asymmetric_learn(union idle_policy_state *state, const struct idle_costs *costs, uint64_t length_ns,
			     enum idle_wake wake)
{
	if (length_ns <= costs->limit_ns)
		state->window_ns = costs->limit_ns;
	else
		state->window_ns =
			at_least(state->window_ns - state->window_ns / ASYMMETRIC_SHRINK, ASYMMETRIC_FLOOR_NS);
}

/* ---- The two that decide nothing ----------------------------------------------------------------------------------*/

static uint64_t always_window(union idle_policy_state *state, const struct idle_costs *costs,
			      const struct idle_begin *begin)
{
	return IDLE_FOREVER;
}

static uint64_t never_window(union idle_policy_state *state, const struct idle_costs *costs,
			     const struct idle_begin *begin)
{
	return 0;
}

const struct idle_policy idle_policies[] = {
	{ "isolat", "isolat, guest/idle_predictor.c", isolat_init, isolat_window, isolat_learn },
	{ "haltpoll", "Linux 6.12, drivers/cpuidle/governors/haltpoll.c", NULL, kept_window, haltpoll_learn },
	{ "kvm-halt-poll", "Linux 6.12, virt/kvm/kvm_main.c, kvm_vcpu_halt()", NULL, kept_window, kvm_learn },
	{ "asymmetric", "isolat, after cloudius-systems/osv pull request 1511", NULL, kept_window, asymmetric_learn },
	{ "always", "idle=poll", NULL, always_window, NULL },
	{ "never", "a halt at once", NULL, never_window, NULL },
	{ 0 },
};

const struct idle_policy *idle_policy_find(const char *name)
{
	for (const struct idle_policy *p = idle_policies; p->name; p++) {
		if (!strcmp(p->name, name))
			return p;
	}
	return NULL;
}
