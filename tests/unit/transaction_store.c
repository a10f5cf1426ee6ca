// SPDX-License-Identifier: BSD-3-Clause
#include "transaction_store.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct store *store;
struct store_control *control;

static const char *const files[STORE_FILES] = { "mask", "cpus", "bw" };
enum { MASK, CPUS, BW };

/* ---- Points to be killed at ---- */

static void point(void)
{
	if (!control || !control->armed || ++control->points != control->kill_at)
		return;
	kill(getpid(), SIGKILL);
	pause();
}

static bool watched(int fd)
{
	return control && control->armed && fd > STDERR_FILENO;
}

/* These stand before libc's for all of libisolat. */
ssize_t write(int fd, const void *bytes, size_t size)
{
	ssize_t rc;

	if (!watched(fd))
		return syscall(SYS_write, fd, bytes, size);
	point();
	control->journal++;
	if (control->fail_journal && control->journal >= control->fail_journal) {
		if (control->torn && control->journal == control->fail_journal && size > 1)
			return syscall(SYS_write, fd, bytes, size / 2);
		errno = ENOSPC;
		return -1;
	}
	if (control->points + 1 == control->kill_at)
		syscall(SYS_write, fd, bytes, size / 2);
	point();
	rc = syscall(SYS_write, fd, bytes, size);
	point();
	return rc;
}

/* Nothing here outlives the machine: what is to be on disk need not get there. */
static int synced(int fd)
{
	if (watched(fd))
		point();
	if (fcntl(fd, F_GETFD) < 0)
		return -1;
	if (watched(fd))
		point();
	return 0;
}

int fsync(int fd)
{
	return synced(fd);
}

int fdatasync(int fd)
{
	return synced(fd);
}

int renameat(int from, const char *old, int to, const char *new)
{
	int rc;

	point();
	rc = (int)syscall(SYS_renameat2, from, old, to, new, 0);
	point();
	return rc;
}

int unlinkat(int dir, const char *name, int flags)
{
	int rc;

	point();
	rc = (int)syscall(SYS_unlinkat, dir, name, flags);
	point();
	return rc;
}

int ftruncate(int fd, off_t size)
{
	int rc;

	point();
	rc = (int)syscall(SYS_ftruncate, fd, size);
	point();
	return rc;
}

bool store_killed(unsigned int kill_at, int (*act)(void *), void *data)
{
	int status;
	pid_t pid;

	control->points = 0;
	control->kill_at = kill_at;
	fflush(NULL);
	pid = fork();
	assert(pid >= 0);
	if (!pid) {
		control->armed = true;
		_exit(act(data) ? 1 : 0);
	}
	assert(waitpid(pid, &status, 0) == pid);
	control->armed = false;
	control->kill_at = 0;
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
		return true;
	assert(WIFEXITED(status) && !WEXITSTATUS(status));
	return false;
}

/* ---- The objects ---- */

static struct store_object *find(const char *name)
{
	for (size_t i = 0; i < STORE_OBJECTS; i++) {
		if (!strcmp(store->object[i].name, name))
			return &store->object[i];
	}
	assert(!"no such object");
	return NULL;
}

static void set(struct store_object *object, const char *value)
{
	object->gone = !value;
	memset(object->value, 0, sizeof(object->value));
	if (value)
		snprintf(object->value, sizeof(object->value), "%s", value);
}

static void add(size_t *n, const char *name, const char *value)
{
	snprintf(store->object[*n].name, sizeof(store->object[*n].name), "%s", name);
	set(&store->object[(*n)++], value);
}

void store_reset(void)
{
	char name[8];
	size_t n = 0;

	memset(store, 0, sizeof(*store));
	memset(control, 0, sizeof(*control));
	for (char g = 'a'; g < 'a' + STORE_GROUPS; g++) {
		add(&n, (char[]){ g, 0 }, "absent");
		for (int f = 0; f < STORE_FILES; f++) {
			snprintf(name, sizeof(name), "%c/%s", g, files[f]);
			add(&n, name, NULL);
		}
	}
	for (int i = 0; i < STORE_THREADS; i++) {
		snprintf(name, sizeof(name), "%c@1", '1' + i);
		add(&n, name, "");
	}
	for (int i = 0; i < STORE_PLAIN; i++) {
		snprintf(name, sizeof(name), "p%c", '0' + i);
		add(&n, name, "as ever");
	}
	add(&n, "mb0", "100");
	add(&n, "mb1", "50");
	assert(n == STORE_OBJECTS);
}

void store_make(void)
{
	char *shared = mmap(NULL, sizeof(*store) + sizeof(*control), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			    -1, 0);

	assert(shared != MAP_FAILED);
	store = (struct store *)shared;
	control = (struct store_control *)(shared + sizeof(*store));
	store_reset();
}

static unsigned int present(void)
{
	unsigned int n = 0;

	for (char g = 'a'; g < 'a' + STORE_GROUPS; g++)
		n += !strcmp(find((char[]){ g, 0 })->value, "present");
	return n;
}

static void make_or_remove(struct store_object *group, const char *to)
{
	bool make = !strcmp(to, "present");
	char name[8], first[sizeof(group->value)], mask[sizeof(group->value)];

	snprintf(mask, sizeof(mask), "%s", find("a/mask")->value);
	set(group, to);
	for (int f = 0; f < STORE_FILES; f++) {
		snprintf(name, sizeof(name), "%c/%s", *group->name, files[f]);
		*first = '\0';
		if (f == MASK)
			snprintf(first, sizeof(first), "%.12s+%u", mask, present());
		else if (f == BW)
			snprintf(first, sizeof(first), "%u0", present());
		set(find(name), make ? first : NULL);
	}
	for (int i = 0; !make && i < STORE_THREADS; i++) {
		snprintf(name, sizeof(name), "%c@1", '1' + i);
		if (!strcmp(find(name)->value, group->name))
			set(find(name), find(name)->gone ? NULL : "");
	}
}

void store_force(const char *name, const char *value)
{
	if (strlen(name) == 1)
		make_or_remove(find(name), value);
	else
		set(find(name), value);
}

const char *store_value(const char *name)
{
	struct store_object *object = find(name);

	return object->gone ? NULL : object->value;
}

/* ---- The kinds ---- */

static int read_object(void *host, const char *name, char **value, struct isolat_error *e)
{
	const char *text = store_value(name);

	assert(host == store);
	*value = text ? strdup(text) : NULL;
	return 0;
}

static void make_value(const char *name, const char *to)
{
	char rounded[24];

	if (strstr(name, "bw") || strstr(name, "mb")) {
		snprintf(rounded, sizeof(rounded), "%d", (atoi(to) + 9) / 10 * 10);
		to = rounded;
	}
	store_force(name, to);
}

/* What stands against it, as an errno. */
static int refusal(const char *name, const char *to)
{
	const char *value = store_value(name);

	if (!value)
		return ENOENT;
	if (strlen(name) == 1 && !strcmp(value, to))
		return EEXIST;
	if (strlen(name) == 1 && !strcmp(to, "present") && present() == STORE_GROUP_MAX)
		return ENOSPC;
	return strchr(name, '@') && *to && strcmp(find(to)->value, "present") ? ENOENT : 0;
}

static int write_object(void *host, const char *name, const char *from, const char *to, struct isolat_error *e)
{
	int why = refusal(name, to);
	bool stubborn = control->stubborn && !strcmp(control->stubborn, name);
	unsigned int n = control->writes++;
	bool fails = (n < 64 && control->fail_writes >> n & 1) ||
		     (control->fail_object && !strcmp(control->fail_object, name));

	assert(!strcmp(from, find(name)->value));
	if (fails && !why)
		why = EIO;
	point();
	if ((!why && !stubborn) || (fails && control->fail_after))
		make_value(name, fails && name[0] == 'p' ? "half" : to);
	point();
	return why ? isolat_fail(e, ISOLAT_FAILED, "write the object", name, "%s", strerror(why)) : 0;
}

static bool goes_with_group(const char *object, const char *kind, const char *other)
{
	return !strcmp(kind, "group") && object[0] == other[0] && object[1] == '/';
}

static bool falls_with_group(const char *value, const char *kind, const char *other)
{
	return !strcmp(kind, "group") && !strcmp(value, other);
}

static bool rounded_up(const char *from, const char *to, const char *now)
{
	return atoi(now) == (atoi(to) + 9) / 10 * 10;
}

const struct step_kind store_group = { .name = "group", .read = read_object, .write = write_object };
const struct step_kind store_file = {
	.name = "file",
	.read = read_object,
	.write = write_object,
	.goes_with = goes_with_group,
};
const struct step_kind store_rounds = {
	.name = "rounds",
	.read = read_object,
	.write = write_object,
	.goes_with = goes_with_group,
	.made = rounded_up,
};
const struct step_kind store_thread = {
	.name = "thread",
	.read = read_object,
	.write = write_object,
	.falls_with = falls_with_group,
	.falls_to = "",
	.reads_late = true,
};
const struct step_kind store_plain = { .name = "plain", .read = read_object, .write = write_object };
const struct step_kind *const store_kinds[] = { &store_group,  &store_file,  &store_rounds,
						&store_thread, &store_plain, NULL };

struct step store_step(const char *name, const char *to)
{
	const struct step_kind *kind = &store_plain;

	if (strlen(name) == 1)
		kind = &store_group;
	else if (strchr(name, '@'))
		kind = &store_thread;
	else if (strstr(name, "bw") || strstr(name, "mb"))
		kind = &store_rounds;
	else if (strchr(name, '/'))
		kind = &store_file;
	return (struct step){ .kind = kind, .object = name, .to = to };
}

/* ---- What tests say ---- */

void store_assert(const struct store *wanted)
{
	for (size_t i = 0; i < STORE_OBJECTS; i++) {
		if (memcmp(&store->object[i], &wanted->object[i], sizeof(wanted->object[i])))
			print_error("%s is '%s', not '%s'\n", wanted->object[i].name, store->object[i].value,
				    wanted->object[i].value);
	}
	assert_memory_equal(store, wanted, sizeof(*store));
}

int store_make_all(void **state)
{
	store_make();
	return make_folder(state);
}

struct transaction_config store_config(void)
{
	return config_of(store_kinds, store);
}

struct transaction *store_open(bool read_only, bool *recovered)
{
	struct transaction_config config = store_config();

	return open_transaction(&config, read_only, recovered);
}

bool store_is_half_made(void)
{
	struct transaction *t = store_open(true, NULL);
	bool half_made;

	assert_non_null(t);
	half_made = transaction_is_half_made(t);
	transaction_close(t);
	return half_made;
}

int store_run(struct transaction *t, const char *text, size_t *written)
{
	struct step steps[32];
	char buffer[256], *rest = buffer, *word;
	size_t n = 0;

	snprintf(buffer, sizeof(buffer), "%s", text);
	while ((word = strsep(&rest, " "))) {
		char *name = strsep(&word, "=");

		if (*name)
			steps[n++] = store_step(name, word);
	}
	return transaction_run(t, steps, n, written, &err);
}

const char *store_record(bool read_only)
{
	static char text[512];
	struct transaction *t = store_open(read_only, NULL);
	size_t n = 0;

	text[0] = '\0';
	assert_non_null(t);
	for (size_t i = 0; i < transaction_count(t); i++) {
		struct transaction_entry e = transaction_entry(t, i);

		assert_ptr_equal(e.kind, store_step(e.object, "").kind);
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s:%s>%s=%s", i ? " " : "", e.object, e.before,
				      e.to, e.set);
	}
	transaction_close(t);
	return text;
}
