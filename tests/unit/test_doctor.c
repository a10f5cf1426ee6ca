// SPDX-License-Identifier: BSD-3-Clause
/* The doctor's checks against machines made up in a directory: a table of cases, and a few that need code. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "doctor_check.h"
#include "doctor_cpuidle.h"
#include "report.h"
#include "doctor_cases.h"

static char dir[256];

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void full_path(char *path, size_t size, const char *name)
{
	assert_true((size_t)snprintf(path, size, "%s/%s", dir, name) < size);
}

static void make_dirs(const char *name, bool last)
{
	char path[1024];

	full_path(path, sizeof(path), name);
	for (char *slash = strchr(path + strlen(dir) + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		assert_true(!mkdir(path, 0755) || errno == EEXIST);
		*slash = '/';
	}
	if (last)
		assert_true(!mkdir(path, 0755) || errno == EEXIST);
}

static void put_bytes(const char *name, const void *bytes, size_t size)
{
	char path[1024];
	FILE *file;

	make_dirs(name, false);
	full_path(path, sizeof(path), name);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, size, file), size);
	assert_int_equal(fclose(file), 0);
}

static void put(const struct file *file)
{
	char path[1024];

	if (file->text == GONE) {
		full_path(path, sizeof(path), file->path);
		nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	} else if (!file->text) {
		make_dirs(file->path, true);
	} else {
		put_bytes(file->path, file->text, strlen(file->text));
	}
}

static void put_machine(const struct file *const *layers)
{
	for (; *layers; layers++) {
		for (const struct file *file = *layers; file->path; file++)
			put(file);
	}
}

static int make_root(void **state)
{
	const char *tmp = getenv("TMPDIR");

	(void)state;
	snprintf(dir, sizeof(dir), "%s/isolat-doctor.XXXXXX", tmp ? tmp : "/tmp");
	return mkdtemp(dir) && !chmod(dir, 0755) ? 0 : -1;
}

static int drop_root(void **state)
{
	(void)state;
	return nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static struct doctor_finding findings[DOCTOR_MAX_CHECKS];

static void run_checks(void)
{
	struct doctor_root root;
	struct isolat_error err;
	size_t count;

	assert_int_equal(doctor_root_open(&root, dir, &err), 0);
	count = doctor_run(&root, findings);
	doctor_root_close(&root);
	/* Whatever the machine: no line without its found and its meaning, no bad or warn without advice. */
	for (size_t i = 0; i < count; i++) {
		const struct doctor_finding *finding = &findings[i];

		if (!finding->found[0] || !finding->means[0])
			fail_msg("%s says nothing", doctor_checks[i].id);
		if ((finding->state == DOCTOR_BAD || finding->state == DOCTOR_WARN) && !finding->advice[0])
			fail_msg("%s has no advice: %s", doctor_checks[i].id, finding->found);
	}
}

static const struct doctor_finding *finding_of(const char *id)
{
	for (size_t i = 0; doctor_checks[i].id; i++) {
		if (!strcmp(doctor_checks[i].id, id))
			return &findings[i];
	}
	fail_msg("no check %s", id);
	return NULL;
}

static void expect(const char *id, enum doctor_state state, const char *found, const char *means, const char *advice)
{
	const struct doctor_finding *finding = finding_of(id);

	if (finding->state != state)
		fail_msg("%s is %s, not %s: %s", id, doctor_state_name(finding->state), doctor_state_name(state),
			 finding->found);
	if (found && !strstr(finding->found, found))
		fail_msg("%s found \"%s\", without \"%s\"", id, finding->found, found);
	if (means && !strstr(finding->means, means))
		fail_msg("%s means \"%s\", without \"%s\"", id, finding->means, means);
	if (advice && !strstr(finding->advice, advice))
		fail_msg("%s advises \"%s\", without \"%s\"", id, finding->advice, advice);
}

static void test_case(void **state)
{
	const struct one_case *this = *state;
	char id[32];

	put_machine(this->machine);
	for (size_t i = 0; this->changes[i].path; i++)
		put(&this->changes[i]);
	run_checks();
	snprintf(id, sizeof(id), "%.*s", (int)strcspn(this->name, ":"), this->name);
	expect(id, this->state, this->found, this->means, this->advice);
	/* An empty advice is asserted as such. */
	if (this->advice && !this->advice[0])
		assert_string_equal(finding_of(id)->advice, "");
}

/* Every check has a case that needs nothing done, and one that does or that finds it wanting. */
static void test_cases_are_complete(void **state)
{
	(void)state;
	for (size_t i = 0; doctor_checks[i].id; i++) {
		size_t length = strlen(doctor_checks[i].id), seen = 0;

		for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
			if (!strncmp(cases[c].name, doctor_checks[i].id, length) && cases[c].name[length] == ':')
				seen |= cases[c].state == DOCTOR_WARN || cases[c].state == DOCTOR_BAD ? 2u : 1u;
		}
		if (seen != 3)
			fail_msg("%s lacks a good or a bad case", doctor_checks[i].id);
	}
}

static bool possible(const char *id)
{
	for (const struct doctor_job *job = doctor_jobs; job->id; job++) {
		if (!strcmp(job->id, id))
			return doctor_possible(job, findings);
	}
	fail_msg("no job %s", id);
	return false;
}

static void test_jobs(void **state)
{
	(void)state;
	put_machine(intel_host);
	run_checks();
	assert_true(possible("cache") && possible("cores") && possible("timer-host"));
	assert_false(possible("idle-poll") || possible("timer-guest"));
	put(&(struct file){ "proc/mounts", HYBRID });
	run_checks();
	assert_false(possible("cores"));
	assert_true(possible("cache"));
}

static void test_jobs_of_guest(void **state)
{
	(void)state;
	put_machine(kvm_guest);
	run_checks();
	assert_false(possible("cache") || possible("idle-poll") || possible("timer-host"));
	assert_true(possible("timer-guest"));
	put(&(struct file){ CPU "cpuidle/current_driver", "none\n" });
	run_checks();
	assert_true(possible("idle-poll"));
}

/* A job whose need is misspelt could never be done. */
static void test_needs_are_checks(void **state)
{
	(void)state;
	put_machine(nothing);
	run_checks();
	for (const struct doctor_job *job = doctor_jobs; job->id; job++) {
		for (size_t i = 0; job->needs[i]; i++)
			finding_of(job->needs[i]);
	}
}

static void test_empty_root(void **state)
{
	(void)state;
	put_machine(nothing);
	run_checks();
	assert_false(doctor_usable(findings));
	expect("kernel", DOCTOR_NA, "there is no", NULL, "");
	expect("kvm", DOCTOR_BAD, "no /dev/kvm", NULL, NULL);
	expect("resctrl-groups", DOCTOR_NA, NULL, NULL, NULL);
	expect("lockdown", DOCTOR_NA, NULL, NULL, NULL);
	expect("module-signing", DOCTOR_NA, NULL, NULL, NULL);
	expect("cpuidle", DOCTOR_NA, NULL, NULL, NULL);
}

static const char *const all_files[] = { "proc/sys/kernel/osrelease",
					 "proc/cmdline",
					 "proc/cpuinfo",
					 "proc/modules",
					 "proc/mounts",
					 "proc/filesystems",
					 "proc/1/comm",
					 "proc/sys/kernel/modules_disabled",
					 "sys/kernel/security/lockdown",
					 PARAM "module/parameters/sig_enforce",
					 PARAM "kvm/parameters/halt_poll_ns",
					 INTEL "enable_apicv",
					 INTEL "ple_gap",
					 INTEL "nested",
					 CLOCK "current_clocksource",
					 CPU "cpuidle/current_driver",
					 RESCTRL "info/L3/num_closids",
					 NULL };

static void check_json(void)
{
	json_t *doc = doctor_json(findings), *check;
	size_t i;

	assert_non_null(doc);
	assert_int_equal(json_integer_value(json_object_get(doc, "version")), 1);
	json_array_foreach (json_object_get(doc, "checks"), i, check) {
		static const char *const keys[] = { "id", "state", "found", "means", "advice" };

		assert_int_equal(json_object_size(check), 5);
		for (size_t k = 0; k < 5; k++)
			assert_true(json_is_string(json_object_get(check, keys[k])));
		assert_string_equal(json_string_value(json_object_get(check, "id")), doctor_checks[i].id);
	}
	assert_null(doctor_checks[i].id);
	json_decref(doc);
}

/* Bytes of every value, a lot of them, in each file at once; then in each alone. */
static void test_garbage(void **state)
{
	static unsigned char bytes[300000];
	unsigned int seed = 1;

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++) {
		seed = seed * 1103515245 + 12345;
		bytes[i] = (unsigned char)(seed >> 16);
	}
	put_machine(intel_host);
	for (size_t i = 0; all_files[i]; i++)
		put_bytes(all_files[i], bytes + i, sizeof(bytes) - i);
	run_checks();
	check_json();
	expect("kernel", DOCTOR_BAD, "no version in", NULL, NULL);
	for (size_t i = 0; all_files[i]; i++) {
		put_machine(intel_host);
		put_bytes(all_files[i], bytes, sizeof(bytes));
		run_checks();
		check_json();
	}
}

/* Every file one long line: texts are cut, nothing is overrun (the sanitizers and valgrind look on). */
static void test_huge(void **state)
{
	static char line[6 << 20];

	(void)state;
	put_machine(intel_host);
	memset(line, 'a', sizeof(line));
	memcpy(line, "isolcpus=", 9);
	for (size_t i = 0; all_files[i]; i++)
		put_bytes(all_files[i], line, sizeof(line));
	run_checks();
	check_json();
	expect("cmdline", DOCTOR_INFO, "isolcpus=aaaa", NULL, NULL);
	for (size_t i = 0; i + 10 < sizeof(line); i += 10)
		memcpy(line + i, "idle=poll ", 10);
	put_bytes(CMDLINE, line, sizeof(line));
	run_checks();
	check_json();
	expect("cmdline", DOCTOR_WARN, "idle=poll idle=poll", NULL, NULL);
}

/* A pipe would block, a link would lead out of the root. */
static void test_stays_inside(void **state)
{
	struct doctor_root root;
	struct isolat_error err;
	char path[1024], text[64];

	(void)state;
	put_machine(intel_host);
	full_path(path, sizeof(path), CMDLINE);
	assert_int_equal(remove(path), 0);
	assert_int_equal(mkfifo(path, 0644), 0);
	full_path(path, sizeof(path), "proc/sys/kernel/osrelease");
	assert_int_equal(remove(path), 0);
	assert_int_equal(symlink("/proc/sys/kernel/osrelease", path), 0);
	run_checks();
	expect("cmdline", DOCTOR_NA, "there is no /proc/cmdline", NULL, NULL);
	/* Inside the root, the link leads to itself. */
	expect("kernel", DOCTOR_WARN, "cannot be read", NULL, NULL);
	assert_int_equal(doctor_root_open(&root, dir, &err), 0);
	assert_int_equal(doctor_read(&root, "../../../../../../../../etc/passwd", text, sizeof(text)), -ENOENT);
	doctor_root_close(&root);
}

/* What another user may not read is said, and what to do. */
static void test_not_readable(void **state)
{
	char path[1024];

	(void)state;
	put_machine(intel_host);
	full_path(path, sizeof(path), "sys/kernel/security/lockdown");
	assert_int_equal(chmod(path, 0), 0);
	full_path(path, sizeof(path), "sys/fs/resctrl");
	assert_int_equal(chmod(path, 0), 0);
	if (!getuid())
		assert_int_equal(seteuid(65534), 0);
	run_checks();
	if (!getuid())
		assert_int_equal(seteuid(0), 0);
	assert_int_equal(chmod(path, 0755), 0);
	expect("lockdown", DOCTOR_WARN, "not readable as this user", NULL, "Run as root");
	expect("resctrl-groups", DOCTOR_WARN, "/sys/fs/resctrl is not readable as this user", NULL, "Run as root");
}

static void test_root_errors(void **state)
{
	struct doctor_root root;
	struct isolat_error err;
	char path[1024];

	(void)state;
	full_path(path, sizeof(path), "none");
	assert_int_equal(doctor_root_open(&root, path, &err), -1);
	assert_int_equal(err.code, ISOLAT_USAGE);
	assert_string_equal(err.object, path);
	put_bytes("none", "", 0);
	assert_int_equal(doctor_root_open(&root, path, &err), -1);
	assert_string_equal(err.reason, strerror(ENOTDIR));
}

static void test_many_groups(void **state)
{
	char name[64];

	(void)state;
	put_machine(intel_host);
	for (int i = 10; i < 40; i++) {
		snprintf(name, sizeof(name), RESCTRL "group%d", i);
		make_dirs(name, true);
	}
	run_checks();
	expect("resctrl-groups", DOCTOR_BAD, "group10, group11", NULL, NULL);
	expect("resctrl-groups", DOCTOR_BAD, "group17 and 23 more; 33 of 8", NULL, NULL);
}

static char *wrapped(size_t indent, size_t width, const char *text)
{
	char *out = NULL;
	size_t size;
	FILE *file = open_memstream(&out, &size);

	assert_non_null(file);
	report_paragraph(file, indent, width, text);
	fclose(file);
	return out;
}

static void test_paragraph(void **state)
{
	static const struct {
		size_t indent, width;
		const char *text, *want;
	} rows[] = {
		{ 2, 0, "one two three", "one two three\n" },
		{ 2, 9, "one two three", "one two\n  three\n" },
		{ 2, 8, "one two three", "one\n  two\n  three\n" },
		{ 0, 5, "abcdefgh i", "abcdefgh\ni\n" },
		{ 0, 7, "\xc3\xa4\xc3\xb6\xc3\xbc \xc3\x9f\xc3\x9f\xc3\x9f",
		  "\xc3\xa4\xc3\xb6\xc3\xbc \xc3\x9f\xc3\x9f\xc3\x9f\n" },
		{ 0, 80, "", "\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *out = wrapped(rows[i].indent, rows[i].width, rows[i].text);

		assert_string_equal(out, rows[i].want);
		free(out);
	}
}

static void test_clean(void **state)
{
	static const char *const rows[][2] = {
		{ "plain", "plain" },
		{ "a\033[31m\nb\x7f", "a?[31m?b?" },
		{ "gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f" },
		{ "cut\xc3", "cut?" },
		{ "csi\xc2\x9b", "csi??" },
		{ "gr\xc3\xbc\xff", "gr???" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[32];

		snprintf(text, sizeof(text), "%s", rows[i][0]);
		report_clean(text);
		assert_string_equal(text, rows[i][1]);
	}
}

#define TEST(function)                                          \
	{                                                       \
#function, function, make_root, drop_root, NULL \
	}

static const struct CMUnitTest fixed_tests[] = {
	TEST(test_cases_are_complete),
	TEST(test_jobs),
	TEST(test_jobs_of_guest),
	TEST(test_needs_are_checks),
	TEST(test_empty_root),
	TEST(test_garbage),
	TEST(test_huge),
	TEST(test_stays_inside),
	TEST(test_not_readable),
	TEST(test_root_errors),
	TEST(test_many_groups),
	TEST(test_paragraph),
	TEST(test_clean),
};

#define FIXED (sizeof(fixed_tests) / sizeof(fixed_tests[0]))
#define CASES (sizeof(cases) / sizeof(cases[0]))

int main(void)
{
	static struct CMUnitTest tests[FIXED + CASES];

	memcpy(tests, fixed_tests, sizeof(fixed_tests));
	for (size_t i = 0; i < CASES; i++)
		tests[FIXED + i] = (struct CMUnitTest){ cases[i].name, test_case, make_root, drop_root, &cases[i] };
	return cmocka_run_group_tests_name("doctor", tests, NULL, NULL);
}
