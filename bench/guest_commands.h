/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The guest's side of a benchmark: a static program that PID 1 of the micro-VM starts. It takes one command a line on
 * MICROVM_CHANNEL_FD, NAME and an argument, and answers each with one line, "ok {JSON}" or "error TEXT". It greets with
 * an answer too. bench_vm.h is the other side, which reads its counters before it sends a command and after it has the
 * answer.
 */
#ifndef ISOLAT_GUEST_COMMANDS_H
#define ISOLAT_GUEST_COMMANDS_H

struct guest_command {
	const char *name;
	void (*run)(const char *argument); /* answers, once */
};

/* Answers; newlines become spaces, and what is longer than 32 KiB is cut. */
__attribute__((format(printf, 1, 2))) void guest_answer(const char *format, ...);

/* Greets, and serves @commands (up to an empty entry) until "quit": returns 0 then, 1 if the channel ends. */
int guest_serve(const struct guest_command *commands);

/* Loads the module @name with these parameters, or unloads it (@params empty), whatever was before; and answers. */
void guest_module_command(const char *name, const char *params);

#endif
