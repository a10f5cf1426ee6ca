#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# The guest's modules build for every test kernel without a warning from the compiler (W=1) or sparse (C=2).
set -u
cd "$(dirname "$0")/../.." || exit
build=${ISOLAT_BUILD:-build}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

for series in 6.1 6.12; do
	mkdir "$work/$series"
	cp guest/*.[ch] guest/Kbuild "$work/$series/"
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
exit $failed
