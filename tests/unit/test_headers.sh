#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Every header compiles alone, and twice in one file. Usage: test_headers.sh [ISOLAT]
# Prints "ok NAME" or "not ok NAME - WHY" lines, and fails when one of them does.
set -u
cd "$(dirname "$0")/../.." || exit 1
failed=0

# Only a kernel build can compile these; it does, with warnings on.
kernel_only=' guest/sip.h guest/compat.h guest/sip_trace.h guest/xt.h '

read -ra flags < <(pkg-config --cflags hwloc jansson libarchive libcyaml libkmod libtraceevent)
flags+=(-std=gnu11 -Wall -Wextra -Werror -Wno-unused-parameter -Wstrict-prototypes -D_GNU_SOURCE)
flags+=(-I. -Iinclude -Icpusets -Ipqos-integration -Itools -Ibench -Ibench/microvm -Iguest)
headers=$(find include cpusets pqos-integration tools bench guest -name '*.h' | sort)
[ -n "$headers" ] || { echo "not ok headers - there are none"; exit 1; }
for header in $headers; do
	[[ $kernel_only == *" $header "* ]] && continue
	why=$(printf '#include "%s"\n#include "%s"\nint nothing;\n' "$header" "$header" |
		"${CC:-cc}" "${flags[@]}" -fsyntax-only -x c - 2>&1)
	if [ -z "$why" ]; then
		echo "ok $header"
	else
		echo "not ok $header - $(grep -m 1 error: <<<"$why")"
		failed=1
	fi
done
exit "$failed"
