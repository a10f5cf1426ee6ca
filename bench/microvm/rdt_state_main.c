// SPDX-License-Identifier: BSD-3-Clause
/*
 * rdt-state: shows what a guest has programmed into the emulated RDT hardware, and sets what its counters read.
 * See rdt_state.h for the file and rdt_emu.c for the emulation.
 */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "rdt_state.h"
#include "report.h"

enum { OPT_SOCKET = 256, OPT_RMID, OPT_OCCUPANCY, OPT_TOTAL, OPT_LOCAL, OPT_UNAVAILABLE, OPT_ERROR, OPT_END };

#define GIVEN(opt) (1u << ((opt)-OPT_SOCKET))

static const struct report_option options[] = {
	REPORT_OPTION_HELP,
	{ "version", 'V', NULL, "show the version" },
	REPORT_OPTION_JSON,
	{ "socket", OPT_SOCKET, "N", "the L3 domain: the id of that cache in the guest, as in schemata" },
	{ "rmid", OPT_RMID, "N", "the counter's RMID" },
	{ "occupancy", OPT_OCCUPANCY, "BYTES", "set the cache's occupancy" },
	{ "mbm-total", OPT_TOTAL, "BYTES", "set the memory traffic since boot" },
	{ "mbm-local", OPT_LOCAL, "BYTES", "set the local part of it" },
	{ "unavailable", OPT_UNAVAILABLE, "0|1", "whether the guest reads \"Unavailable\" instead" },
	{ "error", OPT_ERROR, "0|1", "whether the guest reads \"Error\" instead" },
	{ 0 },
};

static const struct report_usage usage = {
	.command = "rdt-state",
	.synopsis = "FILE show|set [OPTION]...",
	.about =
		"Shows what a guest has programmed into the emulated RDT hardware whose state is in FILE, or sets what "
		"one of its counters reads: --socket and --rmid name it.",
	.options = options,
};

struct request {
	bool json;
	unsigned int given; /* GIVEN() of the options below */
	uint64_t value[OPT_END - OPT_SOCKET];
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

static int cmd_show(const char *path, const struct request *r, struct isolat_error *err)
{
	struct rdt_state *state = rdt_state_open(path, 0, err);

	if (!state)
		return -1;
	if (r->json)
		report_json(state_json(state));
	else
		show_text(state);
	rdt_state_close(state);
	return 0;
}

static void set_word(const struct request *r, int opt, rdt_word *word)
{
	if (r->given & GIVEN(opt))
		*word = r->value[opt - OPT_SOCKET];
}

static void set_flag(const struct request *r, int opt, uint64_t flag, rdt_word *flags)
{
	if (!(r->given & GIVEN(opt)))
		return;
	if (r->value[opt - OPT_SOCKET])
		atomic_fetch_or(flags, flag);
	else
		atomic_fetch_and(flags, ~flag);
}

static int cmd_set(const char *path, const struct request *r, struct isolat_error *err)
{
	const unsigned int needed = GIVEN(OPT_SOCKET) | GIVEN(OPT_RMID);
	struct rdt_counter *ctr;
	struct rdt_state *state;

	if ((r->given & needed) != needed)
		return isolat_fail(err, ISOLAT_USAGE, "set a counter", path, "--socket and --rmid are needed");
	state = rdt_state_open(path, 1, err);
	if (!state)
		return -1;
	ctr = rdt_state_counter(state, r->value[0], r->value[OPT_RMID - OPT_SOCKET], err);
	if (ctr) {
		set_word(r, OPT_OCCUPANCY, &ctr->occupancy);
		set_word(r, OPT_TOTAL, &ctr->mbm_total);
		set_word(r, OPT_LOCAL, &ctr->mbm_local);
		set_flag(r, OPT_UNAVAILABLE, RDT_CTR_UNAVAILABLE, &ctr->flags);
		set_flag(r, OPT_ERROR, RDT_CTR_ERROR, &ctr->flags);
	}
	rdt_state_close(state);
	return ctr ? 0 : -1;
}

static int parse_value(void *request, int opt, struct isolat_error *err)
{
	struct request *r = request;
	bool flag = opt == OPT_UNAVAILABLE || opt == OPT_ERROR;
	uint64_t value;
	char *end;

	if (opt == 'j') {
		r->json = true;
		return 0;
	}
	errno = 0;
	value = strtoull(optarg, &end, 0);
	if (errno || optarg[0] < '0' || optarg[0] > '9' || *end || (flag && value > 1))
		return report_bad_value(&usage, opt, optarg, err, flag ? "not 0 or 1" : "not a number");
	r->value[opt - OPT_SOCKET] = value;
	r->given |= GIVEN(opt);
	return 0;
}

static int run(const struct request *r, int argc, char **argv, struct isolat_error *err)
{
	if (argc != 2) {
		isolat_fail(err, ISOLAT_USAGE, "read the command line", NULL,
			    "a file and one of show and set are needed");
		return isolat_hint(err, "%s --help shows its use", usage.command);
	}
	if (!strcmp(argv[1], "show"))
		return cmd_show(argv[0], r, err);
	if (!strcmp(argv[1], "set"))
		return cmd_set(argv[0], r, err);
	return isolat_fail(err, ISOLAT_USAGE, "find verb", argv[1], "neither show nor set");
}

int main(int argc, char **argv)
{
	struct request request = { 0 };
	struct isolat_error err;
	int code;

	report_program = usage.command;
	code = report_options(&usage, argc, argv, parse_value, &request);
	if (code < 0)
		code = run(&request, argc - optind, argv + optind, &err) ? report_error(&err, request.json) : ISOLAT_OK;
	return report_finish(code);
}
