// SPDX-License-Identifier: BSD-3-Clause
/*
 * rdt-state: shows what a guest has programmed into the emulated RDT hardware, and sets what its counters read.
 * See rdt_state.h for the file and rdt_emu.c for the emulation.
 */
#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "rdt_state.h"

static const char usage[] =
	"usage: rdt-state FILE show [--json]\n"
	"       rdt-state FILE set --socket N --rmid R [--occupancy BYTES] [--mbm-total BYTES]\n"
	"                          [--mbm-local BYTES] [--unavailable 0|1] [--error 0|1] [--json]\n"
	"\n"
	"N is the number of an L3 domain: the id of that cache in the guest, as in schemata. A counter that is\n"
	"unavailable or in error reads so in the guest's mon_data, whatever its bytes are.\n";

enum { OPT_JSON = 1, OPT_HELP, OPT_SOCKET, OPT_RMID, OPT_OCCUPANCY, OPT_TOTAL, OPT_LOCAL, OPT_UNAVAILABLE, OPT_ERROR };

static const struct option longopts[] = {
	{ "json", no_argument, NULL, OPT_JSON },
	{ "help", no_argument, NULL, OPT_HELP },
	{ "socket", required_argument, NULL, OPT_SOCKET },
	{ "rmid", required_argument, NULL, OPT_RMID },
	{ "occupancy", required_argument, NULL, OPT_OCCUPANCY },
	{ "mbm-total", required_argument, NULL, OPT_TOTAL },
	{ "mbm-local", required_argument, NULL, OPT_LOCAL },
	{ "unavailable", required_argument, NULL, OPT_UNAVAILABLE },
	{ "error", required_argument, NULL, OPT_ERROR },
	{ NULL, 0, NULL, 0 },
};

struct options {
	int json;
	unsigned int given; /* bits 1 << OPT_... */
	uint64_t value[OPT_ERROR + 1];
};

/* The JSON forms of the state's parts. Every number is the register's own, save that PQR_ASSOC is taken apart. */

static json_t *number(uint64_t value)
{
	return json_integer((json_int_t)value);
}

static json_t *words_json(const rdt_word *words, uint64_t n)
{
	json_t *array = json_array();
	uint64_t i;

	for (i = 0; i < n; i++)
		json_array_append_new(array, number(words[i]));
	return array;
}

static json_t *config_json(const struct rdt_config *cfg)
{
	json_t *features = json_array(), *out = json_object();
	uint64_t bit;

	for (bit = 1; bit <= RDT_NONCONT; bit <<= 1) {
		if (cfg->features & bit)
			json_array_append_new(features, json_string(rdt_feature_name(bit)));
	}
	json_object_set_new(out, "vendor", json_string(rdt_vendor_name(cfg->vendor)));
	json_object_set_new(out, "features", features);
	json_object_set_new(out, "l3_ways", number(cfg->l3_ways));
	json_object_set_new(out, "l3_io_ways", number(cfg->l3_io_ways));
	json_object_set_new(out, "l3_way_bytes", number(cfg->l3_way_bytes));
	json_object_set_new(out, "l2_ways", number(cfg->l2_ways));
	json_object_set_new(out, "l3_closids", number(cfg->l3_closids));
	json_object_set_new(out, "l2_closids", number(cfg->l2_closids));
	json_object_set_new(out, "mba_closids", number(cfg->mba_closids));
	json_object_set_new(out, "mba_max", number(cfg->mba_max));
	json_object_set_new(out, "mba_len", number(cfg->mba_len));
	json_object_set_new(out, "rmids", number(cfg->rmids));
	json_object_set_new(out, "upscale", number(cfg->upscale));
	json_object_set_new(out, "counter_bits", number(cfg->counter_bits));
	return out;
}

static int by_apic_id(const void *a, const void *b)
{
	const struct rdt_cpu *const *x = a, *const *y = b;

	return ((*x)->apic_id > (*y)->apic_id) - ((*x)->apic_id < (*y)->apic_id);
}

static uint64_t sort_cpus(const struct rdt_state *state, const struct rdt_cpu **sorted)
{
	uint64_t n = state->cpus, i;

	for (i = 0; i < n && i < RDT_MAX_CPUS; i++)
		sorted[i] = &state->cpu[i];
	qsort(sorted, i, sizeof(sorted[0]), by_apic_id);
	return i;
}

static json_t *cpus_json(const struct rdt_state *state)
{
	const struct rdt_cpu *sorted[RDT_MAX_CPUS];
	uint64_t n = sort_cpus(state, sorted), i;
	json_t *out = json_array();

	for (i = 0; i < n; i++) {
		uint64_t pqr = sorted[i]->pqr;
		json_t *cpu = json_object();

		json_object_set_new(cpu, "apic_id", number(sorted[i]->apic_id));
		json_object_set_new(cpu, "l3", number(sorted[i]->l3));
		json_object_set_new(cpu, "l2", number(sorted[i]->l2));
		json_object_set_new(cpu, "closid", number(pqr >> 32));
		json_object_set_new(cpu, "rmid", number(pqr & 0xffffffff));
		json_object_set_new(cpu, "pqr_writes", number(sorted[i]->pqr_writes));
		json_array_append_new(out, cpu);
	}
	return out;
}

/* Only counters that the tester has touched: there may be hundreds. */
static json_t *counters_json(const struct rdt_l3 *l3, uint64_t rmids)
{
	json_t *out = json_array();
	uint64_t i;

	for (i = 0; i < rmids; i++) {
		const struct rdt_counter *c = &l3->counter[i];
		json_t *ctr;

		if (!(c->occupancy | c->mbm_total | c->mbm_local | c->flags))
			continue;
		ctr = json_object();
		json_object_set_new(ctr, "rmid", number(i));
		json_object_set_new(ctr, "occupancy", number(c->occupancy));
		json_object_set_new(ctr, "mbm_total", number(c->mbm_total));
		json_object_set_new(ctr, "mbm_local", number(c->mbm_local));
		json_object_set_new(ctr, "unavailable", json_boolean(c->flags & RDT_CTR_UNAVAILABLE));
		json_object_set_new(ctr, "error", json_boolean(c->flags & RDT_CTR_ERROR));
		json_array_append_new(out, ctr);
	}
	return out;
}

static json_t *l3_json(const struct rdt_state *state)
{
	const struct rdt_config *cfg = &state->config;
	json_t *out = json_array();
	int i;

	for (i = 0; i < RDT_MAX_L3; i++) {
		const struct rdt_l3 *l3 = &state->l3[i];
		json_t *domain;

		if (!l3->present)
			continue;
		domain = json_object();
		json_object_set_new(domain, "id", number(i));
		json_object_set_new(domain, "cdp", json_boolean(l3->qos_cfg & 1));
		if (cfg->features & RDT_L3)
			json_object_set_new(domain, "mask", words_json(l3->mask, cfg->l3_closids));
		if (cfg->features & RDT_MBA)
			json_object_set_new(domain, "mba", words_json(l3->mba, cfg->mba_closids));
		if (cfg->features & RDT_SMBA)
			json_object_set_new(domain, "smba", words_json(l3->smba, cfg->mba_closids));
		json_object_set_new(domain, "counters", counters_json(l3, cfg->rmids));
		json_array_append_new(out, domain);
	}
	return out;
}

static json_t *l2_json(const struct rdt_state *state)
{
	json_t *out = json_array();
	int i;

	for (i = 0; i < RDT_MAX_L2 && state->config.features & RDT_L2; i++) {
		const struct rdt_l2 *l2 = &state->l2[i];
		json_t *domain;

		if (!l2->present)
			continue;
		domain = json_object();
		json_object_set_new(domain, "id", number(i));
		json_object_set_new(domain, "cdp", json_boolean(l2->qos_cfg & 1));
		json_object_set_new(domain, "mask", words_json(l2->mask, state->config.l2_closids));
		json_array_append_new(out, domain);
	}
	return out;
}

static json_t *state_json(const struct rdt_state *state)
{
	json_t *out = json_object(), *bad = json_object();

	json_object_set_new(bad, "msr", number(state->bad_msr));
	json_object_set_new(bad, "value", number(state->bad_value));
	json_object_set_new(bad, "apic_id", number(state->bad_apic_id));
	json_object_set_new(out, "version", number(state->version));
	json_object_set_new(out, "active", json_boolean(state->active));
	json_object_set_new(out, "config", config_json(&state->config));
	json_object_set_new(out, "writes", number(state->writes));
	json_object_set_new(out, "bad_writes", number(state->bad_writes));
	json_object_set_new(out, "bad_reads", number(state->bad_reads));
	json_object_set_new(out, "last_bad", bad);
	json_object_set_new(out, "cpus", cpus_json(state));
	json_object_set_new(out, "l3", l3_json(state));
	json_object_set_new(out, "l2", l2_json(state));
	return out;
}

/* The text form: one line for each fact, registers in the form that schemata has. */

static void show_words(const char *what, unsigned int id, const rdt_word *words, uint64_t n, const char *format)
{
	uint64_t i;

	printf("%s %u:", what, id);
	for (i = 0; i < n; i++)
		printf(format, (unsigned long long)words[i]);
	putchar('\n');
}

static void show_domains(const struct rdt_state *state)
{
	const struct rdt_config *cfg = &state->config;
	unsigned int i;

	for (i = 0; i < RDT_MAX_L3; i++) {
		const struct rdt_l3 *l3 = &state->l3[i];

		if (!l3->present)
			continue;
		if (cfg->features & RDT_L3)
			show_words(l3->qos_cfg & 1 ? "L3+CDP" : "L3", i, l3->mask, cfg->l3_closids, " %llx");
		if (cfg->features & RDT_MBA)
			show_words("MBA", i, l3->mba, cfg->mba_closids, " %llu");
		if (cfg->features & RDT_SMBA)
			show_words("SMBA", i, l3->smba, cfg->mba_closids, " %llu");
	}
	for (i = 0; i < RDT_MAX_L2 && cfg->features & RDT_L2; i++) {
		const struct rdt_l2 *l2 = &state->l2[i];

		if (l2->present)
			show_words(l2->qos_cfg & 1 ? "L2+CDP" : "L2", i, l2->mask, cfg->l2_closids, " %llx");
	}
}

static void show_text(const struct rdt_state *state)
{
	const struct rdt_cpu *sorted[RDT_MAX_CPUS];
	uint64_t n = sort_cpus(state, sorted), i;

	printf("%s %s, writes %llu, bad writes %llu, bad reads %llu\n", state->active ? "active" : "not active",
	       rdt_vendor_name(state->config.vendor), (unsigned long long)state->writes,
	       (unsigned long long)state->bad_writes, (unsigned long long)state->bad_reads);
	if (state->bad_writes || state->bad_reads)
		printf("last bad: MSR %#llx, value %#llx, APIC id %llu\n", (unsigned long long)state->bad_msr,
		       (unsigned long long)state->bad_value, (unsigned long long)state->bad_apic_id);
	for (i = 0; i < n; i++) {
		uint64_t pqr = sorted[i]->pqr;

		printf("APIC id %llu: L3 %llu, L2 %llu, CLOSID %llu, RMID %llu\n",
		       (unsigned long long)sorted[i]->apic_id, (unsigned long long)sorted[i]->l3,
		       (unsigned long long)sorted[i]->l2, (unsigned long long)(pqr >> 32),
		       (unsigned long long)(pqr & 0xffffffff));
	}
	show_domains(state);
}

static int cmd_show(const char *path, const struct options *opts, struct isolat_error *err)
{
	struct rdt_state *state = rdt_state_open(path, 0, err);
	json_t *out;

	if (!state)
		return -1;
	if (opts->json) {
		out = state_json(state);
		json_dumpf(out, stdout, JSON_INDENT(2));
		putchar('\n');
		json_decref(out);
	} else {
		show_text(state);
	}
	rdt_state_close(state);
	return 0;
}

static void set_flag(const struct options *opts, int opt, uint64_t flag, rdt_word *flags)
{
	if (opts->given & 1u << opt && opts->value[opt])
		atomic_fetch_or(flags, flag);
	else if (opts->given & 1u << opt)
		atomic_fetch_and(flags, ~flag);
}

static int cmd_set(const char *path, const struct options *opts, struct isolat_error *err)
{
	const unsigned int needed = 1 << OPT_SOCKET | 1 << OPT_RMID;
	struct rdt_counter *ctr;
	struct rdt_state *state;

	if ((opts->given & needed) != needed)
		return isolat_fail(err, ISOLAT_USAGE, "set a counter", path, "--socket and --rmid are needed");
	state = rdt_state_open(path, 1, err);
	if (!state)
		return -1;
	ctr = rdt_state_counter(state, opts->value[OPT_SOCKET], opts->value[OPT_RMID], err);
	if (ctr) {
		if (opts->given & 1 << OPT_OCCUPANCY)
			ctr->occupancy = opts->value[OPT_OCCUPANCY];
		if (opts->given & 1 << OPT_TOTAL)
			ctr->mbm_total = opts->value[OPT_TOTAL];
		if (opts->given & 1 << OPT_LOCAL)
			ctr->mbm_local = opts->value[OPT_LOCAL];
		set_flag(opts, OPT_UNAVAILABLE, RDT_CTR_UNAVAILABLE, &ctr->flags);
		set_flag(opts, OPT_ERROR, RDT_CTR_ERROR, &ctr->flags);
	}
	rdt_state_close(state);
	return ctr ? 0 : -1;
}

static const struct verb {
	const char *name;
	int (*run)(const char *path, const struct options *opts, struct isolat_error *err);
} verbs[] = {
	{ "show", cmd_show },
	{ "set", cmd_set },
};

static int parse_number(int opt, const char *text, struct options *opts, struct isolat_error *err)
{
	char *end;

	errno = 0;
	opts->value[opt] = strtoull(text, &end, 0);
	if (errno || end == text || *end || *text == '-')
		return isolat_fail(err, ISOLAT_USAGE, "read the command line", "", "'%s' is not a number", text);
	opts->given |= 1u << opt;
	return 0;
}

static int parse_options(int argc, char **argv, struct options *opts, struct isolat_error *err)
{
	int opt;

	while ((opt = getopt_long(argc, argv, "", longopts, NULL)) != -1) {
		if (opt == '?')
			return isolat_fail(err, ISOLAT_USAGE, "read the command line", "",
					   "no such option, or no value");
		if (opt == OPT_HELP) {
			fputs(usage, stdout);
			exit(ISOLAT_OK);
		}
		if (opt == OPT_JSON)
			opts->json = 1;
		else if (parse_number(opt, optarg, opts, err))
			return -1;
	}
	if (argc - optind != 2)
		return isolat_fail(err, ISOLAT_USAGE, "read the command line", "", "FILE and a verb are needed");
	return 0;
}

static void print_error(const struct isolat_error *err, int json)
{
	json_t *out;

	if (!json) {
		fprintf(stderr, "rdt-state: %s: %s%s%s\n", err->what, err->object, *err->object ? ": " : "",
			err->reason);
		return;
	}
	out = json_pack("{s:{s:i,s:s,s:s,s:s,s:s}}", "error", "code", err->code, "what", err->what, "object",
			err->object, "reason", err->reason, "hint", err->hint);
	json_dumpf(out, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(out);
}

int main(int argc, char **argv)
{
	struct options opts = { 0 };
	struct isolat_error err;
	int ret;
	size_t i;

	opterr = 0;
	ret = parse_options(argc, argv, &opts, &err);
	if (!ret) {
		ret = isolat_fail(&err, ISOLAT_USAGE, "read the command line", argv[optind + 1], "no such verb");
		for (i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
			if (!strcmp(argv[optind + 1], verbs[i].name))
				ret = verbs[i].run(argv[optind], &opts, &err);
		}
	}
	if (!ret)
		return ISOLAT_OK;
	print_error(&err, opts.json);
	return err.code;
}
