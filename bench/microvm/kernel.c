// SPDX-License-Identifier: BSD-3-Clause
#include "kernel.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#define DEFAULT_KERNELS "/var/lib/isolat/kernels"

static const char *kernels_dir(void)
{
	const char *dir = getenv("ISOLAT_KERNELS");

	return dir && *dir ? dir : DEFAULT_KERNELS;
}

/* Writes the path to @buf if something readable is there, else the empty string. */
__attribute__((format(printf, 2, 3))) static bool readable_path(char buf[PATH_MAX], const char *format, ...)
{
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(buf, PATH_MAX, format, ap);
	va_end(ap);
	if (n > 0 && n < PATH_MAX && !access(buf, R_OK))
		return true;
	buf[0] = '\0';
	return false;
}

static bool read_line(const char *path, char *buf, size_t size)
{
	FILE *f = fopen(path, "re");
	bool ok;

	if (!f)
		return false;
	ok = fgets(buf, size, f);
	fclose(f);
	if (ok)
		buf[strcspn(buf, "\n")] = '\0';
	return ok && *buf;
}

/* A folder made by fetch-kernel.sh. */
static bool find_fetched(const char *name, struct microvm_kernel *kernel)
{
	char version[PATH_MAX];

	return readable_path(version, "%s/%s/version", kernels_dir(), name) &&
	       read_line(version, kernel->release, sizeof(kernel->release)) &&
	       readable_path(kernel->image, "%s/%s/vmlinuz", kernels_dir(), name) &&
	       readable_path(kernel->modules, "%s/%s/modules", kernels_dir(), name) &&
	       (readable_path(kernel->vmlinux, "%s/%s/vmlinux", kernels_dir(), name) || true);
}

static bool find_release(const char *release, struct microvm_kernel *kernel)
{
	if (!readable_path(kernel->image, "/boot/vmlinuz-%s", release))
		return false;
	snprintf(kernel->release, sizeof(kernel->release), "%s", release);
	readable_path(kernel->modules, "/lib/modules/%s", release);
	return true;
}

static bool find_image(const char *path, struct microvm_kernel *kernel)
{
	const char *release = strstr(path, "vmlinuz-");

	if (!strchr(path, '/') || !readable_path(kernel->image, "%s", path))
		return false;
	release = release ? release + strlen("vmlinuz-") : "unknown";
	snprintf(kernel->release, sizeof(kernel->release), "%s", release);
	readable_path(kernel->modules, "/lib/modules/%s", release);
	return true;
}

int microvm_kernel_find(const char *name, struct microvm_kernel *kernel, struct isolat_error *err)
{
	struct utsname uts;

	memset(kernel, 0, sizeof(*kernel));
	if (!name) {
		uname(&uts);
		name = uts.release;
	}
	if (find_image(name, kernel) || (!strchr(name, '/') && find_fetched(name, kernel)) ||
	    find_release(name, kernel))
		return 0;
	isolat_fail(err, ISOLAT_USAGE, "find kernel", name, "neither an image, nor below %s, nor /boot/vmlinuz-%s",
		    kernels_dir(), name);
	return isolat_hint(err, "fetch one with fetch-kernel.sh (or make kernels) and set ISOLAT_KERNELS to its "
				"folder, or name an image");
}
