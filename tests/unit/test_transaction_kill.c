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

static bool reader_sees_half_made(void)
{
	struct transaction *t = store_open(true, NULL);
	bool half_made;

	assert_non_null(t);
	half_made = transaction_is_half_made(t);
	transaction_close(t);
	return half_made;
}

/* A host that is neither as before nor as it was to be; and no more when that was taken back. */
static void is_seen_by_a_reader(void **state)
{
	struct store original, before, after;
	unsigned int n_seen = 0;
	bool killed = true;

	prepare(&(struct sweep){ 0 }, &original);
	prepare(&sweeps[1], &before);
	assert_int_equal(apply((void *)second), 0);
	after = *store;
	for (unsigned int k = 1; killed; k++) {
		bool seen;

		prepare(&sweeps[1], &before);
		assert_false(reader_sees_half_made());
		killed = store_killed(k, apply, (void *)second);
		seen = reader_sees_half_made();
		n_seen += seen;
		assert_true(seen || !memcmp(store, &before, sizeof(before)) || !memcmp(store, &after, sizeof(after)));
		assert_false(seen && !killed);
		recover();
		assert_false(reader_sees_half_made());
	}
	assert_true(n_seen > 20);
	assert_int_equal(undo(NULL), 0);
	store_assert(&original);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_killed_in_an_apply), cmocka_unit_test(is_killed_in_a_second_apply),
		cmocka_unit_test(is_killed_in_an_undo),	 cmocka_unit_test(is_killed_while_it_recovers),
		cmocka_unit_test(is_seen_by_a_reader),
	};

	return cmocka_run_group_tests(tests, store_make_all, remove_folder);
}
