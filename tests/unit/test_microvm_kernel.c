// SPDX-License-Identifier: BSD-3-Clause
/* How a kernel's name is looked up: below ISOLAT_KERNELS in a directory made for each test, and as a path. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ftw.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>
#include <cmocka.h>

#include "kernel.h"

#define RELEASE "6.99.0-7-cloud-amd64"

static char dir[64];
static struct microvm_kernel kernel;
static struct isolat_error err;

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static const char *path_of(const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static void put(const char *name, const char *text)
{
	FILE *f = fopen(path_of(name), "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

/* As fetch-kernel.sh lays it out. */
static int make_kernel(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/test_microvm_kernel.XXXXXX");
	assert_non_null(mkdtemp(dir));
	assert_int_equal(setenv("ISOLAT_KERNELS", dir, 1), 0);
	assert_int_equal(mkdir(path_of("6.99"), 0755), 0);
	assert_int_equal(mkdir(path_of("6.99/modules"), 0755), 0);
	put("6.99/version", RELEASE "\n");
	put("6.99/vmlinuz", "image");
	put("6.99/vmlinux", "ELF");
	memset(&err, 0, sizeof(err));
	return 0;
}

static int drop_kernel(void **state)
{
	(void)state;
	return nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void test_fetched(void **state)
{
	assert_int_equal(microvm_kernel_find("6.99", &kernel, &err), 0);
	assert_string_equal(kernel.release, RELEASE);
	assert_string_equal(kernel.image, path_of("6.99/vmlinuz"));
	assert_string_equal(kernel.vmlinux, path_of("6.99/vmlinux"));
	assert_string_equal(kernel.modules, path_of("6.99/modules"));
}

/* The payload could not be taken out of the image: the image boots too. */
static void test_without_vmlinux(void **state)
{
	assert_int_equal(unlink(path_of("6.99/vmlinux")), 0);
	assert_int_equal(microvm_kernel_find("6.99", &kernel, &err), 0);
	assert_string_equal(kernel.image, path_of("6.99/vmlinuz"));
	assert_string_equal(kernel.vmlinux, "");
}

/* A line without its end, and one that is longer than a release can be, do no harm. */
static void test_version_file(void **state)
{
	char text[400];

	put("6.99/version", RELEASE);
	assert_int_equal(microvm_kernel_find("6.99", &kernel, &err), 0);
	assert_string_equal(kernel.release, RELEASE);
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	put("6.99/version", text);
	assert_int_equal(microvm_kernel_find("6.99", &kernel, &err), 0);
	assert_int_equal(strlen(kernel.release), sizeof(kernel.release) - 1);
}

static void expect_none(const char *name)
{
	assert_int_equal(microvm_kernel_find(name, &kernel, &err), -1);
	assert_int_equal(err.code, ISOLAT_USAGE);
	assert_string_equal(err.object, name);
	assert_non_null(strstr(err.reason, dir));
	assert_non_null(strstr(err.hint, "fetch-kernel.sh"));
}

static void test_incomplete(void **state)
{
	static const char *const needed[] = { "6.99/version", "6.99/vmlinuz" };

	for (size_t i = 0; i < 2; i++) {
		char gone[300];

		snprintf(gone, sizeof(gone), "%s.gone", path_of(needed[i]));
		assert_int_equal(rename(path_of(needed[i]), gone), 0);
		expect_none("6.99");
		assert_int_equal(rename(gone, path_of(needed[i])), 0);
	}
	put("6.99/version", "");
	expect_none("6.99");
	put("6.99/version", RELEASE "\n");
	assert_int_equal(rmdir(path_of("6.99/modules")), 0);
	expect_none("6.99");
}

static void test_missing(void **state)
{
	expect_none("6.98");
	expect_none("");
	expect_none("/no/such/image");
	expect_none("6.99/../6.99");
	expect_none("6.99/vmlinuz"); /* relative to here, not to ISOLAT_KERNELS */
}

static void test_image_by_path(void **state)
{
	char path[256];

	snprintf(path, sizeof(path), "%s", path_of("vmlinuz-6.77-x"));
	put("vmlinuz-6.77-x", "image");
	assert_int_equal(microvm_kernel_find(path, &kernel, &err), 0);
	assert_string_equal(kernel.image, path);
	assert_string_equal(kernel.release, "6.77-x");
	assert_string_equal(kernel.modules, ""); /* no such release here */
	assert_string_equal(kernel.vmlinux, "");
}

static void test_image_without_release(void **state)
{
	char path[256];

	snprintf(path, sizeof(path), "%s", path_of("bzImage"));
	put("bzImage", "image");
	assert_int_equal(microvm_kernel_find(path, &kernel, &err), 0);
	assert_string_equal(kernel.release, "unknown");
	assert_string_equal(kernel.modules, "");
}

/* An image in the current directory needs its "./": a bare word is the name of a kernel. */
static void test_bare_word_is_no_path(void **state)
{
	char here[256];

	assert_non_null(getcwd(here, sizeof(here)));
	assert_int_equal(chdir(dir), 0);
	put("6.98", "image");
	expect_none("6.98");
	assert_int_equal(microvm_kernel_find("./6.98", &kernel, &err), 0);
	assert_int_equal(chdir(here), 0);
	assert_string_equal(kernel.image, "./6.98");
}

/* Without a name it is the release that runs here; an empty ISOLAT_KERNELS is like none. */
static void test_running_release(void **state)
{
	struct utsname uts;
	char path[256];

	uname(&uts);
	assert_int_equal(rename(path_of("6.99"), strcpy(path, path_of(uts.release))), 0);
	assert_int_equal(microvm_kernel_find(NULL, &kernel, &err), 0);
	assert_string_equal(kernel.release, RELEASE);
	setenv("ISOLAT_KERNELS", "", 1);
	assert_int_equal(microvm_kernel_find("6.99-none", &kernel, &err), -1);
	assert_non_null(strstr(err.reason, "/var/lib/isolat/kernels"));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, make_kernel, drop_kernel)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_fetched),
		TEST(test_without_vmlinux),
		TEST(test_version_file),
		TEST(test_incomplete),
		TEST(test_missing),
		TEST(test_image_by_path),
		TEST(test_image_without_release),
		TEST(test_bare_word_is_no_path),
		TEST(test_running_release),
	};

	return cmocka_run_group_tests_name("microvm_kernel", tests, NULL, NULL);
}
