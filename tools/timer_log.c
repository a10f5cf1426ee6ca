// SPDX-License-Identifier: BSD-3-Clause
#include "timer_log.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "report.h"
#include "timer_loop.h"

#define LIMIT_LINES 20
#define LIMIT_MS    10000

/* Less than PIPE_BUF: a pipe that can be written takes it whole. */
#define LINE_MAX_BYTES REPORT_ERROR_LINE

static void write_line(char line[LINE_MAX_BYTES])
{
	struct pollfd out = { .fd = STDERR_FILENO, .events = POLLOUT };
	size_t length;

	line[LINE_MAX_BYTES - 1] = '\0';
	report_clean(line);
	length = strlen(line);
	line[length++] = '\n';
	if (poll(&out, 1, 0) == 1 && (out.revents & POLLOUT))
		(void)write(STDERR_FILENO, line, length);
}

static void write_text(const char *format, va_list ap)
{
	char line[LINE_MAX_BYTES];
	int used = snprintf(line, sizeof(line), "%s: ", report_program);

	vsnprintf(line + used, sizeof(line) - (size_t)used, format, ap);
	write_line(line);
}

void timer_log(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	write_text(format, ap);
	va_end(ap);
}

void timer_log_limited(struct timer_log_limit *limit, const char *format, ...)
{
	uint64_t now = timer_loop_now_ms();
	va_list ap;

	if (!limit->since_ms || now - limit->since_ms > LIMIT_MS)
		*limit = (struct timer_log_limit){ .since_ms = now };
	if (++limit->lines > LIMIT_LINES)
		return;
	va_start(ap, format);
	write_text(format, ap);
	va_end(ap);
	if (limit->lines == LIMIT_LINES)
		timer_log("more lines of this kind are left out for a while");
}

void timer_log_error(const struct isolat_error *err)
{
	char line[LINE_MAX_BYTES];

	report_error_line(err, line);
	write_line(line);
}
