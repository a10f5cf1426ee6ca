#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
#
# host.sh SOCKETS THREADS NODES: that a host VM is this machine's root, writable to itself alone, with the asked-for
# topology and a cgroup v2 hierarchy that makes cpuset partitions.
set -u
. "$(dirname "$0")/check.sh" || exit 2

cpu0=/sys/devices/system/cpu/cpu0/topology
check sockets "$1" "$(cat /sys/devices/system/cpu/cpu*/topology/physical_package_id | sort -u | wc -l)"
check threads "$2" "$(tr ',-' '\n\n' < $cpu0/thread_siblings_list | wc -l)"
check nodes "$3" "$(ls -d /sys/devices/system/node/node* | wc -l)"

check "this script's folder" yes "$([ -e "$0" ] && echo yes)"
echo overlay > "$0.written" || failed=1
check "own changes are seen" overlay "$(cat "$0.written")"

cd /sys/fs/cgroup || exit 1
echo +cpuset > cgroup.subtree_control || failed=1
mkdir isolat-test
echo 1 > isolat-test/cpuset.cpus
echo isolated > isolat-test/cpuset.cpus.partition || failed=1
check partition isolated "$(cat isolat-test/cpuset.cpus.partition)"
rmdir isolat-test
exit $failed
