#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
#
# step_cgroup.sh BUILD: that the steps of tools/step_cgroup.c change real cgroups, and that these are as before afterwards.
set -u
. "$(dirname "$0")/check.sh" || exit 2

cgroups() {
	(cd /sys/fs/cgroup && find . -name cgroup.subtree_control | sort | while read -r file; do
		echo "$file: $(cat "$file")"
	done)
}

before=$(cgroups)
"$1/tests/unit/test_step_cgroup" real || failed=1
check "cgroups are as before" "$before" "$(cgroups)"
exit $failed
