// SPDX-License-Identifier: BSD-3-Clause
#include "kvm_exits.h"

#include <asm/svm.h>
#include <asm/vmx.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TRACEPOINT "events/kvm/kvm_exit"

/* SVM gives one code to both MSR directions and tells them apart by the first info field. */
static const struct {
	const char *name;
	const char *svm;
	const char *vmx;
} reasons[EXITS_REASONS] = {
#define CODE(x)	 "exit_reason == " CODE_(x)
#define CODE_(x) #x
	[EXITS_TOTAL] = { "total", "", "" },
	[EXITS_HALT] = { "halt", CODE(SVM_EXIT_HLT), CODE(EXIT_REASON_HLT) },
	[EXITS_MSR_WRITE] = { "msr_write", CODE(SVM_EXIT_MSR) " && info1 == 1", CODE(EXIT_REASON_MSR_WRITE) },
	[EXITS_MSR_READ] = { "msr_read", CODE(SVM_EXIT_MSR) " && info1 == 0", CODE(EXIT_REASON_MSR_READ) },
	[EXITS_INTERRUPT] = { "interrupt", CODE(SVM_EXIT_INTR), CODE(EXIT_REASON_EXTERNAL_INTERRUPT) },
	[EXITS_WINDOW] = { "interrupt_window", CODE(SVM_EXIT_VINTR), CODE(EXIT_REASON_INTERRUPT_WINDOW) },
	[EXITS_PAUSE] = { "pause", CODE(SVM_EXIT_PAUSE), CODE(EXIT_REASON_PAUSE_INSTRUCTION) },
	[EXITS_IO_PORT] = { "io_port", CODE(SVM_EXIT_IOIO), CODE(EXIT_REASON_IO_INSTRUCTION) },
	[EXITS_PAGE_FAULT] = { "page_fault", CODE(SVM_EXIT_NPF),
			       CODE(EXIT_REASON_EPT_VIOLATION) " || " CODE(EXIT_REASON_EPT_MISCONFIG) },
	[EXITS_CPUID] = { "cpuid", CODE(SVM_EXIT_CPUID), CODE(EXIT_REASON_CPUID) },
	[EXITS_TIMER] = { "preemption_timer", NULL, CODE(EXIT_REASON_PREEMPTION_TIMER) },
	[EXITS_OTHERS] = { "other", NULL, NULL },
};

struct kvm_exits {
	size_t n;
	int (*fds)[EXITS_REASONS];
};

const char *kvm_exit_reason_name(enum kvm_exit_reason reason)
{
	return reasons[reason].name;
}

static bool host_is_vmx(void)
{
	return !access("/sys/module/kvm_intel", F_OK);
}

static long read_tracepoint_id(struct isolat_error *err)
{
	static const char *const roots[] = { "/sys/kernel/tracing/", "/sys/kernel/debug/tracing/" };
	long id = -1;

	for (size_t i = 0; id < 0 && i < 2; i++) {
		char path[128];
		FILE *f;

		snprintf(path, sizeof(path), "%s" TRACEPOINT "/id", roots[i]);
		f = fopen(path, "re");
		if (!f)
			continue;
		if (fscanf(f, "%ld", &id) != 1)
			id = -1;
		fclose(f);
	}
	if (id < 0) {
		isolat_fail(err, ISOLAT_UNSUPPORTED, "count exits", TRACEPOINT, "tracefs does not show it");
		return isolat_hint(err, "run as root, with KVM loaded and tracefs mounted on /sys/kernel/tracing");
	}
	return id;
}

static int open_counter(long id, pid_t tid, const char *filter, struct isolat_error *err)
{
	struct perf_event_attr attr = { .type = PERF_TYPE_TRACEPOINT, .size = sizeof(attr), .config = id };
	int fd = syscall(SYS_perf_event_open, &attr, tid, -1, -1, PERF_FLAG_FD_CLOEXEC);

	if (fd >= 0 && (!*filter || !ioctl(fd, PERF_EVENT_IOC_SET_FILTER, filter)))
		return fd;
	isolat_fail(err, errno == EACCES || errno == EPERM ? ISOLAT_UNSUPPORTED : ISOLAT_FAILED, "count exits",
		    *filter ? filter : TRACEPOINT, "%s", strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

int kvm_exits_hold(void)
{
	struct isolat_error ignored;
	long id = read_tracepoint_id(&ignored);

	return id < 0 ? -1 : open_counter(id, 0, "", &ignored);
}

static int open_thread(struct kvm_exits *exits, size_t index, pid_t tid, long id, struct isolat_error *err)
{
	bool vmx = host_is_vmx();

	for (int reason = 0; reason < EXITS_REASONS; reason++) {
		const char *filter = vmx ? reasons[reason].vmx : reasons[reason].svm;

		if (!filter)
			continue;
		exits->fds[index][reason] = open_counter(id, tid, filter, err);
		if (exits->fds[index][reason] < 0)
			return -1;
	}
	return 0;
}

int kvm_exits_open(const pid_t *tids, size_t n, struct kvm_exits **out, struct isolat_error *err)
{
	struct kvm_exits *exits = calloc(1, sizeof(*exits));
	long id = read_tracepoint_id(err);

	exits->n = n;
	exits->fds = malloc(n * sizeof(*exits->fds));
	memset(exits->fds, -1, n * sizeof(*exits->fds));
	for (size_t i = 0; id >= 0 && i < n; i++)
		if (open_thread(exits, i, tids[i], id, err))
			id = -1;
	if (id < 0) {
		kvm_exits_close(exits);
		return -1;
	}
	*out = exits;
	return 0;
}

void kvm_exits_close(struct kvm_exits *exits)
{
	if (!exits)
		return;
	for (size_t i = 0; i < exits->n; i++)
		for (int reason = 0; reason < EXITS_REASONS; reason++)
			if (exits->fds[i][reason] >= 0)
				close(exits->fds[i][reason]);
	free(exits->fds);
	free(exits);
}

int kvm_exits_read(struct kvm_exits *exits, size_t index, struct kvm_exit_counts *counts, struct isolat_error *err)
{
	uint64_t named = 0;

	memset(counts, 0, sizeof(*counts));
	for (int reason = 0; reason < EXITS_OTHERS; reason++) {
		uint64_t *count = &counts->by_reason[reason];

		if (exits->fds[index][reason] < 0)
			continue;
		if (read(exits->fds[index][reason], count, sizeof(*count)) != sizeof(*count))
			return isolat_fail(err, ISOLAT_FAILED, "read the counter of exits", reasons[reason].name, "%s",
					   strerror(errno));
		if (reason != EXITS_TOTAL)
			named += *count;
	}
	/* The counters are read one after another while exits may go on. */
	if (counts->by_reason[EXITS_TOTAL] > named)
		counts->by_reason[EXITS_OTHERS] = counts->by_reason[EXITS_TOTAL] - named;
	return 0;
}
