// SPDX-License-Identifier: BSD-3-Clause
/* isolat trace: the group of recorders. */
#include "verb.h"

int cmd_trace(int argc, char **argv)
{
	static const struct report_option options[] = { REPORT_OPTION_HELP, { 0 } };
	static const struct verb verbs[] = {
		{ "idle", "the idle periods of all CPUs, as CSV", cmd_trace_idle },
		{ 0 },
	};
	static const struct verb_group group = {
		.usage = {
			.command = "isolat trace",
			.synopsis = "NAME [OPTION]...",
			.about = "Records what the running kernel does, on a host or in a guest.",
			.options = options,
			.stop_at_word = true,
		},
		.verbs = verbs,
	};

	return verb_dispatch(&group, argc, argv);
}
