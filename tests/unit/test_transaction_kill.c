// SPDX-License-Identifier: BSD-3-Clause
/*
 * Killed at every point: before, in and after each write to the journal and to the host, each fsync, rename, unlink and
 * ftruncate. Whoever comes next finds the host, byte for byte, as it was before, or, once it was committed, as it was
 * to be. How many points there were is printed.
 */
#include <string.h>
#include <unistd.h>

#include "transaction_store.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

struct steps {
	const char *name, *to;
};

/* b's mask is what it is made with: nothing to write, but b's. Were it made later it would begin with another. */
static const struct steps first[] = {
	{ "a", "present" }, { "b", "present" }, { "b/mask", "+1+2" }, { "a/mask", "f0" },
	{ "a/bw", "65" },   { "b/bw", "30" },	{ "b/cpus", "4-7" },  { "p0", "x" },
	{ "p1", "y" },	    { "mb0", "65" },	{ "1@1", "a" },	      { "2@1", "a" },
	{ "3@1", "b" },	    { "4@1", "b" },	{ "p2", "as ever" },  { 0 },
};

/* b goes, and with it what is in it; thread 3 goes from it to c, which has room only then. */
static const struct steps second[] = {
	{ "a", "present" }, { "a/mask", "0f" },
	{ "a/bw", "65" },   { "c", "present" },
	{ "c/mask", "3c" }, { "c/bw", "25" },
	{ "p0", "x" },	    { "p2", "z" },
	{ "mb0", "35" },    { "mb1", "41" },
	{ "1@1", "a" },	    { "2@1", "c" },
	{ "3@1", "c" },	    { 0 },
};

static int apply(void *data)
{
	const struct steps *given = data;
	struct transaction *t = store_open(false, NULL);
	struct step steps[32];
	size_t n = 0;
	int rc;

	for (; given->name; given++)
		steps[n++] = store_step(given->name, given->to);
	rc = !t || transaction_run(t, steps, n, NULL, &err) || transaction_commit(t, NULL, &err);
	transaction_close(t);
	return rc;
}

static int undo(void *data)
{
	struct transaction *t = store_open(false, NULL);
	int rc = !t || transaction_undo(t, NULL, &err);

	transaction_close(t);
	return rc;
}

/* Opening is what recovers. Returns how many objects stand on record. */
static size_t recover(void)
{
	struct transaction *t = store_open(false, NULL);
	size_t n;

	assert_non_null(t);
	n = transaction_count(t);
	transaction_close(t);
	return n;
}

static int recover_only(void *data)
{
	struct transaction *t = store_open(false, NULL);

	transaction_close(t);
	return !t;
}

static bool has_journal(void)
{
	return !access(path, F_OK);
}

/* What a test goes out from, goes to, and what undoing gives. */
struct sweep {
	const char *name;
	const struct steps *before; /* NULL: nothing */
	int (*act)(void *);
	const struct steps *act_on;
};

static void prepare(const struct sweep *s, struct store *before)
{
	store_reset();
	left[0] = '\0';
	unlink(path);
	if (s->before)
		assert_int_equal(apply((void *)s->before), 0);
	*before = *store;
}

/* Killed while it acts, and (unless @again is 0) again while that is taken back. */
static bool kill_once(const struct sweep *s, unsigned int k, unsigned int again, bool *done)
{
	struct store original, before, after;
	struct sweep none = { 0 };
	bool killed;

	prepare(&none, &original);
	prepare(s, &before);
	assert_int_equal(s->act((void *)s->act_on), 0);
	after = *store;
	assert_memory_not_equal(&before, &after, sizeof(after));
	prepare(s, &before);
	killed = store_killed(k, s->act, (void *)s->act_on);
	if (again)
		store_killed(again, recover_only, NULL);
	recover();
	if (s->act != undo) {
		bool is_done = !memcmp(store, &after, sizeof(after));

		assert_true(!*done || is_done); /* committed once, committed for good */
		store_assert(is_done ? &after : &before);
		*done = is_done;
		assert_true(!killed || has_journal() == (is_done || s->before));
	}
	assert_int_equal(undo(NULL), 0);
	store_assert(&original);
	assert_false(has_journal());
	assert_string_equal(left, "");
	return killed;
}

static void sweep(const struct sweep *s)
{
	unsigned int k = 0;
	bool done = false;

	do {
		k++;
	} while (kill_once(s, k, 0, &done));
	assert_true(s->act == undo || done);
	print_message("%s: killed at each of %u points\n", s->name, k - 1);
	assert_true(k > 20);
}

static const struct sweep sweeps[] = {
	{ "first apply", NULL, apply, first },
	{ "second apply", first, apply, second },
	{ "undo of the first", first, undo, NULL },
	{ "undo of the second", second, undo, NULL },
};

static void is_killed_in_an_apply(void **state)
{
	sweep(&sweeps[0]);
}

static void is_killed_in_a_second_apply(void **state)
{
	sweep(&sweeps[1]);
}

static void is_killed_in_an_undo(void **state)
{
	sweep(&sweeps[2]);
	sweep(&sweeps[3]);
}

/* The later an apply was killed the more there is to take back; each step of that is the last once. */
static void is_killed_while_it_recovers(void **state)
{
	unsigned int n = 0;

	for (unsigned int k = 1; k < 2000; k += 13) {
		bool done = false, killed = true;

		for (unsigned int again = 1; again < 2000; again++) {
			killed = kill_once(&sweeps[1], k, again, &done);
			n++;
			done = false;
			if (control->points < again)
				break;
		}
		if (!killed)
			break;
	}
	print_message("recovering: killed at each of %u points\n", n);
	assert_true(n > 200);
}

/* A host that is neither as before nor as it was to be; and no more when that was taken back, or brought to its end. */
static void see_each(const struct sweep *s)
{
	struct store before, after;
	unsigned int n_seen = 0;
	bool killed = true;

	prepare(s, &before);
	assert_int_equal(s->act((void *)s->act_on), 0);
	after = *store;
	for (unsigned int k = 1; killed; k++) {
		bool seen;

		prepare(s, &before);
		assert_false(store_is_half_made());
		killed = store_killed(k, s->act, (void *)s->act_on);
		seen = store_is_half_made();
		n_seen += seen;
		assert_true(seen || !memcmp(store, &before, sizeof(before)) || !memcmp(store, &after, sizeof(after)));
		assert_false(seen && !killed);
		if (s->act == undo)
			assert_int_equal(undo(NULL), 0);
		else
			recover();
		assert_false(store_is_half_made());
	}
	print_message("%s: seen at %u points\n", s->name, n_seen);
	assert_true(n_seen > 15);
	assert_int_equal(undo(NULL), 0);
}

static const struct steps nothing[] = { { 0 } };
static const struct sweep retire_all = { "apply of nothing", first, apply, nothing };

static void is_seen_by_a_reader(void **state)
{
	struct store original;

	prepare(&(struct sweep){ 0 }, &original);
	for (size_t i = 0; i < ARRAY_SIZE(sweeps); i++) {
		see_each(&sweeps[i]);
		store_assert(&original);
	}
	see_each(&retire_all);
	store_assert(&original);
}

/* The first point at which an undo is killed with a part of the host taken back, and a part not. */
static void undo_half(const struct store *before)
{
	for (unsigned int k = 1;; k++) {
		prepare(&sweeps[2], &(struct store){ 0 });
		assert_true(store_killed(k, undo, NULL));
		if (memcmp(store, before, sizeof(*before)) != 0)
			return;
	}
}

/* What comes after a killed undo and changes nothing does not hide it; what makes the host whole ends it. */
static void half_undone_stays_seen(void **state)
{
	struct store before;

	prepare(&sweeps[2], &before);
	undo_half(&before);
	assert_true(store_is_half_made());
	recover();
	assert_true(store_is_half_made());
	control->fail_object = "c/mask"; /* an apply that fails, and is taken back */
	assert_int_not_equal(apply((void *)second), 0);
	control->fail_object = NULL;
	assert_true(store_is_half_made());
	control->writes = 0; /* one that cannot be taken back either */
	control->fail_writes = ~0ull << 4;
	assert_int_not_equal(apply((void *)second), 0);
	control->fail_writes = 0;
	assert_true(store_is_half_made());
	recover();
	assert_true(store_is_half_made());
	assert_int_equal(apply((void *)first), 0);
	assert_false(store_is_half_made());
	store_assert(&before);
	undo_half(&before);
	control->fail_object = "p0"; /* stays on record */
	assert_int_not_equal(undo(NULL), 0);
	control->fail_object = NULL;
	assert_true(store_is_half_made());
	assert_int_equal(recover(), 1);
	assert_true(store_is_half_made());
	assert_int_equal(undo(NULL), 0);
	assert_false(has_journal());
}

/* The note is worth no failure: an undo needs no room on the disk. */
static void full_disk_keeps_no_undo(void **state)
{
	struct store original, before;

	prepare(&(struct sweep){ 0 }, &original);
	for (int torn = 0; torn < 2; torn++) {
		prepare(&sweeps[2], &before);
		control->journal = 0;
		control->fail_journal = 1;
		control->torn = torn;
		control->armed = true;
		assert_int_equal(undo(NULL), 0);
		control->armed = control->torn = false;
		control->fail_journal = 0;
		store_assert(&original);
		assert_false(has_journal());
	}
}

/* What withstood could not be told from what is undone: the old record stays, and says more than there is. */
static void full_disk_keeps_the_note(void **state)
{
	struct store original, before;

	prepare(&(struct sweep){ 0 }, &original);
	prepare(&sweeps[2], &before);
	control->fail_object = "p0";
	control->journal = 0;
	control->fail_journal = 2; /* behind the note */
	control->armed = true;
	assert_int_not_equal(undo(NULL), 0);
	control->armed = false;
	control->fail_journal = 0;
	control->fail_object = NULL;
	assert_memory_not_equal(store, &before, sizeof(before));
	assert_true(store_is_half_made());
	assert_int_equal(undo(NULL), 0);
	store_assert(&original);
	assert_false(has_journal());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_killed_in_an_apply),   cmocka_unit_test(is_killed_in_a_second_apply),
		cmocka_unit_test(is_killed_in_an_undo),	   cmocka_unit_test(is_killed_while_it_recovers),
		cmocka_unit_test(is_seen_by_a_reader),	   cmocka_unit_test(half_undone_stays_seen),
		cmocka_unit_test(full_disk_keeps_no_undo), cmocka_unit_test(full_disk_keeps_the_note),
	};

	return cmocka_run_group_tests(tests, store_make_all, remove_folder);
}
