/* SPDX-License-Identifier: BSD-3-Clause */
/* Sleep states of the machine, ended by the real-time clock. */
#ifndef ISOLAT_CASES_RTC_H
#define ISOLAT_CASES_RTC_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "guest.h"

/* For suspend-to-idle: the number in front of "rtc0" in /proc/interrupts, which must be allowed to wake. */
static void rtc_may_wake(void)
{
	char *text = guest_read_file("/proc/interrupts"), *at = text ? strstr(text, "rtc0") : NULL;
	char param[32];

	while (at && at > text && at[-1] != '\n')
		at--;
	snprintf(param, sizeof(param), "irq=%d", at ? atoi(at) : -1);
	free(text);
	require(!guest_load_module("rtc_wake", param), "the clock's interrupt may wake: %s", param);
}

/* Into @state, "freeze" or "mem", until an alarm two seconds from now. */
static void rtc_sleep(const char *state)
{
	long long seconds;
	int rc;

	/* The last one may not have been put away yet. */
	for (int i = 0; (rc = guest_write_file("/sys/class/rtc/rtc0/wakealarm", "+2")) && i < 100; i++)
		usleep(100 * 1000);
	require(!rc, "set an alarm");
	seconds = guest_read_long("/sys/class/rtc/rtc0/since_epoch");
	rc = guest_write_file("/sys/power/state", state);
	seconds = guest_read_long("/sys/class/rtc/rtc0/since_epoch") - seconds;
	check(!rc, "%s%s%s", state, rc ? ": " : "", rc ? strerror(errno) : "");
	check(seconds >= 1, "the alarm ended it, nothing earlier (%lld s)", seconds);
}

#endif
