// SPDX-License-Identifier: BSD-3-Clause
#include "qemu.h"

#include <stdint.h>
#include <string.h>
#include <time.h>
#include <x86intrin.h>

#define TSC_WINDOW_NS 5000000

static unsigned int or_default(unsigned int value, unsigned int fallback)
{
	return value ? value : fallback;
}

/* "pc" has PCI, NUMA and S3; "microvm" has none of it and boots fastest. */
static bool uses_pc(const struct microvm_config *config)
{
	return config->acpi_pc || config->host_root || config->n_devices || config->nodes > 1;
}

static void add_cpu(struct arg_list *args, const struct microvm_config *config, enum microvm_accel accel)
{
	arg_add(args, "-cpu");
	if (accel == MICROVM_ACCEL_KVM)
		arg_add(args, "host");
	else if (config->nested || config->rdt == MICROVM_RDT_AMD)
		/*
		 * Emulation has SVM, and no VMX. It does not intercept XSETBV, so KVM would never learn what state its
		 * guests have (their kernels warn of XSAVE sizes that do not add up): no XSAVE in this host.
		 */
		arg_add(args, "EPYC-Milan,+svm,+npt,-xsave,check=off");
	else /* a kernel quirk keeps L3 CAT off on Skylake models */
		arg_add(args, "Icelake-Server,check=off");
}

static void add_topology(struct arg_list *args, const struct microvm_config *config)
{
	unsigned int vcpus = or_default(config->vcpus, 1);
	unsigned int sockets = or_default(config->sockets, 1);
	unsigned int threads = or_default(config->threads, 1);
	unsigned int cores = or_default(config->cores, vcpus / (sockets * threads));

	arg_add(args, "-smp");
	arg_add(args, "%u,sockets=%u,cores=%u,threads=%u,maxcpus=%u", vcpus, sockets, cores, threads,
		sockets * cores * threads);
}

static void add_memory(struct arg_list *args, const struct microvm_config *config)
{
	unsigned int mib = or_default(config->memory_mib, config->host_root ? 2048 : 256);
	unsigned int nodes = or_default(config->nodes, 1);
	unsigned int per_node = or_default(config->vcpus, 1) / nodes;

	arg_add(args, "-m");
	arg_add(args, "%uM", mib);
	if (nodes == 1 && !config->host_root)
		return;
	for (unsigned int node = 0; node < nodes; node++) {
		arg_add(args, "-object"); /* virtiofsd needs to share the guest's memory */
		arg_add(args, "memory-backend-memfd,id=ram%u,size=%uM,share=on", node, mib / nodes);
	}
	if (nodes == 1) {
		arg_add(args, "-machine");
		arg_add(args, "memory-backend=ram0");
		return;
	}
	for (unsigned int node = 0; node < nodes; node++) {
		arg_add(args, "-numa");
		arg_add(args, "node,nodeid=%u,cpus=%u-%u,memdev=ram%u", node, node * per_node,
			(node + 1) * per_node - 1, node);
	}
}

static void add_devices(struct arg_list *args, const struct microvm_config *config, const struct qemu_files *files)
{
	arg_add(args, "-chardev");
	arg_add(args, "file,id=console,path=/proc/self/fd/%d,append=on", files->console);
	arg_add(args, "-serial");
	arg_add(args, "chardev:console");
	arg_add(args, "-chardev");
	arg_add(args, "socket,id=qmp,fd=%d", files->monitor);
	arg_add(args, "-mon");
	arg_add(args, "chardev=qmp,mode=control");
	arg_add(args, "-device");
	arg_add(args, uses_pc(config) ? "virtio-serial-pci" : "virtio-serial-device");
	arg_add(args, "-chardev");
	arg_add(args, "socket,id=channel,fd=%d", files->channel);
	arg_add(args, "-device");
	arg_add(args, "virtserialport,chardev=channel,name=isolat.0");
	if (files->root >= 0) {
		arg_add(args, "-chardev");
		arg_add(args, "socket,id=root,fd=%d", files->root);
		arg_add(args, "-device");
		arg_add(args, "vhost-user-fs-pci,chardev=root,tag=hostroot,queue-size=1024");
	}
	for (size_t i = 0; i < config->n_devices; i++)
		arg_add(args, "%s", config->devices[i]);
}

/* The TSC and the clock at one moment: of some tries the one that nothing came between. */
static uint64_t read_tsc(uint64_t *ns)
{
	uint64_t best = UINT64_MAX, tsc = 0;

	for (int i = 0; i < 16; i++) {
		struct timespec ts;
		uint64_t before = __rdtsc(), took;

		clock_gettime(CLOCK_MONOTONIC, &ts);
		took = __rdtsc() - before;
		if (took >= best)
			continue;
		best = took;
		tsc = before + took / 2;
		*ns = ts.tv_sec * 1000000000ULL + ts.tv_nsec;
	}
	return tsc;
}

/*
 * An emulated CPU's TSC is this CPU's. Guests that find its frequency themselves, with the emulated PIT, fail to when
 * this machine is busy; without a TSC they then wait forever for the first tick to calibrate their LAPIC.
 */
static unsigned int tsc_khz(void)
{
	uint64_t start_ns, end_ns, start = read_tsc(&start_ns), end;

	nanosleep(&(struct timespec){ .tv_nsec = TSC_WINDOW_NS }, NULL);
	end = read_tsc(&end_ns);
	return (unsigned int)((end - start) * 1000000 / (end_ns - start_ns));
}

static void add_kernel(struct arg_list *args, const struct microvm_config *config, const struct microvm_kernel *kernel,
		       enum microvm_accel accel, const struct qemu_files *files)
{
	/* maxcpus: PID 1 brings the others online, see its online_cpus(). */
	const char *emulated = "tsc=reliable lpj=5000000 no_timer_check nokaslr mitigations=off nopti maxcpus=1";
	bool tcg = accel == MICROVM_ACCEL_TCG;
	char tsc[32] = "";

	if (tcg)
		snprintf(tsc, sizeof(tsc), " tsc_early_khz=%u", tsc_khz());
	arg_add(args, "-kernel");
	/* The PVH entry of the uncompressed image saves seconds of emulated decompression, also in nested guests. */
	arg_add(args, "%s", kernel->vmlinux[0] && !config->stock_image ? kernel->vmlinux : kernel->image);
	arg_add(args, "-initrd");
	arg_add(args, "/proc/self/fd/%d", files->initramfs);
	arg_add(args, "-append");
	arg_add(args,
		"console=ttyS0 quiet loglevel=5 panic=-1 panic_on_warn=1 softlockup_panic=1 hung_task_panic=1 "
		"random.trust_cpu=on reboot=t %s%s %s",
		tcg ? emulated : "", tsc, config->append ? config->append : "");
}

void qemu_command_line(struct arg_list *args, const struct microvm_config *config, const struct microvm_kernel *kernel,
		       enum microvm_accel accel, const struct qemu_files *files)
{
	arg_add(args, "qemu-system-x86_64");
	arg_add(args, "-nodefaults");
	arg_add(args, "-no-user-config");
	arg_add(args, "-display");
	arg_add(args, "none");
	arg_add(args, "-no-reboot");
	arg_add(args, "-name");
	arg_add(args, "%s,debug-threads=on", config->name);
	arg_add(args, "-machine");
	arg_add(args, uses_pc(config) ? "pc" : "microvm,pit=on,pic=on,rtc=on");
	arg_add(args, "-accel");
	arg_add(args, accel == MICROVM_ACCEL_KVM ? "kvm" : "tcg,thread=multi");
	add_cpu(args, config, accel);
	add_topology(args, config);
	add_memory(args, config);
	add_devices(args, config, files);
	add_kernel(args, config, kernel, accel, files);
}
