// SPDX-License-Identifier: BSD-3-Clause
#include "accel.h"

#include <cpuid.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#define PROBE_LIMIT_S 15

static void cache_path(char *path, size_t size)
{
	const char *dir = getenv("ISOLAT_CACHE"), *home = getenv("HOME");

	if (dir && *dir)
		snprintf(path, size, "%s/kvm-boots", dir);
	else if (!geteuid() || !home)
		snprintf(path, size, "/var/cache/isolat/kvm-boots");
	else
		snprintf(path, size, "%s/.cache/isolat/kvm-boots", home);
}

/* What the answer depends on: the kernel that offers KVM. */
static void cache_key(char *key, size_t size)
{
	struct utsname uts;

	uname(&uts);
	snprintf(key, size, "%s %s", uts.release, uts.version);
}

static bool recall(bool *boots)
{
	char path[PATH_MAX], key[256], line[300] = "";
	FILE *f;

	cache_path(path, sizeof(path));
	cache_key(key, sizeof(key));
	f = fopen(path, "re");
	if (!f)
		return false;
	if (!fgets(line, sizeof(line), f))
		line[0] = '\0';
	fclose(f);
	line[strcspn(line, "\n")] = '\0';
	*boots = !strncmp(line, "yes ", 4);
	return (*boots || !strncmp(line, "no ", 3)) && !strcmp(strchr(line, ' ') + 1, key);
}

/* Best effort: where the answer cannot be kept, the next use tries again. */
static void remember(bool boots)
{
	char path[PATH_MAX], dir[PATH_MAX], key[256];
	FILE *f;

	cache_path(path, sizeof(path));
	cache_key(key, sizeof(key));
	snprintf(dir, sizeof(dir), "%s", path);
	*strrchr(dir, '/') = '\0';
	mkdir(dir, 0755);
	f = fopen(path, "we");
	if (!f)
		return;
	fprintf(f, "%s %s\n", boots ? "yes" : "no", key);
	fclose(f);
}

/*
 * PID 1's own program says at once that it is not PID 1 when it is run again: enough to see a whole boot. Returns false
 * where there was nothing to try, for want of the kernel, QEMU or a helper: that says nothing about KVM.
 */
static bool try_boot(const char *kernel, bool *boots)
{
	static const char *const argv[] = { "/init", NULL };
	const struct microvm_config config = {
		.name = "kvm-probe",
		.kernel = kernel,
		.accel = MICROVM_ACCEL_KVM,
		.timeout_s = PROBE_LIMIT_S,
		.argv = argv,
	};
	struct microvm_event event;
	struct isolat_error err;
	struct microvm *vm;

	*boots = false;
	if (microvm_start(&config, &vm, &err))
		return false;
	while (microvm_next(vm, &event, &err) > 0)
		*boots |= event.kind == MICROVM_EXIT;
	microvm_end(vm);
	return true;
}

bool microvm_kvm_boots(const char *kernel)
{
	bool boots;

	if (access("/dev/kvm", R_OK | W_OK))
		return false;
	if (recall(&boots))
		return boots;
	if (try_boot(kernel, &boots))
		remember(boots);
	return boots;
}

int microvm_accel_decide(const struct microvm_config *config, enum microvm_accel *accel, struct isolat_error *err)
{
	*accel = config->accel;
	if (*accel == MICROVM_ACCEL_AUTO) {
		bool emulate = config->rdt != MICROVM_RDT_NONE || !microvm_kvm_boots(config->kernel);

		*accel = emulate ? MICROVM_ACCEL_TCG : MICROVM_ACCEL_KVM;
	}
	if (*accel == MICROVM_ACCEL_KVM && config->rdt != MICROVM_RDT_NONE)
		return isolat_fail(err, ISOLAT_USAGE, "emulate RDT", NULL, "RDT is emulated without KVM only");
	if (*accel == MICROVM_ACCEL_KVM && access("/dev/kvm", R_OK | W_OK)) {
		isolat_fail(err, ISOLAT_UNSUPPORTED, "use", "/dev/kvm", "%s", strerror(errno));
		return isolat_hint(err, "load kvm_intel or kvm_amd, or run with emulation");
	}
	if (*accel == MICROVM_ACCEL_TCG && config->has_halt_poll)
		return isolat_fail(err, ISOLAT_USAGE, "set host halt polling", NULL,
				   "emulation has none: it needs KVM");
	return 0;
}

#define CPUID_HYPERVISOR 0x40000000

bool microvm_accel_is_emulated(enum microvm_accel accel)
{
	uint32_t eax, name[3];

	if (accel == MICROVM_ACCEL_TCG)
		return true;
	__cpuid(CPUID_HYPERVISOR, eax, name[0], name[1], name[2]);
	return !memcmp(name, "TCGTCGTCGTCG", sizeof(name));
}
