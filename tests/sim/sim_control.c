// SPDX-License-Identifier: BSD-3-Clause
/* Faults, kills, counters and the log: what tests do through extended attributes. */
#include "sim_control.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PREFIX	  "user.sim."
#define CHASE_MS  2000
#define LOG_BYTES 60000 /* an attribute holds 64 KiB */

int sim_control_begin(struct sim_control *c, pid_t caller)
{
	c->operations++;
	if (c->kill_at == c->operations && !c->kill_after) {
		kill(caller, c->kill_signal);
		if (c->kill_signal == SIGKILL)
			return -EINTR;
	}
	if (c->fault_at == c->operations)
		return -c->fault_errno;
	return 0;
}

static void print_escaped(FILE *out, const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned char byte = (unsigned char)text[i];

		if (byte == '\n')
			fputs("\\n", out);
		else if (isprint(byte) && byte != '\\' && byte != '"')
			fputc(byte, out);
		else
			fprintf(out, "\\x%02x", byte);
	}
}

/* Forgets whole lines from the front. */
static void append(struct sim_control *c, char *line, size_t n)
{
	char *more;

	while (c->log_bytes && c->log_bytes + n > LOG_BYTES) {
		size_t first = (size_t)((char *)memchr(c->log, '\n', c->log_bytes) - c->log) + 1;

		c->log_bytes -= first;
		memmove(c->log, c->log + first, c->log_bytes);
	}
	more = n <= LOG_BYTES ? realloc(c->log, c->log_bytes + n) : NULL;
	if (!more)
		return;
	c->log = more;
	memcpy(c->log + c->log_bytes, line, n);
	c->log_bytes += n;
}

static unsigned int count_threads(pid_t pid)
{
	struct dirent *entry;
	unsigned int n = 0;
	char path[32];
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	dir = opendir(path);
	while (dir && (entry = readdir(dir)))
		n += isdigit((unsigned char)*entry->d_name) != 0;
	if (dir)
		closedir(dir);
	return n;
}

/* Has a crowd start a thread, and sees that it does. */
static void chase(struct sim_control *c)
{
	unsigned int before;

	if (!c->chases)
		return;
	c->chases--;
	before = count_threads(c->chased);
	if (kill(c->chased, SIGUSR1))
		return;
	for (unsigned int ms = 0; ms < CHASE_MS && count_threads(c->chased) == before; ms++)
		usleep(1000);
}

int sim_control_end(struct sim_control *c, pid_t caller, const char *verb, const char *path, const char *text, size_t n,
		    int result)
{
	char *line = NULL;
	size_t bytes = 0;
	FILE *out = open_memstream(&line, &bytes);

	if (c->kill_at == c->operations && c->kill_after)
		kill(caller, c->kill_signal);
	chase(c);
	if (!out)
		return result;
	fprintf(out, "%llu %s ", (unsigned long long)c->operations, verb);
	print_escaped(out, path, strlen(path));
	if (text) {
		fputs(" \"", out);
		print_escaped(out, text, n);
		fputc('"', out);
	}
	fprintf(out, " %s\n", result < 0 ? strerrorname_np(-result) : "ok");
	fclose(out);
	append(c, line, bytes);
	free(line);
	return result;
}

static int errno_named(const char *name)
{
	for (int i = 1; i < 134; i++) {
		const char *known = strerrorname_np(i);

		if (known && !strcmp(known, name))
			return i;
	}
	return 0;
}

/* "N WORD", N being from 1; 0 for none at all ("" or "0"). */
static int parse_nth(const char *value, uint64_t *n, char word[32])
{
	char *end;

	word[0] = '\0';
	if (!*value || !isdigit((unsigned char)*value)) {
		*n = 0;
		return *value ? -EINVAL : 0;
	}
	*n = strtoull(value, &end, 10);
	if (*n && sscanf(end, " %31s", word) != 1)
		return -EINVAL;
	return 0;
}

static int set_fault(struct sim_control *c, const char *value)
{
	char word[32];
	uint64_t n;
	int rc = parse_nth(value, &n, word), number;

	if (rc)
		return rc;
	number = n ? errno_named(word) : 0;
	if (n && !number)
		return -EINVAL;
	c->fault_at = n ? c->operations + n : 0;
	c->fault_errno = number;
	return 0;
}

static int signal_named(const char *name)
{
	for (int i = 1; i < 32; i++)
		if (!strcmp(sigabbrev_np(i), name))
			return i;
	return 0;
}

/* "N before", "N after", and perhaps a signal's name: of KILL, if none is said. */
static int set_kill(struct sim_control *c, const char *value)
{
	char word[32], name[32] = "KILL";
	uint64_t n;
	int rc = parse_nth(value, &n, word);

	if (rc)
		return rc;
	if (n && strcmp(word, "before") && strcmp(word, "after"))
		return -EINVAL;
	sscanf(value, "%*s %*s %31s", name);
	c->kill_signal = signal_named(name);
	if (!c->kill_signal)
		return -EINVAL;
	c->kill_at = n ? c->operations + n : 0;
	c->kill_after = !strcmp(word, "after");
	return 0;
}

/* "PID TIMES" */
static int set_chase(struct sim_control *c, const char *value)
{
	unsigned long long times;
	int pid;

	if (sscanf(value, "%d %llu", &pid, &times) != 2 || pid <= 1)
		return -EINVAL;
	c->chased = pid;
	c->chases = times;
	return 0;
}

static int set_cpu(struct sim *sim, const char *value, void (*set)(struct sim *sim, unsigned int cpu))
{
	struct sim_cpus cpus;
	int rc = sim_cpus_parse_list(value, sim_machine_cpus(sim->machine), &cpus);

	for (unsigned int cpu = 0; !rc && cpu < SIM_MAX_CPUS; cpu++)
		if (sim_cpus_has(&cpus, cpu))
			set(sim, cpu);
	return rc;
}

static int set_mount(struct sim *sim, const char *value)
{
	if (!strcmp(value, "unmount"))
		return sim_unmount(sim);
	if (!strcmp(value, "mount"))
		return sim_mount(sim, "");
	if (!strncmp(value, "mount ", strlen("mount ")))
		return sim_mount(sim, value + strlen("mount "));
	return -EINVAL;
}

static int parse_counter(const char *text, struct sim_counter *counter)
{
	static const char *const states[] = {
		[SIM_UNAVAILABLE] = "unavailable", [SIM_ERROR] = "error", [SIM_UNASSIGNED] = "unassigned"
	};
	char *end;

	for (unsigned int i = SIM_UNAVAILABLE; i <= SIM_UNASSIGNED; i++)
		if (!strcmp(text, states[i])) {
			counter->state = i;
			return 0;
		}
	counter->state = SIM_COUNTS;
	counter->bytes = strtoull(text, &end, 10);
	return *end || end == text ? -EINVAL : 0;
}

/* "DOMAIN VALUE" on a group's folder. */
static int set_counter(struct sim *sim, const char *path, enum sim_event event, const char *value)
{
	struct sim_counter counter = { 0 };
	struct sim_node node;
	unsigned int domain;
	char word[32];
	int rc = sim_lookup(sim, path, &node);

	if (rc)
		return rc;
	if (node.folder != SIM_GROUP || sscanf(value, "%u %31s", &domain, word) != 2 || domain >= sim_counters(sim))
		return -EINVAL;
	rc = parse_counter(word, &counter);
	if (!rc)
		node.group->counter[event][domain] = counter;
	return rc;
}

static int event_named(const char *name)
{
	static const char *const names[SIM_EVENTS] = { "occupancy", "mbm_total", "mbm_local" };

	for (int i = 0; i < SIM_EVENTS; i++)
		if (!strcmp(names[i], name))
			return i;
	return -1;
}

int sim_control_set(struct sim_control *c, struct sim *sim, const char *path, const char *name, const char *value)
{
	int event;

	if (strncmp(name, PREFIX, strlen(PREFIX)))
		return -EOPNOTSUPP;
	name += strlen(PREFIX);
	if (!strcmp(name, "fault"))
		return set_fault(c, value);
	if (!strcmp(name, "kill"))
		return set_kill(c, value);
	if (!strcmp(name, "chase"))
		return set_chase(c, value);
	if (!strcmp(name, "log")) {
		c->log_bytes = 0;
		return *value ? -EINVAL : 0;
	}
	if (!strcmp(name, "offline"))
		return set_cpu(sim, value, sim_cpu_offline);
	if (!strcmp(name, "online"))
		return set_cpu(sim, value, sim_cpu_online);
	if (!strcmp(name, "mount"))
		return set_mount(sim, value);
	event = event_named(name);
	return event < 0 ? -EOPNOTSUPP : set_counter(sim, path, (enum sim_event)event, value);
}

/* As /proc/TID/cpu_resctrl_groups reads. */
static int print_task(struct sim *sim, FILE *out, pid_t tid)
{
	const struct sim_group *g;

	if (!sim->mounted) {
		fputs("res:\nmon:\n", out);
		return 0;
	}
	g = sim_task_group(sim, tid);
	if (!g)
		return -ENODATA;
	fprintf(out, "res:%s%s\nmon:%s\n", g == &sim->root || g->parent == &sim->root ? "/" : "",
		g->parent ? g->parent->name : g->name, g->parent ? g->name : "");
	return 0;
}

int sim_control_get(struct sim_control *c, struct sim *sim, const char *path, const char *name, FILE *out)
{
	if (strncmp(name, PREFIX, strlen(PREFIX)))
		return -ENODATA;
	name += strlen(PREFIX);
	if (!strcmp(name, "ops"))
		fprintf(out, "%llu", (unsigned long long)c->operations);
	else if (!strcmp(name, "log"))
		fwrite(c->log, 1, c->log_bytes, out);
	else if (!strcmp(name, "mounted"))
		fputs(sim->mounted ? "yes" : "no", out);
	else if (!strcmp(name, "options"))
		sim_print_options(out, sim);
	else if (!strncmp(name, "task.", strlen("task.")))
		return print_task(sim, out, atoi(name + strlen("task.")));
	else
		return -ENODATA;
	return 0;
}
