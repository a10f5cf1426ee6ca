#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# apply_pqos.sh BUILD os|msr: in a host VM with emulated Intel RDT and two sockets of two CPUs each, isolat apply through
# libpqos: over the kernel's own resctrl, or, without it, over MSRs by the kernel's msr driver. The runner compares what
# arrived in the emulated hardware (lines "rdt-is").
set -u
build=$1
isolat=$build/isolat
resctrl=/sys/fs/resctrl
scratch=$(mktemp -d)
vms=() code=0 # as apply_host.sh says
. "$(dirname "$0")/check.sh" || exit 2
. "$(dirname "$0")/apply_host.sh" || exit 2

profile() # FIRST SECOND: the VMs that come first and second, and so have other CPUs than the other way round
{
	printf '%s\n' 'version: 1' 'classes:' \
		'  - { name: latency, cores: dedicated, cache: { l3: 2 ways, exclusive: yes, io_ways: yes } }' \
		'  - { name: batch, cores: shared, cache: { l3: 2 ways }, bandwidth: 50 % }' vms:
	for i in "$1" "$2" 2 3; do
		echo "  - { name: vm$i, class: $([ "$i" -lt 2 ] && echo latency || echo batch), vcpus: 1, memory: 16 MiB, match: { pid: ${vms[i]} } }"
	done
}

state() # what is programmed, without what only resctrl can say
{
	"$isolat" status --json | jq -S '[(.groups[] | {name, programmed}), (.vms[] | {name, group, cpus, threads, in_group})]'
}

kill_apply() # LINES ENGINE: as soon as so many are in the journal
{
	local lines=() i
	"$isolat" apply --profile "$scratch/profile" --no-cpusets --engine "$2" >/dev/null 2>&1 &
	for ((i = 0; i < 100000 && ${#lines[@]} < $1; i++)); do
		{ mapfile -t lines </run/isolat/apply.journal; } 2>/dev/null
	done
	kill -9 $!
	wait $! 2>/dev/null
}

# ---- Over resctrl ----

over_resctrl()
{
	listing >"$scratch/before"
	run apply --profile "$scratch/profile" --no-cpusets
	check 'apply by resctrl' 0 $code
	state | sed 's|/mon_groups/isolat-vm.||' >"$scratch/by-resctrl"
	run undo
	same 'it is as before' "$scratch/before"
	run apply --profile "$scratch/profile" --no-cpusets --engine pqos
	check 'apply by libpqos' 0 $code
	check 'it is pqos-os' pqos-os "$(cat /run/isolat/engine)"
	check 'the same is programmed' '' "$(state | diff "$scratch/by-resctrl" - | head -n 5)"
	check 'a vCPU is in its class' 1 "$(grep -cw "${vms[0]}" $resctrl/COS1/tasks)"
	for class in 1 2 3; do
		tell_group $class COS$class
	done
	run verify
	check 'verify' 0 $code
	run apply --profile "$scratch/profile" --no-cpusets
	check 'a second apply' 'nothing was written' "$(grep -o 'nothing was written' "$scratch/out")"
	echo 'L3:0=1' >$resctrl/COS3/schemata || failed=1
	echo "${vms[1]}" >$resctrl/tasks
	run verify 2>/dev/null
	check 'a foreign write: verify' 4 $code
	check 'it names both' 2 "$(grep -c '^isolat-batch: its schemata\|thread .* of VM vm1 is in the default group' "$scratch/out")"
	run apply --profile "$scratch/profile" --no-cpusets
	check 'the next apply mends it' '' "$(state | diff "$scratch/by-resctrl" - | head -n 5)"
	sleep 1 # the runner looks meanwhile
	run undo
	check 'undo' 0 $code
	same 'it is as before' "$scratch/before"
	kill_apply 9 pqos-os
	check 'killed: a class had got a name' yes "$(grep -q '"isolat-' /run/isolat/pqos-groups && echo yes || echo no)"
	run undo
	same "killed, then: $(head -n 1 "$scratch/out")" "$scratch/before"
}

# ---- Over MSRs ----

msr=$build/tests/vm/cases/msr

registers() # all that libpqos may write, as far as this test's classes go
{
	"$msr" show 0 1 2 3
}

unlike() # NAME EXPECTED-DIFFERENCE
{
	registers >"$scratch/now"
	check "$1" "$2" "$(diff "$scratch/registers" "$scratch/now" | head -n 5 | tr '\n' ';')"
}

# Which class each CPU is to be in, by the plan.
planned()
{
	"$isolat" status --json | jq -r --slurpfile record /run/isolat/pqos-groups '[.vms[] | .group as $g | .cpus | split(",")[] |
		(split("-") | map(tonumber)) as $r | range($r[0]; $r[-1] + 1) | {key: tostring, value: $record[0].groups[$g]}] |
		from_entries as $of | range(4) | "CPU \(.): class \($of[tostring] // 0)"'
}

associated()
{
	registers | grep -o '^CPU .: class .'
}

over_msrs()
{
	"$msr" associate 2 0 5 # an RMID that somebody measures with: it has to stay
	registers >"$scratch/registers"
	check 'MSRs can be read and written' 1 "$(grep -c '^CPU 2: class 0 RMID 5$' "$scratch/registers")"
	run apply --profile "$scratch/profile" --no-cpusets --engine pqos
	check 'apply over MSRs' 0 $code
	check 'it is pqos-msr' pqos-msr "$(cat /run/isolat/engine)"
	check 'it says who profits' 1 "$(grep -c '^note: this engine gives cache and bandwidth to CPUs' "$scratch/out")"
	check 'the CPUs are in the classes of the plan' "$(planned)" "$(associated)"
	check 'all three classes have some' 3 "$(associated | cut -d : -f 2 | grep -v ' 0' | sort -u | wc -l)"
	check 'the RMID is as it was' 1 "$(registers | grep -c '^CPU 2: class .* RMID 5$')"
	"$isolat" status --json >"$scratch/status"
	jq -r --slurpfile record /run/isolat/pqos-groups '.groups[] | ($record[0].groups[.name] // 0) as $class | .programmed | split("\n")[] |
		select(. != "") | split(":") as [$resource, $values] | $values | split(";")[] | split("=") as [$domain, $value] |
		if $resource == "L3" then "rdt-is \($domain) \($class) \($value)" else "rdt-mb \($domain) \($class) \(100 - ($value | tonumber))" end' "$scratch/status"
	check 'status: CPUs, no threads, no figures' true "$(jq '.associates == "cpus" and (.groups | all(.threads == null and .cpus)) and
		(.vms | all(.in_group == null and .unavailable))' "$scratch/status")"
	registers >"$scratch/applied"
	run verify
	check 'verify' 0 $code
	run apply --profile "$scratch/profile" --no-cpusets
	check 'a second apply' 'nothing was written' "$(grep -o 'nothing was written' "$scratch/out")"

	cpu=$(jq -r '.vms[0].cpus' "$scratch/status" | grep -oE '^[0-9]+')
	for class in 7 3; do # one that nobody has given a name, which may be somebody else's, and a group of isolat's
		"$msr" associate "$cpu" $class 0
		run verify 2>/dev/null
		check "CPU $cpu in class $class: verify" 4 $code
		check 'it names it' 1 "$(grep -c '^isolat-vm0: its CPUs were' "$scratch/out")"
		registers >"$scratch/taken"
		run apply --profile "$scratch/profile" --no-cpusets
		[ $class = 3 ] && continue
		check 'the next apply leaves it' 1 "$code$(registers | diff "$scratch/taken" - | head -n 5)"
		check 'it says why' 1 "$(grep -c "CPU $cpu, which it is to have, is in the RDT group COS7" "$scratch/err")"
	done
	check "the next apply mends what isolat's own group has" '' "$(registers | diff "$scratch/applied" - | head -n 5)"

	# The CPUs of two groups change places: nobody's is recorded as another's.
	profile 1 0 >"$scratch/profile.other"
	run apply --profile "$scratch/profile.other" --no-cpusets
	check 'another profile' 0 $code
	check 'the CPUs are in the classes of its plan' "$(planned)" "$(associated)"
	for lines in 20 24; do # of which some 13 are the record: what a killed one had changed comes back, or this would write
		kill_apply $lines pqos-msr
		run apply --profile "$scratch/profile.other" --no-cpusets
		check "a change of it, killed at line $lines" 'nothing was written' "$(grep -o 'nothing was written' "$scratch/out")"
	done
	check 'they are others' no "$(registers | cmp -s "$scratch/applied" - && echo yes || echo no)"
	run verify
	check 'verify' 0 $code
	run undo
	check 'undo' 0 $code
	unlike 'all registers are as before' ''

	sed 's/class: batch, \(.*vm3\|.*\)/class: batch, \1/; /name: vm3/s/class: batch/class: third/; s/^vms:/  - { name: third, cores: shared, cache: { l3: 1 ways } }\nvms:/' \
		"$scratch/profile" >"$scratch/profile.shared"
	run apply --profile "$scratch/profile.shared" --no-cpusets --engine pqos-msr >/dev/null
	check 'two groups on one CPU' 2 $code
	check 'is refused in a line' 1 "$(grep -c 'VM vm2 of isolat-batch and VM vm3 of isolat-third share CPU' "$scratch/err")"
	unlike 'all registers are as before' ''
	# shellcheck disable=SC2016 # the command expands them
	run run --engine pqos-msr --profile "$scratch/profile" --class latency -- sh -c 'cpu=$(sed -n "s/^Cpus_allowed_list:\t//p" /proc/self/status); "$0" show $cpu' "$msr"
	check 'run' 0 $code
	check 'its CPU is in its class' 1 "$(grep -c '^CPU .: class 1 ' "$scratch/out")"
	unlike 'run: all registers are as before' ''

	for lines in 5 13 16 18; do # a step has two, and there are ten of them: three groups, four schemata, three lists of CPUs
		kill_apply $lines pqos-msr
		[ $lines = 5 ] || check "killed at line $lines: something was done" no "$(registers | cmp -s "$scratch/registers" - && echo yes || echo no)"
		run undo
		unlike "killed at line $lines, then: $(head -n 1 "$scratch/out")" ''
	done
}

# shellcheck disable=SC2034 # for apply_host.sh
linear=1
[ "$2" = msr ] || mount -t resctrl resctrl $resctrl || exit 1
start_vms 2 3 1 2
profile 0 1 >"$scratch/profile"
case $2 in
os) over_resctrl ;;
msr) over_msrs ;;
esac
kill "${vms[@]}"
exit $failed
