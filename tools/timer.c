// SPDX-License-Identifier: BSD-3-Clause
/* isolat timer: what is asked of exitless-timerd. */
#include "verb.h"

int cmd_timer(int argc, char **argv)
{
	static const struct report_option options[] = { REPORT_OPTION_HELP, { 0 } };
	static const struct verb verbs[] = {
		{ "status", "show what fires, how late, and who serves it", cmd_timer_status },
		{ "add", "have one more VM served", cmd_timer_add },
		{ "remove", "have a VM served no more", cmd_timer_remove },
		{ 0 },
	};
	static const struct verb_group group = {
		.usage = {
			.command = "isolat timer",
			.synopsis = "VERB [OPTION]...",
			.about = "Asks exitless-timerd, which fires the exitless timers of this host's VMs.",
			.options = options,
			.stop_at_word = true,
		},
		.verbs = verbs,
	};

	return verb_dispatch(&group, argc, argv);
}
