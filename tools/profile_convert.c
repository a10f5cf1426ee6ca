// SPDX-License-Identifier: BSD-3-Clause
#include "profile_convert.h"

#include <stdlib.h>
#include <string.h>

#define Q(word) (profile_quote(word).text)

static int no_memory(struct profile_why *why)
{
	why->no_memory = true;
	return -1;
}

static int copy(char **to, const char *text, struct profile_why *why)
{
	*to = strdup(text);
	return *to ? 0 : no_memory(why);
}

/*
 * One for each sort of value: key by key, they say whose value is refused, and leave the default where the file has
 * nothing.
 */
static int set_bool(const char *key, const char *text, bool *value, struct profile_why *why)
{
	why->key = key;
	return text ? profile_bool(text, value, why) : 0;
}

static int set_name(const char *key, const char *text, char *name, struct profile_why *why)
{
	why->key = key;
	if (profile_check_name(text, why))
		return -1;
	snprintf(name, PROFILE_MAX_NAME + 1, "%s", text);
	return 0;
}

static int set_cache(const char *key, const char *text, struct profile_amount *amount, struct profile_why *why)
{
	why->key = key;
	return text ? profile_cache(text, amount, why) : 0;
}

static int set_integer(const char *key, const char *text, unsigned int min, unsigned int max, unsigned int *value,
		       struct profile_why *why)
{
	why->key = key;
	return text ? profile_integer(text, min, max, value, why) : 0;
}

static int set_cpus(const char *key, const char *text, char **cpus, struct profile_why *why)
{
	why->key = key;
	if (!text)
		return 0;
	return profile_check_cpus(text, why) ? -1 : copy(cpus, text, why);
}

/* ---- Classes ------------------------------------------------------------------------------------------------------*/

static int convert_cores(const struct profile_raw_class *raw, struct profile_class *class, struct profile_why *why)
{
	static const char *const words[] = { "shared", "dedicated", NULL };
	unsigned int index = 0;

	why->key = "cores";
	if (raw->cores && profile_word(raw->cores, words, &index, why))
		return -1;
	class->dedicated = index == 1;
	class->whole_cores = class->dedicated;
	if (set_bool("whole_cores", raw->whole_cores, &class->whole_cores, why))
		return -1;
	if (class->whole_cores && !class->dedicated)
		return profile_refuse(why, "only for 'cores: dedicated'");
	return 0;
}

static int check_cache(const struct profile_class *class, struct profile_why *why)
{
	bool code = class->l3_code.unit, data = class->l3_data.unit;

	why->key = code ? "cache.l3_code" : "cache.l3_data";
	if (class->l3.unit && (code || data))
		return profile_refuse(why, "together with l3; it is one or the other");
	if (code != data)
		return profile_refuse(why, "without %s; it takes both", code ? "l3_data" : "l3_code");
	why->key = class->exclusive ? "cache.exclusive" : "cache.io_ways";
	if ((class->exclusive || class->io_ways) && !class->l3.unit && !code)
		return profile_refuse(why, "without l3, or l3_code and l3_data");
	return 0;
}

static int convert_cache(const struct profile_raw_cache *raw, struct profile_class *class, struct profile_why *why)
{
	if (!raw)
		return 0;
	if (set_cache("cache.l3", raw->l3, &class->l3, why) ||
	    set_cache("cache.l3_code", raw->l3_code, &class->l3_code, why) ||
	    set_cache("cache.l3_data", raw->l3_data, &class->l3_data, why) ||
	    set_cache("cache.l2", raw->l2, &class->l2, why) ||
	    set_bool("cache.exclusive", raw->exclusive, &class->exclusive, why) ||
	    set_bool("cache.io_ways", raw->io_ways, &class->io_ways, why))
		return -1;
	return check_cache(class, why);
}

int profile_convert_class(const struct profile_raw_class *raw, struct profile_class *class, struct profile_why *why)
{
	static const char *const words[] = { "local", "any", NULL };
	unsigned int index = 0;

	if (set_name("name", raw->name, class->name, why) || convert_cores(raw, class, why) ||
	    convert_cache(raw->cache, class, why))
		return -1;
	why->key = "bandwidth";
	if (raw->bandwidth && profile_bandwidth(raw->bandwidth, &class->bandwidth, why))
		return -1;
	why->key = "memory";
	if (raw->memory && profile_word(raw->memory, words, &index, why))
		return -1;
	class->memory = index ? PROFILE_MEMORY_ANY : PROFILE_MEMORY_LOCAL;
	return 0;
}

/* ---- VMs ----------------------------------------------------------------------------------------------------------*/

static int convert_cgroup(const char *text, struct profile_match *match, struct profile_why *why)
{
	text += *text == '/'; /* both ways of writing are common */
	return profile_check_cgroup(text, why) ? -1 : copy(&match->text, text, why);
}

static int convert_match(const struct profile_raw_match *raw, struct profile_vm *vm, struct profile_why *why)
{
	struct profile_match *match = &vm->match;
	const char *text;

	match->by = PROFILE_BY_NAME;
	if (!raw)
		return copy(&match->text, vm->name, why);
	why->key = "match";
	if (!!raw->name + !!raw->domain + !!raw->cgroup + !!raw->pid != 1)
		return profile_refuse(why, "it takes one of name, domain, cgroup and pid");
	if (raw->pid) {
		match->by = PROFILE_BY_PID;
		return set_integer("match.pid", raw->pid, 1, PROFILE_MAX_PID, &match->pid, why);
	}
	if (raw->cgroup) {
		match->by = PROFILE_BY_CGROUP;
		why->key = "match.cgroup";
		return convert_cgroup(raw->cgroup, match, why);
	}
	match->by = raw->domain ? PROFILE_BY_DOMAIN : PROFILE_BY_NAME;
	why->key = raw->domain ? "match.domain" : "match.name";
	text = raw->domain ? raw->domain : raw->name;
	return profile_check_text(text, why) ? -1 : copy(&match->text, text, why);
}

static int find_class(const char *name, const struct profile *p, unsigned int *class, struct profile_why *why)
{
	const char *words[PROFILE_MAX_CLASSES + 1] = { NULL };

	why->key = "class";
	for (unsigned int i = 0; i < p->n_classes; i++)
		words[i] = p->classes[i].name;
	if (!profile_word(name, words, class, why))
		return 0;
	snprintf(why->reason, sizeof(why->reason), *name ? "no class %s is defined" : "the value is empty", Q(name));
	return -1;
}

static int convert_node(const struct profile_raw_vm *raw, struct profile_vm *vm, struct profile_why *why)
{
	vm->node = PROFILE_ANY_NODE;
	if (raw->node && strcmp(raw->node, "any") &&
	    set_integer("node", raw->node, 0, PROFILE_MAX_NODE, &vm->node, why)) {
		snprintf(why->hint, sizeof(why->hint), "the kernel's number of a NUMA node, or any");
		return -1;
	}
	if (set_bool("span_nodes", raw->span_nodes, &vm->span_nodes, why))
		return -1;
	if (vm->span_nodes && vm->node != PROFILE_ANY_NODE)
		return profile_refuse(why, "together with node %u; it is one or the other", vm->node);
	return 0;
}

int profile_convert_vm(const struct profile_raw_vm *raw, const struct profile *p, struct profile_vm *vm,
		       struct profile_why *why)
{
	if (set_name("name", raw->name, vm->name, why) || convert_match(raw->match, vm, why) ||
	    find_class(raw->class, p, &vm->class, why) ||
	    set_integer("vcpus", raw->vcpus, 1, PROFILE_MAX_VCPUS, &vm->vcpus, why))
		return -1;
	why->key = "memory";
	if (profile_bytes(raw->memory, PROFILE_MIN_MEMORY, &vm->memory, why) || convert_node(raw, vm, why))
		return -1;
	return set_bool("exitless_timer", raw->exitless_timer, &vm->exitless_timer, why);
}

/* ---- The host -----------------------------------------------------------------------------------------------------*/

static int convert_housekeeping(const struct profile_raw_housekeeping *raw, struct profile *p, struct profile_why *why)
{
	p->housekeeping_cores = 1;
	if (!raw)
		return 0;
	if (set_integer("housekeeping.cores", raw->cores, 1, PROFILE_MAX_CPU + 1, &p->housekeeping_cores, why) ||
	    set_cpus("housekeeping.cpus", raw->cpus, &p->housekeeping_cpus, why))
		return -1;
	if (raw->cores && raw->cpus)
		return profile_refuse(why, "together with cores; it is one or the other");
	if (raw->cpus)
		p->housekeeping_cores = 0;
	return 0;
}

static int convert_agent(const struct profile_raw_agent *raw, struct profile *p, struct profile_why *why)
{
	if (!raw)
		return 0;
	if (set_cpus("timer_agent.cpus", raw->cpus, &p->agent_cpus, why))
		return -1;
	return raw->cache ? set_cache("timer_agent.cache.l3", raw->cache->l3, &p->agent_l3, why) : 0;
}

int profile_convert_host(const struct profile_raw *raw, struct profile *p, struct profile_why *why)
{
	if (convert_housekeeping(raw->housekeeping, p, why) || convert_agent(raw->timer_agent, p, why))
		return -1;
	if (!raw->closids)
		return 0;
	return set_integer("closids.free", raw->closids->free, 0, PROFILE_MAX_FREE_CLOSIDS, &p->free_closids, why);
}
