#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# apply, verify, status, undo and run against the simulated resctrl: on each machine there and back; every write made to
# fail, isolat killed before and after every write; others' groups and changes; bad input. Usage: test_apply.sh BUILD
# Prints "ok NAME" or "not ok NAME - WHY" lines, and fails when one of them does.
set -u

build=$(realpath -- "${1:?usage: test_apply.sh BUILD}") || exit 2
isolat=$build/isolat
sim=$build/tests/sim
resctrl=/sys/fs/resctrl
failed=0
. "$(dirname -- "${BASH_SOURCE[0]}")/../verdict.bash" || exit 2

if [ -z "${2:-}" ]; then # outside: once for each machine, in a world of its own; two at a time, the long ones first
	printf '%s\n' intel-2s cdp amd snc2 intel-1s mbps few-closids l2 l2-cdp unmounted |
		xargs -P 2 -I '{}' "$BASH" "$0" "$build" world '{}' || failed=1
	exit $failed
fi
if [ "$2" = world ]; then
	options=(--machine "$3" --mounts)
	[ "$3" != unmounted ] || options=(--unmounted)
	said=$(timeout 1500 "$sim/sim-run" "${options[@]}" -- "$BASH" "$0" "$build" "$3" 2>&1) # some 3 minutes are usual
	failed=$?
	printf '%s\n' "$said" # in one piece: another may be at work
	[ $failed != 124 ] || echo "not ok $3: it took longer than 1500 s"
	exit $failed
fi
machine=$2 of=$2
scratch=$(mktemp -d) || exit 2
vms=()
trap 'kill "${vms[@]}" 2>/dev/null; rm -rf -- "$scratch"' EXIT
. "$(dirname -- "${BASH_SOURCE[0]}")/vendor.bash" || exit 2
as_on_intel "$scratch/libexec" "$build/isolat-pqos"
export ISOLAT_LIBEXEC=$scratch/libexec

# ---- What is looked at ----

# All of resctrl but the counters, and of the tasks only the VMs'.
listing()
{
	local file
	find $resctrl -path $resctrl/info -prune -o -path '*/mon_data' -prune -o -type d -print 2>/dev/null | sort
	find $resctrl -path $resctrl/info -prune -o -path '*/mon_data' -prune -o -type f -print | sort |
		while read -r file; do
			case $file in
			*/tasks) sed "s|^|$file:|" "$file" | grep -wF -- "$threads" ;;
			*) sed "s|^|$file:|" "$file" ;;
			esac
		done
	grep resctrl /proc/self/mounts
}

run() # ARGUMENTS...: isolat; its exit code in $code, what it says in $scratch/out and err
{
	{ timeout 30 "$isolat" "$@" >"$scratch/out" 2>"$scratch/err" </dev/null; } 2>/dev/null # bash tells of kills
	code=$?
}

apply()
{
	run apply --profile "$scratch/profile" --no-cpusets "$@"
}

ops()
{
	"$sim/sim-ctl" ops
}

# Nothing is left on the host or in the journal.
as_before() # FILE
{
	listing | diff "$scratch/before" - | head -n 5
	find /run/isolat -mindepth 1 ! -name lock ! -name 'pqos.*'
}

says() # CODE PATTERN
{
	[ "$code" = "$1" ] || echo "exit code $code, not $1: $(cat "$scratch/err")"
	cat "$scratch/out" "$scratch/err" | grep -q -- "$2" || echo "no '$2' in: $(cat "$scratch/out" "$scratch/err")"
}

# ---- The VMs ----

start_vm() # THREADS
{
	coproc "$sim/crowd" "$1"
	read -r _ <&"${COPROC[0]}"
	vms+=("$COPROC_PID")
} 2>/dev/null

profile() # EXCLUSIVE-L3 SHARED-CACHE: two classes over the VMs
{
	local i
	{
		printf '%s\n' 'version: 1' 'classes:' \
			"  - { name: latency, cores: dedicated, whole_cores: no$1 }" "  - { name: batch, cores: shared$2 }" vms:
		for i in "${!vms[@]}"; do
			printf '  - { name: vm%d, class: %s, vcpus: 1, memory: 64 MiB, match: { pid: %d } }\n' "$i" \
				"$([ "$i" -lt "${exclusive:-2}" ] && echo latency || echo batch)" "${vms[i]}"
		done
	} >"$scratch/profile"
}

if [ "$machine" = unmounted ]; then
	start_vm 1
	profile ', cache: { l3: 1 ways, exclusive: yes }' ''
	apply
	verdict 'not mounted' "$(says 3 'mount -t resctrl')"
	exit $failed
fi

[ "$machine" = mbps ] && crowds='1 3 2 1 1' || crowds='1 3 2 1 1 4 1 2' # a limit in MB/s takes a class for each VM
for count in $crowds; do
	start_vm "$count"
done
case $machine in
l2 | l2-cdp) profile ', cache: { l2: 2 ways }' ', cache: { l2: 25 % }' ;;
amd) profile ', cache: { l3: 2 ways, exclusive: yes }' ', cache: { l3: 25 % }, bandwidth: 2000 MB/s' ;;
mbps) profile ', cache: { l3: 2 ways, exclusive: yes }' ', cache: { l3: 25 % }, bandwidth: 4000 MB/s' ;;
few-closids) profile ', cache: { l3: 2 ways, exclusive: yes }' ', cache: { l3: 25 % }' ;;
cdp) profile ', cache: { l3_code: 1 ways, l3_data: 2 ways, exclusive: yes }' ', cache: { l3: 25 % }, bandwidth: 45 %' ;;
*) profile ', cache: { l3: 2 ways, exclusive: yes }' ', cache: { l3: 25 % }, bandwidth: 45 %' ;;
esac

# ---- There and back ----

threads=$(for vm in "${vms[@]}"; do (cd "/proc/$vm/task" && printf '%s\n' *); done)
listing >"$scratch/before"
n=$(ops)
apply
why=$(says 0 '^applied .* writes')
writes=$(($(ops) - n))
listing >"$scratch/applied"
cp "$scratch/out" "$scratch/applied.out"
cmp -s "$scratch/before" "$scratch/applied" && why+='the listing is the same as before; '
[ "$writes" -ge $((${#vms[@]} + 4)) ] || why+="$writes writes only; "
# A thread that comes into a monitor group goes by way of the control group: one step, of two writes.
steps=$(grep -oE '^applied .* [0-9]+ writes$' "$scratch/out" | grep -oE '[0-9]+ writes$')
by_way=$(cat $resctrl/isolat-*/mon_groups/isolat-*/tasks 2>/dev/null | wc -l)
[ "$machine" = few-closids ] || # there some fail, and are done without
	[ "$writes" = $((${steps% *} + by_way)) ] || why+="$writes writes for $steps and $by_way threads; "
verdict 'apply' "$why"
run verify
verdict 'verify' "$(says 0 'as applied')"
n=$(ops)
apply
verdict 'a second apply writes nothing' "$(says 0 'applied already')$([ "$(ops)" = "$n" ] || echo "$(($(ops) - n)) writes")"
run status --json
verdict 'status' "$(says 0 applied)$(jq -e '.applied and .associates == "threads" and (.vms | all(.in_group == .threads or .group == "")) and
	(.groups | length >= 2 and all(.programmed == .set))' "$scratch/out" >/dev/null || head -c 300 "$scratch/out")"

verdict 'what the ways are used for' "$(diff <(for of_cache in L2 L2CODE L2DATA L3 L3CODE L3DATA; do
	sed "s/^/$of_cache /" $resctrl/info/$of_cache/bit_usage 2>/dev/null
done) <(jq -r '.caches | group_by(.resource)[] | "\(.[0].resource) \(map("\(.domain)=\(.bit_usage)") | join(";"))"' "$scratch/out"))"

# Where several VMs share a group, each has counters of its own, as long as there are RMIDs.
monitors=$(ls -d $resctrl/isolat-*/mon_groups/isolat-* 2>/dev/null | wc -l)
case $machine in
few-closids) # 6: the default group, three more, and two of the six VMs
	verdict 'too few RMIDs: what could not be made is unavailable, and said so' "$([ "$monitors" = 2 ] || echo "$monitors monitor groups")$(
		[ "$(grep -c 'no RMID was free for isolat-batch/mon_groups/isolat-vm[4-7]:' "$scratch/applied.out")" = 4 ] || cat "$scratch/applied.out")$(
		jq -e '.vms | map(select(.unavailable | . and contains("no RMID"))) | length == 4 and all(.domains == [])' "$scratch/out" >/dev/null || jq -c .vms "$scratch/out")"
	;;
l2*) verdict 'no monitoring: it is unavailable' "$(jq -e '.vms | all(.unavailable and .domains == [])' "$scratch/out" >/dev/null || jq -c .vms "$scratch/out")" ;;
mbps) verdict 'a group alone has its counters' "$([ "$monitors" = 0 ] && jq -e '.vms | all(.unavailable == null)' "$scratch/out" >/dev/null || jq -c .vms "$scratch/out")" ;;
*)
	"$sim/sim-ctl" occupancy '0 5242880' isolat-batch/mon_groups/isolat-vm3
	[ "$machine" = snc2 ] || "$sim/sim-ctl" mbm_total '0 unavailable' isolat-batch/mon_groups/isolat-vm3 # the kernel's sum hides it
	run status --json
	verdict "each VM of a group has its own counters" "$([ "$monitors" = $((${#vms[@]} - 2)) ] || echo "$monitors monitor groups")$(
		jq -e --argjson moved "$([ "$machine" = snc2 ] && echo 0 || echo null)" '(.vms | map(.domains[0].occupancy_bytes) == [0, 0, 0, 5242880, 0, 0, 0, 0]) and .vms[3].domains[0].mbm_total_bytes == $moved and
			(.groups[] | select(.name == "isolat-batch").domains[0].occupancy_bytes == 5242880)' "$scratch/out" >/dev/null || jq -c .vms "$scratch/out")"
	;;
esac
run status
verdict 'status in words' "$(says 0 '^ *VM ')$(grep -q 'unavailable: ' "$scratch/out" || case $machine in few-closids | l2*) cat "$scratch/out" ;; esac)"
run undo
verdict 'undo' "$(says 0 '^undone')$(as_before)"
run undo
verdict 'nothing to undo' "$(says 0 'nothing to undo')"

# ---- Both engines ----

state() # what is programmed, and who is where
{
	run status --json
	jq -S '[(.groups[] | {name, programmed}), (.vms[] | del(.domains, .unavailable))]' "$scratch/out"
}

case $machine in
intel-2s | cdp | mbps | few-closids | l2 | l2-cdp)
	apply --engine resctrl
	state >"$scratch/resctrl"
	run undo
	apply --engine pqos
	why=$(says 0 '^applied')
	[ -d $resctrl/COS1 ] || why+='no COS folder; '
	why+=$(state | diff "$scratch/resctrl" - | head -n 5)
	run verify
	verdict 'by libpqos, the same is programmed' "$why$(says 0 'as applied')"
	run apply --profile "$scratch/profile" --engine resctrl
	verdict 'two engines on one host are refused' "$(says 2 'applied with pqos-os')"
	run undo
	verdict 'and all is as before' "$(says 0 '^undone')$(as_before)"
	;;
esac

# ---- Every write fails, once with each errno; every write is one's last ----

case $machine in
intel-1s | snc2 | few-closids | l2* | mbps) exit $failed ;; # intel-2s, amd and cdp are enough
esac

why=
count=0
spared=0
case $machine in
intel-2s) errnos='EINVAL ENOSPC EBUSY ENOMEM' ;;
cdp) errnos='EPERM EEXIST ENOENT ENODEV' ;; # for who may not, and where somebody else was faster
*) errnos=EINVAL ;;
esac
for errno in $errnos; do
	for ((i = 1; i <= writes; i++)); do
		"$sim/sim-ctl" fault "$i $errno"
		apply
		if [ "$code" = 0 ] && grep -q 'no RMID was free' "$scratch/out"; then # the only thing that it can do without
			spared=$((spared + 1))
			run undo
		else
			[ "$code" = 1 ] || [ "$code" = 5 ] || why+="write $i, $errno: exit code $code; "
			[ "$(wc -l <"$scratch/err")" = 1 ] || why+="write $i, $errno: $(wc -l <"$scratch/err") lines; "
		fi
		left=$(as_before)
		[ -z "$left" ] || why+="write $i, $errno: $left; "
		count=$((count + 1))
		[ -z "$why" ] || break 2
	done
done
[ "$machine" = intel-2s ] && spared_then=$((2 * monitors)) || spared_then=0 # for ENOSPC and EBUSY
[ "$spared" = $spared_then ] || why+="$spared times it did without a monitor group, not $spared_then; "
verdict "each of $writes writes failed with ${errnos// /, } ($count)" "$why"

eventually_as_before()
{
	local try
	for ((try = 0; try < 200; try++)); do
		[ -n "$(as_before)" ] || return
		sleep 0.05
	done
	as_before
}

kill_each() # VERB WRITES: isolat VERB is killed before and after each of its writes, and then isolat undo mends it (of run: its guard)
{
	local when i left count=0
	why=
	for when in before after; do
		for ((i = 1; i <= $2; i++)); do
			[ "$1" != undo ] || apply
			"$sim/sim-ctl" kill "$i $when"
			case $1 in
			apply) apply ;;
			undo) run undo ;;
			run) run run --profile "$scratch/profile" --class latency -- true ;;
			esac
			[ "$code" = 137 ] || why+="write $i, $when: exit code $code; "
			if [ "$1" = run ]; then
				left=$(eventually_as_before)
			else
				run undo
				[ "$code" = 0 ] || why+="undo after write $i, $when: $(cat "$scratch/err"); "
				left=$(as_before)
			fi
			[ -z "$left" ] || why+="write $i, $when: $left; "
			count=$((count + 1))
			[ -z "$why" ] || return
		done
	done
	kills=$count
}

kill_each apply "$writes"
verdict "apply killed before and after each of $writes writes ($kills)" "$why"
apply
n=$(ops)
run undo
back=$(($(ops) - n))
kill_each undo "$back"
verdict "undo killed before and after each of $back writes ($kills)" "$why"

n=$(ops)
run run --profile "$scratch/profile" --class latency -- true
n=$(($(ops) - n))
kill_each run "$n"
verdict "run killed before and after each of $n writes ($kills)" "$([ "$n" -gt 4 ] || echo "$n writes only")$why"

# A killed apply is mended by the next one, too.
"$sim/sim-ctl" kill "$((writes / 2)) after"
apply
apply
verdict 'apply after a killed apply' "$(says 0 'taken back first')$(listing | diff "$scratch/applied" - | head -n 5)"
run undo
verdict 'and back' "$(as_before)"

# ---- Others on the host ----

mkdir $resctrl/machine-qemu-1-guest
echo "$$" >$resctrl/machine-qemu-1-guest/tasks
# One way in each domain: a new group has all that nobody else has for his own.
sed -E -n 's/^ *(L3[A-Z]*:.*)/\1/p' $resctrl/schemata | sed -E "s/=[0-9a-f]+/=$([ "$machine" = amd ] && echo 8000 || echo 400)/g" \
	>$resctrl/machine-qemu-1-guest/schemata
listing >"$scratch/before"
foreign()
{
	grep machine-qemu-1-guest "$1"
}
apply
why=$(says 0 '^applied')
listing >"$scratch/now"
[ "$(foreign "$scratch/now")" = "$(foreign "$scratch/before")" ] || why+='it was changed; '
verdict "another's group stands while applied" "$why"
run undo
verdict "another's group stands after undo" "$(as_before)"
"$sim/sim-ctl" fault "$((writes / 2)) EINVAL"
apply
verdict "another's group stands after a failed apply" "$(says 1 '')$(as_before)"
echo "${vms[0]}" >$resctrl/machine-qemu-1-guest/tasks
listing >"$scratch/before"
apply
verdict "a VM in another's group is refused" "$(says 1 'machine-qemu-1-guest')$(as_before)"
rmdir $resctrl/machine-qemu-1-guest
mkdir $resctrl/mon_groups/watch
echo "${vms[4]}" >$resctrl/mon_groups/watch/tasks
listing >"$scratch/before"
apply
why=$(says 0 '^applied')
run undo
verdict "a VM comes back into another's monitor group" "$why$(says 0 '^undone')$(as_before)"
rmdir $resctrl/mon_groups/watch
listing >"$scratch/before"

apply
line=$(grep -oE 'L3(CODE)?:.*' $resctrl/isolat-vm0/schemata | head -n 1)
echo "${line%%:*}:0=$([ "$machine" = amd ] && echo 3c00 || echo 3c)" >$resctrl/isolat-vm0/schemata
run verify
verdict 'a foreign write is found' "$(says 4 'isolat-vm0')"
echo "$line" >$resctrl/isolat-vm0/schemata
run verify
verdict 'and its mending, too' "$(says 0 'as applied')"
kill -USR1 "${vms[1]}"
echo "$(ls "/proc/${vms[1]}/task" | tail -n 1)" >$resctrl/tasks
run verify
verdict 'a thread that left its group' "$(says 4 'thread .* is in')"
apply
run verify
verdict 'the next apply brings it back' "$(says 0 'as applied')"
run undo

# A thread that is cloned while its parent is being moved stays where the parent was: apply looks until there is none.
cp "$scratch/profile" "$scratch/profile.kept"
grows() # TIMES: a VM more, which starts a thread at each of so many writes that apply does
{
	start_vm 2
	profile ', cache: { l3: 2 ways, exclusive: yes }' ', cache: { l3: 25 % }'
	"$sim/sim-ctl" chase "${vms[-1]} $1"
	apply
	"$sim/sim-ctl" chase "${vms[-1]} 0"
}
vm_ends()
{
	kill "${vms[-1]}"
	unset 'vms[-1]'
}
grows 40
why=$(says 0 '^applied')
run status --json
verdict 'a VM that starts 40 threads meanwhile' "$why$(jq -e '.vms[-1] | .in_group == .threads and .threads == 42' "$scratch/out" >/dev/null || jq -c '.vms[-1]' "$scratch/out")"
run undo
vm_ends
grows 100000
run status --json
verdict 'a VM that starts threads for ever' "$(jq -e '.vms[-1] | .in_group == .threads and .threads > 50' "$scratch/out" >/dev/null || jq -c '.vms[-1]' "$scratch/out")"
run undo
vm_ends
cp "$scratch/profile.kept" "$scratch/profile"
verdict 'and all is as before' "$(as_before)"
apply
echo "${vms[3]}" >$resctrl/isolat-batch/tasks
run verify
verdict 'a thread that left its monitor group' "$(says 4 'VM vm3 is in isolat-batch, not in isolat-batch/mon_groups/isolat-vm3')"
rmdir $resctrl/isolat-batch/mon_groups/isolat-vm4
run verify
verdict 'a monitor group that is gone' "$(says 4 'the monitor group is gone')"
run status --json
verdict 'has no counters' "$(jq -e '.vms[4] | .unavailable == "its group is gone" and .domains == []' "$scratch/out" >/dev/null || jq -c .vms "$scratch/out")"
apply
run verify
verdict 'the next apply mends both' "$(says 0 'as applied')$(listing | grep mon_groups | diff <(grep mon_groups "$scratch/applied") - | head -n 5)"
# One that undo may not force: the default group was changed by somebody else.
line=$(grep -oE 'L3(CODE)?:.*' $resctrl/schemata | head -n 1)
echo "${line%%:*}:0=1" >$resctrl/schemata
run undo
verdict 'what others changed is left and named' "$(says 4 'left as it is: schemata')$(grep -q "${line%%:*}:0=0*1;" $resctrl/schemata ||
	cat $resctrl/schemata)"
sed 's/^ *//' "$scratch/before" | sed -n "s|^$resctrl/schemata: *||p" >$resctrl/schemata
verdict 'all else was undone' "$(as_before)"

# ---- Measuring ----

apply
"$sim/sim-ctl" occupancy "0 5242880" isolat-vm0
"$sim/sim-ctl" mbm_total "0 unavailable" isolat-vm0
run status --json
verdict 'counters: a number, and unavailable' "$(jq -e '.groups[] | select(.name == "isolat-vm0").domains[0] |
	.occupancy_bytes == 5242880 and .mbm_total_bytes == null' "$scratch/out" >/dev/null || head -c 600 "$scratch/out")"
run status --watch --count 2 --json
verdict 'watch: an object a line, with bandwidths' "$([ "$(jq -s 'length' "$scratch/out")" = 2 ] &&
	tail -n 1 "$scratch/out" | jq -e '.groups[0].domains[0] | has("mbm_total_bytes_per_s")' >/dev/null ||
	head -c 300 "$scratch/out")"
run undo

# ---- A command under a class ----

run run --profile "$scratch/profile" --class latency -- sh -c "cat $resctrl/isolat-run@*/tasks; echo \$\$; exit 7"
verdict 'run: its exit code, and all is back' "$([ "$code" = 7 ] || cat "$scratch/err")$(as_before)"
verdict 'run: the command was in the group' "$(sort "$scratch/out" | uniq -d | grep -q . || cat "$scratch/out")"
"$isolat" run --profile "$scratch/profile" --class latency -- sleep 30 &
runner=$!
disown $runner
for ((i = 0; i < 100; i++)); do
	compgen -G "/run/isolat/run-$runner-*.journal" >/dev/null && break
	sleep 0.05
done
sleep 0.2
child=$(pgrep -P $runner -x sleep)
run apply --profile "$scratch/profile" --no-cpusets
verdict 'run at work: nothing is applied meanwhile' "$(says 1 "isolat run, PID $runner")"
run undo
verdict 'run at work: nothing is undone meanwhile' "$(says 1 "isolat run, PID $runner")"
kill -9 $runner
for ((i = 0; i < 100; i++)); do
	[ -n "$(as_before)" ] || break
	sleep 0.05
done
verdict 'run killed: all is back' "$(as_before)$(kill -0 "$child" 2>&1)"
kill "$child"

# ---- Another profile over the one that stands ----

apply
grep -v 'class: batch\|name: batch' "$scratch/profile" | sed 's/2 ways/3 ways/' >"$scratch/profile.other"
run apply --profile "$scratch/profile.other" --no-cpusets
why=$(says 0 '^applied')
[ -d $resctrl/isolat-batch ] && why+='the group of the class that is gone is there; '
grep -qwF "${vms[2]}" $resctrl/tasks || why+='its VM is not in the default group; '
run verify
verdict 'a class that is gone from the profile' "$why$(says 0 'as applied')"
apply
verdict 'and back again' "$(says 0 '^applied')$(listing | diff "$scratch/applied" - | head -n 5)"
sed 's/class: batch/class: third/; s/name: batch/name: third/' "$scratch/profile" >"$scratch/profile.other"
"$sim/sim-ctl" fault '9 EINVAL'
run apply --profile "$scratch/profile.other" --no-cpusets
verdict 'a second apply that fails' "$(says 1 .)$(listing | diff "$scratch/applied" - | head -n 5)"
run apply --profile "$scratch/profile.other" --no-cpusets
verdict 'a class that is renamed' "$(says 0 '^applied')$([ -d $resctrl/isolat-third ] || ls $resctrl)"
run undo
verdict 'and all of it undone' "$(says 0 '^undone')$(as_before)"

# ---- Side by side ----

isolat_run() # COMMAND...: under the exclusive class
{
	"$isolat" run --profile "$scratch/profile" --class latency -- "$@" 2>>"$scratch/runs"
}

why=
for delay in 0.01 0.03 0.06; do # whichever comes first: the other keeps clear of it, or is refused
	isolat_run sleep 0.5 &
	sleep $delay
	apply
	[ "$code" = 0 ] || [ "$code" = 1 ] || why+="apply: exit code $code; "
	wait $!
	if [ "$code" = 0 ]; then
		run verify
		why+=$(says 0 'as applied')
	fi
	run undo
	why+=$(eventually_as_before)
done
verdict 'run and apply at the same time' "$why"
why=
for delay in 0.01 0.03 0.06; do
	isolat_run sleep 0.4 &
	first=$!
	sleep $delay
	isolat_run sleep 0.8
	wait $first
	why+=$(eventually_as_before)
done
verdict 'two exclusive runs at the same time' "$why"
# shellcheck disable=SC2016
sh -c '"$1" run --profile "$2" --class latency -- sleep 30 & echo $! >"$3"; exec sleep 8' - \
	"$isolat" "$scratch/profile" "$scratch/pid" &
zombies=$!
disown $zombies
for ((i = 0; i < 100; i++)); do
	[ -s "$scratch/pid" ] && compgen -G "/run/isolat/run-$(cat "$scratch/pid")-*.journal" >/dev/null && break
	sleep 0.05
done
sleep 0.2
child=$(pgrep -P "$(cat "$scratch/pid")" -x sleep)
kill -9 "$(cat "$scratch/pid")"
verdict 'run killed, and its parent does not look' "$(eventually_as_before)"
kill "$child" $zombies
flock -x $resctrl sh -c 'echo >"$1"; exec sleep 60' - "$scratch/held" &
holder=$!
for ((i = 0; i < 200; i++)); do
	[ -e "$scratch/held" ] && break
	sleep 0.05
done
isolat_run touch "$scratch/ran" &
runner=$!
sleep 0.5
kill -TERM $runner
wait $runner 2>/dev/null
code=$?
pkill -P $holder
wait $holder 2>/dev/null
verdict 'run, ended by a signal before it begins' "$([ $code = 143 ] || echo "exit code $code")$([ ! -e "$scratch/ran" ] || echo 'it ran')$(eventually_as_before)"
"$isolat" run --wait 1 --profile "$scratch/profile" --class latency -- sleep 0.6 2>>"$scratch/runs" &
runner=$!
sleep 0.4
flock -x $resctrl sleep 3 &
wait $runner
verdict 'run, and somebody holds the lock at its end' "$(eventually_as_before)"

# ---- A timer agent's CPUs, and a VM that ends ----

sed 's/class: latency,/class: latency, exitless_timer: yes,/' "$scratch/profile" >"$scratch/profile.agent"
echo 'timer_agent: { cache: { l3: 1 ways } }' >>"$scratch/profile.agent"
run apply --profile "$scratch/profile.agent" --no-cpusets
why=$(says 0 '^applied')
[ -n "$(cat $resctrl/isolat-timer-agent/cpus_list)" ] || why+='the agent has no CPUs; '
run verify
verdict "the timer agent's CPUs are in its group" "$why$(says 0 'as applied')"
echo >$resctrl/isolat-timer-agent/cpus_list
run verify
verdict 'and are missed when they are not' "$(says 4 'isolat-timer-agent: its CPUs were')"
run undo
"$sim/crowd" 2 >/dev/null &
brief=$!
disown $brief
sed "s/pid: ${vms[0]} /pid: $brief /" "$scratch/profile" >"$scratch/profile.brief"
sleep 0.2
run apply --profile "$scratch/profile.brief" --no-cpusets
kill -9 $brief
sleep 0.2
run verify
verdict 'a VM that has ended' "$(says 4 'vm0')"
run undo
verdict 'is no hindrance to undo' "$(says 0 '^undone')$(as_before)"

# ---- What is left, and named; what a command is told ----

if [ "$machine" = intel-2s ]; then
	. "$(dirname "$0")/apply_left.bash" || exit 2
	left_and_named
	signals_and_codes
	run_beside
	strangers
	two_for_one
fi

# ---- Memory ----

memory() # ARGUMENTS...: isolat, looked at by valgrind
{
	valgrind -q --leak-check=full --errors-for-leak-kinds=definite,indirect,possible --error-exitcode=99 \
		"$isolat" "$@" 2>&1 >/dev/null | head -n 5
}

if [ "$machine" = intel-2s ]; then
	why=
	for verb in apply apply 'verify --json' 'status --watch --count 2' status undo 'run --class latency -- true' undo; do
		case $verb in
		apply) why+=$(memory apply --profile "$scratch/profile" --no-cpusets) ;;
		run*) why+=$(memory run --profile "$scratch/profile" ${verb#run}) ;;
		*) why+=$(memory $verb) ;;
		esac
	done
	verdict 'valgrind has nothing to say of any verb' "$why$(as_before)"
fi

# ---- Bad input ----

flock -x $resctrl sleep 5 &
holder=$!
sleep 0.2
apply --wait 1
verdict 'resctrl is locked' "$(says 1 'lock')$(as_before)"
pkill -P $holder
wait $holder 2>/dev/null
sed "s/pid: ${vms[0]} /pid: 4194303 /" "$scratch/profile" >"$scratch/profile.dead"
run apply --profile "$scratch/profile.dead" --no-cpusets
verdict 'a VM that does not run' "$(says 1 'vm0')$(as_before)"
HWLOC_COMPONENTS=synthetic,stop HWLOC_SYNTHETIC='pack:1 core:4 pu:2' run apply --profile "$scratch/profile" --no-cpusets
why=$(says 0 '^applied')$(listing | diff "$scratch/applied" - | head -n 5)
run undo
verdict "what hwloc is told of another machine is ignored: the plan is this one's" "$why$(as_before)"
run apply --profile "$scratch/profile" --engine dpdk
verdict 'an engine that there is not' "$(says 2 'dpdk')$(as_before)"
run apply --profile "$scratch/profile" --engine ''
verdict 'an engine without a name' "$(says 2 'engine')$(as_before)"
apply
: >/run/isolat/engine
run verify
verdict 'the engine was forgotten' "$(says 1 '/run/isolat/engine')"
rm /run/isolat/engine
run verify
verdict 'and without the file' "$(says 0 'as applied')"
run undo
sed 's/, cache: {[^}]*}//; s/, bandwidth: [^}]*}/ }/' "$scratch/profile" >"$scratch/profile.plain"
run apply --profile "$scratch/profile.plain" --no-cpusets
run verify
verdict 'a profile that asks for neither cache nor bandwidth' "$(says 0 'as applied')"
run undo
verdict 'and back' "$(says 0 '^undone')$(as_before)"
mkdir $resctrl/isolat-stray
apply
verdict 'a group that no journal knows of' "$(says 1 'isolat-stray')"
rmdir $resctrl/isolat-stray
apply
run undo --wait 0
verdict 'without waiting' "$(says 0 '^undone')$(as_before)"
code=0
setpriv --reuid 65534 --clear-groups "$isolat" apply --profile - --no-cpusets <"$scratch/profile" >"$scratch/out" 2>"$scratch/err" || code=$?
verdict 'no permission' "$(says 1 'ermission denied')$([ "$(wc -l <"$scratch/err")" = 1 ] || cat "$scratch/err")$(as_before)"
if [ "$machine" = intel-2s ]; then
	sed 's/l3: 2 ways/l3_code: 2 ways, l3_data: 2 ways/' "$scratch/profile" >"$scratch/profile.cdp"
	run apply --profile "$scratch/profile.cdp" --no-cpusets
	verdict 'mounted without what the profile needs' "$(says 3 'cdp')$(as_before)"
fi
for pages in 0 1 2 3; do # none for the engine's name, or for the journal, or so many for it
	mount -t tmpfs -o size=16k,mode=755 tmpfs /run/isolat
	[ $pages = 0 ] || echo resctrl >/run/isolat/engine
	head -c $(((pages ? 4 - pages : 4) * 4096)) /dev/zero >/run/isolat/filler 2>/dev/null
	apply
	verdict "the disk is full ($pages)" "$(says 1 'write.*/run/isolat/.*: No space left .*make room on that file system')$(
		[ "$(wc -l <"$scratch/err")" = 1 ] || cat "$scratch/err")$(listing | diff "$scratch/before" - | head -n 5)$(
		ls /run/isolat/*.journal* 2>/dev/null)"
	umount /run/isolat
done

if [ "$machine" = intel-2s ]; then
	. "$(dirname "$0")/apply_others.bash" || exit 2
	. "$(dirname "$0")/apply_ends.bash" || exit 2
fi
exit $failed
