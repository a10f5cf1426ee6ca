#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# apply.sh BUILD: in a host VM with emulated RDT and two sockets of four CPUs each, isolat apply, verify, status, undo
# on the kernel's own resctrl. The runner compares what arrived in the emulated hardware (lines "rdt-is") and sets what
# its counters read (lines "rdt-set").
set -u
build=$1
isolat=$build/isolat
resctrl=/sys/fs/resctrl
scratch=$(mktemp -d)
vms=() runs=() code=0 # as apply_host.sh says
. "$(dirname "$0")/check.sh" || exit 2
. "$(dirname "$0")/apply_host.sh" || exit 2

# It holds what was planned, too. The plan names isolat's groups in the order of their making.
tell_plan()
{
	local class=3 group
	tell_planned 0 '' "$scratch/plan"
	for group in $(jq -r '.groups[].name' "$scratch/plan"); do
		tell_planned $class "$group" "$scratch/plan"
		class=$((class + 1))
	done >"$scratch/planned"
	cat "$scratch/planned"
	check 'the plan has masks for its groups' yes "$(grep -q rdt-is "$scratch/planned" && echo yes)"
	sleep 1
}

# What the emulated hardware has to hold for each group and domain, as resctrl says; classes count in the order of making.
tell_masks()
{
	local class=1 group
	tell_group 0 ''
	for group in machine-other qemu-1-guest-vcpus_0-1 isolat-vm0 isolat-vm1 isolat-batch; do
		[ -d "$resctrl/$group" ] && tell_group $class $group
		class=$((class + 1))
	done
	sleep 1 # the runner looks meanwhile
}

mount -t resctrl resctrl $resctrl || exit 1
# shellcheck disable=SC2034 # for apply_host.sh
linear=$(cat $resctrl/info/MB/delay_linear)
mkdir $resctrl/machine-other
top=$(($(cat $resctrl/info/L3/cbm_mask | sed 's/^/0x/') + 1))
other=$(printf '%x' $((top / 2 | top / 4)))
echo "L3:0=$other;1=$other" >$resctrl/machine-other/schemata || failed=1
echo $$ >$resctrl/machine-other/tasks
mkdir $resctrl/qemu-1-guest-vcpus_0-1 # as libvirt names its own
echo "L3:0=$other;1=$other" >$resctrl/qemu-1-guest-vcpus_0-1/schemata || failed=1
start_vms 2 3 1 2
{
	printf '%s\n' 'version: 1' 'classes:' \
		'  - { name: latency, cores: dedicated, cache: { l3: 2 ways, exclusive: yes, io_ways: yes } }' \
		'  - { name: batch, cores: shared, cache: { l3: 2 ways }, bandwidth: 50 % }' vms:
	for i in 0 1 2 3; do
		class=$([ $i -lt 2 ] && echo latency || echo batch)
		echo "  - { name: vm$i, class: $class, vcpus: 1, memory: 16 MiB, match: { pid: ${vms[i]} } }"
	done
} >"$scratch/profile"
[ -d $resctrl/info/MB ] && grep -q 0 $resctrl/info/MB/delay_linear && sed -i 's/50 %/2000 MB\/s/' "$scratch/profile"

listing >"$scratch/before"
tell_masks
others()
{
	grep -E 'machine-other|qemu-1-guest' "$1"
}
"$isolat" plan --json --profile "$scratch/profile" >"$scratch/plan"
run apply --profile "$scratch/profile" --no-cpusets
check 'apply' 0 $code
sed 's/^/isolat: /' "$scratch/out"
listing >"$scratch/applied"
check 'it is another listing' no "$(cmp -s "$scratch/before" "$scratch/applied" && echo yes || echo no)"
check "others' groups are as they were" "$(others "$scratch/before")" "$(others "$scratch/applied")"
tell_masks
tell_plan
run verify
check 'verify' 0 $code
run apply --profile "$scratch/profile" --no-cpusets
check 'a second apply' 'nothing was written' "$(grep -o 'nothing was written' "$scratch/out")"

echo "rdt-set 0 3 5242880 1073741824" # isolat-vm0 is the third group that was made
sleep 1
run status --json
check 'bit_usage is what the kernel says' "$(cat $resctrl/info/L3/bit_usage)" "$(jq -r '[.caches[] | "\(.domain)=\(.bit_usage)"] | join(";")' "$scratch/out")"
check 'bandwidth as injected' 1073741824 "$(jq '.groups[] | select(.name == "isolat-vm0").domains[0].mbm_total_bytes' "$scratch/out")"
check 'occupancy as injected' 5242880 "$(jq '.groups[] | select(.name == "isolat-vm0").domains[0].occupancy_bytes' "$scratch/out")"

echo 'L3:0=1' >$resctrl/isolat-batch/schemata || failed=1
run verify 2>/dev/null
check 'a foreign write: verify' 4 $code
check 'it names it' isolat-batch "$(grep -o '^isolat-batch' "$scratch/out")"
run apply --profile "$scratch/profile" --no-cpusets
check 'the next apply mends it' 0 $code
same 'and all is as applied' "$scratch/applied"

cpu=$("$isolat" status --json | jq -r '.vms[0].cpus' | grep -oE '[0-9]+' | tail -n 1)
echo 0 >"/sys/devices/system/cpu/cpu$cpu/online" || failed=1
run verify 2>/dev/null
check "CPU $cpu offline: verify" 4 $code
check 'it names it' "CPU $cpu of VM vm0 is offline" "$(grep -o "CPU $cpu of VM vm0 is offline" "$scratch/out")"
run undo
check 'undo' 0 $code
echo 1 >"/sys/devices/system/cpu/cpu$cpu/online" || failed=1
same 'it is as before' "$scratch/before"
tell_masks
# The default group's masks cannot be written: all that came before is taken back.
mount --bind $resctrl/schemata $resctrl/schemata && mount -o remount,ro,bind $resctrl/schemata
run apply --profile "$scratch/profile" --no-cpusets 2>/dev/null
umount $resctrl/schemata
check 'an apply that fails' 1 $code
same "all is as before, others' groups too" "$scratch/before"

# VMs that are matched by pid come into cgroups, too; isolat run has one of its own.
cgroups()
{
	find /sys/fs/cgroup -mindepth 1 -type d | sort
	cat /sys/fs/cgroup/cgroup.subtree_control
	for vm in "${vms[@]}"; do
		cat "/proc/$vm/cgroup"
	done
}

# Kernels before 6.2 give each thread that comes into a cpuset all of its CPUs, and forget what it was pinned to.
affinities()
{
	for vm in "${vms[@]}"; do
		(cd "/proc/$vm/task" && grep -H '^Cpus_allowed_list:' ./*/status)
	done
}

pin=0
for task in "/proc/${vms[0]}/task/"* "/proc/${vms[2]}/task/"*; do
	taskset -p -c $((pin += 2)) "${task##*/}" >/dev/null || failed=1
done
affinities >"$scratch/affinities"
cgroups >"$scratch/cgroups"
inside=$(jq -r '.vms[2].cpus[0]' "$scratch/plan")
taskset -p -c "$inside" "${vms[2]}" >/dev/null || failed=1
affinities >"$scratch/affinities"
run apply --profile "$scratch/profile"
check 'apply with cpusets' 0 $code
check 'a thread that was pinned to CPUs of the VM stays so' "$inside" "$(sed -n 's/^Cpus_allowed_list:\t//p' "/proc/${vms[2]}/status")"
run verify
check 'verify' 0 $code
cpus=$("$isolat" status --json | jq -r '.vms[0].cpus')
check 'the CPUs of the cgroup' "$cpus" "$(cat /sys/fs/cgroup/isolat/vm0/cpuset.cpus.effective)"
check 'the process is in it' '0::/isolat/vm0' "$(grep ^0:: "/proc/${vms[0]}/cgroup")"
check 'a thread that was pinned elsewhere has the CPUs of the VM' "$cpus" "$(affinities | sed -n 1p | cut -f 2)"
sed 's/name: vm0,/name: renamed,/; s/name: vm2,/name: vm9,/; s/name: vm3,/name: vm2,/; s/name: vm9,/name: vm3,/' \
	"$scratch/profile" >"$scratch/profile.renamed"
run apply --profile "$scratch/profile.renamed"
check 'apply with another name for a VM, and two that have changed theirs' 0 $code
check 'they are in the cgroups of their names' '0::/isolat/renamed 0::/isolat/vm3 0::/isolat/vm2' \
	"$(grep -h ^0:: "/proc/${vms[0]}/cgroup" "/proc/${vms[2]}/cgroup" "/proc/${vms[3]}/cgroup" | xargs)"
check 'and it stays pinned' "$inside" "$(sed -n 's/^Cpus_allowed_list:\t//p' "/proc/${vms[2]}/status")"
check 'and the old name has none' no "$([ -d /sys/fs/cgroup/isolat/vm0 ] && echo yes || echo no)"
run apply --profile "$scratch/profile.renamed"
check 'once more' 'nothing was written' "$(grep -o 'nothing was written' "$scratch/out")"
mkdir /sys/fs/cgroup/narrow
echo "$cpus" >/sys/fs/cgroup/narrow/cpuset.cpus
(
	echo $BASHPID >/sys/fs/cgroup/narrow/cgroup.procs
	exec "$isolat" run --profile "$scratch/profile" --class batch -- touch "$scratch/ran" 2>"$scratch/err"
)
check 'run from a cpuset without a CPU of the class that it joins' '1 pin touch: to CPUs' "$? $(grep -o 'pin touch: to CPUs' "$scratch/err")"
check 'its command did not begin' no "$([ -e "$scratch/ran" ] && echo yes || echo no)"
rmdir /sys/fs/cgroup/narrow
run undo
check 'each thread is pinned as before' '' "$(affinities | diff "$scratch/affinities" -)"
check 'undo' 0 $code
same 'resctrl is as before' "$scratch/before"
check 'the cgroups are as before' '' "$(cgroups | diff "$scratch/cgroups" -)"
run run --profile "$scratch/profile" --class latency -- sh -c 'cat /proc/self/cpu_resctrl_groups /proc/self/cgroup'
check 'run' 0 $code
check 'its group and its cgroup' 2 "$(grep -cE '^(res:isolat-run@|0::/isolat/run@)' "$scratch/out")"
same 'resctrl is as before' "$scratch/before"
check 'the cgroups are as before' '' "$(cgroups | diff "$scratch/cgroups" -)"

# What the command leaves running is outside again; a home that is gone is named, and not waited for.
run run --profile "$scratch/profile" --class latency -- sh -c 'sleep 300 >/dev/null 2>&1 & echo $!'
check 'run that leaves a daemon behind' 0 $code
check 'it has the CPUs that we have' "$(grep Cpus_allowed_list: /proc/self/status)" "$(grep Cpus_allowed_list: "/proc/$(cat "$scratch/out")/status")"
check 'the cgroups are as before' '' "$(cgroups | diff "$scratch/cgroups" -)"
check 'nothing is on record' '' "$(ls /run/isolat/*.journal 2>/dev/null)"
kill "$(cat "$scratch/out")" || failed=1
home=$(sed -n 's/^0:://p' "/proc/${vms[0]}/cgroup")
mkdir /sys/fs/cgroup/passing
echo "${vms[0]}" >/sys/fs/cgroup/passing/cgroup.procs
mkdir /sys/fs/cgroup/bystander
taskset -c 5 sleep 300 &
runs+=($!)
echo ${runs[0]} >/sys/fs/cgroup/bystander/cgroup.procs
run apply --profile "$scratch/profile"
rmdir /sys/fs/cgroup/passing
check 'who has nothing to do with it stays pinned' 5 "$(sed -n 's/^Cpus_allowed_list:\t//p' "/proc/${runs[0]}/status")"
run undo
check 'also over undo' 5 "$(sed -n 's/^Cpus_allowed_list:\t//p' "/proc/${runs[0]}/status")"
kill "${runs[0]}"
wait "${runs[0]}" 2>/dev/null
runs=()
rmdir /sys/fs/cgroup/bystander
check 'undo without the home of a VM' '4 1' "$code $(grep -c "left as it is: cgroup-task .*(before: 'passing')" "$scratch/out")"
run undo
check 'is done once' '0 1' "$code $(grep -c 'nothing to undo' "$scratch/out")"
echo "${vms[0]}" >"/sys/fs/cgroup$home/cgroup.procs"
check 'the cgroups are as before' '' "$(cgroups | diff "$scratch/cgroups" -)"

# Two runs at a time, of which the first to come is the first to go: what it has made for both stays for the other.
until_there() # FILE
{
	for ((n = 0; n < 300; n++)); do
		[ ! -e "$1" ] || return 0
		sleep 0.1
	done
	return 1
}
for name in a b; do
	"$isolat" run --profile "$scratch/profile" --class batch -- \
		bash -c "touch $scratch/$name.runs; until [ -e $scratch/$name.ends ]; do sleep 0.1; done" 2>>"$scratch/said" &
	runs[${#runs[@]}]=$!
	until_there "$scratch/$name.runs"
done
check 'two runs, and each has a cgroup' 2 "$(ls -d /sys/fs/cgroup/isolat/run@* | wc -l)"
touch "$scratch/a.ends"
wait "${runs[0]}"
check 'the other one is there still' 1 "$(ls -d /sys/fs/cgroup/isolat/run@* | wc -l)"
check 'of the first nothing is on record' 1 "$(ls /run/isolat/run-*.journal | wc -l)"
run verify 2>/dev/null
check 'and it is not taken for a killed one' 0 "$(grep -c 'half made' "$scratch/out" "$scratch/err" | grep -vc ':0')"
touch "$scratch/b.ends"
wait "${runs[1]}"
check 'neither said anything' '' "$(cat "$scratch/said")"
check 'nothing is on record' '' "$(ls /run/isolat/*.journal 2>/dev/null)"
same 'resctrl is as before' "$scratch/before"
check 'the cgroups are as before' '' "$(cgroups | diff "$scratch/cgroups" -)"

# What a command leaves in its cgroup is somebody's, and keeps nobody from going on.
leave() # CLASS COMMAND: done in the run's cgroup
{
	"$isolat" run --profile "$scratch/classes" --class $1 -- \
		bash -c "cd /sys/fs/cgroup\$(sed -n s/^0:://p /proc/self/cgroup) && mkdir theirs && $2" 2>"$scratch/said"
	code=$?
}
printf '%s\n' 'version: 1' 'classes: [{ name: batch, cores: shared }, { name: another, cores: shared }]' >"$scratch/classes"
# shellcheck disable=SC2016 # the command's own number
for command in true 'echo $$ >theirs/cgroup.procs && echo +cpuset >cgroup.subtree_control'; do
	leave batch "$command"
	check "what a command has left in its cgroup ($command) is no error" "0 0" "$code $(grep -c '^isolat' "$scratch/said")"
	check 'but told' 2 "$(grep -c ' isolat\(/run@[0-9]*\)\?: .*somebody has made cgroups' "$scratch/said")"
	cat "$scratch/said"
	check 'and not on record' '' "$(ls /run/isolat/*.journal 2>/dev/null)"
	[ "$command" != true ] || check 'the controller is taken back' '' "$(grep -o cpuset /sys/fs/cgroup/cgroup.subtree_control)"
	run apply --profile "$scratch/profile"
	check 'apply beside that' 0 "$code"
	run undo
	check 'and undo' 0 "$code"
	rmdir /sys/fs/cgroup/isolat/run@*/theirs /sys/fs/cgroup/isolat/run@* /sys/fs/cgroup/isolat
	echo -cpuset >/sys/fs/cgroup/cgroup.subtree_control
	same 'resctrl is as before' "$scratch/before"
	check 'the cgroups are as before' '' "$(cgroups | diff "$scratch/cgroups" -)"
done
# Where others' cgroups have gone, the run's goes with the one above it.
printf '%s\n' 'version: 1' 'classes: [{ name: latency, cores: dedicated }]' \
	"vms: [{ name: vm2, class: latency, vcpus: 1, memory: 16 MiB, match: { pid: ${vms[2]} } }]" >"$scratch/one"
run apply --profile "$scratch/one"
leave another true
check 'what a command has left beside VMs' 1 "$(grep -c 'left as it is' "$scratch/said")"
cat "$scratch/said"
rmdir /sys/fs/cgroup/isolat/run@*/theirs
run undo
check 'undo when it has gone' 0 "$code"
check 'the cgroups are as before' '' "$(cgroups | diff "$scratch/cgroups" -)"

# apply_kills.sh has each of them, with one VM.
for n in 2 5 9; do
	{ LD_PRELOAD=$build/tests/vm/kill_at.so KILL_AT="$n after" "$isolat" apply --profile "$scratch/profile"; } >/dev/null 2>&1
	check "apply is killed after its change $n of cgroups and pins" 137 $?
	run undo
	same "then: $(head -n 1 "$scratch/out")" "$scratch/before"
	check 'the cgroups are as before' '' "$(cgroups | diff "$scratch/cgroups" -)"
	check 'each thread is pinned as before' '' "$(affinities | diff "$scratch/affinities" -)"
done
kill "${vms[@]}"
exit $failed
