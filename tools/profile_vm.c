// SPDX-License-Identifier: BSD-3-Clause
/* The short form of a VM, on a command line: KEY=VALUE,... */
#include <stdlib.h>
#include <string.h>

#include "profile_convert.h"

#define ERROR "read VM"

enum { NAME, CLASS, VCPUS, MEMORY, NODE, SPAN_NODES, EXITLESS_TIMER, KEYS };

static const char *const keys[KEYS + 1] = {
	[NAME] = "name",
	[CLASS] = "class",
	[VCPUS] = "vcpus",
	[MEMORY] = "memory",
	[NODE] = "node",
	[SPAN_NODES] = "span_nodes",
	[EXITLESS_TIMER] = "exitless_timer",
	[KEYS] = NULL,
};

/* Takes "KEY=VALUE" apart, in place. */
static int take_pair(char *pair, char *values[KEYS], struct profile_why *why)
{
	char *value = strchr(pair, '=');
	unsigned int key;

	why->key = "";
	if (!value)
		return profile_refuse(why, "%s is not KEY=VALUE", profile_quote(pair).text);
	*value++ = '\0';
	if (profile_word(pair, keys, &key, why)) {
		snprintf(why->reason, sizeof(why->reason), "unknown key %s", profile_quote(pair).text);
		return -1;
	}
	why->key = keys[key];
	if (values[key])
		return profile_refuse(why, "given twice");
	values[key] = value;
	return 0;
}

static int take_pairs(char *text, char *values[KEYS], struct profile_why *why)
{
	static const unsigned int needed[] = { VCPUS, MEMORY, CLASS };
	char *pair;

	while ((pair = strsep(&text, ","))) {
		if (take_pair(pair, values, why))
			return -1;
	}
	why->key = "";
	for (unsigned int i = 0; i < sizeof(needed) / sizeof(*needed); i++) {
		if (!values[needed[i]])
			return profile_refuse(why, "key '%s' is missing", keys[needed[i]]);
	}
	return 0;
}

static int convert(char *text, const struct profile *p, struct profile_vm *vm, struct profile_why *why)
{
	static char default_name[] = "new-vm";
	char *values[KEYS] = { NULL };
	struct profile_raw_vm raw;

	if (take_pairs(text, values, why))
		return -1;
	raw = (struct profile_raw_vm){ .name = values[NAME] ? values[NAME] : default_name,
				       .class = values[CLASS],
				       .vcpus = values[VCPUS],
				       .memory = values[MEMORY],
				       .node = values[NODE],
				       .span_nodes = values[SPAN_NODES],
				       .exitless_timer = values[EXITLESS_TIMER] };
	if (profile_convert_vm(&raw, p, vm, why))
		return -1;
	for (unsigned int i = 0; i < p->n_vms; i++) {
		why->key = "name";
		if (!strcmp(p->vms[i].name, vm->name))
			return profile_refuse(why, "'%s' is a VM of the profile, in line %u", vm->name,
					      p->vms[i].place.line);
	}
	return 0;
}

int profile_parse_vm(const char *text, const struct profile *p, struct profile_vm *vm, struct isolat_error *err)
{
	struct profile_why why = { 0 };
	char *copy = strdup(text);
	int rc;

	*vm = (struct profile_vm){ 0 };
	why.no_memory = !copy;
	rc = copy ? convert(copy, p, vm, &why) : -1;
	free(copy);
	if (!rc)
		return 0;
	profile_vm_free(vm);
	if (why.no_memory)
		return isolat_fail(err, ISOLAT_FAILED, ERROR, text, "out of memory");
	isolat_fail(err, ISOLAT_USAGE, ERROR, text, "%s%s%s", why.key, *why.key ? ": " : "", why.reason);
	return isolat_hint(err, "%s", why.hint);
}
