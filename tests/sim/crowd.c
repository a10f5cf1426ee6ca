// SPDX-License-Identifier: BSD-3-Clause
/*
 * crowd THREADS [BURST]: a process that stands for a VM: it has so many threads, and SIGUSR1 gives it one more, SIGUSR2
 * BURST more (default 100), one each millisecond. A new one is cloned from the last.
 */
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static sem_t more;
static volatile sig_atomic_t bursts;

static void ask(int sig)
{
	if (sig == SIGUSR2)
		bursts++;
	else
		sem_post(&more);
}

static void *stand(void *unused)
{
	pthread_t next;

	while (sem_wait(&more))
		;
	if (pthread_create(&next, NULL, stand, NULL))
		perror("crowd");
	for (;;)
		pause();
	return NULL;
}

/* Signals come to this thread: the others block them. */
static void serve(int burst)
{
	sigset_t none;

	sigemptyset(&none);
	for (;;) {
		sigsuspend(&none);
		for (int left = bursts * burst; left > 0; left--) {
			usleep(1000);
			sem_post(&more);
		}
		bursts = 0;
	}
}

int main(int argc, char **argv)
{
	int threads = argc > 1 ? atoi(argv[1]) : 1, burst = argc > 2 ? atoi(argv[2]) : 100;
	sigset_t both;
	pthread_t first;

	sigemptyset(&both);
	sigaddset(&both, SIGUSR1);
	sigaddset(&both, SIGUSR2);
	sigprocmask(SIG_BLOCK, &both, NULL);
	signal(SIGUSR1, ask);
	signal(SIGUSR2, ask);
	sem_init(&more, 0, threads > 2 ? (unsigned int)threads - 2 : 0);
	if (threads > 1 && pthread_create(&first, NULL, stand, NULL))
		return 1;
	puts("ready");
	fflush(stdout);
	serve(burst);
}
