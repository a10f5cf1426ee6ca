// SPDX-License-Identifier: BSD-3-Clause
#include "profile_check.h"

#include <string.h>

/* The entry that is child @index of the list @key; it is there. */
static const struct profile_node *entry(const struct profile_node *root, const char *key, unsigned int index)
{
	const struct profile_node *node = profile_yaml_find(root, key)->first;

	while (index--)
		node = node->next;
	return node;
}

int profile_check_classes(const struct profile *p, const struct profile_node *root, struct isolat_error *err)
{
	for (unsigned int i = 0; i < p->n_classes; i++) {
		for (unsigned int j = 0; j < i; j++) {
			if (!strcmp(p->classes[i].name, p->classes[j].name))
				return profile_yaml_fail(p->file, profile_yaml_find(entry(root, "classes", i), "name"),
							 err, "'%s' is the class in line %u already",
							 p->classes[i].name, p->classes[j].place.line);
		}
	}
	return 0;
}

static bool same_match(const struct profile_match *a, const struct profile_match *b)
{
	if (a->by != b->by)
		return false;
	return a->by == PROFILE_BY_PID ? a->pid == b->pid : !strcmp(a->text, b->text);
}

static int check_pair(const struct profile *p, unsigned int i, unsigned int j, const struct profile_node *root,
		      struct isolat_error *err)
{
	const struct profile_vm *vm = &p->vms[i], *other = &p->vms[j];
	const struct profile_node *node, *match;

	if (!strcmp(vm->name, other->name))
		return profile_yaml_fail(p->file, profile_yaml_find(entry(root, "vms", i), "name"), err,
					 "'%s' is the VM in line %u already", vm->name, other->place.line);
	if (!same_match(&vm->match, &other->match))
		return 0;
	node = entry(root, "vms", i);
	match = profile_yaml_find(node, "match");
	return profile_yaml_fail(p->file, match ? match->first : profile_yaml_find(node, "name"), err,
				 "recognises the same VM as '%s' in line %u", other->name, other->match.place.line);
}

int profile_check_vms(const struct profile *p, const struct profile_node *root, struct isolat_error *err)
{
	for (unsigned int i = 0; i < p->n_vms; i++) {
		for (unsigned int j = 0; j < i; j++) {
			if (check_pair(p, i, j, root, err))
				return -1;
		}
	}
	return 0;
}
