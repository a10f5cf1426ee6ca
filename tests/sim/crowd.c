// SPDX-License-Identifier: BSD-3-Clause
/*
 * crowd THREADS: a process that stands for a VM: it has so many threads, and SIGUSR1 gives it one more. The new one is
 * cloned from the last.
 */
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static sem_t more;

static void ask(int sig)
{
	sem_post(&more);
}

static void *stand(void *unused)
{
	pthread_t next;

	while (sem_wait(&more))
		;
	pthread_create(&next, NULL, stand, NULL);
	for (;;)
		pause();
	return NULL;
}

int main(int argc, char **argv)
{
	int threads = argc > 1 ? atoi(argv[1]) : 1;
	pthread_t first;

	signal(SIGUSR1, ask);
	sem_init(&more, 0, threads > 2 ? (unsigned int)threads - 2 : 0);
	if (threads > 1 && pthread_create(&first, NULL, stand, NULL))
		return 1;
	puts("ready");
	fflush(stdout);
	for (;;)
		pause();
}
