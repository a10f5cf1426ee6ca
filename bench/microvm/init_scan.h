/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What PID 1 of a micro-VM looks at after the program: whether the kernel holds more than before, and whether it
 * complained. Both report through @say(KIND, TEXT), one finding a call, and are silent when all is well.
 */
#ifndef ISOLAT_MICROVM_INIT_SCAN_H
#define ISOLAT_MICROVM_INIT_SCAN_H

struct scan;
typedef void scan_say(const char *kind, const char *text);

/*
 * Names everything that a module can leave behind: loaded modules, slab caches, debugfs entries, interrupts,
 * clockevent devices in use, the cpuidle driver, governor and per-CPU states, hotplug states, and areas of module
 * text. Amounts of memory move by themselves and are compared by tests that load a module many times. The caller never
 * frees it: PID 1 powers off.
 */
struct scan *scan_take(void);

/* Takes a second scan and says "leak" for every line that came or went since @before. */
void scan_compare(const struct scan *before, scan_say *say);

/* Says "splat" for every line of the kernel's log that tells of a bug, a warning, a stall or a lockup. */
void scan_kernel_log(scan_say *say);

#endif
