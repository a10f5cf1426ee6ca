// SPDX-License-Identifier: BSD-3-Clause
/* Mounting, and the making and removing of groups. */
#include "sim.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void sim_clear_status(struct sim *sim)
{
	sim->status[0] = '\0';
	sim->status_full = false;
}

/* As the kernel's buffer: of what does not fit, plain text is left out, a formatted one cut. Nothing follows then. */
void sim_say(struct sim *sim, const char *format, ...)
{
	size_t used = strlen(sim->status), room = sizeof(sim->status) - used;
	va_list ap;
	int n;

	if (sim->status_full)
		return;
	va_start(ap, format);
	n = vsnprintf(sim->status + used, room, format, ap);
	va_end(ap);
	sim->status_full = n < 0 || (size_t)n >= room;
	if (sim->status_full && !strchr(format, '%'))
		sim->status[used] = '\0';
}

struct sim_group *sim_group_next(struct sim_group *from, const struct sim_group *parent)
{
	struct sim_group *g = from->next;

	while (g && g->parent != parent)
		g = g->next;
	return g;
}

struct sim_group *sim_group_find(struct sim *sim, const struct sim_group *parent, const char *name)
{
	struct sim_group *g = &sim->root;

	while ((g = sim_group_next(g, parent)))
		if (!strcmp(g->name, name))
			return g;
	return NULL;
}

/* Every resource has to know a group's class. */
unsigned int sim_closids(const struct sim *sim)
{
	unsigned int least = SIM_MAX_CLOSIDS;

	for (unsigned int i = 0; i < sim->schemata; i++)
		if (sim->schema[i].closids < least)
			least = sim->schema[i].closids;
	return sim->schemata ? least : 1;
}

static bool closid_used(const struct sim *sim, unsigned int closid)
{
	for (const struct sim_group *g = &sim->root; g; g = g->next)
		if (!g->parent && g->closid == closid)
			return true;
	return false;
}

static bool rmid_used(const struct sim *sim, unsigned int rmid)
{
	for (const struct sim_group *g = &sim->root; g; g = g->next)
		if (g->rmid == rmid)
			return true;
	return false;
}

static int take_rmid(struct sim *sim, struct sim_group *group)
{
	unsigned int rmid = 1;

	if (!sim->machine->rmids)
		return 0;
	while (rmid < sim_rmids(sim) && rmid_used(sim, rmid))
		rmid++;
	if (rmid == sim_rmids(sim)) {
		sim_say(sim, "Out of RMIDs\n");
		return -ENOSPC;
	}
	group->rmid = rmid;
	return 0;
}

static int take_closid(struct sim *sim, struct sim_group *group)
{
	unsigned int closid = 1, n = sim_closids(sim);

	while (closid < n && closid_used(sim, closid))
		closid++;
	if (closid >= n) {
		sim_say(sim, "Out of CLOSIDs\n");
		return -ENOSPC;
	}
	group->closid = closid;
	return sim_group_init_shares(sim, group);
}

int sim_group_make(struct sim *sim, struct sim_group *parent, const char *name)
{
	struct sim_group *g;
	int rc;

	if (strlen(name) >= SIM_NAME)
		return -ENAMETOOLONG;
	g = calloc(1, sizeof(*g));
	if (!g)
		return -ENOMEM;
	strcpy(g->name, name);
	g->parent = parent;
	g->serial = ++sim->serials;
	rc = take_rmid(sim, g);
	if (!rc && !parent)
		rc = take_closid(sim, g);
	if (rc) {
		free(g);
		return rc;
	}
	if (parent)
		g->closid = parent->closid;
	g->next = sim->root.next;
	sim->root.next = g;
	return 0;
}

static void forget(struct sim *sim, struct sim_group *group)
{
	struct sim_group *before = &sim->root;

	while (before->next != group)
		before = before->next;
	before->next = group->next;
	free(group);
}

static void remove_control_group(struct sim *sim, struct sim_group *group)
{
	struct sim_group *child;

	while ((child = sim_group_next(&sim->root, group))) {
		sim_tasks_give(sim, child, &sim->root);
		forget(sim, child);
	}
	sim_tasks_give(sim, group, &sim->root);
	sim->root.cpus = sim_cpus_or(sim->root.cpus, group->cpus);
	forget(sim, group);
}

void sim_group_remove(struct sim *sim, struct sim_group *group)
{
	if (!group->parent) {
		remove_control_group(sim, group);
		return;
	}
	sim_tasks_give(sim, group, group->parent);
	forget(sim, group);
}

void sim_group_remove_all(struct sim *sim)
{
	struct sim_group *g;

	while ((g = sim_group_next(&sim->root, NULL)))
		sim_group_remove(sim, g);
	while (sim->root.next)
		sim_group_remove(sim, sim->root.next);
}

/* Linux 6.4 and later let a monitoring group be renamed into another control group's mon_groups. */
int sim_group_move(struct sim *sim, struct sim_group *group, struct sim_group *parent, const char *name)
{
	if (!group->parent) {
		sim_say(sim, "Source must be a MON group\n");
		return -EPERM;
	}
	if (!parent) {
		sim_say(sim, "Destination must be a mon_groups subdirectory\n");
		return -EPERM;
	}
	if (group->parent != parent && !sim_cpus_empty(&group->cpus)) {
		sim_say(sim, "Cannot move a MON group that monitors CPUs\n");
		return -EPERM;
	}
	group->parent = parent;
	group->closid = parent->closid;
	snprintf(group->name, sizeof(group->name), "%s", name);
	return 0;
}

static void reset_shares(struct sim *sim)
{
	for (unsigned int i = 0; i < SIM_RESOURCES; i++)
		for (unsigned int d = 0; d < sim->machine->resource[i].domains; d++)
			sim_group_reset_domain(sim, i, d);
}

static int take_options(struct sim *sim, const char *options)
{
	const struct sim_resource *r = sim->machine->resource;
	char text[256], *rest = text, *option;
	bool l3 = false, l2 = false, mbps = false;

	snprintf(text, sizeof(text), "%s", options ? options : "");
	while ((option = strsep(&rest, ","))) {
		l3 |= !strcmp(option, "cdp");
		l2 |= !strcmp(option, "cdpl2");
		mbps |= !strcmp(option, "mba_MBps");
		if (*option && strcmp(option, "cdp") && strcmp(option, "cdpl2") && strcmp(option, "mba_MBps"))
			return -EINVAL;
	}
	if ((l3 && !r[SIM_L3].cdp_capable) || (l2 && !r[SIM_L2].cdp_capable))
		return -EINVAL;
	if (mbps &&
	    (!r[SIM_MB].closids || !r[SIM_MB].linear || !sim->machine->bandwidth_events || sim_clusters(sim) > 1))
		return -EINVAL;
	sim->cdp[SIM_L3] = l3;
	sim->cdp[SIM_L2] = l2;
	sim->mbps = mbps;
	return 0;
}

int sim_mount(struct sim *sim, const char *options)
{
	int rc;

	if (sim->mounted)
		return -EBUSY;
	rc = take_options(sim, options);
	if (rc)
		return rc;
	sim_clear_status(sim);
	sim_schemata_list(sim);
	reset_shares(sim);
	sim->mounted = true;
	return 0;
}

int sim_unmount(struct sim *sim)
{
	if (!sim->mounted)
		return -EINVAL;
	sim_group_remove_all(sim);
	memset(sim->cdp, 0, sizeof(sim->cdp));
	sim->mbps = false;
	sim->root.mode = SIM_SHAREABLE;
	sim->mounted = false;
	return 0;
}

void sim_print_options(FILE *out, const struct sim *sim)
{
	fprintf(out, "%s%s%s", sim->cdp[SIM_L3] ? ",cdp" : "", sim->cdp[SIM_L2] ? ",cdpl2" : "",
		sim->mbps ? ",mba_MBps" : "");
}

struct sim *sim_new(const struct sim_machine *machine, enum sim_kernel kernel)
{
	struct sim *sim = calloc(1, sizeof(*sim));

	if (!sim)
		return NULL;
	sim->machine = machine;
	sim->kernel = kernel;
	sim->threshold = 65536;
	sim_cpus_add_range(&sim->online, 0, sim_machine_cpus(machine));
	sim->root.cpus = sim->online;
	if (sim_mount(sim, machine->mount_options) || sim_tasks_scan(sim)) {
		sim_free(sim);
		return NULL;
	}
	return sim;
}

void sim_free(struct sim *sim)
{
	sim_group_remove_all(sim);
	free(sim->task);
	free(sim);
}
