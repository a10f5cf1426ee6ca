#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# The guest's modules build for every test kernel without a warning from the compiler (W=1) or sparse (C=2).
set -u
cd "$(dirname "$0")/../.." || exit
build=${ISOLAT_BUILD:-build}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
unset MAKEFLAGS # a caller's -s would silence what is counted here

# What a kernel without suspend has for the module.
no_suspend() {
	sed -i '1i #include <linux/kconfig.h>\n#undef CONFIG_SUSPEND' "$1/sip_idle.c"
}

for series in 6.1 6.12; do
	mkdir "$work/$series"
	cp guest/*.[ch] guest/Kbuild include/isolat/exitless_timer.h "$work/$series/"
	make -C "$build/kernels/$series/headers" M="$work/$series" W=1 C=2 modules > "$work/log" 2>&1
	status=$?
	# BTF needs the kernel's vmlinux with debug information, which Debian does not ship with the headers.
	warnings=$(grep -E 'warning:|error:|: note:' "$work/log" | head -n 3 | tr '\n' ' ')
	checked=$(grep -c '^  CHECK ' "$work/log")
	if [ "$status" = 0 ] && [ -z "$warnings" ] && [ "$checked" -gt 0 ]; then
		echo "ok no warning for $series ($checked files through sparse)"
	else
		echo "not ok no warning for $series - status $status, $checked files through sparse: $warnings"
		failed=1
	fi
done

# Kernels before 5.18 are compiled as C89, which knows no declaration in a for.
declared=$(grep -nE 'for \((const |unsigned |int |long |u(8|16|32|64) |size_t |struct )' guest/*.[ch] | head -n 3 | tr '\n' ' ')
if [ -z "$declared" ]; then
	echo "ok no declaration in a for"
else
	echo "not ok no declaration in a for - $declared"
	failed=1
fi

no_suspend "$work/6.12"
if make -s -C "$build/kernels/6.12/headers" M="$work/6.12" modules > "$work/log" 2>&1; then
	echo "ok builds without CONFIG_SUSPEND"
else
	echo "not ok builds without CONFIG_SUSPEND - $(grep -m 1 error: "$work/log")"
	failed=1
fi
exit $failed
