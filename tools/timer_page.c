// SPDX-License-Identifier: BSD-3-Clause
/* Pages of the exitless timer, and the clock that they count in. */
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

#include "timer_page.h"

#define MAKE_PAGE    "make the timer page"
#define MAP_PAGE     "map the timer page"
#define READ_TSC_KHZ "read the TSC's frequency"

/* The memfd is also QEMU's: a page that it could shrink would be a SIGBUS for the scanner. */
#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

#define CLOCK_SOURCE "/sys/devices/system/clocksource/clocksource0/current_clocksource"

size_t timer_page_size(unsigned int nr_slots)
{
	size_t used = EXITLESS_HEADER_SIZE + (size_t)nr_slots * EXITLESS_SLOT_SIZE, size = 4096;

	while (size < used)
		size *= 2;
	return size;
}

static bool slots_are_valid(unsigned int nr_slots)
{
	return nr_slots >= 1 && nr_slots <= EXITLESS_MAX_SLOTS;
}

static int map_whole(struct timer_page *page, const char *what, struct isolat_error *err)
{
	page->base = mmap(NULL, page->size, PROT_READ | PROT_WRITE, MAP_SHARED, page->memfd, 0);
	if (page->base != MAP_FAILED)
		return 0;
	page->base = NULL;
	return isolat_fail(err, ISOLAT_FAILED, what, "", "mmap: %s", strerror(errno));
}

static void fill(struct timer_page *page, unsigned int minor, uint32_t doorbell, uint64_t tsc_khz)
{
	struct exitless_header *header = page->header;

	header->version_major = EXITLESS_VERSION_MAJOR;
	header->version_minor = (uint16_t)minor;
	header->header_size = EXITLESS_HEADER_SIZE;
	header->slot_size = EXITLESS_SLOT_SIZE;
	header->nr_slots = page->nr_slots;
	header->doorbell = minor >= 1 ? doorbell : 0;
	header->host_tsc_khz = tsc_khz;
	for (unsigned int i = 0; i < page->nr_slots; i++)
		timer_page_slot(page, i)->expiry = EXITLESS_DISARMED;
	__atomic_store_n(&header->magic, EXITLESS_MAGIC, __ATOMIC_RELEASE);
}

int timer_page_make(struct timer_page *page, unsigned int nr_slots, unsigned int minor, uint32_t doorbell,
		    uint64_t tsc_khz, struct isolat_error *err)
{
	*page = (struct timer_page){ .memfd = -1, .size = timer_page_size(nr_slots), .nr_slots = nr_slots };
	if (!slots_are_valid(nr_slots))
		return isolat_fail(err, ISOLAT_USAGE, MAKE_PAGE, "", "%u slots: a page has 1 to %d", nr_slots,
				   EXITLESS_MAX_SLOTS);
	page->memfd = memfd_create("exitless-timer", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (page->memfd < 0)
		return isolat_fail(err, ISOLAT_FAILED, MAKE_PAGE, "", "memfd_create: %s", strerror(errno));
	if (ftruncate(page->memfd, (off_t)page->size) || fcntl(page->memfd, F_ADD_SEALS, SEALS))
		isolat_fail(err, ISOLAT_FAILED, MAKE_PAGE, "", "size and seal the memfd: %s", strerror(errno));
	else if (!map_whole(page, MAKE_PAGE, err)) {
		fill(page, minor, doorbell, tsc_khz);
		return 0;
	}
	timer_page_close(page);
	return -1;
}

int timer_page_map(struct timer_page *page, int memfd, unsigned int nr_slots, struct isolat_error *err)
{
	struct stat st;
	int seals;

	*page = (struct timer_page){ .memfd = memfd, .size = timer_page_size(nr_slots), .nr_slots = nr_slots };
	if (!slots_are_valid(nr_slots))
		return isolat_fail(err, ISOLAT_USAGE, MAP_PAGE, "", "%u slots: a page has 1 to %d", nr_slots,
				   EXITLESS_MAX_SLOTS);
	seals = fcntl(memfd, F_GET_SEALS);
	if (seals < 0 || fstat(memfd, &st))
		return isolat_fail(err, ISOLAT_FAILED, MAP_PAGE, "", "%s", strerror(errno));
	if ((seals & SEALS) != SEALS)
		return isolat_fail(err, ISOLAT_FAILED, MAP_PAGE, "", "its size is not sealed");
	if ((size_t)st.st_size != page->size)
		return isolat_fail(err, ISOLAT_FAILED, MAP_PAGE, "", "%lld bytes, %u slots take %zu",
				   (long long)st.st_size, nr_slots, page->size);
	return map_whole(page, MAP_PAGE, err);
}

void timer_page_close(struct timer_page *page)
{
	if (page->base)
		munmap(page->base, page->size);
	if (page->memfd >= 0)
		close(page->memfd);
	page->base = NULL;
	page->memfd = -1;
}

/* ---- The host's TSC ---- */

/* The kernel takes the TSC for its clock only if it is constant and the same on all CPUs, or the operator says so. */
static int check_clock_source(struct isolat_error *err)
{
	char name[32];
	ssize_t n;
	int fd = open(CLOCK_SOURCE, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return isolat_fail(err, ISOLAT_FAILED, READ_TSC_KHZ, CLOCK_SOURCE, "%s", strerror(errno));
	n = read(fd, name, sizeof(name) - 1);
	close(fd);
	if (n < 0)
		return isolat_fail(err, ISOLAT_FAILED, READ_TSC_KHZ, CLOCK_SOURCE, "%s", strerror(errno));
	name[n] = '\0';
	name[strcspn(name, "\n")] = '\0';
	if (strcmp(name, "tsc")) {
		isolat_fail(err, ISOLAT_UNSUPPORTED, READ_TSC_KHZ, CLOCK_SOURCE,
			    "the host's clock is %s: its TSC is not to be relied on", name);
		return isolat_hint(err, "dmesg | grep -i tsc tells why");
	}
	return 0;
}

/* perf tells by which fraction the kernel makes ns of cycles: exact to 2^-31. 0 where it does not tell. */
static uint64_t khz_by_perf(void)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.config = PERF_COUNT_SW_DUMMY,
		.size = sizeof(attr),
		.exclude_kernel = 1,
		.exclude_hv = 1,
	};
	int fd = (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
	long size = sysconf(_SC_PAGESIZE);
	struct perf_event_mmap_page *clock;
	uint64_t khz = 0;

	if (fd < 0)
		return 0;
	clock = mmap(NULL, (size_t)size, PROT_READ, MAP_SHARED, fd, 0);
	if (clock != MAP_FAILED) {
		if (clock->cap_user_time && clock->time_mult)
			khz = (uint64_t)((((unsigned __int128)1000000 << clock->time_shift) + clock->time_mult / 2) /
					 clock->time_mult);
		munmap(clock, (size_t)size);
	}
	close(fd);
	return khz;
}

/* CLOCK_MONOTONIC_RAW and the TSC, as close together as they come: preemption between the two is seen, and retried. */
static void read_both(uint64_t *ns, uint64_t *tsc)
{
	uint64_t best = UINT64_MAX;

	for (int i = 0; i < 16; i++) {
		uint64_t before = __rdtsc(), after;
		struct timespec ts;

		clock_gettime(CLOCK_MONOTONIC_RAW, &ts);
		after = __rdtsc();
		if (after - before < best) {
			best = after - before;
			*tsc = before + best / 2;
			*ns = (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
		}
	}
}

static uint64_t khz_measured(void)
{
	const struct timespec pause = { .tv_nsec = 50000000 };
	uint64_t ns[2], tsc[2];

	read_both(&ns[0], &tsc[0]);
	nanosleep(&pause, NULL);
	read_both(&ns[1], &tsc[1]);
	return (uint64_t)((unsigned __int128)(tsc[1] - tsc[0]) * 1000000 / (ns[1] - ns[0]));
}

int timer_host_tsc_khz(uint64_t *khz, struct isolat_error *err)
{
	if (check_clock_source(err))
		return -1;
	*khz = khz_by_perf();
	if (!*khz)
		*khz = khz_measured();
	return 0;
}
