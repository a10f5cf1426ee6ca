// SPDX-License-Identifier: BSD-3-Clause
/* The daemon's figures as JSON. A scanner writes them while they are read: each is right, their sums only about. */
#include "timer_control.h"

#include <unistd.h>

#include "timer_vms.h"

struct lateness {
	uint64_t fired, max;
	uint64_t bins[TIMER_LATE_BINS];
};

static uint64_t read_once(const uint64_t *value)
{
	return __atomic_load_n(value, __ATOMIC_RELAXED);
}

static json_t *number(uint64_t value)
{
	return json_integer((json_int_t)value);
}

static json_t *count(const uint64_t *value)
{
	return number(read_once(value));
}

/* ---- Lateness ---- */

static void add_lateness(struct lateness *sum, const struct timer_slot_stats *slot)
{
	uint64_t max = read_once(&slot->late_max);

	for (unsigned int i = 0; i < TIMER_LATE_BINS; i++) {
		uint32_t n = __atomic_load_n(&slot->late[i], __ATOMIC_RELAXED);

		sum->bins[i] += n;
		sum->fired += n;
	}
	if (max > sum->max)
		sum->max = max;
}

/* The upper end of the bin in which the timer lies that is later than @permille of all: no timer's exact lateness. */
static json_t *quantile(const struct lateness *l, unsigned int permille)
{
	uint64_t want = (l->fired * permille + 999) / 1000, seen = 0;
	unsigned int bin = 0;

	if (!l->fired)
		return json_null();
	for (; bin < TIMER_LATE_BINS - 1; bin++) {
		seen += l->bins[bin];
		if (seen >= want)
			break;
	}
	return number((uint64_t)2 << bin < l->max ? (uint64_t)2 << bin : l->max);
}

static json_t *bins(const struct lateness *l)
{
	json_t *array = json_array();
	unsigned int n = TIMER_LATE_BINS;

	while (n && !l->bins[n - 1])
		n--;
	for (unsigned int i = 0; i < n; i++)
		json_array_append_new(array, number(l->bins[i]));
	return array;
}

static json_t *lateness(const struct lateness *l)
{
	return json_pack("{s:o, s:o, s:o, s:o}", "p50_ns", quantile(l, 500), "p99_ns", quantile(l, 990), "max_ns",
			 l->fired ? number(l->max) : json_null(), "bins", bins(l));
}

/* ---- VMs ---- */

static json_t *vcpu(unsigned int n, const struct timer_slot_stats *slot)
{
	struct lateness late = { 0 };

	add_lateness(&late, slot);
	return json_pack("{s:i, s:o, s:o, s:o}", "slot", (int)n, "armed", count(&slot->armed), "fired",
			 count(&slot->fired), "late", lateness(&late));
}

/* Slots that were armed: a VM may have many more than it uses. */
static json_t *vcpus(const struct timer_vm *vm, const struct timer_vm_stats *stats)
{
	json_t *array = json_array();

	for (unsigned int i = 0; i < vm->config.slots; i++) {
		const struct timer_slot_stats *slot = &stats->slots[i];

		if (read_once(&slot->armed) || read_once(&slot->fired))
			json_array_append_new(array, vcpu(i, slot));
	}
	return array;
}

static json_t *figures(const struct timer_vm *vm, const struct timer_vm_stats *stats)
{
	uint32_t version = __atomic_load_n(&stats->guest_version, __ATOMIC_RELAXED);
	bool runs = __atomic_load_n(&stats->guest_state, __ATOMIC_RELAXED) == EXITLESS_GUEST_RUNS;
	bool parked = __atomic_load_n(&stats->is_parked, __ATOMIC_RELAXED);
	struct lateness late = { 0 };
	uint64_t armed = 0, fired = 0;
	char text[24];

	for (unsigned int i = 0; i < vm->config.slots; i++) {
		add_lateness(&late, &stats->slots[i]);
		armed += read_once(&stats->slots[i].armed);
		fired += read_once(&stats->slots[i].fired);
	}
	snprintf(text, sizeof(text), "%u.%u", version >> 16, version & 0xffff);
	return json_pack("{s:b, s:o, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "guest_runs", runs,
			 "guest_version", runs ? json_string(text) : json_null(), "is_parked", parked, "armed",
			 number(armed), "fired", number(fired), "late", lateness(&late), "limited",
			 count(&stats->limited), "parked", count(&stats->parked), "rung", count(&stats->rung), "syncs",
			 count(&stats->syncs), "jumps", count(&stats->jumps), "refused", count(&stats->refused),
			 "blocked", count(&stats->blocked), "vcpus", vcpus(vm, stats));
}

/* One that nobody serves has the same members. */
static const struct timer_vm_stats *stats_of(const struct timer_vm *vm)
{
	static const struct timer_vm_stats none;

	return vm->served && vm->scanner->stats ? &vm->scanner->stats->vms[vm->index] : &none;
}

static json_t *describe_vm(const struct timer_vm *vm)
{
	json_t *doc = json_pack("{s:s, s:i, s:i, s:b, s:o, s:o}", "name", vm->config.name, "slots",
				(int)vm->config.slots, "cpu", vm->scanner->cpu, "connected", vm->served, "connections",
				number(vm->connections), "connections_refused", number(vm->refused));
	json_t *counted = figures(vm, stats_of(vm));

	if (!doc || !counted || json_object_update(doc, counted)) {
		json_decref(doc);
		doc = NULL;
	}
	json_decref(counted);
	return doc;
}

/* ---- Scanners ---- */

static json_t *describe_scanner(const struct timer_scanner *s)
{
	const struct timer_stats *stats = s->stats;
	bool runs = s->pid > 0 && !s->killed && stats && read_once(&stats->beat);

	return json_pack("{s:i, s:i, s:b, s:i, s:I, s:I, s:i, s:f, s:o, s:o, s:o}", "cpu", s->cpu, "node", s->node,
			 "running", runs, "pid", (int)s->pid, "generation", (json_int_t)s->generation, "restarts",
			 (json_int_t)s->restarts, "vms", (int)s->n_vms, "cpu_pct", s->cpu_pct, "gaps",
			 stats ? count(&stats->gaps) : json_null(), "gap_max_ns",
			 stats ? count(&stats->gap_max) : json_null(), "sleeps",
			 stats ? count(&stats->sleeps) : json_null());
}

json_t *timer_control_status(const struct timer_daemon *d)
{
	json_t *vms = json_array(), *scanners = json_array();

	for (unsigned int i = 0; i < TIMER_MAX_VMS; i++) {
		if (d->vms[i])
			json_array_append_new(vms, describe_vm(d->vms[i]));
	}
	for (unsigned int i = 0; i < d->n_scanners; i++)
		json_array_append_new(scanners, describe_scanner(&d->scanners[i]));
	return json_pack("{s:i, s:i, s:o, s:o}", "version", 1, "pid", (int)getpid(), "scanners", scanners, "vms", vms);
}
