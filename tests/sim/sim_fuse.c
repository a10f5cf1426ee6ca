// SPDX-License-Identifier: BSD-3-Clause
/*
 * resctrl-sim: the simulator as a program. It mounts itself and stays in the foreground, in one thread, until it is
 * unmounted or told to end.
 */
#define FUSE_USE_VERSION 31

#include <errno.h>
#include <fuse3/fuse.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sim_control.h"

struct daemon {
	struct sim *sim;
	struct sim_control control;
	int ready;    /* closed as soon as it answers */
	double names; /* for how many seconds the kernel need not ask again what a name stands for */
};

/*
 * An open file or folder. What it reads is made at the first byte, as the kernel does it. That of a removed group is
 * dead, even if a group of that name is made again.
 */
struct open_file {
	char *path;
	ino_t inode;
	char *text;
	size_t n;
};

static struct daemon *self(void)
{
	return fuse_get_context()->private_data;
}

static pid_t caller(void)
{
	return fuse_get_context()->pid;
}

static struct open_file *opened(const struct fuse_file_info *info)
{
	return (struct open_file *)(uintptr_t)info->fh;
}

static void *fs_init(struct fuse_conn_info *connection, struct fuse_config *config)
{
	config->use_ino = 1;
	config->direct_io = 1;
	config->hard_remove = 1;
	config->nullpath_ok = 1;
	config->attr_timeout = config->entry_timeout = self()->names;
	config->negative_timeout = 0;
	close(self()->ready);
	return self();
}

/* A group that is made anew is another folder. */
static ino_t inode_of(const char *path, const struct sim_node *node)
{
	uint64_t hash = 14695981039346656037ULL ^ (node->group ? node->group->serial : 0);

	while (*path)
		hash = (hash ^ (unsigned char)*path++) * 1099511628211ULL;
	return hash | 2;
}

/* By what is open, if it is; else by @path. */
static int look_up(const char *path, const struct fuse_file_info *info, struct sim_node *node)
{
	int rc;

	if (!info || !info->fh)
		return sim_lookup(self()->sim, path, node);
	rc = sim_lookup(self()->sim, opened(info)->path, node);
	return rc || inode_of(opened(info)->path, node) != opened(info)->inode ? -ENODEV : 0;
}

static int fs_getattr(const char *path, struct stat *st, struct fuse_file_info *info)
{
	struct sim_node node;
	int rc = look_up(path, info, &node);

	if (rc)
		return rc;
	st->st_mode = sim_permissions(&node);
	st->st_nlink = S_ISDIR(st->st_mode) ? 2 : 1;
	st->st_ino = inode_of(info && info->fh ? opened(info)->path : path, &node);
	return 0;
}

struct listing {
	void *to;
	fuse_fill_dir_t fill;
};

static void add_name(void *to, const char *name)
{
	struct listing *listing = to;

	listing->fill(listing->to, name, NULL, 0, 0);
}

static int fs_readdir(const char *path, void *to, fuse_fill_dir_t fill, off_t offset, struct fuse_file_info *info,
		      enum fuse_readdir_flags flags)
{
	struct listing listing = { to, fill };
	struct sim_node node;
	int rc = look_up(path, info, &node);

	if (rc)
		return rc;
	add_name(&listing, ".");
	add_name(&listing, "..");
	sim_list(self()->sim, &node, add_name, &listing);
	return 0;
}

static int keep_open(const char *path, const struct sim_node *node, struct fuse_file_info *info)
{
	struct open_file *file = calloc(1, sizeof(*file));

	if (!file)
		return -ENOMEM;
	file->path = strdup(path);
	if (!file->path) {
		free(file);
		return -ENOMEM;
	}
	file->inode = inode_of(path, node);
	info->fh = (uintptr_t)file;
	info->direct_io = 1;
	return 0;
}

/* All can be read. Whether it can be written counts for root too. */
static int fs_open(const char *path, struct fuse_file_info *info)
{
	struct sim_node node;
	int rc = sim_lookup(self()->sim, path, &node), access = info->flags & O_ACCMODE;

	if (rc)
		return rc;
	if (access != O_RDONLY && !sim_writable(&node))
		return -EACCES;
	return keep_open(path, &node, info);
}

static int fs_opendir(const char *path, struct fuse_file_info *info)
{
	struct sim_node node;
	int rc = sim_lookup(self()->sim, path, &node);

	return rc ? rc : keep_open(path, &node, info);
}

static int fs_release(const char *path, struct fuse_file_info *info)
{
	free(opened(info)->path);
	free(opened(info)->text);
	free(opened(info));
	return 0;
}

static int fill(const struct fuse_file_info *info)
{
	struct open_file *file = opened(info);
	struct sim_node node;
	FILE *out;
	int rc = look_up(NULL, info, &node);

	if (rc)
		return rc;
	free(file->text);
	file->text = NULL;
	out = open_memstream(&file->text, &file->n);
	if (!out)
		return -ENOMEM;
	rc = sim_read(self()->sim, &node, out);
	fclose(out);
	return rc;
}

static int fs_read(const char *path, char *to, size_t room, off_t offset, struct fuse_file_info *info)
{
	struct open_file *file = opened(info);

	if (!offset || !file->text) {
		int rc = fill(info);

		if (rc)
			return rc;
	}
	if ((size_t)offset >= file->n)
		return 0;
	if (room > file->n - (size_t)offset)
		room = file->n - (size_t)offset;
	memcpy(to, file->text + offset, room);
	return (int)room;
}

static int do_write(const struct fuse_file_info *info, const char *bytes, size_t n)
{
	struct sim_node node;
	char *text;
	int rc = look_up(NULL, info, &node);

	if (rc)
		return rc;
	text = malloc(n + 1);
	if (!text)
		return -ENOMEM;
	memcpy(text, bytes, n);
	rc = sim_write(self()->sim, &node, text, n, caller());
	free(text);
	return rc;
}

static int fs_write(const char *path, const char *bytes, size_t n, off_t offset, struct fuse_file_info *info)
{
	struct sim_control *c = &self()->control;
	int rc = sim_control_begin(c, caller());

	if (!rc)
		rc = do_write(info, bytes, n);
	rc = sim_control_end(c, caller(), "write", opened(info)->path, bytes, n, rc);
	return rc ? rc : (int)n;
}

static int fs_mkdir(const char *path, mode_t mode)
{
	struct sim_control *c = &self()->control;
	int rc = sim_control_begin(c, caller());

	if (!rc)
		rc = sim_mkdir(self()->sim, path);
	return sim_control_end(c, caller(), "mkdir", path, NULL, 0, rc);
}

static int fs_rmdir(const char *path)
{
	struct sim_control *c = &self()->control;
	int rc = sim_control_begin(c, caller());

	if (!rc)
		rc = sim_rmdir(self()->sim, path);
	return sim_control_end(c, caller(), "rmdir", path, NULL, 0, rc);
}

static int fs_rename(const char *from, const char *to, unsigned int flags)
{
	struct sim_control *c = &self()->control;
	int rc = sim_control_begin(c, caller());

	if (!rc)
		rc = flags ? -EINVAL : sim_rename(self()->sim, from, to);
	return sim_control_end(c, caller(), "rename", from, to, strlen(to), rc);
}

static int fs_setxattr(const char *path, const char *name, const char *value, size_t n, int flags)
{
	char text[256];

	if (n >= sizeof(text))
		return -E2BIG;
	memcpy(text, value, n);
	text[n] = '\0';
	return sim_control_set(&self()->control, self()->sim, path, name, text);
}

static int fs_getxattr(const char *path, const char *name, char *to, size_t room)
{
	char *text = NULL;
	size_t n = 0;
	FILE *out = open_memstream(&text, &n);
	int rc;

	if (!out)
		return -ENOMEM;
	rc = sim_control_get(&self()->control, self()->sim, path, name, out);
	fclose(out);
	if (!rc && room && n > room)
		rc = -ERANGE;
	if (!rc && room)
		memcpy(to, text, n);
	free(text);
	return rc ? rc : (int)n;
}

/* Shells truncate what they write to, and libpqos sets owners and times: all of it without effect. */
static int fs_truncate(const char *path, off_t size, struct fuse_file_info *info)
{
	return 0;
}

static int fs_chmod(const char *path, mode_t mode, struct fuse_file_info *info)
{
	return 0;
}

static int fs_chown(const char *path, uid_t uid, gid_t gid, struct fuse_file_info *info)
{
	return 0;
}

static int fs_utimens(const char *path, const struct timespec times[2], struct fuse_file_info *info)
{
	return 0;
}

/* Files cannot be made or removed in resctrl. */
static int fs_create(const char *path, mode_t mode, struct fuse_file_info *info)
{
	return -EACCES;
}

static int fs_unlink(const char *path)
{
	return -EPERM;
}

static const struct fuse_operations operations = {
	.init = fs_init,
	.getattr = fs_getattr,
	.readdir = fs_readdir,
	.open = fs_open,
	.release = fs_release,
	.opendir = fs_opendir,
	.releasedir = fs_release,
	.read = fs_read,
	.write = fs_write,
	.mkdir = fs_mkdir,
	.rmdir = fs_rmdir,
	.rename = fs_rename,
	.setxattr = fs_setxattr,
	.getxattr = fs_getxattr,
	.truncate = fs_truncate,
	.chmod = fs_chmod,
	.chown = fs_chown,
	.utimens = fs_utimens,
	.create = fs_create,
	.unlink = fs_unlink,
};

static int usage(FILE *to)
{
	fprintf(to,
		"usage: resctrl-sim [--machine NAME] [--kernel 6.1|6.12] [--options LIST] [--SHAPE VALUE]... [--ready "
		"FD] [--names SECONDS] FOLDER\n"
		"machines: %s\n",
		sim_machine_names());
	return to == stdout ? 0 : 2;
}

struct arguments {
	struct sim_machine machine;
	enum sim_kernel kernel;
	const char *folder;
	int ready;
	double names;
};

static bool take_option(struct arguments *a, const char *name, const char *value)
{
	if (!strcmp(name, "machine"))
		return sim_machine_init(&a->machine, value);
	if (!strcmp(name, "options"))
		return (a->machine.mount_options = value);
	if (!strcmp(name, "ready"))
		return (a->ready = atoi(value)) > 0;
	if (!strcmp(name, "names"))
		return (a->names = atof(value)) >= 0;
	if (!strcmp(name, "kernel")) {
		a->kernel = strcmp(value, "6.1") ? SIM_LINUX_6_12 : SIM_LINUX_6_1;
		return !strcmp(value, "6.1") || !strcmp(value, "6.12");
	}
	return sim_machine_set(&a->machine, name, value);
}

/* Options are "--NAME VALUE", in order: a shape changes the machine before it. */
static bool parse_arguments(char **argv, struct arguments *a)
{
	sim_machine_init(&a->machine, "intel-2s");
	for (argv++; *argv && !strncmp(*argv, "--", 2); argv += 2)
		if (!argv[1] || !take_option(a, *argv + 2, argv[1])) {
			fprintf(stderr, "resctrl-sim: bad option %s %s\n", *argv, argv[1] ? argv[1] : "");
			return false;
		}
	a->folder = *argv;
	return a->folder && !argv[1];
}

int main(int argc, char **argv)
{
	static struct arguments a = { .kernel = SIM_LINUX_6_12, .ready = -1 };
	char options[] = "fsname=resctrl,subtype=resctrl,default_permissions,allow_other";
	char *fuse_argv[] = { argv[0], "-f", "-s", "-o", options, NULL, NULL };
	static struct daemon daemon;
	int rc;

	if (argc == 2 && !strcmp(argv[1], "--help"))
		return usage(stdout);
	if (!parse_arguments(argv, &a))
		return usage(stderr);
	if (!sim_machine_finish(&a.machine)) {
		fputs("resctrl-sim: no machine has this shape\n", stderr);
		return 2;
	}
	daemon.ready = a.ready;
	daemon.names = a.names;
	daemon.sim = sim_new(&a.machine, a.kernel);
	if (!daemon.sim) {
		fputs("resctrl-sim: the machine cannot be mounted with its options\n", stderr);
		return 1;
	}
	fuse_argv[5] = (char *)(uintptr_t)a.folder;
	rc = fuse_main(6, fuse_argv, &operations, &daemon);
	sim_free(daemon.sim);
	free(daemon.control.log);
	return rc;
}
