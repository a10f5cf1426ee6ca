#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# apply_kills.sh BUILD: in a host VM with emulated RDT, an isolat apply that is killed before and after each of its changes
# of cgroups and of what threads are pinned to, and an undo likewise: the next undo leads back.
set -u
build=$1
isolat=$build/isolat
resctrl=/sys/fs/resctrl
cgroup=/sys/fs/cgroup
scratch=$(mktemp -d)
vms=() code=0 # as apply_host.sh says
. "$(dirname "$0")/check.sh" || exit 2
. "$(dirname "$0")/apply_host.sh" || exit 2

mount -t resctrl resctrl $resctrl || exit 1
start_vms 3
# One of its threads stays pinned, and another does not; it is in a cgroup of somebody's.
vm=${vms[0]}
printf '%s\n' 'version: 1' 'classes:' '  - { name: batch, cores: shared, cache: { l3: 2 ways } }' vms: \
	"  - { name: vm, class: batch, vcpus: 2, memory: 16 MiB, match: { pid: $vm } }" >"$scratch/profile"
run plan --json --profile "$scratch/profile"
mapfile -t cpus <<<"$(jq -r '[.vms[].cpus] | add | unique | .[]' "$scratch/out")"
for ((cpu = 0; cpu < 4; cpu++)); do
	[[ " ${cpus[*]} " = *" $cpu "* ]] || other=$cpu
done
tasks=("/proc/$vm/task/"*)
taskset -p -c "${cpus[0]}" "${tasks[0]##*/}" >/dev/null || failed=1
taskset -p -c "$other" "${tasks[1]##*/}" >/dev/null || failed=1
mkdir $cgroup/theirs
echo "$vm" >$cgroup/theirs/cgroup.procs

# All that is changed but resctrl, with few programs: an emulated machine takes its time for each.
placed()
{
	find $cgroup -mindepth 1 -type d | sort
	cat $cgroup/cgroup.subtree_control
	cat "/proc/$vm/cgroup"
	grep -H ^Cpus_allowed_list: "/proc/$vm/task/"*/status
}

killed() # WHEN VERB ARGUMENT...: isolat at its N-th change, N in $n; whether it was
{
	local when=$1
	shift
	{ LD_PRELOAD=$build/tests/vm/kill_at.so KILL_AT="$n $when" "$isolat" "$@"; } >"$scratch/out" 2>"$scratch/err"
	code=$?
	[ $code = 137 ]
}

placed >"$scratch/before"
listing >"$scratch/resctrl"
run apply --profile "$scratch/profile"
check 'apply' 0 $code
check 'it changes something' no "$(placed | cmp -s "$scratch/before" - && echo yes || echo no)"
run undo
declare -A kills=()
for when in before after; do
	for ((n = 1; n < 100; n++)); do
		killed $when apply --profile "$scratch/profile" || break
		"$isolat" undo >"$scratch/out" 2>&1
		check "apply killed $when its change $n, then undo" "0 " "$? $(placed | diff "$scratch/before" -)"
	done
	check "it has ended after $((n - 1)) changes" 0 $code
	kills[apply $when]=$((n - 1))
	for ((n = 1; n < 100; n++)); do
		killed $when undo || break
		"$isolat" undo >"$scratch/out" 2>&1
		check "undo killed $when its change $n, then undo" "0 " "$? $(placed | diff "$scratch/before" -)"
		"$isolat" apply --profile "$scratch/profile" >"$scratch/out" 2>&1 || failed=1
	done
	check "undo has ended after $((n - 1)) changes" 0 $code
	kills[undo $when]=$((n - 1))
done
# What kill_at.c counts: files and folders of cgroups that are written or made, and pins.
check 'each change was met, before and after' "10 10 7 7" \
	"${kills[apply before]} ${kills[apply after]} ${kills[undo before]} ${kills[undo after]}"
same 'resctrl is as before' "$scratch/resctrl"
kill "$vm"
exit $failed
