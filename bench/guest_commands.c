// SPDX-License-Identifier: BSD-3-Clause
#include "guest_commands.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "guest.h"
#include "microvm.h"

void guest_answer(const char *format, ...)
{
	char text[32768];
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(text, sizeof(text) - 1, format, ap);
	va_end(ap);
	if (n > (int)sizeof(text) - 2)
		n = sizeof(text) - 2;
	for (char *p = text; *p; p++)
		if (*p == '\n')
			*p = ' ';
	text[n] = '\n';
	write(MICROVM_CHANNEL_FD, text, n + 1);
}

void guest_module_command(const char *name, const char *params)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/module/%s", name);
	if (!access(path, F_OK) && guest_unload_module(name))
		guest_answer("error unload %s: %s", name, strerror(errno));
	else if (*params && guest_load_module(name, params))
		guest_answer("error load %s %s: %s", name, params, strerror(errno));
	else
		guest_answer("ok {}");
}

static void serve_line(const struct guest_command *commands, char *line)
{
	char *argument = line + strcspn(line, " ");

	if (*argument)
		*argument++ = '\0';
	for (; commands->name; commands++) {
		if (!strcmp(commands->name, line)) {
			commands->run(argument);
			return;
		}
	}
	guest_answer("error unknown command %s", line);
}

int guest_serve(const struct guest_command *commands)
{
	FILE *in = fdopen(dup(MICROVM_CHANNEL_FD), "r");
	char line[1024];

	guest_answer("ok {}");
	while (in && fgets(line, sizeof(line), in)) {
		line[strcspn(line, "\n")] = '\0';
		if (!strcmp(line, "quit"))
			return 0;
		serve_line(commands, line);
	}
	return 1;
}
