# SPDX-License-Identifier: BSD-3-Clause
# shellcheck disable=SC2154,SC2034 # its variables and helpers are those of test_apply.sh
# Read by test_apply.sh, on one machine: what undo, apply and run leave, and that they name it; signals and exit codes.

# ---- What is left, and named ----

default_l3() # MASK: somebody else gives the default group this in domain 0
{
	sed -n "s/^ *\(L3:0=\).*/\1$1/p" $resctrl/schemata >"$scratch/line"
	cat "$scratch/line" >$resctrl/schemata
}

default_again()
{
	sed 's/^ *//' "$scratch/before" | sed -n "s|^$resctrl/schemata: *||p" >$resctrl/schemata
}

left() # FILTER: of the JSON that was printed; says so where it is not true
{
	jq -e "$1" "$scratch/out" >/dev/null || head -c 600 "$scratch/out"
}

half_made() # APPLIED: verify and status say that the host is half made, and whether something stands applied
{
	run verify
	says 4 'half made .* isolat undo'
	run verify --json
	says 4 .
	jq -e '.half_made and (.ok | not)' "$scratch/out" >/dev/null || cat "$scratch/out"
	run status
	says 0 'half made'
	run status --json
	jq -e ".half_made and .applied == $1" "$scratch/out" >/dev/null || head -c 300 "$scratch/out"
}

kill_runs() # CLASS...: runs, and their guards: they have no time to mend anything. The commands live on, as $children
{
	local class runner i child victims=()

	children=()
	for class in "$@"; do
		"$isolat" run --profile "$scratch/profile" --class "$class" -- sleep 30 &
		runner=$!
		disown "$runner"
		for ((i = 0; i < 100; i++)); do
			child=$(pgrep -P "$runner" -x sleep) && break
			sleep 0.05
		done
		children+=("$child")
		victims+=("$(pgrep -P "$runner" | grep -vx "$child")" "$runner")
	done
	kill -9 "${victims[@]}"
}

left_and_named()
{
	local named='.kind == "schemata" and (.before | test("^L3:.* MB:"))' why form children

	sed "s/pid: ${vms[0]} /pid: 4194303 /" "$scratch/profile" >"$scratch/profile.dead"
	for form in '' --json; do
		"$sim/sim-ctl" kill "12 after"
		apply
		default_l3 1
		run apply --profile "$scratch/profile.dead" --no-cpusets $form
		if [ -z "$form" ]; then
			verdict 'apply that fails says what it recovered' "$(says 1 'left half made was taken back')$(says 1 "left as it is: schemata of the default group: changed since: L3:0=1 (before: 'L3:.* MB:")"
		else
			verdict 'in JSON, too' "$(says 1 .)$(left ".error.code == 1 and .recovered and (.left | length == 1 and (.[0] | $named))")"
		fi
		default_again
		verdict 'and the rest is back' "$(as_before)"
	done

	apply
	echo 'MB:0=50' >$resctrl/schemata
	run undo --json
	why=$(says 4 .)$(left ".left | length == 1 and (.[0] | $named)")
	verdict 'a domain that is theirs leaves the others ours' "$why$(grep -q 'L3:0=7ff;' $resctrl/schemata || cat $resctrl/schemata)$(grep -q 'MB:0= *50;' $resctrl/schemata || echo 'theirs is gone')"
	default_again
	verdict 'and the rest is back' "$(as_before)"

	grep -v 'name: vm[1-9]' "$scratch/profile" >"$scratch/profile.lone"
	for form in profile profile.lone; do
		apply
		echo 'MB:0=50' >$resctrl/schemata
		run apply --profile "$scratch/$form" --no-cpusets
		why=$(says 0 .)
		run undo
		why+=$(says 0 '^undone')$(grep -q 'L3:0=7ff;' $resctrl/schemata || cat $resctrl/schemata)$(grep -q 'MB:0= *50;' $resctrl/schemata || echo 'theirs is gone')
		default_again
		verdict "likewise where $form is applied in between" "$why$(as_before)"
	done

	kill_runs latency
	verdict 'verify and status see what a killed run has left' "$(half_made false)"
	default_l3 1
	run undo
	verdict 'of a killed run, too' "$(says 4 'left as it is: schemata of the default group: changed since: L3:0=1')"
	kill "${children[@]}"
	default_again
	verdict 'and the rest is back' "$(as_before)"

	apply
	kill_runs batch batch
	verdict 'and beside what is applied' "$(half_made true)"
	"$sim/sim-ctl" fault '1 EIO'
	run undo --json
	verdict 'a run that withstands does not keep the rest' "$(says 1 .)$(left '.undone and .error.code == 1 and .runs == 1 and .written > 0')$(ls /run/isolat/apply.journal 2>/dev/null)"
	run undo
	verdict 'and is taken back by the next' "$(says 0 'taken back what 1')$(as_before)"
	run verify
	verdict 'and seen no more' "$(says 1 'nothing is applied')"
	kill "${children[@]}"

	mkdir $resctrl/mon_groups/watch
	echo "${vms[2]}" >$resctrl/mon_groups/watch/tasks
	apply
	rmdir $resctrl/mon_groups/watch
	run undo
	verdict 'a home that is gone' "$(says 4 "left as it is: task .*before: 'mon_groups/watch'")"
	run undo
	verdict 'is named once' "$(says 0 'nothing to undo')$(as_before)"
}

# ---- What a command is told, and tells ----

signals_and_codes()
{
	local code why='' runner signal
	local of_run=("$isolat" run --profile "$scratch/profile" --class latency -- "$BASH" "$scratch/command")

	echo 'exit 7' >"$scratch/command"
	code=0
	env --ignore-signal=CHLD "${of_run[@]}" || code=$?
	verdict 'run where SIGCHLD is ignored' "$([ $code = 7 ] || echo "exit code $code")"
	for signal in INT QUIT TERM HUP; do
		cat >"$scratch/command" <<-EOF
			trap 'echo $signal >>"$scratch/told"; exit 9' $signal
			echo ready >"$scratch/told"
			for ((i = 0; i < 100; i++)); do sleep 0.1; done
		EOF
		rm -f "$scratch/told"
		setsid env --default-signal=INT,QUIT "${of_run[@]}" &
		runner=$!
		for ((i = 0; i < 200; i++)); do
			[ -e "$scratch/told" ] && break
			sleep 0.05
		done
		kill -$signal $runner
		code=0
		wait $runner 2>/dev/null || code=$?
		[ "$code $(tr '\n' ' ' <"$scratch/told")" = "9 ready $signal " ] || why+="$signal: exit code $code, $(cat "$scratch/told"); "
	done
	verdict 'run hands on what is sent to it alone' "$why$(as_before)"
	# The command is in a session of its own, so that it does not; and no shell of script's is between, which would.
	cat >"$scratch/command" <<-EOF
		trap 'echo INT >>"$scratch/told"' INT
		echo ready >"$scratch/told"
		for ((i = 0; i < 10; i++)); do sleep 0.1; done
		exit 3
	EOF
	rm -f "$scratch/told"
	{
		for ((i = 0; i < 200; i++)); do
			[ -e "$scratch/told" ] && break
			sleep 0.05
		done
		printf '\003'
		sleep 1
	} | script -qec "exec ${of_run[*]/#"$BASH"/setsid $BASH}" /dev/null >/dev/null
	verdict 'but no ^C of a terminal: who is at that has it already' "$([ "${PIPESTATUS[1]}" = 3 ] || echo "exit code ${PIPESTATUS[1]}; ")$([ "$(tr '\n' ' ' <"$scratch/told")" = 'ready ' ] || cat "$scratch/told")$(as_before)"
}

# ---- What a command gets beside what is there ----

run_beside()
{
	local class domain why=''

	# Where it runs, and who has what there: CPUs 0 to 7 and their siblings, 16 to 23, are of L3 0.
	cat >"$scratch/command" <<-EOF
		cpu=\$(sed -n 's/^Cpus_allowed_list:\t\([0-9]*\).*/\1/p' /proc/self/status)
		domain=\$((cpu % 16 / 8))
		echo domain \$domain
		for group in isolat-vm0 isolat-run@* .; do
			echo \${group%@*} \$(sed -n "s/^ *L3:.*\<\$domain=\([0-9a-f]*\).*/\1/p" $resctrl/\$group/schemata)
		done
	EOF
	grep -v 'name: vm[1-9]' "$scratch/profile" >"$scratch/profile.lone"
	run apply --profile "$scratch/profile.lone" --no-cpusets
	why=$(says 0 '^applied')
	for class in latency batch; do
		(cd $resctrl && exec "$isolat" run --profile "$scratch/profile.lone" --class $class -- "$BASH" "$scratch/command") >"$scratch/out" ||
			why+="$class: exit code $?; "
		declare -A has=()
		while read -r name value; do
			has[$name]=$value
		done <"$scratch/out"
		[ $((0x${has[isolat-run]:-7ff} & 0x${has[.]:-7ff})) = 0 ] || [ $class = batch ] || why+="$class has ways of the default group's; "
		[ $((0x${has[isolat-run]:-7ff} & 0x${has[isolat-vm0]:-7ff})) = 0 ] || [ "${has[domain]:-0}" = 1 ] || why+="$class has ways of vm0's; "
		[ "${has[isolat-run]:-7ff}" != 7ff ] || why+="$class has all ways; "
	done
	run verify
	verdict 'run beside an applied VM' "$why$(says 0 'as applied')"
	run undo
	mkdir $resctrl/pqos
	echo MB:0=50 >$resctrl/pqos/schemata
	listing >"$scratch/with-pqos"
	run run --profile "$scratch/profile.lone" --class batch -- true
	why=$([ $code = 0 ] || cat "$scratch/err")
	run run --profile "$scratch/profile.lone" --class latency -- true
	why+=$(says 5 "others' groups: pqos has all")$(listing | diff "$scratch/with-pqos" -)
	rmdir $resctrl/pqos
	verdict "run beside another's group with all ways" "$why$(as_before)"
}

# ---- Who is in isolat's groups besides ----

strangers()
{
	local why forks stranger

	"$BASH" -c 'while :; do sleep 0.1; done' &
	forks=$!
	sleep 99 &
	stranger=$!
	disown $forks $stranger
	sed "s/pid: ${vms[0]} /pid: $forks /" "$scratch/profile" >"$scratch/profile.forks"
	run apply --profile "$scratch/profile.forks" --no-cpusets
	why=$(says 0 '^applied')
	sleep 0.3 # its child is of the group from now on
	run run --profile "$scratch/profile.forks" --class batch -- "$isolat" verify
	verdict "a VM's children, and a command under run, are no strangers in a group" "$why$(says 0 'as applied')"
	echo 3 >$resctrl/isolat-vm0/cpus_list
	echo $stranger >$resctrl/isolat-batch/tasks
	run verify
	why=$(says 4 'isolat-vm0: its CPUs were none and are 3')$(says 4 "thread $stranger (sleep), which is of no VM, is in isolat-batch")
	[ "$(wc -l <"$scratch/out")" = 2 ] || why+=$(cat "$scratch/out")
	run undo
	verdict 'others are' "$why$(says 0 '^undone')$(as_before)"
	apply
	echo MB:1=30 >$resctrl/isolat-vm1/schemata
	run verify
	verdict 'of schemata, the line that differs is told' "$(says 4 'isolat-vm1: its schemata were MB:0=100;1=100 and are MB:0=100;1=30$')"
	run undo
	kill $forks $stranger
}

two_for_one()
{
	local why twin

	sed 's/name: vm0,/name: batch,/' "$scratch/profile" >"$scratch/profile.twin"
	run plan --profile "$scratch/profile.twin"
	why=$(says 2 'VM batch and class batch would both have the group isolat-batch')
	run apply --profile "$scratch/profile.twin" --no-cpusets
	verdict 'two that would have one group' "$why$(says 2 'both have the group')$(as_before)"
	"$BASH" -c "exec -a qemu-system-x86_64 $BASH -c 'sleep 60; :' -name guest=twin" &
	twin=$!
	disown $twin
	sed "s/pid: ${vms[0]} /name: twin /; s/pid: ${vms[1]} /pid: $twin /" "$scratch/profile" >"$scratch/profile.twin"
	sleep 0.2
	run apply --profile "$scratch/profile.twin" --no-cpusets
	verdict 'two VMs that are one process' "$(says 2 "VM vm0 and VM vm1 are one process, $twin")$(as_before)"
	kill $twin
}
