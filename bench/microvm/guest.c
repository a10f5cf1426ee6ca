// SPDX-License-Identifier: BSD-3-Clause
#include "guest.h"

#include <ctype.h>
#include <fcntl.h>
#include <linux/module.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MODULES "/isolat/modules/"

char *guest_read_file(const char *path)
{
	FILE *f = fopen(path, "re"), *out;
	char buf[65536], *text = NULL;
	size_t size, n;

	if (!f)
		return NULL;
	out = open_memstream(&text, &size);
	while ((n = fread(buf, 1, sizeof(buf), f)))
		fwrite(buf, 1, n, out);
	fclose(f);
	fclose(out);
	return text;
}

long guest_read_long(const char *path)
{
	char *text = guest_read_file(path), *end;
	long value = -1;

	if (!text)
		return -1;
	value = strtol(text, &end, 10);
	if (end == text)
		value = -1;
	free(text);
	return value;
}

int guest_write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : write(fd, text, strlen(text));

	if (fd >= 0)
		close(fd);
	return n < 0 ? -1 : 0;
}

int guest_load_module(const char *name, const char *params)
{
	static const struct {
		const char *ending;
		int flags;
	} kinds[] = { { "ko", 0 }, { "ko.xz", MODULE_INIT_COMPRESSED_FILE } };
	char path[256];
	int rc = -1;

	for (size_t i = 0; i < 2; i++) {
		int fd;

		snprintf(path, sizeof(path), MODULES "%s.%s", name, kinds[i].ending);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			continue;
		rc = syscall(SYS_finit_module, fd, params, kinds[i].flags);
		close(fd);
		break;
	}
	return rc;
}

int guest_unload_module(const char *name)
{
	return syscall(SYS_delete_module, name, O_NONBLOCK);
}

uint64_t guest_interrupts(const char *label, int cpu)
{
	char *text = guest_read_file("/proc/interrupts"), *save = NULL;
	uint64_t sum = 0;

	for (char *line = text ? strtok_r(text, "\n", &save) : NULL; line; line = strtok_r(NULL, "\n", &save)) {
		char *colon = strchr(line, ':'), *number;
		int column = 0;

		if (!colon)
			continue;
		*colon = '\0';
		if (strcmp(line + strspn(line, " "), label))
			continue;
		for (number = colon + 1; isdigit((unsigned char)*(number += strspn(number, " "))); column++) {
			uint64_t n = strtoull(number, &number, 10);

			sum += cpu < 0 || column == cpu ? n : 0;
		}
	}
	free(text);
	return sum;
}

int guest_pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return sched_setaffinity(0, sizeof(set), &set);
}
