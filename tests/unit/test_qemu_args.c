// SPDX-License-Identifier: BSD-3-Clause
/* QEMU's command line for some configurations of a micro-VM. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "qemu.h"

static struct arg_list args;

static const struct microvm_kernel stock = { .image = "/k/vmlinuz", .vmlinux = "/k/vmlinux", .release = "6.99" };
static const struct microvm_kernel packed = { .image = "/k/vmlinuz", .release = "6.99" };
static const struct qemu_files files = { .initramfs = 11, .console = 12, .channel = 13, .monitor = 14, .root = -1 };

static void build(struct microvm_config config, enum microvm_accel accel)
{
	config.name = "vm";
	qemu_command_line(&args, &config, &stock, accel, &files);
	assert_string_equal(args.v[0], "qemu-system-x86_64");
	assert_null(args.v[args.n]);
}

static int drop(void **state)
{
	(void)state;
	arg_free(&args);
	return 0;
}

/* The value of the @nth @option, or NULL. */
static const char *nth(const char *option, size_t n)
{
	for (size_t i = 1; i + 1 < args.n; i++)
		if (!strcmp(args.v[i], option) && !n--)
			return args.v[i + 1];
	return NULL;
}

static void expect(const char *option, const char *value)
{
	const char *found = nth(option, 0);

	if (!found)
		fail_msg("there is no %s", option);
	assert_string_equal(found, value);
	assert_null(nth(option, 1));
}

/* Whether some @option's value begins with @start. */
static bool has(const char *option, const char *start)
{
	const char *value;

	for (size_t n = 0; (value = nth(option, n)); n++)
		if (!strncmp(value, start, strlen(start)))
			return true;
	return false;
}

/* Whether @word stands among the words of the kernel's command line. */
static bool appended(const char *word)
{
	const char *line = nth("-append", 0), *at = line;
	size_t length = strlen(word);

	while (at && (at = strstr(at, word))) {
		if ((at == line || at[-1] == ' ') && (!at[length] || at[length] == ' '))
			return true;
		at += length;
	}
	return false;
}

static void test_defaults_emulated(void **state)
{
	build((struct microvm_config){ 0 }, MICROVM_ACCEL_TCG);
	expect("-machine", "microvm,pit=on,pic=on,rtc=on");
	expect("-accel", "tcg,thread=multi");
	expect("-cpu", "Icelake-Server,check=off");
	expect("-smp", "1,sockets=1,cores=1,threads=1,maxcpus=1");
	expect("-m", "256M");
	expect("-name", "vm,debug-threads=on");
	assert_true(has("-device", "virtio-serial-device"));
	assert_null(nth("-numa", 0));
	assert_null(nth("-object", 0));
}

static void test_defaults_kvm(void **state)
{
	build((struct microvm_config){ 0 }, MICROVM_ACCEL_KVM);
	expect("-machine", "microvm,pit=on,pic=on,rtc=on");
	expect("-accel", "kvm");
	expect("-cpu", "host");
	assert_false(appended("maxcpus=1"));
	assert_false(appended("tsc=reliable"));
	assert_null(strstr(nth("-append", 0), "tsc_early_khz"));
}

/* Emulated guests are told the TSC's frequency, and two VMs the same within 1 %. */
static void test_tsc_frequency(void **state)
{
	long khz[2];

	for (int i = 0; i < 2; i++) {
		build((struct microvm_config){ 0 }, MICROVM_ACCEL_TCG);
		assert_int_equal(sscanf(strstr(nth("-append", 0), " tsc_early_khz="), " tsc_early_khz=%ld", &khz[i]),
				 1);
		arg_free(&args);
	}
	assert_in_range(khz[0], 100000, 10000000);
	assert_in_range(khz[1], khz[0] - khz[0] / 100, khz[0] + khz[0] / 100);
}

/* The VM must end by itself on any complaint, and never wait for a display or a user's configuration. */
static void test_always(void **state)
{
	static const char *const words[] = { "panic_on_warn=1", "softlockup_panic=1", "hung_task_panic=1",
					     "panic=-1",	"reboot=t",	      "console=ttyS0" };
	static const enum microvm_accel accels[] = { MICROVM_ACCEL_KVM, MICROVM_ACCEL_TCG };

	for (size_t a = 0; a < 2; a++) {
		build((struct microvm_config){ 0 }, accels[a]);
		for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
			assert_true(appended(words[i]));
		expect("-display", "none");
		assert_true(has("-nodefaults", ""));
		assert_true(has("-no-user-config", ""));
		assert_true(has("-no-reboot", ""));
		arg_free(&args);
	}
}

static void test_topology(void **state)
{
	static const struct {
		unsigned int vcpus, sockets, cores, threads;
		const char *smp;
	} shapes[] = {
		{ 4, 0, 0, 0, "4,sockets=1,cores=4,threads=1,maxcpus=4" },
		{ 8, 2, 0, 2, "8,sockets=2,cores=2,threads=2,maxcpus=8" },
		{ 8, 2, 4, 0, "8,sockets=2,cores=4,threads=1,maxcpus=8" },
		{ 2, 1, 4, 2, "2,sockets=1,cores=4,threads=2,maxcpus=8" }, /* room for CPUs to come */
		{ 4, 4, 0, 0, "4,sockets=4,cores=1,threads=1,maxcpus=4" },
	};

	for (size_t i = 0; i < sizeof(shapes) / sizeof(*shapes); i++) {
		build((struct microvm_config){ .vcpus = shapes[i].vcpus,
					       .sockets = shapes[i].sockets,
					       .cores = shapes[i].cores,
					       .threads = shapes[i].threads },
		      MICROVM_ACCEL_TCG);
		expect("-smp", shapes[i].smp);
		arg_free(&args);
	}
}

static void test_numa(void **state)
{
	build((struct microvm_config){ .vcpus = 8, .nodes = 2, .memory_mib = 1024 }, MICROVM_ACCEL_TCG);
	expect("-machine", "pc");
	expect("-m", "1024M");
	assert_string_equal(nth("-object", 0), "memory-backend-memfd,id=ram0,size=512M,share=on");
	assert_string_equal(nth("-object", 1), "memory-backend-memfd,id=ram1,size=512M,share=on");
	assert_null(nth("-object", 2));
	assert_string_equal(nth("-numa", 0), "node,nodeid=0,cpus=0-3,memdev=ram0");
	assert_string_equal(nth("-numa", 1), "node,nodeid=1,cpus=4-7,memdev=ram1");
	assert_null(nth("-numa", 2));
}

/* Whatever needs PCI or ACPI takes the larger machine, and its devices with it. */
static void test_machine(void **state)
{
	static const char *const devices[] = { "-device", "pvpanic" };
	const struct microvm_config configs[] = {
		{ .acpi_pc = true },
		{ .host_root = true },
		{ .devices = devices, .n_devices = 2 },
		{ .vcpus = 2, .nodes = 2 },
	};

	for (size_t i = 0; i < sizeof(configs) / sizeof(*configs); i++) {
		build(configs[i], MICROVM_ACCEL_TCG);
		assert_string_equal(nth("-machine", 0), "pc");
		assert_true(has("-device", "virtio-serial-pci"));
		assert_false(has("-device", "virtio-serial-device"));
		arg_free(&args);
	}
}

static void test_host_root(void **state)
{
	struct microvm_config config = { .name = "vm", .host_root = true };
	struct qemu_files with_root = files;

	with_root.root = 9;
	qemu_command_line(&args, &config, &stock, MICROVM_ACCEL_TCG, &with_root);
	expect("-m", "2048M");
	expect("-object", "memory-backend-memfd,id=ram0,size=2048M,share=on"); /* virtiofsd reads the guest's memory */
	assert_string_equal(nth("-machine", 1), "memory-backend=ram0");
	assert_true(has("-chardev", "socket,id=root,fd=9"));
	assert_true(has("-device", "vhost-user-fs-pci,chardev=root,tag=hostroot"));
	assert_null(nth("-numa", 0));
}

static void test_cpu_models(void **state)
{
	build((struct microvm_config){ .rdt = MICROVM_RDT_INTEL }, MICROVM_ACCEL_TCG);
	expect("-cpu", "Icelake-Server,check=off");
	arg_free(&args);
	build((struct microvm_config){ .rdt = MICROVM_RDT_AMD }, MICROVM_ACCEL_TCG);
	assert_true(has("-cpu", "EPYC-Milan,"));
	arg_free(&args);
	build((struct microvm_config){ .nested = true }, MICROVM_ACCEL_TCG);
	assert_true(has("-cpu", "EPYC-Milan,+svm,+npt,-xsave"));
	arg_free(&args);
	build((struct microvm_config){ .nested = true }, MICROVM_ACCEL_KVM);
	expect("-cpu", "host");
}

static void test_kernel(void **state)
{
	struct microvm_config config = { .name = "vm", .append = "mitigations=auto nosmt" };

	qemu_command_line(&args, &config, &packed, MICROVM_ACCEL_TCG, &files);
	expect("-kernel", "/k/vmlinuz");
	expect("-initrd", "/proc/self/fd/11");
	assert_true(appended("maxcpus=1"));
	assert_true(appended("nosmt"));
	/* The user's words come last, where they win. */
	assert_true(strstr(nth("-append", 0), "mitigations=auto") > strstr(nth("-append", 0), "mitigations=off"));
	arg_free(&args);
	build((struct microvm_config){ 0 }, MICROVM_ACCEL_TCG);
	expect("-kernel", "/k/vmlinux");
}

static void test_descriptors(void **state)
{
	build((struct microvm_config){ 0 }, MICROVM_ACCEL_TCG);
	assert_true(has("-chardev", "file,id=console,path=/proc/self/fd/12,append=on"));
	assert_true(has("-chardev", "socket,id=channel,fd=13"));
	assert_true(has("-chardev", "socket,id=qmp,fd=14"));
	assert_true(has("-device", "virtserialport,chardev=channel,name=isolat.0"));
	expect("-mon", "chardev=qmp,mode=control");
	expect("-serial", "chardev:console");
}

/* Arguments of the user's are passed as they are, a "%" in them too. */
static void test_devices(void **state)
{
	static const char *const devices[] = { "-device", "pvpanic", "-global", "x.y=%s%n" };

	build((struct microvm_config){ .devices = devices, .n_devices = 4 }, MICROVM_ACCEL_TCG);
	assert_true(has("-device", "pvpanic"));
	expect("-global", "x.y=%s%n");
}

#define TEST(function) cmocka_unit_test_teardown(function, drop)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_defaults_emulated), TEST(test_defaults_kvm), TEST(test_tsc_frequency), TEST(test_always),
		TEST(test_topology),	      TEST(test_numa),	       TEST(test_machine),	 TEST(test_host_root),
		TEST(test_cpu_models),	      TEST(test_kernel),       TEST(test_descriptors),	 TEST(test_devices),
	};

	return cmocka_run_group_tests_name("qemu_args", tests, NULL, NULL);
}
