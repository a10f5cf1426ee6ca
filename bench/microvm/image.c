// SPDX-License-Identifier: BSD-3-Clause
#include "image.h"

#include <archive.h>
#include <archive_entry.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <libkmod.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define DYNAMIC_LINKER "/lib64/ld-linux-x86-64.so.2"
#define MODULE_DIR     "/isolat/modules"

struct image {
	struct archive *cpio;
	char **paths; /* what is in it already */
	size_t n_paths;
	struct kmod_ctx *kmod;
	FILE *config; /* the text of /isolat/config */
	const struct microvm_kernel *kernel;
	enum microvm_accel accel;
	struct isolat_error *err;
};

static int image_error(struct image *image, const char *object)
{
	return isolat_fail(image->err, ISOLAT_FAILED, "write the initramfs", object, "%s",
			   archive_error_string(image->cpio));
}

/* Remembers @path. Returns false if it was there already. */
static bool add_path(struct image *image, const char *path)
{
	for (size_t i = 0; i < image->n_paths; i++)
		if (!strcmp(image->paths[i], path))
			return false;
	image->paths = realloc(image->paths, (image->n_paths + 1) * sizeof(*image->paths));
	image->paths[image->n_paths++] = strdup(path);
	return true;
}

static int write_header(struct image *image, const char *path, mode_t mode, off_t size)
{
	struct archive_entry *entry = archive_entry_new();
	int rc;

	archive_entry_set_pathname(entry, path + 1);
	archive_entry_set_mode(entry, mode);
	archive_entry_set_nlink(entry, 1);
	archive_entry_set_size(entry, size);
	rc = archive_write_header(image->cpio, entry);
	archive_entry_free(entry);
	return rc == ARCHIVE_OK ? 0 : image_error(image, path);
}

static int add_directory(struct image *image, const char *path)
{
	return add_path(image, path) ? write_header(image, path, S_IFDIR | 0755, 0) : 0;
}

static int add_parents(struct image *image, const char *path)
{
	char parent[PATH_MAX];

	snprintf(parent, sizeof(parent), "%s", path);
	for (char *slash = strchr(parent + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (add_directory(image, parent))
			return -1;
		*slash = '/';
	}
	return 0;
}

static int copy_data(struct image *image, int fd, off_t size, const char *path)
{
	void *data;
	int rc = 0;

	if (!size)
		return 0;
	data = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (data == MAP_FAILED)
		return isolat_fail(image->err, ISOLAT_FAILED, "read", path, "%s", strerror(errno));
	if (archive_write_data(image->cpio, data, size) != size)
		rc = image_error(image, path);
	munmap(data, size);
	return rc;
}

static int add_file(struct image *image, const char *from, const char *to)
{
	struct stat st;
	int fd, rc;

	if (to[0] != '/')
		return isolat_fail(image->err, ISOLAT_USAGE, "add file", to, "not an absolute path");
	if (!add_path(image, to))
		return 0;
	fd = open(from, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return isolat_fail(image->err, ISOLAT_USAGE, "add file", from, "%s", strerror(errno));
	if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		close(fd);
		return isolat_fail(image->err, ISOLAT_USAGE, "add file", from, "not a regular file");
	}
	rc = add_parents(image, to) || write_header(image, to, S_IFREG | (st.st_mode & 0777), st.st_size) ||
	     copy_data(image, fd, st.st_size, from);
	close(fd);
	return rc ? -1 : 0;
}

static int add_text(struct image *image, const char *path, const char *text, size_t size)
{
	add_path(image, path);
	if (add_parents(image, path) || write_header(image, path, S_IFREG | 0644, size))
		return -1;
	return archive_write_data(image->cpio, text, size) == (ssize_t)size ? 0 : image_error(image, path);
}

/* Reads what the dynamic linker would load for @program, one path a line. */
static FILE *list_libraries(const char *program, pid_t *pid)
{
	int pipe_fds[2];

	if (pipe2(pipe_fds, O_CLOEXEC))
		return NULL;
	*pid = fork();
	if (!*pid) {
		dup2(pipe_fds[1], STDOUT_FILENO);
		execl(DYNAMIC_LINKER, DYNAMIC_LINKER, "--list", program, NULL);
		_exit(127);
	}
	close(pipe_fds[1]);
	return fdopen(pipe_fds[0], "r");
}

/* A static executable names no dynamic linker. */
static bool is_dynamic(const char *program)
{
	int fd = open(program, O_RDONLY | O_CLOEXEC);
	bool dynamic = false;
	Elf64_Ehdr head;
	Elf64_Phdr part;

	if (fd < 0)
		return false;
	if (pread(fd, &head, sizeof(head), 0) == sizeof(head) && !memcmp(head.e_ident, ELFMAG, SELFMAG))
		for (int i = 0; i < head.e_phnum && !dynamic; i++)
			dynamic = pread(fd, &part, sizeof(part), head.e_phoff + (off_t)i * sizeof(part)) ==
					  sizeof(part) &&
				  part.p_type == PT_INTERP;
	close(fd);
	return dynamic;
}

static int add_libraries(struct image *image, const char *program)
{
	char line[PATH_MAX + 64];
	FILE *list;
	pid_t pid;
	int status, rc = 0;

	list = list_libraries(program, &pid);
	if (!list)
		return isolat_fail(image->err, ISOLAT_FAILED, "list the libraries of", program, "%s", strerror(errno));
	while (fgets(line, sizeof(line), list)) {
		char *path = strstr(line, "=> ");

		path = path ? path + 3 : line + strspn(line, " \t");
		path[strcspn(path, " \n")] = '\0';
		if (!rc && path[0] == '/')
			rc = add_file(image, path, path);
	}
	fclose(list);
	waitpid(pid, &status, 0);
	if (!rc && status)
		return isolat_fail(image->err, ISOLAT_FAILED, "list the libraries of", program,
				   DYNAMIC_LINKER " --list failed");
	return rc;
}

static int add_files(struct image *image, const struct microvm_config *config)
{
	for (size_t i = 0; i < config->n_files; i++) {
		const struct microvm_file *file = &config->files[i];

		if (add_file(image, file->from, file->to ? file->to : file->from))
			return -1;
		if (file->libraries && is_dynamic(file->from) && add_libraries(image, file->from))
			return -1;
	}
	return 0;
}

/* Puts one .ko there and, where @load, has PID 1 load it. */
static int place_module(struct image *image, const char *path, const char *params, bool load)
{
	const char *base = strrchr(path, '/');
	char to[PATH_MAX];

	base = base ? base + 1 : path;
	snprintf(to, sizeof(to), MODULE_DIR "/%s", base);
	for (size_t i = 0; i < image->n_paths; i++)
		if (!strcmp(image->paths[i], to))
			return 0;
	if (add_file(image, path, to))
		return -1;
	if (load)
		fprintf(image->config, "module %s %s\n", to, params ? params : "");
	return 0;
}

static int place_with_dependencies(struct image *image, struct kmod_module *mod, const struct microvm_module *want)
{
	struct kmod_list *deps = kmod_module_get_dependencies(mod), *item;
	const char *path = kmod_module_get_path(mod);
	int rc = 0;

	kmod_list_foreach(item, deps)
	{
		struct kmod_module *dep = kmod_module_get_module(item);

		if (!rc)
			rc = place_module(image, kmod_module_get_path(dep), NULL, true);
		kmod_module_unref(dep);
	}
	kmod_module_unref_list(deps);
	/* Without a path it is built in. */
	return rc || !path ? rc : place_module(image, path, want->params, want->load);
}

static int add_module(struct image *image, const struct microvm_module *want)
{
	struct kmod_list *found = NULL;
	struct kmod_module *mod;
	int rc;

	if (strchr(want->name, '/'))
		return place_module(image, want->name, want->params, want->load);
	if (!image->kmod || kmod_module_new_from_lookup(image->kmod, want->name, &found) < 0 || !found)
		return isolat_fail(image->err, ISOLAT_USAGE, "find kernel module", want->name, "kernel %s has none",
				   image->kernel->release);
	mod = kmod_module_get_module(found);
	rc = place_with_dependencies(image, mod, want);
	kmod_module_unref(mod);
	kmod_module_unref_list(found);
	return rc;
}

static int add_module_names(struct image *image, const char *const *names)
{
	for (; *names; names++) {
		struct microvm_module want = { .name = *names, .load = true };

		if (add_module(image, &want))
			return -1;
	}
	return 0;
}

static int add_modules(struct image *image, const struct microvm_config *config)
{
	static const char *const guest[] = { "virtio_mmio", "virtio_pci", "virtio_console", NULL };
	static const char *const host[] = { "virtiofs", "overlay", NULL };
	static const char *const nested[] = { "kvm-amd", "kvm-intel", NULL };

	if (add_module_names(image, guest) || (config->host_root && add_module_names(image, host)) ||
	    (config->nested && add_module_names(image, nested)))
		return -1;
	for (size_t i = 0; i < config->n_modules; i++)
		if (add_module(image, &config->modules[i]))
			return -1;
	return 0;
}

static int add_config(struct image *image, const struct microvm_config *config, char **text, size_t *size)
{
	if (config->host_root)
		fprintf(image->config, "root virtiofs\n");
	if (config->nested)
		fprintf(image->config, "hold-kvm\n");
	if (config->leak_scan)
		fprintf(image->config, "leak-scan\n");
	if (image->accel == MICROVM_ACCEL_TCG && config->vcpus > 1)
		fprintf(image->config, "late-cpus\n");
	if (config->host_root)
		fprintf(image->config, "beats\n");
	for (const char *const *arg = config->argv; *arg; arg++) {
		if (strchr(*arg, '\n'))
			return isolat_fail(image->err, ISOLAT_USAGE, "pass argument", *arg, "it holds a newline");
		fprintf(image->config, "arg %s\n", *arg);
	}
	fflush(image->config);
	return add_text(image, "/isolat/config", *text, *size);
}

static int fill_image(struct image *image, const struct microvm_config *config, const char *init_path)
{
	char *text = NULL;
	size_t size = 0;
	int rc;

	image->config = open_memstream(&text, &size);
	rc = add_file(image, init_path, "/init") || add_modules(image, config) || add_files(image, config) ||
	     add_config(image, config, &text, &size);
	fclose(image->config);
	free(text);
	return rc ? -1 : 0;
}

int microvm_image_build(const struct microvm_config *config, const struct microvm_kernel *kernel,
			enum microvm_accel accel, const char *init_path, int *fd, struct isolat_error *err)
{
	static const char *const no_config[] = { NULL };
	struct image image = { .kernel = kernel, .accel = accel, .err = err };
	int rc;

	*fd = memfd_create("isolat-initramfs", MFD_CLOEXEC);
	if (*fd < 0)
		return isolat_fail(err, ISOLAT_FAILED, "create the initramfs", NULL, "%s", strerror(errno));
	if (kernel->modules[0])
		image.kmod = kmod_new(kernel->modules, no_config);
	image.cpio = archive_write_new();
	archive_write_set_format_cpio_newc(image.cpio);
	archive_write_open_fd(image.cpio, *fd);
	rc = fill_image(&image, config, init_path);
	if (archive_write_close(image.cpio) != ARCHIVE_OK && !rc)
		rc = image_error(&image, NULL);
	archive_write_free(image.cpio);
	kmod_unref(image.kmod);
	for (size_t i = 0; i < image.n_paths; i++)
		free(image.paths[i]);
	free(image.paths);
	if (rc)
		close(*fd);
	return rc;
}
