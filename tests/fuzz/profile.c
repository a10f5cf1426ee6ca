// SPDX-License-Identifier: BSD-3-Clause
/*
 * libFuzzer on the profile's reader: any bytes are a file, and the same bytes, up to a NUL, the short form of a VM.
 * What is taken must keep what profile.h says of it; what is refused must have its message, and leave nothing behind.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "profile.h"

#define EXPECT(condition)                 \
	do {                              \
		if (!(condition))         \
			__builtin_trap(); \
	} while (0)

static void check_amount(const struct profile_amount *amount, const struct profile_place *end)
{
	static const uint64_t max[] = { 0, PROFILE_MAX_WAYS, PROFILE_PERCENT_100, PROFILE_MAX_BYTES, PROFILE_MAX_MBPS };

	EXPECT(amount->unit <= PROFILE_MBPS);
	EXPECT(!amount->unit == !amount->value);
	EXPECT(amount->value <= max[amount->unit]);
	EXPECT(!amount->unit == !amount->place.line);
	EXPECT(!end || amount->place.line >= end->line || !amount->unit);
}

static void check_class(const struct profile_class *class)
{
	bool any_l3 = class->l3.unit || class->l3_code.unit;

	EXPECT(*class->name && strlen(class->name) <= PROFILE_MAX_NAME);
	EXPECT(class->place.line);
	EXPECT(!class->whole_cores || class->dedicated);
	check_amount(&class->l3, &class->place);
	check_amount(&class->l3_code, &class->place);
	check_amount(&class->l3_data, &class->place);
	check_amount(&class->l2, &class->place);
	check_amount(&class->bandwidth, &class->place);
	EXPECT(!class->l3_code.unit == !class->l3_data.unit);
	EXPECT(!class->l3.unit || !class->l3_code.unit);
	EXPECT(any_l3 || (!class->exclusive && !class->io_ways));
	EXPECT(class->l3.unit != PROFILE_MBPS && class->l2.unit != PROFILE_MBPS);
	EXPECT(class->bandwidth.unit != PROFILE_WAYS && class->bandwidth.unit != PROFILE_BYTES);
}

static void check_vm(const struct profile *p, const struct profile_vm *vm)
{
	EXPECT(*vm->name && strlen(vm->name) <= PROFILE_MAX_NAME);
	EXPECT(!vm->match.text == (vm->match.by == PROFILE_BY_PID));
	EXPECT(!vm->match.pid == (vm->match.by != PROFILE_BY_PID));
	EXPECT(vm->class < p->n_classes);
	EXPECT(vm->vcpus && vm->vcpus <= PROFILE_MAX_VCPUS);
	EXPECT(vm->memory >= PROFILE_MIN_MEMORY && vm->memory <= PROFILE_MAX_BYTES);
	EXPECT(vm->node <= PROFILE_MAX_NODE || vm->node == PROFILE_ANY_NODE);
	EXPECT(!vm->span_nodes || vm->node == PROFILE_ANY_NODE);
}

static void check_profile(const struct profile *p)
{
	EXPECT(p->n_classes && p->n_classes <= PROFILE_MAX_CLASSES && p->n_vms <= PROFILE_MAX_VMS);
	for (unsigned int i = 0; i < p->n_classes; i++)
		check_class(&p->classes[i]);
	for (unsigned int i = 0; i < p->n_vms; i++)
		check_vm(p, &p->vms[i]);
	EXPECT(!p->housekeeping_cores == !!p->housekeeping_cpus);
	EXPECT(p->free_closids <= PROFILE_MAX_FREE_CLOSIDS);
	check_amount(&p->agent_l3, &p->agent_place);
}

static void check_error(const struct isolat_error *err)
{
	EXPECT(err->code == ISOLAT_USAGE); /* not "failed": the tables explain whatever libcyaml refuses */
	EXPECT(*err->what && *err->reason && !strchr(err->what, '\n'));
}

static void try_vm(const uint8_t *data, size_t size, const struct profile *p)
{
	struct isolat_error err = { 0 };
	struct profile_vm vm;
	char *text = strndup((const char *)data, size);

	EXPECT(text);
	if (profile_parse_vm(text, p, &vm, &err)) {
		check_error(&err);
	} else {
		check_vm(p, &vm);
		profile_vm_free(&vm);
	}
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char classes[] = "version: 1\nclasses: [ name: a ]\n";
	struct isolat_error err = { 0 };
	struct profile p;

	if (profile_read_text("f", (const char *)data, size, &p, &err))
		check_error(&err);
	else
		check_profile(&p);
	profile_free(&p);
	if (size > 200)
		return 0; /* longer than any short form */
	EXPECT(!profile_read_text("f", classes, sizeof(classes) - 1, &p, &err));
	try_vm(data, size, &p);
	profile_free(&p);
	return 0;
}
