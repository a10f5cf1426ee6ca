// SPDX-License-Identifier: BSD-3-Clause
/* QEMU by its command line. It is the process's own word: whoever runs a process decides what it says. */
#include "vm_find_impl.h"

#include <stdlib.h>
#include <string.h>

/* The argument behind @at; NULL at the end. The last one's NUL may be missing: the caller has put one there. */
static const char *next_argument(const char *cmdline, size_t length, const char *at)
{
	at += strlen(at) + 1;
	return at < cmdline + length ? at : NULL;
}

/* qemu-system-x86_64, qemu-kvm, and Debian's and SUSE's kvm. */
bool vm_qemu_is(const char *cmdline, size_t length)
{
	const char *slash = length ? strrchr(cmdline, '/') : NULL, *base = slash ? slash + 1 : cmdline;

	return length && (strstr(base, "qemu") || !strcmp(base, "kvm"));
}

/* Takes the next of an option's parameters off @rest into @text, ",," being a ',' within it. */
static void take_parameter(const char **rest, char *text)
{
	for (; **rest; (*rest)++) {
		if (**rest == ',' && *++*rest != ',')
			break;
		*text++ = **rest;
	}
	*text = '\0';
}

/*
 * "NAME", "NAME,process=x", or "guest=NAME" in any place. Only the first parameter can do without its key, and then its
 * '=' is behind its first ',' if it has one at all. @guest has the room of @option.
 */
static void parse_name(const char *option, char *parameter, char *guest)
{
	bool first = option[strcspn(option, "=,")] != '=';

	while (*option) {
		take_parameter(&option, parameter);
		if (first)
			strcpy(guest, parameter);
		else if (!strncmp(parameter, "guest=", strlen("guest=")))
			strcpy(guest, parameter + strlen("guest="));
		first = false;
	}
}

char *vm_qemu_guest(const char *cmdline, size_t length)
{
	char *guest = calloc(1, length + 1), *parameter = malloc(length + 1);
	const char *at = cmdline;

	/* The last one counts, as for QEMU. */
	while (guest && parameter && (at = next_argument(cmdline, length, at))) {
		if (strcmp(at, "-name") && strcmp(at, "--name"))
			continue;
		at = next_argument(cmdline, length, at);
		if (!at)
			break;
		/* Another option's argument may read "-name": what comes then is an option. */
		if (*at != '-')
			parse_name(at, parameter, guest);
	}
	if (!parameter) {
		free(guest);
		guest = NULL;
	}
	free(parameter);
	return guest;
}
