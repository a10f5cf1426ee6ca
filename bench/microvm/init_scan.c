// SPDX-License-Identifier: BSD-3-Clause
#include "init_scan.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SETTLE_TRIES 10
#define SETTLE_US    50000

struct scan {
	char **lines; /* sorted */
	size_t n;
};

__attribute__((format(printf, 2, 3))) static void add(struct scan *scan, const char *format, ...)
{
	va_list ap;

	scan->lines = realloc(scan->lines, (scan->n + 1) * sizeof(*scan->lines));
	va_start(ap, format);
	if (vasprintf(&scan->lines[scan->n], format, ap) >= 0)
		scan->n++;
	va_end(ap);
}

static void scan_directory(struct scan *scan, const char *path, int depth)
{
	DIR *dir = opendir(path);
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		char below[512];

		if (entry->d_name[0] == '.')
			continue;
		snprintf(below, sizeof(below), "%s/%s", path, entry->d_name);
		add(scan, "%s", below);
		if (depth > 1 && entry->d_type == DT_DIR)
			scan_directory(scan, below, depth - 1);
	}
	if (dir)
		closedir(dir);
}

/* The content of every file that matches @pattern, as "path = first line". */
static void scan_values(struct scan *scan, const char *pattern)
{
	glob_t found;

	if (glob(pattern, 0, NULL, &found))
		return;
	for (size_t i = 0; i < found.gl_pathc; i++) {
		char text[256] = "";
		FILE *f = fopen(found.gl_pathv[i], "re");

		if (!f)
			continue;
		if (fgets(text, sizeof(text), f))
			text[strcspn(text, "\n")] = '\0';
		add(scan, "%s = %s", found.gl_pathv[i], text);
		fclose(f);
	}
	globfree(&found);
}

/* Every line of @path through @reduce, which cuts it down to what names a thing, or returns false to leave it out. */
static void scan_lines(struct scan *scan, const char *path, bool (*reduce)(char *line))
{
	static char line[65536];
	FILE *f = fopen(path, "re");

	while (f && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		if (reduce(line))
			add(scan, "%s: %s", path, line);
	}
	if (f)
		fclose(f);
}

static bool first_word(char *line)
{
	line[strcspn(line, " ")] = '\0';
	return true;
}

static bool whole_line(char *line)
{
	return *line;
}

/* "  4:   123    0  IO-APIC 4-edge ttyS0" without its counts, which move, and without the header. */
static bool interrupt_name(char *line)
{
	char *to = strchr(line, ':'), *from;

	if (!to)
		return false;
	from = ++to;
	while (*from == ' ' || isdigit((unsigned char)*from))
		from++;
	memmove(to, from, strlen(from) + 1);
	return true;
}

static bool module_area(char *line)
{
	char *caller = strchr(line, ' ');

	caller += caller ? strspn(caller, " ") : 0; /* the size is padded */
	caller = caller ? strchr(caller, ' ') : NULL;
	if (!caller || !strstr(caller, "module"))
		return false;
	caller[1 + strcspn(caller + 1, "+ ")] = '\0';
	memmove(line, caller + 1, strlen(caller));
	return true;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static struct scan *take(void)
{
	struct scan *scan = calloc(1, sizeof(*scan));

	scan_directory(scan, "/sys/kernel/slab", 1);
	scan_directory(scan, "/sys/kernel/debug", 2);
	scan_directory(scan, "/sys/module", 1);
	scan_lines(scan, "/proc/modules", first_word);
	scan_lines(scan, "/proc/interrupts", interrupt_name);
	scan_lines(scan, "/proc/vmallocinfo", module_area);
	scan_lines(scan, "/sys/devices/system/cpu/hotplug/states", whole_line);
	/* Not the broadcast device: exitless_timer(7) says why one may stay. */
	scan_values(scan, "/sys/devices/system/clockevents/clockevent*/current_device");
	scan_values(scan, "/sys/devices/system/cpu/cpuidle/*");
	scan_values(scan, "/sys/devices/system/cpu/cpu*/cpuidle/state*/name");
	scan_values(scan, "/sys/devices/system/cpu/cpu*/online");
	qsort(scan->lines, scan->n, sizeof(*scan->lines), by_text);
	return scan;
}

static void say_change(scan_say *say, const char *change, const char *line)
{
	char text[1024];

	snprintf(text, sizeof(text), "%s %s", change, line);
	say("leak", text);
}

static bool same(const struct scan *a, const struct scan *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (strcmp(a->lines[i], b->lines[i]))
			return false;
	return true;
}

static void drop(struct scan *scan)
{
	for (size_t i = 0; i < scan->n; i++)
		free(scan->lines[i]);
	free(scan->lines);
	free(scan);
}

/* The kernel frees some of a module late, from a work queue: two scans in a row that agree are one to believe. */
struct scan *scan_take(void)
{
	struct scan *scan = take();

	for (int tries = 0; tries < SETTLE_TRIES; tries++) {
		struct scan *next;
		bool settled;

		usleep(SETTLE_US);
		next = take();
		settled = same(scan, next);
		drop(scan);
		scan = next;
		if (settled)
			break;
	}
	return scan;
}

void scan_compare(const struct scan *before, scan_say *say)
{
	const struct scan *after = scan_take();
	size_t b = 0, a = 0;

	while (b < before->n || a < after->n) {
		int order = b == before->n ? 1 : a == after->n ? -1 : strcmp(before->lines[b], after->lines[a]);

		if (order < 0)
			say_change(say, "gone:", before->lines[b]);
		else if (order > 0)
			say_change(say, "new:", after->lines[a]);
		b += order <= 0;
		a += order >= 0;
	}
}

static bool is_splat(const char *text)
{
	/* Other lines merely mention a warning ("WARNING: See https://..."): these begin a report. */
	static const char *const beginnings[] = { "WARNING: CPU", "WARNING: possible", "WARNING: sus", "WARNING: inc" };
	static const char *const marks[] = {
		"BUG:",
		"Oops",
		"general protection",
		"Call Trace:",
		"KASAN:",
		"UBSAN:",
		"KFENCE:",
		"KCSAN:",
		"rcu: INFO:",
		"blocked for more than",
		"soft lockup",
		"hard LOCKUP",
		"refcount_t:",
		"list_add corr",
		"list_del corr",
		"locks held",
		"NOHZ tick-stop",
		"nobody cared",
		"self-detected stall",
		"recursive locking",
	};

	for (size_t i = 0; i < sizeof(beginnings) / sizeof(*beginnings); i++)
		if (!strncmp(text, beginnings[i], strlen(beginnings[i])))
			return true;
	for (size_t i = 0; i < sizeof(marks) / sizeof(*marks); i++)
		if (strstr(text, marks[i]))
			return true;
	return false;
}

void scan_kernel_log(scan_say *say)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	char record[8192];
	ssize_t n;

	if (fd < 0) {
		say("splat", "the kernel's log cannot be read: no /dev/kmsg");
		return;
	}
	/* EPIPE: records were overwritten before they were read; the next read goes on behind them. */
	while ((n = read(fd, record, sizeof(record) - 1)) > 0 || (n < 0 && errno == EPIPE)) {
		char *text;

		if (n < 0)
			continue;
		record[n] = '\0';
		text = strchr(record, ';');
		if (!text)
			continue;
		text[1 + strcspn(text + 1, "\n")] = '\0';
		if (is_splat(text + 1))
			say("splat", text + 1);
	}
	close(fd);
}
