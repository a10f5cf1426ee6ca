// SPDX-License-Identifier: BSD-3-Clause
#include "timer_daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "timer_control.h"
#include "timer_log.h"
#include "timer_nice.h"
#include "timer_sockets.h"
#include "timer_supervise.h"
#include "timer_vms.h"
#include "topology.h"

#define LOCK_FILE "lock"

/* ---- Its folder ---- */

/* The folder and what is above it, which may be missing after each boot. What is made gets these modes whatever the
 * umask is. */
static int make_folders(char *path)
{
	mode_t mask = umask(0);
	int rc;

	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdir(path, 0755);
		*slash = '/';
	}
	/* Users of VMs may pass, and not look around. */
	rc = mkdir(path, 0711) && errno != EEXIST ? -1 : 0;
	umask(mask);
	return rc;
}

static int open_folder(struct timer_daemon *d, struct isolat_error *err)
{
	const char *path = d->config->run_dir;
	char part[PATH_MAX];
	struct stat st;

	if (snprintf(part, sizeof(part), "%s", path) >= (int)sizeof(part))
		return isolat_fail(err, ISOLAT_USAGE, "make folder", path, "%s", strerror(ENAMETOOLONG));
	if (make_folders(part))
		return isolat_fail(err, ISOLAT_FAILED, "make folder", path, "%s", strerror(errno));
	if (lstat(path, &st) || !S_ISDIR(st.st_mode) || st.st_uid != geteuid() || st.st_mode & 022) {
		isolat_fail(err, ISOLAT_FAILED, "use folder", path, "others may write to it, or it is no folder");
		return isolat_hint(err, "sockets are made in a folder that is this user's alone");
	}
	d->folder = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (d->folder < 0)
		return isolat_fail(err, ISOLAT_FAILED, "open folder", path, "%s", strerror(errno));
	return 0;
}

static int take_lock(struct timer_daemon *d, struct isolat_error *err)
{
	const char *run_dir = d->config->run_dir;
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/" LOCK_FILE, run_dir);
	d->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	if (d->lock < 0)
		return isolat_fail(err, ISOLAT_FAILED, "open the lock", path, "%s", strerror(errno));
	if (!flock(d->lock, LOCK_EX | LOCK_NB))
		return 0;
	if (errno != EWOULDBLOCK)
		return isolat_fail(err, ISOLAT_FAILED, "lock", path, "%s", strerror(errno));
	isolat_fail(err, ISOLAT_FAILED, "serve", run_dir, "another exitless-timerd does");
	return isolat_hint(err, "add VMs to it with isolat timer add, or take another --run-dir");
}

/* ---- Its scanners ---- */

static int node_of(const struct topology *t, unsigned int cpu)
{
	for (unsigned int i = 0; i < t->n_cpus; i++) {
		const struct topology_cpu *c = &t->cpus[i];

		if (c->os == cpu && c->online && c->node != TOPOLOGY_NONE)
			return (int)t->nodes[c->node].os;
	}
	return -1;
}

static int add_scanner(struct timer_daemon *d, const struct topology *t, int cpu, struct isolat_error *err)
{
	if (d->n_scanners == TIMER_MAX_SCANNERS)
		return isolat_fail(err, ISOLAT_USAGE, "use CPUs", d->config->cpus, "more than %d", TIMER_MAX_SCANNERS);
	d->scanners[d->n_scanners++] = (struct timer_scanner){
		.cpu = cpu,
		.node = t ? node_of(t, (unsigned int)cpu) : -1,
		.pid = -1,
		.socket = -1,
	};
	return 0;
}

static bool is_online(const struct topology *t, unsigned int cpu)
{
	for (unsigned int i = 0; i < t->n_cpus; i++) {
		if (t->cpus[i].os == cpu)
			return t->cpus[i].online;
	}
	return false;
}

static int add_scanners(struct timer_daemon *d, struct isolat_error *err)
{
	const char *at = d->config->cpus;
	struct topology t;
	int rc = 0;

	if (!at)
		return add_scanner(d, NULL, -1, err);
	if (topology_read(NULL, &t, err))
		return -1;
	for (char *end; !rc && *at; at = *end ? end + 1 : end) {
		unsigned long first = strtoul(at, &end, 10), last = first;

		if (*end == '-')
			last = strtoul(end + 1, &end, 10);
		for (unsigned long cpu = first; !rc && cpu <= last; cpu++) {
			if (is_online(&t, (unsigned int)cpu))
				rc = add_scanner(d, &t, (int)cpu, err);
			else
				rc = isolat_fail(err, ISOLAT_USAGE, "use CPUs", d->config->cpus,
						 "CPU %lu is not online", cpu);
		}
	}
	topology_free(&t);
	return rc;
}

/* ---- Its process ---- */

static void signal_came(struct timer_source *source)
{
	struct timer_daemon *d = TIMER_SOURCE_OF(source, struct timer_daemon, signals);
	struct signalfd_siginfo info;

	if (read(source->fd, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGCHLD) {
		timer_supervise_reap(d);
		return;
	}
	timer_log("ends, by signal %u", info.ssi_signo);
	d->ending = true;
}

static int open_signals(struct timer_daemon *d, struct isolat_error *err)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	timer_vms_catch_alarms();
	signal(SIGHUP, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	d->signals = (struct timer_source){
		.fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK),
		.ready = signal_came,
	};
	if (d->signals.fd >= 0 && !timer_loop_watch(d->loop, &d->signals, false))
		return 0;
	return isolat_fail(err, ISOLAT_FAILED, "watch signals", NULL, "%s", strerror(errno));
}

/* Descriptors are what its VMs are made of: as many as the kernel gives. */
static void raise_limits(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max = 1 << 20;
	setrlimit(RLIMIT_NOFILE, &limit); /* where it is permitted */
}

/* ---- Its life ---- */

/* What it is told to do can be done, as far as that shows without a trace. */
static int check_config(struct timer_daemon *d, struct isolat_error *err)
{
	d->scanner = d->config->scanner;
	if (timer_sockets_check(d->config, err) || timer_host_tsc_khz(&d->scanner.tsc_khz, err) || add_scanners(d, err))
		return -1;
	for (unsigned int i = 0; i < d->n_scanners; i++) {
		if (timer_scanner_check(&d->scanners[i], &d->scanner, err))
			return -1;
	}
	return 0;
}

static int open_daemon(struct timer_daemon *d, struct isolat_error *err)
{
	d->loop = timer_loop_open(err);
	if (d->loop < 0 || check_config(d, err) || open_folder(d, err) || take_lock(d, err))
		return -1;
	raise_limits();
	if (open_signals(d, err) || timer_sockets_begin(d, err) || timer_control_open(d, err))
		return -1;
	for (unsigned int i = 0; i < d->config->n_vms; i++) {
		if (timer_vms_add(d, &d->config->vms[i], err))
			return -1;
	}
	/* That the other half is noticed must not wait, neither for other processes nor for memory. */
	timer_raise_nice("daemon");
	mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT);
	return 0;
}

static void serve(struct timer_daemon *d)
{
	for (unsigned int i = 0; i < d->n_scanners; i++)
		timer_supervise_start(d, &d->scanners[i]);
	timer_log("serves %s", d->config->run_dir);
	d->looked_ms = timer_loop_now_ms();
	while (!d->ending) {
		timer_loop_step(d->loop, timer_vms_kick(d) ? 0 : TIMER_LOOK_MS);
		timer_supervise_look(d);
		timer_vms_look(d);
		timer_control_look(d);
	}
	timer_supervise_end(d);
}

static void close_daemon(struct timer_daemon *d)
{
	d->ending = true;
	for (unsigned int i = 0; i < TIMER_MAX_VMS; i++) {
		if (d->vms[i])
			timer_vms_remove(d->vms[i]);
	}
	if (d->control)
		timer_control_close(d);
	timer_sockets_end(d);
	for (unsigned int i = 0; i < d->n_scanners; i++)
		timer_scanner_free(&d->scanners[i]);
	timer_loop_close(&d->signals);
	if (d->lock >= 0)
		close(d->lock);
	if (d->folder >= 0)
		close(d->folder);
	if (d->loop >= 0)
		close(d->loop);
}

int timer_daemon_run(const struct timer_daemon_config *config, struct isolat_error *err)
{
	struct timer_daemon *d = calloc(1, sizeof(*d));
	int rc;

	if (!d)
		return isolat_fail(err, ISOLAT_FAILED, "start", NULL, "out of memory");
	d->config = config;
	d->folder = d->lock = d->loop = d->signals.fd = -1;
	rc = open_daemon(d, err);
	if (!rc)
		serve(d);
	close_daemon(d);
	free(d);
	return rc;
}
