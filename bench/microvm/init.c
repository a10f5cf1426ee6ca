// SPDX-License-Identifier: BSD-3-Clause
/*
 * PID 1 of a micro-VM, a static program of its own (see microvm.h for the channel it speaks).
 *
 * Order: mount the kernel's file systems, load the modules that /isolat/config names, open the channel, mount the
 * host's root if asked, bring all CPUs online, say "boot", take the leak scan's first half, run the program and carry
 * its lines, take the second half, look through the kernel's log for splats, say "exit", power off. What it cannot do
 * is fatal and said on the channel, or on the console while there is no channel yet.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <linux/kvm.h>
#include <linux/module.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "init_scan.h"
#include "microvm.h"

#define MAX_ARGS  256
#define LINE_SIZE MICROVM_LINE_MAX

static int channel = -1;
static bool host_root, hold_kvm, leak_scan, late_cpus, beats;
static char *args[MAX_ARGS + 1];
static int n_args;

static void say(const char *kind, const char *text)
{
	if (channel < 0)
		dprintf(STDERR_FILENO, "isolat-init: %s %s\n", kind, text);
	else
		dprintf(channel, "%s %s\n", kind, text);
}

__attribute__((noreturn)) static void power_off(void)
{
	sync();
	/* QEMU runs with -no-reboot: a reset ends it on every machine type. */
	reboot(RB_AUTOBOOT);
	for (;;)
		pause();
}

__attribute__((format(printf, 1, 2), noreturn)) static void fatal(const char *format, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	say("fatal", text);
	usleep(100000); /* let the device drain */
	power_off();
}

static void mount_at(const char *type, const char *at, const char *options)
{
	mkdir(at, 0755);
	if (mount(type, at, type, 0, options))
		fatal("mount %s on %s: %s", type, at, strerror(errno));
}

static void mount_kernel_filesystems(void)
{
	mount_at("proc", "/proc", NULL);
	mount_at("sysfs", "/sys", NULL);
	mount_at("devtmpfs", "/dev", NULL);
	mount_at("debugfs", "/sys/kernel/debug", NULL);
	mount_at("tracefs", "/sys/kernel/tracing", NULL);
	mount_at("tmpfs", "/run", NULL);
}

/* Newer kernels ship their modules compressed, and unpack them by themselves. */
static bool is_compressed(const char *path)
{
	const char *ending = strrchr(path, '.');

	return ending && strcmp(ending, ".ko");
}

static void load_module(char *line)
{
	char *params = strchr(line, ' ');
	int fd, flags;

	*params++ = '\0';
	flags = is_compressed(line) ? MODULE_INIT_COMPRESSED_FILE : 0;
	fd = open(line, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		fatal("open %s: %s", line, strerror(errno));
	/* ENODEV: a driver for hardware that is not here, such as kvm-intel on AMD. */
	if (syscall(SYS_finit_module, fd, params, flags) && errno != EEXIST && errno != ENODEV && errno != EOPNOTSUPP)
		fatal("load %s: %s", line, strerror(errno));
	close(fd);
}

static void read_config(void)
{
	static char line[LINE_SIZE];
	FILE *f = fopen("/isolat/config", "re");

	if (!f)
		fatal("open /isolat/config: %s", strerror(errno));
	while (fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		if (!strncmp(line, "module ", 7))
			load_module(line + 7);
		else if (!strcmp(line, "root virtiofs"))
			host_root = true;
		else if (!strcmp(line, "hold-kvm"))
			hold_kvm = true;
		else if (!strcmp(line, "leak-scan"))
			leak_scan = true;
		else if (!strcmp(line, "late-cpus"))
			late_cpus = true;
		else if (!strcmp(line, "beats"))
			beats = true;
		else if (!strncmp(line, "arg ", 4) && n_args < MAX_ARGS)
			args[n_args++] = strdup(line + 4);
		else
			fatal("/isolat/config: cannot read '%s'", line);
	}
	fclose(f);
}

/* The port's device has its number, not its name: look the name up in sysfs. */
static bool find_port(char *path, size_t size)
{
	DIR *dir = opendir("/sys/class/virtio-ports");
	struct dirent *entry;
	bool found = false;

	while (dir && !found && (entry = readdir(dir))) {
		char name[512], text[64] = "";
		FILE *f;

		snprintf(name, sizeof(name), "/sys/class/virtio-ports/%s/name", entry->d_name);
		f = fopen(name, "re");
		if (!f)
			continue;
		found = fgets(text, sizeof(text), f) && !strncmp(text, "isolat.0", 8);
		snprintf(path, size, "/dev/%s", entry->d_name);
		fclose(f);
	}
	if (dir)
		closedir(dir);
	return found;
}

static void open_channel(void)
{
	char path[512];
	int fd = -1;

	for (int i = 0; i < 500 && fd < 0; i++) {
		if (find_port(path, sizeof(path)))
			fd = open(path, O_RDWR | O_CLOEXEC);
		if (fd < 0)
			usleep(10000);
	}
	if (fd < 0)
		fatal("no virtio-serial port named isolat.0: %s", strerror(errno));
	channel = fd;
}

static void move_to_host_root(const char *from)
{
	char to[128];

	snprintf(to, sizeof(to), "/newroot%s", from);
	if (mount(from, to, NULL, MS_MOVE, NULL))
		fatal("move %s to the host's root: %s", from, strerror(errno));
}

static void loopback_up(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq req = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };

	if (fd < 0)
		return;
	ioctl(fd, SIOCSIFFLAGS, &req);
	close(fd);
}

static void enter_host_root(void)
{
	mkdir("/lower", 0755);
	mkdir("/upper", 0755);
	mkdir("/newroot", 0755);
	if (mount("hostroot", "/lower", "virtiofs", MS_RDONLY, NULL))
		fatal("mount the host's root through virtiofs: %s", strerror(errno));
	mount_at("tmpfs", "/upper", "size=50%");
	mkdir("/upper/data", 0755);
	mkdir("/upper/work", 0755);
	if (mount("overlay", "/newroot", "overlay", 0, "lowerdir=/lower,upperdir=/upper/data,workdir=/upper/work"))
		fatal("mount an overlay over the host's root: %s", strerror(errno));
	move_to_host_root("/proc");
	move_to_host_root("/sys");
	move_to_host_root("/dev");
	move_to_host_root("/run");
	if (chdir("/newroot") || mount(".", "/", NULL, MS_MOVE, NULL) || chroot(".") || chdir("/"))
		fatal("enter the host's root: %s", strerror(errno));
	mount_at("cgroup2", "/sys/fs/cgroup", NULL);
	mount_at("devpts", "/dev/pts", NULL);
	mount_at("tmpfs", "/dev/shm", NULL);
	mkdir("/run/lock", 01777);
	loopback_up();
}

/*
 * QEMU 7.2's multi-threaded emulation can hang when kernel text is patched while another CPU runs it (both CPUs loop at
 * an int3 that is no longer there). So emulated VMs boot with one CPU, and get the others when most patching is done.
 */
static void online_cpus(void)
{
	glob_t found;

	if (glob("/sys/devices/system/cpu/cpu[0-9]*/online", 0, NULL, &found))
		return;
	for (size_t i = 0; i < found.gl_pathc; i++) {
		int fd = open(found.gl_pathv[i], O_WRONLY | O_CLOEXEC);

		if (fd < 0 || write(fd, "1", 1) != 1)
			fatal("%s: %s", found.gl_pathv[i], strerror(errno));
		close(fd);
	}
	globfree(&found);
}

/*
 * For the same reason: KVM patches its static keys whenever the first VM comes or the last one goes. One VM that is
 * never run keeps them as they are.
 */
static void hold_one_vm(void)
{
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	int vm = kvm < 0 ? -1 : ioctl(kvm, KVM_CREATE_VM, 0);

	if (vm < 0)
		fatal("no KVM in this VM: /dev/kvm: %s", strerror(errno));
	fcntl(vm, F_SETFD, FD_CLOEXEC);
	if (ioctl(vm, KVM_CREATE_IRQCHIP, 0) || ioctl(vm, KVM_CREATE_VCPU, 0) < 0)
		fatal("create the idle VM: %s", strerror(errno));
}

struct pump {
	int fd;
	const char *kind;
	size_t used;
	char line[LINE_SIZE];
};

/* Reads what there is and passes whole lines on. Returns false at the end of the stream. */
static bool pump_lines(struct pump *pump)
{
	ssize_t n = read(pump->fd, pump->line + pump->used, sizeof(pump->line) - 1 - pump->used);
	char *newline;

	if (n <= 0) {
		if (pump->used) {
			pump->line[pump->used] = '\0';
			say(pump->kind, pump->line);
		}
		return false;
	}
	pump->used += n;
	pump->line[pump->used] = '\0';
	while ((newline = memchr(pump->line, '\n', pump->used))) {
		size_t length = newline + 1 - pump->line;

		*newline = '\0';
		say(pump->kind, pump->line);
		memmove(pump->line, newline + 1, pump->used - length);
		pump->used -= length;
	}
	if (pump->used == sizeof(pump->line) - 1) { /* a longer line is cut into several */
		pump->line[pump->used] = '\0';
		say(pump->kind, pump->line);
		pump->used = 0;
	}
	return true;
}

/* Hands "msg TEXT" from the launcher to the program. Returns false once the launcher is gone. */
static bool pump_incoming(int to)
{
	static char buf[LINE_SIZE];
	static size_t used;
	ssize_t n = read(channel, buf + used, sizeof(buf) - used);
	char *newline;

	if (n <= 0)
		return false;
	used += n;
	while ((newline = memchr(buf, '\n', used))) {
		size_t length = newline + 1 - buf;

		if (length > 4 && !memcmp(buf, "msg ", 4) && write(to, buf + 4, length - 4) < 0)
			dprintf(STDERR_FILENO, "isolat-init: message to the program: %s\n", strerror(errno));
		memmove(buf, buf + length, used - length);
		used -= length;
	}
	return true;
}

struct program {
	pid_t pid;
	struct pump out, err, msg;
};

static void start_program(struct program *program)
{
	int out[2], err[2], msg[2];

	if (pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC) || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, msg))
		fatal("create pipes: %s", strerror(errno));
	program->pid = fork();
	if (program->pid < 0)
		fatal("fork: %s", strerror(errno));
	if (!program->pid) {
		setsid();
		dup2(out[1], STDOUT_FILENO);
		dup2(err[1], STDERR_FILENO);
		dup2(msg[1], MICROVM_CHANNEL_FD);
		setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
		setenv("HOME", "/root", 1);
		execvp(args[0], args);
		dprintf(STDERR_FILENO, "isolat-init: run %s: %s\n", args[0], strerror(errno));
		_exit(127);
	}
	close(out[1]);
	close(err[1]);
	close(msg[1]);
	program->out = (struct pump){ .fd = out[0], .kind = "out" };
	program->err = (struct pump){ .fd = err[0], .kind = "err" };
	program->msg = (struct pump){ .fd = msg[0], .kind = "msg" };
}

static bool poll_program(struct program *program)
{
	struct pump *pumps[] = { &program->out, &program->err, &program->msg };
	struct pollfd fds[] = {
		{ .fd = program->out.fd, .events = POLLIN },
		{ .fd = program->err.fd, .events = POLLIN },
		{ .fd = program->msg.fd, .events = POLLIN },
		{ .fd = channel, .events = POLLIN },
	};
	bool busy = false;

	/* The timeout only bounds how late the end of a program is seen whose children hold its pipes open. */
	if (poll(fds, 4, 200) < 0 && errno != EINTR)
		fatal("poll: %s", strerror(errno));
	for (int i = 0; i < 3; i++) {
		if (!(fds[i].revents & (POLLIN | POLLHUP)))
			continue;
		busy = true;
		if (!pump_lines(pumps[i])) {
			close(pumps[i]->fd);
			pumps[i]->fd = -1;
		}
	}
	if (fds[3].revents & POLLIN)
		pump_incoming(program->msg.fd);
	return busy;
}

/* Reaps everything that was left to PID 1; returns true when the program itself ended. */
static bool reap(pid_t program, int *status)
{
	int st;
	pid_t pid;

	while ((pid = waitpid(-1, &st, WNOHANG)) > 0) {
		if (pid != program)
			continue;
		*status = WIFSIGNALED(st) ? 128 + WTERMSIG(st) : WEXITSTATUS(st);
		return true;
	}
	return false;
}

/* Tells the launcher once a second that this host VM still runs: it need not wait for the end of a long run. */
static void beat(void)
{
	static time_t last;
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (beats && now.tv_sec != last)
		say("beat", "");
	last = now.tv_sec;
}

static int run_program(void)
{
	static struct program program;
	int status = -1;

	start_program(&program);
	while (!reap(program.pid, &status)) {
		poll_program(&program);
		beat();
	}
	while (poll_program(&program))
		;
	return status;
}

static void report_boot(void)
{
	struct utsname uts;

	uname(&uts);
	say("boot", uts.release);
}

int main(void)
{
	struct scan *before = NULL;
	char text[32];
	int status;

	if (getpid() != 1) {
		fprintf(stderr, "isolat-init: only for PID 1 of a micro-VM\n");
		return ISOLAT_USAGE;
	}
	signal(SIGPIPE, SIG_IGN);
	mount_kernel_filesystems();
	read_config();
	if (!n_args)
		fatal("/isolat/config names no program");
	open_channel();
	if (host_root)
		enter_host_root();
	else
		mount_at("tmpfs", "/tmp", NULL);
	if (hold_kvm)
		hold_one_vm();
	if (late_cpus)
		online_cpus();
	report_boot();
	if (leak_scan)
		before = scan_take();
	status = run_program();
	if (leak_scan)
		scan_compare(before, say);
	scan_kernel_log(say);
	snprintf(text, sizeof(text), "%d", status);
	say("exit", text);
	usleep(50000);
	power_off();
}
