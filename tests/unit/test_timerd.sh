#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# exitless-timerd and `isolat timer`, with timer_peer for the VMs: what fires, who may connect, what a death does.
# Usage: test_timerd.sh ISOLAT
# Prints "ok NAME" or "not ok NAME - WHY" lines, and fails when one of them does.
set -u

# shellcheck source=tests/unit/timerd.bash
. "$(dirname -- "${BASH_SOURCE[0]}")/timerd.bash" || exit 2

test_options()
{
	local vm
	refused "unknown option" "--frob: unknown option" --frob
	refused "word" "word" word
	refused "no slots" "--slots 0" --slots 0
	refused "many slots" "--slots 513" --slots 513
	refused "no CPU" "--cpu x: " --cpu x
	refused "CPUs that go down" "--cpu 1-0: " --cpu 1-0
	refused "CPU that is not there" "CPU 8000 is not online" --cpu 8000
	refused "park time" "--park-us 0: " --park-us 0
	refused "share" "--share 101" --share 101
	refused "page version" "neither 1.0 nor 1.1" --page-version 2.0
	refused "user" "find user no-such-user" --user no-such-user
	refused "mode for others" "read mode 0666" --mode 0666
	refused "mode with more" "read mode 0700" --mode 0700
	refused "long folder" "too long" --run-dir "$scratch/$(printf 'x%.0s' {1..100})"
	for vm in '' ../x a/b a: a:0 a:513 a@ a@x a:1@-1 "$(printf 'x%.0s' {1..65})"; do
		refused "VM '${vm:0:10}'" "read VM" --vm "$vm"
	done
	refused "VM twice" "it is given twice" --vm a --vm a:3
	verdict "nothing is left of these" "$(find "$scratch" -name other -o -name 'xxx*')"
}

test_timers()
{
	start_daemon --vm a:2 --vm b:4 --testing || verdict "daemon starts" "it does not"
	same "greeting" "slots 2 minor 1 doorbell 0x10000;pristine;" "$(peer a greeting pristine)"
	same "timers fire" "fired 300 lost 0 early 0;" "$(peer a run fire:0:300:200)"
	same "a parked VM rings" "fired 30 lost 0 early 0;" "$(peer a run fire:1:30:3000)"
	same "parked with nothing armed" "fired 1 lost 0 early 0;" "$(peer a run parked:1 fire:0:1:10)"
	same "what one VM wrote the next does not see" "pristine;" "$(peer a run arm:0:0 scribble; peer a pristine)"
	same "second connection" "hung up;" "$(peer b "sh:$scratch/peer $run/b.sock greeting; true")"
	same "it is counted" "[2,1]" "$(status '.vms[1] | [.connections + .connections_refused, .connections_refused]')"
	same "the first one goes on" "hung up;fired 5 lost 0 early 0;" \
		"$(peer b run "sh:$scratch/peer $run/b.sock greeting; true" fire:3:5:100)"
}

test_status()
{
	# A fire is counted after its signal; and a late signal of the takeover makes the guest fire by itself.
	same "status of a VM that runs" \
		'["a",2,true,true,"1.1",[0,1],true];' \
		"$(peer a run drain fire:0:7:100 fire:1:3:100 "sh:bash '$scratch/figures' '.vms[0] |
			[.name, .slots, .connected, .guest_runs, .guest_version, [.vcpus[].slot],
			 .armed == 10 and .fired == 10 and .vcpus[0].fired == 7 and .late.p50_ns <= .late.p99_ns and
			 .late.p99_ns <= .late.max_ns and (.late.bins | add) == 10]' \
			'[\"a\",2,true,true,\"1.1\",[0,1],true]'" | sed 's/^.*early 0;//')"
	same "its members" \
		'["armed","blocked","connected","connections","connections_refused","cpu","fired","guest_runs","guest_version","is_parked","jumps","late","limited","name","parked","refused","rung","slots","syncs","vcpus"]' \
		"$(status '.vms[0] | keys')"
	same "a scanner's" \
		'["cpu","cpu_pct","gap_max_ns","gaps","generation","node","pid","restarts","running","sleeps","vms"]' \
		"$(status '.scanners[0] | keys')"
	"$isolat" timer status --run-dir "$run" >"$scratch/out" 2>&1
	same "as a table" 1 "$(grep -c '^  a  *not connected  *any  *0 ' "$scratch/out")"
	"$isolat" timer status --run-dir "$scratch/none" >"$scratch/out" 2>&1
	same "no daemon" "1 1" "$? $(grep -c '^isolat: ask exitless-timerd .*no daemon' "$scratch/out")"
}

test_add_remove()
{
	local vm why=
	"$isolat" timer add c:3 --run-dir "$run" || why+="add failed; "
	[ "$(peer c greeting)" = "slots 3 minor 1 doorbell 0x10000;" ] || why+="not served; "
	verdict "add" "$why"
	"$isolat" timer add c --run-dir "$run" 2>"$scratch/err"
	same "add it again" "2 1" "$? $(grep -c 'add VM c: there is one' "$scratch/err")"
	same "remove it while it runs" "" \
		"$(peer c run parked:1 drain "sh:'$isolat' timer remove c --run-dir '$run'" state:2 signalled:2 hung-up)"
	same "its socket is gone" "a.sock b.sock control lock sockets" "$(cd "$run" && echo *)"
	"$isolat" timer remove c --run-dir "$run" --json >"$scratch/out"
	same "remove it again" "2 remove VM" "$? $(jq -r .error.what "$scratch/out")"
	vm='{"name": "../x", "slots": 1, "node": -1, "user": -1, "group": -1, "mode": 0}'
	for why in '{' '[]' '{"do": "frob"}' '{"do": "add", "vm": {}}' "{\"do\": \"add\", \"vm\": $vm}" '{"do": "remove"}'; do
		same "request $why" 2 "$(ask "$why" | jq .error.code)"
	done
}

test_permissions()
{
	local nobody=65534
	same "modes" "711 600 600" "$(stat -c %a "$run" "$run/a.sock" "$run/control" | tr '\n' ' ' | sed 's/ $//')"
	if [ "$(id -u)" != 0 ]; then
		echo "ok another user # SKIP needs root"
		return
	fi
	"$isolat" timer add mine:1 --user "$nobody" --mode 0600 --run-dir "$run"
	as_nobody()
	{
		setpriv --reuid "$nobody" --clear-groups timeout 20 "$scratch/peer" "$@" 2>&1
	}
	same "another user" "connect: Permission denied" "$(as_nobody "$run/a.sock" greeting)"
	same "another user, control" "connect: Permission denied" "$(as_nobody ask "$run/control" '{}')"
	same "its own user" "slots 1 minor 1 doorbell 0x10000" "$(as_nobody "$run/mine.sock" greeting)"
	"$isolat" timer remove mine --run-dir "$run"
	"$isolat" timer add ours:1 --group "$nobody" --mode 0660 --run-dir "$run"
	same "mode and group" "660 0 $nobody" "$(stat -c '%a %u %g' "$run/ours.sock")"
	same "its group" "slots 1 minor 1 doorbell 0x10000" \
		"$(setpriv --reuid "$nobody" --regid "$nobody" --clear-groups timeout 20 "$scratch/peer" "$run/ours.sock" \
			greeting 2>&1)"
	same "another group" "connect: Permission denied" \
		"$(setpriv --reuid "$nobody" --regid 1 --clear-groups timeout 20 "$scratch/peer" "$run/ours.sock" \
			greeting 2>&1)"
	"$isolat" timer remove ours --run-dir "$run"
}

test_deaths()
{
	local before kills
	stop_daemon TERM
	start_daemon --vm a:2 --vm b:4 --dead-ms 500 || verdict "daemon starts with little patience" "it does not"
	same "scanner killed" "fired 20 lost 0 early 0;" \
		"$(peer a run parked:1 drain "sh:kill -KILL $(scanner)" signalled:1 generation:2 state:1 fire:0:20:100)"
	before=$(status '.scanners[0].restarts')
	same "scanner stopped" "fired 20 lost 0 early 0;" \
		"$(peer a run parked:1 drain "sh:kill -STOP $(scanner)" signalled:0 generation:3 fire:0:20:100)"
	same "that is counted, and told" "true 1" \
		"$(status ".scanners[0].restarts > $before") $(grep -c 'stands still' "$scratch/log" | sed 's/[1-9].*/1/')"
	same "50 restarts" 0 "$(peer a run "restarts:50:$run/control" | sed -n 's/.*lost \([0-9]*\) early 0;$/\1/p')"
	# Deaths in a row: dead pages stay dead while the next scanner is waited for.
	kills="while ! grep -q 'dies too often.* [0-9][0-9][0-9] ms' '$scratch/log'; do
		p=\$('$isolat' timer status --json --run-dir '$run' | jq '.scanners[0] | select(.running) | .pid')
		[ -z \"\$p\" ] || kill -KILL \"\$p\" 2>/dev/null; done; true"
	same "a restart storm" "fired 5 lost 0 early 0;" "$(peer a run "sh:$kills" state:2 state:1 fire:0:5:100)"
}

test_armings()
{
	local restart word
	restart="kill -KILL $(scanner)"
	# Each is earlier than those before: the page may be parked until then.
	word="sh:bash '$scratch/figures' '.vms[0].vcpus | map([.slot, .armed, .fired])' '[[0,1,0],[1,2,0]]'"
	same "armings without a fire" "[[0,1,0],[1,2,0]];" \
		"$(peer a run arm:0:50000000 arm:1:40000000 arm:1:30000000 "$word")"
	same "after a takeover: what is armed, and what comes" "[[0,1,0],[1,2,0]];" \
		"$(peer a run arm:0:50000000 arm:0:40000000 arm:1:40000000 "sh:$restart" generation:2 state:1 run \
			arm:1:30000000 "$word")"
}

# A daemon that runs for 10 ms of each 60.
test_starved()
{
	local pulses
	pulses="before=\$(grep -c 'stands still' '$scratch/log'); kill -STOP $(scanner); noticed=no
		for i in \$(seq 50); do
			kill -STOP $pid; sleep 0.05; kill -CONT $pid; sleep 0.01
			[ \$(grep -c 'stands still' '$scratch/log') = \$before ] || { noticed=yes; break; }
		done; echo \$noticed"
	same "a starved daemon supervises" "yes;fired 5 lost 0 early 0;" "$(peer a run "sh:$pulses" state:1 fire:0:5:100)"
	if [ "$(id -u)" = 0 ]; then
		same "its nice, and its scanner's" "-20 -20" "$(ps -o ni= -p "$pid,$(scanner)" | xargs)"
	fi
}

test_slow_eventfds()
{
	if [ "$(id -u)" != 0 ]; then
		echo "ok slow eventfds # SKIP needs root"
		return
	fi
	"$isolat" timer add slow:4 --run-dir "$run"
	same "a death beside slow eventfds" "fired 10 lost 0 early 0;" \
		"$(peer slow run slow:200 "sh:$scratch/peer $run/a.sock run drain restarts:1:$run/control run fire:0:10:100 |
			tail -n 1")"
	same "they are given up, and told" 1 \
		"$(grep -c 'VM slow: its eventfds are slow: [1-3] of its 4 slots' "$scratch/log" | sed 's/[1-9].*/1/')"
	"$isolat" timer remove slow --run-dir "$run"
}

test_hostile()
{
	local wild words=()
	"$isolat" timer add wild:8 --run-dir "$run"
	# Until both counts are there: how soon depends on who else runs.
	for ((wild = 0; wild < 6; wild++)); do
		words+=(wild:300 "sh:'$isolat' timer status --json --run-dir '$run' |
			jq '.vms[] | select(.name == \"wild\") | .limited > 0 and .refused > 0'")
	done
	peer wild "${words[@]}" >"$scratch/wild" &
	wild=$!
	same "beside a wild VM" "fired 500 lost 0 early 0;" "$(peer a run fire:0:500:300)"
	wait "$wild"
	same "the wild VM is held back" true "$(grep -o true "$scratch/wild" | head -n 1)"
	same "its eventfds block" "fired 100 lost 0 early 0;" \
		"$(peer wild run block arm:0:0 arm:1:0 arm:2:0 "sh:$scratch/peer $run/a.sock run fire:0:100:500")"
	same "that is told" 1 "$(grep -c 'VM wild: one of its eventfds' "$scratch/log" | sed 's/[1-9].*/1/')"
	same "a death beside that" "fired 10 lost 0 early 0;" \
		"$(peer wild run block "sh:$scratch/peer $run/a.sock run drain restarts:1:$run/control run fire:0:10:100 |
			tail -n 1")"
	"$isolat" timer remove wild --run-dir "$run"
}

test_jump()
{
	same "clocks that jump" '{};fired 10 lost 0 early 0;' "$(peer b run fire:0:1:100 "sh:$scratch/peer ask $run/control \
		'{\"do\": \"jump\", \"cycles\": -9000000000}'" arm:0:100 signalled:0 run fire:0:10:100 | sed 's/^fired[^;]*;//')"
}

descriptors()
{
	echo "$(find "/proc/$pid/fd" 2>/dev/null | wc -l) $(find "/proc/$(scanner)/fd" 2>/dev/null | wc -l)"
}

has_descriptors() # COUNTS
{
	[ "$(descriptors)" = "$1" ]
}

# Whether there are as many as 0.1 s before, which is $settled: those of callers and VMs that have gone are closed.
settle_descriptors()
{
	settled=$(descriptors)
	sleep 0.1
	has_descriptors "$settled"
}

nobody_connected()
{
	[ "$(status 'any(.vms[]; .connected) | not')" = true ]
}

test_many()
{
	local before i add=() remove=() why=
	soon nobody_connected || why+="a VM is connected; "
	soon settle_descriptors || why+="descriptors come and go; "
	before=$settled
	for ((i = 0; i < 200; i++)); do
		add+=("{\"do\": \"add\", \"vm\": {\"name\": \"m$i\", \"slots\": 4, \"node\": -1, \"user\": -1,
			\"group\": -1, \"mode\": 384}}")
		remove+=("{\"do\": \"remove\", \"name\": \"m$i\"}")
	done
	[ "$(ask "${add[@]//[$'\n\t']/}" | sort | uniq -c | tr -d ' ')" = "200{}" ] || why+="not all were added; "
	for ((i = 0; i < 200; i++)); do
		"$scratch/peer" "$run/m$i.sock" run >/dev/null || why+="m$i: not served; "
	done
	[ "$(status '[.vms[].connections] | add >= 200')" = true ] || why+="connections not counted; "
	[ "$(ask "${remove[@]}" | sort | uniq -c | tr -d ' ')" = "200{}" ] || why+="not all were removed; "
	soon has_descriptors "$before" || why+="descriptors: $before before, $(descriptors) after"
	verdict "200 VMs" "$why"
}

is_gone() # PID
{
	! readlink "/proc/$1/exe" >/dev/null # one that nobody has waited for yet is gone too
}

test_ends()
{
	local scanner why=
	timeout 20 "$daemon" --run-dir "$run" --vm z 2>"$scratch/err"
	same "second daemon" "1 1 another exitless-timerd does" \
		"$? $(wc -l <"$scratch/err") $(grep -o 'another exitless-timerd does' "$scratch/err")"
	same "the first one goes on" "fired 5 lost 0 early 0;" "$(peer a run fire:0:5:100)"

	scanner=$(scanner)
	same "daemon killed" "" "$(peer a run parked:1 drain "sh:kill -KILL $pid" state:2 signalled:0 signalled:1 hung-up)"
	soon is_gone "$scanner" || why="it lives"
	verdict "its scanner ends" "$why"
	wait "$timeout_pid" 2>/dev/null
	pid=
	start_daemon --vm a:2 --page-version 1.0 --park-us never --slots 7 || verdict "stale sockets" "they stand in the way"
	same "page 1.0" "slots 2 minor 0 doorbell 0;fired 20 lost 0 early 0;" "$(peer a greeting run:0 fire:0:20:2500)"
	same "jump without --testing" 2 "$(ask '{"do": "jump", "cycles": 1}' | jq .error.code)"
	same "SIGTERM" "" "$(peer a run drain "sh:kill -TERM $pid" state:2 signalled:0 hung-up)"
	wait "$timeout_pid"
	same "its exit code, and what it leaves" "0 lock" "$? $(cd "$run" && echo *)"
	pid=
}

too_often()
{
	grep -c 'connects too often' "$scratch/log"
}

# The fifth in a row, and those after it, wait.
test_connections()
{
	local i before
	before=$(too_often)
	start_daemon --vm a:2 || verdict "daemon starts again" "it does not"
	for ((i = 0; i < 4; i++)); do
		peer a greeting >/dev/null
	done
	same "four connections at once" "$before" "$(too_often)"
	same "a fifth one waits, and comes" "slots 2 minor 1 doorbell 0x10000; $((before + 1))" \
		"$(peer a greeting) $(too_often)"
	same "none was refused" "[5,0]" "$(status '.vms[0] | [.connections, .connections_refused]')"
	stop_daemon TERM
}

test_options
test_timers
test_status
test_add_remove
test_permissions
test_armings
test_jump
test_many
test_deaths
test_starved
test_slow_eventfds
test_hostile
test_ends
test_connections
. "$(dirname -- "${BASH_SOURCE[0]}")/timerd_more.bash" || exit 2
exit "$failed"
