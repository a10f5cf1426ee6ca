// SPDX-License-Identifier: BSD-3-Clause
/* The doctor's checks of what stands between isolat's kernel modules and the kernel. */
#include "doctor_check.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define DISABLED    "proc/sys/kernel/modules_disabled"
#define SIG_ENFORCE "sys/module/module/parameters/sig_enforce"
#define LOCKDOWN    "sys/kernel/security/lockdown"
#define SIGN_ADVICE                                                                                                 \
	"Let DKMS sign the modules and enroll its key: mokutil --import /var/lib/dkms/mok.pub, then confirm it at " \
	"the "                                                                                                      \
	"next boot."

/* A host needs none of isolat's modules; a guest has nothing of isolat but modules. */
static void no_modules(const struct doctor_root *root, struct doctor_finding *finding, const char *found,
		       const char *advice)
{
	bool guest = doctor_in_guest(root);

	doctor_found(finding, guest ? DOCTOR_BAD : DOCTOR_INFO, "%s", found);
	doctor_means(finding, "%s",
		     guest ? "Neither smart_idle_poll nor exitless_timer can load in this guest."
			   : "isolat's modules are for guests: a host needs none.");
	if (guest)
		doctor_advice(finding, "%s", advice);
}

void doctor_modules(const struct doctor_root *root, struct doctor_finding *finding)
{
	char parameter[64];
	bool disabled;
	int nomodule = doctor_find_parameter(root, "nomodule", parameter, sizeof(parameter));
	int got = doctor_read_bool(root, DISABLED, &disabled);

	if (nomodule < 0) {
		doctor_unreadable(finding, "proc/cmdline", nomodule);
	} else if (!doctor_exists(root, "proc/modules")) {
		no_modules(root, finding, "this kernel has no loadable modules", "Boot a kernel with CONFIG_MODULES.");
	} else if (nomodule) {
		no_modules(root, finding, "the kernel was booted with nomodule", "Boot without nomodule.");
	} else if (got < 0) {
		doctor_unreadable(finding, DISABLED, got);
	} else if (disabled) {
		no_modules(
			root, finding, "kernel.modules_disabled is 1",
			"Reboot: it cannot be taken back. Find what sets it (/etc/sysctl.d), or load isolat's modules "
			"before.");
	} else {
		doctor_found(finding, DOCTOR_OK, "modules can be loaded");
		doctor_means(finding, "isolat's modules are built by DKMS, for which the kernel's headers are needed.");
	}
}

void doctor_module_signing(const struct doctor_root *root, struct doctor_finding *finding)
{
	bool enforced = false;
	int got = doctor_read_bool(root, SIG_ENFORCE, &enforced);

	if (got < 0 && (got != -ENOENT || !doctor_exists(root, "sys/module"))) {
		doctor_unreadable(finding, SIG_ENFORCE, got);
	} else if (enforced) {
		doctor_found(finding, DOCTOR_WARN, "unsigned modules are refused (module.sig_enforce)");
		doctor_means(finding, "isolat's modules load only when signed with a key that this kernel trusts.");
		doctor_advice(finding, SIGN_ADVICE);
	} else {
		doctor_found(finding, DOCTOR_OK,
			     got < 0 ? "this kernel checks no signatures" : "signatures are not enforced");
		doctor_means(finding, "isolat's modules need not be signed.");
	}
}

void doctor_lockdown(const struct doctor_root *root, struct doctor_finding *finding)
{
	char modes[64], mode[16] = "";
	const char *bracket;
	int got = doctor_read_line(root, LOCKDOWN, modes, sizeof(modes));

	if (got == -ENOENT && doctor_exists(root, "sys/kernel")) {
		doctor_found(finding, DOCTOR_OK, "this kernel has no lockdown, or securityfs is not mounted");
		doctor_means(finding, "Nothing is known to be locked.");
		return;
	}
	if (got < 0) {
		doctor_unreadable(finding, LOCKDOWN, got);
		return;
	}
	bracket = strchr(modes, '[');
	if (bracket)
		sscanf(bracket, "[%15[a-z]]", mode);
	if (!strcmp(mode, "none")) {
		doctor_found(finding, DOCTOR_OK, "none");
		doctor_means(finding, "Modules may be unsigned, MSRs and debugfs are open to root.");
	} else if (!strcmp(mode, "integrity") || !strcmp(mode, "confidentiality")) {
		doctor_found(finding, DOCTOR_WARN, "%s", mode);
		doctor_means(finding, "%s",
			     mode[0] == 'i'
				     ? "Unsigned modules are refused, and MSRs cannot be written: no RDT by MSR."
				     : "Unsigned modules are refused, MSRs cannot be written, and tracing and KVM's "
				       "debugfs are closed: exits cannot be counted by reason.");
		doctor_advice(finding, SIGN_ADVICE " Lockdown comes with Secure Boot, lockdown= or a kernel option.");
	} else {
		doctor_unreadable(finding, LOCKDOWN, -EINVAL);
	}
}
