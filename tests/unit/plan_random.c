// SPDX-License-Identifier: BSD-3-Clause
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "plan_machines.h"
#include "plan_random.h"

struct dice {
	uint64_t state;
	const struct host *host;
};

/* splitmix64 */
static uint64_t next(struct dice *d)
{
	uint64_t z = d->state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

/* Both ends may come. */
static uint64_t between(struct dice *d, uint64_t least, uint64_t most)
{
	return least >= most ? least : least + next(d) % (most - least + 1);
}

static bool percent(struct dice *d, unsigned int chance)
{
	return next(d) % 100 < chance;
}

/* --- classes --- */

/* Mostly what leaves room for others; now and then the whole cache, or more than that. */
static struct profile_amount cache_amount(struct dice *d, unsigned int ways, uint64_t bytes)
{
	struct profile_amount a = { .place = { 5 } };
	unsigned int most = percent(d, 70) ? (ways + 3) / 4 : percent(d, 90) ? ways : ways + 2;

	switch (between(d, 0, bytes ? 2 : 1)) {
	case 0:
		a.unit = PROFILE_WAYS;
		a.value = between(d, 1, most);
		break;
	case 1:
		a.unit = PROFILE_PERCENT;
		a.value = between(d, 1, 100000ULL * most / ways);
		break;
	default:
		a.unit = PROFILE_BYTES;
		a.value = percent(d, 50) ? between(d, 1, bytes * most / ways) : bytes / ways * between(d, 1, most);
	}
	return a;
}

static struct profile_amount bandwidth_amount(struct dice *d, enum rdt_mb_unit unit)
{
	struct profile_amount a = { .place = { 6 } };

	if (percent(d, 3)) /* the other unit: the host may not know it */
		unit = unit == RDT_MB_PERCENT ? RDT_MB_MBPS : RDT_MB_PERCENT;
	a.unit = unit == RDT_MB_PERCENT ? PROFILE_PERCENT : PROFILE_MBPS;
	a.value = unit == RDT_MB_PERCENT ? between(d, 1, 100) * (percent(d, 80) ? 1000 : 999) : between(d, 1, 40000);
	return a;
}

static void make_asks(struct dice *d, struct profile_class *c)
{
	const struct rdt_caps *caps = &d->host->caps;
	const struct topology *t = &d->host->topology;
	bool apart = caps->l3.cdp ? percent(d, 50) : percent(d, 1);

	/* What the host lacks is asked for too, but rarely: all of that is refused. */
	if (percent(d, caps->l3.present ? 55 : 3)) {
		unsigned int ways = caps->l3.present ? caps->l3.ways : 16;

		if (apart) {
			c->l3_code = cache_amount(d, ways, t->l3[0].bytes);
			c->l3_data = cache_amount(d, ways, t->l3[0].bytes);
		} else {
			c->l3 = cache_amount(d, ways, t->l3[0].bytes);
		}
	}
	if (percent(d, caps->l2.present ? 40 : 1))
		c->l2 = cache_amount(d, caps->l2.present ? caps->l2.ways : 16, t->l2[0].bytes);
	if (percent(d, caps->mb.present ? 35 : 1))
		c->bandwidth = bandwidth_amount(d, caps->mb.unit);
}

static void make_class(struct dice *d, struct profile_class *c, unsigned int i)
{
	snprintf(c->name, sizeof(c->name), "class%u", i);
	c->place.line = 10 + i;
	c->dedicated = percent(d, 65);
	c->whole_cores = percent(d, 75);
	c->io_ways = percent(d, 20);
	c->memory = percent(d, 25) ? PROFILE_MEMORY_ANY : PROFILE_MEMORY_LOCAL;
	make_asks(d, c);
	/* Exclusive ways are asked for by who asks for ways. */
	c->exclusive = (c->l3.unit || c->l3_code.unit || c->l2.unit) && percent(d, 65);
}

/* --- VMs --- */

static void make_vm(struct dice *d, struct profile_vm *vm, unsigned int i, const struct profile *p, unsigned int load)
{
	const struct topology *t = &d->host->topology;
	unsigned int per_vm = t->n_cpus * load / 100 / p->n_vms, smt = t->cores[t->n_cores - 1].n_cpus;
	const struct profile_class *c;

	vm->class = between(d, 0, p->n_classes - 1);
	c = &p->classes[vm->class];
	snprintf(vm->name, sizeof(vm->name), "vm%u", i);
	vm->place.line = 100 + i;
	vm->vcpus = between(d, 1, per_vm ? 2 * per_vm - 1 : 1);
	if (c->dedicated && c->whole_cores && percent(d, 92))
		vm->vcpus = (vm->vcpus + smt - 1) / smt * smt;
	vm->memory = between(d, 1, 2 * t->n_nodes * (t->nodes[0].bytes >> 20) * load / 100 / p->n_vms);
	vm->memory <<= percent(d, 90) ? 20 : 19;
	vm->node = PROFILE_ANY_NODE;
	vm->span_nodes = percent(d, 15);
	if (!vm->span_nodes && percent(d, 20))
		vm->node = percent(d, 3) ? 1000 : t->nodes[between(d, 0, t->n_nodes - 1)].os;
	vm->exitless_timer = percent(d, 25);
}

/* --- the host's own --- */

/* The CPUs of a few cores that are anywhere, now and then without one sibling. */
static char *some_cores(struct dice *d, unsigned int n)
{
	const struct topology *t = &d->host->topology;
	char *list = NULL;
	size_t size;
	FILE *out = open_memstream(&list, &size);
	unsigned int core = between(d, 0, t->n_cores - 1);
	bool first = true;

	for (unsigned int i = 0; i < n && i < t->n_cores; i++, core = (core + 1) % t->n_cores) {
		const struct topology_core *c = &t->cores[core];
		unsigned int cpus = percent(d, 10) ? 1 : c->n_cpus;

		for (unsigned int k = 0; k < cpus; k++, first = false)
			fprintf(out, "%s%u", first ? "" : ",", t->cpus[c->cpus[k]].os);
	}
	fclose(out);
	return list;
}

static void make_housekeeping(struct dice *d, struct profile *p)
{
	const struct topology *t = &d->host->topology;
	unsigned int in_node = t->nodes[t->cores[0].node].n_cores;

	p->housekeeping_cores = percent(d, 70) ? 1 : between(d, 1, in_node > 4 ? 4 : in_node);
	if (percent(d, 15))
		p->housekeeping_cpus = some_cores(d, between(d, 1, 3));
}

/* The last core of each node; not with a list of housekeeping CPUs, that could be the same. */
static void make_agent(struct dice *d, struct profile *p)
{
	const struct topology *t = &d->host->topology;
	size_t size;
	FILE *out;

	if (percent(d, 40) && (d->host->caps.l3.present || percent(d, 5)))
		p->agent_l3 = cache_amount(d, d->host->caps.l3.present ? d->host->caps.l3.ways : 16, t->l3[0].bytes);
	if (p->housekeeping_cpus || p->housekeeping_cores > 1 || !percent(d, 10) || t->n_cores < 4)
		return;
	out = open_memstream(&p->agent_cpus, &size);
	for (unsigned int node = 0; node < t->n_nodes; node++) {
		unsigned int last = TOPOLOGY_NONE;

		for (unsigned int i = 1; i < t->n_cores; i++)
			last = t->cores[i].node == node ? i : last;
		for (unsigned int k = 0; last != TOPOLOGY_NONE && k < t->cores[last].n_cpus; k++)
			fprintf(out, "%s%u", ftell(out) ? "," : "", t->cpus[t->cores[last].cpus[k]].os);
	}
	fclose(out);
}

void plan_random_make(uint64_t seed, const struct host *host, struct profile *p)
{
	struct dice d = { seed, host };
	unsigned int cores = host->topology.n_cores, load = between(&d, 20, 110);
	unsigned int most = cores > 8 ? 64 : percent(&d, 80) ? 6 : 12;

	memset(p, 0, sizeof(*p));
	p->file = strdup("random.yaml");
	p->n_classes = between(&d, 1, 4);
	p->classes = plan_calloc(p->n_classes, sizeof(*p->classes));
	for (unsigned int i = 0; i < p->n_classes; i++)
		make_class(&d, &p->classes[i], i);
	p->n_vms = percent(&d, 50) ? between(&d, 1, 4) : between(&d, 1, most);
	p->vms = plan_calloc(p->n_vms, sizeof(*p->vms));
	for (unsigned int i = 0; i < p->n_vms; i++)
		make_vm(&d, &p->vms[i], i, p, load);
	make_housekeeping(&d, p);
	make_agent(&d, p);
	p->free_closids = percent(&d, 25) ? between(&d, 1, 3) : 0;
}

void plan_random_free(struct profile *p)
{
	free(p->classes);
	free(p->vms);
	free(p->file);
	free(p->housekeeping_cpus);
	free(p->agent_cpus);
	memset(p, 0, sizeof(*p));
}

/* --- in words --- */

static void say_amount(FILE *out, const char *what, const struct profile_amount *a)
{
	static const char *const unit[] = { [PROFILE_WAYS] = " ways",
					    [PROFILE_PERCENT] = "/1000 %",
					    [PROFILE_BYTES] = " bytes",
					    [PROFILE_MBPS] = " MB/s" };

	if (a->unit)
		fprintf(out, " %s=%" PRIu64 "%s", what, a->value, unit[a->unit]);
}

void plan_random_describe(FILE *out, const struct profile *p)
{
	fprintf(out, "#   housekeeping %u%s%s, agent%s%s", p->housekeeping_cores, p->housekeeping_cpus ? " cpus=" : "",
		p->housekeeping_cpus ? p->housekeeping_cpus : "", p->agent_cpus ? " cpus=" : "",
		p->agent_cpus ? p->agent_cpus : "");
	say_amount(out, "l3", &p->agent_l3);
	fprintf(out, ", %u CLOSIDs free\n", p->free_closids);
	for (unsigned int i = 0; i < p->n_classes; i++) {
		const struct profile_class *c = &p->classes[i];

		fprintf(out, "#   %s: %s%s%s%s%s", c->name, c->dedicated ? "dedicated" : "shared cores",
			c->whole_cores ? ", whole cores" : "", c->exclusive ? ", exclusive" : "",
			c->io_ways ? ", I/O ways" : "", c->memory == PROFILE_MEMORY_ANY ? ", any memory" : "");
		say_amount(out, "l3", &c->l3);
		say_amount(out, "code", &c->l3_code);
		say_amount(out, "data", &c->l3_data);
		say_amount(out, "l2", &c->l2);
		say_amount(out, "bandwidth", &c->bandwidth);
		fputc('\n', out);
	}
	for (unsigned int i = 0; i < p->n_vms; i++) {
		const struct profile_vm *v = &p->vms[i];

		fprintf(out, "#   %s: %s, %u vCPUs, %" PRIu64 " KiB%s%s", v->name, p->classes[v->class].name, v->vcpus,
			v->memory >> 10, v->span_nodes ? ", may span" : "", v->exitless_timer ? ", timer" : "");
		if (v->node != PROFILE_ANY_NODE)
			fprintf(out, ", node %u", v->node);
		fputc('\n', out);
	}
}
