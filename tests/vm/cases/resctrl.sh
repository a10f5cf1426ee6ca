#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
#
# resctrl.sh SOCKETS FULL-MASK MASK0 MASK1 BAD-MASK: in a host VM with emulated RDT, that the stock kernel's resctrl
# works and that the cache topology is sane: the CPUs of a socket share one L3, whose id is the resctrl domain. Leaves
# a group with MASK0 in domain 0 and MASK1 in domain 1, which the runner then looks for in the emulated MSRs.
set -u
sockets=$1 full=$2 mask0=$3 mask1=$4 bad=$5
resctrl=/sys/fs/resctrl
. "$(dirname "$0")/check.sh" || exit 2

for cpu in /sys/devices/system/cpu/cpu[0-9]*; do
	package=$(cat "$cpu/topology/physical_package_id")
	shared=$(cat "$cpu/cache/index3/shared_cpu_list")
	siblings=$(cat "$cpu/topology/package_cpus_list")
	check "${cpu##*/}: L3 shared by its socket" "$siblings" "$shared"
	check "${cpu##*/}: L3 id" "$package" "$(cat "$cpu/cache/index3/id")"
done
check "sockets" "$sockets" "$(cat /sys/devices/system/cpu/cpu*/topology/physical_package_id | sort -u | wc -l)"

mount -t resctrl resctrl $resctrl || exit 1
check "default group" "L3:0=$full;1=$full" "$(grep -o 'L3:.*' $resctrl/schemata)"
mkdir $resctrl/isolat-test || exit 1
echo "L3:0=$mask0;1=$mask1" > $resctrl/isolat-test/schemata || failed=1
check "masks read back" "L3:0=$mask0;1=$mask1" "$(grep -o 'L3:.*' $resctrl/isolat-test/schemata)"
if (echo "L3:0=$bad" > $resctrl/isolat-test/schemata) 2>/dev/null; then
	check "mask $bad" refused taken
else
	echo "fine: mask $bad: $(cat $resctrl/info/last_cmd_status)"
fi
echo $$ > $resctrl/isolat-test/tasks || failed=1
check "task of the group" "$$" "$(grep -x $$ $resctrl/isolat-test/tasks)"
check "occupancy is a number" "" "$(cat $resctrl/isolat-test/mon_data/mon_L3_00/llc_occupancy | tr -d 0-9)"
exit $failed
