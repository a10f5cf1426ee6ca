// SPDX-License-Identifier: BSD-3-Clause
/* A scanner's process, from inside. */
#include "timer_scanner_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "timer_log.h"
#include "timer_nice.h"

#define SOCKET	 3 /* the only descriptor that stays, with those of stdio */
#define ALARM_US 1000

/* A VM as far as it has arrived. */
struct scanned {
	struct timer_page page; /* base NULL: there is none */
	int *signals;		/* nr_slots of them when all are there */
	unsigned int n_signals;
	int doorbell;
	uint32_t generation;
};

struct scanner {
	struct timer_scan *scan;
	struct timer_stats *stats;
	struct scanned vms[TIMER_MAX_VMS];
};

/* ---- What the process becomes ---- */

static void on_signal(int signal)
{
	(void)signal;
}

/*
 * The daemon decides about its scanners' life: what ends a service or a terminal's processes all at once must not end
 * them before it. SIGUSR1 is to end a write() that blocks, so it does not restart it; SIGALRM likewise.
 */
static void set_signals(void)
{
	static const int ignored[] = { SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGPIPE };
	struct sigaction interrupt = { .sa_handler = on_signal };
	sigset_t none;

	for (size_t i = 0; i < sizeof(ignored) / sizeof(*ignored); i++)
		signal(ignored[i], SIG_IGN);
	sigaction(SIGUSR1, &interrupt, NULL);
	sigaction(SIGALRM, &interrupt, NULL);
	signal(SIGCHLD, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static void set_descriptors(int socket)
{
	if (socket != SOCKET && dup2(socket, SOCKET) < 0)
		_exit(ISOLAT_FAILED);
	close_range(SOCKET + 1, ~0U, 0);
}

static int enter_cgroup(const char *folder, struct isolat_error *err)
{
	int dir = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int procs = dir < 0 ? -1 : openat(dir, "cgroup.procs", O_WRONLY | O_CLOEXEC);
	int failed = procs < 0 || write(procs, "0", 1) != 1;

	if (failed)
		isolat_fail(err, errno == ENOENT || errno == ENOTDIR ? ISOLAT_USAGE : ISOLAT_FAILED,
			    "move a scanner into cgroup", folder, "%s", strerror(errno));
	if (procs >= 0)
		close(procs);
	if (dir >= 0)
		close(dir);
	return failed ? -1 : 0;
}

static int pin(int cpu, struct isolat_error *err)
{
	size_t size = CPU_ALLOC_SIZE((size_t)cpu + 1);
	cpu_set_t *set = CPU_ALLOC((size_t)cpu + 1);
	char name[16];
	int rc = -1;

	snprintf(name, sizeof(name), "%d", cpu);
	if (set) {
		CPU_ZERO_S(size, set);
		CPU_SET_S((size_t)cpu, size, set);
		rc = sched_setaffinity(0, size, set);
	}
	if (rc && errno == EINVAL)
		isolat_fail(err, ISOLAT_USAGE, "pin a scanner to CPU", name, "its cpuset does not have that CPU");
	else if (rc)
		isolat_fail(err, ISOLAT_FAILED, "pin a scanner to CPU", name, "%s", strerror(errno));
	CPU_FREE(set);
	return rc;
}

/*
 * SCHED_OTHER: SCHED_FIFO would be stopped for 50 ms a second by RT throttling, or starve the kernel's own threads on
 * this CPU. What is not permitted costs lateness alone: it is told, and the scanner goes on.
 */
static void set_scheduling(void)
{
	const struct sched_param param = { 0 };

	setsid();
	sched_setscheduler(0, SCHED_OTHER, &param);
	timer_raise_nice("scanner");
	prctl(PR_SET_TIMERSLACK, 1UL);
	/* On fault: most of what the daemon was when it forked is never touched here. */
	if (mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT))
		timer_log("scanner %d runs without its memory locked: %s", getpid(), strerror(errno));
}

int timer_scanner_take_place(const struct timer_scanner *s, const struct timer_scanner_config *config,
			     struct isolat_error *err)
{
	if (config->cgroup && enter_cgroup(config->cgroup, err))
		return -1;
	return s->cpu >= 0 ? pin(s->cpu, err) : 0;
}

static int become(const struct timer_scanner *s, const struct timer_scanner_config *config, struct isolat_error *err)
{
	if (timer_scanner_take_place(s, config, err))
		return -1;
	set_scheduling();
	return 0;
}

/* ---- VMs that come and go ---- */

static void forget(struct scanned *vm)
{
	for (unsigned int i = 0; i < vm->n_signals; i++)
		close(vm->signals[i]);
	free(vm->signals);
	if (vm->doorbell >= 0)
		close(vm->doorbell);
	if (vm->page.base)
		timer_page_close(&vm->page);
	*vm = (struct scanned){ .doorbell = -1 };
}

static void close_all(const int *fds, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		close(fds[i]);
}

static int add(struct scanner *c, const struct timer_message *m, const int *fds, unsigned int n,
	       struct isolat_error *err)
{
	struct scanned *vm = &c->vms[m->index];

	if (n < 1 || n > 2 || vm->page.base) {
		close_all(fds, n);
		return isolat_fail(err, ISOLAT_FAILED, "take a VM", NULL, "%u descriptors came", n);
	}
	if (timer_page_map(&vm->page, fds[0], m->nr_slots, err)) {
		vm->page.base = NULL;
		close_all(fds, n);
		return -1;
	}
	vm->doorbell = n == 2 ? fds[1] : -1;
	vm->generation = m->generation;
	vm->signals = calloc(m->nr_slots, sizeof(*vm->signals));
	if (!vm->signals) {
		forget(vm);
		return isolat_fail(err, ISOLAT_FAILED, "take a VM", NULL, "out of memory");
	}
	return 0;
}

static int add_signals(struct scanner *c, const struct timer_message *m, const int *fds, unsigned int n,
		       struct isolat_error *err)
{
	struct scanned *vm = &c->vms[m->index];

	if (!vm->page.base || n > vm->page.nr_slots - vm->n_signals) {
		close_all(fds, n);
		return isolat_fail(err, ISOLAT_FAILED, "take a VM's eventfds", NULL, "%u came", n);
	}
	memcpy(vm->signals + vm->n_signals, fds, n * sizeof(*fds));
	vm->n_signals += n;
	if (vm->n_signals < vm->page.nr_slots)
		return 0;
	return timer_scan_add(c->scan, m->index, &vm->page, vm->signals, vm->doorbell, vm->generation, err);
}

static void drop(struct scanner *c, unsigned int index)
{
	struct scanned *vm = &c->vms[index];

	if (vm->page.base && vm->n_signals == vm->page.nr_slots)
		timer_scan_remove(c->scan, index);
	forget(vm);
}

static int obey(struct scanner *c, const struct timer_message *m, const int *fds, unsigned int n,
		struct isolat_error *err)
{
	switch (m->kind) {
	case TIMER_ADD:
		return add(c, m, fds, n, err);
	case TIMER_SIGNALS:
		return add_signals(c, m, fds, n, err);
	case TIMER_REMOVE:
		drop(c, m->index);
		return 0;
	default: /* TIMER_JUMP */
		timer_scan_jump(c->scan, m->cycles);
		return 0;
	}
}

/* One message from the daemon. False: there is none. Does not return when the daemon is gone. */
static bool receive(struct scanner *c)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(TIMER_FDS_A_MESSAGE * sizeof(int))];
	} control;
	struct timer_message message;
	struct iovec data = { .iov_base = &message, .iov_len = sizeof(message) };
	struct msghdr msg = {
		.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	ssize_t got = recvmsg(SOCKET, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	const struct cmsghdr *rights = CMSG_FIRSTHDR(&msg);
	struct isolat_error err;
	unsigned int n = 0;

	if (got < 0)
		return false;
	if (got != sizeof(message)) {
		/* The last act. An eventfd that its VM has filled must not keep the others from hearing of it. */
		const struct itimerval alarm = { { .tv_usec = ALARM_US }, { .tv_usec = ALARM_US } };

		setitimer(ITIMER_REAL, &alarm, NULL);
		timer_scan_announce_death(c->scan);
		_exit(ISOLAT_OK);
	}
	if (rights)
		n = (unsigned int)((rights->cmsg_len - CMSG_LEN(0)) / sizeof(int));
	if (obey(c, &message, rights ? (const int *)(const void *)CMSG_DATA(rights) : NULL, n, &err))
		timer_log_error(&err);
	return true;
}

/* ---- The process ---- */

__attribute__((noreturn)) static void scan_for_ever(struct scanner *c)
{
	uint64_t beat = 0;

	for (;;) {
		uint64_t until = timer_scan_pass(c->scan);

		if (until)
			timer_scan_sleep(c->scan, until, SOCKET);
		/* A look at the socket costs as much as a pass over many slots: once a beat will do. */
		if (!until && c->stats->beat == beat)
			continue;
		beat = c->stats->beat;
		/* A VM may take long: the beat goes on, and those that are here already are served. */
		while (receive(c))
			timer_scan_pass(c->scan);
	}
}

void timer_scanner_run(int socket, const struct timer_scanner *s, const struct timer_scanner_config *config)
{
	static struct scanner c; /* of the child alone: it is in a process of its own */
	struct isolat_error err;
	char name[16];

	snprintf(name, sizeof(name), "exitless/%d", s->cpu);
	prctl(PR_SET_NAME, s->cpu < 0 ? "exitless" : name);
	set_signals();
	set_descriptors(socket);
	c.stats = s->stats;
	c.stats->pid = (uint32_t)getpid();
	for (unsigned int i = 0; i < TIMER_MAX_VMS; i++)
		c.vms[i].doorbell = -1;
	if (become(s, config, &err) || timer_scan_new(&c.scan, &config->limits, config->tsc_khz, c.stats, &err)) {
		timer_log_error(&err);
		_exit(ISOLAT_FAILED);
	}
	scan_for_ever(&c);
}
