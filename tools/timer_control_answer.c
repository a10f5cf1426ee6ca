// SPDX-License-Identifier: BSD-3-Clause
/* What the daemon does when it is asked. */
#include "timer_control.h"

#include <string.h>

#include "report.h"
#include "timer_log.h"
#include "timer_supervise.h"
#include "timer_vms.h"

typedef json_t *(*answer_fn)(struct timer_daemon *d, const json_t *request, struct isolat_error *err);

static int bad_request(struct isolat_error *err, const char *reason)
{
	return isolat_fail(err, ISOLAT_USAGE, "read request", NULL, "%s", reason);
}

static json_t *answer_status(struct timer_daemon *d, const json_t *request, struct isolat_error *err)
{
	(void)request;
	(void)err;
	return timer_control_status(d);
}

static json_t *answer_add(struct timer_daemon *d, const json_t *request, struct isolat_error *err)
{
	struct timer_vm_config config;

	if (timer_vm_config_from_json(json_object_get(request, "vm"), &config, err) || timer_vms_add(d, &config, err))
		return NULL;
	return json_object();
}

static json_t *answer_remove(struct timer_daemon *d, const json_t *request, struct isolat_error *err)
{
	const char *name = json_string_value(json_object_get(request, "name"));
	struct timer_vm *vm = name ? timer_vms_find(d, name) : NULL;

	if (!name)
		bad_request(err, "no name");
	else if (!vm)
		isolat_fail(err, ISOLAT_USAGE, "remove VM", name, "there is none of this name");
	if (!vm)
		return NULL;
	timer_vms_remove(vm);
	return json_object();
}

static json_t *answer_restart(struct timer_daemon *d, const json_t *request, struct isolat_error *err)
{
	const json_t *cpu = json_object_get(request, "cpu");

	for (unsigned int i = 0; json_is_integer(cpu) && i < d->n_scanners; i++) {
		if (d->scanners[i].cpu != json_integer_value(cpu))
			continue;
		timer_supervise_restart(d, &d->scanners[i], "restarts on demand");
		return json_object();
	}
	bad_request(err, "no scanner is on that CPU");
	return NULL;
}

static json_t *answer_jump(struct timer_daemon *d, const json_t *request, struct isolat_error *err)
{
	const json_t *cycles = json_object_get(request, "cycles");

	if (!d->config->testing || !json_is_integer(cycles)) {
		bad_request(err, d->config->testing ? "no cycles" : "only with --testing");
		return NULL;
	}
	for (unsigned int i = 0; i < d->n_scanners; i++) {
		if (timer_scanner_jump(&d->scanners[i], json_integer_value(cycles), err))
			return NULL;
	}
	return json_object();
}

static const struct {
	const char *what;
	answer_fn answer;
} requests[] = {
	{ "status", answer_status },	       { "add", answer_add },	{ "remove", answer_remove },
	{ "restart-scanner", answer_restart }, { "jump", answer_jump },
};

static json_t *dispatch(struct timer_daemon *d, const json_t *request, struct isolat_error *err)
{
	const char *what = json_string_value(json_object_get(request, "do"));

	for (size_t i = 0; what && i < sizeof(requests) / sizeof(*requests); i++) {
		if (!strcmp(requests[i].what, what))
			return requests[i].answer(d, request, err);
	}
	bad_request(err, what ? "no such request" : "not a request");
	return NULL;
}

json_t *timer_control_answer(struct timer_daemon *d, const char *line, size_t length)
{
	json_t *request = json_loadb(line, length, JSON_REJECT_DUPLICATES, NULL);
	struct isolat_error err = { .code = ISOLAT_OK };
	json_t *answer = dispatch(d, request, &err);

	json_decref(request);
	return answer || err.code == ISOLAT_OK ? answer : report_error_json(&err);
}
