// SPDX-License-Identifier: BSD-3-Clause
/*
 * Preloaded into QEMU: sets host halt polling for its VM alone. QEMU has no option for it, and kvm.halt_poll_ns would
 * change every VM of the host. KVM_CAP_HALT_POLL (Linux 5.8) is per VM and only the creating process may set it.
 *
 * ISOLAT_HALT_POLL_NS: the longest poll in ns, 0 for none. If KVM refuses, QEMU ends with a line that says so: a
 * benchmark must not run with another setting than it reports.
 */
#include <dlfcn.h>
#include <errno.h>
#include <linux/kvm.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

typedef int ioctl_fn(int fd, unsigned long request, ...);

static void limit_halt_poll(ioctl_fn *next, int vm)
{
	const char *ns = getenv("ISOLAT_HALT_POLL_NS");
	struct kvm_enable_cap cap = { .cap = KVM_CAP_HALT_POLL };

	if (!ns)
		return;
	cap.args[0] = strtoul(ns, NULL, 10);
	if (!next(vm, KVM_ENABLE_CAP, &cap))
		return;
	fprintf(stderr, "set host halt polling to %s ns: KVM_CAP_HALT_POLL: %s\n", ns, strerror(errno));
	_exit(1);
}

int ioctl(int fd, unsigned long request, ...)
{
	static ioctl_fn *next;
	va_list ap;
	void *arg;
	int rc;

	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);
	if (!next)
		next = (ioctl_fn *)dlsym(RTLD_NEXT, "ioctl");
	rc = next(fd, request, arg);
	if (request == KVM_CREATE_VM && rc >= 0)
		limit_halt_poll(next, rc);
	return rc;
}
