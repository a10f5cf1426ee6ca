// SPDX-License-Identifier: BSD-3-Clause
/*
 * Nothing may hang: a guest whose timers run all the while, and an agent that dies in every way. For each fault a line
 * of a table: the worst lateness of a timer, the timers lost, which must be none, and the time until the guest had
 * fallen back, or was exitless again if an agent followed ("none": no fallback). Times are the VM's own, and figures.
 *
 * usage: timer_faults CASE, with one CPU that watches by its LAPIC
 */
#include "timer.h"

#define INTERVAL_US 1000

static struct sleeper sleepers[MAX_CPUS];
static int n;

static void begin(const char *params)
{
	n = cpus_online();
	xt_load(params);
	require(xt_becomes("state", "runs"), "the state is %s", xt_status("state"));
	sleepers_start(sleepers, n, INTERVAL_US);
	require(sleepers_go_on(sleepers, n, 100), "every CPU sleeps");
	sleepers_worst_ns(sleepers, n);
	printf("%-34s %14s %12s %16s\n", "fault", "worst late ms", "timers lost", "until settled ms");
}

/* Waits until the module says @state; the time that it took in ms, or -1. */
static double wait_state_ms(const char *state)
{
	uint64_t start = now_ns();

	return xt_becomes("state", state) ? (now_ns() - start) / 1e6 : -1;
}

/* The state is told as soon as it is decided; the CPUs follow. */
static bool become_exitless(int cpus)
{
	for (int ms = 0; ms < 10000 && cpus_exitless() != cpus; ms += 5)
		usleep(5000);
	return cpus_exitless() == cpus;
}

static void row(const char *fault, double fallback_ms)
{
	int lost = sleepers_lost(sleepers, n, 100);
	char fallback[32] = "none";

	if (fallback_ms >= 0)
		snprintf(fallback, sizeof(fallback), "%.1f", fallback_ms);
	printf("%-34s %14.1f %12d %16s\n", fault, sleepers_worst_ns(sleepers, n) / 1e6, lost, fallback);
	check(!lost, "%s: every CPU sleeps on, but for %d", fault, lost);
	check(xt_count("early", EVERY_CPU) == 0, "%s: none fired early", fault);
}

static void end(void)
{
	sleepers_stop(sleepers, n);
	xt_balance();
	xt_unload();
}

/*
 * A fault that a new scanner follows: the guest is exitless again by itself. Where the new one comes before a vCPU has
 * looked, it never was on its LAPIC.
 */
static void recovers(const char *what)
{
	long long fallbacks = atoll(xt_status("fallbacks"));
	char generation[32];
	uint64_t start;
	double ms;

	snprintf(generation, sizeof(generation), "%s", xt_status("generation"));
	timer_do(what);
	start = now_ns();
	check(xt_wait("generation", generation, false) && xt_becomes("state", "runs"), "%s: the state is %s", what,
	      xt_status("state"));
	ms = (now_ns() - start) / 1e6;
	check(atoll(xt_status("generation")) > atoll(generation), "%s: generation %s follows %s", what,
	      xt_status("generation"), generation);
	check(become_exitless(n - 1), "%s: then %d CPUs are exitless", what, cpus_exitless());
	row(what, atoll(xt_status("fallbacks")) > fallbacks ? ms : -1);
}

/* A fault that ends the agent: the guest stays with its LAPICs. */
static void stays_fallen(const char *what)
{
	double ms;

	timer_do(what);
	ms = wait_state_ms("fallback");
	check(ms >= 0, "%s: the state is %s", what, xt_status("state"));
	check(become_exitless(0), "%s: %d CPUs are exitless", what, cpus_exitless());
	row(what, ms);
}

/* A fault that is no concern of ours. */
static void untouched(const char *what)
{
	long long fallbacks = atoll(xt_status("fallbacks"));

	timer_do(what);
	check(atoll(xt_status("fallbacks")) == fallbacks, "%s: no fallback", what);
	check(!strcmp(xt_status("state"), "runs"), "%s: the state is %s", what, xt_status("state"));
	row(what, -1);
}

static void scanner(void)
{
	begin("");
	recovers("kill-scanner");
	recovers("stop-scanner");
	recovers("restart 50");
	end();
}

static void neighbours(void)
{
	begin(PATIENT);
	untouched("open-close 200");
	untouched("hostile 3");
	untouched("killed-armed");
	end();
}

static void daemon_killed(void)
{
	begin("");
	stays_fallen("kill-daemon");
	end();
}

static void all_killed(void)
{
	begin("");
	stays_fallen("kill-all");
	end();
}

static void all_stopped(void)
{
	begin("");
	stays_fallen("stop-all");
	check(log_has("heartbeat stands still"), "the log says how it was noticed");
	end();
}

/*
 * What may fire early after a jump back, of each exitless CPU: what it had armed, and what it arms while the agent's
 * visit goes on; and both once more where the next map has samples of before.
 */
#define EARLY_MOST 4

/* The clocks jump against each other: noticed, and a new map made. */
static void jump(const char *cycles)
{
	char what[64], jumps[32];

	snprintf(jumps, sizeof(jumps), "%s", xt_status("jumps"));
	snprintf(what, sizeof(what), "jump %s", cycles);
	timer_do(what);
	check(xt_wait("jumps", jumps, false), "%s: %s jumps seen", what, xt_status("jumps"));
	check(sleepers_go_on(sleepers, n, 500), "%s: every CPU sleeps on", what);
}

/* Forward for the guest, then back: the old map fires what it finds armed, and nothing after that. */
static void jump_to_and_fro(void)
{
	long long before = xt_count("early", EVERY_CPU), early;

	jump("-3000000000000");
	check(xt_count("early", EVERY_CPU) == before, "none fired early");
	jump("3000000000000");
	early = xt_count("early", EVERY_CPU);
	check(early - before <= EARLY_MOST * (n - 1), "%lld fired early on %d CPUs", early - before, n - 1);
	check(sleepers_go_on(sleepers, n, 500), "every CPU sleeps on");
	check(xt_count("early", EVERY_CPU) == early, "%lld by the new map", xt_count("early", EVERY_CPU) - early);
}

static void jumps(void)
{
	begin("");
	for (int i = 0; i < 3; i++)
		jump_to_and_fro();
	end();
}

int main(int argc, char **argv)
{
	static const struct check_case cases[] = {
		{ "scanner", scanner },
		{ "neighbours", neighbours },
		{ "daemon-killed", daemon_killed },
		{ "all-killed", all_killed },
		{ "all-stopped", all_stopped },
		{ "jumps", jumps },
		{ 0 },
	};

	return check_main(cases, argc, argv);
}
