// SPDX-License-Identifier: BSD-3-Clause
/*
 * pingpong pipe|tcp SECONDS [SERVER_US]: two processes, each bound to a CPU, pass a byte to and fro, through pipes or
 * through a TCP connection on the loopback. The second one works for SERVER_US before it answers.
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct end {
	int in, out;
};

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static void bind_to(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		perror("sched_setaffinity");
}

static void need(int ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	exit(1);
}

static void make_pipes(struct end *a, struct end *b)
{
	int to[2], back[2];

	need(!pipe(to) && !pipe(back), "pipe");
	*a = (struct end){ .in = back[0], .out = to[1] };
	*b = (struct end){ .in = to[0], .out = back[1] };
}

static void make_tcp(struct end *a, struct end *b)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM, 0), one = 1;

	need(!bind(listener, (struct sockaddr *)&address, length) && !listen(listener, 1), "listen");
	need(!getsockname(listener, (struct sockaddr *)&address, &length), "getsockname");
	a->in = a->out = socket(AF_INET, SOCK_STREAM, 0);
	need(!connect(a->in, (struct sockaddr *)&address, length), "connect");
	b->in = b->out = accept(listener, NULL, NULL);
	need(b->in >= 0, "accept");
	setsockopt(a->in, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	setsockopt(b->in, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	close(listener);
}

static void answer(struct end end, double work)
{
	char byte;

	while (read(end.in, &byte, 1) == 1) {
		for (double until = now() + work; now() < until;)
			;
		if (write(end.out, &byte, 1) != 1)
			break;
	}
}

int main(int argc, char **argv)
{
	double seconds = argc > 2 ? atof(argv[2]) : 0, work = argc > 3 ? atof(argv[3]) / 1e6 : 0, end;
	struct end a, b;
	long rounds = 0;
	char byte = 0;
	pid_t child;

	if (seconds <= 0 || (strcmp(argv[1], "pipe") && strcmp(argv[1], "tcp"))) {
		fprintf(stderr, "usage: pingpong pipe|tcp SECONDS [SERVER_US]\n");
		return 2;
	}
	(strcmp(argv[1], "tcp") ? make_pipes : make_tcp)(&a, &b);
	child = fork();
	need(child >= 0, "fork");
	if (!child) {
		bind_to(1);
		close(a.in);
		close(a.out);
		answer(b, work);
		return 0;
	}
	bind_to(0);
	close(b.in);
	close(b.out);
	for (end = now() + seconds; now() < end; rounds++)
		need(write(a.out, &byte, 1) == 1 && read(a.in, &byte, 1) == 1, "ask");
	close(a.in);
	close(a.out);
	waitpid(child, NULL, 0);
	printf("%ld round trips in %.1f s\n", rounds, seconds);
	return 0;
}
