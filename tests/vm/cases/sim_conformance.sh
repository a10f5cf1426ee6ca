#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# sim_conformance.sh BUILD KERNEL [MOUNT-OPTIONS]: in a host VM with emulated RDT, the same operations (tests/sim/conformance.sh) on the
# stock kernel's resctrl and on the simulator, told to be a machine of the same shape. What they say has to be the same,
# operation by operation, but for what tests/sim/differences lists with a reason.
set -u
here=$(dirname "$(realpath "$0")")
. "$here/check.sh" || exit 2
failed=${failed:-0}
sim=$here/../../sim
resctrl=/sys/fs/resctrl
cpus=/sys/devices/system/cpu

case $1 in
offline) echo 0 > $cpus/cpu$2/online; exit ;;
online) echo 1 > $cpus/cpu$2/online; exit ;;
esac
build=$1 kernel=$2 out=$(mktemp -d)

distinct() { # FILE-IN-EACH-CPU
	cat $cpus/cpu[0-9]*/$1 | sort -u | wc -l
}

ways() { # HEX-MASK
	echo "obase=2; ibase=16; ${1^^}" | bc | tr -d '\n' | wc -c
}

# What there is of a cache's allocation, as options of sim-run that begin with PREFIX.
cache_shape() { # L3|L2 PREFIX
	local info=$resctrl/info/$1
	echo "--${2}closids" "$(cat $info/num_closids 2>/dev/null || echo 0)"
	[ -d $info ] || return
	echo "--${2}ways" "$(ways "$(cat $info/cbm_mask)")" "--${2}min-ways" "$(cat $info/min_cbm_bits)"
	echo "--${2}io-ways" "$(cat $info/shareable_bits)" "--${2}cdp-capable" "$(grep -cm 1 " cdp_${1,}" /proc/cpuinfo)"
}

bandwidth_events() {
	cat $resctrl/info/L3_MON/mon_features 2>/dev/null | grep -c ^mbm_
}

# The machine, as options of sim-run, from what the kernel says.
shape() {
	local info=$resctrl/info sockets threads cores
	sockets=$(distinct topology/physical_package_id)
	cores=$(cat $cpus/cpu[0-9]*/topology/core_cpus_list | sort -u | wc -l)
	threads=$(($(nproc) / cores))
	grep -q AuthenticAMD /proc/cpuinfo && echo --machine amd || echo --machine intel-1s
	echo --sockets "$sockets" --threads "$threads" --cores $((cores / sockets))
	echo --l3s $(($(distinct cache/index3/id) / sockets)) --l2-cores $((cores / $(distinct cache/index2/id)))
	echo --l3 $(($(sed 's/K//' $cpus/cpu0/cache/index3/size) * 1024))
	echo --l2 $(($(sed 's/K//' $cpus/cpu0/cache/index2/size) * 1024))
	cache_shape L3 ''
	cache_shape L2 l2-
	echo --rmids "$(cat $info/L3_MON/num_rmids 2>/dev/null || echo 0)" --bandwidth-events $(($(bandwidth_events) > 0))
	echo --mb-closids "$(cat $info/MB/num_closids 2>/dev/null || echo 0)"
	[ ! -d $info/MB ] || echo --mb-min "$(cat $info/MB/min_bandwidth)" --mb-gran "$(cat $info/MB/bandwidth_gran)"
	echo --smba-closids "$(cat $info/SMBA/num_closids 2>/dev/null || echo 0)"
}

# One line an operation, with all that it led to.
blocks() {
	awk '/^[^ ]/ { if (n++) print block; block = $0; next } NF { block = block " |" $0 } END { print block }' "$1"
}

# The operations that differ and are not listed for this kernel, as both said them. Those listed have "*" for the kernel
# or name some.
compare() { # NAME
	local kernels operation
	blocks "$out/$1.kernel" > "$out/kernel"
	blocks "$out/$1.sim" > "$out/sim"
	diff --unchanged-line-format= --old-line-format='kernel: %L' --new-line-format='sim:    %L' \
		"$out/kernel" "$out/sim" > "$out/$1.diff"
	while IFS='	' read -r kernels operation _; do
		[[ $kernels = \#* || -z $operation ]] && continue
		[[ ,$kernels, = *",$kernel,"* ]] && printf '%s\n' "kernel: $operation |" "sim:    $operation |"
	done < "$sim/differences" > "$out/listed"
	if [ -s "$out/listed" ]; then
		grep -vFf "$out/listed" "$out/$1.diff"
	else
		cat "$out/$1.diff"
	fi
}

# Whether the kernel may hang when a domain's last CPU goes. 6.12's mbm_handle_overflow, which reads the bandwidth counters
# each second, waits while a CPU goes; where the domain went with it, it finds that has no CPU, and arms a timer on none:
# its lock is what was there before. 6.1's waits for a mutex alone, and never did so here.
domains_stay() {
	[ "$kernel" != 6.1 ] && [ "$(bandwidth_events)" != 0 ]
}

try() { # NAME MOUNT-OPTIONS
	local left
	mount -t resctrl ${2:+-o "$2"} resctrl $resctrl || return
	domains_stay && export DOMAINS_STAY=1
	SETTLE=4 OFFLINE="$0 offline" ONLINE="$0 online" "$sim/conformance.sh" > "$out/$1.kernel" 2>&1
	sleep 3 # RMIDs
	umount $resctrl
	# Each operation wakes the simulator, and then the script: on one CPU that is nobody's interrupt (half the time).
	# shellcheck disable=SC2086 # words
	OFFLINE="$build/tests/sim/sim-ctl offline" ONLINE="$build/tests/sim/sim-ctl online" \
		timeout 250 taskset -c 0 "$build/tests/sim/sim-run" --kernel "$kernel" $shape --options "${2:-}" -- \
		"$sim/conformance.sh" > "$out/$1.sim" 2>&1
	check "$1: it has run through on the kernel" '## at the end' "$(grep '^## at' "$out/$1.kernel")"
	left=$(compare "$1")
	echo "fine: $1: $(wc -l < "$out/kernel") operations, $(grep -c '^kernel' "$out/$1.diff") differ"
	check "$1: nothing differs that is not listed" '' "$left"
}

mount -t resctrl resctrl $resctrl && shape=$(shape) && umount $resctrl || exit 1
echo "shape: $shape" | tr '\n' ' '; echo
try "${3:-plain}" "${3:-}"
exit "$failed"
