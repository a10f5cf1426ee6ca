// SPDX-License-Identifier: BSD-3-Clause
#include "step_thread.h"

#include <string.h>

#include "proc_task.h"

int step_thread_parse(const char *what, const char *object, struct step_thread *thread, struct isolat_error *err)
{
	if (proc_task_parse(object, &thread->tid, &thread->start))
		return 0;
	return isolat_fail(err, ISOLAT_FAILED, what, object, "not a number, '@', and a start time");
}

int step_thread_alive(const struct step_host *host, const char *what, const char *object,
		      const struct step_thread *thread, struct isolat_error *err)
{
	int rc = proc_task_alive(step_host_proc(host), thread->tid, thread->start);

	return rc < 0 ? isolat_fail(err, ISOLAT_FAILED, what, object, "%s", strerror(-rc)) : rc;
}
