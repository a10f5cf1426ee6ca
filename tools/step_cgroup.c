// SPDX-License-Identifier: BSD-3-Clause
#include "step_cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <mntent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cgroup_path.h"
#include "proc_task.h"
#include "step_affinity.h"
#include "step_rdt.h"
#include "step_thread.h"

#define OWN	   "isolat"
#define FILE_BYTES (64U << 10) /* a list of 8192 CPUs with a comma after each takes 40 KiB */
#define PROC_BYTES (1U << 20)
#define PARTITION  "cpuset.cpus.partition"
#define SUBTREE	   "cgroup.subtree_control"

const char *step_cgroup_root(const struct step_host *host)
{
	return host->roots && host->roots->cgroup ? host->roots->cgroup : CGROUP_ROOT;
}

static int failed(int error, const char *what, const char *object, struct isolat_error *err)
{
	return isolat_fail(err, ISOLAT_FAILED, what, object, "%s", strerror(-error));
}

static int no_memory(const char *what, const char *object, struct isolat_error *err)
{
	return failed(-ENOMEM, what, object, err);
}

static int not_ours(const char *what, const char *object, struct isolat_error *err)
{
	return isolat_fail(err, ISOLAT_USAGE, what, object, "isolat changes only cgroups of its own, in '" OWN "'");
}

bool step_cgroup_is_own(const char *path)
{
	return cgroup_path_is_plain(path) && cgroup_path_is_within(path, OWN);
}

/* What a cgroup's files say when it is removed meanwhile. */
static bool is_gone(int error)
{
	return error == -ENOENT || error == -ENODEV;
}

/* ---- The hierarchy ---- */

static bool has_word(const char *text, const char *word)
{
	size_t length = strlen(word);

	for (const char *at = strstr(text, word); at; at = strstr(at + length, word)) {
		if ((at == text || at[-1] == ' ') && (!at[length] || strchr(" \n", at[length])))
			return true;
	}
	return false;
}

/* Where version 1's cpuset controller is mounted; false if it is not. */
static bool find_v1(const struct step_host *host, char *where, size_t size)
{
	char path[PATH_MAX], line[PATH_MAX];
	struct mntent mount;
	bool found = false;
	FILE *mounts;

	snprintf(path, sizeof(path), "%s/mounts", step_host_proc(host));
	mounts = fopen(path, "re");
	while (mounts && !found && getmntent_r(mounts, &mount, line, sizeof(line))) {
		found = !strcmp(mount.mnt_type, "cgroup") && hasmntopt(&mount, "cpuset");
		if (found)
			snprintf(where, size, "%s", mount.mnt_dir);
	}
	if (mounts)
		fclose(mounts);
	return found;
}

static int unsupported(const struct step_host *host, bool mounted, struct isolat_error *err)
{
	const char *root = step_cgroup_root(host);
	char v1[256];

	if (find_v1(host, v1, sizeof(v1))) {
		isolat_fail(err, ISOLAT_UNSUPPORTED, "use cpusets", root,
			    "cgroup version 1 has the cpuset controller, at %s, so that version 2 cannot have it", v1);
		return isolat_hint(err, "boot with cgroup_no_v1=all, or with systemd.unified_cgroup_hierarchy=1");
	}
	return isolat_fail(err, ISOLAT_UNSUPPORTED, "use cpusets", root, "%s",
			   mounted ? "the cgroups here do not have the cpuset controller"
				   : "cgroup version 2 is not mounted here");
}

/* All kinds ask first: what is called a cgroup elsewhere may be a folder of version 1's. */
static int check_host(struct step_host *host, struct isolat_error *err)
{
	int dir = -1;
	ssize_t length = -ENOENT;
	char *text = NULL;

	if (host->has_cpuset)
		return 0;
	dir = cgroup_path_open(step_cgroup_root(host), "");
	if (dir >= 0) {
		length = proc_read_text(dir, "cgroup.controllers", FILE_BYTES, &text);
		close(dir);
	}
	host->has_cpuset = length >= 0 && has_word(text, "cpuset");
	free(text);
	return host->has_cpuset ? 0 : unsupported(host, length >= 0, err);
}

/* ---- cgroup ---- */

static int read_cgroup(void *data, const char *object, char **value, struct isolat_error *err)
{
	struct step_host *host = data;
	int dir;

	*value = NULL;
	if (check_host(host, err))
		return -1;
	dir = cgroup_path_open(step_cgroup_root(host), object);
	if (dir < 0 && !is_gone(dir))
		return failed(dir, "read cgroup", object, err);
	if (dir >= 0)
		close(dir);
	*value = strdup(dir >= 0 ? STEP_PRESENT : STEP_ABSENT);
	return *value ? 0 : no_memory("read cgroup", object, err);
}

/* Splits "a/b/c" into "a/b", which the caller frees, and "c". NULL: no memory. */
static char *split(const char *path, const char **last)
{
	const char *slash = strrchr(path, '/');

	*last = slash ? slash + 1 : path;
	return slash ? strndup(path, (size_t)(slash - path)) : strdup("");
}

/* Opens the folder that @path is in. Returns a descriptor or -errno. */
static int open_above(const struct step_host *host, const char *path, const char **last)
{
	char *above = split(path, last);
	int dir = above ? cgroup_path_open(step_cgroup_root(host), above) : -ENOMEM;

	free(above);
	return dir;
}

static int make_cgroup(int above, const char *name, const char *object, struct isolat_error *err)
{
	return mkdirat(above, name, 0755) ? failed(-errno, "make cgroup", object, err) : 0;
}

static bool has_text(int dir, const char *file)
{
	char *text;
	ssize_t length = proc_read_text(dir, file, FILE_BYTES, &text);
	bool has = length > 0 && text[strspn(text, " \n")];

	if (length >= 0)
		free(text);
	return has;
}

static int open_child(int dir, const char *name)
{
	return openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static bool is_run(const char *name)
{
	return !strncmp(name, RUN_GROUP_PREFIX, strlen(RUN_GROUP_PREFIX));
}

/* Whether the run of the cgroup "run@PID" is at work in it: it takes that back. */
static bool is_at_work(const struct step_host *host, const char *run)
{
	pid_t pid = (pid_t)strtol(run + strlen(RUN_GROUP_PREFIX), NULL, 10);
	char own[sizeof(OWN) + NAME_MAX + 1], *path;
	bool is;

	if (pid <= 0 || step_cgroup_of(host, pid, &path))
		return false;
	snprintf(own, sizeof(own), OWN "/%s", run);
	is = cgroup_path_is_within(path, own);
	free(path);
	return is;
}

static bool has_others_cgroups(const struct step_host *host, int dir);

/* One of a run that is over, and whose command has left cgroups in it. */
static bool is_left_run(const struct step_host *host, int dir, const char *name)
{
	int child;
	bool is;

	if (!is_run(name) || is_at_work(host, name))
		return false;
	child = open_child(dir, name);
	is = child >= 0 && has_others_cgroups(host, child);
	if (child >= 0)
		close(child);
	return is;
}

static bool is_others_cgroup(const struct step_host *host, int dir, const char *name)
{
	return !is_run(name) || is_left_run(host, dir, name);
}

typedef bool see_cgroup(const struct step_host *host, int dir, const char *name);

/*
 * Calls @see with the name of each cgroup in the cgroup @dir, until it says yes. Returns whether one did: *which (may
 * be NULL) is its name then, the caller's to free.
 */
static bool any_cgroup(const struct step_host *host, int dir, see_cgroup *see, char **which)
{
	DIR *folder = fdopendir(dup(dir));
	struct dirent *entry;
	bool any = false;

	if (!folder)
		return false;
	rewinddir(folder);
	while (!any && (entry = readdir(folder))) {
		any = entry->d_type == DT_DIR && entry->d_name[0] != '.' && see(host, dir, entry->d_name);
		if (any && which)
			*which = strdup(entry->d_name);
	}
	closedir(folder);
	return any;
}

static bool has_others_cgroups(const struct step_host *host, int dir)
{
	return any_cgroup(host, dir, is_others_cgroup, NULL);
}

/* A run that is over was to remove it, and could not as others had cgroups in it. One that is used stays. */
static bool remove_left_run(const struct step_host *host, int dir, const char *name)
{
	if (is_run(name) && !is_at_work(host, name))
		(void)unlinkat(dir, name, AT_REMOVEDIR);
	return false;
}

/* Others' cgroups in it stay, and it with them: for how long, nobody can say. Processes are on their way out. */
static int remove_used(const struct step_host *host, int above, const char *name, const char *object,
		       struct isolat_error *err)
{
	int dir = open_child(above, name);
	bool theirs;

	if (dir >= 0 && !strcmp(object, OWN))
		any_cgroup(host, dir, remove_left_run, NULL);
	theirs = dir >= 0 && has_others_cgroups(host, dir);
	if (dir >= 0)
		close(dir);
	if (!unlinkat(above, name, AT_REMOVEDIR))
		return 0;
	if (!theirs) {
		failed(-errno, "remove cgroup", object, err);
		return isolat_hint(err, "there are still processes, or isolat runs, in it");
	}
	return isolat_fail(err, ISOLAT_DRIFT, "remove cgroup", object, "%s: somebody has made cgroups in it",
			   strerror(EBUSY));
}

static int remove_cgroup(const struct step_host *host, int above, const char *name, const char *object,
			 struct isolat_error *err)
{
	if (!unlinkat(above, name, AT_REMOVEDIR))
		return 0;
	return errno == EBUSY ? remove_used(host, above, name, object, err)
			      : failed(-errno, "remove cgroup", object, err);
}

static int write_cgroup(void *data, const char *object, const char *from, const char *to, struct isolat_error *err)
{
	struct step_host *host = data;
	bool make = !strcmp(to, STEP_PRESENT);
	const char *name;
	int above, rc;

	if (!step_cgroup_is_own(object))
		return not_ours("write cgroup", object, err);
	if (!make && strcmp(to, STEP_ABSENT))
		return isolat_fail(err, ISOLAT_USAGE, "write cgroup", object, "'%s' is neither '%s' nor '%s'", to,
				   STEP_PRESENT, STEP_ABSENT);
	if (check_host(host, err))
		return -1;
	above = open_above(host, object, &name);
	if (above < 0)
		return failed(above, make ? "make cgroup" : "remove cgroup", object, err);
	rc = make ? make_cgroup(above, name, object, err) : remove_cgroup(host, above, name, object, err);
	close(above);
	return rc;
}

const struct step_kind step_cgroup = { .name = "cgroup", .read = read_cgroup, .write = write_cgroup };

/* ---- cgroup-file ---- */

/* Opens the folder of a file, and checks the file's name. */
static int open_folder(const struct step_host *host, const char *object, const char **file)
{
	int dir = open_above(host, object, file);

	/* The file's own name has no slash in it, and is a plain path likewise. */
	if (dir >= 0 && (!**file || !cgroup_path_is_plain(*file))) {
		close(dir);
		return -EINVAL;
	}
	return dir;
}

/* In the one form that a value has: without the newline, and of subtree_control what concerns us. */
static int read_value(int dir, const char *file, char **value)
{
	ssize_t length = proc_read_text(dir, file, FILE_BYTES, value);
	char *text = *value;

	if (length < 0)
		return (int)length;
	if (length && text[length - 1] == '\n')
		text[length - 1] = '\0';
	if (strcmp(file, SUBTREE))
		return 0;
	*value = strdup(has_word(text, "cpuset") ? "cpuset" : "");
	free(text);
	return *value ? 0 : -ENOMEM;
}

static int read_file(void *data, const char *object, char **value, struct isolat_error *err)
{
	struct step_host *host = data;
	const char *file;
	int dir, rc;

	*value = NULL;
	if (check_host(host, err))
		return -1;
	dir = open_folder(host, object, &file);
	rc = dir < 0 ? dir : read_value(dir, file, value);
	if (dir >= 0)
		close(dir);
	return !rc || is_gone(rc) ? 0 : failed(rc, "read cgroup file", object, err);
}

/* Writes @text and a newline at once: without it an empty value would be no write at all. Returns 0 or -errno. */
static int write_line(int dir, const char *file, const char *text)
{
	int fd = openat(dir, file, O_WRONLY | O_NOFOLLOW | O_CLOEXEC), rc = 0;
	ssize_t done;
	char *line;

	if (fd < 0)
		return -errno;
	if (asprintf(&line, "%s\n", text) < 0) {
		close(fd);
		return -ENOMEM;
	}
	do
		done = write(fd, line, strlen(line));
	while (done < 0 && errno == EINTR);
	if (done < 0)
		rc = -errno;
	else if (done != (ssize_t)strlen(line))
		rc = -EIO;
	free(line);
	close(fd);
	return rc;
}

/* What is written to make a file's value @to; NULL: there is no such value. */
static char *text_for(const char *file, const char *to)
{
	if (!strcmp(file, SUBTREE))
		return !strcmp(to, "cpuset") ? strdup("+cpuset") : !*to ? strdup("-cpuset") : NULL;
	/* A partition's value may have the reason behind it why it is invalid, which is not written. */
	return strndup(to, strcmp(file, PARTITION) ? strlen(to) : strcspn(to, " "));
}

/* Whether it has CPUs or nodes set: taking the controller away would take them, and the kernel does not ask. */
static bool uses_cpusets(const struct step_host *host, int dir, const char *name)
{
	int child = strcmp(name, OWN) ? open_child(dir, name) : -1;
	bool uses = child >= 0 && (has_text(child, "cpuset.cpus") || has_text(child, "cpuset.mems"));

	if (child >= 0)
		close(child);
	return uses;
}

/* The kernel counts no users of a controller: it is taken away only where nobody else has come to rely on it. */
static int see_others(const struct step_host *host, int dir, const char *file, const char *object, const char *to,
		      struct isolat_error *err)
{
	char *name = NULL;

	if (strcmp(file, SUBTREE) || *to || !any_cgroup(host, dir, uses_cpusets, &name))
		return 0;
	isolat_fail(err, ISOLAT_DRIFT, "write cgroup file", object, "the cgroup %.200s has CPUs or nodes set by now",
		    name ? name : "of somebody else");
	free(name);
	return -1;
}

/* What the write would make a kernel before 6.2 forget; NULL: nothing. */
static struct step_pins *pins_before(const struct step_host *host, int dir, const char *file, const char *object)
{
	if (!strcmp(object, SUBTREE))
		return step_pins_read_all(host);
	return strcmp(file, "cpuset.cpus") ? NULL : step_pins_read_in(host, dir);
}

/* Whether another isolat run has handed the controller on, and takes that back: what a run left may be in its way. */
static bool another_takes_back(const struct step_host *host, int dir)
{
	int own = open_child(dir, OWN);
	bool takes = own >= 0 && has_text(own, SUBTREE) && !any_cgroup(host, own, is_left_run, NULL);

	if (own >= 0)
		close(own);
	return takes;
}

static int write_in(const struct step_host *host, int dir, const char *file, const char *object, const char *to,
		    struct isolat_error *err)
{
	struct step_pins *pins;
	char *text;
	int rc;

	if (see_others(host, dir, file, object, to, err))
		return -1;
	text = text_for(file, to);
	if (!text)
		return isolat_fail(err, ISOLAT_USAGE, "write cgroup file", object, "'%s' is no value of it", to);
	pins = pins_before(host, dir, file, object);
	rc = write_line(dir, file, text);
	step_pins_put_back(host, pins);
	free(text);
	if (!rc)
		return 0;
	failed(rc, "write cgroup file", object, err);
	/* Somebody has handed the controller further down. */
	if (rc == -EBUSY && !strcmp(file, SUBTREE) && !*to && !another_takes_back(host, dir))
		err->code = ISOLAT_DRIFT;
	return -1;
}

/* The kernel takes "isolated" also where it cannot be, and says so when it is read: "isolated invalid (WHY)". */
static int check_partition(const struct step_host *host, int dir, const char *object, const char *from,
			   struct isolat_error *err)
{
	struct isolat_error ignored;
	char *now;
	int rc = read_value(dir, PARTITION, &now);

	if (rc)
		return failed(rc, "read cgroup file", object, err);
	if (has_word(now, "invalid")) {
		rc = isolat_fail(err, ISOLAT_FAILED, "write cgroup file", object, "the kernel says '%s'", now);
		write_in(host, dir, PARTITION, object, from, &ignored);
	}
	free(now);
	return rc;
}

static bool may_write(const char *object)
{
	const char *file;
	char *path = split(object, &file);
	bool may = false;

	if (path && !strcmp(file, SUBTREE))
		may = !*path || !strcmp(path, OWN);
	else if (path)
		may = step_cgroup_is_own(path) && !strncmp(file, "cpuset.", strlen("cpuset."));
	free(path);
	return may;
}

static int write_file(void *data, const char *object, const char *from, const char *to, struct isolat_error *err)
{
	struct step_host *host = data;
	const char *file;
	int dir, rc;

	if (!may_write(object))
		return not_ours("write cgroup file", object, err);
	if (check_host(host, err))
		return -1;
	dir = open_folder(host, object, &file);
	if (dir < 0)
		return failed(dir, "write cgroup file", object, err);
	rc = write_in(host, dir, file, object, to, err);
	/* Unless it is put back to what was invalid before. */
	if (!rc && !strcmp(file, PARTITION) && !has_word(to, "invalid"))
		rc = check_partition(host, dir, object, from, err);
	close(dir);
	return rc;
}

/* The files of a cgroup, and of all below it, go with it. */
static bool goes_with_cgroup(const char *object, const char *kind, const char *other)
{
	return !strcmp(kind, step_cgroup.name) && step_cgroup_is_own(other) && cgroup_path_is_within(object, other);
}

const struct step_kind step_cgroup_file = {
	.name = "cgroup-file",
	.read = read_file,
	.write = write_file,
	.goes_with = goes_with_cgroup,
};

/* ---- cgroup-task ---- */

/* The line of version 2 is "0::/PATH". Returns 0 or -errno. */
int step_cgroup_of(const struct step_host *host, pid_t tid, char **path)
{
	char file[PATH_MAX], *text, *rest, *line;
	ssize_t length;

	snprintf(file, sizeof(file), "%s/%d/cgroup", step_host_proc(host), (int)tid);
	length = proc_read_text(AT_FDCWD, file, FILE_BYTES, &text);
	if (length < 0)
		return (int)length;
	rest = text;
	while ((line = strsep(&rest, "\n")) && strncmp(line, "0::/", strlen("0::/")))
		;
	*path = line ? strdup(line + strlen("0::/")) : NULL;
	free(text);
	return *path ? 0 : line ? -ENOMEM : -ENODATA;
}

static int read_process(void *data, const char *object, char **value, struct isolat_error *err)
{
	struct step_host *host = data;
	struct step_thread process;
	int rc, alive;

	*value = NULL;
	if (check_host(host, err) || step_thread_parse("read cgroup of process", object, &process, err))
		return -1;
	rc = step_cgroup_of(host, process.tid, value);
	/* Asked behind it: who is alive now was so then, and what was read is its own and not a successor's. */
	alive = step_thread_alive(host, "read cgroup of process", object, &process, err);
	if (alive <= 0) {
		free(*value);
		*value = NULL;
		return alive;
	}
	return rc ? failed(rc, "read cgroup of process", object, err) : 0;
}

/* Returns 0, also of a process that has ended, or -errno. */
static int move_to(const struct step_host *host, pid_t pid, const char *path)
{
	int dir = cgroup_path_open(step_cgroup_root(host), path), rc;
	struct step_pins *pins;
	char text[16];

	if (dir < 0)
		return dir;
	snprintf(text, sizeof(text), "%d", (int)pid);
	pins = step_pins_read(host, pid);
	rc = write_line(dir, "cgroup.procs", text);
	step_pins_put_back(host, pins);
	close(dir);
	return rc == -ESRCH ? 0 : rc;
}

/*
 * To where it was, or, where that has been removed since, or takes no processes any more, to the nearest above it that
 * does (then returns 1): it cannot stay in a cgroup that is about to go.
 */
static int move_home(const struct step_host *host, pid_t pid, const char *path)
{
	char *at = strdup(path), *slash;
	int rc, first = 0;

	if (!at)
		return -ENOMEM;
	for (rc = move_to(host, pid, at); rc && *at; rc = move_to(host, pid, at)) {
		first = first ? first : rc;
		slash = strrchr(at, '/');
		*(slash ? slash : at) = '\0';
	}
	free(at);
	if (rc)
		return first ? first : rc;
	return first ? 1 : 0;
}

static int write_process(void *data, const char *object, const char *from, const char *to, struct isolat_error *err)
{
	struct step_host *host = data;
	struct step_thread process;
	int rc;

	if (step_thread_parse("move process", object, &process, err))
		return -1;
	if (!cgroup_path_is_plain(to) || (!step_cgroup_is_own(to) && !step_cgroup_is_own(from)))
		return not_ours("move process", to, err);
	if (check_host(host, err))
		return -1;
	rc = step_thread_alive(host, "move process", object, &process, err);
	if (rc <= 0)
		return rc;
	rc = step_cgroup_is_own(to) ? move_to(host, process.tid, to) : move_home(host, process.tid, to);
	return rc < 0 ? failed(rc, "move process", to, err) : 0; /* who reads it sees where it is */
}

#define LOOKS	   100
#define LOOK_PAUSE 1000 /* us */

/* Moves the processes that @dir lists. Returns how many there were, or -errno. */
static int move_all(const struct step_host *host, int dir, const char *home, bool *elsewhere)
{
	char *text, *rest, *line;
	ssize_t length = proc_read_text(dir, "cgroup.procs", PROC_BYTES, &text);
	int n = 0, rc = 0;
	pid_t pid;

	if (length < 0)
		return is_gone((int)length) ? 0 : (int)length;
	rest = text;
	/* A line without its end may be one that was cut. */
	while (rc >= 0 && (line = strsep(&rest, "\n")) && rest) {
		if (!proc_parse_id(line, &pid))
			continue;
		n++;
		rc = move_home(host, pid, home);
		*elsewhere |= rc > 0;
	}
	free(text);
	return rc < 0 ? rc : n;
}

/* What the process has forked in @place goes to where it was itself: also what is forked while others are moved. */
static int bring_rest(void *data, const char *object, const char *place, const char *home, struct isolat_error *err)
{
	struct step_host *host = data;
	bool elsewhere = false;
	int dir, n = 1;

	if (!step_cgroup_is_own(place) || !strcmp(place, home))
		return 0;
	if (check_host(host, err))
		return -1;
	dir = cgroup_path_open(step_cgroup_root(host), place);
	if (dir < 0)
		return is_gone(dir) ? 0 : failed(dir, "empty cgroup", place, err);
	for (int i = 0; n > 0 && i < LOOKS; i++) {
		if (i > 1)
			usleep(LOOK_PAUSE);
		n = move_all(host, dir, home, &elsewhere);
	}
	close(dir);
	if (n > 0)
		return isolat_fail(err, ISOLAT_FAILED, "empty cgroup", place,
				   "there are processes in it after %d looks", LOOKS);
	if (n)
		return failed(n, "empty cgroup", place, err);
	return elsewhere ? isolat_fail(err, ISOLAT_DRIFT, "empty cgroup", place,
				       "where its processes were is gone, or takes none: they are above that")
			 : 0;
}

static bool keeps_cgroup(const char *value, const char *kind, const char *other)
{
	return !strcmp(kind, step_cgroup.name) && cgroup_path_is_within(value, other);
}

const struct step_kind step_cgroup_task = {
	.name = "cgroup-task",
	.read = read_process,
	.write = write_process,
	.keeps = keeps_cgroup,
	.follow = bring_rest,
};
