// SPDX-License-Identifier: BSD-3-Clause
#include "idle_record.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <isolat/read_all.h>

#include "idle_csv.h"
#include "idle_decode.h"
#include "trace_instance.h"
#include "trace_merge.h"

#define NS_PER_S 1000000000ULL

/* A buffer for each CPU: seconds of the busiest load, but no more than a share of the memory for all. */
#define BUFFER_KIB     16384
#define BUFFER_MIN_KIB 512
#define BUFFERS_SHARE  8
#define FORMAT_MAX     16384
#define CPUIDLE	       "/sys/devices/system/cpu/cpuidle/"

/* A record is in its buffer this long after its time, at the latest; a vCPU may lose its host CPU in between. */
#define SETTLE_NS (10 * 1000000ULL)

struct idle_recorder {
	struct trace_instance instance;
	struct trace_merge *merge;
	struct idle_decoder decoder;
	struct idle_periods periods;
	struct idle_cpu *cpus;
	struct pollfd *polled; /* the stop_fd, then the buffers */
	uint32_t n_cpus, n_polled;
	uint64_t started_ns;
	FILE *out;
	int write_errno; /* of the first line that could not be written */
	struct idle_record_summary summary;
};

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

/* ---- Setting up -------------------------------------------------------------------------------------------------- */

static void read_name(const char *file, char *name, size_t size)
{
	FILE *f = fopen(file, "re");

	if (!f || !fgets(name, size, f) || !name[strcspn(name, "\n")])
		snprintf(name, size, "none");
	name[strcspn(name, "\n")] = '\0';
	if (f)
		fclose(f);
}

static int read_format(struct idle_recorder *r, const struct idle_tracepoint *point, char *text,
		       struct isolat_error *err)
{
	int fd = trace_instance_open(&r->instance, O_RDONLY, err, "events/%s/%s/format", point->system, point->name);
	ssize_t n;

	if (fd < 0)
		return isolat_hint(err, "the kernel was built without this tracepoint");
	n = isolat_read_all(fd, text, FORMAT_MAX - 1);
	close(fd);
	if (n < 0)
		return isolat_fail(err, ISOLAT_FAILED, "read trace format", point->name, "%s", strerror((int)-n));
	text[n] = '\0';
	return 0;
}

static int enable_events(struct idle_recorder *r, struct isolat_error *err)
{
	char text[FORMAT_MAX], name[128];

	for (size_t i = 0; i < IDLE_DECODE_EVENTS; i++) {
		if (read_format(r, &idle_tracepoints[i], text, err) || idle_decoder_learn(&r->decoder, i, text, err))
			return -1;
	}
	/* Switches from task to task say nothing, and under load they are most of all events. */
	if (trace_instance_write(&r->instance, "events/sched/sched_switch/filter", "prev_pid == 0 || next_pid == 0",
				 err))
		return -1;
	for (size_t i = 0; i < IDLE_DECODE_EVENTS; i++) {
		snprintf(name, sizeof(name), "events/%s/%s/enable", idle_tracepoints[i].system,
			 idle_tracepoints[i].name);
		if (trace_instance_write(&r->instance, name, "1", err))
			return -1;
	}
	return 0;
}

static int set_buffers(struct idle_recorder *r, struct isolat_error *err)
{
	unsigned long long memory = (unsigned long long)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE) / 1024;
	unsigned long long kib = memory / BUFFERS_SHARE / sysconf(_SC_NPROCESSORS_ONLN);
	char text[32];

	kib = kib > BUFFER_KIB ? BUFFER_KIB : kib < BUFFER_MIN_KIB ? BUFFER_MIN_KIB : kib;
	snprintf(text, sizeof(text), "%llu", kib);
	if (trace_instance_write(&r->instance, "trace_clock", "mono", err) ||
	    trace_instance_write(&r->instance, "buffer_size_kb", text, err))
		return -1;
	return trace_instance_write(&r->instance, "buffer_percent", "50", err);
}

static int add_cpu(struct idle_recorder *r, uint32_t cpu, struct isolat_error *err)
{
	struct pollfd *polled = realloc(r->polled, (r->n_polled + 1) * sizeof(*polled));
	int fd;

	if (!polled)
		return isolat_fail(err, ISOLAT_FAILED, "read trace", NULL, "out of memory");
	r->polled = polled;
	fd = trace_instance_open(&r->instance, O_RDONLY | O_NONBLOCK, err, "per_cpu/cpu%u/trace_pipe_raw", cpu);
	if (fd < 0)
		return -1;
	if (trace_merge_add(r->merge, cpu, fd, err)) {
		close(fd);
		return -1;
	}
	r->polled[r->n_polled++] = (struct pollfd){ .fd = fd, .events = POLLIN };
	r->n_cpus = cpu >= r->n_cpus ? cpu + 1 : r->n_cpus;
	return 0;
}

/* There is a buffer for each CPU that may ever be: one that comes later is recorded from then on. */
static int open_buffers(struct idle_recorder *r, struct isolat_error *err)
{
	int fd = trace_instance_open(&r->instance, O_RDONLY | O_DIRECTORY, err, "per_cpu"), rc = 0;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	uint32_t cpu;

	if (fd < 0)
		return -1;
	while (dir && !rc && (entry = readdir(dir)))
		if (sscanf(entry->d_name, "cpu%" SCNu32, &cpu) == 1)
			rc = add_cpu(r, cpu, err);
	if (dir)
		closedir(dir);
	if (rc)
		return -1;
	r->cpus = calloc(r->n_cpus, sizeof(*r->cpus));
	if (!dir || !r->cpus)
		return isolat_fail(err, ISOLAT_FAILED, "read trace", NULL, "out of memory");
	idle_periods_init(&r->periods, r->cpus, r->n_cpus);
	return 0;
}

static int prepare(struct idle_recorder *r, const char *tracefs, struct isolat_error *err)
{
	if (trace_instance_create(&r->instance, tracefs, err) || set_buffers(r, err) || open_buffers(r, err) ||
	    enable_events(r, err))
		return -1;
	r->summary.cpus = sysconf(_SC_NPROCESSORS_ONLN);
	read_name(CPUIDLE "current_driver", r->summary.driver, sizeof(r->summary.driver));
	read_name(CPUIDLE "current_governor_ro", r->summary.governor, sizeof(r->summary.governor));
	return 0;
}

int idle_recorder_new(struct idle_recorder **recorder, const char *tracefs, struct isolat_error *err)
{
	struct idle_recorder *r = calloc(1, sizeof(*r));
	struct isolat_error ignored;

	*recorder = NULL;
	if (!r || !(r->merge = trace_merge_new()) || !(r->polled = calloc(1, sizeof(*r->polled)))) {
		isolat_fail(err, ISOLAT_FAILED, "record idle periods", NULL, "out of memory");
	} else {
		r->n_polled = 1;
		if (!prepare(r, tracefs, err)) {
			*recorder = r;
			return 0;
		}
	}
	idle_recorder_free(r, &ignored);
	return -1;
}

int idle_recorder_free(struct idle_recorder *r, struct isolat_error *err)
{
	int rc;

	if (!r)
		return 0;
	trace_merge_free(r->merge);
	rc = trace_instance_remove(&r->instance, err);
	free(r->polled);
	free(r->cpus);
	free(r);
	return rc;
}

const struct idle_record_summary *idle_recorder_summary(const struct idle_recorder *r)
{
	return &r->summary;
}

/* ---- Recording --------------------------------------------------------------------------------------------------- */

static void write_period(struct idle_recorder *r, const struct idle_period *period)
{
	const struct idle_record record = {
		.cpu = period->cpu,
		.start_ns = period->start_ns,
		.length_ns = period->length_ns,
		.next_timer_ns = period->next_timer_ns,
		.wake = period->wake,
	};

	if (period->lossy) {
		r->summary.lossy_idles++;
	} else if (!period->requested) {
		r->summary.unasked_idles++;
	} else {
		r->summary.idles++;
		idle_csv_write(r->out, &record, false);
		if (ferror(r->out) && !r->write_errno)
			r->write_errno = errno ? errno : EIO;
	}
}

/* Takes what is in the buffers up to @until_ns. */
static int take_events(struct idle_recorder *r, uint64_t until_ns, struct isolat_error *err)
{
	struct trace_record record;
	struct idle_period period;
	int rc;

	trace_merge_allow(r->merge, until_ns);
	while ((rc = trace_merge_next(r->merge, &record, err)) > 0) {
		struct idle_event event = { .ns = record.ns, .cpu = record.cpu };

		if (!record.data)
			r->summary.lossy_idles += idle_periods_lost(&r->periods, record.cpu, record.ns);
		else if (idle_decode(&r->decoder, record.data, record.size, &event) &&
			 idle_periods_feed(&r->periods, &event, &period))
			write_period(r, &period);
	}
	if (rc < 0)
		return -1;
	if (r->write_errno)
		return isolat_fail(err, ISOLAT_FAILED, "write trace", NULL, "%s", strerror(r->write_errno));
	return 0;
}

/* Sleeps until there is something to do. Returns 1 when it is time to stop. */
static int wait_for_events(struct idle_recorder *r, uint64_t end_ns, struct isolat_error *err)
{
	uint64_t now = clock_ns(CLOCK_MONOTONIC);
	uint64_t left = end_ns > now ? end_ns - now : 0;

	left = left < NS_PER_S ? left : NS_PER_S;
	if (poll(r->polled, r->n_polled, (left + 999999) / 1000000) < 0 && errno != EINTR)
		return isolat_fail(err, ISOLAT_FAILED, "wait for trace", NULL, "%s", strerror(errno));
	return r->polled[0].revents || clock_ns(CLOCK_MONOTONIC) >= end_ns;
}

static int record(struct idle_recorder *r, uint64_t end_ns, void (*progress)(const struct idle_record_summary *),
		  struct isolat_error *err)
{
	uint64_t shown = 0, now;
	int rc;

	while (!(rc = wait_for_events(r, end_ns, err))) {
		now = clock_ns(CLOCK_MONOTONIC);
		if (take_events(r, now - SETTLE_NS, err))
			return -1;
		r->summary.seconds = (now - r->started_ns) / 1e9;
		if (progress && now - shown > NS_PER_S / 2) {
			progress(&r->summary);
			shown = now;
		}
	}
	return rc < 0 ? -1 : 0;
}

/* What the kernel says that it lost on @cpu: overwritten before it was read, or not even written. */
static uint64_t lost_on(const struct idle_recorder *r, uint32_t cpu)
{
	unsigned long long overrun = 0, dropped = 0;
	struct isolat_error ignored;
	char text[1024], *at;
	ssize_t n;
	int fd;

	fd = trace_instance_open(&r->instance, O_RDONLY, &ignored, "per_cpu/cpu%" PRIu32 "/stats", cpu);
	if (fd < 0)
		return 0;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	at = strstr(text, "\noverrun: ");
	if (at)
		overrun = strtoull(at + strlen("\noverrun: "), NULL, 10);
	at = strstr(text, "\ndropped events: ");
	if (at)
		dropped = strtoull(at + strlen("\ndropped events: "), NULL, 10);
	return overrun + dropped;
}

int idle_recorder_run(struct idle_recorder *r, FILE *out, unsigned int seconds, int stop_fd,
		      void (*progress)(const struct idle_record_summary *), struct isolat_error *err)
{
	struct isolat_error ignored;
	int rc;

	r->out = out;
	r->polled[0] = (struct pollfd){ .fd = stop_fd, .events = POLLIN };
	r->decoder.realtime_offset_ns = clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_MONOTONIC);
	idle_csv_write_header(out, false);
	r->started_ns = clock_ns(CLOCK_MONOTONIC);
	if (trace_instance_write(&r->instance, "tracing_on", "1", err))
		return -1;
	rc = record(r, r->started_ns + seconds * NS_PER_S, progress, err);
	trace_instance_write(&r->instance, "tracing_on", "0", &ignored);
	r->summary.seconds = (clock_ns(CLOCK_MONOTONIC) - r->started_ns) / 1e9;
	if (!rc)
		rc = take_events(r, UINT64_MAX, err);
	for (uint32_t cpu = 0; cpu < r->n_cpus; cpu++)
		r->summary.lost_events += lost_on(r, cpu);
	return rc;
}
