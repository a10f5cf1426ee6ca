// SPDX-License-Identifier: BSD-3-Clause
/*
 * Inverses that no longer apply: what is still isolat's goes back, the rest is named, with what was before, and
 * forgotten. On objects "a".."c", whose value are two numbers that somebody can change one by one.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "transaction_fixture.h"

static char followed[256];

static struct {
	char value[3][16];	 /* "" when it is gone */
	const char *fails;	 /* writing this one */
	enum isolat_code code;	 /* with this */
	const char *becomes;	 /* what a write makes of all values; NULL: what is written */
	enum isolat_code follow; /* what following fails with */
	unsigned int writes;
	unsigned int good; /* so many of them succeed; 0: all */
	bool fails_once;   /* but for one all behind them do */
} host;

/* ---- The kind ---- */

static int read_pair(void *data, const char *object, char **value, struct isolat_error *e)
{
	const char *text = host.value[*object - 'a'];

	*value = *text ? strdup(text) : NULL;
	return 0;
}

/* While b has such a value a cannot go back. */
static bool is_holding(const char *value)
{
	return *value == '4';
}

static bool keeps_pair(const char *value, const char *kind, const char *other)
{
	return is_holding(value) && !strcmp(kind, "pair") && !strcmp(other, "a");
}

static int write_pair(void *data, const char *object, const char *from, const char *to, struct isolat_error *e)
{
	host.writes++;
	if (*object == 'a' && is_holding(host.value[1]) && !strcmp(to, "1 2"))
		return isolat_fail(e, ISOLAT_FAILED, "write", object, "b is in it");
	if ((host.fails && !strcmp(host.fails, object)) ||
	    (host.good && (host.fails_once ? host.writes == host.good + 1 : host.writes > host.good)))
		return isolat_fail(e, host.code, "write", object, "it does not take it");
	snprintf(host.value[*object - 'a'], 16, "%s", host.becomes ? host.becomes : to);
	return 0;
}

static bool part_pair(const char *before, const char *set, const char *now, char **to, char **theirs)
{
	int was[2], made[2], is[2];
	char text[16], rest[16] = "";
	bool any = false;

	assert_int_equal(sscanf(before, "%d %d", &was[0], &was[1]), 2);
	assert_int_equal(sscanf(set, "%d %d", &made[0], &made[1]), 2);
	assert_int_equal(sscanf(now, "%d %d", &is[0], &is[1]), 2);
	for (int i = 0; i < 2; i++) {
		if (is[i] == made[i])
			any = true;
		else
			snprintf(rest + strlen(rest), sizeof(rest) - strlen(rest), "%d:%d\n", i, is[i]);
	}
	snprintf(text, sizeof(text), "%d %d", is[0] == made[0] ? was[0] : is[0], is[1] == made[1] ? was[1] : is[1]);
	*to = any ? strdup(text) : NULL;
	*theirs = *rest ? strdup(rest) : NULL;
	return true;
}

static int follow_pair(void *data, const char *object, const char *set, const char *before, struct isolat_error *e)
{
	size_t n = strlen(followed);

	snprintf(followed + n, sizeof(followed) - n, "%s: %s>%s\n", object, set, before);
	return host.follow ? isolat_fail(e, host.follow, "follow", object, "it withstands") : 0;
}

static const struct step_kind pair = {
	.name = "pair",
	.read = read_pair,
	.write = write_pair,
	.part = part_pair,
	.follow = follow_pair,
	.keeps = keeps_pair,
};
static const struct step_kind *const kinds[] = { &pair, NULL };

/* ---- What tests say ---- */

static struct transaction *open_it(void)
{
	struct transaction_config config = config_of(kinds, &host);

	left[0] = followed[0] = '\0';
	return open_transaction(&config, false, NULL);
}

/* NULL: no step for it. */
static int apply(const char *a, const char *b)
{
	struct step steps[2];
	struct transaction *t = open_it();
	size_t n = 0;
	int rc;

	if (a)
		steps[n++] = (struct step){ .kind = &pair, .object = "a", .to = a };
	if (b)
		steps[n++] = (struct step){ .kind = &pair, .object = "b", .to = b };
	rc = transaction_run(t, steps, n, NULL, &err) || transaction_commit(t, NULL, &err) ? -1 : 0;
	transaction_close(t);
	return rc;
}

/* How many entries stay on record, whatever undo says. */
static size_t undo(int rc)
{
	struct transaction *t = open_it();
	size_t n;

	assert_int_equal(transaction_undo(t, NULL, &err), rc);
	n = transaction_count(t);
	transaction_close(t);
	return n;
}

static void change_it(char object, const char *value)
{
	snprintf(host.value[object - 'a'], 16, "%s", value);
}

static void expect(char object, const char *value)
{
	assert_string_equal(host.value[object - 'a'], value);
}

static int begin(void **state)
{
	memset(&host, 0, sizeof(host));
	for (char c = 'a'; c <= 'c'; c++)
		change_it(c, "1 2");
	unlink(path);
	return 0;
}

/* ---- Values of which somebody has changed a part ---- */

static void what_is_still_ours_goes_back(void **state)
{
	assert_int_equal(apply("5 6", "5 6"), 0);
	change_it('a', "5 9");
	assert_int_equal(undo(0), 0);
	expect('a', "1 9");
	expect('b', "1 2");
	assert_string_equal(left, "pair a: changed since: 1:9 (1 2)\n");
	assert_int_equal(undo(0), 0);
	assert_string_equal(left, "");
	expect('a', "1 9");
}

static void nothing_is_written_where_all_is_theirs(void **state)
{
	assert_int_equal(apply("5 6", NULL), 0);
	change_it('a', "8 9");
	host.writes = 0;
	assert_int_equal(undo(0), 0);
	assert_int_equal(host.writes, 0);
	assert_string_equal(left, "pair a: changed since: 0:8 1:9 (1 2)\n");
}

/* What they have changed is not taken for ours by the next undo. */
static void a_part_that_fails_is_tried_again(void **state)
{
	assert_int_equal(apply("5 6", NULL), 0);
	change_it('a', "5 9");
	host.fails = "a";
	host.code = ISOLAT_FAILED;
	assert_int_equal(undo(-1), 1);
	expect('a', "5 9");
	host.fails = NULL;
	assert_int_equal(undo(0), 0);
	expect('a', "1 9");
}

static void a_retired_part_goes_back(void **state)
{
	assert_int_equal(apply("5 6", "5 6"), 0);
	change_it('a', "9 6");
	assert_int_equal(apply(NULL, "5 6"), 0);
	expect('a', "9 2");
	assert_string_equal(left, "pair a: changed since: 0:9 (1 2)\n");
	assert_int_equal(undo(0), 0);
	expect('a', "9 2");
	expect('b', "1 2");
}

/* The next profile asks for that part as it finds it: for what they have made of it. */
static void their_part_stays_theirs_when_it_is_applied_again(void **state)
{
	assert_int_equal(apply("5 6", NULL), 0);
	change_it('a', "5 9");
	assert_int_equal(apply("5 9", NULL), 0);
	expect('a', "5 9");
	assert_int_equal(undo(0), 0);
	expect('a', "1 9");
	assert_string_equal(left, "");
}

static void their_part_stays_theirs_when_another_is_applied(void **state)
{
	static const char *const next[] = { "7 9", "7 8", "5 8" };

	for (size_t i = 0; i < sizeof(next) / sizeof(next[0]); i++) {
		begin(NULL);
		assert_int_equal(apply("5 6", NULL), 0);
		change_it('a', "5 9");
		assert_int_equal(apply(next[i], NULL), 0);
		expect('a', next[i]);
		assert_int_equal(undo(0), 0);
		expect('a', "1 9");
	}
}

static void all_that_is_theirs_and_asked_for_is_forgotten(void **state)
{
	assert_int_equal(apply("5 6", NULL), 0);
	change_it('a', "8 9");
	assert_int_equal(apply("8 9", NULL), 0);
	assert_int_equal(undo(0), 0);
	expect('a', "8 9");
	assert_string_equal(left, "");
}

static void their_part_stays_theirs_when_rolling_back_fails(void **state)
{
	assert_int_equal(apply("5 6", "5 6"), 0);
	change_it('a', "5 9");
	host.writes = 0;
	host.good = 1; /* the one of a: b's fails, and so does a's way back */
	host.code = ISOLAT_FAILED;
	assert_int_equal(apply("7 8", "7 8"), -1);
	expect('a', "7 8");
	host.good = 0;
	assert_int_equal(undo(0), 0);
	expect('a', "1 9");
	expect('b', "1 2");
}

/* ---- Values that cannot be had any more ---- */

static void what_cannot_come_back_is_left_and_forgotten(void **state)
{
	assert_int_equal(apply("5 6", "5 6"), 0);
	host.fails = "a";
	host.code = ISOLAT_DRIFT;
	assert_int_equal(undo(0), 0);
	expect('b', "1 2");
	assert_string_equal(left, "pair a: write: it does not take it (1 2)\n");
	assert_int_equal(undo(0), 0);
	assert_string_equal(left, "");
}

static void a_third_value_is_left_and_forgotten(void **state)
{
	assert_int_equal(apply("5 6", NULL), 0);
	host.becomes = "0 0";
	assert_int_equal(undo(0), 0);
	assert_string_equal(left, "pair a: take back: it is '0 0' after '1 2' was written (1 2)\n");
	assert_int_equal(undo(0), 0);
	expect('a', "0 0");
}

static void it_does_not_keep_another_profile_out(void **state)
{
	assert_int_equal(apply("5 6", NULL), 0);
	host.fails = "a";
	host.code = ISOLAT_DRIFT;
	assert_int_equal(apply(NULL, "7 8"), 0);
	assert_string_equal(left, "pair a: it does not take it (1 2)\n");
	expect('b', "7 8");
	host.fails = NULL;
	assert_int_equal(undo(0), 0);
	expect('a', "5 6");
	expect('b', "1 2");
	/* Nor does one that becomes something else. */
	assert_int_equal(apply("3 3", NULL), 0);
	host.becomes = "0 0";
	assert_int_equal(apply(NULL, NULL), 0);
	assert_string_equal(left, "pair a: it is '0 0' after '5 6' was written (5 6)\n");
}

static void other_failures_do(void **state)
{
	assert_int_equal(apply("5 6", NULL), 0);
	host.fails = "a";
	host.code = ISOLAT_FAILED;
	assert_int_equal(apply(NULL, "7 8"), -1);
	expect('b', "1 2");
	assert_int_equal(undo(-1), 1);
	host.fails = NULL;
	assert_int_equal(undo(0), 0);
	expect('a', "1 2");
}

/* ---- What has come with an object ---- */

static void it_follows_also_one_that_is_gone(void **state)
{
	assert_int_equal(apply("5 6", "7 8"), 0);
	assert_string_equal(followed, "");
	change_it('a', "");
	assert_int_equal(undo(0), 0);
	assert_string_equal(followed, "b: 7 8>1 2\na: 5 6>1 2\n");
	assert_int_equal(apply(NULL, "7 8"), 0);
	change_it('b', "");
	assert_int_equal(apply(NULL, NULL), 0);
	assert_string_equal(followed, "b: 7 8>1 2\n");
}

static void it_is_tried_again(void **state)
{
	assert_int_equal(apply("5 6", NULL), 0);
	host.follow = ISOLAT_FAILED;
	assert_int_equal(undo(-1), 1);
	expect('a', "1 2");
	assert_int_equal(undo(-1), 1);
	host.follow = ISOLAT_OK;
	assert_int_equal(undo(0), 0);
	assert_int_equal(apply("5 6", NULL), 0);
	host.follow = ISOLAT_DRIFT;
	assert_int_equal(undo(0), 0);
	assert_string_equal(left, "pair a: follow: it withstands (1 2)\n");
}

/* A step that fails takes back the one before it. */
static void it_follows_on_the_way_back(void **state)
{
	host.fails = "b";
	host.code = ISOLAT_FAILED;
	assert_int_equal(apply("5 6", "7 8"), -1);
	expect('a', "1 2");
	assert_non_null(strstr(followed, "a: 5 6>1 2\n"));
}

/* To what the record holds: others that are where it was made for are the record's, too. */
static void it_does_not_follow_back_to_the_record(void **state)
{
	assert_int_equal(apply("5 6", "7 8"), 0);
	host.fails = "b";
	host.code = ISOLAT_FAILED;
	assert_int_equal(apply("3 4", "3 4"), -1);
	expect('a', "5 6");
	assert_null(strstr(followed, "a: 3 4>5 6\n"));
	assert_null(strstr(followed, "a: "));
}

/* Nor away from there: somebody has changed it, a run gave it what the record has, and failed. */
static void it_does_not_follow_away_from_the_record(void **state)
{
	assert_int_equal(apply("5 6", "7 8"), 0);
	change_it('a', "8 8");
	host.fails = "b";
	host.code = ISOLAT_FAILED;
	assert_int_equal(apply("5 6", "3 4"), -1);
	expect('a', "8 8");
	assert_null(strstr(followed, "a: "));
}

/* ---- What keeps an object from going ---- */

static void it_is_given_back_first(void **state)
{
	assert_int_equal(apply("7 8", "4 6"), 0);
	assert_int_equal(apply(NULL, "3 4"), 0);
	assert_string_equal(left, "");
	assert_string_equal(followed, "b: 4 6>1 2\na: 7 8>1 2\n");
	expect('b', "3 4");
	expect('a', "1 2");
	assert_int_equal(undo(0), 0);
	expect('b', "1 2");
}

static void it_comes_back_when_that_fails(void **state)
{
	assert_int_equal(apply("7 8", "4 6"), 0);
	host.writes = 0;
	host.good = 2; /* b and a go back; b's step fails */
	host.code = ISOLAT_FAILED;
	host.fails_once = true;
	assert_int_equal(apply(NULL, "3 4"), -1);
	expect('a', "7 8");
	expect('b', "4 6");
	assert_int_equal(undo(0), 0);
	expect('a', "1 2");
	expect('b', "1 2");
}

/* Not to what the record holds, but on the way there: what has come with it meanwhile does not stay behind. */
static void it_is_followed_to_where_it_was_put_first(void **state)
{
	const struct step step = { .kind = &pair, .object = "b", .to = "3 4" };
	struct transaction *t;

	assert_int_equal(apply("7 8", "4 6"), 0);
	t = open_it();
	assert_int_equal(transaction_run(t, &step, 1, NULL, &err), 0);
	followed[0] = '\0';
	transaction_close(t);
	assert_string_equal(followed, "b: 3 4>1 2\n");
	expect('a', "7 8");
	expect('b', "4 6");
}

/* ---- What goes with an object that stays ---- */

/* "hub" hands on to "box", and "box/on" further down: while that does, the hub cannot take it back. The box stays. */
static const char *const wired_names[] = { "hub", "box", "box/on" };
static bool wired[3];

static size_t wired_index(const char *object)
{
	size_t i = 0;

	while (strcmp(wired_names[i], object))
		i++;
	return i;
}

static int read_wired(void *data, const char *object, char **value, struct isolat_error *e)
{
	*value = strdup(wired[wired_index(object)] ? "yes" : "no");
	return 0;
}

static int write_wired(void *data, const char *object, const char *from, const char *to, struct isolat_error *e)
{
	bool yes = !strcmp(to, "yes");

	if (!yes && !strcmp(object, "box"))
		return isolat_fail(e, ISOLAT_DRIFT, "write", object, "others are in it");
	if (!yes && !strcmp(object, "hub") && wired[2])
		return isolat_fail(e, ISOLAT_FAILED, "write", object, "it is handed on");
	wired[wired_index(object)] = yes;
	return 0;
}

static bool goes_with_box(const char *object, const char *kind, const char *other)
{
	return !strcmp(object, "box/on") && !strcmp(other, "box");
}

static const struct step_kind wire = {
	.name = "wire",
	.read = read_wired,
	.write = write_wired,
	.goes_with = goes_with_box,
};
static const struct step_kind *const wire_kinds[] = { &wire, NULL };

static struct transaction *open_wired(void)
{
	struct transaction_config config = config_of(wire_kinds, NULL);
	struct transaction *t = open_transaction(&config, false, NULL);
	struct step steps[3];

	memset(wired, 0, sizeof(wired));
	for (size_t i = 0; i < 3; i++)
		steps[i] = (struct step){ .kind = &wire, .object = wired_names[i], .to = "yes" };
	assert_int_equal(transaction_run(t, steps, 3, NULL, &err), 0);
	assert_int_equal(transaction_commit(t, NULL, &err), 0);
	left[0] = '\0';
	return t;
}

static void it_is_taken_back_before_what_comes_next(void **state)
{
	struct transaction *t = open_wired();

	assert_int_equal(transaction_undo(t, NULL, &err), 0);
	transaction_close(t);
	assert_string_equal(left, "wire box: write: others are in it (no)\n");
	assert_true(!wired[0] && wired[1] && !wired[2]);
}

static void it_is_retired_before_what_comes_next(void **state)
{
	struct transaction *t = open_wired();

	assert_int_equal(transaction_run(t, NULL, 0, NULL, &err), 0);
	assert_int_equal(transaction_commit(t, NULL, &err), 0);
	transaction_close(t);
	assert_string_equal(left, "wire box: others are in it (no)\n");
	assert_true(!wired[0] && wired[1] && !wired[2]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(what_is_still_ours_goes_back, begin),
		cmocka_unit_test_setup(nothing_is_written_where_all_is_theirs, begin),
		cmocka_unit_test_setup(a_part_that_fails_is_tried_again, begin),
		cmocka_unit_test_setup(a_retired_part_goes_back, begin),
		cmocka_unit_test_setup(their_part_stays_theirs_when_it_is_applied_again, begin),
		cmocka_unit_test_setup(their_part_stays_theirs_when_another_is_applied, begin),
		cmocka_unit_test_setup(all_that_is_theirs_and_asked_for_is_forgotten, begin),
		cmocka_unit_test_setup(their_part_stays_theirs_when_rolling_back_fails, begin),
		cmocka_unit_test_setup(what_cannot_come_back_is_left_and_forgotten, begin),
		cmocka_unit_test_setup(a_third_value_is_left_and_forgotten, begin),
		cmocka_unit_test_setup(it_does_not_keep_another_profile_out, begin),
		cmocka_unit_test_setup(other_failures_do, begin),
		cmocka_unit_test_setup(it_follows_also_one_that_is_gone, begin),
		cmocka_unit_test_setup(it_is_tried_again, begin),
		cmocka_unit_test_setup(it_follows_on_the_way_back, begin),
		cmocka_unit_test_setup(it_does_not_follow_back_to_the_record, begin),
		cmocka_unit_test_setup(it_does_not_follow_away_from_the_record, begin),
		cmocka_unit_test_setup(it_is_given_back_first, begin),
		cmocka_unit_test_setup(it_comes_back_when_that_fails, begin),
		cmocka_unit_test_setup(it_is_followed_to_where_it_was_put_first, begin),
		cmocka_unit_test_setup(it_is_taken_back_before_what_comes_next, begin),
		cmocka_unit_test_setup(it_is_retired_before_what_comes_next, begin),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
