// SPDX-License-Identifier: BSD-3-Clause
/* A scanner's process, as the daemon starts it. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "timer_fake.h"
#include "timer_scanner.h"

#define VMS	4
#define WAIT_MS 10000

static struct fake_vm vms[VMS];

/* Until VM @i has the answer to its question. */
static uint64_t answer(unsigned int i)
{
	const struct timespec pause = { .tv_nsec = 1000000 };
	const struct exitless_header *header = vms[i].page.header;

	for (unsigned int ms = 0; __atomic_load_n(&header->sync_ack, __ATOMIC_ACQUIRE) != 1; ms++) {
		assert_true(ms < WAIT_MS);
		nanosleep(&pause, NULL);
	}
	return header->sync_host_tsc;
}

/*
 * VMs that are all there when it starts, as after a death: between any two it makes a pass, and with that its beat. A
 * pass answers questions, so the answers come in the order of the VMs; one pass over all visits the last one first.
 */
static void test_passes_between_vms(void **state)
{
	struct timer_scanner_config config = { .limits = timer_scan_defaults, .tsc_khz = 1000000 };
	struct timer_scanner scanner = { .cpu = -1, .pid = -1, .socket = -1 };
	struct isolat_error err;
	uint64_t before = 0;
	int status;

	assert_int_equal(timer_scanner_start(&scanner, &config, &err), 0);
	kill(scanner.pid, SIGSTOP);
	assert_int_equal(waitpid(scanner.pid, &status, WUNTRACED), scanner.pid);
	for (unsigned int i = 0; i < VMS; i++) {
		fake_vm_make(&vms[i], 2, 1);
		fake_vm_run(&vms[i], 1);
		vms[i].page.header->sync_seq = 1;
		assert_int_equal(timer_scanner_add(&scanner, i, &vms[i].page, vms[i].signals, vms[i].doorbell, &err),
				 0);
	}
	kill(scanner.pid, SIGCONT);
	for (unsigned int i = 0; i < VMS; i++) {
		assert_true(answer(i) > before);
		before = answer(i);
	}
	timer_scanner_hang_up(&scanner);
	assert_int_equal(waitpid(scanner.pid, &status, 0), scanner.pid);
	assert_int_equal(status, 0);
	for (unsigned int i = 0; i < VMS; i++) {
		assert_int_equal(vms[i].page.header->agent_state, EXITLESS_AGENT_DEAD);
		fake_vm_free(&vms[i]);
	}
	timer_scanner_free(&scanner);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_passes_between_vms),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
