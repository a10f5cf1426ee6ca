// SPDX-License-Identifier: BSD-3-Clause
/* Profiles: what every key becomes, its default, and what is refused with which words in which line. */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "profile.h"
#include "profile_cases.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

static struct profile p;
static struct isolat_error err;

static int read_text(const char *text)
{
	memset(&err, 0, sizeof(err));
	return profile_read_text("p.yaml", text, strlen(text), &p, &err);
}

static void read_good(const char *text)
{
	if (read_text(text))
		fail_msg("%s: %s\n%s", err.object, err.reason, text);
}

/* A whole line as the user gets it, "p.yaml:4: classes[0].cache.l3: ..."; and that nothing is left behind. */
static void expect_error(const char *text, size_t n, const char *expected)
{
	static const struct profile empty;
	char got[sizeof(err)];

	memset(&err, 0, sizeof(err));
	if (!profile_read_text("p.yaml", text, n, &p, &err)) {
		profile_free(&p);
		fail_msg("it is taken:\n%.200s", text);
	}
	snprintf(got, sizeof(got), "%s: %s%s%s%s", err.object, err.reason, *err.hint ? " (" : "", err.hint,
		 *err.hint ? ")" : "");
	if (strcmp(got, expected))
		fail_msg("%s\n%.200s", got, text);
	assert_int_equal(err.code, ISOLAT_USAGE);
	assert_string_equal(err.what, "read profile");
	assert_memory_equal(&p, &empty, sizeof(p));
}

/* ---- What is taken ------------------------------------------------------------------------------------------------*/

static void test_defaults(void **state)
{
	const struct profile_class *class;
	const struct profile_vm *vm;

	read_good(VM "}\n");
	assert_string_equal(p.file, "p.yaml");
	assert_int_equal(p.n_classes, 1);
	class = &p.classes[0];
	assert_string_equal(class->name, "a");
	assert_int_equal(class->place.line, 3);
	assert_false(class->dedicated || class->whole_cores || class->exclusive || class->io_ways);
	assert_int_equal(class->l3.unit, PROFILE_UNSET);
	assert_int_equal(class->l3_code.unit, PROFILE_UNSET);
	assert_int_equal(class->l3_data.unit, PROFILE_UNSET);
	assert_int_equal(class->l2.unit, PROFILE_UNSET);
	assert_int_equal(class->bandwidth.unit, PROFILE_UNSET);
	assert_int_equal(class->memory, PROFILE_MEMORY_LOCAL);
	assert_int_equal(p.n_vms, 1);
	vm = &p.vms[0];
	assert_string_equal(vm->name, "v");
	assert_int_equal(vm->place.line, 5);
	assert_int_equal(vm->match.by, PROFILE_BY_NAME);
	assert_string_equal(vm->match.text, "v");
	assert_int_equal(vm->match.place.line, 5);
	assert_int_equal(vm->class, 0);
	assert_int_equal(vm->vcpus, 1);
	assert_true(vm->memory == 1 << 30);
	assert_true(vm->node == PROFILE_ANY_NODE);
	assert_false(vm->span_nodes || vm->exitless_timer);
	assert_int_equal(p.housekeeping_cores, 1);
	assert_null(p.housekeeping_cpus);
	assert_null(p.agent_cpus);
	assert_int_equal(p.agent_l3.unit, PROFILE_UNSET);
	assert_int_equal(p.free_closids, 0);
	assert_int_equal(p.housekeeping_place.line + p.agent_place.line + p.closids_place.line, 0);
	profile_free(&p);
}

static void expect_amount(const struct profile_amount *amount, enum profile_unit unit, uint64_t value,
			  unsigned int line)
{
	assert_int_equal(amount->unit, unit);
	assert_true(amount->value == value);
	assert_int_equal(amount->place.line, line);
}

static void test_class_keys(void **state)
{
	read_good(HEAD "classes:\n"
		       "- name: a\n"
		       "  cores: dedicated\n"
		       "  cache: { l3: 8 MiB,\n"
		       "           l2: 25 %, exclusive: yes, io_ways: true }\n"
		       "  bandwidth: 4000 MB/s\n"
		       "  memory: any\n"
		       "- cores: dedicated\n"
		       "  whole_cores: no\n"
		       "  name: b\n"
		       "  cache:\n"
		       "    l3_code: 2 ways\n"
		       "    l3_data: 3 ways\n"
		       "    exclusive: no\n"
		       "  bandwidth: 50 %\n"
		       "  memory: local\n"
		       "- { name: c, cores: shared, whole_cores: false, cache: {} }\n");
	assert_int_equal(p.n_classes, 3);
	assert_true(p.classes[0].dedicated && p.classes[0].whole_cores);
	assert_true(p.classes[0].exclusive && p.classes[0].io_ways);
	expect_amount(&p.classes[0].l3, PROFILE_BYTES, 8 << 20, 5);
	expect_amount(&p.classes[0].l2, PROFILE_PERCENT, 25000, 6);
	expect_amount(&p.classes[0].bandwidth, PROFILE_MBPS, 4000, 7);
	assert_int_equal(p.classes[0].memory, PROFILE_MEMORY_ANY);
	assert_string_equal(p.classes[1].name, "b");
	assert_int_equal(p.classes[1].place.line, 9);
	assert_true(p.classes[1].dedicated && !p.classes[1].whole_cores);
	assert_false(p.classes[1].exclusive || p.classes[1].io_ways);
	expect_amount(&p.classes[1].l3, PROFILE_UNSET, 0, 0);
	expect_amount(&p.classes[1].l3_code, PROFILE_WAYS, 2, 13);
	expect_amount(&p.classes[1].l3_data, PROFILE_WAYS, 3, 14);
	expect_amount(&p.classes[1].bandwidth, PROFILE_PERCENT, 50000, 16);
	assert_int_equal(p.classes[1].memory, PROFILE_MEMORY_LOCAL);
	assert_false(p.classes[2].dedicated || p.classes[2].whole_cores);
	profile_free(&p);
}

static void test_vm_keys(void **state)
{
	read_good(HEAD
		  "classes: [ { name: a }, { name: b } ]\n"
		  "vms:\n"
		  "- name: v1\n"
		  "  match: { domain: the VM }\n"
		  "  class: b\n"
		  "  vcpus: 4096\n"
		  "  memory: 4194304 TiB\n"
		  "  node: 1\n"
		  "  exitless_timer: yes\n"
		  "- { name: v2, match: { cgroup: /a.slice/b.scope }, class: a, vcpus: 2, memory: 1 MiB, node: any,\n"
		  "    span_nodes: yes }\n"
		  "- { name: v3, match:\n"
		  "    { pid: 4194303 }, class: a, vcpus: 2, memory: 1 MiB, node: 0, span_nodes: no }\n"
		  "- { name: v4, match: { name: v5 }, class: a, vcpus: 2, memory: 1 MiB, exitless_timer: no }\n"
		  "- { name: v5, match: { name: v4 }, class: a, vcpus: 2, memory: 1 MiB, node: 1023 }\n");
	assert_int_equal(p.n_vms, 5);
	assert_int_equal(p.vms[0].match.by, PROFILE_BY_DOMAIN);
	assert_string_equal(p.vms[0].match.text, "the VM");
	assert_int_equal(p.vms[0].match.place.line, 5);
	assert_int_equal(p.vms[0].class, 1);
	assert_int_equal(p.vms[0].vcpus, 4096);
	assert_true(p.vms[0].memory == PROFILE_MAX_BYTES);
	assert_int_equal(p.vms[0].node, 1);
	assert_true(p.vms[0].exitless_timer && !p.vms[0].span_nodes);
	assert_int_equal(p.vms[1].place.line, 11);
	assert_int_equal(p.vms[1].match.by, PROFILE_BY_CGROUP);
	assert_string_equal(p.vms[1].match.text, "a.slice/b.scope");
	assert_true(p.vms[1].node == PROFILE_ANY_NODE && p.vms[1].span_nodes);
	assert_int_equal(p.vms[2].match.by, PROFILE_BY_PID);
	assert_int_equal(p.vms[2].match.pid, 4194303);
	assert_null(p.vms[2].match.text);
	assert_int_equal(p.vms[2].node, 0);
	assert_int_equal(p.vms[3].match.by, PROFILE_BY_NAME);
	assert_string_equal(p.vms[3].match.text, "v5");
	assert_int_equal(p.vms[4].node, 1023);
	profile_free(&p);
}

static void test_host_keys(void **state)
{
	read_good(CLASSES "housekeeping: { cpus: \"0-1,8\" }\n"
			  "timer_agent:\n"
			  "  cpus: 2\n"
			  "  cache: { l3: 1 way }\n"
			  "closids: { free: 15 }\n");
	assert_string_equal(p.housekeeping_cpus, "0-1,8");
	assert_int_equal(p.housekeeping_cores, 0);
	assert_int_equal(p.housekeeping_place.line, 4);
	assert_string_equal(p.agent_cpus, "2");
	assert_int_equal(p.agent_place.line, 5);
	expect_amount(&p.agent_l3, PROFILE_WAYS, 1, 7);
	assert_int_equal(p.free_closids, 15);
	assert_int_equal(p.closids_place.line, 8);
	profile_free(&p);
	read_good(CLASSES "housekeeping: { cores: 8192 }\ntimer_agent: {}\nclosids: {}\n");
	assert_int_equal(p.housekeeping_cores, 8192);
	assert_null(p.agent_cpus);
	profile_free(&p);
}

/* What YAML allows: other ways of writing the same, and encodings. */
static void test_forms(void **state)
{
	static const char *const forms[] = {
		"{\"version\": \"1\", \"classes\": [{\"name\": \"a\"}], \"vms\": []}",
		"%YAML 1.1\n---\nversion: 1\nclasses:\n  - name: a\nvms: []\n...\n",
		"\xef\xbb\xbfversion: 1\r\nclasses:\r\n- name: 'a'\r\n",
		"# a comment\n\nclasses:\n-\n  name: >-\n    a\nversion: 1 # one\nhousekeeping: {}\n",
		"? version\n: 1\n? classes\n: [ ? name : a ]",
	};

	for (size_t i = 0; i < COUNT(forms); i++) {
		read_good(forms[i]);
		assert_int_equal(p.n_classes, 1);
		assert_string_equal(p.classes[0].name, "a");
		assert_int_equal(p.n_vms, 0);
		profile_free(&p);
	}
}

/* ---- What is refused ----------------------------------------------------------------------------------------------*/

static void expect_all(const struct bad *bad, size_t n)
{
	for (size_t i = 0; i < n; i++)
		expect_error(bad[i].text, strlen(bad[i].text), bad[i].message);
}

static void test_bad_structure(void **state)
{
	expect_all(bad_structure, COUNT(bad_structure));
}

static void test_bad_keys(void **state)
{
	expect_all(bad_keys, COUNT(bad_keys));
}

static void test_bad_class(void **state)
{
	expect_all(bad_class, COUNT(bad_class));
}

static void test_bad_vm(void **state)
{
	expect_all(bad_vm, COUNT(bad_vm));
}

static void test_bad_host(void **state)
{
	expect_all(bad_host, COUNT(bad_host));
}

static void test_bad_yaml(void **state)
{
	expect_all(bad_yaml, COUNT(bad_yaml));
	expect_error("version: 1\0\n", 12, "p.yaml:1: not YAML: control characters are not allowed");
}

/* ---- Limits -------------------------------------------------------------------------------------------------------*/

static char large[PROFILE_MAX_FILE + 2];

/* @head, then @line printed with 0 to @n - 1, then @tail. Returns the length. */
static size_t fill(const char *head, const char *line, unsigned int n, const char *tail)
{
	size_t used = (size_t)snprintf(large, sizeof(large), "%s", head);

	for (unsigned int i = 0; i < n; i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		used += (size_t)snprintf(large + used, sizeof(large) - used, line, i);
#pragma GCC diagnostic pop
		assert_true(used < sizeof(large));
	}
	return used + (size_t)snprintf(large + used, sizeof(large) - used, "%s", tail);
}

static void test_most(void **state)
{
	const char *line = "- {name: v%u, class: a, vcpus: 1, memory: 1 GiB}\n";
	size_t n;

	n = fill(CLASSES "vms:\n", line, PROFILE_MAX_VMS, "");
	assert_int_equal(profile_read_text("p.yaml", large, n, &p, &err), 0);
	assert_int_equal(p.n_vms, PROFILE_MAX_VMS);
	assert_string_equal(p.vms[1023].name, "v1023");
	assert_int_equal(p.vms[1023].place.line, 5 + 1023);
	profile_free(&p);
	n = fill(CLASSES "vms:\n", line, PROFILE_MAX_VMS + 1, "");
	expect_error(large, n, "p.yaml:4: vms: a list of 1025; it takes 0 to 1024");
	n = fill(HEAD "classes:\n", "- name: c%u\n", PROFILE_MAX_CLASSES, "");
	assert_int_equal(profile_read_text("p.yaml", large, n, &p, &err), 0);
	assert_int_equal(p.n_classes, PROFILE_MAX_CLASSES);
	profile_free(&p);
	n = fill(HEAD "classes:\n", "- name: c%u\n", PROFILE_MAX_CLASSES + 1, "");
	expect_error(large, n, "p.yaml:2: classes: a list of 129; it takes 1 to 128");
}

static void test_too_many(void **state)
{
	size_t n;

	n = fill(HEAD, "k%u: 1\n", 63, "");
	expect_error(large, n,
		     "p.yaml:2: k0: unknown key "
		     "(there is: version, classes, vms, housekeeping, timer_agent, closids)");
	n = fill(HEAD, "k%u: 1\n", 64, "");
	expect_error(large, n, "p.yaml:65: k63: more than 64 keys");
	n = fill(HEAD "vms: [", "%u,", 65532, "]");
	expect_error(large, n, "p.yaml:2: vms: a list of 65532; it takes 0 to 1024");
	n = fill(HEAD "vms: [", "%u,", 65536, "]");
	expect_error(large, n, "p.yaml:2: vms[65533]: more than 65536 values in one file");
}

/* libyaml alone takes time squared in their number: many seconds for 1 MiB of them. */
static void test_many_tags(void **state)
{
	size_t n;

	n = fill("", "%%TAG !x%u! y\n", 8, "---\n" CLASSES);
	assert_int_equal(profile_read_text("p.yaml", large, n, &p, &err), 0);
	profile_free(&p);
	n = fill("", "%%TAG !x%u! y\n", 60000, "---\n" CLASSES);
	expect_error(large, n, "p.yaml:9: more than 8 times %TAG; a profile has no tags");
}

/* Ten levels of ten references each would be 10^10 values; a cycle would be more. Both end at their first anchor. */
static void test_billion_laughs(void **state)
{
	size_t n = fill(HEAD "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n", "# %u\n", 1, "");

	for (int i = 1; i < 10; i++) {
		n += (size_t)snprintf(large + n, sizeof(large) - n, "a%d: &a%d [", i, i);
		for (int j = 0; j < 10; j++)
			n += (size_t)snprintf(large + n, sizeof(large) - n, "*a%d,", i - 1);
		n += (size_t)snprintf(large + n, sizeof(large) - n, "]\n");
	}
	expect_error(large, n, "p.yaml:2: a0: has an anchor; a profile has no anchors and aliases");
}

static void test_sizes(void **state)
{
	size_t n = (size_t)snprintf(large, sizeof(large), CLASSES "# ");

	memset(large + n, 'x', sizeof(large) - n);
	assert_int_equal(profile_read_text("p.yaml", large, PROFILE_MAX_FILE, &p, &err), 0);
	profile_free(&p);
	expect_error(large, PROFILE_MAX_FILE + 1, "p.yaml: it is larger than 1 MiB");
	/* One huge token, of each sort. */
	memset(large, '[', PROFILE_MAX_FILE);
	expect_error(large, PROFILE_MAX_FILE, "p.yaml:1: [0][0][0][0][0][0]: nested deeper than 6 levels");
	memset(large, 'k', PROFILE_MAX_FILE);
	expect_error(large, PROFILE_MAX_FILE, "p.yaml:1: a value where a map of keys is wanted");
	memcpy(large, CLASSES "  cores: ", strlen(CLASSES "  cores: "));
	expect_error(large, PROFILE_MAX_FILE,
		     "p.yaml:4: classes[0].cores: 'kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk...' is unknown "
		     "(there is: shared, dedicated)");
}

/* ---- Files --------------------------------------------------------------------------------------------------------*/

static char dir[] = "/tmp/test_profile.XXXXXX";
static char path[64];

static int make_dir(void **state)
{
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/profile.yaml", dir);
	return 0;
}

static int remove_dir(void **state)
{
	return rmdir(dir);
}

static void put(const char *text)
{
	FILE *out = fopen(path, "w");

	assert_non_null(out);
	assert_true(fputs(text, out) >= 0);
	assert_int_equal(fclose(out), 0);
}

static void test_file(void **state)
{
	char object[128];

	put(VM " }\n");
	assert_int_equal(profile_read(path, &p, &err), 0);
	assert_string_equal(p.file, path);
	assert_string_equal(p.vms[0].name, "v");
	profile_free(&p);
	put(CLASSES "  cores: none\n");
	assert_int_equal(profile_read(path, &p, &err), -1);
	snprintf(object, sizeof(object), "%s:4", path);
	assert_string_equal(err.object, object);
	assert_int_equal(err.code, ISOLAT_USAGE);
	unlink(path);
}

static void expect_file_error(const char *file, const char *what, const char *reason)
{
	assert_int_equal(profile_read(file, &p, &err), -1);
	assert_string_equal(err.what, what);
	assert_string_equal(err.object, file);
	assert_string_equal(err.reason, reason);
	assert_int_equal(err.code, ISOLAT_USAGE);
}

static void test_bad_file(void **state)
{
	expect_file_error(path, "open profile", "No such file or directory");
	assert_string_equal(err.hint, "isolat-profile(5) says how to write one");
	expect_file_error(dir, "read profile", "Is a directory");
	expect_file_error("/dev/null", "read profile", "it is empty");
	expect_file_error("/dev/zero", "read profile", "it is larger than 1 MiB"); /* it has no end */
	put("");
	assert_int_equal(truncate(path, 1 << 30), 0);
	expect_file_error(path, "read profile", "it is larger than 1 MiB");
	unlink(path);
}

/* In two pieces, the second when the first was read: a pipe's reader has to ask again. */
static void *write_pipe(void *data)
{
	const char *text = data;
	size_t n = strlen(text), half = n / 2;
	int fd = open(path, O_WRONLY), left = 1;

	write(fd, text, half);
	while (left && !ioctl(fd, FIONREAD, &left))
		sched_yield();
	write(fd, text + half, n - half);
	close(fd);
	return NULL;
}

static void test_pipe(void **state)
{
	static char text[] = VM " }\n";
	pthread_t writer;

	signal(SIGPIPE, SIG_IGN); /* a reader that stops early fails this test, and does not end it */
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(pthread_create(&writer, NULL, write_pipe, text), 0);
	assert_int_equal(profile_read(path, &p, &err), 0);
	assert_int_equal(pthread_join(writer, NULL), 0);
	assert_string_equal(p.vms[0].name, "v");
	profile_free(&p);
	unlink(path);
}

/* libcyaml logs to stderr unless told otherwise. */
static void test_quiet(void **state)
{
	int saved = dup(STDERR_FILENO), fd = open(path, O_RDWR | O_CREAT, 0600);
	struct stat st;

	dup2(fd, STDERR_FILENO);
	for (size_t i = 0; i < COUNT(bad_structure); i++)
		read_text(bad_structure[i].text);
	for (size_t i = 0; i < COUNT(bad_keys); i++)
		read_text(bad_keys[i].text);
	dup2(saved, STDERR_FILENO);
	close(saved);
	assert_int_equal(fstat(fd, &st), 0);
	close(fd);
	unlink(path);
	assert_int_equal(st.st_size, 0);
}

static void test_where(void **state)
{
	struct profile_place nowhere = { 0 }, line = { 12345 };
	char buffer[16];

	assert_string_equal(profile_where("a.yaml", line, buffer, sizeof(buffer)), "a.yaml:12345");
	assert_string_equal(profile_where("a.yaml", nowhere, buffer, sizeof(buffer)), "a.yaml");
	assert_string_equal(profile_where("long/path/a.yaml", line, buffer, sizeof(buffer)), "th/a.yaml:12345");
	assert_string_equal(profile_where("long/path/a.yaml", nowhere, buffer, sizeof(buffer)), "ong/path/a.yaml");
}

static void test_examples(void **state)
{
	static const struct {
		const char *file;
		unsigned int classes, vms;
	} examples[] = {
		{ "tools/examples/real-time-pair.yaml", 2, 3 },
		{ "tools/examples/database-and-batch.yaml", 2, 3 },
		{ "tools/examples/nfv-host.yaml", 3, 4 },
	};

	for (size_t i = 0; i < COUNT(examples); i++) {
		if (profile_read(examples[i].file, &p, &err))
			fail_msg("%s: %s", err.object, err.reason);
		assert_int_equal(p.n_classes, examples[i].classes);
		assert_int_equal(p.n_vms, examples[i].vms);
		profile_free(&p);
	}
}

/* Whether a ".It Va" line of the manual page has @key, or something below it: "cache" is there as "cache.l3". */
static bool is_documented(const char *page, const char *key)
{
	static const char item[] = ".It Va";
	size_t length = strlen(key);

	for (const char *line = page; (line = strstr(line, item)); line += sizeof(item) - 1) {
		const char *end = strchr(line, '\n');

		for (const char *at = line; (at = strstr(at, key)) && at < end; at += length) {
			if (at[-1] == ' ' && strchr(" .\n", at[length]))
				return true;
		}
	}
	return false;
}

/* The keys of each map, as the reader lists them when it is given another, stand in the manual page. */
static void test_man_page(void **state)
{
	static const struct {
		const char *text, *prefix;
	} maps[] = {
		{ CLASSES "zzzzzzzzzzzz: 1\n", "" },
		{ CLASSES "  zzzzzzzzzzzz: 1\n", "" },
		{ CLASSES "  cache: { zzzzzzzzzzzz: 1 }\n", "cache." },
		{ VM ", zzzzzzzzzzzz: 1 }", "" },
		{ VM ", match: { zzzzzzzzzzzz: 1 } }", "match." },
		{ CLASSES "housekeeping: { zzzzzzzzzzzz: 1 }\n", "housekeeping." },
		{ CLASSES "timer_agent: { zzzzzzzzzzzz: 1 }\n", "timer_agent." },
		{ CLASSES "timer_agent: { cache: { zzzzzzzzzzzz: 1 } }\n", "timer_agent.cache." },
		{ CLASSES "closids: { zzzzzzzzzzzz: 1 }\n", "closids." },
	};
	FILE *in = fopen("docs/isolat-profile.5", "r");
	unsigned int n = 0;
	char key[128];

	assert_non_null(in);
	large[fread(large, 1, sizeof(large) - 1, in)] = '\0';
	fclose(in);
	for (size_t i = 0; i < COUNT(maps); i++) {
		assert_int_equal(read_text(maps[i].text), -1);
		assert_memory_equal(err.hint, "there is: ", 10);
		for (char *word = strtok(err.hint + 10, ", "); word; word = strtok(NULL, ", "), n++) {
			snprintf(key, sizeof(key), "%s%s", maps[i].prefix, word);
			if (!is_documented(large, key))
				fail_msg("isolat-profile(5) has no key %s", key);
		}
	}
	assert_int_equal(n, 6 + 6 + 6 + 8 + 4 + 2 + 2 + 1 + 1);
}

/* Whatever is left of an example when it is cut is read or refused; a checker of memory sees the rest. */
static void test_cut_examples(void **state)
{
	static const char *const files[] = { "tools/examples/nfv-host.yaml", "tools/examples/database-and-batch.yaml" };

	for (size_t i = 0; i < COUNT(files); i++) {
		FILE *in = fopen(files[i], "r");
		size_t n;

		assert_non_null(in);
		n = fread(large, 1, sizeof(large), in);
		fclose(in);
		for (size_t cut = 0; cut < n; cut += 7) {
			if (!profile_read_text("cut", large, cut, &p, &err))
				profile_free(&p);
			else
				assert_int_equal(err.code, ISOLAT_USAGE);
		}
	}
}

/* ---- The short form of a VM ---------------------------------------------------------------------------------------*/

static void test_vm(void **state)
{
	struct profile_vm vm;

	read_good(HEAD "classes: [ name: batch, name: latency ]\n");
	assert_int_equal(profile_parse_vm(NEEDED, &p, &vm, &err), 0);
	assert_string_equal(vm.name, "new-vm");
	assert_int_equal(vm.match.by, PROFILE_BY_NAME);
	assert_string_equal(vm.match.text, "new-vm");
	assert_int_equal(vm.class, 1);
	assert_int_equal(vm.vcpus, 4);
	assert_true(vm.memory == 8ULL << 30);
	assert_true(vm.node == PROFILE_ANY_NODE && !vm.span_nodes && !vm.exitless_timer);
	assert_int_equal(vm.place.line, 0);
	profile_vm_free(&vm);
	assert_int_equal(
		profile_parse_vm("name=x,exitless_timer=yes,node=1,class=batch,memory=1.5 GiB,vcpus=1", &p, &vm, &err),
		0);
	assert_string_equal(vm.name, "x");
	assert_int_equal(vm.class, 0);
	assert_int_equal(vm.node, 1);
	assert_true(vm.exitless_timer);
	profile_vm_free(&vm);
	assert_int_equal(profile_parse_vm(NEEDED ",span_nodes=yes,node=any", &p, &vm, &err), 0);
	assert_true(vm.span_nodes);
	profile_vm_free(&vm);
	profile_free(&p);
}

static void test_bad_vm_text(void **state)
{
	static const struct profile_vm empty;
	char got[sizeof(err)];
	struct profile_vm vm;

	read_good(HEAD "classes: [ name: batch, name: latency ]\n"
		       "vms: [ { name: v, class: batch, vcpus: 1, memory: 1 GiB } ]\n");
	for (size_t i = 0; i < COUNT(bad_short); i++) {
		if (!profile_parse_vm(bad_short[i].text, &p, &vm, &err))
			fail_msg("'%s' is taken", bad_short[i].text);
		snprintf(got, sizeof(got), "%s%s%s%s", err.reason, *err.hint ? " (" : "", err.hint,
			 *err.hint ? ")" : "");
		assert_string_equal(got, bad_short[i].message);
		assert_string_equal(err.what, "read VM");
		assert_string_equal(err.object, bad_short[i].text);
		assert_int_equal(err.code, ISOLAT_USAGE);
		assert_memory_equal(&vm, &empty, sizeof(vm));
	}
	profile_free(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_class_keys),
		cmocka_unit_test(test_vm_keys),
		cmocka_unit_test(test_host_keys),
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_many_tags),
		cmocka_unit_test(test_bad_structure),
		cmocka_unit_test(test_bad_keys),
		cmocka_unit_test(test_bad_class),
		cmocka_unit_test(test_bad_vm),
		cmocka_unit_test(test_bad_host),
		cmocka_unit_test(test_bad_yaml),
		cmocka_unit_test(test_most),
		cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_billion_laughs),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_file),
		cmocka_unit_test(test_bad_file),
		cmocka_unit_test(test_pipe),
		cmocka_unit_test(test_quiet),
		cmocka_unit_test(test_where),
		cmocka_unit_test(test_examples),
		cmocka_unit_test(test_man_page),
		cmocka_unit_test(test_cut_examples),
		cmocka_unit_test(test_vm),
		cmocka_unit_test(test_bad_vm_text),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
