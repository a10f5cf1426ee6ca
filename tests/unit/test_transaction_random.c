// SPDX-License-Identifier: BSD-3-Clause
/*
 * Random rows of applies, undos and kills, against a model that needs no journal: what stands is what was asked for
 * last, over what was there at the beginning. ISOLAT_TEST_SEED has other ones.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "transaction_store.h"

#define ROWS	   300
#define ACTS	   8
#define MAX_POINTS 150

static uint64_t seed = 20261122;
static unsigned int n_acts, n_kills;

/* What is asked for; "" as a name: the end. Empty: undo. */
struct wish {
	size_t n;
	struct {
		char name[8], to[16];
	} step[STORE_OBJECTS];
};

static unsigned int any(unsigned int below)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned int)(seed >> 33) % below;
}

static struct transaction *open_it(void)
{
	struct transaction *t = store_open(false, NULL);

	if (!t)
		print_error("%s: %s\n", err.what, err.reason);
	return t;
}

static int act(void *data)
{
	const struct wish *wish = data;
	struct transaction *t = open_it();
	struct step steps[STORE_OBJECTS];
	int rc;

	for (size_t i = 0; i < wish->n; i++)
		steps[i] = store_step(wish->step[i].name, wish->step[i].to);
	if (!wish->n)
		rc = !t || transaction_undo(t, NULL, &err);
	else
		rc = !t || transaction_run(t, steps, wish->n, NULL, &err) || transaction_commit(t, NULL, &err);
	if (rc)
		print_error("%s %s: %s\n", err.what, err.object, err.reason);
	transaction_close(t);
	return rc;
}

static int recover(void *data)
{
	struct transaction *t = open_it();

	transaction_close(t);
	return !t;
}

/* ---- Wishes ---- */

static void want(struct wish *wish, const char *name, const char *to)
{
	snprintf(wish->step[wish->n].name, sizeof(wish->step[0].name), "%s", name);
	snprintf(wish->step[wish->n++].to, sizeof(wish->step[0].to), "%s", to);
}

static void want_number(struct wish *wish, const char *name, unsigned int number)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", number);
	want(wish, name, text);
}

static void want_group(struct wish *wish, char g)
{
	want(wish, (char[]){ g, 0 }, "present");
	want_number(wish, (char[]){ g, '/', 'm', 'a', 's', 'k', 0 }, any(4));
	want_number(wish, (char[]){ g, '/', 'c', 'p', 'u', 's', 0 }, any(3));
	want_number(wish, (char[]){ g, '/', 'b', 'w', 0 }, 1 + any(40));
}

static void want_plain(struct wish *wish)
{
	static const char *const names[] = { "p0", "p1", "p2", "p3" };

	for (size_t i = 0; i < STORE_PLAIN; i++) {
		if (any(2))
			want(wish, names[(i + 1) % STORE_PLAIN], any(5) ? "x" : "as ever");
	}
	if (any(2))
		want_number(wish, "mb0", 91 + any(20));
	if (any(2))
		want_number(wish, "mb1", 1 + any(50));
}

static struct wish random_wish(void)
{
	char groups[] = "abcd";
	unsigned int n = any(STORE_GROUP_MAX + 1);
	struct wish wish = { 0 };

	if (!any(6))
		return wish;
	if (any(2))
		want_plain(&wish);
	for (unsigned int i = 0; i < n; i++) {
		unsigned int other = i + any(STORE_GROUPS - i);
		char g = groups[other];

		groups[other] = groups[i];
		groups[i] = g;
		want_group(&wish, g);
	}
	for (char i = '1'; n && i <= '0' + STORE_THREADS; i++) {
		if (any(3))
			want(&wish, (char[]){ i, '@', '1', 0 }, (char[]){ groups[any(n)], 0 });
	}
	return wish;
}

/* ---- The model ---- */

static void set(struct store *model, const char *name, const char *to)
{
	struct store_object *object = model->object;
	char rounded[16];

	if (strstr(name, "bw") || strstr(name, "mb")) {
		snprintf(rounded, sizeof(rounded), "%d", (atoi(to) + 9) / 10 * 10);
		to = rounded;
	}
	while (strcmp(object->name, name))
		object++;
	memset(object->value, 0, sizeof(object->value));
	snprintf(object->value, sizeof(object->value), "%s", to);
	object->gone = false;
}

static struct store expected(const struct store *original, const struct wish *wish)
{
	struct store model = *original;

	for (size_t i = 0; i < wish->n; i++)
		set(&model, wish->step[i].name, wish->step[i].to);
	return model;
}

/* Killed somewhere, and maybe while that is taken back: then all of it has happened or nothing (of an undo: some). */
static bool act_or_die(const struct store *before, const struct store *after, struct wish *wish)
{
	bool killed = store_killed(any(3) ? 1 + any(MAX_POINTS) : 0, act, wish);
	bool done;

	n_acts++;
	n_kills += killed;
	if (!any(4))
		n_kills += store_killed(1 + any(100), recover, NULL);
	assert_int_equal(recover(NULL), 0);
	done = !memcmp(store, after, sizeof(*after));
	if (!killed)
		store_assert(after);
	else if (!done && wish->n)
		store_assert(before);
	return done;
}

static void one_row(void)
{
	struct store original, stands;

	store_reset();
	unlink(path);
	stands = original = *store;
	for (unsigned int i = 0; i < ACTS; i++) {
		struct wish wish = random_wish();
		struct store after = expected(&original, &wish);

		if (act_or_die(&stands, &after, &wish))
			stands = after;
		else if (!wish.n)
			stands = *store; /* half undone: the next has to cope */
	}
	assert_int_equal(act(&(struct wish){ 0 }), 0);
	store_assert(&original);
	assert_int_not_equal(access(path, F_OK), 0);
	assert_string_equal(left, "");
}

static void all_or_nothing_whatever_happens(void **state)
{
	for (unsigned int i = 0; i < ROWS; i++)
		one_row();
	print_message("%u acts, %u kills\n", n_acts, n_kills);
	assert_true(n_kills > n_acts / 5);
}

static int make(void **state)
{
	const char *given = getenv("ISOLAT_TEST_SEED");

	if (given)
		seed = strtoull(given, NULL, 0);
	print_message("seed %llu\n", (unsigned long long)seed);
	return store_make_all(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_or_nothing_whatever_happens),
	};

	return cmocka_run_group_tests(tests, make, remove_folder);
}
