// SPDX-License-Identifier: BSD-3-Clause
/*
 * isolat fit: does one more VM fit here, where, and what would be left? For this host, one that is named, or each of a
 * folder of hosts, with the profile that lies beside it there: the question that a placement script asks. It changes
 * nothing.
 */
#include "verb.h"

#include <dirent.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "plan.h"
#include "plan_json.h"
#include "plan_view.h"
#include "report_table.h"

enum { OPT_VM = 256, OPT_HOSTS };

static const struct report_option options[] = {
	REPORT_OPTION_HELP,
	REPORT_OPTION_JSON,
	{ "vm", OPT_VM, "VM", "the VM in question: vcpus=N,memory=SIZE,class=NAME; more than one is asked one by one" },
	{ "profile", 'p', "FILE",
	  "the profile, - for standard input, with its classes and the VMs there are (default " PROFILE_DEFAULT_FILE
	  ")" },
	{ "topology", 't', "FILE", "ask for the machine in FILE, or for one described in words" },
	{ "caps", 'c', "FILE", "with the RDT capabilities in FILE, or in their short form" },
	{ "hosts", OPT_HOSTS, "DIR",
	  "ask for each host in DIR: NAME.json that isolat topology --json wrote, and NAME.yaml, its own profile" },
	{ 0 },
};

static const struct report_usage usage = {
	.command = "isolat fit",
	.synopsis = "--vm VM [--profile FILE] [--topology FILE | --hosts DIR] [--caps FILE] [--json]",
	.about = "Tells whether one more VM fits beside those of the profile, where, and what would be left. Changes "
		 "nothing. "
		 "Exits with 5 when a VM fits nowhere.",
	.options = options,
};

struct named_host {
	char *name;
	struct host host;
	bool has_profile; /* of its own; else it has that of the request */
	struct profile profile;
	struct isolat_error bad; /* of many hosts, one that could not be read: its code is not 0 */
};

struct request {
	const char *profile_file, *topology, *caps, *dir; /* profile_file NULL: not named */
	bool json;
	const char **vms; /* borrowed from argv */
	size_t n_vms;
	bool has_profile; /* false: every host has its own */
	struct profile profile;
	struct named_host *hosts;
	size_t n_hosts;
};

/* ---- Hosts ---- */

static int add_host(struct request *r, const char *name, const char *topology, const char *caps,
		    struct isolat_error *err)
{
	struct named_host *hosts = realloc(r->hosts, (r->n_hosts + 1) * sizeof(*hosts));
	struct named_host *h;

	if (!hosts)
		return isolat_fail(err, ISOLAT_FAILED, "read hosts", NULL, "out of memory");
	r->hosts = hosts;
	h = &hosts[r->n_hosts];
	*h = (struct named_host){ .name = strdup(name) };
	if (host_read(topology, caps, &h->host, &h->bad)) {
		*err = h->bad;
		h->host = (struct host){ 0 };
	}
	r->n_hosts++;
	if (!h->name)
		return isolat_fail(err, ISOLAT_FAILED, "read hosts", NULL, "out of memory");
	return h->bad.code && !r->dir ? -1 : 0;
}

/* NAME.yaml beside NAME.json is the profile of that host. */
static void read_own_profile(struct named_host *h, const char *topology)
{
	char *path = NULL;

	if (asprintf(&path, "%.*s.yaml", (int)(strlen(topology) - strlen(".json")), topology) < 0) {
		isolat_fail(&h->bad, ISOLAT_FAILED, "read hosts", topology, "out of memory");
		return;
	}
	h->has_profile = !access(path, F_OK);
	if (h->has_profile && !h->bad.code)
		profile_read(path, &h->profile, &h->bad);
	free(path);
}

static int is_json(const struct dirent *entry)
{
	size_t length = strlen(entry->d_name);

	return entry->d_name[0] != '.' && length > 5 && !strcmp(entry->d_name + length - 5, ".json");
}

static int read_dir(struct request *r, struct isolat_error *err)
{
	struct dirent **entries;
	int n = scandir(r->dir, &entries, is_json, alphasort), rc = 0;

	if (n < 0)
		return isolat_fail(err, ISOLAT_USAGE, "read hosts", r->dir, "%m");
	if (!n) {
		isolat_fail(err, ISOLAT_USAGE, "read hosts", r->dir, "no file in it ends in .json");
		rc = isolat_hint(err, "isolat topology --json writes one on its host");
	}
	for (int i = 0; i < n; i++) {
		char *path = NULL;

		if (!rc && asprintf(&path, "%s/%s", r->dir, entries[i]->d_name) < 0)
			rc = isolat_fail(err, ISOLAT_FAILED, "read hosts", r->dir, "out of memory");
		else if (!rc)
			rc = add_host(r, entries[i]->d_name, path, r->caps, err);
		if (path && !rc)
			read_own_profile(&r->hosts[r->n_hosts - 1], path);
		free(path);
		free(entries[i]);
	}
	free(entries);
	return rc;
}

/* What none of the hosts can be read for is the folder's fault, or that of --caps. */
static int read_many(struct request *r, struct isolat_error *err)
{
	if (read_dir(r, err))
		return -1;
	for (size_t i = 0; i < r->n_hosts; i++)
		if (!r->hosts[i].bad.code)
			return 0;
	*err = r->hosts[0].bad;
	return -1;
}

static int read_hosts(struct request *r, struct isolat_error *err)
{
	if (r->dir)
		return read_many(r, err);
	return add_host(r, r->topology ? r->topology : "this host", r->topology, r->caps, err);
}

/* The profile of the hosts that have none of their own; where all have, only if it is named. */
static int read_profile(struct request *r, struct isolat_error *err)
{
	r->has_profile = r->profile_file;
	for (size_t i = 0; i < r->n_hosts; i++)
		r->has_profile |= !r->hosts[i].has_profile;
	if (!r->has_profile)
		return 0;
	return profile_read(r->profile_file ? r->profile_file : PROFILE_DEFAULT_FILE, &r->profile, err);
}

/* ---- One question ---- */

/* The profile with one VM more. */
static int with_vm(const struct profile *p, const struct profile_vm *vm, struct profile *out, struct isolat_error *err)
{
	*out = *p;
	out->vms = calloc(p->n_vms + 1, sizeof(*out->vms));
	if (!out->vms)
		return isolat_fail(err, ISOLAT_FAILED, "ask", vm->name, "out of memory");
	memcpy(out->vms, p->vms, p->n_vms * sizeof(*out->vms));
	out->vms[out->n_vms++] = *vm;
	return 0;
}

/* CPUs that are nobody's own: free, or in a pool. */
static unsigned int free_cpus(const struct plan *plan, unsigned int node)
{
	const struct topology *t = &plan->host->topology;
	bool *taken = calloc(t->n_cpus + 1, sizeof(*taken));
	unsigned int n = 0;

	if (!taken)
		return 0;
	for (unsigned int i = 0; i < plan->housekeeping.n; i++)
		taken[plan->housekeeping.cpu[i]] = true;
	for (unsigned int a = 0; a < plan->n_agents; a++)
		for (unsigned int i = 0; i < plan->agents[a].cpus.n; i++)
			taken[plan->agents[a].cpus.cpu[i]] = true;
	for (unsigned int v = 0; v < plan->n_vms; v++)
		for (unsigned int i = 0; i < plan->vms[v].cpus.n && plan_vm_class(plan, &plan->vms[v])->dedicated; i++)
			taken[plan->vms[v].cpus.cpu[i]] = true;
	for (unsigned int i = 0; i < t->n_cpus; i++)
		n += t->cpus[i].online && t->cpus[i].node == node && !taken[i];
	free(taken);
	return n;
}

static uint64_t free_memory(const struct plan *plan, unsigned int node)
{
	uint64_t bytes = plan->host->topology.nodes[node].bytes;

	for (unsigned int v = 0; v < plan->n_vms; v++)
		for (unsigned int m = 0; m < plan->vms[v].n_memory; m++)
			if (plan->vms[v].memory[m].node == node)
				bytes -= plan->vms[v].memory[m].bytes;
	return bytes;
}

static json_t *left_json(const struct plan *plan)
{
	const struct topology *t = &plan->host->topology;
	json_t *nodes = json_array(), *l3 = json_array();

	for (unsigned int n = 0; n < t->n_nodes; n++)
		json_array_append_new(nodes, json_pack("{s:I, s:I, s:I}", "node", (json_int_t)t->nodes[n].os, "cpus",
						       (json_int_t)free_cpus(plan, n), "memory",
						       (json_int_t)free_memory(plan, n)));
	for (unsigned int d = 0; d < t->n_l3 && plan->host->caps.l3.present; d++)
		json_array_append_new(l3, json_pack("{s:I, s:I}", "id", (json_int_t)t->l3[d].id, "ways",
						    (json_int_t)plan_ways(plan->default_l3[d])));
	return json_pack("{s:o, s:o}", "nodes", nodes, "l3", l3);
}

static json_t *fits_json(const char *host, const struct plan *plan)
{
	return json_pack("{s:o, s:o, s:b, s:o, s:o}", "host", report_string(host), "profile",
			 report_string(plan->profile->file), "fits", 1, "vm",
			 plan_vm_to_json(plan, &plan->vms[plan->n_vms - 1]), "left", left_json(plan));
}

static json_t *refusal_json(const char *host, const struct profile *p, const struct isolat_error *err)
{
	return json_pack("{s:o, s:o, s:b, s:i, s:o, s:o, s:o}", "host", report_string(host), "profile",
			 p->file ? report_string(p->file) : json_null(), "fits", 0, "code", (int)err->code, "object",
			 report_string(err->object), "reason", report_string(err->reason), "hint",
			 report_string(err->hint));
}

/* Memory and CPUs that would be left, node by node: "0: 6 CPUs, 48 GiB". */
static void left_text(const struct plan *plan, char *text, size_t size)
{
	size_t used = 0;

	text[0] = '\0';
	for (unsigned int n = 0; n < plan->host->topology.n_nodes && used < size; n++) {
		char memory[PLAN_SIZE_TEXT];

		used += (size_t)snprintf(text + used, size - used, "%s%u: %u CPU%s, %s", n ? "; " : "",
					 plan->host->topology.nodes[n].os, free_cpus(plan, n),
					 plan_plural(free_cpus(plan, n)), plan_size_text(free_memory(plan, n), memory));
	}
}

static void fits_row(struct report_table *table, const char *host, const struct plan *plan)
{
	const struct plan_vm *vm = &plan->vms[plan->n_vms - 1];
	char *cpus = plan_cpu_list(plan, &vm->cpus), left[1024];

	left_text(plan, left, sizeof(left));
	report_table_cell(table, "%s", host);
	report_table_cell(table, "yes");
	report_table_cell(table, "%s%s", plan_vm_class(plan, vm)->dedicated ? "" : "of ", cpus ? cpus : "?");
	report_table_cell(table, "%s", left);
	free(cpus);
}

static void refusal_row(struct report_table *table, const char *host, const struct isolat_error *err)
{
	report_table_cell(table, "%s", host);
	report_table_cell(table, "no");
	report_table_cell(table, "-");
	report_table_cell(table, "%s: %s%s%s", err->object, err->reason, *err->hint ? "; " : "", err->hint);
}

/* Of many hosts one looks for one that fits, not for what would fit. */
static int plan_for(const struct request *r, const struct profile *with, const struct host *host, struct plan *plan,
		    struct isolat_error *err)
{
	return r->dir ? plan_try(with, host, plan, err) : plan_make(with, host, plan, err);
}

static const struct profile *profile_of(const struct request *r, const struct named_host *h)
{
	return h->has_profile ? &h->profile : &r->profile;
}

/* What is asked of one host, and what it says. */
struct answer {
	const struct request *r;
	const struct named_host *h;
	json_t *json; /* or NULL: then a row */
	struct report_table *table;
};

static bool say_fits(const struct answer *a, const struct plan *plan)
{
	if (a->json)
		json_array_append_new(a->json, fits_json(a->h->name, plan));
	else
		fits_row(a->table, a->h->name, plan);
	return true;
}

static bool say_refused(const struct answer *a, const struct isolat_error *err)
{
	if (a->json)
		json_array_append_new(a->json, refusal_json(a->h->name, profile_of(a->r, a->h), err));
	else
		refusal_row(a->table, a->h->name, err);
	return false;
}

/* Asks one host. Returns whether it fits. */
static bool ask_host(const struct answer *a, const struct profile_vm *vm)
{
	struct isolat_error err;
	struct profile with;
	struct plan plan;
	bool fits;

	if (with_vm(profile_of(a->r, a->h), vm, &with, &err))
		return say_refused(a, &err);
	fits = plan_for(a->r, &with, &a->h->host, &plan, &err) ? say_refused(a, &err) : say_fits(a, &plan);
	if (fits)
		plan_free(&plan);
	free(with.vms);
	return fits;
}

/* The classes are those of the host's profile. */
static bool ask_in_words(const struct answer *a, const char *text)
{
	struct profile_vm vm;
	struct isolat_error err;
	bool fits;

	if (a->h->bad.code)
		return say_refused(a, &a->h->bad);
	if (profile_parse_vm(text, profile_of(a->r, a->h), &vm, &err))
		return say_refused(a, &err);
	fits = ask_host(a, &vm);
	profile_vm_free(&vm);
	return fits;
}

static void print_table(const char *text, struct report_table *table, size_t fits, size_t hosts)
{
	size_t width = report_width(stdout);

	if (hosts > 1)
		printf("%s: fits on %zu of %zu hosts\n", text, fits, hosts);
	else
		printf("%s: %s\n", text, fits ? "fits" : "does not fit");
	report_table_print(table, stdout, 2, width ? width : 80);
}

static void head_table(struct report_table *table)
{
	table->header = true;
	report_table_cell(table, "Host");
	report_table_cell(table, "Fits");
	report_table_cell(table, "CPUs");
	report_table_cell(table, "Left by node, or why not");
}

/* A question that no profile understands is wrong itself. */
static int check_question(const struct request *r, const char *text, struct isolat_error *err)
{
	struct profile_vm vm;
	int rc = -1;

	if (r->has_profile) {
		rc = profile_parse_vm(text, &r->profile, &vm, err);
		if (!rc)
			profile_vm_free(&vm);
		if (!rc || !r->dir)
			return rc;
	}
	for (size_t i = 0; i < r->n_hosts && rc; i++) {
		const struct named_host *h = &r->hosts[i];

		rc = h->bad.code || !h->has_profile ? -1 : profile_parse_vm(text, &h->profile, &vm, err);
		if (!rc)
			profile_vm_free(&vm);
	}
	return rc;
}

/* Returns -1 on an error, else how many hosts it fits on. */
static int ask(const struct request *r, const char *text, json_t *questions, struct isolat_error *err)
{
	struct report_table table = REPORT_TABLE(4);
	json_t *answers;
	int fits = 0;

	if (check_question(r, text, err))
		return -1;
	answers = r->json ? json_array() : NULL;
	if (!r->json)
		head_table(&table);
	for (size_t i = 0; i < r->n_hosts; i++)
		fits += ask_in_words(&(struct answer){ r, &r->hosts[i], answers, &table }, text);
	if (r->json)
		json_array_append_new(questions, json_pack("{s:o, s:i, s:o}", "vm", report_string(text), "fits", fits,
							   "hosts", answers));
	else
		print_table(text, &table, (size_t)fits, r->n_hosts);
	return fits;
}

/* ---- The verb ---- */

static int ask_all(struct request *r, struct isolat_error *err)
{
	json_t *questions = r->json ? json_array() : NULL;
	int code = ISOLAT_OK;

	for (size_t i = 0; i < r->n_vms; i++) {
		int fits = ask(r, r->vms[i], questions, err);

		if (fits < 0) {
			json_decref(questions);
			return -1;
		}
		if (!fits)
			code = ISOLAT_NO_FIT;
	}
	if (r->json &&
	    report_json(json_pack("{s:s, s:i, s:o}", "format", "isolat-fit", "version", 1, "questions", questions)))
		return ISOLAT_FAILED;
	return code;
}

static int run(struct request *r)
{
	struct isolat_error err;
	int code = -1;

	if (!r->n_vms) {
		isolat_fail(&err, ISOLAT_USAGE, "read the command line", NULL, "no VM is named");
		isolat_hint(&err, "--vm vcpus=4,memory=8GiB,class=NAME");
		return report_error(&err, r->json);
	}
	if (r->dir && r->topology) {
		isolat_fail(&err, ISOLAT_USAGE, "read the command line", NULL,
			    "--topology and --hosts exclude each other");
		return report_error(&err, r->json);
	}
	if (!read_hosts(r, &err) && !read_profile(r, &err))
		code = ask_all(r, &err);
	if (code < 0)
		code = report_error(&err, r->json);
	for (size_t i = 0; i < r->n_hosts; i++) {
		host_free(&r->hosts[i].host);
		profile_free(&r->hosts[i].profile);
		free(r->hosts[i].name);
	}
	free(r->hosts);
	profile_free(&r->profile);
	return code;
}

int cmd_fit(int argc, char **argv)
{
	struct request request = { .vms = calloc((size_t)argc + 1, sizeof(char *)) };
	int option, code;

	while ((option = report_option(&usage, argc, argv)) != REPORT_END_OF_OPTIONS) {
		switch (option) {
		case 'h':
			free(request.vms);
			return report_help(&usage);
		case 'j':
			request.json = true;
			break;
		case 'p':
			request.profile_file = optarg;
			break;
		case 't':
			request.topology = optarg;
			break;
		case 'c':
			request.caps = optarg;
			break;
		case OPT_HOSTS:
			request.dir = optarg;
			break;
		case OPT_VM:
			if (request.vms)
				request.vms[request.n_vms++] = optarg;
			break;
		default:
			free(request.vms);
			return ISOLAT_USAGE;
		}
	}
	code = report_no_words(&usage, argc, argv) ? ISOLAT_USAGE : run(&request);
	free(request.vms);
	return code;
}
