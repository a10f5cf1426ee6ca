// SPDX-License-Identifier: BSD-3-Clause
/*
 * A QEMU and its guest in one, for tests of exitless-timerd:
 *
 *	timer_peer SOCKET WORD...	connects, and does what the words say, one after the other
 *	timer_peer ask SOCKET LINE...	sends lines to the control socket, and prints the answers
 *
 * Each word prints a line or nothing; what does not come within 10 s ends it with status 1.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

#include "isolat/exitless_timer.h"

#define WAIT_MS 10000
/* Until the host's time is known as well as that, or so often. */
#define SYNC_GOOD_US 20
#define SYNC_TRIES   100
#define TSC_OFFSET   ((uint64_t)1 << 40)

static int connection;
static struct exitless_header *header;
static size_t page_size;
static int doorbell = -1, signals[EXITLESS_MAX_SLOTS];
static unsigned int nr_slots;

#define LOAD(field)	    __atomic_load_n(&(field), __ATOMIC_SEQ_CST)
#define STORE(field, value) __atomic_store_n(&(field), (value), __ATOMIC_SEQ_CST)

__attribute__((noreturn, format(printf, 1, 2))) static void die(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	fflush(stdout);
	vprintf(format, ap);
	putchar('\n');
	exit(1);
}

static struct exitless_slot *slot_of(unsigned int n)
{
	if (n >= nr_slots)
		die("there is no slot %u", n);
	return (struct exitless_slot *)((char *)header + EXITLESS_HEADER_SIZE + n * EXITLESS_SLOT_SIZE);
}

static uint64_t guest_tsc(void)
{
	return __rdtsc() + TSC_OFFSET;
}

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void rest(void)
{
	const struct timespec pause = { .tv_nsec = 100000 };

	nanosleep(&pause, NULL);
}

/* ---- The server's protocol ---- */

static int call(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)))
		die("connect: %s", strerror(errno));
	return fd;
}

static int64_t receive(int *fd)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	int64_t number;
	struct iovec data = { .iov_base = &number, .iov_len = sizeof(number) };
	struct msghdr msg = { .msg_iov = &data, .msg_iovlen = 1, .msg_control = &control };
	struct pollfd in = { .fd = connection, .events = POLLIN };

	msg.msg_controllen = sizeof(control);
	if (poll(&in, 1, WAIT_MS) != 1 || recvmsg(connection, &msg, MSG_CMSG_CLOEXEC) != sizeof(number))
		die("hung up");
	*fd = -1;
	if (CMSG_FIRSTHDR(&msg))
		memcpy(fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(*fd));
	return number;
}

static void expect(int64_t want, bool with_fd, int *fd)
{
	int64_t got = receive(fd);

	if (got != want || (*fd >= 0) != with_fd)
		die("greeting: %lld %s descriptor, not %lld", (long long)got, *fd >= 0 ? "with" : "without",
		    (long long)want);
}

static void connect_to(const char *path)
{
	struct stat st;
	int fd;

	connection = call(path);
	expect(0, false, &fd);
	expect(0, false, &fd);
	expect(-1, true, &fd);
	fstat(fd, &st);
	page_size = (size_t)st.st_size;
	header = mmap(NULL, page_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (header == MAP_FAILED)
		die("mmap: %s", strerror(errno));
	nr_slots = header->nr_slots;
	if (header->version_minor)
		expect(1, true, &doorbell);
	for (unsigned int i = 0; i < nr_slots; i++)
		expect(0, true, &signals[i]);
}

/* ---- What a guest does ---- */

static void ring(void)
{
	if (doorbell >= 0)
		eventfd_write(doorbell, 1);
}

static uint64_t cycles_of_us(uint64_t us)
{
	return us * header->host_tsc_khz / 1000;
}

/* Asks for the host's time. Returns the guest's before that; @took: until the answer was seen. */
static uint64_t ask_time(uint64_t *took)
{
	uint32_t seq = LOAD(header->sync_seq) + 1;
	uint64_t start = now_ms(), guest = guest_tsc();

	STORE(header->sync_seq, seq);
	if (LOAD(header->agent_wake_tsc))
		ring();
	while (LOAD(header->sync_ack) != seq) {
		if (now_ms() - start > WAIT_MS)
			die("no answer to the handshake");
		if (now_ms() - start > 1)
			rest();
	}
	*took = guest_tsc() - guest;
	return guest;
}

/*
 * The map is behind by the time that the answer took. Where that is long, each arming seems to be in the future, and
 * the agent asks for another map, by signals that the tests do not expect.
 */
static void handshake(unsigned int minor)
{
	uint64_t best = UINT64_MAX, map_host = 0, map_guest = 0, took, guest;

	STORE(header->guest_version, EXITLESS_VERSION(1, minor));
	for (unsigned int i = 0; i < SYNC_TRIES && best > cycles_of_us(SYNC_GOOD_US); i++) {
		guest = ask_time(&took);
		if (took >= best)
			continue;
		best = took;
		map_guest = guest;
		map_host = LOAD(header->sync_host_tsc);
	}
	STORE(header->map_seq, LOAD(header->map_seq) | 1);
	STORE(header->map_host, map_host);
	STORE(header->map_guest, map_guest);
	STORE(header->map_mult, (uint64_t)1 << EXITLESS_MULT_SHIFT);
	STORE(header->map_seq, LOAD(header->map_seq) + 1);
	STORE(header->guest_state, EXITLESS_GUEST_RUNS);
}

static uint64_t arm(unsigned int n, uint64_t us)
{
	struct exitless_slot *slot = slot_of(n);
	uint64_t deadline = guest_tsc() + cycles_of_us(us);

	STORE(slot->armed_tsc, guest_tsc());
	STORE(slot->seq, slot->seq + 1);
	STORE(slot->expiry, deadline);
	if (deadline < LOAD(header->agent_wake_tsc))
		ring();
	return deadline;
}

/* Until the arming of slot @n is consumed, by the agent or, after a signal past the deadline, by the guest itself.
 * False: it is lost. */
static bool wait_fired(unsigned int n, uint64_t deadline, unsigned int *own)
{
	struct pollfd in = { .fd = signals[n], .events = POLLIN };
	uint64_t start = now_ms(), passed = 0;
	eventfd_t count;

	while (passed < WAIT_MS && poll(&in, 1, (int)(WAIT_MS - passed)) == 1) {
		eventfd_read(signals[n], &count);
		if (LOAD(slot_of(n)->expiry) == EXITLESS_DISARMED)
			return true;
		if (guest_tsc() >= deadline) {
			STORE(slot_of(n)->expiry, EXITLESS_DISARMED);
			++*own;
			return true;
		}
		passed = now_ms() - start;
	}
	return false;
}

static unsigned int fired, lost, early, own;

static void fire_once(unsigned int n, uint64_t us)
{
	uint64_t deadline = arm(n, us);

	if (!wait_fired(n, deadline, &own)) {
		lost++;
		return;
	}
	fired++;
	if (guest_tsc() < deadline)
		early++;
}

static void print_fired(void)
{
	printf("fired %u lost %u early %u\n", fired, lost, early);
	fired = lost = early = own = 0;
}

static void ask(const char *path, const char *line);

/* Timers run while the scanner is replaced @times times. */
static void restarts(unsigned int times, const char *control)
{
	pid_t child = fork();
	int status;

	if (!child) {
		for (unsigned int i = 0; i < times; i++) {
			uint32_t generation = LOAD(header->generation);

			ask(control, "{\"do\": \"restart-scanner\", \"cpu\": -1}");
			for (uint64_t start = now_ms(); LOAD(header->generation) == generation; rest()) {
				if (now_ms() - start > WAIT_MS)
					_exit(1);
			}
		}
		_exit(0);
	}
	while (!waitpid(child, &status, WNOHANG))
		fire_once(0, 100 + 37 * (fired % 64));
	if (status)
		die("a restart did not come");
	print_fired();
}

/* ---- What a hostile one does ---- */

/* Slots due for ever, then a line of the header that is any bytes, and again. */
static void go_wild(unsigned int ms)
{
	uint64_t end = now_ms() + ms, x = 88172645463325252ULL;

	while (now_ms() < end) {
		handshake(1);
		for (unsigned int i = 0; i < 20000; i++)
			STORE(slot_of(i % nr_slots)->expiry, 0);
		for (unsigned int i = 0; i < 800; i++) {
			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
			STORE(((uint64_t *)header)[16 + i % 8], x);
		}
	}
}

/* Eventfds that block whoever signals them: full, and O_NONBLOCK taken away. */
static void block(void)
{
	for (unsigned int i = 0; i < nr_slots; i++) {
		eventfd_write(signals[i], 0xfffffffffffffffeULL - 100);
		fcntl(signals[i], F_SETFL, 0);
	}
	for (unsigned int i = 0; i < nr_slots; i++) {
		struct pollfd out = { .fd = signals[i], .events = POLLOUT };

		while (poll(&out, 1, 0) == 1)
			eventfd_write(signals[i], 1);
	}
}

/* Eventfds that make each signal long: @n * @n wait for each, in as many sets. */
static void slow(unsigned int n)
{
	struct epoll_event event = { .events = EPOLLIN };
	int sets[256], copy;

	for (unsigned int i = 0; i < n && i < 256; i++)
		sets[i] = epoll_create1(EPOLL_CLOEXEC);
	for (unsigned int i = 0; i < n * nr_slots; i++) {
		copy = dup(signals[i % nr_slots]);
		for (unsigned int k = 0; k < n && k < 256; k++) {
			if (epoll_ctl(sets[k], EPOLL_CTL_ADD, copy, &event))
				die("waiter %u of set %u: %s", i, k, strerror(errno));
		}
	}
}

/* ---- Words ---- */

static bool is_pristine(void)
{
	const struct exitless_header fresh = { .guest_tsc_khz = 0 };

	if (memcmp(&header->guest_tsc_khz, &fresh.guest_tsc_khz, 2 * EXITLESS_LINE))
		return false;
	for (unsigned int i = 0; i < nr_slots; i++) {
		const struct exitless_slot want = { .expiry = EXITLESS_DISARMED };

		if (memcmp(slot_of(i), &want, sizeof(want)))
			return false;
	}
	return true;
}

static void until(const char *what, unsigned int value)
{
	uint64_t start = now_ms();

	for (; now_ms() - start < WAIT_MS; rest()) {
		if ((!strcmp(what, "state") && LOAD(header->agent_state) == value) ||
		    (!strcmp(what, "generation") && LOAD(header->generation) >= value) ||
		    (!strcmp(what, "parked") && (LOAD(header->agent_wake_tsc) != EXITLESS_AWAKE) == value))
			return;
	}
	die("no %s %u: state %u generation %u", what, value, header->agent_state, header->generation);
}

/* Waits for a signal of slot @n. */
static void signalled(unsigned int n)
{
	struct pollfd in = { .fd = signals[n], .events = POLLIN };

	if (poll(&in, 1, WAIT_MS) != 1)
		die("slot %u was not signalled", n);
}

static void drain(unsigned int n)
{
	eventfd_t count;

	signalled(n);
	eventfd_read(signals[n], &count);
}

/* A takeover signals each slot, after it has said that it runs. */
static void drain_all(void)
{
	for (unsigned int i = 0; i < nr_slots; i++)
		drain(i);
}

static void wait_hang_up(void)
{
	struct pollfd in = { .fd = connection, .events = POLLIN };
	char byte;

	if (poll(&in, 1, WAIT_MS) != 1 || recv(connection, &byte, 1, 0) > 0)
		die("not hung up");
}

static void run_shell(const char *command)
{
	fflush(stdout);
	if (system(command))
		die("failed: %s", command);
}

/* "WHAT", "WHAT:A" or "WHAT:A:B:C" with numbers; or "sh:COMMAND", "restarts:N:PATH". */
static void obey(const char *word)
{
	unsigned int a = 0, b = 0, c = 0;
	char what[20] = "", rest_of[100] = "";
	int n;

	if (!strncmp(word, "sh:", 3)) {
		run_shell(word + 3);
		return;
	}
	n = sscanf(word, "%19[a-z-]:%u:%u:%u", what, &a, &b, &c);
	if (!strcmp(what, "greeting")) {
		printf("slots %u minor %u doorbell %#x\n", nr_slots, header->version_minor, header->doorbell);
	} else if (!strcmp(what, "run")) {
		handshake(n > 1 ? a : 1);
	} else if (!strcmp(what, "fire")) {
		for (unsigned int i = 0; i < b; i++)
			fire_once(a, c);
		print_fired();
	} else if (!strcmp(what, "arm")) {
		arm(a, b);
	} else if (!strcmp(what, "signalled")) {
		signalled(a);
	} else if (!strcmp(what, "drain")) {
		if (n > 1)
			drain(a);
		else
			drain_all();
	} else if (!strcmp(what, "pristine")) {
		puts(is_pristine() ? "pristine" : "used");
	} else if (!strcmp(what, "scribble")) {
		memset(header, 0x5a, page_size);
	} else if (!strcmp(what, "wild")) {
		go_wild(a);
	} else if (!strcmp(what, "block")) {
		block();
	} else if (!strcmp(what, "slow")) {
		slow(a);
	} else if (!strcmp(what, "hung-up")) {
		wait_hang_up();
	} else if (sscanf(word, "restarts:%u:%99s", &a, rest_of) == 2) {
		restarts(a, rest_of);
	} else {
		until(what, a);
	}
}

/* One line over @fd, and the answer. */
static void ask_line(int fd, const char *line)
{
	char answer[65536];
	ssize_t length;

	if (write(fd, line, strlen(line)) < 0 || write(fd, "\n", 1) != 1)
		die("no request was sent");
	while ((length = read(fd, answer, sizeof(answer))) > 0) {
		fwrite(answer, 1, (size_t)length, stdout);
		if (answer[length - 1] == '\n')
			break;
	}
}

static void ask(const char *path, const char *line)
{
	int fd = call(path);

	ask_line(fd, line);
	close(fd);
}

int main(int argc, char **argv)
{
	if (argc > 3 && !strcmp(argv[1], "ask")) {
		int fd = call(argv[2]);

		for (int i = 3; i < argc; i++)
			ask_line(fd, argv[i]);
		return 0;
	}
	if (argc < 2)
		die("usage: timer_peer SOCKET WORD... | timer_peer ask SOCKET LINE...");
	connect_to(argv[1]);
	for (int i = 2; i < argc; i++)
		obey(argv[i]);
	return 0;
}
