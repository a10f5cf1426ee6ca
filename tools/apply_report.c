// SPDX-License-Identifier: BSD-3-Clause
#include "apply_report.h"

#include <string.h>

#include "apply_cpus.h"
#include "report.h"
#include "step_rdt.h"

/* The next line of text at *@at, without its newline; false at the end. */
static bool next_line(const char **at, size_t *length)
{
	if (!**at)
		return false;
	*length = strcspn(*at, "\n");
	return true;
}

static void skip_line(const char **at, size_t length)
{
	*at += length;
	*at += **at == '\n';
}

/* The lines of @set that differ from those of @to: both are rdt_schemata_print()'s of the same resources. */
static void print_rounding(const struct transaction_entry *entry)
{
	const char *to = entry->to, *set = entry->set;
	size_t n, m;

	while (next_line(&to, &n) && next_line(&set, &m)) {
		if (n != m || strncmp(to, set, n) != 0)
			printf("note: %s: asked %.*s, the hardware made it %.*s\n",
			       *entry->object ? entry->object : "the default group", (int)n, to, (int)m, set);
		skip_line(&to, n);
		skip_line(&set, m);
	}
}

static bool gives_to_cpus(const struct apply_result *r)
{
	return r->plan->n_groups && !rdt_engine_has_tasks(r->applied->engine);
}

/* VMs that share a group, and found no RMID for counters of their own: an array of sentences. */
static json_t *without_monitors(const struct apply_result *r)
{
	json_t *notes = json_array();

	for (size_t i = 0; i < transaction_count(r->applied->t); i++) {
		struct transaction_entry entry = transaction_entry(r->applied->t, i);

		if (entry.kind == &step_monitor && strcmp(entry.set, STEP_PRESENT) != 0)
			json_array_append_new(notes, json_sprintf("no RMID was free for %s: what its VM occupies and "
								  "moves is unavailable",
								  entry.object));
	}
	return notes;
}

static void print_without_monitors(const struct apply_result *r)
{
	json_t *notes = without_monitors(r), *item;
	size_t i;

	json_array_foreach (notes, i, item)
		printf("note: %s\n", json_string_value(item));
	json_decref(notes);
}

static int show_text(const struct apply_result *r)
{
	const struct plan *plan = r->plan;

	if (r->applied->recovered)
		puts("note: an isolat that was killed had left changes half made: they were taken back first");
	if (!r->written)
		printf("%s is applied already: nothing was written\n", plan->profile->file);
	else
		printf("applied %s: %u group%s, %u VM%s with %zu thread%s, %zu writes\n", plan->profile->file,
		       plan->n_groups, plan->n_groups == 1 ? "" : "s", plan->n_vms, plan->n_vms == 1 ? "" : "s",
		       r->threads, r->threads == 1 ? "" : "s", r->written);
	for (unsigned int i = 0; i < plan->n_notes; i++)
		printf("note: %s\n", plan->notes[i]);
	if (gives_to_cpus(r))
		printf("note: %s\n", apply_cpus_note);
	print_without_monitors(r);
	for (size_t i = 0; i < transaction_count(r->applied->t); i++) {
		struct transaction_entry entry = transaction_entry(r->applied->t, i);

		if (entry.kind == &step_schemata)
			print_rounding(&entry);
	}
	applied_print_left(r->applied->left, stdout);
	return ISOLAT_OK;
}

static json_t *groups_to_json(const struct apply_result *r)
{
	json_t *groups = json_array();

	for (size_t i = 0; i < transaction_count(r->applied->t); i++) {
		struct transaction_entry entry = transaction_entry(r->applied->t, i);

		if (entry.kind == &step_schemata)
			json_array_append_new(groups, json_pack("{s:s, s:s, s:s}", "name", entry.object, "requested",
								entry.to, "programmed", entry.set));
	}
	return groups;
}

static json_t *notes_to_json(const struct apply_result *r)
{
	json_t *notes = without_monitors(r);

	for (unsigned int i = 0; i < r->plan->n_notes; i++)
		json_array_append_new(notes, report_string(r->plan->notes[i]));
	if (gives_to_cpus(r))
		json_array_append_new(notes, json_string(apply_cpus_note));
	return notes;
}

int apply_report(const struct apply_result *r, bool json)
{
	if (!json)
		return show_text(r);
	return report_json(json_pack("{s:i, s:b, s:b, s:I, s:I, s:O, s:O, s:o, s:O, s:o}", "version", 1, "applied",
				     true, "recovered", r->applied->recovered, "written", (json_int_t)r->written,
				     "threads", (json_int_t)r->threads, "engine", json_object_get(r->about, "engine"),
				     "vms", json_object_get(r->about, "vms"), "groups", groups_to_json(r), "left",
				     r->applied->left, "notes", notes_to_json(r)));
}
