// SPDX-License-Identifier: BSD-3-Clause
/* What a transaction does, and what it keeps its hands off, as long as nothing fails and nobody dies. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "transaction_store.h"

static struct store original;

/* Returns how many were written. */
static size_t apply(const char *text)
{
	struct transaction *t = store_open(false, NULL);
	size_t written = 99;

	left[0] = '\0';
	assert_int_equal(store_run(t, text, &written), 0);
	assert_int_equal(transaction_commit(t, NULL, &err), 0);
	transaction_close(t);
	return written;
}

static size_t undo(void)
{
	struct transaction *t = store_open(false, NULL);
	size_t written = 99;

	left[0] = '\0';
	assert_int_equal(transaction_undo(t, &written, &err), 0);
	assert_int_equal(transaction_count(t), 0);
	transaction_close(t);
	assert_int_not_equal(access(path, F_OK), 0);
	return written;
}

static void assert_original(void)
{
	store_assert(&original);
}

static int begin(void **state)
{
	store_reset();
	original = *store;
	left[0] = '\0';
	unlink(path);
	return 0;
}

/* ---- Applying ---- */

static void applies_and_undoes(void **state)
{
	assert_int_equal(apply("a=present a/mask=f0 1@1=a p0=x"), 4);
	assert_string_equal(store_record(true), "a:absent>present=present a/mask:+1>f0=f0 1@1:>a=a p0:as ever>x=x");
	assert_string_equal(store_value("a/mask"), "f0");
	assert_string_equal(store_value("1@1"), "a");
	/* The mask goes with the group. */
	assert_int_equal(undo(), 3);
	assert_original();
	assert_int_equal(undo(), 0);
}

static void second_apply_writes_nothing(void **state)
{
	static const char *const steps = "a=present a/bw=65 1@1=a mb0=65 mb1=50";

	assert_int_equal(apply(steps), 4);
	assert_string_equal(store_record(true), "a:absent>present=present a/bw:10>65=70 1@1:>a=a mb0:100>65=70");
	assert_int_equal(apply(steps), 0);
	assert_string_equal(store_record(true), "a:absent>present=present a/bw:10>65=70 1@1:>a=a mb0:100>65=70");
	assert_int_equal(control->writes, 4);
	undo();
	assert_original();
}

/* 41 rounds to what it was: asked for, so on record, but nothing to give back. */
static void rounding_to_what_was_is_remembered(void **state)
{
	assert_int_equal(apply("mb1=41"), 1);
	assert_int_equal(apply("mb1=41"), 0);
	assert_int_equal(undo(), 0);
	assert_original();
}

static void asking_for_what_was_made_writes_nothing(void **state)
{
	apply("mb0=65");
	assert_int_equal(apply("mb0=70"), 0);
	assert_string_equal(store_record(true), "mb0:100>70=70");
	undo();
	assert_original();
}

static void what_is_so_already_is_not_ours(void **state)
{
	assert_int_equal(apply("p0=x p1=as\tever"), 2);
	store_force("p2", "y");
	assert_int_equal(apply("p0=x p2=y"), 1);
	assert_string_equal(store_record(true), "p0:as ever>x=x");
	undo();
	assert_string_equal(store_value("p2"), "y");
}

/* Somebody else gave it the very value that is asked for now: from then on it is theirs. */
static void what_became_so_is_no_longer_ours(void **state)
{
	apply("p0=x p1=y");
	store_force("p0", "z");
	assert_int_equal(apply("p0=z p1=y"), 0);
	assert_string_equal(store_record(true), "p1:as ever>y=y");
}

static void what_is_so_in_our_group_is_ours(void **state)
{
	assert_int_equal(apply("a=present a/mask=+1"), 1);
	assert_string_equal(store_record(true), "a:absent>present=present a/mask:+1>+1=+1");
	assert_int_equal(apply("a=present a/mask=+1"), 0);
	assert_int_equal(undo(), 1);
	assert_original();
}

static void going_back_to_the_first_value_ends_the_entry(void **state)
{
	apply("mb0=70 mb1=60");
	assert_int_equal(apply("mb0=100 mb1=60"), 1);
	assert_string_equal(store_record(true), "mb1:50>60=60");
}

/* It was nowhere else before, and b alone knows of it when a is gone. */
static void born_in_our_group_comes_home_without_it(void **state)
{
	apply("a=present b=present 1@1=a");
	store_force("2@1", "a");
	apply("a=present b=present 1@1=a 2@1=b");
	apply("b=present 1@1=b 2@1=b");
	undo();
	assert_string_equal(left, "");
	assert_original();
}

static void value_before_is_that_before_the_first_change(void **state)
{
	apply("p0=x");
	apply("p0=y");
	assert_string_equal(store_record(true), "p0:as ever>y=y");
	/* Also when somebody else came between. */
	store_force("p0", "z");
	assert_int_equal(apply("p0=y"), 1);
	assert_string_equal(store_record(true), "p0:as ever>y=y");
	undo();
	assert_original();
}

static void gone_object_is_left_out(void **state)
{
	store_force("2@1", NULL);
	assert_int_equal(apply("a=present 1@1=a 2@1=a b/mask=f"), 2);
	assert_string_equal(store_record(true), "a:absent>present=present 1@1:>a=a");
	store_force("1@1", NULL);
	assert_int_equal(apply("a=present 1@1=a"), 0);
	assert_string_equal(store_record(true), "a:absent>present=present");
}

/* ---- What no step mentions any more ---- */

static void rest_is_retired_first(void **state)
{
	apply("a=present b=present b/mask=f 1@1=b 2@1=b p0=x");
	/* There is room for c only when b is gone, and b has no threads of ours then. */
	assert_int_equal(apply("c=present 1@1=c a=present 3@1=a"), 6);
	assert_string_equal(store_record(true), "c:absent>present=present 1@1:>c=c a:absent>present=present 3@1:>a=a");
	assert_string_equal(store_value("2@1"), "");
	assert_string_equal(store_value("p0"), "as ever");
	assert_string_equal(left, "");
	undo();
	assert_original();
}

static void record_is_in_the_order_of_the_steps(void **state)
{
	apply("p0=x p1=x p2=x");
	apply("p3=x p2=x p0=x");
	assert_string_equal(store_record(true), "p3:as ever>x=x p2:as ever>x=x p0:as ever>x=x");
}

static void retiring_all_removes_the_journal(void **state)
{
	apply("p0=x a=present");
	assert_int_equal(access(path, F_OK), 0);
	assert_int_equal(apply(""), 2);
	assert_int_not_equal(access(path, F_OK), 0);
	assert_original();
}

/* A file is spared when its group is removed, and only then. */
static void file_is_written_when_its_group_stays(void **state)
{
	apply("a=present a/mask=f0");
	assert_int_equal(apply("a=present"), 1);
	assert_string_equal(store_value("a/mask"), "+1");
	assert_string_equal(store_record(true), "a:absent>present=present");
}

static void file_is_written_when_its_group_is_not_ours(void **state)
{
	store_force("a", "present");
	apply("a=present a/mask=f0");
	assert_string_equal(store_record(true), "a/mask:+1>f0=f0");
	assert_int_equal(undo(), 1);
	assert_string_equal(store_value("a/mask"), "+1");
	assert_string_equal(store_value("a"), "present");
}

/* ---- What somebody else did ---- */

static void foreign_change_is_left_and_reported(void **state)
{
	apply("p0=x p1=y mb0=65");
	store_force("p0", "theirs");
	store_force("mb0", "80");
	assert_int_equal(undo(), 1);
	assert_string_equal(left, "rounds mb0: changed since: it is '80', not '70' (100)\n"
				  "plain p0: changed since: it is 'theirs', not 'x' (as ever)\n");
	assert_string_equal(store_value("p0"), "theirs");
	assert_string_equal(store_value("p1"), "as ever");
	assert_string_equal(store_value("mb0"), "80");
	undo();
	assert_string_equal(left, "");
}

static void foreign_change_is_left_when_it_is_retired(void **state)
{
	apply("p0=x p1=y");
	store_force("p0", "theirs");
	assert_int_equal(apply("p1=y"), 0);
	assert_string_equal(left, "plain p0: changed since: it is 'theirs', not 'x' (as ever)\n");
	assert_string_equal(store_record(true), "p1:as ever>y=y");
}

static void vanished_object_is_undone(void **state)
{
	apply("a=present a/mask=f0 1@1=a");
	store_force("1@1", NULL);
	store_force("a", "absent");
	assert_int_equal(undo(), 0);
	assert_string_equal(left, "");
}

static void undone_by_hand_is_undone(void **state)
{
	apply("p0=x p1=y");
	store_force("p0", "as ever");
	assert_int_equal(undo(), 1);
	assert_string_equal(left, "");
	assert_original();
}

/* A file's own change does not matter when the group that it is in goes. */
static void changed_file_of_a_removed_group_is_no_matter(void **state)
{
	apply("a=present a/mask=f0");
	store_force("a/mask", "theirs");
	assert_int_equal(undo(), 1);
	assert_string_equal(left, "");
	assert_original();
}

/* ---- Ways in and out ---- */

static void see(void *data, const struct transaction_entry *entry, const char *now)
{
	char *text = data;

	snprintf(text + strlen(text), 64, "%s %s, ", entry->object, now ? now : "gone");
}

static void verify_counts_what_differs(void **state)
{
	char text[256] = "";
	struct transaction *t;

	apply("a=present 1@1=a p0=x mb0=65");
	t = store_open(true, NULL);
	assert_int_equal(transaction_verify(t, see, text, &err), 0);
	store_force("p0", "as ever");
	store_force("1@1", NULL);
	assert_int_equal(transaction_verify(t, see, text, &err), 2);
	assert_string_equal(text, "1@1 gone, p0 as ever, ");
	assert_int_equal(transaction_verify(t, NULL, NULL, &err), 2);
	transaction_close(t);
}

static void about_is_kept(void **state)
{
	struct transaction *t = store_open(false, NULL);
	json_t *about = json_pack("{s:s}", "profile", "quiet.yaml");

	assert_null(transaction_about(t));
	assert_int_equal(store_run(t, "p0=x", NULL), 0);
	assert_int_equal(transaction_commit(t, about, &err), 0);
	assert_true(json_equal(transaction_about(t), about));
	transaction_close(t);
	t = store_open(true, NULL);
	assert_true(json_equal(transaction_about(t), about));
	transaction_close(t);
	undo();
	t = store_open(true, NULL);
	assert_null(transaction_about(t));
	transaction_close(t);
	json_decref(about);
}

static void closing_takes_back(void **state)
{
	struct transaction *t;

	apply("p0=x");
	t = store_open(false, NULL);
	assert_int_equal(store_run(t, "p0=y a=present", NULL), 0);
	/* The record is the committed one until then. */
	assert_int_equal(transaction_count(t), 1);
	transaction_close(t);
	assert_string_equal(store_record(true), "p0:as ever>x=x");
	assert_string_equal(store_value("p0"), "x");
	assert_string_equal(store_value("a"), "absent");
	transaction_close(NULL);
}

static void undo_of_what_is_not_committed(void **state)
{
	struct transaction *t;

	apply("p0=x");
	t = store_open(false, NULL);
	assert_int_equal(store_run(t, "p0=y a=present", NULL), 0);
	assert_int_equal(transaction_undo(t, NULL, &err), 0);
	assert_original();
	assert_int_equal(store_run(t, "p1=y", NULL), 0);
	assert_int_equal(transaction_commit(t, NULL, &err), 0);
	transaction_close(t);
	assert_string_equal(store_record(true), "p1:as ever>y=y");
}

static void bad_steps_are_refused_before_anything(void **state)
{
	const struct step_kind foreign = { .name = "plain", .read = store_plain.read, .write = store_plain.write };
	const struct step of_foreign = { .kind = &foreign, .object = "p0", .to = "x" };
	struct transaction *t = store_open(false, NULL);

	assert_int_equal(store_run(t, "p0=x p1=y p0=z", NULL), -1);
	assert_int_equal(err.code, ISOLAT_USAGE);
	assert_string_equal(err.object, "p0");
	assert_int_equal(transaction_run(t, &of_foreign, 1, NULL, &err), -1);
	assert_int_equal(err.code, ISOLAT_USAGE);
	assert_int_equal(store_run(t, "p0=\xff", NULL), -1);
	assert_string_equal(err.object, "p0");
	assert_int_equal(control->writes, 0);
	transaction_close(t);
	assert_original();
}

/* New threads of a VM, say: each run goes on from where the one before has come. */
static void runs_before_a_commit_add_up(void **state)
{
	struct transaction *t;
	size_t written;

	apply("p3=old");
	t = store_open(false, NULL);
	assert_int_equal(store_run(t, "p0=x mb0=65", &written), 0);
	assert_int_equal(written, 3); /* and p3 goes back */
	assert_int_equal(store_run(t, "p0=x mb0=65 p1=y", &written), 0);
	assert_int_equal(written, 1);
	assert_int_equal(store_run(t, "p0=z p1=y", &written), 0);
	assert_int_equal(written, 2); /* mb0 goes back */
	assert_int_equal(transaction_commit(t, NULL, &err), 0);
	transaction_close(t);
	assert_string_equal(store_record(true), "p0:as ever>z=z p1:as ever>y=y");
	undo();
	assert_original();
}

/* A profile that asks for nothing that has to be written stands applied all the same. */
static void about_stands_without_steps(void **state)
{
	json_t *about = json_pack("{s:i}", "vms", 3);
	struct transaction *t = store_open(false, NULL);

	assert_int_equal(store_run(t, "", NULL), 0);
	assert_int_equal(transaction_commit(t, about, &err), 0);
	transaction_close(t);
	t = store_open(true, NULL);
	assert_true(json_equal(transaction_about(t), about));
	assert_int_equal(transaction_count(t), 0);
	transaction_close(t);
	undo();
	t = store_open(true, NULL);
	assert_null(transaction_about(t));
	transaction_close(t);
	json_decref(about);
}

static void a_later_run_that_fails_takes_back_all(void **state)
{
	struct transaction *t = store_open(false, NULL);

	assert_int_equal(store_run(t, "a=present p0=x", NULL), 0);
	control->fail_object = "p1";
	assert_int_equal(store_run(t, "a=present p0=y p1=y", NULL), -1);
	control->fail_object = NULL;
	assert_original();
	assert_int_equal(store_run(t, "p2=x", NULL), 0);
	assert_int_equal(transaction_commit(t, NULL, &err), 0);
	transaction_close(t);
	assert_string_equal(store_record(true), "p2:as ever>x=x");
}

static void reader_changes_nothing(void **state)
{
	struct transaction *t;

	apply("p0=x");
	t = store_open(true, NULL);
	assert_int_equal(store_run(t, "p1=x", NULL), -1);
	assert_int_equal(err.code, ISOLAT_USAGE);
	assert_int_equal(transaction_commit(t, NULL, &err), -1);
	assert_int_equal(transaction_undo(t, NULL, &err), -1);
	transaction_close(t);
	assert_string_equal(store_value("p0"), "x");
	assert_string_equal(store_record(true), "p0:as ever>x=x");
}

static void name_has_to_be_a_name(void **state)
{
	static const char *const bad[] = { "", "../x", "a/b", "a.b", "a b", "\xc3\xa9" };
	struct transaction_config c = store_config();
	struct transaction *t;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		c.name = bad[i];
		assert_int_equal(transaction_open(&c, false, &t, NULL, &err), -1);
		assert_int_equal(err.code, ISOLAT_USAGE);
		assert_null(t);
	}
}

/* ---- Interrupted ---- */

static unsigned int asked_before_it_ends;

static int interrupted(void *data, struct isolat_error *why)
{
	return asked_before_it_ends-- ? 0 : isolat_fail(why, ISOLAT_FAILED, "go on", NULL, "asked to end");
}

/* It is asked for each entry of the record, each step, and the commit. */
static void interrupted_at_any_step_all_is_taken_back(void **state)
{
	struct transaction_config c = store_config();
	struct store stood;

	apply("p0=x mb0=65 p3=old");
	stood = *store;
	c.interrupted = interrupted;
	for (unsigned int n = 0;; n++) {
		struct transaction *t;
		int rc;

		asked_before_it_ends = n;
		assert_int_equal(transaction_open(&c, false, &t, NULL, &err), 0);
		rc = store_run(t, "a=present p0=y 1@1=a", NULL) || transaction_commit(t, NULL, &err);
		transaction_close(t);
		if (!rc) {
			assert_int_equal(n, 3 + 3 + 1);
			break;
		}
		assert_string_equal(err.reason, "asked to end");
		assert_memory_equal(store, &stood, sizeof(stood));
		assert_string_equal(store_record(true), "p0:as ever>x=x mb0:100>65=70 p3:as ever>old=old");
	}
	undo();
	assert_original();
}

/* ---- A lock that the caller has ---- */

static void callers_lock_stays(void **state)
{
	struct transaction_config c = store_config(), other = store_config();
	struct journal_folder locked;
	struct transaction *t;

	assert_int_equal(journal_folder_open(&locked, folder, true, 0, &err), 0);
	c.locked = &locked;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(transaction_open(&c, false, &t, NULL, &err), 0);
		assert_int_equal(store_run(t, i ? "p0=y" : "p0=x", NULL), 0);
		assert_int_equal(transaction_commit(t, NULL, &err), 0);
		transaction_close(t);
		assert_int_equal(transaction_open(&other, true, &t, NULL, &err), -1);
		assert_non_null(strstr(err.reason, "another isolat holds it"));
	}
	journal_folder_close(&locked);
	assert_string_equal(store_record(true), "p0:as ever>y=y");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(applies_and_undoes, begin),
		cmocka_unit_test_setup(second_apply_writes_nothing, begin),
		cmocka_unit_test_setup(rounding_to_what_was_is_remembered, begin),
		cmocka_unit_test_setup(asking_for_what_was_made_writes_nothing, begin),
		cmocka_unit_test_setup(what_is_so_already_is_not_ours, begin),
		cmocka_unit_test_setup(what_became_so_is_no_longer_ours, begin),
		cmocka_unit_test_setup(what_is_so_in_our_group_is_ours, begin),
		cmocka_unit_test_setup(going_back_to_the_first_value_ends_the_entry, begin),
		cmocka_unit_test_setup(born_in_our_group_comes_home_without_it, begin),
		cmocka_unit_test_setup(value_before_is_that_before_the_first_change, begin),
		cmocka_unit_test_setup(gone_object_is_left_out, begin),
		cmocka_unit_test_setup(rest_is_retired_first, begin),
		cmocka_unit_test_setup(record_is_in_the_order_of_the_steps, begin),
		cmocka_unit_test_setup(retiring_all_removes_the_journal, begin),
		cmocka_unit_test_setup(file_is_written_when_its_group_stays, begin),
		cmocka_unit_test_setup(file_is_written_when_its_group_is_not_ours, begin),
		cmocka_unit_test_setup(foreign_change_is_left_and_reported, begin),
		cmocka_unit_test_setup(foreign_change_is_left_when_it_is_retired, begin),
		cmocka_unit_test_setup(vanished_object_is_undone, begin),
		cmocka_unit_test_setup(undone_by_hand_is_undone, begin),
		cmocka_unit_test_setup(changed_file_of_a_removed_group_is_no_matter, begin),
		cmocka_unit_test_setup(verify_counts_what_differs, begin),
		cmocka_unit_test_setup(about_is_kept, begin),
		cmocka_unit_test_setup(closing_takes_back, begin),
		cmocka_unit_test_setup(undo_of_what_is_not_committed, begin),
		cmocka_unit_test_setup(bad_steps_are_refused_before_anything, begin),
		cmocka_unit_test_setup(runs_before_a_commit_add_up, begin),
		cmocka_unit_test_setup(a_later_run_that_fails_takes_back_all, begin),
		cmocka_unit_test_setup(about_stands_without_steps, begin),
		cmocka_unit_test_setup(reader_changes_nothing, begin),
		cmocka_unit_test_setup(name_has_to_be_a_name, begin),
		cmocka_unit_test_setup(interrupted_at_any_step_all_is_taken_back, begin),
		cmocka_unit_test_setup(callers_lock_stays, begin),
	};

	return cmocka_run_group_tests(tests, store_make_all, remove_folder);
}
