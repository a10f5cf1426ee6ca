// SPDX-License-Identifier: BSD-3-Clause
#include "microvm.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <isolat/find_helper.h>

#include "accel.h"
#include "host_root.h"
#include "image.h"
#include "kernel.h"
#include "qemu.h"
#include "qmp.h"
#include "spawn.h"

#define DEFAULT_TIMEOUT_S 60
#define QMP_PATIENCE_S	  10
#define LOOK_MS		  2000 /* how often the console of a silent VM is looked at */
/* PID 1 cuts lines at MICROVM_LINE_MAX, and puts a word in front. */
#define LINE_SIZE (MICROVM_LINE_MAX + 64)

/* What a kernel says of a thread that died (die(), of the first one), and of a CPU that stands still. */
static const struct trouble {
	const char *text;
	int limit_s;   /* how long a program may say nothing after it */
	bool for_good; /* nobody gets over that */
} troubles[] = {
	{ " [#1]", MICROVM_STUCK_LIMIT_S, true },
	{ "detected stall", MICROVM_KVM_LIMIT_S, false },
	{ "detected expedited stall", MICROVM_KVM_LIMIT_S, false },
};

struct microvm {
	struct microvm_config config;
	struct microvm_kernel kernel;
	enum microvm_accel accel;
	struct host_root root;
	struct qmp qmp;
	pid_t qemu;
	int qemu_pidfd;
	int channel;
	int console;		  /* memfd or the caller's file */
	int errors;		  /* QEMU's stderr */
	struct timespec deadline; /* of the whole run */
	struct timespec heard;	  /* when the VM said something last; its start at first */
	struct timespec told;	  /* likewise, more than that it beats; or when trouble was found behind that */
	off_t told_at;		  /* the console's size then */
	bool booted;
	bool exited; /* MICROVM_EXIT was handed out */
	bool timed_out;
	bool stale_int3;	       /* died of a breakpoint that is not there: a flaw of QEMU's emulation */
	const struct trouble *trouble; /* that its kernel has told of; NULL: none is known */
	bool oopsed;		       /* given up after a thread of its kernel's died */
	bool lost;		       /* gone in a way that emulation is known for */
	size_t used;		       /* of line */
	size_t taken;		       /* the part of line that the last event points into */
	char line[LINE_SIZE];
};

static int fail(const struct microvm *vm, struct isolat_error *err, const char *reason)
{
	return isolat_fail(err, ISOLAT_FAILED, "run VM", vm->config.name, "%s", reason);
}

static int check_config(const struct microvm_config *config, struct isolat_error *err)
{
	unsigned int vcpus = config->vcpus ? config->vcpus : 1;
	unsigned int sockets = config->sockets ? config->sockets : 1;
	unsigned int threads = config->threads ? config->threads : 1;
	unsigned int nodes = config->nodes ? config->nodes : 1;

	if (!config->argv || !config->argv[0])
		return isolat_fail(err, ISOLAT_USAGE, "start a VM", config->name, "no program to run in it");
	if (vcpus % (sockets * threads))
		return isolat_fail(err, ISOLAT_USAGE, "lay out vCPUs", config->name,
				   "%u vCPUs do not divide into %u sockets of %u threads", vcpus, sockets, threads);
	if (config->cores && vcpus > config->cores * sockets * threads)
		return isolat_fail(err, ISOLAT_USAGE, "lay out vCPUs", config->name,
				   "%u vCPUs are more than %u sockets x %u cores x %u threads", vcpus, sockets,
				   config->cores, threads);
	if (config->memory_mib % nodes)
		return isolat_fail(err, ISOLAT_USAGE, "lay out memory", config->name,
				   "%u MiB do not divide into %u NUMA nodes", config->memory_mib, nodes);
	if (config->rdt == MICROVM_RDT_NONE && (config->rdt_options || config->rdt_state))
		return isolat_fail(err, ISOLAT_USAGE, "emulate RDT", config->name,
				   "no vendor is named: --rdt intel|amd");
	if (vcpus % nodes)
		return isolat_fail(err, ISOLAT_USAGE, "lay out vCPUs", config->name,
				   "%u vCPUs do not divide into %u NUMA nodes", vcpus, nodes);
	return 0;
}

static int open_console(struct microvm *vm, struct isolat_error *err)
{
	const char *path = vm->config.console;

	vm->console = path ? open(path, O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0644)
			   : memfd_create("isolat-console", MFD_CLOEXEC);
	if (vm->console < 0)
		return isolat_fail(err, ISOLAT_FAILED, "open the console's file", path, "%s", strerror(errno));
	vm->errors = memfd_create("isolat-qemu-errors", MFD_CLOEXEC);
	return vm->errors < 0 ? fail(vm, err, strerror(errno)) : 0;
}

/* What QEMU is started with in its environment: the preload libraries that change how it or its KVM behaves. */
static int set_environment(const struct microvm *vm, struct arg_list *env, struct isolat_error *err)
{
	char path[PATH_MAX];

	if (vm->config.has_halt_poll) {
		if (isolat_find_helper("kvm_halt_poll.so", path, err))
			return -1;
		arg_add(env, "LD_PRELOAD=%s", path);
		arg_add(env, "ISOLAT_HALT_POLL_NS=%ld", vm->config.halt_poll_ns);
	}
	if (vm->config.rdt != MICROVM_RDT_NONE) {
		if (isolat_find_helper("rdt_emu.so", path, err))
			return -1;
		arg_add(env, "LD_PRELOAD=%s", path);
		arg_add(env, "ISOLAT_RDT_VENDOR=%s", vm->config.rdt == MICROVM_RDT_AMD ? "amd" : "intel");
		if (vm->config.rdt_state)
			arg_add(env, "ISOLAT_RDT_STATE=/proc/self/fd/%d", vm->config.rdt_state);
		if (vm->config.rdt_options)
			arg_add(env, "ISOLAT_RDT_OPTIONS=%s", vm->config.rdt_options);
	}
	return 0;
}

static int start_qemu(struct microvm *vm, struct qemu_files *files, struct isolat_error *err)
{
	int keep[6] = { files->initramfs, files->console, files->channel, files->monitor };
	size_t n_keep = 4;
	struct arg_list args = { 0 }, env = { 0 };
	struct spawn_setup setup = {
		.keep_fds = keep,
		.out = -1,
		.err = vm->errors,
		.environ = &env,
	};
	int rc;

	if (vm->config.rdt_state)
		keep[n_keep++] = vm->config.rdt_state;
	if (files->root >= 0)
		keep[n_keep++] = files->root;
	setup.n_keep = n_keep;
	qemu_command_line(&args, &vm->config, &vm->kernel, vm->accel, files);
	rc = set_environment(vm, &env, err) || spawn_child(&args, &setup, &vm->qemu, err);
	if (rc && err->code == ISOLAT_UNSUPPORTED)
		isolat_hint(err, "install qemu-system-x86");
	arg_free(&args);
	arg_free(&env);
	if (rc)
		return -1;
	vm->qemu_pidfd = syscall(SYS_pidfd_open, vm->qemu, 0);
	return vm->qemu_pidfd < 0 ? fail(vm, err, strerror(errno)) : 0;
}

/* Opens both ends of what QEMU is handed, starts it, and closes QEMU's ends here. */
static int connect_qemu(struct microvm *vm, int initramfs, struct isolat_error *err)
{
	int channel[2] = { -1, -1 }, monitor[2] = { -1, -1 }, rc;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, channel) ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, monitor)) {
		rc = fail(vm, err, strerror(errno));
	} else {
		struct timeval patience = { .tv_sec = QMP_PATIENCE_S };
		struct qemu_files files = {
			.initramfs = initramfs,
			.console = vm->console,
			.channel = channel[1],
			.monitor = monitor[1],
			.root = vm->root.fd,
		};

		setsockopt(monitor[0], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
		rc = start_qemu(vm, &files, err);
	}
	close(channel[1]);
	close(monitor[1]);
	vm->channel = channel[0];
	vm->qmp.fd = monitor[0];
	return rc;
}

static int start(struct microvm *vm, struct isolat_error *err)
{
	char init_path[PATH_MAX];
	int initramfs, rc;

	if (check_config(&vm->config, err) || microvm_kernel_find(vm->config.kernel, &vm->kernel, err) ||
	    microvm_accel_decide(&vm->config, &vm->accel, err) || isolat_find_helper("isolat-init", init_path, err) ||
	    open_console(vm, err) || (vm->config.host_root && host_root_start(&vm->root, err)) ||
	    microvm_image_build(&vm->config, &vm->kernel, vm->accel, init_path, &initramfs, err))
		return -1;
	rc = connect_qemu(vm, initramfs, err);
	close(initramfs);
	clock_gettime(CLOCK_MONOTONIC, &vm->heard);
	vm->told = vm->deadline = vm->heard;
	vm->deadline.tv_sec += vm->config.timeout_s;
	return rc;
}

int microvm_start(const struct microvm_config *config, struct microvm **out, struct isolat_error *err)
{
	struct microvm *vm = calloc(1, sizeof(*vm));

	if (!vm)
		return isolat_fail(err, ISOLAT_FAILED, "start a VM", config->name, "%s", strerror(ENOMEM));
	vm->config = *config;
	vm->channel = vm->console = vm->errors = vm->qemu_pidfd = vm->qmp.fd = vm->root.fd = -1;
	if (!vm->config.name)
		vm->config.name = config->argv && config->argv[0] ? config->argv[0] : "micro-VM";
	if (!vm->config.timeout_s)
		vm->config.timeout_s = DEFAULT_TIMEOUT_S;
	if (start(vm, err)) {
		microvm_end(vm);
		return -1;
	}
	*out = vm;
	return 0;
}

static long long ms_until(const struct timespec *then)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (then->tv_sec - now.tv_sec) * 1000LL + (then->tv_nsec - now.tv_nsec) / 1000000;
}

static int silence_limit_s(const struct microvm *vm)
{
	return vm->accel == MICROVM_ACCEL_KVM ? MICROVM_KVM_LIMIT_S : MICROVM_BOOT_LIMIT_S;
}

/* Time left until the VM must have ended, or booted, or, as a host VM, said something. */
static int remaining_ms(const struct microvm *vm)
{
	struct timespec silence = vm->heard;
	long long left = ms_until(&vm->deadline), quiet;

	silence.tv_sec += silence_limit_s(vm);
	quiet = ms_until(&silence);
	if ((!vm->booted || vm->config.host_root) && quiet < left)
		left = quiet;
	return left > 0 ? (int)left : 0;
}

/* The line of a console that names a panic or a bug, or NULL. */
static const char *marked_line(char *text)
{
	static const char *const marks[] = { "BUG:", "WARNING: CPU", "Oops:", "isolat-init: fatal", "Kernel panic" };

	for (size_t i = 0; i < sizeof(marks) / sizeof(*marks); i++) {
		char *at = strstr(text, marks[i]);

		if (at) {
			at[strcspn(at, "\r\n")] = '\0';
			return at;
		}
	}
	return NULL;
}

static const char *last_line(char *text)
{
	char *last = NULL, *save = NULL;

	for (char *line = strtok_r(text, "\r\n", &save); line; line = strtok_r(NULL, "\r\n", &save))
		last = line;
	return last;
}

/* The last 64 KiB of a memfd or file as a string in @buf. */
static char *read_tail(int fd, char *buf, size_t size)
{
	struct stat st;
	off_t from;
	ssize_t n = -1;

	if (!fstat(fd, &st)) {
		from = st.st_size > (off_t)size - 1 ? st.st_size - (off_t)size + 1 : 0;
		n = pread(fd, buf, size - 1, from);
	}
	buf[n > 0 ? n : 0] = '\0';
	for (ssize_t i = 0; i < n; i++)
		if (!buf[i])
			buf[i] = ' ';
	return buf;
}

static off_t console_size(const struct microvm *vm)
{
	struct stat st;

	return fstat(vm->console, &st) ? 0 : st.st_size;
}

static bool has_said(const struct microvm *vm, const char *what, off_t from)
{
	static char text[65536];
	ssize_t n = pread(vm->console, text, sizeof(text), from);

	return n > 0 && memmem(text, (size_t)n, what, strlen(what));
}

/* What somebody may get over counts only since the program said something last. */
static const struct trouble *find_trouble(const struct microvm *vm)
{
	for (size_t i = 0; i < sizeof(troubles) / sizeof(*troubles); i++) {
		if (has_said(vm, troubles[i].text, troubles[i].for_good ? 0 : vm->told_at))
			return &troubles[i];
	}
	return NULL;
}

/* Whether the program says nothing, and its kernel has told why. PID 1 may be well, and beat. */
static bool is_stuck(struct microvm *vm)
{
	if (!vm->booted || vm->exited || ms_until(&vm->told) > -LOOK_MS)
		return false;
	if (vm->trouble)
		return ms_until(&vm->told) <= -vm->trouble->limit_s * 1000LL;
	vm->trouble = find_trouble(vm);
	if (vm->trouble)
		clock_gettime(CLOCK_MONOTONIC, &vm->told);
	return false;
}

/*
 * The VM is gone without having said "exit": tell why. The kernel's own words go first; QEMU's last line matters where
 * it did not start at all.
 */
static int fail_with_console(struct microvm *vm, struct isolat_error *err, const char *how)
{
	static char console[65536], errors[65536];
	const char *line;

	read_tail(vm->console, console, sizeof(console));
	read_tail(vm->errors, errors, sizeof(errors));
	vm->stale_int3 = microvm_accel_is_emulated(vm->accel) && strstr(console, "int3: 0000 [#1]");
	line = marked_line(console);
	/*
	 * Emulated SVM now and then loses the host VM whose guests it runs: it is reset without a word, or its stock
	 * kernel dies of what it never does elsewhere (an overrun stack, a warning about the FPU's owner). A guest in
	 * such a host is reset without a word at times, or complains of itself before it has booted, and one that comes
	 * back from S3 while the emulator is short of CPU is reset too. What is real comes each time.
	 */
	vm->lost = (!line && !vm->booted) ||
		   (microvm_accel_is_emulated(vm->accel) && (!line || !vm->booted || vm->config.nested));
	if (!line && !vm->timed_out)
		line = last_line(errors);
	if (!line)
		line = last_line(console);
	isolat_fail(err, ISOLAT_FAILED, "run VM", vm->config.name, "%s%s%.400s", how, line ? ": " : "",
		    line ? line : "");
	if (vm->config.console)
		isolat_hint(err, "its whole console is in %s", vm->config.console);
	return -1;
}

/* The program ended well; see that the kernel did too: what an unloaded module left running bites about now. */
static int check_end(struct microvm *vm, struct isolat_error *err)
{
	static char console[65536];

	waitid(P_PIDFD, vm->qemu_pidfd, NULL, WEXITED | WNOWAIT);
	read_tail(vm->console, console, sizeof(console));
	return marked_line(console) ? fail_with_console(vm, err, "it died after its program had ended") : 0;
}

static int time_out(struct microvm *vm, struct isolat_error *err)
{
	char how[64];

	vm->timed_out = true;
	vm->oopsed = vm->trouble && vm->trouble->for_good;
	spawn_kill(&vm->qemu);
	if (ms_until(&vm->deadline) <= 0)
		snprintf(how, sizeof(how), "no end within %u s", vm->config.timeout_s);
	else if (remaining_ms(vm))
		snprintf(how, sizeof(how), "stuck for %d s", vm->trouble->limit_s);
	else
		snprintf(how, sizeof(how), "%s for %d s", vm->booted ? "silent" : "no boot", silence_limit_s(vm));
	return fail_with_console(vm, err, how);
}

static int read_more(struct microvm *vm, struct isolat_error *err)
{
	struct pollfd fds[] = {
		{ .fd = vm->channel, .events = POLLIN },
		{ .fd = vm->qemu_pidfd, .events = POLLIN },
	};
	int left, wait = 0;
	ssize_t n;

	while (!fds[0].revents && !fds[1].revents) {
		/* What has come counts, however late this is; but who says something all the time has to end, too. */
		if (poll(fds, 2, wait) < 0 && errno != EINTR)
			return fail(vm, err, strerror(errno));
		left = remaining_ms(vm);
		if (ms_until(&vm->deadline) <= 0 || (!fds[0].revents && !fds[1].revents && (!left || is_stuck(vm))))
			return time_out(vm, err);
		wait = left < LOOK_MS ? left : LOOK_MS;
	}
	if (fds[0].revents) {
		n = read(vm->channel, vm->line + vm->used, sizeof(vm->line) - 1 - vm->used);
		if (n > 0) {
			vm->used += n;
			clock_gettime(CLOCK_MONOTONIC, &vm->heard);
			return 1;
		}
	}
	if (vm->exited)
		return check_end(vm, err);
	if (!fds[1].revents) /* the channel closes a moment before QEMU is gone */
		poll(&fds[1], 1, 2000);
	return fail_with_console(vm, err, "it died");
}

static bool parse_status(const char *text, int *status)
{
	char *end;
	long value = strtol(text, &end, 10);

	*status = (int)value;
	return end != text && !*end && value >= 0 && value <= 255;
}

static int parse_event(struct microvm *vm, char *line, struct microvm_event *event, struct isolat_error *err)
{
	static const char *const kinds[] = { "boot", "out", "err", "msg", "splat", "leak", "exit" };
	char *text = line + strcspn(line, " ");

	if (*text)
		*text++ = '\0';
	event->text = text;
	event->status = 0;
	for (unsigned int kind = 0; kind < sizeof(kinds) / sizeof(*kinds); kind++) {
		if (strcmp(line, kinds[kind]))
			continue;
		event->kind = kind;
		vm->booted |= event->kind == MICROVM_BOOT;
		if (event->kind != MICROVM_EXIT)
			return 1;
		if (!parse_status(text, &event->status))
			break;
		vm->exited = true;
		return 1;
	}
	return isolat_fail(err, ISOLAT_FAILED, "run VM", vm->config.name, "PID 1 says: %s %s", line, text);
}

/* Forgets the line that the last event pointed into. */
static void drop_taken(struct microvm *vm)
{
	memmove(vm->line, vm->line + vm->taken, vm->used - vm->taken);
	vm->used -= vm->taken;
	vm->taken = 0;
}

int microvm_next(struct microvm *vm, struct microvm_event *event, struct isolat_error *err)
{
	drop_taken(vm);
	for (;;) {
		char *newline = memchr(vm->line, '\n', vm->used);
		int rc;

		if (newline) {
			*newline = '\0';
			vm->taken = newline + 1 - vm->line;
			if (strncmp(vm->line, "beat ", 5)) {
				vm->told = vm->heard;
				vm->told_at = console_size(vm);
				vm->trouble = NULL;
				return parse_event(vm, vm->line, event, err);
			}
			drop_taken(vm);
			continue;
		}
		if (vm->used == sizeof(vm->line) - 1)
			return fail(vm, err, "a line on its channel is too long");
		rc = read_more(vm, err);
		if (rc <= 0)
			return rc;
	}
}

bool microvm_worth_retry(const struct microvm *vm)
{
	/* A retry would hide it. */
	if (vm->oopsed && !vm->stale_int3 && !vm->config.nested)
		return false;
	return vm->timed_out || vm->stale_int3 || vm->lost;
}

bool microvm_hung(const struct microvm *vm)
{
	return vm->timed_out && vm->booted && !vm->stale_int3;
}

void microvm_set_timeout(struct microvm *vm, unsigned int seconds)
{
	vm->config.timeout_s = seconds;
	clock_gettime(CLOCK_MONOTONIC, &vm->deadline);
	vm->deadline.tv_sec += seconds;
}

int microvm_send(struct microvm *vm, const char *line, struct isolat_error *err)
{
	if (dprintf(vm->channel, "msg %s\n", line) < 0)
		return isolat_fail(err, ISOLAT_FAILED, "talk to VM", vm->config.name, "%s", strerror(errno));
	return 0;
}

int microvm_vcpu_threads(struct microvm *vm, pid_t *tids, size_t max, struct isolat_error *err)
{
	json_t *reply, *cpu;
	size_t i, n = 0;

	if (!vm->qmp.in && qmp_open(&vm->qmp, vm->qmp.fd, err))
		return -1;
	if (qmp_command(&vm->qmp, "query-cpus-fast", &reply, err))
		return -1;
	json_array_foreach (reply, i, cpu) {
		size_t index = json_integer_value(json_object_get(cpu, "cpu-index"));

		if (index < max)
			tids[index] = json_integer_value(json_object_get(cpu, "thread-id"));
		n += index < max;
	}
	json_decref(reply);
	return (int)n;
}

const char *microvm_accel_name(const struct microvm *vm)
{
	return vm->accel == MICROVM_ACCEL_KVM ? "kvm" : "tcg";
}

const char *microvm_release(const struct microvm *vm)
{
	return vm->kernel.release;
}

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

void microvm_end(struct microvm *vm)
{
	if (!vm)
		return;
	spawn_kill(&vm->qemu);
	host_root_stop(&vm->root);
	if (vm->qmp.in)
		qmp_close(&vm->qmp);
	else
		close_fd(vm->qmp.fd);
	close_fd(vm->qemu_pidfd);
	close_fd(vm->channel);
	close_fd(vm->console);
	close_fd(vm->errors);
	free(vm);
}
