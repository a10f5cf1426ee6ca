// SPDX-License-Identifier: BSD-3-Clause
/* isolat bench: the group of benchmarks. */
#include "verb.h"

int cmd_bench(int argc, char **argv)
{
	static const struct report_option options[] = { REPORT_OPTION_HELP, { 0 } };
	static const struct verb verbs[] = {
		{ "idle", "short idles with and without smart idle poll: the KVM Forum 2017 table", cmd_bench_idle },
		{ "timer", "exits per timer: LAPIC and exitless, with and without smart idle poll", cmd_bench_timer },
		{ 0 },
	};
	static const struct verb_group group = {
		.usage = {
			.command = "isolat bench",
			.synopsis = "NAME [OPTION]...",
			.about = "Runs a benchmark.",
			.options = options,
			.stop_at_word = true,
		},
		.verbs = verbs,
	};

	return verb_dispatch(&group, argc, argv);
}
