// SPDX-License-Identifier: BSD-3-Clause
#include "timer_server.h"

#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "timer_sockets.h"

#define IVSHMEM_VERSION 0
#define SEND_BUFFER	(1 << 20) /* takes the greeting of the largest VM whole */
#define BACKLOG		8

#define CONNECTIONS_AT_ONCE 4
#define CONNECTION_MS	    1000

/* ---- Sockets ---- */

int timer_socket_path(struct timer_socket_path *path, const char *run_dir, const char *name, struct isolat_error *err)
{
	if (snprintf(path->text, sizeof(path->text), "%s/%s", run_dir, name) < (int)sizeof(path->text))
		return 0;
	return isolat_fail(err, ISOLAT_USAGE, "use folder", run_dir, "it is too long a path for the socket %s", name);
}

struct timer_socket_name timer_socket_name(const struct timer_vm_config *vm)
{
	struct timer_socket_name name;

	snprintf(name.text, sizeof(name.text), "%s.sock", vm->name);
	return name;
}

static int bind_socket(int fd, const struct timer_socket_path *path, const struct timer_access *access)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	mode_t mask = umask(0177);
	int rc;

	memcpy(address.sun_path, path->text, sizeof(path->text));
	rc = bind(fd, (const struct sockaddr *)&address, sizeof(address));
	umask(mask);
	if (rc)
		return -1;
	/* Until it listens nobody connects; and the folder is ours, so that this is still our socket. */
	if (lchown(path->text, access->user, access->group) || chmod(path->text, access->mode) || listen(fd, BACKLOG)) {
		int error = errno;

		unlink(path->text);
		errno = error;
		return -1;
	}
	return 0;
}

int timer_socket_listen(const struct timer_socket_path *path, const struct timer_access *access,
			struct isolat_error *err)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd >= 0 && !bind_socket(fd, path, access))
		return fd;
	isolat_fail(err, ISOLAT_FAILED, "make socket", path->text, "%s", strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

/* ---- The greeting ---- */

enum { GREET_VERSION, GREET_ID, GREET_PAGE, GREET_DOORBELL, GREET_SIGNALS };

/* Message number @n: its value, and its descriptor or -1. */
static int64_t greeting(const struct timer_vm *vm, unsigned int n, int *fd)
{
	*fd = -1;
	switch (n) {
	case GREET_VERSION:
		return IVSHMEM_VERSION;
	case GREET_ID:
		return TIMER_CLIENT_PEER;
	case GREET_PAGE:
		*fd = vm->page.memfd;
		return -1;
	case GREET_DOORBELL:
		*fd = vm->doorbell;
		return TIMER_SERVER_PEER;
	default:
		*fd = vm->signals[n - GREET_SIGNALS];
		return TIMER_CLIENT_PEER;
	}
}

static int send_number(int socket, int64_t number, int fd)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	uint64_t wire = htole64((uint64_t)number);
	struct iovec data = { .iov_base = &wire, .iov_len = sizeof(wire) };
	struct msghdr msg = { .msg_iov = &data, .msg_iovlen = 1 };
	ssize_t sent;

	if (fd >= 0) {
		control.header = (struct cmsghdr){
			.cmsg_len = CMSG_LEN(sizeof(int)),
			.cmsg_level = SOL_SOCKET,
			.cmsg_type = SCM_RIGHTS,
		};
		memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
	}
	sent = sendmsg(socket, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (sent >= 0 && sent != sizeof(wire))
		errno = EPROTO;
	return sent == sizeof(wire) ? 0 : -1;
}

/* ---- The connection ---- */

static void end_client(struct timer_vm *vm)
{
	timer_vm_unserve(vm);
	timer_vm_end_page(vm);
	timer_loop_close(&vm->client);
}

/* A client never says anything: what there is to read is its end. */
static void client_readable(struct timer_source *source)
{
	struct timer_vm *vm = TIMER_SOURCE_OF(source, struct timer_vm, client);
	char byte;
	ssize_t got = recv(source->fd, &byte, 1, MSG_DONTWAIT);

	if (got < 0 && errno == EAGAIN)
		return;
	timer_log_limited(&vm->log, "VM %s: %s", vm->config.name,
			  got > 0 ? "ended its connection: it speaks another protocol" : "disconnected");
	end_client(vm);
}

/* Sends what the socket takes; the rest when it takes more. With the last of it, the scanner begins. */
static void send_greeting(struct timer_source *source)
{
	struct timer_vm *vm = TIMER_SOURCE_OF(source, struct timer_vm, client);

	for (; vm->sent < GREET_SIGNALS + vm->page.nr_slots; vm->sent++) {
		int fd;
		int64_t number = greeting(vm, vm->sent, &fd);

		if (vm->sent == GREET_DOORBELL && fd < 0)
			continue;
		if (!send_number(source->fd, number, fd))
			continue;
		if (errno == EAGAIN && !timer_loop_watch(vm->daemon->loop, source, true))
			return;
		timer_log_limited(&vm->log, "VM %s: it cannot be greeted: %s", vm->config.name, strerror(errno));
		end_client(vm);
		return;
	}
	source->ready = client_readable;
	if (timer_loop_watch(vm->daemon->loop, source, false)) {
		end_client(vm);
		return;
	}
	timer_vm_serve(vm);
}

static void begin_client(struct timer_vm *vm, int fd, const struct ucred *who)
{
	int size = SEND_BUFFER;
	struct isolat_error err;

	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)))
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	if (timer_vm_make_page(vm, &err)) {
		timer_log_error(&err);
		close(fd);
		return;
	}
	timer_log_limited(&vm->log, "VM %s: connected by process %d of user %d", vm->config.name, who->pid,
			  (int)who->uid);
	vm->connections++;
	vm->sent = 0;
	vm->client = (struct timer_source){ .fd = fd, .ready = send_greeting };
	send_greeting(&vm->client);
}

/* A VM that was killed and started again may be here before its end was looked at. */
static bool is_gone(int fd)
{
	char byte;

	return recv(fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK) == 0;
}

/*
 * Each connection is work for the daemon, and for the scanner that neighbours share: some are free, and then one a
 * second. Those that come sooner wait where they are, in the socket's backlog.
 */
static bool too_soon(const struct timer_vm *vm)
{
	return !vm->daemon->config->testing &&
	       vm->dry_ms > timer_loop_now_ms() + (CONNECTIONS_AT_ONCE - 1) * CONNECTION_MS;
}

static void count_connection(struct timer_vm *vm)
{
	uint64_t now = timer_loop_now_ms();

	vm->dry_ms = (vm->dry_ms > now ? vm->dry_ms : now) + CONNECTION_MS;
}

void timer_server_look(struct timer_vm *vm)
{
	if (vm->waits && !too_soon(vm) && !timer_loop_watch(vm->daemon->loop, &vm->listener, false))
		vm->waits = false;
}

static void accept_client(struct timer_source *source)
{
	struct timer_vm *vm = TIMER_SOURCE_OF(source, struct timer_vm, listener);
	struct ucred who = { 0 };
	socklen_t size = sizeof(who);
	int fd;

	if (too_soon(vm)) {
		timer_log_limited(&vm->log, "VM %s: it connects too often: the next connection waits", vm->config.name);
		timer_loop_unwatch(source);
		vm->waits = true;
		return;
	}
	fd = timer_loop_accept(source);
	if (fd < 0)
		return;
	count_connection(vm);
	getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size);
	if (vm->client.fd >= 0 && is_gone(vm->client.fd))
		client_readable(&vm->client);
	if (vm->client.fd < 0) {
		begin_client(vm, fd, &who);
		return;
	}
	vm->refused++;
	timer_log_limited(&vm->log, "VM %s: refused a second connection, by process %d of user %d", vm->config.name,
			  who.pid, (int)who.uid);
	close(fd);
}

static int socket_of(const struct timer_vm *vm, struct timer_socket_path *path, struct isolat_error *err)
{
	return timer_socket_path(path, vm->daemon->config->run_dir, timer_socket_name(&vm->config).text, err);
}

int timer_server_open(struct timer_vm *vm, struct isolat_error *err)
{
	struct timer_socket_name name = timer_socket_name(&vm->config);

	vm->client.fd = -1;
	vm->listener = (struct timer_source){
		.fd = timer_sockets_listen(vm->daemon, name.text, &vm->config.access, err),
		.ready = accept_client,
	};
	if (vm->listener.fd < 0)
		return -1;
	if (!timer_loop_watch(vm->daemon->loop, &vm->listener, false))
		return 0;
	isolat_fail(err, ISOLAT_FAILED, "watch socket", name.text, "%s", strerror(errno));
	timer_server_close(vm);
	timer_sockets_forget(vm->daemon);
	return -1;
}

void timer_server_close(struct timer_vm *vm)
{
	struct timer_socket_path path;
	struct isolat_error err;

	if (vm->client.fd >= 0)
		end_client(vm);
	if (vm->listener.fd >= 0 && !socket_of(vm, &path, &err))
		unlink(path.text);
	timer_loop_close(&vm->listener);
}
