// SPDX-License-Identifier: GPL-2.0-only
/*
 * exitless_timer: timers that are armed by a store and fired by an agent on the host, with no exit.  Here: the PCI
 * device that brings the page and the interrupts, CPU hotplug, sleep states.
 */

#define pr_fmt(fmt) "exitless_timer: " fmt

#include <linux/cpu.h>
#include <linux/cpuhotplug.h>
#include <linux/io.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/suspend.h>

#include "compat.h"
#include "xt.h"

/* ivshmem: registers in BAR 0, MSI-X in BAR 1, the page in BAR 2. */
#define XT_BAR_REGS	 0
#define XT_BAR_PAGE	 2
#define XT_REG_DOORBELL	 12
#define XT_VENDOR_REDHAT 0x1af4
#define XT_DEVICE	 0x1110

struct xt xt = { .lock = __MUTEX_INITIALIZER(xt.lock), .watch_cpu = -1 };

static enum cpuhp_state xt_hp_state;

/* --- CPUs and sleep states --- */

static int xt_cpu_online(unsigned int cpu)
{
	xt_cpu_came(cpu);
	return 0;
}

static int xt_cpu_offline(unsigned int cpu)
{
	return xt_cpu_goes(cpu);
}

static bool xt_any_on(void)
{
	unsigned int cpu;

	for_each_possible_cpu (cpu) {
		if (xt_cpu(cpu)->on)
			return true;
	}
	return false;
}

static int xt_pm_event(struct notifier_block *nb, unsigned long event, void *unused)
{
	switch (event) {
	case PM_SUSPEND_PREPARE:
	case PM_HIBERNATION_PREPARE:
	case PM_RESTORE_PREPARE:
		xt_stop(XT_SUSPENDED);
		if (!xt_any_on())
			break;
		/* A CPU would wake with a timer whose device is not there yet.  Who says no is not told of the end. */
		xt_start(XT_SUSPENDED);
		return notifier_from_errno(-EBUSY);
	case PM_POST_SUSPEND:
	case PM_POST_HIBERNATION:
	case PM_POST_RESTORE:
		xt_start(XT_SUSPENDED);
		break;
	}
	return NOTIFY_OK;
}

static struct notifier_block xt_pm_notifier = { .notifier_call = xt_pm_event };

/* --- the page --- */

static int xt_check_page(void)
{
	const struct exitless_header *header = xt.header;
	u32 magic = READ_ONCE(header->magic), slots = READ_ONCE(header->nr_slots);
	u16 major = READ_ONCE(header->version_major);

	if (magic != EXITLESS_MAGIC) {
		pr_err("the device's memory is no exitless timer page (magic %#x): another use of ivshmem\n", magic);
		return -ENODEV;
	}
	if (major != EXITLESS_VERSION_MAJOR || READ_ONCE(header->header_size) != EXITLESS_HEADER_SIZE ||
	    READ_ONCE(header->slot_size) != EXITLESS_SLOT_SIZE) {
		pr_err("the page has version %u, this module speaks %u\n", major, EXITLESS_VERSION_MAJOR);
		return -ENODEV;
	}
	if (slots < num_possible_cpus()) {
		pr_err("%u slots for %u possible CPUs: give the agent's VM more\n", slots, num_possible_cpus());
		return -ENODEV;
	}
	return xt_check_page_is_cached(xt.page);
}

static int xt_map(struct pci_dev *pdev)
{
	u64 size = EXITLESS_HEADER_SIZE + (u64)num_possible_cpus() * EXITLESS_SLOT_SIZE;
	void __iomem *regs;
	int err;

	if (pci_resource_len(pdev, XT_BAR_PAGE) < size) {
		pr_err("BAR 2 has %llu bytes, %u possible CPUs need %llu\n", (u64)pci_resource_len(pdev, XT_BAR_PAGE),
		       num_possible_cpus(), size);
		return -ENODEV;
	}
	regs = pci_iomap(pdev, XT_BAR_REGS, 0);
	if (!regs)
		return -ENOMEM;
	xt.doorbell_reg = regs + XT_REG_DOORBELL;
	xt.page = memremap(pci_resource_start(pdev, XT_BAR_PAGE), size, MEMREMAP_WB);
	if (!xt.page) {
		pr_err("BAR 2 at %pa cannot be mapped write-back: it belongs above 4 GiB\n",
		       &pdev->resource[XT_BAR_PAGE].start);
		pci_iounmap(pdev, regs);
		return -ENODEV;
	}
	xt.header = xt.page;
	err = xt_check_page();
	if (err) {
		memunmap(xt.page);
		pci_iounmap(pdev, regs);
	}
	return err;
}

static void xt_unmap(struct pci_dev *pdev)
{
	memunmap(xt.page);
	pci_iounmap(pdev, xt.doorbell_reg - XT_REG_DOORBELL);
}

/* --- load and unload --- */

/* From here on all is there that the CPUs need; returns with the timers in use, if there is an agent. */
static int xt_run(void)
{
	int err;

	err = xt_placeholder_get();
	if (err)
		return err;
	err = cpuhp_setup_state(CPUHP_AP_ONLINE_DYN, "isolat/exitless_timer:online", xt_cpu_online, xt_cpu_offline);
	if (err < 0)
		goto err_placeholder;
	xt_hp_state = err;
	err = register_pm_notifier(&xt_pm_notifier);
	if (err)
		goto err_hp;
	xt_start(XT_OFF);
	xt_stats_create();
	return 0;

err_hp:
	cpuhp_remove_state(xt_hp_state);
err_placeholder:
	xt_placeholder_put();
	return err;
}

static void xt_end(void)
{
	xt_stats_remove();
	unregister_pm_notifier(&xt_pm_notifier);
	xt_stop(XT_OFF);
	/* No CPU goes in between: it would not be kept from it any more, and come back to a device that is gone. */
	cpus_read_lock();
	WRITE_ONCE(xt.leaving, true);
	__cpuhp_remove_state_cpuslocked(xt_hp_state, true);
	cpus_read_unlock();
	xt_placeholder_put();
}

static int xt_set_up(struct pci_dev *pdev)
{
	int err;

	err = xt_map(pdev);
	if (err)
		return err;
	err = -ENOMEM;
	xt.cpus = alloc_percpu(struct xt_cpu);
	if (!xt.cpus)
		goto err_unmap;
	xt.wq = alloc_workqueue("exitless_timer", WQ_HIGHPRI | WQ_MEM_RECLAIM, 0);
	if (!xt.wq)
		goto err_cpus;
	INIT_DELAYED_WORK(&xt.work, xt_work);
	err = xt_irqs_get();
	if (err)
		goto err_wq;
	err = xt_run();
	if (err)
		goto err_irqs;
	return 0;

err_irqs:
	WRITE_ONCE(xt.leaving, true);
	xt_irqs_put();
	cancel_delayed_work_sync(&xt.work);
err_wq:
	destroy_workqueue(xt.wq);
err_cpus:
	free_percpu(xt.cpus);
err_unmap:
	xt_unmap(pdev);
	return err;
}

static int xt_enable(struct pci_dev *pdev)
{
	int err;

	err = pci_enable_device(pdev);
	if (err)
		return err;
	err = pci_request_regions(pdev, "exitless_timer");
	if (err)
		goto err_disable;
	pci_set_master(pdev);
	xt.leaving = false;
	xt.state = XT_OFF;
	err = xt_set_up(pdev);
	if (err)
		goto err_release;
	return 0;

err_release:
	pci_release_regions(pdev);
err_disable:
	pci_disable_device(pdev);
	return err;
}

static int xt_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	int err;

	/* Two may be probed at once. */
	if (cmpxchg(&xt.pdev, NULL, pdev)) {
		pr_err("there is a second device, %s: one is all that a guest needs\n", pci_name(pdev));
		return -EBUSY;
	}
	err = xt_check_kernel();
	if (!err)
		err = xt_check_cpus();
	if (!err)
		err = xt_enable(pdev);
	if (err)
		WRITE_ONCE(xt.pdev, NULL);
	return err;
}

/* Also on reboot and kexec: the next kernel must find no vector that fires, and the agent nothing to do. */
static void xt_remove(struct pci_dev *pdev)
{
	if (pdev != xt.pdev)
		return;
	xt_end();
	if (xt_any_on()) {
		/*
		 * The kernel goes on using the device of a CPU: it is left to it, and this module with it.  A reference
		 * keeps the module where only the device goes.  In delete_module() it would not: that frees a module
		 * once its exit has returned, whatever is counted since.  So there this does not return.
		 */
		pr_err("a CPU's timer could not be given back: nothing is freed, and the module stays\n");
		while (!try_module_get(THIS_MODULE))
			schedule_timeout_idle(MAX_SCHEDULE_TIMEOUT);
		return;
	}
	xt_irqs_put();
	cancel_delayed_work_sync(&xt.work);
	destroy_workqueue(xt.wq);
	free_percpu(xt.cpus);
	xt_unmap(pdev);
	pci_release_regions(pdev);
	pci_disable_device(pdev);
	WRITE_ONCE(xt.pdev, NULL);
}

static const struct pci_device_id xt_devices[] = { { PCI_DEVICE(XT_VENDOR_REDHAT, XT_DEVICE) }, {} };
MODULE_DEVICE_TABLE(pci, xt_devices);

static struct pci_driver xt_driver = {
	.name = "exitless_timer",
	.id_table = xt_devices,
	.probe = xt_probe,
	.remove = xt_remove,
	.shutdown = xt_remove,
};
module_pci_driver(xt_driver);
MODULE_DESCRIPTION("Exitless timer: clockevents that an agent on the host serves, for guests");
MODULE_AUTHOR("The isolat project");
MODULE_VERSION(XT_VERSION);
MODULE_LICENSE("GPL");
